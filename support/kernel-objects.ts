// Finds what a capture holds in the kernel, and whether it still exists.
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { eventually } from './eventually.ts';
import { childrenOf } from './tinytap.ts';

const run = promisify(execFile);

export type Held = { readonly programs: number[]; readonly maps: number[]; readonly links: number[] };

/** Ids of the programs, maps and links of the capture that process `pid` and its helper hold. */
export async function heldBy(pid: number): Promise<Held> {
	const infos = [pid, ...childrenOf(pid)].flatMap(
		(each) =>
			present(() => readdirSync(`/proc/${each}/fdinfo`))?.map((fd) => infoOf(`/proc/${each}/fdinfo/${fd}`)) ?? [],
	);
	const ids = (name: string) =>
		infos.flatMap((info) => {
			const id = new RegExp(`^${name}:\\s*(\\d+)$`, 'm').exec(info)?.[1];
			return id === undefined ? [] : [Number(id)];
		});
	const maps = new Set(ids('map_id'));
	// Programs that other programs call have no descriptor, but they use the same maps.
	const { stdout } = await run('bpftool', ['-j', 'prog', 'show'], { maxBuffer: 1 << 24 });
	const programs = (JSON.parse(stdout) as { id: number; map_ids?: number[] }[]).filter(({ map_ids }) =>
		map_ids?.some((id) => maps.has(id)),
	);
	for (const { map_ids } of programs) for (const id of map_ids!) maps.add(id);
	return { programs: programs.map(({ id }) => id), maps: [...maps], links: ids('link_id') };
}

function infoOf(path: string): string {
	return present(() => readFileSync(path, 'latin1')) ?? '';
}

/** What `read` returns; undefined if the process has ended, or has closed the descriptor, since it was listed. */
function present<T>(read: () => T): T | undefined {
	try {
		return read();
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		if (code === 'ENOENT' || code === 'ESRCH') return undefined;
		throw error;
	}
}

/** All existing objects of a kind, by id, with their types. */
async function existing(what: string): Promise<Map<number, string>> {
	const { stdout } = await run('bpftool', ['-j', what, 'show'], { maxBuffer: 1 << 24 });
	return new Map((JSON.parse(stdout) as { id: number; type: string }[]).map(({ id, type }) => [id, type]));
}

/** Number of program arrays of a capture. Those of one test capture may stay in the kernel: see docs/limitations.md. */
export const ARRAYS_OF_A_CAPTURE = 3;

/**
 * Resolves when none of the ids exists any more, apart from `except` arrays of programs. Detaching takes the kernel
 * two to three seconds. Maps are checked last: bpftool opens each map that it lists, and a program array opened while
 * the kernel empties it is never freed (prog_array_map_clear in kernel/bpf/arraymap.c takes a reference each time,
 * but its work item drops only one).
 */
export async function gone(held: Held, seconds = 30, except = 0): Promise<void> {
	for (const [what, ids] of [
		['link', held.links],
		['prog', held.programs],
		['map', held.maps],
	] as const) {
		let left: number[] = [];
		await eventually(
			async () => {
				const there = await existing(what);
				left = ids.filter((id) => there.has(id));
				const arrays = left.filter((id) => there.get(id) === 'prog_array').length;
				return left.length - arrays === 0 && arrays <= except ? true : undefined;
			},
			() => `left in the kernel: ${what} ${left.join(', ')}`,
			seconds,
			200,
		);
	}
}

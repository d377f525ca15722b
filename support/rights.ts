// The privileges of a process, as the kernel reports them.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { eventually } from './eventually.ts';
import { childrenOf } from './tinytap.ts';

export type Rights = {
	/** Real, effective, saved and file system's. */
	readonly uids: readonly number[];
	readonly gids: readonly number[];
	readonly groups: readonly number[];
	/** Inheritable, permitted, effective, bounding and ambient. */
	readonly capabilities: Readonly<Record<'CapInh' | 'CapPrm' | 'CapEff' | 'CapBnd' | 'CapAmb', bigint>>;
	readonly noNewPrivileges: boolean;
	/** 0: none, 2: a filter. */
	readonly seccomp: number;
};

/** The privileges of each thread of process `pid`. */
export function rightsOf(pid: number): Rights[] {
	return readdirSync(`/proc/${pid}/task`).map((thread) => {
		const text = readFileSync(`/proc/${pid}/task/${thread}/status`, 'latin1');
		const field = (name: string) => new RegExp(`^${name}:[ \\t]*(.*?)[ \\t]*$`, 'm').exec(text)?.[1] ?? '';
		const numbers = (name: string) => field(name).split(/\s+/).filter(Boolean).map(Number);
		const set = (name: string) => BigInt(`0x${field(name)}`);
		return {
			uids: numbers('Uid'),
			gids: numbers('Gid'),
			groups: numbers('Groups').sort((a, b) => a - b),
			capabilities: {
				CapInh: set('CapInh'),
				CapPrm: set('CapPrm'),
				CapEff: set('CapEff'),
				CapBnd: set('CapBnd'),
				CapAmb: set('CapAmb'),
			},
			noNewPrivileges: field('NoNewPrivs') === '1',
			seccomp: Number(field('Seccomp')),
		};
	});
}

export const NO_CAPABILITIES: Rights['capabilities'] = { CapInh: 0n, CapPrm: 0n, CapEff: 0n, CapBnd: 0n, CapAmb: 0n };

export function commandLine(pid: number): string[] {
	try {
		return readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0').slice(0, -1);
	} catch {
		// The thread has ended.
		return [];
	}
}

/** The process and all that it has started, as far as they have not ended. */
export function descendants(pid: number): number[] {
	let children: number[] = [];
	try {
		children = childrenOf(pid);
	} catch {
		// The process has ended.
	}
	return [pid, ...children.flatMap(descendants)];
}

/** The processes of the capture started as `pid`: Node, its helper, and the lookers. */
export async function processesOf(pid: number): Promise<{ node: number; helper: number; lookers: number[] }> {
	return await eventually(
		() => {
			const all = descendants(pid);
			const node = all.find((each) => commandLine(each).some((word) => word.endsWith('/dist/tinytap.cjs')));
			const executing = (name: string) => all.filter((each) => commandLine(each)[0]?.endsWith(`/${name}`) === true);
			const [helper] = executing('tinytap-helper');
			const lookers = executing('tinytap-looker');
			return node === undefined || helper === undefined ? undefined : { node, helper, lookers };
		},
		() => `among ${descendants(pid).map((each) => commandLine(each).join(' '))} are no Node and helper`,
	);
}

/** What the descriptors of a process refer to. */
export function descriptorsOf(pid: number): Map<number, string> {
	return new Map(readdirSync(`/proc/${pid}/fd`).map((fd) => [Number(fd), readlinkSync(`/proc/${pid}/fd/${fd}`)]));
}

// Facts that only user space can find: the names behind a pid.
import { readdirSync, readFileSync } from 'node:fs';

/** A command line is kept up to here. */
const CMDLINE_MAX = 2048;

export type ProcessFacts = { readonly comm: string; readonly cgroup: string; readonly cmdline: string };

/** Name, cgroup and command line (arguments separated by 0x1F) of a process; empty texts when it is gone. */
export function processFacts(pid: number): ProcessFacts {
	const comm = procText(`/proc/${pid}/comm`);
	if (comm === undefined) return { comm: '', cgroup: '', cmdline: '' };
	const cmdline = (procText(`/proc/${pid}/cmdline`) ?? '').replace(/\0$/, '').replaceAll('\0', '\x1f');
	return {
		comm: comm.replace(/\n$/, ''),
		cgroup: unifiedCgroup(procText(`/proc/${pid}/cgroup`) ?? ''),
		cmdline: cmdline.slice(0, CMDLINE_MAX),
	};
}

/** The processes there are now, with their names. */
export function eachProcess(): { readonly pid: number; readonly comm: string }[] {
	return processIds().flatMap((pid) => {
		const comm = procText(`/proc/${pid}/comm`);
		return comm === undefined ? [] : [{ pid, comm: comm.replace(/\n$/, '') }];
	});
}

function processIds(): number[] {
	return readdirSync('/proc')
		.map(Number)
		.filter((pid) => Number.isInteger(pid) && pid !== process.pid);
}

function procText(path: string): string | undefined {
	try {
		// One character a byte: names are bytes, and the record takes them as such.
		return readFileSync(path, 'latin1');
	} catch {
		// The process ended.
		return undefined;
	}
}

/** The path in the unified hierarchy (line `0::/path`), else the first one named. */
function unifiedCgroup(text: string): string {
	const lines = text.split('\n');
	const line = lines.find((each) => each.startsWith('0::')) ?? lines[0] ?? '';
	return line.split(':').slice(2).join(':');
}

// Facts that only user space can find: names of processes, and the names that this host gives to addresses.
import { readdirSync, readFileSync, readlinkSync, type Stats, statSync } from 'node:fs';
import { isIPv4, isIPv6 } from 'node:net';
import { posix } from 'node:path';
import { usageError } from '../base/errors.ts';

/** Maximum bytes kept of a command line. */
const CMDLINE_MAX = 2048;

export type ProcessFacts = {
	readonly comm: string;
	readonly cgroup: string;
	readonly cmdline: string;
	readonly exe: string;
};

/** Name, cgroup, command line (arguments separated by 0x1F) and executable of a process; empty texts if it has ended. */
export function processFacts(pid: number, executableOf: (pid: number) => string = executable): ProcessFacts {
	const comm = procText(`/proc/${pid}/comm`);
	if (comm === undefined) return { comm: '', cgroup: '', cmdline: '', exe: '' };
	const cmdline = (procText(`/proc/${pid}/cmdline`) ?? '').replace(/\0$/, '').replaceAll('\0', '\x1f');
	return {
		comm: comm.replace(/\n$/, ''),
		cgroup: unifiedCgroup(procText(`/proc/${pid}/cgroup`) ?? ''),
		cmdline: cmdline.slice(0, CMDLINE_MAX),
		exe: executableOf(pid),
	};
}

/**
 * The path of a process's executable, one character per byte; empty for kernel threads and for processes that have
 * ended.
 */
export function executable(pid: number): string {
	const link = `/proc/${pid}/exe`;
	try {
		const path = readlinkSync(link, 'latin1');
		const kept = path.replace(/ \(deleted\)$/, '');
		// The kernel marks a deleted file with this suffix, but a file's name can also end like this.
		return kept === path || isSameFile(`/proc/${pid}/root${path}`, link) ? path : kept;
	} catch {
		return '';
	}
}

function isSameFile(path: string, link: string): boolean {
	const file: Stats | undefined = statSync(Buffer.from(path, 'latin1'), { throwIfNoEntry: false });
	const executed = statSync(link);
	return file?.ino === executed.ino && file.dev === executed.dev;
}

/** Maximum number of bytes read from a hosts file. */
const HOSTS_MAX = 1 << 20;

/** The first name of each ip in a hosts file (hosts(5)). */
export function hostNames(text: string): [ip: string, name: string][] {
	const names = new Map<string, string>();
	for (const line of text.slice(0, HOSTS_MAX).split('\n')) {
		const [address = '', name = ''] = line.replace(/#.*/, '').trim().split(/\s+/);
		const ip = plainIp(address);
		if (ip !== undefined && name !== '' && !names.has(ip)) names.set(ip, name);
	}
	return [...names];
}

/** The names in this host's own file. */
export function ownHostNames(): [ip: string, name: string][] {
	try {
		return hostNames(readFileSync('/etc/hosts', 'utf8'));
	} catch {
		// The file is optional.
		return [];
	}
}

/** Writes an address in the form that connections use. */
function plainIp(address: string): string | undefined {
	if (isIPv4(address)) return address;
	if (!isIPv6(address) || address.includes('%')) return undefined;
	const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
	return mapped?.[1] ?? new URL(`http://[${address}]`).hostname.slice(1, -1);
}

/** The running processes that have one of these names, or execute a file with one of these names. */
export function processesNamed(names: readonly string[], executableOf: (pid: number) => string = executable): number[] {
	// One character per byte, as in procText().
	const wanted = new Set(names.map((name) => Buffer.from(name).toString('latin1')));
	return processIds().filter(
		(pid) =>
			wanted.has((procText(`/proc/${pid}/comm`) ?? '').replace(/\n$/, '')) ||
			wanted.has(posix.basename(executableOf(pid))),
	);
}

/** Throws a UserError for the first id that is not a running process. */
export function requireProcesses(pids: readonly number[]): void {
	for (const pid of pids) {
		const status = procText(`/proc/${pid}/status`) ?? '';
		const process = Number(/^Tgid:\t(\d+)$/m.exec(status)?.[1] ?? 0);
		// The process still runs if only its main thread has ended.
		const ended = /^State:\t[ZX]/m.test(status) && /^Threads:\t[01]$/m.test(status);
		const got = process === 0 ? 'none' : ended ? 'one that has ended' : `a thread of process ${process}`;
		if (process !== pid || ended) throw usageError(`pid ${pid}: expected a running process, got ${got}`);
	}
}

function processIds(): number[] {
	return readdirSync('/proc')
		.map(Number)
		.filter((pid) => Number.isInteger(pid) && pid !== process.pid);
}

function procText(path: string): string | undefined {
	try {
		// One character per byte, because names are bytes, in records, too.
		return readFileSync(path, 'latin1');
	} catch {
		// The process ended.
		return undefined;
	}
}

/** The path in the unified hierarchy (line `0::/path`), otherwise the first path. */
function unifiedCgroup(text: string): string {
	const lines = text.split('\n');
	const line = lines.find((each) => each.startsWith('0::')) ?? lines[0] ?? '';
	return line.split(':').slice(2).join(':');
}

// Parses and prints the filters of a capture.
import { usageError } from '../base/errors.ts';
import { parseInteger } from '../base/quantity.ts';
import type { CaptureFilters, PortRange } from '../capture/capture-settings.ts';
import {
	CONTROL_CGROUPS,
	CONTROL_NAME_BYTES,
	CONTROL_NAMES,
	CONTROL_PIDS,
	CONTROL_PORT_MAX,
} from '../capture/control-limits.ts';
import { forTerminal } from '../output/terminal-text.ts';

/** Maximum length of a process name; the kernel's table needs one more byte for NUL. */
const NAME_MAX = CONTROL_NAME_BYTES - 1;

/** `name` is the option or word that error messages mention. */
export function parsePid(text: string, name: string): number {
	return parseInteger(text, name, 1, 2 ** 22);
}

/** `80`, `8000-8099`, `80,8000-8099`: one range for each part. */
export function parsePorts(text: string, name: string): PortRange[] {
	return text.split(',').map((part) => parsePortRange(part.trim(), name));
}

function parsePortRange(text: string, name: string): PortRange {
	const parts = /^(\d+)(?:-(\d+))?$/.exec(text);
	const first = Number(parts?.[1]);
	const last = Number(parts?.[2] ?? parts?.[1]);
	if (first >= 1 && last >= first && last <= CONTROL_PORT_MAX) return { first, last };
	if (first > last && last >= 1 && first <= CONTROL_PORT_MAX) {
		throw usageError(`${name}: expected the lower port of a range first, got "${text}"`, `Write ${last}-${first}.`);
	}
	throw usageError(
		`${name}: expected a port from 1 to ${CONTROL_PORT_MAX}, a range such as 8000-8099 or a list such as 80,8080, got ${JSON.stringify(text)}`,
	);
}

/** The name of a process (the kernel keeps 15 bytes) or of the file it executes. */
export function parseComm(text: string, name: string): string {
	const length = Buffer.byteLength(text);
	if (length >= 1 && length <= NAME_MAX && !text.startsWith('/')) return text;
	throw usageError(
		`${name}: expected the name of a process or an executable, 1 to ${NAME_MAX} bytes without a directory, got ${JSON.stringify(text)}`,
	);
}

/** A path of a cgroup, with or without the directory where cgroups are mounted. */
export function parseCgroup(text: string, name: string): string {
	if (/^\/[^\0]*$/.test(text)) return text.replace(/(?<=.)\/+$/, '');
	throw usageError(
		`${name}: expected the path of a cgroup such as /system.slice/nginx.service, got ${JSON.stringify(text)}`,
		'SELECT DISTINCT cgroup FROM exchanges, or /proc/PID/cgroup, shows paths.',
	);
}

const FILTER_KIND = /^(?:--)?(pid|comm|port|cgroup)$/i;

/** Parses `all`, or words such as `port 8080 comm nginx pid 12 13`, with or without `--` before the words. */
export function parseFilters(text: string): CaptureFilters {
	const filters = { pids: [] as number[], comms: [] as string[], ports: [] as PortRange[], cgroups: [] as string[] };
	if (text.trim().toLowerCase() === 'all') return filters;
	let kind = '';
	let values = 0;
	for (const word of text.trim().split(/[\s,]+/)) {
		const named = FILTER_KIND.exec(word)?.[1]?.toLowerCase();
		if (named !== undefined && kind !== '' && values === 0) break;
		values += 1;
		if (named !== undefined) {
			kind = named;
			values = 0;
		} else if (kind === 'pid') filters.pids.push(parsePid(word, 'pid'));
		else if (kind === 'comm') filters.comms.push(parseComm(word, 'comm'));
		else if (kind === 'port') filters.ports.push(...parsePorts(word, 'port'));
		else if (kind === 'cgroup') filters.cgroups.push(parseCgroup(word, 'cgroup'));
		else throw usageError(`expected all, or pid, comm, port or cgroup with values, got ${JSON.stringify(word)}`);
	}
	if (values === 0) throw usageError(`expected a value after ${kind}, got none`);
	return checkedFilters(filters);
}

/** Throws a UserError if there are more values than the kernel's tables hold. */
export function checkedFilters(filters: CaptureFilters): CaptureFilters {
	requireRoom(filters.comms.length, CONTROL_NAMES, 'names of processes', 'comm');
	requireRoom(filters.pids.length, CONTROL_PIDS, 'process ids', 'pid');
	requireRoom(filters.cgroups.length, CONTROL_CGROUPS, 'cgroups', 'cgroup');
	return filters;
}

function requireRoom(count: number, most: number, what: string, column: string): void {
	if (count <= most) return;
	throw usageError(
		`expected at most ${most} ${what}, got ${count}`,
		`Capture more and filter in SQL: WHERE ${column} IN (…).`,
	);
}

/** `this host`, or the filters in the syntax of `.capture`. */
export function filtersText({ pids, comms, ports, cgroups }: CaptureFilters): string {
	const words = [
		...pids.map((pid) => `pid ${pid}`),
		...comms.map((comm) => `comm ${forTerminal(comm)}`),
		...(ports.length === 0 ? [] : [`port ${portsText(ports)}`]),
		...cgroups.map((cgroup) => `cgroup ${forTerminal(cgroup)}`),
	];
	return words.length === 0 ? 'this host' : words.join(', ');
}

/** `80,8000-8099`: in order, with adjacent and overlapping ranges joined. */
function portsText(ports: readonly PortRange[]): string {
	const joined: { first: number; last: number }[] = [];
	for (const { first, last } of ports.toSorted((a, b) => a.first - b.first)) {
		const before = joined.at(-1);
		if (before !== undefined && first <= before.last + 1) before.last = Math.max(before.last, last);
		else joined.push({ first, last });
	}
	return joined.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(',');
}

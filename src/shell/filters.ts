// Filters of a capture as people write and read them.
import { usageError } from '../base/errors.ts';
import { parseInteger } from '../base/quantity.ts';
import type { CaptureFilters } from '../capture/capture-settings.ts';
import { forTerminal } from '../output/terminal-text.ts';

/** The kernel's table of ports has so many places. */
const PORTS_MAX = 16;
/** Bytes of a file's name. */
const NAME_MAX = 255;

/** `name` is the option or the word, for the message. */
export function parsePid(text: string, name: string): number {
	return parseInteger(text, name, 1, 2 ** 22);
}

export function parsePort(text: string, name: string): number {
	return parseInteger(text, name, 1, 65535);
}

/** A process's name, of which the kernel keeps 15 bytes, or that of the file it executes. */
export function parseComm(text: string, name: string): string {
	const length = Buffer.byteLength(text);
	if (length >= 1 && length <= NAME_MAX && !text.startsWith('/')) return text;
	throw usageError(
		`${name}: expected the name of a process or of an executable, 1 to ${NAME_MAX} bytes without a directory, got ${JSON.stringify(text)}`,
	);
}

const FILTER_KIND = /^(?:--)?(pid|comm|port)$/i;

/** `all`, or words such as `port 8080 comm nginx pid 12 13`; written like the options of the command line they do as well. */
export function parseFilters(text: string): CaptureFilters {
	const filters = { pids: [] as number[], comms: [] as string[], ports: [] as number[] };
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
		else if (kind === 'port') filters.ports.push(parsePort(word, 'port'));
		else throw usageError(`expected all, or pid, comm or port with values, got ${JSON.stringify(word)}`);
	}
	if (values === 0) throw usageError(`expected a value after ${kind}, got none`);
	return checkedFilters(filters);
}

/** Throws a UserError for more than the kernel's tables hold. */
export function checkedFilters(filters: CaptureFilters): CaptureFilters {
	if (filters.ports.length <= PORTS_MAX && filters.comms.length <= COMMS_MAX) return filters;
	throw usageError(
		`expected at most ${PORTS_MAX} ports and ${COMMS_MAX} names, got ${filters.ports.length} and ${filters.comms.length}`,
	);
}

/** The kernel's table of names. */
const COMMS_MAX = 8;

/** `this host`, or what the filters say. */
export function filtersText({ pids, comms, ports }: CaptureFilters): string {
	const words = [
		...pids.map((pid) => `pid ${pid}`),
		...comms.map((comm) => `comm ${forTerminal(comm)}`),
		...ports.map((port) => `port ${port}`),
	];
	return words.length === 0 ? 'this host' : words.join(', ');
}

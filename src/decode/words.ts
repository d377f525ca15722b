// The words of the contract for the decoder's numbers: each table is indexed by the constants it names.
import * as event from '../../decoder-as/assembly/capture-event.ts';
import * as layout from '../../decoder-as/assembly/output-layout.ts';

/** The column's text for each number; null is NULL. */
export type Words = readonly (string | null)[];

/** Column `state`, by STATE_*. */
export const STATES: Words = table([
	[layout.STATE_OPEN, 'open'],
	[layout.STATE_COMPLETE, 'complete'],
	[layout.STATE_INCOMPLETE, 'incomplete'],
	[layout.STATE_UNANSWERED, 'unanswered'],
	[layout.STATE_UPGRADED, 'upgraded'],
]);

/** Column `reason`, by REASON_*. */
export const REASONS: Words = table([
	[layout.REASON_PEER_CLOSED, 'peer closed'],
	[layout.REASON_PROCESS_EXITED, 'process exited'],
	[layout.REASON_BYTES_LOST, 'bytes lost'],
	[layout.REASON_EVICTED, 'evicted'],
	[layout.REASON_CAPTURE_ENDED, 'capture ended'],
	[layout.REASON_MALFORMED, 'malformed'],
	[layout.REASON_REQUEST_NOT_SEEN, 'request not seen'],
	[layout.REASON_CLOSED, 'closed'],
	[layout.REASON_CONNECTION_RESET, 'connection reset'],
	[layout.REASON_TIMED_OUT, 'timed out'],
	[layout.REASON_TOO_MANY_WAITING, 'too many waiting'],
	[layout.REASON_HEAD_NOT_CAPTURED, 'head not captured'],
]);

/** Column `side`, by SIDE_*. */
export const PROCESS_SIDES: Words = table([
	[layout.SIDE_SERVER, 'server'],
	[layout.SIDE_CLIENT, 'client'],
]);

/** Column `connections.protocol`, by PROTOCOL_*. */
export const PROTOCOLS: Words = table([
	[layout.PROTOCOL_UNKNOWN, 'unknown'],
	[layout.PROTOCOL_HTTP1, 'http1'],
	[layout.PROTOCOL_TLS, 'tls'],
	[layout.PROTOCOL_HTTP2, 'http2'],
	[layout.PROTOCOL_WEBSOCKET, 'websocket'],
	[layout.PROTOCOL_OTHER, 'other'],
]);

/** Column `blind_spots.what`, by BLIND_*. */
export const BLIND_SPOTS: Words = table([
	[layout.BLIND_IO_URING, 'io_uring'],
	[layout.BLIND_TLS, 'tls'],
	[layout.BLIND_HTTP2, 'http2'],
	[layout.BLIND_SPLICE, 'splice'],
	[layout.BLIND_32BIT, '32-bit'],
]);

/** Column `events.direction`, by enum capture_direction. */
export const DIRECTIONS: Words = table([
	[event.DIRECTION_IN, 'in'],
	[event.DIRECTION_OUT, 'out'],
]);

/** Columns `via` and `req_via`, by enum capture_syscall. */
export const SYSCALL_NAMES: Words = constants('SYSCALL_', (word) => (word === 'none' || word === 'max' ? null : word));

/** The words of column `events.flags`, in the order of enum capture_flag's bits. */
export const FLAG_WORDS: readonly (readonly [bit: number, word: string])[] = Object.entries(event)
	.filter(([name]) => name.startsWith('FLAG_'))
	.map(([name, bit]) => [bit, name.slice('FLAG_'.length).toLowerCase()] as const);

/** The words of column `anomalies`, by ANOMALY_*. */
export const ANOMALIES: Words = layoutConstants('ANOMALY_', (word) => word.replaceAll('_', '-'));

const KIND_NAMES: Words = constants('CAPTURE_', (word) => word, [
	event.CAPTURE_DATA,
	event.CAPTURE_OPEN,
	event.CAPTURE_CLOSE,
	event.CAPTURE_EOF,
	event.CAPTURE_SHUTDOWN,
	event.CAPTURE_ERROR,
	event.CAPTURE_PROCESS_EXIT,
	event.CAPTURE_PROCESS_EXEC,
	event.CAPTURE_SHARE,
	event.CAPTURE_PEEK,
	event.CAPTURE_BLIND_SPOT,
]);

/** Column `events.syscall`: the call's name; where there was no call, what happened (`process_exit`). */
export function eventName(syscall: number, kind: number): string | null {
	return SYSCALL_NAMES[syscall] ?? KIND_NAMES[kind] ?? null;
}

/** Column `events.flags`: words joined by commas, NULL when there are none. */
export function eventFlags(flags: number): string | null {
	const words = FLAG_WORDS.filter(([bit]) => (flags & bit) !== 0).map(([, word]) => word);
	return words.length === 0 ? null : words.join(',');
}

/** Column `vias`: `bytes` holds one character a syscall, its code the number. NULL when there are none. */
export function syscallList(bytes: string | null): string | null {
	return joinSyscalls(bytes, '+');
}

/** Column `connections.syscalls`. */
export function connectionSyscalls(bytes: string | null): string | null {
	return joinSyscalls(bytes, ',');
}

/** Column `anomalies`: words joined by commas in the order of their numbers, NULL when there are none. */
export function anomalyWords(low: number, high: number): string | null {
	const words = ANOMALIES.filter((_, bit) => (((bit < 32 ? low : high) >>> (bit & 31)) & 1) === 1);
	return words.length === 0 ? null : words.join(',');
}

function joinSyscalls(bytes: string | null, separator: string): string | null {
	if (bytes === null || bytes === '') return null;
	return Array.from(bytes, (character) => SYSCALL_NAMES[character.charCodeAt(0)] ?? '?').join(separator);
}

function table(entries: readonly (readonly [number, string | null])[]): Words {
	const words: (string | null)[] = [];
	for (const [index, word] of entries) {
		while (words.length <= index) words.push(null);
		words[index] = word;
	}
	return words;
}

/** Words made from the names of the wire constants: `SYSCALL_PREADV2` is `preadv2`. */
function constants(prefix: string, word: (name: string) => string | null, only?: readonly number[]): Words {
	return table(named(event, prefix, word).filter(([index]) => only === undefined || only.includes(index)));
}

function layoutConstants(prefix: string, word: (name: string) => string | null): Words {
	return table(named(layout, prefix, word));
}

function named(
	source: Readonly<Record<string, number>>,
	prefix: string,
	word: (name: string) => string | null,
): (readonly [number, string | null])[] {
	return Object.entries(source)
		.filter(([name]) => name.startsWith(prefix))
		.map(([name, value]) => [value, word(name.slice(prefix.length).toLowerCase())] as const);
}

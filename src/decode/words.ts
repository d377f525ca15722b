// The words that columns show for the decoder's numbers. Each table is indexed by the constants named in its comment.
import * as event from '../../decoder-as/assembly/wire/capture-event.ts';
import * as layout from '../../decoder-as/assembly/wire/output-layout.ts';

/** The column's text for each number; null for NULL. */
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
	[layout.REASON_CAPTURE_BEGAN, 'capture began'],
	...errorCodes(layout.RESET_REASON, 'reset'),
	...errorCodes(layout.GOAWAY_REASON, 'goaway'),
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
	[layout.BLIND_AIO, 'aio'],
]);

/** Column `messages.kind`, by MESSAGE_KIND_*. */
export const MESSAGE_KINDS: Words = table([
	[layout.MESSAGE_KIND_EVENT, 'event'],
	[layout.MESSAGE_KIND_TEXT, 'text'],
	[layout.MESSAGE_KIND_BINARY, 'binary'],
	[layout.MESSAGE_KIND_PING, 'ping'],
	[layout.MESSAGE_KIND_PONG, 'pong'],
	[layout.MESSAGE_KIND_CLOSE, 'close'],
	[layout.MESSAGE_KIND_GRPC, 'grpc'],
	[layout.MESSAGE_KIND_PART, 'part'],
]);

/** Columns `direction` of `events` and `messages`, by enum capture_direction. */
export const DIRECTIONS: Words = table([
	[event.DIRECTION_IN, 'in'],
	[event.DIRECTION_OUT, 'out'],
]);

/** Columns `via` and `req_via`, by enum capture_syscall. */
export const SYSCALL_NAMES: Words = constants('SYSCALL_', (word) =>
	word === 'none' || word === 'max'
		? null
		: word.replace(/^ssl_/, 'SSL_').replace(/^pr_(.)/, (_, first: string) => `PR_${first.toUpperCase()}`),
);

/** Column `exchanges.tls`, by enum capture_tls_library. */
export const TLS_LIBRARIES: Words = constants('TLS_LIBRARY_', (word) =>
	word === 'none' || word === 'max' ? null : word,
);

/** The words of column `events.flags`, in the order of enum capture_flag's bits. */
export const FLAG_WORDS: readonly (readonly [bit: number, word: string])[] = Object.entries(event)
	.filter(([name]) => name.startsWith('FLAG_'))
	.map(([name, bit]) => [bit, name.slice('FLAG_'.length).toLowerCase()] as const)
	.toSorted(([a], [b]) => a - b);

/** The words of column `anomalies`, by ANOMALY_*: the constants' names. */
export const ANOMALIES: Words = layoutConstants('ANOMALY_', (word) => word.replaceAll('_', '-'));

/** The meaning of each word, for documentation and help, in the order of ANOMALY_*. */
export const ANOMALY_DESCRIPTIONS: readonly (readonly [word: string, meaning: string])[] = [
	['bare-lf', 'a line of the head or of the chunk framing ends in LF alone'],
	['leading-crlf', 'empty lines came before the request'],
	['missing-reason', 'the status line ends with the status: the space before the reason phrase is missing'],
	['obs-fold', 'a field value continues on the next line'],
	['bare-cr', 'a CR that is not followed by LF'],
	['http09', 'HTTP/0.9: a request line without a version, a response without a head'],
	['unsupported-version', 'a version that is not HTTP/1.0 to HTTP/1.9'],
	['missing-colon', 'a field line without a colon'],
	['space-before-colon', 'white space between a field name and its colon'],
	['empty-header-name', 'a field line that begins with its colon'],
	['invalid-header-name', 'a byte in a field name that is not a token character'],
	['invalid-header-value', 'a control byte in a field value'],
	['whitespace-in-start-line', 'white space other than single spaces in the start line'],
	['space-in-target', 'the request target contains white space'],
	['invalid-target', 'the request target has none of the four forms, or contains a control or non-ASCII byte'],
	['unknown-method', 'a method that is not registered'],
	['invalid-method', 'the method is not a token'],
	['invalid-status', 'the status is not a three-digit number from 100 up, or there is no status line'],
	['missing-host', 'an HTTP/1.1 request without Host'],
	['duplicate-host', 'more than one Host field'],
	['invalid-content-length', 'a Content-Length that is not a 64-bit number'],
	['duplicate-content-length', 'the same Content-Length more than once'],
	['conflicting-content-length', 'Content-Length values that differ'],
	['content-length-and-transfer-encoding', 'both fields are present; Transfer-Encoding applies'],
	['invalid-transfer-encoding', 'a Transfer-Encoding that does not end in chunked, or repeats it'],
	['transfer-encoding-in-http10', 'Transfer-Encoding in an HTTP/1.0 message'],
	['unexpected-framing', 'a length where no body is allowed'],
	['invalid-chunk-size', 'a chunk size that is not a 64-bit hexadecimal number'],
	['invalid-chunk-end', 'chunk data that is not followed by a line end'],
	['long-chunk-extensions', 'more than 16 KiB of chunk extensions'],
	['chunk-flood', 'at least 100 KiB of chunk framing, which makes up more than 80 % of the message'],
	['long-trailers', 'more than 16 KiB of trailers; the rest is not kept'],
	['long-start-line', 'the start line is longer than the limit and was cut'],
	['long-headers', 'the header block is longer than the limit; the rest is not kept'],
	['many-headers', 'more field lines than the limit; the rest is not kept'],
	['early-response', 'the final response began before the request had ended'],
	['body-not-sent', 'the body announced with Expect: 100-continue was not sent'],
	['opaque-response', 'the whole response, head included, went out by sendfile or splice'],
	['many-interim', 'more interim responses than are listed'],
	['leading-garbage', 'bytes before this message belong to no message'],
	['space-before-headers', 'white space before the first field line'],
	['guessed-framing', 'the request was not seen, so whether there is a body is a guess'],
	['after-close', 'the message came after one that announced the end of the connection'],
	['invalid-chunk-extension', 'malformed chunk extensions'],
	['space-after-chunk-size', 'white space after a chunk size'],
	['incomplete-head', 'the head ends before its empty line'],
	['unknown-transfer-coding', 'a Transfer-Encoding that is empty or names a coding that is not registered'],
	['invalid-reason', 'a control byte in the reason phrase'],
	['unended-trailers', 'the next message begins where the empty line after the last chunk or the trailers should be'],
	['hpack-unknown', 'HTTP/2: some fields are not known, because they refer to earlier ones that were not captured'],
	['pushed', 'HTTP/2: the server sent the response without having been asked (server push)'],
	['invalid-header-block', 'HTTP/2: a header block that cannot be read'],
	['invalid-pseudo-header', 'HTTP/2: a pseudo-header is missing, repeated, misplaced or not defined'],
	['invalid-frame', 'HTTP/2: a frame is shorter than its padding or its numbers'],
	['tls-unmapped', 'it came from a TLS session whose connection is not known, so addresses and pair are NULL'],
];

const KIND_NAMES: Words = table([
	[event.CAPTURE_DATA, 'data'],
	[event.CAPTURE_OPEN, 'open'],
	[event.CAPTURE_CLOSE, 'close'],
	[event.CAPTURE_EOF, 'eof'],
	[event.CAPTURE_SHUTDOWN, 'shutdown'],
	[event.CAPTURE_ERROR, 'error'],
	[event.CAPTURE_PROCESS_EXIT, 'process_exit'],
	[event.CAPTURE_PROCESS_EXEC, 'process_exec'],
	[event.CAPTURE_SHARE, 'share'],
	[event.CAPTURE_PEEK, 'peek'],
	[event.CAPTURE_BLIND_SPOT, 'blind_spot'],
	[event.CAPTURE_UNSEEN, 'unseen'],
	[event.CAPTURE_TLS_MAPPED, 'tls_mapped'],
]);

/** Column `events.syscall`: the call's name, or what happened if there was no call (`process_exit`). */
export function eventName(syscall: number, kind: number): string | null {
	return SYSCALL_NAMES[syscall] ?? KIND_NAMES[kind] ?? null;
}

/** Column `events.flags`: words joined by commas; NULL if there are none. */
export function eventFlags(flags: number): string | null {
	const words = FLAG_WORDS.filter(([bit]) => (flags & bit) !== 0).map(([, word]) => word);
	return words.length === 0 ? null : words.join(',');
}

/** Column `vias`: `bytes` has one character per syscall, whose code is its number. NULL if there are none. */
export function syscallList(bytes: string | null): string | null {
	return joinSyscalls(bytes, '+');
}

/** Column `connections.syscalls`. */
export function connectionSyscalls(bytes: string | null): string | null {
	return joinSyscalls(bytes, ',');
}

/** Column `anomalies`: words joined by commas in the order of their numbers; NULL if there are none. */
export function anomalyWords(low: number, high: number): string | null {
	const words = ANOMALIES.filter((_, bit) => (((bit < 32 ? low : high) >>> (bit & 31)) & 1) === 1);
	return words.length === 0 ? null : words.join(',');
}

function joinSyscalls(bytes: string | null, separator: string): string | null {
	// Call 0: the source, for example a file of packets, does not know calls.
	if (bytes === null || bytes === '' || bytes === '\0') return null;
	return Array.from(bytes, (character) => SYSCALL_NAMES[character.charCodeAt(0)] ?? '?').join(separator);
}

/** Reasons with an error code of HTTP/2 (RFC 9113 section 7). */
function errorCodes(first: number, word: string): (readonly [number, string])[] {
	const names = [
		'NO_ERROR',
		'PROTOCOL_ERROR',
		'INTERNAL_ERROR',
		'FLOW_CONTROL_ERROR',
		'SETTINGS_TIMEOUT',
		'STREAM_CLOSED',
		'FRAME_SIZE_ERROR',
		'REFUSED_STREAM',
		'CANCEL',
		'COMPRESSION_ERROR',
		'CONNECT_ERROR',
		'ENHANCE_YOUR_CALM',
		'INADEQUATE_SECURITY',
		'HTTP_1_1_REQUIRED',
		'unknown code',
	];
	return names.map((name, code) => [first + code, `${word}: ${name}`] as const);
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
function constants(prefix: string, word: (name: string) => string | null): Words {
	return table(named(event, prefix, word));
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

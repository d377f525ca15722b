// Tables `exchanges` and `inflight`: their columns, as readers over segments.
import {
	anomalyWords,
	PROCESS_SIDES,
	REASONS,
	STATES,
	SYSCALL_NAMES,
	syscallList,
	TLS_LIBRARIES,
} from '../decode/words.ts';
import { addressIp, addressPort } from './address-parts.ts';
import {
	arrayReader,
	derivedNumberReader,
	dictionaryReader,
	fieldReader,
	type NumberArray,
	rangeSpans,
	type WordArray,
	wordReader,
} from './column-readers.ts';
import {
	dictionaryText,
	fieldValue,
	headerField,
	headersJson,
	noteText,
	parentId,
	pathText,
	queryText,
	rawBody,
	readableBody,
	streamId,
	urlText,
} from './exchange-row.ts';
import type { Message } from './field-places.ts';
import { grpcMessage, grpcMethod, grpcService, grpcStatus } from './grpc.ts';
import { NO_NAMES, type RemoteNames, remoteName } from './remote-names.ts';
import { IdRows, RowLocator, type SegmentRows } from './row-locator.ts';
import { ABSENT, type F64Member, type Segment, type TextMember, type U32Member } from './segment.ts';
import type { Column, ColumnReader, SqlValue, TableSnapshot } from './table.ts';
import { formatTimestamp } from './timestamp.ts';

type ExchangeColumn = Column & {
	readonly value: (segment: Segment, row: number, names: RemoteNames) => SqlValue;
	readonly number?: (segment: Segment, row: number) => number;
	/** The array that `value` and `number` read, if it contains plain numbers. */
	readonly array?: NumberArray;
	/** The column has codes of the segment's dictionary, in this member. */
	readonly dictionary?: TextMember;
	/** Derives the column's value from the dictionary's text. */
	readonly derive?: (text: string) => string | null;
	readonly deriveNumber?: (text: string) => number | null;
	/** `value` needs the names of addresses. */
	readonly needsNames?: true;
	/** The column has codes that mean the same text in every segment. */
	readonly words?: WordArray;
	/** Where the text is within the row's bytes. */
	readonly range?: { readonly start: U32Member; readonly length: U32Member };
	/** The member with the length of the held body. */
	readonly bodyLength?: 'req_body_length' | 'res_body_length';
	/** The column holds this message's fields as JSON. */
	readonly headersOf?: Message;
	/** The text is the value of the message's first field with this (lower-case) name. */
	readonly field?: { readonly message: Message; readonly name: string };
};

const numeric = (name: F64Member, type: 'int' | 'float', description: string): ExchangeColumn => ({
	name,
	type,
	description,
	value: (segment, row) => nullable(segment.f64[name][row]!),
	array: { of: (segment) => segment.f64[name], zeroIsNull: false },
});

/** A column whose numbers are never 0, because 0 means NULL. */
const positive = (
	name: string,
	description: string,
	of: (segment: Segment) => Float64Array | Uint16Array,
): ExchangeColumn => ({
	name,
	type: 'int',
	description,
	value: (segment, row) => of(segment)[row]! || null,
	array: { of, zeroIsNull: true },
});

const dictionary = (name: TextMember, description: string): ExchangeColumn => ({
	name,
	type: 'text',
	description,
	value: (segment, row) => dictionaryText(segment, name, row),
	dictionary: name,
});

/** The ip of an address. */
const ip = (name: string, description: string, member: TextMember): ExchangeColumn => ({
	name,
	type: 'text',
	description,
	value: (segment, row) => {
		const address = dictionaryText(segment, member, row);
		return address === null ? null : addressIp(address);
	},
	dictionary: member,
	derive: addressIp,
});

const port = (name: string, description: string, member: TextMember): ExchangeColumn => ({
	name,
	type: 'int',
	description,
	value: (segment, row) => {
		const address = dictionaryText(segment, member, row);
		return address === null ? null : addressPort(address);
	},
	dictionary: member,
	deriveNumber: addressPort,
});

/** A column whose texts are from a fixed list. The index in the list is the code in every segment. */
const word = (
	name: string,
	description: string,
	list: readonly (string | null)[],
	of: (segment: Segment) => Uint8Array,
): ExchangeColumn => ({
	name,
	type: 'text',
	description,
	value: (segment, row) => list[of(segment)[row]!] ?? null,
	words: { of, isNull: (code) => (list[code] ?? null) === null },
});

const text = (name: string, description: string, value: ExchangeColumn['value']): ExchangeColumn => ({
	name,
	type: 'text',
	description,
	value,
});

/** The value of the first field with this name. */
const field = (column: string, description: string, message: Message, name: string): ExchangeColumn => ({
	name: column,
	type: 'text',
	description,
	value: (segment, row) => fieldValue(segment, row, message, name),
	field: { message, name },
});

type TraceContext = { readonly traceId: string; readonly spanId: string };

/** The last traceparent, because both of its parts are usually read in succession. */
let lastTrace: { readonly value: string | null; readonly context: TraceContext | undefined } = {
	value: null,
	context: undefined,
};

/** The parts of the request's traceparent (W3C Trace Context); undefined if it is missing or invalid. */
function traceContext(segment: Segment, row: number): TraceContext | undefined {
	const value = fieldValue(segment, row, 'request', 'traceparent');
	if (value !== lastTrace.value) lastTrace = { value, context: parseTraceContext(value) };
	return lastTrace.context;
}

/** The parts of a traceparent; undefined if it is invalid. */
export function parseTraceContext(value: string | null): TraceContext | undefined {
	const match = value === null ? null : /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}/i.exec(value);
	const [, traceId = '', spanId = ''] = match ?? [];
	return /[1-9a-f]/i.test(traceId) && /[1-9a-f]/i.test(spanId) ? { traceId, spanId } : undefined;
}

/** The columns of `exchanges` in the order of `SELECT *`. */
export const EXCHANGE_COLUMNS: readonly ExchangeColumn[] = [
	numeric('id', 'int', '1, 2, 3 … in the order in which request heads became complete'),
	{
		name: 'ts',
		type: 'datetime',
		description: "when the call with the request's first byte returned (UTC)",
		value: (segment, row) => formatTimestamp(segment.f64.ts[row]!),
		array: { of: (segment) => segment.f64.ts, zeroIsNull: false },
	},
	word('state', 'open, complete, incomplete, unanswered or upgraded', STATES, (segment) => segment.u8.state),
	word('reason', 'why it is not complete; NULL if it is', REASONS, (segment) => segment.u8.reason),
	word('side', 'role of the observed process: server or client', PROCESS_SIDES, (segment) => segment.u8.side),
	positive(
		'pair_id',
		'id of the same exchange seen from the other side on this host',
		(segment) => segment.f64.pair_id,
	),
	{
		name: 'parent_id',
		type: 'int',
		description:
			"for a client's row: id of the exchange that its process was answering when it sent the request, if that is certain",
		value: parentId,
	},
	unsigned('pid', 'process'),
	unsigned('tid', "thread that sent or received the request's first byte"),
	dictionary('comm', "the process's name"),
	dictionary('thread_comm', "the thread's name"),
	{
		...dictionary('cmdline', 'command line, if it could be read'),
		// Records separate arguments by 0x1F, which hardly ever occurs in arguments.
		value: (segment, row) => dictionaryText(segment, 'cmdline', row)?.replaceAll('\x1f', ' ') ?? null,
	},
	dictionary('exe', "path of the process's executable, if it could be read"),
	dictionary('cgroup', 'cgroup path, if it could be read'),
	numeric('conn', 'int', 'connection id; joins connections'),
	dictionary('local', 'ip:port, [v6]:port or unix:/path; NULL if not known'),
	dictionary('remote', 'the same for the other end; if there is a PROXY protocol preamble, the client it names'),
	ip('local_ip', 'the address in `local`; NULL for unix sockets', 'local'),
	port('local_port', 'the port in `local`', 'local'),
	ip('remote_ip', 'the address in `remote`; NULL for unix sockets', 'remote'),
	port('remote_port', 'the port in `remote`', 'remote'),
	{
		...text(
			'remote_name',
			'name of the other end: the one used by this client, or by all clients on this host, else the one in /etc/hosts; never looked up in DNS',
			remoteName,
		),
		needsNames: true,
	},
	dictionary('method', 'request method'),
	{
		...text('path', 'request target up to ?', pathText),
		range: { start: 'path_start', length: 'path_length' },
	},
	{
		...text('query_string', 'request target after ?; NULL if there is no ?', queryText),
		range: { start: 'query_start', length: 'query_length' },
	},
	dictionary('host', "from the target's authority, else the Host field"),
	text(
		'url',
		"absolute URL; if the request named no host, it contains the server's address (localhost for a unix socket)",
		urlText,
	),
	{
		name: 'http_version',
		type: 'text',
		description: 'of the final response; NULL if there is none',
		value: (segment, row) => versionText(segment.u16.http_version[row]!),
		words: { of: (segment) => segment.u16.http_version, isNull: (code) => code === 0 },
	},
	{
		name: 'req_http_version',
		type: 'text',
		description: 'of the request',
		value: (segment, row) => versionText(segment.u16.req_http_version[row]!),
		words: { of: (segment) => segment.u16.req_http_version, isNull: (code) => code === 0 },
	},
	{ name: 'stream_id', type: 'int', description: 'number of the HTTP/2 stream; NULL for HTTP/1', value: streamId },
	positive('status', 'of the final response; NULL if there is none', (segment) => segment.u16.status),
	dictionary('status_text', 'reason phrase of the final response; if status is NULL, its first line as sent'),
	dictionary('interim', 'statuses of interim responses, e.g. 100,103'),
	numeric('duration_ms', 'float', "request's first byte to response's last byte"),
	numeric('ttfb_ms', 'float', "request's last byte to the final response's first byte"),
	headers('req_headers', 'request fields: name (lower-cased) → value', 'request'),
	headers('res_headers', 'response fields: name (lower-cased) → value', 'response'),
	numeric('req_body_bytes', 'int', 'true length of the request body after transfer decoding'),
	numeric('res_body_bytes', 'int', 'true length of the response body after transfer decoding'),
	numeric('req_captured_bytes', 'int', 'how many of these bytes are held'),
	numeric('res_captured_bytes', 'int', 'how many of these bytes are held'),
	numeric('res_wire_bytes', 'int', 'bytes of the response on the wire, head and framing included'),
	{
		...text('req_body', 'held bytes as text: content- and charset-decoded; NULL if nothing was captured', (s, row) =>
			readableBody(s, row, 'request'),
		),
		bodyLength: 'req_body_length',
	},
	{
		...text('res_body', 'held bytes as text: content- and charset-decoded; NULL if nothing was captured', (s, row) =>
			readableBody(s, row, 'response'),
		),
		bodyLength: 'res_body_length',
	},
	{
		...blob('req_body_raw', 'held bytes before content decoding', (s, row) => rawBody(s, row, 'request')),
		bodyLength: 'req_body_length',
	},
	{
		...blob('res_body_raw', 'held bytes before content decoding', (s, row) => rawBody(s, row, 'response')),
		bodyLength: 'res_body_length',
	},
	text('req_body_note', 'why the request body is not held in full, or cannot be decoded; otherwise NULL', (s, row) =>
		noteText(s, row, 'request'),
	),
	text('res_body_note', 'why the response body is not held in full, or cannot be decoded; otherwise NULL', (s, row) =>
		noteText(s, row, 'response'),
	),
	word(
		'via',
		'system call, or function of a TLS library, that carried the response body',
		SYSCALL_NAMES,
		(segment) => segment.u8.via,
	),
	{
		name: 'vias',
		type: 'text',
		description: 'all syscalls that carried it, in order of first use, e.g. write+sendfile',
		value: (segment, row) => syscallList(dictionaryText(segment, 'vias', row)),
		dictionary: 'vias',
	},
	word('req_via', 'syscall that carried the request', SYSCALL_NAMES, (segment) => segment.u8.req_via),
	word(
		'tls',
		'library in which the plaintext of TLS was seen (`--tls`); NULL if the exchange was seen in a system call',
		TLS_LIBRARIES,
		(segment) => segment.u8.tls,
	),
	field('content_type', "the response's Content-Type", 'response', 'content-type'),
	field('content_encoding', "the response's Content-Encoding", 'response', 'content-encoding'),
	field('user_agent', "the request's User-Agent", 'request', 'user-agent'),
	text('trace_id', "trace id of the request's traceparent", (s, row) => traceContext(s, row)?.traceId ?? null),
	text(
		'span_id',
		"parent id of the request's traceparent: the caller's span",
		(s, row) => traceContext(s, row)?.spanId ?? null,
	),
	field('request_id', "the request's X-Request-Id", 'request', 'x-request-id'),
	text('grpc_service', 'service of a gRPC call: the path up to its last slash', (s, row) => grpcService(s, row)),
	text('grpc_method', 'method of a gRPC call: the path after its last slash', (s, row) => grpcMethod(s, row)),
	{
		name: 'grpc_status',
		type: 'int',
		description: "status of a gRPC call, usually in the response's trailers: 0 is OK",
		value: grpcStatus,
	},
	text('grpc_message', 'message that explains the gRPC status, percent-decoded', (s, row) => grpcMessage(s, row)),
	numeric('lost_bytes', 'int', 'bytes of this exchange known to be lost'),
	{
		name: 'anomalies',
		type: 'text',
		description: 'oddities of grammar or framing, comma-separated; usually NULL',
		value: (segment, row) => anomalyWords(segment.u32.anomalies_low[row]!, segment.u32.anomalies_high[row]!),
	},
];

/** The additional column of `inflight`. */
const AGE_COLUMN: Column = {
	name: 'age_ms',
	type: 'float',
	description: "milliseconds since the request's first byte",
};

export const INFLIGHT_COLUMNS: readonly Column[] = [...EXCHANGE_COLUMNS, AGE_COLUMN];

/** Learns names only when a statement needs them. */
export type LazyNames = () => RemoteNames;

/** Table `exchanges` over committed segments and the open rows of the same instant. */
export function exchangeTable(parts: readonly SegmentRows[], names: LazyNames = () => NO_NAMES): TableSnapshot {
	return segmentsTable('exchanges', EXCHANGE_COLUMNS, new RowLocator(parts), names);
}

/** Table `inflight`: the open rows with their age at `nowUs` (microseconds since the epoch). */
export function inflightTable(
	parts: readonly SegmentRows[],
	nowUs: number,
	names: LazyNames = () => NO_NAMES,
): TableSnapshot {
	const age = (segment: Segment, row: number) => Math.max(0, (nowUs - segment.f64.ts[row]!) / 1000);
	return segmentsTable(
		'inflight',
		[...EXCHANGE_COLUMNS, { ...AGE_COLUMN, value: age, number: age }],
		new RowLocator(parts),
		names,
	);
}

function segmentsTable(
	name: string,
	columns: readonly ExchangeColumn[],
	rows: RowLocator,
	names: LazyNames,
): TableSnapshot {
	const ids = new IdRows(rows.clone());
	return {
		name,
		columns,
		rowCount: rows.rowCount,
		reader: (index) => segmentsReader(columns[index]!, rows.clone(), names),
		find: (index, value) => (columns[index]!.name === 'id' ? ids.rowsOf(value) : undefined),
		pieceEnd: (row) => {
			rows.seek(row);
			return rows.end;
		},
	};
}

function segmentsReader(column: ExchangeColumn, rows: RowLocator, names: LazyNames): ColumnReader {
	const { value, number, array, dictionary: member, derive, deriveNumber, words, range, field: line } = column;
	const known = column.needsNames === true ? names() : NO_NAMES;
	const reader: ColumnReader = {
		value: (row) => {
			const inner = rows.seek(row);
			return value(rows.segment, inner, known);
		},
	};
	if (array !== undefined) {
		const direct = arrayReader(array, rows);
		// Datetimes are numbers in the array, but their values are texts.
		return column.type === 'datetime' ? { ...direct, ...reader } : direct;
	}
	if (words !== undefined) return { ...reader, ...wordReader(words, rows) };
	if (member !== undefined && deriveNumber !== undefined) {
		return { ...reader, ...derivedNumberReader(member, rows, deriveNumber) };
	}
	if (member !== undefined) return { ...reader, ...dictionaryReader(member, rows, derive) };
	if (range !== undefined) return { ...reader, spans: rangeSpans(range, rows) };
	if (line !== undefined) return { ...reader, ...fieldReader(line, rows) };
	const { headersOf, bodyLength } = column;
	if (bodyLength !== undefined) {
		return {
			...reader,
			size: (row) => {
				const inner = rows.seek(row);
				const length = rows.segment.u32[bodyLength][inner]!;
				return length === ABSENT ? Number.NaN : length;
			},
		};
	}
	if (headersOf !== undefined) {
		return {
			...reader,
			field: (row, lowerName) => {
				const inner = rows.seek(row);
				return headerField(rows.segment, inner, headersOf, lowerName);
			},
		};
	}
	if (number === undefined) return reader;
	return {
		...reader,
		number: (row) => {
			const inner = rows.seek(row);
			return number(rows.segment, inner);
		},
	};
}

function unsigned(name: 'pid' | 'tid', description: string): ExchangeColumn {
	return {
		name,
		type: 'int',
		description,
		// 0: the source, for example a file of packets, does not know processes.
		value: (segment, row) => segment.u32[name][row]! || null,
		array: { of: (segment) => segment.u32[name], zeroIsNull: true },
	};
}

function headers(name: string, description: string, message: Message): ExchangeColumn {
	const value: ExchangeColumn['value'] = (segment, row) => headersJson(segment, row, message);
	return { name, type: 'json', description, value, headersOf: message };
}

function blob(name: string, description: string, value: ExchangeColumn['value']): ExchangeColumn {
	return { name, type: 'blob', description, value };
}

/** HTTP/2 as the decoder writes it. */
const HTTP_2 = 0x200;

function nullable(value: number): number | null {
	return Number.isNaN(value) ? null : value;
}

function versionText(version: number): string | null {
	if (version === 0) return null;
	// HTTP/2 has no minor versions (RFC 9113).
	return version === HTTP_2 ? '2' : `${version >> 8}.${version & 255}`;
}

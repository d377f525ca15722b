// Tables `events`, `connections` and `blind_spots`, read directly from the decoder's entries of one instant.
import * as layout from '../../decoder-as/assembly/wire/output-layout.ts';
import { chosenCipher, chosenVersion, ja4, offersEch, protocolNames, serverName } from '../decode/tls-hello.ts';
import {
	BLIND_SPOTS,
	connectionSyscalls,
	DIRECTIONS,
	eventFlags,
	eventName,
	PROCESS_SIDES,
	PROTOCOLS,
} from '../decode/words.ts';
import { type EntryBytes, entryBytes } from './row-writer.ts';
import type { Column, ColumnReader, SqlValue, TableSnapshot } from './table.ts';
import { formatTimestamp } from './timestamp.ts';
import { wireText } from './wire-text.ts';

type EntryColumn = Column & {
	readonly value: (entries: EntryBytes, at: number) => SqlValue;
	readonly number?: (entries: EntryBytes, at: number) => number;
};

const numberAt =
	(offset: number) =>
	({ f64 }: EntryBytes, at: number) =>
		f64[(at + offset) >> 3]!;
const wordAt =
	(offset: number) =>
	({ u32 }: EntryBytes, at: number) =>
		u32[(at + offset) >> 2]!;

function instant(name: string, description: string, offset: number): EntryColumn {
	const number = numberAt(offset);
	return { name, type: 'datetime', description, number, value: (entries, at) => formatTimestamp(number(entries, at)) };
}

function float(name: string, description: string, offset: number): EntryColumn {
	const number = numberAt(offset);
	return { name, type: 'int', description, number, value: number };
}

/** A number that may be NULL. */
function measured(name: string, type: 'int' | 'float', description: string, offset: number): EntryColumn {
	const number = numberAt(offset);
	const value = (entries: EntryBytes, at: number) => {
		const measure = number(entries, at);
		return Number.isNaN(measure) ? null : measure;
	};
	return { name, type, description, number, value };
}

function unsigned(name: string, description: string, offset: number): EntryColumn {
	const word = wordAt(offset);
	// 0: the source, for example a file of packets, does not know processes.
	return {
		name,
		type: 'int',
		description,
		number: (entries, at) => word(entries, at) || Number.NaN,
		value: (entries, at) => word(entries, at) || null,
	};
}

function word(name: string, description: string, offset: number, words: readonly (string | null)[]): EntryColumn {
	return {
		name,
		type: 'text',
		description,
		value: ({ u32 }, at) => words[u32[(at + offset) >> 2]!] ?? null,
	};
}

function range(name: string, description: string, offset: number): EntryColumn {
	return { name, type: 'text', description, value: (entries, at) => rangeText(entries, at, offset) };
}

function rangeText({ bytes, u32 }: EntryBytes, at: number, offset: number): string | null {
	const start = u32[(at + offset) >> 2]!;
	if (start === 0) return null;
	const length = u32[(at + offset + 4) >> 2]!;
	return wireText(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), at + start, at + start + length);
}

export const EVENT_COLUMNS: readonly EntryColumn[] = [
	instant('ts', 'when the call returned (UTC)', layout.EVENT_TS),
	unsigned('pid', 'process', layout.EVENT_PID),
	unsigned('tid', 'thread', layout.EVENT_TID),
	{
		name: 'comm',
		type: 'text',
		description: "the thread's name",
		value: ({ bytes, u32 }, at) => {
			if (u32[(at + layout.EVENT_PID) >> 2] === 0) return null;
			const start = at + layout.EVENT_COMM;
			let end = start;
			while (end < start + 16 && bytes[end] !== 0) end++;
			return wireText(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), start, end);
		},
	},
	{
		name: 'fd',
		type: 'int',
		description: 'descriptor; for sendfile, out_fd',
		value: ({ u32 }, at) => u32[(at + layout.EVENT_FD) >> 2]! | 0,
		number: ({ u32 }, at) => u32[(at + layout.EVENT_FD) >> 2]! | 0,
	},
	float('conn', 'connection id', layout.EVENT_CONN),
	{
		name: 'syscall',
		type: 'text',
		description: 'name of the call',
		value: ({ u32 }, at) => eventName(u32[(at + layout.EVENT_SYSCALL) >> 2]!, u32[(at + layout.EVENT_KIND) >> 2]!),
	},
	word('direction', 'in or out; NULL for calls that move no bytes', layout.EVENT_DIRECTION, DIRECTIONS),
	float('bytes', 'what the call returned', layout.EVENT_BYTES),
	float('captured_bytes', 'how many of these bytes were captured', layout.EVENT_CAPTURED_BYTES),
	{
		name: 'flags',
		type: 'text',
		description: 'comma-separated words, e.g. zero_copy; NULL if there are none',
		value: ({ u32 }, at) => eventFlags(u32[(at + layout.EVENT_FLAGS) >> 2]!),
	},
];

/** A column read from what is kept of the hellos of TLS; NULL if `value` needs one that was not seen. */
function hello(
	name: string,
	description: string,
	value: (client: Uint8Array | undefined, server: Uint8Array | undefined) => SqlValue,
): EntryColumn {
	return {
		name,
		type: 'text',
		description,
		value: (entries, at) =>
			value(
				rangeBytes(entries, at, layout.CONNECTION_CLIENT_HELLO),
				rangeBytes(entries, at, layout.CONNECTION_SERVER_HELLO),
			),
	};
}

function rangeBytes({ bytes, u32 }: EntryBytes, at: number, offset: number): Uint8Array | undefined {
	const start = u32[(at + offset) >> 2]!;
	return start === 0 ? undefined : bytes.subarray(at + start, at + start + u32[(at + offset + 4) >> 2]!);
}

function nameText(client: Uint8Array): string | null {
	const name = serverName(client);
	return name === undefined ? null : wireText(Buffer.from(client), name.from, name.to);
}

export const CONNECTION_COLUMNS: readonly EntryColumn[] = [
	float('id', 'connection id', layout.CONNECTION_ID),
	unsigned('pid', 'process', layout.CONNECTION_PID),
	range('comm', "the process's name", layout.CONNECTION_COMM),
	word('side', 'server or client', layout.CONNECTION_SIDE, PROCESS_SIDES),
	range('local', 'ip:port, [v6]:port or unix:/path; NULL if not known', layout.CONNECTION_LOCAL),
	range(
		'remote',
		'the same for the other end; if there is a PROXY protocol preamble, the client it names',
		layout.CONNECTION_REMOTE,
	),
	instant('opened', 'when it was first seen (UTC)', layout.CONNECTION_OPENED),
	instant('closed', 'when it ended; NULL while open', layout.CONNECTION_CLOSED),
	word('protocol', 'http1, tls, http2, websocket, other or unknown', layout.CONNECTION_PROTOCOL, PROTOCOLS),
	float('bytes_in', 'bytes received', layout.CONNECTION_BYTES_IN),
	float('bytes_out', 'bytes sent', layout.CONNECTION_BYTES_OUT),
	float('exchanges', 'exchanges so far', layout.CONNECTION_EXCHANGES),
	measured(
		'connect_ms',
		'float',
		'client: from the first packet sent to the connection established; NULL for unix sockets, and if it was not seen',
		layout.CONNECTION_CONNECT_MS,
	),
	measured(
		'accept_wait_ms',
		'float',
		'server: from accept to the return of the call that read its first bytes',
		layout.CONNECTION_ACCEPT_WAIT_MS,
	),
	measured(
		'rtt_ms',
		'float',
		"the TCP socket's smoothed round-trip time when it was closed; NULL while open, and without type information (BTF)",
		layout.CONNECTION_RTT_MS,
	),
	measured(
		'retransmits',
		'int',
		'segments that the socket had sent again when it was closed; NULL likewise',
		layout.CONNECTION_RETRANSMITS,
	),
	{
		name: 'syscalls',
		type: 'text',
		description: 'calls seen, in order of first use',
		value: (entries, at) => connectionSyscalls(rangeText(entries, at, layout.CONNECTION_SYSCALLS)),
	},
	hello('sni', 'TLS: the server that the client names', (client) => (client === undefined ? null : nameText(client))),
	hello(
		'alpn',
		'TLS: protocols that the client offers, e.g. h2,http/1.1; up to TLS 1.2 with the choice of the server: …; chosen: h2',
		protocolNames,
	),
	hello('tls_version', 'TLS: 1.3, 1.2, 1.1, 1.0 or SSL 3.0, as chosen by the server', (_, server) =>
		server === undefined ? null : chosenVersion(server),
	),
	hello('cipher', 'TLS: the cipher suite, likewise, by the name that IANA registered', (_, server) =>
		server === undefined ? null : chosenCipher(server),
	),
	hello(
		'ech',
		'TLS: yes or no: whether the client offers an encrypted hello (ECH); browsers also pretend to',
		(client) => (client === undefined ? null : offersEch(client) ? 'yes' : 'no'),
	),
	hello('ja4', 'TLS: fingerprint of the client (JA4)', (client) => (client === undefined ? null : ja4(client))),
];

export const BLIND_SPOT_COLUMNS: readonly EntryColumn[] = [
	unsigned('pid', 'process', layout.BLIND_SPOT_PID),
	range('comm', "the process's name", layout.BLIND_SPOT_COMM),
	word('what', 'io_uring, tls, http2, splice, 32-bit or aio', layout.BLIND_SPOT_WHAT, BLIND_SPOTS),
	range('evidence', 'what was seen', layout.BLIND_SPOT_EVIDENCE),
	float('times', 'how often', layout.BLIND_SPOT_TIMES),
	instant('last_ts', 'last time (UTC)', layout.BLIND_SPOT_LAST_TS),
];

/** Offsets of the entries of `type` in `source`, in order. */
export function entryOffsets(source: EntryBytes, length: number, type: number): number[] {
	const offsets: number[] = [];
	for (let at = 0; at < length; ) {
		const size = source.u32[(at + layout.ENTRY_SIZE) >> 2]!;
		if (size < 8) break;
		if (source.u32[(at + layout.ENTRY_TYPE) >> 2] === type) offsets.push(at);
		at += size;
	}
	return offsets;
}

/** A table over the entries of one type in a copy of the decoder's output. */
export function entryTable(
	name: string,
	columns: readonly EntryColumn[],
	type: number,
	output: ArrayBufferLike,
): TableSnapshot {
	const entries = entryBytes(output);
	const offsets = entryOffsets(entries, output.byteLength, type);
	return {
		name,
		columns,
		rowCount: offsets.length,
		reader: (index) => entryReader(columns[index]!, entries, offsets),
	};
}

function entryReader(column: EntryColumn, entries: EntryBytes, offsets: readonly number[]): ColumnReader {
	const { value, number } = column;
	const reader: ColumnReader = { value: (row) => value(entries, offsets[row]!) };
	if (number !== undefined) reader.number = (row) => number(entries, offsets[row]!);
	return reader;
}

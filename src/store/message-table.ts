// Table `messages`, read from the chunks of the message log.
import * as layout from '../../decoder-as/assembly/wire/output-layout.ts';
import { messageNote } from '../decode/message-note.ts';
import { DIRECTIONS, MESSAGE_KINDS } from '../decode/words.ts';
import { entriesOf, type MessageChunk, type MessageSnapshot } from './message-log.ts';
import { type EntryBytes, entryBytes } from './row-writer.ts';
import type { Column, ColumnReader, SqlValue, TableSnapshot } from './table.ts';
import { formatTimestamp } from './timestamp.ts';
import { wireText } from './wire-text.ts';

type MessageColumn = Column & {
	readonly value: (entries: EntryBytes, at: number) => SqlValue;
	readonly number?: (entries: EntryBytes, at: number) => number;
	/** A number for each text. */
	readonly code?: (entries: EntryBytes, at: number) => number;
};

const word = ({ u32 }: EntryBytes, at: number, offset: number): number => u32[(at + offset) >> 2]!;
const float = ({ f64 }: EntryBytes, at: number, offset: number): number => f64[(at + offset) >> 3]!;

function whole(name: string, description: string, number: NonNullable<MessageColumn['number']>): MessageColumn {
	const value = (entries: EntryBytes, at: number) => {
		const found = number(entries, at);
		return Number.isNaN(found) ? null : found;
	};
	return { name, type: 'int', description, number, value };
}

function text(name: string, description: string, offset: number): MessageColumn {
	return { name, type: 'text', description, value: (entries, at) => rangeText(entries, at, offset) };
}

function listed(name: string, description: string, offset: number, words: readonly (string | null)[]): MessageColumn {
	return {
		name,
		type: 'text',
		description,
		value: (entries, at) => words[word(entries, at, offset)] ?? null,
		code: (entries, at) => {
			const code = word(entries, at, offset);
			return (words[code] ?? null) === null ? -1 : code;
		},
	};
}

function rangeBytes(entries: EntryBytes, at: number, offset: number): Uint8Array | null {
	const start = word(entries, at, offset);
	if (start === 0) return null;
	const { bytes } = entries;
	return bytes.subarray(at + start, at + start + word(entries, at, offset + 4));
}

function rangeText(entries: EntryBytes, at: number, offset: number): string | null {
	const bytes = rangeBytes(entries, at, offset);
	if (bytes === null) return null;
	return wireText(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.byteLength);
}

/** Bytes of the code that begins the payload of a close frame. */
const CLOSE_CODE_BYTES = 2;

function closeCode(entries: EntryBytes, at: number): number {
	if (word(entries, at, layout.MESSAGE_KIND) !== layout.MESSAGE_KIND_CLOSE) return Number.NaN;
	const payload = rangeBytes(entries, at, layout.MESSAGE_DATA);
	const isGapped = (word(entries, at, layout.MESSAGE_FLAGS) & layout.MESSAGE_FLAG_GAPPED) !== 0;
	return payload === null || payload.length < CLOSE_CODE_BYTES || isGapped
		? Number.NaN
		: payload[0]! * 256 + payload[1]!;
}

/** The held bytes as text; for a close frame, the reason. */
function dataText(entries: EntryBytes, at: number): string | null {
	const bytes = rangeBytes(entries, at, layout.MESSAGE_DATA);
	if (bytes === null || isCompressed(entries, at)) return null;
	const isClose = word(entries, at, layout.MESSAGE_KIND) === layout.MESSAGE_KIND_CLOSE;
	return Buffer.from(isClose ? bytes.subarray(CLOSE_CODE_BYTES) : bytes).toString('utf8');
}

/** Whether the held bytes are still compressed. */
function isCompressed(entries: EntryBytes, at: number): boolean {
	return word(entries, at, layout.MESSAGE_CODING) !== layout.MESSAGE_CODING_NONE;
}

const held = (entries: EntryBytes, at: number): number =>
	word(entries, at, layout.MESSAGE_DATA) === 0 ? Number.NaN : word(entries, at, layout.MESSAGE_DATA + 4);

export const MESSAGE_COLUMNS: readonly MessageColumn[] = [
	whole('exchange_id', 'joins exchanges.id', (entries, at) => float(entries, at, layout.MESSAGE_EXCHANGE)),
	whole('seq', 'order within the exchange, both directions together, from 1', (entries, at) =>
		word(entries, at, layout.MESSAGE_SEQ),
	),
	{
		name: 'ts',
		type: 'datetime',
		description: 'when the call that completed it returned (UTC)',
		number: (entries, at) => float(entries, at, layout.MESSAGE_TS),
		value: (entries, at) => formatTimestamp(float(entries, at, layout.MESSAGE_TS)),
	},
	listed('direction', 'in or out, seen from the observed process', layout.MESSAGE_DIRECTION, DIRECTIONS),
	listed(
		'kind',
		'event (server-sent), text, binary, ping, pong, close (WebSocket; text is also a line of NDJSON), grpc, part (multipart/x-mixed-replace); NULL where messages could not be told apart',
		layout.MESSAGE_KIND,
		MESSAGE_KINDS,
	),
	text('event', "name of a server-sent event; a part's media type", layout.MESSAGE_EVENT),
	text('event_id', 'id that a server-sent event carries', layout.MESSAGE_EVENT_ID),
	whole('bytes', 'true length, without framing; NULL if it is not known', (entries, at) =>
		float(entries, at, layout.MESSAGE_BYTES),
	),
	whole('captured_bytes', 'how many of these bytes are held', (entries, at) => held(entries, at) || 0),
	{
		name: 'data',
		type: 'text',
		description: 'held bytes as text, unmasked and decompressed; of a close frame, the reason; NULL if nothing is held',
		value: dataText,
	},
	{
		name: 'data_raw',
		type: 'blob',
		description: 'held bytes; compressed only if they could not be decompressed',
		value: (entries, at) => {
			const bytes = rangeBytes(entries, at, layout.MESSAGE_DATA);
			return bytes === null ? null : Uint8Array.from(bytes);
		},
	},
	whole('close_code', 'status code of a close frame; NULL if it has none', closeCode),
	{
		name: 'note',
		type: 'text',
		description: 'why it is not held in full or not known; otherwise NULL',
		value: (entries, at) =>
			messageNote({
				kind: word(entries, at, layout.MESSAGE_KIND),
				flags: word(entries, at, layout.MESSAGE_FLAGS),
				coding: word(entries, at, layout.MESSAGE_CODING),
				captured: held(entries, at) || 0,
				limited: float(entries, at, layout.MESSAGE_LIMITED),
				noMemory: float(entries, at, layout.MESSAGE_NO_MEMORY),
				missing: float(entries, at, layout.MESSAGE_MISSING),
				missingReason: word(entries, at, layout.MESSAGE_MISSING_REASON),
			}),
	},
];

/** Row numbers as places in chunks. */
class Places {
	readonly chunks: readonly EntryBytes[];
	/** Chunk and offset of each row. */
	readonly chunkOf: Uint32Array;
	readonly offsetOf: Uint32Array;

	/** `from`: how many of the appended messages are passed over. */
	constructor(chunks: readonly MessageChunk[], from: number) {
		this.chunks = chunks.map(({ buffer }) => entryBytes(buffer));
		const inChunks: number[] = [];
		const offsets: number[] = [];
		for (const [index, { u32 }] of this.chunks.entries()) {
			const { end, first } = chunks[index]!;
			for (const at of entriesOf({ u32, end }, from - first)) {
				inChunks.push(index);
				offsets.push(at);
			}
		}
		this.chunkOf = Uint32Array.from(inChunks);
		this.offsetOf = Uint32Array.from(offsets);
	}
}

/**
 * `snapshot` is undefined if the statement does not read the table. `from`: without the messages that were appended
 * first, so many of them.
 */
export function messageTable(snapshot: MessageSnapshot | undefined, from = 0): TableSnapshot {
	let made: Places | undefined;
	const places = () => {
		made ??= new Places(snapshot?.chunks ?? [], from);
		return made;
	};
	let byExchange: ReadonlyMap<number, readonly number[]> | undefined;
	return {
		name: 'messages',
		columns: MESSAGE_COLUMNS,
		get rowCount() {
			return places().offsetOf.length;
		},
		reader: (index) => messageReader(MESSAGE_COLUMNS[index]!, places()),
		find: (index, value) => {
			if (index !== 0) return undefined;
			byExchange ??= rowsByExchange(places());
			return byExchange.get(value) ?? [];
		},
	};
}

function messageReader(column: MessageColumn, { chunks, chunkOf, offsetOf }: Places): ColumnReader {
	const reading =
		<T>(read: (entries: EntryBytes, at: number) => T) =>
		(row: number): T =>
			read(chunks[chunkOf[row]!]!, offsetOf[row]!);
	const reader: ColumnReader = { value: reading(column.value) };
	if (column.number !== undefined) reader.number = reading(column.number);
	if (column.code !== undefined) reader.code = reading(column.code);
	return reader;
}

function rowsByExchange({ chunks, chunkOf, offsetOf }: Places): ReadonlyMap<number, readonly number[]> {
	const rows = new Map<number, number[]>();
	for (const [row, at] of offsetOf.entries()) {
		const exchange = float(chunks[chunkOf[row]!]!, at, layout.MESSAGE_EXCHANGE);
		const before = rows.get(exchange);
		if (before === undefined) rows.set(exchange, [row]);
		else before.push(row);
	}
	return rows;
}

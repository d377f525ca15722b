// Tables `exchanges` and `inflight`: the columns of the contract as readers over segments.
import { anomalyWords, PROCESS_SIDES, REASONS, STATES, SYSCALL_NAMES, syscallList } from '../decode/words.ts';
import {
	dictionaryEntry,
	dictionaryText,
	fieldValue,
	headersJson,
	noteText,
	pathText,
	queryText,
	rawBody,
	readableBody,
	urlText,
} from './exchange-row.ts';
import type { F64Member, Segment, TextMember } from './segment.ts';
import type { Column, ColumnReader, SqlValue, TableSnapshot } from './table.ts';
import { formatTimestamp } from './timestamp.ts';

/** Rows `first … rows-1` of a segment. */
export type SegmentRows = { readonly segment: Segment; readonly first: number; readonly rows: number };

type ExchangeColumn = Column & {
	readonly value: (segment: Segment, row: number) => SqlValue;
	readonly number?: (segment: Segment, row: number) => number;
	/** The segment's dictionary code, or a code that means the same text in every segment. */
	readonly dictionary?: TextMember;
	readonly code?: (segment: Segment, row: number) => number;
};

const numeric = (name: F64Member, type: 'int' | 'float', description: string): ExchangeColumn => ({
	name,
	type,
	description,
	value: (segment, row) => nullable(segment.f64[name][row]!),
	number: (segment, row) => segment.f64[name][row]!,
});

const dictionary = (name: TextMember, description: string): ExchangeColumn => ({
	name,
	type: 'text',
	description,
	value: (segment, row) => dictionaryText(segment, name, row),
	dictionary: name,
});

/** A text that is one of a fixed list: its number is its code in every segment. */
const word = (
	name: string,
	description: string,
	words: readonly (string | null)[],
	code: (segment: Segment, row: number) => number,
): ExchangeColumn => ({
	name,
	type: 'text',
	description,
	value: (segment, row) => words[code(segment, row)] ?? null,
	code: (segment, row) => {
		const index = code(segment, row);
		return (words[index] ?? null) === null ? -1 : index;
	},
});

const text = (
	name: string,
	description: string,
	value: (segment: Segment, row: number) => SqlValue,
): ExchangeColumn => ({ name, type: 'text', description, value });

/** The columns of `exchanges` in the order of `SELECT *`. */
export const EXCHANGE_COLUMNS: readonly ExchangeColumn[] = [
	numeric('id', 'int', '1, 2, 3 … in the order request heads became complete'),
	{
		name: 'ts',
		type: 'datetime',
		description: "when the call that brought the request's first byte returned (UTC)",
		value: (segment, row) => formatTimestamp(segment.f64.ts[row]!),
		number: (segment, row) => segment.f64.ts[row]!,
	},
	word('state', 'open, complete, incomplete, unanswered or upgraded', STATES, (s, row) => s.u8.state[row]!),
	word('reason', 'why not complete; NULL when complete', REASONS, (s, row) => s.u8.reason[row]!),
	word('side', 'what the observed process is here: server or client', PROCESS_SIDES, (s, row) => s.u8.side[row]!),
	{
		name: 'pair_id',
		type: 'int',
		description: 'id of the same exchange seen from the other side on this host',
		value: (segment, row) => segment.f64.pair_id[row]! || null,
		number: (segment, row) => segment.f64.pair_id[row]! || Number.NaN,
	},
	unsigned('pid', 'process'),
	unsigned('tid', "thread that sent or received the request's first byte"),
	dictionary('comm', "the process's name"),
	dictionary('thread_comm', "the thread's name"),
	{
		...dictionary('cmdline', 'command line, where it could be read'),
		// The record separates arguments by 0x1F, which no shell types.
		value: (segment, row) => dictionaryText(segment, 'cmdline', row)?.replaceAll('\x1f', ' ') ?? null,
	},
	dictionary('cgroup', 'cgroup path, where it could be read'),
	numeric('conn', 'int', 'connection id; joins connections'),
	dictionary('local', 'ip:port, [v6]:port or unix:/path; NULL when not known'),
	dictionary('remote', 'the same for the other end'),
	dictionary('method', 'request method'),
	text('path', 'request target up to ?', pathText),
	text('query_string', 'request target after ?; NULL when there is none', queryText),
	dictionary('host', "from the target's authority, else the Host field"),
	text('url', 'absolute URL', urlText),
	{
		name: 'http_version',
		type: 'text',
		description: 'of the final response where there is one, else of the request',
		value: (segment, row) => versionText(segment.u16.http_version[row]!),
		code: (segment, row) => segment.u16.http_version[row]! || -1,
	},
	{
		name: 'status',
		type: 'int',
		description: 'of the final response; NULL when there is none',
		value: (segment, row) => segment.u16.status[row]! || null,
		number: (segment, row) => segment.u16.status[row]! || Number.NaN,
	},
	dictionary('status_text', 'reason phrase of the final response'),
	dictionary('interim', 'statuses of interim responses, e.g. 100,103'),
	numeric('duration_ms', 'float', "request's first byte to response's last byte"),
	numeric('ttfb_ms', 'float', "request's last byte to the final response's first byte"),
	json('req_headers', 'request fields: name (lower-cased) → value', (s, row) => headersJson(s, row, 'request')),
	json('res_headers', 'response fields: name (lower-cased) → value', (s, row) => headersJson(s, row, 'response')),
	numeric('req_body_bytes', 'int', 'true length of the request body after transfer decoding'),
	numeric('res_body_bytes', 'int', 'true length of the response body after transfer decoding'),
	numeric('req_captured_bytes', 'int', 'how many of these bytes are held'),
	numeric('res_captured_bytes', 'int', 'how many of these bytes are held'),
	numeric('res_wire_bytes', 'int', 'bytes of the response on the wire, head and framing included'),
	text('req_body', 'held bytes as text: content- and charset-decoded; NULL when nothing was captured', (s, row) =>
		readableBody(s, row, 'request'),
	),
	text('res_body', 'held bytes as text: content- and charset-decoded; NULL when nothing was captured', (s, row) =>
		readableBody(s, row, 'response'),
	),
	blob('req_body_raw', 'held bytes before content decoding', (s, row) => rawBody(s, row, 'request')),
	blob('res_body_raw', 'held bytes before content decoding', (s, row) => rawBody(s, row, 'response')),
	text('req_body_note', 'why the request body is not held in full; NULL when it is', (s, row) =>
		noteText(s, row, 'request'),
	),
	text('res_body_note', 'why the response body is not held in full; NULL when it is', (s, row) =>
		noteText(s, row, 'response'),
	),
	word('via', 'syscall that carried the response body', SYSCALL_NAMES, (s, row) => s.u8.via[row]!),
	{
		name: 'vias',
		type: 'text',
		description: 'all of them in order of first use, e.g. write+sendfile',
		value: (segment, row) => syscallList(dictionaryText(segment, 'vias', row)),
		dictionary: 'vias',
	},
	word('req_via', 'syscall that carried the request', SYSCALL_NAMES, (s, row) => s.u8.req_via[row]!),
	text('content_type', "the response's Content-Type", (s, row) => fieldValue(s, row, 'response', 'content-type')),
	text('content_encoding', "the response's Content-Encoding", (s, row) =>
		fieldValue(s, row, 'response', 'content-encoding'),
	),
	text('user_agent', "the request's User-Agent", (s, row) => fieldValue(s, row, 'request', 'user-agent')),
	numeric('lost_bytes', 'int', 'bytes of this exchange known to be lost'),
	{
		name: 'anomalies',
		type: 'text',
		description: 'oddities of grammar or framing, comma-separated; NULL normally',
		value: (segment, row) => anomalyWords(segment.u32.anomalies_low[row]!, segment.u32.anomalies_high[row]!),
	},
];

/** The column that `inflight` has besides those of `exchanges`. */
const AGE_COLUMN: Column = {
	name: 'age_ms',
	type: 'float',
	description: "milliseconds since the request's first byte",
};

export const INFLIGHT_COLUMNS: readonly Column[] = [...EXCHANGE_COLUMNS, AGE_COLUMN];

/** Table `exchanges` over committed segments and the open rows of the same instant. */
export function exchangeTable(parts: readonly SegmentRows[]): TableSnapshot {
	return segmentsTable('exchanges', EXCHANGE_COLUMNS, new RowLocator(parts));
}

/** Table `inflight`: the open rows with their age at `nowUs` (microseconds since the epoch). */
export function inflightTable(parts: readonly SegmentRows[], nowUs: number): TableSnapshot {
	const age = (segment: Segment, row: number) => Math.max(0, (nowUs - segment.f64.ts[row]!) / 1000);
	return segmentsTable(
		'inflight',
		[...EXCHANGE_COLUMNS, { ...AGE_COLUMN, value: age, number: age }],
		new RowLocator(parts),
	);
}

/** Finds the segment of a row number; sequential reads find it where the last one was. */
export class RowLocator {
	readonly rowCount: number;
	readonly parts: readonly SegmentRows[];
	/** After seek(): the segment and the row within it. */
	segment!: Segment;
	#start = 0;
	#end = 0;
	#shift = 0;
	readonly #starts: number[] = [];

	constructor(parts: readonly SegmentRows[]) {
		this.parts = parts.filter(({ first, rows }) => rows > first);
		let total = 0;
		for (const { first, rows } of this.parts) {
			this.#starts.push(total);
			total += rows - first;
		}
		this.rowCount = total;
	}

	/** The row within `this.segment` of table row `row`. */
	seek(row: number): number {
		if (row < this.#start || row >= this.#end) this.#find(row);
		return row + this.#shift;
	}

	/** Another locator over the same rows, with its own position. */
	clone(): RowLocator {
		return new RowLocator(this.parts);
	}

	#find(row: number): void {
		let low = 0;
		let high = this.#starts.length - 1;
		while (low < high) {
			const middle = (low + high + 1) >> 1;
			if (this.#starts[middle]! <= row) low = middle;
			else high = middle - 1;
		}
		const part = this.parts[low]!;
		this.segment = part.segment;
		this.#start = this.#starts[low]!;
		this.#end = this.#start + part.rows - part.first;
		this.#shift = part.first - this.#start;
	}
}

/** How far from its likely place an id is looked for before all rows are. */
const ID_NEIGHBOURS = 1024;

/**
 * The row with this id, or none. Rows lie in the order exchanges ended, ids are given in the order they began: a row is near
 * the place where its id would be if both were the same.
 */
export function rowsOfId(rows: RowLocator, id: number): readonly number[] {
	const idOf = (row: number) => {
		const inner = rows.seek(row);
		return rows.segment.f64.id[inner]!;
	};
	const last = rows.rowCount - 1;
	if (last < 0) return [];
	const likely = Math.min(last, Math.max(0, Math.round(id - idOf(0))));
	for (let distance = 0; distance <= ID_NEIGHBOURS; distance++) {
		if (likely + distance <= last && idOf(likely + distance) === id) return [likely + distance];
		if (likely >= distance && idOf(likely - distance) === id) return [likely - distance];
	}
	for (let row = 0; row <= last; row++) if (idOf(row) === id) return [row];
	return [];
}

function segmentsTable(name: string, columns: readonly ExchangeColumn[], rows: RowLocator): TableSnapshot {
	return {
		name,
		columns,
		rowCount: rows.rowCount,
		reader: (index) => segmentsReader(columns[index]!, rows.clone()),
		find: (index, value) => (columns[index]!.name === 'id' ? rowsOfId(rows.clone(), value) : undefined),
	};
}

function segmentsReader(column: ExchangeColumn, rows: RowLocator): ColumnReader {
	const { value, number, code, dictionary: member } = column;
	const reader: ColumnReader = {
		value: (row) => {
			const inner = rows.seek(row);
			return value(rows.segment, inner);
		},
	};
	if (number !== undefined) {
		reader.number = (row) => {
			const inner = rows.seek(row);
			return number(rows.segment, inner);
		};
	}
	if (code !== undefined) {
		reader.code = (row) => {
			const inner = rows.seek(row);
			return code(rows.segment, inner);
		};
	}
	if (member !== undefined) {
		const codes = new TextCodes();
		reader.code = (row) => {
			const inner = rows.seek(row);
			return codes.of(rows.segment, rows.segment.text[member][inner]!);
		};
	}
	return reader;
}

/** Codes that mean the same text in every segment: each segment's own code is translated once. */
class TextCodes {
	readonly #byText = new Map<string, number>();
	readonly #bySegment = new Map<Segment, Int32Array>();
	#segment: Segment | undefined;
	#codes: Int32Array | undefined;

	of(segment: Segment, code: number): number {
		if (code === 0) return -1;
		if (segment !== this.#segment) {
			let codes = this.#bySegment.get(segment);
			if (codes === undefined) {
				codes = new Int32Array(segment.dictionaryOffset.length + 1).fill(-1);
				this.#bySegment.set(segment, codes);
			}
			this.#segment = segment;
			this.#codes = codes;
		}
		const known = this.#codes![code]!;
		if (known >= 0) return known;
		const entry = dictionaryEntry(segment, code)!;
		let shared = this.#byText.get(entry);
		if (shared === undefined) {
			shared = this.#byText.size;
			this.#byText.set(entry, shared);
		}
		this.#codes![code] = shared;
		return shared;
	}
}

function unsigned(name: 'pid' | 'tid', description: string): ExchangeColumn {
	return {
		name,
		type: 'int',
		description,
		value: (segment, row) => segment.u32[name][row]!,
		number: (segment, row) => segment.u32[name][row]!,
	};
}

function json(name: string, description: string, value: ExchangeColumn['value']): ExchangeColumn {
	return { name, type: 'json', description, value };
}

function blob(name: string, description: string, value: ExchangeColumn['value']): ExchangeColumn {
	return { name, type: 'blob', description, value };
}

function nullable(value: number): number | null {
	return Number.isNaN(value) ? null : value;
}

function versionText(version: number): string | null {
	return version === 0 ? null : `${version >> 8}.${version & 255}`;
}

// Writes the rows of a block column by column (native-format.ts). Columns that are NULL in all rows are left out.
import { NO_NAMES } from '../store/remote-names.ts';
import type { Segment } from '../store/segment.ts';
import type { SqlValue } from '../store/table.ts';
import type { BlockRows, Run } from './block-rows.ts';
import { declaredColumns } from './clickhouse-ddl.ts';
import type { ExchangeRow, RowSettings } from './exchange-row.ts';
import type { MessageFields } from './message-fields.ts';
import { LIST_TYPE, TIME_TYPE } from './native-format.ts';
import type { Origin } from './origin.ts';
import { READINGS, type Reading, type SentColumn } from './sent-columns.ts';
import { microsecondsOf, SENT_COLUMNS, storeTable } from './store-tables.ts';
import { NULL, type TextPieces } from './text-pieces.ts';

/** Their types in the portable form, which every version understands. */
const TYPES: ReadonlyMap<string, string> = new Map(
	declaredColumns(storeTable('exchanges'), { portable: true }).map(({ name, type }) => [name, type]),
);
const TWO_32 = 2 ** 32;
/** Their number is one byte. */
const MOST_COLUMNS = 0x7f;

/** What is known of the codes of a column in a segment. */
type Known = { readonly segment: Segment; readonly pieces: Int32Array[]; readonly numbers: number[][] };

export class BlockWriter {
	readonly #pieces: TextPieces;
	readonly #origin: Origin;
	/** The end of the note of a body that is not sent. */
	readonly #noteEnd: Buffer;
	/** The last segments. */
	#known: Known[] = [];
	#columns = 0;
	/** Numbers of one column: each as 64 bits. */
	#words = new Uint32Array(0);
	#floats = new Float64Array(0);
	#bytes = new Uint8Array(0);

	constructor(pieces: TextPieces, { origin, bodiesText }: RowSettings & { readonly origin: Origin }) {
		this.#pieces = pieces;
		this.#origin = origin;
		this.#noteEnd = Buffer.from(` bytes not sent (--bodies ${bodiesText})`);
	}

	/** Forgets what is in memory. */
	forget(): void {
		this.#known = [];
	}

	/** The block. It is valid until more is written to memory. `first`: the number of its first row. */
	write(rows: BlockRows, first: number): Buffer {
		const { memory } = this.#pieces;
		if (this.#words.length < rows.count * 2) {
			this.#floats = new Float64Array(Math.max(rows.count, 256));
			this.#words = new Uint32Array(this.#floats.buffer);
			this.#bytes = new Uint8Array(this.#floats.buffer);
		}
		// Texts are written to memory before the block begins.
		this.#resolve(rows);
		const start = memory.end;
		this.#columns = 0;
		// How many columns there are is known only later.
		memory.byte(0);
		memory.number(rows.count);
		this.#originColumns(rows, first);
		for (const [index, column] of SENT_COLUMNS.entries()) this.#column(rows, column, READINGS[index]!, index);
		this.#fieldColumns(rows, 'req');
		this.#fieldColumns(rows, 'res');
		for (const [name, type] of [
			[microsecondsOf('ts'), 'Int64'],
			['ts', TIME_TYPE],
		] as const) {
			this.#head(name, type);
			for (let row = 0; row < rows.count; row++) this.#setInteger(row, rows.time(row));
			this.#numbers(rows.count);
		}
		if (this.#columns > MOST_COLUMNS) throw new Error(`expected at most ${MOST_COLUMNS} columns, got ${this.#columns}`);
		memory.bytes[start] = this.#columns;
		const block = memory.bytes.subarray(start, memory.end);
		memory.end = start;
		return block;
	}

	/** Writes texts to memory of which the columns will have copies. */
	#resolve(rows: BlockRows): void {
		for (const run of rows.runs) {
			const { segment } = run;
			if (segment === undefined) continue;
			const { pieces, numbers } = this.#knownOf(segment);
			for (const [index, reading] of READINGS.entries()) {
				if (reading.by === 'codes') this.#resolveCodes(rows, run, reading, SENT_COLUMNS[index]!, pieces);
				else if (reading.by === 'derived') resolveNumbers(rows, run, reading, SENT_COLUMNS[index]!, numbers);
			}
		}
	}

	#resolveCodes(
		rows: BlockRows,
		{ segment, from, to }: Run,
		{ of, place }: CodesReading,
		{ name, value }: SentColumn,
		pieces: Known['pieces'],
	): void {
		const codes = of(segment!);
		let known = pieces[place] ?? new Int32Array(64).fill(-1);
		for (let at = from; at < to; at++) {
			const row = rows.row[at]!;
			const code = codes[row]!;
			if (code >= known.length) known = longer(known, code);
			if (known[code]! < 0) known[code] = this.#pieces.column(name, value(segment!, row, NO_NAMES) as string | null);
		}
		pieces[place] = known;
	}

	#knownOf(segment: Segment): Known {
		let known = this.#known.find((each) => each.segment === segment);
		if (known !== undefined) return known;
		known = { segment, pieces: [], numbers: [] };
		this.#known = [known, ...this.#known.slice(0, 1)];
		return known;
	}

	#head(name: string, type: string): void {
		const { memory } = this.#pieces;
		memory.string(name);
		memory.string(type);
		this.#columns++;
	}

	#originColumns({ count }: BlockRows, first: number): void {
		const { memory } = this.#pieces;
		const { hostName, run, agentVersion, labels } = this.#origin;
		const text = (name: string, value: string) => {
			this.#head(name, 'String');
			const at = memory.end;
			memory.string(value);
			const size = memory.end - at;
			for (let row = 1; row < count; row++) memory.again(at, size);
		};
		const integer = (name: string, of: (row: number) => number) => {
			this.#head(name, 'Int64');
			for (let row = 0; row < count; row++) this.#setInteger(row, of(row));
			this.#numbers(count);
		};
		text('host_name', hostName);
		integer('run', () => run);
		integer('seq', (row) => first + row);
		text('agent_version', agentVersion);
		if (labels.length === 0) return;
		for (const [name, place] of [
			['label_names', 0],
			['label_values', 1],
		] as const) {
			this.#head(name, LIST_TYPE);
			for (let row = 0; row < count; row++) this.#setInteger(row, (row + 1) * labels.length);
			this.#numbers(count);
			for (let row = 0; row < count; row++) for (const label of labels) memory.string(label[place]);
		}
	}

	#column(rows: BlockRows, column: SentColumn, reading: Reading, index: number): void {
		if (reading.by === 'time') return;
		const { memory } = this.#pieces;
		const start = memory.end;
		const type = TYPES.get(column.name)!;
		this.#head(column.name, type);
		const nullsAt = memory.end;
		if (type.startsWith('Nullable')) {
			memory.reserve(rows.count);
			memory.bytes.fill(0, nullsAt, nullsAt + rows.count);
			memory.end += rows.count;
		}
		const isText = type.includes('String');
		const isFloat = type.includes('Float64');
		let nulls = 0;
		for (const run of rows.runs) {
			if (run.segment === undefined) {
				for (let at = run.from; at < run.to; at++) {
					const value = rows.whole.get(at)!.values[index]!;
					nulls += isText ? this.#setText(at, value, nullsAt) : this.#setNumber(at, value, isFloat, nullsAt);
				}
			} else if (isText) nulls += this.#texts(rows, run, reading, nullsAt);
			else nulls += this.#numbersOf(rows, run, reading, column, isFloat, nullsAt);
		}
		if (nulls === rows.count) {
			memory.end = start;
			this.#columns--;
		} else if (!isText) this.#numbers(rows.count);
	}

	/** Writes the texts of rows of a segment. Returns how many are NULL. */
	#texts(rows: BlockRows, run: Run, reading: Reading, nullsAt: number): number {
		switch (reading.by) {
			case 'codes':
				return this.#codeTexts(rows, run, reading, nullsAt);
			case 'piece':
				return this.#pieceTexts(rows.pieces[reading.place]!, run, nullsAt);
			case 'path':
			case 'query':
			case 'url':
				return this.#placeTexts(rows[reading.by], run, nullsAt);
			case 'body':
			case 'note':
				return this.#bodyTexts(rows, run, reading, nullsAt);
			default:
				throw new Error(`expected a column of texts, got one that is read by ${reading.by}`);
		}
	}

	#codeTexts({ row }: BlockRows, { segment, from, to }: Run, { of, place }: CodesReading, nullsAt: number): number {
		const pieces = this.#pieces;
		const codes = of(segment!);
		const known = this.#knownOf(segment!).pieces[place]!;
		let nulls = 0;
		for (let at = from; at < to; at++) {
			const piece = known[codes[row[at]!]!]!;
			if (piece === NULL) nulls += this.#noText(at, nullsAt);
			else pieces.again(piece);
		}
		return nulls;
	}

	#pieceTexts(list: Int32Array, { from, to }: Run, nullsAt: number): number {
		const pieces = this.#pieces;
		let nulls = 0;
		for (let at = from; at < to; at++) {
			const piece = list[at]!;
			if (piece === NULL) nulls += this.#noText(at, nullsAt);
			else pieces.again(piece);
		}
		return nulls;
	}

	#placeTexts(places: BlockRows['path'], { from, to }: Run, nullsAt: number): number {
		const { memory } = this.#pieces;
		let nulls = 0;
		for (let at = from; at < to; at++) {
			const size = places.size[at]!;
			if (size < 0) nulls += this.#noText(at, nullsAt);
			else {
				memory.number(size);
				memory.again(places.at[at]!, size);
			}
		}
		return nulls;
	}

	/** A body that is not sent, of which nothing is held, or its note. */
	#bodyTexts({ row }: BlockRows, { segment, from, to }: Run, { by, message }: BodyReading, nullsAt: number): number {
		const { memory } = this.#pieces;
		const bytes = segment!.f64[`${message}_body_bytes`];
		const lengths = segment!.u32[`${message}_body_length`];
		let nulls = 0;
		for (let at = from; at < to; at++) {
			const length = bytes[row[at]!]!;
			if (by === 'note' && length > 0) this.#note(length);
			else if (by === 'body' && !(length > 0) && lengths[row[at]!] === 0) memory.number(0);
			else nulls += this.#noText(at, nullsAt);
		}
		return nulls;
	}

	#note(bytes: number): void {
		const { memory } = this.#pieces;
		const digits = String(bytes);
		memory.number(NOTE_START.byteLength + digits.length + this.#noteEnd.byteLength);
		memory.copy(NOTE_START, 0, NOTE_START.byteLength);
		for (let i = 0; i < digits.length; i++) memory.byte(digits.charCodeAt(i));
		memory.copy(this.#noteEnd, 0, this.#noteEnd.byteLength);
	}

	/** Writes the value of a row that is NULL, and returns 1. */
	#noText(at: number, nullsAt: number): 1 {
		const { memory } = this.#pieces;
		memory.byte(0);
		memory.bytes[nullsAt + at] = 1;
		return 1;
	}

	#setText(at: number, value: SqlValue, nullsAt: number): 0 | 1 {
		if (typeof value !== 'string') return this.#noText(at, nullsAt);
		this.#pieces.memory.string(value);
		return 0;
	}

	/** Reads the numbers of rows of a segment. Returns how many are NULL. */
	#numbersOf(
		rows: BlockRows,
		run: Run,
		reading: Reading,
		{ name, value }: SentColumn,
		isFloat: boolean,
		nullsAt: number,
	): number {
		const { row } = rows;
		const { segment, from, to } = run;
		let nulls = 0;
		if (reading.by === 'numbers') {
			const numbers = reading.of(segment!);
			const { zeroIsNull } = reading;
			for (let at = from; at < to; at++) {
				const number = numbers[row[at]!]!;
				if (zeroIsNull && number === 0) nulls += this.#noNumber(at, nullsAt);
				else nulls += this.#setNumber(at, number, isFloat, nullsAt);
			}
		} else if (reading.by === 'derived') {
			const codes = reading.of(segment!);
			const known = this.#knownOf(segment!).numbers[reading.place]!;
			for (let at = from; at < to; at++) nulls += this.#setNumber(at, known[codes[row[at]!]!]!, isFloat, nullsAt);
		} else if (reading.by === 'captured') {
			const bytes = segment!.f64[`${reading.message}_body_bytes`];
			const captured = segment!.f64[`${reading.message}_captured_bytes`];
			for (let at = from; at < to; at++)
				nulls += this.#setNumber(at, bytes[row[at]!]! > 0 ? 0 : captured[row[at]!]!, isFloat, nullsAt);
		} else if (reading.by === 'number') {
			const isOfGrpc = name === 'grpc_status';
			for (let at = from; at < to; at++) {
				const isNull = isOfGrpc && !rows.req[at]!.isGrpc && !rows.res[at]!.isGrpc;
				nulls += this.#setNumber(at, isNull ? null : value(segment!, row[at]!, NO_NAMES), isFloat, nullsAt);
			}
		} else throw new Error(`expected a column of numbers, got one that is read by ${reading.by}`);
		return nulls;
	}

	/** Sets a number of the column that is being made; returns 1 if it is NULL. */
	#setNumber(at: number, value: SqlValue, isFloat: boolean, nullsAt: number): 0 | 1 {
		if (typeof value === 'number' && Number.isFinite(value)) {
			if (isFloat) this.#floats[at] = value;
			else this.#setInteger(at, value);
			return 0;
		}
		if (typeof value !== 'bigint') return this.#noNumber(at, nullsAt);
		this.#words[at * 2] = Number(value & 0xffffffffn);
		this.#words[at * 2 + 1] = Number((value >> 32n) & 0xffffffffn);
		return 0;
	}

	#noNumber(at: number, nullsAt: number): 1 {
		this.#floats[at] = 0;
		this.#pieces.memory.bytes[nullsAt + at] = 1;
		return 1;
	}

	#setInteger(at: number, value: number): void {
		this.#words[at * 2] = value;
		this.#words[at * 2 + 1] = value >= 0 && value < TWO_32 ? 0 : Math.floor(value / TWO_32);
	}

	/** Writes the numbers that were set. */
	#numbers(count: number): void {
		const { memory } = this.#pieces;
		memory.reserve(count * 8);
		memory.bytes.set(this.#bytes.subarray(0, count * 8), memory.end);
		memory.end += count * 8;
	}

	/** The fields of a message as two lists, and how many are trailers. */
	#fieldColumns(rows: BlockRows, message: 'req' | 'res'): void {
		const { memory } = this.#pieces;
		const { count, whole } = rows;
		const fields = rows[message];
		const each = (plain: (fields: MessageFields) => void, other: (exchange: ExchangeRow) => void) => {
			for (const { segment, from, to } of rows.runs)
				for (let at = from; at < to; at++)
					if (segment === undefined) other(whole.get(at)!);
					else plain(fields[at]!);
		};
		const lengths = () => {
			let [at, end] = [0, 0];
			const set = (length: number) => {
				end += length;
				this.#setInteger(at++, end);
			};
			each(
				(plain) => set(plain.count),
				(exchange) => set(exchange[message].names.length),
			);
			this.#numbers(count);
		};
		this.#head(`${message}_header_names`, LIST_TYPE);
		lengths();
		each(
			({ names }) => memory.again(names.at, names.size),
			(exchange) => {
				for (const name of exchange[message].names) memory.string(name);
			},
		);
		this.#head(`${message}_header_values`, LIST_TYPE);
		lengths();
		each(
			({ at, size }) => memory.again(at, size),
			(exchange) => {
				for (const value of exchange[message].values) memory.string(value);
			},
		);
		this.#head(`${message}_trailers`, 'Int64');
		let at = 0;
		each(
			({ trailers }) => this.#setInteger(at++, trailers),
			(exchange) => this.#setInteger(at++, exchange[message].trailers),
		);
		this.#numbers(count);
	}
}

const NOTE_START = Buffer.from('body: ');

type CodesReading = Extract<Reading, { readonly by: 'codes' | 'derived' }>;
type BodyReading = Extract<Reading, { readonly message: 'req' | 'res' }>;

/** With room for this code; -1 where nothing is known. */
function longer(known: Int32Array, code: number): Int32Array {
	const to = new Int32Array(2 ** Math.ceil(Math.log2(code + 1))).fill(-1);
	to.set(known);
	return to;
}

function resolveNumbers(
	rows: BlockRows,
	{ segment, from, to }: Run,
	{ of, place }: CodesReading,
	{ value }: SentColumn,
	numbers: Known['numbers'],
): void {
	const codes = of(segment!);
	numbers[place] ??= [];
	const known = numbers[place];
	for (let at = from; at < to; at++) {
		const row = rows.row[at]!;
		known[codes[row]!] ??= (value(segment!, row, NO_NAMES) as number | null) ?? Number.NaN;
	}
}

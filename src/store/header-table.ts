// Table `headers`: one row per field line, read from the exchanges' segments.

import { FieldPlaces } from './field-places.ts';
import { IdRows, RowLocator, type SegmentRows } from './row-locator.ts';
import type { Segment } from './segment.ts';
import type { Column, ColumnReader, SqlValue, TableSnapshot } from './table.ts';
import { TextCodes } from './text-codes.ts';
import { wireText } from './wire-text.ts';

type HeaderColumn = Column & {
	/** Reads the line at the cursor. */
	readonly of: (line: HeaderCursor) => SqlValue;
	/** For repeating texts: what the code stands for. */
	readonly codes?: 'as sent' | 'lower case' | 'message';
};

export const HEADER_COLUMNS: readonly HeaderColumn[] = [
	{ name: 'exchange_id', type: 'int', description: 'joins exchanges.id', of: (line) => line.exchangeId },
	{
		name: 'message',
		type: 'text',
		description: 'request or response',
		of: (line) => (line.isRequest ? 'request' : 'response'),
		codes: 'message',
	},
	{ name: 'seq', type: 'int', description: 'order within the message, from 0', of: (line) => line.sequence },
	{
		name: 'name',
		type: 'text',
		description: 'field name, lower-cased',
		of: (line) => line.name.toLowerCase(),
		codes: 'lower case',
	},
	{ name: 'raw_name', type: 'text', description: 'field name as sent', of: (line) => line.name, codes: 'as sent' },
	{ name: 'header_value', type: 'text', description: 'field value', of: (line) => line.value },
	{
		name: 'trailer',
		type: 'int',
		description: '1 for a trailer, which follows a chunked body; else 0',
		of: (line) => line.places.isTrailer[line.line]!,
	},
];

/** Table `headers` over the same rows as `exchanges`. */
export function headerTable(parts: readonly SegmentRows[]): TableSnapshot {
	const exchanges = new RowLocator(parts);
	// ends[i]: field lines of exchanges 0 … i.
	const ends = new Uint32Array(exchanges.rowCount);
	let total = 0;
	let exchange = 0;
	for (const { segment, first, rows } of exchanges.parts) {
		const counts = segment.u32.header_count;
		for (let row = first; row < rows; row++) {
			total += counts[row]!;
			ends[exchange++] = total;
		}
	}
	const ids = new IdRows(exchanges.clone());
	return {
		name: 'headers',
		columns: HEADER_COLUMNS,
		rowCount: total,
		reader: (index) => headerReader(HEADER_COLUMNS[index]!, new HeaderCursor(exchanges.clone(), ends)),
		find: (index, value) => (index === 0 ? linesOf(ids.rowOf(value), ends) : undefined),
	};
}

function headerReader({ of, type, codes }: HeaderColumn, cursor: HeaderCursor): ColumnReader {
	const value = (row: number) => {
		cursor.seek(row);
		return of(cursor);
	};
	if (type === 'int') return { value, number: value as (row: number) => number };
	if (codes === undefined) return { value };
	if (codes === 'message') {
		return {
			value,
			code: (row) => {
				cursor.seek(row);
				return cursor.isRequest ? 0 : 1;
			},
		};
	}
	const names = new TextCodes(codes === 'lower case');
	return {
		value,
		code: (row) => {
			cursor.seek(row);
			const { line, places } = cursor;
			return names.of(cursor.segment.arena, places.nameStart[line]!, places.nameEnd[line]!);
		},
	};
}

/** Caches the locations of the last exchange's lines, because readers go row by row. */
class HeaderCursor {
	readonly #exchanges: RowLocator;
	readonly #ends: Uint32Array;
	#exchange = -1;
	#start = 0;
	#end = 0;
	#inner = 0;
	segment!: Segment;
	readonly places = new FieldPlaces();
	/** After seek(): the line's number within `places`. */
	line = 0;

	constructor(exchanges: RowLocator, ends: Uint32Array) {
		this.#exchanges = exchanges;
		this.#ends = ends;
	}

	seek(row: number): void {
		if (row < this.#start || row >= this.#end) this.#find(row);
		this.line = row - this.#start;
	}

	get exchangeId(): number {
		return this.segment.f64.id[this.#inner]!;
	}

	get isRequest(): boolean {
		return this.line < this.places.requestCount;
	}

	get sequence(): number {
		return this.isRequest ? this.line : this.line - this.places.requestCount;
	}

	get name(): string {
		return wireText(this.segment.arena, this.places.nameStart[this.line]!, this.places.nameEnd[this.line]!);
	}

	get value(): string {
		return wireText(this.segment.arena, this.places.nameEnd[this.line]!, this.places.valueEnd[this.line]!);
	}

	#find(row: number): void {
		const ends = this.#ends;
		let exchange = this.#exchange + 1;
		// Usually the row belongs to the next exchange that has lines.
		while (row >= this.#end && exchange < ends.length && ends[exchange] === this.#end) exchange++;
		if (row < this.#end || exchange >= ends.length || row >= ends[exchange]!) exchange = this.#search(row);
		this.#exchange = exchange;
		this.#start = exchange === 0 ? 0 : ends[exchange - 1]!;
		this.#end = ends[exchange]!;
		this.#inner = this.#exchanges.seek(exchange);
		this.segment = this.#exchanges.segment;
		this.places.find(this.segment, this.#inner);
		if (this.places.count !== this.#end - this.#start)
			throw new Error(`exchange ${exchange} has another number of field lines than its count says`);
	}

	#search(row: number): number {
		let low = 0;
		let high = this.#ends.length - 1;
		while (low < high) {
			const middle = (low + high) >> 1;
			if (this.#ends[middle]! > row) high = middle;
			else low = middle + 1;
		}
		return low;
	}
}

/** The row numbers of an exchange's lines. */
function linesOf(exchange: number, ends: Uint32Array): readonly number[] {
	if (exchange < 0) return [];
	const lines: number[] = [];
	for (let line = exchange === 0 ? 0 : ends[exchange - 1]!; line < ends[exchange]!; line++) lines.push(line);
	return lines;
}

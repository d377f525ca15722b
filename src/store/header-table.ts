// Table `headers`: one row a field line, derived from the exchanges' segments; nothing is stored twice.

import { fieldLineAt } from './exchange-row.ts';
import { RowLocator, rowsOfId, type SegmentRows } from './exchange-table.ts';
import type { Column, ColumnReader, SqlValue, TableSnapshot } from './table.ts';

type Line = NonNullable<ReturnType<typeof fieldLineAt>>;

const COLUMNS: readonly (Column & { readonly of: (line: Line) => SqlValue })[] = [
	{ name: 'exchange_id', type: 'int', description: 'joins exchanges.id', of: () => null },
	{ name: 'message', type: 'text', description: 'request or response', of: (line) => line.message },
	{ name: 'seq', type: 'int', description: 'order within the message, from 0', of: (line) => line.seq },
	{ name: 'name', type: 'text', description: 'field name, lower-cased', of: (line) => line.name.toLowerCase() },
	{ name: 'raw_name', type: 'text', description: 'field name as sent', of: (line) => line.name },
	{ name: 'header_value', type: 'text', description: 'field value', of: (line) => line.value },
	{
		name: 'trailer',
		type: 'int',
		description: '1 when it came behind a chunked body',
		of: (line) => (line.trailer ? 1 : 0),
	},
];

export const HEADER_COLUMNS: readonly Column[] = COLUMNS;

/** Table `headers` over the same rows as `exchanges`. */
export function headerTable(parts: readonly SegmentRows[]): TableSnapshot {
	const exchanges = new RowLocator(parts);
	// ends[i]: field lines of exchanges 0 … i.
	const ends = new Uint32Array(exchanges.rowCount);
	let total = 0;
	for (let row = 0; row < ends.length; row++) {
		const inner = exchanges.seek(row);
		total += exchanges.segment.u32.header_count[inner]!;
		ends[row] = total;
	}
	return {
		name: 'headers',
		columns: COLUMNS,
		rowCount: total,
		reader: (index) => headerReader(index, new HeaderCursor(exchanges.clone(), ends)),
		find: (index, value) => (index === 0 ? rowsOfExchange(exchanges.clone(), ends, value) : undefined),
	};
}

function headerReader(index: number, cursor: HeaderCursor): ColumnReader {
	if (index === 0) {
		const id = (row: number) => cursor.exchangeId(row);
		return { value: id, number: id };
	}
	const { of } = COLUMNS[index]!;
	return { value: (row) => of(cursor.line(row)) };
}

/** Remembers the last exchange and line, since readers go row by row. */
class HeaderCursor {
	readonly #exchanges: RowLocator;
	readonly #ends: Uint32Array;
	#exchange = -1;
	#start = 0;
	#end = 0;
	#row = -1;
	#line: Line | undefined;

	constructor(exchanges: RowLocator, ends: Uint32Array) {
		this.#exchanges = exchanges;
		this.#ends = ends;
	}

	exchangeId(row: number): number {
		this.#seek(row);
		const inner = this.#exchanges.seek(this.#exchange);
		return this.#exchanges.segment.f64.id[inner]!;
	}

	line(row: number): Line {
		if (row === this.#row && this.#line !== undefined) return this.#line;
		this.#seek(row);
		const inner = this.#exchanges.seek(this.#exchange);
		const line = fieldLineAt(this.#exchanges.segment, inner, row - this.#start);
		if (line === undefined) throw new Error(`field line ${row} is not where the count says`);
		this.#row = row;
		this.#line = line;
		return line;
	}

	#seek(row: number): void {
		if (row >= this.#start && row < this.#end) return;
		let low = 0;
		let high = this.#ends.length - 1;
		while (low < high) {
			const middle = (low + high) >> 1;
			if (this.#ends[middle]! > row) high = middle;
			else low = middle + 1;
		}
		this.#exchange = low;
		this.#start = low === 0 ? 0 : this.#ends[low - 1]!;
		this.#end = this.#ends[low]!;
	}
}

function rowsOfExchange(exchanges: RowLocator, ends: Uint32Array, id: number): readonly number[] {
	return rowsOfId(exchanges, id).flatMap((row) => {
		const start = row === 0 ? 0 : ends[row - 1]!;
		return Array.from({ length: ends[row]! - start }, (_, i) => start + i);
	});
}

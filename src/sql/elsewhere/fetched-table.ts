// A table of rows that were read from a source: the columns that a statement needs, each in one list.
import type { BatchColumn } from '../../store/row-source.ts';
import type { Column, ColumnReader, SqlValue, TableSnapshot } from '../../store/table.ts';
import { formatTimestamp } from '../../store/timestamp.ts';
import { parseInstant } from '../values/instant.ts';
import { valueBytes } from '../values/value.ts';

/** Collects the values of one column. Numbers are doubles, which take little memory, as long as that is exact. */
class ColumnValues {
	readonly #column: Column;
	#numbers: Float64Array<ArrayBuffer> | undefined;
	/** Integers that a double cannot hold, by row. */
	readonly #big = new Map<number, bigint>();
	#values: SqlValue[] = [];
	/** Repeated texts are stored once. */
	readonly #texts = new Map<string, string>();
	#count = 0;

	constructor(column: Column) {
		this.#column = column;
		if (isNumeric(column)) this.#numbers = new Float64Array(1024);
	}

	/** Appends values; returns about how many bytes they take. */
	append(values: BatchColumn, count: number): number {
		return this.#numbers === undefined ? this.#appendValues(values, count) : this.#appendNumbers(values, count);
	}

	#appendNumbers(values: BatchColumn, count: number): number {
		const end = this.#count + count;
		let numbers = this.#numbers!;
		if (end > numbers.length) {
			const longer = new Float64Array(Math.max(end, numbers.length * 2));
			longer.set(numbers.subarray(0, this.#count));
			numbers = longer;
			this.#numbers = longer;
		}
		if (values instanceof Float64Array) numbers.set(values.subarray(0, count), this.#count);
		else for (let row = 0; row < count; row++) numbers[this.#count + row] = this.#numberOf(values[row]!, row);
		this.#count = end;
		return count * 8;
	}

	#numberOf(value: SqlValue, row: number): number {
		if (typeof value === 'number') return value;
		if (value === null) return Number.NaN;
		if (typeof value === 'bigint') {
			this.#big.set(this.#count + row, value);
			return Number(value);
		}
		if (typeof value === 'string' && this.#column.type === 'datetime') return parseInstant(value);
		throw new Error(`expected a ${this.#column.type} in ${this.#column.name}, got a ${typeof value}`);
	}

	#appendValues(values: BatchColumn, count: number): number {
		let bytes = count * 8;
		for (let row = 0; row < count; row++) {
			const value = values[row]!;
			if (typeof value !== 'string') {
				this.#values.push(value);
				bytes += valueBytes(value);
				continue;
			}
			let kept = this.#texts.get(value);
			if (kept === undefined) {
				kept = value;
				bytes += valueBytes(value);
				if (this.#texts.size < MAX_REPEATED) this.#texts.set(value, value);
			}
			this.#values.push(kept);
		}
		this.#count += count;
		return bytes;
	}

	reader(): ColumnReader {
		const numbers = this.#numbers;
		if (numbers === undefined) {
			const values = this.#values;
			return { value: (row) => values[row]! };
		}
		const number = (row: number) => numbers[row]!;
		if (this.#column.type === 'datetime') return { value: (row) => formatTimestamp(numbers[row]!), number };
		const big = this.#big;
		const value = (row: number): SqlValue => {
			const near = numbers[row]!;
			return Number.isNaN(near) ? null : (big.get(row) ?? near);
		};
		return { value, number };
	}
}

/** Texts beyond this number of different ones are not looked up. */
const MAX_REPEATED = 50_000;

function isNumeric({ type }: Column): boolean {
	return type === 'int' || type === 'float' || type === 'datetime';
}

export class FetchedRows {
	readonly #name: string;
	readonly #columns: readonly Column[];
	readonly #values: ReadonlyMap<number, ColumnValues>;
	rowCount = 0;

	/** `wanted`: the columns that will be appended, by their places in `columns`. */
	constructor(name: string, columns: readonly Column[], wanted: readonly number[]) {
		this.#name = name;
		this.#columns = columns;
		this.#values = new Map(wanted.map((index) => [index, new ColumnValues(columns[index]!)]));
	}

	/** Appends a batch; returns about how many bytes it takes. */
	append(rowCount: number, columns: readonly BatchColumn[]): number {
		let bytes = 0;
		let place = 0;
		for (const values of this.#values.values()) bytes += values.append(columns[place++]!, rowCount);
		this.rowCount += rowCount;
		return bytes;
	}

	/** The table. Only the wanted columns can be read. */
	snapshot(): TableSnapshot {
		const { rowCount } = this;
		return {
			name: this.#name,
			columns: this.#columns,
			rowCount,
			reader: (index) => {
				const values = this.#values.get(index);
				if (values === undefined)
					throw new Error(`the column ${this.#columns[index]?.name} of ${this.#name} was not read`);
				return values.reader();
			},
		};
	}
}

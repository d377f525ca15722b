// ClickHouse's format Native, as far as exchanges need it: a file is a sequence of blocks, and a block is the number of its
// columns, the number of its rows, and the columns one after the other: name, type, values. A nullable column has one byte
// for each row first, 1 for NULL; then all rows have a value. Numbers of columns, rows and bytes are seven bits per byte.

import type { SqlValue } from '../store/table.ts';
import { formatTimestamp } from '../store/timestamp.ts';
import { jsonValue } from './exchange-row.ts';
import { microsecondsOf, type StoreTableName, storeTable } from './store-tables.ts';

/** Microseconds since 1970. */
export const TIME_TYPE = "DateTime64(6, 'UTC')";
/** Seconds since 1970, for ClickHouse before 20. */
const SECONDS_TYPE = "DateTime('UTC')";
export const LIST_TYPE = 'Array(String)';
const NULLABLE = /^Nullable\((.*)\)$/;

export type NativeValue = string | number | bigint | null | readonly string[];

/** A column of a block. */
type Column = { readonly name: string; readonly type: string; readonly start: number; readonly end: number };

/** A block in `bytes`; a column that all its rows lack is not there. */
export type NativeBlock = { readonly bytes: Buffer; readonly rows: number; readonly columns: readonly Column[] };

/** The blocks of a file. Throws an Error if it is not complete or has other types. */
export function nativeBlocks(bytes: Buffer): NativeBlock[] {
	const reader = new Reader(bytes);
	const blocks: NativeBlock[] = [];
	while (reader.at < bytes.byteLength) {
		const count = reader.number();
		const rows = reader.number();
		const columns: Column[] = [];
		for (let column = 0; column < count; column++) {
			const [name, type] = [reader.text(), reader.text()];
			const start = reader.at;
			reader.skip(type, rows);
			if (reader.at > bytes.byteLength) throw new Error('expected a whole block, got the beginning of one');
			columns.push({ name, type, start, end: reader.at });
		}
		blocks.push({ bytes, rows, columns });
	}
	return blocks;
}

/** The values of a column. */
function valuesOf({ bytes, rows }: NativeBlock, { type, start }: Column): NativeValue[] {
	const reader = new Reader(bytes, start);
	const inner = NULLABLE.exec(type)?.[1];
	const nulls = inner === undefined ? undefined : bytes.subarray(start, start + rows);
	if (nulls !== undefined) reader.at += rows;
	if (type === LIST_TYPE) {
		const ends = Array.from({ length: rows }, () => Number(reader.value('Int64')));
		return ends.map((end, row) => {
			const length = end - (ends[row - 1] ?? 0);
			return Array.from({ length }, () => reader.text());
		});
	}
	return Array.from({ length: rows }, (_, row) => {
		const value = reader.value(inner ?? type);
		return nulls?.[row] === 1 ? null : value;
	});
}

/** The rows of a table as lines of JSON, with all columns. */
export function nativeLines(bytes: Buffer, table: StoreTableName): string {
	const columns = storeTable(table).columns.filter(({ name }) => name !== 'ingested_at');
	const lines: string[] = [];
	for (const block of nativeBlocks(bytes)) {
		const members = columns.map(({ name, type }, index) => {
			const column = block.columns.find((each) => each.name === name);
			const values = column === undefined ? [] : valuesOf(block, column);
			const key = `${index === 0 ? '' : ','}"${name}":`;
			if (type === 'list') return (row: number) => key + listText(values[row]);
			if (type !== 'instant') return (row: number) => key + valueText(values[row] ?? null);
			const us = `,"${microsecondsOf(name)}":`;
			return (row: number) => `${key}"${formatTimestamp(Number(values[row])) ?? ''}"${us}${String(values[row])}`;
		});
		for (let row = 0; row < block.rows; row++) {
			let line = '{';
			for (const member of members) line += member(row);
			lines.push(`${line}}\n`);
		}
	}
	return lines.join('');
}

/** The rows of a table with all columns, lists as JSON. */
export function nativeRows(bytes: Buffer, table: StoreTableName): SqlValue[][] {
	const columns = storeTable(table).columns.filter(({ name }) => name !== 'ingested_at');
	return nativeBlocks(bytes).flatMap((block) => {
		const read = columns.map(({ name, type }) => {
			const column = block.columns.find((each) => each.name === name);
			const values = column === undefined ? [] : valuesOf(block, column);
			if (type === 'list') return (row: number) => listText(values[row]);
			if (type === 'instant') return (row: number) => formatTimestamp(Number(values[row]));
			return (row: number) => (values[row] ?? null) as SqlValue;
		});
		return Array.from({ length: block.rows }, (_, row) => read.map((value) => value(row)));
	});
}

/** A value as JSON. Texts of blocks are valid Unicode. */
function valueText(value: NativeValue): string {
	return typeof value === 'string' ? JSON.stringify(value) : jsonValue(value as SqlValue);
}

function listText(value: NativeValue | undefined): string {
	return JSON.stringify(value ?? []);
}

/** The same rows with times as seconds, as ClickHouse before 20 knows them. */
export function withSeconds(bytes: Buffer): Buffer {
	return Buffer.concat(
		nativeBlocks(bytes).map(({ rows, columns }) =>
			nativeBlock(
				rows,
				columns.map(({ name, type, start, end }) => {
					if (type !== TIME_TYPE) return { name, type, bytes: [bytes.subarray(start, end)] };
					const seconds = Buffer.alloc(rows * 4);
					for (let row = 0; row < rows; row++)
						seconds.writeUInt32LE(Number(bytes.readBigInt64LE(start + row * 8) / 1_000_000n), row * 4);
					return { name, type: SECONDS_TYPE, bytes: [seconds] };
				}),
			),
		),
	);
}

/** The rows of all blocks as one. */
export function oneBlock(bytes: Buffer): Buffer {
	const blocks = nativeBlocks(bytes);
	const types = new Map(blocks.flatMap(({ columns }) => columns.map(({ name, type }) => [name, type] as const)));
	const rows = blocks.reduce((sum, block) => sum + block.rows, 0);
	return nativeBlock(
		rows,
		[...types].map(([name, type]) => ({ name, type, bytes: joined(blocks, name, type) })),
	);
}

/** The column of these blocks. In a block without it, all its values are NULL or empty lists. */
function joined(blocks: readonly NativeBlock[], name: string, type: string): Buffer[] {
	const parts = blocks.map(({ bytes, rows, columns }) => {
		const column = columns.find((each) => each.name === name);
		if (column !== undefined) return { rows, bytes: bytes.subarray(column.start, column.end) };
		const isWide = type !== 'Nullable(String)';
		const empty = type === LIST_TYPE ? Buffer.alloc(rows * 8) : Buffer.alloc(rows * (isWide ? 9 : 2));
		return { rows, bytes: type === LIST_TYPE ? empty : empty.fill(1, 0, rows) };
	});
	if (type === LIST_TYPE) {
		let before = 0n;
		const ends = parts.map(({ rows, bytes }) => {
			const moved = Buffer.alloc(rows * 8);
			for (let row = 0; row < rows; row++) moved.writeBigInt64LE(bytes.readBigInt64LE(row * 8) + before, row * 8);
			if (rows > 0) before = moved.readBigInt64LE((rows - 1) * 8);
			return moved;
		});
		return [...ends, ...parts.map(({ rows, bytes }) => bytes.subarray(rows * 8))];
	}
	if (!NULLABLE.test(type)) return parts.map(({ bytes }) => bytes);
	const nulls = parts.map(({ rows, bytes }) => bytes.subarray(0, rows));
	return [...nulls, ...parts.map(({ rows, bytes }) => bytes.subarray(rows))];
}

/** A column as bytes. */
export type ColumnBytes = { readonly name: string; readonly type: string; readonly bytes: readonly Buffer[] };

/** A block of columns. */
export function nativeBlock(rows: number, columns: readonly ColumnBytes[]): Buffer {
	const parts = columns.flatMap(({ name, type, bytes }) => [textBytes(name), textBytes(type), ...bytes]);
	return Buffer.concat([numberBytes(columns.length), numberBytes(rows), ...parts]);
}

/** A column of values. */
export function nativeColumn(name: string, type: string, values: readonly NativeValue[]): ColumnBytes {
	const inner = NULLABLE.exec(type)?.[1];
	const nulls = inner === undefined ? [] : [Buffer.from(values.map((value) => (value === null ? 1 : 0)))];
	if (type !== LIST_TYPE)
		return { name, type, bytes: [...nulls, ...values.map((value) => valueBytes(inner ?? type, value))] };
	let end = 0;
	const lists = values.map((value) => value as readonly string[]);
	const ends = lists.map((list) => {
		end += list.length;
		return valueBytes('Int64', end);
	});
	return { name, type, bytes: [...ends, ...lists.flat().map(textBytes)] };
}

function valueBytes(type: string, value: NativeValue): Buffer {
	if (type === 'String') return textBytes(String(value ?? ''));
	const bytes = Buffer.alloc(8);
	if (type === 'Float64') bytes.writeDoubleLE(Number(value ?? 0));
	else bytes.writeBigInt64LE(BigInt((value as number | bigint | null) ?? 0));
	return bytes;
}

function numberBytes(number: number): Buffer {
	const bytes: number[] = [];
	let rest = number;
	for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest & 0x7f) | 0x80);
	return Buffer.from([...bytes, rest]);
}

function textBytes(text: string): Buffer {
	const bytes = Buffer.from(text);
	return Buffer.concat([numberBytes(bytes.byteLength), bytes]);
}

class Reader {
	at: number;
	readonly #bytes: Buffer;

	constructor(bytes: Buffer, at = 0) {
		this.#bytes = bytes;
		this.at = at;
	}

	number(): number {
		let number = 0;
		for (let factor = 1; ; factor *= 0x80) {
			const byte = this.#bytes[this.at++];
			if (byte === undefined) throw new Error('expected a number, got the end of the file');
			number += (byte & 0x7f) * factor;
			if (byte < 0x80) return number;
		}
	}

	text(): string {
		const size = this.number();
		this.at += size;
		return this.#bytes.toString('utf8', this.at - size, this.at);
	}

	value(type: string): string | number | bigint {
		if (type === 'String') return this.text();
		const at = this.at;
		this.at += 8;
		if (type === 'Float64') return this.#bytes.readDoubleLE(at);
		const value = this.#bytes.readBigInt64LE(at);
		return Number.isSafeInteger(Number(value)) ? Number(value) : value;
	}

	/** Skips the values of a column. */
	skip(type: string, rows: number): void {
		const inner = NULLABLE.exec(type)?.[1] ?? type;
		if (inner !== type) this.at += rows;
		if (['Int64', 'Float64', TIME_TYPE].includes(inner)) this.at += 8 * rows;
		else if (inner === 'String') this.#skipTexts(rows);
		else if (type === LIST_TYPE) {
			const last = rows === 0 ? 0n : this.#bytes.readBigInt64LE(this.at + 8 * (rows - 1));
			this.at += 8 * rows;
			this.#skipTexts(Number(last));
		} else throw new Error(`expected a type of a column of exchanges, got ${JSON.stringify(type)}`);
	}

	#skipTexts(count: number): void {
		for (let i = 0; i < count; i++) {
			const size = this.number();
			this.at += size;
		}
	}
}

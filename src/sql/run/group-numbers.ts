// Numbers rows by the values of some expressions: rows with equal values get the same number, counting from 0 in order
// of first appearance. Groups, DISTINCT and window partitions use these numbers.
import type { Bound, Source } from '../bind/bound.ts';
import {
	BATCH_ROWS,
	type BatchCodes,
	type BatchNumbers,
	batchCodes,
	batchCursor,
	batchNumbers,
} from '../evaluate/batch.ts';
import { compileColumnCode } from '../evaluate/compile-column.ts';
import type { Compiler, Cursor } from '../evaluate/runtime.ts';
import { KeySpace } from '../values/key-space.ts';
import { foldAscii, keyOf } from '../values/value.ts';

export type GroupNumbers = {
	/** The current row's number. */
	readonly one: () => number;
	/** The numbers of many rows of the source, valid until the next call. Undefined without batches. */
	readonly many: ((rows: Int32Array, count: number) => Int32Array) | undefined;
	/** Starts numbering again from 0. */
	readonly reset: () => void;
};

/** `source`: the table, if there is only one. Batches are lists of its rows. */
export function compileGroupNumbers(keys: readonly Bound[], c: Compiler, source: Source | undefined): GroupNumbers {
	const { guard } = c.runtime;
	const cursor = source === undefined ? undefined : batchCursor(source, c);
	if (keys.length === 0) {
		const zeros = new Int32Array(cursor === undefined ? 0 : BATCH_ROWS);
		return { one: () => 0, many: cursor === undefined ? undefined : () => zeros, reset: () => {} };
	}
	const columns = keys.map((key) => compileKey(key, c));
	let space = new KeySpace(keys.length, guard);
	/** For a single column with codes: the number of each code. */
	let known = new Int32Array(0);
	const reset = () => {
		space = new KeySpace(keys.length, guard);
		known = new Int32Array(0);
	};
	const learn = (index: number): number => {
		if (index >= known.length) {
			const longer = new Int32Array(Math.max(256, 2 ** Math.ceil(Math.log2(index + 1)))).fill(-1);
			longer.set(known);
			known = longer;
		}
		const number = space.valueNumber(0, index);
		known[index] = number;
		return number;
	};
	const first = columns[0]!;
	const one = (): number => {
		if (keys.length === 1 && first.isCode) {
			const index = first.number() + 1;
			const number = index < known.length ? known[index]! : -1;
			return number >= 0 ? number : learn(index);
		}
		let number = first.isCode ? first.number() + 1 : space.valueNumber(0, first.key());
		for (let index = 1; index < columns.length; index++) {
			const column = columns[index]!;
			number = space.pairNumber(
				index,
				number,
				column.isCode ? column.number() + 1 : space.valueNumber(index, column.key()),
			);
		}
		return number;
	};
	if (source === undefined || cursor === undefined) return { one, many: undefined, reset };
	const readers = keys.map((key, index) => compileReader(key, columns[index]!, source, cursor, c));
	const into = new Int32Array(BATCH_ROWS);
	const many = (rows: Int32Array, count: number): Int32Array => {
		if (keys.length === 1 && first.isCode) {
			readers[0]!(rows, count, into, space, 0);
			for (let i = 0; i < count; i++) {
				const index = into[i]!;
				const number = index < known.length ? known[index]! : -1;
				into[i] = number >= 0 ? number : learn(index);
			}
			return into;
		}
		readers[0]!(rows, count, into, space, 0);
		for (let index = 1; index < readers.length; index++) {
			readers[index]!(rows, count, second, space, index);
			space.pairNumbers(index, into, second, count);
		}
		return into;
	};
	const second = new Int32Array(keys.length > 1 ? BATCH_ROWS : 0);
	return { one, many, reset };
}

/** Writes the number of each row's value in this column. */
type Reader = (rows: Int32Array, count: number, into: Int32Array, space: KeySpace, column: number) => void;

function compileReader(key: Bound, column: KeyColumn, source: Source, cursor: Cursor, c: Compiler): Reader {
	if (column.isCode) {
		const codes = batchCodes(key, source, c);
		return codes === undefined ? codesByRow(column.number, cursor) : plusOne(codes);
	}
	const numbers = column.exact === undefined ? undefined : batchNumbers(key, source, c);
	if (numbers !== undefined) return byNumber(numbers, column.exact!, cursor);
	const { key: keyOfRow } = column;
	return (rows, count, into, space, index) => {
		for (let i = 0; i < count; i++) {
			cursor.row = rows[i]!;
			into[i] = space.valueNumber(index, keyOfRow());
		}
	};
}

function plusOne(codes: BatchCodes): Reader {
	return (rows, count, into) => {
		const list = codes(rows, count);
		for (let i = 0; i < count; i++) into[i] = list[i]! + 1;
	};
}

function codesByRow(code: () => number, cursor: Cursor): Reader {
	return (rows, count, into) => {
		for (let i = 0; i < count; i++) {
			cursor.row = rows[i]!;
			into[i] = code() + 1;
		}
	};
}

function byNumber(numbers: BatchNumbers, exact: () => unknown, cursor: Cursor): Reader {
	return (rows, count, into, space, index) => {
		const values = numbers(rows, count);
		for (let i = 0; i < count; i++) {
			const value = values[i]!;
			if (isExact(value)) {
				into[i] = space.valueNumber(index, value);
				continue;
			}
			cursor.row = rows[i]!;
			into[i] = space.valueNumber(index, Number.isNaN(value) ? null : exact());
		}
	};
}

/** Doubles cannot distinguish integers beyond 2^53. */
function isExact(value: number): boolean {
	return value <= Number.MAX_SAFE_INTEGER && value >= -Number.MAX_SAFE_INTEGER;
}

export type KeyColumn =
	| { readonly isCode: true; readonly number: () => number }
	/** `exact` is present if the value can be read as a double. It returns the key where the double is not exact. */
	| { readonly isCode: false; readonly key: () => unknown; readonly exact?: () => unknown };

export function compileKey(key: Bound, c: Compiler): KeyColumn {
	const code = key.kind === 'column' && !key.nocase ? compileColumnCode(key, c.runtime) : undefined;
	if (code !== undefined) return { isCode: true, number: code };
	if (key.type === 'real' || (key.kind === 'column' && key.type === 'int')) {
		const number = c.number(key);
		const value = c.value(key);
		const exact = () => keyOf(value());
		return {
			isCode: false,
			exact,
			key: () => {
				const near = number();
				if (Number.isNaN(near)) return null;
				return isExact(near) ? near : exact();
			},
		};
	}
	const value = c.value(key);
	if (!key.nocase) return { isCode: false, key: () => keyOf(value()) };
	return {
		isCode: false,
		key: () => {
			const text = value();
			return keyOf(typeof text === 'string' ? foldAscii(text) : text);
		},
	};
}

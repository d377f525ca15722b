// The sort keys of rows, one column per term of ORDER BY.
import type { OrderTerm, Source } from '../bind/bound.ts';
import { type BatchNumbers, batchNumbers } from '../evaluate/batch.ts';
import { compileColumnNumber } from '../evaluate/compile-column.ts';
import { type Compiler, type Cursor, cursorOf, type Evaluator, type NumberEvaluator } from '../evaluate/runtime.ts';
import { compareText, compareValues, foldAscii, type Value, valueBytes } from '../values/value.ts';

export type KeyColumn = {
	/** Sets the key of entry `entry` from the current row and returns its estimated memory. */
	readonly read: (entry: number) => number;
	/** The same for many rows, beginning at entry `entry`. Only if there is one table. */
	readonly readAll?: (rows: Int32Array, count: number, entry: number) => number;
	/** Moves rows that do not sort after entry `entry` by this key alone to the front. Returns their number. */
	readonly keepAhead?: (rows: Int32Array, count: number, entry: number) => number;
	/** Whether the current row sorts after entry `entry` by this key alone. */
	readonly isBehind: (entry: number) => boolean;
	/** Compares two entries. Negative if `a` sorts first. */
	readonly compare: (a: number, b: number) => number;
	readonly move: (from: number, to: number) => void;
	/** Doubles, none NaN, that sort the first `count` entries by < alone. Undefined if that is not possible. */
	readonly ranks?: (count: number) => Float64Array | undefined;
};

/** `source`: the table, if there is only one. Batches are lists of its rows. */
export function compileKeyColumns(order: readonly OrderTerm[], c: Compiler, source: Source | undefined): KeyColumn[] {
	return order.map((term) => {
		const { expression } = term;
		const many = () => {
			const numbers = source === undefined ? undefined : batchNumbers(expression, source, c);
			return numbers && { numbers, cursor: cursorOf(source!, c.runtime) };
		};
		const isColumn = expression.kind === 'column';
		if (isColumn && expression.output === 'datetime') {
			const direct = compileColumnNumber(expression, c.runtime);
			if (direct !== undefined) return numberKeys(direct, undefined, many(), term);
		}
		if (expression.type === 'real') return numberKeys(c.number(expression), undefined, many(), term);
		if (isColumn && expression.type === 'int')
			return numberKeys(c.number(expression), c.value(expression), many(), term);
		return valueKeys(c.any(expression), term);
	});
}

/** `exact` reads integers that a double cannot hold. */
function numberKeys(
	number: NumberEvaluator,
	exact: Evaluator | undefined,
	many: { readonly numbers: BatchNumbers; readonly cursor: Cursor } | undefined,
	{ descending, nullsFirst }: OrderTerm,
): KeyColumn {
	let keys = new Float64Array(1024);
	const big = new Map<number, Value>();
	const sign = descending ? -1 : 1;
	const nullSign = nullsFirst ? -1 : 1;
	return {
		...(many !== undefined && {
			keepAhead: (rows: Int32Array, count: number, entry: number) => {
				const values = many.numbers(rows, count);
				const other = keys[entry]!;
				let kept = 0;
				// NULLs (NaN) are kept: only `compare` knows their order.
				if (descending) for (let i = 0; i < count; i++) if (!(values[i]! < other)) rows[kept++] = rows[i]!;
				if (!descending) for (let i = 0; i < count; i++) if (!(values[i]! > other)) rows[kept++] = rows[i]!;
				return kept;
			},
		}),
		...(many !== undefined && {
			readAll: (rows: Int32Array, count: number, entry: number) => {
				if (entry + count > keys.length) keys = lengthened(keys, entry + count);
				const values = many.numbers(rows, count);
				for (let i = 0; i < count; i++) {
					const key = values[i]!;
					keys[entry + i] = key;
					if (exact === undefined) continue;
					if (!(Math.abs(key) > Number.MAX_SAFE_INTEGER)) {
						// The entry may have had another key before.
						if (big.size > 0) big.delete(entry + i);
						continue;
					}
					many.cursor.row = rows[i]!;
					big.set(entry + i, exact());
				}
				return 8 * count;
			},
		}),
		read: (entry) => {
			if (entry >= keys.length) keys = lengthened(keys, entry + 1);
			const key = number();
			keys[entry] = key;
			if (exact !== undefined && Math.abs(key) > Number.MAX_SAFE_INTEGER) big.set(entry, exact());
			// The entry may have had another key before.
			else if (big.size > 0) big.delete(entry);
			return 8;
		},
		isBehind: (entry) => {
			const key = number();
			const other = keys[entry]!;
			// False for NULLs (NaN): only `compare` knows their order.
			return descending ? key < other : key > other;
		},
		compare: (a, b) => {
			const x = keys[a]!;
			const y = keys[b]!;
			if (x < y) return -sign;
			if (x > y) return sign;
			if (x === y)
				return big.size === 0 || !big.has(a) || !big.has(b) ? 0 : sign * compareValues(big.get(a)!, big.get(b)!);
			// At least one of them is NULL (NaN).
			return Number.isNaN(x) ? (Number.isNaN(y) ? 0 : nullSign) : -nullSign;
		},
		move: (from, to) => {
			keys[to] = keys[from]!;
			if (big.size === 0) return;
			const value = big.get(from);
			if (value === undefined) big.delete(to);
			else big.set(to, value);
		},
		ranks: (count) => (big.size > 0 ? undefined : numberRanks(keys.subarray(0, count), sign, nullsFirst)),
	};
}

function lengthened(keys: Float64Array<ArrayBuffer>, least: number): Float64Array<ArrayBuffer> {
	let room = keys.length;
	while (room < least) room *= 2;
	const longer = new Float64Array(room);
	longer.set(keys);
	return longer;
}

/** Keys that sort by < alone: negated if descending, with infinity in place of NULL (NaN). */
function numberRanks(keys: Float64Array, sign: number, nullsFirst: boolean): Float64Array | undefined {
	const ranks = new Float64Array(keys.length);
	const nullRank = nullsFirst ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
	for (let entry = 0; entry < keys.length; entry++) {
		const key = keys[entry]! * sign;
		// This infinite key would be equal to NULL.
		if (key === nullRank) return undefined;
		ranks[entry] = Number.isNaN(key) ? nullRank : key;
	}
	return ranks;
}

function valueKeys(value: Evaluator, { descending, nullsFirst, expression }: OrderTerm): KeyColumn {
	const keys: Value[] = [];
	const sign = descending ? -1 : 1;
	const nullSign = nullsFirst ? -1 : 1;
	const { nocase } = expression;
	const isText = expression.type === 'text';
	const current = (): Value => {
		const key = value();
		return nocase && typeof key === 'string' ? foldAscii(key) : key;
	};
	const compare = (x: Value, y: Value): number => {
		if (x === null || y === null) return x === y ? 0 : x === null ? nullSign : -nullSign;
		return sign * (isText ? compareText(x as string, y as string) : compareValues(x, y));
	};
	return {
		read: (entry) => {
			const key = current();
			keys[entry] = key;
			return 8 + valueBytes(key);
		},
		isBehind: (entry) => compare(current(), keys[entry]!) > 0,
		compare: (a, b) => compare(keys[a]!, keys[b]!),
		move: (from, to) => {
			keys[to] = keys[from]!;
		},
	};
}

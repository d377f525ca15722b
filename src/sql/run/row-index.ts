// Finds the rows of one table by the value of an expression: the hash side of a join, or of a repeated subquery.
import type { Cursor, Evaluator, Test } from '../evaluate/runtime.ts';
import type { Guard } from '../limits/guard.ts';
import { keyOf } from '../values/value.ts';

/** Estimated memory of one row in the index, in bytes. */
const BYTES_PER_ROW = 60;

export type RowIndex = {
	/** The first row with this key, or -1. */
	first(key: unknown): number;
	/** The next row with the same key as `row`, or -1. */
	next(row: number): number;
};

/** Indexes all rows of the cursor's table that pass `test`. Rows with the same key keep their order. */
export function indexRows(cursor: Cursor, key: Evaluator, test: Test | undefined, guard: Guard): RowIndex {
	const before = cursor.row;
	const { count } = cursor;
	const heads = new Map<unknown, number>();
	const chain = new Int32Array(count).fill(-1);
	guard.grow(count * 4);
	for (let row = count - 1; row >= 0; row--) {
		guard.step();
		cursor.row = row;
		if (test !== undefined && !test()) continue;
		const value = key();
		if (value === null) continue;
		const rowKey = keyOf(value);
		const head = heads.get(rowKey);
		if (head === undefined) guard.grow(BYTES_PER_ROW);
		else chain[row] = head;
		heads.set(rowKey, row);
	}
	cursor.row = before;
	return { first: (wanted) => heads.get(wanted) ?? -1, next: (row) => chain[row]! };
}

// Evaluates many rows of one table at a time. A batch is an ascending list of row numbers from one piece of the table
// (`pieceEnd`). Conditions shorten the list; expressions return an array with a number for each row in it.
import type { TableSnapshot } from '../../store/table.ts';
import type { Bound, Source } from '../bind/bound.ts';
import { type Compiler, type Cursor, cursorOf, type NumberEvaluator } from './runtime.ts';

/** Maximum rows in a batch. Its arrays fit into the CPU's nearest caches. */
export const BATCH_ROWS = 2048;

/** The source's cursor if the source can be read in batches. */
export function batchCursor(source: Source, c: Compiler): Cursor | undefined {
	if (c.runtime.plain) return undefined;
	const cursor = cursorOf(source, c.runtime);
	return cursor.table === undefined ? undefined : cursor;
}

/** Writes the batch that begins at row `from` into `rows` and returns its length. */
export function fillBatch(table: TableSnapshot, from: number, rows: Int32Array): number {
	const to = Math.min(table.rowCount, from + BATCH_ROWS, table.pieceEnd?.(from) ?? table.rowCount);
	for (let row = from; row < to; row++) rows[row - from] = row;
	return to - from;
}

/** Returns a double for each row, NaN for NULL. The array is valid until the next call. */
export type BatchNumbers = (rows: Int32Array, count: number) => Float64Array;
/** The same with codes, -1 for NULL. */
export type BatchCodes = (rows: Int32Array, count: number) => Int32Array;
/** For an expression over this source only, of static type int or real, or a datetime column. */
export function batchNumbers(expression: Bound, source: Source, c: Compiler): BatchNumbers | undefined {
	if (expression.kind === 'column') return columnNumbers(expression, source, c);
	// Batches never contain an outer join's row of NULLs.
	if (expression.kind === 'present' && expression.source === source) return batchNumbers(expression.operand, source, c);
	if (expression.kind !== 'arithmetic' || expression.type !== 'real') return undefined;
	const { operator } = expression;
	if (operator !== '+' && operator !== '-' && operator !== '*') return undefined;
	const left = operandNumbers(expression.left, source, c);
	const right = operandNumbers(expression.right, source, c);
	if (left === undefined || right === undefined) return undefined;
	const into = new Float64Array(BATCH_ROWS);
	return (rows, count) => {
		const a = left(rows, count);
		const b = right(rows, count);
		if (operator === '+') for (let i = 0; i < count; i++) into[i] = a[i]! + b[i]!;
		else if (operator === '-') for (let i = 0; i < count; i++) into[i] = a[i]! - b[i]!;
		else for (let i = 0; i < count; i++) into[i] = a[i]! * b[i]!;
		return into;
	};
}

/** Instants of a datetime column, in microseconds since the epoch. */
export function batchInstants(expression: Bound, source: Source, c: Compiler): BatchNumbers | undefined {
	if (expression.kind === 'present' && expression.source === source)
		return batchInstants(expression.operand, source, c);
	return expression.kind === 'column' && expression.output === 'datetime'
		? columnNumbers(expression, source, c)
		: undefined;
}

function operandNumbers(operand: Bound, source: Source, c: Compiler): BatchNumbers | undefined {
	if (operand.type !== 'int' && operand.type !== 'real') return undefined;
	if (!operand.constant) return batchNumbers(operand, source, c);
	const fixed = constantNumber(operand, c);
	if (fixed === undefined) return undefined;
	const all = new Float64Array(BATCH_ROWS).fill(fixed);
	return () => all;
}

/** Undefined if evaluation fails. */
export function constantNumber(expression: Bound, c: Compiler): number | undefined {
	try {
		return c.number(expression)();
	} catch {
		// The error is thrown again when a row needs the value.
		return undefined;
	}
}

function columnNumbers(
	{ source: of, index }: Extract<Bound, { kind: 'column' }>,
	source: Source,
	c: Compiler,
): BatchNumbers | undefined {
	const cursor = of === source ? batchCursor(source, c) : undefined;
	const reader = cursor?.reader(index);
	if (reader?.number === undefined) return undefined;
	const into = new Float64Array(BATCH_ROWS);
	const { numbers } = reader;
	if (numbers === undefined) {
		return (rows, count) => {
			for (let i = 0; i < count; i++) into[i] = reader.number!(rows[i]!);
			return into;
		};
	}
	return (rows, count) => {
		numbers(rows, count, into);
		return into;
	};
}

export function batchCodes(expression: Bound, source: Source, c: Compiler): BatchCodes | undefined {
	if (expression.kind !== 'column' || expression.source !== source) return undefined;
	const reader = batchCursor(source, c)?.reader(expression.index);
	if (reader?.code === undefined) return undefined;
	const into = new Int32Array(BATCH_ROWS);
	const { codes } = reader;
	if (codes === undefined) {
		return (rows, count) => {
			for (let i = 0; i < count; i++) into[i] = reader.code!(rows[i]!);
			return into;
		};
	}
	return (rows, count) => {
		codes(rows, count, into);
		return into;
	};
}

/** Evaluates each row of a batch with a closure over the cursor's row. */
export function numbersByRow(number: NumberEvaluator, cursor: Cursor): BatchNumbers {
	const into = new Float64Array(BATCH_ROWS);
	return (rows, count) => {
		for (let i = 0; i < count; i++) {
			cursor.row = rows[i]!;
			into[i] = number();
		}
		return into;
	};
}

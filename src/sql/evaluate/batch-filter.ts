// Conditions on batches of rows. Only conditions that create no values are tested this way, because they cannot fail.
import type { Bound, CompareOperator, Source } from '../bind/bound.ts';
import type { Scale } from '../values/measure.ts';
import {
	BATCH_ROWS,
	type BatchNumbers,
	batchCodes,
	batchCursor,
	batchInstants,
	batchNumbers,
	constantNumber,
} from './batch.ts';
import { type BytesCondition, bytesCondition } from './compile-bytes.ts';
import { comparesAsNumbers, constantMeasure, OPPOSITE } from './compile-comparison.ts';
import { areNumberKeys, constantKeys } from './compile-membership.ts';
import type { Compiler, Cursor, Test } from './runtime.ts';

/** Moves the rows that pass to the front, in order, and returns their number. */
export type BatchFilter = (rows: Int32Array, count: number) => number;

/** The approximate cost of testing a row, cheapest first. */
export type Cost = 'number' | 'code' | 'bytes' | 'value';
const COSTS: readonly Cost[] = ['number', 'code', 'bytes', 'value'];

type Priced = { readonly cost: Cost; readonly filter: BatchFilter };

/**
 * Combines the conditions that can be tested in batches into one filter, cheapest first, and returns it with the
 * other conditions. The filter is undefined if there are no conditions for it.
 */
export function batchFilter(
	conditions: readonly Bound[],
	source: Source,
	c: Compiler,
): { filter: BatchFilter | undefined; others: Bound[] } {
	const others: Bound[] = [];
	const filters: Priced[] = [];
	for (const condition of conditions) {
		const filter = batchCursor(source, c) === undefined ? undefined : conditionFilter(condition, true, source, c);
		if (filter === undefined) others.push(condition);
		else filters.push(filter);
	}
	return { filter: filters.length === 0 ? undefined : all(filters).filter, others };
}

/** A filter for rows where the condition is true, or, if `wanted` is false, where it is false. */
function conditionFilter(expression: Bound, wanted: boolean, source: Source, c: Compiler): Priced | undefined {
	switch (expression.kind) {
		case 'not':
			return conditionFilter(expression.operand, !wanted, source, c);
		case 'and':
		case 'or': {
			const parts: Priced[] = [];
			for (const operand of expression.operands) {
				const part = conditionFilter(operand, wanted, source, c);
				if (part === undefined) return undefined;
				parts.push(part);
			}
			return (expression.kind === 'and') === wanted ? all(parts) : any(parts);
		}
		default: {
			const numbers = numberFilter(expression, wanted, source, c);
			if (numbers !== undefined) return { cost: 'number', filter: numbers };
			const codes = codeFilter(expression, wanted, source, c);
			if (codes !== undefined) return { cost: 'code', filter: codes };
			const bytes = bytesCondition(expression, wanted, c);
			if (bytes === undefined || bytes.column.source !== source) return undefined;
			return { cost: 'bytes', filter: bytesFilter(bytes) };
		}
	}
}

function dearest(parts: readonly Priced[]): Cost {
	return COSTS[Math.max(...parts.map(({ cost }) => COSTS.indexOf(cost)))]!;
}

function all(parts: readonly Priced[]): Priced {
	const filters = [...parts].sort((a, b) => COSTS.indexOf(a.cost) - COSTS.indexOf(b.cost)).map(({ filter }) => filter);
	const filter: BatchFilter = (rows, count) => {
		let left = count;
		for (const each of filters) left = each(rows, left);
		return left;
	};
	return { cost: dearest(parts), filter };
}

function any(parts: readonly Priced[]): Priced {
	const filters = parts.map(({ filter }) => filter);
	/** Rows for which no condition was true so far. */
	const rest = new Int32Array(BATCH_ROWS);
	const part = new Int32Array(BATCH_ROWS);
	const isTrue = new Uint8Array(BATCH_ROWS);
	const filter: BatchFilter = (rows, count) => {
		isTrue.fill(0, 0, count);
		for (let i = 0; i < count; i++) rest[i] = rows[i]!;
		let left = count;
		for (const each of filters) {
			for (let i = 0; i < left; i++) part[i] = rest[i]!;
			const found = each(part, left);
			mark(rows, count, part, found, isTrue);
			left = without(rest, left, part, found);
		}
		let kept = 0;
		for (let i = 0; i < count; i++) if (isTrue[i] === 1) rows[kept++] = rows[i]!;
		return kept;
	};
	return { cost: dearest(parts), filter };
}

/** Marks the positions in `rows` whose row is in `found`. */
function mark(rows: Int32Array, count: number, found: Int32Array, foundCount: number, marks: Uint8Array): void {
	let at = 0;
	for (let i = 0; i < count && at < foundCount; i++) {
		if (rows[i] !== found[at]) continue;
		marks[i] = 1;
		at++;
	}
}

/** Removes the rows in `found` from `rows` and returns how many are left. */
function without(rows: Int32Array, count: number, found: Int32Array, foundCount: number): number {
	let at = 0;
	let left = 0;
	for (let i = 0; i < count; i++) {
		if (at < foundCount && rows[i] === found[at]) at++;
		else rows[left++] = rows[i]!;
	}
	return left;
}

// ---- conditions on numbers ----------------------------------------------------------------------------------------------

/** The operator for swapped sides. */
const MIRRORED: Record<CompareOperator, CompareOperator> = {
	'=': '=',
	'<>': '<>',
	'<': '>',
	'<=': '>=',
	'>': '<',
	'>=': '<=',
};

function numberFilter(expression: Bound, wanted: boolean, source: Source, c: Compiler): BatchFilter | undefined {
	switch (expression.kind) {
		case 'compare':
			return comparisonFilter(
				wanted ? expression.operator : OPPOSITE[expression.operator],
				expression.comparison,
				source,
				c,
			);
		case 'is':
			return nullFilter(expression, wanted, source, c);
		case 'in list':
			return listFilter(expression, wanted, source, c);
		default:
			return undefined;
	}
}

function comparisonFilter(
	operator: CompareOperator,
	{ left, right, scale }: Extract<Bound, { kind: 'compare' }>['comparison'],
	source: Source,
	c: Compiler,
): BatchFilter | undefined {
	if (left.constant && right.constant) return undefined;
	if (scale === undefined && !comparesAsNumbers(left, right, c)) return undefined;
	const a = comparedNumbers(left, scale, source, c);
	const b = comparedNumbers(right, scale, source, c);
	if (a === undefined || b === undefined) return undefined;
	if (typeof a === 'function') {
		if (typeof b === 'number') return (rows, count) => keepCompared(operator, a(rows, count), b, rows, count);
		return (rows, count) => keepPairs(operator, a(rows, count), b(rows, count), rows, count);
	}
	const other = b as BatchNumbers;
	return (rows, count) => keepCompared(MIRRORED[operator], other(rows, count), a, rows, count);
}

/** One side of a comparison: a number for each row, or one number for all. */
function comparedNumbers(
	side: Bound,
	scale: Scale | undefined,
	source: Source,
	c: Compiler,
): BatchNumbers | number | undefined {
	if (scale === undefined) return side.constant ? constantNumber(side, c) : batchNumbers(side, source, c);
	return side.constant ? constantMeasure(side, scale, c) : batchInstants(side, source, c);
}

// NaN stands for NULL: comparing it is always false. Each row is written before it is compared, to avoid a branch.

function keepCompared(
	operator: CompareOperator,
	values: Float64Array,
	fixed: number,
	rows: Int32Array,
	count: number,
): number {
	let kept = 0;
	switch (operator) {
		case '=':
			for (let i = 0; i < count; i++) {
				rows[kept] = rows[i]!;
				kept += values[i]! === fixed ? 1 : 0;
			}
			return kept;
		case '<>':
			for (let i = 0; i < count; i++) {
				rows[kept] = rows[i]!;
				kept += values[i]! < fixed || values[i]! > fixed ? 1 : 0;
			}
			return kept;
		case '<':
			for (let i = 0; i < count; i++) {
				rows[kept] = rows[i]!;
				kept += values[i]! < fixed ? 1 : 0;
			}
			return kept;
		case '<=':
			for (let i = 0; i < count; i++) {
				rows[kept] = rows[i]!;
				kept += values[i]! <= fixed ? 1 : 0;
			}
			return kept;
		case '>':
			for (let i = 0; i < count; i++) {
				rows[kept] = rows[i]!;
				kept += values[i]! > fixed ? 1 : 0;
			}
			return kept;
		default:
			for (let i = 0; i < count; i++) {
				rows[kept] = rows[i]!;
				kept += values[i]! >= fixed ? 1 : 0;
			}
			return kept;
	}
}

function keepPairs(
	operator: CompareOperator,
	left: Float64Array,
	right: Float64Array,
	rows: Int32Array,
	count: number,
): number {
	const holds = NUMBERS_HOLD[operator];
	let kept = 0;
	for (let i = 0; i < count; i++) if (holds(left[i]!, right[i]!)) rows[kept++] = rows[i]!;
	return kept;
}

const NUMBERS_HOLD: Record<CompareOperator, (a: number, b: number) => boolean> = {
	'=': (a, b) => a === b,
	'<>': (a, b) => a < b || a > b,
	'<': (a, b) => a < b,
	'<=': (a, b) => a <= b,
	'>': (a, b) => a > b,
	'>=': (a, b) => a >= b,
};

/** IS NULL and IS NOT NULL. */
function nullFilter(
	{ comparison: { left, right }, not }: Extract<Bound, { kind: 'is' }>,
	wanted: boolean,
	source: Source,
	c: Compiler,
): BatchFilter | undefined {
	if (right.type !== 'null' || (left.type !== 'int' && left.type !== 'real' && left.output !== 'datetime'))
		return undefined;
	const numbers = batchNumbers(left, source, c);
	if (numbers === undefined) return undefined;
	const wantsNull = not !== wanted;
	return (rows, count) => {
		const values = numbers(rows, count);
		let kept = 0;
		for (let i = 0; i < count; i++) if (Number.isNaN(values[i]!) === wantsNull) rows[kept++] = rows[i]!;
		return kept;
	};
}

function listFilter(
	expression: Extract<Bound, { kind: 'in list' }>,
	wanted: boolean,
	source: Source,
	c: Compiler,
): BatchFilter | undefined {
	const { membership, items, not } = expression;
	if (membership.scale !== undefined || items.length === 0 || items.some((item) => item.kind !== 'constant'))
		return undefined;
	const { keys, hasNull } = constantKeys(expression, c);
	if (!areNumberKeys(membership.left, keys)) return undefined;
	const numbers = batchNumbers(membership.left, source, c);
	if (numbers === undefined) return undefined;
	const sought = not !== wanted;
	// If the list contains NULL, NOT IN is never true.
	if (!sought && hasNull) return () => 0;
	return (rows, count) => {
		const values = numbers(rows, count);
		let kept = 0;
		for (let i = 0; i < count; i++) {
			const value = values[i]!;
			if (!Number.isNaN(value) && keys.has(value) === sought) rows[kept++] = rows[i]!;
		}
		return kept;
	};
}

// ---- conditions on texts ------------------------------------------------------------------------------------------------

const NOT_KNOWN = 0;
const YES = 1;
const NO = 2;

/** Tests a condition on one column that has codes once for each distinct text. */
function codeFilter(expression: Bound, wanted: boolean, source: Source, c: Compiler): BatchFilter | undefined {
	const column = codedColumn(expression);
	const codes = column === undefined ? undefined : batchCodes(column, source, c);
	const cursor = batchCursor(source, c);
	if (codes === undefined || cursor === undefined) return undefined;
	const test = wanted ? c.isTrue(expression) : c.isFalse(expression);
	let verdicts = new Uint8Array(1024);
	const decide = (index: number, row: number): number => {
		while (index >= verdicts.length) {
			const longer = new Uint8Array(verdicts.length * 2);
			longer.set(verdicts);
			verdicts = longer;
		}
		cursor.row = row;
		const verdict = test() ? YES : NO;
		verdicts[index] = verdict;
		return verdict;
	};
	return (rows, count) => {
		const list = codes(rows, count);
		let kept = 0;
		for (let i = 0; i < count; i++) {
			const row = rows[i]!;
			const index = list[i]! + 1;
			let verdict = index < verdicts.length ? verdicts[index]! : NOT_KNOWN;
			if (verdict === NOT_KNOWN) verdict = decide(index, row);
			rows[kept] = row;
			kept += verdict & YES;
		}
		return kept;
	};
}

/** The column of a condition that compares only one column with constants. */
function codedColumn(expression: Bound): Extract<Bound, { kind: 'column' }> | undefined {
	switch (expression.kind) {
		case 'compare':
		case 'is': {
			const { left, right } = expression.comparison;
			if (left.kind === 'column' && right.kind === 'constant') return left;
			return right.kind === 'column' && left.kind === 'constant' ? right : undefined;
		}
		case 'in list': {
			const { left } = expression.membership;
			const isFixed = expression.items.every((item) => item.kind === 'constant');
			return left.kind === 'column' && isFixed ? left : undefined;
		}
		case 'match': {
			const { operand, pattern, escape: escaping } = expression;
			const isFixed = pattern.kind === 'constant' && (escaping === undefined || escaping.kind === 'constant');
			return operand.kind === 'column' && isFixed ? operand : undefined;
		}
		default:
			return undefined;
	}
}

function bytesFilter({ spans, matches, sought }: BytesCondition): BatchFilter {
	const starts = new Int32Array(BATCH_ROWS);
	const ends = new Int32Array(BATCH_ROWS);
	return (rows, count) => {
		const bytes = spans.locateAll(rows, count, starts, ends);
		let kept = 0;
		for (let i = 0; i < count; i++) {
			const start = starts[i]!;
			if (start >= 0 && matches(bytes, start, ends[i]!) === sought) rows[kept++] = rows[i]!;
		}
		return kept;
	};
}

/** Tests each row of a batch with a closure over the cursor's row. */
export function filterByRow(test: Test, cursor: Cursor): BatchFilter {
	return (rows, count) => {
		let kept = 0;
		for (let i = 0; i < count; i++) {
			const row = rows[i]!;
			cursor.row = row;
			if (test()) rows[kept++] = row;
		}
		return kept;
	};
}

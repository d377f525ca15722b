// Closures for conditions. They need no third truth value: each closure tests either "is it true?" or "is it false?",
// and both return false when the condition is NULL.
import type { Bound, CompareOperator, Comparison } from '../bind/bound.ts';
import { partsOf, subqueryOf } from '../bind/bound-walk.ts';
import { measure, type Scale } from '../values/measure.ts';
import { truthOf } from '../values/value.ts';
import { bytesCondition, bytesTest } from './compile-bytes.ts';
import { compileColumnCode } from './compile-column.ts';
import { compileComparison, HOLDS, OPPOSITE } from './compile-comparison.ts';
import { compileMatch } from './compile-match.ts';
import { compileMembership } from './compile-membership.ts';
import { compileExists } from './compile-value.ts';
import type { Compiler, NumberEvaluator, Test } from './runtime.ts';

export function compileTrue(expression: Bound, c: Compiler): Test {
	switch (expression.kind) {
		case 'and':
			return all(cheapestFirst(expression.operands, c).map((operand) => c.isTrue(operand)));
		case 'or':
			return any(expression.operands.map((operand) => c.isTrue(operand)));
		case 'not':
			return c.isFalse(expression.operand);
		case 'exists':
			return compileExists(expression, c);
		default:
			return byCode(expression, true, c) ?? compileAtom(expression, true, c);
	}
}

export function compileFalse(expression: Bound, c: Compiler): Test {
	switch (expression.kind) {
		case 'and':
			return any(expression.operands.map((operand) => c.isFalse(operand)));
		case 'or':
			return all(expression.operands.map((operand) => c.isFalse(operand)));
		case 'not':
			return c.isTrue(expression.operand);
		default:
			return byCode(expression, false, c) ?? compileAtom(expression, false, c);
	}
}

/** Puts conditions that only compare numbers first: they are cheap and cannot fail. */
function cheapestFirst(operands: readonly Bound[], c: Compiler): readonly Bound[] {
	if (c.runtime.plain) return operands;
	const isCheap = (operand: Bound) =>
		operand.kind === 'compare' &&
		[operand.comparison.left, operand.comparison.right].every(
			(side) => side.kind === 'constant' || (side.kind === 'column' && side.type !== 'text'),
		);
	return [...operands.filter(isCheap), ...operands.filter((operand) => !isCheap(operand))];
}

function all(tests: readonly Test[]): Test {
	const [a, b, third] = tests;
	if (a === undefined) return () => true;
	if (b === undefined) return a;
	if (third === undefined) return () => a() && b();
	return () => {
		for (const test of tests) if (!test()) return false;
		return true;
	};
}

function any(tests: readonly Test[]): Test {
	const [a, b, third] = tests;
	if (a === undefined) return () => false;
	if (b === undefined) return a;
	if (third === undefined) return () => a() || b();
	return () => {
		for (const test of tests) if (test()) return true;
		return false;
	};
}

/** Whether a condition other than AND, OR and NOT is true, or, if `wanted` is false, whether it is false. */
function compileAtom(expression: Bound, wanted: boolean, c: Compiler): Test {
	const bytes = bytesCondition(expression, wanted, c);
	if (bytes !== undefined) return bytesTest(bytes);
	switch (expression.kind) {
		case 'compare':
			return compileCompare(wanted ? expression.operator : OPPOSITE[expression.operator], expression.comparison, c);
		case 'is':
			return compileIs(expression.comparison, expression.not === wanted, c);
		case 'match':
			return compileMatch(expression, expression.not !== wanted, c);
		case 'in list':
		case 'in query': {
			const member = compileMembership(expression, c);
			const sought = expression.not !== wanted;
			return () => member() === sought;
		}
		default: {
			const value = c.any(expression);
			return () => truthOf(value()) === wanted;
		}
	}
}

function compileCompare(
	operator: CompareOperator,
	comparison: Parameters<typeof compileComparison>[0],
	c: Compiler,
): Test {
	const compiled = compileComparison(comparison, c);
	if (compiled.kind === 'numbers') {
		const fixed = comparison.right.constant ? compiled.right() : undefined;
		if (fixed !== undefined) return compareToNumber(operator, compiled.left, fixed);
		return compareNumbers(operator, compiled.left, compiled.right);
	}
	const { left, right, compare } = compiled;
	if (operator === '=' && comparison.left.type === 'text' && comparison.right.type === 'text') {
		return () => {
			const a = left();
			return a !== null && a === right();
		};
	}
	const holds = HOLDS[operator];
	return () => {
		const a = left();
		if (a === null) return false;
		const b = right();
		return b !== null && holds(compare(a, b));
	};
}

/** NaN stands for NULL: comparing it is always false. */
function compareToNumber(operator: CompareOperator, left: NumberEvaluator, right: number): Test {
	switch (operator) {
		case '=':
			return () => left() === right;
		case '<>':
			return () => {
				const a = left();
				return a < right || a > right;
			};
		case '<':
			return () => left() < right;
		case '<=':
			return () => left() <= right;
		case '>':
			return () => left() > right;
		default:
			return () => left() >= right;
	}
}

function compareNumbers(operator: CompareOperator, left: NumberEvaluator, right: NumberEvaluator): Test {
	switch (operator) {
		case '=':
			return () => left() === right();
		case '<>':
			return () => {
				const a = left();
				const b = right();
				return a < b || a > b;
			};
		case '<':
			return () => left() < right();
		case '<=':
			return () => left() <= right();
		case '>':
			return () => left() > right();
		default:
			return () => left() >= right();
	}
}

/** Whether the two sides are equal (or, for `differs`, unequal), comparing NULL like any other value. */
function compileIs(comparison: Parameters<typeof compileComparison>[0], differs: boolean, c: Compiler): Test {
	const { left, right } = comparison;
	if (right.type === 'null' || left.type === 'null') {
		const side = right.type === 'null' ? left : right;
		if (side.type === 'int' || side.type === 'real') {
			const number = c.number(side);
			return () => Number.isNaN(number()) !== differs;
		}
		const value = c.value(side);
		return () => (value() === null) !== differs;
	}
	if (comparison.scale !== undefined) return compileIsOnScale(comparison, comparison.scale, differs, c);
	const compiled = compileComparison(comparison, c);
	if (compiled.kind === 'numbers') {
		return () => {
			const a = compiled.left();
			const b = compiled.right();
			return (a === b || (Number.isNaN(a) && Number.isNaN(b))) !== differs;
		};
	}
	return () => {
		const a = compiled.left();
		const b = compiled.right();
		const same = a === null || b === null ? a === b : compiled.compare(a, b) === 0;
		return same !== differs;
	};
}

/** A text that is not on the scale differs from everything, NULL included. */
function compileIsOnScale({ left, right }: Comparison, scale: Scale, differs: boolean, c: Compiler): Test {
	const a = c.any(left);
	const b = c.any(right);
	return () => {
		const x = a();
		const y = b();
		const same = x === null || y === null ? x === y : measure(x, scale) === measure(y, scale);
		return same !== differs;
	};
}

// ---- conditions on one text column with few values ----------------------------------------------------------------------

const NOT_KNOWN = 0;
const YES = 1;
const NO = 2;

/** Tests a condition that reads only one column, which has codes, once for each distinct text. */
function byCode(expression: Bound, wanted: boolean, c: Compiler): Test | undefined {
	const column = onlyColumn(expression);
	const code = column === undefined ? undefined : compileColumnCode(column, c.runtime);
	if (code === undefined) return undefined;
	const test = compileAtom(expression, wanted, c);
	let verdicts = new Uint8Array(256);
	return () => {
		const index = code() + 1;
		if (index >= verdicts.length) {
			if (index > MAX_CODE) return test();
			const longer = new Uint8Array(2 ** Math.ceil(Math.log2(index + 1)));
			longer.set(verdicts);
			verdicts = longer;
		}
		const known = verdicts[index]!;
		if (known !== NOT_KNOWN) return known === YES;
		const verdict = test();
		verdicts[index] = verdict ? YES : NO;
		return verdict;
	};
}

const MAX_CODE = 1 << 24;

type ColumnNode = Extract<Bound, { kind: 'column' }>;

/** The column that an expression reads, if nothing else in it changes from row to row. */
function onlyColumn(expression: Bound): ColumnNode | undefined {
	let column: ColumnNode | undefined;
	const visit = (part: Bound): boolean => {
		if (part.kind === 'column') {
			if (column !== undefined && (column.source !== part.source || column.index !== part.index)) return false;
			column = part;
			return true;
		}
		if (subqueryOf(part) !== undefined || part.kind === 'aggregate' || part.kind === 'window') return false;
		if (part.kind === 'call' && part.function.varies) return false;
		if (part.kind === 'present' && part.source.nullable) return false;
		return partsOf(part).every(visit);
	};
	return visit(expression) ? column : undefined;
}

// Closures that compare two values. The result is negative, 0, positive, or NaN if either value is NULL.
import type { Affinity, Bound, CompareOperator, Comparison } from '../bind/bound.ts';
import { parseInstant } from '../values/instant.ts';
import { applyNumeric, applyText, compareText, compareValues, foldAscii, type Value } from '../values/value.ts';
import { compileColumnNumber } from './compile-column.ts';
import type { Compiler, Evaluator, NumberEvaluator } from './runtime.ts';

/** Compares doubles where that is exact, else values. */
export type CompiledComparison =
	| { readonly kind: 'numbers'; readonly left: NumberEvaluator; readonly right: NumberEvaluator }
	| {
			readonly kind: 'values';
			readonly left: Evaluator;
			readonly right: Evaluator;
			readonly compare: (a: Value, b: Value) => number;
	  };

export function compileComparison(comparison: Comparison, c: Compiler): CompiledComparison {
	const { left, right } = comparison;
	if (comparison.time) {
		const numbers = timeNumbers(left, right, c);
		if (numbers !== undefined) return numbers;
		return { kind: 'values', left: c.any(left), right: c.any(right), compare: compareInstants };
	}
	if (comparesAsNumbers(left, right, c)) return { kind: 'numbers', left: c.number(left), right: c.number(right) };
	return {
		kind: 'values',
		left: converted(c.any(left), comparison.leftAffinity, comparison.nocase),
		right: converted(c.any(right), comparison.rightAffinity, comparison.nocase),
		compare:
			left.type === 'text' && right.type === 'text' ? (compareText as (a: Value, b: Value) => number) : compareValues,
	};
}

/** The operator that is true where this one is false. Both are NULL for NULL. */
export const OPPOSITE: Record<CompareOperator, CompareOperator> = {
	'=': '<>',
	'<>': '=',
	'<': '>=',
	'<=': '>',
	'>': '<=',
	'>=': '<',
};

/** Whether the operator holds for a comparison result. */
export const HOLDS: Record<CompareOperator, (sign: number) => boolean> = {
	'=': (sign) => sign === 0,
	'<>': (sign) => sign !== 0,
	'<': (sign) => sign < 0,
	'<=': (sign) => sign <= 0,
	'>': (sign) => sign > 0,
	'>=': (sign) => sign >= 0,
};

export function compileOrder(comparison: Comparison, c: Compiler): NumberEvaluator {
	const compiled = compileComparison(comparison, c);
	if (compiled.kind === 'numbers') {
		const { left, right } = compiled;
		return () => {
			const a = left();
			const b = right();
			return a < b ? -1 : a > b ? 1 : a === b ? 0 : Number.NaN;
		};
	}
	const { left, right, compare } = compiled;
	return () => {
		const a = left();
		if (a === null) return Number.NaN;
		const b = right();
		return b === null ? Number.NaN : compare(a, b);
	};
}

/** Comparing doubles is exact for REALs, and for integers if one side is a constant within 2^53. */
export function comparesAsNumbers(left: Bound, right: Bound, c: Compiler): boolean {
	// A parameter has no static type, but its value is known.
	const isNumeric = (side: Bound) =>
		side.type === 'int' || side.type === 'real' || (side.kind === 'parameter' && typeof c.value(side)() === 'number');
	if (!isNumeric(left) || !isNumeric(right)) return false;
	if (left.type === 'real' && right.type === 'real') return true;
	return isSmallConstant(left, c) || isSmallConstant(right, c);
}

function isSmallConstant(side: Bound, c: Compiler): boolean {
	return side.constant && Math.abs(c.number(side)()) <= Number.MAX_SAFE_INTEGER;
}

/** Applies a comparison's conversions to a value. */
export function converted(evaluate: Evaluator, affinity: Affinity, nocase: boolean): Evaluator {
	const convert = affinity === 'numeric' ? applyNumeric : affinity === 'text' ? applyText : undefined;
	const plain = convert === undefined ? evaluate : () => convert(evaluate());
	if (!nocase) return plain;
	return () => {
		const value = plain();
		return typeof value === 'string' ? foldAscii(value) : value;
	};
}

// ---- instants -----------------------------------------------------------------------------------------------------

/** Compares two instants in microseconds if each side is a datetime column or a constant instant. */
function timeNumbers(left: Bound, right: Bound, c: Compiler): CompiledComparison | undefined {
	const l = timeNumber(left, c);
	const r = timeNumber(right, c);
	return l === undefined || r === undefined ? undefined : { kind: 'numbers', left: l, right: r };
}

export function timeNumber(side: Bound, c: Compiler): NumberEvaluator | undefined {
	if (side.kind === 'column' && side.output === 'datetime') return compileColumnNumber(side, c.runtime);
	if (!side.constant) return undefined;
	const value = c.any(side)();
	if (value === null) return () => Number.NaN;
	const instant = typeof value === 'string' ? parseInstant(value) : Number.NaN;
	return Number.isNaN(instant) ? undefined : () => instant;
}

/** Compares two texts by time if both are instants, other values as usual. */
function compareInstants(a: Value, b: Value): number {
	if (typeof a !== 'string' || typeof b !== 'string') return compareValues(applyText(a), applyText(b));
	if (a === b) return 0;
	const x = parseInstant(a);
	const y = parseInstant(b);
	return Number.isNaN(x) || Number.isNaN(y) ? compareText(a, b) : x < y ? -1 : x > y ? 1 : 0;
}

// Closures that compare two values. The result is negative, 0, positive, or NaN if either value is NULL.
import type { Affinity, Bound, CompareOperator, Comparison } from '../bind/bound.ts';
import { badText } from '../bind/times.ts';
import { DIFFERENCE } from '../functions/time-operators.ts';
import { measure, type Scale } from '../values/measure.ts';
import { applyNumeric, applyText, compareText, compareValues, foldAscii, toText, type Value } from '../values/value.ts';
import { compileColumnNumber } from './compile-column.ts';
import type { Compiler, Evaluator, NumberEvaluator } from './runtime.ts';

/** Compares doubles where that is exact, otherwise values. */
export type CompiledComparison =
	| { readonly kind: 'numbers'; readonly left: NumberEvaluator; readonly right: NumberEvaluator }
	| {
			readonly kind: 'values';
			readonly left: Evaluator;
			readonly right: Evaluator;
			readonly compare: (a: Value, b: Value) => number;
	  };

export function compileComparison(comparison: Comparison, c: Compiler): CompiledComparison {
	const { left, right, scale } = comparison;
	if (scale !== undefined)
		return { kind: 'numbers', left: compileMeasure(left, scale, c), right: compileMeasure(right, scale, c) };
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

// ---- times and intervals --------------------------------------------------------------------------------------------

/** The number of microseconds by which a side is compared; NaN for NULL and for texts that are not on the scale. */
export function compileMeasure(side: Bound, scale: Scale, c: Compiler): NumberEvaluator {
	if (side.constant) {
		const number = constantOnScale(side, scale, c);
		return () => number;
	}
	if (side.kind === 'column' && side.output === 'datetime') {
		const instant = compileColumnNumber(side, c.runtime);
		if (instant !== undefined) return instant;
	}
	if (side.kind === 'present' && !side.source.nullable) return compileMeasure(side.operand, scale, c);
	if (side.kind === 'call' && side.function === DIFFERENCE) {
		const [a, b] = side.arguments.map((argument) => compileMeasure(argument, scaleOfTime(argument), c));
		// Rounded like intervals.
		return () => Math.round(a!() - b!());
	}
	const value = c.any(side);
	return () => measure(value(), scale);
}

/** The scale of an expression that a function takes as an instant. */
export function scaleOfTime({ output }: Bound): Scale {
	return output === 'local' ? 'local' : output === 'time' ? 'clock' : output === 'interval' ? 'interval' : 'instant';
}

/** Throws if the value of a constant expression, such as a parameter, is not on the scale. */
function constantOnScale(side: Bound, scale: Scale, c: Compiler): number {
	const value = c.any(side)();
	const number = measure(value, scale);
	if (value === null || !Number.isNaN(number)) return number;
	throw badText(toText(value), scale, side.kind === 'parameter' ? side.at : undefined);
}

/** Undefined if evaluation fails. */
export function constantMeasure(side: Bound, scale: Scale, c: Compiler): number | undefined {
	try {
		return constantOnScale(side, scale, c);
	} catch {
		// The error is thrown again when the comparison is compiled for single rows.
		return undefined;
	}
}

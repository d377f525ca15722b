// Functions for numbers.

import { integerArithmetic } from '../values/arithmetic.ts';
import { Interval, scaleInterval, totalMicros } from '../values/interval.ts';
import { Real, toDouble, toInteger, toNumber, toReal, type Value } from '../values/value.ts';
import { fixedText } from './decimal.ts';
import type { Evaluate, FunctionDoc, ScalarFunction } from './function-table.ts';

const GROUP = { group: 'number', strict: true } as const;

export const NUMBER_FUNCTIONS: readonly ScalarFunction[] = [
	{
		name: 'abs',
		signature: 'abs(number)',
		doc: 'absolute value',
		example: ['abs(-3)', 3],
		minArguments: 1,
		maxArguments: 1,
		type: ([first]) => (first === 'int' || first === 'real' || first === 'interval' ? first : 'any'),
		create: () => abs,
		...GROUP,
		accepts: 'amount',
	},
	{
		name: 'round',
		signature: 'round(number [, digits])',
		doc: 'rounded to this number of decimal places',
		example: ['round(12.345, 1)', 12.3],
		minArguments: 1,
		maxArguments: 2,
		type: 'real',
		create: () => (value, digits) => round(toDouble(value), digits === undefined ? 0 : Number(toInteger(digits))),
		...GROUP,
	},
	whole('ceil', 'rounded up to an integer', ['ceil(1.2)', 2], Math.ceil),
	whole('floor', 'rounded down to an integer', ['floor(-1.2)', -2], Math.floor),
	whole('trunc', 'rounded towards zero to an integer', ['trunc(-1.8)', -1], Math.trunc),
	{
		name: 'sign',
		signature: 'sign(number)',
		doc: '-1, 0 or 1; NULL if it is not a number',
		example: ['sign(-2.5)', -1],
		minArguments: 1,
		maxArguments: 1,
		type: 'int',
		create: () => (value) => {
			if (value instanceof Interval) return Math.sign(totalMicros(value)) + 0;
			return isNumber(value) ? Math.sign(toDouble(value)) + 0 : null;
		},
		...GROUP,
		accepts: 'amount',
	},
	real('sqrt', 'sqrt(number)', 'square root', ['sqrt(9)', 3], Math.sqrt),
	real('exp', 'exp(number)', 'e to the power of the number', ['exp(0)', 1], Math.exp),
	real('ln', 'ln(number)', 'natural logarithm', ['ln(1)', 0], positive(Math.log)),
	real('log10', 'log10(number)', 'logarithm to base 10', ['log10(1000)', 3], positive(Math.log10)),
	real('log2', 'log2(number)', 'logarithm to base 2', ['log2(1024)', 10], positive(Math.log2)),
	{
		name: 'log',
		signature: 'log([base,] number)',
		doc: 'logarithm to base 10, or to a given base',
		example: ['log(2, 8)', 3],
		minArguments: 1,
		maxArguments: 2,
		type: 'real',
		create: () => (first, second) => {
			if (!isNumber(first) || (second !== undefined && !isNumber(second))) return null;
			if (second === undefined) return realOrNull(positive(Math.log10)(toDouble(first)));
			const base = positive(Math.log)(toDouble(first));
			return base === 0 ? null : realOrNull(positive(Math.log)(toDouble(second)) / base);
		},
		...GROUP,
	},
	{
		name: 'power',
		signature: 'power(number, exponent)',
		doc: 'the number to the power of the exponent',
		example: ['power(2, 10)', 1024],
		minArguments: 2,
		maxArguments: 2,
		type: 'real',
		create: () => (base, exponent) =>
			isNumber(base) && isNumber(exponent) ? realOrNull(toDouble(base) ** toDouble(exponent)) : null,
		...GROUP,
	},
	{
		name: 'mod',
		signature: 'mod(number, by)',
		doc: 'remainder; operands may be fractional',
		example: ['mod(7.5, 2)', 1.5],
		minArguments: 2,
		maxArguments: 2,
		type: 'real',
		create: () => (value, by) => (isNumber(value) && isNumber(by) ? realOrNull(toDouble(value) % toDouble(by)) : null),
		...GROUP,
	},
	{
		name: 'random',
		signature: 'random()',
		doc: 'a random 64-bit integer, different for each row',
		example: ['typeof(random())', 'integer'],
		minArguments: 0,
		maxArguments: 0,
		type: 'int',
		create: () => () => {
			const [high, low] = crypto.getRandomValues(new BigInt64Array(2));
			return integerArithmetic('+', BigInt.asIntN(64, high! ^ low!), 0);
		},
		...GROUP,
		strict: false,
		varies: true,
	},
];

function doc(name: string, signature: string, text: string, example: FunctionDoc['example']): FunctionDoc {
	return { name, signature, doc: text, example, group: 'number', minArguments: 1, maxArguments: 1 };
}

function real(
	name: string,
	signature: string,
	text: string,
	example: readonly [string, number],
	compute: (value: number) => number,
): ScalarFunction {
	const create = (): Evaluate => (value) => (isNumber(value) ? realOrNull(compute(toDouble(value))) : null);
	return { ...doc(name, signature, text, example), type: 'real', strict: true, create };
}

/** Integers stay as they are; other numbers become whole REALs. */
function whole(
	name: string,
	text: string,
	example: readonly [string, number],
	compute: (value: number) => number,
): ScalarFunction {
	const create = (): Evaluate => (value) => {
		if (!isNumber(value)) return null;
		const number = toNumber(value)!;
		if (typeof number === 'bigint' || Number.isSafeInteger(number)) return number;
		return toReal(compute(toDouble(number)));
	};
	return {
		...doc(name, `${name}(number)`, text, example),
		type: ([first]) => (first === 'int' || first === 'real' ? first : 'any'),
		strict: true,
		create,
	};
}

/** Mathematical functions return NULL for everything except numbers and texts that are entirely a number. */
function isNumber(value: Value | undefined): value is Exclude<Value, null> {
	if (value === null || value === undefined || value instanceof Uint8Array) return false;
	return typeof value !== 'string' || /^\s*[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?\s*$/i.test(value);
}

function positive(compute: (value: number) => number): (value: number) => number {
	return (value) => (value > 0 ? compute(value) : Number.NaN);
}

function realOrNull(value: number): Value {
	return toReal(value);
}

function abs(value: Value): Value {
	if (typeof value === 'string' || value instanceof Uint8Array) return toReal(Math.abs(toDouble(value)));
	if (value instanceof Real) return toReal(Math.abs(value.value));
	if (value instanceof Interval) return totalMicros(value) < 0 ? scaleInterval(value, -1) : value;
	if (typeof value === 'number') return Number.isSafeInteger(value) ? Math.abs(value) : toReal(Math.abs(value));
	return typeof value === 'bigint' && value < 0n ? integerArithmetic('-', 0, value) : value;
}

/** Rounds half away from zero, by the decimal digits: round(1.255, 2) is 1.26. */
export function round(value: number, digits: number): Value {
	if (Number.isNaN(value)) return null;
	const places = Math.max(0, Math.min(30, digits));
	if (Math.abs(value) >= 4503599627370496) return toReal(value);
	if (places === 0) return toReal(value < 0 ? -Math.floor(0.5 - value) : Math.floor(value + 0.5));
	return toReal(Number(fixedText(value, places)));
}

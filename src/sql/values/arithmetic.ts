// Arithmetic on values of unknown type. 64-bit integers become REAL when they overflow; texts are read as numbers.
import { fromBigInt, Real, toInteger, toNumber, toReal, type Value } from './value.ts';

export type ArithmeticOperator = '+' | '-' | '*' | '/' | '%' | '&' | '|' | '<<' | '>>';

type Number64 = number | bigint;

export function arithmetic(operator: ArithmeticOperator, a: Value, b: Value): Value {
	if (a === null || b === null) return null;
	if (operator === '&' || operator === '|' || operator === '<<' || operator === '>>') return bits(operator, a, b);
	const x = toNumber(a)!;
	const y = toNumber(b)!;
	if (isInteger(x) && isInteger(y)) return integerArithmetic(operator, x, y);
	const p = x instanceof Real ? x.value : Number(x);
	const q = y instanceof Real ? y.value : Number(y);
	if (operator === '%') {
		const rest = integerArithmetic('%', toInteger(a)!, toInteger(b)!);
		return rest === null ? null : toReal(Number(rest));
	}
	return toReal(realArithmetic(operator, p, q));
}

function isInteger(value: number | bigint | Real): value is Number64 {
	return typeof value === 'bigint' || Number.isSafeInteger(value);
}

/** NaN stands for NULL. */
export function realArithmetic(operator: '+' | '-' | '*' | '/', p: number, q: number): number {
	switch (operator) {
		case '+':
			return p + q;
		case '-':
			return p - q;
		case '*':
			return p * q;
		default:
			return q === 0 ? Number.NaN : p / q;
	}
}

/** For two INTEGERs. The result is INTEGER, or REAL if it does not fit in 64 bits. */
export function integerArithmetic(operator: '+' | '-' | '*' | '/' | '%', x: Number64, y: Number64): Number64 | null {
	if (typeof x === 'number' && typeof y === 'number') {
		if ((operator === '/' || operator === '%') && y === 0) return null;
		const result = smallArithmetic(operator, x, y);
		// + 0 turns -0 into 0.
		if (Number.isSafeInteger(result)) return result + 0;
	}
	const a = BigInt(x);
	const b = BigInt(y);
	switch (operator) {
		case '+':
			return fromBigInt(a + b);
		case '-':
			return fromBigInt(a - b);
		case '*':
			return fromBigInt(a * b);
		case '/':
			return b === 0n ? null : fromBigInt(a / b);
		default:
			return b === 0n ? null : fromBigInt(a % b);
	}
}

function smallArithmetic(operator: '+' | '-' | '*' | '/' | '%', x: number, y: number): number {
	switch (operator) {
		case '+':
			return x + y;
		case '-':
			return x - y;
		case '*':
			return x * y;
		case '/':
			return Math.trunc(x / y);
		default:
			return x % y;
	}
}

function bits(operator: '&' | '|' | '<<' | '>>', a: Value, b: Value): Number64 {
	const x = BigInt(toInteger(a)!);
	const y = BigInt(toInteger(b)!);
	switch (operator) {
		case '&':
			return fromBigInt(x & y);
		case '|':
			return fromBigInt(x | y);
		case '<<':
			return shift(x, y);
		default:
			return shift(x, -y);
	}
}

/** Shifts to the left by `by` bits, or to the right if `by` is negative. */
function shift(value: bigint, by: bigint): Number64 {
	if (by >= 64n) return 0;
	if (by <= -64n) return value < 0n ? -1 : 0;
	return fromBigInt(BigInt.asIntN(64, by >= 0n ? value << by : value >> -by));
}

export function negate(value: Value): Value {
	const number = toNumber(value);
	if (number === null) return null;
	if (isInteger(number)) return integerArithmetic('-', 0, number);
	return toReal(number instanceof Real ? -number.value : -number);
}

export function complement(value: Value): Number64 | null {
	const integer = toInteger(value);
	return integer === null ? null : fromBigInt(~BigInt(integer));
}

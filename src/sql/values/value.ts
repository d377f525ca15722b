// The values inside the engine and SQLite's rules for them: integers and reals, order, conversions.
//
// A number that is a safe integer is an INTEGER, any other number a REAL. If the type is not known beforehand, a REAL
// that happens to be a safe integer (2.0) is an object of class Real. Integers beyond 2^53 are bigint, within 64 bits.
// An expression whose static type is `real` returns plain numbers, all of them REAL.
import type { SqlValue } from '../../store/table.ts';
import { SqlError } from '../limits/sql-error.ts';
import { Interval, intervalText, totalMicros } from './interval.ts';

/** A REAL that would otherwise be taken for an INTEGER. */
export class Real {
	readonly value: number;
	constructor(value: number) {
		this.value = value;
	}
}

export type Value = SqlValue | Real | Interval;

/** What is known about the type of an expression's values; `any` means nothing. */
export type StaticType = 'null' | 'int' | 'real' | 'text' | 'blob' | 'interval' | 'any';

const MIN_INT64 = -(2n ** 63n);
const MAX_INT64 = 2n ** 63n - 1n;

/** `value` as a REAL of unknown static type; NaN is NULL. */
export function toReal(value: number): Value {
	if (Number.isSafeInteger(value)) return new Real(value);
	return Number.isNaN(value) ? null : value;
}

/** Converts a value for use outside the engine, where there are no Real objects and intervals are text. */
export function toSqlValue(value: Value): SqlValue {
	if (typeof value !== 'object' || value === null) return value;
	if (value instanceof Real) return value.value;
	return value instanceof Interval ? intervalText(value) : value;
}

/** An integer result as a number if that is exact, else as a bigint. Beyond 64 bits it becomes a REAL, as in SQLite. */
export function fromBigInt(value: bigint): number | bigint {
	if (value >= -9007199254740991n && value <= 9007199254740991n) return Number(value);
	return value > MAX_INT64 || value < MIN_INT64 ? Number(value) : value;
}

/** `typeof()` of SQL. */
export function typeName(value: Value): 'null' | 'integer' | 'real' | 'text' | 'blob' | 'interval' {
	if (value === null) return 'null';
	switch (typeof value) {
		case 'number':
			return Number.isSafeInteger(value) ? 'integer' : 'real';
		case 'bigint':
			return 'integer';
		case 'string':
			return 'text';
		default:
			return value instanceof Real ? 'real' : value instanceof Interval ? 'interval' : 'blob';
	}
}

// ---- order --------------------------------------------------------------------------------------------------------

/** Compares by code point, which is the order of the UTF-8 bytes. */
export function compareText(a: string, b: string): number {
	if (a === b) return 0;
	const length = Math.min(a.length, b.length);
	for (let at = 0; at < length; at++) {
		let x = a.charCodeAt(at);
		let y = b.charCodeAt(at);
		if (x === y) continue;
		// Surrogates are halves of code points above U+FFFF, so they sort after U+E000 to U+FFFF.
		if (x >= 0xd800 && y >= 0xd800) {
			x = x >= 0xe000 ? x - 0x800 : x + 0x2000;
			y = y >= 0xe000 ? y - 0x800 : y + 0x2000;
		}
		return x - y;
	}
	return a.length - b.length;
}

function compareBlobs(a: Uint8Array, b: Uint8Array): number {
	const length = Math.min(a.length, b.length);
	for (let at = 0; at < length; at++) {
		const difference = a[at]! - b[at]!;
		if (difference !== 0) return difference;
	}
	return a.length - b.length;
}

/** 0 for NULL, 1 number, 2 interval, 3 text, 4 blob. Values of different classes compare by class. */
function rank(value: Value): number {
	if (value === null) return 0;
	const type = typeof value;
	if (type === 'number' || type === 'bigint') return 1;
	if (type === 'string') return 3;
	return value instanceof Real ? 1 : value instanceof Interval ? 2 : 4;
}

/** A total order of all values, NULL first. 1, 1.0 and 1n are equal. */
export function compareValues(a: Value, b: Value): number {
	if (typeof a === 'number' && typeof b === 'number') return a < b ? -1 : a > b ? 1 : 0;
	if (typeof a === 'string' && typeof b === 'string') return compareText(a, b);
	const ra = rank(a);
	const rb = rank(b);
	if (ra !== rb) return ra - rb;
	if (ra === 0) return 0;
	if (ra === 4) return compareBlobs(a as Uint8Array, b as Uint8Array);
	if (ra === 2) return totalMicros(a as Interval) - totalMicros(b as Interval);
	const x = a instanceof Real ? a.value : (a as number | bigint);
	const y = b instanceof Real ? b.value : (b as number | bigint);
	// JavaScript compares numbers with bigints exactly.
	return x < y ? -1 : x > y ? 1 : 0;
}

/** A key for Map and Set. Two values have the same key if and only if they are equal. */
export function keyOf(value: Value): string | number | bigint | null {
	switch (typeof value) {
		case 'string':
			// The keys of blobs and intervals begin with U+0001. A text that begins with it gets a different prefix.
			return value.charCodeAt(0) === 1 ? `\u0001t${value}` : value;
		case 'number':
			return value;
		case 'bigint': {
			const near = Number(value);
			return BigInt(near) === value ? near : value;
		}
		default:
			if (value === null) return null;
			if (value instanceof Real) return value.value;
			return value instanceof Interval ? `\u0001i${totalMicros(value)}` : `\u0001b${latin1(value)}`;
	}
}

function latin1(bytes: Uint8Array): string {
	return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** Converts A-Z to a-z, as the NOCASE collation does. */
export function foldAscii(text: string): string {
	return /[A-Z]/.test(text) ? text.replace(/[A-Z]+/g, (capitals) => capitals.toLowerCase()) : text;
}

// ---- conversions --------------------------------------------------------------------------------------------------

/** The longest prefix of a text that is a number. */
const NUMBER_PREFIX = /^[ \t\n\v\f\r]*([+-]?(?:\d+(\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)/;
const WHOLE_NUMBER = /^[ \t\n\v\f\r]*([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)[ \t\n\v\f\r]*$/;
const INTEGER_PREFIX = /^[ \t\n\v\f\r]*([+-]?\d+)/;

/** Reads digits with an optional sign as an integer, or as a REAL if they do not fit in 64 bits. */
function integerOf(digits: string): number | bigint {
	const near = Number(digits);
	if (Number.isSafeInteger(near)) return near + 0;
	return fromBigInt(BigInt(digits[0] === '+' ? digits.slice(1) : digits));
}

function numberOf(text: string): Value {
	return /^[+-]?\d+$/.test(text) ? integerOf(text) : toReal(Number(text));
}

/** NUMERIC affinity: a text that is entirely a number becomes that number (`1.0` an integer). */
export function applyNumeric(value: Value): Value {
	if (typeof value !== 'string') return value;
	const match = WHOLE_NUMBER.exec(value);
	if (match === null) return value;
	const number = numberOf(match[1]!);
	return number instanceof Real ? number.value + 0 : number;
}

/** The number that a value is or that a text is as a whole; undefined for other texts. */
export function wholeNumber(value: Value): number | undefined {
	const number = applyNumeric(value);
	return typeof number === 'string' ? undefined : toDouble(number);
}

/** TEXT affinity: numbers become text. */
export function applyText(value: Value): Value {
	if (value === null || typeof value === 'string' || value instanceof Uint8Array) return value;
	return toText(value);
}

function notANumber(): SqlError {
	return new SqlError(
		'expected a number, got an interval',
		'ERR_SQL_TYPE',
		undefined,
		'epoch_ms(x) gives the milliseconds of an interval',
	);
}

/** The number that arithmetic uses: for a text its numeric prefix, or 0. Null for NULL. */
export function toNumber(value: Value): number | bigint | Real | null {
	switch (typeof value) {
		case 'number':
		case 'bigint':
			return value;
		case 'string': {
			const match = NUMBER_PREFIX.exec(value);
			return match === null ? 0 : (numberOf(match[1]!) as number | bigint | Real);
		}
		default:
			if (value === null || value instanceof Real) return value;
			if (value instanceof Interval) throw notANumber();
			return toNumber(decodeUtf8(value));
	}
}

/** The same as a plain double, NaN for NULL. */
export function toDouble(value: Value): number {
	if (typeof value === 'number') return value;
	const number = toNumber(value);
	if (number === null) return Number.NaN;
	return number instanceof Real ? number.value : Number(number);
}

/** CAST to INTEGER: rounds towards zero and clamps to 64 bits. */
export function toInteger(value: Value): number | bigint | null {
	if (value === null) return null;
	if (typeof value === 'bigint') return value;
	if (typeof value === 'number') return Number.isSafeInteger(value) ? value : realToInteger(value);
	if (value instanceof Real) return value.value + 0;
	if (value instanceof Interval) throw notANumber();
	const text = typeof value === 'string' ? value : decodeUtf8(value);
	const match = INTEGER_PREFIX.exec(text);
	if (match === null) return 0;
	const digits = match[1]!;
	const near = Number(digits);
	if (Number.isSafeInteger(near)) return near + 0;
	const exact = BigInt(digits[0] === '+' ? digits.slice(1) : digits);
	return exact > MAX_INT64 ? MAX_INT64 : exact < MIN_INT64 ? MIN_INT64 : exact;
}

function realToInteger(value: number): number | bigint {
	const whole = Math.trunc(value);
	if (Number.isSafeInteger(whole)) return whole + 0;
	if (whole >= 2 ** 63) return MAX_INT64;
	return whole <= -(2 ** 63) ? MIN_INT64 : BigInt(whole);
}

/** The text of any value but NULL. A blob is read as UTF-8. */
export function toText(value: Exclude<Value, null>): string {
	switch (typeof value) {
		case 'string':
			return value;
		case 'number':
			return Number.isSafeInteger(value) ? String(value) : realText(value);
		case 'bigint':
			return value.toString();
		default:
			if (value instanceof Interval) return intervalText(value);
			return value instanceof Real ? realText(value.value) : decodeUtf8(value);
	}
}

/** A REAL as SQLite writes it: 15 significant digits, always with a point. */
function realText(value: number): string {
	if (!Number.isFinite(value)) return value > 0 ? 'Inf' : value < 0 ? '-Inf' : '';
	if (value === 0) return '0.0';
	const [mantissa, exponent] = value.toExponential(14).split('e') as [string, string];
	const power = Number(exponent);
	if (power < -4 || power >= 15) {
		let digits = mantissa.replace(/0+$/, '');
		if (digits.endsWith('.')) digits += '0';
		return `${digits}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
	}
	const plain = Number(`${mantissa}e${exponent}`)
		.toFixed(Math.max(1, 14 - power))
		.replace(/0+$/, '');
	return plain.endsWith('.') ? `${plain}0` : plain;
}

const UTF8 = new TextDecoder('utf-8', { ignoreBOM: true });

function decodeUtf8(bytes: Uint8Array): string {
	return UTF8.decode(bytes);
}

export function encodeUtf8(text: string): Uint8Array {
	return Buffer.from(text, 'utf8');
}

/** Whether a condition with this value is true: it is for numbers other than 0. Undefined for NULL. */
export function truthOf(value: Value): boolean | undefined {
	if (value === null) return undefined;
	if (typeof value === 'number') return value !== 0;
	return toDouble(value) !== 0;
}

// ---- memory -------------------------------------------------------------------------------------------------------

/** Maximum length of a text that an operator or a function creates, in UTF-16 units. */
export const MAX_TEXT = 64 * 1024 * 1024;

/** Estimated memory of a value, apart from the array element or property that holds it. */
export function valueBytes(value: Value): number {
	if (typeof value === 'string') return 24 + value.length;
	return typeof value === 'object' && value !== null ? (value instanceof Uint8Array ? 96 + value.length : 32) : 0;
}

/** Estimated memory of a row of values. */
export function rowBytes(row: readonly Value[]): number {
	let bytes = 32 + 8 * row.length;
	for (const value of row) bytes += valueBytes(value);
	return bytes;
}

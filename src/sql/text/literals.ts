// The values of SQL literals.
import { syntaxError } from '../limits/sql-error.ts';
import { fromBigInt, toReal, type Value } from '../values/value.ts';

/** `12`, `1.5`, `1e3` or `0x1F`, with an optional minus sign. */
export function literalNumber(text: string): Value {
	const negative = text[0] === '-';
	const digits = negative ? text.slice(1) : text;
	if (/^0x/i.test(digits)) {
		// SQLite reads hexadecimal literals as 64-bit patterns.
		const value = BigInt.asIntN(64, BigInt(digits));
		return fromBigInt(negative ? -value : value);
	}
	if (/^\d+$/.test(digits)) {
		const near = Number(text);
		return Number.isSafeInteger(near) ? near + 0 : fromBigInt(BigInt(text));
	}
	return toReal(Number(text));
}

/** `x'00ff'` */
export function literalBlob(text: string, at: number): Uint8Array {
	const hex = text.slice(2, -1);
	if (hex.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(hex)) {
		throw syntaxError(`expected pairs of hexadecimal digits in a blob, got ${text.slice(0, 40)}`, at);
	}
	return new Uint8Array(Buffer.from(hex, 'hex'));
}

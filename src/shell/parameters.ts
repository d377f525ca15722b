// Values for :name in statements, given on the command line or at the prompt.
import { usageError } from '../base/errors.ts';
import { parseInstant, parseInterval, unquote } from '../sql/sql-light.ts';
import type { ParameterValue, SqlValue } from '../store/table.ts';
import { formatTimestamp } from '../store/timestamp.ts';

/** The types that a saved query can declare for a parameter. */
export const PARAMETER_TYPES = ['int', 'float', 'text', 'duration', 'datetime', 'bool'] as const;
export type ParameterType = (typeof PARAMETER_TYPES)[number];

/** A name and the text of its value, which may be in quotes. */
export type GivenValue = readonly [name: string, text: string];

/** Why a text is not a value of a type. */
export type Mismatch = { readonly expected: string; readonly hint?: string };

const QUOTED = /^'(?:[^']|'')*'$/;
const NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i;
const INT64_MAX = 2n ** 63n - 1n;

/** Splits `name=value`. Errors name `place`. */
export function splitParameter(text: string, place: string): GivenValue {
	const match = /^:?([A-Za-z_]\w*)=([\s\S]*)$/.exec(text);
	if (match === null) throw usageError(`${place}: expected name=value, got ${JSON.stringify(text)}`);
	return [match[1]!, match[2]!];
}

/**
 * Parses `name=value`. A value that looks like a number becomes a number; quotes around 'text' are removed.
 * `place` is what errors name as the source.
 */
export function parseParameter(text: string, place: string): readonly [string, SqlValue] {
	const [name, value] = splitParameter(text, place);
	return [name, untypedValue(value)];
}

/** The value of a text whose type is not declared. */
export function untypedValue(text: string): SqlValue {
	if (QUOTED.test(text)) return unquote(text);
	const isNumber = /^-?(\d+(\.\d+)?|\.\d+)(e[+-]?\d+)?$/i.test(text);
	return isNumber && (!/^-?\d+$/.test(text) || Number.isSafeInteger(Number(text))) ? Number(text) : text;
}

/** The text of a value without its quotes. */
export function plainText(text: string): string {
	return QUOTED.test(text) ? unquote(text) : text;
}

export function isParameterType(text: string): text is ParameterType {
	return PARAMETER_TYPES.some((type) => type === text);
}

/** The value of `text` as `type`, or the reason why it has none. A duration stays a text, which SQL accepts. */
export function typedValue(type: ParameterType, text: string): ParameterValue | Mismatch {
	switch (type) {
		case 'text':
			return text;
		case 'int':
			return integerOf(text) ?? { expected: 'a whole number' };
		case 'float': {
			const number = NUMBER.test(text) ? Number(text) : Number.NaN;
			return Number.isFinite(number) ? { real: number } : { expected: 'a number' };
		}
		case 'duration':
			if (parseInterval(text) !== undefined) return text;
			return {
				expected: 'a duration such as 500ms, 10s or 5m',
				...(NUMBER.test(text) ? { hint: `Say the unit: ${text}s or ${text}ms.` } : {}),
			};
		case 'datetime':
			return formatTimestamp(parseInstant(text)) ?? { expected: 'a time such as 2026-11-22 or 2026-11-22T12:56:01Z' };
		case 'bool':
			if (/^(true|on|yes|1)$/i.test(text)) return 1;
			if (/^(false|off|no|0)$/i.test(text)) return 0;
			return { expected: 'true or false' };
	}
}

function integerOf(text: string): number | bigint | undefined {
	if (!/^[+-]?\d{1,20}$/.test(text)) return undefined;
	const exact = BigInt(text.replace(/^\+/, ''));
	if (exact > INT64_MAX || exact < -INT64_MAX - 1n) return undefined;
	const near = Number(exact);
	return Number.isSafeInteger(near) ? near : exact;
}

export function isMismatch(value: ParameterValue | Mismatch): value is Mismatch {
	return value !== null && typeof value === 'object' && 'expected' in value;
}

/** Formats a value as an SQL literal. */
export function literalText(value: ParameterValue): string {
	if (value !== null && typeof value === 'object' && 'real' in value)
		return Number.isInteger(value.real) ? value.real.toFixed(1) : String(value.real);
	return typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value);
}

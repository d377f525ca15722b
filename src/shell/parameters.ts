// Values for :name in statements, given on the command line or at the prompt.
import { usageError } from '../base/errors.ts';
import { unquote } from '../sql/sql-light.ts';
import type { SqlValue } from '../store/table.ts';

/**
 * Parses `name=value`. A value that looks like a number becomes a number; quotes around 'text' are removed.
 * `place` is what errors name as the source.
 */
export function parseParameter(text: string, place: string): readonly [string, SqlValue] {
	const match = /^([A-Za-z_]\w*)=([\s\S]*)$/.exec(text);
	if (match === null) throw usageError(`${place}: expected name=value, got ${JSON.stringify(text)}`);
	const [, name, value] = match as unknown as [string, string, string];
	if (/^'(?:[^']|'')*'$/.test(value)) return [name, unquote(value)];
	const isNumber = /^-?(\d+(\.\d+)?|\.\d+)(e[+-]?\d+)?$/i.test(value);
	return [name, isNumber && (!/^-?\d+$/.test(value) || Number.isSafeInteger(Number(value))) ? Number(value) : value];
}

/** Formats a value as an SQL literal. */
export function literalText(value: SqlValue): string {
	return typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value);
}

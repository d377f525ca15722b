// Values for :name in statements, as they are given on the command line and at the prompt.
import { usageError } from '../base/errors.ts';
import { unquote } from '../sql/sql-light.ts';
import type { SqlValue } from '../store/table.ts';

/** `name=value`: what reads as a number is one, 'text in quotes' is what stands in them. `place` names it in errors. */
export function parseParameter(text: string, place: string): readonly [string, SqlValue] {
	const match = /^([A-Za-z_]\w*)=([\s\S]*)$/.exec(text);
	if (match === null) throw usageError(`${place}: expected name=value, got ${JSON.stringify(text)}`);
	const [, name, value] = match as unknown as [string, string, string];
	if (/^'(?:[^']|'')*'$/.test(value)) return [name, unquote(value)];
	const isNumber = /^-?(\d+(\.\d+)?|\.\d+)(e[+-]?\d+)?$/i.test(value);
	return [name, isNumber && (!/^-?\d+$/.test(value) || Number.isSafeInteger(Number(value))) ? Number(value) : value];
}

/** As an SQL literal. */
export function literalText(value: SqlValue): string {
	return typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value);
}

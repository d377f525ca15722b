// The file that `.save` writes: a header derived from the statement, and the statement.
import { parseInstant, parseInterval, splitStatements } from '../sql/sql-light.ts';
import type { ParameterValue } from '../store/table.ts';
import { literalText, type ParameterType } from './parameters.ts';
import { NO_HEADER, readHeader } from './query-header.ts';
import { parameterNames } from './query-values.ts';

/** Maximum length of a title made from a statement. */
const TITLE_LENGTH = 72;

/**
 * The text of `sql` with a header, unless it has one. Without a `title`, the beginning of the statement is the title. The
 * statement's parameters that have a value now are declared with it as their default.
 */
export function savedText(
	sql: string,
	title: string | undefined,
	parameters: readonly (readonly [string, ParameterValue])[],
): string {
	const ended = /;\s*$/.test(sql) ? sql.trimEnd() : `${sql.trimEnd()};`;
	if (hasHeader(ended)) return `${ended}\n`;
	const values = new Map(parameters);
	const declarations = parameterNames(sql).flatMap((name) => {
		const value = values.get(name);
		if (value === undefined || value instanceof Uint8Array) return [];
		const type = `-- :${name} ${typeOf(value)}`;
		// A declaration is one line.
		return [String(value).includes('\n') ? type : `${type} = ${value === null ? 'NULL' : literalText(value)}`];
	});
	return `${[`-- ${title ?? titleOf(sql)}`, ...declarations, ended].join('\n')}\n`;
}

function hasHeader(text: string): boolean {
	const { title, parameters, charts } = /^\s*--/.test(text) ? readHeader(text, 'the statement') : NO_HEADER;
	return title !== '' || parameters.length > 0 || charts.length > 0;
}

function titleOf(sql: string): string {
	const line = (splitStatements(sql)[0]?.text ?? sql).replace(/\s+/g, ' ');
	return line.length <= TITLE_LENGTH ? line : `${line.slice(0, TITLE_LENGTH - 1)}…`;
}

function typeOf(value: ParameterValue): ParameterType {
	if (typeof value === 'bigint' || Number.isInteger(value)) return 'int';
	if (typeof value === 'number' || (value !== null && typeof value === 'object' && 'real' in value)) return 'float';
	if (typeof value !== 'string') return 'text';
	if (parseInterval(value) !== undefined) return 'duration';
	return Number.isNaN(parseInstant(value)) ? 'text' : 'datetime';
}

// Whether a value of a column belongs at the cursor, as in `method = '`, `host IN (` and `req_headers['`.
import type { Schema } from '../bind/schema.ts';
import type { Mentioned, Word } from './names.ts';

export type ValuesAt = {
	/** A table of the schema and its column. */
	readonly table: string;
	readonly column: string;
	/** Only values of rows in which this column has this value. */
	readonly where?: readonly [column: string, value: string];
	/** The beginning of the value that was typed. */
	readonly typed: string;
	/** Where it begins, including its quote. */
	readonly start: number;
	/** Values are texts and need quotes. */
	readonly isText: boolean;
	/** The text after the value. */
	readonly suffix: string;
};

const COMPARISONS = /^(=|==|<>|!=|like|ilike|glob)$/;
/** Values of these columns are too long to choose from. */
const LONG = /_body|_headers$|_raw$|^(data|cmdline)$/;

/** The column whose values can be at `position`, the end of `words`; undefined if there is none. */
export function valuesAt(
	words: readonly Word[],
	position: number,
	scope: Mentioned,
	schema: Schema,
): ValuesAt | undefined {
	const last = words.at(-1);
	const isOpenText = last?.token.kind === 'string' && !last.token.closed;
	const before = isOpenText ? words.slice(0, -1) : words;
	const start = isOpenText ? last.token.start : position;
	const typed = isOpenText ? last.text.slice(1).replaceAll("''", "'") : '';
	const header = headersAt(before);
	if (header !== undefined) {
		if (!schema.tables.has('headers')) return undefined;
		return {
			table: 'headers',
			column: 'name',
			where: ['message', header],
			typed,
			start,
			isText: true,
			suffix: before.at(-1)?.text === '[' ? ']' : '',
		};
	}
	const column = columnBefore(before);
	if (column === undefined) return undefined;
	const found = resolve(column, scope, schema);
	if (found === undefined) return undefined;
	const isText = !/^(int|float)$/.test(found.type);
	return isText || !isOpenText
		? { table: found.table, column: found.name, typed, start, isText, suffix: '' }
		: undefined;
}

/** For `req_headers[` and `req_headers ->>`: the message to which the headers belong. */
function headersAt(before: readonly Word[]): 'request' | 'response' | undefined {
	if (!/^(\[|->>?)$/.test(before.at(-1)?.text ?? '')) return undefined;
	const column = before.at(-2)?.lower;
	return column === 'req_headers' ? 'request' : column === 'res_headers' ? 'response' : undefined;
}

/** The words of the column with which the next value is compared: its name and its table's name. */
function columnBefore(before: readonly Word[]): { name: string; table: string | undefined } | undefined {
	let at = before.length - 1;
	if (/^[(,]$/.test(before[at]?.text ?? '')) {
		// `IN ('a', `
		while (before[at]?.text === ',' || before[at]?.token.kind === 'string' || before[at]?.token.kind === 'number') at--;
		if (before[at]?.text !== '(' || before[at - 1]?.lower !== 'in') return undefined;
		at -= 2;
	} else if (COMPARISONS.test(before[at]?.lower ?? '')) at--;
	else return undefined;
	if (before[at]?.lower === 'not') at--;
	const name = before[at];
	if (name === undefined || (name.token.kind !== 'word' && name.token.kind !== 'quoted')) return undefined;
	return { name: name.lower, table: before[at - 1]?.text === '.' ? before[at - 2]?.lower : undefined };
}

function resolve(
	{ name, table }: { name: string; table: string | undefined },
	scope: Mentioned,
	schema: Schema,
): { table: string; name: string; type: string } | undefined {
	const tables =
		table !== undefined
			? [scope.tables.get(table)]
			: scope.tables.size > 0
				? [...new Set(scope.tables.values())]
				: scope.functions.size > 0
					? []
					: ['exchanges'];
	for (const each of tables) {
		const column = schema.tables.get(each ?? '')?.columns.find((candidate) => candidate.name.toLowerCase() === name);
		if (column === undefined || each === undefined) continue;
		return /^(json|blob|datetime)$/.test(column.type) || LONG.test(column.name)
			? undefined
			: { table: each, name: column.name, type: column.type };
	}
	return undefined;
}

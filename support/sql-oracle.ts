// Runs the same queries over the same rows in the program `sqlite3`, for comparison.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { tokenize, unquote } from '../src/sql/text/lexer.ts';
import type { SqlValue } from '../src/store/table.ts';
import type { TestTable } from './sql-table.ts';

export type OracleResult = { readonly rows: SqlValue[][] } | { readonly error: string };

const TYPES: Record<string, string> = {
	int: 'INTEGER',
	float: 'REAL',
	text: 'TEXT',
	json: 'TEXT',
	blob: 'BLOB',
	datetime: 'TEXT',
};

/** The program's version, such as 3.40.1; undefined if it is not installed. */
export function oracleVersion(): string | undefined {
	return spawnSync('sqlite3', ['--version'], { encoding: 'utf8' }).stdout?.split(' ')[0];
}

/** Runs each query separately, so an error ends only its own query. */
export function askOracle(tables: readonly TestTable[], queries: readonly string[]): OracleResult[] {
	const script = ['.mode quote', '.headers off', ...tables.map(tableScript), 'PRAGMA query_only=1;'];
	queries.forEach((query, index) => {
		script.push(`.print @@${index}`, `${query.replaceAll(/\s*\n\s*/g, ' ')};`);
	});
	script.push('.print @@end');
	const { stdout, stderr, status } = spawnSync('sqlite3', ['-batch', ':memory:'], {
		input: script.join('\n'),
		encoding: 'utf8',
		maxBuffer: 1 << 30,
	});
	const errors = errorsByLine(stderr);
	const firstLine = script.indexOf('.print @@0') + 1;
	if (!stdout.includes('@@end')) throw new Error(`sqlite3 ended early (status ${status}): ${stderr.slice(0, 500)}`);
	return queries.map((query, index): OracleResult => {
		const mark = stdout.indexOf(`@@${index}\n`);
		const from = mark + `@@${index}\n`.length;
		const to = stdout.indexOf(index + 1 < queries.length ? `@@${index + 1}\n` : '@@end', from);
		// A query that does not end, for example with an open comment, swallows the next one's mark.
		if (mark < 0 || to < 0) throw new Error(`sqlite3 did not see the end of: ${mark < 0 ? queries[index - 1] : query}`);
		// A query's text is on the line after its mark.
		const error = errors.get(scriptLine(script, firstLine, index));
		return error === undefined ? { rows: parseRows(stdout.slice(from, to)) } : { error };
	});
}

/** A text with line ends, which only the tables have, takes several lines of the script. */
function scriptLine(script: readonly string[], firstLine: number, index: number): number {
	const before = script
		.slice(0, firstLine - 1)
		.join('\n')
		.split('\n').length;
	return before + index * 2 + 2;
}

function errorsByLine(stderr: string): Map<number, string> {
	const errors = new Map<number, string>();
	for (const match of stderr.matchAll(/(?:Parse|Runtime) error near line (\d+): (.*)/g))
		errors.set(Number(match[1]), match[2]!);
	return errors;
}

function tableScript({ name, columns, rows }: TestTable): string {
	const definitions = columns.map((column) => {
		const [columnName, type] = column.split(' ') as [string, string];
		return `"${columnName}" ${TYPES[type.replace('#', '')]}`;
	});
	const inserts = rows.map((row) => `INSERT INTO "${name}" VALUES (${row.map(literal).join(', ')});`);
	return [`CREATE TABLE "${name}" (${definitions.join(', ')});`, ...inserts].join('\n');
}

function literal(value: SqlValue): string {
	if (value === null) return 'NULL';
	// The program reads its input as lines of C strings.
	if (typeof value === 'string' && /[\0\r]/.test(value))
		return `CAST(x'${Buffer.from(value).toString('hex')}' AS TEXT)`;
	if (typeof value === 'string') return `'${value.replaceAll("'", "''")}'`;
	if (value instanceof Uint8Array) return `x'${Buffer.from(value).toString('hex')}'`;
	return String(value);
}

/** Lines of SQL literals separated by commas; texts may contain line ends. */
function parseRows(output: string): SqlValue[][] {
	const rows: SqlValue[][] = [];
	let row: SqlValue[] = [];
	let negative = false;
	for (const token of tokenize(output)) {
		const text = output.slice(token.start, token.end);
		if (token.kind === 'space' && text.includes('\n')) {
			if (row.length > 0) rows.push(row);
			row = [];
		} else if (text === '-') {
			negative = true;
		} else if (text !== ',' && token.kind !== 'space') {
			row.push(parseLiteral(negative ? `-${text}` : text));
			negative = false;
		}
	}
	if (row.length > 0) rows.push(row);
	return rows;
}

function parseLiteral(text: string): SqlValue {
	if (text === 'NULL') return null;
	if (text.startsWith("'")) return unquote(text);
	if (/^x'/i.test(text)) return new Uint8Array(Buffer.from(text.slice(2, -1), 'hex'));
	if (/^-?\d+$/.test(text)) {
		const near = Number(text);
		return Number.isSafeInteger(near) ? near : BigInt(text);
	}
	return /inf/i.test(text)
		? text.startsWith('-')
			? Number.NEGATIVE_INFINITY
			: Number.POSITIVE_INFINITY
		: Number(text);
}

/** One row as a text that is equal for equal values. REALs are compared to 12 digits. */
export function rowKey(row: readonly SqlValue[]): string {
	return row.map(valueKey).join(' | ');
}

function valueKey(value: SqlValue): string {
	if (value === null) return 'NULL';
	if (value instanceof Uint8Array) return `x'${Buffer.from(value).toString('hex')}'`;
	// The program prints a text up to its first NUL.
	if (typeof value === 'string') return JSON.stringify(value.split('\0', 1)[0]);
	return Number.isInteger(Number(value)) && Math.abs(Number(value)) < 2 ** 53
		? String(Number(value))
		: typeof value === 'bigint'
			? String(value)
			: Number(value).toPrecision(12);
}

/**
 * The same with all numbers to 10 digits, and independent of the order of rows, which changes the later digits of a
 * sum of REALs.
 */
export function looseKey(answer: OracleResult): string {
	if ('error' in answer) return 'error';
	// SQLite's 15th digit of a REAL as text is not always the nearest one.
	const isReal = (value: SqlValue) => typeof value === 'string' && /^-?\d+\.\d+(e[+-]\d+)?$/.test(value);
	const loose = (value: SqlValue) =>
		typeof value === 'number' || typeof value === 'bigint' || isReal(value)
			? Number(value).toPrecision(10)
			: valueKey(value);
	const keys = answer.rows.map((row) => row.map(loose).join(' | '));
	return keys.sort().join('\n');
}

/** Answers that SQLite 3.40 is known to get wrong, or that tinytap gives differently on purpose (docs/sql.md). */
export function isKnownDifference(answer: OracleResult): boolean {
	// In tinytap a sum beyond 64 bits becomes a REAL, and a GROUP BY term that SQLite folds to a number is not a column number.
	return 'error' in answer && /integer overflow|GROUP BY term out of range/.test(answer.error);
}

/** The queries of a file, one per line. */
export function writtenQueries(text: string): string[] {
	return text.split('\n').filter((line) => line !== '' && !line.startsWith('--'));
}

/** Short text that is equal for equal answers: in order if the query asks for an order, otherwise in any order. */
export function answerKey(query: string, answer: OracleResult): string {
	if ('error' in answer) return 'error';
	const keys = answer.rows.map(rowKey);
	if (!/ ORDER BY [^()]*$/.test(query)) keys.sort();
	return `${keys.length} ${createHash('sha256').update(keys.join('\n')).digest('hex').slice(0, 16)}`;
}

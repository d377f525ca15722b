// Compares answers of a store with those of the same rows in memory.
import { STORE_ERRORS } from '../src/remote/store-errors.ts';
import { type ExecuteOptions, execute, executeSync, prepare, SqlError } from '../src/sql/sql.ts';
import type { DatabaseSnapshot, ParameterValue, SqlValue } from '../src/store/table.ts';
import { StoreLink } from '../src/threads/store-link.ts';

export const NOW_US = Date.UTC(2026, 10, 22, 14) * 1000;

/** How a statement was answered: by the store, by groups or rows of it, or refused. */
export type Way = 'computed' | 'rows' | 'mixed' | 'refused' | 'error here';

export async function openLink(url: string): Promise<StoreLink> {
	const { href, pathname } = new URL(url);
	const place = {
		...{ url: href.slice(0, href.length - pathname.length + 1), database: pathname.slice(1) },
		...{ user: undefined, password: undefined, ca: undefined },
	};
	return await StoreLink.open(place, () => undefined, new AbortController().signal);
}

export type Comparison = {
	readonly way: Way;
	/** What is different; undefined if nothing is. */
	readonly difference: string | undefined;
};

/** Runs a statement both ways. */
export async function compareAnswers(
	sql: string,
	memory: DatabaseSnapshot,
	link: StoreLink,
	parameters: ReadonlyMap<string, ParameterValue> = new Map(),
): Promise<Comparison> {
	const options: ExecuteOptions = { now: NOW_US, parameters };
	let expected: readonly SqlValue[][];
	try {
		expected = executeSync(prepare(sql, memory), memory, options).rows;
	} catch (error) {
		if (!(error instanceof SqlError)) throw error;
		return { way: 'error here', difference: undefined };
	}
	const way = wayOf(await explained(sql, link, parameters));
	try {
		const got = await storeRows(sql, link, parameters);
		return { way, difference: differenceOf(expected, got, / ORDER BY /.test(sql.slice(sql.lastIndexOf(')')))) };
	} catch (error) {
		if (error instanceof SqlError && error.code === 'ERR_SQL_TOO_LARGE')
			return { way: 'refused', difference: undefined };
		return { way, difference: String(error) };
	}
}

export async function storeRows(
	sql: string,
	link: StoreLink,
	parameters: ReadonlyMap<string, ParameterValue> = new Map(),
): Promise<SqlValue[][]> {
	const again = () => prepare(sql, link.source);
	const limits = { rows: 100_000, bytes: 256 << 20 };
	const reading = { limits, parameters, now: NOW_US, again };
	const { statement, fetched, refused } = await link.read(again(), reading, new AbortController().signal);
	// The store may only refuse values that would have another result there.
	if (refused !== undefined && refused.number !== STORE_ERRORS.checkFailed) throw refused;
	const { rows } = await execute(statement, { tables: new Map() }, { now: NOW_US, parameters, fetched });
	return rows;
}

async function explained(
	sql: string,
	link: StoreLink,
	parameters: ReadonlyMap<string, ParameterValue>,
): Promise<string> {
	const again = () => prepare(`EXPLAIN ${sql}`, link.source);
	const reading = { limits: { rows: 100_000, bytes: 1 << 20 }, parameters, now: NOW_US, again };
	return (await link.read(again(), reading, new AbortController().signal)).explained.join('\n');
}

function wayOf(lines: string): Way {
	const computed = /^computed by /m.test(lines);
	if (/^read from /m.test(lines)) return computed ? 'mixed' : 'rows';
	return computed && /^computed here/m.test(lines) ? 'mixed' : 'computed';
}

/** Undefined if the rows are the same. */
function differenceOf(
	expected: readonly SqlValue[][],
	got: readonly SqlValue[][],
	isOrdered: boolean,
): string | undefined {
	const [a, b] = [expected, got].map((rows) => {
		const texts = rows.map((row) => JSON.stringify(row.map(comparable)));
		return isOrdered ? texts : texts.sort();
	}) as [string[], string[]];
	if (a.length !== b.length) return `expected ${a.length} rows, got ${b.length}: ${a.slice(0, 3)} | ${b.slice(0, 3)}`;
	const at = a.findIndex((text, index) => text !== b[index]);
	return at < 0 ? undefined : `row ${at + 1} of ${a.length}: expected ${a[at]}, got ${b[at]}`;
}

function comparable(value: SqlValue): unknown {
	if (typeof value === 'bigint') return `${value}n`;
	return typeof value === 'number' ? value + 0 : value;
}

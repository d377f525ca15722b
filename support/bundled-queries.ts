// The bundled queries in tests: what they answer about traffic, and which answers have been checked.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { processUser } from '../src/base/invoking-user.ts';
import { loadQuery, type NamedScript, scriptValues } from '../src/shell/query-values.ts';
import { listQueries } from '../src/shell/saved-queries.ts';
import type { DatabaseSnapshot, SqlValue } from '../src/store/table.ts';
import { rowsOf } from './sql-run.ts';
import { stored } from './stored-exchanges.ts';
import type { TimedTraffic } from './timed-traffic.ts';

export const QUERIES = listQueries([
	{ place: 'bundled', path: join(import.meta.dirname, '../queries'), user: processUser() },
]);
export const SCRIPTS: ReadonlyMap<string, NamedScript> = new Map(
	QUERIES.map((query) => [query.name, loadQuery(query)]),
);

type Values = Readonly<Record<string, string>>;

/** What a database was made of. */
export const origins = new Map<DatabaseSnapshot, { readonly traffic: TimedTraffic; readonly open: boolean }>();

/** The answers with rows that tests have checked. */
export const checked: {
	readonly name: string;
	readonly values: Values;
	readonly rows: number;
	readonly database: DatabaseSnapshot;
}[] = [];

/** The text of a query without its comments. */
export function sqlOf(name: string): string {
	return SCRIPTS.get(name)!
		.steps.map((step) => (step.type === 'statement' ? step.sql : ''))
		.join(';');
}

/** The rows of a query with these values, and otherwise its defaults. */
export function answer(name: string, database: DatabaseSnapshot, values: Values = {}): SqlValue[][] {
	const script = SCRIPTS.get(name);
	assert.ok(script !== undefined, `no query ${name}`);
	const parameters = new Map(scriptValues(script, Object.entries(values), []));
	return script.steps.flatMap((step) => (step.type === 'statement' ? rowsOf(step.sql, database, { parameters }) : []));
}

/** Checks the rows of a query, and with `top=1` the first of them. */
export function check(
	name: string,
	database: DatabaseSnapshot,
	rows: readonly (readonly SqlValue[])[],
	values: Values = {},
): void {
	assert.deepEqual(answer(name, database, values), rows, `${name} ${JSON.stringify(values)}`);
	if (rows.length > 0) checked.push({ name, values, rows: rows.length, database });
	const hasTop = SCRIPTS.get(name)!.header.parameters.some((parameter) => parameter.name === 'top');
	if (hasTop) assert.deepEqual(answer(name, database, { ...values, top: '1' }), rows.slice(0, 1), `${name} top=1`);
}

/** What a statement sees of `database` while another recording is attached as `old`. */
export function withOld(database: DatabaseSnapshot, old: DatabaseSnapshot): DatabaseSnapshot {
	const attached = [...old.tables].map(([name, table]) => [`old.${name}`, table] as const);
	return { tables: new Map([...database.tables, ...attached]) };
}

/** What a statement sees of the traffic; `open`: what has not ended is still open. */
export function databaseOf(traffic: TimedTraffic, open = false): DatabaseSnapshot {
	const { database } = stored(traffic.tape(), undefined, open);
	origins.set(database, { traffic, open });
	return database;
}

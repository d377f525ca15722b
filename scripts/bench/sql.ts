// Compares our engine with alasql's own executor, SQLite and DuckDB: same rows, same statements, one process, alternately.
import { compileCondition, executeSync, prepare } from '../../src/sql/sql.ts';
import type { Column, DatabaseSnapshot, SqlValue, TableSnapshot } from '../../src/store/table.ts';
import { type Engine, type Query, queriesFor } from '../../support/queries.ts';
import { databaseOf, takeIn } from '../../support/traffic.ts';
import { openRivals, type Rows } from './engines.ts';
import { type Goal, publish } from './page.ts';
import { figure, spreadOf, spreadText, table } from './rounds.ts';

export type SqlOptions = {
	readonly rows: number;
	readonly rounds: number;
	readonly write: boolean;
	readonly modules: string | undefined;
};

/** The 30 columns that all engines get. Ours also has its other columns: bodies, and the fields as JSON. */
const COLUMNS =
	'id ts state reason side pair_id pid tid comm conn local remote method path query_string host url http_version status status_text duration_ms ttfb_ms req_body_bytes res_body_bytes res_wire_bytes via req_via content_type user_agent lost_bytes'.split(
		' ',
	);
const HEADER_COLUMNS = ['exchange_id', 'name', 'header_value'];
/** An engine that takes longer than this for a statement runs it only once. */
const PATIENCE_MS = 8_000;

const CONDITIONS = [
	"status >= 500 AND method = 'POST'",
	"path LIKE '/api/users/1%' AND duration_ms > 10",
	"host = 'host-3.example.org' AND status IN (404, 500)",
	"ts > '2026-11-22 12:30' AND duration_ms > 40",
];

export async function benchSql({ rows, rounds, write, modules }: SqlOptions): Promise<void> {
	const intake = takeIn(rows, 4 * 2 ** 30);
	const database = databaseOf(intake);
	const { rivals, absent } = await openRivals(modules);
	for (const why of absent) console.log(`absent: ${why}`);
	for (const rival of rivals) {
		const start = performance.now();
		for (const [name, names] of [
			['exchanges', COLUMNS],
			['headers', HEADER_COLUMNS],
		] as const) {
			const source = database.tables.get(name)!;
			await rival.load(name, columnsOf(source, names), rowsOf(source, names));
		}
		console.log(`${rival.engine} ${rival.version} loaded in ${figure((performance.now() - start) / 1000)} s`);
	}

	const queries = queriesFor(Math.floor(rows / 2));
	const engines: { engine: Engine; query(sql: string): Promise<Rows> | Rows }[] = [
		{ engine: 'tinytap', query: (sql) => ours(sql, database) },
		...rivals,
	];
	const times = new Map<string, number[]>();
	const notes: string[] = [];
	const failed = new Set<string>();
	for (let round = 0; round <= rounds; round++) {
		globalThis.gc?.();
		for (const query of queries) {
			let expected: string | undefined;
			for (const { engine, query: run } of engines) {
				const sql = query.other?.[engine] === undefined ? query.sql : query.other[engine];
				const key = `${query.name}/${engine}`;
				if (sql === null || failed.has(key)) continue;
				const list = times.get(key) ?? [];
				times.set(key, list);
				if (list.some((time) => time > PATIENCE_MS)) continue;
				try {
					globalThis.gc?.({ type: 'minor' });
					const start = performance.now();
					const result = await run(sql);
					const time = performance.now() - start;
					// Round 0 warms up and compares the answers.
					if (round > 0 || time > PATIENCE_MS) list.push(time);
					if (round > 0) continue;
					const text = query.countOnly ? String(result.length) : canonical(result);
					expected ??= text;
					if (text !== expected) notes.push(`${engine} answers "${query.name}" otherwise`);
				} catch (error) {
					failed.add(key);
					notes.push(
						`${engine} fails at "${query.name}": ${error instanceof Error ? error.message.split('\n')[0] : error}`,
					);
				}
			}
		}
		console.log(`round ${round} of ${rounds}`);
	}
	for (const rival of rivals) rival.close();
	const names = engines.map(({ engine }) => engine);
	const page = report(queries, names, times, notes);
	const live = liveFilters(database.tables.get('exchanges')!, rounds);
	publish(
		{
			name: 'sql',
			title: 'SQL',
			method: `${rows.toLocaleString('en-US')} exchanges went through the decoder into the store. ${COLUMNS.length} of their columns and ${database.tables.get('headers')!.rowCount.toLocaleString('en-US')} rows of \`headers\`
(3 columns) were copied into the memory of the other engines, all in one process. SQLite has \`id\` as its primary key, an index on
\`headers.exchange_id\` and \`ANALYZE\`; its p95 is an aggregate in JavaScript, as is alasql's. DuckDB runs with its default settings
and one thread per core; the other engines have one thread. Each time runs from a statement's text to all its rows as JavaScript values.
There are ${rounds} rounds after one to warm up. In each round every statement runs in every engine in turn, after a young-generation garbage collection (alasql's rows are
objects in the same heap, and a full collection during a statement goes through them all). The answers are compared
in the first round. A ratio is the other engine's time divided by ours in the same round: above 1, ours is faster.`,
			command: `npm run bench -- sql${options(rows, rounds, modules)}`,
			versions: Object.fromEntries(rivals.map(({ engine, version }) => [engine, version])),
			goals: goals(queries, names, times, live.medians),
			figures: `${absent.map((why) => `- Not installed: ${why}\n`).join('')}${page}

### Live filter

The compiled condition is called once for each row, as in the live tail; figures are million rows per second.

${live.text}`,
		},
		write,
	);
}

/** The options given on the command line, without the folder's name. */
function options(rows: number, rounds: number, modules: string | undefined): string {
	return ` --rows ${rows} --rounds ${rounds}${modules === undefined ? '' : ' --modules DIR'}`;
}

function ours(sql: string, database: DatabaseSnapshot): Rows {
	return executeSync(prepare(sql, database), database).rows;
}

function columnsOf(source: TableSnapshot, names: readonly string[]): Column[] {
	return names.map((name) => source.columns.find((column) => column.name === name)!);
}

function* rowsOf(source: TableSnapshot, names: readonly string[]): Generator<SqlValue[]> {
	const readers = names.map((name) => source.reader(source.columns.findIndex((column) => column.name === name)));
	for (let row = 0; row < source.rowCount; row++) yield readers.map((reader) => reader.value(row));
}

/** Rows as text in a canonical order, with numbers rounded to nine digits. */
function canonical(rows: Rows): string {
	const cell = (value: SqlValue) =>
		typeof value === 'number' || typeof value === 'bigint' ? Number(value).toPrecision(9) : String(value);
	return rows
		.map((row) => row.map(cell).join('\t'))
		.sort()
		.join('\n');
}

type Times = ReadonlyMap<string, number[]>;

/** The other engine's time divided by ours, round by round. */
function ratiosOf(query: Query, engine: Engine, times: Times): number[] {
	const ours = times.get(`${query.name}/tinytap`) ?? [];
	return (times.get(`${query.name}/${engine}`) ?? []).map((time, round) => time / ours[round]!);
}

/** The median ratio over the statements that the engine ran. */
function medianRatios(queries: readonly Query[], engine: Engine, times: Times): { name: string; ratio: number }[] {
	return queries
		.map((query) => ({ name: query.name, list: ratiosOf(query, engine, times) }))
		.filter(({ list }) => list.length > 0)
		.map(({ name, list }) => ({ name, ratio: spreadOf(list).median }));
}

function goals(queries: readonly Query[], engines: readonly Engine[], times: Times, live: readonly number[]): Goal[] {
	const list: Goal[] = [];
	if (engines.includes('SQLite')) {
		const { median, min, max } = spreadOf(medianRatios(queries, 'SQLite', times).map(({ ratio }) => ratio));
		const range = `${figure(median)} (statements from ${figure(min)} to ${figure(max)})`;
		list.push({ goal: "at least 3 times SQLite's speed, median over the list", figure: range, met: median >= 3 });
	}
	const least = Math.min(...medianRatios(queries, 'alasql', times).map(({ ratio }) => ratio));
	list.push({ goal: 'nowhere slower than alasql', figure: `${figure(least)} at least`, met: least >= 1 });
	const slowest = Math.min(...live);
	list.push({
		goal: 'a live filter tests 5 million rows a second',
		figure: `${figure(slowest)} million at least`,
		met: slowest >= 5,
	});
	return list;
}

function report(
	queries: readonly Query[],
	engines: readonly Engine[],
	times: Map<string, number[]>,
	notes: string[],
): string {
	const rivals = engines.slice(1);
	const of = (query: Query, engine: Engine) => times.get(`${query.name}/${engine}`) ?? [];
	const ratios = (query: Query, engine: Engine) => ratiosOf(query, engine, times);
	const milliseconds = table(
		['ms', ...engines],
		queries.map((query) => [
			query.name,
			...engines.map((engine) => (of(query, engine).length === 0 ? '—' : spreadText(spreadOf(of(query, engine))))),
		]),
	);
	const against = table(
		['ratio', ...rivals],
		queries.map((query) => [
			query.name,
			...rivals.map((engine) =>
				ratios(query, engine).length === 0 ? '—' : spreadText(spreadOf(ratios(query, engine))),
			),
		]),
	);
	const lines = rivals.map((engine) => {
		const medians = medianRatios(queries, engine, times);
		if (medians.length === 0) return `- ${engine}: nothing measured`;
		const slower = medians.filter(({ ratio }) => ratio < 1).map(({ name }) => name);
		const where = slower.length === 0 ? 'ours is nowhere slower' : `ours is slower at: ${slower.join('; ')}`;
		return `- ${engine}: median ratio over the list ${figure(spreadOf(medians.map(({ ratio }) => ratio)).median)}; ${where}`;
	});
	return [milliseconds, '', against, '', ...lines, ...notes.map((note) => `- ${note}`)].join('\n');
}

function liveFilters(exchanges: TableSnapshot, rounds: number): { text: string; medians: number[] } {
	const medians: number[] = [];
	const lines: string[][] = [];
	for (const text of CONDITIONS) {
		const condition = compileCondition(text, exchanges.columns);
		const rates: number[] = [];
		let hits = 0;
		for (let round = 0; round <= rounds; round++) {
			hits = 0;
			const start = performance.now();
			for (let row = 0; row < exchanges.rowCount; row++) if (condition(exchanges, row)) hits++;
			if (round > 0) rates.push(exchanges.rowCount / (performance.now() - start) / 1000);
		}
		medians.push(spreadOf(rates).median);
		lines.push([`\`${text}\``, spreadText(spreadOf(rates)), hits.toLocaleString('en-US')]);
	}
	return { text: table(['condition', 'million rows/s', 'true'], lines), medians };
}

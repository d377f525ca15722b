// Rows of a store for comparisons: the same ones in ClickHouse and in memory.
import { declaredColumns } from '../src/agent/clickhouse-ddl.ts';
import { type StoreTableName, storeTable } from '../src/agent/store-tables.ts';
import type { StoreLayout } from '../src/remote/store-layout.ts';
import { remoteTables } from '../src/remote/store-layout.ts';
import type { ColumnType, DatabaseSnapshot, SqlValue } from '../src/store/table.ts';
import { formatTimestamp } from '../src/store/timestamp.ts';
import { HOSTILE_TEXTS, seeded } from './sql-sample.ts';
import { type TestTable, testDatabase } from './sql-table.ts';

/** 2026-11-22T12:00:00Z, in microseconds. */
const START_US = Date.UTC(2026, 10, 22, 12) * 1000;
const RUN = 1_795_348_800_000;
const ROWS_OF_INSERT = 2000;

/** Texts that need care in SQL, in patterns, in ClickHouse's formats, or in comparisons. */
const ODD_TEXTS = [
	...HOSTILE_TEXTS,
	'tab\there',
	'nul\0l',
	'\r\n',
	'%',
	'_',
	'A_B',
	'\u0130',
	'\u212a',
	'\\N',
	"[\\'a']",
];

type Fields = readonly (readonly [name: string, value: string])[];

/** A row of exchanges: values by column; JSON columns have their fields. */
type MadeRow = { readonly values: Readonly<Record<string, SqlValue>>; readonly req: Fields; readonly res: Fields };

const HOSTS = ['web-1', 'web-2', 'db', 'Ämter'];

/** Columns with a value of their own; the others are NULL. */
function makeRow(index: number, random: () => number): MadeRow {
	const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
	const orNull = <T>(value: T): T | null => (random() < 0.12 ? null : value);
	const text = () =>
		random() < 0.25 ? pick(ODD_TEXTS) : pick(['/', '/api/users', '/api/users/42', '/API/users', '/x%y']);
	const status = orNull(pick([200, 200, 200, 204, 304, 404, 404, 500, 503]));
	const method = orNull(pick(['GET', 'GET', 'POST', 'DELETE', 'get']));
	const field = (name: string, value: string) => [name, value] as const;
	const agent = pick([undefined, 'curl/8.5', 'Curl/8.5', text()]);
	const host = pick(HOSTS);
	return {
		values: {
			host_name: host,
			run: RUN + HOSTS.indexOf(host),
			seq: index + 1,
			agent_version: '1.0.0',
			id: index + 1,
			ts: START_US + Math.floor(random() * 7_200_000_000),
			state: pick(['complete', 'complete', 'complete', 'incomplete', 'unanswered']),
			reason: random() < 0.8 ? null : pick(['peer closed', 'malformed']),
			side: pick(['server', 'client']),
			pair_id: random() < 0.7 ? null : pick([1, 17, 999, 9_007_199_254_740_993n, 9_223_372_036_854_775_807n]),
			pid: orNull(pick([1, 17, 4711, 32768])),
			comm: orNull(pick(['nginx', 'node', 'curl', 'Ünit'])),
			conn: Math.floor(random() * 300),
			remote_ip: orNull(pick(['10.0.0.1', '10.0.0.2', '::1'])),
			method,
			path: method === null ? null : text(),
			query_string: random() < 0.6 ? null : text(),
			host: orNull(pick(['example.org', 'EXAMPLE.org', 'localhost:8080'])),
			status,
			// Parts of 1024, so that sums are exact in any order.
			duration_ms: orNull(pick([0, 0.125, 0.25, 0.5, 1, 1.5, 2.5, 12.25, 250, 1e6, Math.round(random() * 1e6) / 1024])),
			ttfb_ms: orNull(Math.round(random() * 1e5) / 1024),
			req_body_bytes: orNull(pick([0, 1, 512])),
			res_body_bytes: orNull(pick([0, 1, 512, 51200, 1_048_576])),
			res_body: orNull(text()),
			via: orNull(pick(['write', 'writev', 'sendfile'])),
			content_type: orNull(pick(['text/html', 'Text/HTML; charset=utf-8', 'application/json'])),
			lost_bytes: 0,
		},
		req: method === null ? [] : [field('Host', 'x'), ...(agent === undefined ? [] : [field('User-Agent', agent)])],
		res:
			status === null
				? []
				: [
						field('Server', 'x'),
						...(random() < 0.02 ? [field('X-Id', 'a'), field('x-id', 'b')] : [field('X-ID', text())]),
					],
	};
}

export function madeRows(count: number, seed = 1): readonly MadeRow[] {
	const random = seeded(seed);
	return Array.from({ length: count }, (_, index) => makeRow(index, random));
}

const GAPS = [
	['web-1', START_US, START_US + 60_000_000, 12, 'spool full'],
	['db', START_US, START_US + 5_000_000, null, 'not running'],
] as const;

type Target = { readonly url: string; readonly database: string; readonly portable: boolean };

async function insert(
	{ url, database, portable }: Target,
	table: StoreTableName,
	lines: readonly string[],
): Promise<void> {
	// Old versions set the time of arrival only if the other columns are listed.
	const names = declaredColumns(storeTable(table), { portable: true }).map(({ name }) => name);
	const columns = portable ? ` (${names.filter((name) => name !== 'ingested_at').join(', ')})` : '';
	const parameters = new URLSearchParams({
		query: `INSERT INTO ${database}.${table}${columns} FORMAT JSONEachRow`,
		input_format_skip_unknown_fields: '1',
		date_time_input_format: 'best_effort',
	});
	const answer = await fetch(`${url}/?${parameters}`, {
		method: 'POST',
		body: `${lines.join('\n')}\n`,
		headers: { connection: 'close' },
	});
	if (!answer.ok) throw new Error(await answer.text());
}

/** Rows of connections: some that were closed, with what was measured. */
const CONNECTIONS = Array.from({ length: 60 }, (_, index) => ({
	host_name: HOSTS[index % HOSTS.length]!,
	run: RUN + (index % HOSTS.length),
	seq: index + 1,
	id: index + 1,
	pid: 100 + (index % 3),
	comm: ['nginx', 'node', 'curl'][index % 3]!,
	side: index % 2 === 0 ? 'server' : 'client',
	local: '10.0.0.1:80',
	remote: `10.0.0.${index % 5}:${4000 + index}`,
	opened: START_US + index * 1_000_000,
	closed: index % 4 === 0 ? null : START_US + index * 1_000_000 + 5_000_000,
	protocol: ['http1', 'http1', 'tls', 'http2'][index % 4]!,
	bytes_in: index * 100,
	bytes_out: index * 1000,
	exchanges: index % 7,
	connect_ms: index % 2 === 0 ? null : index / 8,
	rtt_ms: index % 3 === 0 ? null : index / 16,
	retransmits: index % 3 === 0 ? null : index % 5,
}));

/** Inserts rows of exchanges. */
export async function insertExchanges(rows: readonly MadeRow[], target: Target): Promise<void> {
	const lines = rows.map(({ values, req, res }) =>
		JSON.stringify({
			...Object.fromEntries(
				Object.entries(values).map(([name, value]) => [name, typeof value === 'bigint' ? String(value) : value]),
			),
			ts: formatTimestamp(Number(values.ts)),
			ts_us: values.ts,
			label_names: ['env'],
			label_values: [Number(values.id) % 3 === 0 ? 'test' : 'prod'],
			req_header_names: req.map(([name]) => name),
			req_header_values: req.map(([, value]) => value),
			res_header_names: res.map(([name]) => name),
			res_header_values: res.map(([, value]) => value),
			req_trailers: 0,
			res_trailers: 0,
		}),
	);
	for (let from = 0; from < lines.length; from += ROWS_OF_INSERT)
		await insert(target, 'exchanges', lines.slice(from, from + ROWS_OF_INSERT));
}

/** Inserts the rows, and those of the other tables. */
export async function insertRows(rows: readonly MadeRow[], target: Target): Promise<void> {
	await insertExchanges(rows, target);
	const gaps = GAPS.map(([host, from, to, missing, reason]) =>
		JSON.stringify({
			...{
				host_name: host,
				run: RUN,
				rows: missing,
				reason,
				table_name: 'exchanges',
				from_ts: formatTimestamp(from),
				to_ts: formatTimestamp(to),
			},
			...{ from_ts_us: from, to_ts_us: to },
		}),
	);
	await insert(target, 'gaps', gaps);
	const connections = CONNECTIONS.map((row) =>
		JSON.stringify({
			...row,
			opened: formatTimestamp(row.opened),
			opened_us: row.opened,
			closed: row.closed === null ? null : formatTimestamp(row.closed),
			closed_us: row.closed,
			...{ last_ts: formatTimestamp(row.opened), last_ts_us: row.opened },
		}),
	);
	await insert(target, 'connections', connections);
}

/** The same rows in memory, in tables with the columns that the store's have. */
export function memoryRows(rows: readonly MadeRow[], layout: StoreLayout): DatabaseSnapshot {
	const tables = remoteTables(layout);
	const made = (name: string, values: readonly Readonly<Record<string, SqlValue>>[]): TestTable => {
		const { columns } = tables.get(name)!;
		return {
			name,
			columns: columns.map((column) => `${column.name} ${column.type}`),
			rows: values.map((row) => columns.map((column) => asValue(row[column.name] ?? null, column.type))),
		};
	};
	const exchanges = rows.map(
		({ values, req, res }): Record<string, SqlValue> => ({
			...values,
			labels: JSON.stringify({ env: Number(values.id) % 3 === 0 ? 'test' : 'prod' }),
			req_headers: values.method === null ? null : json(req),
			res_headers: values.status === null ? null : json(res),
		}),
	);
	const headers = rows.flatMap(({ values, req, res }) =>
		[
			...req.map((field, seq) => ({ field, seq, message: 'request' })),
			...res.map((field, seq) => ({ field, seq, message: 'response' })),
		].map(
			({ field: [name, value], seq, message }): Record<string, SqlValue> => ({
				...{ host_name: values.host_name!, run: values.run!, exchange_id: values.id!, message, seq },
				...{ name: name.toLowerCase(), raw_name: name, header_value: value, trailer: 0 },
			}),
		),
	);
	const gaps = GAPS.map(
		([host, from, to, missing, reason]): Record<string, SqlValue> => ({
			...{ host_name: host, run: RUN, from_ts: from, to_ts: to, rows: missing, reason, table_name: 'exchanges' },
		}),
	);
	return testDatabase([
		made('exchanges', exchanges),
		made('headers', headers),
		made('gaps', gaps),
		made('connections', CONNECTIONS),
		made('loss', []),
	]);
}

function asValue(value: SqlValue, type: ColumnType): SqlValue {
	return type === 'datetime' && typeof value === 'number' ? formatTimestamp(value) : value;
}

function json(fields: Fields): string {
	const joined = new Map<string, string>();
	for (const [name, value] of fields) {
		const before = joined.get(name.toLowerCase());
		joined.set(name.toLowerCase(), before === undefined ? value : `${before}, ${value}`);
	}
	return JSON.stringify(Object.fromEntries(joined));
}

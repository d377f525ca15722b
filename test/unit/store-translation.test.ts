// Statements as ClickHouse's SQL: what is sent, and what is left to this process. `npm run fleet` runs thousands of them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { declaredColumns } from '../../src/agent/clickhouse-ddl.ts';
import { STORE_TABLES } from '../../src/agent/store-tables.ts';
import type { StoreConnection } from '../../src/remote/store-connection.ts';
import { remoteTables } from '../../src/remote/store-layout.ts';
import { storeSource } from '../../src/remote/store-source.ts';
import { storeComputer } from '../../src/remote/translate/store-computer.ts';
import { divideStatement, prepare } from '../../src/sql/sql.ts';

const layout = {
	version: '26.7.2.1',
	portable: false,
	columns: Object.fromEntries([
		...STORE_TABLES.map((table) => [table.name, declaredColumns(table, { portable: false }).map(({ name }) => name)]),
		['headers', ['host_name']],
	]),
};
// Nothing is sent.
const connection = { name: 'the store', database: 'http' } as StoreConnection;
const limits = () => ({ seconds: undefined, skipsShards: false });
const source = storeSource(connection, layout, limits);
const computer = storeComputer(connection, { tables: remoteTables(layout), database: 'http' }, limits);

function explained(sql: string): string {
	const statement = prepare(`EXPLAIN ${sql}`, source);
	const options = { source, computer, limits: { rows: 1000, bytes: 1 << 20 }, now: 1_795_348_800_000_000 };
	return divideStatement(statement, options).explain().join('\n');
}

function computed(sql: string, text: string): void {
	assert.equal(explained(sql), `computed by the store:\n  ${text}`, sql);
}

test('whole queries are computed there', () => {
	computed(
		"SELECT host_name, count(*) AS n, max(status) FROM exchanges WHERE ts >= '2026-11-22T12:00:00Z' AND status >= 500 GROUP BY host_name ORDER BY n DESC, 1 LIMIT 5",
		'SELECT host_name AS c1_0, toInt64(count()) AS c1_1, max(status) AS c1_2 FROM http.exchanges WHERE ((ts >= fromUnixTimestamp64Micro(1795348800000000)) AND (status >= toInt64(500))) GROUP BY host_name ORDER BY c1_1 DESC NULLS LAST, c1_0 NULLS FIRST LIMIT 5',
	);
	computed(
		"SELECT DISTINCT lower(method) FROM exchanges WHERE path LIKE '/A_i%' AND reason IS NULL AND via NOT IN ('write', NULL)",
		"SELECT DISTINCT lower(method) AS c1_0 FROM http.exchanges WHERE ((lower(path) LIKE '/a_i%') AND (isNull(reason)) AND if(isNull(via), NULL, if((via IN ('write')), 0, NULL)))",
	);
	computed(
		'SELECT a, count(*) FROM (SELECT status / 100 AS a FROM exchanges WHERE duration_ms > 1) GROUP BY a',
		"SELECT if(toInt64(100) = 0, NULL, intDivOrZero(status, toInt64(100)) + throwIf(ifNull(toInt64(100) = -1 AND toFloat64(status) < -9e18, 0), 'tinytap')) AS c1_0, toInt64(count()) AS c1_1 FROM http.exchanges WHERE (duration_ms > toInt64(1)) GROUP BY if(toInt64(100) = 0, NULL, intDivOrZero(status, toInt64(100)) + throwIf(ifNull(toInt64(100) = -1 AND toFloat64(status) < -9e18, 0), 'tinytap'))",
	);
	computed(
		"SELECT max(ts) - min(ts) FROM exchanges WHERE labels['env'] = 'it''s'",
		"SELECT (max(toNullable(toUnixTimestamp64Micro(ts))) - min(toNullable(toUnixTimestamp64Micro(ts)))) AS c1_0 FROM http.exchanges WHERE (if((indexOf(label_names, 'env') + throwIf(ifNull(countEqual(label_names, 'env') > 1, 0), 'tinytap')) = 0, NULL, label_values[(indexOf(label_names, 'env') + throwIf(ifNull(countEqual(label_names, 'env') > 1, 0), 'tinytap'))]) = 'it\\'s')",
	);
	computed(
		'SELECT count(*) FROM connections WHERE exchanges = 1',
		'SELECT toInt64(count()) AS c1_0 FROM http.connections FINAL WHERE (exchanges = toInt64(1))',
	);
});

test('groups are computed there if only what follows them cannot be', () => {
	assert.equal(
		explained('SELECT path, round(avg(duration_ms), 1) FROM exchanges GROUP BY path HAVING count(*) > 5 ORDER BY 2'),
		'computed by the store:\n  SELECT path AS c0, avg(duration_ms) AS c1, toInt64(count()) AS c2 FROM http.exchanges GROUP BY c0',
	);
});

test('otherwise, rows are read, and the reason is told', () => {
	const reasons: readonly (readonly [sql: string, because: string])[] = [
		["SELECT id FROM exchanges WHERE path GLOB '/a*'", 'GLOB is computed here'],
		['SELECT path_shape(path), count(*) FROM exchanges GROUP BY 1', 'path_shape() is computed here'],
		['SELECT id, row_number() OVER (ORDER BY ts) FROM exchanges', 'window functions are computed here'],
		['SELECT e.id FROM exchanges e JOIN headers h ON h.exchange_id = e.id', 'joins are computed here'],
		['SELECT path, method, max(status) FROM exchanges GROUP BY path', 'a column that is not grouped by is read here'],
		['SELECT req_headers FROM exchanges', 'req_headers as a whole is read here'],
		['SELECT duration_ms || path FROM exchanges', 'the text of a real is made here'],
		['SELECT count(*) FROM exchanges GROUP BY path COLLATE NOCASE', 'texts without case are compared here'],
		['SELECT iif(status > 1, status, path) FROM exchanges', 'values of several types are chosen here'],
		["SELECT ts + interval '1 month' FROM exchanges", 'an interval of months depends on the date'],
	];
	for (const [sql, because] of reasons) {
		const lines = explained(sql);
		assert.equal(lines.split('\n').at(-1), `computed here, because ${because}`, sql);
		assert.match(lines, /^read from the store:\n {2}SELECT .* LIMIT 1001$/m, sql);
	}
});

test('of a statement, the parts that can be are computed there', () => {
	const lines = explained(
		'WITH slow AS (SELECT host_name, count(*) AS n FROM exchanges WHERE duration_ms > 500 GROUP BY 1) SELECT s.host_name, g.reason FROM slow s JOIN gaps g ON g.host_name = s.host_name WHERE g.rows > 3',
	);
	assert.match(lines, /^computed by the store:\n {2}SELECT host_name AS c1_0, .* GROUP BY host_name$/m);
	assert.match(
		lines,
		/^read from the store:\n {2}SELECT host_name, rows, reason FROM http\.gaps WHERE rows > 3 LIMIT 1001$/m,
	);
});

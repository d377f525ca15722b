// Queries that a tail applies to each exchange as it arrives.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileRowQuery, executeSync, isRowQuery, prepare, Session } from '../../src/sql/sql.ts';
import type { ParameterValue, SqlValue } from '../../src/store/table.ts';
import { rowsOf } from '../../support/sql-run.ts';
import { sampleTables } from '../../support/sql-sample.ts';
import { testDatabase } from '../../support/sql-table.ts';

const database = testDatabase(sampleTables());
const exchanges = database.tables.get('exchanges')!;
const session = new Session();
const PARAMETERS = new Map<string, ParameterValue>([
	['least', 400],
	['half', { real: 0.5 }],
	['path', '/api%'],
]);

const create = prepare(
	'CREATE VIEW failures AS SELECT id, status FROM exchanges WHERE status >= 400',
	database,
	session,
);
executeSync(create, database, { session });

const ROW_QUERIES = [
	'SELECT * FROM exchanges',
	'SELECT id, path FROM exchanges WHERE status >= :least',
	'SELECT e.id, e.duration_ms * :half AS half, typeof(:half) AS type FROM exchanges AS e WHERE e.path LIKE :path',
	"SELECT id, CASE WHEN status >= 500 THEN 'bad' ELSE lower(method) END AS what FROM Exchanges WHERE NOT via = 'x'",
	'SELECT id FROM (SELECT id, status FROM exchanges WHERE status > 200) WHERE status < 500',
	'WITH bad AS (SELECT id, status FROM exchanges WHERE status >= 400) SELECT status, id FROM bad WHERE id > 2',
	'SELECT id FROM failures WHERE status <> 404',
	'SELECT 1 AS one, NULL AS nothing FROM exchanges WHERE status IN (200, 404)',
];

const WHOLE_QUERIES = [
	'SELECT count(*) FROM exchanges',
	'SELECT status FROM exchanges GROUP BY status',
	'SELECT DISTINCT status FROM exchanges',
	'SELECT id FROM exchanges ORDER BY id',
	'SELECT id FROM exchanges LIMIT 3',
	'SELECT id FROM exchanges LIMIT 3 OFFSET 2',
	'SELECT id, row_number() OVER () AS n FROM exchanges',
	'SELECT id FROM exchanges WHERE status = (SELECT max(status) FROM exchanges)',
	'SELECT id, EXISTS (SELECT 1 FROM headers) AS h FROM exchanges',
	'SELECT id FROM exchanges WHERE NOT (id IN (SELECT exchange_id FROM headers))',
	'SELECT a.id FROM exchanges a JOIN exchanges b ON a.id = b.id',
	'SELECT id FROM exchanges UNION ALL SELECT id FROM exchanges',
	'SELECT name FROM headers',
	'SELECT 1',
	'VALUES (1)',
	'EXPLAIN SELECT id FROM exchanges',
	'SELECT n FROM (SELECT count(*) AS n FROM exchanges)',
	'SELECT id FROM (SELECT id FROM exchanges LIMIT 2)',
];

test('a row query returns, row by row, what the statement returns', () => {
	for (const sql of ROW_QUERIES) {
		const statement = prepare(sql, database, session);
		assert.ok(isRowQuery(statement, 'exchanges'), sql);
		const { columns, condition, values } = compileRowQuery(statement, 'exchanges', PARAMETERS)!;
		assert.deepEqual(columns, statement.columns);
		const rows: SqlValue[][] = [];
		for (let row = 0; row < exchanges.rowCount; row++) if (condition(exchanges, row)) rows.push(values(exchanges, row));
		assert.ok(rows.length > 0, sql);
		assert.deepEqual(rows, rowsOf(sql, database, { session, parameters: PARAMETERS }), sql);
	}
});

test('a query that needs more than one row at a time cannot be applied to each exchange', () => {
	for (const sql of WHOLE_QUERIES) {
		const statement = prepare(sql, database, session);
		assert.equal(isRowQuery(statement, 'exchanges'), false, sql);
		assert.equal(compileRowQuery(statement, 'exchanges', PARAMETERS), undefined);
	}
});

test('a parameter without a value is reported when the query is compiled for a table', () => {
	const statement = prepare('SELECT id FROM exchanges WHERE status = :status', database);
	const query = compileRowQuery(statement, 'exchanges', new Map())!;
	assert.throws(() => query.condition.compile(exchanges), { code: 'ERR_SQL_PARAMETER', position: 40 });
	query.values.compile(exchanges);
});

// Conditions and projections over single rows, as in a tail.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileCondition, compileProjection, SqlError } from '../../src/sql/sql.ts';
import { rowsOf } from '../../support/sql-run.ts';
import { sampleTables } from '../../support/sql-sample.ts';
import { testDatabase } from '../../support/sql-table.ts';

const database = testDatabase(sampleTables());
const exchanges = database.tables.get('exchanges')!;

const CONDITIONS = [
	'status >= 400',
	"method = 'GET' AND status = 200",
	"NOT (method = 'GET' OR via LIKE 'send%')",
	'reason IS NULL',
	"status = 1 OR method = 'PUT' OR path || host = 'x'",
	"status = 1 OR status = 404 OR method = 'PUT' OR path || host = 'x'",
	"status > 1 AND method <> 'PUT' AND path || host <> 'x'",
	"host IN ('example.org', 'x')",
	"status NOT IN (200, 404) OR path GLOB '/api*'",
	'duration_ms BETWEEN 1 AND 20',
	"ts > '2026-11-22 12:57'",
	"exchanges.path REGEXP '[0-9]$'",
	"header(req_headers, 'Host') = 'example.org'",
	'CASE WHEN status = 200 THEN duration_ms > 2 ELSE NULL END',
	'status',
	'NULL',
	'1',
	"lower(method) || path = 'get/'",
];

test('a condition is true for exactly the rows that WHERE keeps', () => {
	for (const condition of CONDITIONS) {
		const holds = compileCondition(condition, exchanges.columns);
		const kept: number[] = [];
		for (let row = 0; row < exchanges.rowCount; row++) if (holds(exchanges, row)) kept.push(row + 1);
		const expected = rowsOf(`SELECT id FROM exchanges WHERE ${condition} ORDER BY id`, database).map(([id]) => id);
		assert.deepEqual(kept, expected, condition);
	}
});

test('a condition works with another snapshot of the table', () => {
	const holds = compileCondition("method = 'POST' AND via = 'write'", exchanges.columns);
	const other = testDatabase(sampleTables(2)).tables.get('exchanges')!;
	const count = (table: typeof exchanges) =>
		Array.from({ length: table.rowCount }, (_, row) => holds(table, row)).filter(Boolean).length;
	const first = count(exchanges);
	const second = count(other);
	assert.deepEqual([count(exchanges), count(other)], [first, second]);
	assert.ok(first > 0 && second > 0);
});

test('parameters have values', () => {
	const parameters = new Map([['least', 400]]);
	const holds = compileCondition('status >= :least', exchanges.columns, { parameters });
	const kept = Array.from({ length: exchanges.rowCount }, (_, row) => holds(exchanges, row)).filter(Boolean).length;
	assert.equal(kept, rowsOf('SELECT id FROM exchanges WHERE status >= 400', database).length);
});

test('anything but a condition is refused before there are rows', () => {
	for (const [text, message] of [
		['', /expected an expression/],
		['status >', /expected an expression/],
		['status = 200; DROP', /one statement|the end of the condition/],
		['statsu = 200', /unknown column statsu/],
		['count(*) > 1', /cannot be used in WHERE/],
		['row_number() OVER () = 1', /cannot be used in WHERE/],
		['id IN (SELECT id FROM headers)', /unknown table headers/],
		['status = 200 LIMIT 1', /the end of the condition/],
	] as const) {
		assert.throws(
			() => compileCondition(text, exchanges.columns),
			(error) => error instanceof SqlError && message.test(error.message),
			text,
		);
	}
});

test('a projection returns the columns of a list', () => {
	const list = compileProjection(
		"id, method AS m, duration_ms * 2, upper(path) path, req_headers ->> 'host'",
		exchanges.columns,
	);
	assert.deepEqual(list.columns, [
		{ name: 'id', type: 'int' },
		{ name: 'm', type: 'text' },
		{ name: 'duration_ms * 2', type: 'float' },
		{ name: 'path', type: 'text' },
		{ name: "req_headers ->> 'host'", type: 'any' },
	]);
	const expected = rowsOf(
		"SELECT id, method, duration_ms * 2, upper(path), req_headers ->> 'host' FROM exchanges WHERE id = 7",
		database,
	)[0];
	assert.deepEqual(list.values(exchanges, 6), expected);
	assert.equal(compileProjection('*', exchanges.columns).columns.length, exchanges.columns.length);
	const changed = compileProjection('* EXCLUDE (id, path) REPLACE (lower(method) AS method)', exchanges.columns);
	const names = exchanges.columns.map((column) => column.name).filter((name) => name !== 'id' && name !== 'path');
	assert.deepEqual(
		changed.columns.map((column) => column.name),
		names,
	);
	const row = rowsOf(
		`SELECT * EXCLUDE (id, path) REPLACE (lower(method) AS method) FROM exchanges WHERE id = 7`,
		database,
	);
	assert.deepEqual(changed.values(exchanges, 6), row[0]);
});

test('a projection is a list and nothing else', () => {
	for (const text of [
		'',
		'id FROM headers',
		'DISTINCT id',
		'id ORDER BY 1',
		'id LIMIT 1',
		'id UNION SELECT 1',
		'nosuch',
		'count(*)',
		'id WHERE 1',
		'id GROUP BY ALL',
		'id ORDER BY ALL',
		'* EXCLUDE (nosuch)',
		'* REPLACE (count(*) AS id)',
		'1; SELECT 2',
	]) {
		assert.throws(() => compileProjection(text, exchanges.columns), SqlError, text);
	}
	try {
		compileProjection('id, methd', exchanges.columns);
		assert.fail('no error');
	} catch (error) {
		assert.ok(error instanceof SqlError);
		assert.equal(error.hint, 'did you mean method?');
	}
});

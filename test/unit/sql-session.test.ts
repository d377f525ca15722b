// Views, temporary tables, attached recordings, parameters, EXPLAIN and DESCRIBE.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SqlError } from '../../src/sql/limits/sql-error.ts';
import { executeSync, prepare, Session } from '../../src/sql/sql.ts';
import { readAttachStatement } from '../../src/sql/sql-light.ts';
import type { SqlValue } from '../../src/store/table.ts';
import { errorOf, rowsOf } from '../../support/sql-run.ts';
import { sampleTables } from '../../support/sql-sample.ts';
import { testDatabase } from '../../support/sql-table.ts';

const database = testDatabase(sampleTables());

function inSession() {
	const session = new Session();
	const options = { session };
	return {
		session,
		run: (sql: string) => executeSync(prepare(sql, database, session), database, options).message,
		rows: (sql: string) => rowsOf(sql, database, options),
		error: (sql: string) => errorOf(sql, database, options),
	};
}

test('a view is a name for a query, which runs over the current rows', () => {
	const { run, rows, error } = inSession();
	assert.equal(run('CREATE VIEW slow AS SELECT id, path FROM exchanges WHERE duration_ms > 100'), 'view slow created');
	assert.deepEqual(rows('SELECT count(*) FROM SLOW'), rows('SELECT count(*) FROM exchanges WHERE duration_ms > 100'));
	assert.equal(run('CREATE VIEW slower(number) AS SELECT id FROM slow WHERE id > 5'), 'view slower created');
	assert.deepEqual(
		rows('SELECT max(number) FROM slower'),
		rows('SELECT max(id) FROM exchanges WHERE duration_ms > 100'),
	);
	assert.match(error('CREATE VIEW slow AS SELECT 1').message, /already a view named slow/);
	assert.equal(run('CREATE OR REPLACE VIEW slow AS SELECT 1 AS id'), 'view slow created');
	assert.deepEqual(rows('SELECT * FROM slow'), [[1]]);
	assert.equal(run('CREATE VIEW IF NOT EXISTS slow AS SELECT 2'), 'view slow already exists');
	assert.equal(run('DROP VIEW slow'), 'view slow dropped');
	assert.match(error('SELECT * FROM slow').message, /unknown table slow/);
	assert.match(error('DROP VIEW slow').message, /no view named slow/);
	assert.equal(run('DROP VIEW IF EXISTS slow'), 'view slow does not exist');
});

test('a view cannot contain itself, mistakes or parameters', () => {
	const { run, error } = inSession();
	run('CREATE VIEW a AS SELECT 1 AS x');
	run('CREATE VIEW b AS SELECT * FROM a');
	assert.match(error('CREATE OR REPLACE VIEW a AS SELECT * FROM b').message, /contains itself/);
	assert.match(error('CREATE VIEW c AS SELECT nosuch FROM exchanges').message, /unknown column/);
	assert.match(error('CREATE VIEW c AS SELECT id FROM exchanges WHERE id = :x').message, /parameters/);
	assert.match(error('CREATE VIEW c(a, b) AS SELECT 1').message, /expected 1 column names, got 2/);
});

test('a temporary table keeps the rows of its query', () => {
	const { run, rows, error, session } = inSession();
	assert.equal(
		run('CREATE TEMP TABLE mine AS SELECT id, path, duration_ms AS took, status FROM exchanges WHERE id <= 7'),
		'table mine created with 7 rows',
	);
	assert.deepEqual(
		rows('SELECT * FROM mine ORDER BY id'),
		rows('SELECT id, path, duration_ms, status FROM exchanges WHERE id <= 7 ORDER BY id'),
	);
	assert.deepEqual(
		rows('DESCRIBE mine').map((row) => row.slice(0, 2)),
		[
			['id', 'int'],
			['path', 'text'],
			['took', 'float'],
			['status', 'int'],
		],
	);
	assert.equal(run("INSERT INTO mine (id, path) VALUES (100, 'x'), ('101', 5)"), '2 rows inserted');
	assert.deepEqual(rows('SELECT id, path, took FROM mine WHERE id >= 100'), [
		[100, 'x', null],
		[101, '5', null],
	]);
	assert.equal(run('INSERT INTO mine SELECT id, path, 1, 2 FROM exchanges WHERE id = 50'), '1 row inserted');
	assert.equal(run('DELETE FROM mine WHERE id < 100'), '8 rows deleted');
	assert.deepEqual(rows('SELECT count(*) FROM mine'), [[2]]);
	assert.match(error("INSERT INTO mine (id) VALUES ('x')").message, /expected an integer, got x/);
	assert.match(error('INSERT INTO mine VALUES (1)').message, /expected 4 values a row, got 1/);
	assert.match(error('INSERT INTO mine (nosuch) VALUES (1)').message, /unknown column nosuch/);
	assert.deepEqual(session.tableNames, ['mine']);
	assert.match(error('DROP VIEW mine').hint ?? '', /write DROP TABLE/);
	assert.equal(run('DROP TABLE mine'), 'table mine dropped');
	assert.match(error('SELECT * FROM mine').message, /unknown table/);
});

test('names from Object.prototype are names like any other', () => {
	const { run, rows, error } = inSession();
	for (const name of ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty']) {
		assert.match(error(`SELECT * FROM ${name}`).message, /unknown table/);
		run(`CREATE TEMP TABLE ${name} AS SELECT 1 AS ${name}`);
		assert.deepEqual(
			rows(`SELECT ${name}.${name}, ${name} AS ${name} FROM ${name} WHERE ${name} = 1 GROUP BY ${name}`),
			[[1, 1]],
		);
		run(`CREATE VIEW v_${name} AS SELECT ${name} FROM ${name}`);
		assert.deepEqual(rows(`SELECT ${name} FROM v_${name}`), [[1]]);
		assert.match(error(`SELECT ${name}(1)`).message, /unknown function/);
	}
	assert.deepEqual(
		Object.getOwnPropertyNames(Object.prototype).filter((name) => name.startsWith('v_')),
		[],
	);
});

test('a statement reports which tables and parameters it needs', () => {
	const { run, session } = inSession();
	run('CREATE TEMP TABLE mine AS SELECT 1 AS x');
	run('CREATE VIEW v AS SELECT name FROM headers, mine');
	const statement = prepare('SELECT * FROM v JOIN exchanges ON status = :status WHERE path = :path', database, session);
	assert.deepEqual([...statement.tables].sort(), ['exchanges', 'headers']);
	assert.deepEqual([...statement.parameters].sort(), ['path', 'status']);
	assert.deepEqual(prepare('WITH exchanges AS (SELECT 1) SELECT * FROM exchanges', database).tables, []);
});

test("parameters are values, never part of the statement's text", () => {
	const parameters = new Map<string, string | number | null>([
		['p', "' OR 1 --"],
		['n', 3],
		['none', null],
	]);
	assert.deepEqual(rowsOf('SELECT :p, :n + 1, :none IS NULL, typeof(:n)', database, { parameters }), [
		["' OR 1 --", 4, 1, 'integer'],
	]);
	assert.deepEqual(rowsOf('SELECT id FROM exchanges WHERE id = :n', database, { parameters }), [[3]]);
	assert.deepEqual(rowsOf('SELECT id FROM exchanges ORDER BY id LIMIT :n', database, { parameters }), [[1], [2], [3]]);
	const error = errorOf('SELECT :p, :missing', database, { parameters });
	assert.equal(error.code, 'ERR_SQL_PARAMETER');
	assert.equal(error.position, 11);
});

test('EXPLAIN describes how a query is run', () => {
	const lines = rowsOf(
		'EXPLAIN SELECT e.method, count(*) FROM exchanges e JOIN headers h ON h.exchange_id = e.id WHERE e.status = 200 GROUP BY 1 ORDER BY 2 DESC LIMIT 3',
		database,
	);
	assert.deepEqual(
		lines.map(([line]) => line),
		[
			'read exchanges as e',
			'  where status = 200',
			'inner join headers as h by exchange_id = id',
			'group by method: count(*)',
			'keep the first rows by aggregate 1 DESC',
			'at most 3 rows',
		],
	);
});

test('EXPLAIN shows the parts of a query at their depth, and conditions as they are read', () => {
	const explained = (sql: string) => rowsOf(`EXPLAIN ${sql}`, database).map(([line]) => line);
	assert.deepEqual(
		explained(
			'SELECT id FROM exchanges UNION ALL SELECT id FROM (SELECT 5 AS id EXCEPT VALUES (1), (2)) ORDER BY 1 LIMIT 3 OFFSET 1',
		),
		[
			'rows of',
			'  read exchanges',
			'union all',
			'  read subquery subquery',
			'    rows of',
			'      one row',
			'    except',
			'      2 rows of VALUES',
			'sort',
			'at most 3 rows, skip the first 1',
		],
	);
	assert.deepEqual(
		explained(
			"SELECT (SELECT max(id) FROM exchanges) FROM exchanges e WHERE EXISTS (SELECT 1 FROM headers h WHERE h.exchange_id = e.id AND h.name NOT LIKE 'x%')",
		),
		[
			'read exchanges as e',
			'  where EXISTS (subquery)',
			'subquery, run once',
			'  read exchanges',
			'  one group: max(id)',
			'subquery, run for each row',
			'  read headers as h by exchange_id = id',
			"    where name NOT LIKE 'x%'",
		],
	);
	assert.deepEqual(
		explained(
			"SELECT 1 FROM exchanges WHERE (status > 1) IS NOT TRUE AND (status > 2) IS FALSE AND status NOT IN (1, 2) AND status IN (3) AND id NOT IN (SELECT 1) AND path IS NOT NULL AND method IS path AND path GLOB 'a*'",
		),
		[
			'read exchanges',
			"  where status > 1 IS NOT TRUE AND status > 2 IS FALSE AND status NOT IN (1, 2) AND status IN (3) AND id NOT IN (subquery) AND path IS NOT NULL AND method IS path AND path GLOB 'a*'",
			'subquery, run once',
			'  one row',
		],
	);
	assert.deepEqual(
		explained('WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 3) SELECT * FROM n'),
		[
			'read subquery n',
			'  rows of',
			'    repeat until there are no new rows',
			'      one row',
			'      read n from the previous step',
			'  at most 3 rows',
		],
	);
});

test('DESCRIBE lists columns with types and descriptions', () => {
	const rows = rowsOf('DESCRIBE headers', database);
	assert.deepEqual(rows[0], ['exchange_id', 'int', 'the exchange_id']);
	assert.equal(rows.length, 6);
	assert.equal(errorOf('DESCRIBE header', database).hint, 'did you mean headers?');
});

test('a table of an expression has the type of its values, and later rows are converted to it or refused', () => {
	const session = new Session();
	const run = (sql: string) => rowsOf(sql, database, { session });
	for (const [values, type, given, kept] of [
		['(1), (NULL), (2)', 'int', "' 7 '", 7],
		['(1), (2.5)', 'float', "'7'", 7],
		['(2.5), (1)', 'float', '3', 3],
		["(1), ('a')", 'text', '7', '7'],
		["(x'00')", 'blob', "'é'", Buffer.from('é')],
		["(x'00'), (1)", 'text', 'NULL', null],
		['(9223372036854775807)', 'int', '-9223372036854775808', -(2n ** 63n)],
		['(NULL)', 'text', "'a'", 'a'],
	] as const) {
		run(`CREATE TEMP TABLE t AS WITH v(c) AS (VALUES ${values}) SELECT c FROM v`);
		assert.equal(run('DESCRIBE t')[0]![1], type, values);
		run(`INSERT INTO t VALUES (${given})`);
		const last = run('SELECT c FROM t').at(-1)![0]!;
		assert.deepEqual(last instanceof Uint8Array ? Buffer.from(last) : last, kept, `${values}: ${given}`);
		run('DROP TABLE t');
	}
	run(
		"CREATE TEMP TABLE t AS SELECT 1 AS i, 1.5 AS f, interval '1 s' AS d, time '12:00' AS k, timestamptz '2026-11-22 12:00Z' AS z, date '2026-11-22' AS day, timestamptz '2026-11-22 12:00Z' AT TIME ZONE 'Europe/Berlin' AS l",
	);
	assert.deepEqual(
		run('DESCRIBE t').map(([name, type]) => `${name} ${type}`),
		['i int', 'f float', 'd interval', 'k time', 'z datetime', 'day date', 'l local'],
	);
	run(
		"INSERT INTO t VALUES ('2', '2', '90 seconds', '1:02', '2026-11-22 14:00+02:00', '2026-11-23', '2026-11-22 13:00')",
	);
	assert.deepEqual(run('SELECT * FROM t').at(-1), [
		...[2, 2, '00:01:30', '01:02:00', '2026-11-22T12:00:00.000000Z', '2026-11-23', '2026-11-22T13:00:00.000000'],
	]);
	run('INSERT INTO t (i) VALUES (NULL)');
	for (const [column, text, said] of [
		['i', 'x', 'expected an integer, got x'],
		['i', '2.5', 'expected an integer, got 2.5'],
		['f', 'x', 'expected a number, got x'],
		['d', 'soon', "expected an interval, got 'soon'"],
		['k', 'noon', "expected a time, got 'noon'"],
		['z', 'today', "expected a datetime, got 'today'"],
		['day', 'today', "expected a date, got 'today'"],
		['l', 'today', "expected a local datetime, got 'today'"],
	] as const) {
		const error = errorOf(`INSERT INTO t (${column}) VALUES ('${text}')`, database, { session });
		assert.deepEqual([error.code, error.message], ['ERR_SQL_VALUE', said]);
	}
});

test('temporary tables have a million rows in total, and local datetimes without a zone', () => {
	const { run, rows, error } = inSession();
	const hundred = '(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) SELECT i FROM n)';
	run(`CREATE TEMP TABLE million AS SELECT 1 FROM ${hundred}, ${hundred}, ${hundred}`);
	assert.match(error('CREATE TEMP TABLE more AS SELECT 1').message, /1000000 rows in total/);
	run('DROP TABLE million');
	run("CREATE TEMP TABLE l AS SELECT '2026-11-22T12:56:01Z'::datetime AT TIME ZONE 'Europe/Berlin' AS at");
	run("INSERT INTO l VALUES ('2026-01-01 00:00')");
	assert.deepEqual(rows('SELECT at FROM l'), [['2026-11-22T13:56:01.000000'], ['2026-01-01T00:00:00.000000']]);
	assert.match(error("INSERT INTO l VALUES ('2026-01-01T00:00:00Z')").message, /expected a local datetime, got/);
});

test('ATTACH and DETACH are read, and each mistake is named where it is', () => {
	assert.deepEqual(readAttachStatement("/* x */ attach 'it''s.tinytap' as \"before\" ;"), {
		...{ kind: 'attach', path: "it's.tinytap", schema: 'before', at: 34 },
	});
	assert.deepEqual(readAttachStatement("ATTACH DATABASE 'a' AS b"), { kind: 'attach', path: 'a', schema: 'b', at: 23 });
	assert.deepEqual(readAttachStatement('DETACH database b'), { kind: 'detach', schema: 'b', at: 16 });
	assert.deepEqual(readAttachStatement('DETACH database'), { kind: 'detach', schema: 'database', at: 7 });
	for (const other of ['', '-- ATTACH', 'SELECT 1', "EXPLAIN ATTACH 'a' AS b"])
		assert.equal(readAttachStatement(other), undefined);
	for (const [sql, message, position] of [
		['ATTACH', /the name of a file in quotes, got the end/, 6],
		['ATTACH x AS y', /the name of a file in quotes, got x/, 7],
		["ATTACH '' AS y", /the name of a file in quotes/, 7],
		["ATTACH 'a' b", /AS and a name after the file, got b/, 11],
		["ATTACH 'a' AS", /a name of at most 64 .*, got the end/, 13],
		['ATTACH \'a\' AS "a.b"', /a name of at most 64/, 14],
		[`ATTACH 'a' AS ${'b'.repeat(65)}`, /a name of at most 64/, 14],
		["ATTACH 'a' AS b (TYPE x)", /the end of the statement, got \(/, 16],
		["DETACH 'a'", /a name of at most 64 .*, got 'a'/, 7],
		['DETACH a b', /the end of the statement, got b/, 9],
	] as const)
		assert.throws(
			() => readAttachStatement(sql),
			(error: SqlError) => {
				assert.match(error.message, message, sql);
				assert.deepEqual([error.code, error.position], ['ERR_SQL_SYNTAX', position], sql);
				return true;
			},
		);
});

test('a name before the dot is that of an attached recording, in any letter case', () => {
	const attached = (name: string, rows: SqlValue[][]) => ({ name, columns: ['id int', 'note text'], rows });
	const both = testDatabase([
		...sampleTables(),
		attached('old.exchanges', [[1, 'old']]),
		attached('old.notes', [[2, 'x']]),
		attached('new.exchanges', []),
	]);
	assert.deepEqual(rowsOf('SELECT note FROM OLD.Exchanges', both), [['old']]);
	assert.deepEqual(rowsOf('SELECT o.id, count(n.id) FROM old.notes o LEFT JOIN new.exchanges n USING (id)', both), [
		[2, 0],
	]);
	const refused = (table: string) => {
		const { message, hint } = errorOf(`SELECT * FROM ${table}`, both);
		return [message, hint];
	};
	assert.deepEqual(refused('old.headers'), ['unknown table headers in old', 'tables are exchanges, notes']);
	assert.deepEqual(refused('new.exchangs'), ['unknown table exchangs in new', 'did you mean exchanges?']);
	assert.deepEqual(refused('olds.exchanges'), ['unknown schema olds', 'did you mean old?']);
	assert.match(
		String(refused('other.exchanges')),
		/^unknown schema other,ATTACH 'FILE' AS other gives a recording this name/,
	);
});

// Short forms from DuckDB: FROM first, * EXCLUDE and REPLACE, GROUP BY ALL, ORDER BY ALL, SUMMARIZE, DESCRIBE SELECT.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Guard } from '../../src/sql/limits/guard.ts';
import { DistinctCount } from '../../src/sql/run/distinct-count.ts';
import { completionsAt, executeSync, prepare, Session } from '../../src/sql/sql.ts';
import { errorOf, rowsOf, scalarOf } from '../../support/sql-run.ts';
import { sampleTables } from '../../support/sql-sample.ts';
import { testDatabase } from '../../support/sql-table.ts';

const database = testDatabase(sampleTables());
const session = new Session();
const resultOf = (sql: string) => executeSync(prepare(sql, database, session), database, { session });
const namesOf = (sql: string) => resultOf(sql).columns.map(({ name }) => name);

/** Checks that both statements have the same columns and rows. */
function assertSame(short: string, long: string): void {
	const a = resultOf(short);
	const b = resultOf(long);
	assert.deepEqual(a.columns, b.columns, short);
	assert.deepEqual(a.rows, b.rows, short);
	assert.ok(b.rows.length > 0, long);
}

test('distinct values are counted exactly up to 4,096, then within a few percent, in little memory', () => {
	const long = (i: number) => `${'x'.repeat(70)}${i}`;
	for (const make of [(i: number) => i, (i: number) => BigInt(i) << 60n, (i: number) => `${i}`, long]) {
		for (const [distinct, least, most] of [
			[1, 1, 1],
			[4096, 4096, 4096],
			[5000, 4750, 5250],
			[40_000, 38_000, 42_000],
		] as const) {
			const guard = new Guard({ memoryLimit: 4096 * 100 + 100 });
			const count = new DistinctCount(guard);
			for (let i = 0; i < distinct; i++) {
				count.add(make(i));
				if (i % 3 === 0) count.add(make(i));
			}
			assert.ok(count.value >= least && count.value <= most, `${make(1)}: ${count.value} of ${distinct}`);
		}
	}
	// Memory that is no longer needed is given back.
	const guard = new Guard({ memoryLimit: 500_000 });
	const counts = Array.from({ length: 3 }, () => new DistinctCount(guard));
	for (const count of counts) for (let i = 0; i < 4097; i++) count.add(i);
	assert.throws(
		() => {
			for (const count of [1, 2].map(() => new DistinctCount(guard))) for (let i = 0; i < 4096; i++) count.add(i);
		},
		{ code: 'ERR_SQL_TOO_LARGE' },
	);
});

describe('a query may begin with FROM', () => {
	for (const [short, long] of [
		['FROM exchanges', 'SELECT * FROM exchanges'],
		['FROM exchanges e WHERE e.status = 200 ORDER BY id DESC LIMIT 3 OFFSET 1'].concat(
			'SELECT * FROM exchanges e WHERE e.status = 200 ORDER BY id DESC LIMIT 3 OFFSET 1',
		),
		['FROM exchanges SELECT id, path WHERE status = 200', 'SELECT id, path FROM exchanges WHERE status = 200'],
		['FROM exchanges SELECT DISTINCT method ORDER BY 1', 'SELECT DISTINCT method FROM exchanges ORDER BY 1'],
		['FROM exchanges SELECT method, count(*) GROUP BY 1 HAVING count(*) > 1 ORDER BY 1'].concat(
			'SELECT method, count(*) FROM exchanges GROUP BY 1 HAVING count(*) > 1 ORDER BY 1',
		),
		['FROM exchanges e JOIN headers h ON h.exchange_id = e.id SELECT e.id, h.name'].concat(
			'SELECT e.id, h.name FROM exchanges e JOIN headers h ON h.exchange_id = e.id',
		),
		['FROM (FROM exchanges WHERE id < 5) SELECT count(*)', 'SELECT count(*) FROM exchanges WHERE id < 5'],
		['WITH t AS (FROM exchanges SELECT id) FROM t', 'SELECT id FROM exchanges'],
		['SELECT id FROM exchanges WHERE id IN (FROM headers SELECT exchange_id) ORDER BY 1'].concat(
			'SELECT id FROM exchanges WHERE id IN (SELECT exchange_id FROM headers) ORDER BY 1',
		),
		['SELECT id FROM exchanges e WHERE EXISTS (FROM headers WHERE exchange_id = e.id)'].concat(
			'SELECT id FROM exchanges e WHERE EXISTS (SELECT * FROM headers WHERE exchange_id = e.id)',
		),
		['SELECT (FROM headers SELECT count(*)) AS n', 'SELECT (SELECT count(*) FROM headers) AS n'],
		[
			'FROM exchanges SELECT id UNION ALL FROM headers SELECT seq',
			'SELECT id FROM exchanges UNION ALL SELECT seq FROM headers',
		],
		['FROM exchanges SELECT id, row_number() OVER w AS n WINDOW w AS (ORDER BY id)'].concat(
			'SELECT id, row_number() OVER w AS n FROM exchanges WINDOW w AS (ORDER BY id)',
		),
		['EXPLAIN FROM exchanges WHERE id = 1', 'EXPLAIN SELECT * FROM exchanges WHERE id = 1'],
	] as [string, string][]) {
		test(short, () => assertSame(short, long));
	}

	test('in a view and in INSERT, too', () => {
		resultOf('CREATE OR REPLACE VIEW ok AS FROM exchanges SELECT id WHERE status = 200');
		assertSame('FROM ok', 'SELECT id FROM exchanges WHERE status = 200');
		resultOf('CREATE TEMP TABLE ids AS FROM ok');
		resultOf('INSERT INTO ids FROM ok');
		assert.equal(scalarOf('FROM ids SELECT count(*)', database, { session }), 2 * resultOf('FROM ok').rows.length);
	});
});

describe('* leaves out the columns of EXCLUDE and computes those of REPLACE', () => {
	const all = namesOf('SELECT * FROM headers');

	test('by name, in any case, alone or in parentheses', () => {
		const without = all.filter((name) => name !== 'seq');
		for (const list of ['seq', '(seq)', '(SEQ)', '("seq")', '(headers.seq)'])
			assert.deepEqual(namesOf(`SELECT * EXCLUDE ${list} FROM headers`), without, list);
		assert.deepEqual(namesOf('SELECT h.* EXCLUDE (seq, name), 1 AS one FROM headers h'), [
			...without.filter((name) => name !== 'name'),
			'one',
		]);
	});

	test('in a join the column goes from both tables, with its table from one', () => {
		const both = 'FROM exchanges a JOIN exchanges b USING (id)';
		const names = namesOf(`SELECT * ${both}`);
		assert.deepEqual(
			namesOf(`SELECT * EXCLUDE (path) ${both}`),
			names.filter((name) => name !== 'path'),
		);
		const one = namesOf(`SELECT * EXCLUDE (a.path) ${both}`);
		assert.equal(one.filter((name) => name === 'path').length, 1);
		assert.ok(one.indexOf('path') > names.indexOf('path'));
		assert.ok(!namesOf(`SELECT * EXCLUDE (id) ${both}`).includes('id'));
	});

	test('REPLACE keeps the place and the name, and may use the column itself', () => {
		assertSame(
			'SELECT * EXCLUDE (message, seq, trailer) REPLACE (upper(name) AS name, exchange_id + 1 AS exchange_id) FROM headers',
			'SELECT exchange_id + 1 AS exchange_id, upper(name) AS name, header_value FROM headers',
		);
		assert.deepEqual(namesOf('SELECT * REPLACE (1 AS Seq) FROM headers'), all);
		assert.deepEqual(rowsOf('SELECT * REPLACE (max(seq) AS seq) FROM headers', database).length, 1);
	});

	test('in subqueries, views, with GROUP BY ALL, and in every form of the star', () => {
		assertSame(
			'SELECT * FROM (SELECT * EXCLUDE (seq) FROM headers) WHERE exchange_id = 1',
			'SELECT exchange_id, message, name, header_value, trailer FROM headers WHERE exchange_id = 1',
		);
		assertSame(
			'WITH t AS (FROM headers SELECT name, seq) SELECT * REPLACE (count(*) AS seq) FROM t GROUP BY ALL ORDER BY ALL',
			'SELECT name, count(*) AS seq FROM headers GROUP BY name ORDER BY 1',
		);
	});
});

describe('GROUP BY ALL groups by the columns without aggregates', () => {
	for (const [short, long] of [
		['SELECT method, status, count(*) AS n FROM exchanges GROUP BY ALL ORDER BY ALL'].concat(
			'SELECT method, status, count(*) AS n FROM exchanges GROUP BY method, status ORDER BY 1, 2, 3',
		),
		['SELECT lower(method) AS m, lower(method) || count(*) AS n FROM exchanges GROUP BY ALL ORDER BY ALL'].concat(
			'SELECT lower(method) AS m, lower(method) || count(*) AS n FROM exchanges GROUP BY 1 ORDER BY 1, 2',
		),
		[
			'SELECT DISTINCT method FROM exchanges GROUP BY ALL ORDER BY ALL',
			'SELECT DISTINCT method FROM exchanges ORDER BY 1',
		],
		['SELECT method FROM exchanges GROUP BY ALL ORDER BY 1', 'SELECT DISTINCT method FROM exchanges ORDER BY 1'],
		[
			'SELECT count(*) AS n, max(id) AS m FROM exchanges GROUP BY ALL',
			'SELECT count(*) AS n, max(id) AS m FROM exchanges',
		],
		[
			'SELECT 1 AS one, count(*) AS n FROM exchanges WHERE 0 GROUP BY ALL',
			'SELECT 1 AS one, count(*) AS n FROM exchanges WHERE 0',
		],
		[
			"SELECT method AS m, count(*) AS n FROM exchanges GROUP BY ALL HAVING count(*) > 9 AND method > 'A' ORDER BY method",
		].concat(
			"SELECT method AS m, count(*) AS n FROM exchanges GROUP BY method HAVING count(*) > 9 AND method > 'A' ORDER BY 1",
		),
		['SELECT method, rank() OVER (ORDER BY count(*), method) AS r FROM exchanges GROUP BY ALL ORDER BY ALL'].concat(
			'SELECT method, rank() OVER (ORDER BY count(*), method) AS r FROM exchanges GROUP BY method ORDER BY 1',
		),
		['SELECT status, (SELECT count(*) FROM headers) AS n FROM exchanges GROUP BY ALL ORDER BY ALL'].concat(
			'SELECT status, (SELECT count(*) FROM headers) AS n FROM exchanges GROUP BY status ORDER BY 1',
		),
	] as [string, string][]) {
		test(short, () => assertSame(short, long));
	}

	test('a column that has several values in a group is an error, not the value of one row', () => {
		for (const marked of [
			'SELECT method, id ‸+ count(*) FROM exchanges GROUP BY ALL',
			'SELECT method, count(*) FROM exchanges GROUP BY ALL HAVING id ‸> 3',
			'SELECT method, count(*) FROM exchanges GROUP BY ALL ORDER BY method, ‸id',
			'SELECT method, count(*), ‸rank() OVER (ORDER BY id) FROM exchanges GROUP BY ALL',
			'SELECT method, count(*), ‸sum(id) OVER () FROM exchanges GROUP BY ALL',
			'SELECT method, count(*), 1 ‸+ sum(method) OVER (PARTITION BY id) FROM exchanges GROUP BY ALL',
		]) {
			const error = errorOf(marked.replace('‸', ''), database);
			assert.equal(
				error.message,
				'the column id is neither in an aggregate nor alone in the list that GROUP BY ALL groups by',
			);
			assert.match(error.hint!, /select id as a column of its own/);
			assert.equal(error.position, marked.indexOf('‸'), marked);
		}
	});

	test('equal columns of two tables, and equal arguments of two functions, are not the same', () => {
		for (const sql of [
			'SELECT a.method, b.method || count(*) FROM exchanges a JOIN exchanges b USING (id) GROUP BY ALL',
			'SELECT lower(method), upper(method) || count(*) FROM exchanges GROUP BY ALL',
		])
			assert.match(errorOf(sql, database).message, /^the column method is neither/, sql);
		const both = 'SELECT a.method || count(*) FROM exchanges a JOIN exchanges b USING (id)';
		assert.equal(rowsOf(`${both.replace('SELECT ', 'SELECT a.method, ')} GROUP BY ALL`, database).length, 5);
	});

	test('parameters of the same name are equal, wherever they stand', () => {
		const sql = 'SELECT status + :more, (status + :more) || count(*) FROM exchanges GROUP BY ALL';
		const { rows } = executeSync(prepare(sql, database), database, { parameters: new Map([['more', 7]]) });
		assert.ok(rows.length > 1);
		for (const [sum, text] of rows) if (sum !== null) assert.match(String(text), new RegExp(`^${sum}`));
	});

	test('a column named all is not ALL', () => {
		const rows = (clause: string) => rowsOf(`SELECT "all" FROM (SELECT 2 AS "all" UNION ALL SELECT 1) ${clause}`);
		assert.deepEqual(rows('ORDER BY "all"'), [[1], [2]]);
		assert.deepEqual(rows('ORDER BY all + 0'), [[1], [2]]);
		assert.deepEqual(rows('GROUP BY all + 0 ORDER BY 1'), [[1], [2]]);
	});
});

describe('ORDER BY ALL sorts by all columns from left to right', () => {
	for (const [short, long] of [
		['SELECT method, id FROM exchanges ORDER BY ALL', 'SELECT method, id FROM exchanges ORDER BY 1, 2'],
		['SELECT method, id FROM exchanges ORDER BY ALL DESC NULLS LAST LIMIT 7'].concat(
			'SELECT method, id FROM exchanges ORDER BY 1 DESC NULLS LAST, 2 DESC NULLS LAST LIMIT 7',
		),
		['SELECT id FROM exchanges UNION SELECT seq FROM headers ORDER BY ALL DESC'].concat(
			'SELECT id FROM exchanges UNION SELECT seq FROM headers ORDER BY 1 DESC',
		),
		['SELECT * EXCLUDE (header_value) FROM headers ORDER BY ALL'].concat(
			'SELECT exchange_id, message, seq, name, trailer FROM headers ORDER BY 1, 2, 3, 4, 5',
		),
		['SELECT count(*) AS n FROM (SELECT DISTINCT method, status FROM exchanges ORDER BY ALL)'].concat(
			'SELECT count(*) AS n FROM (SELECT DISTINCT method, status FROM exchanges)',
		),
	] as [string, string][]) {
		test(short, () => assertSame(short, long));
	}
});

describe('SUMMARIZE', () => {
	const FIVE = "SELECT * FROM (VALUES (1, 'b', 2.5), (2, 'a', 1.5), (4, NULL, 3.5), (4, 'b', NULL), (9, 'ä', 0.0))";

	test('returns one row about each column', () => {
		const { columns, rows } = resultOf(`SUMMARIZE ${FIVE}`);
		assert.deepEqual(
			columns.map(({ name }) => name),
			[
				'column_name',
				'column_type',
				'min',
				'max',
				'approx_unique',
				'avg',
				'std',
				'q25',
				'q50',
				'q75',
				'count',
				'null_percentage',
			],
		);
		const [first, second, third] = rows;
		assert.deepEqual(first, ['column1', 'int', 1, 9, 4, 4, 3.082207001484488, 2, 4, 4, 5, 0]);
		assert.deepEqual(second, ['column2', 'text', 'a', 'ä', 3, null, null, null, null, null, 5, 20]);
		assert.deepEqual(third, ['column3', 'float', 0, 3.5, 4, 1.875, 1.4930394055974097, 1.125, 2, 2.75, 5, 20]);
	});

	test('gives what the aggregates give, over the captured tables', () => {
		const rows = resultOf('SUMMARIZE exchanges').rows;
		assert.deepEqual(
			rows.map(([name]) => name),
			namesOf('FROM exchanges'),
		);
		for (const [name, type, min, max, unique, avg, std, q25, q50, q75, count, nulls] of rows) {
			const [expected] = rowsOf(
				`SELECT min("${name}"), max("${name}"), count(DISTINCT "${name}"), count(*),
				100.0 * count(*) FILTER (WHERE "${name}" IS NULL) / count(*) FROM exchanges`,
				database,
			);
			assert.deepEqual([min, max, unique, count, nulls], expected, `${name}`);
			if (type !== 'int' && type !== 'float') continue;
			const numbers = rowsOf(
				`SELECT avg("${name}"), percentile("${name}", 0.25), median("${name}"), percentile("${name}", 0.75),
				stddev("${name}") FROM exchanges`,
				database,
			)[0]!;
			assert.deepEqual([avg, q25, q50, q75, std], numbers, `${name}`);
		}
	});

	test('of intervals gives intervals, beside numbers and datetimes', () => {
		const gaps = 'SELECT status, ts, ts - lag(ts) OVER (ORDER BY id) AS gap FROM exchanges';
		const [status, ts, gap] = rowsOf(`SUMMARIZE ${gaps}`, database);
		const [expected] = rowsOf(
			`SELECT min(gap), max(gap), avg(gap), percentile(gap, 0.25), median(gap), percentile(gap, 0.75) FROM (${gaps})`,
			database,
		);
		assert.deepEqual([gap![1], gap![2], gap![3], gap![5], gap![7], gap![8], gap![9]], ['interval', ...expected!]);
		assert.deepEqual([gap![6]], rowsOf(`SELECT stddev(gap) FROM (${gaps})`, database)[0]);
		assert.deepEqual(status, rowsOf('SUMMARIZE SELECT status FROM exchanges', database)[0]);
		assert.deepEqual(ts!.slice(5, 10), [null, null, null, null, null]);
		const typed = "SELECT typeof(avg), typeof(q50), typeof(min) FROM (SUMMARIZE SELECT 2.0 AS r, interval '1s' AS i)";
		assert.deepEqual(rowsOf(typed)[0], ['real', 'real', 'real']);
	});

	test('of no rows has NULLs and no division by zero', () => {
		assert.deepEqual(rowsOf('SUMMARIZE SELECT id FROM exchanges WHERE 0', database), [
			['id', 'int', null, null, 0, null, null, null, null, null, 0, null],
		]);
	});

	test('is a query like others: in FROM, WITH, CREATE TABLE, EXPLAIN', () => {
		assert.deepEqual(rowsOf("SELECT max FROM (SUMMARIZE exchanges) WHERE column_name = 'id'", database), [[53]]);
		assertSame('WITH s AS (SUMMARIZE exchanges) FROM s', 'SUMMARIZE exchanges');
		assertSame('SUMMARIZE (FROM exchanges)', 'SUMMARIZE main.exchanges');
		resultOf('CREATE TEMP TABLE summary AS SUMMARIZE exchanges');
		assert.deepEqual(namesOf('FROM summary'), namesOf('SUMMARIZE exchanges'));
		assert.deepEqual(rowsOf('EXPLAIN SUMMARIZE headers', database), [['summarize each column of'], ['  read headers']]);
		const inner = rowsOf(
			'SELECT (SELECT max FROM (SUMMARIZE SELECT seq FROM headers WHERE exchange_id = e.id)) FROM exchanges e',
			database,
		);
		const expected = 'SELECT (SELECT max(seq) FROM headers WHERE exchange_id = e.id) FROM exchanges e';
		assert.deepEqual(inner, rowsOf(expected, database));
	});

	test('estimates many distinct values within 5 %, and keeps the quantiles of many numbers', () => {
		const numbers = 'WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 100000)';
		const [[unique, q25, q50, q75]] = rowsOf(
			`SELECT approx_unique, q25, q50, q75 FROM (SUMMARIZE ${numbers} SELECT x FROM n)`,
		) as [number[]];
		assert.ok(Math.abs(unique! - 100_000) < 5_000, String(unique));
		for (const [value, expected] of [
			[q25, 25_000],
			[q50, 50_000],
			[q75, 75_000],
		] as const)
			assert.ok(Math.abs(value! - expected) < 10, `${value} is not about ${expected}`);
		for (const few of [6_000, 30_000]) {
			const sql = `SELECT approx_unique FROM (SUMMARIZE ${numbers.replace('100000', `${few}`)} SELECT x FROM n)`;
			assert.ok(Math.abs(Number(scalarOf(sql)) - few) < few / 20, `${few}`);
		}
		const texts = `SELECT approx_unique FROM (SUMMARIZE ${numbers} SELECT 'a long text, the end of which differs, with the number ${'.'.repeat(30)}' || x FROM n)`;
		assert.ok(Math.abs(Number(scalarOf(texts)) - 100_000) < 5_000);
	});

	test('of long texts stays within the memory limit', () => {
		const numbers = 'WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 4000)';
		const rows = rowsOf(`SUMMARIZE ${numbers} SELECT format('%.10000d', x) AS t FROM n`, database, {
			memoryLimit: 2 * 1024 * 1024,
		});
		assert.equal(rows[0]![4], 4000);
	});
});

test('DESCRIBE of a query lists the columns of its result, with the meaning of captured ones', () => {
	const sql = 'DESCRIBE SELECT id, path AS p, count(*) OVER () AS n, req_headers FROM exchanges WHERE id = :id';
	assert.deepEqual(resultOf(sql).rows, [
		['id', 'int', 'the id'],
		['p', 'text', 'the path'],
		['n', 'int', null],
		['req_headers', 'json', 'the req_headers'],
	]);
	assert.deepEqual(namesOf(sql), namesOf('DESCRIBE exchanges'));
	const { tables, parameters } = prepare(sql, database);
	assert.deepEqual([tables, parameters], [[], []]);
	assert.deepEqual(resultOf('DESC FROM exchanges').rows, resultOf('DESCRIBE exchanges').rows);
	assert.deepEqual(resultOf('DESCRIBE WITH t AS (SELECT 1.5 AS x) SELECT * FROM t').rows, [['x', 'float', null]]);
	assert.deepEqual(resultOf('DESCRIBE SUMMARIZE exchanges').rows.length, 12);
	assert.match(errorOf('DESCRIBE SELECT nosuch FROM exchanges', database).message, /unknown column nosuch/);
});

describe('mistakes in these forms say what to write, with their position', () => {
	for (const [marked, message, hint] of [
		['FROM ‸', /expected a table or a subquery/],
		['FROM exchanges ‸WERE id = 1', /got WERE/, /did you mean WHERE/],
		['‸FORM exchanges', /expected a statement such as SELECT/, /did you mean FROM/],
		['FROM exchanges SELECT ‸', /expected an expression/],
		['FROM exchanges SELECT id ‸FROM headers', /got FROM/],
		['SELECT * EXCLUDE (‸nosuch) FROM exchanges', /unknown column nosuch in EXCLUDE/],
		['SELECT * EXCLUDE (‸latency) FROM exchanges', /unknown column latency in EXCLUDE/, /did you mean duration_ms/],
		['SELECT * REPLACE (1 AS ‸pth) FROM exchanges', /unknown column pth in REPLACE/, /did you mean path/],
		['SELECT * REPLACE (path ‸) FROM exchanges', /expected AS and the name of the column to replace/],
		['SELECT * EXCLUDE (path, ‸path) FROM exchanges', /occurs twice/],
		['SELECT * EXCLUDE (path) REPLACE (1 AS ‸path) FROM exchanges', /occurs twice/],
		['SELECT * REPLACE (1 AS path) ‸EXCLUDE (id) FROM exchanges', /EXCLUDE must come before REPLACE/],
		['SELECT * EXCLUDE (‸id) FROM (SELECT id FROM exchanges)', /leaves no columns/, /fewer/],
		['SELECT * ‸EXCEPT (id) FROM exchanges', /EXCEPT \(…\) is not supported/, /\* EXCLUDE \(…\)/],
		['SELECT * EXCLUDE (id ‸FROM exchanges', /expected "\)" to close the list of EXCLUDE/],
		['SELECT id FROM exchanges GROUP BY ‸ALL, id', /ALL must be alone in GROUP BY/],
		['SELECT id FROM exchanges ORDER BY ‸ALL, id', /ALL must be alone in ORDER BY/],
		['SELECT id FROM exchanges ORDER BY ‸ALL DESC, id', /ALL must be alone in ORDER BY/],
		['SUMMARIZE ‸', /expected a table or a SELECT after SUMMARIZE/],
		['SUMMARIZE ‸nosuch', /unknown table nosuch/],
		['SUMMARIZE ‸requests', /unknown table requests/, /did you mean exchanges/],
		['SUMMARIZE exchanges ‸WHERE id = 1', /cannot have WHERE/, /SUMMARIZE SELECT \* FROM exchanges WHERE/],
		['SUMMARIZE exchanges ‸LIMIT 1', /cannot have LIMIT/, /SELECT \* FROM \(SUMMARIZE exchanges\) LIMIT/],
		['DESCRIBE ‸', /expected a table after DESCRIBE/],
	] as [string, RegExp, RegExp?][]) {
		test(marked, () => {
			const error = errorOf(marked.replace('‸', ''), database);
			assert.match(error.message, message);
			if (hint !== undefined) assert.match(error.hint ?? '', hint);
			assert.equal(error.position, marked.indexOf('‸'));
		});
	}
});

test('summarize, all, exclude and replace remain ordinary names', () => {
	const sql =
		'SELECT summarize, exclude, "all" FROM (SELECT 1 AS summarize, 2 AS exclude, 3 AS "all") WHERE (summarize = 1)';
	assert.deepEqual(rowsOf(sql), [[1, 2, 3]]);
	assert.deepEqual(rowsOf("SELECT replace('aa', 'a', 'b') AS replace"), [['bb']]);
	assert.deepEqual(rowsOf('SELECT max(summarize) FROM (SELECT 1 AS summarize) WHERE (summarize IS NOT NULL)'), [[1]]);
});

test('completion offers the new words, and tables after SUMMARIZE', () => {
	const completed = (text: string) =>
		completionsAt(text, text.length, database).completions.map(({ text: word }) => word);
	assert.deepEqual(completed('SUMMARIZE exch'), ['exchanges']);
	assert.ok(completed('SUMM').includes('SUMMARIZE'));
	assert.ok(completed('SELECT * EXCL').includes('EXCLUDE'));
	assert.ok(completed('SELECT method, count(*) FROM exchanges GROUP').includes('GROUP BY ALL'));
	assert.ok(completed('SELECT method FROM exchanges ORDER').includes('ORDER BY ALL'));
});

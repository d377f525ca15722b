// json_each and json_tree in FROM.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { compileCondition, completionsAt, executeSync, prepare, Session } from '../../src/sql/sql.ts';
import { askOracle, oracleVersion } from '../../support/sql-oracle.ts';
import { errorOf, rowsOf, scalarOf } from '../../support/sql-run.ts';
import { sampleTables, seeded } from '../../support/sql-sample.ts';
import { testDatabase } from '../../support/sql-table.ts';

const database = testDatabase(sampleTables());
const DOCUMENT = `{"a":{"b":[1,2.50,"x"]},"c d":null,"e1":[true,{}],"":[]}`;

test('json_each has a row for each member or item, json_tree for each value at any depth', () => {
	assert.deepEqual(rowsOf(`SELECT * FROM json_each('${DOCUMENT}')`), [
		['a', '{"b":[1,2.50,"x"]}', 'object', null, 2, null, '$.a', '$'],
		['c d', null, 'null', null, 9, null, '$."c d"', '$'],
		['e1', '[true,{}]', 'array', null, 11, null, '$.e1', '$'],
		['', '[]', 'array', null, 15, null, '$.""', '$'],
	]);
	assert.deepEqual(rowsOf(`SELECT key, atom, type, id, parent, fullkey, path FROM json_tree('${DOCUMENT}', '$.a')`), [
		['a', null, 'object', 2, null, '$.a', '$'],
		['b', null, 'array', 4, 2, '$.a.b', '$.a'],
		[0, 1, 'integer', 5, 4, '$.a.b[0]', '$.a.b'],
		[1, 2.5, 'real', 6, 4, '$.a.b[1]', '$.a.b'],
		[2, 'x', 'text', 7, 4, '$.a.b[2]', '$.a.b'],
	]);
	assert.deepEqual(
		prepare("SELECT * FROM json_each('[]')", database).columns.map(({ name }) => name),
		['key', 'value', 'type', 'atom', 'id', 'parent', 'fullkey', 'path'],
	);
});

test('NULL, text that is not JSON and a path that leads nowhere have no rows', () => {
	for (const call of [
		'json_each(NULL)',
		"json_each('no')",
		"json_tree('')",
		"json_each('[1]', '$.x')",
		"json_tree('[1]', NULL)",
		"json_each('[]')",
		"json_each('{}')",
	])
		assert.deepEqual(rowsOf(`SELECT * FROM ${call}`), [], call);
	assert.equal(scalarOf("SELECT typeof(value) || key FROM json_each('[2.0]')"), 'real0');
});

test('the rows are those of SQLite, for random JSON and paths', (t) => {
	const version = oracleVersion();
	assert.ok(version !== undefined, 'the program sqlite3 is missing (scripts/setup test installs it)');
	// Later versions number the values differently and write the paths of some primitive values differently.
	const isOld = version.startsWith('3.40.');
	if (!isOld) t.diagnostic(`sqlite3 ${version}: ids and paths are not compared`);
	const columns = isOld ? 'key, value, type, atom, id, parent, fullkey, path' : 'key, value, type, atom';
	const random = seeded(11);
	const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
	const json = (depth: number): string => {
		const kind = depth > 3 ? 0 : Math.floor(random() * 3);
		if (kind === 0) return pick(['1', '-2.5', '"x"', '""', 'true', 'false', 'null', '12345678901', '"a b"', '1e3']);
		const items = Array.from({ length: Math.floor(random() * 4) }, () => json(depth + 1));
		if (kind === 1) return `[${items.join(',')}]`;
		return `{${items.map((item, index) => `"${pick(['a', 'b', 'c d', 'e1', '_u', '9', ''])}${index}":${item}`).join(', ')}}`;
	};
	const queries = Array.from({ length: 600 }, () => {
		const table = pick(['json_each', 'json_tree']);
		// If the path leads to an item of an array, SQLite 3.40 writes the paths below it as those of the first item.
		const items = table === 'json_each' ? ['$[1]', '$[#-1]', '$.a0[1]'] : [];
		const path = pick([
			'',
			'',
			'',
			...['$', '$.a0', '$.b1', '$[0]', '$.a0[0]', '$[0].e10', ...items].map((each) => `, '${each}'`),
		]);
		return `SELECT ${columns} FROM ${table}('${json(0)}'${path})`;
	});
	const theirs = askOracle([], queries);
	for (const [index, query] of queries.entries()) assert.deepEqual({ rows: rowsOf(query) }, theirs[index], query);
});

describe('arguments may read the tables before', () => {
	const FIELDS = 'SELECT e.id, h.key, h.value FROM exchanges e, json_each(e.req_headers) h';
	/** The same, computed from the columns that the sample's headers have. */
	const expected = rowsOf('SELECT id, req_headers FROM exchanges', database).flatMap(([id, text]) =>
		Object.entries((JSON.parse(String(text)) ?? {}) as object).map(([key, value]) => [
			id,
			key,
			typeof value === 'string' ? value : JSON.stringify(value),
		]),
	);
	const sorted = (rows: unknown[][]) => rows.map((row) => JSON.stringify(row)).sort();

	test('with a comma, JOIN, CROSS JOIN, LATERAL, LEFT JOIN', () => {
		assert.ok(expected.length > 50);
		for (const join of [', ', ' JOIN ', ' CROSS JOIN ', ' CROSS JOIN LATERAL ', ', LATERAL '])
			assert.deepEqual(rowsOf(FIELDS.replace(', json_each', `${join}json_each`), database), expected, join);
		const left = `${FIELDS.replace(', json_each', ' LEFT JOIN json_each')} ON h.key = 'accept'`;
		const kept = expected.filter(([, key]) => key === 'accept');
		const rows = rowsOf(left, database);
		assert.equal(rows.length, rowsOf('FROM exchanges', database).length);
		assert.deepEqual(
			rows.filter(([, key]) => key !== null),
			kept,
		);
	});

	test('rows come back after ORDER BY, GROUP BY, DISTINCT and windows', () => {
		assert.deepEqual(sorted(rowsOf(`${FIELDS} ORDER BY h.key DESC, e.id`, database)), sorted(expected));
		const keys = rowsOf(`${FIELDS} ORDER BY h.key DESC, e.id`, database).map(([, key]) => key);
		assert.deepEqual(
			keys,
			expected
				.map(([, key]) => key)
				.sort()
				.reverse(),
		);
		assert.deepEqual(
			rowsOf(`${FIELDS} ORDER BY e.id DESC, h.key LIMIT 2`, database),
			expected
				.filter(([id]) => id === 53)
				.sort()
				.slice(0, 2),
		);
		const counts = new Map<unknown, number>();
		for (const [, key] of expected) counts.set(key, (counts.get(key) ?? 0) + 1);
		const grouped = 'SELECT h.key, count(*) FROM exchanges e, json_each(e.req_headers) h GROUP BY h.key ORDER BY 1';
		assert.deepEqual(rowsOf(grouped, database), [...counts].sort());
		// Bare columns come from the row with the maximum, which is not the last row.
		const bare =
			'SELECT max(e.id), h.key, h.value, h.fullkey FROM (SELECT * FROM exchanges ORDER BY id DESC) e, json_each(e.req_headers) h';
		const [[id, key, value, fullkey]] = rowsOf(bare, database) as [unknown[]];
		assert.ok(expected.some((row) => row[0] === id && row[1] === key && row[2] === value));
		assert.equal(fullkey, `$."${key}"`.replace(/"([a-z]+)"/, '$1'));
		assert.deepEqual(rowsOf(`SELECT DISTINCT key FROM (${FIELDS})`, database).length, counts.size);
		const numbered = rowsOf(
			`SELECT id, key, value, row_number() OVER (ORDER BY id DESC, key) FROM (${FIELDS}) ORDER BY 4`,
			database,
		);
		assert.deepEqual(
			numbered.map((row) => row.slice(0, 3)),
			[...expected].sort((a, b) => Number(b[0]) - Number(a[0]) || (String(a[1]) < String(b[1]) ? -1 : 1)),
		);
		const inner =
			'SELECT e.id, h.key, h.value, count(*) OVER (PARTITION BY h.key) AS n FROM exchanges e, json_each(e.req_headers) h';
		for (const [row, name, , n] of rowsOf(inner, database)) assert.equal(n, counts.get(name), `${row}`);
	});

	test('several functions, one in the other, with other tables after them', () => {
		const nested = `SELECT a.key, b.key, b.value FROM json_each('[[1,2],[],[3]]') a, json_each(a.value) b`;
		assert.deepEqual(rowsOf(nested), [
			[0, 0, 1],
			[0, 1, 2],
			[2, 0, 3],
		]);
		assert.deepEqual(rowsOf(`${nested} ORDER BY b.value DESC`), [
			[2, 0, 3],
			[0, 1, 2],
			[0, 0, 1],
		]);
		const joined = "SELECT j.value, e.path FROM json_each('[3,1]') j JOIN exchanges e ON e.id = j.value";
		assert.deepEqual(
			rowsOf(joined, database),
			rowsOf(
				'SELECT id, path FROM exchanges WHERE id = 3 UNION ALL SELECT id, path FROM exchanges WHERE id = 1',
				database,
			),
		);
		const listed = "SELECT id FROM exchanges, json_each('[200,404]') WHERE status = value ORDER BY exchanges.id";
		assert.deepEqual(
			rowsOf(listed.replace('SELECT id', 'SELECT exchanges.id'), database),
			rowsOf('SELECT id FROM exchanges WHERE status IN (200, 404) ORDER BY id', database),
		);
		assert.deepEqual(
			rowsOf("SELECT a.value, b.value FROM json_each('[1,2]') a LEFT JOIN json_each('[2,3]') b USING (value)"),
			[
				[1, null],
				[2, 2],
			],
		);
	});

	test('in subqueries that use the enclosing row, in views, WITH and INSERT', () => {
		const names = rowsOf(
			"SELECT (SELECT group_concat(key, '+') FROM json_each(e.req_headers)) FROM exchanges e WHERE id < 9",
			database,
		);
		assert.deepEqual(names[0], ['host+accept']);
		const has = rowsOf(
			"SELECT id FROM exchanges WHERE EXISTS (SELECT 1 FROM json_each(req_headers) WHERE key = 'accept')",
			database,
		);
		assert.deepEqual(
			has,
			expected.filter(([, key]) => key === 'accept').map(([id]) => [id]),
		);
		const by = rowsOf(
			"SELECT id FROM exchanges WHERE 'accept' IN (SELECT key FROM json_each(req_headers) ORDER BY value LIMIT 3)",
			database,
		);
		assert.deepEqual(by, has);
		const session = new Session();
		const run = (sql: string) => executeSync(prepare(sql, database, session), database, { session }).rows;
		run(`CREATE VIEW fields AS ${FIELDS}`);
		assert.deepEqual(run('FROM fields'), expected);
		run('CREATE TEMP TABLE f AS SELECT id, key FROM fields');
		assert.equal(run('FROM f').length, expected.length);
		assert.deepEqual(
			rowsOf(
				"WITH t AS (SELECT * FROM json_each('[1,2]')) SELECT a.value, b.value FROM t a, t b WHERE a.value < b.value",
			),
			[[1, 2]],
		);
		assert.deepEqual(
			rowsOf("SELECT value FROM json_each('[1]') UNION ALL SELECT value FROM json_tree('[2]') WHERE atom"),
			[[1], [2]],
		);
	});

	test('in a condition alone, as in tail --where', () => {
		const exchanges = database.tables.get('exchanges')!;
		const holds = compileCondition(
			"EXISTS (SELECT 1 FROM json_each(req_headers) WHERE key = 'accept')",
			exchanges.columns,
		);
		const kept = Array.from({ length: exchanges.rowCount }, (_, row) => row + 1).filter((id) =>
			holds(exchanges, id - 1),
		);
		assert.deepEqual(
			kept,
			expected.filter(([, key]) => key === 'accept').map(([id]) => id),
		);
	});

	test('on the same columns as other ways to read them', () => {
		const sql = "SELECT j.value['k'], j.value ->> 'k' FROM json_each(json_object('a', json_object('k', 5))::json) j";
		assert.deepEqual(rowsOf(sql), [[5, 5]]);
		assert.deepEqual(rowsOf("SELECT key, value FROM json_each(query_params('/p?a=1&b=2'))"), [
			['a', '1'],
			['b', '2'],
		]);
	});
});

test('LIMIT ends the rows of a function, and a time limit ends many of them', () => {
	const sql = 'SELECT a.value, b.value FROM (SELECT 1) JOIN json_each(:items) a JOIN json_each(:items) b';
	const parameters = new Map([['items', JSON.stringify(Array.from({ length: 3000 }, (_, index) => index))]]);
	assert.deepEqual(rowsOf(`${sql} LIMIT 2`, undefined, { parameters }), [
		[0, 0],
		[0, 1],
	]);
	const count = sql.replace('a.value, b.value', 'count(*)');
	assert.equal(errorOf(count, undefined, { parameters, timeLimitMs: 30 }).code, 'ERR_SQL_TIME_LIMIT');
});

test('rows that nothing refers to soon free their memory', () => {
	const items = `[${Array.from({ length: 1000 }, (_, index) => `"item ${index} ${'.'.repeat(100)}"`).join()}]`;
	const numbers = 'WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 200)';
	const parameters = new Map([['items', items]]);
	const sql = `${numbers} SELECT count(*), count(DISTINCT key) FROM n, json_each(substr(:items, 1, length(:items) - 1) || ',' || n.x || ']')`;
	const options = { parameters, memoryLimit: 4 * 1024 * 1024 };
	assert.deepEqual(rowsOf(sql, undefined, options), [[200 * 1001, 1001]]);
	const all = sql.replace('count(*), count(DISTINCT key)', 'value').concat(' ORDER BY value');
	assert.equal(errorOf(all, undefined, options).code, 'ERR_SQL_TOO_LARGE');
});

test('EXPLAIN, completion and mistakes', () => {
	assert.deepEqual(
		rowsOf(
			"EXPLAIN SELECT 1 FROM exchanges e, json_each(e.req_headers) j, json_tree('[1]') WHERE j.key = 'a' AND e.id > 3",
			database,
		),
		[
			['read exchanges as e'],
			['  where id > 3'],
			['combine with json_each(req_headers) as j'],
			["  where key = 'a'"],
			["combine with json_tree('[1]')"],
		],
	);
	const completed = (text: string) =>
		completionsAt(text, text.length, database).completions.map(({ text: word }) => word);
	assert.deepEqual(completed('SELECT * FROM json_'), ['json_each(', 'json_tree(']);
	assert.deepEqual(completed('SELECT * FROM exchanges JOIN json_e'), ['json_each(']);
	assert.deepEqual(completed('SELECT * FROM exchanges, json_each'), ['json_each(']);
	const aliased = 'SELECT 1 FROM exchanges e, json_each(coalesce(e.req_headers, e.req_headers)) AS j WHERE';
	assert.deepEqual(completed(`${aliased} j.`).slice(0, 3), ['key', 'value', 'type']);
	assert.ok(completed(`${aliased} fullk`).includes('fullkey'));
	assert.deepEqual(completed(`${aliased} e.req_h`), ['req_headers']);
	for (const [marked, message, hint] of [
		[
			"SELECT ‸json_each('[1]')",
			/json_each\(\) is a table, not a value/,
			/FROM exchanges e, json_each\(e\.req_headers\) j/,
		],
		["SELECT * FROM ‸json_eac('[1]')", /is not a table/, /did you mean json_each/],
		["SELECT * FROM ‸unnest('[1]')", /is not a table/, /json_each\(json\)/],
		['SELECT * FROM ‸generate_series(1, 3)', /is not a table/, /WITH RECURSIVE/],
		["SELECT * FROM ‸read_csv('x')", /is not a table/, /no files/],
		['SELECT * FROM ‸json_each()', /takes 1 to 2 arguments, got 0/, /json_each\(json \[, path\]\)/],
		['SELECT * FROM json_each(‸e.req_headers), exchanges e', /unknown table e/, /only the tables before it/],
		['SELECT * FROM json_each(‸req_headers), exchanges', /unknown column req_headers/, /only the tables before it/],
		['SELECT * FROM exchanges, json_each(‸count(*))', /count\(\) cannot be used in FROM/],
		['SELECT * FROM exchanges, ‸json_each(ts)', /expects JSON, got datetime/],
		['SELECT * FROM exchanges, ‸json_each(ts - ts)', /expects JSON, got interval/],
		['SELECT * FROM exchanges, ‸json_each(req_body_raw)', /expects JSON, got blob/],
		['SELECT ‸path FROM exchanges, json_each(req_headers)', /in exchanges and in json_each/, /write exchanges\.path/],
		['SELECT 1 FROM exchanges e RIGHT JOIN ‸json_each(e.req_headers) ON 1', /right of a RIGHT JOIN/, /subquery/],
		['SELECT 1 FROM exchanges e FULL JOIN ‸json_tree(e.req_headers) ON 1', /right of a FULL JOIN/, /subquery/],
	] as [string, RegExp, RegExp?][]) {
		const error = errorOf(marked.replace('‸', ''), database);
		assert.match(error.message, message, marked);
		if (hint !== undefined) assert.match(error.hint ?? '', hint, marked);
		assert.equal(error.position, marked.indexOf('‸'), marked);
	}
	assert.match(errorOf("SELECT * FROM json_each('[1]', 'x')").message, /expected a JSON path.*got x/);
});

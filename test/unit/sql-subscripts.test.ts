// Parts of JSON: json['name'], json[0], and text::json.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { classify, compileCondition, executeSync, isComplete, prepare, Session, tokenize } from '../../src/sql/sql.ts';
import { errorOf, rowsOf, scalarOf } from '../../support/sql-run.ts';
import { sampleTables } from '../../support/sql-sample.ts';
import { testDatabase } from '../../support/sql-table.ts';

const database = testDatabase(sampleTables());
const JSON_TEXT = `'{"a":[1,{"b":"x]y","n":null,"t":true,"r":2.50}],"__proto__":{"0":"zero"},"it''s":"q","":5,"a.b":6}'::json`;

describe('json[key] is the value of that name or index', () => {
	for (const [path, expected] of [
		["['a'][0]", 1],
		["['a'][1]['b']", 'x]y'],
		["['a'][-1]['b']", 'x]y'],
		["['a'][1]", '{"b":"x]y","n":null,"t":true,"r":2.50}'],
		["['a'][1]['n']", null],
		["['a'][1]['t']", 1],
		["['a'][1]['r']", 2.5],
		["['a'][2]", null],
		["['a'][-3]", null],
		["['a']['0']", null],
		["['a'][1]['b'][0]", null],
		["['A']", null],
		["['nosuch']['a']", null],
		["['constructor']", null],
		["['__proto__']['0']", 'zero'],
		["['__proto__'][0]", null],
		["['it''s']", 'q'],
		["['']", 5],
		["['a.b']", 6],
		['[0]', null],
		['[NULL]', null],
		["['a'][NULL]", null],
		["['a'][1 - 1]", 1],
		["['a'][CASE WHEN 1 THEN 0 END]", 1],
		["[lower('A')][0]", 1],
		["['a' || '.b']", 6],
		[" ['a'] /* comment */ [0]", 1],
		['["a.b"]', undefined],
		["['a'][9007199254740993]", null],
	] as const) {
		if (expected === undefined) continue;
		test(path, () => assert.equal(scalarOf(`SELECT ${JSON_TEXT}${path}`), expected));
	}

	test('on columns, parameters, other results that are JSON, and through subqueries and views', () => {
		const host = rowsOf("SELECT req_headers ->> 'host' FROM exchanges ORDER BY id", database);
		const session = new Session();
		executeSync(prepare('CREATE VIEW v AS SELECT id, req_headers AS h FROM exchanges', database, session), database, {
			session,
		});
		for (const sql of [
			"SELECT req_headers['host'] FROM exchanges ORDER BY id",
			"SELECT e.req_headers['host'] FROM exchanges AS e ORDER BY id",
			"SELECT exchanges.req_headers['host'] FROM exchanges LEFT JOIN headers ON 0 ORDER BY id",
			"SELECT (req_headers)['host'] FROM exchanges ORDER BY id",
			"SELECT json(req_headers)['host'] FROM exchanges ORDER BY id",
			"SELECT h['host'] FROM v ORDER BY id",
			"WITH t AS (SELECT id, req_headers AS h FROM exchanges) SELECT h['host'] FROM t ORDER BY id",
			"SELECT (SELECT h['host'] FROM v WHERE v.id = e.id) FROM exchanges e ORDER BY id",
			"SELECT json_object('h', req_headers)['h']['host'] FROM exchanges ORDER BY id",
			"SELECT (json_object('h', req_headers) -> 'h')['host'] FROM exchanges ORDER BY id",
			"SELECT (json_object('h', req_headers) ->> 'h')['host'] FROM exchanges ORDER BY id",
			"SELECT coalesce(req_headers, req_headers)['host'] FROM exchanges ORDER BY id",
			"SELECT max(req_headers)['host'] FROM exchanges GROUP BY id ORDER BY id",
			"SELECT first_value(req_headers) OVER (PARTITION BY id)['host'] FROM exchanges ORDER BY id",
		])
			assert.deepEqual(rowsOf(sql, database, { session }), host, sql);
		assert.ok(host.some(([value]) => value !== null));
		assert.equal(
			scalarOf("SELECT :j['a'][:i]", undefined, {
				parameters: new Map<string, string | number>([
					['j', '{"a":[4,5]}'],
					['i', 1],
				]),
			}),
			5,
		);
	});

	test('in every clause', () => {
		const expected = rowsOf(
			"SELECT req_headers ->> 'host' AS h, count(*) FROM exchanges GROUP BY 1 ORDER BY 1 DESC",
			database,
		);
		for (const sql of [
			"SELECT req_headers['host'], count(*) FROM exchanges GROUP BY req_headers['host'] ORDER BY req_headers['host'] DESC",
			"SELECT req_headers['host'] AS h, count(*) FROM exchanges GROUP BY ALL ORDER BY h DESC",
			"SELECT DISTINCT req_headers['host'], count(*) OVER (PARTITION BY req_headers['host']) FROM exchanges ORDER BY 1 DESC",
		])
			assert.deepEqual(rowsOf(sql, database), expected, sql);
		const count = (where: string) => rowsOf(`SELECT id FROM exchanges WHERE ${where}`, database);
		assert.deepEqual(count("req_headers['host'] = 'x'"), count("req_headers ->> 'host' = 'x'"));
		assert.deepEqual(count("NOT req_headers['host'] IN ('x')"), count("req_headers ->> 'host' <> 'x'"));
	});

	test('the names of header fields may have capitals, as HTTP has them', () => {
		const expected = rowsOf("SELECT header(req_headers, 'Host') FROM exchanges", database);
		for (const key of ["'Host'", "'HOST'", "upper('host')"])
			assert.deepEqual(rowsOf(`SELECT req_headers[${key}] FROM exchanges`, database), expected, key);
		const sql = "SELECT req_headers['HOST'] FROM (SELECT req_headers FROM exchanges WHERE id = 1)";
		assert.equal(scalarOf(sql, database), 'example.org');
	});

	test('the same holds for -> and ->>', () => {
		const expected = rowsOf("SELECT header(req_headers, 'Host') FROM exchanges", database);
		assert.deepEqual(rowsOf("SELECT req_headers ->> 'Host' FROM exchanges", database), expected);
		assert.deepEqual(rowsOf("SELECT (req_headers -> 'HOST') ->> '$' FROM exchanges", database), expected);
		assert.equal(scalarOf("SELECT json_object('A', 1) ->> 'A'"), 1);
	});

	test('in a condition alone, as in tail --where', () => {
		const exchanges = database.tables.get('exchanges')!;
		const holds = compileCondition("req_headers['Host'] = 'x'", exchanges.columns);
		const kept = Array.from({ length: exchanges.rowCount }, (_, row) => row + 1).filter((id) =>
			holds(exchanges, id - 1),
		);
		const expected = rowsOf("SELECT id FROM exchanges WHERE req_headers ->> 'host' = 'x' ORDER BY id", database);
		assert.deepEqual(
			kept,
			expected.map(([id]) => id),
		);
	});
});

describe('text::json', () => {
	test('is the JSON, or NULL if the text is not JSON', () => {
		const rows = rowsOf(
			"SELECT '{ \"a\" : [1, 2] }'::json, '[1]'::JSONB, CAST('1.50' AS JSON), 'no'::json, ''::json, NULL::json, 5::json, x'5b5d'::json",
		);
		assert.deepEqual(rows, [['{"a":[1,2]}', '[1]', '1.50', null, null, null, '5', '[]']]);
		const { columns } = prepare("SELECT '1'::json AS j", database);
		assert.deepEqual(columns, [{ name: 'j', type: 'json' }]);
	});

	test('has parts, by -> and ->> as well', () => {
		assert.deepEqual(
			rowsOf(`SELECT '{"id":7,"o":{"k":[]}}'::json ->> 'id', '{"o":{"k": []}}'::json -> 'o', 'no'::json ->> 'id'`),
			[[7, '{"k":[]}', null]],
		);
		assert.equal(scalarOf("SELECT json_group_array('[1, 2]'::json)"), '[[1,2]]');
	});
});

describe('anything else before or inside the brackets is an error that says what to write', () => {
	for (const [marked, message, hint] of [
		["SELECT path‸['a'] FROM exchanges", /^expected JSON before \[, got text$/, /write path::json\[…\]/],
		['SELECT e.path‸[0] FROM exchanges e', /got text/, /write e\.path::json\[…\]/],
		["SELECT 'abc'‸[0]", /got text/, /\(…\)::json/],
		["SELECT lower(path)‸['a'] FROM exchanges", /got text/, /::json/],
		["SELECT status‸['a'] FROM exchanges", /got int/, /only JSON has parts/],
		['SELECT duration_ms‸[0] FROM exchanges', /got float/, /only JSON has parts/],
		['SELECT ts‸[0] FROM exchanges', /got datetime/, /only JSON has parts/],
		["SELECT (ts - ts)‸['a'] FROM exchanges", /got interval/, /only JSON has parts/],
		["SELECT req_body_raw‸['a'] FROM exchanges", /got blob/, /only JSON has parts/],
		['SELECT count(*)‸[0] FROM exchanges', /got int/],
		['SELECT req_headers[‸host] FROM exchanges', /got the name host/, /\['host'\].*->> host.*AS/],
		['SELECT req_headers["‸host"] FROM exchanges'.replace('"‸', '‸"'), /got the name host/, /\['host'\]/],
		["SELECT req_headers[‸'$.host'] FROM exchanges", /got a JSON path/, /json_extract\(json, '\$\.host'\)/],
		['SELECT req_headers[‸1.5] FROM exchanges', /got a fraction/],
		["SELECT req_headers[‸x'00'] FROM exchanges", /got a blob/],
		['SELECT req_headers[‸] FROM exchanges', /expected an expression, got "\]"/],
		["SELECT req_headers['a' ‸FROM exchanges", /expected "\]" after the name or the index/],
		["SELECT req_headers['a'‸, 'b'] FROM exchanges", /expected "\]"/],
		["SELECT req_headers['‸a] FROM exchanges".replace("'‸", "‸'"), /a text that begins here is not closed/],
		['SELECT req_headers[nosuch + 1] FROM exchanges'.replace('nosuch', '‸nosuch'), /unknown column nosuch/],
		['SELECT req_headers[1‸:2] FROM exchanges', /no meaning/, /substr/],
		['SELECT 1 ‸] FROM exchanges', /got "\]"/],
	] as [string, RegExp, RegExp?][]) {
		test(marked, () => {
			const error = errorOf(marked.replace('‸', ''), database);
			assert.match(error.message, message);
			if (hint !== undefined) assert.match(error.hint ?? '', hint);
			assert.equal(error.position, marked.indexOf('‸'));
		});
	}
});

describe('[name] is still a quoted name wherever a value has not just ended', () => {
	test('as in SQLite', () => {
		const sql =
			'SELECT [e].[id] AS [the id], e.[path] [p], count(*) OVER (PARTITION BY [method]) [n] FROM [exchanges] [e] WHERE[id] = 1';
		const { columns } = prepare(sql, database);
		assert.deepEqual(
			columns.map(({ name }) => name),
			['the id', 'p', 'n'],
		);
		assert.equal(rowsOf(sql, database)[0]![0], 1);
		assert.deepEqual(rowsOf('SELECT [0], [a b] FROM (SELECT 1 AS [0], 2 AS "a b")'), [[1, 2]]);
		assert.deepEqual(rowsOf("SELECT ['x'] FROM (SELECT 3 AS \"'x'\")"), [[3]]);
	});

	test('brackets are tokens, so what they contain is split and coloured like the rest', () => {
		assert.deepEqual(
			tokenize("x['a;]'][0] [b c]").map(({ start, end, kind }) => `${kind} ${"x['a;]'][0] [b c]".slice(start, end)}`),
			[
				'word x',
				'operator [',
				"string 'a;]'",
				'operator ]',
				'operator [',
				'number 0',
				'operator ]',
				'space  ',
				'quoted [b c]',
			],
		);
		assert.equal(isComplete("SELECT x['a;"), false);
		assert.equal(isComplete("SELECT x['a;b'];"), true);
		assert.equal(classify("SELECT x['a']").find((token) => token.class === 'string')!.start, 9);
	});
});

test('EXPLAIN writes parts as they are written', () => {
	const rows = rowsOf("EXPLAIN SELECT id FROM exchanges WHERE req_headers['Host'][0] = req_headers ->> 'x'", database);
	assert.match(String(rows.at(-1)![0]), /req_headers\['host'\]\[0\] = req_headers ->> 'x'/);
});

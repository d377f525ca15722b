// Values: which are equal, integers at the ends of their range, times as texts, and values in unions and subqueries.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { execute, prepare } from '../../src/sql/sql.ts';
import { Int32List } from '../../src/sql/values/growing-array.ts';
import { keyOf } from '../../src/sql/values/value.ts';
import { errorOf, rowsOf, scalarOf } from '../../support/sql-run.ts';
import { testDatabase } from '../../support/sql-table.ts';

const database = testDatabase([
	{
		name: 't',
		columns: ['id int', 'a int', 'b float', 's text'],
		rows: [
			[1, 1, 2.5, 'x'],
			[2, 5, 2, 'y'],
			[3, null, 3, null],
		],
	},
]);

test('an empty part is never replaced, not even by NULL', () => {
	assert.deepEqual(
		rowsOf(
			"SELECT replace('abc', '', NULL), replace('abc', '', 'x'), replace('abc', 'b', NULL), replace('abc', NULL, 'x')",
		),
		[['abc', 'abc', null, null]],
	);
	assert.deepEqual(rowsOf("SELECT replace(NULL, '', 'x'), replace(s, '', NULL) FROM t ORDER BY id LIMIT 1", database), [
		[null, 'x'],
	]);
});

test('two values have the same key if and only if they are equal', () => {
	const texts = ['', '\u0001', '\u0001b', '\u0001ba', '\u0001t', '\u0001t\u0001b', '\u0001i5', 'a', 'b\u0001', '1'];
	const blobs = texts.map((text) => Buffer.from(text));
	const numbers = [0, 1, -1, 1.5, 2 ** 53, 2n ** 53n, 2n ** 53n + 1n, -(2n ** 63n), 2 ** 63];
	const keys = [...texts, ...blobs, ...numbers].map((value) => keyOf(value));
	// Only 2^53 occurs twice.
	assert.equal(new Set(keys).size, keys.length - 1);
	assert.equal(keyOf(2 ** 53), keyOf(2n ** 53n));
	assert.equal(
		rowsOf("SELECT column1 FROM (VALUES ('\u0001ba'), (x'61'), ('\u0001t'), ('a')) GROUP BY column1").length,
		4,
	);
});

test('integers stay exact to the ends of 64 bits, and shifts go past them', () => {
	for (const [expression, value] of [
		['1 << 63', -(2n ** 63n)],
		['1 << 64', 0],
		['-1 << 1', -2],
		['-1 >> 63', -1],
		['-1 >> 64', -1],
		['-1 >> 65', -1],
		['5 >> 64', 0],
		['5 >> 1', 2],
		['4 << -1', 2],
		['4 >> -1', 8],
		['9223372036854775807 + 0', 2n ** 63n - 1n],
		['9223372036854775807 - 9223372036854775806', 1],
		['-9223372036854775807 - 1', -(2n ** 63n)],
		['9223372036854775807 / 2', 2n ** 62n - 1n],
		['9223372036854775807 % 10', 7],
		['3037000500 * 3037000499', 3037000500n * 3037000499n],
		['7 / 0', null],
		['7 % 0', null],
		['9223372036854775807 / 0', null],
		['7.0 / 0', null],
		['0 * -1', 0],
		['1e5', 100_000],
		['1e+5', 100_000],
		['12e-1', 1.2],
		['0x10', 16],
		['typeof(9223372036854775807 + 1)', 'real'],
	] as const) {
		assert.deepEqual(scalarOf(`SELECT ${expression}`), value, expression);
	}
});

test('a time without a date is of 2000-01-01, and an offset has hours and minutes', () => {
	for (const [text, value] of [
		['12:00', '2000-01-01 12:00:00'],
		['2026-11-22 12:00+05:30', '2026-11-22 06:30:00'],
		['2026-11-22 12:00-05:30', '2026-11-22 17:30:00'],
		['2026-11-22 12:00-14:59', '2026-11-23 02:59:00'],
		['2026-11-22 12:00-15:00', null],
		['2026-11-22 12:00-05:60', null],
		['2026-11-22 24:00', '2026-11-23 00:00:00'],
		['2026-11-22 25:00', null],
		['2026-12-31', '2026-12-31 00:00:00'],
		['2026-13-01', null],
		['2026-00-01', null],
		['2026-01-00', null],
		['2026-02-31', '2026-03-03 00:00:00'],
		['2026-02-32', null],
	] as const) {
		assert.equal(scalarOf(`SELECT datetime('${text}')`), value, text);
	}
});

test('a union keeps each value as it is, also a real among texts', () => {
	assert.deepEqual(rowsOf("SELECT typeof(x), x || '' FROM (SELECT 2.0 AS x UNION ALL SELECT 'a' UNION ALL SELECT 2)"), [
		['real', '2.0'],
		['text', 'a'],
		['integer', '2'],
	]);
	assert.deepEqual(rowsOf('SELECT typeof(x) FROM (SELECT 2 AS x UNION ALL SELECT 2.0)').flat(), ['integer', 'real']);
});

test('a subquery in a FROM may use the row of the outermost query, and is run for each', () => {
	for (const [sql, rows] of [
		['SELECT id, (SELECT max(x) FROM (SELECT t.id + 1 AS x LIMIT 1)) FROM t', [2, 3, 4]],
		['SELECT id, (SELECT x FROM (SELECT t.id + 1 AS x UNION ALL SELECT 0) LIMIT 1) FROM t', [2, 3, 4]],
		['SELECT id, EXISTS (SELECT 1 FROM (SELECT 1 WHERE t.id > 1 LIMIT 1)) FROM t', [0, 1, 1]],
		['SELECT id, id IN (SELECT x FROM (SELECT t.a AS x LIMIT 1)) FROM t', [1, 0, null]],
	] as const) {
		assert.deepEqual(
			rowsOf(sql, database),
			rows.map((value, i) => [i + 1, value]),
			sql,
		);
	}
});

test('IN compares with other columns as with constants', () => {
	for (const [condition, ids] of [
		['id IN (a)', [1]],
		['id IN (a, 3)', [1, 3]],
		['id NOT IN (a)', [2]],
		['b IN (a, id)', [2, 3]],
		['b IN (2, 3.0)', [2, 3]],
		['b NOT IN (2, NULL)', []],
		['s IN (s)', [1, 2]],
		["id IN ('2', 3)", [2, 3]],
		["b NOT IN ('2.5')", [2, 3]],
		["s IN ('x', 1)", [1]],
	] as const) {
		assert.deepEqual(rowsOf(`SELECT id FROM t WHERE ${condition}`, database).flat(), ids, condition);
	}
});

test('integers that a double cannot hold are told apart by comparisons, IN, groups, DISTINCT and joins', () => {
	const [a, b, c] = [2n ** 53n, 2n ** 53n + 1n, 2n ** 53n + 2n];
	const big = testDatabase([{ name: 'n', columns: ['x int'], rows: [[a], [b], [c], [-b], [null], [b], [7]] }]);
	for (const [sql, rows] of [
		[`SELECT x FROM n WHERE x = ${b}`, [b, b]],
		[`SELECT x FROM n WHERE x > ${b}`, [c]],
		[`SELECT x FROM n WHERE x >= ${b} AND x < ${c}`, [b, b]],
		[`SELECT x FROM n WHERE x IN (${b}, 7)`, [b, b, 7]],
		[`SELECT x FROM n WHERE x NOT IN (${b})`, [a, c, -b, 7]],
		[`SELECT x FROM n WHERE x BETWEEN ${b} AND ${b}`, [b, b]],
		[`SELECT x FROM n WHERE x IS ${b}`, [b, b]],
		['SELECT count(*) FROM n GROUP BY x ORDER BY x', [1, 1, 1, 1, 2, 1]],
		['SELECT count(DISTINCT x) FROM n', [5]],
		['SELECT DISTINCT x FROM n WHERE x > 7 ORDER BY x DESC', [c, b, a]],
		['SELECT max(x) FROM n', [c]],
		['SELECT min(x) FROM n', [-b]],
		['SELECT count(*) FROM n l JOIN n r ON l.x = r.x', [8]],
		['SELECT sum(x) FROM n WHERE x > 7', [a + b + c + b]],
	] as const) {
		assert.deepEqual(
			rowsOf(sql, big)
				.flat()
				.map((value) => (value === null ? null : BigInt(value as number))),
			rows.map(BigInt),
			sql,
		);
	}
});

test('a column beside an aggregate is of one row of its group, and NULL without rows', () => {
	for (const [sql, rows] of [
		['SELECT max(id), s FROM t', [[3, null]]],
		['SELECT min(id), s FROM t', [[1, 'x']]],
		['SELECT count(*), s FROM t WHERE id > 1', [[2, 'y']]],
		['SELECT count(*), s FROM t WHERE id > 5', [[0, null]]],
		[
			'SELECT count(*), s FROM t WHERE id < 3 GROUP BY id > 1 ORDER BY 2',
			[
				[1, 'x'],
				[1, 'y'],
			],
		],
	] as const) {
		assert.deepEqual(rowsOf(sql, database), rows, sql);
	}
});

test('a join by a sum of both tables compares each pair of rows', () => {
	for (const [on, pairs] of [
		['l.id + r.id = l.a', [[2, 3]]],
		[
			'l.id + r.id = 3 AND r.id = r.id',
			[
				[1, 2],
				[2, 1],
			],
		],
		[
			'r.id = l.id + 1',
			[
				[1, 2],
				[2, 3],
			],
		],
		['r.a - l.id = l.id', []],
		['r.a - l.id = r.id', [[3, 2]]],
	] as const) {
		assert.deepEqual(rowsOf(`SELECT l.id, r.id FROM t l JOIN t r ON ${on} ORDER BY 1, 2`, database), pairs, on);
	}
});

test('^ and $ of a pattern are the ends of the text, also beside a NUL or in repeats', () => {
	for (const [expression, value] of [
		["(char(0) || 'a') REGEXP '^\\ba'", 0],
		["(char(0) || 'a') REGEXP '\\ba$'", 1],
		["('a' || char(0)) REGEXP 'a\\b$'", 0],
		["regexp_replace('aaaa', '^a', 'x')", 'xaaa'],
		["regexp_extract('aaaa', '^a+')", 'aaaa'],
		["regexp_replace('aaaa', 'a$', 'x')", 'aaax'],
		["julianday('x')", null],
		["typeof(julianday('x'))", 'null'],
	] as const) {
		assert.equal(scalarOf(`SELECT ${expression}`), value, expression);
	}
});

test('mistakes with times and numbers say what to write', () => {
	const local = "(timestamptz '2026-11-22 12:00Z' AT TIME ZONE 'Europe/Berlin')";
	for (const [expression, message, hint] of [
		[
			"time '1:00' = timestamptz '2026-01-01'",
			'a time of day cannot be compared with a datetime',
			'x::time is the time of day of a datetime',
		],
		[
			"interval '1 s' = timestamptz '2026-01-01'",
			'an interval cannot be compared with a datetime',
			"now() - interval '5 minutes' is a datetime; a - b is an interval",
		],
		[
			`timestamptz '2026-11-22 12:00Z' = ${local}`,
			'a datetime cannot be compared with a local datetime',
			"write AT TIME ZONE 'Europe/Berlin' on both sides, or on neither",
		],
		['1d5', '1d5 is neither a number nor a name', undefined],
	] as const) {
		const error = errorOf(`SELECT ${expression}`);
		assert.deepEqual([error.message, error.hint], [message, hint], expression);
	}
});

test('functions on texts that are not JSON objects, and numbers in other forms', () => {
	for (const [expression, value] of [
		[`header('"abc"', '0')`, null],
		["header('null', 'a')", null],
		["header('no json', 'a')", null],
		[`header('{"a":"b"}', 'a')`, 'b'],
		['json_array(9e999, -9e999, 1.5, 1.0)', '[null,null,1.5,1.0]'],
		["format('%#x %#o %#X %x %#x', 255, 8, 255, 255, 0)", '0xff 010 0xFF ff 0'],
		["(interval '90 s')::interval", '00:01:30'],
		["interval '90 s'::interval", '00:01:30'],
	] as const) {
		assert.equal(scalarOf(`SELECT ${expression}`), value, expression);
	}
	assert.deepEqual(rowsOf("SELECT typeof(column1) FROM (VALUES (1.0), ('a'), (2))").flat(), [
		'real',
		'text',
		'integer',
	]);
});

test('arithmetic in a condition converts texts and skips NULLs', () => {
	for (const [condition, ids] of [
		["b + '1' > 3.2", [1, 3]],
		['b * s >= 0', [1, 2]],
		['b - s >= 2', [1, 2]],
		['b + a > 4', [2]],
		['a IN (1, 5) AND b IN (2, 2.5)', [1, 2]],
	] as const) {
		assert.deepEqual(rowsOf(`SELECT id FROM t WHERE ${condition}`, database).flat(), ids, condition);
	}
});

test('names of json_object() are texts, and the classes of REGEXP are those of ASCII', () => {
	assert.equal(errorOf('SELECT json_object(1, 2)').message, 'the names of json_object() must be text');
	assert.equal(errorOf("SELECT json_object('a')").message, 'json_object() takes pairs of names and values');
	const all = String.fromCharCode(...Array.from({ length: 127 }, (_, i) => i + 1));
	for (const [name, wanted] of [
		['alpha', /[a-z]/i],
		['digit', /\d/],
		['alnum', /[a-z0-9]/i],
		['upper', /[A-Z]/],
		['lower', /[a-z]/],
		['punct', /[!-/:-@[-`{-~]/],
		['space', /\s/],
	] as const) {
		for (const char of all) {
			const is = scalarOf(`SELECT char(${char.charCodeAt(0)}) REGEXP '^[[:${name}:]]$'`);
			assert.equal(is, wanted.test(char) ? 1 : 0, `${name}: ${char.charCodeAt(0)}`);
		}
	}
});

test('a statement waits at its pauses, and goes on afterwards', async () => {
	const sql = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000) SELECT count(*) FROM n';
	let open = 0;
	let pauses = 0;
	const { rows } = await execute(prepare(sql, database), database, {
		onProgress: () => assert.equal(open, 0, 'it went on during a pause'),
		pause: async () => {
			open++;
			pauses++;
			await new Promise((resolve) => setTimeout(resolve, 2));
			open--;
		},
	});
	assert.deepEqual(rows, [[30_000]]);
	assert.ok(pauses > 0);
});

test('what is computed once for a statement is computed once', () => {
	const count = (sql: string) => scalarOf(`SELECT count(*) ${sql}`, database);
	assert.equal(count('FROM (SELECT random() AS r FROM t) WHERE r = r AND r <= r'), 3);
	assert.equal(scalarOf('SELECT count(DISTINCT (SELECT random())) FROM t', database), 1);
	assert.equal(count('FROM t WHERE (SELECT random()) IN (SELECT random()) AND id = 0'), 0);
	// EXISTS needs one row only, however many there are.
	const endless = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n';
	assert.equal(scalarOf(`SELECT EXISTS (${endless})`, database, { timeLimitMs: 5000 }), 1);
	assert.equal(scalarOf(`SELECT (${endless})`, database, { timeLimitMs: 5000 }), 1);
});

test('the types of results are those of their values, and ANY only if they may differ', () => {
	const typeOf = (expression: string) => prepare(`SELECT ${expression} FROM t`, database).columns[0]!.type;
	for (const [expression, type] of [
		...['abs(a)', 'ceil(a)', 'floor(a)', 'trunc(a)', 'sum(a)', 'max(a)', 'ifnull(a, 1)', 'a % 2'].map(
			(each) => [each, 'int'] as const,
		),
		...[
			'abs(b)',
			'round(a)',
			'ceil(b)',
			'floor(b)',
			'trunc(b)',
			'sum(b)',
			'total(a)',
			'avg(a)',
			'a / 2.0',
			'sqrt(a)',
		].map((each) => [each, 'float'] as const),
		["abs(interval '1s')", 'interval'],
		["sum(interval '1s')", 'interval'],
		...['abs(s)', 'ceil(s)', 'sum(s)', 'ifnull(a, s)', 'coalesce(b, s)', 'CASE a WHEN 1 THEN s ELSE b END'].map(
			(each) => [each, 'any'] as const,
		),
		['ifnull(s, s)', 'text'],
		['nullif(s, 1)', 'text'],
		['ifnull(now(), now())', 'datetime'],
		["ifnull(now(), 'never')", 'text'],
		["ifnull('never', now())", 'text'],
	] as const)
		assert.equal(typeOf(expression), type, expression);
	assert.equal(scalarOf("SELECT sum(x) > 9 FROM (SELECT '10' AS x)"), 1);
	assert.equal(scalarOf("SELECT :p = 'a'", database, { parameters: new Map([['p', 'A']]) }), 0);
});

test('GROUP BY ALL accepts its keys wherever they are written again', () => {
	assert.deepEqual(
		rowsOf("SELECT lower(s), count(*) FROM t GROUP BY ALL HAVING lower(s) <> 'y' ORDER BY upper(lower(s))", database),
		[['x', 1]],
	);
	assert.match(
		errorOf('SELECT lower(s), upper(s || a) FROM t GROUP BY ALL HAVING a > 1', database).message,
		/column a/,
	);
});

test('fields of times have other names, names of days and months are English, and NULL has no time', () => {
	const extract = (field: string) => scalarOf(`SELECT extract(${field} FROM '2026-11-25T13:14:15.161718Z'::datetime)`);
	for (const [others, field] of [
		[['us', 'microsecond'], 'microseconds'],
		[['ms', 'millisecond'], 'milliseconds'],
		[['s', 'sec', 'seconds'], 'second'],
		[['m', 'min', 'minutes'], 'minute'],
		[['h', 'hours'], 'hour'],
		[['d', 'days', 'dayofmonth'], 'day'],
		[['dayofweek', 'weekday'], 'dow'],
		[['dayofyear'], 'doy'],
		[['w', 'weeks', 'weekofyear'], 'week'],
		[['mon', 'mons', 'months'], 'month'],
		[['y', 'years'], 'year'],
		[['centuries'], 'century'],
		[['millennia'], 'millennium'],
	] as const) {
		const value = extract(field);
		for (const other of others) assert.equal(extract(other), value, other);
	}
	for (let day = 1; day <= 366; day += 13) {
		const date = new Date(Date.UTC(2028, 0, day));
		const name = (options: Intl.DateTimeFormatOptions) => date.toLocaleString('en', { ...options, timeZone: 'UTC' });
		const names = ['long', 'short'] as const;
		const wanted = names.map((style) => `${name({ weekday: style })} ${name({ month: style })}`).join(' ');
		assert.equal(scalarOf(`SELECT strftime('%A %B %a %b', '${date.toISOString()}')`), wanted);
	}
	for (const call of ['ago(NULL)', "bucket(NULL, '1m')", "date_trunc('day', NULL)", "strftime('%Y', NULL)"])
		assert.equal(scalarOf(`SELECT ${call}`), null, call);
});

test('groups in order of their first rows, of which each batch of rows brings new ones', () => {
	const rows = Array.from({ length: 9000 }, (_, i) => [i, `v${Math.floor(i / 1000)}`]);
	for (const type of ['text#', 'text']) {
		const many = testDatabase([{ name: 'm', columns: ['id int', `v ${type}`], rows }]);
		const wanted = Array.from({ length: 9 }, (_, i) => [`v${i}`, 1000, i * 1000]);
		assert.deepEqual(rowsOf('SELECT v, count(*), min(id) FROM m GROUP BY v', many), wanted);
		assert.deepEqual(
			rowsOf('SELECT v, count(DISTINCT id % 7), count(*) OVER () FROM m GROUP BY v', many),
			wanted.map(([v]) => [v, 7, 9]),
		);
	}
});

test('aggregates of distinct values start again in each run of a subquery', () => {
	const counts = rowsOf('SELECT id, (SELECT count(DISTINCT u.s) FROM t u WHERE u.id <= t.id) FROM t', database);
	assert.deepEqual(counts, [
		[1, 1],
		[2, 2],
		[3, 2],
	]);
	const sums = rowsOf('SELECT (SELECT sum(DISTINCT u.id) FROM t u WHERE u.id >= t.id) FROM t', database);
	assert.deepEqual(sums, [[6], [5], [3]]);
});

test('a column may be named like an interval, and sets of characters may begin like classes', () => {
	assert.deepEqual(rowsOf('SELECT interval - 5, interval -5 FROM (SELECT 7 AS interval)'), [[2, 2]]);
	assert.equal(scalarOf("SELECT interval -5 minute = -interval '5 minutes'"), 1);
	assert.equal(scalarOf('SELECT [a[[b] FROM (SELECT 1 AS "a[[b")'), 1);
	for (const letter of 'dDwWsSbB') {
		const set = `[x${letter}]`;
		const matched = [...'xdDwWsSbB_ 5'].filter((text) => scalarOf(`SELECT '${text}' REGEXP '^${set}$'`) === 1);
		assert.deepEqual(matched, ['x', letter], set);
	}
});

test('lists of numbers keep what is appended, one by one or many at once', () => {
	const list = new Int32List();
	const all = Array.from({ length: 500 }, (_, i) => i * 3);
	list.push(all[0]!);
	for (let at = 1; at < 400; at += 133) list.pushAll(Int32Array.from(all.slice(at, at + 150)), 133);
	for (const value of all.slice(400)) list.push(value);
	assert.equal(list.length, 500);
	assert.deepEqual(
		all.map((_, i) => list.at(i)),
		all,
	);
	const part = new Int32Array(3);
	list.copy(130, 3, part);
	assert.deepEqual([...part], all.slice(130, 133));
});

test('an integer has no negative zero', () => {
	for (const zero of ['CAST(0.0 * -1 AS INTEGER)', "CAST('-0' AS INTEGER)", '-0', 'CAST(-0.4 AS INTEGER)'])
		assert.equal(scalarOf(`SELECT ${zero}`), 0, zero);
});

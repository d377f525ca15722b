// Datetime columns in comparisons, functions and groups.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorOf, rowsOf, scalarOf } from '../../support/sql-run.ts';
import { testDatabase } from '../../support/sql-table.ts';

const database = testDatabase([
	{
		name: 'exchanges',
		columns: ['id int', 'ts datetime', 'opened datetime', 'text text'],
		rows: [
			[1, '2026-11-22T12:56:01.123456Z', '2026-11-22T12:56:01.123456Z', '2026-11-22 12:56:01.123456'],
			[2, '2026-11-22T12:56:02.000000Z', null, 'x'],
			[3, null, '2026-11-22T12:56:02.000000Z', null],
			[4, '2026-11-23T00:00:00.000000Z', '2026-11-22T12:56:02.000000Z', '2026-11-23'],
		],
	},
]);

const ids = (condition: string) =>
	rowsOf(`SELECT id FROM exchanges WHERE ${condition} ORDER BY id`, database).map(([id]) => id);

test('a datetime compares with ISO texts by instant, however they are written', () => {
	for (const [condition, expected] of [
		["ts = '2026-11-22 12:56:01.123456'", [1]],
		["ts = '2026-11-22T14:56:01.123456+02:00'", [1]],
		["ts = '2026-11-22 12:56:02'", [2]],
		["'2026-11-22T12:56:02Z' = ts", [2]],
		["ts > '2026-11-22 12:56:01.1234569'", [2, 4]],
		["ts < '2026-11-22 12:56:01.1234566'", [1]],
		["ts >= '2026-11-23'", [4]],
		["ts <> '2026-11-23'", [1, 2]],
		["ts BETWEEN '2026-11-22 12:56:02' AND '2026-11-23'", [2, 4]],
		["ts IN ('2026-11-23', '2026-11-22 12:56:02')", [2, 4]],
		["ts NOT IN ('2026-11-23', '2026-11-22 12:56:02')", [1]],
		["ts IS '2026-11-23'", [4]],
		["ts IS NOT '2026-11-23'", [1, 2, 3]],
		['ts = opened', [1]],
		['ts < opened', []],
		['ts > opened', [4]],
		['ts = text', [1, 4]],
		["ts > datetime('2026-11-22', '+1 day', '-1 second')", [4]],
		["CASE ts WHEN '2026-11-23' THEN 1 END", [4]],
	] as const) {
		assert.deepEqual(ids(condition), expected, condition);
	}
});

test('a datetime reads as text in LIKE, and compares with nothing but instants', () => {
	assert.deepEqual(ids("ts LIKE '2026-11-22%'"), [1, 2]);
	assert.deepEqual(ids('ts = NULL'), []);
	for (const text of ['2026', 'x', '2026-02-31', '2026-13-01', '2026-11-22 24:00', '2026-11-22T00:00+16:00'])
		assert.equal(errorOf(`SELECT id FROM exchanges WHERE ts < '${text}'`, database).code, 'ERR_SQL_TYPE', text);
});

test('datetimes stay datetimes through subqueries, min and max', () => {
	assert.deepEqual(rowsOf("SELECT x > '2026-11-22 23:00' FROM (SELECT max(ts) AS x FROM exchanges)", database), [[1]]);
	assert.deepEqual(
		rowsOf(
			"SELECT count(*) FROM (SELECT ts AS t FROM exchanges UNION ALL SELECT opened FROM exchanges) WHERE t = '2026-11-22 12:56:02'",
			database,
		),
		[[3]],
	);
});

test('rows are ordered by instant, with NULL first', () => {
	assert.deepEqual(rowsOf('SELECT id FROM exchanges ORDER BY ts', database), [[3], [1], [2], [4]]);
	assert.deepEqual(rowsOf('SELECT id FROM exchanges ORDER BY ts DESC LIMIT 2', database), [[4], [2]]);
});

test('time functions read a datetime column like its text', () => {
	for (const call of [
		'date(%)',
		'time(%)',
		'datetime(%)',
		"datetime(%, '+1 day')",
		'unixepoch(%)',
		'julianday(%)',
		"strftime('%f', %)",
		"bucket(%, '10s')",
	]) {
		const of = (argument: string) =>
			rowsOf(`SELECT ${call.replace(/%(?!f)/, argument)} FROM exchanges ORDER BY id`, database);
		assert.deepEqual(of('ts'), of("(ts || '')"), call);
	}
});

test('times are grouped by bucket', () => {
	assert.deepEqual(
		rowsOf(
			"SELECT bucket(ts, '1m') AS minute, count(*) FROM exchanges WHERE ts IS NOT NULL GROUP BY minute ORDER BY minute",
			database,
		),
		[
			['2026-11-22T12:56:00.000000Z', 2],
			['2026-11-23T00:00:00.000000Z', 1],
		],
	);
});

test('strftime and date_trunc also take a time before the format or the unit', () => {
	const times = ["'2026-11-22 12:56:01'::datetime", "'2026-11-22'::date", "now() AT TIME ZONE 'Asia/Tokyo'"];
	for (const time of times)
		for (const [name, text] of [
			['strftime', '%Y-%m-%d'],
			['date_trunc', 'month'],
		])
			assert.deepEqual(
				rowsOf(`SELECT ${name}(${time}, '${text}')`, undefined, { now: 0 }),
				rowsOf(`SELECT ${name}('${text}', ${time})`, undefined, { now: 0 }),
			);
	assert.equal(scalarOf("SELECT strftime('2026-11-22 12:56:01'::datetime, '%H')"), '12');
	assert.match(errorOf("SELECT date_trunc(now(), 'fortnight')").message, /unknown unit fortnight/);
});

// Datetimes and intervals in SQL.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { compileCondition, Session } from '../../src/sql/sql.ts';
import { instantText, parseInstant } from '../../src/sql/values/instant.ts';
import { addMonths, Interval, intervalText, parseInterval, totalMicros } from '../../src/sql/values/interval.ts';
import { timeZone } from '../../src/sql/values/time-zone.ts';
import type { SqlValue } from '../../src/store/table.ts';
import { errorOf, rowsOf, scalarOf } from '../../support/sql-run.ts';
import { testDatabase } from '../../support/sql-table.ts';

const database = testDatabase([
	{
		name: 'exchanges',
		columns: [
			...['id int', 'ts datetime', 'opened datetime', 'path text#', 'status int'],
			...['duration_ms float', 'ttfb_ms float', 'res_body json'],
		],
		rows: [
			[
				1,
				'2026-11-22T12:56:01.123456Z',
				'2026-11-22T12:56:00.000000Z',
				'/a',
				200,
				5.5,
				1,
				'{"at":"2026-11-22T12:00:00Z"}',
			],
			[2, '2026-11-22T12:56:02.000000Z', null, '/b', 404, 15, 2, '{"at":"5m"}'],
			[3, null, '2026-11-22T12:56:02.000000Z', 'x', null, null, null, null],
			[4, '2026-11-26T17:01:08.000000Z', '2026-11-22T12:56:02.000000Z', '2026-11-23', 500, 2000.25, 9, '{"at":"soon"}'],
		],
	},
]);

const NOW = Date.UTC(2026, 10, 22, 12, 57) * 1000;

const value = (expression: string) => scalarOf(`SELECT ${expression}`, database, { now: NOW });
const ids = (condition: string, parameters: Record<string, SqlValue> = {}) =>
	rowsOf(`SELECT id FROM exchanges WHERE ${condition} ORDER BY id`, database, {
		now: NOW,
		parameters: new Map(Object.entries(parameters)),
	}).map(([id]) => id);
const refused = (sql: string) => errorOf(sql, database, { now: NOW });

describe('intervals', () => {
	test('are written with a unit, in the forms of PostgreSQL, ISO 8601 and tinytap', () => {
		for (const [text, printed] of [
			["interval '5 minutes'", '00:05:00'],
			['interval 5 minute', '00:05:00'],
			["interval '5' minute", '00:05:00'],
			['interval -5 minutes', '-00:05:00'],
			['interval (2 + 3) hour', '05:00:00'],
			["'5m'::interval", '00:05:00'],
			["CAST('1h30m' AS INTERVAL)", '01:30:00'],
			["interval '-1h30m'", '-01:30:00'],
			["interval '1 month'", '1 month'],
			["interval '14 months -1 day'", '1 year 2 months -1 day'],
			["interval '3 days 04:05:06'", '3 days 04:05:06'],
			["interval '-3 days -04:05:06'", '-3 days -04:05:06'],
			["interval '-3 days 04:05:06'", '-2 days -19:54:54'],
			["interval '36 hours'", '1 day 12:00:00'],
			["interval '1.5 months'", '1 month 15 days'],
			["interval '1.234567 s'", '00:00:01.234567'],
			["interval '250ms'", '00:00:00.25'],
			["interval '1 us'", '00:00:00.000001'],
			["interval '2 weeks ago'", '-14 days'],
			["interval 'P1Y2M3DT4H5M6.5S'", '1 year 2 months 3 days 04:05:06.5'],
			["interval '0 s'", '00:00:00'],
		] as const) {
			assert.equal(value(text), printed, text);
		}
	});

	test('a text that is not an interval is refused, with the forms that are', () => {
		for (const text of ['300', '5 bananas', '', 'soon', '5', '1 day 25:61:00', '300 years', '--5m']) {
			const error = refused(`SELECT interval '${text}'`);
			assert.equal(error.code, 'ERR_SQL_TYPE', text);
			assert.equal(error.position, 'SELECT interval '.length, text);
			assert.ok(error.hint, text);
		}
		assert.match(refused("SELECT interval '300'").hint!, /'300 seconds' or '300ms'/);
		assert.match(refused('SELECT interval 5').message, /an interval needs a unit/);
		assert.match(refused('SELECT interval 5 bananas').message, /unit of time such as minute, got bananas/);
	});

	test('print so that they are read again as the same interval', () => {
		const months = fc.integer({ min: -3000, max: 3000 });
		const micros = fc.maxSafeInteger().filter((number) => Math.abs(number) < 1e15);
		fc.assert(
			fc.property(months, micros, (m, us) => {
				const interval = new Interval(m, us);
				assert.deepEqual(parseInterval(intervalText(interval)), interval);
			}),
		);
	});

	test('compare as numbers, a month being 30 days, and group as they compare', () => {
		assert.equal(value("interval '1 month' = interval '30 days'"), 1);
		assert.equal(value("interval '24 hours' = interval '1 day'"), 1);
		assert.equal(value("interval '1 month' < interval '31 days'"), 1);
		assert.equal(value("interval '-1 s' < interval '0 s'"), 1);
		assert.deepEqual(
			rowsOf(
				`SELECT column1, count(*) FROM (VALUES (interval '1 day'), (interval '24 hours'), (interval '9 hours'), (NULL))
				GROUP BY 1 ORDER BY 1 DESC`,
			),
			[
				['1 day', 2],
				['09:00:00', 1],
				[null, 1],
			],
		);
		fc.assert(
			fc.property(fc.integer(), fc.integer(), (a, b) => {
				const compared = value(`interval '${a} us' < interval '${b} us'`);
				assert.equal(compared, a < b ? 1 : 0);
			}),
			{ numRuns: 50 },
		);
	});

	test('add up, average and take part in the other aggregates, exactly', () => {
		assert.deepEqual(
			rowsOf(
				`SELECT sum(ts - opened), avg(ts - opened), min(ts - opened), max(ts - opened), median(ts - opened),
				p50(ts - opened), count(ts - opened), count(DISTINCT ts - opened), typeof(max(ts - opened)) FROM exchanges`,
				database,
			),
			[
				[
					...['4 days 04:05:07.123456', '2 days 02:02:33.561728', '00:00:01.123456', '4 days 04:05:06'],
					...['2 days 02:02:33.561728', '2 days 02:02:33.561728', 2, 2, 'interval'],
				],
			],
		);
		assert.equal(
			scalarOf("SELECT sum(column1) FROM (VALUES (interval '1 month'), (interval '2 days'))"),
			'1 month 2 days',
		);
		assert.equal(scalarOf("SELECT avg(column1) FROM (VALUES (interval '1 month'), (interval '2 days'))"), '16 days');
		assert.equal(scalarOf('SELECT total(ts - opened) FROM exchanges WHERE 0', database), '00:00:00');
		assert.equal(scalarOf('SELECT sum(ts - opened) FROM exchanges WHERE 0', database), null);
		fc.assert(
			fc.property(fc.array(fc.integer(), { minLength: 1, maxLength: 20 }), (list) => {
				const rows = list.map((us) => `(interval '${us} us')`).join(', ');
				const total = list.reduce((sum, us) => sum + us, 0);
				assert.equal(scalarOf(`SELECT sum(column1) FROM (VALUES ${rows})`), intervalText(new Interval(0, total)));
			}),
			{ numRuns: 50 },
		);
	});

	test('multiply and divide by numbers, and change sign', () => {
		for (const [text, printed] of [
			["2 * interval '1 hour'", '02:00:00'],
			["interval '1 hour' * 1.5", '01:30:00'],
			["interval '1 month' / 2", '15 days'],
			["interval '1 hour' / 0", null],
			["-interval '1 month 1 s'", '-1 month -00:00:01'],
			["abs(interval '-1 s')", '00:00:01'],
			["sign(interval '-1 s')", -1],
			["epoch_ms(interval '1.5 s')", 1500],
			["extract(epoch FROM interval '1 minute')", 60],
			["extract(days FROM interval '3 days 04:05:06')", 3],
			["extract(hour FROM interval '3 days 04:05:06')", 4],
			["extract(second FROM interval '-1.5 s')", -1.5],
			["date_trunc('hour', interval '3 days 04:05:06')", '3 days 04:00:00'],
			["duration(interval '90 s')", '1m 30s'],
			["interval '1 s' || ''", '00:00:01'],
			["json_array(interval '1 s')", '["00:00:01"]'],
			["interval '1 s'::json", '"00:00:01"'],
			["quote(interval '1 s')", "interval '00:00:01'"],
		] as const) {
			assert.equal(value(text), printed, text);
		}
	});

	test('results say their type, and the values are text', () => {
		const session = new Session();
		const rows = (sql: string) => rowsOf(sql, database, { session });
		rows('CREATE TEMP TABLE t AS SELECT id, ts - opened AS age FROM exchanges');
		assert.deepEqual(rows('DESCRIBE t'), [
			['id', 'int', ''],
			['age', 'interval', ''],
		]);
		assert.deepEqual(rows('SELECT sum(age), max(age) FROM t'), [['4 days 04:05:07.123456', '4 days 04:05:06']]);
		assert.deepEqual(rows("SELECT id FROM t WHERE age > '1s' ORDER BY age DESC"), [[4], [1]]);
		rows("INSERT INTO t VALUES (5, '90 s')");
		assert.deepEqual(rows('SELECT age FROM t WHERE id = 5'), [['00:01:30']]);
		assert.equal(errorOf("INSERT INTO t VALUES (6, 'soon')", database, { session }).code, 'ERR_SQL_VALUE');
		rows('CREATE VIEW v AS SELECT age * 2 AS twice FROM t');
		assert.deepEqual(rows("SELECT twice FROM v WHERE twice < interval '1 minute'"), [['00:00:02.246912']]);
	});
});

describe('datetimes', () => {
	test('move by intervals, in the calendar for months', () => {
		for (const [text, printed] of [
			["timestamp '2026-01-31' + interval '1 month'", '2026-02-28T00:00:00.000000Z'],
			["timestamp '2028-01-31' + interval '1 month'", '2028-02-29T00:00:00.000000Z'],
			["'2026-03-31' - interval '1 month'", '2026-02-28T00:00:00.000000Z'],
			["interval '1 year' + timestamp '2024-02-29 12:00'", '2025-02-28T12:00:00.000000Z'],
			["now() - '5m'", '2026-11-22T12:52:00.000000Z'],
			["now() + interval '1 day 1 us'", '2026-11-23T12:57:00.000001Z'],
			["ago('1 month')", '2026-10-22T12:57:00.000000Z'],
			["'2026-11-22'::date + '12:30'::time", '2026-11-22T12:30:00.000000Z'],
			["to_timestamp(1795352161.5) + interval '0 s'", '2026-11-22T12:56:01.500000Z'],
		] as const) {
			assert.equal(value(text), printed, text);
		}
		assert.equal(refused("SELECT timestamp '9999-12-31' + interval '1 day'").code, 'ERR_SQL_VALUE');
	});

	test('a month later is the same day, or the last one of a shorter month', () => {
		fc.assert(
			fc.property(
				fc.date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true }),
				fc.integer({ min: -500, max: 500 }),
				(date, months) => {
					const moved = new Date(addMonths(date.getTime() * 1000, months) / 1000);
					const target = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + months, 1));
					const last = new Date(Date.UTC(target.getUTCFullYear(), target.getUTCMonth() + 1, 0)).getUTCDate();
					assert.equal(moved.getUTCFullYear(), target.getUTCFullYear());
					assert.equal(moved.getUTCMonth(), target.getUTCMonth());
					assert.equal(moved.getUTCDate(), Math.min(date.getUTCDate(), last));
					assert.equal(moved.toISOString().slice(10), date.toISOString().slice(10));
				},
			),
		);
	});

	test('their difference is an interval, and brings one back to the other', () => {
		assert.deepEqual(rowsOf('SELECT max(ts) - min(ts), min(ts) - max(ts) FROM exchanges', database), [
			['4 days 04:05:06.876544', '-4 days -04:05:06.876544'],
		]);
		assert.equal(value("timestamp '2026-11-22 12:56:01.234567' - timestamp '2026-11-22 12:56'"), '00:00:01.234567');
		assert.equal(value("timestamp '2026-11-22 12:56' - timestamp '2026-11-22 12:56:01'"), '-00:00:01');
		assert.equal(value("now() - '2026-11-22'"), '12:57:00');
		const date = fc.date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true });
		fc.assert(
			fc.property(date, date, (a, b) => {
				const [x, y] = [a.toISOString(), b.toISOString()];
				assert.equal(value(`(timestamp '${y}' + (timestamp '${x}' - timestamp '${y}')) = '${x}'`), 1);
			}),
			{ numRuns: 100 },
		);
	});

	test('columns of milliseconds move them, too', () => {
		assert.deepEqual(rowsOf('SELECT ts + duration_ms, ts - ttfb_ms FROM exchanges WHERE id = 4', database), [
			['2026-11-26T17:01:10.000250Z', '2026-11-26T17:01:07.991000Z'],
		]);
	});

	test('the texts of SQLite’s functions are times in arithmetic', () => {
		assert.deepEqual(
			rowsOf(
				`SELECT date(ts) - date(opened), datetime(ts) - datetime(opened), time(ts) - time(opened), ts - datetime(ts),
				datetime(ts) + interval '1 s', CURRENT_TIMESTAMP - now() < interval '1 s' FROM exchanges WHERE id = 1`,
				database,
			),
			[['00:00:00', '00:00:01', '00:00:01', '00:00:00.123456', '2026-11-22T12:56:02.000000Z', 1]],
		);
	});

	test('what is out of range is NULL in a row and an error in a constant', () => {
		const of = (expression: string) =>
			scalarOf(`SELECT ${expression} FROM (SELECT '9999-12-31' AS late, '0001-01-01' AS early)`);
		assert.equal(of("late::datetime + interval '1 day'"), null);
		assert.equal(of('late::datetime - early::datetime'), null);
		assert.equal(of("early::datetime - interval '1 month'"), '0000-12-01T00:00:00.000000Z');
		assert.equal(of("early::datetime - interval '20 months'"), null);
		assert.match(refused("SELECT timestamp '9999-12-31' - timestamp '0001-01-01'").message, /285 years/);
	});

	test('values of JSON count as what they are, and numbers as NULL', () => {
		const of = (expression: string) => scalarOf(`SELECT ${expression} FROM (SELECT '{"at":5,"n":"x","two":"2"}' AS j)`);
		assert.equal(of("now() - (j ->> 'at')"), null);
		assert.equal(of("(j ->> 'at') + interval '1 s'"), null);
		assert.equal(of("interval '1 s' * (j ->> 'n')"), null);
		assert.equal(of("interval '1 s' * (j ->> 'two')"), '00:00:02');
		assert.deepEqual(
			rowsOf("SELECT ts - (res_body ->> 'at'), (res_body ->> 'at') + interval '1 s' FROM exchanges", database),
			[
				['00:56:01.123456', '2026-11-22T12:00:01.000000Z'],
				['2026-11-22T12:51:02.000000Z', '00:05:01'],
				[null, null],
				[null, null],
			],
		);
	});

	test('conditions on them find the rows, in every form of condition', () => {
		for (const [condition, expected] of [
			["ts > now() - interval '59 seconds'", [1, 2, 4]],
			["ts > now() - interval '58 seconds'", [4]],
			["ts > ago('59s')", [1, 2, 4]],
			["ts BETWEEN '2026-11-22' AND now()", [1, 2]],
			["ts NOT BETWEEN '2026-11-22' AND now()", [4]],
			["ts IN (SELECT '2026-11-22 12:56:02')", [2]],
			["ts NOT IN (SELECT '2026-11-22 12:56:02')", [1, 4]],
			["ts::date = '2026-11-22'", [1, 2]],
			["ts::date > '2026-11-22'", [4]],
			["ts::time > '9:00'", [1, 2, 4]],
			["ts::time > '13:00'", [4]],
			["ts - opened > '1s'", [1, 4]],
			["ts - opened > interval '2 seconds'", [4]],
			["ts - opened IN ('1.123456s', '1 day')", [1]],
			["ts - opened BETWEEN '1s' AND '2s'", [1]],
			['ts - opened IS NULL', [2, 3]],
			["CASE WHEN status = 200 THEN ts - opened ELSE '0s'::interval END > '1s'", [1]],
			["date_trunc('day', ts) = '2026-11-22'", [1, 2]],
			['ts = path', []],
			["ts > (SELECT min(ts) + interval '0.9 s' FROM exchanges)", [4]],
			["exists (SELECT 1 FROM exchanges o WHERE o.ts - exchanges.ts = '00:00:00.876544')", [1]],
		] as const) {
			assert.deepEqual(ids(condition), expected, condition);
			assert.deepEqual(
				rowsOf(`SELECT id FROM exchanges WHERE ${condition} ORDER BY id`, database, { now: NOW, plain: true }).flat(),
				expected,
				`plain: ${condition}`,
			);
		}
	});

	test('a text column that holds no time is neither equal nor unequal, nor the NULL of a datetime', () => {
		assert.deepEqual(ids('ts <> path'), [4]);
		assert.deepEqual(ids('ts IS path'), []);
		assert.deepEqual(ids('ts IS NOT path'), [1, 2, 3, 4]);
	});
});

test('durations are numbers of milliseconds next to columns whose name ends in _ms', () => {
	for (const [condition, expected] of [
		["duration_ms > '10ms'", [2, 4]],
		["'10ms' < duration_ms", [2, 4]],
		["duration_ms > '1.5s'", [4]],
		["duration_ms > interval '10 ms'", [2, 4]],
		["duration_ms >= '15ms'", [2, 4]],
		["duration_ms > '10'", [2, 4]],
		["duration_ms > '1' || '0ms'", [2, 4]],
		["status = lower('200')", [1]],
		["duration_ms BETWEEN '1ms' AND '0.02s'", [1, 2]],
		["duration_ms IN ('15ms', 5.5)", [1, 2]],
		["duration_ms NOT IN ('15ms', '5.5')", [4]],
		["CASE duration_ms WHEN '15ms' THEN 1 END", [2]],
		["duration_ms - ttfb_ms > '5ms'", [2, 4]],
		["duration_ms + '1s' < '1010ms'", [1]],
		["id IN (SELECT x.id FROM (SELECT id, duration_ms AS d FROM exchanges) x WHERE d > '1s')", [4]],
	] as const) {
		assert.deepEqual(ids(condition), expected, condition);
	}
	assert.deepEqual(
		rowsOf(
			"SELECT p95(duration_ms) > '1s', avg(duration_ms) < '1m', max(duration_ms) - min(duration_ms) > '1s' FROM exchanges",
			database,
		),
		[[1, 1, 1]],
	);
	assert.deepEqual(rowsOf("SELECT id FROM exchanges GROUP BY id HAVING sum(ttfb_ms) > '5ms'", database), [[4]]);
	assert.deepEqual(ids('duration_ms > :least', { least: '10ms' }), [2, 4]);
	assert.deepEqual(ids('duration_ms > :least', { least: 10 }), [2, 4]);
	assert.deepEqual(ids('ts > now() - :window', { window: '59s' }), [1, 2, 4]);
	assert.deepEqual(ids('ts > :since', { since: '2026-11-23' }), [4]);
	assert.deepEqual(ids('ts - opened > :age', { age: '1s' }), [1, 4]);
	assert.deepEqual(ids('ts > now() - interval :n second', { n: 59 }), [1, 2, 4]);
});

/** A statement with ‸ before its mistake, the message, the hint. */
const MISTAKES: readonly (readonly [sql: string, message: RegExp, hint: RegExp])[] = [
	['ts > now() - ‸300', /number cannot be subtracted from a datetime/, /interval '300 seconds'/],
	['ts + ‸5 > now()', /datetime and a number cannot be added/, /interval '5 seconds'/],
	['ts > now() - ‸status', /number cannot be subtracted/, /x \* interval '1 second'/],
	['ts + ‸ts > now()', /datetime and a datetime cannot be added/, /a - b/],
	['ts - ‸path > now()', /text cannot be subtracted/, /x::interval or x::datetime/],
	['ts * ‸2 > 5', /cannot be multiplied/, /epoch_ms/],
	['(ts - opened) / (ts ‸- opened) > 5', /cannot be divided/, /ratio/],
	["ts > ‸'yesterday'", /expected a time such as .* got 'yesterday'/, /when yesterday began/],
	["ts > ‸'5m'", /got '5m'/, /ago\('5m'\)/],
	["ts > ‸'2026'", /got '2026'/, /year-month-day/],
	["ts = ‸''", /got ''/, /year-month-day/],
	["ts < ‸'2026-02-31'", /got '2026-02-31'/, /year-month-day/],
	["ts < ‸'2026-13-01'", /got '2026-13-01'/, /year-month-day/],
	["ts < ‸'2026-11-22 24:01'", /got '2026-11-22 24:01'/, /year-month-day/],
	["ts IN ('2026-11-22', ‸'soon')", /got 'soon'/, /year-month-day/],
	["ts BETWEEN '2026-11-22' AND ‸'soon'", /got 'soon'/, /year-month-day/],
	["CASE ts WHEN ‸'soon' THEN 1 END", /got 'soon'/, /year-month-day/],
	["ts IS NOT ‸'soon'", /got 'soon'/, /year-month-day/],
	['ts > ‸1795352161', /datetime cannot be compared with a number/, /epoch_ms\(ts\)/],
	['ts IN (‸5)', /datetime cannot be compared with a number/, /epoch_ms/],
	['ts > ‸status', /datetime cannot be compared with a number/, /epoch_ms/],
	["ts > ‸x'00'", /datetime cannot be compared with a blob/, /epoch_ms/],
	["ts > ‸interval '5 minutes'", /datetime cannot be compared with an interval/, /now\(\) - interval/],
	['ts - opened > ‸5', /interval cannot be compared with a number/, /interval '5 seconds'/],
	["ts - opened > ‸'soon'", /expected an interval/, /'5m'/],
	["ts::time > ‸'noon'", /expected a time of day/, /9:00/],
	["status = ‸'ok'", /status is a number, which 'ok' is not/, /CAST\(status AS TEXT\)/],
	["status = ‸''", /status is a number, which '' is not/, /status IS NULL/],
	["status > ‸'10ms'", /status is a number, which '10ms' is not/, /write a number/],
	["duration_ms > ‸'slow'", /duration_ms is a number of milliseconds/, /10ms or 1\.5s/],
	["duration_ms * 2 > ‸'10ms'", /is a number, which '10ms' is not/, /names end in _ms/],
	['‸ts::int > 5', /datetime is not a number/, /epoch_ms/],
	['‸CAST(ts AS REAL) > 5', /datetime is not a number/, /epoch_ms/],
	['(ts ‸- opened)::int > 5', /interval is not a number/, /epoch_ms/],
	['‸status::date IS NULL', /number is not a date/, /to_timestamp/],
	['‸status::interval IS NULL', /number is not an interval/, /interval '1 second'/],
	["‸'soon'::date IS NULL", /expected a time/, /year-month-day/],
	['round(‸ts) > 5', /round\(\) needs a number, got a datetime/, /epoch_ms/],
	['round(ts ‸- opened) > 5', /round\(\) needs a number, got an interval/, /epoch_ms/],
	['date(ts) + ‸1 > 5', /date and a number cannot be added/, /interval '1 day'/],
	['datetime(ts) * ‸2 > 5', /cannot be multiplied/, /epoch_ms/],
	["strftime('%H', ts ‸- opened) > '05'", /strftime\(\) needs a time, got an interval/, /extract/],
	["interval '1 s' * ‸'x' > '1 s'", /cannot be multiplied/, /2 \* interval/],
	["‸coalesce(ts - opened, 0) > '1s'", /one result is an interval, another a number/, /interval '0 s'/],
	["‸CASE WHEN id = 1 THEN ts - opened ELSE 0 END > '1s'", /an interval, another a number/, /interval '0 s'/],
	['bytes(‸ts) > 5', /needs a number, got a datetime/, /epoch_ms/],
	['‸-ts > 5', /-datetime has no meaning/, /epoch_ms/],
	["date_trunc(‸'fortnight', ts) > now()", /unknown unit fortnight/, /one of/],
	["date_trunc(‸'5m', ts) > now()", /unknown unit 5m/, /time_bucket\('5m', ts\)/],
	['extract(‸foo FROM ts) > 5', /unknown field foo/, /one of/],
	["date_part('hour', ‸status) > 5", /needs a time, got a number/, /to_timestamp/],
	["time_bucket(‸'0s', ts) > now()", /above 0/, /5m/],
	['ago(‸5) < ts', /needs an interval, got a number/, /5m/],
	["ts AT TIME ZONE ‸'Berlin' > '2026-11-22'", /unknown time zone 'Berlin'/, /Europe\/Berlin/],
	["ts AT TIME ZONE ‸'+02:00' > '2026-11-22'", /unknown time zone/, /IANA/],
	["‸path AT TIME ZONE 'UTC' > '2026-11-22'", /needs a datetime, got a text/, /x::datetime/],
	["ts AT TIME ZONE 'UTC' > ‸ts", /local datetime cannot be compared with a datetime/, /on both sides/],
	["ts AT TIME ZONE 'UTC' > ‸'2026-11-22T00:00Z'", /without a zone/, /year-month-day/],
];

describe('meaningless operations are refused before a row is read, with a hint at what to write', () => {
	for (const [marked, message, hint] of MISTAKES) {
		test(marked, () => {
			const sql = `SELECT id FROM exchanges WHERE 0 AND (${marked.replace('‸', '')})`;
			const error = refused(sql);
			assert.match(error.message, message);
			assert.match(error.hint ?? '', hint);
			assert.ok(error.code === 'ERR_SQL_TYPE' || error.code === 'ERR_SQL_VALUE', error.code);
			assert.equal(error.position, sql.indexOf('(') + 1 + marked.indexOf('‸'), sql.slice(error.position));
			const condition = marked.replace('‸', '');
			if (!condition.includes('opened')) return;
			assert.throws(() => compileCondition(condition, database.tables.get('exchanges')!.columns), message);
		});
	}

	test('functions and words of other databases lead to what to write', () => {
		for (const [expression, hint] of [
			['hour(ts)', /extract\(hour FROM ts\)/],
			["dateadd('minute', 5, ts)", /ts \+ interval '5 minutes'/],
			["date_diff('second', ts, opened)", /a - b/],
			["timezone('UTC', ts)", /AT TIME ZONE/],
			["ts AT TIMEZONE 'UTC'", /AT TIME ZONE/],
			["to_date('x')", /::date/],
			['unix_timestamp(ts)', /epoch/],
		] as const) {
			assert.match(refused(`SELECT ${expression} FROM exchanges`).hint ?? '', hint, expression);
		}
	});

	test('for constants that are computed, and for blobs', () => {
		assert.equal(refused("SELECT id FROM exchanges WHERE 0 AND status = lower('OK')").code, 'ERR_SQL_TYPE');
		assert.equal(refused("SELECT id FROM exchanges WHERE 0 AND ts > 'x' || 'y'").code, 'ERR_SQL_TYPE');
		const blobs = testDatabase([{ name: 't', columns: ['id int', 'res_body_raw blob', 'data blob'], rows: [] }]);
		assert.match(errorOf("SELECT id FROM t WHERE res_body_raw = 'x'", blobs).hint!, /res_body is its text/);
		assert.match(errorOf('SELECT id FROM t WHERE data IN (5)', blobs).hint!, /CAST\(data AS TEXT\)/);
	});

	test('in aggregates, windows and parameters, too', () => {
		for (const aggregate of ['sum', 'avg', 'total', 'median', 'p95', 'stddev', 'sparkline']) {
			const error = refused(`SELECT ${aggregate}(ts) FROM exchanges WHERE 0`);
			assert.match(error.message, new RegExp(`${aggregate}\\(\\) needs a number, got a datetime`));
		}
		assert.match(
			refused('SELECT count(*) OVER (ORDER BY ts RANGE 5 PRECEDING) FROM exchanges').message,
			/RANGE over a datetime needs an interval, got a number/,
		);
		assert.match(
			refused("SELECT count(*) OVER (ORDER BY id RANGE interval '1 s' PRECEDING) FROM exchanges").message,
			/RANGE by an interval needs an ORDER BY of times/,
		);
		const of = (condition: string, given: SqlValue) =>
			errorOf(`SELECT id FROM exchanges WHERE 0 AND ${condition}`, database, { parameters: new Map([['p', given]]) });
		for (const [condition, given] of [
			['ts > :p', 'soon'],
			['ts > :p', 300],
			['duration_ms > :p', 'slow'],
			['status = :p', 'ok'],
			['ts > now() - :p', 300],
			['ts > now() - :p', 'soon'],
			['ts - opened > :p', 'soon'],
			['ago(:p) < ts', 'soon'],
			["interval '1 s' * :p < '5s'", 'soon'],
			["interval :p minute < '5s'", 'soon'],
			["interval :p < '5s'", 'soon'],
		] as const) {
			assert.equal(of(condition, given).code, 'ERR_SQL_TYPE', `${condition} ${given}`);
		}
	});
});

describe('calendar functions', () => {
	test('date_trunc, time_bucket and extract', () => {
		for (const [text, expected] of [
			["date_trunc('week', timestamp '2026-11-22 12:56')", '2026-11-16T00:00:00.000000Z'],
			["date_trunc('quarter', timestamp '2026-11-22 12:56')", '2026-10-01T00:00:00.000000Z'],
			["date_trunc('century', timestamp '2026-11-22')", '2001-01-01T00:00:00.000000Z'],
			["date_trunc('ms', timestamp '2026-11-22 12:56:01.123456')", '2026-11-22T12:56:01.123000Z'],
			["time_bucket('15 minutes', timestamp '2026-11-22 12:56')", '2026-11-22T12:45:00.000000Z'],
			["time_bucket(timestamp '2026-11-22 12:56', interval '15 minutes')", '2026-11-22T12:45:00.000000Z'],
			["time_bucket('1 week', '2026-11-22 12:56')", '2026-11-16T00:00:00.000000Z'],
			["time_bucket('3 months', '2026-11-22 12:56')", '2026-10-01T00:00:00.000000Z'],
			["bucket('1969-12-31T23:59:59Z', '1m')", '1969-12-31T23:59:00.000000Z'],
			["extract(epoch FROM timestamp '2026-11-22 12:56:01.123456')", 1795352161.123456],
			["extract(second FROM timestamp '2026-11-22 12:56:01.5')", 1.5],
			["extract('dow', timestamp '2026-11-22')", 0],
			["extract(isodow FROM timestamp '2026-11-22')", 7],
			["extract(doy FROM timestamp '2026-11-22')", 326],
			["date_part('week', timestamp '2027-01-03')", 53],
			["extract(isoyear FROM timestamp '2027-01-03')", 2026],
			["extract(quarter FROM timestamp '2026-11-22')", 4],
			["extract(century FROM timestamp '2000-12-31')", 20],
			["extract(hour FROM '12:56'::time)", 12],
			["epoch_ms(timestamp '1970-01-01 00:00:01')", 1000],
		] as const) {
			assert.equal(value(text), expected, text);
		}
		assert.deepEqual(rowsOf("SELECT time_bucket('1s', ts) FROM exchanges WHERE id = 1", database), [
			['2026-11-22T12:56:01.000000Z'],
		]);
	});

	test('strftime has every letter of POSIX, and %f', () => {
		const at = (format: string, time = '2026-11-02 07:08:09.5') => value(`strftime('${format}', '${time}')`);
		for (const [format, text] of [
			['%a %A', 'Mon Monday'],
			['%b %B %h', 'Nov November Nov'],
			['%c', 'Mon Nov  2 07:08:09 2026'],
			['%C %y %g %G', '20 26 26 2026'],
			['%d|%e|%D', '02| 2|11/02/26'],
			['%F %T %R', '2026-11-02 07:08:09 07:08'],
			['%f', '09.500'],
			['%H %I %p %r', '07 07 AM 07:08:09 AM'],
			['%j %u %w', '306 1 1'],
			['%U %V %W', '44 45 44'],
			['%x %X', '11/02/26 07:08:09'],
			['%m %M %S %Y', '11 08 09 2026'],
			['%z %Z', '+0000 UTC'],
			['%n%t%%', '\n\t%'],
			['%Ey %Od %OS %EY', '26 02 09 2026'],
			['%010Y %+5Y %03C', '0000002026 +2026 020'],
			['%s', '1793603289'],
		] as const) {
			assert.equal(at(format), text, format);
		}
		assert.equal(at('%I %p', '2026-11-02 00:30'), '12 AM');
		assert.equal(at('%I %p %l %k', '2026-11-02 13:30'), '01 PM  1 13');
		assert.equal(at('%G %V', '2027-01-03'), '2026 53');
		assert.equal(at('%q'), null);
		assert.equal(value("strftime('%H:%M%z', now() AT TIME ZONE 'Asia/Tokyo')"), '21:57');
	});

	test('AT TIME ZONE shows the clock of a zone, and reads it', () => {
		for (const [text, expected] of [
			["now() AT TIME ZONE 'Europe/Berlin'", '2026-11-22T13:57:00.000000'],
			["now() AT TIME ZONE 'Asia/Kathmandu'", '2026-11-22T18:42:00.000000'],
			["(now() AT TIME ZONE 'Asia/Tokyo') AT TIME ZONE 'Asia/Tokyo'", '2026-11-22T12:57:00.000000Z'],
			["extract(hour FROM now() AT TIME ZONE 'Asia/Tokyo')", 21],
			["date_trunc('day', now() AT TIME ZONE 'Asia/Tokyo') AT TIME ZONE 'Asia/Tokyo'", '2026-11-21T15:00:00.000000Z'],
			["(now() AT TIME ZONE 'Pacific/Auckland')::date", '2026-11-23'],
			["timestamp '2026-11-22 09:00' AT TIME ZONE 'America/New_York'", '2026-11-22T14:00:00.000000Z'],
			["'2026-11-22 09:00' AT TIME ZONE 'America/New_York'", '2026-11-22T14:00:00.000000Z'],
			["'2026-11-22 09:00Z' AT TIME ZONE 'America/New_York'", '2026-11-22T04:00:00.000000'],
			// The clock shows 02:30 twice, or never: standard time is meant.
			["'2026-10-25 02:30' AT TIME ZONE 'Europe/Berlin'", '2026-10-25T01:30:00.000000Z'],
			["'2026-03-29 02:30' AT TIME ZONE 'Europe/Berlin'", '2026-03-29T01:30:00.000000Z'],
			["'2026-10-25 00:30Z' AT TIME ZONE 'Europe/Berlin'", '2026-10-25T02:30:00.000000'],
			["'2026-10-25 01:30Z' AT TIME ZONE 'Europe/Berlin'", '2026-10-25T02:30:00.000000'],
			["now() AT TIME ZONE 'Europe/Berlin' > '2026-11-22 13:00'", 1],
			["now() > '2026-11-22 13:00' AT TIME ZONE 'Europe/Berlin'", 1],
		] as const) {
			assert.equal(value(text), expected, text);
		}
	});

	test('a zone named by a row may be unknown', () => {
		assert.deepEqual(
			rowsOf("SELECT now() AT TIME ZONE column1 FROM (VALUES ('Asia/Tokyo'), ('Nowhere'), (NULL))", database, {
				now: NOW,
			}),
			[['2026-11-22T21:57:00.000000'], [null], [null]],
		);
		assert.match(
			errorOf('SELECT now() AT TIME ZONE :zone', database, { parameters: new Map([['zone', 'Tokyo']]) }).hint!,
			/Asia\/Tokyo/,
		);
	});

	test('every zone shows the clock that Intl shows', () => {
		const zones = Intl.supportedValuesOf('timeZone');
		const date = fc.date({ min: new Date('1980-01-01'), max: new Date('2037-12-31'), noInvalidDate: true });
		fc.assert(
			fc.property(fc.constantFrom(...zones), date, (name, at) => {
				const local = timeZone(name)!.localOf(at.getTime() * 1000) / 1000;
				const shown = at.toLocaleString('sv-SE', { timeZone: name });
				assert.equal(new Date(local).toISOString().slice(0, 19).replace('T', ' '), shown, name);
			}),
			{ numRuns: 200 },
		);
	});
});

describe('through queries', () => {
	test('literals next to times, in CASE, coalesce and the like, are times', () => {
		for (const [expression, expected] of [
			["coalesce(ts, '2026-11-22') > '2026-11-22 12:56:01.5'", [0, 1, 0, 1]],
			[
				"CASE WHEN id < 3 THEN ts ELSE '2026-01-01' END",
				[
					...['2026-11-22T12:56:01.123456Z', '2026-11-22T12:56:02.000000Z'],
					...['2026-01-01T00:00:00.000000Z', '2026-01-01T00:00:00.000000Z'],
				],
			],
			["iif(ts IS NULL, '0s', ts - opened)", ['00:00:01.123456', null, '00:00:00', '4 days 04:05:06']],
			["ifnull(ts - opened, '1 day') > '1h'", [0, 1, 1, 1]],
			["nullif(ts, '2026-11-22 12:56:02') IS NULL", [0, 1, 1, 0]],
			["max(ts, '2026-11-23') = '2026-11-23'", [1, 1, null, 0]],
			["CASE WHEN id = 1 THEN ts ELSE 'none' END = 'none'", [0, 1, 1, 1]],
		] as const) {
			assert.deepEqual(
				rowsOf(`SELECT ${expression} FROM exchanges ORDER BY id`, database).flat(),
				expected,
				expression,
			);
		}
	});

	test('windows: frames by interval, and neighbours', () => {
		const windows = (frame: string) =>
			rowsOf(`SELECT count(*) OVER (ORDER BY ts ${frame}) FROM exchanges ORDER BY id`, database).flat();
		assert.deepEqual(windows("RANGE BETWEEN interval '1 second' PRECEDING AND CURRENT ROW"), [1, 2, 1, 1]);
		assert.deepEqual(windows("RANGE BETWEEN '1s' PRECEDING AND '1s' FOLLOWING"), [2, 2, 1, 1]);
		assert.deepEqual(
			rowsOf(
				"SELECT count(*) OVER (ORDER BY duration_ms RANGE BETWEEN '10ms' PRECEDING AND CURRENT ROW) FROM exchanges ORDER BY id",
				database,
			).flat(),
			[1, 2, 1, 1],
		);
		assert.deepEqual(
			rowsOf(
				"SELECT count(*) OVER (ORDER BY ts - opened RANGE BETWEEN '5 days' PRECEDING AND CURRENT ROW) FROM exchanges WHERE opened IS NOT NULL AND ts IS NOT NULL ORDER BY id",
				database,
			).flat(),
			[1, 2],
		);
		assert.deepEqual(windows("DESC RANGE BETWEEN interval '1 month' PRECEDING AND CURRENT ROW"), [3, 2, 1, 1]);
		assert.deepEqual(rowsOf('SELECT ts - lag(ts) OVER (ORDER BY ts) FROM exchanges ORDER BY id', database).flat(), [
			null,
			'00:00:00.876544',
			null,
			'4 days 04:05:06',
		]);
		assert.deepEqual(
			rowsOf('SELECT sum(ts - opened) OVER (ORDER BY id) FROM exchanges WHERE id <> 3 ORDER BY id', database).flat(),
			['00:00:01.123456', '00:00:01.123456', '4 days 04:05:07.123456'],
		);
	});

	test('common tables, recursion, UNION and VALUES keep the types', () => {
		assert.deepEqual(
			rowsOf(
				`WITH RECURSIVE t(x) AS (SELECT timestamp '2026-11-22' UNION ALL
				SELECT x + interval '12 hours' FROM t WHERE x < '2026-11-22 23:00') SELECT x FROM t`,
			).flat(),
			['2026-11-22T00:00:00.000000Z', '2026-11-22T12:00:00.000000Z', '2026-11-23T00:00:00.000000Z'],
		);
		assert.equal(
			errorOf("WITH RECURSIVE t(x) AS (SELECT now() UNION ALL SELECT 'x' FROM t) SELECT x FROM t").code,
			'ERR_SQL_TYPE',
		);
		assert.deepEqual(
			rowsOf(
				'WITH a AS (SELECT ts - opened AS age FROM exchanges UNION ALL SELECT opened - ts FROM exchanges) SELECT sum(age), max(age) FROM a',
				database,
			),
			[['00:00:00', '4 days 04:05:06']],
		);
		assert.equal(
			scalarOf('SELECT max(d) - min(d) FROM (SELECT coalesce(ts, opened) AS d FROM exchanges)', database),
			'4 days 04:05:06.876544',
		);
		assert.equal(
			scalarOf('SELECT max(ts, opened) - min(ts, opened) FROM exchanges WHERE id = 1', database),
			'00:00:01.123456',
		);
		assert.equal(
			scalarOf('SELECT count(*) FROM exchanges a JOIN exchanges b ON a.ts - b.ts = b.ts - b.ts', database),
			3,
		);
	});

	test('EXPLAIN shows the operators as they are written', () => {
		assert.match(
			rowsOf("EXPLAIN SELECT 1 FROM exchanges WHERE ts - opened > '1s' AND ts::date = '2026-11-22'", database)
				.flat()
				.join('\n'),
			/\(ts - opened\) > '1s' AND ts::date = '2026-11-22'/,
		);
	});
});

test('every microsecond of a text is read exactly', () => {
	fc.assert(
		fc.property(fc.integer({ min: 0, max: 999_999 }), (micros) => {
			const text = `1970-01-01T00:00:01.${String(micros).padStart(6, '0')}Z`;
			assert.equal(parseInstant(text), 1_000_000 + micros);
			assert.equal(instantText(1_000_000 + micros), text);
		}),
	);
});

test('the total of an interval is what comparisons use', () => {
	assert.equal(totalMicros(parseInterval('1 month 1 us')!), 30 * 86_400_000_000 + 1);
});

test('times of day, dates and local times meet as they do in PostgreSQL', () => {
	const local = "(timestamptz '2026-11-22 12:00Z' AT TIME ZONE 'Europe/Berlin')";
	for (const [expression, value] of [
		["time '01:30' + date '2026-11-22'", '2026-11-22T01:30:00.000000Z'],
		["date '2026-11-22' + time '01:30'", '2026-11-22T01:30:00.000000Z'],
		["extract(month FROM interval '14 months')", 2],
		["extract(month FROM interval '-14 months')", -2],
		["extract(quarter FROM interval '14 months')", 1],
		["extract(quarter FROM interval '20 months')", 3],
		["extract(year FROM interval '30 months')", 2],
		[`${local} = date '2026-11-22'`, 0],
		[`${local} > date '2026-11-22'`, 1],
		[`date '2026-11-22' < ${local}`, 1],
		[`${local} - date '2026-11-22'`, '13:00:00'],
		["timestamptz '2026-11-22 12:00Z' - date '2026-11-22'", '12:00:00'],
	] as const) {
		assert.equal(scalarOf(`SELECT ${expression}`), value, expression);
	}
	for (const [expression, said] of [
		["time '01:30' - date '2026-11-22'", 'a date cannot be subtracted from a time of day'],
		[`${local} > timestamptz '2026-11-22 12:00Z'`, 'a local datetime cannot be compared with a datetime'],
	] as const) {
		assert.equal(errorOf(`SELECT ${expression}`).message, said);
	}
});

test('a later modifier may bring back a time after the year 9999, if the ones between need no date', () => {
	for (const [expression, value] of [
		["'9999-12-31', '+1 day', '-90 minutes'", '9999-12-31 22:30:00'],
		["'9999-12-31 23:00', '+02:00', '-03:00'", '9999-12-31 22:00:00'],
		["'9999-12-31', '+5373484 days', '-5373484 days'", '9999-12-31 00:00:00'],
		["'9999-12-31', '+5373485 days', '-5373485 days'", null],
		["'9999-12-31', '+1 day', 'start of day'", null],
		["'9999-12-31', '+1 month', '-90 days'", null],
	] as const) {
		assert.equal(scalarOf(`SELECT datetime(${expression})`), value, expression);
	}
});

test('a number is a Julian day, or seconds since 1970, as its modifier says; auto tells them apart by size', () => {
	for (const [expression, value] of [
		["1700000000, 'auto'", '2023-11-14 22:13:20'],
		["'1700000000', 'auto'", '2023-11-14 22:13:20'],
		["1700000000, 'unixepoch'", '2023-11-14 22:13:20'],
		["2461367.25, 'auto'", '2026-11-22 18:00:00'],
		["2461367.25, 'julianday'", '2026-11-22 18:00:00'],
		['2461367.25', '2026-11-22 18:00:00'],
		["-1, 'auto'", '1969-12-31 23:59:59'],
		["0, 'auto'", '-4713-11-24 12:00:00'],
		["5373484.5, 'auto'", '1970-03-04 04:38:04'],
		["5373484.4, 'auto'", '9999-12-31 21:36:00'],
	] as const) {
		assert.equal(scalarOf(`SELECT datetime(${expression})`), value, expression);
	}
});

test('functions that give one of their milliseconds, or a sum of them, keep the unit, others do not', () => {
	const condition = (expression: string) => `SELECT ${expression} >= interval '1 microsecond' FROM exchanges`;
	for (const call of [
		...['abs(duration_ms)', 'round(duration_ms)', 'ceil(duration_ms)', 'floor(duration_ms)', 'trunc(duration_ms)'],
		...['ifnull(duration_ms, 0)', 'nullif(duration_ms, 0)', 'min(duration_ms, 3)', 'max(duration_ms, 3)'],
		...['min(duration_ms)', 'max(duration_ms)', 'sum(duration_ms)', 'total(duration_ms)', 'avg(duration_ms)'],
		...['median(duration_ms)', 'p50(duration_ms)', 'p90(duration_ms)', 'p95(duration_ms)', 'p99(duration_ms)'],
		...['percentile(duration_ms, 50)', 'percentile_cont(duration_ms, 0.5)', 'percentile_disc(duration_ms, 0.5)'],
		...['stddev(duration_ms)', 'stddev_pop(duration_ms)', 'lag(duration_ms) OVER ()', 'lead(duration_ms) OVER ()'],
		...['first_value(duration_ms) OVER ()', 'last_value(duration_ms) OVER ()', 'nth_value(duration_ms, 1) OVER ()'],
	])
		assert.ok(rowsOf(condition(call), database).length > 0, call);
	for (const call of ['sqrt(duration_ms)', 'count(duration_ms)', 'rank() OVER (ORDER BY duration_ms)'])
		assert.match(refused(condition(call)).message, /interval/, call);
});

// Comparisons of numbers with texts: right, or an error that says what to write.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SqlValue } from '../../src/store/table.ts';
import { errorOf, rowsOf } from '../../support/sql-run.ts';
import { testDatabase } from '../../support/sql-table.ts';

const database = testDatabase([
	{
		name: 'exchanges',
		columns: [
			...['id int', 'ts datetime', 'path text#', 'status int', 'duration_ms float', 'res_body_bytes int'],
			...['req_headers json', 'res_headers json'],
		],
		rows: [
			[1, '2026-11-22T12:56:01.000000Z', '/5', 200, 4.5, 9, '{"age":"9"}', '{"content-length":"9"}'],
			[2, '2026-11-22T12:56:02.000000Z', '/10', 404, null, 10, '{"age":"10"}', '{"content-length":"10"}'],
		],
	},
]);

const ids = (condition: string) => rowsOf(`SELECT id FROM exchanges WHERE ${condition}`, database).flat();

function refused(condition: string, parameter?: SqlValue) {
	const parameters = new Map(parameter === undefined ? [] : [['p', parameter]]);
	return errorOf(`SELECT max(id) FROM exchanges GROUP BY id HAVING ${condition}`, database, { parameters });
}

test('a computed number is not compared with a text', () => {
	for (const [condition, hint] of [
		["count(*) > '5'", 'write 5 without quotes'],
		["'5' < count(*)", 'write 5 without quotes'],
		["status + 0 >= ' 200 '", 'write 200 without quotes'],
		["length(path) IN (1, '2')", 'write 2 without quotes'],
		["length(path) BETWEEN '1' AND 2", 'write 1 without quotes'],
		["CASE length(path) WHEN '2' THEN 1 END", 'write 2 without quotes'],
		["extract(hour FROM ts) = '15'", 'write 15 without quotes'],
		["abs(path) = '15'", 'write 15 without quotes'],
		["path * 2 = '15'", 'write 15 without quotes'],
		["max(status) IS NOT '200'", 'write 200 without quotes'],
		["epoch_ms(ts) > '2026-01-01'", 'write a number, or compare as text: CAST(… AS TEXT)'],
	] as const) {
		const error = refused(condition);
		assert.deepEqual([error.code, error.hint], ['ERR_SQL_TYPE', hint], condition);
	}
	assert.deepEqual(ids("CAST(length(path) AS TEXT) = '2'"), [1]);
});

test('a computed text is not compared with a number', () => {
	for (const [condition, name] of [
		["strftime('%H', ts) = 15", 'strftime(…)'],
		["15 = strftime('%H', ts)", 'strftime(…)'],
		["strftime('%H', ts) IN (15, 16)", 'strftime(…)'],
		['substr(path, 2) > length(path)', 'substr(…)'],
		["header(res_headers, 'content-length') > 9", 'header(…)'],
		["res_headers['content-length'] > 9", 'res_headers[…]'],
		["res_headers ->> 'content-length' > 9", '(res_headers ->> …)'],
		["req_headers['Age'] BETWEEN 1 AND 2", 'req_headers[…]'],
		['min(path) = 5', '(…)'],
	] as const) {
		const error = refused(condition);
		assert.equal(error.code, 'ERR_SQL_TYPE', condition);
		assert.equal(error.message.split(' is a text')[0], name, condition);
		assert.equal(error.hint?.startsWith(`${name}::int and ${name}::real compare numbers`), true, condition);
	}
	assert.deepEqual(ids("res_headers['content-length']::int > 9"), [2]);
	assert.deepEqual(ids("res_headers['content-length'] = '9'"), [1]);
	assert.deepEqual(ids("res_body_bytes = header(res_headers, 'content-length')"), [1, 2]);
	assert.deepEqual(ids("substr(path, 2) IN ('10')"), [2]);
});

test('a column of texts equals a number, but is not ordered by it', () => {
	for (const condition of ['path > 5', '5 >= path', 'path BETWEEN 1 AND 2', 'path < length(path)']) {
		const { code, hint } = refused(condition);
		assert.deepEqual(
			[code, hint],
			['ERR_SQL_TYPE', 'path::real compares numbers; a number in quotes compares texts'],
			condition,
		);
	}
	assert.deepEqual(ids("ltrim(path, '/')::real > 5"), [2]);
	assert.deepEqual(ids("path > '/5' OR path IN (5, 7) OR path = 5"), []);
	assert.deepEqual(ids('status > path'), []);
});

test('a parameter that is compared with a computed text is a text', () => {
	for (const condition of [
		"header(res_headers, 'content-length') = :p",
		'substr(path, 2) IN (:p)',
		'substr(path, 2) < :p',
	]) {
		const error = refused(condition, 5);
		assert.match(error.message, /is a text, which no number equals, and :p is a number/);
		assert.match(error.hint!, /^--set p="'5'" makes it a text/);
		const parameters = new Map([['p', '5']]);
		assert.equal(rowsOf(`SELECT id FROM exchanges WHERE ${condition}`, database, { parameters }).length < 2, true);
	}
});

test('functions that compare their arguments compare as operators do', () => {
	assert.match(refused("nullif(ts, 'x') IS NULL").message, /expected a time such as/);
	assert.match(refused("max(ts, 'yesterday') IS NULL").message, /expected a time such as/);
	assert.match(refused('min(ts, 5) IS NULL').message, /a datetime cannot be compared with a number/);
	assert.deepEqual(ids("nullif(ts, '2026-11-22 13:56:01+01:00') IS NULL"), [1]);
	assert.deepEqual(ids("nullif(duration_ms, '4500us') IS NOT NULL"), []);
	assert.deepEqual(ids("max(ts, '2026-11-22 12:56:02') = ts"), [2]);
});

test('|| in arithmetic needs parentheses, because it comes first', () => {
	for (const condition of ["status / 100 || 'xx' = '2xx'", "'a' || path + 1 > 0", "-1 * ('1' || status) < 0"]) {
		const { code, hint } = refused(condition);
		assert.deepEqual([code, hint!.startsWith('write parentheses: (x ')], ['ERR_SQL_TYPE', true], condition);
	}
	assert.deepEqual(ids("(status / 100) || 'xx' = '2xx'"), [1]);
});

test('a column is not named by a text in ORDER BY and GROUP BY', () => {
	for (const [sql, name] of [
		["SELECT id FROM exchanges ORDER BY id, 'path' DESC", 'path'],
		["SELECT count(*) FROM exchanges GROUP BY 'Status'", 'Status'],
		["SELECT status / 100 AS class FROM exchanges ORDER BY 'class'", 'class'],
	] as const) {
		const { code, hint } = errorOf(sql, database);
		assert.deepEqual([code, hint], ['ERR_SQL_TYPE', `write the column's name without quotes: ${name}`]);
	}
	assert.deepEqual(rowsOf("SELECT count(*) FROM exchanges GROUP BY 'x' ORDER BY 'y'", database), [[2]]);
});

test('milliseconds stay milliseconds next to a literal number', () => {
	assert.deepEqual(ids("coalesce(duration_ms, 0) > '1ms'"), [1]);
	assert.deepEqual(ids("CASE WHEN id = 2 THEN 5000 ELSE duration_ms END > '1s'"), [2]);
	assert.equal(refused("coalesce(duration_ms, 'none') > '1ms' AND status > 'ok'").code, 'ERR_SQL_TYPE');
});

test('a time of day or a moment before now, where a datetime is needed, has the hint for it', () => {
	assert.equal(refused("ts > '15:55'").hint, "x::time is the time of day of a datetime: ts::time > '15:55'");
	assert.equal(refused("ts > '-5m'").hint, "ago('5m') is 5 minutes before now");
	assert.equal(refused("ts > '5 minutes ago'").hint, "ago('5m') is 5 minutes before now");
	assert.equal(refused("ts > '1h'").hint, "ago('1h') is this long before now");
});

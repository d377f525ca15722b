// SQL functions and the examples in their documentation.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FUNCTION_ALIASES, FUNCTION_DOCS, type FunctionDoc } from '../../src/sql/sql.ts';
import { errorOf, rowsOf, scalarOf } from '../../support/sql-run.ts';

const FOUR_ROWS = '(SELECT 1 AS x UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4)';

/** The computed result of a function's example. */
function exampleResult({ group, example: [sql] }: FunctionDoc) {
	if (group === 'aggregate') return scalarOf(`SELECT ${sql} FROM ${FOUR_ROWS}`);
	if (group === 'window') return rowsOf(`SELECT x, ${sql} FROM ${FOUR_ROWS}`).find(([x]) => x === 3)![1];
	return scalarOf(`SELECT ${sql}`);
}

describe('every function does what its example says', () => {
	for (const entry of FUNCTION_DOCS) {
		test(`${entry.name}: ${entry.example[0]}`, () => {
			assert.deepEqual(exampleResult(entry), entry.example[1]);
		});
	}
});

test('every function has a signature with its name, and one line of description', () => {
	for (const { name, signature, doc } of FUNCTION_DOCS) {
		assert.ok(signature.startsWith(name) || signature.includes(` ${name} `), signature);
		assert.ok(doc.length > 0 && !doc.includes('\n'), name);
	}
});

test('functions take as many arguments as their signatures say, and no others', () => {
	// Where the list after an optional argument may be empty.
	const fewest = { char: 0, format: 1, coalesce: 2, strftime: 1, json_array: 0, json_object: 0 };
	const times = ['datetime', 'date', 'time', 'julianday', 'unixepoch'];
	let count = 0;
	for (const { name, signature, group } of FUNCTION_DOCS) {
		const [, written, inside] = /^(\w+)\((.*)\)$/.exec(signature) ?? [];
		if (written !== name || group === 'aggregate' || group === 'window' || group === 'table' || / /.test(name))
			continue;
		// Written in another way, aggregates with one argument, pairs.
		if (['extract', 'min', 'max', 'json_object'].includes(name)) continue;
		const named = (text: string) => text.split(',').filter((part) => !/^\s*(…)?\s*$/.test(part)).length;
		const least = times.includes(name) ? 0 : ({ ...fewest }[name as 'char'] ?? named(inside!.replace(/\[.*\]/, '')));
		const most = inside!.includes('…') ? Number.POSITIVE_INFINITY : named(inside!);
		const call = (arguments_: number) => `SELECT ${name}(${Array(arguments_).fill('NULL').join(', ')})`;
		if (least > 0) assert.match(errorOf(call(least - 1)).message, /takes .*argument/, signature);
		if (most < 9) assert.match(errorOf(call(most + 1)).message, /takes .*argument/, signature);
		for (const fitting of [least, Math.min(most, least + 1)]) {
			try {
				scalarOf(call(fitting));
			} catch (error) {
				assert.doesNotMatch((error as Error).message, /takes/, signature);
			}
		}
		count++;
	}
	assert.ok(count > 60, `${count} functions`);
});

test('a sparkline has a bar for each value, or for the average of an equal part of many', () => {
	const line = (count: number, height: string) =>
		scalarOf(
			`WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${count - 1}) SELECT sparkline(${height}) FROM n`,
		);
	assert.equal(line(8, 'i'), '▁▂▃▄▅▆▇█');
	assert.equal(line(3, '5'), '▁▁▁');
	// Parts of one value and of two.
	assert.equal(line(60, '5'), '▁'.repeat(40));
	assert.equal(line(60, 'i % 3'), '▁█'.repeat(20));
});

test('aliases of functions lead to functions that exist', () => {
	const names = new Set(FUNCTION_DOCS.map(({ name }) => name));
	for (const [alias, name] of FUNCTION_ALIASES) assert.ok(names.has(name), `${alias} is ${name}`);
	assert.equal(scalarOf("SELECT substring('abc', 2, 1)"), 'b');
});

test('header finds fields whatever the case of their names, and joins lists', () => {
	const json = `'{"content-type":"text/html","set-cookie":["a=1","b=2"],"__proto__":"p"}'`;
	assert.equal(scalarOf(`SELECT header(${json}, 'CONTENT-TYPE')`), 'text/html');
	assert.equal(scalarOf(`SELECT header(${json}, 'Set-Cookie')`), 'a=1, b=2');
	assert.equal(scalarOf(`SELECT header(${json}, '__proto__')`), 'p');
	assert.equal(scalarOf(`SELECT header(${json}, 'constructor')`), null);
	assert.equal(scalarOf(`SELECT header('no json', 'host')`), null);
	assert.equal(scalarOf(`SELECT header(NULL, 'host')`), null);
});

test('path_shape keeps words and replaces ids', () => {
	const templates = new Map([
		['/users/42', '/users/:id'],
		['/v2/a1b2c3d4e5f6/x', '/v2/:id/x'],
		['/o/3f2504e0-4f89-11d3-9a0c-0305e82c3301', '/o/:id'],
		['/feedback/deadbeef', '/feedback/deadbeef'],
		['/', '/'],
		['', ''],
		['/2026/11/22/', '/:id/:id/:id/'],
	]);
	for (const [path, template] of templates) assert.equal(scalarOf(`SELECT path_shape('${path}')`), template);
});

test('to_timestamp, bytes and duration read whole numbers only', () => {
	assert.deepEqual(rowsOf("SELECT bytes('1e3'), duration(' 12 '), to_timestamp('1.5'), duration('2s')"), [
		['1000 B', '12 ms', '1970-01-01T00:00:01.500000Z', '2 s'],
	]);
	const column = "FROM (SELECT 'x' AS t UNION SELECT '10 apples') ORDER BY 1";
	for (const name of ['to_timestamp', 'bytes', 'duration']) {
		assert.deepEqual(rowsOf(`SELECT ${name}(t) ${column}`), [[null], [null]]);
		const error = errorOf(`SELECT ${name}('10 apples')`);
		assert.deepEqual([error.code, error.message], ['ERR_SQL_TYPE', `${name}() needs a number, got '10 apples'`]);
	}
	assert.equal(errorOf("SELECT to_timestamp('2026-11-22')").hint, "'2026-11-22'::datetime is this time");
});

test('bytes and duration make numbers readable', () => {
	const written = rowsOf('SELECT bytes(0), bytes(1023), bytes(1024), bytes(1536), bytes(1e9), bytes(NULL)')[0];
	assert.deepEqual(written, ['0 B', '1023 B', '1 KiB', '1.5 KiB', '954 MiB', null]);
	const durations = rowsOf(
		'SELECT duration(0.02), duration(12.345), duration(1500), duration(61000), duration(90061000), duration(NULL)',
	)[0];
	assert.deepEqual(durations, ['20 µs', '12.3 ms', '1.5 s', '1m 1s', '1d 1h', null]);
	const rounded = rowsOf(
		'SELECT duration(0), duration(0.9996), duration(999.6), duration(59960), duration(-5), bytes(1048575), bytes(1023.4 * 1024), bytes(-2048)',
	)[0];
	assert.deepEqual(rounded, ['0 ms', '1 ms', '1 s', '1m 0s', '-5 ms', '1 MiB', '1023 KiB', '-2 KiB'], 'never 1000 ms');
});

test('ago and bucket read durations and refuse other texts', () => {
	const options = { now: Date.UTC(2026, 10, 22, 12, 56, 1) * 1000 + 123456 };
	assert.equal(scalarOf("SELECT ago('5m')", undefined, options), '2026-11-22T12:51:01.123456Z');
	assert.equal(scalarOf("SELECT ago('1h30m')", undefined, options), '2026-11-22T11:26:01.123456Z');
	assert.equal(scalarOf('SELECT now()', undefined, options), '2026-11-22T12:56:01.123456Z');
	assert.equal(scalarOf("SELECT bucket('2026-11-22T12:56:01.9Z', '250ms')"), '2026-11-22T12:56:01.750000Z');
	assert.equal(scalarOf("SELECT ago('-5m')", undefined, options), '2026-11-22T13:01:01.123456Z');
	for (const text of ['5', 'soon', '', '5 parsecs']) {
		assert.match(errorOf(`SELECT ago('${text}')`).message, /^expected an interval such as '5 minutes'/);
	}
});

test('percentile takes fractions and percents, and refuses what is neither', () => {
	const of = (q: string) => scalarOf(`SELECT percentile(x, ${q}) FROM ${FOUR_ROWS}`);
	assert.equal(of('0'), 1);
	assert.equal(of('1'), 4);
	assert.equal(of('0.5'), 2.5);
	assert.equal(of('50'), 2.5);
	assert.equal(scalarOf(`SELECT p95(x) FROM ${FOUR_ROWS} WHERE x > 9`), null);
	for (const q of ['-1', '101', 'NULL'])
		assert.match(errorOf(`SELECT percentile(x, ${q}) FROM ${FOUR_ROWS}`).message, /from 0 to 1/);
});

test('group_concat and json_group_array follow an ORDER BY inside', () => {
	assert.equal(scalarOf(`SELECT group_concat(x, '' ORDER BY x DESC) FROM ${FOUR_ROWS}`), '4321');
	assert.equal(scalarOf(`SELECT string_agg(x, '+') FROM ${FOUR_ROWS} WHERE x < 3`), '1+2');
	assert.equal(scalarOf(`SELECT json_group_array(x ORDER BY -x) FROM ${FOUR_ROWS}`), '[4,3,2,1]');
});

test('JSON of an unexpected type is NULL, not an error', () => {
	assert.deepEqual(
		rowsOf(`SELECT '<html>' ->> 'a', json_extract('', '$.a'), '[1]' ->> 'a', '{"a":1}' -> 0, json_type('x')`)[0],
		[null, null, null, null, null],
	);
});

test('JSON keeps digits, order and odd names', () => {
	assert.equal(
		scalarOf(`SELECT json('{"b": 1.50, "a": 12345678901234567890, "__proto__": {"\\u0061\\"": [ ]}}')`),
		'{"b":1.50,"a":12345678901234567890,"__proto__":{"\\u0061\\"":[]}}',
	);
	assert.equal(
		scalarOf(`SELECT json_extract('{"__proto__":{"x":9007199254740993}}', '$.__proto__.x')`),
		9007199254740993n,
	);
	assert.equal(scalarOf(`SELECT '{"a\\"b":1}' -> '$'`), '{"a\\"b":1}');
});

test('a JSON text with too many levels is invalid JSON, not a crash', () => {
	assert.equal(scalarOf(`SELECT json_valid('${'['.repeat(5000)}${']'.repeat(5000)}')`), 0);
});

test('format writes numbers, texts and quotes', () => {
	assert.equal(
		scalarOf("SELECT format('%05.1f|%-6s|%+d|%x|%%|%q', 3.14159, 'ab', 7, 255, 'it''s')"),
		"003.1|ab    |+7|ff|%|it''s",
	);
	assert.match(errorOf("SELECT format('%y', 1)").message, /does not know %y/);
	assert.match(errorOf("SELECT format('%99999d', 1)").message, /width/);
});

test('functions called with wrong arguments say what they take', () => {
	assert.match(errorOf('SELECT lower()').message, /lower\(\) takes 1 argument, got 0/);
	assert.match(errorOf('SELECT substr(1)').message, /takes 2 to 3 arguments, got 1/);
	assert.equal(errorOf('SELECT substr(1)').hint, 'substr(text, start [, length])');
	assert.equal(errorOf('SELECT lenght(1)').hint, 'did you mean length?');
	assert.match(errorOf('SELECT rank()').message, /needs OVER/);
});

// Limits of a statement: time, cancellation, memory, depth.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { execute, executeSync, prepare, Session, SqlError } from '../../src/sql/sql.ts';
import { cpuMs } from '../../support/cpu-time.ts';
import { errorOf, NO_TABLES, rowsOf, scalarOf } from '../../support/sql-run.ts';
import { sampleTables } from '../../support/sql-sample.ts';
import { testDatabase } from '../../support/sql-table.ts';

const database = testDatabase(sampleTables());
const NUMBERS = 'WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 100000)';

/** Statements that would run for hours, each for a different reason. */
const ENDLESS = new Map([
	['a cross join', `${NUMBERS} SELECT count(*) FROM n a, n b`],
	[
		'a cross join of many tables',
		'SELECT count(*) FROM exchanges a, exchanges b, exchanges c, exchanges d, exchanges e, exchanges f',
	],
	['a cross join with an order', `${NUMBERS} SELECT a.x FROM n a, n b ORDER BY a.x + b.x LIMIT 1`],
	['endless recursion', 'WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT 1 FROM n) SELECT count(*) FROM n'],
	['a correlated subquery', `${NUMBERS} SELECT max((SELECT count(*) FROM n b WHERE b.x <> a.x)) FROM n a`],
	[
		'an EXISTS that never holds',
		`${NUMBERS} SELECT count(*) FROM n a WHERE EXISTS (SELECT 1 FROM n b WHERE b.x = a.x + 0.5)`,
	],
	['a join on an inequality', `${NUMBERS} SELECT count(*) FROM n a JOIN n b ON a.x < b.x AND a.x * b.x = 7.5`],
	[
		'window frames',
		`${NUMBERS} SELECT max(s) FROM (SELECT sum(x) OVER (ORDER BY x ROWS BETWEEN 50000 PRECEDING AND CURRENT ROW) AS s FROM n)`,
	],
]);

describe('a statement ends when its time is up', () => {
	for (const [name, sql] of ENDLESS) {
		test(name, async () => {
			const start = cpuMs();
			await assert.rejects(
				execute(prepare(sql, database), database, { timeLimitMs: 250 }),
				(error) => error instanceof SqlError && error.code === 'ERR_SQL_TIME_LIMIT',
			);
			assert.ok(cpuMs() - start < 10_000);
		});
	}
});

/** Megabytes of text in every row: far fewer rows per second than usual. */
const LONG_TEXTS = testDatabase([
	{
		name: 'bodies',
		columns: ['id int', 'body text'],
		rows: Array.from({ length: 500 }, (_, id) => [id, 'aB'.repeat(1 << 20)]),
	},
]);

describe('a statement over megabytes of text ends when its time is up', () => {
	for (const expression of [
		"replace(body, 'a', 'ab')",
		'hex(body)',
		'upper(body) || lower(body)',
		"trim(body, 'aB')",
		"body GLOB '*a*B*[c-d]'",
		`body LIKE '%${'a_'.repeat(2000)}c'`,
		"body REGEXP '(a|aB|B)+c'",
	]) {
		test(expression.slice(0, 40), async () => {
			const sql = `SELECT sum(length(${expression})) FROM bodies, (SELECT id AS other FROM bodies)`;
			const start = cpuMs();
			await assert.rejects(
				execute(prepare(sql, LONG_TEXTS), LONG_TEXTS, { timeLimitMs: 100 }),
				(error) => error instanceof SqlError && error.code === 'ERR_SQL_TIME_LIMIT',
			);
			assert.ok(cpuMs() - start < 10_000);
		});
	}
});

/** A thread that sets the flag after a while, because the statement's own thread may be busy all the time. */
const CANCELLER = `
	const { workerData } = require('node:worker_threads');
	const flag = new Int32Array(workerData);
	Atomics.wait(flag, 0, 0, 50);
	Atomics.store(flag, 0, 1);
`;

test('a statement ends soon after it is cancelled by another thread', async () => {
	for (const [name, sql] of ENDLESS) {
		const cancel = new Int32Array(new SharedArrayBuffer(4));
		const canceller = new Worker(CANCELLER, { eval: true, workerData: cancel.buffer });
		await once(canceller, 'online');
		const running = execute(prepare(sql, database), database, { cancel, timeLimitMs: 60_000 });
		await assert.rejects(running, { code: 'ERR_SQL_CANCELLED' }, name);
		await canceller.terminate();
	}
});

test('an abort signal cancels too', async () => {
	const controller = new AbortController();
	const running = execute(prepare(ENDLESS.get('a cross join')!, database), database, {
		signal: controller.signal,
		onProgress: () => controller.abort(),
	});
	await assert.rejects(running, { code: 'ERR_SQL_CANCELLED' });
});

test('a statement cancelled before it began does nothing', () => {
	const cancel = new Int32Array(new SharedArrayBuffer(4)).fill(1);
	assert.equal(errorOf('SELECT 1', database, { cancel }).code, 'ERR_SQL_CANCELLED');
});

test('the event loop keeps running while a statement runs', async () => {
	let turns = 0;
	const timer = setInterval(() => turns++, 1);
	const progress: number[] = [];
	await execute(prepare(`${NUMBERS} SELECT count(*), sum(x), max(x) FROM n WHERE x % 7 = 3`, database), database, {
		onProgress: (rows) => progress.push(rows),
	});
	clearInterval(timer);
	assert.ok(turns > 0);
	assert.ok(progress.length > 0);
});

test('any pattern takes time in proportion to text and pattern', () => {
	const text = `'${'a'.repeat(20_000)}!'`;
	for (const condition of [
		`${text} LIKE '%a%a%a%a%a%a%a%a%a%a%b'`,
		`${text} GLOB '*a*a*a*a*a*a*a*a*a*a*b'`,
		`${text} LIKE '${'_%'.repeat(50)}b'`,
		`${text} REGEXP '^(a+)+$'`,
		`${text} REGEXP '(a|a)*b'`,
		`${text} REGEXP '(a*)*(a*)*b'`,
		`${text} REGEXP '\\b(a|aa|aaa)+\\b$'`,
		`${text} REGEXP 'a{0,100}a{0,100}b'`,
		`${text} GLOB '${'[a-b]*'.repeat(30)}c'`,
	]) {
		const start = cpuMs();
		rowsOf(`SELECT ${condition}`);
		assert.ok(cpuMs() - start < 10_000, condition.slice(-60));
	}
});

test('a regular expression that would become too large is refused', () => {
	for (const pattern of [
		'a{5000}{5000}',
		'((a{100}){100}){100}',
		`${'('.repeat(300)}a${')'.repeat(300)}`,
		'(((((a{9}){9}){9}){9}){9}){9}',
	]) {
		assert.match(errorOf(`SELECT 'a' REGEXP '${pattern}'`).code, /ERR_SQL_(TOO_LARGE|VALUE)/, pattern.slice(0, 40));
	}
	assert.equal(scalarOf("SELECT 'aaa' REGEXP '^(){99999}a{3}$'"), 1);
});

test('conversions of long texts take linear time', () => {
	const digits = '1'.repeat(200_000);
	for (const expression of [
		`'${digits}x' + 1`,
		`CAST('${' '.repeat(200_000)}x' AS REAL)`,
		`'${digits}x' = 1`,
		`datetime('2026-11-22 12:56${' '.repeat(200_000)}x')`,
		`round('${digits}x')`,
		`ifnull('${digits}.x' * 1, 2)`,
		`json_valid('[${digits}')`,
		`sqrt('${digits}x')`,
	]) {
		const start = cpuMs();
		rowsOf(`SELECT ${expression}`);
		assert.ok(cpuMs() - start < 5_000, expression.slice(0, 20));
	}
});

test('exceeding the memory limit is an error, not a crash', () => {
	const memoryLimit = 4 * 1024 * 1024;
	for (const sql of [
		`${NUMBERS} SELECT a.x, b.x FROM n a, n b`,
		`${NUMBERS} SELECT x, count(*) FROM (SELECT a.x * 100000 + b.x AS x FROM n a, n b) GROUP BY x`,
		`${NUMBERS} SELECT DISTINCT a.x * b.x FROM n a, n b`,
		`${NUMBERS} SELECT a.x FROM n a, n b ORDER BY a.x * b.x`,
		`${NUMBERS} SELECT group_concat(a.x || 'xxxxxxxxxxxxxxxx') FROM n a, n b`,
		`${NUMBERS} SELECT count(*) FROM n WHERE x IN (SELECT a.x * b.x FROM n a, n b)`,
		`${NUMBERS} SELECT p99(a.x) FROM n a, n b`,
		`${NUMBERS} SELECT a.x FROM n a, n b UNION SELECT 1`,
		`${NUMBERS} SELECT count(*) OVER () FROM n a, n b`,
	]) {
		assert.equal(errorOf(sql, database, { memoryLimit }).code, 'ERR_SQL_TOO_LARGE', sql);
	}
});

describe('a statement that keeps long texts counts them', () => {
	const long = testDatabase([
		{
			name: 'bodies',
			columns: ['id int', 'body text'],
			rows: Array.from({ length: 120 }, (_, id) => [id, `${id}${'xyz'.repeat(1000)}`]),
		},
	]);
	for (const sql of [
		'SELECT percentile_disc(body, 0.5) FROM bodies',
		'SELECT group_concat(body) FROM bodies',
		'SELECT json_group_array(body) FROM bodies',
		'SELECT count(*) FROM bodies WHERE body IN (SELECT body || 1 FROM bodies)',
		'SELECT DISTINCT body || 1 FROM bodies',
		'SELECT body || 1 FROM bodies ORDER BY 1',
		'SELECT body || 1 AS b, count(*) FROM bodies GROUP BY b',
		'SELECT body || 1 FROM bodies UNION SELECT 1',
		'SELECT body || 1 FROM bodies EXCEPT SELECT 1',
		'SELECT b, max(length(b)) OVER () FROM (SELECT body || 1 AS b FROM bodies)',
		'SELECT body || 1 FROM bodies',
	])
		test(sql, () => {
			assert.equal(errorOf(sql, long, { memoryLimit: 200_000 }).code, 'ERR_SQL_TOO_LARGE');
			rowsOf(sql, long, { memoryLimit: 8_000_000 });
		});
});

test('texts cannot grow without limit', () => {
	assert.match(
		errorOf(
			"SELECT replace(replace(replace(hex(format('%9999s', '')), '2', format('%9999s', '')), ' ', format('%9999s', '')), ' ', 'xxx')",
		).code,
		/TOO_LARGE/,
	);
	assert.match(errorOf("SELECT format('%s%9999s%9999s', 1, format('%999999999d', 1), 2)").code, /TOO_LARGE/);
});

test('deep and long statements are refused or run, but never overflow the stack', () => {
	const DEPTH = 20_000;
	const statements = new Map([
		['parentheses', `SELECT ${'('.repeat(DEPTH)}1${')'.repeat(DEPTH)}`],
		['NOT', `SELECT ${'NOT '.repeat(DEPTH)}1`],
		['minus', `SELECT ${'- '.repeat(DEPTH)}1`],
		['subqueries', `SELECT ${'(SELECT '.repeat(DEPTH)}1${')'.repeat(DEPTH)}`],
		['derived tables', `SELECT * FROM ${'(SELECT * FROM '.repeat(DEPTH)}exchanges${')'.repeat(DEPTH)}`],
		['CASE', `SELECT ${'CASE WHEN 1 THEN '.repeat(DEPTH)}1${' END'.repeat(DEPTH)}`],
		['calls', `SELECT ${'abs('.repeat(DEPTH)}1${')'.repeat(DEPTH)}`],
		['a sum', `SELECT ${'1 + '.repeat(DEPTH)}1`],
		['a concatenation', `SELECT ${"'a' || ".repeat(DEPTH)}'a'`],
		['arrows', `SELECT '{}'${" -> 'a'".repeat(DEPTH)}`],
		['COLLATE', `SELECT 'a'${' COLLATE nocase'.repeat(DEPTH)}`],
		['casts', `SELECT 1${'::int'.repeat(DEPTH)}`],
		['IS chains', `SELECT 1${' IS 1'.repeat(DEPTH)}`],
		['unions', `SELECT 1${' UNION ALL SELECT 1'.repeat(2000)}`],
		['columns', `SELECT ${'1, '.repeat(DEPTH)}1`],
		['tables', `SELECT 1 FROM exchanges${', exchanges'.repeat(DEPTH)}`],
		['joins', `SELECT 1 FROM exchanges${' JOIN exchanges'.repeat(DEPTH)}`],
		['AND', `SELECT 1 WHERE 1${' AND 1'.repeat(DEPTH)}`],
		['OR of comparisons', `SELECT count(*) FROM exchanges WHERE id = 1${' OR id = 2'.repeat(DEPTH)}`],
		['an IN list', `SELECT count(*) FROM exchanges WHERE id IN (1${', 2'.repeat(DEPTH)})`],
		[
			'WITH',
			`WITH ${Array.from({ length: 500 }, (_, index) => `t${index} AS (SELECT * FROM ${index === 0 ? 'exchanges' : `t${index - 1}`})`).join(', ')} SELECT count(*) FROM t499`,
		],
		['length', `SELECT '${'x'.repeat(1_100_000)}'`],
	]);
	for (const [name, sql] of statements) {
		try {
			executeSync(prepare(sql, database), database, { timeLimitMs: 20_000 });
		} catch (error) {
			assert.ok(error instanceof SqlError, `${name}: ${error instanceof Error ? error.stack?.slice(0, 500) : error}`);
		}
	}
});

test('views cannot be nested without limit', () => {
	const session = new Session();
	const options = { session };
	executeSync(prepare('CREATE VIEW v0 AS SELECT 1 AS x', NO_TABLES, session), NO_TABLES, options);
	let failed: unknown;
	for (let level = 1; level < 2000 && failed === undefined; level++) {
		try {
			executeSync(
				prepare(`CREATE VIEW v${level} AS SELECT * FROM v${level - 1}`, NO_TABLES, session),
				NO_TABLES,
				options,
			);
		} catch (error) {
			failed = error;
		}
	}
	assert.ok(failed instanceof SqlError, String(failed));
});

test('kept texts count with their length', () => {
	const memoryLimit = 8 * 1024 * 1024;
	const bodies = testDatabase([
		{
			name: 'bodies',
			columns: ['id int', 'body text'],
			rows: Array.from({ length: 500 }, (_, id) => [id, `${id}${'x'.repeat(50_000)}`]),
		},
	]);
	for (const sql of [
		'SELECT body FROM bodies',
		'SELECT count(*) FROM (SELECT body FROM bodies ORDER BY id) GROUP BY body',
		'SELECT id FROM bodies ORDER BY body',
		'SELECT id FROM bodies ORDER BY body LIMIT 490',
		'SELECT DISTINCT body FROM bodies ORDER BY id',
		'SELECT body FROM bodies UNION SELECT 1',
		'SELECT max(n) FROM (SELECT row_number() OVER (ORDER BY body) AS n FROM bodies)',
		'SELECT group_concat(body) FROM bodies',
		'SELECT a.id FROM bodies a JOIN (SELECT body FROM bodies LIMIT 400) b ON a.body = b.body',
	]) {
		assert.equal(errorOf(sql, bodies, { memoryLimit }).code, 'ERR_SQL_TOO_LARGE', sql);
	}
	// Rows cut off by LIMIT do not count.
	assert.equal(
		rowsOf('SELECT id FROM bodies ORDER BY body LIMIT 3', bodies, { memoryLimit: 80 * 1024 * 1024 }).length,
		3,
	);
	assert.equal(rowsOf("SELECT count(*) FROM bodies WHERE body LIKE '%x'", bodies, { memoryLimit })[0]![0], 500);
});

test('a text that keeps doubling ends with an error', () => {
	assert.equal(
		errorOf("WITH RECURSIVE d(s) AS (SELECT 'x' UNION ALL SELECT s || s FROM d) SELECT length(s) FROM d").code,
		'ERR_SQL_TOO_LARGE',
	);
});

test('others see how many rows a running statement has read', () => {
	const progress = new Float64Array(1);
	rowsOf(`${NUMBERS} SELECT count(*) FROM n WHERE x < 5000`, database, { progress });
	assert.ok(progress[0]! > 1000, `${progress[0]}`);
});

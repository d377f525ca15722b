// The shortcuts over batches of rows and captured bytes give the same results as plain execution, row by row.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as layout from '../../decoder-as/assembly/wire/output-layout.ts';
import { compileCondition, executeSync, prepare } from '../../src/sql/sql.ts';
import { openDatabase, SegmentCache } from '../../src/store/database.ts';
import { ExchangeStore } from '../../src/store/exchange-store.ts';
import { entryBytes } from '../../src/store/row-writer.ts';
import type { DatabaseSnapshot } from '../../src/store/table.ts';
import { newDecoder } from '../../support/decoded-rows.ts';
import { queriesFor } from '../../support/queries.ts';
import { Tape } from '../../support/record-builder.ts';

const PATHS = [
	'/api/users/1',
	'/API/Users/12',
	'/api/orders/7/items',
	'/static/_file%.js',
	'/a%b_c',
	'/caf\xc3\xa9',
	'/caf\xe9',
	'/\xe2\x80\xa8',
	'/',
	'*',
	'/api/users/1?page=2',
	'/x?',
	'/K?q=%25',
];
const AGENTS = ['curl/8.5', 'Curl/8.5', '', '\xc3\xa9', '\xe9', undefined];

/** Some thousand exchanges in many small segments, some of them unanswered. */
function capturedDatabase(): DatabaseSnapshot {
	const decoder = newDecoder();
	const store = new ExchangeStore({ memoryBytes: 8 << 20, rows: 2311 });
	const tape = new Tape();
	tape.clock(1_700_000_000_000_000_000n);
	const servers = [1, 2, 3].map((number) =>
		tape.server(number, { local: '127.0.0.1:80', remote: `127.0.0.1:${4000 + number}`, pid: 50 + number }).open(),
	);
	for (let index = 0; index < 2500; index++) {
		const server = servers[index % 3]!;
		const agent = AGENTS[(index * 7) % AGENTS.length];
		const twice = index % 5 === 0 ? 'X-Twice: a\r\nx-twice: b\r\n' : index % 7 === 0 ? 'X-TWICE: once\r\n' : '';
		const fields = (agent === undefined ? '' : `User-Agent: ${agent}\r\n`) + twice;
		const method = ['GET', 'get', 'DELETE'][index % 3]!;
		const path = PATHS[(index * 5) % PATHS.length]!;
		server.in(Buffer.from(`${method} ${path} HTTP/1.${index % 2}\r\nHost: h${index % 11}\r\n${fields}\r\n`, 'latin1'));
		tape.timeNs += BigInt(((index * 7919) % 1000) * 100_000);
		const status = ['200 OK', '404 Not Found', '500', '503 Busy'][(index * 3) % 4]!;
		const keep = index % 2 === 0 ? 'Connection: keep-alive\r\n' : '';
		server.out(`HTTP/1.1 ${status}\r\n${keep}Content-Length: ${index % 10}\r\n\r\n${'b'.repeat(index % 10)}`);
	}
	for (const server of servers) server.in('GET /open HTTP/1.1\r\nHost: h1\r\n\r\n');
	const batch = tape.batch();
	decoder.input(batch.byteLength).set(batch);
	decoder.decode(batch.byteLength);
	decoder.decode(0);
	decoder.decode(0);
	const output = decoder.output();
	const views = entryBytes(decoder.memory.buffer);
	for (let at = output.byteOffset; at < output.byteOffset + output.byteLength; at += views.u32[at >> 2]!)
		if (views.u32[(at + layout.ENTRY_TYPE) >> 2] === layout.ENTRY_EXCHANGE) store.append(views, at);
	decoder.clearOutput();
	decoder.snapshot(layout.SNAPSHOT_EXCHANGES);
	const entries = decoder.output().slice().buffer;
	return openDatabase({ store: store.snapshot(), entries, loss: [], nowUs: 1_700_000_100_000_000 }, new SegmentCache());
}

const database = capturedDatabase();
const total = database.tables.get('exchanges')!.rowCount;

const CONDITIONS = [
	'status >= 500',
	'status <> 404',
	'404 = status',
	'500 > status',
	'status IS NULL',
	'status IS NOT NULL',
	'pair_id IS NULL',
	'status IN (200, 503)',
	'status NOT IN (200, 503)',
	'status NOT IN (200, NULL)',
	'status BETWEEN 300 AND 450.5',
	"status = '404'",
	'duration_ms > 40',
	'duration_ms * 2 + 1 <= ttfb_ms * 3',
	'duration_ms > ttfb_ms',
	'req_body_bytes < res_body_bytes',
	"ts > '2023-11-14 22:13:40'",
	"'2023-11-14T22:13:40Z' <= ts",
	"ts - '10s' > '2023-11-14 22:13:40'",
	"duration_ms > '40ms'",
	"duration_ms BETWEEN '10ms' AND interval '1 second'",
	"method = 'GET'",
	"method <> 'GET'",
	"method IN ('get', NULL)",
	"method NOT IN ('get', NULL)",
	"method LIKE 'g%'",
	"req_headers['user-agent'] = 'curl/8.5'",
	"req_headers['X-Twice'] = 'once'",
	"req_headers['x-twice'][1] = 'b'",
	"req_headers['x-twice'] LIKE '%\"b\"%'",
	"req_headers['nosuch'] IS NULL AND res_headers['CONNECTION'] = 'keep-alive'",
	"lower(method) = 'get'",
	'reason IS NULL',
	"state = 'complete'",
	"http_version = '1.0'",
	"host IS NOT 'h3'",
	"host > 'h5'",
	"path = '/'",
	"path <> '/'",
	"path = '/API/Users/12'",
	"path = '/café'",
	"path LIKE '/api/users/1%'",
	"path NOT LIKE '/api/users/1%'",
	"path LIKE '%users%'",
	"path LIKE '%ORDERS/7%i%S'",
	"path LIKE '%'",
	"path LIKE ''",
	"path LIKE '/'",
	"path LIKE '_'",
	"path LIKE '/caf_'",
	"path LIKE '%é'",
	"path LIKE '/k'",
	"path LIKE '/a\\%b\\_c' ESCAPE '\\'",
	"path LIKE '%x%%' ESCAPE 'x'",
	"path LIKE 'x' ESCAPE 'x'",
	'path LIKE NULL',
	"path GLOB '/api*'",
	"path REGEXP '^/[a-z]+/users'",
	'query_string IS NULL',
	"query_string = ''",
	"query_string <> 'page=2'",
	"query_string LIKE '%25'",
	"user_agent = 'curl/8.5'",
	"user_agent LIKE 'curl%'",
	"user_agent NOT LIKE 'curl%'",
	'user_agent IS NULL',
	"content_type = 'x'",
	"length(path) > 5 AND instr(path, 'users') > 0",
	'pid % 2 = 1',
	'id IN (SELECT exchange_id FROM headers)',
	"ts IN ('2023-11-14T22:13:40Z', '2023-11-14T22:14:00Z')",
	"duration_ms IN ('40ms', interval '41 milliseconds')",
	"duration_ms IN ('0.5ms', interval '700 microseconds', '91.3ms')",
	"duration_ms NOT IN ('0.5ms', '700us', '91.3ms')",
	'status IN (404, id)',
	'id NOT IN (status, pid, 2000)',
	"method IN (lower(method), 'DELETE')",
	"method IN ('DELETE', CASE WHEN id % 2 = 0 THEN 'GET' END)",
	"method NOT LIKE CASE WHEN id % 2 = 0 THEN 'g%' ELSE 'd%' END",
	"lower(method) IN ('get')",
	"'GET' IN (method)",
	'duration_ms + NULL > 1',
	"duration_ms * '2' > 41",
	'duration_ms + path > 41',
	"res_body_raw = x'626262'",
	"res_body = 'bbb'",
	"path = x'2f'",
];

function bothWays(sql: string): void {
	const plain = executeSync(prepare(sql, database), database, { plain: true });
	const fast = executeSync(prepare(sql, database), database);
	assert.deepEqual(fast.rows, plain.rows, sql);
}

test('the rows are in many segments, and some are open', () => {
	const exchanges = database.tables.get('exchanges')!;
	const ends = new Set(Array.from({ length: total }, (_, row) => exchanges.pieceEnd!(row)));
	assert.ok(ends.size > 3, `${ends.size} pieces`);
	assert.equal(total, 2311 + 3);
});

describe('each condition, its negation, and pairs with another find the same rows both ways', () => {
	for (const [index, condition] of CONDITIONS.entries()) {
		const other = CONDITIONS[(index * 17 + 5) % CONDITIONS.length]!;
		test(condition, () => {
			bothWays(`SELECT id FROM exchanges WHERE ${condition}`);
			bothWays(`SELECT count(*), max(id), min(path) FROM exchanges WHERE NOT (${condition})`);
			bothWays(`SELECT count(*), sum(id) FROM exchanges WHERE (${condition}) AND (${other})`);
			bothWays(`SELECT count(*), avg(id) FROM exchanges WHERE (${condition}) OR (${other}) OR NOT (${condition})`);
			bothWays(`SELECT count(*), total(id) FROM exchanges WHERE NOT ((${condition}) OR (${other}))`);
			bothWays(
				`SELECT id, (${condition}) IS NULL FROM exchanges WHERE ((${other}) AND status > 300) OR (${condition})`,
			);
		});
	}
});

test('a live condition is true for the rows that WHERE keeps', () => {
	const exchanges = database.tables.get('exchanges')!;
	for (const text of CONDITIONS) {
		if (text.includes('SELECT')) continue;
		const condition = compileCondition(text, exchanges.columns);
		let count = 0;
		for (let row = 0; row < exchanges.rowCount; row++) if (condition(exchanges, row)) count++;
		const sql = `SELECT count(*) FROM exchanges WHERE ${text}`;
		assert.equal(count, executeSync(prepare(sql, database), database, { plain: true }).rows[0]![0], text);
	}
});

describe('groups, orders, DISTINCT, joins and windows are the same both ways', () => {
	for (const sql of [
		...queriesFor(1200).map((each) => each.sql),
		'SELECT method, status, count(*), count(reason), count(pair_id), sum(res_body_bytes) FROM exchanges GROUP BY 1, 2',
		'SELECT duration_ms, count(*), min(id), max(path) FROM exchanges GROUP BY duration_ms',
		'SELECT path, user_agent, count(DISTINCT status), p50(duration_ms), p99(ttfb_ms) FROM exchanges GROUP BY 1, 2',
		'SELECT user_agent COLLATE NOCASE AS u, count(*) FROM exchanges GROUP BY u',
		'SELECT status / 100 AS class, stddev(duration_ms), median(id), max(duration_ms), path FROM exchanges GROUP BY class',
		"SELECT count(*) FILTER (WHERE status > 400), count_if(path LIKE '%users%'), group_concat(DISTINCT method) FROM exchanges",
		'SELECT count(*), avg(duration_ms), path FROM exchanges WHERE status = 1',
		'SELECT id / 500, count(*) FROM exchanges GROUP BY 1',
		'SELECT CASE WHEN id < 2000 THEN method ELSE path END AS m, count(*) FROM exchanges GROUP BY m',
		'SELECT e.id, (SELECT count(DISTINCT h.message) FROM headers h WHERE h.exchange_id <= e.id % 3) FROM exchanges e WHERE id < 40',
		'SELECT DISTINCT status, http_version, user_agent FROM exchanges',
		'SELECT DISTINCT status FROM exchanges ORDER BY status DESC',
		'SELECT DISTINCT path FROM exchanges WHERE lower(method) = ? LIMIT 3'.replace('?', "'get'"),
		'SELECT id FROM exchanges ORDER BY duration_ms, id DESC',
		'SELECT id FROM exchanges ORDER BY status NULLS LAST, path, id LIMIT 50',
		'SELECT id FROM exchanges ORDER BY pair_id, ts DESC LIMIT 7 OFFSET 5',
		'SELECT id FROM exchanges ORDER BY duration_ms DESC LIMIT 1500',
		'SELECT id, rank() OVER (PARTITION BY host, method ORDER BY duration_ms DESC, id) FROM exchanges',
		'SELECT id, sum(duration_ms) OVER (PARTITION BY user_agent ORDER BY ts ROWS 3 PRECEDING) FROM exchanges',
		'SELECT id, dense_rank() OVER (ORDER BY status), row_number() OVER (PARTITION BY path) FROM exchanges',
		"SELECT id, header(req_headers, 'User-Agent'), header(req_headers, 'x-twice'), header(res_headers, 'connection') FROM exchanges",
		"SELECT e.id, header(f.req_headers, 'host'), header(f.res_headers, 'none') FROM exchanges e LEFT JOIN exchanges f ON f.id = e.id + 2000",
		'SELECT name, count(*), min(header_value), max(seq) FROM headers GROUP BY name',
		'SELECT raw_name, message, count(DISTINCT exchange_id) FROM headers GROUP BY 1, 2',
		"SELECT e.id, h.header_value FROM exchanges e LEFT JOIN headers h ON h.exchange_id = e.id AND h.name = 'user-agent'",
		"SELECT h.exchange_id, e.path FROM headers h JOIN exchanges e ON e.id = h.exchange_id WHERE h.header_value LIKE 'c%'",
		'SELECT e.id, f.id FROM exchanges e JOIN exchanges f ON f.id = e.id + 1 WHERE e.status = 500 AND f.status = 200',
		'SELECT id, (SELECT count(*) FROM headers h WHERE h.exchange_id = e.id) FROM exchanges e WHERE status > 400',
		'SELECT id FROM exchanges WHERE id IN (5, 17.0, 99999999) OR id = 2000',
		'SELECT path FROM exchanges WHERE id = 17.5',
		"SELECT e.id FROM exchanges e LEFT JOIN (SELECT id, ifnull(reason, 'none') AS m FROM exchanges) f ON f.id = e.id + 2000 WHERE f.m = 'none'",
		"SELECT e.id FROM exchanges e LEFT JOIN (SELECT id, ifnull(reason, 'none') AS m FROM exchanges) f ON f.id = e.id + 2000 WHERE f.m IS NULL",
		"SELECT e.id FROM exchanges e LEFT JOIN (SELECT id, ifnull(user_agent, 'none') || '!' AS m FROM exchanges) f ON f.id = e.id + 2000 WHERE f.m LIKE 'NONE_'",
		'SELECT id, (SELECT max(seq) FROM headers h WHERE h.exchange_id = e.id GROUP BY e.method, e.status) FROM exchanges e',
		'SELECT id, (SELECT count(DISTINCT e.method) FROM headers h WHERE h.exchange_id < 300 GROUP BY e.method) FROM exchanges e WHERE id > 2480',
		'SELECT path FROM exchanges WHERE id = -1',
		"SELECT id FROM exchanges WHERE status > 300 AND json_extract(req_headers, '$.host') = 'h3' LIMIT 4",
	])
		test(sql, () => bothWays(sql));
});

test('a subquery gives one value for each row that it depends on', () => {
	const scalar = (sql: string) => executeSync(prepare(sql, database), database).rows[0]![0];
	assert.equal(scalar('SELECT count(DISTINCT (SELECT random())) FROM exchanges'), 1);
	assert.equal(scalar('SELECT count(DISTINCT (SELECT random() + e.id * 0)) > 9 FROM exchanges e'), 1);
	// random() itself has another value in each row, also beside a column whose codes are tested once.
	assert.equal(scalar('SELECT count(DISTINCT random()) > 2000 FROM exchanges'), 1);
	for (const condition of [
		'random() > 0',
		"method || random() LIKE '%0'",
		'CASE WHEN random() % 2 = 0 THEN method END IS NULL',
		'random() BETWEEN 0 AND 4611686018427387904',
		'id > 0 AND random() > 0',
	]) {
		const count = Number(scalar(`SELECT count(*) FROM exchanges WHERE ${condition}`));
		assert.ok(count > 90 && count < total - 90, `${condition}: ${count}`);
	}
	for (const join of [
		'a JOIN b ON random() > 0',
		'a, b WHERE random() > 0',
		'a LEFT JOIN b ON random() > 0 WHERE b.n > 0',
	]) {
		const hundred = 'SELECT id % 100 AS n FROM exchanges WHERE id BETWEEN 1000 AND 1099';
		const counts = `SELECT count(*) AS c FROM ${join} GROUP BY a.n`;
		// Tested once for each row of either table, the counts would be equal.
		const different = `WITH a AS (${hundred}), b AS (${hundred}) SELECT count(DISTINCT c) > 5 FROM (${counts})`;
		assert.equal(scalar(different), 1, join);
	}
	const shuffled = executeSync(prepare('SELECT id FROM exchanges ORDER BY random()', database), database).rows;
	assert.equal(new Set(shuffled.map(([id]) => id)).size, total);
	assert.ok(shuffled.filter(([id], place) => id === Number(shuffled[place - 1]?.[0]) + 1).length < 90);
	for (const output of ['random()', 'abs(random())', '(SELECT random() + e.id * 0)', 'id + (SELECT random())'])
		assert.equal(scalar(`SELECT count(*) FROM (SELECT ${output} AS r FROM exchanges e) WHERE r <> r`), 0, output);
});

test('a condition on a column with codes does not hold for the missing row of an outer join', () => {
	const agents = "(SELECT id, ifnull(user_agent, 'none') || '!' AS m FROM exchanges) f ON f.id = e.id + 2002";
	const rows = (join: string, where: string) =>
		executeSync(prepare(`SELECT e.id FROM exchanges e ${join} ${agents} WHERE ${where}`, database), database).rows;
	for (const where of ["f.m LIKE 'NONE_'", "f.m = 'none!'", "f.m NOT LIKE 'c%'"]) {
		assert.ok(rows('JOIN', where).length > 30, `${where}: ${rows('JOIN', where).length}`);
		assert.deepEqual(rows('LEFT JOIN', where), rows('JOIN', where), where);
	}
});

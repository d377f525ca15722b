// Every bundled query: its header, how it counts, and its rows for synthetic traffic. The rows follow from the traffic that
// a test describes, not from what the query answers.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { processUser } from '../../src/base/invoking-user.ts';
import { RecordingReader } from '../../src/capture/recording.ts';
import { LOSS_REASONS, lossTable } from '../../src/store/loss-table.ts';
import type { DatabaseSnapshot } from '../../src/store/table.ts';
import {
	answer,
	check,
	checked,
	databaseOf,
	origins,
	QUERIES,
	SCRIPTS,
	sqlOf,
	withOld,
} from '../../support/bundled-queries.ts';
import { DIFFERENCES } from '../../support/compared-traffic.ts';
import { connectingTraffic } from '../../support/connecting-traffic.ts';
import { mixedTraffic } from '../../support/mixed-traffic.ts';
import { Tape } from '../../support/record-builder.ts';
import { stored } from '../../support/stored-exchanges.ts';
import { lastingTraffic, streamingTraffic } from '../../support/streaming-traffic.ts';
import {
	type Fields,
	type Process,
	request,
	response,
	TimedTraffic,
	timeAt,
	WRITEV,
	withoutPairsOf,
} from '../../support/timed-traffic.ts';
import { handshakingTraffic } from '../../support/tls-hellos.ts';

const ROOT = join(import.meta.dirname, '../..');

const SHOP: Process = { pid: 100, comm: 'shop', cgroup: '/shop.service', exe: '/usr/bin/shop' };
const FRONT: Process = { pid: 200, comm: 'front' };
/** A path that would do harm if it were pasted anywhere. */
const HOSTILE = `/';DROP/**/TABLE--"%00<b>\\`;

const ECONNRESET = 104;
const ETIMEDOUT = 110;

const of = (bytes: number) => 'x'.repeat(bytes);
const many = (count: number) => Array.from({ length: count }, (_, i) => i);

const mixed = databaseOf(mixedTraffic(SHOP, FRONT, HOSTILE));

test('every bundled query has a title, a description, described parameters and one statement', () => {
	assert.match(readFileSync(join(ROOT, 'README.md'), 'utf8'), new RegExp(`one of ${QUERIES.length} bundled queries`));
	for (const { name, header, problem } of QUERIES) {
		assert.equal(problem, undefined, name);
		assert.match(header.title, /^[A-Z0-9].{8,71}[^.]$/, name);
		assert.match(header.description, /\.$/, name);
		for (const parameter of header.parameters) {
			assert.notEqual(parameter.description, '', `${name}: ${parameter.name}`);
			assert.notEqual(parameter.value, undefined, `${name}: :${parameter.name} has no default`);
		}
		assert.equal(SCRIPTS.get(name)!.steps.length, 1, name);
	}
});

test('a bundled query that reads exchanges sees one row of a pair, or keeps the sides apart', () => {
	for (const name of SCRIPTS.keys()) {
		const sql = sqlOf(name);
		if (!/FROM (exchanges|inflight)\b/.test(sql)) continue;
		const isOnce = /side = '(server|client)' OR (e\.)?pair_id IS NULL/.test(sql);
		assert.ok(isOnce || /side = '(server|client)'/.test(sql) || /\bSELECT side|, side,/.test(sql), name);
	}
});

test('every bundled query runs on the demo recording', () => {
	const reader = new RecordingReader(join(ROOT, 'recordings/demo.tinytap'), processUser());
	const tape = new Tape();
	const batch = new Uint8Array(1 << 22);
	for (let bytes = reader.nextBatch(batch); bytes > 0; bytes = reader.nextBatch(batch))
		tape.records.push(batch.slice(0, bytes));
	reader.close();
	const { database } = stored(tape);
	assert.ok(database.tables.get('exchanges')!.rowCount > 20);
	const all = withOld(database, database);
	for (const name of SCRIPTS.keys()) assert.ok(Array.isArray(answer(name, all)), name);
	assert.deepEqual(answer('diff', all), []);
});

test('latency: a pair counts once, exchanges without a duration do not count', () => {
	const out = ['GET', 'other', '/out'];
	const local = ['GET', 'shop', '/local'];
	const users = ['GET', 'shop', '/users/:id'];
	const hostile = ['GET', 'shop', HOSTILE];
	const post = ['POST', 'shop', '/users/:id'];
	check('slow', mixed, [
		[...out, 1, 100, 100, 100, 100],
		[...local, 1, 40, 40, 40, 40],
		[...users, 3, 20, 29, 29.8, 30],
		[...hostile, 1, 7, 7, 7, 7],
		[...post, 1, 5, 5, 5, 5],
	]);
	// The latest request began at 4 s.
	check('slow', mixed, [[...out, 1, 100, 100, 100, 100]], { since: '2s', top: '1' });
	check('slow', mixed, [[...hostile, 1, 7, 7, 7, 7]], { since: '1999ms' });
	check(
		'slow-requests',
		mixed,
		[
			[7, timeAt(2000), 'front', 'GET', 'other', '/out', 200, 100, 100, 1000],
			[6, timeAt(1000), 'shop', 'GET', 'shop', '/local', 200, 40, 40, 10],
			[2, timeAt(100), 'shop', 'GET', 'shop', '/users/2', 200, 30, 20, 300],
			[3, timeAt(200), 'shop', 'GET', 'shop', '/users/3', 404, 20, 20, 50],
		],
		{ over: '20ms' },
	);
	check(
		'latency-over-time',
		mixed,
		[
			[timeAt(0), ...users, 3, 20, 29, 29.8],
			[timeAt(0), ...post, 1, 5, 5, 5],
			[timeAt(1000), ...local, 1, 40, 40, 40],
			[timeAt(2000), ...out, 1, 100, 100, 100],
			[timeAt(3000), ...hostile, 1, 7, 7, 7],
		],
		{ bucket: '1s' },
	);
	check('latency-over-time', mixed, [[timeAt(0), ...local, 1, 40, 40, 40]], { path: '/l*' });
	check('ttfb', mixed, [
		[...out, 1, 100, 100, 100],
		[...local, 1, 40, 40, 100],
		[...users, 3, 20, 20, 83],
		[...hostile, 1, 7, 7, 100],
		[...post, 1, 5, 5, 100],
	]);
});

test('what endpoints, clients, processes and cgroups did', () => {
	check('endpoints', mixed, [
		['GET', 'shop', '/users/:id', 3, 1, 0, 0, 29, 0, 450, timeAt(200)],
		['GET', 'shop', HOSTILE, 1, 0, 0, 0, 7, 0, 1, timeAt(3000)],
		['GET', 'shop', '/local', 1, 0, 0, 0, 40, 0, 10, timeAt(1000)],
		['GET', 'shop', '/never', 1, 0, 0, 1, null, 0, null, timeAt(4000)],
		['GET', 'other', '/out', 1, 0, 0, 0, 100, 0, 1000, timeAt(2000)],
		['POST', 'shop', '/users/:id', 1, 0, 1, 0, 5, 40, 0, timeAt(300)],
	]);
	check('last-seen', mixed, [
		['GET', 'shop', '/users/:id', 3, timeAt(200), '00:00:03.8'],
		['POST', 'shop', '/users/:id', 1, timeAt(300), '00:00:03.7'],
		['GET', 'shop', '/local', 1, timeAt(1000), '00:00:03'],
		['GET', 'other', '/out', 1, timeAt(2000), '00:00:02'],
		['GET', 'shop', HOSTILE, 1, timeAt(3000), '00:00:01'],
		['GET', 'shop', '/never', 1, timeAt(4000), '00:00:00'],
	]);
	check('traffic', mixed, [
		[timeAt(0), 4, 1, 40, 450, 15, 28.5],
		[timeAt(1000), 1, 0, 0, 10, 40, 40],
		[timeAt(2000), 1, 0, 0, 1000, 100, 100],
		[timeAt(3000), 1, 0, 0, 1, 7, 7],
		[timeAt(4000), 1, 1, 0, 0, null, null],
	]);
	check('callers', mixed, [
		['front', 'other', 1, 0, 0, 1000],
		['front', 'shop', 1, 0, 0, 10],
	]);
	// The client's duration of the pair, which is 2 ms longer.
	check('service-map', mixed, [
		['10.0.0.9', 'shop', 5, 2, 15, 28.5, 40, 450],
		['10.0.0.8', 'shop', 1, 0, 7, 7, 0, 1],
		['front', 'other', 1, 0, 100, 100, 0, 1000],
		['front', 'shop', 1, 0, 42, 42, 0, 10],
	]);
	check('top-talkers', mixed, [
		['front', 'other', 1, 0, 1000, 1000],
		['10.0.0.9', 'shop', 5, 40, 450, 490],
		['front', 'shop', 1, 0, 10, 10],
		['10.0.0.8', 'shop', 1, 0, 1, 1],
	]);
	check(
		'top-talkers',
		mixed,
		[
			['10.0.0.8', 'shop', 1, 0, 1, 1],
			['10.0.0.9', 'shop', 1, 0, 0, 0],
		],
		{ since: '1.2s' },
	);
	check('processes', mixed, [
		[100, 'shop', '/usr/bin/shop', 7, 0, 1, 4, timeAt(4000)],
		[200, 'front', null, 0, 2, 0, 2, timeAt(2000)],
	]);
	check('cgroups', mixed, [
		['/shop.service', 1, 7, 1, 37.5, 0, 0],
		['(unknown)', 1, 0, 0, null, 2, 0],
	]);
	check('payload-sizes', mixed, [
		['GET', 'other', '/out', 1, 0, 0, 0, 1000, 1000, 1000],
		['GET', 'shop', '/users/:id', 3, 0, 0, 0, 100, 280, 300],
		['POST', 'shop', '/users/:id', 1, 40, 40, 40, 0, 0, 0],
		['GET', 'shop', '/local', 1, 0, 0, 0, 10, 10, 10],
		['GET', 'shop', HOSTILE, 1, 0, 0, 0, 1, 1, 1],
		['GET', 'shop', '/never', 1, 0, 0, 0, null, null, null],
	]);
	check(
		'largest-responses',
		mixed,
		[
			[7, timeAt(2000), 'front', 'GET', 'other', '/out', 200, 1000, 1000, null, null, 'recvfrom'],
			[2, timeAt(100), 'shop', 'GET', 'shop', '/users/2', 200, 300, 300, null, null, 'write'],
			[1, timeAt(0), 'shop', 'GET', 'shop', '/users/1', 200, 100, 100, null, null, 'write'],
		],
		{ top: '3' },
	);
	check('carriers', mixed, [
		['server', 'write', 6, 461, 461],
		['client', 'recvfrom', 2, 1010, 1010],
	]);
});

test('connections: how often they are used, and how many requests they carry at a time', () => {
	check('connection-reuse', mixed, [['server', 'shop', '10.0.0.9', 2, 5, 2.5, 50]]);
	// Those that the capture's end closes have no age.
	check('requests-per-connection', mixed, [
		['server', 1, 3, '00:00:00.301'],
		['server', 4, 1, '00:00:00.501'],
		['client', 1, 2, null],
	]);
	const traffic = new TimedTraffic();
	const together = traffic.server(SHOP, '10.0.0.9');
	for (const i of many(3)) together.ask(i, request(`/p${i}`)).answer(10 + i * 10, response(200));
	together.exchange(100, request('/later'), response(200));
	traffic
		.server(SHOP, '10.0.0.9', 0)
		.exchange(5, request('/a'), response(200), { ms: 4 })
		.exchange(9, request('/b'), response(200));
	traffic.server({ pid: 101, comm: 'side' }, '10.0.0.9').exchange(200, request('/s'), response(200));
	const crowded = databaseOf(traffic);
	check('connection-reuse', crowded, [['server', 'shop', '10.0.0.9', 2, 6, 3, 0]]);
	check(
		'connection-reuse',
		crowded,
		[
			['server', 'side', '10.0.0.9', 1, 1, 1, 100],
			['server', 'shop', '10.0.0.9', 2, 6, 3, 0],
		],
		{ least: '1' },
	);
	check('pipelining', crowded, [[1, 'shop', 'server', '10.0.0.9:40001', 4, 2, 2]]);
	// /p0, /p1 and /p2 from 2 ms on, /a from 5 ms on: /a ends at 9 ms, when /b begins.
	check('concurrency', crowded, [
		[100, 'shop', 'server', 4, timeAt(5)],
		[101, 'side', 'server', 1, timeAt(200)],
	]);
	check('concurrency', mixed, [
		[100, 'shop', 'server', 1, timeAt(0)],
		[200, 'front', 'client', 1, timeAt(2000)],
	]);
});

test('TLS: who talks to which server, with which version and cipher, and which clients there are', () => {
	const database = databaseOf(handshakingTraffic(SHOP, FRONT));
	check('tls-names', database, [
		['server', 'shop', 'a.example', 3, 2, 0, 0, 1, timeAt(6)],
		['client', 'front', 'b.example', 2, 0, 2, 0, 0, timeAt(9)],
		['client', 'front', '10.0.0.5:443', 1, 0, 1, 0, 0, timeAt(7)],
		['client', 'front', 'old.example', 1, 0, 0, 1, 0, timeAt(8)],
	]);
	check('tls-weak', database, [
		['client', 'front', 'old.example', '1.0', 'TLS_RSA_WITH_RC4_128_SHA', 1, timeAt(8)],
		['client', 'front', 'b.example', '1.2', 'TLS_RSA_WITH_AES_128_GCM_SHA256', 1, timeAt(9)],
	]);
	check('tls-clients', database, [['shop', 't13d020300_c1929292aa6b_3953dc75acc4', 3, 2, 1, 'a.example', timeAt(6)]]);
});

test('bodies: slow to send, slow to receive, not held', () => {
	const traffic = new TimedTraffic();
	traffic
		.server(SHOP, '10.0.0.9')
		.exchange(0, request('/up', {}, of(70_000)), response(201, 'ok'), { ms: 100, sending: 90 })
		.exchange(200, request('/fast', {}, of(70_000)), response(200))
		.exchange(300, request('/down'), response(200, of(102_400)), { ms: 210, ttfb: 10 })
		.exchange(600, request('/echo', {}, of(66_000)), response(200, of(80_000)), { ms: 160, sending: 50, ttfb: 10 });
	traffic
		.pair(SHOP, FRONT, 900)
		.exchange(1000, request('/both', {}, of(70_000)), response(200), { ms: 50, sending: 40 });
	const bodies = databaseOf(traffic);
	check('slow-uploads', bodies, [
		[1, timeAt(0), 'shop', 'POST', 'shop', '/up', 70_000, 90, 759.5],
		[6, timeAt(1000), 'shop', 'POST', 'shop', '/both', 70_000, 40, 1709],
	]);
	check('slow-downloads', bodies, [
		[3, timeAt(300), 'shop', 'GET', 'shop', '/down', 'write', 102_400, 200, 500],
		[4, timeAt(600), 'shop', 'POST', 'shop', '/echo', 'write', 80_000, 150, 520.8],
	]);
	assert.deepEqual(answer('slow-uploads', bodies, { bytes: '70000' }), answer('slow-uploads', bodies));
	assert.deepEqual(answer('slow-downloads', bodies, { bytes: '80000' }), answer('slow-downloads', bodies));
	// The decoder keeps 65,536 bytes of a body.
	check('not-captured-why', bodies, [
		['server', 'response', 'body limit', 2, 36_864 + 14_464],
		['server', 'request', 'body limit', 4, 3 * 4464 + 464],
		['client', 'request', 'body limit', 1, 4464],
	]);
});

test('carriers: sendfile compared with writev', () => {
	const traffic = new TimedTraffic();
	const head = 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n';
	traffic
		.server(SHOP, '10.0.0.9')
		.exchange(0, request('/f1'), head, { sendfile: 1000, ttfb: 2, ms: 4 })
		.exchange(100, request('/f2'), head, { sendfile: 1000, ttfb: 4, ms: 8 })
		.exchange(200, request('/w'), response(200, of(500)), { call: WRITEV })
		.exchange(300, request('/empty'), response(200))
		.exchange(400, request('/z'), response(200, 'no gzip', { 'Content-Encoding': 'gzip' }));
	traffic.client(FRONT, '10.0.0.7:80').exchange(500, request('/c'), response(200, of(99)));
	const carried = databaseOf(traffic);
	check('carrier-latency', carried, [
		['sendfile', 2, 2000, 3, 6, 7.8, 162.8],
		['write', 1, 7, 10, 10, 10, 0.7],
		['writev', 1, 500, 10, 10, 10, 48.8],
	]);
	const sent = 'body: 1000 bytes via sendfile — content not captured';
	check(
		'not-captured',
		carried,
		[
			[5, 'shop', 'server', 'GET', '/z', null, 'body: 7 bytes, not decoded (gzip: the data has another format)'],
			[2, 'shop', 'server', 'GET', '/f2', null, sent],
		],
		{ top: '2' },
	);
	check('not-captured-why', carried, [
		['server', 'response', 'sendfile', 2, 2000],
		['server', 'response', 'not decoded', 1, 0],
	]);
});

test('cold starts: the first request of a process compared with its later ones', () => {
	const traffic = new TimedTraffic();
	const durations = new Map([
		[100, [90, 10, 20, 30]],
		[101, [30, 20]],
		[102, [500]],
	]);
	for (const [pid, list] of durations) {
		const end = traffic.server({ pid, comm: 'shop' }, '10.0.0.9');
		for (const [i, ms] of list.entries()) end.exchange(i * 1000 + pid - 100, request(`/${pid}`), response(200), { ms });
	}
	const starts = databaseOf(traffic);
	// 10, 20, 20, 30, 30, 90 and 500 ms.
	check('slow', starts, [['GET', 'shop', '/:id', 7, 30, 377, 475.4, 500]]);
	check('latency-over-time', starts, [[timeAt(-20_000), 'GET', 'shop', '/:id', 7, 30, 377, 475.4]], { bucket: '1m' });
	check('ttfb', starts, [['GET', 'shop', '/:id', 7, 30, 30, 100]]);
	check('carrier-latency', starts, [['write', 7, 0, 30, 30, 377, 0]], { bytes: '0' });
	check('cold-starts', starts, [[1, timeAt(0), 100, 'shop', 'GET', '/100', 90, 20, 3]]);
	check(
		'cold-starts',
		starts,
		[
			[1, timeAt(0), 100, 'shop', 'GET', '/100', 90, 20, 3],
			[2, timeAt(1), 101, 'shop', 'GET', '/101', 30, 20, 1],
		],
		{ factor: '1.5' },
	);
});

test('errors: rates, bursts, and what did not complete', () => {
	check('errors', mixed, [
		[9, timeAt(4000), 'shop', 'server', 'GET', 'shop', '/never', null, 'unanswered', 'peer closed'],
		[4, timeAt(300), 'shop', 'server', 'POST', 'shop', '/users/9', 500, 'complete', null],
		[3, timeAt(200), 'shop', 'server', 'GET', 'shop', '/users/3', 404, 'complete', null],
	]);
	check('error-rates', mixed, [
		['GET', 'shop', '/never', 1, 0, 1, 100],
		['POST', 'shop', '/users/:id', 1, 1, 0, 100],
	]);
	check('error-rates', mixed, [['GET', 'shop', '/never', 1, 0, 1, 100]], { since: '1s' });
	const traffic = new TimedTraffic();
	const a = traffic.server(SHOP, '10.0.0.9');
	const b = traffic.server(SHOP, '10.0.0.9');
	const asked = (host: string) => request(`/${host}`, {}, '', host);
	for (const [i, status] of [500, 503, 502, 404].entries()) a.exchange(1000 + i * 1000, asked('a'), response(status));
	for (const [i, status] of [500, 200, 200].entries()) b.exchange(1000 + i * 1000, asked('b'), response(status));
	traffic.server(SHOP, '10.0.0.9').ask(5000, asked('a')).peerCloses(6000);
	for (const i of many(6)) a.exchange(11_000 + i * 1000, asked('a'), response(i % 2 === 0 ? 500 : 200));
	const failing = databaseOf(traffic);
	check('error-rates', failing, [
		['GET', 'a', '/a', 11, 6, 1, 63.6],
		['GET', 'b', '/b', 3, 1, 0, 33.3],
	]);
	const first = [timeAt(0), 'a', 5, 4, 80, 1];
	check('error-bursts', failing, [first, [timeAt(10_000), 'a', 6, 3, 50, 9]]);
	assert.deepEqual(answer('error-bursts', failing, { percent: '50' }), answer('error-bursts', failing));
	check('error-bursts', failing, [first], { percent: '50.1' });
	check('error-bursts', failing, [first], { least: '4' });
});

test('user agents, failed logins, missing pages and who links to them', () => {
	const traffic = new TimedTraffic();
	const curl = { 'User-Agent': 'curl/8' };
	const bot = { 'User-Agent': 'bot' };
	const front = { 'User-Agent': 'front/1' };
	const fromA = { Referer: 'http://shop/a' };
	traffic
		.server(SHOP, '10.0.0.9')
		.exchange(0, request('/a', curl), response(200))
		.exchange(100, request('/b', { ...curl, ...fromA }), response(404))
		.exchange(200, request('/c', bot), response(503))
		.exchange(300, request('/d', bot), response(301, '', { Location: '/e' }))
		.exchange(400, request('/login/1', bot), response(401))
		.exchange(500, request('/login/2', { ...bot, Authorization: 'Basic eDp5' }), response(401))
		.exchange(600, request('/admin', { Cookie: 's=1' }), response(403))
		.exchange(700, request('/b?x=1', { ...curl, ...fromA }), response(404))
		.exchange(800, request('/gone', fromA), response(410));
	traffic.server(SHOP, '10.0.0.8').exchange(900, request('/b', { Referer: 'http://elsewhere/?q=1' }), response(404));
	traffic.client(FRONT, '10.0.0.7:80').exchange(1000, request('/api', front, '', 'other'), response(401));
	traffic.pair(SHOP, FRONT).exchange(1100, request('/b', { ...front, ...fromA }), response(404));
	const web = databaseOf(traffic);
	check('status-by-agent', web, [
		['bot', 4, 0, 1, 2, 1, 0],
		['(none)', 3, 0, 0, 3, 0, 0],
		['curl/8', 3, 1, 0, 2, 0, 0],
		['front/1', 2, 0, 0, 2, 0, 0],
	]);
	check('status-by-agent', mixed, [['(none)', 8, 5, 0, 1, 1, 1]]);
	check('auth-failures', web, [
		['10.0.0.9', 'shop', '/login/:id', 401, 2, 1, timeAt(400), timeAt(500)],
		['10.0.0.9', 'shop', '/admin', 403, 1, 1, timeAt(600), timeAt(600)],
		['front', 'other', '/api', 401, 1, 0, timeAt(1000), timeAt(1000)],
	]);
	check('auth-failures', web, [['10.0.0.9', 'shop', '/login/:id', 401, 2, 1, timeAt(400), timeAt(500)]], {
		least: '2',
	});
	check('not-found', web, [
		['shop', '/b', 4, 3, timeAt(1100)],
		['shop', '/gone', 1, 1, timeAt(800)],
	]);
	check('broken-links', web, [
		['http://shop/a', 'shop', '/b', 3, timeAt(1100)],
		['http://elsewhere/?q=1', 'shop', '/b', 1, timeAt(900)],
		['http://shop/a', 'shop', '/gone', 1, timeAt(800)],
	]);
});

test('redirects and their chains: relative ones are resolved, loops end', () => {
	const traffic = new TimedTraffic();
	const end = traffic.server(SHOP, '10.0.0.9');
	const redirects: readonly [path: string, status: number, location: string | undefined, host?: string][] = [
		['/a', 301, '/b'],
		['/a', 301, '/b'],
		['/b', 302, 'http://shop/c'],
		['/x', 302, '/y'],
		['/y', 302, '/x'],
		['/self', 302, '/self'],
		['/rel/page?q=/', 303, 'next'],
		['/rel/next', 307, '/end'],
		['/p', 308, '//cdn/p'],
		['/p', 302, 'https://cdn/p', 'cdn'],
		['/in', 302, '/x'],
		['/none', 302, undefined],
		['/same', 304, undefined],
	];
	for (const [i, [path, status, location, host]] of redirects.entries()) {
		const fields: Fields = location === undefined ? {} : { Location: location };
		end.exchange(i * 100, request(path, {}, '', host ?? 'shop'), response(status, '', fields));
	}
	const moved = databaseOf(traffic);
	check('redirects', moved, [
		['http://shop/a', 301, '/b', 2, timeAt(100)],
		['http://cdn/p', 302, 'https://cdn/p', 1, timeAt(900)],
		['http://shop/b', 302, 'http://shop/c', 1, timeAt(200)],
		['http://shop/in', 302, '/x', 1, timeAt(1000)],
		['http://shop/none', 302, null, 1, timeAt(1100)],
		['http://shop/p', 308, '//cdn/p', 1, timeAt(800)],
		['http://shop/rel/next', 307, '/end', 1, timeAt(700)],
		['http://shop/rel/page?q=/', 303, 'next', 1, timeAt(600)],
		['http://shop/self', 302, '/self', 1, timeAt(500)],
		['http://shop/x', 302, '/y', 1, timeAt(300)],
		['http://shop/y', 302, '/x', 1, timeAt(400)],
	]);
	const chain = (isLoop: number, ...urls: string[]) => [
		urls[0]!,
		urls.length - 1,
		urls.at(-1)!,
		isLoop,
		urls.join(' → '),
	];
	check(
		'redirect-chains',
		moved,
		[
			chain(0, 'http://shop/in', 'http://shop/x', 'http://shop/y', 'http://shop/x'),
			chain(0, 'http://shop/a', 'http://shop/b', 'http://shop/c'),
			chain(0, 'http://shop/p', 'http://cdn/p', 'https://cdn/p'),
			chain(0, 'http://shop/rel/page?q=/', 'http://shop/rel/next', 'http://shop/end'),
			chain(1, 'http://shop/x', 'http://shop/y', 'http://shop/x'),
			chain(1, 'http://shop/y', 'http://shop/x', 'http://shop/y'),
			chain(1, 'http://shop/self', 'http://shop/self'),
		],
		{ most: '3' },
	);
	// The trail ends where it comes back.
	assert.deepEqual(answer('redirect-chains', moved), answer('redirect-chains', moved, { most: '3' }));
	const sessions = new TimedTraffic();
	const shop = sessions.server(SHOP, '10.0.0.9');
	for (const i of many(60)) {
		shop.exchange(i * 100, request('/'), response(302, '', { Location: `/s/${i}` }));
		shop.exchange(i * 100 + 50, request(`/s/${i}`), response(302, '', { Location: '/' }));
	}
	// From / and back, and from each of the others and back, but no way through several of them.
	assert.equal(answer('redirect-chains', databaseOf(sessions)).length, 120);
});

test('odd messages and requests without Host', () => {
	const traffic = new TimedTraffic();
	traffic
		.server(SHOP, '10.0.0.9')
		.exchange(0, request('/a', {}, '', null), response(200))
		.exchange(200, request('/b', { host: 'shop2' }), response(200))
		.exchange(300, 'GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n', response(200))
		.exchange(400, 'GET /c HTTP/1.1\nX: y\n\n', response(200))
		.exchange(500, request('/a', {}, '', null), response(200));
	traffic.server(SHOP, '10.0.0.8').exchange(100, request('/a', {}, '', null), response(200));
	traffic.pair(SHOP, FRONT).exchange(1000, request('/p', {}, '', null), response(200));
	const odd = databaseOf(traffic);
	check('anomalies', odd, [
		['missing-host', 5, 3, 1, timeAt(1000)],
		['bare-lf', 1, 1, 5, timeAt(400)],
		['duplicate-host', 1, 1, 3, timeAt(200)],
	]);
	check('no-host', odd, [
		['10.0.0.9', '1.1', 'GET', '/a', 2, timeAt(500)],
		['10.0.0.8', '1.1', 'GET', '/a', 1, timeAt(100)],
		['10.0.0.9', '1.1', 'GET', '/c', 1, timeAt(400)],
		['10.0.0.9', '1.0', 'GET', '/old', 1, timeAt(300)],
		['127.0.0.1', '1.1', 'GET', '/p', 1, timeAt(1000)],
	]);
});

test('requests that one side gave up, and those that met a closed connection', () => {
	const traffic = new TimedTraffic();
	const half = 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789';
	traffic
		.server(SHOP, '10.0.0.9')
		.exchange(0, request('/ok'), response(200))
		.ask(100, request('/slow/1'))
		.peerCloses(300);
	traffic.server(SHOP, '10.0.0.8').exchange(400, request('/slow/2'), half).peerCloses(500);
	traffic.server(SHOP, '10.0.0.8').exchange(600, request('/ok'), response(200)).ask(700, request('/cut')).closes(710);
	traffic
		.client(FRONT, '10.0.0.7:80')
		.exchange(1000, request('/out', {}, '', 'other'), response(200))
		.ask(6010, request('/out', {}, '', 'other'))
		.peerCloses(6012);
	traffic
		.client(FRONT, '10.0.0.7:80')
		.ask(7000, request('/out', {}, '', 'other'))
		.peerCloses(7001);
	// A pair: the client gives up, which both sides see.
	const pair = traffic.pair(SHOP, FRONT);
	pair.client.ask(8000, request('/local')).closes(8500);
	pair.server.ask(8001, request('/local')).peerCloses(8501);
	traffic.server(SHOP, '10.0.0.8').ask(9000, request('/reset')).fails(9100, ECONNRESET);
	traffic.server(SHOP, '10.0.0.8').ask(9200, request('/timeout')).fails(9300, ETIMEDOUT);
	traffic
		.client(FRONT, '10.0.0.7:80')
		.exchange(9400, request('/in', {}, '', 'other'), response(200))
		.ask(9500, request('/in', {}, '', 'other'))
		.fails(9501, ECONNRESET);
	const cut = databaseOf(traffic);
	check('abandoned', cut, [
		['GET', 'other', '/out', 'peer closed', 'server', 2, 2, null, timeAt(7000)],
		['GET', 'shop', '/slow/:id', 'peer closed', 'client', 2, 1, 10, timeAt(400)],
		['GET', 'shop', '/cut', 'closed', 'server', 1, 1, null, timeAt(700)],
		['GET', 'other', '/in', 'connection reset', 'server', 1, 1, null, timeAt(9500)],
		['GET', 'shop', '/local', 'peer closed', 'client', 1, 1, null, timeAt(8001)],
		['GET', 'shop', '/reset', 'connection reset', 'client', 1, 1, null, timeAt(9000)],
		['GET', 'shop', '/timeout', 'timed out', null, 1, 1, null, timeAt(9200)],
	]);
	check('callers', cut, [
		['front', 'other', 5, 3, 0, 0],
		['front', 'shop', 1, 1, 0, null],
	]);
	check('keepalive-cut', cut, [
		[5, timeAt(700), 'shop', 'server', 3, 2, 'GET', 'shop', '/cut', 'closed', 90],
		[7, timeAt(6010), 'front', 'client', 4, 2, 'GET', 'other', '/out', 'peer closed', 5000],
		[14, timeAt(9500), 'front', 'client', 10, 2, 'GET', 'other', '/in', 'connection reset', 90],
	]);
});

test('clients that ask again: retries, duplicates, many small requests', () => {
	const traffic = new TimedTraffic();
	const asked = request('/api', {}, '', 'other');
	const api = 'http://other/api';
	traffic
		.client(FRONT, '10.0.0.7:80')
		.exchange(0, asked, response(503))
		.exchange(1000, asked, response(429))
		.exchange(2500, asked, response(200))
		.exchange(3000, asked, response(200))
		.exchange(70_000, request('/late', {}, '', 'other'), response(500))
		.exchange(131_000, request('/late', {}, '', 'other'), response(200));
	// Another process of the same name, which has not failed.
	traffic.client({ ...FRONT, pid: 201 }, '10.0.0.7:80').exchange(500, asked, response(200));
	const later = traffic.client(FRONT, '10.0.0.7:80');
	for (const [i, status] of [408, 425, 404].entries()) {
		const path = request(`/${status}`, {}, 'b', 'other');
		later.exchange(200_000 + i * 100, path, response(status)).exchange(200_050 + i * 100, path, response(200));
	}
	traffic.server(SHOP, '10.0.0.9').ask(5000, request('/y')).peerCloses(5400);
	traffic.server(SHOP, '10.0.0.9').exchange(5500, request('/y'), response(200, of(7)));
	traffic
		.pair(SHOP, FRONT)
		.exchange(6001, request('/z'), response(502))
		.exchange(6101, request('/z'), response(200, of(9)));
	const again = databaseOf(traffic);
	const soon = [
		['10.0.0.9', 'GET', 'http://shop/y', 6, null, 7, 200, '00:00:00.5'],
		['front', 'GET', 'http://shop/z', 8, 502, 10, 200, '00:00:00.1'],
		['front', 'POST', 'http://other/408', 14, 408, 15, 200, '00:00:00.05'],
		['front', 'POST', 'http://other/425', 16, 425, 17, 200, '00:00:00.05'],
	];
	check('retries', again, [
		['front', 'GET', api, 1, 503, 3, 429, '00:00:01'],
		['front', 'GET', api, 3, 429, 4, 200, '00:00:01.5'],
		...soon,
	]);
	check(
		'retries',
		again,
		[
			['front', 'GET', api, 1, 503, 3, 429, '00:00:01'],
			['front', 'GET', api, 3, 429, 4, 200, '00:00:01.5'],
			...soon.slice(0, 2),
			['front', 'GET', 'http://other/late', 12, 500, 13, 200, '00:01:01'],
			...soon.slice(2),
		],
		{ within: '61s' },
	);
	check('retries', again, soon, { within: '500ms' });
	check('callers', again, [
		['front', 'other', 13, 2, 6, 0],
		['front', 'shop', 2, 1, 0, 9],
	]);
	check('service-map', again, [
		['front', 'other', 13, 2, 10, 10, 6, 0],
		['10.0.0.9', 'shop', 2, 1, 10, 10, 0, 7],
		['front', 'shop', 2, 1, 12, 12, 0, 9],
	]);
	const same = new TimedTraffic();
	const end = same.server(SHOP, '10.0.0.9');
	for (const at of [0, 500, 900, 3000]) end.exchange(at, request('/same'), response(200, of(10)));
	for (const [i, body] of ['a', 'b', 'a'].entries())
		end.exchange(1000 + i * 100, request('/p', {}, body), response(201));
	same.server(SHOP, '10.0.0.8').exchange(200, request('/same'), response(200, of(10)));
	const duplicated = databaseOf(same);
	check('duplicates', duplicated, [
		['10.0.0.9', 'GET', 'http://shop/same', 2, '00:00:00.4', 20],
		['10.0.0.9', 'POST', 'http://shop/p', 1, '00:00:00.2', 0],
	]);
	check(
		'duplicates',
		again,
		[
			['10.0.0.9', 'GET', 'http://shop/y', 1, '00:00:00.5', 7],
			['front', 'POST', 'http://other/404', 1, '00:00:00.05', 0],
			['front', 'POST', 'http://other/408', 1, '00:00:00.05', 0],
			['front', 'POST', 'http://other/425', 1, '00:00:00.05', 0],
			['front', 'GET', api, 1, '00:00:00.5', 0],
			['front', 'GET', 'http://shop/z', 1, '00:00:00.1', 9],
		],
		{ within: '500ms' },
	);
	// 7 requests in 3 s; 40 bytes of responses and 3 of requests.
	check('chatty-clients', duplicated, [['10.0.0.9', 'shop', 7, 2.3, 6, 1]], { least: '7', bytes: '6' });
	check(
		'chatty-clients',
		duplicated,
		[
			['10.0.0.9', 'shop', 7, 2.3, 6, 1],
			['10.0.0.8', 'shop', 1, 1, 10, 1],
		],
		{ least: '1' },
	);
	check('chatty-clients', duplicated, [['10.0.0.9', 'shop', 7, 2.3, 6, 1]], { least: '2' });
	check('chatty-clients', duplicated, [], { least: '2', bytes: '5' });
});

test('calls of the same shape during one request', () => {
	const traffic = new TimedTraffic();
	const page = traffic.server(SHOP, '10.0.0.9');
	const db = traffic.client(SHOP, '10.0.0.7:80');
	const call = (at: number, path: string) => db.exchange(at, request(path, {}, '', 'db'), response(200), { ms: 5 });
	page.exchange(0, request('/page/1'), response(200), { ms: 100 });
	for (const i of many(5)) call(10 + i * 10, `/item/${i}`);
	call(60, '/other');
	// After the response, and four during another request.
	for (const i of many(5)) call(110 + i * 10, `/item/${i}`);
	page.exchange(200, request('/page/2'), response(200), { ms: 100 });
	for (const i of many(4)) call(210 + i * 10, `/item/${i}`);
	const calls = databaseOf(traffic);
	check('n-plus-one', calls, [[1, 'shop', 'GET', '/page/1', 'GET', 'db', '/item/:id', 5, 25, 100]]);
	check(
		'n-plus-one',
		calls,
		[
			[1, 'shop', 'GET', '/page/1', 'GET', 'db', '/item/:id', 5, 25, 100],
			[13, 'shop', 'GET', '/page/2', 'GET', 'db', '/item/:id', 4, 20, 100],
		],
		{ least: '4' },
	);
	const upstream = (callId: number, path: string) => [
		...[1, 'shop', 'GET', '/page/1', 100],
		...[callId, 'GET', 'db', path, 200, 5, 5],
	];
	check('upstream-calls', calls, [], { slower: '100ms' });
	check('upstream-calls', calls, [...many(5).map((i) => upstream(2 + i, `/item/${i}`)), upstream(7, '/other')], {
		slower: '99ms',
		top: '6',
	});
});

test('fields of responses: codings, caching, types; and of requests', () => {
	const traffic = new TimedTraffic();
	const gzip = { 'Accept-Encoding': 'br, gzip' };
	const html = { 'Content-Type': 'Text/HTML; charset=utf-8' };
	const json = { 'Content-Type': 'application/problem+json' };
	const kept = { 'Cache-Control': 'no-store' };
	const etag = { ETag: '"v1"' };
	const asksAgain = { 'If-None-Match': '"v0", "v1"' };
	traffic
		.server(SHOP, '10.0.0.9')
		.exchange(0, request('/page/1', gzip), response(200, of(2000), html))
		.exchange(100, request('/page/2', gzip), response(200, of(3000), html))
		.exchange(200, request('/coded', gzip), response(200, of(4000), { ...html, ...kept, 'Content-Encoding': 'x-own' }))
		.exchange(300, request('/plain'), response(200, of(5000), { ...json, ...kept }))
		.exchange(400, request('/error', gzip), response(500, of(1024), json))
		.exchange(500, request('/small', gzip), response(200, of(1023), { ...json, ...kept }))
		.exchange(600, request('/picture', gzip), response(200, of(9000), { 'Content-Type': 'image/png', ...kept }))
		.exchange(700, request('/again', asksAgain), response(200, of(50), etag))
		.exchange(800, request('/again', asksAgain), response(200, of(60), { ETag: '"v2"' }))
		.exchange(900, request('/again', asksAgain), response(304, '', etag))
		.exchange(1000, request('/fresh', { 'If-Modified-Since': 'x' }), response(304))
		.exchange(1100, request('/cookie/1', { Cookie: `a=${of(1000)}; b=${of(18)}` }), response(200, '', kept))
		.exchange(1200, request('/cookie/2', { Cookie: `a=${of(1500)}` }), response(200, '', kept))
		.exchange(1300, request('/cookie/3', { Cookie: `a=${of(1021)}` }), response(200, '', kept))
		.exchange(1400, request('/wide', { Cookie: `a=${of(4000)}` }, '', 'alt'), response(200, '', kept))
		.exchange(1500, request('/bare', {}, '', 'alt'), response(200, of(7)))
		.exchange(1600, request('/other/5', { 'If-None-Match': '"z"' }, '', 'alt'), response(200, 'x', { ETag: '"y"' }));
	traffic.pair(SHOP, FRONT).exchange(2000, request('/page/3', gzip), response(200, of(1000), html));
	const web = databaseOf(traffic);
	check('not-compressed', web, [
		['shop', '/page/:id', 'text/html', 2, 5000, 3000],
		['shop', '/error', 'application/problem+json', 1, 1024, 1024],
	]);
	check('no-cache-headers', web, [
		['shop', '/page/:id', 3, 6000],
		['alt', '/bare', 1, 7],
	]);
	check('revalidation-misses', web, [
		['shop', '/again', 3, 1, 2, 1, 110],
		['alt', '/other/:id', 1, 0, 1, 0, 1],
	]);
	// `a=…; b=…` has 2 + 1000 + 2 + 2 + 18 bytes.
	check('large-cookies', web, [
		['alt', '/wide', 1, 4002, 4002, 1],
		['shop', '/cookie/:id', 2, 1502, 1502 + 1024, 2],
	]);
	check('content-types', web, [
		['(none)', 10, 118, 12, 0],
		['text/html', 4, 10_000, 2500, 1],
		['application/problem+json', 3, 7047, 2349, 0],
		['image/png', 1, 9000, 9000, 0],
	]);
});

test('sizes of heads, and secrets in URLs', () => {
	const traffic = new TimedTraffic();
	const end = traffic.server(SHOP, '10.0.0.9');
	// `Host: shop` is 12 bytes with its line end, `Content-Length: 0` 19.
	end.exchange(0, request('/a?token=x&n=1'), response(200));
	end.exchange(100, request('/b?API_KEY=x&api_key=y&tokens_left=3', { A: 'bc' }), response(200, '', { Long: of(94) }));
	end.exchange(200, request('/a?token=q'), response(200));
	traffic.pair(SHOP, FRONT).exchange(1000, request('/a?token=z', {}, '', 'front'), response(200));
	const heads = databaseOf(traffic);
	check('head-sizes', heads, [
		['shop', 3, 12, 19, 19, 121],
		['front', 1, 13, 13, 19, 19],
	]);
	check('secrets-in-urls', heads, [
		['10.0.0.9', 'shop', '/a', 'token', 2, timeAt(200)],
		['127.0.0.1', 'front', '/a', 'token', 1, timeAt(1000)],
		['10.0.0.9', 'shop', '/b', 'API_KEY', 1, timeAt(100)],
		['10.0.0.9', 'shop', '/b', 'api_key', 1, timeAt(100)],
	]);
});

test('streams of messages: the first one, and the gaps between them', () => {
	const streams = databaseOf(streamingTraffic(SHOP));
	check('time_to_first_message', streams, [
		[1, timeAt(0), 'shop', 'shop', '/chat/1', 'complete', 300, 3, 6, 70, 100],
		[3, timeAt(1000), 'shop', 'shop', '/chat/2', 'complete', 100, 1, 4, null, null],
	]);
	check('time_to_first_message', streams, [[1, timeAt(0), 'shop', 'shop', '/chat/1', 'complete', 300, 3, 6, 70, 100]], {
		over: '200ms',
	});
	check('message-gaps', streams, [['shop', '/chat/:id', 2, 4, 200, 300, 70, 100, 14.3]]);
});

test('exchanges that last long, and those that have not ended', () => {
	const lasting = databaseOf(lastingTraffic(SHOP, FRONT), true);
	check('streams', lasting, [
		['events', 'shop', '/events', 2, 1, 30, 30, 2],
		['long poll', 'shop', '/poll/:id', 2, 0, 7000, 8000, 3],
		['stream', 'shop', '/big', 1, 0, 7000, 7000, 10],
		['upgraded', 'shop', '/ws', 1, 0, 10, 10, 0],
	]);
	assert.deepEqual(answer('streams', lasting, { over: '6s' }), answer('streams', lasting));
	// The statement runs 100 s after the start.
	check(
		'in-flight',
		lasting,
		[
			[4, 99_970, 'shop', 'server', '10.0.0.9:40004', 'GET', 'shop', '/events', 200, 1],
			[8, 1000, 'shop', 'server', '10.0.0.8:40007', 'GET', 'shop', '/waiting', null, null],
			[10, 500, 'shop', 'server', '127.0.0.1:40008', 'GET', 'shop', '/local', null, null],
		],
		{ over: '500ms' },
	);
	check('in-flight', lasting, [], { over: '2 minutes' });
	check('error-rates', lasting, []);
});

test('connect-times: what clients needed to connect, and what their sockets measured, by peer', () => {
	const database = databaseOf(connectingTraffic());
	const six = ['front', '10.0.0.6:80', 1, 1, 1, 1, null, 0];
	check('connect-times', database, [['front', '10.0.0.5:80', 2, 503, 953.9, 1004, 2, 2], six]);
	check('connect-times', database, [six], { since: '150ms' });
});

test('loss: only reasons that occurred, lost bytes before bytes left out by design', () => {
	const totals = LOSS_REASONS.map(({ reason }) => {
		const [events, bytes] = { ring_full: [2, 300], zero_copy: [5, 9000], body_limit: [1, 10_000] }[reason] ?? [0, 0];
		return { events: events!, bytes: bytes!, lastUs: events === 0 ? Number.NaN : 1_700_000_000_000_000 };
	});
	check('loss', { tables: new Map([...mixed.tables, ['loss', lossTable(totals)]]) }, [
		['lost', 'ring_full', 2, 300, timeAt(0)],
		['by_design', 'body_limit', 1, 10_000, timeAt(0)],
		['by_design', 'zero_copy', 5, 9000, timeAt(0)],
	]);
	check('loss', mixed, []);
});

test('diff: endpoints that are new, gone, slower, or answer otherwise', () => {
	for (const { database, rows, values } of DIFFERENCES) check('diff', database, rows, values);
});

test('the rows of every bundled query are checked', () => {
	const names = new Set(checked.map(({ name }) => name));
	assert.deepEqual(
		[...SCRIPTS.keys()].filter((name) => !names.has(name)),
		[],
	);
});

test('a bundled query that counts answers the same if only one side of each exchange was seen', () => {
	const databases = new Map<DatabaseSnapshot, DatabaseSnapshot>();
	let compared = 0;
	for (const { name, values, rows, database } of checked) {
		const origin = origins.get(database);
		const sql = sqlOf(name);
		const preferred = /side = '(server|client)' OR (?:e\.)?pair_id IS NULL/.exec(sql)?.[1];
		// The map of services names both sides.
		if (origin === undefined || preferred === undefined || name === 'service-map') continue;
		const { traffic, open } = origin;
		const mirrored = databases.get(database) ?? stored(traffic.tape({ mirrored: true }), undefined, open).database;
		databases.set(database, mirrored);
		const answered = answer(name, mirrored, values);
		const other = preferred === 'server' ? 'client' : 'server';
		assert.deepEqual(
			answered,
			answer(name, withoutPairsOf(other, mirrored), values),
			`${name} ${JSON.stringify(values)}`,
		);
		if (preferred === 'server') assert.equal(answered.length, rows, name);
		compared++;
	}
	assert.ok(compared > 40, String(compared));
});

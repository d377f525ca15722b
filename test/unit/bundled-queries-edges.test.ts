// What holds for all bundled queries: their order does not depend on the order of the rows, and rows of which a part is
// missing count only where they should.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DatabaseSnapshot } from '../../src/store/table.ts';
import { answer, databaseOf, SCRIPTS } from '../../support/bundled-queries.ts';
import { type End, type Fields, request, response, TimedTraffic } from '../../support/timed-traffic.ts';
import { clientHello, serverHello } from '../../support/tls-hellos.ts';

/** Values with which a query answers about any traffic. */
const LOOSE: Readonly<Record<string, Readonly<Record<string, string>>>> = {
	'chatty-clients': { least: '1', bytes: '1000000' },
	'cold-starts': { factor: '0' },
	'connection-reuse': { least: '1' },
	'error-bursts': { least: '1', percent: '0' },
	'large-cookies': { bytes: '1' },
	'n-plus-one': { least: '1' },
	'not-compressed': { bytes: '1' },
	'slow-downloads': { bytes: '1' },
	'slow-uploads': { bytes: '1' },
	streams: { over: '1ms' },
	'upstream-calls': { slower: '0s' },
};
/** They read what was lost, another recording, or what the kernel says about sockets. */
const OTHERS = new Set(['loss', 'diff', 'connect-times']);
const NAMES = [...SCRIPTS.keys()].filter((name) => !OTHERS.has(name));

function looseAnswer(name: string, database: DatabaseSnapshot) {
	const hasTop = SCRIPTS.get(name)!.header.parameters.some((parameter) => parameter.name === 'top');
	return answer(name, database, { ...LOOSE[name], ...(hasTop ? { top: '100000' } : {}) });
}

/** The same rows, the last one first. */
function reversed(database: DatabaseSnapshot): DatabaseSnapshot {
	const tables = [...database.tables].map(([name, table]) => {
		const reader = (index: number) => {
			const column = table.reader(index);
			return { value: (row: number) => column.value(table.rowCount - 1 - row) };
		};
		return [name, { name, columns: table.columns, rowCount: table.rowCount, reader }] as const;
	});
	return { tables: new Map(tables) };
}

const ASKED: Fields = {
	'Accept-Encoding': 'gzip',
	Authorization: 'Basic eDp5',
	Cookie: 'a=1',
	'If-None-Match': '"1"',
	Referer: 'http://start/',
};

/** Exchanges of every kind, of which many differ only in process, host, path, method or status. */
function alikeTraffic(): TimedTraffic {
	const traffic = new TimedTraffic();
	for (const [index, comm] of ['b', 'a'].entries()) {
		for (const ip of ['10.0.0.9', '10.0.0.8']) {
			const server = { pid: 100 + index, comm, cgroup: `/${comm}` };
			const client = { pid: 200 + index, comm: `${comm}-client`, cgroup: `/${comm}-client` };
			const ends = [traffic.server(server, ip), traffic.client(client, `${ip}:80`)];
			exchanges(ends);
			calls(traffic, server, ip);
			giveUps(traffic, server, ip);
			handshakes([traffic.server(server, ip), traffic.server(server, ip)]);
			handshakes([traffic.client(client, `${ip}:443`), traffic.client(client, `${ip}:443`)]);
		}
	}
	return traffic;
}

function exchanges(ends: readonly End[]): void {
	let at = 0;
	for (const host of ['y', 'x'])
		for (const path of ['/d?token=1&key=2', '/c?sig=1'])
			for (const method of ['POST', 'GET'])
				for (const status of [500, 401, 403, 404, 200, 302, 301]) {
					const fields = {
						'Content-Type': path.startsWith('/c') ? 'text/html' : 'text/plain',
						Location: `http://${host === 'y' ? 'x' : 'y'}${path}`,
						ETag: '"1"',
					};
					const body = method === 'GET' ? '' : 'b'.repeat(10);
					const asked = request(path, { ...ASKED, 'User-Agent': host }, body, host, method);
					for (const end of ends)
						end.exchange(at, asked, response(status, 'x'.repeat(2000), fields), { ms: 20, ttfb: 5 });
					at += 100;
				}
	for (const [i, path] of ['/d', '/c'].entries())
		for (const [j, method] of ['PUT', 'GET'].entries())
			for (const end of ends)
				end.exchange(at + i * 100 + j * 200, request(path, {}, '', null, method), response(200, 'x'), { ms: 20 });
	for (const end of ends) end.exchange(at + 450, 'GET /lf HTTP/1.1\nHost: y\n\n', response(200), { ms: 20 });
	const head = 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n';
	if (ends[0]!.isServer) ends[0]!.exchange(at + 500, request('/f'), head, { sendfile: 1000, ms: 20 });
	ends[0]!.exchange(at + 600, request('/up', {}, 'b'.repeat(100)), response(200, 'ok'), {
		ms: 60,
		sending: 50,
		ttfb: 5,
	});
	for (const end of ends) end.exchange(at + 800, request('/big', {}, 'b'.repeat(66_000)), response(200), { ms: 20 });
	const lines = response(200, '{"a":1}\n{"b":2}\n', { 'Content-Type': 'application/x-ndjson' });
	for (const [i, host] of ['y', 'x'].entries())
		for (const end of ends) end.exchange(at + 900 + i * 100, request('/lines', {}, '', host), lines, { ms: 20 });
	ends[0]!.exchange(at + 700, request('/up', {}, 'b'.repeat(100)), response(200, 'ok'), {
		ms: 60,
		sending: 50,
		ttfb: 5,
	});
}

/** Two requests, during which the server makes calls that are alike. */
function calls(traffic: TimedTraffic, server: { pid: number; comm: string }, ip: string): void {
	const page = traffic.server({ ...server, pid: server.pid + Number(ip.at(-1)) * 10 }, ip);
	const database = traffic.client({ ...server, pid: server.pid + Number(ip.at(-1)) * 10 }, '10.0.0.7:80');
	for (const at of [0, 1000]) {
		page.exchange(at, request('/page'), response(200), { ms: 500 });
		for (const [i, path] of ['/q', '/p', '/q', '/p'].entries())
			database.exchange(at + 10 + i * 10, request(path, {}, '', i < 2 ? 'db' : 'cache'), response(200), { ms: 5 });
	}
}

/** Requests that are not answered, alone, after others and several at a time. */
function giveUps(traffic: TimedTraffic, server: { pid: number; comm: string }, ip: string): void {
	for (const host of ['y', 'x'])
		for (const method of ['PUT', 'GET']) {
			traffic
				.server(server, ip)
				.ask(50, request('/p', {}, '', host, method))
				.peerCloses(100);
			const cut = traffic.server(server, ip).exchange(50, request('/k', {}, '', host), response(200));
			cut.ask(100, request('/k', {}, '', host, method)).closes(120);
		}
	traffic.server(server, ip).ask(30, request('/open'));
	const piped = traffic.server(server, ip);
	for (const at of [1, 2, 3]) piped.ask(at, request('/p'));
	piped.answer(10, response(200)).answer(20, response(200)).answer(30, response(200));
}

function handshakes([first, second]: readonly [End, End]): void {
	for (const [end, name, version] of [
		[first, 'b.example', 0x0302],
		[second, 'a.example', 0x0301],
	] as const) {
		const hello = clientHello({ name, ciphers: [0xc013, version] });
		end.ask(10, hello.toString('latin1')).answer(20, serverHello(version, 0xc013).toString('latin1'));
	}
}

test('the order of every answer is complete: it does not depend on the order of the rows', () => {
	const traffic = alikeTraffic();
	const [ended, open] = [false, true].map((isOpen) => databaseOf(traffic, isOpen));
	for (const name of NAMES) {
		const database = name === 'in-flight' ? open! : ended!;
		const rows = looseAnswer(name, database);
		assert.ok(rows.length > 1, `${name}: ${rows.length} rows`);
		assert.deepEqual(looseAnswer(name, reversed(database)), rows, name);
	}
});

/** One exchange, and something else. The connection of the exchange is the first. */
function withMore(more: (traffic: TimedTraffic) => unknown, isOpen = false): DatabaseSnapshot {
	const traffic = new TimedTraffic();
	traffic.server({ pid: 100, comm: 'shop' }, '10.0.0.9').exchange(0, request('/a', ASKED), response(200, 'x'));
	more(traffic);
	return databaseOf(traffic, isOpen);
}

const ALONE = withMore(() => undefined);

/** The queries whose answer is another one with `more`. */
function changedBy(more: (traffic: TimedTraffic) => unknown, isOpen = false): string[] {
	const after = withMore(more, isOpen);
	return NAMES.filter((name) => JSON.stringify(looseAnswer(name, after)) !== JSON.stringify(looseAnswer(name, ALONE)));
}

const SHOP = { pid: 100, comm: 'shop' };

/** What any query about one side may ask for, on connections that `open` opens. */
function everything(open: () => End): void {
	exchanges([open(), open()]);
	open().ask(50, request('/p')).peerCloses(100);
	const cut = open().exchange(50, request('/k'), response(200)).ask(100, request('/k'));
	if (cut.isServer) cut.closes(120);
	else cut.peerCloses(120);
	const piped = open().ask(1, request('/p')).ask(2, request('/p'));
	piped.answer(10, response(200)).answer(20, response(200));
	open().ask(30, request('/open'));
}

test('an exchange counts if only its server or only its client was seen, except in queries about one of them', () => {
	const changes = (add: (traffic: TimedTraffic) => End) => changedBy((traffic) => everything(() => add(traffic)), true);
	const servers = changes((traffic) => traffic.server(SHOP, '10.0.0.8'));
	const clients = changes((traffic) => traffic.client({ pid: 300, comm: 'other' }, '10.0.0.8:80'));
	const only = (some: readonly string[], others: readonly string[]) => some.filter((name) => !others.includes(name));
	assert.deepEqual(only(servers, clients), ['carrier-latency', 'cold-starts']);
	assert.deepEqual(only(clients, servers), ['callers']);
	// These are about a server's exchange and the calls of its client's side.
	const ofTls = ['tls-clients', 'tls-names', 'tls-weak'];
	assert.deepEqual(only(NAMES, [...servers, ...clients]).sort(), ['n-plus-one', ...ofTls, 'upstream-calls']);
});

test('responses whose requests were not seen, open requests and unused connections count only where they should', () => {
	const sizes = ['head-sizes', 'service-map', 'top-talkers', 'traffic'];
	const processes = ['cgroups', 'connection-reuse', 'processes', 'requests-per-connection'];
	// last-seen compares with the latest exchange of all.
	const all = [...sizes, ...processes, 'last-seen'];
	const shop = (traffic: TimedTraffic) => traffic.server(SHOP, '10.0.0.8');
	const responses = [200, 302, 401, 404, 500].map((status) => response(status, 'x'.repeat(2000)));
	assert.deepEqual(
		changedBy((traffic) => responses.map((each, i) => shop(traffic).answer(100 + i, each))).sort(),
		[...all, 'auth-failures', 'carriers', 'content-types', 'errors', 'largest-responses'].sort(),
	);
	const asked = ['chatty-clients', 'endpoints', 'in-flight', 'large-cookies', 'payload-sizes'];
	assert.deepEqual(
		changedBy((traffic) => shop(traffic).ask(100, request('/b', ASKED)), true).sort(),
		[...all, ...asked].sort(),
	);
	const begun = 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx';
	const answered = ['carriers', 'content-types', 'largest-responses', 'no-cache-headers', 'revalidation-misses'];
	assert.deepEqual(
		changedBy((traffic) => shop(traffic).exchange(100, request('/a', ASKED), begun), true).sort(),
		[...all, ...asked, ...answered].sort(),
	);
	assert.deepEqual(
		changedBy((traffic) => shop(traffic).closes(100)),
		[],
	);
});

// Where the conditions of bundled queries end: the last row that counts and the first one that does not.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answer, check, databaseOf } from '../../support/bundled-queries.ts';
import { type Process, request, response, TimedTraffic, timeAt } from '../../support/timed-traffic.ts';

const SHOP: Process = { pid: 100, comm: 'shop' };
const FRONT: Process = { pid: 200, comm: 'front' };
const of = (bytes: number) => 'x'.repeat(bytes);
const onOne = (
	fill: (server: ReturnType<TimedTraffic['server']>, traffic: TimedTraffic) => unknown,
	isOpen = false,
) => {
	const traffic = new TimedTraffic();
	fill(traffic.server(SHOP, '10.0.0.9'), traffic);
	return databaseOf(traffic, isOpen);
};

test('statuses at the ends of their classes', () => {
	const statuses = [200, 299, 300, 399, 400, 401, 407, 499, 500, 599];
	const database = onOne((server, traffic) => {
		for (const [i, status] of statuses.entries())
			server.exchange(i * 100, request('/s', { 'User-Agent': 'one', Referer: '/r' }), response(status));
		traffic.server(SHOP, '10.0.0.9').ask(2000, request('/s', { 'User-Agent': 'one' }));
		traffic
			.server(SHOP, '10.0.0.9')
			.exchange(
				2100,
				request('/ws', { Upgrade: 'websocket', Connection: 'Upgrade' }),
				'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
			);
	}, true);
	check('status-by-agent', database, [
		['one', 10, 2, 2, 4, 2, 0],
		['(none)', 1, 0, 0, 0, 0, 0],
	]);
	check('endpoints', database, [
		['GET', 'shop', '/s', 11, 4, 2, 0, 10, 0, 0, timeAt(2000)],
		['GET', 'shop', '/ws', 1, 0, 0, 0, 10, 0, 0, timeAt(2100)],
	]);
	assert.deepEqual(
		answer('errors', database).map(([, , , , , , , status]) => status),
		[599, 500, 499, 407, 401, 400],
	);
	check('error-rates', database, [['GET', 'shop', '/s', 10, 2, 0, 20]]);
	check('auth-failures', database, [
		['10.0.0.9', 'shop', '/s', 401, 1, 0, timeAt(500), timeAt(500)],
		['10.0.0.9', 'shop', '/s', 407, 1, 0, timeAt(600), timeAt(600)],
	]);
	check('broken-links', database, []);
});

test('credentials of a proxy; 404s without a link', () => {
	const database = onOne((server) =>
		server
			.exchange(0, request('/p', { 'Proxy-Authorization': 'Basic eDp5' }), response(407))
			.exchange(100, request('/m'), response(404))
			.exchange(200, request('/m', { Referer: 'http://shop/' }), response(404)),
	);
	check('auth-failures', database, [['10.0.0.9', 'shop', '/p', 407, 1, 1, timeAt(0), timeAt(0)]]);
	check('broken-links', database, [['http://shop/', 'shop', '/m', 1, timeAt(200)]]);
});

test('bursts: which requests failed, and in which order intervals and hosts are listed', () => {
	const database = onOne((server) => {
		const course = [
			...['b', 'b', 'b', 'a', 'a', 'a'].map((host, i) => ({
				at: 100 + i * 100,
				host,
				status: i % 3 === 0 ? 200 : 500,
			})),
			...['c', 'c', 'c'].map((host, i) => ({ at: 1000 + i * 100, host, status: 503 })),
			{ at: 10_000, host: 'a', status: 500 },
		];
		for (const { at, host, status } of course) server.exchange(at, request('/', {}, '', host), response(status));
	});
	const rows = [
		[timeAt(0), 'c', 3, 3, 100, 7],
		[timeAt(0), 'a', 3, 2, 66.7, 5],
		[timeAt(0), 'b', 3, 2, 66.7, 2],
		[timeAt(10_000), 'a', 1, 1, 100, 10],
	];
	check('error-bursts', database, rows, { least: '1' });
	check('error-bursts', database, rows, { least: '1', percent: '66.7' });
	check('error-bursts', database, rows.slice(0, 3), { least: '2' });
	check('error-bursts', database, [rows[0]!]);
});

test('what one side gave up, and after what', () => {
	const half = (bytes: number) => `HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n${of(bytes)}`;
	const database = onOne((server, traffic) => {
		server.exchange(0, request('/half'), half(10)).peerCloses(100);
		// Not at once: a request that got a part of its response was not cut.
		const used = () => traffic.server(SHOP, '10.0.0.9').exchange(0, request('/ok'), response(200, 'x'));
		used().exchange(200, request('/half'), half(5)).closes(300);
		used().exchange(200, request('/half'), half(7)).peerCloses(300);
		used().ask(400, request('/never')).peerCloses(500);
		traffic
			.client(FRONT, '10.0.0.7:80')
			.exchange(0, request('/ok'), response(200, 'x'))
			.ask(400, request('/away'))
			.closes(500);
		// An incomplete response, asked for again.
		const again = traffic.client(FRONT, '10.0.0.6:80').exchange(1000, request('/again'), half(1));
		again.peerCloses(1100);
		traffic.client(FRONT, '10.0.0.6:80').exchange(1200, request('/again'), response(200));
	});
	check('abandoned', database, [
		['GET', 'shop', '/half', 'peer closed', 'client', 2, 0, 17, timeAt(200)],
		['GET', 'shop', '/again', 'peer closed', 'server', 1, 0, 1, timeAt(1000)],
		['GET', 'shop', '/away', 'closed', 'client', 1, 1, null, timeAt(400)],
		['GET', 'shop', '/half', 'closed', 'server', 1, 0, 5, timeAt(200)],
		['GET', 'shop', '/never', 'peer closed', 'client', 1, 1, null, timeAt(400)],
	]);
	check('keepalive-cut', database, []);
	const [retry, ...others] = answer('retries', database).filter(([client]) => client === 'front');
	assert.deepEqual(
		[retry!.slice(0, 3), retry!.slice(4, 5), retry!.slice(6), others],
		[['front', 'GET', 'http://shop/again'], [200], [200, '00:00:00.2'], []],
	);
});

test('sizes: sums of several bodies, their percentiles, bodies that are empty or too large to compare', () => {
	const large = request('/large', {}, of(66_000));
	const database = onOne((server) => {
		for (const [i, bytes] of [10, 20, 60].entries())
			server.exchange(i * 100, request('/up', {}, of(bytes)), response(200, of(3)), { ms: 20 });
		server.exchange(1000, request('/none'), response(204));
		server.exchange(1100, large, response(200)).exchange(1200, large, response(200));
	});
	check('payload-sizes', database, [
		['POST', 'shop', '/large', 2, 66_000, 66_000, 66_000, 0, 0, 0],
		['POST', 'shop', '/up', 3, 20, 56, 60, 3, 3, 3],
		['GET', 'shop', '/none', 1, 0, 0, 0, 0, 0, 0],
	]);
	check('endpoints', database, [
		['POST', 'shop', '/up', 3, 0, 0, 0, 20, 90, 9, timeAt(200)],
		['POST', 'shop', '/large', 2, 0, 0, 0, 10, 132_000, 0, timeAt(1200)],
		['GET', 'shop', '/none', 1, 0, 0, 0, 10, 0, 0, timeAt(1000)],
	]);
	check('top-talkers', database, [['10.0.0.9', 'shop', 6, 132_090, 9, 132_099]]);
	check('traffic', database, [
		[timeAt(0), 3, 0, 90, 9, 20, 20],
		[timeAt(1000), 3, 0, 132_000, 0, 10, 10],
	]);
	check('traffic', database, [[timeAt(1000), 3, 0, 132_000, 0, 10, 10]], { since: '200ms' });
	assert.equal(answer('largest-responses', database).length, 3);
	check('duplicates', database, []);
	check('slow-uploads', database, [], { bytes: '100' });
});

test('responses that could be cached, coded or revalidated, and those that could not', () => {
	const html = { 'Content-Type': 'text/html' };
	const etag = { 'If-None-Match': '"1"' };
	const database = onOne((server) =>
		server
			.exchange(0, request('/post', {}, 'b'), response(200, 'x'))
			.exchange(100, request('/expires'), response(200, 'x', { Expires: '0' }))
			.exchange(200, request('/modified'), response(200, 'x', { 'Last-Modified': 'x' }))
			.exchange(300, request('/id'), response(200, 'xx', { ...html, 'Content-Encoding': 'identity', ETag: '"1"' }))
			.exchange(400, request('/gz'), response(200, 'xx', { ...html, 'Content-Encoding': 'x-own', ETag: '"1"' }))
			.exchange(
				500,
				request('/again', etag, '', 'shop', 'HEAD'),
				'HTTP/1.1 200 OK\r\nContent-Length: 7\r\nETag: "1"\r\n\r\n',
			)
			.exchange(600, request('/again', etag, '', 'shop', 'PUT'), response(200, '', { ETag: '"1"' }))
			.exchange(700, request('/again', etag), response(412, 'nope', { ETag: '"1"' }))
			.exchange(800, request('/since', { 'If-Modified-Since': 'x' }), response(200, 'xyz', { ETag: '"1"' })),
	);
	check('no-cache-headers', database, []);
	check('revalidation-misses', database, [
		['shop', '/again', 2, 0, 1, 1, 0],
		['shop', '/since', 1, 0, 1, 0, 3],
	]);
	check('content-types', database, [
		['(none)', 7, 10, 1, 0],
		['text/html', 2, 4, 2, 1],
	]);
});

test('names: templates of paths in all columns, clients and servers that only have an address', () => {
	const traffic = new TimedTraffic();
	traffic.server(SHOP, '10.0.0.9').exchange(0, request('/user/7?token=x'), response(200));
	traffic.server(SHOP, '10.0.0.9').exchange(100, request('/user/8?token=x'), response(200));
	traffic.client(FRONT, '10.0.0.7:80').exchange(200, request('/t', {}, '', null), response(200));
	const database = databaseOf(traffic);
	check('secrets-in-urls', database, [['10.0.0.9', 'shop', '/user/:id', 'token', 2, timeAt(100)]]);
	check('service-map', database, [
		['10.0.0.9', 'shop', 2, 0, 10, 10, 0, 0],
		['front', '10.0.0.7:80', 1, 0, 10, 10, 0, 0],
	]);
});

test('times: medians of several, boundaries, one decimal', () => {
	const database = onOne((server, traffic) => {
		for (const [i, ms] of [40.26, 10.12, 20.34, 90.5].entries())
			server.exchange(i * 1000, request('/t'), response(200, of(100)), { ms, ttfb: 5 });
		// Connections of different ages, with one request each.
		traffic.server({ pid: 101, comm: 'side' }, '10.0.0.8').exchange(0, request('/a'), response(200)).peerCloses(99);
		traffic.server({ pid: 101, comm: 'side' }, '10.0.0.8').exchange(0, request('/a'), response(200)).peerCloses(299);
	});
	assert.deepEqual(
		answer('slow', database).find(([, , path]) => path === '/t'),
		['GET', 'shop', '/t', 4, 30.3, 83, 89, 90.5],
	);
	assert.deepEqual(
		answer('ttfb', database).find(([, , path]) => path === '/t'),
		['GET', 'shop', '/t', 4, 5, 30.3, 12],
	);
	check('cold-starts', database, [], { factor: '2' });
	assert.deepEqual(answer('cold-starts', database, { factor: '1.9' }), [
		[1, timeAt(0), 100, 'shop', 'GET', '/t', 40.3, 20.3, 3],
	]);
	assert.deepEqual(
		answer('requests-per-connection', database).find(([, requests]) => requests === 1),
		['server', 1, 2, '00:00:00.2'],
	);
	check('slow-downloads', database, [], { bytes: '101' });
	assert.equal(answer('slow-downloads', database, { bytes: '100' }).length, 4);
	check('slow-downloads', database, [[6, timeAt(3000), 'shop', 'GET', 'shop', '/t', 'write', 100, 85.5, 1.1]], {
		bytes: '100',
		top: '1',
	});
});

test('chains are followed as far as wanted; fields after a body are not in the head', () => {
	const paths = ['/in', '/x', '/y', '/z'];
	const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nAfter: wards\r\n\r\n';
	const database = onOne((server) => {
		for (const [i, path] of paths.entries())
			server.exchange(i * 100, request(path), response(302, '', { Location: paths[i + 1] ?? '/end' }));
		server.exchange(1000, request('/end', {}, '', 'other'), chunked);
	});
	const chain = (...ends: string[]) => {
		const urls = ends.map((end) => `http://shop/${end}`);
		return [urls[0]!, urls.length - 1, urls.at(-1)!, 0, urls.join(' → ')];
	};
	check('redirect-chains', database, [chain('in', 'x', 'y', 'z', 'end')]);
	check('redirect-chains', database, [chain('in', 'x', 'y')], { most: '2' });
	check('redirect-chains', database, [chain('in', 'x', 'y', 'z')], { most: '3' });
	// `Transfer-Encoding: chunked` is 28 bytes with its line end.
	assert.deepEqual(
		answer('head-sizes', database).find(([host]) => host === 'other'),
		['other', 1, 13, 13, 28, 28],
	);
});

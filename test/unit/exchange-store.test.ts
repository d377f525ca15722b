// From records to tables without root or threads: decoder, store, tables.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { hostNames } from '../../src/capture/host-facts.ts';
import { SegmentCache, snapshotMask } from '../../src/store/database.ts';
import { exchangeRecord } from '../../src/store/exchange-detail.ts';
import type { ExchangeStore } from '../../src/store/exchange-store.ts';
import { FieldPlaces } from '../../src/store/field-places.ts';
import { LOSS_REASONS } from '../../src/store/loss-table.ts';
import { NameBook } from '../../src/store/remote-names.ts';
import { Tape } from '../../support/record-builder.ts';
import { rowsOf } from '../../support/sql-run.ts';
import { GET, OK, stored, tapeOf } from '../../support/stored-exchanges.ts';

test('a stored exchange reads back as it was sent', () => {
	const { rows } = stored(
		tapeOf([
			[
				GET('/a/b?x=1&y', 'X-One: 1\r\nx-one: 2\r\nCookie: a=1\r\nCookie: b=2\r\n'),
				OK('hi there', 'Set-Cookie: a\r\nSET-COOKIE: b\r\nContent-Type: text/plain\r\n'),
			],
		]),
	);
	const row = rows('exchanges')[0]!;
	assert.equal(row.path, '/a/b');
	assert.equal(row.query_string, 'x=1&y');
	assert.equal(row.url, 'http://example.com/a/b?x=1&y');
	assert.equal(row.http_version, '1.1');
	assert.equal(row.status, 200);
	assert.equal(row.res_body, 'hi there');
	assert.deepEqual(row.res_body_raw, new Uint8Array(Buffer.from('hi there')));
	assert.equal(row.req_body, '');
	assert.equal(row.content_type, 'text/plain');
	assert.equal(row.content_encoding, null);
	assert.equal(row.local, '127.0.0.1:80');
	assert.deepEqual(JSON.parse(String(row.req_headers)), { host: 'example.com', 'x-one': '1, 2', cookie: 'a=1; b=2' });
	assert.deepEqual(JSON.parse(String(row.res_headers)), {
		'content-length': '8',
		'set-cookie': ['a', 'b'],
		'content-type': 'text/plain',
	});
	assert.match(String(row.ts), /^2023-11-14T22:13:20\.\d{6}Z$/);
});

test('names that mean something in JavaScript are names like any other', () => {
	const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', '__defineGetter__'];
	const before = Object.getOwnPropertyNames(Object.prototype).join();
	const fields = names.map((name) => `${name}: 1\r\n${name}: 2\r\n`).join('');
	const { rows } = stored(tapeOf([[GET('/', fields), OK('')]]));
	const text = String(rows('exchanges')[0]?.req_headers);
	for (const name of names) {
		assert.ok(text.includes(`"${name.toLowerCase()}":"1, 2"`), text);
		assert.equal(rows('headers').filter((row) => row.raw_name === name).length, 2);
	}
	assert.equal(Object.getOwnPropertyNames(Object.prototype).join(), before);
});

test('headers are rows in order, with case and repeats', () => {
	const { rows } = stored(
		tapeOf([
			[GET('/1', 'B: 2\r\nA: \r\n'), OK('x', 'Z: 9\r\n')],
			[GET('/2'), OK('y')],
		]),
	);
	assert.deepEqual(
		rows('headers').map((row) => [
			row.exchange_id,
			row.message,
			row.seq,
			row.name,
			row.raw_name,
			row.header_value,
			row.trailer,
		]),
		[
			[1, 'request', 0, 'host', 'Host', 'example.com', 0],
			[1, 'request', 1, 'b', 'B', '2', 0],
			[1, 'request', 2, 'a', 'A', '', 0],
			[1, 'response', 0, 'content-length', 'Content-Length', '1', 0],
			[1, 'response', 1, 'z', 'Z', '9', 0],
			[2, 'request', 0, 'host', 'Host', 'example.com', 0],
			[2, 'response', 0, 'content-length', 'Content-Length', '1', 0],
		],
	);
});

test('open exchanges are in exchanges and inflight, with their age', () => {
	const tape = tapeOf([[GET('/done'), OK('x')]]);
	tape.server(2, { local: '127.0.0.1:80', remote: '127.0.0.1:4001' }).open().in(GET('/open'));
	const { rows } = stored(tape, undefined, true);
	assert.deepEqual(
		rows('exchanges')
			.map((row) => [row.path, row.state, row.status])
			.sort(),
		[
			['/done', 'complete', 200],
			['/open', 'open', null],
		],
	);
	const inflight = rows('inflight');
	assert.deepEqual(
		inflight.map((row) => row.path),
		['/open'],
	);
	assert.ok(Number(inflight[0]?.age_ms) > 0);
});

test('each of 5003 rows over several segments is there once, with its own texts', () => {
	const pairs = Array.from(
		{ length: 5003 },
		(_, i) => [GET(`/path/${i}`, `X-Number: ${i}\r\n`), OK(`body ${i}`)] as const,
	);
	const { rows, store } = stored(tapeOf(pairs), { memoryBytes: 16 << 20, rows: Number.POSITIVE_INFINITY });
	assert.equal(store.rows, 5003);
	assert.ok(store.snapshot().segments.length > 2);
	const all = rows('exchanges');
	assert.equal(all.length, 5003);
	for (const [i, row] of all.entries()) {
		assert.equal(row.id, i + 1);
		assert.equal(row.path, `/path/${i}`);
		assert.equal(row.res_body, `body ${i}`);
	}
});

test('a pair is set in both of its rows, and a pair without a row changes nothing', () => {
	const pairs = Array.from({ length: 3011 }, (_, i) => [GET(`/${i}`), OK('x')] as const);
	const { rows, store } = stored(tapeOf(pairs), { memoryBytes: 8 << 20, rows: 2997 });
	assert.ok(store.snapshot().segments.length > 2);
	store.pair(3000, 23);
	// An evicted row; one that does not exist yet; one whose id is equal to 23 modulo 65,536.
	for (const id of [7, 3012, 23 + 65_536]) store.pair(id, 11);
	const paired = rows('exchanges').filter((row) => row.pair_id !== null);
	assert.deepEqual(
		paired.map((row) => [row.id, row.pair_id]),
		[
			[23, 3000],
			[3000, 23],
		],
	);
});

test('--max-rows keeps the newest rows and counts the others', () => {
	const pairs = Array.from({ length: 20_011 }, (_, i) => [GET(`/${i}`), OK('x')] as const);
	const { rows, store } = stored(tapeOf(pairs), { memoryBytes: 64 << 20, rows: 997 });
	const all = rows('exchanges');
	assert.equal(all.length, 997);
	assert.equal(all[0]?.id, 20_011 - 997 + 1);
	assert.equal(all.at(-1)?.id, 20_011);
	assert.equal(store.evictedRows, 20_011 - 997);
});

test('the memory limit is kept, and the oldest rows go first', () => {
	const body = 'x'.repeat(2000);
	const pairs = Array.from({ length: 5003 }, (_, i) => [GET(`/${i}`), OK(body)] as const);
	const memoryBytes = 4 << 20;
	const { rows, store } = stored(tapeOf(pairs), { memoryBytes, rows: Number.POSITIVE_INFINITY });
	assert.ok(store.memoryBytes <= memoryBytes, `${store.memoryBytes} bytes`);
	const all = rows('exchanges');
	assert.equal(all.length, store.rows);
	assert.equal(all.length + store.evictedRows, 5003);
	assert.ok(all.length > 1000);
	assert.equal(all.at(-1)?.id, 5003);
	for (const [i, row] of all.entries()) assert.equal(row.id, 5003 - all.length + 1 + i);
});

test('memory for large bodies is touched before it is written, each byte once, and not again when it is reused', () => {
	// Small ones, too: then there are other texts in the memory already.
	const bodies = Array.from({ length: 307 }, (_, i) =>
		String.fromCharCode(97 + (i % 26)).repeat(i % 3 === 0 ? 10 : 20_000 + i * 97),
	);
	const tape = new Tape();
	tape.clock(1_700_000_000_000_000_000n);
	const connection = tape.server(1).open();
	for (const [i, body] of bodies.entries()) {
		connection.in(GET(`/${i}`));
		connection.out(OK(body));
	}
	const touched = new Map<ArrayBufferLike, [number, number][]>();
	const touch = (memory: Uint8Array) => {
		// Nothing has been written to it yet.
		memory.fill(0xee);
		const { buffer, byteOffset, byteLength } = memory;
		const ranges = touched.get(buffer) ?? [];
		touched.set(buffer, [...ranges, [byteOffset, byteOffset + byteLength]]);
	};
	const limits = { memoryBytes: 8 << 20, rows: Number.POSITIVE_INFINITY, touch };
	const { store, rows } = stored(tape, limits);
	assert.ok(store.evictedRows > 100);
	assert.ok(store.memoryBytes <= limits.memoryBytes);
	for (const row of rows('exchanges')) assert.equal(row.res_body, bodies[Number(String(row.path).slice(1))]);
	const buffers = new Set(store.snapshot().segments.map(({ handle }) => handle.buffer));
	assert.ok(touched.size > 2);
	for (const buffer of buffers) assert.ok(touched.has(buffer));
	for (const [buffer, ranges] of touched) {
		for (const [i, [from, to]] of ranges.entries()) {
			assert.ok(from < to && to <= buffer.byteLength);
			if (i > 0) assert.ok(from >= ranges[i - 1]![1]);
		}
	}
});

const small = (count: number) => Array.from({ length: count }, (_, i) => [GET(`/${i}`), OK('x')] as const);
const large = (count: number) => Array.from({ length: count }, () => [GET('/large'), OK('y'.repeat(20_000))] as const);

for (const discards of [true, false]) {
	test(`segments whose memory was used only in part stay within the limit when used again (${discards ? 'memory can be discarded' : 'or not'})`, () => {
		const discarded = new Set<ArrayBufferLike>();
		const discard = ({ buffer }: Uint8Array) => {
			discarded.add(buffer);
			return discards;
		};
		const limits = { memoryBytes: 4 << 20, rows: Number.POSITIVE_INFINITY, discard };
		const buffers = (of: ExchangeStore) => of.snapshot().segments.map(({ handle }) => handle.buffer);
		const { store, rows } = stored(tapeOf([...small(10_000), ...large(250)]), limits, false, [], (now) => {
			// Memory that could not be discarded is left to the garbage collector.
			if (!discards) assert.ok(!buffers(now).some((buffer) => discarded.has(buffer)));
			now.release();
		});
		assert.ok(store.evictedRows > 0 && discarded.size > 0);
		assert.ok(store.memoryBytes <= limits.memoryBytes, `${store.memoryBytes} bytes`);
		// At the end all segments but the last one are full.
		const full = buffers(store).slice(0, -1);
		const fullBytes = full.reduce((sum, { byteLength }) => sum + byteLength, 0);
		assert.ok(full.length > 5 && store.memoryBytes > 0.8 * fullBytes, `${store.memoryBytes} of ${fullBytes} bytes`);
		assert.equal(rows('exchanges').at(-1)!.id, 10_250);
	});
}

test('while a statement reads all rows, new rows reuse one or two segments beyond the limit', () => {
	const limits = { memoryBytes: 16 << 20, rows: Number.POSITIVE_INFINITY };
	let isRead = false;
	const { store } = stored(tapeOf(large(6000)), limits, false, [], (now) => {
		if (isRead || now.evictedRows === 0) return;
		isRead = true;
		now.snapshot();
	});
	assert.ok(isRead);
	assert.ok(store.memoryBytes <= limits.memoryBytes + (4 << 20), `${store.memoryBytes} bytes`);
});

test('rows that two statements read stay until both have ended', () => {
	const limits = { memoryBytes: 16 << 20, rows: Number.POSITIVE_INFINITY };
	type Reading = { readonly snapshot: ReturnType<ExchangeStore['snapshot']>; readonly copies: Buffer[] };
	const readings: Reading[] = [];
	const intact = ({ snapshot, copies }: Reading) =>
		snapshot.segments.every(({ handle }, i) => Buffer.from(handle.buffer).subarray(0, 4096).equals(copies[i]!));
	let evictedAtRelease = 0;
	stored(tapeOf(large(6000)), limits, false, [], (store) => {
		if (readings.length === 0) {
			const snapshots = [store.snapshot(), store.snapshot()];
			if (snapshots[0]!.segments.length < 3) {
				for (const { id } of snapshots) store.release(id);
				return;
			}
			for (const snapshot of snapshots) {
				// The last segment is still being written.
				const full = { ...snapshot, segments: snapshot.segments.slice(0, -1) };
				const copies = full.segments.map(({ handle }) => Buffer.from(handle.buffer.slice(0, 4096)));
				readings.push({ snapshot: full, copies });
			}
			return;
		}
		if (evictedAtRelease === 0 && store.evictedRows > 0) {
			evictedAtRelease = store.evictedRows;
			store.release(readings[0]!.snapshot.id);
		}
		assert.ok(intact(readings[1]!), `overwritten when ${store.evictedRows} rows had been evicted`);
	});
	assert.ok(evictedAtRelease > 0, 'rows were evicted between');
});

test('texts that all differ, and one larger than a segment, are kept', () => {
	const long = `/${'p'.repeat(60_000)}`;
	const pairs = [
		...Array.from({ length: 3000 }, (_, i) => [`GET / HTTP/1.1\r\nHost: host-${i}.example\r\n\r\n`, OK('x')] as const),
		[GET(long), OK('y')] as const,
	];
	const { rows } = stored(tapeOf(pairs), { memoryBytes: 2 << 20, rows: Number.POSITIVE_INFINITY });
	const all = rows('exchanges');
	assert.equal(all.at(-1)?.path, long);
	const hosts = all.slice(0, -1);
	for (const [i, row] of hosts.entries()) assert.equal(row.host, `host-${3000 - hosts.length + i}.example`);
});

test('codes are equal exactly if texts are equal, across all segments', () => {
	const pairs = Array.from(
		{ length: 20_000 },
		(_, i) => [`GET / HTTP/1.1\r\nHost: h${i % 7}\r\n\r\n`, OK('x')] as const,
	);
	const { database } = stored(tapeOf(pairs));
	const table = database.tables.get('exchanges')!;
	const index = table.columns.findIndex(({ name }) => name === 'host');
	const reader = table.reader(index);
	const texts = new Map<number, unknown>();
	for (let row = 0; row < table.rowCount; row++) {
		const code = reader.code!(row);
		const text = reader.value(row);
		assert.equal(texts.get(code) ?? text, text);
		texts.set(code, text);
	}
	assert.equal(texts.size, 7);
	assert.equal(new Set(texts.values()).size, 7);
});

test('bytes that are not UTF-8 are kept as one character each', () => {
	const tape = new Tape();
	const server = tape.server(1).open();
	server.in(Buffer.from('GET /\xff\xfe HTTP/1.1\r\nHost: x\r\nX-Utf: \xc3\xa9\r\n\r\n', 'latin1'));
	server.out(Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xff\x00', 'latin1'));
	const row = stored(tape).rows('exchanges')[0]!;
	assert.equal(row.path, '/\xff\xfe');
	assert.ok(String(row.req_headers).includes('é'));
	assert.deepEqual(row.res_body_raw, new Uint8Array([0xff, 0]));
});

test('parts of addresses have their own columns, and numbers to compare and group by', () => {
	const tape = new Tape();
	for (const [conn, local, remote] of [
		[1, '10.0.0.1:80', '192.0.2.7:50123'],
		[2, '[2001:db8::1]:8080', '[fe80::2]:65535'],
		[3, '', ''],
	] as const) {
		tape
			.server(conn, { local, remote })
			.open()
			.in(GET(`/${conn}`))
			.out(OK('x'));
	}
	tape.server(4).open().in(GET('/4'));
	tape.factSocket(4, 'socket', 'unix:/run/app:80', 'unix:');
	const { rows, database } = stored(tape);
	assert.deepEqual(
		rows('exchanges')
			.sort((a, b) => Number(a.id) - Number(b.id))
			.map(({ path, local_ip, local_port, remote_ip, remote_port, remote_name }) => [
				path,
				local_ip,
				local_port,
				remote_ip,
				remote_port,
				remote_name,
			]),
		[
			['/1', '10.0.0.1', 80, '192.0.2.7', 50123, null],
			['/2', '2001:db8::1', 8080, 'fe80::2', 65535, null],
			['/3', null, null, null, null, null],
			['/4', null, null, null, null, null],
		],
	);
	const table = database.tables.get('exchanges')!;
	const reader = (name: string) => table.reader(table.columns.findIndex((column) => column.name === name));
	for (let row = 0; row < table.rowCount; row++) {
		const [ip, port] = [reader('remote_ip'), reader('remote_port')];
		assert.equal(ip.code!(row) === -1, ip.value(row) === null);
		assert.deepEqual(port.number!(row), port.value(row) ?? Number.NaN);
	}
});

test("remote_name is the clients' name for the address, else the one in the hosts file", () => {
	const tape = new Tape();
	const get = (host: string, target = '/') => `GET ${target} HTTP/1.1\r\n${host === '' ? '' : `Host: ${host}\r\n`}\r\n`;
	const ends: readonly (readonly [side: 'client' | 'server', remote: string, request: string])[] = [
		['client', '10.0.0.1:80', get('Api.Example.com:80')],
		['client', '10.0.0.1:80', get('10.0.0.1')],
		['client', '10.0.0.1:80', get('')],
		['server', '10.0.0.1:50000', get('me.example.com')],
		// Two names: each request has its own, and the address has none.
		['client', '10.0.0.2:80', get('a.example.com')],
		['client', '10.0.0.2:80', get('b.example.com')],
		['client', '10.0.0.2:80', get('')],
		// The host of a proxied request is not the proxy's name.
		['client', '10.0.0.3:3128', get('far.example.com', 'http://far.example.com/')],
		['client', '10.0.0.4:80', get('')],
		['server', '[2001:db8::9]:50000', get('me.example.com')],
		['server', '10.0.0.9:50000', get('me.example.com')],
		['client', '10.0.0.5:80', get('<script>alert(1)</script>')],
	];
	for (const [conn, [side, remote, request]] of ends.entries()) {
		const connection = tape[side](conn + 1, { local: '192.0.2.1:1000', remote }).open();
		if (side === 'client') connection.out(request).in(OK('x'));
		else connection.in(request).out(OK('x'));
	}
	// A request in a tunnel does not go to the proxy.
	const tunnel = tape.client(100, { local: '192.0.2.1:1000', remote: '10.0.0.6:3128' }).open();
	tunnel.out('CONNECT far.example.com:80 HTTP/1.1\r\nHost: far.example.com:80\r\n\r\n').in('HTTP/1.1 200 OK\r\n\r\n');
	tunnel.out(get('far.example.com')).in(OK('x'));
	const hosts = hostNames(
		'127.0.0.1 localhost\n10.0.0.4\tdb db.local # 10.0.0.9 no\n 2001:DB8:0::9 peer\n10.0.0.4 later\n10.0.0.2 shared\n',
	);
	const { rows } = stored(tape, undefined, false, hosts);
	assert.deepEqual(
		rows('exchanges')
			.sort((a, b) => Number(a.id) - Number(b.id))
			.map(({ remote_name }) => remote_name)
			.slice(0, ends.length),
		[
			'api.example.com',
			'api.example.com',
			'api.example.com',
			'api.example.com',
			'a.example.com',
			'b.example.com',
			null,
			null,
			'db',
			'peer',
			null,
			null,
		],
	);
	const tunnelled = rows('exchanges').filter(({ conn }) => conn === 100);
	assert.ok(tunnelled.length > 0 && tunnelled.every(({ remote_name }) => remote_name === null));
});

test('the executable and the request version are columns; recordings without them have NULL', () => {
	const tape = new Tape();
	for (const [pid, exe] of [
		[11, '/usr/bin/node'],
		[12, undefined],
	] as const) {
		const server = tape.server(pid, { pid, local: '1.2.3.4:80', remote: '5.6.7.8:90' }).open();
		tape.factProcess(pid, 'MainThread', '/c', 'node\x1fserver.js', exe);
		server.in('GET / HTTP/1.0\r\n\r\n').out(OK('x'));
	}
	assert.deepEqual(
		stored(tape)
			.rows('exchanges')
			.map(({ comm, cmdline, exe, http_version, req_http_version }) => [
				comm,
				cmdline,
				exe,
				http_version,
				req_http_version,
			]),
		[
			['MainThread', 'node server.js', '/usr/bin/node', '1.1', '1.0'],
			['MainThread', 'node server.js', null, '1.1', '1.0'],
		],
	);
});

test('a body with a wrong coding label is read, and an unreadable one has a note', () => {
	const text = 'text of a body that is longer than a few bytes, '.repeat(4);
	const coded = gzipSync(text);
	const answer = (encoding: string, body: Uint8Array) =>
		Buffer.concat([
			Buffer.from(`HTTP/1.1 200 OK\r\nContent-Encoding: ${encoding}\r\nContent-Length: ${body.length}\r\n\r\n`),
			body,
		]);
	const cases: readonly (readonly [encoding: string, body: Uint8Array, text: string | RegExp, note: string | null])[] =
		[
			['gzip', coded, text, null],
			['gzip;', coded, text, null],
			['deflate', coded, text, null],
			['gzip, deflate', Buffer.from('ok'), 'ok', 'body: 2 bytes, not decoded (deflate: the data has another format)'],
			['gzip', Buffer.from(text), text, `body: ${text.length} bytes, not decoded (gzip: the data has another format)`],
			['utf-8', Buffer.from(text), text, null],
			['sdch', Buffer.from('x'), 'x', 'body: 1 byte, not decoded (sdch: unknown coding)'],
			[
				'gzip',
				coded.subarray(0, coded.length - 4),
				text,
				`body: ${coded.length - 4} bytes, decoded in part (gzip: unexpected end)`,
			],
			['gzip', coded.subarray(0, 9), /^\x1f/, 'body: 9 bytes, not decoded (gzip: unexpected end)'],
		];
	const tape = new Tape();
	const server = tape.server(1).open();
	for (const [encoding, body] of cases) server.in(GET('/')).out(answer(encoding, body));
	const cut = answer('gzip', coded);
	server.in(GET('/cut')).out(cut, { captured: cut.length - 10 });
	const rows = stored(tape).rows('exchanges');
	for (const [index, [encoding, , expected, note]] of cases.entries()) {
		const { res_body, res_body_note } = rows[index]!;
		if (typeof expected === 'string') assert.equal(res_body, expected, encoding);
		else assert.match(String(res_body), expected, encoding);
		assert.equal(res_body_note, note, encoding);
	}
	// A body that is not held to its end needs no second reason.
	assert.equal(
		rows.at(-1)!.res_body_note,
		`body: first ${coded.length - 10} of ${coded.length} bytes; 10 not captured`,
	);
});

test("a request that names no host has the server's address in its URL, from both sides", () => {
	const tape = new Tape();
	const probe = (host = '') => `GET /probe?x HTTP/1.0\r\n${host}\r\n`;
	const ends: readonly (readonly [side: 'server' | 'client', local: string, remote: string, request: string])[] = [
		['server', '10.0.0.1:8080', '10.0.0.2:50000', probe()],
		['client', '10.0.0.2:50000', '10.0.0.1:8080', probe()],
		['client', '10.0.0.2:50000', '10.0.0.1:80', probe()],
		['server', '[2001:db8::1]:8080', '[2001:db8::2]:5', probe()],
		['server', '10.0.0.1:8080', '10.0.0.2:50000', probe('Host:\r\n')],
		['server', '10.0.0.1:8080', '10.0.0.2:50000', 'OPTIONS * HTTP/1.0\r\n\r\n'],
		['server', '10.0.0.1:8080', '10.0.0.2:50000', probe('Host: h\r\n')],
		['server', '', '', probe()],
	];
	for (const [conn, [side, local, remote, request]] of ends.entries()) {
		const connection = tape[side](conn + 1, { local, remote }).open();
		if (side === 'client') connection.out(request).in(OK('x'));
		else connection.in(request).out(OK('x'));
	}
	const unix = tape.client(20).open();
	unix.out(probe()).in(OK('x'));
	tape.factSocket(20, 'socket', 'unix:', 'unix:/run/app.sock');
	assert.deepEqual(
		stored(tape)
			.rows('exchanges')
			.sort((a, b) => Number(a.id) - Number(b.id))
			.map(({ url }) => url),
		[
			'http://10.0.0.1:8080/probe?x',
			'http://10.0.0.1:8080/probe?x',
			'http://10.0.0.1/probe?x',
			'http://[2001:db8::1]:8080/probe?x',
			'http://10.0.0.1:8080/probe?x',
			'http://10.0.0.1:8080',
			'http://h/probe?x',
			null,
			'http://localhost/probe?x',
		],
	);
});

test('the detail record has the field lines as sent', () => {
	const { store } = stored(tapeOf([[GET('/1', 'B: 2\r\n'), OK('x')]]));
	const record = exchangeRecord(new SegmentCache().open(store.snapshot()), { id: 1 });
	assert.deepEqual(
		record?.requestHeaders.map(({ name, value }) => [name, value]),
		[
			['Host', 'example.com'],
			['B', '2'],
		],
	);
	assert.equal(record?.columns.path, '/1');
	assert.equal(exchangeRecord(new SegmentCache().open(store.snapshot()), { id: 2 }), undefined);
});

test('loss has one row per reason, zeros included', () => {
	const { rows } = stored(tapeOf([]));
	assert.deepEqual(
		rows('loss').map((row) => [row.reason, row.kind, row.events, row.last_ts]),
		LOSS_REASONS.map(({ reason, kind }) => [reason, kind, 0, null]),
	);
});

test('a row and its header lines are found by id, wherever the row is stored', () => {
	const tape = new Tape();
	tape.clock(1_700_000_000_000_000_000n);
	// 3,000 connections, of which the first request is answered last.
	const connections = Array.from({ length: 3000 }, (_, i) =>
		tape.server(i + 1, { remote: `127.0.0.1:${i + 1000}` }).open(),
	);
	for (const [i, connection] of connections.entries()) connection.in(GET(`/${i}`));
	for (const connection of [...connections].reverse()) connection.out(OK('x'));
	const { database } = stored(tape);
	const table = database.tables.get('exchanges')!;
	const ids = table.reader(0);
	for (const id of [1, 2, 1499, 1500, 2999, 3000]) {
		const found = table.find?.(0, id) ?? [];
		assert.deepEqual(
			found.map((row) => ids.value(row)),
			[id],
		);
		const headers = database.tables.get('headers')!;
		const owner = headers.reader(0);
		const lines = headers.find?.(0, id) ?? [];
		assert.deepEqual(
			lines.map((row) => owner.value(row)),
			[id, id],
		);
	}
	assert.deepEqual(table.find?.(0, 3001), []);
	assert.deepEqual(table.find?.(0, -5), []);
	assert.equal(table.find?.(1, 5), undefined);
});

test('a body is decoded from all codings that its head names, including those in Transfer-Encoding', () => {
	const gzip = gzipSync('plain text');
	const both = brotliCompressSync(gzip);
	const chunked = (body: Uint8Array) =>
		`${body.length.toString(16)}\r\n${Buffer.from(body).toString('latin1')}\r\n0\r\n\r\n`;
	for (const [fields, body] of [
		['Content-Encoding: gzip\r\nContent-Encoding: br\r\nTransfer-Encoding: chunked', both],
		['Transfer-Encoding: gzip, chunked', gzip],
		['Transfer-Encoding: gzip\r\nTransfer-Encoding: Chunked', gzip],
		['Content-Encoding: gzip\r\nTransfer-Encoding: chunked', gzip],
		['Transfer-Encoding: gzip, chunked', Buffer.from('plain text')],
	] as const) {
		const tape = new Tape();
		const server = tape.server(1).open();
		server.in('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
		server
			.out(`HTTP/1.1 200 OK\r\n${fields}\r\n\r\n${chunked(body)}`)
			.eof()
			.close();
		const row = stored(tape).rows('exchanges')[0]!;
		assert.deepEqual([row.res_body, row.state], ['plain text', 'complete'], fields);
		assert.deepEqual(Buffer.from(row.res_body_raw as Uint8Array), Buffer.from(body), fields);
	}
});

test('rows that a statement reads are not written over, however many statements there are', () => {
	const pairs = Array.from({ length: 400 }, (_, i) => [GET(`/path/${i}`), OK(`body ${i}`)] as const);
	for (const snapshots of [1, 2, 3]) {
		const read: ReturnType<ExchangeStore['snapshot']>[] = [];
		let isCleared = false;
		const { store } = stored(
			tapeOf(pairs),
			{ memoryBytes: 1, rows: Number.POSITIVE_INFINITY },
			false,
			[],
			(each) => {
				if (read.length === 0 && each.rows > 0) {
					for (let i = 0; i < snapshots; i++) read.push(each.snapshot());
				} else if (read.length > 0 && !isCleared) {
					for (const { id } of read.slice(1)) each.release(id);
					each.clear();
					isCleared = true;
				}
			},
			80,
		);
		const held = read[0]!.segments.map(({ handle }) => handle.buffer);
		const used = store.snapshot().segments.map(({ handle }) => handle.buffer);
		assert.ok(held.length > 0 && !used.some((buffer) => held.includes(buffer)), `${snapshots} snapshots`);
		const parts = new SegmentCache().open(read[0]!);
		const kept = Array.from({ length: read[0]!.appended }, (_, i) => i).filter((i) => {
			const record = exchangeRecord(parts, { id: i + 1 });
			if (record !== undefined) assert.equal(record.requestTarget?.text, `/path/${i}`);
			return record !== undefined;
		});
		assert.ok(kept.length > 0);
	}
});

test('a table that is emptied again and again takes no more memory than one that is emptied once', () => {
	const pairs = Array.from({ length: 600 }, (_, i) => [GET(`/path/${i}`), OK('x'.repeat(200))] as const);
	let most = 0;
	let first = 0;
	stored(
		tapeOf(pairs),
		{ memoryBytes: 300_000, rows: Number.POSITIVE_INFINITY },
		false,
		[],
		(store) => {
			store.clear();
			if (first === 0) first = store.memoryBytes;
			most = Math.max(most, store.memoryBytes);
		},
		40,
	);
	assert.ok(first > 0 && most <= 300_000, `${first}, ${most}`);
});

test('a pair of rows that are not there changes no other row', () => {
	const { store, rows } = stored(
		tapeOf([
			[GET('/1'), OK('')],
			[GET('/2'), OK('')],
		]),
	);
	store.pair(12_345, 54_321);
	const pairs = () => rows('exchanges').map((row) => row.pair_id);
	assert.deepEqual(pairs(), [null, null]);
	store.pair(2, 12_345);
	assert.deepEqual(pairs(), [null, 12_345]);
});

test('what is not known of a connection is NULL, and a statement needs only the snapshots of its tables', () => {
	const tape = new Tape();
	tape.clock(1_700_000_000_000_000_000n);
	tape.server(1).open().in(GET('/')).out(OK('')).close();
	const [connection] = stored(tape).rows('connections');
	assert.deepEqual([connection!.local, connection!.remote], [null, null]);
	assert.deepEqual([snapshotMask([]), snapshotMask(['loss']), snapshotMask(['nosuch'])], [0, 0, 0]);
	const masks = ['exchanges', 'connections', 'events', 'blind_spots'].map((name) => snapshotMask([name]));
	assert.equal(new Set(masks).size, 4);
	assert.equal(snapshotMask(['events', 'connections']), masks[1]! | masks[2]!);
});

test('values of a field are grouped, also those of the first line that a segment keeps', () => {
	const ask = (agent: string) => `GET / HTTP/1.1\r\nUser-Agent: ${agent}\r\nHost: h\r\n\r\n`;
	const { database, store } = stored(tapeOf(['a', 'b', 'a', 'c', 'a', 'b'].map((agent) => [ask(agent), OK('')])));
	assert.deepEqual(rowsOf('SELECT user_agent, count(*) FROM exchanges GROUP BY user_agent', database), [
		['a', 3],
		['b', 2],
		['c', 1],
	]);
	// Lines that are kept once, or too long for that, after another name of the same length.
	for (const length of [300, 5000]) {
		const long = `Xser-Agent: ${'v'.repeat(length)}\r\nUser-Agent: ${'w'.repeat(length)}\r\n`;
		const one = stored(tapeOf([[GET('/', long), OK('')]]));
		assert.deepEqual(rowsOf('SELECT user_agent FROM exchanges', one.database), [['w'.repeat(length)]]);
		const groups = rowsOf('SELECT user_agent, count(*) FROM exchanges GROUP BY user_agent', one.database);
		assert.deepEqual(groups, [['w'.repeat(length), 1]]);
	}
	const segment = new SegmentCache().open(store.snapshot())[0]!.segment;
	const places = new FieldPlaces();
	places.find(segment, 0);
	assert.deepEqual([places.count, places.requestCount], [3, 2]);
	places.findIn(segment, 0, 'request');
	assert.deepEqual([places.count, places.requestCount], [2, 2]);
	places.findIn(segment, 0, 'response');
	assert.deepEqual([places.count, places.requestCount], [1, 0]);
});

test('lines of headers may be read in any order, also beside exchanges without fields, and found by their exchange', () => {
	const bare = ['GET / HTTP/1.0\r\n\r\n', 'HTTP/1.0 204 No Content\r\n\r\n'] as const;
	const one = [GET('/1'), OK('')] as const;
	const two = [GET('/2', 'A: b\r\n'), OK('')] as const;
	const { database, rows } = stored(tapeOf([bare, one, bare, bare, two, bare, one, bare]));
	assert.equal(rows('headers').length, 7);
	// Also if the last exchange has fields, whatever the number of exchanges.
	for (const last of [
		{ database, rows },
		...[1, 2, 3, 4, 5].map((count) => stored(tapeOf(new Array(count).fill(one)))),
	]) {
		const all = last.rows('headers');
		const table = last.database.tables.get('headers')!;
		for (let from = 0; from < all.length; from++) {
			for (let step = 1; step < all.length; step++) {
				const readers = table.columns.map(({ name }, index) => [name, table.reader(index)] as const);
				for (let i = 0, row = from; i < all.length; i++, row = (row + step) % all.length)
					assert.deepEqual(Object.fromEntries(readers.map(([name, { value }]) => [name, value(row)])), all[row]);
			}
		}
	}
	for (const [id, count] of [
		[1, 0],
		[2, 2],
		[5, 3],
		[7, 2],
		[8, 0],
		[9, 0],
		[-1, 0],
	] as const)
		assert.equal(rowsOf(`SELECT name FROM headers WHERE exchange_id = ${id}`, database).length, count, String(id));
});

test('a name in a request is that of an IP address, and may be 260 characters long', () => {
	const tape = new Tape();
	tape.clock(1_700_000_000_000_000_000n);
	const names = [260, 261].map((length) => `${'n'.repeat(length - 4)}.org`);
	for (const [i, name] of names.entries()) {
		const client = tape.client(i + 1, { local: '10.0.0.1:4000', remote: `10.0.0.${i + 2}:80` }).open();
		client.out(`GET / HTTP/1.1\r\nHost: ${name}\r\n\r\n`).in(OK(''));
	}
	const local = tape.client(3);
	local.out('GET / HTTP/1.1\r\nHost: app.local\r\n\r\n');
	tape.factSocket(3, 'socket', '', 'unix:/run/app.sock');
	local.in(OK(''));
	const { store } = stored(tape);
	const learned = new NameBook().learn(new SegmentCache().open(store.snapshot()));
	assert.equal(learned.nameOf('10.0.0.2:80'), names[0]);
	assert.equal(learned.nameOf('10.0.0.3:80'), null);
	assert.equal(learned.nameOf('unix:/run/app.sock'), null);
});

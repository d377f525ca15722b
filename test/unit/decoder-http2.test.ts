// HTTP/2 in the decoder: what frames become in rows.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
	CAPTURE_CONN_HTTP2,
	FLAG_MIDSTREAM,
	ROLE_ACCEPTED,
	SYSCALL_WRITEV,
} from '../../decoder-as/assembly/wire/capture-event.ts';
import { SNAPSHOT_BLIND_SPOTS } from '../../decoder-as/assembly/wire/output-layout.ts';
import { decodeRecords, type ExchangeRow, feedRecords, newDecoder, takeOutput } from '../../support/decoded-rows.ts';
import {
	data,
	END_HEADERS,
	END_STREAM,
	frame,
	headers,
	indexedField,
	integer,
	literalBlock,
	number32,
	PADDED,
	PREFACE,
	PRIORITY,
	padded,
	plainString,
	requestBlock,
	responseBlock,
	settings,
	tableField,
} from '../../support/http2-frames.ts';
import { type ConnectionTape, Tape } from '../../support/record-builder.ts';

/** A connection on which both sides have sent what they begin with. */
function begun(tape: Tape, conn = 1): ConnectionTape {
	return tape.server(conn).open().in(PREFACE).in(settings()).out(settings());
}

function rowsOf(write: (server: ConnectionTape) => void): ExchangeRow[] {
	const tape = new Tape();
	const server = begun(tape);
	write(server);
	server.close();
	return decodeRecords(tape.records).exchanges;
}

const shown = (row: ExchangeRow) => [
	row.streamId,
	row.method,
	row.target,
	row.status,
	row.state,
	row.reason,
	row.resBody,
];

test('each stream is a row, however its frames are interleaved', () => {
	const tape = new Tape();
	const server = begun(tape)
		.in(headers(1, requestBlock('/one', [['x-id', '1']]), true))
		.in(Buffer.concat([headers(3, requestBlock('/two?a=b', [['content-type', 'text/plain']], 'POST')), data(3, 'he')]))
		.out(headers(3, responseBlock(201, [['content-type', 'text/plain']])))
		.in(data(3, 'llo', true))
		.out(Buffer.concat([data(3, 'abc'), headers(1, responseBlock(200)), data(1, 'first', true)]))
		.out(data(3, 'def', true));
	server.close();
	const { exchanges: rows, connections, skips } = decodeRecords(tape.records);
	assert.deepEqual(rows.map(shown), [
		[1, 'GET', '/one', 200, 'complete', null, 'first'],
		[3, 'POST', '/two?a=b', 201, 'complete', null, 'abcdef'],
	]);
	const [one, two] = rows as [ExchangeRow, ExchangeRow];
	assert.deepEqual(
		[one.version, one.reqVersion, one.host, one.path, one.query],
		[0x200, 0x200, 'example.com', '/one', null],
	);
	assert.deepEqual([two.path, two.query, two.reqBody, two.reqBodyBytes], ['/two', 'a=b', 'hello', 5]);
	assert.deepEqual(one.reqHeaders, [{ name: 'x-id', value: '1', trailer: false }]);
	assert.deepEqual([one.anomalies, two.anomalies], [null, null]);
	assert.deepEqual([connections[0]!.protocol, connections[0]!.exchanges, skips.length], ['http2', 2, 0]);
});

test('a conversation gives the same rows however it is cut into calls', () => {
	const ask = Buffer.concat([
		Buffer.from(PREFACE),
		settings({ 5: 65536 }),
		headers(1, requestBlock('/a', [], 'POST')),
		data(1, 'body', true),
		frame('headers', 3, requestBlock('/b').subarray(0, 20), END_STREAM),
		frame('continuation', 3, requestBlock('/b').subarray(20), END_HEADERS),
	]);
	const tell = Buffer.concat([
		settings(),
		headers(1, responseBlock(103, [['link', 'x']])),
		headers(1, responseBlock(200)),
		frame('data', 1, padded('answer', 7), PADDED | END_STREAM),
		headers(3, responseBlock(200)),
		data(3, 'more'),
		headers(3, literalBlock([['x-checksum', 'abc']]), true),
	]);
	for (const size of [1, 2, 3, 5, 8, 9, 10, 17, 40, 1000]) {
		const tape = new Tape();
		const server = tape.server(1).open();
		for (let at = 0; at < ask.length; at += size) server.in(ask.subarray(at, at + size));
		for (let at = 0; at < tell.length; at += size) server.out(tell.subarray(at, at + size));
		server.close();
		const rows = decodeRecords(tape.records).exchanges;
		assert.deepEqual(
			rows.map(shown),
			[
				[1, 'POST', '/a', 200, 'complete', null, 'answer'],
				[3, 'GET', '/b', 200, 'complete', null, 'more'],
			],
			`calls of ${size} bytes`,
		);
		assert.deepEqual([rows[0]!.reqBody, rows[0]!.interim, rows[0]!.resBodyBytes], ['body', '103', 6]);
		assert.deepEqual(rows[1]!.resHeaders, [{ name: 'x-checksum', value: 'abc', trailer: true }]);
		assert.deepEqual([rows[0]!.anomalies, rows[1]!.anomalies], [null, null]);
	}
});

test('the row of a stream has the times and calls of its own frames', () => {
	const tape = new Tape();
	begun(tape)
		.in(headers(1, requestBlock('/slow'), true))
		.in(headers(3, requestBlock('/quick'), true))
		.out(Buffer.concat([headers(3, responseBlock(200)), data(3, 'q', true)]))
		.out(headers(1, responseBlock(200)))
		.out(data(1, 'slow', true), { syscall: SYSCALL_WRITEV })
		.close();
	const [slow, quick] = decodeRecords(tape.records).exchanges as [ExchangeRow, ExchangeRow];
	// Each call is a millisecond after the one before.
	assert.deepEqual([slow.durationMs, slow.ttfbMs, quick.durationMs, quick.ttfbMs], [4, 3, 1, 1]);
	assert.deepEqual([slow.via, slow.vias, quick.via], ['writev', 'write+writev', 'write']);
	assert.equal(slow.resWireBytes, 2 * 9 + responseBlock(200).length + 4);
});

test('both sides of a connection have the same streams', () => {
	const tape = new Tape();
	const [local, remote] = ['127.0.0.1:80', '127.0.0.1:5000'];
	const client = tape.client(1, { local: remote, remote: local }).open();
	const server = tape.server(2, { local, remote }).open();
	client.out(PREFACE).out(settings());
	server.in(PREFACE + Buffer.from(settings()).toString('latin1')).out(settings());
	client.in(settings());
	const ids = Array.from({ length: 100 }, (_, i) => i * 2 + 1);
	for (const id of ids) client.out(headers(id, requestBlock('/same'), true));
	for (const id of ids) server.in(headers(id, requestBlock('/same'), true));
	for (const id of ids.toReversed()) server.out(headers(id, responseBlock(204), true));
	for (const id of ids.toReversed()) client.in(headers(id, responseBlock(204), true));
	client.close();
	server.close();
	const { exchanges, pairs } = decodeRecords(tape.records);
	const pairOf = new Map(pairs.flatMap(({ a, b }) => [[a, b] as const, [b, a] as const]));
	const byId = new Map(exchanges.map((row) => [row.id, row]));
	assert.equal(exchanges.length, 200);
	for (const row of exchanges) {
		const other = byId.get(row.pairId === 0 ? pairOf.get(row.id)! : row.pairId);
		assert.deepEqual([other?.streamId, other?.side === row.side], [row.streamId, false], `stream ${row.streamId}`);
	}
});

test('a stream that is reset says by which code, and GOAWAY ends those that the server does not take', () => {
	const rows = rowsOf((server) =>
		server
			.in(headers(1, requestBlock('/1'), true))
			.in(headers(3, requestBlock('/3'), true))
			.in(headers(5, requestBlock('/5', [], 'POST')))
			.in(headers(7, requestBlock('/7'), true))
			.in(headers(9, requestBlock('/9'), true))
			.out(headers(1, responseBlock(200)))
			.out(data(1, 'part'))
			.in(frame('rstStream', 1, number32(8)))
			.out(data(1, 'late', true))
			.out(frame('rstStream', 3, number32(7)))
			.out(headers(5, responseBlock(413), true))
			.out(frame('rstStream', 5, number32(0)))
			.out(frame('rstStream', 7, number32(0xdead)))
			.out(frame('goaway', 0, Buffer.concat([number32(7), number32(11), Buffer.from('calm down')]))),
	);
	assert.deepEqual(rows.map(shown), [
		[1, 'GET', '/1', 200, 'incomplete', 'reset: CANCEL', 'part'],
		[3, 'GET', '/3', 0, 'unanswered', 'reset: REFUSED_STREAM', null],
		[5, 'POST', '/5', 413, 'incomplete', 'reset: NO_ERROR', ''],
		[7, 'GET', '/7', 0, 'unanswered', 'reset: unknown code', null],
		[9, 'GET', '/9', 0, 'unanswered', 'goaway: ENHANCE_YOUR_CALM', null],
	]);
});

test('a pushed response is a row of its own', () => {
	const rows = rowsOf((server) =>
		server
			.in(headers(1, requestBlock('/page'), true))
			.out(frame('pushPromise', 1, Buffer.concat([number32(2), requestBlock('/style.css')]), END_HEADERS))
			.out(headers(1, responseBlock(200)))
			.out(data(1, 'page', true))
			.out(headers(2, responseBlock(200)))
			.out(data(2, 'style', true)),
	);
	assert.deepEqual(rows.map(shown), [
		[1, 'GET', '/page', 200, 'complete', null, 'page'],
		[2, 'GET', '/style.css', 200, 'complete', null, 'style'],
	]);
	assert.deepEqual([rows[0]!.anomalies, rows[1]!.anomalies], [null, 'pushed']);
});

test('the request that Upgrade: h2c turns into HTTP/2 is stream 1', () => {
	const tape = new Tape();
	tape
		.server(1)
		.open()
		.in(
			'GET /up HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n',
		)
		.out('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n')
		.out(settings())
		.in(PREFACE)
		.in(settings())
		.out(headers(1, responseBlock(200, [['x-a', 'b']])))
		.in(headers(3, requestBlock('/next'), true))
		.out(data(1, 'upgraded', true))
		.out(headers(3, responseBlock(404), true))
		.close();
	const { exchanges, connections } = decodeRecords(tape.records);
	assert.deepEqual(exchanges.map(shown), [
		[1, 'GET', '/up', 200, 'complete', null, 'upgraded'],
		[3, 'GET', '/next', 404, 'complete', null, ''],
	]);
	const [first] = exchanges;
	assert.deepEqual([first!.reqVersion, first!.version, first!.interim], [0x101, 0x200, '101']);
	assert.deepEqual([connections[0]!.protocol, connections[0]!.exchanges], ['http2', 2]);
});

test('an upgraded request of which bytes are missing is not complete', () => {
	const tape = new Tape();
	const server = tape.server(1).open();
	server.in(
		'POST /up HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nContent-Length: 9\r\n\r\nabc',
	);
	server.inOffset += 6n;
	server
		.out('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n')
		.in(PREFACE)
		.in(settings())
		.out(settings())
		.out(headers(1, responseBlock(200), true))
		.close();
	const [row] = decodeRecords(tape.records).exchanges;
	assert.deepEqual(shown(row!), [1, 'POST', '/up', 200, 'incomplete', 'bytes lost', '']);
});

test('a server that answers the preface in HTTP/1 makes it a request of HTTP/1', () => {
	const tape = new Tape();
	tape
		.server(1)
		.open()
		.in(PREFACE)
		.in(settings())
		.in(headers(1, requestBlock('/a'), true))
		.out('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
		.close();
	const { exchanges, connections } = decodeRecords(tape.records);
	assert.deepEqual(
		exchanges.map((row) => [row.streamId, row.method, row.status, row.version]),
		[[0, 'PRI', 400, 0x101]],
	);
	assert.equal(connections[0]!.protocol, 'http1');
});

test('a server that speaks only HTTP/2 may be asked in HTTP/1', () => {
	const tape = new Tape();
	tape
		.server(1)
		.open()
		.out(settings())
		.in('GET /a HTTP/1.1\r\nHost: h\r\n\r\n')
		.out(frame('goaway', 0, Buffer.alloc(8)))
		.close();
	const { exchanges, connections } = decodeRecords(tape.records);
	assert.deepEqual(
		exchanges.map((row) => [row.streamId, row.method, row.target, row.state, row.reason, row.anomalies]),
		[[0, 'GET', '/a', 'incomplete', 'malformed', 'invalid-status']],
	);
	assert.equal(connections[0]!.protocol, 'http1');
});

test('a server may send its settings before it has read anything', () => {
	const tape = new Tape();
	tape
		.server(1)
		.open()
		.out(settings({ 3: 100 }))
		.in(PREFACE + Buffer.from(settings()).toString('latin1'))
		.in(headers(1, requestBlock('/a'), true))
		.out(headers(1, responseBlock(204), true))
		.close();
	const { exchanges } = decodeRecords(tape.records);
	assert.deepEqual(exchanges.map(shown), [[1, 'GET', '/a', 204, 'complete', null, '']]);
});

test('requests of a server that never answers are rows', () => {
	const tape = new Tape();
	tape
		.server(1)
		.open()
		.in(PREFACE)
		.in(settings())
		.in(headers(1, requestBlock('/a'), true))
		.close();
	const { exchanges, connections } = decodeRecords(tape.records);
	assert.deepEqual(exchanges.map(shown), [[1, 'GET', '/a', 0, 'unanswered', 'closed', null]]);
	assert.equal(connections[0]!.protocol, 'http2');
	const long = new Tape();
	const server = long.server(1).open().in(PREFACE).in(settings());
	for (let id = 1; id < 5000; id += 2)
		server.in(headers(id, requestBlock(`/${id}`, [['x-pad', 'x'.repeat(50)]]), true));
	const rows = decodeRecords(long.records).exchanges;
	assert.deepEqual([rows.length, rows[2000]!.target], [2500, '/4001']);
});

test('padding and priority are not part of a message', () => {
	const block = requestBlock('/p', [], 'POST');
	const rows = rowsOf((server) =>
		server
			.in(
				frame(
					'headers',
					1,
					padded(Buffer.concat([number32(0), Uint8Array.of(15), block]), 3),
					PADDED | PRIORITY | END_HEADERS,
				),
			)
			.in(frame('data', 1, padded('', 255), PADDED))
			.in(frame('data', 1, padded('body', 0), PADDED | END_STREAM))
			.in(frame('priority', 1, Buffer.concat([number32(0), Uint8Array.of(1)])))
			.in(frame('windowUpdate', 0, number32(100)))
			.in(frame('ping', 0, Buffer.alloc(8)))
			.in(frame(0x42, 1, 'a frame of an unknown type'))
			.out(headers(1, responseBlock(200), true)),
	);
	assert.deepEqual(
		[rows[0]!.target, rows[0]!.reqBody, rows[0]!.state, rows[0]!.anomalies],
		['/p', 'body', 'complete', null],
	);
	const wrong = rowsOf((server) =>
		server
			.in(headers(1, block))
			.in(frame('data', 1, Uint8Array.of(9, 1, 2), PADDED | END_STREAM))
			.out(headers(1, responseBlock(200), true)),
	);
	assert.equal(wrong[0]!.anomalies, 'invalid-frame');
});

test('pseudo-headers that are repeated, unknown, late, or of the other side are an oddity', () => {
	const field = (name: string, value: string) =>
		Buffer.concat([integer(0, 4, 0), plainString(name), plainString(value)]);
	const ordinary = field('x-a', '1');
	const ok = responseBlock(200);
	for (const [request, response] of [
		[Buffer.concat([requestBlock('/'), field(':path', '/again')]), ok],
		[Buffer.concat([requestBlock('/'), field(':unknown', 'x')]), ok],
		[Buffer.concat([requestBlock('/'), field(':status', '200')]), ok],
		[Buffer.concat([ordinary, requestBlock('/')]), ok],
		[requestBlock('/'), Buffer.concat([ok, field(':status', '404')])],
		[requestBlock('/'), Buffer.concat([ok, field(':path', '/')])],
		[requestBlock('/'), field(':status', '2x0')],
	] as const) {
		const [row] = rowsOf((server) => server.in(headers(1, request, true)).out(headers(1, response, true)));
		assert.equal(row!.anomalies, 'invalid-pseudo-header', response.toString('latin1'));
		assert.equal(row!.target, '/');
	}
	const [plain] = rowsOf((server) =>
		server.in(headers(1, Buffer.concat([requestBlock('/'), ordinary]), true)).out(headers(1, ok, true)),
	);
	assert.equal(plain!.anomalies, null);
	// Their order is free.
	const [tunnel] = rowsOf((server) =>
		server
			.in(headers(1, Buffer.concat([field(':protocol', 'websocket'), requestBlock('/', [], 'CONNECT'), ordinary])))
			.out(headers(1, ok)),
	);
	assert.deepEqual([tunnel!.anomalies, tunnel!.target, tunnel!.state], [null, '/', 'upgraded']);
});

test('a client may receive an answer before its request is captured whole', () => {
	const tape = new Tape();
	const block = requestBlock('/cut', [['x-id', '1']]);
	const client = tape.client(1).open().out(PREFACE).out(settings()).in(settings());
	client
		.out(frame('headers', 1, block.subarray(0, 20), END_STREAM))
		.in(headers(1, responseBlock(103)))
		.in(headers(1, responseBlock(200), true))
		.out(frame('continuation', 1, block.subarray(20), END_HEADERS))
		.close();
	const [row] = decodeRecords(tape.records).exchanges;
	assert.deepEqual(
		[row!.target, row!.interim, row!.status, row!.state, row!.anomalies],
		['/cut', '103', 200, 'complete', null],
	);
});

test('a header block uses the dynamic table of its direction', () => {
	const rows = rowsOf((server) =>
		server
			.in(
				headers(
					1,
					Buffer.concat([requestBlock('/1'), indexedField(['x-one', '1']), indexedField(['x-two', '2'])]),
					true,
				),
			)
			.in(headers(3, Buffer.concat([requestBlock('/3'), tableField(62), tableField(63)]), true))
			// A new value for a name of the table, not added to it; then the table is emptied.
			.in(
				headers(
					5,
					Buffer.concat([requestBlock('/5'), integer(63, 4, 0), plainString('other'), integer(0, 5, 0x20)]),
					true,
				),
			)
			.in(
				headers(
					7,
					Buffer.concat([integer(4096, 5, 0x20), requestBlock('/7'), indexedField(['x-new', '3']), tableField(62)]),
					true,
				),
			),
	);
	const fields = (row: ExchangeRow) => row.reqHeaders.map(({ name, value }) => `${name}=${value}`).join(' ');
	assert.deepEqual(rows.map(fields), ['x-one=1 x-two=2', 'x-two=2 x-one=1', 'x-one=other', 'x-new=3 x-new=3']);
	const broken = rowsOf((server) =>
		server
			.in(headers(1, Buffer.concat([requestBlock('/1'), tableField(62)]), true))
			.out(headers(1, responseBlock(400), true)),
	);
	assert.deepEqual([broken[0]!.target, broken[0]!.anomalies], ['/1', 'hpack-unknown,invalid-header-block']);
});

test('after a lost block, fields are right or unknown', () => {
	const tape = new Tape();
	const server = begun(tape)
		.in(headers(1, Buffer.concat([requestBlock('/1'), indexedField(['x-a', '1'])]), true))
		.out(headers(1, responseBlock(200), true));
	// The lost block added a field, which moved the others.
	const lost = headers(3, Buffer.concat([requestBlock('/3'), indexedField(['x-b', '2'])]), true);
	server.inOffset += BigInt(lost.length);
	server
		.in(
			headers(
				5,
				Buffer.concat([requestBlock('/5'), tableField(62), indexedField(['x-c', '3']), tableField(62), tableField(63)]),
				true,
			),
		)
		.out(headers(3, responseBlock(200), true))
		.out(headers(5, responseBlock(200), true))
		.close();
	const rows = decodeRecords(tape.records).exchanges;
	assert.deepEqual(
		rows.map((row) => [
			row.streamId,
			row.target,
			row.state,
			row.reason,
			row.anomalies,
			row.reqHeaders.map(({ name, value }) => name + value).join(),
		]),
		[
			[1, '/1', 'complete', null, null, 'x-a1'],
			[5, '/5', 'complete', null, 'hpack-unknown', 'x-c3,x-c3'],
			[3, null, 'incomplete', 'request not seen', null, ''],
		].toSorted(
			(a, b) => rows.findIndex((row) => row.streamId === a[0]) - rows.findIndex((row) => row.streamId === b[0]),
		),
	);
});

test('without its path, a CONNECT does not get its host as target', () => {
	const tape = new Tape();
	const server = tape.server(1, { flags: FLAG_MIDSTREAM, role: ROLE_ACCEPTED | CAPTURE_CONN_HTTP2 });
	const fields = [
		[':method', 'CONNECT'],
		[':authority', 'h'],
	] as const;
	server.in(headers(1, Buffer.concat([literalBlock(fields), tableField(70)]))).in(headers(3, literalBlock(fields)));
	server.close();
	const rows = decodeRecords(tape.records).exchanges;
	assert.deepEqual(
		rows.map((row) => [row.streamId, row.method, row.target, row.host]),
		[
			[1, 'CONNECT', null, 'h'],
			[3, 'CONNECT', 'h', 'h'],
		],
	);
});

test('what seem to be frames are none if a header block does not go on in the next one', () => {
	const tape = new Tape();
	const server = begun(tape)
		.in(headers(1, requestBlock('/1'), true))
		.out(headers(1, responseBlock(200)));
	server.outOffset += 5000n;
	const odd = frame('headers', 2, 'x');
	server
		.out(Buffer.concat([odd, data(2, '123456789'), data(2, '')]))
		.out(data(1, 'ab', true))
		.close();
	assert.deepEqual(decodeRecords(tape.records).exchanges.map(shown), [
		[1, 'GET', '/1', 200, 'incomplete', 'bytes lost', 'ab'],
	]);
	// Later frames show it, too: nothing of what seemed to be a response is left.
	const again = new Tape();
	const other = begun(again)
		.in(headers(1, requestBlock('/1'), true))
		.out(headers(1, responseBlock(200)));
	other.outOffset += 5000n;
	other
		.out(odd)
		.out(data(2, '123456789'))
		.out(data(1, 'ab', true))
		.close();
	assert.deepEqual(decodeRecords(again.records).exchanges.map(shown), [
		[1, 'GET', '/1', 200, 'incomplete', 'bytes lost', 'ab'],
	]);
});

test('bytes missing inside DATA are passed by its length', () => {
	const tape = new Tape();
	const server = begun(tape)
		.in(headers(1, requestBlock('/1'), true))
		.in(headers(3, requestBlock('/3'), true))
		.out(headers(1, responseBlock(200)));
	const body = data(1, 'x'.repeat(1000), true);
	server.out(body.subarray(0, 100));
	server.outOffset += 300n;
	server
		.out(body.subarray(400))
		.out(headers(3, responseBlock(200), true))
		.close();
	const rows = decodeRecords(tape.records).exchanges;
	assert.deepEqual(
		rows.map((row) => [row.streamId, row.state, row.reason, row.resBodyBytes, row.lostBytes]),
		[
			[1, 'incomplete', 'bytes lost', 1000, 300],
			[3, 'complete', null, 0, 0],
		],
	);
});

test('after bytes that may have held frames, open streams are in doubt, and reading goes on with the next call', () => {
	const tape = new Tape();
	const server = begun(tape)
		.in(headers(1, requestBlock('/1'), true))
		.in(headers(3, requestBlock('/3'), true))
		.out(headers(1, responseBlock(200, [['content-length', '4']])))
		.out(headers(3, responseBlock(200)))
		.out(data(1, 'ab'))
		.out(data(3, 'cd'));
	server.outOffset += 500n;
	server
		.out('middle of a frame, which is not read')
		.out(Buffer.concat([data(1, 'ef', true), data(3, 'gh', true)]))
		.in(headers(5, requestBlock('/5'), true))
		.out(headers(5, responseBlock(204), true))
		.close();
	const rows = decodeRecords(tape.records).exchanges;
	assert.deepEqual(rows.map(shown), [
		// Its length shows that it lost nothing.
		[1, 'GET', '/1', 200, 'complete', null, 'abef'],
		[3, 'GET', '/3', 200, 'incomplete', 'bytes lost', 'cdgh'],
		[5, 'GET', '/5', 204, 'complete', null, ''],
	]);
});

test('a connection older than the capture is HTTP/2 if two calls begin like frames, or the kernel says so', () => {
	for (const said of [false, true]) {
		const tape = new Tape();
		const role = said ? ROLE_ACCEPTED | CAPTURE_CONN_HTTP2 : ROLE_ACCEPTED;
		const server = tape.server(1, { flags: FLAG_MIDSTREAM, role });
		if (!said) server.in(frame('ping', 0, Buffer.alloc(8)));
		server
			.out(Buffer.concat([headers(7, responseBlock(200)), data(7, 'older', true)]))
			.in(headers(9, Buffer.concat([requestBlock('/9'), tableField(70)]), true))
			.out(headers(9, responseBlock(200)))
			.out(data(9, 'newer', true))
			.close();
		const { exchanges, connections } = decodeRecords(tape.records);
		assert.deepEqual(exchanges.map(shown), [
			[7, null, null, 200, 'incomplete', 'request not seen', 'older'],
			[9, 'GET', '/9', 200, 'complete', null, 'newer'],
		]);
		assert.deepEqual([exchanges[1]!.anomalies, connections[0]!.protocol], ['hpack-unknown', 'http2']);
	}
});

test('the rest of a body that looks like the beginning of a method does not tell which side asks', () => {
	for (const text of ['D', 'L', 'GET']) {
		const tape = new Tape();
		const server = tape.server(1, { flags: FLAG_MIDSTREAM });
		server.out(text);
		// After lost bytes come two calls that begin like frames.
		server.outOffset += 100n;
		server.out(data(5, 'of the server', true));
		server
			.in(headers(7, requestBlock('/7'), true))
			.out(headers(7, responseBlock(200), true))
			.close();
		const rows = decodeRecords(tape.records).exchanges;
		assert.deepEqual(
			rows.map((row) => [row.streamId, row.side, row.target, row.status, row.state]),
			[[7, 'server', '/7', 200, 'complete']],
			text,
		);
	}
});

test('floods are bounded and counted', () => {
	// Streams that are opened and reset at once.
	const reset = rowsOf((server) => {
		for (let id = 1; id < 4000; id += 2) {
			server.in(Buffer.concat([headers(id, requestBlock('/flood'), true), frame('rstStream', id, number32(8))]));
		}
	});
	assert.deepEqual([reset.length, new Set(reset.map((row) => row.reason)).size], [2000, 1]);
	// Streams that stay open.
	const open = rowsOf((server) => {
		for (let id = 1; id < 4000; id += 2) server.in(headers(id, requestBlock('/open'), true));
	});
	const reasons = open.map((row) => row.reason);
	assert.equal(reasons.filter((reason) => reason === 'too many waiting').length, 1000);
	// A block without an end, and one whose few bytes stand for many.
	const endless = rowsOf((server) => {
		server.in(frame('headers', 1, requestBlock('/endless'), END_STREAM));
		for (let i = 0; i < 3000; i++) server.in(frame('continuation', 1, literalBlock([['x-more', 'y'.repeat(100)]])));
		server.in(frame('continuation', 1, '', END_HEADERS));
	});
	assert.deepEqual([endless[0]!.target, endless[0]!.anomalies], ['/endless', 'long-headers,many-headers']);
	const bomb = rowsOf((server) => {
		server.in(
			headers(
				1,
				Buffer.concat([
					requestBlock('/bomb'),
					indexedField(['x-bomb', 'z'.repeat(4000)]),
					Buffer.alloc(16000, 0x80 | 62),
				]),
				true,
			),
		);
	});
	assert.deepEqual([bomb[0]!.target, bomb[0]!.anomalies], ['/bomb', 'long-headers']);
});

test('only the beginning of an old recording is a blind spot', () => {
	const decoder = newDecoder();
	const tape = new Tape();
	tape.server(1, { pid: 12 }).open().in(PREFACE).close();
	begun(tape, 2)
		.in(headers(1, requestBlock('/a'), true))
		.close();
	feedRecords(decoder, tape.records);
	decoder.decode(0);
	decoder.decode(0);
	decoder.snapshot(SNAPSHOT_BLIND_SPOTS);
	assert.deepEqual(
		takeOutput(decoder).blindSpots.map((spot) => [spot.what, spot.pid, spot.times]),
		[['http2', 12, 1]],
	);
});

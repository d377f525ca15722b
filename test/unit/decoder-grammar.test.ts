// HTTP/1.x as used in practice: framing, oddities, other protocols. Where RFC 9112 leaves a choice, the decoder does
// what an observer must: it finds every message that some server or client accepts, and names what is odd about it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import * as wire from '../../decoder-as/assembly/wire/capture-event.ts';
import { SNAPSHOT_BLIND_SPOTS } from '../../decoder-as/assembly/wire/output-layout.ts';
import { makeConversation, SCRIPTS } from '../../support/conversations.ts';
import { cutRecords } from '../../support/cut-records.ts';
import { decodeRecords, type ExchangeRow, feedRecords, newDecoder, takeOutput } from '../../support/decoded-rows.ts';
import { comparable } from '../../support/loss.ts';
import { type ConnectionTape, Tape } from '../../support/record-builder.ts';

/** `>` begins bytes from the client, `<` from the server. */
type Said = readonly (readonly ['>' | '<', string])[];

function serve(said: Said, end: (server: ConnectionTape) => void = (server) => server.eof().close()): ExchangeRow[] {
	const tape = new Tape();
	const server = tape.server(1).open();
	for (const [who, bytes] of said) {
		if (who === '>') server.in(bytes);
		else server.out(bytes);
	}
	end(server);
	return decodeRecords(tape.records).exchanges;
}

const GET = 'GET / HTTP/1.1\r\nHost: h\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
/** Proof that a connection's framing survived: a complete exchange. */
const AFTER: Said = [
	['>', 'GET /after HTTP/1.1\r\nHost: h\r\n\r\n'],
	['<', OK],
];

function response(head: string, body = ''): ExchangeRow {
	const rows = serve([['>', GET], ['<', `${head}\r\n\r\n${body}`], ...AFTER]);
	assert.equal(rows.length, 2, head);
	assert.equal(rows[1]!.path, '/after', head);
	assert.equal(rows[1]!.resBody, 'ok', head);
	assert.equal(rows[1]!.state, 'complete', head);
	return rows[0]!;
}

function request(head: string, body = ''): ExchangeRow {
	const rows = serve([['>', `${head}\r\n\r\n${body}`], ['<', OK], ...AFTER]);
	assert.equal(rows.length, 2, head);
	assert.equal(rows[1]!.path, '/after', head);
	assert.equal(rows[1]!.state, 'complete', head);
	return rows[0]!;
}

const words = (row: ExchangeRow) => (row.anomalies ?? '').split(',');

test('a conversation cut at any byte makes the same rows', () => {
	fc.assert(
		fc.property(
			fc.nat(SCRIPTS.length - 1),
			fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 8 }),
			(index, sizes) => {
				const script = SCRIPTS[index]!;
				const conversation = makeConversation(script);
				const whole = decodeRecords(conversation.tape.records).exchanges;
				const cut = decodeRecords(cutRecords(conversation.tape.records, sizes)).exchanges;
				assert.deepEqual(cut.map(comparable), whole.map(comparable), script.name);
			},
		),
		{ numRuns: 60, seed: 1 },
	);
});

test('one byte per record makes the same rows', () => {
	for (const script of SCRIPTS) {
		const conversation = makeConversation(script);
		const whole = decodeRecords(conversation.tape.records).exchanges;
		for (const recordsPerBatch of [undefined, 1]) {
			const bytes = decodeRecords(cutRecords(conversation.tape.records, [1]), { recordsPerBatch }).exchanges;
			assert.deepEqual(bytes.map(comparable), whole.map(comparable), script.name);
		}
	}
});

test('responses without a body have none, whatever their fields say', () => {
	for (const head of [
		'HTTP/1.1 204 No Content\r\nContent-Length: 5',
		'HTTP/1.1 304 Not Modified\r\nContent-Length: 77',
		'HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked',
		'HTTP/1.1 205 Reset Content',
		'HTTP/1.1 200 OK\r\nContent-Length: 0',
	]) {
		const row = response(head);
		assert.equal(row.resBodyBytes, 0, head);
		assert.equal(row.resBody, '', head);
		assert.equal(row.state, 'complete', head);
	}
	for (const head of ['HTTP/1.1 200 OK\r\nContent-Length: 4000', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked']) {
		const rows = serve([['>', 'HEAD / HTTP/1.1\r\nHost: h\r\n\r\n'], ['<', `${head}\r\n\r\n`], ...AFTER]);
		assert.deepEqual(
			rows.map((row) => [row.method, row.resBody, row.state]),
			[
				['HEAD', '', 'complete'],
				['GET', 'ok', 'complete'],
			],
		);
	}
});

test('interim responses are listed, and the final one counts', () => {
	const rows = serve([
		['>', 'POST /up HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n'],
		['<', 'HTTP/1.1 100 Continue\r\n\r\n'],
		['>', 'abc'],
		[
			'<',
			'HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n',
		],
		...AFTER,
	]);
	assert.deepEqual(
		rows.map((row) => [row.interim, row.status, row.reqBody, row.state]),
		[
			['100,102,103', 201, 'abc', 'complete'],
			[null, 200, '', 'complete'],
		],
	);
});

test('after a refused 100-continue the body is not sent', () => {
	const ask = 'PUT /no HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 14\r\n\r\n';
	const refuse = 'HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n';
	const [closed] = serve([
		['>', ask],
		['<', refuse],
	]);
	assert.deepEqual([closed!.status, closed!.state, words(closed!).includes('body-not-sent')], [417, 'complete', true]);
	const rows = serve([['>', ask], ['<', refuse], ...AFTER]);
	assert.deepEqual(
		rows.map((row) => [row.path, row.status, row.state, row.reqBodyBytes]),
		[
			['/no', 417, 'complete', 0],
			['/after', 200, 'complete', 0],
		],
	);
});

test('an early final response waits for the rest of the upload', () => {
	const rows = serve([
		['>', 'POST /big HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc'],
		['<', 'HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n'],
		['>', 'defghij'],
		...AFTER,
	]);
	assert.deepEqual(
		rows.map((row) => [row.path, row.status, row.reqBody, row.state]),
		[
			['/big', 413, 'abcdefghij', 'complete'],
			['/after', 200, '', 'complete'],
		],
	);
	assert.ok(words(rows[0]!).includes('early-response'));
	const [aborted] = serve([
		['>', 'POST /big HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc'],
		['<', 'HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n'],
	]);
	assert.deepEqual([aborted!.status, aborted!.state, aborted!.reason], [413, 'incomplete', 'peer closed']);
});

test('101 hands the connection over, and what follows makes no rows', () => {
	const tape = new Tape();
	const server = tape.server(1).open();
	server.in('GET /chat HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
	server.out('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x05hello');
	server.in(GET).out(OK).in('\x88\x00');
	server.eof().close();
	const { exchanges, connections } = decodeRecords(tape.records);
	assert.deepEqual(
		exchanges.map((row) => [row.path, row.status, row.state, row.reason]),
		[['/chat', 101, 'upgraded', null]],
	);
	assert.equal(connections[0]!.protocol, 'websocket');
});

test('a request sent after CONNECT or Upgrade was refused is a request', () => {
	for (const ask of [
		'CONNECT example.com:80 HTTP/1.1\r\nHost: example.com\r\n\r\n',
		'GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n',
	]) {
		const rows = serve([
			['>', ask + GET],
			['<', `HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n${OK}`],
		]);
		assert.deepEqual(
			rows.map((row) => [row.status, row.state]),
			[
				[403, 'complete'],
				[200, 'complete'],
			],
		);
	}
});

test('pipelined requests with HEAD among them get their own responses', () => {
	const requests = Array.from(
		{ length: 20 },
		(_, i) => `${i === 7 ? 'HEAD' : 'GET'} /${i} HTTP/1.1\r\nHost: h\r\n\r\n`,
	);
	const responses = Array.from(
		{ length: 20 },
		(_, i) => `HTTP/1.1 200 OK\r\nContent-Length: ${String(i).length}\r\n\r\n${i === 7 ? '' : i}`,
	);
	const rows = serve([
		['>', requests.join('')],
		['<', responses.join('')],
	]);
	assert.deepEqual(
		rows.map((row) => [row.path, row.resBody, row.state]),
		Array.from({ length: 20 }, (_, i) => [`/${i}`, i === 7 ? '' : String(i), 'complete']),
	);
});

test('Content-Length: what is a number and what is not', () => {
	for (const [value, state, anomaly] of [
		['2', 'complete', ''],
		['  2  ', 'complete', ''],
		['002', 'complete', ''],
		['2, 2', 'complete', 'duplicate-content-length'],
		['2\r\nContent-Length: 2', 'complete', 'duplicate-content-length'],
	] as const) {
		const row = response(`HTTP/1.1 200 OK\r\nContent-Length: ${value}`, 'ab');
		assert.deepEqual([row.state, row.anomalies ?? '', row.resBody], [state, anomaly, 'ab'], value);
	}
	for (const [value, anomaly] of [
		['-1', 'invalid-content-length'],
		['+5', 'invalid-content-length'],
		['0x10', 'invalid-content-length'],
		['1e3', 'invalid-content-length'],
		['18446744073709551616', 'invalid-content-length'],
		['9'.repeat(10_000), 'invalid-content-length'],
		['', 'invalid-content-length'],
	] as const) {
		const rows = serve([
			['>', GET],
			['<', `HTTP/1.1 200 OK\r\nContent-Length: ${value}\r\n\r\nabc`],
		]);
		assert.deepEqual(
			[rows[0]!.resBody, rows[0]!.anomalies, rows[0]!.reason],
			['abc', anomaly, 'malformed'],
			value.slice(0, 30),
		);
	}
	const [conflict] = serve([
		['>', GET],
		['<', 'HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nabcdef'],
	]);
	assert.deepEqual(
		[conflict!.state, conflict!.reason, conflict!.anomalies],
		['incomplete', 'malformed', 'conflicting-content-length'],
	);
	const [huge] = serve([
		['>', GET],
		['<', 'HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\nabc'],
	]);
	assert.deepEqual([huge!.state, huge!.resBodyBytes, huge!.anomalies], ['incomplete', 3, null]);
});

test('Transfer-Encoding: table of RFC 9112 section 6.3', () => {
	const chunks = '3\r\nabc\r\n0\r\n\r\n';
	for (const [fields, anomaly] of [
		['Transfer-Encoding: chunked', ''],
		['Transfer-Encoding: CHUNKED', ''],
		['Transfer-Encoding: gzip, chunked', ''],
		['Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked', ''],
		['Content-Length: 77\r\nTransfer-Encoding: chunked', 'content-length-and-transfer-encoding'],
		['Transfer-Encoding: chunked\r\nContent-Length: 77', 'content-length-and-transfer-encoding'],
	] as const) {
		const row = response(`HTTP/1.1 200 OK\r\n${fields}`, chunks);
		assert.deepEqual([row.resBody, row.anomalies ?? '', row.state], ['abc', anomaly, 'complete'], fields);
	}
	assert.equal(
		words(response('HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive', chunks))[0],
		'transfer-encoding-in-http10',
	);
	assert.equal(response('HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 3', 'abc').resBody, 'abc');
	const [close] = serve([
		['>', GET],
		['<', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nContent-Length: 2\r\n\r\nabc'],
	]);
	assert.deepEqual([close!.resBody, close!.state, close!.reason], ['abc', 'incomplete', 'malformed']);
	const [refused] = serve([
		['>', 'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, gzip\r\n\r\nabc'],
		['<', OK],
	]);
	assert.deepEqual([refused!.reason, words(refused!).includes('invalid-transfer-encoding')], ['malformed', true]);
});

test('chunks: sizes, extensions, trailers', () => {
	const chunked = (chunks: string) => response('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked', chunks);
	for (const chunks of [
		'a\r\n0123456789\r\n0\r\n\r\n',
		'A\r\n0123456789\r\n000\r\n\r\n',
		'0000000000000000a\r\n0123456789\r\n0\r\n\r\n',
		'a;n=v;q="a;b"\r\n0123456789\r\n0;last\r\n\r\n',
		'5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n',
		'a\n0123456789\n0\n\n',
	]) {
		const row = chunked(chunks);
		assert.deepEqual([row.resBody, row.resBodyBytes, row.state], ['0123456789', 10, 'complete'], chunks);
	}
	assert.equal(chunked('a \r\n0123456789\r\n0\r\n\r\n').anomalies, 'space-after-chunk-size');
	assert.equal(chunked('a;;\r\n0123456789\r\n0\r\n\r\n').reason, 'malformed');
	const trailers = chunked('1\r\nx\r\n0\r\nX-One: 1\r\nX-Two:  two \r\n\r\n');
	assert.deepEqual(trailers.resHeaders.slice(1), [
		{ name: 'X-One', value: '1', trailer: true },
		{ name: 'X-Two', value: 'two', trailer: true },
	]);
	for (const bad of [
		'x\r\nabc\r\n0\r\n\r\n',
		'\r\nabc\r\n',
		'10000000000000000\r\nabc',
		'-1\r\nabc',
		'3\r\nabcd\r\n0\r\n\r\n',
	]) {
		const [row] = serve([
			['>', GET],
			['<', `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${bad}`],
		]);
		assert.deepEqual([row!.state, row!.reason], ['incomplete', 'malformed'], bad);
	}
	const [huge] = serve([
		['>', GET],
		['<', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nabc'],
	]);
	assert.deepEqual([huge!.state, huge!.reason, huge!.resBodyBytes], ['incomplete', 'peer closed', 3]);
});

test('trailers without a final empty line end where the next message begins, however calls are cut', () => {
	const post = (path: string, after: string) =>
		`POST ${path} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n${after}`;
	const answer = (after: string) => `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nb\r\n0\r\n${after}`;
	for (const trailer of ['', 'X-One: HTTP/1.1 200 OK\r\n']) {
		const tape = new Tape();
		const server = tape.server(1, { local: '1.2.3.4:80', remote: '5.6.7.8:90' }).open();
		server.in(`${post('/1', trailer)}${post('/2', '\r\n')}GET /3 HTTP/1.1\r\nHost: h\r\n\r\n`);
		server.out(`${answer(trailer)}${answer('\r\n')}${OK}`).close();
		for (const size of [undefined, 1, 7, 61]) {
			const records = size === undefined ? tape.records : cutRecords(tape.records, [size]);
			const rows = decodeRecords(records).exchanges;
			assert.deepEqual(
				rows.map((row) => [row.path, row.state, row.reqBody, row.resBody, row.anomalies]),
				[
					['/1', 'complete', 'a', 'b', 'unended-trailers'],
					['/2', 'complete', 'a', 'b', null],
					['/3', 'complete', '', 'ok', null],
				],
			);
			const trailers = rows[0]!.resHeaders.filter((field) => field.trailer).map((field) => field.name);
			assert.deepEqual(trailers, trailer === '' ? [] : ['X-One']);
			const wire = rows.map((row) => row.resWireBytes);
			assert.deepEqual(wire, [answer(trailer).length, answer('\r\n').length, OK.length]);
		}
	}
});

test('start lines: odd ones that are read nevertheless', () => {
	for (const [line, method, target, anomaly] of [
		['GET /a b HTTP/1.1', 'GET', '/a b', 'space-in-target'],
		['GET  /a  HTTP/1.1', 'GET', '/a', 'whitespace-in-start-line'],
		['GET /\xe9 HTTP/1.1', 'GET', '/\xe9', 'invalid-target'],
		['get /a HTTP/1.1', 'get', '/a', 'unknown-method'],
		['BREW /pot HTTP/1.1', 'BREW', '/pot', 'unknown-method'],
		['OPTIONS * HTTP/1.1', 'OPTIONS', '*', ''],
		['GET http://other.example:81/x?y HTTP/1.1', 'GET', 'http://other.example:81/x?y', ''],
	] as const) {
		const row = request(`${line}\r\nHost: h`);
		assert.deepEqual([row.method, row.target, row.anomalies ?? ''], [method, target, anomaly], line);
	}
	const absolute = request('GET http://user@other.example:81/x?y=1?2 HTTP/1.1\r\nHost: h');
	assert.deepEqual([absolute.host, absolute.path, absolute.query], ['other.example:81', '/x', 'y=1?2']);
	for (const [line, status, text, anomaly] of [
		['HTTP/1.1 200', 200, null, 'missing-reason'],
		// The reason may be empty or any text (RFC 9112 section 4), even white space.
		['HTTP/1.1 200 ', 200, '', ''],
		['HTTP/1.0 200 ', 200, '', ''],
		['HTTP/1.1 200  ', 200, ' ', ''],
		['HTTP/1.1 200  OK', 200, ' OK', ''],
		['HTTP/1.1 200\t', 200, '', ''],
		['HTTP/1.1 200 \xfcber gut', 200, '\xfcber gut', ''],
		['HTTP/1.1 599 Odd', 599, 'Odd', ''],
	] as const) {
		const row = response(`${line}\r\nContent-Length: 0`);
		assert.deepEqual([row.status, row.statusText, row.anomalies ?? ''], [status, text, anomaly], line);
	}
});

test('field lines: oddities are named, names and values kept as sent', () => {
	const fields = (lines: string) => request(`GET / HTTP/1.1\r\nHost: h\r\n${lines}`);
	const plain = fields('A: 1\r\nb:2\r\nEmpty:\r\nSet-Cookie: x\r\nSET-COOKIE:  y  ');
	assert.deepEqual(
		plain.reqHeaders.slice(1).map((field) => [field.name, field.value]),
		[
			['A', '1'],
			['b', '2'],
			['Empty', ''],
			['Set-Cookie', 'x'],
			['SET-COOKIE', 'y'],
		],
	);
	assert.equal(plain.anomalies, null);
	for (const [line, anomaly, name, value] of [
		['Folded: one\r\n  two\r\n\tthree', 'obs-fold', 'Folded', 'one    two  \tthree'],
		['Spaced : v', 'space-before-colon', 'Spaced', 'v'],
		['No colon here', 'missing-colon', 'No colon here', ''],
		['Bad name: v', 'invalid-header-name', 'Bad name', 'v'],
		['Bell: a\x07b', 'invalid-header-value', 'Bell', 'a\x07b'],
		[': v', 'empty-header-name', '', 'v'],
		['__proto__: v', '', '__proto__', 'v'],
	] as const) {
		const row = fields(line);
		const field = row.reqHeaders[1]!;
		assert.deepEqual([row.anomalies ?? '', field.name, field.value], [anomaly, name, value], line);
		// A line with an unclear meaning makes the message malformed, although all of it was read.
		const clear = ['', 'obs-fold', 'space-before-colon'].includes(anomaly);
		assert.deepEqual([row.state, row.reason], clear ? ['complete', null] : ['incomplete', 'malformed'], line);
	}
	assert.equal(fields('Host: other').anomalies, 'duplicate-host');
	assert.equal(request('GET / HTTP/1.1\r\nA: b').anomalies, 'missing-host');
});

test('bare LF line ends and empty lines before a request', () => {
	const rows = serve([
		['>', '\r\n\r\nGET /nc HTTP/1.1\nHost: h\n\n'],
		['<', 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok'],
		...AFTER,
	]);
	assert.deepEqual(
		rows.map((row) => [row.path, row.resBody, row.state]),
		[
			['/nc', 'ok', 'complete'],
			['/after', 'ok', 'complete'],
		],
	);
	assert.deepEqual(words(rows[0]!).toSorted(), ['bare-lf', 'leading-crlf']);
});

test('HTTP/1.0: closed by default, kept alive on request', () => {
	const [first] = serve([
		['>', 'GET / HTTP/1.0\r\n\r\n'],
		['<', 'HTTP/1.0 200 OK\r\n\r\nuntil the end'],
	]);
	assert.deepEqual([first!.resBody, first!.state, first!.version], ['until the end', 'complete', 0x100]);
	const kept = serve([
		['>', 'GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n'],
		['<', 'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na'],
		...AFTER,
	]);
	assert.deepEqual(
		kept.map((row) => [row.resBody, row.state, row.anomalies]),
		[
			['a', 'complete', null],
			['ok', 'complete', null],
		],
	);
});

test('HTTP/0.9 is a request line answered by a body', () => {
	const [row] = serve([
		['>', 'GET /old\r\n'],
		['<', '<html>old</html>'],
	]);
	assert.deepEqual(
		[row!.method, row!.path, row!.reqVersion, row!.version, row!.resBody, row!.state, row!.anomalies],
		['GET', '/old', 9, 0, '<html>old</html>', 'complete', 'http09'],
	);
});

test('limits: long lines and many fields are cut and flagged, and the framing holds', () => {
	const long = request(`GET /${'a'.repeat(70_000)} HTTP/1.1\r\nHost: h`);
	assert.deepEqual([long.method, long.reqVersion, words(long).includes('long-start-line')], ['GET', 0x101, true]);
	assert.ok(long.target!.length > 60_000 && long.target!.length < 70_000);
	const many = request(
		`POST / HTTP/1.1\r\nHost: h\r\n${Array.from({ length: 1500 }, (_, i) => `X-${i}: ${i}`).join('\r\n')}\r\nContent-Length: 3`,
		'abc',
	);
	assert.deepEqual([many.reqHeaders.length, many.reqBody, many.anomalies], [1000, 'abc', 'many-headers']);
	const wide = response(`HTTP/1.1 200 OK\r\nX-Wide: ${'w'.repeat(200_000)}\r\nContent-Length: 3`, 'abc');
	assert.deepEqual([wide.resBody, wide.anomalies, wide.state], ['abc', 'long-headers', 'complete']);
	const fits = response(`HTTP/1.1 200 OK\r\nX-Wide: ${'w'.repeat(120_000)}\r\nContent-Length: 3`, 'abc');
	assert.deepEqual([fits.resBody, fits.anomalies, fits.resHeaders[0]!.value.length], ['abc', null, 120_000]);
});

test('other protocols make no rows, and the connection names them', () => {
	for (const [bytes, answer, protocol] of [
		['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', '\x16\x03\x03', 'tls'],
		['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04', '\x00\x00\x00\x04', 'http2'],
		['GET key\r\n', '$5\r\nvalue\r\n', 'other'],
		['get key\r\n', 'VALUE key 0 1\r\na\r\nEND\r\n', 'other'],
		['SET key value\r\n', '+OK\r\n', 'other'],
		['OPTIONS rtsp://cam/ RTSP/1.0\r\nCSeq: 1\r\n\r\n', 'RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n', 'other'],
		['INVITE sip:a@b SIP/2.0\r\nVia: x\r\n\r\n', 'SIP/2.0 100 Trying\r\n\r\n', 'other'],
		['GET /stream HTTP/1.0\r\n\r\n', 'ICY 200 OK\r\nicy-name: x\r\n\r\n', 'other'],
		['EHLO example.com\r\n', '250 OK\r\n', 'other'],
	] as const) {
		const tape = new Tape();
		tape.server(1).open().in(bytes).out(answer).in(GET).out(OK).close();
		const { exchanges, connections } = decodeRecords(tape.records);
		assert.deepEqual([exchanges.length, connections[0]?.protocol], [0, protocol], JSON.stringify(bytes));
	}
});

test('TLS is a blind spot', () => {
	const decoder = newDecoder();
	const tape = new Tape();
	tape.server(1, { pid: 11, comm: 'nginx' }).open().in('\x16\x03\x01\x02\x00\x01');
	feedRecords(decoder, tape.records);
	decoder.snapshot(SNAPSHOT_BLIND_SPOTS);
	assert.deepEqual(
		takeOutput(decoder).blindSpots.map((spot) => [spot.what, spot.pid, spot.comm, spot.times]),
		[['tls', 11, 'nginx', 1]],
	);
});

test('the PROXY protocol before the first request is skipped, and names the client', () => {
	const long = `\x20\x01\x0d\xb8${'\0'.repeat(11)}\x07`;
	const mapped = `${'\0'.repeat(10)}\xff\xff\xc0\x00\x02\x01`;
	for (const [preamble, remote] of [
		['PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n', '192.0.2.1:56324'],
		['PROXY TCP6 2001:db8::7 2001:db8::1 56324 443\r\n', '[2001:db8::7]:56324'],
		['PROXY TCP6 ::ffff:192.0.2.1 ::ffff:192.0.2.2 56324 443\r\n', '192.0.2.1:56324'],
		['PROXY TCP6 ::FFFF:192.0.2.1 ::1 56324 443\r\n', '192.0.2.1:56324'],
		['PROXY UNKNOWN\r\n', '10.0.0.9:1234'],
		['PROXY TCP4 <script> 192.0.2.2 56324 443\r\n', '10.0.0.9:1234'],
		['\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\xdc\x04\x01\xbb', '192.0.2.1:56324'],
		// With an extension after the addresses.
		[`\r\n\r\n\0\r\nQUIT\n\x21\x21\x00\x28${long}${long}\xdc\x04\x01\xbb\x04\x00\x01\x00`, '[2001:db8::7]:56324'],
		[`\r\n\r\n\0\r\nQUIT\n\x21\x21\x00\x24${mapped}${long}\xdc\x04\x01\xbb`, '192.0.2.1:56324'],
		// A connection by the proxy itself (LOCAL).
		['\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00', '10.0.0.9:1234'],
	] as const) {
		for (const size of [1, 3, 1000]) {
			const tape = new Tape();
			const server = tape.server(1, { local: '10.0.0.1:80', remote: '10.0.0.9:1234' }).open();
			const bytes = preamble + GET;
			for (let at = 0; at < bytes.length; at += size) server.in(bytes.slice(at, at + size));
			server.out(OK).close();
			const { exchanges, connections } = decodeRecords(tape.records);
			assert.deepEqual(
				exchanges.map((row) => [row.method, row.state, row.resBody, row.local, row.remote]),
				[['GET', 'complete', 'ok', '10.0.0.1:80', remote]],
				JSON.stringify(preamble),
			);
			assert.equal(connections[0]!.remote, remote);
		}
	}
	// On the proxy's side the remote address is that of the socket.
	const tape = new Tape();
	const client = tape.client(1, { local: '10.0.0.9:1234', remote: '10.0.0.1:80' }).open();
	client.out(`PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n${GET}`).in(OK).close();
	assert.deepEqual(
		decodeRecords(tape.records).exchanges.map((row) => [row.state, row.remote]),
		[['complete', '10.0.0.1:80']],
	);
});

test('a truncated field line has no bare LF, whatever it ends with', () => {
	for (const size of [100, 1000, 16_384, 1 << 20]) {
		for (const more of [0, 1, 8190, 8191, 8192, 8193, 70_000]) {
			const head = `GET / HTTP/1.1\r\nHost: h\r\nX: ${'x'.repeat(131_000 + more)}\r\nY: ${'y'.repeat(more)}\r\n\r\n`;
			const tape = new Tape();
			const server = tape.server(1).open();
			for (let at = 0; at < head.length; at += size) server.in(head.slice(at, at + size));
			server.out(OK);
			const [row] = decodeRecords(tape.records).exchanges;
			const odd = words(row!).filter((word) => word !== 'long-headers' && word !== '');
			assert.deepEqual([row!.state, odd], ['complete', []], `${more} in pieces of ${size}`);
		}
	}
});

test('trailers after a large body in many pieces are field lines of the row', () => {
	const chunks = Array.from({ length: 60 }, () => `400\r\n${'t'.repeat(1024)}\r\n`).join('');
	const bytes = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n${chunks}0\r\nX-Sum: 61440\r\n\r\n`;
	for (const size of [11, 1024, 100_000]) {
		const tape = new Tape();
		const server = tape.server(1).open().in(GET);
		for (let at = 0; at < bytes.length; at += size) server.out(bytes.slice(at, at + size));
		const [row] = decodeRecords(tape.records).exchanges;
		assert.deepEqual(
			[row!.state, row!.resBodyBytes, row!.resHeaders.at(-1)],
			['complete', 61_440, { name: 'X-Sum', value: '61440', trailer: true }],
		);
	}
});

test('a response to HEAD after a request that timed out still has no body', () => {
	const tape = new Tape();
	const server = tape.server(1).open();
	const decoder = newDecoder({ idleLimitMs: 1000 });
	server.in('POST /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc');
	tape.timeNs += 5_000_000_000n;
	tape.clock(1_700_000_000_000_000_000n);
	const rows = feedRecords(decoder, tape.records, { recordsPerBatch: 1 }).exchanges;
	tape.records.length = 0;
	server.in('defghij').out('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
	server.in('HEAD /head HTTP/1.1\r\nHost: h\r\n\r\n').out('HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n');
	for (const [, bytes] of AFTER.filter(([who]) => who === '>')) server.in(bytes);
	server.out(OK).close();
	rows.push(...feedRecords(decoder, tape.records).exchanges);
	assert.deepEqual(
		rows.map((row) => [row.path, row.state, row.status, row.resBody]),
		[
			['/slow', 'incomplete', 0, null],
			['/head', 'complete', 200, ''],
			['/after', 'complete', 200, 'ok'],
		],
	);
});

test('bodies that look like messages are bodies', () => {
	const inner = `${GET}${OK}`;
	const rows = serve([
		['>', `POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: ${inner.length}\r\n\r\n${inner}`],
		['<', `HTTP/1.1 200 OK\r\nContent-Length: ${inner.length}\r\n\r\n`],
		['<', inner],
		...AFTER,
	]);
	assert.deepEqual(
		rows.map((row) => [row.path, row.reqBodyBytes, row.resBody]),
		[
			['/a', inner.length, inner],
			['/after', 0, 'ok'],
		],
	);
});

test('the next message after an unreadable head is found', () => {
	const rows = serve([['>', GET], ['<', 'HTTP/1.1 2x0 Odd\r\nContent-Length: 2\r\n\r\nok'], ...AFTER]);
	assert.deepEqual(
		rows.map((row) => [row.state, row.reason]),
		[
			['incomplete', 'malformed'],
			['complete', null],
		],
	);
	const requests = serve([
		['>', 'G@T / HTTP/1.1\r\nHost: h\r\n\r\n'],
		['<', 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'],
		...AFTER,
	]);
	assert.deepEqual(
		requests.map((row) => [row.path, row.status, row.reason]),
		[
			['/', 400, 'malformed'],
			['/after', 200, null],
		],
	);
});

test('a response sent entirely by sendfile has a row, and the next one is right', () => {
	const tape = new Tape();
	const server = tape.server(1).open();
	server.in(GET).sendfile(5000);
	server.in('GET /after HTTP/1.1\r\nHost: h\r\n\r\n').out(OK);
	const { exchanges } = decodeRecords(tape.records);
	assert.deepEqual(
		exchanges.map((row) => [row.path, row.status, row.state, row.reason, row.via, row.resWireBytes]),
		[
			['/', 0, 'incomplete', 'head not captured', 'sendfile', 5000],
			['/after', 200, 'complete', null, 'write', OK.length],
		],
	);
});

test('bytes discarded by MSG_TRUNC are counted but not shown', () => {
	const tape = new Tape();
	const client = tape.client(1).open();
	client
		.out(GET)
		.in('HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n')
		.in('a'.repeat(100), { captured: 0, flags: wire.FLAG_DISCARDED })
		.in('b'.repeat(100));
	client.out(GET).in(OK);
	const [row, next] = decodeRecords(tape.records).exchanges;
	assert.deepEqual(
		[row!.resBodyBytes, row!.resBody, row!.resUnheld[7], row!.state],
		[200, 'b'.repeat(100), 100, 'complete'],
	);
	assert.equal(next!.resBody, 'ok');
});

test("via is sendfile if used, else the call with most bytes, or the head's without a body", () => {
	const via = (write: (server: ConnectionTape) => void): ExchangeRow => {
		const tape = new Tape();
		const server = tape.server(1).open();
		server.in(GET);
		write(server);
		server.close();
		return decodeRecords(tape.records).exchanges[0]!;
	};
	const head = (length: number) => `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`;
	const go = via((server) => server.out(head(2000) + 'a'.repeat(512), { syscall: wire.SYSCALL_WRITE }).sendfile(1488));
	assert.deepEqual([go.via, go.vias, go.resCaptured, go.resUnheld[0]], ['sendfile', 'write+sendfile', 512, 1488]);
	const most = via((server) =>
		server
			.out(head(30), { syscall: wire.SYSCALL_WRITE })
			.out('a'.repeat(10), { syscall: wire.SYSCALL_SENDTO })
			.out('b'.repeat(20), { syscall: wire.SYSCALL_WRITEV }),
	);
	assert.deepEqual([most.via, most.vias], ['writev', 'write+sendto+writev']);
	const none = via((server) => server.out(head(0), { syscall: wire.SYSCALL_SENDMSG }));
	assert.deepEqual([none.via, none.vias], ['sendmsg', 'sendmsg']);
	const splice = via((server) => server.out(head(8192)).sendfile(8192, { syscall: wire.SYSCALL_SPLICE }));
	assert.deepEqual([splice.via, splice.resUnheld[1]], ['splice', 8192]);
});

test('the reason says who ended the connection', () => {
	const reasonOf = (end: (server: ConnectionTape, tape: Tape) => void): (string | null)[] => {
		const tape = new Tape();
		const server = tape.server(1).open();
		server.in(GET);
		end(server, tape);
		return decodeRecords(tape.records).exchanges.map((row) => `${row.state}: ${row.reason}`);
	};
	assert.deepEqual(
		reasonOf((server) => server.eof().close()),
		['unanswered: peer closed'],
	);
	assert.deepEqual(
		reasonOf((server) => server.close()),
		['unanswered: closed'],
	);
	assert.deepEqual(
		reasonOf((server) => server.error(104).close()),
		['unanswered: connection reset'],
	);
	assert.deepEqual(
		reasonOf((server) => server.close(wire.SYSCALL_EXIT)),
		['unanswered: process exited'],
	);
	assert.deepEqual(
		reasonOf((_, tape) => tape.processExit(100)),
		['unanswered: process exited'],
	);
	assert.deepEqual(
		reasonOf((_, tape) => tape.end()),
		['unanswered: capture ended'],
	);
	assert.deepEqual(
		reasonOf((server) => server.out('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc').close()),
		['incomplete: closed'],
	);
	assert.deepEqual(
		reasonOf((server) => server.out('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc').error(32).close()),
		['incomplete: connection reset'],
	);
});

test('a response that an error of the connection cuts off has the error as its reason, even after EOF', () => {
	const ECONNRESET = 104;
	const ETIMEDOUT = 110;
	for (const [end, reason] of [
		[(server: ConnectionTape) => server.error(ETIMEDOUT), 'timed out'],
		[(server: ConnectionTape) => server.eof().error(ETIMEDOUT), 'timed out'],
		[(server: ConnectionTape) => server.eof().error(ECONNRESET), 'connection reset'],
	] as const) {
		const tape = new Tape();
		const server = tape.server(1).open().in(GET).out('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc');
		end(server).close();
		assert.deepEqual(
			decodeRecords(tape.records).exchanges.map((row) => [row.state, row.reason]),
			[['incomplete', reason]],
		);
	}
});

test('a client whose upload fails with EPIPE still reads the answer; the bytes of the failed call are not counted', () => {
	const EPIPE = 32;
	for (const recordsPerBatch of [1, 100]) {
		const tape = new Tape();
		const client = tape.client(1).open();
		client.out('POST /up HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n').out('x'.repeat(300));
		client.error(EPIPE);
		client.in('HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlarge').eof().close();
		const { exchanges, connections } = decodeRecords(tape.records, { recordsPerBatch });
		assert.deepEqual(
			exchanges.map((row) => [row.path, row.status, row.resBody, row.reqBodyBytes, row.reqCaptured, row.lostBytes]),
			[['/up', 413, 'large', 300, 300, 0]],
		);
		assert.equal(connections[0]!.bytesOut, 'POST /up HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n'.length + 300);
	}
});

test('a call that was cut short counts with its result, and more bytes than its result are never read', () => {
	const decoder = newDecoder();
	const tape = new Tape();
	const server = tape.server(1).open().in(GET);
	server.out('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab').out('cd');
	// A record that claims a shorter result than the bytes it has.
	const lying = tape.records.at(-1)!;
	new DataView(lying.buffer, lying.byteOffset).setUint32(wire.EVENT_BYTES, 1, true);
	server.in('GET /after HTTP/1.1\r\nHost: h\r\n\r\n').out(OK).eof().close();
	const rows = feedRecords(decoder, tape.records).exchanges;
	decoder.finish();
	rows.push(...takeOutput(decoder).exchanges);
	assert.deepEqual(
		rows.map((row) => [row.path, row.resBody, row.state, row.lostBytes]),
		[
			['/', 'ab', 'incomplete', 2],
			['/after', 'ok', 'complete', 0],
		],
	);
	assert.equal(decoder.loss()[wire.LOSS_DECODE_GAP]!.bytes, 1);
});

test('a connection held by two processes ends with the last of them', () => {
	const tape = new Tape();
	const server = tape.server(1).open();
	server.share(101);
	server.in(GET);
	tape.processExit(100);
	server.out(OK, { pid: 101 });
	const { exchanges } = decodeRecords(tape.records);
	assert.deepEqual(
		exchanges.map((row) => [row.state, row.pid, row.resBody]),
		[['complete', 100, 'ok']],
	);
});

test('a process that executes another program keeps its connection, and later rows have the new name', () => {
	const tape = new Tape();
	const server = tape.server(1, { pid: 50, comm: 'before' }).open();
	tape.factProcess(50, 'before');
	server.in('GET /1 HTTP/1.1\r\nHost: h\r\n\r\n').out(OK);
	tape.processExec(50, 'after');
	tape.factProcess(50, 'after', '', 'after --serve');
	server.in('GET /2 HTTP/1.1\r\nHost: h\r\n\r\n', { comm: 'after' }).out(OK, { comm: 'after' });
	const { exchanges } = decodeRecords(tape.records, { recordsPerBatch: 1 });
	assert.deepEqual(
		exchanges.map((row) => [row.path, row.threadComm]),
		[
			['/1', 'before'],
			['/2', 'after'],
		],
	);
	assert.equal(exchanges[1]!.comm, 'after');
});

test('a message that stalls for too long is abandoned, and the connection continues', () => {
	const tape = new Tape();
	const server = tape.server(1).open();
	server.in('POST /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc');
	const decoder = newDecoder({ idleLimitMs: 300_000 });
	feedRecords(decoder, tape.records);
	tape.records.length = 0;
	tape.timeNs += 299_000_000_000n;
	tape.clock(1_700_000_000_000_000_000n);
	assert.equal(feedRecords(decoder, tape.records).exchanges.length, 0);
	tape.records.length = 0;
	tape.timeNs += 3_000_000_000n;
	tape.clock(1_700_000_000_000_000_000n);
	const [row] = feedRecords(decoder, tape.records).exchanges;
	assert.deepEqual([row!.path, row!.state, row!.reason, row!.reqBody], ['/slow', 'incomplete', 'timed out', 'abc']);
	tape.records.length = 0;
	server.in('defghij').out(OK).in('GET /after HTTP/1.1\r\nHost: h\r\n\r\n').out(OK);
	const rows = feedRecords(decoder, tape.records).exchanges;
	assert.deepEqual(
		rows.map((later) => [later.path, later.state, later.resBody]),
		[['/after', 'complete', 'ok']],
	);
});

test('a response later than any time limit is still paired with its request', () => {
	const tape = new Tape();
	const server = tape.server(1).open();
	server.in(GET);
	const decoder = newDecoder();
	feedRecords(decoder, tape.records);
	tape.records.length = 0;
	tape.timeNs += 3_600_000_000_000n;
	tape.clock(1_700_000_000_000_000_000n);
	assert.equal(feedRecords(decoder, tape.records).exchanges.length, 0);
	tape.records.length = 0;
	server.out(OK);
	const [row] = feedRecords(decoder, tape.records).exchanges;
	assert.deepEqual([row!.state, row!.resBody], ['complete', 'ok']);
});

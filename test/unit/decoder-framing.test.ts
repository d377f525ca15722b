// Where a message begins and ends in unclear cases: odd first lines, unreadable framing, tunnels. The rows are the same
// however the bytes are cut into calls.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as wire from '../../decoder-as/assembly/wire/capture-event.ts';
import { SNAPSHOT_BLIND_SPOTS } from '../../decoder-as/assembly/wire/output-layout.ts';
import { type Decoded, decodeRecords, feedRecords, newDecoder, takeOutput } from '../../support/decoded-rows.ts';
import { type ConnectionTape, Tape } from '../../support/record-builder.ts';

const SIZES = [1, 2, 3, 7, 16, 1 << 20];

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`;
const ok = (body: string) => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

/** One end of a connection; its calls carry at most `size` bytes. */
class End {
	readonly tape = new Tape();
	readonly connection: ConnectionTape;
	private readonly size: number;
	private readonly isServer: boolean;

	constructor(side: 'server' | 'client', size: number) {
		this.isServer = side === 'server';
		this.size = size;
		this.connection = (this.isServer ? this.tape.server(1) : this.tape.client(1)).open();
	}

	request(bytes: string): this {
		return this.move(this.isServer ? 'in' : 'out', bytes);
	}

	response(bytes: string): this {
		return this.move(this.isServer ? 'out' : 'in', bytes);
	}

	/** Drops the records of whatever happens in `calls`. */
	lose(calls: () => void): this {
		const kept = this.tape.records.length;
		calls();
		this.tape.records.length = kept;
		return this;
	}

	/** The client or the server closes. */
	close(who: 'server' | 'client' = 'client'): Decoded {
		if (this.isServer !== (who === 'server')) this.connection.eof();
		this.connection.close();
		return decodeRecords(this.tape.records);
	}

	private move(direction: 'in' | 'out', bytes: string): this {
		for (let at = 0; at < bytes.length; at += this.size) this.connection[direction](bytes.slice(at, at + this.size));
		return this;
	}
}

/** Runs `check` for both ends of a connection and calls of all sizes. */
function everyWay(check: (end: () => End, shown: string) => void): void {
	for (const side of ['server', 'client'] as const) {
		for (const size of SIZES) check(() => new End(side, size), `${side}, ${size} bytes a call`);
	}
}

test('a response after a gap between messages has a row, however short the calls that carry its first line', () => {
	everyWay((end, shown) => {
		const talk = end().request(get('/0')).response(ok('zero'));
		talk.request(get('/1')).lose(() => talk.response(ok('one')).request(get('/2')));
		const rows = talk.response(ok('two')).close().exchanges;
		assert.deepEqual(
			rows.map((row) => [row.path, row.status, row.reason, row.resBody]),
			[
				['/0', 200, null, 'zero'],
				['/1', 0, 'bytes lost', null],
				[null, 200, 'request not seen', 'two'],
			],
			shown,
		);
	});
});

test('a request has a row whatever its target is, and an anomaly if the target is invalid', () => {
	for (const [target, anomaly] of [
		['favicon.ico', 'invalid-target'],
		['?q', 'invalid-target'],
		['#f', 'invalid-target'],
		['"q"', 'invalid-target'],
		['%2F', 'invalid-target'],
		['\\x', 'invalid-target'],
		['\xef\xbb\xbf/', 'invalid-target'],
		['host:80', 'invalid-target'],
		['*x', 'invalid-target'],
		['://h/x', 'invalid-target'],
		['\x01', 'invalid-target'],
		['*', null],
		['ftp://h/x', null],
		['ws://h/y?z', null],
		['wss://h', null],
		['coap+tcp://[::1]:80/', null],
	] as const) {
		everyWay((end, shown) => {
			const talk = end().request(`GET ${target} HTTP/1.1\r\nHost: h\r\n\r\n`).response(ok('odd'));
			const rows = talk.request(get('/next')).response(ok('next')).close().exchanges;
			assert.deepEqual(
				rows.map((row) => [row.target, row.state, row.reason, row.anomalies, row.resBody]),
				[
					[target, 'complete', null, anomaly, 'odd'],
					['/next', 'complete', null, null, 'next'],
				],
				`${target}: ${shown}`,
			);
		});
	}
});

test('a request with a broken line keeps its fields and body, and does not affect the next one', () => {
	const bad = 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n';
	for (const [line, method, target, anomalies] of [
		['GET HTTP/1.1', 'GET', null, 'invalid-target'],
		['GET  HTTP/1.0', 'GET', null, 'whitespace-in-start-line,invalid-target'],
		['M-SEARCH HTTP/1.1', 'M-SEARCH', null, 'invalid-target'],
		['G@T /x HTTP/1.1', 'G@T', '/x', 'invalid-method'],
		['{} /x HTTP/1.1', '{}', '/x', 'invalid-method'],
	] as const) {
		const broken = `${line}\r\nHost: h\r\nContent-Length: 4\r\nX: y\r\n\r\nbody`;
		everyWay((end, shown) => {
			for (const before of ['', get('/before')]) {
				for (const pipelined of [true, false]) {
					const talk = end();
					if (before !== '') talk.request(before).response(ok('before'));
					if (pipelined) talk.request(broken + get('/next')).response(bad + ok('next'));
					else talk.request(broken).response(bad).request(get('/next')).response(ok('next'));
					const [row, next] = talk.close('server').exchanges.slice(before === '' ? 0 : 1);
					const told = `${line}${pipelined ? ', pipelined' : ''}${before === '' ? '' : ', later'}: ${shown}`;
					assert.deepEqual(
						[row!.method, row!.target, row!.host, row!.reqBody, row!.status, row!.reason, row!.anomalies],
						[method, target, 'h', 'body', 400, 'malformed', anomalies],
						told,
					);
					assert.deepEqual(
						row!.reqHeaders.map((field) => `${field.name}: ${field.value}`),
						['Host: h', 'Content-Length: 4', 'X: y'],
						told,
					);
					assert.deepEqual([next!.path, next!.state, next!.resBody], ['/next', 'complete', 'next'], told);
				}
			}
		});
	}
});

/** Fields that do not define where the body ends, the bytes after them, the body shown, and the anomalies. */
const UNREADABLE: readonly (readonly [fields: string, bytes: string, body: string, anomalies: string])[] = [
	['Transfer-Encoding: chunked', 'plain text\r\nof two lines', 'plain text\r\nof two lines', 'invalid-chunk-size'],
	['Transfer-Encoding: chunked', 'bed linen', 'bed linen', 'invalid-chunk-size,space-after-chunk-size'],
	['Transfer-Encoding: chunked', '\r\ntext', '\r\ntext', 'invalid-chunk-size'],
	['Transfer-Encoding: chunked', '3\r\nabcd\r\n0\r\n\r\n', 'abcd\r\n0\r\n\r\n', 'invalid-chunk-end'],
	['Transfer-Encoding: chunked', '3\r\nabc\rd', 'abc\rd', 'invalid-chunk-end'],
	['Transfer-Encoding: chunked', `${'0'.repeat(40)}z`, `${'0'.repeat(40)}z`, 'invalid-chunk-size'],
	['Transfer-Encoding: chunked', `1${'0'.repeat(16)}\r\nabc`, `1${'0'.repeat(16)}\r\nabc`, 'invalid-chunk-size'],
	['Content-Length: 3\r\nContent-Length: 5', 'abcdefg', 'abcdefg', 'conflicting-content-length'],
	['Content-Length: 3, 5', 'a\nb\n\nc', 'a\nb\n\nc', 'conflicting-content-length'],
	['Content-Length: +3', 'abcdefg', 'abcdefg', 'invalid-content-length'],
	['Transfer-Encoding: gzip', 'abcdefg', 'abcdefg', 'invalid-transfer-encoding'],
];

for (const [fields, bytes, body, anomalies] of UNREADABLE) {
	test(`a response with unreadable framing keeps its bytes, and the next exchange keeps its own: ${JSON.stringify(`${fields} ${bytes}`)}`, () => {
		const broken = `HTTP/1.1 200 OK\r\n${fields}\r\n\r\n${bytes}`;
		everyWay((end, shown) => {
			for (const pipelined of [true, false]) {
				for (const closer of ['client', 'server'] as const) {
					const talk = end().request(get('/broken'));
					if (pipelined) talk.request(get('/next'));
					talk.response(broken);
					if (!pipelined) talk.request(get('/next'));
					const rows = talk.response(ok('next')).request(get('/last')).response(ok('last')).close(closer).exchanges;
					const told = `${fields} ${JSON.stringify(bytes)}, ${pipelined}, ${closer} closes: ${shown}`;
					// A size line longer than the limit is only counted if it came in pieces.
					const held = rows[0]!.resCaptured < body.length && body.startsWith('000') ? null : body;
					if (held !== null) assert.equal(rows[0]!.resBody, held, told);
					assert.deepEqual(
						rows.map((row) => [row.path, row.reason, row.resBodyBytes, row.anomalies]),
						[
							['/broken', 'malformed', body.length, anomalies],
							['/next', null, 4, null],
							['/last', null, 4, null],
						],
						told,
					);
					assert.deepEqual([rows[1]!.resBody, rows[2]!.resBody], ['next', 'last'], told);
				}
			}
		});
	});
}

test('a request with unreadable framing keeps its bytes, and later requests get their own responses', () => {
	const bad = 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n';
	for (const [fields, bytes, body, anomalies] of UNREADABLE) {
		const broken = `POST /broken HTTP/1.1\r\nHost: h\r\n${fields}\r\n\r\n${bytes}`;
		everyWay((end, shown) => {
			const talk = end().request(broken).response(bad).request(get('/next')).response(ok('next'));
			const rows = talk.request(get('/last')).response(ok('last')).close().exchanges;
			const told = `${fields} ${JSON.stringify(bytes)}: ${shown}`;
			if (rows[0]!.reqCaptured === body.length) assert.equal(rows[0]!.reqBody, body, told);
			assert.deepEqual(
				rows.map((row) => [row.path, row.status, row.reason, row.reqBodyBytes, row.anomalies]),
				[
					['/broken', 400, 'malformed', body.length, anomalies],
					['/next', 200, null, 0, null],
					['/last', 200, null, 0, null],
				],
				told,
			);
		});
	}
});

test('bytes lost in a body of unknown length never give a response to the wrong request', () => {
	everyWay((end, shown) => {
		const talk = end().request(get('/broken'));
		talk.response('HTTP/1.1 200 OK\r\nContent-Length: 3, 5\r\n\r\nabcdefg');
		talk.request(get('/two')).lose(() => talk.response(ok('two')));
		const rows = talk.request(get('/three')).response(ok('three')).close().exchanges;
		assert.deepEqual([rows[0]!.path, rows[0]!.reason, rows[0]!.resBody], ['/broken', 'malformed', 'abcdefg'], shown);
		const two = rows.find((row) => row.path === '/two');
		assert.deepEqual([two!.status, two!.reason], [0, 'bytes lost'], shown);
		const three = rows.filter((row) => row.resBody === 'three').map((row) => row.path ?? '/three');
		assert.deepEqual(three, ['/three'], shown);
	});
});

const TWO_FIELDS = 'X: y\r\nContent-Length: 4\r\n\r\nbody';
for (const [answer, text, headers, body] of [
	[` HTTP/1.1 200 OK\r\n${TWO_FIELDS}`, ' HTTP/1.1 200 OK', 'X: y|Content-Length: 4', 'body'],
	[`http/1.1 200 OK\r\n${TWO_FIELDS}`, 'http/1.1 200 OK', 'X: y|Content-Length: 4', 'body'],
	[`HTTP/1.1 2000 OK\r\n${TWO_FIELDS}`, 'HTTP/1.1 2000 OK', 'X: y|Content-Length: 4', 'body'],
	[`HTTP/1.1 20 OK\r\n${TWO_FIELDS}`, 'HTTP/1.1 20 OK', 'X: y|Content-Length: 4', 'body'],
	[`HTTP/1.1 200OK\r\n${TWO_FIELDS}`, 'HTTP/1.1 200OK', 'X: y|Content-Length: 4', 'body'],
	['HTTP/1.1 OK\r\n\r\nuntil the end', 'HTTP/1.1 OK', '', 'until the end'],
	[`Status: 200 OK\r\n${TWO_FIELDS}`, 'Status: 200 OK', 'X: y|Content-Length: 4', 'body'],
	['just some text', null, '', 'just some text'],
	['just some text\r\n', null, '', 'just some text\r\n'],
	['<p>\r\n\r\nof a page\r\n', null, '', '<p>\r\n\r\nof a page\r\n'],
	['a: b\r\nno field\r\nc: d', null, '', 'a: b\r\nno field\r\nc: d'],
	['\0\x01\x02\xff\n\n\n', null, '', '\0\x01\x02\xff\n\n\n'],
	['t'.repeat(9000), null, '', 't'.repeat(9000)],
] as const) {
	test(`an answer with an unreadable first line is still the answer, with its fields, its body and all its bytes: ${JSON.stringify(answer.slice(0, 40))}`, () => {
		everyWay((end, shown) => {
			for (const before of ['', get('/before')]) {
				for (const closer of ['client', 'server'] as const) {
					const talk = end();
					if (before !== '') talk.request(before).response(ok('before'));
					talk.request(get('/odd')).response(answer).request(get('/next')).response(ok('next'));
					const [row, next] = talk.close(closer).exchanges.slice(before === '' ? 0 : 1);
					const told = `${JSON.stringify(answer.slice(0, 60))}, ${before}, ${closer} closes: ${shown}`;
					assert.deepEqual(
						[row!.path, row!.status, row!.statusText, row!.reason, row!.resBody, row!.resWireBytes],
						['/odd', 0, text, 'malformed', body, answer.length],
						told,
					);
					assert.equal(row!.resHeaders.map((field) => `${field.name}: ${field.value}`).join('|'), headers, told);
					assert.deepEqual(
						[next!.path, next!.status, next!.state, next!.resBody],
						['/next', 200, 'complete', 'next'],
						told,
					);
				}
			}
		});
	});
}

test('a status line after other lines counts, and those lines are garbage', () => {
	for (const garbage of [
		'warning: x\n',
		'warning: x\r\nnotice: y\r\n',
		'<br />\n',
		'\xef\xbb\xbf\n',
		'HTTP/1.1 2x0 OK\r\n',
	]) {
		everyWay((end, shown) => {
			const talk = end()
				.request(get('/odd'))
				.response(garbage + ok('odd'));
			const rows = talk.request(get('/next')).response(ok('next')).close('server').exchanges;
			assert.deepEqual(
				rows.map((row) => [row.path, row.status, row.statusText, row.reason, row.resBody, row.anomalies]),
				[
					['/odd', 200, 'OK', null, 'odd', 'leading-garbage'],
					['/next', 200, 'OK', null, 'next', null],
				],
				`${JSON.stringify(garbage)}: ${shown}`,
			);
			assert.equal(rows[0]!.resWireBytes, garbage.length + ok('odd').length, shown);
		});
	}
});

test('an odd answer never takes the response of another request in the same call', () => {
	for (const answer of ['just some text', 'warning: x\n', 'a: b\r\nc: d\r\n', 'HTTP/1.1 2000 OK\r\nX: y\r\n\r\nbody']) {
		everyWay((end, shown) => {
			const talk = end().request(get('/odd') + get('/two') + get('/three'));
			const rows = talk.response(answer).response(ok('/two')).response(ok('/three')).close().exchanges;
			for (const row of rows) {
				if (row.status === 200)
					assert.equal(row.path ?? row.resBody, row.resBody, `${JSON.stringify(answer)}: ${shown}`);
			}
			assert.equal(rows.filter((row) => row.status === 200).length, 2, shown);
		});
	}
});

/** Beginnings of connections that are not requests, and as much of a request as can be read from each. */
const NO_REQUESTS: readonly (readonly [bytes: string, line: string, fields: string, body: string | null])[] = [
	['\x16\x03\x01\x00\x05hello', '- -', '', '\x16\x03\x01\x00\x05hello'],
	['\x16\x03\x01\n\na: b\n\nc', '- -', '', '\x16\x03\x01\n\na: b\n\nc'],
	['POST /HTTP/1.1\r\nHost: h\r\n\r\n', 'POST /HTTP/1.1', 'Host: h', ''],
	['GET /HTTP/1.1\r\nHost: h\r\n\r\n', 'GET /HTTP/1.1', 'Host: h', ''],
	['PUT /x\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi', 'PUT /x', 'Host: h|Content-Length: 2', 'hi'],
	['OPTIONS\r\nHost: h\r\n\r\n', 'OPTIONS -', 'Host: h', ''],
	['OPTIONS\r\n\r\n', 'OPTIONS -', '', ''],
	['\xff\0\0\0 GET /x HTTP/1.1\r\nHost: h\r\n\r\n', 'GET /x', 'Host: h', ''],
	['\xef\xbb\xbfGET /x HTTP/1.1\r\nHost: h\r\n\r\n', 'GET /x', 'Host: h', ''],
	['\0POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi', 'POST /x', 'Host: h|Content-Length: 2', 'hi'],
	['junk\r\nGET /x HTTP/1.1\r\nHost: h\r\n\r\n', 'GET /x', 'Host: h', ''],
	['GET /', 'GET /', '', null],
	['GET /x HTTP/1.', 'GET /x', '', null],
	['hello', '- -', '', 'hello'],
	['hello world\r\n\r\n', '- -', '', 'hello world\r\n\r\n'],
	// A line that cannot be split is shown as the target.
	['hello\r\nHost: h\r\n\r\n', '- hello', 'Host: h', ''],
	['/x y\r\nHost: h\r\n\r\n', '- /x y', 'Host: h', ''],
	['HTTP/1.1 200 OK\r\nHost: h\r\n\r\n', '- HTTP/1.1 200 OK', 'Host: h', ''],
	['HTTP/1.1 200 OK\r\n\r\n', '- -', '', 'HTTP/1.1 200 OK\r\n\r\n'],
	['GET/ HTTP/1.1\r\nHost: h\r\n\r\n', 'GET/ -', 'Host: h', ''],
	['G\xc9T /x HTTP/1.1\r\nHost: h\r\n\r\n', 'G\xc9T /x', 'Host: h', ''],
	['G\0T /x HTTP/1.1\r\nHost: h\r\n\r\n', 'G\0T /x', 'Host: h', ''],
	['{"a": 1}\n[2]\n', '- -', '', '{"a": 1}\n[2]\n'],
	['PRI * HTTP/2.0\r\n\r\n', 'PRI *', '', ''],
];

const REFUSAL = 'HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbad';
for (const [bytes, line, fields, body] of NO_REQUESTS) {
	test(`a beginning that is not a request has a row if the answer is HTTP: ${JSON.stringify(bytes)}`, () => {
		everyWay((end, shown) => {
			for (const closer of ['client', 'server'] as const) {
				const { exchanges, connections } = end().request(bytes).response(REFUSAL).close(closer);
				const told = `${JSON.stringify(bytes)}, ${closer} closes: ${shown}`;
				assert.deepEqual(
					exchanges.map((row) => [`${row.method ?? '-'} ${row.target ?? '-'}`, row.status, row.reason, row.resBody]),
					[[line, 400, 'malformed', 'bad']],
					told,
				);
				const [row] = exchanges;
				assert.equal(row!.reqHeaders.map((field) => `${field.name}: ${field.value}`).join('|'), fields, told);
				assert.equal(row!.reqBody, body, told);
				assert.equal(row!.host, fields.startsWith('Host: h') ? 'h' : null, told);
				assert.deepEqual([connections[0]!.protocol, connections[0]!.exchanges], ['http1', 1], told);
			}
		});
	});
}

test('bytes that a server sends first are not a request, even if its client answers as a server does', () => {
	everyWay((end, shown) => {
		for (const greeting of ['\0', '\xff\xfb\x01']) {
			const { exchanges, connections } = end().response(greeting).request('HTTP/1.1 200 OK\r\n\r\n').close();
			assert.deepEqual([exchanges, connections[0]!.protocol], [[], 'other'], `${JSON.stringify(greeting)}: ${shown}`);
		}
	});
});

test('a partly captured beginning has a row too, with its full length', () => {
	for (const text of ['x', 'GET', 'junk x', '\x16\x03\x01']) {
		const kept = text.padEnd(1024, 'x');
		const tape = new Tape();
		const cut = { captured: kept.length, flags: wire.FLAG_CUT_CAPTURE_LIMIT };
		const server = tape.server(1).open().in(kept.padEnd(5000, 'x'), cut).out(ok('bad'));
		server.in(get('/next')).out(ok('next')).eof().close();
		const [row, ...more] = decodeRecords(tape.records).exchanges;
		assert.deepEqual(
			[row!.method, row!.status, row!.reason, row!.reqBodyBytes, row!.reqBody],
			[null, 200, 'malformed', 5000, kept],
		);
		assert.equal(more.length, 1, text);
	}
});

test('an unfinished status line is shown as far as it was received', () => {
	for (const [line, status, text] of [
		['HTTP/1.1 200 OK', 200, 'OK'],
		['HTTP/1.1 200 ', 200, ''],
		['HTTP/1.1 200', 0, 'HTTP/1.1 200'],
		['HTTP/1.1 20', 0, 'HTTP/1.1 20'],
		['HTT', 0, 'HTT'],
	] as const) {
		everyWay((end, shown) => {
			const [row, ...more] = end().request(get('/a')).response(line).close('server').exchanges;
			assert.deepEqual(
				[row!.status, row!.statusText, row!.resWireBytes],
				[status, text, line.length],
				`${line}: ${shown}`,
			);
			assert.deepEqual([row!.state, row!.anomalies, more], ['incomplete', 'incomplete-head', []], `${line}: ${shown}`);
		});
	}
});

test('a client that shuts down its side before the answer gets the same row', () => {
	const bad = 'HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\n\r\nbad';
	for (const [bytes, line] of [...NO_REQUESTS, [`GET /${'a'.repeat(9000)}`, `GET /${'a'.repeat(9000)}`] as const]) {
		for (const size of SIZES) {
			const talk = new End('server', size).request(bytes);
			talk.connection.eof();
			talk.response(bad).connection.close();
			const rows = decodeRecords(talk.tape.records).exchanges;
			assert.deepEqual(
				rows.map((row) => [`${row.method ?? '-'} ${row.target ?? '-'}`, row.status, row.reason]),
				[[line, 400, 'malformed']],
				`${JSON.stringify(bytes.slice(0, 40))}, ${size} bytes a call`,
			);
		}
	}
});

// In the others, the next request would continue their line.
const ENDED = NO_REQUESTS.filter(([bytes]) => bytes.endsWith('\n') || bytes.endsWith('hi') || bytes.startsWith('\x16'));

for (const [bytes, line] of ENDED) {
	test(`a request after a beginning that was not one has its own answer if the connection is kept: ${JSON.stringify(bytes)}`, () => {
		everyWay((end, shown) => {
			const talk = end().request(bytes).response(ok('odd'));
			const rows = talk
				.request(get('/next'))
				.response(ok('next'))
				.request(get('/last'))
				.response(ok('last'))
				.close().exchanges;
			assert.deepEqual(
				rows.map((row) => [row.path === null ? '-' : row.path, row.status, row.resBody]).slice(1),
				[
					['/next', 200, 'next'],
					['/last', 200, 'last'],
				],
				`${JSON.stringify(bytes)}: ${shown}`,
			);
			assert.deepEqual([rows[0]!.resBody, rows[0]!.reason], ['odd', 'malformed'], `${line}: ${shown}`);
		});
	});
}

const FOREIGN = NO_REQUESTS.filter(([bytes]) => !/^((GET|PUT|POST) .*|hello$)/s.test(bytes));
for (const [bytes] of FOREIGN) {
	test(`a beginning that is not a request has no row if the answer is not HTTP: ${JSON.stringify(bytes)}`, () => {
		for (const answer of ['', '\x16\x03\x03', 'RTSP/1.0 400 Bad\r\n\r\n', 'HTTPS\r\n', 'h', '+OK\r\n']) {
			everyWay((end, shown) => {
				const talk = end().request(bytes);
				if (answer !== '') talk.response(answer).request(get('/more')).response(ok('more'));
				const { exchanges, connections } = talk.close();
				const told = `${JSON.stringify(bytes)} ${JSON.stringify(answer)}: ${shown}`;
				assert.deepEqual(exchanges, [], told);
				assert.notEqual(connections[0]?.protocol, 'http1', told);
			});
		}
	});
}

test('a first call whose end was not captured is still paired with its answer', () => {
	const bytes = `\x16\x03\x01\x02\x00${'\x01'.repeat(600)}`;
	const talk = new End('server', 1 << 20);
	talk.connection.in(bytes.slice(0, 32)).in(bytes.slice(32), { captured: 100, flags: wire.FLAG_CUT_CAPTURE_LIMIT });
	const [row] = talk.response('HTTP/1.1 400 Bad Request\r\n\r\nplain HTTP, please').close('server').exchanges;
	assert.deepEqual(
		[row!.status, row!.reason, row!.resBody, row!.reqBodyBytes, row!.reqBody, row!.lostBytes],
		[400, 'malformed', 'plain HTTP, please', bytes.length, bytes.slice(0, 132), 0],
	);
});

test('an answer in the Redis protocol shows that a line like an HTTP/0.9 request was none', () => {
	for (const [answer, isRedis] of [
		['+OK\r\n', true],
		['+A\r\n', true],
		['-ERR x\r\n', true],
		[':0\r\n', true],
		[':-1\r\n', true],
		['$9\r\nvalue-of-9\r\n', true],
		['*-1\r\n', true],
		['+@\r\n', false],
		['+1\r\n', false],
		['-5\r\n', false],
		['$x\r\n', false],
		['*:\r\n', false],
		[':/\r\n', false],
		['#1\r\n', false],
		['+', false],
	] as const) {
		const { exchanges, connections } = new End('server', 1 << 20)
			.request('GET /key\r\n')
			.response(answer)
			.close('server');
		assert.deepEqual(
			exchanges.map((row) => row.resBody),
			isRedis ? [] : [answer],
			answer,
		);
		assert.equal(connections[0]!.protocol, isRedis ? 'other' : 'http1', answer);
	}
});

test('TLS is a blind spot until a plain HTTP server answers it', () => {
	const decoder = newDecoder();
	const spots = () => {
		decoder.snapshot(SNAPSHOT_BLIND_SPOTS);
		return takeOutput(decoder).blindSpots.map((spot) => [spot.what, spot.pid, spot.times]);
	};
	const tape = new Tape();
	const server = tape.server(1, { pid: 11 }).open().in('\x16\x03\x01\x02\x00\x01');
	feedRecords(decoder, tape.records);
	assert.deepEqual(spots(), [['tls', 11, 1]]);
	tape.records.length = 0;
	server.out('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n').close();
	const rows = feedRecords(decoder, tape.records).exchanges;
	decoder.decode(0);
	assert.deepEqual(
		[...rows, ...takeOutput(decoder).exchanges].map((row) => row.status),
		[400],
	);
	assert.deepEqual(spots(), []);
});

test('a method unknown to HTTP/0.9 makes a row, whatever the answer', () => {
	for (const answer of ['bad method\n', '', 'HTTP/1.0 501 No\r\n\r\n']) {
		everyWay((end, shown) => {
			const { exchanges } = end().request('POST /x\n').response(answer).close('server');
			assert.deepEqual(
				exchanges.map((row) => [row.method, row.path, row.status, row.reason]),
				[['POST', '/x', answer.startsWith('HTTP') ? 501 : 0, 'malformed']],
				shown,
			);
			if (answer === 'bad method\n') assert.equal(exchanges[0]!.resBody, answer, shown);
		});
	}
});

test('plain HTTP in a tunnel makes rows of the same connection, on either side of the client and the proxy', () => {
	const connect = 'CONNECT example.com:80 HTTP/1.1\r\nHost: example.com:80\r\n\r\n';
	const established = 'HTTP/1.1 200 Connection established\r\n\r\n';
	everyWay((end, shown) => {
		const talk = end().request(connect).response(established).request(get('/1')).response(ok('one'));
		const { exchanges, connections } = talk
			.request(get('/2') + get('/3'))
			.response(ok('two') + ok('three'))
			.close();
		assert.deepEqual(
			exchanges.map((row) => [row.method, row.target, row.status, row.state, row.resBody, row.conn]),
			[
				['CONNECT', 'example.com:80', 200, 'upgraded', '', 1],
				['GET', '/1', 200, 'complete', 'one', 1],
				['GET', '/2', 200, 'complete', 'two', 1],
				['GET', '/3', 200, 'complete', 'three', 1],
			],
			shown,
		);
		assert.deepEqual([connections[0]!.protocol, connections[0]!.exchanges], ['http1', 4], shown);
	});
});

test('other protocols in a tunnel make no rows, and the connection names them', () => {
	const connect = 'CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n';
	const established = 'HTTP/1.1 200 Connection established\r\n\r\n';
	const decoder = newDecoder();
	let conn = 0;
	for (const [first, answer, protocol, blind] of [
		['\x16\x03\x01\x02\x00\x01\x00\x01\xfc', '\x16\x03\x03', 'tls', 'tls'],
		['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04', '\0\0\0\x04', 'http2', undefined],
		['SSH-2.0-x\r\n', 'SSH-2.0-y\r\n', 'other', undefined],
		['', '220 smtp.example.com\r\n', 'other', undefined],
	] as const) {
		for (const sides of ['server', 'client'] as const) {
			const tape = new Tape();
			conn++;
			const options = { pid: 40 + conn };
			const end = sides === 'server' ? tape.server(conn, options).open() : tape.client(conn, options).open();
			const [ask, tell] = sides === 'server' ? (['in', 'out'] as const) : (['out', 'in'] as const);
			end[ask](connect)[tell](established);
			if (first !== '') end[ask](first);
			end[tell](answer)
				[ask](first === '' ? 'EHLO a.example\r\n' : get('/inner'))
				[tell](ok('inner'))
				.close();
			const decoded = feedRecords(decoder, tape.records);
			decoder.decode(0);
			const more = takeOutput(decoder);
			const rows = [...decoded.exchanges, ...more.exchanges];
			assert.deepEqual(
				rows.map((row) => [row.method, row.state]),
				[['CONNECT', 'upgraded']],
				`${protocol}, ${sides}`,
			);
			const ends = [...decoded.connections, ...more.connections];
			assert.deepEqual([ends.length, ends[0]!.protocol], [1, protocol], `${protocol}, ${sides}`);
			decoder.snapshot(SNAPSHOT_BLIND_SPOTS);
			const spots = takeOutput(decoder).blindSpots.filter((spot) => spot.pid === options.pid);
			assert.deepEqual(
				spots.map((spot) => [spot.what, spot.times]),
				blind === undefined ? [] : [[blind, 1]],
				`${protocol}, ${sides}`,
			);
			const skipped = [...decoded.skips, ...more.skips].map((skip) => skip.direction);
			// Frames are read.
			assert.deepEqual(skipped.toSorted(), protocol === 'http2' ? [] : ['in', 'out'], `${protocol}, ${sides}`);
		}
	}
});

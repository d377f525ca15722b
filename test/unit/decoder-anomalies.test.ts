// Every word of the column `anomalies`, each caused by its oddity alone, and how such a message affects the rest of its
// connection.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ANOMALIES } from '../../src/decode/words.ts';
import { type Decoded, decodeRecords, type ExchangeRow } from '../../support/decoded-rows.ts';
import { type ConnectionTape, Tape } from '../../support/record-builder.ts';

const GET = 'GET / HTTP/1.1\r\nHost: h\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
const SIZES = [1, 2, 3, 7, 1 << 20];

type Say = (server: ConnectionTape) => void;

function serve(say: Say): Decoded {
	const tape = new Tape();
	const server = tape.server(1).open();
	say(server);
	server.eof().close();
	return decodeRecords(tape.records);
}

/** Sends the bytes in pieces of `size`. */
function pieces(server: ConnectionTape, who: 'in' | 'out', bytes: string, size: number): void {
	for (let at = 0; at < bytes.length; at += size) server[who](bytes.slice(at, at + size));
}

function asked(bytes: string, size: number): ExchangeRow[] {
	return serve((server) => {
		pieces(server, 'in', bytes, size);
		pieces(server, 'out', OK, size);
	}).exchanges;
}

function answered(bytes: string, size: number, request = GET): ExchangeRow[] {
	return serve((server) => {
		pieces(server, 'in', request, size);
		pieces(server, 'out', bytes, size);
	}).exchanges;
}

/** Words of a request's row, however the request is cut into pieces. */
const REQUESTS: readonly (readonly [word: string, bytes: string])[] = [
	['bare-lf', 'GET / HTTP/1.1\nHost: h\r\n\r\n'],
	['invalid-target', 'GET HTTP/1.1\r\nHost: h\r\n\r\n'],
	['leading-crlf', `\r\n${GET}`],
	['obs-fold', 'GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n'],
	['bare-cr', 'GET / HTTP/1.1\r\nHost: h\r\nA: b\rc\r\n\r\n'],
	['unsupported-version', 'GET / HTTP/3.0\r\nHost: h\r\n\r\n'],
	['unsupported-version', 'GET / HTTP/11.1\r\nHost: h\r\n\r\n'],
	['unsupported-version', 'GET / HTTP/1.10\r\nHost: h\r\n\r\n'],
	['unsupported-version', 'GET / http/1.1\r\nHost: h\r\n\r\n'],
	['unsupported-version', 'GET / HTTP/one\r\nHost: h\r\n\r\n'],
	['missing-colon', 'GET / HTTP/1.1\r\nHost: h\r\nA\r\n\r\n'],
	['space-before-colon', 'GET / HTTP/1.1\r\nHost: h\r\nA : b\r\n\r\n'],
	['empty-header-name', 'GET / HTTP/1.1\r\nHost: h\r\n: b\r\n\r\n'],
	['invalid-header-name', 'GET / HTTP/1.1\r\nHost: h\r\n(A): b\r\n\r\n'],
	['invalid-header-value', 'GET / HTTP/1.1\r\nHost: h\r\nA: \x01\r\n\r\n'],
	['whitespace-in-start-line', 'GET  / HTTP/1.1\r\nHost: h\r\n\r\n'],
	['space-in-target', 'GET /a b HTTP/1.1\r\nHost: h\r\n\r\n'],
	['invalid-target', 'GET /\xe9 HTTP/1.1\r\nHost: h\r\n\r\n'],
	['invalid-target', 'GET a HTTP/1.1\r\nHost: h\r\n\r\n'],
	['unknown-method', 'BREW / HTTP/1.1\r\nHost: h\r\n\r\n'],
	['unknown-method', `${'M'.repeat(100)} / HTTP/1.1\r\nHost: h\r\n\r\n`],
	['invalid-method', 'G@T / HTTP/1.1\r\nHost: h\r\n\r\n'],
	['missing-host', 'GET / HTTP/1.1\r\n\r\n'],
	['duplicate-host', 'GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n'],
	['invalid-content-length', 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1,\r\n\r\na'],
	['duplicate-content-length', 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\na'],
	['conflicting-content-length', 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 2\r\n\r\n'],
	['invalid-transfer-encoding', 'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n'],
	['space-before-headers', 'GET / HTTP/1.1\r\n Host: h\r\nHost: h\r\n\r\n'],
	['incomplete-head', 'GET / HTTP/1.1\r\nHost: h\r\nA'],
	['long-headers', `GET / HTTP/1.1\r\nHost: h\r\nA: ${'a'.repeat(140_000)}\r\n\r\n`],
	['long-start-line', `GET /${'a'.repeat(70_000)} HTTP/1.1\r\nHost: h\r\n\r\n`],
	['many-headers', `GET / HTTP/1.1\r\nHost: h\r\n${'A: b\r\n'.repeat(1000)}\r\n`],
];

/** Words of a response to GET. */
const RESPONSES: readonly (readonly [word: string, bytes: string])[] = [
	['missing-reason', 'HTTP/1.1 204\r\n\r\n'],
	['invalid-reason', 'HTTP/1.1 204 No\x01\r\n\r\n'],
	['unsupported-version', 'HTTP/2 204 No\r\n\r\n'],
	['invalid-status', 'HTTP/1.1 2x4 No\r\n\r\n'],
	['invalid-status', 'no response\r\n'],
	[
		'content-length-and-transfer-encoding',
		'HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
	],
	['transfer-encoding-in-http10', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
	['unknown-transfer-coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: cow, chunked\r\n\r\n0\r\n\r\n'],
	['unknown-transfer-coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nbody'],
	['unknown-transfer-coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding:\r\n\r\nbody'],
	['unexpected-framing', 'HTTP/1.1 204 No Content\r\nContent-Length: 1\r\n\r\n'],
	['invalid-chunk-size', `${CHUNKED}x\r\n`],
	['invalid-chunk-end', `${CHUNKED}1\r\nabc`],
	['invalid-chunk-extension', `${CHUNKED}1;=\r\na\r\n0\r\n\r\n`],
	['space-after-chunk-size', `${CHUNKED}1 \r\na\r\n0\r\n\r\n`],
	['bare-lf', `${CHUNKED}1\na\r\n0\r\n\r\n`],
	['bare-lf', `${CHUNKED}1;a\na\r\n0\r\n\r\n`],
	['bare-lf', `${CHUNKED}1\r\na\n0\r\n\r\n`],
	['space-before-headers', `${CHUNKED}1\r\na\r\n0\r\n A: b\r\n\r\n`],
	['long-chunk-extensions', `${CHUNKED}1;${'e'.repeat(20_000)}\r\na\r\n0\r\n\r\n`],
	['long-trailers', `${CHUNKED}1\r\na\r\n0\r\n${`A: ${'b'.repeat(90)}\r\n`.repeat(200)}\r\n`],
];

/** Words that need more than one message, or an incomplete one. */
const CONVERSATIONS: readonly (readonly [word: string, row: number, say: Say])[] = [
	['http09', 0, (server) => server.in('GET /\r\n').out('<p>')],
	[
		'early-response',
		0,
		(server) => server.in('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\na').out(OK).in('b'),
	],
	[
		'body-not-sent',
		0,
		(server) => server.in('PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n').out(OK),
	],
	['opaque-response', 0, (server) => server.in(GET).sendfile(100)],
	['many-interim', 0, (server) => server.in(GET).out('HTTP/1.1 100 Continue\r\n\r\n'.repeat(20)).out(OK)],
	['leading-garbage', 1, (server) => server.in(GET).out(`${OK}more than was said`).in(GET).out(OK)],
	['after-close', 1, (server) => server.in(GET.replace('h\r\n', 'h\r\nConnection: close\r\n')).out(OK).in(GET).out(OK)],
	['unended-trailers', 0, (server) => server.in(GET).in(GET).out(`${CHUNKED}1\r\na\r\n0\r\n`).out(OK)],
	['chunk-flood', 0, (server) => server.in(GET).out(`${CHUNKED}${'1\r\na\r\n'.repeat(30_000)}0\r\n\r\n`)],
	[
		'guessed-framing',
		0,
		(server) => server.out('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n').out('HTTP/1.1 204 No Content\r\n\r\n'),
	],
];

/** The words that the tests below have seen. */
const seen = new Set<string>();

function check(word: string, bytes: string, row: ExchangeRow | undefined, size: number): void {
	assert.equal(row?.anomalies, word, `${JSON.stringify(bytes.slice(0, 80))} in pieces of ${size}`);
	seen.add(word);
}

for (const size of SIZES) {
	for (const [rows, what] of [
		[REQUESTS, 'request'],
		[RESPONSES, 'response'],
	] as const) {
		test(`each oddity of a ${what} gives its own word and no other, in pieces of ${size}`, () => {
			for (const [word, bytes] of rows)
				check(word, bytes, what === 'request' ? asked(bytes, size)[0] : answered(bytes, size)[0], size);
		});
	}
}

/** Oddities of HTTP/2 and of TLS, seen in decoder-http2.test.ts and decoder-plaintext.test.ts. */
const SEEN_ELSEWHERE = [
	'tls-unmapped',
	'hpack-unknown',
	'pushed',
	'invalid-header-block',
	'invalid-pseudo-header',
	'invalid-frame',
];

test('each oddity of a conversation gives its word and no other, and every word has been seen', () => {
	for (const [word, row, say] of CONVERSATIONS) check(word, word, serve(say).exchanges[row], 0);
	assert.deepEqual(
		ANOMALIES.filter((word) => !seen.has(word!) && !SEEN_ELSEWHERE.includes(word!)),
		[],
	);
});

test('bytes after a response longer than declared are not given to the next request', () => {
	const next = (path: string, body: string) =>
		[
			`GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`,
			`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
		] as const;
	const [one, oneAnswer] = next('/1', 'one');
	const [two, twoAnswer] = next('/2', 'second');
	for (const [request, response] of [
		[GET.replace('GET', 'HEAD'), 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'],
		[GET, 'HTTP/1.1 204 No Content\r\n\r\nhello'],
		[GET, 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello'],
		[GET, 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n<p>HTTP/1.1 200 OK</p>\r\n'],
	] as const) {
		const wanted = [
			['/', 'complete', ''],
			['/1', 'complete', 'one'],
			['/2', 'complete', 'second'],
		];
		const judge = (rows: ExchangeRow[], shown: string) => {
			const found = rows.map((row) => [row.path, row.state, row.path === '/' ? '' : row.resBody]);
			assert.deepEqual(found, wanted, `${JSON.stringify(response)} ${shown}`);
		};
		for (const size of SIZES) {
			const rows = serve((server) => {
				pieces(server, 'in', request, size);
				pieces(server, 'out', response, size);
				for (const bytes of [one, two]) {
					pieces(server, 'in', bytes, size);
					pieces(server, 'out', bytes === one ? oneAnswer : twoAnswer, size);
				}
			}).exchanges;
			judge(rows, `in pieces of ${size}`);
		}
		const pipelined = serve((server) => server.in(request + one + two).out(response + oneAnswer + twoAnswer));
		judge(pipelined.exchanges, 'pipelined');
	}
});

test('a response sent long before a request does not answer it', () => {
	const { exchanges } = serve((server) => {
		server.in(GET).out(OK).out('HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n');
		server.tape.timeNs += 1_000_000_000n;
		server.in('GET /late HTTP/1.1\r\nHost: h\r\n\r\n');
	});
	assert.deepEqual(
		exchanges.map((row) => [row.path, row.status, row.state]).toSorted(),
		[
			['/', 200, 'complete'],
			['/late', 0, 'unanswered'],
			[null, 408, 'incomplete'],
		].toSorted(),
	);
});

test('a response of unknown length ends where the next begins', () => {
	for (const field of ['Content-Length: +3', 'Transfer-Encoding: gzip']) {
		for (const size of SIZES) {
			const rows = serve((server) => {
				server.in(GET);
				pieces(server, 'out', `HTTP/1.1 200 OK\r\n${field}\r\n\r\nabc`, size);
				server.in('GET /after HTTP/1.1\r\nHost: h\r\n\r\n');
				pieces(server, 'out', OK, size);
			}).exchanges;
			assert.deepEqual(
				rows.map((row) => [row.path, row.reason, row.resBody]),
				[
					['/', 'malformed', 'abc'],
					['/after', null, 'ok'],
				],
				`${field} in pieces of ${size}`,
			);
		}
	}
});

test('a response in an unknown coding ends where the next begins', () => {
	for (const coding of ['identity', '']) {
		for (const size of SIZES) {
			const rows = serve((server) => {
				server.in(GET);
				pieces(server, 'out', `HTTP/1.1 200 OK\r\nTransfer-Encoding: ${coding}\r\n\r\nabc`, size);
				server.in('GET /after HTTP/1.1\r\nHost: h\r\n\r\n');
				pieces(server, 'out', OK, size);
			}).exchanges;
			assert.deepEqual(
				rows.map((row) => [row.path, row.reason, row.resBody, row.anomalies]),
				[
					['/', null, 'abc', 'unknown-transfer-coding'],
					['/after', null, 'ok', null],
				],
				`${coding} in pieces of ${size}`,
			);
		}
	}
});

test('an ICY (radio) answer makes no row, however it is cut', () => {
	for (const size of SIZES) {
		const { exchanges, connections } = serve((server) => {
			pieces(server, 'in', 'GET /stream HTTP/1.0\r\n\r\n', size);
			pieces(server, 'out', 'ICY 200 OK\r\nicy-name: x\r\n\r\n', size);
		});
		assert.deepEqual([exchanges.length, connections[0]?.protocol], [0, 'other'], `${size}`);
	}
});

test('exchanges before an HTTP/0.9 request are kept, whatever answers it', () => {
	const { exchanges } = serve((server) => server.in(GET).out(OK).in('GET /old\r\n').out('-ERR\r\n'));
	assert.deepEqual(
		exchanges.map((row) => [row.path, row.state]),
		[
			['/', 'complete'],
			['/old', 'complete'],
		],
	);
});

test('Expect in a response does not excuse a body that never came', () => {
	const [row] = answered('HTTP/1.1 201 Created\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n', 1 << 20);
	assert.deepEqual([row!.state, row!.reason, row!.anomalies], ['incomplete', 'peer closed', null]);
});

test('an answer that only begins like a status line gives the same row however it is cut', () => {
	for (const [request, answer, body] of [
		[GET, 'Hello\r\nworld\r\n', 'Hello\r\nworld\r\n'],
		[GET, 'HTTP 200 OK\r\nContent-Length: 2\r\n\r\nok', 'ok'],
		[GET, 'HTTPS/1.1 200 OK\r\n\r\n', 'HTTPS/1.1 200 OK\r\n\r\n'],
		[GET, 'HTTQ', 'HTTQ'],
		[GET, 'HTHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', 'ok'],
		['GET /old\r\n', 'Hello\nworld\n', null],
		['GET /old\r\n', 'I am old', null],
	] as const) {
		for (const before of ['', GET]) {
			const rows = (size: number) =>
				serve((server) => {
					if (before !== '') server.in(before).out(OK);
					server.in(request);
					pieces(server, 'out', answer, size);
					server.in('GET /after HTTP/1.1\r\nHost: h\r\n\r\n');
					pieces(server, 'out', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nafter', size);
				}).exchanges.map((row) => [
					row.path,
					row.state,
					row.reason,
					row.status,
					row.resBody,
					row.anomalies,
					row.resWireBytes,
				]);
			const whole = rows(1 << 20);
			const shown = `${JSON.stringify(answer)} after ${JSON.stringify(before)}`;
			if (request === GET) {
				assert.deepEqual(
					whole.at(-2),
					['/', 'incomplete', 'malformed', 0, body, 'invalid-status', answer.length],
					shown,
				);
				assert.deepEqual(whole.at(-1)!.slice(0, 5), ['/after', 'complete', null, 200, 'after'], shown);
			} else {
				assert.equal(
					whole
						.at(before === '' ? 0 : 1)![4]!
						.toString()
						.startsWith(answer),
					true,
					shown,
				);
			}
			for (const size of SIZES) assert.deepEqual(rows(size), whole, `${shown} in pieces of ${size}`);
		}
	}
});

test('requests sent one by one after a request with unreadable framing get their own responses', () => {
	for (const broken of [
		'POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc0\r\n\r\n',
		'POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
		`POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: +9000\r\n\r\n${'a line of text\r\n'.repeat(600)}`,
		`POST /p HTTP/1.1\r\nHost: h\r\nCookie: ${'c'.repeat(500)}\r\nContent-Length: 1, 2\r\n\r\n`,
	]) {
		const rows = serve((server) => {
			server.in(broken).out(OK);
			for (const path of ['/1', '/2', '/3']) {
				server.in(`GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`);
				server.out(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n${path}`);
			}
		}).exchanges;
		assert.deepEqual(
			rows.map((row) => [row.path, row.reason, row.resBody]),
			[
				['/p', 'malformed', 'ok'],
				['/1', null, '/1'],
				['/2', null, '/2'],
				['/3', null, '/3'],
			],
			JSON.stringify(broken.slice(0, 80)),
		);
		// The skipped bytes are the body of the broken request.
		assert.equal(rows[1]!.anomalies, null);
	}
});

for (const line of ['FOO /x', 'GET  ', 'POST /x HTTQ/1.1']) {
	test(`a trailer that is not a field line leaves the body of "${line}" its bytes, each counted once`, () => {
		for (const size of SIZES) {
			const bytes = `${GET}${line}\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"hi"\r\n\r\n`;
			const rows = serve((server) => {
				pieces(server, 'in', bytes, size);
				server.out(OK).out(OK);
			}).exchanges;
			assert.equal(rows.length, 2);
			assert.equal(rows[1]!.reqBody, 'hello');
			assert.equal(rows[1]!.reqBodyBytes, 5);
			assert.ok(rows[1]!.anomalies?.includes('missing-colon'), String(rows[1]!.anomalies));
		}
	});
}

test('a good status line without a reason, after an unreadable one, has no status text', () => {
	const tape = new Tape();
	const server = tape.server(1);
	server.open();
	server.in(GET).out('HTTP/1.1 20 a line that cannot be read\r\n').out('HTTP/1.0 200\r\nContent-Length: 0\r\n\r\n');
	for (const recordsPerBatch of [undefined, 1]) {
		const [row] = decodeRecords(tape.records, { recordsPerBatch }).exchanges;
		assert.deepEqual([row?.status, row?.statusText ?? ''], [200, '']);
	}
});

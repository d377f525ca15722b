// Input that only lenient parsers accept: it is read as they do, and marked, however the bytes are cut.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeRecords, type ExchangeRow } from '../../support/decoded-rows.ts';
import { Tape } from '../../support/record-builder.ts';

/** Rows of a server that received the bytes in pieces of `size`. */
function received(bytes: string, size: number): ExchangeRow[] {
	const tape = new Tape();
	const server = tape.server(1).open();
	for (let at = 0; at < bytes.length; at += size) server.in(bytes.slice(at, at + size));
	server.eof().close();
	return decodeRecords(tape.records).exchanges;
}

type Seen = readonly [
	path: string | null,
	fields: string,
	body: string | null,
	reason: string | null,
	words: string | null,
];

function summary(row: ExchangeRow): Seen {
	const fields = row.reqHeaders.map(({ name, value }) => `${name}=${value.replace(/\s+/g, ' ')}`).join(' ');
	return [row.path, fields, row.reqBody, row.reason, row.anomalies];
}

function expectRows(bytes: string, rows: readonly Seen[]): void {
	for (let size = 1; size <= bytes.length; size++)
		assert.deepEqual(received(bytes, size).map(summary), rows, `${JSON.stringify(bytes)} in pieces of ${size}`);
}

for (const [bytes, ...rows] of [
	['GET /a HTTP/1.1\r\nHost: h\r\nA: 1\rB: 2\rC: 3\r\n\r\n', ['/a', 'Host=h A=1 B=2 C=3', '', 'malformed', 'bare-cr']],
	[
		'POST /a HTTP/1.1\r\nHost: h\r\nA:\rTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n',
		['/a', 'Host=h A= Transfer-Encoding=chunked', 'hi', 'malformed', 'bare-cr'],
	],
	['GET /a HTTP/1.1\rHost: h\r\nA: b\r\n\r\n', ['/a', 'Host=h A=b', '', 'malformed', 'bare-cr']],
	// No field line follows, so the CR is part of the value.
	['GET /a HTTP/1.1\r\nHost: h\r\nA: 1\r2\r\n\r\n', ['/a', 'Host=h A=1 2', '', 'malformed', 'bare-cr']],
] as const) {
	test(`a bare CR before a field line ends the line before it: ${JSON.stringify(bytes)}`, () =>
		expectRows(bytes, rows));
}

test('a bare CR at the beginning of a line ends the head, and doubled CRs are one line end', () => {
	expectRows('PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\rabc', [
		['/a', 'Host=h Content-Length=3', 'abc', 'malformed', 'bare-cr'],
	]);
	expectRows('GET /a HTTP/1.1\r\r\nHost: h\r\r\n\r\r\n', [['/a', 'Host=h', '', 'malformed', 'bare-cr']]);
});

test('a bare CR after a chunk size ends its line', () => {
	expectRows('PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\rabc\r\n0\r\n\r\n', [
		['/a', 'Host=h Transfer-Encoding=chunked', 'abc', 'malformed', 'bare-cr'],
	]);
});

for (const [bytes, ...rows] of [
	[
		'PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n 3\r\n\r\nabc',
		['/a', 'Host=h Content-Length=3', 'abc', 'peer closed', 'obs-fold'],
	],
	[
		'PUT /a HTTP/1.1\r\nHost:\r\n\th\r\nTransfer-Encoding: gzip,\r\n chunked\r\n\r\n1\r\na\r\n0\r\n\r\n',
		['/a', 'Host=h Transfer-Encoding=gzip, chunked', 'a', 'peer closed', 'obs-fold'],
	],
	// "chunked x" is not a known coding, so the body's length is unknown.
	[
		'PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n x\r\n\r\n',
		['/a', 'Host=h Transfer-Encoding=chunked x', '', 'malformed', 'obs-fold,invalid-transfer-encoding'],
	],
	[
		'PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n 2\r\n\r\n',
		['/a', 'Host=h Content-Length=1 2', '', 'malformed', 'obs-fold,invalid-content-length'],
	],
] as const) {
	test(`a folded line continues the value of its field: ${JSON.stringify(bytes)}`, () => expectRows(bytes, rows));
}

test('requests that the standard tells servers to refuse are malformed, whoever hung up', () => {
	for (const [head, word] of [
		['GET /a HTTP/1.1\r\nHost: h\r\nA : b', 'space-before-colon'],
		['GET /a b HTTP/1.1\r\nHost: h', 'space-in-target'],
		['GET /\xe4 HTTP/1.1\r\nHost: h', 'invalid-target'],
		['GET /a HTTP/3.0\r\nHost: h', 'unsupported-version'],
		[
			'GET /a HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nTransfer-Encoding: chunked',
			'content-length-and-transfer-encoding',
		],
	] as const) {
		for (const size of [1, 7, 1000]) {
			const [row] = received(`${head}\r\n\r\n`, size);
			assert.deepEqual([row!.state, row!.reason, row!.anomalies], ['unanswered', 'malformed', word], head);
		}
	}
});

test('a second line without a version is not a second HTTP/0.9 request', () => {
	const tape = new Tape();
	tape.server(1).open().in('GET /a\r\nGET /b\r\n\r\n').out('<p>').close();
	const rows = decodeRecords(tape.records).exchanges;
	assert.deepEqual(
		rows.map((row) => [row.path, row.state, row.resBody]),
		[['/a', 'complete', '<p>']],
	);
});

// Exchanges of HTTP/2 in columns, in the detail view and in exports.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { curlLine } from '../../src/output/curl-line.ts';
import { detailView } from '../../src/output/detail-view.ts';
import { createHarWriter } from '../../src/output/har.ts';
import { wireRequest, wireResponse } from '../../src/output/wire-message.ts';
import { SegmentCache } from '../../src/store/database.ts';
import { recordReader } from '../../src/store/exchange-detail.ts';
import { NO_NAMES } from '../../src/store/remote-names.ts';
import {
	data,
	headers,
	literalBlock,
	PREFACE,
	requestBlock,
	responseBlock,
	settings,
} from '../../support/http2-frames.ts';
import { Tape } from '../../support/record-builder.ts';
import { stored } from '../../support/stored-exchanges.ts';

/** As a proxy that ends TLS passes it on. */
const SECURE = [
	[':method', 'GET'],
	[':scheme', 'https'],
	[':path', '/secure'],
	[':authority', 'example.com'],
] as const;
const tape = new Tape();
tape
	.server(1, { local: '10.0.0.1:8080', remote: '10.0.0.2:999' })
	.open()
	.in(PREFACE)
	.in(settings())
	.in(
		headers(
			1,
			requestBlock(
				'/shop.Stock/Get',
				[
					['content-type', 'application/grpc'],
					['te', 'trailers'],
				],
				'POST',
			),
		),
	)
	.in(data(1, 'ask', true))
	.out(settings())
	.out(headers(1, responseBlock(200, [['content-type', 'application/grpc+proto']])))
	.out(data(1, 'tell'))
	.out(
		headers(
			1,
			literalBlock([
				['grpc-status', '7'],
				['grpc-message', 'not %E2%82%AC 100%'],
			]),
			true,
		),
	)
	.in(headers(3, requestBlock('/plain?a=b'), true))
	.out(headers(3, responseBlock(404), true))
	.in(headers(5, literalBlock(SECURE), true))
	.out(headers(5, responseBlock(204), true))
	.close();
const { store } = stored(tape);
const read = recordReader(new SegmentCache().open(store.snapshot()), () => NO_NAMES);
const [call, plain, secure] = [read(0), read(1), read(2)];

test('columns of a stream, and of a gRPC call', () => {
	const columns = [
		'http_version',
		'req_http_version',
		'stream_id',
		'grpc_service',
		'grpc_method',
		'grpc_status',
		'grpc_message',
	];
	const values = (record: typeof call) => columns.map((name) => record.columns[name]);
	assert.deepEqual(values(call), ['2', '2', 1, 'shop.Stock', 'Get', 7, 'not € 100%']);
	assert.deepEqual(values(plain), ['2', '2', 3, null, null, null, null]);
	assert.deepEqual(
		[plain.columns.url, plain.columns.path, plain.columns.query_string],
		['http://example.com/plain?a=b', '/plain', 'a=b'],
	);
	assert.equal(secure.columns.url, 'https://example.com/secure');
	assert.deepEqual(call.responseHeaders.at(-2), { name: 'grpc-status', value: '7', trailer: true });
});

test('the detail view, a command for curl, and HAR', () => {
	const shown = detailView(call);
	assert.match(shown, /^stream +1$/m);
	assert.match(shown, /^gRPC +shop\.Stock\/Get, status 7 \(not € 100%\)$/m);
	assert.match(shown, /^POST \/shop\.Stock\/Get HTTP\/2$/m);
	assert.match(shown, /^HTTP\/2 200$/m);
	assert.equal(
		curlLine(plain).command,
		"curl --globoff --path-as-is --request 'GET' --http2-prior-knowledge --connect-to '::10.0.0.1:8080' --url 'http://example.com/plain?a=b' --header 'Accept:' --header 'User-Agent:'",
	);
	const writer = createHarWriter({ version: '1', redactor: null });
	const { log } = JSON.parse(
		[writer.begin(), writer.exchange(plain), writer.exchange(secure), writer.end()].join(''),
	) as {
		log: { entries: { request: { httpVersion: string; url: string }; response: { httpVersion: string } }[] };
	};
	assert.deepEqual(
		[log.entries[0]!.request.httpVersion, log.entries[0]!.response.httpVersion],
		['HTTP/2.0', 'HTTP/2.0'],
	);
	assert.deepEqual(
		log.entries.map((entry) => entry.request.url),
		['http://example.com/plain?a=b', 'https://example.com/secure'],
	);
});

test('on the wire of an export, it is HTTP/1.1', () => {
	const sent = wireRequest(call)!;
	assert.equal(
		Buffer.concat([sent.bytes, sent.tail]).toString(),
		'POST /shop.Stock/Get HTTP/1.1\r\ntransfer-encoding: chunked\r\nhost: example.com\r\ncontent-type: application/grpc\r\nte: trailers\r\n\r\n3\r\nask\r\n0\r\n\r\n',
	);
	const got = wireResponse(call)!;
	assert.equal(
		Buffer.concat([got.bytes, got.tail]).toString(),
		'HTTP/1.1 200 \r\ntransfer-encoding: chunked\r\ncontent-type: application/grpc+proto\r\n\r\n4\r\ntell\r\n0\r\ngrpc-status: 7\r\ngrpc-message: not %E2%82%AC 100%\r\n\r\n',
	);
});

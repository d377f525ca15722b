// The messages of an exchange in the detail view and in HAR, without secrets.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../src/base/errors.ts';
import { detailView } from '../../src/output/detail-view.ts';
import type { ExchangeDetail } from '../../src/output/exchange-parts.ts';
import { createHarWriter } from '../../src/output/har.ts';
import { withoutBodies } from '../../src/output/left-out-bodies.ts';
import { readProto } from '../../src/output/proto-schema.ts';
import { protobufLines } from '../../src/output/protobuf-lines.ts';
import { redactExchange } from '../../src/output/redacted-exchange.ts';
import { createRedactor } from '../../src/output/redaction.ts';
import { SegmentCache } from '../../src/store/database.ts';
import { recordReader } from '../../src/store/exchange-detail.ts';
import { messagesReader } from '../../src/store/exchange-messages.ts';
import { NO_NAMES } from '../../src/store/remote-names.ts';
import { data, headers, PREFACE, requestBlock, responseBlock, settings } from '../../support/http2-frames.ts';
import { BINARY, closeFrame, grpcMessage, socketFrame, TEXT } from '../../support/message-frames.ts';
import { type ConnectionTape, Tape } from '../../support/record-builder.ts';
import { GET, stored } from '../../support/stored-exchanges.ts';

const UPGRADE = 'GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
const SWITCHING =
	'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n';
const EVENTS = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n';

/** The first exchange of a server connection, with its messages. */
function exchangeOf(write: (server: ConnectionTape) => void): ExchangeDetail {
	const tape = new Tape();
	tape.clock(1_700_000_000_000_000_000n);
	const server = tape.server(1, { local: '10.0.0.1:80', remote: '10.0.0.2:4000' }).open();
	write(server);
	server.close();
	const { store, database } = stored(tape);
	const record = recordReader(new SegmentCache().open(store.snapshot()), () => NO_NAMES)(0);
	return { ...record, messages: messagesReader(database.tables.get('messages')!)(1)! };
}

const chat = exchangeOf((server) =>
	server
		.in(UPGRADE)
		.out(SWITCHING)
		.in(socketFrame(TEXT, '{"say":"hello","token":"s3cr3t-t0ken"}', { mask: 0x01020304 }))
		.out(socketFrame(TEXT, 'as you said: s3cr3t-t0ken'))
		.out(socketFrame(BINARY, Buffer.from([0, 1, 254, 255])))
		.out(socketFrame(TEXT, 'damaged', { isCompressed: true }))
		.in(closeFrame(1001, 'going \x1b[31maway', { mask: 9 })),
);

test('the detail view lists messages with their times', () => {
	const [, messages] = detailView(chat).split('messages\n');
	assert.deepEqual(messages!.split('\n'), [
		'#1 +2.000 ms in text, 38 bytes',
		'{',
		'  "say": "hello",',
		'  "token": "s3cr3t-t0ken"',
		'}',
		'#2 +3.000 ms out text, 25 bytes',
		'as you said: s3cr3t-t0ken',
		'#3 +4.000 ms out binary, 4 bytes',
		'00000000  00 01 fe ff                                       |....|',
		'#4 +5.000 ms out text, 7 bytes',
		'00000000  64 61 6d 61 67 65 64                              |damaged|',
		'not decompressed (permessage-deflate)',
		'#5 +6.000 ms in close 1001, 17 bytes',
		'going \\x1b[31maway',
		'',
	]);
	const requests = detailView(chat, { messages: ['req'] });
	assert.match(requests, /#1 .*#5 /s);
	assert.doesNotMatch(requests, /#2/);
	assert.doesNotMatch(detailView(chat, { parts: ['headers'] }), /#1/);
	const many = exchangeOf((server) => {
		server.in(GET('/')).out(EVENTS);
		for (let i = 1; i <= 50; i++) server.out(`event: e\nid: ${i}\ndata: x\n\n`);
	});
	assert.match(detailView(many), /#20 .*e, id 20, 1 byte\nx\n… 20 more messages\n#41 /);
});

test('messages of gRPC are shown as fields and wire types', () => {
	const message = Buffer.concat([
		Buffer.from([0x08, 0x96, 0x01, 0x12, 0x03]),
		Buffer.from('abc'),
		Buffer.from([0x1a, 0x04, 0x08, 0x01, 0x10, 0x02, 0x25, 0, 0, 0x80, 0x3f, 0x29, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]),
		Buffer.from([0x32, 2, 0xff, 0, 0x38, ...new Array(9).fill(0xff), 1]),
	]);
	const fields = [
		'1 varint: 150',
		'2 string: "abc"',
		'3 message:',
		'  1 varint: 1',
		'  2 varint: 2',
		'4 fixed32: 1065353216 (1)',
		'5 fixed64: 4607182418800017408 (1)',
		'6 bytes: ff00 (2)',
		'7 varint: 18446744073709551615 (-1)',
	];
	assert.deepEqual(protobufLines(message), fields);
	for (const damaged of [[0], [0x08], [0x12, 5, 1], [0x0b], [0x08, ...new Array(11).fill(0xff)], []])
		assert.equal(protobufLines(Uint8Array.from(damaged)), null, `${damaged}`);
	for (let cut = 1; cut < message.length; cut++) protobufLines(message.subarray(0, cut));
	const nested = Array.from({ length: 30 }).reduce<Buffer>(
		(inner) => Buffer.concat([Buffer.from([0x0a, inner.length]), inner]),
		Buffer.from([0x08, 1]),
	);
	assert.equal(protobufLines(nested)!.length, 11);
	assert.equal(protobufLines(Buffer.from('\x08\x01'.repeat(500), 'latin1'))!.length, 201);
	const call = exchangeOf((server) => {
		const grpc: [string, string][] = [['content-type', 'application/grpc']];
		server.in(PREFACE).in(settings()).out(settings());
		server.in(headers(1, requestBlock('/shop.Stock/Get', grpc, 'POST'))).in(data(1, grpcMessage(message), true));
		server.out(headers(1, responseBlock(200, [...grpc, ['grpc-status', '0']]), true));
	});
	const [, messages] = detailView(call).split('messages\n');
	assert.deepEqual(messages!.split('\n').slice(1, -1), fields);
	const [entry] = harOf(call);
	assert.deepEqual(entry._grpc, { service: 'shop.Stock', method: 'Get', status: 0, message: null });
	assert.deepEqual(entry._messages, [
		{
			type: 'send',
			time: 1_700_000_000.006,
			kind: 'grpc',
			size: message.length,
			data: message.toString('base64'),
			encoding: 'base64',
		},
	]);
});

function harOf(exchange: ExchangeDetail, redactor: ReturnType<typeof createRedactor> | null = null) {
	const writer = createHarWriter({ redactor, version: '0' });
	return JSON.parse(writer.begin() + writer.exchange(exchange) + writer.end()).log.entries;
}

test('HAR has messages of WebSocket as Chrome writes them, and others with our columns', () => {
	const [entry] = harOf(chat);
	assert.equal(entry._resourceType, 'websocket');
	assert.deepEqual(
		entry._webSocketMessages.map(({ type, opcode, data: content }: Record<string, unknown>) => [type, opcode, content]),
		[
			['send', 1, '{"say":"hello","token":"s3cr3t-t0ken"}'],
			['receive', 1, 'as you said: s3cr3t-t0ken'],
			['receive', 2, 'AAH+/w=='],
			['receive', 1, 'ZGFtYWdlZA=='],
			['send', 8, 'A+lnb2luZyAbWzMxbWF3YXk='],
		],
	);
	assert.equal(entry._webSocketMessages[0].time, 1_700_000_000.004);
	const [events] = harOf(exchangeOf((server) => server.in(GET('/')).out(EVENTS).out('event: a\nid: 1\ndata: x\n\n')));
	assert.deepEqual(events._messages, [
		{ type: 'receive', time: 1_700_000_000.004, kind: 'event', event: 'a', id: '1', size: 1, data: 'x' },
	]);
});

test('secrets in messages are replaced, wherever they occur in the exchange', () => {
	const redacted = redactExchange(chat, createRedactor(Buffer.alloc(32, 1)));
	const texts = redacted.messages!.messages.map(({ text, note }) => [text, note]);
	assert.match(String(texts[0]![0]), /^\{"say":"hello","token":"REDACTED-12-[0-9a-f]+"\}$/);
	assert.match(String(texts[1]![0]), /^as you said: REDACTED-12-[0-9a-f]+$/);
	assert.deepEqual(texts[3], [null, 'not decompressed (permessage-deflate); withheld by redaction']);
	const shared = JSON.stringify(harOf(chat, createRedactor()));
	assert.doesNotMatch(shared, /s3cr3t/);
	assert.doesNotMatch(shared, /ZGFtYWdlZA/);
	assert.equal(withoutBodies(chat).messages, undefined);
});

const FILES: Readonly<Record<string, string>> = {
	'/p/shop.proto': `syntax = "proto3"; package shop; import "common/item.proto"; import "google/protobuf/timestamp.proto";
service Stock { rpc Get(Ask) returns (stream Answer); }
message Ask { int32 number = 1; string name = 2; common.Item item = 3; float part = 4; double whole = 5; sint32 below = 6;
 repeated int32 list = 7; map<string, int64> counts = 8; Kind kind = 9; bool is_new = 10; bytes raw = 11; sfixed32 fixed = 12;
 google.protobuf.Timestamp at = 13; repeated double doubles = 14; enum Kind { NONE = 0; SOME = 1; } }
message Answer {}`,
	'/p/common/item.proto': 'syntax = "proto3"; package common; message Item { uint64 id = 1; Item inner = 2; }',
	'/p/bad.proto': 'message {',
	'/p/lacking.proto': 'syntax = "proto3"; message A { Nowhere a = 1; }',
};
const readFile = (path: string): string => {
	const text = FILES[path];
	if (text === undefined) throw new UserError(`there is no ${path}`, 'ERR_FILE_ENOENT');
	return text;
};

test('with --proto, fields have their names', async () => {
	const schema = await readProto(['/p/shop.proto'], readFile);
	const type = schema.typeOf('shop.Stock', 'Get', true)!;
	const bytes = (...parts: (number | string)[]) =>
		Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from([part]))));
	const ask = Buffer.concat([
		bytes(0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0x12, 2, 'ab', 0x1a, 4, 0x08, 7, 0x12, 0),
		bytes(0x25, 0, 0, 0x80, 0x3f, 0x29, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x30, 3, 0x3a, 3, 1, 0x96, 1, 0x38, 5),
		bytes(0x42, 5, 0x0a, 1, 'k', 0x10, 9, 0x48, 1, 0x48, 2, 0x50, 1, 0x5a, 2, 0xff, 0, 0x65, 0xff, 0xff, 0xff, 0xff),
		bytes(0x6a, 2, 0x08, 60, 0x72, 8, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0xa0, 1, 4),
	]);
	assert.deepEqual(protobufLines(ask, false, type), [
		...['number: -1', 'name: "ab"', 'item:', '  id: 7', '  inner:', 'part: 1', 'whole: 1', 'below: -2'],
		...['list: [1, 150]', 'list: 5', 'counts:', '  key: "k"', '  value: 9', 'kind: SOME', 'kind: 2', 'is_new: true'],
		...['raw: ff00 (2)', 'fixed: -1', 'at:', '  seconds: 60', 'doubles: [1]', '20 varint: 4'],
	]);
	// Not what the schema says: as without it.
	assert.deepEqual(protobufLines(bytes(0x10, 1, 0x18, 2), false, type), ['2 varint: 1', '3 varint: 2']);
	assert.deepEqual(protobufLines(new Uint8Array(0), false, type), []);
	for (const [service, method] of [
		['shop.Stock', 'Put'],
		['shop.None', 'Get'],
		['shop', 'Get'],
		['', ''],
		['shop.Ask', 'constructor'],
	] as const)
		assert.equal(schema.typeOf(service, method, true), undefined, service);
	const call = exchangeOf((server) => {
		const grpc: [string, string][] = [['content-type', 'application/grpc']];
		server.in(PREFACE).in(settings()).out(settings());
		server
			.in(headers(1, requestBlock('/shop.Stock/Get', grpc, 'POST')))
			.in(data(1, grpcMessage(bytes(0x12, 2, 'hi')), true));
		server.out(headers(1, responseBlock(200, grpc))).out(data(1, grpcMessage(bytes(0x08, 1)), true));
	});
	const shown = detailView(call, { proto: schema }).split('messages\n')[1]!.split('\n');
	assert.deepEqual([shown[1], shown[3]], ['name: "hi"', '1 varint: 1']);
});

test('a file that is no schema is an error that names it', async () => {
	await assert.rejects(
		readProto(['/p/bad.proto'], readFile),
		/expected a \.proto file, but \/p\/bad\.proto cannot be read/,
	);
	await assert.rejects(readProto(['/p/lacking.proto'], readFile), { code: 'ERR_PROTO' });
	await assert.rejects(readProto(['/p/none.proto'], readFile), { code: 'ERR_FILE_ENOENT' });
});

// The messages inside exchanges in HAR files: those of browsers, and tinytap's own exports read back.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
	data,
	headers,
	literalBlock,
	PREFACE,
	requestBlock,
	responseBlock,
	settings,
} from '../../support/http2-frames.ts';
import {
	BINARY,
	closeFrame,
	grpcMessage,
	MessageDeflater,
	PING,
	socketFrame,
	TEXT,
} from '../../support/message-frames.ts';
import { Tape } from '../../support/record-builder.ts';
import { temporaryDirectory } from '../../support/servers.ts';
import { recordTape } from '../../support/tape-recording.ts';
import { parseRows, runTinytap } from '../../support/tinytap.ts';

const directory = temporaryDirectory();
after(directory.remove);

const ALL = `SELECT m.exchange_id, m.ts, direction, kind, event, event_id, bytes, captured_bytes, data, hex(data_raw) AS raw,
	close_code, m.note FROM messages m ORDER BY exchange_id, seq`;

async function query(path: string, sql: string): Promise<{ rows: Record<string, unknown>[]; stderr: string }> {
	const { code, stdout, stderr } = await runTinytap(['query', sql, '--replay', path, '--format', 'ndjson']);
	assert.equal(code, 0, stderr);
	return { rows: parseRows(stdout), stderr };
}

/** An entry as Chrome writes it, without the fields of the upgrade. */
function chromeEntry(messages: readonly object[], status = 101): string {
	const path = join(directory.path, `chrome-${status}-${messages.length}.har`);
	const request = { method: 'GET', url: 'wss://chat.example/live?room=1', httpVersion: 'http/1.1', headers: [] };
	const response = { status, statusText: 'Switching Protocols', httpVersion: 'http/1.1', headers: [], content: {} };
	const entry = {
		...{ startedDateTime: '2026-11-22T12:00:00.000Z', time: 4, request, response, _resourceType: 'websocket' },
		...{ timings: { send: 1, wait: 2, receive: 1 }, _webSocketMessages: messages },
	};
	writeFileSync(
		path,
		JSON.stringify({ log: { version: '1.2', creator: { name: 'a', version: '1' }, entries: [entry] } }),
	);
	return path;
}

const SECONDS = Date.UTC(2026, 10, 22, 12) / 1000;

test("messages of a browser's WebSocket are rows, with their times", async () => {
	const long = 'x'.repeat(65_536);
	const path = chromeEntry([
		{ type: 'send', time: SECONDS + 1.000001, opcode: 1, data: 'grüß {"a":1}' },
		{ type: 'receive', time: SECONDS + 1.5, opcode: 2, data: 'AQL+' },
		{ type: 'receive', time: SECONDS + 3, opcode: 1, data: long },
		{ type: 'send', time: SECONDS + 2, opcode: 1, data: 'y'.repeat(300) },
		{ type: 'error', time: SECONDS + 4, opcode: -1, data: 'closed' },
	]);
	const { rows, stderr } = await query(path, ALL);
	assert.match(stderr, /not read: 1 message of WebSockets/);
	assert.deepEqual(
		rows.map(({ ts, direction, kind, bytes, note }) => [ts, direction, kind, bytes, note]),
		[
			['2026-11-22T12:00:01.000001Z', 'out', 'text', 14, null],
			['2026-11-22T12:00:01.500000Z', 'in', 'binary', 3, null],
			['2026-11-22T12:00:02.000000Z', 'out', 'text', 300, null],
			['2026-11-22T12:00:03.000000Z', 'in', 'text', 65_536, null],
		],
	);
	assert.deepEqual([rows[0]!.data, rows[1]!.raw, rows[3]!.data], ['grüß {"a":1}', '0102FE', long]);
	const { rows: exchanges } = await query(path, 'SELECT state, status, path, anomalies FROM exchanges');
	assert.deepEqual(exchanges, [{ state: 'upgraded', status: 101, path: '/live', anomalies: null }]);
	// Nothing tells where the frames of a refused upgrade would be.
	const refused = await query(chromeEntry([{ type: 'send', time: SECONDS, opcode: 1, data: 'x' }], 403), ALL);
	assert.deepEqual(refused.rows, []);
	assert.match(refused.stderr, /not read: 1 message of WebSockets/);
});

test('a message that a file holds in part has its true length, and the rest is counted', async () => {
	const messages = [
		{ type: 'receive', time: SECONDS, opcode: 1, data: 'begin', _bytes: 100 },
		{ type: 'receive', time: SECONDS + 1, opcode: 1, data: 'aGn/', _encoding: 'base64' },
	];
	const path = chromeEntry(messages);
	const { rows } = await query(path, ALL);
	assert.deepEqual(
		rows.map(({ bytes, captured_bytes: held, raw }) => [bytes, held, raw]),
		[
			[100, 5, '626567696E'],
			[3, 3, '6869FF'],
		],
	);
	assert.equal(rows[0]!.note, 'first 5 of 100 bytes (call limit)');
	const { rows: loss } = await query(path, "SELECT bytes FROM loss WHERE reason = 'capture_limit'");
	assert.deepEqual(loss, [{ bytes: 95 }]);
});

test("tinytap's own exports have the same messages when they are read back", async () => {
	const tape = new Tape();
	tape.clock(1_700_000_000_000_000_000n);
	const deflater = new MessageDeflater();
	const upgrade = 'GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
	const switching = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n';
	const chat = tape.server(1).open();
	chat.in(upgrade).out(`${switching}Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n`);
	chat.in(socketFrame(TEXT, 'hello', { mask: 9 })).out(socketFrame(PING, 'there?'));
	for (const text of ['again and again', 'again and again and again'])
		chat.out(socketFrame(TEXT, deflater.deflate(text), { isCompressed: true }));
	chat.out(socketFrame(BINARY, Buffer.from([0, 255]))).out(socketFrame(TEXT, Buffer.from([0xff])));
	chat
		.out(closeFrame(1001, 'going'))
		.in(closeFrame(1001, '', { mask: 1 }))
		.close();
	const events = tape.server(2).open();
	const type = 'Content-Type: text/event-stream\r\nConnection: close\r\n\r\n';
	events
		.in('GET /events HTTP/1.1\r\nHost: a\r\n\r\n')
		.out(`HTTP/1.1 200 OK\r\n${type}event: a\nid: 1\ndata: x\n\n`)
		.close();
	const call = tape.server(3).open();
	const grpc = ['content-type', 'application/grpc'] as const;
	call.in(PREFACE).in(settings()).out(settings());
	call.in(headers(1, requestBlock('/chat.Chat/Talk', [grpc], 'POST'))).in(data(1, grpcMessage('question'), true));
	call.out(headers(1, responseBlock(200, [grpc]))).out(data(1, grpcMessage('answer')));
	const trailers = [
		['grpc-status', '5'],
		['grpc-message', 'not here'],
	] as const;
	call.out(headers(1, literalBlock(trailers), true)).close();
	const [recording, har] = [join(directory.path, 'all.tinytap'), join(directory.path, 'all.har')];
	recordTape(recording, tape);
	const exported = await runTinytap(['export', '--replay', recording, '--format', 'har', '-o', har, '--no-redact']);
	assert.equal(exported.code, 0, exported.stderr);
	const [before, back] = [await query(recording, ALL), await query(har, ALL)];
	assert.equal(before.rows.length, 8 + 1 + 2);
	assert.doesNotMatch(back.stderr, /not read/);
	// Those in bodies have the time of its end.
	const compared = ({ rows }: typeof before) => rows.map((row) => (row.exchange_id === 1 ? row : { ...row, ts: '' }));
	assert.deepEqual(compared(back), compared(before));
	const columns =
		'SELECT grpc_service AS s, grpc_method AS m, grpc_status AS n, grpc_message AS t FROM exchanges WHERE id = 3';
	assert.deepEqual((await query(recording, columns)).rows, [{ s: 'chat.Chat', m: 'Talk', n: 5, t: 'not here' }]);
	const called = await query(har, columns);
	assert.deepEqual(called.rows, [{ s: 'chat.Chat', m: 'Talk', n: 5, t: 'not here' }]);
});

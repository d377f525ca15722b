// Tails of messages: of recordings with both sides of a WebSocket and of a stream of events.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createMessageLines, MESSAGE_LINE_COLUMNS } from '../../src/output/tail-message-line.ts';
import type { SqlValue } from '../../src/store/table.ts';
import type { FollowedTable } from '../../src/threads/messages.ts';
import { type TailOptions, Threads } from '../../src/threads/threads.ts';
import { closeFrame, PING, socketFrame, TEXT } from '../../support/message-frames.ts';
import { Tape } from '../../support/record-builder.ts';
import { replayedCapture } from '../../support/replayed-capture.ts';
import { temporaryDirectory } from '../../support/servers.ts';
import { recordTape } from '../../support/tape-recording.ts';
import { parseRows, runTinytap } from '../../support/tinytap.ts';

const directory = temporaryDirectory();
after(directory.remove);

const UPGRADE = 'GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
const SWITCHING = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
const EVENTS = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n';
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;

/** A WebSocket seen from both sides, then a stream of `events` events seen by its server. */
function recording(events: number): string {
	const tape = new Tape();
	tape.clock(1_700_000_000_000_000_000n);
	const server = tape.server(1, { local: '127.0.0.1:80', remote: '127.0.0.1:4000' }).open();
	const client = tape.client(2, { local: '127.0.0.1:4000', remote: '127.0.0.1:80' }).open();
	const sent = (bytes: Uint8Array | string) => {
		client.out(bytes);
		server.in(bytes);
	};
	const answered = (bytes: Uint8Array | string) => {
		server.out(bytes);
		client.in(bytes);
	};
	sent(UPGRADE);
	answered(SWITCHING);
	sent(socketFrame(TEXT, '{"token":"abcdefgh-secret"}', { mask: 1 }));
	answered(socketFrame(PING, ''));
	answered(closeFrame(1000, 'bye'));
	const streaming = tape.server(3, { local: '127.0.0.1:80', remote: '127.0.0.1:4001' }).open();
	streaming.in('GET /events HTTP/1.1\r\nHost: a\r\n\r\n').out(EVENTS);
	for (let i = 0; i < events; i++) streaming.out(chunk(`event: tick\ndata: ${i}\n\n`));
	streaming.out('0\r\n\r\n');
	const path = join(directory.path, `messages-${events}.tinytap`);
	recordTape(path, tape);
	return path;
}

const RECORDING = recording(23);

const tail = async (...words: string[]) => await runTinytap(['tail', '--replay', RECORDING, ...words]);

async function followed(
	of: FollowedTable,
	columns: string,
	options: TailOptions = {},
): Promise<(readonly SqlValue[])[]> {
	const threads = new Threads(replayedCapture(RECORDING, {}), (message) => assert.fail(message));
	try {
		const rows: (readonly SqlValue[])[] = [];
		const wanted = { where: undefined, columns, of, extended: true };
		for await (const part of threads.follow(wanted, { fromStart: true, ...options })) rows.push(...part.rows);
		return rows;
	} finally {
		await threads.close();
	}
}

test('--messages prints each message once it is complete, those of both sides', async () => {
	const { code, stdout, stderr } = await tail('--messages', '--format', 'ndjson');
	assert.equal(code, 0, stderr);
	const rows = parseRows(stdout);
	assert.equal(rows.length, 2 * 3 + 23);
	const [first] = rows;
	assert.deepEqual(Object.keys(first!), [
		...['ts', 'exchange_id', 'seq', 'direction', 'kind', 'event', 'bytes', 'data', 'close_code', 'note'],
	]);
	assert.deepEqual(
		rows.filter(({ event }) => event === 'tick').map(({ data }) => data),
		Array.from({ length: 23 }, (_, i) => String(i)),
	);
	const close = rows.filter(({ kind }) => kind === 'close').map((row) => [row.direction, row.close_code, row.data]);
	assert.deepEqual(close.sort(), [
		['in', 1000, 'bye'],
		['out', 1000, 'bye'],
	]);
});

test('--where, --columns and --count of --messages are about messages', async () => {
	const events = await tail(
		'--messages',
		'--where',
		"event = 'tick'",
		'--columns',
		'seq, data AS d',
		'--format',
		'csv',
	);
	assert.match(events.stdout, /^seq,d\n1,"?0"?\n2,"?1"?\n/, events.stderr);
	assert.equal(events.stdout.trimEnd().split('\n').length, 24);
	const two = await tail('--messages', '--count', '2', '--format', 'ndjson');
	assert.equal(parseRows(two.stdout).length, 2, two.stderr);
	const wrong = await tail('--messages', '--where', 'status = 200');
	assert.equal(wrong.code, 1);
	assert.match(wrong.stderr, /unknown column status .*\nhint: status is a column of exchanges: leave out --messages/);
	const other = await tail('--where', "kind = 'ping'");
	assert.match(other.stderr, /unknown column kind .*\nhint: kind is a column of messages: add --messages/);
	const both = await tail('--messages', '--bodies');
	assert.equal(both.code, 2);
	assert.match(both.stderr, /expected --bodies or --messages, got both/);
});

test('a query about single messages prints what it returns for each', async () => {
	const path = join(directory.path, 'ticks.sql');
	writeFileSync(path, "SELECT event || '!' AS e, CAST(data AS INT) AS n FROM messages WHERE kind = 'event'");
	const { stdout, stderr } = await tail('--query', path, '--format', 'ndjson');
	// A query that runs again and again would have a column `at`.
	assert.deepEqual(parseRows(stdout).at(-1), { e: 'tick!', n: 22 }, stderr);
	assert.equal(parseRows(stdout).length, 23);
});

test('with --redact, messages have no secrets', async () => {
	const open = await tail('--messages', '--format', 'ndjson', '--where', "kind = 'text'");
	assert.match(open.stdout, /abcdefgh-secret/);
	const { stdout } = await tail('--messages', '--format', 'ndjson', '--where', "kind = 'text'", '--redact');
	assert.match(stdout, /REDACTED/);
	assert.doesNotMatch(stdout, /abcdefgh-secret/);
});

test('a tail for a terminal knows the exchange of a message, and has each once', async () => {
	const all = await followed('messages', 'kind, direction');
	assert.equal(all.length, 2 * 3 + 23);
	const once = await followed('messages', 'kind, direction', { onePerExchange: true });
	assert.equal(once.length, 3 + 23);
	assert.deepEqual(once.slice(0, 3), [
		['text', 'in', 'server', 'server', '/chat'],
		['ping', 'out', 'server', 'server', '/chat'],
		['close', 'out', 'server', 'server', '/chat'],
	]);
	assert.deepEqual(once[3], ['event', 'out', 'server', 'server', '/events']);
});

test('a tail for a terminal knows how many messages an exchange has carried', async () => {
	const rows = await followed('exchanges', 'path');
	assert.deepEqual(rows.at(-1), ['/events', 23]);
	const [threads] = [new Threads(replayedCapture(RECORDING, {}), (message) => assert.fail(message))];
	try {
		for await (const { columns } of threads.follow(
			{ where: undefined, columns: 'path', extended: true },
			{ fromStart: true },
		))
			assert.deepEqual(
				columns.map(({ name }) => name),
				['path', 'messages'],
			);
	} finally {
		await threads.close();
	}
});

test('lines of messages fit the terminal and show texts, bytes, fields, codes and notes', async () => {
	const { line, head } = createMessageLines({});
	const names = ['exchange_id', 'ts', 'direction', 'kind', 'event', 'bytes', 'data', 'data_raw', 'close_code', 'note'];
	assert.equal(MESSAGE_LINE_COLUMNS.split(/, (?=[a-z])/).length, names.length);
	const usual = {
		...{ exchange_id: 7, ts: '2026-11-22T15:55:28.546123Z', direction: 'in', kind: 'text', event: null, bytes: 5 },
		...{ data: 'hello', data_raw: Buffer.from('hello'), close_code: null, note: null },
		...{ side: 'server', comm: 'node', path: '/chat' },
	};
	const of = (values: Record<string, SqlValue>, width = 100) => {
		const row: Record<string, SqlValue> = { ...usual, ...values };
		return line(
			[...names, 'side', 'comm', 'path'].map((name) => row[name]!),
			width,
		);
	};
	assert.equal(of({}), '   7 15:55:28.546 ↑ node      /chat                text              5 hello\n');
	assert.equal(head(100), '  id time           comm      path                 kind          bytes data\n');
	assert.equal(of({ direction: 'out' }, 50), '   7 ↓ text        5 hello\n');
	assert.match(of({ side: 'client', direction: 'out' }), / ↑ /);
	assert.match(of({ side: 'client' }), / ↓ /);
	const bytes = Buffer.from([1, 0xfe]);
	assert.match(of({ kind: 'binary', data: '\u0001\ufffd', data_raw: bytes }), / 01 fe\n$/);
	assert.match(of({ kind: 'event', event: 'token' }), / token /);
	assert.match(of({ kind: 'close', close_code: 1000, data: 'bye' }), / 1000 bye\n$/);
	assert.match(of({ kind: 'grpc', data_raw: Buffer.from([8, 5]), data: '\b\u0005' }), / 1 varint: 5/);
	assert.match(of({ kind: null, data: null, data_raw: null, note: 'bytes lost' }), / \? .* bytes lost\n$/);
	assert.match(of({ data: 'a\u001b[31mb\nc' }), /a\\x1b\[31mb/);
	for (let width = 20; width < 200; width++) {
		const text = of({ data: '漢'.repeat(300), path: '/p'.repeat(80), comm: 'c'.repeat(15) }, width);
		assert.ok([...text.trimEnd()].reduce((sum, c) => sum + (c === '漢' ? 2 : 1), 0) <= width, `${width}: ${text}`);
	}
});

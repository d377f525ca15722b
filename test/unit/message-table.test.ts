// Table `messages`: its columns, decompression, notes, memory.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { test } from 'node:test';
import {
	type BrotliCompress,
	brotliCompressSync,
	createBrotliCompress,
	createDeflate,
	createDeflateRaw,
	createGzip,
	type Deflate,
	type DeflateRaw,
	deflateSync,
	type Gzip,
	gzipSync,
	constants as zlib,
} from 'node:zlib';
import { redactedTables } from '../../src/output/redacted-tables.ts';
import { createRedactor } from '../../src/output/redaction.ts';
import { NO_NAMES } from '../../src/store/remote-names.ts';
import { data, headers, PREFACE, requestBlock, responseBlock, settings } from '../../support/http2-frames.ts';
import {
	BINARY,
	CONTINUATION,
	closeFrame,
	grpcMessage,
	MessageDeflater,
	PING,
	socketFrame,
	TEXT,
} from '../../support/message-frames.ts';
import { type ConnectionTape, Tape } from '../../support/record-builder.ts';
import { rowsOf } from '../../support/sql-run.ts';
import { GET, OK, type Row, stored, tableRows } from '../../support/stored-exchanges.ts';

const UPGRADE = 'GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
const SWITCHING = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n';
const DEFLATING = `${SWITCHING}Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=15\r\n\r\n`;
/** Five events as one stream of zstd that was flushed after each, and its end. Made by zstd 1.5.7 (level 3, with a checksum). */
const ZSTD = JSON.parse(readFileSync(join(import.meta.dirname, '../fixtures/zstd-stream.json'), 'utf8')) as {
	readonly pieces: readonly string[];
	readonly end: string;
};
const EVENTS = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n';

function storedOf(write: (server: ConnectionTape, tape: Tape) => void, memoryBytes = 64 << 20) {
	const tape = new Tape();
	tape.clock(1_700_000_000_000_000_000n);
	const server = tape.server(1, { local: '127.0.0.1:80', remote: '127.0.0.1:4000' }).open();
	write(server, tape);
	server.close();
	return stored(tape, { memoryBytes, rows: Number.POSITIVE_INFINITY });
}

const messagesOf = (write: (server: ConnectionTape, tape: Tape) => void): Row[] => storedOf(write).rows('messages');

test('the columns of a message say what it is, when it came, and what is held of it', () => {
	const { rows, database } = storedOf((server) =>
		server
			.in(GET('/events'))
			.out(EVENTS)
			.out('event: token\nid: 1\ndata: {"text":"Gr\xc3\xbc\xc3\x9fe"}\n\n')
			.out('data: 2\n\n'),
	);
	const [first, second] = rows('messages') as [Row, Row];
	const { ts, data_raw: raw, ...others } = first;
	assert.deepEqual(others, {
		exchange_id: 1,
		seq: 1,
		direction: 'out',
		kind: 'event',
		event: 'token',
		event_id: '1',
		bytes: 18,
		captured_bytes: 18,
		data: '{"text":"Grüße"}',
		close_code: null,
		note: null,
	});
	assert.equal(Buffer.from(raw as Uint8Array).toString(), '{"text":"Grüße"}');
	assert.match(String(ts), /^2023-11-14T22:13:20\.0\d{5}Z$/);
	assert.deepEqual([second.seq, second.data, second.event, second.event_id], [2, '2', null, null]);
	// The time to the first message, and the gaps between messages, are a query.
	assert.deepEqual(
		rowsOf(
			`SELECT e.path, count(*), round((julianday(min(m.ts)) - julianday(min(e.ts))) * 86400000)
			 FROM messages m JOIN exchanges e ON e.id = m.exchange_id WHERE m.kind = 'event' GROUP BY e.path`,
			database,
		),
		[['/events', 2, 2]],
	);
	assert.deepEqual(rowsOf('SELECT seq FROM messages WHERE exchange_id = 1 AND seq > 1', database), [[2]]);
});

test('a close frame has a code and a reason', () => {
	const rows = messagesOf((server) =>
		server
			.in(UPGRADE)
			.out(`${SWITCHING}\r\n`)
			.out(closeFrame(4001, 'too slow'))
			.in(socketFrame(8, '', { mask: 1 })),
	);
	assert.deepEqual(
		rows.map((row) => [row.direction, row.kind, row.close_code, row.data, row.bytes, row.note]),
		[
			['out', 'close', 4001, 'too slow', 10, null],
			['in', 'close', null, '', 0, null],
		],
	);
});

test('compressed messages of WebSocket are decompressed with what came before them', () => {
	const texts = [
		'{"price":1,"name":"tinytap"}',
		'{"price":2,"name":"tinytap"}',
		'',
		'x'.repeat(100_000),
		'{"price":3}',
	];
	const deflater = new MessageDeflater();
	const back = new MessageDeflater(false);
	const rows = messagesOf((server) => {
		server.in(UPGRADE).out(DEFLATING);
		for (const [index, text] of texts.entries()) {
			const body = deflater.deflate(text);
			const half = body.length >> 1;
			// In two fragments, with a control frame between them.
			server.out(socketFrame(TEXT, body.subarray(0, half), { isCompressed: true, isLast: false }));
			server.out(socketFrame(PING, 'p'));
			server.out(socketFrame(CONTINUATION, body.subarray(half)));
			server.in(
				socketFrame(BINARY, back.deflate(`${index}${text.slice(0, 50)}`), { isCompressed: true, mask: 77 + index }),
			);
		}
		server.out(socketFrame(TEXT, 'not compressed'));
	});
	const out = rows.filter((row) => row.direction === 'out' && row.kind === 'text');
	assert.deepEqual(
		out.map((row) => [String(row.data).slice(0, 40), row.bytes, row.captured_bytes, row.note]),
		[
			...texts.map((text) => [
				text.slice(0, 40),
				text.length,
				Math.min(text.length, 65_536),
				text.length > 65_536 ? 'first 65536 of 100000 bytes (body limit)' : null,
			]),
			['not compressed', 14, 14, null],
		],
	);
	assert.deepEqual(
		rows.filter((row) => row.kind === 'binary').map((row) => row.data),
		texts.map((text, index) => `${index}${text.slice(0, 50)}`),
	);
});

test('after a loss only messages that refer to nothing before it are decompressed, and none is wrong', () => {
	const deflater = new MessageDeflater();
	const alone = new MessageDeflater(false);
	const bodies = ['first abcdefgh', 'second abcdefgh', 'third abcdefgh'].map((text) => deflater.deflate(text));
	const rows = messagesOf((server) => {
		server.in(UPGRADE).out(DEFLATING);
		server.out(socketFrame(TEXT, bodies[0]!, { isCompressed: true }));
		const frame = socketFrame(TEXT, bodies[1]!, { isCompressed: true });
		// One byte of the payload is lost.
		server.out(frame.subarray(0, 4));
		server.outOffset += 1n;
		server.out(frame.subarray(5));
		server.out(socketFrame(TEXT, bodies[2]!, { isCompressed: true }));
		server.out(socketFrame(TEXT, alone.deflate('fresh fresh fresh'), { isCompressed: true }));
	});
	assert.deepEqual(
		rows.map((row) => [row.data, row.note]),
		[
			['first abcdefgh', null],
			[
				null,
				`${bodies[1]!.length - 1} of ${bodies[1]!.length} bytes; 1 lost (ring full); not decompressed (permessage-deflate)`,
			],
			[null, 'not decompressed (permessage-deflate)'],
			['fresh fresh fresh', null],
		],
	);
});

test('compressed messages of gRPC are decompressed by the encoding of their side', () => {
	const head = (encoding: string): [string, string][] => [
		['content-type', 'application/grpc'],
		['grpc-encoding', encoding],
	];
	const call = (server: ConnectionTape, id: number, encoding: string, body: Uint8Array) => {
		server.in(headers(id, requestBlock('/a/b', [['content-type', 'application/grpc']], 'POST')));
		server.in(data(id, grpcMessage('question'), true));
		server.out(headers(id, responseBlock(200, head(encoding))));
		server.out(data(id, Buffer.concat([grpcMessage(body, 1), grpcMessage('plain')]), true));
	};
	const rows = messagesOf((server) => {
		server.in(PREFACE).in(settings()).out(settings());
		call(server, 1, 'gzip', gzipSync('zipped'));
		call(server, 3, 'deflate', deflateSync('deflated'));
		call(server, 5, 'x-other', gzipSync('known by its checksum'));
		call(server, 7, 'snappy', Buffer.from('????'));
	});
	assert.deepEqual(
		rows.filter((row) => row.seq === 2).map((row) => [row.data, row.bytes, row.note]),
		[
			['zipped', 6, null],
			['deflated', 8, null],
			['known by its checksum', 21, null],
			[null, 4, 'not decompressed (unknown encoding)'],
		],
	);
	assert.deepEqual(
		rows.filter((row) => row.seq !== 2).map((row) => row.data),
		['question', 'plain', 'question', 'plain', 'question', 'plain', 'question', 'plain'],
	);
});

test('what is not known of messages is a note', () => {
	const rows = messagesOf((server) => {
		server.in(GET('/')).out(EVENTS).out('data: abc');
		server.outOffset += 100n;
		server.out('d\n\ndata: whole\n\ndata: cut');
	});
	assert.deepEqual(
		rows.map((row) => [row.data, row.bytes, row.captured_bytes, row.note]),
		[
			[
				'abc',
				null,
				3,
				'first 3 of 103 bytes; 100 lost (ring full); the rest of this message and others may be in them',
			],
			['whole', 5, 5, null],
			['cut', 3, 3, 'ended early'],
		],
	);
	const socket = messagesOf((server) => {
		server.in(UPGRADE).out(`${SWITCHING}\r\n`);
		server.outOffset += 10n;
		server.out('???').in(Buffer.from([0x83, 0]));
	});
	assert.deepEqual(
		socket.map((row) => [row.kind, row.bytes, row.data, row.note]),
		[
			[null, null, null, 'bytes lost between messages: the rest of this direction cannot be told apart'],
			[null, null, null, 'invalid framing: the rest of this direction is not read'],
		],
	);
});

test('messages are evicted with their exchange, and the oldest ones if there are too many', () => {
	const few = new Tape();
	few.clock(1_700_000_000_000_000_000n);
	const server = few.server(1).open();
	const ndjson = (body: string) => OK(body, 'Content-Type: application/x-ndjson\r\n');
	for (let i = 1; i <= 100; i++) server.in(GET(`/${i}`)).out(ndjson(`{"n":${i}}\n{"n":0}`));
	const { database, messages } = stored(few, { memoryBytes: 64 << 20, rows: 10 });
	const held = 'SELECT count(*), min(exchange_id), count(DISTINCT exchange_id) FROM messages';
	assert.deepEqual(rowsOf(held, database), [[20, 91, 10]]);
	assert.deepEqual([messages.appended, messages.evictedRows], [200, 0]);

	const many = new Tape();
	many.clock(1_700_000_000_000_000_000n);
	const talk = many.server(1).open().in(UPGRADE).out(`${SWITCHING}\r\n`);
	for (let i = 0; i < 3000; i++) talk.out(socketFrame(TEXT, `${i}`.padStart(1000)));
	const limited = stored(many, { memoryBytes: 1 << 20, rows: Number.POSITIVE_INFINITY });
	assert.ok(limited.messages.memoryBytes <= 1 << 20, `${limited.messages.memoryBytes}`);
	const [[count, last]] = rowsOf('SELECT count(*), max(seq) FROM messages', limited.database) as [[number, number]];
	assert.deepEqual([count + limited.messages.evictedRows, last], [3000, 3000]);
	assert.ok(count > 500 && limited.messages.evictedBytes === limited.messages.evictedRows * 1000, `${count}`);
});

/** Compresses texts one after another, and flushes after each, as servers of events do. */
async function flushed(
	compressor: Gzip | Deflate | DeflateRaw | BrotliCompress,
	texts: readonly string[],
	ends: boolean,
	flushing: number = zlib.Z_SYNC_FLUSH,
): Promise<Buffer[]> {
	const pieces: Buffer[] = [];
	let piece: Buffer[] = [];
	compressor.on('data', (bytes: Buffer) => piece.push(bytes));
	for (const text of texts) {
		piece = [];
		compressor.write(text);
		await new Promise<void>((resolve) => {
			compressor.flush(flushing, resolve);
		});
		pieces.push(Buffer.concat(piece));
	}
	piece = [];
	if (ends) await finished(compressor.end());
	return ends ? [...pieces, Buffer.concat(piece)] : pieces;
}

test('events of a compressed body are rows, with the times of the calls that brought them', async () => {
	const texts = Array.from({ length: 5 }, (_, i) => `event: token\ndata: {"token":"the same ${i}"}\n\n`);
	const head = (coding: string) =>
		`HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: ${coding}\r\nTransfer-Encoding: chunked\r\n\r\n`;
	const chunk = (bytes: Uint8Array) =>
		Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);
	const codings: [string, Buffer[]][] = [
		['gzip', await flushed(createGzip(), texts, true)],
		['X-GZIP', await flushed(createGzip(), texts, false)],
		['deflate', await flushed(createDeflate(), texts, true)],
		['deflate', await flushed(createDeflateRaw(), texts, true)],
		['br', await flushed(createBrotliCompress(), texts, true, zlib.BROTLI_OPERATION_FLUSH)],
		['zstd', [...ZSTD.pieces, ZSTD.end].map((piece) => Buffer.from(piece, 'base64'))],
		// Never flushed: all events come with the end.
		['gzip', [gzipSync(texts.join(''))]],
		['br', [brotliCompressSync(texts.join(''))]],
	];
	for (const [coding, pieces] of codings) {
		const isFlushed = pieces.length > 1;
		const rows = messagesOf((server) => {
			server.in(GET('/')).out(head(coding));
			for (const piece of pieces)
				for (const part of isFlushed ? [piece.subarray(0, 3), piece.subarray(3)] : [piece])
					if (part.length > 0) server.out(chunk(part));
			server.out('0\r\n\r\n');
		});
		assert.deepEqual(
			rows.map((row) => [row.seq, row.kind, row.event, row.data, row.note]),
			texts.map((_, i) => [i + 1, 'event', 'token', `{"token":"the same ${i}"}`, null]),
			coding,
		);
		assert.equal(new Set(rows.map((row) => row.ts)).size, isFlushed ? 5 : 1);
	}
	const note = (coding: string, bytes: Uint8Array) =>
		messagesOf((server) => server.in(GET('/')).out(head(coding)).out(chunk(bytes)).out('0\r\n\r\n')).map((row) => [
			row.kind,
			row.data,
			row.note,
		]);
	const unread = [[null, null, 'the content coding is not undone: messages are not read']];
	assert.deepEqual(note('gzip, br', brotliCompressSync(gzipSync('data: x\n\n'))), unread);
	for (const coding of ['br', 'zstd']) assert.deepEqual(note(coding, Buffer.from('data: not coded\n\n')), unread);
	// More than 16 MiB of one event come from a few bytes.
	const bomb = brotliCompressSync(Buffer.alloc(17 << 20, 'x'), { params: { [zlib.BROTLI_PARAM_QUALITY]: 1 } });
	assert.ok(bomb.length < 10_000, `${bomb.length}`);
	assert.deepEqual(note('br', bomb), unread);
	assert.deepEqual(note('gzip', Buffer.from('data: not compressed\n\n')), unread);
	assert.deepEqual(note('identity', Buffer.from('data: x\n\n')), [['event', 'x', null]]);
	// A lost piece: what follows cannot be decompressed.
	for (const [coding, [first, second, third]] of [
		['gzip', await flushed(createGzip(), texts, false)],
		['br', await flushed(createBrotliCompress(), texts, false, zlib.BROTLI_OPERATION_FLUSH)],
		['zstd', ZSTD.pieces.map((piece) => Buffer.from(piece, 'base64'))],
	] as const) {
		const rows = messagesOf((server) => {
			server.in(GET('/')).out(head(coding).replace('Transfer-Encoding: chunked\r\n', '')).out(first!);
			server.outOffset += BigInt(second!.length);
			server.out(third!);
		});
		assert.deepEqual(
			rows.map((row) => [row.kind, row.data, row.note]),
			[
				['event', '{"token":"the same 0"}', null],
				[null, null, 'bytes lost between messages: the rest of this direction cannot be told apart'],
			],
			coding,
		);
	}
});

test('redacted messages hide secrets, and what could not be decompressed', () => {
	const { database } = storedOf((server) => {
		server.in(UPGRADE).out(DEFLATING).out(socketFrame(TEXT, '{"password":"hunter2-hunter2"}'));
		server.out(socketFrame(TEXT, 'damaged: hunter2-hunter2', { isCompressed: true }));
	});
	const redacted = redactedTables(database, database, () => NO_NAMES, createRedactor());
	const [first, second] = tableRows(redacted.tables.get('messages')!) as [Row, Row];
	assert.match(String(first.data), /^\{"password":"REDACTED-15-[0-9a-f]+"\}$/);
	assert.doesNotMatch(Buffer.from(first.data_raw as Uint8Array).toString(), /hunter2/);
	assert.deepEqual([second.data, second.data_raw, second.bytes], [null, null, 24]);
});

test('messages of a response whose request is found later belong to the exchange', () => {
	const tape = new Tape();
	tape.clock(1_700_000_000_000_000_000n);
	const server = tape.server(1).open();
	const ndjson = OK('{"n":1}\n', 'Content-Type: application/x-ndjson\r\n');
	server.in(GET('/lost'));
	server.in(
		`POST /found HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\nContent-Length: 8\r\n\r\n{"q":1}\n`,
	);
	// The first response is lost, so it is not known at once which request the second one answers.
	server.outOffset += 40n;
	server.out(ndjson);
	server.in(GET('/next')).out(OK('next'));
	server.close();
	const { database } = stored(tape);
	assert.deepEqual(
		rowsOf(
			'SELECT e.path, m.seq, m.direction, m.data FROM messages m JOIN exchanges e ON e.id = m.exchange_id ORDER BY m.exchange_id, m.seq',
			database,
		),
		[
			['/found', 1, 'in', '{"q":1}'],
			['/found', 2, 'out', '{"n":1}'],
		],
	);
	assert.deepEqual(rowsOf('SELECT count(*) FROM messages', database), [[2]]);
});

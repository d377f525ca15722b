// Messages inside bodies and WebSocket connections: what becomes a row of table `messages`, wherever calls are cut, and what
// is said of bytes that were not captured.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FLAG_CUT_CAPTURE_LIMIT, FLAG_UNVERIFIED } from '../../decoder-as/assembly/wire/capture-event.ts';
import * as layout from '../../decoder-as/assembly/wire/output-layout.ts';
import {
	type Decoded,
	decodeRecords,
	feedRecords,
	type MessageRow,
	newDecoder,
	takeOutput,
} from '../../support/decoded-rows.ts';
import { data, headers, PREFACE, requestBlock, responseBlock, settings } from '../../support/http2-frames.ts';
import {
	BINARY,
	CONTINUATION,
	closeFrame,
	grpcMessage,
	PING,
	PONG,
	socketFrame,
	TEXT,
} from '../../support/message-frames.ts';
import { type ConnectionTape, Tape } from '../../support/record-builder.ts';

const UPGRADE =
	'GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n';
const SWITCHING = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
const DEFLATING = SWITCHING.replace('\r\n\r\n', '\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n');

const get = (path = '/') => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
const streaming = (type: string, more = '') =>
	`HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nTransfer-Encoding: chunked\r\n${more}\r\n`;
const chunk = (bytes: string | Uint8Array) => {
	const body = Buffer.from(bytes as Uint8Array);
	return Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n')]);
};

function decode(write: (server: ConnectionTape, tape: Tape) => void, bodyLimit?: number): Decoded {
	const tape = new Tape();
	const server = tape.server(1).open();
	write(server, tape);
	server.close();
	return decodeRecords(tape.records, bodyLimit === undefined ? {} : { settings: { bodyLimit } });
}

const shown = (row: MessageRow) => [row.direction, row.kind, row.data, row.bytes];
const without = ({ ts: _, ...row }: MessageRow) => row;

/** Decodes `stream`, which the server sends, in one call, in single bytes, and cut once at each place. */
function atEachCut(before: (server: ConnectionTape) => void, stream: Buffer): MessageRow[] {
	const whole = decode((server) => {
		before(server);
		server.out(stream);
	}).messages;
	const expected = whole.map(without);
	const pieces = decode((server) => {
		before(server);
		for (const byte of stream) server.out(Buffer.from([byte]));
	}).messages;
	assert.deepEqual(pieces.map(without), expected);
	for (let cut = 1; cut < stream.length; cut++) {
		const { messages } = decode((server) => {
			before(server);
			server.out(stream.subarray(0, cut)).out(stream.subarray(cut));
		});
		assert.deepEqual(messages.map(without), expected, `cut at ${cut}`);
	}
	return whole;
}

test('WebSocket messages are unmasked and joined, and control frames may come between their fragments', () => {
	const { messages, exchanges, connections, skips } = decode((server) =>
		server
			.in(UPGRADE)
			.out(SWITCHING)
			.in(socketFrame(TEXT, 'Hel', { mask: 0x01020304, isLast: false }))
			.in(socketFrame(PING, 'p', { mask: 0xa0b0c0d0 }))
			.out(socketFrame(PONG, 'p'))
			.in(socketFrame(CONTINUATION, 'lo wörld', { mask: 0xffee0011 }))
			.out(socketFrame(BINARY, Buffer.from([0, 255, 1])))
			.out(socketFrame(TEXT, ''))
			.in(closeFrame(1000, 'bye', { mask: 5 })),
	);
	assert.deepEqual(messages.map(shown), [
		['in', 'ping', 'p', 1],
		['out', 'pong', 'p', 1],
		['in', 'text', Buffer.from('Hello wörld').toString('latin1'), 12],
		['out', 'binary', '\x00\xff\x01', 3],
		['out', 'text', '', 0],
		['in', 'close', '\x03\xe8bye', 5],
	]);
	assert.deepEqual(
		messages.map(({ seq, exchange }) => [seq, exchange]),
		[1, 2, 3, 4, 5, 6].map((seq) => [seq, 1]),
	);
	assert.deepEqual(
		[exchanges[0]!.state, connections[0]!.protocol, connections[0]!.bytesIn],
		['upgraded', 'websocket', UPGRADE.length + 9 + 7 + 15 + 11],
	);
	assert.deepEqual(skips, []);
	assert.equal(new Set(messages.map(({ ts }) => ts)).size, 6, 'each has the time of the call that completed it');
});

test('frames of WebSocket may be cut anywhere, and follow the head in the same call', () => {
	const long = 'x'.repeat(300);
	const stream = Buffer.concat([
		Buffer.from(SWITCHING),
		socketFrame(TEXT, 'one', { isLast: false }),
		socketFrame(PING, ''),
		socketFrame(CONTINUATION, long, { mask: 0x12345678 }),
		socketFrame(BINARY, 'two', { lengthBytes: 8 }),
		closeFrame(1001),
	]);
	const rows = atEachCut((server) => server.in(UPGRADE), stream);
	assert.deepEqual(
		rows.map(({ kind, bytes }) => [kind, bytes]),
		[
			['ping', 0],
			['text', 303],
			['binary', 3],
			['close', 2],
		],
	);
	assert.equal(rows[1]!.data, `one${long}`);
});

test('the body limit applies to each message, and the kernel goes on copying', () => {
	const { messages, skips } = decode(
		(server) =>
			server
				.in(UPGRADE)
				.out(SWITCHING)
				.out(socketFrame(TEXT, 'abcdef'))
				.out(socketFrame(TEXT, 'ab'))
				.in(socketFrame(BINARY, 'ghijkl', { mask: 0x01020304 })),
		4,
	);
	assert.deepEqual(
		messages.map(({ data: held, bytes, limited }) => [held, bytes, limited]),
		[
			['abcd', 6, 2],
			['ab', 2, 0],
			['ghij', 6, 2],
		],
	);
	assert.deepEqual(skips, []);
});

test('a compressed message is marked if compression was agreed on, and otherwise ends the stream', () => {
	const frame = socketFrame(TEXT, 'zzz', { isCompressed: true });
	const agreed = decode((server) => server.in(UPGRADE).out(DEFLATING).out(frame)).messages;
	assert.deepEqual(
		agreed.map(({ kind, coding }) => [kind, coding]),
		[['text', layout.MESSAGE_CODING_DEFLATE]],
	);
	const other = decode((server) => server.in(UPGRADE).out(SWITCHING).out(frame).out(socketFrame(TEXT, 'later')));
	assert.deepEqual(
		other.messages.map(({ kind, flags, bytes, data: held }) => [kind, flags, bytes, held]),
		[[null, layout.MESSAGE_FLAG_INVALID, null, null]],
	);
});

test('invalid frames end what is read of the direction, never of the other one', () => {
	const invalid: [string, Buffer][] = [
		['an unknown opcode', socketFrame(3, 'x')],
		['a reserved bit', Buffer.from([0x91, 1, 65])],
		['a fragmented control frame', socketFrame(PING, 'x', { isLast: false })],
		['a long control frame', socketFrame(PING, 'x'.repeat(126))],
		['a continuation of nothing', socketFrame(CONTINUATION, 'x')],
		['a length above 2^63', Buffer.from([0x81, 127, 255, 0, 0, 0, 0, 0, 0, 0])],
	];
	for (const [what, frame] of invalid) {
		const { messages } = decode((server) =>
			server
				.in(UPGRADE)
				.out(SWITCHING)
				.out(socketFrame(TEXT, 'before'))
				.out(Buffer.concat([frame, socketFrame(TEXT, 'after')]))
				.in(socketFrame(TEXT, 'other', { mask: 9 })),
		);
		assert.deepEqual(
			messages.map(({ kind, data: held }) => [kind, held]),
			[
				['text', 'before'],
				[null, null],
				['text', 'other'],
			],
			what,
		);
	}
});

test('bytes missing inside a frame are passed by its length; missing frames end the direction', () => {
	const first = socketFrame(TEXT, 'abcdefgh', { mask: 0x11223344 });
	const inside = decode((server) => {
		server.in(UPGRADE).out(SWITCHING).in(first.subarray(0, 8));
		// Three bytes of the payload are lost.
		server.inOffset += 3n;
		server.in(first.subarray(11)).in(socketFrame(TEXT, 'next', { mask: 7 }));
	}).messages;
	assert.deepEqual(
		inside.map(({ data: held, bytes, missing, flags }) => [held, bytes, missing, flags]),
		[
			['abfgh', 8, 3, layout.MESSAGE_FLAG_GAPPED],
			['next', 4, 0, 0],
		],
	);
	const across = decode((server) => {
		server.in(UPGRADE).out(SWITCHING).in(first.subarray(0, 8));
		server.inOffset += 20n;
		server.in(socketFrame(TEXT, 'next', { mask: 7 }));
		server.out(socketFrame(TEXT, 'other'));
	}).messages;
	assert.deepEqual(
		across.map(({ kind, data: held, bytes, missing, flags }) => [kind, held, bytes, missing, flags]),
		[
			['text', 'ab', 8, 6, 0],
			[null, null, null, 0, layout.MESSAGE_FLAG_LOST],
			['text', 'other', 5, 0, 0],
		],
	);
	const cut = decode((server) =>
		server
			.in(UPGRADE)
			.out(SWITCHING)
			.out(socketFrame(TEXT, 'abcdef'), { captured: 4, flags: FLAG_CUT_CAPTURE_LIMIT })
			.out(socketFrame(TEXT, 'next')),
	).messages;
	assert.deepEqual(
		cut.map(({ data: held, missing }) => [held, missing]),
		[
			['ab', 4],
			['next', 0],
		],
	);
});

test('a frame that the end of the connection cuts is shown as far as it came', () => {
	const { messages } = decode((server) =>
		server.in(UPGRADE).out(SWITCHING).out(socketFrame(TEXT, 'abcdef').subarray(0, 5)),
	);
	assert.deepEqual(
		messages.map(({ data: held, bytes, flags }) => [held, bytes, flags]),
		[['abc', 3, layout.MESSAGE_FLAG_UNENDED]],
	);
});

const EVENTS = [
	'\ufeffdata: first\n\n',
	': a comment\n\n',
	'event: greeting\r\nid: 7\r\ndata: two\r\ndata:lines\r\n\r\n',
	'data\r\rid: 8\rdata:  spaced \r\r',
	'event: nothing\n\nretry: 10\nfield: x\ndata: {"a":1}\nevent: a\nevent: b\n\n',
	'id: a\0b\ndata:\n\n',
].join('');

test('server-sent events are read as a browser does, wherever calls and chunks are cut', () => {
	const rows = atEachCut(
		(server) => server.in(get()).out(streaming('text/event-stream; charset=utf-8')),
		chunk(EVENTS),
	);
	assert.deepEqual(
		rows.map(({ kind, event, eventId, data: held, bytes }) => [kind, event, eventId, held, bytes]),
		[
			['event', null, null, 'first', 5],
			['event', 'greeting', '7', 'two\nlines', 9],
			['event', null, null, '', 0],
			['event', null, '8', ' spaced ', 8],
			['event', 'b', null, '{"a":1}', 7],
			['event', null, null, '', 0],
		],
	);
	const split = decode((server) => {
		server.in(get()).out(streaming('TEXT/Event-Stream'));
		for (const byte of Buffer.from(EVENTS)) server.out(chunk(Buffer.from([byte])));
	}).messages;
	assert.deepEqual(
		split.map(({ data: held }) => held),
		rows.map(({ data: held }) => held),
	);
});

test('events are rows for the whole life of a stream, however little of the body is kept', () => {
	const { messages, exchanges, skips } = decode((server) => {
		server.in(get()).out('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 1000000\r\n\r\n');
		for (let i = 0; i < 23; i++) server.out(`data: ${i}${'.'.repeat(20)}\n\n`);
		server.out('data: unended');
	}, 10);
	assert.equal(messages.length, 24);
	assert.deepEqual([messages[22]!.data, messages[22]!.bytes, messages[22]!.limited], ['22........', 22, 12]);
	assert.deepEqual([messages[23]!.data, messages[23]!.flags], ['unended', layout.MESSAGE_FLAG_UNENDED]);
	assert.equal(exchanges[0]!.resCaptured, 10);
	assert.deepEqual(skips, [], 'the kernel goes on copying');
});

test('after a gap in events the next empty line is where they go on', () => {
	const { messages } = decode((server) => {
		server.in(get()).out('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n');
		server.out('data: whole\n\ndata: begun');
		server.outOffset += 100n;
		server.out('rest\ndata: of an unknown one\n\ndata: known\n\n');
	});
	assert.deepEqual(
		messages.map(({ data: held, bytes, missing, flags }) => [held, bytes, missing, flags]),
		[
			['whole', 5, 0, 0],
			['begun', null, 100, layout.MESSAGE_FLAG_LOST],
			['known', 5, 0, 0],
		],
	);
});

test('other bodies have no messages, nor have requests with events', () => {
	const none = decode((server) =>
		server
			.in('POST / HTTP/1.1\r\nHost: a\r\nContent-Type: text/event-stream\r\nContent-Length: 9\r\n\r\ndata: a\n\n')
			.out('HTTP/1.1 200 OK\r\nContent-Type: text/event-streams\r\nContent-Length: 9\r\n\r\ndata: a\n\n')
			.in(get())
			.out('HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\ndata: a\n\n'),
	);
	assert.deepEqual(none.messages, []);
	assert.equal(none.exchanges.length, 2);
});

test('messages of gRPC are rows in both directions, whatever frames carry them', () => {
	const grpc: [string, string][] = [['content-type', 'application/grpc+proto']];
	const first = Buffer.concat([grpcMessage('request'), grpcMessage('')]);
	const answers = Buffer.concat([grpcMessage('zipped', 1), grpcMessage('x'.repeat(200))]);
	const run = (cut: number) =>
		decode((server) => {
			server.in(PREFACE).in(settings()).out(settings());
			server.in(headers(1, requestBlock('/a.B/C', grpc, 'POST')));
			server.in(Buffer.concat([data(1, first.subarray(0, 3)), data(1, first.subarray(3), true)]));
			server.out(headers(1, responseBlock(200, grpc)));
			server.out(
				Buffer.concat([data(1, answers.subarray(0, cut)), data(3, 'other'), data(1, answers.subarray(cut), true)]),
			);
		}).messages;
	const rows = run(4);
	assert.deepEqual(rows.map(shown), [
		['in', 'grpc', 'request', 7],
		['in', 'grpc', '', 0],
		['out', 'grpc', 'zipped', 6],
		['out', 'grpc', 'x'.repeat(200), 200],
	]);
	assert.equal(rows[2]!.coding, layout.MESSAGE_CODING_OTHER);
	for (let cut = 1; cut < answers.length; cut++) assert.deepEqual(run(cut).map(without), rows.map(without), `${cut}`);
});

const LINES = '{"a":1}\r\n\n\r\n{"b":2}\n  \n{"c":3}';

test('lines of JSON are messages of requests and responses; empty lines are none', () => {
	const rows = atEachCut((server) => server.in(get()).out(streaming('application/x-ndjson')), chunk(LINES));
	assert.deepEqual(
		rows.map(({ kind, data: held, bytes }) => [kind, held, bytes]),
		[
			['text', '{"a":1}', 7],
			['text', '{"b":2}', 7],
			['text', '  ', 2],
			['text', '{"c":3}', 7],
		],
	);
	assert.equal(rows[3]!.flags, layout.MESSAGE_FLAG_UNENDED, 'only the end of the connection ended it');
	const head = `POST /_bulk HTTP/1.1\r\nHost: a\r\nContent-Type: application/jsonl; charset=utf-8\r\nContent-Length: ${LINES.length}\r\n\r\n`;
	const posted = decode((server) => server.in(head + LINES), 3).messages;
	assert.deepEqual(
		posted.map(({ direction, data: held, bytes, limited, flags }) => [direction, held, bytes, limited, flags]),
		[
			['in', '{"a', 7, 4, 0],
			['in', '{"b', 7, 4, 0],
			['in', '  ', 2, 0, 0],
			['in', '{"c', 7, 4, 0],
		],
	);
});

test('after a gap in lines they go on after the next line end', () => {
	const { messages } = decode((server) => {
		server.in(get()).out(streaming('application/ndjson'));
		server.out('20\r\n{"whole":1}\n{"beg');
		server.outOffset += 4n;
		server.out('e"}\n{"n":2}\r\n0\r\n\r\n');
	});
	assert.deepEqual(
		messages.map(({ data: held, bytes, missing, flags }) => [held, bytes, missing, flags]),
		[
			['{"whole":1}', 11, 0, 0],
			['{"beg', null, 4, layout.MESSAGE_FLAG_LOST],
			['{"n":2}', 7, 0, 0],
		],
	);
});

const PARTS = [
	'preamble\r\n--frame\r\nContent-Type: image/jpeg\r\nContent-Length: 5\r\n\r\n\xff\xd8\r\n!\r\n',
	'--frame  \r\ncontent-TYPE:text/plain \r\n\r\n--fram\r\n--\n-\r\n',
	'--frame\n\nbare\n--frame\r\n\r\n\r\n--frame--\r\nepilogue\r\n--frame\r\n\r\nnot a part',
].join('');

test('parts end before the next boundary, which is at the beginning of a line', () => {
	for (const parameter of ['boundary=frame', 'x=y; Boundary="frame" ; z', 'boundary=--frame']) {
		const head = streaming(`multipart/x-mixed-replace; ${parameter}`);
		const stream = chunk(Buffer.from(PARTS, 'latin1'));
		const before = (server: ConnectionTape) => server.in(get()).out(head);
		const isFirst = parameter === 'boundary=frame';
		const rows = isFirst ? atEachCut(before, stream) : decode((server) => before(server).out(stream)).messages;
		assert.deepEqual(
			rows.map(({ kind, event, data: held, bytes, flags }) => [kind, event, held, bytes, flags]),
			[
				['part', 'image/jpeg', '\xff\xd8\r\n!', 5, 0],
				['part', 'text/plain', '--fram\r\n--\n-', 12, 0],
				['part', null, 'bare', 4, 0],
				['part', null, '', 0, 0],
			],
		);
	}
	const without = decode((server) => server.in(get()).out(streaming('multipart/x-mixed-replace')).out(chunk('a')));
	assert.deepEqual(without.messages, []);
});

test('after a gap in parts they go on at the next boundary', () => {
	const { messages } = decode((server) => {
		server.in(get()).out('HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=b\r\n\r\n');
		server.out('--b\r\n\r\nfirst');
		server.outOffset += 50n;
		server.out('--b\r\nrest\r\n--b\r\n\r\nsecond\r\n--b\r\n\r\nthi');
	}, 4);
	assert.deepEqual(
		messages.map(({ data: held, bytes, missing, limited, flags }) => [held, bytes, missing, limited, flags]),
		[
			['firs', null, 50, 1, layout.MESSAGE_FLAG_LOST],
			['seco', 6, 0, 2, 0],
			['thi', 3, 0, 0, 0],
		],
	);
});

test('WebSocket in a stream of HTTP/2 has messages, and other tunnels have none', () => {
	const connect = (id: number, protocol: string) =>
		headers(id, requestBlock('/chat', [[':protocol', protocol]], 'CONNECT'));
	const { messages, exchanges } = decode((server) => {
		server.in(PREFACE).in(settings()).out(settings());
		server.in(connect(1, 'websocket')).out(headers(1, responseBlock(200)));
		server.in(connect(3, 'other')).out(headers(3, responseBlock(200)));
		server.in(connect(5, 'websocket')).out(headers(5, responseBlock(403)));
		const frame = socketFrame(TEXT, 'up', { mask: 0x01020304 });
		server.in(Buffer.concat([data(1, frame.subarray(0, 5)), data(3, frame), data(1, frame.subarray(5))]));
		server.out(Buffer.concat([data(1, socketFrame(BINARY, 'down')), data(5, socketFrame(TEXT, 'no'), true)]));
		server.out(data(1, closeFrame(1000), true)).in(data(1, '', true));
	});
	assert.deepEqual(
		messages.map((row) => [row.exchange, ...shown(row)]),
		[
			[1, 'in', 'text', 'up', 2],
			[1, 'out', 'binary', 'down', 4],
			[1, 'out', 'close', '\x03\xe8', 2],
		],
	);
	assert.deepEqual([exchanges[0]!.state, exchanges.length], ['upgraded', 3]);
});

test('lost frames of HTTP/2 leave no wrong message', () => {
	const grpc: [string, string][] = [['content-type', 'application/grpc']];
	const { messages } = decode((server) => {
		server.in(PREFACE).in(settings()).out(settings());
		server.in(headers(1, requestBlock('/a/b', grpc, 'POST'), true));
		server.in(headers(3, requestBlock('/events'), true));
		server.out(
			Buffer.concat([
				headers(1, responseBlock(200, grpc)),
				headers(3, responseBlock(200, [['content-type', 'text/event-stream']])),
			]),
		);
		server.out(Buffer.concat([data(1, grpcMessage('one')), data(3, 'data: 1\n\ndata: beg')]));
		// Frames of both streams are lost.
		server.outOffset += 300n;
		server.out(Buffer.concat([data(1, grpcMessage('two')), data(3, 'un\n\ndata: 3\n\n')]));
	});
	assert.deepEqual(
		messages.map(({ exchange, kind, data: held, flags }) => [exchange, kind, held, flags]),
		[
			[1, 'grpc', 'one', 0],
			[2, 'event', '1', 0],
			[1, null, null, layout.MESSAGE_FLAG_LOST],
			[2, 'event', 'beg', layout.MESSAGE_FLAG_LOST],
			[2, 'event', '3', 0],
		],
	);
});

test('messages wait for the id of their exchange, which has to be confirmed first', () => {
	const tape = new Tape();
	const server = tape.server(1, { flags: FLAG_UNVERIFIED }).open();
	server.in(get()).out('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: early\n\n');
	const decoder = newDecoder();
	assert.deepEqual(feedRecords(decoder, tape.records).messages, []);
	tape.records.length = 0;
	tape.factSocket(1, 'socket');
	server.out('data: late\n\n');
	assert.deepEqual(
		feedRecords(decoder, tape.records).messages.map(({ exchange, seq, data: held }) => [exchange, seq, held]),
		[
			[1, 1, 'early'],
			[1, 2, 'late'],
		],
	);
});

test('large messages leave memory for others, and what was not held is counted', () => {
	const tape = new Tape();
	for (let conn = 1; conn <= 8; conn++) {
		const server = tape.server(conn).open().in(UPGRADE).out(SWITCHING);
		const frame = socketFrame(BINARY, Buffer.alloc(1 << 20, conn));
		server.out(frame.subarray(0, -1), { part: 60_000 });
	}
	const decoder = newDecoder({ bodyLimit: -1, memoryLimit: 4 << 20 });
	const all = feedRecords(decoder, tape.records, { recordsPerBatch: 20 });
	decoder.finish();
	const messages = [...all.messages, ...takeOutput(decoder).messages];
	assert.equal(messages.length, 8);
	assert.ok(messages.some(({ noMemory }) => noMemory > 0));
	for (const { bytes, data: held, noMemory, flags } of messages) {
		assert.equal((held?.length ?? 0) + noMemory, (1 << 20) - 1);
		assert.equal(bytes, (1 << 20) - 1);
		assert.equal(flags & layout.MESSAGE_FLAG_UNENDED, layout.MESSAGE_FLAG_UNENDED);
	}
	assert.ok(decoder.memory.buffer.byteLength < 16 << 20, `${decoder.memory.buffer.byteLength}`);
});

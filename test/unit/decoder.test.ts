// The decoder on whole captures: rows, calls, times, ends, pairs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as wire from '../../decoder-as/assembly/wire/capture-event.ts';
import { QUESTION_PROCESS, QUESTION_SOCKET, SNAPSHOT_EXCHANGES } from '../../decoder-as/assembly/wire/output-layout.ts';
import { createDecoder } from '../../src/decode/decoder.ts';
import { decodeRecords, feedRecords, newDecoder, readOutput, takeOutput } from '../../support/decoded-rows.ts';
import { Tape } from '../../support/record-builder.ts';

const GET = (path: string) => `GET ${path} HTTP/1.1\r\nHost: example.com\r\nUser-Agent: test/1\r\n\r\n`;
const OK = (body: string) =>
	`HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

test('a request and its response make one complete row', () => {
	const tape = new Tape();
	tape.clock(1_700_000_000_000_000_000n);
	const server = tape.server(1, { local: '127.0.0.1:80', remote: '127.0.0.1:4000' }).open();
	server.in(GET('/hello?a=1&b=2'));
	server.out(OK('hi there'), { syscall: wire.SYSCALL_WRITEV });
	const { exchanges } = decodeRecords(tape.records);
	assert.equal(exchanges.length, 1);
	const row = exchanges[0]!;
	assert.deepEqual(
		{
			id: row.id,
			conn: row.conn,
			state: row.state,
			reason: row.reason,
			side: row.side,
			method: row.method,
			target: row.target,
			path: row.path,
			query: row.query,
			host: row.host,
			version: row.version,
			status: row.status,
			statusText: row.statusText,
			reqBodyBytes: row.reqBodyBytes,
			resBodyBytes: row.resBodyBytes,
			reqBody: row.reqBody,
			resBody: row.resBody,
			via: row.via,
			vias: row.vias,
			reqVia: row.reqVia,
			local: row.local,
			remote: row.remote,
			comm: row.comm,
			threadComm: row.threadComm,
			pid: row.pid,
			anomalies: row.anomalies,
			lostBytes: row.lostBytes,
			durationMs: row.durationMs,
			ttfbMs: row.ttfbMs,
			resWireBytes: row.resWireBytes,
		},
		{
			id: 1,
			conn: 1,
			state: 'complete',
			reason: null,
			side: 'server',
			method: 'GET',
			target: '/hello?a=1&b=2',
			path: '/hello',
			query: 'a=1&b=2',
			host: 'example.com',
			version: 0x101,
			status: 200,
			statusText: 'OK',
			reqBodyBytes: 0,
			resBodyBytes: 8,
			reqBody: '',
			resBody: 'hi there',
			via: 'writev',
			vias: 'writev',
			reqVia: 'read',
			local: '127.0.0.1:80',
			remote: '127.0.0.1:4000',
			comm: 'server',
			threadComm: 'server',
			pid: 100,
			anomalies: null,
			lostBytes: 0,
			durationMs: 1,
			ttfbMs: 1,
			resWireBytes: OK('hi there').length,
		},
	);
	// The anchor was 2 ms before the request.
	assert.equal(row.ts, 1_700_000_000_002_000);
	assert.deepEqual(
		row.reqHeaders.map((field) => [field.name, field.value]),
		[
			['Host', 'example.com'],
			['User-Agent', 'test/1'],
		],
	);
});

test('23 requests on one keep-alive connection make 23 rows, in order', () => {
	const tape = new Tape();
	const client = tape.client(1).open();
	for (let i = 0; i < 23; i++) client.out(GET(`/${i}`)).in(OK(`body ${i}`));
	client.close();
	const { exchanges, connections } = decodeRecords(tape.records);
	assert.deepEqual(
		exchanges.map((row) => [row.id, row.path, row.resBody, row.state, row.side]),
		Array.from({ length: 23 }, (_, i) => [i + 1, `/${i}`, `body ${i}`, 'complete', 'client']),
	);
	assert.equal(connections.length, 1);
	assert.equal(connections[0]!.exchanges, 23);
	assert.equal(connections[0]!.protocol, 'http1');
	assert.equal(connections[0]!.syscalls, 'connect+sendto+recvfrom+close');
});

test('a body sent by sendfile is counted under its call, and not captured', () => {
	const tape = new Tape();
	const server = tape.server(1).open();
	server.in(GET('/file'));
	server.out('HTTP/1.1 200 OK\r\nContent-Length: 51200\r\n\r\n', { syscall: wire.SYSCALL_WRITEV });
	server.sendfile(51200);
	server.in(GET('/next')).out(OK('x'));
	const { exchanges } = decodeRecords(tape.records);
	const [file, next] = exchanges;
	assert.equal(file!.state, 'complete');
	assert.equal(file!.via, 'sendfile');
	assert.equal(file!.vias, 'writev+sendfile');
	assert.equal(file!.resBodyBytes, 51200);
	assert.equal(file!.resCaptured, 0);
	assert.equal(file!.resBody, null);
	assert.equal(file!.resUnheld[0], 51200);
	assert.equal(next!.resBody, 'x');
});

test('chunk framing is removed, and sendfile inside a chunk does not disturb it', () => {
	const tape = new Tape();
	const server = tape.server(1).open();
	server.in(GET('/chunked'));
	server.out('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n400\r\n');
	server.sendfile(1024);
	server.out('\r\n0\r\nX-Sum: 1\r\n\r\n');
	server.in(GET('/next')).out(OK('x'));
	const { exchanges } = decodeRecords(tape.records);
	assert.equal(exchanges.length, 2);
	const row = exchanges[0]!;
	assert.equal(row.resBodyBytes, 1029);
	assert.equal(row.resBody, 'hello');
	assert.equal(row.via, 'sendfile');
	assert.deepEqual(row.resHeaders.at(-1), { name: 'X-Sum', value: '1', trailer: true });
	assert.equal(row.state, 'complete');
	assert.equal(exchanges[1]!.resBody, 'x');
});

test('a body without a length ends with the connection', () => {
	for (const end of ['close', 'shutdown', 'exit'] as const) {
		const tape = new Tape();
		const server = tape.server(1).open();
		server.in('GET /cgi HTTP/1.0\r\n\r\n');
		server.out('HTTP/1.0 200 OK\r\n\r\n').out('a'.repeat(5000));
		if (end === 'close') server.close();
		else if (end === 'shutdown') server.shutdown(1);
		else tape.processExit(100);
		const { exchanges } = decodeRecords(tape.records);
		assert.deepEqual(
			exchanges.map((row) => [row.state, row.resBodyBytes]),
			[['complete', 5000]],
			end,
		);
	}
});

test('for a client, a body without a length ends with EOF, not with its own close', () => {
	for (const [end, state] of [
		['eof', 'complete'],
		['close', 'incomplete'],
	] as const) {
		const tape = new Tape();
		const client = tape.client(1).open();
		client.out('GET /cgi HTTP/1.0\r\n\r\n').in('HTTP/1.0 200 OK\r\n\r\nabc');
		if (end === 'eof') client.eof();
		client.close();
		assert.equal(decodeRecords(tape.records).exchanges[0]!.state, state);
	}
});

test('an IPv4-mapped IPv6 address is shown as IPv4, and ends that use either form are a pair', () => {
	const tape = new Tape();
	const client = tape.client(1, { local: '127.0.0.1:4000', remote: '127.0.0.1:80' }).open();
	const server = tape.server(2, { local: '[::ffff:7f00:1]:80', remote: '[::ffff:7f00:1]:4000' }).open();
	const other = tape.server(3).open();
	tape.factSocket(3, 'socket', '[::ffff:10.0.0.1]:80', '[::ffff:10.0.0.2]:5000');
	client.out(GET('/a'));
	server.in(GET('/a')).out(OK('a'));
	client.in(OK('a'));
	other.in(GET('/b')).out(OK('b'));
	const { exchanges } = decodeRecords(tape.records);
	assert.deepEqual(
		exchanges.map((row) => [row.pairId, row.local, row.remote]),
		[
			[2, '127.0.0.1:4000', '127.0.0.1:80'],
			[1, '127.0.0.1:80', '127.0.0.1:4000'],
			[0, '10.0.0.1:80', '10.0.0.2:5000'],
		],
	);
});

test('the rows of a loopback exchange name each other, whichever side comes first', () => {
	for (const early of [true, false]) {
		const tape = new Tape();
		const client = tape.client(1, { local: '127.0.0.1:4000', remote: '127.0.0.1:80' });
		const server = tape.server(2, { local: '127.0.0.1:80', remote: '127.0.0.1:4000' });
		if (early) client.open();
		server.open();
		client.out(GET('/a'));
		server.in(GET('/a')).out(OK('a'));
		client.in(OK('a'));
		client.out(GET('/b'));
		server.in(GET('/b')).out(OK('b'));
		client.in(OK('b'));
		if (!early) client.open();
		client.close();
		server.close();
		const { exchanges, pairs } = decodeRecords(tape.records, { recordsPerBatch: 1 });
		assert.equal(exchanges.length, 4);
		const pairOf = new Map(exchanges.map((row) => [row.id, row.pairId]));
		for (const { a, b } of pairs) {
			pairOf.set(a, b);
			pairOf.set(b, a);
		}
		for (const row of exchanges) {
			const other = exchanges.find((candidate) => candidate.id === pairOf.get(row.id));
			assert.equal(other?.path, row.path);
			assert.notEqual(other?.side, row.side);
		}
	}
});

test('facts about a process that arrive in the next batch are in the row', () => {
	const decoder = newDecoder();
	const tape = new Tape();
	tape.server(1, { pid: 42, comm: 'worker-3' }).open().in(GET('/')).out(OK('x'));
	const first = feedRecords(decoder, tape.records);
	assert.deepEqual(
		first.questions.map((question) => [question.what, question.pid, question.fd]),
		[
			[QUESTION_PROCESS, 42, -1],
			[QUESTION_SOCKET, 42, 7],
		],
	);
	assert.equal(first.exchanges.length, 0);
	const answers = new Tape();
	answers.factProcess(42, 'server', '/system.slice/x.service', 'server\x1f--port\x1f80');
	answers.factSocket(1, 'socket', '10.0.0.1:80', '10.0.0.2:999');
	const [row] = feedRecords(decoder, answers.records).exchanges;
	assert.equal(row!.comm, 'server');
	assert.equal(row!.threadComm, 'worker-3');
	assert.equal(row!.cgroup, '/system.slice/x.service');
	assert.equal(row!.cmdline, 'server\x1f--port\x1f80');
	assert.equal(row!.local, '10.0.0.1:80');
	assert.equal(row!.remote, '10.0.0.2:999');
});

test('rows with unanswered questions are written one batch later', () => {
	const decoder = newDecoder();
	const tape = new Tape();
	tape.server(1).open().in(GET('/')).out(OK('x'));
	assert.equal(feedRecords(decoder, tape.records).exchanges.length, 0);
	decoder.decode(0);
	assert.equal(takeOutput(decoder).exchanges.length, 1);
});

test('a descriptor that may be a file makes no row until it is known to be a socket', () => {
	for (const kind of ['socket', 'file'] as const) {
		const decoder = newDecoder();
		const tape = new Tape();
		const server = tape.connection(1, { flags: wire.FLAG_UNVERIFIED, pid: 9 });
		server.in(GET('/1')).out(OK('1')).in(GET('/2')).out(OK('2'));
		assert.equal(feedRecords(decoder, tape.records).exchanges.length, 0);
		decoder.decode(0);
		decoder.decode(0);
		decoder.snapshot(SNAPSHOT_EXCHANGES);
		assert.equal(takeOutput(decoder).exchanges.length, 0);
		const answers = new Tape();
		answers.factSocket(1, kind);
		const rows = feedRecords(decoder, answers.records).exchanges;
		assert.deepEqual(
			rows.map((row) => [row.id, row.path]),
			kind === 'socket'
				? [
						[1, '/1'],
						[2, '/2'],
					]
				: [],
		);
		decoder.finish();
		assert.equal(takeOutput(decoder).exchanges.length, 0);
	}
});

test("a response read before its request's record is paired with it", () => {
	for (const recordsPerBatch of [1, 2, 100]) {
		const tape = new Tape();
		const client = tape.client(1).open();
		client.in(OK('first'));
		client.out(GET('/first'));
		client.out(GET('/second')).in(OK('second'));
		const { exchanges } = decodeRecords(tape.records, { recordsPerBatch });
		assert.deepEqual(
			exchanges.map((row) => [row.path, row.resBody]),
			[
				['/first', 'first'],
				['/second', 'second'],
			],
		);
	}
});

test('a response whose request never comes is a row of its own', () => {
	const tape = new Tape();
	const client = tape.client(1).open();
	client.in('HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n').close();
	const { exchanges } = decodeRecords(tape.records);
	assert.deepEqual(
		exchanges.map((row) => [row.id, row.state, row.reason, row.status, row.method, row.path]),
		[[1, 'incomplete', 'request not seen', 408, null, null]],
	);
});

test('the receiver of a response is the client, whatever else is known about the connection', () => {
	for (const flags of [0, wire.FLAG_MIDSTREAM]) {
		for (const [direction, side] of [
			['in', 'client'],
			['out', 'server'],
		] as const) {
			const tape = new Tape();
			tape.connection(1, { flags, pid: 9 })[direction](OK('late'));
			const { exchanges, connections } = decodeRecords(tape.records);
			assert.deepEqual(
				exchanges.map((row) => [row.side, row.status, row.resBody]),
				[[side, 200, 'late']],
			);
			assert.deepEqual(
				connections.map((row) => row.side),
				[side],
			);
		}
	}
});

test('an open exchange is in the snapshot, with the body so far', () => {
	const decoder = newDecoder();
	const tape = new Tape();
	const server = tape.server(1).open();
	server.in(GET('/events')).out('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n');
	feedRecords(decoder, tape.records);
	for (const [more, body] of [
		['', 'abc'],
		['2\r\nde\r\n', 'abcde'],
	] as const) {
		tape.records.length = 0;
		if (more !== '') server.out(more);
		feedRecords(decoder, tape.records);
		decoder.snapshot(SNAPSHOT_EXCHANGES);
		const rows = takeOutput(decoder).exchanges;
		assert.deepEqual(
			rows.map((row) => [row.state, row.status, row.resBody, row.durationMs]),
			[['open', 200, body, null]],
		);
	}
});

test('exchanges open at the end of the capture become rows', () => {
	const tape = new Tape();
	tape.server(1).open().in(GET('/a'));
	tape.server(2).open().in(GET('/b')).out('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc');
	const { exchanges } = decodeRecords(tape.records);
	assert.deepEqual(
		exchanges.map((row) => [row.path, row.state, row.reason, row.resBody]),
		[
			['/a', 'unanswered', 'capture ended', null],
			['/b', 'incomplete', 'capture ended', 'abc'],
		],
	);
});

test('the body limit keeps the beginning and counts the rest', () => {
	const tape = new Tape();
	const server = tape.server(1).open();
	server.in(GET('/')).out(OK('abcdefghij'.repeat(100)), { part: 300 });
	server.in(GET('/2')).out(OK('x'));
	for (const [bodyLimit, held] of [
		[0, 0],
		[10, 10],
		[1000, 1000],
		[-1, 1000],
	] as const) {
		const decoder = newDecoder({ bodyLimit });
		feedRecords(decoder, tape.records);
		decoder.decode(0);
		const [row, second] = takeOutput(decoder).exchanges;
		assert.equal(row!.resBodyBytes, 1000);
		assert.equal(row!.resCaptured, held);
		assert.equal(row!.resBody, held === 0 ? null : 'abcdefghij'.repeat(100).slice(0, held));
		assert.equal(row!.resUnheld[2], 1000 - held);
		assert.equal(row!.state, 'complete');
		assert.equal(second!.resBodyBytes, 1);
		assert.equal(decoder.loss()[wire.LOSS_BODY_LIMIT]!.bytes, 1000 - held + (bodyLimit === 0 ? 1 : 0));
	}
});

test('events have one entry per call, however many records it has', () => {
	const decoder = newDecoder();
	const tape = new Tape();
	const server = tape.server(1).open();
	server
		.in(GET('/'))
		.out(OK('z'.repeat(1000)), { part: 100 })
		.sendfile(77);
	feedRecords(decoder, tape.records);
	decoder.snapshot(4);
	const { events } = readOutput(decoder.output());
	const bytes = OK('z'.repeat(1000)).length;
	assert.deepEqual(
		events.map((event) => [event.syscall, event.direction, event.bytes, event.captured, event.flags]),
		[
			['accept4', null, 0, 0, null],
			['read', 'in', GET('/').length, GET('/').length, null],
			['write', 'out', bytes, bytes, 'part'],
			['sendfile', 'out', 77, 0, 'zero_copy'],
		],
	);
});

/** A module whose functions return what they are given, moved to the highest byte. Answers go to address 16. */
function moduleOfHighPointers(): WebAssembly.Module {
	const name = (text: string) => [text.length, ...Buffer.from(text)];
	const section = (id: number, content: readonly number[]) => [id, content.length, ...content];
	const [I32, FUNCTION, MEMORY] = [0x7f, 0, 2];
	const highest = [0, 0x20, 0, 0x41, 24, 0x74, 0x0b];
	const bodies = [highest, highest, [0, 0x41, 16, 0x0b], [0, 0x0b]];
	return new WebAssembly.Module(
		Uint8Array.from([
			...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
			...section(1, [3, 0x60, 1, I32, 1, I32, 0x60, 2, I32, I32, 1, I32, 0x60, 0, 0]),
			...section(3, [4, 0, 1, 0, 2]),
			...section(5, [1, 0, 1]),
			...section(7, [
				...[5, ...name('memory'), MEMORY, 0, ...name('inputPointer'), FUNCTION, 0, ...name('decodePart'), FUNCTION, 1],
				...[...name('answersPointer'), FUNCTION, 2, ...name('takeAnswers'), FUNCTION, 3],
			]),
			...section(10, [bodies.length, ...bodies.flatMap((body) => [body.length, ...body])]),
		]),
	);
}

test('answers given before the next batch are in the row', () => {
	const decoder = newDecoder();
	const tape = new Tape();
	tape.server(1, { pid: 42, comm: 'worker-3' }).open().in(GET('/')).out(OK('x'));
	const batch = tape.batch();
	decoder.input(batch.byteLength).set(batch);
	for (let at = 0; at < batch.byteLength; ) at = decoder.decodePart(at, batch.byteLength);
	const answers = new Tape();
	answers.factProcess(42, 'server');
	answers.factSocket(1, 'socket', '10.0.0.1:80', '10.0.0.2:999');
	decoder.answer(answers.batch());
	decoder.finish();
	const [row] = takeOutput(decoder).exchanges;
	assert.deepEqual([row?.comm, row?.remote], ['server', '10.0.0.2:999']);
});

test('pointers from 2 GiB on are positive, answers are copied, and a view is made again only if it must be', () => {
	const high = createDecoder(moduleOfHighPointers());
	assert.deepEqual([high.inputPointer(0x80), high.inputPointer(0x7f)], [0x80000000, 0x7f000000]);
	assert.deepEqual([high.decodePart(0xff, 1), high.decodePart(1, 1)], [0xff000000, 0x1000000]);
	high.answer(Uint8Array.of(5, 6, 7));
	assert.deepEqual([...new Uint8Array(high.memory.buffer, 15, 5)], [0, 5, 6, 7, 0]);

	const decoder = newDecoder();
	const first = decoder.input(100);
	assert.equal(decoder.input(100), first);
	assert.equal(decoder.input(64).length, 64);
	assert.equal(decoder.input(2 ** 22).length, 2 ** 22);
	assert.equal(decoder.input(100).buffer, decoder.memory.buffer);
});

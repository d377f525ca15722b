// Floods and bombs (docs: limits): whatever arrives, memory stays under the limit, time grows at most linearly with the
// input, nothing throws, and the next exchange is decoded.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as wire from '../../decoder-as/assembly/wire/capture-event.ts';
import {
	QUESTION_PROCESS,
	QUESTION_SOCKET,
	SNAPSHOT_CONNECTIONS,
	SNAPSHOT_EVENTS,
	SNAPSHOT_EXCHANGES,
} from '../../decoder-as/assembly/wire/output-layout.ts';
import type { Decoder } from '../../src/decode/decoder.ts';
import { feedBatch, feedRecords, newDecoder, takeOutput } from '../../support/decoded-rows.ts';
import {
	data,
	frame,
	headers,
	indexedField,
	integer,
	literalBlock,
	number32,
	PREFACE,
	requestBlock,
	settings,
} from '../../support/http2-frames.ts';
import { buildBatch, buildRecord, Tape } from '../../support/record-builder.ts';

const MEMORY = 32 << 20;
const SLACK = 16 << 20;

function decoder(): Decoder {
	return newDecoder({ memoryLimit: MEMORY, eventsLimit: 65_536 });
}

function checkMemory(subject: Decoder): void {
	assert.ok(subject.memoryUsed() < MEMORY, `${subject.memoryUsed()} bytes in use`);
	assert.ok(subject.memory.buffer.byteLength < MEMORY + SLACK, `${subject.memory.buffer.byteLength} bytes of memory`);
}

/** Checks that an exchange on a new connection is decoded as usual. */
function checkAlive(subject: Decoder, conn = 9_999_999): void {
	takeOutput(subject);
	const tape = new Tape();
	tape.timeNs = 10n ** 15n;
	const server = tape.server(conn, { pid: 77, local: '1.2.3.4:80', remote: '5.6.7.8:90' }).open();
	tape.factProcess(77, 'server');
	server.in('GET /alive HTTP/1.1\r\nHost: h\r\n\r\n').out('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
	const rows = feedRecords(subject, tape.records).exchanges.filter((row) => row.conn === conn);
	subject.decode(0);
	rows.push(...takeOutput(subject).exchanges.filter((row) => row.conn === conn));
	assert.deepEqual(
		rows.map((row) => [row.path, row.state, row.resBody]),
		[['/alive', 'complete', 'ok']],
	);
}

const DATA = {
	kind: wire.CAPTURE_DATA,
	syscall: wire.SYSCALL_READ,
	direction: wire.DIRECTION_IN,
	role: wire.ROLE_ACCEPTED,
	pid: 1,
} as const;

/** Sends `head`, then `piece` `times` times, on one connection, in records of 16 KiB; the batch is made only once. */
function pour(
	subject: Decoder,
	head: string,
	piece: Uint8Array,
	times: number,
	afterBatch: () => void,
	conn = 1n,
): void {
	feedBatch(subject, buildRecord({ ...DATA, conn, payload: Buffer.from(head, 'latin1') }));
	const records: Uint8Array[] = [];
	for (let at = 0; at < piece.length; at += 16384)
		records.push(buildRecord({ ...DATA, conn, payload: piece.subarray(at, at + 16384) }));
	const batch = Buffer.from(buildBatch(records).buffer);
	let offset = BigInt(head.length);
	for (let i = 0; i < times; i++) {
		let at = 0;
		for (const record of records) {
			batch.writeBigUInt64LE(offset, at + wire.EVENT_STREAM_OFFSET);
			batch.writeBigUInt64LE(offset, at + wire.EVENT_TIME_NS);
			offset += BigInt(record.length - wire.CAPTURE_EVENT_HEADER_BYTES);
			at += (record.length + 7) & ~7;
		}
		feedBatch(subject, batch);
		afterBatch();
	}
}

/** Frames as a text. */
function frames(...parts: Uint8Array[]): string {
	return Buffer.concat(parts).toString('latin1');
}

/** How a client of HTTP/2 begins, and with it a request whose body, or whose head, is still to come. */
const HTTP2 = PREFACE + frames(settings());
const IN_BODY = HTTP2 + frames(headers(1, requestBlock('/x', [], 'POST')));
const IN_HEAD = HTTP2 + frames(frame('headers', 1, requestBlock('/x')));
/** A field that is added to the table, and then meant by one byte again and again. */
const BOMB = frames(
	headers(1, Buffer.concat([indexedField(['x-bomb', 'z'.repeat(4000)]), Buffer.alloc(12_000, 0x80 | 62)])),
);
/** The name of the field in the table with ever new values: none of its copies may take the memory of another. */
const COPIES = frames(
	headers(
		1,
		Buffer.concat([
			indexedField(['n'.repeat(3000), '']),
			...Array.from({ length: 6000 }, () => Uint8Array.of(0x40 | 62, 0)),
		]),
	),
);
/** A table that is filled and emptied. */
const FILLED = Buffer.concat([
	...Array.from({ length: 100 }, () => Uint8Array.of(0x40, 1, 97, 0)),
	Uint8Array.of(0x20, 0x3f, 0xe1, 0x1f),
]);

/** `text` repeated to about a mebibyte. */
function mebibyte(text: string): Uint8Array {
	return Buffer.from(text.repeat(Math.ceil((1 << 20) / text.length)), 'latin1');
}

for (const [name, head, piece, mebibytes] of [
	['one header of 1 GiB', 'GET / HTTP/1.1\r\nX: ', 'x', 1024],
	['a million headers of 10 bytes', 'GET / HTTP/1.1\r\n', 'A: 456789\n', 10],
	['a request line of 256 MiB', 'GET /', 'a', 256],
	['a million folded lines', 'GET / HTTP/1.1\r\nA: b\r\n', ' folded\r\n', 9],
	[
		'chunks of one byte with 1 KiB of extensions',
		'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n',
		`1;${'e'.repeat(1022)}\r\nx\r\n`,
		64,
	],
	[
		'a chunked body that never ends',
		'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n',
		`100\r\n${'x'.repeat(256)}\r\n`,
		256,
	],
	['a chunk of 2^64 - 1 bytes', 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n', 'x', 128],
	['Content-Length 2^64 - 1', 'POST / HTTP/1.1\r\nContent-Length: 18446744073709551615\r\n\r\n', 'x', 128],
	['trailers without end', 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n', 'T: 456789\n', 16],
	['pipelined requests without a response', '', 'GET /x HTTP/1.1\r\nHost: h\r\n\r\n', 4],
	['garbage after a request', 'GET / HTTP/1.1\r\n\r\n', 'no message at all\n', 64],
	['garbage without a line end', 'GET / HTTP/1.1\r\n\r\n(', 'g', 64],
	['HTTP/2: a body without end', IN_BODY, frames(data(1, 'x'.repeat(16_375))), 128],
	['HTTP/2: empty frames of data', IN_BODY, frames(data(1, '')), 16],
	['HTTP/2: settings', HTTP2, frames(settings({ 1: 65_536, 5: 16_777_215 })), 16],
	['HTTP/2: pings', HTTP2, frames(frame('ping', 0, Buffer.alloc(8))), 16],
	['HTTP/2: frames of unknown types', HTTP2, frames(frame(0x99, 7, '')), 16],
	[
		'HTTP/2: a head without end',
		IN_HEAD,
		frames(frame('continuation', 1, literalBlock([['x-more', 'y'.repeat(100)]]))),
		32,
	],
	['HTTP/2: empty continuations', IN_HEAD, frames(frame('continuation', 1, '')), 16],
	['HTTP/2: one byte for a long field', HTTP2, BOMB, 32],
	['HTTP/2: copies of a long name', HTTP2, COPIES, 32],
	['HTTP/2: a table filled and emptied', IN_HEAD, frames(frame('continuation', 1, FILLED)), 32],
] as const) {
	test(`${name}: memory stays within its limit, and the next exchange is decoded`, () => {
		const subject = decoder();
		pour(subject, head, mebibyte(piece), mebibytes, () => {
			checkMemory(subject);
			subject.clearOutput();
		});
		subject.snapshot(SNAPSHOT_EXCHANGES | SNAPSHOT_CONNECTIONS);
		assert.ok(takeOutput(subject).exchanges.length <= 101);
		checkAlive(subject);
	});
}

test('an unlimited body is held up to the memory limit, and the rest is counted', () => {
	const subject = newDecoder({ memoryLimit: MEMORY, bodyLimit: -1 });
	pour(subject, `POST / HTTP/1.1\r\nContent-Length: ${100 << 20}\r\n\r\n`, mebibyte('b'), 100, () =>
		checkMemory(subject),
	);
	subject.decode(0);
	subject.decode(0);
	subject.snapshot(SNAPSHOT_EXCHANGES);
	const [row] = takeOutput(subject).exchanges;
	assert.equal(row!.reqBodyBytes, 100 << 20);
	assert.ok(row!.reqUnheld[8]! > 0);
	checkAlive(subject);
});

test('with a million one-byte connections the oldest are evicted and counted', () => {
	const subject = decoder();
	const payload = Buffer.from('G');
	const records = Array.from({ length: 10_000 }, () => buildRecord({ ...DATA, payload }));
	const batch = Buffer.from(buildBatch(records).buffer);
	const size = batch.length / records.length;
	let conn = 0n;
	for (let round = 0; round < 100; round++) {
		for (let at = 0; at < batch.length; at += size) {
			batch.writeBigUInt64LE(++conn, at + wire.EVENT_CONN);
			batch.writeBigUInt64LE(conn, at + wire.EVENT_TIME_NS);
		}
		feedBatch(subject, batch);
		checkMemory(subject);
		subject.clearOutput();
	}
	assert.ok(subject.loss()[wire.LOSS_TABLE_FULL]!.events > 900_000);
	checkAlive(subject);
});

test('connections opened and closed without data leave nothing', () => {
	const subject = decoder();
	let used = 0;
	for (let batch = 0; batch < 40; batch++) {
		const tape = new Tape();
		tape.timeNs = BigInt(batch) * 10n ** 12n;
		for (let i = 0; i < 2500; i++) {
			const server = tape.server(batch * 2500 + i + 1, { local: '10.0.0.1:80', remote: `10.0.0.2:${i + 1}` }).open();
			server.close();
		}
		feedRecords(subject, tape.records);
		checkMemory(subject);
		if (batch === 20) used = subject.memoryUsed();
	}
	assert.ok(subject.memoryUsed() < used * 1.2, `${subject.memoryUsed()} after ${used}`);
	subject.snapshot(SNAPSHOT_CONNECTIONS);
	assert.equal(takeOutput(subject).connections.length, 0);
	checkAlive(subject);
});

test('16 of 100,000 interim responses are listed, and the final one is the response', () => {
	const subject = decoder();
	const tape = new Tape();
	const server = tape.server(1).open();
	server.in('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
	server.out('HTTP/1.1 100 Continue\r\n\r\n'.repeat(100_000)).out('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
	feedRecords(subject, tape.records);
	subject.finish();
	const [row] = takeOutput(subject).exchanges;
	assert.deepEqual([row!.status, row!.interim!.split(',').length, row!.anomalies], [200, 16, 'many-interim']);
});

test('a flood of responses without requests makes rows that say so', () => {
	const subject = decoder();
	const tape = new Tape();
	const client = tape.client(1).open();
	for (let i = 0; i < 2000; i++) client.in('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'.repeat(10));
	const rows = feedRecords(subject, tape.records, { recordsPerBatch: 100 }).exchanges;
	subject.decode(0);
	subject.decode(0);
	rows.push(...takeOutput(subject).exchanges);
	checkMemory(subject);
	subject.finish();
	rows.push(...takeOutput(subject).exchanges);
	assert.equal(rows.length, 20_000);
	assert.ok(rows.every((row) => row.reason === 'request not seen'));
});

test('100 of 100,000 unanswered requests wait, and late responses are paired with their own requests', () => {
	const subject = decoder();
	const tape = new Tape();
	const server = tape.server(1).open();
	const count = 100_000;
	for (let i = 0; i < count; i += 10) {
		server.in(Array.from({ length: 10 }, (_, j) => `GET /${i + j} HTTP/1.1\r\nHost: h\r\n\r\n`).join(''));
	}
	const rows = feedRecords(subject, tape.records, { recordsPerBatch: 1000 }).exchanges;
	subject.snapshot(SNAPSHOT_EXCHANGES);
	assert.equal(takeOutput(subject).exchanges.filter((row) => row.state === 'open').length, 100);
	assert.ok(rows.every((row) => row.state === 'unanswered' && row.reason === 'too many waiting'));
	tape.records.length = 0;
	for (let i = 0; i < count; i += 10) {
		server.out(
			Array.from(
				{ length: 10 },
				(_, j) => `HTTP/1.1 200 OK\r\nContent-Length: ${String(i + j).length}\r\n\r\n${i + j}`,
			).join(''),
		);
	}
	const answered = feedRecords(subject, tape.records, { recordsPerBatch: 1000 }).exchanges;
	assert.equal(answered.length, 100);
	for (const row of answered) assert.deepEqual([row.state, row.path], ['complete', `/${row.resBody}`]);
});

test('output near the memory limit is not copied for each row, and none of it is lost if it is read in parts', () => {
	const count = 60_000;
	/** `known`: no row has to wait for facts about its process. */
	const pipelined = (known: boolean): Uint8Array => {
		const tape = new Tape();
		const server = tape.server(1, { pid: 77, local: '1.2.3.4:80', remote: '5.6.7.8:90' }).open();
		if (known) tape.factProcess(77, 'server');
		for (let i = 0; i < count; i += 500) server.in('GET / HTTP/1.1\r\nHost: h\r\n\r\n'.repeat(500));
		return tape.batch();
	};
	const waiting = pipelined(false);
	const decode = (memoryLimit: number): { cpu: number; dropped: number } => {
		const subject = newDecoder({ memoryLimit });
		subject.input(waiting.length).set(waiting);
		const start = process.cpuUsage();
		subject.decode(waiting.length);
		subject.decode(0);
		const { user, system } = process.cpuUsage(start);
		return { cpu: user + system, dropped: subject.loss()[wire.LOSS_OUTPUT_DROPPED]!.events };
	};
	const ample = decode(256 << 20);
	const tight = decode(40 << 20);
	assert.equal(ample.dropped, 0);
	assert.ok(tight.dropped > 0);
	assert.ok(tight.cpu < Math.max(ample.cpu, 10_000) * 20, `${tight.cpu} µs, with enough memory ${ample.cpu} µs`);

	const batch = pipelined(true);
	const subject = newDecoder({ memoryLimit: 16 << 20 });
	subject.input(batch.length).set(batch);
	let parts = 0;
	let rows = 0;
	for (let at = 0; at < batch.length; parts++) {
		at = subject.decodePart(at, batch.length);
		rows += takeOutput(subject).exchanges.length;
	}
	assert.ok(parts > 5);
	assert.equal(rows, count - 100);
	assert.equal(subject.loss()[wire.LOSS_OUTPUT_DROPPED]!.events, 0);
});

test('a flood on a new connection loses no row: questions are answered before the next record', () => {
	const count = 100_000;
	const tape = new Tape();
	// Neither the process's names nor the addresses are known.
	const server = tape.server(1, { pid: 77 }).open();
	for (let i = 0; i < count; i += 500) server.in('GET / HTTP/1.1\r\nHost: h\r\n\r\n'.repeat(500));
	const batch = tape.batch();
	const subject = newDecoder({ memoryLimit: 8 << 20 });
	subject.input(batch.length).set(batch);
	let rows = 0;
	const asked: number[] = [];
	const takeRows = () => {
		const { exchanges, questions } = takeOutput(subject);
		const answers = new Tape();
		for (const { what, conn, pid } of questions) {
			asked.push(what);
			if (what === QUESTION_PROCESS) answers.factProcess(pid, 'server');
			else answers.factSocket(conn, 'socket', '1.2.3.4:80', '5.6.7.8:90');
		}
		if (questions.length > 0) subject.answer(answers.batch());
		rows += exchanges.filter(({ comm, remote }) => comm === 'server' && remote === '5.6.7.8:90').length;
	};
	for (let at = 0; at < batch.length; ) {
		at = subject.decodePart(at, batch.length);
		takeRows();
	}
	while (!subject.settle()) takeRows();
	takeRows();
	assert.equal(rows, count - 100);
	assert.deepEqual(asked.sort(), [QUESTION_SOCKET, QUESTION_PROCESS]);
	assert.equal(subject.loss()[wire.LOSS_OUTPUT_DROPPED]!.events, 0);
});

test('rows that waited for the end of a batch are written in parts, and none is lost', () => {
	const tape = new Tape();
	const client = tape.client(1, { local: '1.2.3.4:80', remote: '5.6.7.8:90' }).open();
	tape.factProcess(200, 'client');
	const count = 20_000;
	// Their requests were not seen, which is decided at the end of the next batch.
	for (let i = 0; i < count; i += 400) client.in('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'.repeat(400));
	const subject = newDecoder({ memoryLimit: 16 << 20 });
	let rows = 0;
	const decodeParts = (batch: Uint8Array) => {
		subject.input(batch.length).set(batch);
		let at = 0;
		do {
			at = subject.decodePart(at, batch.length);
			rows += takeOutput(subject).exchanges.length;
		} while (at < batch.length);
		while (!subject.settle()) rows += takeOutput(subject).exchanges.length;
		rows += takeOutput(subject).exchanges.length;
	};
	decodeParts(tape.batch());
	decodeParts(new Uint8Array(0));
	decodeParts(new Uint8Array(0));
	subject.finish();
	rows += takeOutput(subject).exchanges.length;
	assert.equal(subject.loss()[wire.LOSS_OUTPUT_DROPPED]!.events, 0);
	assert.equal(rows, count);
});

test("with memory full, each byte is in its connection's row or counted as lost", () => {
	const memoryLimit = 4_000_000;
	const subject = newDecoder({ memoryLimit });
	const tape = new Tape();
	tape.factProcess(100, 'server');
	const request = `POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2000\r\n\r\n${'x'.repeat(1000)}`;
	const count = 10_000;
	for (let i = 1; i <= count; i++) {
		const server = tape
			.server(i, { local: '1.2.3.4:80', remote: `5.6.7.8:${i}` })
			.open()
			.in(request);
		if (i % 2 === 0) server.close();
	}
	// Nobody reads the output in the meantime.
	for (let at = 0; at < tape.records.length; at += 100)
		feedBatch(subject, buildBatch(tape.records.slice(at, at + 100)));
	subject.finish();
	const { connections } = takeOutput(subject);
	const seen = connections.reduce((sum, { bytesIn }) => sum + bytesIn, 0);
	assert.ok(subject.loss()[wire.LOSS_OUTPUT_DROPPED]!.events > 0, 'the memory was not full');
	assert.equal(seen + subject.loss()[wire.LOSS_TABLE_FULL]!.bytes, count * request.length);
	assert.ok(subject.memory.buffer.byteLength < memoryLimit + SLACK, `${subject.memory.buffer.byteLength} bytes`);
});

test('events and connections can always be listed', () => {
	const subject = newDecoder({ memoryLimit: MEMORY, eventsLimit: 1000 });
	const tape = new Tape();
	for (let i = 1; i <= 3000; i++) tape.server(i).open().in('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
	feedRecords(subject, tape.records);
	subject.clearOutput();
	subject.snapshot(SNAPSHOT_EVENTS | SNAPSHOT_CONNECTIONS | SNAPSHOT_EXCHANGES);
	const { events, connections, exchanges } = takeOutput(subject);
	assert.deepEqual([events.length, connections.length, exchanges.length], [1000, 3000, 3000]);
	checkMemory(subject);
});

test('the newest of repeated calls are listed, each with its own time', () => {
	for (const eventsLimit of [1000, 64, 10]) {
		const subject = newDecoder({ memoryLimit: MEMORY, eventsLimit });
		const tape = new Tape();
		const server = tape.server(1).open();
		const other = tape.client(2).open();
		const times: number[] = [];
		const noteTime = () => times.push(Number(tape.timeNs) / 1000);
		for (let i = 0; i < 3000; i++) {
			server.in('x');
			noteTime();
			if (i % 500 !== 499) continue;
			other.out('yy');
			noteTime();
		}
		feedRecords(subject, tape.records, { recordsPerBatch: 700 });
		subject.clearOutput();
		subject.snapshot(SNAPSHOT_EVENTS);
		const { events } = takeOutput(subject);
		// The last calls of a run are unknown if its beginning was overwritten.
		assert.ok(events.length <= eventsLimit && events.length >= Math.min(eventsLimit, 64) - 10, `${events.length}`);
		assert.deepEqual(
			events.map((event) => Math.round(event.ts)),
			times.slice(-events.length).map(Math.round),
		);
		assert.ok(events.every((event) => event.bytes === event.conn && event.captured === event.bytes));
	}
});

test('HTTP/2: streams that are reset at once, and GOAWAY again and again, are bounded', () => {
	const subject = decoder();
	const tape = new Tape();
	const server = tape.server(1).open().in(HTTP2).out(settings());
	let rows = 0;
	for (let id = 1; id < 100_000; id += 2) {
		server.in(Buffer.concat([headers(id, requestBlock('/flood'), true), frame('rstStream', id, number32(8))]));
		if (id % 1000 !== 999) continue;
		rows += feedRecords(subject, tape.records).exchanges.length;
		tape.records.length = 0;
		checkMemory(subject);
	}
	// 1000 streams stay open.
	for (let id = 100_001; id < 102_001; id += 2) server.in(headers(id, requestBlock('/open'), true));
	const goAway = frame('goaway', 0, Buffer.concat([number32(0x7fffffff), number32(0)]));
	for (let i = 0; i < 16; i++) server.out(Buffer.concat(Array.from({ length: 900 }, () => goAway)));
	rows += feedRecords(subject, tape.records).exchanges.length;
	checkMemory(subject);
	checkAlive(subject);
	assert.equal(rows, 50_000);
});

test('twice the input takes about twice the work, even byte by byte', () => {
	// Time stands in for the number of instructions, so only growth that no busy machine explains fails: a quadratic
	// reader takes four times as long for twice the input, and 64 times for eight times the input.
	const chunked = 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n';
	const received = (head: string, piece: string) => (bytes: number) => {
		const tape = new Tape();
		const server = tape.server(1, { local: '1.2.3.4:80', remote: '5.6.7.8:90' }).open();
		for (const byte of head + piece.repeat(Math.ceil(bytes / piece.length))) server.in(byte);
		return tape.records;
	};
	const answered = (request: string, piece: string) => (bytes: number) => {
		const tape = new Tape();
		const server = tape.server(1, { local: '1.2.3.4:80', remote: '5.6.7.8:90' }).open().in(request);
		for (const byte of piece.repeat(Math.ceil(bytes / piece.length))) server.out(byte);
		return tape.records;
	};
	const connections = (byte: string) => (count: number) => {
		const tape = new Tape();
		for (let i = 1; i <= count / 16; i++) {
			const server = tape.server(i, { local: '1.2.3.4:80', remote: `5.6.7.8:${i & 0xffff}` }).open();
			if (byte !== '') server.in(byte);
			else server.close();
		}
		return tape.records;
	};
	/** A field whose name takes half of the bytes, in the Huffman code of `x`, and its value the other half. */
	const named = (bytes: number) => {
		const eight = Buffer.from('f3e7cf9f3e7cf9', 'hex');
		const name = Buffer.concat(Array.from({ length: Math.ceil(bytes / 2 / eight.length) }, () => eight));
		const block = Buffer.concat([Uint8Array.of(0x40), integer(name.length, 7, 0x80), name, integer(bytes, 7, 0)]);
		const length = block.length + bytes;
		const header = Uint8Array.of(length >> 16, length >> 8, length, 1, 4, 0, 0, 0, 1);
		const tape = new Tape();
		const server = tape.server(1).open().in(HTTP2).in(header).in(block);
		for (let i = 0; i < bytes / 2; i++) server.in('v');
		return tape.records;
	};
	const openStreams =
		HTTP2 + frames(...Array.from({ length: 900 }, (_, i) => headers(i * 2 + 1, requestBlock('/'), true)));
	const inputs: readonly (readonly [string, (bytes: number) => Uint8Array[]])[] = [
		['header', received('GET / HTTP/1.1\r\nX: ', 'x')],
		['headers', received('GET / HTTP/1.1\r\n', 'A: 456789\n')],
		['request line', received('GET /', 'a')],
		['folded', received('GET / HTTP/1.1\r\nA: b\r\n', ' folded\n')],
		['length', received('POST / HTTP/1.1\r\nContent-Length: ', '9')],
		['lengths', received('POST / HTTP/1.1\r\nContent-Length: 5', ', 5')],
		['chunks', received(chunked, '1\r\nx\r\n')],
		['chunk extensions', received(chunked, `1;${'e'.repeat(1022)}\r\nx\r\n`)],
		['chunk without end', received(`${chunked}ffffffffffffffff\r\n`, 'x')],
		['trailers', received(`${chunked}0\r\n`, 'T: 456789\r\n')],
		['requests', received('', 'GET / HTTP/1.1\r\n\r\n')],
		['garbage', received('GET / HTTP/1.1\r\n\r\n', 'garbage ')],
		['responses', answered('GET / HTTP/1.1\r\n\r\n', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')],
		['interim responses', answered('GET / HTTP/1.1\r\n\r\n', 'HTTP/1.1 100 Continue\r\n\r\n')],
		['more than the length', answered('HEAD / HTTP/1.1\r\n\r\n', 'HTTP/1.1 200 OK\r\n\r\nbody')],
		['frames', received(HTTP2, frames(frame('ping', 0, Buffer.alloc(8))))],
		['continuations', received(IN_HEAD, frames(frame('continuation', 1, literalBlock([['x-a', 'b']]))))],
		['data', received(IN_BODY, frames(data(1, 'x')))],
		['a name and its value', named],
		['GOAWAY', answered(openStreams, frames(frame('goaway', 0, Buffer.concat([number32(0x7fffffff), number32(0)]))))],
		['connections of a byte', connections('G')],
		['connections without data', connections('')],
	];
	for (const [name, recordsOf] of inputs) {
		const time = (bytes: number): number => {
			const batch = buildBatch(recordsOf(bytes));
			let best = Number.POSITIVE_INFINITY;
			for (let run = 0; run < 3; run++) {
				const subject = decoder();
				subject.input(batch.length).set(batch);
				const start = process.cpuUsage();
				subject.decode(batch.length);
				const { user, system } = process.cpuUsage(start);
				best = Math.min(best, user + system);
			}
			return best;
		};
		const small = Math.max(time(10_000), 500);
		const large = time(80_000);
		assert.ok(large < small * 24, `${name}: ${small} µs, eight times the input ${large} µs`);
	}
});

test('byte by byte, no input takes more than 20 times as long as bytes that nobody reads', () => {
	const inputs: readonly (readonly [string, string, string])[] = [
		['body', 'POST / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n', 'x'],
		['chunk without end', 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n', 'x'],
		['header', 'GET / HTTP/1.1\r\nX: ', 'x'],
		['headers', 'GET / HTTP/1.1\r\n', 'A: 456789\r\n'],
		['folded', 'GET / HTTP/1.1\r\nA: b\r\n', ' folded\r\n'],
		['request line', 'GET /', 'a'],
		['chunks', 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n', '1;e=f\r\nx\r\n'],
		['trailers', 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n', 'T: 456789\r\n'],
		['garbage', 'GET / HTTP/1.1\r\n\r\n(', 'g'],
		['garbage that begins like methods', 'GET / HTTP/1.1\r\n\r\n(', 'PM'],
		['lines of garbage', 'GET / HTTP/1.1\r\n\r\n(', 'MKREDIRECTREF UNSUBSCRIBE\n'],
	];
	const bytes = 20_000;
	const time = (head: string, piece: string): number => {
		const tape = new Tape();
		const server = tape.server(1, { local: '1.2.3.4:80', remote: '5.6.7.8:90' }).open();
		for (const byte of (head + piece.repeat(bytes / piece.length)).slice(0, bytes)) server.in(byte);
		const batch = buildBatch(tape.records);
		let best = Number.POSITIVE_INFINITY;
		for (let run = 0; run < 8; run++) {
			const subject = decoder();
			subject.input(batch.length).set(batch);
			const start = process.cpuUsage();
			subject.decode(batch.length);
			const { user, system } = process.cpuUsage(start);
			best = Math.min(best, user + system);
		}
		return best;
	};
	const unread = Math.max(time('\x16\x03\x01', 'x'), 200);
	for (const [name, head, piece] of inputs) {
		const read = time(head, piece);
		assert.ok(read < unread * 20, `${name}: ${read} µs, unread bytes ${unread} µs`);
	}
});

// What the decoder tells the kernel not to copy, and how it accounts for the bytes that were not copied.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as wire from '../../decoder-as/assembly/wire/capture-event.ts';
import { UNHELD_BODY_LIMIT } from '../../decoder-as/assembly/wire/output-layout.ts';
import { decodeRecords, feedRecords, newDecoder, takeOutput } from '../../support/decoded-rows.ts';
import { Tape } from '../../support/record-builder.ts';

const GET = 'GET /a HTTP/1.1\r\nHost: h\r\n\r\n';
const head = (length: number) => `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`;

test('a body of known length is skipped once the limit is held, if enough is left', () => {
	const tape = new Tape();
	const server = tape.server(5).open();
	server.in(GET).out(head(1_000_000) + 'x'.repeat(999));
	for (let part = 0; part < 4; part++) server.out('x'.repeat(1000));
	const { skips } = decodeRecords(tape.records, { settings: { bodyLimit: 3000 }, recordsPerBatch: 1 });
	assert.deepEqual(skips, [{ conn: 5, direction: 'out', until: head(1_000_000).length + 1_000_000 }]);
});

test('skipped bytes count once as beyond the limit, and the next exchange is right', () => {
	const length = 300_000;
	const tape = new Tape();
	const server = tape.server(1).open();
	server.in(GET).out(head(length) + 'x'.repeat(5000));
	server.out('x'.repeat(200_000), { captured: 0, flags: wire.FLAG_CUT_BODY_LIMIT });
	// One record for the rest of the body and one for the next response.
	server.in(GET.replace('/a', '/b'));
	server.out('x'.repeat(length - 205_000), { captured: 0, flags: wire.FLAG_CUT_BODY_LIMIT });
	server
		.out(`${head(4)}next`)
		.eof()
		.close();
	const decoder = newDecoder({ bodyLimit: 4096 });
	const { exchanges } = feedRecords(decoder, tape.records, { recordsPerBatch: 2 });
	decoder.finish();
	exchanges.push(...takeOutput(decoder).exchanges);
	assert.deepEqual(
		exchanges.map((row) => [row.path, row.state, row.resBodyBytes, row.resCaptured, row.resUnheld[UNHELD_BODY_LIMIT]]),
		[
			['/a', 'complete', length, 4096, length - 4096],
			['/b', 'complete', 4, 4, 0],
		],
	);
	assert.equal(decoder.loss()[wire.LOSS_BODY_LIMIT]!.bytes, length - 4096);
});

test('nothing is skipped if little is left, for chunked bodies and bodies until the close, or without a limit', () => {
	const talk = (response: string) => {
		const tape = new Tape();
		const server = tape.server(1).open().in(GET).out(response);
		for (let part = 0; part < 20; part++) server.out('x'.repeat(3000));
		return tape.records;
	};
	const skips = (response: string, bodyLimit: number) =>
		decodeRecords(talk(response), { settings: { bodyLimit }, recordsPerBatch: 1 }).skips;
	assert.deepEqual(skips(head(60_000), 1000), []);
	assert.deepEqual(skips('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n', 1000), []);
	assert.deepEqual(skips('HTTP/1.1 200 OK\r\n\r\n', 1000), []);
	assert.deepEqual(skips(head(1_000_000), -1), []);
	assert.equal(skips(head(1_000_000), 1000).length, 1);
});

test('a response whose request was lost is not skipped, because it may have no body', () => {
	const tape = new Tape();
	const server = tape.server(1).open().in(GET);
	server.out(head(1_000_000) + 'x'.repeat(3000)).out('x'.repeat(3000));
	const lost = tape.records.filter((record) => record[wire.EVENT_DIRECTION] !== wire.DIRECTION_IN);
	assert.deepEqual(decodeRecords(lost, { settings: { bodyLimit: 1000 }, recordsPerBatch: 1 }).skips, []);
});

test('after an upgrade to anything but WebSocket, and on connections that are not HTTP/1, both directions are skipped to the end', () => {
	const END = Number.MAX_SAFE_INTEGER;
	const upgrade = new Tape();
	upgrade
		.server(1)
		.open()
		.in('GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n')
		.out('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n')
		.out('hello')
		.in('hello');
	const other = new Tape();
	other.client(2).open().out('SSH-2.0-x\r\n').in('SSH-2.0-y\r\n');
	for (const [tape, conn] of [
		[upgrade, 1],
		[other, 2],
	] as const) {
		const { skips } = decodeRecords(tape.records, { recordsPerBatch: 1 });
		assert.deepEqual(skips.map((skip) => [skip.conn, skip.direction, skip.until]).sort(), [
			[conn, 'in', END],
			[conn, 'out', END],
		]);
		assert.deepEqual(decodeRecords(tape.records, { settings: { bodyLimit: -1 } }).skips, []);
	}
});

test('while it is in doubt which response belongs to which request, no body is skipped in either direction', () => {
	const post = 'POST /up HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n';
	for (const doubtful of [false, true]) {
		const tape = new Tape();
		const server = tape.server(1).open();
		for (let i = 0; i < 3; i++) server.in(GET).out(`${head(2)}ok`);
		server.in(GET).out(`${head(4)}lost`);
		if (doubtful) tape.records.pop();
		server.in(GET).out(`${head(2)}ok`);
		server.in(post + 'x'.repeat(3000)).in('x'.repeat(3000));
		server.out(head(1_000_000) + 'y'.repeat(3000)).out('y'.repeat(3000));
		const { skips } = decodeRecords(tape.records, { settings: { bodyLimit: 1000 }, recordsPerBatch: 1 });
		assert.deepEqual(
			skips.map(({ direction }) => direction),
			doubtful ? ['out'] : ['in', 'out'],
		);
	}
});

test('a body whose end offset exceeds the range of a number is not skipped', () => {
	for (const [length, count] of [
		[2 ** 53 - 1, 0],
		[2 ** 53 - 1000, 1],
	] as const) {
		const tape = new Tape();
		tape
			.server(1)
			.open()
			.in(GET)
			.out(head(length) + 'x'.repeat(3000))
			.out('x'.repeat(1000));
		const { skips } = decodeRecords(tape.records, { settings: { bodyLimit: 1000 }, recordsPerBatch: 1 });
		assert.equal(skips.length, count);
	}
});

// Memory that runs out at any allocation: every request is a row or counted, and no row is wrong.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as wire from '../../decoder-as/assembly/wire/capture-event.ts';
import type { Decoder } from '../../src/decode/decoder.ts';
import { type ExchangeRow, feedBatch, feedRecords, newDecoder, takeOutput } from '../../support/decoded-rows.ts';
import { buildBatch, Tape } from '../../support/record-builder.ts';

/** The decoder's smallest limit. */
const LEAST = 2 << 20;
const ADDRESSES = { local: '10.0.0.1:80', remote: '10.0.0.2:4000' };

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`;
const ok = (body: string) => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

/** Decodes the tape's records, each in its own batch, and empties the tape. */
function feed(decoder: Decoder, tape: Tape): ExchangeRow[] {
	return tape.records.splice(0).flatMap((record) => feedRecords(decoder, [record]).exchanges);
}

function finish(decoder: Decoder): ExchangeRow[] {
	decoder.finish();
	return takeOutput(decoder).exchanges;
}

test('wherever memory runs out, a request is a row or counted, and no row is wrong', () => {
	const count = 1500;
	const requests = Array.from({ length: count }, (_, i) => get(`/${i}`));
	const asked = requests.join('');
	const answers = Array.from({ length: count }, (_, i) => ok(`${i}`)).join('');
	for (let more = 0; more < 1000; more += 80) {
		const decoder = newDecoder({ memoryLimit: LEAST, eventsLimit: 0, waitingLimit: 100_000 });
		// The room for a batch decides at which allocation the rest is used up.
		decoder.input(900_000 + more);
		const tape = new Tape();
		const server = tape.server(1, ADDRESSES).open();
		server.in(asked, { part: asked.length }).out(answers, { part: answers.length });
		const rows = feed(decoder, tape);
		assert.deepEqual(
			rows.filter(({ id, path, reason }) => path !== `/${id - 1}` || reason !== 'evicted'),
			[],
		);
		const {
			[wire.LOSS_OUTPUT_DROPPED]: dropped,
			[wire.LOSS_DECODE_GAP]: gap,
			[wire.LOSS_TABLE_FULL]: full,
		} = decoder.loss();
		const known = rows.length + dropped!.events;
		assert.equal(rows.length > 100 && known <= count, true);
		// The connection was evicted, and its responses with it.
		assert.equal(gap!.bytes + full!.bytes, requests.slice(known).join('').length + answers.length);
		// Now there is room again.
		server.close();
		tape.server(2, ADDRESSES).open().in(get('/next')).out(ok('next')).close();
		const [next, ...others] = [...feed(decoder, tape), ...finish(decoder)];
		assert.deepEqual([next!.path, next!.state, next!.resBody, others], ['/next', 'complete', 'next', []]);
		assert.equal(decoder.memory.buffer.byteLength, LEAST);
	}
});

/** A decoder with a long body, which it drops when its memory is full, before it drops any connection. */
function nearlyFull(bytes: number, more: number): { decoder: Decoder; tape: Tape } {
	const decoder = newDecoder({ memoryLimit: LEAST, bodyLimit: -1, eventsLimit: 0, waitingLimit: 100_000 });
	decoder.input(130_000 + more);
	const tape = new Tape();
	const unfinished = ok('b'.repeat(bytes)).slice(0, -1);
	tape.server(1, ADDRESSES).open().in(get('/')).out(unfinished, { part: 100_000 });
	return { decoder, tape };
}

function rowsOfSecond(decoder: Decoder, tape: Tape): ExchangeRow[] {
	return [...feed(decoder, tape), ...finish(decoder)].filter(({ conn }) => conn === 2);
}

function wrongPairs(rows: readonly ExchangeRow[]): ExchangeRow[] {
	return rows.filter(({ path, resBody }) => path !== null && resBody !== null && path !== `/${resBody}`);
}

test('requests for which there is no memory are a gap: responses after it are not given to other requests', () => {
	const count = 1200;
	const asked = Array.from({ length: count }, (_, i) => get(`/${i}`)).join('');
	for (const more of [0, 200, 600]) {
		const { decoder, tape } = nearlyFull(600_000, more);
		const server = tape.server(2, ADDRESSES).open();
		server.in(asked, { part: asked.length }).in(get(`/${count}`));
		for (let i = 0; i <= count; i++) server.out(ok(`${i}`));
		server.close();
		const rows = rowsOfSecond(decoder, tape);
		assert.deepEqual(wrongPairs(rows), []);
		const known = rows.filter(({ path }) => path !== null).length;
		assert.ok(known > 900 && known < count && rows.length > count, `${known} of ${rows.length}`);
	}
});

test('responses for which there is no memory are a gap: those after it are not given to earlier requests', () => {
	const count = 600;
	const asked = Array.from({ length: count }, (_, i) => get(`/${i}`)).join('');
	const answers = Array.from({ length: count }, (_, i) => ok(`${i}`));
	for (const more of [0, 200, 600]) {
		const { decoder, tape } = nearlyFull(850_000, more);
		const server = tape.server(2, ADDRESSES).open().in(asked, { part: asked.length });
		// From here on responses wait for proof of their requests.
		server.outOffset += BigInt(answers[0]!.length);
		const burst = answers.slice(1, -20).join('');
		server.out(burst, { part: burst.length });
		for (const answer of answers.slice(-20)) server.out(answer);
		tape.pause(10_000);
		server.in(get('/next')).out(ok('next')).close();
		const rows = rowsOfSecond(decoder, tape);
		assert.deepEqual(wrongPairs(rows), []);
		assert.ok(rows.length + decoder.loss()[wire.LOSS_OUTPUT_DROPPED]!.events > count);
	}
});

test('a start line for which there is no memory costs only its method and its target', () => {
	const decoder = newDecoder({ memoryLimit: LEAST, eventsLimit: 0, startLineLimit: 1 << 20 });
	const tape = new Tape();
	const server = tape.server(1, ADDRESSES).open();
	for (const piece of [`GET /${'a'.repeat(500_000)}`, 'b'.repeat(700_000), ' HTTP/1.1\r\nHost: h\r\n\r\n']) {
		server.in(piece, { part: piece.length });
	}
	server.out(ok('x')).in(get('/next')).out(ok('y')).close();
	const rows = [...feed(decoder, tape), ...finish(decoder)];
	assert.deepEqual(
		rows.map((row) => [row.method, row.path, row.anomalies, row.state, row.resBody]),
		[
			[null, null, 'long-start-line,long-headers', 'complete', 'x'],
			['GET', '/next', null, 'complete', 'y'],
		],
	);
});

test('bytes that may have been a request take no memory once their connection is closed', () => {
	const decoder = newDecoder({ eventsLimit: 0 });
	const used: number[] = [];
	for (let conn = 1; conn <= 40; conn++) {
		const tape = new Tape();
		const server = tape.server(conn, ADDRESSES).open();
		server
			.in(get('/'))
			.out(ok('x'))
			.in(`no request\r\n${'n'.repeat(9000)}`)
			.close();
		feed(decoder, tape);
		for (let i = 0; i < 3; i++) decoder.decode(0);
		decoder.clearOutput();
		used.push(decoder.memoryUsed());
	}
	assert.ok(used[39]! - used[19]! < 100_000, `${used[19]}, ${used[39]}`);
});

test('start lines are kept up to 1 MiB, however high the limit is set', () => {
	for (const more of [0, 1]) {
		const length = (1 << 20) + more;
		const decoder = newDecoder({ startLineLimit: 1e9, headerBytesLimit: 16 << 20, eventsLimit: 0 });
		const tape = new Tape();
		const bytes = `GET /${'a'.repeat(length - 16)} HTTP/1.1\r\nHost: h\r\n\r\n`;
		tape.server(1).open().in(bytes, { part: bytes.length }).out(ok('x')).close();
		const [row] = [...feed(decoder, tape), ...finish(decoder)];
		assert.equal(/long-start-line/.test(row!.anomalies ?? ''), more > 0);
	}
});

test('the row of a connection for which the limit is exceeded leaves the limit in force', () => {
	const decoder = newDecoder({ memoryLimit: LEAST, eventsLimit: 0 });
	const tape = new Tape();
	const request = `POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2000\r\n\r\n${'x'.repeat(1000)}`;
	for (let i = 1; i <= 4000; i++) {
		const server = tape.server(i, ADDRESSES).open().in(request);
		if (i % 2 === 0) server.close();
	}
	// Nobody reads the output in the meantime.
	for (let at = 0; at < tape.records.length; at += 100)
		feedBatch(decoder, buildBatch(tape.records.slice(at, at + 100)));
	assert.ok(decoder.memory.buffer.byteLength < 2 * LEAST, `${decoder.memory.buffer.byteLength} bytes`);
});

// Recordings without secrets: they are overwritten in the bytes of the calls, and everything else stays as it was.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brotliCompressSync, gunzipSync, gzipSync } from 'node:zlib';
import * as wire from '../../decoder-as/assembly/wire/capture-event.ts';
import { Records } from '../../src/capture/records.ts';
import { decodeContent } from '../../src/decode/content-coding.ts';
import { RecordingRedactor } from '../../src/output/recording-redactor.ts';
import { decodeRecords, type ExchangeRow } from '../../support/decoded-rows.ts';
import { type Bytes, buildBatch, Tape } from '../../support/record-builder.ts';
import { CANARY, canaryForms, PLACES, request, response, urlForm } from '../../support/secret-places.ts';

/** The record's header and its payload. */
type Taken = { readonly header: Buffer; readonly payload: Buffer };

function recordsIn(batch: Uint8Array): Taken[] {
	const records = new Records(batch);
	const all: Taken[] = [];
	while (records.step()) {
		const size = records.view.getUint32(records.at, true);
		const bytes = Buffer.from(batch.subarray(records.at, records.at + size));
		all.push({
			header: bytes.subarray(0, wire.CAPTURE_EVENT_HEADER_BYTES),
			payload: bytes.subarray(wire.CAPTURE_EVENT_HEADER_BYTES),
		});
	}
	return all;
}

/** Passes the tape through a redactor, `perBatch` records at a time. Only payloads may differ, and only in content. */
function redacted(tape: Tape, perBatch = Number.POSITIVE_INFINITY): Taken[] {
	const redactor = new RecordingRedactor(() => 0);
	const out: Uint8Array[] = [];
	for (let from = 0; from < tape.records.length; from += Math.min(perBatch, tape.records.length)) {
		out.push(...redactor.take(buildBatch(tape.records.slice(from, from + perBatch))));
	}
	out.push(...redactor.drain());
	assert.equal(redactor.waitingBytes, 0);
	const before = recordsIn(tape.batch());
	const after = out.flatMap(recordsIn);
	assert.equal(after.length, before.length);
	for (const [i, { header, payload }] of after.entries()) {
		assert.ok(header.equals(before[i]!.header));
		assert.equal(payload.length, before[i]!.payload.length);
	}
	return after;
}

/** All bytes of one direction. */
function streamOf(records: readonly Taken[], direction: number): string {
	return Buffer.concat(
		records
			.filter(
				({ header }) => header[wire.EVENT_KIND] === wire.CAPTURE_DATA && header[wire.EVENT_DIRECTION] === direction,
			)
			.map(({ payload }) => payload),
	).toString('latin1');
}

function rowsOf(records: readonly Taken[]): ExchangeRow[] {
	return decodeRecords(records.map(({ header, payload }) => Buffer.concat([header, payload]))).exchanges;
}

/** Calls of `step` bytes. */
function inCalls(bytes: Bytes, step: number, move: (part: string) => void): void {
	const text = Buffer.from(bytes as string, 'latin1').toString('latin1');
	for (let at = 0; at < text.length; at += step) move(text.slice(at, at + step));
}

/** One exchange of a server, in calls of at most `step` bytes. */
function exchange(request: Bytes, response: Bytes, step = 1 << 20): Tape {
	const tape = new Tape();
	tape.clock(1_700_000_000_000_000_000n);
	const server = tape.server(1, { local: '127.0.0.1:80', remote: '127.0.0.1:4000' }).open();
	inCalls(request, step, (part) => server.in(part));
	inCalls(response, step, (part) => server.out(part));
	server.close();
	return tape;
}

test('AT-9: a canary in heads and bodies is found nowhere in a redacted recording, however its calls are cut', () => {
	for (const { name, request: sent, response: answered = response(), kept } of PLACES) {
		for (const step of [1 << 20, 1, 17]) {
			const tape = exchange(sent, answered, step);
			for (const perBatch of [Number.POSITIVE_INFINITY, 1]) {
				const records = redacted(tape, perBatch);
				const streams = [streamOf(records, wire.DIRECTION_IN), streamOf(records, wire.DIRECTION_OUT)];
				const label = `${name}, calls of ${step} bytes, ${perBatch} records per batch`;
				for (const stream of streams)
					for (const form of canaryForms())
						assert.ok(!stream.includes(form), `${label}: ${JSON.stringify(form)} in ${JSON.stringify(stream)}`);
				for (const part of kept) {
					const found = streams.some((stream) =>
						typeof part === 'string' ? stream.includes(part) : part.test(stream),
					);
					assert.ok(found, `${label}: ${part} not in ${JSON.stringify(streams)}`);
				}
				if (step !== 17 || perBatch === 1) continue;
				// The framing did not change.
				const [before, after] = [recordsIn(tape.batch()), records].map(rowsOf) as [ExchangeRow[], ExchangeRow[]];
				assert.equal(after.length, 1, label);
				for (const member of ['state', 'reason', 'status', 'method', 'reqBodyBytes', 'resBodyBytes'] as const)
					assert.deepEqual(after[0]![member], before[0]![member], label);
			}
		}
	}
});

test('AT-9: compressed bodies with a canary are compressed again without it, or blanked; others stay as they were', () => {
	const json = JSON.stringify({ a: 'kept '.repeat(30), token: CANARY, b: 'kept too' });
	const harmless = gzipSync(JSON.stringify({ a: 'kept', n: 1 })).toString('latin1');
	const bodies = [
		{ coding: 'gzip', body: gzipSync(json).toString('latin1') },
		{ coding: 'gzip', body: gzipSync(json, { level: 1 }).toString('latin1') },
		{ coding: 'br', body: brotliCompressSync(json).toString('latin1') },
		{ coding: 'gzip', body: harmless },
		{ coding: 'unknown', body: 'whatever this is' },
	];
	const contents = bodies.map(({ coding, body }) => {
		for (const step of [1 << 20, 7]) {
			const fields = ['Content-Type: application/json', `Content-Encoding: ${coding}`];
			const records = redacted(exchange(request('/a'), response(fields, body), step));
			const after = streamOf(records, wire.DIRECTION_OUT).split('\r\n\r\n').slice(1).join('\r\n\r\n');
			assert.equal(after.length, body.length);
			if (step === 7) return after;
		}
		return '';
	});
	for (const content of contents.slice(0, 2)) {
		const text = gunzipSync(Buffer.from(content, 'latin1')).toString();
		assert.match(text, /^\{"a":"kept .*","token":"REDACTED-[0-9a-f]{8}---","b":"kept too"\}$/);
		assert.equal(text.length, json.length);
	}
	assert.match(contents[2]!, /^\*+$/);
	assert.equal(decodeContent(Buffer.from(contents[2]!), 'br').applied.length, 0);
	assert.equal(contents[3], harmless);
	assert.match(contents[4]!, /^\*+$/);
});

test('what holds no secret is recorded byte for byte: texts, files, several exchanges, interim responses', () => {
	const bodies: readonly [string, string][] = [
		['text/html', '<p class="a">page=2; keyboard: x</p>\n'.repeat(50)],
		[
			'application/json',
			JSON.stringify({ code: 200, key: '', a: [1, -2.5e3, true, null, 'x: y'], b: { c: 'd\n"e"' } }, null, 2),
		],
		['application/octet-stream', Array.from({ length: 3000 }, (_, i) => String.fromCharCode((i * 7) % 256)).join('')],
		['', 'a=1&b=2'],
	];
	const requests = bodies.map(([type, body], i) => request(`/p/${i}?a=${i}`, [`Content-Type: ${type}`], body));
	const responses = bodies.map(
		([type, body]) => `HTTP/1.1 100 Continue\r\n\r\n${response([`Content-Type: ${type}`, 'Date: now'], body)}`,
	);
	for (const step of [1 << 20, 1, 11]) {
		// Pipelined.
		const tape = exchange(requests.join(''), responses.join(''), step);
		const records = redacted(tape, 30);
		const before = recordsIn(tape.batch());
		for (const [i, { payload }] of records.entries()) assert.ok(payload.equals(before[i]!.payload));
		assert.equal(rowsOf(records).length, bodies.length);
	}
});

test('equal secrets get the same replacement, in every form; another recording has another key', () => {
	const sent = request('/a', [
		`Authorization: Bearer ${CANARY}`,
		`X-Token: ${CANARY}`,
		`X-Other-Token: other-secret-value`,
	]);
	const hashes = [1, 2].map(() => {
		const stream = streamOf(redacted(exchange(sent + sent, response() + response())), wire.DIRECTION_IN);
		return [...stream.matchAll(/REDACTED-([0-9a-f]{8})/g)].map(([, hash]) => hash);
	});
	for (const [a, b, other, ...again] of hashes) {
		assert.equal(a, b);
		assert.notEqual(a, other);
		assert.deepEqual(again, [a, b, other]);
	}
	assert.notEqual(hashes[0]![0], hashes[1]![0]);
});

test('where the framing is not certain, everything is blanked up to a call that begins with a start line', () => {
	const clean = request('/clean', [], '', 'GET');
	const starts: readonly ((tape: Tape) => void)[] = [
		// Bytes were lost in the middle of a head.
		(tape) => {
			const server = tape.server(1).open();
			server.in('GET /lost HTTP/1.1\r\nAuthori');
			server.inOffset += 10n;
			server.in(`arer ${CANARY}\r\n\r\n`).in(clean).out(response());
		},
		// The connection is older than the recording.
		(tape) => {
			const server = tape.server(1, { flags: wire.FLAG_MIDSTREAM });
			server.inOffset = 100n;
			server.in(`word=${CANARY}`).in(clean);
		},
		// It is not HTTP.
		(tape) => {
			const server = tape.server(1).open();
			server.in(`AUTH ${CANARY}\r\nQUIT\r\n`).in(clean);
		},
		// It is another protocol, and then HTTP in a tunnel.
		(tape) => {
			const server = tape.server(1).open();
			server.in(request('/ws', ['Connection: upgrade', 'Upgrade: chat'], '', 'GET'));
			server.out('HTTP/1.1 101 Switching Protocols\r\nUpgrade: chat\r\nConnection: upgrade\r\n\r\n');
			server.in(`\x81\x20${CANARY}`).out(`\x81\x20${CANARY}`).in(clean);
		},
		// An invalid length, a chunk that is none, bytes moved by io_uring.
		(tape) => {
			const server = tape.server(1).open();
			server.in(`POST /a HTTP/1.1\r\nContent-Length: x\r\n\r\n{"pass":"${CANARY}"}`).in(clean);
		},
		(tape) => {
			const server = tape.server(1).open();
			server.in(`POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\npass=${CANARY}\r\n0\r\n\r\n`).in(clean);
		},
		(tape) => {
			const server = tape.server(1).open();
			server.in('POST /a HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n{"pass');
			server.add({ kind: wire.CAPTURE_UNSEEN, direction: wire.DIRECTION_IN, offset: server.inOffset });
			server.in(`word":"${CANARY}"}`).in(clean);
		},
		// A hole in JSON: nobody knows which member goes on.
		(tape) => {
			const server = tape.server(1).open();
			server.in('POST /a HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n{"a":1,');
			server.sendfile(0);
			server.inOffset += 40n;
			server.in(`${CANARY}"}`.padEnd(43)).in(clean);
		},
	];
	for (const [i, start] of starts.entries()) {
		const tape = new Tape();
		start(tape);
		for (const perBatch of [Number.POSITIVE_INFINITY, 1]) {
			const records = redacted(tape, perBatch);
			const stream = streamOf(records, wire.DIRECTION_IN);
			for (const form of canaryForms()) assert.ok(!stream.includes(form), `${i}: ${JSON.stringify(stream)}`);
			assert.ok(!streamOf(records, wire.DIRECTION_OUT).includes(CANARY));
			assert.ok(stream.endsWith(clean), `${i}: ${JSON.stringify(stream)}`);
		}
	}
});

test('records wait no longer than two seconds, and no more than 8 MiB of them; what is not decided then is blanked', () => {
	let now = 0;
	const redactor = new RecordingRedactor(() => now);
	const tape = new Tape();
	const slow = tape.server(1).open();
	slow.in(
		`POST /slow HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"a":"kept","password":"c4n4`,
	);
	assert.deepEqual(redactor.take(tape.batch()), []);
	now = 1900;
	assert.deepEqual(redactor.tick(), []);
	now = 2100;
	const first = recordsIn(redactor.tick()[0]!);
	assert.match(streamOf(first, wire.DIRECTION_IN), /\r\n\r\n\{"a":"kept","password":"\*\*\*\*$/);
	const rest = new Tape();
	const more = rest.server(1);
	more.inOffset = slow.inOffset;
	more.in(`ry\\"x","b":"kept too","c`);
	assert.deepEqual(redactor.take(rest.batch()), []);
	now = 5000;
	const second = streamOf(recordsIn(redactor.tick()[0]!), wire.DIRECTION_IN);
	assert.equal(second, '*****","b":"kept too","*');

	const open = new Tape();
	open.server(2).open().in('GET /never HTTP/1.1\r\nAuthorization: Bea');
	assert.deepEqual(redactor.take(open.batch()), []);
	const flood = new Tape();
	const files = flood.server(3).open();
	files.out(`HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: ${20 << 20}\r\n\r\n`);
	let got = 0;
	for (let i = 0; i < 20; i++) {
		const tapeOfPart = new Tape();
		const part = tapeOfPart.server(3);
		part.outOffset = files.outOffset;
		part.out('x'.repeat(1 << 20), { part: 16_384 });
		files.outOffset = part.outOffset;
		if (i === 0) got += redactor.take(flood.batch()).length;
		got += redactor.take(tapeOfPart.batch()).length;
		assert.ok(redactor.waitingBytes <= 9 << 20);
	}
	assert.ok(got > 10);
});

test('records of two threads in the wrong order are redacted in the order of their bytes', () => {
	const tape = new Tape();
	const server = tape.server(1).open();
	const head = 'GET /a HTTP/1.1\r\nAuthorization: Bearer ';
	server.in('', {});
	server.inOffset = BigInt(head.length);
	server.in(`${CANARY}\r\n\r\n`);
	server.inOffset = 0n;
	server.in(head);
	const records = redacted(tape, 1);
	for (const form of canaryForms()) assert.ok(!streamOf(records, wire.DIRECTION_IN).includes(form));
	assert.ok(streamOf(records, wire.DIRECTION_IN).endsWith(head));
});

test('secrets in the arguments of a process are overwritten, too', () => {
	const tape = new Tape();
	const args = [
		'curl',
		'-H',
		`X-Api-Key: ${CANARY}`,
		'-b',
		`sid=${CANARY}; a=b`,
		'-d',
		`{"pin":"${CANARY}"}`,
		`https://u:${urlForm(CANARY)}@x/a`,
	];
	tape.factProcess(100, 'curl', '/a.slice', args.join('\x1f'), '/usr/bin/curl');
	const [{ payload }] = redacted(tape) as [Taken];
	const text = payload.toString('latin1');
	for (const form of canaryForms()) assert.ok(!text.includes(form), text);
	assert.ok(text.startsWith('curl\0/a.slice\0curl\x1f-H\x1fX-Api-Key: REDACTED-'), text);
	assert.ok(text.endsWith('\0/usr/bin/curl'), text);
});

test('of too many connections the one opened first is given up, and what waited for it leaves', () => {
	const redactor = new RecordingRedactor(() => 0, 3);
	const opened = (conn: number) => {
		const tape = new Tape();
		tape.server(conn).open();
		return redactor.take(tape.batch()).length;
	};
	const tape = new Tape();
	tape.server(1).open().in('GET / HTTP/1.1\r\nCookie: sess');
	assert.equal(redactor.take(tape.batch()).length, 0);
	assert.deepEqual([opened(2), opened(3), opened(4)], [0, 0, 4]);
});

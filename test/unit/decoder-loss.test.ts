// Lost records: rows that a gap does not touch are unchanged, and no row ever mixes two exchanges.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as wire from '../../decoder-as/assembly/wire/capture-event.ts';
import { body, get, makeConversation, ok, SCRIPTS } from '../../support/conversations.ts';
import { decodeRecords, feedRecords, newDecoder, takeOutput } from '../../support/decoded-rows.ts';
import { damageReport, namesIn } from '../../support/loss.ts';
import { Tape } from '../../support/record-builder.ts';

const BATCHES = [undefined, 1, 3];

/** Indexes of the records that carry bytes. */
function dataRecords(records: readonly Uint8Array[]): number[] {
	return records.flatMap((record, i) => (record[wire.EVENT_KIND] === wire.CAPTURE_DATA ? [i] : []));
}

function mixedRows(report: readonly string[]): string[] {
	return report.filter((line) => line.includes('mixes'));
}

/** Numbers from 0 to below 1, the same for the same seed. */
function seeded(seed: number): () => number {
	let state = seed;
	return () => {
		state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
		return state / 2 ** 32;
	};
}

for (const script of SCRIPTS) {
	test(`whole conversations make whole rows: ${script.name}`, () => {
		const conversation = makeConversation(script);
		const expected = new Set(conversation.ranges.map((range) => range.exchange)).size;
		for (const recordsPerBatch of BATCHES) {
			const { exchanges } = decodeRecords(conversation.tape.records, { recordsPerBatch });
			assert.equal(exchanges.length, expected, script.name);
			assert.deepEqual(
				exchanges.filter((row) => row.state !== 'complete'),
				[],
				script.name,
			);
			assert.deepEqual(damageReport(conversation, { ...decodeRecords(conversation.tape.records) }, new Set()), []);
		}
	});
}

/** Clients that never pause (see alignment.ts). For these, only mixed rows are an error. */
const WINDOWS = /^window/;

// A burst sent and answered in one call each does not show how long answers take.
for (const script of SCRIPTS.filter(({ name }) => !WINDOWS.test(name) && !name.includes('1000 bytes'))) {
	test(`losing any single record changes only the rows it touches and the one after: ${script.name}`, () => {
		const conversation = makeConversation(script);
		const whole = decodeRecords(conversation.tape.records);
		for (const lost of conversation.tape.records.keys()) {
			for (const recordsPerBatch of BATCHES) {
				const report = damageReport(conversation, whole, new Set([lost]), { recordsPerBatch });
				assert.deepEqual(report, [], `${script.name}, record ${lost}, ${recordsPerBatch} a batch`);
			}
		}
	});
}

for (const script of SCRIPTS) {
	test(`losing two adjacent records never mixes exchanges, and costs a client with a constant habit nothing else: ${script.name}`, () => {
		const conversation = makeConversation(script);
		const whole = decodeRecords(conversation.tape.records);
		for (let i = 1; i < conversation.tape.records.length; i++) {
			const report = damageReport(conversation, whole, new Set([i - 1, i]), { withoutInterims: true });
			const checked = /^(plain|nested)/.test(script.name) ? report : mixedRows(report);
			assert.deepEqual(checked, [], `${script.name}, records ${i - 1} and ${i}`);
		}
	});
}

test('losing any two records never mixes exchanges, and rarely costs more than the rows they touch', () => {
	const random = seeded(11);
	let runs = 0;
	let more = 0;
	for (const script of SCRIPTS) {
		const conversation = makeConversation(script);
		const whole = decodeRecords(conversation.tape.records);
		const { length } = conversation.tape.records;
		for (let i = 0; i < length; i++) {
			for (let j = i + 2; j < length; j++) {
				if (random() > 0.2) continue;
				const report = damageReport(conversation, whole, new Set([i, j]));
				assert.deepEqual(mixedRows(report), [], `${script.name}, records ${i} and ${j}`);
				if (!/^(plain|nested|mixed)/.test(script.name)) continue;
				runs++;
				if (report.length > 0) more++;
			}
		}
	}
	// For scripts without pipelining, this happens only if both records belong to the first exchanges, before the
	// client's habit is known.
	assert.ok(runs > 500 && more <= runs * 0.02, `${more} of ${runs}`);
});

test('losing a tenth of the records at random never mixes exchanges', () => {
	const random = seeded(7);
	let runs = 0;
	let more = 0;
	for (const script of SCRIPTS.filter(({ name }) => !WINDOWS.test(name))) {
		const conversation = makeConversation(script);
		const whole = decodeRecords(conversation.tape.records);
		for (let run = 0; run < 40; run++) {
			const lost = new Set([...conversation.tape.records.keys()].filter(() => random() < 0.1));
			const report = damageReport(conversation, whole, lost);
			assert.deepEqual(mixedRows(report), [], `${script.name}, records ${[...lost].join(' ')}`);
			if (!/^(plain|nested|mixed)/.test(script.name)) continue;
			runs++;
			if (report.length > 0) more++;
		}
	}
	assert.ok(runs > 300 && more <= runs * 0.05, `${more} of ${runs}`);
});

test('no response is given to a request after a loss if the client always has requests in flight', () => {
	const script = SCRIPTS.find(({ name }) => name === 'window of two, server')!;
	const { records } = makeConversation(script).tape;
	// The fifth response: by then the client has shown that it does not wait for answers.
	const lost = dataRecords(records).filter((i) => records[i]![wire.EVENT_DIRECTION] === wire.DIRECTION_OUT)[4]!;
	const rows = decodeRecords(records.filter((_, i) => i !== lost)).exchanges;
	const answered = rows.filter((row) => row.path !== null && row.status !== 0).map((row) => row.path);
	assert.deepEqual(
		answered,
		[1, 2, 3, 4].map((id) => `/exchange/${id}`),
	);
	assert.ok(rows.some((row) => row.reason === 'request not seen'));
	assert.ok(rows.every((row) => namesIn(row).size <= 1));
});

test('a gap inside a body of known length is counted exactly and costs nothing else', () => {
	const tape = new Tape();
	const server = tape.server(1).open();
	server.in(get(1));
	const response = ok(1, body(1, 50));
	server.out(response.slice(0, 300)).out(response.slice(300, 700)).out(response.slice(700));
	server.in(get(2)).out(ok(2, body(2, 1)));
	const lost = dataRecords(tape.records)[2]!;
	const { exchanges } = decodeRecords(tape.records.filter((_, i) => i !== lost));
	const [first, second] = exchanges;
	assert.equal(first!.state, 'incomplete');
	assert.equal(first!.reason, 'bytes lost');
	assert.equal(first!.lostBytes, 400);
	assert.equal(first!.resUnheld[6], 400);
	assert.equal(first!.resBodyBytes, body(1, 50).length);
	assert.equal(first!.status, 200);
	assert.equal(second!.state, 'complete');
});

test('1,000 requests with one missing response make 1,000 rows, 999 of them complete', () => {
	for (const recordsPerBatch of [7, 500, 3000]) {
		const tape = new Tape();
		const server = tape.server(1).open();
		for (let id = 1; id <= 1000; id++) server.in(get(id)).out(ok(id, body(id, 1)));
		server.eof().close();
		const lost = dataRecords(tape.records)[2 * 500 + 1]!;
		const records = tape.records.filter((_, i) => i !== lost);
		const decoder = newDecoder();
		let pending = 0;
		const decoded = feedRecords(decoder, records, {
			recordsPerBatch,
			afterBatch: () => {
				const before = decoder.output().length;
				decoder.snapshot(1);
				if (decoder.output().length > before) pending++;
			},
		});
		assert.ok(pending > 0);
		decoder.finish();
		const rows = [...decoded.exchanges, ...takeOutput(decoder).exchanges].filter((row) => row.state !== 'open');
		const last = new Map(rows.map((row) => [row.id, row]));
		assert.equal(last.size, 1000);
		const bad = [...last.values()].filter((row) => row.state !== 'complete');
		assert.deepEqual(
			bad.map((row) => [row.path, row.state, row.reason]),
			[['/exchange/501', 'unanswered', 'bytes lost']],
		);
	}
});

test('records of one direction in the wrong order lose nothing', () => {
	const conversation = makeConversation(SCRIPTS[2]!);
	const whole = decodeRecords(conversation.tape.records).exchanges;
	const records = [...conversation.tape.records];
	for (let i = 2; i + 1 < records.length - 2; i += 3) [records[i], records[i + 1]] = [records[i + 1]!, records[i]!];
	const swapped = decodeRecords(records).exchanges;
	assert.deepEqual(
		swapped.map((row) => [row.path, row.status, row.resBody, row.state]),
		whole.map((row) => [row.path, row.status, row.resBody, row.state]),
	);
});

test('a duplicated record counts once', () => {
	const conversation = makeConversation(SCRIPTS[0]!);
	const whole = decodeRecords(conversation.tape.records).exchanges;
	const doubled = conversation.tape.records.flatMap((record) => [record, record]);
	assert.deepEqual(
		decodeRecords(doubled).exchanges.map((row) => [row.path, row.resBody, row.lostBytes]),
		whole.map((row) => [row.path, row.resBody, row.lostBytes]),
	);
});

test('bytes lost at the very end are known from the close', () => {
	const tape = new Tape();
	const server = tape.server(1).open();
	server
		.in(get(1))
		.out(ok(1, body(1, 4)).slice(0, 100))
		.out(ok(1, body(1, 4)).slice(100))
		.close();
	const lost = dataRecords(tape.records)[2]!;
	const [row] = decodeRecords(tape.records.filter((_, i) => i !== lost)).exchanges;
	assert.equal(row!.state, 'incomplete');
	assert.equal(row!.reason, 'bytes lost');
	assert.equal(row!.resBodyBytes, body(1, 4).length);
});

test('after attaching in the middle of a download, the next exchange is seen', () => {
	const tape = new Tape();
	const server = tape.server(1, { flags: wire.FLAG_MIDSTREAM });
	server
		.out('…the rest of a body\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nin the text')
		.out('HTTP/1.1 is old\nmore');
	server.in(get(1)).out(ok(1, body(1, 1)));
	tape.pause(100);
	server.in(get(2)).out(ok(2, body(2, 1)));
	for (const recordsPerBatch of BATCHES) {
		const { exchanges } = decodeRecords(tape.records, { recordsPerBatch });
		assert.deepEqual(
			exchanges.map((row) => [row.path, row.status, row.resBody, row.state]),
			[
				['/exchange/1', 200, body(1, 1), 'complete'],
				['/exchange/2', 200, body(2, 1), 'complete'],
			],
		);
	}
});

test('after attaching between HEAD and its response, the next exchange is right', () => {
	const tape = new Tape();
	const server = tape.server(1, { flags: wire.FLAG_MIDSTREAM });
	server.out('HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n');
	server.in(get(1)).out(ok(1, body(1, 1)));
	tape.pause(100);
	server.in(get(2)).out(ok(2, body(2, 1)));
	const { exchanges } = decodeRecords(tape.records);
	assert.deepEqual(
		exchanges.map((row) => [row.path, row.status, row.resBody, row.reason]),
		[
			[null, 200, '', 'request not seen'],
			['/exchange/1', 200, body(1, 1), null],
			['/exchange/2', 200, body(2, 1), null],
		],
	);
});

test('losing a whole exchange on a keep-alive connection costs at most the next one', () => {
	const conversation = makeConversation(SCRIPTS[0]!);
	const data = dataRecords(conversation.tape.records);
	const { exchanges } = decodeRecords(conversation.tape.records.filter((_, i) => i !== data[2] && i !== data[3]));
	const complete = exchanges.filter((row) => row.state === 'complete').map((row) => row.path);
	for (const id of [1, 4, 5, 6, 7]) assert.ok(complete.includes(`/exchange/${id}`), `exchange ${id}`);
});

test('a connection opened before the capture begins at the first offset seen', () => {
	const tape = new Tape();
	const server = tape.server(1, { flags: wire.FLAG_MIDSTREAM });
	server.inOffset = 5_000_000_000n;
	server.outOffset = 77n;
	server.in(get(1)).out(ok(1, body(1, 1)));
	tape.pause(100);
	server
		.in(get(2))
		.out(ok(2, body(2, 1)))
		.eof()
		.close();
	for (const recordsPerBatch of BATCHES) {
		const { exchanges, connections } = decodeRecords(tape.records, { recordsPerBatch });
		assert.deepEqual(
			exchanges.map((row) => [row.path, row.state, row.lostBytes]),
			[
				['/exchange/1', 'complete', 0],
				['/exchange/2', 'complete', 0],
			],
		);
		assert.equal(connections[0]!.bytesIn, get(1).length + get(2).length);
	}
});

test('bytes skipped after a loss are counted once, even if their lines come in pieces', () => {
	for (const piece of [1, 7, 300, 4096]) {
		const tape = new Tape();
		const server = tape.server(1, { local: '1.2.3.4:80', remote: '5.6.7.8:90' }).open();
		server.in('GET /1 HTTP/1.1\r\nHost: h\r\n\r\n').out('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
		server.out(`400\r\n${'lost '.repeat(200)}`);
		const lost = tape.records.length - 1;
		// Some of it begins like a head.
		const lines = `${'a line of a body\r\n'.repeat(20)}HTTP/1.1 200 OK\r\nno field line\r\n`;
		const passed = `${lines.repeat(25)}0\r\n\r\n`;
		for (let at = 0; at < passed.length; at += piece) server.out(passed.slice(at, at + piece));
		server.in('GET /2 HTTP/1.1\r\nHost: h\r\n\r\n').out('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok').close();
		const subject = newDecoder();
		feedRecords(
			subject,
			tape.records.filter((_, i) => i !== lost),
		);
		subject.finish();
		const { events, bytes } = subject.loss()[wire.LOSS_DECODE_GAP]!;
		assert.deepEqual([events, bytes], [1, passed.length], `pieces of ${piece}`);
	}
});

test('the shortest request line is found after bytes that are not a request', () => {
	const tape = new Tape();
	const server = tape.server(1).open();
	server.in(get(1)).out(ok(1, body(1, 1)));
	server.in('junk\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n').out(ok(2, body(2, 1)));
	server.eof().close();
	const { exchanges } = decodeRecords(tape.records);
	assert.deepEqual(
		exchanges.map((row) => [row.path, row.status, row.resBody]),
		[
			['/exchange/1', 200, body(1, 1)],
			['/', 200, body(2, 1)],
		],
	);
});

/** Decodes what the tape holds now, and decides everything that waits. */
function decodeSoFar(decoder: ReturnType<typeof newDecoder>, tape: Tape): ReturnType<typeof takeOutput>['exchanges'] {
	const rows = feedRecords(decoder, tape.records.splice(0)).exchanges;
	for (let i = 0; i < 3; i++) decoder.decode(0);
	return [...rows, ...takeOutput(decoder).exchanges];
}

test('a request found after damage has the offset at which it began, however its line came', () => {
	const tape = new Tape();
	const decoder = newDecoder();
	const [local, remote] = ['10.0.0.2:4000', '10.0.0.1:80'];
	const client = tape.client(1, { local, remote }).open();
	const server = tape.server(2, { local: remote, remote: local }).open();
	const head = 'POST /first HTTP/1.1\r\nHost: h\r\nContent-Length: 3000\r\n\r\n';
	const junk = 'j'.repeat(3000);
	// As long as the part of a line that is kept.
	const line = `GET /${'a'.repeat(8192 - 15)} HTTP/1.1\r`;
	const end = '\nHost: h\r\n\r\n';
	client.out(head).out(junk).in(ok(1, 'first')).out(`${line}${end}`).in(ok(2, 'second'));
	server.in(head.slice(0, -4));
	server.inOffset += 1004n;
	server.in(junk.slice(1000, 1500));
	const rows = decodeSoFar(decoder, tape);
	server.out(ok(1, 'first'));
	rows.push(...decodeSoFar(decoder, tape));
	server
		.in(`${junk.slice(1500)}${line}`, { part: 20_000 })
		.in(end)
		.out(ok(2, 'second'));
	rows.push(...decodeSoFar(decoder, tape));
	client.close();
	server.close();
	rows.push(...decodeSoFar(decoder, tape));
	const found = rows.filter(({ path }) => path?.length === 8192 - 14);
	assert.deepEqual(
		found.map(({ side, pairId }) => [side, pairId]),
		[
			['client', 0],
			['server', found[0]!.id],
		],
	);
});

test('a pause between two pieces of a start line found after damage does not prove that nothing was owed', () => {
	const tape = new Tape();
	const server = tape.server(1, { flags: wire.FLAG_MIDSTREAM });
	server.inOffset = 500n;
	server.outOffset = 500n;
	server.in(get(1)).out(ok(0, body(0, 1)));
	server.in('no request line\r\n').in(get(2).slice(0, 8));
	tape.pause(1000);
	server
		.in(get(2).slice(8))
		.out(ok(1, body(1, 1)))
		.out(ok(2, body(2, 1)));
	const { exchanges } = decodeRecords(tape.records, { recordsPerBatch: 1 });
	assert.deepEqual(
		exchanges.map((row) => [row.path, row.resBody]),
		[
			['/exchange/1', null],
			['/exchange/2', null],
			[null, body(0, 1)],
			[null, body(1, 1)],
			[null, body(2, 1)],
		],
	);
});

test('a request that already has its row keeps it if its line turns out not to be HTTP', () => {
	const tape = new Tape();
	const decoder = newDecoder();
	const server = tape.server(1).open();
	server.in(get(1)).out(ok(1, body(1, 1)));
	server.in('GET /begun y').out('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01');
	const rows = decodeSoFar(decoder, tape);
	// Part of the response is missing, and what followed it.
	server.outOffset += 100n;
	server.out('x');
	rows.push(...decodeSoFar(decoder, tape));
	server.in(' z\r\n').in('Host: h\r\n\r\n').close();
	rows.push(...decodeSoFar(decoder, tape));
	assert.deepEqual(
		rows.map((row) => [row.target, row.status, row.reason, row.anomalies]),
		[
			['/exchange/1', 200, null, null],
			['/begun y z', 200, 'malformed', 'early-response,incomplete-head'],
		],
	);
});

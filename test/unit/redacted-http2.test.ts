// Redacted recordings of HTTP/2 and WebSocket: no secret is left in any form, and everything else stays as it was.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { FLAG_MIDSTREAM } from '../../decoder-as/assembly/wire/capture-event.ts';
import { Records } from '../../src/capture/records.ts';
import { fillerOf, huffmanBits, huffmanCode, huffmanText } from '../../src/output/hpack.ts';
import { RecordingRedactor } from '../../src/output/recording-redactor.ts';
import { HpackEncoder, huffman } from '../../support/hpack.ts';
import {
	END_HEADERS,
	END_STREAM,
	frame,
	type HeaderField,
	PADDED,
	PREFACE,
	padded,
	settings,
} from '../../support/http2-frames.ts';
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
import { type Random, seededRandom } from '../../support/random-conversation.ts';
import { buildBatch, type ConnectionTape, Tape } from '../../support/record-builder.ts';
import { type Row, stored } from '../../support/stored-exchanges.ts';

const CANARY = 'c4n4ry-S3cr3t.7x/and+more';

type Redacted = { readonly tape: Tape; readonly bytes: Buffer; readonly blanked: number };

/** The tape after redaction, a few records at a time. */
function redacted(tape: Tape, perBatch = 7): Redacted {
	const redactor = new RecordingRedactor(() => 0);
	const batches: Uint8Array[] = [];
	for (let from = 0; from < tape.records.length; from += perBatch)
		batches.push(...redactor.take(buildBatch(tape.records.slice(from, from + perBatch))));
	batches.push(...redactor.drain());
	assert.equal(redactor.waitingBytes, 0);
	const changed = new Tape();
	for (const batch of batches) {
		const records = new Records(batch);
		while (records.step()) changed.records.push(Uint8Array.from(records.record));
	}
	assert.deepEqual(
		changed.records.map(({ length }) => length),
		tape.records.map(({ length }) => length + (-length & 7)),
	);
	return { tape: changed, bytes: Buffer.concat(batches), blanked: redactor.blankedConnections };
}

/** The same tape again, because decoding takes its records. */
function copyOf(tape: Tape): Tape {
	const copy = new Tape();
	copy.records.push(...tape.records);
	return copy;
}

/** Rows of a table, with every text shown as its length if it holds what was replaced. */
function rowsOf(tape: Tape, table: string): Row[] {
	return stored(copyOf(tape)).rows(table);
}

const hides = (rows: readonly Row[]) =>
	assert.ok(
		!JSON.stringify(rows, (_, value) =>
			value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value,
		).includes(CANARY),
	);

/** Writes a direction in calls that are cut anywhere. */
function cut(bytes: Uint8Array, random: Random): Uint8Array[] {
	const calls: Uint8Array[] = [];
	for (let at = 0; at < bytes.length; ) {
		const size = random.chance(0.3) ? random.between(1, 12) : random.between(1, 400);
		calls.push(bytes.subarray(at, at + size));
		at += size;
	}
	return calls;
}

/** The frames of a header block: padded, with a priority, cut into CONTINUATION frames. */
function blockFrames(stream: number, block: Uint8Array, ends: boolean, random: Random): Uint8Array[] {
	const parts: Uint8Array[] = [];
	const at = random.chance(0.4) ? random.between(0, block.length) : block.length;
	const isCut = at < block.length;
	const flags = (isCut ? 0 : END_HEADERS) | (ends ? END_STREAM : 0);
	const first = block.subarray(0, at);
	const isUrgent = random.chance(0.3);
	if (random.chance(0.3)) parts.push(frame('headers', stream, padded(first, random.between(0, 20)), flags | PADDED));
	else if (isUrgent)
		parts.push(frame('headers', stream, Buffer.concat([Buffer.from([0, 0, 0, 0, 15]), first]), flags | 32));
	else parts.push(frame('headers', stream, first, flags));
	if (!isCut) return parts;
	const rest = block.subarray(at);
	const middle = random.between(0, rest.length);
	return [
		...parts,
		frame('continuation', stream, rest.subarray(0, middle)),
		frame('continuation', stream, rest.subarray(middle), END_HEADERS),
	];
}

/** A conversation of `count` streams whose frames are mixed; `secret` is in every place where secrets are looked for. */
function conversation(random: Random, secret: string, count = 9): Tape {
	const tape = new Tape();
	tape.clock(1_700_000_000_000_000_000n);
	const server = tape.server(1, { local: '127.0.0.1:80', remote: '127.0.0.1:4000' }).open();
	const [asks, answers] = [new HpackEncoder(random), new HpackEncoder(random)];
	const hidden = (...fields: HeaderField[]) => (secret === '' ? [] : fields);
	const inward: Uint8Array[][] = [];
	const outward: Uint8Array[][] = [];
	// Blocks are in the order of their encoding.
	for (let i = 0; i < count; i++) {
		const stream = 2 * i + 1;
		const hasBody = random.chance(0.6);
		const request: HeaderField[] = [
			...([
				[':method', hasBody ? 'POST' : 'GET'],
				[':scheme', 'http'],
				[':authority', 'shop.example'],
			] as const),
			[':path', secret === '' ? `/item/${i}` : `/item/${i}?token=${secret}&page=${random.between(1, 9)}`],
			...hidden(['authorization', `Bearer ${secret}`], ['cookie', `theme=dark; session=${secret}`]),
			['x-note', random.chance(0.5) ? `nothing to hide ${i}` : `once more ${secret}!`],
			...(hasBody ? [['content-type', 'application/json'] as const] : []),
		];
		const body = JSON.stringify({ user: i, password: secret, text: 'x'.repeat(random.between(0, 700)) });
		inward.push(blockFrames(stream, asks.encode(request), !hasBody, random));
		if (hasBody) inward.push(dataFrames(stream, Buffer.from(body), true, random));
		const coded = random.chance(0.3);
		const answer = Buffer.from(JSON.stringify({ id: i, access_token: secret, list: Array(20).fill('same text') }));
		const response: HeaderField[] = [
			...([
				[':status', '200'],
				['content-type', 'application/json'],
			] as const),
			...hidden(['set-cookie', `session=${secret}; Path=/; HttpOnly`]),
			...(coded ? [['content-encoding', 'gzip'] as const] : []),
		];
		const hasTrailers = random.chance(0.3);
		outward.push(blockFrames(stream, answers.encode(response), false, random));
		outward.push(dataFrames(stream, coded ? gzipSync(answer) : answer, !hasTrailers, random));
		if (hasTrailers)
			outward.push(
				blockFrames(stream, answers.encode([['x-check', `sum ${i}`], ...hidden(['x-api-key', secret])]), true, random),
			);
	}
	outward.push([frame('goaway', 0, Buffer.concat([Buffer.alloc(8), Buffer.from(`bye token=${secret}`)]))]);
	const [sent, received] = [mixed(inward), mixed(outward)];
	const calls = [
		...cut(Buffer.concat([Buffer.from(PREFACE), settings({ 4: 100_000 }), ...sent]), random).map(
			(bytes) => ['in', bytes] as const,
		),
		...cut(Buffer.concat([settings(), ...received]), random).map((bytes) => ['out', bytes] as const),
	];
	for (const [direction, bytes] of calls) server[direction](bytes);
	server.close();
	return tape;
}

function dataFrames(stream: number, body: Buffer, ends: boolean, random: Random): Uint8Array[] {
	const middle = random.between(0, body.length);
	const last = body.subarray(middle);
	const flags = ends ? END_STREAM : 0;
	return [
		frame('data', stream, body.subarray(0, middle)),
		random.chance(0.3) ? frame('data', stream, padded(last, 9), flags | PADDED) : frame('data', stream, last, flags),
	];
}

/** Header blocks stay in order and whole; the data of a stream comes between later blocks. */
function mixed(groups: readonly Uint8Array[][]): Uint8Array[] {
	const all: Uint8Array[] = [];
	let late: Uint8Array[] = [];
	for (const [index, group] of groups.entries()) {
		const isData = group[0]![3] === 0;
		if (isData && index % 3 === 0) {
			all.push(group[0]!, ...late);
			late = group.slice(1);
		} else if (isData) all.push(...group);
		else {
			// A block for the stream whose data is late must not come before it.
			if (late.length > 0 && late[0]!.subarray(5, 9).toString() === group[0]!.subarray(5, 9).toString()) {
				all.push(...late);
				late = [];
			}
			all.push(...group);
		}
	}
	return [...all, ...late];
}

test('AT-9: of HTTP/2, no secret is left in any representation, and rows keep everything else', () => {
	for (let seed = 1; seed <= 60; seed++) {
		const tape = conversation(seededRandom(seed), CANARY);
		const { tape: after, bytes, blanked } = redacted(tape, (seed % 9) + 1);
		assert.equal(blanked, 0, `seed ${seed}`);
		assert.ok(!bytes.includes(CANARY) && !bytes.includes(Buffer.from(huffman(CANARY)).subarray(1, -1)), `seed ${seed}`);
		const [before, kept] = [rowsOf(tape, 'exchanges'), rowsOf(after, 'exchanges')];
		hides(kept);
		const facts = (row: Row) => [
			...[row.id, row.state, row.stream_id, row.method, row.status, row.host, row.content_type, row.content_encoding],
			...[row.anomalies, row.req_body_bytes, row.res_body_bytes, row.req_captured_bytes, row.path, row.duration_ms],
		];
		assert.deepEqual(kept.map(facts), before.map(facts), `seed ${seed}`);
		assert.equal(kept.length, 9);
		const [fields, left] = [rowsOf(tape, 'headers'), rowsOf(after, 'headers')];
		hides(left);
		const shapes = (rows: Row[]) =>
			rows.map((row) => [row.exchange_id, row.name, String(row.header_value).length, row.trailer]);
		assert.deepEqual(shapes(left), shapes(fields), `seed ${seed}`);
		// What is no secret is the same.
		const notes = (rows: Row[]) => rows.filter(({ header_value: value }) => /^(nothing|sum)/.test(String(value)));
		assert.deepEqual(notes(left), notes(fields));
		for (const { res_body: body } of kept) assert.match(String(body), /^\{"id":\d,"access_token":"|^\*+$/);
		for (const { req_body: body } of kept.filter(({ method }) => method === 'POST'))
			assert.match(String(body), /^\{"user":\d,"password":"REDACTED[^"]*","text":"x*"\}$/);
		// Equal secrets of a conversation begin alike if their codes have room for it.
		assert.match(String(kept[0]!.query_string), /^token=(?!c4n)[^&]{25}&page=\d$/);
	}
});

test('without secrets, HTTP/2 is recorded byte for byte', () => {
	for (let seed = 1; seed <= 20; seed++) {
		const tape = conversation(seededRandom(seed), '');
		const { tape: after, blanked } = redacted(tape);
		assert.equal(blanked, 0);
		const payloads = (records: readonly Uint8Array[]) =>
			records.map((record) =>
				Buffer.from(record)
					.toString('hex')
					.replace(/(?:00)*$/, ''),
			);
		assert.deepEqual(payloads(after.records), payloads(tape.records), `seed ${seed}`);
	}
});

test('after bytes that are missing or cannot be read, a direction is blanked, and counted', () => {
	const tape = conversation(seededRandom(3), CANARY);
	// A record in the middle is missing.
	const data = tape.records.map((record, index) => ({ record, index })).filter(({ record }) => record.length > 300);
	tape.records.splice(data[Math.floor(data.length / 2)]!.index, 1);
	const { tape: after, bytes, blanked } = redacted(tape);
	assert.equal(blanked, 1);
	assert.ok(!bytes.includes(CANARY));
	hides(rowsOf(after, 'exchanges'));
	hides(rowsOf(after, 'headers'));
	const wrong = new Tape();
	const server = wrong.server(1).open();
	const invalid = frame(
		'headers',
		1,
		Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 0x7f]), Buffer.from(CANARY)]),
		END_HEADERS,
	);
	server.in(Buffer.concat([Buffer.from(PREFACE), settings(), invalid, Buffer.from(`GET /${CANARY}`)])).close();
	const blanks = redacted(wrong);
	assert.deepEqual([blanks.blanked, blanks.bytes.includes(CANARY.slice(0, 8))], [1, false]);
	// A connection that was open before the recording.
	const older = new Tape();
	const middle = older.server(1, { flags: FLAG_MIDSTREAM });
	middle.inOffset = 100n;
	middle.in(frame('headers', 5, Buffer.from(CANARY), END_HEADERS)).close();
	assert.ok(!redacted(older).bytes.includes(CANARY));
});

test('a block that does not come to its end is blanked, and nothing waits for it', () => {
	const tape = new Tape();
	const server = tape.server(1).open();
	const block = new HpackEncoder(seededRandom(1)).encode([['authorization', `Bearer ${CANARY}`]]);
	const half = Buffer.concat([Buffer.from(PREFACE), settings(), frame('headers', 1, block)]);
	server.in(half).in(frame('data', 1, CANARY));
	const { bytes, blanked } = redacted(tape, 1);
	assert.deepEqual([bytes.includes(CANARY), blanked], [false, 1]);
	// Part of a header of a frame, and of a block, when records have waited for too long.
	for (const length of [half.length - 3, half.length - block.length - 4]) {
		let now = 0;
		const redactor = new RecordingRedactor(() => now);
		const slow = new Tape();
		slow.server(1).open().in(half.subarray(0, length));
		const early = redactor.take(slow.batch());
		now = 2001;
		assert.equal(early.length + redactor.tick().length, 1, `${length}`);
		assert.equal(redactor.waitingBytes, 0);
	}
});

const UPGRADE = 'GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
const SWITCHING = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n';
const DEFLATING = `${SWITCHING}Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n`;

function chat(write: (server: ConnectionTape) => void, switching = `${SWITCHING}\r\n`): Tape {
	const tape = new Tape();
	tape.clock(1_700_000_000_000_000_000n);
	const server = tape.server(1).open();
	server.in(UPGRADE).out(switching);
	write(server);
	server.close();
	return tape;
}

const messagesOf = (tape: Tape) => rowsOf(tape, 'messages');

test('AT-9: WebSocket messages are recorded without their secrets: masked, in fragments, with control frames between', () => {
	const json = `{"password":"${CANARY}","text":"kept"}`;
	const random = seededRandom(9);
	const client = Buffer.concat([
		socketFrame(TEXT, json, { mask: 0x1234_5678 }),
		socketFrame(TEXT, json.slice(0, 20), { mask: 77, isLast: false }),
		socketFrame(PING, `token=${CANARY}`, { mask: 78 }),
		socketFrame(CONTINUATION, json.slice(20, 30), { mask: 79, isLast: false }),
		socketFrame(CONTINUATION, json.slice(30), { mask: 80 }),
		socketFrame(BINARY, Buffer.from([0, 1, 0xfe]), { mask: 81 }),
		socketFrame(TEXT, 'x'.repeat(70_000), { mask: 82 }),
		closeFrame(4000, `bye token=${CANARY}`, { mask: 83 }),
	]);
	const server = Buffer.concat([socketFrame(TEXT, `again ${CANARY}`), socketFrame(TEXT, 'nothing')]);
	for (let i = 0; i < 20; i++) {
		const tape = chat((connection) => {
			for (const call of cut(client, random)) connection.in(call);
			for (const call of cut(server, random)) connection.out(call);
		});
		const { tape: after, blanked } = redacted(tape, random.between(1, 30));
		assert.equal(blanked, 0);
		const rows = messagesOf(after);
		hides(rows);
		const replaced = 'REDACTED[^"]*';
		const [first, ping, joined, binary, long, close, again, nothing] = rows;
		assert.equal(rows.length, 8);
		assert.match(String(first!.data), new RegExp(`^\\{"password":"${replaced}","text":"kept"\\}$`));
		assert.match(String(ping!.data), /^token=(?!c4n)/);
		assert.equal(joined!.data, first!.data);
		assert.deepEqual([binary!.data_raw, long!.bytes], [Uint8Array.from([0, 1, 0xfe]), 70_000]);
		assert.deepEqual([close!.close_code, String(close!.data).slice(0, 10)], [4000, 'bye token=']);
		assert.match(String(again!.data), /^again (?!c4n)/);
		assert.equal(nothing!.data, 'nothing');
		const shapes = (all: Row[]) => all.map((row) => [row.ts, row.kind, row.bytes, row.note]);
		assert.deepEqual(shapes(rows), shapes(messagesOf(tape)));
	}
});

test('AT-9: compressed WebSocket messages are compressed again without their secrets, and later ones can refer to them', () => {
	let followed = 0;
	for (let seed = 1; seed <= 25; seed++) {
		const random = seededRandom(seed);
		const texts = Array.from({ length: 12 }, (_, i) => {
			const secret = random.chance(0.5) ? `"password":"${CANARY}",` : '';
			return `{"n":${i},${secret}"text":"${'the same again '.repeat(random.between(1, 6))}"}`;
		});
		const deflater = new MessageDeflater(random.chance(0.8));
		const tape = chat((server) => {
			for (const text of texts) server.out(socketFrame(TEXT, deflater.deflate(text), { isCompressed: true }));
		}, DEFLATING);
		const { tape: after, blanked } = redacted(tape);
		const rows = messagesOf(after);
		hides(rows);
		assert.ok(rows.length > 0);
		// A message whose content cannot be compressed to the same length ends the direction.
		if (blanked === 0) {
			followed++;
			assert.equal(rows.length, texts.length);
			for (const [i, { data, bytes, note }] of rows.entries()) {
				assert.equal(bytes, texts[i]!.length);
				assert.equal(note, null);
				if (!texts[i]!.includes(CANARY)) assert.match(String(data), /^\{"n":\d+,"text":"(?:the same again )+"\}$/);
				else assert.match(String(data), /^\{"n":\d+,"password":"REDACTED[^"]*","text":"(?:the same again )+"\}$|^\*+$/);
			}
		}
	}
	assert.ok(followed >= 20, `${followed}`);
});

test('messages of gRPC are recorded without secrets in their texts; compressed ones are blanked', () => {
	const random = seededRandom(6);
	const type: HeaderField = ['content-type', 'application/grpc+proto'];
	const texts = [`\x0a\x24token=${CANARY}`, 'plain', `\x0a\x24Bearer ${CANARY}`];
	const messages = Buffer.concat([
		...texts.map((text) => grpcMessage(text)),
		grpcMessage(gzipSync(CANARY), 1),
		grpcMessage('last'),
	]);
	for (let i = 0; i < 30; i++) {
		const [asks, answers] = [new HpackEncoder(random), new HpackEncoder(random)];
		const tape = new Tape();
		tape.clock(1_700_000_000_000_000_000n);
		const server = tape.server(1).open();
		const request: HeaderField[] = [[':method', 'POST'], [':path', '/chat.Chat/Talk'], type];
		server.in(
			Buffer.concat([Buffer.from(PREFACE), settings(), frame('headers', 1, asks.encode(request), END_HEADERS)]),
		);
		for (const part of cut(messages, random)) server.in(frame('data', 1, part));
		server.in(frame('data', 1, '', END_STREAM)).out(settings());
		server.out(frame('headers', 1, answers.encode([[':status', '200'], type]), END_HEADERS | END_STREAM)).close();
		const { tape: after, bytes, blanked } = redacted(tape, random.between(1, 9));
		assert.deepEqual([bytes.includes(CANARY), blanked], [false, 0]);
		const rows = messagesOf(after);
		hides(rows);
		assert.deepEqual(
			rows.map((row) => row.bytes),
			messagesOf(tape).map((row, at) => (at === 3 ? gzipSync(CANARY).length : row.bytes)),
		);
		assert.deepEqual([String(rows[0]!.data).slice(0, 8), rows[1]!.data, rows[4]!.data], ['\n$token=', 'plain', 'last']);
		assert.equal(rows[3]!.note, 'not decompressed (unknown encoding)');
	}
});

test('a WebSocket inside a stream of HTTP/2 is redacted, too; other tunnels are blanked', () => {
	const random = seededRandom(4);
	const [asks, answers] = [new HpackEncoder(random), new HpackEncoder(random)];
	const tape = new Tape();
	tape.clock(1_700_000_000_000_000_000n);
	const server = tape.server(1).open();
	const connect = (path: string, protocol?: string): HeaderField[] => [
		...([
			[':method', 'CONNECT'],
			[':authority', 'a'],
		] as const),
		...(protocol === undefined
			? []
			: ([
					[':protocol', protocol],
					[':scheme', 'http'],
					[':path', path],
				] as const)),
	];
	const ok: HeaderField[] = [[':status', '200']];
	server.in(Buffer.concat([Buffer.from(PREFACE), settings()])).out(settings({ 8: 1 }));
	server.in(frame('headers', 1, asks.encode(connect('/chat', 'websocket')), END_HEADERS));
	server.in(frame('headers', 3, asks.encode(connect('')), END_HEADERS));
	server
		.out(frame('headers', 1, answers.encode(ok), END_HEADERS))
		.out(frame('headers', 3, answers.encode(ok), END_HEADERS));
	server.in(frame('data', 1, socketFrame(TEXT, `{"password":"${CANARY}"}`, { mask: 5 })));
	server.in(frame('data', 3, `any protocol ${CANARY}`)).out(frame('data', 1, socketFrame(TEXT, 'plain')));
	server.close();
	const { tape: after, bytes, blanked } = redacted(tape);
	assert.deepEqual([bytes.includes(CANARY), blanked], [false, 0]);
	const rows = messagesOf(after);
	hides(rows);
	assert.match(String(rows[0]!.data), /^\{"password":"REDACTED[^"]*"\}$/);
	assert.equal(rows[1]!.data, 'plain');
});

test('Huffman code can be filled to any length', () => {
	for (let count = 0; count < 40; count++)
		for (let bytes = Math.ceil((5 * count) / 8); bytes <= Math.floor((19 * count) / 8); bytes++) {
			const text = fillerOf(count, 8 * bytes - 7, 8 * bytes);
			assert.deepEqual([text?.length, huffmanCode(text ?? '').length], [count, bytes]);
		}
	assert.equal(fillerOf(3, 0, 14), undefined);
	assert.equal(fillerOf(3, 58, 80), undefined);
	const all = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join('');
	assert.deepEqual(huffmanCode(all), Uint8Array.from(huffman(all)));
	assert.equal(huffmanText(huffmanCode(all)), all);
	assert.equal(huffmanBits('0'), 5);
	// Padding of eight bits, of zeros, and the code of the end.
	for (const bytes of [
		[0x07, 0xff],
		[0x00, 0x00],
		[0xff, 0xff, 0xff, 0xfc],
	])
		assert.equal(huffmanText(Uint8Array.from(bytes)), undefined);
});

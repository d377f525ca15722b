// HTTP/2 in the decoder beside its reference: random conversations, whole and with losses; header compression in every form.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FLAG_MIDSTREAM } from '../../decoder-as/assembly/wire/capture-event.ts';
import { decodeRecords, type ExchangeRow } from '../../support/decoded-rows.ts';
import { HpackEncoder, huffman } from '../../support/hpack.ts';
import {
	END_HEADERS,
	END_STREAM,
	frame,
	type HeaderField,
	headers,
	indexedField,
	integer,
	literalBlock,
	PADDED,
	PREFACE,
	plainString,
	requestBlock,
	settings,
	TYPES,
	tableField,
} from '../../support/http2-frames.ts';
import { http2Difference, http2Mixture } from '../../support/http2-judge.ts';
import { type Random, seededRandom } from '../../support/random-conversation.ts';
import { type Http2Conversation, randomHttp2 } from '../../support/random-http2.ts';
import { type ConnectionTape, Tape } from '../../support/record-builder.ts';
import { http2Rows } from '../../support/reference-http2.ts';

function recordsOf({ side, captured }: Http2Conversation, flags: number): Uint8Array[] {
	const tape = new Tape();
	const connection = tape[side](1, { flags });
	if (flags === 0) connection.open();
	for (const { direction, bytes, unseen } of captured) {
		if (unseen === true) connection.sendfile(bytes.length);
		else if ((direction === 'in') === (side === 'server')) connection.in(bytes);
		else connection.out(bytes);
	}
	connection.close();
	return tape.records;
}

test('random conversations have the rows of the reference', () => {
	for (let seed = 1; seed <= 150; seed++) {
		const conversation = randomHttp2(seededRandom(seed));
		const { exchanges } = decodeRecords(recordsOf(conversation, 0), { settings: { bodyLimit: -1 } });
		assert.equal(http2Difference(exchanges, http2Rows(conversation.calls)), undefined, `seed ${seed}`);
	}
});

test('with losses and late starts, nothing is wrong in them', () => {
	for (let seed = 1; seed <= 150; seed++) {
		const random: Random = seededRandom(seed);
		const conversation = randomHttp2(random);
		const late = random.chance(0.4);
		const records = recordsOf(conversation, late ? FLAG_MIDSTREAM : 0);
		const first = late ? random.between(0, records.length - 1) : 0;
		const kept = records.filter((_, i) => i >= first && !random.chance(0.1));
		const { exchanges } = decodeRecords(kept, { settings: { bodyLimit: -1 } });
		assert.equal(http2Mixture(exchanges, http2Rows(conversation.calls, false)), undefined, `seed ${seed}`);
	}
});

test('on a connection older than the capture, only what can be the header of a frame is taken for one', () => {
	const isTaken = (type: number, flags: number, stream: number, length: number, reserved = 0) => {
		const tape = new Tape();
		const header = Buffer.alloc(9);
		header.writeUIntBE(length, 0, 3);
		header.set([type, flags], 3);
		header.writeUInt32BE((stream | (reserved << 31)) >>> 0, 5);
		const server = tape.server(1, { flags: FLAG_MIDSTREAM }).in(frame('ping', 0, Buffer.alloc(8)));
		server.in(Buffer.concat([header, Buffer.alloc(length)]), { part: 70_000 }).close();
		return decodeRecords(tape.records).connections[0]?.protocol === 'http2';
	};
	const frames: readonly (readonly [
		taken: boolean,
		type: keyof typeof TYPES,
		flags: number,
		stream: number,
		length: number,
	])[] = [
		...([
			[true, 'data', 0, 1, 0],
			[true, 'data', END_STREAM, 1, 16_384],
			[false, 'data', 0, 1, 16_385],
		] as const),
		...([
			[false, 'data', 0, 0, 9],
			[false, 'data', 2, 1, 9],
			[true, 'data', PADDED, 1, 1],
			[false, 'data', PADDED, 1, 0],
		] as const),
		...([
			[true, 'headers', 0x2d, 1, 9],
			[false, 'headers', 4, 0, 9],
			[false, 'headers', 4, 1, 0],
			[false, 'headers', 2, 1, 9],
			// Its header block does not end with the call.
			[false, 'headers', 1, 1, 9],
		] as const),
		...([
			[true, 'priority', 0, 1, 5],
			[false, 'priority', 0, 1, 4],
			[false, 'priority', 0, 0, 5],
			[false, 'priority', 1, 1, 5],
		] as const),
		...([
			[true, 'rstStream', 0, 1, 4],
			[false, 'rstStream', 0, 1, 5],
			[false, 'rstStream', 0, 0, 4],
		] as const),
		...([
			[true, 'settings', 0, 0, 12],
			[false, 'settings', 0, 0, 13],
			[false, 'settings', 0, 1, 12],
			[true, 'settings', 1, 0, 0],
		] as const),
		...([
			[false, 'settings', 1, 0, 6],
			[false, 'settings', 2, 0, 6],
			[true, 'settings', 0, 0, 0],
		] as const),
		...([
			[true, 'pushPromise', 12, 1, 4],
			[false, 'pushPromise', 4, 1, 3],
			[false, 'pushPromise', 4, 0, 9],
			[false, 'pushPromise', 1, 1, 9],
		] as const),
		...([
			[true, 'ping', 1, 0, 8],
			[false, 'ping', 0, 0, 7],
			[false, 'ping', 0, 1, 8],
			[false, 'ping', 2, 0, 8],
		] as const),
		...([
			[true, 'goaway', 0, 0, 8],
			[false, 'goaway', 0, 0, 7],
			[false, 'goaway', 0, 1, 8],
			[false, 'goaway', 1, 0, 8],
		] as const),
		...([
			[true, 'windowUpdate', 0, 0, 4],
			[true, 'windowUpdate', 0, 1, 4],
			[false, 'windowUpdate', 0, 1, 5],
		] as const),
		...([
			[true, 'continuation', 4, 1, 0],
			[false, 'continuation', 4, 0, 5],
			[false, 'continuation', 1, 1, 5],
		] as const),
	];
	for (const [taken, type, flags, stream, length] of frames)
		assert.equal(isTaken(TYPES[type], flags, stream, length), taken, `${type} ${flags} ${stream} ${length}`);
	assert.equal(isTaken(10, 0, 1, 5), false);
	assert.equal(isTaken(TYPES.data, 0, 1, 5, 1), false);
});

// ---- Header compression ---------------------------------------------------------------------------------------------

/** The rows of requests whose blocks follow the ordinary fields; `cut`: bytes of each frame. */
function askedWith(blocks: readonly Uint8Array[], cut = Number.POSITIVE_INFINITY): ExchangeRow[] {
	const tape = new Tape();
	const server: ConnectionTape = tape.server(1).open().in(PREFACE).in(settings()).out(settings());
	for (const [i, more] of blocks.entries()) {
		const block = Buffer.concat([requestBlock(`/${i}`), more]);
		if (block.length <= cut) server.in(headers(i * 2 + 1, block, true));
		else {
			for (let at = 0; at < block.length; at += cut) {
				const part = block.subarray(at, at + cut);
				const ends = at + cut >= block.length ? END_HEADERS : 0;
				if (at === 0) server.in(frame('headers', i * 2 + 1, part, END_STREAM | ends));
				else server.in(frame('continuation', i * 2 + 1, part, ends));
			}
		}
	}
	server.close();
	return decodeRecords(tape.records).exchanges;
}

const fieldsOf = (row: ExchangeRow | undefined) => row?.reqHeaders.map(({ name, value }) => `${name}: ${value}`);
const coded = (text: string) => {
	const bytes = huffman(text);
	return Buffer.concat([integer(bytes.length, 7, 0x80), bytes]);
};
const literal = (name: Uint8Array, value: Uint8Array, first = 0) => Buffer.concat([Uint8Array.of(first), name, value]);

test('every byte has its Huffman code, at every place of a string and cut anywhere', () => {
	const texts = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte));
	// No control bytes, which would be an oddity, and no space at an end, which is not part of a value.
	const shown = texts.filter((text) => text > ' ' && text !== '\x7f').join('');
	const values = [shown, [...shown].toReversed().join(''), 'a', 'aa', 'z&', '\xff', '0'.repeat(999), shown.repeat(3)];
	for (let length = 1; length < 40; length++) values.push(shown.slice(90, 90 + length), shown.slice(20, 20 + length));
	for (const cut of [Number.POSITIVE_INFINITY, 7, 1]) {
		const rows = askedWith(
			values.map((value) => literal(coded('x-value'), coded(value))),
			cut,
		);
		assert.equal(rows.length, values.length);
		for (const [i, value] of values.entries()) assert.deepEqual(fieldsOf(rows[i]), [`x-value: ${value}`], `${cut}`);
	}
	// Control bytes are read, too.
	const [row] = askedWith([literal(plainString('x-value'), coded(texts.join('')))]);
	assert.deepEqual([fieldsOf(row), row!.anomalies], [[`x-value: ${texts.join('')}`], 'invalid-header-value']);
});

test('a block that cannot be read is an oddity, and what follows is unknown', () => {
	const bad: readonly (readonly [string, Uint8Array])[] = [
		['index 0', Uint8Array.of(0x80)],
		['an index that is not used', tableField(62)],
		['a name that is not used', Buffer.concat([integer(70, 6, 0x40), plainString('v')])],
		['a number without end', Uint8Array.of(0xff, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1)],
		['a number that is too large', Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0x7f)],
		['a string that is too long', Buffer.concat([Uint8Array.of(0), integer(300_000, 7, 0)])],
		['a string that is cut', Uint8Array.of(0, 5, 97)],
		['EOS', literal(plainString('x'), Buffer.concat([integer(4, 7, 0x80), Uint8Array.of(255, 255, 255, 255)]))],
		[
			'EOS after a letter',
			literal(plainString('x'), Buffer.concat([integer(5, 7, 0x80), Uint8Array.of(7, 255, 255, 255, 255)])),
		],
		['padding of a byte', literal(plainString('x'), Buffer.concat([integer(2, 7, 0x80), Uint8Array.of(0x1f, 255)]))],
		['padding of zeros', literal(plainString('x'), Buffer.concat([integer(1, 7, 0x80), Uint8Array.of(0x18)]))],
	];
	for (const [what, block] of bad) {
		const [row, next] = askedWith([block, Buffer.concat([literalBlock([['x-a', '1']]), tableField(62)])]);
		assert.deepEqual([row!.target, row!.anomalies], ['/0', 'hpack-unknown,invalid-header-block'], what);
		assert.deepEqual([next!.target, next!.anomalies, fieldsOf(next)], ['/1', 'hpack-unknown', ['x-a: 1']], what);
	}
});

test('entries share names, are evicted by size, and outlive a larger place', () => {
	const name = 'x-shared';
	const again = (value: string, index: number) => Buffer.concat([integer(index, 6, 0x40), plainString(value)]);
	// The first entry is evicted while its name is used for the next one.
	const long = 'v'.repeat(3000);
	const rows = askedWith([
		indexedField([name, long]),
		again('second', 62),
		again(long, 62),
		Buffer.concat([tableField(62), again('third', 62)]),
		Buffer.concat([tableField(62), tableField(63)]),
		// Larger than the table: it is empty then.
		again('w'.repeat(5000), 62),
		Buffer.concat([indexedField(['x-new', '1']), tableField(62)]),
		tableField(63),
	]);
	const value = (text: string) => `${name}: ${text}`;
	assert.deepEqual(rows.slice(0, 7).map(fieldsOf), [
		[value(long)],
		[value('second')],
		[value(long)],
		[value(long), value('third')],
		[value('third'), value(long)],
		[value('w'.repeat(5000))],
		['x-new: 1', 'x-new: 1'],
	]);
	assert.deepEqual(rows.map((row) => row.anomalies).at(-1), 'hpack-unknown,invalid-header-block');
	// More entries than there were places for at first, read from the oldest to the newest and again after some are gone.
	const many = Array.from({ length: 70 }, (_, i): HeaderField => ['x-many', String(i)]);
	const all = Buffer.concat(many.map((_, i) => tableField(62 + 69 - i)));
	const [, listed, smaller, rest] = askedWith([
		Buffer.concat(many.map(indexedField)),
		all,
		Buffer.concat([integer(10 * 40, 5, 0x20), tableField(62)]),
		tableField(71),
	]);
	assert.deepEqual(
		fieldsOf(listed),
		many.map(([key, text]) => `${key}: ${text}`),
	);
	assert.equal(smaller!.anomalies, null);
	assert.deepEqual(fieldsOf(rest), ['x-many: 60']);
});

test('an encoder that chooses at random is understood, whatever size its table has', () => {
	for (const size of [0, 40, 100, 1000, 4096, 16_384, 65_536]) {
		const random = seededRandom(size + 1);
		const encoder = new HpackEncoder(random, size);
		const wanted: string[][] = [];
		const blocks = Array.from({ length: 120 }, (_, i) => {
			const list = Array.from(
				{ length: random.between(1, 5) },
				(): HeaderField => [`x-${random.between(0, 9)}`, `${random.between(0, i)}`.repeat(random.between(1, 60))],
			);
			wanted.push(list.map(([key, text]) => `${key}: ${text}`));
			return encoder.encode(list);
		});
		const tape = new Tape();
		const server = tape
			.server(1)
			.open()
			.in(PREFACE)
			.in(settings())
			.out(settings({ 1: size }));
		// Blocks of their own: changes of the table's size come first.
		for (const [i, block] of blocks.entries())
			server.in(headers(i * 2 + 1, Buffer.concat([block, requestBlock('/')]), true));
		server.close();
		const rows = decodeRecords(tape.records).exchanges;
		assert.deepEqual(rows.map(fieldsOf), wanted, String(size));
	}
});

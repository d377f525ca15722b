// The parts of the store that need no exchanges: bytes, codes, numbers of rows, instants, totals.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SIDE_CLIENT } from '../../decoder-as/assembly/wire/output-layout.ts';
import { addressAuthority, addressIp, addressPort } from '../../src/store/address-parts.ts';
import { copyRange, hashRange, sameRange } from '../../src/store/byte-ranges.ts';
import { ConnectionLog } from '../../src/store/connection-log.ts';
import {
	LOSS_REASONS,
	type LossTotal,
	lossTable,
	lostBytes,
	lostEvents,
	lostReasons,
} from '../../src/store/loss-table.ts';
import { NameBook } from '../../src/store/remote-names.ts';
import { IdRows, RowLocator } from '../../src/store/row-locator.ts';
import { createSegment, type Segment } from '../../src/store/segment.ts';
import { SegmentDictionary } from '../../src/store/segment-dictionary.ts';
import { TextCodes } from '../../src/store/text-codes.ts';
import { formatTimestamp } from '../../src/store/timestamp.ts';
import { otherBytes, wireText } from '../../src/store/wire-text.ts';

function memory(bytes: Buffer) {
	return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
}

const pattern = (length: number) => Buffer.from(Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 255));

test('ranges of any length are copied, compared and hashed byte for byte', () => {
	const from = memory(pattern(40_000));
	for (const length of [0, 1, 2, 3, 4, 5, 7, 8, 11, 255, 256, 257, 1000, 16_383, 16_384, 16_385, 30_000]) {
		for (const [start, at] of [
			[0, 0],
			[3, 6],
			[5, 1],
		] as const) {
			const to = memory(Buffer.alloc(40_000, 0xee));
			copyRange(from, start, to, at, length);
			assert.ok(to.bytes.subarray(at, at + length).equals(from.bytes.subarray(start, start + length)));
			assert.ok(
				to.bytes.subarray(0, at).every((byte) => byte === 0xee),
				`${length} before`,
			);
			assert.ok(
				to.bytes.subarray(at + length).every((byte) => byte === 0xee),
				`${length} after`,
			);
			assert.equal(sameRange(from.view, start, to.view, at, length), true);
			const hash = hashRange(from.view, start, length, 17);
			assert.equal(hashRange(to.view, at, length, 17), hash);
			if (length === 0) continue;
			for (const place of new Set([0, length >> 1, length - 1])) {
				to.bytes[at + place]! ^= 1;
				assert.equal(sameRange(from.view, start, to.view, at, length), false, `${length} at ${place}`);
				assert.notEqual(hashRange(to.view, at, length, 17), hash, `${length} at ${place}`);
				to.bytes[at + place]! ^= 1;
			}
			assert.notEqual(hashRange(from.view, start, length, 18), hash);
			assert.notEqual(hashRange(from.view, start, length - 1, 17), hash);
		}
	}
});

test('hashes of short texts spread over all slots', () => {
	const texts = Array.from({ length: 1000 }, (_, i) => memory(Buffer.from(`/item/${i}`)));
	const slots = new Set(texts.map(({ bytes, view }) => hashRange(view, 0, bytes.length, 1) & 1023));
	// Of 1,000 random numbers below 1,024, about 640 are different.
	assert.ok(slots.size > 560, String(slots.size));
});

const segmentOf = (ids: readonly number[]) => ({ f64: { id: Float64Array.from(ids) } }) as unknown as Segment;

test('rows are numbered from one part to the next', () => {
	const segments = [segmentOf([10, 11, 12, 13]), segmentOf([]), segmentOf([20, 21]), segmentOf([30, 31, 32])];
	const locator = new RowLocator([
		{ segment: segments[0]!, first: 2, rows: 4 },
		{ segment: segments[1]!, first: 0, rows: 0 },
		{ segment: segments[2]!, first: 2, rows: 2 },
		{ segment: segments[3]!, first: 0, rows: 2 },
	]);
	const idOf = (rows: RowLocator, row: number) => {
		const inner = rows.seek(row);
		return rows.segment.f64.id[inner];
	};
	assert.deepEqual([locator.rowCount, locator.parts.length], [4, 2]);
	for (const order of [
		[0, 1, 2, 3],
		[3, 2, 1, 0],
		[2, 0, 3, 1],
	]) {
		const fresh = locator.clone();
		for (const row of order) assert.equal(idOf(fresh, row), [12, 13, 30, 31][row]);
	}
	assert.equal(idOf(locator, 1), 13);
	assert.deepEqual([locator.start, locator.end, locator.shift], [0, 2, 2]);
	assert.equal(idOf(locator, 3), 31);
	assert.deepEqual([locator.start, locator.end, locator.shift], [2, 4, -2]);
	const many = new RowLocator(
		Array.from({ length: 100 }, (_, i) => ({ segment: segmentOf([2 * i, 2 * i + 1]), first: 0, rows: 2 })),
	);
	for (let i = 0; i < 200; i++) assert.equal(idOf(many, (i * 77) % 200), (i * 77) % 200);
});

test('rows are found by id, in any order and however far apart the ids are', () => {
	const lists: readonly (readonly number[])[] = [
		[],
		[5],
		Array.from({ length: 500 }, (_, i) => i + 1),
		// As exchanges end.
		Array.from({ length: 500 }, (_, i) => (i ^ 21) + 7),
		Array.from({ length: 500 }, (_, i) => 500 - i),
		Array.from({ length: 500 }, (_, i) => 3 * i + 100),
		Array.from({ length: 500 }, (_, i) => 1000 * i + 17),
		[1, 2, 3, 5000],
		[1, 2, 3, 1030],
		[1, 2, 3, 1050],
	];
	for (const ids of lists) {
		const half = ids.length >> 1;
		const parts = [
			// The first row of this segment is evicted.
			{ segment: segmentOf([999_999, ...ids.slice(0, half)]), first: 1, rows: half + 1 },
			{ segment: segmentOf([...ids.slice(half), 888_888]), first: 0, rows: ids.length - half },
		];
		for (const step of [1, 7, -1]) {
			const rows = new IdRows(new RowLocator(parts));
			for (let i = 0; i < ids.length; i++) {
				const row = (((i * step) % ids.length) + ids.length) % ids.length;
				assert.equal(rows.rowOf(ids[row]!), row, `${ids.length} ids, step ${step}, row ${row}`);
			}
			if (ids.length > 0) assert.deepEqual(rows.rowsOf(ids[0]!), [0]);
			for (const absent of [-1, 0, 4, 999_999, 888_888, 0.5]) {
				if (ids.includes(absent)) continue;
				assert.equal(rows.rowOf(absent), -1, String(absent));
				assert.deepEqual(rows.rowsOf(absent), []);
				assert.equal(new IdRows(new RowLocator(parts)).rowOf(absent), -1, String(absent));
			}
		}
		// One search at a time, each by another reader.
		for (const [row, id] of ids.entries())
			if (row % 23 === 0) assert.equal(new IdRows(new RowLocator(parts)).rowOf(id), row);
	}
});

test('codes are equal exactly if the texts are, whatever the bytes', () => {
	for (const foldCase of [false, true]) {
		const codes = new TextCodes(foldCase);
		const byText = new Map<string, number>();
		const check = (bytes: Buffer, start: number, end: number) => {
			const plain = wireText(bytes, start, end);
			const text = foldCase ? plain.toLowerCase() : plain;
			const code = codes.of(bytes, start, end);
			assert.equal(code, byText.get(text) ?? byText.size, text);
			byText.set(text, code);
			assert.equal(codes.text(code), text);
		};
		const all = Buffer.from(Array.from({ length: 3000 }, (_, i) => `Text ${i % 1700} `).join(''));
		let start = 0;
		for (let end = 0; end < all.length; end++) {
			if (all[end] !== 0x20 || (end - start) % 2 === 0) continue;
			check(all, start, end);
			start = end + 1;
		}
		for (const text of ['Grüße', 'grüße', 'GRÜSSE', '', 'a', 'A', 'ab', 'ba']) {
			const utf8 = Buffer.from(text);
			check(utf8, 0, utf8.length);
			// The same text from other bytes, if it contains an umlaut.
			const latin1 = Buffer.from(`..${text}`, 'latin1');
			check(latin1, 2, latin1.length);
			check(utf8, 0, utf8.length);
		}
	}
});

test('a dictionary keeps each text, and each pair of parts, once', () => {
	const arena = memory(Buffer.alloc(1 << 20));
	const arrays = (entries: number) => ({ offset: new Uint32Array(entries), length: new Uint32Array(entries) });
	const pairs = { ...arrays(3000), firstLength: new Uint32Array(3000) };
	const dictionary = new SegmentDictionary(arena, pairs);
	dictionary.arenaEnd = 1000;
	const source = memory(Buffer.from(Array.from({ length: 2000 }, (_, i) => `name${i % 1500}:value${i};`).join('')));
	const text = source.bytes.toString();
	const codes = new Map<string, number>();
	for (let round = 0; round < 2; round++) {
		let at = 0;
		for (const line of text.split(';').slice(0, -1)) {
			const name = line.indexOf(':');
			const code = dictionary.internPair(source, at, name, at + name + 1, line.length - name - 1);
			assert.equal(code, codes.get(line) ?? codes.size + 1, line);
			codes.set(line, code);
			const stored = arena.bytes.toString(
				'latin1',
				pairs.offset[code - 1]!,
				pairs.offset[code - 1]! + pairs.length[code - 1]!,
			);
			assert.equal(stored, line.replace(':', ''));
			assert.equal(pairs.firstLength[code - 1], name);
			assert.equal(dictionary.is(code, memory(Buffer.from(stored)), 0, stored.length), true);
			assert.equal(dictionary.is(code, memory(Buffer.from(`${stored}!`)), 0, stored.length + 1), false);
			at += line.length + 1;
		}
	}
	assert.equal(dictionary.count, 2000);
	assert.equal(dictionary.arenaEnd, 1000 + text.length - 2 * 2000);
	// Divided elsewhere, the same bytes are another pair.
	const ab = memory(Buffer.from('abab'));
	const first = dictionary.internPair(ab, 0, 1, 1, 1);
	assert.notEqual(dictionary.internPair(ab, 0, 2, 2, 0), first);
	assert.equal(dictionary.internPair(ab, 2, 1, 3, 1), first);
	assert.equal(dictionary.intern(ab, 0, 2), dictionary.intern(ab, 2, 2));

	const small = new SegmentDictionary(memory(Buffer.alloc(100)), arrays(2));
	assert.deepEqual([small.hasRoom(2), small.hasRoom(3)], [true, false]);
	assert.deepEqual(
		[small.intern(ab, 0, 1), small.intern(ab, 1, 1), small.intern(ab, 0, 2), small.intern(ab, 0, 1)],
		[1, 2, 0, 1],
	);
	assert.deepEqual([small.hasRoom(0), small.hasRoom(1), small.arenaEnd], [true, false, 2]);
});

test('the log of connections keeps whole chunks of entries', () => {
	const chunk = 256 << 10;
	const entry = (number: number, bytes: number) => new Uint8Array(bytes).fill(number);
	const log = new ConnectionLog(2 * chunk);
	const held = () => [...log.pieces()].map((piece) => [piece[0], piece.length]);
	assert.deepEqual([held(), log.memoryBytes], [[], 0]);
	log.append(entry(1, chunk / 2));
	assert.equal(log.memoryBytes, chunk);
	log.append(entry(1, chunk / 2));
	assert.deepEqual(held(), [[1, chunk]]);
	log.append(entry(2, 8));
	log.append(entry(2, chunk));
	assert.deepEqual(held(), [
		[2, 8],
		[2, chunk],
	]);
	assert.equal(log.evicted, 2);
	// An entry that is larger than a chunk.
	log.append(entry(3, 2 * chunk));
	assert.deepEqual(
		[held(), log.evicted],
		[
			[
				[2, chunk],
				[3, 2 * chunk],
			],
			3,
		],
	);
	assert.equal(log.memoryBytes, 3 * chunk);
	log.clear();
	assert.deepEqual([held(), log.evicted], [[], 3]);
	// At least two chunks.
	const least = new ConnectionLog(0);
	for (let i = 1; i <= 4; i++) least.append(entry(i, chunk));
	assert.deepEqual([[...least.pieces()].map((piece) => piece[0]), least.evicted], [[3, 4], 2]);
	const more = new ConnectionLog(5 * chunk - 1);
	for (let i = 1; i <= 7; i++) more.append(entry(i, chunk));
	assert.deepEqual([[...more.pieces()].map((piece) => piece[0]), more.evicted], [[4, 5, 6, 7], 3]);
});

test('names of addresses, and tunnels, are remembered up to a limit', () => {
	const ROWS = 20_000;
	const segment = createSegment(1, ROWS, 1 << 20);
	let end = 0;
	const texts = [segment.dictionaryOffset, segment.dictionaryLength] as const;
	let codes = 0;
	const code = (text: string) => {
		const length = segment.arena.write(text, end);
		texts[0][codes] = end;
		texts[1][codes++] = length;
		end += length;
		return codes;
	};
	const [get, connect, host] = [code('GET'), code('CONNECT'), code('api.example')];
	const addressOf = (row: number) => `10.0.${row >> 8}.${row & 255}:80`;
	segment.u8.side.fill(SIDE_CLIENT);
	segment.text.host.fill(host);
	for (let row = 0; row < ROWS; row++) {
		segment.text.remote[row] = code(addressOf(row));
		segment.f64.conn[row] = row;
	}
	const target = segment.arena.write('/', end);
	segment.u32.target_offset.fill(end);
	segment.u32.target_length.fill(target);
	const book = new NameBook();
	const learn = (method: number, first: number, rows: number) => {
		segment.text.method.fill(method);
		// As another segment, because rows of this one are not read again.
		return book.learn([{ segment: { ...segment }, first, rows }]);
	};
	// 16,384 names: of the address with its port, and of the ip.
	learn(get, 0, 5000);
	const { nameOf } = learn(get, 5000, ROWS);
	assert.deepEqual(
		[0, 4999, 8191].map((row) => nameOf(addressOf(row))),
		new Array(3).fill('api.example'),
	);
	assert.deepEqual(
		[8192, ROWS - 1].map((row) => nameOf(addressOf(row))),
		[null, null],
	);

	// 65,536 tunnels: of more, the oldest are forgotten.
	const tunnels = (from: number, count: number) => {
		for (let row = 0; row < count; row++) segment.f64.conn[row] = from + row;
		return learn(connect, 0, count);
	};
	for (let from = 0; from < 60_000; from += ROWS) tunnels(from, ROWS);
	const full = tunnels(60_000, 5536);
	assert.deepEqual([0, 1, 65_535, 65_536].map(full.isTunnel), [true, true, true, false]);
	const more = tunnels(65_536, 2);
	assert.deepEqual([0, 1, 2, 65_536, 65_537].map(more.isTunnel), [false, false, true, true, true]);
});

test('instants have six digits after the point', () => {
	assert.equal(formatTimestamp(0), '1970-01-01T00:00:00.000000Z');
	assert.equal(formatTimestamp(1), '1970-01-01T00:00:00.000001Z');
	assert.equal(formatTimestamp(-1), '1969-12-31T23:59:59.999999Z');
	assert.equal(formatTimestamp(1_763_815_161_123_456), '2025-11-22T12:39:21.123456Z');
	assert.equal(formatTimestamp(1_763_815_161_123_099.5), '2025-11-22T12:39:21.123099Z');
	assert.equal(formatTimestamp(Number.NaN), null);
	assert.equal(formatTimestamp(1e300), null);
});

test('bytes of heads are UTF-8 if they can be, else each is a character; others are kept', () => {
	const bytes = Buffer.concat([Buffer.from('xGrüße'), Buffer.from('\xffx', 'latin1')]);
	assert.equal(wireText(bytes, 1, 8), 'Grüße');
	assert.equal(wireText(bytes, 1, 9), 'GrÃ¼Ã\x9feÿ');
	assert.equal(wireText(bytes, 0, 2), 'xG');
	assert.equal(wireText(bytes, 3, 3), '');
	assert.equal(otherBytes(bytes, 1, 8, 'Grüße'), undefined);
	assert.deepEqual(otherBytes(bytes, 8, 10, 'ÿx'), Uint8Array.of(0xff, 0x78));
	assert.equal(wireText(Buffer.from('\ufeffa'), 0, 4), '\ufeffa');
});

test('addresses have an ip, a port and an authority', () => {
	const parts = (address: string) => [addressIp(address), addressPort(address), addressAuthority(address)];
	assert.deepEqual(parts('10.0.0.1:8080'), ['10.0.0.1', 8080, '10.0.0.1:8080']);
	assert.deepEqual(parts('10.0.0.1:80'), ['10.0.0.1', 80, '10.0.0.1']);
	assert.deepEqual(parts('[::1]:80'), ['::1', 80, '[::1]']);
	assert.deepEqual(parts('[fe80::1%eth0]:8080'), ['fe80::1%eth0', 8080, '[fe80::1%25eth0]:8080']);
	assert.deepEqual(parts('unix:/run/x:80'), [null, null, 'localhost']);
	assert.deepEqual(parts('unix:'), [null, null, 'localhost']);
	for (const none of ['10.0.0.1', '10.0.0.1:', '10.0.0.1:123456'])
		assert.deepEqual(parts(none).slice(0, 2), [null, null]);
});

test('the table of losses has a row for each reason; lost are those that no limit explains', () => {
	const totals: LossTotal[] = LOSS_REASONS.map((_, i) => ({
		events: i + 1,
		bytes: 100 * (i + 1),
		lastUs: i === 0 ? Number.NaN : i,
	}));
	const byDesign = ['body_limit', 'capture_limit', 'zero_copy', 'peek', 'excluded', 'evicted'];
	const lost = LOSS_REASONS.flatMap(({ reason }, i) => (byDesign.includes(reason) ? [] : [i]));
	assert.deepEqual(
		LOSS_REASONS.map(({ kind }) => kind),
		LOSS_REASONS.map((_, i) => (lost.includes(i) ? 'lost' : 'by_design')),
	);
	const sum = lost.reduce((all, i) => all + i + 1, 0);
	assert.deepEqual([lostEvents(totals), lostBytes(totals)], [sum, 100 * sum]);
	assert.deepEqual([lostEvents([]), lostBytes([]), lostEvents(totals.slice(0, 2))], [0, 0, 3]);
	const table = lossTable(totals);
	const cells = (row: number) => table.columns.map((_, index) => table.reader(index).value(row));
	assert.equal(table.rowCount, LOSS_REASONS.length);
	assert.deepEqual(cells(0), ['ring_full', 'lost', 1, 100, null]);
	assert.deepEqual(cells(8), ['body_limit', 'by_design', 9, 900, '1970-01-01T00:00:00.000008Z']);
	const empty = lossTable([]);
	assert.deepEqual(
		empty.columns.map((_, index) => empty.reader(index).value(3)),
		['iovec_bound', 'lost', 0, 0, null],
	);
	assert.deepEqual(lostReasons(totals, 0).slice(0, 2), ['ring_full 1', 'map_full 2']);
	assert.ok(!lostReasons(totals, 0).some((text) => /output_dropped|body_limit/.test(text)));
	assert.ok(lostReasons(totals, 5).includes('output_dropped 5'));
	assert.deepEqual(lostReasons([], 0), []);
	assert.deepEqual(lostReasons([{ events: 0, bytes: 9, lastUs: 1 }], 0), []);
});

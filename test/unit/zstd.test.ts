// Frames made by the zstd program at several levels, and handmade frames for features it seldom uses.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { decodeZstd, isZstd, type ZstdResult, ZstdStream } from '../../src/decode/zstd.ts';

/** Made of the CONTENTS by `zstd LEVEL --no-check`: [content, level, base64]. */
const FRAMES = JSON.parse(
	readFileSync(join(import.meta.dirname, '../fixtures/zstd-frames.json'), 'utf8'),
) as readonly (readonly [name: keyof typeof CONTENTS, level: string, base64: string])[];

function randoms(seed: number): (below: number) => number {
	let state = seed;
	return (below) => {
		state = (Math.imul(state, 1103515245) + 12345) >>> 0;
		return (state >>> 16) % below;
	};
}

function lettersOf(alphabet: string, length: number, seed: number): string {
	const random = randoms(seed);
	return Array.from({ length }, () => alphabet[Math.min(random(alphabet.length), random(alphabet.length))]).join('');
}

const CONTENTS = {
	'one byte': () => 'x',
	'one repeated byte': () => 'a'.repeat(1000),
	'a short text': () => 'GET /items HTTP/1.1 and GET /items HTTP/1.1 again',
	'few letters': () => lettersOf('eatn', 180, 17),
	'many of few letters': () => lettersOf('eatnos', 3000, 18),
	'many letters': () => lettersOf(Array.from({ length: 90 }, (_, i) => String.fromCharCode(33 + i)).join(''), 2500, 19),
	'all bytes': () => String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i)).repeat(5),
	rows: () => {
		const random = randoms(20);
		return Array.from(
			{ length: 400 },
			(_, i) => `{"id":${i},"path":"/api/orders/${random(10_000)}","status":${[200, 200, 404, 503][random(4)]}}\n`,
		).join('');
	},
	'four bytes': () => lettersOf('\0\x01\x02\x03', 400, 23),
	'a change of letters': () => lettersOf('eatnos', 2500, 24) + lettersOf('xyz0123456789', 2500, 25),
	columns: () => {
		const random = randoms(26);
		return Array.from({ length: 120 }, () => `constant text ${1000 + random(9000)}`).join('');
	},
	'slices between a letter': () => {
		const random = randoms(27);
		const whole = Array.from({ length: 1024 }, () => String.fromCharCode(random(256))).join('');
		return whole + Array.from({ length: 100 }, (_, i) => `z${whole.slice(300 + i * 7, 307 + i * 7)}`).join('');
	},
	'two far parts': () => {
		const part = lettersOf('etaoinshrdlu', 900, 21);
		return `${part}${'-'.repeat(150_000)}${part}`;
	},
	'short matches': () => {
		const random = randoms(22);
		const words = Array.from({ length: 40 }, (_, i) => `${String.fromCharCode(65 + i)}${i % 7}${i % 3}_`);
		return Array.from({ length: 700 }, () => words[random(40)]).join('');
	},
} as const;

const decode = (input: Uint8Array, limit = 1 << 20): ZstdResult & { readonly text: string } => {
	const result = decodeZstd(input, limit, Number.POSITIVE_INFINITY);
	return { ...result, text: Buffer.from(result.bytes).toString('latin1') };
};

for (const [name, level, base64] of FRAMES) {
	const frame = Buffer.from(base64, 'base64');
	const content = CONTENTS[name]();

	test(`${name}, ${level}: ${frame.length} bytes are read back`, () => {
		assert.equal(isZstd(frame), true);
		const { text, stopped, ended } = decode(frame);
		assert.equal(text, content);
		assert.deepEqual([stopped, ended], [null, true]);
	});

	test(`${name}, ${level}: is a beginning if it is cut or more than the limit`, () => {
		const step = Math.max(1, frame.length >> 6);
		for (let length = 0; length < frame.length; length += step) {
			const { text, stopped, ended } = decode(frame.subarray(0, length));
			assert.ok(content.startsWith(text), `${length} bytes`);
			assert.deepEqual([stopped, ended], [null, length === 0]);
		}
		for (const limit of new Set([0, content.length >> 1, content.length - 1])) {
			const { text, stopped, ended } = decode(frame, limit);
			assert.equal(text, content.slice(0, limit));
			assert.deepEqual([stopped, ended], ['limit', false]);
		}
		assert.deepEqual(decode(frame, content.length).stopped, null);
	});
}

test('the zstd program has written everything that a block may contain', () => {
	const seen = new Set<string>();
	for (const [, , base64] of FRAMES) for (const each of partsOf(Buffer.from(base64, 'base64'))) seen.add(each);
	assert.deepEqual(
		[...seen].sort(),
		[
			...['block 0', 'block 1', 'block 2', 'literals 0', 'literals 2', 'literals 3'],
			...['sequences 1', 'sequences 2', 'tables 0', 'tables 1', 'tables 2', 'tables 3', 'tree direct', 'tree fse'],
			...['streams 1', 'streams 4'],
		].sort(),
	);
});

/** The parts of a frame's blocks. */
function partsOf(frame: Buffer): string[] {
	const parts: string[] = [];
	const descriptor = frame[4]!;
	const single = (descriptor & 32) !== 0;
	let at = 5 + (single ? 0 : 1) + [single ? 1 : 0, 2, 4, 8][descriptor >> 6]!;
	for (;;) {
		const header = frame.readUIntLE(at, 3);
		const type = (header >> 1) & 3;
		at += 3;
		parts.push(`block ${type}`);
		if (type === 2) {
			const first = frame[at]!;
			const format = (first >> 2) & 3;
			parts.push(`literals ${first & 3}`);
			let sequences: number;
			if ((first & 3) < 2) {
				const bytes = format === 1 ? 2 : format === 3 ? 3 : 1;
				const size = bytes === 1 ? first >> 3 : frame.readUIntLE(at, bytes) >> 4;
				sequences = at + bytes + ((first & 3) === 1 ? 1 : size);
			} else {
				const bytes = format < 2 ? 3 : format + 2;
				const bits = format < 2 ? 10 : format === 2 ? 14 : 18;
				sequences = at + bytes + Math.floor(frame.readUIntLE(at, bytes) / 2 ** (4 + bits));
				parts.push(`streams ${format === 0 ? 1 : 4}`);
				if ((first & 3) === 2) parts.push(`tree ${frame[at + bytes]! >= 128 ? 'direct' : 'fse'}`);
			}
			const count = frame[sequences]!;
			if (count > 0) {
				parts.push(`sequences ${count < 128 ? 1 : 2}`);
				const modes = frame[sequences + (count < 128 ? 1 : 2)]!;
				for (const shift of [6, 4, 2]) parts.push(`tables ${(modes >> shift) & 3}`);
			}
		}
		at += type === 1 ? 1 : header >> 3;
		if (header & 1) return parts;
	}
}

// ---- frames made by hand ------------------------------------------------------------------------------------------

const MAGIC = [0x28, 0xb5, 0x2f, 0xfd];

/** Without a checksum and the size of the content. */
function frameOf(...blocks: readonly (readonly number[])[]): Uint8Array {
	return Uint8Array.from([...MAGIC, 0, 0x58, ...blocks.flat()]);
}

/** `size`: given if it is not the length of the content. */
function block(type: number, content: readonly number[], size = content.length, isLast = true): number[] {
	return [...little((isLast ? 1 : 0) + (type << 1) + (size << 3), 3), ...content];
}

function little(value: number, bytes: number): number[] {
	return Array.from({ length: bytes }, (_, i) => Math.floor(value / 256 ** i) % 256);
}

const bytesOf = (text: string): number[] => [...Buffer.from(text, 'latin1')];

type Bits = readonly (readonly [value: number, bits: number])[];

/** A bit stream that is read from its end: values with their widths in the order in which they are read. */
function backwards(...values: Bits): number[] {
	const bits = `1${values.map(([value, width]) => (width === 0 ? '' : value.toString(2).padStart(width, '0'))).join('')}`;
	const padded = bits.padStart(8 * Math.ceil(bits.length / 8), '0');
	return padded
		.match(/.{8}/g)!
		.map((byte) => Number.parseInt(byte, 2))
		.reverse();
}

/** Literals of one repeated letter. */
function repeated(letter: string, size: number): number[] {
	if (size < 32) return [1 + (size << 3), ...bytesOf(letter)];
	return [...little(1 + (3 << 2) + size * 16, 3), ...bytesOf(letter)];
}

type Codes = { readonly literal?: number; readonly offset?: number; readonly match?: number };

/** A compressed block whose sequences all have the same codes; `extra`: the extra bits of all sequences. */
function sequences(
	literals: readonly number[],
	count: number,
	{ literal = 0, offset = 0, match = 0 }: Codes,
	extra: Bits = [],
	isLast = true,
): number[] {
	const head =
		count < 128 ? [count] : count < 0x7f00 ? [128 + (count >> 8), count & 255] : [255, ...little(count - 0x7f00, 2)];
	return block(
		2,
		[...literals, ...head, 0b01010100, literal, offset, match, ...backwards(...extra)],
		undefined,
		isLast,
	);
}

test('a frame may have a dictionary of number 0, a checksum, and the size of its content in four widths', () => {
	for (let bits = 0; bits < 256; bits++) {
		const isSingle = (bits & 32) !== 0;
		const dictionary = [0, 1, 2, 4][bits & 3]!;
		const sizes = [isSingle ? 1 : 0, 2, 4, 8][bits >> 6]!;
		const head = [...MAGIC, bits, ...(isSingle ? [] : [0x58])];
		const rest = [...little(5, sizes), ...block(0, bytesOf('hello')), ...(bits & 4 ? [1, 2, 3, 4] : [])];
		const whole = Uint8Array.from([...head, ...little(0, dictionary), ...rest]);
		// The reserved bit.
		const stopped = bits & 8 ? 'damaged' : null;
		assert.deepEqual(
			{ ...decode(whole), bytes: null },
			{ text: bits & 8 ? '' : 'hello', stopped, ended: !stopped, bytes: null },
		);
		if (bits & 8) continue;
		for (let length = 0; length < whole.length; length++) {
			const cut = decode(whole.subarray(0, length));
			assert.deepEqual([cut.stopped, cut.ended], [null, length === 0], `${bits}: ${length}`);
		}
		for (let at = 0; at < dictionary; at++) {
			const id = little(0, dictionary);
			id[at] = 1;
			assert.equal(decode(Uint8Array.from([...head, ...id, ...rest])).stopped, 'dictionary');
		}
	}
});

test('frames follow each other; skippable ones are skipped, anything else is damage', () => {
	const one = frameOf(block(0, bytesOf('one')));
	for (let kind = 0x4e; kind <= 0x62; kind++) {
		const isSkippable = kind >= 0x50 && kind <= 0x5f;
		const skipped = Uint8Array.from([kind, 0x2a, 0x4d, 0x18, ...little(300, 4), ...new Array(300).fill(7)]);
		assert.equal(isZstd(skipped), isSkippable);
		const { text, stopped, ended } = decode(Buffer.concat([one, skipped, one]));
		assert.deepEqual([text, stopped, ended], isSkippable ? ['oneone', null, true] : ['one', 'damaged', false]);
		if (isSkippable) assert.equal(decode(skipped.subarray(0, 307)).ended, false);
	}
	assert.equal(isZstd(one.subarray(0, 3)), false);
	assert.equal(isZstd(one.subarray(0, 4)), true);
	// Matches of a frame do not reach into the previous frame.
	const match = frameOf(sequences(repeated('x', 1), 1, { literal: 1, offset: 2 }, [[1, 2]]));
	assert.deepEqual([decode(match).text, decode(match).stopped], ['x', 'damaged']);
	assert.equal(decode(Buffer.concat([one, match])).stopped, 'damaged');
});

test('blocks have at most 128 KiB', () => {
	const most = 131_072;
	assert.equal(decode(frameOf(block(0, new Array(most).fill(65)))).text, 'A'.repeat(most));
	assert.equal(decode(frameOf(block(1, [65], most))).text, 'A'.repeat(most));
	assert.equal(decode(frameOf(block(2, [...repeated('A', most), 0]))).text, 'A'.repeat(most));
	for (const tooLong of [
		block(0, new Array(most + 1).fill(65)),
		block(1, [65], most + 1),
		block(2, new Array(most + 1).fill(0)),
		block(2, [...repeated('A', most + 1), 0]),
		block(3, [65, 66]),
		// Literals and matches together.
		sequences(repeated('A', most - 2), 1, { literal: 0, offset: 2 }, [[0, 2]]),
		sequences(repeated('A', most), 1, { literal: 35, offset: 2 }, [
			[0, 2],
			[65_535, 16],
		]),
	]) {
		const { text, stopped } = decode(frameOf(block(0, bytesOf('x'), 1, false), tooLong));
		assert.equal(stopped, 'damaged');
		assert.ok(text.length <= most && /^x+A*$/.test(text), `${text.length}`);
	}
	assert.deepEqual(
		decode(frameOf(block(1, [65], 100, false), block(1, [66], 100))).text,
		'A'.repeat(100) + 'B'.repeat(100),
	);
	assert.deepEqual(decode(frameOf(block(1, [], 100))).stopped, null);
});

test('the size of literals that are not coded has three widths', () => {
	for (const size of [0, 1, 30, 31, 32, 255, 4095, 4096, 70_000]) {
		const letters = lettersOf('abcdefgh', size, 3);
		const heads = [little((3 << 2) + size * 16, 3)];
		if (size < 4096) heads.push(little((1 << 2) + size * 16, 2));
		if (size < 32) heads.push([size << 3]);
		for (const head of heads) {
			assert.equal(decode(frameOf(block(2, [...head, ...bytesOf(letters), 0]))).text, letters, `${size}`);
			const same = [head[0]! + 1, ...head.slice(1), 0x41, 0];
			assert.equal(decode(frameOf(block(2, same))).text, 'A'.repeat(size), `${size}`);
			// Longer than the block.
			if (size > 1) assert.equal(decode(frameOf(block(2, [...head, 1]))).stopped, 'damaged');
		}
	}
	for (const cut of [[4], [12, 0], [2, 0], [3, 0], [14, 0, 0, 0], [0], [1]])
		assert.equal(decode(frameOf(block(2, cut))).stopped, 'damaged', cut.join());
});

test('the number of sequences has three widths', () => {
	for (const count of [1, 127, 128, 129, 300, 0x7eff, 0x7f00, 0x7f01, 0x8123]) {
		// Without literals, the second and the first of the last three offsets alternate: 4, 1, 4 …
		const { text, stopped, ended } = decode(
			frameOf(block(0, bytesOf('abcdefgh'), 8, false), sequences(repeated('z', 2), count, {})),
		);
		const expected = [...'abcdefgh'];
		for (let i = 0; i < count; i++) {
			const offset = i % 2 === 0 ? 4 : 1;
			for (let each = 0; each < 3; each++) expected.push(expected.at(-offset)!);
		}
		assert.ok(text === `${expected.join('')}zz`, `${count}`);
		assert.deepEqual([stopped, ended], [null, true]);
	}
});

/** RFC 8878, tables 16 and 17: the codes' first lengths and numbers of extra bits, from the first code that has some. */
const LITERAL_CODES = [
	...[
		[16, 1],
		[18, 1],
		[20, 1],
		[22, 1],
		[24, 2],
		[28, 2],
		[32, 3],
		[40, 3],
		[48, 4],
		[64, 6],
		[128, 7],
		[256, 8],
	],
	...[
		[512, 9],
		[1024, 10],
		[2048, 11],
		[4096, 12],
		[8192, 13],
		[16384, 14],
		[32768, 15],
		[65536, 16],
	],
] as [number, number][];
const MATCH_CODES = [
	...[
		[35, 1],
		[37, 1],
		[39, 1],
		[41, 1],
		[43, 2],
		[47, 2],
		[51, 3],
		[59, 3],
		[67, 4],
		[83, 4],
		[99, 5],
		[131, 7],
	],
	...[
		[259, 8],
		[515, 9],
		[1027, 10],
		[2051, 11],
		[4099, 12],
		[8195, 13],
		[16387, 14],
		[32771, 15],
		[65539, 16],
	],
] as [number, number][];

test('codes have the lengths of the standard', () => {
	const literalCodes = [...Array.from({ length: 16 }, (_, code) => [code, 0] as const), ...LITERAL_CODES];
	const matchCodes = [...Array.from({ length: 32 }, (_, code) => [code + 3, 0] as const), ...MATCH_CODES];
	const extras = (bits: number) => new Set([0, 2 ** bits - 1, (2 ** bits) >> 1, Math.floor(2 ** bits / 3)]);
	const first = block(0, bytesOf('uvwxyz'), 6, false);
	for (const [code, [length, bits]] of literalCodes.entries()) {
		for (const extra of extras(bits)) {
			const size = length + extra;
			if (size > 131_000) continue;
			// An offset of 2, and one remaining literal.
			const codes = { literal: code, offset: 2, match: 1 };
			const { text } = decode(
				frameOf(
					first,
					sequences(repeated('L', size + 1), 1, codes, [
						[1, 2],
						[extra, bits],
					]),
				),
			);
			const before = `uvwxyz${'L'.repeat(size)}`;
			assert.ok(text === `${before}${before.slice(-2).repeat(2)}L`, `literals, code ${code} + ${extra}`);
			const short = decode(
				frameOf(
					first,
					sequences(repeated('L', size - 1), 1, codes, [
						[1, 2],
						[extra, bits],
					]),
				),
			);
			if (size > 0) assert.equal(short.stopped, 'damaged');
		}
	}
	for (const [code, [length, bits]] of matchCodes.entries()) {
		for (const extra of extras(bits)) {
			const size = length + extra;
			if (size > 131_000) continue;
			// An offset of 5.
			const codes = { literal: 1, offset: 3, match: code };
			const { text } = decode(
				frameOf(
					first,
					sequences(repeated('L', 1), 1, codes, [
						[0, 3],
						[extra, bits],
					]),
				),
			);
			assert.ok(
				text === `uvwxyzL${'wxyzL'[0]}${'xyzLw'.repeat(size).slice(0, size - 1)}`,
				`match, code ${code} + ${extra}`,
			);
		}
	}
	// The codes after the last ones: nothing of such a block is kept.
	for (const codes of [{ literal: 36 }, { literal: 1, offset: 32 }, { literal: 1, match: 53 }]) {
		const { text, stopped } = decode(frameOf(first, sequences(repeated('L', 1), 1, codes, [[0, codes.offset ?? 0]])));
		assert.deepEqual([text, stopped], ['uvwxyz', 'damaged'], JSON.stringify(codes));
	}
});

test('the last three offsets have short values', () => {
	const random = randoms(31);
	for (let round = 0; round < 40; round++) {
		const blocks = [block(0, bytesOf('abcdefghijklmnopqrstuvwxyz'), 26, false)];
		let expected = 'abcdefghijklmnopqrstuvwxyz';
		let recent: [number, number, number] = [1, 4, 8];
		for (let i = 0; i < 30; i++) {
			const literals = random(2);
			const value = 1 + random(random(2) === 0 ? 3 : 26);
			const letter = String.fromCharCode(65 + i);
			// RFC 8878, section 3.1.1.5.
			const [one, two, three] = recent;
			const repeat = value > 3 ? 4 : value - (literals === 0 ? 0 : 1);
			const offset = [one, two, three, one - 1, value - 3][repeat]!;
			if (offset < 1) continue;
			expected += letter.repeat(literals);
			if (repeat === 1) recent = [two, one, three];
			else if (repeat > 1) recent = [offset, one, two];
			const length = 3 + random(20);
			for (let each = 0; each < length; each++) expected += expected.at(-offset)!;
			const code = 31 - Math.clz32(value);
			const codes = { literal: literals, offset: code, match: length - 3 };
			const content = sequences(repeated(letter, literals), 1, codes, [[value - 2 ** code, code]], false);
			blocks.push(content);
		}
		blocks.push(block(0, []));
		const { text, stopped } = decode(frameOf(...blocks));
		assert.equal(text, expected);
		assert.equal(stopped, null);
	}
});

/** Decodes a frame whose last block has one match, at the distance of this code and its extra bits. */
function decodeFar(code: number, extra: number): void {
	const first = Array.from({ length: 4096 }, (_, i) => i % 251);
	const distance = 2 ** code + extra - 3;
	// A letter comes before the match, which begins in the first block.
	const between = Math.max(0, distance - first.length - 1 + 100);
	const blocks = [block(0, first, undefined, false)];
	for (let left = between; left > 0; left -= 131_072) blocks.push(block(1, [65], Math.min(left, 131_072), false));
	// Large offsets are followed by other bits, so that they begin within a byte.
	const isFar = code >= 17;
	const length = isFar ? 56 : 5;
	const codes = { literal: 1, offset: code, match: isFar ? 38 : 2 };
	const last = sequences(repeated('L', 1), 1, codes, [[extra, code], ...(isFar ? ([[5, 3]] as const) : [])]);
	const { bytes, stopped } = decodeZstd(frameOf(...blocks, last), 2 ** 26, Number.POSITIVE_INFINITY);
	const before = first.length + between + 1;
	assert.deepEqual([stopped, bytes[before - 1]], [null, 76], `${code}`);
	const from = before - distance;
	assert.deepEqual(
		[...bytes.subarray(before)],
		Array.from({ length }, (_, i) => bytes[from + i]),
		`${code}`,
	);
	if (from + length <= first.length) assert.equal(bytes[before], from % 251);
}

test('offsets have up to 25 extra bits if the distance exists', () => {
	for (let code = 4; code < 24; code++) decodeFar(code, code < 17 ? 0 : 2 ** (code - 1) + 5);
	// More than 24 bits are read in two parts.
	decodeFar(25, 5 * 65_536 + 7);
});

test('offsets with up to 31 extra bits reach beyond the beginning, which is damage', () => {
	const first = block(0, bytesOf('abcdef'), 6, false);
	for (let code = 4; code < 32; code++) {
		const far = sequences(repeated('L', 1), 1, { literal: 1, offset: code }, [[2 ** (code - 1), code]]);
		const { text, stopped } = decode(frameOf(first, far));
		assert.deepEqual([text, stopped], ['abcdefL', 'damaged'], `${code}`);
	}
});

/** Literals of a block coded with a tree: `weights` of the symbols 0, 1 …, of which the last is implied. */
function huffman(weights: readonly number[], size: number, streams: readonly (readonly number[])[]): number[] {
	const packed = Array.from(
		{ length: (weights.length + 1) >> 1 },
		(_, i) => (weights[2 * i]! << 4) + (weights[2 * i + 1] ?? 0),
	);
	const tree = [127 + weights.length, ...packed];
	const jumps = streams.length === 1 ? [] : streams.slice(0, 3).flatMap((stream) => little(stream.length, 2));
	const coded = [...tree, ...jumps, ...streams.flat()];
	const [format, bits, bytes] = streams.length === 1 ? [0, 10, 3] : [3, 18, 5];
	return [...little(2 + (format << 2) + size * 16 + coded.length * 2 ** (4 + bits), bytes), ...coded];
}

test('literals may be coded with a tree whose weights are written directly', () => {
	// Two symbols of one bit each.
	const pair = (bits: string) => backwards(...[...bits].map((bit) => [Number(bit), 1] as const));
	const textOf = (literals: readonly number[]) => {
		const { text, stopped } = decode(frameOf(block(2, [...literals, 0])));
		return stopped ?? [...Buffer.from(text, 'latin1')].join('');
	};
	assert.equal(textOf(huffman([1], 5, [pair('01101')])), '01101');
	// Codes of weights 2, 0, 1 and 1: the symbols 2 and 3 have two bits, 0 has one.
	const four = backwards([1, 1], [0, 2], [1, 2], [1, 1]);
	assert.equal(textOf(huffman([2, 0, 1], 4, [four])), '0230');
	// Weights 3, 1, 2 and 1: three bits for 1 and 3, two for 2, one for 0.
	const other = backwards([0, 3], [1, 3], [1, 2], [1, 1]);
	assert.equal(textOf(huffman([3, 1, 2], 4, [other])), '1320');
	// As many literals as a block may have, in four streams.
	const quarter = pair('01'.repeat(16_384));
	const most = huffman([1], 131_072, [quarter, quarter, quarter, quarter]);
	assert.equal(textOf(most), '01'.repeat(65_536));
	const more = pair('01'.repeat(16_384).concat('0'));
	const tooMany = huffman([1], 131_073, [more, more, more, pair('01'.repeat(16_383))]);
	assert.equal(textOf(tooMany), 'damaged');
	for (const damage of [
		// Left-over or missing bits.
		huffman([1], 4, [pair('01101')]),
		huffman([1], 6, [pair('01101')]),
		// Weights that no last weight completes, no weights at all, and one that is too large.
		huffman([3, 1], 1, [pair('0')]),
		huffman([0, 0], 1, [pair('0')]),
		huffman([12, 1], 1, [pair('0')]),
		huffman([11, 11], 1, [backwards([0, 12])]),
		// The same with as many bits as the first letter would have.
		huffman([3, 1], 1, [backwards([1, 1])]),
		huffman([11, 11], 1, [backwards([0, 2])]),
	])
		assert.equal(textOf(damage), 'damaged', damage.join());
	// Another block may use the tree again.
	const again = [...little(3 + 5 * 16 + 1 * 2 ** 14, 3), ...pair('10010')];
	const { text } = decode(
		frameOf(block(2, [...huffman([1], 5, [pair('01101')]), 0], undefined, false), block(2, [...again, 0])),
	);
	assert.equal([...Buffer.from(text, 'latin1')].join(''), '0110110010');
	// The beginning of a block's head says nothing.
	for (const beginning of [[6], [7], [6, 0], [7, 255]]) assert.equal(decode(frameOf(beginning)).stopped, null);
	assert.equal(decode(frameOf([7, 0, 0])).stopped, 'damaged');
});

test('a stream of sequences uses all its bits, and no more', () => {
	const codes = { literal: 1, offset: 3, match: 33 };
	const first = block(0, bytesOf('abcdefghij'), 10, false);
	const content = (...extra: Bits) => frameOf(first, sequences(repeated('L', 1), 1, codes, extra));
	assert.equal(decode(content([2, 3], [1, 1])).text.length, 10 + 1 + 38);
	assert.equal(decode(content([2, 3])).stopped, 'damaged');
	assert.equal(decode(content([2, 3], [1, 1], [0, 1])).stopped, 'damaged');
	assert.equal(decode(content([2, 3], [1, 1], [0, 9])).stopped, 'damaged');
	const tail = (...bytes: number[]) => decode(frameOf(first, block(2, [...repeated('L', 1), ...bytes]))).stopped;
	// A missing number of sequences, missing tables, no stream, a stream without its end mark, reserved bits.
	for (const bytes of [
		[],
		[1],
		[1, 84],
		[1, 84, 0, 0, 0],
		[1, 84, 0, 0, 0, 0],
		[1, 85, 0, 0, 0, 1],
		[1, 86, 0, 0, 0, 1],
	])
		assert.equal(tail(...bytes), 'damaged', bytes.join());
	// References to tables and trees of an earlier block, although there is none.
	for (const modes of [0b11010100, 0b01110100, 0b01011100]) assert.equal(tail(1, modes, 0, 0, 0, 1), 'damaged');
	assert.equal(decode(frameOf(block(2, [...little(3 + 2 * 16 + (1 << 14), 3), 1, 0]))).stopped, 'damaged');
});

test('decoding ends when the time is up', () => {
	const { bytes, stopped, ended } = decodeZstd(frameOf(block(0, bytesOf('abc'))), 100, performance.now() - 1);
	assert.deepEqual([bytes.length, stopped, ended], [0, 'limit', false]);
});

/** What a stream says to pieces of this length, or to random ones. */
function streamed(bytes: Uint8Array, length: number | (() => number), limit = 1 << 24): Uint8Array | undefined {
	const stream = new ZstdStream();
	const decoded: Uint8Array[] = [];
	for (let at = 0; at < bytes.length; ) {
		const size = typeof length === 'number' ? length : length();
		const piece = stream.push(bytes.subarray(at, at + size), limit);
		if (piece === undefined) return undefined;
		decoded.push(piece);
		at += size;
	}
	return Buffer.concat(decoded);
}

test('a stream says the same however it is cut, over several frames', () => {
	const random = randoms(31);
	const frames = FRAMES.map(([, , base64]) => Buffer.from(base64, 'base64'));
	for (const bytes of [...frames, Buffer.concat(frames)]) {
		const { bytes: whole, stopped } = decodeZstd(bytes, 1 << 24, Number.POSITIVE_INFINITY);
		assert.equal(stopped, null);
		for (const length of [1, 7, 100, bytes.length, () => 1 + random(300)])
			assert.ok(Buffer.from(whole).equals(streamed(bytes, length)!));
	}
	// A skippable frame, and the checksum of a frame.
	const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
	const { pieces, end, texts } = JSON.parse(
		readFileSync(join(import.meta.dirname, '../fixtures/zstd-stream.json'), 'utf8'),
	) as { pieces: string[]; end: string; texts: string[] };
	const flushed = Buffer.concat([...pieces, end].map((piece) => Buffer.from(piece, 'base64')));
	for (const length of [1, 5, 1000])
		assert.equal(
			Buffer.from(streamed(Buffer.concat([skippable, flushed, skippable, flushed]), length)!).toString(),
			texts.join('') + texts.join(''),
		);
});

test('a stream keeps no more than its window, and ends at damage, limits and dictionaries', () => {
	// A window of 1 KiB, and raw blocks of 1,000 bytes.
	const header = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0]);
	const block = (size: number) =>
		Buffer.concat([Buffer.from([(size << 3) & 255, size >> 5, size >> 13]), Buffer.alloc(size, 97)]);
	const stream = new ZstdStream();
	stream.push(header, 100_000);
	for (let i = 0; i < 50; i++) assert.equal(stream.push(block(1000), 100_000)!.length, 1000);
	assert.ok(stream.memoryBytes <= 1024, `${stream.memoryBytes}`);
	assert.equal(stream.push(block(1000), 999), undefined);
	assert.equal(stream.push(block(1), 1000), undefined, 'nothing follows what was too long');
	assert.equal(stream.memoryBytes, 0);
	assert.equal(new ZstdStream().push(Buffer.from('not zstd'), 100), undefined);
	// Windows of 8 MiB, and more; a dictionary.
	const begun = (...bytes: number[]) =>
		new ZstdStream().push(Buffer.from([0x28, 0xb5, 0x2f, 0xfd, ...bytes, 0, 0, 0]), 100);
	assert.equal(begun(0, 13 << 3)?.length, 0);
	assert.equal(begun(0, (13 << 3) + 1), undefined);
	assert.equal(begun(1, 0, 7), undefined);
	assert.equal(begun(1, 0, 0)?.length, 0);
	const damaged = new ZstdStream();
	assert.equal(damaged.push(header, 100)!.length, 0);
	assert.equal(damaged.push(Buffer.from([7, 0, 0]), 100), undefined, 'a reserved type of block');
});

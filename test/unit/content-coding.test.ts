// Decoding bodies: content codings, charsets, media types, and limits against decompression bombs.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { buildSync } from 'esbuild';
import { charsetOf } from '../../src/base/charset.ts';
import { charsetText } from '../../src/decode/body-text.ts';
import {
	bodyCodings,
	type DecodeLimits,
	decodeContent as decodeWithin,
	defaultDecodeLimits,
	longestPrefix,
	withSmallWindow,
} from '../../src/decode/content-coding.ts';
import { mediaOf } from '../../src/decode/media-kind.ts';
import type { DecodedAlone } from '../../support/decode-alone.ts';
import { temporaryDirectory } from '../../support/servers.ts';

const text = Array.from({ length: 2300 }, (_, i) => `line ${i} of a body: ${(i * 7919) % 1000}\n`).join('');
const plain = Buffer.from(text);
const encoders: readonly (readonly [coding: string, encode: (bytes: Uint8Array) => Uint8Array])[] = [
	['gzip', gzipSync],
	['x-gzip', gzipSync],
	['deflate', deflateSync],
	['deflate', deflateRawSync],
	['br', brotliCompressSync],
];

function isPrefixOfPlain(bytes: Uint8Array): boolean {
	return Buffer.compare(bytes, plain.subarray(0, bytes.length)) === 0;
}

/** The usual limits, but enough time for a busy machine. */
const limits = { ...defaultDecodeLimits, milliseconds: 600000 };

function decodeContent(bytes: Uint8Array, coding: string | null): ReturnType<typeof decodeWithin> {
	return decodeWithin(bytes, coding, limits);
}

describe('content coding', () => {
	it('is decoded for gzip, x-gzip, deflate in both formats, and br', () => {
		for (const [coding, encode] of encoders) {
			const { bytes, applied, stopped, unended } = decodeContent(encode(plain), coding);
			assert.deepEqual(Buffer.from(bytes), plain, coding);
			assert.deepEqual([applied, stopped, unended], [[coding.replace('x-', '')], null, null]);
		}
	});

	it('leaves identity, no coding and empty bodies alone', () => {
		for (const coding of [null, '', 'identity', ' Identity , ']) {
			assert.deepEqual(decodeContent(plain, coding), { bytes: plain, applied: [], stopped: null, unended: null });
		}
		const empty = new Uint8Array(0);
		assert.deepEqual(decodeContent(empty, 'gzip'), { bytes: empty, applied: [], stopped: null, unended: null });
	});

	it('decodes stacked codings, the last first, whatever their case', () => {
		const { bytes, applied } = decodeContent(brotliCompressSync(gzipSync(plain)), 'GZip , BR');
		assert.deepEqual(Buffer.from(bytes), plain);
		assert.deepEqual(applied, ['br', 'gzip']);
	});

	it('stops after five codings', () => {
		const inner = gzipSync(plain);
		let coded: Uint8Array = inner;
		for (let i = 0; i < 5; i++) coded = gzipSync(coded);
		const result = decodeContent(coded, 'gzip, gzip, gzip, gzip, gzip, gzip');
		assert.deepEqual(Buffer.from(result.bytes), inner);
		assert.deepEqual([result.applied.length, result.stopped], [5, 'gzip: more than 5 codings']);
	});

	it('trusts the magic number if the label is not quite right', () => {
		const zstd = Buffer.from('KLUv/QRYaQAAaGVsbG8sIHdvcmxkIZ4lnmk=', 'base64');
		const hello = Buffer.from('hello, world!');
		const gzip = gzipSync(hello);
		const cases: readonly (readonly [label: string, coded: Uint8Array])[] = [
			['gzip;', gzip],
			['gzip;q=1.0', gzip],
			['"gzip"', gzip],
			['GZIP', gzip],
			[', gzip ,,', gzip],
			['x-gzip', gzip],
			['X-GZip ; level=9', gzip],
			['gzip:', gzip],
			['application/gzip', gzip],
			['gzip,utf-8', gzip],
			['identity, gzip', gzip],
			['gzip, aws-chunked', gzip],
			['deflate', gzip],
			['br', gzip],
			['zstd', gzip],
			['foo', gzip],
			['x-deflate', deflateSync(hello)],
			['x-deflate', deflateRawSync(hello)],
			['zlib', deflateSync(hello)],
			['gzip', deflateSync(hello)],
			['deflated', deflateSync(hello)],
			['"br"', brotliCompressSync(hello)],
			['x-br;', brotliCompressSync(hello)],
			['brotli', brotliCompressSync(hello)],
			['gzip', zstd],
			['zst', zstd],
			['gzip, gzip', gzip],
			['gzip, deflate', gzip],
			['gzip, deflate', deflateSync(hello)],
			['gzip, deflate, br, zstd', zstd],
			['gzip, deflate, br, zstd', gzip],
			['gzip, br, deflate', deflateSync(brotliCompressSync(gzip))],
			['deflate, gzip, gzip', gzipSync(gzipSync(deflateRawSync(hello)))],
		];
		for (const [label, coded] of cases) {
			const { bytes, stopped, unended } = decodeContent(coded, label);
			assert.deepEqual([Buffer.from(bytes).toString('latin1'), stopped, unended], ['hello, world!', null, null], label);
		}
	});

	it('is named by the label that matches the data, not by an unknown one beside it', () => {
		const gzip = gzipSync(plain);
		for (const label of ['gzip, aws-chunked', 'aws-chunked, gzip', 'br, gzip, foo']) {
			const { applied, bytes } = decodeContent(gzip, label);
			assert.deepEqual([applied[0], plain.equals(bytes)], ['gzip', true], label);
		}
		assert.equal(decodeContent(gzip.subarray(0, 10), 'gzip, foo').stopped, 'gzip: unexpected end');
		// Raw deflate has no magic number, and neither has data whose first two bytes are almost those of zlib.
		assert.equal(decodeContent(deflateRawSync(plain), 'deflate, foo').stopped, 'foo: unknown coding');
		assert.equal(decodeContent(Uint8Array.of(0x78, 0x9c), 'deflate, foo').stopped, 'deflate: unexpected end');
		assert.ok(plain.equals(decodeContent(deflateSync(plain), 'deflate, foo').bytes));
		for (const [first, second] of [
			// The check is wrong; another method; a window of 64 KiB; 0x88 alone is wrong in two ways.
			...[[0x78, 0x9d] as const, [0x79, 0x95] as const, [0x88, 0x1c] as const, [0x88, 0x1d] as const],
			[0x00, 0x00] as const,
		])
			for (const rest of [[], [...deflateSync(plain).subarray(2)]])
				assert.equal(
					decodeContent(Uint8Array.of(first, second, ...rest), 'deflate, foo').stopped,
					'foo: unknown coding',
					`${first} ${second}`,
				);
	});

	it('is not guessed again if only the time or a limit ended the attempt', () => {
		const { bytes, stopped } = decodeWithin(gzipSync(plain), 'deflate', { ...limits, milliseconds: -1 });
		assert.equal(stopped, 'deflate: more than -1 ms');
		assert.notEqual(Buffer.from(bytes).toString('latin1'), plain.toString('latin1'));
	});

	it('never turns a body, however short, into an empty one', () => {
		// The letter x is the first byte of zlib data.
		assert.equal(decodeContent(Buffer.from('x'), 'deflate').stopped, 'deflate: the data has another format');
		const ok = Buffer.from('ok');
		for (const label of ['gzip, deflate', 'deflate', 'gzip', 'br', 'zstd', 'foo', 'br, gzip, deflate']) {
			const { bytes, applied, stopped } = decodeContent(ok, label);
			assert.deepEqual([Buffer.from(bytes), applied, stopped === null], [ok, [], false], label);
		}
		for (const [coding, encode] of encoders) {
			const coded = encode(plain);
			for (let length = 1; length < 12; length++) {
				assert.ok(decodeContent(coded.subarray(0, length), coding).bytes.length > 0, `${coding} ${length}`);
			}
			const { bytes, stopped } = decodeContent(encode(new Uint8Array(0)), coding);
			assert.deepEqual([bytes.length, stopped], [0, null], `${coding} of an empty body`);
		}
	});

	it('distinguishes data that ends early from damaged data', () => {
		for (const [coding, encode] of encoders) {
			const coded = encode(plain);
			const { bytes, stopped, unended } = decodeContent(coded.subarray(0, coded.length - 5), coding);
			assert.ok(bytes.length > 0 && isPrefixOfPlain(bytes), coding);
			assert.deepEqual([stopped, unended], [null, `${coding.replace('x-', '')}: unexpected end`]);
		}
		const { stopped } = decodeContent(gzipSync(plain).subarray(0, 10), 'gzip');
		assert.equal(stopped, 'gzip: unexpected end');
	});

	it('names an unknown coding and returns what is decoded up to it', () => {
		const result = decodeContent(gzipSync(plain), 'compress, gzip');
		assert.deepEqual(Buffer.from(result.bytes), plain);
		assert.deepEqual([result.applied, result.stopped], [['gzip'], 'compress: unknown coding']);
	});

	it('decodes a truncated body as far as it goes, at every length', () => {
		for (const [coding, encode] of encoders) {
			const encoded = encode(plain);
			let longest = 0;
			for (let length = 1; length <= encoded.length; length += 37) {
				const { bytes, applied, stopped } = decodeContent(encoded.subarray(0, length), coding);
				if (applied.length === 0) continue;
				assert.equal(stopped, null, `${coding} ${length}`);
				assert.ok(isPrefixOfPlain(bytes), `${coding} ${length}`);
				assert.ok(bytes.length >= longest);
				longest = bytes.length;
			}
			assert.ok(longest > plain.length / 2, `${coding}: ${longest}`);
		}
	});

	it('keeps everything decoded if the checksum is wrong', () => {
		for (const encode of [gzipSync, deflateSync]) {
			const damaged = Buffer.from(encode(plain));
			const at = damaged.length - (encode === gzipSync ? 8 : 1);
			damaged[at] = (damaged[at] as number) ^ 0xff;
			const { bytes, stopped } = decodeContent(damaged, encode === gzipSync ? 'gzip' : 'deflate');
			assert.deepEqual(Buffer.from(bytes), plain);
			assert.match(stopped ?? '', /: damaged data$/);
		}
	});

	it('keeps what was decoded before damage in the middle', () => {
		for (const [coding, encode] of encoders) {
			const damaged = Buffer.from(encode(plain));
			damaged.fill(0xff, damaged.length >> 1);
			const { bytes } = decodeContent(damaged, coding);
			const same = bytes.findIndex((byte, i) => byte !== plain[i]);
			assert.ok((same === -1 ? bytes.length : same) > plain.length / 4, `${coding}: ${same} of ${bytes.length}`);
		}
	});

	it('is named by Content-Encoding and, except for chunked, Transfer-Encoding, in the order in which the codings were applied', () => {
		const codings = (...fields: (readonly [name: string, value: string, trailer?: boolean])[]) =>
			bodyCodings(fields.map(([name, value, trailer = false]) => ({ name, value, trailer })));
		assert.equal(codings(), null);
		assert.equal(codings(['X', 'gzip'], ['Content-Encoding', 'br', true]), null);
		assert.equal(codings(['content-ENCODING', 'gzip, br']), 'gzip, br');
		assert.equal(codings(['Transfer-Encoding', 'chunked']), null);
		assert.equal(codings(['Transfer-Encoding', 'X-GZip , chunked']), 'X-GZip ');
		assert.equal(
			codings(
				['Transfer-Encoding', 'deflate'],
				['Content-Encoding', 'br'],
				['Content-Encoding', 'gzip'],
				['Transfer-Encoding', 'zstd'],
			),
			'br, gzip, deflate,  zstd'.replace('  ', ' '),
		);
	});

	it('shortens long names in its notes', () => {
		const said = (name: string) => decodeContent(plain, name).stopped;
		assert.equal(said('c'.repeat(40)), `${'c'.repeat(40)}: unknown coding`);
		assert.equal(said('c'.repeat(41)), `${'c'.repeat(40)}…: unknown coding`);
		for (const name of ['none', 'utf-8', 'UTF8', 'binary', '7bit', '8bit', 'identity', '"', 'x-;q=1'])
			assert.deepEqual(decodeContent(plain, name), { bytes: plain, applied: [], stopped: null, unended: null }, name);
		assert.equal(said('nonesuch'), 'nonesuch: unknown coding');
	});

	it('leaves a body alone if it is not what its label says', () => {
		const words = Buffer.from('just words, and some more of them to be sure');
		for (const coding of ['gzip', 'deflate', 'br', 'zstd']) {
			const { bytes, applied, stopped } = decodeContent(words, coding);
			assert.deepEqual([Buffer.from(bytes), applied, stopped], [words, [], `${coding}: the data has another format`]);
		}
	});

	it('takes data for text only if its first 512 bytes are printable', () => {
		const said = (bytes: Uint8Array, coding: string) => decodeContent(bytes, coding).stopped;
		const words = (character: number) =>
			Buffer.from([...Buffer.from('just words, '), character, ...Buffer.from(' and more')]);
		for (const coding of ['deflate', 'br']) {
			for (const character of [0x09, 0x0a, 0x0d, 0x20, 0x7e])
				assert.equal(said(words(character), coding), `${coding}: the data has another format`, String(character));
			for (const character of [0x00, 0x08, 0x0b, 0x0c, 0x0e, 0x1f, 0x7f, 0xff])
				assert.notEqual(said(words(character), coding), `${coding}: the data has another format`, String(character));
			const long = (at: number) => Buffer.alloc(600, 'words ').fill(0xff, at, at + 1);
			assert.notEqual(said(long(511), coding), `${coding}: the data has another format`);
			assert.equal(said(long(512), coding), `${coding}: the data has another format`);
		}
	});

	it('recognises zlib by its first two bytes, and reads it up to the first damage', () => {
		const coded = deflateSync(plain);
		assert.equal(Buffer.from(decodeContent(coded, 'gzip').bytes).equals(plain), true);
		const damaged = Buffer.from(coded).fill(0xff, 40, 60);
		// With this label the beginning counts; with another label the data may be something else.
		assert.ok(decodeContent(damaged, 'deflate').bytes.length > 0);
		assert.equal(decodeContent(damaged, 'gzip').stopped, 'gzip: the data has another format');
		for (const [first, second] of [
			[0x78, 0x9d],
			[0x79, 0x9c],
			[0x88, 0x1c],
		] as const) {
			const other = Buffer.from(coded);
			other.set([first, second]);
			assert.notEqual(decodeContent(other, 'gzip').stopped, null, String(first));
			assert.equal(Buffer.from(decodeContent(other, 'gzip').bytes).equals(other), true);
		}
		// The beginning of gzip data counts with any label.
		const gzip = Buffer.from(gzipSync(plain)).fill(0xff, 60, 80);
		for (const label of ['gzip', 'deflate', 'foo']) assert.ok(decodeContent(gzip, label).bytes.length > 0, label);
		for (const label of ['gzip', 'deflate', 'foo'])
			assert.notDeepEqual(Buffer.from(decodeContent(gzip, label).bytes), gzip);
		// A smaller window.
		const small = deflateSync(plain, { windowBits: 9 });
		assert.equal(Buffer.from(decodeContent(small, 'gzip').bytes).equals(plain), true);
		assert.equal(decodeContent(Uint8Array.of(0x78, 0x9c), 'deflate').stopped, 'deflate: unexpected end');
		// One byte of the magic number is not enough.
		for (const bytes of [
			[0x1f, 0x9d, 1, 2],
			[0x20, 0x8b, 1, 2],
		])
			assert.equal(decodeContent(Uint8Array.from(bytes), 'gzip, foo').stopped, 'foo: unknown coding');
		assert.equal(decodeContent(Uint8Array.of(0x1f), 'gzip').stopped, 'gzip: unexpected end');
		assert.equal(decodeContent(Uint8Array.of(0x1f, 0x8c), 'gzip').stopped, 'gzip: the data has another format');
	});

	it('returns something for every random body and never throws', () => {
		let seed = 17;
		for (let i = 0; i < 600; i++) {
			const bytes = Buffer.alloc(i % 97);
			for (let j = 0; j < bytes.length; j++) {
				seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
				bytes[j] = seed >>> 16;
			}
			if (i % 2 === 0 && bytes.length > 3) bytes.set(i % 4 === 0 ? [0x1f, 0x8b, 8, 0] : [0x28, 0xb5, 0x2f, 0xfd]);
			for (const coding of ['gzip', 'deflate', 'br', 'zstd', 'br, gzip']) {
				assert.ok(decodeContent(bytes, coding).bytes instanceof Uint8Array);
			}
		}
	});
});

describe('decompression bombs', () => {
	const zeros = Buffer.alloc(67108864);
	const quality = {
		params: {
			[constants.BROTLI_PARAM_LGWIN]: 24,
			[constants.BROTLI_PARAM_SIZE_HINT]: zeros.length,
			// 51 bytes, as with 11, which takes 30 times as long.
			[constants.BROTLI_PARAM_QUALITY]: 9,
		},
	};
	/** Made when first needed. */
	const once = (make: () => Uint8Array) => {
		let bytes: Uint8Array | undefined;
		return () => {
			bytes ??= make();
			return bytes;
		};
	};
	const gzip = once(() => gzipSync(zeros, { level: 9 }));
	const bombs: readonly (readonly [name: string, coding: string, bytes: () => Uint8Array])[] = [
		['brotli', 'br', once(() => brotliCompressSync(zeros, quality))],
		['gzip', 'gzip', gzip],
		['gzip twice', 'gzip, gzip', once(() => gzipSync(gzip(), { level: 9 }))],
		['deflate', 'deflate', once(() => deflateSync(zeros, { level: 9 }))],
		['raw deflate', 'deflate', once(() => deflateRawSync(zeros, { level: 9 }))],
		['brotli in gzip', 'br, gzip', once(() => gzipSync(brotliCompressSync(zeros, quality)))],
		['gzip four times', 'gzip, gzip, gzip, gzip', once(() => [1, 2, 3, 4].reduce((bytes) => gzipSync(bytes), zeros))],
	];

	for (const [name, coding, bomb] of bombs) {
		it(`${name} stops at the limits and leaves the raw bytes intact`, () => {
			const bytes = bomb();
			const before = Buffer.from(bytes);
			const result = decodeContent(bytes, coding);
			assert.ok(result.stopped !== null);
			assert.ok(result.bytes.length <= defaultDecodeLimits.outputBytes);
			assert.ok(result.bytes.length <= Math.max(bytes.length * defaultDecodeLimits.ratio, bytes.length));
			assert.deepEqual(Buffer.from(bytes), before);
		});
	}

	it('yield the permitted megabyte if the coding allows decoding in steps', () => {
		const { bytes, stopped } = decodeContent(gzip(), 'gzip');
		assert.ok(bytes.length > 1000000 && bytes.every((byte) => byte === 0));
		assert.equal(stopped, 'gzip: more than 1048576 bytes');
	});

	const wrongChecksum = once(() => {
		const bytes = gzipSync(plain.toString('base64').repeat(8));
		bytes.writeUInt32LE(1, bytes.length - 8);
		return bytes;
	});
	for (const [name, coding, bomb] of [
		...bombs.filter(([name]) => name !== 'gzip'),
		['half of a gzip', 'gzip', () => gzip().subarray(0, gzip().length >> 1)],
		['a gzip with a wrong checksum', 'gzip', wrongChecksum],
	] as const) {
		it(`${name} takes less than 16 MiB and 200 ms, measured in a separate process`, () => {
			const { grownBytes, cpuMs, intact } = decodeAlone(coding, bomb());
			assert.ok(intact);
			assert.ok(grownBytes < 16 * 1048576, `${grownBytes} bytes more were resident`);
			assert.ok(cpuMs < 200, `${cpuMs} ms`);
		});
	}

	it('stop at any limit of bytes, ratio, codings or time, and say which', () => {
		const body = Buffer.alloc(1000, 'a body ');
		for (const [coding, encode] of encoders) {
			const coded = encode(body);
			const within = (more: Partial<DecodeLimits>) => {
				const { bytes, stopped } = decodeWithin(coded, coding, { ...limits, ...more });
				return { text: Buffer.from(bytes), stopped: stopped?.replace(/^\w+: /, '') };
			};
			const name = coding.replace('x-', '');
			assert.deepEqual(within({ outputBytes: 1000 }), { text: body, stopped: undefined }, coding);
			const small = within({ outputBytes: 999 });
			assert.equal(small.stopped, 'more than 999 bytes', coding);
			// The result is a beginning, unless nothing could be decoded.
			assert.ok(
				small.text.equals(coded) ||
					(small.text.length <= 999 && body.subarray(0, small.text.length).equals(small.text)),
			);
			const ratio = Math.ceil(1000 / coded.length);
			assert.equal(within({ ratio }).stopped, undefined, coding);
			assert.equal(within({ ratio: ratio - 1 }).stopped, `ratio above ${ratio - 1}`, coding);
			assert.equal(within({ layers: 0 }).stopped, 'more than 0 codings');
			assert.equal(within({ layers: 1 }).stopped, undefined);
			assert.match(name, /^[a-z]+$/);
		}
		const twice = gzipSync(gzipSync(body));
		const one = decodeWithin(twice, 'gzip, gzip', { ...limits, layers: 1 });
		assert.deepEqual([one.stopped, one.applied], ['gzip: more than 1 codings', ['gzip']]);
	});

	it('keep about as much of a long body as fits', () => {
		const numbers = (count: number) => Buffer.from(Array.from({ length: count }, (_, i) => `${i * 7919} `).join(''));
		const repetitive = Buffer.alloc(1_500_000, numbers(1000));
		for (const long of [numbers(200_000), repetitive]) {
			for (const [coding, coded] of [
				['gzip', gzipSync(long)],
				['deflate', deflateSync(long)],
			] as const) {
				const { bytes, stopped, applied } = decodeContent(coded, coding);
				assert.deepEqual([stopped, applied], [`${coding}: more than 1048576 bytes`, [coding]]);
				assert.ok(long.subarray(0, bytes.length).equals(bytes));
				assert.ok(bytes.length > 0.9 * 1_048_576 && bytes.length <= 1_048_576, `${bytes.length}`);
			}
		}
	});

	it('make a brotli decoder allocate at most 2 MiB for its window', () => {
		for (const most of [1, 2 ** 20, 2 ** 20 + 1]) {
			for (let first = 0; first < 256; first++) {
				// Windows of more than 2 MiB have the odd codes from 11 on.
				const isLarge = (first & 1) === 1 && (first & 15) > 9 && most <= 2 ** 20;
				const input = Uint8Array.of(first, 7);
				const expected = Uint8Array.of(isLarge ? (first & 0xf0) + 9 : first, 7);
				assert.deepEqual(withSmallWindow(input, most), expected, `${first}, ${most}`);
				assert.equal(input[0], first);
			}
		}
	});

	it('give the same result with a small window as with a large one', () => {
		const parts = Array.from({ length: 30 }, (_, i) => text.slice(i * 999, i * 999 + 60000));
		const body = Buffer.from(parts.join('\n')).subarray(0, 1048576);
		for (const window of [16, 20, 21, 22, 23, 24]) {
			const coded = brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_LGWIN]: window } });
			const { bytes, stopped } = decodeContent(coded, 'br');
			assert.equal(stopped, null);
			assert.ok(body.equals(bytes), `window of 2^${window} bytes`);
		}
	});

	it('read no more of a body than its limit can need', () => {
		// The name of the file makes the body long, but not its content.
		const named = (length: number) => {
			const [head, data] = [gzipSync('x').subarray(0, 10), gzipSync('x').subarray(10)];
			head[3] = 8;
			return Buffer.concat([head, Buffer.alloc(length - 11 - data.length, 'n'), Buffer.of(0), data]);
		};
		const within = (length: number) => decodeWithin(named(length), 'gzip', { ...limits, outputBytes: 16 });
		const most = 16 + 1 + 65536;
		assert.deepEqual([Buffer.from(within(most).bytes).toString(), within(most).stopped], ['x', null]);
		assert.equal(within(most + 1).stopped, 'gzip: more than 16 bytes');
	});

	it('stop at the limit also if the data that exceeds it ends early', () => {
		// Without compression each byte of data is a byte of the result.
		const stored = gzipSync(plain, { level: 0 });
		for (const more of [1, 2, 100]) {
			const cut = stored.subarray(0, 15 + 200 + more);
			const { bytes, stopped } = decodeWithin(cut, 'gzip', { ...limits, outputBytes: 200 });
			assert.equal(stopped, 'gzip: more than 200 bytes', `${more}`);
			assert.ok(bytes.length > 180 && isPrefixOfPlain(bytes), `${bytes.length}`);
		}
	});

	it('name the usual ratio', () => {
		const bomb = brotliCompressSync(Buffer.alloc(300_000));
		assert.ok(bomb.length < 100);
		assert.equal(decodeWithin(bomb, 'br', { ...limits, outputBytes: 2 ** 30 }).stopped, 'br: ratio above 2048');
	});

	it('end when the time is up', () => {
		const coded = gzip();
		const result = decodeWithin(coded, 'gzip', { ...limits, milliseconds: 0 });
		assert.equal(result.stopped, 'gzip: more than 0 ms');
		assert.equal(result.bytes, coded);
	});
});

describe('the longest prefix that can be decoded', () => {
	/** A coding that gives one byte for each; \xff is damage. `calls`: the lengths of what it decoded. */
	const coding = (grow = (length: number) => length) => {
		const calls: number[] = [];
		const decode = (input: Uint8Array, { maxOutputLength }: { readonly maxOutputLength: number }) => {
			calls.push(input.length);
			if (input.includes(0xff)) throw Object.assign(new Error('damage'), { code: 'Z_DATA_ERROR' });
			const length = grow(input.length);
			if (length > maxOutputLength) throw Object.assign(new RangeError('large'), { code: 'ERR_BUFFER_TOO_LARGE' });
			return new Uint8Array(length);
		};
		return { calls, decode };
	};
	const NEVER = Number.POSITIVE_INFINITY;

	it('ends at the exact byte of damage', () => {
		for (const length of [2, 9, 16, 17, 24, 25, 400]) {
			for (let at = 0; at < length; at += length > 30 ? 13 : 1) {
				const { calls, decode } = coding();
				const input = new Uint8Array(length).fill(1).fill(0xff, at, at + 1);
				const { bytes, stopped, ended } = longestPrefix(decode, input, 1000, NEVER);
				assert.deepEqual([bytes.length, stopped, ended], [at, 'damaged', false], `${at} of ${length}`);
				assert.ok(calls.length < 4 + 2 * Math.log2(length), `${calls.length} calls`);
			}
		}
	});

	it('tries few lengths if there is too much output, however it grows', () => {
		const most = 100_000;
		for (const [name, grow, least] of [
			['evenly', (length: number) => length * 30, 0.93 * most],
			['only at the end', (length: number) => (length < 9990 ? 1 : 500_000), 1],
			['by leaps', (length: number) => Math.floor(length / 3000) * 70_000, 70_000],
			['at once', () => 500_000, 0],
		] as const) {
			const { calls, decode } = coding(grow);
			const { bytes, stopped, ended } = longestPrefix(decode, new Uint8Array(10_000), most, NEVER);
			assert.deepEqual([stopped, ended], ['limit', false], name);
			assert.ok(bytes.length >= least && bytes.length <= most, `${name}: ${bytes.length}`);
			// The whole, and at most three more.
			const tooLong = calls.filter((length) => grow(length) > most).length;
			assert.ok(tooLong <= 4, `${name}: ${calls}`);
			if (name === 'at once') assert.equal(tooLong, 4);
		}
		// Damage at the end, after too much output: four prefixes are too long.
		const { calls, decode } = coding(() => 500_000);
		const damaged = new Uint8Array(10_000).fill(0xff, 9999);
		assert.equal(longestPrefix(decode, damaged, most, NEVER).stopped, 'limit');
		assert.equal(calls.length, 5);
	});
});

describe('zstd', () => {
	// Made by the zstd program: hello, world!; 100 numbered lines (-1); 178,200 bytes of words (-3), in two blocks.
	let seed = 17;
	const random = (): number => {
		seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
		return seed >>> 16;
	};
	const words = 'the quick brown fox jumps over a lazy dog while ten green bottles hang on that wall'.split(' ');
	const prose = Array.from({ length: 300 }, () => words[random() % words.length]).join(' ');
	const samples: readonly (readonly [text: string, base64: string])[] = [
		['hello, world!', 'KLUv/QRYaQAAaGVsbG8sIHdvcmxkIZ4lnmk='],
		[
			text.slice(0, text.indexOf('line 100 ')),
			[
				'KLUv/QRIJQoAJhQuFrCn0AG4NHTMjClJS5MyyZSSPH7JuRgwACMAIwDf0FqTjdW2S4lJZN+Ny55P75NIIgoFhgOhVhOFAsOBMATAwYCBgAgQ',
				'BAZiiEKB4RDt3HI/nbdEKZIzVijkKKm86RFeRlIkL7FwMikRokxXT2bjo6+c/DrVuccz/IymaF7j6UbEgyZ66toyHjfdQ3aZ3VrrpWYZhFHV',
				'VFciNVjEmlZdMrVXnU7kItJGNbqQSSyJacxpPn/pUv9nAYDEqDGIe629A7Cj0gEQFE9CeQNEI//pH3nvvkX5OXov0mTP/tfLU/8Vac7fHJMe',
				'TK7bP1G9j/5Hmup+uzT9d4OO0NPv53pp+r/Iq9v8Opw4XSvU/2p5ao7e3zRWCSta8DwwF5ePyaMxQXEPo/ifYW3g1DsSECoAKiDk4QGoAFAB',
				'UEFApYWqB20Ve5G7Gg==',
			].join(''),
		],
		[
			prose.repeat(120),
			[
				'KLUv/QRYXA4A8oocF6An6XaT1lKv/Slt/29S7tyW/v93/ysQp5XHMentfSmkvTz68jiTrqfpwcM9+9qvPyY/145J7efyMLG//nytKR4Tkmov',
				'j1JY0JHKg+po7Gk3PZgGByx0hQ1B19OZWghWUKHlN0EFggFDAB0TEgAgGAoCgLCowZadpLSzGSBCYxS78xLokkIkl1ht9v//7w360KU1hnOs',
				'NS0il3wGp5UktY2kX7wj6Xj0gYcdigm0hFGVqDKaR5ZDgArcK2fv6zmoyQ9Hx6oy6zyzwWetUugHpbjlDMu+kjxMTXOMsO/DqtRTQvnH/ne2',
				'VNyC459T9xwL8AoFycE8Mv8RFLddro5REdP+BAh2su0hXNFUGJy6BNPeP06zODwLhIaliiQ87hMzy9+RAlqTFk5xmeljMGGmOFjfAdbVJgfk',
				'+nCBscdb4n2DIJZXfUIHV14zQpPlPTQWsl9BZNm1f+iDGUhnVywdqAluwPcDRq1DZpFjgEvVOi+6FGvzoNitCPIQgnNCp6mKC2kLQexhVDxl',
				'mTScLpWzfvL1n1f3toiaTIXRA1GrDffC/0UvF8GeJzhQQIysoIaGpV+GMpyFlTLnr++xy1cMXo/+UKhMpqgBTQAACGUBABQ4HQgBVB8X7A==',
			].join(''),
		],
	];

	for (const [expected, base64] of samples) {
		const coded = Buffer.from(base64, 'base64');
		it(`reads ${coded.length} bytes from the zstd program`, () => {
			assert.equal(charsetText(decodeContent(coded, 'zstd').bytes, null), expected);
		});

		it(`returns a prefix of the content for every prefix of ${coded.length} bytes`, () => {
			for (let length = 1; length < coded.length; length++) {
				const { bytes, applied } = decodeContent(coded.subarray(0, length), 'zstd');
				if (applied.length > 0) assert.ok(expected.startsWith(Buffer.from(bytes).toString()), `${length}`);
			}
		});

		it(`ends whichever bit of ${coded.length} bytes is flipped`, () => {
			for (let bit = 0; bit < coded.length * 8; bit++) {
				const damaged = Buffer.from(coded);
				damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
				assert.ok(decodeContent(damaged, 'zstd').bytes.length <= limits.outputBytes);
			}
		});
	}

	it('continues with the next frame, also after a skippable one', () => {
		const hello = Buffer.from(samples[0]?.[1] ?? '', 'base64');
		const skipped = Uint8Array.of(0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3);
		const { bytes } = decodeContent(Buffer.concat([hello, skipped, hello]), 'zstd');
		assert.equal(Buffer.from(bytes).toString(), 'hello, world!hello, world!');
	});

	it('survives 18 bytes that ask for 98,047 matches of 64 KiB', () => {
		const bomb = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, 0x58, 0x4d, 0, 0, 0, 0xff, 0xff, 0xff, 0x54, 0, 0, 52, 1);
		const { stopped } = decodeContent(bomb, 'zstd');
		assert.equal(stopped, 'zstd: damaged data');
	});

	it('allocates nothing for a frame that only announces two gigabytes', () => {
		const frame = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 0x7f, 1, 0, 0);
		const before = process.memoryUsage().arrayBuffers;
		assert.equal(decodeContent(frame, 'zstd').stopped, null);
		assert.ok(process.memoryUsage().arrayBuffers - before < 16 * 1048576);
	});

	it('stops blocks of one repeated byte at the limits', () => {
		const block = [0x02, 0x00, 0x10, 0x41];
		const frame = Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x58, ...new Array<number[]>(1000).fill(block).flat()]);
		const { bytes, stopped } = decodeContent(frame, 'zstd');
		assert.equal(bytes.length, 1048576);
		assert.equal(stopped, 'zstd: more than 1048576 bytes');
	});
});

describe('body text', () => {
	const decode = (bytes: Uint8Array, contentType: string | null, contentEncoding: string | null = null): string =>
		charsetText(decodeContent(bytes, contentEncoding).bytes, contentType);

	it('is UTF-8 unless something says otherwise', () => {
		assert.equal(decode(Buffer.from('Grüße, 世界'), null), 'Grüße, 世界');
		assert.equal(decode(Buffer.from('Grüße'), 'text/html; charset=nonsense'), 'Grüße');
		assert.equal(decode(Buffer.from('Grüße'), 'text/html; charset=iso-2022-kr'), 'Grüße');
		assert.equal(decode(Uint8Array.of(0x61, 0xff, 0x62, 0xe4, 0xb8), null), 'a\ufffdb\ufffd');
	});

	it('follows the charset parameter', () => {
		assert.equal(decode(Uint8Array.of(0x47, 0xfc), 'text/plain; charset=ISO-8859-1'), 'Gü');
		assert.equal(decode(Uint8Array.of(0x82, 0xb1), 'text/plain;x=y; charset="Shift_JIS"'), 'こ');
		assert.equal(decode(Uint8Array.of(0x61, 0, 0x62, 0), 'text/plain; charset=utf-16le'), 'ab');
	});

	it('trusts a byte order mark more than the parameter, and removes it', () => {
		assert.equal(decode(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61), 'text/plain; charset=iso-8859-1'), 'a');
		assert.equal(decode(Uint8Array.of(0xfe, 0xff, 0, 0x61), 'text/plain; charset=utf-8'), 'a');
		assert.equal(decode(Uint8Array.of(0xff, 0xfe, 0x61, 0), null), 'a');
		// All bytes of the mark count.
		for (const mark of [
			[0xef, 0xbb, 0xbf],
			[0xfe, 0xff],
			[0xff, 0xfe],
		])
			for (const at of mark.keys()) {
				const other = Uint8Array.from([...mark.with(at, 0x62), 0x61]);
				assert.equal(decode(other, 'text/plain; charset=latin1'), Buffer.from(other).toString('latin1'), `${at}`);
			}
	});

	it('decodes the content before the charset', () => {
		assert.equal(decode(gzipSync(Buffer.from('Gr\xfc\xdfe', 'latin1')), 'text/plain; charset=latin1', 'gzip'), 'Grüße');
		assert.equal(decode(Buffer.from(''), 'text/plain', 'gzip'), '');
	});

	it('follows the charset that a page declares in its first 1024 bytes', () => {
		const page = (head: string, type: string | null = 'text/html', before = '') =>
			decode(Buffer.from(`${before}<!DOCTYPE html><html><head>${head}</head>\xfc`, 'latin1'), type).at(-1);
		const named = [
			'<meta charset="ISO-8859-1">',
			"<META CHARSET='iso-8859-1'/>",
			'<meta charset=latin1>',
			'<meta charset=latin1 charset=utf-8>',
			'<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-1">',
			"<meta content='text/html;charset=ISO-8859-1' http-equiv=content-type />",
			'<meta name=a content="charset=utf-8"><meta\n\tcharset\n=\n"windows-1252">',
			'<!-- <meta charset=utf-8> --><meta charset=latin1>',
			'<!--><meta charset=latin1>',
			'<meta charset=""><meta charset=" "><meta charset=latin1>',
			'<meta charset=x-user-defined>',
		];
		for (const head of named) {
			assert.equal(page(head), 'ü', head);
			assert.equal(page(head, null), 'ü', head);
			assert.equal(page(head, 'application/xhtml+xml'), 'ü', head);
			assert.equal(page(head, 'text/html; charset=nonsense'), 'ü', head);
			// The header field takes precedence, and plain text is not a page.
			assert.equal(page(head, 'text/html; charset=utf-8'), '\ufffd', head);
			assert.equal(page(head, 'text/plain'), '\ufffd', head);
			assert.equal(page(head, 'text/html', ' '.repeat(1024)), '\ufffd', head);
			assert.equal(page(head, 'text/html', '\xef\xbb\xbf'), '\ufffd', head);
		}
		const unnamed = [
			'<!-- <meta charset=latin1>',
			'<metacharset=latin1>',
			'<meta content="text/html; charset=latin1">',
		];
		for (const head of unnamed) assert.equal(page(head), '\ufffd', head);
		for (const label of ['utf-16', 'utf-16le', 'UTF-16BE']) {
			const page = `<meta charset=${label}>Grüße`;
			assert.equal(decode(Buffer.from(page), 'text/html'), page);
		}
		assert.equal(decode(Buffer.from('<meta charset=shift_jis>\x82\xb1', 'latin1'), 'text/html').at(-1), 'こ');
	});

	it('follows an XML declaration', () => {
		const xml = (type: string | null, encoding = 'ISO-8859-1') =>
			decode(Buffer.from(`<?xml version="1.0" encoding='${encoding}' ?><a>\xfc</a>`, 'latin1'), type).at(-5);
		for (const type of ['text/xml', 'application/xml', 'image/svg+xml', 'application/xhtml+xml', null]) {
			assert.equal(xml(type), 'ü', `${type}`);
		}
		assert.equal(xml('text/xml; charset=utf-8'), '\ufffd');
		assert.equal(xml('application/json'), '\ufffd');
		const short = Buffer.from('<?xml version="1.0"?><a/>', 'utf16le');
		assert.equal(decode(short, 'text/xml'), '<?xml version="1.0"?><a/>');
		assert.equal(decode(Buffer.from(short).swap16(), 'text/xml'), '<?xml version="1.0"?><a/>');
	});

	it('reads charset parameters with blanks and quotes', () => {
		assert.equal(charsetOf('text/html'), null);
		assert.equal(charsetOf('text/html ;\tCharSet = "UTF-8"'), 'utf-8');
		assert.equal(charsetOf(`text/html${'; '.repeat(30000)}charset=`), null);
	});
});

describe('media kinds', () => {
	const png = Buffer.from('\x89PNG\r\n\x1a\n\0\0', 'latin1');
	const cases: readonly (readonly [
		contentType: string | null,
		content: Uint8Array,
		kind: string,
		type: string | null,
	])[] = [
		['application/json; charset=utf-8', Buffer.from('{}'), 'json', 'application/json'],
		['application/problem+json', Buffer.from('{}'), 'json', 'application/problem+json'],
		['text/plain', Buffer.from('Gr\xfc\xdfe', 'latin1'), 'text', 'text/plain'],
		['text/plain', Uint8Array.of(0x61, 0, 0x62), 'binary', 'text/plain'],
		['application/json', Uint8Array.of(0x61, 0, 0x62), 'binary', 'application/json'],
		['text/plain; charset=utf-16le', Uint8Array.of(0x61, 0, 0x62, 0), 'text', 'text/plain'],
		['image/svg+xml', Buffer.from('<svg/>'), 'text', 'image/svg+xml'],
		['IMAGE/PNG', png, 'image', 'image/png'],
		[null, png, 'image', 'image/png'],
		['application/octet-stream', png, 'image', 'image/png'],
		['application/zip', Buffer.from('PK'), 'archive', 'application/zip'],
		[null, Buffer.from('PK\x03\x04'), 'archive', 'application/zip'],
		['application/octet-stream', Uint8Array.from({ length: 256 }, (_, i) => i), 'binary', 'application/octet-stream'],
		[null, Uint8Array.from({ length: 40 }, (_, i) => 0xa0 + i), 'binary', null],
		[null, Buffer.from('hello\n'), 'text', null],
		['text/plain', Buffer.from(''), 'empty', 'text/plain'],
		[null, Buffer.from(''), 'empty', null],
		['application/x-www-form-urlencoded', Buffer.from('a=b'), 'text', 'application/x-www-form-urlencoded'],
		['font/woff2', Buffer.from('wOF2'), 'font', 'font/woff2'],
	];

	it('are recognised by their first bytes, wherever these are', () => {
		const types: readonly (readonly [bytes: string, kind: string, type: string])[] = [
			['\x89PNG\r\n\x1a\n', 'image', 'image/png'],
			['\xff\xd8\xff', 'image', 'image/jpeg'],
			['GIF87a', 'image', 'image/gif'],
			['GIF89a', 'image', 'image/gif'],
			['........WEBPVP8', 'image', 'image/webp'],
			['....ftypavif', 'image', 'image/avif'],
			['....ftyp', 'video', 'video/mp4'],
			['\x1a\x45\xdf\xa3', 'video', 'video/webm'],
			['OggS', 'audio', 'audio/ogg'],
			['wOF2', 'font', 'font/woff2'],
			['wOFF', 'font', 'font/woff'],
			['%PDF-', 'document', 'application/pdf'],
			['PK\x03\x04', 'archive', 'application/zip'],
			['PK\x05\x06', 'archive', 'application/zip'],
			['\x1f\x8b\x08', 'archive', 'application/gzip'],
			['BZh', 'archive', 'application/x-bzip2'],
			['\xfd7zXZ\0', 'archive', 'application/x-xz'],
			['7z\xbc\xaf\x27\x1c', 'archive', 'application/x-7z-compressed'],
			['\x28\xb5\x2f\xfd', 'archive', 'application/zstd'],
			['Rar!\x1a\x07', 'archive', 'application/vnd.rar'],
			[`${'.'.repeat(257)}ustar`, 'archive', 'application/x-tar'],
		];
		for (const [bytes, kind, type] of types) {
			const content = Buffer.from(bytes, 'latin1');
			assert.deepEqual(mediaOf(null, content), { kind, type });
			assert.deepEqual(mediaOf('application/octet-stream', Buffer.concat([content, content])), { kind, type });
			assert.notEqual(mediaOf(null, content.subarray(0, -1)).type, type);
			for (const at of [...bytes].keys())
				if (bytes[at] !== '.') {
					const other = Buffer.from(content);
					other[at]!++;
					assert.notEqual(mediaOf(null, other).type, type, `${type}: byte ${at}`);
				}
			assert.notEqual(mediaOf(null, Buffer.concat([Buffer.from('.'), content])).type, type);
		}
	});

	it('follow the declared type if it says enough', () => {
		const kinds: Readonly<Record<string, readonly string[]>> = {
			json: ['application/json', 'text/json', 'application/problem+json', 'text/x.y-z+json'],
			text: [
				...['text/plain', 'text/css', 'image/svg+xml', 'application/xml', 'application/a.b+xml', 'application/yaml'],
				...['application/x-javascript', 'application/javascript', 'application/sql', 'application/json-seq'],
				...['application/x-www-form-urlencoded', 'application/xhtml+xml', 'application/graphql'],
			],
			image: ['image/png', 'image/x'],
			audio: ['audio/mpeg'],
			video: ['video/mp4'],
			font: ['font/woff2', 'application/font-woff', 'application/x-font-ttf'],
			archive: [
				'application/zip',
				'application/x-tar',
				'application/gzip',
				'application/vnd.rar',
				'application/java-archive',
			],
			document: [
				'application/pdf',
				'application/msword',
				'application/vnd.ms-excel',
				'application/vnd.oasis.opendocument.text',
			],
		};
		for (const [kind, types] of Object.entries(kinds))
			for (const type of types) {
				assert.deepEqual(mediaOf(`${type.toUpperCase()} ; a=b`, Buffer.from('abc')), { kind, type });
				assert.deepEqual(mediaOf(type, new Uint8Array(0)), { kind: 'empty', type });
			}
		for (const type of ['application/octet-stream', 'x/image', 'application/xjson', 'application/jsonx', ''])
			assert.deepEqual(mediaOf(type, Buffer.from('abc')), { kind: 'text', type: type === '' ? null : type });
	});

	it('are binary from one NUL, or more than a tenth of other control characters or invalid UTF-8, on', () => {
		const kindOf = (bytes: readonly number[], type: string | null = 'text/plain') =>
			mediaOf(type, Buffer.from(bytes)).kind;
		const text = (length: number, ...others: number[]) => [
			...others,
			...new Array<number>(length - others.length).fill(0x61),
		];
		for (const control of [0x01, 0x08, 0x0e, 0x1a, 0x1c, 0x1f, 0x7f]) {
			assert.equal(kindOf(text(10, control)), 'text', String(control));
			assert.equal(kindOf(text(19, control, control)), 'binary', String(control));
			assert.equal(kindOf(text(20, control, control)), 'text', String(control));
		}
		for (const usual of [0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x1b, 0x20, 0x7e, 0x80, 0xff])
			assert.equal(kindOf(new Array<number>(30).fill(usual)), 'text', String(usual));
		assert.equal(kindOf([...text(2047), 0]), 'binary');
		assert.equal(kindOf([...text(2048), 0]), 'text');
		assert.equal(kindOf([...text(1900), ...new Array<number>(205).fill(1)]), 'text');
		// Without a type: the first broken character may have been cut off.
		for (const type of [null, 'application/octet-stream']) {
			assert.equal(kindOf(text(10, 0xff), type), 'text');
			assert.equal(kindOf(text(20, 0xff, 0xff, 0xff), type), 'text');
			assert.equal(kindOf(text(19, 0xff, 0xff, 0xff), type), 'binary');
			assert.equal(kindOf([...text(2048), ...new Array<number>(2000).fill(0xff)], type), 'text');
		}
		// A charset explains the bytes, and so does UTF-16.
		assert.equal(kindOf(new Array<number>(20).fill(0xe4), 'application/octet-stream; charset=latin1'), 'text');
		assert.equal(kindOf(new Array<number>(20).fill(0xe4), 'application/octet-stream'), 'binary');
		for (const mark of [
			[0xff, 0xfe],
			[0xfe, 0xff],
		]) {
			assert.equal(kindOf([...mark, 0x61, 0, 0x62, 0], null), 'text');
			assert.equal(kindOf([...mark, 0x61, 0, 0x62, 0]), 'text');
			assert.equal(kindOf([mark[0]!, 0x61, 0x61, 0, 0x62, 0], null), 'binary');
			assert.equal(kindOf([0x61, mark[1]!, 0x61, 0, 0x62, 0], null), 'binary');
		}
		assert.equal(kindOf([0x61, 0, 0x62, 0], 'application/octet-stream; charset=UTF-16BE'), 'text');
		assert.equal(kindOf([0x61, 0, 0x62, 0], 'application/octet-stream; charset=utf-8'), 'binary');
	});

	for (const [contentType, content, kind, type] of cases) {
		it(`${contentType ?? 'no type'}, ${content.length} bytes: ${kind}`, () => {
			assert.deepEqual(mediaOf(contentType, content), { kind, type });
		});
	}
});

const directory = temporaryDirectory();
after(directory.remove);
let decoder: string | undefined;

/** Decodes in a separate process; the time is the best of five runs. */
function decodeAlone(coding: string, bytes: Uint8Array): DecodedAlone {
	if (decoder === undefined) {
		// Bundled, because it starts eight times.
		decoder = join(directory.path, 'decode-alone.mjs');
		const program = join(import.meta.dirname, '../../support/decode-alone.ts');
		buildSync({ entryPoints: [program], outfile: decoder, bundle: true, platform: 'node', format: 'esm' });
	}
	const { status, stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', decoder, coding], {
		input: bytes,
		encoding: 'utf8',
	});
	assert.equal(status, 0, stderr);
	return JSON.parse(stdout) as DecodedAlone;
}

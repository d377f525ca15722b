// Brotli, piece by piece.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brotliCompressSync, createBrotliCompress, constants as zlib } from 'node:zlib';
import { BrotliStream, brotliWindow } from '../../src/decode/brotli-stream.ts';

/** Compresses texts, and flushes after each. */
async function flushed(texts: readonly string[], windowBits: number): Promise<Buffer[]> {
	const params = { [zlib.BROTLI_PARAM_LGWIN]: windowBits, [zlib.BROTLI_PARAM_QUALITY]: 6 };
	const compressor = createBrotliCompress({ params });
	const pieces: Buffer[] = [];
	let piece: Buffer[] = [];
	compressor.on('data', (bytes: Buffer) => piece.push(bytes));
	for (const text of texts) {
		piece = [];
		compressor.write(text);
		await new Promise<void>((resolve) => compressor.flush(zlib.BROTLI_OPERATION_FLUSH, resolve));
		pieces.push(Buffer.concat(piece));
	}
	return pieces;
}

test('a piece is decoded as soon as the sender has flushed it, with any window', async () => {
	const texts = Array.from({ length: 23 }, (_, i) => `{"n":${i},"text":"the same again and again"}\n`.repeat(i + 1));
	for (let bits = 10; bits <= 24; bits++) {
		const pieces = await flushed(texts, bits);
		const stream = new BrotliStream(1 << 20);
		assert.deepEqual(
			pieces.map((piece) => stream.push(piece)?.toString()),
			texts,
		);
		assert.equal(brotliWindow(pieces[0]![0]!), 2 ** bits);
		assert.ok(stream.memoryBytes >= 2 ** bits);
		stream.close();
		// Byte by byte.
		const slow = new BrotliStream(1 << 20);
		const bytes = [...Buffer.concat(pieces)].map((byte) => slow.push(Uint8Array.of(byte))!);
		assert.equal(Buffer.concat(bytes).toString(), texts.join(''));
		slow.close();
	}
});

test('damaged streams, and pieces that become too long, are not decoded', () => {
	const damaged = new BrotliStream(1000);
	assert.equal(damaged.push(Buffer.from('this is not brotli, whatever follows')), undefined);
	assert.equal(damaged.push(brotliCompressSync('hello')), undefined);
	assert.equal(new BrotliStream(1000).push(brotliCompressSync('x'.repeat(1001))), undefined);
	assert.equal(new BrotliStream(1000).push(brotliCompressSync('x'.repeat(1000)))?.length, 1000);
});

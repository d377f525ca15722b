// Writing and reading recordings, including damaged ones.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { crc32, gunzipSync, gzipSync } from 'node:zlib';
import { CAPTURE_EVENT_HEADER_BYTES, EVENT_BYTES } from '../../decoder-as/assembly/wire/capture-event.ts';
import { UserError } from '../../src/base/errors.ts';
import { processUser } from '../../src/base/invoking-user.ts';
import { crc32c } from '../../src/capture/crc32c.ts';
import { bodyLimitMeta, FRAME_PAYLOAD_MAX, RecordingReader, RecordingWriter } from '../../src/capture/recording.ts';
import { damageText } from '../../src/capture/recording-damage.ts';
import { temporaryDirectory } from '../../support/servers.ts';

const directory = temporaryDirectory();
after(directory.remove);
let files = 0;
const newPath = () => join(directory.path, `recording-${files++}`);

/** Writes these batches to a recording; returns its bytes. */
function recorded(batches: readonly Uint8Array[], compress = false): { path: string; bytes: Buffer } {
	const path = newPath();
	const writer = new RecordingWriter(path, { host: 'test' }, { user: processUser(), compress });
	for (const batch of batches) writer.writeBatch(batch);
	writer.close();
	writer.close();
	return { path, bytes: readFileSync(path) };
}

/** Reads everything; returns the batches, the size of the gaps, and how the file ended. */
function readAll(path: string): { batches: Buffer[]; gaps: number[]; damage: RecordingReader['damage'] } {
	const reader = new RecordingReader(path, processUser());
	const into = new Uint8Array(FRAME_PAYLOAD_MAX);
	const batches: Buffer[] = [];
	const gaps: number[] = [];
	try {
		for (let length = reader.nextBatch(into); length > 0; length = reader.nextBatch(into)) {
			const read = Buffer.from(into.slice(0, length));
			// The record that replaces a gap: 88 bytes of a version that no decoder knows.
			if (length === CAPTURE_EVENT_HEADER_BYTES && read.readUInt32LE(0) === length)
				gaps.push(read.readUInt32LE(EVENT_BYTES));
			else batches.push(read);
		}
	} finally {
		reader.close();
	}
	return { batches, gaps, damage: reader.damage };
}

/** The same for a file with these bytes. */
function readBytes(bytes: Uint8Array): ReturnType<typeof readAll> {
	const path = newPath();
	writeFileSync(path, bytes);
	return readAll(path);
}

const batch = (fill: number, length: number) => Buffer.alloc(length, fill);
const sample = [batch(1, 96), batch(2, 8), batch(3, 65536)];

test('batches are read back as they were written', () => {
	const { path } = recorded(sample);
	const { batches, damage } = readAll(path);
	assert.equal(damage, undefined);
	assert.deepEqual(batches, sample);
});

test('a recording has mode 0600 and is never written through an existing file or link', () => {
	const { path } = recorded(sample);
	assert.equal(statSync(path).mode & 0o777, 0o600);
	assert.throws(() => new RecordingWriter(path, {}, { user: processUser() }), { code: 'ERR_FILE_EEXIST' });
	const link = newPath();
	const target = newPath();
	symlinkSync(target, link);
	assert.throws(() => new RecordingWriter(link, {}, { user: processUser() }), UserError);
	assert.throws(() => new RecordingWriter(link, {}, { force: true, user: processUser() }), UserError);
	assert.throws(() => statSync(target), { code: 'ENOENT' });
	new RecordingWriter(path, {}, { force: true, user: processUser() }).close();
	assert.ok(statSync(path).size < 200);
});

for (const compress of [false, true]) {
	const title = compress ? 'compressed' : 'plain';

	test(`each prefix of a ${title} recording gives its complete batches, the place where it ends, and what is missing`, () => {
		const path = newPath();
		const writer = new RecordingWriter(path, {}, { user: processUser(), compress });
		// For each batch, the file size from which on it is complete.
		const ends = [1, 2, 3].map((fill) => {
			writer.writeBatch(batch(fill, fill * 8));
			writer.flush();
			return writer.bytes;
		});
		const start = readFileSync(path).length - (ends[2]! - ends[0]!);
		writer.close();
		const bytes = readFileSync(path);
		const meta = compress ? bytes.readUInt32LE(16) : 16;
		for (let length = 0; length < bytes.length; length++) {
			const cut = newPath();
			writeFileSync(cut, bytes.subarray(0, length));
			if (length < meta) {
				assert.throws(() => new RecordingReader(cut, processUser()), { code: 'ERR_NOT_A_RECORDING' });
				continue;
			}
			const { batches, gaps, damage } = readAll(cut);
			const whole = ends.filter((end) => end <= length);
			assert.deepEqual(
				batches,
				[1, 2, 3].slice(0, whole.length).map((fill) => batch(fill, fill * 8)),
				`${length} bytes`,
			);
			assert.equal(damage?.what, 'truncated', `${length} bytes`);
			if (length < start) continue;
			// Either only the end frame is missing, or also part of a frame or block.
			const rest = length - Math.max(...whole);
			assert.equal(damage.missingBytes, rest, `${length} bytes`);
			assert.deepEqual(gaps, rest < 16 ? [] : [rest]);
			assert.equal(damage.offset, Math.max(...whole));
		}
	});

	test(`a flipped bit of a ${title} recording is found, and everything around it is read`, () => {
		const path = newPath();
		const writer = new RecordingWriter(path, {}, { user: processUser(), compress });
		const starts = [1, 2, 3].map((fill) => {
			writer.flush();
			const { bytes } = writer;
			writer.writeBatch(batch(fill, fill * 8));
			return bytes;
		});
		writer.flush();
		starts.push(writer.bytes);
		writer.close();
		const bytes = readFileSync(path);
		for (let bit = starts[0]! * 8; bit < bytes.length * 8; bit++) {
			const damaged = Buffer.from(bytes);
			damaged[bit >> 3]! ^= 1 << (bit & 7);
			const { batches, gaps, damage } = readBytes(damaged);
			if (compress && damage === undefined) {
				// Deflate has bits without meaning.
				assert.deepEqual(
					batches,
					[1, 2, 3].map((fill) => batch(fill, fill * 8)),
					`bit ${bit}`,
				);
				continue;
			}
			const hit = starts.findLastIndex((start) => start <= bit >> 3);
			const expected = [1, 2, 3].filter((fill) => fill - 1 !== hit).map((fill) => batch(fill, fill * 8));
			assert.deepEqual(batches, expected, `bit ${bit}`);
			assert.ok(damage !== undefined && damage.offset === starts[hit], `bit ${bit}: ${JSON.stringify(damage)}`);
			const isEnd = hit === 3;
			if (!isEnd) assert.equal(damage.what, 'damaged', `bit ${bit}`);
			const lost = (starts[hit + 1] ?? bytes.length) - starts[hit]!;
			assert.deepEqual([gaps, damage.missingBytes, damage.places], [[lost], lost, 1], `bit ${bit}`);
		}
	});
}

test('damaged frames are skipped, in several places and in succession', () => {
	const fills = [1, 2, 3, 4, 5, 6, 7, 8];
	const { bytes } = recorded(fills.map((fill) => batch(fill, 1000)));
	const size = 1016;
	const first = bytes.length - 16 - fills.length * size;
	for (const fill of [2, 5, 6]) bytes[first + (fill - 1) * size + 100] = 0xff;
	// The length of the last frame is damaged, too.
	bytes.writeUInt32LE(1 << 19, first + 7 * size);
	const { batches, gaps, damage } = readBytes(bytes);
	assert.deepEqual(
		batches.map(([fill]) => fill),
		[1, 3, 4, 7],
	);
	assert.deepEqual(gaps, [size, 2 * size, size]);
	assert.deepEqual([damage?.what, damage?.missingBytes, damage?.places], ['damaged', 4 * size, 3]);
	assert.equal(
		damageText(damage!),
		`is damaged at byte ${first + size}: a frame's checksum does not match its bytes; ${4 * size} bytes of the file could not be read in 3 places`,
	);
});

test('captured bytes that look like frames are not taken for frames after damage', () => {
	for (const compress of [false, true]) {
		const inner = recorded([randomBytes(64)], compress).bytes;
		// Not compressible, so the compressed file contains the bytes unchanged.
		const carrier = Buffer.concat([randomBytes(16_000), inner, randomBytes(8 - (inner.length % 8))]);
		const path = newPath();
		const writer = new RecordingWriter(path, {}, { user: processUser(), compress });
		writer.writeBatch(carrier);
		writer.flush();
		const end = writer.bytes;
		writer.writeBatch(batch(1, 96));
		writer.close();
		const bytes = readFileSync(path);
		const at = bytes.indexOf(inner);
		assert.ok(at > 0);
		// Damages its length, so that the next frame must be searched for.
		const start = compress ? bytes.readUInt32LE(16) + 20 : 32 + bytes.readUInt32LE(16);
		bytes[start]! ^= 8;
		const { batches, damage } = readBytes(bytes);
		assert.deepEqual(batches, [batch(1, 96)], compress ? 'compressed' : 'plain');
		assert.equal(damage!.offset + damage!.missingBytes, end);
	}
});

test('a search for the next frame ends soon, whatever the file contains', () => {
	const { bytes } = recorded([batch(1, 96)]);
	const frames = 200_000;
	const hostile = Buffer.alloc(frames * 16);
	for (let i = 0; i < frames; i++) {
		// Each claims a batch of a megabyte with a wrong checksum.
		hostile.writeUInt32LE(FRAME_PAYLOAD_MAX, i * 16);
		hostile.writeUInt32LE(2, i * 16 + 4);
		hostile.writeUInt32LE(bytes.readUInt32LE(12), i * 16 + 12);
	}
	const before = process.cpuUsage();
	const { damage } = readBytes(Buffer.concat([bytes.subarray(0, bytes.length - 16), hostile]));
	const { user, system } = process.cpuUsage(before);
	assert.equal(damage?.missingBytes, hostile.length);
	// All of it would be 200 GB.
	assert.ok(user + system < 5e6, `${(user + system) / 1000} ms`);
});

test('a compressed recording contains the plain one, and other compressed files are rejected, with the command that unpacks them', () => {
	const large = Array.from({ length: 40 }, (_, fill) => batch(fill, 40_000));
	const { path, bytes } = recorded(large, true);
	assert.deepEqual(readAll(path), { batches: large, gaps: [], damage: undefined });
	assert.ok(bytes.length < 40_000, `${bytes.length} bytes`);
	const unpacked = newPath();
	writeFileSync(unpacked, gunzipSync(bytes));
	assert.deepEqual(readAll(unpacked), { batches: large, gaps: [], damage: undefined });
	for (const [foreign, hint] of [
		[gzipSync(readFileSync(unpacked)), /gunzip/],
		[Buffer.from('28b52ffd00000000000000000000000000', 'hex'), /unzstd/],
	] as const) {
		const other = newPath();
		writeFileSync(other, foreign);
		assert.throws(() => new RecordingReader(other, processUser()), { code: 'ERR_NOT_A_RECORDING', hint });
	}
});

test('impossible lengths, other files and newer versions give different errors', () => {
	const { bytes } = recorded(sample);
	const huge = Buffer.from(bytes);
	huge.writeUInt32LE(0xffffffff, 16);
	const path = newPath();
	writeFileSync(path, huge);
	assert.deepEqual(readAll(path).damage?.what, 'damaged');
	const newer = Buffer.from(bytes);
	newer.writeUInt32LE(7, 8);
	const newerPath = newPath();
	writeFileSync(newerPath, newer);
	assert.throws(() => new RecordingReader(newerPath, processUser()), {
		code: 'ERR_RECORDING_VERSION',
		message: /version 1 to 2, got version 7/,
	});
	assert.throws(() => new RecordingReader(directory.path, processUser()), { code: 'ERR_NOT_A_RECORDING' });
	assert.throws(() => new RecordingReader(join(directory.path, 'missing'), processUser()), { code: 'ERR_FILE_ENOENT' });
});

test('frames have a CRC-32C; recordings of version 1, with zlib’s CRC-32, are read, too', () => {
	const bitwise = (bytes: Uint8Array) => {
		let crc = 0xffffffff;
		for (const byte of bytes) {
			crc ^= byte;
			for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
		}
		return ~crc >>> 0;
	};
	assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283);
	const bytes = Buffer.from(Array.from({ length: 41 }, (_, i) => (i * 83) % 256));
	for (let from = 0; from < 9; from++)
		for (let to = from; to <= bytes.length; to++) {
			const middle = (from + to) >> 1;
			const check = crc32c(bytes.subarray(middle, to), crc32c(bytes.subarray(from, middle)));
			assert.equal(check, bitwise(bytes.subarray(from, to)));
		}
	const first = recorded(sample).bytes;
	first.writeUInt32LE(1, 8);
	for (let at = 16; at < first.length; at += 16 + first.readUInt32LE(at)) {
		const payload = first.subarray(at + 16, at + 16 + first.readUInt32LE(at));
		assert.equal(first.readUInt32LE(at + 8), bitwise(Buffer.concat([first.subarray(at + 4, at + 8), payload])));
		first.writeUInt32LE(crc32(Buffer.concat([first.subarray(at + 4, at + 8), payload])), at + 8);
	}
	const path = newPath();
	writeFileSync(path, first);
	assert.deepEqual(readAll(path), { batches: sample, gaps: [], damage: undefined });
});

test('the body limit is read back, and only if it makes sense', () => {
	const readBack = (meta: Record<string, string | number>) => {
		const path = newPath();
		new RecordingWriter(path, meta, { user: processUser() }).close();
		const reader = new RecordingReader(path, processUser());
		reader.close();
		return reader.bodyLimit;
	};
	for (const limit of [0, 1, 65_536, 2 ** 40, Number.POSITIVE_INFINITY]) {
		assert.equal(readBack({ host: 'test', ...bodyLimitMeta(limit) }), limit);
	}
	assert.equal(readBack({}), undefined);
	for (const limit of ['', '65536', 'None', -1, 0.5, 2 ** 60]) assert.equal(readBack({ body_limit: limit }), undefined);
});

test('a recording whose first frame is a batch, or whose meta frame is not JSON, is read from the first batch on', () => {
	const { bytes } = recorded(sample);
	const metaEnd = 32 + bytes.readUInt32LE(16);
	const path = newPath();
	writeFileSync(path, Buffer.concat([bytes.subarray(0, 16), bytes.subarray(metaEnd)]));
	assert.deepEqual(readAll(path), { batches: sample, gaps: [], damage: undefined });
	const text = Buffer.from('not JSON');
	const frame = Buffer.alloc(16);
	frame.writeUInt32LE(text.length, 0);
	frame.writeUInt32LE(1, 4);
	frame.writeUInt32LE(crc32c(text, crc32c(Buffer.of(1, 0, 0, 0))), 8);
	bytes.copy(frame, 12, 12, 16);
	const odd = newPath();
	writeFileSync(odd, Buffer.concat([bytes.subarray(0, 16), frame, text, bytes.subarray(metaEnd)]));
	assert.deepEqual(readAll(odd), { batches: sample, gaps: [], damage: undefined });
});

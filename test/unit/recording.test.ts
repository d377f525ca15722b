// Writing and reading recordings, including damaged ones.
import assert from 'node:assert/strict';
import { readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { crc32 } from 'node:zlib';
import { UserError } from '../../src/base/errors.ts';
import { processUser } from '../../src/base/invoking-user.ts';
import { bodyLimitMeta, FRAME_PAYLOAD_MAX, RecordingReader, RecordingWriter } from '../../src/capture/recording.ts';
import { temporaryDirectory } from '../../support/servers.ts';

const directory = temporaryDirectory();
after(directory.remove);
let files = 0;
const newPath = () => join(directory.path, `recording-${files++}`);

/** Writes these batches to a recording and returns its bytes. */
function recorded(batches: readonly Uint8Array[]): { path: string; bytes: Buffer } {
	const path = newPath();
	const writer = new RecordingWriter(path, { host: 'test' }, { user: processUser() });
	for (const batch of batches) writer.writeBatch(batch);
	writer.close();
	writer.close();
	return { path, bytes: readFileSync(path) };
}

/** Reads everything; returns the batches and how the file ended. */
function readAll(path: string): { batches: Buffer[]; damage: RecordingReader['damage'] } {
	const reader = new RecordingReader(path, processUser());
	const into = new Uint8Array(FRAME_PAYLOAD_MAX);
	const batches: Buffer[] = [];
	try {
		for (let length = reader.nextBatch(into); length > 0; length = reader.nextBatch(into)) {
			batches.push(Buffer.from(into.slice(0, length)));
		}
	} finally {
		reader.close();
	}
	return { batches, damage: reader.damage };
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

test('each prefix of a recording gives its complete batches, and where it ends', () => {
	const { bytes } = recorded([batch(1, 16), batch(2, 24), batch(3, 8)]);
	const whole = recordedEnds(bytes);
	for (let length = 0; length < bytes.length; length++) {
		const path = newPath();
		writeFileSync(path, bytes.subarray(0, length));
		if (length < 16) {
			assert.throws(() => new RecordingReader(path, processUser()), { code: 'ERR_NOT_A_RECORDING' });
			continue;
		}
		const { batches, damage } = readAll(path);
		assert.equal(damage?.what, 'truncated', `prefix of ${length} bytes`);
		assert.equal(batches.length, whole.filter((end) => end <= length).length, `prefix of ${length} bytes`);
	}
});

test('a flipped bit is found, and everything before it is read', () => {
	const { bytes } = recorded([batch(1, 16), batch(2, 24), batch(3, 8)]);
	const ends = recordedEnds(bytes);
	for (let bit = 16 * 8; bit < bytes.length * 8; bit++) {
		const damaged = Buffer.from(bytes);
		damaged[bit >> 3]! ^= 1 << (bit & 7);
		const path = newPath();
		writeFileSync(path, damaged);
		const { batches, damage } = readAll(path);
		// The last four bytes of a frame's header are reserved: nothing depends on them.
		const at = bit >> 3;
		const reserved = damage === undefined;
		if (!reserved) {
			assert.ok(batches.length >= ends.filter((end) => end <= at).length, `bit ${bit}`);
			assert.ok(damage.offset <= at, `bit ${bit}`);
		}
		for (const [i, each] of batches.entries())
			assert.deepEqual(each, [batch(1, 16), batch(2, 24), batch(3, 8)][i], `bit ${bit}`);
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
		message: /version 1, got version 7/,
	});
	assert.throws(() => new RecordingReader(directory.path, processUser()), { code: 'ERR_NOT_A_RECORDING' });
	assert.throws(() => new RecordingReader(join(directory.path, 'missing'), processUser()), { code: 'ERR_FILE_ENOENT' });
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
	assert.deepEqual(readAll(path), { batches: sample, damage: undefined });
	const text = Buffer.from('not JSON');
	const frame = Buffer.alloc(16);
	frame.writeUInt32LE(text.length, 0);
	frame.writeUInt32LE(1, 4);
	frame.writeUInt32LE(crc32(text, crc32(Buffer.of(1, 0, 0, 0))), 8);
	const odd = newPath();
	writeFileSync(odd, Buffer.concat([bytes.subarray(0, 16), frame, text, bytes.subarray(metaEnd)]));
	assert.deepEqual(readAll(odd), { batches: sample, damage: undefined });
});

/** Offsets where each batch frame ends: header 16, then frames of 16 + length; the first is the meta frame. */
function recordedEnds(bytes: Buffer): number[] {
	const ends: number[] = [];
	for (let at = 16; at < bytes.length; ) {
		const length = bytes.readUInt32LE(at);
		const type = bytes.readUInt32LE(at + 4);
		at += 16 + length;
		if (type === 2) ends.push(at);
	}
	return ends;
}

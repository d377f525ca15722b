// The debug build of the decoder notices a broken invariant and reports what and where. The release build contains none
// of this.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newDecoder } from '../../support/decoded-rows.ts';
import { buildBatch, Tape } from '../../support/record-builder.ts';

/** Decodes with a size that is wrong by `by` bytes in the header of the block that holds the input. */
function decodeWithWrongSize(build: 'release' | 'debug', by: number): void {
	const tape = new Tape();
	tape.server(1).open().in('GET / HTTP/1.1\r\nHost: h\r\n\r\n').out('HTTP/1.1 204 No Content\r\n\r\n').close();
	const batch = buildBatch(tape.records);
	const decoder = newDecoder({}, build);
	decoder.input(batch.length).set(batch);
	const header = new DataView(decoder.memory.buffer, decoder.inputPointer(batch.length) - 8, 4);
	header.setUint32(0, header.getUint32(0, true) + by, true);
	decoder.decode(batch.length);
}

test('a broken invariant throws an exception with the message, the file and the line', () => {
	decodeWithWrongSize('debug', 0);
	assert.throws(
		() => decodeWithWrongSize('debug', 8),
		/^Error: assertion failed: the block before ends where this one begins \(decoder-as\/assembly\/memory\/memory\.ts:\d+:\d+\)$/,
	);
});

test('the release build makes no such checks', () => {
	assert.doesNotThrow(() => decodeWithWrongSize('release', 8));
});

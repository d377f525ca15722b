// Closed connections: the newest are kept, and evicted ones are counted.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionLog } from '../../src/store/connection-log.ts';

test('the newest connections are kept and all others are counted', () => {
	const log = new ConnectionLog(1 << 20);
	const entry = Buffer.alloc(200);
	const count = 20_011;
	for (let i = 1; i <= count; i++) {
		entry.writeUInt32LE(i);
		log.append(entry);
	}
	const kept = [...log.pieces()].flatMap((piece) =>
		Array.from({ length: piece.byteLength / entry.length }, (_, i) =>
			new DataView(piece.buffer, piece.byteOffset).getUint32(i * entry.length, true),
		),
	);
	assert.ok(log.evicted > 0);
	assert.equal(kept.length + log.evicted, count);
	assert.deepEqual(
		kept,
		Array.from(kept, (_, i) => log.evicted + 1 + i),
	);
	const after = (count: number) =>
		[...log.pieces(count)].map(({ byteLength }) => byteLength / entry.length).reduce((sum, each) => sum + each, 0);
	assert.deepEqual([after(0), after(log.evicted), after(count - 7), after(count)], [kept.length, kept.length, 7, 0]);
	log.clear();
	log.append(entry);
	assert.deepEqual([after(count), after(count + 1), log.appended], [1, 0, count + 1]);
	log.clear();
	assert.equal([...log.pieces()].length, 0);
	assert.ok(log.evicted < count);
});

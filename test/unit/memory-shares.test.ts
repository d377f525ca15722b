// How --max-memory is divided.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { segmentBytes } from '../../src/store/segment.ts';
import { memoryShares } from '../../src/threads/memory-shares.ts';
import { takeIn } from '../../support/traffic.ts';

const MIB = 2 ** 20;

test('the parts of --max-memory add up to the whole, and rows get the most', () => {
	for (const mib of [64, 96, 128, 256, 320, 512, 4096]) {
		const { store, decoder, connectionLog, statement } = memoryShares(mib * MIB);
		const all = store + decoder + connectionLog + statement;
		assert.ok(all <= mib * MIB && all >= (mib - 32) * MIB, `${mib} MiB: ${all} bytes`);
		if (mib >= 320) assert.equal(all, mib * MIB);
		assert.ok(store > statement && store > decoder && decoder >= 8 * MIB && connectionLog > 0, `${mib} MiB`);
	}
});

test('a million exchanges with small bodies fit in 512 MiB', () => {
	const { store: memoryBytes } = memoryShares(512 * MIB);
	const { store, rows } = takeIn(40_000, memoryBytes);
	assert.equal(store.rows, rows);
	// The segment being written counts in full, however many rows it has.
	const finished = store.snapshot().segments.slice(0, -1);
	const last = store.snapshot().segments.at(-1)!.handle;
	const bytes = store.memoryBytes - segmentBytes(last.rowCapacity, last.arenaCapacity);
	const finishedRows = finished.reduce((sum, segment) => sum + segment.rows, 0);
	assert.ok(finishedRows > 30_000, `${finishedRows} rows in finished segments`);
	const million = (bytes / finishedRows) * 1_000_000 + segmentBytes(last.rowCapacity, last.arenaCapacity);
	assert.ok(million < memoryBytes, `${Math.round(million / MIB)} MiB of ${Math.round(memoryBytes / MIB)} MiB`);
});

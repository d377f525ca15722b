// The first records of a recording of a running capture.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LOSS_MAP_FULL, LOSS_RING_FULL } from '../../decoder-as/assembly/wire/capture-event.ts';
import { clockRecord, lossRecord, processFact } from '../../src/capture/fact-record.ts';
import { LaterLoss } from '../../src/capture/recording-start.ts';

test('counters in a later recording begin at 0, whatever else is in the batch', () => {
	const later = new LaterLoss(
		Array.from({ length: 16 }, (_, reason) =>
			reason === LOSS_RING_FULL ? { events: 5, bytes: 100 } : { events: 0, bytes: 0 },
		),
	);
	const batch = (ring: [bigint, bigint]) =>
		Buffer.concat([
			clockRecord(7n, 8n),
			lossRecord(7n, LOSS_RING_FULL, ...ring),
			processFact(7n, 12, { comm: 'odd', cgroup: '', cmdline: 'a', exe: '/b' }),
			lossRecord(7n, LOSS_MAP_FULL, 2n, 0n),
		]);
	const before = batch([6n, 130n]);
	const unchanged = Buffer.from(before);
	assert.deepEqual(Buffer.from(later.rebased(before)), batch([1n, 30n]));
	assert.deepEqual(before, unchanged, 'the decoder reads the original');
	assert.deepEqual(Buffer.from(later.rebased(batch([4n, 90n]))), batch([0n, 0n]), 'never below 0');
});

// Reading again what an earlier statement saw, while rows come and go.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CaptureSnapshot, openDatabase, SegmentCache } from '../../src/store/database.ts';
import type { ExchangeStore } from '../../src/store/exchange-store.ts';
import { type Moment, momentOf, snapshotAt } from '../../src/store/moment.ts';
import { rowsOf } from '../../support/sql-run.ts';
import { takeIn } from '../../support/traffic.ts';

const NO_ENTRIES = new ArrayBuffer(0);
const SQL = 'SELECT id, path, status FROM exchanges ORDER BY id';

function snapshotOf(store: ExchangeStore, nowUs: number): CaptureSnapshot {
	return { store: store.snapshot(), entries: NO_ENTRIES, loss: [], nowUs };
}

const read = (snapshot: CaptureSnapshot) => rowsOf(SQL, openDatabase(snapshot, new SegmentCache()));

/** What was read after each batch of 500 exchanges, and what is read again at the end. */
function readAgain(memoryBytes: number) {
	const moments: { moment: Moment; rows: unknown[][] }[] = [];
	const { store } = takeIn(4000, memoryBytes, {
		afterBatch: (growing) => {
			const snapshot = snapshotOf(growing, moments.length);
			moments.push({ moment: momentOf(snapshot), rows: read(snapshot) });
			growing.release(snapshot.store.id);
		},
	});
	return moments.map(({ moment, rows }) => ({ rows, moment, ...snapshotAt(moment, snapshotOf(store, 99)) }));
}

test('later rows are absent, and the time is that of the moment', () => {
	const all = readAgain(64 << 20);
	assert.ok(all.length >= 8);
	for (const [index, { rows, snapshot, evicted }] of all.entries()) {
		assert.equal(evicted, 0);
		assert.equal(snapshot.nowUs, index);
		assert.deepEqual(read(snapshot), rows);
	}
	assert.ok(all[0]!.rows.length < all.at(-1)!.rows.length);
});

test('evicted rows are missing and counted', () => {
	const all = readAgain(512 << 10);
	// Rows of the first batch are finished with the second.
	assert.ok(all[1]!.rows.length > 100 && all[1]!.evicted === all[1]!.rows.length);
	for (const { rows, snapshot, evicted } of all) assert.deepEqual(read(snapshot), rows.slice(evicted));
	assert.equal(all.at(-1)!.evicted, 0);
});

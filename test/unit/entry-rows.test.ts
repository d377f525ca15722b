// Connections and blind spots as rows for a store: when a row is sent, and when a newer version of it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as layout from '../../decoder-as/assembly/wire/output-layout.ts';
import { EntryRows } from '../../src/agent/entry-rows.ts';

type Values = Readonly<Record<string, number>>;

/** Entries of one type; `values`: 64-bit numbers by offset, and 32-bit ones with a `u` in front. */
function entries(type: number, bytes: number, all: readonly Values[]): ArrayBuffer {
	const buffer = new ArrayBuffer(all.length * bytes);
	const view = new DataView(buffer);
	for (const [index, values] of all.entries()) {
		view.setUint32(index * bytes, bytes, true);
		view.setUint32(index * bytes + layout.ENTRY_TYPE, type, true);
		for (const [offset, value] of Object.entries(values)) {
			if (offset.startsWith('u')) view.setUint32(index * bytes + Number(offset.slice(1)), value, true);
			else view.setFloat64(index * bytes + Number(offset), value, true);
		}
	}
	return buffer;
}

function connection(id: number, opened: number, closed: number, bytesIn: number): Values {
	return {
		[layout.CONNECTION_ID]: id,
		[layout.CONNECTION_OPENED]: opened,
		[layout.CONNECTION_CLOSED]: closed,
		[layout.CONNECTION_BYTES_IN]: bytesIn,
	};
}

const OPEN = Number.NaN;

test('a connection is sent when it has ended, and before that whenever it was used; its time stays the same', () => {
	const rows = new EntryRows(5_000_000);
	const of = (nowUs: number, ...all: Values[]) =>
		rows
			.connections({ entries: entries(layout.ENTRY_CONNECTION, layout.CONNECTION_FIXED_BYTES, all), nowUs })
			.map(([members, us]) => {
				const { id, opened_us, closed_us, last_ts_us, bytes_in, opened } = JSON.parse(`{${members}}`);
				assert.equal(opened, new Date(opened_us / 1000).toISOString().replace('Z', '000Z'));
				assert.equal(us, opened_us);
				return [id, opened_us, closed_us, last_ts_us, bytes_in];
			});
	assert.deepEqual(of(9_000_000, connection(1, 6_000_000, 7_000_000, 10), connection(2, 6_000_000, OPEN, 10)), [
		[1, 6_000_000, 7_000_000, 7_000_000, 10],
		[2, 6_000_000, null, 9_000_000, 10],
	]);
	// Nothing is new, or open connections were not asked for.
	assert.deepEqual(of(10_000_000, connection(2, 6_000_000, OPEN, 10)), []);
	assert.deepEqual(of(11_000_000), []);
	// The clock was set, and the connection used.
	assert.deepEqual(of(1_000_000, connection(2, 3_000_000, OPEN, 11), connection(3, OPEN, OPEN, 0)), [
		[2, 6_000_000, null, 1_000_000, 11],
		[3, 5_000_000, null, 1_000_000, 0],
	]);
	assert.deepEqual(of(2_000_000, connection(2, 3_000_000, 1_500_000, 11)), [[2, 6_000_000, 1_500_000, 1_500_000, 11]]);
});

test('a blind spot is sent when it is new, an hour later if it continues, and at the end', () => {
	const rows = new EntryRows(0);
	const spot = (pid: number, times: number, last: number): Values => ({
		[`u${layout.BLIND_SPOT_PID}`]: pid,
		[`u${layout.BLIND_SPOT_WHAT}`]: 2,
		[layout.BLIND_SPOT_TIMES]: times,
		[layout.BLIND_SPOT_LAST_TS]: last,
	});
	const of = (nowMs: number, isLast: boolean, ...all: Values[]) =>
		rows
			.blindSpots(
				{ entries: entries(layout.ENTRY_BLIND_SPOT, layout.BLIND_SPOT_FIXED_BYTES, all), nowUs: 99_000 },
				nowMs,
				isLast,
			)
			.map(([members]) => {
				const { pid, times, ts_us, last_ts_us } = JSON.parse(`{${members}}`);
				return [pid, times, ts_us, last_ts_us];
			});
	const hour = 3_600_000;
	assert.deepEqual(of(0, false, spot(7, 1, 1000)), [[7, 1, 1000, 1000]]);
	assert.deepEqual(of(hour - 1, false, spot(7, 2, 2000), spot(8, 1, 2000)), [[8, 1, 2000, 2000]]);
	assert.deepEqual(of(hour, false, spot(7, 3, 3000), spot(8, 2, 3000)), [[7, 3, 1000, 3000]]);
	// It does not continue.
	assert.deepEqual(of(9 * hour, false, spot(7, 3, 3000), spot(8, 1, 2000)), []);
	assert.deepEqual(of(9 * hour, true, spot(7, 3, 3000), spot(8, 4, 4000)), [[8, 4, 2000, 4000]]);
});

// The wall clock is set while exchanges are open.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeRecords } from '../../support/decoded-rows.ts';
import { Tape } from '../../support/record-builder.ts';

const START_NS = 1_700_000_000_000_000_000n;
const HOUR_NS = 3_600_000_000_000n;
const HOUR_US = 3_600_000_000;

for (const [name, step] of [
	['an hour ahead', 1],
	['an hour back', -1],
] as const) {
	test(`AT-25 wall clock step: ${name}, durations are never negative and the order stays`, () => {
		const tape = new Tape();
		const connection = tape.server(1);
		const shifts = [0, 0, step, step, 0, 0];
		/** The wall clock at this instant, set `hours` away. */
		const set = (hours: number) => tape.clock(START_NS + tape.timeNs + BigInt(hours) * HOUR_NS);
		for (const [i, hours] of shifts.entries()) {
			set(shifts[i - 1] ?? 0);
			connection.in(`GET /${i} HTTP/1.1\r\nHost: h\r\n\r\n`);
			// Set between the request and its response.
			set(hours);
			connection.out('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n');
			connection.out('ok');
		}
		const { exchanges } = decodeRecords(tape.records, { recordsPerBatch: 1 });
		assert.deepEqual(
			exchanges.map(({ path }) => path),
			shifts.map((_, i) => `/${i}`),
		);
		const durations = exchanges.map(({ durationMs }) => durationMs);
		assert.ok(
			durations.every((each) => each !== null && each > 0 && each < 1000),
			`durations ${durations}`,
		);
		const firstTs = exchanges[0]!.ts;
		const hours = exchanges.map(({ ts }) => Math.round((ts - firstTs) / HOUR_US));
		assert.ok(hours.includes(step), `the step shows in ts: ${hours}`);
		assert.equal(hours.at(-1), 0, 'and so does the step back');
	});
}

// The rows are the same however the bytes arrive: in records of any size, in batches of any size, with connections and
// directions interleaved in any order that the kernel could produce.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import * as wire from '../../decoder-as/assembly/wire/capture-event.ts';
import { makeConversation, SCRIPTS } from '../../support/conversations.ts';
import { cutRecords, merge } from '../../support/cut-records.ts';
import { decodeRecords } from '../../support/decoded-rows.ts';
import { comparable } from '../../support/loss.ts';

const sizes = fc.oneof(
	fc.constant([1]),
	fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 8 }),
	fc.constant([100_000]),
);
const picks = fc.array(fc.nat(11), { minLength: 1, maxLength: 40 });

const wholeRows = SCRIPTS.map((script) => decodeRecords(makeConversation(script).tape.records).exchanges);

test('conversations on several connections, cut and interleaved in any way, make the rows that each makes alone', () => {
	fc.assert(
		fc.property(
			fc.array(fc.record({ script: fc.nat(SCRIPTS.length - 1), sizes, calls: fc.boolean() }), {
				minLength: 1,
				maxLength: 4,
			}),
			picks,
			fc.integer({ min: 1, max: 200 }),
			(talks, order, recordsPerBatch) => {
				const tapes = talks.map((talk, i) =>
					cutRecords(makeConversation(SCRIPTS[talk.script]!, i + 1).tape.records, talk.sizes, talk.calls),
				);
				const { exchanges } = decodeRecords(merge(tapes, order), { recordsPerBatch });
				for (const [i, { script }] of talks.entries()) {
					const rows = exchanges.filter((row) => row.conn === i + 1).map((row) => comparable({ ...row, conn: 1 }));
					assert.deepEqual(rows, wholeRows[script]!.map(comparable), SCRIPTS[script]!.name);
				}
			},
		),
		{ numRuns: 150, seed: 2 },
	);
});

test('the two directions of one batch may come in any order', () => {
	fc.assert(
		fc.property(fc.nat(SCRIPTS.length - 1), sizes, fc.boolean(), picks, (script, cut, calls, order) => {
			const records = cutRecords(makeConversation(SCRIPTS[script]!).tape.records, cut, calls);
			const way = (record: Uint8Array) =>
				record[wire.EVENT_KIND] === wire.CAPTURE_DATA ? record[wire.EVENT_DIRECTION] : 0;
			const first = records.findIndex((record) => way(record) !== 0);
			const last = records.findLastIndex((record) => way(record) !== 0);
			const middle = records.slice(first, last + 1);
			assert.ok(middle.every((record) => way(record) !== 0));
			const mixed = merge(
				[wire.DIRECTION_IN, wire.DIRECTION_OUT].map((direction) => middle.filter((one) => way(one) === direction)),
				order,
			);
			const { exchanges } = decodeRecords([...records.slice(0, first), ...mixed, ...records.slice(last + 1)]);
			assert.deepEqual(exchanges.map(comparable), wholeRows[script]!.map(comparable), SCRIPTS[script]!.name);
		}),
		{ numRuns: 150, seed: 3 },
	);
});

test('a conversation in two records gives the same rows wherever it is cut', () => {
	for (const [i, script] of SCRIPTS.entries()) {
		if (!['plain, server', 'mixed, client'].includes(script.name)) continue;
		const { records } = makeConversation(script).tape;
		const longest = Math.max(...records.map((record) => record.length)) - wire.CAPTURE_EVENT_HEADER_BYTES;
		for (let at = 1; at < longest; at++) {
			const { exchanges } = decodeRecords(cutRecords(records, [at, 100_000], true));
			assert.deepEqual(exchanges.map(comparable), wholeRows[i]!.map(comparable), `${script.name} at ${at}`);
		}
	}
});

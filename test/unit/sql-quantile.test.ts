// Quantiles by quickselect.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quantile } from '../../src/sql/functions/quantile.ts';
import { seeded } from '../../support/sql-sample.ts';

/** The quantile found by sorting. */
function expected(values: Float64Array, q: number): number {
	const sorted = values.slice().sort();
	const at = q * (sorted.length - 1);
	const below = sorted[Math.floor(at)]!;
	const above = sorted[Math.ceil(at)]!;
	return below === above ? below : below + (above - below) * (at - Math.floor(at));
}

const SHAPES: readonly ((index: number, count: number, random: () => number) => number)[] = [
	(index) => index,
	(index, count) => count - index,
	(index, count) => Math.abs(index - count / 2),
	(index) => index % 3,
	() => 1,
	(index) => (index % 2 === 0 ? Number.NEGATIVE_INFINITY : index),
	(_index, _count, random) => Math.floor(random() * 10),
	(_index, _count, random) => random() * 1e9 - 5e8,
];

test('a quantile equals the one found by sorting, whatever the order of the values', () => {
	const random = seeded(3);
	for (const shape of SHAPES) {
		for (const count of [1, 2, 3, 31, 32, 33, 34, 100, 997, 20_011]) {
			const values = Float64Array.from({ length: count }, (_, index) => shape(index, count, random));
			for (const q of [0, 0.25, 0.5, 0.9, 0.95, 0.99, 1, random()]) {
				assert.equal(
					quantile(values.slice(), q, () => undefined),
					expected(values, q),
					`${shape} ${count} ${q}`,
				);
			}
		}
	}
	assert.equal(
		quantile(new Float64Array(), 0.5, () => undefined),
		null,
	);
});

test('a quantile of many values checks for cancellation', () => {
	const values = Float64Array.from({ length: 100_003 }, (_, index) => (index * 7919) % 100_003);
	assert.throws(
		() =>
			quantile(values, 0.5, () => {
				throw new Error('cancelled');
			}),
		/cancelled/,
	);
});

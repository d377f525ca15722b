// The interval of a median of paired ratios.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { geometricMean, medianWithInterval } from '../../support/paired-ratios.ts';

test('the interval of 15 ratios, in any order, reaches from the third smallest to the third largest', () => {
	const ratios = [8, 3, 15, 1, 12, 6, 10, 2, 14, 5, 9, 4, 13, 7, 11];
	assert.deepEqual(medianWithInterval(ratios), { median: 8, low: 3, high: 13 });
});

test('more rounds leave out more at both ends, and the median of an even number is between the middle two', () => {
	const upTo = (count: number) => medianWithInterval(Array.from({ length: count }, (_, i) => i + 1));
	assert.deepEqual(upTo(16), { median: 8.5, low: 3, high: 14 });
	assert.deepEqual(upTo(31), { median: 16, low: 8, high: 24 });
});

test('the interval contains the true median in 99 of 100 samples, even of a skewed distribution', () => {
	let state = 1;
	const random = () => {
		state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
		return state / 2 ** 32;
	};
	// A long tail on one side, as measured times have: the median of 1 / (1 - u) is 2.
	let misses = 0;
	for (let sample = 0; sample < 4000; sample++) {
		const { low, high } = medianWithInterval(Array.from({ length: 15 }, () => 1 / (1 - random())));
		if (low > 2 || high < 2) misses++;
	}
	// 29 are expected (0.74 %).
	assert.ok(misses > 5 && misses < 60, `${misses} of 4000`);
});

test('the mean of half and double speed is equal speed', () => {
	assert.ok(Math.abs(geometricMean([0.5, 2]) - 1) < 1e-12);
});

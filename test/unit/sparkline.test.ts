// spark(): numbers as bars.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sparkline } from '../../src/sql/functions/sparkline.ts';

test('bars grow from 0 up, or from the smallest number if that is negative', () => {
	assert.equal(sparkline([0, 1, 2, 3, 4, 5, 6, 7, 8]), '▁▂▃▄▅▆▇██');
	assert.equal(sparkline([5, 5, 5]), '███');
	assert.equal(sparkline([0, 0]), '▁▁');
	assert.equal(sparkline([-4, 0, 4]), '▁▅█');
	assert.equal(sparkline([1, null, 1]), '█ █');
	assert.equal(sparkline([]), '');
	assert.equal(sparkline([1, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]), '██▁');
});

test('more than 60 numbers give 60 bars, each the mean of its stretch', () => {
	const bars = sparkline(Array.from({ length: 600 }, (_, i) => (i < 300 ? 0 : 1e308)));
	assert.equal(bars, '▁'.repeat(30) + '█'.repeat(30));
	const rising = [...sparkline(Array.from({ length: 61 }, (_, i) => i))];
	assert.equal(rising.length, 60);
	assert.deepEqual(rising, [...rising].sort());
	assert.equal(sparkline(Array.from({ length: 120 }, (_, i) => (i % 2 === 0 ? null : 3))), '█'.repeat(60));
});

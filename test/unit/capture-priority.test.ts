// When the capture thread asks for a higher priority.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { capturePriority } from '../../src/threads/capture-priority.ts';

test('the capture thread has a higher priority while much input is waiting, and gives it up some time later', () => {
	const set: boolean[] = [];
	const priority = capturePriority(1000, (on) => set.push(on));
	for (let ms = 0; ms < 2000; ms += 10) priority.came(1000, ms);
	assert.deepEqual(set, []);
	priority.came(1001, 2000);
	priority.came(5000, 2010);
	assert.deepEqual(set, [true]);
	priority.came(10, 2400);
	priority.came(2000, 2450);
	priority.came(0, 2950);
	assert.deepEqual(set, [true]);
	priority.came(0, 2951);
	priority.came(0, 9999);
	assert.deepEqual(set, [true, false]);
	priority.came(1001, 10_000);
	assert.deepEqual(set, [true, false, true]);
});

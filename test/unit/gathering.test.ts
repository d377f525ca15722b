// How long records gather before they are read.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Gathering } from '../../src/capture/gathering.ts';

test('records gather for longer when no process was new for five seconds', () => {
	let now = 1000;
	const gathering = new Gathering(25, 50, () => now);
	const after = (ms: number) => {
		now += ms;
		return gathering.ms;
	};
	assert.deepEqual([after(0), after(4999), after(1), after(60_000)], [25, 25, 50, 50]);
	gathering.note();
	assert.deepEqual([after(0), after(4999)], [25, 25]);
	gathering.note();
	assert.deepEqual([after(4999), after(1)], [25, 50]);
});

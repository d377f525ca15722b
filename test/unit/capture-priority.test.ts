// What share of the CPU the capture thread asks for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CaptureShare, capturePriority } from '../../src/capture-priority.ts';

const WAIT_MS = 20;

/** Looks every WAIT_MS until `end`, each with so many bytes. Returns the time of the last look. */
function looks(priority: ReturnType<typeof capturePriority>, from: number, end: number, bytes: number): number {
	let ms = from;
	for (; ms < end; ms += WAIT_MS) priority.came(bytes, ms, WAIT_MS);
	return ms - WAIT_MS;
}

test('the capture thread takes spare time at a moderate load, and comes first while much is waiting', () => {
	const set: CaptureShare[] = [];
	const priority = capturePriority({ moderate: 500, much: 1000 }, (share) => set.push(share));
	looks(priority, 0, 520, 500);
	assert.deepEqual(set, []);
	let ms = looks(priority, 520, 2000, 500);
	assert.deepEqual(set, ['spare']);
	priority.came(1001, ms + 5, WAIT_MS);
	priority.came(5000, ms + 10, WAIT_MS);
	assert.deepEqual(set, ['spare', 'hurried']);
	ms = looks(priority, ms + 20, ms + 520, 1000);
	assert.deepEqual(set, ['spare', 'hurried']);
	// More than moderate: like others, without coming first.
	ms = looks(priority, ms + WAIT_MS, ms + 2000, 501);
	assert.deepEqual(set, ['spare', 'hurried', 'usual']);
	ms = looks(priority, ms + WAIT_MS, ms + 480, 500);
	assert.deepEqual(set, ['spare', 'hurried', 'usual']);
	looks(priority, ms + WAIT_MS, ms + 2000, 0);
	assert.deepEqual(set, ['spare', 'hurried', 'usual', 'spare']);
});

test('where there is no time to spare the capture thread takes its turn like others, longer each time', () => {
	const set: [CaptureShare, number][] = [];
	let ms = 0;
	const priority = capturePriority({ moderate: 500, much: 1000 }, (share) => set.push([share, ms]));
	const look = (after: number, wait = WAIT_MS) => {
		ms += after;
		priority.came(10, ms, wait);
	};
	const until = (share: CaptureShare) => {
		for (let i = 0; i < 100_000 && set.at(-1)?.[0] !== share; i++) look(WAIT_MS);
		return set.at(-1)![1];
	};
	const turns: number[] = [];
	for (let turn = 0; turn < 9; turn++) {
		until('spare');
		look(WAIT_MS + 100);
		assert.equal(set.at(-1)![0], 'spare', 'a little late');
		look(WAIT_MS + 101);
		assert.equal(set.at(-1)![0], 'usual', 'too late');
		const from = ms;
		turns.push(Math.floor((until('spare') - from) / 1000));
	}
	assert.deepEqual(turns, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
	// One that may wait for long is not late when it did.
	look(300, 250);
	assert.equal(set.at(-1)![0], 'spare');
});

// Times shown in a chosen zone.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { displayedTime } from '../../src/output/displayed-time.ts';

const INSTANT = '2026-11-22T15:55:28.546123Z';

test('a displayed time has the offset of its zone, and the same microseconds', () => {
	assert.equal(displayedTime('Europe/Berlin').whole(INSTANT), '2026-11-22T16:55:28.546123+01:00');
	assert.equal(displayedTime('Europe/Berlin').whole('2026-07-01T23:30:00.000001Z'), '2026-07-02T01:30:00.000001+02:00');
	assert.equal(displayedTime('America/St_Johns').whole(INSTANT), '2026-11-22T12:25:28.546123-03:30');
	assert.equal(displayedTime('Asia/Kolkata').clock(INSTANT), '21:25:28.546');
});

test('utc leaves every text unchanged, and any zone leaves texts that are not times unchanged', () => {
	assert.equal(displayedTime('utc').whole(INSTANT), INSTANT);
	assert.equal(displayedTime('utc').clock(INSTANT), '15:55:28.546');
	assert.equal(displayedTime('Europe/Berlin').whole('yesterday'), 'yesterday');
});

test('local is the zone of the process', () => {
	const before = process.env.TZ;
	try {
		process.env.TZ = 'America/New_York';
		assert.equal(displayedTime('local').whole(INSTANT), '2026-11-22T10:55:28.546123-05:00');
	} finally {
		if (before === undefined) delete process.env.TZ;
		else process.env.TZ = before;
	}
});

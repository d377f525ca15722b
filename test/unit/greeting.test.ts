// The greeting of the prompt and its suggestions.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readLine } from '../../src/shell/command-names.ts';
import { greeting, suggestions } from '../../src/shell/greeting.ts';
import { isComplete } from '../../src/sql/sql.ts';

test('the greeting fits 80 columns, and suggests three things to type that fit what has been seen', () => {
	const nothing = { exchanges: 0, failed: null, sendfile: null, slowest: null };
	const lines = [
		suggestions(undefined),
		suggestions(nothing),
		suggestions({ exchanges: 5, failed: 4, sendfile: 3, slowest: 2 }),
		suggestions({ exchanges: 5, failed: null, sendfile: 3, slowest: 2 }),
		suggestions({ exchanges: 5, failed: null, sendfile: null, slowest: 123_456_789 }),
	];
	for (const line of [greeting(), ...lines]) assert.ok(line.length < 80, line);
	for (const line of lines) {
		const things = line.replace(/^Try: /, '').split('   ');
		assert.equal(things.length, 3, line);
		for (const thing of things) assert.ok(readLine('', thing).command !== undefined || isComplete(thing), thing);
	}
	assert.equal(new Set(lines).size, lines.length);
	assert.match(lines[2]!, /status >= 500;.*\.show 4 /);
	assert.match(lines[3]!, /sendfile.*\.show 3 /);
	assert.match(lines[4]!, /\.show 123456789 /);
});

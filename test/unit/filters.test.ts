// What `.capture` takes in the shell.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../src/base/errors.ts';
import { parseFilters } from '../../src/shell/filters.ts';

test('filters are words with values, written plainly or like options', () => {
	const wanted = { pids: [12, 13], comms: ['nginx'], ports: [8080] };
	assert.deepEqual(parseFilters('port 8080 comm nginx pid 12 13'), wanted);
	assert.deepEqual(parseFilters('--port 8080 --comm nginx --pid 12,13'), wanted);
	assert.deepEqual(parseFilters('all'), { pids: [], comms: [], ports: [] });
});

test('a filter without its value is refused: it would let everything through', () => {
	for (const [text, expected] of [
		['port', /expected a value after port, got none/],
		['port comm nginx', /expected a value after port, got none/],
		['comm nginx pid', /expected a value after pid, got none/],
		['8080', /expected all, or pid, comm or port with values, got "8080"/],
		['port 70000', /port/],
	] as const) {
		assert.throws(
			() => parseFilters(text),
			(error) => error instanceof UserError && expected.test(error.message),
			text,
		);
	}
});

// native/ring_reader.cc on a ring that the test writes, including cases that rarely occur with the kernel.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { temporaryDirectory } from '../../support/servers.ts';

const ROOT = join(import.meta.dirname, '../..');
let lines = new Map<string, string>();

before(() => {
	const directory = temporaryDirectory();
	const program = join(directory.path, 'ring_reader');
	try {
		const sources = ['test/fixtures/ring_reader.cc', 'native/ring_reader.cc'].map((file) => join(ROOT, file));
		execFileSync(process.env.CXX ?? 'g++', ['-std=c++17', '-O1', '-o', program, ...sources, '-pthread']);
		const output = execFileSync(program, { encoding: 'utf8', timeout: 60_000 });
		lines = new Map(output.split('\n').map((line) => [line.split(' ')[0]!, line.split(' ').slice(1).join(' ')]));
	} finally {
		directory.remove();
	}
});

test('records that wrap around the end of the ring, or of what is mapped of it, are whole', () => {
	// The last of 1,200 records.
	assert.equal(lines.get('wrapped'), 'd16199');
});

test('at the end of a capture, a record that is still being written is waited for', () => {
	assert.equal(lines.get('late'), 'a100b200c300 passed 0 0');
});

test('a record that is never finished is counted, and those after it are read', () => {
	assert.equal(lines.get('never'), 'a100c300 passed 1 200');
});

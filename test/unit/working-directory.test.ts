// Errors in a working directory that has been removed.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

test('a thread that cannot start because the working directory has been removed is explained, and so is a relative name', () => {
	const script = `
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { explainedByDirectory, shortPath } from ${JSON.stringify(join(import.meta.dirname, '../../src/base/working-directory.ts'))};
const directory = mkdtempSync(join(tmpdir(), 'tinytap-removed-'));
process.chdir(directory);
rmdirSync(directory);
const say = (error) => console.log(explainedByDirectory(error).message);
try { resolve('x'); } catch (error) { say(error); }
console.log(shortPath('/a/b'));
say(new Error('another'));
new Worker('', { eval: true }).on('error', say);
`;
	const words = ['--import', import.meta.resolve('tsx'), '--input-type=module', '--eval', script];
	const removed = 'the working directory has been removed';
	assert.deepEqual(execFileSync(process.execPath, words, { encoding: 'utf8' }).trim().split('\n'), [
		removed,
		'/a/b',
		'another',
		removed,
	]);
});

// docs/tinytap.1 as man shows it. npm run lint checks that it is what the tables of commands say.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

test('man shows the manual page without a warning, and words and options are as they are typed', () => {
	const page = join(import.meta.dirname, '../../docs/tinytap.1');
	const { status, stdout, stderr } = spawnSync('man', ['--warnings', '-l', page], {
		encoding: 'utf8',
		env: { ...process.env, MANWIDTH: '100', LC_ALL: 'C.UTF-8', MAN_KEEP_FORMATTING: '', PAGER: 'cat', MANPAGER: 'cat' },
	});
	assert.equal(status, 0, stderr);
	assert.equal(stderr, '');
	for (const words of [
		'tinytap tail',
		'--where condition',
		'--no-color',
		'.watch [SECONDS] STATEMENT',
		'\\gx',
		'~/.config/tinytap/rc.sql',
	])
		assert.ok(stdout.includes(words), `${words} is not in the page:\n${stdout}`);
	assert.match(stdout, /^ {7}130\s+interrupted$/m);
});

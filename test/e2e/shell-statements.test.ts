// Long statements, parameters and Tab at a prompt, over a recording.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openTerminal } from '../support/terminal.ts';
import { CLI, NODE_FLAGS, runTinytap } from '../support/tinytap.ts';

const SHELL = `${process.execPath} ${NODE_FLAGS.join(' ')} ${CLI} --replay recordings/demo.tinytap`;
const ENDLESS = 'SELECT count(*) FROM headers a, headers b, headers c, headers d, headers e WHERE a.name < b.name;';

test('a long statement says so, makes room for what is typed, and leaves no trace when Ctrl-C ends it', async () => {
	const terminal = await openTerminal(SHELL);
	try {
		await terminal.shows('tinytap>');
		await terminal.type(ENDLESS);
		await terminal.press('Enter');
		await terminal.shows(/^running for \d+\.\d s, [\d,]+ rows read; Ctrl-C ends it$/);
		await terminal.type("SELECT 'ahead';");
		const typing = await terminal.shows(/^SELECT 'ahead';$/);
		assert.doesNotMatch(typing, /running for/);
		await terminal.press('C-c');
		const after = await terminal.shows(/^tinytap> SELECT 'ahead';$/);
		assert.match(after, /the statement was cancelled \[ERR_SQL_CANCELLED\]/);
		assert.doesNotMatch(after, /running for/);
		await terminal.press('Enter');
		await terminal.shows(/^ ahead\b/);
	} finally {
		await terminal.close();
	}
});

test('parameters, views and Tab work at the prompt', async () => {
	const terminal = await openTerminal(SHELL);
	try {
		await terminal.shows('tinytap>');
		for (const line of [
			'CREATE VIEW my_paths AS SELECT path FROM exchanges;',
			'.tables',
			".param wanted 'it''s'",
			'SELECT :wanted AS given;',
			'.param wanted',
			'SELECT :wanted AS given;',
		]) {
			await terminal.type(line);
			await terminal.press('Enter');
		}
		const screen = await terminal.shows('the parameter :wanted has no value');
		assert.match(screen, /^my_paths \(view\)$/m);
		assert.match(screen, /^ it's\b/m);
		await terminal.type('SELECT count(*) FROM my_p');
		await terminal.press('Tab');
		await terminal.shows(/^tinytap> SELECT count\(\*\) FROM my_paths$/);
	} finally {
		await terminal.close();
	}
});

test('--timeout ends a statement with an error that says what to do', async () => {
	const { code, stdout, stderr } = await runTinytap([
		'query',
		ENDLESS,
		'--replay',
		'recordings/demo.tinytap',
		'--timeout',
		'300ms',
	]);
	assert.equal(code, 1);
	assert.equal(stdout, '');
	assert.match(stderr, /time limit of 0\.3 s \[ERR_SQL_TIME_LIMIT\]\n.*hint:.*--timeout/s);
});

test('--set gives a parameter of tinytap query a value', async () => {
	const { code, stdout } = await runTinytap([
		'query',
		'SELECT :n + 1 AS sum, :word AS word',
		'--replay',
		'recordings/demo.tinytap',
		'--set',
		'n=41',
		'--set',
		'word=a=b',
		'--format',
		'json',
	]);
	assert.equal(code, 0);
	assert.deepEqual(JSON.parse(stdout), [{ sum: 42, word: 'a=b' }]);
});

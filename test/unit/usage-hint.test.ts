// Hints of command-line errors for users of other tools.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command } from 'commander';
import { addCaptureOptions, addEndOptions } from '../../src/commands/options.ts';
import { commandHint, usageHint } from '../../src/commands/usage-hint.ts';

test('an unknown command that is a file or a statement leads to the right command', () => {
	const names = ['query', 'tail', 'doctor'];
	const hint = (word: string) => commandHint(word, names);
	assert.match(hint('demo.tinytap'), /--replay FILE/);
	assert.match(hint('./traffic'), /--replay FILE/);
	assert.match(hint('checks/latency.sql'), /tinytap run FILE/);
	assert.match(hint('SELECT 1'), /tinytap query "SQL"/);
	assert.equal(hint('quary'), 'Did you mean query?');
	assert.match(hint('shell'), /^`tinytap` without a command opens the shell/);
	assert.match(hint('replay'), /--replay FILE/);
	assert.match(hint('nothing like it'), /tinytap query/);
	assert.match(hint('nothing'), /--help/);
	// What is guessed here names no command.
	const commands = [
		'query',
		'tail',
		'run',
		'record',
		'queries',
		'info',
		'merge',
		'completion',
		'help',
		'version',
		'doctor',
	];
	for (const name of commands) assert.match(commandHint(name, commands), /^Did you mean/, name);
});

test('options of other tools lead to the ones that exist', () => {
	const hint = (option: string) => usageHint(`error: unknown option '${option}'`);
	assert.match(hint('-r'), /^--replay FILE/);
	assert.match(hint('--open=x'), /^--replay FILE/);
	assert.match(hint('-c'), /tinytap query "SQL"/);
	assert.match(hint('--csv'), /--format csv/);
	assert.match(hint('--nothing'), /--help/);
	assert.match(hint('--keep-bodies'), /tinytap export/);
	assert.match(usageHint("error: missing required argument 'sql'"), /--help/);
	// The suggested options exist, and the guessed ones do not.
	const options = addEndOptions(addCaptureOptions(new Command())).options.flatMap(({ long, short }) => [long, short]);
	for (const guess of ['-r', '-w', '-c', '-f', '-p', '--csv', '-n', '--no-colors', '-v', '--host']) {
		assert.equal(options.includes(guess), false, guess);
		for (const [option] of hint(guess).matchAll(/--[a-z-]+/g)) assert.ok(options.includes(option), option);
	}
});

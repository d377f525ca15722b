// Splitting typed text into statements and commands.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readTypedText } from '../../src/shell/typed-text.ts';
import { cpuMs } from '../../support/cpu-time.ts';

function steps(text: string): string[] {
	return readTypedText(text).steps.map((step) =>
		step.type === 'command' ? step.text : `${step.sql}${step.ending ?? ';'}`,
	);
}

test('a text is complete when every statement has ended and no quote or comment is open', () => {
	for (const complete of [
		'',
		' \n',
		'.tables',
		'SELECT 1;',
		'SELECT 1\\G',
		'SELECT 1; -- c',
		'-- c',
		'/* c */',
		"SELECT ';\n';",
		';',
		// One line that can never be a statement.
		'tail',
		'slowest endpoints',
		'SELCT 1',
		'SELECT 1; tail -f',
		'SELECT 1;\n2',
		'/help',
		'show 12',
	])
		assert.equal(readTypedText(complete).isComplete, true, complete);
	for (const open of [
		'SELECT 1',
		"SELECT ';",
		'SELECT 1; SELECT',
		'/* c',
		'SELECT 1 -- ;',
		'SELECT "a;',
		'SELECT 1;\n(2',
		'desc',
		'WITH x',
		'update t',
		'ATTACH x',
		'detach x',
		'(SELECT 1',
		'tail\n-f',
		"'tail",
	])
		assert.equal(readTypedText(open).isComplete, false, open);
});

test('statements and commands are steps in order; a quote in a command does not open a string', () => {
	assert.deepEqual(steps("SELECT 1; SELECT\n2 ;\n.help it's\nSELECT 3\\G\n.tables"), [
		...['SELECT 1;', 'SELECT\n2;', ".help it's", 'SELECT 3\\G', '.tables'],
	]);
	assert.deepEqual(steps('SELECT a\n.id + 1\n+ .5;'), ['SELECT a\n.id + 1\n+ .5;']);
	assert.deepEqual(steps("SELECT 'x\n.tables\n';"), ["SELECT 'x\n.tables\n';"]);
	assert.deepEqual(steps('SELECT /* x\n.tables\n*/ 1;'), ['SELECT /* x\n.tables\n*/ 1;']);
	assert.deepEqual(steps('SELECT 1 -- c\n.tables\n, 2;'), ['.tables', 'SELECT 1 -- c\n, 2;']);
	assert.deepEqual(steps('SELECT 1; SELECT 2 \\gx\nSELECT 3;\\gx\n\\gx'), [
		...['SELECT 1;', 'SELECT 2\\gx', 'SELECT 3\\gx', '\\gx'],
	]);
	assert.deepEqual(steps('SELECT \\dt\n1;\nshow tables;\nSELECT\nhelp;'), [
		'\\dt',
		'SELECT 1;',
		'show tables;',
		'SELECT\nhelp;',
	]);
	assert.deepEqual(steps(';;'), []);
	assert.deepEqual(steps('SELECT 1; tail -f -- x'), ['SELECT 1;', 'tail -f;']);
});

test('the history gets each statement as it was typed, without the commands inside it', () => {
	const { entries } = readTypedText(
		"\n-- first\nSELECT 1; -- one\n\nSELECT\n.mode csv\n  'a\n.b' ;\n.tables\nSELECT 2; SELECT 3;\nSELECT 4",
	);
	assert.deepEqual(entries, [
		...['-- first\nSELECT 1; -- one', '.mode csv', "SELECT\n  'a\n.b' ;", '.tables', 'SELECT 2; SELECT 3;', 'SELECT 4'],
	]);
});

test('a command on the last line inside an open statement is found', () => {
	assert.equal(readTypedText('SELECT\n.tables').commandAt, 7);
	assert.equal(readTypedText('SELECT\n1 \\dt').commandAt, 9);
	assert.equal(readTypedText('SELECT\n.id').commandAt, undefined);
	assert.equal(readTypedText('.tables').commandAt, undefined);
	assert.equal(readTypedText('SELECT 1;\n.tables').commandAt, undefined);
});

test('a text of a megabyte is read at once', () => {
	const begin = cpuMs();
	const lines = 'SELECT 1,\n'.repeat(50_000);
	assert.equal(readTypedText(`${lines}1;`).steps.length, 1);
	assert.equal(readTypedText('.mode csv\n'.repeat(50_000)).steps.length, 50_000);
	assert.equal(readTypedText(`SELECT '${'.mode csv\n'.repeat(50_000)}`).isComplete, false);
	assert.equal(readTypedText(`SELECT ${'\n.id'.repeat(50_000)};`).steps.length, 1);
	assert.ok(cpuMs() - begin < 10_000, `${cpuMs() - begin} ms`);
});

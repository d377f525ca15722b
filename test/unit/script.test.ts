import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COMMAND_NAMES, isCommandLine } from '../../src/shell/command-names.ts';
import { COMMANDS } from '../../src/shell/commands/commands.ts';
import { scriptSteps } from '../../src/shell/script.ts';

const brief = (text: string) =>
	scriptSteps(text).map((step) => (step.type === 'command' ? step.text : `${step.sql}${step.vertical ? ' \\G' : ''}`));

test('statements may take several lines, commands take one', () => {
	assert.deepEqual(brief("-- slow ones\nSELECT 1,\n  2;\n.expect rows = 1\nSELECT ';.x'; SELECT 3;\n\n.wait 1s\n"), [
		'SELECT 1,\n  2',
		'.expect rows = 1',
		"SELECT ';.x'",
		'SELECT 3',
		'.wait 1s',
	]);
});

test('a dot inside a statement is not a command, and the last statement needs no semicolon', () => {
	assert.deepEqual(brief('SELECT 1\n.5\nFROM t'), ['SELECT 1\n.5\nFROM t']);
	assert.deepEqual(brief("SELECT '\n.quit\n';"), ["SELECT '\n.quit\n'"]);
});

test('a command on a line inside a statement comes first, and the statement stays whole', () => {
	assert.deepEqual(brief('SELECT 1,\n.mode csv\n  .help; \n2;\nSELECT\n.unknown\n;'), [
		'.mode csv',
		'.help;',
		'SELECT 1,\n2',
		'SELECT\n.unknown',
	]);
});

test('whether a line with a dot is a command depends on what is open before it', () => {
	const inside = ["SELECT 'it''s", 'SELECT "a', 'SELECT [a', 'SELECT `a', '/* a', "SELECT x'00", "SELECT 1;\nSELECT '"];
	const outside = ['', '-- a', '/* a */', "SELECT 'it''s'", 'SELECT 1 -- it is', "SELECT '' --'", 'SELECT 1; SELECT'];
	for (const open of inside) assert.equal(isCommandLine(open, '.help'), false, open);
	for (const open of outside) {
		for (const line of ['.help', '  .help', '\t.help x', '.help;']) assert.equal(isCommandLine(open, line), true, open);
		for (const line of ['.5', 'help', ' x.help', '']) assert.equal(isCommandLine(open, line), false, open);
		const isFirst = !open.includes('SELECT');
		for (const line of ['.load', '.helpme', '.', '. help']) assert.equal(isCommandLine(open, line), isFirst, open);
	}
});

test('every command is also recognised inside a statement', () => {
	const own = COMMANDS.map(({ name }) => name);
	// .exit is the same as .quit; .expect is only for scripts.
	assert.deepEqual([...own, 'exit', 'expect'].sort(), [...COMMAND_NAMES].sort());
});

test('\\G asks for one column per line', () => {
	assert.deepEqual(brief('SELECT 1\\G\nSELECT 2;'), ['SELECT 1 \\G', 'SELECT 2']);
});

test('steps have their line number', () => {
	const lines = scriptSteps('\n-- c\nSELECT 1;\n\nSELECT\n2;\n.tables').map(({ line }) => line);
	assert.deepEqual(lines, [3, 5, 7]);
});

test('a script of only white space and comments has no steps', () => {
	assert.deepEqual(scriptSteps('\n  -- x\n/* y */\n'), []);
});

test('a byte order mark and CRLF line ends change nothing, before a statement, a comment or a command', () => {
	const texts = [
		'SELECT 1,\n 2;\n.expect rows = 1\nSELECT 3',
		'-- slow ones\nSELECT 1;\n',
		'.mode csv\nSELECT 1\\G\nSELECT 2;\n',
		'\n.expect rows > 1',
		"SELECT 'a' AS x -- one\n, 2\n.help;\n;",
	];
	for (const text of texts) {
		const steps = scriptSteps(text);
		for (const mark of ['', '\ufeff'])
			for (const end of ['\n', '\r\n'])
				assert.deepEqual(scriptSteps(mark + text.replaceAll('\n', end)), steps, JSON.stringify([mark, end, text]));
	}
	assert.deepEqual(brief("SELECT '\ufeffa';"), ["SELECT '\ufeffa'"]);
});

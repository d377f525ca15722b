import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scriptSteps } from '../../src/shell/script.ts';

const brief = (text: string) =>
	scriptSteps(text).map((step) => (step.type === 'command' ? step.text : `${step.sql}${step.vertical ? ' \\G' : ''}`));

test('statements may take several lines, commands are one line', () => {
	assert.deepEqual(brief("-- slow ones\nSELECT 1,\n  2;\n.expect rows = 1\nSELECT ';.x'; SELECT 3;\n\n.wait 1s\n"), [
		'SELECT 1,\n  2',
		'.expect rows = 1',
		"SELECT ';.x'",
		'SELECT 3',
		'.wait 1s',
	]);
});

test('a dot inside a statement is no command, a last statement needs no semicolon', () => {
	assert.deepEqual(brief('SELECT 1\n.5\nFROM t'), ['SELECT 1\n.5\nFROM t']);
	assert.deepEqual(brief("SELECT '\n.quit\n';"), ["SELECT '\n.quit\n'"]);
});

test('\\G asks for one column a line', () => {
	assert.deepEqual(brief('SELECT 1\\G\nSELECT 2;'), ['SELECT 1 \\G', 'SELECT 2']);
});

test('steps know their line', () => {
	const lines = scriptSteps('\n-- c\nSELECT 1;\n\nSELECT\n2;\n.tables').map(({ line }) => line);
	assert.deepEqual(lines, [3, 5, 7]);
});

test('nothing but space and comments is no step', () => {
	assert.deepEqual(scriptSteps('\n  -- x\n/* y */\n'), []);
});

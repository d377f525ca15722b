// Splitting scripts into statements and commands.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainTheme } from '../../src/output/theme.ts';
import { COMMAND_NAMES, COMMAND_WORDS, namedCommand, readLine } from '../../src/shell/command-names.ts';
import { COMMAND_TABLE, COMMANDS } from '../../src/shell/commands/commands.ts';
import { scriptSteps } from '../../src/shell/script.ts';
import type { SessionSettings } from '../../src/shell/settings.ts';
import { ShellSession } from '../../src/shell/shell-session.ts';
import { StepRunner } from '../../src/shell/steps.ts';
import type { Threads } from '../../src/threads/threads.ts';
import { cpuMs } from '../../support/cpu-time.ts';

const brief = (text: string) =>
	scriptSteps(text).map((step) =>
		step.type === 'command' ? step.text : `${step.sql}${step.ending === undefined ? '' : ` ${step.ending}`}`,
	);

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

test('a command on a line inside a statement runs first, and the statement stays whole', () => {
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
	for (const open of inside) assert.equal(readLine(open, '.help').command, undefined, open);
	for (const open of outside) {
		for (const line of ['.help', '  .help', '\t.help x', '.help;'])
			assert.equal(readLine(open, line).command, line.trim());
		for (const line of ['.5', 'helped', ' x.help', '']) assert.equal(readLine(open, line).command, undefined, open);
		const isFirst = !open.includes('SELECT');
		for (const line of ['.load', '.helpme', '.', '. help'])
			assert.equal(readLine(open, line).command !== undefined, isFirst, open);
	}
});

test('every command is also recognised inside a statement', () => {
	const own = COMMANDS.map(({ name }) => name);
	// .expect is only for scripts.
	assert.deepEqual([...own, 'expect'].sort(), [...COMMAND_NAMES].sort());
});

test('a backslash outside quotes begins a command, which ends the statement if it is one of those', () => {
	assert.deepEqual(brief('SELECT 1\\G\nSELECT 2;'), ['SELECT 1 \\G', 'SELECT 2']);
	assert.deepEqual(brief('SELECT 1; SELECT 2 \\gx\nSELECT\n3\n\\g'), ['SELECT 1', 'SELECT 2 \\gx', 'SELECT\n3 \\g']);
	assert.deepEqual(brief('SELECT 1;\\gx\n\\gx'), ['SELECT 1 \\gx', '\\gx'], 'alone, it is about the last statement');
	assert.deepEqual(brief("SELECT '\\gx' -- \\g\n;"), ["SELECT '\\gx'"]);
	assert.deepEqual(brief('SELECT \\dt\n1;'), ['\\dt', 'SELECT\n1'], 'others leave the statement open');
	assert.deepEqual(brief('SELECT\n\\nonsense 1 \\x\n1;'), ['\\nonsense 1 \\x', 'SELECT\n1']);
	for (const open of ["SELECT '", 'SELECT "', '/*']) assert.equal(readLine(open, '\\dt').command, undefined);
});

test('words of other shells are commands where no statement is open', () => {
	const commands: [string, string, string][] = [
		...['quit', 'exit', 'quit;', 'exit()', 'EXIT;', '\\q', '\\q;', ':q', '.exit', '.q'].map(
			(text) => [text, 'quit', ''] as [string, string, string],
		),
		...['help', 'help;', '?', '\\?'].map((text) => [text, 'help', ''] as [string, string, string]),
		['help functions', 'help', 'functions'],
		['\\d', 'tables', ''],
		['\\dt', 'tables', ''],
		['SHOW  TABLES;', 'tables', ''],
		['\\d exchanges', 'schema', 'exchanges'],
		['PRAGMA table_info(exchanges);', 'schema', 'exchanges'],
		["pragma table_info ('loss')", 'schema', 'loss'],
		['SHOW COLUMNS FROM "loss"', 'schema', 'loss'],
	];
	for (const [text, name, argument] of commands) {
		assert.equal(readLine('', text).command, text);
		const found = namedCommand(text);
		assert.deepEqual([found.name, found.argument], [name, argument], text);
		if (!/^[.\\]/.test(text)) assert.equal(readLine('SELECT', text).command, undefined, text);
	}
	for (const text of ['help me please', 'quitter', 'exit (1)', 'show', 'pragma table_info(a, b)'])
		assert.equal(readLine('', text).command, undefined, text);
	for (const word of COMMAND_WORDS) assert.notEqual(namedCommand(word).name, undefined, word);
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

test('a statement of many lines is read in linear time', () => {
	const lines = Array.from({ length: 10_000 }, (_, n) => `  ${n}, -- it's one of many`);
	const begun = cpuMs();
	const steps = scriptSteps(`SELECT 1 IN (\n${lines.join('\n')}\n0);\n.tables\n`);
	assert.deepEqual(
		steps.map(({ type, line }) => [type, line]),
		[
			['statement', 1],
			['command', 10_003],
		],
	);
	assert.ok(cpuMs() - begun < 3000, `${cpuMs() - begun} ms`);
});

test('Ctrl-C between two steps ends the script, also before a .wait', async () => {
	const printed: string[] = [];
	const presentation = { format: undefined, theme: plainTheme, errorTheme: plainTheme, quiet: true };
	const shell = new ShellSession({
		options: { presentation, capture: {}, settings: {} } as unknown as SessionSettings,
		threads: { cancel: () => undefined } as unknown as Threads,
		sink: {
			write: async (text) => {
				printed.push(text);
				shell.interrupt();
			},
			writeRows: async () => undefined,
			closed: false,
			gone: new Promise(() => undefined),
			discard: () => undefined,
		},
		interactive: false,
		open: () => Promise.reject(new Error('not in a test')),
		tell: () => undefined,
	});
	const runner = new StepRunner(shell, COMMAND_TABLE);
	await assert.rejects(runner.runAll(scriptSteps('.bail off\n.print a\n.wait 5m\n.print b\n')), {
		code: 'ERR_SQL_CANCELLED',
	});
	assert.deepEqual(printed, ['a\n']);
	await assert.rejects(shell.wait(300_000), { code: 'ERR_SQL_CANCELLED' });
});

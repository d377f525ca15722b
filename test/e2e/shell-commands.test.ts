// The commands of the shell, as users of other shells type them, in a real terminal over the bundled recording.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { openTerminal, PROMPT, type Terminal } from '../../support/terminal.ts';
import { CLI, TINYTAP } from '../../support/tinytap.ts';

const DEMO = join(CLI, '../../recordings/demo.tinytap');
const SHELL = `${TINYTAP.join(' ')} --replay ${DEMO}`;

async function atPrompt(
	work: (terminal: Terminal) => Promise<void>,
	{ shell = SHELL, columns = 100, rows = 50 } = {},
): Promise<void> {
	const terminal = await openTerminal(shell, { columns, rows });
	try {
		await terminal.shows(PROMPT);
		await work(terminal);
	} finally {
		await terminal.close();
	}
}

async function enter(terminal: Terminal, ...lines: string[]): Promise<void> {
	for (const line of lines) {
		await terminal.type(line);
		await terminal.press('Enter');
	}
}

test('commands as psql, sqlite3 and mysql write them work, with or without a semicolon', async () => {
	await atPrompt(async (terminal) => {
		await enter(terminal, '.mode csv', '\\dt');
		await terminal.shows(/^blind_spots$/);
		await enter(terminal, 'SHOW TABLES;', '\\d loss;');
		await terminal.shows(/^blind_spots$/, 2);
		await terminal.shows(/^ {2}last_ts /);
		await enter(terminal, 'PRAGMA table_info(loss);');
		await terminal.shows(/^ {2}last_ts /, 2);
		await enter(terminal, 'SELECT 12 AS n \\g');
		await terminal.shows(/^n\n12$/);
		await enter(terminal, '\\gx', "SELECT 'a' AS", 'letter\\G');
		await terminal.shows(/^ *n[:=| ]+12$/);
		await terminal.shows(/^ *letter[:=| ]+a$/);
		await enter(terminal, 'help;');
		await terminal.shows('.schema [TABLE]');
		await enter(terminal, '\\timming');
		await terminal.shows('there is no command \\timming');
		await enter(terminal, 'SELECT 2 +', '\\dd', '\\d loss', '3 AS sum;');
		const screen = await terminal.shows(/^sum\n5$/);
		assert.match(screen, /there is no command \\dd/);
		await enter(terminal, 'exit();');
		await terminal.shows('[ended 0]');
	});
});

test('.help fits the screen, groups the commands and works inside an open statement', async () => {
	await atPrompt(
		async (terminal) => {
			await enter(terminal, '.mode csv', 'SELECT', '.help', '7 AS n;');
			const screen = await terminal.shows(/^n\n7$/);
			assert.match(screen, /^Capture\n {2}\.capture/m);
			assert.match(screen, /^ +e\.g\. \.schema exchanges; also \\d TABLE/m);
			const lines = screen.slice(screen.indexOf('.help\n')).split('\n');
			for (const line of lines) assert.ok(line.length < 80, line);
			await enter(terminal, '.help capture');
			await terminal.shows('.pause ', 2);
			await enter(terminal, '\\? time_bucket');
			await terminal.shows('start of the interval');
			await enter(terminal, 'help exchnges');
			await terminal.shows('Did you mean exchanges?');
		},
		{ columns: 80, rows: 24 },
	);
});

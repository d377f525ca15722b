// How results look on real terminals, over the bundled recording.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { wait } from '../../src/base/wait.ts';
import { eventually } from '../../support/eventually.ts';
import { scriptedTerminal } from '../../support/scripted-terminal.ts';
import { temporaryDirectory } from '../../support/servers.ts';
import { openTerminal } from '../../support/terminal.ts';
import { runTinytap, TINYTAP } from '../../support/tinytap.ts';
import { DEMO, enter, promptOf, SHELL } from '../../support/typing.ts';

/** Rows of the demo recording. */
const ROWS = 56;
const AT_80 = { columns: 80, rows: 24 };

const atPrompt = promptOf(AT_80);

/** The lines that the last `;` printed, up to its footer. */
function result(screen: string): string[] {
	const lines = screen.trimEnd().split('\n');
	const end = lines.findLastIndex((line) => /^[\d,]+ rows? .*· [\d.]+ s$/.test(line));
	const start = lines.slice(0, end).findLastIndex((line) => /;$/.test(line));
	return lines.slice(start + 1, end + 1);
}

test('nothing is elided in other modes, with .maxrows 0, or if the output is not a terminal', async () => {
	const sql = 'SELECT * FROM exchanges ORDER BY id';
	for (const args of [[], ['--format', 'auto'], ['--format', 'table']]) {
		const { stdout } = await runTinytap(['query', sql, '--replay', DEMO, ...args]);
		const lines = stdout.trimEnd().split('\n');
		assert.equal(lines.length, 2 + ROWS);
		assert.ok(lines[0]!.split('|').length > 40, lines[0]);
	}
	await atPrompt(
		async (terminal) => {
			await enter(terminal, '.maxrows 0');
			await enter(terminal, 'SELECT id, path FROM exchanges ORDER BY id;');
			assert.equal([...(await terminal.shows(/^\(56 rows\)$/)).matchAll(/^ +\d+ \| \//gm)].length, ROWS);
			await enter(terminal, 'SELECT * FROM exchanges ORDER BY id;');
			const wide = await terminal.shows(/^\(56 rows\)$/, 2);
			for (const name of ['id', 'thread_comm', 'res_body_note', 'anomalies'])
				assert.match(wide, new RegExp(`\\b${name}\\b`));
			await enter(terminal, '.maxrows 5');
			await enter(terminal, 'SELECT id AS number FROM exchanges ORDER BY id;');
			const few = result(await terminal.shows(/^56 rows \(5 shown\) · [\d.]+ s$/));
			assert.deepEqual(
				few.slice(2, -1).map((line) => line.trim()),
				['1', '2', '3', '…', '55', '56'],
			);
			await enter(terminal, '.mode csv');
			await enter(terminal, 'SELECT id FROM exchanges ORDER BY id;');
			await terminal.shows(/^55\n56$/);
			await enter(terminal, '.mode');
			await terminal.shows(/^csv$/);
		},
		{ columns: 120, rows: 200 },
	);
});

test('tinytap query on a terminal prints a table that fits it', async () => {
	const terminal = await openTerminal(`${TINYTAP.join(' ')} query 'SELECT * FROM exchanges' --replay ${DEMO}`, AT_80);
	try {
		const screen = await terminal.shows(/^56 rows \(40 shown\) · \d+ columns \(\d+ shown\) · [\d.]+ s$/);
		assert.match(screen, /^ +id {2}ts +side +comm +method +path +status/m);
		for (const line of screen.split('\n')) assert.ok(line.length < 200 && !line.includes('|'), line);
	} finally {
		await terminal.close();
	}
});

test('a slow result begins with its first rows, and the progress line stays below them', async () => {
	await atPrompt(async (terminal) => {
		await enter(
			terminal,
			"SELECT a.id, b.path FROM exchanges a, exchanges b, headers c, headers d WHERE a.id || 'x' <> '';",
		);
		await terminal.shows(/^running for \d+\.\d s, [\d,]+ rows read; Ctrl-C ends it$/);
		const screen = await terminal.screen();
		assert.match(screen, /^ +id {2}path/m);
		assert.ok([...screen.matchAll(/^ +\d+ {2}\//gm)].length >= 20, screen);
		await terminal.press('C-c');
		const after = await terminal.shows(/the statement was cancelled \[ERR_SQL_CANCELLED\]\ntinytap/);
		assert.doesNotMatch(after, /running for/);
	});
});

test('.expanded and \\gx print one column per line; .expanded auto only if the table would not show every column', async () => {
	await atPrompt(async (terminal) => {
		await enter(terminal, '\\x');
		await terminal.shows(/^expanded is on$/);
		await enter(terminal, "SELECT 1 AS one, 'two' AS two;");
		await terminal.shows(/^one: 1\ntwo: two$/);
		await enter(terminal, '\\x auto');
		await terminal.shows(/^expanded is auto$/);
		await enter(terminal, "SELECT 3 AS three, 'four' AS four;");
		await terminal.shows(/^ three {2}four\n ─+ {2}─+\n +3 {2}four\n1 row · /);
		await enter(terminal, 'SELECT * FROM exchanges WHERE id = 12;');
		const screen = await terminal.shows(/^ +anomalies: NULL\n1 row · [\d.]+ s$/);
		assert.match(screen, /^ +res_body_raw: <48 bytes>$/m);
		for (const line of screen.split('\n')) assert.ok([...line].length <= 200, line);
		await enter(terminal, '\\x off');
		await enter(terminal, 'SELECT 5 AS five \\gx');
		await terminal.shows(/^five: 5$/);
		await enter(terminal, '.expanded atuo');
		await terminal.shows(/expanded: expected on, off or auto, got "atuo"/);
		await terminal.shows(/^hint: Did you mean auto\?$/);
	});
});

test('.nullvalue, .headers, .width, .separator and .timer act on what is printed next', async () => {
	await atPrompt(async (terminal) => {
		for (const line of ['.nullvalue ∅', '.headers off', '.width 0 5', '.mode auto']) await enter(terminal, line);
		await enter(terminal, "SELECT NULL AS a, 'abcdefgh' AS b;");
		await terminal.shows(/;\n ∅ {2}abcd…\n1 row · /);
		await enter(terminal, '.mode csv');
		await enter(terminal, '.separator tab');
		await enter(terminal, '.timer on');
		await enter(terminal, 'SELECT 1 AS a, 2 AS b;');
		await terminal.shows(/;\n1\s+2\n[\d.]+ s\ntinytap/);
		await enter(terminal, 'CREATE VIEW v AS SELECT 1;');
		await terminal.shows(/^view v created\n[\d.]+ s$/);
		for (const [name, value] of [
			['nullvalue', '"∅"'],
			['headers', 'off'],
			['width', '0 5'],
			['separator', 'tab'],
			['maxrows', '40'],
			['pager', 'on'],
			['mode', 'csv'],
		]) {
			await enter(terminal, `.${name}`);
			await terminal.shows(new RegExp(`\\.${name}\n${value}$`));
		}
	});
});

test('a binary format goes to no terminal', async () => {
	await atPrompt(async (terminal) => {
		await enter(terminal, '.mode parquet', "SELECT 'PAR' AS x;");
		await terminal.shows('results in the format parquet, which is binary, got a terminal [ERR_USAGE]');
		await enter(terminal, '.mode auto', "SELECT 'text ' || 'again' AS x;");
		await terminal.shows('text again');
	});
});

test('a mistyped mode, command or setting gets a suggestion', async () => {
	await atPrompt(async (terminal) => {
		for (const [line, hint] of [
			['.mode jsno', 'json'],
			['.mdoe json', '.mode'],
			['.set maxrow 5', 'maxrows'],
			['.set theme drak', 'dark'],
			['.heders off', '.headers'],
		] as const) {
			await enter(terminal, line);
			await terminal.shows(new RegExp(`Did you mean ${hint.replace('.', '\\.')}\\?`));
		}
	});
});

test('.set theme changes the colours; NO_COLOR turns them off', async () => {
	for (const colors of [true, false]) {
		await atPrompt(
			async (terminal) => {
				for (const [theme, code] of [
					['dark', '33'],
					['light', '35'],
					['none', undefined],
				] as const) {
					await enter(terminal, `.set theme ${theme}`);
					await enter(terminal, `SELECT '${theme}' AS now, status FROM exchanges WHERE status = 404 LIMIT 1;`);
					await terminal.shows(new RegExp(`^ ${theme} +404$`));
					const line = (await terminal.painted()).split('\n').find((each) => new RegExp(`^\\S* ${theme} `).test(each))!;
					assert.equal(/\x1b\[(\d+)m *404/.exec(line)?.[1], colors ? code : undefined, line);
				}
			},
			{ columns: 120, rows: 50, shell: `env ${colors ? '' : 'NO_COLOR=1 '}${SHELL}` },
		);
	}
});

test('a dumb terminal gets no escape sequence, and nothing is drawn twice', async (t) => {
	const terminal = scriptedTerminal([...TINYTAP, '--replay', DEMO], { TERM: 'dumb' });
	t.after(() => terminal.child.kill());
	await terminal.shows(/tinytap \(demo\.tinytap\)> /);
	terminal.type('SELECT id, path, status FROM exchanges ORDER BY id LIMIT 50;\r');
	await terminal.shows(/50 rows \(40 shown\)/);
	terminal.type('.last\r');
	await terminal.shows(/\(50 rows\)/);
	terminal.type('SELECT count(*) FROM headers a, headers b, headers c, headers d WHERE a.name < b.name;\r');
	await wait(1200);
	terminal.type('\x03');
	await terminal.shows(/cancelled/);
	terminal.type('SELECT 1 AS\r');
	await terminal.shows(/\.\.\. /);
	terminal.type('.tables\r');
	await terminal.shows(/blind_spots/);
	terminal.type("one, 'after' AS two;\r");
	await terminal.shows(/1 +after/);
	terminal.type('\x04');
	assert.equal(await terminal.ended, 0);
	assert.doesNotMatch(terminal.shown(), /\x1b/);
	assert.doesNotMatch(terminal.shown(), /running for/);
});

test('a script on a terminal counts all rows, although it shows only some', async () => {
	const directory = temporaryDirectory();
	const file = join(directory.path, 'checks.sql');
	writeFileSync(
		file,
		'SELECT * FROM exchanges;\n.expect rows = 56\nSELECT id, res_body FROM exchanges ORDER BY id;\n.expect rows < 40\n',
	);
	const terminal = await openTerminal(`${TINYTAP.join(' ')} run ${file} --replay ${DEMO}`, AT_80);
	try {
		const screen = await terminal.shows('[ended 4]');
		assert.equal([...screen.matchAll(/^56 rows \(40 shown\)/gm)].length, 2, screen);
		assert.match(screen, /^ {2}got: 56 rows$(?:.*\n){5} {4}2 \| NULL\n {4}3 \| <51,200 bytes>\n {2}… 53 more$/m);
	} finally {
		await terminal.close();
		directory.remove();
	}
});

test('while rows are printed, the progress line is below them; Ctrl-C ends them at once and leaves no partial row', async (t) => {
	const terminal = scriptedTerminal([...TINYTAP, '--replay', DEMO]);
	t.after(() => terminal.child.kill());
	await terminal.shows(/tinytap.*> /);
	for (const [round, mode] of ['csv', 'table', 'json', 'line'].entries()) {
		terminal.type(`.mode ${mode}\r`);
		terminal.type('SELECT a.*, b.url FROM exchanges a, exchanges b, exchanges c;\r');
		const from = terminal.shown().length;
		await eventually(
			() => {
				const text = terminal.shown().slice(from);
				// JSON has no separate line for it between its rows.
				return (text.length > 200_000 && (mode === 'json' || /running for .* rows read/.test(text))) || undefined;
			},
			() => `no rows in mode ${mode}`,
		);
		const before = terminal.shown().length;
		terminal.type('\x03');
		const start = performance.now();
		await terminal.shows(/the statement was cancelled/, round + 1);
		// It takes a twentieth of this on an idle machine. This one may be busy, and reads everything that was printed
		// first.
		assert.ok(performance.now() - start < 5000, `${mode}: ${performance.now() - start} ms`);
		if (mode !== 'json')
			assert.match(terminal.shown().slice(0, before), /\n\r\x1b\[Krunning for \d\.\d s, [\d,]+ rows read/);
		assert.match(terminal.shown(), /(\n|\x1b\[K)\r*(\x1b\[\d*[A-Z])*tinytap: error: the statement was cancelled/);
	}
	terminal.type("SELECT 'still ' || 'here';\r");
	await terminal.shows(/still here/);
	terminal.type('\x04');
	assert.equal(await terminal.ended, 0);
});

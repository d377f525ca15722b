// The line editor at the prompt: colours, several lines, history, pastes, completion, in a real terminal.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { processUser } from '../../src/base/invoking-user.ts';
import { RecordingWriter } from '../../src/capture/recording.ts';
import { eventually } from '../../support/eventually.ts';
import { Tape } from '../../support/record-builder.ts';
import { openTerminal } from '../../support/terminal.ts';
import { CLI, TINYTAP } from '../../support/tinytap.ts';
import { withTerminal } from '../../support/typing.ts';

test('keywords, strings, numbers, functions, comments and unknown names have colours while they are typed', async () => {
	await withTerminal(async ({ terminal }) => {
		await terminal.type("SELECT count(*), 'a', pth, path, 5 -- c");
		await terminal.shows(/-- c$/);
		const styled = await terminal.painted();
		const colour = (text: string) => new RegExp(`\x1b\\[([\\d;]+)m${text.replace(/[()*]/g, '\\$&')}`).exec(styled)?.[1];
		const [keyword, called, string, unknown, number, comment] = ['SELECT', 'count', "'a'", 'pth', '5', '-- c'].map(
			colour,
		);
		const all = [keyword, called, string, unknown, comment];
		assert.ok(all.every((each) => each !== undefined) && new Set(all).size === all.length, styled);
		assert.ok(number !== undefined && number !== keyword);
		assert.equal(colour('path'), undefined, 'a column that exists has no colour');
		// A column becomes known when its table does.
		await terminal.press('C-u');
		await terminal.type('SELECT raw_name');
		await terminal.shows(/raw_name$/);
		assert.match(await terminal.painted(), /\x1b\[33mraw_name/);
		await terminal.type(' FROM headers');
		await terminal.shows(/FROM headers$/);
		assert.doesNotMatch(await terminal.painted(), /\x1b\[33mraw_name/);
		await terminal.press('C-u');
		await terminal.type('.set highlight off');
		await terminal.press('Enter');
		await terminal.type('SELECT 5');
		await terminal.shows(/SELECT 5$/);
		assert.match(await terminal.painted(), /m SELECT 5$/m);
	});
});

test('without colours nothing is coloured and nothing is suggested', async () => {
	await withTerminal(
		async ({ terminal, enter }) => {
			await enter("SELECT 'x' AS y;");
			await terminal.type('SELECT ');
			await terminal.shows(/SELECT$/);
			assert.doesNotMatch(await terminal.painted(), /\x1b\[/);
		},
		{ options: '--no-color' },
	);
});

test('the bracket that matches the one at the cursor is marked, even in another line', async () => {
	await withTerminal(async ({ terminal }) => {
		await terminal.type("SELECT ((1 + '('");
		await terminal.press('Enter');
		await terminal.type(') * 2)');
		await terminal.shows(/^\.\.\. \) \* 2\)$/);
		assert.match(await terminal.painted(), /SELECT\S+ \S*\x1b\[7m\([^\n]*\n[^\n]*\.\.\. \) \* \S*2\x1b\[7m\S*\)/);
	});
});

for (const [columns, rows] of [
	[80, 24],
	[120, 40],
	[200, 50],
] as const) {
	test(`a statement of several lines is edited as a whole with the arrow keys, ${columns}×${rows}`, async () => {
		await withTerminal(
			async ({ terminal, press }) => {
				await terminal.type('SELECT 1 +');
				await press('Enter');
				await terminal.type('  3 AS sum');
				await press('Up', 'Home', 'Right', 'Right', 'Right', 'Right', 'Right', 'Right');
				await terminal.type(' 10 +');
				await press('Down', 'End');
				await terminal.type(',');
				await press('Enter');
				await terminal.type("  '日本語' AS text -- the end");
				await terminal.shows(
					/^tinytap \(demo\.tinytap\)> SELECT 10 \+ 1 \+\n\.\.\. {3}3 AS sum,\n\.\.\. {3}'日本語' AS text -- the end$/,
				);
				await press('Enter');
				await terminal.type(';');
				await press('Enter');
				await terminal.shows(/^ +14 +(\| )?日本語/);
				// The whole statement comes back; Ctrl-Home and Ctrl-End move to its ends.
				await press('Up', 'C-End', 'BSpace', 'BSpace', 'Up', 'C-Home', 'M-d');
				await terminal.type('EXPLAIN SELECT');
				await terminal.shows(/^tinytap \(demo\.tinytap\)> EXPLAIN SELECT 10 \+ 1 \+$/);
			},
			{ columns, rows },
		);
	});
}

test('a long line breaks at the edge of the screen and stays whole when the size changes', async () => {
	const text = `SELECT '${'abcdefgh '.repeat(20)}日本語日本語' AS x`;
	await withTerminal(
		async ({ terminal, press }) => {
			await terminal.type(text);
			const typed = `tinytap (demo.tinytap)> ${text}`;
			for (const size of [
				[80, 24],
				[45, 24],
				[150, 30],
				[61, 12],
				[80, 24],
			] as const) {
				await terminal.resize(size[0], size[1]);
				// It ends the screen. Above it, tmux may have pushed part of the text off the screen when it rewrapped
				// the rows.
				await terminal.shows(new RegExp(`^${typed.replace(/[()]/g, '\\$&')}\\s*$(?![\\s\\S])`));
			}
			for (let i = 0; i < "日本語' AS x".length; i++) await press('Left');
			await terminal.type('!');
			await terminal.shows(typed.replace("日本語' AS x", "!日本語' AS x"));
		},
		{ columns: 80, rows: 24 },
	);
});

test('Up searches entries that begin with the typed text; Down comes back to it', async () => {
	await withTerminal(async ({ terminal, enter, press, line }) => {
		await enter("SELECT 'one' AS a;", '.tables', "SELECT 'two' AS a;", '.mode box');
		await terminal.type('SELECT');
		await press('Up');
		await terminal.shows(line("SELECT 'two' AS a;"));
		await press('Up');
		await terminal.shows(line("SELECT 'one' AS a;"));
		await press('Up');
		await press('Down');
		await terminal.shows(line("SELECT 'two' AS a;"), 2);
		await press('Down');
		await terminal.shows(/^tinytap \(demo\.tinytap\)> SELECT/);
	});
});

test('Ctrl-R shows an entry of several lines on one line and restores it as it was typed', async () => {
	await withTerminal(async ({ terminal, enter, press }) => {
		await enter("SELECT 'needle' AS x, -- why", '  2;', '.tables');
		await press('C-r');
		await terminal.type('NEED');
		await terminal.shows('failed-bck-i-search: NEED');
		await press('BSpace', 'BSpace', 'BSpace', 'BSpace');
		await terminal.type('need');
		await terminal.shows(/^tinytap \(demo\.tinytap\)> SELECT 'needle' AS x, -- why⏎ {2}2;\nbck-i-search: need$/);
		await press('Escape');
		await terminal.shows(/^tinytap \(demo\.tinytap\)> SELECT 'needle' AS x, -- why\n\.\.\. {3}2;$/, 2);
		await press('C-c');
		await terminal.type('typed');
		await press('C-r');
		await terminal.type('needle');
		await press('C-c');
		await terminal.shows(/^tinytap \(demo\.tinytap\)> typed$/);
	});
});

test('the last matching entry is suggested in grey; Right and End accept it, and otherwise none of it runs', async () => {
	await withTerminal(async ({ terminal, enter, press, line }) => {
		await enter("SELECT 'sugg' || 'ested' AS x;");
		await terminal.shows('suggested');
		await terminal.type('SELECT ');
		await terminal.shows(line("SELECT 'sugg' || 'ested' AS x;"), 2);
		assert.match(await terminal.painted(), /\x1b\[90m'sugg' \|\| 'ested' AS x;/);
		await press('End', 'Enter');
		await terminal.shows(/^ suggested/, 2);
		await terminal.type('SEL');
		await press('Right', 'Enter');
		await terminal.shows(/^ suggested/, 3);
		await terminal.type('SELECT ');
		await terminal.shows(line("SELECT 'sugg' || 'ested' AS x;"), 4);
		// In the middle of the text, nothing is suggested.
		await press('Left');
		await terminal.shows(/^tinytap \(demo\.tinytap\)> SELECT$/);
		await press('C-e', 'C-u');
		await enter("SELECT 'a", "b' AS y;");
		await terminal.type("SELECT 'a");
		await terminal.shows(/^tinytap \(demo\.tinytap\)> SELECT 'a⏎b' AS y;$/);
		await press('C-u');
		await enter('.set suggestions off');
		await terminal.type('SEL');
		await terminal.shows(/^tinytap \(demo\.tinytap\)> SEL$/);
	});
});

test('a paste of many statements is only text at first; Enter runs them one after another', async () => {
	await withTerminal(async ({ terminal, press }) => {
		await terminal.paste(
			"SELECT 'first' AS a;\r\n.mode csv\r\nSELECT 'sec\r\nond' AS b;\n-- comment\nSELECT 'thi' ||\n'rd' AS c;\n",
		);
		await terminal.shows(/^\.\.\. 'rd' AS c;$/);
		let screen = await terminal.screen();
		assert.doesNotMatch(screen, /^ first/m, 'nothing has run');
		await press('Enter');
		screen = await terminal.shows(/^"?third"?$/);
		assert.match(screen, /^ first.*\n(.*\n)*b\n"sec\nond"\nc\n"?third"?$/m);
		await press('Up');
		await terminal.shows(/^tinytap \(demo\.tinytap\)> -- comment\n\.\.\. SELECT 'thi' \|\|\n\.\.\. 'rd' AS c;$/);
		await press('Up');
		await terminal.shows(/^tinytap \(demo\.tinytap\)> SELECT 'sec\n\.\.\. ond' AS b;$/);
	});
});

test('a paste whose last statement is incomplete runs nothing, and control characters in it do nothing', async () => {
	await withTerminal(async ({ terminal, press }) => {
		await terminal.paste("SELECT 'whole' AS a;\nSELECT 'half");
		await press('Enter');
		await terminal.type('x');
		await terminal.shows(/^\.\.\. x$/);
		assert.doesNotMatch(await terminal.screen(), /^ whole/m);
		await press('C-c');
		await terminal.paste("SELECT '\x1b]0;title\x07\x1b[31m\x03\x04\t\u202e' AS x");
		await terminal.shows(/SELECT '\\x1b\]0;title\\x07\\x1b\[31m\\x03\\x04 +\\u\{202e\}' AS x$/);
		await press('C-c');
		await terminal.type('still here');
		await terminal.shows(/^tinytap \(demo\.tinytap\)> still here$/);
	});
});

test('a paste of about a megabyte is drawn as far as it fits the screen, and keys work at once', async () => {
	await withTerminal(async ({ terminal, press }) => {
		await terminal.paste(`SELECT length('${'x'.repeat(900_000)}') AS`);
		await terminal.type(' n');
		await terminal.shows(/x'\) AS n$/);
		await press('Enter');
		await terminal.type(';');
		await press('Enter');
		await terminal.shows(/^ +900000/);
		await terminal.paste('.mode csv\n'.repeat(50_000));
		await terminal.type(' -- z');
		await terminal.shows(/^\.\.\. {2}-- z$/);
		await press('C-c');
		await terminal.shows(/-- z\^C$/);
	});
});

test('Tab completes what can follow, and nothing that would break the statement', async () => {
	await withTerminal(async ({ terminal, press, line }) => {
		const typed: [string, string][] = [
			['SELECT na', 'SELECT na'],
			['SELECT method, count(*) FROM exchanges GROUP ', 'SELECT method, count(*) FROM exchanges GROUP BY'],
			['SELECT * FROM hea', 'SELECT * FROM headers'],
			['SELECT h.head| FROM headers h', 'SELECT h.header_value FROM headers h'],
			["SELECT * FROM exchanges WHERE via='sen", "SELECT * FROM exchanges WHERE via='sendfile'"],
			["SELECT * FROM exchanges WHERE via='sen|'", "SELECT * FROM exchanges WHERE via='sendfile'"],
			['SELECT * FROM exchanges WHERE method = ', "SELECT * FROM exchanges WHERE method = '"],
			[
				"SELECT * FROM exchanges WHERE side IN ('client', 'se",
				"SELECT * FROM exchanges WHERE side IN ('client', 'server'",
			],
			["SELECT req_headers['user-a", "SELECT req_headers['user-agent']"],
			["SELECT * FROM connections WHERE protocol = 'ht", "SELECT * FROM connections WHERE protocol = 'http1'"],
			['.mode ndj', '.mode ndjson'],
			['.tail WHERE dura', '.tail WHERE duration'],
		];
		for (const [text, completed] of typed) {
			const [before = '', after] = text.split('|');
			await terminal.type(before + (after ?? ''));
			for (let i = 0; i < (after ?? '').length; i++) await press('Left');
			await press('Tab');
			await terminal.shows(line(completed));
			await press('C-e', 'C-u');
		}
		await terminal.type('SELECT *');
		await press('Enter');
		await terminal.type('FROM headers h WHERE h.raw_');
		await press('Tab');
		await terminal.shows(/^\.\.\. FROM headers h WHERE h\.raw_name$/);
	});
});

for (const [columns, rows] of [
	[80, 24],
	[40, 8],
] as const) {
	test(`Tab twice lists what is possible in a menu that fits the screen, ${columns}×${rows}`, async () => {
		await withTerminal(
			async ({ terminal, press }) => {
				await terminal.type('SELECT sub');
				await press('Tab', 'C-u');
				await terminal.type('SELECT s');
				await press('Tab', 'Tab');
				await terminal.shows(/^side .*\n/);
				const screen = await terminal.screen();
				assert.match(screen, /^state /m);
				assert.match(screen, /^tinytap \(demo\.tinytap\)> SELECT s$/m);
				await press('Tab');
				await terminal.shows(/^tinytap \(demo\.tinytap\)> SELECT state$/);
				await press('Down');
				await terminal.shows(/^tinytap \(demo\.tinytap\)> SELECT side$/);
				await press('Escape');
				await terminal.shows(/^tinytap \(demo\.tinytap\)> SELECT s$/);
				assert.doesNotMatch(await terminal.screen(), /^side/m, 'Escape closes the menu');
				await press('Tab', 'Tab', 'Tab', 'Enter');
				await terminal.type(';');
				await terminal.shows(/^tinytap \(demo\.tinytap\)> SELECT state;$/);
				await press('C-u');
				await terminal.type('SELECT ');
				await press('Tab', 'Tab', 'BTab');
				await terminal.shows(/^tinytap \(demo\.tinytap\)> SELECT DISTINCT$/);
			},
			{ columns, rows },
		);
	});
}

test('Ctrl-L clears the screen, Ctrl-Z and fg return to the typed text, Ctrl-D leaves only from an empty line', async () => {
	await withTerminal(async ({ terminal, enter, press, line }) => {
		await enter('.tables');
		await terminal.shows('blind_spots');
		await terminal.type('SELECT 1');
		await press('C-l');
		let visible = '';
		await eventually(
			async () => {
				visible = stripVTControlCharacters(await terminal.painted());
				return visible.trim() === 'tinytap (demo.tinytap)> SELECT 1' ? true : undefined;
			},
			() => `more than the prompt is on the screen:\n${visible}`,
		);
		await press('C-a', 'C-d');
		await terminal.shows(line('ELECT 1'));
		await press('C-u', 'C-e', 'C-u', 'C-d');
		await terminal.shows('[ended 0]');
	});
});

test('keys typed before the prompt is there are not lost, whatever they are', async () => {
	const terminal = await openTerminal(`${TINYTAP.join(' ')} --replay ${join(CLI, '../../recordings/demo.tinytap')}`);
	try {
		for (const keys of ['SELECT s', 'Tab', 'Tab', 'Up', 'C-r', 'Escape', 'C-u', "SELECT 'ea' || 'rly' AS x;", 'Enter'])
			await (/ /.test(keys) ? terminal.type(keys) : terminal.press(keys));
		await terminal.shows(/^ early/);
		await terminal.type('.quit');
		await terminal.press('Enter');
		await terminal.shows('[ended 0]');
	} finally {
		await terminal.close();
	}
});

test('Tabs between keys of one chunk complete; a Tab before text is text', async () => {
	await withTerminal(async ({ terminal, press, line }) => {
		await terminal.type('SELECT s\t\t');
		await terminal.shows(/^side /);
		await press('Escape', 'C-u');
		await terminal.type("SELECT * FROM exchanges WHERE via = '\t\t");
		await terminal.shows(/^'sendfile'$/);
		await press('C-u');
		await terminal.type('SELECT\t1');
		await terminal.shows(/^tinytap \(demo\.tinytap\)> SELECT {4}1$/);
		await press('C-u');
		await terminal.type('SELECT * FROM hea\t');
		await terminal.shows(line('SELECT * FROM headers'));
	});
});

test('\\e opens the typed statement, or the last one, in $VISUAL, in a file of the user that is removed afterwards', async () => {
	const folder = mkdtempSync(join(tmpdir(), 'tinytap-editor-'));
	const editor = join(folder, 'editor');
	writeFileSync(
		editor,
		`#!/bin/sh\nstat -c '%a %U' "$1" > ${folder}/mode; cp "$1" ${folder}/given\necho "$1" > ${folder}/path\necho "is it me: $(tty)" > ${folder}/tty\nprintf "SELECT 'from' ||\\n  ' the editor' AS x;\\n" > "$1"\n`,
	);
	chmodSync(editor, 0o755);
	await withTerminal(
		async ({ terminal, enter, press }) => {
			await terminal.type('SELECT 1,');
			await press('Enter');
			await enter('  2 \\e');
			await terminal.shows(/^tinytap \(demo\.tinytap\)> SELECT 'from' \|\|\n\.\.\. {3}' the editor' AS x;$/);
			assert.doesNotMatch(await terminal.screen(), /^ from the editor/m, 'it runs only after Enter');
			await press('Enter');
			await terminal.shows(/^ from the editor/);
			assert.equal(readFileSync(join(folder, 'given'), 'utf8'), 'SELECT 1,\n  2\n');
			assert.equal(readFileSync(join(folder, 'mode'), 'utf8'), '600 root\n');
			assert.match(readFileSync(join(folder, 'tty'), 'utf8'), /\/dev\/pts\//);
			assert.equal(existsSync(readFileSync(join(folder, 'path'), 'utf8').trim()), false);
			await enter('\\e');
			await terminal.shows(/^\.\.\. {3}' the editor' AS x;$/, 2);
			assert.equal(readFileSync(join(folder, 'given'), 'utf8'), "SELECT 'from' ||\n  ' the editor' AS x;\n");
			// Ctrl-X Ctrl-E takes the text without \\e.
			await press('C-u', 'C-u', 'C-u', 'C-u');
			await terminal.type('.tables');
			await press('C-x', 'C-e');
			await eventually(
				() => readFileSync(join(folder, 'given'), 'utf8') === '.tables\n' || undefined,
				() => readFileSync(join(folder, 'given'), 'utf8'),
			);
			await terminal.shows(/^\.\.\. {3}' the editor' AS x;$/, 2);
			await press('C-c');
		},
		{ env: `VISUAL=${editor} EDITOR=false` },
	);
	await withTerminal(
		async ({ terminal, enter, line }) => {
			await enter("SELECT 'kept' AS x;", '\\e');
			await terminal.shows(line("SELECT 'kept' AS x;"), 1);
			await enter('SELECT 5 \\e');
			await terminal.shows(/^tinytap \(demo\.tinytap\)> SELECT 5$/);
		},
		{ env: 'VISUAL= EDITOR=false' },
	);
	await withTerminal(
		async ({ terminal, enter }) => {
			await enter('SELECT 5 \\e');
			await terminal.shows(/cannot start the editor \/nowhere\/editor: /);
			await terminal.shows(/^tinytap \(demo\.tinytap\)> SELECT 5$/);
		},
		{ env: 'VISUAL= EDITOR=/nowhere/editor' },
	);
	rmSync(folder, { recursive: true });
});

test('only the user can read the history file; it has one line for each statement as typed, and no secrets', async () => {
	await withTerminal(async ({ terminal, enter, press, line, state }) => {
		await enter("SELECT 'a", "b' AS x -- why", ';');
		await enter("SELECT count(*) FROM exchanges WHERE req_headers['authorization'] = 'Bearer secret-1';");
		await enter("SELECT 'end' || 'ed' AS x;");
		await terminal.shows('ended');
		const file = join(state, 'tinytap/history');
		assert.equal(statSync(file).mode & 0o777, 0o600);
		assert.equal(
			readFileSync(file, 'utf8'),
			"SELECT 'a\rb' AS x -- why\r;\nSELECT count(*) FROM exchanges WHERE req_headers['authorization'] = 'Bearer REDACTED';\nSELECT 'end' || 'ed' AS x;\n",
		);
		await press('Up', 'Up');
		await terminal.shows(
			line("SELECT count(*) FROM exchanges WHERE req_headers['authorization'] = 'Bearer secret-1';"),
			2,
		);
	});
});

test('Tab completes file names, directories with a slash, and shows hostile names as escapes', async () => {
	const folder = mkdtempSync(join(tmpdir(), 'tinytap-names-'));
	for (const name of ['capture-1.tinytap', 'capture-2.tinytap', 'evil\x1b[31m\u202e'])
		writeFileSync(join(folder, name), '');
	mkdirSync(join(folder, 'sub'));
	await withTerminal(async ({ terminal, press, line }) => {
		await terminal.type(`.open ${folder}/ca`);
		await press('Tab');
		await terminal.shows(line(`.open ${folder}/capture-`));
		await terminal.type('2');
		await press('Tab');
		await terminal.shows(line(`.open ${folder}/capture-2.tinytap`));
		await press('C-u');
		await terminal.type(`.open ${folder}/s`);
		await press('Tab');
		await terminal.shows(line(`.open ${folder}/sub/`));
		await press('C-u');
		await terminal.type(`.open ${folder}/`);
		await press('Tab', 'Tab');
		await terminal.shows(/^evil\\x1b\[31m\\u\{202e\}$/);
	});
	rmSync(folder, { recursive: true });
});

test('the prompt stays intact while a tail prints and a statement runs, and typed text is kept', async () => {
	await withTerminal(async ({ terminal, enter, press }) => {
		await enter('.wait 1s');
		await terminal.type("SELECT 'typed ' ||");
		await terminal.shows(/^SELECT 'typed ' \|\|$/);
		await terminal.shows(/^tinytap \(demo\.tinytap\)> SELECT 'typed ' \|\|$/);
		await press('Enter');
		await terminal.type("'on' AS x;");
		await press('Enter');
		await terminal.shows(/^ typed on/);
		assert.equal((await terminal.screen()).split("SELECT 'typed '").length - 1, 1, 'the text is drawn over itself');
	});
});

test('hostile values are offered with escapes and inserted as one text constant', async () => {
	const folder = mkdtempSync(join(tmpdir(), 'tinytap-values-'));
	const tape = new Tape();
	tape.clock(1_700_000_000_000_000_000n);
	for (const [index, agent] of ["it's \u202e\u009b31m", "it's; DROP", 'plain'].entries()) {
		const connection = tape.server(index + 1).open();
		connection.in(
			`GET /${index} HTTP/1.1\r\nHost: shop\r\nUser-Agent: ${Buffer.from(agent).toString('latin1')}\r\n\r\n`,
		);
		connection.out('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
	}
	const recording = join(folder, 'hostile');
	const writer = new RecordingWriter(recording, {}, { user: processUser() });
	writer.writeBatch(tape.batch());
	writer.close();
	await withTerminal(async ({ terminal, enter, press }) => {
		await enter(`.open ${recording}`);
		await terminal.shows(/\(hostile\)>/);
		await terminal.type("SELECT path FROM exchanges WHERE user_agent = '");
		await press('Tab', 'Tab');
		const screen = await terminal.shows(/^'plain'$/);
		assert.match(screen, /^'it''s; DROP'$/m);
		assert.match(screen, /^'it''s \\u\{202e\}\\x9b31m'$/m);
		assert.doesNotMatch(screen, /[\u202e\u009b]/);
		await terminal.type('it');
		await press('Tab');
		await terminal.shows(/user_agent = 'it''s$/);
		await terminal.type(' ');
		await press('Tab');
		await terminal.shows(/user_agent = 'it''s \\u\{202e\}\\x9b31m'$/);
		await terminal.type(';');
		await press('Enter');
		await terminal.shows(/^ \/0$/);
	});
	rmSync(folder, { recursive: true });
});

// Typing and pasting at the prompt, in a real terminal, mostly over the bundled recording.
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { LOSS_RING_FULL } from '../../decoder-as/assembly/wire/capture-event.ts';
import { processUser } from '../../src/base/invoking-user.ts';
import { RecordingWriter } from '../../src/capture/recording.ts';
import { Tape } from '../../support/record-builder.ts';
import { TINYTAP } from '../../support/tinytap.ts';
import { DEMO, enter, promptOf, SHELL } from '../../support/typing.ts';

const LIVE_SHELL = `${TINYTAP.join(' ')}`;

const atPrompt = promptOf({ columns: 100, rows: 50 });

test('none of Node’s REPL commands works, on a first or a later line: nothing is written, read or evaluated', async () => {
	const folder = mkdtempSync(join(tmpdir(), 'tinytap-prompt-'));
	const kept = join(folder, 'kept');
	const script = join(folder, 'script.js');
	writeFileSync(kept, 'as it was');
	writeFileSync(script, `require('node:fs').writeFileSync(${JSON.stringify(join(folder, 'evaluated'))}, '')\n`);
	await atPrompt(async (terminal) => {
		for (const command of ['.editor', '.load', '.break', `.load ${script}`, '..', '.', '.unknown']) {
			await enter(terminal, command);
			await enter(terminal, "SELECT 'here ' || 'still';");
			await terminal.shows('here still');
			await enter(terminal, '.clear');
		}
		await enter(terminal, 'SELECT');
		for (const command of [`.load ${script}`, `.save ${kept} SELECT 1`, '.editor', '.break'])
			await enter(terminal, command);
		await terminal.press('C-c');
		await enter(terminal, "SELECT 'a' ||");
		await enter(terminal, "'b' AS x;");
		const screen = await terminal.shows(/^ ab/);
		assert.match(screen, /there is no command \.editor/);
		assert.match(screen, /expected a name of letters, digits/, '.save is ours');
		assert.doesNotMatch(screen, /Entering editor mode|Session saved|Failed to load|Invalid REPL keyword/);
	});
	assert.equal(readFileSync(kept, 'utf8'), 'as it was');
	assert.deepEqual(readdirSync(folder).sort(), ['kept', 'script.js']);
});

test('a command on its own line inside a statement runs, and the statement continues', async () => {
	await atPrompt(async (terminal) => {
		await enter(terminal, 'SELECT');
		await enter(terminal, '.tables');
		await terminal.shows('blind_spots');
		await enter(terminal, "  'one ' ||");
		await enter(terminal, '.mode csv');
		await enter(terminal, '  .help mode');
		await terminal.shows('.mode [FORMAT]');
		await enter(terminal, '.show nonsense');
		await terminal.shows('.show: expected the id of an exchange');
		await enter(terminal, "'statement' AS x;");
		const screen = await terminal.shows('one statement');
		assert.match(screen, /^\.\.\. 'statement' AS x;\nx\n"one statement"$/m);
		await terminal.press('Up');
		await terminal.shows(/^tinytap \(demo\.tinytap\)> SELECT\n\.\.\. {3}'one ' \|\|\n\.\.\. 'statement' AS x;$/);
		await terminal.press('C-c');
		await enter(terminal, 'SELECT 1');
		await enter(terminal, '.quit');
		await terminal.shows('[ended 0]');
	});
});

test('a line that begins with a dot belongs to the statement inside quotes or comments, or if it is not a command', async () => {
	await atPrompt(async (terminal) => {
		await enter(terminal, '.mode csv');
		for (const [answer, ...lines] of [
			[/^last"?$/, "SELECT 'first", '.help', "last' AS", 'q1;'],
			[/^2$/, 'SELECT 2 AS "a', '.quit', 'b";'],
			[/^3$/, 'SELECT /* one', '.quit', '*/ 3 AS q3;'],
			[/^q4$/, 'SELECT exchanges', '.id + 1', 'AS q4 FROM exchanges WHERE id = 1;'],
			[/^5$/, 'SELECT 10 *', '.5 AS q5;'],
			[/^7$/, 'SELECT 7 AS', 'help', ';'],
			[/^8$/, 'SELECT 8 AS', 'exit', ';'],
			[/^6$/, 'SELECT 6 -- a comment ends with its line', '.tables', 'AS q6;'],
		] as [RegExp, ...string[]][]) {
			for (const line of lines) await enter(terminal, line);
			await terminal.shows(answer);
		}
		const screen = await terminal.screen();
		assert.match(screen, /^q1\n"?first\n\.help\nlast"?$/m);
		assert.match(screen, /^"?a\n\.quit\nb"?\n2$/m);
		assert.match(screen, /^q3\n3$/m);
		assert.match(screen, /^q4\n2$/m);
		assert.match(screen, /^q5\n5$/m);
		assert.match(screen, /^\.\.\. \.tables\nexchanges$/m);
		assert.doesNotMatch(screen, /SQL statements end with ; \(or/, '.help did not run');
	});
});

test('text typed or pasted into the middle of a line appears at the cursor', async () => {
	await atPrompt(async (terminal) => {
		await enter(terminal, '.mode csv');
		await terminal.type('SELECT abc');
		for (let i = 0; i < 3; i++) await terminal.press('Left');
		await terminal.type('distinct ');
		await terminal.shows(/^tinytap \(demo\.tinytap\)> SELECT distinct abc$/);
		await terminal.press('C-c');
		await terminal.shows(/^tinytap \(demo\.tinytap\)> SELECT distinct abc\^C\ntinytap \(demo\.tinytap\)>/);

		// Wide and combining characters, surrogate pairs and a tab, typed in two parts. Then continue at the end of the
		// line.
		await terminal.type("SELECT '[]' AS x");
		await terminal.press('Home');
		for (let i = 0; i < "SELECT '[".length; i++) await terminal.press('Right');
		await terminal.type('日本😀é');
		await terminal.type('\ta');
		await terminal.press('End');
		await enter(terminal, ', 1 AS y;');
		await terminal.shows(/^x,y\n"?\[日本😀é(\\x09|\t| +)a\]"?,1$/);

		// A paste longer than the terminal is wide.
		const long = 'x'.repeat(250);
		await terminal.type("SELECT length('');");
		for (let i = 0; i < 3; i++) await terminal.press('Left');
		await terminal.type(long);
		await terminal.press('Enter');
		await terminal.shows(/^250$/);

		// A line end inside the paste runs the line as it is then.
		await terminal.type("SELECT 'end';");
		for (let i = 0; i < 2; i++) await terminal.press('Left');
		await terminal.type(" and more', 'as\r'x' AS z;\r");
		await terminal.shows(/^tinytap \(demo\.tinytap\)> SELECT 'end and more', 'as';$/);

		// Text begun while something else runs, and continued afterwards.
		await enter(terminal, '.wait 1s');
		await enter(terminal, "SELECT 'first ' || 'line';");
		await terminal.type("SELECT 'ty");
		await terminal.shows(/^tinytap \(demo\.tinytap\)> SELECT 'ty$/);
		await enter(terminal, "ped' AS x;");
		const screen = await terminal.shows(/^"?typed"?$/);
		assert.match(screen, /^"?first line"?$/m);
		assert.doesNotMatch(screen, /internal error/);
	});
});

test('a statement of several lines comes back as it was typed, in the next session too, and gives the same result', async () => {
	const folder = mkdtempSync(join(tmpdir(), 'tinytap-history-'));
	const history = join(folder, 'tinytap/history');
	const shell = `env XDG_STATE_HOME=${folder} ${SHELL}`;
	const lines = ["SELECT 'a", '  -- no comment', '', "b;' AS x, -- a comment", '  /* another', " it's */ 1 AS y;"];
	const escaped = lines.map((line) => line.replace(/[*]/g, '\\$&'));
	const typed = new RegExp(`^tinytap \\(demo\\.tinytap\\)> ${escaped.join('\\n\\.\\.\\. ?')}$`);
	const result = /^\[\n?\{"x":"a\\n {2}-- no comment\\n\\nb;","y":1\}\n?\]$/;
	await atPrompt(
		async (terminal) => {
			await enter(terminal, '.mode json');
			for (const line of lines) await enter(terminal, line);
			await terminal.shows(result);
			// Recalled while a statement runs, it is drawn again below the result.
			await enter(terminal, '.wait 1s');
			await enter(terminal, 'SELECT 2;');
			for (let i = 0; i < 3; i++) await terminal.press('C-p');
			await terminal.shows(typed);
			await terminal.shows(
				/^tinytap \(demo\.tinytap\)> SELECT 2;\n\[\n?\{"2":2\}\n?\]\ntinytap \(demo\.tinytap\)> SELECT 'a$/,
			);
			await terminal.shows(typed);
			// Change it in the middle, and run it.
			await terminal.press('Home');
			for (let i = 0; i < 'SELECT '.length; i++) await terminal.press('Right');
			await terminal.type('3 AS w, ');
			await terminal.press('Enter');
			await terminal.shows(/^\[\n?\{"w":3,"x":"a\\n {2}-- no comment\\n\\nb;","y":1\}\n?\]$/);
			// An abandoned statement comes back in this session.
			await enter(terminal, 'SELECT');
			await enter(terminal, '4');
			await terminal.press('C-c');
			await terminal.press('C-p');
			await terminal.shows(/^tinytap \(demo\.tinytap\)> SELECT\n\.\.\. 4$/);
			await terminal.press('C-c');
			await enter(terminal, '.quit');
			await terminal.shows('[ended 0]');
		},
		{ shell },
	);
	const kept = lines.join('\r');
	assert.equal(
		readFileSync(history, 'utf8'),
		['.mode json', kept, '.wait 1s', 'SELECT 2;', kept.replace('SELECT', 'SELECT 3 AS w,'), '.quit', ''].join('\n'),
	);
	await atPrompt(
		async (terminal) => {
			await enter(terminal, '.mode json');
			for (const _ of ['.mode json', '.quit', 'w', '2', '.wait 1s']) await terminal.press('C-p');
			await terminal.press('C-p');
			await terminal.shows(typed);
			await terminal.press('Enter');
			await terminal.shows(result);
		},
		{ shell },
	);
	assert.equal(readFileSync(history, 'utf8').split('\n').at(-2), kept, 'recalled, it is one entry again');
});

test('Ctrl-R finds an earlier statement', async () => {
	await atPrompt(async (terminal) => {
		await enter(terminal, "SELECT 'needle ' || 'found' AS x;");
		await terminal.shows('needle found');
		await enter(terminal, "SELECT 'other ' || 'one' AS x;");
		await terminal.shows('other one');
		await terminal.press('C-r');
		await terminal.type('needle');
		await terminal.shows('bck-i-search: needle');
		await terminal.press('Enter');
		await terminal.shows('needle found', 2);
	});
});

test("after .open the recording's loss is reported even if there was loss before; the star marks new loss", async () => {
	const folder = mkdtempSync(join(tmpdir(), 'tinytap-prompt-'));
	const recording = (name: string, lost: bigint) => {
		const tape = new Tape();
		tape.clock(1_700_000_000_000_000_000n);
		tape.server(1).open().in('GET / HTTP/1.1\r\nHost: shop\r\n\r\n');
		if (lost > 0n) tape.loss(LOSS_RING_FULL, lost, 100n);
		const path = join(folder, name);
		const writer = new RecordingWriter(path, {}, { user: processUser() });
		writer.writeBatch(tape.batch());
		writer.close();
		return path;
	};
	const [many, few, none] = [recording('many', 30n), recording('few', 3n), recording('none', 0n)];
	await atPrompt(async (terminal) => {
		for (const [path, prompt] of [
			[many, 'tinytap\\* \\(many\\)>'],
			[few, 'tinytap\\* \\(few\\)>'],
			[none, 'tinytap \\(none\\)>'],
			[few, 'tinytap\\* \\(few\\)>'],
		] as const) {
			await enter(terminal, `.open ${path}`);
			await terminal.shows(new RegExp(`^${prompt}\\s*$(?![\\s\\S])`));
			await enter(terminal, 'SELECT id FROM exchanges;');
			const told = new RegExp(`^1 row · .*(\\n.*)?\n${prompt.replace('\\*', '')}\\s*$(?![\\s\\S])`);
			await terminal.shows(told);
			await enter(terminal, 'SELECT path FROM exchanges;');
			await terminal.shows(told);
		}
		const screen = await terminal.screen();
		const told = [...screen.matchAll(/^tinytap: (\d+) events were lost/gm)].map(([, events]) => events);
		assert.deepEqual(told, ['30', '3', '3']);
		await enter(terminal, `.open ${few}`);
		await terminal.shows(/^tinytap\* \(few\)>\s*$(?![\s\S])/);
		await enter(terminal, '.clear');
		await terminal.shows(/^tinytap \(few\)>\s*$(?![\s\S])/);
		await enter(terminal, `.open ${few}`);
		await terminal.shows(/^tinytap\* \(few\)>\s*$(?![\s\S])/);
		await enter(terminal, 'SELECT sum(events) FROM loss;');
		await terminal.shows(/^tinytap \(few\)>\s*$(?![\s\S])/);
	});
});

test('the prompt names a recording, cut and escaped, and keeps its width for the line editor', async () => {
	const folder = mkdtempSync(join(tmpdir(), 'tinytap-prompt-'));
	const long = join(folder, `${'long-'.repeat(12)}name.tinytap`);
	const hostile = join(folder, 'a\x1b[31m\u202eb');
	copyFileSync(DEMO, long);
	copyFileSync(DEMO, hostile);
	await atPrompt(async (terminal) => {
		await enter(terminal, `.open ${long}`);
		await terminal.shows(/^tinytap \(long-long-long-long-lon…\)>\s*$(?![\s\S])/);
	});
	await atPrompt(
		async (terminal) => {
			await terminal.shows(/^tinytap \(a\\x1b\[31m\\u\{202e\}b\)>\s*$(?![\s\S])/);
			await terminal.type('SELECT abc');
			for (let i = 0; i < 3; i++) await terminal.press('Left');
			await terminal.type('x');
			await terminal.shows(/^tinytap \(a\\x1b\[31m\\u\{202e\}b\)> SELECT xabc$/);
		},
		{ shell: `${LIVE_SHELL} --replay '${hostile}'` },
	);
});

test('the prompt says that the capture is paused', async () => {
	await atPrompt(
		async (terminal) => {
			await enter(terminal, '.pause');
			await terminal.shows(/^paused\ntinytap \(paused\)>/);
			await enter(terminal, '.resume');
			await terminal.shows(/^capturing\ntinytap>/);
		},
		{ shell: `${LIVE_SHELL} --port 1` },
	);
});

test('.capture of a process that is not running is refused, and the filters stay unchanged', async () => {
	await atPrompt(
		async (terminal) => {
			await terminal.shows(
				/^tinytap: capturing HTTP\/1\.x and HTTP\/2 of port 8000-8099,9000 \(as root, without capabilities\)$/,
			);
			await enter(terminal, '.capture port 8081 port 8080,80');
			await terminal.shows(/^capturing port 80,8080-8081$/);
			// The largest possible pid, which no process here has.
			await enter(terminal, '.capture pid 4194304 port 9090');
			await terminal.shows(/error: pid 4194304: expected a running process, got none \[ERR_USAGE\]/);
			await enter(terminal, '.capture');
			const screen = await terminal.shows(/^capturing port 80,8080-8081$/, 2);
			assert.doesNotMatch(screen, /^capturing .*9090/m);
		},
		{ shell: `${LIVE_SHELL} --port 9000 --port 8050-8099,8000-8049` },
	);
});

test('with a recording open, .capture says that nothing is captured; changing, pausing and resuming are refused', async () => {
	await atPrompt(async (terminal) => {
		await enter(terminal, '.capture');
		const said = /^nothing is captured: the recording \S*demo\.tinytap is open$/;
		await terminal.shows(said);
		const refusal = /error: nothing is captured: the recording \S*demo\.tinytap is open \[ERR_NOT_CAPTURING\]/;
		for (const [index, command] of ['.capture port 8080', '.capture all', '.pause', '.resume'].entries()) {
			await enter(terminal, command);
			await terminal.shows(refusal, index + 1);
		}
		await enter(terminal, '.capture');
		const screen = await terminal.shows(said, 2);
		assert.match(screen, /^hint: Choose rows in SQL, e\.g\. WHERE local_port = 80; to capture, start tinytap without/m);
		assert.doesNotMatch(screen, /^(capturing|paused)/m);
	});
});

// What the shell shows on terminals of three sizes, with and without colours: one session each, over the bundled recording.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Tape } from '../../support/record-builder.ts';
import { temporaryDirectory } from '../../support/servers.ts';
import { recordTape } from '../../support/tape-recording.ts';
import { type Typing, withTerminal } from '../../support/typing.ts';

const SIZES = [
	{ columns: 80, rows: 24 },
	{ columns: 120, rows: 40 },
	{ columns: 200, rows: 50 },
];

const directory = temporaryDirectory();
after(() => directory.remove());

/** A recording of one upload with two parts, whose texts are hostile. */
const UPLOAD = join(directory.path, 'upload.tinytap');
{
	const tape = new Tape();
	tape.clock(1_700_000_000_000_000_000n);
	const field = '--B\r\nContent-Disposition: form-data; name="what\x1b[2J"\r\n\r\na lamp\x1b]0;title\x07';
	const file =
		'--B\r\nContent-Disposition: form-data; name="f"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n\x89PNG';
	const body = `${field}\r\n${file}\r\n--B--\r\n`;
	const connection = tape.server(1).open();
	const head = 'POST /upload HTTP/1.1\r\nHost: shop\r\nContent-Type: multipart/form-data; boundary=B\r\n';
	connection.in(`${head}Content-Length: ${body.length}\r\n\r\n${body}`);
	connection.out('HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n');
	connection.close();
	tape.end();
	recordTape(UPLOAD, tape);
}

type Session = Typing & { readonly columns: number; readonly colors: boolean };

for (const { columns, rows } of SIZES) {
	for (const colors of [true, false]) {
		test(`everything fits ${columns}×${rows}, ${colors ? 'with' : 'without'} colours`, async () => {
			const env = `PAGER=cat ${colors ? '' : 'NO_COLOR=1'}`;
			await withTerminal(
				async (typing) => {
					const session = { ...typing, columns, colors };
					await greets(session);
					await showsResults(session);
					await explains(session);
					await completes(session);
					await showsExchanges(session);
					// Lines that the terminal had to wrap are joined in `screen`. Errors and hints are one line each.
					for (const line of (await typing.terminal.screen()).split('\n'))
						assert.ok(/^(?:tinytap|hint:)/.test(line) || [...line].length <= columns, line);
					if (!colors) assert.doesNotMatch(await typing.terminal.painted(), /\x1b/);
				},
				{ columns, rows, env },
			);
		});
	}
}

/** Three lines: what is open, how to get help, what to try. */
async function greets({ terminal, columns }: Session): Promise<void> {
	const lines = (await terminal.screen()).trimEnd().split('\n');
	const end = lines.findIndex((line) => /^tinytap \(demo\.tinytap\)>/.test(line));
	const [source, help, try_] = lines.slice(end - 3, end);
	assert.match(source!, /^tinytap: replaying /);
	assert.match(help!, /\.help explains {2}\.quit ends$/);
	assert.match(try_!, /^Try: .* {3}.* {3}/);
	for (const line of [help!, try_!]) assert.ok(line.length < columns, line);
}

async function showsResults({ terminal, enter, colors, columns }: Session): Promise<void> {
	await enter('SELECT * FROM exchanges ORDER BY id;');
	const lines = result(await terminal.shows(/^56 rows \(40 shown\) · \d+ columns \(\d+ shown\) · [\d.]+ s$/));
	assert.equal(lines.length, 2 + 41 + 1, 'names, a rule, rows, a gap, the footer');
	const names = lines[0]!.trim().split(/ +/);
	assert.deepEqual(names.slice(0, 2), ['id', 'ts']);
	if (columns < 160) assert.deepEqual(names.slice(2, 4), ['side', 'comm']);
	for (const name of ['method', 'path', 'status']) assert.ok(names.includes(name), lines[0]);
	if (columns >= 120) for (const name of ['duration_ms', 'via']) assert.ok(names.includes(name), lines[0]);
	if (columns >= 200) assert.ok(names.includes('host'), lines[0]);
	assert.match(lines.at(-1)!, new RegExp(`· \\d+ columns \\(${names.length} shown\\) ·`));
	assert.match(lines[2]!, /^ +1 {2}/);
	assert.match(lines[21]!, /^ +20 {2}/);
	assert.match(lines[22]!, /^ +… {2}/);
	assert.match(lines[23]!, /^ +37 {2}/);
	assert.match(lines[42]!, /^ +56 {2}/);
	for (const line of lines) assert.doesNotMatch(line, /\/api\/[\w/]*…/, 'paths are whole');
	const painted = await terminal.painted();
	assert.equal(/\x1b\[32m *200\s*\x1b/.test(painted), colors, 'statuses by class');
	assert.equal(/\x1b\[31m *500\s*\x1b/.test(painted), colors);
	assert.equal(/\x1b\[2mGET/.test(painted), colors, 'methods are dim');
	// Columns of other tables are left out in the middle; values for people.
	await enter('SELECT * FROM connections LIMIT 3;', 'SELECT NULL AS nothing, duration(1234.5), bytes(51200);');
	const screen = await terminal.shows(/^ NULL +1\.23 s +50 KiB$/);
	assert.equal(/\x1b\[2mNULL/.test(await terminal.painted()), colors);
	assert.match(screen, /^ +id +pid .* … .*\bja4$/m);
}

/** The lines that the last `;` printed, up to its footer. */
function result(screen: string): string[] {
	const lines = screen.trimEnd().split('\n');
	const end = lines.findLastIndex((line) => /^[\d,]+ rows? .*· [\d.]+ s$/.test(line));
	const start = lines.slice(0, end).findLastIndex((line) => /;$/.test(line));
	return lines.slice(start + 1, end + 1);
}

/** Help, lists and errors; the mark below a statement that is longer than the screen. */
async function explains({ terminal, enter }: Session): Promise<void> {
	await enter('.schema exchanges', '.queries', '.settings', '.status', '.help output');
	await terminal.shows(/e\.g\. \.print slowest endpoints:/);
	await enter(`SELECT ${'1, '.repeat(80)}nosuch, ${'2, '.repeat(20)}3;`);
	await terminal.shows(/unknown column nosuch \[ERR_SQL_NAME\]\n.*\n *\^\nhint: /);
	const screen = await terminal.screen();
	const [, statement = '', mark = ''] = /\[ERR_SQL_NAME\]\n(.*)\n( *)\^\n/.exec(screen) ?? [];
	assert.equal(statement.indexOf('nosuch'), mark.length, screen);
	await enter('\\nosuch', '/tail', 'SELECT (1 +', '\\d loss', '41) AS answer;');
	const answered = await terminal.shows(/^ +42\n1 row/);
	assert.match(answered, /there is no command \\nosuch/);
	assert.match(answered, /^hint: commands begin with a dot: \.tail$/m);
	assert.match(answered, /^ {2}last_ts /m);
}

/** Values in a menu, and the newest entry of the history as a suggestion, which has to be grey. */
async function completes({ terminal, press, line, colors }: Session): Promise<void> {
	await terminal.type("FROM exchanges WHERE via = '");
	await press('Tab', 'Tab');
	await terminal.shows(/^'recvfrom'\n'sendfile'\n/);
	await press('Tab');
	await terminal.shows(line("FROM exchanges WHERE via = 'recvfrom'"));
	await press('Escape', 'C-u');
	await terminal.type('SELECT NU');
	await terminal.shows(
		line(colors ? 'SELECT NULL AS nothing, duration(1234.5), bytes(51200);' : 'SELECT NU'),
		colors ? 2 : 1,
	);
	assert.equal(/NU\x1b\[90mLL AS nothing/.test((await terminal.painted()).replaceAll('\x1b[39m', '')), colors);
	await press('C-u');
}

/** The tail of the recording, an exchange of another one with parts, the name of a recording in the prompt. */
async function showsExchanges({ terminal, enter, press, columns }: Session): Promise<void> {
	await enter('.tail');
	const screen = await terminal.shows(/^ +56 \d\d:\d\d:\d\d.* 400! /);
	const lines = screen.slice(screen.lastIndexOf('.tail\n')).split('\n');
	assert.equal(lines.filter((line) => /^ +\d+ \d\d:\d\d:\d\d/.test(line)).length, 28, 'one line an exchange');
	assert.equal(/ host /.test(lines[1]!), columns >= 140);
	await press('C-l');
	await enter(`.open ${UPLOAD}`);
	await terminal.shows(/^tinytap \(upload\.tinytap\)>/);
	await enter('.show');
	const shown = await terminal.shows(/^\[image\/png, 4 bytes\]$/);
	assert.match(
		shown,
		/^part 1 of 2\nContent-Disposition: form-data; name="what\\x1b\[2J"\n\na lamp\\x1b\]0;title\\x07$/m,
	);
	assert.match(shown, /^part 2 of 2$/m);
	await enter("SELECT 'at the ' || 'end' AS x;");
	await terminal.shows(/^ at the end$/);
}

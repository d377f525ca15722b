// Nothing that was captured can drive the terminal: not in a result, a detail view, a completion, a suggestion or an error.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { RESULT_FORMATS } from '../../src/output/result-format.ts';
import { Tape } from '../../support/record-builder.ts';
import { scriptedTerminal } from '../../support/scripted-terminal.ts';
import { startNginx, temporaryDirectory } from '../../support/servers.ts';
import { recordTape } from '../../support/tape-recording.ts';
import { openTerminal } from '../../support/terminal.ts';
import { runTinytap, TINYTAP } from '../../support/tinytap.ts';

/** The bytes from `first` to `last`. */
const bytesFrom = (first: number, last: number) =>
	Array.from({ length: last - first + 1 }, (_, i) => String.fromCharCode(first + i)).join('');

const utf8 = (text: string) => Buffer.from(text).toString('latin1');

/** Sequences that terminals obey, as bytes. None contains a line end, which would end the field that it is in. */
const ATTACKS: readonly string[] = [
	'\x1b]0;title\x07',
	'\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\',
	'\x1b]52;c;ZXZpbA==\x07',
	'\x1bP$q"p\x1b\\',
	'\x1b[6n',
	'\x1b[2J\x1b[H',
	'\x1bc',
	'\x9b31m',
	'\x1b[31;1;5m',
	utf8(`e${'\u0301'.repeat(200)}`),
	utf8('exe.\u202egnp'),
	utf8('\u200b\u2066\ufeff\u{e0041}\ue000'),
	'\x80\xff\xc3(',
	bytesFrom(1, 9) + bytesFrom(0x0b, 0x0c) + bytesFrom(0x0e, 0x1f),
	bytesFrom(0x7f, 0xa0),
	utf8(bytesFrom(0x7f, 0xa0)),
];

/** A recording in which every field is hostile, in a different way in each row. */
function recordAttacks(path: string): void {
	const tape = new Tape();
	tape.clock(1_700_000_000_000_000_000n);
	for (const [index, attack] of ATTACKS.entries()) {
		const pid = 100 + index;
		tape.factProcess(pid, attack.slice(0, 15), `/slice/${attack}`, `server ${attack}`, `/bin/${attack}`);
		const connection = tape.server(index + 1, { pid, comm: attack.slice(0, 15) }).open();
		const body = `{"${attack}": "${attack}"}`;
		const fields = `Host: ${attack}\r\n${attack}: ${attack}\r\nCookie: a=${attack}\r\nContent-Type: application/json\r\n`;
		connection.in(`POST /${attack}?${attack}=1 HTTP/1.1\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`);
		const answered = `X-Answer: ${attack}\r\nSet-Cookie: s=${attack}\r\nContent-Type: text/plain; charset=utf-8\r\n`;
		connection.out(`HTTP/1.1 500 ${attack}\r\n${answered}Content-Length: ${attack.length}\r\n\r\n${attack}`);
		connection.in(`${attack} /m HTTP/1.1\r\nHost: h\r\n\r\n`);
		connection.out(`${attack}\r\n\r\n`);
		connection.close();
	}
	tape.end();
	recordTape(path, tape);
}

/**
 * Removes what the shell itself sends: colours (one number each), cursor movements, clearing to the end of line or
 * screen, and switches for the cursor and for pasted text. None of the attacks is among them.
 */
function withoutOwnSequences(bytes: string): string {
	return bytes.replace(/\x1b\[(?:\d{0,3}m|\d*[ABCDG]|0?[JK]|\?25[hl]|\?2004[hl])/g, '').replaceAll('\r', '');
}

/** Fails if the text has a control or invisible character, a direction mark, or many combining marks. */
function assertHarmless(bytes: string, what: string): void {
	const text = Buffer.from(withoutOwnSequences(bytes), 'latin1').toString();
	const forbidden =
		/[\0-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ue000-\uf8ff\u{e0000}-\u{e007f}]/u;
	const found = forbidden.exec(text) ?? /\p{M}{9}/u.exec(text);
	if (found === null) return;
	const near = JSON.stringify(text.slice(Math.max(0, found.index - 60), found.index + 20));
	assert.fail(`${what}: U+${found[0].codePointAt(0)?.toString(16)} in ${near}`);
}

function assertUtf8(bytes: string, what: string): void {
	assert.equal(Buffer.from(Buffer.from(bytes, 'latin1').toString()).toString('latin1'), bytes, what);
}

/** Binary ones never go to a terminal. */
const FORMATS = RESULT_FORMATS.filter(({ binary }) => binary !== true).map(({ name }) => name);

/** Lines typed at the prompt; `{id}` and `{conn}` stand for each exchange and connection. */
const LINES: readonly string[] = [
	...FORMATS.flatMap((format) => [
		`.mode ${format}`,
		'SELECT * FROM exchanges;',
		...(format === 'har' ? [] : ['SELECT * FROM headers;']),
	]),
	'.mode auto',
	'.last',
	'.tail',
	'SELECT * FROM exchanges ORDER BY id LIMIT 3\\G',
	...['connections', 'events', 'inflight', 'loss', 'blind_spots'].map((table) => `SELECT * FROM ${table};`),
	...ATTACKS.flatMap((_, index) => [
		`.show ${2 * index + 1}`,
		`.show ${2 * index + 2} --hex`,
		`.curl ${2 * index + 1}`,
		`.conn ${index + 1}`,
		`.diff ${index + 1} ${index + 2}`,
	]),
	...['.queries', '.status', '.tables', '.show -1', '.settings', '.help'],
	'SELECT path REGEXP path FROM exchanges;',
	'SELECT path::interval FROM exchanges;',
	'SELECT path::json FROM exchanges;',
	'SELECT date_trunc(path, ts) FROM exchanges;',
	'SELECT strftime(path, ts) FROM exchanges;',
	'CREATE TEMP TABLE copy AS SELECT * FROM exchanges;',
];

/** The time between two keys. */
const KEY_MS = 100;

/** Beginnings whose completions are captured names or values. */
const BEGINNINGS: readonly string[] = [
	...['host', 'comm', 'method', 'path', 'via'].map((column) => `SELECT * FROM exchanges WHERE ${column} = '`),
	"SELECT req_headers['",
	'.run ',
];

for (const colors of [false, true]) {
	test(`AT-1 terminal-bytes: no command lets captured bytes reach the terminal unescaped, ${colors ? 'with' : 'without'} colours`, async () => {
		const directory = temporaryDirectory();
		try {
			const recording = join(directory.path, 'attacks.tinytap');
			recordAttacks(recording);
			const queries = join(directory.path, '.tinytap/queries');
			mkdirSync(queries, { recursive: true });
			for (const attack of ATTACKS) {
				const name = Buffer.from(`q${attack.replaceAll('/', '')}.sql`, 'latin1').subarray(0, 255);
				const path = Buffer.concat([Buffer.from(`${queries}/`), name]);
				writeFileSync(path, Buffer.from(`-- ${attack}\nSELECT 1;\n`, 'latin1'));
			}
			const sized = ['sh', '-c', `cd ${directory.path} && stty cols 80 rows 24; exec "$@"`, 'sh'];
			const terminal = scriptedTerminal([...sized, ...TINYTAP, '--replay', recording], {
				PAGER: 'cat',
				...(colors ? { NO_COLOR: '', FORCE_COLOR: '1' } : {}),
			});
			const failures: string[] = [];
			const check = (before: number, what: string) => {
				try {
					// The last sequence may not have arrived in full.
					assertHarmless(
						terminal
							.shown()
							.slice(before)
							.replace(/\x1b[[?\d]*$/, ''),
						what,
					);
				} catch (error) {
					failures.push((error as Error).message);
				}
			};
			try {
				await terminal.shows(/\(attacks\.tinytap\)/);
				let marks = 0;
				/** Waits until everything typed so far has been carried out. */
				const settled = async () => {
					terminal.type(`.print mark${++marks}\r`);
					await terminal.shows(new RegExp(`\nmark${marks}\\r?\n`));
				};
				for (const line of LINES) {
					const before = terminal.shown().length;
					terminal.type(`${line}\r`);
					await settled();
					check(before, line);
				}
				const begun = terminal.shown().length;
				terminal.type('.watch 60 SELECT path, comm, host, user_agent FROM exchanges;\r');
				await terminal.shows(/every 60 s/);
				terminal.type('q');
				await settled();
				check(begun, '.watch');
				for (const beginning of BEGINNINGS) {
					const before = terminal.shown().length;
					terminal.type(beginning);
					for (let tab = 0; tab < 3; tab++) {
						// Keys that arrive together are taken for pasted text.
						await setTimeout(KEY_MS);
						terminal.type('\t');
					}
					await setTimeout(KEY_MS);
					// Ctrl-U empties the line.
					terminal.type('\x15');
					await settled();
					check(before, `completions of ${beginning}`);
				}
				terminal.type('.quit\r');
				await terminal.ended;
			} finally {
				terminal.child.kill();
			}
			assert.deepEqual(failures, []);
			assertHarmless(terminal.shown(), 'the whole session');
			assertUtf8(terminal.shown(), 'the whole session');
			assert.match(terminal.shown(), /\\x1b\[2J/, 'they are shown');
		} finally {
			directory.remove();
		}
	});
}

test('AT-1 terminal-bytes: no format of a query writes captured bytes unescaped', async () => {
	const directory = temporaryDirectory();
	try {
		const recording = join(directory.path, 'attacks.tinytap');
		recordAttacks(recording);
		for (const format of FORMATS) {
			const { code, stdout, stderr } = await runTinytap([
				'query',
				'SELECT * FROM exchanges',
				'--replay',
				recording,
				'--format',
				format,
			]);
			assert.equal(code, 0, stderr);
			assert.ok(stdout.length > 1000, format);
			assertHarmless(Buffer.from(stdout).toString('latin1'), `query --format ${format}`);
		}
	} finally {
		directory.remove();
	}
});

test('AT-1 terminal-bytes: a file of statements from a stranger writes nothing unescaped', async () => {
	const directory = temporaryDirectory();
	try {
		const recording = join(directory.path, 'attacks.tinytap');
		recordAttacks(recording);
		const one = '\x1b[2J\u202e';
		const lines = [
			`CREATE VIEW "${one}" AS SELECT 1 AS "${one}";`,
			`CREATE TEMP TABLE "t${one}" AS SELECT '${one}' AS "${one}";`,
			`INSERT INTO "t${one}" VALUES ('${one}');`,
			`DELETE FROM "t${one}";`,
			'.tables',
			`.schema t${one}`,
			`DROP TABLE "t${one}";`,
			`DROP VIEW "${one}";`,
			`DROP VIEW "${one}";`,
			'.echo on',
			`.print ${one}`,
			`.nullvalue ${one}`,
			`.param x '${one}'`,
			'.param',
			...['\x1b', '\u009b', one].map((separator) => `.separator ${separator}`),
			...FORMATS.filter((format) => format !== 'har').flatMap((format) => [
				`.mode ${format}`,
				`SELECT 1 AS a, 2 AS c, NULL AS "${one}", :x, path FROM exchanges LIMIT 3;`,
			]),
			'.mode csv',
			...['path', 'comm', 'res_body', 'user_agent'].flatMap((column) => [
				`SELECT ${column} FROM exchanges ORDER BY id LIMIT 1;`,
				'.expect value = 5',
				`.expect value = ${one}`,
			]),
			...['.show', '.run', '.queries', '.read', '.help', '.mode', '.width', '.set', '.conn', '.wait', '.nosuch'].map(
				(command) => `${command} ${one}`,
			),
			`.no${one}`,
			`ATTACH '${one}' AS "${one}";`,
			`SELECT "${one}" FROM "${one}";`,
			one,
		];
		const script = join(directory.path, 'stranger\x1b[2J.sql');
		writeFileSync(script, `.bail off\n${lines.join('\n')}\n`);
		const { code, stdout, stderr } = await runTinytap(['run', script, '--replay', recording]);
		assert.equal(code, 4, stderr);
		assertHarmless(Buffer.from(stdout).toString('latin1'), 'stdout');
		// Nothing is on a terminal, so there is nothing of our own to remove either.
		assert.doesNotMatch(stdout + stderr, /\x1b/);
		assertHarmless(Buffer.from(stderr).toString('latin1'), 'stderr');
		assert.match(stderr, /^view \\x1b\[2J\\u\{202e\} created$/m);
		assert.match(stderr, /^ {2}got: value \/\\x1b/m);
	} finally {
		directory.remove();
	}
});

test('AT-2 tmux-screen: a request that clears the screen and paints a prompt leaves the screen as it was', async () => {
	const nginx = await startNginx({ sendfile: true, server: 'location / { return 200 "ok"; }' });
	const terminal = await openTerminal([...TINYTAP, '--port', String(nginx.port)].join(' '), { columns: 80, rows: 24 });
	try {
		await terminal.shows('tinytap>');
		await terminal.type("SELECT 'still ' || 'here' AS x;");
		await terminal.press('Enter');
		await terminal.shows('still here');
		await terminal.type('.tail');
		await terminal.press('Enter');
		await terminal.shows(/method/);
		const socket = connect(nginx.port, '127.0.0.1');
		const answered = new Promise((resolve, reject) => socket.once('data', resolve).once('error', reject));
		socket.write('GET /\x1b[2J\x1b[Hroot@host:~# HTTP/1.1\r\nHost: a\x1b[2J\r\nX: \x1bc\r\n\r\n');
		await answered;
		socket.destroy();
		await terminal.shows(/\\x1b\[2J/);
		await terminal.type('SELECT path, host FROM exchanges;');
		await terminal.press('Enter');
		const screen = await terminal.shows(/\\x1b\[2J/, 2);
		assert.match(screen, /still here/);
		assert.doesNotMatch(screen, /^root@host/m);
	} finally {
		await terminal.close();
		await nginx.stop();
		nginx.remove();
	}
});

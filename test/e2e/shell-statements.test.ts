// Long statements, parameters and Tab at a prompt, over a recording.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '../../support/servers.ts';
import { openTerminal, PROMPT } from '../../support/terminal.ts';
import { runTinytap, TINYTAP } from '../../support/tinytap.ts';

const SHELL = `${TINYTAP.join(' ')} --replay recordings/demo.tinytap`;
const ENDLESS = 'SELECT count(*) FROM headers a, headers b, headers c, headers d, headers e WHERE a.name < b.name;';

test('a long statement shows its progress, gives way to typing, and leaves no trace when Ctrl-C ends it', async () => {
	const terminal = await openTerminal(SHELL);
	try {
		await terminal.shows(PROMPT);
		await terminal.type(ENDLESS);
		await terminal.press('Enter');
		await terminal.shows(/^running for \d+\.\d s, [\d,]+ rows read; Ctrl-C ends it$/);
		await terminal.type("SELECT 'ahead';");
		const typing = await terminal.shows(/^SELECT 'ahead';$/);
		assert.doesNotMatch(typing, /running for/);
		await terminal.press('C-c');
		const after = await terminal.shows(/^tinytap \(demo\.tinytap\)> SELECT 'ahead';$/);
		assert.match(after, /the statement was cancelled \[ERR_SQL_CANCELLED\]/);
		assert.doesNotMatch(after, /running for/);
		await terminal.press('Enter');
		await terminal.shows(/^ ahead\b/);
	} finally {
		await terminal.close();
	}
});

test('Ctrl-C ends a statement while its rows scroll by, and the shell continues', async () => {
	const terminal = await openTerminal(SHELL);
	try {
		await terminal.shows(PROMPT);
		await terminal.type('.mode table');
		await terminal.press('Enter');
		await terminal.type('SELECT a.name, b.name FROM headers a, headers b, headers c;');
		await terminal.press('Enter');
		// The first 5,000 rows decide the column widths; after that, rows arrive as fast as the terminal takes them.
		await terminal.shows(/^ \w+ +\| \w+/, 500);
		await terminal.press('C-c');
		await terminal.shows(/the statement was cancelled \[ERR_SQL_CANCELLED\]\ntinytap \(demo\.tinytap\)>/);
		await terminal.type("SELECT 'still ' || 'here';");
		await terminal.press('Enter');
		await terminal.shows(/^ still here/);
	} finally {
		await terminal.close();
	}
});

test('views survive when a statement has to be ended with its thread; a message says that temporary tables are gone', async () => {
	const terminal = await openTerminal(SHELL);
	try {
		await terminal.shows(PROMPT);
		for (const line of [
			'CREATE VIEW one AS SELECT 41 AS x;',
			'CREATE VIEW two AS SELECT x + 1 AS y FROM one;',
			'CREATE VIEW three AS SELECT 1; DROP VIEW three;',
			'CREATE TEMP TABLE mine AS SELECT 1 AS z;',
			'CREATE VIEW four AS SELECT * FROM mine;',
		]) {
			await terminal.type(line);
			await terminal.press('Enter');
		}
		await terminal.shows('view four created');
		// Compares texts of millions of characters, a thousand of them between two checks of the flag.
		await terminal.type(
			"WITH RECURSIVE s(t) AS (SELECT 'ab' UNION ALL SELECT t || t FROM s WHERE length(t) < 4000000), l AS (SELECT max(t) AS t FROM s) SELECT count(*) FROM l, headers a, headers b, headers c WHERE t || a.name < t || b.name || c.name;",
		);
		await terminal.press('Enter');
		await terminal.shows(/^running for/);
		await terminal.press('C-c');
		await terminal.shows('the statement was cancelled [ERR_SQL_CANCELLED]');
		await terminal.type('SELECT y AS answer FROM two;');
		await terminal.press('Enter');
		const screen = await terminal.shows(/^ +42$/);
		if (/ended with its thread/.test(screen)) {
			await terminal.type('SELECT * FROM mine;');
			await terminal.press('Enter');
			await terminal.shows('unknown table mine');
		}
	} finally {
		await terminal.close();
	}
});

test('SQL attacks have no effect, wherever they come from', async () => {
	const directory = temporaryDirectory();
	const marker = join(directory.path, 'marker');
	const replay = ['--replay', join(import.meta.dirname, '../../recordings/demo.tinytap')];
	try {
		const code = `process.getBuiltinModule('fs').writeFileSync('${marker}','x')`;
		const attacks = [`SELECT \`\`${code}\`\``, `SELECT * INTO TXT('${marker}') FROM exchanges`, `SOURCE '/etc/passwd'`];
		mkdirSync(join(directory.path, '.tinytap/queries'), { recursive: true });
		const queries = join(directory.path, '.tinytap/queries');
		for (const [number, attack] of attacks.entries())
			writeFileSync(join(queries, `attack${number}.sql`), `${attack};\n`);
		const places: [args: string[], input?: string][] = [
			[['query', attacks[0]!]],
			[['query', '-'], attacks[1]!],
			[['run', join(queries, 'attack2.sql')]],
			[['run', 'attack0']],
			[[], `${attacks[1]};\n`],
		];
		for (const [args, input] of places) {
			const {
				code: status,
				stdout,
				stderr,
			} = await runTinytap([...args, ...replay], {
				cwd: directory.path,
				...(input === undefined ? {} : { input }),
			});
			assert.equal(status, 1, `${args} ${stderr}`);
			assert.equal(stdout, '');
			assert.match(stderr, /\[ERR_SQL_(SYNTAX|UNSUPPORTED|NAME)\]/);
			assert.doesNotMatch(stderr, /root:|^ +at /m);
		}
		assert.deepEqual(readdirSync(directory.path), ['.tinytap']);
	} finally {
		directory.remove();
	}
});

test('parameters, views and Tab work at the prompt', async () => {
	const terminal = await openTerminal(SHELL);
	try {
		await terminal.shows(PROMPT);
		for (const line of [
			'CREATE VIEW my_paths AS SELECT path FROM exchanges;',
			'.tables',
			".param wanted 'it''s'",
			'SELECT :wanted AS given;',
			'.param wanted',
			'SELECT :wanted AS given;',
		]) {
			await terminal.type(line);
			await terminal.press('Enter');
		}
		const screen = await terminal.shows('the parameter :wanted has no value');
		assert.match(screen, /^my_paths \(view\)$/m);
		assert.match(screen, /^ it's\b/m);
		await terminal.type('SELECT count(*) FROM my_p');
		await terminal.press('Tab');
		await terminal.shows(/^tinytap \(demo\.tinytap\)> SELECT count\(\*\) FROM my_paths$/);
	} finally {
		await terminal.close();
	}
});

test('--timeout ends a statement with an error that says what to do', async () => {
	const { code, stdout, stderr } = await runTinytap([
		'query',
		ENDLESS,
		'--replay',
		'recordings/demo.tinytap',
		'--timeout',
		'300ms',
	]);
	assert.equal(code, 1);
	assert.equal(stdout, '');
	assert.match(stderr, /time limit of 0\.3 s \[ERR_SQL_TIME_LIMIT\]\n.*hint:.*--timeout/s);
});

test('--set gives a parameter of tinytap query a value', async () => {
	const { code, stdout } = await runTinytap([
		'query',
		'SELECT :n + 1 AS sum, :word AS word',
		'--replay',
		'recordings/demo.tinytap',
		'--set',
		'n=41',
		'--set',
		'word=a=b',
		'--format',
		'json',
	]);
	assert.equal(code, 0);
	assert.deepEqual(JSON.parse(stdout), [{ sum: 42, word: 'a=b' }]);
});

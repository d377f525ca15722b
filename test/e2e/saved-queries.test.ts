// Saved queries and scripts in the built program: names, queries that hide others, files that the user cannot read.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { eventually } from '../../support/eventually.ts';
import { temporaryDirectory } from '../../support/servers.ts';
import { CLI, NODE_FLAGS, runTinytap, TEST_ENV, TEST_HOME } from '../../support/tinytap.ts';
import { openUnreadTerminal } from '../../support/unread-terminal.ts';

const DEMO = join(CLI, '../../recordings/demo.tinytap');
const directory = temporaryDirectory();
after(directory.remove);
chmodSync(directory.path, 0o755);

test('AT-17 at the prompt, .save and .run refuse names that could lead elsewhere, and create nothing', async () => {
	const names = ['../x', '..%2fx', '/etc/x', '-rf', '.', '..', 'CON', 'a'.repeat(300), 'x/../../y', '__proto__'];
	const files = () => readdirSync(TEST_HOME, { recursive: true }).map(String).sort();
	const terminal = await openUnreadTerminal(['--replay', DEMO, '--no-color']);
	const shows = (what: RegExp, times: number) =>
		eventually(
			() => ([...terminal.shown().matchAll(what)].length >= times ? true : undefined),
			() => terminal.shown(),
		);
	try {
		terminal.read();
		await shows(/tinytap \(demo\.tinytap\)> /g, 1);
		terminal.type('.save right SELECT 1;\r');
		await shows(/saved right|replaced right/g, 1);
		// Without a statement, the last one, with its parameters.
		terminal.type('.param word kept\rSELECT :word AS it;\r.save last -- The last one\r.param word\r.run last\r');
		await shows(/saved last|replaced last/g, 1);
		await shows(/ kept\s+1 row/g, 2);
		assert.equal(
			readFileSync(join(TEST_HOME, '.config/tinytap/queries/last.sql'), 'utf8'),
			"-- The last one\n-- :word text = 'kept'\nSELECT :word AS it;\n",
		);
		const before = files();
		let refused = 0;
		for (const line of names.flatMap((name) => [`.save ${name} SELECT 1;`, `.run ${name}`])) {
			terminal.type(`${line}\r`);
			await shows(/\[ERR_QUERY_NAME\]/g, ++refused);
		}
		assert.deepEqual(files(), before);
		assert.ok(!readdirSync('/etc').some((name) => name === 'x' || name === 'x.sql'));
	} finally {
		terminal.close();
	}
});

test('a query of the working directory that hides a bundled one says so, even with --quiet', async () => {
	const cwd = join(directory.path, 'project');
	mkdirSync(join(cwd, '.tinytap/queries'), { recursive: true });
	writeFileSync(join(cwd, '.tinytap/queries/slow.sql'), "-- mine\nSELECT 'mine' AS whose;");
	// Earlier versions saved queries there; those in the present directory come first.
	for (const [place, name] of [
		['.local/share', 'old'],
		['.local/share', 'renewed'],
		['.config', 'renewed'],
	] as const) {
		const own = join(TEST_HOME, place, 'tinytap/queries');
		mkdirSync(own, { recursive: true });
		writeFileSync(join(own, `${name}.sql`), `-- in ${place}\nSELECT 1;`);
	}
	const listed = await runTinytap(['queries'], { cwd });
	const warning =
		/^tinytap: warning: slow is the project query .*slow\.sql, which hides the bundled query .*queries\/slow\.sql$/m;
	assert.match(listed.stderr, warning);
	assert.match(listed.stdout, /^old +user +in \.local\/share$/m);
	assert.match(listed.stdout, /^renewed +user +in \.config$/m);
	assert.match(listed.stdout, /^slow +project +mine \(hides the bundled query\)$/m);
	assert.match((await runTinytap(['queries', '--safe'], { cwd })).stdout, /^slow +bundled +Slowest endpoints$/m);
	const run = await runTinytap(['run', 'slow', '--quiet', '--format', 'csv', '--replay', DEMO], { cwd });
	assert.equal(run.stdout, 'whose\n"mine"\n');
	assert.match(run.stderr, warning);
	const script = await runTinytap(['--quiet', '--replay', DEMO], { cwd, input: '.run slow\n' });
	assert.match(script.stderr, /which hides the bundled query/);
	writeFileSync(join(cwd, 'mine.sql'), 'SELECT 1;');
	const file = await runTinytap(['run', 'mine', '--replay', DEMO], { cwd });
	assert.match(
		file.stderr,
		/there is no saved query "mine" \[ERR_NO_QUERY\]\nhint: For the file, write \.\/mine\.sql\./,
	);
	const other = await runTinytap(['run', 'errors', '--quiet', '--replay', DEMO], { cwd });
	assert.equal(other.stderr, '');
});

test('parameters of saved queries and files: values, their types, what is missing', async () => {
	const script = join(directory.path, 'checks.sql');
	writeFileSync(script, '-- Checks\n-- :wanted int\n-- :host text = NULL\nSELECT :wanted + 1 AS n, :host AS host;\n');
	const tap = (...words: string[]) => runTinytap([...words, '--quiet', '--format', 'csv', '--replay', DEMO]);
	assert.equal((await tap('run', script, '--set', 'wanted=41', '--set', "host='a b'")).stdout, 'n,host\n42,"a b"\n');
	const missing = await tap('run', script);
	assert.deepEqual([missing.code, missing.stdout], [2, '']);
	assert.match(
		missing.stderr,
		/^tinytap: error: .*checks\.sql: :wanted \(int\) has no value \[ERR_QUERY_PARAMETER\]\nhint: .*:wanted int; :host text = NULL/,
	);
	const slow = await tap('run', 'slow', '--set', 'top=1');
	assert.deepEqual([slow.code, slow.stdout.trimEnd().split('\n').length], [0, 2]);
	const bad = await tap('run', 'slow', '--set', 'top=all');
	assert.match(
		bad.stderr,
		/^tinytap: error: slow: expected a whole number for :top, got "all" \[ERR_QUERY_PARAMETER\]$/m,
	);
	const input =
		'.param top 1\n.run slow top=2\n.run slow\n.run slow top=two\n.run slow top\nSELECT :top AS top;\n.queries top TALKERS\n.queries loss\n.queries no zebra\n';
	const shell = await runTinytap(['--quiet', '--format', 'csv', '--replay', DEMO], { input: `.bail off\n${input}` });
	const results = shell.stdout.split('method,host,path,requests,p50_ms,p95_ms,p99_ms,max_ms\n');
	assert.deepEqual(
		results.slice(1, 3).map((text) => text.split('\n').filter((line) => line.startsWith('"')).length),
		[2, 1],
	);
	assert.match(shell.stdout, /^top\n1\ntop-talkers {2}bundled {2}\S.*\nloss \(bundled\)\nWhat was not captured\n/m);
	assert.match(shell.stderr, /slow: expected a whole number for :top, got "two"/);
	assert.match(shell.stderr, /\.run: expected PARAMETER=VALUE after the name, got "top"/);
	assert.match(
		shell.stderr,
		/no saved query contains "no" and "zebra" in its name, title or description \[ERR_NO_QUERY\]/,
	);
});

test('errors quote nothing of a file that the invoking user cannot read', () => {
	const secret = join(directory.path, 'secret.sql');
	writeFileSync(secret, 'root:$y$known to root alone\n', { mode: 0o600 });
	const cwd = join(directory.path, 'theirs');
	mkdirSync(join(cwd, '.tinytap/queries'), { recursive: true });
	symlinkSync(secret, join(cwd, '.tinytap/queries/link.sql'));
	symlinkSync(secret, join(cwd, 'script.sql'));
	for (const words of [
		['run', secret],
		['run', './script.sql'],
		['run', 'link'],
		['query', 'SELECT 1', '--replay', secret],
		['queries'],
	]) {
		const { status, stdout, stderr } = spawnSync(process.execPath, [...NODE_FLAGS, CLI, ...words], {
			cwd,
			encoding: 'utf8',
			env: { ...TEST_ENV, SUDO_UID: '65534', SUDO_GID: '65534' },
		});
		assert.equal(status, words[0] === 'queries' ? 0 : 1, stderr);
		assert.doesNotMatch(stdout + stderr, /known|root:/, words.join(' '));
	}
});

test('an endless text on stdin is refused', () => {
	for (const command of [['query', '-'], []]) {
		const words = [...NODE_FLAGS, CLI, ...command, '--replay', DEMO];
		const { status, stderr } = spawnSync('bash', ['-c', '"$0" "$@" < /dev/zero', process.execPath, ...words], {
			encoding: 'utf8',
			env: TEST_ENV,
			timeout: 30_000,
		});
		assert.equal(status, 1);
		assert.match(
			stderr,
			/^tinytap: error: cannot read stdin: expected at most 16 MiB of text, got more \[ERR_FILE_SIZE\]$/m,
		);
	}
});

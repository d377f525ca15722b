// `tinytap tail`: its options, queries and programs, over recordings.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { UserError } from '../../src/base/errors.ts';
import { processUser } from '../../src/base/invoking-user.ts';
import type { Options } from '../../src/commands/options.ts';
import { planTail, type TailOptions } from '../../src/commands/tail-plan.ts';
import { RowProgram } from '../../src/shell/row-program.ts';
import { eventually } from '../../support/eventually.ts';
import { temporaryDirectory } from '../../support/servers.ts';
import { parseRows, runTinytap, startTinytap } from '../../support/tinytap.ts';

const directory = temporaryDirectory();
after(directory.remove);
const DEMO = join(import.meta.dirname, '../../recordings/demo.tinytap');

function file(name: string, text: string): string {
	const path = join(directory.path, name);
	writeFileSync(path, text);
	return path;
}

const ROWS = file(
	'rows.sql',
	'-- One status\n-- :least int = 400\nSELECT id, status, path AS p FROM exchanges WHERE status >= :least;\n',
);
const WHOLE = file(
	'whole.sql',
	"SELECT side, count(*) AS n FROM exchanges WHERE side <> 'x' GROUP BY side ORDER BY side",
);

const tail = async (...words: string[]) => await runTinytap(['tail', '--replay', DEMO, ...words]);

test('a query about single exchanges prints what it returns for each, in every format', async () => {
	const { code, stdout, stderr } = await tail('--query', ROWS, '--set', 'least=500', '--format', 'ndjson');
	assert.equal(code, 0, stderr);
	const rows = parseRows(stdout);
	assert.ok(rows.length > 0);
	assert.deepEqual([...new Set(rows.map(({ status, p }) => `${status} ${p}`))], ['500 /api/broken']);
	const csv = await tail('--query', ROWS, '--format', 'csv', '--count', '1', '--quiet');
	assert.equal(csv.stdout, 'id,status,p\n6,404,"/missing.html"\n');
});

test('a query that needs all rows runs again and again, until the capture ends or it has run --count times', async () => {
	const once = await tail('--query', WHOLE);
	assert.equal(once.code, 0, once.stderr);
	const [client, server, ...others] = parseRows(once.stdout);
	assert.match(String(client?.at), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
	const { at } = client!;
	assert.deepEqual([client, server, others], [{ at, side: 'client', n: 28 }, { at, side: 'server', n: 28 }, []]);

	// --every makes one of a query about single exchanges, too.
	const slow = ['--realtime', 'x0.1', '--every', '100ms', '--count', '3', '--format', 'csv'];
	const counts = await tail('--query', file('count.sql', 'SELECT count(*) FROM exchanges'), ...slow);
	assert.match(counts.stdout, /^at,"count\(\*\)"\n("20\S+Z",\d+\n){3}$/, counts.stderr);
	const all = await tail('--query', ROWS, '--every', '1h');
	assert.equal(new Set(parseRows(all.stdout).map((row) => row.at)).size, 1, all.stderr);
});

test('Ctrl-C ends a running query and the tail, with status 0', async () => {
	const endless = file(
		'endless.sql',
		'SELECT 1 FROM exchanges a, exchanges b, exchanges c, exchanges d, exchanges e, loss',
	);
	const running = startTinytap(['tail', '--replay', DEMO, '--query', endless, '--timeout', '1h']);
	try {
		await eventually(
			() => (running.stdout() === '' ? undefined : true),
			() => running.stderr(),
		);
		running.interrupt();
		const { code, stderr } = await running.finished;
		assert.equal(code, 0, stderr);
		assert.doesNotMatch(stderr, /error/);
	} finally {
		await running.stop();
	}
});

test('errors of a query are reported before anything is captured, with their place', async () => {
	const wrong = await tail('--query', file('wrong.sql', '\nSELECT idd FROM exchanges'));
	assert.equal(wrong.code, 1);
	assert.match(
		wrong.stderr,
		/^tinytap: error: \S*wrong\.sql:2: unknown column idd .*\n +SELECT idd FROM exchanges\n +\^/m,
	);
	const missing = await tail('--query', file('missing.sql', 'SELECT id FROM exchanges WHERE id = :id'));
	assert.match(missing.stderr, /the parameter :id has no value \[ERR_SQL_PARAMETER\]\n +SELECT id .*\n +\^/);
	const other = await tail('--query', file('other.sql', 'CREATE VIEW v AS SELECT 1'));
	assert.match(other.stderr, /--query: expected a SELECT in \S*other\.sql, got another statement \[ERR_USAGE\]/);
	const condition = await tail('--where', 'statu = 1', '--exec', 'echo started');
	assert.match(condition.stderr, /unknown column statu/);
	for (const { code, stdout, stderr } of [missing, other, condition]) {
		assert.ok(code === 1 || code === 2, stderr);
		assert.equal(stdout, '');
		assert.doesNotMatch(stderr, /replaying/);
	}
});

test('options that do not fit together are errors in one sentence', () => {
	mkdirSync(join(directory.path, 'queries'));
	const user = processUser();
	const queries = [{ place: 'user', path: join(directory.path, 'queries'), user }];
	const options = { presentation: {}, directories: { queries }, user, safe: false } as unknown as Options;
	const errorOf = (own: TailOptions, changed: object = {}): string => {
		try {
			planTail({ ...options, ...changed } as Options, own);
		} catch (error) {
			const { message, code } = error as UserError;
			return `${message} [${code}]`;
		}
		return 'no error';
	};
	const format = (name: string) => ({ presentation: { format: name } });
	const two = file('two.sql', 'SELECT 1; SELECT 2');
	assert.deepEqual(
		[
			errorOf({ query: 'nothing' }),
			errorOf({ query: ROWS, where: '1' }),
			errorOf({ query: ROWS, columns: 'id' }),
			errorOf({ query: ROWS, bodies: true }),
			errorOf({ where: ' ' }),
			errorOf({ columns: '' }),
			errorOf({ every: '1s' }),
			errorOf({ set: ['a=1'] }),
			errorOf({ query: ROWS, every: '10' }),
			errorOf({ query: ROWS, every: '50ms' }),
			errorOf({ query: ROWS, set: ['leest=1'] }),
			errorOf({ query: two }),
			errorOf({ query: file('empty.sql', '-- nothing\n') }),
			errorOf({ query: file('command.sql', '.tables\n') }),
			errorOf({}, format('har')),
			errorOf({ exec: 'cat' }, format('csv')),
			errorOf({ exec: 'cat' }, { safe: true }),
			errorOf({ exec: '' }),
			errorOf({ exec: 'jq .', bodies: true, columns: 'id' }, format('ndjson')),
			errorOf({ query: ROWS, set: ['least=300'], every: '100ms' }, format('html')),
		],
		[
			'there is no saved query "nothing" [ERR_NO_QUERY]',
			'expected --query or --where, got both [ERR_USAGE]',
			'expected --query or --columns, got both [ERR_USAGE]',
			'expected --query or --bodies, got both [ERR_USAGE]',
			'--where: expected an SQL condition, got nothing [ERR_USAGE]',
			'--columns: expected columns or expressions, got nothing [ERR_USAGE]',
			'--every: expected it together with --query NAME [ERR_USAGE]',
			'--set: expected it together with --query NAME [ERR_USAGE]',
			'--every: expected a duration such as 500ms, 10s or 5m, got "10" [ERR_USAGE]',
			'--every: expected at least 100ms, got 50ms [ERR_USAGE]',
			`${ROWS}: there is no parameter :leest [ERR_QUERY_PARAMETER]`,
			`--query: expected one SELECT in ${two}, got 2 steps [ERR_USAGE]`,
			`--query: expected one SELECT in ${join(directory.path, 'empty.sql')}, got nothing [ERR_USAGE]`,
			`--query: expected one SELECT in ${join(directory.path, 'command.sql')}, got a command [ERR_USAGE]`,
			'expected a row format for tail, got har, which is a single document [ERR_USAGE]',
			'--exec: expected no format or ndjson, got csv [ERR_USAGE]',
			'--exec is refused with --safe [ERR_SAFE]',
			'--exec: expected a program, got nothing [ERR_USAGE]',
			'no error',
			'no error',
		],
	);
});

test('the program of --exec reads each row as a JSON line, from its start to the end of the tail', async () => {
	const out = join(directory.path, 'rows');
	const script = `echo begin; cat >"$0"; echo end >&2`;
	const { code, stdout, stderr } = await tail(
		...['--where', 'status = 404', '--columns', 'id', '--bodies', '--exec', `sh -c '${script}' ${out}`],
	);
	assert.deepEqual([code, stdout], [0, 'begin\n'], stderr);
	assert.match(stderr, /^end$/m);
	const rows = parseRows(readFileSync(out, 'utf8'));
	assert.deepEqual(
		rows.map(({ id }) => id),
		[6, 5],
	);
	assert.match(String(rows[0]?.res_body), /404 Not Found/);
});

test('when the program of --exec ends, the tail ends, with its status', async () => {
	const slow = ['--realtime', 'x0.05', '--columns', 'id', '--exec'];
	const done = await tail(...slow, `sh -c 'read line; echo "got $line"'`);
	assert.equal(done.code, 0, done.stderr);
	assert.match(done.stdout, /^got \{"id":[12]\}\n$/);
	assert.match(done.stderr, /^tinytap: sh has ended, and with it the tail$/m);
	const failed = await tail(...slow, `sh -c 'read line; exit 7'`);
	assert.equal(failed.code, 7);
	assert.match(failed.stderr, /error: --exec: sh ended with exit status 7 \[ERR_EXEC\]/);
	const killed = await tail(...slow, `sh -c 'read line; kill -TERM $$'`);
	assert.equal(killed.code, 128 + 15);
	assert.match(killed.stderr, /error: --exec: sh ended with SIGTERM \[ERR_EXEC\]/);
	const none = await tail('--exec', join(directory.path, 'no-program'));
	assert.equal(none.code, 127);
	assert.match(none.stderr, /error: --exec: cannot start \S+no-program: no such file or directory \[ERR_COMMAND\]/);
	assert.doesNotMatch(none.stderr, /replaying/);
});

test('rows wait for a program that does not read, and are counted if it never does', async () => {
	const program = await RowProgram.start(['sleep', '1000'], processUser());
	const row = `${'x'.repeat(1000)}\n`;
	let written = 0;
	const write = async () => {
		for (; written < 1000; written++) await program.sink.writeRows([row]);
	};
	const writing = write();
	try {
		// More than Node's buffer: the next row waits.
		await eventually(
			() => (program.waitingRows > 16 ? true : undefined),
			() => `${program.waitingRows} rows wait`,
		);
		const before = written;
		assert.ok(before < 900, `${before} rows`);
		program.giveUp();
		await writing;
		assert.equal(written, 1000);
		assert.ok(program.waitingRows >= 1000 - before, `${program.waitingRows} of ${written}`);
		assert.equal(await program.finish(), undefined);
	} finally {
		process.kill(program.pid, 'SIGKILL');
	}
	assert.deepEqual(await program.ended, { status: 137, text: 'SIGKILL' });
	await program.sink.gone;
	assert.ok(program.sink.closed);
});

test('after Ctrl-C, a tail waits half a second for a program that does not read, and counts its rows', async () => {
	// 500 kB in all; a pipe has room for 64 KiB.
	const columns = `id, replace(replace('xxxxxxxxxx', 'x', '0123456789'), '0', '${'x'.repeat(1000)}') AS long`;
	const script = 'echo $$; exec sleep 1000 >/dev/null 2>&1';
	const running = startTinytap(['tail', '--replay', DEMO, '--columns', columns, '--exec', `sh -c '${script}'`]);
	let program = 0;
	try {
		program = await eventually(
			() => Number(running.stdout()) || undefined,
			() => running.stderr(),
		);
		running.interrupt();
		const { code, stderr } = await running.finished;
		assert.equal(code, 0, stderr);
		assert.match(stderr, /^tinytap: \d+ rows could not be printed in time \(loss: output_dropped\)$/m);
	} finally {
		await running.stop();
		if (program > 0) process.kill(program, 'SIGKILL');
	}
});

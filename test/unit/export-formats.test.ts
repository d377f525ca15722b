// Exports in formats of other programs, read back: packets by tinytap's own import, SQL by SQLite.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parquetReadObjects } from 'hyparquet';
import { createSqlWriter } from '../../src/output/sql-script.ts';
import { temporaryDirectory } from '../../support/servers.ts';
import { parseRows, runTinytap, TEST_ENV, TINYTAP } from '../../support/tinytap.ts';

const directory = temporaryDirectory();
after(directory.remove);
const demo = ['--replay', 'demo', '--quiet'];

async function exported(...args: string[]): Promise<string> {
	const { code, stderr, stdout } = await runTinytap(['export', ...demo, ...args]);
	assert.equal(code, 0, stderr);
	return stdout;
}

async function rowsOf(file: string, sql: string) {
	const { code, stdout, stderr } = await runTinytap(['query', sql, '--replay', file, '--format', 'ndjson', '--quiet']);
	assert.equal(code, 0, stderr);
	return parseRows(stdout);
}

test('exchanges exported as packets are read back with the same messages, times and addresses', async () => {
	const path = join(directory.path, 'demo.pcapng');
	await exported('--no-redact', '-o', path, '--where', "side = 'server'");
	// Packets know neither calls nor processes. Bodies via sendfile have their size.
	const sql = `SELECT ts, state, side, local, remote, method, url, status, status_text, http_version, req_http_version,
		round(duration_ms, 2) AS duration, round(ttfb_ms, 1) AS ttfb, req_headers, res_headers, req_body_bytes, res_body_bytes,
		res_captured_bytes, req_body, res_body, anomalies, via
		FROM exchanges WHERE side = 'server' ORDER BY ts, url`;
	const before = (await rowsOf('demo', sql)).map((row) => ({ ...row, via: null }));
	assert.equal(before.length > 20, true);
	assert.deepEqual(await rowsOf(path, sql), before);
});

test('packets of redacted exchanges have no secrets, and are whole messages', async () => {
	const path = join(directory.path, 'redacted.pcapng');
	await exported('-o', path);
	const [row] = await rowsOf(
		path,
		'SELECT count(*) AS n, count(status) AS answered, sum(lost_bytes) AS lost FROM exchanges',
	);
	const [whole] = await rowsOf('demo', 'SELECT count(*) AS n, count(status) AS answered FROM exchanges');
	assert.deepEqual(row, { ...whole, lost: 0 });
});

test('an SQL script gives SQLite the same rows', async () => {
	const script = await exported('--no-redact', '--format', 'sql');
	const python = `import sqlite3, sys, json
db = sqlite3.connect(':memory:')
db.executescript(sys.stdin.read())
rows = db.execute("SELECT id, ts, status, duration_ms, url, res_headers, length(res_body_raw) AS raw, typeof(res_body_raw) AS kind FROM exchanges ORDER BY id")
names = [c[0] for c in rows.description]
print(json.dumps([dict(zip(names, row)) for row in rows]))`;
	const { stdout, stderr } = spawnSync('python3', ['-c', python], { input: script });
	const read = JSON.parse(String(stdout) || `"${String(stderr)}"`) as Record<string, unknown>[];
	const rows = await rowsOf(
		'demo',
		'SELECT id, ts, status, duration_ms, url, res_headers, length(res_body_raw) AS raw, typeof(res_body_raw) AS kind FROM exchanges ORDER BY id',
	);
	assert.deepEqual(
		read.map((row) => ({ ...row, res_headers: JSON.parse(String(row.res_headers)) })),
		rows,
	);
});

test('no value ends a statement of an SQL script', () => {
	const texts = [
		"a'b",
		"'); DROP TABLE exchanges; --",
		'line\n.quit\nnext',
		'nul\0after',
		'\ud800',
		'',
		'é"`',
		'\x1b[2J\u202e\x9b',
	];
	const columns = [
		{ name: 'text', type: 'text' as const },
		{ name: 'TEXT', type: null },
		{ name: 'n"ame', type: 'float' as const },
	];
	const writer = createSqlWriter(columns);
	const numbers = [1.5, Number.POSITIVE_INFINITY, -0, 1e300, Number.NEGATIVE_INFINITY, 2 ** 53, 0.1, 7.5];
	const rows = texts.map((text, i) => [text, i % 2 === 0 ? null : Uint8Array.of(0, 255), numbers[i]!]);
	const script = writer.begin() + writer.rows(rows) + writer.rows([[2n ** 62n, 1, 1]]) + writer.end();
	// On a terminal it changes nothing but lines.
	assert.doesNotMatch(script.replaceAll(/[\n\t]/g, ''), /[\p{Cc}\p{Cf}\p{Cs}]/u);
	const python = `import sqlite3, sys, json
db = sqlite3.connect(':memory:')
db.executescript(sys.stdin.buffer.read().decode('utf8'))
rows = [[v.hex() if isinstance(v, bytes) else repr(v) if isinstance(v, float) else v for v in row] for row in db.execute('SELECT * FROM exchanges')]
print(json.dumps([[c[1] for c in db.execute('PRAGMA table_info(exchanges)')], rows]))`;
	const { stdout, stderr } = spawnSync('python3', ['-c', python], { input: script });
	assert.equal(String(stderr), '');
	const [names, read] = JSON.parse(String(stdout)) as [string[], unknown[][]];
	assert.deepEqual(names, ['text', 'TEXT_2', 'n"ame']);
	const well = texts.map((text) => text.replace('\ud800', '\ufffd'));
	assert.deepEqual(
		read.map(([text]) => text),
		[...well, String(2n ** 62n)],
	);
	assert.deepEqual(
		read.map(([, blob]) => blob),
		[...texts.map((_, i) => (i % 2 === 0 ? null : '00ff')), 1],
	);
	assert.deepEqual(
		read.map(([, , number]) => number),
		['1.5', 'inf', '0.0', '1e+300', '-inf', '9007199254740992.0', '0.1', '7.5', '1.0'],
	);
});

test('export without a file or a format, with an unknown one, and into an existing file', async () => {
	const existing = join(directory.path, 'existing.har');
	writeFileSync(existing, '');
	const errors: [string[], RegExp][] = [
		[[], /expected --format or a file \(-o\), got neither/],
		[['--format', 'xlsx'], /export --format: expected one of har, .*pcapng.*, got "xlsx"/],
		[['-o', join(directory.path, 'x.xlsx')], /expected a file that ends in \.har/],
		[['-o', existing], /already exists/],
		[['--where', 'status >', '--format', 'csv'], /status >/],
		[['-o', join(directory.path, 'no/where.har')], /no such file or directory.*\n.*The directory must exist/],
	];
	for (const [args, expected] of errors) {
		const { code, stdout, stderr } = await runTinytap(['export', ...demo, ...args]);
		assert.equal(code === 1 || code === 2, true, `${args.join(' ')}: ${code}`);
		assert.match(stderr, expected);
		assert.doesNotMatch(stderr, /internal|^ +at /m);
		assert.equal(stdout, '');
	}
	assert.match(await exported('--format', 'csv', '--where', 'status = 404'), /^id,/);
});

test('query -o writes the results to a new file in the format of its extension, whole or not at all', async () => {
	const place = (name: string) => join(directory.path, name);
	const query = async (sql: string, ...args: string[]) => await runTinytap(['query', sql, ...demo, ...args]);
	const all = 'SELECT id, ts, ts - lag(ts) OVER (ORDER BY id) AS gap, path FROM exchanges ORDER BY id';
	const parquet = await query(all, '-o', place('all.parquet'));
	assert.deepEqual(parquet, { code: 0, stdout: '', stderr: '' });
	const { mode, size } = statSync(place('all.parquet'));
	assert.equal(mode & 0o777, 0o600);
	const bytes = readFileSync(place('all.parquet'));
	const read = await parquetReadObjects({ file: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + size) });
	const rows = await rowsOf('demo', `SELECT id, path, epoch_ms(gap) AS ms FROM (${all})`);
	assert.deepEqual(
		read.map(({ id, path, gap }) => ({ id: Number(id), path, ms: gap === null ? null : Number(gap) / 1000 })),
		rows,
	);
	assert.equal((await query('SELECT 1 AS a; SELECT 2 AS b', '-o', place('two.csv'))).code, 0);
	assert.equal(readFileSync(place('two.csv'), 'utf8'), 'a\n1\nb\n2\n');
	const errors: [string, string[], RegExp][] = [
		['SELECT 1', ['-o', place('two.csv')], /two\.csv: it already exists.*\n.*--force/],
		[
			'SELECT 1; SELECT 2',
			['-o', place('new.parquet')],
			/one result in the format parquet .*, got another one before it/,
		],
		['SELECT 1; SELECT x', ['-o', place('new.csv')], /unknown column x/],
		['SELECT 1', ['-o', place('new.sql')], /but \.sql is for whole exchanges/],
	];
	for (const [sql, args, message] of errors) {
		const { code, stderr } = await query(sql, ...args);
		assert.notEqual(code, 0);
		assert.match(stderr, message);
	}
	assert.deepEqual(
		readdirSync(directory.path).filter((name) => name.startsWith('new')),
		[],
	);
	// A terminal never gets a binary format.
	const words = [...TINYTAP, 'query', 'SELECT 1', ...demo, '--format', 'parquet'].map((word) => `'${word}'`).join(' ');
	const { stdout } = spawnSync('script', ['-qec', words, '/dev/null'], { env: TEST_ENV, input: '' });
	assert.match(
		String(stdout),
		/expected a file or a pipe for results in the format parquet, which is binary, got a terminal/,
	);
	assert.equal(stdout.includes('PAR1'), false);
});

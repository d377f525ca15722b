// `tinytap agent` over recordings: what arrives in a real store and in files.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { parquetReadObjects } from 'hyparquet';
import { NOT_SENT } from '../../src/agent/store-tables.ts';
import { fleetCommand } from '../../src/commands/fleet-command.ts';
import { startClickHouse } from '../../support/clickhouse.ts';
import {
	comparedEntries,
	comparedExchanges,
	comparedFields,
	queriedRows,
	type Row,
	storedRows,
} from '../../support/compared-store.ts';
import { temporaryDirectory } from '../../support/servers.ts';
import { parseRows, runTinytap } from '../../support/tinytap.ts';

const DEMO = join(import.meta.dirname, '../../recordings/demo.tinytap');

/** Paths of all files below a directory. */
function filesBelow(path: string): string[] {
	return readdirSync(path, { recursive: true, withFileTypes: true })
		.filter((entry) => entry.isFile())
		.map((entry) => join(entry.parentPath, entry.name));
}

test('a store has what the tables here have, with the fields as lists, and no secrets', async () => {
	const store = await startClickHouse();
	const directory = temporaryDirectory();
	try {
		await fleetCommand('init', { store: `${store.url}/http`, portable: true });
		const agent = await runTinytap(
			[
				...['agent', '--to', `${store.url}/http`, '--replay', DEMO, '--spool', directory.path, '--bodies', 'all'],
				...['--host-name', 'web-1', '--label', 'env=prod', '--label', 'zone=a=b', '--body-limit', '64KiB'],
			],
			{ env: { CLICKHOUSE_USER: 'sender', CLICKHOUSE_PASSWORD: 'secret' } },
		);
		assert.deepEqual([agent.code, agent.stderr], [0, `tinytap: replaying ${DEMO}\ntinytap: sent 56 exchanges\n`]);
		const rows = await storedRows(store.ask, 'http');
		const exchanges = await comparedExchanges(DEMO, rows);
		assert.deepEqual(exchanges.stored, exchanges.expected);
		for (const row of rows) {
			assert.deepEqual(
				[row.host_name, row.agent_version, row.label_names, row.label_values],
				['web-1', '0.1.0', ['env', 'zone'], ['prod', 'a=b']],
			);
			assert.equal(row.run, rows[0]!.run);
			assert.match(String(row.ingested_at), /^2\d{3}-/);
		}
		assert.deepEqual(
			rows.map(({ seq }) => Number(seq)).sort((a, b) => a - b),
			rows.map((_, i) => i + 1),
		);
		const fields = await comparedFields(DEMO, store.ask, 'http');
		assert.equal(fields.stored.length > 200, true);
		assert.deepEqual(fields.stored, fields.expected);
		const entries = await comparedEntries(DEMO, store.ask, 'http');
		assert.equal(entries.expected.length > 20, true);
		assert.deepEqual(entries.stored, entries.expected);
		assert.equal((await store.rows('SELECT count() FROM http.loss WHERE events > 0'))[0]![0] !== '0', true);
		assert.deepEqual(
			filesBelow(directory.path).map((path) => path.slice(directory.path.length)),
			['/agent.json'],
		);
	} finally {
		await store.stop();
		directory.remove();
	}
});

test('a directory gets files by table, host, day and hour, as Parquet or as lines of JSON', async () => {
	const directory = temporaryDirectory();
	const to = join(directory.path, 'out');
	const agent = async (...words: string[]) => {
		const spool = join(directory.path, 'spool');
		const ended = await runTinytap(['agent', '--to', to, '--replay', DEMO, '--spool', spool, '--quiet', ...words]);
		assert.deepEqual([ended.code, ended.stderr], [0, '']);
	};
	await agent('--host-name', 'a/b', '--headers', 'Content-Type,x-none', '--where', 'status >= 400');
	await agent('--host-name', 'lines', '--format', 'ndjson', '--bodies', 'errors', '--headers', 'none');
	await agent('--host-name', 'few', '--format', 'ndjson', '--connections', 'none', '--where', '0');
	const files = filesBelow(to);
	const tablesOf = (host: string) =>
		new Set(files.filter((path) => path.includes(host)).map((path) => path.slice(to.length).split('/')[1]));
	assert.deepEqual(tablesOf('a%2Fb'), new Set(['exchanges', 'connections', 'loss']));
	assert.deepEqual(tablesOf('few'), new Set(['loss']));
	const [connections] = files.filter((path) =>
		path.startsWith(join(to, 'connections/host_name=a%2Fb/date=2026-11-22/')),
	);
	const seen = (await parquetReadObjects({ file: new Uint8Array(readFileSync(connections!)).buffer })) as Row[];
	assert.equal(
		seen.every((row) => row.opened instanceof Date && row.last_ts instanceof Date),
		true,
	);
	const [parquet] = files.filter((path) =>
		path.startsWith(join(to, 'exchanges/host_name=a%2Fb/date=2026-11-22/hour=15/')),
	);
	const [lines] = files.filter((path) =>
		path.startsWith(join(to, 'exchanges/host_name=lines/date=2026-11-22/hour=15/')),
	);
	const rows = (await parquetReadObjects({ file: new Uint8Array(readFileSync(parquet!)).buffer })) as Row[];
	const expected = await queriedRows(
		DEMO,
		'SELECT id, status, path, duration_ms, content_type FROM exchanges ORDER BY id',
	);
	const errors = expected.filter(({ status }) => Number(status) >= 400);
	assert.equal(rows.length, errors.length);
	rows.sort((one, other) => Number(one.id) - Number(other.id));
	for (const [index, row] of rows.entries()) {
		const { id, status, path, duration_ms, content_type } = errors[index]!;
		assert.deepEqual(
			[Number(row.id), Number(row.status), row.path, row.duration_ms, row.host_name],
			[id, status, path, duration_ms, 'a/b'],
		);
		assert.deepEqual(row.res_header_values, content_type === null ? [] : [content_type]);
		assert.equal(row.ts instanceof Date, true);
	}
	const parsed = parseRows(gunzipSync(readFileSync(lines!)).toString('utf8'));
	assert.equal(parsed.length, 56);
	const isError = ({ status, state }: Row) => status === null || Number(status) >= 400 || state !== 'complete';
	assert.equal(parsed.some(isError) && parsed.some((row) => !isError(row)), true);
	for (const row of parsed) {
		assert.deepEqual([row.req_header_names, row.res_header_values], [[], []]);
		for (const name of NOT_SENT) assert.equal(name in row, false);
		if (isError(row) || Number(row.res_body_bytes) === 0) continue;
		assert.deepEqual(
			[row.res_body, row.res_captured_bytes, row.res_body_note],
			[null, 0, `body: ${row.res_body_bytes} bytes not sent (--bodies errors)`],
		);
	}
	assert.equal(
		parsed.some((row) => isError(row) && typeof row.res_body === 'string' && row.res_body !== ''),
		true,
	);
	directory.remove();
});

test('what is not valid is refused before anything is captured', async () => {
	const refused = async (...words: string[]) => {
		const { code, stderr } = await runTinytap(['agent', '--replay', DEMO, ...words]);
		return `${code} ${stderr.split('\n')[0]}`;
	};
	const all = await Promise.all([
		refused(),
		refused('--to', 'http://me:word@host/'),
		refused('--to', '/tmp', '--bodies', 'sample=0'),
		refused('--to', '/tmp', '--headers', 'a b'),
		refused('--to', '/tmp', '--label', 'x'),
		refused('--to', '/tmp', '--connections', 'some'),
		refused('--to', '/tmp', '--batch', '500ms'),
		refused('--to', '/tmp', '--spool-size', '1MiB'),
		refused('--to', '/tmp', '--where', 'nothing = 1'),
		refused('--to', 'http://host', '--format', 'ndjson'),
		refused('--to', '/proc/none'),
		refused('--to', 'http://host', '--spool', '/proc/none'),
	]);
	const expected = [
		/^2 .*agent: expected --to URL or --to DIR, got nothing/,
		/^2 .*--to: expected a URL without a password/,
		/^2 .*--bodies sample: expected a whole number of at least 1, got "0"/,
		/^2 .*--headers: expected all, none, or names/,
		/^2 .*--label: expected NAME=VALUE, got "x"/,
		/^2 .*--connections: expected all or none, got "some"/,
		/^2 .*--batch: expected a duration from 1s to 1h, got "500ms"/,
		/^2 .*--spool-size: expected at least 16MiB/,
		/^1 .*nothing/,
		/^2 .*--format: expected it together with --to DIR/,
		/^1 .*cannot open \/proc\/none: no such file or directory/,
		/^1 .*cannot open \/proc\/none: no such file or directory/,
	];
	for (const [index, pattern] of expected.entries()) assert.match(all[index]!, pattern);
});

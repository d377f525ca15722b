// Statements over the files that agents write give the answers of the recording that the agents replayed.
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { processUser } from '../../src/base/invoking-user.ts';
import { RecordingReader } from '../../src/capture/recording.ts';
import { filesSource } from '../../src/remote/files/files-source.ts';
import { divideStatement, execute, prepare } from '../../src/sql/sql.ts';
import { EXCHANGE_COLUMNS } from '../../src/store/exchange-table.ts';
import type { RowSource } from '../../src/store/row-source.ts';
import type { DatabaseSnapshot } from '../../src/store/table.ts';
import { Tape } from '../../support/record-builder.ts';
import { temporaryDirectory } from '../../support/servers.ts';
import { rowsOf } from '../../support/sql-run.ts';
import { stored } from '../../support/stored-exchanges.ts';
import { runTinytap } from '../../support/tinytap.ts';

const DEMO = join(import.meta.dirname, '../../recordings/demo.tinytap');
const NOW = 1_795_351_000_000_000;
const LIMITS = { rows: 100_000, bytes: 64 << 20 };

const directory = temporaryDirectory();
const files = join(directory.path, 'out');
let recording: DatabaseSnapshot;

before(async () => {
	for (const [host, format] of [
		['a/b', 'parquet'],
		['lines', 'ndjson'],
	] as const) {
		const { code, stderr } = await runTinytap([
			...['agent', '--to', files, '--replay', DEMO, '--spool', join(directory.path, 'spool'), '--quiet'],
			...[
				'--host-name',
				host,
				'--format',
				format,
				'--bodies',
				'all',
				'--no-redact',
				'--label',
				'Room=1',
				'--label',
				'rack=é"',
			],
		]);
		assert.deepEqual([code, stderr], [0, '']);
	}
	const reader = new RecordingReader(DEMO, processUser());
	const tape = new Tape();
	const batch = new Uint8Array(1 << 22);
	for (let bytes = reader.nextBatch(batch); bytes > 0; bytes = reader.nextBatch(batch))
		tape.records.push(batch.slice(0, bytes));
	reader.close();
	recording = stored(tape).database;
});
after(() => directory.remove());

async function ask(sql: string, source: RowSource = filesSource(files, processUser()), limits = LIMITS) {
	const statement = prepare(sql, source);
	const signal = new AbortController().signal;
	const fetched = await divideStatement(statement, { source, limits, now: NOW, parameters: new Map() }).fetch(signal);
	return (await execute(statement, { tables: new Map() }, { fetched, now: NOW })).rows;
}

test('each host has the rows of the recording, from either format', async () => {
	// Bytes are not sent, and names are looked up by a capture.
	const left = new Set(['req_body_raw', 'res_body_raw', 'remote_name', 'host_name']);
	const names = EXCHANGE_COLUMNS.map(({ name }) => name).filter((name) => !left.has(name));
	const columns = names.join(', ');
	const expected = rowsOf(`SELECT ${columns} FROM exchanges ORDER BY id`, recording);
	assert.equal(expected.length > 20, true);
	for (const host of ['a/b', 'lines'])
		assert.deepEqual(await ask(`SELECT ${columns} FROM exchanges WHERE host_name = '${host}' ORDER BY id`), expected);
	const fields = 'exchange_id, message, seq, name, raw_name, header_value, trailer';
	const lines = rowsOf(`SELECT ${fields} FROM headers ORDER BY 1, 2, 3`, recording);
	for (const host of ['a/b', 'lines'])
		assert.deepEqual(await ask(`SELECT ${fields} FROM headers WHERE host_name = '${host}' ORDER BY 1, 2, 3`), lines);
	assert.deepEqual(await ask(`SELECT DISTINCT host_name, labels->>'rack', labels->>'Room' FROM exchanges ORDER BY 1`), [
		['a/b', 'é"', '1'],
		['lines', 'é"', '1'],
	]);
	const connections = 'id, pid, comm, side, local, remote, protocol, exchanges';
	const ends = rowsOf(`SELECT ${connections} FROM connections ORDER BY id`, recording);
	assert.deepEqual(await ask(`SELECT ${connections} FROM connections WHERE host_name = 'lines' ORDER BY id`), ends);
	assert.deepEqual(await ask(`SELECT count(*) FROM (SELECT DISTINCT host_name, id FROM connections)`), [
		[ends.length * 2],
	]);
	const lost = await ask(`SELECT reason, sum(events) FROM loss WHERE events > 0 GROUP BY reason ORDER BY 1`);
	assert.equal(lost.length > 0, true);
	assert.deepEqual(await ask(`SELECT count(*) FROM gaps`), [[0]]);
});

test('conditions that are tested in files change no answer, and leave out files and rows', async () => {
	const source = filesSource(files, processUser());
	const given = { rows: 0, all: 0 };
	const counted = (drops: boolean, key: 'rows' | 'all'): RowSource => ({
		...source,
		async *read(wanted, signal) {
			for await (const batch of source.read(drops ? { ...wanted, conditions: [] } : wanted, signal)) {
				given[key] += batch.rowCount;
				yield batch;
			}
		},
	});
	const conditions = [
		`status >= 400`,
		`path LIKE '/%A%' AND method <> 'POST'`,
		`host_name = 'lines' AND ts >= (SELECT min(ts) FROM exchanges)`,
		`ts BETWEEN '2026-11-22T15:00:00Z' AND '2026-11-22T15:59:59.999999Z'`,
		`ts < '2026-11-22T15:00:00Z'`,
		`ts > '2026-11-23'`,
		`status IN (200, 404) OR comm = 'curl'`,
		`status NOT IN (200)`,
		`grpc_status IS NULL AND content_type IS NOT NULL`,
		`NOT (path NOT LIKE '%.txt')`,
		`duration_ms > 1.5 AND side = 'server'`,
		`req_headers->>'user-agent' LIKE 'curl%'`,
		`res_body_bytes >= 51200 AND via = 'sendfile'`,
		`host_name IN ('lines', 'none')`,
		`path > '/é' OR path = '/'`,
		`interim = NULL`,
	];
	for (const condition of conditions) {
		const sql = `SELECT host_name, id, path, status FROM exchanges WHERE ${condition} ORDER BY 1, 2`;
		assert.deepEqual(await ask(sql, counted(false, 'rows')), await ask(sql, counted(true, 'all')), condition);
	}
	assert.equal(given.rows * 2 < given.all, true);
	const byHeader = `SELECT count(*) FROM headers WHERE name = 'user-agent' AND header_value LIKE 'curl%'`;
	assert.deepEqual(await ask(byHeader, counted(false, 'rows')), await ask(byHeader, counted(true, 'all')));
	const explained = (where: string) => {
		const { tables } = source;
		const columns = tables.get('exchanges')!.columns;
		const column = (name: string) => columns.findIndex((each) => each.name === name);
		const conditions = [
			where === 'host'
				? ({ kind: 'compare', column: column('host_name'), operator: '=', value: 'none' } as const)
				: ({ kind: 'compare', column: column('ts'), operator: '>=', value: 0 } as const),
		];
		return source.explain({ table: 'exchanges', columns: [column('path')], conditions, atMost: 1 });
	};
	assert.deepEqual(explained('host'), ['read path of exchanges from 0 files']);
	assert.match(explained('ts')[0]!, /^read path of exchanges from \d+ files? from 2026-11-22T\d\d:00:00\.000000Z to /);
});

test('a statement that would need too many rows is refused, and damaged files are named', async () => {
	await assert.rejects(ask('SELECT path FROM exchanges', undefined, { rows: 10, bytes: 1 << 20 }), /10 rows/);
	assert.deepEqual(
		(await ask('SELECT count(*) FROM exchanges', undefined, LIMITS))[0]![0],
		2 * recording.tables.get('exchanges')!.rowCount,
	);
	const hour = join(files, 'exchanges/host_name=damaged/date=2026-11-22/hour=15');
	mkdirSync(hour, { recursive: true });
	for (const [name, bytes] of [
		['x.parquet', 'PAR1'],
		['x.parquet', ''],
		['x.ndjson.gz', '{"id":1}\n'],
		['x.ndjson.gz', '\x1f\x8b\x08'],
	] as const) {
		writeFileSync(join(hour, name), bytes, 'latin1');
		await assert.rejects(ask('SELECT path FROM exchanges'), (error: Error) => {
			assert.equal(
				error.message,
				`cannot read ${join(hour, name)}: it is damaged, or no file that an agent has written`,
			);
			return true;
		});
		assert.equal((await ask(`SELECT id FROM exchanges WHERE host_name = 'lines'`)).length > 0, true);
		rmSync(join(hour, name));
	}
	writeFileSync(join(hour, '.x.parquet.tmp'), 'being written');
	writeFileSync(join(hour, 'README'), 'other files are passed over');
	mkdirSync(join(files, 'exchanges/notes'));
	assert.equal((await ask('SELECT id FROM exchanges')).length > 0, true);
	const [parquet] = readdirSync(join(files, 'exchanges/host_name=a%2Fb'), { recursive: true, encoding: 'utf8' }).filter(
		(path) => path.endsWith('.parquet'),
	);
	const path = join(files, 'exchanges/host_name=a%2Fb', parquet!);
	const whole = readFileSync(path);
	truncateSync(path, 100);
	await assert.rejects(ask('SELECT path FROM exchanges'), /it is damaged/);
	appendFileSync(path, 'x'.repeat(1000));
	await assert.rejects(ask('SELECT path FROM exchanges'), /it is damaged/);
	writeFileSync(path, whole);
	assert.throws(() => filesSource(hour, processUser()), /has no files of exchanges/);
	assert.throws(() => filesSource(join(files, 'none'), processUser()), /has no files of exchanges/);
});

test('of the versions of a connection the newest counts, of totals the largest, and the last fields are trailers', async () => {
	const write = (table: string, name: string, rows: readonly object[]) => {
		const hour = join(files, table, 'host_name=own/date=2026-11-22/hour=15');
		mkdirSync(hour, { recursive: true });
		const lines = rows.map((row) => JSON.stringify({ host_name: 'own', run: 1, ...row }));
		writeFileSync(join(hour, `${name}.ndjson.gz`), gzipSync(`${lines.join('\n')}\n`));
	};
	const opened = '2026-11-22T15:00:00.000000Z';
	write('connections', 'a', [
		{ seq: 3, id: 7, opened, exchanges: 30 },
		{ seq: 1, id: 7, opened, exchanges: 10 },
	]);
	write('connections', 'b', [{ seq: 2, id: 7, opened, exchanges: 20 }]);
	const own = `host_name = 'own'`;
	assert.deepEqual(await ask(`SELECT id, exchanges FROM connections WHERE ${own}`), [[7, 30]]);
	write('loss', 'a', [
		{ ts: opened, reason: 'ring_full', kind: 'lost', events: 5, bytes: 50 },
		{ ts: opened, reason: 'ring_full', kind: 'lost', events: 2, bytes: 20 },
	]);
	assert.deepEqual(await ask(`SELECT reason, events, bytes FROM loss WHERE ${own}`), [['ring_full', 5, 50]]);
	const names = ['A', 'B', 'C'];
	write('exchanges', 'a', [
		{ id: 1, seq: 1, ts: opened, req_header_names: names, req_header_values: ['1', '2', '3'], req_trailers: 1 },
	]);
	const fields = await ask(`SELECT name, header_value, trailer FROM headers WHERE ${own} ORDER BY seq`);
	assert.deepEqual(fields, [
		['a', '1', 0],
		['b', '2', 0],
		['c', '3', 1],
	]);
	for (const table of ['connections', 'loss', 'exchanges'])
		rmSync(join(files, table, 'host_name=own'), { recursive: true });
});

test('the commands that ask a store ask a directory', async () => {
	const query = async (...words: string[]) => {
		const { code, stdout, stderr } = await runTinytap([...words, '--store', files, '--quiet']);
		assert.deepEqual([code, stderr], [0, '']);
		return stdout;
	};
	const csv = ['--format', 'csv'];
	const sql = 'SELECT path, count(*) FROM exchanges WHERE status >= 400 GROUP BY path ORDER BY path';
	const twice = rowsOf(sql, recording).map(([path, count]) => `"${path}",${2 * Number(count)}`);
	assert.deepEqual((await query('query', sql, ...csv)).trim().split(/\r?\n/).slice(1), twice);
	assert.match(await query('query', 'EXPLAIN SELECT path FROM exchanges'), /read path of exchanges from \d+ files?/);
	assert.match(await query('run', 'slow', ...csv), /^method,host,path,/);
	const local = await query('query', 'SELECT count(*) AS n FROM local.exchanges', ...csv);
	assert.match(local, /^n\r?\n0\r?\n$/);
	// A gap shows below the results that it may affect.
	const hour = join(files, 'gaps/host_name=lines/date=2026-11-22/hour=15');
	mkdirSync(hour, { recursive: true });
	const gap = (from: string, to: string, rows: number | null) =>
		`${JSON.stringify({ host_name: 'lines', run: 1, from_ts: from, to_ts: to, rows, reason: 'spool full', table_name: 'exchanges' })}\n`;
	const minutes = gap('2026-11-22T15:00:00.000000Z', '2026-11-22T15:10:00.000000Z', 5);
	const hours = gap('2026-11-22T15:20:00.000000Z', '2026-11-22T17:00:00.000000Z', null);
	writeFileSync(join(hour, 'gap.ndjson.gz'), gzipSync(minutes + hours));
	const told = async (where: string) =>
		(await runTinytap(['query', `SELECT count(*) FROM exchanges ${where}`, '--store', files])).stderr;
	const both = 'rows may be missing from the store: 5 rows and an unknown number of 1 host (spool full)';
	const one = 'rows may be missing from the store: an unknown number of 1 host (spool full)';
	for (const [where, sentence] of [
		['', both],
		[`WHERE ts > '2026-11-22T15:15'`, one],
		[`WHERE host_name = 'a/b'`, undefined],
		[`WHERE ts < '2026-11-22T14:00'`, undefined],
		[`WHERE ts > '2026-11-22T18:00'`, undefined],
	] as const) {
		const stderr = await told(where);
		if (sentence === undefined) assert.doesNotMatch(stderr, /may be missing/, where);
		else assert.equal(stderr.includes(sentence), true, `${where}: ${stderr}`);
	}
	const refused = async (...words: string[]) => (await runTinytap(words)).stderr;
	assert.match(
		await refused('query', 'SELECT 1', '--store', files, '--ca', 'x'),
		/--ca: expected it together with --store URL/,
	);
	assert.match(
		await refused('query', 'SELECT 1', '--store', 'host:8443'),
		/has no files of exchanges.*https:\/\/HOST/s,
	);
});

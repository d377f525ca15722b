// ATTACH: recordings beside the tables of a capture, in the threads of the built program and in the shell over recordings.
import assert from 'node:assert/strict';
import { mkdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Command } from 'commander';
import * as wire from '../../decoder-as/assembly/wire/capture-event.ts';
import type { CaptureSettings } from '../../src/capture/capture-settings.ts';
import { addCaptureOptions, parseOptions } from '../../src/commands/options.ts';
import { standardOutput } from '../../src/output/output-stream.ts';
import { ShellSession } from '../../src/shell/shell-session.ts';
import { createSink } from '../../src/shell/sink.ts';
import type { SqlValue } from '../../src/store/table.ts';
import {
	ATTACHED_LEAST,
	attachedBytes,
	attachedShares,
	memoryShares,
	THREAD_BYTES,
} from '../../src/threads/memory-shares.ts';
import { type RunOptions, Threads } from '../../src/threads/threads.ts';
import { fillQueryThread } from '../../support/full-query-thread.ts';
import { frames, pcapFile } from '../../support/packet-builder.ts';
import { Tape } from '../../support/record-builder.ts';
import { replayedCapture } from '../../support/replayed-capture.ts';
import { temporaryDirectory } from '../../support/servers.ts';
import { recordTape } from '../../support/tape-recording.ts';
import { parseRows, runTinytap } from '../../support/tinytap.ts';

const directory = temporaryDirectory();
after(directory.remove);
let files = 0;

const PACKET = { from: { ip: '10.0.0.1', port: 1 }, to: { ip: '10.0.0.2', port: 2 }, sequence: 1 };

/** A recording of a GET of each path; of `lost` records; bodies of `bytes` bytes. */
function recordingOf(paths: readonly string[], { lost = 0, bytes = 2 } = {}): string {
	const tape = new Tape();
	tape.clock(1_700_000_000_000_000_000n);
	const server = tape.server(1, { local: '127.0.0.1:80', remote: '127.0.0.1:4000' }).open();
	for (const path of paths) {
		server.in(`GET ${path} HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer s3cret\r\n\r\n`);
		server.out(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n${'x'.repeat(bytes)}`);
	}
	if (lost > 0) tape.loss(wire.LOSS_RING_FULL, BigInt(lost), BigInt(lost * 100));
	const path = join(directory.path, `attached-${files++}.tinytap`);
	recordTape(path, tape);
	return path;
}

async function withThreads(
	path: string,
	work: (threads: Threads) => Promise<void>,
	settings: Partial<CaptureSettings> = {},
	redactsAll = false,
): Promise<void> {
	const threads = new Threads(replayedCapture(path, settings), (message) => assert.fail(message), redactsAll);
	try {
		await threads.ended;
		await work(threads);
	} finally {
		await threads.close();
	}
}

type Outcome = { readonly rows: SqlValue[][]; readonly lost: unknown; readonly readsCaptured: boolean };

async function outcomeOf(threads: Threads, sql: string, options: Partial<RunOptions> = {}): Promise<Outcome> {
	const rows: SqlValue[][] = [];
	for await (const part of threads.run(sql, { timeoutMs: 0, ...options })) {
		if (part.type === 'rows') rows.push(...part.rows);
		if (part.type === 'done') return { rows, lost: part.attachedLoss, readsCaptured: part.readsCaptured };
	}
	return assert.fail('the statement has no end');
}

async function rowsOf(threads: Threads, sql: string, options: Partial<RunOptions> = {}): Promise<SqlValue[][]> {
	return (await outcomeOf(threads, sql, options)).rows;
}

const SECRETS = `SELECT o.req_headers->>'authorization', h.header_value FROM before.exchanges o, before.headers h
	WHERE h.name = 'authorization' LIMIT 1`;

test('one statement reads the tables and those of several recordings', async () => {
	await withThreads(recordingOf(['/a', '/b', '/now']), async (threads) => {
		const before = await threads.attach('before', recordingOf(['/a', '/b'], { lost: 3 }));
		assert.deepEqual([before.rows, before.evicted, before.lostEvents, before.damage], [2, 0, 3, undefined]);
		await threads.attach('Earlier', recordingOf(['/b']));
		const all = await outcomeOf(
			threads,
			`SELECT e.path, e.id, b.id, x.id FROM exchanges e LEFT JOIN before.exchanges b USING (path)
			 LEFT JOIN earlier.EXCHANGES x ON x.path = e.path ORDER BY e.id`,
		);
		assert.deepEqual(all.rows, [
			['/a', 1, 1, null],
			['/b', 2, 2, 1],
			['/now', 3, null, null],
		]);
		// Loss is told only with results that read what is incomplete.
		assert.deepEqual(all.lost, [{ name: 'before', lostEvents: 3, lostBytes: 300 }]);
		assert.equal(all.readsCaptured, true);
		// As `.watch` shows it.
		const options = parseOptions(addCaptureOptions(new Command()).parse(['--format', 'csv'], { from: 'user' }));
		const sink = createSink(standardOutput());
		const open = async () => threads;
		const shell = new ShellSession({ options, threads, sink, interactive: false, tell: assert.fail, open });
		const watched = await shell.render('SELECT count(*) AS n FROM before.exchanges', 10);
		assert.match(watched, /^"?n"?\n2\ntinytap: 3 events of before were lost \(300 bytes\).*\n$/);
		assert.match(await shell.render('SELECT count(*) AS n FROM exchanges', 10), /^"?n"?\n3\n$/);
		const other = await outcomeOf(threads, 'SELECT count(*) FROM earlier.exchanges');
		assert.deepEqual([other.rows, other.lost, other.readsCaptured], [[[1]], undefined, false]);
		assert.deepEqual(await rowsOf(threads, "SELECT events FROM before.loss WHERE reason = 'ring_full'"), [[3]]);
		assert.deepEqual(await rowsOf(threads, "SELECT events FROM loss WHERE reason = 'ring_full'"), [[0]]);
		assert.deepEqual(await rowsOf(threads, 'SELECT count(*) FROM before.connections, before.events'), [[5]]);
		assert.deepEqual((await rowsOf(threads, 'DESCRIBE before.headers'))[0]![0], 'exchange_id');
		assert.deepEqual(await rowsOf(threads, 'EXPLAIN FROM before.exchanges'), [['read before.exchanges']]);
		assert.deepEqual(await threads.values({ table: 'before.exchanges', column: 'path', typed: '/a' }), ['/a']);
		assert.deepEqual(
			threads.attachedTables.filter(({ name }) => name.endsWith('.exchanges')).map(({ name }) => name),
			['before.exchanges', 'Earlier.exchanges'],
		);
		assert.deepEqual(await rowsOf(threads, SECRETS), [['Bearer s3cret', 'Bearer s3cret']]);
		for (const value of (await rowsOf(threads, SECRETS, { redact: true }))[0]!)
			assert.match(String(value), /redacted/i);
		const same = `SELECT DISTINCT a.req_headers = b.req_headers FROM exchanges a, before.exchanges b`;
		assert.deepEqual(await rowsOf(threads, same, { redact: true }), [[1]]);
	});
});

test('a new query thread knows the attached recordings and the views over them', async () => {
	await withThreads(
		recordingOf(['/a']),
		async (threads) => {
			await threads.attach('before', recordingOf(['/b', '/c']));
			await rowsOf(threads, 'CREATE VIEW v AS SELECT path FROM before.exchanges');
			const endless = 'SELECT a.events FROM before.loss a, loss b, loss c, loss d, loss e, loss f, loss g, loss h';
			await fillQueryThread((sql) => rowsOf(threads, sql), endless);
			assert.deepEqual(await rowsOf(threads, 'FROM v'), [['/b'], ['/c']]);
			await assert.rejects(threads.detach('before'), { code: 'ERR_SQL_NAME', hint: 'DROP VIEW v first' });
			await rowsOf(threads, 'DROP VIEW v');
			await threads.detach('before');
			await assert.rejects(rowsOf(threads, 'FROM before.exchanges'), { message: 'unknown schema before' });
			assert.deepEqual([threads.attachedTables, threads.attachedRecordings], [[], []]);
		},
		{ maxMemory: 256 << 20 },
	);
});

test('what cannot be attached leaves nothing behind, Ctrl-C ends the reading, --redact applies', async () => {
	const path = recordingOf(['/a']);
	const work = async (threads: Threads) => {
		await assert.rejects(threads.attach('before', join(directory.path, 'none')), { code: 'ERR_FILE_ENOENT' });
		const text = join(directory.path, 'text');
		writeFileSync(text, 'x'.repeat(100));
		await assert.rejects(threads.attach('before', text), { code: 'ERR_NOT_A_RECORDING' });
		const attaching = threads.attach('before', path);
		threads.cancel();
		await assert.rejects(attaching, { code: 'ERR_SQL_CANCELLED' });
		assert.deepEqual(threads.attachedRecordings, []);
		await threads.attach('before', path);
		assert.deepEqual(await rowsOf(threads, 'SELECT path FROM before.exchanges'), [['/a']]);
		for (const value of (await rowsOf(threads, SECRETS))[0]!) assert.match(String(value), /redacted/i);
		const values = await threads.values({ table: 'before.headers', column: 'header_value', typed: '' });
		assert.ok(values.includes('shop'));
		assert.doesNotMatch(JSON.stringify(values), /s3cret/);
	};
	await withThreads(path, work, {}, true);
});

test('an attached recording takes memory that the rows do not use, and gives back what it does not need', async () => {
	const least = attachedShares(ATTACHED_LEAST);
	assert.equal(least.store + least.decoder + least.connectionLog + THREAD_BYTES, ATTACHED_LEAST);
	assert.ok(least.store >= 8 << 20);
	const small = recordingOf(['/a']);
	const free = 50 << 20;
	assert.deepEqual([attachedBytes(39 << 20), attachedBytes(free), attachedBytes(free * 2)], [0, ATTACHED_LEAST, free]);
	const refused = { code: 'ERR_ATTACH_LIMIT' };
	// Larger than half of what is free.
	const maxMemory = 160 << 20;
	const bodies = Math.ceil((memoryShares(maxMemory).store * 0.6) / 60_000);
	const paths = Array.from({ length: bodies }, (_, i) => `/${i}`);
	const large = recordingOf(paths, { bytes: 60_000 });
	await withThreads(
		small,
		async (threads) => {
			const end = await threads.attach('large', large);
			assert.equal(end.rows, bodies);
			assert.ok(end.evicted > 0);
			const kept = await rowsOf(threads, 'SELECT count(*) > 100, count(*) + :evicted, max(id) FROM large.exchanges', {
				parameters: [['evicted', end.evicted]],
			});
			assert.deepEqual(kept, [[1, bodies, bodies]]);
			await assert.rejects(threads.attach('a', small), refused);
			await threads.detach('large');
			// It needs little.
			assert.ok((await threads.attach('a', small)).memoryBytes < ATTACHED_LEAST / 2);
		},
		{ maxMemory },
	);
	await withThreads(
		small,
		async (threads) => {
			for (let i = 0; i < 8; i++) await threads.attach(`s${i}`, small);
			await assert.rejects(threads.attach('more', small), { ...refused, message: /^expected at most 8 / });
			await threads.detach('s3');
			await threads.attach('more', small);
			const tables = ['s0', 's7', 'more'].map((name) => `${name}.exchanges`).join(', ');
			assert.deepEqual(await rowsOf(threads, `SELECT count(*) FROM ${tables}`), [[1]]);
		},
		{ maxMemory: 1024 << 20 },
	);
});

test('the shell attaches, lists and detaches; a script may attach only what is in its directory', async () => {
	const path = recordingOf(['/a', '/b']);
	const old = recordingOf(['/a'], { lost: 2 });
	truncateSync(old, statSync(old).size - 3);
	const folder = join(directory.path, 'scripts');
	mkdirSync(folder);
	const inside = join(folder, 'x.tinytap');
	recordTape(inside, new Tape());
	const script = join(folder, 'steps.sql');
	writeFileSync(
		script,
		`.bail off\nATTACH 'x.tinytap' AS X;\n.tables x.ex*\n.schema x.loss\nSELECT count(*) FROM x.exchanges;\n.expect value = 0
ATTACH 'x.tinytap' AS x;\nATTACH 'x.tinytap' AS headers;\nATTACH '${old}' AS y;\nDETACH nothing;
FROM y.exchanges;\nFROM x.nothing;\nWITH a AS (DETACH x) FROM a;\nDETACH x;\n.tables x.ex*\n`,
	);
	const run = await runTinytap(['run', script, '--replay', path, '--format', 'csv']);
	assert.match(run.stdout, /^X\.exchanges\nX\.loss\n {2}reason +text[\s\S]*"count\(\*\)"\n0\n$/, run.stdout);
	for (const told of [
		`${inside} attached as X: 0 exchanges`,
		`${inside} is already attached as X \\[ERR_SQL_NAME\\]`,
		'the name headers is taken \\[ERR_SQL_NAME\\]',
		`ATTACH: expected a file in ${folder}, where the script is, got ${old} \\[ERR_USAGE\\]`,
		'no recording is attached as nothing \\[ERR_SQL_NAME\\][\\s\\S]*\\n {9}\\^?[\\s\\S]*hint: attached: X',
		'unknown schema y \\[ERR_SQL_NAME\\]',
		'unknown table nothing in x \\[ERR_SQL_NAME\\]',
		'X detached',
		'there is no table "x.ex\\*"',
	])
		assert.match(run.stderr, new RegExp(told), run.stderr);
	assert.equal(run.code, 1);

	// Files of other programs can be attached, too.
	const wifi = join(directory.path, 'wifi.pcap');
	writeFileSync(wifi, pcapFile(frames([{ members: PACKET }]), { link: 105 }));
	const sql = `ATTACH '${old}' AS old; ATTACH '${wifi}' AS wifi; SELECT path FROM exchanges EXCEPT SELECT path FROM old.exchanges; SELECT 1 FROM old.loss LIMIT 1`;
	const query = ['query', sql, '--replay', path, '--format', 'csv'];
	const cut = await runTinytap(query);
	assert.deepEqual([cut.code, cut.stdout], [0, 'path\n"/b"\n"1"\n1\n'], cut.stderr);
	assert.match(cut.stderr, /^tinytap: warning: .* is truncated at byte \d+/m);
	assert.match(cut.stderr, /^tinytap: warning: .*wifi\.pcap: not read: 1 packet of link layer Wi-Fi \(type 105\)$/m);
	assert.equal(
		cut.stderr.match(/2 events of old were lost \(200 bytes\).*SELECT \* FROM old\.loss;/g)?.length,
		1,
		cut.stderr,
	);
	assert.equal((await runTinytap([...query, '--strict', '--quiet'])).code, 3);
	const safe = await runTinytap([...query, '--safe']);
	assert.match(safe.stderr, /ATTACH is refused with --safe \[ERR_SAFE\]/);
});

test('diff compares two recordings with the bundled query', async () => {
	const [older, newer] = [recordingOf(['/a', '/gone']), recordingOf(['/a', '/new/1', '/new/2'])];
	const cwd = join(directory.path, 'project');
	mkdirSync(join(cwd, '.tinytap/queries'), { recursive: true });
	// The project's query of the same name is not the one.
	writeFileSync(join(cwd, '.tinytap/queries/diff.sql'), 'SELECT 1;');
	const diff = await runTinytap(['diff', older, newer, '--format', 'ndjson', '--set', 'top=5'], { cwd });
	assert.deepEqual(
		parseRows(diff.stdout).map(({ change, path, old_requests, new_requests }) => [
			change,
			path,
			old_requests,
			new_requests,
		]),
		[
			['gone', '/gone', 1, 0],
			['new', '/new/:id', 0, 2],
		],
		diff.stderr,
	);
	assert.equal(diff.code, 0);
	const wrong = await runTinytap(['diff', older, newer, '--set', 'topp=5']);
	assert.deepEqual([wrong.code, /\[ERR_QUERY_PARAMETER\]/.test(wrong.stderr)], [2, true], wrong.stderr);
	const alone = await runTinytap(['run', 'diff', '--replay', newer]);
	assert.match(alone.stderr, /unknown schema old \[ERR_SQL_NAME\][\s\S]*hint: ATTACH 'FILE' AS old/);
});

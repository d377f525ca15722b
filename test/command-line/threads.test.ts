// The capture thread and the query thread of the built program, with recordings as their source: no root, no kernel.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync, truncateSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import * as wire from '../../decoder-as/assembly/wire/capture-event.ts';
import type { UserError } from '../../src/base/errors.ts';
import { FILES } from '../../src/base/installation.ts';
import { processUser } from '../../src/base/invoking-user.ts';
import { wait } from '../../src/base/wait.ts';
import type { CaptureSettings } from '../../src/capture/capture-settings.ts';
import { RecordingWriter } from '../../src/capture/recording.ts';
import { LOSS_REASONS } from '../../src/store/loss-table.ts';
import type { ShownValue, SqlValue } from '../../src/store/table.ts';
import { type RunOptions, type TailRows, Threads } from '../../src/threads/threads.ts';
import { eventually } from '../../support/eventually.ts';
import { withFileLimit } from '../../support/file-limit.ts';
import { fillQueryThread } from '../../support/full-query-thread.ts';
import { Tape } from '../../support/record-builder.ts';
import { replayedCapture } from '../../support/replayed-capture.ts';
import { temporaryDirectory } from '../../support/servers.ts';
import { recordTape } from '../../support/tape-recording.ts';

const directory = temporaryDirectory();
after(directory.remove);
let files = 0;

const BATCH_RECORDS = 2000;

/** A recording of `count` exchanges, and of `lost` records. */
function recordingOf(count: number, lost = 0): string {
	const tape = new Tape();
	tape.clock(1_700_000_000_000_000_000n);
	const server = tape.server(1, { local: '127.0.0.1:80', remote: '127.0.0.1:4000' }).open();
	for (let i = 1; i <= count; i++) {
		server.in(`GET /item/${i} HTTP/1.1\r\nHost: shop\r\n\r\n`);
		server.out('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
	}
	if (lost > 0) tape.loss(wire.LOSS_RING_FULL, BigInt(lost), BigInt(lost * 100));
	const path = newPath();
	const writer = new RecordingWriter(path, {}, { user: processUser() });
	const records = tape.records.splice(0);
	for (let from = 0; from < records.length; from += BATCH_RECORDS) {
		tape.records.push(...records.slice(from, from + BATCH_RECORDS));
		writer.writeBatch(tape.batch());
		tape.records.length = 0;
	}
	writer.close();
	return path;
}

function newPath(): string {
	return join(directory.path, `threads-${files++}.tinytap`);
}

/** Everything on the tape as a recording. */
function written(tape: Tape): string {
	const path = newPath();
	recordTape(path, tape);
	return path;
}

/** Runs `work` with the threads of a recording, and ends them. */
async function withThreads(
	path: string,
	work: (threads: Threads) => Promise<void>,
	settings: Partial<CaptureSettings> = {},
	warn: (message: string, hint?: string) => void = (message) => assert.fail(message),
): Promise<void> {
	const threads = new Threads(replayedCapture(path, settings), warn);
	try {
		await work(threads);
	} finally {
		await threads.close();
		// A second end changes nothing.
		await threads.close();
	}
}

async function rowsOf(threads: Threads, sql: string, options: Partial<RunOptions> = {}): Promise<SqlValue[][]> {
	const rows: SqlValue[][] = [];
	for await (const part of threads.run(sql, { timeoutMs: 0, ...options }))
		if (part.type === 'rows') rows.push(...part.rows);
	return rows;
}

const HELD_ROWS = 24_000;

/** Runs `work` with a recording (without its last `less` bytes) that waits for a tail which began before it. */
async function withHeld(
	less: number,
	work: (threads: Threads, tail: AsyncGenerator<TailRows>) => Promise<void>,
): Promise<void> {
	const path = recordingOf(HELD_ROWS, 3);
	truncateSync(path, statSync(path).size - less);
	// The capture thread cannot begin before it has loaded its decoder.
	const decoder = newPath();
	assert.equal(spawnSync('mkfifo', [decoder]).status, 0);
	await withThreads(
		path,
		async (threads) => {
			const tail = threads.tail(undefined, 'id', { fromStart: true });
			await tail.next();
			await writeFile(decoder, readFileSync(FILES.decoder));
			for (let rows = 0; rows === 0; rows = (await tail.next()).value?.rows.length ?? 1);
			// More rows than may wait for main.
			await eventually(
				() => threads.status.rows > 10_000 || undefined,
				() => `${threads.status.rows} rows`,
			);
			await wait(100);
			assert.ok(threads.status.rows < HELD_ROWS);
			await work(threads, tail);
		},
		{ files: { ...FILES, decoder } },
	);
}

/** More rows than anybody would wait for. */
const ENDLESS = 'SELECT a.id FROM exchanges a, exchanges b, exchanges c, exchanges d';

test('a statement gets its columns, its rows and its end, in this order', async () => {
	await withThreads(recordingOf(30), async (threads) => {
		assert.deepEqual(await threads.attached, []);
		await threads.ended;
		const types: string[] = [];
		for await (const part of threads.run('SELECT id, path FROM exchanges WHERE id > :least', {
			timeoutMs: 0,
			parameters: [['least', 28]],
		})) {
			types.push(part.type);
			if (part.type === 'rows') {
				assert.deepEqual(part.rows, [
					[29, '/item/29'],
					[30, '/item/30'],
				]);
			}
			if (part.type === 'done') assert.deepEqual([part.lostEvents, part.readsCaptured], [0, true]);
		}
		assert.deepEqual(types, ['columns', 'rows', 'done']);
		assert.equal(threads.status.rows, 30);
	});
});

test('after a cancellation no row of the statement arrives, only its error, and the next statement runs', async () => {
	await withThreads(recordingOf(60), async (threads) => {
		await threads.ended;
		let cancelled = false;
		await assert.rejects(
			async () => {
				for await (const part of threads.run(ENDLESS, { timeoutMs: 0 })) {
					assert.ok(!cancelled, `a part of type ${part.type} after the cancellation`);
					if (part.type !== 'rows') continue;
					cancelled = true;
					threads.cancel();
				}
			},
			{ code: 'ERR_SQL_CANCELLED' },
		);
		assert.ok(cancelled);
		assert.deepEqual(await rowsOf(threads, 'SELECT count(*) FROM exchanges'), [[60]]);
	});
});

test('a caller that leaves the loop ends the statement', async () => {
	await withThreads(recordingOf(60), async (threads) => {
		await threads.ended;
		for await (const part of threads.run(ENDLESS, { timeoutMs: 0 })) if (part.type === 'rows') break;
		assert.deepEqual(await rowsOf(threads, 'SELECT 1'), [[1]]);
	});
});

test('a statement ends at its time limit', async () => {
	await withThreads(recordingOf(60), async (threads) => {
		await threads.ended;
		await assert.rejects(rowsOf(threads, `SELECT count(*) FROM (${ENDLESS})`, { timeoutMs: 50 }), {
			code: 'ERR_SQL_TIME_LIMIT',
		});
		assert.deepEqual(await rowsOf(threads, 'SELECT 1'), [[1]]);
	});
});

test('a query thread whose memory is full is replaced, with its views, and its tails continue where they were', async () => {
	await withHeld(0, async (threads, first) => {
		await rowsOf(threads, 'CREATE VIEW v AS SELECT min(id) AS least FROM exchanges');
		assert.deepEqual(
			threads.ownTables.map(({ name, isView }) => [name, isView]),
			[['v', true]],
		);
		const second = threads.tail('id % 3 = 0', 'id', { fromStart: true });
		await second.next();
		await fillQueryThread((sql) => rowsOf(threads, sql), ENDLESS);
		assert.deepEqual(await rowsOf(threads, 'SELECT * FROM v'), [[1]]);
		const rest = async (tail: AsyncGenerator<TailRows>) => {
			const ids: SqlValue[] = [];
			for await (const { rows } of tail) ids.push(...rows.map(([id]) => id!));
			return ids;
		};
		// withHeld() has taken the first rows of this one.
		const [ofFirst, ofSecond] = await Promise.all([rest(first), rest(second)]);
		assert.deepEqual(
			ofFirst,
			Array.from({ length: ofFirst.length }, (_, i) => HELD_ROWS - ofFirst.length + i + 1),
		);
		assert.ok(ofFirst.length < HELD_ROWS);
		assert.deepEqual(
			ofSecond,
			Array.from({ length: HELD_ROWS / 3 }, (_, i) => 3 * (i + 1)),
		);
		assert.deepEqual([threads.droppedLines, threads.status.lostEvents], [0, 3]);
	});
});

test('a tail from the start has each row once, in order, then ends', async () => {
	await withThreads(recordingOf(23_000), async (threads) => {
		const ids: SqlValue[] = [];
		let columns: readonly string[] = [];
		for await (const part of threads.tail('id % 2 = 0', 'id, path', { fromStart: true })) {
			columns = part.columns.map(({ name }) => name);
			ids.push(...part.rows.map(([id]) => id!));
		}
		assert.deepEqual(columns, ['id', 'path']);
		assert.deepEqual(
			ids,
			Array.from({ length: 11_500 }, (_, i) => 2 * (i + 1)),
		);
		assert.equal(threads.droppedLines, 0);
	});
});

test('a tail that begins later does not print earlier rows', async () => {
	await withThreads(recordingOf(40), async (threads) => {
		await threads.ended;
		const parts = [];
		for await (const part of threads.tail(undefined, 'id')) parts.push(part.rows.length);
		assert.deepEqual(parts, [0]);
	});
});

test('a tail reports an error in its condition, with its position in the text', async () => {
	await withThreads(recordingOf(3), async (threads) => {
		await assert.rejects(threads.tail('statu = 200', 'id', { fromStart: true }).next(), {
			code: 'ERR_SQL_NAME',
			message: /unknown column statu/,
		});
		await assert.rejects(threads.check('SELECT nothing FROM exchanges'), { code: 'ERR_SQL_NAME', position: 7 });
		await threads.check('SELECT * FROM exchanges WHERE id = :n', [['n', 1]]);
	});
});

test('loss that a recording holds, and rows that main could not print, are in the status, its reasons and the table', async () => {
	await withThreads(recordingOf(3, 4), async (threads) => {
		await threads.ended;
		assert.deepEqual(threads.status, { rows: 3, lostEvents: 4, lostBytes: 400, reasons: ['ring_full 4'] });
		const before = Date.now();
		threads.countUnprinted(0);
		threads.countUnprinted(2);
		assert.deepEqual(threads.status, {
			rows: 3,
			lostEvents: 6,
			lostBytes: 400,
			reasons: ['ring_full 4', 'output_dropped 2'],
		});
		const [row] = await rowsOf(threads, "SELECT events, bytes, last_ts FROM loss WHERE reason = 'output_dropped'");
		assert.deepEqual(row!.slice(0, 2), [2, 0]);
		assert.ok(Date.parse(String(row![2])) >= before - 1, String(row![2]));
		assert.deepEqual(await rowsOf(threads, "SELECT events FROM loss WHERE reason = 'ring_full'"), [[4]]);
	});
});

test('the detail of an exchange, and of one that does not exist', async () => {
	await withThreads(recordingOf(3), async (threads) => {
		await threads.ended;
		const exchange = await threads.show(2);
		assert.equal(exchange?.columns.url, 'http://shop/item/2');
		assert.equal(await threads.show(99), undefined);
	});
});

test('clear() empties the table; the rows so far stay counted', async () => {
	await withThreads(recordingOf(5), async (threads) => {
		await threads.ended;
		threads.clear();
		assert.deepEqual(await rowsOf(threads, 'SELECT count(*) FROM exchanges'), [[0]]);
		assert.equal(threads.status.rows, 5);
		assert.deepEqual(await rowsOf(threads, "SELECT events FROM loss WHERE reason = 'evicted'"), [[0]]);
	});
});

test('--count ends the capture', async () => {
	await withThreads(
		recordingOf(50),
		async (threads) => {
			await threads.ended;
			assert.ok(threads.status.rows >= 10, String(threads.status.rows));
		},
		{ count: 10 },
	);
});

test('if the recording does not exist, start and end fail, and both threads still close', async () => {
	await withThreads(join(directory.path, 'none.tinytap'), async (threads) => {
		await assert.rejects(threads.attached, /none\.tinytap/);
		await assert.rejects(threads.ended, /none\.tinytap/);
	});
});

/** Keeps the thread busy with one row for more than a second, without checking the flag. */
const STUCK = `WITH RECURSIVE s(t) AS (SELECT 'ab' UNION ALL SELECT t || t FROM s WHERE length(t) < 4000000),
	l AS (SELECT max(t) AS t FROM s)
	SELECT count(*) FROM l, headers a, headers b, headers c WHERE t || a.name < t || b.name || c.name`;

test('a statement that is cancelled, or runs out of time, keeps the temporary tables', async () => {
	await withThreads(recordingOf(60), async (threads) => {
		await threads.ended;
		await rowsOf(threads, 'CREATE TEMP TABLE kept AS SELECT id FROM exchanges');
		await assert.rejects(rowsOf(threads, `SELECT count(*) FROM (${ENDLESS})`, { timeoutMs: 50 }), {
			code: 'ERR_SQL_TIME_LIMIT',
			message: 'the statement reached its time limit of 0.05 s',
		});
		const counting = rowsOf(threads, `SELECT count(*) FROM (${ENDLESS})`);
		await eventually(
			() => threads.progress > 0 || undefined,
			() => 'it reports no progress',
		);
		threads.cancel();
		await assert.rejects(counting, { code: 'ERR_SQL_CANCELLED', hint: undefined });
		assert.deepEqual(await rowsOf(threads, 'SELECT count(*) FROM kept'), [[60]]);
		assert.deepEqual(
			threads.ownTables.map(({ name, isView, columns }) => [name, isView, columns.map((column) => column.name)]),
			[['kept', false, ['id']]],
		);
		// A view without its table has no columns.
		await rowsOf(threads, 'CREATE VIEW w AS SELECT * FROM kept');
		await rowsOf(threads, 'DROP TABLE kept');
		assert.deepEqual(threads.ownTables, [{ name: 'w', isView: true, columns: [] }]);
	});
});

test('a thread that does not respond is replaced, and its views are recreated in order', async () => {
	await withThreads(recordingOf(60), async (threads) => {
		await threads.ended;
		for (const sql of [
			'CREATE TEMP TABLE gone AS SELECT 1 AS z',
			'CREATE VIEW one AS SELECT max(id) AS x FROM exchanges',
			'CREATE VIEW "t""wo" AS SELECT x + 1 AS y FROM one',
			'CREATE VIEW three AS SELECT 1',
			'DROP VIEW three',
			'CREATE VIEW lost AS SELECT * FROM gone',
		]) {
			await rowsOf(threads, sql);
		}
		// Until the thread is stuck it still responds.
		for (let ms = 500, isStuck = false; !isStuck; ms *= 2) {
			const timer = setTimeout(() => threads.cancel(), ms);
			await assert.rejects(rowsOf(threads, STUCK), (error: UserError) => {
				assert.equal(error.code, 'ERR_SQL_CANCELLED');
				isStuck = error.hint === 'its thread had to be stopped, so temporary tables are gone';
				return true;
			});
			clearTimeout(timer);
		}
		await assert.rejects(rowsOf(threads, STUCK, { timeoutMs: 500 }), { code: 'ERR_SQL_TIME_LIMIT' });
		const views = await eventually(
			() => (threads.ownTables.some(({ name }) => name === 'lost') ? undefined : threads.ownTables),
			() => JSON.stringify(threads.ownTables),
		);
		assert.deepEqual(
			views.map(({ name, columns }) => [name, columns.map((column) => column.name)]),
			[
				['one', ['x']],
				['t"wo', ['y']],
			],
		);
		assert.deepEqual(await rowsOf(threads, 'SELECT y FROM "t""wo"'), [[61]]);
		await assert.rejects(rowsOf(threads, 'SELECT * FROM gone'), { code: 'ERR_SQL_NAME' });
	});
});

test('rows are computed only as fast as they are taken', async () => {
	const count = 300;
	const pairs = 'SELECT a.id FROM exchanges a, exchanges b';
	await withThreads(recordingOf(count), async (threads) => {
		await threads.ended;
		for (const sql of [pairs, `${pairs} WHERE a.id IN (SELECT id FROM exchanges)`]) {
			const parts = threads.run(sql, { timeoutMs: 0 });
			for (let part = await parts.next(); part.value?.type !== 'rows'; part = await parts.next());
			let before = -1;
			await eventually(
				async () => {
					const now = threads.progress;
					const stands = now === before;
					before = now;
					await wait(100);
					return stands || undefined;
				},
				() => `it went on to row ${threads.progress} of ${sql}`,
				10,
			);
			assert.ok(before < count ** 2 / 4, String(before));
			// In the meantime the thread does other things.
			let rows = 0;
			for await (const part of threads.tail(undefined, 'id', { fromStart: true })) rows += part.rows.length;
			assert.equal(rows, count);
			for (let taken = 0; taken < 40; taken++) assert.equal((await parts.next()).value?.type, 'rows');
			assert.ok(threads.progress > before);
			await parts.return(undefined);
		}
		assert.deepEqual(await rowsOf(threads, 'SELECT 1'), [[1]]);
	});
});

test('when a tail is left, the recording continues to its end, and another tail can begin', async () => {
	await withHeld(0, async (threads, tail) => {
		await tail.return(undefined);
		await threads.ended;
		assert.equal(threads.status.rows, HELD_ROWS);
		let rows = 0;
		for await (const part of threads.tail(`id > ${HELD_ROWS - 10}`, 'id', { fromStart: true }))
			rows += part.rows.length;
		assert.equal(rows, 10);
	});
});

test('rows of a tail that together exceed what may wait all arrive, each once', async () => {
	const tape = new Tape();
	const server = tape.server(1).open();
	const length = 300_000;
	for (let i = 1; i <= 40; i++) {
		server.in(`GET /${i} HTTP/1.1\r\nHost: shop\r\n\r\n`);
		server.out(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n${String(i % 10).repeat(length)}`);
	}
	await withThreads(
		written(tape),
		async (threads) => {
			const seen: SqlValue[][] = [];
			let most = 0;
			for await (const { rows } of threads.tail(undefined, 'id, res_body', { fromStart: true })) {
				most = Math.max(most, rows.length);
				for (const [id, body] of rows) seen.push([id!, String(body).length, String(body).at(-1)!]);
			}
			assert.deepEqual(
				seen,
				Array.from({ length: 40 }, (_, i) => [i + 1, length, String((i + 1) % 10)]),
			);
			assert.equal(most, 1, 'large rows come in small parts');
			assert.deepEqual([threads.droppedLines, threads.status.lostEvents], [0, 0]);
		},
		{ bodyLimit: Number.POSITIVE_INFINITY },
	);
});

test('a tail ends with the error of the row for which its condition cannot be evaluated', async () => {
	await withThreads(recordingOf(9000), async (threads) => {
		const seen: SqlValue[] = [];
		await assert.rejects(
			async () => {
				for await (const { rows } of threads.tail("CASE WHEN id = 7 THEN json_extract('{}', path) ELSE 1 END", 'id', {
					fromStart: true,
				}))
					seen.push(...rows.map(([id]) => id!));
			},
			{ code: 'ERR_SQL_VALUE', message: /JSON path/ },
		);
		await threads.ended;
		assert.equal(threads.status.rows, 9000);
		assert.deepEqual(await rowsOf(threads, 'SELECT count(*) FROM exchanges'), [[9000]]);
	});
});

test('several tails see every row, and one that fails or is left ends alone', async () => {
	await withHeld(0, async (threads, first) => {
		const dropped: number[] = [];
		const second = threads.tail('id % 2 = 0', 'id', { fromStart: true, onDropped: (rows) => dropped.push(rows) });
		const third = threads.tail("CASE WHEN id = 7 THEN json_extract('{}', path) ELSE 1 END", 'id', { fromStart: true });
		const left = threads.tail(undefined, 'id', { fromStart: true });
		for (const tail of [second, third, left]) await tail.next();
		const failure = assert.rejects(third.next(), { code: 'ERR_SQL_VALUE' });
		await left.return(undefined);
		const rest = async (tail: AsyncGenerator<TailRows>) => {
			let rows = 0;
			for await (const part of tail) rows += part.rows.length;
			return rows;
		};
		// The next rows of a recording come when all tails have read the last ones.
		const [ofFirst, ofSecond] = await Promise.all([rest(first), rest(second), failure]);
		// Its first rows have been taken by withHeld().
		assert.ok(ofFirst > 10_000 && ofFirst < HELD_ROWS, `${ofFirst} rows`);
		assert.equal(ofSecond, HELD_ROWS / 2);
		assert.deepEqual([dropped, threads.droppedLines, threads.status.rows], [[0], 0, HELD_ROWS]);
	});
});

test('totals are those of the tables loss and blind_spots', async () => {
	const tape = new Tape();
	tape.clock(1_700_000_000_000_000_000n);
	tape.server(1).open().in('GET / HTTP/1.1\r\nHost: shop\r\n\r\n').out('HTTP/1.1 204 No\r\n\r\n');
	tape.loss(wire.LOSS_RING_FULL, 3n, 300n);
	for (const pid of [7, 8]) tape.add({ kind: wire.CAPTURE_BLIND_SPOT, pid, callBytes: wire.BLIND_SPOT_IO_URING });
	await withThreads(written(tape), async (threads) => {
		await threads.ended;
		const { loss, blindSpots } = await threads.totals();
		const rows = await rowsOf(threads, 'SELECT reason, events, bytes FROM loss');
		assert.deepEqual(
			rows,
			LOSS_REASONS.map(({ reason }, i) => [reason, loss[i]?.events, loss[i]?.bytes]),
		);
		assert.deepEqual(rows[0], ['ring_full', 3, 300]);
		const spots = await rowsOf(threads, 'SELECT what, count(*) FROM blind_spots GROUP BY what');
		assert.deepEqual(
			spots,
			blindSpots.filter(([, processes]) => processes > 0).map((each) => [...each]),
		);
		assert.deepEqual(spots, [['io_uring', 2]]);
		assert.ok(threads.storeBytes > 0);
	});
});

test('rows that were evicted before a tail saw them, and all that were evicted, are counted', async () => {
	await withThreads(
		recordingOf(23),
		async (threads) => {
			await threads.ended;
			const before = Date.now();
			for await (const { rows } of threads.tail(undefined, 'id', { fromStart: true }))
				if (rows.length > 0) assert.deepEqual(rows, [[19], [20], [21], [22], [23]]);
			assert.equal(threads.droppedLines, 18);
			assert.deepEqual(threads.status, { rows: 23, lostEvents: 18, lostBytes: 0, reasons: ['output_dropped 18'] });
			const loss = await rowsOf(threads, 'SELECT reason, events, last_ts FROM loss WHERE events > 0 ORDER BY reason');
			assert.deepEqual(
				loss.map(([reason, events]) => [reason, events]),
				[
					['evicted', 18],
					['output_dropped', 18],
				],
			);
			for (const [reason, , last] of loss) assert.ok(Date.parse(String(last)) >= before - 1000, String(reason));
		},
		{ maxRows: 5 },
	);
});

test('pause() stops capturing until resume()', async () => {
	await withHeld(0, async (threads, tail) => {
		threads.pause();
		// Wait until the message has arrived.
		await wait(100);
		for await (const _ of tail);
		await threads.ended;
		assert.ok(threads.status.rows < HELD_ROWS, String(threads.status.rows));
	});
	await withHeld(0, async (threads, tail) => {
		threads.pause();
		threads.resume();
		await tail.return(undefined);
		await threads.ended;
		assert.equal(threads.status.rows, HELD_ROWS);
	});
});

test('closed and open connections, both rows of a loopback exchange and open exchanges are in the tables', async () => {
	const tape = new Tape();
	const ends = { local: '127.0.0.1:80', remote: '127.0.0.1:4000' };
	const client = tape.client(1, { local: ends.remote, remote: ends.local }).open();
	const server = tape.server(2, ends).open();
	for (const path of ['/a', '/b']) {
		const [request, response] = [
			`GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`,
			'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
		];
		client.out(request);
		server.in(request).out(response);
		client.in(response);
	}
	client.close();
	server.close();
	for (let conn = 3; conn < 10; conn++)
		tape.server(conn).open().in(`GET /${conn} HTTP/1.1\r\nHost: h\r\n\r\n`).out('HTTP/1.1 204 No\r\n\r\n').close();
	tape.server(10).open().in('GET /open HTTP/1.1\r\nHost: h\r\n\r\n');
	await withThreads(written(tape), async (threads) => {
		await threads.ended;
		assert.deepEqual(await rowsOf(threads, 'SELECT id, exchanges, closed IS NULL FROM connections ORDER BY id'), [
			[1, 2, 0],
			[2, 2, 0],
			...Array.from({ length: 7 }, (_, i) => [i + 3, 1, 0]),
			[10, 1, 1],
		]);
		assert.deepEqual(
			await rowsOf(
				threads,
				'SELECT count(*) FROM exchanges a JOIN exchanges b ON b.id = a.pair_id AND b.pair_id = a.id AND b.path = a.path AND b.side <> a.side',
			),
			[[4]],
		);
		assert.deepEqual(await rowsOf(threads, "SELECT state, reason FROM exchanges WHERE path = '/open'"), [
			['unanswered', 'capture ended'],
		]);
		for (const onePerExchange of [false, true]) {
			const sides: SqlValue[] = [];
			for await (const { rows } of threads.tail("path <> '/7'", 'side', { fromStart: true, onePerExchange }))
				sides.push(...rows.map(([side]) => side!));
			const clients = onePerExchange ? [] : ['client', 'client'];
			assert.deepEqual(sides.toSorted(), [...clients, ...Array(9).fill('server')]);
		}
		threads.clear();
		assert.deepEqual(await rowsOf(threads, 'SELECT count(*) FROM connections'), [[0]]);
	});
});

test('whether loss may have affected a result, its message and the time of its snapshot come with its end', async () => {
	await withThreads(recordingOf(3, 4), async (threads) => {
		await threads.ended;
		const ends: unknown[] = [];
		for (const sql of [
			'SELECT 1',
			'SELECT * FROM loss',
			'DESCRIBE exchanges',
			'SELECT id FROM exchanges',
			'CREATE TEMP TABLE t AS SELECT id FROM exchanges',
			'INSERT INTO t SELECT id FROM exchanges',
			'SELECT * FROM t',
			'CREATE VIEW v AS SELECT * FROM exchanges',
		]) {
			for await (const part of threads.run(sql, { timeoutMs: 0 }))
				if (part.type === 'done')
					ends.push([part.readsCaptured, part.lostEvents, part.lostBytes, part.notice !== undefined]);
		}
		assert.deepEqual(ends, [
			[false, 4, 400, false],
			[false, 4, 400, false],
			[false, 4, 400, false],
			[true, 4, 400, false],
			[true, 4, 400, true],
			[true, 4, 400, true],
			[false, 4, 400, false],
			[false, 4, 400, true],
		]);
		const [[now]] = (await rowsOf(threads, 'SELECT now()')) as [[string]];
		assert.ok(Math.abs(Date.parse(now) - Date.now()) < 60_000, now);
		// A type that the statement does not determine is null.
		for await (const part of threads.run('SELECT :x AS x, 1 AS n', { timeoutMs: 0, parameters: [['x', 'a']] }))
			if (part.type === 'columns')
				assert.deepEqual(
					part.columns.map(({ type }) => type),
					[null, 'int'],
				);
	});
});

test('the end of a damaged recording says where the damage is; before the end there are no reasons for loss', async () => {
	await withHeld(5, async (threads, tail) => {
		assert.equal(threads.status.reasons, undefined);
		await tail.return(undefined);
		const { damage, loss, recording } = await threads.ended;
		assert.deepEqual([damage?.path, damage?.what, recording], [threads.recording, 'truncated', undefined]);
		assert.equal(
			loss.reduce((sum, { events }) => sum + events, 0),
			3,
		);
		assert.deepEqual(threads.status.reasons, ['ring_full 3']);
	});
});

test('a recording can be recorded again, with its body limit, and gives the same rows', async () => {
	const path = recordingOf(5000, 2);
	const copy = newPath();
	const record = { path: copy, force: false, meta: { host: 'here' } };
	const all = 'SELECT id, path, res_body, res_captured_bytes FROM exchanges';
	let rows: SqlValue[][] = [];
	await withThreads(
		path,
		async (threads) => {
			const { recording } = await threads.ended;
			assert.deepEqual(recording, { path: copy, bytes: readFileSync(copy).length, complete: true });
			rows = await rowsOf(threads, all);
		},
		{ record, bodyLimit: 1 },
	);
	assert.deepEqual(rows[0], [1, '/item/1', 'o', 1]);
	await withThreads(copy, async (threads) => {
		const { damage } = await threads.ended;
		assert.equal(damage, undefined);
		assert.deepEqual(await rowsOf(threads, all), rows);
		assert.equal(threads.status.lostEvents, 2);
	});
	// The capture does not begin if its recording cannot.
	await withThreads(
		path,
		async (threads) => {
			await assert.rejects(threads.attached, { code: 'ERR_FILE_EEXIST' });
		},
		{ record },
	);
});

test('a recording that cannot be continued ends with a warning and is counted; the capture continues', async () => {
	const copy = newPath();
	const warnings: unknown[] = [];
	const path = recordingOf(9000);
	await withFileLimit(1_000_000, () =>
		withThreads(
			path,
			async (threads) => {
				const { recording } = await threads.ended;
				assert.equal(recording?.complete, false);
				assert.equal(recording?.bytes, readFileSync(copy).length);
				const { rows, lostEvents, lostBytes } = threads.status;
				assert.equal(rows, 9000);
				assert.ok(lostEvents > 1 && lostBytes > lostEvents * 1000, `${lostEvents} batches, ${lostBytes} bytes`);
				const loss = await rowsOf(
					threads,
					"SELECT events, bytes, last_ts IS NULL FROM loss WHERE reason = 'recording_stopped'",
				);
				assert.deepEqual(loss, [[lostEvents, lostBytes, 0]]);
				// Everything is in the recording or counted.
				const records = readFileSync(path).length;
				assert.ok(Math.abs(recording!.bytes + lostBytes - records) < 2000, `${recording!.bytes} + ${lostBytes}`);
			},
			{ record: { path: copy, force: false, meta: {} } },
			(message, hint) => warnings.push([message.replace(copy, 'FILE'), hint]),
		),
	);
	assert.deepEqual(warnings, [
		[
			'recording to FILE stopped: it would become larger than the limit for files (ulimit -f); the capture continues',
			'The part already written can be replayed.',
		],
	]);
	await withThreads(copy, async (threads) => {
		assert.equal((await threads.ended).damage?.what, 'truncated');
		assert.ok(threads.status.rows > 100);
	});
});

test('a recording is read completely with little memory, and its newest rows are kept', async () => {
	await withThreads(
		recordingOf(60_000),
		async (threads) => {
			await threads.ended;
			// Each statement releases its snapshot.
			for (let i = 0; i < 20; i++) await rowsOf(threads, 'SELECT count(*) FROM exchanges');
			const [[count, first, last]] = (await rowsOf(threads, 'SELECT count(*), min(id), max(id) FROM exchanges')) as [
				[number, number, number],
			];
			assert.deepEqual([last, count, threads.status.rows], [60_000, last - first + 1, 60_000]);
		},
		{ maxMemory: 64 << 20 },
	);
});

test('the result of the last query can be read again: in full, and with the same time', async () => {
	await withThreads(recordingOf(60), async (threads) => {
		await threads.ended;
		const sql = "SELECT id, path, strftime('%s', now()) AS s, :p AS p FROM exchanges ORDER BY id DESC";
		const first: ShownValue[][] = [];
		let last: readonly ShownValue[][] = [];
		const parameters = [['p', 'given']] as const;
		for await (const part of threads.run(sql, { timeoutMs: 0, parameters, ends: { first: 3, last: 2 } })) {
			assert.notEqual(part.type, 'rows');
			if (part.type === 'first') first.push(...part.rows);
			if (part.type !== 'done') continue;
			assert.equal(part.ends?.total, 60);
			last = part.ends.last;
		}
		assert.deepEqual([first.length, last.length], [3, 2]);
		await wait(1100);
		const all = await rowsOf(threads, sql, { parameters, again: true });
		assert.equal(all.length, 60);
		assert.deepEqual([...all.slice(0, 3), ...all.slice(-2)], [...first, ...last]);
	});
});

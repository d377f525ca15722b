// The capture thread and the query thread of the built program, with recordings as their source: no root, no kernel.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import * as wire from '../../decoder-as/assembly/wire/capture-event.ts';
import { FILES } from '../../src/base/installation.ts';
import { processUser } from '../../src/base/invoking-user.ts';
import type { CaptureSettings } from '../../src/capture/capture-settings.ts';
import { RecordingWriter } from '../../src/capture/recording.ts';
import type { SqlValue } from '../../src/store/table.ts';
import { type RunOptions, Threads } from '../../src/threads/threads.ts';
import { Tape } from '../../support/record-builder.ts';
import { temporaryDirectory } from '../../support/servers.ts';

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
	const path = join(directory.path, `threads-${files++}.tinytap`);
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

/** Runs `work` with the threads of a recording, and ends them. */
async function withThreads(
	path: string,
	work: (threads: Threads) => Promise<void>,
	settings: Partial<CaptureSettings> = {},
): Promise<void> {
	const threads = new Threads(
		{
			replay: { path },
			user: processUser(),
			filters: { pids: [], comms: [], ports: [] },
			bodyLimit: undefined,
			maxMemory: 256 << 20,
			maxRows: Number.POSITIVE_INFINITY,
			ringSize: 16 << 20,
			callLimit: 4 << 20,
			iovecLimit: 8,
			count: Number.POSITIVE_INFINITY,
			verbose: false,
			attacher: undefined,
			files: FILES,
			...settings,
		},
		(message) => assert.fail(message),
	);
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

/** As many rows as nobody waits for. */
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

test('after a cancellation no row of the statement comes, only its error, and the next statement runs', async () => {
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

test('a query thread whose memory is full is replaced, with its views', async () => {
	await withThreads(recordingOf(60), async (threads) => {
		await threads.ended;
		await rowsOf(threads, 'CREATE VIEW v AS SELECT max(id) AS most FROM exchanges');
		assert.deepEqual(
			threads.ownTables.map(({ name, isView }) => [name, isView]),
			[['v', true]],
		);
		await assert.rejects(rowsOf(threads, `CREATE TEMP TABLE t AS ${ENDLESS}`), { code: 'ERR_QUERY_MEMORY' });
		assert.deepEqual(await rowsOf(threads, 'SELECT * FROM v'), [[60]]);
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

test('a tail that begins later does not print what was there before', async () => {
	await withThreads(recordingOf(40), async (threads) => {
		await threads.ended;
		const parts = [];
		for await (const part of threads.tail(undefined, 'id')) parts.push(part.rows.length);
		assert.deepEqual(parts, [0]);
	});
});

test('an error of a tail is that of its condition, with its place in the text', async () => {
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

test('the detail of an exchange, and of none', async () => {
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

test('a recording that is not there fails the start and the end, and both threads still close', async () => {
	await withThreads(join(directory.path, 'none.tinytap'), async (threads) => {
		await assert.rejects(threads.attached, /none\.tinytap/);
		await assert.rejects(threads.ended, /none\.tinytap/);
	});
});

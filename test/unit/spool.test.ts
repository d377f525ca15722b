// The spool after a crash at any instant, and its limits.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { Batcher } from '../../src/agent/batcher.ts';
import { nativeLines } from '../../src/agent/native-format.ts';
import { type RowBlock, wholeBlocks } from '../../src/agent/row-block.ts';
import { type Row, rowLines } from '../../src/agent/row-lines.ts';
import { Spool, type SpoolItem } from '../../src/agent/spool.ts';
import { covers, formatSpoolName, joined, parseSpoolName, type SpoolName } from '../../src/agent/spool-names.ts';
import { processUser } from '../../src/base/invoking-user.ts';
import { UserDirectory } from '../../src/base/user-files.ts';
import { blockOfRows } from '../../support/row-blocks.ts';
import { temporaryDirectory } from '../../support/servers.ts';

const RUN = 1_700_000_000_000;

type Place = { readonly path: string; readonly open: (limitBytes?: number) => Promise<Spool> };

async function withSpool(work: (place: Place) => Promise<void>): Promise<void> {
	const { path, remove } = temporaryDirectory();
	const open = async (limitBytes = 1 << 30) =>
		await Spool.open(UserDirectory.own(path, processUser()), { limitBytes, hostName: 'h', run: RUN, id: 'id' });
	try {
		await work({ path, open });
	} finally {
		remove();
	}
}

function rows(from: number, count: number): Row[] {
	return Array.from({ length: count }, (_, i) => [`"id":${from + i},"ts_us":${from + i}`, from + i]);
}

function batcher(spool: Spool, limits = { rows: 10, bytes: 1 << 20, ms: 60_000 }): Batcher {
	return new Batcher({ spool, table: 'exchanges', limits, origin: '"host_name":"h"' }, (error) => {
		throw error;
	});
}

/** What is sent, in order: the table, and the ids of rows or the number of missing ones. */
async function sent(spool: Spool): Promise<unknown[][]> {
	const all: unknown[][] = [];
	for (let item = spool.oldest; item !== undefined; item = spool.oldest) {
		const lines = gunzipSync(await item.read())
			.toString('utf8')
			.trimEnd()
			.split('\n');
		const parsed = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
		all.push([item.table, ...parsed.map(({ id, rows: missing }) => (item!.table === 'gaps' ? missing : id))]);
		spool.remove(item);
	}
	return all;
}

function name(kind: 'open' | 'ready' | 'rejected', first: number, count: number): string {
	return formatSpoolName({
		kind,
		form: 'lines',
		table: 'exchanges',
		range: { run: RUN, first, rows: count, fromUs: 1, toUs: 2 },
	});
}

test('names say what is in a file, and sort as rows do', () => {
	const range = { run: RUN, first: 31, rows: 10, fromUs: 5, toUs: 9 };
	const names: SpoolName[] = [
		{ kind: 'open', form: 'blocks', table: 'exchanges', range },
		{ kind: 'ready', form: 'lines', table: 'loss', range },
		{ kind: 'rejected', form: 'blocks', table: 'exchanges', range },
		{ kind: 'gap', reason: 'spool full', table: 'exchanges', range },
		{ kind: 'gap', reason: 'not running', table: 'exchanges', range: { ...range, first: 0, rows: null } },
		{ kind: 'ready', form: 'blocks', table: 'blind_spots', range },
		{ kind: 'gap', reason: 'rejected', table: 'connections', range },
	];
	for (const each of names) assert.deepEqual(parseSpoolName(formatSpoolName(each)), each);
	assert.equal(formatSpoolName(names[3]!), '01700000000000-000000000031-10-5-9.exchanges.gap.spool-full');
	assert.equal(name('ready', 9, 1) < name('ready', 10, 1), true);
	for (const other of [
		'agent.json',
		'x.tmp',
		'1-1-1-1-1.exchanges.gap.none',
		'1-1-1-1-1.gaps.ndjson.gz',
		'1-1-1-1-1.headers.ndjson.gz',
		`a${name('open', 1, 1)}`,
	])
		assert.equal(parseSpoolName(other), undefined, other);
});

test('ranges that follow each other become one, and a range covers those within it', () => {
	const range = (first: number, count: number | null, run = RUN) => ({
		run,
		first,
		rows: count,
		fromUs: first,
		toUs: first + 1,
	});
	assert.deepEqual(joined(range(1, 10), range(11, 5)), { ...range(1, 15), toUs: 12 });
	for (const [one, next] of [
		[range(1, 10), range(12, 5)],
		[range(1, 10), range(11, 5, 2)],
		[range(0, null), range(1, 5)],
		[range(1, 10), range(11, null)],
	] as const)
		assert.equal(joined(one, next), undefined);
	assert.deepEqual(
		[range(1, 10), range(3, 8), range(3, 9), range(0, 5), range(1, 10, 2)].map((inner) => covers(range(1, 10), inner)),
		[true, true, false, false, false],
	);
});

test('a batch is complete when it has enough rows or bytes, or is old enough', async () => {
	await withSpool(async ({ path, open }) => {
		const spool = await open();
		const byRows = batcher(spool);
		await byRows.add(rows(1, 23));
		await byRows.close();
		const byBytes = batcher(spool, { rows: 1000, bytes: 100, ms: 60_000 });
		await byBytes.add(rows(24, 4));
		await byBytes.close();
		const byTime = batcher(spool, { rows: 1000, bytes: 1 << 20, ms: 1 });
		await byTime.add(rows(28, 1));
		await spool.changed(new AbortController().signal);
		assert.equal(statSync(path).mode & 0o777, 0o700);
		for (const file of readdirSync(path)) assert.equal(statSync(join(path, file)).mode & 0o777, 0o600, file);
		assert.equal(spool.waitingRows, 28);
		const sizes = (await sent(spool)).map((each) => each.length - 1).sort((a, b) => a - b);
		assert.deepEqual(sizes, [1, 1, 3, 3, 10, 10]);
		assert.deepEqual(readdirSync(path), []);
		spool.close();
	});
});

test('lines that come in parts are compressed together, and have to follow each other', async () => {
	await withSpool(async ({ open }) => {
		const spool = await open();
		const batches = batcher(spool, { rows: 100, bytes: 1 << 20, ms: 60_000 });
		const part = (id: number) => rowLines('"host_name":"h"', id, rows(id, 1));
		for (let id = 1; id <= 100; id++) await batches.addLines(part(id));
		await assert.rejects(batches.addLines(part(107)), /expected row 101, got row 107/);
		await batches.close();
		const bytes = await spool.oldest!.read();
		const lines = gunzipSync(bytes);
		assert.equal(bytes.length < lines.length / 4, true, `${bytes.length} of ${lines.length} bytes`);
		assert.deepEqual(await sent(spool), [['exchanges', ...rows(1, 100).map(([, id]) => id)]]);
		spool.close();
	});
});

test('rows of a batch that was not complete survive, except half a line', async () => {
	await withSpool(async ({ path, open }) => {
		const killed = await open();
		const batches = batcher(killed);
		await batches.add(rows(1, 7));
		batches.abandon();
		killed.close();
		const [file] = readdirSync(path);
		writeFileSync(join(path, file!), '{"host_name":"h","seq":8,"id":8,"ts_', { flag: 'a' });
		const next = await open();
		assert.match(next.oldest!.token, /^id-01700000000000-0+1-7-1-7\.exchanges$/);
		assert.deepEqual(await sent(next), [['exchanges', 1, 2, 3, 4, 5, 6, 7]]);
		assert.deepEqual(readdirSync(path), []);
		next.close();
	});
});

const ORIGIN = { hostName: 'h', run: RUN, agentVersion: '1', labels: [] };

/** Blocks of such rows, whose texts do not compress if `noise`. */
function block(first: number, count: number, noise = 0): RowBlock {
	const numbers = Array.from({ length: count }, (_, i) => first + i);
	return blockOfRows(
		ORIGIN,
		first,
		numbers.map((id) => ({
			id,
			ts_us: id,
			path: randomBytes(noise).toString('latin1'),
			status: id % 2 === 0 ? null : 200,
		})),
	);
}

async function sentRows(item: SpoolItem): Promise<unknown[]> {
	const lines = nativeLines(gunzipSync(await item.read()), 'exchanges')
		.trimEnd()
		.split('\n');
	return lines.map((line) => {
		const { seq, id, ts_us: us, status } = JSON.parse(line) as Record<string, unknown>;
		assert.deepEqual([seq, us, status], [id, id, Number(id) % 2 === 0 ? null : 200]);
		return id;
	});
}

test('blocks are sent as they came, in one file, and small ones as one block', async () => {
	await withSpool(async ({ path, open }) => {
		for (const [noise, blocks] of [
			[100_000, 3],
			[10, 1],
		] as const) {
			const spool = await open();
			const batches = batcher(spool);
			const parts = [block(1, 3, noise), block(4, 3, noise), block(7, 4, noise)];
			for (const part of parts) await batches.addBlock(part);
			await assert.rejects(batches.addBlock(block(12, 1)), /expected row 11, got row 12/);
			await batches.close();
			const item = spool.oldest!;
			assert.deepEqual([item.form, item.rows, item.range.fromUs, item.range.toUs], ['blocks', 10, 1, 10]);
			const bytes = await item.read();
			assert.equal(wholeBlocks(bytes).length, blocks);
			if (blocks > 1) assert.deepEqual(bytes, Buffer.concat(parts.map((part) => part.bytes)));
			assert.deepEqual(
				await sentRows(item),
				Array.from({ length: 10 }, (_, i) => i + 1),
			);
			spool.remove(item);
			assert.deepEqual(readdirSync(path), []);
			spool.close();
		}
	});
});

test('a block that does not fit into a batch begins the next one', async () => {
	await withSpool(async ({ open }) => {
		const spool = await open();
		const batches = batcher(spool);
		for (const [first, count] of [
			[1, 6],
			[7, 5],
			[12, 25],
			[37, 1],
		] as const)
			await batches.addBlock(block(first, count));
		await batches.close();
		const sizes: number[] = [];
		for (let item = spool.oldest; item !== undefined; item = spool.oldest) {
			sizes.push((await sentRows(item)).length);
			spool.remove(item);
		}
		assert.deepEqual(sizes, [6, 5, 25, 1]);
		spool.close();
	});
});

test('of a batch of blocks that was not complete, all whole blocks survive, wherever the last one ends', async () => {
	await withSpool(async ({ path, open }) => {
		const parts = [block(1, 3, 20_000), block(4, 2, 20_000)];
		const [first, second] = parts as [RowBlock, RowBlock];
		for (const cut of [1, 8, 60, second.bytes.byteLength - 1, second.bytes.byteLength]) {
			const killed = await open();
			const batches = batcher(killed);
			await batches.addBlock(first);
			batches.abandon();
			killed.close();
			const [file] = readdirSync(path);
			writeFileSync(join(path, file!), second.bytes.subarray(0, cut), { flag: 'a' });
			const next = await open();
			const rows = cut === second.bytes.byteLength ? 5 : 3;
			const item = next.oldest!;
			assert.deepEqual([item.rows, item.range.toUs, (await sentRows(item)).length], [rows, rows, rows]);
			next.remove(item);
			assert.deepEqual(readdirSync(path), []);
			next.close();
		}
	});
});

test('after a crash between two steps, no row is sent twice, and none is both sent and counted', async () => {
	const lines = (first: number, count: number) =>
		rows(first, count)
			.map(([members]) => `{${members}}\n`)
			.join('');
	const gap = (reason: 'spool full' | 'rejected', first: number, count: number) =>
		formatSpoolName({
			kind: 'gap',
			reason,
			table: 'exchanges',
			range: { run: RUN, first, rows: count, fromUs: 1, toUs: 2 },
		});
	await withSpool(async ({ path, open }) => {
		const put = (file: string, content: string | Buffer = '') => writeFileSync(join(path, file), content);
		// A batch was completed, but its open file was not removed yet.
		put(name('open', 1, 0), lines(1, 2));
		put(name('ready', 1, 2), gzipSync(lines(1, 2)));
		// A batch was being compressed.
		put(name('open', 3, 0), lines(3, 2));
		put(`${name('ready', 3, 2)}.tmp`, 'half');
		// A batch was dropped: its gap was noted, and it was not removed yet. The gap has just replaced a shorter one.
		put(gap('spool full', 5, 1));
		put(gap('spool full', 5, 4));
		put(name('ready', 6, 3), gzipSync(lines(6, 3)));
		// A batch was rejected, and not put aside yet.
		put(gap('rejected', 9, 2));
		put(name('ready', 9, 2), gzipSync(lines(9, 2)));
		// Rows of another table have the same numbers.
		const connections = gzipSync('{"id":21}\n');
		put(name('ready', 6, 1).replace('exchanges', 'connections'), connections);
		put('a file of somebody else');
		const spool = await open();
		assert.deepEqual(await sent(spool), [
			['exchanges', 1, 2],
			['exchanges', 3, 4],
			['gaps', 4],
			['connections', 21],
			['gaps', 2],
		]);
		assert.deepEqual(readdirSync(path).sort(), [name('rejected', 9, 2), 'a file of somebody else']);
		spool.close();
	});
});

test('above its limit, the spool drops rejected batches, then the oldest ones that cannot be on their way', async () => {
	await withSpool(async ({ path, open }) => {
		const noise = (first: number) =>
			gzipSync(JSON.stringify({ id: first, noise: Buffer.from(String(first)).toString('hex') }), { level: 0 });
		const size = noise(1).byteLength;
		for (const first of [1, 2, 3, 4, 5]) writeFileSync(join(path, name('ready', first, 1)), noise(first));
		writeFileSync(join(path, name('rejected', 9, 1)), noise(9));
		const spool = await open(3 * size);
		// The first one may have been sent by an earlier agent.
		assert.equal(spool.lostRows, 2);
		assert.deepEqual(await sent(spool), [
			['exchanges', 1],
			['gaps', 2],
			['exchanges', 4],
			['exchanges', 5],
		]);
		spool.close();
	});
});

test('after a crash, what an earlier agent may have sent is neither dropped nor counted again, also if the clock was set back', async () => {
	await withSpool(async ({ path, open }) => {
		const put = (run: number, first: number, kind: 'ready' | 'gap') => {
			const range = { run, first, rows: 5, fromUs: 1, toUs: 2 };
			const file: SpoolName =
				kind === 'gap'
					? { kind, reason: 'spool full', table: 'exchanges', range }
					: { kind, form: 'lines', table: 'exchanges', range };
			writeFileSync(join(path, formatSpoolName(file)), kind === 'gap' ? '' : gzipSync(`{"id":${run + first}}\n`));
		};
		// The first agent was killed while it sent its batch. The second one, by its clock an earlier one, had sent a gap
		// without an answer and its first batch, when it was killed.
		put(2000, 1, 'ready');
		put(1000, 1, 'gap');
		for (const first of [6, 11, 16]) put(1000, first, 'ready');
		const spool = await open(1);
		assert.equal(spool.lostRows, 10);
		assert.deepEqual(await sent(spool), [
			['gaps', 5],
			['exchanges', 1006],
			['gaps', 10],
			['exchanges', 2001],
		]);
		spool.close();
	});
});

// From the spool to a store that fails in every way.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { Agent, type AgentOptions } from '../../src/agent/agent.ts';
import { clickhouseDestination, outcomeOf } from '../../src/agent/clickhouse-destination.ts';
import type { Origin } from '../../src/agent/origin.ts';
import { storeAddress } from '../../src/agent/store-address.ts';
import { StoreClient } from '../../src/agent/store-client.ts';
import { processUser } from '../../src/base/invoking-user.ts';
import { eventually } from '../../support/eventually.ts';
import { type Behaviour, type FakeStore, startFakeStore } from '../../support/fake-store.ts';
import { agentProgram, type KilledRun, mistakes } from '../../support/killed-agent.ts';
import { blockOfRows } from '../../support/row-blocks.ts';
import { temporaryDirectory } from '../../support/servers.ts';

const user = processUser();
const forever = new AbortController().signal;

const origin: Origin = { hostName: 'web-1', run: 7000, agentVersion: '1.0', labels: [['env', 'prod']] };

/** Gives an agent rows whose number is also their id and their time in milliseconds, in blocks of at most `step`. */
async function take(agent: Agent, from: number, count: number, dropped = 0, step = 10): Promise<void> {
	for (let first = from; first < from + count; first += step) {
		const rows = numbers(first, Math.min(step, from + count - first)).map((id) => ({ id, ts_us: id * 1000 }));
		await agent.take(blockOfRows(origin, first, rows), dropped, forever);
	}
}

function numbers(from: number, count: number): number[] {
	return Array.from({ length: count }, (_, i) => from + i);
}

function client(url: string, silentMs = 300): StoreClient {
	const address = storeAddress(url, { option: '--to', credentials: undefined, ca: undefined, user, environment: {} });
	return new StoreClient(address, undefined, { connectMs: 5000, silentMs });
}

/** Runs `work` with an agent that sends to a fake store. */
async function withAgent(
	work: (agent: Agent, store: FakeStore, told: string[]) => Promise<void>,
	changes: Partial<AgentOptions> & { readonly limitBytes?: number } = {},
): Promise<void> {
	const directory = temporaryDirectory();
	const store = await startFakeStore();
	const told: string[] = [];
	const starting = Agent.start({
		destination: clickhouseDestination(client(store.url)),
		origin,
		limits: { rows: 10, bytes: 1 << 20, ms: 20 },
		backoff: { leastMs: 1, mostMs: 5 },
		spool: { path: `${directory.path}/spool`, limitBytes: changes.limitBytes ?? 1 << 30, user },
		isLive: true,
		tell: (message) => void told.push(message),
		...changes,
	});
	try {
		const agent = await starting;
		await work(agent, store, told).finally(() => agent.close());
	} finally {
		await store.close();
		directory.remove();
	}
}

test('rows arrive with their origin, in order, and the agent asks for nothing but inserts', async () => {
	await withAgent(async (agent, store) => {
		agent.begin();
		await take(agent, 1, 23);
		await agent.finish(forever);
		const stored = store.rows('exchanges');
		assert.deepEqual(
			stored.map(({ seq, id }) => [seq, id]),
			numbers(1, 23).map((id) => [id, id]),
		);
		assert.deepEqual(stored[22], {
			host_name: 'web-1',
			run: 7000,
			agent_version: '1.0',
			label_names: ['env'],
			label_values: ['prod'],
			seq: 23,
			id: 23,
			ts: '1970-01-01T00:00:00.023000Z',
			ts_us: 23_000,
		});
		assert.deepEqual(agent.counts, { sent: 23, waiting: 0, lost: 0 });
		assert.equal(store.requests.length, 3);
		const [{ url, headers }] = store.requests as [FakeStore['requests'][number]];
		assert.equal(url.searchParams.get('query'), 'INSERT INTO tinytap.exchanges FORMAT Native');
		assert.match(
			url.searchParams.get('insert_deduplication_token') ?? '',
			/^[0-9a-f]{16}-\d+-0+1-10-1000-10000\.exchanges$/,
		);
		assert.match(headers['user-agent'] ?? '', /^tinytap\//);
	});
});

test('whatever goes wrong on the way, each row is stored once', async () => {
	const failures: Behaviour[] = [
		'reset',
		'die',
		{ status: 503, text: '' },
		'silent',
		{ status: 500, text: 'Code: 252. DB::Exception: Too many parts (300). (TOO_MANY_PARTS)' },
		{ status: 429, text: '' },
		{ status: 400, text: 'Code: 241. DB::Exception: Memory limit (total) exceeded' },
		{ status: 404, text: 'Code: 60. DB::Exception: Table tinytap.exchanges does not exist' },
		{ status: 403, text: 'Code: 164, e.displayText() = DB::Exception: Cannot insert in readonly mode' },
		{ status: 200, text: 'Code: 210. DB::NetException: Connection refused' },
		'die',
	];
	await withAgent(async (agent, store, told) => {
		store.behave = (request) => (request % 2 === 0 ? 'ok' : (failures[(request - 1) / 2] ?? 'ok'));
		await take(agent, 1, 113);
		await agent.finish(forever);
		assert.deepEqual(
			store.rows('exchanges').map(({ seq }) => seq),
			numbers(1, 113),
		);
		assert.deepEqual(agent.counts, { sent: 113, waiting: 0, lost: 0 });
		assert.equal(told.filter((text) => /does not accept rows/.test(text)).length, failures.length);
		assert.equal(told.filter((text) => /accepts rows again$/.test(text)).length, failures.length);
	});
});

test('rows that the store will never accept are kept aside, and a gap counts them', async () => {
	await withAgent(async (agent, store, told) => {
		const refused: Behaviour[] = [
			{ status: 413, text: '' },
			{ status: 500, text: 'Code: 27. DB::Exception: Cannot parse input' },
			{ status: 400, text: 'Code: 117. DB::Exception: Unknown field' },
		];
		// What is not too large is tried again in another form.
		store.behave = (_, table, format) => {
			if (table !== 'exchanges') return 'ok';
			const answer = refused[0] ?? 'ok';
			const isLast = format === 'JSONEachRow' || (typeof answer === 'object' && answer.status === 413);
			if (isLast) refused.shift();
			return answer;
		};
		await take(agent, 1, 25);
		await take(agent, 26, 5);
		await agent.finish(forever);
		assert.deepEqual(store.rows('exchanges'), []);
		assert.deepEqual(
			store.rows('gaps').reduce((sum, { rows: missing }) => sum + Number(missing), 0),
			30,
		);
		for (const gap of store.rows('gaps'))
			assert.deepEqual([gap.reason, gap.run, gap.host_name], ['rejected', 7000, 'web-1']);
		assert.equal(store.rows('gaps')[0]!.from_ts, '1970-01-01T00:00:00.001000Z');
		assert.equal(told.filter((text) => /has rejected \d+ rows of exchanges/.test(text)).length, 3);
		assert.deepEqual(agent.counts, { sent: 0, waiting: 0, lost: 30 });
	});
});

test('a store that does not accept blocks gets lines', async () => {
	await withAgent(async (agent, store) => {
		store.behave = (_, __, format) =>
			format === 'Native' ? { status: 400, text: 'Code: 53. DB::Exception: Type mismatch' } : 'ok';
		await take(agent, 1, 30);
		await agent.finish(forever);
		const stored = store.rows('exchanges');
		assert.deepEqual(
			stored.map(({ seq, id, ts_us: us }) => [seq, id, us]),
			numbers(1, 30).map((id) => [id, id, id * 1000]),
		);
		const formats = store.requests.map(({ url }) => url.searchParams.get('query')?.split(' ').at(-1));
		assert.deepEqual(formats, ['Native', ...Array.from({ length: 3 }, () => 'JSONEachRow')]);
		assert.deepEqual(agent.counts, { sent: 30, waiting: 0, lost: 0 });
	});
});

test('a spool that is full drops its oldest batches, except the one being sent, and the store learns how many', async () => {
	const limitBytes = 1500;
	await withAgent(
		async (agent, store) => {
			store.behave = () => ({ status: 503, text: '' });
			for (let from = 1; from <= 400; from += 10) await take(agent, from, 10);
			await eventually(
				() => (agent.counts.waiting + agent.counts.lost === 400 ? true : undefined),
				() => `${JSON.stringify(agent.counts)}`,
			);
			const { lost } = agent.counts;
			assert.equal(lost > 100 && lost < 400, true, `${lost} rows are lost`);
			store.behave = () => 'ok';
			await agent.finish(forever);
			const seqs = store.rows('exchanges').map(({ seq }) => Number(seq));
			assert.equal(seqs.length, 400 - lost);
			// Of the oldest batch, an answer may have been lost.
			assert.deepEqual(seqs.slice(0, 10), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
			assert.equal(seqs.at(-1), 400);
			const gaps = store.rows('gaps');
			assert.equal(
				gaps.reduce((sum, gap) => sum + Number(gap.rows), 0),
				lost,
			);
			// Notes of neighbours become one.
			assert.equal(gaps.length <= 3, true, `${gaps.length} gaps`);
		},
		{ limitBytes },
	);
});

test('rows that were not taken in time, and the time without an agent, are gaps', async () => {
	const directory = temporaryDirectory();
	const spool = { path: directory.path, limitBytes: 1 << 30, user };
	await withAgent(
		async (agent, store) => {
			agent.begin();
			await agent.take(blockOfRows(origin, 1, []), 0, forever);
			await take(agent, 1, 1, 17);
			await agent.finish(forever);
			assert.deepEqual(
				store.rows('gaps').map(({ rows: missing, reason }) => [missing, reason]),
				[[17, 'not read in time']],
			);
		},
		{ spool },
	);
	await withAgent(
		async (agent, store) => {
			agent.begin();
			await agent.finish(forever);
			const [gap] = store.rows('gaps');
			assert.deepEqual([gap?.rows, gap?.reason, store.rows('gaps').length], [null, 'not running', 1]);
			assert.equal(Number(gap?.from_ts_us) < Number(gap?.to_ts_us), true);
		},
		{ spool },
	);
	directory.remove();
});

test('a second agent with the same spool is refused, but not one after a process that is gone', async () => {
	const directory = temporaryDirectory();
	const start = (file: string) => {
		const stat = readFileSync(file, 'latin1');
		return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
	};
	const spool = { path: directory.path, limitBytes: 1 << 30, user };
	const owner = (startTime: string | undefined) =>
		writeFileSync(
			`${directory.path}/agent.json`,
			JSON.stringify({ id: 'a', pid: process.ppid, startTime, stoppedUs: null }),
		);
	owner(start(`/proc/${process.ppid}/stat`));
	await assert.rejects(
		withAgent(async () => undefined, { spool }),
		new RegExp(`another agent, process ${process.ppid}, uses the spool`),
	);
	// The same number, but another process.
	owner('1');
	await withAgent(async () => undefined, { spool });
	directory.remove();
});

test('agents killed at any instant: every row that was safe is stored once, or counted', async () => {
	const store = await startFakeStore();
	// Some inserts fail before they are stored, some after.
	store.behave = (request) => (request % 5 === 0 ? 'die' : request % 7 === 0 ? 'reset' : 'ok');
	const program = await agentProgram(store.url, 6000);
	try {
		const runs: KilledRun[] = [];
		for (let kill = 0; kill < 4; kill++) runs.push(await program.run(100_000, 20 + Math.random() * 200));
		runs.push(await program.run(50));
		const seqs = store.rows('exchanges').map(({ run, seq }) => ({ run: Number(run), seq: Number(seq) }));
		const gaps = store.rows('gaps').map(({ run, rows: missing, reason }) => ({
			run: Number(run),
			rows: missing as number | null,
			reason: String(reason),
		}));
		const { problems, stored } = mistakes(runs, seqs, gaps);
		assert.deepEqual(problems, []);
		assert.equal(stored >= 50 && runs.some(({ safe }) => safe > 5), true, JSON.stringify(runs));
		assert.equal(gaps.filter(({ reason }) => reason === 'not running').length, 4);
	} finally {
		program.remove();
		await store.close();
	}
});

test('which answers mean that a batch is stored, will never be, or may be later', () => {
	const of = (status: number, errorCode?: number) =>
		outcomeOf({ status, errorCode, text: '', retryAfterMs: undefined }).what;
	assert.deepEqual([of(200), of(200, 241), of(204)], ['done', 'retry', 'retry']);
	assert.deepEqual(
		[400, 413, 401, 403, 404, 408, 429, 500, 502, 503, 504].map((status) => of(status)),
		[...['rejected', 'rejected'], ...Array.from({ length: 9 }, () => 'retry')],
	);
	assert.deepEqual(
		[of(500, 117), of(404, 27), of(400, 62), of(500, 62)],
		['rejected', 'rejected', 'rejected', 'retry'],
	);
	assert.deepEqual(
		[of(400, 241), of(400, 252), of(413, 164), of(400, 115), of(400, 516)],
		Array.from({ length: 5 }, () => 'retry'),
	);
	assert.deepEqual(outcomeOf({ status: 503, errorCode: undefined, text: '', retryAfterMs: 2000 }), {
		what: 'retry',
		why: 'HTTP status 503',
		afterMs: 2000,
	});
});

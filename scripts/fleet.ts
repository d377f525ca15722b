// Agents, `tinytap fleet` and statements over a store, with the current ClickHouse, as the library chdb, and agents with
// faults (as root, 3 minutes): npm run fleet [-- [faults | statements] [--kills N] [--statements N]]. With `faults` or
// `statements` only those. Installs chdb at the first time (half a gigabyte). Exit status 1 if a check fails.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { literal, storeStatements, tableStatements } from '../src/agent/clickhouse-ddl.ts';
import { clickhouseDestination } from '../src/agent/clickhouse-destination.ts';
import type { SpoolItem } from '../src/agent/spool.ts';
import { storeAddress } from '../src/agent/store-address.ts';
import { StoreClient } from '../src/agent/store-client.ts';
import { processUser } from '../src/base/invoking-user.ts';
import { fleetCommand } from '../src/commands/fleet-command.ts';
import { scriptValues } from '../src/shell/query-values.ts';
import { formatTimestamp } from '../src/store/timestamp.ts';
import { SCRIPTS } from '../support/bundled-queries.ts';
import { type Ask, comparedEntries, comparedExchanges, comparedFields, storedRows } from '../support/compared-store.ts';
import { agentProgram, type KilledRun, mistakes } from '../support/killed-agent.ts';
import { type BlockRow, blockOfRows } from '../support/row-blocks.ts';
import { QueryMaker } from '../support/sql-random.ts';
import { seeded } from '../support/sql-sample.ts';
import { compareAnswers, openLink } from '../support/store-parity.ts';
import { STORE_COLUMNS, StoreQueryMaker } from '../support/store-queries.ts';
import { insertRows, madeRows, memoryRows } from '../support/store-rows.ts';
import { runTinytap } from '../support/tinytap.ts';
import { faults } from './fleet-faults.ts';

const ROOT = join(import.meta.dirname, '..');
const FOLDER = join(import.meta.dirname, 'fleet');
const DEMO = join(ROOT, 'recordings/demo.tinytap');
const LIVE_KILLS = 24;
/** The number that follows an option. */
function given(option: string, otherwise: number): number {
	return Number(/^\d+$/.exec(process.argv[process.argv.indexOf(option) + 1] ?? '')?.[0] ?? otherwise);
}

const STATEMENTS = given('--statements', 5000);
const KILLS = given('--kills', 200);

type Store = { readonly url: string; readonly ask: Ask; readonly rows: (sql: string) => Promise<unknown[][]> };

/** Each check with its name. They run in this order. */
const CHECKS: readonly (readonly [name: string, check: (store: Store) => Promise<string>])[] = [
	['statements are valid', statementsAreValid],
	['fleet init and check, columns that are missing', tables],
	['an agent sends a recording', recording],
	['blocks are taken as they are, and once', blocks],
	['an insert that is repeated is stored once', repeatedInsert],
	[`${STATEMENTS} random statements have the same answers as in memory`, sameAnswers],
	['saved queries have the same answers as in memory', savedQueries],
	[`${KILLS} agents killed at random instants`, killedAgents],
];

/** Only statements are compared. */
const isPart = process.argv.includes('statements');
if (process.argv.includes('faults')) {
	await faultRun();
	process.exit();
}
if (!existsSync(join(FOLDER, 'node_modules/chdb'))) {
	console.log('installing chdb');
	spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: FOLDER, stdio: ['ignore', 'inherit', 'inherit'] });
}
const directory = mkdtempSync(join(tmpdir(), 'tinytap-fleet-'));
const front = spawn(process.execPath, [join(FOLDER, 'chdb-store.mjs'), join(directory, 'store')], {
	stdio: ['ignore', 'pipe', 'inherit'],
});
try {
	const port = await new Promise<number>((resolve, reject) => {
		front.stdout.once('data', (text: Buffer) => resolve(Number(text)));
		front.once('exit', (code) => reject(new Error(`the store ended with ${code}`)));
	});
	const store = connect(`http://127.0.0.1:${port}`);
	console.log(`ClickHouse ${(await store.rows('SELECT version()'))[0]![0]}`);
	const isChosen = (check: (typeof CHECKS)[number][1]) => !isPart || check === sameAnswers || check === savedQueries;
	for (const [name, check] of CHECKS.filter((each) => isChosen(each[1]))) {
		const startedMs = performance.now();
		const result = await check(store);
		console.log(`ok: ${name}: ${result} (${((performance.now() - startedMs) / 1000).toFixed(1)} s)`);
	}
} finally {
	front.kill();
	rmSync(directory, { recursive: true, force: true });
}
if (!isPart) await faultRun();

/** Agents that capture, with faults. Each one takes seconds to start, so few are killed. */
async function faultRun(): Promise<void> {
	if (process.getuid?.() !== 0) {
		console.log('not run: faults, which need root');
		return;
	}
	await faults(LIVE_KILLS, (result) => console.log(`ok: ${result}`));
}

function connect(url: string): Store {
	const ask: Ask = async (sql, settings = {}) => {
		const parameters = new URLSearchParams(
			Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, String(value)])),
		);
		const answer = await fetch(`${url}/?${parameters}`, {
			method: 'POST',
			body: sql,
			// The store may have closed a connection while this process was busy.
			headers: { connection: 'close' },
		});
		const text = await answer.text();
		if (!answer.ok) throw new Error(`${sql}: ${text}`);
		return text;
	};
	const rows = async (sql: string) =>
		(JSON.parse(await ask(`${sql} FORMAT JSONCompact`)) as { data: unknown[][] }).data;
	return { url, ask, rows };
}

async function statementsAreValid({ ask }: Store): Promise<string> {
	const forms = [
		{ database: 'tinytap', cluster: 'main', ttlDays: 30, portable: false },
		{ database: 'my db', cluster: undefined, ttlDays: undefined, portable: false },
		{ database: 'tinytap', cluster: 'main', ttlDays: undefined, portable: true },
	];
	const statements = forms.flatMap((form) => storeStatements(form, { agent: 'a', reader: 'b' }));
	for (const statement of statements) await ask(`SELECT formatQuery(${literal(statement)})`);
	return `${statements.length} were parsed`;
}

async function tables({ url, ask, rows }: Store): Promise<string> {
	// The demo recording is older than rows would live.
	const place = { store: `${url}/http`, color: false, ttl: 'none' };
	assert.equal(await fleetCommand('init', place), 0);
	const columns = async () =>
		await rows("SELECT table, name, type FROM system.columns WHERE database = 'http' ORDER BY table, position");
	const before = await columns();
	await ask('ALTER TABLE http.exchanges DROP COLUMN user_agent');
	await ask('ALTER TABLE http.gaps DROP COLUMN rows');
	assert.equal(await fleetCommand('check', place), 0);
	assert.equal(await fleetCommand('init', place), 0);
	assert.deepEqual(await columns(), before);
	return `${before.length} columns`;
}

async function recording({ url, ask, rows }: Store): Promise<string> {
	const { code, stderr } = await runTinytap([
		...['agent', '--to', `${url}/http`, '--replay', DEMO, '--spool', join(directory, 'spool'), '--bodies', 'all'],
		...['--body-limit', '64KiB', '--label', 'env=prod'],
	]);
	assert.equal(code, 0, stderr);
	const exchanges = await comparedExchanges(DEMO, await storedRows(ask, 'http'));
	assert.equal(exchanges.stored.length, exchanges.expected.length);
	assert.deepEqual(exchanges.stored, exchanges.expected);
	const fields = await comparedFields(DEMO, ask, 'http');
	assert.deepEqual(fields.stored, fields.expected);
	const entries = await comparedEntries(DEMO, ask, 'http');
	assert.deepEqual(entries.stored, entries.expected);
	const [maps] = await rows(
		"SELECT countIf(labels['env'] = 'prod'), countIf(req_headers['host'] != ''), countIf(res_headers['server'] != '') FROM http.exchanges",
	);
	assert.equal(Number(maps![0]), exchanges.stored.length);
	assert.equal(Number(maps![1]) > 20 && Number(maps![2]) > 5, true, JSON.stringify(maps));
	return `${exchanges.stored.length} exchanges, ${fields.stored.length} fields and ${entries.stored.length} connections are equal`;
}

/** The rows that are compared, in a database of the store and in memory. */
async function comparedRows({ url, ask }: Store, database: string, count: number) {
	const form = { database, cluster: undefined, ttlDays: undefined, portable: false };
	for (const statement of tableStatements(form)) await ask(statement);
	const made = madeRows(count);
	await insertRows(made, { url, database, portable: false });
	const link = await openLink(`${url}/${database}`);
	return { link, memory: memoryRows(made, link.layout) };
}

/** Of 100 statements, 80 are such as people ask a store, over 20,000 rows, and 20 of all kinds, over few rows. */
async function sameAnswers(store: Store): Promise<string> {
	const many = await comparedRows(store, 'many', 20_000);
	const few = await comparedRows(store, 'few', 150);
	const usual = new StoreQueryMaker(seeded(18));
	const any = new QueryMaker(seeded(19), STORE_COLUMNS);
	const ways = new Map<string, number>();
	for (let made = 0; made < STATEMENTS; made++) {
		const isUsual = made % 5 !== 0;
		const sql = isUsual ? usual.statement() : any.query();
		const { link, memory } = isUsual ? many : few;
		const { way, difference } = await compareAnswers(sql, memory, link);
		assert.equal(difference, undefined, `${way}: ${sql}`);
		ways.set(way, (ways.get(way) ?? 0) + 1);
	}
	for (const { link } of [many, few]) link.close();
	const unanswered = (ways.get('refused') ?? 0) + (ways.get('error here') ?? 0);
	// Many statements of all kinds are errors here, too, for example comparisons of texts with numbers.
	assert.equal(unanswered < STATEMENTS / 10, true, JSON.stringify([...ways]));
	return [...ways].map(([way, count]) => `${count} ${way}`).join(', ');
}

async function savedQueries(store: Store): Promise<string> {
	const { link, memory } = await comparedRows(store, 'saved', 2000);
	let same = 0;
	const refused: string[] = [];
	for (const [name, script] of SCRIPTS) {
		const parameters = new Map(scriptValues(script, [], []));
		for (const step of script.steps) {
			if (step.type !== 'statement') continue;
			const { way, difference } = await compareAnswers(step.sql, memory, link, parameters);
			assert.equal(difference, undefined, `${name}, ${way}`);
			if (way === 'error here') refused.push(name);
			else same++;
		}
	}
	link.close();
	return `${same} are the same; ${refused.join(', ')} need tables that only a host has`;
}

function client(url: string): StoreClient {
	const options = { option: '--to', credentials: undefined, ca: undefined, user: processUser(), environment: {} };
	return new StoreClient(storeAddress(`${url}/http`, options));
}

async function blocks({ url, rows }: Store): Promise<string> {
	/** Rows with a value or NULL of each type. */
	const given: readonly BlockRow[] = [
		{
			id: 1,
			ts_us: 1_795_348_800_123_456,
			method: 'GET',
			path: '/é"',
			status: 200,
			duration_ms: 0.25,
			req_header_names: ['A', 'B'],
			req_header_values: ['1', ''],
		},
		{
			id: 2,
			ts_us: 1_795_348_800_000_001,
			method: null,
			path: null,
			status: null,
			duration_ms: null,
			req_header_names: [],
			req_header_values: [],
		},
	];
	const store = client(url);
	const origin = { hostName: 'blocks', run: 7, agentVersion: '1', labels: [['env', 'é']] as const };
	const made = (first: number) => blockOfRows(origin, first, given).bytes;
	const body = Buffer.concat([made(1), made(1 + given.length)]);
	for (let time = 0; time < 2; time++) {
		const answer = await store.post({
			query: 'INSERT INTO http.exchanges FORMAT Native',
			body,
			settings: { input_format_skip_unknown_fields: 1, async_insert: 0, insert_deduplication_token: 'blocks' },
		});
		assert.deepEqual([answer.status, answer.errorCode], [200, undefined], answer.text);
	}
	store.close();
	const columns = [...Object.keys(given[0]!), 'ts'].filter((name) => name !== 'ts_us');
	const stored = await rows(
		`SELECT seq, toUnixTimestamp64Micro(ts) - toUnixTimestamp64Micro(ingested_at) < 0, ${columns.join(', ')} FROM http.exchanges WHERE host_name = 'blocks' ORDER BY seq`,
	);
	assert.deepEqual(
		stored,
		[...given, ...given].map((row, index) => [
			index + 1,
			1,
			...columns.map((name) => {
				if (name === 'ts') return formatTimestamp(row.ts_us)!.replace('T', ' ').replace('Z', '');
				return row[name];
			}),
		]),
	);
	return `${stored.length} rows`;
}

async function repeatedInsert({ url, rows }: Store): Promise<string> {
	const destination = clickhouseDestination(client(url));
	const item = (token: string): SpoolItem => ({
		...{ table: 'gaps', token, rows: 1, range: { run: 5, first: 1, rows: 1, fromUs: 1, toUs: 2 }, form: 'lines' },
		read: async () => gzipSync('{"host_name":"repeated","run":5,"from_ts":"2026-01-01T00:00:00.000001Z","rows":1}\n'),
	});
	const count = async () => Number((await rows("SELECT count() FROM http.gaps WHERE host_name = 'repeated'"))[0]![0]);
	for (let time = 0; time < 3; time++)
		assert.deepEqual(await destination.deliver(item('one'), new AbortController().signal), { what: 'done' });
	assert.equal(await count(), 1);
	assert.deepEqual(await destination.deliver(item('two'), new AbortController().signal), { what: 'done' });
	const [afterOther, final] = [
		await count(),
		Number((await rows("SELECT count() FROM http.gaps FINAL WHERE host_name = 'repeated'"))[0]![0]),
	];
	assert.deepEqual([afterOther, final], [2, 1]);
	destination.close();
	return 'by its token, and by the sorting key';
}

async function killedAgents({ url, rows }: Store): Promise<string> {
	const program = await agentProgram(`${url}/http`, 20_000);
	try {
		const runs: KilledRun[] = [];
		for (let kill = 0; kill < KILLS; kill++) runs.push(await program.run(100_000, Math.random() * 150));
		runs.push(await program.run(50));
		const seqs = (await rows("SELECT run, seq FROM http.exchanges WHERE host_name = 'host'")).map(([run, seq]) => ({
			run: Number(run),
			seq: Number(seq),
		}));
		const gaps = (await rows("SELECT run, rows, reason FROM http.gaps WHERE host_name = 'host'")).map(
			([run, missing, reason]) => ({
				run: Number(run),
				rows: missing === null ? null : Number(missing),
				reason: String(reason),
			}),
		);
		const { problems, stored, counted } = mistakes(runs, seqs, gaps);
		assert.deepEqual(problems, []);
		const safe = runs.reduce((sum, each) => sum + each.safe, 0);
		return `${safe} rows were safe, ${stored} are stored once, ${counted} are counted`;
	} finally {
		program.remove();
	}
}

// The fault run of scripts/fleet.ts: three agents, each with the traffic of its own cgroup in its own network namespace, send
// to two shards while shards are killed, a disk is full, the clock is set, and agents are killed. Needs root. Every exchange
// must be stored once, or counted.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
	closeSync,
	mkdirSync,
	mkdtempSync,
	openSync,
	readFileSync,
	rmdirSync,
	rmSync,
	writeFileSync,
	writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { STORE_TABLES } from '../src/agent/store-tables.ts';
import { mountPoint } from '../src/capture/cgroups.ts';
import { fleetCommand } from '../src/commands/fleet-command.ts';
import { type ClickHouse, newNode, startClickHouse } from '../support/clickhouse.ts';
import { stopChild } from '../support/servers.ts';
import { startTinytap, type Tinytap } from '../support/tinytap.ts';

const DATABASE = 'faults';
const HOUR_MS = 3_600_000;
const SPOOL_DISK = '8m';
const IDLE_MS = 60_000;

/** When a request was sent and answered, in milliseconds since 1970 by the stepped clock. */
type Answered = readonly [number: number, sentMs: number, answeredMs: number];

type Stored = { readonly host: string; readonly path: string; readonly side: string };
type Gap = {
	readonly host: string;
	readonly fromMs: number;
	readonly toMs: number;
	readonly rows: number | null;
	readonly table: string;
};

/** A host: traffic in a network namespace and a cgroup, and a spool on a disk of its own. */
class Host {
	readonly name: string;
	readonly #cgroup: string;
	readonly #namespace: string;
	readonly spool: string;
	readonly #traffic: ChildProcess;
	readonly #lines: AsyncIterator<string>;
	readonly #stepFile: string;

	constructor(name: string, directory: string, stepFile: string) {
		this.name = name;
		this.#stepFile = stepFile;
		this.#namespace = `tinytap-${process.pid}-${name}`;
		this.#cgroup = join(mountPoint(readFileSync('/proc/self/mountinfo', 'utf8'))!, this.#namespace);
		this.spool = join(directory, name);
		mkdirSync(this.#cgroup);
		mkdirSync(this.spool);
		run('mount', '-t', 'tmpfs', '-o', `size=${SPOOL_DISK},mode=0700`, 'tmpfs', this.spool);
		run('ip', 'netns', 'add', this.#namespace);
		run('ip', '-n', this.#namespace, 'link', 'set', 'lo', 'up');
		const program = [process.execPath, join(import.meta.dirname, 'fleet/traffic.mjs'), name, stepFile];
		// The shell moves itself into the cgroup.
		const words = [
			`echo $$ > ${this.#cgroup}/cgroup.procs; exec ip netns exec "$@"`,
			'sh',
			this.#namespace,
			...program,
		];
		this.#traffic = spawn('sh', ['-c', ...words], { stdio: ['pipe', 'pipe', 'inherit'] });
		this.#lines = createInterface({ input: this.#traffic.stdout! })[Symbol.asyncIterator]();
	}

	async ready(): Promise<void> {
		assert.equal((await this.#lines.next()).value, 'ready');
	}

	go(): void {
		this.#traffic.stdin!.write('go\n');
	}

	/** Ends the traffic; resolves to what was answered since go(). */
	async stop(): Promise<Answered[]> {
		this.#traffic.stdin!.write('stop\n');
		return JSON.parse((await this.#lines.next()).value!) as Answered[];
	}

	/** Starts an agent; resolves when it captures. */
	async agent(url: string): Promise<Tinytap> {
		const words = ['agent', '--to', `${url}/${DATABASE}`, '--host-name', this.name, '--cgroup', this.#cgroup];
		const agent = startTinytap([...words, '--spool', join(this.spool, 'agent')], {
			env: { TINYTAP_CLOCK_STEP: this.#stepFile },
		});
		await agent.attached();
		return agent;
	}

	async remove(): Promise<void> {
		this.#traffic.stdin!.end();
		await stopChild(this.#traffic);
		run('umount', this.spool);
		run('ip', 'netns', 'delete', this.#namespace);
		rmdirSync(this.#cgroup);
	}
}

/** Runs everything. `kills`: how many agents are killed; `done` is called with each result. */
export async function faults(kills: number, done: (result: string) => void): Promise<void> {
	const directory = mkdtempSync(join(tmpdir(), 'tinytap-faults-'));
	const stepFile = join(directory, 'clock');
	writeFileSync(stepFile, '0');
	const nodes = [await newNode(), await newNode()];
	const shards = await Promise.all([nodes, [...nodes].reverse()].map((each) => startClickHouse({ nodes: each })));
	const hosts: Host[] = [];
	try {
		for (const { url } of shards)
			await fleetCommand('init', { store: `${url}/${DATABASE}`, portable: true, cluster: 'shards', color: false });
		for (const name of ['web-1', 'web-2', 'db-1']) hosts.push(new Host(name, directory, stepFile));
		for (const host of hosts) await host.ready();
		const step = (ms: number) => writeFileSync(stepFile, String(ms));
		done(await storesFail(shards, hosts, step));
		done(await agentsAreKilled(shards, hosts, kills));
		done(await nothingHappens(shards, hosts[0]!));
	} finally {
		for (const host of hosts) await host.remove();
		for (const shard of shards) await shard.stop();
		rmSync(directory, { recursive: true, force: true });
	}
}

/** Shards are killed, a disk is full, the clock is set: the numbers must agree. */
async function storesFail(shards: readonly ClickHouse[], hosts: readonly Host[], step: (ms: number) => void) {
	const [first, second] = shards as [ClickHouse, ClickHouse];
	const agents: Tinytap[] = [];
	const answered = new Map<string, Answered[]>();
	try {
		for (const host of hosts) agents.push(await host.agent(first.url));
		for (const host of hosts) host.go();
		await sleep(6000);
		await second.kill();
		step(HOUR_MS);
		await sleep(6000);
		await first.kill();
		step(-2 * HOUR_MS);
		const full = hosts.at(-1)!.spool;
		const filler = join(full, 'filler');
		await sleep(1000);
		fill(filler);
		await sleep(8000);
		rmSync(filler);
		step(0);
		await Promise.all(shards.map((shard) => shard.restart()));
		await sleep(2000);
		for (const host of hosts) answered.set(host.name, await host.stop());
		// The last rows are on their way to the agents; the store has been away, so that they may be waiting to try again.
		await sleep(10_000);
		for (const agent of agents) agent.child.kill('SIGTERM');
		for (const agent of agents) {
			const { code, stderr } = await agent.finished;
			assert.equal(code, 0, stderr);
			assert.doesNotMatch(stderr, /; \d+ wait in/);
		}
	} finally {
		for (const agent of agents) await agent.stop();
	}
	const { exchanges, connections, gaps } = await stored(shards);
	let lost = 0;
	for (const { name } of hosts) {
		const rows = checkedRows(exchanges, name);
		const requests = answered.get(name)!.length;
		const counted = (table: string) =>
			gaps.filter((gap) => gap.host === name && gap.table === table).reduce((sum, gap) => sum + gap.rows!, 0);
		assert.equal(rows.size + counted('exchanges'), 2 * requests, `${name}: exchanges of ${requests} requests`);
		const ended = connections.filter((host) => host === name).length;
		assert.equal(ended + counted('connections'), 2 * requests, `${name}: connections of ${requests} requests`);
		lost += counted('exchanges');
	}
	assert.equal(lost > 0, true, 'the disk was never full');
	const sent = [...answered.values()].reduce((sum, { length }) => sum + 2 * length, 0);
	return `shards killed, disk full, clock set: of ${sent} rows, ${sent - lost} are stored once and ${lost} counted`;
}

/** Agents are killed while there is traffic: what is missing must be in the time of a gap. */
async function agentsAreKilled(shards: readonly ClickHouse[], hosts: readonly Host[], kills: number) {
	const [{ url }] = shards as [ClickHouse];
	const before = await stored(shards);
	for (const host of hosts) host.go();
	await Promise.all(
		hosts.map(async (host) => {
			for (let kill = 0; kill < Math.ceil(kills / hosts.length); kill++) {
				const agent = await host.agent(url);
				await sleep(Math.random() * 2500);
				agent.child.kill('SIGKILL');
				await agent.finished;
			}
		}),
	);
	const agents = await Promise.all(hosts.map(async (host) => await host.agent(url)));
	await sleep(1000);
	const answered = new Map<string, Answered[]>();
	for (const host of hosts) answered.set(host.name, await host.stop());
	await sleep(6000);
	for (const agent of agents) agent.child.kill('SIGTERM');
	for (const agent of agents) assert.doesNotMatch((await agent.finished).stderr, /; \d+ wait in/);
	const after = await stored(shards);
	let missing = 0;
	let requests = 0;
	for (const { name } of hosts) {
		const rows = checkedRows(after.exchanges, name);
		const known = after.gaps.filter((gap) => gap.host === name);
		for (const [number, sentMs, answeredMs] of answered.get(name)!) {
			requests++;
			for (const side of ['client', 'server']) {
				if (rows.has(`/${name}/${number} ${side}`)) continue;
				missing++;
				const isKnown = known.some(({ fromMs, toMs }) => fromMs <= answeredMs && sentMs <= toMs);
				assert.equal(
					isKnown,
					true,
					`${name}: ${side} of ${number} at ${answeredMs} is in none of ${JSON.stringify(known)}`,
				);
			}
		}
	}
	const rows = after.exchanges.length - before.exchanges.length;
	assert.equal(rows > 0, true);
	return `${kills} agents killed: of ${2 * requests} rows, ${rows} are stored once and ${missing} are in the times of gaps`;
}

/** A host with a store of its own and without traffic sends nothing, although its agent's uploads are traffic. */
async function nothingHappens(shards: readonly ClickHouse[], { spool }: Host): Promise<string> {
	// Only the first one is captured; the other one answers for both.
	const [{ url, node }, { rows }] = shards as [ClickHouse, ClickHouse];
	const agent = startTinytap([
		...['agent', '--to', `${url}/${DATABASE}`, '--host-name', 'idle', '--port', String(node.http)],
		...['--spool', join(spool, 'idle')],
	]);
	const tables = STORE_TABLES.map(({ name }) => name);
	const counts = async () =>
		await Promise.all(
			tables.map(async (name) => {
				const [count] = await rows(`SELECT count() FROM ${DATABASE}.${name} WHERE host_name = 'idle'`);
				return Number(count![0]);
			}),
		);
	try {
		await agent.attached();
		// What it sends of this is the first upload.
		await fetch(`${url}/ping`);
		// The connection ends a few seconds later, and what was not captured is sent after a minute.
		await sleep(75_000);
		const before = await counts();
		await sleep(IDLE_MS);
		const after = await counts();
		assert.deepEqual(
			before,
			tables.map((name) => (['gaps', 'blind_spots'].includes(name) ? 0 : 2)),
			tables.join(),
		);
		assert.deepEqual(after, before, `later: ${tables.join()}`);
		assert.equal(agent.child.exitCode, null, agent.stderr());
		return `${IDLE_MS / 1000} s without traffic: no rows`;
	} finally {
		await agent.stop();
	}
}

/** `path side` of the rows of a host. They must be different, and of that host's traffic. */
function checkedRows(exchanges: readonly Stored[], name: string): Set<string> {
	const own = exchanges.filter(({ host }) => host === name);
	for (const { path } of own) assert.equal(path.startsWith(`/${name}/`), true, `${name} has a row of ${path}`);
	const rows = new Set(own.map(({ path, side }) => `${path} ${side}`));
	assert.equal(rows.size, own.length, `${name}: ${own.length - rows.size} rows are stored twice`);
	return rows;
}

/** What the shards have, without copies that the next merge removes. */
async function stored(shards: readonly ClickHouse[]) {
	const all = async (columns: string, table: string) =>
		(
			await Promise.all(shards.map((shard) => shard.rows(`SELECT ${columns} FROM ${DATABASE}.${table}_local FINAL`)))
		).flat();
	// A request that was sent before an agent captured is not seen, but its response may be.
	const exchanges = (await all('host_name, path, side', 'exchanges'))
		.map(([host, path, side]): Stored => ({ host: String(host), path: String(path), side: String(side) }))
		.filter(({ path }) => path !== 'null');
	const connections = (await all('host_name', 'connections')).map(([host]) => String(host));
	const gaps = (await all('host_name, from_ts_us, to_ts_us, rows, table_name', 'gaps')).map(
		([host, from, to, rows, table]): Gap => ({
			host: String(host),
			fromMs: Number(from) / 1000,
			toMs: Number(to) / 1000,
			rows: rows === null ? null : Number(rows),
			table: String(table),
		}),
	);
	return { exchanges, connections, gaps };
}

/** Writes to a file until the disk is full. */
function fill(path: string): void {
	const fd = openSync(path, 'w');
	try {
		for (;;) writeSync(fd, Buffer.alloc(4096));
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
	} finally {
		closeSync(fd);
	}
}

function run(program: string, ...words: readonly string[]): void {
	const { status, stderr } = spawnSync(program, words, { encoding: 'utf8' });
	if (status !== 0) throw new Error(`${program} ${words.join(' ')}: ${stderr}`);
}

// Many hosts: the agents' own code from batch to insert, with rows made from the demo recording, sends at a fixed rate to two
// shards. Measured: what arrives, bytes, CPU time of both sides, and how late rows are.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { Agent } from '../../src/agent/agent.ts';
import { clickhouseDestination } from '../../src/agent/clickhouse-destination.ts';
import type { Destination } from '../../src/agent/destination.ts';
import type { NativeValue } from '../../src/agent/native-format.ts';
import type { Origin } from '../../src/agent/origin.ts';
import { storeAddress } from '../../src/agent/store-address.ts';
import { StoreClient } from '../../src/agent/store-client.ts';
import { processUser } from '../../src/base/invoking-user.ts';
import { fleetCommand } from '../../src/commands/fleet-command.ts';
import { type ClickHouse, newNode, startClickHouse } from '../../support/clickhouse.ts';
import { cpuMs } from '../../support/cpu-time.ts';
import { type BlockRow, blockOfRows } from '../../support/row-blocks.ts';
import { runTinytap } from '../../support/tinytap.ts';
import { publish } from './page.ts';
import { figure, table } from './rounds.ts';

const DEMO = join(import.meta.dirname, '../../recordings/demo.tinytap');
const DATABASE = 'bench';
/** How often each host gets rows. */
const TICK_MS = 500;
/** How long rows wait for others, at most: what agents do by default, and with `--batch 1m`. */
const BATCH_SECONDS = [5, 60];

export type FleetOptions = {
	readonly hosts: number;
	/** Rows a second from all hosts. */
	readonly rows: number;
	readonly seconds: number;
	readonly write: boolean;
	readonly command: string;
};

/** What the senders and the store did in one measurement. */
type Measured = {
	rows: number;
	inserts: number;
	bytes: number;
	failures: number;
	/** Of each insert, how late its oldest row was, in seconds. */
	readonly lags: number[];
	senderCpuMs: number;
	storeCpuMs: number;
	storedBytes: number;
	/** From the first row to the confirmation of the last one. */
	seconds: number;
};

/** Measures and publishes. */
export async function benchFleet({ hosts, rows, seconds, write, command }: FleetOptions): Promise<void> {
	const templates = await rowsOfDemo();
	const measured: (readonly [seconds: number, result: Measured])[] = [];
	for (const batch of BATCH_SECONDS) {
		const plan = { hosts, rows, seconds: Math.max(seconds, 2 * batch), batch, templates };
		const result = await measure(plan);
		console.log(`batches of ${batch} s: ${result.rows} rows in ${result.inserts} inserts, ${figure(result.seconds)} s`);
		measured.push([batch, result]);
	}
	const cells = measured.map(([batch, m]) => [
		`${batch} s`,
		figure(m.rows / m.seconds),
		figure(m.inserts / m.seconds),
		figure(m.bytes / m.rows),
		figure(m.storedBytes / m.rows),
		figure(m.rows / (m.senderCpuMs / 1000)),
		figure(m.rows / (m.storeCpuMs / 1000)),
		`${figure(at(m.lags, 0.5))} s, ${figure(at(m.lags, 0.99))} s`,
		String(m.failures),
	]);
	publish(
		{
			name: 'fleet',
			title: 'Many hosts',
			command,
			versions: { clickhouse: '18.16 (Debian)' },
			method: `${hosts} agents in one process, each with a spool of its own, send ${rows} rows a second in all for ${seconds} s (or twice the time of a batch) to two shards of ClickHouse 18.16 on the same machine, in the portable form. Rows are those of the demo recording without bodies, with new ids and times. CPU time of the senders is that of the agents' code from a finished row on: making blocks (here of objects), compressing, writing to the spool, syncing, sending; reading and redacting the exchange is not in it. This version of ClickHouse does not know blocks with microseconds, so they are made and compressed again. Every row must be stored once.`,
			figures: table(
				[
					'batch',
					'rows a second',
					'inserts a second',
					'bytes a row, sent',
					'on disk',
					'rows a CPU second, agents',
					'the same, both shards',
					'oldest row of an insert: median, 99 %',
					'inserts tried again',
				],
				cells,
			),
		},
		write,
	);
}

/** The rows that an agent makes of the demo recording: what follows their id and time. */
async function rowsOfDemo(): Promise<Template[]> {
	const directory = mkdtempSync(join(tmpdir(), 'tinytap-bench-'));
	try {
		const words = [
			'--to',
			join(directory, 'out'),
			'--format',
			'ndjson',
			'--spool',
			join(directory, 'spool'),
			'--quiet',
		];
		const { code, stderr } = await runTinytap(['agent', '--replay', DEMO, ...words]);
		assert.equal(code, 0, stderr);
		const out = join(directory, 'out/exchanges');
		const files = readdirSync(out, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.gz'));
		const lines = files.flatMap((path) =>
			gunzipSync(readFileSync(join(out, path)))
				.toString('utf8')
				.trimEnd()
				.split('\n'),
		);
		const own = ['host_name', 'run', 'agent_version', 'label_names', 'label_values', 'seq', 'id', 'ts', 'ts_us'];
		return lines.map((line) => {
			const members = Object.entries(JSON.parse(line) as Template).filter(([name]) => !own.includes(name));
			return Object.fromEntries(members);
		});
	} finally {
		rmSync(directory, { recursive: true });
	}
}

/** The columns of a row. */
type Template = Readonly<Record<string, NativeValue>>;

type Plan = Omit<FleetOptions, 'write' | 'command'> & {
	readonly batch: number;
	readonly templates: readonly Template[];
};

async function measure({ hosts, rows, seconds, batch, templates }: Plan): Promise<Measured> {
	const directory = mkdtempSync(join(tmpdir(), 'tinytap-bench-'));
	const nodes = [await newNode(), await newNode()];
	const shards = await Promise.all([nodes, [...nodes].reverse()].map((each) => startClickHouse({ nodes: each })));
	const result: Measured = {
		...{ rows: 0, inserts: 0, bytes: 0, failures: 0, lags: [] },
		...{ senderCpuMs: 0, storeCpuMs: 0, storedBytes: 0, seconds: 0 },
	};
	const agents: SyntheticHost[] = [];
	try {
		for (const { url } of shards)
			await fleetCommand('init', { store: `${url}/${DATABASE}`, portable: true, cluster: 'shards', color: false });
		for (let host = 0; host < hosts; host++) {
			const destination = counted(shards[host % shards.length]!, result);
			agents.push(await startAgent(destination, `host-${host}`, join(directory, String(host)), batch));
		}
		const storeBefore = shards.map((shard) => shard.cpuMs());
		const cpuBefore = cpuMs();
		const startedMs = performance.now();
		const sent = await produce(agents, { rows, seconds, templates });
		await Promise.all(agents.map(({ agent }) => agent.finish(new AbortController().signal)));
		result.seconds = (performance.now() - startedMs) / 1000;
		result.senderCpuMs = cpuMs() - cpuBefore;
		result.storeCpuMs = shards.reduce((sum, shard, index) => sum + shard.cpuMs() - storeBefore[index]!, 0);
		const stored = await Promise.all(
			shards.map(async (shard) => {
				const [[count] = []] = await shard.rows(`SELECT count() FROM ${DATABASE}.exchanges_local FINAL`);
				const parts = `SELECT sum(bytes_on_disk) FROM system.parts WHERE database = '${DATABASE}' AND active`;
				const [[bytes] = []] = await shard.rows(parts);
				return [Number(count), Number(bytes)] as const;
			}),
		);
		result.storedBytes = stored.reduce((sum, [, bytes]) => sum + bytes, 0);
		assert.equal(
			stored.reduce((sum, [count]) => sum + count, 0),
			sent,
			'every row is stored once',
		);
		assert.equal(result.rows, sent);
		return result;
	} finally {
		for (const { agent } of agents) agent.close();
		for (const shard of shards) await shard.stop();
		rmSync(directory, { recursive: true });
	}
}

/** An agent, what all its rows have, and the number of its next row. */
type SyntheticHost = { readonly agent: Agent; readonly origin: Origin; next: number };

async function startAgent(
	destination: Destination,
	hostName: string,
	path: string,
	batch: number,
): Promise<SyntheticHost> {
	const origin = { hostName, run: Date.now(), agentVersion: '1', labels: [] };
	const agent = await Agent.start({
		destination,
		origin,
		limits: { rows: 10_000, bytes: 8 << 20, ms: batch * 1000 },
		spool: { path, limitBytes: 1 << 30, user: processUser() },
		isLive: true,
		tell: () => undefined,
	});
	return { agent, origin, next: 1 };
}

/** The destination of an agent, which counts what happens. */
function counted(shard: ClickHouse, result: Measured): Destination {
	const options = { option: '--to', credentials: undefined, ca: undefined, user: processUser(), environment: {} };
	const destination = clickhouseDestination(new StoreClient(storeAddress(`${shard.url}/${DATABASE}`, options)));
	return {
		...destination,
		deliver: async (item, signal) => {
			const outcome = await destination.deliver(item, signal);
			if (outcome.what !== 'done') {
				result.failures++;
				return outcome;
			}
			result.rows += item.rows;
			result.inserts++;
			result.bytes += (await item.read()).byteLength;
			result.lags.push(Date.now() / 1000 - item.range.fromUs / 1e6);
			return outcome;
		},
	};
}

/** Gives the agents rows at the planned rate; resolves to their number. */
async function produce(
	hosts: readonly SyntheticHost[],
	{ rows, seconds, templates }: Pick<Plan, 'rows' | 'seconds' | 'templates'>,
) {
	const forever = new AbortController().signal;
	const ticks = Math.round((seconds * 1000) / TICK_MS);
	const startedMs = performance.now();
	let made = 0;
	for (let tick = 1; tick <= ticks; tick++) {
		const due = Math.round((rows * tick * TICK_MS) / 1000);
		const batches = hosts.map((): BlockRow[] => []);
		for (; made < due; made++) {
			const us = Date.now() * 1000 + (made % 1000);
			batches[made % hosts.length]!.push({ ...templates[made % templates.length], id: made, ts_us: us });
		}
		await Promise.all(
			hosts.map(async (host, index) => {
				const rows = batches[index]!;
				if (rows.length > 0) await host.agent.take(blockOfRows(host.origin, host.next, rows), 0, forever);
				host.next += rows.length;
			}),
		);
		await sleep(Math.max(0, startedMs + tick * TICK_MS - performance.now()));
	}
	return made;
}

/** The value below which `part` of the values are. */
function at(values: readonly number[], part: number): number {
	const sorted = [...values].sort((a, b) => a - b);
	return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!;
}

// How late `tinytap tail --store` prints an exchange that an agent has captured on this host.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startClickHouse } from '../../support/clickhouse.ts';
import { eventually } from '../../support/eventually.ts';
import { runTinytap, startTinytap, type Tinytap } from '../../support/tinytap.ts';
import { publish } from './page.ts';
import { figure, table } from './rounds.ts';

/** Requests a second. */
const RATE = 10;
/** `--batch`: the default, and the shortest that docs/fleet.md recommends for a few hosts. */
const BATCHES = ['5s', '1s'];
/** The goal, in seconds. */
const MOST = 2;

export type StoreTailOptions = { readonly seconds: number; readonly write: boolean; readonly command: string };

/** Measures and publishes. */
export async function benchStoreTail({ seconds, write, command }: StoreTailOptions): Promise<void> {
	const delays = new Map<string, number[]>();
	for (const batch of BATCHES) delays.set(batch, await measure(batch, seconds));
	const shortest = percentile(delays.get(BATCHES.at(-1)!)!, 0.5);
	publish(
		{
			name: 'store-tail',
			title: 'From an exchange to the tail of a store',
			method: `A client sends ${RATE} requests a second for ${seconds} s to a server on this host. \`tinytap agent\` captures them and sends them to a ClickHouse 18.16 on this host; \`tinytap tail --store\` prints them. A delay is the time
from the end of a response, on the client's clock, until the line of the client's row is read. Every exchange must be printed.`,
			command,
			versions: { clickhouse: '18.16 (Debian)' },
			goals: [
				{
					goal: `half of the exchanges printed within ${MOST} s, with \`--batch ${BATCHES.at(-1)}\``,
					figure: `${figure(shortest)} s`,
					met: shortest < MOST,
				},
			],
			figures: table(
				['`--batch`', 'exchanges', 'half within', '90 % within', '99 % within', 'all within'],
				[...delays].map(([batch, list]) => [
					batch === BATCHES[0] ? `${batch} (default)` : batch,
					list.length.toLocaleString('en-US'),
					...[0.5, 0.9, 0.99, 1].map((share) => `${figure(percentile(list, share))} s`),
				]),
			),
		},
		write,
	);
}

/** Seconds from each exchange's end to its line. */
async function measure(batch: string, seconds: number): Promise<number[]> {
	const directory = mkdtempSync(join(tmpdir(), 'tinytap-bench-'));
	const store = await startClickHouse();
	const url = `${store.url}/tinytap`;
	const server = createServer((_, response) => void response.end('{}'));
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	const { port } = server.address() as AddressInfo;
	const running: Tinytap[] = [];
	try {
		const init = await runTinytap(['fleet', 'init', '--store', url, '--portable']);
		assert.equal(init.code, 0, init.stderr);
		const agent = startTinytap([
			...['agent', '--to', url, '--spool', join(directory, 'spool'), '--batch', batch, '--port', String(port)],
		]);
		running.push(agent);
		await agent.attached();
		const columns = ['--columns', 'path', '--where', "side = 'client'", '--format', 'csv'];
		const tail = startTinytap(['tail', '--store', url, ...columns]);
		running.push(tail);
		await eventually(
			() => (/asking the store/.test(tail.stderr()) ? true : undefined),
			() => tail.stderr(),
		);
		return await delaysOf(tail, port, seconds);
	} finally {
		for (const tinytap of running) await tinytap.stop();
		server.closeAllConnections();
		server.close();
		await store.stop();
		rmSync(directory, { recursive: true });
	}
}

async function delaysOf(tail: Tinytap, port: number, seconds: number): Promise<number[]> {
	const ended = new Map<string, number>();
	const delays: number[] = [];
	let rest = '';
	tail.child.stdout!.on('data', (chunk: string) => {
		const now = performance.now();
		const lines = (rest + chunk).split('\n');
		rest = lines.pop()!;
		for (const line of lines) {
			const at = ended.get(line.replaceAll('"', '').trim());
			if (at !== undefined) delays.push((now - at) / 1000);
		}
	});
	// The tail begins some instants after it says so.
	await sleep(2000);
	const count = RATE * seconds;
	for (let number = 0; number < count; number++) {
		const due = sleep(1000 / RATE);
		const path = `/exchange/${number}`;
		await new Promise<void>((resolve, reject) => {
			get({ port, host: '127.0.0.1', path, agent: false }, (response) => {
				response.resume().on('end', () => {
					ended.set(path, performance.now());
					resolve();
				});
			}).on('error', reject);
		});
		await due;
	}
	await eventually(
		() => (delays.length >= count ? true : undefined),
		() => `${delays.length} of ${count} exchanges were printed: ${tail.stderr()}`,
		60,
	);
	assert.equal(delays.length, count);
	return delays;
}

function percentile(list: readonly number[], share: number): number {
	const sorted = [...list].sort((a, b) => a - b);
	return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]!;
}

// What a hostile peer may send, through real sockets: tinytap's memory stays within its limit, everything it did not
// see is counted, and the next exchange is decoded. BOMBS=full sends the full sizes, which takes minutes.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { eventually } from '../../support/eventually.ts';
import { stopChild } from '../../support/servers.ts';
import { askPiped, runTinytap, startTinytap, type Tinytap } from '../../support/tinytap.ts';

const PROGRAM = join(import.meta.dirname, '../fixtures/bombs.py');
const MIB = 1 << 20;
const LIMIT_MIB = 128;
/** How far resident memory may exceed the limit, as the documentation promises. */
const ROOM_MIB = 128;
const FULL = process.env.BOMBS === 'full';

type Bomb = {
	readonly name: string;
	/** Bytes, connections or responses. */
	readonly amount: number;
	readonly full?: number;
	/** Another exchange follows on the same connection. */
	readonly goesOn?: boolean;
	/** Contents of its rows on the server side if nothing was lost: SQL, and a value for each column. */
	readonly says?: readonly [sql: string, values: Record<string, unknown>];
};

const BOMBS: readonly Bomb[] = [
	{ name: 'header', amount: 64 * MIB, full: 1024 * MIB, goesOn: true },
	{ name: 'headers', amount: 10_000_000, goesOn: true },
	{
		name: 'lengths',
		amount: 1,
		says: ["SELECT count(*) AS n FROM exchanges WHERE side = 'server' AND path LIKE '/length/%'", { n: 11 }],
	},
	{ name: 'chunk-of-64-bits', amount: 8 * MIB },
	{ name: 'chunk-of-68-bits', amount: 8 * MIB },
	{ name: 'small-chunks', amount: 16 * MIB, full: 10_000_000 * 1029, goesOn: true },
	{ name: 'endless-body', amount: 64 * MIB, full: 1024 * MIB },
	{ name: 'one-byte-connections', amount: 5000 },
	{ name: 'reopened', amount: 10_000, full: 1_000_000 },
	{ name: 'requests', amount: 33 * 100_000 },
	{ name: 'responses', amount: 20_000, full: 100_000 },
	{ name: 'folded-lines', amount: 9_000_000, goesOn: true },
	{ name: 'interim', amount: 100_000, goesOn: true },
];

test('bombs through a socket: memory stays within the limit, loss is counted, the next exchange is decoded', async (t) => {
	const peer = startPeer();
	const port = (await peer.answer()).port;
	const tinytap = startTinytap(
		['--port', String(port), '--max-memory', `${LIMIT_MIB}MiB`, '--format', 'ndjson', '--strict'],
		{ openInput: true },
	);
	const ask = async (sql: string) => await askPiped(tinytap, `${sql};\n`);
	const lost = async () => {
		const { events, bytes } = await ask(
			"SELECT sum(events) AS events, sum(bytes) AS bytes FROM loss WHERE kind = 'lost'",
		);
		return { events: Number(events), bytes: Number(bytes) };
	};
	/** The number of complete rows, of both ends, for an ordinary exchange. */
	const decoded = async (path: string) =>
		(await ask(`SELECT count(*) AS n FROM exchanges WHERE path = '${path}' AND state = 'complete' AND res_body = 'ok'`))
			.n;
	try {
		await tinytap.attached();
		await peer.play('exchange', '/idle');
		await eventually(
			async () => (await decoded('/idle')) === 2 || undefined,
			() => `no rows: ${tinytap.stderr()}`,
		);
		t.diagnostic(`idle: ${peakMib(tinytap)} MiB`);
		let before = await lost();
		for (const { name, amount, full, goesOn, says } of BOMBS) {
			const start = performance.now();
			const { sent, client } = await peer.play(name, String((FULL && full) || amount));
			const played = performance.now() - start;
			// A loss may include the first of these exchanges.
			let tries = 0;
			await eventually(
				async () => {
					const path = `/after/${name}/${++tries}`;
					await peer.play('exchange', path);
					const deadline = performance.now() + 5000;
					while (performance.now() < deadline) if ((await decoded(path)) === 2) return true;
					return undefined;
				},
				() => `${name}: the exchange after it was not decoded: ${tinytap.stderr()}`,
				120,
			);
			// Loss is reported with a delay, but in the end everything unseen must be counted.
			let after = await lost();
			if (client !== 0) {
				// A connection that was evicted and then continued has two rows.
				const seen = `SELECT coalesce(sum(CASE WHEN bytes_in > bytes_out THEN bytes_in ELSE bytes_out END), 0) AS n FROM connections WHERE local LIKE '%:${port}' AND remote = '127.0.0.1:${client}'`;
				let known = 0;
				await eventually(
					async () => {
						known = Number((await ask(seen)).n);
						after = await lost();
						return known + after.bytes - before.bytes >= sent || undefined;
					},
					() => `${name}: of ${sent} bytes ${known} were seen, ${after.bytes - before.bytes} lost`,
				);
			}
			if (goesOn) {
				await eventually(
					async () => {
						if ((await decoded(`/same/${name}`)) === 2) return true;
						after = await lost();
						return after.events > before.events || undefined;
					},
					() => `${name}: nothing was lost, but the exchange on the same connection was not decoded`,
				);
			}
			const events = after.events - before.events;
			const bytes = after.bytes - before.bytes;
			before = after;
			const peak = peakMib(tinytap);
			t.diagnostic(
				`${name}: ${sent} bytes in ${Math.round(played)} ms, peak ${peak} MiB, lost ${events} events, ${bytes} bytes`,
			);
			assert.ok(peak < LIMIT_MIB + ROOM_MIB, `${name}: ${peak} MiB resident`);
			if (says !== undefined && events === 0) assert.deepEqual(await ask(says[0]), says[1], name);
		}
		tinytap.child.stdin!.end();
		const { code } = await tinytap.finished;
		// The last loss may have been reported only at the end.
		const toldLoss = before.events !== 0 || tinytap.stderr().includes('ERR_LOSS');
		assert.equal(code, toldLoss ? 3 : 0, tinytap.stderr());
	} finally {
		await tinytap.stop();
		await peer.stop();
	}
});

test('a flood of pipelined requests on a new connection loses no row, neither live nor replayed', async () => {
	const directory = mkdtempSync(join(tmpdir(), 'tinytap-flood-'));
	const recording = join(directory, 'flood.tinytap');
	const peer = startPeer();
	const port = (await peer.answer()).port;
	const tinytap = startTinytap(['--port', String(port), '--format', 'ndjson', '--strict', '--record', recording], {
		openInput: true,
	});
	const ask = async (sql: string) => await askPiped(tinytap, `${sql};\n`);
	const count = 100_000;
	const sql =
		"SELECT count(*) FILTER (WHERE side = 'server') AS server, count(*) FILTER (WHERE side = 'client') AS client, count(DISTINCT comm) AS comms FROM exchanges";
	try {
		await tinytap.attached();
		// Everything waits in the ring, so that it arrives in as few batches as possible.
		tinytap.child.kill('SIGSTOP');
		await peer.play('requests', String('GET /bomb HTTP/1.1\r\nHost: h\r\n\r\n'.length * count));
		tinytap.child.kill('SIGCONT');
		let rows: unknown;
		await eventually(
			async () => {
				rows = await ask(sql);
				return (rows as { server: number }).server >= count || undefined;
			},
			() => `rows ${JSON.stringify(rows)}: ${tinytap.stderr()}`,
			60,
		);
		assert.deepEqual(rows, { server: count, client: count, comms: 1 });
		tinytap.child.stdin!.end();
		const { code } = await tinytap.finished;
		assert.equal(code, 0, tinytap.stderr());
		const replayed = await runTinytap(['query', sql, '--format', 'ndjson', '--strict', '--replay', recording]);
		assert.deepEqual([JSON.parse(replayed.stdout), replayed.code], [rows, 0], replayed.stderr);
	} finally {
		rmSync(directory, { recursive: true });
		await tinytap.stop();
		await peer.stop();
	}
});

function startPeer() {
	const child = spawn('python3', [PROGRAM], { stdio: ['pipe', 'pipe', 'inherit'] });
	const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
	const answer = async (): Promise<Record<string, number>> => {
		const { value, done } = await lines.next();
		if (done === true) throw new Error('the peer ended');
		return JSON.parse(value);
	};
	return {
		answer,
		play: async (name: string, amount: string) => {
			child.stdin.write(`${name} ${amount}\n`);
			const { sent, client } = await answer();
			return { sent: sent!, client: client! };
		},
		stop: () => stopChild(child),
	};
}

/** The kernel's record of the peak resident size. */
function peakMib(tinytap: Tinytap): number {
	const status = readFileSync(`/proc/${tinytap.child.pid}/status`, 'latin1');
	return Math.ceil(Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) / 1024);
}

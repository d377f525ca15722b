// How fast recordings are replayed: a generated one of 2,000 requests a second, as a plain and as a compressed file. And how
// exactly --realtime keeps its pauses.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { processUser } from '../../src/base/invoking-user.ts';
import { RecordingWriter } from '../../src/capture/recording.ts';
import { buildBatch, Tape } from '../../support/record-builder.ts';
import { CLI } from '../../support/tinytap.ts';
import { publish } from './page.ts';
import { start } from './processes.ts';
import { figure, spreadOf, spreadText, table } from './rounds.ts';

const CONNECTIONS = 50;
const A_SECOND = 2000;
/** --max-memory's default and what the process may take beside it. */
const MEMORY_MIB = 256 + 128;
const GOAL = 20;
const GAP_MS = 5;
const PACED = 120;
/** Pauses between exchanges, again and again. */
const PAUSE_MS = [3, 10, 25, 50, 7];

type Made = { readonly path: string; readonly bytes: number };

export async function benchReplay({
	rows,
	rounds,
	write,
	command,
}: {
	rows: number;
	rounds: number;
	write: boolean;
	command: string;
}): Promise<void> {
	const directory = mkdtempSync(join(tmpdir(), 'tinytap-bench-'));
	try {
		const kinds = [
			{ name: 'plain', ...make(join(directory, 'plain'), rows, false) },
			{ name: 'compressed', ...make(join(directory, 'compressed'), rows, true) },
		];
		const measured = kinds.map(() => ({ seconds: [] as number[], mib: [] as number[] }));
		for (let round = 0; round < rounds; round++) {
			for (const [index, { name, path }] of kinds.entries()) {
				const { seconds, mib } = await replay(path, rows);
				measured[index]!.seconds.push(seconds);
				measured[index]!.mib.push(mib);
				console.log(`${name}: ${figure(seconds)} s, ${figure(mib)} MiB`);
			}
		}
		const gaps: number[] = [];
		for (let round = 0; round < rounds; round++) gaps.push(...(await realtimeGaps(join(directory, `paced-${round}`))));
		console.log(`gaps: ${gaps.map(figure).join(' ')} ms off`);
		const off = quantile(gaps, 0.99);
		const recorded = rows / A_SECOND;
		const slowest = Math.max(...measured.flatMap(({ seconds }) => seconds));
		const largest = Math.max(...measured.flatMap(({ mib }) => mib));
		const exchanges = rows.toLocaleString('en-US');
		publish(
			{
				name: 'replay',
				title: 'Replay',
				method: `A generated recording of ${exchanges} exchanges over ${CONNECTIONS} connections, ${A_SECOND.toLocaleString('en-US')} a second, with responses of about 900 bytes: ${figure(recorded)} s of traffic. \`tinytap query "SELECT count(*) FROM exchanges" --replay FILE\` is started ${rounds} times for the plain and the compressed file in turn.
The time is that of the whole process, from its start to its end. Every exchange must have its row. Memory is the largest resident size of the process.

\`--realtime\`: a recording of ${PACED} exchanges, ${PAUSE_MS.join(', ')} … ms apart, is replayed by \`tinytap tail --realtime\` into a pipe, ${rounds} times. A gap is off by how much the time between two lines, as their reader sees it, differs from the recording.`,
				command,
				versions: {},
				goals: [
					{
						goal: `replays at least ${GOAL} times as fast as it was recorded`,
						figure: `${figure(recorded / slowest)} times in the slowest round`,
						met: recorded / slowest >= GOAL,
					},
					{
						goal: `stays below ${MEMORY_MIB} MiB`,
						figure: `${figure(largest)} MiB`,
						met: largest < MEMORY_MIB,
					},
					{
						goal: `\`--realtime\` keeps gaps within ${GAP_MS} ms (99 of 100)`,
						figure: `${figure(off)} ms (median ${figure(quantile(gaps, 0.5))}, largest ${figure(Math.max(...gaps))})`,
						met: off <= GAP_MS,
					},
				],
				figures: table(
					['recording', 'file, MiB', 'seconds', 'times as fast as recorded', 'memory, MiB'],
					kinds.map(({ name, bytes }, index) => {
						const { seconds, mib } = measured[index]!;
						const faster = spreadOf(seconds.map((each) => recorded / each));
						return [
							name,
							figure(bytes / 2 ** 20),
							spreadText(spreadOf(seconds)),
							spreadText(faster),
							spreadText(spreadOf(mib)),
						];
					}),
				),
			},
			write,
		);
	} finally {
		rmSync(directory, { recursive: true });
	}
}

/** Writes the recording in frames of about 30 exchanges. */
function make(path: string, rows: number, compress: boolean): Made {
	const writer = new RecordingWriter(path, {}, { user: processUser(), compress });
	const tape = new Tape();
	tape.clock(1_700_000_000_000_000_000n);
	const connections = Array.from({ length: CONNECTIONS }, (_, i) =>
		tape.server(i + 1, { local: '127.0.0.1:80', remote: `127.0.0.1:${4000 + i}` }).open(),
	);
	const items = Array.from({ length: 20 }, (_, i) => ({ id: i, name: `item ${i}`, price: i * 3.5 }));
	const every = BigInt(1e9 / A_SECOND);
	for (let i = 0; i < rows; i++) {
		const body = JSON.stringify({ order: i, items });
		// A call advances the tape's clock by a millisecond.
		const began = tape.timeNs;
		connections[i % CONNECTIONS]!.in(
			`GET /api/orders/${i}?page=${i % 7} HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: curl/8.0\r\nAccept: */*\r\n\r\n`,
		).out(`HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
		tape.timeNs = began + every;
		if (tape.records.length >= 60) writer.writeBatch(buildBatch(tape.records.splice(0)));
	}
	writer.writeBatch(buildBatch(tape.records.splice(0)));
	writer.close();
	return { path, bytes: writer.bytes };
}

async function replay(path: string, rows: number): Promise<{ seconds: number; mib: number }> {
	const began = performance.now();
	const query = ['query', "SELECT count(*) FROM exchanges WHERE state = 'complete'"];
	const run = start(process.execPath, [CLI, ...query, '--replay', path, '--quiet', '--format', 'csv']);
	let running = true;
	let mib = 0;
	const watching = (async () => {
		while (running) {
			mib = Math.max(mib, largestMib(run.pid));
			await delay(5);
		}
	})();
	const code = await run.ended;
	const seconds = (performance.now() - began) / 1000;
	running = false;
	await watching;
	const counted = Number(run.stdout().split('\n')[1]);
	if (code !== 0 || counted !== rows) throw new Error(`expected ${rows} rows, got ${counted}: ${run.stderr()}`);
	return { seconds, mib };
}

/** How many milliseconds each gap between two lines of a tail differs from the recording. */
async function realtimeGaps(path: string): Promise<number[]> {
	const writer = new RecordingWriter(path, {}, { user: processUser() });
	const tape = new Tape();
	tape.clock(1_700_000_000_000_000_000n);
	const connection = tape.server(1, { local: '127.0.0.1:80', remote: '127.0.0.1:4000' }).open();
	const ends: bigint[] = [];
	for (let i = 0; i < PACED; i++) {
		tape.timeNs += BigInt(PAUSE_MS[i % PAUSE_MS.length]!) * 1_000_000n;
		connection.in(`GET /${i} HTTP/1.1\r\nHost: a\r\n\r\n`).out('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
		ends.push(tape.timeNs);
	}
	writer.writeBatch(buildBatch(tape.records));
	writer.close();
	const run = spawn(process.execPath, [
		CLI,
		'tail',
		'--replay',
		path,
		'--realtime',
		'--quiet',
		'--columns',
		'path',
		'--format',
		'ndjson',
	]);
	const times: number[] = [];
	run.stdout.on('data', (bytes: Buffer) => {
		const now = performance.now();
		for (const byte of bytes) if (byte === 10) times.push(now);
	});
	const [code] = (await once(run, 'close')) as [number];
	if (code !== 0 || times.length !== PACED)
		throw new Error(`expected ${PACED} lines, got ${times.length}, status ${code}`);
	return times.slice(1).map((time, i) => Math.abs(time - times[i]! - Number(ends[i + 1]! - ends[i]!) / 1e6));
}

function quantile(values: readonly number[], share: number): number {
	const sorted = [...values].sort((a, b) => a - b);
	return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}

/** The largest resident size so far; 0 if the process has ended. */
function largestMib(pid: number): number {
	try {
		return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) / 1024;
	} catch {
		return 0;
	}
}

// How long tinytap takes to attach, compared with bpftrace with the same probes, and how long it takes from the last
// byte of a response to its line on the screen.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { paced } from './load.ts';
import { publish } from './page.ts';
import { interrupt, start, turn, until, untilDetached } from './processes.ts';
import { callTracepoints, requirePrograms, versionsOf } from './programs.ts';
import { figure, type Spread, spreadOf, spreadText, table } from './rounds.ts';
import { perfEvents, startTinytap, untilCapturing } from './tracers.ts';
import { SMALL, startNginx, type WebServer } from './web-server.ts';

export type LatencyOptions = {
	readonly rounds: number;
	readonly seconds: number;
	readonly write: boolean;
	readonly command: string;
};

const PROGRAMS = ['bpftool', 'bpftrace', 'llvm-readelf', 'nginx'] as const;
const RATES = [1, 1000, 10_000];

type Tail = { readonly p50: number; readonly p99: number };

export async function benchLatency({ rounds, seconds, write, command }: LatencyOptions): Promise<void> {
	requirePrograms(PROGRAMS);
	const server = await startNginx();
	try {
		const ours: number[] = [];
		const theirs: number[] = [];
		const tails = new Map<number, Tail[]>();
		for (let round = 0; round < rounds; round++) {
			await turn(async () => {
				ours.push(await attachTinytap());
				theirs.push(await attachBpftrace());
				console.log(
					`${round + 1}/${rounds} attached after ${figure(ours.at(-1)!)} ms, bpftrace ${figure(theirs.at(-1)!)} ms`,
				);
				for (const rate of RATES) {
					const tail = await measureTail(server, rate, rate === 1 ? Math.max(5, seconds) : seconds);
					tails.set(rate, [...(tails.get(rate) ?? []), tail]);
					console.log(`  ${rate} requests/s: p50 ${figure(tail.p50)} ms, p99 ${figure(tail.p99)} ms`);
				}
			});
		}
		const attached = spreadOf(ours);
		const p50 = (rate: number): Spread => spreadOf(tails.get(rate)!.map((tail) => tail.p50));
		const p99 = (rate: number): Spread => spreadOf(tails.get(rate)!.map((tail) => tail.p99));
		const worst = Math.max(...RATES.map((rate) => p50(rate).median));
		publish(
			{
				name: 'latency',
				title: 'Start and tail',
				method: `The first table shows the time from starting tinytap to the line that says it is capturing, and from starting \`bpftrace -e\` with ${callTracepoints().length} tracepoints that show as much (counting their
calls) until the last of its probes is open. They take turns, ${rounds} rounds. Then \`tinytap tail --comm nginx --columns path\` prints the requests that our own client sends to nginx at fixed rates, ${seconds} s
each (at 1 request a second at least 5 requests). The second table shows the time from the client reading the last byte of a response to the line arriving at the other end of the pipe. Every request must be printed, once.`,
				command,
				versions: versionsOf(PROGRAMS),
				goals: [
					{ goal: 'attached within 400 ms', figure: `${spreadText(attached)} ms`, met: attached.median <= 400 },
					{
						goal: 'from last byte to line: p50 below 20 ms at every rate',
						figure: `at most ${figure(worst)} ms`,
						met: worst < 20,
					},
				],
				figures: [
					table(
						['time to attach, ms', 'median (min–max)'],
						[
							['tinytap', spreadText(attached)],
							['bpftrace', spreadText(spreadOf(theirs))],
							['bpftrace / tinytap', spreadText(spreadOf(theirs.map((time, round) => time / ours[round]!)))],
						],
					),
					table(
						['requests/s', 'time to line, p50, ms', 'p99, ms'],
						RATES.map((rate) => [rate.toLocaleString('en-US'), spreadText(p50(rate)), spreadText(p99(rate))]),
					),
				].join('\n\n'),
			},
			write,
		);
	} finally {
		await server.stop();
	}
}

async function attachTinytap(): Promise<number> {
	const begin = performance.now();
	const started = startTinytap(['tail', '--comm', 'nginx']);
	await untilCapturing(started);
	const time = performance.now() - begin;
	await interrupt(started);
	await untilDetached();
	return time;
}

async function attachBpftrace(): Promise<number> {
	const names = callTracepoints();
	const script = `${names.map((name) => `tracepoint:${name.replace('/', ':')}`).join(', ')} { @[probe] = count(); }`;
	const begin = performance.now();
	const started = start('bpftrace', ['-e', script], { output: false });
	await until(() => perfEvents(started.pid) >= names.length, 'bpftrace attached');
	const time = performance.now() - begin;
	await interrupt(started);
	return time;
}

async function measureTail(server: WebServer, rate: number, seconds: number): Promise<Tail> {
	const directory = mkdtempSync(join(tmpdir(), 'tinytap-bench-'));
	const log = join(directory, 'ends');
	const arrivals = new Map<number, number>();
	const started = startTinytap(['tail', '--comm', 'nginx', '--columns', 'path', '--format', 'ndjson']);
	try {
		await untilCapturing(started);
		let rest = '';
		started.child.stdout?.on('data', (text: string) => {
			const now = (performance.timeOrigin + performance.now()) * 1000;
			const lines = (rest + text).split('\n');
			rest = lines.pop()!;
			for (const line of lines) {
				const number = Number(/"\/r\/(\d+)"/.exec(line)?.[1]);
				if (arrivals.has(number)) throw new Error(`request ${number} was printed twice`);
				arrivals.set(number, now);
			}
		});
		const options = { rate, seconds, path: '/r/#', bytes: SMALL.bytes, connections: 16, log };
		const { done } = await paced(server.ports.small, options);
		await until(() => arrivals.size >= done, 'a line for every request');
		const file = readFileSync(log);
		const ends = new Float64Array(file.buffer, file.byteOffset, done);
		const times = Array.from(ends, (end, number) => (arrivals.get(number)! - end) / 1000).sort((a, b) => a - b);
		return { p50: times[done >> 1]!, p99: times[Math.min(done - 1, Math.floor(done * 0.99))]! };
	} finally {
		await interrupt(started);
		await untilDetached();
		rmSync(directory, { recursive: true, force: true });
	}
}

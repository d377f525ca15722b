// How long tinytap takes to attach, compared with bpftrace with the same probes, and how long it takes from the last
// byte of a response to its line in a pipe and on a terminal.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TEST_ENV, TINYTAP } from '../../support/tinytap.ts';
import { paced } from './load.ts';
import { publish } from './page.ts';
import { interrupt, type Started, start, turn, until, untilDetached } from './processes.ts';
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

const PROGRAMS = ['bpftool', 'bpftrace', 'llvm-readelf', 'nginx', 'script'] as const;
const RATES = [1, 1000, 10_000];
/** Requests per second whose lines a terminal shows. */
const SCREEN_RATE = 20;
/** Which sides a tail on a terminal sees. */
const SCREENS: ReadonlyMap<string, readonly string[]> = new Map([
	['both sides', []],
	['only the client', ['--comm', 'paced']],
]);

type Tail = { readonly p50: number; readonly p99: number };

export async function benchLatency({ rounds, seconds, write, command }: LatencyOptions): Promise<void> {
	requirePrograms(PROGRAMS);
	const server = await startNginx();
	try {
		const ours: number[] = [];
		const theirs: number[] = [];
		const tails = new Map<number, Tail[]>();
		const screens = new Map<string, Tail[]>();
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
					await untilDetached();
				}
				for (const [name, words] of SCREENS) {
					const screen = await measureScreen(server, words, seconds);
					screens.set(name, [...(screens.get(name) ?? []), screen]);
					console.log(`  on a terminal, ${name}: p50 ${figure(screen.p50)} ms, p99 ${figure(screen.p99)} ms`);
					await untilDetached();
				}
			});
		}
		const attached = spreadOf(ours);
		const p50 = (rate: number): Spread => spreadOf(tails.get(rate)!.map((tail) => tail.p50));
		const p99 = (rate: number): Spread => spreadOf(tails.get(rate)!.map((tail) => tail.p99));
		const shown = [...screens].map(([name, times]) => ({
			name,
			p50: spreadOf(times.map((time) => time.p50)),
			p99: spreadOf(times.map((time) => time.p99)),
		}));
		const slowest = Math.max(...shown.map((screen) => screen.p50.median));
		const worst = Math.max(...RATES.map((rate) => p50(rate).median));
		publish(
			{
				name: 'latency',
				title: 'Start and tail',
				method: `The first table shows the time from starting tinytap to the line that says it is capturing, and from starting \`bpftrace -e\` with ${callTracepoints().length} tracepoints that show as much (counting their
calls) until the last of its probes is open. They take turns, ${rounds} rounds. Then \`tinytap tail --comm nginx --columns path\` prints the requests that our own client sends to nginx at fixed rates, ${seconds} s
each (at 1 request a second at least 5 requests). The second table shows the time from the client reading the last byte of a response to the line arriving at the other end of the pipe. Every request must be printed, once.
The third table shows the same time on a terminal at ${SCREEN_RATE} requests/s, if both sides are captured, and if only the client is (\`--comm\`).`,
				command,
				versions: versionsOf(PROGRAMS),
				goals: [
					{ goal: 'attached within 400 ms', figure: `${spreadText(attached)} ms`, met: attached.median <= 400 },
					{
						goal: 'from last byte to line: p50 at most 10 ms at every rate',
						figure: `at most ${figure(worst)} ms`,
						met: worst <= 10,
					},
					{
						goal: 'from last byte to line on a terminal: p50 at most 20 ms',
						figure: `at most ${figure(slowest)} ms`,
						met: slowest <= 20,
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
					table(
						['on a terminal', 'time to line, p50, ms', 'p99, ms'],
						shown.map((screen) => [screen.name, spreadText(screen.p50), spreadText(screen.p99)]),
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

/** From the last byte of a response to its line at the other end of a pipe. */
export async function measureTail(server: WebServer, rate: number, seconds: number): Promise<Tail> {
	const words = ['--comm', 'nginx', '--columns', 'path', '--format', 'ndjson'];
	const started = startTinytap(['tail', '--port', String(server.ports.small), ...words]);
	try {
		await untilCapturing(started);
		return await measureArrivals(server, started, rate, seconds);
	} finally {
		await interrupt(started);
	}
}

/** The same for its line on a terminal; `words` choose which sides are captured. */
export async function measureScreen(server: WebServer, words: readonly string[], seconds: number): Promise<Tail> {
	const count = String(Math.ceil(SCREEN_RATE * seconds));
	const command = [...TINYTAP, 'tail', '--no-color', '--port', String(server.ports.small), '--count', count, ...words];
	const started = start('script', ['-qefc', command.join(' '), '/dev/null'], { env: TEST_ENV });
	await until(() => started.stdout().includes('tinytap: capturing'), 'tinytap capturing on a terminal');
	const times = await measureArrivals(server, started, SCREEN_RATE, seconds);
	await started.ended;
	return times;
}

async function measureArrivals(server: WebServer, started: Started, rate: number, seconds: number): Promise<Tail> {
	const directory = mkdtempSync(join(tmpdir(), 'tinytap-bench-'));
	const log = join(directory, 'ends');
	const arrivals = new Map<number, number>();
	let rest = '';
	const take = (text: string) => {
		const now = (performance.timeOrigin + performance.now()) * 1000;
		const lines = (rest + text).split('\n');
		rest = lines.pop()!;
		for (const line of lines) {
			const number = /\/r\/(\d+)/.exec(line)?.[1];
			if (number === undefined) continue;
			if (arrivals.has(Number(number))) throw new Error(`request ${number} was printed twice`);
			arrivals.set(Number(number), now);
		}
	};
	started.child.stdout?.on('data', take);
	try {
		const options = { rate, seconds, path: '/r/#', bytes: SMALL.bytes, connections: 16, log };
		const { done } = await paced(server.ports.small, options);
		await until(() => arrivals.size >= done, 'a line for every request');
		const file = readFileSync(log);
		const ends = new Float64Array(file.buffer, file.byteOffset, done);
		const times = Array.from(ends, (end, number) => (arrivals.get(number)! - end) / 1000).sort((a, b) => a - b);
		return { p50: times[done >> 1]!, p99: times[Math.min(done - 1, Math.floor(done * 0.99))]! };
	} finally {
		rmSync(directory, { recursive: true, force: true });
	}
}

// What `tinytap agent` costs compared with `tinytap record`, at a fixed rate of requests to a JSON API.
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { publish } from './page.ts';
import { childrenOf, cpuUs, interrupt, type Started, start, turn, until } from './processes.ts';
import { requirePrograms } from './programs.ts';
import { figure, spreadOf, spreadText, table } from './rounds.ts';
import { startTinytap, untilCapturing } from './tracers.ts';

export type AgentBenchOptions = {
	readonly rounds: number;
	readonly seconds: number;
	readonly write: boolean;
	readonly command: string;
	/** Only measure these captures, and do not write anything. */
	readonly names: readonly string[];
};

const RATE = 1000;
/** Until hot functions are compiled. */
const WARM_UP_MS = 6000;
/** The goal of the agent, as a multiple of `record`. */
const MOST = 1.2;
/** The captures for which there is no goal are measured in this many rounds. */
const OTHER_ROUNDS = 1;

type Service = { readonly port: number; readonly stop: () => Promise<void> };
/** What is started, given the port of the API, a directory and the URL of the store. */
type Capture = {
	readonly name: string;
	readonly words: (place: { directory: string; store: string; collector: string }) => readonly string[];
};

const RECORD = 'record';
const AGENT = 'agent';
const FILES = 'agent, to files';
const CAPTURES: readonly Capture[] = [
	{ name: RECORD, words: ({ directory }) => ['record', join(directory, 'out.tinytap')] },
	{
		name: AGENT,
		words: ({ directory, store }) => ['agent', '--to', store, '--spool', join(directory, 'spool')],
	},
	{
		name: FILES,
		words: ({ directory }) => ['agent', '--to', join(directory, 'files'), '--spool', join(directory, 'spool')],
	},
	{
		name: 'agent, bodies of errors',
		words: ({ directory, store }) => [
			...['agent', '--to', store, '--spool', join(directory, 'spool'), '--bodies', 'errors'],
		],
	},
	{ name: 'spans and metrics (OTLP)', words: ({ collector }) => ['agent', '--otlp', collector] },
];

export async function benchAgent({ rounds, seconds, write, command, names }: AgentBenchOptions): Promise<void> {
	requirePrograms(['bpftool']);
	const chosen = CAPTURES.filter(({ name }) => names.length === 0 || names.includes(name));
	const api = await startApi();
	const sink = await startSink();
	const measured = new Map<string, number[]>(chosen.map(({ name }) => [name, []]));
	try {
		for (let round = 0; round < rounds; round++) {
			// Each round begins with another one.
			for (const capture of chosen.map((_, i) => chosen[(i + round) % chosen.length]!)) {
				const hasGoal = capture.name === RECORD || capture.name === AGENT || names.length > 0;
				if (!hasGoal && round >= OTHER_ROUNDS) continue;
				const cpu = await turn(() => measure(capture, api, sink, seconds));
				measured.get(capture.name)!.push(cpu);
				console.log(`${round + 1}/${rounds} ${capture.name}: ${figure(cpu)} µs per exchange`);
			}
		}
	} finally {
		await sink.stop();
		await api.stop();
	}
	if (names.length > 0) return;
	const base = measured.get(RECORD)!;
	const ratios = (name: string) => measured.get(name)!.map((cpu, round) => cpu / base[round]!);
	const agent = spreadOf(ratios(AGENT));
	publish(
		{
			name: 'agent',
			title: 'The agent of many hosts',
			method: `A JSON API and its clients, two processes on this host, exchange ${RATE.toLocaleString('en-US')} requests a second over 32 connections. Requests carry tokens or cookies of 200 people, ids and traces; a quarter of the targets have a
query. Each exchange is captured from both sides, so it is two rows. The captures have their default options and take turns, ${rounds} rounds (those without a goal: ${OTHER_ROUNDS}) of ${seconds} s each, after a warm-up of ${WARM_UP_MS / 1000} s; ratios compare those of the same round. CPU time is that of
all threads of all processes of tinytap. The agent sends to an HTTP server on this host; what that costs is not counted.`,
			command,
			versions: {},
			goals: [
				{
					goal: `agent: less than ${MOST} times the CPU time of \`record\``,
					figure: spreadText(agent),
					met: agent.median < MOST,
				},
			],
			figures: table(
				['', 'CPU, µs per exchange', 'multiple of `record`'],
				[...measured].map(([name, list]) => [name, spreadText(spreadOf(list)), spreadText(spreadOf(ratios(name)))]),
			),
		},
		write,
	);
}

/** CPU time in microseconds per exchange. */
async function measure(capture: Capture, api: Service, sink: Sink, seconds: number): Promise<number> {
	const directory = mkdtempSync(join(tmpdir(), 'tinytap-bench-'));
	const place = { directory, store: `${sink.url}/tinytap`, collector: sink.url };
	const started = startTinytap([...capture.words(place), '--port', String(api.port)]);
	try {
		await untilCapturing(started);
		await delay(WARM_UP_MS);
		const pids = tree(started.pid);
		const before = cpuUs(pids);
		await delay(seconds * 1000);
		const cpu = cpuUs(pids) - before;
		await ended(capture, started);
		return cpu / (RATE * seconds);
	} finally {
		rmSync(directory, { recursive: true });
	}
}

/** Ends it, and checks that it has seen about as many exchanges as there were. */
async function ended(capture: Capture, started: Started): Promise<void> {
	const code = await interrupt(started);
	const stderr = started.stderr();
	// Telemetry alone ends as if it were interrupted.
	if (code !== 0 && code !== 130) throw new Error(`${capture.name} ended with ${code}: ${stderr}`);
	// Files are written more slowly on a busy machine; what waits at the end is of no importance to the CPU time before.
	const problem = capture.name === FILES ? /lost|does not accept/ : /lost|wait in|does not accept/;
	if (problem.test(stderr)) throw new Error(`${capture.name}: ${stderr}`);
}

function tree(pid: number): number[] {
	return [pid, ...childrenOf(pid).flatMap(tree)];
}

async function startApi(): Promise<Service> {
	const program = (...words: string[]) =>
		start(process.execPath, ['--import', 'tsx', join(import.meta.dirname, 'api-traffic.ts'), ...words]);
	const server = program('server');
	await until(() => /\d+\n/.test(server.stdout()), 'the API listening');
	const port = Number(server.stdout());
	const client = program('client', String(port), String(RATE));
	return {
		port,
		stop: async () => {
			await interrupt(client, 'SIGTERM');
			await interrupt(server, 'SIGTERM');
		},
	};
}

type Sink = { readonly url: string; readonly stop: () => Promise<void> };

/** Accepts whatever it gets. */
async function startSink(): Promise<Sink> {
	const server = createServer((request, response) => {
		request.on('error', () => undefined);
		request.resume().on('end', () => response.setHeader('content-type', 'application/json').end('{}'));
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	return {
		url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
		stop: async () => {
			server.closeAllConnections();
			await new Promise((resolve) => server.close(resolve));
		},
	};
}

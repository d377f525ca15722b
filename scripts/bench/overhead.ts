// The cost of being watched for a web server: requests per second and CPU time without a tracer, with tinytap, and with
// alternatives that a user might choose, measured alternately; then latency at a fixed rate.
import { readFileSync, writeFileSync } from 'node:fs';
import { CONNECTIONS, paced, wrk } from './load.ts';
import { publish } from './page.ts';
import { bpfPrograms, cpuUs, turn } from './processes.ts';
import { requirePrograms, versionsOf } from './programs.ts';
import { figure, type Spread, spreadOf, spreadText, table } from './rounds.ts';
import {
	bpftracePrinting,
	type Report,
	ringReader,
	strace,
	type Tracer,
	tcpdump,
	tinytap,
	untraced,
} from './tracers.ts';
import { type Body, FILE, SENDFILE, SENDFILE_SMALL, SMALL, startNginx, type WebServer } from './web-server.ts';

/**
 * Room for every exchange of a measurement, but not for bodies of 50 KiB: on a virtual machine, the host provides
 * fresh pages more slowly than such bodies arrive.
 */
const MEMORY = ['--max-memory', '4GiB'];
const SERVER_SIDE = 'tinytap, server side';
const BOTH_ENDS = 'tinytap, both ends';
const PROGRAMS = ['bpftool', 'bpftrace', 'nginx', 'strace', 'tcpdump', 'wrk'] as const;
const FIXED_RATE = 10_000;
/**
 * Before each measurement, run this long with the tracer, so that one-time work such as compiling hot functions is not
 * measured.
 */
const WARM_UP_S = { wrk: 1, paced: 2 };

const serverSide = tinytap(SERVER_SIDE, ['--comm', 'nginx', ...MEMORY]);
const bothEnds = tinytap(BOTH_ENDS, (server) => [...portsOf(server), ...MEMORY]);
/** Uses the default `--max-memory`. */
const serverSideBodies = tinytap(SERVER_SIDE, ['--comm', 'nginx']);
const bothEndsBodies = tinytap(BOTH_ENDS, portsOf);

/** Which tracers watch which bodies. */
const PLAN: readonly { body: Body; tracers: readonly Tracer[] }[] = [
	{ body: SMALL, tracers: [untraced, serverSide, bothEnds, ringReader, tcpdump, bpftracePrinting, strace] },
	{ body: FILE, tracers: [untraced, serverSideBodies, bothEndsBodies, tcpdump, bpftracePrinting, strace] },
	{ body: SENDFILE, tracers: [untraced, serverSide, ringReader, tcpdump, bpftracePrinting, strace] },
	{ body: SENDFILE_SMALL, tracers: [untraced, serverSide, ringReader, tcpdump] },
];

export type OverheadOptions = {
	readonly rounds: number;
	readonly seconds: number;
	readonly write: boolean;
	readonly command: string;
};

type Measurement = {
	readonly rate: number;
	/** CPU time per exchange of nginx and wrk, and of the tracer. */
	readonly watchedUs: number;
	readonly tracerUs: number;
	readonly lost: number;
};

export async function benchOverhead({ rounds, seconds, write, command }: OverheadOptions): Promise<void> {
	requirePrograms(PROGRAMS);
	const server = await startNginx();
	try {
		const measured = new Map<string, Measurement[]>();
		const fixed = new Map<string, Fixed[]>();
		for (let round = 0; round < rounds; round++) {
			for (const { body, tracers } of PLAN) {
				await turn(async () => {
					for (const tracer of rotated(tracers, round)) {
						const result = await measure(server, tracer, body, seconds);
						add(measured, key(body, tracer.name), result);
						console.log(`${round + 1}/${rounds} ${body.name}, ${tracer.name}: ${describe(result)}`);
					}
				});
			}
			await turn(async () => {
				for (const tracer of rotated([untraced, serverSide, bothEnds, tcpdump], round)) {
					const result = await measureFixed(server, tracer, seconds);
					add(fixed, tracer.name, result);
					console.log(`${round + 1}/${rounds} at a fixed rate, ${tracer.name}: p99 ${figure(result.p99)} µs`);
				}
			});
		}
		const kernel = await turn(() => kernelTime(server, seconds));
		const sections = PLAN.map(({ body, tracers }) => {
			const rows = tracers.map(({ name }) => row(measured, body, name));
			return `### ${body.name}\n\n${table(HEAD, rows)}`;
		});
		publish(
			{
				name: 'overhead',
				title: 'Cost to watched programs',
				method: METHOD(seconds, rounds),
				command,
				versions: versionsOf(PROGRAMS),
				goals: goals(measured, fixed, kernel),
				figures: `${sections.join('\n\n')}\n\n${fixedTable(fixed, kernel)}`,
			},
			write,
		);
	} finally {
		await server.stop();
	}
}

const METHOD = (
	seconds: number,
	rounds: number,
) => `nginx with 2 workers answers \`wrk -t2 -c${CONNECTIONS}\` over kept-alive connections on loopback. A measurement takes ${seconds} s, after ${WARM_UP_S.wrk} s of the same load to warm up
(${WARM_UP_S.paced} s at the fixed rate). There are ${rounds} rounds. In each round every tracer takes a turn, in rotating order, and ratios are relative to the untraced rate of the same round.
Small bodies are nginx's own \`return 200\`; files are sent by \`writev\` (\`sendfile off\`) or \`sendfile\`. tinytap keeps every exchange whole in its store (\`--max-memory 4GiB\`, so
nothing is evicted; for bodies of 50 KiB by \`writev\` the default of 256 MiB, where older rows make room): one row per exchange with \`--comm nginx\`, two with \`--port\` for both ends.
After each measurement its rows are counted: there must be as many complete rows (and evicted ones) as wrk made requests (wrk leaves up to ${CONNECTIONS} in flight), with all bytes of
their bodies. The tables show what was lost. tcpdump runs as \`-i lo -w /dev/null\`, bpftrace prints the first 200 bytes of the same calls of nginx, and strace runs as
\`-f -e trace=network,read,write,writev,sendfile\`. The bare ring reader is tinytap's own BPF object with a C++ reader that discards the records.

The goals refer to *requests/s*, which falls when other programs compete for the machine's cores. *ratio by CPU* does not: it divides the CPU time of nginx and wrk for an
untraced exchange by the CPU time that they and the tracer take together. That equals the ratio of the rates when these programs have all cores to themselves.`;

const HEAD = ['', 'requests/s', 'ratio', 'ratio by CPU', 'watched, µs', 'tracer, µs', 'lost'];

function portsOf({ ports }: WebServer): string[] {
	return Object.values(ports).flatMap((port) => ['--port', String(port)]);
}

function row(measured: Map<string, Measurement[]>, body: Body, name: string): string[] {
	const list = measured.get(key(body, name))!;
	const of = (value: (m: Measurement) => number) => spreadText(spreadOf(list.map(value)));
	return [
		name,
		of((m) => m.rate),
		spreadText(ratios(measured, body, name)),
		spreadText(cpuRatios(measured, body, name)),
		of((m) => m.watchedUs),
		of((m) => m.tracerUs),
		figure(Math.max(...list.map((m) => m.lost))),
	];
}

/** Rates divided by the untraced rate of the same round. */
function ratios(measured: Map<string, Measurement[]>, body: Body, name: string): Spread {
	const base = measured.get(key(body, untraced.name))!;
	return spreadOf(measured.get(key(body, name))!.map(({ rate }, round) => rate / base[round]!.rate));
}

function cpuRatios(measured: Map<string, Measurement[]>, body: Body, name: string): Spread {
	const base = measured.get(key(body, untraced.name))!;
	return spreadOf(
		measured
			.get(key(body, name))!
			.map(({ watchedUs, tracerUs }, round) => base[round]!.watchedUs / (watchedUs + tracerUs)),
	);
}

async function measure(server: WebServer, tracer: Tracer, body: Body, seconds: number): Promise<Measurement> {
	const tracing = await tracer.start(server);
	const warm = await wrk(server.ports[body.kind], body.path, WARM_UP_S.wrk);
	const before = { server: cpuUs(server.workers), tracer: cpuUs(tracing.pids) };
	const load = await wrk(server.ports[body.kind], body.path, seconds);
	const watched = cpuUs(server.workers) - before.server + load.cpuUs;
	const own = cpuUs(tracing.pids) - before.tracer;
	const report = await tracing.stop();
	const all = warm.requests + load.requests;
	check(tracer, body, report, all, all + 2 * CONNECTIONS);
	const { requests, rate } = load;
	return { rate, watchedUs: watched / requests, tracerUs: own / requests, lost: report.lost };
}

/** Checks that everything sent is in the rows or counted as lost. */
function check(tracer: Tracer, body: Body, { rows, lost }: Report, least: number, most: number): void {
	if (tracer.name !== SERVER_SIDE && tracer.name !== BOTH_ENDS) return;
	const sides = tracer.name === BOTH_ENDS ? ['server', 'client'] : ['server'];
	const evicted = rows[0]?.evicted ?? 0;
	const stored = rows.reduce((sum, side) => sum + side.rows, evicted);
	if (lost === 0 && (stored < least * sides.length || stored > most * sides.length))
		throw new Error(`${tracer.name}: expected ${least} to ${most} rows a side, got ${JSON.stringify(rows)}`);
	for (const side of sides) {
		const found = rows.find((r) => r.side === side);
		const complete = found?.complete ?? 0;
		if (found === undefined || (lost === 0 && evicted === 0 && (complete < least || found.rows > most)))
			throw new Error(`${tracer.name}: expected ${least} to ${most} rows of side ${side}, got ${JSON.stringify(rows)}`);
		// When a client stops, it has read only part of its last bodies.
		const bytes = complete * body.bytes;
		const held = body.kind === 'sendfile' && side === 'server' ? 0 : bytes;
		const slack = (found.rows - complete) * body.bytes;
		if (
			lost === 0 &&
			(found.body < bytes || found.body > bytes + slack || found.held < held || found.held > held + slack)
		)
			throw new Error(`${tracer.name}: expected ${bytes} bytes of bodies, ${held} held, got ${JSON.stringify(found)}`);
	}
}

type Fixed = { readonly p50: number; readonly p99: number; readonly tracerUs: number };

async function measureFixed(server: WebServer, tracer: Tracer, seconds: number): Promise<Fixed> {
	const tracing = await tracer.start(server);
	const { path, bytes } = SMALL;
	const load = { rate: FIXED_RATE, path, bytes };
	const warm = await paced(server.ports.small, { ...load, seconds: WARM_UP_S.paced });
	const before = cpuUs(tracing.pids);
	const { done, p50, p99 } = await paced(server.ports.small, { ...load, seconds });
	const tracerUs = (cpuUs(tracing.pids) - before) / done;
	const report = await tracing.stop();
	check(tracer, SMALL, report, warm.done + done, warm.done + done);
	return { p50, p99, tracerUs };
}

/** Microseconds in BPF programs per exchange, by the kernel's own statistics (which add some 50 ns to each run). */
async function kernelTime(server: WebServer, seconds: number): Promise<ReadonlyMap<string, number>> {
	const switched = '/proc/sys/kernel/bpf_stats_enabled';
	const before = readFileSync(switched, 'utf8');
	const times = new Map<string, number>();
	try {
		for (const tracer of [serverSide, bothEnds]) {
			const tracing = await tracer.start(server);
			writeFileSync(switched, '1');
			const { path, bytes } = SMALL;
			const { done } = await paced(server.ports.small, { rate: FIXED_RATE, seconds, path, bytes });
			writeFileSync(switched, before);
			const total = bpfPrograms('handle_').reduce((sum, { runNs }) => sum + runNs, 0);
			check(tracer, SMALL, await tracing.stop(), done, done);
			times.set(tracer.name, total / 1000 / done);
		}
	} finally {
		writeFileSync(switched, before);
	}
	return times;
}

function fixedTable(fixed: Map<string, Fixed[]>, kernel: ReadonlyMap<string, number>): string {
	const rows = [...fixed].map(([name, list]) => [
		name,
		spreadText(spreadOf(list.map(({ p50 }) => p50))),
		spreadText(spreadOf(list.map(({ p99 }) => p99))),
		name === untraced.name ? '' : spreadText(added(fixed, name)),
		spreadText(spreadOf(list.map(({ tracerUs }) => tracerUs))),
		kernel.has(name) ? figure(kernel.get(name)!) : '',
	]);
	const head = ['', 'p50, µs', 'p99, µs', 'p99 / untraced', 'tracer, µs per exchange', 'in BPF, µs per exchange'];
	return `### At ${FIXED_RATE.toLocaleString('en-US')} requests a second, 200 bytes

Our own client sends each request when it is due and measures latency from that moment. The tracer's CPU time covers all its threads. Time in BPF programs is spent
by the watched programs; it comes from one more measurement with the kernel's statistics enabled, which add about 50 ns to each run of a program.

${table(head, rows)}`;
}

/** p99 divided by the untraced p99 of the same round. */
function added(fixed: Map<string, Fixed[]>, name: string): Spread {
	const base = fixed.get(untraced.name)!;
	return spreadOf(fixed.get(name)!.map(({ p99 }, round) => p99 / base[round]!.p99));
}

function goals(
	measured: Map<string, Measurement[]>,
	fixed: Map<string, Fixed[]>,
	kernel: ReadonlyMap<string, number>,
): { goal: string; figure: string; met: boolean }[] {
	const both = (body: Body, name: string) => ({
		rate: ratios(measured, body, name),
		cpu: cpuRatios(measured, body, name),
	});
	const atLeast = (goal: string, least: number, { rate, cpu }: { rate: Spread; cpu: Spread }) => ({
		goal,
		figure: `${spreadText(rate)}; by CPU ${spreadText(cpu)}`,
		met: rate.median >= least && cpu.median >= least,
	});
	const server = both(SMALL, SERVER_SIDE);
	const dumped = both(SMALL, tcpdump.name);
	const beside = (body: Body, other: string): { rate: Spread; cpu: Spread } => ({
		rate: quotients(measured, body, SERVER_SIDE, other, (m) => m.rate),
		cpu: quotients(measured, body, SERVER_SIDE, other, (m) => 1 / (m.watchedUs + m.tracerUs)),
	});
	const latency = added(fixed, SERVER_SIDE);
	const own = spreadOf(fixed.get(SERVER_SIDE)!.map(({ tracerUs }) => tracerUs));
	const inKernel = kernel.get(SERVER_SIDE)!;
	const lost = Math.max(
		...[...measured].filter(([name]) => name.includes('tinytap')).flatMap(([, list]) => list.map((m) => m.lost)),
	);
	return [
		atLeast('server side, 200 bytes: 0.82 of the untraced rate', 0.82, server),
		{
			goal: 'and within 0.05 of tcpdump',
			figure: `${figure(server.rate.median - dumped.rate.median)}; by CPU ${figure(server.cpu.median - dumped.cpu.median)}`,
			met: server.rate.median >= dumped.rate.median - 0.05 && server.cpu.median >= dumped.cpu.median - 0.05,
		},
		atLeast('both ends: 0.65', 0.65, both(SMALL, BOTH_ENDS)),
		atLeast('sendfile, 615 bytes: 0.92 of the bare reader', 0.92, beside(SENDFILE_SMALL, ringReader.name)),
		atLeast('sendfile, 50 KiB: 0.92 of the bare reader', 0.92, beside(SENDFILE, ringReader.name)),
		atLeast('sendfile, 50 KiB: ahead of tcpdump', 1, beside(SENDFILE, tcpdump.name)),
		{ goal: 'nothing lost', figure: figure(lost), met: lost === 0 },
		{
			goal: `p99 at ${FIXED_RATE} requests/s: less than 1.05 times untraced`,
			figure: spreadText(latency),
			met: latency.median < 1.05,
		},
		{
			goal: `CPU of tinytap's threads at ${FIXED_RATE} requests/s: at most 4 µs per exchange`,
			figure: `${spreadText(own)} (and ${figure(inKernel)} in BPF programs, spent by the watched programs)`,
			met: own.median <= 4,
		},
	];
}

function quotients(
	measured: Map<string, Measurement[]>,
	body: Body,
	name: string,
	other: string,
	value: (m: Measurement) => number,
): Spread {
	const base = measured.get(key(body, other))!;
	return spreadOf(measured.get(key(body, name))!.map((m, round) => value(m) / value(base[round]!)));
}

/** Each round begins with a different tracer, so that none always follows the same one. */
function rotated<T>(list: readonly T[], round: number): T[] {
	return list.map((_, i) => list[(i + round) % list.length]!);
}

function describe({ rate, watchedUs, tracerUs, lost }: Measurement): string {
	return `${figure(rate)} requests/s, ${figure(watchedUs)} + ${figure(tracerUs)} µs, ${lost} lost`;
}

function key(body: Body, name: string): string {
	return `${body.name}/${name}`;
}

function add<T>(lists: Map<string, T[]>, name: string, value: T): void {
	const list = lists.get(name);
	if (list === undefined) lists.set(name, [value]);
	else list.push(value);
}

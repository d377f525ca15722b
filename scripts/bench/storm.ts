// The cost of tinytap for programs that have nothing to do with HTTP: calls on files, a build, a database. Compared
// with no tracer, with empty programs on the same tracepoints (the minimum for any tracer of this kind), and with
// bpftrace counting calls.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../support/servers.ts';
import { publish } from './page.ts';
import { cpuUs, interrupt, run, runTimed, start, turn, until } from './processes.ts';
import { callTracepoints, requirePrograms, versionsOf } from './programs.ts';
import { figure, type Spread, spreadOf, spreadText, table } from './rounds.ts';
import { bpftrace, callFloor, floor, type Report, type Tracer, tinytap, untraced } from './tracers.ts';
import type { WebServer } from './web-server.ts';

export type StormOptions = {
	readonly rounds: number;
	readonly rows: number;
	readonly write: boolean;
	readonly command: string;
};

/** The cost of one run. `calls`: its number of system calls, if known. */
type Effort = { readonly cpuUs: number; readonly seconds: number };

type Storm = {
	readonly name: string;
	readonly calls: number | undefined;
	readonly run: () => Promise<Effort>;
	readonly end: () => Promise<void>;
};

const PROGRAMS = ['bpftool', 'bpftrace', 'llvm-readelf', 'redis-benchmark', 'redis-server'] as const;
const watching = tinytap('tinytap', []);
/** A placeholder: none of these tracers needs the web server that others watch. */
const NO_SERVER: WebServer = {
	ports: { small: 0, writev: 0, sendfile: 0 },
	pid: 0,
	http2Port: 0,
	workers: [],
	stop: async () => undefined,
};
const REDIS_REQUESTS = 100_000;
const BUILD_FILES = 40;

export async function benchStorm({ rounds, rows: count, write, command }: StormOptions): Promise<void> {
	requirePrograms(PROGRAMS);
	const counting = bpftrace(
		'bpftrace counting',
		`${callTracepoints()
			.map((name) => `tracepoint:${name.replace('/', ':')}`)
			.join(', ')} { @[probe] = count(); }`,
	);
	const tracers = [untraced, floor, watching, callFloor, counting];
	const storms = [copying(count), building(), await database()];
	const measured = new Map<string, Effort[]>();
	try {
		for (let round = 0; round < rounds; round++) {
			for (const storm of storms) {
				await turn(async () => {
					for (let i = 0; i < tracers.length; i++) {
						const tracer = tracers[(i + round) % tracers.length]!;
						const effort = await measure(tracer, storm);
						const key = `${storm.name}/${tracer.name}`;
						measured.set(key, [...(measured.get(key) ?? []), effort]);
						console.log(
							`${round + 1}/${rounds} ${storm.name}, ${tracer.name}: ${figure(effort.cpuUs / 1000)} ms of CPU`,
						);
					}
				});
			}
		}
	} finally {
		for (const storm of storms) await storm.end();
	}
	const of = (storm: Storm, tracer: Tracer) => measured.get(`${storm.name}/${tracer.name}`)!;
	const ratio = (storm: Storm, tracer: Tracer, value: (e: Effort) => number) =>
		spreadOf(of(storm, tracer).map((effort, round) => value(effort) / value(of(storm, untraced)[round]!)));
	const added = (storm: Storm, tracer: Tracer) =>
		of(storm, tracer).map(
			(effort, round) => ((effort.cpuUs - of(storm, untraced)[round]!.cpuUs) * 1000) / (storm.calls ?? 1),
		);
	const sections = storms.map((storm) => {
		const lines = tracers.map((tracer) => [
			tracer.name,
			spreadText(spreadOf(of(storm, tracer).map(({ seconds }) => seconds))),
			spreadText(ratio(storm, tracer, ({ seconds }) => seconds)),
			spreadText(ratio(storm, tracer, (e) => e.cpuUs)),
			...(storm.calls === undefined ? [] : [tracer === untraced ? '' : spreadText(spreadOf(added(storm, tracer)))]),
		]);
		const head = ['', 'seconds', 'ratio', 'ratio by CPU', ...(storm.calls === undefined ? [] : ['ns added per call'])];
		return `### ${storm.name}\n\n${table(head, lines)}`;
	});
	const dd = storms[0]!;
	const toFloor = spreadOf(
		added(dd, watching).map((nanoseconds, round) => nanoseconds / Math.max(1, added(dd, floor)[round]!)),
	);
	const slower = ratio(dd, watching, ({ seconds }) => seconds);
	const slowerCpu = ratio(dd, watching, (e) => e.cpuUs);
	publish(
		{
			name: 'storm',
			title: 'Cost to everything else',
			method: METHOD(rounds, count),
			command,
			versions: versionsOf(PROGRAMS),
			goals: [
				goal('time added to a call on a file: at most 1.7 times the floor', 1.7, toFloor),
				{
					goal: '`dd bs=1` at most 1.75 times as long as untraced',
					figure: `${spreadText(slower)}; by CPU ${spreadText(slowerCpu)}`,
					met: slower.median <= 1.75 && slowerCpu.median <= 1.75,
				},
			],
			figures: sections.join('\n\n'),
		},
		write,
	);
}

const METHOD = (
	rounds: number,
	count: number,
) => `tinytap watches the whole machine, without a filter. There are ${rounds} rounds. In each round every tracer takes a turn, in rotating order, and ratios are relative
to the untraced time of the same round. *empty programs* are BPF programs that return at once, on all tracepoints that tinytap uses: the floor for any tracer on these
tracepoints. *one per call* has them on each call's own tracepoint instead of the shared one, as other tools do. bpftrace counts the calls by tracepoint. The CPU time is that of the
measured programs (including system time, in which the tracers' programs run); it does not change when other programs want the cores too. \`dd\` reads and writes
${count.toLocaleString('en-US')} single bytes from \`/dev/zero\` to \`/dev/null\`; the build is \`make -j2\` of ${BUILD_FILES} small C files; redis-benchmark makes
${REDIS_REQUESTS.toLocaleString('en-US')} SETs and as many GETs. After each measurement tinytap must have no row and no loss.`;

function goal(text: string, most: number, spread: Spread): { goal: string; figure: string; met: boolean } {
	return { goal: text, figure: spreadText(spread), met: spread.median <= most };
}

async function measure(tracer: Tracer, storm: Storm): Promise<Effort> {
	const tracing = await tracer.start(NO_SERVER);
	const effort = await storm.run();
	check(tracer, await tracing.stop());
	return effort;
}

/** A storm contains no HTTP, but other programs on the machine may use it. */
function check(tracer: Tracer, { lost }: Report): void {
	if (tracer === watching && lost > 0) throw new Error(`expected no loss, got ${lost} events`);
}

function copying(count: number): Storm {
	return {
		name: `dd, ${count.toLocaleString('en-US')} bytes one by one`,
		calls: count * 2,
		run: async () => {
			const result = await runTimed('dd', ['if=/dev/zero', 'of=/dev/null', 'bs=1', `count=${count}`]);
			if (!result.stderr.includes(`${count}+0 records out`)) throw new Error(`dd: ${result.stderr}`);
			return result;
		},
		end: async () => undefined,
	};
}

function building(): Storm {
	const directory = mkdtempSync(join(tmpdir(), 'tinytap-bench-build-'));
	mkdirSync(join(directory, 'out'));
	const names = Array.from({ length: BUILD_FILES }, (_, i) => `part${i}`);
	for (const name of names) {
		const includes = ['stdio', 'stdlib', 'string', 'unistd', 'errno', 'sys/stat'].map((file) => `#include <${file}.h>`);
		writeFileSync(
			join(directory, `${name}.c`),
			`${includes.join('\n')}\nint ${name}(void) { return (int)strlen("${name}"); }\n`,
		);
	}
	writeFileSync(
		join(directory, 'Makefile'),
		`all: ${names.map((name) => `out/${name}.o`).join(' ')}\nout/%.o: %.c\n\tgcc -c $< -o $@\n`,
	);
	return {
		name: `make -j2, ${BUILD_FILES} files`,
		calls: undefined,
		run: async () => {
			await run('sh', ['-c', 'rm -f out/*'], { cwd: directory });
			const result = await runTimed('make', ['-j2', '-s'], { cwd: directory });
			await run('test', ['-s', join(directory, `out/${names.at(-1)}.o`)]);
			return result;
		},
		end: async () => rmSync(directory, { recursive: true, force: true }),
	};
}

async function database(): Promise<Storm> {
	const port = await freePort();
	const server = start('redis-server', [
		'--port',
		String(port),
		'--save',
		'',
		'--appendonly',
		'no',
		'--bind',
		'127.0.0.1',
	]);
	await until(() => server.stdout().includes('Ready to accept connections'), 'redis-server');
	return {
		name: 'redis-benchmark',
		calls: undefined,
		run: async () => {
			const before = cpuUs([server.pid]);
			const words = ['-p', port, '-t', 'set,get', '-n', REDIS_REQUESTS, '-c', 50, '--csv'].map(String);
			const result = await runTimed('redis-benchmark', words);
			if ((result.stdout.match(/^"(SET|GET)",/gm) ?? []).length !== 2) throw new Error(`redis: ${result.stdout}`);
			return { seconds: result.seconds, cpuUs: result.cpuUs + cpuUs([server.pid]) - before };
		},
		end: async () => {
			await interrupt(server, 'SIGTERM');
		},
	};
}

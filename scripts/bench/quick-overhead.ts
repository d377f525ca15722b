// The cost of a capture by each checkout for a web server, and the kernel's own statistics of the BPF programs.
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Checkout, CheckoutError } from './checkout.ts';
import type { Comparison, Ratios, Sides } from './comparison.ts';
import { wrk } from './load.ts';
import { bpfPrograms, childrenOf, cpuUs, interrupt, start, turn, until } from './processes.ts';
import { requirePrograms } from './programs.ts';
import { figure, spreadOf, table } from './rounds.ts';
import { untilCapturing } from './tracers.ts';
import { SMALL, startNginx, type WebServer } from './web-server.ts';

const STATISTICS = '/proc/sys/kernel/bpf_stats_enabled';
const WHOLE = 'CPU time of nginx, wrk and tinytap';

type Program = { readonly runs: number; readonly ns: number };
/** All figures are per exchange, and times are in microseconds. */
type Measured = {
	readonly watched: number;
	readonly threads: number;
	readonly bpf: number;
	readonly programs: ReadonlyMap<string, Program>;
	readonly lost: number;
};

export async function compareOverhead(checkouts: Sides<Checkout>): Promise<Comparison> {
	requirePrograms(['bpftool', 'nginx', 'wrk']);
	const server = await startNginx();
	const before = readFileSync(STATISTICS, 'utf8');
	const restore = () => writeFileSync(STATISTICS, before);
	process.once('exit', restore);
	const rounds: Sides<Measured>[] = [];
	return {
		whole: WHOLE,
		round: async (mineFirst) => {
			const measure = (checkout: Checkout) => turn(() => measureCapture(checkout, server));
			const early = await measure(mineFirst ? checkouts.mine : checkouts.theirs);
			const late = await measure(mineFirst ? checkouts.theirs : checkouts.mine);
			const sides = mineFirst ? { mine: early, theirs: late } : { mine: late, theirs: early };
			rounds.push(sides);
			return ratiosOf(sides);
		},
		report: () => statistics(rounds),
		end: async () => {
			restore();
			process.off('exit', restore);
			await server.stop();
		},
	};
}

function ratiosOf({ mine, theirs }: Sides<Measured>): Ratios {
	return new Map([
		[WHOLE, (theirs.watched + theirs.threads) / (mine.watched + mine.threads)],
		["CPU time of tinytap's threads", theirs.threads / mine.threads],
		['time in BPF programs', theirs.bpf / mine.bpf],
	]);
}

async function measureCapture({ name, folder }: Checkout, server: WebServer): Promise<Measured> {
	const count = "SELECT count(*) FILTER (WHERE state = 'complete') FROM exchanges";
	// Only the server's processes, because this machine may have other traffic.
	const words = ['query', count, '--format', 'csv', '--max-memory', '1GiB', '--pid', String(server.pid)];
	const tinytap = start(join(folder, 'bin/tinytap'), words, { cwd: folder });
	await untilCapturing(tinytap);
	writeFileSync(STATISTICS, '1');
	const warm = await wrk(server.ports.small, SMALL.path, 1);
	// Includes the helper, if this checkout has one.
	const pids = [tinytap.pid, ...childrenOf(tinytap.pid)];
	const before = { server: cpuUs(server.workers), tinytap: cpuUs(pids), programs: programsOf(pids) };
	const { requests, cpuUs: client } = await wrk(server.ports.small, SMALL.path, 1);
	const after = { server: cpuUs(server.workers), tinytap: cpuUs(pids), programs: programsOf(pids) };
	const code = await interrupt(tinytap);
	await until(() => bpfPrograms('').every(({ id }) => !after.programs.has(id)), 'programs detached', 60);
	const lost = Number(/(\d+) events were lost/.exec(tinytap.stderr())?.[1] ?? 0);
	const complete = Number(tinytap.stdout().trim().split(/\s+/).at(-1));
	if (code !== 0) throw new CheckoutError(`tinytap of ${name} ended with ${code}: ${tinytap.stderr()}`);
	if (lost === 0 && !(complete >= warm.requests + requests))
		throw new CheckoutError(`tinytap of ${name} has ${complete} exchanges of ${warm.requests + requests}`);
	const programs = new Map<string, Program>();
	for (const [id, { name: program, runs, ns }] of after.programs) {
		const { runs: earlierRuns = 0, ns: earlierNs = 0 } = before.programs.get(id) ?? {};
		const { runs: sumRuns = 0, ns: sumNs = 0 } = programs.get(program) ?? {};
		programs.set(program, {
			runs: sumRuns + (runs - earlierRuns) / requests,
			ns: sumNs + (ns - earlierNs) / requests,
		});
	}
	const bpf = [...programs.values()].reduce((sum, { ns }) => sum + ns, 0) / 1000;
	if (bpf === 0)
		throw new CheckoutError('expected run times of BPF programs, found none: were the statistics switched off?');
	return {
		watched: (after.server - before.server + client) / requests,
		threads: (after.tinytap - before.tinytap) / requests,
		bpf,
		programs,
		lost,
	};
}

/** The BPF programs that processes hold open, by id. */
function programsOf(pids: readonly number[]): ReadonlyMap<number, Program & { readonly name: string }> {
	const names = new Map(bpfPrograms('').map(({ id, name }) => [id, name]));
	const found = new Map<number, Program & { readonly name: string }>();
	for (const file of pids.flatMap(programFiles)) {
		const facts = new Map(
			readFileSync(file, 'utf8')
				.split('\n')
				.map((line) => line.split(/:\s*/))
				.map(([key, value]) => [key, Number(value)]),
		);
		const id = facts.get('prog_id')!;
		found.set(id, { name: names.get(id) ?? String(id), runs: facts.get('run_cnt')!, ns: facts.get('run_time_ns')! });
	}
	return found;
}

/** The kernel's files about the BPF programs that a process holds open. */
function programFiles(pid: number): string[] {
	return readdirSync(`/proc/${pid}/fd`)
		.filter((fd) => isProgram(`/proc/${pid}/fd/${fd}`))
		.map((fd) => `/proc/${pid}/fdinfo/${fd}`);
}

function isProgram(descriptor: string): boolean {
	try {
		return readlinkSync(descriptor) === 'anon_inode:bpf-prog';
	} catch {
		// The descriptor has been closed in the meantime.
		return false;
	}
}

/** Medians over the rounds, per exchange. */
function statistics(rounds: readonly Sides<Measured>[]): string {
	const sides = [
		['this checkout', rounds.map(({ mine }) => mine)],
		['the other', rounds.map(({ theirs }) => theirs)],
	] as const;
	const names = [
		...new Set(rounds.flatMap(({ mine, theirs }) => [...mine.programs.keys(), ...theirs.programs.keys()])),
	];
	const median = (list: readonly Measured[], value: (measured: Measured) => number) => spreadOf(list.map(value)).median;
	const rows = names
		.map((name) => ({
			name,
			figures: sides.flatMap(([, list]) => [
				median(list, ({ programs }) => programs.get(name)?.runs ?? 0),
				median(list, ({ programs }) => programs.get(name)?.ns ?? 0),
			]),
		}))
		// Exclude programs that other processes' calls ran once in a while.
		.filter(({ figures }) => Math.max(figures[1]!, figures[3]!) >= 1)
		.sort((a, b) => b.figures[1]! - a.figures[1]!)
		.map(({ name, figures }) => [name, ...figures.map(figure)]);
	const costs = sides.map(([name, list]) =>
		[
			`- ${name}: nginx and wrk ${figure(median(list, ({ watched }) => watched))} µs per exchange (BPF programs included)`,
			`tinytap's threads ${figure(median(list, ({ threads }) => threads))} µs`,
			`BPF programs ${figure(median(list, ({ bpf }) => bpf))} µs`,
			`${figure(median(list, ({ lost }) => lost))} events lost in a round`,
		].join(', '),
	);
	const head = ['BPF program', ...sides.flatMap(([name]) => [`${name}: runs an exchange`, 'ns an exchange'])];
	return `${costs.join('\n')}\n\n${table(head, rows)}`;
}

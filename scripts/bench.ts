// Benchmarks: npm run bench -- NAME [options]. Each benchmark checks what it measures and writes its section of
// docs/performance.md (scripts/bench/page.ts).
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { endTurn, setConditions } from './bench/processes.ts';

const USAGE = `npm run bench -- quick [--against REF] [--rounds N] [decode|ingest|sql|start|overhead]…
             compares this checkout with a commit (HEAD if there are uncommitted changes, else HEAD^)
npm run bench -- NAME [--rounds N] [--seconds N] [--rows N] [--no-write] [--modules DIR] [--priority] [--lock FILE]
--rows       how much: exchanges, or in storm calls of dd
--seconds    of each measurement, in those that do
--no-write   prints the figures and leaves docs/performance.md alone
--modules    where better-sqlite3 and @duckdb/node-api are installed, when not here
--priority   runs everything measured at nice -10, for a machine that others use at the same time
--lock       takes turns by this file with measurements of other checkouts`;

export type BenchOptions = {
	readonly rounds: number;
	/** Undefined: the benchmark's own default. */
	readonly seconds: number | undefined;
	readonly rows: number | undefined;
	readonly write: boolean;
	readonly modules: string | undefined;
	/** The command line, for the page. */
	readonly command: string;
	/** The arguments after NAME on the command line. */
	readonly names: readonly string[];
	readonly against: string | undefined;
};

/** Loaded only when chosen, so that no benchmark needs what another one requires. */
const BENCHMARKS: Record<
	string,
	{
		readonly heap?: readonly string[];
		/** Rounds without --rounds; 5 if not given here. */
		readonly rounds?: number;
		run(options: BenchOptions): Promise<void> | void;
	}
> = {
	decode: {
		heap: [],
		run: async ({ rows = 50_000, rounds, write }) =>
			(await import('./bench/decode.ts')).benchDecode({ rows, rounds, write }),
	},
	ingest: {
		heap: [],
		run: async ({ rows = 200_000, rounds, write }) =>
			(await import('./bench/ingest.ts')).benchIngest({ rows, rounds, write }),
	},
	sql: {
		heap: [],
		run: async ({ rows = 1_000_000, rounds, write, modules }) =>
			(await import('./bench/sql.ts')).benchSql({ rows, rounds, write, modules }),
	},
	overhead: {
		run: async ({ seconds = 3, ...options }) =>
			(await import('./bench/overhead.ts')).benchOverhead({ seconds, ...options }),
	},
	storm: {
		run: async ({ rows = 3_000_000, ...options }) =>
			(await import('./bench/storm.ts')).benchStorm({ rows, ...options }),
	},
	capacity: {
		run: async ({ seconds = 30, ...options }) =>
			(await import('./bench/capacity.ts')).benchCapacity({ seconds, ...options }),
	},
	latency: {
		run: async ({ seconds = 3, ...options }) =>
			(await import('./bench/latency.ts')).benchLatency({ seconds, ...options }),
	},
	growth: {
		// Times are CPU times of the process, which must not include concurrent garbage collection.
		heap: ['--single-threaded-gc'],
		run: async ({ rows = 10_000_000, ...options }) =>
			(await import('./bench/growth.ts')).benchGrowth({ rows, ...options }),
	},
	quick: {
		rounds: 15,
		run: async ({ names, against, rounds }) =>
			(await import('./bench/quick.ts')).benchQuick({ names, against, rounds }),
	},
	page: { run: async () => (await import('./bench/page.ts')).renderPage() },
};

const { values, positionals } = givenOptions();
const name = positionals[0];
const benchmark = name === undefined ? undefined : BENCHMARKS[name];
if (benchmark === undefined) usage(name === undefined ? 'which benchmark?' : `no benchmark named ${name}`);
if (benchmark.heap !== undefined && globalThis.gc === undefined) {
	// A million rows as objects, beside the other engines' copies, need more than the default heap.
	const flags = ['--expose-gc', '--max-old-space-size=12288', ...benchmark.heap, '--import', 'tsx'];
	const again = spawnSync(process.execPath, [...flags, import.meta.filename, ...process.argv.slice(2)], {
		stdio: 'inherit',
	});
	process.exitCode = again.status ?? 1;
} else {
	setConditions({ priority: values.priority, lock: values.lock });
	await benchmark.run({
		rounds: values.rounds === undefined ? (benchmark.rounds ?? 5) : number(values.rounds),
		seconds: values.seconds === undefined ? undefined : number(values.seconds),
		rows: values.rows === undefined ? undefined : number(values.rows),
		write: !values['no-write'],
		modules: values.modules,
		command: `npm run bench -- ${process.argv
			.slice(2)
			.filter((word) => !word.includes('/') && word !== '--lock' && word !== '--no-write')
			.join(' ')}`,
		names: positionals.slice(1),
		against: values.against,
	});
	await endTurn();
}

function givenOptions() {
	try {
		return parseArgs({
			allowPositionals: true,
			options: {
				rows: { type: 'string' },
				rounds: { type: 'string' },
				against: { type: 'string' },
				seconds: { type: 'string' },
				'no-write': { type: 'boolean', default: false },
				modules: { type: 'string' },
				priority: { type: 'boolean', default: false },
				lock: { type: 'string' },
			},
		});
	} catch (error) {
		usage((error as Error).message.split('\n')[0]!);
	}
}

function number(text: string): number {
	if (!/^[1-9]\d*$/.test(text)) usage(`expected a whole number from 1, got ${text}`);
	return Number(text);
}

function usage(problem: string): never {
	console.error(`${problem}\n${USAGE}\nNAME: ${Object.keys(BENCHMARKS).join(' ')}`);
	process.exit(2);
}

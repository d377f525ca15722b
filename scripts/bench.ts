// Benchmarks: npm run bench -- NAME [options]. Each benchmark checks what it measures and writes its section of
// docs/performance.md (scripts/bench/page.ts).
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { endTurn, setConditions } from './bench/processes.ts';

const USAGE = `Usage: npm run bench -- quick [--against REF] [--rounds N] [--priority] [decode|ingest|sql|start|overhead]…
         compare this checkout with a commit (default: HEAD if there are uncommitted changes, else HEAD^)
       npm run bench -- NAME [options]
         run one benchmark and write its section of docs/performance.md

Options:
  --rounds N     how often to repeat the measurement (default 5; quick: at least 15, the default)
  --seconds N    length of each measurement, if it has a fixed length
  --rows N       number of exchanges (storm: calls of dd; fleet: rows a second)
  --hosts N      fleet: number of agents (default 1000)
  --no-write     print the figures and leave docs/performance.md alone
  --modules DIR  where better-sqlite3 and @duckdb/node-api are installed (default: scripts/bench/peers)
  --priority     run everything measured at nice -10, for a busy machine
  --lock FILE    take turns with measurements in other checkouts that use the same file
  --shared       other captures may run on the machine; figures then include what they cost
  --help         show this help

`;

export type BenchOptions = {
	readonly rounds: number;
	/** Undefined: the benchmark's own default. */
	readonly seconds: number | undefined;
	readonly rows: number | undefined;
	readonly hosts: number | undefined;
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
		/** Default number of rounds; 5 if absent. */
		readonly rounds?: number;
		run(options: BenchOptions): Promise<void> | void;
	}
> = {
	decode: {
		heap: [],
		run: async ({ rows = 50_000, rounds, write }) => {
			(await import('./bench/decode.ts')).benchDecode({ rows, rounds, write });
			await (await import('./bench/decode-http2.ts')).benchHttp2({ rows, rounds, write });
		},
	},
	'decode-http2': {
		heap: [],
		run: async ({ rows = 50_000, rounds, write }) =>
			(await import('./bench/decode-http2.ts')).benchHttp2({ rows, rounds, write }),
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
	'overhead-http2': {
		run: async ({ seconds = 3, ...options }) =>
			(await import('./bench/overhead-http2.ts')).benchOverheadHttp2({ seconds, ...options }),
	},
	tls: {
		rounds: 7,
		run: async ({ seconds = 2, ...options }) => (await import('./bench/tls.ts')).benchTls({ seconds, ...options }),
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
	shell: {
		rounds: 3,
		run: async ({ rows = 1_000_000, ...options }) =>
			(await import('./bench/shell.ts')).benchShell({ rows, ...options }),
	},
	replay: {
		run: async ({ rows = 100_000, ...options }) =>
			(await import('./bench/replay.ts')).benchReplay({ rows, ...options }),
	},
	import: {
		run: async ({ rows = 110_000, ...options }) =>
			(await import('./bench/import.ts')).benchImport({ rows, ...options }),
	},
	growth: {
		// Measured in CPU time of the process, which must not include concurrent garbage collection.
		heap: ['--single-threaded-gc'],
		run: async ({ rows = 10_000_000, ...options }) =>
			(await import('./bench/growth.ts')).benchGrowth({ rows, ...options }),
	},
	agent: {
		rounds: 15,
		run: async ({ seconds = 10, ...options }) => (await import('./bench/agent.ts')).benchAgent({ seconds, ...options }),
	},
	fleet: {
		run: async ({ hosts = 1000, rows = 2 * hosts, seconds = 60, write, command }) =>
			(await import('./bench/fleet.ts')).benchFleet({ hosts, rows, seconds, write, command }),
	},
	'store-tail': {
		run: async ({ seconds = 60, write, command }) =>
			(await import('./bench/store-tail.ts')).benchStoreTail({ seconds, write, command }),
	},
	quick: {
		rounds: 15,
		run: async ({ names, against, rounds }) =>
			(await import('./bench/quick.ts')).benchQuick({ names, against, rounds }),
	},
	page: { run: async () => (await import('./bench/page.ts')).renderPage() },
};

const NAMES = Object.keys(BENCHMARKS).join(' ');
const { values, positionals } = givenOptions();
const name = positionals[0];
const benchmark = name === undefined ? undefined : BENCHMARKS[name];
if (values.help) {
	console.log(`${USAGE}NAME: ${NAMES}`);
	process.exit();
}
if (benchmark === undefined) wrongUsage(`expected one of ${NAMES}, got ${name ?? 'nothing'}`);
if (benchmark.heap !== undefined && globalThis.gc === undefined) {
	// A million rows as objects, next to the other engines' copies, need more than the default heap.
	const flags = ['--expose-gc', '--max-old-space-size=12288', ...benchmark.heap, '--import', 'tsx'];
	const again = spawnSync(process.execPath, [...flags, import.meta.filename, ...process.argv.slice(2)], {
		stdio: 'inherit',
	});
	process.exitCode = again.status ?? 1;
} else {
	setConditions({ priority: values.priority, lock: values.lock, shared: values.shared });
	await benchmark.run({
		rounds: values.rounds === undefined ? (benchmark.rounds ?? 5) : number(values.rounds),
		seconds: values.seconds === undefined ? undefined : number(values.seconds),
		rows: values.rows === undefined ? undefined : number(values.rows),
		hosts: values.hosts === undefined ? undefined : number(values.hosts),
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
				hosts: { type: 'string' },
				rounds: { type: 'string' },
				against: { type: 'string' },
				seconds: { type: 'string' },
				'no-write': { type: 'boolean', default: false },
				modules: { type: 'string' },
				priority: { type: 'boolean', default: false },
				lock: { type: 'string' },
				shared: { type: 'boolean', default: false },
				help: { type: 'boolean', default: false },
			},
		});
	} catch (error) {
		wrongUsage((error as Error).message.split('. ')[0]!);
	}
}

function number(text: string): number {
	if (!/^[1-9]\d*$/.test(text)) wrongUsage(`expected a whole number from 1, got ${text}`);
	return Number(text);
}

function wrongUsage(problem: string): never {
	console.error(`${problem}\nhint: npm run bench -- --help`);
	process.exit(2);
}

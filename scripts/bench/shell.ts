// The shell as its user experiences it: from start to prompt, compared with other shells; from a key to its echo, while
// traffic arrives, a tail prints and a statement runs; from Enter to the full screen of a large table.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { processUser } from '../../src/base/invoking-user.ts';
import { RecordingWriter } from '../../src/capture/recording.ts';
import { startPostgres } from '../../support/postgres.ts';
import { buildBatch, Tape } from '../../support/record-builder.ts';
import { CLI, TEST_ENV, TINYTAP } from '../../support/tinytap.ts';
import { paced } from './load.ts';
import { publish } from './page.ts';
import { run, turn, untilDetached } from './processes.ts';
import { requirePrograms, versionsOf } from './programs.ts';
import { figure, spreadOf, spreadText, table } from './rounds.ts';
import { SMALL, startNginx } from './web-server.ts';

export type ShellOptions = {
	readonly rounds: number;
	readonly rows: number;
	readonly write: boolean;
	readonly command: string;
};

const PROGRAMS = ['nginx', 'psql', 'sqlite3'] as const;
const REQUESTS_PER_SECOND = 5000;
/** As long as the keys take, plus everything before them. */
const LOAD_SECONDS = 25;
const DRIVER = join(import.meta.dirname, 'terminal_times.py');
const DEMO = join(CLI, '../../recordings/demo.tinytap');

/** A shell and the text of its prompt. */
type Shell = { readonly name: string; readonly marker: string; readonly words: readonly string[] };

const PROMPT = 'tinytap[^\\n]*> ';
const RECORDED: Shell = { name: 'tinytap, a recording', marker: PROMPT, words: [...TINYTAP, '--replay', DEMO] };
const LIVE: Shell = { name: 'tinytap, capturing', marker: PROMPT, words: TINYTAP };
const SHELLS: readonly Shell[] = [
	RECORDED,
	LIVE,
	{ name: 'node', marker: '> ', words: [process.execPath] },
	{ name: 'sqlite3', marker: 'sqlite> ', words: ['sqlite3'] },
];

export async function benchShell({ rounds, rows, write, command }: ShellOptions): Promise<void> {
	requirePrograms(PROGRAMS);
	const starts = new Map<string, number[]>();
	const echoes = new Map<string, number[]>();
	const screens: number[] = [];
	const cancels = new Map<string, number[]>();
	const directory = mkdtempSync(join(tmpdir(), 'tinytap-bench-'));
	const server = await startNginx();
	try {
		const recording = join(directory, 'large.tinytap');
		recordExchanges(recording, rows);
		const postgres = startPostgres();
		if (postgres === undefined) throw new Error('expected PostgreSQL (apt-get install postgresql)');
		const psql = { name: 'psql', marker: 'postgres=# ', words: ['psql', '-X', ...postgres.place] };
		try {
			for (let round = 0; round < rounds; round++) {
				await turn(async () => {
					for (const { name, marker, words } of [...SHELLS, psql]) {
						const [time] = measure(['prompt', marker], words);
						starts.set(name, [...(starts.get(name) ?? []), time!]);
						if (name === 'tinytap, capturing') await untilDetached();
					}
					const quiet = measure(['keys', RECORDED.marker], RECORDED.words);
					echoes.set('nothing else', [...(echoes.get('nothing else') ?? []), median(quiet)]);
					for (const [name, lines] of [
						['5,000 exchanges/s', []],
						['… and `.tail`', ['.tail']],
						['… and a statement that runs', ['.tail', ENDLESS]],
					] as const) {
						const load = paced(server.ports.small, {
							rate: REQUESTS_PER_SECOND,
							seconds: LOAD_SECONDS,
							path: '/r/#',
							bytes: SMALL.bytes,
						});
						const times = await measureMeanwhile(['keys', LIVE.marker, ...lines], [...TINYTAP, '--comm', 'nginx']);
						await load;
						echoes.set(name, [...(echoes.get(name) ?? []), median(times)]);
						await untilDetached();
					}
					for (const mode of ROW_MODES) {
						const times = measure(['cancel', RECORDED.marker, `.mode ${mode}`, MANY_ROWS], RECORDED.words);
						cancels.set(mode, [...(cancels.get(mode) ?? []), ...times]);
					}
					screens.push(
						...measure(
							['screen', RECORDED.marker, ' rows \\(\\d+ shown\\)', 'SELECT * FROM exchanges;'],
							[...TINYTAP, '--replay', recording, '--max-memory', '2GiB'],
						),
					);
				});
				console.log(`${round + 1}/${rounds}`);
			}
		} finally {
			postgres.stop();
		}
	} finally {
		await server.stop();
		rmSync(directory, { recursive: true, force: true });
	}
	const worst = Math.max(...[...echoes.values()].map((times) => spreadOf(times).median));
	const screen = spreadOf(screens);
	const cancelled = spreadOf([...cancels.values()].flat());
	publish(
		{
			name: 'shell',
			title: 'The shell',
			method: `Programs run in a terminal of 80 × 24, without colours. The first table shows the time from starting a shell to its prompt (tinytap: of the bundled recording, and of a capture with its probes attached). The second table shows the time from pressing a key to
its echo, the median of 120 keys, with nothing else to do, while nginx answers ${REQUESTS_PER_SECOND.toLocaleString('en-US')} requests a second that tinytap captures, while a tail prints them as well, and while a join without end runs as well.
\`SELECT * FROM exchanges;\` over a recording of ${rows.toLocaleString('en-US')} exchanges is measured from Enter to the line below the table. The last table shows the time from Ctrl-C, while rows are printed as fast as the terminal takes them, to the next prompt. Medians over ${rounds} rounds.`,
			command,
			versions: versionsOf(PROGRAMS),
			goals: [
				{ goal: 'echo within 30 ms', figure: `at most ${figure(worst)} ms`, met: worst < 30 },
				{
					goal: `the screen of ${rows.toLocaleString('en-US')} rows within 100 ms`,
					figure: `${spreadText(screen)} ms`,
					met: screen.median <= 100,
				},
				{
					goal: 'a prompt within 300 ms of Ctrl-C among rows',
					figure: `${spreadText(cancelled)} ms`,
					met: cancelled.max <= 300,
				},
			],
			figures: [
				table(
					['start to prompt, ms', 'median (min–max)'],
					[...starts].map(([name, times]) => [name, spreadText(spreadOf(times))]),
				),
				table(
					['key to echo, ms, while', 'median (min–max)'],
					[...echoes].map(([name, times]) => [name, spreadText(spreadOf(times))]),
				),
				table(
					['Ctrl-C to prompt, ms, in `.mode`', 'median (min–max)'],
					[...cancels].map(([name, times]) => [name, spreadText(spreadOf(times))]),
				),
			].join('\n\n'),
		},
		write,
	);
}

const ROW_MODES = ['csv', 'table', 'json', 'line'] as const;
/** More rows than a terminal can take in the time that is measured. */
const MANY_ROWS = 'SELECT a.*, b.url FROM exchanges a, exchanges b, exchanges c;';

/** Compares every exchange with every other one. */
const ENDLESS = 'SELECT count(*) FROM exchanges a, exchanges b, exchanges c WHERE a.path < b.path;';

/** Runs the driver and returns the milliseconds it measured. */
function measure(job: readonly string[], words: readonly string[]): number[] {
	const { stdout, stderr, status } = spawnSync('python3', [DRIVER, ...job, '--', ...words], {
		encoding: 'utf8',
		env: TEST_ENV,
	});
	if (status !== 0) throw new Error(`${words.join(' ')}: ${stderr}`);
	return JSON.parse(stdout) as number[];
}

async function measureMeanwhile(job: readonly string[], words: readonly string[]): Promise<number[]> {
	return JSON.parse(await run('python3', [DRIVER, ...job, '--', ...words], { env: TEST_ENV })) as number[];
}

function median(times: readonly number[]): number {
	return times.toSorted((a, b) => a - b)[times.length >> 1]!;
}

/** A recording of this many small exchanges over 100 connections. */
function recordExchanges(path: string, count: number): void {
	const writer = new RecordingWriter(path, {}, { user: processUser() });
	const tape = new Tape();
	tape.clock(1_700_000_000_000_000_000n);
	tape.factProcess(100, 'server', '/system.slice/server.service', 'server');
	const connections = Array.from({ length: 100 }, (_, index) => tape.server(index + 1));
	for (let number = 0; number < count; number++) {
		const connection = connections[number % connections.length]!;
		const status = number % 50 === 0 ? '500 Internal Server Error' : '200 OK';
		connection.in(`GET /item/${number} HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: bench\r\n\r\n`);
		connection.out(
			`HTTP/1.1 ${status}\r\nContent-Type: text/plain\r\nContent-Length: 8\r\n\r\n${number.toString().padStart(8, '0')}`,
		);
		if (number % 500 !== 499 && number !== count - 1) continue;
		writer.writeBatch(buildBatch(tape.records.splice(0)));
	}
	writer.close();
}

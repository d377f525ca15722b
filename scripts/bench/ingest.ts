// From records to rows that can be queried: rows per second on one core, bytes per row, and whether a million rows fit.
import { executeSync, prepare } from '../../src/sql/sql.ts';
import { memoryShares } from '../../src/threads/memory-shares.ts';
import { databaseOf, type Intake, takeIn } from '../../support/traffic.ts';
import { publish } from './page.ts';
import { figure, spreadOf, spreadText, table } from './rounds.ts';

const MIB = 2 ** 20;
const FIT_ROWS = 1_000_000;
const FIT_MEMORY = 512 * MIB;
const FIT_BYTES = memoryShares(FIT_MEMORY).store;

export type IngestOptions = { readonly rows: number; readonly rounds: number; readonly write: boolean };

export function benchIngest({ rows, rounds, write }: IngestOptions): void {
	takeIn(Math.min(rows, 50_000), FIT_BYTES);
	const intakes: Pick<Intake, 'rows' | 'decodeSeconds' | 'appendSeconds' | 'cpuSeconds'>[] = [];
	for (let round = 0; round < rounds; round++) {
		const { rows: taken, decodeSeconds, appendSeconds, cpuSeconds } = takeIn(rows, FIT_BYTES);
		intakes.push({ rows: taken, decodeSeconds, appendSeconds, cpuSeconds });
		console.log(`round ${round + 1}: ${figure(taken / (decodeSeconds + appendSeconds))} rows/s`);
	}
	const rate = (seconds: (intake: (typeof intakes)[number]) => number) =>
		spreadText(spreadOf(intakes.map((intake) => intake.rows / seconds(intake))));

	collect();
	const before = process.memoryUsage.rss();
	const fit = takeIn(FIT_ROWS, FIT_BYTES);
	collect();
	const rss = process.memoryUsage.rss() - before;
	const database = databaseOf(fit);
	const counted = Number(executeSync(prepare('SELECT count(*) FROM exchanges', database), database).rows[0]![0]);
	const perRow = (bytes: number) => `${figure(bytes / fit.rows)} bytes`;
	const held = fit.wireBytes;
	const result = table(
		['what', 'figure'],
		[
			['rows a second, decoder and store', rate((r) => r.decodeSeconds + r.appendSeconds)],
			['rows a second, decoder alone', rate((r) => r.decodeSeconds)],
			['rows a second, store alone', rate((r) => r.appendSeconds)],
			[
				`exchanges held of ${FIT_ROWS.toLocaleString('en-US')} with \`--max-memory 512MiB\` (${figure(FIT_BYTES / MIB)} MiB of it for rows)`,
				counted.toLocaleString('en-US'),
			],
			['of these, evicted', fit.store.evictedRows.toLocaleString('en-US')],
			[
				'memory the store counts',
				`${figure(fit.store.memoryBytes / MIB)} MiB, ${perRow(fit.store.memoryBytes)} per row`,
			],
			['growth of the resident set', `${figure(rss / MIB)} MiB, ${perRow(rss)} per row`],
			['bytes on the wire', `${perRow(held)} per row`],
			['counted in addition to the wire', `${perRow(fit.store.memoryBytes - held)} per row`],
		],
	);
	const fast = spreadOf(intakes.map((intake) => intake.rows / (intake.decodeSeconds + intake.appendSeconds)));
	const perCpu = spreadOf(intakes.map((intake) => intake.rows / intake.cpuSeconds));
	const beyond = (fit.store.memoryBytes - held) / fit.rows;
	publish(
		{
			name: 'ingest',
			title: 'Ingest',
			method: `Capture records of keep-alive connections go through the WASM decoder into the store in batches of 500 exchanges, in one
thread. A request has 2 or 3 fields, a response 2, and bodies have up to 100 bytes. Only the decoder and the store are timed, not the making of the
records; CPU time is that of the whole process, including its garbage collector. There are ${rounds} rounds of ${rows.toLocaleString('en-US')} exchanges after one to warm up. Then one store takes ${FIT_ROWS.toLocaleString('en-US')}.
The resident set includes the decoder and memory that the collector has not returned.`,
			command: `npm run bench -- ingest --rows ${rows} --rounds ${rounds}`,
			versions: {},
			goals: [
				{ goal: '300,000 rows a second on one core', figure: spreadText(fast), met: fast.median >= 300_000 },
				{ goal: 'the same in CPU time', figure: spreadText(perCpu), met: perCpu.median >= 300_000 },
				{
					goal: '1,000,000 exchanges with small bodies held within `--max-memory 512MiB`',
					figure: counted.toLocaleString('en-US'),
					met: counted === FIT_ROWS,
				},
				{ goal: 'at most 400 bytes per row in addition to the bytes kept', figure: figure(beyond), met: beyond <= 400 },
			],
			figures: result,
		},
		write,
	);
}

/** Available because bench.ts starts the benchmark with --expose-gc. */
function collect(): void {
	globalThis.gc?.();
	globalThis.gc?.();
}

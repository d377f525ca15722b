// The process that `npm run bench -- quick` starts in each checkout: for every line that it reads, it does the measured
// work once and prints the CPU time of each part. It imports the modules of its own checkout, so that checkouts with
// different folders and functions can be compared. Do not change its output format.
//
//   node --expose-gc --single-threaded --import tsx scripts/bench/quick-work.ts decode|ingest|sql
import { createInterface } from 'node:readline';
import { compileCondition, executeSync, prepare } from '../../src/sql/sql.ts';
import { queriesFor } from '../../support/queries.ts';
import { databaseOf, takeIn } from '../../support/traffic.ts';
import { decodeBatches, newDecoder, shortConnections } from './decoder-run.ts';
import { batchesOf, KINDS } from './spoken.ts';

/** `work` describes the work done, which must be the same in both checkouts. */
export type Part = { readonly seconds: number; readonly work: string };
/** The result of one repetition, by name of the part. */
export type Parts = Readonly<Record<string, Part>>;

const INGEST_ROWS = 15_000;
const SQL_ROWS = 20_000;
const STORE_BYTES = 2 ** 30;
/** Exchanges of each kind; some kinds use only a share of this. */
const SPOKEN = 1_500;
const SHORT_CONNECTIONS = 1_500;
/**
 * Each repetition decodes the same records this many times, in new decoders, because making records takes longer than
 * decoding them.
 */
const DECODER_RUNS = 6;
const FILTER_RUNS = 12;
const CONDITION = "path LIKE '/api/users/1%' AND duration_ms > 10";

/** CPU time of the process in seconds. It depends little on other programs. */
function cpu(): number {
	const { user, system } = process.cpuUsage();
	return (user + system) / 1e6;
}

/** Each function prepares its data and returns a function that does one repetition. */
const MEASUREMENTS: Readonly<Record<string, () => () => Parts>> = {
	decode() {
		const kinds = KINDS.map((kind) => {
			const list = Array.from({ length: Math.ceil(SPOKEN * kind.share) }, (_, i) => kind.exchange(i));
			return { name: kind.name, batches: batchesOf(list), decoder: () => newDecoder(kind) };
		});
		const short = [shortConnections(0, SHORT_CONNECTIONS)];
		kinds.push({ name: 'connections of one exchange', batches: short, decoder: () => newDecoder() });
		return () =>
			Object.fromEntries(
				kinds.map(({ name, batches, decoder }) => {
					let seconds = 0;
					let work = '';
					for (let run = 0; run < DECODER_RUNS; run++) {
						const found = decodeBatches(decoder(), batches, cpu);
						seconds += found.seconds;
						work = `${found.messages} messages, ${found.bodyBytes} bytes of bodies`;
					}
					return [name, { seconds, work }];
				}),
			);
	},
	ingest() {
		return () => {
			const { rows, wireBytes, cpuSeconds } = takeIn(INGEST_ROWS, STORE_BYTES);
			return { 'decoder and store': { seconds: cpuSeconds, work: `${rows} rows, ${wireBytes} bytes` } };
		};
	},
	sql() {
		const intake = takeIn(SQL_ROWS, STORE_BYTES);
		const database = databaseOf(intake);
		const exchanges = database.tables.get('exchanges')!;
		const queries = queriesFor(Math.floor(SQL_ROWS / 2));
		const condition = compileCondition(CONDITION, exchanges.columns);
		return () => {
			const parts: Record<string, Part> = {};
			for (const { name, sql } of queries) {
				const start = cpu();
				const { rows } = executeSync(prepare(sql, database), database);
				parts[name] = { seconds: cpu() - start, work: `${rows.length} rows of ${SQL_ROWS}: ${sql}` };
			}
			// V8 compiles the loop in the middle of some repetitions, which takes longer than the loop.
			let hits = 0;
			let seconds = Number.POSITIVE_INFINITY;
			for (let again = 0; again < FILTER_RUNS; again++) {
				const start = cpu();
				hits = 0;
				for (let row = 0; row < exchanges.rowCount; row++) if (condition(exchanges, row)) hits++;
				seconds = Math.min(seconds, cpu() - start);
			}
			parts['live filter'] = { seconds, work: `${hits} rows of ${SQL_ROWS}: ${CONDITION}` };
			return parts;
		};
	},
};

const repeat = MEASUREMENTS[process.argv[2] ?? '']?.();
if (repeat === undefined)
	throw new Error(`expected one of ${Object.keys(MEASUREMENTS).join(', ')}, got ${process.argv[2]}`);
for await (const _ of createInterface({ input: process.stdin })) {
	globalThis.gc?.();
	console.log(JSON.stringify(repeat()));
}

// What `npm run bench -- quick` asks of a checkout: a process that does one measurement's work whenever it reads a line,
// and answers with the CPU time of each part. It is the checkout's own code and imports the checkout's own modules, so
// that two checkouts can be compared whose folders and functions differ. Keep what it prints as it is.
//
//   node --expose-gc --single-threaded --import tsx scripts/bench/quick-work.ts decode|ingest|sql
import { createInterface } from 'node:readline';
import { compileCondition, executeSync, prepare } from '../../src/sql/sql.ts';
import { queriesFor } from '../../support/queries.ts';
import { databaseOf, takeIn } from '../../support/traffic.ts';
import { decodeBatches, newDecoder, shortConnections } from './decoder-run.ts';
import { batchesOf, KINDS } from './spoken.ts';

/** `work` says what was done: parts of two checkouts are compared only if these are equal. */
export type Part = { readonly seconds: number; readonly work: string };
/** One repetition, by name of the part. */
export type Parts = Readonly<Record<string, Part>>;

const INGEST_ROWS = 15_000;
const SQL_ROWS = 20_000;
const STORE_BYTES = 2 ** 30;
/** Exchanges of each kind, before its own share. */
const SPOKEN = 1_500;
const SHORT_CONNECTIONS = 1_500;
/** Making records takes longer than decoding them: each repetition decodes the same ones so often, in new decoders. */
const DECODER_RUNS = 6;
const CONDITION = "path LIKE '/api/users/1%' AND duration_ms > 10";

/** CPU time of the process, which other programs lengthen little. With --single-threaded no other thread of ours is in it. */
function cpu(): number {
	const { user, system } = process.cpuUsage();
	return (user + system) / 1e6;
}

/** Each makes ready and returns one repetition. */
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
			const start = cpu();
			let hits = 0;
			for (let row = 0; row < exchanges.rowCount; row++) if (condition(exchanges, row)) hits++;
			parts['live filter'] = { seconds: cpu() - start, work: `${hits} rows of ${SQL_ROWS}: ${CONDITION}` };
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

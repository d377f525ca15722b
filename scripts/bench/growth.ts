// How time and memory grow with the number of exchanges, connections and processes. Generated recordings go through the
// decoder into the store, in one thread. An exponent of 1 means linear growth of a total, 0 a constant cost per item.
import { executeSync, prepare } from '../../src/sql/sql.ts';
import { databaseOf, type Intake, takeIn } from '../../support/traffic.ts';
import { publish } from './page.ts';
import { figure, spreadOf, spreadText, table } from './rounds.ts';

export type GrowthOptions = {
	readonly rows: number;
	readonly rounds: number;
	readonly write: boolean;
	readonly command: string;
};

const MEMORY = 16 * 2 ** 30;
const CONNECTIONS = [1, 10, 100, 1000, 10_000, 100_000];
const PROCESSES = [1, 4, 16, 64];
/** Number of exchanges while something else grows. */
const FIXED = 100_000;
/** Larger sizes are measured in one round. */
const ONE_ROUND = 1_000_000;
/** Below this size, constant costs dominate and would hide how large sizes grow. */
const SETTLED = 10_000;
const QUERY = 'SELECT host, count(*), avg(duration_ms) FROM exchanges WHERE status >= 400 GROUP BY host';

type Sample = { readonly size: number; readonly us: readonly number[]; readonly cells: readonly string[] };

export function benchGrowth({ rows: largest, rounds, write, command }: GrowthOptions): void {
	takeIn(20_000, MEMORY);
	const exchanges: Sample[] = [];
	const queries: { size: number; ms: number }[] = [];
	const memory: { size: number; bytes: number }[] = [];
	for (let size = 1000; size <= largest; size *= 10) {
		const us: number[] = [];
		const queryMs: number[] = [];
		let bytes = 0;
		for (let round = 0; round < (size > ONE_ROUND ? 1 : rounds); round++) {
			const intake = take(size, {});
			us.push(microseconds(intake));
			bytes = intake.store.memoryBytes + intake.decoder.memoryUsed();
			const database = databaseOf(intake);
			const before = process.cpuUsage();
			executeSync(prepare(QUERY, database), database);
			const { user, system } = process.cpuUsage(before);
			queryMs.push((user + system) / 1000);
		}
		const query = spreadOf(queryMs);
		queries.push({ size, ms: query.median });
		memory.push({ size, bytes });
		exchanges.push({ size, us, cells: [figure(bytes / 2 ** 20), figure(bytes / size), spreadText(query)] });
		console.log(`${size} exchanges: ${figure(spreadOf(us).median)} µs per exchange`);
	}
	const others = (sizes: readonly number[], what: 'connections' | 'processes'): Sample[] =>
		sizes.map((size) => {
			const us: number[] = [];
			let decoder = 0;
			// Each connection has at least two exchanges.
			const count = Math.max(FIXED, what === 'connections' ? size * 2 : 0);
			for (let round = 0; round < rounds; round++) {
				const intake = take(count, { [what]: size });
				us.push(microseconds(intake));
				decoder = intake.decoder.memoryUsed();
			}
			console.log(`${size} ${what}: ${figure(spreadOf(us).median)} µs per exchange`);
			return { size, us, cells: [figure(decoder / 2 ** 20)] };
		});
	const connections = others(CONNECTIONS, 'connections');
	const processes = others(PROCESSES, 'processes');

	const perExchange = (samples: readonly Sample[]) =>
		exponent(samples.map(({ size, us }) => [size, spreadOf(us).median]));
	const total = 1 + perExchange(exchanges.filter(({ size }) => size >= SETTLED));
	const large = <T extends { size: number }>(list: readonly T[]) => list.filter(({ size }) => size >= SETTLED);
	const byQuery = exponent(large(queries).map(({ size, ms }) => [size, ms]));
	const byMemory = exponent(large(memory).map(({ size, bytes }) => [size, bytes]));
	const worst = Math.max(total, byQuery, byMemory, perExchange(connections), perExchange(processes));
	const tableOf = (samples: readonly Sample[], head: readonly string[]) =>
		table(
			head,
			samples.map(({ size, us, cells }) => [size.toLocaleString('en-US'), spreadText(spreadOf(us)), ...cells]),
		);
	publish(
		{
			name: 'growth',
			title: 'Growth',
			method: `Capture records of keep-alive connections go through the decoder into the store as in *Ingest*, ${rounds} rounds after one to warm up (one round above a million exchanges). There are 200 connections of 4 processes
unless stated otherwise. When connections or processes grow, there are ${FIXED.toLocaleString('en-US')} exchanges, or two per connection. Every exchange must have its row. The exponent is the slope of a straight line through the
logarithms (of exchanges from ${SETTLED.toLocaleString('en-US')} on, because constant costs dominate below that). For the total time, memory (store and decoder) and a statement's time it is taken against the number of exchanges;
for the time per exchange, against connections and processes (0: more of them cost nothing). The statement is \`${QUERY}\`.
All times are CPU times.`,
			command,
			versions: {},
			goals: [
				{
					goal: 'nothing grows faster than linearly: every exponent at most 1.05',
					figure: `time of exchanges ${figure(total)}, memory ${figure(byMemory)}, statement ${figure(byQuery)}; time of each by connections ${figure(perExchange(connections))}, by processes ${figure(perExchange(processes))}`,
					met: worst <= 1.05,
				},
			],
			figures: [
				tableOf(exchanges, ['exchanges', 'µs each', 'memory, MiB', 'bytes each', 'statement, ms']),
				tableOf(connections, ['connections', 'µs per exchange', 'decoder afterwards, MiB']),
				tableOf(processes, ['processes', 'µs per exchange', 'decoder afterwards, MiB']),
			].join('\n\n'),
		},
		write,
	);
}

function take(count: number, shape: { connections?: number; processes?: number }): Intake {
	globalThis.gc?.();
	const intake = takeIn(count, MEMORY, shape);
	if (intake.rows !== count) throw new Error(`expected ${count} rows, got ${intake.rows}`);
	return intake;
}

function microseconds({ rows, cpuSeconds }: Intake): number {
	return (cpuSeconds * 1e6) / rows;
}

/** Slope of the line through (log x, log y), by least squares. */
function exponent(points: readonly (readonly [number, number])[]): number {
	const logs = points.map(([x, y]) => [Math.log(x), Math.log(y)] as const);
	const mean = (index: 0 | 1) => logs.reduce((sum, point) => sum + point[index], 0) / logs.length;
	const [x, y] = [mean(0), mean(1)];
	const above = logs.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0);
	return above / logs.reduce((sum, point) => sum + (point[0] - x) ** 2, 0);
}

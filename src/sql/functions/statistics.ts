// Quantiles, deviations and sparklines. In the examples, `x` is 1, 2, 3, 4.
import { SqlError } from '../limits/sql-error.ts';
import { Float64List } from '../values/growing-array.ts';
import { Interval, intervalOf, totalMicros } from '../values/interval.ts';
import { applyNumeric, compareValues, foldAscii, toDouble, toText, type Value, valueBytes } from '../values/value.ts';
import { realOrInterval } from './aggregates.ts';
import type { Accumulator, AggregateContext, AggregateFunction, Argument, FunctionDoc } from './function-table.ts';
import { quantile } from './quantile.ts';

function doc(name: string, signature: string, text: string, example: FunctionDoc['example'], count = 1): FunctionDoc {
	return { name, signature, doc: text, example, group: 'aggregate', minArguments: count, maxArguments: count };
}

export const STATISTICS: readonly AggregateFunction[] = [
	fixedQuantile('median', 'the middle value, or the mean of the two middle values', 2.5, 0.5),
	fixedQuantile('p50', 'the same as median', 2.5, 0.5),
	fixedQuantile('p90', '90 % of the values are at most this', 3.7, 0.9),
	fixedQuantile('p95', '95 % of the values are at most this', 3.8499999999999996, 0.95),
	fixedQuantile('p99', '99 % of the values are at most this', 3.9699999999999998, 0.99),
	{
		...doc(
			'percentile',
			'percentile(number, q)',
			'the value at fraction q of the sorted values, interpolated; q is from 0 to 1, or a percentage above 1',
			['percentile(x, 0.25)', 1.75],
			2,
		),
		type: realOrInterval,
		accepts: 'amount',
		create: ([argument, q], context) => {
			let fraction = Number.NaN;
			return collected(
				argument!,
				context,
				amounts(argument!, (values: Float64Array) => quantile(values, fraction, context.poll)),
				() => {
					fraction = fractionOf(q!.value());
				},
			);
		},
	},
	{
		...doc(
			'percentile_cont',
			'percentile_cont(q) WITHIN GROUP (ORDER BY number)',
			'the value at fraction q of the sorted values, interpolated; q is from 0 to 1; also percentile_cont(number, q)',
			['percentile_cont(0.25) WITHIN GROUP (ORDER BY x)', 1.75],
		),
		type: realOrInterval,
		accepts: 'amount',
		ordered: true,
		numbersOnly: true,
		create: ([argument, q, isDescending], context) => {
			const fraction = fractions(q!, 'percentile_cont');
			let descends = false;
			return collected(
				argument!.type === 'interval'
					? argument!
					: { ...argument!, number: argument!.number ?? strictNumber(argument!, 'percentile_cont') },
				context,
				amounts(argument!, (values: Float64Array) => {
					const at = fraction.value;
					if (at === null) return null;
					if (!descends) return quantile(values, at, context.poll);
					// The largest value first: negative values in the usual order.
					const result = quantile(
						values.map((value) => -value),
						at,
						context.poll,
					);
					return result === null ? null : 0 - result;
				}),
				() => {
					fraction.read();
					descends = isDescending!.value() === 1;
				},
			);
		},
	},
	{
		...doc(
			'percentile_disc',
			'percentile_disc(q) WITHIN GROUP (ORDER BY value)',
			'the first of the sorted values that at least fraction q of them do not exceed; any values; also percentile_disc(value, q)',
			['percentile_disc(0.3) WITHIN GROUP (ORDER BY x)', 2],
		),
		type: ([type]) => type!,
		ordered: true,
		create: ([argument, q, isDescending], context) => discrete(argument!, q!, isDescending!, context),
	},
	{
		...doc('stddev', 'stddev(number)', 'standard deviation of a sample; NULL for fewer than two values', [
			'stddev(x)',
			1.2909944487358056,
		]),
		type: realOrInterval,
		accepts: 'amount',
		create: ([argument]) =>
			spread(
				argument!,
				amounts(argument!, (sumOfSquares: number, count: number) =>
					count < 2 ? null : Math.sqrt(sumOfSquares / (count - 1)),
				),
			),
	},
	{
		...doc('stddev_pop', 'stddev_pop(number)', 'standard deviation of the whole population', [
			'stddev_pop(x)',
			1.118033988749895,
		]),
		type: realOrInterval,
		accepts: 'amount',
		create: ([argument]) =>
			spread(
				argument!,
				amounts(argument!, (sumOfSquares: number, count: number) =>
					count < 1 ? null : Math.sqrt(sumOfSquares / count),
				),
			),
	},
	{
		...doc('sparkline', 'sparkline(number)', 'the values in order, as a line of at most 40 small bars', [
			'sparkline(x)',
			'▁▃▆█',
		]),
		type: 'text',
		accepts: 'amount',
		create: ([argument], context) => collected(argument!, context, sparkline, undefined, true),
	},
];

function fixedQuantile(name: string, text: string, example: number, q: number): AggregateFunction {
	return {
		...doc(name, `${name}(number)`, text, [`${name}(x)`, example]),
		type: realOrInterval,
		accepts: 'amount',
		create: ([argument], context) =>
			collected(
				argument!,
				context,
				amounts(argument!, (values: Float64Array) => quantile(values, q, context.poll)),
			),
	};
}

/** Returns the result, computed in microseconds, as an interval if the argument is one. */
function amounts<Arguments extends unknown[]>(
	argument: Argument,
	compute: (...list: Arguments) => Value,
): (...list: Arguments) => Value {
	if (argument.type !== 'interval') return compute;
	return (...list) => {
		const micros = compute(...list);
		return micros === null ? null : intervalOf(0, toDouble(micros));
	};
}

function fractionOf(value: Value): number {
	const given = value === null ? Number.NaN : toDouble(value);
	const fraction = given > 1 ? given / 100 : given;
	if (!(fraction >= 0 && fraction <= 1)) {
		throw new SqlError(
			'expected a number from 0 to 1, or up to 100 in percent, as second argument of percentile()',
			'ERR_SQL_VALUE',
		);
	}
	return fraction;
}

/** A text that is not a number is an error, not 0. */
function strictNumber({ value }: Argument, name: string): () => number {
	return () => {
		const given = value();
		const number = applyNumeric(given);
		if (typeof number === 'string' || number instanceof Uint8Array) {
			const got = typeof given === 'string' ? `'${given.slice(0, 40)}'` : 'a blob';
			throw new SqlError(`${name}() needs numbers, got ${got}`, 'ERR_SQL_VALUE');
		}
		return toDouble(number);
	};
}

/** The fraction of percentile_cont() and percentile_disc() in the last row read. */
function fractions(q: Argument, name: string): { value: number | null; readonly read: () => void } {
	const fraction: { value: number | null; read: () => void } = {
		value: null,
		read: () => {
			const given = q.value();
			const number = given === null ? null : toDouble(given);
			if (number !== null && !(number >= 0 && number <= 1)) {
				throw new SqlError(
					`expected a fraction from 0 to 1 in ${name}(), got ${toText(given!).slice(0, 40)}`,
					'ERR_SQL_VALUE',
					undefined,
					`${name}(0.95) WITHIN GROUP (ORDER BY duration_ms) is the 95th percentile`,
				);
			}
			fraction.value = number;
		},
	};
	return fraction;
}

/** Values of any types in each group; the result is one of them. */
function discrete(
	{ value, nocase }: Argument,
	q: Argument,
	isDescending: Argument,
	{ grow, poll }: AggregateContext,
): Accumulator {
	const fraction = fractions(q, 'percentile_disc');
	let sign = 1;
	let groups: (Value[] | undefined)[] = [];
	let steps = 0;
	const fold = (each: Value) => (nocase && typeof each === 'string' ? foldAscii(each) : each);
	const compare = (a: Value, b: Value) => {
		if ((++steps & 0xfff) === 0) poll();
		return sign * compareValues(fold(a), fold(b));
	};
	return {
		step: (group) => {
			fraction.read();
			sign = isDescending.value() === 1 ? -1 : 1;
			const current = value();
			if (current === null) return;
			grow(8 + valueBytes(current));
			groups[group] ??= [];
			groups[group].push(current);
		},
		result: (group) => {
			const list = groups[group];
			if (list === undefined || fraction.value === null) return null;
			const place = Math.max(0, Math.ceil(fraction.value * list.length) - 1);
			return [...list].sort(compare)[place]!;
		},
		reset: () => {
			groups = [];
		},
	};
}

function numberOf(argument: Argument): () => number {
	if (argument.type === 'interval') {
		return () => {
			const interval = argument.value();
			return interval instanceof Interval ? totalMicros(interval) : Number.NaN;
		};
	}
	return argument.number ?? (() => toDouble(argument.value()));
}

/** Keeps all values of each group. `onStep` is called before each value. */
function collected(
	argument: Argument,
	{ grow }: AggregateContext,
	finish: (values: Float64Array) => Value,
	onStep?: () => void,
	inOrder = false,
): Accumulator {
	const number = numberOf(argument);
	const { numbers } = argument;
	let lists: (Float64List | undefined)[] = [];
	return {
		step: (group) => {
			onStep?.();
			const value = number();
			if (Number.isNaN(value)) return;
			lists[group] ??= new Float64List();
			grow(8);
			lists[group].push(value);
		},
		...(numbers !== undefined &&
			onStep === undefined && {
				steps: (groups: Int32Array, rows: Int32Array, count: number) => {
					const values = numbers(rows, count);
					grow(8 * count);
					for (let i = 0; i < count; i++) {
						const value = values[i]!;
						if (Number.isNaN(value)) continue;
						const group = groups[i]!;
						let list = lists[group];
						if (list === undefined) {
							list = new Float64List();
							lists[group] = list;
						}
						list.push(value);
					}
				},
			}),
		result: (group) => {
			const list = lists[group];
			if (list === undefined) return null;
			// `finish` may reorder the values. A growing window frame needs several results, so the list must not change.
			return finish(inOrder ? list.view : list.view.slice());
		},
		reset: () => {
			lists = [];
		},
	};
}

/** Welford's algorithm, which stays accurate if the mean is far from 0. */
function spread(argument: Argument, finish: (sumOfSquares: number, count: number) => Value): Accumulator {
	const number = numberOf(argument);
	let groups: ({ count: number; mean: number; squares: number } | undefined)[] = [];
	return {
		step: (group) => {
			const value = number();
			if (Number.isNaN(value)) return;
			groups[group] ??= { count: 0, mean: 0, squares: 0 };
			const state = groups[group];
			state.count++;
			const delta = value - state.mean;
			state.mean += delta / state.count;
			state.squares += delta * (value - state.mean);
		},
		result: (group) => {
			const state = groups[group];
			return state === undefined ? null : finish(state.squares, state.count);
		},
		reset: () => {
			groups = [];
		},
	};
}

const BARS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const MAX_BARS = 40;

/** If there are more values than bars, each bar is the average of an equal share of them. */
function sparkline(values: Float64Array): string | null {
	if (values.length === 0) return null;
	const bars = Math.min(MAX_BARS, values.length);
	const heights: number[] = [];
	for (let bar = 0; bar < bars; bar++) {
		const from = Math.floor((bar * values.length) / bars);
		const to = Math.floor(((bar + 1) * values.length) / bars);
		let sum = 0;
		for (let index = from; index < to; index++) sum += values[index]!;
		heights.push(sum / (to - from));
	}
	const low = Math.min(...heights);
	const high = Math.max(...heights);
	return heights
		.map((height) => BARS[high === low ? 0 : Math.round(((height - low) / (high - low)) * (BARS.length - 1))])
		.join('');
}

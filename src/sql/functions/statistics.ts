// Quantiles, deviations and sparklines. In the examples, `x` is 1, 2, 3, 4.
import { SqlError } from '../limits/sql-error.ts';
import { Float64List } from '../values/growing-array.ts';
import { toDouble, type Value } from '../values/value.ts';
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
		type: 'real',
		create: ([argument, q], context) => {
			let fraction = Number.NaN;
			return collected(
				argument!,
				context,
				(values) => quantile(values, fraction, context.poll),
				() => {
					fraction = fractionOf(q!.value());
				},
			);
		},
	},
	{
		...doc('stddev', 'stddev(number)', 'standard deviation of a sample; NULL for fewer than two values', [
			'stddev(x)',
			1.2909944487358056,
		]),
		type: 'real',
		create: ([argument]) =>
			spread(argument!, (sumOfSquares, count) => (count < 2 ? null : Math.sqrt(sumOfSquares / (count - 1)))),
	},
	{
		...doc('stddev_pop', 'stddev_pop(number)', 'standard deviation of the whole population', [
			'stddev_pop(x)',
			1.118033988749895,
		]),
		type: 'real',
		create: ([argument]) =>
			spread(argument!, (sumOfSquares, count) => (count < 1 ? null : Math.sqrt(sumOfSquares / count))),
	},
	{
		...doc('sparkline', 'sparkline(number)', 'the values in order, as a line of at most 40 small bars', [
			'sparkline(x)',
			'▁▃▆█',
		]),
		type: 'text',
		create: ([argument], context) => collected(argument!, context, sparkline, undefined, true),
	},
];

function fixedQuantile(name: string, text: string, example: number, q: number): AggregateFunction {
	return {
		...doc(name, `${name}(number)`, text, [`${name}(x)`, example]),
		type: 'real',
		create: ([argument], context) => collected(argument!, context, (values) => quantile(values, q, context.poll)),
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

function numberOf(argument: Argument): () => number {
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
function spread(argument: Argument, finish: (sumOfSquares: number, count: number) => number | null): Accumulator {
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

/** If there are more values than bars, each bar is the average of an equal part of them. */
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

// SQLite's aggregates and a few more. In the examples, `x` is 1, 2, 3, 4.
import { integerArithmetic } from '../values/arithmetic.ts';
import { Float64List } from '../values/growing-array.ts';
import { addIntervals, Interval, scaleInterval } from '../values/interval.ts';
import {
	applyNumeric,
	compareValues,
	foldAscii,
	Real,
	type StaticType,
	toDouble,
	toNumber,
	toReal,
	toText,
	type Value,
} from '../values/value.ts';
import type { Accumulator, AggregateContext, AggregateFunction, Argument, FunctionDoc } from './function-table.ts';
import { jsonOf } from './json.ts';
import { sparkline } from './sparkline.ts';

function doc(
	name: string,
	signature: string,
	text: string,
	example: FunctionDoc['example'],
	max = 1,
	min = max,
): FunctionDoc {
	return { name, signature, doc: text, example, group: 'aggregate', minArguments: min, maxArguments: max };
}

const first = ([type]: readonly StaticType[]): StaticType => type!;

export function realOrInterval([type]: readonly StaticType[]): StaticType {
	return type === 'interval' ? 'interval' : 'real';
}

export const AGGREGATES: readonly AggregateFunction[] = [
	{
		...doc('count', 'count(*) or count(value)', 'rows, or values that are not NULL', ['count(*)', 4], 1, 0),
		type: 'int',
		create: ([argument]) => counter(isPresent(argument), argument?.numbers),
	},
	{
		...doc('count_if', 'count_if(condition)', 'rows for which the condition is true', ['count_if(x > 1)', 3]),
		type: 'int',
		create: ([argument]) => counter(() => toDouble(argument!.value()) !== 0 && argument!.value() !== null),
	},
	{
		...doc('sum', 'sum(number)', 'total; NULL when there is no value', ['sum(x)', 10]),
		type: ([type]) => (type === 'int' || type === 'real' || type === 'interval' ? type : 'any'),
		accepts: 'amount',
		create: ([argument]) =>
			argument!.type === 'interval'
				? intervalSum(argument!, (sum) => sum ?? null)
				: argument!.type === 'real'
					? realSum(argument!, (sum, count) => (count === 0 ? null : sum))
					: exactSum(argument!),
	},
	{
		...doc('total', 'total(number)', 'total as a REAL; 0.0 when there is no value', ['total(x)', 10]),
		type: realOrInterval,
		accepts: 'amount',
		create: ([argument]) =>
			argument!.type === 'interval'
				? intervalSum(argument!, (sum) => sum ?? new Interval(0, 0))
				: realSum(argument!, (sum) => sum),
	},
	{
		...doc('avg', 'avg(number)', 'mean; NULL when there is no value', ['avg(x)', 2.5]),
		type: realOrInterval,
		accepts: 'amount',
		create: ([argument]) =>
			argument!.type === 'interval'
				? intervalSum(argument!, (sum, count) => sum && scaleInterval(sum, 1 / count))
				: realSum(argument!, (sum, count) => (count === 0 ? null : sum / count)),
	},
	{
		...doc('min', 'min(value)', 'smallest value', ['min(x)', 1]),
		type: first,
		extreme: 'min',
		create: ([argument], context) => extreme(argument!, -1, context),
	},
	{
		...doc('max', 'max(value)', 'largest value', ['max(x)', 4]),
		type: first,
		extreme: 'max',
		create: ([argument], context) => extreme(argument!, 1, context),
	},
	{
		...doc(
			'group_concat',
			'group_concat(value [, separator] [ORDER BY …])',
			'all values as one text, with commas or another separator',
			["group_concat(x, '-')", '1-2-3-4'],
			2,
			1,
		),
		type: 'text',
		create: (list, context) => concatenation(list, context),
	},
	{
		...doc('json_group_array', 'json_group_array(value [ORDER BY …])', 'all values as a JSON array', [
			'json_group_array(x)',
			'[1,2,3,4]',
		]),
		type: 'text',
		output: 'json',
		create: jsonArray,
	},
	{
		...doc(
			'spark',
			'spark(number [ORDER BY …])',
			'a small bar for each number (at most 60, which then stand for means), from 0 up; a space for NULL',
			['spark(x)', '▃▅▇█'],
		),
		type: 'text',
		accepts: 'number',
		create: sparks,
	},
	{
		...doc(
			'json_group_object',
			'json_group_object(name, value)',
			'all pairs as a JSON object',
			["json_group_object('k' || x, x)", '{"k1":1,"k2":2,"k3":3,"k4":4}'],
			2,
		),
		type: 'text',
		output: 'json',
		create: jsonObject,
	},
];

function isPresent(argument: Argument | undefined): (() => boolean) | undefined {
	if (argument === undefined) return undefined;
	const { number } = argument;
	if (number !== undefined) return () => !Number.isNaN(number());
	return () => argument.value() !== null;
}

/** Counts rows for which `counts` is true, or all rows. `numbers`: `counts` is true where these are not NaN. */
function counter(counts: (() => boolean) | undefined, numbers?: Argument['numbers']): Accumulator {
	let totals = new Float64List();
	const grow = (group: number) => {
		while (totals.length <= group) totals.push(0);
	};
	return {
		step: (group) => {
			if (group >= totals.length) grow(group);
			if (counts === undefined || counts()) totals.set(group, totals.at(group) + 1);
		},
		...(counts === undefined && {
			addRows: (group: number, rows: number) => {
				grow(group);
				totals.set(group, totals.at(group) + rows);
			},
		}),
		...((counts === undefined || numbers !== undefined) && {
			steps: (groups: Int32Array, rows: Int32Array, count: number, end: number) => {
				const list = totals.atLeast(end, 0);
				const values = numbers?.(rows, count);
				if (values === undefined) for (let i = 0; i < count; i++) list[groups[i]!]!++;
				else for (let i = 0; i < count; i++) if (!Number.isNaN(values[i]!)) list[groups[i]!]!++;
			},
		}),
		result: (group) => (group < totals.length ? totals.at(group) : 0),
		reset: () => {
			totals = new Float64List();
		},
	};
}

/** Sums doubles without error compensation, in the order of the rows, as SQLite 3.40 does. */
function realSum(argument: Argument, finish: (sum: number, count: number) => number | null): Accumulator {
	const number = argument.number ?? (() => toDouble(argument.value()));
	const { numbers } = argument;
	let sums = new Float64List();
	let counts = new Float64List();
	const grow = (group: number) => {
		while (sums.length <= group) {
			sums.push(0);
			counts.push(0);
		}
	};
	return {
		step: (group) => {
			if (group >= sums.length) grow(group);
			const value = number();
			if (Number.isNaN(value)) return;
			sums.set(group, sums.at(group) + value);
			counts.set(group, counts.at(group) + 1);
		},
		...(numbers !== undefined && {
			steps: (groups: Int32Array, rows: Int32Array, count: number, end: number) => {
				const values = numbers(rows, count);
				const sumOf = sums.atLeast(end, 0);
				const countOf = counts.atLeast(end, 0);
				for (let i = 0; i < count; i++) {
					const value = values[i]!;
					if (Number.isNaN(value)) continue;
					const group = groups[i]!;
					sumOf[group]! += value;
					countOf[group]!++;
				}
			},
		}),
		result: (group) => {
			const result = group < sums.length ? finish(sums.at(group), counts.at(group)) : finish(0, 0);
			return result === null || Number.isNaN(result) ? null : result;
		},
		reset: () => {
			sums = new Float64List();
			counts = new Float64List();
		},
	};
}

/** Adds months and microseconds, which is exact. `finish` gets undefined if there is no value. */
function intervalSum(
	argument: Argument,
	finish: (sum: Interval | undefined, count: number) => Interval | null | undefined,
): Accumulator {
	let sums: (Interval | undefined)[] = [];
	let counts: number[] = [];
	const { value } = argument;
	return {
		step: (group) => {
			const current = value() as Interval | null;
			if (current === null) return;
			const before = sums[group];
			sums[group] = before === undefined ? current : addIntervals(before, current);
			counts[group] = (counts[group] ?? 0) + 1;
		},
		result: (group) => finish(sums[group], counts[group] ?? 0) ?? null,
		reset: () => {
			sums = [];
			counts = [];
		},
	};
}

/** The number that sum() adds. A blob, or a text that is not entirely a number such as '5x', makes the sum a REAL. */
function summand(value: Value): number | bigint | Real | null {
	const number = toNumber(value);
	if (typeof value === 'string' ? typeof applyNumeric(value) !== 'string' : !(value instanceof Uint8Array))
		return number;
	return number instanceof Real ? number : new Real(Number(number));
}

/** The sum is an integer as long as all values are integers. */
function exactSum(argument: Argument): Accumulator {
	let sums: (number | bigint | null)[] = [];
	/** The sums of groups that have a REAL among their values. */
	let reals: (number | undefined)[] = [];
	const { number, value, type } = argument;
	const readInteger = type === 'int' ? number : undefined;
	return {
		step: (group) => {
			if (readInteger !== undefined) {
				const near = readInteger();
				if (Number.isNaN(near)) return;
				const before = sums[group] ?? 0;
				const after = typeof before === 'number' ? before + near : Number.NaN;
				if (Number.isSafeInteger(near) && Number.isSafeInteger(after) && reals[group] === undefined) {
					sums[group] = after;
					return;
				}
			}
			const current = summand(value());
			if (current === null) return;
			const before = sums[group] ?? 0;
			const isInteger = typeof current === 'bigint' || Number.isSafeInteger(current);
			if (isInteger && reals[group] === undefined && (typeof before === 'bigint' || Number.isSafeInteger(before))) {
				sums[group] = integerArithmetic('+', before, current as number | bigint);
				return;
			}
			reals[group] = (reals[group] ?? Number(before)) + (current instanceof Real ? current.value : Number(current));
			sums[group] = 0;
		},
		result: (group) => {
			const real = reals[group];
			if (real !== undefined) return type === 'int' ? real : toReal(real);
			return sums[group] ?? null;
		},
		reset: () => {
			sums = [];
			reals = [];
		},
	};
}

function extreme(argument: Argument, sign: 1 | -1, { grow }: AggregateContext): Accumulator {
	if (argument.number !== undefined && argument.type === 'real') return realExtreme(argument.number, sign);
	let best: Value[] = [];
	const { value, nocase } = argument;
	return {
		step: (group) => {
			const current = value();
			if (current === null) return false;
			const before = best[group];
			if (before === undefined) grow(typeof current === 'string' ? 32 + current.length : 32);
			else if (sign * compareWith(nocase, current, before) <= 0) return false;
			best[group] = current;
			return true;
		},
		result: (group) => best[group] ?? null,
		reset: () => {
			best = [];
		},
	};
}

function compareWith(nocase: boolean, a: Value, b: Value): number {
	if (nocase && typeof a === 'string' && typeof b === 'string') return compareValues(foldAscii(a), foldAscii(b));
	return compareValues(a, b);
}

function realExtreme(number: () => number, sign: 1 | -1): Accumulator {
	let best = new Float64List();
	return {
		step: (group) => {
			while (best.length <= group) best.push(Number.NaN);
			const current = number();
			if (Number.isNaN(current)) return false;
			const before = best.at(group);
			if (sign * current <= sign * before) return false;
			best.set(group, current);
			return true;
		},
		result: (group) => {
			const value = group < best.length ? best.at(group) : Number.NaN;
			return Number.isNaN(value) ? null : value;
		},
		reset: () => {
			best = new Float64List();
		},
	};
}

type Part = { readonly text: string; readonly separator: string; readonly keys: readonly Value[] };

/** Joins the texts of a group's rows. */
function joined(
	textOf: () => string | null,
	separatorOf: () => string,
	finish: (text: string | null) => string | null,
	{ grow, order }: AggregateContext,
): Accumulator {
	let parts: (Part[] | undefined)[] = [];
	return {
		step: (group) => {
			const text = textOf();
			if (text === null) return;
			grow(48 + text.length * 2);
			parts[group] ??= [];
			parts[group].push({ text, separator: separatorOf(), keys: order.map((term) => term.value()) });
		},
		result: (group) => {
			const list = parts[group];
			if (list === undefined) return finish(null);
			const sorted = order.length === 0 ? list : [...list].sort((a, b) => compareParts(a, b, order));
			return finish(sorted.map((part, index) => (index === 0 ? '' : part.separator) + part.text).join(''));
		},
		reset: () => {
			parts = [];
		},
	};
}

function compareParts(a: Part, b: Part, order: AggregateContext['order']): number {
	for (const [at, { descending, nullsFirst }] of order.entries()) {
		const x = a.keys[at]!;
		const y = b.keys[at]!;
		if (x === null || y === null) {
			if (x !== y) return (x === null) === nullsFirst ? -1 : 1;
			continue;
		}
		const result = compareValues(x, y);
		if (result !== 0) return descending ? -result : result;
	}
	return 0;
}

function concatenation([argument, separator]: readonly Argument[], context: AggregateContext): Accumulator {
	const text = () => {
		const value = argument!.value();
		return value === null ? null : toText(value);
	};
	const between = () => {
		const value = separator === undefined ? ',' : separator.value();
		return value === null ? '' : toText(value);
	};
	return joined(text, between, (whole) => whole, context);
}

function jsonArray([argument]: readonly Argument[], context: AggregateContext): Accumulator {
	return joined(
		() => jsonOf(argument!.value(), argument!.output),
		() => ',',
		(whole) => `[${whole ?? ''}]`,
		context,
	);
}

function sparks([argument]: readonly Argument[], context: AggregateContext): Accumulator {
	const text = () => {
		const value = argument!.value();
		return value === null ? '' : String(toDouble(value));
	};
	const numbers = (whole: string) => whole.split(',').map((each) => (each === '' ? null : Number(each)));
	return joined(
		text,
		() => ',',
		(whole) => (whole === null ? null : sparkline(numbers(whole))),
		context,
	);
}

function jsonObject([name, value]: readonly Argument[], context: AggregateContext): Accumulator {
	const pair = () => {
		const key = name!.value();
		return key === null ? null : `${JSON.stringify(toText(key))}:${jsonOf(value!.value(), value!.output)}`;
	};
	return joined(
		pair,
		() => ',',
		(whole) => `{${whole ?? ''}}`,
		context,
	);
}

// The list of window functions; window-results.ts computes them. In the examples, `x` is 1, 2, 3, 4 in this order, and
// the result is that of the third row.
import type { StaticType } from '../values/value.ts';
import type { FunctionDoc, WindowFunction } from './function-table.ts';

function doc(
	name: string,
	signature: string,
	text: string,
	example: FunctionDoc['example'],
	counts: readonly [number, number],
): FunctionDoc {
	return { name, signature, doc: text, example, group: 'window', minArguments: counts[0], maxArguments: counts[1] };
}

const first = ([type]: readonly StaticType[]): StaticType => type!;

/** The type of the first argument, or `any` if the default value has a different type. */
function withDefault([value, , otherwise]: readonly StaticType[]): StaticType {
	return otherwise === undefined || otherwise === 'null' || otherwise === value ? value! : 'any';
}

export const WINDOWS: readonly WindowFunction[] = [
	{
		...doc(
			'row_number',
			'row_number()',
			'1, 2, 3 … within the partition',
			['row_number() OVER (ORDER BY x)', 3],
			[0, 0],
		),
		type: 'int',
	},
	{
		...doc(
			'rank',
			'rank()',
			'rank within the partition, with gaps after equal rows',
			['rank() OVER (ORDER BY x)', 3],
			[0, 0],
		),
		type: 'int',
	},
	{
		...doc(
			'dense_rank',
			'dense_rank()',
			'rank within the partition, without gaps',
			['dense_rank() OVER (ORDER BY x % 2)', 2],
			[0, 0],
		),
		type: 'int',
	},
	{
		...doc(
			'percent_rank',
			'percent_rank()',
			'rank as a fraction from 0 to 1',
			['percent_rank() OVER (ORDER BY x % 2)', 0.6666666666666666],
			[0, 0],
		),
		type: 'real',
	},
	{
		...doc(
			'cume_dist',
			'cume_dist()',
			'fraction of rows that are not after this one',
			['cume_dist() OVER (ORDER BY x)', 0.75],
			[0, 0],
		),
		type: 'real',
	},
	{
		...doc(
			'ntile',
			'ntile(n)',
			'number of the part that contains the row when the partition is split into n',
			['ntile(2) OVER (ORDER BY x)', 2],
			[1, 1],
		),
		type: 'int',
	},
	{
		...doc(
			'lag',
			'lag(value [, rows [, default]])',
			'the value in the previous row, or several rows before',
			['lag(x) OVER (ORDER BY x)', 2],
			[1, 3],
		),
		type: withDefault,
	},
	{
		...doc(
			'lead',
			'lead(value [, rows [, default]])',
			'the value in the next row, or several rows after',
			['lead(x) OVER (ORDER BY x)', 4],
			[1, 3],
		),
		type: withDefault,
	},
	{
		...doc(
			'first_value',
			'first_value(value)',
			'the value in the first row of the frame',
			['first_value(x) OVER (ORDER BY x)', 1],
			[1, 1],
		),
		type: first,
	},
	{
		...doc(
			'last_value',
			'last_value(value)',
			'the value in the last row of the frame',
			['last_value(x) OVER (ORDER BY x)', 3],
			[1, 1],
		),
		type: first,
	},
	{
		...doc(
			'nth_value',
			'nth_value(value, n)',
			'the value in the nth row of the frame',
			['nth_value(x, 2) OVER (ORDER BY x)', 2],
			[2, 2],
		),
		type: first,
	},
];

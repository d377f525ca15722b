// The chart that the header of a saved query names: `bar requests, failed by path`, `line p95_ms over start by path`.
import type { Result } from '../cell-text.ts';
import type { ChartKind } from './chart.ts';

/** Names of columns. `by`: what names the bars, or tells the lines apart. `over`: the times of a line. */
export type ChartWish = {
	readonly kind: ChartKind;
	readonly values: readonly string[];
	readonly over?: string;
	readonly by?: string;
};

const WISH = /^(bar|line)s?\s+(\w+(?:\s*,\s*\w+)*)(?:\s+over\s+(\w+))?(?:\s+by\s+(\w+))?$/i;

/** The first chart that can be drawn; undefined if there is none. */
export function readChartWish(charts: readonly string[]): ChartWish | undefined {
	for (const text of charts) {
		const [, kind, values, over, by] = WISH.exec(text.trim()) ?? [];
		if (kind === undefined || values === undefined || (kind.toLowerCase() === 'line') !== (over !== undefined))
			continue;
		return {
			kind: kind.toLowerCase() === 'bar' ? 'bars' : 'line',
			values: values.split(/\s*,\s*/),
			...(over === undefined ? {} : { over }),
			...(by === undefined ? {} : { by }),
		};
	}
	return undefined;
}

/**
 * The columns that the wish names, in its order. `by` of lines makes a column of each of its values: where a row is of another
 * one, there is no value. Undefined if the result lacks a column.
 */
export function wished({ columns, rows }: Result, { kind, values, over, by }: ChartWish): Result | undefined {
	const place = (name: string) => columns.findIndex((column) => column.name === name);
	const names = kind === 'line' ? [over!, ...values] : by === undefined ? values : [by, ...values];
	const places = names.map(place);
	if (places.includes(-1)) return undefined;
	const chosen = { columns: places.map((at) => columns[at]!), rows: rows.map((row) => places.map((at) => row[at]!)) };
	if (kind !== 'line' || by === undefined) return chosen;
	const key = place(by);
	if (key < 0 || values.length !== 1) return undefined;
	const [time, value] = places as [number, number];
	const keys = [...new Set(rows.map((row) => String(row[key])))];
	const times = [...new Set(rows.map((row) => row[time]!))];
	const found = new Map(rows.map((row) => [`${String(row[time])}\0${String(row[key])}`, row[value]!]));
	return {
		columns: [columns[time]!, ...keys.map((name) => ({ name, type: columns[value]!.type }))],
		rows: times.map((at) => [at, ...keys.map((name) => found.get(`${String(at)}\0${name}`) ?? null)]),
	};
}

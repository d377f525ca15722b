// A result as a chart: which kind suits its columns, and which columns it shows.
import { usageError } from '../../base/errors.ts';
import { parseInstant } from '../../sql/sql-light.ts';
import type { ColumnType, SqlValue } from '../../store/table.ts';
import { NULL_TEXT, numberText, type Result, type ResultColumn } from '../cell-text.ts';
import { drawBars, drawHistogram } from './bars.ts';
import type { ChartStyle, Series } from './chart-style.ts';
import { drawHeat, drawLines, SERIES_MOST, type Times } from './plot.ts';

export const CHART_KINDS = ['bars', 'line', 'histogram', 'heat'] as const;
export type ChartKind = (typeof CHART_KINDS)[number];

/** Rows with bars; a chart of more would be no picture. */
const BARS_MOST = 60;
/** With more values than this for each column of the screen, lines would cover one another. */
const CROWDED = 4;
/** So few numbers are bars of their own. */
const FEW = 8;

/**
 * The lines of a chart. Without `kind`: over time, a line (or a heat map, if there are many values of one column); of one
 * column of numbers, a histogram; otherwise bars. Throws a UserError if the columns do not suit.
 */
export function drawChart(result: Result, kind: ChartKind | undefined, style: ChartStyle): string[] {
	const { columns, rows } = result;
	const time = columns.findIndex(({ type }) => type === 'datetime');
	const numeric = columns.flatMap((column, index) => (isNumber(column, index, rows) ? [index] : []));
	const drawn = kind ?? kindFor(columns, rows, time, numeric, style);
	if (rows.length === 0) return [style.theme.dim('(0 rows)')];
	if (drawn === 'line' || drawn === 'heat') {
		if (time < 0 || numeric.length === 0)
			throw chartError(drawn, 'a column of times and one of numbers', `SELECT ts, duration_ms FROM exchanges`);
		const times: Times = rows.map((row) => instantOf(row[time]!));
		const series = numeric.map((index) => seriesOf(columns, rows, index));
		if (drawn === 'heat') return drawHeat(times, series[0]!, style);
		if (series.length > SERIES_MOST)
			throw chartError(drawn, `at most ${SERIES_MOST} columns of numbers, got ${series.length}`);
		return drawLines(times, series, style);
	}
	if (drawn === 'histogram') {
		if (numeric.length !== 1)
			throw chartError(drawn, `one column of numbers, got ${numeric.length}`, 'SELECT duration_ms FROM exchanges');
		return drawHistogram(seriesOf(columns, rows, numeric[0]!), style);
	}
	return bars(result, numeric, style);
}

function bars({ columns, rows }: Result, numeric: readonly number[], style: ChartStyle): string[] {
	// Of several columns of numbers only, the first one names the bars, as in GROUP BY status.
	const values = numeric.length === columns.length && numeric.length > 1 ? numeric.slice(1) : numeric;
	if (values.length === 0)
		throw chartError('bars', 'a column of numbers', 'SELECT host, count(*) FROM exchanges GROUP BY host');
	const shown = rows.slice(0, BARS_MOST);
	const labels = shown.map((row, number) => {
		const parts = row.filter((_, index) => !values.includes(index)).map(textOf);
		return parts.length === 0 ? String(number + 1) : parts.join('  ');
	});
	const lines = drawBars(
		labels,
		values.map((index) => ({
			...seriesOf(columns, shown, index),
			texts: shown.map((row) => textOf(row[index]!)),
		})),
		style,
	);
	const left = rows.length - shown.length;
	if (left === 0) return lines;
	return [
		...lines,
		style.theme.dim(`not drawn: ${left} more ${left === 1 ? 'row' : 'rows'} (LIMIT or GROUP BY gives fewer)`),
	];
}

function kindFor(
	columns: readonly ResultColumn[],
	rows: Result['rows'],
	time: number,
	numeric: readonly number[],
	style: ChartStyle,
): ChartKind {
	if (time >= 0 && numeric.length > 0 && columns.length === numeric.length + 1) {
		const isCrowded = rows.length > style.columns * CROWDED || isUnordered(rows, time);
		return numeric.length === 1 && isCrowded ? 'heat' : 'line';
	}
	return columns.length === 1 && numeric.length === 1 && rows.length >= FEW ? 'histogram' : 'bars';
}

/** Whether several rows have the same time, so that they are no line. */
function isUnordered(rows: Result['rows'], time: number): boolean {
	return new Set(rows.map((row) => row[time])).size < rows.length;
}

/** `type` is unknown for some expressions: then the values tell. */
function isNumber({ type }: ResultColumn, index: number, rows: Result['rows']): boolean {
	if (type !== null) return (['int', 'float'] as readonly ColumnType[]).includes(type);
	const values = rows.map((row) => row[index]!).filter((value) => value !== null);
	return values.length > 0 && values.every((value) => typeof value === 'number' || typeof value === 'bigint');
}

function seriesOf(columns: readonly ResultColumn[], rows: Result['rows'], index: number): Series {
	const values = rows.map((row) => {
		const value = row[index]!;
		return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : null;
	});
	return { name: columns[index]!.name, values };
}

function instantOf(value: SqlValue): number | null {
	const instant = typeof value === 'string' ? parseInstant(value) : Number.NaN;
	return Number.isNaN(instant) ? null : instant;
}

function textOf(value: SqlValue): string {
	if (value === null) return NULL_TEXT;
	if (typeof value === 'number' || typeof value === 'bigint') return numberText(value);
	return typeof value === 'string' ? value : `<${value.length} bytes>`;
}

function chartError(kind: ChartKind, expected: string, example?: string): Error {
	const hint = example === undefined ? undefined : `.chart ${kind} ${example}`;
	return usageError(`.chart ${kind}: expected ${expected}`, hint);
}

// Charts over time: lines, and heat maps of many values.
import { forTerminal } from '../terminal-text.ts';
import {
	axisCorner,
	axisLine,
	type ChartStyle,
	label,
	niceScale,
	type Scale,
	type Series,
	shortLabel,
	timeLabels,
} from './chart-style.ts';

/** Dots of a braille character, by column and row. */
const DOTS = [
	[0x01, 0x02, 0x04, 0x40],
	[0x08, 0x10, 0x20, 0x80],
] as const;
const BRAILLE = 0x2800;
/** Marks of lines that can be told apart without colours. */
const MARKS = ['*', '+', 'o', 'x', '#', '@'];
const SHADES = { unicode: [' ', '░', '▒', '▓', '█'], ascii: [' ', '.', ':', '*', '#'] };
/** Values that differ by more than this have an axis of powers of ten. */
const GROWING_AXIS = 1000;
/** The narrowest drawing. */
const PLOT_LEAST = 8;

/** Lines that a chart can have. */
export const SERIES_MOST = MARKS.length;

/** Times in microseconds, ascending or not; null for NULL. */
export type Times = readonly (number | null)[];

/** One line for each column of numbers; NULL is a gap. The legend has smallest, largest and last value. */
export function drawLines(times: Times, series: readonly Series[], style: ChartStyle): string[] {
	const { theme, rows } = style;
	const points = times
		.map((us, row) => ({ us, row }))
		.filter((point): point is { us: number; row: number } => point.us !== null)
		.sort((a, b) => a.us - b.us || a.row - b.row);
	const all = series.flatMap(({ values }) => points.map(({ row }) => values[row]!)).filter(isDrawable);
	const [low, high] = rangeOf(all);
	const scale = niceScale(Math.min(0, low), high, Math.max(2, Math.floor(rows / 3)));
	const left = axisWidth(scale);
	const width = Math.max(PLOT_LEAST, style.columns - left - 2);
	const from = points[0]?.us ?? 0;
	const duration = Math.max(1, (points.at(-1)?.us ?? 0) - from);
	// Colours tell braille lines apart; without them, marks do.
	const isFine = style.unicode && (series.length === 1 || theme.dim('x') !== 'x');
	const canvas = new Canvas(width, rows, isFine);
	for (const [index, { values }] of series.entries()) {
		let last: readonly [x: number, y: number] | undefined;
		for (const { us, row } of points) {
			const value = values[row]!;
			if (!isDrawable(value)) {
				last = undefined;
				continue;
			}
			const x = Math.round(((us - from) / duration) * (canvas.width - 1));
			const y = Math.round((1 - (value - scale.low) / (scale.high - scale.low)) * (canvas.height - 1));
			canvas.line(last ?? [x, y], [x, y], index);
			last = [x, y];
		}
	}
	const paints = [theme.number, theme.success, theme.warning, theme.keyword, theme.error, theme.header];
	const legend = series.map(({ name, values }, index) => {
		const known = values.filter(isDrawable);
		const [least, most] = rangeOf(known);
		const mark = isFine ? '⠒' : MARKS[index]!;
		const told =
			known.length === 0 ? 'no values' : `min ${label(least)}, max ${label(most)}, last ${label(known.at(-1)!)}`;
		return `${paints[index]!(mark)} ${forTerminal(name)}: ${told}`;
	});
	return [
		...plotLines(canvas.lines(paints), scale, left, style),
		...timeAxis(from, from + duration, left, width, style),
		...legend,
	];
}

/** How many values are in each cell of time and value. Every value is counted. */
export function drawHeat(times: Times, { name, values }: Series, style: ChartStyle): string[] {
	const { rows, theme } = style;
	const points = times.flatMap((us, row) => {
		const value = values[row]!;
		return us === null || !isDrawable(value) ? [] : [{ us, value }];
	});
	const [low, high] = rangeOf(points.map(({ value }) => value));
	// Latencies differ so much that on an even axis most of them would be in one line.
	const isGrowing = low > 0 && high / low > GROWING_AXIS;
	const place = isGrowing ? Math.log10 : (value: number) => value;
	const scale = isGrowing
		? { low: Math.floor(Math.log10(low)), high: Math.ceil(Math.log10(high)), step: 1 }
		: niceScale(Math.min(0, low), high, Math.max(2, Math.floor(rows / 3)));
	const labelOf = isGrowing ? (power: number) => shortLabel(10 ** power) : shortLabel;
	const left = axisWidth(scale, labelOf);
	const width = Math.max(PLOT_LEAST, style.columns - left - 2);
	const [from, to] = rangeOf(points.map(({ us }) => us));
	const duration = Math.max(1, to - from);
	const cells = new Map<number, number>();
	for (const { us, value } of points) {
		const x = Math.min(width - 1, Math.floor(((us - from) / duration) * width));
		const y = Math.min(rows - 1, Math.floor(((scale.high - place(value)) / (scale.high - scale.low)) * rows));
		cells.set(y * width + x, (cells.get(y * width + x) ?? 0) + 1);
	}
	const most = Math.max(1, ...cells.values());
	const shades = style.unicode ? SHADES.unicode : SHADES.ascii;
	// Shades grow with the logarithm: otherwise one busy cell hides all others.
	const shade = (count: number) =>
		count === 0 ? 0 : 1 + Math.floor((Math.log(count) / Math.log(most + 1)) * (shades.length - 1));
	const lines = Array.from({ length: rows }, (_, y) =>
		theme.number(Array.from({ length: width }, (_, x) => shades[shade(cells.get(y * width + x) ?? 0)]!).join('')),
	);
	const counted = most === 1 ? 'one row' : `1 to ${label(most)} rows`;
	const legend = `${forTerminal(name)}: ${label(points.length)} values, min ${label(low)}, max ${label(high)}; ${counted} in a cell (${shades.slice(1).join('')})`;
	const missing = values.length - points.length;
	const told = missing === 0 ? [] : [theme.dim(`not drawn: ${label(missing)} without a time or a finite value`)];
	return [
		...plotLines(lines, scale, left, style, labelOf),
		...timeAxis(from, from + duration, left, width, style),
		legend,
		...told,
	];
}

/** The smallest and largest number; 0 and 0 if there is none. */
function rangeOf(numbers: readonly number[]): [low: number, high: number] {
	let low = Number.POSITIVE_INFINITY;
	let high = Number.NEGATIVE_INFINITY;
	for (const number of numbers) {
		low = Math.min(low, number);
		high = Math.max(high, number);
	}
	return low > high ? [0, 0] : [low, high];
}

function isDrawable(value: number | null): value is number {
	return value !== null && Number.isFinite(value);
}

function axisWidth({ low, high, step }: Scale, labelOf = shortLabel): number {
	let width = 1;
	for (let i = 0; low + i * step <= high + step / 2; i++) width = Math.max(width, labelOf(low + i * step).length);
	return width;
}

/** The drawing with labels at its left, each at the line that it is about. */
function plotLines(
	lines: readonly string[],
	{ low, high, step }: Scale,
	left: number,
	style: ChartStyle,
	labelOf = shortLabel,
): string[] {
	const labels = new Map<number, string>();
	for (let i = 0; low + i * step <= high + step / 2; i++) {
		const share = 1 - (i * step) / (high - low);
		labels.set(Math.round(share * (lines.length - 1)), labelOf(low + i * step));
	}
	const axis = style.theme.dim(axisLine(style));
	return lines.map((line, row) => `${style.theme.dim((labels.get(row) ?? '').padStart(left))} ${axis}${line}`);
}

function timeAxis(lowUs: number, highUs: number, left: number, width: number, style: ChartStyle): string[] {
	const indent = ' '.repeat(left + 1);
	const labels = timeLabels(lowUs, highUs, width, style);
	return [indent, `${indent} `].map((start, line) =>
		style.theme.dim(start + (line === 0 ? axisCorner(style, width) : labels)),
	);
}

/** Dots of braille characters, or one mark for each character. */
class Canvas {
	readonly width: number;
	readonly height: number;
	readonly #columns: number;
	readonly #rows: number;
	readonly #isFine: boolean;
	/** Of each character: its dots, or 1; and which line was drawn there last. */
	readonly #cells: Uint8Array;
	readonly #owners: Uint8Array;

	constructor(columns: number, rows: number, isFine: boolean) {
		this.#columns = columns;
		this.#rows = rows;
		this.#isFine = isFine;
		this.width = isFine ? columns * 2 : columns;
		this.height = isFine ? rows * 4 : rows;
		this.#cells = new Uint8Array(columns * rows);
		this.#owners = new Uint8Array(columns * rows);
	}

	line([fromX, fromY]: readonly [number, number], [toX, toY]: readonly [number, number], owner: number): void {
		const steps = Math.max(Math.abs(toX - fromX), Math.abs(toY - fromY), 1);
		for (let step = 0; step <= steps; step++) {
			const x = Math.round(fromX + ((toX - fromX) * step) / steps);
			const y = Math.round(fromY + ((toY - fromY) * step) / steps);
			const cell = this.#isFine ? (y >> 2) * this.#columns + (x >> 1) : y * this.#columns + x;
			this.#cells[cell]! |= this.#isFine ? DOTS[(x & 1) as 0 | 1][(y & 3) as 0 | 1 | 2 | 3] : 1;
			this.#owners[cell] = owner;
		}
	}

	lines(paints: readonly ((text: string) => string)[]): string[] {
		return Array.from({ length: this.#rows }, (_, row) => {
			let line = '';
			for (let at = row * this.#columns; at < (row + 1) * this.#columns; at++) {
				const dots = this.#cells[at]!;
				const owner = this.#owners[at]!;
				const mark = this.#isFine ? String.fromCodePoint(BRAILLE + dots) : MARKS[owner]!;
				line += dots === 0 ? ' ' : paints[owner]!(mark);
			}
			return line;
		});
	}
}

// Bars by category, and histograms, which are bars by range.
import { cellForTerminal, displayWidth, forTerminal } from '../terminal-text.ts';
import { axisLine, type ChartStyle, label, niceScale, type Series, shortLabel } from './chart-style.ts';

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];
/** The share of the screen that labels may take. */
const LABEL_SHARE = 0.4;
const RANGE_SHARE = 0.6;
/** The narrowest bars. */
const BAR_LEAST = 5;
/** Values that differ by more than this are put into ranges that grow. */
const GROWING_RANGES = 1000;

/** `scale`: of the bars that it is compared with. */
type Bar = { readonly label: string; readonly value: number | null; readonly text: string; readonly scale: number };

/** A bar for each value: with several columns of numbers, those of a row follow one another. `texts`: the values in full. */
export function drawBars(
	labels: readonly string[],
	series: readonly (Series & { readonly texts: readonly string[] })[],
	style: ChartStyle,
): string[] {
	const bars = labels.flatMap((name, row) =>
		series.map(({ name: column, values, texts }, place): Bar => {
			const text = series.length === 1 ? texts[row]! : `${texts[row]!} ${forTerminal(column)}`;
			return { label: place === 0 ? name : '', value: values[row]!, text, scale: place };
		}),
	);
	return barLines(bars, style, LABEL_SHARE);
}

/** How often values are in each range. Every value is counted; NULLs are told below. */
export function drawHistogram({ values }: Series, style: ChartStyle): string[] {
	const known = values.filter((value) => value !== null);
	const finite = known.filter(Number.isFinite);
	const edges = edgesOf(finite, style.rows);
	const counts = edges.slice(1).map(() => 0);
	for (const value of finite) {
		let range = counts.length - 1;
		while (range > 0 && value < edges[range]!) range--;
		counts[range]!++;
	}
	const bars = counts.map((count, range): Bar => {
		// The last range holds its end, too.
		const end = range === counts.length - 1 ? 'to' : 'below';
		return {
			label: `${shortLabel(edges[range]!)} ${end} ${shortLabel(edges[range + 1]!)}`,
			value: count,
			text: label(count),
			scale: 0,
		};
	});
	const others = [
		[known.length - finite.length, 'infinite'],
		[values.length - known.length, 'NULL'],
	] as const;
	const told = others.filter(([count]) => count > 0).map(([count, what]) => `${label(count)} ${what}`);
	return [
		...barLines(bars, style, RANGE_SHARE),
		...(told.length === 0 ? [] : [style.theme.dim(`not drawn: ${told.join(', ')}`)]),
	];
}

/** Where ranges begin, and where the last one ends. */
function edgesOf(values: readonly number[], most: number): number[] {
	let low = Number.POSITIVE_INFINITY;
	let high = Number.NEGATIVE_INFINITY;
	for (const value of values) {
		low = Math.min(low, value);
		high = Math.max(high, value);
	}
	if (values.length === 0) return [0, 1];
	if (low > 0 && high / low > GROWING_RANGES) return growingEdges(low, high, most);
	const { low: first, high: last, step } = niceScale(low, high, most);
	// A range for each of a few whole numbers.
	const width = values.every(Number.isInteger) ? Math.max(1, step) : step;
	const edges = [first];
	for (let i = 1; edges.at(-1)! < last; i++) edges.push(Number((first + i * width).toPrecision(12)));
	return edges;
}

/** 1, 2, 5, 10, 20 …; only powers of ten if these are too many. */
function growingEdges(low: number, high: number, most: number): number[] {
	for (const factors of [[1, 2, 5], [1]]) {
		const edges: number[] = [];
		for (let power = Math.floor(Math.log10(low)); (edges.at(-1) ?? 0) < high; power++)
			for (const factor of factors) {
				const edge = Number((factor * 10 ** power).toPrecision(3));
				if (edge <= low) edges.length = 0;
				if ((edges.at(-1) ?? 0) < high) edges.push(edge);
			}
		if (edges.length - 1 <= most || factors.length === 1) return edges;
	}
	return [low, high];
}

/** `labelShare`: of the screen, at most. */
function barLines(bars: readonly Bar[], style: ChartStyle, labelShare: number): string[] {
	const { columns, theme } = style;
	const labelMost = Math.max(1, Math.floor(columns * labelShare));
	const labels = bars.map((bar) => cellForTerminal(bar.label, labelMost));
	const labelWidth = Math.max(0, ...labels.map(displayWidth));
	const textWidth = Math.max(0, ...bars.map(({ text }) => displayWidth(text)));
	const width = Math.max(BAR_LEAST, columns - labelWidth - textWidth - 4);
	const ranges = rangesOf(bars);
	const zero = Math.max(0, ...ranges.map(({ low, high }) => Math.round((-low / (high - low || 1)) * width)));
	const room = Math.max(1, width - zero);
	// Cells for 1: negative bars fit on the left of the zero, and positive ones on its right.
	const units = ranges.map(({ low, high }) =>
		Math.min(low < 0 ? zero / -low : room / high, high > 0 ? room / high : zero / -low),
	);
	const axis = theme.dim(axisLine(style));
	return bars.map(({ value, text, scale }, i) => {
		const name = ' '.repeat(labelWidth - displayWidth(labels[i]!)) + labels[i]!;
		const cells =
			value === null || value === 0 ? 0 : Math.min(value < 0 ? zero : room, Math.abs(value) * units[scale]!);
		const drawn = value === null || cells === 0 ? '' : bar(cells, value < 0, zero, style);
		return `${theme.name(name)} ${axis}${drawn === '' ? ' '.repeat(zero) : theme.number(drawn)} ${text}`;
	});
}

/** Of each scale, its smallest and largest value, or 0. */
function rangesOf(bars: readonly Bar[]): { low: number; high: number }[] {
	const ranges: { low: number; high: number }[] = [];
	for (const { value, scale } of bars) {
		ranges[scale] ??= { low: 0, high: 0 };
		if (value === null || !Number.isFinite(value)) continue;
		ranges[scale].low = Math.min(ranges[scale].low, value);
		ranges[scale].high = Math.max(ranges[scale].high, value);
	}
	return ranges;
}

/** A bar of so many cells. What is not 0 can be seen. A negative one ends where the others begin. */
function bar(cells: number, isNegative: boolean, zero: number, { unicode }: ChartStyle): string {
	const cell = unicode ? '█' : '#';
	const whole = Math.max(1, Math.round(cells));
	if (isNegative) return ' '.repeat(zero - Math.min(zero, whole)) + cell.repeat(Math.min(zero, whole));
	if (!unicode) return ' '.repeat(zero) + cell.repeat(whole);
	const eighths = Math.max(1, Math.round(cells * 8));
	return ' '.repeat(zero) + '█'.repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8]!;
}

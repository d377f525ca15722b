// What the kinds of charts share: their style, numbers as labels, and axes.
import type { Theme } from '../theme.ts';

export type ChartStyle = {
	/** Width of the screen. */
	readonly columns: number;
	/** Lines that the drawing may have, without axis and legend. */
	readonly rows: number;
	/** Block and braille characters; otherwise ASCII. */
	readonly unicode: boolean;
	readonly theme: Theme;
	/** An instant (ISO 8601, UTC) as the screen shows it, with its date. */
	readonly time: (instant: string) => string;
};

/** Numbers of one column, in the order of the rows; null for NULL. */
export type Series = { readonly name: string; readonly values: readonly (number | null)[] };

/** A range of numbers, and the step between labels in it. */
export type Scale = { readonly low: number; readonly high: number; readonly step: number };

/** The multiples of a step of 1, 2 or 5 times a power of ten that enclose the numbers, with about `steps` steps. */
export function niceScale(low: number, high: number, steps: number): Scale {
	const range = high - low || Math.abs(high) || 1;
	const power = 10 ** Math.floor(Math.log10(range / steps));
	const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => range / each <= steps) ?? 10 * power;
	const from = Math.floor(low / step) * step;
	const to = Math.ceil(high / step) * step;
	return { low: from, high: to === from ? from + step : to, step };
}

/** At most six significant digits, without an exponent where it is as short: `0.25`, `1,200`, `3.5e+21`. */
export function label(number: number): string {
	if (!Number.isFinite(number)) return number > 0 ? 'Inf' : '-Inf';
	const size = Math.abs(number);
	if (size !== 0 && (size >= 1e15 || size < 1e-6)) return String(Number(number.toPrecision(3)));
	return Number(number.toPrecision(6)).toLocaleString('en-US', { maximumFractionDigits: 9 });
}

/** A round number in few characters: `20M`. */
export function shortLabel(number: number): string {
	const size = Math.abs(number);
	if (size < 1e6 || size >= 1e15) return label(number);
	return number.toLocaleString('en-US', { notation: 'compact', maximumSignificantDigits: 6 });
}

export function axisLine({ unicode }: ChartStyle): string {
	return unicode ? '│' : '|';
}

export function axisCorner({ unicode }: ChartStyle, width: number): string {
	return unicode ? `└${'─'.repeat(width)}` : `+${'-'.repeat(width)}`;
}

/**
 * The line below a time axis: when it begins and ends. Times of one day have no date, unless the first label has room for
 * it.
 */
export function timeLabels(lowUs: number, highUs: number, width: number, style: ChartStyle): string {
	const [begin, end] = [lowUs, highUs].map((us) => style.time(new Date(us / 1000).toISOString())) as [string, string];
	const digits = highUs - lowUs < 60_000_000 ? 23 : 19;
	const first = begin.slice(0, digits).replace('T', ' ');
	const last = (begin.slice(0, 10) === end.slice(0, 10) ? end.slice(11, digits) : end.slice(0, digits)).replace(
		'T',
		' ',
	);
	const gap = width - first.length - last.length;
	if (gap >= 2) return first + ' '.repeat(gap) + last;
	return (
		first
			.slice(11)
			.padEnd(Math.max(0, width - 8))
			.slice(0, Math.max(0, width - 8)) + last.slice(-digits + 11)
	);
}

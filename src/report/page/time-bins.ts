// Divides the time of the report, or the chosen range of it, into bins of a natural length.

import { clockText, stepText, timeMarks, timeStep } from './units.ts';

/** A mark on an axis, in pixels. */
export type Mark = { readonly at: number; readonly text: string };

export type TimeBins = {
	/** Microseconds after the first exchange. */
	readonly from: number;
	readonly step: number;
	readonly count: number;
};

/** At most `most` bins from `from` to `to`. They begin at multiples of their length; `start` is that of the report. */
export function timeBins(start: number, from: number, to: number, most: number): TimeBins {
	const step = timeStep(Math.max(1, to - from), most - 1);
	const first = Math.floor((start + from) / step) * step - start;
	return { from: first, step, count: Math.max(1, Math.ceil((to - first) / step)) };
}

export function timeBinOf(bins: TimeBins, at: number): number {
	return Math.min(bins.count - 1, Math.max(0, Math.floor((at - bins.from) / bins.step)));
}

/** The marks of a time axis of `width` pixels. */
export function timeAxis(start: number, from: number, to: number, width: number): Mark[] {
	const { step, at } = timeMarks(start + from, start + to, Math.max(2, Math.floor(width / 105)));
	return at.map((mark) => ({ at: ((mark - start - from) / (to - from)) * width, text: clockText(mark, step) }));
}

/** As in “requests per …”. */
export function binText({ step }: TimeBins): string {
	const text = stepText(step);
	return ONE[text] ?? text;
}

const ONE: Readonly<Record<string, string>> = { '1 s': 'second', '1 min': 'minute', '1 h': 'hour', '1 day': 'day' };

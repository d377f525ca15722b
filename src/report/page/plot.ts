// The frame of a chart: axes with marks and titles, and the places of values.
import { s } from './dom.ts';
import type { Mark } from './time-bins.ts';

export type PlotOptions = {
	readonly width: number;
	readonly height: number;
	/** In pixels from the plot's left or top. */
	readonly x: readonly Mark[];
	readonly y: readonly Mark[];
	readonly xTitle: string;
	readonly yTitle: string;
	/** What the chart shows, for people who do not see it. */
	readonly label: string;
};

export const LEFT = 54;
export const RIGHT = 14;
export const TOP = 22;
export const BOTTOM = 38;

/** The size of the area in which values are drawn. */
export function plotArea({ width, height }: Pick<PlotOptions, 'width' | 'height'>): { width: number; height: number } {
	return { width: Math.max(40, width - LEFT - RIGHT), height: Math.max(40, height - TOP - BOTTOM) };
}

/** The drawing and the group that values go into, whose origin is the area's upper left corner. */
export function plot(options: PlotOptions): { readonly svg: SVGSVGElement; readonly area: SVGGElement } {
	const { width, height, x, y, xTitle, yTitle, label } = options;
	const inner = plotArea(options);
	const area = s('g', { transform: `translate(${LEFT} ${TOP})` });
	const svg = s(
		'svg',
		{ width, height, viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': label, class: 'plot' },
		s('text', { x: 2, y: 12, class: 'axis-title' }, yTitle),
		s('text', { x: width - RIGHT, y: height - 3, class: 'axis-title', 'text-anchor': 'end' }, xTitle),
	);
	for (const { at, text } of y)
		svg.append(
			s('line', { class: 'grid-line', x1: LEFT, x2: LEFT + inner.width, y1: TOP + at, y2: TOP + at }),
			s('text', { class: 'mark', x: LEFT - 7, y: TOP + at, 'text-anchor': 'end', 'dominant-baseline': 'middle' }, text),
		);
	const base = TOP + inner.height;
	svg.append(area, s('line', { class: 'axis', x1: LEFT, x2: LEFT + inner.width, y1: base, y2: base }));
	for (const { at, text } of x) {
		const anchor = at < 20 ? 'start' : at > inner.width - 20 ? 'end' : 'middle';
		svg.append(
			s('line', { class: 'axis', x1: LEFT + at, x2: LEFT + at, y1: base, y2: base + 4 }),
			s('text', { class: 'mark', x: LEFT + at, y: base + 16, 'text-anchor': anchor }, text),
		);
	}
	return { svg, area };
}

/** What stands where a chart has nothing to show. */
export function emptyChart(text: string): HTMLElement {
	const place = document.createElement('p');
	place.className = 'empty';
	place.textContent = text;
	return place;
}

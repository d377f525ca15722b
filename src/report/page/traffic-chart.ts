// Traffic over time: bars of requests, stacked by class of status. Dragging over it, or the arrow keys, choose a range of
// time for everything else on the page.
import { fill, h, s, widthOf } from './dom.ts';
import { emptyChart, LEFT, plot, plotArea, TOP } from './plot.ts';
import { CLASSES } from './rows.ts';
import { binText, type TimeBins, timeAxis, timeBinOf, timeBins } from './time-bins.ts';
import { hideTip, showTip } from './tip.ts';
import { clockText, countText, linearMarks, plural } from './units.ts';
import type { View } from './view.ts';

const HEIGHT = 210;
/** From bottom to top. */
const STACK = [2, 3, 1, 4, 5, 0];

export class TrafficChart {
	readonly element = h('div', { class: 'chart' });
	readonly legend = h('div', { class: 'legend' });
	readonly #view: View;
	readonly #place = h('div', {
		class: 'focusable',
		tabindex: 0,
		role: 'group',
		'aria-label':
			'Requests over time. Left and right arrow keys choose a bin, with Shift they extend the range, Escape shows all.',
	});
	#bins: TimeBins = { from: 0, step: 1, count: 1 };
	/** Requests by bin and class. */
	#counts: Uint32Array[] = [];
	#dragFrom: number | undefined;
	#chosen: SVGRectElement = s('rect');

	constructor(view: View) {
		this.#view = view;
		this.element.append(this.legend, this.#place);
		this.#place.addEventListener('keydown', (event) => this.#onKey(event));
		this.#place.addEventListener('pointerdown', (event) => this.#onDown(event));
		this.#place.addEventListener('pointermove', (event) => this.#onMove(event));
		this.#place.addEventListener('pointerup', (event) => this.#onUp(event));
		this.#place.addEventListener('pointerleave', hideTip);
		this.#place.addEventListener('dblclick', () => this.#view.setRange(undefined));
	}

	update(): void {
		const { rows, inFilter } = this.#view;
		const width = widthOf(this.element);
		const inner = plotArea({ width, height: HEIGHT });
		this.#bins = timeBins(rows.start, 0, rows.end, Math.max(20, Math.floor(inner.width / 7)));
		const { count, step, from } = this.#bins;
		this.#counts = CLASSES.map(() => new Uint32Array(count));
		for (const row of inFilter) this.#counts[rows.classes[row]!]![timeBinOf(this.#bins, rows.numbers.ts[row]!)]!++;
		this.#drawLegend();
		if (inFilter.length === 0) {
			fill(this.#place, emptyChart(this.#view.emptyText));
			return;
		}
		const totals = Array.from({ length: count }, (_, bin) =>
			STACK.reduce((sum, kind) => sum + this.#counts[kind]![bin]!, 0),
		);
		const marks = linearMarks(Math.max(...totals), 4, 1);
		const top = marks.at(-1)!;
		const { svg, area } = plot({
			...{ width, height: HEIGHT, xTitle: 'time (UTC)', yTitle: `requests per ${binText(this.#bins)}` },
			x: timeAxis(rows.start, from, from + count * step, inner.width),
			y: marks.map((mark) => ({ at: inner.height * (1 - mark / top), text: countText(mark) })),
			label: `Requests over time, at most ${plural(Math.max(...totals), 'request')} per ${binText(this.#bins)}`,
		});
		const wide = inner.width / count;
		const bases = new Float64Array(count);
		for (const kind of STACK) {
			let path = '';
			for (let bin = 0; bin < count; bin++) {
				const tall = (this.#counts[kind]![bin]! / top) * inner.height;
				if (tall === 0) continue;
				const x = bin * wide + Math.min(0.5, wide / 8);
				const y = inner.height - bases[bin]! - tall;
				path += `M${x.toFixed(2)} ${y.toFixed(2)}h${Math.max(0.75, wide - Math.min(1, wide / 4)).toFixed(2)}v${tall.toFixed(2)}H${x.toFixed(2)}z`;
				bases[bin]! += tall;
			}
			if (path !== '') area.append(s('path', { class: `class-${kind}`, d: path }));
		}
		this.#chosen = s('rect', { class: 'chosen', y: 0, height: inner.height });
		area.append(this.#chosen);
		this.#drawRange();
		fill(this.#place, svg);
	}

	#drawLegend(): void {
		const { rows, inFilter } = this.#view;
		const counts = CLASSES.map(() => 0);
		for (const row of inFilter) counts[rows.classes[row]!]!++;
		fill(
			this.legend,
			...STACK.filter((kind) => counts[kind]! > 0 || [2, 4, 5].includes(kind)).map((kind) => {
				const part = kind === 0 ? 'status:none' : `status:${CLASSES[kind]}`;
				return h(
					'button',
					{
						...{ type: 'button', class: 'legend-item', 'aria-pressed': String(this.#view.hasFilter(part)) },
						title: `Show only ${CLASSES[kind]}`,
						click: () => this.#view.toggleFilter(part),
					},
					h('span', { class: `swatch class-${kind}` }),
					`${CLASSES[kind]} `,
					h('b', {}, countText(counts[kind]!)),
				);
			}),
		);
	}

	#drawRange(): void {
		const { range } = this.#view;
		const { width } = plotArea({ width: widthOf(this.element), height: HEIGHT });
		const place = (at: number) => ((at - this.#bins.from) / (this.#bins.count * this.#bins.step)) * width;
		const from = range === undefined ? 0 : Math.max(0, place(range.from));
		const to = range === undefined ? 0 : Math.min(width, place(range.to));
		this.#chosen.setAttribute('x', String(from));
		this.#chosen.setAttribute('width', String(Math.max(0, to - from)));
	}

	/** The bin under the pointer. */
	#binAt(event: MouseEvent): number {
		const { width } = plotArea({ width: widthOf(this.element), height: HEIGHT });
		const x = event.clientX - this.#place.getBoundingClientRect().left - LEFT;
		return Math.min(this.#bins.count - 1, Math.max(0, Math.floor((x / width) * this.#bins.count)));
	}

	#choose(first: number, last: number): void {
		const { from, step } = this.#bins;
		const [low, high] = [Math.min(first, last), Math.max(first, last)];
		this.#view.setRange({ from: from + low * step, to: from + (high + 1) * step });
	}

	#onDown(event: PointerEvent): void {
		if (event.button !== 0 || this.#view.inFilter.length === 0) return;
		this.#dragFrom = this.#binAt(event);
		this.#place.setPointerCapture(event.pointerId);
		hideTip();
	}

	#onMove(event: PointerEvent): void {
		if (this.#view.inFilter.length === 0) return;
		const bin = this.#binAt(event);
		if (this.#dragFrom !== undefined) {
			const { from, step } = this.#bins;
			const [low, high] = [Math.min(bin, this.#dragFrom), Math.max(bin, this.#dragFrom)];
			const { width } = plotArea({ width: widthOf(this.element), height: HEIGHT });
			this.#chosen.setAttribute('x', String((low / this.#bins.count) * width));
			this.#chosen.setAttribute('width', String(((high - low + 1) / this.#bins.count) * width));
			showTip(event, [`${this.#clock(from + low * step)} – ${this.#clock(from + (high + 1) * step)}`]);
			return;
		}
		const y = event.clientY - this.#place.getBoundingClientRect().top;
		if (y < TOP || y > HEIGHT) {
			hideTip();
			return;
		}
		const counts = STACK.toReversed().filter((kind) => this.#counts[kind]![bin]! > 0);
		showTip(event, [
			this.#clock(this.#bins.from + bin * this.#bins.step),
			...counts.map((kind) => [CLASSES[kind]!, countText(this.#counts[kind]![bin]!)] as const),
			...(counts.length === 0 ? (['no requests'] as const) : []),
		]);
	}

	#onUp(event: PointerEvent): void {
		if (this.#dragFrom === undefined) return;
		const first = this.#dragFrom;
		this.#dragFrom = undefined;
		hideTip();
		this.#choose(first, this.#binAt(event));
	}

	#onKey(event: KeyboardEvent): void {
		const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
		const { range } = this.#view;
		if (event.key === 'Escape' && range !== undefined) {
			this.#view.setRange(undefined);
			event.stopPropagation();
		}
		if (step === 0) return;
		event.preventDefault();
		const last = this.#bins.count - 1;
		if (range === undefined) {
			this.#choose(step > 0 ? 0 : last, step > 0 ? 0 : last);
			return;
		}
		const first = timeBinOf(this.#bins, range.from);
		const end = timeBinOf(this.#bins, range.to - 1);
		const bound = (bin: number) => Math.min(last, Math.max(0, bin));
		if (event.shiftKey) this.#choose(first, Math.max(first, bound(end + step)));
		else this.#choose(bound(first + step), bound(first + step) + Math.min(end - first, last - bound(first + step)));
	}

	#clock(at: number): string {
		return clockText(this.#view.rows.start + at, Math.min(1_000_000, this.#bins.step));
	}
}

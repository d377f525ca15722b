// How long exchanges took: a histogram, and a heat map over time. Both have a logarithmic axis of durations.
import { fill, h, s, sizeCanvas, themeColors, widthOf } from './dom.ts';
import { emptyChart, LEFT, plot, plotArea, TOP } from './plot.ts';
import { logBinOf, logBins, logBorder, quantile, sortedValues } from './statistics.ts';
import { binText, type TimeBins, timeAxis, timeBinOf, timeBins } from './time-bins.ts';
import { hideTip, showTip } from './tip.ts';
import { clockText, countText, durationText, linearMarks, logMarks, plural } from './units.ts';
import type { View } from './view.ts';

const HEIGHT = 230;
const NOTHING = 'No latency: no exchange here has both its first and its last byte.';

/** The marks of a logarithmic axis of `length` pixels; `at` counts from its smaller end. */
function durationAxis(bins: ReturnType<typeof logBins>, length: number, room: number): { at: number; text: string }[] {
	const [from, to] = [logBorder(bins, 0), logBorder(bins, bins.count)];
	const place = (value: number) => (Math.log10(value / from) / Math.log10(to / from)) * length;
	return logMarks(from, to, Math.max(2, Math.floor(length / room))).map((mark) => ({
		at: place(mark),
		text: durationText(mark),
	}));
}

export class LatencyHistogram {
	readonly element = h('div', { class: 'chart' });
	readonly #view: View;

	constructor(view: View) {
		this.#view = view;
	}

	update(): void {
		const { rows, counted } = this.#view;
		const sorted = sortedValues(rows.numbers.duration_ms, counted);
		if (sorted.length === 0) {
			fill(this.element, emptyChart(NOTHING));
			return;
		}
		const width = widthOf(this.element);
		const inner = plotArea({ width, height: HEIGHT });
		const bins = logBins(sorted, inner.width > 420 ? 12 : 8);
		const counts = new Uint32Array(bins.count);
		for (const value of sorted) counts[logBinOf(bins, value)]!++;
		const marks = linearMarks(Math.max(...counts), 4, 1);
		const top = marks.at(-1)!;
		const { svg, area } = plot({
			...{ width, height: HEIGHT, xTitle: 'duration, logarithmic', yTitle: 'exchanges' },
			x: durationAxis(bins, inner.width, 58),
			y: marks.map((mark) => ({ at: inner.height * (1 - mark / top), text: countText(mark) })),
			label: `Histogram of ${plural(sorted.length, 'duration')}`,
		});
		const wide = inner.width / bins.count;
		for (const [bin, count] of counts.entries()) {
			const tall = (count / top) * inner.height;
			const bar = s('rect', {
				...{ class: 'bar', x: bin * wide + 0.5, width: Math.max(1, wide - 1), y: inner.height - tall, height: tall },
				pointermove: (event: PointerEvent) =>
					showTip(event, [
						`${durationText(logBorder(bins, bin))} – ${durationText(logBorder(bins, bin + 1))}`,
						['exchanges', countText(count)],
					]),
				pointerleave: hideTip,
			});
			area.append(bar);
		}
		const [from, to] = [Math.log10(logBorder(bins, 0)), Math.log10(logBorder(bins, bins.count))];
		let free = Number.NEGATIVE_INFINITY;
		let line = 0;
		for (const [name, q] of PERCENTILES) {
			const value = quantile(sorted, q);
			const x = Math.min(
				inner.width,
				Math.max(0, ((Math.log10(Math.max(value, 0.001)) - from) / (to - from)) * inner.width),
			);
			const text = `${name} ${durationText(value)}`;
			const isLeft = x + text.length * 6.2 > inner.width;
			// Labels that would cover each other stand below one another.
			const begins = isLeft ? x - text.length * 6.2 : x;
			line = begins < free ? line + 1 : 0;
			free = Math.max(free, begins + text.length * 6.2);
			area.append(
				s('line', { class: 'percentile', x1: x, x2: x, y1: -4, y2: inner.height }),
				s(
					'text',
					{
						class: 'percentile-text',
						x: isLeft ? x - 4 : x + 4,
						y: 6 + line * 13,
						'text-anchor': isLeft ? 'end' : 'start',
					},
					text,
				),
			);
		}
		fill(this.element, svg);
	}
}

const PERCENTILES = [
	['p50', 0.5],
	['p95', 0.95],
	['p99', 0.99],
] as const;

export class LatencyHeatMap {
	readonly element = h('div', { class: 'chart layered' });
	readonly #view: View;
	#bins: TimeBins = { from: 0, step: 1, count: 1 };
	#latency = logBins([], 8);
	#counts = new Uint32Array();

	constructor(view: View) {
		this.#view = view;
	}

	update(): void {
		const { rows, counted, range } = this.#view;
		const { duration_ms: durations, ts } = rows.numbers;
		const sorted = sortedValues(durations, counted);
		if (sorted.length === 0) {
			fill(this.element, emptyChart(NOTHING));
			return;
		}
		const width = widthOf(this.element);
		const inner = plotArea({ width, height: HEIGHT });
		this.#bins = timeBins(
			rows.start,
			range?.from ?? 0,
			range?.to ?? rows.end,
			Math.max(12, Math.floor(inner.width / 9)),
		);
		this.#latency = logBins(sorted, 8);
		const { from, step, count } = this.#bins;
		const tall = this.#latency.count;
		this.#counts = new Uint32Array(count * tall);
		let most = 0;
		for (const row of counted) {
			const value = durations[row]!;
			if (Number.isNaN(value)) continue;
			const cell = timeBinOf(this.#bins, ts[row]!) * tall + logBinOf(this.#latency, value);
			most = Math.max(most, ++this.#counts[cell]!);
		}
		const { svg } = plot({
			...{
				width,
				height: HEIGHT,
				xTitle: 'time (UTC)',
				yTitle: inner.width < 420 ? 'duration' : this.#title(most),
			},
			x: timeAxis(rows.start, from, from + count * step, inner.width),
			y: durationAxis(this.#latency, inner.height, 22).map(({ at, text }) => ({ at: inner.height - at, text })),
			label: `Heat map of ${plural(sorted.length, 'duration')} over time`,
		});
		const canvas = h('canvas', {
			pointermove: (event: PointerEvent) => this.#onMove(event, canvas),
			pointerleave: hideTip,
		});
		canvas.style.left = `${LEFT}px`;
		canvas.style.top = `${TOP}px`;
		const context = sizeCanvas(canvas, inner.width, inner.height);
		context.fillStyle = themeColors()('--heat');
		const [cellWidth, cellHeight] = [inner.width / count, inner.height / tall];
		const gap = Math.min(cellWidth, cellHeight) < 6 ? 0 : 1;
		for (let bin = 0; bin < count; bin++)
			for (let level = 0; level < tall; level++) {
				const value = this.#counts[bin * tall + level]!;
				if (value === 0) continue;
				context.globalAlpha = 0.12 + 0.88 * (value / most) ** 0.6;
				// Whole pixels, because a pattern of half ones would look like data.
				const [left, right] = [Math.round(bin * cellWidth), Math.round((bin + 1) * cellWidth)];
				const bottom = inner.height - level * cellHeight;
				const [above, below] = [Math.round(bottom - cellHeight), Math.round(bottom)];
				context.fillRect(left, above, Math.max(1, right - left - gap), Math.max(1, below - above - gap));
			}
		fill(this.element, svg, canvas);
	}

	#title(most: number): string {
		return `duration, logarithmic; a stronger colour: more exchanges per ${binText(this.#bins)}, at most ${countText(most)}`;
	}

	#onMove(event: PointerEvent, canvas: HTMLCanvasElement): void {
		const { left, top, width, height } = canvas.getBoundingClientRect();
		const tall = this.#latency.count;
		const bin = Math.floor(((event.clientX - left) / width) * this.#bins.count);
		const level = tall - 1 - Math.floor(((event.clientY - top) / height) * tall);
		const count = this.#counts[bin * tall + level] ?? 0;
		if (count === 0) {
			hideTip();
			return;
		}
		showTip(event, [
			clockText(this.#view.rows.start + this.#bins.from + bin * this.#bins.step, Math.min(1_000_000, this.#bins.step)),
			[
				'duration',
				`${durationText(logBorder(this.#latency, level))} – ${durationText(logBorder(this.#latency, level + 1))}`,
			],
			['exchanges', countText(count)],
		]);
	}
}

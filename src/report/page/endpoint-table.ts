// Percentiles by endpoint, with sparklines over the shown time.

import { visibleText } from '../../output/visible-text.ts';
import { fill, h, s } from './dom.ts';
import { exactPart } from './filter.ts';
import { emptyChart } from './plot.ts';
import { groupRows, quantile, sortedValues } from './statistics.ts';
import { binText, type TimeBins, timeBinOf, timeBins } from './time-bins.ts';
import { bytesText, countText, durationText, percentText, plural } from './units.ts';
import type { View } from './view.ts';

/** So many endpoints are shown until all are asked for. */
const FIRST = 12;
const SPARK_BINS = 30;
const SPARK = { width: 120, height: 22 };

type Endpoint = {
	readonly code: number;
	readonly name: string;
	readonly rows: readonly number[];
	readonly requests: number;
	/** 4xx, and 5xx or no response. */
	readonly refused: number;
	readonly failed: number;
	readonly p50: number;
	readonly p95: number;
	readonly p99: number;
	readonly most: number;
	readonly bytes: number;
};

type SortKey = 'name' | 'requests' | 'failed' | 'p50' | 'p95' | 'p99' | 'most' | 'bytes';

const COLUMNS: readonly { readonly key: SortKey; readonly title: string; readonly hint: string }[] = [
	{ key: 'name', title: 'endpoint', hint: 'method and path; :id stands for numbers and ids' },
	{ key: 'requests', title: 'requests', hint: 'how many' },
	{ key: 'failed', title: 'failed', hint: 'answered with 5xx, or not at all' },
	{ key: 'p50', title: 'p50', hint: 'half of the exchanges took at most this long' },
	{ key: 'p95', title: 'p95', hint: '95 % of the exchanges took at most this long' },
	{ key: 'p99', title: 'p99', hint: '99 % of the exchanges took at most this long' },
	{ key: 'most', title: 'longest', hint: 'the longest duration' },
	{ key: 'bytes', title: 'body bytes', hint: 'bytes of all response bodies, captured or not' },
];

export class EndpointTable {
	readonly element = h('div', { class: 'scroll-x' });
	readonly #view: View;
	#sort: SortKey = 'requests';
	#isDown = true;
	#showsAll = false;

	constructor(view: View) {
		this.#view = view;
	}

	update(): void {
		const { rows, counted, range } = this.#view;
		const endpoints = [...groupRows(rows.endpoints, counted)].map(([code, group]) => this.#endpoint(code, group));
		if (endpoints.length === 0) {
			fill(this.element, emptyChart('No requests here.'));
			return;
		}
		endpoints.sort((a, b) => this.#order(a, b));
		const shown = this.#showsAll ? endpoints : endpoints.slice(0, FIRST);
		const bins = timeBins(rows.start, range?.from ?? 0, range?.to ?? rows.end, SPARK_BINS);
		const rest = endpoints.length - shown.length;
		fill(
			this.element,
			h(
				'table',
				{ class: 'numbers endpoints' },
				this.#head(bins),
				h('tbody', {}, ...shown.map((endpoint) => this.#row(endpoint, bins))),
			),
			rest > 0 || (this.#showsAll && endpoints.length > FIRST)
				? h(
						'button',
						{ type: 'button', class: 'more', click: () => this.#toggleAll() },
						rest > 0 ? `Show ${plural(rest, 'more endpoint')}` : `Show only the first ${FIRST}`,
					)
				: null,
		);
	}

	#toggleAll(): void {
		this.#showsAll = !this.#showsAll;
		this.update();
	}

	#endpoint(code: number, group: readonly number[]): Endpoint {
		const { numbers, classes, endpointNames } = this.#view.rows;
		const sorted = sortedValues(numbers.duration_ms, group);
		let refused = 0;
		let failed = 0;
		let bytes = 0;
		for (const row of group) {
			const kind = classes[row]!;
			if (kind === 4) refused++;
			else if (kind === 5 || kind === 0) failed++;
			bytes += numbers.res_body_bytes[row]! || 0;
		}
		return {
			...{ code, name: endpointNames[code]!, rows: group, requests: group.length, refused, failed, bytes },
			...{ p50: quantile(sorted, 0.5), p95: quantile(sorted, 0.95), p99: quantile(sorted, 0.99) },
			most: sorted.at(-1) ?? Number.NaN,
		};
	}

	#order(a: Endpoint, b: Endpoint): number {
		const key = this.#sort;
		const sign = this.#isDown ? -1 : 1;
		if (key === 'name') return sign * (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
		// Unknown values are last.
		const value = (endpoint: Endpoint) => (Number.isNaN(endpoint[key]) ? -1 : endpoint[key]);
		return sign * (value(a) - value(b)) || b.requests - a.requests || (a.name < b.name ? -1 : 1);
	}

	#head(bins: TimeBins): HTMLElement {
		const per = binText(bins);
		return h(
			'thead',
			{},
			h(
				'tr',
				{},
				...COLUMNS.map(({ key, title, hint }) =>
					h(
						'th',
						{
							...{ scope: 'col', class: key === 'name' ? 'text' : '' },
							'aria-sort': key === this.#sort ? (this.#isDown ? 'descending' : 'ascending') : 'none',
						},
						h('button', { type: 'button', title: `${hint}; sorts by it`, click: () => this.#sortBy(key) }, title),
					),
				),
				h('th', { scope: 'col', class: 'text', title: `p95 of each ${per}` }, 'p95 over time'),
				h('th', { scope: 'col', class: 'text', title: `requests per ${per}` }, 'requests over time'),
			),
		);
	}

	#sortBy(key: SortKey): void {
		this.#isDown = key === this.#sort ? !this.#isDown : key !== 'name';
		this.#sort = key;
		this.update();
		const index = COLUMNS.findIndex((column) => column.key === key);
		this.element.querySelectorAll<HTMLElement>('thead button')[index]?.focus();
	}

	#row(endpoint: Endpoint, bins: TimeBins): HTMLElement {
		const { name, requests, refused, failed, p50, p95, p99, most, bytes } = endpoint;
		const part = exactPart('endpoint', name);
		const space = name.indexOf(' ');
		const errors = [
			failed > 0 ? `${countText(failed)} failed` : '',
			refused > 0 ? `${countText(refused)} answered 4xx` : '',
		];
		return h(
			'tr',
			{},
			h(
				'th',
				{ scope: 'row', class: 'text' },
				h(
					'button',
					{
						...{ type: 'button', class: 'link', 'aria-pressed': String(this.#view.hasFilter(part)) },
						title: `Show only ${visibleText(name)}`,
						click: () => this.#view.toggleFilter(part),
					},
					h('span', { class: 'method' }, visibleText(name.slice(0, space))),
					` ${visibleText(name.slice(space + 1))}`,
				),
			),
			h('td', {}, countText(requests)),
			h(
				'td',
				{ class: failed > 0 ? 'bad' : 'dim', title: errors.filter((each) => each !== '').join(', ') || 'none failed' },
				percentText(failed, requests),
			),
			...[p50, p95, p99, most].map((value) => h('td', {}, durationText(value))),
			h('td', {}, bytesText(bytes)),
			h('td', { class: 'text' }, this.#spark(endpoint, bins, true)),
			h('td', { class: 'text' }, this.#spark(endpoint, bins, false)),
		);
	}

	#spark({ rows: group }: Endpoint, bins: TimeBins, isLatency: boolean): Node {
		const { ts, duration_ms: durations } = this.#view.rows.numbers;
		const parts: number[][] = Array.from({ length: bins.count }, () => []);
		for (const row of group) parts[timeBinOf(bins, ts[row]!)]!.push(row);
		const values = parts.map((part) => (isLatency ? quantile(sortedValues(durations, part), 0.95) : part.length));
		const known = values.filter((value) => !Number.isNaN(value));
		const top = Math.max(...known, isLatency ? 0 : 1);
		const text = isLatency
			? `at most ${durationText(known.length === 0 ? Number.NaN : top)} per ${binText(bins)}`
			: `at most ${countText(top)} per ${binText(bins)}`;
		const svg = s(
			'svg',
			{ ...SPARK, viewBox: `0 0 ${SPARK.width} ${SPARK.height}`, class: 'spark', role: 'img', 'aria-label': text },
			s('title', {}, text),
		);
		const wide = SPARK.width / bins.count;
		const tall = (value: number) => (top === 0 ? 0 : (value / top) * (SPARK.height - 3));
		if (!isLatency) {
			for (const [bin, value] of values.entries())
				if (value > 0)
					svg.append(
						s('rect', {
							x: bin * wide,
							width: Math.max(1, wide - 1),
							y: SPARK.height - 1 - tall(value),
							height: Math.max(1, tall(value)),
						}),
					);
			return svg;
		}
		// Gaps stay gaps: a line across them would invent values.
		let path = '';
		for (const [bin, value] of values.entries()) {
			if (Number.isNaN(value)) continue;
			const [x, y] = [(bin + 0.5) * wide, SPARK.height - 2 - tall(value)];
			const follows = bin > 0 && !Number.isNaN(values[bin - 1]!);
			path += `${follows ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`;
			const isAlone = !follows && Number.isNaN(values[bin + 1] ?? Number.NaN);
			if (isAlone) svg.append(s('circle', { cx: x, cy: y, r: 1.5 }));
		}
		svg.append(s('path', { d: path }));
		return svg;
	}
}

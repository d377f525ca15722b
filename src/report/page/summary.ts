// The top of the page: where the exchanges come from, the most important numbers, and the filter.
import { visibleText } from '../../output/visible-text.ts';
import type { ReportSummary } from '../report-data.ts';
import { fill, h } from './dom.ts';
import { lostTotal } from './loss-view.ts';
import type { Rows } from './rows.ts';
import { quantile, sortedValues } from './statistics.ts';
import { bytesText, clockText, countText, dateText, durationText, percentText, plural } from './units.ts';
import type { View } from './view.ts';

/** What is said once: source, time, redaction, what the page leaves out. */
export function pageHeader(summary: ReportSummary, rows: Rows, tools: readonly HTMLElement[]): HTMLElement {
	const name = summary.recording === null ? 'live capture' : visibleText(summary.recording);
	const start = rows.start;
	const span =
		rows.count === 0
			? 'no exchanges'
			: `${dateText(start)} ${clockText(start)} – ${clockText(start + rows.end)} UTC (${durationText(rows.end / 1000)})`;
	const facts = [
		span,
		summary.where === null ? 'all exchanges' : `only exchanges with ${visibleText(summary.where)}`,
		summary.redacted ? 'secrets replaced by REDACTED-LENGTH-HASH' : 'with secrets: share it with care',
	];
	return h(
		'header',
		{ class: 'top' },
		h(
			'div',
			{},
			h('h1', {}, name),
			h('p', { class: 'lead' }, lead(rows)),
			h('p', { class: 'meta' }, facts.join(' · ')),
			...leftOut(summary).map((text) => h('p', { class: 'note' }, text)),
		),
		h('div', { class: 'tools' }, ...tools),
	);
}

/** Packets and HAR files do not tell which calls carried the bodies. */
function lead(rows: Rows): string {
	return rows.count === 0 || rows.codes.via.some((code) => code >= 0)
		? 'HTTP exchanges as the programs of one Linux host sent and received them, captured by tinytap at their system calls.'
		: 'HTTP exchanges that tinytap has read from a file of another program.';
}

function leftOut({ matched, shown, left }: ReportSummary): string[] {
	const texts: string[] = [];
	if (shown < matched)
		texts.push(
			`This page has the latest ${countText(shown)} of ${plural(matched, 'exchange')}. Make a report with --where for others.`,
		);
	if (left.cutBodies > 0)
		texts.push(
			`To keep the page small, bodies end after ${bytesText(left.bodyLimit)} here: ${plural(left.cutBodies, 'body', 'bodies')} ${left.cutBodies === 1 ? 'is' : 'are'} cut.`,
		);
	if (left.cutItems > 0)
		texts.push(`${plural(left.cutItems, 'message')} inside exchanges ${left.cutItems === 1 ? 'is' : 'are'} left out.`);
	if (left.cutHeads > 0) texts.push(`${plural(left.cutHeads, 'head')} ${left.cutHeads === 1 ? 'is' : 'are'} cut, too.`);
	return texts;
}

/** The numbers of the shown exchanges. */
export class Tiles {
	readonly element = h('dl', { class: 'tiles', 'aria-label': 'Of the shown exchanges' });
	readonly #view: View;
	readonly #lost: ReturnType<typeof lostTotal>;

	constructor(view: View, summary: ReportSummary) {
		this.#view = view;
		this.#lost = lostTotal(summary);
	}

	update(): void {
		const { rows, counted } = this.#view;
		const { numbers, classes } = rows;
		const sorted = sortedValues(numbers.duration_ms, counted);
		const kinds = [0, 0, 0, 0, 0, 0];
		let received = 0;
		let sent = 0;
		for (const row of counted) {
			kinds[classes[row]!]!++;
			sent += numbers.req_body_bytes[row]! || 0;
			received += numbers.res_body_bytes[row]! || 0;
		}
		const tile = (name: string, value: string, about: string, kind = '', share = '') =>
			h(
				'div',
				{ class: `tile ${kind}`, title: about },
				h('dt', {}, name),
				h('dd', {}, value, share === '' ? null : h('small', {}, ` ${share}`)),
			);
		const part = (kind: number, name: string, about: string, color: string) => {
			const count = kinds[kind]!;
			const share = count === 0 ? '' : percentText(count, counted.length);
			return tile(name, countText(count), about, count === 0 ? '' : color, share);
		};
		fill(
			this.element,
			tile(
				'exchanges',
				countText(counted.length),
				'requests with their responses; one that was seen from both sides counts once',
			),
			part(5, '5xx', 'the server failed', 'bad'),
			part(0, 'no response', 'unanswered, not complete, or still open', 'bad'),
			part(4, '4xx', 'the server refused', 'warn'),
			tile('p50', durationText(quantile(sorted, 0.5)), 'half of them took at most this long'),
			tile('p95', durationText(quantile(sorted, 0.95)), '95 % took at most this long'),
			tile('p99', durationText(quantile(sorted, 0.99)), '99 % took at most this long'),
			tile('request data', bytesText(sent), 'bytes of all request bodies, captured or not'),
			tile('response data', bytesText(received), 'bytes of all response bodies, captured or not'),
			tile(
				'lost',
				this.#lost.text,
				'in the whole capture, whatever the filter',
				this.#lost.events > 0 ? 'bad' : 'good',
			),
		);
	}
}

/** The line that stays at the top: the filter, and what it leaves. */
export class FilterBar {
	readonly element: HTMLElement;
	readonly #view: View;
	readonly #input = h('input', {
		...{ type: 'text', id: 'filter', spellcheck: 'false', autocomplete: 'off' },
		placeholder: 'Filter: words, status:5xx, duration>100ms, -path:/health …',
		'aria-label': 'Filter',
		'aria-describedby': 'filter-said',
	});
	readonly #said = h('span', { class: 'said', id: 'filter-said', role: 'status', 'aria-live': 'polite' });
	readonly #range = h('button', { type: 'button', class: 'chip', hidden: true, title: 'Show all of the time' });
	readonly #clear = h('button', { type: 'button', class: 'chip', hidden: true }, 'clear');
	readonly #both: HTMLInputElement | undefined;

	constructor(view: View) {
		this.#view = view;
		this.#input.addEventListener('input', () => view.setFilter(this.#input.value));
		this.#input.addEventListener('keydown', (event) => {
			if (event.key !== 'Escape') return;
			event.stopPropagation();
			if (this.#input.value === '') this.#input.blur();
			else view.setFilter('');
		});
		this.#range.addEventListener('click', () => view.setRange(undefined));
		this.#clear.addEventListener('click', () => {
			view.setFilter('');
			this.#input.focus();
		});
		const second = view.rows.once.reduce((sum, once) => sum + (once === 0 ? 1 : 0), 0);
		const both = h('input', { type: 'checkbox' });
		both.addEventListener('change', () => view.setBothSides(both.checked));
		this.#both = second === 0 ? undefined : both;
		this.element = h(
			'div',
			{ class: 'filter', role: 'search' },
			this.#input,
			this.#clear,
			this.#range,
			second === 0
				? null
				: h(
						'label',
						{
							title:
								'List also the client’s row of exchanges that were seen from both sides. Numbers and charts count each exchange once.',
						},
						both,
						` both sides (${countText(second)} more)`,
					),
			this.#said,
		);
	}

	focus(): void {
		this.#input.focus();
		this.#input.select();
	}

	update(): void {
		const { rows, counted, listed, problem, range, filterText } = this.#view;
		if (this.#input.value !== filterText) this.#input.value = filterText;
		this.#input.classList.toggle('bad', problem !== undefined);
		this.#input.setAttribute('aria-invalid', String(problem !== undefined));
		const shown = this.#both?.checked === true ? listed : counted;
		const all = rows.once.reduce((sum, once) => sum + (once === 1 || this.#both?.checked === true ? 1 : 0), 0);
		const isAll = shown.length === all;
		this.#said.textContent =
			problem ?? (isAll ? plural(all, 'exchange') : `${countText(shown.length)} of ${plural(all, 'exchange')}`);
		this.#said.classList.toggle('bad', problem !== undefined);
		this.#clear.hidden = filterText === '';
		this.#range.hidden = range === undefined;
		if (range !== undefined)
			this.#range.textContent = `${clockText(rows.start + range.from)} – ${clockText(rows.start + range.to)} ✕`;
	}
}

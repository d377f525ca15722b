// One exchange in full, in a panel beside the page: times, heads, bodies, and everything else that is known.
import { visibleText } from '../../output/visible-text.ts';
import type { DetailMessage } from '../report-data.ts';
import { bodyView } from './body-view.ts';
import type { Details, FoundDetail } from './details.ts';
import { fill, h, s } from './dom.ts';
import { itemsView } from './items-view.ts';
import type { Rows } from './rows.ts';
import { bytesText, clockText, dateText, durationText, plural } from './units.ts';

export class DetailPanel {
	readonly element = h('aside', {
		class: 'panel',
		role: 'dialog',
		'aria-label': 'Exchange',
		tabindex: -1,
		hidden: true,
	});
	readonly #rows: Rows;
	readonly #details: Details;
	/** Chooses the exchange before or after the shown one. */
	readonly #step: (by: number) => void;
	#row: number | undefined;
	/** What had the focus before the panel was opened. */
	#before: HTMLElement | null = null;

	constructor(rows: Rows, details: Details, step: (by: number) => void) {
		this.#rows = rows;
		this.#details = details;
		this.#step = step;
		this.element.addEventListener('keydown', (event) => {
			if (event.key !== 'Escape') return;
			event.stopPropagation();
			this.close();
		});
	}

	get isOpen(): boolean {
		return !this.element.hidden;
	}

	/** Shows the exchange of a row. `focus`: the panel gets the keys. */
	async show(row: number, focus: boolean): Promise<void> {
		if (!this.isOpen) this.#before = document.activeElement instanceof HTMLElement ? document.activeElement : null;
		this.#row = row;
		this.element.hidden = false;
		document.documentElement.classList.add('with-panel');
		const found = await this.#details.of(row);
		// Another one may have been chosen in the meantime.
		if (this.#row !== row) return;
		this.#draw(row, found);
		this.element.scrollTop = 0;
		if (focus) this.element.focus();
	}

	close(): void {
		if (!this.isOpen) return;
		this.element.hidden = true;
		this.#row = undefined;
		document.documentElement.classList.remove('with-panel');
		this.#before?.focus();
	}

	#draw(row: number, found: FoundDetail | undefined): void {
		const { id, status } = this.#rows.numbers;
		const button = (text: string, label: string, click: () => void) =>
			h('button', { type: 'button', 'aria-label': label, title: label, click }, text);
		const kind = this.#rows.classes[row]!;
		fill(
			this.element,
			h(
				'header',
				{},
				h('h2', {}, `Exchange ${id[row]}`),
				h('span', { class: `badge class-${kind}` }, Number.isNaN(status[row]!) ? 'no response' : String(status[row])),
				button('↑', 'The one before', () => this.#step(-1)),
				button('↓', 'The next one', () => this.#step(1)),
				button('✕', 'Close (Escape)', () => this.close()),
			),
			this.#overview(row),
			this.#relations(row),
			...(found === undefined
				? [h('p', { class: 'bad' }, 'The details are missing: the file of this report is not whole.')]
				: this.#messages(row, found)),
		);
	}

	#overview(row: number): HTMLElement {
		const { rows } = { rows: this.#rows };
		const { ts, duration_ms: durations, pid, conn, lost_bytes: lost } = rows.numbers;
		const at = rows.start + ts[row]!;
		const text = (name: Parameters<Rows['text']>[0]) => visibleText(rows.text(name, row) ?? '–');
		const reason = rows.text('reason', row);
		const process = rows.text('comm', row) === null ? 'an unknown process' : text('comm');
		const own = Number.isNaN(pid[row]!) ? process : `${process} (pid ${pid[row]})`;
		const side = rows.text('side', row);
		const facts: [string, string][] = [
			['began', `${dateText(at)} ${clockText(at, 1)} UTC`],
			['state', reason === null ? text('state') : `${text('state')}: ${visibleText(reason)}`],
			['seen in', side === null ? own : `${own}, the ${side}`],
			['connection', `${Number.isNaN(conn[row]!) ? '' : `${conn[row]}: `}${text('local')} (here) ↔ ${text('remote')}`],
			['carried by', text('via')],
		];
		if (lost[row]! > 0) facts.push(['lost', bytesText(lost[row]!)]);
		const anomalies = rows.text('anomalies', row);
		if (anomalies !== null) facts.push(['anomalies', visibleText(anomalies)]);
		facts.push(['duration', Number.isNaN(durations[row]!) ? 'not known' : durationText(durations[row]!)]);
		return h(
			'div',
			{},
			h('dl', { class: 'facts' }, ...facts.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value)])),
			this.#timing(row),
		);
	}

	#timing(row: number): Node | null {
		const { send_ms: sends, ttfb_ms: waits, duration_ms: durations } = this.#rows.numbers;
		const [send, ttfb, whole] = [sends[row]!, waits[row]!, durations[row]!];
		if (Number.isNaN(send) || Number.isNaN(ttfb) || Number.isNaN(whole)) return null;
		const wait = Math.max(0, Math.min(ttfb, whole - send));
		const phases = [
			['send', Math.min(send, whole)],
			['wait', wait],
			['receive', Math.max(0, whole - send - wait)],
		] as const;
		const [width, height] = [600, 14];
		let x = 0;
		const bars = phases.map(([name, length]) => {
			const wide = whole === 0 ? 0 : (length / whole) * width;
			x += wide;
			return s('rect', { class: `phase-${name}`, x: x - wide, width: wide, y: 0, height });
		});
		const said = phases.map(([name, length]) => `${name} ${durationText(length)}`).join(', ');
		return h(
			'div',
			{ class: 'timing' },
			s(
				'svg',
				{ viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': said },
				...bars,
			),
			h(
				'div',
				{ class: 'keys' },
				...phases.flatMap(([name, length]) => [
					h('span', { class: `swatch phase-${name}` }),
					`${name} ${durationText(length)}`,
				]),
			),
		);
	}

	/** The same exchange from the other side, what caused it, and what it caused. */
	#relations(row: number): Node | null {
		const { id, parent_id: parents } = this.#rows.numbers;
		const links: [string, number][] = [];
		const pair = this.#rows.pairOf(row);
		if (pair !== undefined) links.push(['seen from the other side', pair]);
		const parent = this.#rows.rowOf(parents[row]!);
		if (parent !== undefined) links.push(['made while answering', parent]);
		const children: number[] = [];
		for (let other = 0; other < this.#rows.count && children.length < 20; other++)
			if (parents[other] === id[row] || (pair !== undefined && parents[other] === id[pair])) children.push(other);
		for (const child of children) links.push(['caused', child]);
		if (links.length === 0) return null;
		return h(
			'p',
			{ class: 'relations' },
			...links.map(([what, other]) =>
				h(
					'button',
					{ type: 'button', class: 'link', click: () => this.show(other, true) },
					`${what}: #${id[other]} ${this.#line(other)}`,
				),
			),
		);
	}

	#line(row: number): string {
		const path = this.#rows.text('path', row) ?? '';
		return visibleText(`${this.#rows.text('method', row) ?? ''} ${path.length > 60 ? `${path.slice(0, 59)}…` : path}`);
	}

	#messages(row: number, { detail, strings }: FoundDetail): Node[] {
		const facts = new Map(detail.facts.map(([name, value]) => [strings[name]!, strings[value]!]));
		const { numbers } = this.#rows;
		const target = detail.target < 0 ? null : strings[detail.target]!;
		const requestLine =
			target === null
				? 'The request was not seen.'
				: `${this.#rows.text('method', row) ?? ''} ${target} ${versionText(facts.get('req_http_version'))}`;
		const status = numbers.status[row]!;
		const statusLine = Number.isNaN(status)
			? (facts.get('status_text') ?? 'No response was seen.')
			: `${versionText(facts.get('http_version'))} ${status} ${facts.get('status_text') ?? ''}`;
		return [
			...this.#message('Request', requestLine, detail.req, strings, numbers.req_body_bytes[row]!),
			...this.#message('Response', statusLine, detail.res, strings, numbers.res_body_bytes[row]!),
			...(detail.items === undefined ? [] : itemsView(detail.items)),
			h(
				'details',
				{ class: 'all' },
				h('summary', {}, 'Everything else that is known'),
				h(
					'dl',
					{ class: 'facts' },
					...[...facts].flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, visibleText(value))]),
				),
			),
		];
	}

	#message(title: string, line: string, message: DetailMessage, strings: readonly string[], total: number): Node[] {
		const { fields, fieldsCut, body, note } = message;
		const size = Number.isNaN(total) || total === 0 ? 'no body' : `body of ${bytesText(total)}`;
		return [
			h('h3', {}, title, h('span', { class: 'dim' }, ` ${size}`)),
			h('pre', { class: 'start-line' }, visibleText(line.trim())),
			h(
				'table',
				{ class: 'fields' },
				h(
					'tbody',
					{},
					...fields.map(([name, value, trailer]) =>
						h(
							'tr',
							{},
							h(
								'th',
								{ scope: 'row' },
								visibleText(strings[name]!),
								trailer === 1 ? h('span', { class: 'dim' }, ' trailer') : null,
							),
							h('td', {}, visibleText(strings[value]!)),
						),
					),
				),
			),
			...(fieldsCut === undefined
				? []
				: [h('p', { class: 'note' }, `${plural(fieldsCut, 'more field')} not in this page, to keep it small.`)]),
			...(note === undefined ? [] : [h('p', { class: 'note' }, visibleText(note))]),
			...(body === undefined ? [] : [bodyView(body, title)]),
		];
	}
}

function versionText(version: string | undefined): string {
	return version === undefined ? '' : `HTTP/${version}`;
}

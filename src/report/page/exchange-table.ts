// The table of exchanges. Only the rows on the screen are elements, so it is as quick with 50,000 rows as with 50.
import { visibleText } from '../../output/visible-text.ts';
import type { NumberColumn, TextColumn } from '../report-data.ts';
import { fill, h } from './dom.ts';
import { emptyChart } from './plot.ts';
import { bytesText, clockText, countText, durationText } from './units.ts';
import type { View } from './view.ts';

const ROW = 26;
/** Rows made above and below those on the screen. */
const MARGIN = 6;
/** A printed page has this many. */
const PRINTED = 100;

type Sort = 'id' | NumberColumn | TextColumn;

const COLUMNS: readonly { readonly sort: Sort; readonly title: string; readonly kind: string }[] = [
	{ sort: 'id', title: 'id', kind: 'number' },
	{ sort: 'ts', title: 'time (UTC)', kind: 'number' },
	{ sort: 'method', title: 'method', kind: '' },
	{ sort: 'path', title: 'host and path', kind: '' },
	{ sort: 'status', title: 'status', kind: 'number' },
	{ sort: 'duration_ms', title: 'duration', kind: 'number' },
	{ sort: 'res_body_bytes', title: 'body', kind: 'number' },
	{ sort: 'via', title: 'via', kind: '' },
	{ sort: 'comm', title: 'process', kind: '' },
	{ sort: 'remote', title: 'other end', kind: '' },
];

export class ExchangeTable {
	readonly element = h('div', {});
	readonly #view: View;
	readonly #open: (row: number, focus: boolean) => void;
	readonly #isOpen: () => boolean;
	readonly #grid = h('div', {
		...{ class: 'grid focusable', role: 'grid', tabindex: 0 },
		'aria-label': 'Exchanges. Arrow keys choose one, Enter shows it.',
	});
	readonly #head = h('div', { class: 'grid-head grid-row', role: 'row', 'aria-rowindex': 1 });
	readonly #body = h('div', { class: 'grid-body', role: 'rowgroup' });
	readonly #pool: HTMLElement[] = [];
	/** The index that each element of the pool shows. */
	readonly #shown: number[] = [];
	#order: number[] = [];
	#sort: Sort = 'id';
	#isDown = false;
	/** The chosen row. */
	#selected: number | undefined;
	#longest = 1;

	constructor(view: View, open: (row: number, focus: boolean) => void, isOpen: () => boolean) {
		this.#view = view;
		this.#open = open;
		this.#isOpen = isOpen;
		this.#grid.append(h('div', { role: 'rowgroup', class: 'grid-head-group' }, this.#head), this.#body);
		this.#grid.addEventListener('scroll', () => this.#draw(), { passive: true });
		this.#grid.addEventListener('keydown', (event) => this.#onKey(event));
		this.#body.addEventListener('click', (event) => {
			const index = Math.floor((event.clientY - this.#body.getBoundingClientRect().top) / ROW);
			const row = this.#order[index];
			if (row === undefined) return;
			this.#select(row);
			this.#open(row, false);
		});
		this.#drawHead();
	}

	update(): void {
		const { rows, listed } = this.#view;
		this.#longest = listed.reduce((most, row) => Math.max(most, rows.numbers.duration_ms[row]! || 0), 0.001);
		this.#order = this.#sorted(listed);
		this.#redraw();
	}

	/** Chooses the row before or after the chosen one and shows it. */
	step(by: number): void {
		const at = this.#selected === undefined ? -1 : this.#order.indexOf(this.#selected);
		const row = this.#order[at < 0 ? (by > 0 ? 0 : this.#order.length - 1) : at + by];
		if (row === undefined) return;
		this.#select(row);
		this.#open(row, true);
	}

	/** Marks a row that another part of the page has chosen. */
	choose(row: number): void {
		if (this.#selected !== row) this.#select(row);
	}

	/** The first rows as a plain table. */
	printed(): HTMLElement {
		const some = this.#order.slice(0, PRINTED);
		const of =
			this.#order.length > some.length ? `The first ${PRINTED} of ${countText(this.#order.length)} exchanges.` : '';
		return h(
			'div',
			{},
			h('p', { class: 'note' }, of),
			h(
				'table',
				{ class: 'numbers printed' },
				h(
					'thead',
					{},
					h(
						'tr',
						{},
						...COLUMNS.map(({ title, kind }) => h('th', { scope: 'col', class: kind === '' ? 'text' : '' }, title)),
					),
				),
				h(
					'tbody',
					{},
					...some.map((row) =>
						h(
							'tr',
							{},
							...this.#cells(row).map((text, index) =>
								h('td', { class: COLUMNS[index]!.kind === '' ? 'text' : '' }, text),
							),
						),
					),
				),
			),
		);
	}

	#sorted(listed: readonly number[]): number[] {
		const { rows } = this.#view;
		const sort = this.#sort;
		const sign = this.#isDown ? -1 : 1;
		if (sort in rows.numbers) {
			const column = rows.numbers[sort as NumberColumn];
			// Unknown values are last in both directions.
			const value = (row: number) => (Number.isNaN(column[row]!) ? sign * Number.POSITIVE_INFINITY : column[row]!);
			return listed.toSorted((a, b) => sign * (value(a) - value(b)) || a - b);
		}
		// Comparing ranks of the texts is much quicker than comparing texts.
		const codes = rows.codes[sort as TextColumn];
		const used = [...new Set(listed.map((row) => codes[row]!))].filter((code) => code >= 0);
		used.sort((a, b) => (rows.strings[a]! < rows.strings[b]! ? -1 : 1));
		const ranks = new Map(used.map((code, rank) => [code, sign * rank]));
		const rank = (row: number) => ranks.get(codes[row]!) ?? Number.MAX_SAFE_INTEGER;
		return listed.toSorted((a, b) => rank(a) - rank(b) || a - b);
	}

	#sortBy(sort: Sort): void {
		this.#isDown = sort === this.#sort ? !this.#isDown : ['duration_ms', 'res_body_bytes', 'status'].includes(sort);
		this.#sort = sort;
		this.#drawHead();
		this.update();
		this.#head.querySelectorAll('button')[COLUMNS.findIndex((column) => column.sort === sort)]?.focus();
	}

	#drawHead(): void {
		fill(
			this.#head,
			...COLUMNS.map(({ sort, title, kind }) => {
				const state = sort === this.#sort ? (this.#isDown ? 'descending' : 'ascending') : 'none';
				return h(
					'div',
					{ role: 'columnheader', class: kind, 'aria-sort': state },
					h('button', { type: 'button', title: `Sort by ${title}`, click: () => this.#sortBy(sort) }, title),
				);
			}),
		);
	}

	#redraw(): void {
		this.#shown.fill(-1);
		this.#body.style.height = `${this.#order.length * ROW}px`;
		this.#grid.setAttribute('aria-rowcount', String(this.#order.length + 1));
		if (this.#order.length === 0) {
			fill(this.element, emptyChart(this.#view.emptyText));
			return;
		}
		if (this.#grid.parentElement === null) fill(this.element, this.#grid);
		this.#draw();
	}

	/** Gives the rows on the screen their elements. An element that already shows its row is left alone. */
	#draw(): void {
		const height = this.#grid.clientHeight || 600;
		const size = Math.ceil(height / ROW) + 2 * MARGIN;
		while (this.#pool.length < size) {
			const element = h(
				'div',
				{ class: 'grid-row', role: 'row' },
				...COLUMNS.map(({ kind }) => h('div', { role: 'gridcell', class: kind })),
			);
			this.#pool.push(element);
			this.#shown.push(-1);
			this.#body.append(element);
		}
		const slots = this.#pool.length;
		const first = Math.max(0, Math.floor(this.#grid.scrollTop / ROW) - MARGIN);
		for (let index = first; index < first + slots; index++) {
			const slot = index % slots;
			if (this.#shown[slot] === index) continue;
			this.#shown[slot] = index;
			this.#drawRow(this.#pool[slot]!, index);
		}
	}

	#drawRow(element: HTMLElement, index: number): void {
		const row = this.#order[index];
		element.hidden = row === undefined;
		if (row === undefined) return;
		const { rows } = this.#view;
		const isSelected = row === this.#selected;
		element.id = `exchange-${index}`;
		element.style.transform = `translateY(${index * ROW}px)`;
		element.className = `grid-row${index % 2 === 1 ? ' odd' : ''}${isSelected ? ' selected' : ''}`;
		element.setAttribute('aria-rowindex', String(index + 2));
		element.setAttribute('aria-selected', String(isSelected));
		const texts = this.#cells(row);
		for (const [column, text] of texts.entries()) {
			const cell = element.children[column] as HTMLElement;
			if (cell.textContent !== text) cell.textContent = text;
		}
		(element.children[3] as HTMLElement).title = texts[3]!;
		(element.children[4] as HTMLElement).className = `number status class-${rows.classes[row]}`;
		const duration = rows.numbers.duration_ms[row]!;
		// A bar behind the number, on a logarithmic scale from 0.1 ms.
		const share = Number.isNaN(duration)
			? 0
			: Math.max(0, Math.log10(Math.max(duration, 0.1) / 0.1) / Math.log10(Math.max(this.#longest, 1) / 0.1));
		(element.children[5] as HTMLElement).style.setProperty('--share', `${(share * 100).toFixed(1)}%`);
	}

	#cells(row: number): string[] {
		const { rows } = this.#view;
		const { id, ts, status, duration_ms: durations, res_body_bytes: bytes } = rows.numbers;
		const text = (column: TextColumn) => visibleText(rows.text(column, row) ?? '');
		const state = rows.text('state', row) ?? '';
		const isDone = state === 'complete';
		return [
			String(id[row]),
			clockText(rows.start + ts[row]!),
			text('method'),
			`${text('host')}${text('path')}`,
			Number.isNaN(status[row]!) ? (isDone ? '–' : state) : String(status[row]),
			Number.isNaN(durations[row]!) ? '–' : durationText(durations[row]!),
			bytes[row]! > 0 ? bytesText(bytes[row]!) : '–',
			text('via'),
			`${text('comm')}${rows.text('side', row) === 'client' ? ' (client)' : ''}`,
			visibleText(rows.text('remote_name', row) ?? rows.text('remote', row) ?? ''),
		];
	}

	#select(row: number): void {
		const before = this.#selected === undefined ? -1 : this.#order.indexOf(this.#selected);
		this.#selected = row;
		const index = this.#order.indexOf(row);
		this.#grid.setAttribute('aria-activedescendant', index < 0 ? '' : `exchange-${index}`);
		for (const each of [before, index]) {
			const slot = this.#shown.indexOf(each);
			if (each >= 0 && slot >= 0) this.#drawRow(this.#pool[slot]!, each);
		}
		if (index < 0) return;
		const { scrollTop, clientHeight } = this.#grid;
		const head = this.#head.offsetHeight;
		if (index * ROW < scrollTop) this.#grid.scrollTop = index * ROW;
		else if ((index + 1) * ROW + head > scrollTop + clientHeight)
			this.#grid.scrollTop = (index + 1) * ROW + head - clientHeight;
	}

	#onKey(event: KeyboardEvent): void {
		if (event.target !== this.#grid || event.ctrlKey || event.metaKey || event.altKey) return;
		const at = this.#selected === undefined ? -1 : this.#order.indexOf(this.#selected);
		const page = Math.max(1, Math.floor(this.#grid.clientHeight / ROW) - 2);
		const places: Readonly<Record<string, number>> = {
			...{ ArrowDown: at + 1, j: at + 1, ArrowUp: at - 1, k: at - 1 },
			...{ PageDown: at + page, PageUp: at - page, Home: 0, End: this.#order.length - 1 },
		};
		const place = places[event.key];
		if (place !== undefined) {
			event.preventDefault();
			const row = this.#order[Math.min(this.#order.length - 1, Math.max(0, place))];
			if (row === undefined) return;
			this.#select(row);
			if (this.#isOpen()) this.#open(row, false);
		} else if ((event.key === 'Enter' || event.key === ' ') && this.#selected !== undefined) {
			event.preventDefault();
			this.#open(this.#selected, true);
		}
	}
}

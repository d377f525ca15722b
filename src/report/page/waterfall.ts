// The exchanges of a range of time as bars, one lane for each connection: sending the request, waiting, receiving.
import { visibleText } from '../../output/visible-text.ts';
import { fill, h, sizeCanvas, themeColors, widthOf } from './dom.ts';
import { emptyChart } from './plot.ts';
import { hideTip, showTip } from './tip.ts';
import { clockText, countText, durationText, plural, timeMarks } from './units.ts';
import type { View } from './view.ts';

const LANE = 18;
const AXIS = 22;
const MOST_LANES = 400;
/** So many exchanges are shown at first; fewer have room for their phases. */
const FIRST_EXCHANGES = 80;
const SHORTEST_US = 20;

type Lane = { readonly conn: number; readonly rows: number[] };
type Phases = { readonly send: number; readonly wait: number; readonly receive: number };

export class Waterfall {
	readonly element = h('div', {});
	readonly #view: View;
	readonly #open: (row: number) => void;
	readonly #canvas = h('canvas', {});
	readonly #scroller = h(
		'div',
		{
			...{ class: 'waterfall focusable', tabindex: 0, role: 'group' },
			'aria-label':
				'Waterfall. Left and right arrow keys move in time, plus and minus zoom, 0 shows all, up and down choose an exchange, Enter shows it.',
		},
		this.#canvas,
	);
	readonly #said = h('span', { class: 'said', 'aria-live': 'polite' });
	readonly #chosen = h('p', { class: 'chosen-line', 'aria-live': 'polite' });
	/** Microseconds after the first exchange. */
	#from = 0;
	#to = 1;
	#lanes: Lane[] = [];
	#hiddenLanes = 0;
	/** Rows in the window, in order of time. */
	#inside: number[] = [];
	#selected: number | undefined;

	constructor(view: View, open: (row: number) => void) {
		this.#view = view;
		this.#open = open;
		const button = (text: string, title: string, click: () => void) =>
			h('button', { type: 'button', title, 'aria-label': title, click }, text);
		this.element.append(
			h(
				'div',
				{ class: 'toolbar' },
				button('‹', 'Earlier', () => this.#pan(-0.5)),
				button('›', 'Later', () => this.#pan(0.5)),
				button('−', 'Zoom out', () => this.#zoom(2)),
				button('+', 'Zoom in', () => this.#zoom(0.5)),
				button('all', 'Show all of the chosen time', () => this.#showAll()),
				this.#said,
				h(
					'span',
					{ class: 'keys' },
					...['send', 'wait', 'receive', 'unknown'].flatMap((phase) => [
						h('span', { class: `swatch phase-${phase}` }),
						phase,
					]),
				),
			),
			this.#scroller,
			this.#chosen,
		);
		this.#scroller.addEventListener('keydown', (event) => this.#onKey(event));
		this.#canvas.addEventListener('pointermove', (event) => this.#onMove(event));
		this.#canvas.addEventListener('pointerleave', hideTip);
		this.#canvas.addEventListener('click', (event) => this.#onClick(event));
	}

	/** Begins again with the chosen time, or the first exchanges of all time. */
	update(): void {
		const { rows, listed, range } = this.#view;
		this.#selected = undefined;
		const { ts } = rows.numbers;
		if (range !== undefined) [this.#from, this.#to] = [range.from, range.to];
		else {
			const order = listed.toSorted((a, b) => ts[a]! - ts[b]!);
			const last = order[Math.min(order.length, FIRST_EXCHANGES) - 1];
			this.#from = order.length === 0 ? 0 : ts[order[0]!]!;
			this.#to = this.#from + 1;
			for (const row of order.slice(0, FIRST_EXCHANGES)) this.#to = Math.max(this.#to, this.#endOf(row));
			// A long one among them would squeeze all others.
			if (order.length > FIRST_EXCHANGES && last !== undefined)
				this.#to = Math.max(this.#from + 1, Math.min(this.#to, ts[last]! + 2 * (ts[last]! - this.#from)));
			const margin = (this.#to - this.#from) * 0.01;
			[this.#from, this.#to] = [this.#from - margin, this.#to + margin];
		}
		this.draw();
	}

	/** Draws the window. */
	draw(): void {
		const { rows, listed } = this.#view;
		const { ts, conn } = rows.numbers;
		this.#inside = listed
			.filter((row) => ts[row]! < this.#to && this.#endOf(row) >= this.#from)
			.sort((a, b) => ts[a]! - ts[b]!);
		const lanes = new Map<number, Lane>();
		for (const row of this.#inside) {
			const lane = lanes.get(conn[row]!);
			if (lane === undefined) lanes.set(conn[row]!, { conn: conn[row]!, rows: [row] });
			else lane.rows.push(row);
		}
		this.#lanes = [...lanes.values()].slice(0, MOST_LANES);
		this.#hiddenLanes = lanes.size - this.#lanes.length;
		const step = (this.#to - this.#from) / 100;
		const window = `${this.#clock(this.#from, step)} – ${this.#clock(this.#to, step)} (${durationText((this.#to - this.#from) / 1000)})`;
		const more = this.#hiddenLanes === 0 ? '' : `; zoom in to see ${plural(this.#hiddenLanes, 'more connection')}`;
		const of = listed.length > this.#inside.length ? ` of ${countText(listed.length)}` : '';
		this.#said.textContent = `${window}: ${countText(this.#inside.length)}${of} ${listed.length === 1 ? 'exchange' : 'exchanges'} on ${plural(this.#lanes.length + this.#hiddenLanes, 'connection')}${more}`;
		if (this.#inside.length === 0) {
			fill(
				this.#scroller,
				emptyChart(listed.length === 0 ? 'No exchanges here.' : 'No exchange in this range of time: press “all”.'),
			);
			this.#chosen.textContent = '';
			if (listed.length === 0) this.#said.textContent = '';
			return;
		}
		fill(this.#scroller, this.#canvas);
		this.#paint();
	}

	#paint(): void {
		const color = themeColors();
		// Room for a scroll bar.
		const width = widthOf(this.element) - 14;
		const labels = labelWidth(width);
		const height = AXIS + this.#lanes.length * LANE;
		const context = sizeCanvas(this.#canvas, width, height);
		context.font = '11px ui-monospace, monospace';
		context.textBaseline = 'middle';
		const { step, at } = timeMarks(
			this.#view.rows.start + this.#from,
			this.#view.rows.start + this.#to,
			Math.max(2, Math.floor((width - labels) / 110)),
		);
		for (const mark of at) {
			const x = this.#place(mark - this.#view.rows.start, width, labels);
			context.fillStyle = color('--grid');
			context.fillRect(x, AXIS - 4, 1, height);
			context.fillStyle = color('--dim');
			context.textAlign = x > width - 40 ? 'right' : x < labels + 30 ? 'left' : 'center';
			context.fillText(clockText(mark, step), x, 9);
		}
		context.textAlign = 'left';
		for (const [index, lane] of this.#lanes.entries()) {
			const top = AXIS + index * LANE;
			if (index % 2 === 1) {
				context.globalAlpha = 0.5;
				context.fillStyle = color('--grid');
				context.fillRect(0, top, width, LANE);
				context.globalAlpha = 1;
			}
			context.save();
			context.beginPath();
			context.rect(0, top, labels - 8, LANE);
			context.clip();
			context.fillStyle = color('--ink');
			context.fillText(this.#laneText(lane.rows[0]!), 4, top + LANE / 2 + 1);
			context.restore();
			for (const row of lane.rows) this.#paintBar(context, color, row, top, { width, labels });
		}
	}

	#paintBar(
		context: CanvasRenderingContext2D,
		color: (name: string) => string,
		row: number,
		top: number,
		{ width, labels }: { readonly width: number; readonly labels: number },
	): void {
		const { ts } = this.#view.rows.numbers;
		const place = (at: number) => Math.min(width, Math.max(labels, this.#place(at, width, labels)));
		const phases = this.#phases(row);
		let at = ts[row]!;
		const start = place(at);
		const end = Math.max(start + 2, place(this.#endOf(row)));
		const isSelected = row === this.#selected;
		if (phases === undefined) {
			context.fillStyle = color('--phase-unknown');
			context.fillRect(start, top + 5, end - start, LANE - 10);
		} else {
			for (const [name, length] of Object.entries(phases)) {
				const from = place(at);
				at += length * 1000;
				context.fillStyle = color(`--phase-${name}`);
				const thick = name === 'wait' ? LANE - 12 : LANE - 8;
				if (length > 0) context.fillRect(from, top + (LANE - thick) / 2, Math.max(0.8, place(at) - from), thick);
			}
		}
		const kind = this.#view.rows.classes[row]!;
		if (kind === 4 || kind === 5 || kind === 0) {
			context.fillStyle = color(`--class-${kind}`);
			context.fillRect(end - 1, top + 3, 3, LANE - 6);
		}
		if (isSelected) {
			context.strokeStyle = color('--accent');
			context.lineWidth = 1.5;
			context.strokeRect(start - 2, top + 1.5, end - start + 4, LANE - 3);
		}
	}

	/** Milliseconds of each phase; undefined if they are not all known. */
	#phases(row: number): Phases | undefined {
		const { send_ms: sends, ttfb_ms: waits, duration_ms: durations } = this.#view.rows.numbers;
		const [send, ttfb, whole] = [sends[row]!, waits[row]!, durations[row]!];
		if (Number.isNaN(send) || Number.isNaN(ttfb) || Number.isNaN(whole)) return undefined;
		// A response may begin before the request has ended.
		const wait = Math.max(0, Math.min(ttfb, whole - send));
		return { send: Math.min(send, whole), wait, receive: Math.max(0, whole - send - wait) };
	}

	#endOf(row: number): number {
		const { ts, duration_ms: durations } = this.#view.rows.numbers;
		return ts[row]! + (durations[row]! || 0) * 1000;
	}

	#place(at: number, width: number, labels: number): number {
		return labels + ((at - this.#from) / (this.#to - this.#from)) * (width - labels - 6);
	}

	#laneText(row: number): string {
		const { rows } = this.#view;
		const own = rows.ownName(row) ?? '?';
		const far = rows.text('remote_name', row) ?? rows.text('remote', row) ?? '?';
		const text = rows.text('side', row) === 'client' ? `${own} → ${far}` : `${far} → ${own}`;
		return visibleText(text.slice(0, 80));
	}

	#clock(at: number, stepUs: number): string {
		return clockText(this.#view.rows.start + at, Math.min(1_000_000, Math.max(1, stepUs)));
	}

	#rowAt(event: MouseEvent): number | undefined {
		const { left, top, width } = this.#canvas.getBoundingClientRect();
		const lane = this.#lanes[Math.floor((event.clientY - top - AXIS) / LANE)];
		if (lane === undefined) return undefined;
		const labels = labelWidth(width);
		const near = ((this.#to - this.#from) / (width - labels)) * 5;
		const at = this.#from + ((event.clientX - left - labels) / (width - labels - 6)) * (this.#to - this.#from);
		const { ts } = this.#view.rows.numbers;
		const distance = (row: number) => Math.max(ts[row]! - at, at - this.#endOf(row), 0);
		const best = lane.rows.reduce((found, row) => (distance(row) < distance(found) ? row : found), lane.rows[0]!);
		return distance(best) <= near ? best : undefined;
	}

	#onMove(event: PointerEvent): void {
		const row = this.#rowAt(event);
		this.#canvas.style.cursor = row === undefined ? 'default' : 'pointer';
		if (row === undefined) {
			hideTip();
			return;
		}
		showTip(event, [this.#title(row), ...this.#times(row)]);
	}

	#title(row: number): string {
		const { rows } = this.#view;
		const status = rows.numbers.status[row]!;
		const path = rows.text('path', row) ?? '';
		return visibleText(
			`#${rows.numbers.id[row]} ${rows.text('method', row) ?? '?'} ${path.slice(0, 70)} → ${Number.isNaN(status) ? 'no response' : status}`,
		);
	}

	#times(row: number): (readonly [string, string])[] {
		const phases = this.#phases(row);
		const duration = this.#view.rows.numbers.duration_ms[row]!;
		const whole = ['duration', Number.isNaN(duration) ? 'not known' : durationText(duration)] as const;
		if (phases === undefined) return [whole];
		return [whole, ...Object.entries(phases).map(([name, length]) => [name, durationText(length)] as const)];
	}

	#onClick(event: MouseEvent): void {
		const row = this.#rowAt(event);
		if (row === undefined) return;
		this.#select(row);
		this.#open(row);
	}

	#select(row: number): void {
		this.#selected = row;
		const { ts } = this.#view.rows.numbers;
		const span = this.#to - this.#from;
		if (ts[row]! < this.#from || ts[row]! > this.#to) {
			this.#from = ts[row]! - span / 4;
			this.#to = this.#from + span;
		}
		this.draw();
		const lane = this.#lanes.findIndex(({ rows }) => rows.includes(row));
		const top = AXIS + lane * LANE;
		const { scrollTop, clientHeight } = this.#scroller;
		if (top < scrollTop + AXIS) this.#scroller.scrollTop = top - AXIS;
		else if (top + LANE > scrollTop + clientHeight) this.#scroller.scrollTop = top + LANE - clientHeight;
		this.#chosen.textContent = `${this.#title(row)}: ${this.#times(row)
			.map(([name, value]) => `${name} ${value}`)
			.join(', ')}`;
	}

	#showAll(): void {
		const { rows, range } = this.#view;
		[this.#from, this.#to] = [range?.from ?? 0, range?.to ?? rows.end];
		this.draw();
	}

	#pan(share: number): void {
		const move = (this.#to - this.#from) * share;
		const { end } = this.#view.rows;
		const bounded = Math.min(Math.max(move, -this.#to), end - this.#from);
		this.#from += bounded;
		this.#to += bounded;
		this.draw();
	}

	#zoom(factor: number): void {
		const middle = (this.#from + this.#to) / 2;
		const half = Math.min(this.#view.rows.end, Math.max(SHORTEST_US, (this.#to - this.#from) * factor)) / 2;
		[this.#from, this.#to] = [middle - half, middle + half];
		this.draw();
	}

	#onKey(event: KeyboardEvent): void {
		const { listed, rows } = this.#view;
		const actions: Readonly<Record<string, () => void>> = {
			ArrowLeft: () => this.#pan(-0.2),
			ArrowRight: () => this.#pan(0.2),
			'+': () => this.#zoom(0.5),
			'=': () => this.#zoom(0.5),
			'-': () => this.#zoom(2),
			'0': () => this.#showAll(),
			ArrowDown: () => this.#selectNext(1),
			ArrowUp: () => this.#selectNext(-1),
			Enter: () => {
				if (this.#selected !== undefined) this.#open(this.#selected);
			},
		};
		const action = actions[event.key];
		if (action === undefined || event.ctrlKey || event.metaKey || listed.length === 0 || rows.count === 0) return;
		event.preventDefault();
		action();
	}

	#selectNext(step: number): void {
		const { listed, rows } = this.#view;
		const { ts } = rows.numbers;
		const order = listed.toSorted((a, b) => ts[a]! - ts[b]!);
		const at = this.#selected === undefined ? -1 : order.indexOf(this.#selected);
		const first = this.#inside[step > 0 ? 0 : this.#inside.length - 1];
		const next = at < 0 ? first : order[at + step];
		if (next !== undefined) this.#select(next);
	}
}

function labelWidth(width: number): number {
	return Math.round(Math.min(230, Math.max(90, width * 0.2)));
}

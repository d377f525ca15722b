// Who calls whom: a graph of processes and hosts, and the same as a table.
import { visibleText } from '../../output/visible-text.ts';
import { fill, h, s, widthOf } from './dom.ts';
import { exactPart } from './filter.ts';
import { layOutGraph, mergeAlike } from './graph-layout.ts';
import { emptyChart } from './plot.ts';
import { quantile, sortedValues } from './statistics.ts';
import { hideTip, showTip } from './tip.ts';
import { bytesText, countText, durationText, percentText, plural } from './units.ts';
import type { View } from './view.ts';

/** So many parties that only call, or are only called, are drawn; the others become one node. */
const MOST_ALIKE = 6;
const MOST_NODES = 40;
const MOST_LINES = 25;
const NODE = { width: 148, height: 40 };
const ROW = 58;
/** The column is not wider than this. */
const WIDEST_GAP = 420;

type Edge = {
	readonly caller: number;
	readonly callee: number;
	readonly rows: readonly number[];
	readonly failed: number;
	readonly p50: number;
	readonly p95: number;
	readonly bytes: number;
};

type Point = { readonly x: number; readonly y: number };
type Lonely = 'from' | 'to' | undefined;

export class ServiceMap {
	readonly element = h('div', {});
	readonly #view: View;
	/** Of the nodes of the drawing. */
	#names: readonly string[] = [];

	constructor(view: View) {
		this.#view = view;
	}

	update(): void {
		const edges = this.#edges();
		if (edges.length === 0) {
			fill(this.element, emptyChart('No requests here.'));
			return;
		}
		const { drawn, hidden } = this.#drawn(edges);
		fill(
			this.element,
			h('div', { class: 'map' }, this.#drawing(drawn)),
			hidden > 0
				? h('p', { class: 'note' }, `${plural(hidden, 'less busy party', 'less busy parties')} not drawn.`)
				: null,
			h('div', { class: 'scroll-x' }, this.#table(edges)),
		);
	}

	#edges(): Edge[] {
		const { rows, counted } = this.#view;
		const groups = new Map<number, number[]>();
		const names = rows.partyNames.length;
		for (const row of counted) {
			const [caller, callee] = [rows.callers[row]!, rows.callees[row]!];
			if (caller < 0 || callee < 0) continue;
			const key = caller * names + callee;
			const group = groups.get(key);
			if (group === undefined) groups.set(key, [row]);
			else group.push(row);
		}
		const edges = [...groups].map(([key, group]) => ({
			caller: Math.floor(key / names),
			callee: key % names,
			rows: group,
		}));
		return this.#measured(edges).sort(
			(a, b) => b.rows.length - a.rows.length || a.caller - b.caller || a.callee - b.callee,
		);
	}

	/** The edges to draw: few enough nodes that people can read their names. */
	#drawn(edges: readonly Edge[]): { readonly drawn: Edge[]; readonly hidden: number } {
		const { merged, names } = mergeAlike(edges, this.#view.rows.partyNames, MOST_ALIKE);
		this.#names = names;
		const busy = new Map<number, number>();
		for (const { caller, callee, rows } of merged)
			for (const node of new Set([caller, callee])) busy.set(node, (busy.get(node) ?? 0) + rows.length);
		const nodes = new Set(
			[...busy]
				.sort((a, b) => b[1] - a[1])
				.slice(0, MOST_NODES)
				.map(([node]) => node),
		);
		const drawn = merged.filter(({ caller, callee }) => nodes.has(caller) && nodes.has(callee));
		return { drawn: this.#measured(drawn), hidden: busy.size - nodes.size };
	}

	/** Edges with the numbers of their rows. */
	#measured(edges: readonly Pick<Edge, 'caller' | 'callee' | 'rows'>[]): Edge[] {
		const { numbers, classes } = this.#view.rows;
		return edges.map(({ caller, callee, rows }) => {
			const sorted = sortedValues(numbers.duration_ms, rows);
			return {
				...{ caller, callee, rows },
				failed: rows.filter((row) => classes[row] === 5 || classes[row] === 0).length,
				...{ p50: quantile(sorted, 0.5), p95: quantile(sorted, 0.95) },
				bytes: rows.reduce((sum, row) => sum + (numbers.res_body_bytes[row]! || 0), 0),
			};
		});
	}

	#drawing(edges: readonly Edge[]): SVGSVGElement {
		const nodes = [...new Set(edges.flatMap(({ caller, callee }) => [caller, callee]))];
		const numberOf = new Map(nodes.map((node, index) => [node, index]));
		const layout = layOutGraph(
			nodes.length,
			edges.map(({ caller, callee, rows }) => ({
				from: numberOf.get(caller)!,
				to: numberOf.get(callee)!,
				weight: rows.length,
			})),
		);
		const width = Math.max(widthOf(this.element), layout.columns * (NODE.width + 90));
		const gap = layout.columns < 2 ? 0 : (width - NODE.width - 24) / (layout.columns - 1);
		const place = (node: number) => {
			const { column, row } = layout.places[numberOf.get(node)!]!;
			return {
				x: layout.columns < 2 ? (width - NODE.width) / 2 : 12 + column * Math.min(gap, WIDEST_GAP),
				y: 16 + row * ROW,
			};
		};
		const height = layout.rows * ROW + 14;
		const used = layout.columns < 2 ? width : 24 + NODE.width + (layout.columns - 1) * Math.min(gap, WIDEST_GAP);
		const svg = s('svg', {
			width: used,
			height,
			viewBox: `0 0 ${used} ${height}`,
			role: 'group',
			'aria-label': 'Service map; the table below says the same',
		});
		const most = Math.max(...edges.map(({ rows }) => rows.length));
		for (const edge of edges) {
			const isOnlyOut = edges.filter(({ caller }) => caller === edge.caller).length === 1;
			const isOnlyIn = edges.filter(({ callee }) => callee === edge.callee).length === 1;
			const lonely = isOnlyOut ? 'from' : isOnlyIn ? 'to' : undefined;
			svg.append(this.#edge(edge, place(edge.caller), place(edge.callee), { lonely, most }));
		}
		for (const node of nodes) svg.append(this.#node(node, place(node), edges));
		return svg;
	}

	/** `lonely`: which end has no other edge. `most`: requests of the busiest edge. */
	#edge(edge: Edge, from: Point, to: Point, { lonely, most }: { lonely: Lonely; most: number }): SVGGElement {
		const { rows, failed, p95 } = edge;
		const [y1, y2] = [from.y + NODE.height / 2, to.y + NODE.height / 2];
		const isBack = to.x <= from.x;
		const [x1, x2] = isBack ? [from.x + NODE.width / 2, to.x + NODE.width / 2] : [from.x + NODE.width, to.x];
		const bend = Math.max(40, Math.abs(x2 - x1) / 2);
		const path = isBack
			? `M${x1} ${from.y}C${x1} ${from.y - 34} ${x2} ${to.y - 34} ${x2 + (edge.caller === edge.callee ? 24 : 0)} ${to.y - 3}`
			: `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2 - 5} ${y2}`;
		const share = failed / rows.length;
		const kind = share === 0 ? '' : share < 0.05 ? ' some-failed' : ' many-failed';
		const thick = 1 + 5 * (Math.log1p(rows.length) / Math.log1p(most));
		const label = `${countText(rows.length)} · p95 ${durationText(p95)}`;
		return s(
			'g',
			{
				class: `edge${kind}`,
				pointermove: (event: PointerEvent) => showTip(event, this.#edgeLines(edge)),
				pointerleave: hideTip,
			},
			s('path', { class: 'hit', d: path }),
			s('path', { class: 'line', d: path, 'stroke-width': thick.toFixed(1) }),
			isBack ? null : s('path', { class: 'arrow', d: `M${x2} ${y2}l-8 -4.5v9z` }),
			isBack ? null : s('text', labelPlace({ x: x1, y: y1 }, { x: x2, y: y2 }, lonely, thick / 2 + 4), label),
		);
	}

	#edgeLines({ caller, callee, rows, failed, p50, p95, bytes }: Edge): (string | readonly [string, string])[] {
		return [
			visibleText(`${this.#names[caller]} → ${this.#names[callee]}`),
			['requests', countText(rows.length)],
			['failed', `${countText(failed)} (${percentText(failed, rows.length)})`],
			['p50, p95', `${durationText(p50)}, ${durationText(p95)}`],
			['response bodies', bytesText(bytes)],
		];
	}

	#node(node: number, { x, y }: { x: number; y: number }, edges: readonly Edge[]): SVGGElement {
		const sum = (chosen: (edge: Edge) => boolean) =>
			edges.filter(chosen).reduce((total, { rows }) => total + rows.length, 0);
		const answered = sum(({ callee }) => callee === node);
		const asked = sum(({ caller }) => caller === node);
		const name = visibleText(this.#names[node]!);
		const role = [answered > 0 ? `${countText(answered)} in` : '', asked > 0 ? `${countText(asked)} out` : ''].filter(
			(each) => each !== '',
		);
		return s(
			'g',
			{ class: 'node', transform: `translate(${x} ${y})`, ...this.#choosing(node, answered >= asked) },
			s('rect', { width: NODE.width, height: NODE.height, rx: 6 }),
			s(
				'text',
				{ x: NODE.width / 2, y: 17, 'text-anchor': 'middle', class: 'node-name' },
				name.length > 21 ? `${name.slice(0, 20)}…` : name,
			),
			s('text', { x: NODE.width / 2, y: 31, 'text-anchor': 'middle', class: 'node-count' }, role.join(', ')),
			s('title', {}, `${name}: ${role.join(', ')}`),
		);
	}

	/** What makes a node a button, unless it stands for several parties. */
	#choosing(node: number, isCallee: boolean) {
		const name = this.#view.rows.partyNames[node];
		if (name === undefined) return {};
		const part = exactPart(isCallee ? 'callee' : 'caller', name);
		const choose = () => this.#view.toggleFilter(part);
		return {
			...{ tabindex: 0, role: 'button', 'aria-label': `Show only ${part}`, click: choose },
			keydown: (event: KeyboardEvent) => {
				if (event.key !== 'Enter' && event.key !== ' ') return;
				event.preventDefault();
				choose();
			},
		};
	}

	#table(edges: readonly Edge[]): HTMLElement {
		const { partyNames } = this.#view.rows;
		const shown = edges.slice(0, MOST_LINES);
		const party = (key: 'caller' | 'callee', code: number) => {
			const part = exactPart(key, partyNames[code]!);
			const name = visibleText(partyNames[code]!);
			return h(
				'td',
				{ class: 'text' },
				h(
					'button',
					{
						...{ type: 'button', class: 'link', title: `Show only ${part}` },
						'aria-pressed': String(this.#view.hasFilter(part)),
						click: () => this.#view.toggleFilter(part),
					},
					name,
				),
			);
		};
		const head = ['requests', 'failed', 'p50', 'p95', 'body bytes'].map((title) => h('th', { scope: 'col' }, title));
		const lines = shown.map((edge) =>
			h(
				'tr',
				{},
				...[party('caller', edge.caller), party('callee', edge.callee), h('td', {}, countText(edge.rows.length))],
				h('td', { class: edge.failed > 0 ? 'bad' : 'dim' }, percentText(edge.failed, edge.rows.length)),
				...[durationText(edge.p50), durationText(edge.p95), bytesText(edge.bytes)].map((text) => h('td', {}, text)),
			),
		);
		return h(
			'table',
			{ class: 'numbers' },
			h(
				'thead',
				{},
				h(
					'tr',
					{},
					h('th', { scope: 'col', class: 'text' }, 'caller'),
					h('th', { scope: 'col', class: 'text' }, 'callee'),
					...head,
				),
			),
			h('tbody', {}, ...lines),
			edges.length > shown.length ? h('caption', {}, `and ${plural(edges.length - shown.length, 'more pair')}`) : null,
		);
	}
}

/** Where the edges of a bundle are apart: at the end that has only one. Else in the middle. */
function labelPlace(from: Point, to: Point, lonely: Lonely, above: number) {
	if (lonely === 'from') return { x: from.x + 8, y: from.y - above, 'text-anchor': 'start' };
	if (lonely === 'to') return { x: to.x - 14, y: to.y - above, 'text-anchor': 'end' };
	return { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 - above, 'text-anchor': 'middle' };
}

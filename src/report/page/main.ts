// The page of a report: reads the data in the page, draws it, and draws it again when the filter, the chosen time, the
// theme or the width changes. Runs in the browser, without network and without other files.
import { type ReportRows, type ReportSummary, ROWS_ID, SUMMARY_ID } from '../report-data.ts';
import { BytesView } from './bytes-view.ts';
import { DetailPanel } from './detail-panel.ts';
import { Details } from './details.ts';
import { fill, forgetWidths, h, widthOf } from './dom.ts';
import { EndpointTable } from './endpoint-table.ts';
import { ExchangeTable } from './exchange-table.ts';
import { helpDialog } from './help.ts';
import { LatencyHeatMap, LatencyHistogram } from './latency-charts.ts';
import { lossView } from './loss-view.ts';
import { Rows } from './rows.ts';
import { ServiceMap } from './service-map.ts';
import { FilterBar, pageHeader, Tiles } from './summary.ts';
import { installTip } from './tip.ts';
import { TrafficChart } from './traffic-chart.ts';
import { View } from './view.ts';
import { Waterfall } from './waterfall.ts';

const root = document.documentElement;

function data<T>(id: string): T {
	return JSON.parse(document.getElementById(id)!.textContent!) as T;
}

function section(id: string, title: string, about: string, ...content: Node[]): HTMLElement {
	return h('section', { id, class: 'card' }, h('h2', {}, title), h('p', { class: 'about' }, about), ...content);
}

function start(): void {
	const summary = data<ReportSummary>(SUMMARY_ID);
	const rows = new Rows(data<ReportRows>(ROWS_ID));
	const view = new View(rows, summary.where === null ? undefined : 'No exchange meets the condition of this report.');
	document.title = `${summary.recording ?? 'live capture'} – tinytap report`;

	const details = new Details(summary.detailsPerPart);
	const panel = new DetailPanel(rows, details, (by) => table.step(by));
	const open = (row: number, focus: boolean) => {
		table.choose(row);
		void panel.show(row, focus);
	};
	const tiles = new Tiles(view, summary);
	const bar = new FilterBar(view);
	const traffic = new TrafficChart(view);
	const histogram = new LatencyHistogram(view);
	const heatMap = new LatencyHeatMap(view);
	const endpoints = new EndpointTable(view);
	const waterfall = new Waterfall(view, (row) => open(row, true));
	const map = new ServiceMap(view);
	const bytes = new BytesView(view);
	const table = new ExchangeTable(view, open, () => panel.isOpen);
	const tablePlace = h('div', {}, table.element);
	const parts: readonly Part[] = [bar, tiles, traffic, table, histogram, heatMap, endpoints, waterfall, map, bytes];

	const help = helpDialog();
	const themeButton = h('button', {
		type: 'button',
		click: () => setTheme(root.dataset.theme === 'dark' ? 'light' : 'dark'),
	});
	const setTheme = (theme: string) => {
		root.dataset.theme = theme;
		themeButton.textContent = theme === 'dark' ? 'Light' : 'Dark';
		redraw();
	};
	const page = document.getElementById('report')!;
	fill(
		page,
		pageHeader(summary, rows, [
			themeButton,
			h('button', { type: 'button', click: () => window.print() }, 'Print'),
			h('button', { type: 'button', click: () => help.showModal() }, 'Help'),
		]),
		bar.element,
		h(
			'main',
			{},
			tiles.element,
			section(
				'traffic',
				'Traffic',
				'Requests by the status of their response. Drag over the bars to look at a range of time; everything below follows.',
				traffic.element,
			),
			h(
				'div',
				{ class: 'pair' },
				section(
					'latency',
					'Latency',
					'From the first byte of the request to the last byte of the response.',
					histogram.element,
				),
				section(
					'heat',
					'Latency over time',
					'Strong colours are common durations. A band that rises or splits is a change.',
					heatMap.element,
				),
			),
			section(
				'endpoints',
				'Endpoints',
				'Click a name to look at one endpoint only, a title to sort.',
				endpoints.element,
			),
			section(
				'waterfall',
				'Waterfall',
				'Each line is a connection, each bar an exchange. Click a bar to read it. An edge in amber, red or violet: 4xx, 5xx, no response.',
				waterfall.element,
			),
			section(
				'map',
				'Who calls whom',
				'Processes of this host by name, others by host name or address. Thick lines carry more requests; red ones fail.',
				map.element,
			),
			section(
				'bytes',
				'Bytes',
				'The system calls that carried the response bodies, and why bodies are not held whole.',
				h(
					'div',
					{ class: 'columns' },
					h('section', {}, h('h3', {}, 'Carriers'), bytes.carriers),
					h('section', {}, h('h3', {}, 'Not captured'), bytes.reasons),
				),
			),
			section(
				'loss',
				'Loss and blind spots',
				'Of the whole capture, whatever the filter. What tinytap does not see, it counts.',
				lossView(summary),
			),
			section('exchanges', 'Exchanges', 'Click a row, or press Enter, to read heads and bodies.', tablePlace),
		),
		h(
			'footer',
			{},
			`Made by tinytap ${summary.version} on ${summary.madeAt.slice(0, 19).replace('T', ' ')} UTC. This page loads nothing and sends nothing.`,
		),
	);
	document.body.append(panel.element, help);
	installTip();

	const measured = [traffic, histogram, heatMap, waterfall, map].map(({ element }) => element);
	const redraw = () => {
		forgetWidths();
		for (const element of measured) widthOf(element);
		for (const part of parts) part.update();
	};
	const first: readonly Part[] = [bar, traffic, table];
	view.onChange(
		later(
			first,
			parts.filter((part) => !first.includes(part)),
		),
	);
	setTheme(window.matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');
	window
		.matchMedia('(prefers-color-scheme: dark)')
		.addEventListener('change', ({ matches }) => setTheme(matches ? 'dark' : 'light'));
	redrawOnResize(page, redraw);
	installPrinting(redraw, () =>
		fill(tablePlace, root.classList.contains('printing') ? table.printed() : table.element),
	);
	installKeys(bar, help, setTheme, panel);
	prepareSearch(rows);
}

type Part = { readonly update: () => void };

/** Draws some parts at once and the others in the next frame, once for all changes until then. */
function later(first: readonly Part[], others: readonly Part[]): () => void {
	let isWaiting = false;
	return () => {
		for (const part of first) part.update();
		if (isWaiting) return;
		isWaiting = true;
		requestAnimationFrame(() => {
			isWaiting = false;
			for (const part of others) part.update();
		});
	};
}

/** Prepares what the first word of a filter needs, a little at a time. */
function prepareSearch(rows: Rows, from = 0): void {
	const to = Math.min(rows.count, from + 2000);
	for (let row = from; row < to; row++) rows.haystack(row);
	if (to < rows.count) window.setTimeout(() => prepareSearch(rows, to));
}

function redrawOnResize(page: HTMLElement, redraw: () => void): void {
	let width = page.clientWidth;
	let timer = 0;
	new ResizeObserver(() => {
		if (page.clientWidth === width || root.classList.contains('printing')) return;
		width = page.clientWidth;
		window.clearTimeout(timer);
		timer = window.setTimeout(redraw, 80);
	}).observe(page);
}

/** On paper: light, as wide as the paper, and the first rows of the table. */
function installPrinting(redraw: () => void, swap: () => void): void {
	const set = (isPrinting: boolean) => {
		if (root.classList.contains('printing') === isPrinting) return;
		root.classList.toggle('printing', isPrinting);
		redraw();
		swap();
	};
	window.addEventListener('beforeprint', () => set(true));
	window.addEventListener('afterprint', () => set(false));
}

function installKeys(
	bar: FilterBar,
	help: HTMLDialogElement,
	setTheme: (theme: string) => void,
	panel: DetailPanel,
): void {
	document.addEventListener('keydown', (event) => {
		const isTyping = event.target instanceof HTMLInputElement && event.target.type === 'text';
		if (isTyping || help.open || event.ctrlKey || event.metaKey || event.altKey) return;
		const keys: Readonly<Record<string, () => void>> = {
			'/': () => bar.focus(),
			'?': () => help.showModal(),
			t: () => setTheme(root.dataset.theme === 'dark' ? 'light' : 'dark'),
			Escape: () => panel.close(),
			...Object.fromEntries(SECTIONS.map((id, index) => [String(index + 1), () => goTo(id)])),
		};
		const action =
			event.target instanceof HTMLElement && event.target.closest('.waterfall') !== null && /\d/.test(event.key)
				? undefined
				: keys[event.key];
		if (action === undefined) return;
		event.preventDefault();
		action();
	});
}

const SECTIONS = ['traffic', 'latency', 'endpoints', 'waterfall', 'map', 'bytes', 'loss', 'exchanges'];

/** Scrolls to a section and gives the first thing in it that takes keys the focus. */
function goTo(id: string): void {
	const place = document.getElementById(id);
	place?.scrollIntoView({ block: 'start' });
	place?.querySelector<HTMLElement>('.focusable, button, [tabindex="0"]')?.focus({ preventScroll: true });
}

start();
// For whoever measures how long it takes.
performance.mark('drawn');

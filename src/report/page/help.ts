// What the filter understands and which keys there are.
import { h } from './dom.ts';

const FILTERS: readonly (readonly [text: string, meaning: string])[] = [
	['checkout', 'the word is in the method, host, path, process, address, status …'],
	['"two words"', 'a text with blanks'],
	['-health', 'without the word; - negates every other part, too'],
	['status:5xx status:404 status:none', 'by class, by number, without a response'],
	[
		'method:post path:/api host:shop',
		'the column contains the text; process, remote, via, type, state, reason, side too',
	],
	['method=post', 'the column is the text'],
	['duration>100ms ttfb<=2s', 'by time'],
	['size>10KiB sent>0 lost>0', 'by bytes: of the response body, of the request body, lost'],
	['conn=12 pid=4711 id>=100', 'by number'],
	['caller:nginx callee:shop', 'as in “Who calls whom”'],
];

const KEYS: readonly (readonly [keys: string, meaning: string])[] = [
	['/', 'filter; Escape clears it'],
	['1 … 8', 'traffic, latency, endpoints, waterfall, who calls whom, bytes, loss, exchanges'],
	['← →', 'in traffic: choose a range of time, with Shift extend it, Escape: all. In the waterfall: move'],
	['+ − 0', 'in the waterfall: zoom in, zoom out, all'],
	['↑ ↓ PageUp PageDown Home End', 'in exchanges and waterfall: choose one; Enter shows it, Escape closes it'],
	['t', 'dark or light'],
	['?', 'this help'],
];

export function helpDialog(): HTMLDialogElement {
	const list = (entries: readonly (readonly [string, string])[], tag: 'code' | 'kbd') =>
		h(
			'dl',
			{ class: 'facts' },
			...entries.flatMap(([text, meaning]) => [h('dt', {}, h(tag, {}, text)), h('dd', {}, meaning)]),
		);
	const dialog = h(
		'dialog',
		{ class: 'help', 'aria-label': 'Help' },
		h('h2', {}, 'Filter'),
		h('p', {}, 'All parts must match. The filter holds for everything on the page but “Loss and blind spots”.'),
		list(FILTERS, 'code'),
		h('h2', {}, 'Keys'),
		list(KEYS, 'kbd'),
		h('h2', {}, 'Words'),
		h(
			'dl',
			{ class: 'facts' },
			...[
				['p95', '95 % of the exchanges took at most this long'],
				['via', 'the system call that carried the response body'],
				['side', 'server: the captured process answered. client: it asked. One exchange can be seen from both sides'],
				['held', 'bytes of bodies that are in the recording; the rest is counted, with the reason'],
			].flatMap(([word, meaning]) => [h('dt', {}, word!), h('dd', {}, meaning!)]),
		),
		h('button', { type: 'button', click: () => dialog.close() }, 'Close'),
	);
	return dialog;
}

// Which calls carried the bodies, how much of them is held, and why the rest is not.
import { visibleText } from '../../output/visible-text.ts';
import { fill, h, s } from './dom.ts';
import { emptyChart } from './plot.ts';
import type { Rows } from './rows.ts';
import { bytesText, countText, percentText } from './units.ts';
import type { View } from './view.ts';

type Sum = { bodies: number; bytes: number; held: number };
type Group = { readonly name: string; readonly side: string } & Sum;

const BAR = { width: 200, height: 12 };

export class BytesView {
	readonly carriers = h('div', { class: 'scroll-x' });
	readonly reasons = h('div', { class: 'scroll-x' });
	readonly #view: View;

	constructor(view: View) {
		this.#view = view;
	}

	update(): void {
		const { rows, counted } = this.#view;
		this.#drawCarriers(rows, counted);
		this.#drawReasons(rows, counted);
	}

	#drawCarriers(rows: Rows, counted: readonly number[]): void {
		const groups = new Map<string, Group>();
		for (const row of counted) {
			const name = rows.text('via', row);
			if (name === null) continue;
			const side = rows.text('side', row) ?? '';
			const group = groups.get(`${side} ${name}`) ?? { name, side, bodies: 0, bytes: 0, held: 0 };
			groups.set(`${side} ${name}`, group);
			add(group, rows.numbers.res_body_bytes[row]!, rows.numbers.res_captured_bytes[row]!);
		}
		const list = [...groups.values()].sort((a, b) => b.bytes - a.bytes || b.bodies - a.bodies);
		if (list.length === 0) {
			fill(
				this.carriers,
				emptyChart(counted.length === 0 ? 'No responses here.' : 'No calls: packets and HAR files do not tell them.'),
			);
			return;
		}
		const most = Math.max(1, ...list.map(({ bytes }) => bytes));
		fill(
			this.carriers,
			h(
				'table',
				{ class: 'numbers' },
				headOf(['call', 'text'], ['side', 'text'], ['responses', ''], ['body bytes', ''], ['held', ''], ['', 'text']),
				h(
					'tbody',
					{},
					...list.map(({ name, side, bodies, bytes, held }) =>
						h(
							'tr',
							{},
							h('th', { scope: 'row', class: 'text' }, visibleText(name)),
							h('td', { class: 'text dim' }, side === 'client' ? 'received by' : 'sent by'),
							h('td', {}, countText(bodies)),
							h('td', {}, bytesText(bytes)),
							h('td', {}, percentText(held, bytes)),
							h('td', { class: 'text' }, bar(bytes, held, most)),
						),
					),
				),
			),
			h(
				'p',
				{ class: 'keys' },
				...[h('span', { class: 'swatch held' }), 'held', h('span', { class: 'swatch not-held' }), 'not captured'],
			),
		);
	}

	#drawReasons(rows: Rows, counted: readonly number[]): void {
		const groups = new Map<string, Sum>();
		const all: Sum = { bodies: 0, bytes: 0, held: 0 };
		for (const row of counted)
			for (const message of ['req', 'res'] as const) {
				const bytes = rows.numbers[`${message}_body_bytes`][row]!;
				const held = rows.numbers[`${message}_captured_bytes`][row]!;
				if (bytes > 0) add(all, bytes, held);
				const why = rows.text(`${message}_why`, row);
				if (why === null) continue;
				const group = groups.get(why) ?? { bodies: 0, bytes: 0, held: 0 };
				groups.set(why, group);
				add(group, bytes, held);
			}
		if (all.bodies === 0) {
			fill(this.reasons, emptyChart('No bodies here.'));
			return;
		}
		const whole = `${bytesText(all.held)} of ${bytesText(all.bytes)} of bodies are held (${percentText(all.held, all.bytes)}).`;
		if (groups.size === 0) {
			fill(this.reasons, h('p', { class: 'good' }, `Every body is held whole: ${bytesText(all.bytes)}.`));
			return;
		}
		const list = [...groups].sort(([, a], [, b]) => b.bytes - b.held - (a.bytes - a.held) || b.bodies - a.bodies);
		fill(
			this.reasons,
			h(
				'table',
				{ class: 'numbers' },
				headOf(['why not whole', 'text'], ['bodies', ''], ['bytes not held', ''], ['means', 'text']),
				h(
					'tbody',
					{},
					...list.map(([why, { bodies, bytes, held }]) =>
						h(
							'tr',
							{},
							h('th', { scope: 'row', class: 'text' }, visibleText(why)),
							h('td', {}, countText(bodies)),
							h('td', {}, bytesText(Math.max(0, bytes - held))),
							h('td', { class: 'text dim wrap' }, MEANINGS[why] ?? ''),
						),
					),
				),
			),
			h('p', { class: 'note' }, whole),
		);
	}
}

const MEANINGS: Readonly<Record<string, string>> = {
	'sent by sendfile': 'from a file to the socket inside the kernel; a program never had these bytes in memory',
	'sent by splice': 'from one descriptor to another inside the kernel',
	'body limit': 'longer than --body-limit',
	'call limit': 'one call moved more than --call-limit, or packets were cut',
	'iovec limit': 'one call had more buffers than --iovec-limit',
	'memory limit': 'no memory left under --max-memory',
	lost: 'should have been captured; see loss below',
	'discarded by the program': 'the program told the kernel to drop them (MSG_TRUNC)',
	'content coding': 'held, but the compressed data could not be decoded',
	'left out by --keep-bodies': 'held by the capture, but not wanted in this page',
	'withheld by redaction': 'might contain secrets that cannot be taken out',
};

function add(sum: Sum, bytes: number, held: number): void {
	sum.bodies++;
	sum.bytes += bytes || 0;
	sum.held += held || 0;
}

export function headOf(...titles: readonly (readonly [title: string, kind: string])[]): HTMLElement {
	return h('thead', {}, h('tr', {}, ...titles.map(([title, kind]) => h('th', { scope: 'col', class: kind }, title))));
}

function bar(bytes: number, held: number, most: number): SVGSVGElement {
	const whole = (bytes / most) * BAR.width;
	const part = bytes === 0 ? 0 : (Math.min(held, bytes) / bytes) * whole;
	return s(
		'svg',
		{
			...BAR,
			viewBox: `0 0 ${BAR.width} ${BAR.height}`,
			role: 'img',
			'aria-label': `${bytesText(held)} of ${bytesText(bytes)} held`,
		},
		s('rect', { class: 'not-held', x: 0, y: 1, width: whole, height: BAR.height - 2 }),
		s('rect', { class: 'held', x: 0, y: 1, width: part, height: BAR.height - 2 }),
	);
}

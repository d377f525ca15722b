// The messages inside an exchange: server-sent events, WebSocket messages and others. A line for each, which opens.
import { visibleText } from '../../output/visible-text.ts';
import type { DetailBody, DetailItem, DetailItems } from '../report-data.ts';
import { bodyView } from './body-view.ts';
import { h } from './dom.ts';
import { bytesOfBase64 } from './hex.ts';
import { bytesText, durationText, plural } from './units.ts';

/** A line shows the beginning of the content. */
const SHOWN_CHARACTERS = 200;
const SHOWN_BYTES = 32;

export function itemsView({ list, cut }: DetailItems): Node[] {
	const left = cut?.count ?? 0;
	const rows: Node[] = list.map(itemView);
	if (cut !== undefined) {
		const note = `${plural(cut.count, 'more message')} not in this page, to keep it small.`;
		rows.splice(cut.after, 0, h('p', { class: 'note' }, note));
	}
	return [
		h('h3', {}, 'Messages', h('span', { class: 'dim' }, ` ${list.length + left}`)),
		h('div', { class: 'items' }, ...rows),
	];
}

function itemView(item: DetailItem): HTMLElement {
	const { seq, after, sent, body, note, bytes } = item;
	const way = sent === 1 ? 'from the client' : 'from the server';
	const place = h('div', { class: 'item-content' });
	const element = h(
		'details',
		{ class: `item ${sent === 1 ? 'sent' : 'received'}` },
		h(
			'summary',
			{},
			h('span', { class: 'item-seq' }, String(seq)),
			h('span', { class: 'item-way', role: 'img', title: way, 'aria-label': way }, sent === 1 ? '↑' : '↓'),
			h('span', { class: 'item-time' }, after === null ? '' : `+${durationText(after / 1000)}`),
			h('span', { class: 'item-kind' }, visibleText(nameOf(item))),
			h('span', { class: 'item-size' }, bytes === null ? '' : bytesText(bytes)),
			h('span', { class: 'item-text' }, lineOf(item)),
		),
		place,
	);
	// Made when it is opened, because there may be hundreds.
	element.addEventListener('toggle', () => {
		if (place.childNodes.length > 0) return;
		if (item.id !== undefined) place.append(h('p', { class: 'dim' }, `id ${visibleText(item.id)}`));
		if (note !== undefined) place.append(h('p', { class: 'note' }, visibleText(note)));
		place.append(body === undefined ? h('p', { class: 'dim' }, 'no content') : bodyView(body, `Message ${seq}`));
	});
	return element;
}

function nameOf({ kind, name }: DetailItem): string {
	return name ?? kind ?? '?';
}

function lineOf({ body, code, note }: DetailItem): string {
	const parts = [code === undefined ? '' : String(code), body === undefined ? '' : contentOf(body), note ?? ''];
	return visibleText(parts.filter((part) => part !== '').join(' '));
}

function contentOf({ fields, text, base64 = '' }: DetailBody): string {
	const shown = fields?.replaceAll(/\n\s*/g, '  ') ?? text;
	if (shown !== undefined) return shown.length > SHOWN_CHARACTERS ? `${shown.slice(0, SHOWN_CHARACTERS)}…` : shown;
	const bytes = bytesOfBase64(base64);
	const hex = [...bytes.subarray(0, SHOWN_BYTES)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
	return bytes.length > SHOWN_BYTES ? `${hex} …` : hex;
}

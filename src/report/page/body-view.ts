// A body, or a message inside an exchange, in the forms that it has: as a JSON tree, as text, in hexadecimal.
import { visibleText } from '../../output/visible-text.ts';
import type { DetailBody } from '../report-data.ts';
import { fill, h } from './dom.ts';
import { bytesOfBase64, hexLines } from './hex.ts';
import { parseJsonTree } from './json-parse.ts';
import { jsonTree } from './json-tree.ts';
import { bytesText } from './units.ts';

const HEX_BYTES = 64 * 1024;

type BodyForm = { readonly name: string; readonly make: () => Node };

/** The body in the forms that it has, one of which is shown. */
export function bodyView(body: DetailBody, title: string): HTMLElement {
	const { text, kind, type, cut, decoded, fields } = body;
	const forms: BodyForm[] = [];
	const tree =
		text === undefined || (kind !== 'json' && !/^\s*[[{]/.test(text)) ? undefined : parseJsonTree(text, true);
	if (fields !== undefined)
		forms.push({
			name: 'Fields',
			make: () => h('pre', { class: 'body', tabindex: 0 }, visibleText(fields, true)),
		});
	if (tree !== undefined) forms.push({ name: 'JSON', make: () => jsonTree(tree) });
	if (text !== undefined)
		forms.push({
			name: 'Text',
			make: () => h('pre', { class: 'body', tabindex: 0 }, visibleText(text.replaceAll('\r\n', '\n'), true)),
		});
	forms.push({
		name: 'Hex',
		make: () => h('pre', { class: 'body hex', tabindex: 0 }, hexLines(bytesOf(body), HEX_BYTES)),
	});
	const place = h('div', { role: 'tabpanel' });
	const tabs = forms.map(({ name, make }, index) =>
		h(
			'button',
			{ type: 'button', role: 'tab', 'aria-label': `${title} body as ${name}`, click: () => choose(index, make) },
			name,
		),
	);
	const choose = (index: number, make: () => Node) => {
		for (const [each, tab] of tabs.entries()) {
			tab.setAttribute('aria-selected', String(each === index));
			tab.tabIndex = each === index ? 0 : -1;
		}
		fill(place, make());
	};
	const facts = [
		type === null ? kind : visibleText(type),
		bytesText(body.bytes),
		...(decoded === undefined ? [] : [`decoded from ${visibleText(decoded)}`]),
	];
	const list = h(
		'div',
		{ role: 'tablist', class: 'tabs', 'aria-label': `${title} body` },
		...tabs,
		h('span', { class: 'dim' }, facts.join(', ')),
	);
	list.addEventListener('keydown', (event) => {
		const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
		const at = tabs.indexOf(document.activeElement as HTMLButtonElement);
		const next = tabs[(at + step + tabs.length) % tabs.length];
		if (step === 0 || at < 0 || next === undefined) return;
		event.preventDefault();
		next.click();
		next.focus();
	});
	choose(0, forms[0]!.make);
	return h(
		'div',
		{ class: 'body-view' },
		list,
		place,
		cut === undefined ? null : h('p', { class: 'note' }, `${bytesText(cut)} more not in this page, to keep it small.`),
	);
}

function bytesOf({ base64, text = '' }: DetailBody): Uint8Array {
	return base64 === undefined ? new TextEncoder().encode(text) : bytesOfBase64(base64);
}

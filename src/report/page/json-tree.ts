// A JSON text as a tree that can be folded.
import { visibleText } from '../../output/visible-text.ts';
import { h } from './dom.ts';
import type { JsonNode } from './json-parse.ts';
import { plural } from './units.ts';

/** Members shown until more are asked for. */
const FIRST_MEMBERS = 200;

/** The tree as elements. Members are made when their parent is unfolded. */
export function jsonTree(root: JsonNode): HTMLElement {
	return h('div', { class: 'json' }, nodeElement(root, 0));
}

function nodeElement(node: JsonNode, depth: number): HTMLElement {
	const label = node.key === null ? null : h('span', { class: 'json-key' }, `${visibleText(node.key)}: `);
	if (node.kind !== 'object' && node.kind !== 'list') {
		const text = node.kind === 'string' ? `"${visibleText(node.text)}"` : node.text;
		return h('div', { class: 'json-leaf' }, label, h('span', { class: `json-${node.kind}` }, text));
	}
	const [begin, end, unit] = node.kind === 'object' ? ['{', '}', 'member'] : ['[', ']', 'item'];
	const rest = node.cut ? ' … cut here' : '';
	if (node.members.length === 0) return h('div', { class: 'json-leaf' }, label, `${begin}${rest}${end}`);
	const members = h('div', { class: 'json-members' });
	const folded = h(
		'details',
		{ open: depth < 2 && node.members.length <= FIRST_MEMBERS },
		h('summary', {}, label, `${begin} ${plural(node.members.length, unit)}${rest} ${end}`),
		members,
	);
	let made = 0;
	const more = () => {
		const until = Math.min(node.members.length, made + FIRST_MEMBERS);
		const left = node.members.length - until;
		const some = node.members.slice(made, until).map((member) => nodeElement(member, depth + 1));
		made = until;
		members.querySelector(':scope > button')?.remove();
		members.append(...some);
		if (left > 0)
			members.append(
				h('button', { type: 'button', class: 'more', click: more }, `Show more (${plural(left, unit)} left)`),
			);
	};
	if (folded.open) more();
	folded.addEventListener('toggle', () => {
		if (folded.open && made === 0) more();
	});
	return folded;
}

// The box next to the pointer that says what is under it.
import { fill, h } from './dom.ts';

const box = h('div', { class: 'tip', role: 'tooltip', hidden: true });

/** Makes the box part of the page. */
export function installTip(): void {
	document.body.append(box);
	window.addEventListener('scroll', hideTip, { passive: true, capture: true });
}

/** Shows lines of text; each may have a label. */
export function showTip(event: MouseEvent, lines: readonly (string | readonly [label: string, value: string])[]): void {
	fill(
		box,
		...lines.map((line) =>
			typeof line === 'string'
				? h('div', { class: 'tip-title' }, line)
				: h('div', {}, h('span', {}, line[0]), h('b', {}, line[1])),
		),
	);
	box.hidden = false;
	const { offsetWidth: width, offsetHeight: height } = box;
	const isRight = event.clientX + 16 + width < window.innerWidth;
	box.style.left = `${Math.max(4, isRight ? event.clientX + 14 : event.clientX - width - 14)}px`;
	box.style.top = `${Math.max(4, Math.min(event.clientY + 14, window.innerHeight - height - 6))}px`;
}

export function hideTip(): void {
	box.hidden = true;
}

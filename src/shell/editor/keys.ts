// Maps keys to edits and actions of the prompt.
import type { EditName } from './text-edits.ts';

/** A key as node:readline reports it. */
export type Key = {
	readonly name?: string | undefined;
	readonly ctrl?: boolean;
	readonly meta?: boolean;
	readonly shift?: boolean;
	readonly sequence?: string;
};

/** Actions of keys that are not edits. */
export type ActionName =
	| 'accept'
	| 'newline'
	| 'complete'
	| 'completeBack'
	| 'interrupt'
	| 'endOfInput'
	| 'clearScreen'
	| 'suspend'
	| 'previous'
	| 'next'
	| 'search'
	| 'searchForward'
	| 'yank'
	| 'yankPop'
	| 'undo'
	| 'redo'
	| 'escape'
	| 'editor'
	| 'chord'
	| 'abort'
	| 'ignore';

export type KeyMeaning = EditName | ActionName;

const CONTROL: { readonly [name: string]: KeyMeaning } = {
	a: 'home',
	b: 'left',
	c: 'interrupt',
	d: 'endOfInput',
	e: 'end',
	f: 'right',
	g: 'abort',
	h: 'deleteLeft',
	k: 'killLineRight',
	l: 'clearScreen',
	n: 'next',
	p: 'previous',
	r: 'search',
	s: 'searchForward',
	t: 'swap',
	u: 'killLineLeft',
	w: 'killBlankLeft',
	x: 'chord',
	y: 'yank',
	z: 'suspend',
	left: 'wordLeft',
	right: 'wordRight',
	home: 'textStart',
	end: 'textEnd',
	backspace: 'killWordLeft',
	delete: 'killWordRight',
};

const META: { readonly [name: string]: KeyMeaning } = {
	b: 'wordLeft',
	f: 'wordRight',
	d: 'killWordRight',
	y: 'yankPop',
	'<': 'textStart',
	'>': 'textEnd',
	left: 'wordLeft',
	right: 'wordRight',
	backspace: 'killWordLeft',
	delete: 'killWordRight',
	return: 'newline',
	enter: 'newline',
};

const PLAIN: { readonly [name: string]: KeyMeaning } = {
	return: 'accept',
	enter: 'accept',
	tab: 'complete',
	backspace: 'deleteLeft',
	delete: 'deleteRight',
	left: 'left',
	right: 'right',
	up: 'up',
	down: 'down',
	home: 'home',
	end: 'end',
	escape: 'escape',
};

/** The meaning of a key; undefined if the key types text. */
export function meaningOf(text: string | undefined, key: Key): KeyMeaning | undefined {
	const { name, sequence } = key;
	if (sequence === '\x1f') return 'undo';
	if (sequence === '\x1e') return 'redo';
	if (sequence === '\x1b<') return 'textStart';
	if (sequence === '\x1b>') return 'textEnd';
	if (name === 'tab' && key.shift === true) return 'completeBack';
	if (name !== undefined) {
		if (key.ctrl === true) return CONTROL[name] ?? 'ignore';
		if (key.meta === true && name !== 'escape') return META[name] ?? 'ignore';
		const meaning = PLAIN[name];
		if (meaning !== undefined) return meaning;
	}
	// Nobody types other control characters, such as that of Ctrl-\, on purpose.
	const isText = text !== undefined && text !== '' && !/^\p{Cc}$/u.test(text) && sequence?.startsWith('\x1b') !== true;
	return isText ? undefined : 'ignore';
}

// The editing keys: what each does to a text of several lines and to the cursor.
import { displayWidth } from '../../output/terminal-text.ts';
import { nextCharacter, previousCharacter } from './shown-text.ts';

export type Edited = {
	readonly text: string;
	readonly cursor: number;
	/** The deleted text, if Ctrl-Y can bring it back. */
	readonly killed?: string;
};

type Edit = (text: string, cursor: number) => Edited;

export function lineStart(text: string, cursor: number): number {
	// lastIndexOf with a negative offset would look at the first character.
	return cursor === 0 ? 0 : text.lastIndexOf('\n', cursor - 1) + 1;
}

export function lineEnd(text: string, cursor: number): number {
	const end = text.indexOf('\n', cursor);
	return end < 0 ? text.length : end;
}

/** Whether the cursor is in the first or in the last line. */
export function isOnFirstLine(text: string, cursor: number): boolean {
	return lineStart(text, cursor) === 0;
}

export function isOnLastLine(text: string, cursor: number): boolean {
	return lineEnd(text, cursor) === text.length;
}

export function insert(text: string, cursor: number, added: string): Edited {
	return { text: text.slice(0, cursor) + added + text.slice(cursor), cursor: cursor + added.length };
}

const WORD_LEFT = /(?:[\p{L}\p{M}\p{N}_$]+|[^\p{L}\p{M}\p{N}_$\s]+)\s*$/u;
const WORD_RIGHT = /^\s*(?:[\p{L}\p{M}\p{N}_$]+|[^\p{L}\p{M}\p{N}_$\s]+)/u;
/** Words are searched at most this far from the cursor. */
const WORD_REACH = 1000;

function wordLeft(text: string, cursor: number): number {
	const from = Math.max(0, cursor - WORD_REACH);
	return from + Math.max(0, text.slice(from, cursor).search(WORD_LEFT));
}

function wordRight(text: string, cursor: number): number {
	const reached = WORD_RIGHT.exec(text.slice(cursor, cursor + WORD_REACH));
	return reached === null ? Math.min(text.length, cursor + WORD_REACH) : cursor + reached[0].length;
}

/** The same column in the line that begins at `start`. */
function sameColumn(text: string, cursor: number, start: number): number {
	const column = displayWidth(text.slice(lineStart(text, cursor), cursor));
	const end = lineEnd(text, start);
	let at = start;
	while (at < end && displayWidth(text.slice(start, at)) < column) at = nextCharacter(text, at);
	return at;
}

function remove(text: string, from: number, to: number): Edited {
	return { text: text.slice(0, from) + text.slice(to), cursor: from };
}

function kill(text: string, from: number, to: number): Edited {
	return { ...remove(text, from, to), killed: text.slice(from, to) };
}

function moving(target: (text: string, cursor: number) => number): Edit {
	return (text, cursor) => ({ text, cursor: target(text, cursor) });
}

/** Edits by name; keys.ts binds them to keys. */
export const EDITS = {
	left: moving(previousCharacter),
	right: moving((text, cursor) => (cursor < text.length ? nextCharacter(text, cursor) : cursor)),
	wordLeft: moving(wordLeft),
	wordRight: moving(wordRight),
	/** To the beginning of the line, or if already there, to the beginning of the text. */
	home: moving((text, cursor) => (lineStart(text, cursor) === cursor ? 0 : lineStart(text, cursor))),
	end: moving((text, cursor) => (lineEnd(text, cursor) === cursor ? text.length : lineEnd(text, cursor))),
	textStart: moving(() => 0),
	textEnd: moving((text) => text.length),
	up: moving((text, cursor) =>
		isOnFirstLine(text, cursor) ? 0 : sameColumn(text, cursor, lineStart(text, lineStart(text, cursor) - 1)),
	),
	down: moving((text, cursor) =>
		isOnLastLine(text, cursor) ? text.length : sameColumn(text, cursor, lineEnd(text, cursor) + 1),
	),
	deleteLeft: (text, cursor) => remove(text, cursor > 0 ? previousCharacter(text, cursor) : 0, cursor),
	deleteRight: (text, cursor) => remove(text, cursor, cursor < text.length ? nextCharacter(text, cursor) : cursor),
	/** Deletes to the beginning of the line, or if already there, the line break before it. */
	killLineLeft: (text, cursor) => {
		const start = lineStart(text, cursor);
		return kill(text, start === cursor ? Math.max(0, start - 1) : start, cursor);
	},
	killLineRight: (text, cursor) => {
		const end = lineEnd(text, cursor);
		return kill(text, cursor, end === cursor ? Math.min(text.length, end + 1) : end);
	},
	killWordLeft: (text, cursor) => kill(text, wordLeft(text, cursor), cursor),
	killWordRight: (text, cursor) => kill(text, cursor, wordRight(text, cursor)),
	/** Deletes back to the white space before the cursor, as Ctrl-W does. */
	killBlankLeft: (text, cursor) => kill(text, Math.max(0, text.slice(0, cursor).trimEnd().search(/\S+$/)), cursor),
	swap: (text, cursor) => {
		const at = cursor === lineEnd(text, cursor) && cursor > 0 ? previousCharacter(text, cursor) : cursor;
		if (at <= lineStart(text, at)) return { text, cursor };
		const before = previousCharacter(text, at);
		const after = nextCharacter(text, at);
		const swapped = text.slice(at, after) + text.slice(before, at);
		return { text: text.slice(0, before) + swapped + text.slice(after), cursor: after };
	},
} satisfies Record<string, Edit>;

export type EditName = keyof typeof EDITS;

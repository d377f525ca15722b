// Splits typed text into the pieces that the screen shows: control and invisible characters as escapes, tabs as spaces.
import { displayWidth, forTerminal } from '../../output/terminal-text.ts';

/** A part of a text that is shown as a unit, or a run of characters of one column each. */
export type Piece = {
	/** Offsets in the text. */
	readonly start: number;
	readonly end: number;
	readonly shown: string;
	/** Columns. */
	readonly width: number;
	/** Each character takes one column and is shown as it is. */
	readonly isPlain: boolean;
};

/** Tabs have a fixed width, so the look of a text does not depend on where it wraps. */
const TAB = '    ';
/** Longer non-ASCII texts are split by code points, which is faster than by graphemes. */
const LONG = 20_000;

const PLAIN = /[\x20-\x7e]+/y;
const OTHER = /[^\x20-\x7e]+/y;
const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** The pieces of `text` from `start` to `end`, a range without line breaks. */
export function* piecesOf(text: string, start: number, end: number): Generator<Piece> {
	let at = start;
	const isLong = end - start > LONG;
	while (at < end) {
		PLAIN.lastIndex = at;
		if (PLAIN.test(text)) {
			const stop = Math.min(PLAIN.lastIndex, end);
			yield { start: at, end: stop, shown: text.slice(at, stop), width: stop - at, isPlain: true };
			at = stop;
			continue;
		}
		OTHER.lastIndex = at;
		OTHER.test(text);
		const run = text.slice(at, Math.min(OTHER.lastIndex, end));
		for (const part of isLong ? run : segmentsOf(run)) {
			const shown = part === '\t' ? TAB : forTerminal(part).replaceAll('\\\\', '\\');
			const width = displayWidth(shown);
			yield { start: at, end: at + part.length, shown, width, isPlain: false };
			at += part.length;
		}
	}
}

function* segmentsOf(run: string): Generator<string> {
	for (const { segment } of graphemes.segment(run)) yield segment;
}

/** The offset after the user-perceived character at `at`. */
export function nextCharacter(text: string, at: number): number {
	const near = text.slice(at, at + 64);
	for (const { segment } of graphemes.segment(near)) return at + segment.length;
	return at;
}

/** The offset of the user-perceived character before `at`. */
export function previousCharacter(text: string, at: number): number {
	const from = Math.max(0, at - 64);
	let last = at;
	for (const { index } of graphemes.segment(text.slice(from, at))) last = from + index;
	return last;
}

/** Puts a text of several lines on one line of at most `columns`. */
export function onOneLine(text: string, columns: number): string {
	let shown = '';
	let width = 0;
	// No character has more code units than this for each column it takes.
	const near = text.slice(0, columns * 40).replaceAll('\n', '⏎');
	for (const piece of piecesOf(near, 0, near.length)) {
		const room = columns - width;
		if (piece.width <= room) {
			shown += piece.shown;
			width += piece.width;
			continue;
		}
		if (piece.isPlain) shown += piece.shown.slice(0, Math.max(0, room));
		return shown;
	}
	return shown;
}

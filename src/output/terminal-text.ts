// All captured text passes through here before it reaches a terminal or a text file. Everything that could move the
// cursor, change a colour, or hide or reorder text becomes visible ASCII. Our own colours are added afterwards.

import stringWidth from 'string-width';
import { escapeAll, escapeCodePoint, PLAIN_ASCII, visibleText } from './visible-text.ts';

export type TerminalTextOptions = {
	/** Leave everything unchanged (`--raw`). Bytes that are not UTF-8 become U+FFFD. */
	readonly raw?: boolean;
	/** Keep line feeds, for texts of several lines. */
	readonly lineFeeds?: boolean;
};

/**
 * Makes captured text (or bytes taken as UTF-8) safe to print. Control and invisible characters become `\xNN` (below
 * U+0100) or `\u{HEX}`, bytes that are not UTF-8 become `\xNN`, and so do marks beyond the eighth on one character.
 *
 * Backslashes are doubled in a text in which something was escaped or in which one would look like an escape; in every
 * other text they stay single. So `C:\dir` prints as it is, and still no two texts print alike, except for bytes
 * 0x80-0x9f that are not UTF-8 and the code points of the same number.
 */
export function forTerminal(text: string | Uint8Array, options: TerminalTextOptions = {}): string {
	if (typeof text !== 'string') return forTerminalBytes(text, options);
	return options.raw === true ? text : visibleText(text, options.lineFeeds === true);
}

/** The number of terminal columns for `text`, which is already safe, by East Asian width. */
export function displayWidth(text: string): number {
	if (PLAIN_ASCII.test(text)) return text.length;
	let width = 0;
	for (let i = 0; i < text.length; i++) {
		const columns = simpleWidth(text.charCodeAt(i));
		// A mark or an emoji changes the character before it, so the whole text must be measured.
		if (columns === 0) return stringWidth(text);
		width += columns;
	}
	return width;
}

/** Cuts `text`, which is already safe, to `columns` columns. `…`, which takes one of them, replaces the rest. */
export function cutToWidth(text: string, columns: number): string {
	if (columns < 1) return text === '' ? '' : '…';
	if (PLAIN_ASCII.test(text)) return text.length <= columns ? text : `${text.slice(0, columns - 1)}…`;
	if (text.length <= 2 * columns && displayWidth(text) <= columns) return text;
	let width = 0;
	let keep = 0;
	for (const { segment, index } of graphemes.segment(text)) {
		width += displayWidth(segment);
		if (width > columns) return `${text.slice(0, keep)}…`;
		if (width <= columns - 1) keep = index + segment.length;
	}
	return text;
}

/**
 * A captured text as one line of at most `columns` columns, for table cells. Reads no more of the text than fits.
 */
export function cellForTerminal(text: string | Uint8Array, columns: number, options: TerminalTextOptions = {}): string {
	// A column has a base character and at most 8 marks: 18 code units, 36 bytes.
	const enough = (columns + 1) * 40;
	if (!(text.length > enough)) return cutToWidth(forTerminal(text, options), columns);
	const shown = cutToWidth(forTerminal(text.slice(0, enough), options), columns);
	return shown.endsWith('…') ? shown : cutToWidth(`${shown}…`, columns);
}

/** The same, but `…` replaces the middle: for paths, whose ends say as much as their beginnings. */
export function middleForTerminal(text: string, columns: number, options: TerminalTextOptions = {}): string {
	const enough = (columns + 1) * 40;
	const isLong = text.length > 2 * enough;
	if (!isLong) {
		const whole = forTerminal(text, options);
		if (displayWidth(whole) <= columns) return whole;
	}
	const start = cellForTerminal(isLong ? text.slice(0, enough) : text, Math.ceil(columns / 2), options);
	const room = columns - displayWidth(start);
	const end: string[] = [];
	let width = 0;
	const last = forTerminal(isLong ? text.slice(-enough) : text, options);
	for (const { segment } of [...graphemes.segment(last)].reverse()) {
		width += displayWidth(segment);
		if (width > room) break;
		end.unshift(segment);
	}
	return start + end.join('');
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/**
 * Width of a code unit in scripts where it does not depend on its neighbours; 0 for all others. string-width takes 20
 * µs per character, and most text is in these scripts.
 */
function simpleWidth(unit: number): number {
	if (unit < 0x300) return (unit >= 0x20 && unit < 0x7f) || (unit >= 0xa0 && unit !== 0xad) ? 1 : 0;
	if (unit >= 0x370 && unit < 0x483) return 1;
	if (unit >= 0x48a && unit < 0x530) return 1;
	if (unit === 0x2026) return 1;
	if (unit >= 0x3041 && unit < 0x3097) return 2;
	if (unit >= 0x30a1 && unit < 0x30fb) return 2;
	if (unit >= 0x4e00 && unit < 0xa000) return 2;
	return unit >= 0xac00 && unit < 0xd7a4 ? 2 : 0;
}

function forTerminalBytes(bytes: Uint8Array, options: TerminalTextOptions): string {
	const decoded = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
	if (options.raw === true || !decoded.includes('\ufffd')) return forTerminal(decoded, options);
	const parts = splitUtf8(bytes);
	// U+FFFD may also have been in the input.
	if (parts.every((part) => typeof part === 'string')) return forTerminal(decoded, options);
	const lineFeeds = options.lineFeeds === true;
	return parts.map((part) => (typeof part === 'number' ? escapeCodePoint(part) : escapeAll(part, lineFeeds))).join('');
}

/** Splits bytes into valid UTF-8, as text, and invalid bytes, as numbers. */
export function splitUtf8(bytes: Uint8Array): (string | number)[] {
	const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	const parts: (string | number)[] = [];
	let start = 0;
	let at = 0;
	while (at < bytes.length) {
		const length = utf8Length(bytes, at);
		if (length > 0) {
			at += length;
			continue;
		}
		if (at > start) parts.push(buffer.toString('utf8', start, at));
		parts.push(bytes[at] as number);
		at++;
		start = at;
	}
	if (at > start) parts.push(buffer.toString('utf8', start, at));
	return parts;
}

/** Length of the well-formed UTF-8 character at `at` (Unicode 15, table 3-7), or 0. */
function utf8Length(bytes: Uint8Array, at: number): number {
	const first = bytes[at] as number;
	if (first < 0x80) return 1;
	if (first < 0xc2 || first > 0xf4) return 0;
	const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	if (at + length > bytes.length) return 0;
	const second = bytes[at + 1] as number;
	const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
	const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
	if (second < low || second > high) return 0;
	for (let i = at + 2; i < at + length; i++) {
		if (((bytes[i] as number) & 0xc0) !== 0x80) return 0;
	}
	return length;
}

// Lays out a text of several lines, each with a prompt, on a screen. Only the rows around the cursor are laid out, so a
// very long text costs little more than a short one.
import { piecesOf } from './shown-text.ts';
import { lineEnd, lineStart } from './text-edits.ts';

/** The part of a line that is shown in one row of the screen. */
export type Row = {
	/** Offsets in the text. */
	readonly start: number;
	readonly end: number;
	/** The row begins with the prompt of its line. */
	readonly isFirst: boolean;
	/** Columns before the text. */
	readonly indent: number;
	/** Width in columns, including the prompt. */
	readonly width: number;
	/** The line continues in the next row. */
	readonly continues: boolean;
};

export type Layout = {
	readonly rows: readonly Row[];
	readonly cursor: { readonly row: number; readonly column: number };
};

export type Screen = {
	readonly columns: number;
	/** The text may take at most this many rows. */
	readonly rows: number;
	/** Width of the first line's prompt, and of the other lines' prompt. */
	readonly prompt: number;
	readonly continuation: number;
};

/** Lays out the rows around the cursor. */
export function layOut(text: string, cursor: number, screen: Screen): Layout {
	// If a line is longer than two blocks, only the part around the cursor is laid out.
	const block = screen.columns * screen.rows;
	const start = lineStart(text, cursor);
	const end = lineEnd(text, cursor);
	const own = wrap(
		text,
		{ start, from: blockBefore(text, start, cursor, block), to: Math.min(end, cursor + 2 * block) },
		cursor,
		screen,
	);
	let index = own.findIndex((row) => cursor < row.end || (cursor === row.end && !row.continues));
	if (index < 0) index = own.length - 1;
	const after = own.slice(index + 1, index + 1 + screen.rows);
	for (let at = end; after.length < screen.rows && at < text.length; ) {
		const next = lineEnd(text, at + 1);
		const part = { start: at + 1, from: at + 1, to: Math.min(next, at + 2 * block) };
		after.push(...wrap(text, part, -1, screen).slice(0, screen.rows));
		at = next;
	}
	const before = own.slice(Math.max(0, index - screen.rows), index);
	for (let at = start; before.length < screen.rows && at > 0; ) {
		const previous = lineStart(text, at - 1);
		const part = { start: previous, from: blockBefore(text, previous, at - 1, block), to: at - 1 };
		before.unshift(...wrap(text, part, -1, screen).slice(-screen.rows));
		at = previous;
	}
	// If not all rows fit, the cursor's row is in the middle.
	const room = Math.max(0, screen.rows - 1);
	const below = Math.min(after.length, Math.max(Math.floor(room / 2), room - before.length));
	const above = Math.min(before.length, room - below);
	const row = own[index]!;
	return {
		rows: [...before.slice(before.length - above), row, ...after.slice(0, below)],
		cursor: { row: above, column: row.indent + widthOf(text, row.start, cursor) },
	};
}

function widthOf(text: string, start: number, end: number): number {
	let width = 0;
	for (const piece of piecesOf(text, start, end)) width += piece.width;
	return width;
}

/** Where the laid-out part of a long line begins for a cursor at `at`: far enough before it to fill a screen. */
function blockBefore(text: string, start: number, at: number, block: number): number {
	const blocks = Math.floor((at - start) / block) - 1;
	if (blocks <= 0) return start;
	const from = start + blocks * block;
	// Do not begin inside a surrogate pair.
	return (text.charCodeAt(from) & 0xfc00) === 0xdc00 ? from + 1 : from;
}

/** Breaks a line, or part of a long one, into rows. A cursor after a full row needs one more row. */
function wrap(text: string, part: { start: number; from: number; to: number }, cursor: number, screen: Screen): Row[] {
	const { start, from, to: end } = part;
	const rows: Row[] = [];
	const { columns } = screen;
	const prompt = start === 0 ? screen.prompt : screen.continuation;
	let indent = from > start ? 0 : Math.min(prompt, Math.max(0, columns - 1));
	let rowStart = from;
	let width = indent;
	const finish = (at: number, continues: boolean) => {
		rows.push({ start: rowStart, end: at, isFirst: rowStart === start && rows.length === 0, indent, width, continues });
		rowStart = at;
		indent = 0;
		width = 0;
	};
	for (const piece of piecesOf(text, from, end)) {
		if (piece.isPlain) {
			let at = piece.start;
			while (piece.end - at > columns - width) {
				at += columns - width;
				width = columns;
				finish(at, true);
			}
			width += piece.end - at;
		} else {
			if (width + piece.width > columns && width > 0) finish(piece.start, true);
			width += Math.min(piece.width, columns);
		}
	}
	const isFull = width >= columns && cursor === end;
	finish(end, isFull);
	if (isFull) finish(end, false);
	return rows;
}

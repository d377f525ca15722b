// Turns a text with its prompts and colours into rows of the screen.
import { stripVTControlCharacters } from 'node:util';
import { displayWidth } from '../../output/terminal-text.ts';
import type { DrawnRow, Picture } from './drawn-area.ts';
import { layOut, type Row } from './layout.ts';
import { onOneLine, piecesOf } from './shown-text.ts';

type Paint = (text: string) => string;

/** A coloured part of the text. */
export type Span = { readonly start: number; readonly end: number; readonly paint: Paint };

export type TextView = {
	readonly text: string;
	readonly cursor: number;
	/** The prompt of the first line, and of the others; may contain colours. */
	readonly prompt: string;
	readonly continuation: string;
	/** In order, without overlaps. */
	readonly spans: readonly Span[];
	/** Shown after the end of the text. */
	readonly suggestion?: string;
	readonly paintSuggestion?: Paint;
};

export function pictureOf(view: TextView, columns: number, rows: number): Picture {
	const { text, spans } = view;
	const prompt = promptFor(view.prompt, columns);
	const continuation = promptFor(view.continuation, columns);
	const { rows: laidOut, cursor } = layOut(text, view.cursor, {
		columns,
		rows,
		prompt: prompt.width,
		continuation: continuation.width,
	});
	const drawn = laidOut.map((row): DrawnRow => {
		const before = !row.isFirst ? '' : row.start === 0 ? prompt.text : continuation.text;
		return { text: before + paintedRow(text, row, spans), width: row.width, continues: row.continues };
	});
	const last = laidOut.at(-1)!;
	const room = columns - 1 - last.width;
	if (view.suggestion !== undefined && last.end === text.length && room > 0) {
		const shown = onOneLine(view.suggestion, room);
		const end = drawn.pop()!;
		const painted = (view.paintSuggestion ?? String)(shown);
		drawn.push({ ...end, text: end.text + painted, width: end.width + displayWidth(shown) });
	}
	return { rows: drawn, cursor };
}

/** The width in columns of a text that contains colours. */
export function paintedWidth(text: string): number {
	return displayWidth(stripVTControlCharacters(text));
}

/** A terminal that is too narrow for the prompt gets none. */
function promptFor(text: string, columns: number): { text: string; width: number } {
	const width = paintedWidth(text);
	return width < columns - 1 ? { text, width } : { text: '', width: 0 };
}

function paintedRow(text: string, row: Row, spans: readonly Span[]): string {
	let index = firstSpanAfter(spans, row.start);
	let painted = '';
	/** Text collected so far that has one colour. */
	let part = '';
	let current: Span | undefined;
	const flush = () => {
		painted += part === '' || current === undefined ? part : current.paint(part);
		part = '';
	};
	for (const piece of piecesOf(text, row.start, row.end)) {
		for (let from = piece.start; from < piece.end; ) {
			while (spans[index] !== undefined && spans[index]!.end <= from) index++;
			const next = spans[index];
			const span = next !== undefined && next.start <= from ? next : undefined;
			if (span !== current) {
				flush();
				current = span;
			}
			const edge = span?.end ?? next?.start ?? piece.end;
			// A character that is shown as a unit has the colour of its beginning.
			const to = piece.isPlain ? Math.min(piece.end, edge) : piece.end;
			part += piece.isPlain ? piece.shown.slice(from - piece.start, to - piece.start) : piece.shown;
			from = to;
		}
	}
	flush();
	return painted;
}

/** Index of the first span that ends after `at`. */
function firstSpanAfter(spans: readonly Span[], at: number): number {
	let low = 0;
	let high = spans.length;
	while (low < high) {
		const middle = (low + high) >> 1;
		if (spans[middle]!.end <= at) low = middle + 1;
		else high = middle;
	}
	return low;
}

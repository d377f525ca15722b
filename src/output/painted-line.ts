// Lines that are already coloured; the only escape sequences in them are our own colours (theme.ts).
import { stripVTControlCharacters } from 'node:util';
import { cutToWidth, displayWidth } from './terminal-text.ts';

const COLOR = /(\x1b\[[\d;]*m)/;

/** Cuts a coloured line to `columns` columns, with `…` in place of the rest, and keeps its colours. */
export function cutPaintedLine(line: string, columns: number): string {
	if (widthOf(line) <= columns) return line;
	let left = columns;
	let isCut = false;
	return line
		.split(COLOR)
		.map((part, index) => {
			// Every second part is a colour.
			if (index % 2 === 1) return part;
			if (isCut || part === '') return '';
			const width = displayWidth(part);
			if (width < left) {
				left -= width;
				return part;
			}
			isCut = true;
			return width === left ? `${cutToWidth(`${part}x`, left)}` : cutToWidth(part, left);
		})
		.join('');
}

/** The number of screen rows that the lines of a coloured text take. */
export function screenRows(text: string, columns: number): number {
	const lines = text.replace(/\n$/, '').split('\n');
	return lines.reduce((rows, line) => rows + Math.max(1, Math.ceil(widthOf(line) / columns)), 0);
}

function widthOf(line: string): number {
	return displayWidth(stripVTControlCharacters(line));
}

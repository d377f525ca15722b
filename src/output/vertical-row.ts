// A row with one column per line, as `\G` prints it.

import { mediaOf } from '../decode/media-kind.ts';
import type { SqlValue } from '../store/table.ts';
import { HEX_DUMP_BYTES, jsonLines, textLines } from './body-lines.ts';
import { NULL_TEXT, numberText, paintValue, type ResultColumn } from './cell-text.ts';
import { hexDump } from './hex-dump.ts';
import { cellForTerminal, displayWidth, forTerminal } from './terminal-text.ts';
import type { Theme } from './theme.ts';

export type VerticalRowOptions = {
	readonly theme: Theme;
	readonly raw: boolean;
	/** How NULL is shown. */
	readonly nullText?: string;
	/** Maximum width of a line; null: values are not cut, bodies and JSON take several lines. */
	readonly cellColumns: number | null;
};

/** Columns with bodies, which keep their lines. */
const BODY_NAME = /^(?:req|res)_body$/;

/** Creates a writer of rows, each under a line with its number. */
export function createVerticalRow(
	columns: readonly ResultColumn[],
	options: VerticalRowOptions,
): (row: readonly SqlValue[], number?: number) => string {
	const { theme, raw, cellColumns, nullText = NULL_TEXT } = options;
	const names = columns.map((column) => cellForTerminal(column.name, 60, { raw }));
	const widest = Math.max(0, ...names.map(displayWidth));
	const labels = names.map((name) => `${' '.repeat(widest - displayWidth(name))}${theme.name(name)}:`);
	// A label, a colon and a blank are before the value.
	const cutColumns = Math.max(10, (cellColumns ?? 0) - widest - 3);
	const notes = columns.map((column) => columns.findIndex((other) => other.name === `${column.name}_note`));
	const stars = '*'.repeat(27);
	let number = 0;

	const sibling = (row: readonly SqlValue[], name: string): SqlValue =>
		row[columns.findIndex((column) => column.name === name)] ?? null;

	const painted = (i: number, value: SqlValue, text: string): string =>
		` ${paintValue(columns[i]?.name ?? '', value, text, theme)}\n`;

	/** The placeholder for images and similar bodies, which are not readable as text. */
	const mediaText = (row: readonly SqlValue[], i: number): string | null => {
		const contentType = sibling(row, 'content_type');
		if (columns[i]?.name !== 'res_body' || typeof contentType !== 'string') return null;
		const { kind, type } = mediaOf(contentType, Uint8Array.of(0));
		if (kind === 'json' || kind === 'text' || kind === 'binary') return null;
		const bytes = sibling(row, 'res_body_bytes');
		const size = typeof bytes === 'number' ? `, ${bytes} bytes` : '';
		return ` ${theme.note(`[${forTerminal(type ?? kind, { raw })}${size}]`)}\n`;
	};

	const wholeValue = (value: string | Uint8Array, i: number, note: SqlValue): string => {
		if (typeof value !== 'string') return ` ${value.length} bytes\n${hexDump(value, HEX_DUMP_BYTES)}`;
		const isBody = BODY_NAME.test(columns[i]?.name ?? '');
		if (!isBody && columns[i]?.type !== 'json') return painted(i, value, forTerminal(value, { raw }));
		const how = { raw, partial: note !== null };
		const lines = jsonLines(value, how) ?? textLines(value, how);
		return lines.indexOf('\n') < lines.length - 1 ? `\n${lines}` : ` ${lines === '' ? '\n' : lines}`;
	};

	return (row, given) => {
		number = given ?? number + 1;
		let text = `${theme.dim(`${stars} ${number}. row ${stars}`)}\n`;
		for (let i = 0; i < columns.length; i++) {
			const value = row[i] ?? null;
			const note = row[notes[i] as number] ?? null;
			text += labels[i];
			if (value === null) text += painted(i, value, forTerminal(nullText, { raw }));
			else if (typeof value === 'number' || typeof value === 'bigint') text += painted(i, value, numberText(value));
			else if (cellColumns !== null) text += painted(i, value, cellForTerminal(value, cutColumns, { raw }));
			else text += mediaText(row, i) ?? wholeValue(value, i, note);
			// The note is shown where the rest of the body would be.
			if (cellColumns === null && typeof note === 'string') text += `${theme.note(forTerminal(note, { raw }))}\n`;
		}
		return text;
	};
}

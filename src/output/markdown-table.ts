// Result rows as a Markdown table.
import type { SqlValue } from '../store/table.ts';
import { isNumeric, NULL_TEXT, numberText, type ResultColumn } from './cell-text.ts';
import { forTerminal } from './terminal-text.ts';

/** The head of a GitHub-flavoured table. Cells are not cut, and nothing in them acts as markup. */
export function markdownHead(columns: readonly ResultColumn[], raw: boolean): string {
	const names = columns.map((column) => markdownText(column.name, raw));
	const rules = columns.map((column) => (isNumeric(column.type) ? '---:' : '---'));
	return `${markdownLine(names)}${markdownLine(rules)}`;
}

export function markdownRow(row: readonly SqlValue[], raw: boolean, nullText = NULL_TEXT): string {
	return markdownLine(row.map((value) => markdownCell(value, raw, nullText)));
}

function markdownLine(cells: readonly string[]): string {
	return `| ${cells.join(' | ')} |\n`;
}

function markdownCell(value: SqlValue, raw: boolean, nullText: string): string {
	if (value === null) return nullText === '' ? '' : `*${markdownText(nullText, raw)}*`;
	if (typeof value === 'number' || typeof value === 'bigint') return numberText(value);
	return markdownText(value, raw);
}

function markdownText(text: string | Uint8Array, raw: boolean): string {
	const safe = forTerminal(text, { raw });
	// Even with --raw, because a line end would end the row, and a bar the cell.
	if (raw) return safe.replaceAll('|', '\\|').replace(/\r\n|\r|\n/g, '<br>');
	return safe.replace(/[\\`*_[\]~|]/g, '\\$&').replace(/[&<>]/g, (character) => ENTITIES[character] as string);
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

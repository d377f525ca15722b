import type { SqlValue } from '../store/table.ts';
import { base64, numberText, type ResultColumn } from './cell-text.ts';
import { forTerminal } from './terminal-text.ts';

/**
 * One record of RFC 4180, ended by LF. Text is always quoted, so that NULL (nothing) and '' (`""`) differ; numbers are
 * not; blobs are base64.
 *
 * Made for people and spreadsheets, so it is lossy: `'` is put before texts that a spreadsheet would take as a formula, and
 * control and invisible characters are escaped as in every text output, except line feeds, which CSV allows. With `raw`
 * every text is exactly what was captured.
 */
export function csvRecord(values: readonly SqlValue[], raw: boolean): string {
	return `${values.map((value) => csvField(value, raw)).join(',')}\n`;
}

/** The names, quoted where they are not plain words. */
export function csvHeader(columns: readonly ResultColumn[], raw: boolean): string {
	return `${columns.map(({ name }) => (/^[A-Za-z_]\w*$/.test(name) ? name : csvField(name, raw))).join(',')}\n`;
}

// The characters of OWASP's list with their full-width forms, also after quotes and blanks, which some programs drop.
const FORMULA_START = /^[\s"']*[=+\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]/;

function csvField(value: SqlValue, raw: boolean): string {
	if (value === null) return '';
	if (typeof value === 'number' || typeof value === 'bigint') return numberText(value);
	if (typeof value !== 'string') return `"${base64(value)}"`;
	const text = raw ? value : (FORMULA_START.test(value) ? "'" : '') + forTerminal(value, { lineFeeds: true });
	return `"${text.replaceAll('"', '""')}"`;
}

// Result rows as CSV.
import type { SqlValue } from '../store/table.ts';
import { base64, numberText, type ResultColumn } from './cell-text.ts';
import { forTerminal } from './terminal-text.ts';

/**
 * One record of RFC 4180, ended by LF. Text is always quoted, so that NULL (nothing) and '' (`""`) differ. Numbers are
 * not quoted; blobs are base64.
 *
 * It is meant for people and spreadsheets, and lossy: `'` precedes texts that a spreadsheet would take for a formula,
 * and control and invisible characters are escaped as in other text output, except line feeds, which CSV allows. With
 * `raw`, texts are exactly what was captured.
 */
export function csvRecord(
	values: readonly SqlValue[],
	raw: boolean,
	columns: readonly ResultColumn[] = [],
	separator = ',',
): string {
	// A negative interval begins with a minus sign but contains nothing captured.
	const fields = values.map((value, index) => csvField(value, raw || columns[index]?.type === 'interval'));
	return `${fields.join(separator)}\n`;
}

/** The column names. Names that are not plain words are quoted. */
export function csvHeader(columns: readonly ResultColumn[], raw: boolean, separator = ','): string {
	return `${columns.map(({ name }) => (/^[A-Za-z_]\w*$/.test(name) ? name : csvField(name, raw))).join(separator)}\n`;
}

// The characters of OWASP's list and their full-width forms, also after quotes and blanks, which some programs drop.
const FORMULA_START = /^[\s"']*[=+\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]/;

function csvField(value: SqlValue, raw: boolean): string {
	if (value === null) return '';
	if (typeof value === 'number' || typeof value === 'bigint') return numberText(value);
	if (typeof value !== 'string') return `"${base64(value)}"`;
	const text = raw ? value : (FORMULA_START.test(value) ? "'" : '') + forTerminal(value, { lineFeeds: true });
	return `"${text.replaceAll('"', '""')}"`;
}

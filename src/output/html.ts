// A result as a page for a browser: one file without scripts, links or external resources. Captured text is always
// escaped. If a bug of ours lets something through, the page's security policy blocks it.

import type { SqlValue } from '../store/table.ts';
import { HEX_DUMP_BYTES, jsonLines } from './body-lines.ts';
import { isNumeric, NULL_TEXT, numberText, type ResultColumn } from './cell-text.ts';
import type { ExchangeWriterOptions } from './exchange-writer.ts';
import { hexDump } from './hex-dump.ts';
import { createRowRedactor } from './redacted-exchange.ts';
import type { RowWriter } from './row-format.ts';
import { forTerminal } from './terminal-text.ts';

/** Cells longer than this are folded. */
const FOLDED_LENGTH = 120;

/** Any result as a table. */
export function createHtmlRowWriter(columns: readonly ResultColumn[], options: ExchangeWriterOptions): RowWriter {
	const redact = options.redactor === null ? null : createRowRedactor(columns, options.redactor);
	const heads = columns.map(({ name, type }) => `<th${isNumeric(type) ? ' class="n"' : ''}>${htmlText(name)}</th>`);
	return {
		begin: () => `${pageHead(options)}<table>\n<thead><tr>${heads.join('')}</tr></thead>\n<tbody>\n`,
		rows: (rows) =>
			rows
				.map((row) => (redact === null ? row : redact(row)))
				.map((row) => `<tr>${columns.map((column, i) => cell(row[i] ?? null, column)).join('')}</tr>\n`)
				.join(''),
		end: () => `</tbody>\n</table>\n${PAGE_FOOT}`,
	};
}

/** Captured text as HTML, on one line. */
function htmlText(text: string): string {
	return html(forTerminal(text));
}

/** Escapes text that is already safe to print. */
function html(text: string): string {
	return text.replace(/[&<>"'`]/g, (character) => ENTITIES[character] as string);
}

const ENTITIES: Readonly<Record<string, string>> = {
	'&': '&amp;',
	'<': '&lt;',
	'>': '&gt;',
	'"': '&quot;',
	"'": '&#39;',
	'`': '&#96;',
};

function cell(value: SqlValue, column: ResultColumn): string {
	if (value === null) return `<td class="null">${NULL_TEXT}</td>`;
	if (typeof value === 'number' || typeof value === 'bigint') return `<td class="n">${numberText(value)}</td>`;
	if (typeof value !== 'string') return folded(`${value.length} bytes`, hexDump(value, HEX_DUMP_BYTES));
	const lines = column.type === 'json' ? jsonLines(value, { raw: false, partial: false }) : null;
	if (value.length <= FOLDED_LENGTH && !value.includes('\n')) return `<td>${htmlText(value)}</td>`;
	const whole = lines ?? forTerminal(value.replaceAll('\r\n', '\n'), { lineFeeds: true });
	return folded(`${value.slice(0, FOLDED_LENGTH).split('\n', 1)[0]} …`, whole);
}

function folded(summary: string, lines: string): string {
	return `<td><details><summary>${htmlText(summary)}</summary><pre>${html(lines)}</pre></details></td>`;
}

function pageHead(options: ExchangeWriterOptions): string {
	const note = options.redactor === null ? '' : '<p>Secrets are replaced by REDACTED-LENGTH-HASH.</p>\n';
	return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<title>tinytap ${html(options.version)}</title>
<style>${STYLE}</style>
</head>
<body>
${note}`;
}

const PAGE_FOOT = '</body>\n</html>\n';

const STYLE = `
body { font: 14px/1.4 system-ui, sans-serif; margin: 1rem; color: #222; background: #fff; }
table { border-collapse: collapse; }
th, td { border: 1px solid #ccc; padding: 0.2rem 0.5rem; text-align: left; vertical-align: top; }
th { background: #f2f2f2; position: sticky; top: 0; }
.n { text-align: right; font-variant-numeric: tabular-nums; }
.null { color: #999; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0.3rem 0; }
summary { overflow-wrap: anywhere; cursor: pointer; }
`;

// The row formats: writers for rows as they arrive, and a generator for a whole result. They return complete lines that
// are safe to print.

import type { SqlValue } from '../store/table.ts';
import { NULL_TEXT, type Result, type ResultColumn } from './cell-text.ts';
import { csvHeader, csvRecord } from './csv.ts';
import { createJsonRow } from './json-rows.ts';
import { markdownHead, markdownRow } from './markdown-table.ts';
import { layoutTable, type TableLimits, type TableStyle, tableFoot, tableHead, tableRow } from './table-layout.ts';
import { plainTheme, type Theme } from './theme.ts';
import { createVerticalRow } from './vertical-row.ts';

export type { Result, ResultColumn } from './cell-text.ts';

/** Formats whose column widths depend on the rows. */
export type AlignedFormat = TableStyle;
export type RowFormat = AlignedFormat | 'csv' | 'json' | 'ndjson' | 'markdown' | 'line';

/** For `--format`, `.mode`, help and completion. */
export const ROW_FORMATS: readonly {
	readonly name: RowFormat;
	readonly description: string;
	readonly aligned?: true;
}[] = [
	{ name: 'table', description: 'aligned columns', aligned: true },
	{ name: 'box', description: 'aligned columns with borders', aligned: true },
	{ name: 'csv', description: 'comma-separated values, safe to open in a spreadsheet (--raw: exact)' },
	{ name: 'json', description: 'one array of objects' },
	{ name: 'ndjson', description: 'one object per line' },
	{ name: 'markdown', description: 'a Markdown table' },
	{ name: 'line', description: 'one column per line, bodies in full' },
];

export type RowFormatOptions = {
	/** Default: no colours. */
	readonly theme?: Theme;
	/** No escaping in text formats; exact texts in CSV. */
	readonly raw?: boolean;
	/** table, box: maximum width of a cell. Default 200. */
	readonly cellColumns?: number;
	/**
	 * table, box: width of the terminal. Texts are cut to make the lines fit; if that is not enough, rows are shown vertically.
	 * Absent: lines are as long as needed.
	 */
	readonly screenColumns?: number;
	/** table, box: end with `(3 rows)`. */
	readonly footer?: boolean;
	/** table, box, line, markdown: how NULL is shown. */
	readonly nullText?: string;
	/** False: table, box and csv do not begin with the column names. */
	readonly headers?: boolean;
	/** table, box: maximum width of texts by column, from the left; 0: `cellColumns`. */
	readonly widest?: readonly number[];
	/** csv: the separator of fields. */
	readonly separator?: string;
	/** table, box: the first rows, if known in advance; they determine the widths. */
	readonly sample?: readonly (readonly SqlValue[])[];
};

/** Returns the text of each step: begin once, rows any number of times, end once. */
export type RowWriter = {
	begin(): string;
	rows(rows: readonly (readonly SqlValue[])[]): string;
	end(): string;
};

const DEFAULT_CELL_COLUMNS = 200;
const CHUNK_LENGTH = 65536;

/** The whole result in pieces of about 64 KiB. */
export function* formatRows(format: RowFormat, result: Result, options: RowFormatOptions = {}): Generator<string> {
	const writer =
		format === 'table' || format === 'box'
			? tableWriter(format, result.columns, result.rows, options)
			: createRowWriter(format, result.columns, options);
	let chunk = writer.begin();
	for (const row of result.rows) {
		chunk += writer.rows([row]);
		if (chunk.length < CHUNK_LENGTH) continue;
		yield chunk;
		chunk = '';
	}
	chunk += writer.end();
	if (chunk !== '') yield chunk;
}

/**
 * Writes rows as they arrive (tail). Columns of `table` and `box` are as wide as `sample` needs; without it, they
 * have the usual width for their name and type. Longer texts are cut on a terminal; elsewhere they break the
 * alignment.
 */
export function createRowWriter(
	format: RowFormat,
	columns: readonly ResultColumn[],
	options: RowFormatOptions = {},
): RowWriter {
	const raw = options.raw === true;
	switch (format) {
		case 'table':
		case 'box':
			if (options.sample !== undefined) return tableWriter(format, columns, options.sample, options);
			return tableWriter(format, columns, [], options, columns.map(usualWidth));
		case 'csv':
			return eachRow(options.headers === false ? '' : csvHeader(columns, raw, options.separator), (row) =>
				csvRecord(row, raw, columns, options.separator),
			);
		case 'json':
			return jsonArrayWriter(columns);
		case 'ndjson': {
			const jsonRow = createJsonRow(columns);
			return eachRow('', (row) => `${jsonRow(row)}\n`);
		}
		case 'markdown':
			return eachRow(markdownHead(columns, raw), (row) => markdownRow(row, raw, options.nullText));
		case 'line':
			return eachRow('', createVerticalRow(columns, { ...verticalOptions(options), cellColumns: null }));
	}
}

/** `(1 row)`, `(3 rows)`. */
function rowCountText(count: number): string {
	return count === 1 ? '(1 row)' : `(${count} rows)`;
}

function eachRow(head: string, format: (row: readonly SqlValue[]) => string): RowWriter {
	return { begin: () => head, rows: (rows) => rows.map((row) => format(row)).join(''), end: () => '' };
}

function jsonArrayWriter(columns: readonly ResultColumn[]): RowWriter {
	const jsonRow = createJsonRow(columns);
	let separator = '\n';
	return {
		begin: () => '[',
		rows(rows) {
			let text = '';
			for (const row of rows) {
				text += separator + jsonRow(row);
				separator = ',\n';
			}
			return text;
		},
		end: () => (separator === '\n' ? ']\n' : '\n]\n'),
	};
}

function tableWriter(
	style: TableStyle,
	columns: readonly ResultColumn[],
	sample: Iterable<readonly SqlValue[]>,
	options: RowFormatOptions,
	least: readonly number[] = [],
): RowWriter {
	const theme = options.theme ?? plainTheme;
	const limits = tableLimits(options);
	const layout = layoutTable(columns, sample, style, limits, least);
	let count = 0;
	const foot = () => (options.footer === true ? `${theme.dim(rowCountText(count))}\n` : '');
	if (!layout.fits) {
		const vertical = createVerticalRow(columns, { ...verticalOptions(options), cellColumns: limits.cellColumns });
		return {
			begin: () => '',
			rows(rows) {
				count += rows.length;
				return rows.map((row) => vertical(row)).join('');
			},
			end: foot,
		};
	}
	return {
		begin: () => tableHead(layout, style, limits, theme),
		rows(rows) {
			count += rows.length;
			return rows.map((row) => tableRow(layout, row, style, limits, theme)).join('');
		},
		end: () => tableFoot(layout, style, theme) + foot(),
	};
}

function tableLimits(options: RowFormatOptions): TableLimits {
	return {
		cellColumns: options.cellColumns ?? DEFAULT_CELL_COLUMNS,
		screenColumns: options.screenColumns ?? Number.POSITIVE_INFINITY,
		raw: options.raw === true,
		nullText: options.nullText,
		headers: options.headers,
		widest: options.widest,
	};
}

function verticalOptions({ theme = plainTheme, raw = false, nullText = NULL_TEXT }: RowFormatOptions) {
	return { theme, raw, nullText };
}

const USUAL_WIDTHS: ReadonlyMap<string, number> = new Map([
	['id', 5],
	['method', 7],
	['path', 32],
	['url', 40],
	['host', 20],
	['comm', 15],
	['local', 21],
	['remote', 21],
	['duration_ms', 11],
	['ttfb_ms', 9],
	['via', 8],
	['req_via', 8],
	['res_body_bytes', 14],
	['status', 6],
	['state', 10],
]);

const TIME_WIDTHS: ReadonlyMap<ResultColumn['type'], number> = new Map([
	['datetime', 27],
	['local', 26],
	['date', 10],
	['time', 15],
	['interval', 15],
]);

function usualWidth(column: ResultColumn): number {
	return TIME_WIDTHS.get(column.type) ?? USUAL_WIDTHS.get(column.name) ?? (column.type === 'text' ? 12 : 8);
}

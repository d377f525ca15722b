// The formats with aligned columns: `table`, as psql prints it, and `box`, with borders.

import type { SqlValue } from '../store/table.ts';
import { isNumeric, NULL_TEXT, numberText, paintValue, type ResultColumn } from './cell-text.ts';
import { cellForTerminal, displayWidth } from './terminal-text.ts';
import type { Theme } from './theme.ts';

export type TableStyle = 'table' | 'box';

export type TableLayout = {
	readonly columns: readonly ResultColumn[];
	/** Width of each column of the result. */
	readonly widths: readonly number[];
	/** False if the terminal is too narrow even when every text is cut. */
	readonly fits: boolean;
};

export type TableLimits = {
	/** Maximum width of a cell before it is cut with `…`. Numbers are never cut. */
	readonly cellColumns: number;
	/** Width of the terminal; Infinity without one. */
	readonly screenColumns: number;
	readonly raw: boolean;
	/** How NULL is shown. */
	readonly nullText?: string | undefined;
	/** False: no column names. */
	readonly headers?: boolean | undefined;
	/** Maximum width of texts by column, from the left; 0: `cellColumns`. */
	readonly widest?: readonly number[] | undefined;
};

/** Texts are never cut to less than this. */
const LEAST_TEXT_COLUMNS = 10;

/** Types whose values are useless when cut. */
const TIMES: ReadonlySet<ResultColumn['type']> = new Set(['datetime', 'local', 'date', 'time', 'interval']);

/** Finds the column widths for `rows`. `least`: minimum widths, for a stream whose later rows are unknown. */
export function layoutTable(
	columns: readonly ResultColumn[],
	rows: Iterable<readonly SqlValue[]>,
	style: TableStyle,
	limits: TableLimits,
	least: readonly number[] = [],
): TableLayout {
	const headers = columns.map((column, i) => (limits.headers === false ? '' : headerText(column, i, limits)));
	const widths = headers.map((header, i) => Math.max(displayWidth(header), least[i] ?? 0));
	const rigid = columns.map((column) => isNumeric(column.type) || TIMES.has(column.type));
	const between = style === 'box' ? 3 * columns.length + 1 : 3 * columns.length - 1;
	const room = limits.screenColumns - between;
	// The names alone need more room, so the values need not be measured.
	if (!shrink([...widths], rigid, room)) return { columns, widths, fits: false };
	for (const row of rows) {
		for (let i = 0; i < columns.length; i++) {
			const value = row[i] ?? null;
			if (typeof value === 'number' || typeof value === 'bigint') rigid[i] = true;
			const width = displayWidth(cellText(value, cellColumns(i, limits), limits));
			if (width > (widths[i] as number)) widths[i] = width;
		}
	}
	const fits = shrink(widths, rigid, room);
	return { columns, widths, fits };
}

export function tableHead(layout: TableLayout, style: TableStyle, limits: TableLimits, theme: Theme): string {
	if (limits.headers === false) return style === 'table' ? '' : `${theme.dim(rule(layout, '─', '┌', '┬', '┐'))}\n`;
	const cells = layout.columns.map((column, i) => {
		const text = cellForTerminal(column.name, layout.widths[i] as number, limits);
		if (style === 'table' && i === layout.columns.length - 1 && !isNumeric(column.type)) return theme.header(text);
		return pad(theme.header(text), displayWidth(text), layout.widths[i] as number, isNumeric(column.type));
	});
	const line = joinCells(cells, style, theme);
	if (style === 'table') return `${line}\n${theme.dim(rule(layout, '-', '', '+', ''))}\n`;
	return `${theme.dim(rule(layout, '─', '┌', '┬', '┐'))}\n${line}\n${theme.dim(rule(layout, '─', '├', '┼', '┤'))}\n`;
}

export function tableRow(
	layout: TableLayout,
	row: readonly SqlValue[],
	style: TableStyle,
	limits: TableLimits,
	theme: Theme,
): string {
	const last = layout.columns.length - 1;
	// If a later row of a stream has a wider cell, it is cut on a terminal; in a file it only breaks the alignment.
	const onScreen = limits.screenColumns !== Number.POSITIVE_INFINITY;
	const cells = layout.columns.map((column, i) => {
		const value = row[i] ?? null;
		const width = layout.widths[i] as number;
		const text = cellText(value, onScreen ? width : cellColumns(i, limits), limits);
		const right = isNumeric(column.type) || typeof value === 'number' || typeof value === 'bigint';
		const painted = paintValue(column.name, value, text, theme);
		if (style === 'table' && i === last && !right) return painted;
		return pad(painted, displayWidth(text), width, right);
	});
	return `${joinCells(cells, style, theme)}\n`;
}

export function tableFoot(layout: TableLayout, style: TableStyle, theme: Theme): string {
	return style === 'box' ? `${theme.dim(rule(layout, '─', '└', '┴', '┘'))}\n` : '';
}

/** One line of at most `columns` columns; numbers are never cut. */
function cellText(value: SqlValue, columns: number, { raw, nullText = NULL_TEXT }: TableLimits): string {
	if (value === null) return cellForTerminal(nullText, columns, { raw });
	if (typeof value === 'number' || typeof value === 'bigint') return numberText(value);
	return cellForTerminal(value, columns, { raw });
}

function headerText(column: ResultColumn, index: number, limits: TableLimits): string {
	return cellForTerminal(column.name, cellColumns(index, limits), limits);
}

/** Widest text of a column. */
function cellColumns(index: number, { widest, cellColumns: usual }: TableLimits): number {
	return widest?.[index] || usual;
}

function joinCells(cells: readonly string[], style: TableStyle, theme: Theme): string {
	if (style === 'table') return ` ${cells.join(` ${theme.dim('|')} `)}`;
	const border = theme.dim('│');
	return `${border} ${cells.join(` ${border} `)} ${border}`;
}

function rule(layout: TableLayout, line: string, left: string, cross: string, right: string): string {
	return left + layout.widths.map((width) => line.repeat(width + 2)).join(cross) + right;
}

function pad(painted: string, width: number, columns: number, right: boolean): string {
	const blanks = ' '.repeat(Math.max(0, columns - width));
	return right ? blanks + painted : painted + blanks;
}

/**
 * Cuts the widest texts until all columns together fit into `available`; returns false if they cannot. `least`:
 * minimum widths of texts.
 */
export function shrink(
	widths: number[],
	rigid: readonly boolean[],
	available: number,
	least: readonly number[] = [],
): boolean {
	const total = widths.reduce((sum, width) => sum + width, 0);
	if (total <= available) return true;
	const widest = Math.max(...widths);
	let low = least.length === 0 ? LEAST_TEXT_COLUMNS : 0;
	let high = widest;
	const cut = (width: number, i: number, cap: number) =>
		rigid[i] === true ? width : Math.min(width, Math.max(cap, least[i] ?? 0));
	const capped = (cap: number) => widths.reduce((sum, width, i) => sum + cut(width, i, cap), 0);
	if (capped(low) > available) return false;
	while (low < high) {
		const middle = Math.ceil((low + high) / 2);
		if (capped(middle) <= available) low = middle;
		else high = middle - 1;
	}
	// The remaining width goes to the first columns that were cut.
	let left = available - capped(low);
	for (let i = 0; i < widths.length; i++) {
		const width = widths[i] as number;
		const cutWidth = cut(width, i, low);
		const more = Math.min(left, width - cutWidth);
		widths[i] = cutWidth + more;
		left -= more;
	}
	return true;
}

// The format `auto`: a table that fits the terminal. Columns that do not fit are elided, long texts are cut, bodies are
// shown by their size, and only the first and last of many rows are shown.

import type { ShownValue } from '../store/table.ts';
import { isNumeric, NULL_TEXT, numberText, paintValue, type ResultColumn, sizeText, thousands } from './cell-text.ts';
import { shrink } from './table-layout.ts';
import { cellForTerminal, displayWidth } from './terminal-text.ts';
import type { Theme } from './theme.ts';

export type AutoOptions = {
	readonly theme: Theme;
	readonly raw: boolean;
	readonly screenColumns: number;
	/** How NULL is shown. */
	readonly nullText?: string;
	/** False: do not print column names. */
	readonly headers?: boolean;
	/** Maximum width of texts by column, from the left; 0: as the table needs. */
	readonly widest?: readonly number[];
};

export type AutoLayout = {
	readonly columns: readonly ResultColumn[];
	/** The columns that are shown. */
	readonly shown: readonly number[];
	/** Their widths. */
	readonly widths: readonly number[];
	/** How times are shown, by column. */
	readonly forms: readonly TimeForm[];
	/** The elided columns belong before this one of `shown`; undefined if they are in several places. */
	readonly gap: number | undefined;
	readonly options: AutoOptions;
};

/** The space between two columns. */
const SPACE = '  ';
const ELIDED = '…';
/** Texts, and the names above numbers, are not cut to less than this width. */
const LEAST_TEXT = 10;
const LEAST_NAME = 6;
/** If texts would be cut to less than this, times are shortened first. */
const EASY_TEXT = 20;

/** The most important columns of exchanges, and those shown next if there is room. */
const FIRST_COLUMNS = [
	...['id', 'ts', 'side', 'comm', 'method', 'path', 'status', 'duration_ms', 'res_body_bytes', 'via'],
];
/** Those that are shown only if the paths need not be cut short for them. */
const AFTER_PATHS: ReadonlySet<string> = new Set(['res_body_bytes', 'via']);
/** The columns for a terminal that is too narrow for these. */
const NARROW_COLUMNS = ['path', 'status', 'method', 'id'];
const NEXT_COLUMNS = [
	...['age_ms', 'host', 'content_type', 'query_string', 'ttfb_ms', 'req_body_bytes', 'remote', 'state', 'reason'],
];

const TIME_TYPES: ReadonlySet<ResultColumn['type']> = new Set(['datetime', 'local']);
const RIGID_TYPES: ReadonlySet<ResultColumn['type']> = new Set(['date', 'time', 'interval']);
const BODY_NAME = /^(?:req|res)_body$/;
const DATETIME = /^(\d{4,}-(\d\d-\d\d))([T ])(\d\d:\d\d:\d\d)(\.\d+)?/;

/** A datetime in full, without its year and fractions of a second, or only the time of day to the millisecond. */
type TimeForm = 'whole' | 'day' | 'time';

type Measured = {
	/** Width without cutting. */
	readonly natural: number;
	/** Minimum width with full times and names, and with short ones. */
	readonly easy: number;
	readonly least: number;
	/** Width of the name. */
	readonly name: number;
	/** The column has only numbers and times, which are not cut. */
	readonly rigid: boolean;
	readonly form: TimeForm;
	readonly isEmpty: boolean;
};

/**
 * Chooses columns and widths for `rows`. `isPartial`: more rows will follow, so columns get the width that their
 * values usually need.
 */
export function layoutAuto(
	columns: readonly ResultColumn[],
	rows: readonly (readonly ShownValue[])[],
	options: AutoOptions,
	isPartial = false,
): AutoLayout {
	const measured = columns.map((column, i) => measure(column, i, rows, options, isPartial));
	const { shown, gap } = chosenColumns(columns, measured, options.screenColumns);
	const room =
		options.screenColumns - spaceFor(shown.length + (gap === undefined ? 0 : 1)) - (gap === undefined ? 0 : 1);
	const chosen = shown.map((i) => measured[i]!);
	const isShort = sum(chosen.map(({ easy }) => easy)) > room;
	const forms = measured.map(({ form }) => (isShort ? form : 'whole'));
	const widths = isShort ? tightWidths(chosen, room) : chosen.map(({ natural }) => natural);
	if (!isShort) {
		shrink(
			widths,
			chosen.map(({ rigid }) => rigid),
			room,
		);
	}
	return { columns, shown, widths, forms, gap, options };
}

/** Whether every column is shown. */
export function showsAll({ columns, shown }: AutoLayout): boolean {
	return shown.length === columns.length;
}

export function autoHead(layout: AutoLayout): string {
	const { columns, shown, widths, options } = layout;
	if (options.headers === false) return '';
	const names = shown.map((i, at) => {
		const text = cellForTerminal(columns[i]!.name, widths[at]!, options);
		return aligned(options.theme.header(text), text, widths[at]!, isRight(columns[i]!));
	});
	const rules = widths.map((width) => options.theme.dim('─'.repeat(width)));
	return line(layout, names, options.theme.dim(ELIDED)) + line(layout, rules, options.theme.dim('─'));
}

export function autoRow(layout: AutoLayout, row: readonly ShownValue[]): string {
	const { columns, shown, widths, forms, options } = layout;
	const cells = shown.map((i, at) => {
		const column = columns[i]!;
		const value = row[i] ?? null;
		const width = widths[at]!;
		const text = cellText(value, column, width, forms[i]!, options);
		const right = isRight(column) || typeof value === 'number' || typeof value === 'bigint';
		return aligned(paintValue(column.name, value, text, options.theme), text, width, right);
	});
	return line(layout, cells, options.theme.dim(ELIDED));
}

/** The line that stands for the rows not shown. */
export function autoGap(layout: AutoLayout): string {
	const { columns, shown, widths, options } = layout;
	const mark = options.theme.dim(ELIDED);
	const cells = shown.map((i, at) => aligned(mark, ELIDED, widths[at]!, isRight(columns[i]!)));
	return line(layout, cells, mark);
}

export type FooterFacts = {
	readonly rows: number;
	readonly shownRows: number;
	readonly columns: number;
	readonly shownColumns: number;
	readonly seconds: number;
};

/** `1,840,212 rows (40 shown) · 43 columns (9 shown) · 0.31 s` */
export function footerText({ rows, shownRows, columns, shownColumns, seconds }: FooterFacts): string {
	const count = rows === 1 ? '1 row' : `${thousands(rows)} rows`;
	return [
		shownRows < rows ? `${count} (${thousands(shownRows)} shown)` : count,
		...(shownColumns < columns ? [`${columns} columns (${shownColumns} shown)`] : []),
		secondsText(seconds),
	].join(' · ');
}

/** `0.31 s`, `0.004 s` */
export function secondsText(seconds: number): string {
	return `${seconds.toFixed(seconds < 0.0995 ? 3 : 2)} s`;
}

// ---- choosing columns and widths ----------------------------------------------------------------------------------

function measure(
	column: ResultColumn,
	index: number,
	rows: readonly (readonly ShownValue[])[],
	options: AutoOptions,
	isPartial: boolean,
): Measured {
	const widest = options.widest?.[index] || options.screenColumns;
	const name = displayWidth(cellForTerminal(column.name, widest, options));
	const form = TIME_TYPES.has(column.type) ? timeForm(rows, index) : 'whole';
	let natural = 0;
	let least = 0;
	let short = 0;
	let rigid = isNumeric(column.type) || TIME_TYPES.has(column.type) || RIGID_TYPES.has(column.type);
	let isEmpty = true;
	for (const row of rows) {
		const value = row[index] ?? null;
		if (value !== null) isEmpty = false;
		const whole = displayWidth(cellText(value, column, widest, 'whole', options));
		natural = Math.max(natural, whole);
		if (typeof value === 'number' || typeof value === 'bigint') {
			rigid = true;
			least = Math.max(least, whole);
		} else if (value !== null && isSized(value, column)) least = Math.max(least, sizeText(sizeOf(value)).length);
		short = Math.max(short, displayWidth(cellText(value, column, widest, form, options)));
	}
	if (isPartial) natural = Math.max(natural, Math.min(usualWidth(column), widest));
	const names = options.headers === false ? 0 : name;
	const shortName = Math.min(names, LEAST_NAME);
	if (rigid) {
		short = Math.max(isPartial && form === 'whole' ? natural : short, shortName);
		natural = Math.max(natural, names);
		return { natural, easy: natural, least: short, name: names, rigid, form, isEmpty };
	}
	natural = Math.max(natural, names);
	const cut = (columns: number) => Math.max(least, Math.min(natural, columns));
	return { natural, easy: cut(EASY_TEXT), least: cut(LEAST_TEXT), name: names, rigid, form, isEmpty };
}

/** The columns whose minimum widths fit: the important ones first, otherwise from both sides. */
function chosenColumns(
	columns: readonly ResultColumn[],
	measured: readonly Measured[],
	screenColumns: number,
): { readonly shown: number[]; readonly gap: number | undefined } {
	const all = columns.map((_, i) => i);
	const fits = (shown: readonly number[], marks: number, easy?: number) =>
		sum(shown.map((i) => (i === easy ? measured[i]!.easy : measured[i]!.least))) +
			marks +
			spaceFor(shown.length + marks) <=
		screenColumns;
	if (fits(all, 0)) return { shown: all, gap: undefined };
	const ranked = rankedColumns(columns, measured);
	if (ranked !== undefined) {
		const { first, narrow, next } = ranked;
		const path = narrow[0];
		const beginning = (order: readonly number[]) => {
			const end = order.findIndex(
				(i, at) => !fits(order.slice(0, at + 1), 0, AFTER_PATHS.has(columns[i]!.name) ? path : undefined),
			);
			return end < 0 ? [...order] : order.slice(0, end);
		};
		const usual = beginning(first);
		const shown = narrow.every((i) => usual.includes(i)) ? usual : beginning([...new Set([...narrow, ...first])]);
		if (shown.length === first.length) {
			// The other columns must not make these narrow.
			for (const i of next) {
				const easy = sum([...shown, i].map((each) => measured[each]!.easy));
				if (easy + spaceFor(shown.length + 1) <= screenColumns) shown.push(i);
			}
		}
		return { shown: atLeastOne(shown, narrow[0]!).sort((a, b) => a - b), gap: undefined };
	}
	const both = (left: number, right: number) => [...all.slice(0, left), ...all.slice(all.length - right)];
	let left = 0;
	let right = 0;
	// Continue until the next column of neither side fits.
	for (let isLeft = true, failures = 0; failures < 2 && left + right < all.length; isLeft = !isLeft) {
		const isRoom = fits(isLeft ? both(left + 1, right) : both(left, right + 1), 1);
		failures = isRoom ? 0 : failures + 1;
		if (isRoom && isLeft) left++;
		else if (isRoom) right++;
	}
	const shown = both(left, right);
	return { shown: atLeastOne(shown, 0), gap: shown.length === 0 ? undefined : left };
}

/** For `SELECT *` of exchanges: the important columns, then the others, with columns that are NULL in all rows last. */
function rankedColumns(
	columns: readonly ResultColumn[],
	measured: readonly Measured[],
):
	| { readonly first: readonly number[]; readonly narrow: readonly number[]; readonly next: readonly number[] }
	| undefined {
	const places = new Map<string, number>(columns.map(({ name }, i) => [name, i]));
	if (places.size < columns.length || !FIRST_COLUMNS.every((name) => places.has(name))) return undefined;
	const of = (names: readonly string[]) => names.map((name) => places.get(name)).filter((i) => i !== undefined);
	const first = of(FIRST_COLUMNS);
	const others = [...new Set([...of(NEXT_COLUMNS), ...places.values()])].filter((i) => !first.includes(i));
	const isEmpty = (i: number) => measured[i]!.isEmpty;
	return { first, narrow: of(NARROW_COLUMNS), next: [...others.filter((i) => !isEmpty(i)), ...others.filter(isEmpty)] };
}

function atLeastOne(shown: number[], index: number): number[] {
	return shown.length === 0 ? [index] : shown;
}

/** Widths with short times. Room goes to texts first, then to the names above numbers, then to texts again. */
function tightWidths(chosen: readonly Measured[], room: number): number[] {
	const widths = chosen.map(({ least }) => least);
	const left = room - sum(widths);
	// A single column that does not fit is cut.
	if (left < 0) return widths.map((width) => Math.max(1, width + left));
	growTexts(widths, chosen, room, ({ easy }) => easy);
	for (const [at, { rigid, name }] of chosen.entries()) {
		if (rigid) widths[at]! += Math.min(room - sum(widths), Math.max(0, name - widths[at]!));
	}
	growTexts(widths, chosen, room, ({ natural }) => natural);
	return widths;
}

function growTexts(
	widths: number[],
	chosen: readonly Measured[],
	room: number,
	wanted: (measured: Measured) => number,
): void {
	const grown = chosen.map((each, at) => (each.rigid ? widths[at]! : wanted(each)));
	const rigid = chosen.map((each) => each.rigid);
	if (
		shrink(
			grown,
			rigid,
			room,
			chosen.map(({ least }) => least),
		)
	)
		widths.splice(0, widths.length, ...grown);
}

/** Blanks: one before the first column and two between columns. The last column of the terminal stays free. */
function spaceFor(columns: number): number {
	return 2 + SPACE.length * Math.max(0, columns - 1);
}

/** The day is left out if it is the same for all times. */
function timeForm(rows: readonly (readonly ShownValue[])[], index: number): TimeForm {
	const days = new Set<string>();
	for (const row of rows) {
		const value = row[index];
		if (typeof value !== 'string') continue;
		const day = DATETIME.exec(value)?.[1];
		if (day === undefined) return 'whole';
		days.add(day);
	}
	return days.size <= 1 ? 'time' : 'day';
}

// ---- cells --------------------------------------------------------------------------------------------------------

function cellText(
	value: ShownValue,
	column: ResultColumn,
	columns: number,
	form: TimeForm,
	options: AutoOptions,
): string {
	if (value === null) return cellForTerminal(options.nullText ?? NULL_TEXT, columns, options);
	if (typeof value === 'number' || typeof value === 'bigint') return numberText(value);
	if (typeof value !== 'string') return sizeText(sizeOf(value));
	if (form !== 'whole') return shortTime(value, form);
	const text = cellForTerminal(value, columns, options);
	return isSized(value, column) && text.endsWith(ELIDED) ? sizeText(sizeOf(value)) : text;
}

/** Whether to show the size of a value that does not fit. */
function isSized(value: ShownValue, column: ResultColumn): value is Exclude<ShownValue, number | bigint | null> {
	return typeof value === 'string' ? BODY_NAME.test(column.name) : typeof value === 'object';
}

function sizeOf(value: Exclude<ShownValue, number | bigint | null>): number {
	if (typeof value === 'string') return Buffer.byteLength(value);
	return value instanceof Uint8Array ? value.length : value.bytes;
}

/** `…12:56:01.123`, `…11-22T12:56:01` */
function shortTime(text: string, form: TimeForm): string {
	const [, , day, between, time, fraction = '.000'] = DATETIME.exec(text) ?? [];
	if (time === undefined) return text;
	return form === 'day' ? `${ELIDED}${day}${between}${time}` : `${ELIDED}${time}${fraction.slice(0, 4)}`;
}

function isRight(column: ResultColumn): boolean {
	return isNumeric(column.type);
}

function aligned(painted: string, text: string, columns: number, right: boolean): string {
	const blanks = ' '.repeat(Math.max(0, columns - displayWidth(text)));
	return right ? blanks + painted : painted + blanks;
}

/** A line of cells, with a mark where columns are elided. */
function line({ gap }: AutoLayout, cells: readonly string[], mark: string): string {
	const all = gap === undefined ? cells : [...cells.slice(0, gap), mark, ...cells.slice(gap)];
	return ` ${all.join(SPACE).trimEnd()}\n`;
}

function sum(numbers: readonly number[]): number {
	return numbers.reduce((total, number) => total + number, 0);
}

const USUAL_WIDTHS: ReadonlyMap<string, number> = new Map([
	['id', 7],
	['path', 32],
	['url', 40],
	['host', 20],
	['comm', 8],
	['method', 6],
	['via', 8],
	['status', 3],
]);

/** The width for columns whose later values are not known yet. */
function usualWidth({ name, type }: ResultColumn): number {
	return USUAL_WIDTHS.get(name) ?? (type === 'float' ? 9 : type === 'int' ? 6 : type === 'text' ? 12 : 0);
}

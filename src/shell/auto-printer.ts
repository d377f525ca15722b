// Prints a result in the format `auto`. Column widths depend on the whole result, so it waits a moment for all of it;
// if the result takes longer, printing begins with the rows found so far.
import {
	type AutoLayout,
	type AutoOptions,
	autoGap,
	autoHead,
	autoRow,
	footerText,
	layoutAuto,
	showsAll,
} from '../output/auto-table.ts';
import { type ResultColumn, sizeText } from '../output/cell-text.ts';
import { createVerticalRow } from '../output/vertical-row.ts';
import type { ShownValue, SqlValue } from '../store/table.ts';
import type { Sink } from './sink.ts';

type Row = readonly ShownValue[];

/** How long the first rows wait for the rest. */
const WAIT_MS = 80;

export type AutoPrinter = {
	/** The rows to show: all of them, or the first ones. */
	readonly rows: (rows: readonly Row[]) => Promise<void>;
	/** `last`: the last rows of `total`. */
	readonly end: (last: readonly Row[], total: number) => Promise<void>;
	/** The result has ended with an error. */
	readonly abandon: () => Promise<void>;
};

export type AutoStyle = AutoOptions & {
	/** Show rows as lines if the table would not show every column. */
	readonly linesIfWide: boolean;
	/** When the statement began, as performance.now(). */
	readonly startedAt: number;
};

export function createAutoPrinter(columns: readonly ResultColumn[], sink: Sink, style: AutoStyle): AutoPrinter {
	let waiting: Row[] = [];
	let shown = 0;
	let writer: Writer | undefined;
	let timer: NodeJS.Timeout | undefined;
	let early: Promise<void> | undefined;

	const print = async (others: readonly Row[], isPartial: boolean): Promise<void> => {
		const rows = waiting;
		waiting = [];
		const isFirst = writer === undefined;
		writer ??= createWriter(layoutAuto(columns, [...rows, ...others], style, isPartial), style.linesIfWide);
		const text = rows.map((row, i) => writer!.row(row, shown + i + 1)).join('');
		shown += rows.length;
		await sink.write(`${isFirst ? writer.head : ''}${text}`);
	};
	const stopWaiting = async () => {
		clearTimeout(timer);
		await early;
	};
	return {
		async rows(rows) {
			waiting.push(...rows);
			if (writer !== undefined) {
				await early;
				await print([], true);
			} else {
				timer ??= setTimeout(() => {
					early = print([], true);
					// end() and abandon() report this error.
					early.catch(() => undefined);
				}, WAIT_MS);
			}
		},
		async end(last, total) {
			await stopWaiting();
			await print(last, false);
			const elided = total - shown - last.length;
			const seconds = (performance.now() - style.startedAt) / 1000;
			const footer = footerText({
				rows: total,
				shownRows: shown + last.length,
				columns: columns.length,
				shownColumns: writer!.shownColumns,
				seconds,
			});
			const first = total - last.length + 1;
			await sink.write(
				[
					...(elided > 0 ? [writer!.gap] : []),
					...last.map((row, i) => writer!.row(row, first + i)),
					`${style.theme.dim(footer)}\n`,
				].join(''),
			);
		},
		abandon: stopWaiting,
	};
}

type Writer = {
	readonly head: string;
	readonly row: (row: Row, number: number) => string;
	readonly gap: string;
	readonly shownColumns: number;
};

function createWriter(layout: AutoLayout, linesIfWide: boolean): Writer {
	const { columns, options } = layout;
	if (!linesIfWide || showsAll(layout)) {
		return {
			head: autoHead(layout),
			row: (row) => autoRow(layout, row),
			gap: autoGap(layout),
			shownColumns: layout.shown.length,
		};
	}
	const vertical = createVerticalRow(columns, { ...options, cellColumns: options.screenColumns });
	return {
		head: '',
		row: (row, number) => vertical(row.map(withSize), number),
		gap: `${options.theme.dim('…')}\n`,
		shownColumns: columns.length,
	};
}

function withSize(value: ShownValue): SqlValue {
	if (typeof value !== 'object' || value === null) return value;
	return sizeText(value instanceof Uint8Array ? value.length : value.bytes);
}

// Prints a statement's result as its parts arrive.
import { createRowWriter, formatRows, type RowFormat, type RowWriter } from '../output/row-format.ts';
import type { Theme } from '../output/theme.ts';
import type { SqlValue } from '../store/table.ts';
import type { ResultColumn, ResultPart } from '../thread-messages.ts';
import type { Sink } from './sink.ts';

export type PrintStyle = {
	readonly format: RowFormat;
	readonly raw: boolean;
	readonly theme: Theme;
	/** Columns of the terminal; undefined when the output is none. */
	readonly screenColumns: number | undefined;
	/** `(3 rows)` below tables. */
	readonly footer: boolean;
};

/** What is known when a result has been printed. */
export type Printed = {
	readonly rows: number;
	/** First column of the first row; undefined without rows. For `.expect value`. */
	readonly firstValue: SqlValue | undefined;
	readonly lostEvents: number;
	readonly lostBytes: number;
	readonly notice: string | undefined;
};

/** Rows that decide the widths of an aligned table; later ones follow as they come. */
const TABLE_SAMPLE_ROWS = 5000;

/** Prints all parts; resolves when the statement is done and everything is written. Rejects with the statement's error. */
export async function printResult(parts: AsyncIterable<ResultPart>, sink: Sink, style: PrintStyle): Promise<Printed> {
	let columns: readonly ResultColumn[] = [];
	let waiting: (readonly SqlValue[])[] = [];
	let writer: RowWriter | undefined;
	let rows = 0;
	let firstValue: SqlValue | undefined;
	const aligned = style.format === 'table' || style.format === 'box';
	const options = {
		theme: style.theme,
		raw: style.raw,
		footer: style.footer,
		...(style.screenColumns === undefined ? {} : { screenColumns: style.screenColumns }),
	};
	for await (const part of parts) {
		if (part.type === 'columns') {
			columns = part.columns;
			if (!aligned) {
				writer = createRowWriter(style.format, columns, options);
				await sink.write(writer.begin());
			}
		} else if (part.type === 'rows') {
			if (rows === 0) firstValue = part.rows[0]?.[0];
			rows += part.rows.length;
			if (writer !== undefined) await sink.write(writer.rows(part.rows));
			else {
				waiting.push(...part.rows);
				if (waiting.length < TABLE_SAMPLE_ROWS) continue;
				writer = createRowWriter(style.format, columns, { ...options, sample: waiting });
				await sink.write(writer.begin() + writer.rows(waiting));
				waiting = [];
			}
			if (sink.closed) break;
		} else {
			if (writer !== undefined) await sink.write(writer.end());
			else if (columns.length > 0) {
				for (const chunk of formatRows(style.format, { columns, rows: waiting }, options)) await sink.write(chunk);
			}
			return { rows, firstValue, lostEvents: part.lostEvents, lostBytes: part.lostBytes, notice: part.notice };
		}
	}
	return { rows, firstValue, lostEvents: 0, lostBytes: 0, notice: undefined };
}

/** The sentence below a result that loss may have affected. */
export function lossSentence(printed: { readonly lostEvents: number; readonly lostBytes: number }): string | undefined {
	if (printed.lostEvents === 0) return undefined;
	const events = printed.lostEvents === 1 ? '1 event was' : `${printed.lostEvents} events were`;
	return `${events} lost (${printed.lostBytes} bytes): rows may be missing or incomplete; SELECT * FROM loss; tells why`;
}

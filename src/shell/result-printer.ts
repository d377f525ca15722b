// Prints a statement's result as its parts arrive.
import { usageError } from '../base/errors.ts';
import type { ExchangeDetail } from '../output/detail-view.ts';
import { createHarWriter } from '../output/har.ts';
import type { Redactor } from '../output/redaction.ts';
import { createResultWriter, type ResultFormat } from '../output/result-format.ts';
import { createRowWriter, formatRows, type RowWriter } from '../output/row-format.ts';
import type { Theme } from '../output/theme.ts';
import { rowBytes } from '../sql/sql-light.ts';
import type { SqlValue } from '../store/table.ts';
import type { ResultColumn, ResultPart } from '../threads/messages.ts';
import type { Sink } from './sink.ts';

export type PrintStyle = {
	readonly format: ResultFormat;
	/** For html and har; null: secrets stay. */
	readonly redactor: Redactor | null;
	readonly version: string;
	/** The exchange with this id, for har. */
	readonly exchange: (id: number) => Promise<ExchangeDetail | undefined>;
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
	/** Loss can have affected the rows. */
	readonly readsCaptured: boolean;
	readonly notice: string | undefined;
};

/** Rows that decide the widths of an aligned table, or as many as take so much memory; later ones follow as they come. */
const TABLE_SAMPLE_ROWS = 5000;
const TABLE_SAMPLE_BYTES = 4 * 1024 * 1024;

/** Prints all parts; resolves when the statement is done and everything is written. Rejects with the statement's error. */
export async function printResult(parts: AsyncIterable<ResultPart>, sink: Sink, style: PrintStyle): Promise<Printed> {
	let columns: readonly ResultColumn[] = [];
	let waiting: (readonly SqlValue[])[] = [];
	let waitingBytes = 0;
	let writer: RowWriter | undefined;
	let rows = 0;
	let firstValue: SqlValue | undefined;
	const { format } = style;
	const aligned = format === 'table' || format === 'box';
	const ids: SqlValue[] = [];
	const options = {
		theme: style.theme,
		raw: style.raw,
		footer: style.footer,
		redactor: style.redactor,
		version: style.version,
		...(style.screenColumns === undefined ? {} : { screenColumns: style.screenColumns }),
	};
	for await (const part of parts) {
		if (part.type === 'columns') {
			columns = part.columns;
			if (format === 'har') {
				if (!columns.some(({ name }) => name === 'id')) {
					throw usageError('--format har: expected a result with the column id', 'SELECT id FROM exchanges …');
				}
			} else if (!aligned) {
				writer = createResultWriter(format, columns, options);
				await sink.write(writer.begin());
			}
		} else if (part.type === 'rows') {
			if (rows === 0) firstValue = part.rows[0]?.[0];
			rows += part.rows.length;
			if (format === 'har') {
				const index = columns.findIndex(({ name }) => name === 'id');
				for (const row of part.rows) ids.push(row[index] ?? null);
			} else if (writer !== undefined) await sink.write(writer.rows(part.rows));
			else {
				waiting.push(...part.rows);
				for (const row of part.rows) waitingBytes += rowBytes(row);
				if (waiting.length < TABLE_SAMPLE_ROWS && waitingBytes < TABLE_SAMPLE_BYTES) continue;
				writer = createRowWriter(aligned ? format : 'table', columns, { ...options, sample: waiting });
				await sink.write(writer.begin() + writer.rows(waiting));
				waiting = [];
			}
			if (sink.closed) break;
		} else {
			if (format === 'har') await printArchive(ids, sink, style);
			else if (writer !== undefined) await sink.write(writer.end());
			else if (columns.length > 0 && format !== 'html') {
				for (const chunk of formatRows(format, { columns, rows: waiting }, options)) await sink.write(chunk);
			}
			const { lostEvents, lostBytes, readsCaptured, notice } = part;
			return { rows, firstValue, lostEvents, lostBytes, readsCaptured, notice };
		}
	}
	return { rows, firstValue, lostEvents: 0, lostBytes: 0, readsCaptured: false, notice: undefined };
}

/** The exchanges with these ids, each once, as an HTTP archive. */
async function printArchive(ids: readonly SqlValue[], sink: Sink, style: PrintStyle): Promise<void> {
	const writer = createHarWriter(style);
	await sink.write(writer.begin());
	for (const id of new Set(ids)) {
		const exchange = typeof id === 'number' ? await style.exchange(id) : undefined;
		if (exchange !== undefined) await sink.write(writer.exchange(exchange));
	}
	await sink.write(writer.end());
}

/** The sentence below a result that loss may have affected. */
export function lossSentence(printed: { readonly lostEvents: number; readonly lostBytes: number }): string | undefined {
	if (printed.lostEvents === 0) return undefined;
	const events = printed.lostEvents === 1 ? '1 event was' : `${printed.lostEvents} events were`;
	return `${events} lost (${printed.lostBytes} bytes): rows may be missing or incomplete; SELECT * FROM loss; tells why`;
}

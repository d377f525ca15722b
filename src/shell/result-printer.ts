// Prints a statement's result as its parts arrive.
import { setImmediate } from 'node:timers/promises';
import { usageError } from '../base/errors.ts';
import { sizeText } from '../output/cell-text.ts';
import { type ChartKind, drawChart } from '../output/chart/chart.ts';
import { type ChartWish, wished } from '../output/chart/chart-wish.ts';
import { type DisplayedTime, UTC_TIME } from '../output/displayed-time.ts';
import type { ExchangeDetail } from '../output/exchange-parts.ts';
import { createParquetWriter, type ParquetRowWriter } from '../output/parquet.ts';
import type { Redactor } from '../output/redaction.ts';
import {
	createExchangeWriter,
	createResultWriter,
	type ExchangeFormat,
	type ExportFormat,
	isAligned,
	printsExchanges,
	type ResultFormat,
} from '../output/result-format.ts';
import { type AlignedFormat, createRowWriter, type RowFormatOptions, type RowWriter } from '../output/row-format.ts';
import type { Theme } from '../output/theme.ts';
import { rowBytes } from '../sql/sql-light.ts';
import type { ShownValue, Sized, SqlValue } from '../store/table.ts';
import type { AttachedLoss, ResultColumn, ResultPart } from '../threads/messages.ts';
import { createAutoPrinter } from './auto-printer.ts';
import type { Sink } from './sink.ts';

export type PrintStyle = {
	readonly format: ResultFormat | ExportFormat;
	/** For formats that redact secrets. Null: do not redact. */
	readonly redactor: Redactor | null;
	readonly version: string;
	/** Looks up exchanges by their ids, for formats that print exchanges. Undefined for one that no longer exists. */
	readonly exchanges: (ids: readonly number[]) => AsyncIterable<ExchangeDetail | undefined>;
	/** In a format that prints exchanges: whether the bodies of the one with this id are left out. */
	readonly leavesOutBodies?: (id: number) => boolean;
	readonly raw: boolean;
	readonly theme: Theme;
	/** Width of the terminal; undefined if the output is not one. */
	readonly screenColumns: number | undefined;
	/** Whether to print `(3 rows)` below tables. */
	readonly footer: boolean;
	/** See RowFormatOptions. */
	readonly nullText: string;
	readonly headers: boolean;
	readonly widest: readonly number[];
	readonly separator: string;
	/** Converts datetimes for display. */
	readonly time?: DisplayedTime;
	/** How many of the first rows the facts about the result include. */
	readonly sampleRows: number;
	/** In the format auto: print lines if the table would not show every column. */
	readonly linesIfWide: boolean;
	/** A chart is drawn in place of rows. */
	readonly chart?: ChartWanted;
};

/** `kind`: undefined if the columns decide, a wish if a query names its chart. `rows`: lines of the drawing. */
export type ChartWanted = {
	readonly kind: ChartKind | ChartWish | undefined;
	readonly rows: number;
	readonly unicode: boolean;
};

/** The first rows of a result. */
export type Sample = {
	readonly columns: readonly ResultColumn[];
	readonly rows: readonly (readonly SqlValue[])[];
	/** How many rows the result had. */
	readonly total: number;
};

/** Facts about a printed result. */
export type Printed = {
	readonly rows: number;
	/** First column of the first row, for `.expect value`; undefined without rows. */
	readonly firstValue: SqlValue | undefined;
	/** Type of the first column; null if the statement does not determine it. */
	readonly firstType: ResultColumn['type'];
	/** The first rows. */
	readonly sample: Sample;
	readonly lostEvents: number;
	readonly lostBytes: number;
	/** What is missing in the attached recordings that the statement read. */
	readonly attachedLoss: readonly AttachedLoss[];
	/** What is missing in a result from a store: sentences. */
	readonly missing: readonly string[];
	/** Whether loss may have affected the rows. */
	readonly readsCaptured: boolean;
	readonly notice: string | undefined;
	/** From the start of the statement until its result was written. */
	readonly seconds: number;
	/** Whether the time is in the result's footer. */
	readonly showsTime: boolean;
	/** How many captured rows were evicted before the query was repeated. */
	readonly evicted: number;
	/** Whether there was a result, even without rows. */
	readonly hasColumns: boolean;
	/** In a format that prints exchanges: how many were written, and how many the format cannot represent. */
	readonly exchanges?: { readonly written: number; readonly leftOut: number };
};

/**
 * The first rows determine the column widths of an aligned table: at most this many, or as many as fit into this
 * memory.
 */
const TABLE_SAMPLE_ROWS = 5000;
const TABLE_SAMPLE_BYTES = 4 * 1024 * 1024;
/** Measuring more cells would delay Ctrl-C for too long. */
const TABLE_SAMPLE_CELLS = 50_000;
/** Rows that a chart is made of. */
const CHART_ROWS = 1_000_000;
/** Cells that are formatted before the event loop runs again, to handle keys. */
const PIECE_CELLS = 2000;

/** Prints all parts. Resolves when everything is written. Rejects with the statement's error. */
export async function printResult(parts: AsyncIterable<ResultPart>, sink: Sink, style: PrintStyle): Promise<Printed> {
	const startedAt = performance.now();
	let printer: Printer | undefined;
	let rows = 0;
	let firstValue: SqlValue | undefined;
	let firstType: ResultColumn['type'] = null;
	let showsTime = false;
	let shown = (rows: readonly (readonly ShownValue[])[]) => rows;
	let hasColumns = false;
	let columns: readonly ResultColumn[] = [];
	const sampled: (readonly SqlValue[])[] = [];
	const known = () => ({
		sample: { columns, rows: sampled, total: rows },
		...{ rows, firstValue, firstType, showsTime, hasColumns },
		seconds: (performance.now() - startedAt) / 1000,
	});
	try {
		for await (const part of parts) {
			if (part.type === 'columns') {
				({ columns } = part);
				firstType = columns[0]?.type ?? null;
				// A chart needs the instants themselves.
				if (style.chart === undefined) shown = timesInZone(part.columns, style.time);
				printer = createPrinter(part.columns, sink, style, startedAt);
				showsTime = style.format === 'auto';
				hasColumns = true;
				await printer.begin();
			} else if (part.type === 'rows' || part.type === 'first') {
				const value = part.rows[0]?.[0];
				if (rows === 0 && !isSized(value)) firstValue = value;
				rows += part.rows.length;
				const room = Math.max(0, style.sampleRows - sampled.length);
				for (const row of part.rows.slice(0, room)) sampled.push(row.map(sampleValue));
				if (part.type === 'rows') await printer?.rows(shown(part.rows) as readonly (readonly SqlValue[])[]);
				else await printer?.first?.(shown(part.rows));
				if (sink.closed) break;
			} else {
				const { lostEvents, lostBytes, attachedLoss = [], missing = [], ends, evicted = 0 } = part;
				const { readsCaptured, notice } = part;
				rows = ends?.total ?? rows;
				await printer?.end(shown(ends?.last ?? []), rows);
				const exchanges = printer?.exchanges;
				printer = undefined;
				const counted = exchanges === undefined ? {} : { exchanges };
				return { ...known(), lostEvents, lostBytes, attachedLoss, missing, readsCaptured, notice, evicted, ...counted };
			}
		}
	} finally {
		await printer?.abandon?.();
	}
	const nothing = { lostEvents: 0, lostBytes: 0, attachedLoss: [], missing: [] };
	return { ...known(), ...nothing, readsCaptured: false, notice: undefined, evicted: 0 };
}

function isSized(value: ShownValue | undefined): value is Sized {
	return typeof value === 'object' && value !== null && 'bytes' in value;
}

/** A large value of which only the size has been sent is shown as its size. */
function sampleValue(value: ShownValue): SqlValue {
	return isSized(value) ? sizeText(value.bytes) : value;
}

type ShownRows = readonly (readonly ShownValue[])[];

/** Converts the datetimes in rows to the displayed zone. */
function timesInZone(columns: readonly ResultColumn[], time: DisplayedTime = UTC_TIME): (rows: ShownRows) => ShownRows {
	const isTime = columns.map(({ type }) => type === 'datetime');
	if (time === UTC_TIME || !isTime.includes(true)) return (rows) => rows;
	const shown = (value: ShownValue, index: number) =>
		isTime[index] === true && typeof value === 'string' ? time.whole(value) : value;
	return (rows) => rows.map((row) => row.map(shown));
}

/** Prints the parts of a result in one format as they arrive. */
type Printer = {
	begin(): Promise<void>;
	rows(rows: readonly (readonly SqlValue[])[]): Promise<void>;
	/** Some of the first rows, if only both ends are shown. */
	first?(rows: readonly (readonly ShownValue[])[]): Promise<void>;
	/** `last`: the last rows of `total`, if only both ends are shown. */
	end(last: readonly (readonly ShownValue[])[], total: number): Promise<void>;
	/** The result has ended with an error. */
	abandon?(): Promise<void>;
	readonly exchanges?: { readonly written: number; readonly leftOut: number };
};

function createPrinter(columns: readonly ResultColumn[], sink: Sink, style: PrintStyle, startedAt: number): Printer {
	if (style.chart !== undefined) return chartPrinter(columns, sink, style, style.chart);
	const { format, screenColumns, exchanges: _, linesIfWide, sampleRows: _rows, ...rest } = style;
	if (printsExchanges(format)) return exchangePrinter(format, columns, sink, style);
	if (format === 'parquet') return parquetPrinter(columns, sink);
	const options = { ...rest, ...(screenColumns === undefined ? {} : { screenColumns }) };
	if (format === 'auto') {
		const fit = { ...rest, linesIfWide, screenColumns: screenColumns ?? 80, startedAt };
		const printer = createAutoPrinter(columns, sink, fit);
		return { begin: async () => undefined, first: printer.rows, ...printer };
	}
	if (isAligned(format)) return alignedPrinter(format, columns, sink, options);
	const writer = createResultWriter(format, columns, options);
	return {
		begin: () => sink.write(writer.begin()),
		rows: (rows) => writeInPieces(writer, rows, columns, sink),
		end: () => sink.write(writer.end()),
	};
}

/** Writes rows a few at a time, so that Ctrl-C does not wait for all of them. */
async function writeInPieces(
	writer: RowWriter,
	rows: readonly (readonly SqlValue[])[],
	columns: readonly ResultColumn[],
	sink: Sink,
): Promise<void> {
	await inPieces(rows, columns, sink, (piece) => sink.write(writer.rows(piece)));
}

async function inPieces(
	rows: readonly (readonly SqlValue[])[],
	columns: readonly ResultColumn[],
	sink: Sink,
	write: (piece: readonly (readonly SqlValue[])[]) => Promise<void>,
): Promise<void> {
	const pieceRows = Math.ceil(PIECE_CELLS / Math.max(1, columns.length));
	for (let from = 0; from < rows.length && !sink.closed && sink.discards !== true; from += pieceRows) {
		await write(rows.slice(from, from + pieceRows));
		// Let the event loop run, so that Ctrl-C is handled.
		await setImmediate();
	}
}

function parquetPrinter(columns: readonly ResultColumn[], sink: Sink): Printer {
	let writer: ParquetRowWriter;
	const put = async (bytes: Uint8Array) => {
		if (bytes.length > 0) await sink.writeBytes!(bytes);
	};
	return {
		begin: async () => {
			sink.beginBinary?.('parquet');
			writer = await createParquetWriter(columns);
		},
		rows: async (rows) => await inPieces(rows, columns, sink, async (piece) => await put(writer.rows(piece))),
		end: async () => await put(writer.end()),
	};
}

/** Holds the first rows back until the column widths are known. */
function alignedPrinter(
	format: AlignedFormat,
	columns: readonly ResultColumn[],
	sink: Sink,
	options: RowFormatOptions,
): Printer {
	let sample: (readonly SqlValue[])[] = [];
	let bytes = 0;
	let writer: RowWriter | undefined;
	const begin = async () => {
		writer = createRowWriter(format, columns, { ...options, sample });
		await sink.write(writer.begin());
		await writeInPieces(writer, sample, columns, sink);
		sample = [];
	};
	return {
		begin: async () => undefined,
		rows: async (rows) => {
			if (writer !== undefined) return await writeInPieces(writer, rows, columns, sink);
			sample.push(...rows);
			for (const row of rows) bytes += rowBytes(row);
			const cells = sample.length * columns.length;
			if (sample.length >= TABLE_SAMPLE_ROWS || bytes >= TABLE_SAMPLE_BYTES || cells >= TABLE_SAMPLE_CELLS)
				await begin();
		},
		end: async () => {
			if (writer === undefined) await begin();
			await sink.write(writer!.end());
		},
	};
}

/** Draws when the result is complete. */
function chartPrinter(columns: readonly ResultColumn[], sink: Sink, style: PrintStyle, chart: ChartWanted): Printer {
	const all: (readonly SqlValue[])[] = [];
	const { screenColumns = 80, theme, time = UTC_TIME } = style;
	return {
		begin: async () => undefined,
		rows: async (rows) => {
			for (const row of rows) all.push(row);
			if (all.length > CHART_ROWS)
				throw usageError(
					`.chart: expected at most ${CHART_ROWS.toLocaleString('en-US')} rows`,
					'GROUP BY time_bucket(…) or another expression gives fewer.',
				);
		},
		end: async () => {
			const { kind, rows, unicode } = chart;
			const result = { columns, rows: all };
			const wish = typeof kind === 'object' ? wished(result, kind) : undefined;
			const plain = typeof kind === 'object' ? (wish === undefined ? undefined : kind.kind) : kind;
			const lines = drawChart(wish ?? result, plain, {
				...{ columns: screenColumns, rows, unicode, theme },
				time: time.whole,
			});
			await sink.write(lines.map((line) => `${line}\n`).join(''));
		},
	};
}

/** Collects the ids in the column `id`, and prints each exchange once when the result is complete. */
function exchangePrinter(
	format: ExchangeFormat,
	columns: readonly ResultColumn[],
	sink: Sink,
	style: PrintStyle,
): Printer {
	const index = columns.findIndex(({ name }) => name === 'id');
	const ids = new Set<number>();
	const exchanges = { written: 0, leftOut: 0 };
	return {
		begin: async () => {
			if (index < 0)
				throw usageError(`--format ${format}: expected a result with the column id`, 'SELECT id FROM exchanges …');
		},
		rows: async (rows) => {
			for (const row of rows) {
				const id = row[index];
				if (typeof id === 'number') ids.add(id);
			}
		},
		end: async () => {
			const writer = createExchangeWriter(format, style);
			const put = (output: string | Uint8Array) =>
				typeof output === 'string' ? sink.write(output) : sink.writeBytes!(output);
			await put(writer.begin());
			for await (const exchange of style.exchanges([...ids])) {
				const output = exchange === undefined ? null : writer.exchange(exchange);
				if (output !== null) {
					await put(output);
					exchanges.written++;
				} else if (exchange !== undefined) exchanges.leftOut++;
				if (sink.closed) return;
			}
			await put(writer.end());
		},
		exchanges,
	};
}

/**
 * The sentence about loss: below a result that it may have affected, or, with reasons, at the end of a capture. `name`:
 * of an attached recording.
 */
export function lossSentence(lost: {
	readonly name?: string;
	readonly lostEvents: number;
	readonly lostBytes: number;
	readonly reasons?: readonly string[] | undefined;
}): string | undefined {
	if (lost.lostEvents === 0) return undefined;
	const [of, table] = lost.name === undefined ? ['', 'loss'] : [` of ${lost.name}`, `${lost.name}.loss`];
	const events = lost.lostEvents === 1 ? `1 event${of} was` : `${lost.lostEvents} events${of} were`;
	const what = `${events} lost (${lost.lostBytes} bytes`;
	if (lost.reasons === undefined)
		return `${what}): rows may be missing or incomplete; SELECT * FROM ${table}; shows why`;
	return `${what}; loss: ${lost.reasons.join(', ')}): rows may be missing or incomplete`;
}

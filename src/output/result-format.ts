// All output formats. Some print the rows of a result, others the exchanges that the rows name.
import type { ResultColumn } from './cell-text.ts';
import { createCurlWriter } from './curl-script.ts';
import type { ExchangeWriter, ExchangeWriterOptions } from './exchange-writer.ts';
import { createHarWriter } from './har.ts';
import { createHtmlRowWriter } from './html.ts';
import { createHurlWriter } from './hurl.ts';
import { createPcapngWriter } from './pcapng.ts';
import { createRawWriter } from './raw-messages.ts';
import {
	type AlignedFormat,
	createRowWriter,
	ROW_FORMATS,
	type RowFormat,
	type RowFormatOptions,
	type RowWriter,
} from './row-format.ts';
import { createSqlWriter } from './sql-script.ts';

/** Formats printed row by row. */
export type RowByRowFormat = RowFormat | 'html';
/** Formats that print the exchanges named by the result's column `id`. */
export type ExchangeFormat = keyof typeof EXCHANGE_WRITERS;
/** `auto` is a table that fits the terminal; elsewhere it is `table`. */
export type ResultFormat = RowByRowFormat | 'har' | 'parquet' | 'auto';
/** The formats of exports, which always have a file of their own. */
export type ExportFormat = RowByRowFormat | 'sql' | 'parquet' | ExchangeFormat;

type FormatFacts<Name> = {
	readonly name: Name;
	/** For `--format`, `.mode`, help and completion. */
	readonly description: string;
	readonly prints: 'rows' | 'exchanges';
	/** Whether secrets are redacted, except with --no-redact, because the output is meant to be shared. */
	readonly redacts: boolean;
	/** The output is bytes, not text: it never goes to a terminal, and a file or pipe holds only one result. */
	readonly binary?: true;
};

const EXCHANGE_WRITERS = {
	har: createHarWriter,
	curl: createCurlWriter,
	hurl: createHurlWriter,
	pcapng: createPcapngWriter,
	raw: createRawWriter,
};

export const RESULT_FORMATS: readonly FormatFacts<ResultFormat>[] = [
	{ name: 'auto', description: 'a table that fits the terminal; elsewhere as table', prints: 'rows', redacts: false },
	...ROW_FORMATS.map((format) => ({ ...format, prints: 'rows', redacts: false }) as const),
	{ name: 'html', description: 'a page without scripts; secrets redacted', prints: 'rows', redacts: true },
	{
		name: 'har',
		description: 'an HTTP archive of the exchanges whose ids are selected; secrets redacted',
		prints: 'exchanges',
		redacts: true,
	},
	{
		name: 'parquet',
		description: 'one table for DuckDB, pandas and others; into a file or a pipe',
		prints: 'rows',
		redacts: false,
		binary: true,
	},
];

/** Formats of results, and those only for exports. */
const ALL_FORMATS: readonly FormatFacts<ResultFormat | ExportFormat>[] = [
	...RESULT_FORMATS,
	{ name: 'curl', description: 'a shell script of curl commands', prints: 'exchanges', redacts: true },
	{ name: 'hurl', description: 'requests and their statuses for hurl', prints: 'exchanges', redacts: true },
	{
		name: 'pcapng',
		description: 'packets for Wireshark, with synthesised TCP',
		prints: 'exchanges',
		redacts: true,
		binary: true,
	},
	{
		name: 'raw',
		description: 'the bytes of requests and responses',
		prints: 'exchanges',
		redacts: true,
		binary: true,
	},
	{ name: 'sql', description: 'an SQL script that creates and fills a table', prints: 'rows', redacts: true },
];

export function isResultFormat(name: string): name is ResultFormat {
	return RESULT_FORMATS.some((format) => format.name === name);
}

export function printsExchanges(name: ResultFormat | ExportFormat): name is ExchangeFormat {
	return ALL_FORMATS.some((format) => format.name === name && format.prints === 'exchanges');
}

/** Whether the output is meant to be shared. Then statements see no secrets, except with --no-redact. */
export function isShared(name: ResultFormat | ExportFormat): boolean {
	return ALL_FORMATS.some((format) => format.name === name && format.redacts);
}

/** Whether its output is bytes, not text. */
export function isBinary(name: ResultFormat | ExportFormat): boolean {
	return ALL_FORMATS.some((format) => format.name === name && format.binary === true);
}

/** Whether the widths of its columns depend on the rows. */
export function isAligned(name: ResultFormat | ExportFormat): name is AlignedFormat {
	return ROW_FORMATS.some((format) => format.name === name && format.aligned === true);
}

export type ResultFormatOptions = RowFormatOptions & ExchangeWriterOptions;

export function createResultWriter(
	format: RowByRowFormat | 'sql',
	columns: readonly ResultColumn[],
	options: ResultFormatOptions,
): RowWriter {
	if (format === 'sql') return createSqlWriter(columns);
	return format === 'html' ? createHtmlRowWriter(columns, options) : createRowWriter(format, columns, options);
}

export function createExchangeWriter(
	format: ExchangeFormat,
	options: ExchangeWriterOptions,
): ExchangeWriter | ExchangeWriter<Uint8Array> {
	return EXCHANGE_WRITERS[format](options);
}

// All formats a result can be printed in: the row formats, and the two that are meant for sharing and therefore redacted.
import type { ResultColumn } from './cell-text.ts';
import { createHtmlRowWriter } from './html.ts';
import type { Redactor } from './redaction.ts';
import { createRowWriter, ROW_FORMATS, type RowFormat, type RowFormatOptions, type RowWriter } from './row-format.ts';

export type ResultFormat = RowFormat | 'html' | 'har';

/** For `--format`, `.mode`, help and completion. */
export const RESULT_FORMATS: readonly { readonly name: ResultFormat; readonly description: string }[] = [
	...ROW_FORMATS,
	{ name: 'html', description: 'a page that runs nothing; secrets redacted' },
	{ name: 'har', description: 'an HTTP archive of the exchanges whose column id is selected; secrets redacted' },
];

export function isResultFormat(name: string): name is ResultFormat {
	return RESULT_FORMATS.some((format) => format.name === name);
}

export type ResultFormatOptions = RowFormatOptions & {
	/** null: secrets stay (`--no-redact`). */
	readonly redactor: Redactor | null;
	/** tinytap's own. */
	readonly version: string;
};

/** A writer for every format that is written row by row: all but har. */
export function createResultWriter(
	format: Exclude<ResultFormat, 'har'>,
	columns: readonly ResultColumn[],
	options: ResultFormatOptions,
): RowWriter {
	return format === 'html' ? createHtmlRowWriter(columns, options) : createRowWriter(format, columns, options);
}

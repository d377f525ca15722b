// The formats of exports and their file name extensions.
import { extname } from 'node:path';
import { usageError } from '../base/errors.ts';
import { type ExportFormat, isResultFormat, type ResultFormat } from './result-format.ts';

export const EXPORT_FORMATS: readonly { readonly name: ExportFormat; readonly endings: readonly string[] }[] = [
	{ name: 'har', endings: ['.har'] },
	{ name: 'curl', endings: ['.sh', '.curl'] },
	{ name: 'hurl', endings: ['.hurl'] },
	{ name: 'raw', endings: ['.raw'] },
	{ name: 'pcapng', endings: ['.pcapng'] },
	{ name: 'parquet', endings: ['.parquet'] },
	{ name: 'sql', endings: ['.sql'] },
	{ name: 'csv', endings: ['.csv'] },
	{ name: 'json', endings: ['.json'] },
	{ name: 'ndjson', endings: ['.ndjson', '.jsonl'] },
	{ name: 'markdown', endings: ['.md'] },
	{ name: 'html', endings: ['.html', '.htm'] },
	{ name: 'table', endings: ['.txt'] },
	{ name: 'box', endings: [] },
	{ name: 'line', endings: [] },
];

const NAMES = EXPORT_FORMATS.map(({ name }) => name).join(', ');
const ENDINGS = EXPORT_FORMATS.flatMap(({ endings }) => endings).join(', ');

/**
 * The format for results in a file with this extension; undefined if no format has it. Throws a UserError if only whole
 * exchanges have it.
 */
export function resultFormatOf(path: string): ResultFormat | undefined {
	const ending = extname(path).toLowerCase();
	const name = EXPORT_FORMATS.find(({ endings }) => endings.includes(ending))?.name;
	if (name === undefined || isResultFormat(name)) return name;
	throw usageError(
		`expected a file for the results of statements, but ${ending} is for whole exchanges (${name})`,
		'tinytap export -o FILE writes exchanges; or give the format of the results: --format.',
	);
}

/**
 * The format called `name`, or if that is undefined, the one for the file's extension. Throws a UserError that begins
 * with `what` if there is no such format.
 */
export function exportFormat(what: string, path: string, name: string | undefined): ExportFormat {
	if (name !== undefined) {
		const named = EXPORT_FORMATS.find((format) => format.name === name.toLowerCase());
		if (named !== undefined) return named.name;
		throw usageError(`${what} --format: expected one of ${NAMES}, got ${JSON.stringify(name)}`);
	}
	const ending = extname(path).toLowerCase();
	const meant = EXPORT_FORMATS.find(({ endings }) => endings.includes(ending));
	if (meant !== undefined) return meant.name;
	throw usageError(
		`${what}: expected a file that ends in ${ENDINGS}, got ${JSON.stringify(path)}`,
		`For other names, give the format: --format, with one of ${NAMES}.`,
	);
}

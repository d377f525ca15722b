// Functions for headers, paths and sizes.
import { toText, wholeNumber } from '../values/value.ts';
import { bytesText } from './duration.ts';
import type { FunctionDoc, ScalarFunction } from './function-table.ts';

/** The documentation of a function of group http with `count` arguments. */
export function httpDoc(
	name: string,
	signature: string,
	text: string,
	example: FunctionDoc['example'],
	count: number,
): FunctionDoc {
	return { name, signature, doc: text, example, group: 'http', minArguments: count, maxArguments: count };
}

export const HTTP_FUNCTIONS: readonly ScalarFunction[] = [
	{
		...httpDoc(
			'header',
			'header(headers, name)',
			'a field of req_headers or res_headers; the name is case-insensitive',
			['header(\'{"content-type":"text/html"}\', \'Content-Type\')', 'text/html'],
			2,
		),
		type: 'text',
		strict: true,
		create: () => {
			const parse = remembering();
			return (headers, name) => headerValue(parse(toText(headers!)), toText(name!));
		},
	},
	{
		...httpDoc('bytes', 'bytes(number)', 'a number of bytes in readable form', ['bytes(51200)', '50 KiB'], 1),
		type: 'text',
		accepts: 'number',
		strict: true,
		create: () => (value) => {
			const bytes = wholeNumber(value!);
			return bytes === undefined ? null : bytesText(bytes);
		},
	},
];

/** Parses a JSON object; undefined for other texts. Caches the last one. */
function remembering(): (text: string) => ReadonlyMap<string, unknown> | undefined {
	let last: string | undefined;
	let fields: ReadonlyMap<string, unknown> | undefined;
	return (text) => {
		if (text === last) return fields;
		last = text;
		fields = undefined;
		try {
			const parsed: unknown = JSON.parse(text);
			if (parsed !== null && typeof parsed === 'object') fields = new Map(Object.entries(parsed));
		} catch {
			// Text that is not JSON has no fields.
		}
		return fields;
	};
}

function headerValue(fields: ReadonlyMap<string, unknown> | undefined, name: string): string | null {
	if (fields === undefined) return null;
	const lower = name.toLowerCase();
	let value = fields.get(lower);
	if (value === undefined) {
		for (const [key, candidate] of fields) if (key.toLowerCase() === lower) value = candidate;
	}
	if (value === undefined || value === null) return null;
	return Array.isArray(value)
		? value.map(String).join(', ')
		: typeof value === 'string'
			? value
			: JSON.stringify(value);
}

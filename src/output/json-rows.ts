// Result rows as JSON objects, one per line.
import type { SqlValue } from '../store/table.ts';
import { base64, type ResultColumn } from './cell-text.ts';
import { escapeInJson, jsonString, reformatJson } from './json-text.ts';

/**
 * Creates a writer of rows as JSON objects, one per line. Columns of type json are nested as they were sent, integers
 * have all their digits, blobs are base64, and values that JSON lacks (infinity) are null. A repeated column name gets
 * a number: `id`, `id_2`.
 */
export function createJsonRow(columns: readonly ResultColumn[]): (row: readonly SqlValue[]) => string {
	const keys = uniqueNames(columns.map((column) => column.name)).map((name) => `${jsonString(name)}:`);
	const nested = columns.map((column) => column.type === 'json');
	return (row) => {
		let members = '';
		for (let i = 0; i < keys.length; i++) {
			members += `${i === 0 ? '' : ','}${keys[i]}${jsonValue(row[i] ?? null, nested[i] === true)}`;
		}
		return `{${members}}`;
	};
}

function jsonValue(value: SqlValue, nested: boolean): string {
	if (value === null) return 'null';
	if (typeof value === 'bigint') return String(value);
	if (typeof value === 'number') return Number.isFinite(value) ? String(value) : 'null';
	if (typeof value !== 'string') return `"${base64(value)}"`;
	const json = nested ? reformatJson(value, { indent: 0 }) : null;
	return json === null ? jsonString(value) : escapeInJson(json);
}

function uniqueNames(names: readonly string[]): string[] {
	const taken = new Set<string>();
	const all = new Set(names);
	return names.map((name) => {
		let unique = name;
		for (let i = 2; taken.has(unique); i++) {
			const candidate = `${name}_${i}`;
			if (!all.has(candidate)) unique = candidate;
		}
		taken.add(unique);
		return unique;
	});
}

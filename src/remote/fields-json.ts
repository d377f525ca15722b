// Field lines that were stored as two lists, as the JSON that the columns req_headers and res_headers have.
import { fieldObject } from '../store/exchange-row.ts';

/** `folds`: names are written in lower case, and repeated ones are joined. Labels stay as they are. */
export function fieldsJson(names: readonly string[], values: readonly string[], folds: boolean): string {
	const lines = names.map((name, index) => ({ name, value: values[index] ?? '' }));
	if (folds) return fieldObject(lines);
	const last = new Map(lines.map(({ name, value }) => [name, value]));
	return `{${[...last].map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`;
}

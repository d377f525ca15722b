// A value of a result as one line of text, before it is cut or coloured.

import type { ColumnType, ShownValue, SqlValue } from '../store/table.ts';
import type { Theme } from './theme.ts';

export type ResultColumn = {
	readonly name: string;
	/** null: unknown before the first row. */
	readonly type: ColumnType | null;
};

export type Result = {
	readonly columns: readonly ResultColumn[];
	readonly rows: readonly (readonly SqlValue[])[];
};

/** How table, box, markdown and line show NULL, to distinguish it from ''. */
export const NULL_TEXT = 'NULL';

/** A number with all its digits. Floats have the shortest form that parses to the same number. */
export function numberText(value: number | bigint): string {
	if (value === Number.POSITIVE_INFINITY) return 'Inf';
	if (value === Number.NEGATIVE_INFINITY) return '-Inf';
	return String(value);
}

/** Whether values of this type are aligned right. */
export function isNumeric(type: ColumnType | null): boolean {
	return type === 'int' || type === 'float';
}

export function base64(bytes: Uint8Array): string {
	return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/** `<51,200 bytes>`: stands for a body or blob. */
export function sizeText(bytes: number): string {
	return bytes === 1 ? '<1 byte>' : `<${thousands(bytes)} bytes>`;
}

/** `1,840,212` */
export function thousands(number: number): string {
	return number.toLocaleString('en-US');
}

/** Colours the text of a value: NULL, sizes and methods are dimmed, statuses are coloured by class. */
export function paintValue(column: string, value: ShownValue, text: string, theme: Theme): string {
	if (value === null) return theme.null(text);
	if (column === 'status' && typeof value === 'number') return theme.status(value, text);
	if (column === 'method') return theme.method(text);
	return typeof value === 'object' ? theme.dim(text) : text;
}

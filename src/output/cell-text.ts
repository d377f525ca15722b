// A value of a result as one line of text, before it is cut or painted.

import type { ColumnType, SqlValue } from '../store/table.ts';

export type ResultColumn = {
	readonly name: string;
	/** null: not known before the first row. */
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

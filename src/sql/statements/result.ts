// The result of a statement.
import type { ColumnType, ShownValue, SqlValue } from '../../store/table.ts';

export type ResultColumn = {
	readonly name: string;
	/** `any` if the values have several types or the type is not known beforehand. */
	readonly type: ColumnType | 'any';
};

export type Result = {
	readonly columns: readonly ResultColumn[];
	readonly rows: SqlValue[][];
	/**
	 * If only the ends are wanted: the number of all rows, and the last ones except those already returned as first
	 * rows.
	 */
	readonly ends?: { readonly total: number; readonly last: ShownValue[][] };
	/** A sentence for statements without rows: "view slow created". */
	readonly message?: string;
};

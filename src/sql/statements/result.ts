// What a statement gives.
import type { ColumnType, SqlValue } from '../../store/table.ts';

export type ResultColumn = {
	readonly name: string;
	/** `any`: values of several types, or not known before they come. */
	readonly type: ColumnType | 'any';
};

export type Result = {
	readonly columns: readonly ResultColumn[];
	readonly rows: SqlValue[][];
	/** A sentence for statements without rows: "view slow created". */
	readonly message?: string;
};

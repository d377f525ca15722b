// Tables whose rows are not in memory: in a store of many hosts, or in files. A statement reads them like captured tables:
// it asks the source for the rows and columns that it needs, and runs here, on these rows.
//
// A source may return too many rows, never too few. The statement tests its whole WHERE again, so a source is correct even
// if it ignores all conditions. What it can use of them only makes it faster.
import type { Column, SqlValue } from './table.ts';

export type RowSource = {
	/** For messages: `the store clickhouse.example.com:8443`, `the files in DIR`. */
	readonly name: string;
	/** Its tables by the names that SQL uses. They stay the same as long as the source exists. */
	readonly tables: ReadonlyMap<string, { readonly columns: readonly Column[] }>;
	/**
	 * Yields rows in batches of any size. Stops early if the reader leaves the loop, or if `signal` aborts; then it may
	 * throw. Throws a UserError if rows cannot be read.
	 */
	readonly read: (wanted: WantedRows, signal: AbortSignal) => AsyncIterable<RowBatch>;
	/** How it reads these rows, for EXPLAIN: lines of text. */
	readonly explain: (wanted: WantedRows) => readonly string[];
};

export type WantedRows = {
	readonly table: string;
	/** Which columns are needed, in ascending order. None, if only the number of rows matters. */
	readonly columns: readonly number[];
	/** All of them hold for every row that the statement needs. */
	readonly conditions: readonly RowCondition[];
	/** More rows are of no use: if there are more, the statement is refused. */
	readonly atMost: number;
};

/** `columns` are in the order of `WantedRows.columns`. */
export type RowBatch = { readonly rowCount: number; readonly columns: readonly BatchColumn[] };

/**
 * The values of one column. A Float64Array is possible for the types int, float and datetime: NaN is NULL, and datetimes
 * are microseconds since 1970. A list has values as a table returns them.
 */
export type BatchColumn = Float64Array | readonly SqlValue[];

export type RowOperator = '=' | '<>' | '<' | '<=' | '>' | '>=';

/** Texts are compared by code point. Datetimes are microseconds since 1970. */
export type ConditionValue = string | number | bigint;

/** A condition on one row. No condition holds for NULL, except `null`. */
export type RowCondition =
	| {
			readonly kind: 'compare';
			readonly column: number;
			readonly operator: RowOperator;
			readonly value: ConditionValue;
	  }
	/** The column has one of these values; with `not`, it has another one. */
	| { readonly kind: 'in'; readonly column: number; readonly not: boolean; readonly values: readonly ConditionValue[] }
	/** The column is NULL; with `not`, it is not. */
	| { readonly kind: 'null'; readonly column: number; readonly not: boolean }
	/** The whole text matches the pattern; with `not`, it does not. */
	| { readonly kind: 'like'; readonly column: number; readonly not: boolean; readonly pattern: readonly LikeItem[] }
	| { readonly kind: 'and'; readonly conditions: readonly RowCondition[] }
	| { readonly kind: 'or'; readonly conditions: readonly RowCondition[] };

/**
 * A part of a LIKE pattern: any one code point, any number of them, or a text, which is in lower case. Only A-Z are equal to
 * a-z.
 */
export type LikeItem = 'one' | 'many' | { readonly text: string };

// A table as the SQL engine sees it: columns read by row number. A snapshot never changes.

/** Integers beyond 2^53 are bigint; blobs are Uint8Array; datetimes are text in the form `2026-11-22T12:56:01.123456Z`; json is JSON text. */
export type SqlValue = null | number | bigint | string | Uint8Array;

export type ColumnType = 'int' | 'float' | 'text' | 'json' | 'blob' | 'datetime';

export type Column = {
	readonly name: string;
	readonly type: ColumnType;
	/** One line for DESCRIBE, `.schema` and docs/tables.md. */
	readonly description: string;
};

/** Reads one column of a snapshot. */
export type ColumnReader = {
	/** The value in `row` (0 … rowCount-1). */
	value(row: number): SqlValue;
	/**
	 * Only for type `datetime` (microseconds since the epoch), `int` and `float`: the number without making a string or a
	 * bigint, NaN for NULL. Lets a comparison or a sort skip `value`. Absent if the column cannot provide it.
	 */
	number?(row: number): number;
	/**
	 * Only for text columns whose values repeat: a small integer that is the same exactly when the text is the same, -1
	 * for NULL. Lets `=`, IN, GROUP BY and LIKE be decided once per distinct value.
	 */
	code?(row: number): number;
	/** `number` of many rows: `into[i]` is that of `rows[i]`, for i < count. The rows ascend and are in one piece. */
	numbers?(rows: Int32Array, count: number, into: Float64Array): void;
	/** `code` of many rows, in the same way. */
	codes?(rows: Int32Array, count: number, into: Int32Array): void;
	/**
	 * Only for columns that hold header fields as JSON: the value under `lowerName` (ASCII, lower case), null if there is
	 * none. Undefined if it is not exactly one plain field line: then the JSON has the value.
	 */
	field?(row: number, lowerName: string): string | null | undefined;
	/** Only for text columns: the bytes the text is made of. */
	readonly spans?: TextSpans;
};

/**
 * Where texts are as captured bytes. A byte below 0x80 is always that ASCII character of the text, so that ASCII can be
 * searched without making the text.
 */
export type TextSpans = {
	/** After locate(): the text is made of `bytes[start … end)`. */
	bytes: Uint8Array;
	start: number;
	end: number;
	/** False for NULL. */
	locate(row: number): boolean;
	/** The same for rows that ascend and lie in one piece: `starts[i]` is -1 for NULL. Returns the bytes of all. */
	locateAll(rows: Int32Array, count: number, starts: Int32Array, ends: Int32Array): Uint8Array;
};

/** One table at one instant. */
export type TableSnapshot = {
	readonly name: string;
	readonly columns: readonly Column[];
	readonly rowCount: number;
	/** `index` is the column's place in `columns`. Called once per column and statement. */
	reader(index: number): ColumnReader;
	/**
	 * The row numbers whose int column `index` equals `value`, if the table can tell without reading all rows;
	 * undefined: read all rows.
	 */
	find?(index: number, value: number): readonly number[] | undefined;
	/** The rows from `row` up to (excluding) this one are in one piece of memory. Absent: all rows are. */
	pieceEnd?(row: number): number;
};

/** All tables of one instant; a statement sees exactly one of these. */
export type DatabaseSnapshot = {
	readonly tables: ReadonlyMap<string, TableSnapshot>;
};

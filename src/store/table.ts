// The SQL engine's interface to tables: columns read by row number. A snapshot never changes.

/**
 * Integers beyond 2^53 are bigint; blobs are Uint8Array; json is JSON text. Times are text: datetimes in the form
 * `2026-11-22T12:56:01.123456Z`, local ones (of a time zone) without the Z, dates `2026-11-22`, times of day
 * `12:56:01.123456`, intervals `3 days 04:05:06`.
 */
export type SqlValue = null | number | bigint | string | Uint8Array;

/** The value of a parameter. `real` is a REAL even if it is a whole number: `7 / :x` is 3.5 if :x is 2.0. */
export type ParameterValue = SqlValue | { readonly real: number };

/** Stands for a body or blob of this size where its content is not shown. */
export type Sized = { readonly bytes: number };

/** A value of a row that is made for a screen. */
export type ShownValue = SqlValue | Sized;

export type ColumnType = 'int' | 'float' | 'text' | 'json' | 'blob' | TimeType;

/** Captured tables have only datetimes; expressions and temporary tables have the others, too. */
export type TimeType = 'datetime' | 'local' | 'date' | 'time' | 'interval';

export type Column = {
	readonly name: string;
	readonly type: ColumnType;
	/** One line for DESCRIBE, `.schema` and docs/tables.md. */
	readonly description: string;
};

/** A table as help and completion name it. */
export type NamedTable = { readonly name: string; readonly columns: readonly Column[] };

/** Reads one column of a snapshot. */
export type ColumnReader = {
	/** The value in `row` (0 … rowCount-1). */
	value(row: number): SqlValue;
	/**
	 * Only for types `datetime` (microseconds since the epoch), `int` and `float`: the number, NaN for NULL, without
	 * creating a string or bigint. Comparisons and sorts prefer it to `value`. Absent if the column cannot provide it.
	 */
	number?(row: number): number;
	/**
	 * Only for text columns whose values repeat: a small integer that is equal exactly if the texts are equal, -1 for
	 * NULL. With it, `=`, IN and LIKE are tested once per distinct value, and GROUP BY needs no texts.
	 */
	code?(row: number): number;
	/** `number` for many rows: `into[i]` becomes that of `rows[i]`, i < count. The rows ascend and are in one piece. */
	numbers?(rows: Int32Array, count: number, into: Float64Array): void;
	/** `code` for many rows, in the same way. */
	codes?(rows: Int32Array, count: number, into: Int32Array): void;
	/**
	 * Only for columns with header fields as JSON: the value of `lowerName` (ASCII, lower case), null if there is none.
	 * Undefined if only the JSON can tell, for example because the field repeats.
	 */
	field?(row: number, lowerName: string): string | null | undefined;
	/** Only for text columns: the captured bytes of the text. */
	readonly spans?: TextSpans;
	/** Only for bodies: how many bytes are held, without copying or decoding them. NaN for NULL. */
	size?(row: number): number;
};

/**
 * Finds the captured bytes of texts. A byte below 0x80 is always the same ASCII character in the text, so ASCII can be
 * searched for without creating the text.
 */
export type TextSpans = {
	/** After locate(), the text is in `bytes[start … end)`. */
	bytes: Uint8Array;
	start: number;
	end: number;
	/** False for NULL. */
	locate(row: number): boolean;
	/** The same for rows that ascend and are in one piece. `starts[i]` is -1 for NULL. Returns the bytes of all. */
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
	 * The rows whose int column `index` equals `value`; undefined if the table cannot find them without reading all rows.
	 */
	find?(index: number, value: number): readonly number[] | undefined;
	/** The rows from `row` up to (excluding) this one are in one piece of memory. Absent: all rows are. */
	pieceEnd?(row: number): number;
};

/** All tables of one instant; a statement sees exactly one of these. */
export type DatabaseSnapshot = {
	readonly tables: ReadonlyMap<string, TableSnapshot>;
};

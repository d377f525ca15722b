// The definition of an SQL function. The other files of this folder contain lists of them, which are used for help,
// completion, docs/sql.md and a test of the examples.
import type { ColumnType } from '../../store/table.ts';
import type { StaticType, Value } from '../values/value.ts';

/** What functions can use besides their arguments. */
export type FunctionContext = {
	/** Microseconds since the epoch, the same everywhere in a statement. */
	readonly now: number;
	/** Throws if the statement was cancelled or is out of time. Long loops must call it. */
	readonly poll: () => void;
};

export type FunctionDoc = {
	readonly name: string;
	/** `substr(text, start [, length])` */
	readonly signature: string;
	/** One line. */
	readonly doc: string;
	/** An expression and its result, shown in the documentation and checked by a test. */
	readonly example: readonly [sql: string, result: string | number | null];
	readonly group: 'text' | 'number' | 'date' | 'json' | 'table' | 'http' | 'general' | 'aggregate' | 'window';
	readonly minArguments: number;
	/** Infinity if there is no maximum. */
	readonly maxArguments: number;
};

export type Evaluate = (...values: Value[]) => Value;

/**
 * How a function receives a datetime, a time of day or an interval: instants as microseconds since the epoch, times
 * of day since midnight, intervals as Interval. `moment` is any of them. Texts are parsed; other texts become NULL.
 */
export type Take = 'instant' | 'clock' | 'interval' | 'moment';

/** Which arguments are allowed: numbers (no datetimes and intervals), amounts (no datetimes), or milliseconds. */
export type Accepts = 'number' | 'amount' | 'milliseconds';

export type ScalarFunction = FunctionDoc & {
	readonly type: StaticType | ((types: readonly StaticType[]) => StaticType);
	/** Type of the result column, if it does not follow from `type`. */
	readonly output?: ColumnType | ((outputs: readonly (ColumnType | undefined)[]) => ColumnType | undefined);
	/** How the arguments are received, by position. */
	readonly takes?: readonly (Take | undefined)[];
	readonly accepts?: Accepts;
	/** Whether the result is NULL if any argument is. The function is not called then. */
	readonly strict: boolean;
	/** Each call gives another value, even with the same arguments. */
	readonly varies?: true;
	/** Creates the function for one statement. `outputs`: the arguments' column types, for functions that nest JSON. */
	readonly create: (context: FunctionContext, outputs: readonly (ColumnType | undefined)[]) => Evaluate;
	/** The same, but the first argument is a datetime in microseconds since the epoch, which need not become a text. */
	readonly createTimed?: (context: FunctionContext) => (microseconds: number, ...values: Value[]) => Value;
};

/** An argument of an aggregate. Its functions read the current row. */
export type Argument = {
	readonly type: StaticType;
	readonly output: ColumnType | undefined;
	/** Compare with A-Z equal to a-z. */
	readonly nocase: boolean;
	readonly value: () => Value;
	/** Only for static types `int` and `real`: returns a double, NaN for NULL. Integers beyond 2^53 are rounded. */
	readonly number?: () => number;
	/** The same for many rows, if they come in batches. The array is valid until the next call. */
	readonly numbers?: (rows: Int32Array, count: number) => Float64Array;
};

/** Computes an aggregate for many groups, numbered from 0. */
export type Accumulator = {
	/** Adds the current row to a group. For min and max: returns whether its value is the new minimum or maximum. */
	readonly step: (group: number) => boolean | undefined;
	/** The same for many rows: `groups[i]` is the group of `rows[i]`. All groups are below `end`. */
	readonly steps?: (groups: Int32Array, rows: Int32Array, count: number, end: number) => void;
	readonly result: (group: number) => Value;
	/** For aggregates that do not look at values: adds this many rows at once. */
	readonly addRows?: (group: number, rows: number) => void;
	/** Removes all groups. */
	readonly reset: () => void;
};

export type AggregateContext = FunctionContext & {
	/** Counts memory that groups need in addition to a few numbers each. */
	readonly grow: (bytes: number) => void;
	/** ORDER BY inside the parentheses. */
	readonly order: readonly {
		readonly value: () => Value;
		readonly descending: boolean;
		readonly nullsFirst: boolean;
	}[];
};

export type AggregateFunction = FunctionDoc & {
	readonly type: StaticType | ((types: readonly StaticType[]) => StaticType);
	readonly output?: ColumnType;
	/**
	 * For functions called with WITHIN GROUP. Their arguments are the expression of its ORDER BY, the fraction in the
	 * parentheses, and 1 for DESC or 0.
	 */
	readonly ordered?: true;
	/** Whether texts, blobs and datetimes are refused. */
	readonly numbersOnly?: true;
	readonly accepts?: Accepts;
	/** For min and max: bare columns next to them read the row with the minimum or maximum. */
	readonly extreme?: 'min' | 'max';
	readonly create: (list: readonly Argument[], context: AggregateContext) => Accumulator;
};

export type WindowFunction = FunctionDoc & {
	readonly type: StaticType | ((types: readonly StaticType[]) => StaticType);
};

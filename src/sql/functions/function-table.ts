// What a function is to the engine. The tables in functions/ are lists of these; help, completion, docs/sql.md and a
// test of the examples are loops over them.
import type { ColumnType } from '../../store/table.ts';
import type { StaticType, Value } from '../values/value.ts';

/** What a statement's functions may depend on besides their arguments. */
export type FunctionContext = {
	/** The statement's instant, microseconds since the epoch: `now` is the same everywhere in a statement. */
	readonly now: number;
	/** Throws when the statement is cancelled or its time is over; to be called in long loops. */
	readonly poll: () => void;
};

export type FunctionDoc = {
	readonly name: string;
	/** `substr(text, start [, length])` */
	readonly signature: string;
	/** One line. */
	readonly doc: string;
	/** An expression and what it gives: shown in docs, checked by a test. Rows of `x` are given for aggregates. */
	readonly example: readonly [sql: string, result: string | number | null];
	readonly group: 'text' | 'number' | 'date' | 'json' | 'http' | 'general' | 'aggregate' | 'window';
	readonly minArguments: number;
	/** Infinity: any number. */
	readonly maxArguments: number;
};

export type Evaluate = (...values: Value[]) => Value;

export type ScalarFunction = FunctionDoc & {
	readonly type: StaticType | ((types: readonly StaticType[]) => StaticType);
	/** Type of the result column, where it is not plain from `type`. */
	readonly output?: ColumnType;
	/** Whether the result is NULL when any argument is: `evaluate` is not called then. */
	readonly strict: boolean;
	/** Makes the function for one statement. `outputs` are the arguments' types as columns: some treat JSON as such. */
	readonly create: (context: FunctionContext, outputs: readonly (ColumnType | undefined)[]) => Evaluate;
	/** The same for a first argument that is at hand as microseconds since the epoch (NaN for NULL), to save its text. */
	readonly createTimed?: (context: FunctionContext) => (microseconds: number, ...values: Value[]) => Value;
};

/** What an aggregate's argument offers while rows go by: each call is about the current row. */
export type Argument = {
	readonly type: StaticType;
	readonly output: ColumnType | undefined;
	/** Compares with A-Z equal to a-z. */
	readonly nocase: boolean;
	readonly value: () => Value;
	/** Only for static types `int` and `real`: the value as a double, NaN for NULL. Integers beyond 2^53 are rounded. */
	readonly number?: () => number;
	/** The same of many rows at a time, where there is `steps`: an array valid until the next call. */
	readonly numbers?: (rows: Int32Array, count: number) => Float64Array;
};

/** Collects values of many groups, numbered from 0. */
export type Accumulator = {
	/** Adds the current row to a group. min and max: whether its value is the group's from now on. */
	readonly step: (group: number) => boolean | undefined;
	/** The same for many rows: `groups[i]` is the group of `rows[i]`; all groups are below `end`. */
	readonly steps?: (groups: Int32Array, rows: Int32Array, count: number, end: number) => void;
	readonly result: (group: number) => Value;
	/** For aggregates that look at no values: adds so many rows at once. */
	readonly addRows?: (group: number, rows: number) => void;
	/** Forgets all groups. */
	readonly reset: () => void;
};

export type AggregateContext = FunctionContext & {
	/** Counts memory that groups take besides a few numbers each. */
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
	/** min and max: bare columns beside them are those of the row where the value was found. */
	readonly extreme?: 'min' | 'max';
	readonly create: (list: readonly Argument[], context: AggregateContext) => Accumulator;
};

export type WindowFunction = FunctionDoc & {
	readonly type: StaticType | ((types: readonly StaticType[]) => StaticType);
};

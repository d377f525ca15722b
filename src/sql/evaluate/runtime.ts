// What a running statement works on: the tables of one instant, its parameters, and where each table's reading stands.
import type { ColumnReader, DatabaseSnapshot, SqlValue, TableSnapshot } from '../../store/table.ts';
import type { Bound, QueryPlan, Source } from '../bind/bound.ts';
import type { FunctionContext } from '../functions/function-table.ts';
import type { Guard, Steps } from '../limits/guard.ts';
import type { Value } from '../values/value.ts';

/** Rows of a subquery, column by column. */
export type Rows = { readonly columns: Value[][]; count: number };

/** The row of one table of FROM that expressions read at the moment; -1 stands for the row of NULLs of an outer join. */
export class Cursor {
	row = 0;
	readonly table: TableSnapshot | undefined;
	/** The rows of a subquery; replaced when it runs again. */
	rows: Rows | undefined;
	/** Rises with each replacement of `rows`. */
	version = 0;
	readonly #readers: (ColumnReader | undefined)[] = [];

	constructor(table: TableSnapshot | undefined) {
		this.table = table;
	}

	get count(): number {
		return this.table?.rowCount ?? this.rows?.count ?? 0;
	}

	reader(index: number): ColumnReader {
		this.#readers[index] ??= this.table!.reader(index);
		return this.#readers[index];
	}
}

export type Evaluator = () => Value;
export type Test = () => boolean;
/** A double, NaN for NULL. */
export type NumberEvaluator = () => number;

/** Takes a row; false: no more rows are wanted. */
export type Sink = (row: Value[]) => boolean;

export type CompiledQuery = { readonly run: (sink: Sink) => Steps };

/** Makes closures of expressions. The parts of the compiler call each other through this. */
export type Compiler = {
	readonly runtime: Runtime;
	/** Values in the representation of the expression's static type. */
	readonly value: (expression: Bound) => Evaluator;
	/** Values in the representation of type `any`. */
	readonly any: (expression: Bound) => Evaluator;
	/** For static types int and real; integers beyond 2^53 are rounded. */
	readonly number: (expression: Bound) => NumberEvaluator;
	readonly isTrue: (expression: Bound) => Test;
	readonly isFalse: (expression: Bound) => Test;
	readonly query: (plan: QueryPlan) => CompiledQuery;
};

export type Runtime = {
	readonly database: DatabaseSnapshot;
	readonly parameters: ReadonlyMap<string, SqlValue>;
	readonly guard: Guard;
	readonly functions: FunctionContext;
	readonly cursors: Map<Source, Cursor>;
	/** How the aggregates and window functions of a SELECT are read, by its `owner`. */
	readonly slots: Map<object, { readonly aggregates: Evaluator[]; readonly windows: Evaluator[] }>;
	/** Row by row only, without the shortcuts over many rows or bytes: tests compare both ways. */
	readonly plain: boolean;
	/** The rows that stand for a recursive table, by its identity. */
	readonly recursions: Map<object, Rows>;
};

/** The cursor of a source; made at its first use. */
export function cursorOf(source: Source, runtime: Runtime): Cursor {
	let cursor = runtime.cursors.get(source);
	if (cursor === undefined) {
		const { origin } = source;
		cursor = new Cursor(origin.kind === 'table' ? tableOf(origin.table, runtime.database) : undefined);
		runtime.cursors.set(source, cursor);
	}
	return cursor;
}

function tableOf(name: string, database: DatabaseSnapshot): TableSnapshot {
	const table = database.tables.get(name);
	if (table === undefined) throw new Error(`the snapshot has no table ${name}`);
	return table;
}

// The state of a running statement: the snapshot, the parameters, and a cursor for each table.
import type { ColumnReader, DatabaseSnapshot, TableSnapshot } from '../../store/table.ts';
import type { Bound, QueryPlan, Source } from '../bind/bound.ts';
import type { FunctionContext } from '../functions/function-table.ts';
import type { Guard, Steps } from '../limits/guard.ts';
import type { Value } from '../values/value.ts';

/** Rows of a subquery, column by column. */
export type Rows = { readonly columns: Value[][]; count: number };

/** The current row of one table of FROM. -1 is an outer join's row of NULLs. */
export class Cursor {
	row = 0;
	readonly table: TableSnapshot | undefined;
	/** The rows of a subquery, replaced each time it runs. */
	rows: Rows | undefined;
	/** Incremented when `rows` is replaced. */
	version = 0;
	/** Rows before this one are kept when the rows of a table function are replaced. */
	keptRows = 0;
	readonly #readers: (ColumnReader | undefined)[] = [];

	constructor(table: TableSnapshot | undefined) {
		this.table = table;
	}

	/** The number of the current row, for returning to it later. */
	keep(): number {
		if (this.row >= this.keptRows) this.keptRows = this.row + 1;
		return this.row;
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
/** Returns a double, NaN for NULL. */
export type NumberEvaluator = () => number;

/** Receives a row. Returns false if no more rows are wanted. */
export type Sink = (row: Value[]) => boolean;

export type CompiledQuery = { readonly run: (sink: Sink) => Steps };

/** Compiles expressions to closures. The parts of the compiler call each other through this object. */
export type Compiler = {
	readonly runtime: Runtime;
	/** Returns values in the representation of the expression's static type. */
	readonly value: (expression: Bound) => Evaluator;
	/** Returns values in the representation of type `any`. */
	readonly any: (expression: Bound) => Evaluator;
	/** Only for static types int and real. Integers beyond 2^53 are rounded. */
	readonly number: (expression: Bound) => NumberEvaluator;
	readonly isTrue: (expression: Bound) => Test;
	readonly isFalse: (expression: Bound) => Test;
	readonly query: (plan: QueryPlan) => CompiledQuery;
};

export type Runtime = {
	readonly database: DatabaseSnapshot;
	readonly parameters: ReadonlyMap<string, Value>;
	readonly guard: Guard;
	readonly functions: FunctionContext;
	readonly cursors: Map<Source, Cursor>;
	/** Tables whose rows are elsewhere, with the rows that were read for them. */
	readonly fetched?: ReadonlyMap<Source, TableSnapshot>;
	/** Read the aggregates and window functions of a SELECT, by its `owner`. */
	readonly slots: Map<object, { readonly aggregates: Evaluator[]; readonly windows: Evaluator[] }>;
	/** Disables the shortcuts for batches and bytes. Tests compare both ways. */
	readonly plain: boolean;
	/** The rows that the next step of a recursive table reads, by its identity. */
	readonly recursions: Map<object, Rows>;
};

/** The cursor of a source, created when it is first used. */
export function cursorOf(source: Source, runtime: Runtime): Cursor {
	let cursor = runtime.cursors.get(source);
	if (cursor === undefined) {
		const { origin } = source;
		const table =
			origin.kind === 'table' ? (runtime.fetched?.get(source) ?? tableOf(origin.table, runtime.database)) : undefined;
		cursor = new Cursor(table);
		runtime.cursors.set(source, cursor);
	}
	return cursor;
}

function tableOf(name: string, database: DatabaseSnapshot): TableSnapshot {
	const table = database.tables.get(name);
	if (table === undefined) throw new Error(`the snapshot has no table ${name}`);
	return table;
}

// Parts of a statement that a source computes itself, such as a whole query or the groups of a GROUP BY.
import type { RowBatch, WantedRows } from '../../store/row-source.ts';
import type { Column } from '../../store/table.ts';
import type { QueryPlan, SelectPlan } from '../bind/bound.ts';
import type { Compiler } from '../evaluate/runtime.ts';

export type ComputedPart = {
	/** What the source is asked, for EXPLAIN. Equal texts have equal rows. */
	readonly text: string;
	/** The columns of the rows, in the order in which they come. */
	readonly columns: readonly Column[];
	/** Which tables it reads, with conditions that hold for all rows that matter. */
	readonly reads: readonly Pick<WantedRows, 'table' | 'conditions'>[];
	readonly read: (atMost: number, signal: AbortSignal) => AsyncIterable<RowBatch>;
};

/** Why a part cannot be computed there: `round() is not the same there`. */
export type Refusal = { readonly because: string };

/** Computes plans in the same way as they would be computed here, or refuses. `c` evaluates constants. */
export type PlanComputer = {
	/** The rows of a query, in its order. Its columns are those of the plan. */
	readonly query: (plan: QueryPlan, c: Compiler) => ComputedPart | Refusal;
	/** The groups of a SELECT before HAVING: its keys, then its aggregates. */
	readonly groups: (plan: SelectPlan, c: Compiler) => ComputedPart | Refusal;
};

// Expressions and queries with their names resolved. The compiler turns them into closures; EXPLAIN prints them.
import type { ColumnType } from '../../store/table.ts';
import type { AggregateFunction, ScalarFunction, WindowFunction } from '../functions/function-table.ts';
import type { TableFunction } from '../functions/table-functions.ts';
import type { CompoundOperator, Frame, JoinKind, MatchOperator } from '../grammar/syntax.ts';
import type { ArithmeticOperator } from '../values/arithmetic.ts';
import type { Scale } from '../values/measure.ts';
import type { StaticType, Value } from '../values/value.ts';

/** SQLite's type affinity of an expression; in a comparison, the conversion of a side. */
export type Affinity = 'numeric' | 'text' | 'none';

/** Facts about the values of an expression or a column. */
export type Facts = {
	readonly type: StaticType;
	readonly affinity: Affinity;
	/** Compare with A-Z equal to a-z (COLLATE NOCASE). */
	readonly nocase: boolean;
	/** The type of a result column, for printing. It is more precise than `type`: json and datetime are text there. */
	readonly output: ColumnType | undefined;
	/** For numbers of milliseconds, which can be written as '10ms'. */
	readonly unit?: 'ms' | undefined;
};

export type SourceColumn = Facts & { readonly name: string };

/** One table of a FROM clause. */
export type Source = {
	readonly name: string;
	readonly columns: readonly SourceColumn[];
	readonly origin:
		| { readonly kind: 'table'; readonly table: string }
		| { readonly kind: 'query'; readonly plan: QueryPlan }
		| { readonly kind: 'recursion'; readonly of: object }
		/** Runs for each row of the tables before it, because its arguments may read them. */
		| { readonly kind: 'function'; readonly function: TableFunction; readonly arguments: readonly Bound[] };
	/** Whether the cursor can be at the row of NULLs: in an outer join, or in a group without rows. */
	nullable: boolean;
};

export type CompareOperator = '=' | '<>' | '<' | '<=' | '>' | '>=';

/** How two values are compared. */
export type Comparison = {
	readonly left: Bound;
	readonly right: Bound;
	/** How each side is converted before comparing. */
	readonly leftAffinity: Affinity;
	readonly rightAffinity: Affinity;
	readonly nocase: boolean;
	/** If one side is a time or an interval, both are compared on this scale. Texts that are not on it count as NULL. */
	readonly scale: Scale | undefined;
};

export type Bound = Facts & {
	/** The same for every row: contains no columns, subqueries or aggregates. */
	readonly constant: boolean;
} & (
		| { readonly kind: 'constant'; readonly value: Value }
		| {
				readonly kind: 'parameter';
				readonly name: string;
				readonly at: number;
				/** What the parameter is compared with, if that requires a number or a text; for errors. */
				readonly expects?:
					| { readonly name: string; readonly milliseconds: boolean }
					| { readonly name: string; readonly text: true };
		  }
		| { readonly kind: 'column'; readonly source: Source; readonly index: number }
		| { readonly kind: 'negate'; readonly operand: Bound }
		/** The operand, or NULL while this table's cursor is at an outer join's row of NULLs. */
		| { readonly kind: 'present'; readonly source: Source; readonly operand: Bound }
		| { readonly kind: 'complement'; readonly operand: Bound }
		| {
				readonly kind: 'arithmetic';
				readonly operator: ArithmeticOperator;
				readonly left: Bound;
				readonly right: Bound;
		  }
		| { readonly kind: 'concat'; readonly left: Bound; readonly right: Bound }
		| { readonly kind: 'compare'; readonly operator: CompareOperator; readonly comparison: Comparison }
		| { readonly kind: 'is'; readonly not: boolean; readonly comparison: Comparison }
		| { readonly kind: 'not'; readonly operand: Bound }
		| { readonly kind: 'and' | 'or'; readonly operands: readonly Bound[] }
		| { readonly kind: 'is truth'; readonly not: boolean; readonly truth: boolean; readonly operand: Bound }
		/** `membership.right` is the first item. All items are compared in the same way. */
		| {
				readonly kind: 'in list';
				readonly not: boolean;
				readonly membership: Comparison;
				readonly items: readonly Bound[];
		  }
		/** `membership.right` stands for the subquery's only column. */
		| { readonly kind: 'in query'; readonly not: boolean; readonly membership: Comparison; readonly plan: QueryPlan }
		| {
				readonly kind: 'match';
				readonly operator: MatchOperator;
				readonly not: boolean;
				readonly operand: Bound;
				readonly pattern: Bound;
				readonly escape: Bound | undefined;
		  }
		| {
				readonly kind: 'case';
				readonly branches: readonly { readonly when: Bound; readonly result: Bound }[];
				readonly otherwise: Bound;
		  }
		| { readonly kind: 'coalesce'; readonly operands: readonly Bound[] }
		| { readonly kind: 'cast'; readonly operand: Bound; readonly to: CastType }
		| { readonly kind: 'call'; readonly function: ScalarFunction; readonly arguments: readonly Bound[] }
		| { readonly kind: 'query'; readonly plan: QueryPlan }
		| { readonly kind: 'exists'; readonly plan: QueryPlan }
		/** The result of an aggregate for the current group, or of a window function for the current row. */
		| { readonly kind: 'aggregate' | 'window'; readonly owner: object; readonly slot: number }
	);

export type CastType = 'integer' | 'real' | 'text' | 'blob' | 'numeric';

export type AggregateCall = {
	readonly function: AggregateFunction;
	readonly arguments: readonly Bound[];
	readonly distinct: boolean;
	readonly filter: Bound | undefined;
	readonly order: readonly OrderTerm[];
	/** Equal for equal calls, which share a slot. */
	readonly key: string;
};

export type WindowCall = {
	readonly function: WindowFunction | AggregateFunction;
	readonly arguments: readonly Bound[];
	readonly filter: Bound | undefined;
	readonly partition: readonly Bound[];
	readonly order: readonly OrderTerm[];
	readonly frame: BoundFrame;
	readonly key: string;
};

export type BoundFrame = {
	readonly unit: Frame['unit'];
	readonly start: BoundFrameBound;
	readonly end: BoundFrameBound;
};

export type BoundFrameBound =
	| { readonly kind: 'unbounded preceding' | 'current row' | 'unbounded following' }
	| { readonly kind: 'preceding' | 'following'; readonly offset: Bound };

export type OrderTerm = {
	readonly expression: Bound;
	readonly descending: boolean;
	readonly nullsFirst: boolean;
};

export type JoinStep = {
	readonly source: Source;
	readonly kind: JoinKind;
	/** The WHERE of a simple subquery that this table has replaced. */
	readonly filter: Bound | undefined;
	/** The conditions of ON, USING and NATURAL together. */
	readonly on: Bound | undefined;
};

export type SelectPlan = {
	readonly kind: 'select';
	/** Identity shared with the `aggregate` and `window` expressions inside. */
	readonly owner: object;
	readonly steps: readonly JoinStep[];
	readonly where: Bound | undefined;
	/** Whether there is a GROUP BY or an aggregate. */
	readonly grouped: boolean;
	readonly keys: readonly Bound[];
	readonly aggregates: readonly AggregateCall[];
	readonly having: Bound | undefined;
	readonly windows: readonly WindowCall[];
	readonly outputs: readonly Bound[];
	readonly distinct: boolean;
	readonly order: readonly OrderTerm[];
	readonly limit: Bound | undefined;
	readonly offset: Bound | undefined;
};

export type ValuesPlan = { readonly kind: 'values'; readonly rows: readonly (readonly Bound[])[] };

export type CompoundPlan = {
	readonly kind: 'compound';
	readonly first: QueryPlan;
	readonly rest: readonly { readonly operator: CompoundOperator; readonly plan: QueryPlan }[];
	readonly order: readonly {
		readonly column: number;
		readonly descending: boolean;
		readonly nullsFirst: boolean;
		readonly nocase: boolean;
	}[];
	readonly limit: Bound | undefined;
	readonly offset: Bound | undefined;
};

/** A WITH RECURSIVE table: the rows of `first`, then `step` on the rows of the previous step until it returns none. */
export type RecursivePlan = {
	readonly kind: 'recursive';
	readonly first: QueryPlan;
	readonly step: QueryPlan;
	readonly all: boolean;
	/** Identity shared with the sources that read the rows of the previous step. */
	readonly identity: object;
};

/** SUMMARIZE: one row about each column of a query. */
export type SummaryPlan = { readonly kind: 'summary'; readonly of: QueryPlan };

export type QueryPlan = {
	readonly columns: readonly SourceColumn[];
	readonly body: SelectPlan | ValuesPlan | CompoundPlan | RecursivePlan | SummaryPlan;
	/** The sources of enclosing queries that it reads. If there are any, it runs again for each of their rows. */
	readonly outer: ReadonlySet<Source>;
};

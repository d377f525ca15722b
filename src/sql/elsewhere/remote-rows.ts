// Which rows and columns a statement needs from a source of rows. Each mention of a table in FROM has its own rows, because
// its conditions are its own.
import type { RowSource, WantedRows } from '../../store/row-source.ts';
import type { Bound, QueryPlan, Source } from '../bind/bound.ts';
import { type PlanVisitor, walkExpression, walkPlan } from '../bind/plan-walk.ts';
import type { Compiler } from '../evaluate/runtime.ts';
import { planJoin } from '../run/run-join.ts';
import { pushedConditions } from './pushed-conditions.ts';

/** What is read at most for one mention of a table. Beyond that, the statement is refused. */
export type RemoteLimits = { readonly rows: number; readonly bytes: number };

/** What a statement reads: its query, or the condition of a DELETE. */
export type Reader = { readonly plan: QueryPlan } | { readonly condition: Bound | undefined };

/** The rows that are needed for each mention of a table of `source`. `c` evaluates constants. */
export function wantedRows(
	reader: Reader,
	source: RowSource,
	{ rows }: RemoteLimits,
	c: Compiler,
): ReadonlyMap<Source, WantedRows> {
	const columns = new Map<Source, Set<number>>();
	const conditions = new Map<Source, readonly Bound[]>();
	const visitor: PlanVisitor = {
		source: (mention) => {
			if (mention.origin.kind === 'table' && source.tables.has(mention.origin.table)) columns.set(mention, new Set());
		},
		select: (plan) => {
			for (const { step, own } of planJoin(plan).steps) conditions.set(step.source, own);
		},
		expression: (expression) => {
			// A table is visited before the expressions that read it.
			if (expression.kind === 'column') columns.get(expression.source)?.add(expression.index);
		},
	};
	if ('plan' in reader) walkPlan(reader.plan, visitor);
	else walkExpression(reader.condition, visitor);
	return new Map(
		[...columns].map(([mention, indexes]) => [
			mention,
			{
				table: (mention.origin as { readonly table: string }).table,
				columns: [...indexes].sort((a, b) => a - b),
				conditions: pushedConditions(conditions.get(mention) ?? [], mention, c),
				atMost: rows,
			},
		]),
	);
}

/** Equal for requests of equal rows. */
export function keyOf(want: WantedRows): string {
	return JSON.stringify(want, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
}

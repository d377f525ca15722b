// A grouped SELECT whose groups have been computed elsewhere: what is left of it reads them like the rows of a table.
import type { Bound, OrderTerm, QueryPlan, SelectPlan, Source, WindowCall } from '../bind/bound.ts';
import { mapParts, subqueryOf } from '../bind/bound-walk.ts';
import { identities } from '../bind/group-all.ts';

/**
 * The rest of `plan` over `groups`, whose columns are the keys and then the aggregates. Undefined if it reads anything else
 * of the rows, such as a column that is not a key.
 */
export function groupedOver(plan: SelectPlan, groups: Source): SelectPlan | undefined {
	const identify = identities();
	const keys = new Map(plan.keys.map((key, index) => [identify(key), index]));
	const own = new Set(plan.steps.map(({ source }) => source));
	let isWhole = true;
	const column = (of: Bound, index: number): Bound => {
		const { type, affinity, nocase, output, unit } = of;
		return { kind: 'column', source: groups, index, constant: false, type, affinity, nocase, output, unit };
	};
	const over = (expression: Bound): Bound => {
		const key = keys.get(identify(expression));
		if (key !== undefined) return column(expression, key);
		if (expression.kind === 'aggregate' && expression.owner === plan.owner)
			return column(expression, plan.keys.length + expression.slot);
		const reads = (expression.kind === 'column' || expression.kind === 'present') && own.has(expression.source);
		if (reads || readsRows(subqueryOf(expression), own)) isWhole = false;
		return mapParts(expression, over);
	};
	const optional = (expression: Bound | undefined) => (expression === undefined ? undefined : over(expression));
	const ordered = (terms: readonly OrderTerm[]) =>
		terms.map((term) => ({ ...term, expression: { ...over(term.expression), nocase: term.expression.nocase } }));
	const windows = plan.windows.map(
		(call): WindowCall => ({
			...call,
			arguments: call.arguments.map(over),
			filter: optional(call.filter),
			partition: call.partition.map(over),
			order: ordered(call.order),
		}),
	);
	const rest: SelectPlan = {
		...plan,
		steps: [{ source: groups, kind: 'cross', filter: undefined, on: undefined }],
		where: optional(plan.having),
		grouped: false,
		keys: [],
		aggregates: [],
		having: undefined,
		windows,
		outputs: plan.outputs.map(over),
		order: ordered(plan.order),
	};
	return isWhole ? rest : undefined;
}

/** Whether a subquery depends on the rows that have been grouped. */
function readsRows(plan: QueryPlan | undefined, own: ReadonlySet<Source>): boolean {
	return plan !== undefined && [...plan.outer].some((source) => own.has(source));
}

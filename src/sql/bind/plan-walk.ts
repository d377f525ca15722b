// Walks over whole plans: every expression in them, and every table that they mention.
import type { Bound, JoinStep, OrderTerm, QueryPlan, SelectPlan, Source } from './bound.ts';
import { partsOf, subqueryOf } from './bound-walk.ts';

export type PlanVisitor = {
	/** Called for each expression, before its parts. */
	readonly expression?: (expression: Bound) => void;
	/** Called for each SELECT, before what is in it. */
	readonly select?: (plan: SelectPlan) => void;
	/** Called for each table of a FROM. */
	readonly source?: (source: Source) => void;
	/** False: subqueries of expressions are not entered. */
	readonly enters?: boolean;
};

/** Visits a plan with all subqueries in it. */
export function walkPlan({ body }: QueryPlan, visitor: PlanVisitor): void {
	const walk = (expression: Bound | undefined) => walkExpression(expression, visitor);
	switch (body.kind) {
		case 'select':
			walkSelect(body, visitor);
			return;
		case 'values':
			for (const row of body.rows) for (const item of row) walk(item);
			return;
		case 'compound':
			walkPlan(body.first, visitor);
			for (const { plan } of body.rest) walkPlan(plan, visitor);
			walk(body.limit);
			walk(body.offset);
			return;
		case 'recursive':
			walkPlan(body.first, visitor);
			walkPlan(body.step, visitor);
			return;
		default:
			walkPlan(body.of, visitor);
	}
}

/** Visits an expression with all subqueries in it. */
export function walkExpression(expression: Bound | undefined, visitor: PlanVisitor): void {
	if (expression === undefined) return;
	visitor.expression?.(expression);
	const plan = subqueryOf(expression);
	if (plan !== undefined && visitor.enters !== false) walkPlan(plan, visitor);
	for (const part of partsOf(expression)) walkExpression(part, visitor);
}

function walkSelect(plan: SelectPlan, visitor: PlanVisitor): void {
	visitor.select?.(plan);
	for (const step of plan.steps) walkStep(step, visitor);
	for (const expression of expressionsOf(plan)) walkExpression(expression, visitor);
}

function walkStep({ source, filter, on }: JoinStep, visitor: PlanVisitor): void {
	visitor.source?.(source);
	if (source.origin.kind === 'query') walkPlan(source.origin.plan, visitor);
	if (source.origin.kind === 'function')
		for (const argument of source.origin.arguments) walkExpression(argument, visitor);
	walkExpression(filter, visitor);
	walkExpression(on, visitor);
}

/** The expressions of a SELECT outside its FROM. */
export function expressionsOf(plan: SelectPlan): Bound[] {
	const ordered = (terms: readonly OrderTerm[]) => terms.map(({ expression }) => expression);
	const optional = (expression: Bound | undefined) => (expression === undefined ? [] : [expression]);
	return [
		...optional(plan.where),
		...plan.keys,
		...plan.aggregates.flatMap((call) => [...call.arguments, ...optional(call.filter), ...ordered(call.order)]),
		...optional(plan.having),
		...plan.windows.flatMap(({ arguments: list, filter, partition, order, frame }) => [
			...list,
			...optional(filter),
			...partition,
			...ordered(order),
			...('offset' in frame.start ? [frame.start.offset] : []),
			...('offset' in frame.end ? [frame.end.offset] : []),
		]),
		...plan.outputs,
		...ordered(plan.order),
		...optional(plan.limit),
		...optional(plan.offset),
	];
}

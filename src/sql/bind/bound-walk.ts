// Walks over bound expressions: their parts, and the tables they read.
import type { Bound, QueryPlan, Source } from './bound.ts';

/** The direct parts of an expression, without those in a subquery. */
export function partsOf(expression: Bound): readonly Bound[] {
	switch (expression.kind) {
		case 'negate':
		case 'present':
		case 'complement':
		case 'not':
		case 'is truth':
		case 'cast':
			return [expression.operand];
		case 'arithmetic':
		case 'concat':
			return [expression.left, expression.right];
		case 'compare':
		case 'is':
			return [expression.comparison.left, expression.comparison.right];
		case 'and':
		case 'or':
		case 'coalesce':
			return expression.operands;
		case 'in list':
			return [expression.membership.left, ...expression.items];
		case 'in query':
			return [expression.membership.left];
		case 'match':
			return [expression.operand, expression.pattern, ...(expression.escape === undefined ? [] : [expression.escape])];
		case 'case':
			return [...expression.branches.flatMap(({ when, result }) => [when, result]), expression.otherwise];
		case 'call':
			return expression.arguments;
		default:
			return [];
	}
}

/** The same expression with other parts. Subqueries stay as they are. */
export function mapParts(expression: Bound, map: (part: Bound) => Bound): Bound {
	switch (expression.kind) {
		case 'negate':
		case 'present':
		case 'complement':
		case 'not':
		case 'is truth':
		case 'cast':
			return { ...expression, operand: map(expression.operand) };
		case 'arithmetic':
		case 'concat':
			return { ...expression, left: map(expression.left), right: map(expression.right) };
		case 'compare':
		case 'is': {
			const { comparison } = expression;
			return {
				...expression,
				comparison: { ...comparison, left: map(comparison.left), right: map(comparison.right) },
			};
		}
		case 'and':
		case 'or':
		case 'coalesce':
			return { ...expression, operands: expression.operands.map(map) };
		case 'in list': {
			const { membership, items } = expression;
			const mapped = items.map(map);
			return {
				...expression,
				membership: { ...membership, left: map(membership.left), right: mapped[0] ?? membership.right },
				items: mapped,
			};
		}
		case 'in query': {
			const { membership } = expression;
			return { ...expression, membership: { ...membership, left: map(membership.left) } };
		}
		case 'match':
			return {
				...expression,
				operand: map(expression.operand),
				pattern: map(expression.pattern),
				escape: expression.escape === undefined ? undefined : map(expression.escape),
			};
		case 'case':
			return {
				...expression,
				branches: expression.branches.map(({ when, result }) => ({ when: map(when), result: map(result) })),
				otherwise: map(expression.otherwise),
			};
		case 'call':
			return { ...expression, arguments: expression.arguments.map(map) };
		default:
			return expression;
	}
}

/** The subquery of an expression that has one. */
export function subqueryOf(expression: Bound): QueryPlan | undefined {
	return expression.kind === 'query' || expression.kind === 'exists' || expression.kind === 'in query'
		? expression.plan
		: undefined;
}

/** All tables that the expression reads, including those that its subqueries read from enclosing queries. */
export function sourcesOf(expression: Bound, into = new Set<Source>()): Set<Source> {
	if (expression.kind === 'column' || expression.kind === 'present') into.add(expression.source);
	for (const source of subqueryOf(expression)?.outer ?? []) into.add(source);
	for (const part of partsOf(expression)) sourcesOf(part, into);
	return into;
}

/** Whether it calls a function that gives another value each time: random(). A subquery's value is computed once. */
export function varies(expression: Bound): boolean {
	return (expression.kind === 'call' && expression.function.varies === true) || partsOf(expression).some(varies);
}

/** The terms of a condition that are joined by AND. */
export function conjunctsOf(condition: Bound | undefined): Bound[] {
	if (condition === undefined) return [];
	return condition.kind === 'and' ? condition.operands.flatMap(conjunctsOf) : [condition];
}

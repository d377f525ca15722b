// EXPLAIN: a plan as lines of text, indented by nesting.
import type { AggregateCall, Bound, OrderTerm, QueryPlan, SelectPlan, Source } from '../bind/bound.ts';
import { partsOf, subqueryOf } from '../bind/bound-walk.ts';
import { quote } from '../functions/text.ts';
import { planJoin, type StepPlan } from './run-join.ts';

export function explain(plan: QueryPlan): string[] {
	const lines: string[] = [];
	explainQuery(plan, 0, lines);
	return lines;
}

function explainQuery(plan: QueryPlan, depth: number, lines: string[]): void {
	const { body } = plan;
	const add = (text: string) => lines.push('  '.repeat(depth) + text);
	switch (body.kind) {
		case 'select':
			explainSelect(body, depth, lines);
			return;
		case 'values':
			add(`${body.rows.length} rows of VALUES`);
			return;
		case 'summary':
			add('summarize each column of');
			explainQuery(body.of, depth + 1, lines);
			return;
		case 'recursive':
			add('repeat until there are no new rows');
			explainQuery(body.first, depth + 1, lines);
			explainQuery(body.step, depth + 1, lines);
			return;
		default:
			add('rows of');
			explainQuery(body.first, depth + 1, lines);
			for (const { operator, plan: part } of body.rest) {
				add(operator.toLowerCase());
				explainQuery(part, depth + 1, lines);
			}
			if (body.order.length > 0) add('sort');
			if (body.limit !== undefined || body.offset !== undefined) add(limitText(body.limit, body.offset));
	}
}

function explainSelect(plan: SelectPlan, depth: number, lines: string[]): void {
	const add = (text: string, deeper = 0) => lines.push('  '.repeat(depth + deeper) + text);
	const { before, steps } = planJoin(plan);
	if (before.length > 0) add(`only if ${before.map(textOf).join(' AND ')}`);
	if (steps.length === 0) add('one row');
	for (const [index, step] of steps.entries()) explainStep(step, index, depth, lines);
	if (plan.grouped) {
		const aggregates = plan.aggregates.map((call) => aggregateText(call));
		const what = aggregates.length > 0 ? `: ${aggregates.join(', ')}` : '';
		add(plan.keys.length > 0 ? `group by ${plan.keys.map(textOf).join(', ')}${what}` : `one group${what}`);
	}
	if (plan.having !== undefined) add(`keep groups where ${textOf(plan.having)}`);
	for (const call of plan.windows)
		add(
			`window function ${call.function.name}: partition by ${call.partition.map(textOf).join(', ') || 'nothing'}, order by ${orderText(call.order) || 'nothing'}`,
		);
	if (plan.distinct) add('keep each row once');
	if (plan.order.length > 0)
		add(`${plan.limit === undefined ? 'sort' : 'keep the first rows'} by ${orderText(plan.order)}`);
	if (plan.limit !== undefined || plan.offset !== undefined) add(limitText(plan.limit, plan.offset));
	for (const expression of [
		...plan.outputs,
		...(plan.where === undefined ? [] : [plan.where]),
		...(plan.having === undefined ? [] : [plan.having]),
	]) {
		explainSubqueries(expression, depth, lines);
	}
}

function aggregateText({ function: entry, arguments: list, distinct }: AggregateCall): string {
	const [first, second, third] = list.map(textOf);
	if (entry.ordered === true) {
		const direction = third === '1' ? ' DESC' : '';
		return `${entry.name}(${second}) WITHIN GROUP (ORDER BY ${first}${direction})`;
	}
	return `${entry.name}(${distinct ? 'DISTINCT ' : ''}${list.map(textOf).join(', ') || '*'})`;
}

function explainStep(
	{ step, equality, own, pair, after }: StepPlan,
	index: number,
	depth: number,
	lines: string[],
): void {
	const { source, kind } = step;
	const add = (text: string, deeper = 0) => lines.push('  '.repeat(depth + deeper) + text);
	const verb = index === 0 ? 'read' : `${kind === 'cross' ? 'combine with' : `${kind} join`}`;
	add(
		`${verb} ${sourceText(source)}${equality === undefined ? '' : ` by ${textOf(equality.own)} = ${textOf(equality.other)}`}`,
	);
	if (source.origin.kind === 'query') explainQuery(source.origin.plan, depth + 1, lines);
	const conditions = [...own, ...pair];
	if (conditions.length > 0) add(`where ${conditions.map(textOf).join(' AND ')}`, 1);
	if (after.length > 0) add(`then where ${after.map(textOf).join(' AND ')}`, 1);
}

function sourceText({ origin, name }: Source): string {
	if (origin.kind === 'table')
		return `.${origin.table}`.toLowerCase().endsWith(`.${name.toLowerCase()}`)
			? origin.table
			: `${origin.table} as ${name}`;
	if (origin.kind === 'function') {
		const call = callText(origin.function.name, origin.arguments.map(textOf));
		return origin.function.name === name.toLowerCase() ? call : `${call} as ${name}`;
	}
	return origin.kind === 'query' ? `subquery ${name}` : `${name} from the previous step`;
}

function explainSubqueries(expression: Bound, depth: number, lines: string[]): void {
	const plan = subqueryOf(expression);
	if (plan !== undefined) {
		lines.push(`${'  '.repeat(depth)}subquery, run ${plan.outer.size === 0 ? 'once' : 'for each row'}`);
		explainQuery(plan, depth + 1, lines);
	}
	for (const part of partsOf(expression)) explainSubqueries(part, depth, lines);
}

function limitText(limit: Bound | undefined, offset: Bound | undefined): string {
	const parts = [
		limit === undefined ? '' : `at most ${textOf(limit)} rows`,
		offset === undefined ? '' : `skip the first ${textOf(offset)}`,
	];
	return parts.filter((part) => part !== '').join(', ');
}

function orderText(order: readonly OrderTerm[]): string {
	return order.map((term) => `${textOf(term.expression)}${term.descending ? ' DESC' : ''}`).join(', ');
}

function callText(name: string, [first, ...others]: readonly string[]): string {
	if (name === '[]') return `${first}${others.map((key) => `[${key}]`).join('')}`;
	if (name === '->' || name === '->>') return `${first} ${name} ${others[0]}`;
	if (name.startsWith('::')) return `${first}${name}`;
	// The call is an operator on times.
	if (others.length === 1 && /^(\W|AT TIME ZONE)$/.test(name)) return `(${first} ${name} ${others[0]})`;
	return `${name}(${[...(first === undefined ? [] : [first]), ...others].join(', ')})`;
}

const OPERATOR_WORDS = { is: ['IS', 'IS NOT'], 'in list': ['IN', 'NOT IN'], 'in query': ['IN', 'NOT IN'] } as const;

/** An expression as SQL text, roughly as a user would write it. */
function textOf(expression: Bound): string {
	switch (expression.kind) {
		case 'constant':
			return quote(expression.value);
		case 'parameter':
			return `:${expression.name}`;
		case 'column':
			return expression.source.columns[expression.index]!.name;
		case 'negate':
			return `-${textOf(expression.operand)}`;
		case 'present':
			return textOf(expression.operand);
		case 'complement':
			return `~${textOf(expression.operand)}`;
		case 'not':
			return `NOT (${textOf(expression.operand)})`;
		case 'arithmetic':
			return `(${textOf(expression.left)} ${expression.operator} ${textOf(expression.right)})`;
		case 'concat':
			return `(${textOf(expression.left)} || ${textOf(expression.right)})`;
		case 'compare':
			return `${textOf(expression.comparison.left)} ${expression.operator} ${textOf(expression.comparison.right)}`;
		case 'is':
			return `${textOf(expression.comparison.left)} ${OPERATOR_WORDS.is[expression.not ? 1 : 0]} ${textOf(expression.comparison.right)}`;
		case 'and':
		case 'or':
			return `(${expression.operands.map(textOf).join(expression.kind === 'and' ? ' AND ' : ' OR ')})`;
		case 'is truth':
			return `${textOf(expression.operand)} IS ${expression.not ? 'NOT ' : ''}${expression.truth ? 'TRUE' : 'FALSE'}`;
		case 'in list':
			return `${textOf(expression.membership.left)} ${OPERATOR_WORDS['in list'][expression.not ? 1 : 0]} (${expression.items.map(textOf).join(', ')})`;
		case 'in query':
			return `${textOf(expression.membership.left)} ${OPERATOR_WORDS['in query'][expression.not ? 1 : 0]} (subquery)`;
		case 'match':
			return `${textOf(expression.operand)} ${expression.not ? 'NOT ' : ''}${expression.operator} ${textOf(expression.pattern)}`;
		case 'case':
			return `CASE ${expression.branches.map(({ when, result }) => `WHEN ${textOf(when)} THEN ${textOf(result)}`).join(' ')} ELSE ${textOf(expression.otherwise)} END`;
		case 'coalesce':
			return `coalesce(${expression.operands.map(textOf).join(', ')})`;
		case 'cast':
			return `CAST(${textOf(expression.operand)} AS ${expression.to.toUpperCase()})`;
		case 'call':
			return callText(expression.function.name, expression.arguments.map(textOf));
		case 'query':
			return '(subquery)';
		case 'exists':
			return 'EXISTS (subquery)';
		case 'aggregate':
			return `aggregate ${expression.slot + 1}`;
		default:
			return `window ${expression.slot + 1}`;
	}
}

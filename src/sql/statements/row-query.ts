// Queries whose rows depend on one row of a table each, such as SELECT path FROM exchanges WHERE status >= 500: a tail
// applies them to rows as they arrive.
import type { ParameterValue, SqlValue } from '../../store/table.ts';
import type { Bound, SelectPlan, Source } from '../bind/bound.ts';
import { partsOf, subqueryOf } from '../bind/bound-walk.ts';
import type { Test } from '../evaluate/runtime.ts';
import { toSqlValue } from '../values/value.ts';
import { perTable, type RowFunction } from './condition.ts';
import type { ResultColumn } from './result.ts';
import type { Statement } from './statement.ts';

export type RowQuery = {
	readonly columns: readonly ResultColumn[];
	/** Whether a row of the table is in the result. */
	readonly condition: RowFunction<boolean>;
	/** The row of the result. */
	readonly values: RowFunction<SqlValue[]>;
};

/** Whether each row of the result depends on one row of `table`, and on nothing else. */
export function isRowQuery(statement: Statement, table: string): boolean {
	return rowPlan(statement, table) !== undefined;
}

/**
 * Compiles a statement for which isRowQuery() is true; undefined for any other. The functions throw a SqlError if a
 * parameter has no value, or if a row has a value that they cannot use.
 */
export function compileRowQuery(
	statement: Statement,
	table: string,
	parameters: ReadonlyMap<string, ParameterValue>,
): RowQuery | undefined {
	const found = rowPlan(statement, table);
	if (found === undefined) return undefined;
	const { source, conditions, outputs } = found;
	return {
		columns: statement.columns,
		condition: perTable(source, { parameters }, (compiler): Test => {
			const tests = conditions.map((condition) => compiler.isTrue(condition));
			return () => tests.every((test) => test());
		}),
		values: perTable(source, { parameters }, (compiler) => {
			const evaluators = outputs.map((output) => compiler.value(output));
			return () => evaluators.map((evaluate) => toSqlValue(evaluate()));
		}),
	};
}

type RowPlan = {
	readonly source: Source;
	/** All of them must be true. */
	readonly conditions: readonly Bound[];
	readonly outputs: readonly Bound[];
};

function rowPlan({ action }: Statement, table: string): RowPlan | undefined {
	if (action.kind !== 'query' || action.plan.body.kind !== 'select') return undefined;
	const plan = action.plan.body;
	const [step, ...others] = plan.steps;
	if (step === undefined || others.length > 0 || needsAllRows(plan)) return undefined;
	const { source } = step;
	if (source.origin.kind !== 'table' || source.origin.table !== table) return undefined;
	const conditions = [step.filter, step.on, plan.where].filter((condition) => condition !== undefined);
	return [...conditions, ...plan.outputs].some(hasSubquery) ? undefined : { source, conditions, outputs: plan.outputs };
}

function needsAllRows(plan: SelectPlan): boolean {
	return (
		plan.grouped ||
		plan.having !== undefined ||
		plan.windows.length > 0 ||
		plan.distinct ||
		plan.order.length > 0 ||
		plan.limit !== undefined ||
		plan.offset !== undefined
	);
}

function hasSubquery(expression: Bound): boolean {
	return subqueryOf(expression) !== undefined || partsOf(expression).some(hasSubquery);
}

// GROUP BY ALL: which columns of the result are the keys, and whether all others are aggregates of the groups.
import { SqlError } from '../limits/sql-error.ts';
import type { Bound, OrderTerm } from './bound.ts';
import { partsOf } from './bound-walk.ts';
import type { Scope } from './scope.ts';

/** The columns of the result without aggregates and window functions. */
export function keysOfAll(outputs: readonly Bound[]): Bound[] {
	return outputs.filter((output) => !output.constant && !hasSlot(output));
}

function hasSlot(expression: Bound): boolean {
	return expression.kind === 'aggregate' || expression.kind === 'window' || partsOf(expression).some(hasSlot);
}

/**
 * Throws if an expression reads a column that has several values in a group. With GROUP BY and a list, SQLite's rule
 * applies: the column comes from one of the rows. But nobody who writes ALL expects that.
 */
export function checkGrouped(
	keys: readonly Bound[],
	clauses: { outputs: readonly Bound[]; having: Bound | undefined; order: readonly OrderTerm[] },
	scope: Scope,
	at: number,
): void {
	const identify = identities();
	const known = new Set(keys.map(identify));
	const check = (expression: Bound): void => {
		if (known.has(identify(expression))) return;
		if (expression.kind === 'column' && scope.has(expression.source)) {
			const { name } = expression.source.columns[expression.index]!;
			throw new SqlError(
				`the column ${name} is neither in an aggregate nor alone in the list that GROUP BY ALL groups by`,
				'ERR_SQL_NAME',
				at,
				`select ${name} as a column of its own, or write what to group by instead of ALL`,
			);
		}
		for (const part of partsOf(expression)) check(part);
	};
	for (const output of clauses.outputs) check(output);
	if (clauses.having !== undefined) check(clauses.having);
	for (const { expression } of clauses.order) check(expression);
	for (const { arguments: list, filter, partition, order } of scope.windows) {
		for (const part of [...list, ...(filter === undefined ? [] : [filter]), ...partition]) check(part);
		for (const { expression } of order) check(expression);
	}
}

/** Returns a text for an expression that is the same for equal ones. */
function identities(): (expression: Bound) => string {
	const numbers = new Map<object, number>();
	const numberOf = (object: object) => {
		const number = numbers.get(object) ?? numbers.size;
		numbers.set(object, number);
		return number;
	};
	return (expression) =>
		JSON.stringify(expression, (key, value: unknown) => {
			if (key === 'source' || key === 'owner' || key === 'plan' || key === 'function') return numberOf(value as object);
			if (key === 'at') return undefined;
			return typeof value === 'bigint' ? `${value}n` : value;
		});
}

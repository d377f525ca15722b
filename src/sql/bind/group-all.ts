// GROUP BY ALL: which columns of the result are the keys, and whether all others are aggregates of the groups.
import { SqlError } from '../limits/sql-error.ts';
import type { Bound } from './bound.ts';
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
 * applies: the column comes from one of the rows. But users who write ALL do not expect that.
 */
export function checkGrouped(
	keys: readonly Bound[],
	clauses: readonly { readonly expressions: readonly Bound[]; readonly at: number }[],
	scope: Scope,
): void {
	const identify = identities();
	const known = new Set(keys.map(identify));
	const check = (expression: Bound, at: number): void => {
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
		for (const part of partsOf(expression)) check(part, at);
	};
	for (const { expressions, at } of clauses) {
		for (const expression of expressions) {
			check(expression, at);
			for (const part of windowParts(expression, scope)) check(part, at);
		}
	}
}

/** The expressions that the window functions of an expression read. */
function windowParts(expression: Bound, scope: Scope): Bound[] {
	const inner = partsOf(expression).flatMap((part) => windowParts(part, scope));
	if (expression.kind !== 'window' || expression.owner !== scope.owner) return inner;
	const { arguments: list, filter, partition, order } = scope.windows[expression.slot]!;
	return [...list, ...(filter === undefined ? [] : [filter]), ...partition, ...order.map((term) => term.expression)];
}

/** Returns a function that gives equal expressions the same text. */
export function identities(): (expression: Bound) => string {
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

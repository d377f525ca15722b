// `x IN (…)`: true, false, or undefined for NULL.
import type { Bound } from './bound.ts';
import { compileComparison, converted } from './compile-comparison.ts';
import { drain } from './guard.ts';
import type { Compiler, Evaluator } from './runtime.ts';
import { keyOf, type Value } from './value.ts';

type Membership = () => boolean | undefined;

export function compileMembership(
	expression: Extract<Bound, { kind: 'in list' | 'in query' }>,
	c: Compiler,
): Membership {
	if (expression.kind === 'in query') return inQuery(expression, c);
	if (expression.items.length === 0) return () => false;
	if (expression.membership.time || expression.items.some((item) => !item.constant))
		return inComparisons(expression, c);
	return inConstants(expression, c);
}

/** Constants are looked up in a set. */
function inConstants({ membership, items }: Extract<Bound, { kind: 'in list' }>, c: Compiler): Membership {
	const keys = new Set<unknown>();
	let hasNull = false;
	for (const item of items) {
		const value = converted(c.any(item), membership.rightAffinity, membership.nocase)();
		if (value === null) hasNull = true;
		else keys.add(keyOf(value));
	}
	const missing = hasNull ? undefined : false;
	const { left } = membership;
	if (left.type === 'real' || (left.type === 'int' && [...keys].every((key) => typeof key !== 'bigint'))) {
		// A double stands for itself; an integer beyond 2^53 could be taken for another one, but none is in the list.
		const number = c.number(left);
		const isSmall = [...keys].every((key) => typeof key !== 'number' || Math.abs(key) <= Number.MAX_SAFE_INTEGER);
		if (isSmall) {
			return () => {
				const value = number();
				return Number.isNaN(value) ? undefined : keys.has(value) ? true : missing;
			};
		}
	}
	const value = converted(c.any(left), membership.leftAffinity, membership.nocase);
	return () => {
		const candidate = value();
		if (candidate === null) return undefined;
		return keys.has(keyOf(candidate)) ? true : missing;
	};
}

/** Items that differ from row to row, or instants: one comparison after the other. */
function inComparisons({ membership, items }: Extract<Bound, { kind: 'in list' }>, c: Compiler): Membership {
	const comparisons = items.map((right) => compileComparison({ ...membership, right }, c));
	return () => {
		let unknown = false;
		for (const comparison of comparisons) {
			if (comparison.kind === 'numbers') {
				const a = comparison.left();
				const b = comparison.right();
				if (a === b) return true;
				if (Number.isNaN(a) || Number.isNaN(b)) unknown = true;
			} else {
				const a = comparison.left();
				const b = comparison.right();
				if (a === null || b === null) unknown = true;
				else if (comparison.compare(a, b) === 0) return true;
			}
		}
		return unknown ? undefined : false;
	};
}

function inQuery({ membership, plan }: Extract<Bound, { kind: 'in query' }>, c: Compiler): Membership {
	const { run } = c.query(plan);
	let candidate: Value = null;
	const right = converted(() => candidate, membership.rightAffinity, membership.nocase);
	const left: Evaluator = converted(c.any(membership.left), membership.leftAffinity, membership.nocase);
	const isFixed = plan.outer.size === 0;
	let keys: Set<unknown> | undefined;
	let hasNull = false;
	const { guard } = c.runtime;
	const fill = () => {
		const found = new Set<unknown>();
		hasNull = false;
		drain(
			run((row) => {
				candidate = row[0]!;
				const value = right();
				if (value === null) {
					hasNull = true;
				} else {
					const key = keyOf(value);
					if (isFixed && !found.has(key)) guard.grow(typeof key === 'string' ? 64 + key.length * 2 : 48);
					found.add(key);
				}
				return true;
			}),
			guard,
		);
		return found;
	};
	return () => {
		if (keys === undefined || !isFixed) keys = fill();
		if (keys.size === 0 && !hasNull) return false;
		const value = left();
		if (value === null) return undefined;
		return keys.has(keyOf(value)) ? true : hasNull ? undefined : false;
	};
}

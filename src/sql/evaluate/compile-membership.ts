// `x IN (…)`: true, false, or undefined for NULL.
import type { Bound } from '../bind/bound.ts';
import { drain } from '../limits/guard.ts';
import { measure, type Scale } from '../values/measure.ts';
import { keyOf, type Value } from '../values/value.ts';
import { compileComparison, converted } from './compile-comparison.ts';
import type { Compiler, Evaluator } from './runtime.ts';

type Membership = () => boolean | undefined;

export function compileMembership(
	expression: Extract<Bound, { kind: 'in list' | 'in query' }>,
	c: Compiler,
): Membership {
	if (expression.kind === 'in query') return inQuery(expression, c);
	if (expression.items.length === 0) return () => false;
	if (expression.membership.scale !== undefined || expression.items.some((item) => !item.constant))
		return inComparisons(expression, c);
	return inConstants(expression, c);
}

type InList = Extract<Bound, { kind: 'in list' }>;

/** The keys of a list of constants, for lookups in a set. */
export function constantKeys({ membership, items }: InList, c: Compiler): { keys: Set<unknown>; hasNull: boolean } {
	const keys = new Set<unknown>();
	let hasNull = false;
	for (const item of items) {
		const value = converted(c.any(item), membership.rightAffinity, membership.nocase)();
		if (value === null) hasNull = true;
		else keys.add(keyOf(value));
	}
	return { keys, hasNull };
}

/**
 * Whether the left side can be looked up as a double. Integers beyond 2^53 are rounded, which does not matter if the
 * list contains no number that large.
 */
export function areNumberKeys(left: Bound, keys: ReadonlySet<unknown>): boolean {
	const list = [...keys];
	if (left.type !== 'real' && (left.type !== 'int' || list.some((key) => typeof key === 'bigint'))) return false;
	return list.every((key) => typeof key !== 'number' || Math.abs(key) <= Number.MAX_SAFE_INTEGER);
}

/** For constants: looks the left side up in a set. */
function inConstants(expression: InList, c: Compiler): Membership {
	const { keys, hasNull } = constantKeys(expression, c);
	const missing = hasNull ? undefined : false;
	const { membership } = expression;
	const { left } = membership;
	if (areNumberKeys(left, keys)) {
		const number = c.number(left);
		return () => {
			const value = number();
			return Number.isNaN(value) ? undefined : keys.has(value) ? true : missing;
		};
	}
	const value = converted(c.any(left), membership.leftAffinity, membership.nocase);
	return () => {
		const candidate = value();
		if (candidate === null) return undefined;
		return keys.has(keyOf(candidate)) ? true : missing;
	};
}

/** For items that vary from row to row, and for times: compares the items one by one. */
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

/** The value, or its number on the scale. */
function keyed(value: Evaluator, scale: Scale | undefined): Evaluator {
	if (scale === undefined) return value;
	return () => {
		const number = measure(value(), scale);
		return Number.isNaN(number) ? null : number;
	};
}

function inQuery({ membership, plan }: Extract<Bound, { kind: 'in query' }>, c: Compiler): Membership {
	const { run } = c.query(plan);
	let candidate: Value = null;
	const { scale } = membership;
	const right = keyed(
		converted(() => candidate, membership.rightAffinity, membership.nocase),
		scale,
	);
	const left = keyed(converted(c.any(membership.left), membership.leftAffinity, membership.nocase), scale);
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

// LIKE, GLOB and REGEXP.
import type { Bound } from '../bind/bound.ts';
import { SqlError } from '../limits/sql-error.ts';
import { compileGlob, compileLike } from '../patterns/like.ts';
import { compileRegexp } from '../patterns/regexp.ts';
import { toText, type Value } from '../values/value.ts';
import type { Compiler, Test } from './runtime.ts';

type Matcher = (text: string) => boolean;

/** Whether the condition is true or, if `wanted` is false, whether it is false. False if an operand is NULL. */
export function compileMatch(expression: Extract<Bound, { kind: 'match' }>, wanted: boolean, c: Compiler): Test {
	const operand = c.any(expression.operand);
	const pattern = c.any(expression.pattern);
	const escaping = expression.escape === undefined ? undefined : c.any(expression.escape);
	const { poll } = c.runtime.functions;
	const matcherOf = (patternText: string, escapeText: string | undefined): Matcher => {
		if (expression.operator === 'LIKE') return compileLike(patternText, escapeText, poll);
		if (expression.operator === 'GLOB') return compileGlob(patternText, poll);
		return compileRegexp(patternText, poll);
	};
	if (expression.pattern.constant && (expression.escape?.constant ?? true)) {
		return fixedPattern(operand, pattern(), escaping?.(), matcherOf, wanted);
	}
	let lastPattern: Value = null;
	let lastEscape: Value = null;
	let matcher: Matcher | undefined;
	return () => {
		const text = operand();
		if (text === null) return false;
		const patternValue = pattern();
		if (patternValue === null) return false;
		const escapeValue = escaping === undefined ? undefined : escaping();
		if (escapeValue === null) return false;
		if (matcher === undefined || patternValue !== lastPattern || (escapeValue ?? null) !== lastEscape) {
			matcher = matcherOf(toText(patternValue), escapeOf(escapeValue));
			lastPattern = patternValue;
			lastEscape = escapeValue ?? null;
		}
		return matcher(toText(text)) === wanted;
	};
}

/** The usual case: one pattern for all rows. It is compiled at the first row: without rows, a bad pattern is no error. */
function fixedPattern(
	operand: () => Value,
	pattern: Value,
	escaping: Value | undefined,
	matcherOf: (pattern: string, escaping: string | undefined) => Matcher,
	wanted: boolean,
): Test {
	if (pattern === null || escaping === null) return () => false;
	let matcher: Matcher | undefined;
	return () => {
		const value = operand();
		if (value === null) return false;
		matcher ??= matcherOf(toText(pattern), escapeOf(escaping));
		return matcher(typeof value === 'string' ? value : toText(value)) === wanted;
	};
}

function escapeOf(value: Exclude<Value, null> | undefined): string | undefined {
	if (value === undefined) return undefined;
	const text = toText(value);
	if ([...text].length !== 1) throw new SqlError('expected one character after ESCAPE', 'ERR_SQL_VALUE');
	return text;
}

// Comparisons of numbers with texts that nothing converts. Every number is smaller than every text, so the result would
// be the same whatever the values are.
import type { SqlError } from '../limits/sql-error.ts';
import { applyNumeric, type Value } from '../values/value.ts';
import type { Bound, CompareOperator } from './bound.ts';
import { isNumber, literalText, type Places, timeType, typeError } from './times.ts';

/** Throws if a number and a text are compared as values of different kinds. `operator`: undefined for IS and IN. */
export function checkKinds(
	operator: CompareOperator | undefined,
	left: Bound,
	right: Bound,
	[, rightAt]: Places,
): void {
	if (left.constant && right.constant) return;
	if (isNumeric(left) && isText(right)) checkPair(operator, left, right, rightAt);
	else if (isText(left) && isNumeric(right)) checkPair(operator, right, left, rightAt);
}

function checkPair(operator: CompareOperator | undefined, number: Bound, text: Bound, at: number): void {
	// A numeric column converts the text.
	if (number.affinity === 'numeric') return;
	const name = nameOf(text);
	if (text.affinity === 'text') {
		// A column of texts converts the number, which is right for equality.
		if (operator === undefined || operator === '=' || operator === '<>') return;
		const hint = `${name}::real compares numbers; a number in quotes compares texts`;
		throw typeError(`${name} is a text, in whose order '9' comes after '10'`, at, hint);
	}
	const literal = literalText(text);
	if (literal === undefined) throw notText(name, number, at);
	const isNumeric = typeof applyNumeric(literal) !== 'string';
	throw typeError(
		`${number.kind === 'call' ? nameOf(number) : 'the other side'} is a number, and '${literal.slice(0, 40)}' is a text`,
		at,
		isNumeric ? `write ${literal.trim()} without quotes` : 'write a number, or compare as text: CAST(… AS TEXT)',
	);
}

function notText(name: string, number: Bound, at: number): SqlError {
	const asText = number.kind === 'constant' ? `'${String(number.value)}'` : 'CAST(… AS TEXT)';
	return typeError(
		`${name} is a text, which no number equals`,
		at,
		`${name}::int and ${name}::real compare numbers, ${asText} compares texts`,
	);
}

/** A parameter that is compared with a text that is not a column: its value must be a text, too. */
export function besidesText(bound: Bound, other: Bound): Bound {
	if (bound.kind !== 'parameter' || other.constant || other.affinity === 'text' || !isText(other)) return bound;
	return { ...bound, expects: { name: nameOf(other), text: true } };
}

/** The value of such a parameter. */
export function textOf(value: Value, parameter: string, name: string, at: number): Value {
	if (value === null || typeof value === 'string' || value instanceof Uint8Array) return value;
	throw typeError(
		`${name} is a text, which no number equals, and :${parameter} is a number`,
		at,
		`--set ${parameter}="'${String(value)}'" makes it a text; ${name}::int and ${name}::real compare numbers`,
	);
}

function isNumeric(bound: Bound): boolean {
	if (isNumber(bound)) return true;
	const { kind } = bound;
	if (kind === 'call') return bound.function.group === 'number' || bound.function.name === 'extract';
	return (kind === 'arithmetic' || kind === 'negate') && bound.type === 'any' && timeType(bound) === undefined;
}

function isText(bound: Bound): boolean {
	if (isHeaderField(bound)) return true;
	return bound.type === 'text' && timeType(bound) === undefined;
}

/** Operators for parts of JSON. */
const PARTS: ReadonlySet<string> = new Set(['->>', '[]']);

/** Whether it is a part of req_headers or res_headers: these are texts. */
function isHeaderField(bound: Bound): boolean {
	return bound.kind === 'call' && PARTS.has(bound.function.name) && isHeaders(bound.arguments[0]!);
}

/** Whether it is an object of header fields: its names are in lower case. */
export function isHeaders(operand: Bound): boolean {
	if (operand.kind === 'present') return isHeaders(operand.operand);
	return operand.kind === 'column' && /^re[qs]_headers$/i.test(operand.source.columns[operand.index]!.name);
}

function nameOf(bound: Bound): string {
	if (bound.kind === 'present') return nameOf(bound.operand);
	if (bound.kind === 'column') return bound.source.columns[bound.index]!.name;
	if (bound.kind !== 'call') return '(…)';
	if (bound.function.name === '[]') return `${nameOf(bound.arguments[0]!)}[…]`;
	if (bound.function.name === '->>') return `(${nameOf(bound.arguments[0]!)} ->> …)`;
	return /^\w+$/.test(bound.function.name) ? `${bound.function.name}(…)` : '(…)';
}

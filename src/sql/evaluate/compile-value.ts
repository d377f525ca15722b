// Closures that compute an expression's value.
import type { ColumnType } from '../../store/table.ts';
import type { Bound, CastType } from '../bind/bound.ts';
import { textOf } from '../bind/kinds.ts';
import { badText, numberOf } from '../bind/times.ts';
import type { Take } from '../functions/function-table.ts';
import { drain, LONG_TEXT } from '../limits/guard.ts';
import { SqlError } from '../limits/sql-error.ts';
import { arithmetic, complement, integerArithmetic, negate, realArithmetic } from '../values/arithmetic.ts';
import { parseInstant } from '../values/instant.ts';
import { Interval, parseInterval } from '../values/interval.ts';
import {
	applyNumeric,
	encodeUtf8,
	MAX_TEXT,
	Real,
	toDouble,
	toInteger,
	toNumber,
	toReal,
	toText,
	truthOf,
	type Value,
} from '../values/value.ts';
import { compileColumnNumber } from './compile-column.ts';
import { compileMeasure, compileOrder, HOLDS, scaleOfTime } from './compile-comparison.ts';
import { compileMembership } from './compile-membership.ts';
import { type Compiler, cursorOf, type Evaluator, type NumberEvaluator } from './runtime.ts';

type Node<K extends Bound['kind']> = Extract<Bound, { kind: K }>;

export function compileValue(expression: Bound, c: Compiler): Evaluator {
	switch (expression.kind) {
		case 'constant': {
			const { value } = expression;
			return () => value;
		}
		case 'parameter':
			return parameter(expression, c);
		case 'negate':
			return compileNegate(expression, c);
		case 'present':
			return compilePresent(expression, c);
		case 'complement': {
			const operand = c.any(expression.operand);
			return () => complement(operand());
		}
		case 'arithmetic':
			return compileArithmetic(expression, c);
		case 'concat':
			return compileConcat(expression, c);
		case 'compare':
			return compileCompare(expression, c);
		case 'is':
			return compileIs(expression, c);
		case 'not':
			return compileNot(expression, c);
		case 'and':
		case 'or':
			return compileLogic(expression, c);
		case 'is truth':
			return compileIsTruth(expression, c);
		case 'in list':
		case 'in query':
			return compileIn(expression, c);
		case 'match':
			return compileMatch(expression, c);
		case 'case':
			return compileCase(expression, c);
		case 'coalesce':
			return compileCoalesce(expression, c);
		case 'cast':
			return compileCast(expression.operand, expression.to, c);
		case 'call':
			return compileCall(expression, c);
		case 'query':
			return compileScalarQuery(expression, c);
		case 'exists': {
			const exists = compileExists(expression, c);
			return () => (exists() ? 1 : 0);
		}
		case 'aggregate':
		case 'window':
			return compileSlot(expression, c);
		default:
			throw new Error(`no value for ${expression.kind}`);
	}
}

function compilePresent({ operand, source }: Node<'present'>, c: Compiler): Evaluator {
	const value = c.value(operand);
	if (!source.nullable) return value;
	const cursor = cursorOf(source, c.runtime);
	return () => (cursor.row < 0 ? null : value());
}

function compileNot({ operand }: Node<'not'>, c: Compiler): Evaluator {
	const value = c.any(operand);
	return () => {
		const truth = truthOf(value());
		return truth === undefined ? null : truth ? 0 : 1;
	};
}

function compileIsTruth({ not, truth, operand }: Node<'is truth'>, c: Compiler): Evaluator {
	const test = truth ? c.isTrue(operand) : c.isFalse(operand);
	return () => (test() !== not ? 1 : 0);
}

function compileIn(expression: Node<'in list'> | Node<'in query'>, c: Compiler): Evaluator {
	const member = compileMembership(expression, c);
	const { not } = expression;
	return () => {
		const is = member();
		return is === undefined ? null : is !== not ? 1 : 0;
	};
}

function compileMatch(expression: Node<'match'>, c: Compiler): Evaluator {
	const isMatch = c.isTrue({ ...expression, not: false });
	const operand = c.value(expression.operand);
	const pattern = c.value(expression.pattern);
	const escaping = expression.escape === undefined ? undefined : c.value(expression.escape);
	const { not } = expression;
	return () => {
		if (operand() === null || pattern() === null || (escaping !== undefined && escaping() === null)) return null;
		return isMatch() !== not ? 1 : 0;
	};
}

function compileSlot({ kind, owner, slot }: Node<'aggregate' | 'window'>, c: Compiler): Evaluator {
	const { aggregates, windows } = c.runtime.slots.get(owner)!;
	const slots = kind === 'aggregate' ? aggregates : windows;
	return () => slots[slot]!();
}

/** Evaluates to doubles, for the static types int and real. */
export function compileNumber(expression: Bound, c: Compiler): NumberEvaluator {
	if (expression.kind === 'present' && !expression.source.nullable) return c.number(expression.operand);
	if (expression.kind === 'arithmetic' && expression.type === 'real' && expression.operator !== '%') {
		const left = c.number(expression.left);
		const right = c.number(expression.right);
		switch (expression.operator) {
			case '+':
				return () => left() + right();
			case '-':
				return () => left() - right();
			case '*':
				return () => left() * right();
			default:
				return () => realArithmetic('/', left(), right());
		}
	}
	if (expression.kind === 'arithmetic' && expression.type === 'int') return compileIntegerNumber(expression, c);
	if (
		expression.kind === 'case' &&
		expression.branches.every(({ result }) => isNumeric(result)) &&
		isNumeric(expression.otherwise)
	) {
		return compileCaseNumber(expression, c);
	}
	const evaluate = c.value(expression);
	return () => {
		const value = evaluate();
		return typeof value === 'number' ? value : value === null ? Number.NaN : Number(value as bigint);
	};
}

function isNumeric({ type }: Bound): boolean {
	return type === 'int' || type === 'real' || type === 'null';
}

/** Computes integers as doubles; if the result is not exact, computes it again as a value. */
function compileIntegerNumber(expression: Node<'arithmetic'>, c: Compiler): NumberEvaluator {
	const value = compileArithmetic(expression, c);
	const exact = () => {
		const result = value();
		return result === null ? Number.NaN : Number(result as number | bigint);
	};
	const left = c.number(expression.left);
	const right = c.number(expression.right);
	const checked = (compute: (a: number, b: number) => number): NumberEvaluator => {
		return () => {
			const a = left();
			const b = right();
			const result = compute(a, b);
			return isSmall(a) && isSmall(b) && isSmall(result)
				? result
				: Number.isNaN(a) || Number.isNaN(b)
					? Number.NaN
					: exact();
		};
	};
	switch (expression.operator) {
		case '+':
			return checked((a, b) => a + b);
		case '-':
			return checked((a, b) => a - b);
		case '*':
			return checked((a, b) => a * b);
		case '/':
			return checked((a, b) => (b === 0 ? Number.NaN : Math.trunc(a / b)));
		case '%':
			return checked((a, b) => (b === 0 ? Number.NaN : a % b));
		default:
			return exact;
	}
}

/** Whether an integer is small enough to be exact as a double. */
function isSmall(value: number): boolean {
	return value <= Number.MAX_SAFE_INTEGER && value >= -Number.MAX_SAFE_INTEGER;
}

function compileCaseNumber(expression: Node<'case'>, c: Compiler): NumberEvaluator {
	const tests = expression.branches.map(({ when }) => c.isTrue(when));
	const results = expression.branches.map(({ result }) => numberOrNull(result, c));
	const otherwise = numberOrNull(expression.otherwise, c);
	if (tests.length === 1) {
		const test = tests[0]!;
		const result = results[0]!;
		return () => (test() ? result() : otherwise());
	}
	return () => {
		for (let at = 0; at < tests.length; at++) if (tests[at]!()) return results[at]!();
		return otherwise();
	};
}

function numberOrNull(expression: Bound, c: Compiler): NumberEvaluator {
	return expression.type === 'null' ? () => Number.NaN : c.number(expression);
}

function parameter(expression: Node<'parameter'>, c: Compiler): Evaluator {
	const { parameters } = c.runtime;
	const value = parameters.get(expression.name);
	if (value === undefined) {
		throw new SqlError(
			`the parameter :${expression.name} has no value`,
			'ERR_SQL_PARAMETER',
			expression.at,
			`set it with --set ${expression.name}=VALUE, or at the prompt with .param ${expression.name} VALUE`,
		);
	}
	const { expects } = expression;
	if (expects === undefined) return () => value;
	const { name, at } = expression;
	const fits =
		'text' in expects ? textOf(value, name, expects.name, at) : numberOf(value, expects.name, expects.milliseconds, at);
	return () => fits;
}

function compileNegate(expression: Node<'negate'>, c: Compiler): Evaluator {
	if (expression.type === 'real') {
		const operand = c.number(expression.operand);
		return () => realOrNull(-operand());
	}
	const operand = c.any(expression.operand);
	return () => negate(operand());
}

function realOrNull(value: number): number | null {
	return Number.isNaN(value) ? null : value;
}

function compileArithmetic(expression: Node<'arithmetic'>, c: Compiler): Evaluator {
	const { operator, type } = expression;
	if (type === 'real' && operator !== '%') {
		const number = compileNumber(expression, c);
		return () => realOrNull(number());
	}
	const left = c.any(expression.left);
	const right = c.any(expression.right);
	if (
		type === 'int' &&
		(operator === '+' || operator === '-' || operator === '*' || operator === '/' || operator === '%')
	) {
		return () => {
			const a = left();
			const b = right();
			// NULL, or an integer that overflowed earlier and is a REAL now.
			if (!isExact(a) || !isExact(b)) return unboxed(arithmetic(operator, a, b));
			return integerArithmetic(operator, a, b);
		};
	}
	if (type === 'real') return () => unboxed(arithmetic(operator, left(), right()));
	return () => arithmetic(operator, left(), right());
}

function isExact(value: Value): value is number | bigint {
	return Number.isSafeInteger(value) || typeof value === 'bigint';
}

function unboxed(value: Value): Value {
	return value instanceof Real ? value.value : value;
}

function compileConcat(expression: Node<'concat'>, c: Compiler): Evaluator {
	const left = c.any(expression.left);
	const right = c.any(expression.right);
	return () => {
		const a = left();
		const b = right();
		if (a === null || b === null) return null;
		const text = toText(a) + toText(b);
		if (text.length > MAX_TEXT) throw new SqlError('the result of || is too long', 'ERR_SQL_TOO_LARGE');
		return text;
	};
}

function compileCompare(expression: Node<'compare'>, c: Compiler): Evaluator {
	const order = compileOrder(expression.comparison, c);
	const holds = HOLDS[expression.operator];
	return () => {
		const sign = order();
		return Number.isNaN(sign) ? null : holds(sign) ? 1 : 0;
	};
}

function compileIs(expression: Node<'is'>, c: Compiler): Evaluator {
	const test = c.isTrue(expression);
	return () => (test() ? 1 : 0);
}

function compileLogic(expression: Node<'and' | 'or'>, c: Compiler): Evaluator {
	const operands = expression.operands.map((operand) => c.any(operand));
	// The first false operand decides AND, the first true one OR.
	const decisive = expression.kind === 'or';
	return () => {
		let isNull = false;
		for (const operand of operands) {
			const truth = truthOf(operand());
			if (truth === decisive) return decisive ? 1 : 0;
			if (truth === undefined) isNull = true;
		}
		return isNull ? null : decisive ? 0 : 1;
	};
}

function compileCase(expression: Node<'case'>, c: Compiler): Evaluator {
	const branch = expression.type === 'any' ? c.any : c.value;
	const tests = expression.branches.map(({ when }) => c.isTrue(when));
	const results = expression.branches.map(({ result }) => branch(result));
	const otherwise = branch(expression.otherwise);
	return () => {
		for (let at = 0; at < tests.length; at++) if (tests[at]!()) return results[at]!();
		return otherwise();
	};
}

function compileCoalesce(expression: Node<'coalesce'>, c: Compiler): Evaluator {
	const branch = expression.type === 'any' ? c.any : c.value;
	const operands = expression.operands.map(branch);
	return () => {
		for (const operand of operands) {
			const value = operand();
			if (value !== null) return value;
		}
		return null;
	};
}

function compileCast(operand: Bound, to: CastType, c: Compiler): Evaluator {
	const evaluate = c.any(operand);
	const convert = CASTS[to];
	return () => {
		const value = evaluate();
		return value === null ? null : convert(value);
	};
}

const CASTS: Record<CastType, (value: Exclude<Value, null>) => Value> = {
	integer: toInteger,
	real: (value) => realOrNull(toDouble(value)),
	text: toText,
	blob: (value) => (value instanceof Uint8Array ? value : encodeUtf8(toText(value))),
	numeric: (value) => {
		if (typeof value === 'number' || typeof value === 'bigint' || value instanceof Real) return value;
		const exact = applyNumeric(value);
		const number = typeof exact === 'string' || exact instanceof Uint8Array ? toNumber(exact) : exact;
		// CAST('1.0' AS NUMERIC) is the integer 1.
		return number instanceof Real ? number.value : number;
	},
};

function compileCall(expression: Node<'call'>, c: Compiler): Evaluator {
	const shortcut = compileTimedCall(expression, c) ?? compileHeaderCall(expression, c);
	if (shortcut !== undefined) return shortcut;
	const { takes } = expression.function;
	const evaluate = expression.function.create(
		c.runtime.functions,
		expression.arguments.map((argument) => argument.output),
	);
	const list = expression.arguments.map((argument, index) => compileTaken(argument, takes?.[index], c));
	if (list[0] !== undefined && LONG_WORK.has(expression.function.group)) list[0] = polling(list[0], c);
	const call = callWith(list, evaluate, expression.function.strict);
	return expression.type === 'real' ? () => unboxed(call()) : expression.type === 'any' ? () => boxed(call()) : call;
}

/** An argument in the form in which the function takes it. */
function compileTaken(argument: Bound, take: Take | undefined, c: Compiler): Evaluator {
	if (take === undefined) return c.any(argument);
	if (take === 'interval') return compileInterval(argument, c);
	const isKnown = argument.output !== 'interval' && (take !== 'moment' || isTimeType(argument.output));
	if (!isKnown) return compileMoment(argument, c);
	const number = compileMeasure(argument, take === 'clock' ? 'clock' : scaleOfTime(argument), c);
	return () => realOrNull(number());
}

function isTimeType(output: ColumnType | undefined): boolean {
	return output === 'datetime' || output === 'local' || output === 'date' || output === 'time';
}

/** An interval, or a text that can be read as one. */
function compileInterval(argument: Bound, c: Compiler): Evaluator {
	const value = c.any(argument);
	const read = (given: Value): Interval | null => {
		if (given instanceof Interval) return given;
		return typeof given === 'string' ? (parseInterval(given) ?? null) : null;
	};
	if (!argument.constant) return argument.type === 'interval' ? value : () => read(value());
	const given = value();
	const fixed = read(given);
	if (given !== null && fixed === null)
		throw badText(toText(given), 'interval', argument.kind === 'parameter' ? argument.at : undefined);
	return () => fixed;
}

/** An interval, or microseconds since the epoch, or since midnight. */
function compileMoment(argument: Bound, c: Compiler): Evaluator {
	const value = c.any(argument);
	if (argument.type === 'interval') return value;
	return () => {
		const given = value();
		if (typeof given !== 'string') return given instanceof Interval ? given : null;
		const instant = parseInstant(given);
		return Number.isNaN(instant) ? (parseInterval(given) ?? null) : instant;
	};
}

/** Groups of functions whose running time grows with the length of a text. */
const LONG_WORK: ReadonlySet<string> = new Set(['text', 'json', 'http']);

/** Loops over rows poll every thousand rows, which is not often enough if each row has megabytes of text. */
function polling(evaluate: Evaluator, c: Compiler): Evaluator {
	const { poll } = c.runtime.functions;
	return () => {
		const value = evaluate();
		if ((typeof value === 'string' || value instanceof Uint8Array) && value.length > LONG_TEXT) poll();
		return value;
	};
}

/** A function of a datetime column that works on the number, without formatting it first. */
function compileTimedCall({ function: entry, arguments: list }: Node<'call'>, c: Compiler): Evaluator | undefined {
	const first = list[0];
	if (entry.createTimed === undefined || first?.kind !== 'column' || first.output !== 'datetime') return undefined;
	const instant = compileColumnNumber(first, c.runtime);
	if (instant === undefined || list.length > 2) return undefined;
	const evaluate = entry.createTimed(c.runtime.functions);
	const second = list[1] === undefined ? undefined : c.any(list[1]);
	return () => {
		const microseconds = instant();
		if (Number.isNaN(microseconds)) return null;
		if (second === undefined) return evaluate(microseconds);
		const value = second();
		return value === null ? null : evaluate(microseconds, value);
	};
}

/** `header(req_headers, 'name')` and `req_headers['name']` of captured rows: finds the field in the captured bytes without building the JSON. */
function compileHeaderCall({ function: entry, arguments: list }: Node<'call'>, c: Compiler): Evaluator | undefined {
	const [column, name] = list;
	const isField = entry.name === 'header' || (entry.name === '[]' && list.length === 2);
	if (c.runtime.plain || !isField || column?.kind !== 'column' || !name?.constant) return undefined;
	const cursor = cursorOf(column.source, c.runtime);
	const reader = cursor.table === undefined ? undefined : cursor.reader(column.index);
	if (reader?.field === undefined) return undefined;
	const wanted = constantValue(name, c);
	if (typeof wanted !== 'string' || !/^[\x21-\x7e]+$/.test(wanted)) return undefined;
	const lowerName = wanted.toLowerCase();
	const json = c.any(column);
	const evaluate = entry.create(
		c.runtime.functions,
		list.map((argument) => argument.output),
	);
	return () => {
		if (cursor.row < 0) return null;
		const value = reader.field!(cursor.row, lowerName);
		if (value !== undefined) return value;
		const text = json();
		return text === null ? null : evaluate(text, lowerName);
	};
}

/** Undefined if evaluation fails. */
function constantValue(expression: Bound, c: Compiler): Value | undefined {
	try {
		return c.any(expression)();
	} catch {
		// The error is thrown again when a row needs the value.
		return undefined;
	}
}

/** Functions return plain numbers for REALs that are not safe integers. Here NaN becomes NULL. */
function boxed(value: Value): Value {
	return typeof value === 'number' && !Number.isSafeInteger(value) ? toReal(value) : value;
}

function callWith(list: readonly Evaluator[], evaluate: (...values: Value[]) => Value, strict: boolean): Evaluator {
	const [first, second, third] = list;
	if (first === undefined) return () => evaluate();
	if (second === undefined) {
		if (!strict) return () => evaluate(first());
		return () => {
			const a = first();
			return a === null ? null : evaluate(a);
		};
	}
	if (third === undefined) {
		if (!strict) return () => evaluate(first(), second());
		return () => {
			const a = first();
			if (a === null) return null;
			const b = second();
			return b === null ? null : evaluate(a, b);
		};
	}
	return () => {
		const values: Value[] = [];
		for (const item of list) {
			const value = item();
			if (strict && value === null) return null;
			values.push(value);
		}
		return evaluate(...values);
	};
}

function compileScalarQuery(expression: Node<'query'>, c: Compiler): Evaluator {
	const { run } = c.query(expression.plan);
	let value: Value = null;
	let known = false;
	const isFixed = expression.plan.outer.size === 0;
	return () => {
		if (known && isFixed) return value;
		value = null;
		drain(
			run((row) => {
				value = row[0]!;
				return false;
			}),
			c.runtime.guard,
		);
		known = true;
		return value;
	};
}

/** Whether the subquery has rows. */
export function compileExists(expression: Node<'exists'>, c: Compiler): () => boolean {
	const { run } = c.query(expression.plan);
	let exists = false;
	let known = false;
	const isFixed = expression.plan.outer.size === 0;
	return () => {
		if (known && isFixed) return exists;
		exists = false;
		drain(
			run(() => {
				exists = true;
				return false;
			}),
			c.runtime.guard,
		);
		known = true;
		return exists;
	};
}

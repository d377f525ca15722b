// Sums, differences and negation of times and intervals: which are meaningful, and hints for those that are not.
import type { TimeType } from '../../store/table.ts';
import {
	CLOCK_DIFFERENCE,
	CLOCK_SHIFTS,
	COMBINATIONS,
	DIFFERENCE,
	MILLISECONDS,
	minusAny,
	moveAny,
	NEGATION,
	SHIFTS,
	scale,
	TIME_CASTS,
} from '../functions/time-operators.ts';
import type { ArithmeticOperator } from '../values/arithmetic.ts';
import { parseInstant } from '../values/instant.ts';
import { parseInterval } from '../values/interval.ts';
import type { Bound } from './bound.ts';
import {
	badText,
	call,
	checkText,
	commonScale,
	described,
	isInstant,
	isNumber,
	isOpen,
	literalText,
	NAMES,
	operandType,
	type Places,
	seconds,
	timeType,
	typeError,
} from './times.ts';

/** The operation if an operand is a time or an interval; undefined if neither is. Throws if it is meaningless. */
export function timeArithmetic(
	operator: ArithmeticOperator,
	left: Bound,
	right: Bound,
	places: Places,
): Bound | undefined {
	const [leftAt, rightAt] = places;
	const l = operandType(left);
	const r = operandType(right);
	if (l === undefined && r === undefined) return undefined;
	if (operator === '+' || operator === '-') {
		const sum = l === undefined ? sumWith(operator, left, right, places) : sumOf(operator, left, right, places);
		if (sum !== undefined) return sum;
	} else if (operator === '*' || operator === '/') {
		const isScalar = (bound: Bound) => isNumber(bound) || isOpen(bound);
		if (l === 'interval' && isScalar(right)) return call(scale(operator, right.constant), [left, right], leftAt);
		if (r === 'interval' && operator === '*' && isScalar(left))
			return call(scale('*', left.constant), [right, left], leftAt);
	}
	const [subject, other, at] = l === undefined ? [right, left, leftAt] : [left, right, rightAt];
	throw typeError(
		meaningless(operator, described(left), described(right)),
		at,
		sumHint(operator, operandType(subject)!, other),
	);
}

function meaningless(operator: ArithmeticOperator, left: string, right: string): string {
	switch (operator) {
		case '+':
			return `${left} and ${right} cannot be added`;
		case '-':
			return `${right} cannot be subtracted from ${left}`;
		case '*':
			return `${left} and ${right} cannot be multiplied`;
		case '/':
			return `${left} cannot be divided by ${right}`;
		default:
			return `${operator} does not work with ${left} and ${right}`;
	}
}

function sumHint(operator: string, type: TimeType, other: Bound): string {
	if (type === 'interval' && operator === '/') return 'epoch_ms(a) / epoch_ms(b) is the ratio of two intervals';
	if (type === 'interval' && operator === '*') return "an interval is multiplied by a number: 2 * interval '1 second'";
	if (operator !== '+' && operator !== '-') return 'epoch_ms(x) is a number of milliseconds';
	if (isNumber(other)) {
		const text = other.kind === 'constant' ? String(other.value) : undefined;
		if (text === undefined) return "say the unit: x * interval '1 second'";
		// In other databases a number next to a date is one of days.
		const amount = type === 'date' ? `${text} ${text === '1' ? 'day' : 'days'}` : seconds(text);
		return `say the unit: ${operator} interval '${amount}'`;
	}
	const otherType = operandType(other);
	if (isInstant(type) && isInstant(otherType)) {
		return operator === '+'
			? 'a - b is the interval between two times'
			: "write AT TIME ZONE 'Europe/Berlin' on both sides, or on neither";
	}
	if (otherType === undefined) return 'say what the text is: x::interval or x::datetime';
	return "a datetime moves by an interval: now() - interval '5 minutes'";
}

/** Handles a left side that is a time or an interval. */
function sumOf(operator: '+' | '-', left: Bound, right: Bound, [leftAt, rightAt]: Places): Bound | undefined {
	const l = operandType(left)!;
	const r = operandType(right);
	const text = literalText(right);
	if (isInstant(l)) {
		if (isInstant(r)) {
			if (operator === '+' || commonScale(l, r) === undefined) return undefined;
			return call(DIFFERENCE, [left, right], leftAt);
		}
		if (operator === '-' && text !== undefined && !Number.isNaN(parseInstant(text)))
			return call(DIFFERENCE, [left, right], leftAt);
		if (operator === '-' && right.type === 'any') return call(minusAny(right.constant), [left, right], leftAt);
		const by = r === 'time' && operator === '+' ? right : asInterval(right, rightAt);
		return by && call(SHIFTS[operator], [left, by], leftAt);
	}
	if (l === 'time') {
		if (r === 'time') return operator === '-' ? call(CLOCK_DIFFERENCE, [left, right], leftAt) : undefined;
		if (isInstant(r)) return operator === '+' ? call(SHIFTS['+'], [right, left], leftAt) : undefined;
		const by = asInterval(right, rightAt);
		return by && call(CLOCK_SHIFTS[operator], [left, by], leftAt);
	}
	if (r !== undefined && r !== 'interval')
		return operator === '+' ? sumOf('+', right, left, [rightAt, leftAt]) : undefined;
	if (operator === '+' && text !== undefined && !Number.isNaN(parseInstant(text)))
		return call(SHIFTS['+'], [right, left], leftAt);
	if (operator === '+' && right.type === 'any') return call(moveAny('+', right.constant), [right, left], leftAt);
	const by = asInterval(right, rightAt);
	return by && call(COMBINATIONS[operator], [left, by], leftAt);
}

/** Handles a right side that is a time or an interval, and a left side that is neither. */
function sumWith(operator: '+' | '-', left: Bound, right: Bound, [leftAt, rightAt]: Places): Bound | undefined {
	if (operator === '+' && (operandType(right) !== 'interval' || isNumber(left)))
		return sumOf('+', right, left, [rightAt, leftAt]);
	const text = literalText(left);
	if (operandType(right) === 'interval') {
		if (isNumber(left) && left.unit === 'ms')
			return call(COMBINATIONS[operator], [asInterval(left, leftAt)!, right], leftAt);
		if (left.type === 'any') return call(moveAny(operator, left.constant), [left, right], leftAt);
		if (left.type !== 'text') return left.type === 'null' ? call(SHIFTS[operator], [left, right], leftAt) : undefined;
		if (text !== undefined && Number.isNaN(parseInstant(text))) {
			if (parseInterval(text) === undefined) throw badText(text, 'instant', leftAt);
			return call(COMBINATIONS[operator], [left, right], leftAt);
		}
		return call(SHIFTS[operator], [left, right], leftAt);
	}
	if (operandType(right) === 'time') return undefined;
	if (text !== undefined) checkText(left, 'instant', leftAt);
	else if (!isOpen(left)) return undefined;
	return call(DIFFERENCE, [left, right], leftAt);
}

/** An operand as an interval: intervals, texts such as '5m', and numbers of milliseconds. Undefined for anything else. */
export function asInterval(bound: Bound, at: number): Bound | undefined {
	if (timeType(bound) === 'interval' || isOpen(bound)) return bound;
	if (isNumber(bound)) return bound.unit === 'ms' ? call(MILLISECONDS, [bound], at) : undefined;
	const text = literalText(bound);
	if (text === undefined) return undefined;
	checkText(bound, 'interval', at);
	return call(TIME_CASTS.interval, [bound], at);
}

export function timeNegation(operator: '-' | '+' | '~', operand: Bound, at: number): Bound | undefined {
	const type = timeType(operand);
	if (type === undefined || operator === '+') return undefined;
	if (type === 'interval' && operator === '-') return call(NEGATION, [operand], at);
	throw typeError(
		`${operator}${NAMES[type].replace(/^an? /, '')} has no meaning`,
		at,
		'epoch_ms(x) is a number of milliseconds',
	);
}

// The types of times and intervals: what can be compared, added and converted, and what to write instead. Errors come
// before any row is read.
import { distance } from 'fastest-levenshtein';
import type { TimeType } from '../../store/table.ts';
import { FIELD_NAMES, fieldOf, truncation, UNIT_NAMES } from '../functions/calendar.ts';
import type { Accepts, ScalarFunction, Take } from '../functions/function-table.ts';
import { SCALAR_FUNCTIONS } from '../functions/functions.ts';
import {
	CLOCK_DIFFERENCE,
	CLOCK_SHIFTS,
	COMBINATIONS,
	DIFFERENCE,
	fromZone,
	MILLISECONDS,
	minusAny,
	moveAny,
	NEGATION,
	SHIFTS,
	scale,
	TIME_AS_JSON,
	TIME_CASTS,
	toZone,
	unitInterval,
} from '../functions/time-operators.ts';
import { SqlError } from '../limits/sql-error.ts';
import type { ArithmeticOperator } from '../values/arithmetic.ts';
import { hasZone, parseInstant } from '../values/instant.ts';
import { Interval, isIntervalUnit, parseInterval, positiveInterval, totalMicros } from '../values/interval.ts';
import { measure, type Scale } from '../values/measure.ts';
import { type TimeZone, timeZone, timeZoneNames } from '../values/time-zone.ts';
import { applyNumeric, type StaticType, type Value } from '../values/value.ts';
import type { Bound, Facts } from './bound.ts';
import { constantOf, facts } from './facts.ts';
import { didYouMean } from './schema.ts';

const TIME_TYPES: ReadonlySet<string> = new Set<TimeType>(['datetime', 'local', 'date', 'time', 'interval']);

export function timeType({ output }: Facts): TimeType | undefined {
	return output !== undefined && TIME_TYPES.has(output) ? (output as TimeType) : undefined;
}

function isInstant(type: TimeType | undefined): type is 'datetime' | 'local' | 'date' {
	return type === 'datetime' || type === 'local' || type === 'date';
}

/** A text literal, after folding. */
function literalText(bound: Bound): string | undefined {
	return bound.kind === 'constant' && typeof bound.value === 'string' && timeType(bound) === undefined
		? bound.value
		: undefined;
}

function isNumber({ type }: Bound): boolean {
	return type === 'int' || type === 'real';
}

/** Whether only the running statement knows the type. */
function isOpen({ type, kind }: Bound): boolean {
	return type === 'any' || type === 'null' || kind === 'parameter';
}

/** Calls an operator; if all operands are constants, the result is one. */
function call(entry: ScalarFunction, list: readonly Bound[], at: number): Bound {
	const output =
		typeof entry.output === 'function' ? entry.output(list.map((argument) => argument.output)) : entry.output;
	const type = typeof entry.type === 'function' ? entry.type(list.map((argument) => argument.type)) : entry.type;
	const known = facts(type, output);
	if (list.every((argument) => argument.kind === 'constant')) {
		const values = list.map((argument, index) => taken(argument, entry.takes?.[index]));
		const value = values.includes(null) ? null : withPosition(at, () => constantResult(entry, values, list));
		if (value === null && !values.includes(null) && entry.name !== '/') throw outOfRange(type, at);
		return { ...constantOf(value), ...(value === null ? {} : known) };
	}
	return { kind: 'call', function: entry, arguments: list, constant: list.every((item) => item.constant), ...known };
}

function outOfRange(type: StaticType, at: number): SqlError {
	return new SqlError(
		type === 'interval' ? 'an interval cannot be longer than 285 years' : 'the result is not in the years 0 to 9999',
		'ERR_SQL_VALUE',
		at,
		type === 'interval' ? 'extract(year FROM x) is a number, which can be subtracted' : 'write a shorter interval',
	);
}

function constantResult(entry: ScalarFunction, values: readonly Value[], list: readonly Bound[]): Value {
	const context = { now: 0, poll: () => {} };
	return entry.create(
		context,
		list.map((argument) => argument.output),
	)(...values);
}

function taken(argument: Bound, take: Take | undefined): Value {
	const value = argument.kind === 'constant' ? argument.value : null;
	if (take === undefined || value === null || value instanceof Interval) return value;
	if (take === 'interval') return parseInterval(String(value)) ?? null;
	const type = timeType(argument);
	const scale: Scale = take === 'clock' || type === 'time' ? 'clock' : 'instant';
	const number = measure(value, scale);
	if (!Number.isNaN(number)) return number;
	return take === 'moment' ? (parseInterval(String(value)) ?? null) : null;
}

function withPosition<T>(at: number, work: () => T): T {
	try {
		return work();
	} catch (error) {
		if (!(error instanceof SqlError) || error.position !== undefined) throw error;
		throw new SqlError(error.message, error.code as 'ERR_SQL_VALUE', at, error.hint);
	}
}

// ---- errors ---------------------------------------------------------------------------------------------------------

const NAMES: Record<TimeType, string> = {
	datetime: 'a datetime',
	local: 'a local datetime',
	date: 'a date',
	time: 'a time of day',
	interval: 'an interval',
};

function described(bound: Bound): string {
	const type = operandType(bound);
	if (type !== undefined) return NAMES[type];
	return isNumber(bound) ? 'a number' : bound.type === 'blob' ? 'a blob' : 'a text';
}

function typeError(message: string, at: number, hint: string): SqlError {
	return new SqlError(message, 'ERR_SQL_TYPE', at, hint);
}

const EXPECTED: Record<Scale, string> = {
	instant: "a time such as '2026-11-22 12:56:01'",
	local: "a time such as '2026-11-22 12:56:01', without a zone",
	clock: "a time of day such as '12:56:01'",
	interval: "an interval such as '5 minutes' or '10ms'",
};

export function badText(text: string, scale: Scale, at: number | undefined): SqlError {
	return new SqlError(
		`expected ${EXPECTED[scale]}, got '${text.slice(0, 40)}'`,
		'ERR_SQL_TYPE',
		at,
		hintFor(text.trim(), scale),
	);
}

function hintFor(text: string, scale: Scale): string {
	if (/^[+-]?\d+(\.\d+)?$/.test(text)) {
		if (scale === 'interval') return `say the unit: '${seconds(text)}' or '${text}ms'`;
		if (scale === 'instant' && text.length > 4)
			return `to_timestamp(${text}) is the time so many seconds after 1970 began`;
	}
	if (scale === 'instant' || scale === 'local') {
		if (/^now$/i.test(text)) return 'write now()';
		if (/^today$/i.test(text)) return "date_trunc('day', now()) is when today began, in UTC";
		if (/^yesterday$/i.test(text)) return "date_trunc('day', now()) - interval '1 day' is when yesterday began, in UTC";
		if (parseInterval(text) !== undefined) return `ago('${text}') is this long before now`;
		return "write the date as year-month-day: '2026-11-22', '2026-11-22 12:56', '2026-11-22T12:56:01.5+01:00'";
	}
	if (scale === 'clock') return "write it as '9:00' or '12:56:01.5'";
	return "write it as '5m', '5 minutes', '1 month' or '3 days 04:05:06', up to 285 years";
}

function checkText(bound: Bound, scale: Scale, at: number): void {
	const text = literalText(bound);
	if (text !== undefined && Number.isNaN(measure(text, scale))) throw badText(text, scale, at);
}

// ---- comparisons ----------------------------------------------------------------------------------------------------

/** Offsets of the two sides, for errors. */
export type Places = readonly [left: number, right: number];

/** On which scale two sides are compared, if one is a time or an interval. Throws if they cannot be compared. */
export function scaleOf(left: Bound, right: Bound, [leftAt, rightAt]: Places): Scale | undefined {
	const l = timeType(left);
	const r = timeType(right);
	if (l === undefined && r === undefined) return undefined;
	if (l !== undefined && r !== undefined) {
		const scale = commonScale(l, r);
		if (scale !== undefined) return scale;
		throw typeError(`${NAMES[l]} cannot be compared with ${NAMES[r]}`, rightAt, unequalHint(l, r));
	}
	const type = (l ?? r)!;
	const other = l === undefined ? left : right;
	const at = l === undefined ? leftAt : rightAt;
	if (isNumber(other) || other.type === 'blob') {
		const name = l === undefined ? nameOf(right) : nameOf(left);
		throw typeError(`${NAMES[type]} cannot be compared with ${described(other)}`, at, numberHint(type, name, other));
	}
	const scale = commonScale(type, type)!;
	checkText(other, scale, at);
	return scale;
}

function commonScale(a: TimeType, b: TimeType): Scale | undefined {
	if (a === b) return a === 'interval' ? 'interval' : a === 'time' ? 'clock' : a === 'local' ? 'local' : 'instant';
	if (!isInstant(a) || !isInstant(b)) return undefined;
	if (a !== 'local' && b !== 'local') return 'instant';
	return a === 'date' || b === 'date' ? 'local' : undefined;
}

function unequalHint(a: TimeType, b: TimeType): string {
	if (isInstant(a) && isInstant(b)) return "write AT TIME ZONE 'Europe/Berlin' on both sides, or on neither";
	if (a === 'interval' || b === 'interval') return "now() - interval '5 minutes' is a datetime; a - b is an interval";
	return 'x::time is the time of day of a datetime';
}

function nameOf(bound: Bound): string {
	return bound.kind === 'column' ? bound.source.columns[bound.index]!.name : 'x';
}

function numberHint(type: TimeType, name: string, number: Bound): string {
	if (type === 'interval') {
		if (number.kind === 'constant') return `say the unit: interval '${seconds(String(number.value))}'`;
		return `epoch_ms(${name}) is its number of milliseconds`;
	}
	if (type === 'time' || type === 'date') return `extract(hour FROM ${name}), extract(year FROM ${name}) … are numbers`;
	return `epoch_ms(${name}) is its number of milliseconds since 1970; ${name} > now() - interval '5 minutes' compares times`;
}

/**
 * The two sides as they are compared, where a number of milliseconds meets an interval or a text such as '10ms'. Throws if a
 * number is compared with a text that is not one.
 */
export function fitted(left: Bound, right: Bound, [leftAt, rightAt]: Places): readonly [left: Bound, right: Bound] {
	return [besides(left, right, leftAt), besides(right, left, rightAt)];
}

/** Expressions of which one is the result, such as the branches of CASE: next to times, literals that are times become some. */
export function unified(choices: readonly Bound[], at: number): readonly Bound[] {
	const type = choices.map(timeType).find((known) => known !== undefined);
	if (type === undefined) return choices;
	if (type === 'interval' && choices.some(isNumber))
		throw typeError('one result is an interval, another a number', at, "write an interval, such as interval '0 s'");
	const scale = commonScale(type, type)!;
	const fits = (bound: Bound) => !Number.isNaN(measure(literalText(bound) ?? null, scale));
	const areTimes = choices.every((bound) => bound.type === 'null' || timeType(bound) === type || fits(bound));
	if (!areTimes) return choices;
	return choices.map((bound) => (literalText(bound) === undefined ? bound : call(TIME_CASTS[type], [bound], at)));
}

/** Operands of + or -, a text such as '10ms' next to a number of milliseconds being one, too. */
export function withDurations(left: Bound, right: Bound): readonly [left: Bound, right: Bound] {
	const duration = (bound: Bound, other: Bound): Bound => {
		const text = other.unit === 'ms' ? literalText(bound) : undefined;
		const interval = text === undefined || typeof applyNumeric(text) !== 'string' ? undefined : parseInterval(text);
		return interval === undefined ? bound : millisecondsOf(interval);
	};
	return [duration(left, right), duration(right, left)];
}

/** `bound` as it is compared with `other`. */
function besides(bound: Bound, other: Bound, at: number): Bound {
	if (other.kind === 'column' && other.type === 'blob') checkBlob(bound, nameOf(other), at);
	if (!isNumber(other) || other.constant) return bound;
	const isTyped = other.affinity === 'numeric' || other.unit !== undefined;
	if (bound.kind === 'parameter' && isTyped) {
		return { ...bound, expects: { name: nameOf(other), milliseconds: other.unit === 'ms' } };
	}
	if (other.unit === 'ms' && timeType(bound) === 'interval') return epochMs(bound, at);
	const text = literalText(bound);
	if (bound.constant && bound.kind !== 'constant' && bound.type === 'text' && timeType(bound) === undefined && isTyped)
		return call(expectedNumber(nameOf(other), other.unit === 'ms'), [bound], at);
	if (text === undefined || typeof applyNumeric(text) !== 'string') return bound;
	const interval = parseInterval(text);
	if (interval !== undefined && other.unit === 'ms') return millisecondsOf(interval);
	if (!isTyped && interval === undefined) return bound;
	throw notANumber(text, nameOf(other), other.unit === 'ms', at);
}

/** No text or number equals a blob. */
function checkBlob(bound: Bound, name: string, at: number): void {
	if (bound.kind !== 'constant' || (bound.type !== 'text' && !isNumber(bound))) return;
	const text = /_raw$/i.test(name) ? `${name.replace(/_raw$/i, '')} is its text` : `CAST(${name} AS TEXT) is its text`;
	throw typeError(
		`${name} is a blob, which ${described(bound)} never equals`,
		at,
		`${text}; blobs are written x'00ff'`,
	);
}

function notANumber(text: string, name: string, isDuration: boolean, at: number | undefined): SqlError {
	const subject = name === 'x' ? 'the other side' : name;
	const hint =
		text.trim() === ''
			? `${name} IS NULL finds rows without a value`
			: isDuration
				? 'write a number of milliseconds, or a duration such as 10ms or 1.5s, in quotes'
				: parseInterval(text) !== undefined
					? 'only columns whose names end in _ms, their sums and averages compare with durations; write a number'
					: `write a number, or compare as text: CAST(${name} AS TEXT)`;
	return new SqlError(
		`${subject} is a number${isDuration ? ' of milliseconds' : ''}, which '${text.slice(0, 40)}' is not`,
		'ERR_SQL_TYPE',
		at,
		hint,
	);
}

/** For a constant expression next to a number: a text is a number, or perhaps a duration in milliseconds, or an error. */
function expectedNumber(name: string, milliseconds: boolean): ScalarFunction {
	return {
		...MILLISECONDS,
		name: '::number',
		type: 'any',
		output: () => undefined,
		create: () => (value) => numberOf(value!, name, milliseconds, undefined),
	};
}

/** A text as the number that it is compared with. Throws if it is none. */
export function numberOf(value: Value, name: string, milliseconds: boolean, at: number | undefined): Value {
	if (typeof value !== 'string' || typeof applyNumeric(value) !== 'string') return value;
	const interval = milliseconds ? parseInterval(value) : undefined;
	if (interval === undefined) throw notANumber(value, name, milliseconds, at);
	return totalMicros(interval) / 1000;
}

function millisecondsOf(interval: Interval): Bound {
	return { kind: 'constant', value: totalMicros(interval) / 1000, constant: true, ...facts('real') };
}

function epochMs(interval: Bound, at: number): Bound {
	if (interval.kind === 'constant' && interval.value instanceof Interval) return millisecondsOf(interval.value);
	return call(SCALAR_FUNCTIONS.get('epoch_ms')!, [interval], at);
}

// ---- arithmetic -----------------------------------------------------------------------------------------------------

/** The results of SQLite's functions are texts, but arithmetic with them would only see their year. */
const TEXTS_OF_TIMES: ReadonlyMap<string, TimeType> = new Map([
	['datetime', 'datetime'],
	['date', 'date'],
	['time', 'time'],
]);

function operandType(bound: Bound): TimeType | undefined {
	return timeType(bound) ?? (bound.kind === 'call' ? TEXTS_OF_TIMES.get(bound.function.name) : undefined);
}

/** The operation if an operand is a time or an interval; undefined if neither is. Throws if it has no meaning. */
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

function seconds(number: string): string {
	return `${number} second${number === '1' ? '' : 's'}`;
}

function sumHint(operator: string, type: TimeType, other: Bound): string {
	if (type === 'interval' && operator === '/') return 'epoch_ms(a) / epoch_ms(b) is the ratio of two intervals';
	if (type === 'interval' && operator === '*') return "an interval is multiplied by a number: 2 * interval '1 second'";
	if (operator !== '+' && operator !== '-') return 'epoch_ms(x) is a number of milliseconds';
	if (isNumber(other)) {
		const text = other.kind === 'constant' ? String(other.value) : undefined;
		return text === undefined
			? "say the unit: x * interval '1 second'"
			: `say the unit: ${operator} interval '${seconds(text)}'`;
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

/** For a left side that is a time or an interval. */
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

/** For a right side that is a time or an interval, and a left side that is neither. */
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

/** An operand as an interval: intervals, texts such as '5m', and numbers of milliseconds. Undefined if it is none. */
function asInterval(bound: Bound, at: number): Bound | undefined {
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

// ---- literals and casts ---------------------------------------------------------------------------------------------

/** `interval '5 minutes'`, `interval 5 minute`, `interval :n minute` */
export function intervalLiteral(
	amount: Bound,
	named: { readonly name: string; readonly at: number } | undefined,
	at: number,
): Bound {
	const unit = named?.name;
	const text = literalText(amount);
	if (unit !== undefined && !isIntervalUnit(unit)) {
		throw new SqlError(
			`expected a unit of time such as minute, got ${unit}`,
			'ERR_SQL_SYNTAX',
			named?.at,
			"write interval '5 minutes' or interval 5 minute",
		);
	}
	if (text !== undefined) {
		const interval = parseInterval(text, unit);
		if (interval === undefined) throw badText(text, 'interval', at);
		return intervalConstant(interval);
	}
	if (unit === undefined) {
		if (timeType(amount) === 'interval') return amount;
		if (isNumber(amount))
			throw typeError('an interval needs a unit', at, "write interval '5 minutes' or interval 5 minute");
		return call(TIME_CASTS.interval, [amount], at);
	}
	if (!isNumber(amount) && !isOpen(amount))
		throw typeError(
			`expected a number of ${unit}, got ${described(amount)}`,
			at,
			"write interval '5 minutes' or interval 5 minute",
		);
	return call(unitInterval(parseInterval(`1 ${unit}`)!, amount.constant), [amount], at);
}

function intervalConstant(interval: Interval): Bound {
	return { ...constantOf(interval), ...facts('interval', 'interval') };
}

const CAST_NAMES: readonly (readonly [form: RegExp, type: TimeType])[] = [
	[/^interval$/i, 'interval'],
	[/^(datetime|timestamp|timestamptz)$/i, 'datetime'],
	[/^date$/i, 'date'],
	[/^time$/i, 'time'],
];

/** A cast from or to a time or an interval; undefined if there is none. Throws if it has no meaning. */
export function timeCast(operand: Bound, name: string, at: number): Bound | undefined {
	if (/^jsonb?$/i.test(name)) return timeType(operand) && call(TIME_AS_JSON, [operand], at);
	const to = CAST_NAMES.find(([form]) => form.test(name))?.[1];
	const from = timeType(operand);
	if (to === undefined) {
		if (from === undefined || /CHAR|CLOB|TEXT|STRING|BLOB/i.test(name)) return undefined;
		throw typeError(
			`${NAMES[from]} is not a number`,
			at,
			from === 'interval' || from === 'datetime'
				? 'epoch_ms(x) is a number of milliseconds; extract(hour FROM x), extract(epoch FROM x) … are numbers'
				: 'extract(hour FROM x), extract(year FROM x) … are numbers',
		);
	}
	if (from === to) return operand;
	if (isNumber(operand) && operand.unit === 'ms' && to === 'interval') return call(MILLISECONDS, [operand], at);
	if (isNumber(operand) || operand.type === 'blob')
		throw typeError(
			`${described(operand)} is not ${NAMES[to]}`,
			at,
			to === 'interval'
				? "say the unit: x * interval '1 second'"
				: 'to_timestamp(x) is the time x seconds after 1970 began',
		);
	if (from !== undefined && !CASTS_FROM[from].includes(to))
		throw typeError(`${NAMES[from]} is not ${NAMES[to]}`, at, castHint(from, to));
	if (to === 'time') checkMoment(operand, at);
	else if (from === undefined) checkText(operand, to === 'interval' ? 'interval' : 'instant', at);
	return call(TIME_CASTS[to], [operand], at);
}

const CASTS_FROM: Record<TimeType, readonly TimeType[]> = {
	datetime: ['date', 'time'],
	local: ['date', 'time'],
	date: ['datetime', 'time'],
	time: ['interval'],
	interval: ['time'],
};

function castHint(from: TimeType, to: TimeType): string {
	if (from === 'local') return "x AT TIME ZONE 'Europe/Berlin' is the datetime at which the clocks there show x";
	if (to === 'interval') return 'a - b is the interval between two times';
	return 'a time of day and an interval have no date: add them to one';
}

function checkMoment(bound: Bound, at: number): void {
	const text = literalText(bound);
	if (text === undefined || !Number.isNaN(parseInstant(text)) || parseInterval(text) !== undefined) return;
	throw badText(text, 'instant', at);
}

// ---- time zones -----------------------------------------------------------------------------------------------------

/** `x AT TIME ZONE name`. `isLocal`: x is a literal without a zone, which means the clock of the named one. */
export function atTimeZone(operand: Bound, zone: Bound, isLocal: boolean, [at, zoneAt]: Places): Bound {
	const type = timeType(operand);
	const text = literalText(operand);
	if (text === undefined && !isLocal && type !== 'datetime' && type !== 'local') {
		throw typeError(
			`AT TIME ZONE needs a datetime, got ${described(operand)}`,
			at,
			type === 'date' || type === 'time'
				? "convert the datetime first: (ts AT TIME ZONE 'Europe/Berlin')::date"
				: 'say that it is one: x::datetime AT TIME ZONE …',
		);
	}
	checkText(operand, 'instant', at);
	const isClock = isLocal || type === 'local' || (text !== undefined && !hasZone(text));
	if (zone.type !== 'text' && !isOpen(zone))
		throw typeError(
			`expected the name of a time zone, got ${described(zone)}`,
			zoneAt,
			"for example 'Europe/Berlin' or 'UTC'",
		);
	const find = zoneFinder(zone.constant);
	const name = literalText(zone);
	if (name !== undefined) withPosition(zoneAt, () => find(name));
	return call((isClock ? fromZone : toZone)(find), [operand, zone], at);
}

/** Finds zones by name. An unknown one in a constant, such as a parameter, is an error; in a row it is undefined. */
function zoneFinder(isConstant: boolean): (name: string) => TimeZone | undefined {
	const zones = new Map<string, TimeZone | undefined>();
	return (name) => {
		if (zones.has(name)) return zones.get(name);
		const zone = name.length > MAX_ZONE_NAME ? undefined : timeZone(name);
		if (zone === undefined && isConstant) throw unknownZone(name);
		if (zones.size < MAX_ZONES) zones.set(name, zone);
		return zone;
	};
}

/** Longer texts are not names of time zones. */
const MAX_ZONE_NAME = 64;
/** Maximum number of names that are remembered. */
const MAX_ZONES = 1000;

function unknownZone(name: string): SqlError {
	const names = timeZoneNames();
	const city = name.toLowerCase().replaceAll(' ', '_');
	const ofCity =
		city.length < 3 ? undefined : names.find((zone) => distance(zone.toLowerCase().replace(/.*\//, ''), city) <= 1);
	const hint =
		ofCity === undefined
			? didYouMean(name, names, "names are those of IANA, such as 'Europe/Berlin' or 'UTC'")
			: `did you mean ${ofCity}?`;
	return new SqlError(`unknown time zone '${name.slice(0, 40)}'`, 'ERR_SQL_VALUE', undefined, hint);
}

// ---- arguments of functions -----------------------------------------------------------------------------------------

/** The arguments of a function as it takes them. Throws if one does not fit. */
export function fittedArguments(
	entry: ScalarFunction,
	list: readonly Bound[],
	places: readonly number[],
): readonly Bound[] {
	const accepts = entry.accepts ?? (entry.group === 'number' ? 'number' : undefined);
	if (accepts !== undefined)
		return list.map((argument, index) => acceptedArgument(argument, accepts, entry.name, places[index]!));
	if (entry.takes === undefined) {
		if (entry.group === 'date') {
			for (const [index, argument] of list.entries()) refuseInterval(argument, entry.name, places[index]!);
		}
		return list;
	}
	if (entry.name === 'bucket' && isWidthFirst(list))
		return fittedArguments(entry, [...list].reverse(), [...places].reverse());
	checkNames(entry, list, places[0]!);
	return list.map((argument, index) => {
		const fits = takenArgument(argument, entry.takes![index], entry.name, places[index]!);
		if (entry.name === 'bucket' && fits.kind === 'constant' && fits.value instanceof Interval)
			withPosition(places[index]!, () => positiveInterval(fits.value as Interval));
		return fits;
	});
}

function refuseInterval(argument: Bound, name: string, at: number): void {
	if (timeType(argument) !== 'interval') return;
	throw typeError(
		`${name}() needs a time, got an interval`,
		at,
		'extract(hour FROM x) is a part of an interval, epoch_ms(x) its milliseconds, duration(x) a readable form',
	);
}

/** time_bucket('5m', ts) is bucket(ts, '5m'). */
function isWidthFirst(list: readonly Bound[]): boolean {
	const [first, second] = list as [Bound, Bound];
	const isTime = (bound: Bound) => isInstant(timeType(bound)) || !Number.isNaN(parseInstant(literalText(bound) ?? ''));
	const isWidth = (bound: Bound) =>
		timeType(bound) === 'interval' || parseInterval(literalText(bound) ?? '') !== undefined;
	return !isTime(first) && (isTime(second) || (isWidth(first) && !isWidth(second)));
}

export function acceptedArgument(argument: Bound, accepts: Accepts, name: string, at: number): Bound {
	const type = timeType(argument);
	const text = accepts === 'milliseconds' ? literalText(argument) : undefined;
	const interval = text === undefined || typeof applyNumeric(text) !== 'string' ? undefined : parseInterval(text);
	if (interval !== undefined) return millisecondsOf(interval);
	if (type === undefined || (type === 'interval' && accepts !== 'number')) return argument;
	throw typeError(
		`${name}() needs a number, got ${NAMES[type]}`,
		at,
		/^(median|percentile|p\d\d)/.test(name)
			? 'percentile_disc(0.5) WITHIN GROUP (ORDER BY x) takes any values'
			: type === 'interval' || type === 'datetime'
				? 'epoch_ms(x) is a number of milliseconds'
				: 'extract(hour FROM x), extract(year FROM x) … are numbers',
	);
}

function takenArgument(argument: Bound, take: Take | undefined, name: string, at: number): Bound {
	if (take === undefined) return argument;
	const type = timeType(argument);
	const text = literalText(argument);
	if (take === 'interval') {
		const interval = type === 'time' ? argument : asInterval(argument, at);
		if (interval !== undefined) return interval;
		if (argument.type === 'text' && type === undefined) return argument;
		throw typeError(
			`${name}() needs an interval, got ${described(argument)}`,
			at,
			"write it as '5m' or interval '5 minutes'",
		);
	}
	const isWrong =
		isNumber(argument) || argument.type === 'blob' || (take !== 'moment' && type !== undefined && !isInstant(type));
	if (isWrong) {
		throw typeError(
			`${name}() needs a time, got ${described(argument)}`,
			at,
			isNumber(argument)
				? 'to_timestamp(x) is the time x seconds after 1970 began'
				: 'the time comes from a column such as ts',
		);
	}
	if (text !== undefined && take === 'moment') checkMoment(argument, at);
	else if (text !== undefined) checkText(argument, 'instant', at);
	return argument;
}

/** Fields and units that are literals. */
function checkNames({ name }: ScalarFunction, list: readonly Bound[], at: number): void {
	const text = list[0] === undefined ? undefined : literalText(list[0]);
	if (text === undefined || (name !== 'extract' && name !== 'date_trunc')) return;
	const isField = name === 'extract';
	if ((isField ? fieldOf(text) : truncation(text)) !== undefined) return;
	const names = isField ? FIELD_NAMES : UNIT_NAMES;
	const bucket =
		isField || parseInterval(text) === undefined ? undefined : `time_bucket('${text}', ts) cuts to ${text}`;
	throw new SqlError(
		`unknown ${isField ? 'field' : 'unit'} ${text.slice(0, 40)}`,
		'ERR_SQL_VALUE',
		at,
		bucket ?? didYouMean(text, names, `one of ${names.join(', ')}`),
	);
}

/** The distance of a RANGE frame, in the type of its ORDER BY. */
export function fittedOffset(offset: Bound, order: Bound, at: number): Bound {
	const type = timeType(order);
	if (type === undefined) {
		if (timeType(offset) === 'interval' && order.unit !== 'ms')
			throw typeError('RANGE by an interval needs an ORDER BY of times or intervals', at, 'for example ORDER BY ts');
		return besides(offset, { ...order, constant: false }, at);
	}
	const interval = asInterval(offset, at);
	if (interval !== undefined) return interval;
	throw typeError(
		`RANGE over ${NAMES[type]} needs an interval, got ${described(offset)}`,
		at,
		"for example interval '5 seconds' PRECEDING",
	);
}

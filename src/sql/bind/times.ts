// Types of operations on times and intervals, and the conversion of texts compared with them.
import type { TimeType } from '../../store/table.ts';
import type { ScalarFunction, Take } from '../functions/function-table.ts';
import { SCALAR_FUNCTIONS } from '../functions/functions.ts';
import { MILLISECONDS, TIME_CASTS } from '../functions/time-operators.ts';
import { SqlError } from '../limits/sql-error.ts';
import { parseInstant } from '../values/instant.ts';
import { Interval, parseInterval, totalMicros } from '../values/interval.ts';
import { measure, type Scale } from '../values/measure.ts';
import { applyNumeric, type StaticType, type Value } from '../values/value.ts';
import type { Bound, Facts } from './bound.ts';
import { constantOf, facts } from './facts.ts';

const TIME_TYPES: ReadonlySet<string> = new Set<TimeType>(['datetime', 'local', 'date', 'time', 'interval']);

export function timeType({ output }: Facts): TimeType | undefined {
	return output !== undefined && TIME_TYPES.has(output) ? (output as TimeType) : undefined;
}

export function isInstant(type: TimeType | undefined): type is 'datetime' | 'local' | 'date' {
	return type === 'datetime' || type === 'local' || type === 'date';
}

/** The value of a text literal, after folding. */
export function literalText(bound: Bound): string | undefined {
	return bound.kind === 'constant' && typeof bound.value === 'string' && timeType(bound) === undefined
		? bound.value
		: undefined;
}

export function isNumber({ type, unit }: Bound): boolean {
	return type === 'int' || type === 'real' || unit !== undefined;
}

/** Whether the type is known only when the statement runs. */
export function isOpen({ type, kind }: Bound): boolean {
	return type === 'any' || type === 'null' || kind === 'parameter';
}

/** Calls an operator. If all operands are constants, so is the result. */
export function call(entry: ScalarFunction, list: readonly Bound[], at: number): Bound {
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

export function withPosition<T>(at: number, work: () => T): T {
	try {
		return work();
	} catch (error) {
		if (!(error instanceof SqlError) || error.position !== undefined) throw error;
		throw new SqlError(error.message, error.code as 'ERR_SQL_VALUE', at, error.hint);
	}
}

/** The results of SQLite's time functions are texts, but arithmetic with them would only use their year. */
const TEXTS_OF_TIMES: ReadonlyMap<string, TimeType> = new Map([
	['datetime', 'datetime'],
	['date', 'date'],
	['time', 'time'],
]);

export function operandType(bound: Bound): TimeType | undefined {
	return timeType(bound) ?? (bound.kind === 'call' ? TEXTS_OF_TIMES.get(bound.function.name) : undefined);
}

// ---- errors ---------------------------------------------------------------------------------------------------------

export const NAMES: Record<TimeType, string> = {
	datetime: 'a datetime',
	local: 'a local datetime',
	date: 'a date',
	time: 'a time of day',
	interval: 'an interval',
};

export function described(bound: Bound): string {
	const type = operandType(bound);
	if (type !== undefined) return NAMES[type];
	return isNumber(bound) ? 'a number' : bound.type === 'blob' ? 'a blob' : 'a text';
}

export function typeError(message: string, at: number, hint: string): SqlError {
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
		if (/^\d\d?:\d\d/.test(text)) return `x::time is the time of day of a datetime: ts::time > '${text}'`;
		const interval = parseInterval(text);
		if (interval !== undefined)
			return totalMicros(interval) < 0 ? "ago('5m') is 5 minutes before now" : `ago('${text}') is this long before now`;
		return "write the date as year-month-day: '2026-11-22', '2026-11-22 12:56', '2026-11-22T12:56:01.5+01:00'";
	}
	if (scale === 'clock') return "write it as '9:00' or '12:56:01.5'";
	return "write it as '5m', '5 minutes', '1 month' or '3 days 04:05:06', up to 285 years";
}

export function checkText(bound: Bound, scale: Scale, at: number): void {
	const text = literalText(bound);
	if (text !== undefined && Number.isNaN(measure(text, scale))) throw badText(text, scale, at);
}

export function checkMoment(bound: Bound, at: number): void {
	const text = literalText(bound);
	if (text === undefined || !Number.isNaN(parseInstant(text)) || parseInterval(text) !== undefined) return;
	throw badText(text, 'instant', at);
}

export function seconds(number: string): string {
	return `${number} second${number === '1' ? '' : 's'}`;
}

// ---- comparisons ----------------------------------------------------------------------------------------------------

/** Offsets of the two sides, for errors. */
export type Places = readonly [left: number, right: number];

/** The scale on which two sides are compared if one is a time or an interval. Throws if they cannot be compared. */
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

export function commonScale(a: TimeType, b: TimeType): Scale | undefined {
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
 * The two sides as they are compared if a number of milliseconds meets an interval or a text such as '10ms'. Throws
 * if a number is compared with a text that is not a number.
 */
export function fitted(left: Bound, right: Bound, [leftAt, rightAt]: Places): readonly [left: Bound, right: Bound] {
	return [besides(left, right, leftAt), besides(right, left, rightAt)];
}

/**
 * Expressions of which one is the result, such as the branches of CASE: next to times, literals become times if they
 * can.
 */
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

/** Operands of + or -. A text such as '10ms' next to a number of milliseconds becomes one, too. */
export function withDurations(
	left: Bound,
	right: Bound,
	[leftAt, rightAt]: Places,
): readonly [left: Bound, right: Bound] {
	const duration = (bound: Bound, other: Bound, at: number): Bound => {
		const text = other.unit === 'ms' ? literalText(bound) : undefined;
		if (text === undefined || typeof applyNumeric(text) !== 'string') return bound;
		const interval = parseInterval(text);
		if (interval === undefined) throw notANumber(text, nameOf(other), true, at);
		return millisecondsOf(interval);
	};
	return [duration(left, right, leftAt), duration(right, left, rightAt)];
}

/** `bound` in the form in which it is compared with `other`. */
export function besides(bound: Bound, other: Bound, at: number): Bound {
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

/** Throws, because no text or number equals a blob. */
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
	const bytes = /^\s*(\d+(?:\.\d+)?)\s*([kmg])(i?)b?\s*$/i.exec(text);
	const hint =
		bytes !== null && parseInterval(text) === undefined
			? `write the number: ${Number(bytes[1]) * (bytes[3] === '' ? 1000 : 1024) ** (1 + 'kmg'.indexOf(bytes[2]!.toLowerCase()))}`
			: text.trim() === ''
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

/** For a constant expression next to a number: a text must be a number or, for milliseconds, a duration. */
function expectedNumber(name: string, milliseconds: boolean): ScalarFunction {
	return {
		...MILLISECONDS,
		name: '::number',
		type: 'any',
		output: () => undefined,
		create: () => (value) => numberOf(value!, name, milliseconds, undefined),
	};
}

/** A text as the number that it is compared with. Throws if it is not a number. */
export function numberOf(value: Value, name: string, milliseconds: boolean, at: number | undefined): Value {
	if (typeof value !== 'string' || typeof applyNumeric(value) !== 'string') return value;
	const interval = milliseconds ? parseInterval(value) : undefined;
	if (interval === undefined) throw notANumber(value, name, milliseconds, at);
	return totalMicros(interval) / 1000;
}

export function millisecondsOf(interval: Interval): Bound {
	return { kind: 'constant', value: totalMicros(interval) / 1000, constant: true, ...facts('real') };
}

function epochMs(interval: Bound, at: number): Bound {
	if (interval.kind === 'constant' && interval.value instanceof Interval) return millisecondsOf(interval.value);
	return call(SCALAR_FUNCTIONS.get('epoch_ms')!, [interval], at);
}

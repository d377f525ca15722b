// Operators and casts on times and intervals, as functions that the binder calls. Their names are not words, so SQL text
// cannot call them.
import type { ColumnType, TimeType } from '../../store/table.ts';
import { SqlError } from '../limits/sql-error.ts';
import { dateText, hasZone, instantText, localText, parseInstant, timeOfDay, timeText } from '../values/instant.ts';
import {
	addIntervals,
	Interval,
	intervalBetween,
	intervalOf,
	parseInterval,
	scaleInterval,
	shiftInstant,
	totalMicros,
} from '../values/interval.ts';
import type { TimeZone } from '../values/time-zone.ts';
import { applyNumeric, Real, type StaticType, toDouble, toText, type Value } from '../values/value.ts';
import type { Evaluate, ScalarFunction, Take } from './function-table.ts';
import { jsonOf } from './json.ts';

type Outputs = readonly (ColumnType | undefined)[];

function operator(
	name: string,
	takes: readonly (Take | undefined)[],
	type: StaticType,
	output: ScalarFunction['output'],
	create: (outputs: Outputs) => Evaluate,
): ScalarFunction {
	return {
		name,
		signature: name,
		doc: '',
		example: ['', null],
		group: 'date',
		minArguments: takes.length,
		maxArguments: takes.length,
		takes,
		type,
		...(output !== undefined && { output }),
		strict: true,
		create: (_context, outputs) => create(outputs),
	};
}

/** Writes an instant as a datetime, or as a local one if the first argument is local. */
export function timeWriter(outputs: Outputs): (instant: number) => string | null {
	return outputs[0] === 'local' ? localText : instantText;
}

/** The type of a result that is a datetime, or a local one if the first argument is local. */
export const sameClock = ([first]: Outputs): TimeType => (first === 'local' ? 'local' : 'datetime');

function shift(name: string, sign: 1 | -1): ScalarFunction {
	return operator(name, ['instant', 'interval'], 'text', sameClock, (outputs) => {
		const write = timeWriter(outputs);
		return (instant, interval) => write(shiftInstant(instant as number, interval as Interval, sign));
	});
}

/** A time of day wraps around at midnight. */
function shiftClock(name: string, sign: 1 | -1): ScalarFunction {
	return operator(name, ['clock', 'interval'], 'text', 'time', () => (clock, interval) => {
		const { micros } = interval as Interval;
		return timeText(timeOfDay((clock as number) + sign * micros));
	});
}

function combine(name: string, sign: 1 | -1): ScalarFunction {
	return operator(
		name,
		['interval', 'interval'],
		'interval',
		'interval',
		() => (a, b) => addIntervals(a as Interval, b as Interval, sign),
	);
}

/** `isConstant`: a factor that is not a number, such as a parameter, is an error instead of NULL. */
export function scale(name: '*' | '/', isConstant: boolean): ScalarFunction {
	return operator(name, ['interval', undefined], 'interval', 'interval', () => (interval, by) => {
		const number = factorOf(by!, isConstant);
		const factor = name === '*' ? number : 1 / number;
		return Number.isFinite(factor) ? scaleInterval(interval as Interval, factor) : null;
	});
}

/** NaN for values that are not numbers. */
function factorOf(value: Value, isConstant: boolean): number {
	const number = applyNumeric(value);
	if (typeof number === 'number' || typeof number === 'bigint' || number instanceof Real) return toDouble(number);
	if (!isConstant) return Number.NaN;
	throw new SqlError(
		`expected a number, got ${value === null ? 'NULL' : `'${toText(value).slice(0, 40)}'`}`,
		'ERR_SQL_TYPE',
		undefined,
		"an interval is multiplied by a number: 2 * interval '1 second'",
	);
}

export const SHIFTS = { '+': shift('+', 1), '-': shift('-', -1) };
export const CLOCK_SHIFTS = { '+': shiftClock('+', 1), '-': shiftClock('-', -1) };
export const COMBINATIONS = { '+': combine('+', 1), '-': combine('-', -1) };

export const DIFFERENCE = operator('-', ['instant', 'instant'], 'interval', 'interval', () => {
	return (a, b) => intervalBetween(b as number, a as number) ?? null;
});

export const CLOCK_DIFFERENCE = operator('-', ['clock', 'clock'], 'interval', 'interval', () => {
	return (a, b) => intervalOf(0, (a as number) - (b as number));
});

/**
 * A value of unknown type, moved by an interval: an instant or another interval. Anything else gives NULL, or for a
 * constant such as a parameter an error.
 */
export function moveAny(name: '+' | '-', isConstant: boolean): ScalarFunction {
	const sign = name === '+' ? 1 : -1;
	return operator(name, [undefined, 'interval'], 'any', undefined, () => (value, by) => {
		const interval = by as Interval;
		if (value instanceof Interval) return addIntervals(value, interval, sign);
		const instant = typeof value === 'string' ? parseInstant(value) : Number.NaN;
		if (Number.isNaN(instant) || typeof value !== 'string') {
			const other = otherInterval(value!, isConstant);
			return other === null ? null : addIntervals(other, interval, sign);
		}
		const isLocal = /\d:\d/.test(value) && !hasZone(value);
		return (isLocal ? localText : instantText)(shiftInstant(instant, interval, sign));
	});
}

/** A datetime minus a value of unknown type: another instant, or an interval. */
export function minusAny(isConstant: boolean): ScalarFunction {
	return operator('-', ['instant', undefined], 'any', undefined, (outputs) => (instant, value) => {
		const other = typeof value === 'string' ? parseInstant(value) : Number.NaN;
		if (!Number.isNaN(other)) return intervalBetween(other, instant as number) ?? null;
		const interval = otherInterval(value!, isConstant);
		return interval && timeWriter(outputs)(shiftInstant(instant as number, interval, -1));
	});
}

function otherInterval(value: Value, isConstant: boolean): Interval | null {
	if (value instanceof Interval) return value;
	const interval = typeof value === 'string' ? parseInterval(value) : undefined;
	if (interval !== undefined) return interval;
	if (!isConstant) return null;
	throw new SqlError(
		`expected a time or an interval next to + or -, got ${typeof value === 'string' ? `'${value.slice(0, 40)}'` : 'a number'}`,
		'ERR_SQL_TYPE',
		undefined,
		"a number of seconds as an interval is x * interval '1 second'",
	);
}

export const NEGATION = operator('-', ['interval'], 'interval', 'interval', () => {
	return (interval) => scaleInterval(interval as Interval, -1);
});

/** From a number of milliseconds. */
export const MILLISECONDS = operator('::interval', [undefined], 'interval', 'interval', () => {
	return (value) => intervalOf(0, toDouble(value!) * 1000);
});

/** A number and a unit, as in `interval :n minute`. */
export function unitInterval(unit: Interval, isConstant: boolean): ScalarFunction {
	return operator('interval', [undefined], 'interval', 'interval', () => (value) => {
		const number = factorOf(value!, isConstant);
		return Number.isFinite(number) ? scaleInterval(unit, number) : null;
	});
}

// ---- casts ----------------------------------------------------------------------------------------------------------

export const TIME_CASTS: Record<TimeType, ScalarFunction> = {
	interval: operator('::interval', ['interval'], 'interval', 'interval', () => (value) => value!),
	datetime: operator('::datetime', ['instant'], 'text', 'datetime', () => (instant) => instantText(instant as number)),
	local: operator('::local', ['instant'], 'text', 'local', () => (instant) => localText(instant as number)),
	date: operator('::date', ['instant'], 'text', 'date', () => (instant) => dateText(instant as number)),
	time: operator(
		'::time',
		['moment'],
		'text',
		'time',
		() => (value) => timeText(value instanceof Interval ? timeOfDay(totalMicros(value)) : (value as number)),
	),
};

/** Times and intervals are JSON strings. */
export const TIME_AS_JSON = operator(
	'::json',
	[undefined],
	'text',
	'json',
	([output]) =>
		(value) =>
			jsonOf(value!, output),
);

// ---- time zones -----------------------------------------------------------------------------------------------------

/**
 * The time that the clock and calendar of a time zone show at an instant. `zone` finds the zone by name; NULL if there
 * is none.
 */
export function toZone(zone: (name: string) => TimeZone | undefined): ScalarFunction {
	return operator('AT TIME ZONE', ['instant', undefined], 'text', 'local', () => {
		return (instant, name) => localText(zone(toText(name!))?.localOf(instant as number) ?? Number.NaN);
	});
}

/** The instant at which the clock of a time zone shows this time. */
export function fromZone(zone: (name: string) => TimeZone | undefined): ScalarFunction {
	return operator('AT TIME ZONE', ['instant', undefined], 'text', 'datetime', () => {
		return (local, name) => instantText(zone(toText(name!))?.instantOf(local as number) ?? Number.NaN);
	});
}

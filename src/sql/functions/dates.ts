// Date and time functions. Everything is UTC.
import { SqlError } from '../limits/sql-error.ts';
import { instantText } from '../values/instant.ts';
import { Interval, positiveInterval, SECOND, shiftInstant, totalMicros } from '../values/interval.ts';
import { toReal, toText, type Value, wholeNumber } from '../values/value.ts';
import { bucketStart, FIELD_NAMES, fieldOf, truncation, UNIT_NAMES } from './calendar.ts';
import { durationText } from './duration.ts';
import type { FunctionDoc, ScalarFunction } from './function-table.ts';
import { formatTime, julianDay, timeOf } from './sqlite-time.ts';
import { sameClock, timeWriter } from './time-operators.ts';

const MODIFIERS = "'+2 hours', '-5 minutes', 'start of day', 'weekday 0', 'unixepoch' …";

function doc(
	name: string,
	signature: string,
	text: string,
	example: FunctionDoc['example'],
	min: number,
	max = Number.POSITIVE_INFINITY,
): FunctionDoc {
	return { name, signature, doc: text, example, group: 'date', minArguments: min, maxArguments: max };
}

/** A function that formats an instant. */
function written(name: string, text: string, format: string, example: readonly [string, string]): ScalarFunction {
	return {
		...doc(name, `${name}(time, modifier, …)`, text, example, 0),
		type: 'text',
		strict: false,
		create:
			({ now }) =>
			(...values) => {
				const time = timeOf(values, now);
				return time === undefined ? null : formatTime(format, time)!;
			},
		createTimed:
			({ now }) =>
			(micros, ...modifiers) => {
				const time = modifiers.length === 0 ? micros : timeOf([instantText(micros), ...modifiers], now);
				return time === undefined ? null : formatTime(format, time)!;
			},
	};
}

export const DATE_FUNCTIONS: readonly ScalarFunction[] = [
	written('datetime', `date and time; modifiers are ${MODIFIERS}`, '%F %T', [
		"datetime('2026-11-22T12:56:01.123456Z', '+1 hour')",
		'2026-11-22 13:56:01',
	]),
	written('date', 'the date', '%F', ["date('2026-11-22T12:56:01Z')", '2026-11-22']),
	written('time', 'the time of day', '%T', ["time('2026-11-22T12:56:01Z')", '12:56:01']),
	{
		...doc(
			'strftime',
			'strftime(format, time, modifier, …)',
			'a time in a format: the letters of POSIX such as %Y %m %d %H %M %S %a %b %j, and %f, the seconds with milliseconds',
			["strftime('%H:%M', '2026-11-22T12:56:01Z')", '12:56'],
			1,
		),
		type: 'text',
		strict: false,
		create:
			({ now }, outputs) =>
			(format, ...values) => {
				if (format === null) return null;
				const time = timeOf(values, now);
				const zone = outputs[1] === 'local' ? '' : 'UTC';
				return time === undefined ? null : (formatTime(toText(format!), time, zone) ?? null);
			},
	},
	{
		...doc(
			'julianday',
			'julianday(time, modifier, …)',
			'days since noon on 24 November 4714 BC',
			["julianday('2000-01-01T12:00:00Z')", 2451545],
			0,
		),
		type: 'real',
		strict: false,
		create:
			({ now }) =>
			(...values) => {
				const time = timeOf(values, now);
				return time === undefined ? null : julianDay(time);
			},
	},
	{
		...doc(
			'unixepoch',
			'unixepoch(time, modifier, …)',
			'seconds since 1970',
			["unixepoch('2026-11-22T12:56:01.123456Z')", 1795352161],
			0,
		),
		type: 'int',
		strict: false,
		create:
			({ now }) =>
			(...values) => {
				const time = timeOf(values, now);
				// SQLite rounds to milliseconds first, so .9996 is the next second.
				return time === undefined ? null : Math.floor(Math.round(time / 1000) / 1000);
			},
	},
	{
		...doc('now', 'now()', 'the time at which the statement began', ["now() > '2026-01-01'", 1], 0, 0),
		type: 'text',
		output: 'datetime',
		strict: false,
		create:
			({ now }) =>
			() =>
				instantText(now),
	},
	{
		...doc(
			'ago',
			'ago(interval)',
			'the time this long before now: 500ms, 10s, 5m, 2h, 1d, 1 month',
			["ago('5m') < now()", 1],
			1,
			1,
		),
		type: 'text',
		output: 'datetime',
		takes: ['interval'],
		strict: true,
		create:
			({ now }) =>
			(interval) =>
				instantText(shiftInstant(now, interval as Interval, -1)),
	},
	{
		...doc(
			'bucket',
			'bucket(time, interval)',
			'the start of the interval that contains the time; group by it to see rates. The arguments may be swapped',
			["bucket('2026-11-22T12:56:01.123456Z', '10s')", '2026-11-22T12:56:00.000000Z'],
			2,
			2,
		),
		type: 'text',
		output: sameClock,
		takes: ['instant', 'interval'],
		strict: true,
		create: (_context, outputs) => {
			const write = timeWriter(outputs);
			// Neighbouring rows are usually in the same bucket.
			let last = Number.NaN;
			let text: string | null = null;
			return (instant, interval) => {
				const start = bucketStart(instant as number, positiveInterval(interval as Interval));
				if (start !== last) {
					last = start;
					text = write(start);
				}
				return text;
			};
		},
	},
	{
		...doc(
			'date_trunc',
			'date_trunc(unit, time)',
			`a time or an interval cut to a unit: ${UNIT_NAMES.slice(2).join(', ')}`,
			["date_trunc('hour', '2026-11-22T12:56:01Z')", '2026-11-22T12:00:00.000000Z'],
			2,
			2,
		),
		type: ([, type]) => (type === 'interval' ? 'interval' : 'text'),
		output: ([, output]) => (output === 'interval' ? output : sameClock([output])),
		takes: [undefined, 'moment'],
		strict: true,
		create: (_context, [, output]) => {
			const write = timeWriter([output]);
			return (unit, value) => {
				const cut =
					truncation(toText(unit!)) ?? unknown('unit', unit, UNIT_NAMES, "time_bucket('5m', ts) cuts to 5 minutes");
				if (!(value instanceof Interval)) return write(cut.instant(value as number));
				return cut.interval?.(value) ?? unknown('unit of an interval', unit, UNIT_NAMES);
			};
		},
	},
	{
		...doc(
			'extract',
			'extract(field FROM time)',
			`a field of a time or an interval: ${FIELD_NAMES.join(', ')}`,
			["extract(hour FROM '2026-11-22T12:56:01Z')", 12],
			2,
			2,
		),
		type: 'any',
		takes: [undefined, 'moment'],
		strict: true,
		create: (_context, [, output]) => {
			return (name, value) => {
				const field = fieldOf(toText(name!)) ?? unknown('field', name, FIELD_NAMES);
				if (value instanceof Interval) return field.interval?.(value) ?? unknown('field of an interval', name);
				if (output === 'time' && field.ofClock !== true) return unknown('field of a time of day', name);
				return field.instant!(value as number);
			};
		},
	},
	{
		...doc(
			'epoch_ms',
			'epoch_ms(time)',
			'milliseconds since 1970, or those of an interval',
			["epoch_ms(interval '1.5 seconds')", 1500],
			1,
			1,
		),
		type: 'real',
		takes: ['moment'],
		strict: true,
		create: () => (value) => toReal(milliseconds(value!)),
	},
	{
		...doc(
			'to_timestamp',
			'to_timestamp(seconds)',
			'the time this many seconds after 1970 began',
			['to_timestamp(1795352161.5)', '2026-11-22T12:56:01.500000Z'],
			1,
			1,
		),
		type: 'text',
		output: 'datetime',
		accepts: 'number',
		strict: true,
		create: () => (given) => {
			const seconds = wholeNumber(given!);
			return seconds === undefined ? null : instantText(shiftInstant(seconds * SECOND, new Interval(0, 0), 1));
		},
	},
	{
		...doc(
			'duration',
			'duration(milliseconds)',
			'a length of time, in milliseconds or an interval, in readable form',
			['duration(1234.5)', '1.23 s'],
			1,
			1,
		),
		type: 'text',
		accepts: 'milliseconds',
		strict: true,
		create: () => (value) => {
			const length = value instanceof Interval ? milliseconds(value) : wholeNumber(value!);
			return length === undefined ? null : durationText(length);
		},
	},
];

function milliseconds(value: Value): number {
	return (value instanceof Interval ? totalMicros(value) : (value as number)) / 1000;
}

function unknown(what: string, name: Value | undefined, names: readonly string[] = [], hint?: string): never {
	const list = names.length === 0 ? '' : `: expected one of ${names.join(', ')}`;
	throw new SqlError(`${toText(name!).slice(0, 40)} is no ${what}${list}`, 'ERR_SQL_VALUE', undefined, hint);
}

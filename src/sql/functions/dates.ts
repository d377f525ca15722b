// Date and time functions. Everything is UTC.
import { parseInstant } from '../values/instant.ts';
import { toDouble, toText, type Value } from '../values/value.ts';
import { durationText, parseDuration } from './duration.ts';
import type { FunctionContext, FunctionDoc, ScalarFunction } from './function-table.ts';
import { formatTime, julianDay, timeOf } from './sqlite-time.ts';

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
				const time = modifiers.length === 0 ? micros : timeOf([isoText(micros), ...modifiers], now);
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
			'a time in a format with %Y %m %d %H %M %S %f %j %s %w %W',
			["strftime('%H:%M', '2026-11-22T12:56:01Z')", '12:56'],
			1,
		),
		type: 'text',
		strict: false,
		create:
			({ now }) =>
			(format, ...values) => {
				if (format === null) return null;
				const time = timeOf(values, now);
				return time === undefined ? null : (formatTime(toText(format!), time) ?? null);
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
				isoText(now),
	},
	{
		...doc(
			'ago',
			'ago(duration)',
			'the time this long before now: 500ms, 10s, 5m, 2h, 1d',
			["ago('5m') < now()", 1],
			1,
			1,
		),
		type: 'text',
		output: 'datetime',
		strict: true,
		create:
			({ now }) =>
			(duration) =>
				isoText(now - parseDuration(toText(duration!))),
	},
	{
		...doc(
			'bucket',
			'bucket(time, duration)',
			'the start of the interval that contains the time; group by it to see rates',
			["bucket('2026-11-22T12:56:01.123456Z', '10s')", '2026-11-22T12:56:00.000000Z'],
			2,
			2,
		),
		type: 'text',
		output: 'datetime',
		strict: true,
		create: (context) => {
			const start = bucketStart(context);
			return (time, duration) => {
				const micros = parseInstant(toText(time!));
				return Number.isNaN(micros) ? null : start(micros, duration!);
			};
		},
		createTimed: (context) => bucketStart(context),
	},
	{
		...doc(
			'duration',
			'duration(milliseconds)',
			'a length of time in readable form',
			['duration(1234.5)', '1.23 s'],
			1,
			1,
		),
		type: 'text',
		strict: true,
		create: () => (value) => durationText(toDouble(value!)),
	},
];

/** `2026-11-22T12:56:01.123456Z` */
function isoText(micros: number): string | null {
	const milliseconds = Math.floor(micros / 1000);
	if (!(Math.abs(milliseconds) <= 8.64e15)) return null;
	const rest = Math.floor(micros - milliseconds * 1000);
	return `${new Date(milliseconds).toISOString().slice(0, -1)}${String(rest).padStart(3, '0')}Z`;
}

/** Caches the last bucket's text, because neighbouring rows are usually in the same bucket. */
function bucketStart(_context: FunctionContext): (micros: number, duration?: Value) => Value {
	let lastDuration: Value = null;
	let width = 0;
	let lastStart = Number.NaN;
	let lastText: string | null = null;
	return (micros, duration = null) => {
		if (duration === null) return null;
		if (duration !== lastDuration) {
			width = parseDuration(toText(duration));
			lastDuration = duration;
			lastStart = Number.NaN;
		}
		if (width <= 0) return null;
		const start = Math.floor(micros / width) * width;
		if (start !== lastStart) {
			lastStart = start;
			lastText = isoText(start);
		}
		return lastText;
	};
}

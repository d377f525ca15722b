// Arguments of functions, and offsets of window frames, that are times or intervals.
import { FIELD_NAMES, fieldOf, truncation, UNIT_NAMES } from '../functions/calendar.ts';
import type { Accepts, ScalarFunction, Take } from '../functions/function-table.ts';
import { SqlError } from '../limits/sql-error.ts';
import { parseInstant } from '../values/instant.ts';
import { Interval, parseInterval, positiveInterval } from '../values/interval.ts';
import { applyNumeric, wholeNumber } from '../values/value.ts';
import type { Bound } from './bound.ts';
import { didYouMean } from './schema.ts';
import { asInterval } from './time-arithmetic.ts';
import {
	besides,
	checkMoment,
	checkText,
	described,
	isInstant,
	isNumber,
	literalText,
	millisecondsOf,
	NAMES,
	timeType,
	typeError,
	withPosition,
} from './times.ts';

/** The arguments of a function, converted to what it takes. Throws if one does not fit. */
export function fittedArguments(
	entry: ScalarFunction,
	list: readonly Bound[],
	places: readonly number[],
): readonly Bound[] {
	// As in DuckDB: strftime(ts, '%H'), date_trunc(ts, 'hour').
	if (list.length === 2 && TIME_LAST.has(entry.name) && timeType(list[0]!) !== undefined && isPlainText(list[1]!))
		return fittedArguments(entry, [list[1]!, list[0]!], [places[1]!, places[0]!]);
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

/** Functions whose first argument is a text and the second a time. */
const TIME_LAST: ReadonlySet<string> = new Set(['strftime', 'date_trunc']);

function isPlainText(bound: Bound): boolean {
	return bound.type === 'text' && timeType(bound) === undefined;
}

function refuseInterval(argument: Bound, name: string, at: number): void {
	if (timeType(argument) !== 'interval') return;
	throw typeError(
		`${name}() needs a time, got an interval`,
		at,
		'extract(hour FROM x) is a part of an interval, epoch_ms(x) its milliseconds, duration(x) a readable form',
	);
}

/** time_bucket('5m', ts) is the same as bucket(ts, '5m'). */
function isWidthFirst(list: readonly Bound[]): boolean {
	const [first, second] = list as [Bound, Bound];
	const isTime = (bound: Bound) => isInstant(timeType(bound)) || !Number.isNaN(parseInstant(literalText(bound) ?? ''));
	const isWidth = (bound: Bound) =>
		timeType(bound) === 'interval' || parseInterval(literalText(bound) ?? '') !== undefined;
	return !isTime(first) && (isTime(second) || (isWidth(first) && !isWidth(second)));
}

/** Functions for which a text that only begins with a number, or does not, is no number. SQLite's own read such texts. */
const WHOLE: ReadonlySet<string> = new Set(['to_timestamp', 'duration', 'bytes']);

export function acceptedArgument(argument: Bound, accepts: Accepts, name: string, at: number): Bound {
	const type = timeType(argument);
	const text = accepts === 'milliseconds' ? literalText(argument) : undefined;
	const interval = text === undefined || typeof applyNumeric(text) !== 'string' ? undefined : parseInterval(text);
	if (interval !== undefined) return millisecondsOf(interval);
	const literal = literalText(argument);
	if (literal !== undefined && WHOLE.has(name) && wholeNumber(literal) === undefined) {
		const isTime = name === 'to_timestamp' && !Number.isNaN(parseInstant(literal));
		throw typeError(
			`${name}() needs a number, got '${literal.slice(0, 40)}'`,
			at,
			isTime ? `'${literal}'::datetime is this time` : 'write a number without quotes',
		);
	}
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

/** Checks fields and units that are literals. */
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

/** The offset of a RANGE frame, in the type of its ORDER BY. */
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

// Interval literals, casts from and to times and intervals, and AT TIME ZONE.
import { distance } from 'fastest-levenshtein';
import type { TimeType } from '../../store/table.ts';
import { fromZone, MILLISECONDS, TIME_AS_JSON, TIME_CASTS, toZone, unitInterval } from '../functions/time-operators.ts';
import { SqlError } from '../limits/sql-error.ts';
import { hasZone } from '../values/instant.ts';
import { type Interval, isIntervalUnit, parseInterval } from '../values/interval.ts';
import { type TimeZone, timeZone, timeZoneNames } from '../values/time-zone.ts';
import type { Bound } from './bound.ts';
import { constantOf, facts } from './facts.ts';
import { didYouMean } from './schema.ts';
import {
	badText,
	call,
	checkMoment,
	checkText,
	described,
	isNumber,
	isOpen,
	literalText,
	NAMES,
	type Places,
	timeType,
	typeError,
	withPosition,
} from './times.ts';

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

/** A cast from or to a time or an interval; undefined for other casts. Throws if it is meaningless. */
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

// ---- time zones -----------------------------------------------------------------------------------------------------

/** `x AT TIME ZONE name`. `isLocal`: x is a literal without a zone, so it is a time on the clock of the named zone. */
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

/** Finds zones by name. An unknown zone is an error in a constant, such as a parameter; in a row it is undefined. */
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
/** Maximum number of names remembered. */
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

// Fields of dates and times, and the units of the calendar.
import { parseInstant } from '../values/instant.ts';
import { addMonths, DAY, HOUR, Interval, MINUTE, SECOND, totalMicros } from '../values/interval.ts';
import { toReal, type Value } from '../values/value.ts';

/** A Monday. Weeks and other buckets are counted from it, as in TimescaleDB and DuckDB. */
const ORIGIN = parseInstant('2000-01-03');
/** Buckets of months are counted from here. */
const MONTH_ORIGIN = 2000 * 12;

function dateOf(instant: number): Date {
	return new Date(Math.floor(instant / 1000));
}

function startOfYear(year: number): number {
	const date = new Date(0);
	date.setUTCFullYear(year);
	return date.getTime() * 1000;
}

/** Days since 1 January. */
export function dayOfYear(instant: number): number {
	return Math.floor((instant - startOfYear(dateOf(instant).getUTCFullYear())) / DAY);
}

/** The week and its year by ISO 8601: the week belongs to the year of its Thursday. */
export function isoWeek(instant: number): { year: number; week: number } {
	const thursday = instant + (3 - ((dateOf(instant).getUTCDay() + 6) % 7)) * DAY;
	return { year: dateOf(thursday).getUTCFullYear(), week: Math.floor(dayOfYear(thursday) / 7) + 1 };
}

/** Microseconds since the beginning of the minute, hour or the like. */
function since(instant: number, length: number): number {
	return instant - Math.floor(instant / length) * length;
}

// ---- fields ---------------------------------------------------------------------------------------------------------

type Field = {
	readonly instant?: (instant: number) => Value;
	readonly interval?: (interval: Interval) => Value;
	/** Whether a time of day has this field. */
	readonly ofClock?: boolean;
};

const whole = (micros: number, length: number, below: number) => Math.trunc(micros / length) % below;

const CLOCK_FIELDS: Record<string, Field> = {
	microseconds: {
		ofClock: true,
		instant: (instant) => Math.round(since(instant, MINUTE)),
		interval: ({ micros }) => (micros % MINUTE) + 0,
	},
	milliseconds: {
		ofClock: true,
		instant: (instant) => toReal(since(instant, MINUTE) / 1000),
		interval: ({ micros }) => toReal((micros % MINUTE) / 1000),
	},
	second: {
		ofClock: true,
		instant: (instant) => toReal(since(instant, MINUTE) / SECOND),
		interval: ({ micros }) => toReal((micros % MINUTE) / SECOND),
	},
	minute: {
		ofClock: true,
		instant: (instant) => Math.floor(since(instant, HOUR) / MINUTE),
		interval: ({ micros }) => whole(micros, MINUTE, 60) + 0,
	},
	hour: {
		ofClock: true,
		instant: (instant) => Math.floor(since(instant, DAY) / HOUR),
		interval: ({ micros }) => whole(micros, HOUR, 24) + 0,
	},
	epoch: {
		ofClock: true,
		instant: (instant) => toReal(instant / SECOND),
		interval: (interval) => toReal(totalMicros(interval) / SECOND),
	},
};

const DATE_FIELDS: Record<string, Field> = {
	day: { instant: (instant) => dateOf(instant).getUTCDate(), interval: ({ micros }) => Math.trunc(micros / DAY) + 0 },
	dow: { instant: (instant) => dateOf(instant).getUTCDay() },
	isodow: { instant: (instant) => dateOf(instant).getUTCDay() || 7 },
	doy: { instant: (instant) => dayOfYear(instant) + 1 },
	week: { instant: (instant) => isoWeek(instant).week },
	isoyear: { instant: (instant) => isoWeek(instant).year },
	month: { instant: (instant) => dateOf(instant).getUTCMonth() + 1, interval: ({ months }) => (months % 12) + 0 },
	quarter: {
		instant: (instant) => Math.floor(dateOf(instant).getUTCMonth() / 3) + 1,
		interval: ({ months }) => Math.trunc((months % 12) / 3) + 1,
	},
	year: {
		instant: (instant) => dateOf(instant).getUTCFullYear(),
		interval: ({ months }) => Math.trunc(months / 12) + 0,
	},
	decade: { instant: (instant) => Math.floor(dateOf(instant).getUTCFullYear() / 10) },
	century: { instant: (instant) => Math.ceil(dateOf(instant).getUTCFullYear() / 100) },
	millennium: { instant: (instant) => Math.ceil(dateOf(instant).getUTCFullYear() / 1000) },
};

const FIELDS: ReadonlyMap<string, Field> = new Map(Object.entries({ ...CLOCK_FIELDS, ...DATE_FIELDS }));

export const FIELD_NAMES: readonly string[] = [...FIELDS.keys()];

/** Other names and plurals of fields and units. */
const OTHER_NAMES = new Map([
	['us', 'microseconds'],
	['microsecond', 'microseconds'],
	['ms', 'milliseconds'],
	['millisecond', 'milliseconds'],
	['s', 'second'],
	['sec', 'second'],
	['m', 'minute'],
	['min', 'minute'],
	['h', 'hour'],
	['d', 'day'],
	['dayofmonth', 'day'],
	['dayofweek', 'dow'],
	['weekday', 'dow'],
	['dayofyear', 'doy'],
	['w', 'week'],
	['weekofyear', 'week'],
	['mon', 'month'],
	['y', 'year'],
	['centuries', 'century'],
	['millennia', 'millennium'],
]);

function nameOf(text: string): string {
	const name = text.trim().toLowerCase();
	const known = OTHER_NAMES.get(name) ?? name;
	return FIELDS.has(known) || !known.endsWith('s')
		? known
		: (OTHER_NAMES.get(known.slice(0, -1)) ?? known.slice(0, -1));
}

/** What `extract` reads with this name; undefined if there is no such field. */
export function fieldOf(text: string): Field | undefined {
	return FIELDS.get(nameOf(text));
}

// ---- truncation -----------------------------------------------------------------------------------------------------

const LENGTHS = new Map([
	['microseconds', 1],
	['milliseconds', 1000],
	['second', SECOND],
	['minute', MINUTE],
	['hour', HOUR],
	['day', DAY],
]);

const MONTHS = new Map([
	['month', 1],
	['quarter', 3],
	['year', 12],
	['decade', 120],
	['century', 1200],
	['millennium', 12000],
]);

/** The length of a unit of date_trunc() in microseconds; undefined for those of months, and if there is no such unit. */
export function lengthOfUnit(text: string): { readonly micros: number; readonly from: number } | undefined {
	const unit = nameOf(text);
	if (unit === 'week') return { micros: 7 * DAY, from: ORIGIN };
	const micros = LENGTHS.get(unit);
	return micros === undefined ? undefined : { micros, from: 0 };
}

/** Buckets are counted from here. */
export function bucketOrigin(): number {
	return ORIGIN;
}

export const UNIT_NAMES: readonly string[] = [...LENGTHS.keys(), 'week', ...MONTHS.keys()];

/** Cuts instants and intervals to a unit; undefined if there is no such unit. */
export function truncation(
	text: string,
): { instant: (instant: number) => number; interval: ((interval: Interval) => Interval) | undefined } | undefined {
	const unit = nameOf(text);
	const length = LENGTHS.get(unit);
	if (length !== undefined) {
		return {
			instant: (instant) => Math.floor(instant / length) * length,
			interval: ({ months, micros }) => new Interval(months, Math.trunc(micros / length) * length),
		};
	}
	if (unit === 'week') {
		return { instant: (instant) => bucketStart(instant, new Interval(0, 7 * DAY)), interval: undefined };
	}
	const months = MONTHS.get(unit);
	if (months === undefined) return undefined;
	return {
		instant: (instant) => {
			// The first century began in the year 1.
			const origin = unit === 'century' || unit === 'millennium' ? 12 : 0;
			const month = monthOf(instant) - origin;
			return instantOfMonth(Math.floor(month / months) * months + origin);
		},
		interval: (interval) => new Interval(Math.trunc(interval.months / months) * months, 0),
	};
}

/** Months since the year 0. */
function monthOf(instant: number): number {
	const date = dateOf(instant);
	return date.getUTCFullYear() * 12 + date.getUTCMonth();
}

function instantOfMonth(month: number): number {
	return addMonths(startOfYear(2000), month - MONTH_ORIGIN);
}

/** The start of the bucket that contains the instant. The width has either months or microseconds, above 0. */
export function bucketStart(instant: number, { months, micros }: Interval): number {
	if (months === 0) return Math.floor((instant - ORIGIN) / micros) * micros + ORIGIN;
	return instantOfMonth(Math.floor((monthOf(instant) - MONTH_ORIGIN) / months) * months + MONTH_ORIGIN);
}

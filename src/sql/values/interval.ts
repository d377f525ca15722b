// Intervals: a number of months, whose length depends on the date they are added to, and a number of microseconds.
// Datetimes are UTC, so a day is always 24 hours, and days need no field of their own. In comparisons, a month counts
// as 30 days. An interval is at most 285 years long, so that a double holds its microseconds exactly.
import { SqlError } from '../limits/sql-error.ts';

export const SECOND = 1_000_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
/** The length of a month in comparisons and where a number is wanted. */
const MONTH = 30 * DAY;

/** Longer texts are not intervals. Captured texts can be very long. */
const MAX_LENGTH = 100;

export class Interval {
	readonly months: number;
	readonly micros: number;

	constructor(months: number, micros: number) {
		// + 0 turns -0 into 0.
		this.months = months + 0;
		this.micros = micros + 0;
	}
}

/** The interval in microseconds, with 30 days per month. */
export function totalMicros({ months, micros }: Interval): number {
	return months * MONTH + micros;
}

function isInRange(interval: Interval): boolean {
	return Number.isSafeInteger(interval.micros) && Math.abs(totalMicros(interval)) <= Number.MAX_SAFE_INTEGER;
}

/** Throws if the interval is too long. Fractions of microseconds are rounded. */
export function intervalOf(months: number, micros: number): Interval {
	const interval = new Interval(months, Math.round(micros));
	if (isInRange(interval)) return interval;
	throw new SqlError(
		'an interval cannot be longer than 285 years',
		'ERR_SQL_VALUE',
		undefined,
		'narrow the rows, or use numbers: sum(epoch_ms(x))',
	);
}

export function addIntervals(a: Interval, b: Interval, sign: 1 | -1 = 1): Interval {
	return intervalOf(a.months + sign * b.months, a.micros + sign * b.micros);
}

/** A fraction of a month becomes days, 30 per month. */
export function scaleInterval({ months, micros }: Interval, factor: number): Interval {
	const scaled = months * factor;
	const whole = Math.trunc(scaled);
	return intervalOf(whole, micros * factor + (scaled - whole) * MONTH);
}

// ---- text -----------------------------------------------------------------------------------------------------------

/** `3 days 04:05:06`, `-00:00:01`, `00:00:01.234567`, `1 year 2 months`. parseInterval() reads it. */
export function intervalText({ months, micros }: Interval): string {
	const parts: string[] = [];
	const count = (number: number, unit: string) => {
		if (number !== 0) parts.push(`${number} ${unit}${Math.abs(number) === 1 ? '' : 's'}`);
	};
	count(Math.trunc(months / 12), 'year');
	count(months % 12, 'month');
	const sign = micros < 0 ? -1 : 1;
	const days = Math.floor(Math.abs(micros) / DAY);
	count(sign * days, 'day');
	const rest = Math.abs(micros) - days * DAY;
	if (rest > 0 || parts.length === 0) parts.push(`${sign < 0 ? '-' : ''}${clockText(rest)}`);
	return parts.join(' ');
}

/** A time of day, or the hours, minutes and seconds of an interval: `12:56:01.5`. */
export function clockText(micros: number): string {
	const two = (number: number) => String(number).padStart(2, '0');
	const fraction = micros % SECOND;
	const seconds = Math.floor(micros / SECOND);
	const digits = fraction === 0 ? '' : `.${String(fraction).padStart(6, '0').replace(/0+$/, '')}`;
	return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}${digits}`;
}

type Unit = readonly [months: number, micros: number];

function units(...list: readonly (readonly [names: string, months: number, micros: number])[]): Map<string, Unit> {
	return new Map(list.flatMap(([names, months, micros]) => names.split(' ').map((name) => [name, [months, micros]])));
}

/** By name in lower case. */
const UNITS: ReadonlyMap<string, Unit> = units(
	['us µs μs usec usecs microsecond microseconds', 0, 1],
	['ms msec msecs millisecond milliseconds', 0, 1000],
	['s sec secs second seconds', 0, SECOND],
	['m min mins minute minutes', 0, MINUTE],
	['h hr hrs hour hours', 0, HOUR],
	['d day days', 0, DAY],
	['w week weeks', 0, 7 * DAY],
	['mon mons month months', 1, 0],
	['quarter quarters', 3, 0],
	['y yr yrs year years', 12, 0],
	['decade decades', 120, 0],
	['century centuries', 1200, 0],
);

export function isIntervalUnit(word: string): boolean {
	return UNITS.has(word.toLowerCase());
}

const PART = /([+-]?)\s*(?:(\d+):(\d\d)(?::(\d\d(?:\.\d+)?))?(?![\d:.])|(\d+(?:\.\d*)?|\.\d+)\s*([a-zµμ]+))/iy;
const SPACE = /\s*/y;
const NUMBER = '(\\d+(?:\\.\\d+)?)';
/** ISO 8601: P1Y2M3DT4H5M6S */
const ISO = new RegExp(
	`^([+-]?)P(?=[\\dT])(?:${NUMBER}Y)?(?:${NUMBER}M)?(?:${NUMBER}W)?(?:${NUMBER}D)?(?:T(?=\\d)(?:${NUMBER}H)?(?:${NUMBER}M)?(?:${NUMBER}S)?)?$`,
	'i',
);
const ISO_UNITS = ['y', 'month', 'w', 'd', 'h', 'm', 's'];

/**
 * Reads `5m`, `1h30m`, `500ms`, `5 minutes`, `1 month -3 days`, `3 days 04:05:06`, `P1DT2H` and the like. `unit`: the
 * unit of a number without one. Undefined if the text is not an interval, or is longer than 285 years.
 */
export function parseInterval(text: string, unit?: string): Interval | undefined {
	if (text.length > MAX_LENGTH) return undefined;
	const trimmed = text.trim();
	const isAgo = /\sago$/i.test(trimmed);
	const body = isAgo ? trimmed.slice(0, -3).trimEnd() : trimmed;
	const sum = new Sum();
	const known = unit !== undefined && /^[+-]?\s*(\d+(\.\d*)?|\.\d+)$/.test(body) ? `${body} ${unit}` : body;
	if (!readIso(known, sum) && !readParts(known, sum)) return undefined;
	const interval = sum.interval(isAgo ? -1 : 1);
	return isInRange(interval) ? interval : undefined;
}

class Sum {
	#months = 0;
	#micros = 0;

	add(count: number, [months, micros]: Unit): void {
		const whole = Math.trunc(count * months);
		this.#months += whole;
		// A fraction of a month becomes days.
		this.#micros += Math.round(count * micros + (count * months - whole) * MONTH);
	}

	interval(sign: 1 | -1): Interval {
		return new Interval(sign * this.#months, sign * this.#micros);
	}
}

function readIso(text: string, sum: Sum): boolean {
	const match = ISO.exec(text);
	if (match === null) return false;
	const sign = match[1] === '-' ? -1 : 1;
	for (const [index, name] of ISO_UNITS.entries()) {
		const digits = match[index + 2];
		if (digits !== undefined) sum.add(sign * Number(digits), UNITS.get(name)!);
	}
	return true;
}

function readParts(text: string, sum: Sum): boolean {
	if (text === '') return false;
	let sign = 1;
	for (let at = 0; at < text.length; ) {
		PART.lastIndex = at;
		const match = PART.exec(text);
		if (match === null) return false;
		const [, mark, hours, minutes, seconds = '0', count, name] = match;
		// A sign also applies to parts that follow without a space: -1h30m.
		if (mark !== '') sign = mark === '-' ? -1 : 1;
		if (hours !== undefined) {
			if (Number(minutes) > 59 || Number(seconds) >= 60) return false;
			sum.add(sign * (Number(hours) * 3600 + Number(minutes) * 60), UNITS.get('s')!);
			sum.add(sign * Number(seconds), UNITS.get('s')!);
		} else {
			const unit = UNITS.get(name!.toLowerCase());
			if (unit === undefined) return false;
			sum.add(sign * Number(count), unit);
		}
		SPACE.lastIndex = PART.lastIndex;
		const space = SPACE.exec(text)![0].length;
		at = PART.lastIndex + space;
		if (space > 0) sign = 1;
	}
	return true;
}

/** The width of buckets: above 0, and either months or a fixed length. */
export function positiveInterval(interval: Interval): Interval {
	if (totalMicros(interval) > 0 && (interval.months === 0 || interval.micros === 0)) return interval;
	throw new SqlError(
		'expected an interval above 0 of either months or a fixed length',
		'ERR_SQL_VALUE',
		undefined,
		"for example '5m', '1 day' or '1 month'",
	);
}

// ---- instants -------------------------------------------------------------------------------------------------------

const FIRST = Date.UTC(2000, 0, 1) * 1000 - 730_485 * DAY;
const END = Date.UTC(10_000, 0, 1) * 1000;

/**
 * The instant moved by the interval: first by its months, in the calendar, then by its microseconds. NaN if that is not in
 * the years 0 to 9999.
 */
export function shiftInstant(instant: number, { months, micros }: Interval, sign: 1 | -1): number {
	const moved = (months === 0 ? instant : addMonths(instant, sign * months)) + sign * micros;
	return moved >= FIRST && moved < END ? moved : Number.NaN;
}

/** The interval from one instant to another; undefined if it is too long. */
export function intervalBetween(from: number, to: number): Interval | undefined {
	const interval = new Interval(0, Math.round(to - from));
	return isInRange(interval) ? interval : undefined;
}

/** The same day of another month, or the last day of a shorter month: a month after 31 January is 28 February. */
export function addMonths(instant: number, months: number): number {
	const date = new Date(Math.floor(instant / DAY) * (DAY / 1000));
	const ofDay = instant - date.getTime() * 1000;
	const day = date.getUTCDate();
	date.setUTCDate(1);
	date.setUTCMonth(date.getUTCMonth() + months);
	const first = date.getTime();
	date.setUTCMonth(date.getUTCMonth() + 1, 0);
	const length = date.getUTCDate();
	return first * 1000 + (Math.min(day, length) - 1) * DAY + ofDay;
}

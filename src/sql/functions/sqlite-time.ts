// The time values and modifiers of SQLite's date functions, such as `'now', '-5 minutes', 'start of day'`.
import { toDouble, toText, type Value } from '../values/value.ts';

const DAY = 86_400_000_000;
/** Days between the Julian epoch and 1970. */
const JULIAN_EPOCH_DAYS = 2_440_587.5;
/** The Julian epoch. */
const MIN_TIME = -JULIAN_EPOCH_DAYS * DAY;
/** The year 10000. */
const END_TIME = Date.UTC(10_000, 0, 1) * 1000;

/** Longer texts are not times. */
const MAX_TEXT = 100;
const DATE = /^(\d{4})-(\d\d)-(\d\d)(?:[ \tT]+(.*))?$/s;
const CLOCK = /^(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?[ \t]*(?:([Zz])|([+-])(\d\d):(\d\d))?[ \t]*$/;

/** Microseconds since the epoch, after all modifiers; undefined where SQLite returns NULL. */
export function timeOf(values: readonly Value[], now: number): number | undefined {
	const [first = 'now', ...modifiers] = values;
	if (values.some((value) => value === null)) return undefined;
	let time: number | undefined;
	let number: number | undefined;
	if (typeof first === 'string') {
		const text = first.length > MAX_TEXT ? '' : first;
		if (/^\s*[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?\s*$/i.test(text)) number = Number(text);
		else time = /^now$/i.test(text) ? now : parseTime(text);
	} else if (first !== null && !(first instanceof Uint8Array)) {
		number = toDouble(first);
	}
	if (number !== undefined) {
		// A number is a Julian day unless a modifier says otherwise.
		const unit = modifiers[0] === undefined ? '' : toText(modifiers[0]!).toLowerCase();
		if (unit === 'unixepoch') time = number * 1_000_000;
		else if (unit === 'auto' && !(number >= 0 && number < 5373484.5)) time = number * 1_000_000;
		else time = Math.round((number - JULIAN_EPOCH_DAYS) * 86_400_000) * 1000;
		if (unit === 'unixepoch' || unit === 'auto' || unit === 'julianday') modifiers.shift();
	}
	// A text with a time zone has already been converted to UTC.
	const isZoned = typeof first === 'string' && /(z|[+-]\d\d:\d\d)[ \t]*$/i.test(first.slice(10, MAX_TEXT));
	for (const modifier of modifiers) {
		if (time === undefined || !isInRange(time)) return undefined;
		if (isZoned && modifier === modifiers[0] && /^utc$/i.test(toText(modifier!))) continue;
		// SQLite works in milliseconds from here on.
		time = modified(Math.round(time / 1000) * 1000, toText(modifier!).slice(0, MAX_TEXT).trim().toLowerCase());
	}
	return time !== undefined && isInRange(time) ? time : undefined;
}

function isInRange(time: number): boolean {
	return time >= MIN_TIME && time < END_TIME;
}

function parseTime(text: string): number | undefined {
	const date = DATE.exec(text);
	if (date === null) {
		const clock = parseClock(text);
		return clock === undefined ? undefined : utc(2000, 0, 1) + clock;
	}
	const [, year, month, day, rest] = date;
	if (Number(month) < 1 || Number(month) > 12 || Number(day) < 1 || Number(day) > 31) return undefined;
	const start = utc(Number(year), Number(month) - 1, Number(day));
	if (rest === undefined || rest === '') return start;
	const clock = parseClock(rest);
	return clock === undefined ? undefined : start + clock;
}

/** Microseconds since midnight UTC. */
function parseClock(text: string): number | undefined {
	const match = CLOCK.exec(text);
	if (match === null) return undefined;
	const [, hour, minute, second = '0', fraction = '', , sign, zoneHour = '0', zoneMinute = '0'] = match;
	if (
		Number(hour) > 24 ||
		Number(minute) > 59 ||
		Number(second) > 59 ||
		Number(zoneHour) > 14 ||
		Number(zoneMinute) > 59
	)
		return undefined;
	const micros = fraction === '' ? 0 : Math.floor(Number(`${fraction.slice(0, 9).padEnd(9, '0')}`) / 1000);
	const zone = (Number(zoneHour) * 60 + Number(zoneMinute)) * (sign === '-' ? -1 : 1);
	const time = ((Number(hour) * 60 + Number(minute) - zone) * 60 + Number(second)) * 1_000_000 + micros;
	return zone === 0 ? time : Math.round(time / 1000) * 1000;
}

/** A date in microseconds. Months and days beyond their range continue into the next year or month. */
function utc(year: number, month: number, day: number): number {
	const date = new Date(0);
	date.setUTCFullYear(year, month, day);
	return date.getTime() * 1000;
}

const UNITS: Record<string, number> = { second: 1_000_000, minute: 60_000_000, hour: 3_600_000_000, day: DAY };

function modified(time: number, modifier: string): number | undefined {
	const shift = /^([+-]?\d+(?:\.\d*)?)\s+(second|minute|hour|day|month|year)s?$/.exec(modifier);
	if (shift !== null) {
		const count = Number(shift[1]);
		const unit = shift[2]!;
		const micros = UNITS[unit];
		if (micros !== undefined) return time + Math.round((count * micros) / 1000) * 1000;
		const whole = Math.trunc(count);
		const fraction = count - whole;
		const date = new Date(Math.floor(time / 1000));
		const months = unit === 'year' ? 0 : whole;
		const years = unit === 'year' ? whole : 0;
		const moved = utc(date.getUTCFullYear() + years, date.getUTCMonth() + months, date.getUTCDate());
		return moved + modulo(time, DAY) + Math.round(fraction * (unit === 'year' ? 365 : 30) * 86_400_000) * 1000;
	}
	const clock = /^([+-]?)(\d\d:\d\d.*)$/s.exec(modifier);
	if (clock !== null) {
		const micros = parseClock(clock[2]!);
		return micros === undefined ? undefined : time + modulo(micros, DAY) * (clock[1] === '-' ? -1 : 1);
	}
	const start = /^start of (day|month|year)$/.exec(modifier);
	if (start !== null) {
		const date = new Date(Math.floor(time / 1000));
		return utc(
			date.getUTCFullYear(),
			start[1] === 'year' ? 0 : date.getUTCMonth(),
			start[1] === 'day' ? date.getUTCDate() : 1,
		);
	}
	const weekday = /^weekday ([0-6])(?:\.0*)?$/.exec(modifier);
	if (weekday !== null) {
		const today = new Date(Math.floor(time / 1000)).getUTCDay();
		return time + modulo(Number(weekday[1]) - today, 7) * DAY;
	}
	const zone = () => new Date(Math.floor(time / 1000)).getTimezoneOffset() * 60_000_000;
	if (modifier === 'localtime') return time - zone();
	if (modifier === 'utc') {
		const guess = time + zone();
		return time + new Date(Math.floor(guess / 1000)).getTimezoneOffset() * 60_000_000;
	}
	return undefined;
}

function modulo(value: number, by: number): number {
	return ((value % by) + by) % by;
}

/** strftime(); undefined if the format has an unknown letter. */
export function formatTime(format: string, time: number): string | undefined {
	const date = new Date(Math.floor(time / 1000));
	const two = (value: number) => String(value).padStart(2, '0');
	const year = (negativeDigits: number) => {
		const number = date.getUTCFullYear();
		return number < 0 ? `-${String(-number).padStart(negativeDigits, '0')}` : String(number).padStart(4, '0');
	};
	const dayOfYear = () => Math.floor((date.getTime() - utc(date.getUTCFullYear(), 0, 1) / 1000) / 86_400_000);
	const letters: Record<string, () => string> = {
		d: () => two(date.getUTCDate()),
		// Rounded to milliseconds, but never up to 60 seconds.
		f: () => {
			const milliseconds = date.getUTCSeconds() * 1000 + Math.round(modulo(time, 1_000_000) / 1000);
			return (Math.min(59_999, milliseconds) / 1000).toFixed(3).padStart(6, '0');
		},
		H: () => two(date.getUTCHours()),
		j: () => String(dayOfYear() + 1).padStart(3, '0'),
		J: () => String(Number(julianDay(time).toPrecision(16))),
		m: () => two(date.getUTCMonth() + 1),
		M: () => two(date.getUTCMinutes()),
		s: () => String(Math.floor(Math.round(time / 1000) / 1000)),
		S: () => two(date.getUTCSeconds()),
		w: () => String(date.getUTCDay()),
		W: () => two(Math.floor((dayOfYear() + 7 - ((date.getUTCDay() + 6) % 7)) / 7)),
		// For negative years, SQLite writes three digits here and four in %F.
		Y: () => year(3),
		F: () => `${year(4)}-${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`,
		T: () => `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`,
		R: () => `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`,
		'%': () => '%',
	};
	let isKnown = true;
	const text = format.replace(/%(.?)/gs, (_, letter: string) => {
		const write = Object.hasOwn(letters, letter) ? letters[letter] : undefined;
		if (write === undefined) isKnown = false;
		return write?.() ?? '';
	});
	return isKnown ? text : undefined;
}

export function julianDay(time: number): number {
	return (Math.round(time / 1000) + JULIAN_EPOCH_DAYS * 86_400_000) / 86_400_000;
}

// The time values and modifiers of SQLite's date functions, such as `'now', '-5 minutes', 'start of day'`.
import { toDouble, toText, type Value } from '../values/value.ts';
import { dayOfYear, isoWeek } from './calendar.ts';

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

/** Modifiers that add to a time whatever its date is: later ones may bring it back into range. */
const ADDED = /^\s*[+-]?\d+(\.\d*)?\s+(second|minute|hour|day)s?\s*$|^\s*[+-]?\d\d:\d\d/i;

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
	if (time !== undefined && !isInRange(time)) return undefined;
	for (const modifier of modifiers) {
		if (time === undefined || (!isInRange(time) && !ADDED.test(toText(modifier!)))) return undefined;
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
/** SQLite 3.40 takes smaller counts than these. */
const MOST: Record<string, number> = {
	...{ second: 4.6427e14, minute: 7.7379e12, hour: 1.2897e11 },
	...{ day: 5373485, month: 176546, year: 14713 },
};

function modified(time: number, modifier: string): number | undefined {
	const shift = /^([+-]?\d+(?:\.\d*)?)\s+(second|minute|hour|day|month|year)s?$/.exec(modifier);
	if (shift !== null) {
		const count = Number(shift[1]);
		const unit = shift[2]!;
		if (Math.abs(count) >= MOST[unit]!) return undefined;
		const micros = UNITS[unit];
		if (micros !== undefined) return time + Math.round((count * micros) / 1000) * 1000;
		const whole = Math.trunc(count);
		const fraction = count - whole;
		const date = new Date(Math.floor(time / 1000));
		const months = unit === 'year' ? 0 : whole;
		const years = unit === 'year' ? whole : 0;
		const moved = utc(date.getUTCFullYear() + years, date.getUTCMonth() + months, date.getUTCDate());
		if (!isInRange(moved)) return undefined;
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

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = [
	...['January', 'February', 'March', 'April', 'May', 'June', 'July'],
	...['August', 'September', 'October', 'November', 'December'],
];

/** A conversion of strftime: POSIX allows a flag and a width for years, and E or O before some letters. */
const CONVERSION = /%(?:([0+]?)(\d{0,2})(?=[CFGY]))?(?:E(?=[cCxXyY])|O(?=[deHImMSuUVwWy]))?(.?)/gs;

/** strftime(); undefined if the format has an unknown letter. `zone`: the name of the time zone, if it is UTC. */
export function formatTime(format: string, time: number, zone: 'UTC' | '' = 'UTC'): string | undefined {
	const date = new Date(Math.floor(time / 1000));
	let isKnown = true;
	const text = format.replace(CONVERSION, (_, flag: string | undefined, width: string | undefined, letter: string) => {
		const write = Object.hasOwn(LETTERS, letter) ? LETTERS[letter] : undefined;
		if (write === undefined) isKnown = false;
		const written = write?.(date, time, zone) ?? '';
		return width === undefined ? written : widened(written, flag!, Number(width), letter);
	});
	return isKnown ? text : undefined;
}

/** Pads with zeros. The flag + adds a sign if the year has more digits than usual. */
function widened(text: string, flag: string, width: number, letter: string): string {
	const usual = letter === 'C' ? 2 : letter === 'F' ? 10 : 4;
	const negative = text.startsWith('-');
	const sign = negative ? '-' : flag === '+' && (width > usual || text.length > usual) ? '+' : '';
	return sign + (negative ? text.slice(1) : text).padStart(width - sign.length, '0');
}

function two(value: number): string {
	return String(value).padStart(2, '0');
}

function spaced(value: number): string {
	return String(value).padStart(2);
}

function year(number: number, negativeDigits: number): string {
	return number < 0 ? `-${String(-number).padStart(negativeDigits, '0')}` : String(number).padStart(4, '0');
}

function hour12(date: Date): number {
	return date.getUTCHours() % 12 || 12;
}

type Letter = (date: Date, time: number, zone: string) => string;

const LETTERS: Readonly<Record<string, Letter>> = {
	a: (date) => DAYS[date.getUTCDay()]!.slice(0, 3),
	A: (date) => DAYS[date.getUTCDay()]!,
	b: (date) => MONTHS[date.getUTCMonth()]!.slice(0, 3),
	B: (date) => MONTHS[date.getUTCMonth()]!,
	c: (date, time) => formatTime('%a %b %e %H:%M:%S %Y', time) ?? String(date),
	C: (date) => two(Math.floor(date.getUTCFullYear() / 100)),
	d: (date) => two(date.getUTCDate()),
	D: (date) => `${two(date.getUTCMonth() + 1)}/${two(date.getUTCDate())}/${two(modulo(date.getUTCFullYear(), 100))}`,
	e: (date) => spaced(date.getUTCDate()),
	// Rounded to milliseconds, but never up to 60 seconds.
	f: (date, time) => {
		const milliseconds = date.getUTCSeconds() * 1000 + Math.round(modulo(time, 1_000_000) / 1000);
		return (Math.min(59_999, milliseconds) / 1000).toFixed(3).padStart(6, '0');
	},
	// For negative years, SQLite writes four digits here and three in %Y.
	F: (date) => `${year(date.getUTCFullYear(), 4)}-${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`,
	g: (_, time) => two(modulo(isoWeek(time).year, 100)),
	G: (_, time) => year(isoWeek(time).year, 3),
	h: (date) => MONTHS[date.getUTCMonth()]!.slice(0, 3),
	H: (date) => two(date.getUTCHours()),
	I: (date) => two(hour12(date)),
	j: (_, time) => String(dayOfYear(time) + 1).padStart(3, '0'),
	J: (_, time) => String(Number(julianDay(time).toPrecision(16))),
	k: (date) => spaced(date.getUTCHours()),
	l: (date) => spaced(hour12(date)),
	m: (date) => two(date.getUTCMonth() + 1),
	M: (date) => two(date.getUTCMinutes()),
	n: () => '\n',
	p: (date) => (date.getUTCHours() < 12 ? 'AM' : 'PM'),
	P: (date) => (date.getUTCHours() < 12 ? 'am' : 'pm'),
	r: (date) =>
		`${two(hour12(date))}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} ${date.getUTCHours() < 12 ? 'AM' : 'PM'}`,
	R: (date) => `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`,
	s: (_, time) => String(Math.floor(Math.round(time / 1000) / 1000)),
	S: (date) => two(date.getUTCSeconds()),
	t: () => '\t',
	T: (date) => `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`,
	u: (date) => String(date.getUTCDay() || 7),
	U: (date, time) => two(Math.floor((dayOfYear(time) + 7 - date.getUTCDay()) / 7)),
	V: (_, time) => two(isoWeek(time).week),
	w: (date) => String(date.getUTCDay()),
	W: (date, time) => two(Math.floor((dayOfYear(time) + 7 - ((date.getUTCDay() + 6) % 7)) / 7)),
	x: (date, time) => LETTERS.D!(date, time, ''),
	X: (date, time) => LETTERS.T!(date, time, ''),
	y: (date) => two(modulo(date.getUTCFullYear(), 100)),
	Y: (date) => year(date.getUTCFullYear(), 3),
	z: (_date, _time, zone) => (zone === 'UTC' ? '+0000' : ''),
	Z: (_date, _time, zone) => zone,
	'%': () => '%',
};

export function julianDay(time: number): number {
	return (Math.round(time / 1000) + JULIAN_EPOCH_DAYS * 86_400_000) / 86_400_000;
}

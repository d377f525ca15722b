// Instants, in microseconds since the epoch, and times of day, in microseconds since midnight: their texts.
import { formatTimestamp } from '../../store/timestamp.ts';
import { clockText, DAY, HOUR, MINUTE, SECOND } from './interval.ts';

/** Longer texts are not instants. Captured texts can be very long. */
const MAX_LENGTH = 64;

const FORM =
	/^\s*(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?\s*(Z|[+-]\d\d(?::?\d\d)?)?)?\s*$/i;

/** Microseconds since the epoch for `2026-11-22`, `2026-11-22T12:56:01.5+02:00` and the like; NaN for other texts. */
export function parseInstant(text: string): number {
	const match = text.length > MAX_LENGTH ? null : FORM.exec(text);
	if (match === null) return Number.NaN;
	const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', zone] = match;
	const milliseconds = Date.UTC(
		Number(year),
		Number(month) - 1,
		Number(day),
		Number(hour),
		Number(minute),
		Number(second),
	);
	const date = new Date(milliseconds);
	if (Number(year) < 100) date.setUTCFullYear(Number(year));
	// Rejects 31 April, 24:00 and the like.
	if (date.getUTCMonth() + 1 !== Number(month) || date.getUTCDate() !== Number(day)) return Number.NaN;
	if (Number(minute) > 59 || Number(second) > 59) return Number.NaN;
	const micros = fraction === '' ? 0 : Number(`0.${fraction}`) * 1_000_000;
	// Rounding makes .123456 exactly 123456.
	const exact = fraction.length <= 6 ? Math.round(micros) : micros;
	return date.getTime() * 1000 + exact - zoneMinutes(zone) * MINUTE;
}

const MAX_ZONE_HOURS = 15;

function zoneMinutes(zone: string | undefined): number {
	if (zone === undefined || /^z$/i.test(zone)) return 0;
	const digits = zone.replace(':', '');
	const hours = Number(digits.slice(1, 3));
	const minutes = Number(digits.slice(3, 5) || '0');
	if (hours > MAX_ZONE_HOURS || minutes > 59) return Number.NaN;
	return (hours * 60 + minutes) * (digits[0] === '-' ? -1 : 1);
}

/** Whether the text of an instant names its time zone. Without one it is UTC. */
export function hasZone(text: string): boolean {
	return text.length <= MAX_LENGTH && FORM.exec(text)?.[8] !== undefined;
}

/** `2026-11-22T12:56:01.123456Z` */
export function instantText(instant: number): string | null {
	return formatTimestamp(Math.round(instant));
}

/** The same without the Z, for the date and time in a time zone. */
export function localText(local: number): string | null {
	return instantText(local)?.slice(0, -1) ?? null;
}

/** `2026-11-22` */
export function dateText(instant: number): string | null {
	return instantText(instant)?.replace(/T.*/, '') ?? null;
}

export function timeOfDay(instant: number): number {
	return instant - Math.floor(instant / DAY) * DAY;
}

export function timeText(instant: number): string {
	return clockText(timeOfDay(Math.round(instant)));
}

const CLOCK = /^\s*(\d\d?):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?\s*$/;

/** `9:00`, `12:56:01.5`; NaN for other texts. */
export function parseClock(text: string): number {
	const match = text.length > MAX_LENGTH ? null : CLOCK.exec(text);
	if (match === null) return Number.NaN;
	const [, hour, minute, second = '0', fraction = '0'] = match;
	if (Number(hour) > 24 || Number(minute) > 59 || Number(second) > 59) return Number.NaN;
	const micros = Number(hour) * HOUR + Number(minute) * MINUTE + Math.round(Number(`${second}.${fraction}`) * SECOND);
	return micros <= DAY ? micros : Number.NaN;
}

// Times as the terminal shows them: in UTC, or in a time zone with its offset. Stored times are UTC.
import { parseInstant, type TimeZone, timeZone } from '../sql/sql-light.ts';

/** Converts the texts of instants (`2026-11-22T12:56:01.123456Z`). */
export type DisplayedTime = {
	/** `2026-11-22T13:56:01.123456+01:00`; in UTC the text itself. */
	readonly whole: (instant: string) => string;
	/** `13:56:01.123` */
	readonly clock: (instant: string) => string;
};

const MINUTE = 60_000_000;

export const UTC_TIME: DisplayedTime = { whole: (instant) => instant, clock: (instant) => instant.slice(11, 23) };

/** `zone` is `utc`, `local` (the zone of this process) or an IANA name. */
export function displayedTime(zone: string): DisplayedTime {
	const name = zone === 'local' ? Intl.DateTimeFormat().resolvedOptions().timeZone : zone;
	const found = name.toLowerCase() === 'utc' ? undefined : timeZone(name);
	if (found === undefined) return UTC_TIME;
	return {
		whole: (instant) => inZone(instant, found),
		clock: (instant) => inZone(instant, found).slice(11, 23),
	};
}

function inZone(text: string, { localOf }: TimeZone): string {
	const instant = parseInstant(text);
	if (Number.isNaN(instant)) return text;
	const local = localOf(instant);
	const minutes = Math.round((local - instant) / MINUTE);
	const sign = minutes < 0 ? '-' : '+';
	const two = (number: number) => String(number).padStart(2, '0');
	const offset = `${sign}${two(Math.floor(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`;
	const shown = new Date(Math.floor(local / 1000)).toISOString().slice(0, -1);
	// The digits after the milliseconds are the same in every zone.
	return `${shown}${text.slice(23, -1)}${offset}`;
}

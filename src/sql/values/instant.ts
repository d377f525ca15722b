// Parses instants in the forms of ISO 8601 that people type.

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
	// Rejects 31 April and the like.
	if (date.getUTCDate() !== Number(day) || Number(hour) > 24 || Number(minute) > 59 || Number(second) > 59)
		return Number.NaN;
	const micros = fraction === '' ? 0 : Number(`0.${fraction}`) * 1_000_000;
	// Rounding makes .123456 exactly 123456.
	const exact = fraction.length <= 6 ? Math.round(micros) : micros;
	return date.getTime() * 1000 + exact - zoneMinutes(zone) * 60_000_000;
}

function zoneMinutes(zone: string | undefined): number {
	if (zone === undefined || /^z$/i.test(zone)) return 0;
	const digits = zone.replace(':', '');
	const minutes = Number(digits.slice(1, 3)) * 60 + Number(digits.slice(3, 5) || '0');
	return digits[0] === '-' ? -minutes : minutes;
}

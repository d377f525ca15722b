// The cookies of a HAR entry, read as browsers read them (RFC 6265).

import type { FieldLine } from '../store/exchange-row.ts';

/** `sameSite` is not in HAR 1.2, but browsers write and read it under this name. */
export type HarCookie = {
	readonly name: string;
	readonly value: string;
	readonly path?: string;
	readonly domain?: string;
	readonly expires?: string;
	readonly httpOnly?: boolean;
	readonly secure?: boolean;
	readonly sameSite?: string;
	/** Attributes, as sent, for which HAR has no member. */
	readonly _attributes?: readonly string[];
};

/** The last time that ISO 8601 writes with four digits for the year. */
const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** The cookies of the Cookie fields. */
export function requestCookies(fields: readonly FieldLine[]): HarCookie[] {
	return fields
		.filter(({ name }) => name.toLowerCase() === 'cookie')
		.flatMap(({ value }) => value.split(';'))
		.filter((cookie) => cookie.trim() !== '')
		.map(nameAndValue);
}

/** The cookies of the Set-Cookie fields of a response received at `receivedMs`, from which Max-Age counts. */
export function responseCookies(fields: readonly FieldLine[], receivedMs: number): HarCookie[] {
	return fields
		.filter(({ name }) => name.toLowerCase() === 'set-cookie')
		.map(({ value }) => responseCookie(value, receivedMs));
}

function responseCookie(field: string, receivedMs: number): HarCookie {
	const [pair = '', ...attributes] = field.split(';');
	let path: string | undefined;
	let domain: string | undefined;
	let sameSite: string | undefined;
	let expiresMs: number | undefined;
	let lastsMs: number | undefined;
	let httpOnly = false;
	let secure = false;
	const others: string[] = [];
	// If an attribute is repeated, the last one counts.
	for (const attribute of attributes) {
		const { name, value } = nameAndValue(attribute);
		const lower = name.toLowerCase();
		if (lower === 'path') path = value;
		else if (lower === 'domain') domain = value;
		else if (lower === 'samesite') sameSite = sameSiteText(value);
		else if (lower === 'expires') expiresMs = cookieDate(value) ?? expiresMs;
		else if (lower === 'max-age') lastsMs = /^-?\d+$/.test(value) ? Number(value) * 1000 : lastsMs;
		else if (lower === 'httponly') httpOnly = true;
		else if (lower === 'secure') secure = true;
		else if (attribute.trim() !== '') others.push(attribute.trim());
	}
	if (lastsMs !== undefined) expiresMs = lastsMs <= 0 ? 0 : Math.min(receivedMs + lastsMs, LAST_MS);
	return {
		...nameAndValue(pair),
		...(path === undefined ? {} : { path }),
		...(domain === undefined ? {} : { domain }),
		...(expiresMs === undefined || Number.isNaN(expiresMs) ? {} : { expires: new Date(expiresMs).toISOString() }),
		httpOnly,
		secure,
		...(sameSite === undefined ? {} : { sameSite }),
		...(others.length === 0 ? {} : { _attributes: others }),
	};
}

function nameAndValue(pair: string): { name: string; value: string } {
	const equals = pair.indexOf('=');
	if (equals === -1) return { name: pair.trim(), value: '' };
	return { name: pair.slice(0, equals).trim(), value: pair.slice(equals + 1).trim() };
}

function sameSiteText(value: string): string {
	return ['Strict', 'Lax', 'None'].find((each) => each.toLowerCase() === value.toLowerCase()) ?? value;
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

/** RFC 6265 section 5.1.1: milliseconds since the epoch; undefined if the text is not a date. */
export function cookieDate(text: string): number | undefined {
	let time: readonly number[] | undefined;
	let day: number | undefined;
	let month: number | undefined;
	let year: number | undefined;
	for (const token of text.split(/[\t -/;-@[-`{-~]+/)) {
		const clock = /^(\d{1,2}):(\d{1,2}):(\d{1,2})(?!\d)/.exec(token);
		const named = MONTHS.indexOf(token.slice(0, 3).toLowerCase());
		if (time === undefined && clock !== null) time = clock.slice(1).map(Number);
		else if (day === undefined && /^\d{1,2}(?!\d)/.test(token)) day = Number.parseInt(token, 10);
		else if (month === undefined && named !== -1) month = named;
		else if (year === undefined && /^\d{2,4}(?!\d)/.test(token)) year = Number.parseInt(token, 10);
	}
	if (time === undefined || day === undefined || month === undefined || year === undefined) return undefined;
	const [hours, minutes, seconds] = time as [number, number, number];
	if (year < 100) year += year < 70 ? 2000 : 1900;
	if (year < 1601 || hours > 23 || minutes > 59 || seconds > 59) return undefined;
	const date = new Date(Date.UTC(year, month, day, hours, minutes, seconds));
	return date.getUTCDate() === day && day > 0 ? date.getTime() : undefined;
}

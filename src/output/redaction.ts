// Removes secrets from output that is meant to be shared: exports, reports, command lines, history. It uses structured
// fields where possible and patterns elsewhere, so it cannot find every secret (docs/limitations.md).

import { randomBytes } from 'node:crypto';
import { redactJson } from './json-redaction.ts';
import { Placeholders, SecretMemory, wellFormed } from './secret-memory.ts';
import { isSensitiveName, isTellingName } from './sensitive-names.ts';

/** Replaces secrets by `REDACTED-24-1a2b3c4d`: the length in bytes, and a hash that shows which secrets are equal. */
export type Redactor = {
	/** Redacts a value known to be secret. */
	readonly secret: (value: string) => string;
	/** Redacts the value of a header field. */
	readonly header: (name: string, value: string) => string;
	/** Redacts a URL or a request target: user, password and sensitive query keys. */
	readonly url: (url: string) => string;
	/** Redacts `a=b&c=d`, a query or a form. */
	readonly form: (pairs: string) => string;
	/** Redacts a body or any other text. Without `contentType`, its form decides how. */
	readonly text: (text: string, contentType?: string | null) => string;
	/** Replaces further occurrences of secrets seen so far in this scope: plain, URL-encoded or in base64. */
	readonly sweep: (text: string) => string;
	/** Whether bytes contain a secret seen so far in this scope. */
	readonly holdsSecret: (bytes: Uint8Array) => boolean;
	/** What sweep() and holdsSecret() look for; undefined if no secret was seen in this scope. */
	readonly searched: () => readonly string[] | undefined;
	/** A redactor with the same hash key and its own memory of secrets: one per exchange. */
	readonly scope: () => Redactor;
};

/** Random for each process. The main thread passes its own to the other threads. */
export const SESSION_KEY: Uint8Array = randomBytes(32);
/** Maximum nesting of URLs in queries of URLs. */
const MAX_NESTING = 3;

/** Creates a redactor. */
export function createRedactor(key: Uint8Array = SESSION_KEY): Redactor {
	return redactorWith(new Placeholders(key));
}

function redactorWith(placeholders: Placeholders): Redactor {
	const secrets = new SecretMemory(placeholders);
	const secret: Replace = (value) => secrets.replace(value);
	return {
		secret,
		...redactionBy(secret),
		text: (body, contentType) => redactText(body, contentType ?? null, secret),
		sweep: (text) => secrets.sweep(text),
		holdsSecret: (bytes) => secrets.isIn(bytes),
		searched: () => secrets.searched,
		scope: () => redactorWith(placeholders),
	};
}

/** Returns the placeholder of a secret. */
export type Replace = {
	(secret: string): string;
	/** All other characters must stay as they are: what cannot be replaced alone is replaced with what contains it. */
	readonly inPlace?: boolean;
};

/** Redacts texts with other placeholders than those of a Redactor. */
export function redactionBy(
	secret: Replace,
): Pick<Redactor, 'header' | 'url' | 'form'> & { readonly freeText: (text: string) => string } {
	return {
		header: (name, value) => redactHeader(name, value, secret),
		url: (address) => redactUrl(address, secret),
		form: (pairs) => redactForm(pairs, secret),
		freeText: (text) => redactFreeText(text, secret),
	};
}

// ---- URLs and forms -----------------------------------------------------------------------------------------------

function redactUrl(text: string, secret: Replace, nesting = 0): string {
	const plain = text.replace(/(:\/\/)([^/?#@\s]+)@/g, (_, slashes: string, user: string) => {
		secret(user.slice(user.indexOf(':') + 1));
		return `${slashes}${secret(user)}@`;
	});
	// An OAuth response has its token after `#`.
	const from = plain.search(/[?#]/) + 1;
	if (from === 0) return plain;
	const parts = plain.slice(from).split('#');
	return plain.slice(0, from) + parts.map((pairs) => redactForm(pairs, secret, nesting)).join('#');
}

function redactForm(pairs: string, secret: Replace, nesting = 0): string {
	return pairs
		.split(/([&;])/)
		.map((pair) => {
			const equals = pair.indexOf('=');
			if (equals === -1) return pair;
			const name = pair.slice(0, equals);
			const value = pair.slice(equals + 1);
			const isSecret = isSensitiveName(decodeUrlPart(name));
			return `${name}=${isSecret ? secret(value) : redactNestedUrl(value, secret, nesting)}`;
		})
		.join('');
}

/** A URL as a value in the query of another one: `next=https%3A%2F%2Fhost%2F%3Ftoken%3D…`. */
function redactNestedUrl(value: string, secret: Replace, nesting: number): string {
	const decoded = decodeUrlPart(value);
	if (nesting === MAX_NESTING || !/[?#@]/.test(decoded)) return value;
	const redacted = redactUrl(decoded, secret, nesting + 1);
	if (redacted === decoded) return value;
	if (decoded === value) return redacted;
	return secret.inPlace === true ? secret(value) : encodeURIComponent(wellFormed(redacted));
}

function decodeUrlPart(text: string): string {
	try {
		return decodeURIComponent(text.replaceAll('+', ' '));
	} catch {
		// Not valid percent-encoding: keep it as it is.
		return text;
	}
}

// ---- header fields ------------------------------------------------------------------------------------------------

function redactHeader(name: string, value: string, secret: Replace): string {
	const lower = name.toLowerCase();
	if (lower === 'cookie' || lower === 'cookie2') return redactCookies(value, secret);
	if (lower === 'set-cookie') return redactSetCookie(value, secret);
	if (lower.endsWith('authorization')) return redactCredentials(value, secret);
	if (isSensitiveName(name)) return secret(value);
	return redactFreeText(value, secret);
}

function redactCookies(value: string, secret: Replace): string {
	return value
		.split(';')
		.map((cookie) => {
			const start = cookie.indexOf('=') + 1;
			return cookie.slice(0, start) + withinBlanks(cookie.slice(start), secret);
		})
		.join(';');
}

function redactSetCookie(value: string, secret: Replace): string {
	const end = value.indexOf(';');
	const pair = end === -1 ? value : value.slice(0, end);
	return redactCookies(pair, secret) + (end === -1 ? '' : value.slice(end));
}

/** Keeps the scheme: `Bearer REDACTED-…`. A Basic password is also remembered on its own. */
function redactCredentials(value: string, secret: Replace): string {
	const space = value.search(/\s/);
	if (space === -1) return secret(value);
	const rest = value.slice(space).trim();
	if (/^basic$/i.test(value.slice(0, space))) {
		const pair = Buffer.from(rest, 'base64').toString('utf8');
		const colon = pair.indexOf(':');
		if (colon !== -1) {
			secret(pair);
			secret(pair.slice(colon + 1));
		}
	}
	return secret.inPlace === true
		? value.slice(0, space) + withinBlanks(value.slice(space), secret)
		: `${value.slice(0, space)} ${secret(rest)}`;
}

/** Replaces a secret but keeps the blanks around it. */
function withinBlanks(text: string, secret: Replace): string {
	return text.replace(/\S(?:[\s\S]*\S)?/, (value) => secret(value));
}

// ---- bodies and other texts ---------------------------------------------------------------------------------------

function redactText(body: string, contentType: string | null, secret: Replace): string {
	const type = contentType?.toLowerCase() ?? '';
	const freeText = (text: string) => redactFreeText(text, secret);
	if (type.startsWith('application/x-www-form-urlencoded')) return redactForm(body, secret);
	const isForm = type.startsWith('multipart/form-data') || (type === '' && FORM_START.test(body));
	if (isForm) return freeText(redactMultipart(body, secret));
	if (/\bjson\b/.test(type) || /^\s*[[{]/.test(body)) {
		const header = (name: string, value: string) => redactHeader(name, value, secret);
		return redactJson(body, { secret, freeText, header });
	}
	if (type === '' && /^[\w.~%[\]-]{1,64}=[^\s]*$/.test(body)) return redactForm(body, secret);
	return freeText(body);
}

/** The delimiter and the first field of the first part of a form. */
export const FORM_START = /^\s*--[^\r\n]{1,200}\r?\ncontent-disposition:\s*form-data/i;

/** Redacts parts of a form whose name is sensitive. */
function redactMultipart(body: string, secret: Replace): string {
	// The beginning may be missing.
	const boundary = /^\s*(--[^\r\n]{1,200})\r?\n/.exec(body)?.[1] ?? '\n--';
	return body
		.split(boundary)
		.map((part) => {
			const head = /^[\s\S]*?\r?\n\r?\n/.exec(part)?.[0];
			const name = head === undefined ? undefined : /\bname="?([^";\r\n]{1,200})/i.exec(head)?.[1];
			if (head === undefined || name === undefined || !isSensitiveName(name)) return part;
			return head + withinBlanks(part.slice(head.length), secret);
		})
		.join(boundary);
}

// The length of each pattern's match is bounded, so that every text takes linear time.
const JSON_WEB_TOKEN = /(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g;
const ABSOLUTE_URL = /\b[a-z][a-z0-9+.-]{0,30}:\/\/[^\s"'<>\\]+/gi;
const QUERY_PAIR = /([?&;])([\w.~%[\]-]{1,64})=([^&;\s"'<>#\\]+)/g;
const COOKIE_LINE = /\b((?:set-)?cookie2?)(["']?[ \t]{0,8}[:=][ \t]{0,8}["']?)([^"'\r\n]+)/gi;
const ASSIGNMENT =
	/\b([a-z][\w.-]{0,63})(["']?[ \t]{0,8}(?:[:=]|\blike\b)[ \t]{0,8}["']?)((?:(?:basic|bearer|digest|negotiate|ntlm|token|apikey)[ \t]{1,8})?)([^\s"'&;,<>]+)/gi;
/** An option on a command line. */
const OPTION = /(?<=\s--?)([\w-]{1,64})([ \t]{1,8})([^\s-]\S*)/g;
const USER_OPTION = /((?<=\s)(?:-u|--user|--proxy-user)[ \t=]{1,8})([^\s:]{1,256}):(\S+)/g;

/** Matches every text that one of the patterns above matches. Most short texts do not. */
const SIGNS = /[:=]|eyJ|like|\s-/i;

/** Whether redaction finds nothing in a text whose name does not say that it is secret. Most short texts are such. */
export function isQuiet(text: string): boolean {
	// In JSON, a string can have signs that are written in another way.
	return !SIGNS.test(text) && !/^\s*[[{]/.test(text);
}

/** Tokens, URLs, `Authorization: …`, `password=…`, `--token …` and the like within any text. */
function redactFreeText(text: string, secret: Replace): string {
	if (!SIGNS.test(text)) return text;
	let redacted = text;
	if (redacted.includes('eyJ')) redacted = redacted.replace(JSON_WEB_TOKEN, (token) => secret(token));
	if (redacted.includes('://')) redacted = redacted.replace(ABSOLUTE_URL, (address) => redactUrl(address, secret));
	if (redacted.includes('='))
		redacted = redacted.replace(QUERY_PAIR, (pair, before: string, name: string, value: string) =>
			isSensitiveName(decodeUrlPart(name)) ? `${before}${name}=${secret(value)}` : pair,
		);
	return redacted
		.replace(
			COOKIE_LINE,
			(_, name: string, between: string, value: string) => name + between + redactHeader(name, value, secret),
		)
		.replace(ASSIGNMENT, (all, name: string, between: string, scheme: string, value: string) =>
			isTellingName(name) && !/cookie2?$/i.test(name) ? name + between + scheme + secret(value) : all,
		)
		.replace(OPTION, (all, name: string, gap: string, value: string) =>
			isTellingName(name) ? name + gap + secret(value) : all,
		)
		.replace(
			USER_OPTION,
			(_, option: string, user: string, password: string) => `${option}${user}:${secret(password)}`,
		);
}

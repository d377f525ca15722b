// Takes secrets out of what is meant to be shared: exports, reports, command lines, history. Works on structured fields
// where there are any and on the look of the text elsewhere, so it is careful rather than complete (docs/limitations.md).

import { createHmac, randomBytes } from 'node:crypto';
import { redactJson } from './json-redaction.ts';

/** Replaces secrets by `REDACTED-24-1a2b3c4d`: their length in bytes, and a hash by which equal ones are recognised. */
export type Redactor = {
	/** A value known to be secret. */
	readonly secret: (value: string) => string;
	/** The value of a header field. */
	readonly header: (name: string, value: string) => string;
	/** A URL or a request target: user, password and sensitive query keys. */
	readonly url: (url: string) => string;
	/** `a=b&c=d`, of a query or a form. */
	readonly form: (pairs: string) => string;
	/** A body or any other text, by what it looks like when `contentType` does not say. */
	readonly text: (text: string, contentType?: string | null) => string;
	/** Secrets replaced so far in this scope, wherever else they stand: plain, URL-encoded or in base64. */
	readonly sweep: (text: string) => string;
	/** Whether bytes hold a secret replaced so far in this scope. */
	readonly holdsSecret: (bytes: Uint8Array) => boolean;
	/** A redactor that shares the hash and has its own memory of secrets: one for each exchange. */
	readonly scope: () => Redactor;
};

/** The hash's key lives as long as the process unless another is given. */
export function createRedactor(key: Uint8Array = SESSION_KEY): Redactor {
	const seen = new Map<string, string>();

	const secret = (value: string): string => {
		if (value === '' || PLACEHOLDER.test(value)) return value;
		const known = seen.get(value);
		if (known !== undefined) return known;
		const hash = createHmac('sha256', key).update(value).digest('hex').slice(0, 8);
		const placeholder = `REDACTED-${Buffer.byteLength(value)}-${hash}`;
		if (seen.size < MAX_REMEMBERED) seen.set(value, placeholder);
		return placeholder;
	};

	const form = (pairs: string, nesting = 0): string =>
		pairs
			.split(/([&;])/)
			.map((pair) => {
				const equals = pair.indexOf('=');
				if (equals === -1) return pair;
				const name = pair.slice(0, equals);
				const value = pair.slice(equals + 1);
				return `${name}=${isSensitiveName(decodeUrlPart(name)) ? secret(value) : nestedUrl(value, nesting)}`;
			})
			.join('');

	/** A URL as a value of another one's query: `next=https%3A%2F%2Fhost%2F%3Ftoken%3D…`. */
	const nestedUrl = (value: string, nesting: number): string => {
		const decoded = decodeUrlPart(value);
		if (nesting === MAX_NESTING || !/[?#@]/.test(decoded)) return value;
		const redacted = url(decoded, nesting + 1);
		if (redacted === decoded) return value;
		return decoded === value ? redacted : encodeURIComponent(wellFormed(redacted));
	};

	const url = (text: string, nesting = 0): string => {
		const plain = text.replace(/(:\/\/)([^/?#@\s]+)@/g, (_, slashes: string, user: string) => {
			const colon = user.indexOf(':');
			if (colon !== -1) secret(user.slice(colon + 1));
			return `${slashes}${secret(user)}@`;
		});
		// An OAuth answer carries its token behind `#`.
		const from = plain.search(/[?#]/) + 1;
		if (from === 0) return plain;
		const parts = plain.slice(from).split('#');
		return plain.slice(0, from) + parts.map((pairs) => form(pairs, nesting)).join('#');
	};

	const header = (name: string, value: string): string => {
		const lower = name.toLowerCase();
		if (lower === 'cookie' || lower === 'cookie2') return cookies(value);
		if (lower === 'set-cookie') return setCookie(value);
		if (lower.endsWith('authorization')) return credentials(value);
		if (isSensitiveName(name)) return secret(value);
		return freeText(value);
	};

	const cookies = (value: string): string =>
		value
			.split(';')
			.map((cookie) => {
				const equals = cookie.indexOf('=');
				return equals === -1 ? blank(cookie) : cookie.slice(0, equals + 1) + blank(cookie.slice(equals + 1));
			})
			.join(';');

	/** A secret with the blanks around it left in place. */
	const blank = (text: string): string => text.replace(/\S(?:[\s\S]*\S)?/, secret);

	const setCookie = (value: string): string => {
		const end = value.indexOf(';');
		const pair = end === -1 ? value : value.slice(0, end);
		return cookies(pair) + (end === -1 ? '' : value.slice(end));
	};

	/** The scheme stays: `Bearer REDACTED-…`. A Basic password is remembered also on its own. */
	const credentials = (value: string): string => {
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
		return `${value.slice(0, space)} ${secret(rest)}`;
	};

	/** Tokens, URLs, `Authorization: …`, `password=…`, `--token …` and the like within any text. */
	const freeText = (text: string): string =>
		text
			.replace(JSON_WEB_TOKEN, secret)
			.replace(ABSOLUTE_URL, (address) => url(address))
			.replace(QUERY_PAIR, (pair, before: string, name: string, value: string) =>
				isSensitiveName(decodeUrlPart(name)) ? `${before}${name}=${secret(value)}` : pair,
			)
			.replace(COOKIE_LINE, (_, name: string, between: string, value: string) => name + between + header(name, value))
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

	const text = (body: string, contentType: string | null = null): string => {
		const type = contentType?.toLowerCase() ?? '';
		if (type.startsWith('application/x-www-form-urlencoded')) return form(body);
		if (type.startsWith('multipart/form-data')) return freeText(multipart(body));
		if (/\bjson\b/.test(type) || /^\s*[[{]/.test(body))
			return redactJson(body, { isSensitiveName, secret, freeText, header });
		if (type === '' && /^[\w.~%[\]-]{1,64}=[^\s]*$/.test(body)) return form(body);
		return freeText(body);
	};

	/** Parts of a form whose name is sensitive. */
	const multipart = (body: string): string => {
		const boundary = /^\s*(--[^\r\n]{1,200})\r?\n/.exec(body)?.[1];
		if (boundary === undefined) return body;
		return body
			.split(boundary)
			.map((part) => {
				const head = /^[\s\S]*?\r?\n\r?\n/.exec(part)?.[0];
				const name = head === undefined ? undefined : /\bname="?([^";\r\n]{1,200})/i.exec(head)?.[1];
				if (head === undefined || name === undefined || !isSensitiveName(name)) return part;
				return head + blank(part.slice(head.length));
			})
			.join(boundary);
	};

	const remembered = (): string[] =>
		[...seen.keys()].filter((value) => value.length >= LEAST_SWEPT).sort((one, other) => other.length - one.length);

	return {
		secret,
		header,
		url: (address) => url(address),
		form: (pairs) => form(pairs),
		text,
		sweep(text) {
			let swept = text;
			for (const value of remembered()) {
				for (const form of [value, encodeURIComponent(wellFormed(value)), Buffer.from(value).toString('base64')]) {
					if (swept.includes(form)) swept = swept.replaceAll(form, seen.get(value) as string);
				}
			}
			return swept;
		},
		holdsSecret(bytes) {
			const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
			return remembered().some((value) => buffer.includes(value));
		},
		scope: () => createRedactor(key),
	};
}

/**
 * Whether the values under this name (of a field, a query or form key, a JSON member) are secret: what the common
 * protocols call their credentials, and every `…-token`, `…_secret`, `…Password`.
 */
export function isSensitiveName(name: string): boolean {
	return isTellingName(name) || SHORT_NAMES.test(normalName(name));
}

/** Names that are telling also in the middle of a text, where `code` or `key` are mostly ordinary words. */
function isTellingName(name: string): boolean {
	return TELLING_NAMES.test(normalName(name));
}

const SESSION_KEY = randomBytes(32);
const PLACEHOLDER = /^REDACTED-\d+-[0-9a-f]{8}$/;
const MAX_REMEMBERED = 1000;
/** URLs in queries of URLs. */
const MAX_NESTING = 3;
/** Shorter values stand in too many places by accident. */
const LEAST_SWEPT = 6;

// Each of these looks at a bounded stretch from where it begins, so that no text takes more than linear time.
const JSON_WEB_TOKEN = /(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g;
const ABSOLUTE_URL = /\b[a-z][a-z0-9+.-]{0,30}:\/\/[^\s"'<>\\]+/gi;
const QUERY_PAIR = /([?&;])([\w.~%[\]-]{1,64})=([^&;\s"'<>#\\]+)/g;
const COOKIE_LINE = /\b((?:set-)?cookie2?)(["']?[ \t]{0,8}[:=][ \t]{0,8}["']?)([^"'\r\n]+)/gi;
const ASSIGNMENT =
	/\b([a-z][\w.-]{0,63})(["']?[ \t]{0,8}(?:[:=]|\blike\b)[ \t]{0,8}["']?)((?:(?:basic|bearer|digest|negotiate|ntlm|token|apikey)[ \t]{1,8})?)([^\s"'&;,<>]+)/gi;
/** On command lines. */
const OPTION = /(?<=\s--?)([\w-]{1,64})([ \t]{1,8})([^\s-]\S*)/g;
const USER_OPTION = /((?<=\s)(?:-u|--user|--proxy-user)[ \t=]{1,8})([^\s:]{1,256}):(\S+)/g;

const TELLING_NAMES =
	/^(?:(?:proxy-|x-)?authorization|(?:set-)?cookie2?|jwt|session-?id|credentials?|client-assertion)$|(?:token|secret|passw(?:or)?d|passphrase|api-?key|access-?key|private-?key|secret-?key|account-?key|-signature|-credential)$/;
const SHORT_NAMES = /^(?:key|sig|signature|code|pass|pwd|pin|otp|sid|session|auth)$/;

/** `accessToken`, `access_token` and `access.token` are `access-token`. */
function normalName(name: string): string {
	return name
		.slice(-64)
		.replace(/([a-z0-9])([A-Z])/g, '$1-$2')
		.replace(/[_.\s[\]]+/g, '-')
		.replace(/^-+|-+$/g, '')
		.toLowerCase();
}

function decodeUrlPart(text: string): string {
	try {
		return decodeURIComponent(text.replaceAll('+', ' '));
	} catch {
		// Not valid percent-encoding: as it is.
		return text;
	}
}

/** encodeURIComponent refuses lone surrogates. */
function wellFormed(text: string): string {
	return Buffer.from(text).toString('utf8');
}

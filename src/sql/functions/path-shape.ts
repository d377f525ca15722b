// Folds the parts of a path that name one thing among many, so that requests for the same kind of thing have one text.

/** What stands for a folded part. */
const ID = ':id';
/** Texts whose shapes are remembered. */
const REMEMBERED = 4096;
/** Parts of a segment end here. */
const SEPARATORS = /([-._~!$&'()*+,;=:@|])/;
/** From this length on, letters and digits in one word are an id. */
const MIXED_LEAST = 16;
/** From this length on, letters of both cases and digits with - and _ among them are a token. */
const TOKEN_LEAST = 20;
/** From this length on, hexadecimal digits with both letters and digits are a hash. */
const HASH_LEAST = 7;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const EMAIL = /^[^@\s]+(?:@|%40)[^@\s]+\.[a-z]+$/i;
/** Parts of a JSON Web Token begin with `{"` in base64. */
const WEB_TOKEN = /^eyJ[\w-]+\.eyJ[\w-]+\.[\w-]*$/;

/** Returns a function that gives the shape of a path, a request target or a URL, and remembers the last ones. */
export function pathShaper(): (text: string) => string {
	const shapes = new Map<string, string>();
	return (text) => {
		const known = shapes.get(text);
		if (known !== undefined) return known;
		const shape = pathShape(text);
		if (shapes.size >= REMEMBERED) shapes.clear();
		shapes.set(text, shape);
		return shape;
	};
}

/**
 * The path with `:id` in place of numbers, dates, UUIDs, hashes, tokens and mail addresses, without query and fragment. Of a
 * URL, scheme and host stay. What is not a path (`*`, `host:443`) stays as it is.
 */
export function pathShape(text: string): string {
	const origin = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i.exec(text)?.[0] ?? '';
	const path = text.slice(origin.length).replace(/[?#].*$/s, '');
	if (!path.startsWith('/')) return origin === '' && !/[?#]/.test(text) ? text : origin + path;
	return origin + path.split('/').map(segmentShape).join('/');
}

function segmentShape(segment: string): string {
	if (!/[0-9]/.test(segment) && !EMAIL.test(segment)) return segment;
	if (isId(segment)) return ID;
	// `user-42`, `app.3f2a9c1b.js`, `2026-11-30T10:00:00Z`
	const parts = segment.split(SEPARATORS);
	let shape = '';
	for (let i = 0; i < parts.length; i += 2) {
		const part = parts[i]!;
		const isFolded = isId(part);
		// What follows a folded part directly, and is folded as well, belongs to the same id.
		if (isFolded && i > 0 && shape.endsWith(ID + parts[i - 1]!)) shape = shape.slice(0, -parts[i - 1]!.length);
		else shape += isFolded ? ID : part;
		shape += parts[i + 1] ?? '';
	}
	return shape;
}

function isId(text: string): boolean {
	if (/^[0-9]+$/.test(text) || UUID.test(text) || EMAIL.test(text) || WEB_TOKEN.test(text)) return true;
	// A day and an hour: `30T10`; an hour and a zone: `00Z`.
	if (/^[0-9]{2,}(?:T[0-9]+)?Z?$/.test(text)) return true;
	const hasDigit = /[0-9]/.test(text);
	if (!hasDigit || !/[a-z]/i.test(text)) return false;
	if (text.length >= HASH_LEAST && /^[0-9a-f]+$/i.test(text)) return true;
	if (text.length >= MIXED_LEAST && /^[0-9a-z]+$/i.test(text)) return true;
	return text.length >= TOKEN_LEAST && /^[\w-]+=*$/.test(text) && /[a-z]/.test(text) && /[A-Z]/.test(text);
}

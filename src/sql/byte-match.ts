// LIKE and = on captured bytes, for patterns of ASCII: the text is never made. See TextSpans for why that is exact.

/** Whether `bytes[start … end)` matches. */
export type ByteMatcher = (bytes: Uint8Array, start: number, end: number) => boolean;

const ASCII = /^[\0-\x7f]*$/;
/** Longer texts are not worth the trouble, and would make the search slow where much is alike. */
const MAX_PART = 255;
const CAPITAL_A = 65;
const CAPITAL_Z = 90;

/** Exactly this text; undefined when it is not ASCII. */
export function byteEquality(text: string): ByteMatcher | undefined {
	if (!ASCII.test(text)) return undefined;
	const wanted = Buffer.from(text, 'latin1');
	return (bytes, start, end) => {
		if (end - start !== wanted.length) return false;
		for (let i = 0; i < wanted.length; i++) if (bytes[start + i] !== wanted[i]) return false;
		return true;
	};
}

/** A LIKE pattern without `_`; undefined for others and those that are not ASCII. `escaping`: one character. */
export function byteLike(pattern: string, escaping: string | undefined): ByteMatcher | undefined {
	if (!ASCII.test(pattern)) return undefined;
	const parts = likeParts(pattern, escaping);
	if (parts === undefined || parts.some((part) => part.length > MAX_PART)) return undefined;
	const [first, ...others] = parts.map(searchFor);
	const last = others.pop();
	if (last === undefined) return (bytes, start, end) => end - start === first!.length && isAt(bytes, start, first!);
	const middle = others.filter((part) => part.length > 0);
	const least = first!.length + last.length + middle.reduce((sum, part) => sum + part.length, 0);
	const [only] = middle;
	return (bytes, start, end) => {
		if (end - start < least || !isAt(bytes, start, first!)) return false;
		const until = end - last.length;
		if (!isAt(bytes, until, last)) return false;
		let at = start + first!.length;
		if (only === undefined) return true;
		for (const part of middle) {
			at = indexOf(bytes, at, until, part);
			if (at < 0) return false;
			at += part.length;
		}
		return true;
	};
}

/** The texts between the %, in small letters. Undefined when there is a `_`, or an escape character at the end. */
function likeParts(pattern: string, escaping: string | undefined): string[] | undefined {
	const parts = [''];
	for (let at = 0; at < pattern.length; at++) {
		let char = pattern[at]!;
		if (char === escaping) {
			if (++at >= pattern.length) return undefined;
			char = pattern[at]!;
		} else if (char === '%') {
			parts.push('');
			continue;
		} else if (char === '_') {
			return undefined;
		}
		parts[parts.length - 1] += char.toLowerCase();
	}
	return parts;
}

/** A text to look for and, for each byte that may stand under its end, how far it can be moved on (Horspool's way). */
type Search = { readonly length: number; readonly lower: Uint8Array; readonly skip: Uint8Array };

function searchFor(text: string): Search {
	const lower = new Uint8Array(Buffer.from(text, 'latin1'));
	const { length } = lower;
	const skip = new Uint8Array(256).fill(length);
	for (let i = 0; i < length - 1; i++) {
		const distance = length - 1 - i;
		const byte = lower[i]!;
		skip[byte] = distance;
		if (byte >= 97 && byte <= 122) skip[byte - 32] = distance;
	}
	return { length, lower, skip };
}

function isAt(bytes: Uint8Array, at: number, { lower, length }: Search): boolean {
	for (let i = 0; i < length; i++) {
		let byte = bytes[at + i]!;
		if (byte === lower[i]) continue;
		if (byte < CAPITAL_A || byte > CAPITAL_Z) return false;
		byte += 32;
		if (byte !== lower[i]) return false;
	}
	return true;
}

/** Where the text stands first between two places, in letters of any case; -1 when it does not. */
function indexOf(bytes: Uint8Array, from: number, until: number, search: Search): number {
	const { length, lower, skip } = search;
	const lastByte = lower[length - 1]!;
	for (let at = from + length - 1; at < until; ) {
		const byte = bytes[at]!;
		if (byte === lastByte || (byte >= CAPITAL_A && byte <= CAPITAL_Z && byte + 32 === lastByte)) {
			const start = at - length + 1;
			if (isAt(bytes, start, search)) return start;
		}
		at += skip[byte]!;
	}
	return -1;
}

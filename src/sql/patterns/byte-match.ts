// LIKE and = on captured bytes, for ASCII patterns, without decoding the text. TextSpans explains why that is exact.

/** Whether `bytes[start … end)` matches. */
export type ByteMatcher = (bytes: Uint8Array, start: number, end: number) => boolean;

const ASCII = /^[\0-\x7f]*$/;
/** Limited, so that skip distances fit into a byte. Longer parts are rare, and slow to find in repetitive bytes. */
const MAX_PART = 255;
const CAPITAL_A = 65;
const CAPITAL_Z = 90;

/** Matches exactly this text; undefined if it is not ASCII. */
export function byteEquality(text: string): ByteMatcher | undefined {
	if (!ASCII.test(text)) return undefined;
	const wanted = Buffer.from(text, 'latin1');
	return (bytes, start, end) => {
		if (end - start !== wanted.length) return false;
		for (let i = 0; i < wanted.length; i++) if (bytes[start + i] !== wanted[i]) return false;
		return true;
	};
}

/** Matches an ASCII LIKE pattern without `_`; undefined for other patterns. `escaping` is one character. */
export function byteLike(pattern: string, escaping: string | undefined): ByteMatcher | undefined {
	if (!ASCII.test(pattern)) return undefined;
	const parts = likeParts(pattern, escaping);
	if (parts === undefined || parts.some((part) => part.length > MAX_PART)) return undefined;
	const [first, ...others] = parts.map(searchFor);
	const last = others.pop();
	if (last === undefined) return (bytes, start, end) => end - start === first!.length && isAt(bytes, start, first!);
	const middle = others.filter((part) => part.length > 0);
	const [only] = middle;
	if (only === undefined && last.length === 0)
		return (bytes, start, end) => end - start >= first!.length && isAt(bytes, start, first!);
	if (only !== undefined && middle.length === 1 && first!.length === 0 && last.length === 0)
		return (bytes, start, end) => indexOf(bytes, start, end, only) >= 0;
	const least = first!.length + last.length + middle.reduce((sum, part) => sum + part.length, 0);
	return (bytes, start, end) => {
		const until = end - last.length;
		if (end - start < least || !isAt(bytes, start, first!) || !isAt(bytes, until, last)) return false;
		let at = start + first!.length;
		for (const part of middle) {
			at = indexOf(bytes, at, until, part);
			if (at < 0) return false;
			at += part.length;
		}
		return true;
	};
}

/** The lower-case texts between the % signs; undefined if there is a `_`, or an escape character at the end. */
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

/**
 * A text and the skip table of Horspool's algorithm. `skip[b]` is how far the search can advance when the byte at the
 * text's last position is `b`. 0 means that the text may match here; if it does not, the search advances by `again`.
 */
type Search = {
	readonly length: number;
	readonly lower: Uint8Array;
	readonly skip: Uint8Array;
	readonly again: number;
};

function searchFor(text: string): Search {
	const lower = new Uint8Array(Buffer.from(text, 'latin1'));
	const { length } = lower;
	const skip = new Uint8Array(256).fill(length);
	const set = (byte: number, distance: number) => {
		skip[byte] = distance;
		if (byte >= 97 && byte <= 122) skip[byte - 32] = distance;
	};
	for (let i = 0; i < length - 1; i++) set(lower[i]!, length - 1 - i);
	const again = length === 0 ? 1 : skip[lower[length - 1]!]!;
	if (length > 0) set(lower[length - 1]!, 0);
	return { length, lower, skip, again };
}

/** Compares from the end, because paths and the like often begin alike. */
function isAt(bytes: Uint8Array, at: number, { lower, length }: Search): boolean {
	for (let i = length - 1; i >= 0; i--) {
		const byte = bytes[at + i]!;
		const wanted = lower[i]!;
		if (byte !== wanted && (byte < CAPITAL_A || byte > CAPITAL_Z || byte + 32 !== wanted)) return false;
	}
	return true;
}

/** The first occurrence between two offsets, ignoring case; -1 if there is no occurrence. */
function indexOf(bytes: Uint8Array, from: number, until: number, search: Search): number {
	const { length, skip, again } = search;
	for (let at = from + length - 1; at < until; ) {
		const distance = skip[bytes[at]!]!;
		if (distance > 0) {
			at += distance;
			continue;
		}
		const start = at - length + 1;
		if (isAt(bytes, start, search)) return start;
		at += again;
	}
	return -1;
}

// LIKE (% and _, A-Z equal a-z) and GLOB (*, ? and [a-z], case-sensitive). Whatever the pattern, the time is at most
// proportional to the length of the text times the length of the pattern.
import { LONG_TEXT } from '../limits/guard.ts';
import { SqlError } from '../limits/sql-error.ts';
import { foldAscii } from '../values/value.ts';

const MAX_PATTERN_LENGTH = 10_000;

type Matcher = (text: string) => boolean;

/** One item of a pattern: a code point, any one code point, any number of them, or one of a set. */
type Item =
	| number
	| 'one'
	| 'many'
	| { readonly negated: boolean; readonly ranges: readonly (readonly [number, number])[] };

/** `poll` is called every few thousand steps. */
export function compileLike(pattern: string, escaping?: string, poll: () => void = () => undefined): Matcher {
	checkLength(pattern);
	const items: Item[] = [];
	const points = [...foldAscii(pattern)];
	// The escape character is case-sensitive, so it is looked for before folding.
	const originals = [...pattern];
	for (let at = 0; at < points.length; at++) {
		const point = points[at]!;
		if (originals[at] === escaping) {
			if (++at >= points.length) return () => false;
			items.push(points[at]!.codePointAt(0)!);
		} else if (point === '%') {
			if (items.at(-1) !== 'many') items.push('many');
		} else {
			items.push(point === '_' ? 'one' : point.codePointAt(0)!);
		}
	}
	if (items.includes('one')) {
		const match = matchItems(items, poll);
		return (text) => match(foldAscii(text));
	}
	return matchSegments(items, poll);
}

export function compileGlob(pattern: string, poll: () => void = () => undefined): Matcher {
	checkLength(pattern);
	const items: Item[] = [];
	const points = [...pattern];
	for (let at = 0; at < points.length; at++) {
		const point = points[at]!;
		if (point === '*') {
			if (items.at(-1) !== 'many') items.push('many');
		} else if (point === '?') {
			items.push('one');
		} else if (point === '[') {
			const set = readSet(points, at);
			// A pattern with an unclosed set matches nothing.
			if (set === undefined) return () => false;
			items.push(set.item);
			at = set.end;
		} else {
			items.push(point.codePointAt(0)!);
		}
	}
	return matchItems(items, poll);
}

function checkLength(pattern: string): void {
	if (pattern.length > MAX_PATTERN_LENGTH) {
		throw new SqlError(
			`the pattern has ${pattern.length} characters, more than the limit of ${MAX_PATTERN_LENGTH}`,
			'ERR_SQL_TOO_LARGE',
		);
	}
}

/** `[a-z]`, `[^a]`, `[]x]`: a closing bracket in the first place is a member of the set. */
function readSet(points: readonly string[], start: number): { item: Item; end: number } | undefined {
	let at = start + 1;
	const negated = points[at] === '^';
	if (negated) at++;
	const ranges: [number, number][] = [];
	for (let first = true; at < points.length; first = false) {
		const point = points[at]!;
		if (point === ']' && !first) return { item: { negated, ranges }, end: at };
		const low = point.codePointAt(0)!;
		const next = points[at + 2];
		if (points[at + 1] === '-' && next !== undefined && next !== ']') {
			ranges.push([low, next.codePointAt(0)!]);
			at += 3;
		} else {
			ranges.push([low, low]);
			at++;
		}
	}
	return undefined;
}

/** For patterns that are texts separated by %: looks for each text after the previous one. */
function matchSegments(items: readonly Item[], poll: () => void): Matcher {
	const segments = [''];
	for (const item of items) {
		if (item === 'many') segments.push('');
		else segments[segments.length - 1] += String.fromCodePoint(item as number);
	}
	const first = segments[0]!;
	if (segments.length === 1) return (text) => text.length === first.length && foldedAt(text, first, 0);
	const last = segments.at(-1)!;
	const middle = segments.slice(1, -1).filter((segment) => segment !== '');
	return (text) => {
		if (text.length > LONG_TEXT) poll();
		const end = text.length - last.length;
		if (end < first.length || !foldedAt(text, first, 0) || !foldedAt(text, last, end)) return false;
		// Most text is lower-case, so folding is worthwhile only if the search fails and there are capitals.
		if (inOrder(text, middle, first.length, end)) return true;
		return CAPITALS.test(text) && inOrder(foldAscii(text), middle, first.length, end);
	};
}

const CAPITALS = /[A-Z]/;

/** Whether the parts occur in the text one after the other, between two offsets. */
function inOrder(text: string, parts: readonly string[], from: number, end: number): boolean {
	let at = from;
	for (const part of parts) {
		at = text.indexOf(part, at);
		if (at < 0) return false;
		at += part.length;
		if (at > end) return false;
	}
	return true;
}

/** Whether `text` has `part`, which is already folded, at this offset. */
function foldedAt(text: string, part: string, at: number): boolean {
	for (let index = 0; index < part.length; index++) {
		const code = text.charCodeAt(at + index);
		if (code !== part.charCodeAt(index) && (code < 65 || code > 90 || code + 32 !== part.charCodeAt(index)))
			return false;
	}
	return true;
}

/** After a mismatch, the last `many` takes one more character. Earlier ones never need to change. */
function matchItems(items: readonly Item[], poll: () => void): Matcher {
	return (text) => {
		if (text.length > LONG_TEXT) poll();
		let steps = 0;
		const points = codePoints(text);
		let at = 0;
		let item = 0;
		let retryItem = -1;
		let retryAt = 0;
		while (at < points.length) {
			if ((++steps & 0xffff) === 0) poll();
			const wanted = items[item];
			if (wanted === 'many') {
				retryItem = item++;
				retryAt = at;
			} else if (wanted !== undefined && matches(wanted, points[at]!)) {
				item++;
				at++;
			} else if (retryItem >= 0) {
				item = retryItem + 1;
				at = ++retryAt;
			} else {
				return false;
			}
		}
		while (items[item] === 'many') item++;
		return item === items.length;
	};
}

function matches(item: Item, point: number): boolean {
	if (typeof item === 'number') return item === point;
	if (typeof item === 'string') return true;
	return item.ranges.some(([low, high]) => point >= low && point <= high) !== item.negated;
}

function codePoints(text: string): number[] {
	const points: number[] = [];
	for (let at = 0; at < text.length; at++) {
		const point = text.codePointAt(at)!;
		if (point > 0xffff) at++;
		points.push(point);
	}
	return points;
}

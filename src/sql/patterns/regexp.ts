// REGEXP: regular expressions in time linear in the length of the text, whatever the pattern. The pattern becomes a
// nondeterministic automaton, all of whose states are followed at once. JavaScript's RegExp can take exponential time,
// so it never runs a user's pattern. Back-references and look-around are not supported for the same reason.
import { type Instruction, parseRegexp } from './regexp-program.ts';

type Matcher = (text: string) => boolean;

/** Limit of the cached state sets, weighted by their size. When it is exceeded, the cache is emptied. */
const MAX_REMEMBERED = 200_000;

/** The states that the automaton can be in between two characters. */
type StateSet = {
	/** Places in the program that wait for a character, in ascending order. */
	readonly waiting: readonly number[];
	/** The text up to here matches. */
	readonly matched: boolean;
	/** The text matches if it ends here. */
	readonly matchesAtEnd: boolean;
	/** The next set by ASCII character, filled in when a character is first met. */
	readonly next: (StateSet | undefined)[];
};

/** Searches for the pattern anywhere in a text. `poll` is called every few thousand characters. */
export function compileRegexp(pattern: string, poll: () => void): Matcher {
	const program = parseRegexp(pattern);
	const hasBoundaries = program.some((instruction) => instruction.op === 'boundary');
	return hasBoundaries ? (text) => search(program, text, poll) : remembering(program, poll);
}

/** Adds to `waiting` the places reachable from `start` without reading a character. `reached` marks the places visited. */
function follow(
	program: readonly Instruction[],
	start: number,
	waiting: number[],
	reached: Uint8Array,
	holds: (instruction: Instruction) => boolean,
): boolean {
	const stack = [start];
	let matched = false;
	while (stack.length > 0) {
		const place = stack.pop()!;
		if (reached[place] === 1) continue;
		reached[place] = 1;
		const instruction = program[place]!;
		switch (instruction.op) {
			case 'match':
				matched = true;
				break;
			case 'split':
				stack.push(instruction.second, instruction.first);
				break;
			case 'jump':
				stack.push(instruction.to);
				break;
			case 'characters':
				waiting.push(place);
				break;
			default:
				if (holds(instruction)) stack.push(place + 1);
		}
	}
	return matched;
}

function accepts(instruction: Instruction, point: number): boolean {
	return instruction.op === 'characters' && instruction.accepts(point);
}

/** For programs without word boundaries: caches state sets and their transitions. */
function remembering(program: readonly Instruction[], poll: () => void): Matcher {
	let known = new Map<string, StateSet>();
	let remembered = 0;
	let first: StateSet | undefined;
	const stateSet = (starts: readonly number[], atStart: boolean): StateSet => {
		const collect = (atEnd: boolean) => {
			const waiting: number[] = [];
			const reached = new Uint8Array(program.length);
			let matched = false;
			for (const start of starts) {
				const found = follow(program, start, waiting, reached, ({ op }) =>
					op === 'begin' ? atStart : op === 'end' && atEnd,
				);
				matched ||= found;
			}
			return { waiting, matched };
		};
		const { waiting, matched } = collect(false);
		waiting.sort((a, b) => a - b);
		const key = `${atStart ? '^' : ''}${starts.join()}`;
		const existing = known.get(key);
		if (existing !== undefined) return existing;
		const set: StateSet = { waiting, matched, matchesAtEnd: matched || collect(true).matched, next: [] };
		remembered += waiting.length + 130;
		if (remembered > MAX_REMEMBERED) {
			// Sets refer to each other, so none is freed unless all old ones are dropped.
			known = new Map();
			first = undefined;
			remembered = 0;
		}
		known.set(key, set);
		return set;
	};
	const advance = (from: StateSet, point: number): StateSet => {
		const starts = new Set<number>();
		for (const place of from.waiting) if (accepts(program[place]!, point)) starts.add(place + 1);
		// A match may begin at any character.
		starts.add(0);
		const list = [...starts].sort((a, b) => a - b);
		return known.get(list.join()) ?? stateSet(list, false);
	};
	return (text) => {
		let set = first ?? stateSet([0], true);
		first = set;
		// Not `at`, which advances by two for some characters and could skip the multiples of 4,096.
		let steps = 0;
		for (let at = 0; at < text.length; at++) {
			if (set.matched) return true;
			const point = text.codePointAt(at)!;
			if (point > 0xffff) at++;
			if (point < 128) {
				let next = set.next[point];
				if (next === undefined) {
					next = advance(set, point);
					set.next[point] = next;
				}
				set = next;
			} else {
				set = advance(set, point);
			}
			if ((++steps & 0xfff) === 0) poll();
		}
		return set.matchesAtEnd;
	};
}

export function isWordPoint(point: number): boolean {
	return (point >= 48 && point <= 57) || (point >= 65 && point <= 90) || point === 95 || (point >= 97 && point <= 122);
}

/** Without a cache, for programs with \b, where a step depends on the characters on both sides. */
function search(program: readonly Instruction[], text: string, poll: () => void): boolean {
	let waiting: number[] = [];
	let before = -1;
	let steps = 0;
	for (let at = 0; ; ) {
		const point = at < text.length ? text.codePointAt(at)! : -1;
		const atBoundary = isWordPoint(before) !== isWordPoint(point);
		const holds = (instruction: Instruction): boolean => {
			if (instruction.op === 'begin') return before < 0;
			if (instruction.op === 'end') return point < 0;
			return instruction.op === 'boundary' && atBoundary === instruction.wanted;
		};
		const next: number[] = [];
		const reached = new Uint8Array(program.length);
		for (const place of waiting) if (follow(program, place, next, reached, holds)) return true;
		if (follow(program, 0, next, reached, holds)) return true;
		if (point < 0) return false;
		waiting = next.filter((place) => accepts(program[place]!, point)).map((place) => place + 1);
		before = point;
		at += point > 0xffff ? 2 : 1;
		if ((++steps & 0xff) === 0) poll();
	}
}

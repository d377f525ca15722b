// Finds where a regular expression matches and what its groups contain, in time linear in the length of the text. This
// holds even for all matches of a text, for which engines that search again after each match can take quadratic time.
//
// A pass from the end to the beginning finds, for each position, the places of the program from which the rest of the
// text can lead to a match. A forward pass then follows a single path: at each position it takes the most preferred
// alternative that can still match, so it never backtracks.
import { SqlError } from '../limits/sql-error.ts';
import { isWordPoint } from './regexp.ts';
import { type Instruction, parseGroups } from './regexp-program.ts';

/** Where a match and its groups begin and end: 0 and 1 are the whole match, 2 and 3 the first group … -1: no part of it. */
export type Slots = Int32Array;

export type Finder = {
	/** The number of groups in the pattern. */
	readonly groups: number;
	/**
	 * Calls `found` for each match, from left to right without overlaps, until it returns false. The slots are valid
	 * during the call. As in RE2, an empty match directly after another match does not count.
	 */
	readonly each: (text: string, found: (slots: Slots) => boolean) => void;
};

/** Maximum bytes that the sets of places may take for one text. */
const MAX_BYTES = 64 * 1024 * 1024;
/** Estimated memory of a set, apart from its bits, and of a known step to another set. */
const SET_BYTES = 150;
const STEP_BYTES = 50;

/** The places from which the rest of the text can lead to a match. */
type Places = {
	readonly bits: Uint32Array;
	/** The set of the position before, by the character there. */
	readonly before: Map<number, Places>;
};

const has = ({ bits }: Places, place: number) => ((bits[place >> 5]! >>> (place & 31)) & 1) === 1;

/** `poll` is called every few thousand characters. */
export function compileFinder(pattern: string, ignoreCase: boolean, poll: () => void): Finder {
	const { program, groups } = parseGroups(pattern, ignoreCase);
	const backward = compileBackward(program);
	const follow = compileFollow(program, groups);
	return {
		groups,
		each: (text, found) => {
			const sets = backward(text, poll);
			let lastEnd = -1;
			for (let at = 0, steps = 0; at <= text.length; ) {
				if ((++steps & 0xfff) === 0) poll();
				const set = sets[at];
				if (set !== undefined && has(set, 0)) {
					const slots = follow(text, at, sets, poll);
					const end = slots[1]!;
					if (end > at || at !== lastEnd) {
						if (!found(slots)) return;
						lastEnd = end;
					}
					if (end > at) {
						at = end;
						continue;
					}
				}
				at += at < text.length && text.codePointAt(at)! > 0xffff ? 2 : 1;
			}
		},
	};
}

// ---- from the end to the beginning ----------------------------------------------------------------------------------

/** Returns the sets by position. Positions inside a character have none. */
function compileBackward(program: readonly Instruction[]): (text: string, poll: () => void) => (Places | undefined)[] {
	const words = (program.length + 31) >> 5;
	const setBytes = SET_BYTES + 4 * words;
	const sources = sourcesOf(program);
	const readers = program.flatMap((instruction, place) =>
		instruction.op === 'characters' ? [{ place, accepts: instruction.accepts }] : [],
	);
	const hasBegin = program.some(({ op }) => op === 'begin');
	const hasBoundary = program.some(({ op }) => op === 'boundary');
	let known = new Map<string, Places>();
	let bytes = 0;
	const keep = (bits: Uint32Array): Places => {
		const key = bits.join();
		const existing = known.get(key);
		if (existing !== undefined) return existing;
		const set: Places = { bits, before: new Map() };
		known.set(key, set);
		bytes += setBytes + key.length;
		return set;
	};
	/** The set before the character `point` (-1 at the end of the text), whose own predecessor is `previous`. */
	const compute = (after: Places | undefined, point: number, previous: number): Places => {
		const bits = new Uint32Array(words);
		const stack: number[] = [];
		const mark = (place: number) => {
			if (((bits[place >> 5]! >>> (place & 31)) & 1) === 1) return;
			bits[place >> 5]! |= 1 << (place & 31);
			stack.push(place);
		};
		mark(program.length - 1);
		if (after !== undefined)
			for (const { place, accepts } of readers) if (has(after, place + 1) && accepts(point)) mark(place);
		while (stack.length > 0) {
			for (const place of sources[stack.pop()!]!) {
				const instruction = program[place]!;
				if (instruction.op === 'begin' && previous >= 0) continue;
				if (instruction.op === 'end' && point >= 0) continue;
				if (instruction.op === 'boundary' && (isWordPoint(previous) !== isWordPoint(point)) !== instruction.wanted)
					continue;
				mark(place);
			}
		}
		return keep(bits);
	};
	return (text, poll) => {
		if (bytes > MAX_BYTES / 4) {
			known = new Map();
			bytes = 0;
		}
		const sets = new Array<Places | undefined>(text.length + 1);
		let set = compute(undefined, -1, pointBefore(text, text.length));
		sets[text.length] = set;
		for (let at = text.length, steps = 0; at > 0; ) {
			if ((++steps & 0x3ff) === 0) poll();
			const point = pointBefore(text, at);
			at -= point > 0xffff ? 2 : 1;
			const previous = pointBefore(text, at);
			const key = point * 4 + (hasBegin && at === 0 ? 1 : 0) + (hasBoundary && isWordPoint(previous) ? 2 : 0);
			let next = set.before.get(key);
			if (next === undefined) {
				next = compute(set, point, previous);
				set.before.set(key, next);
				bytes += STEP_BYTES;
				if (bytes > MAX_BYTES) throw tooLarge(text.length);
			}
			set = next;
			sets[at] = set;
		}
		return sets;
	};
}

/** The character that ends at `at`, -1 at the beginning of the text. */
function pointBefore(text: string, at: number): number {
	if (at <= 0) return -1;
	const unit = text.charCodeAt(at - 1);
	if (unit < 0xdc00 || unit > 0xdfff || at < 2) return unit;
	const point = text.codePointAt(at - 2)!;
	return point > 0xffff ? point : unit;
}

/** For each place, the places that lead to it without reading a character. */
function sourcesOf(program: readonly Instruction[]): number[][] {
	const sources: number[][] = program.map(() => []);
	for (const [place, instruction] of program.entries()) {
		if (instruction.op === 'split') {
			sources[instruction.first]!.push(place);
			sources[instruction.second]!.push(place);
		} else if (instruction.op === 'jump') sources[instruction.to]!.push(place);
		else if (instruction.op !== 'characters' && instruction.op !== 'match') sources[place + 1]!.push(place);
	}
	return sources;
}

function tooLarge(length: number): SqlError {
	return new SqlError(
		`the regular expression is too complex for a text of ${length} characters`,
		'ERR_SQL_TOO_LARGE',
		undefined,
		'search in a part of the text: left(text, 10000)',
	);
}

// ---- forward --------------------------------------------------------------------------------------------------------

/** Follows the preferred match that begins at `start`. */
function compileFollow(program: readonly Instruction[], groups: number) {
	const slots = new Int32Array(2 + 2 * groups);
	const visited = new Int32Array(program.length);
	let visit = 0;
	/** Places to try, the most preferred last. A negative number restores a slot: its old value is below it. */
	const stack: number[] = [];
	/** Continues from `place` without reading a character, to a place that reads one or is the end. */
	const advance = (place: number, at: number, set: Places): number => {
		visit++;
		stack.length = 0;
		stack.push(place);
		while (true) {
			const next = stack.pop()!;
			if (next < 0) {
				slots[-1 - next] = stack.pop()!;
				continue;
			}
			if (visited[next] === visit || !has(set, next)) continue;
			visited[next] = visit;
			const instruction = program[next]!;
			switch (instruction.op) {
				case 'match':
				case 'characters':
					return next;
				case 'split':
					stack.push(instruction.second, instruction.first);
					break;
				case 'jump':
					stack.push(instruction.to);
					break;
				case 'save':
					stack.push(slots[instruction.slot]!, -1 - instruction.slot, next + 1);
					slots[instruction.slot] = at;
					break;
				default:
					// The set has only places whose condition holds.
					stack.push(next + 1);
			}
		}
	};
	return (text: string, start: number, sets: readonly (Places | undefined)[], poll: () => void): Slots => {
		slots.fill(-1);
		slots[0] = start;
		let at = start;
		for (let place = 0, steps = 0; ; ) {
			if ((++steps & 0x3ff) === 0) poll();
			place = advance(place, at, sets[at]!);
			if (program[place]!.op === 'match') break;
			at += text.codePointAt(at)! > 0xffff ? 2 : 1;
			place++;
		}
		slots[1] = at;
		return slots;
	};
}

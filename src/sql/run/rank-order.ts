// Sorts doubles by a radix sort of their bits.
import { type Guard, pauseIfDue, type Steps } from '../limits/guard.ts';

const DIGITS = 2048;
/** The first bit of each of the three digits in a word of 32 bits. */
const SHIFTS = [0, 11, 22];

/** Words with the entries they belong to, and arrays of the same size to move them to. */
type Pairs = { words: Uint32Array; entries: Int32Array; nextWords: Uint32Array; nextEntries: Int32Array };

/** Sorts entries 0 … n-1 by their doubles, which must not be NaN. The sort is stable. */
export function* orderOfRanks(ranks: Float64Array, guard: Guard): Steps<Int32Array> {
	const count = ranks.length;
	const high = new Uint32Array(count);
	const low = new Uint32Array(count);
	split(ranks, high, low);
	const entries = new Int32Array(count);
	for (let entry = 0; entry < count; entry++) entries[entry] = entry;
	const pairs: Pairs = {
		words: high.slice(),
		entries,
		nextWords: new Uint32Array(count),
		nextEntries: new Int32Array(count),
	};
	yield* sortWords(pairs, guard);
	const ties = tieCount(pairs.words);
	if (ties === 0) return pairs.entries;
	if (ties * 8 < count) {
		insertTies(pairs, ranks);
		return pairs.entries;
	}
	// Many upper halves are equal, so sort again: first by the lower half, then by the upper one.
	for (let entry = 0; entry < count; entry++) pairs.entries[entry] = entry;
	pairs.words = low;
	yield* sortWords(pairs, guard);
	pairs.words = new Uint32Array(count);
	for (let place = 0; place < count; place++) pairs.words[place] = high[pairs.entries[place]!]!;
	yield* sortWords(pairs, guard);
	return pairs.entries;
}

/** Splits doubles into two words that order like unsigned integers. -0 counts as 0. */
function split(ranks: Float64Array, high: Uint32Array, low: Uint32Array): void {
	const words = new Uint32Array(ranks.buffer, ranks.byteOffset, ranks.length * 2);
	for (let entry = 0; entry < ranks.length; entry++) {
		const isZero = ranks[entry] === 0;
		const upper = isZero ? 0 : words[entry * 2 + 1]!;
		const lower = isZero ? 0 : words[entry * 2]!;
		const isNegative = upper >= 0x80000000;
		high[entry] = isNegative ? ~upper : upper | 0x80000000;
		low[entry] = isNegative ? ~lower : lower;
	}
}

function* sortWords(pairs: Pairs, guard: Guard): Steps {
	for (const shift of SHIFTS) {
		yield* pauseIfDue(guard);
		const places = new Int32Array(DIGITS);
		countDigits(pairs.words, shift, places);
		// If all words have the same digit, there is nothing to do.
		if (pairs.words.length > 0 && places[(pairs.words[0]! >>> shift) & (DIGITS - 1)] === pairs.words.length) continue;
		let total = 0;
		for (let digit = 0; digit < DIGITS; digit++) {
			const size = places[digit]!;
			places[digit] = total;
			total += size;
		}
		move(pairs, shift, places);
	}
}

function countDigits(words: Uint32Array, shift: number, counts: Int32Array): void {
	for (let i = 0; i < words.length; i++) counts[(words[i]! >>> shift) & (DIGITS - 1)]!++;
}

function move(pairs: Pairs, shift: number, places: Int32Array): void {
	const { words, entries, nextWords, nextEntries } = pairs;
	for (let i = 0; i < words.length; i++) {
		const word = words[i]!;
		const place = places[(word >>> shift) & (DIGITS - 1)]!++;
		nextWords[place] = word;
		nextEntries[place] = entries[i]!;
	}
	pairs.words = nextWords;
	pairs.entries = nextEntries;
	pairs.nextWords = words;
	pairs.nextEntries = entries;
}

function tieCount(words: Uint32Array): number {
	let ties = 0;
	for (let i = 1; i < words.length; i++) if (words[i] === words[i - 1]) ties++;
	return ties;
}

/** Longer runs with equal upper halves are too slow for insertion sort. */
const MAX_RUN = 64;

/** Sorts runs with equal upper halves by the whole number. */
function insertTies({ words, entries }: Pairs, ranks: Float64Array): void {
	for (let start = 0; start < words.length; ) {
		let end = start + 1;
		while (end < words.length && words[end] === words[start]) end++;
		if (end - start > MAX_RUN) {
			entries.subarray(start, end).sort((a, b) => ranks[a]! - ranks[b]! || a - b);
		} else {
			for (let index = start + 1; index < end; index++) {
				const entry = entries[index]!;
				const rank = ranks[entry]!;
				let place = index;
				for (; place > start && ranks[entries[place - 1]!]! > rank; place--) entries[place] = entries[place - 1]!;
				entries[place] = entry;
			}
		}
		start = end;
	}
}

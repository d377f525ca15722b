// Compresses bytes of which it is already known where they repeat, as a member of a gzip file (RFC 1951, 1952). zlib would
// have to search for that, which takes several times as long as everything else.
import { crc32 } from 'node:zlib';

/** Bytes that repeat earlier ones, in order, none of them overlapping another. */
export type Repeats = {
	readonly count: number;
	readonly starts: Int32Array;
	readonly lengths: Int32Array;
	/** How many bytes before its start the same ones begin: at most FARTHEST. */
	readonly distances: Int32Array;
};

export const FARTHEST = 32_768;

const LEAST_MATCH = 3;
const MOST_MATCH = 258;
const CODE_BITS = 15;
const LENGTH_CODE_BITS = 7;
const LITERALS = 286;
const DISTANCES = 30;
const END = 256;

/** The code of each length of a match, its number of further bits, and the length without them. */
const LENGTH_CODE = new Uint8Array(MOST_MATCH + 1);
const LENGTH_BITS = Uint8Array.from([
	...Array(8).fill(0),
	...[1, 2, 3, 4, 5].flatMap((bits) => Array(4).fill(bits)),
	0,
]);
const LENGTH_BASE = new Uint16Array(LENGTH_BITS.length);
/** The same for distances: one table for those up to 256, and one for 128 times as long ones. */
const NEAR_CODE = new Uint8Array(257);
const FAR_CODE = new Uint8Array(257);
const DISTANCE_BITS = Uint8Array.from({ length: DISTANCES }, (_, code) => Math.max(0, (code >> 1) - 1));
const DISTANCE_BASE = new Uint16Array(DISTANCES);
/** The order in which the lengths of the codes for lengths are written. */
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

fillTables();

function fillTables(): void {
	let length = LEAST_MATCH;
	for (let code = 0; code < LENGTH_BITS.length - 1; code++) {
		LENGTH_BASE[code] = length;
		for (let i = 0; i < 1 << LENGTH_BITS[code]! && length < MOST_MATCH; i++) LENGTH_CODE[length++] = code;
	}
	LENGTH_BASE[LENGTH_BITS.length - 1] = MOST_MATCH;
	LENGTH_CODE[MOST_MATCH] = LENGTH_BITS.length - 1;
	let distance = 1;
	for (let code = 0; code < DISTANCES; code++) {
		DISTANCE_BASE[code] = distance;
		for (let i = 0; i < 1 << DISTANCE_BITS[code]!; i++, distance++) {
			if (distance <= 256) NEAR_CODE[distance] = code;
			else FAR_CODE[(distance - 1) >> 7] = code;
		}
	}
}

function distanceCode(distance: number): number {
	return distance <= 256 ? NEAR_CODE[distance]! : FAR_CODE[(distance - 1) >> 7]!;
}

/** The first `length` bytes as a member of a gzip file. */
export function gzipMember(bytes: Uint8Array, length: number, repeats: Repeats): Uint8Array {
	const literalCounts = new Uint32Array(LITERALS);
	const distanceCounts = new Uint32Array(DISTANCES);
	literalCounts[END] = 1;
	count(bytes, length, repeats, literalCounts, distanceCounts);
	const literals = huffmanCode(literalCounts, CODE_BITS);
	const distances = huffmanCode(distanceCounts, CODE_BITS);
	const writer = new BitWriter(
		HEADER.length + TRAILER_BYTES + sizeAtMost(literalCounts, literals, distanceCounts, distances),
	);
	writer.bytes(HEADER);
	// The last block, with codes of its own.
	writer.put(0b101, 3);
	writeCodes(writer, literals.lengths, distances.lengths);
	writeData(writer, bytes, length, repeats, literals, distances);
	writer.put(literals.codes[END]!, literals.lengths[END]!);
	writer.align();
	writer.word(crc32(bytes.subarray(0, length)));
	writer.word(length);
	return writer.written();
}

/** gzip, deflate, no flags, no time, fastest, made on Unix. */
const HEADER = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 3];
const TRAILER_BYTES = 8;
/** More than the codes take. */
const CODES_BYTES = 400;

function count(
	bytes: Uint8Array,
	length: number,
	{ count: repeatCount, starts, lengths, distances }: Repeats,
	literalCounts: Uint32Array,
	distanceCounts: Uint32Array,
): void {
	let at = 0;
	for (let i = 0; i <= repeatCount; i++) {
		const start = i === repeatCount ? length : starts[i]!;
		for (; at < start; at++) literalCounts[bytes[at]!]!++;
		if (i === repeatCount) return;
		const code = distanceCode(distances[i]!);
		for (let left = lengths[i]!; left > 0; ) {
			const match = matchLength(left);
			literalCounts[END + 1 + LENGTH_CODE[match]!]!++;
			distanceCounts[code]!++;
			left -= match;
		}
		at = start + lengths[i]!;
	}
}

/** The length of the next match of `left` bytes. No match may be shorter than three bytes. */
function matchLength(left: number): number {
	if (left <= MOST_MATCH) return left;
	return left - MOST_MATCH < LEAST_MATCH ? MOST_MATCH - LEAST_MATCH : MOST_MATCH;
}

function writeData(
	writer: BitWriter,
	bytes: Uint8Array,
	length: number,
	{ count: repeatCount, starts, lengths, distances }: Repeats,
	literal: Code,
	distance: Code,
): void {
	let at = 0;
	for (let i = 0; i < repeatCount; i++) {
		writer.literals(bytes, at, starts[i]!, literal);
		const back = distances[i]!;
		const backCode = distanceCode(back);
		for (let left = lengths[i]!; left > 0; ) {
			const match = matchLength(left);
			const code = LENGTH_CODE[match]!;
			writer.put(literal.codes[END + 1 + code]!, literal.lengths[END + 1 + code]!);
			writer.put(match - LENGTH_BASE[code]!, LENGTH_BITS[code]!);
			writer.put(distance.codes[backCode]!, distance.lengths[backCode]!);
			writer.put(back - DISTANCE_BASE[backCode]!, DISTANCE_BITS[backCode]!);
			left -= match;
		}
		at = starts[i]! + lengths[i]!;
	}
	writer.literals(bytes, at, length, literal);
}

function sizeAtMost(literalCounts: Uint32Array, literals: Code, distanceCounts: Uint32Array, distances: Code): number {
	let bits = 0;
	for (let i = 0; i < LITERALS; i++)
		bits += literalCounts[i]! * (literals.lengths[i]! + (i > END ? LENGTH_BITS[i - END - 1]! : 0));
	for (let i = 0; i < DISTANCES; i++) bits += distanceCounts[i]! * (distances.lengths[i]! + DISTANCE_BITS[i]!);
	return CODES_BYTES + Math.ceil(bits / 8);
}

/** The code of each symbol, its first bit lowest, and its length; 0: the symbol does not occur. */
type Code = { readonly codes: Uint16Array; readonly lengths: Uint8Array };

/** A prefix code in which no code has more than `most` bits. */
function huffmanCode(counts: Uint32Array, most: number): Code {
	const lengths = new Uint8Array(counts.length);
	let weights = counts;
	// Making rare symbols less rare makes the longest codes shorter.
	while (!setLengths(weights, lengths, most)) weights = weights.map((weight) => (weight === 0 ? 0 : (weight >> 1) | 1));
	return { codes: codesOf(lengths, most), lengths };
}

/** Sets the lengths of the codes; false if one would be longer than `most`. */
function setLengths(weights: Uint32Array, lengths: Uint8Array, most: number): boolean {
	const symbols = [...weights.keys()].filter((symbol) => weights[symbol]! > 0);
	lengths.fill(0);
	if (symbols.length < 2) {
		// Two codes of one bit: some readers refuse an incomplete code.
		for (const symbol of [...symbols, 0, 1].slice(0, 2)) lengths[symbol] = 1;
		if (symbols[0] === 0) lengths[1] = 1;
		return true;
	}
	symbols.sort((one, other) => weights[one]! - weights[other]!);
	// Leaves by weight, then inner nodes, which come into being by weight, too.
	const leaves = symbols.length;
	const parents = new Int32Array(2 * leaves - 1);
	const sums = new Float64Array(2 * leaves - 1);
	for (let i = 0; i < leaves; i++) sums[i] = weights[symbols[i]!]!;
	let [leaf, inner] = [0, leaves];
	for (let node = leaves; node < 2 * leaves - 1; node++) {
		for (let child = 0; child < 2; child++) {
			const isLeaf = leaf < leaves && (inner === node || sums[leaf]! <= sums[inner]!);
			const least = isLeaf ? leaf++ : inner++;
			sums[node]! += sums[least]!;
			parents[least] = node;
		}
	}
	const depths = new Uint8Array(2 * leaves - 1);
	for (let node = 2 * leaves - 3; node >= 0; node--) depths[node] = depths[parents[node]!]! + 1;
	for (let i = 0; i < leaves; i++) {
		if (depths[i]! > most) return false;
		lengths[symbols[i]!] = depths[i]!;
	}
	return true;
}

/** Codes of one length are consecutive numbers, in the order of the symbols. */
function codesOf(lengths: Uint8Array, most: number): Uint16Array {
	const next = new Uint16Array(most + 2);
	for (const length of lengths) if (length > 0) next[length + 1]!++;
	for (let length = 1; length <= most + 1; length++) next[length] = (next[length - 1]! + next[length]!) << 1;
	const codes = new Uint16Array(lengths.length);
	for (const [symbol, length] of lengths.entries()) {
		if (length === 0) continue;
		let code = next[length]!++;
		let reversed = 0;
		for (let bit = 0; bit < length; bit++, code >>= 1) reversed = (reversed << 1) | (code & 1);
		codes[symbol] = reversed;
	}
	return codes;
}

/** Writes the lengths of the codes, as runs of equal ones. */
function writeCodes(writer: BitWriter, literals: Uint8Array, distances: Uint8Array): void {
	const all = [...literals, ...distances];
	const runs: [symbol: number, extra: number, bits: number][] = [];
	for (let at = 0; at < all.length; ) {
		const length = all[at]!;
		let run = 1;
		while (at + run < all.length && all[at + run] === length) run++;
		at += run;
		if (length !== 0) {
			runs.push([length, 0, 0]);
			run--;
		}
		while (run >= 3) {
			const some = Math.min(run, length !== 0 ? 6 : run < 11 ? 10 : 138);
			runs.push(length !== 0 ? [16, some - 3, 2] : some < 11 ? [17, some - 3, 3] : [18, some - 11, 7]);
			run -= some;
		}
		while (run-- > 0) runs.push([length, 0, 0]);
	}
	const counts = new Uint32Array(ORDER.length);
	for (const [symbol] of runs) counts[symbol]!++;
	const { codes, lengths } = huffmanCode(counts, LENGTH_CODE_BITS);
	writer.put(literals.length - 257, 5);
	writer.put(distances.length - 1, 5);
	writer.put(ORDER.length - 4, 4);
	for (const symbol of ORDER) writer.put(lengths[symbol]!, 3);
	for (const [symbol, extra, bits] of runs) {
		writer.put(codes[symbol]!, lengths[symbol]!);
		writer.put(extra, bits);
	}
}

class BitWriter {
	readonly #bytes: Uint8Array;
	#at = 0;
	#bits = 0;
	#count = 0;

	constructor(size: number) {
		this.#bytes = new Uint8Array(size);
	}

	/** At most 15 bits. */
	put(bits: number, count: number): void {
		this.#bits |= bits << this.#count;
		this.#count += count;
		if (this.#count < 16) return;
		this.#bytes[this.#at++] = this.#bits;
		this.#bytes[this.#at++] = this.#bits >>> 8;
		this.#bits >>>= 16;
		this.#count -= 16;
	}

	/** The codes of bytes `from` … `to` - 1, as put() would write them. */
	literals(bytes: Uint8Array, from: number, to: number, { codes, lengths }: Code): void {
		const into = this.#bytes;
		let [at, bits, count] = [this.#at, this.#bits, this.#count];
		for (let i = from; i < to; i++) {
			const byte = bytes[i]!;
			bits |= codes[byte]! << count;
			count += lengths[byte]!;
			if (count >= 16) {
				into[at++] = bits;
				into[at++] = bits >>> 8;
				bits >>>= 16;
				count -= 16;
			}
		}
		this.#at = at;
		this.#bits = bits;
		this.#count = count;
	}

	align(): void {
		for (; this.#count > 0; this.#count -= 8, this.#bits >>>= 8) this.#bytes[this.#at++] = this.#bits;
		this.#bits = 0;
		this.#count = 0;
	}

	/** The writer must be aligned. */
	bytes(bytes: readonly number[]): void {
		for (const byte of bytes) this.#bytes[this.#at++] = byte;
	}

	word(word: number): void {
		this.bytes([word, word >>> 8, word >>> 16, word >>> 24]);
	}

	written(): Uint8Array {
		return this.#bytes.subarray(0, this.#at);
	}
}

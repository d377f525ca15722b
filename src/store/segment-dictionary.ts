// The distinct texts, or field lines, of a segment. Each is stored once in the arena and found by its bytes.
import { copyRange, HASH_SEED, hashRange, type Memory, sameRange, type WritableMemory } from './byte-ranges.ts';

/** Where the entries are in the arena. Entry 0 has code 1. */
export type DictionaryArrays = {
	readonly offset: Uint32Array;
	readonly length: Uint32Array;
	/** Length of the first of an entry's two parts; absent if entries have one part. */
	readonly firstLength?: Uint32Array;
};

/** Used only by the thread that writes the segment. */
export class SegmentDictionary {
	readonly #arena: WritableMemory;
	readonly #arrays: DictionaryArrays;
	/** Open addressing over the hashes: entry + 1. */
	#slots = new Uint32Array(1024);
	#hashes = new Int32Array(512);
	count = 0;
	/** Where the free part of the arena begins. The caller sets it before intern(), which advances it. */
	arenaEnd = 0;

	constructor(arena: WritableMemory, arrays: DictionaryArrays) {
		this.#arena = arena;
		this.#arrays = arrays;
	}

	/** Whether there is room for this many more entries. */
	hasRoom(entries: number): boolean {
		return this.count + entries <= this.#arrays.offset.length;
	}

	/** Whether entry `code` is this text. */
	is(code: number, source: Memory, start: number, length: number): boolean {
		const { offset, length: lengths } = this.#arrays;
		return lengths[code - 1] === length && sameRange(source.view, start, this.#arena.view, offset[code - 1]!, length);
	}

	/** Returns the code of a text and adds the text if it is new. There must be room. */
	intern(source: Memory, start: number, length: number): number {
		return this.internPair(source, start, length, 0, 0);
	}

	/** Returns the code of two consecutive parts and adds them if they are new. 0 if there is no room. */
	internPair(source: Memory, start: number, length: number, second: number, secondLength: number): number {
		const { view } = source;
		let hash = hashRange(view, start, length, HASH_SEED);
		if (secondLength > 0) hash = hashRange(view, second, secondLength, hash);
		const { offset, length: lengths, firstLength } = this.#arrays;
		const all = length + secondLength;
		const mask = this.#slots.length - 1;
		let slot = hash & mask;
		for (;;) {
			const entry = this.#slots[slot]! - 1;
			if (entry < 0) break;
			if (
				this.#hashes[entry] === hash &&
				lengths[entry] === all &&
				(firstLength === undefined || firstLength[entry] === length)
			) {
				const at = offset[entry]!;
				const arena = this.#arena.view;
				if (sameRange(view, start, arena, at, length) && sameRange(view, second, arena, at + length, secondLength))
					return entry + 1;
			}
			slot = (slot + 1) & mask;
		}
		if (!this.hasRoom(1)) return 0;
		const entry = this.count++;
		offset[entry] = this.arenaEnd;
		lengths[entry] = all;
		if (firstLength !== undefined) firstLength[entry] = length;
		copyRange(source, start, this.#arena, this.arenaEnd, length);
		copyRange(source, second, this.#arena, this.arenaEnd + length, secondLength);
		this.arenaEnd += all;
		if (entry === this.#hashes.length) {
			const longer = new Int32Array(entry * 2);
			longer.set(this.#hashes);
			this.#hashes = longer;
		}
		this.#hashes[entry] = hash;
		if (this.count * 2 > this.#slots.length) this.#rehash();
		else this.#slots[slot] = entry + 1;
		return entry + 1;
	}

	#rehash(): void {
		const slots = new Uint32Array(this.#slots.length * 4);
		const mask = slots.length - 1;
		for (let entry = 0; entry < this.count; entry++) {
			let slot = this.#hashes[entry]! & mask;
			while (slots[slot] !== 0) slot = (slot + 1) & mask;
			slots[slot] = entry + 1;
		}
		this.#slots = slots;
	}
}

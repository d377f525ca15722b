// Counts distinct values in little memory: exactly while there are few, then by HyperLogLog (Flajolet et al., 2007)
// with a standard error of 1.6 %.

import type { Guard } from '../limits/guard.ts';

/** Maximum number of values counted exactly. */
const MAX_EXACT = 4096;
/** Estimated memory of one value in a Set, with a text of up to MAX_KEPT characters. */
const SET_BYTES = 100;
/** Only the hash is kept of longer texts. Two hashes of 64 bits are practically never equal. */
const MAX_KEPT = 64;
/** The lowest bits of a hash choose its register. */
const REGISTER_BITS = 12;
const REGISTERS = 1 << REGISTER_BITS;

export class DistinctCount {
	readonly #guard: Guard;
	#exact: Set<string | number | bigint> | undefined = new Set();
	#registers: Uint8Array | undefined;

	constructor(guard: Guard) {
		this.#guard = guard;
	}

	add(key: string | number | bigint): void {
		if (this.#registers !== undefined) {
			this.#note(key);
			return;
		}
		const exact = this.#exact!;
		const before = exact.size;
		exact.add(typeof key === 'string' && key.length > MAX_KEPT ? hashed(key) : key);
		if (exact.size === before) return;
		this.#guard.grow(SET_BYTES);
		if (exact.size <= MAX_EXACT) return;
		this.#registers = new Uint8Array(REGISTERS);
		this.#exact = undefined;
		this.#guard.shrink(SET_BYTES * exact.size);
		for (const known of exact) this.#note(known);
	}

	#note(key: string | number | bigint): void {
		const text = typeof key !== 'string' ? String(key) : key.length > MAX_KEPT ? hashed(key) : key;
		const [low, high] = hash(text);
		const register = low & (REGISTERS - 1);
		// The position of the first 1 in the other half of the hash.
		const place = Math.clz32(high) + 1;
		if (place > this.#registers![register]!) this.#registers![register] = place;
	}

	get value(): number {
		if (this.#registers === undefined) return this.#exact!.size;
		let sum = 0;
		let empty = 0;
		for (const place of this.#registers) {
			sum += 2 ** -place;
			if (place === 0) empty++;
		}
		const estimate = (0.7213 / (1 + 1.079 / REGISTERS)) * REGISTERS ** 2 * (1 / sum);
		const isSmall = estimate <= 2.5 * REGISTERS && empty > 0;
		return Math.round(isSmall ? REGISTERS * Math.log(REGISTERS / empty) : estimate);
	}
}

function hashed(text: string): string {
	return `#${hash(text).join()}`;
}

/** Two independent hashes of 32 bits: multiply and rotate each character, then mix (MurmurHash3's finalizer). */
function hash(text: string): [low: number, high: number] {
	let low = 0x9e3779b9;
	let high = 0x85ebca6b;
	for (let at = 0; at < text.length; at++) {
		const code = text.charCodeAt(at);
		low = Math.imul(low ^ code, 0x01000193);
		high = Math.imul(high ^ code, 0x5bd1e995);
		high = (high << 13) | (high >>> 19);
	}
	return [mixed(low ^ text.length), mixed(high + low)];
}

function mixed(bits: number): number {
	let value = bits;
	value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
	value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
	return value ^ (value >>> 16);
}

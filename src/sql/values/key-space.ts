// Numbers combinations of values: equal combinations get the same number, counting from 0 in order of first appearance.
// Groups, DISTINCT and set operations use these numbers.
import type { Guard } from '../limits/guard.ts';
import { keyOf, type Value } from './value.ts';

/** A pair of numbers below this fits exactly into one double. */
const RADIX = 2 ** 26;
/** Numbers below this are looked up in arrays instead of Maps. */
const DIRECT = 4096;

/** Numbers pairs of a combination of the columns so far and a value of the next column. */
class PairNumbers {
	/** For small numbers: the pair's number + 1, indexed by its first and then its second; 0 if it has no number yet. */
	readonly #rows: (Int32Array | undefined)[] = [];
	readonly #others = new Map<number, number>();
	size = 0;

	numberOf(before: number, value: number, guard: Guard): number {
		if (before < DIRECT && value < DIRECT) {
			let row = this.#rows[before];
			if (row === undefined || value >= row.length) {
				const longer = new Int32Array(Math.max(16, 2 ** Math.ceil(Math.log2(value + 1))));
				guard.grow(longer.length * 4);
				if (row !== undefined) longer.set(row);
				this.#rows[before] = longer;
				row = longer;
			}
			const known = row[value]!;
			if (known > 0) return known - 1;
			row[value] = ++this.size;
			return this.size - 1;
		}
		return this.#other(before * RADIX + value, guard);
	}

	/** Replaces the first number of each pair with the pair's number. */
	replaceAll(firsts: Int32Array, seconds: Int32Array, count: number, guard: Guard): void {
		const rows = this.#rows;
		for (let i = 0; i < count; i++) {
			const before = firsts[i]!;
			const value = seconds[i]!;
			const row = before < DIRECT && value < DIRECT ? rows[before] : undefined;
			const known = row !== undefined && value < row.length ? row[value]! : 0;
			firsts[i] = known > 0 ? known - 1 : this.numberOf(before, value, guard);
		}
	}

	#other(pair: number, guard: Guard): number {
		const known = this.#others.get(pair);
		if (known !== undefined) return known;
		guard.grow(48);
		this.#others.set(pair, this.size);
		return this.size++;
	}
}

/** Numbers the values of one column. */
class ValueNumbers {
	readonly #numbers = new Map<unknown, number>();
	/** For small integers: the value's number + 1; 0 if it has no number yet. */
	#small = new Int32Array(0);
	size = 0;

	numberOf(key: unknown, guard: Guard): number {
		if (typeof key === 'number' && key >= 0 && key < DIRECT && Number.isInteger(key)) {
			if (this.#small.length === 0) this.#small = new Int32Array(DIRECT);
			const known = this.#small[key]!;
			if (known > 0) return known - 1;
			this.#small[key] = ++this.size;
			return this.size - 1;
		}
		const known = this.#numbers.get(key);
		if (known !== undefined) return known;
		guard.grow(typeof key === 'string' ? 80 + key.length : 64);
		this.#numbers.set(key, this.size);
		return this.size++;
	}
}

export class KeySpace {
	readonly #guard: Guard;
	readonly #values: readonly ValueNumbers[];
	/** For each column after the first. */
	readonly #pairs: readonly PairNumbers[];
	#isEmptyRowKnown = false;

	constructor(width: number, guard: Guard) {
		this.#guard = guard;
		this.#values = Array.from({ length: width }, () => new ValueNumbers());
		this.#pairs = Array.from({ length: Math.max(0, width - 1) }, () => new PairNumbers());
	}

	/** The number of combinations that have a number. */
	get size(): number {
		return (this.#pairs.at(-1) ?? this.#values[0])?.size ?? Number(this.#isEmptyRowKnown);
	}

	/** The number of a combination of values. A new combination gets the next number, and `size` grows. */
	numberOf(row: readonly Value[]): number {
		if (row.length === 0) {
			this.#isEmptyRowKnown = true;
			return 0;
		}
		let number = this.valueNumber(0, keyOf(row[0]!));
		for (let column = 1; column < row.length; column++) {
			number = this.pairNumber(column, number, this.valueNumber(column, keyOf(row[column]!)));
		}
		return number;
	}

	/** The number of a value in its column, by its key. */
	valueNumber(column: number, key: unknown): number {
		return this.#values[column]!.numberOf(key, this.#guard);
	}

	/** The number of a combination: `before` numbers its first `column` columns, `value` numbers the next column. */
	pairNumber(column: number, before: number, value: number): number {
		return this.#pairs[column - 1]!.numberOf(before, value, this.#guard);
	}

	/** The same for many rows. The numbers replace `befores`. */
	pairNumbers(column: number, befores: Int32Array, values: Int32Array, count: number): void {
		this.#pairs[column - 1]!.replaceAll(befores, values, count, this.#guard);
	}
}

// Numbers combinations of values: equal combinations get the same number, 0, 1, 2 … in the order they come. Groups,
// DISTINCT and set operations are made of these.
import type { Guard } from './guard.ts';
import { keyOf, type Value } from './value.ts';

/** Two numbers below this make one exact double. */
const RADIX = 2 ** 26;

export class KeySpace {
	readonly #guard: Guard;
	/** For each column but the only one: numbers of its values. */
	readonly #values: Map<unknown, number>[];
	/** For each column behind the first: numbers of (combination so far, value). */
	readonly #pairs: Map<number, number>[];
	size = 0;

	constructor(width: number, guard: Guard) {
		this.#guard = guard;
		this.#values = Array.from({ length: width }, () => new Map());
		this.#pairs = Array.from({ length: Math.max(0, width - 1) }, () => new Map());
	}

	/** The number of the combination of values; the next free one when it is new: then `size` has grown. */
	numberOf(row: readonly Value[]): number {
		const [first, second] = row;
		if (first === undefined) {
			this.size = 1;
			return 0;
		}
		if (second === undefined) return this.single(keyOf(first));
		let number = this.valueNumber(0, keyOf(first));
		for (let column = 1; column < row.length; column++) {
			number = this.pairNumber(column, number, this.valueNumber(column, keyOf(row[column]!)));
		}
		return number;
	}

	/** For a space of one column: the number of a key made by keyOf. */
	single(key: unknown): number {
		const known = this.#values[0]!.get(key);
		if (known !== undefined) return known;
		this.#guard.grow(typeof key === 'string' ? 80 + key.length : 64);
		this.#values[0]!.set(key, this.size);
		return this.size++;
	}

	/** The number of one column's value. */
	valueNumber(column: number, key: unknown): number {
		const values = this.#values[column]!;
		const known = values.get(key);
		if (known !== undefined) return known;
		this.#guard.grow(typeof key === 'string' ? 80 + key.length : 64);
		values.set(key, values.size);
		return values.size - 1;
	}

	/** The number of a combination of which `before` numbers the first `column` columns and `value` the next. */
	pairNumber(column: number, before: number, value: number): number {
		const pairs = this.#pairs[column - 1]!;
		const pair = before * RADIX + value;
		const known = pairs.get(pair);
		if (known !== undefined) return known;
		this.#guard.grow(48);
		const number = pairs.size;
		pairs.set(pair, number);
		if (column === this.#pairs.length) this.size = pairs.size;
		return number;
	}
}

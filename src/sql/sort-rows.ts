// Orders rows by keys, keeping only the first ones when no more are wanted.
import type { OrderTerm } from './bound.ts';
import { compileColumnNumber } from './compile-column.ts';
import type { Guard, Steps } from './guard.ts';
import type { Compiler, Evaluator, NumberEvaluator } from './runtime.ts';
import { compareValues, foldAscii, type Value } from './value.ts';

/** One term of ORDER BY: reads keys of current rows into entries and compares entries. */
type KeyColumn = {
	/** Sets the key of entry `entry` from the current row. */
	readonly read: (entry: number) => void;
	/** The order of two entries; negative: `a` comes first. */
	readonly compare: (a: number, b: number) => number;
	readonly move: (from: number, to: number) => void;
};

export function compileKeyColumns(order: readonly OrderTerm[], c: Compiler): KeyColumn[] {
	return order.map((term) => {
		const { expression } = term;
		const direct =
			expression.kind === 'column' && expression.output === 'datetime'
				? compileColumnNumber(expression, c.runtime)
				: undefined;
		if (direct !== undefined) return numberKeys(direct, undefined, term);
		if (expression.type === 'real') return numberKeys(c.number(expression), undefined, term);
		if (expression.kind === 'column' && expression.type === 'int')
			return numberKeys(c.number(expression), c.value(expression), term);
		return valueKeys(c.any(expression), term);
	});
}

/** `exact` reads integers that a double cannot hold. */
function numberKeys(
	number: NumberEvaluator,
	exact: Evaluator | undefined,
	{ descending, nullsFirst }: OrderTerm,
): KeyColumn {
	let keys = new Float64Array(1024);
	const big = new Map<number, Value>();
	const sign = descending ? -1 : 1;
	const nullSign = nullsFirst ? -1 : 1;
	return {
		read: (entry) => {
			if (entry >= keys.length) {
				const longer = new Float64Array(keys.length * 2);
				longer.set(keys);
				keys = longer;
			}
			const key = number();
			keys[entry] = key;
			if (exact !== undefined && Math.abs(key) > Number.MAX_SAFE_INTEGER) big.set(entry, exact());
		},
		compare: (a, b) => {
			const x = keys[a]!;
			const y = keys[b]!;
			if (x < y) return -sign;
			if (x > y) return sign;
			if (x === y)
				return big.size === 0 || !big.has(a) || !big.has(b) ? 0 : sign * compareValues(big.get(a)!, big.get(b)!);
			// One of them is NaN: NULL.
			return Number.isNaN(x) ? (Number.isNaN(y) ? 0 : nullSign) : -nullSign;
		},
		move: (from, to) => {
			keys[to] = keys[from]!;
			if (big.size === 0) return;
			const value = big.get(from);
			if (value === undefined) big.delete(to);
			else big.set(to, value);
		},
	};
}

function valueKeys(value: Evaluator, { descending, nullsFirst, expression }: OrderTerm): KeyColumn {
	const keys: Value[] = [];
	const sign = descending ? -1 : 1;
	const nullSign = nullsFirst ? -1 : 1;
	const { nocase } = expression;
	return {
		read: (entry) => {
			const key = value();
			keys[entry] = nocase && typeof key === 'string' ? foldAscii(key) : key;
		},
		compare: (a, b) => {
			const x = keys[a]!;
			const y = keys[b]!;
			if (x === null || y === null) return x === y ? 0 : x === null ? nullSign : -nullSign;
			return sign * compareValues(x, y);
		},
		move: (from, to) => {
			keys[to] = keys[from]!;
		},
	};
}

/** Bytes of one key of one row, estimated. */
const KEY_BYTES = 24;

export class RowSorter {
	readonly #columns: readonly KeyColumn[];
	readonly #guard: Guard;
	/** How many of the first rows are wanted. */
	readonly #wanted: number;
	readonly #capacity: number;
	/** What the caller knows each entry by. */
	#tags: number[] = [];
	/** The last of the wanted entries so far: what comes behind it is not kept. */
	#worst = -1;

	constructor(columns: readonly KeyColumn[], wanted: number, guard: Guard) {
		this.#columns = columns;
		this.#guard = guard;
		this.#wanted = wanted;
		this.#capacity = wanted > 100_000 ? Number.POSITIVE_INFINITY : Math.max(1024, wanted * 2);
	}

	/** Takes in the current row. `tagOf` is asked for what to call it only when it is kept. */
	add(tagOf: () => number): void {
		const entry = this.#tags.length;
		for (const column of this.#columns) column.read(entry);
		// Of equal rows the earlier one comes first, so an equal one is no better.
		if (this.#worst >= 0 && this.#compare(entry, this.#worst) >= 0) return;
		this.#tags.push(tagOf());
		if (this.#tags.length > this.#capacity) this.#cut();
		else if (this.#capacity === Number.POSITIVE_INFINITY) this.#guard.grow(KEY_BYTES * this.#columns.length);
	}

	#compare = (a: number, b: number): number => {
		for (const column of this.#columns) {
			const order = column.compare(a, b);
			if (order !== 0) return order;
		}
		return 0;
	};

	/** Keeps the wanted entries only. */
	#cut(): void {
		const entries = this.#tags.map((_, entry) => entry);
		entries.sort((a, b) => this.#compare(a, b) || a - b);
		// In the order of entries, so that no key is overwritten before it is moved.
		const kept = entries.slice(0, this.#wanted).sort((a, b) => a - b);
		const worst = entries[Math.min(this.#wanted, entries.length) - 1];
		kept.forEach((from, to) => {
			for (const column of this.#columns) column.move(from, to);
			this.#tags[to] = this.#tags[from]!;
			if (from === worst) this.#worst = to;
		});
		this.#tags.length = kept.length;
	}

	/** Tags of the wanted rows in order. */
	*finish(): Steps<number[]> {
		const entries = yield* sortSteps(this.#tags.length, this.#compare, this.#guard);
		const { length } = entries;
		const tags: number[] = [];
		for (let place = 0; place < Math.min(length, this.#wanted); place++) tags.push(this.#tags[entries[place]!]!);
		return tags;
	}
}

/** Entries 0 … count-1 in stable order. Merges runs that double in length, pausing between pieces of work. */
export function* sortSteps(count: number, compare: (a: number, b: number) => number, guard: Guard): Steps<Int32Array> {
	let from = new Int32Array(count);
	for (let entry = 0; entry < count; entry++) from[entry] = entry;
	let to = new Int32Array(count);
	const RUN = 16;
	for (let start = 0; start < count; start += RUN) insertionSort(from, start, Math.min(count, start + RUN), compare);
	let work = 0;
	for (let width = RUN; width < count; width *= 2) {
		for (let start = 0; start < count; start += width * 2) {
			const middle = Math.min(count, start + width);
			const end = Math.min(count, start + width * 2);
			let left = start;
			let right = middle;
			for (let place = start; place < end; place++) {
				if (++work > 4096) {
					work = 0;
					if (guard.pauseDue()) {
						yield;
						guard.resumed();
					}
				}
				if (left < middle && (right >= end || compare(from[left]!, from[right]!) <= 0)) to[place] = from[left++]!;
				else to[place] = from[right++]!;
			}
		}
		[from, to] = [to, from];
	}
	return from;
}

function insertionSort(
	entries: Int32Array,
	start: number,
	end: number,
	compare: (a: number, b: number) => number,
): void {
	for (let index = start + 1; index < end; index++) {
		const entry = entries[index]!;
		let place = index;
		while (place > start && compare(entries[place - 1]!, entry) > 0) {
			entries[place] = entries[place - 1]!;
			place--;
		}
		entries[place] = entry;
	}
}

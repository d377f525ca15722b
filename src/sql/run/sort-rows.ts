// Sorts rows by keys. With a limit, only as many rows as needed are kept.
import type { Cursor } from '../evaluate/runtime.ts';
import { type Guard, pauseIfDue, type Steps } from '../limits/guard.ts';
import { orderOfRanks } from './rank-order.ts';
import type { KeyColumn } from './sort-keys.ts';

/** Estimated memory of one row without its keys, in bytes. */
const ROW_BYTES = 24;
/** If more rows than this are wanted, all rows are kept until the end. */
const MAX_KEPT = 100_000;

export class RowSorter {
	readonly #columns: readonly KeyColumn[];
	readonly #guard: Guard;
	/** The number of first rows wanted. */
	readonly #wanted: number;
	readonly #capacity: number;
	/** The caller's number for each entry. */
	#tags: number[] = [];
	/** The estimated memory of each entry. */
	#bytes: number[] = [];
	/** The last of the wanted entries so far, or -1. Rows that sort after it are not kept. */
	#worst = -1;

	constructor(columns: readonly KeyColumn[], wanted: number, guard: Guard) {
		this.#columns = columns;
		this.#guard = guard;
		this.#wanted = wanted;
		this.#capacity = wanted > MAX_KEPT ? Number.POSITIVE_INFINITY : Math.max(1024, wanted * 2);
	}

	/** Adds the current row. `tagOf` is called only if the row is kept. */
	add(tagOf: () => number): void {
		const columns = this.#columns;
		if (this.#worst >= 0 && columns[0]!.isBehind(this.#worst)) return;
		const entry = this.#tags.length;
		let bytes = ROW_BYTES;
		for (let index = 0; index < columns.length; index++) bytes += columns[index]!.read(entry);
		// Of equal rows, the earlier one sorts first.
		if (this.#worst >= 0 && this.#compare(entry, this.#worst) >= 0) return;
		this.#tags.push(tagOf());
		this.#bytes[entry] = bytes;
		this.#guard.grow(bytes);
		if (this.#tags.length > this.#capacity) this.#cut();
	}

	/** Adds many rows of the cursor's table. Changes the order of `rows`. */
	addAll(rows: Int32Array, length: number, cursor: Cursor, tagOf: () => number): void {
		const { keepAhead } = this.#columns[0]!;
		const count = this.#worst >= 0 && keepAhead !== undefined ? keepAhead(rows, length, this.#worst) : length;
		for (let i = 0; i < count; i++) {
			cursor.row = rows[i]!;
			this.add(tagOf);
		}
	}

	#compare = (a: number, b: number): number => {
		const columns = this.#columns;
		for (let index = 0; index < columns.length; index++) {
			const order = columns[index]!.compare(a, b);
			if (order !== 0) return order;
		}
		return 0;
	};

	/** Removes all but the wanted entries. */
	#cut(): void {
		const entries = this.#tags.map((_, entry) => entry);
		entries.sort((a, b) => this.#compare(a, b) || a - b);
		// In ascending order, so that no key is overwritten before it is moved.
		const kept = entries.slice(0, this.#wanted).sort((a, b) => a - b);
		const worst = entries[Math.min(this.#wanted, entries.length) - 1];
		const before = this.#bytes.reduce((sum, bytes) => sum + bytes, 0);
		for (const [to, from] of kept.entries()) {
			this.#bytes[to] = this.#bytes[from]!;
			for (const column of this.#columns) column.move(from, to);
			this.#tags[to] = this.#tags[from]!;
			if (from === worst) this.#worst = to;
		}
		this.#tags.length = kept.length;
		this.#bytes.length = kept.length;
		this.#guard.shrink(before - this.#bytes.reduce((sum, bytes) => sum + bytes, 0));
	}

	/** The tags of the wanted rows, sorted. */
	*finish(): Steps<number[]> {
		const entries = yield* this.#sorted();
		const tags: number[] = [];
		const count = Math.min(entries.length, this.#wanted);
		for (let place = 0; place < count; place++) tags.push(this.#tags[entries[place]!]!);
		return tags;
	}

	*#sorted(): Steps<Int32Array> {
		return yield* sortByColumns(this.#tags.length, this.#columns, this.#compare, this.#guard);
	}
}

/** Sorts entries 0 … count-1 by their keys. The sort is stable. */
function* sortByColumns(
	count: number,
	columns: readonly KeyColumn[],
	compare: (a: number, b: number) => number,
	guard: Guard,
): Steps<Int32Array> {
	const ranks = count > 256 ? columns[0]?.ranks?.(count) : undefined;
	if (ranks === undefined) return yield* sortSteps(count, compare, guard);
	const entries = yield* orderOfRanks(ranks, guard);
	if (columns.length > 1) {
		yield* sortTies(entries, (a, b) => ranks[a] === ranks[b], compare, guard);
	}
	return entries;
}

/** Sorts entries by the number of their partition, then by their keys. */
export function* sortPartitions(
	partitions: Int32Array,
	columns: readonly KeyColumn[],
	guard: Guard,
): Steps<Int32Array> {
	const compare = (a: number, b: number) => {
		for (const column of columns) {
			const order = column.compare(a, b);
			if (order !== 0) return order;
		}
		return 0;
	};
	const count = partitions.length;
	const ranks = count > 256 ? columns[0]?.ranks?.(count) : undefined;
	if (columns.length > 0 && ranks === undefined)
		return yield* sortSteps(count, (a, b) => partitions[a]! - partitions[b]! || compare(a, b), guard);
	const ranked = ranks === undefined ? undefined : yield* orderOfRanks(ranks, guard);
	yield* pauseIfDue(guard);
	let highest = 0;
	for (let entry = 0; entry < count; entry++) if (partitions[entry]! > highest) highest = partitions[entry]!;
	const places = new Int32Array(highest + 2);
	for (let entry = 0; entry < count; entry++) places[partitions[entry]! + 1]!++;
	for (let partition = 0; partition <= highest; partition++) places[partition + 1]! += places[partition]!;
	const entries = new Int32Array(count);
	for (let place = 0; place < count; place++) {
		const entry = ranked === undefined ? place : ranked[place]!;
		entries[places[partitions[entry]!]!++] = entry;
	}
	if (ranks !== undefined && columns.length > 1) {
		yield* sortTies(entries, (a, b) => partitions[a] === partitions[b] && ranks[a] === ranks[b], compare, guard);
	}
	return entries;
}

/** Sorts runs of entries that are equal so far by the remaining keys. */
function* sortTies(
	entries: Int32Array,
	isTied: (a: number, b: number) => boolean,
	compare: (a: number, b: number) => number,
	guard: Guard,
): Steps {
	for (let start = 0; start < entries.length; ) {
		const first = entries[start]!;
		let end = start + 1;
		while (end < entries.length && isTied(first, entries[end]!)) end++;
		if (end - start > 1) {
			const tied = entries.slice(start, end);
			const order = yield* sortSteps(tied.length, (a, b) => compare(tied[a]!, tied[b]!), guard);
			for (let index = 0; index < tied.length; index++) entries[start + index] = tied[order[index]!]!;
		}
		start = end;
	}
}

/** Sorts entries 0 … count-1. A stable merge sort that can pause between pieces of work. */
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
					yield* pauseIfDue(guard);
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

// Locates the rows of a table. Row numbers continue from one segment to the next.
import type { Segment } from './segment.ts';

/** Rows `first … rows-1` of a segment. */
export type SegmentRows = { readonly segment: Segment; readonly first: number; readonly rows: number };

/** Finds the segment of a row number. Sequential reads usually stay in the same segment. */
export class RowLocator {
	readonly rowCount: number;
	readonly parts: readonly SegmentRows[];
	/** After seek(): the segment, the table's rows in it (`start … end-1`), and the offset of row numbers within it. */
	segment!: Segment;
	start = 0;
	end = 0;
	shift = 0;
	readonly #starts: number[] = [];

	constructor(parts: readonly SegmentRows[]) {
		this.parts = parts.filter(({ first, rows }) => rows > first);
		let total = 0;
		for (const { first, rows } of this.parts) {
			this.#starts.push(total);
			total += rows - first;
		}
		this.rowCount = total;
	}

	/** The row within `this.segment` of table row `row`. */
	seek(row: number): number {
		if (row < this.start || row >= this.end) this.#find(row);
		return row + this.shift;
	}

	/** Another locator over the same rows, with its own position. */
	clone(): RowLocator {
		return new RowLocator(this.parts);
	}

	#find(row: number): void {
		let low = 0;
		let high = this.#starts.length - 1;
		while (low < high) {
			const middle = (low + high + 1) >> 1;
			if (this.#starts[middle]! <= row) low = middle;
			else high = middle - 1;
		}
		const part = this.parts[low]!;
		this.segment = part.segment;
		this.start = this.#starts[low]!;
		this.end = this.start + part.rows - part.first;
		this.shift = part.first - this.start;
	}
}

/** How far from its likely position an id is searched for before the whole table is searched. */
const NEIGHBOURS = 64;
/** Number of searches after which listing all ids pays off. */
const SEARCHES = 16;

/**
 * Finds rows by id. Rows are in the order in which exchanges ended, ids in the order in which they began. So a row is
 * near the position it would have if both orders were the same.
 */
export class IdRows {
	readonly #rows: RowLocator;
	#searches = 0;
	#lowest = 0;
	/** Row + 1, by id - lowest; 0 if there is no such row. */
	#table: Int32Array | undefined;
	#others: Map<number, number> | undefined;

	constructor(rows: RowLocator) {
		this.#rows = rows;
	}

	/** The row with this id, or -1. */
	rowOf(id: number): number {
		if (this.#table === undefined && this.#others === undefined) {
			const row = this.#nearby(id);
			if (row >= 0 && ++this.#searches < SEARCHES) return row;
			this.#list();
			if (row >= 0) return row;
		}
		if (this.#table === undefined) return this.#others!.get(id) ?? -1;
		// Undefined outside the table: no such row.
		return (this.#table[id - this.#lowest] ?? 0) - 1;
	}

	rowsOf(id: number): readonly number[] {
		const row = this.rowOf(id);
		return row < 0 ? [] : [row];
	}

	#nearby(id: number): number {
		const last = this.#rows.rowCount - 1;
		if (last < 0) return -1;
		const likely = Math.min(last, Math.max(0, Math.round(id - this.#idOf(0))));
		for (let distance = 0; distance <= NEIGHBOURS; distance++) {
			if (likely + distance <= last && this.#idOf(likely + distance) === id) return likely + distance;
			if (likely >= distance && this.#idOf(likely - distance) === id) return likely - distance;
		}
		return -1;
	}

	#idOf(row: number): number {
		const inner = this.#rows.seek(row);
		return this.#rows.segment.f64.id[inner]!;
	}

	/** Row numbers by id: an array if ids are close together, as usual; otherwise a Map. */
	#list(): void {
		let lowest = Number.POSITIVE_INFINITY;
		let highest = Number.NEGATIVE_INFINITY;
		for (const { segment, first, rows } of this.#rows.parts) {
			const ids = segment.f64.id;
			for (let row = first; row < rows; row++) {
				const id = ids[row]!;
				if (id < lowest) lowest = id;
				if (id > highest) highest = id;
			}
		}
		const { rowCount } = this.#rows;
		const isDense = rowCount === 0 || highest - lowest < rowCount * 4 + 1024;
		const table = isDense ? new Int32Array(rowCount === 0 ? 0 : highest - lowest + 1) : undefined;
		const others = isDense ? undefined : new Map<number, number>();
		let tableRow = 0;
		for (const { segment, first, rows } of this.#rows.parts) {
			const ids = segment.f64.id;
			for (let row = first; row < rows; row++) {
				if (table !== undefined) table[ids[row]! - lowest] = ++tableRow;
				else others!.set(ids[row]!, tableRow++);
			}
		}
		this.#lowest = lowest;
		this.#table = table;
		this.#others = others;
	}
}

// The rows of a result that fit on a screen: the first ones, the last ones, and the number of all rows. Bodies are
// represented by their sizes, long texts by their beginnings.
import type { ShownValue, Sized } from '../../store/table.ts';
import type { Bound } from '../bind/bound.ts';
import { type Compiler, cursorOf } from '../evaluate/runtime.ts';
import { toSqlValue, type Value } from '../values/value.ts';

export type ShownRow = ShownValue[];

export type EndsWanted = {
	/** How many of the first rows are wanted, and how many of the last. */
	readonly first: number;
	readonly last: number;
	/** Receives the first rows as they are found, in one or more parts. */
	readonly onFirst: (rows: ShownRow[]) => void;
};

/** Reads rows by their places. */
export type RowReader = {
	readonly read: (place: number) => ShownRow;
	/** Evaluates the outputs that may fail, for rows that are not shown; undefined if none may fail. */
	readonly check: ((place: number) => void) | undefined;
};

/** A larger body is represented by its size. */
const SHORT_BODY_BYTES = 1024;
/** No terminal shows more of a text on one line. */
const TEXT_LENGTH = 32 * 1024;

/** First rows are passed to `onFirst` at least this often. */
const FLUSH_MS = 20;

export class ResultEnds {
	/** Number of rows so far. */
	total = 0;
	readonly wanted: EndsWanted;
	/** First rows that have not been passed to `onFirst` yet. */
	#found: ShownRow[] = [];
	#flushedAt = 0;
	/** The latest rows, or their places: row n is at index n modulo `last`. */
	readonly #rows: ShownRow[] = [];
	readonly #places: number[] = [];

	constructor(wanted: EndsWanted) {
		this.wanted = wanted;
	}

	/** Adds a row that has been read. */
	addRow(row: ShownRow): void {
		const { first, last } = this.wanted;
		const isFirst = this.total < first;
		if (isFirst) this.#found.push(row);
		else if (last > 0) this.#rows[this.total % last] = row;
		this.total++;
		// The next pause may be far away.
		if (isFirst && (this.total === first || performance.now() - this.#flushedAt > FLUSH_MS)) this.flush();
	}

	/** Adds the rows at `places[from … to)`. Only rows to be shown are read; lastRows() reads the last ones. */
	addPlaces(places: ArrayLike<number>, from: number, to: number, { read, check }: RowReader): void {
		const { first, last } = this.wanted;
		let index = from;
		for (; index < to && this.total < first; index++) this.addRow(read(places[index]!));
		if (check !== undefined) for (let rest = index; rest < to; rest++) check(places[rest]!);
		this.total += Math.max(0, to - index);
		for (let back = Math.min(last, to - index); back > 0; back--) {
			this.#places[(this.total - back) % last] = places[to - back]!;
		}
	}

	/** Passes the first rows found so far to `onFirst`. */
	flush(): void {
		this.#flushedAt = performance.now();
		if (this.#found.length === 0) return;
		this.wanted.onFirst(this.#found);
		this.#found = [];
	}

	/** The last rows, except those that are among the first. `reader` reads rows that were added as places. */
	lastRows(reader?: RowReader): ShownRow[] {
		const { first, last } = this.wanted;
		const rows: ShownRow[] = [];
		for (let index = Math.max(first, this.total - last); index < this.total; index++) {
			rows.push(reader === undefined ? this.#rows[index % last]! : reader.read(this.#places[index % last]!));
		}
		return rows;
	}
}

/** Evaluates an output for a screen: a large body is not decoded. */
export function compileShown(output: Bound, c: Compiler): () => ShownValue {
	const read = c.value(output);
	if (output.kind === 'column') {
		const cursor = cursorOf(output.source, c.runtime);
		const reader = cursor.table === undefined ? undefined : cursor.reader(output.index);
		if (reader?.size !== undefined) {
			return () => {
				const bytes = cursor.row < 0 ? Number.NaN : reader.size!(cursor.row);
				return bytes > SHORT_BODY_BYTES ? { bytes } : shown(read());
			};
		}
	}
	return () => shown(read());
}

export function shown(value: Value | Sized): ShownValue {
	if (typeof value === 'string') return value.length > TEXT_LENGTH ? value.slice(0, TEXT_LENGTH) : value;
	if (value instanceof Uint8Array) return { bytes: value.length };
	return value !== null && typeof value === 'object' && 'bytes' in value ? value : toSqlValue(value);
}

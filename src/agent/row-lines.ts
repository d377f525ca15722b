// Rows as complete lines of JSON in one piece of memory, as they are written to the spool.
import { LineBuffer } from './line-buffer.ts';
import { Piece } from './pieces.ts';

/** A row without the members that all rows have: the rest of its JSON object, and its time in microseconds since 1970. */
export type Row = readonly [members: string, tsUs: number];

/** Plain data, so that threads can pass it on. */
export type RowLines = {
	/** The number of the first row: 1, 2, 3 … within the run. */
	readonly first: number;
	readonly rows: number;
	readonly bytes: Uint8Array;
	/** Where each line ends. */
	readonly ends: Uint32Array;
	/** The time of each row, in microseconds since 1970. */
	readonly times: Float64Array;
};

/** Makes lines. `origin`: the members that all rows have, without braces. */
export class RowLineWriter {
	/** The number of the next row. */
	next: number;
	/** For the members of a line, between begin() and end(). */
	readonly buffer = new LineBuffer();
	/** Where the lines end, and their times. */
	#ends: number[] = [];
	#times: number[] = [];
	readonly #beginning: Piece;

	constructor(origin: string, first: number) {
		this.#beginning = new Piece(`{${origin},"seq":`);
		this.next = first;
	}

	get rows(): number {
		return this.#ends.length;
	}

	/** Begins a line. */
	begin(): void {
		this.buffer.begin();
		this.buffer.piece(this.#beginning);
		this.buffer.number(this.next);
		this.buffer.piece(COMMA);
	}

	/** Ends the line, which belongs to an exchange of this time. */
	end(tsUs: number): void {
		this.buffer.piece(END);
		this.next++;
		this.#ends.push(this.buffer.length);
		this.#times.push(tsUs);
	}

	/** Adds a whole line. */
	add([members, tsUs]: Row): void {
		this.begin();
		this.buffer.text(members);
		this.end(tsUs);
	}

	/** The lines since the last call. Their memory belongs to the caller. */
	take(): RowLines {
		const { buffer } = this;
		const lines: RowLines = {
			first: this.next - this.rows,
			rows: this.rows,
			bytes: Uint8Array.prototype.slice.call(buffer.bytes, 0, buffer.length),
			ends: Uint32Array.from(this.#ends),
			times: Float64Array.from(this.#times),
		};
		buffer.clear();
		this.#ends = [];
		this.#times = [];
		return lines;
	}
}

const COMMA = new Piece(',');
const END = new Piece('}\n');

/** Lines of some rows. */
export function rowLines(origin: string, first: number, rows: readonly Row[]): RowLines {
	const writer = new RowLineWriter(origin, first);
	for (const row of rows) writer.add(row);
	return writer.take();
}

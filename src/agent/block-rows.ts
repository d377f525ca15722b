// The rows of a block that is being made: where the parts of each row are.
import type { Segment } from '../store/segment.ts';
import type { ExchangeRow } from './exchange-row.ts';
import type { MessageFields } from './message-fields.ts';
import { PIECE_COLUMNS } from './sent-columns.ts';
import type { Place, TargetTexts } from './target-texts.ts';

/** Rows `from` … `to - 1` of the block, which are in one segment, or are whole exchanges. */
export type Run = { readonly segment: Segment | undefined; readonly from: number; to: number };

/** Where a text of each row is in memory, without its length; sizes are -1 if there is none. */
class Places {
	readonly at: Int32Array;
	readonly size: Int32Array;

	constructor(rows: number) {
		this.at = new Int32Array(rows);
		this.size = new Int32Array(rows);
	}

	set(row: number, { at, size }: Place): void {
		this.at[row] = at;
		this.size[row] = size;
	}
}

export class BlockRows {
	count = 0;
	runs: Run[] = [];
	/** The row in its segment. */
	readonly row: Int32Array;
	readonly path: Places;
	readonly query: Places;
	readonly url: Places;
	readonly req: MessageFields[] = [];
	readonly res: MessageFields[] = [];
	/** By place in PIECE_COLUMNS. */
	readonly pieces: readonly Int32Array[];
	/** Whole exchanges by row of the block. */
	readonly whole = new Map<number, ExchangeRow>();
	readonly #times: Float64Array;

	/** Room for so many rows. */
	constructor(rows: number) {
		this.row = new Int32Array(rows);
		this.path = new Places(rows);
		this.query = new Places(rows);
		this.url = new Places(rows);
		this.#times = new Float64Array(rows);
		this.pieces = PIECE_COLUMNS.map(() => new Int32Array(rows));
	}

	addPlain(
		segment: Segment,
		row: number,
		req: MessageFields,
		res: MessageFields,
		target: TargetTexts,
		pieces: Int32Array,
	): void {
		const at = this.#add(segment, Math.floor(segment.f64.ts[row]!));
		this.row[at] = row;
		this.req[at] = req;
		this.res[at] = res;
		this.path.set(at, target.path);
		this.query.set(at, target.query);
		this.url.set(at, target.url);
		for (let place = 0; place < pieces.length; place++) this.pieces[place]![at] = pieces[place]!;
	}

	addWhole(exchange: ExchangeRow): void {
		this.whole.set(this.#add(undefined, exchange.tsUs), exchange);
	}

	/** The first and the last time of the rows, in microseconds since 1970. */
	span(): { readonly fromUs: number; readonly toUs: number } {
		let [fromUs, toUs] = [Number.POSITIVE_INFINITY, 0];
		for (let row = 0; row < this.count; row++) {
			const us = this.#times[row]!;
			if (us < fromUs) fromUs = us;
			if (us > toUs) toUs = us;
		}
		return { fromUs, toUs };
	}

	/** The time of a row, in whole microseconds since 1970. */
	time(row: number): number {
		return this.#times[row]!;
	}

	clear(): void {
		this.count = 0;
		this.runs = [];
		this.whole.clear();
	}

	#add(segment: Segment | undefined, us: number): number {
		const at = this.count++;
		this.#times[at] = us;
		const run = this.runs.at(-1);
		if (run !== undefined && run.segment === segment) run.to = this.count;
		else this.runs.push({ segment, from: at, to: this.count });
		return at;
	}
}

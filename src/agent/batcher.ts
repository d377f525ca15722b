// Collects rows into batches, which it gives to the spool.
import type { RowBlock } from './row-block.ts';
import { type Row, type RowLines, rowLines } from './row-lines.ts';
import type { OpenBatch, RowBytes, Spool } from './spool.ts';
import type { RowForm } from './spool-names.ts';

/** A batch is complete when it has reached one of these. */
export type BatchLimits = { readonly rows: number; readonly bytes: number; readonly ms: number };

/** Batches that are being completed, beyond which rows have to wait. */
const SEALING_MAX = 2;

export type BatcherOptions = {
	readonly spool: Spool;
	readonly table: OpenBatch['table'];
	readonly limits: BatchLimits;
	/** The members that all rows have, without braces. */
	readonly origin: string;
};

export class Batcher {
	/** Rows taken so far. */
	rows = 0;
	readonly #options: BatcherOptions;
	readonly #fail: (error: unknown) => void;
	#open: OpenBatch | undefined;
	#timer: NodeJS.Timeout | undefined;
	#sealing: Promise<void>[] = [];

	/** `fail` is called if the spool cannot be written for another reason than a full disk. */
	constructor(options: BatcherOptions, fail: (error: unknown) => void) {
		this.#options = options;
		this.#fail = fail;
	}

	/** Adds rows; they are in a file when this resolves. */
	async add(rows: readonly Row[]): Promise<void> {
		if (rows.length > 0) await this.addLines(rowLines(this.#options.origin, this.rows + 1, rows));
	}

	/** The same for a block, whose first row must have the next number. */
	async addBlock(block: RowBlock): Promise<void> {
		this.#expect(block.first);
		if (block.rows === 0) return;
		// Batches of whole blocks can be sent as they are.
		if (this.#open !== undefined && this.#open.rows + block.rows > this.#options.limits.rows) this.seal();
		this.#append('blocks', block);
		await this.#sealIfFull();
	}

	/** The same for lines. */
	async addLines(lines: RowLines): Promise<void> {
		this.#expect(lines.first);
		for (let from = 0; from < lines.rows; ) {
			const part = this.#part(lines, from);
			this.#append('lines', part);
			from += part.rows;
			await this.#sealIfFull();
		}
	}

	/** Completes the batch that is being collected. */
	seal(): void {
		const batch = this.#open;
		if (batch === undefined) return;
		this.#open = undefined;
		clearTimeout(this.#timer);
		const before = this.#sealing.at(-1) ?? Promise.resolve();
		const sealed = before.then(() => this.#options.spool.seal(batch)).catch(this.#fail);
		this.#sealing.push(sealed);
		void sealed.then(() => {
			this.#sealing = this.#sealing.filter((each) => each !== sealed);
		});
	}

	/** Leaves the last batch to the next agent. */
	abandon(): void {
		clearTimeout(this.#timer);
	}

	/** Completes the last batch and waits for it. */
	async close(): Promise<void> {
		this.seal();
		await Promise.all(this.#sealing);
	}

	#expect(first: number): void {
		if (first !== this.rows + 1) throw new Error(`expected row ${this.rows + 1}, got row ${first}`);
	}

	async #sealIfFull(): Promise<void> {
		const { limits } = this.#options;
		const batch = this.#open;
		if (batch !== undefined && (batch.rows >= limits.rows || batch.rawBytes >= limits.bytes)) this.seal();
		if (this.#sealing.length > SEALING_MAX) await this.#sealing[0];
	}

	#append(form: RowForm, part: RowBytes): void {
		const { spool, table } = this.#options;
		const { rows, fromUs, toUs } = part;
		const first = this.rows + 1;
		this.rows += rows;
		this.#open ??= this.#begin(form, first);
		if (this.#open !== undefined && spool.append(this.#open, part)) return;
		// The disk is full, and dropping older batches did not help.
		this.seal();
		spool.lose(table, 'spool full', { run: spool.run, first, rows, fromUs, toUs });
	}

	/** As many lines as fit into the batch, at least one. */
	#part({ bytes, ends, times }: RowLines, from: number): RowBytes {
		const { limits } = this.#options;
		const start = from === 0 ? 0 : ends[from - 1]!;
		const last = Math.min(ends.length, from + limits.rows - (this.#open?.rows ?? 0));
		const full = start + limits.bytes - (this.#open?.bytes ?? 0);
		let at = from;
		while (at < last && (at === from ? start : ends[at - 1]!) < full) at++;
		const part = bytes.subarray(start, ends[at - 1]!);
		return { bytes: part, rawBytes: part.byteLength, rows: at - from, ...span(times.subarray(from, at)) };
	}

	#begin(form: RowForm, first: number): OpenBatch | undefined {
		const { spool, table, limits } = this.#options;
		const batch = spool.begin(table, form, first);
		if (batch !== undefined) this.#timer = setTimeout(() => this.seal(), limits.ms);
		return batch;
	}
}

/** The first and the last of some times. */
function span(times: Float64Array): { readonly fromUs: number; readonly toUs: number } {
	let [fromUs, toUs] = [Number.POSITIVE_INFINITY, 0];
	for (const us of times) {
		if (us < fromUs) fromUs = us;
		if (us > toUs) toUs = us;
	}
	return { fromUs, toUs };
}

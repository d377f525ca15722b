// Collects rows into batches, which it gives to the spool.
import type { OpenBatch, Spool } from './spool.ts';

/** A batch is complete when it has reached one of these. */
export type BatchLimits = { readonly rows: number; readonly bytes: number; readonly ms: number };

/** A row without the members that all rows have: the rest of its JSON object, and its time in microseconds since 1970. */
export type Row = readonly [members: string, tsUs: number];

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
		const { limits } = this.#options;
		for (let from = 0; from < rows.length; ) {
			const room = limits.rows - (this.#open?.rows ?? 0);
			const to = this.#write(rows, from, Math.min(rows.length, from + room));
			from = to;
			const batch = this.#open;
			if (batch !== undefined && (batch.rows >= limits.rows || batch.bytes >= limits.bytes)) this.seal();
			if (this.#sealing.length > SEALING_MAX) await this.#sealing[0];
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

	/** Writes rows `from` … `to` - 1, or as many as fit into the batch; returns the next one. */
	#write(rows: readonly Row[], from: number, to: number): number {
		const { spool, table, limits, origin } = this.#options;
		const lines = { text: '', rows: 0, fromUs: Number.POSITIVE_INFINITY, toUs: 0 };
		const room = limits.bytes - (this.#open?.bytes ?? 0);
		let at = from;
		for (; at < to && lines.text.length < room; at++) {
			const [members, us] = rows[at]!;
			this.rows++;
			lines.text += `{${origin},"seq":${this.rows},${members}}\n`;
			lines.rows++;
			lines.fromUs = Math.min(lines.fromUs, us);
			lines.toUs = Math.max(lines.toUs, us);
		}
		const first = this.rows - lines.rows + 1;
		this.#open ??= this.#begin(first);
		if (this.#open !== undefined && spool.append(this.#open, lines)) return at;
		// The disk is full, and dropping older batches did not help.
		this.seal();
		const { rows: lost, fromUs, toUs } = lines;
		spool.lose(table, 'spool full', { run: spool.run, first, rows: lost, fromUs, toUs });
		return at;
	}

	#begin(first: number): OpenBatch | undefined {
		const { spool, table, limits } = this.#options;
		const batch = spool.begin(table, first);
		if (batch !== undefined) this.#timer = setTimeout(() => this.seal(), limits.ms);
		return batch;
	}
}

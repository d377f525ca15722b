// Ends a running statement that is cancelled (by another thread) or takes too much time or memory, and says when to
// pause.
import { SqlError } from './sql-error.ts';

export type Limits = {
	/** Over a SharedArrayBuffer. The statement ends soon after index 0 becomes CANCEL_ASKED or CANCEL_TIME. */
	readonly cancel?: Int32Array | undefined;
	readonly signal?: AbortSignal | undefined;
	/** Milliseconds from the start. */
	readonly timeLimitMs?: number | undefined;
	/** The statement writes the number of rows read so far to index 0, for another thread to show. */
	readonly progress?: Float64Array | undefined;
	/** Bytes that groups, sorts, joins and the result may take, according to estimates. */
	readonly memoryLimit?: number | undefined;
};

/** Cancelled by the user: ERR_SQL_CANCELLED. */
export const CANCEL_ASKED = 1;
/** Out of time: ERR_SQL_TIME_LIMIT. */
export const CANCEL_TIME = 2;

/** Longest time between two pauses. */
const SLICE_MS = 5;
/** Functions that work on longer texts poll first: see `polling` in compile-value.ts. In characters. */
export const LONG_TEXT = 4096;
const DEFAULT_MEMORY_LIMIT = 1024 * 1024 * 1024;

export class Guard {
	readonly #cancel: Int32Array | undefined;
	readonly #signal: AbortSignal | undefined;
	readonly #progress: Float64Array | undefined;
	readonly #deadline: number;
	readonly #timeLimitMs: number;
	readonly #memoryLimit: number;
	#bytes = 0;
	#sliceEnd: number;
	#work = 0;
	/** Rows read so far, for progress. */
	rows = 0;
	/** The number of running computations that cannot be paused. */
	held = 0;

	constructor({ cancel, signal, progress, timeLimitMs, memoryLimit }: Limits) {
		const now = performance.now();
		this.#cancel = cancel;
		this.#signal = signal;
		this.#progress = progress;
		this.#timeLimitMs = timeLimitMs ?? Number.POSITIVE_INFINITY;
		this.#deadline = now + this.#timeLimitMs;
		this.#memoryLimit = memoryLimit ?? DEFAULT_MEMORY_LIMIT;
		this.#sliceEnd = now + SLICE_MS;
	}

	/** Throws if the statement was cancelled or is out of time. Takes about 50 ns. */
	poll(): void {
		if (this.#progress !== undefined) this.#progress[0] = this.rows;
		const asked = this.#cancel === undefined ? 0 : Atomics.load(this.#cancel, 0);
		if (asked === CANCEL_ASKED || this.#signal?.aborted) throw cancelledError();
		if (asked === CANCEL_TIME || performance.now() > this.#deadline) throw timeLimitError(this.#timeLimitMs);
	}

	/** For loops over rows inside other loops: polls every thousand calls. */
	step(): void {
		if (++this.#work >= 1024) {
			this.#work = 0;
			this.rows += 1024;
			this.poll();
		}
	}

	/** Counts memory that lives until the statement ends. */
	grow(bytes: number): void {
		this.#bytes += bytes;
		if (this.#bytes > this.#memoryLimit) {
			throw new SqlError(
				`the statement needs more than its ${Math.round(this.#memoryLimit / 1048576)} MiB of memory`,
				'ERR_SQL_TOO_LARGE',
				undefined,
				'narrow it with WHERE or LIMIT, select fewer columns, or raise --max-memory',
			);
		}
	}

	shrink(bytes: number): void {
		this.#bytes -= bytes;
	}

	/** Whether the statement has run for a whole slice and should let others run. */
	pauseDue(): boolean {
		this.poll();
		return this.held === 0 && performance.now() >= this.#sliceEnd;
	}

	/** Makes the statement pause at the next opportunity. */
	endSlice(): void {
		this.#sliceEnd = 0;
	}

	resumed(): void {
		this.#sliceEnd = performance.now() + SLICE_MS;
	}
}

export function cancelledError(hint?: string): SqlError {
	return new SqlError('the statement was cancelled', 'ERR_SQL_CANCELLED', undefined, hint);
}

export function timeLimitError(limitMs: number): SqlError {
	return new SqlError(
		`the statement reached its time limit of ${limitMs / 1000} s`,
		'ERR_SQL_TIME_LIMIT',
		undefined,
		'narrow it with WHERE or LIMIT, or raise --timeout',
	);
}

/** A computation that can pause wherever it yields. */
export type Steps<T = void> = Generator<undefined, T, undefined>;

/** Pauses if a pause is due. */
export function* pauseIfDue(guard: Guard): Steps {
	if (!guard.pauseDue()) return;
	yield;
	guard.resumed();
}

/** Runs to the end without pausing, for results that the current row needs. */
export function drain<T>(steps: Steps<T>, guard: Guard): T {
	guard.held++;
	try {
		while (true) {
			const { done, value } = steps.next();
			if (done === true) return value as T;
		}
	} finally {
		guard.held--;
	}
}

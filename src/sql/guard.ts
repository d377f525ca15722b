// Keeps a running statement within its limits: cancellation from another thread, time, memory; and says when to pause.
import { SqlError } from './sql-error.ts';

export type Limits = {
	/** Over a SharedArrayBuffer: the statement ends with ERR_SQL_CANCELLED soon after index 0 is not 0. */
	readonly cancel?: Int32Array | undefined;
	readonly signal?: AbortSignal | undefined;
	/** Milliseconds from the start. */
	readonly timeLimitMs?: number | undefined;
	/** Bytes that groups, sorts, joins and the result may take, estimated. */
	readonly memoryLimit?: number | undefined;
};

/** Longest time between two pauses. */
const SLICE_MS = 5;
const DEFAULT_MEMORY_LIMIT = 1024 * 1024 * 1024;

export class Guard {
	readonly #cancel: Int32Array | undefined;
	readonly #signal: AbortSignal | undefined;
	readonly #deadline: number;
	readonly #timeLimitMs: number;
	readonly #memoryLimit: number;
	#bytes = 0;
	#sliceEnd: number;
	#work = 0;
	/** Rows looked at so far, for progress. */
	rows = 0;
	/** How many computations run that cannot be paused. */
	held = 0;

	constructor({ cancel, signal, timeLimitMs, memoryLimit }: Limits) {
		const now = performance.now();
		this.#cancel = cancel;
		this.#signal = signal;
		this.#timeLimitMs = timeLimitMs ?? Number.POSITIVE_INFINITY;
		this.#deadline = now + this.#timeLimitMs;
		this.#memoryLimit = memoryLimit ?? DEFAULT_MEMORY_LIMIT;
		this.#sliceEnd = now + SLICE_MS;
	}

	/** Throws when the statement is cancelled or its time is over. Takes about 50 ns. */
	poll(): void {
		if ((this.#cancel !== undefined && Atomics.load(this.#cancel, 0) !== 0) || this.#signal?.aborted) {
			throw new SqlError('the statement was cancelled', 'ERR_SQL_CANCELLED');
		}
		if (performance.now() > this.#deadline) {
			throw new SqlError(
				`the statement reached its time limit of ${this.#timeLimitMs / 1000} s`,
				'ERR_SQL_TIME_LIMIT',
				undefined,
				'narrow it by WHERE or LIMIT, or raise --timeout',
			);
		}
	}

	/** For loops over rows inside other loops: polls every thousand calls. */
	step(): void {
		if (++this.#work >= 1024) {
			this.#work = 0;
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
				'narrow it by WHERE or LIMIT, select fewer columns, or raise --max-memory',
			);
		}
	}

	shrink(bytes: number): void {
		this.#bytes -= bytes;
	}

	/** Whether the statement has run so long without a pause that others should have their turn. */
	pauseDue(): boolean {
		this.poll();
		return this.held === 0 && performance.now() >= this.#sliceEnd;
	}

	resumed(): void {
		this.#sliceEnd = performance.now() + SLICE_MS;
	}
}

/** A computation that can be paused wherever it yields. */
export type Steps<T = void> = Generator<undefined, T, undefined>;

/** A pause when one is due. */
export function* pauseIfDue(guard: Guard): Steps {
	if (!guard.pauseDue()) return;
	yield;
	guard.resumed();
}

/** Runs to the end without pauses, for what has to be ready before the next row. */
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

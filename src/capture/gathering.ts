// How long records gather before they are read.

/** For so long after a process was new, others may be, too. */
const CALM_AFTER_MS = 5000;

/** Gathers for longer while no process is new. */
export class Gathering {
	readonly #ms: number;
	readonly #calmMs: number;
	readonly #nowMs: () => number;
	#newMs: number;

	/** `ms`: while processes are new, which may end before they were looked at. `calmMs`: when none was for a while. */
	constructor(ms: number, calmMs: number, nowMs: () => number = () => performance.now()) {
		this.#ms = ms;
		this.#calmMs = calmMs;
		this.#nowMs = nowMs;
		this.#newMs = nowMs();
	}

	/** A process is new. */
	note(): void {
		this.#newMs = this.#nowMs();
	}

	/** Milliseconds between two reads. */
	get ms(): number {
		return this.#nowMs() - this.#newMs < CALM_AFTER_MS ? this.#ms : this.#calmMs;
	}
}

// Of an exchange that is seen from both sides, only the server's row: a client's row waits for it, but not for long.

/** What decides about a row. */
export type SideRow = {
	readonly id: number;
	/** NaN or 0 if the other side's row is not known (yet). */
	readonly pairId: number;
	readonly isClient: boolean;
};

type Held<T> = SideRow & { readonly value: T; readonly until: number };

/** How many rows are remembered, so that the other side's row is recognised when it comes much later. */
const REMEMBERED = 50_000;
/** Maximum rows that wait. Another one ends the wait of the first. */
const HELD_MAX = 2000;

/** The times are in milliseconds, of any clock. */
export class OnePerExchange<T> {
	readonly #waitMs: number;
	/** In the order in which they came. */
	readonly #held = new Map<number, Held<T>>();
	/** Ids of given rows, the oldest first. */
	readonly #given = new Set<number>();

	constructor(waitMs: number) {
		this.#waitMs = waitMs;
	}

	/** When the first of the waiting rows has waited long enough; undefined if none waits. */
	get nextDue(): number | undefined {
		return this.#first()?.until;
	}

	/** Takes a row and returns the rows to print now. */
	take(row: SideRow, value: T, now: number): T[] {
		const due = this.due(now);
		if (this.#given.has(row.pairId)) return due;
		if (row.isClient) {
			this.#held.set(row.id, { ...row, value, until: now + this.#waitMs });
			return this.#held.size > HELD_MAX ? [...due, this.#give(this.#first()!)] : due;
		}
		this.#held.delete(row.pairId);
		return [...due, this.#give({ ...row, value, until: now })];
	}

	/** The rows that have waited long enough. */
	due(now: number): T[] {
		const due: T[] = [];
		for (let first = this.#first(); first !== undefined && first.until <= now; first = this.#first())
			due.push(this.#give(first));
		return due;
	}

	/** All rows that wait. */
	rest(): T[] {
		return this.due(Number.POSITIVE_INFINITY);
	}

	#first(): Held<T> | undefined {
		return this.#held.values().next().value;
	}

	#give({ id, value }: Held<T>): T {
		this.#held.delete(id);
		this.#given.add(id);
		if (this.#given.size > REMEMBERED) this.#given.delete(this.#given.values().next().value!);
		return value;
	}
}

// Chooses one row for an exchange that is seen from both sides: the server's. A client's row waits for it, but not for
// long.

/** What the choice depends on. */
export type SideRow = {
	readonly id: number;
	/** NaN or 0 if the other side's row is not known (yet). */
	readonly pairId: number;
	readonly isClient: boolean;
};

type Held<T> = SideRow & { readonly value: T; readonly until: number };

/** How many printed rows are remembered, in order to recognise the other side's row when it arrives much later. */
const REMEMBERED = 50_000;
/** Maximum number of waiting rows. One more ends the wait of the oldest. */
const HELD_MAX = 2000;

/** All times are in milliseconds, from any clock. */
export class OnePerExchange<T> {
	readonly #waitMs: number;
	/** Waiting rows, in order of arrival. */
	readonly #held = new Map<number, Held<T>>();
	/** Ids of rows already returned, oldest first. */
	readonly #given = new Set<number>();

	constructor(waitMs: number) {
		this.#waitMs = waitMs;
	}

	/** When the oldest waiting row has waited long enough; undefined if none waits. */
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

	/** Returns the rows that have waited long enough. */
	due(now: number): T[] {
		const due: T[] = [];
		for (let first = this.#first(); first !== undefined && first.until <= now; first = this.#first())
			due.push(this.#give(first));
		return due;
	}

	/** Returns all waiting rows. */
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

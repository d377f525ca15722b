// Chooses one row for an exchange that is seen from both sides: the server's. A client's row waits for it, but not for
// long.
import { RecentMap } from '../base/recent-map.ts';
import type { TableSnapshot } from '../store/table.ts';

/** What the choice depends on. */
export type SideRow = {
	readonly id: number;
	/** NaN or 0 if the other side's row is not known (yet). */
	readonly pairId: number;
	readonly isClient: boolean;
};

type Held<T> = SideRow & { readonly value: T; readonly until: number };

/** How many printed rows are remembered at least, in order to recognise the other side's row when it arrives much later. */
const REMEMBERED = 25_000;
/** Maximum number of waiting rows. One more ends the wait of the oldest. */
const HELD_MAX = 2000;

/** How long a client's row waits, if the id of the other side's row is known, and if it is not. */
export type Waits = { readonly known: number; readonly unknown: number };

/** All times are in milliseconds, from any clock. */
export class OnePerExchange<T> {
	readonly #waits: Waits;
	/** Waiting rows, each in order of arrival: those with a known other side, and those without. */
	readonly #known = new Map<number, Held<T>>();
	readonly #unknown = new Map<number, Held<T>>();
	/** Ids of rows already returned. */
	readonly #given = new RecentMap<number, true>(REMEMBERED);

	constructor(waits: Waits) {
		this.#waits = waits;
	}

	/** When the next waiting row has waited long enough; undefined if none waits. */
	get nextDue(): number | undefined {
		return this.#first()?.until;
	}

	/** Takes a row and returns the rows to print now. */
	take(row: SideRow, value: T, now: number): T[] {
		const due = this.due(now);
		if (this.#given.has(row.pairId)) return due;
		if (row.isClient) {
			const isKnown = row.pairId > 0;
			const until = now + (isKnown ? this.#waits.known : this.#waits.unknown);
			(isKnown ? this.#known : this.#unknown).set(row.id, { ...row, value, until });
			return this.#known.size + this.#unknown.size > HELD_MAX ? [...due, this.#give(this.#first()!)] : due;
		}
		this.#known.delete(row.pairId);
		this.#unknown.delete(row.pairId);
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

	/** The row that is due first. */
	#first(): Held<T> | undefined {
		const known: Held<T> | undefined = this.#known.values().next().value;
		const unknown: Held<T> | undefined = this.#unknown.values().next().value;
		if (known === undefined || unknown === undefined) return known ?? unknown;
		return known.until < unknown.until ? known : unknown;
	}

	#give({ id, value }: Held<T>): T {
		this.#known.delete(id);
		this.#unknown.delete(id);
		this.#given.set(id, true);
		return value;
	}
}

export type SideReader = (row: number) => { readonly row: SideRow; readonly endMs: number };

/** `table`: that of `exchanges`. Reads the fields that decide whether a row is sent, and the end time of its exchange. */
export function sideReader(table: TableSnapshot): SideReader {
	const reader = (name: string) => table.reader(table.columns.findIndex((column) => column.name === name));
	const number = (name: string) => {
		const { number, value } = reader(name);
		return number ?? ((row: number) => Number(value(row) ?? Number.NaN));
	};
	const [id, pairId, ts, duration] = [number('id'), number('pair_id'), number('ts'), number('duration_ms')];
	const side = reader('side');
	return (row) => ({
		row: { id: id(row), pairId: pairId(row), isClient: side.value(row) === 'client' },
		endMs: ts(row) / 1000 + (duration(row) || 0),
	});
}

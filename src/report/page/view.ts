// Which exchanges the page shows now: those that pass the filter and are in the chosen range of time.
import { type RowTest, readFilter } from './filter.ts';
import type { Rows } from './rows.ts';

export class View {
	readonly rows: Rows;
	filterText = '';
	/** Why the filter cannot be read; then the last one that could be read holds. */
	problem: string | undefined;
	/** Microseconds after the first exchange; undefined: all. */
	range: { readonly from: number; readonly to: number } | undefined;
	/** Also show the client's rows of exchanges that were seen from both sides. */
	bothSides = false;
	/** Passing the filter, whatever the range; each exchange once. */
	inFilter: number[] = [];
	/** Passing both; each exchange once. What charts and numbers are about. */
	counted: number[] = [];
	/** The rows of the table. */
	listed: number[] = [];
	readonly #nothing: string;
	#test: RowTest = () => true;
	readonly #listeners: (() => void)[] = [];

	/** `nothing`: why there are no exchanges at all. */
	constructor(rows: Rows, nothing = 'No exchanges were captured.') {
		this.rows = rows;
		this.#nothing = nothing;
		this.#find();
	}

	/** What to say where no exchange is left to show. */
	get emptyText(): string {
		return this.rows.count === 0 ? this.#nothing : 'No exchange passes the filter.';
	}

	/** Calls `update` after each change. */
	onChange(update: () => void): void {
		this.#listeners.push(update);
	}

	setFilter(text: string): void {
		const read = readFilter(text, this.rows);
		this.filterText = text;
		this.problem = 'problem' in read ? read.problem : undefined;
		if ('test' in read) this.#test = read.test;
		this.#changed();
	}

	/** Adds a part to the filter, or removes it if the filter has it. */
	toggleFilter(part: string): void {
		const parts = this.#parts();
		const without = parts.filter((each) => each !== part);
		this.setFilter((without.length < parts.length ? without : [...parts, part]).join(' '));
	}

	/** Whether the filter has this part. */
	hasFilter(part: string): boolean {
		return this.#parts().includes(part);
	}

	setRange(range: View['range']): void {
		this.range = range;
		this.#changed();
	}

	setBothSides(both: boolean): void {
		this.bothSides = both;
		this.#changed();
	}

	#parts(): readonly string[] {
		return this.filterText.match(/[^\s"]*"[^"]*"?|\S+/g) ?? [];
	}

	#changed(): void {
		this.#find();
		for (const update of this.#listeners) update();
	}

	#find(): void {
		const { once, numbers, count } = this.rows;
		const { from, to } = this.range ?? { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY };
		this.inFilter = [];
		this.counted = [];
		this.listed = [];
		for (let row = 0; row < count; row++) {
			if (!this.#test(row)) continue;
			const at = numbers.ts[row]!;
			const isInside = at >= from && at < to;
			if (once[row] === 1) {
				this.inFilter.push(row);
				if (isInside) this.counted.push(row);
			}
			if (isInside && (this.bothSides || once[row] === 1)) this.listed.push(row);
		}
	}
}

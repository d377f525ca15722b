// Follows the rows of a capture, and makes lines of them for a store: from parts that are kept where that is possible,
// otherwise of each exchange as a whole.
import { type Records, redactedRecords } from '../output/redacted-tables.ts';
import type { Redactor } from '../output/redaction.ts';
import type { ExchangeRecord } from '../store/exchange-detail.ts';
import { recordReader } from '../store/exchange-detail.ts';
import type { LazyNames } from '../store/exchange-table.ts';
import { RowLocator, type SegmentRows } from '../store/row-locator.ts';
import { CachedLines } from './cached-lines.ts';
import { createExchangeLine, type ExchangeLine, LINE_LEAVES_OUT, type LineSettings } from './exchange-line.ts';
import { type RowLines, RowLineWriter } from './row-lines.ts';

/** What to send, and the members that all lines have. Plain data, so that threads can pass it on. */
export type LinesWanted = LineSettings & { readonly origin: string };

export class ExchangeLines {
	/** How many lines so far were made of whole exchanges. */
	wholeRows = 0;
	readonly #redactor: Redactor | undefined;
	readonly #writer: RowLineWriter;
	readonly #cached: CachedLines | undefined;
	readonly #whole: (exchange: ExchangeRecord) => ExchangeLine;
	#rows = new RowLocator([]);
	#records: () => Records = () => {
		throw new Error('expected rows to read');
	};

	/** `first`: the number of the next row. Without a redactor, nothing is redacted. */
	constructor(wanted: LinesWanted, redactor: Redactor | undefined, first: number) {
		this.#redactor = redactor;
		this.#writer = new RowLineWriter(wanted.origin, first);
		this.#whole = createExchangeLine(wanted);
		this.#cached = wanted.bodies.of === 'none' ? new CachedLines(wanted, redactor, this.#writer.buffer) : undefined;
	}

	/** The lines so far, without those that were taken. */
	get rows(): number {
		return this.#writer.rows;
	}

	get bytes(): number {
		return this.#writer.buffer.length;
	}

	/** The number of the next row. */
	get next(): number {
		return this.#writer.next;
	}

	/** Reads from these rows from now on. */
	read(parts: readonly SegmentRows[], names: LazyNames): void {
		this.#rows = new RowLocator(parts);
		this.#cached?.use(names());
		let records: Records | undefined;
		this.#records = () => {
			records ??=
				this.#redactor === undefined
					? recordReader(parts, names, LINE_LEAVES_OUT)
					: redactedRecords(parts, names, this.#redactor, LINE_LEAVES_OUT);
			return records;
		};
	}

	/** Adds the line of row `row` of those to read. */
	add(row: number): void {
		const writer = this.#writer;
		if (this.#cached !== undefined) {
			const inner = this.#rows.seek(row);
			const { segment } = this.#rows;
			writer.begin();
			if (this.#cached.write(segment, inner)) {
				writer.end(this.#cached.tsUs(segment, inner));
				return;
			}
			writer.buffer.undo();
		}
		this.wholeRows++;
		writer.add(this.#whole(this.#records()(row)));
	}

	/** The lines since the last call. */
	take(): RowLines {
		return this.#writer.take();
	}
}

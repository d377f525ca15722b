// One exchange with everything known about it, for the detail view.
import { type ExactText, exactFieldLines, exactTarget, type FieldLine, sendMs } from './exchange-row.ts';
import { EXCHANGE_COLUMNS, exchangeTable, type LazyNames } from './exchange-table.ts';
import { NO_NAMES } from './remote-names.ts';
import { RowLocator, type SegmentRows } from './row-locator.ts';
import type { SqlValue } from './table.ts';

/** Plain data, so that threads can pass it on. */
export type ExchangeRecord = {
	/** The columns of `exchanges` by name. All keys are our own names. */
	readonly columns: Readonly<Record<string, SqlValue>>;
	/** As sent; null if it was not seen. */
	readonly requestTarget: ExactText | null;
	/** Milliseconds from the request's first byte to its last one; null if it was not seen. */
	readonly sendMs: number | null;
	/** Field lines in order, as sent, trailers last. */
	readonly requestHeaders: readonly FieldLine[];
	readonly responseHeaders: readonly FieldLine[];
};

/** The exchange with this id; undefined if it does not exist or was evicted. */
export function exchangeRecord(
	parts: readonly SegmentRows[],
	id: number,
	names: LazyNames = () => NO_NAMES,
): ExchangeRecord | undefined {
	const rows = new RowLocator(parts);
	// Newest first, because people usually ask for recent exchanges.
	for (let row = rows.rowCount - 1; row >= 0; row--) {
		const inner = rows.seek(row);
		const { segment } = rows;
		if (segment.f64.id[inner] !== id) continue;
		const table = exchangeTable(parts, names);
		return {
			columns: Object.fromEntries(EXCHANGE_COLUMNS.map(({ name }, index) => [name, table.reader(index).value(row)])),
			requestTarget: exactTarget(segment, inner),
			sendMs: sendMs(segment, inner),
			requestHeaders: exactFieldLines(segment, inner, 'request'),
			responseHeaders: exactFieldLines(segment, inner, 'response'),
		};
	}
	return undefined;
}

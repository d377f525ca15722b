// One exchange with everything that is known of it, for the detail view.
import { type FieldLine, fieldLines } from './exchange-row.ts';
import { EXCHANGE_COLUMNS, exchangeTable, type LazyNames } from './exchange-table.ts';
import { NO_NAMES } from './remote-names.ts';
import { RowLocator, type SegmentRows } from './row-locator.ts';
import type { SqlValue } from './table.ts';

/** Plain data, so that it can go from thread to thread. */
export type ExchangeRecord = {
	/** The columns of `exchanges` by name: our own names only. */
	readonly columns: Readonly<Record<string, SqlValue>>;
	/** Field lines in order, as sent, trailers last. */
	readonly requestHeaders: readonly FieldLine[];
	readonly responseHeaders: readonly FieldLine[];
};

/** The exchange with this id; undefined when it is not (or no longer) there. */
export function exchangeRecord(
	parts: readonly SegmentRows[],
	id: number,
	names: LazyNames = () => NO_NAMES,
): ExchangeRecord | undefined {
	const rows = new RowLocator(parts);
	// Newest first: people look at what just happened.
	for (let row = rows.rowCount - 1; row >= 0; row--) {
		const inner = rows.seek(row);
		const { segment } = rows;
		if (segment.f64.id[inner] !== id) continue;
		const table = exchangeTable(parts, names);
		return {
			columns: Object.fromEntries(EXCHANGE_COLUMNS.map(({ name }, index) => [name, table.reader(index).value(row)])),
			requestHeaders: fieldLines(segment, inner, 'request'),
			responseHeaders: fieldLines(segment, inner, 'response'),
		};
	}
	return undefined;
}

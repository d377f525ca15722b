// One exchange with everything known about it, for the detail view.
import type { ExchangeCalls } from './exchange-calls.ts';
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
	/** Only if they were asked for. */
	readonly calls?: ExchangeCalls;
};

/** An exchange by its id, by its place before the latest one, or next to another one. */
export type WantedExchange =
	| { readonly id: number }
	| { readonly back: number }
	| { readonly after: number }
	| { readonly before: number };

/** The exchange; undefined if it does not exist or was evicted. */
export function exchangeRecord(
	parts: readonly SegmentRows[],
	wanted: WantedExchange,
	names: LazyNames = () => NO_NAMES,
): ExchangeRecord | undefined {
	const rows = new RowLocator(parts);
	const id = wantedId(rows, wanted);
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

function wantedId(rows: RowLocator, wanted: WantedExchange): number | undefined {
	if ('id' in wanted) return wanted.id;
	const ids = new Float64Array(rows.rowCount);
	for (let row = 0; row < rows.rowCount; row++) {
		const inner = rows.seek(row);
		ids[row] = rows.segment.f64.id[inner]!;
	}
	ids.sort();
	if ('back' in wanted) return ids[ids.length - 1 - wanted.back];
	return 'after' in wanted ? ids.find((id) => id > wanted.after) : ids.findLast((id) => id < wanted.before);
}

// One exchange with everything known about it, for the detail view.
import { SIDE_CLIENT } from '../../decoder-as/assembly/wire/output-layout.ts';
import type { ExchangeCalls } from './exchange-calls.ts';
import type { ExchangeMessages } from './exchange-messages.ts';
import { type ExactText, exactFieldLines, exactTarget, type FieldLine, sendMs } from './exchange-row.ts';
import { EXCHANGE_COLUMNS, exchangeTable, type LazyNames } from './exchange-table.ts';
import { NO_NAMES } from './remote-names.ts';
import { IdRows, RowLocator, type SegmentRows } from './row-locator.ts';
import type { SqlValue } from './table.ts';

/** Plain data, so that threads can pass it on. */
export type ExchangeRecord = {
	/** The columns of `exchanges` by name. All keys are our own names. */
	readonly columns: Readonly<Record<string, SqlValue>>;
	/** The target as sent; null if it was not seen. */
	readonly requestTarget: ExactText | null;
	/** Milliseconds from the request's first byte to its last one; null if it was not seen. */
	readonly sendMs: number | null;
	/** Field lines in order, as sent, trailers last. */
	readonly requestHeaders: readonly FieldLine[];
	readonly responseHeaders: readonly FieldLine[];
	/** Present only if asked for. */
	readonly calls?: ExchangeCalls;
	/** Its rows of table `messages`, if there are any. */
	readonly messages?: ExchangeMessages;
	/** Set after redaction: the raw bodies are UTF-8 text or decoded content, whatever the headers say. */
	readonly bodiesDecoded?: boolean;
};

/**
 * An exchange by its id, by its position before the latest one, or next to another one. Two rows of one exchange count
 * once.
 */
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
	const id = wantedId(new RowLocator(parts), wanted);
	return id === undefined ? undefined : recordsById(parts, names)(id);
}

/** Looks up exchanges by id; undefined for one that does not exist or was evicted. */
export function recordsById(
	parts: readonly SegmentRows[],
	names: LazyNames,
): (id: number) => ExchangeRecord | undefined {
	const ids = new IdRows(new RowLocator(parts));
	const read = recordReader(parts, names);
	return (id) => {
		const row = ids.rowOf(id);
		return row < 0 ? undefined : read(row);
	};
}

/** Reads exchanges by their row numbers in a table over `parts`. `leftOut`: columns that are not needed. */
export function recordReader(
	parts: readonly SegmentRows[],
	names: LazyNames,
	leftOut: readonly string[] = [],
): (row: number) => ExchangeRecord {
	const rows = new RowLocator(parts);
	const table = exchangeTable(parts, names);
	const readers = EXCHANGE_COLUMNS.map(({ name }, index) => [name, table.reader(index)] as const).filter(
		([name]) => !leftOut.includes(name),
	);
	return (row) => {
		const inner = rows.seek(row);
		const { segment } = rows;
		return {
			columns: Object.fromEntries(readers.map(([name, reader]) => [name, reader.value(row)])),
			requestTarget: exactTarget(segment, inner),
			sendMs: sendMs(segment, inner),
			requestHeaders: exactFieldLines(segment, inner, 'request'),
			responseHeaders: exactFieldLines(segment, inner, 'response'),
		};
	};
}

function wantedId(rows: RowLocator, wanted: WantedExchange): number | undefined {
	if ('id' in wanted) return wanted.id;
	const ids: number[] = [];
	const from = 'after' in wanted ? wanted.after : 'before' in wanted ? wanted.before : undefined;
	let pairId = 0;
	for (let row = 0; row < rows.rowCount; row++) {
		const inner = rows.seek(row);
		const { f64, u8 } = rows.segment;
		const id = f64.id[inner]!;
		if (id === from) pairId = f64.pair_id[inner]!;
		// If both sides were seen, the server's row counts, as in a tail.
		if (f64.pair_id[inner] === 0 || u8.side[inner] !== SIDE_CLIENT) ids.push(id);
	}
	const others = Float64Array.from(ids.filter((id) => id !== pairId)).sort();
	if ('back' in wanted) return others[others.length - 1 - wanted.back];
	return 'after' in wanted ? others.find((id) => id > wanted.after) : others.findLast((id) => id < wanted.before);
}

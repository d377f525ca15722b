// Tables without their secrets. Their readers return only redacted values, so no expression of a statement can see a
// secret.
import { type ExchangeRecord, recordReader } from '../store/exchange-detail.ts';
import type { LazyNames } from '../store/exchange-table.ts';
import type { SegmentRows } from '../store/row-locator.ts';
import type { ColumnReader, DatabaseSnapshot, SqlValue, TableSnapshot } from '../store/table.ts';
import { createRowRedactor, HARMLESS_COLUMNS, redactExchange } from './redacted-exchange.ts';
import type { Redactor } from './redaction.ts';

/** Tables without data from messages. */
const HARMLESS_TABLES: ReadonlySet<string> = new Set(['connections', 'events', 'loss', 'blind_spots', 'tls_libraries']);

/** The stored rows of the two tables of exchanges. */
export type ExchangeRows = { readonly exchanges: readonly SegmentRows[]; readonly inflight: readonly SegmentRows[] };

/** Redacts the tables of a statement, captured and temporary. `rows`: the stored rows of `exchanges` and `inflight`. */
export function redactedTables(
	{ tables }: DatabaseSnapshot,
	rows: ExchangeRows,
	names: LazyNames,
	redactor: Redactor,
): DatabaseSnapshot {
	const records = redactedRecords(rows.exchanges, names, redactor);
	const redacted = (table: TableSnapshot): TableSnapshot => {
		switch (table.name) {
			case 'exchanges':
				return exchangesWith(table, records);
			case 'inflight':
				return exchangesWith(table, redactedRecords(rows.inflight, names, redactor));
			case 'headers':
				return headersWith(table, tables.get('exchanges')!, records);
			case 'messages':
				return messagesWith(otherTable(table, redactor));
			default:
				return HARMLESS_TABLES.has(table.name) ? table : otherTable(table, redactor);
		}
	};
	return { tables: new Map([...tables].map(([name, table]) => [name, redacted(table)])) };
}

/** Redacts the table `exchanges` whose rows `records` reads. */
export function redactedExchanges(table: TableSnapshot, records: Records): TableSnapshot {
	return exchangesWith(table, records);
}

export type Records = (row: number) => ExchangeRecord;

/**
 * Reads redacted exchanges by row number. Each exchange is read whole, because a secret found in one place of it is
 * replaced in all others. `leftOut`: columns that are not needed.
 */
export function redactedRecords(
	rows: readonly SegmentRows[],
	names: LazyNames,
	redactor: Redactor,
	leftOut: readonly string[] = [],
): Records {
	return lastKept(() => {
		const read = recordReader(rows, names, leftOut);
		return (row) => redactExchange(read(row), redactor);
	});
}

/** Caches the value of the last row, because several columns of a row are usually read in succession. */
function lastKept<T>(make: () => (row: number) => T): (row: number) => T {
	let read: ((row: number) => T) | undefined;
	let last: { readonly row: number; readonly value: T } | undefined;
	return (row) => {
		if (last?.row === row) return last.value;
		read ??= make();
		const value = read(row);
		last = { row, value };
		return value;
	};
}

/** The same table with other readers. */
function withReaders(table: TableSnapshot, reader: (index: number) => ColumnReader): TableSnapshot {
	return {
		name: table.name,
		columns: table.columns,
		// Counting the rows of a table can be expensive.
		get rowCount() {
			return table.rowCount;
		},
		reader,
		find: (index, value) => table.find?.(index, value),
		...(table.pieceEnd === undefined ? {} : { pieceEnd: (row) => table.pieceEnd!(row) }),
	};
}

function isText(table: TableSnapshot, index: number): boolean {
	return ['text', 'json', 'blob'].includes(table.columns[index]!.type);
}

function exchangesWith(table: TableSnapshot, records: Records): TableSnapshot {
	return withReaders(table, (index) => {
		const { name } = table.columns[index]!;
		if (!isText(table, index) || HARMLESS_COLUMNS.has(name)) return table.reader(index);
		return { value: (row) => records(row).columns[name] ?? null };
	});
}

/** Redacts the table `headers`. `exchanges` is the table whose rows `records` reads. */
function headersWith(table: TableSnapshot, exchanges: TableSnapshot, records: Records): TableSnapshot {
	const indexOf = (of: TableSnapshot, name: string) => of.columns.findIndex((column) => column.name === name);
	const idIndex = indexOf(exchanges, 'id');
	return withReaders(table, (index) => {
		const { name } = table.columns[index]!;
		if (!isText(table, index) || name === 'message') return table.reader(index);
		const [id, message, seq] = ['exchange_id', 'message', 'seq'].map((each) => table.reader(indexOf(table, each)));
		return {
			value: (row) => {
				const [exchange] = exchanges.find!(idIndex, Number(id!.value(row)))!;
				const { requestHeaders, responseHeaders } = records(exchange!);
				const line = (message!.value(row) === 'request' ? requestHeaders : responseHeaders)[Number(seq!.value(row))]!;
				if (name === 'header_value') return line.value;
				return name === 'raw_name' ? line.name : line.name.toLowerCase();
			},
		};
	});
}

/** Bytes without a text could not be decompressed, so nobody has looked for secrets in them. */
function messagesWith(table: TableSnapshot): TableSnapshot {
	const indexOf = (name: string) => table.columns.findIndex((column) => column.name === name);
	return withReaders(table, (index) => {
		const reader = table.reader(index);
		if (index !== indexOf('data_raw')) return reader;
		const text = table.reader(indexOf('data'));
		return { value: (row) => (text.value(row) === null ? null : reader.value(row)) };
	});
}

/** Redacts the rows of any other table, by column names and by the form of texts. */
function otherTable(table: TableSnapshot, redactor: Redactor): TableSnapshot {
	return redactedRows(
		table,
		table.columns.map((_, index) => index),
		redactor,
	);
}

/** The same for a table of which only some columns can be read. */
export function redactedRows(table: TableSnapshot, readable: readonly number[], redactor: Redactor): TableSnapshot {
	const places = new Map(readable.map((index, place) => [index, place]));
	const rows = lastKept((): ((row: number) => readonly SqlValue[]) => {
		const readers = readable.map((index) => table.reader(index));
		const redact = createRowRedactor(
			readable.map((index) => table.columns[index]!),
			redactor,
		);
		return (row) => redact(readers.map((reader) => reader.value(row)));
	});
	return withReaders(table, (index) =>
		isText(table, index) ? { value: (row) => rows(row)[places.get(index)!] ?? null } : table.reader(index),
	);
}

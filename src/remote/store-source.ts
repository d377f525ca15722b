// The tables of a store as a source of rows for statements that run here.
import type { BatchColumn, RowBatch, RowSource, WantedRows } from '../store/row-source.ts';
import type { SqlValue } from '../store/table.ts';
import { fieldsJson } from './fields-json.ts';
import type { StoreConnection } from './store-connection.ts';
import { type RemoteColumn, type RemoteTable, remoteTables, type StoreLayout } from './store-layout.ts';
import { cellCount, selectText } from './store-sql.ts';
import { cellText, cellTexts } from './tab-separated.ts';

/** How the queries of one statement run. */
export type StatementLimits = { readonly seconds: number | undefined; readonly skipsShards: boolean };

/** `limits` are those of the statement that runs next. */
export function storeSource(
	connection: StoreConnection,
	layout: StoreLayout,
	limits: () => StatementLimits,
): RowSource & { readonly remote: ReadonlyMap<string, RemoteTable> } {
	const tables = remoteTables(layout);
	const { database, name } = connection;
	const sqlOf = (wanted: WantedRows) => selectText(wanted, tables.get(wanted.table)!, database);
	return {
		name,
		tables,
		remote: tables,
		async *read(wanted, signal) {
			const { seconds, skipsShards } = limits();
			const columns = wanted.columns.map((index) => tables.get(wanted.table)!.columns[index]!);
			const options = { signal, seconds, maxRows: wanted.atMost + 1, skipsShards };
			const rows = connection.rows(sqlOf(wanted), options);
			for await (const some of rows) {
				if (columns.length > 0) yield batchOf(some, columns);
				else yield { rowCount: Number(some[0]![0]), columns: [] };
			}
		},
		explain: (wanted) => [sqlOf(wanted)],
	};
}

/** A batch from the cells of rows. */
function batchOf(rows: readonly (readonly string[])[], columns: readonly RemoteColumn[]): RowBatch {
	let place = 0;
	return {
		rowCount: rows.length,
		columns: columns.map((column) => {
			const at = place;
			place += cellCount(column);
			return valuesOf(rows, at, column);
		}),
	};
}

function valuesOf(rows: readonly (readonly string[])[], at: number, column: RemoteColumn): BatchColumn {
	const { fields } = column;
	if (fields !== undefined)
		return rows.map((row) =>
			row[at + 2] === '1' && row[at] === '[]'
				? null
				: fieldsJson(cellTexts(row[at]!), cellTexts(row[at + 1]!), fields.foldsNames),
		);
	if (column.type === 'text') return rows.map((row) => cellText(row[at]!));
	if (column.type === 'int') return rows.map((row) => integerOf(row[at]!));
	return Float64Array.from(rows, (row) => numberOf(row[at]!));
}

/** A number of a cell; NaN for NULL. */
export function numberOf(cell: string): number {
	if (cell === '\\N') return Number.NaN;
	return Number(cell === 'inf' ? 'Infinity' : cell === '-inf' ? '-Infinity' : cell);
}

/** An integer of a cell. */
export function integerOf(cell: string): SqlValue {
	if (cell === '\\N') return null;
	const near = Number(cell);
	return Number.isSafeInteger(near) ? near : BigInt(cell);
}

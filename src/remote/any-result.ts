// The result of any statement of ClickHouse's SQL, whose columns only the answer tells.
import type { ColumnType, SqlValue } from '../store/table.ts';
import type { QueryOptions, StoreConnection } from './store-connection.ts';
import { integerOf } from './store-source.ts';
import { cellText } from './tab-separated.ts';

export type AnyResult = {
	readonly columns: readonly { readonly name: string; readonly type: ColumnType | null }[];
	readonly rows: AsyncIterable<SqlValue[][]>;
};

/** Sends the statement. Throws a UserError if the store refuses it. */
export async function anyResult(connection: StoreConnection, sql: string, options: QueryOptions): Promise<AnyResult> {
	const pieces = connection.rows(sql, { ...options, format: 'TabSeparatedWithNamesAndTypes' });
	const first: string[][] = [];
	// Both lines may come in pieces.
	while (first.length < 2) {
		const next = await pieces.next();
		if (next.done === true) return { columns: [], rows: noRows() };
		first.push(...next.value);
	}
	const [names, types] = first as [string[], string[]];
	const readers = types.map((type) => readerOf(cellText(type) ?? ''));
	const valuesOf = (rows: readonly string[][]) =>
		rows.map((row) => row.map((cell, index) => readers[index]!.read(cell)));
	return {
		columns: names.map((name, index) => ({ name: cellText(name) ?? '', type: readers[index]!.type })),
		rows: (async function* () {
			if (first.length > 2) yield valuesOf(first.slice(2));
			for await (const rows of pieces) yield valuesOf(rows);
		})(),
	};
}

async function* noRows(): AsyncGenerator<SqlValue[][]> {}

type Reader = { readonly type: ColumnType; readonly read: (cell: string) => SqlValue };

function readerOf(type: string): Reader {
	const plain = type.replace(/^LowCardinality\((.*)\)$/, '$1').replace(/^Nullable\((.*)\)$/, '$1');
	if (/^U?Int(8|16|32|64)$/.test(plain)) return { type: 'int', read: integerOf };
	if (/^Float(32|64)$/.test(plain)) return { type: 'float', read: realOf };
	return { type: 'text', read: cellText };
}

function realOf(cell: string): SqlValue {
	const value = Number(cell.replace('inf', 'Infinity'));
	return cell === '\\N' || Number.isNaN(value) ? null : value;
}

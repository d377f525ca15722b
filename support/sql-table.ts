// In-memory tables for tests of the SQL engine: columns are arrays, with the same kinds of readers as captured tables.

import { parseInstant } from '../src/sql/values/instant.ts';
import type {
	Column,
	ColumnReader,
	ColumnType,
	DatabaseSnapshot,
	SqlValue,
	TableSnapshot,
} from '../src/store/table.ts';

export type TestTable = {
	readonly name: string;
	/** `id int`, `method text` …; `text#` for a text column with codes. */
	readonly columns: readonly string[];
	readonly rows: readonly (readonly SqlValue[])[];
};

function testTable({ name, columns, rows }: TestTable): TableSnapshot {
	const parsed = columns.map((text): Column & { coded: boolean } => {
		const [columnName, type] = text.split(' ') as [string, string];
		return {
			name: columnName,
			type: type.replace('#', '') as ColumnType,
			coded: type.endsWith('#'),
			description: `the ${columnName}`,
		};
	});
	return {
		name,
		columns: parsed,
		rowCount: rows.length,
		reader: (index) =>
			arrayReader(
				parsed[index]!.type,
				parsed[index]!.coded,
				rows.map((row) => row[index]!),
			),
		find: (index, value) => {
			if (parsed[index]!.name !== 'id') return undefined;
			return rows.flatMap((row, at) => (row[index] === value ? [at] : []));
		},
	};
}

export function arrayReader(type: ColumnType, coded: boolean, values: readonly SqlValue[]): ColumnReader {
	const value = (row: number): SqlValue => {
		// Reading a row outside the table is a bug in the engine and must not give NULL.
		if (!(row >= 0 && row < values.length)) throw new Error(`row ${row} of ${values.length} was read`);
		return values[row]!;
	};
	if (type === 'datetime') {
		return { value, number: (row) => (value(row) === null ? Number.NaN : parseInstant(value(row) as string)) };
	}
	if (type === 'int' || type === 'float') {
		return { value, number: (row) => (value(row) === null ? Number.NaN : Number(value(row))) };
	}
	if (!coded) return { value };
	const codes = new Map<SqlValue, number>();
	const codeOf = values.map((text) => {
		if (text === null) return -1;
		let code = codes.get(text);
		if (code === undefined) {
			code = codes.size;
			codes.set(text, code);
		}
		return code;
	});
	return { value, code: (row) => codeOf[row]! };
}

export function testDatabase(tables: readonly TestTable[]): DatabaseSnapshot {
	return { tables: new Map(tables.map((table) => [table.name, testTable(table)])) };
}

// Rows as an SQL script: a table and its rows, for SQLite and others (`sqlite3 new.db < exchanges.sql`).
import type { SqlValue } from '../store/table.ts';
import type { ResultColumn } from './cell-text.ts';
import { distinctNames } from './column-names.ts';
import type { RowWriter } from './row-format.ts';
import { escapeUnsafe } from './visible-text.ts';

const TABLE = 'exchanges';

/** Writes one transaction: CREATE TABLE, then an INSERT for each row. Texts and blobs are exact. */
export function createSqlWriter(columns: readonly ResultColumn[]): RowWriter {
	const names = distinctNames(columns.map(({ name }) => name));
	const declarations = columns.map(({ type }, index) => `\t${quotedName(names[index]!)} ${sqliteType(type)}`);
	return {
		begin: () => `BEGIN;\nCREATE TABLE ${TABLE} (\n${declarations.join(',\n')}\n);\n`,
		rows: (rows) => rows.map((row) => `INSERT INTO ${TABLE} VALUES (${row.map(literal).join(',')});\n`).join(''),
		end: () => 'COMMIT;\n',
	};
}

function sqliteType(type: ResultColumn['type']): string {
	switch (type) {
		case 'int':
			return 'INTEGER';
		case 'float':
			return 'REAL';
		case 'blob':
			return 'BLOB';
		case 'text':
		case 'json':
		case 'datetime':
		case 'interval':
			return 'TEXT';
		default:
			// No affinity: values stay as they are.
			return '';
	}
}

function quotedName(name: string): string {
	return `"${name.replaceAll('"', '""').replaceAll('\0', '')}"`;
}

function literal(value: SqlValue): string {
	if (value === null) return 'NULL';
	if (value instanceof Uint8Array) return `X'${Buffer.from(value).toString('hex')}'`;
	if (typeof value === 'number') return numberLiteral(value);
	if (typeof value === 'bigint') return String(value);
	if (typeof value === 'boolean') return value ? '1' : '0';
	const text = typeof value === 'string' ? value : JSON.stringify(value);
	// The script may be printed on a terminal; and a NUL would end it.
	const isHidden = escapeUnsafe(text.replaceAll('\n', ''), () => '\0').includes('\0');
	return isHidden ? `CAST(X'${Buffer.from(text).toString('hex')}' AS TEXT)` : `'${text.replaceAll("'", "''")}'`;
}

function numberLiteral(value: number): string {
	if (Number.isNaN(value)) return 'NULL';
	if (!Number.isFinite(value)) return value > 0 ? '9e999' : '-9e999';
	return String(value);
}

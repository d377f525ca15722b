// Shorthands for running SQL in tests.
import assert from 'node:assert/strict';
import { type ExecuteOptions, executeSync, prepare, SqlError } from '../src/sql/sql.ts';
import type { DatabaseSnapshot, SqlValue } from '../src/store/table.ts';

export const NO_TABLES: DatabaseSnapshot = { tables: new Map() };

export function rowsOf(
	sql: string,
	database: DatabaseSnapshot = NO_TABLES,
	options: ExecuteOptions = {},
): SqlValue[][] {
	return executeSync(prepare(sql, database, options.session), database, options).rows;
}

/** The first column of the only row. */
export function scalarOf(sql: string, database?: DatabaseSnapshot, options?: ExecuteOptions): SqlValue {
	const rows = rowsOf(sql, database, options);
	assert.equal(rows.length, 1, sql);
	return rows[0]![0]!;
}

/** The SqlError that a statement ends with. */
export function errorOf(sql: string, database: DatabaseSnapshot = NO_TABLES, options: ExecuteOptions = {}): SqlError {
	try {
		rowsOf(sql, database, options);
	} catch (error) {
		if (error instanceof SqlError) return error;
		throw error;
	}
	assert.fail(`no error: ${sql}`);
}

// Errors in SQL text, with their position.
import { type ErrorCode, UserError } from '../../base/errors.ts';

export type SqlErrorCode = Extract<ErrorCode, `ERR_SQL_${string}`>;

export class SqlError extends UserError {
	/** Offset in the statement's text, where the shell prints a `^`. */
	readonly position: number | undefined;

	constructor(message: string, code: SqlErrorCode, position?: number, hint?: string) {
		super(message, code, hint);
		this.name = 'SqlError';
		this.position = position;
	}
}

export function syntaxError(message: string, position?: number, hint?: string): SqlError {
	return new SqlError(message, 'ERR_SQL_SYNTAX', position, hint);
}

export function unsupported(message: string, position?: number, hint?: string): SqlError {
	return new SqlError(message, 'ERR_SQL_UNSUPPORTED', position, hint);
}

/** The line that contains `position`, and the column in it. */
export function errorLine(sql: string, position: number): { line: string; column: number } {
	const start = sql.lastIndexOf('\n', position - 1) + 1;
	const end = sql.indexOf('\n', position);
	return { line: sql.slice(start, end < 0 ? sql.length : end), column: position - start };
}

// Statements that commands run internally, to print something other than their result.
import type { SqlValue } from '../store/table.ts';
import type { ShellSession } from './shell-session.ts';

const TIMEOUT_MS = 5000;

/** The rows of a statement over the tables of this host. */
export async function rowsOf({ threads }: ShellSession, sql: string): Promise<readonly SqlValue[][]> {
	const rows: SqlValue[][] = [];
	for await (const part of threads.run(sql, { timeoutMs: TIMEOUT_MS, here: true }))
		if (part.type === 'rows') rows.push(...part.rows);
	return rows;
}

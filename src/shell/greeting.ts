// What the prompt prints at its start, after the line about the capture: how to get help, and three things to try.
import { version } from '../base/installation.ts';
import { wait } from '../base/wait.ts';
import type { SqlValue } from '../store/table.ts';
import type { Threads } from '../threads/threads.ts';

/** How long to wait for the rows of a recording at the start. */
const ROWS_MS = 300;

/** Facts about a recording that the suggestions use. */
export type Seen = {
	readonly exchanges: number;
	/** Ids of the last failed exchange, the last one sent by sendfile, and the slowest one. */
	readonly failed: number | null;
	readonly sendfile: number | null;
	readonly slowest: number | null;
};

/** The line about how to get help. */
export function greeting(): string {
	return `tinytap ${version()}: SQL over HTTP. Statements end with ;  .help explains  .quit ends`;
}

/** Three things to try. `seen` is undefined for a live capture, which has only just begun. */
export function suggestions(seen: Seen | undefined): string {
	if (seen === undefined) return 'Try: .tail   .run slow   FROM exchanges;';
	const { exchanges, failed, sendfile, slowest } = seen;
	if (exchanges === 0) return 'Try: FROM connections;   FROM loss;   .status';
	const first =
		failed !== null
			? 'FROM exchanges WHERE status >= 500;'
			: sendfile !== null
				? "FROM exchanges WHERE via = 'sendfile';"
				: 'FROM exchanges;';
	return `Try: ${first}   .show ${failed ?? sendfile ?? slowest ?? 1}   .run slow`;
}

/** Three things to try with a store. */
export const STORE_SUGGESTIONS =
	'Try: SELECT host_name, count(*) FROM exchanges GROUP BY ALL;   FROM gaps;   .run errors';

/** Looks at the recording. Undefined for a live capture. */
export async function seenIn(threads: Threads): Promise<Seen | undefined> {
	if (threads.recording === undefined) return undefined;
	// The code that waits for the end reports errors.
	await Promise.race([threads.ended.catch(() => undefined), wait(ROWS_MS)]);
	const sql = `SELECT count(*), max(id) FILTER (WHERE status >= 500), max(id) FILTER (WHERE via = 'sendfile'),
		(SELECT id FROM exchanges WHERE duration_ms IS NOT NULL ORDER BY duration_ms DESC LIMIT 1) FROM exchanges`;
	let row: readonly SqlValue[] = [];
	for await (const part of threads.run(sql, { timeoutMs: 1000 })) if (part.type === 'rows') row = part.rows[0] ?? row;
	const id = (value: SqlValue | undefined) => (value === null || value === undefined ? null : Number(value));
	return { exchanges: Number(row[0]), failed: id(row[1]), sendfile: id(row[2]), slowest: id(row[3]) };
}

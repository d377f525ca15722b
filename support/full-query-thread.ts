// Fills the memory of a query thread, so that it ends.
import assert from 'node:assert/strict';

/**
 * Runs a statement without end until V8 ends the thread (ERR_QUERY_MEMORY). Most times it does; sometimes the statement's own
 * account of its memory stops it first.
 */
export async function fillQueryThread(run: (sql: string) => Promise<unknown>, endless: string): Promise<void> {
	for (let attempt = 0; attempt < 20; attempt++) {
		const error: unknown = await run(`CREATE TEMP TABLE filled AS ${endless}`).then(
			() => undefined,
			(reason: unknown) => reason,
		);
		const code = error instanceof Error && 'code' in error ? error.code : String(error);
		if (code === 'ERR_QUERY_MEMORY') return;
		assert.equal(code, 'ERR_SQL_TOO_LARGE');
	}
	assert.fail('the query thread did not run out of memory');
}

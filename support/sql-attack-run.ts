// Runs the statements given on stdin (a JSON list) and reports the results. sql-attack.test.ts starts it as a process.
import { readFileSync } from 'node:fs';
import { executeSync, prepare, Session, SqlError } from '../src/sql/sql.ts';
import { sampleTables } from './sql-sample.ts';
import { testDatabase } from './sql-table.ts';

const database = testDatabase(sampleTables());
const session = new Session();
const outcomes = (JSON.parse(readFileSync(0, 'utf8')) as string[]).map((sql) => {
	try {
		const { rows, message } = executeSync(prepare(sql, database, session), database, { session, timeLimitMs: 5000 });
		return `${message ?? ''} ${rows.length} rows: ${JSON.stringify(rows).slice(0, 200)}`;
	} catch (error) {
		return error instanceof SqlError
			? `${error.code} ${error.message}`
			: `crash ${error instanceof Error ? error.stack : error}`;
	}
});
console.log(
	JSON.stringify({
		outcomes,
		prototype: Object.getOwnPropertyNames(Object.prototype),
		marker: 'marker' in globalThis,
		alive: executeSync(prepare('SELECT 1', database), database).rows,
	}),
);

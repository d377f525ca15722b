// Queries give the same answers as SQLite.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { executeSync, prepare, SqlError } from '../../src/sql/sql.ts';
import { answerKey, askOracle, type OracleResult, oracleVersion } from '../../support/sql-oracle.ts';
import { sampleTables } from '../../support/sql-sample.ts';
import { testDatabase } from '../../support/sql-table.ts';

const [first, ...lines] = readFileSync(new URL('../fixtures/sql/sqlite-answers.jsonl', import.meta.url), 'utf8')
	.trim()
	.split('\n')
	.map((line) => JSON.parse(line) as unknown);
/** The version of sqlite3 that gave the answers. */
const VERSION = first as string;
const ANSWERS = lines as [query: string, answer: string][];

const tables = sampleTables();
const database = testDatabase(tables);

function answer(query: string): OracleResult {
	try {
		return { rows: executeSync(prepare(query, database), database).rows };
	} catch (error) {
		if (error instanceof SqlError) return { error: error.message };
		throw error;
	}
}

describe('queries give the same as SQLite over the same rows', () => {
	const GROUP = 100;
	for (let start = 0; start < ANSWERS.length; start += GROUP) {
		const group = ANSWERS.slice(start, start + GROUP);
		test(`queries ${start + 1} to ${start + group.length}`, () => {
			for (const [query, expected] of group) assert.equal(answerKey(query, answer(query)), expected, query);
		});
	}

	test('at least two thousand queries are compared, and few are errors', () => {
		assert.ok(ANSWERS.length >= 2000, `${ANSWERS.length} queries`);
		const mistakes = ANSWERS.filter(([, expected]) => expected === 'error').length;
		assert.ok(mistakes < ANSWERS.length / 50, `${mistakes} errors`);
	});

	test('the stored answers match the installed sqlite3', (t) => {
		const version = oracleVersion();
		assert.ok(version !== undefined, 'the program sqlite3 is missing (scripts/setup test installs it)');
		const theirs = askOracle(
			tables,
			ANSWERS.map(([query]) => query),
		);
		const others = ANSWERS.filter(([query, kept], index) => answerKey(query, theirs[index]!) !== kept);
		if (version === VERSION) assert.deepEqual(others, []);
		else {
			t.diagnostic(`sqlite3 ${version}, not ${VERSION}, gives ${others.length} other answers`);
			// Newer versions changed only JSON, sums and some formats.
			assert.ok(others.length < ANSWERS.length / 20, others.map(([query]) => query).join('\n'));
		}
	});
});

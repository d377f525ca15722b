import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { executeSync, prepare, SqlError } from '../../src/sql/sql.ts';
import { answerKey, type OracleResult } from '../support/sql-oracle.ts';
import { sampleTables } from '../support/sql-sample.ts';
import { testDatabase } from '../support/sql-table.ts';

const ANSWERS = readFileSync(new URL('../fixtures/sql/sqlite-answers.jsonl', import.meta.url), 'utf8')
	.trim()
	.split('\n')
	.map((line) => JSON.parse(line) as [query: string, answer: string]);

const database = testDatabase(sampleTables());

function answer(query: string): OracleResult {
	try {
		return { rows: executeSync(prepare(query, database), database).rows };
	} catch (error) {
		if (error instanceof SqlError) return { error: error.message };
		throw error;
	}
}

describe('the same queries over the same rows give what SQLite gives', () => {
	const GROUP = 100;
	for (let start = 0; start < ANSWERS.length; start += GROUP) {
		const group = ANSWERS.slice(start, start + GROUP);
		test(`queries ${start + 1} to ${start + group.length}`, () => {
			for (const [query, expected] of group) assert.equal(answerKey(query, answer(query)), expected, query);
		});
	}

	test('there are at least two thousand of them', () => {
		assert.ok(ANSWERS.length >= 2000, `${ANSWERS.length} queries`);
	});
});

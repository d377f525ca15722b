// Times and intervals give the same values as PostgreSQL.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ourAnswer, sameAnswer, type TimeExpression } from '../../support/random-times.ts';

// Written by scripts/sqlfuzz --times --write.
const ANSWERS = readFileSync(new URL('../fixtures/sql/postgres-answers.jsonl', import.meta.url), 'utf8')
	.trim()
	.split('\n')
	.map((line) => JSON.parse(line) as Omit<TimeExpression, 'theirs'> & { readonly answer: string | null });

test('expressions of times and intervals have the values that PostgreSQL gives them', () => {
	assert.ok(ANSWERS.length > 1000, `${ANSWERS.length} expressions`);
	for (const { answer, ...expression } of ANSWERS) {
		const ours = ourAnswer(expression);
		assert.ok(
			'text' in ours && sameAnswer(expression.kind, ours.text, answer),
			`${expression.ours}: ${JSON.stringify(ours)}, not ${answer}`,
		);
	}
});

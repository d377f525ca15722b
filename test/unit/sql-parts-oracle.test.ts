// Parts of JSON and texts, and percentiles, give the same values as PostgreSQL.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ourPart, type PartExpression, samePart } from '../../support/random-parts.ts';

// Written by scripts/sqlfuzz --parts --write.
const ANSWERS = readFileSync(new URL('../fixtures/sql/postgres-parts.jsonl', import.meta.url), 'utf8')
	.trim()
	.split('\n')
	.map((line) => JSON.parse(line) as Omit<PartExpression, 'theirs'> & { readonly answer: string | null });

test('parts of JSON and texts, and percentiles, are those that PostgreSQL gives', () => {
	assert.ok(ANSWERS.length > 900, `${ANSWERS.length} expressions`);
	for (const { answer, ...expression } of ANSWERS) {
		const ours = ourPart(expression);
		assert.ok(
			'text' in ours && samePart(expression.kind, ours.text, answer),
			`${expression.ours}: ${JSON.stringify(ours)}, not ${answer}`,
		);
	}
});

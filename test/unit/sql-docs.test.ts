// The descriptions of SQL keywords.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KEYWORDS } from '../../src/sql/sql.ts';

test('every keyword has one line of description and is listed once', () => {
	const words = KEYWORDS.map(({ word }) => word);
	assert.equal(new Set(words).size, words.length);
	for (const { word, doc } of KEYWORDS) assert.ok(doc !== '' && !doc.includes('\n'), word);
});

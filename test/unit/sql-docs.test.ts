import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { SqlErrorCode } from '../../src/sql/sql.ts';
import { KEYWORDS } from '../../src/sql/sql.ts';

const page = readFileSync(new URL('../../docs/sql.md', import.meta.url), 'utf8');

test('docs/sql.md explains every error code', () => {
	const codes: Record<SqlErrorCode, true> = {
		ERR_SQL_SYNTAX: true,
		ERR_SQL_UNSUPPORTED: true,
		ERR_SQL_NAME: true,
		ERR_SQL_FUNCTION: true,
		ERR_SQL_READ_ONLY: true,
		ERR_SQL_PARAMETER: true,
		ERR_SQL_VALUE: true,
		ERR_SQL_TOO_LARGE: true,
		ERR_SQL_TIME_LIMIT: true,
		ERR_SQL_CANCELLED: true,
	};
	for (const code of Object.keys(codes)) assert.ok(page.includes(`\`${code}\``), code);
});

test('every keyword has one line of description and is listed once', () => {
	const words = KEYWORDS.map(({ word }) => word);
	assert.equal(new Set(words).size, words.length);
	for (const { word, doc } of KEYWORDS) assert.ok(doc !== '' && !doc.includes('\n'), word);
});

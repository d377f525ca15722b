// The judges of corpora (scripts/corpus) read both formats and distinguish right from wrong.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { judgeConversations } from '../../support/corpora/conversations.ts';
import { judgeParserCases } from '../../support/corpora/parser-cases.ts';

const fixtures = join(import.meta.dirname, '../fixtures/corpora');

test('conversations: rows found and exchanges expected, even for a missing file', () => {
	assert.deepEqual(
		judgeConversations([join(fixtures, 'cases.md'), join(fixtures, 'transactions.json')]).map(({ name, got, want }) => [
			name,
			got,
			want,
		]),
		[
			['two.t', 2, 2],
			['gone.t', 0, 1],
		],
	);
});

test('parser cases: every piece size counts, and a difference is reported', () => {
	const [whole, refused, wrong] = judgeParserCases(join(fixtures, 'cases.md'), 'cases.md');
	assert.deepEqual([whole!.name, whole!.got, whole!.want], ['cases.md#1', 48, 48]);
	assert.deepEqual([refused!.got, refused!.want], [35, 35]);
	assert.deepEqual([wrong!.got, wrong!.why], [0, 'in pieces of 1: message 1: target /a instead of /other']);
});

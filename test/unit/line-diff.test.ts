// The difference of two texts, line by line.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { diffLines } from '../../src/output/line-diff.ts';
import { cpuMs } from '../../support/cpu-time.ts';

const marked = (before: string[], after: string[]) =>
	diffLines(before, after).map(({ kind, text }) => `${{ same: ' ', old: '-', new: '+' }[kind]}${text}`);

test('equal lines stay, others are old or new, with as few edits as possible', () => {
	assert.deepEqual(marked(['a', 'b', 'c'], ['a', 'x', 'c', 'd']), [' a', '-b', '+x', ' c', '+d']);
	assert.deepEqual(marked([], ['a']), ['+a']);
	assert.deepEqual(marked(['a'], []), ['-a']);
	assert.deepEqual(marked(['a'], ['a']), [' a']);
	const moved = marked([...'abcabba'], [...'cbabac']);
	assert.equal(moved.filter((line) => !line.startsWith(' ')).length, 5);
});

test('old and same lines are the first text, new and same lines the second', () => {
	const text = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 40 });
	fc.assert(
		fc.property(text, text, (before, after) => {
			const diff = diffLines(before, after);
			const of = (kind: string) => diff.filter((line) => line.kind === kind || line.kind === 'same');
			assert.deepEqual(
				of('old').map((line) => line.text),
				before,
			);
			assert.deepEqual(
				of('new').map((line) => line.text),
				after,
			);
		}),
		{ numRuns: 300 },
	);
});

test('two long texts without a common line take little time and memory', () => {
	const before = Array.from({ length: 40_000 }, (_, i) => `a${i}`);
	const after = Array.from({ length: 40_000 }, (_, i) => `b${i}`);
	const begin = cpuMs();
	assert.equal(diffLines(before, after).length, 80_000);
	assert.ok(cpuMs() - begin < 5000);
});

// Cutting and measuring coloured lines.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cutPaintedLine, screenRows } from '../../src/output/painted-line.ts';

test('a coloured line is cut by its visible columns, and keeps its colours and their ends', () => {
	assert.equal(cutPaintedLine('abc', 3), 'abc');
	assert.equal(cutPaintedLine('abcd', 3), 'ab…');
	assert.equal(cutPaintedLine('\x1b[31mabc\x1b[39m', 3), '\x1b[31mabc\x1b[39m');
	assert.equal(cutPaintedLine('\x1b[31mabcd\x1b[39m ef', 3), '\x1b[31mab…\x1b[39m');
	assert.equal(cutPaintedLine('ab\x1b[1mc\x1b[22md', 3), 'ab\x1b[1m…\x1b[22m');
	assert.equal(cutPaintedLine('日本語', 5), '日本…');
});

test('the rows that a text takes on the screen', () => {
	assert.equal(screenRows('a\n\nb\n', 10), 3);
	assert.equal(screenRows('\x1b[31mabcdefghij\x1b[39m\n', 10), 1);
	assert.equal(screenRows('\x1b[31mabcdefghijk\x1b[39m', 10), 2);
	assert.equal(screenRows('日本語日本語', 10), 2);
});

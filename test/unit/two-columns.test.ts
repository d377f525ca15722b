// Lists in two columns, wrapped at the width of the terminal.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { twoColumns, wrapText } from '../../src/output/two-columns.ts';

test('texts wrap at spaces in their column; long names and long words have lines of their own', () => {
	const entries = [
		{ name: '.a', text: 'one two three four five six', remark: 'e.g. .a 1' },
		{ name: '.a-name-that-is-too-long', text: 'short' },
		{ name: '.日本', text: 'wide', remark: 'r' },
		{ name: '.none', text: '' },
	];
	assert.equal(
		twoColumns(entries, { width: 36, widest: 12 }),
		[
			'  .a     one two three four five',
			'         six  e.g. .a 1',
			'  .a-name-that-is-too-long',
			'         short',
			'  .日本  wide  r',
			'  .none',
			'',
		].join('\n'),
	);
	assert.deepEqual(wrapText('aa bb ccccccc d', 5), ['aa bb', 'ccccccc', 'd']);
});

test('no line is wider than the screen, whatever its width', () => {
	const entries = [
		{ name: '.command WITH ARGUMENTS', text: 'word '.repeat(40).trim(), remark: 'e.g. '.repeat(10).trim() },
		{ name: '.show [ID] [--headers] [--body] [--raw] [--hex] [--request] [--response] [--save FILE]', text: 'x' },
		{ name: '.x', text: 'a b c d e f g h', remark: 'also x' },
	];
	for (let width = 32; width < 140; width++)
		for (const line of twoColumns(entries, { width }).split('\n')) assert.ok(line.length < width, `${width}: ${line}`);
	const wide = twoColumns(entries, { width: Number.POSITIVE_INFINITY });
	assert.equal(wide.split('\n').length, 5, 'without a screen, an entry is one line, or two if its name is long');
});

test('the left column is as wide as its names, at most thirty columns, and nothing on a narrow screen', () => {
	const of = (name: string, width = 80) => twoColumns([{ name, text: 'text' }], { width });
	assert.equal(of('n'.repeat(30)), `  ${'n'.repeat(30)}  text\n`);
	assert.equal(of('n'.repeat(31)), `  ${'n'.repeat(31)}\n    text\n`);
	assert.equal(of('', 20), '    text\n');
	assert.equal(of('ab', 20), '  ab\n    text\n');
	assert.deepEqual(wrapText('aaa bb cc dd eee', 5), ['aaa', 'bb cc', 'dd', 'eee']);
	assert.deepEqual(wrapText('aaaa b c d', 3), ['aaaa', 'b c', 'd']);
});

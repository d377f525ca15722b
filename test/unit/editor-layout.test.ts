// Where typed text appears on the screen, and what the editing keys do to it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Layout, layOut } from '../../src/shell/editor/layout.ts';
import { pictureOf, type Span } from '../../src/shell/editor/picture.ts';
import { onOneLine } from '../../src/shell/editor/shown-text.ts';
import { EDITS, type EditName } from '../../src/shell/editor/text-edits.ts';
import { cpuMs } from '../../support/cpu-time.ts';

const SCREEN = { columns: 20, rows: 8, prompt: 3, continuation: 4 };

/** Lays out a text whose cursor is at `|`. */
function laidOut(text: string, screen = SCREEN): Layout {
	return layOut(text.replace('|', ''), text.indexOf('|'), screen);
}

function rowTexts(text: string, screen = SCREEN): string[] {
	const plain = text.replace('|', '');
	return laidOut(text, screen).rows.map((row) => `${row.isFirst ? '>' : ' '}${plain.slice(row.start, row.end)}`);
}

function edited(text: string, ...names: EditName[]): string {
	let state = { text: text.replace('|', ''), cursor: text.indexOf('|') };
	for (const name of names) state = EDITS[name](state.text, state.cursor);
	return `${state.text.slice(0, state.cursor)}|${state.text.slice(state.cursor)}`;
}

test('lines break at the edge of the screen, and the cursor never stands outside', () => {
	assert.deepEqual(rowTexts('abc|'), ['>abc']);
	assert.deepEqual(rowTexts('12345678901234567|'), ['>12345678901234567', ' '], 'after a full row');
	assert.deepEqual(rowTexts('|12345678901234567'), ['>12345678901234567']);
	assert.deepEqual(rowTexts('123456789012345678|'), ['>12345678901234567', ' 8']);
	assert.deepEqual(rowTexts('1234567890123456日|'), ['>1234567890123456', ' 日']);
	assert.deepEqual(rowTexts('a\nb\n|'), ['>a', '>b', '>']);
	assert.deepEqual(laidOut('\n|a').cursor, { row: 1, column: 4 });
	assert.deepEqual(laidOut('|\na').cursor, { row: 0, column: 3 });
	assert.deepEqual(laidOut('日|本').cursor, { row: 0, column: 5 });
	assert.deepEqual(laidOut('\t|').cursor, { row: 0, column: 7 }, 'a tab takes four columns');
	assert.deepEqual(laidOut('a\x1b|').cursor, { row: 0, column: 8 }, 'a control character is four columns wide');
	for (let columns = 1; columns < 12; columns++) {
		for (const text of ['SELECT 日本\n\x1b😀é|', 'x'.repeat(50), '\t\t|\n|', '|']) {
			const { rows, cursor } = laidOut(text.includes('|') ? text : `${text}|`, { ...SCREEN, columns });
			assert.ok(rows.length >= 1 && rows.length <= 8 && cursor.row < rows.length, `${columns} ${text}`);
		}
	}
});

test('only the rows of a long text around the cursor are laid out', () => {
	const lines = Array.from({ length: 100 }, (_, index) => `line ${index}`);
	const text = `${lines.slice(0, 50).join('\n')}|\n${lines.slice(50).join('\n')}`;
	assert.deepEqual(
		rowTexts(text),
		[46, 47, 48, 49, 50, 51, 52]
			.map((each) => `>line ${each}`)
			.toSpliced(0, 0, '>line 45')
			.slice(-8),
	);
	assert.deepEqual(rowTexts(`|${text.replace('|', '')}`)[0], '>line 0');
	assert.deepEqual(rowTexts(`${text.replace('|', '')}|`).at(-1), '>line 99');
	const begin = cpuMs();
	for (const long of [`${'x'.repeat(1e6)}|`, `|${'日'.repeat(3e5)}`, `${'ab\n'.repeat(3e5)}|`]) {
		assert.ok(rowTexts(long).length <= 8);
	}
	assert.ok(cpuMs() - begin < 10_000, `${cpuMs() - begin} ms`);
});

test('colours cover exactly their part of the text, also where it breaks', () => {
	const mark = (start: number, end: number): Span => ({ start, end, paint: (text) => `<${text}>` });
	const drawn = (text: string, spans: readonly Span[]) =>
		pictureOf({ text, cursor: 0, prompt: '> ', continuation: '. ', spans }, 10, 5).rows.map((row) => row.text);
	assert.deepEqual(drawn('abcdef', [mark(1, 3), mark(3, 4)]), ['> a<bc><d>ef']);
	assert.deepEqual(drawn('abcdefghijkl', [mark(6, 10)]), ['> abcdef<gh>', '<ij>kl']);
	assert.deepEqual(drawn("a'x\ny'b", [mark(1, 6)]), ["> a<'x>", ". <y'>b"]);
	assert.deepEqual(drawn('é\x1bz', [mark(0, 2)]), ['> <é\\x1b>z']);
});

test('text shown on one line has a sign for each line break and no control characters', () => {
	assert.equal(onOneLine('SELECT\n1;', 20), 'SELECT⏎1;');
	assert.equal(onOneLine('SELECT\n1;', 5), 'SELEC');
	assert.equal(onOneLine('a\x1b[31m\u202e', 30), 'a\\x1b[31m\\u{202e}');
	assert.equal(onOneLine('日本語', 5), '日本');
});

test('the arrow keys move in a text of several lines, and Home and End by line, then by text', () => {
	assert.equal(edited('abc\nde|f', 'up'), 'ab|c\ndef');
	assert.equal(edited('ab|c\ndef', 'down'), 'abc\nde|f');
	assert.equal(edited('abcdef|\nx\nabcdef', 'down'), 'abcdef\nx|\nabcdef');
	assert.equal(edited('日本|\nabcdef', 'down'), '日本\nabcd|ef', 'by columns');
	assert.equal(edited('a|b', 'up'), '|ab');
	assert.equal(edited('abc\nde|f', 'home'), 'abc\n|def');
	assert.equal(edited('abc\nde|f', 'home', 'home'), '|abc\ndef');
	assert.equal(edited('a|bc\ndef', 'end'), 'abc|\ndef');
	assert.equal(edited('a|bc\ndef', 'end', 'end'), 'abc\ndef|');
	assert.equal(edited('abc\n|def', 'left'), 'abc|\ndef');
	assert.equal(edited('\n|', 'up'), '|\n');
	assert.equal(edited('|\n', 'down'), '\n|');
	assert.equal(edited('a😀é|', 'left', 'left'), 'a|😀é');
	assert.equal(edited('SELECT foo_bar.baz|', 'wordLeft', 'wordLeft'), 'SELECT foo_bar|.baz');
	assert.equal(edited('|SELECT foo', 'wordRight'), 'SELECT| foo');
});

test('keys delete characters, words and lines', () => {
	assert.equal(edited('abé|', 'deleteLeft'), 'ab|');
	assert.equal(edited('|', 'deleteLeft', 'deleteRight'), '|');
	assert.equal(edited('a\n|b', 'deleteLeft'), 'a|b');
	assert.equal(edited('abc\nde|f\ng', 'killLineLeft'), 'abc\n|f\ng');
	assert.equal(edited('abc\n|f', 'killLineLeft'), 'abc|f');
	assert.equal(edited('abc\nde|f\ng', 'killLineRight'), 'abc\nde|\ng');
	assert.equal(edited('abc\nde|\ng', 'killLineRight'), 'abc\nde|g');
	assert.equal(edited("a b.c='x|", 'killBlankLeft'), 'a |');
	assert.equal(edited('a foo.bar|', 'killWordLeft'), 'a foo.|');
	assert.equal(edited('a| foo.bar', 'killWordRight'), 'a|.bar');
	assert.equal(edited('ab|c', 'swap'), 'acb|');
	assert.equal(edited('ab|', 'swap'), 'ba|');
	assert.equal(edited('|ab', 'swap'), '|ab');
});

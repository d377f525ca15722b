// Undo, restoring deleted text, and searching earlier entries.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainTheme } from '../../src/output/theme.ts';
import { EditedText } from '../../src/shell/editor/edited-text.ts';
import { HistorySearch, HistoryWalk, suggestionFor } from '../../src/shell/editor/history-walk.ts';
import { commonBeginning, menuRows } from '../../src/shell/editor/menu.ts';

const ENTRIES = ['.tables', 'SELECT\n2;', 'SELECT 1;', '.tables', 'select Path'];

function newText(text = ''): EditedText {
	const edited = new EditedText({ line: '', cursor: 0 });
	edited.reset(text);
	return edited;
}

test('undo takes back what was typed, deleted or recalled, step by step, and redo repeats it', () => {
	const edited = newText();
	for (const letter of 'abc') edited.insert(letter);
	edited.edit('deleteLeft');
	edited.edit('deleteLeft');
	edited.set('SELECT 1;');
	const seen = [edited.text];
	for (let i = 0; i < 3; i++) {
		edited.undo();
		seen.push(edited.text);
	}
	assert.deepEqual(seen, ['SELECT 1;', 'a', 'abc', '']);
	edited.undo();
	edited.redo();
	edited.redo();
	assert.equal(edited.text, 'a');
	edited.insert('x');
	edited.redo();
	assert.equal(edited.text, 'ax');
	edited.reset('new');
	edited.undo();
	assert.equal(edited.text, 'new');
});

test('Ctrl-Y brings back what was deleted, deletions in a row together; Alt-Y what was deleted before', () => {
	const edited = newText('one two three');
	edited.edit('killBlankLeft');
	edited.edit('killBlankLeft');
	edited.edit('home');
	edited.edit('killLineRight');
	assert.equal(edited.text, '');
	edited.yank();
	assert.equal(edited.text, 'one ');
	edited.yankPop();
	assert.equal(edited.text, 'two three');
	edited.yankPop();
	assert.equal(edited.text, 'one ');
	edited.edit('end');
	edited.yankPop();
	assert.equal(edited.text, 'one ', 'only after Ctrl-Y');
	newText().yank();
});

test('Up finds entries that begin with what was typed, and Down comes back to it', () => {
	const walk = new HistoryWalk(ENTRIES, 'SELECT', 'SELECT');
	assert.deepEqual([walk.older(), walk.older(), walk.older()], ['SELECT\n2;', 'SELECT 1;', undefined]);
	assert.deepEqual([walk.newer(), walk.newer(), walk.newer()], ['SELECT\n2;', 'SELECT', undefined]);
	const all = new HistoryWalk(ENTRIES, '', '');
	const older = ENTRIES.map(() => all.older());
	assert.deepEqual(older, ENTRIES);
});

test('a search finds parts of older and newer entries; lower-case letters also match capitals', () => {
	const search = new HistorySearch(ENTRIES);
	search.search('sel');
	assert.equal(search.found, 'SELECT\n2;');
	search.next(false);
	search.next(false);
	assert.equal(search.found, 'select Path');
	search.next(false);
	assert.equal(search.found, 'select Path', 'the last one stays');
	search.next(true);
	assert.equal(search.found, 'SELECT 1;');
	search.search('Pa');
	assert.deepEqual([search.found, search.place], ['select Path', 7]);
	search.search('PA');
	assert.deepEqual([search.found, search.hasFailed], [undefined, true]);
});

test('the newest entry that continues the typed text is suggested', () => {
	assert.equal(suggestionFor(ENTRIES, 'SEL'), 'ECT\n2;');
	assert.equal(suggestionFor(ENTRIES, 'SELECT 1'), ';');
	assert.equal(suggestionFor(ENTRIES, 'SELECT 1;'), undefined);
	assert.equal(suggestionFor(ENTRIES, ''), undefined);
	assert.equal(suggestionFor(ENTRIES, ' '), undefined);
});

test('the menu fits the screen, whatever is in it, and shows what is selected', () => {
	const hostile = { text: 'a\x1b[31m\n\u202e', doc: 'x'.repeat(500) };
	for (const count of [1, 5, 9, 200]) {
		const items = Array.from({ length: count }, (_, index) =>
			index === 1 ? hostile : { text: `item-${index}`, doc: 'doc' },
		);
		for (const columns of [10, 20, 80, 200]) {
			for (let selected = -1; selected < count; selected++) {
				const rows = menuRows(
					items,
					selected,
					{ columns, rows: 6 },
					{ ...plainTheme, selected: (text) => `[${text}]` },
				);
				assert.ok(rows.length <= 6);
				for (const { text } of rows) {
					assert.ok(text.replace(/[[\]]/g, '').length < columns, `${columns}: ${text}`);
					assert.doesNotMatch(text, /[\x00-\x1f\u202e]/);
				}
				if (selected >= 0) assert.equal(rows.filter(({ text }) => text.includes('[')).length > 0, true);
			}
		}
	}
	assert.equal(commonBeginning(['status', 'STATE', 'stat']), 'stat');
	assert.equal(commonBeginning(['a', 'b']), '');
	assert.equal(commonBeginning([]), '');
});

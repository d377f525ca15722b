// The text of errors: the marked position and the hint.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import stringWidth from 'string-width';
import { UserError } from '../../src/base/errors.ts';
import { plainTheme } from '../../src/output/theme.ts';
import { errorText, placeText } from '../../src/shell/error-text.ts';

/** The text above the mark. */
function marked(text: string): string {
	const [line = '', mark = ''] = text.split('\n');
	const column = mark.indexOf('^');
	let columns = 0;
	for (const [index, character] of [...line].entries()) {
		if (columns >= column) return [...line].slice(index).join('');
		columns += stringWidth(character);
	}
	return '';
}

test('the mark is below the position, even after wide characters, tabs and escapes', () => {
	for (const before of ['', "SELECT '日本😀', ", '\tSELECT\t', "SELECT 'a\x1b[31mb', ", "SELECT 'é', ", '한국어 '])
		for (const columns of [80, Number.POSITIVE_INFINITY]) {
			const text = placeText(`x\n${before}nonsense FROM t\ny`, before.length + 2, columns);
			assert.ok(marked(text).startsWith('nonsense FROM t'), text);
			assert.doesNotMatch(text, /[\x1b\t]/);
			assert.equal(text.split('\n').length, 3);
		}
});

test('a line wider than the screen is cut on both sides around the position', () => {
	for (const filler of ['a ', '日', "'\x00' "])
		for (const length of [0, 30, 100, 400])
			for (const rest of [0, 5, 300])
				for (const columns of [24, 40, 80, 200]) {
					const before = filler.repeat(length);
					const text = placeText(`${before}bad${' y'.repeat(rest)}`, before.length, columns);
					for (const line of text.split('\n')) assert.ok(stringWidth(line) < columns, `${columns}: ${line}`);
					assert.ok(marked(text).startsWith('bad'), text);
				}
	assert.equal(placeText(`${'x'.repeat(100)} bad`, 101, 40), `  …${'x'.repeat(32)} bad\n${' '.repeat(36)}^\n`);
});

test('an error is one line, followed by its position and a hint', () => {
	const error = Object.assign(new UserError('no\x1b[2J such column', 'ERR_SQL_NAME', 'look'), { position: 7 });
	assert.equal(
		errorText(error, plainTheme, 'SELECT nonsense'),
		'tinytap: error: no\\x1b[2J such column [ERR_SQL_NAME]\n  SELECT nonsense\n         ^\nhint: look\n',
	);
});

// The feature table of docs/shell.md names tests that exist.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '../..');
const PAGE = readFileSync(join(ROOT, 'docs/shell.md'), 'utf8');

/** The rows of the feature table: the cells without surrounding spaces. */
function features(): string[][] {
	const section = PAGE.slice(PAGE.indexOf('## Compared with other shells'));
	const lines = section.split('\n').filter((line) => line.startsWith('| ') && line.includes('.test.ts'));
	return lines.map((line) =>
		line
			.split(/(?<!\\)\|/)
			.slice(1, -1)
			.map((cell) => cell.trim()),
	);
}

test('each feature in docs/shell.md names a test that exists', () => {
	const rows = features();
	assert.ok(rows.length >= 18, `only ${rows.length} features found`);
	for (const cells of rows) {
		assert.equal(cells.length, 10, cells[0]);
		assert.match(cells[1] ?? '', /^[●◐]$/, cells[0]);
		const [, path = '', shown = ''] = /^`(test\/\S+\.test\.ts)`: (.+)$/.exec(cells[9] ?? '') ?? [];
		// Both Markdown and a string literal write a backslash as two.
		const title = shown.replace(/\\(.)/g, '$1');
		assert.notEqual(title, '', cells[9]);
		const titles = [...readFileSync(join(ROOT, path), 'utf8').matchAll(/^\s*test\(\s*(['"`])(.*)\1,/gm)];
		assert.ok(
			titles.some(([, , found]) => found?.replace(/\\(.)/g, '$1').startsWith(title)),
			`${path} has no test whose title begins: ${title}`,
		);
	}
});

test('the shell leaves out at most five things on purpose, each with a reason', () => {
	const omissions = PAGE.slice(PAGE.indexOf('What tinytap leaves out')).match(/^- \*\*[^*]+\*\*.*: \S.*$/gm) ?? [];
	assert.ok(omissions.length >= 1 && omissions.length <= 5, String(omissions.length));
	assert.equal(PAGE.slice(PAGE.indexOf('What tinytap leaves out')).match(/^- /gm)?.length, omissions.length);
});

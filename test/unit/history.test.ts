// The prompt's history file.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { processUser } from '../../src/base/invoking-user.ts';
import { HISTORY_ENTRIES, History } from '../../src/shell/history.ts';
import { temporaryDirectory } from '../../support/servers.ts';

const directory = temporaryDirectory();
after(directory.remove);
let files = 0;

function newHistory(content?: string): { history: History; path: string } {
	const path = join(directory.path, `${files++}`, 'history');
	mkdirSync(join(path, '..'));
	if (content !== undefined) writeFileSync(path, content);
	return { history: new History(path, processUser(), assert.fail), path };
}

test('entries come back as they were typed, newest first', () => {
	const { history, path } = newHistory();
	const entries = [
		'SELECT 1;',
		"SELECT 'a\n\n  b' AS x, -- first\n\t/* second\n*/ 2;",
		'.save x SELECT 1',
		"SELECT 'C:\\n\\r\\\\';",
		'SELECT\n1\\G',
		'SELECT 😀\n;',
	];
	for (const entry of entries) history.append(entry);
	assert.deepEqual(history.read(), [...entries].reverse());
	assert.equal(readFileSync(path, 'utf8').split('\n').length, entries.length + 1, 'each entry is one line of the file');
});

test('a file of an earlier version, or with CRLF line ends, has an entry in each line', () => {
	const old = "SELECT 1;\nSELECT 'a\\n' -- x\n\nFROM t;\n.help\n";
	for (const content of [old, old.replaceAll('\n', '\r\n')]) {
		const { history } = newHistory(content);
		assert.deepEqual(history.read(), ['.help', 'FROM t;', "SELECT 'a\\n' -- x", 'SELECT 1;']);
		history.append('SELECT\n2;');
		assert.equal(history.read()[0], 'SELECT\n2;');
	}
	assert.deepEqual(newHistory().history.read(), []);
});

test('only the newest entries are read', () => {
	const { history } = newHistory(Array.from({ length: HISTORY_ENTRIES + 23 }, (_, i) => `SELECT ${i};\n`).join(''));
	const entries = history.read();
	assert.equal(entries.length, HISTORY_ENTRIES);
	assert.equal(entries[0], `SELECT ${HISTORY_ENTRIES + 22};`);
});

test('a file that has grown to more than twice the entries is shortened', () => {
	const { history, path } = newHistory(
		Array.from({ length: 2 * HISTORY_ENTRIES + 1 }, (_, i) => `SELECT ${i};\n`).join(''),
	);
	assert.equal(history.read().length, HISTORY_ENTRIES);
	const lines = readFileSync(path, 'utf8').split('\n');
	assert.deepEqual([lines.length, lines[0]], [HISTORY_ENTRIES + 1, `SELECT ${HISTORY_ENTRIES + 1};`]);
	assert.equal(statSync(path).mode & 0o777, 0o600);
	history.append('SELECT 1;');
	assert.equal(history.read().length, HISTORY_ENTRIES);
});

test('only the user can read the file, whatever its mode was, and secrets do not reach it', () => {
	const { history, path } = newHistory('SELECT 1;\n');
	chmodSync(path, 0o644);
	history.append("SELECT 1\nWHERE req_headers['cookie'] = 'a';");
	assert.equal(statSync(path).mode & 0o777, 0o600);
	assert.equal(readFileSync(path, 'utf8'), "SELECT 1;\nSELECT 1\rWHERE req_headers['cookie'] = 'REDACTED';\n");
	const created = newHistory();
	created.history.append('SELECT 1;');
	assert.equal(statSync(created.path).mode & 0o777, 0o600);
});

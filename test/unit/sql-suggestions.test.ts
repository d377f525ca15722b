// What errors suggest for names that people guess.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COMMANDS } from '../../src/shell/commands/commands.ts';
import { GUESSED_COLUMNS, GUESSED_TABLES } from '../../src/sql/bind/guessed-names.ts';
import { TABLES } from '../../src/store/database.ts';
import type { DatabaseSnapshot, TableSnapshot } from '../../src/store/table.ts';
import { errorOf } from '../../support/sql-run.ts';

const emptyTable = ({ name, columns }: (typeof TABLES)[number]): TableSnapshot => ({
	name,
	columns,
	rowCount: 0,
	reader: () => ({ value: () => null }),
});
const database: DatabaseSnapshot = { tables: new Map(TABLES.map((table) => [table.name, emptyTable(table)])) };

const hintOf = (sql: string) => errorOf(sql, database).hint ?? '';

test('every column of every table, and every table, has names that people guess for it', () => {
	const columns = new Set(TABLES.flatMap((table) => table.columns.map((column) => column.name)));
	assert.deepEqual([...columns].filter((name) => GUESSED_COLUMNS[name] === undefined).sort(), []);
	assert.deepEqual(
		Object.keys(GUESSED_COLUMNS).filter((name) => !columns.has(name)),
		[],
	);
	assert.deepEqual(
		Object.keys(GUESSED_TABLES),
		TABLES.map((table) => table.name),
	);
});

test('each guess is listed once for a column, in the form that is looked up, and leads to the column', () => {
	for (const { name: table, columns } of TABLES) {
		const names = new Set(columns.map((column) => column.name));
		for (const { name } of columns) {
			const guesses = GUESSED_COLUMNS[name]!.split(' ');
			assert.equal(new Set(guesses).size, guesses.length, name);
			for (const guess of guesses) {
				assert.match(guess, /^[a-z][a-z0-9_]*$/, name);
				if (names.has(guess)) continue;
				const meant = [...names].filter((each) => GUESSED_COLUMNS[each]!.split(' ').includes(guess));
				const hint = hintOf(`SELECT t."${guess}" FROM ${table} t`);
				assert.match(hint, /^did you mean .+\?$/, `${guess} in ${table}`);
				// At most three are named.
				if (meant.length <= 3) assert.match(hint, new RegExp(`\\b${name}\\b`), `${guess} in ${table}`);
			}
		}
	}
});

test('a guessed column leads to the one that is meant, in any clause and spelling', () => {
	for (const [guess, hint] of [
		['latency', 'did you mean duration_ms or ttfb_ms?'],
		['status_code', 'did you mean status?'],
		['statusCode', 'did you mean status?'],
		['STATUS_CODE', 'did you mean status?'],
		['"status-code"', 'did you mean status?'],
		['body', 'did you mean res_body or req_body?'],
		['response_time', 'did you mean duration_ms?'],
		['verb', 'did you mean method?'],
		['timestamp', 'did you mean ts?'],
		['request_size', 'did you mean req_body_bytes?'],
	] as const) {
		assert.equal(hintOf(`SELECT ${guess} FROM exchanges`), hint);
		assert.equal(hintOf(`SELECT 1 FROM exchanges WHERE ${guess} > 1`), hint);
		assert.equal(hintOf(`SELECT 1 FROM exchanges e JOIN loss ON e.${guess} = 1`), hint);
		assert.equal(hintOf(`SELECT (SELECT ${guess}) FROM exchanges ORDER BY 1`), hint);
	}
	assert.equal(hintOf('SELECT value FROM headers'), 'did you mean header_value?');
	assert.equal(hintOf('SELECT id FROM headers'), 'did you mean exchange_id?');
	assert.equal(hintOf('SELECT size FROM events'), 'did you mean bytes?');
	assert.equal(hintOf('SELECT time FROM loss'), 'did you mean last_ts?');
});

test('a misspelt column and an unquoted text still get their own hints', () => {
	assert.equal(hintOf('SELECT methd FROM exchanges'), 'did you mean method?');
	// Three letters are enough for the beginning of a name; two are not.
	assert.equal(hintOf('SELECT rea FROM exchanges'), 'did you mean reason?');
	assert.doesNotMatch(hintOf('SELECT re FROM exchanges'), /reason/);
	assert.equal(hintOf('SELECT 1 FROM exchanges WHERE method = POST'), "write text in single quotes: 'POST'");
	assert.equal(
		hintOf('SELECT path FROM exchanges WHERE method = posted'),
		"DESCRIBE exchanges lists the columns; write text in single quotes: 'posted'",
	);
	assert.equal(hintOf('SELECT latency FROM (SELECT id FROM exchanges)'), "write text in single quotes: 'latency'");
	assert.equal(hintOf('SELECT 1 FROM exchanges WHERE path = "/x"'), "write text in single quotes: '/x'");
	// A name that is also near a column.
	const sendfile = "write text in single quotes: 'sendfile'; or did you mean via?";
	for (const condition of [
		'via = "sendfile"',
		'via = sendfile',
		'via IN (\'writev\', "sendfile")',
		'via LIKE sendfile',
		'via IS NOT "sendfile"',
		'via BETWEEN sendfile AND 1',
		'status = "sendfile"',
	])
		assert.equal(hintOf(`SELECT 1 FROM exchanges WHERE ${condition}`), sendfile, condition);
	assert.equal(hintOf('SELECT 1 FROM exchanges WHERE status = sendfile'), 'did you mean via?');
});

test('a guessed table leads to the one that is meant', () => {
	for (const [table, guesses] of Object.entries(GUESSED_TABLES)) {
		for (const guess of guesses.split(' ')) {
			assert.match(hintOf(`SELECT * FROM "${guess}"`), new RegExp(`^did you mean .*\\b${table}\\b.*\\?$`), guess);
			assert.match(hintOf(`DESCRIBE "${guess}"`), new RegExp(`\\b${table}\\b`), guess);
		}
	}
});

test('statements that are refused name commands and options that exist', () => {
	const commands = new Set(COMMANDS.map(({ name }) => `.${name}`));
	for (const word of [
		'SET',
		'SHOW',
		'PRAGMA',
		'USE',
		'SOURCE',
		'ATTACH',
		'DETACH',
		'BEGIN',
		'COMMIT',
		'UPDATE',
		'REPLACE',
		'ALTER',
	]) {
		const hint = hintOf(`${word} x = 1`);
		assert.notEqual(hint, '', word);
		for (const [command] of hint.matchAll(/(?<!\w)\.[a-z]+/g))
			assert.ok(commands.has(command), `${command} by ${word}`);
	}
	assert.match(hintOf('SET x = 1'), /--set name=value.*\.param name value/);
});

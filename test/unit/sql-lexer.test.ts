// Splitting SQL text into tokens and statements.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { classify, completionsAt, isComplete, prepare, splitStatements, tokenize } from '../../src/sql/sql.ts';
import { cpuMs } from '../../support/cpu-time.ts';
import { sampleTables } from '../../support/sql-sample.ts';
import { testDatabase } from '../../support/sql-table.ts';

const texts = (sql: string) => splitStatements(sql).map(({ text }) => text);

test('statements end at semicolons outside strings, names and comments', () => {
	assert.deepEqual(texts('SELECT \';\'; SELECT ";", [;], `;` -- ; \n, 1 /* ; */;'), [
		"SELECT ';'",
		'SELECT ";", [;], `;` -- ; \n, 1',
	]);
	assert.deepEqual(texts(' ;; -- nothing\n ; /* */'), []);
	assert.deepEqual(
		splitStatements('  SELECT 1;\n SELECT 2').map(({ start, complete }) => [start, complete]),
		[
			[2, true],
			[13, false],
		],
	);
});

test('a buffer is complete when its last statement has a semicolon and nothing is open', () => {
	for (const complete of [
		'',
		'SELECT 1;',
		'SELECT 1; -- done',
		"SELECT ';';",
		'SELECT 1; /* a */ ',
		"SELECT 'it''s';",
	]) {
		assert.equal(isComplete(complete), true, complete);
	}
	for (const open of [
		'SELECT 1',
		"SELECT ';",
		'SELECT "a;',
		'SELECT 1; /* ',
		'SELECT 1; SELECT',
		"SELECT 'it''s;",
		'SELECT [a;',
		'SELECT 1 -- ;',
	]) {
		assert.equal(isComplete(open), false, open);
	}
});

test('backslashes mean nothing in strings', () => {
	assert.deepEqual(texts("SELECT '\\'; SELECT 2;"), ["SELECT '\\'", 'SELECT 2']);
});

test('the tokens of any text cover all of it', () => {
	fc.assert(
		fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
			let at = 0;
			for (const token of tokenize(text)) {
				assert.equal(token.start, at);
				assert.ok(token.end > token.start);
				at = token.end;
			}
			assert.equal(at, text.length);
		}),
	);
});

test('hundreds of thousands of backslashes, quotes or brackets are tokenized in linear time', () => {
	for (const piece of ['\\', "'", '[', '/*', '(', '"a', '-', '.1', 'e', '`']) {
		const time = (count: number) => {
			const text = `'${piece.repeat(count)}`;
			const start = cpuMs();
			tokenize(text);
			return cpuMs() - start;
		};
		time(20_000);
		// Linear time is 16 times as long, quadratic time 256 times.
		assert.ok(time(320_000) < 80 * Math.max(1, time(20_000)), piece);
	}
});

test('numbers, operators and parameters are single tokens', () => {
	const kinds = (sql: string) =>
		tokenize(sql)
			.filter(({ kind }) => kind !== 'space')
			.map(({ kind, start, end }) => `${kind} ${sql.slice(start, end)}`);
	assert.deepEqual(kinds("1.5e-3 0x1F .5 a->>'b' :name x'00' 1a <> ::"), [
		'number 1.5e-3',
		'number 0x1F',
		'number .5',
		'word a',
		'operator ->>',
		"string 'b'",
		'parameter :name',
		"blob x'00'",
		'bad 1a',
		'operator <>',
		'operator ::',
	]);
});

test('tokens are classified for colouring', () => {
	const classes = classify("SELECT count(*) AS count, 'x' FROM t WHERE a = :p -- c").filter(
		(token) => token.class !== 'space',
	);
	assert.deepEqual(
		classes.map((token) => token.class),
		[
			'keyword',
			'function',
			'operator',
			'operator',
			'operator',
			'keyword',
			'name',
			'operator',
			'string',
			'keyword',
			'name',
			'keyword',
			'name',
			'operator',
			'parameter',
			'comment',
		],
	);
	assert.equal(classify("SELECT 'open").at(-1)!.class, 'bad');
});

const schema = testDatabase(sampleTables());
const completed = (text: string) =>
	completionsAt(text, text.length, schema).completions.map((completion) => completion.text);

test('completion offers tables after FROM, columns of the named tables, functions and keywords', () => {
	assert.deepEqual(completed('SELECT * FROM ex'), ['exchanges']);
	assert.deepEqual(completed('SELECT h.he'), []);
	assert.deepEqual(completed('SELECT * FROM exchanges e JOIN headers h ON h.he'), ['header_value']);
	assert.deepEqual(completed('SELECT path FROM exchanges e WHERE e.res_'), ['res_body_bytes']);
	assert.ok(completed('SELECT dur').includes('duration_ms'));
	assert.ok(completed('SELECT dur').includes('duration('));
	assert.ok(completed('SELECT 1 UN').includes('UNION ALL'));
	assert.deepEqual(completed("SELECT 'ex"), []);
	assert.deepEqual(completed('SELECT 1 -- ex'), []);
	assert.equal(completionsAt('SELECT sta FROM exchanges', 10, schema).start, 7);
});

test('a [ after a space begins a name unless a part of a value is in it; words begin with any letter', () => {
	const named = testDatabase([{ name: 't', columns: ['id json'], rows: [] }]);
	for (const name of ['the id', 'x', ':', 'a:b', '- 1'])
		assert.equal(prepare(`SELECT id [${name}] FROM t`, named).columns[0]!.name, name);
	for (const part of ["'a'", '0', '-1', ':p', ' 7 '])
		assert.notEqual(prepare(`SELECT id [${part}] FROM t`, named).columns[0]!.name, part);
	for (const [text, kind] of [
		['\u0080', 'word'],
		['\u00e9', 'word'],
		['_', 'word'],
		['\u00a0', 'space'],
		['\u007f', 'bad'],
	] as const)
		assert.equal(tokenize(text)[0]!.kind, kind, text);
});

// Statements that make alasql's own executor run code, read and write files or change prototypes. None of them may have
// any effect here. They run in a separate process, with the flags that tinytap runs with.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { errorOf, rowsOf } from '../../support/sql-run.ts';
import { sampleTables, seeded } from '../../support/sql-sample.ts';
import { testDatabase } from '../../support/sql-table.ts';

const CODE = "globalThis.marker=1,process.getBuiltinModule('fs').writeFileSync('MARKER','x')";

/** All of these are refused. `FILE` is a readable file, `MARKER` one that must not be created. */
const REFUSED = [
	'SELECT ``process.pid``',
	'CREATE FUNCTION f AS ``function(){return 1}``',
	`SELECT \`\`${CODE}\`\``,
	`CREATE FUNCTION f AS \`\`function(){${CODE}}\`\``,
	`SEARCH / WHERE(\`\`${CODE}\`\`) FROM exchanges`,
	`SELECT path->split('')->map('${CODE.replaceAll("'", "''")}'->split('~')->map(path->toString->constructor->bind(1,'a//'))->pop()) FROM exchanges`,
	'SELECT path->constructor->constructor FROM exchanges',
	'SELECT path->toString() FROM exchanges',
	'SELECT id->constructor FROM exchanges',
	"SOURCE 'FILE'",
	"SELECT * FROM CSV('FILE',{autoExt:false,headers:false,separator:':'})",
	"SELECT * FROM TXT('FILE')",
	"SELECT * FROM JSON('FILE')",
	"SELECT * FROM XLSX('FILE')",
	"SELECT * FROM TAB('FILE')",
	"SELECT * FROM 'FILE'",
	"SELECT * FROM FILE('FILE')",
	"SELECT * FROM TXT('http://127.0.0.1:1/')",
	"SELECT * FROM TXT('/nonexistent')",
	"SELECT * INTO CSV('MARKER') FROM exchanges",
	"SELECT * INTO JSON('MARKER') FROM exchanges",
	"SELECT * INTO TXT('MARKER') FROM exchanges",
	"SELECT * INTO SQL('MARKER') FROM exchanges",
	"SELECT * INTO XLSX('MARKER') FROM exchanges",
	'SELECT * INTO exchanges FROM headers',
	"CREATE FILESTORAGE DATABASE f('MARKER')",
	"ATTACH FILESTORAGE DATABASE f('FILE')",
	'ATTACH INDEXEDDB DATABASE f',
	'CREATE DATABASE f',
	'USE __proto__',
	'USE alasql',
	'CREATE TABLE t1 (__proto__ INT, a INT)',
	'CREATE TABLE constructor (a INT)',
	'INSERT INTO exchanges VALUES (1)',
	'UPDATE exchanges SET id = 1',
	'DELETE FROM exchanges',
	'DROP TABLE exchanges',
	'ALTER TABLE exchanges ADD COLUMN x INT',
	'WHILE 1=1 SELECT 1',
	'IF 1=1 SELECT 1',
	'BEGIN SELECT 1 END',
	'DECLARE @a INT',
	"SET @a = 'x'",
	'REQUIRE echarts',
	"ECHO 'x'",
	'PRINT 1',
	'ASSERT 1',
	'HELP',
	'SHOW DATABASES',
	'CREATE GRAPH #a',
	'CREATE VERTEX #a',
	'SELECT * FROM ?',
	'SELECT ? FROM exchanges',
	'SELECT @{a:1}',
	'SELECT @[1]',
	'SELECT {a:1}',
	'SELECT VALUE id FROM exchanges',
	'SELECT MATRIX * FROM exchanges',
	'SELECT id FROM exchanges PIVOT (sum(id) FOR method IN (GET))',
	'SELECT REMOVE COLUMNS id * FROM exchanges',
	'SELECT id FROM exchanges OUTER APPLY (SELECT 1)',
	'SELECT $a FROM exchanges',
	'SELECT NEW Date()',
	'SELECT constructor(1)',
	'SELECT __proto__(1)',
	'SELECT toString()',
	'SELECT eval(1)',
	"SELECT load_extension('x')",
	"SELECT readfile('FILE')",
	"SELECT writefile('MARKER', 'x')",
	"SELECT edit('x')",
	'SELECT Function(1)',
	'SELECT CONVERT(INT, 1)',
	'SELECT INTERVAL(1)',
	'EXPLAIN DELETE FROM exchanges',
	"WITH x AS (SOURCE 'FILE') SELECT 1",
	"SELECT (SELECT * FROM CSV('FILE'))",
	"SELECT * FROM exchanges WHERE id IN (SELECT * FROM TXT('FILE'))",
	'SELECT * FROM exchanges; DROP TABLE exchanges',
	'CREATE TRIGGER t AFTER INSERT ON exchanges ``process.exit(1)``',
	'SELECT * FROM __proto__',
	'SELECT exchanges.__proto__.x FROM exchanges',
	'SELECT __proto__ FROM exchanges',
];

/** Texts that alasql's executor would paste into code; here they are values, however they are quoted. */
const HARMLESS = [
	`'+(${CODE})+'`,
	'\\',
	`\\'+(${CODE})//`,
	`\n';${CODE};'`,
	`$\{${CODE}}`,
	`\`\`${CODE}\`\``,
	`"+(${CODE})+"`,
].flatMap((text) => {
	const literal = `'${text.replaceAll("'", "''")}'`;
	const name = `"${text.replaceAll('"', '""')}"`;
	return [
		`SELECT ${literal} IN (${literal}, 'x')`,
		`SELECT count(*) FROM exchanges WHERE path IN (${literal}) OR path LIKE ${literal} OR path = ${literal}`,
		`SELECT 1 AS ${name} ORDER BY ${name}`,
		`SELECT count(*) FROM exchanges GROUP BY ${literal} || conn HAVING ${literal} <> '' LIMIT 1`,
		`SELECT ${literal} ->> ${literal}, CASE ${literal} WHEN ${literal} THEN 1 END`,
	];
});

/** Random combinations of pieces of the attacks, always the same for the same seed. */
function mutations(count: number): string[] {
	const random = seeded(11);
	const pieces = REFUSED.flatMap((sql) => sql.split(/(?<=[\s(,])/));
	return Array.from({ length: count }, () => {
		const words = REFUSED[Math.floor(random() * REFUSED.length)]!.split(/(?<=[\s(,])/);
		for (let change = 0; change <= random() * 3; change++) {
			words.splice(
				Math.floor(random() * words.length),
				Math.floor(random() * 2),
				pieces[Math.floor(random() * pieces.length)]!,
			);
		}
		return random() < 0.5 ? words.join('') : `SELECT ${words.join('')}`;
	});
}

test('each statement of the attack list is refused without any effect', () => {
	const folder = mkdtempSync(join(tmpdir(), 'tinytap-attack-'));
	try {
		const file = join(folder, 'secret.txt');
		const marker = join(folder, 'marker.txt');
		writeFileSync(file, 'canary');
		const statements = [...REFUSED, ...HARMLESS, ...mutations(1500)].map((sql) =>
			sql.replaceAll('FILE', file).replaceAll('MARKER', marker),
		);
		const script = fileURLToPath(new URL('../../support/sql-attack-run.ts', import.meta.url));
		const flags = ['--import', 'tsx', '--disallow-code-generation-from-strings', '--disable-proto=delete'];
		const { stdout, stderr, status } = spawnSync(process.execPath, [...flags, script], {
			input: JSON.stringify(statements),
			encoding: 'utf8',
		});
		assert.equal(status, 0, stderr);
		const report = JSON.parse(stdout) as { outcomes: string[]; prototype: string[]; marker: boolean; alive: unknown };
		for (const [index, outcome] of report.outcomes.entries()) {
			const told = `${statements[index]}: ${outcome}`;
			if (index < REFUSED.length) assert.match(outcome, /^ERR_SQL_/, told);
			else if (index < REFUSED.length + HARMLESS.length) assert.match(outcome, /^ 1 rows/, told);
			// Some mutations are harmless queries.
			else assert.doesNotMatch(outcome, /^crash|canary/, told);
		}
		assert.deepEqual(
			report.prototype,
			Object.getOwnPropertyNames(Object.prototype).filter((name) => name !== '__proto__'),
		);
		assert.equal(report.marker, false);
		assert.deepEqual(report.alive, [[1]]);
		assert.equal(existsSync(marker), false);
		assert.deepEqual(readdirSync(folder), ['secret.txt']);
		assert.equal(readFileSync(file, 'utf8'), 'canary');
	} finally {
		rmSync(folder, { recursive: true });
	}
});

const database = testDatabase(sampleTables());

test('hostile texts in rows are only values', () => {
	const texts = [
		"'; DROP TABLE x; --",
		'__proto__',
		'constructor',
		'``1``',
		'\\',
		"\\'",
		'\u2028',
		'\u0000',
		'$' + '{1}',
		'%s',
		'{"__proto__":{"x":1}}',
	];
	const hostile = testDatabase([
		{
			name: 't',
			columns: ['id int', 'x text', 'y text#', 'j json'],
			rows: texts.map((text, id) => [id, text, text, JSON.stringify({ [text]: text })]),
		},
	]);
	for (const [id, text] of texts.entries()) {
		const literal = `'${text.replaceAll("'", "''")}'`;
		assert.deepEqual(
			rowsOf(
				`SELECT id FROM t WHERE x = ${literal} AND y = ${literal} AND x IN (${literal}) AND y LIKE ${literal.replaceAll('%', '!%')} ESCAPE '!'`,
				hostile,
			),
			[[id]],
			text,
		);
	}
	assert.deepEqual(
		rowsOf('SELECT x, count(*) FROM t GROUP BY x ORDER BY min(id)', hostile),
		texts.map((text) => [text, 1]),
	);
	assert.deepEqual(
		rowsOf('SELECT DISTINCT y FROM t ORDER BY id', hostile),
		texts.map((text) => [text]),
	);
	assert.deepEqual(rowsOf('SELECT json_group_object(x, 1) FROM t WHERE id = 1', hostile), [['{"__proto__":1}']]);
	assert.equal(({} as { x?: unknown }).x, undefined);
});

test('hostile names of columns and aliases are only names', () => {
	for (const name of ['__proto__', 'constructor', 'a"b', 'a b', '``x``', "it's", '*', '1', '', 'SELECT']) {
		const quoted = `"${name.replaceAll('"', '""')}"`;
		assert.deepEqual(
			rowsOf(
				`SELECT ${quoted}.${quoted} FROM (SELECT id AS ${quoted} FROM exchanges WHERE id = 1) AS ${quoted} WHERE ${quoted} = 1 ORDER BY ${quoted}`,
				database,
			),
			[[1]],
			name,
		);
	}
});

test('a mistake in one statement does not affect the next', () => {
	for (const bad of [
		'SELECT (SELECT 1 FROM',
		'SELECT EXISTS (SELECT 1) FROM exchanges WHERE',
		'SELECT 1 FROM exchanges JOIN exchanges ON 1 ON 2',
	]) {
		errorOf(bad, database);
		assert.deepEqual(rowsOf('SELECT (SELECT 2), EXISTS (SELECT 3)', database), [[2, 1]]);
	}
});

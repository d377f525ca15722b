// What the editor learns about a text: what can follow at its end, the classes of its tokens, matching brackets.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bracketsAt, classify, completionsAt } from '../../src/sql/sql-light.ts';
import { testDatabase } from '../../support/sql-table.ts';

const schema = testDatabase([
	{ name: 'exchanges', columns: ['id int', 'path text', 'ts datetime'], rows: [] },
	{ name: 'headers', columns: ['name text'], rows: [] },
]);

/** The keywords and aliases that can follow, and the kinds of names. */
function follow(text: string): string {
	const { completions } = completionsAt(text, text.length, schema);
	const shown = completions.map(({ kind, text: word }) =>
		kind === 'keyword' ? word : kind === 'alias' ? `=${word}` : `<${kind}>`,
	);
	return [...new Set(shown)].join(' ');
}

const OPERANDS = 'NOT NULL TRUE FALSE CASE CAST EXISTS INTERVAL';
const OPERATORS =
	'AND OR NOT IN BETWEEN LIKE ILIKE GLOB REGEXP ESCAPE IS NULL IS NOT NULL IS DISTINCT FROM COLLATE AT TIME ZONE';
const JOINS = 'JOIN LEFT JOIN RIGHT JOIN FULL JOIN CROSS JOIN NATURAL JOIN';
const UNIONS = 'UNION UNION ALL INTERSECT EXCEPT';
const CLAUSES = `GROUP BY GROUP BY ALL HAVING WINDOW ORDER BY ORDER BY ALL LIMIT OFFSET ${UNIONS}`;

const FOLLOW: readonly (readonly [text: string, follows: string])[] = [
	[
		'',
		'SELECT FROM WITH EXPLAIN DESCRIBE SUMMARIZE VALUES CREATE VIEW CREATE TEMP TABLE DROP VIEW DROP TABLE INSERT INTO DELETE FROM ATTACH DETACH',
	],
	['SELECT ', `<column> <function> ${OPERANDS} DISTINCT`],
	['SELECT id ', `${OPERATORS} AS FROM WHERE ORDER BY LIMIT ${UNIONS}`],
	['SELECT * ', `EXCLUDE REPLACE AS FROM WHERE ORDER BY LIMIT ${UNIONS}`],
	['SELECT * EXCLUDE ', ''],
	['SELECT * EXCLUDE (', '<column>'],
	['SELECT id AS ', ''],
	['SELECT id AS n ', `${OPERATORS} AS FROM WHERE ORDER BY LIMIT ${UNIONS}`],
	['SELECT count(', `<column> <function> ${OPERANDS} DISTINCT`],
	['SELECT count(*) ', `${OPERATORS} FILTER OVER WITHIN GROUP AS FROM WHERE ORDER BY LIMIT ${UNIONS}`],
	['SELECT count(*) OVER ', ''],
	['SELECT count(*) OVER (', 'PARTITION BY ORDER BY ROWS RANGE GROUPS'],
	['SELECT sum(id) OVER (ORDER BY id ', `${OPERATORS} ASC DESC NULLS FIRST NULLS LAST ORDER BY ROWS RANGE GROUPS`],
	['SELECT sum(id) OVER (ORDER BY id ROWS ', `<column> <function> ${OPERANDS} BETWEEN UNBOUNDED CURRENT ROW`],
	[
		'SELECT sum(id) OVER (ROWS BETWEEN 1 PRECEDING AND ',
		`<column> <function> ${OPERANDS} BETWEEN UNBOUNDED CURRENT ROW`,
	],
	['SELECT max(id) FROM exchanges HAVING ', `<column> =exchanges <function> ${OPERANDS}`],
	['SELECT id IS NOT DISTINCT ', 'FROM'],
	['SELECT j. FROM exchanges, json_each(path) j', ''],
	['SELECT CASE ', `<column> <function> ${OPERANDS} WHEN`],
	['SELECT CASE WHEN id ', `${OPERATORS} WHEN THEN ELSE END`],
	['SELECT CAST(id ', `${OPERATORS} AS`],
	['SELECT CAST(id AS ', 'INTEGER REAL TEXT BLOB DATE TIME DATETIME INTERVAL JSON'],
	['SELECT id::', 'INTEGER REAL TEXT BLOB DATE TIME DATETIME INTERVAL JSON'],
	['SELECT (', `<column> <function> ${OPERANDS} SELECT FROM WITH VALUES`],
	['SELECT (SELECT 1) ', `${OPERATORS} AS FROM WHERE ORDER BY LIMIT ${UNIONS}`],
	['FROM ', '<table> <function>'],
	['SELECT id FROM exchanges ', `AS ${JOINS} ON USING WHERE ${CLAUSES}`],
	['SELECT id FROM exchanges e ', `AS ${JOINS} ON USING WHERE ${CLAUSES}`],
	['SELECT id FROM exchanges AS ', ''],
	['SELECT id FROM exchanges, ', '<table> <function>'],
	['SELECT id FROM exchanges LEFT ', 'JOIN OUTER JOIN'],
	['SELECT id FROM exchanges JOIN ', '<table> <function>'],
	['SELECT id FROM exchanges JOIN headers USING (', '<column>'],
	['SELECT id FROM exchanges JOIN headers ON ', `<column> =exchanges =headers <function> ${OPERANDS}`],
	['SELECT id FROM exchanges JOIN headers ON 1 ', `${OPERATORS} ${JOINS} WHERE ${CLAUSES}`],
	['SELECT id FROM exchanges, json_each(path) ', `AS ${JOINS} ON USING WHERE ${CLAUSES}`],
	['SELECT id FROM (SELECT 1) ', `AS ${JOINS} ON USING WHERE ${CLAUSES}`],
	['SELECT id FROM exchanges WHERE ', `<column> =exchanges <function> ${OPERANDS}`],
	['SELECT id FROM exchanges WHERE id ', `${OPERATORS} ${CLAUSES}`],
	['SELECT id FROM exchanges WHERE id NOT ', 'IN LIKE ILIKE GLOB REGEXP BETWEEN EXISTS'],
	['SELECT id FROM exchanges WHERE id IS ', 'NULL NOT NULL DISTINCT FROM NOT DISTINCT FROM'],
	['SELECT id FROM exchanges WHERE id IS DISTINCT ', 'FROM'],
	['SELECT id FROM exchanges WHERE id IS DISTINCT FROM ', `<column> =exchanges <function> ${OPERANDS}`],
	['SELECT id FROM exchanges WHERE id IN (', `<column> =exchanges <function> ${OPERANDS} SELECT FROM WITH VALUES`],
	['SELECT id FROM exchanges WHERE EXISTS (', 'SELECT FROM WITH VALUES'],
	["SELECT id FROM exchanges WHERE path LIKE 'a' ", `${OPERATORS} ${CLAUSES}`],
	['SELECT id FROM exchanges GROUP ', 'BY BY ALL'],
	['SELECT id FROM exchanges GROUP BY ', `<column> =exchanges <function> ${OPERANDS} ALL`],
	['SELECT id AS n FROM exchanges GROUP BY id HAVING ', `<column> =exchanges =n <function> ${OPERANDS}`],
	['SELECT id FROM exchanges GROUP BY id ', `${OPERATORS} HAVING WINDOW ORDER BY ORDER BY ALL LIMIT OFFSET ${UNIONS}`],
	['SELECT id FROM exchanges ORDER BY id ', `${OPERATORS} ASC DESC NULLS FIRST NULLS LAST LIMIT OFFSET ${UNIONS}`],
	['SELECT id FROM exchanges LIMIT 1 ', 'OFFSET'],
	['SELECT 1 UNION ', 'SELECT FROM WITH VALUES ALL'],
	['SELECT 1 UNION ALL ', 'SELECT FROM WITH VALUES'],
	['SELECT DISTINCT ', `<column> <function> ${OPERANDS}`],
	['WITH ', ''],
	['WITH a ', 'AS'],
	['WITH a AS ', ''],
	['WITH a AS (', 'SELECT FROM WITH VALUES'],
	['WITH a AS (SELECT 1) ', 'SELECT FROM WITH VALUES'],
	['WITH a AS (SELECT 1), ', ''],
	['WITH RECURSIVE ', ''],
	['WITH a(', ''],
	['WITH a(n) ', 'AS'],
	[
		'EXPLAIN ',
		'SELECT FROM WITH VALUES EXPLAIN DESCRIBE SUMMARIZE CREATE VIEW CREATE TEMP TABLE DROP VIEW DROP TABLE INSERT INTO DELETE FROM QUERY PLAN',
	],
	['EXPLAIN QUERY ', 'SELECT FROM WITH VALUES PLAN'],
	['DESCRIBE ', '<table> SELECT FROM WITH VALUES'],
	['SUMMARIZE ', '<table> SELECT FROM WITH VALUES'],
	['CREATE ', 'VIEW TEMP TABLE'],
	['CREATE VIEW v ', 'AS'],
	['CREATE VIEW v AS ', 'SELECT FROM WITH VALUES'],
	['DROP ', 'VIEW TABLE'],
	['DROP VIEW ', ''],
	['DROP VIEW IF EXISTS ', ''],
	['INSERT INTO ', ''],
	['INSERT INTO t ', 'SELECT FROM WITH VALUES'],
	['INSERT INTO t (', '<column>'],
	['DELETE FROM ', ''],
	['DELETE FROM t ', 'WHERE'],
	[
		'SELECT 1; ',
		'SELECT FROM WITH EXPLAIN DESCRIBE SUMMARIZE VALUES CREATE VIEW CREATE TEMP TABLE DROP VIEW DROP TABLE INSERT INTO DELETE FROM ATTACH DETACH',
	],
	['SELECT 1; DR', 'DROP VIEW DROP TABLE'],
	['SELECT e. FROM exchanges e', 'ESCAPE EXCEPT'],
	['SELECT extract(hour FROM ', `<column> <function> ${OPERANDS}`],
	["SELECT 'a", ''],
	['SELECT 1 -- ', ''],
	['SELECT 1 /* a */ ', `${OPERATORS} AS FROM WHERE ORDER BY LIMIT ${UNIONS}`],
	['SELECT sel', ''],
	['SELECT id FROM exchanges WINDOW ', ''],
	['SELECT id FROM exchanges WINDOW w ', 'AS'],
	['SELECT id FROM exchanges WINDOW w AS (', 'PARTITION BY ORDER BY ROWS RANGE GROUPS'],
];

for (const [text, follows] of FOLLOW) {
	test(`what can follow: ${text}`, () => {
		assert.equal(follow(text), follows);
	});
}

/** A letter for each class; spaces are kept. */
const LETTERS = {
	keyword: 'K',
	function: 'F',
	name: 'n',
	unknown: 'U',
	string: 's',
	number: '1',
	parameter: 'p',
	operator: 'o',
	comment: 'c',
	space: ' ',
	bad: 'B',
};

test('each token of a text has its class, and unknown names are those that nothing defines', () => {
	for (const [text, classes] of [
		['SELECT count(*) FROM exchanges', 'K Fooo K n'],
		["SELECT id, e.path, 'a', 1.5, :p FROM exchanges AS e -- all", 'K no nono so 1o p K n K n c'],
		['SELECT idd, count FROM exchangess', 'K Uo U K U'],
		['WITH a AS (SELECT 1 AS one) SELECT one, two FROM a', 'K n K oK 1 K no K no U K n'],
		['SELECT "id", "no", "open', 'K no no B'],
		["SELECT x'00', 'open", 'K so B'],
		['SELECT [1], 12ab', 'K Uo B'],
	] as const) {
		const shown = classify(text, schema)
			.map((token) => LETTERS[token.class])
			.join('');
		assert.equal(shown, classes, text);
		assert.ok(classify(text).every((token) => token.class !== 'unknown'));
	}
});

test('values belong after a comparison with a column, in its list, and after the headers of a message', () => {
	for (const [text, column] of [
		['SELECT id FROM exchanges WHERE path = ', 'exchanges.path'],
		["SELECT id FROM exchanges WHERE path IN ('a', ", 'exchanges.path'],
		["SELECT req_headers['", 'headers.name request'],
		["SELECT res_headers['", 'headers.name response'],
		["SELECT res_headers ->> '", 'headers.name response'],
		["SELECT path['", undefined],
		["SELECT lower('", undefined],
	] as const) {
		const { values } = completionsAt(text, text.length, schema);
		const shown = values && [`${values.table}.${values.column}`, ...(values.where?.slice(1) ?? [])].join(' ');
		assert.equal(shown, column, text);
	}
});

test('words that only follow other keywords are keywords, and so is each word of a phrase', () => {
	const words = 'OUTER INNER ALL OR REPLACE IF DESC TEMPORARY RECURSIVE ISNULL NOTNULL QUERY PLAN UNION BY ZONE';
	for (const word of words.split(' ')) assert.deepEqual(classify(word, schema)[0]!.class, 'keyword', word);
});

test('a name without AS after an operand is defined, and a bracket may be open', () => {
	const classes = (text: string) =>
		classify(text, schema)
			.filter((token) => token.class !== 'space')
			.map((token) => LETTERS[token.class])
			.join('');
	assert.equal(classes('SELECT id + 1 one FROM exchanges ORDER BY one, two'), 'Kno1nKnKKnoU');
	const text = 'SELECT  FROM exchanges, json_each(path';
	const names = completionsAt(text, 'SELECT '.length, schema).completions.map((each) => each.text);
	assert.ok(names.includes('path'), names.join(' '));
	// What is in a text is no table of the query.
	const other = completionsAt("SELECT  WHERE 'headers' = ''", 'SELECT '.length, schema).completions;
	assert.ok(!other.some((each) => each.kind === 'alias'), other.map((each) => each.text).join(' '));
});

test('brackets that belong together are found from either side of either of them', () => {
	const text = "f(a[1], '(', (b)) /* ) */ )";
	for (const [cursor, brackets] of [
		[0, []],
		[1, [1, 16]],
		[2, [1, 16]],
		[3, [3, 5]],
		[5, [3, 5]],
		[6, [3, 5]],
		[9, []],
		[13, [13, 15]],
		[14, [13, 15]],
		[15, [13, 15]],
		[16, [13, 15]],
		[17, [1, 16]],
		[27, []],
	] as const) {
		assert.deepEqual(bracketsAt(text, classify(text), cursor), brackets, String(cursor));
	}
	assert.deepEqual(bracketsAt('(a]', classify('(a]'), 1), []);
	assert.deepEqual(bracketsAt('[a)', classify('[a)'), 1), []);
});

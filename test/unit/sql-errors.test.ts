// Errors in SQL text: one sentence, a position, a hint.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { errorLine, prepare, SqlError } from '../../src/sql/sql.ts';
import { errorOf, rowsOf } from '../../support/sql-run.ts';
import { sampleTables } from '../../support/sql-sample.ts';
import { testDatabase } from '../../support/sql-table.ts';

const database = testDatabase(sampleTables());

/** A statement with ‸ before its mistake, the message, the hint. */
const MISTAKES: readonly (readonly [sql: string, message: RegExp, hint?: RegExp])[] = [
	['SELECT ‸', /expected an expression, got the end/],
	['SELECT * FROM ‸', /expected a table or a subquery, got the end/],
	['SELECT id, ‸FROM exchanges', /expected an expression, got FROM/],
	['SELECT * ‸FORM exchanges', /got FORM/, /did you mean FROM/],
	['SELECT id FROM exchanges ‸WERE id = 1', /got WERE/, /did you mean WHERE/],
	['‸SELCT 1', /expected a statement such as SELECT/, /did you mean SELECT/],
	['SELECT ‸methd FROM exchanges', /unknown column methd/, /did you mean method/],
	['SELECT ‸duration FROM exchanges', /unknown column duration/, /did you mean duration_ms/],
	['SELECT ‸e.methd FROM exchanges e', /unknown column methd in e/, /did you mean method/],
	['SELECT ‸x.id FROM exchanges e', /unknown table x/, /tables here: e/],
	['SELECT id FROM ‸exchange', /unknown table exchange/, /did you mean exchanges/],
	['SELECT id FROM exchanges WHERE method = ‸GET', /unknown column GET/, /single quotes: 'GET'/],
	['SELECT id FROM exchanges WHERE method = ‸"GET"', /unknown column GET/, /single quotes: 'GET'/],
	['SELECT ‸lenght(path) FROM exchanges', /unknown function lenght/, /did you mean length/],
	['SELECT ‸req_headers.host FROM exchanges', /unknown table req_headers/, /req_headers->>'host'/],
	["SELECT ‸'abc ", /a text that begins here is not closed/, /inside is written ''/],
	['SELECT 1 ‸/* x', /a comment that begins here is not closed/, /ends with \*\//],
	['SELECT ‸"abc', /a quoted name that begins here is not closed/, /ends with "/],
	['SELECT ‸order FROM exchanges', /expected an expression, got order/, /write "order"/],
	['SELECT id FROM exchanges WHERE id = 1 &‸& 1', /got "&"/, /AND/],
	["SELECT id FROM exchanges WHERE path ‸~ 'x'", /got "~"/, /REGEXP/],
	["SELECT date_trunc(‸'minut', ts) FROM exchanges", /unknown unit minut/, /did you mean minute/],
	["SELECT ts - interval ‸'5 minits' FROM exchanges", /expected an interval/, /'5 minutes'/],
	['SELECT TOP ‸5 * FROM exchanges', /got 5/, /LIMIT 5/],
	['SELECT id FROM exchanges ORDER BY id ‸FETCH FIRST 3 ROWS ONLY', /got FETCH/, /LIMIT 5/],
	['SELECT 2 ‸^ 10', /no meaning/, /power/],
	[
		'SELECT ‸stats FROM exchanges',
		/unknown column stats/,
		/did you mean status or state\?|did you mean state or status\?/,
	],
	['SELECT ‸dur FROM exchanges', /unknown column dur/, /did you mean duration_ms\?/],
	['SELECT ‸h.zzz FROM headers h', /unknown column zzz in h/, /columns of h: exchange_id, message/],
	['SELECT (1 + 2‸', /expected "\)" to close the parenthesis, got the end/],
	['SELECT CASE WHEN 1 THEN 2‸', /expected END to close CASE/],
	['SELECT 1 FROM exchanges WHERE 1 LIMIT 3 ‸WHERE 2', /got WHERE/],
	['SELECT id FROM exchanges GROUP ‸id', /expected BY after GROUP/],
	['SELECT id FROM exchanges ORDER BY ‸7', /column number from 1 to 1/],
	['SELECT ‸id FROM exchanges a, exchanges b', /in a and in b/, /write a\.id/],
	['SELECT id FROM exchanges WHERE ‸count(*) > 1', /count\(\) cannot be used in WHERE/, /HAVING/],
	['SELECT sum(‸sum(id)) FROM exchanges', /cannot be used in an aggregate's argument/],
	['SELECT 1 IN (‸SELECT 1, 2)', /one column/],
	['SELECT 1 UNION ‸SELECT 1, 2', /expected 1 columns on both sides of UNION, got 2/],
	['SELECT ‸12abc', /neither a number nor a name/],
	['SELECT ‸?', /no meaning/, /:name/],
	['SELECT 1‸; SELECT 2', /expected one statement/],
	['SELECT id FROM exchanges LIMIT 1 ‸UNION SELECT 2', /must come after the last SELECT/],
	["SELECT ‸['a', 'b']", /unknown column 'a', 'b'/, /json_array\('a', 'b'\) is a list/],
	["SELECT ‸ARRAY['a', 'b']", /ARRAY\[…\] is not supported/, /json_array/],
	["SELECT ‸{'a': 1}", /no meaning/, /json_object/],
	["SELECT id FROM exchanges WHERE method IN ‸['GET', 'PUT']", /expected "\(" after IN/, /IN \('a', 'b'\)/],
	['‸TABLE exchanges', /TABLE is not supported/, /FROM exchanges/],
	["‸COPY exchanges TO 'x.csv'", /COPY is not supported/, /--format csv/],
	["SELECT * FROM ‸'file.csv'", /expected a table, got a string/, /cannot read files/],
	["SELECT * FROM ‸CSV('/etc/passwd')", /is not a table/],
	['SELECT 1 ‸INTO x', /INTO is not supported/],
	['SELECT ‸(1, 2)', /row values/],
	['SELECT id COLLATE ‸nosuch FROM exchanges', /unknown collation nosuch/],
	[
		'SELECT rank() OVER (ORDER BY id ROWS ‸BETWEEN UNBOUNDED FOLLOWING AND CURRENT ROW) FROM exchanges',
		/frame cannot begin at its end/,
	],
	["SELECT ‸x'abc'", /pairs of hexadecimal digits/],
	['SELECT * FROM exchanges NATURAL JOIN ‸headers ON 1', /NATURAL/],
	['‸', /expected a statement, got nothing/],
];

describe('mistakes are reported in one sentence, with their position', () => {
	for (const [marked, message, hint] of MISTAKES) {
		test(marked, () => {
			const sql = marked.replace('‸', '');
			const error = errorOf(sql, database);
			assert.match(error.message, message);
			assert.doesNotMatch(error.message, /\n/);
			if (hint !== undefined) assert.match(error.hint ?? '', hint);
			assert.ok(error.code.startsWith('ERR_SQL_'));
			assert.equal(error.position, marked.indexOf('‸'), `${sql.slice(0, error.position)}‸`);
		});
	}
});

test('the mark is below the position, on any line', () => {
	const sql = 'SELECT id,\n\tmethd\nFROM exchanges';
	const error = errorOf(sql, database);
	assert.deepEqual(errorLine(sql, error.position!), { line: '\tmethd', column: 1 });
	assert.deepEqual(errorLine('SELECT', 6), { line: 'SELECT', column: 6 });
});

test('captured tables are read-only, and the error says what is possible', () => {
	for (const sql of [
		'DELETE FROM exchanges',
		'DROP TABLE exchanges',
		'INSERT INTO exchanges VALUES (1)',
		'UPDATE exchanges SET id = 1',
		'CREATE TEMP TABLE exchanges AS SELECT 1',
		'CREATE VIEW headers AS SELECT 1',
		'CREATE TABLE t AS SELECT 1',
		'ALTER TABLE exchanges RENAME TO x',
		'TRUNCATE TABLE exchanges',
		'REPLACE INTO exchanges VALUES (1)',
	]) {
		const error = errorOf(sql, database);
		assert.equal(error.code, 'ERR_SQL_READ_ONLY', sql);
		assert.match(error.message, /read-only|only temporary|cannot be made here/, sql);
	}
});

test('statements of other databases are refused with a hint at what to use instead', () => {
	for (const sql of [
		'ATTACH DATABASE x',
		'PRAGMA table_info(exchanges)',
		'SHOW TABLES',
		'USE x',
		'BEGIN',
		'COMMIT',
		"SOURCE 'x.sql'",
		'SET x = 1',
	]) {
		const error = errorOf(sql, database);
		assert.equal(error.code, 'ERR_SQL_UNSUPPORTED', sql);
		assert.ok(error.hint, sql);
	}
});

test('parsing fails only with a SqlError', () => {
	const words =
		'SELECT FROM WHERE GROUP BY ORDER LIMIT ( ) , . * + - id exchanges e AS JOIN ON USING UNION CASE WHEN THEN END IN NOT NULL IS LIKE 1 \'a\' "b" count OVER FILTER WITH VALUES BETWEEN AND OR DISTINCT HAVING EXISTS ; :p'.split(
			' ',
		);
	let state = 7;
	const next = (below: number) => {
		state = (Math.imul(state, 1103515245) + 12345) >>> 0;
		return (state >>> 8) % below;
	};
	let accepted = 0;
	for (let run = 0; run < 3000; run++) {
		const sql = `SELECT ${Array.from({ length: next(12) }, () => words[next(words.length)]).join(' ')}`;
		try {
			prepare(sql, database);
			accepted++;
		} catch (error) {
			assert.ok(error instanceof SqlError, `${sql}: ${error instanceof Error ? error.stack : error}`);
		}
	}
	assert.ok(accepted > 0);
});

test('mistyped and misplaced words of clauses are named', () => {
	for (const [word, sql] of [
		['WHERE', 'SELECT id FROM exchanges WHRE id = 1'],
		['GROUP', 'SELECT id FROM exchanges WHERE 1 GRUP BY id'],
		['HAVING', 'SELECT id FROM exchanges GROUP BY id HVING id'],
		['ORDER', 'SELECT id FROM exchanges WHERE 1 ODER BY id'],
		['LIMIT', 'SELECT id FROM exchanges ORDER BY id LMIT 5'],
		['UNION', 'SELECT id FROM exchanges WHERE 1 UNIN SELECT 1'],
		['OFFSET', 'SELECT id FROM exchanges LIMIT 1 OFSET 5'],
	] as const)
		assert.match(errorOf(sql, database).hint ?? '', new RegExp(`did you mean ${word}`), sql);
	for (const word of 'FROM WHERE HAVING LIMIT UNION ON AND OR THEN AS'.split(' '))
		assert.match(errorOf(`SELECT 1 + ${word}`, database).message, new RegExp(`expected an expression, got ${word}`));
	assert.match(
		errorOf('CREATE VIEW select AS SELECT 1', database).hint ?? '',
		/to use select as a name, write "select"/,
	);
	assert.equal(errorOf('CREATE VIEW 5 AS SELECT 1', database).hint, undefined);
});

test('functions of other databases are known by name, with what to write here', () => {
	for (const [names, hint] of [
		['year quarter month week day hour minute second dayofweek dayofyear', /^extract\(\w+ FROM ts\)/],
		['date_add dateadd date_sub adddate subdate timestampadd', /interval '5 minutes'/],
		['date_diff datediff timestampdiff age', /a - b/],
		['timezone convert_tz convert_timezone from_utc_timestamp to_utc_timestamp', /AT TIME ZONE/],
		['to_date str_to_date strptime make_date make_timestamp parse_timestamp', /::date/],
		['curdate curtime sysdate getutcdate localtimestamp utc_timestamp today getdate', /now\(\)/],
		['date_format to_char', /strftime/],
		['strpos position charindex', /instr/],
		['regexp_like regexp_matches', /REGEXP/],
		['regexp_substr regexp_extract_all', /regexp_extract/],
		['regexp_split_to_array string_split str_split', /split_part/],
		['urldecode urlencode', /url_(de|en)code/],
		['nvl isnull', /coalesce/],
		['unnest explode flatten json_array_elements', /json_each/],
		['generate_series range', /WITH RECURSIVE/],
		['array_agg list', /json_group_array/],
		['quantile approx_percentile', /percentile/],
		['md5 sha256', /no hash functions/],
		['greatest any_value', /max/],
		['least first', /min/],
	] as const)
		for (const name of names.split(' ')) assert.match(errorOf(`SELECT ${name}(1)`).hint ?? '', hint, name);
});

test('what other databases write in this place has a hint with what to write here', () => {
	for (const [marked, hint] of [
		['SELECT 7 /‸/ 2', /7 \/ 2 is 3/],
		['SELECT id, ‸FROM exchanges', /remove the comma/],
		['SELECT DISTINCT ‸ON (method) method FROM exchanges', /row_number\(\) OVER/],
		['SELECT id FROM exchanges OFFSET 3 ‸ROWS FETCH FIRST 2 ROWS ONLY', /LIMIT 2 OFFSET 3/],
		["SELECT id FROM exchanges WHERE path ‸SIMILAR TO 'x'", /REGEXP/],
		['FROM exchanges WHERE status = 500 ‸SELECT count(*)', /FROM table SELECT … WHERE/],
		['SELECT id FROM exchanges WHERE id IN ‸SELECT 1', /in parentheses/],
		['SELECT 1 ‸SELECT 2', /ends with ;/],
		['SELECT ‸$1', /:name/],
		['SELECT id FROM exchanges WHERE ts > -‸5m', /'5m'$/],
		['SELECT make_interval(days =‸> 3)', />=/],
		['SELECT now()::date - ‸7', /- interval '7 days'$/],
		['SELECT now()::date + ‸1', /interval '1 day'$/],
		["SELECT duration_ms + ‸'5 apples' FROM exchanges", /such as 10ms or 1.5s/],
		["SELECT id FROM exchanges WHERE res_body_bytes > ‸'1KiB'", /write the number: 1024$/],
		["SELECT id FROM exchanges WHERE res_body_bytes > ‸'1.5 MB'", /write the number: 1500000$/],
		['S‸\0E\0', /UTF-8/],
		["SELECT '{}'::json‸.a FROM exchanges", /\['a'\]$/],
		[`SELECT req_headers['x']‸."it's" FROM exchanges`, /\['it''s'\]$/],
		['SELECT * FROM exchanges e, ‸query_params(e.path) q', /json_each\(query_params\(…\)\)/],
		['SELECT * EXCLUDE (‸nope) FROM exchanges', /^\* stands for id, ts, .* … \(15 columns\)$/],
		['SELECT * EXCLUDE (‸methd) FROM exchanges', /^did you mean method\?$/],
		['SELECT path‸::bool FROM exchanges', /x = 'true'/],
		["SELECT 'maybe'‸::boolean", /'yes' or 'no'/],
	] as const) {
		const error = errorOf(marked.replace('‸', ''), database);
		assert.match(error.hint ?? '', hint, marked);
		if (!marked.includes('::bool')) assert.equal(error.position, marked.indexOf('‸'), marked);
	}
	// No hint is better than a wrong one.
	assert.equal(errorOf('SELECT sum(id) OVER (ORDER BY id ROWS 5) FROM exchanges', database).hint, undefined);
	assert.match(errorOf('SELECT isnull FROM exchanges', database).hint ?? '', /to use isnull as a name/);
});

test('texts that mean true or false are booleans', () => {
	for (const [text, value] of [
		...['true', 'T', ' yes ', 'y', 'on', '1'].map((each) => [each, 1] as const),
		...['false', 'F', 'no', 'n', 'OFF', '0'].map((each) => [each, 0] as const),
	])
		assert.deepEqual(rowsOf(`SELECT '${text}'::bool, CAST('${text}' AS BOOLEAN)`), [[value, value]], text);
	assert.deepEqual(rowsOf('SELECT 5::bool, NULL::bool, 1.5::bool'), [[5, null, 1.5]]);
});

// Statements with random mistakes: each soon ends with rows or with an error message for people.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
	classify,
	completionsAt,
	errorLine,
	executeSync,
	prepare,
	Session,
	SqlError,
	splitStatements,
} from '../../src/sql/sql.ts';
import { grammarQuery } from '../../support/sql-grammar.ts';
import { writtenQueries } from '../../support/sql-oracle.ts';
import { sampleTables, seeded } from '../../support/sql-sample.ts';
import { testDatabase } from '../../support/sql-table.ts';

const COUNT = 3000;

const database = testDatabase(sampleTables());
const STATEMENTS = [
	...writtenQueries(readFileSync(new URL('../fixtures/sql/queries.sql', import.meta.url), 'utf8')),
	'CREATE VIEW v AS SELECT 1',
	'CREATE TEMP TABLE t AS SELECT id, path FROM exchanges',
	'DROP VIEW IF EXISTS v',
	"INSERT INTO t VALUES (1, 'a')",
	'DELETE FROM t WHERE id = 1',
	'EXPLAIN SELECT * FROM exchanges',
	'DESCRIBE exchanges',
	'SELECT :a, :b',
	'FROM exchanges SELECT method, count(*) GROUP BY ALL ORDER BY ALL DESC',
	'SELECT * EXCLUDE (id, path) REPLACE (upper(method) AS method) FROM exchanges',
	'SELECT * FROM (SUMMARIZE exchanges) WHERE count > 1',
	'DESCRIBE SELECT id, path FROM exchanges',
	'SELECT method, percentile_cont(0.5) WITHIN GROUP (ORDER BY id DESC) FROM exchanges GROUP BY method',
	"SELECT e.id, j.key FROM exchanges e LEFT JOIN json_each(e.req_headers) j ON j.key = 'host'",
	"SELECT req_headers['host'], '[1]'::json[0], regexp_replace(path, '(\\d+)', ':id', 'g') FROM exchanges",
];
const PIECES = /\w+|'[^']*'|\s+|[^\s\w]/g;
const WORDS = [...new Set(STATEMENTS.flatMap((sql) => sql.match(PIECES) ?? []))];
const JUNK = [
	'\0',
	'\u2028',
	'\\',
	'"',
	'`',
	'[',
	'$',
	'@',
	'#',
	'?',
	'{',
	'}',
	'/*',
	'--',
	'::',
	'->',
	'||',
	'\u{1f600}',
	';',
	'``',
	'0x',
	'1e',
	'1e999',
	"'",
	"x'0",
	':',
	'CASE',
	'END',
	'OVER',
	'((((',
	')',
	'AS',
	'SELECT',
	'FROM',
	'COLLATE',
	'FILTER',
	'%',
	'!',
	'~',
	'^',
	'\ufeff',
];

/** The statement with one to four changes. */
function mutated(sql: string, random: () => number): string {
	const below = (count: number) => Math.floor(random() * count);
	const pick = (list: readonly string[]) => list[below(list.length)]!;
	let text = sql.slice(0, 700);
	for (let changes = 1 + below(4); changes > 0; changes--) {
		const pieces = text.match(PIECES) ?? [];
		const at = below(pieces.length + 1);
		const change = below(7);
		if (change === 0) pieces.splice(at, 1);
		else if (change === 1) pieces.splice(at, 0, `${pick(WORDS)} `);
		else if (change === 2) pieces[at] = pick(WORDS);
		else if (change === 3) pieces.splice(at, 0, pick(JUNK));
		else if (change === 4) pieces.splice(at, below(6), ...pieces.slice(below(pieces.length + 1)).slice(0, 6));
		else if (change === 5) pieces.reverse();
		else pieces.length = at;
		text = pieces.join('');
	}
	return text;
}

test('a statement with mistakes gives rows or one sentence with a code and a position, never a crash', () => {
	const random = seeded(5);
	const outcomes = new Map<string, number>();
	for (let number = 0; number < COUNT; number++) {
		const original = random() < 0.5 ? STATEMENTS[Math.floor(random() * STATEMENTS.length)]! : grammarQuery(random);
		const sql = mutated(original, random);
		const session = new Session();
		let outcome = 'rows';
		try {
			splitStatements(sql);
			classify(sql);
			completionsAt(sql, Math.floor(random() * sql.length), database);
			executeSync(prepare(sql, database, session), database, { session, parameters: new Map([['a', 1]]) });
		} catch (error) {
			if (!(error instanceof SqlError)) throw new Error(`a crash by ${JSON.stringify(sql)}`, { cause: error });
			outcome = error.code;
			assert.ok(error.message.length < 300, sql);
			assert.doesNotMatch(error.message, /undefined|\[object|\.ts\b|alasql/, sql);
			if (error.position !== undefined) {
				assert.ok(error.position >= 0 && error.position <= sql.length, `${error.position} in ${sql}`);
				errorLine(sql, error.position);
			}
		}
		outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
	}
	// The mutations must get beyond the parser.
	for (const wanted of ['rows', 'ERR_SQL_SYNTAX', 'ERR_SQL_NAME', 'ERR_SQL_UNSUPPORTED', 'ERR_SQL_FUNCTION'])
		assert.ok((outcomes.get(wanted) ?? 0) > 0, `none ended with ${wanted}`);
});

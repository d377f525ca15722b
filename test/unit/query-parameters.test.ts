// Headers of saved queries and scripts, and the values of their parameters.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { processUser } from '../../src/base/invoking-user.ts';
import { readHeader } from '../../src/shell/query-header.ts';
import { projectQueriesText, queriesText } from '../../src/shell/query-list.ts';
import { namedScript, scriptValues } from '../../src/shell/query-values.ts';
import { savedText } from '../../src/shell/saved-text.ts';
import type { ParameterValue } from '../../src/store/table.ts';
import { temporaryDirectory } from '../../support/servers.ts';
import { scalarOf } from '../../support/sql-run.ts';

const directory = temporaryDirectory();
after(directory.remove);

const HEADER = `\ufeff-- Slow requests of a host\r
--\r
-- Requests that took
-- longer than they should.
--
-- Second paragraph.
-- :host text  which host
-- :over duration = 1s only slower ones

-- :note text = 'it''s = fine' 
-- :since datetime = NULL
-- chart: bar ms by host
-- CHART: line ms
SELECT 1 -- :late int = 1
-- :later int
`;

test('a header has a title, paragraphs, parameters and charts, and ends where the statement begins', () => {
	const { parameters, ...rest } = readHeader(HEADER, 'x.sql');
	assert.deepEqual(rest, {
		title: 'Slow requests of a host',
		description: 'Requests that took longer than they should.\nSecond paragraph.',
		charts: ['bar ms by host', 'line ms'],
	});
	assert.deepEqual(
		parameters.map(({ name, type, written, value, description }) => [name, type, written, value, description]),
		[
			['host', 'text', undefined, undefined, 'which host'],
			['over', 'duration', '1s', '1s', 'only slower ones'],
			['note', 'text', "'it''s = fine'", "it's = fine", ''],
			['since', 'datetime', 'NULL', null, ''],
		],
	);
	for (const text of ['', 'SELECT 1', '\n\nSELECT 1', '--\n--\n'])
		assert.deepEqual(readHeader(text, 'x'), { title: '', description: '', parameters: [], charts: [] }, text);
	assert.equal(readHeader('-- :n int = 1', 'x').title, '', 'a declaration is no title');
});

test('a declaration that cannot be read is an error with its line', () => {
	for (const [line, message] of [
		[':n', /^x\.sql:2: expected the type of a parameter, got ":n"$/],
		[
			':n integer = 5',
			/^x\.sql:2: expected one of int, float, text, duration, datetime, bool as the type of :n, got "integer"/,
		],
		[':n int = many', /^x\.sql:2: expected a whole number as the default of :n, got "many"$/],
		[':n duration = 5', /^x\.sql:2: expected a duration such as 500ms, 10s or 5m as the default of :n, got "5"$/],
		[':m int', /^x\.sql:2: :m is declared twice$/],
		[':n = 5', /^x\.sql:2: expected the type of a parameter, got ":n = 5"$/],
		[":n text = 'open door", /^x\.sql:2: expected the default of :n after "=", got "'open door"$/],
		[':n text =', /^x\.sql:2: expected the default of :n after "=", got ""$/],
	] as const) {
		const text = `-- :m int = 1\n-- ${line}\nSELECT 1`;
		assert.throws(() => readHeader(text, 'x.sql'), { code: 'ERR_QUERY_HEADER', message }, line);
	}
});

/** The values of a script with this header and statement. */
function valuesOf(
	declarations: string,
	given: readonly (readonly [string, string])[],
	session: readonly (readonly [string, ParameterValue])[] = [],
	statement = 'SELECT :x',
): Record<string, ParameterValue> {
	const text = `-- title\n${declarations.replace(/^/gm, '-- ')}\n${statement};`;
	return Object.fromEntries(scriptValues(namedScript('q', '/q.sql', text), given, session));
}

test('values have the type that the header declares', () => {
	for (const [type, text, value] of [
		['int', '20', 20],
		['int', '-9223372036854775808', -(2n ** 63n)],
		['int', "'7'", 7],
		['float', '.5', { real: 0.5 }],
		['float', '-1e3', { real: -1000 }],
		['text', '007', '007'],
		['text', "'5 o''clock'", "5 o'clock"],
		['text', '', ''],
		['text', "it's", "it's"],
		['duration', '1.5s', '1.5s'],
		['duration', "'1 day 02:00:00'", '1 day 02:00:00'],
		['datetime', '2026-11-22 14:56+02:00', '2026-11-22T12:56:00.000000Z'],
		['bool', 'Yes', 1],
		['bool', 'off', 0],
	] as const)
		assert.deepEqual(valuesOf(`:x ${type}`, [['x', text]]), { x: value }, `${type} ${text}`);
});

test('a value of another type is one sentence with a code, and the hint lists the parameters', () => {
	for (const [type, text, expected] of [
		['int', '1.5', 'a whole number'],
		['int', '', 'a whole number'],
		['int', '9223372036854775808', 'a whole number'],
		['int', '1; DROP', 'a whole number'],
		['float', 'NaN', 'a number'],
		['float', '1e999', 'a number'],
		['duration', '10', 'a duration such as 500ms, 10s or 5m'],
		['duration', 'soon', 'a duration such as 500ms, 10s or 5m'],
		['datetime', 'yesterday', 'a time such as 2026-11-22 or 2026-11-22T12:56:01Z'],
		['bool', '2', 'true or false'],
	] as const) {
		assert.throws(() => valuesOf(`:x ${type}\n:top int = 20 rows`, [['x', text]]), {
			code: 'ERR_QUERY_PARAMETER',
			exitCode: 2,
			message: `q: expected ${expected} for :x, got ${JSON.stringify(text)}`,
			hint:
				text === '10'
					? 'Say the unit: 10s or 10ms. Parameters: :x duration; :top int = 20.'
					: `Parameters: :x ${type}; :top int = 20.`,
		});
	}
	assert.throws(() => valuesOf(':x int', []), {
		message: 'q: :x (int) has no value',
		hint: /^Give one: x=VALUE\. Param/,
	});
	assert.throws(() => valuesOf(':top int = 1', [['topp', '2']]), {
		message: 'q: there is no parameter :topp',
		hint: 'Did you mean top? Parameters: :top int = 1.',
	});
});

test('given values take precedence over those of the session, and these over the defaults', () => {
	const declared = ':x int = 1\n:y text = NULL';
	assert.deepEqual(valuesOf(declared, []), { x: 1, y: null });
	assert.deepEqual(
		valuesOf(
			declared,
			[],
			[
				['x', 2],
				['z', 3],
			],
		),
		{ x: 2, z: 3, y: null },
	);
	assert.deepEqual(valuesOf(declared, [['x', '4']], [['x', 2]]), { x: 4, y: null });
	assert.deepEqual(valuesOf(declared, [], [['y', 5]]), { x: 1, y: '5' }, 'a number is a text where one is declared');
	assert.throws(() => valuesOf(declared, [], [['x', 'no']]), { code: 'ERR_QUERY_PARAMETER' });
});

test('a parameter without a declaration takes any value, but must be one of the script', () => {
	assert.deepEqual(valuesOf(':y int = 1', [['x', '5']]), { x: 5, y: 1 });
	assert.deepEqual(valuesOf('', [['x', "'5'"]]), { x: '5' });
	assert.throws(() => valuesOf('', [['y', '5']]), { message: 'q: there is no parameter :y', hint: /Did you mean x/ });
	assert.throws(() => valuesOf('', [['y', '5']], [], "SELECT ':y' -- :y"), { code: 'ERR_QUERY_PARAMETER' });
	assert.deepEqual(valuesOf('', [['y', '5']], [], '.read other.sql'), { y: 5 }, 'another file may use it');
	assert.deepEqual(valuesOf('', [['y', '5']], [], 'SELECT 1 \\g\nSELECT :y'), { y: 5 });
});

test('values are bound, whatever they contain', () => {
	const attack = "x'; SELECT 'out' --";
	const [[, value]] = scriptValues(namedScript('q', 'q', '-- q\n-- :x text\nSELECT :x'), [['x', attack]], []) as [
		[string, ParameterValue],
	];
	assert.equal(scalarOf('SELECT :x', undefined, { parameters: new Map([['x', value]]) }), attack);
	for (const [type, sql, text, result] of [
		['duration', "SELECT '2026-11-22T00:00:00Z'::datetime + :x::interval", '90s', '2026-11-22T00:01:30.000000Z'],
		['datetime', "SELECT '2026-11-22T00:00:00Z'::datetime = :x", '2026-11-22T01:00+01:00', 1],
		['bool', 'SELECT iif(:x, 1, 2)', 'false', 2],
		['float', 'SELECT 7 / :x', '2', 3.5],
		['int', 'SELECT 7 / :x', '2', 3],
		['float', 'SELECT typeof(:x) || max(:x, 1) || (:x = 2) || (1 < :x)', '2', 'real2.011'],
	] as const) {
		const values = scriptValues(namedScript('q', 'q', `-- q\n-- :x ${type}\n${sql}`), [['x', text]], []);
		assert.equal(scalarOf(sql, undefined, { parameters: new Map(values) }), result, type);
	}
});

test('.save writes a title and the parameters with their present values', () => {
	const sql = "SELECT ':no', :a, :b, :c, :d, :e, :a FROM exchanges\n  WHERE path = :f";
	const parameters: [string, ParameterValue][] = [
		['a', 5],
		['b', 0.5],
		['c', "it's"],
		['d', '10s'],
		['e', '2026-11-22'],
		['g', 1],
	];
	const text = savedText(sql, undefined, parameters);
	assert.equal(
		text,
		`-- SELECT ':no', :a, :b, :c, :d, :e, :a FROM exchanges WHERE path = :f
-- :a int = 5
-- :b float = 0.5
-- :c text = 'it''s'
-- :d duration = '10s'
-- :e datetime = '2026-11-22'
${sql};
`,
	);
	const script = namedScript('saved', 'saved.sql', text);
	assert.deepEqual(
		new Map(scriptValues(script, [['f', '/x']], [])),
		new Map<string, ParameterValue>([
			['f', '/x'],
			['a', 5],
			['b', { real: 0.5 }],
			['c', "it's"],
			['d', '10s'],
			['e', '2026-11-22T00:00:00.000000Z'],
		]),
	);
	assert.match(savedText('SELECT :a', undefined, [['a', { real: 2 }]]), /^-- :a float = 2\.0$/m);
	assert.equal(savedText('SELECT 1', 'One', []), '-- One\nSELECT 1;\n');
	assert.equal(savedText('-- Own title\nSELECT :a;', undefined, parameters), '-- Own title\nSELECT :a;\n');
	assert.match(savedText(`SELECT ${'x, '.repeat(50)}1`, undefined, []), /^-- SELECT x.{63}…\n/);
	assert.match(savedText('SELECT :a', undefined, [['a', 'two\nlines']]), /^-- :a text$/m);
});

test('queries are found by words in their name, title and description, and described in full by name', () => {
	const write = (name: string, text: string) => writeFileSync(join(directory.path, `${name}.sql`), text);
	write('plain', 'SELECT 1;');
	write('broken', '-- title\n-- :n number\nSELECT 1;');
	write('slow', HEADER);
	const places = [{ place: 'user' as const, path: directory.path, user: processUser() }];
	const text = (words: string[]) => queriesText(places, words, 60);
	// Long titles wrap.
	assert.match(text([]), /^broken {2}user {5}\(/m);
	assert.match(
		text([]).replace(/\n {17}/g, ' '),
		/\(.*broken\.sql:2: expected one of int, .* as the type of :n, got "number"\)$/m,
	);
	assert.match(text([]), /^plain {3}user$/m);
	const bundled = { place: 'bundled' as const, path: join(directory.path, 'bundled'), user: processUser() };
	mkdirSync(bundled.path);
	writeFileSync(join(bundled.path, 'plain.sql'), 'SELECT 2;');
	assert.match(queriesText([...places, bundled], [], 60), /^plain {3}user {5}\(hides the bundled query\)$/m);
	assert.equal(projectQueriesText([...places, bundled]), undefined);
	assert.equal(
		projectQueriesText([{ ...bundled, place: 'project' }, ...places]),
		'This directory has 1 saved query: .queries lists them, .run NAME runs one',
	);
	assert.equal(text(['HOST', 'paragraph']), 'slow  user     Slow requests of a host\n');
	assert.throws(() => text(['host', 'nothing']), {
		code: 'ERR_NO_QUERY',
		message: /contains "host" and "nothing" in its/,
	});
	assert.equal(
		text(['slow']),
		`slow (user)
Slow requests of a host
Requests that took longer than they should.
Second paragraph.
  :host text                   which host
  :over duration = 1s          only slower ones
  :note text = 'it''s = fine'
  :since datetime = NULL
  chart                        bar ms by host
  chart                        line ms
  file                         ${join(directory.path, 'slow.sql')}
`,
	);
});

// Functions that find parts of texts: regexp_extract, regexp_replace, split_part, left, right, and those for URLs.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { SqlError } from '../../src/sql/limits/sql-error.ts';
import { compileFinder } from '../../src/sql/patterns/regexp-find.ts';
import { errorOf, rowsOf, scalarOf } from '../../support/sql-run.ts';

const literal = (value: string) => `'${value.replaceAll("'", "''")}'`;

function matchesOf(pattern: string, text: string, ignoreCase = false): number[][] {
	const matches: number[][] = [];
	compileFinder(pattern, ignoreCase, () => {}).each(text, (slots) => {
		matches.push([...slots]);
		return true;
	});
	return matches;
}

/** All matches that JavaScript's engine finds, without empty ones directly after another match. */
function theirs(pattern: string, text: string): number[][] {
	const matches: number[][] = [];
	let lastEnd = -1;
	for (const match of text.matchAll(new RegExp(pattern, 'gsud'))) {
		const [start, end] = match.indices![0]!;
		if (start === end && start === lastEnd) continue;
		matches.push(match.indices!.flatMap((place) => place ?? [-1, -1]));
		lastEnd = end;
	}
	return matches;
}

const ATOMS = ['a', 'b', '[ab]', '[^a]', '.', '\\w', '\\d', 'é', '😀', '\\b', '^', '$'];
const TEXT = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '1', ' ', 'é', '😀'), maxLength: 14 });
const times = fc.constantFrom('', '', '', '*', '+', '?', '{2}', '{1,2}', '*?', '+?', '??', '{0,2}?');

describe('matches are where JavaScript finds them', () => {
	test('without groups that repeat: the whole match and every group', () => {
		const atom = fc.tuple(fc.constantFrom(...ATOMS), times).map(([a, t]) => (/^(\\b|[\^$])$/.test(a) ? a : a + t));
		const sequence = fc.array(atom, { minLength: 1, maxLength: 4 }).map((parts) => parts.join(''));
		const group = fc.tuple(sequence, sequence, fc.constantFrom('(', '(?:')).map(([a, b, open]) => `${open}${a}|${b})`);
		const pattern = fc.array(fc.oneof(sequence, group), { minLength: 1, maxLength: 4 }).map((parts) => parts.join(''));
		fc.assert(
			fc.property(pattern, TEXT, (regexp, text) => {
				assert.deepEqual(matchesOf(regexp, text), theirs(regexp, text), `${regexp} in ${JSON.stringify(text)}`);
			}),
			{ numRuns: 5000 },
		);
	});

	test('with groups that repeat: the whole match', () => {
		const solid = fc.constantFrom('a', 'b', '[ab]', 'ab', 'c', '😀', 'a+', 'bc*?');
		const atom = fc.oneof(solid, fc.constantFrom('a?', 'b*', ''));
		const group = fc.oneof(
			fc.tuple(solid, solid, times).map(([a, b, t]) => `(${a}|${b})${t}`),
			// JavaScript refuses an optional repetition that is empty; RE2 does not.
			fc.tuple(atom, atom, fc.constantFrom('', '*', '+', '*?', '+?')).map(([a, b, t]) => `(${a}|${b})${t}`),
		);
		const pattern = fc.array(fc.oneof(atom, group), { minLength: 1, maxLength: 4 }).map((parts) => parts.join(''));
		const wholes = (matches: number[][]) => matches.map(([start, end]) => [start, end]);
		fc.assert(
			fc.property(pattern, TEXT, (regexp, text) => {
				const message = `${regexp} in ${JSON.stringify(text)}`;
				assert.deepEqual(wholes(matchesOf(regexp, text)), wholes(theirs(regexp, text)), message);
			}),
			{ numRuns: 5000 },
		);
	});

	test('groups of an abandoned alternative do not match', () => {
		assert.deepEqual(matchesOf('(a?b|(a|b*a?)*)*', 'abab'), [[0, 4, 2, 4, -1, -1]]);
		assert.deepEqual(matchesOf('(a)|(b)', 'ba'), [
			[0, 1, -1, -1, 0, 1],
			[1, 2, 1, 2, -1, -1],
		]);
	});

	test('whatever the case, if it is ignored', () => {
		assert.deepEqual(matchesOf('b[c-d]', 'ABC abD', true), [
			[1, 3],
			[5, 7],
		]);
		assert.deepEqual(matchesOf('(?i)É', 'é'), [[0, 1]]);
		assert.deepEqual(matchesOf('b', 'B'), []);
	});

	test('with one finder for many texts, between which its cache is emptied', () => {
		const finder = compileFinder('(a|b)*a(a|b){9}', false, () => {});
		let text = '';
		for (let step = 0; step < 2000; step++) {
			text += (step * 2654435761) % 7 < 3 ? 'a' : 'b';
			if (step % 97 !== 0) continue;
			const found: number[][] = [];
			finder.each(`${text}c`, (slots) => found.push([slots[0]!, slots[1]!]) > 0);
			const wanted = [.../(?:a|b)*a(?:a|b){9}/g[Symbol.matchAll](`${text}c`)].map((m) => [
				m.index,
				m.index + m[0].length,
			]);
			assert.deepEqual(found, wanted);
		}
	});
});

test('all matches take time linear in the length of the text, whatever the pattern', () => {
	for (const [pattern, piece] of [
		['a.*b|a', 'a'],
		['(a*)*b|a', 'a'],
		['(a|aa)+$|a', 'a'],
		['(a|b)*a(a|b){8}c', 'ab'],
		['\\w+\\b!|\\w', 'word '],
		['(x+x+)+y|x', 'x'],
		['a??', 'a'],
	] as const) {
		// Polls happen every thousand steps or so. The number of steps does not depend on how busy the machine is.
		const polls = (count: number) => {
			let made = 0;
			const finder = compileFinder(pattern, false, () => {
				made++;
			});
			finder.each(piece.repeat(count), () => true);
			return made;
		};
		// Quadratic time would be 256 times as long.
		assert.ok(polls(64_000) < 30 * polls(4_000) + 10, pattern);
	}
});

test('a search in a long text can be cancelled, and one that needs too much memory ends with an error', () => {
	let polls = 0;
	const stop = () => {
		if (++polls > 3) throw new Error('stopped');
	};
	assert.throws(() => compileFinder('a.*b|a', false, stop).each('a'.repeat(100_000), () => true), /stopped/);
	// The places that can lead to the end depend on where each of the next 4,000 c is, so they differ at each position.
	let text = '';
	for (let step = 0; text.length < 200_000; step++) text += 'abc'[(Math.imul(step, 2654435761) >>> 13) % 3];
	assert.throws(
		() => compileFinder('[abc]{4000}c', false, () => {}).each(text, () => true),
		(error: SqlError) => error.code === 'ERR_SQL_TOO_LARGE' && /left\(text, 10000\)/.test(error.hint!),
	);
});

test('regexp_extract gives the match or a group, and an empty text if there is none', () => {
	for (const [call, expected] of [
		["'/users/42/x', '\\d+'", '42'],
		["'/users/42/x', '/(\\w+)/(\\d+)', 2", '42'],
		["'/users/42/x', '/(\\w+)/(\\d+)', 0", '/users/42'],
		["'abc', 'x'", ''],
		["'abc', '(x)|b', 1", ''],
		["'aXb', 'x', 0, 'i'", 'X'],
		["'aXb', 'x', 0, 'ic'", ''],
		["'aab', 'a+?'", 'a'],
		["'<b>x</b>', '<(.+?)>', 1", 'b'],
		["'héllo 😀!', '😀(.)', 1", '!'],
		["12345, '3.*'", '345'],
		["NULL, 'a'", null],
		["'a', NULL", null],
		["'a', 'a', NULL", null],
	] as const) {
		assert.equal(scalarOf(`SELECT regexp_extract(${call})`), expected, call);
	}
	const patterns = "VALUES ('ab1', '\\d'), ('ab1', '^.'), ('xyz', '^.')";
	assert.deepEqual(rowsOf(`SELECT regexp_extract(column1, column2) FROM (${patterns})`), [['1'], ['a'], ['x']]);
});

test('regexp_replace replaces the first match or all, with groups', () => {
	for (const [call, expected] of [
		["'a1b22', '\\d+', '#'", 'a#b22'],
		["'a1b22', '\\d+', '#', 'g'", 'a#b#'],
		["'a1b22', '(\\w)(\\d+)', '\\2\\1', 'g'", '1a22b'],
		["'a1', '\\d', '<\\0\\&\\\\>'", 'a<11\\>'],
		["'ABAB', 'b', '-', 'gi'", 'A-A-'],
		["'abc', 'x*', '-', 'g'", '-a-b-c-'],
		["'baaac', 'a*', '-', 'g'", '-b-c-'],
		["'😀é', '', '.', 'g'", '.😀.é.'],
		["'abc', '^', '>', 'g'", '>abc'],
		["'aaa', '^a', 'b', 'g'", 'baa'],
		["'abc', '(x)?b', '[\\1]'", 'a[]c'],
		["'abc', 'z', 'y'", 'abc'],
		["'a.b', '.', '$1', 'g'", '$1$1$1'],
		["'abc', NULL, 'y'", null],
	] as const) {
		assert.equal(scalarOf(`SELECT regexp_replace(${call})`), expected, call);
	}
});

test('split_part counts parts from 1, or from the end', () => {
	for (const [call, expected] of [
		["'/api/users/42', '/', 1", ''],
		["'/api/users/42', '/', 2", 'api'],
		["'/api/users/42', '/', 4", '42'],
		["'/api/users/42', '/', 5", ''],
		["'/api/users/42', '/', -1", '42'],
		["'/api/users/42', '/', -4", ''],
		["'/api/users/42', '/', -5", ''],
		["'a, b', ', ', 2", 'b'],
		["'abc', 'x', 1", 'abc'],
		["'abc', 'x', 2", ''],
		["'abc', '', 1", 'abc'],
		["'abc', '', -1", 'abc'],
		["'abc', '', 2", ''],
		["'', ',', 1", ''],
		["'a,b', ',', '2'", 'b'],
		["'a,b', ',', 2.0", 'b'],
		["NULL, ',', 1", null],
	] as const) {
		assert.equal(scalarOf(`SELECT split_part(${call})`), expected, call);
	}
});

test('left and right count characters; a negative count leaves out that many at the other end', () => {
	const rows = rowsOf(
		"SELECT column1, left('aé😀b', column1), right('aé😀b', column1) FROM (VALUES (0), (1), (3), (4), (9), (-1), (-3), (-4), (-9))",
	);
	assert.deepEqual(rows, [
		[0, '', ''],
		[1, 'a', 'b'],
		[3, 'aé😀', 'é😀b'],
		[4, 'aé😀b', 'aé😀b'],
		[9, 'aé😀b', 'aé😀b'],
		[-1, 'aé😀', 'é😀b'],
		[-3, 'a', 'b'],
		[-4, '', ''],
		[-9, '', ''],
	]);
	assert.deepEqual(
		rowsOf("SELECT hex(left(x'010203', 2)), hex(right(x'010203', 2)), left(12345, 2), left(NULL, 1), right('a', NULL)"),
		[['0102', '0203', '12', null, null]],
	);
	const joined =
		'SELECT left(a.x, 1) FROM (SELECT 9 AS x) a LEFT JOIN (SELECT 8 AS x) b ON left(a.x, 1) = right(b.x, 1)';
	assert.deepEqual(rowsOf(joined), [['9']]);
});

test('url_encode and url_decode are inverse for any text, and decode what is not encoded correctly', () => {
	fc.assert(
		fc.property(fc.string({ unit: 'grapheme', maxLength: 30 }), (text) => {
			const encoded = String(scalarOf('SELECT url_encode(:t)', undefined, { parameters: new Map([['t', text]]) }));
			assert.match(encoded, /^[A-Za-z0-9._~%-]*$/);
			assert.equal(decodeURIComponent(encoded), text);
			assert.equal(scalarOf('SELECT url_decode(:t)', undefined, { parameters: new Map([['t', encoded]]) }), text);
		}),
		{ numRuns: 200 },
	);
	assert.equal(scalarOf("SELECT url_decode('%41%zz%4%+%C3%28%e2%82%ac')"), 'A%zz%4%+\ufffd(€');
	assert.equal(scalarOf("SELECT url_encode(x'ff00') || url_encode('a b*')"), '%FF%00a%20b%2A');
});

test('url_param and query_params read URLs, request targets and query strings', () => {
	for (const [url, name, expected] of [
		['http://h:80/p?q=a%20b+c&q=2#q=3', 'q', 'a b c'],
		['/p?a=1&b=2', 'b', '2'],
		['/p', 'a', null],
		['/a=1', '/a', null],
		['http://h/a=1', 'a', null],
		['a=1&b=2', 'b', '2'],
		['?a=1', 'a', '1'],
		['q=what?&x=1', 'q', 'what?'],
		['q=what?&x=1', 'x', '1'],
		['p?a=1', 'a', '1'],
		['/p?a', 'a', ''],
		['/p?a=', 'a', ''],
		['/p?a=b=c', 'a', 'b=c'],
		['/p?%61=1', 'a', '1'],
		['/p?A=1', 'a', null],
		['/p?&&x=1&', 'x', '1'],
		['/p?x=%', 'x', '%'],
		['/p?x=1?y=2', 'x', '1?y=2'],
		['', 'a', null],
	] as const) {
		assert.equal(scalarOf(`SELECT url_param(${literal(url)}, ${literal(name)})`), expected, `${name} of ${url}`);
	}
	assert.equal(
		scalarOf(`SELECT query_params('/p?a=1&b=x&a=%22&__proto__=p&c&toString=t&a=3')`),
		'{"a":["1","\\"","3"],"b":"x","__proto__":"p","c":"","toString":"t"}',
	);
	assert.deepEqual(
		rowsOf(
			"SELECT query_params('/p'), query_params(NULL), query_params('/p?q=1')['q'], query_params('/p?a=1&a=2')['a'][1]",
		),
		[['{}', null, '1', '2']],
	);
});

test('NULL for any argument is NULL', () => {
	for (const [name, list] of [
		['regexp_extract', ["'a'", "'a'", '0', "'i'"]],
		['regexp_replace', ["'a'", "'a'", "'b'", "'g'"]],
		['split_part', ["'a'", "','", '1']],
		['left', ["'a'", '1']],
		['right', ["'a'", '1']],
		['url_encode', ["'a'"]],
		['url_decode', ["'a'"]],
		['url_param', ["'/?a=1'", "'a'"]],
		['query_params', ["'/?a=1'"]],
	] as const) {
		assert.notEqual(scalarOf(`SELECT ${name}(${list.join(', ')})`), null, name);
		for (const missing of list.keys()) {
			const given = list.map((argument, index) => (index === missing ? 'NULL' : argument));
			assert.equal(scalarOf(`SELECT ${name}(${given.join(', ')})`), null, `${name}(${given.join(', ')})`);
		}
	}
});

test('wrong arguments are errors that say what to write', () => {
	for (const [call, message, hint] of [
		["regexp_extract('a', '(a)', 2)", /number of a group from 0 to 1, got 2/, /parentheses/],
		["regexp_extract('a', 'a', 1)", /the pattern has no groups, got 1/],
		["regexp_extract('a', 'a', -1)", /got -1/],
		["regexp_extract('a', 'a', 'i')", /got i/, /options come after the group/],
		["regexp_extract('a', 'a', 0, 'g')", /options of the letters 'c' and 'i', got 'g'/],
		["regexp_extract('a', '(')", /has a \( that is not closed/],
		["regexp_replace('a', 'a', '\\1')", /has \\1, but the pattern has no groups/, /\\0 is the match/],
		["regexp_replace('a', '(a)', '\\2')", /has \\2, but the pattern has 1 group$/],
		["regexp_replace('a', 'a', '\\n')", /\\n, which means nothing/],
		["regexp_replace('a', 'a', 'b\\')", /\\, which means nothing/],
		["regexp_replace('a', 'a', 'b', 'x')", /got 'x'/, /'g', for all matches/],
		["split_part('a', ',', 0)", /counted from 1, got 0/, /-1 is the last/],
		["split_part('a', ',', 'x')", /expected a whole number.*split_part\(\), got x/],
		["left('a', 1.5)", /expected a whole number.*left\(\), got 1\.5/],
		["right('a', 'b')", /expected a whole number.*right\(\), got b/],
	] as [string, RegExp, RegExp?][]) {
		const error = errorOf(`SELECT ${call}`);
		assert.match(error.message, message, call);
		assert.equal(error.code, 'ERR_SQL_VALUE', call);
		if (hint !== undefined) assert.match(error.hint ?? '', hint, call);
	}
	for (const name of ['regexp_substr', 'string_split', 'urldecode', 'parse_url'])
		assert.match(errorOf(`SELECT ${name}('a', 'b')`).hint!, /regexp_extract|split_part|url_/, name);
});

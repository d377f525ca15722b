// LIKE, GLOB and REGEXP.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { byteEquality, byteLike } from '../../src/sql/patterns/byte-match.ts';
import { compileGlob, compileLike } from '../../src/sql/patterns/like.ts';
import { compileRegexp } from '../../src/sql/patterns/regexp.ts';
import { errorOf, scalarOf } from '../../support/sql-run.ts';

const noPoll = () => {};

/** LIKE by its definition: slow, but obviously correct. */
function likeByDefinition(pattern: string[], text: string[]): boolean {
	const [first, ...rest] = pattern;
	if (first === undefined) return text.length === 0;
	if (first === '%') return text.some((_, at) => likeByDefinition(rest, text.slice(at))) || likeByDefinition(rest, []);
	if (text.length === 0) return false;
	const isSame =
		first === '_' || first === text[0] || (/^[a-z]$/i.test(first) && first.toLowerCase() === text[0]!.toLowerCase());
	return isSame && likeByDefinition(rest, text.slice(1));
}

const piece = fc.constantFrom('a', 'b', 'A', 'B', '%', '_', 'é', '\u{1f600}', '/');

test('LIKE and = on bytes follow their definition, and read nothing outside of the value', () => {
	const ascii = fc.constantFrom('a', 'b', 'A', 'B', '/', '@', '`', '[', '{', '%');
	// Long enough for the distances of the search, with few letters, so that most of it nearly matches.
	const texts = fc.array(fc.constantFrom('a', 'b', 'A', 'B', '/', '@', '`', '[', '{', 'é'), { maxLength: 24 });
	fc.assert(
		fc.property(fc.array(ascii, { maxLength: 8 }), texts, fc.boolean(), (pattern, text, isWhole) => {
			const value = isWhole ? text : [...text, ...pattern.filter((each) => each !== '%'), ...text];
			// The pattern itself is before and after the value.
			const outside = Buffer.from(pattern.join('').replaceAll('%', ''));
			const inside = Buffer.from(value.join(''));
			const bytes = Buffer.concat([outside, inside, outside]);
			const [start, end] = [outside.length, outside.length + inside.length];
			const like = byteLike(pattern.join(''), undefined)!;
			assert.equal(
				like(bytes, start, end),
				compileLike(pattern.join(''))(value.join('')),
				JSON.stringify([pattern, value]),
			);
			const plain = pattern.join('').replaceAll('%', '');
			assert.equal(byteEquality(plain)!(bytes, start, end), plain === value.join(''));
			assert.equal(byteEquality(plain)!(outside, 0, outside.length), true);
		}),
		{ numRuns: 3000 },
	);
	const alphabet = Buffer.from(Array.from({ length: 128 }, (_, code) => code));
	for (const part of ['xyz{|', '[\\]', 'ABCDEFG', 'abc', '~']) {
		const found = part.toLowerCase();
		const isFound = alphabet.toString('latin1').toLowerCase().includes(found);
		assert.equal(byteLike(`%${part}%`, undefined)!(alphabet, 0, 128), isFound, part);
	}
	assert.equal(byteLike('%é%', undefined), undefined);
	assert.equal(byteLike('a_', undefined), undefined);
	assert.equal(byteLike('a!', '!'), undefined);
	assert.equal(byteLike('%50!%', '!')!(Buffer.from('x50%'), 0, 4), true);
	assert.equal(byteLike('%50!%', '!')!(Buffer.from('x50a'), 0, 4), false);
	assert.equal(byteLike(`%${'a'.repeat(256)}%`, undefined), undefined);
	assert.equal(byteLike(`%${'a'.repeat(255)}%`, undefined)!(Buffer.from(`b${'A'.repeat(255)}`), 0, 256), true);
	assert.equal(byteEquality('é'), undefined);
});

test('LIKE follows its definition', () => {
	fc.assert(
		fc.property(fc.array(piece, { maxLength: 8 }), fc.array(piece, { maxLength: 8 }), (pattern, text) => {
			assert.equal(compileLike(pattern.join(''))(text.join('')), likeByDefinition(pattern, text));
		}),
		{ numRuns: 3000 },
	);
});

/**
 * A text that a pattern matches, or one that differs from it in one place: near misses find bugs that random texts do
 * not.
 */
function nearMatch(pattern: readonly string[], choices: readonly number[], many: string, one: string): string[] {
	let next = 0;
	const choice = (below: number) => choices[next++ % choices.length]! % below;
	const letters = ['a', 'b', 'A', 'é', '/'];
	const text = pattern.flatMap((each) => {
		if (each === many) return Array.from({ length: choice(3) }, () => letters[choice(5)]!);
		return [each === one ? letters[choice(5)]! : each];
	});
	const place = choice(text.length + 1);
	const change = choice(6);
	if (change === 0) text.splice(place, 1);
	else if (change === 1) text.splice(place, 0, letters[choice(5)]!);
	else if (change === 2 && place < text.length) text[place] = letters[choice(5)]!;
	return text;
}

const choices = fc.array(fc.nat({ max: 1000 }), { minLength: 24, maxLength: 24 });

test('LIKE follows its definition for texts that match, and for those that nearly do', () => {
	let matches = 0;
	let misses = 0;
	fc.assert(
		fc.property(fc.array(piece, { maxLength: 7 }), choices, (pattern, chosen) => {
			const text = nearMatch(pattern, chosen, '%', '_');
			const expected = likeByDefinition(pattern, text);
			assert.equal(compileLike(pattern.join(''))(text.join('')), expected, `${text.join('')} LIKE ${pattern.join('')}`);
			if (expected) matches++;
			else misses++;
		}),
		{ numRuns: 4000 },
	);
	assert.ok(matches > 800 && misses > 800, `${matches} matches, ${misses} misses`);
});

test('the parts of a LIKE pattern do not overlap in the text', () => {
	for (const [text, pattern, expected] of [
		['abc', '%bc%c', false],
		['abcc', '%bc%c', true],
		['ab', 'ab%b', false],
		['abb', 'ab%b', true],
		['aba', 'ab%ba', false],
		['abba', 'ab%ba', true],
		['aXa', 'a%xa%a', false],
		['aXaa', 'a%xa%a', true],
		['', '%', true],
		['a', 'a%', true],
		['a', '%a%', true],
		['a', 'a%a', false],
	] as const) {
		assert.equal(compileLike(pattern)(text), expected, `${text} LIKE ${pattern}`);
	}
});

/** GLOB by its definition. */
function globByDefinition(pattern: readonly string[], text: readonly string[]): boolean {
	const [first, ...rest] = pattern;
	if (first === undefined) return text.length === 0;
	if (first === '*') {
		return globByDefinition(rest, text) || (text.length > 0 && globByDefinition(pattern, text.slice(1)));
	}
	if (text.length === 0) return false;
	const [letter] = text as [string];
	let fits = first === '?' || first === letter;
	if (first === '[ab]') fits = letter === 'a' || letter === 'b';
	if (first === '[^a-é]') fits = letter < 'a' || letter > 'é';
	return fits && globByDefinition(rest, text.slice(1));
}

test('GLOB follows its definition for texts that match, and for those that nearly do', () => {
	const part = fc.constantFrom('a', 'b', 'A', '*', '?', '[ab]', '[^a-é]', '/');
	let matches = 0;
	let misses = 0;
	fc.assert(
		fc.property(fc.array(part, { maxLength: 7 }), choices, (pattern, chosen) => {
			const concrete = pattern.map((each) => each.replace('[ab]', 'b').replace('[^a-é]', 'A'));
			const text = nearMatch(concrete, chosen, '*', '?');
			const expected = globByDefinition(pattern, text);
			assert.equal(compileGlob(pattern.join(''))(text.join('')), expected, `${text.join('')} GLOB ${pattern.join('')}`);
			if (expected) matches++;
			else misses++;
		}),
		{ numRuns: 4000 },
	);
	assert.ok(matches > 800 && misses > 800, `${matches} matches, ${misses} misses`);
});

test('ESCAPE makes the next character literal', () => {
	for (const [text, pattern, expected] of [
		['100%', '100!%', true],
		['1000', '100!%', false],
		['a_b', 'a!_b', true],
		['axb', 'a!_b', false],
		['a!b', 'a!!b', true],
		['a', 'a!', false],
	] as const) {
		assert.equal(compileLike(pattern, '!')(text), expected, `${text} LIKE ${pattern}`);
	}
	assert.match(errorOf("SELECT 'a' LIKE 'a' ESCAPE 'xy'").message, /one character/);
});

test('GLOB has sets, ranges and negations', () => {
	for (const [text, pattern, expected] of [
		['abc', '[a-c]*', true],
		['abc', '[^a-c]*', false],
		[']', '[]]', true],
		['-', '[a-]', true],
		['a', '[', false],
		['\u{1f600}', '?', true],
		['Abc', 'abc', false],
		['', '*', true],
	] as const) {
		assert.equal(compileGlob(pattern)(text), expected, `${text} GLOB ${pattern}`);
	}
});

/** Regular expressions that mean the same to JavaScript and to the engine. */
const expression: fc.Arbitrary<string> = fc.letrec<{
	node: string;
	atom: string;
	group: string;
	set: string;
	plain: string;
}>((tie) => ({
	plain: fc.constantFrom('a', 'b', 'c', '.', '\\d', '\\w', '\\s', '\\.', '1', ' ', '\\W'),
	set: fc.constantFrom('[ab]', '[^a]', '[a-c1]', '[\\d_]', '[^\\s]', '[.]', '[]a]'.replace(']a', '\\]a')),
	group: tie('node').map((inner) => `(${inner})`),
	atom: fc.oneof(
		{ weight: 5, arbitrary: tie('plain') },
		{ weight: 2, arbitrary: tie('set') },
		{ weight: 1, arbitrary: tie('group') },
	),
	node: fc
		.array(fc.tuple(tie('atom'), fc.constantFrom('', '', '', '*', '+', '?', '{2}', '{1,2}', '*?')), {
			minLength: 1,
			maxLength: 4,
		})
		.chain((parts) => {
			const text = parts.map(([atom, count]) => atom + count).join('');
			return fc.constantFrom(text, text, `${text}|b`, `^${text}`, `${text}$`, `\\b${text}`);
		}),
})).node;

test('REGEXP finds what JavaScript finds if both read the pattern alike', () => {
	fc.assert(
		fc.property(
			expression,
			fc.string({ unit: fc.constantFrom('a', 'b', 'c', '1', ' ', '.', '_', 'é'), maxLength: 12 }),
			(pattern, text) => {
				assert.equal(
					compileRegexp(pattern, noPoll)(text),
					new RegExp(pattern, 's').test(text),
					`${JSON.stringify(text)} REGEXP ${pattern}`,
				);
			},
		),
		{ numRuns: 3000 },
	);
});

test('REGEXP and JavaScript agree about texts that match, and about those that nearly do', () => {
	let matches = 0;
	let misses = 0;
	fc.assert(
		fc.property(expression, choices, (pattern, chosen) => {
			// A pattern read as text, without its special characters, is close to what it matches.
			const plain = pattern
				.replace(/\\b|[\^$]$|^\^/g, '')
				.replace(/\\d/g, '1')
				.replace(/\\[sW]/g, ' ')
				.replace(/\\w/g, 'b');
			const letters = [...plain.replace(/\[\^?\\?(.)[^\]]*\]/g, '$1').replace(/\{\d(?:,\d)?\}|[()*+?|\\]/g, '')];
			const text = nearMatch(letters, chosen, '\0', '\0').join('');
			const expected = new RegExp(pattern, 's').test(text);
			assert.equal(compileRegexp(pattern, noPoll)(text), expected, `${JSON.stringify(text)} REGEXP ${pattern}`);
			if (expected) matches++;
			else misses++;
		}),
		{ numRuns: 4000 },
	);
	assert.ok(matches > 800 && misses > 800, `${matches} matches, ${misses} misses`);
});

test('one compiled expression matches many texts, even long ones with many states', () => {
	const match = compileRegexp('(a|b)*a(a|b){9}$', noPoll);
	const wanted = /(a|b)*a(a|b){9}$/;
	let text = '';
	for (let step = 0; step < 3000; step++) {
		text += (step * 2654435761) % 7 < 3 ? 'a' : 'b';
		if (step % 37 === 0) assert.equal(match(text), wanted.test(text.slice(-10)), `length ${text.length}`);
	}
});

test('REGEXP supports classes, flags, escapes and code points', () => {
	for (const [text, pattern, expected] of [
		['HELLO', '(?i)hello', 1],
		['HELLO', '(?i)[a-h]ELLO$', 1],
		['hello', 'HELLO', 0],
		['x\u{1f600}y', '^x.y$', 1],
		['\u{1f600}', '^[\u{1f5ff}-\u{1f601}]$', 1],
		['a\nb', 'a.b', 0],
		['a-b', '^[[:alpha:]]-[[:alnum:]]$', 1],
		['tab\t', '\\t$', 1],
		['é', '^\\xe9$', 1],
		['foo bar', '\\bbar\\b', 1],
		['foobar', '\\bbar', 0],
		['foobar', '\\Bbar', 1],
		['', '^$', 1],
		['{', '{', 1],
		['a{,2}', 'a{,2}', 1],
	] as const) {
		assert.equal(scalarOf(`SELECT '${text}' REGEXP '${pattern}'`), expected, `${text} REGEXP ${pattern}`);
	}
});

test('an invalid regular expression is an error', () => {
	for (const pattern of [
		'(',
		')',
		'[',
		'*a',
		'(?<n>a)',
		'(?=a)',
		'\\',
		'\\q',
		'[b-a]',
		'a{3,2}',
		'[[:nosuch:]]',
		'\\1',
		'\\x1',
	]) {
		assert.equal(errorOf(`SELECT 'a' REGEXP '${pattern}'`).code, 'ERR_SQL_VALUE', pattern);
	}
});

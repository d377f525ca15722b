// Command lines are split as a shell does it, without expansion.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { quotedWords } from '../../src/shell/quoted-words.ts';

/** The words that a shell would pass to a program. */
function wordsOfShell(text: string): string[] {
	const { stdout, status } = spawnSync('/bin/sh', ['-f', '-c', `printf '%s\\0' ${text}`], { encoding: 'utf8' });
	assert.equal(status, 0, text);
	return stdout.split('\0').slice(0, -1);
}

test('words and quotes mean what they mean to a shell', () => {
	const lines = [
		`jq -c '.path | length'`,
		`a"b c"'d e'f`,
		`'' "" x`,
		`a\\ b \\"c\\" 'd\\e' "f\\g" "h\\"i\\\\j\\$k\\\`l"`,
		`"it's" 'say "x"' \\'`,
		`"a\nb" \t c\n`,
		`--where='status >= 400; x' [0-9] a=b {x}`,
	];
	assert.deepEqual(
		lines.map((line) => quotedWords(line, '--exec')),
		lines.map(wordsOfShell),
	);
});

test('nothing is expanded', () => {
	assert.deepEqual(quotedWords('$HOME ~ * "$X"', '--exec'), ['$HOME', '~', '*', '$X']);
});

test('any words, quoted, are these words', () => {
	const quote = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`;
	fc.assert(
		fc.property(fc.array(fc.string({ unit: 'binary' }), { minLength: 1 }), (words) => {
			assert.deepEqual(quotedWords(words.map(quote).join(' '), '--exec'), words);
		}),
		{ numRuns: 200 },
	);
});

test('what only a shell could do, open quotes and empty lines are errors', () => {
	for (const [line, got] of [
		['jq . | head', /--exec: expected the words of one program, got "\|" outside quotes/],
		['a > b', /got ">" outside/],
		['a; b', /got ";" outside/],
		['a & b', /got "&" outside/],
		['a $(b)', /got "\(" outside/],
		[`a 'b c`, /--exec: expected ' at the end of "'b c"/],
		['a "b\\"', /--exec: expected " at the end of/],
		['a\\', /expected a character after the last backslash, got none/],
		['  \n', /expected a program, got nothing/],
	] as const)
		assert.throws(() => quotedWords(line, '--exec'), { code: 'ERR_USAGE', message: got }, line);
});

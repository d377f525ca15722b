// Splits a command line into words with a shell's quotes, for programs that are started without a shell.
import { usageError } from '../base/errors.ts';

const BLANK = /\s/;
/** Outside quotes, a shell would start other programs or open files. */
const OPERATOR = /[|&;<>()]/;
/** What a backslash escapes between double quotes. */
const ESCAPED_IN_QUOTES = /[$`"\\]/;

/**
 * Splits `text` as a shell does: blanks separate words, '…' keeps everything, "…" everything except backslashes before
 * `"`, `\`, `$` and a backquote, and outside quotes a backslash keeps the next character. Nothing is expanded. Errors
 * name `place`.
 */
export function quotedWords(text: string, place: string): string[] {
	const words: string[] = [];
	/** Undefined between two words: '' is a word. */
	let word: string | undefined;
	for (let at = 0; at < text.length; at++) {
		const character = text[at]!;
		if (BLANK.test(character)) {
			if (word !== undefined) words.push(word);
			word = undefined;
		} else if (character === "'" || character === '"') {
			const quoted = readQuoted(text, at, place);
			word = (word ?? '') + quoted.content;
			at = quoted.end;
		} else if (character === '\\') {
			if (at + 1 === text.length) throw usageError(`${place}: expected a character after the last backslash, got none`);
			word = (word ?? '') + text[++at];
		} else if (OPERATOR.test(character)) {
			throw usageError(
				`${place}: expected the words of one program, got ${JSON.stringify(character)} outside quotes`,
				`No shell runs it. Quote the character, or start a shell: sh -c '…'.`,
			);
		} else word = (word ?? '') + character;
	}
	if (word !== undefined) words.push(word);
	if (words.length === 0) throw usageError(`${place}: expected a program, got nothing`);
	return words;
}

/** The content of the quotes that begin at `start`, and where they end. */
function readQuoted(text: string, start: number, place: string): { content: string; end: number } {
	const quote = text[start]!;
	let content = '';
	for (let at = start + 1; at < text.length; at++) {
		const character = text[at]!;
		if (character === quote) return { content, end: at };
		if (quote === '"' && character === '\\' && ESCAPED_IN_QUOTES.test(text[at + 1] ?? '')) content += text[++at];
		else content += character;
	}
	throw usageError(`${place}: expected ${quote} at the end of ${JSON.stringify(text.slice(start))}`);
}

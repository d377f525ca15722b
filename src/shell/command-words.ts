// Splits a command's argument into words. Quotes keep blanks inside a word.
import { usageError } from '../base/errors.ts';

/** Throws a UserError if a quote is not closed. */
export function commandWords(argument: string): string[] {
	const words: string[] = [];
	let rest = argument.trim();
	while (rest !== '') {
		const match = /^(?:"([^"]*)"|'([^']*)'|([^\s"']\S*))(?:\s+|$)/.exec(rest);
		if (match === null) throw usageError(`expected a quote around a whole word, got ${JSON.stringify(rest)}`);
		words.push(match[1] ?? match[2] ?? match[3] ?? '');
		rest = rest.slice(match[0].length);
	}
	return words;
}

// The text of `help ERR_…` and `help errors`.
import { distance } from 'fastest-levenshtein';
import { ERROR_CODES, errorEntry } from '../base/error-codes.ts';
import { usageError } from '../base/errors.ts';

/** Help for an error code; undefined for other topics. Throws a UserError for an unknown code. */
export function errorHelp(topic: string): string | undefined {
	const wanted = topic.replace(/^\[|\]$/g, '').toUpperCase();
	if (!wanted.startsWith('ERR_')) return undefined;
	const entry = errorEntry(wanted);
	if (entry !== undefined) return `${wanted}\n  ${entry.meaning}\n  ${entry.hint}\n  exit status ${entry.exit ?? 1}\n`;
	const near = ERROR_CODES.map(([code]) => code).find((code) => distance(code, wanted) <= 2);
	throw usageError(
		`help: there is no error code ${JSON.stringify(topic)}`,
		near === undefined ? '`tinytap help errors` and `.help errors` list the codes.' : `Did you mean ${near}?`,
	);
}

/** All codes with their meaning. */
export function errorEntries(): { readonly name: string; readonly text: string }[] {
	return ERROR_CODES.map(([code, { meaning }]) => ({ name: code, text: meaning }));
}

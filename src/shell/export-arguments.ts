// The arguments of `.export`: `--format har calls.txt WHERE status >= 500`.
import { usageError } from '../base/errors.ts';

export type ExportArguments = {
	/** As typed. */
	readonly file: string;
	readonly format: string | undefined;
	/** Undefined: all exchanges. */
	readonly where: string | undefined;
	/** Undefined: all bodies. */
	readonly keepBodies: string | undefined;
	readonly force: boolean;
	/** Undefined: as in the session. */
	readonly redact: boolean | undefined;
};

export const EXPORT_OPTIONS: readonly string[] = ['--force', '--format', '--keep-bodies', '--no-redact', '--redact'];

/** The words before WHERE, and the condition after it; undefined if there is no WHERE yet. */
export type ExportParts = {
	readonly words: readonly string[];
	readonly file: string | undefined;
	readonly condition: string | undefined;
};

/** Options whose value is the next word. */
const WITH_VALUE: ReadonlySet<string> = new Set(['--format', '--keep-bodies']);

const WORD = /\s*(?:"([^"]*)"|'([^']*)'|([^\s"']\S*))(?=\s|$)/y;

/** Splits the argument. Throws a UserError if quotes enclose only a part of a word. */
export function splitExport(argument: string): ExportParts {
	const words: string[] = [];
	let file: string | undefined;
	let at = 0;
	while (argument.slice(at).trim() !== '') {
		WORD.lastIndex = at;
		const match = WORD.exec(argument);
		if (match === null)
			throw usageError(
				`.export: expected a quote around a whole word, got ${JSON.stringify(argument.slice(at).trim())}`,
			);
		const [all, inQuotes, inApostrophes, plain] = match;
		at += all.length;
		if (file !== undefined && plain?.toLowerCase() === 'where')
			return { words, file, condition: argument.slice(at).trim() };
		const word = inQuotes ?? inApostrophes ?? plain ?? '';
		if (file === undefined && !WITH_VALUE.has(words.at(-1) ?? '') && plain?.startsWith('--') !== true) file = word;
		words.push(word);
	}
	return { words, file, condition: undefined };
}

/** Parses the argument of `.export`. Throws a UserError if it is invalid. */
export function parseExport(argument: string): ExportArguments {
	const { words, file, condition } = splitExport(argument);
	if (file === undefined || file === '') throw usageError('.export: expected the name of a new file', EXAMPLE);
	if (condition === '') throw usageError('.export: expected a condition after WHERE, got nothing', EXAMPLE);
	let format: string | undefined;
	let keepBodies: string | undefined;
	let force = false;
	let redact: boolean | undefined;
	let isFileSeen = false;
	for (let index = 0; index < words.length; index++) {
		const word = words[index]!;
		if (!isFileSeen && word === file) isFileSeen = true;
		else if (word === '--force') force = true;
		else if (word === '--redact' || word === '--no-redact') redact = word === '--redact';
		else if (word === '--format') {
			format = words[++index];
			if (format === undefined) throw usageError('.export --format: expected a format, got nothing');
		} else if (word === '--keep-bodies') {
			keepBodies = words[++index];
			if (keepBodies === undefined || keepBodies.trim() === '')
				throw usageError(
					'.export --keep-bodies: expected an SQL condition in quotes, got nothing',
					'.export --keep-bodies "status >= 500" all.har',
				);
		} else if (word.startsWith('--'))
			throw usageError(`.export: expected ${EXPORT_OPTIONS.join(', ')}, got ${JSON.stringify(word)}`);
		else throw usageError(`.export: expected WHERE after the file, got ${JSON.stringify(word)}`, EXAMPLE);
	}
	return { file, format, where: condition, keepBodies, force, redact };
}

const EXAMPLE = 'For example: .export errors.har WHERE status >= 500';

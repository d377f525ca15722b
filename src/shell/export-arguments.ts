// The arguments of `.export` and `.report`: `--format har calls.txt WHERE status >= 500`.
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
	readonly open: boolean;
};

/** A command that writes exchanges into a file. */
export type FileCommand = { readonly name: string; readonly options: readonly string[]; readonly example: string };

export const EXPORT: FileCommand = {
	name: '.export',
	options: ['--force', '--format', '--keep-bodies', '--no-redact', '--redact'],
	example: '.export errors.har WHERE status >= 500',
};

export const REPORT: FileCommand = {
	name: '.report',
	options: ['--force', '--keep-bodies', '--no-redact', '--open', '--redact'],
	example: '.report errors.html WHERE status >= 500',
};

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
export function splitExport(argument: string, { name, options } = EXPORT): ExportParts {
	const words: string[] = [];
	let file: string | undefined;
	let at = 0;
	while (argument.slice(at).trim() !== '') {
		WORD.lastIndex = at;
		const match = WORD.exec(argument);
		if (match === null)
			throw usageError(
				`${name}: expected a quote around a whole word, got ${JSON.stringify(argument.slice(at).trim())}`,
			);
		const [all, inQuotes, inApostrophes, plain] = match;
		at += all.length;
		if (file !== undefined && plain?.toLowerCase() === 'where')
			return { words, file, condition: argument.slice(at).trim() };
		const word = inQuotes ?? inApostrophes ?? plain ?? '';
		const isValue = options.includes(words.at(-1) ?? '') && WITH_VALUE.has(words.at(-1) ?? '');
		if (file === undefined && !isValue && plain?.startsWith('--') !== true) file = word;
		words.push(word);
	}
	return { words, file, condition: undefined };
}

/** Parses the argument of the command. Throws a UserError if it is invalid. */
export function parseExport(argument: string, command = EXPORT): ExportArguments {
	const { name, options } = command;
	const { words, file, condition } = splitExport(argument, command);
	const example = `For example: ${command.example}`;
	if (file === undefined || file === '') throw usageError(`${name}: expected the name of a new file`, example);
	if (condition === '') throw usageError(`${name}: expected a condition after WHERE, got nothing`, example);
	const given = new Set<string>();
	let format: string | undefined;
	let keepBodies: string | undefined;
	let redact: boolean | undefined;
	let isFileSeen = false;
	for (let index = 0; index < words.length; index++) {
		const word = words[index]!;
		if (!isFileSeen && word === file) isFileSeen = true;
		else if (word.startsWith('--') && !options.includes(word))
			throw usageError(`${name}: expected ${options.join(', ')}, got ${JSON.stringify(word)}`);
		else if (word === '--redact' || word === '--no-redact') redact = word === '--redact';
		else if (word === '--format') {
			format = words[++index];
			if (format === undefined) throw usageError(`${name} --format: expected a format, got nothing`);
		} else if (word === '--keep-bodies') {
			keepBodies = words[++index];
			if (keepBodies === undefined || keepBodies.trim() === '')
				throw usageError(
					`${name} --keep-bodies: expected an SQL condition in quotes, got nothing`,
					`${name} --keep-bodies "status >= 500" FILE`,
				);
		} else if (word.startsWith('--')) given.add(word);
		else throw usageError(`${name}: expected WHERE after the file, got ${JSON.stringify(word)}`, example);
	}
	const has = { force: given.has('--force'), open: given.has('--open') };
	return { file, format, where: condition, keepBodies, redact, ...has };
}

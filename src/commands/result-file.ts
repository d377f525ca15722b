// `-o FILE` of commands that print results: a new file, which is either whole or absent.
import { closeSync } from 'node:fs';
import { systemCode, usageError } from '../base/errors.ts';
import { fileError } from '../base/file-error.ts';
import type { InvokingUser } from '../base/invoking-user.ts';
import { createUserFile, removeUserFile } from '../base/user-files.ts';
import { resultFormatOf } from '../output/export-format.ts';
import { openWholeFile } from '../shell/result-output.ts';
import type { ShellSession } from '../shell/shell-session.ts';
import type { Options } from './options.ts';

/** Throws a UserError if the file cannot be created, before anything is captured. */
export function requireNewFile(path: string, user: InvokingUser): void {
	try {
		closeSync(createUserFile(path, user, false));
		removeUserFile(path, user);
	} catch (error) {
		const exists = 'Choose a new name, or use --force to replace the file.';
		throw fileError(path, error, systemCode(error) === 'EEXIST' ? exists : 'The directory must exist and be writable.');
	}
}

/** The options with the format of the file's extension, if none was chosen. Throws a UserError if the file exists. */
export function optionsForFile(options: Options, path: string | undefined): Options {
	if (path === undefined) return options;
	if (path === '') throw usageError('-o: expected the name of a new file, got nothing');
	if (!options.force) requireNewFile(path, options.user);
	const { presentation } = options;
	return { ...options, presentation: { ...presentation, format: presentation.format ?? resultFormatOf(path) } };
}

/** Runs `work` with results going to the file, if there is one; it is kept if `work` resolves. */
export async function intoFile<T>(
	shell: ShellSession,
	path: string | undefined,
	{ user, force }: Pick<Options, 'user' | 'force'>,
	work: () => Promise<T>,
): Promise<T> {
	if (path === undefined) return await work();
	const file = openWholeFile(path, user, force);
	try {
		await shell.setOutput(file, false);
		const result = await work();
		file.keep();
		return result;
	} finally {
		file.discard();
	}
}

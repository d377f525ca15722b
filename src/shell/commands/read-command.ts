// `.read FILE`: runs a file of statements and commands.
import { realpathSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { UserError, usageError } from '../../base/errors.ts';
import { fileError } from '../../base/file-error.ts';
import { readUserFile } from '../../base/user-files.ts';
import { userPath } from '../result-output.ts';
import { scriptSteps } from '../script.ts';
import type { ShellSession } from '../shell-session.ts';
import { StepRunner } from '../steps.ts';
import type { Command } from './command.ts';

export const READ_COMMAND: Command = {
	name: 'read',
	usage: '.read FILE',
	description:
		'run a file of statements and commands; in a file, FILE is relative to that file and must be in its directory or below',
	example: '.read checks/latency.sql',
	unsafe: true,
	argument: 'file',
	run: async (shell, argument, table) => {
		if (argument === '') throw usageError('.read: expected the name of a file');
		const path = pathToRead(shell, userPath(argument, shell.options.user));
		const runner = new StepRunner(shell, table, { place: path });
		await runner.runAll(scriptSteps(readScript(shell, path)));
		const failure = runner.endError();
		if (failure !== undefined) throw failure;
		return undefined;
	},
};

/** Throws a UserError if a script reads a file outside its directory. */
function pathToRead({ files, interactive }: ShellSession, name: string): string {
	const innermost = files.at(-1);
	if (innermost === undefined && interactive) return name;
	const path = resolve(innermost === undefined ? '.' : dirname(innermost), name);
	// Somebody else may have written the script, and error messages could quote parts of any file.
	const root = real(files[0] === undefined ? '.' : dirname(files[0]));
	const inside = relative(root, join(real(dirname(path)), basename(path)));
	if (inside !== '..' && !inside.startsWith('../') && !isAbsolute(inside)) return path;
	throw new UserError(
		`.read: expected a file in ${root}, where the script is, got ${path}`,
		'ERR_USAGE',
		'At the prompt, .read reads any file.',
	);
}

function real(path: string): string {
	try {
		return realpathSync(path);
	} catch {
		// The file does not exist; opening it reports that.
		return resolve(path);
	}
}

function readScript({ options, files, interactive }: ShellSession, path: string): string {
	const isPlain = files.length > 0 || !interactive;
	try {
		return readUserFile(path, options.user, { isPlain });
	} catch (error) {
		throw fileError(path, error, 'Give a file of SQL statements and commands.');
	}
}

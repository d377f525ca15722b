// `.read FILE`: runs a file of statements and commands.
import { usageError } from '../../base/errors.ts';
import { fileError } from '../../base/file-error.ts';
import { readUserFile } from '../../base/user-files.ts';
import { scriptSteps } from '../script.ts';
import { readablePath } from '../script-path.ts';
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
		const path = readablePath(shell, argument, '.read');
		const runner = new StepRunner(shell, table, { place: path });
		await runner.runAll(scriptSteps(readScript(shell, path)));
		const failure = runner.endError();
		if (failure !== undefined) throw failure;
		return undefined;
	},
};

function readScript({ options, files, interactive }: ShellSession, path: string): string {
	const isPlain = files.length > 0 || !interactive;
	try {
		return readUserFile(path, options.user, { isPlain });
	} catch (error) {
		throw fileError(path, error, 'Give a file of SQL statements and commands.');
	}
}

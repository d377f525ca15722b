// rc.sql in the user's configuration directory: statements and commands that the prompt runs first.
import { systemCode } from '../base/errors.ts';
import { fileError } from '../base/file-error.ts';
import { readOwnFile } from '../base/user-files.ts';
import type { CommandTable } from './commands/command.ts';
import { errorText } from './error-text.ts';
import { scriptSteps } from './script.ts';
import type { ShellSession } from './shell-session.ts';
import { StepRunner } from './steps.ts';

/** Runs the file, if it exists. Errors are printed; they end neither the file nor the shell. */
export async function runStartFile(shell: ShellSession, commands: CommandTable): Promise<void> {
	const { user, directories } = shell.options;
	const path = directories.startFile;
	try {
		const steps = scriptSteps(readOwnFile(path, user));
		await new StepRunner(shell, commands, { place: path, inScript: false, goesOn: true }).runAll(steps);
	} catch (error) {
		if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(systemCode(error) ?? '')) return;
		shell.tell(errorText(systemCode(error) === undefined ? error : fileError(path, error, ''), shell.asideTheme));
	}
}

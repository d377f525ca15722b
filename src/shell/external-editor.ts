// Edits a statement in the user's editor.
import { randomBytes } from 'node:crypto';
import { closeSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemCode, UserError } from '../base/errors.ts';
import type { InvokingUser } from '../base/invoking-user.ts';
import { systemProblem } from '../base/system-problem.ts';
import { createUserFile, readUserFile, removeUserFile } from '../base/user-files.ts';
import { commandWords, lendTerminal, startForUser } from './user-program.ts';

const DEFAULT_EDITOR = 'vi';

/** The command line for a value of $VISUAL or $EDITOR, with the file as the last argument. */
export function editorWords(
	file: string,
	environment: Readonly<Record<string, string | undefined>>,
): readonly string[] {
	const command = [environment.VISUAL, environment.EDITOR, DEFAULT_EDITOR].find((each) => (each ?? '').trim() !== '')!;
	return commandWords(command, file);
}

/** Opens `text` in the editor and resolves to what was saved, or to undefined if the editor failed. */
export async function editText(text: string, user: InvokingUser): Promise<string | undefined> {
	// The file is readable only by the user, and its name cannot be guessed.
	const file = join(tmpdir(), `tinytap-${randomBytes(8).toString('hex')}.sql`);
	const remove = () => removeUserFile(file, user);
	const fd = createUserFile(file, user, false);
	process.once('exit', remove);
	try {
		try {
			writeSync(fd, text);
		} finally {
			closeSync(fd);
		}
		const status = await runEditor(editorWords(file, process.env), user);
		return status === 0 ? readUserFile(file, user, { isPlain: true }) : undefined;
	} finally {
		process.removeListener('exit', remove);
		remove();
	}
}

async function runEditor([program = '', ...words]: readonly string[], user: InvokingUser): Promise<number | null> {
	const takeBack = lendTerminal();
	try {
		const child = startForUser(program, words, user, 'inherit');
		// The editor must not outlive the shell.
		const kill = () => child.kill();
		process.once('exit', kill);
		try {
			return await new Promise<number | null>((resolve, reject) => {
				child.once('error', reject);
				child.once('close', resolve);
			});
		} finally {
			process.removeListener('exit', kill);
		}
	} catch (error) {
		throw new UserError(
			`cannot start the editor ${program}: ${systemProblem(systemCode(error) ?? String(error))}`,
			'ERR_USAGE',
			'Name another editor in $VISUAL or $EDITOR.',
		);
	} finally {
		takeBack();
	}
}

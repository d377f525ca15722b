// A statement in the user's editor.
import { chownSync, closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemCode, UserError } from '../base/errors.ts';
import type { InvokingUser } from '../base/invoking-user.ts';
import { systemProblem } from '../base/system-problem.ts';
import { readUserFile } from '../base/user-files.ts';
import { lendTerminal, startForUser } from './user-program.ts';

const DEFAULT_EDITOR = 'vi';

/** What needs a shell to be understood. */
const SHELL_SYNTAX = /[|&;<>()$`\\"'*?[\]#~=%!{}]/;

/** The program and its arguments for a value of $VISUAL or $EDITOR, with the file as the last one. */
export function editorWords(
	file: string,
	environment: Readonly<Record<string, string | undefined>>,
): readonly string[] {
	const command = [environment.VISUAL, environment.EDITOR, DEFAULT_EDITOR].find((each) => (each ?? '').trim() !== '')!;
	return SHELL_SYNTAX.test(command)
		? ['/bin/sh', '-c', `${command} "$0"`, file]
		: [...command.trim().split(/\s+/), file];
}

/** Opens `text` in the editor and resolves to what was saved; undefined if the editor ended with an error. */
export async function editText(text: string, user: InvokingUser): Promise<string | undefined> {
	// mkdtemp makes it readable by its owner only.
	const directory = mkdtempSync(join(tmpdir(), 'tinytap-'));
	const remove = () => rmSync(directory, { recursive: true, force: true });
	process.once('exit', remove);
	try {
		const file = join(directory, 'statement.sql');
		const fd = openSync(file, 'wx', 0o600);
		try {
			writeSync(fd, text);
		} finally {
			closeSync(fd);
		}
		if (user.other) for (const path of [file, directory]) chownSync(path, user.uid, user.gid);
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
		// It must not outlive the shell.
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
			'$VISUAL or $EDITOR names it.',
		);
	} finally {
		takeBack();
	}
}

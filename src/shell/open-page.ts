// `--open`: shows a page in the user's browser.
import { platform } from 'node:os';
import { resolve } from 'node:path';
import { systemCode } from '../base/errors.ts';
import type { InvokingUser } from '../base/invoking-user.ts';
import { systemProblem } from '../base/system-problem.ts';
import { wait } from '../base/wait.ts';
import { startForUser } from './user-program.ts';

/** A program that opens files, unless it fails, may run for as long as the browser does. */
const PATIENCE_MS = 1500;

/** What opens a file with the user's program for its type. */
function opener(system: NodeJS.Platform): readonly string[] {
	if (system === 'darwin') return ['open'];
	return system === 'win32' ? ['explorer.exe'] : ['xdg-open'];
}

/** Starts the browser as the user. Resolves to why that failed; undefined if it did not fail. */
export async function openPage(
	path: string,
	user: InvokingUser,
	[program = '', ...words] = opener(platform()),
): Promise<string | undefined> {
	const child = startForUser(program, [...words, resolve(path)], user, 'ignore');
	const failed = new Promise<string | undefined>((done) => {
		child.once('error', (error) =>
			done(`cannot start ${program}: ${systemProblem(systemCode(error) ?? String(error))}`),
		);
		// Explorer always ends with status 1.
		child.once('exit', (code) =>
			done(code === 0 || program === 'explorer.exe' ? undefined : `${program} ended with status ${code}`),
		);
	});
	const patience = new AbortController();
	const why = await Promise.race([failed, wait(PATIENCE_MS, patience.signal).then(() => undefined)]);
	patience.abort();
	child.unref();
	return why;
}

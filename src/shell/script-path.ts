// Which files a script may read: those in its directory or below.
import { realpathSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { UserError } from '../base/errors.ts';
import { userPath } from './result-output.ts';
import type { ShellSession } from './shell-session.ts';

/**
 * The path of a file named in a command or statement, called `what` in errors. In a script, the name is relative to the
 * script. Throws a UserError if a script names a file outside its directory. `isTyped`: outside scripts, the user wrote the
 * command or statement, even if there is no prompt.
 */
export function readablePath(shell: ShellSession, named: string, what: string, isTyped = false): string {
	const { files, interactive, options } = shell;
	const name = userPath(named, options.user);
	const innermost = files.at(-1);
	if (innermost === undefined && (interactive || isTyped)) return name;
	const path = resolve(innermost === undefined ? '.' : dirname(innermost), name);
	if (shell.isTrusted) return path;
	// Somebody else may have written the script, and error messages could quote parts of any file.
	const root = real(files[0] === undefined ? '.' : dirname(files[0]));
	const inside = relative(root, join(real(dirname(path)), basename(path)));
	if (inside !== '..' && !inside.startsWith('../') && !isAbsolute(inside)) return path;
	throw new UserError(
		`${what}: expected a file in ${root}, where the script is, got ${path}`,
		'ERR_USAGE',
		`At the prompt, and in a script that you run with --unsafe, ${what} reads any file.`,
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

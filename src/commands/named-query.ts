// The file or saved query that a command line names.
import { existsSync } from 'node:fs';
import { UserError } from '../base/errors.ts';
import { fileError } from '../base/file-error.ts';
import type { InvokingUser } from '../base/invoking-user.ts';
import { MAX_TEXT_BYTES, readUserInput, tooLong } from '../base/user-files.ts';
import { forTerminal } from '../output/terminal-text.ts';
import { loadQuery, type NamedScript, namedScript } from '../shell/query-values.ts';
import { findQuery, hidingNotice, type QueryDirectories, type SavedQuery } from '../shell/saved-queries.ts';
import type { Options } from './options.ts';
import { say } from './running-capture.ts';

/** A script, and its path for errors. */
export type FoundScript = { readonly script: NamedScript; readonly place: string };

/**
 * Reads a file (a name with a / or ending in .sql) or a saved query. If a saved query hides another, that is said on
 * stderr. Throws a UserError if there is none, or it cannot be read.
 */
export function findScript({ directories, user }: Options, name: string): FoundScript {
	if (name.includes('/') || name.endsWith('.sql'))
		return { script: namedScript(name, name, readScript(name, user)), place: name };
	const saved = savedQuery(directories.queries, name);
	const notice = hidingNotice(saved);
	if (notice !== undefined) say(`${forTerminal(notice)}\n`);
	return { script: loadQuery(saved), place: saved.path };
}

/** The saved query. The error of a name that is a file's tells how to name the file. */
function savedQuery(directories: QueryDirectories, name: string): SavedQuery {
	try {
		return findQuery(directories, name);
	} catch (error) {
		if (!(error instanceof UserError) || error.code !== 'ERR_NO_QUERY') throw error;
		const file = [name, `${name}.sql`].find((each) => existsSync(each));
		throw file === undefined ? error : new UserError(error.message, error.code, `For the file, write ./${file}.`);
	}
}

/** All of stdin. */
export async function readStdin(): Promise<string> {
	let text = '';
	process.stdin.setEncoding('utf8');
	for await (const chunk of process.stdin) {
		text += String(chunk);
		if (text.length > MAX_TEXT_BYTES) throw tooLong('stdin');
	}
	return text;
}

/** Reads a file, or a pipe as in `tinytap run <(…)`. */
function readScript(path: string, user: InvokingUser): string {
	try {
		return readUserInput(path, user);
	} catch (error) {
		throw fileError(path, error, 'Give a file of SQL statements.');
	}
}

// Saved queries: files NAME.sql in the directories of the project, the user and the package, searched in this order.
// The first comment line is the description.
import { join } from 'node:path';
import { distance } from 'fastest-levenshtein';
import { systemCode, UserError } from '../base/errors.ts';
import { fileError } from '../base/file-error.ts';
import type { InvokingUser } from '../base/invoking-user.ts';
import { listUserDirectory, readUserFile, UserDirectory } from '../base/user-files.ts';

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

export type QueryPlace = 'project' | 'user' | 'bundled';
export type SavedQuery = {
	readonly name: string;
	readonly place: QueryPlace;
	readonly path: string;
	/** The user who must be allowed to read it. */
	readonly user: InvokingUser;
	readonly description: string;
};

export type QueryDirectories = readonly {
	readonly place: QueryPlace;
	readonly path: string;
	readonly user: InvokingUser;
}[];

/** All saved queries. If several have the same name, only the one that `run` would find. */
export function listQueries(directories: QueryDirectories): SavedQuery[] {
	const found = new Map<string, SavedQuery>();
	for (const { place, path, user } of directories) {
		for (const file of queryFiles(path, user)) {
			const name = file.slice(0, -'.sql'.length);
			if (!NAME.test(name) || found.has(name)) continue;
			const full = join(path, file);
			found.set(name, { name, place, path: full, user, description: description(full, user) });
		}
	}
	return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The query called `name`. Throws UserError if the name is invalid or no query has it. */
export function findQuery(directories: QueryDirectories, name: string): SavedQuery {
	checkName(name);
	const all = listQueries(directories);
	const query = all.find((each) => each.name === name);
	if (query !== undefined) return query;
	const near = all.find((each) => distance(each.name, name) <= 2);
	throw new UserError(
		`there is no saved query ${JSON.stringify(name)}`,
		'ERR_NO_QUERY',
		near === undefined
			? 'List them with `.queries` or `tinytap queries`; save one with `.save NAME SQL`.'
			: `Did you mean ${near.name}?`,
	);
}

/** A saved query's text, if its user may read it. */
export function readQuery({ path, user }: SavedQuery): string {
	try {
		return readUserFile(path, user);
	} catch (error) {
		throw fileError(path, error, 'A saved query is a file of SQL statements.');
	}
}

/** Saves `sql` as the user's query `name`, mode 0600. Returns whether it replaced another query. */
export function saveQuery(path: string, name: string, sql: string, user: InvokingUser): boolean {
	checkName(name);
	try {
		const directory = UserDirectory.own(path, user);
		try {
			return directory.replace(`${name}.sql`, sql.endsWith('\n') ? sql : `${sql}\n`);
		} finally {
			directory.close();
		}
	} catch (error) {
		throw fileError(path, error, 'Saved queries are kept in that directory; it must be writable.');
	}
}

function checkName(name: string): void {
	if (NAME.test(name)) return;
	throw new UserError(
		`expected a name of letters, digits, ".", "_" and "-" that begins with a letter or digit (64 at most), got ${JSON.stringify(name)}`,
		'ERR_QUERY_NAME',
	);
}

function queryFiles(directory: string, user: InvokingUser): string[] {
	try {
		return listUserDirectory(directory, user).filter((file) => file.endsWith('.sql'));
	} catch (error) {
		if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return [];
		throw fileError(directory, error, 'The directory of saved queries must be readable.');
	}
}

function description(path: string, user: InvokingUser): string {
	let sql: string;
	try {
		sql = readUserFile(path, user);
	} catch (error) {
		if (systemCode(error) === undefined) throw error;
		return '(cannot be read)';
	}
	const line = sql.split('\n', 1)[0] ?? '';
	return line.startsWith('--') ? line.slice(2).trim() : '';
}

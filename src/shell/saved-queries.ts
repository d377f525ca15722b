// Saved queries: files NAME.sql in the directories of the project, the user and the package, searched in this order.
// query-header.ts reads the comment that they begin with.
import { join } from 'node:path';
import { distance } from 'fastest-levenshtein';
import { systemCode, UserError } from '../base/errors.ts';
import { fileError } from '../base/file-error.ts';
import type { InvokingUser } from '../base/invoking-user.ts';
import { listUserDirectory, readUserFile, UserDirectory } from '../base/user-files.ts';
import { NO_HEADER, type QueryHeader, readHeader } from './query-header.ts';

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** On Windows these names open devices, whatever their extension. */
const DEVICE = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

/** Lists read this much of a file, which is more than a header needs. */
const HEADER_BYTES = 16 * 1024;

export type QueryPlace = 'project' | 'user' | 'bundled';
export type SavedQuery = {
	readonly name: string;
	readonly place: QueryPlace;
	readonly path: string;
	/** The user on whose behalf the file is read, and who must be allowed to read it. */
	readonly user: InvokingUser;
	readonly header: QueryHeader;
	/** Why the header cannot be read. */
	readonly problem: string | undefined;
	/** Queries with the same name, which this one hides. */
	readonly hides: readonly { readonly place: QueryPlace; readonly path: string }[];
};

export type QueryDirectories = readonly {
	readonly place: QueryPlace;
	readonly path: string;
	readonly user: InvokingUser;
}[];

/** All saved queries. Of several with the same name, only the one that `run` would find. */
export function listQueries(directories: QueryDirectories): SavedQuery[] {
	const found = new Map<string, SavedQuery & { hides: { place: QueryPlace; path: string }[] }>();
	for (const { place, path, user } of directories) {
		for (const file of queryFiles(path, place, user)) {
			const name = file.slice(0, -'.sql'.length);
			if (!isName(name)) continue;
			const full = join(path, file);
			const first = found.get(name);
			if (first !== undefined) first.hides.push({ place, path: full });
			else found.set(name, { name, place, path: full, user, ...listedHeader(full, place, user), hides: [] });
		}
	}
	return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The queries that have all of these words in their name, title or description, in any case. */
export function searchQueries(directories: QueryDirectories, words: readonly string[]): SavedQuery[] {
	const wanted = words.map((word) => word.toLowerCase());
	return listQueries(directories).filter(({ name, header }) => {
		const text = `${name}\n${header.title}\n${header.description}`.toLowerCase();
		return wanted.every((word) => text.includes(word));
	});
}

/** The query called `name`. Throws a UserError if the name is invalid or does not exist. */
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

/** The text of a saved query, if its user may read it. */
export function readQuery({ path, place, user }: SavedQuery): string {
	try {
		return readUserFile(path, user, { isPlain: isForeign(place) });
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

/**
 * The notice before a query of the working directory runs in place of the user's or the bundled one. Whoever made
 * that directory chose the name. Undefined if the query hides none.
 */
export function hidingNotice({ name, place, path, hides }: SavedQuery): string | undefined {
	if (!isForeign(place) || hides.length === 0) return undefined;
	const hidden = hides.map((each) => `the ${each.place} query ${each.path}`).join(' and ');
	return `tinytap: warning: ${name} is the project query ${path}, which hides ${hidden}`;
}

/** A project's directory may come from somebody else, for example with a repository. */
function isForeign(place: QueryPlace): boolean {
	return place === 'project';
}

function isName(name: string): boolean {
	return NAME.test(name) && !DEVICE.test(name);
}

/** Throws a UserError if no query can have this name. */
export function checkName(name: string): void {
	if (isName(name)) return;
	throw new UserError(
		`expected a name of letters, digits, ".", "_" and "-" that begins with a letter or digit (64 at most), got ${JSON.stringify(name)}`,
		'ERR_QUERY_NAME',
	);
}

function queryFiles(directory: string, place: QueryPlace, user: InvokingUser): string[] {
	try {
		return listUserDirectory(directory, user, isForeign(place) ? 'plain files' : 'all').filter((file) =>
			file.endsWith('.sql'),
		);
	} catch (error) {
		// Whatever is wrong with a project's file, the other queries stay usable.
		if (isForeign(place) || systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return [];
		throw fileError(directory, error, 'The directory of saved queries must be readable.');
	}
}

function listedHeader(path: string, place: QueryPlace, user: InvokingUser): Pick<SavedQuery, 'header' | 'problem'> {
	try {
		const text = readUserFile(path, user, { isPlain: isForeign(place), bytes: HEADER_BYTES });
		const isCut = Buffer.byteLength(text) >= HEADER_BYTES;
		return { header: readHeader(isCut ? text.slice(0, text.lastIndexOf('\n') + 1) : text, path), problem: undefined };
	} catch (error) {
		if (error instanceof UserError && error.code === 'ERR_QUERY_HEADER')
			return { header: NO_HEADER, problem: error.message };
		if (systemCode(error) === undefined) throw error;
		return { header: NO_HEADER, problem: 'cannot be read' };
	}
}

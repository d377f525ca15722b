// The user of the session: the one who typed `sudo tinytap`, not root. Usually the launcher has already switched this
// process to that user; with --keep-root it still runs as root. Files belong to that user and are stored in that user's
// directories. The home directory comes from the passwd entry, because sudo may set HOME to root's.
import { lstatSync, readFileSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { usageError } from './errors.ts';
import { launch } from './launch.ts';

export type InvokingUser = {
	readonly uid: number;
	readonly gid: number;
	readonly name: string;
	readonly home: string;
	/** True if it is not the user this process runs as. */
	readonly other: boolean;
};

/** `--user NAME`, else the sudo user, else the real user. Throws a UserError if NAME is unknown. */
export function invokingUser(name: string | undefined): InvokingUser {
	const own = process.getuid?.() ?? 0;
	if (name !== undefined) {
		const entry = passwd().find((each) => each.name === name);
		if (entry === undefined)
			throw usageError(`--user: expected the name of a user of this host, got ${JSON.stringify(name)}`);
		// The launcher has already switched this process to that user; with --keep-root it still runs as root.
		if (entry.uid !== own && (own !== 0 || (launch !== undefined && launch.mode !== 'keep-root')))
			throw usageError('--user: only root may run the session as another user');
		return { ...entry, other: entry.uid !== own };
	}
	const sudoUid = idOf(process.env.SUDO_UID) ?? 0;
	if (own === 0 && sudoUid !== 0) {
		const entry = passwd().find((each) => each.uid === sudoUid);
		const gid = entry?.gid ?? idOf(process.env.SUDO_GID) ?? sudoUid;
		return { uid: sudoUid, gid, name: entry?.name ?? String(sudoUid), home: entry?.home ?? '/', other: true };
	}
	return processUser();
}

/** The user this process runs as. */
export function processUser(): InvokingUser {
	const own = process.getuid?.() ?? 0;
	const entry = passwd().find((each) => each.uid === own);
	const gid = process.getgid?.() ?? 0;
	return {
		uid: own,
		gid,
		name: entry?.name ?? String(own),
		home: givenDirectory('HOME') ?? entry?.home ?? homedir(),
		other: false,
	};
}

function idOf(text: string | undefined): number | undefined {
	// To the kernel, the highest number means "do not change".
	return text !== undefined && /^\d{1,10}$/.test(text) && Number(text) < 0xffffffff ? Number(text) : undefined;
}

/**
 * A directory named by the environment. Root's environment may come from another user (su, sudo -E), so root accepts only a
 * directory whose path nobody else can change.
 */
function givenDirectory(variable: string): string | undefined {
	const given = process.env[variable];
	if (given?.startsWith('/') !== true) return undefined;
	return process.getuid?.() !== 0 || isInRootsHands(given) ? given : undefined;
}

function isInRootsHands(path: string): boolean {
	try {
		return [resolve(path), realpathSync(path)].every((each) => {
			for (let part = each; ; part = dirname(part)) {
				const { uid, mode } = lstatSync(part);
				const othersMayWrite = (mode & 0o022) !== 0 && (mode & 0o1000) === 0 && (mode & 0o170000) !== 0o120000;
				if (uid !== 0 || othersMayWrite) return false;
				if (part === dirname(part)) return true;
			}
		});
	} catch {
		// The directory does not exist or cannot be read.
		return false;
	}
}

/**
 * The directories for data: from the XDG variables if they are this user's, otherwise their defaults in the home
 * directory.
 */
export function userDirectories(user: InvokingUser): {
	readonly config: string;
	readonly data: string;
	readonly state: string;
} {
	const xdg = (variable: string, fallback: string) => {
		const set = user.other ? undefined : givenDirectory(variable);
		return join(set ?? join(user.home, fallback), 'tinytap');
	};
	return {
		config: xdg('XDG_CONFIG_HOME', '.config'),
		data: xdg('XDG_DATA_HOME', '.local/share'),
		state: xdg('XDG_STATE_HOME', '.local/state'),
	};
}

/** Ids of the groups the user is in. */
export function userGroups(user: InvokingUser): ReadonlySet<number> {
	const others = lines('/etc/group').flatMap((line) => {
		const [, , gid, members] = line.split(':');
		return members?.split(',').includes(user.name) === true ? [Number(gid)] : [];
	});
	return new Set([user.gid, ...others]);
}

type PasswdEntry = { readonly name: string; readonly uid: number; readonly gid: number; readonly home: string };

function passwd(): PasswdEntry[] {
	return lines('/etc/passwd').flatMap((line) => {
		const [name, , uid, gid, , home] = line.split(':');
		if (name === undefined || uid === undefined || gid === undefined || home === undefined) return [];
		return [{ name, uid: Number(uid), gid: Number(gid), home }];
	});
}

function lines(path: string): string[] {
	try {
		return readFileSync(path, 'utf8').split('\n');
	} catch {
		// Not a Unix system, or a container without this file. The environment is used instead.
		return [];
	}
}

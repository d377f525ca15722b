// Whose session this is: the user who typed `sudo tinytap`, not root. Files go to that user's directories and belong to
// that user; the home directory comes from the passwd entry, since sudo may leave HOME as root's.
import { chownSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { usageError } from './errors.ts';

export type InvokingUser = {
	readonly uid: number;
	readonly gid: number;
	readonly name: string;
	readonly home: string;
	/** The user is not the one this process runs as. */
	readonly other: boolean;
};

/** `--user NAME`, else the sudo user, else the real user. Throws UserError when NAME is not known. */
export function invokingUser(name: string | undefined): InvokingUser {
	const own = process.getuid?.() ?? 0;
	if (name !== undefined) {
		const entry = passwd().find((each) => each.name === name);
		if (entry === undefined)
			throw usageError(`--user: expected the name of a user of this host, got ${JSON.stringify(name)}`);
		return { ...entry, other: entry.uid !== own };
	}
	const sudoUid = Number(process.env.SUDO_UID ?? Number.NaN);
	if (own === 0 && Number.isInteger(sudoUid) && sudoUid !== 0) {
		const entry = passwd().find((each) => each.uid === sudoUid);
		const gid = Number(process.env.SUDO_GID ?? sudoUid);
		return { uid: sudoUid, gid, name: entry?.name ?? String(sudoUid), home: entry?.home ?? '/', other: true };
	}
	const entry = passwd().find((each) => each.uid === own);
	const gid = process.getgid?.() ?? 0;
	return {
		uid: own,
		gid,
		name: entry?.name ?? String(own),
		home: process.env.HOME ?? entry?.home ?? homedir(),
		other: false,
	};
}

/** Where things are kept: XDG's variables where they are this user's, else its defaults below the home directory. */
export function userDirectories(user: InvokingUser): {
	readonly config: string;
	readonly data: string;
	readonly state: string;
} {
	const xdg = (variable: string, fallback: string) => {
		const set = user.other ? undefined : process.env[variable];
		return join(set?.startsWith('/') === true ? set : join(user.home, fallback), 'tinytap');
	};
	return {
		config: xdg('XDG_CONFIG_HOME', '.config'),
		data: xdg('XDG_DATA_HOME', '.local/share'),
		state: xdg('XDG_STATE_HOME', '.local/state'),
	};
}

/** Makes a directory, 0700, with those above it that are missing, all owned by the user. */
export function makeDirectory(path: string, user: InvokingUser): void {
	if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return;
	makeDirectory(dirname(path), user);
	mkdirSync(path, { mode: 0o700 });
	if (user.other) chownSync(path, user.uid, user.gid);
}

type PasswdEntry = { readonly name: string; readonly uid: number; readonly gid: number; readonly home: string };

function passwd(): PasswdEntry[] {
	let text: string;
	try {
		text = readFileSync('/etc/passwd', 'utf8');
	} catch {
		// Not a Unix, or no such file in this container: the environment has to do.
		return [];
	}
	return text.split('\n').flatMap((line) => {
		const [name, , uid, gid, , home] = line.split(':');
		if (name === undefined || uid === undefined || gid === undefined || home === undefined) return [];
		return [{ name, uid: Number(uid), gid: Number(gid), home }];
	});
}

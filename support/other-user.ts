// A user other than the one who runs the tests, with its own home directory and groups. The user exists only in a mount
// namespace, so the machine's own users are not affected.
import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from './servers.ts';

export type OtherUser = {
	readonly name: string;
	readonly uid: number;
	readonly gid: number;
	/** All of its groups, in ascending order. */
	readonly groups: readonly number[];
	readonly home: string;
	/** Command prefix that runs a program as root, in a namespace where this user is known. */
	readonly asRoot: readonly string[];
	/** The same, as this user. */
	readonly asUser: readonly string[];
	/** The same, as this user by way of sudo, with sudo's environment. */
	readonly bySudo: readonly string[];
	/** The variables that sudo sets, for a start without sudo. */
	readonly sudoVariables: Readonly<Record<string, string>>;
	readonly remove: () => void;
};

const NAME = 'tapper';
const UID = 4242;
const GROUPS = [4242, 4243, 4244];

/** Mounts the user's files over those of the same names in /etc, and executes the remaining words. */
const ENTER = `for name in passwd group shadow sudoers; do mount --bind "$0/$name" "/etc/$name" || exit 99; done; exec "$@"`;

export function otherUser(): OtherUser {
	const directory = temporaryDirectory();
	chmodSync(directory.path, 0o755);
	const home = join(directory.path, 'home');
	mkdirSync(home, { mode: 0o755 });
	chownSync(home, UID, UID);
	const file = (name: string, text: string, mode: number) => {
		writeFileSync(join(directory.path, name), text);
		chmodSync(join(directory.path, name), mode);
	};
	const more = (name: string, lines: readonly string[]) =>
		`${readFileSync(`/etc/${name}`, 'utf8')}${lines.join('\n')}\n`;
	file('passwd', more('passwd', [`${NAME}:x:${UID}:${UID}::${home}:/bin/sh`]), 0o644);
	file(
		'group',
		more(
			'group',
			GROUPS.map((gid) => `group${gid}:x:${gid}:${gid === UID ? '' : `somebody,${NAME}`}`),
		),
		0o644,
	);
	file('shadow', more('shadow', [`${NAME}:*:20000:0:99999:7:::`]), 0o600);
	file('sudoers', `Defaults !requiretty, !use_pty\nroot ALL=(ALL) ALL\n${NAME} ALL=(ALL) NOPASSWD: ALL\n`, 0o440);
	const asRoot = ['unshare', '--mount', 'sh', '-c', ENTER, directory.path];
	const asUser = [
		...asRoot,
		...['setpriv', '--reuid', String(UID), '--regid', String(UID), '--groups', GROUPS.join(), '--inh-caps=-all'],
		...['env', `HOME=${home}`, `USER=${NAME}`, `LOGNAME=${NAME}`],
	];
	return {
		name: NAME,
		uid: UID,
		gid: UID,
		groups: GROUPS,
		home,
		asRoot,
		asUser,
		bySudo: [...asUser, 'sudo', '-n', `PATH=${process.env.PATH ?? ''}`],
		sudoVariables: { SUDO_UID: String(UID), SUDO_GID: String(UID), SUDO_USER: NAME, SUDO_COMMAND: 'tinytap' },
		remove: directory.remove,
	};
}

// The setting for tests of privileges: a user other than root, an installation that this user may read, and a
// directory.

import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync } from 'node:fs';
import { after } from 'node:test';
import { type Installed, installed } from './installed.ts';
import { type OtherUser, otherUser } from './other-user.ts';
import { temporaryDirectory } from './servers.ts';

export type SessionOfUser = {
	readonly user: OtherUser;
	readonly place: Installed;
	/** Belongs to root; everybody may read it. */
	readonly directory: string;
};

/** Everything is removed after the tests of the calling file. */
export function sessionOfUser(): SessionOfUser {
	const user = otherUser();
	const place = installed();
	const directory = temporaryDirectory();
	chmodSync(directory.path, 0o755);
	after(() => {
		for (const { remove } of [user, place, directory]) remove();
	});
	return { user, place, directory: directory.path };
}

/** The capabilities of docs/running-without-root.md. */
export const CAPABILITIES =
	'cap_bpf,cap_perfmon,cap_sys_ptrace,cap_sys_nice,cap_dac_read_search,cap_setuid,cap_setgid,cap_setpcap';

/** Lets the members of a group start the launcher, and gives it these capabilities. */
export function giveCapabilities(launcher: string, group: number, capabilities = CAPABILITIES): void {
	chownSync(launcher, 0, group);
	chmodSync(launcher, 0o750);
	const { status, stderr } = spawnSync('setcap', [`${capabilities}=ep`, launcher], { encoding: 'utf8' });
	if (status !== 0) throw new Error(stderr);
}

// Who may start the launcher with the rights that a capture needs, and how to become one of them.
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { FILES } from '../base/installation.ts';
import { shortPath } from '../base/working-directory.ts';
import { inUserNamespace } from './namespaces.ts';

/** False for a user outside the group of a launcher that only its group may start (docs/running-without-root.md). */
export function mayStartLauncher(): boolean {
	try {
		accessSync(FILES.programWithRights, constants.X_OK);
		return true;
	} catch (error) {
		// Missing, it is not the rights that are missing.
		return !(error instanceof Error && 'code' in error && error.code === 'EACCES');
	}
}

/** The command that starts this one as root with the same Node. */
export function sudoLine(): string {
	return `sudo env "PATH=$PATH" ${shortPath(FILES.launcher)}`;
}

/** A sentence for whoever may not capture. */
export function howToGetRights(): string {
	if (inUserNamespace())
		return 'Run it outside this user namespace (rootless containers use one), where root has rights over the kernel.';
	if (process.getuid?.() === 0)
		return 'This is root without capabilities, as in a container: add CAP_BPF, CAP_PERFMON and the others of docs/running-without-root.md, or run it outside.';
	const asRoot = `Run it as root: ${sudoLine()}`;
	if (mayStartLauncher()) return asRoot;
	const group = launcherGroup();
	return group === undefined
		? asRoot
		: `Members of group ${group} may start it: ask to become one. Or run it as root: ${sudoLine()}`;
}

function launcherGroup(): string | undefined {
	try {
		const { gid } = statSync(FILES.programWithRights);
		const entries = readFileSync('/etc/group', 'utf8')
			.split('\n')
			.map((line) => line.split(':'));
		return entries.find(([, , id]) => id === String(gid))?.[0] ?? String(gid);
	} catch {
		// The directory is not for this user either.
		return undefined;
	}
}

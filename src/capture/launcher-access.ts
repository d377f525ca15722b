// Finds out who may start the launcher with the privileges that a capture needs, and how to become one of these users.
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { FILES, hasOwnNode } from '../base/installation.ts';
import { shortPath } from '../base/working-directory.ts';
import { containerRights, hostSystem } from './host-system.ts';
import { inUserNamespace } from './namespaces.ts';

/** False for a user outside the group of a launcher that only its group may start (docs/running-without-root.md). */
export function mayStartLauncher(): boolean {
	try {
		accessSync(FILES.programWithRights, constants.X_OK);
		return true;
	} catch (error) {
		// If the launcher is missing, the problem is not a lack of permission.
		return !(error instanceof Error && 'code' in error && error.code === 'EACCES');
	}
}

/** What a user types to start this program. */
export function startCommand(): string {
	if (FILES.checkoutProgram !== undefined) return shortPath(FILES.checkoutProgram);
	// The single file, wherever the user keeps it.
	return process.env.TINYTAP_SINGLE_FILE ?? 'tinytap';
}

/** The command that starts the same program as root with the same Node. */
export function sudoLine(): string {
	return hasOwnNode() ? `sudo ${startCommand()}` : `sudo env "PATH=$PATH" ${startCommand()}`;
}

/** A sentence for users who may not capture. */
export function howToGetRights(): string {
	if (inUserNamespace())
		return 'Run it outside this user namespace (rootless containers use one), where root has rights over the kernel.';
	if (process.getuid?.() === 0)
		return `This is root without capabilities, as in a container. ${containerRights(hostSystem())}`;
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
		// This user may not enter the directory either.
		return undefined;
	}
}

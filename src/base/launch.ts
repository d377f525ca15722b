// What the launcher (native/privileged/launcher.c) has prepared for this process.

/** How the session got its privileges. */
export type LaunchMode =
	/** Root started tinytap; now it runs as the invoking user. */
	| 'user'
	/** The invoking user is root: uid 0, but without capabilities. */
	| 'root'
	/** It runs as root, because of --keep-root. */
	| 'keep-root'
	/** The launcher has file capabilities. */
	| 'capabilities'
	/** There were no privileges to drop: only recordings can be read. */
	| 'none';

export type Launch = {
	readonly mode: LaunchMode;
	/** Descriptor of the socket to the attacher; undefined when there is none. */
	readonly attacher: number | undefined;
	/** The program after `--`, held, and the descriptor of the socket that releases it. */
	readonly command: { readonly pid: number; readonly control: number } | undefined;
	/** Name of the invoking user; '' if the host has none for its uid. */
	readonly user: string;
};

const MODES: readonly LaunchMode[] = ['user', 'root', 'keep-root', 'capabilities', 'none'];
const VARIABLE = 'TINYTAP_LAUNCH';

/** Undefined if the launcher did not start this process (on another system, or in a test). */
export const launch = readLaunch(process.env[VARIABLE]);
// Programs that this process starts must not see it.
delete process.env[VARIABLE];

/** Exported for tests. */
export function readLaunch(text: string | undefined): Launch | undefined {
	const match = /^mode=([a-z-]+),socket=(-?\d+),command=(\d+),control=(-?\d+),user=(.*)$/s.exec(text ?? '');
	const mode = MODES.find((each) => each === match?.[1]);
	if (match === null || mode === undefined) return undefined;
	const [socket, pid, control] = [Number(match[2]), Number(match[3]), Number(match[4])];
	return {
		mode,
		attacher: socket < 0 ? undefined : socket,
		command: control < 0 ? undefined : { pid, control },
		user: match[5] ?? '',
	};
}

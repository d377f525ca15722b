// What the launcher (native/privileged/launcher.c) has prepared for this process.

/** How the session's rights came about. */
export type LaunchMode =
	/** Root started it; it is the invoking user's now. */
	| 'user'
	/** The invoking user is root: uid 0, but without capabilities. */
	| 'root'
	/** Root, with --keep-root. */
	| 'keep-root'
	/** The launcher has file capabilities. */
	| 'capabilities'
	/** There were no rights to give up: only recordings can be read. */
	| 'none';

export type Launch = {
	readonly mode: LaunchMode;
	/** Descriptor of the socket to the attacher; undefined when there is none. */
	readonly attacher: number | undefined;
	/** The program after `--`, held, and the descriptor of the socket that releases it. */
	readonly command: { readonly pid: number; readonly control: number } | undefined;
	/** Name of the invoking user; '' when the host has none for its uid. */
	readonly user: string;
};

const MODES: readonly LaunchMode[] = ['user', 'root', 'keep-root', 'capabilities', 'none'];
const VARIABLE = 'TINYTAP_LAUNCH';

/** Undefined: not started by the launcher (another system, or a test). */
export const launch = readLaunch(process.env[VARIABLE]);
// Not for the programs that this one starts.
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

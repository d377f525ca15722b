// The settings of a capture: parsed, checked and complete.

import type { InvokingUser } from '../base/invoking-user.ts';

export const DEFAULT_BODY_LIMIT = 64 * 1024;

/** Ports from `first` to `last`, both included. */
export type PortRange = { readonly first: number; readonly last: number };

/** Which processes and connections are captured; an empty list does not restrict anything. */
export type CaptureFilters = {
	/** Processes, including their children. */
	readonly pids: readonly number[];
	/** Names of processes, or of the files they execute. */
	readonly comms: readonly string[];
	/** TCP ports of either end. */
	readonly ports: readonly PortRange[];
	/** Paths of cgroups (v2), as the column `cgroup` has them; processes below them are included. */
	readonly cgroups: readonly string[];
};

/** A position in a recording: an instant, or a duration from the beginning. */
export type ReplayPlace = { readonly epochUs: number } | { readonly afterMs: number };

/** Which recording is replayed, and how. */
export type ReplaySettings = {
	readonly path: string;
	/** Exchanges that began earlier are not shown. */
	readonly from?: ReplayPlace;
	/** The replay ends here. */
	readonly to?: ReplayPlace;
	/** Replays with the pauses of the capture, divided by this number; undefined: without pauses. */
	readonly speed?: number;
	/** Begin only when the tail is ready to print, so that the first pauses are kept, too. */
	readonly awaitsTail?: boolean;
};

/** How a recording is written. */
export type RecordSettings = {
	readonly path: string;
	readonly force: boolean;
	readonly compress?: boolean;
	/** Starts a new file when one has reached this size or age. `path` then gives the directory and the pattern of names. */
	readonly rotate?: { readonly bytes: number; readonly ms: number };
	/** How many files of a rotation are kept; undefined: all. */
	readonly keep?: number;
	/** Overwrites secrets. */
	readonly redact?: boolean;
	readonly meta: Readonly<Record<string, string | number>>;
};

export type CaptureSettings = {
	/** Read this recording instead of the kernel. */
	readonly replay?: ReplaySettings;
	/** Capture nothing, because only a store is asked. */
	readonly idle?: true;
	/** The owner of recordings. */
	readonly user: InvokingUser;
	/** Write everything captured to a recording. */
	readonly record?: RecordSettings;
	readonly filters: CaptureFilters;
	/** Also read the plaintext of TLS, in its libraries. */
	readonly tls?: boolean;
	/** Maximum body bytes kept per message; Infinity if unlimited. Undefined: the recording's, else DEFAULT_BODY_LIMIT. */
	readonly bodyLimit: number | undefined;
	/** Memory limit for rows and decoder, in bytes. */
	readonly maxMemory: number;
	/** Maximum rows kept; Infinity for as many as fit. */
	readonly maxRows: number;
	readonly ringSize: number;
	/** Maximum bytes copied of one call; Infinity if unlimited. */
	readonly callLimit: number;
	/** Maximum iovecs read in one call, 1 to CONTROL_IOVECS. */
	readonly iovecLimit: number;
	/** Ends the capture after this many finished rows; Infinity for no limit. */
	readonly count: number;
	/** How long records gather before they are read, if there are not many; fewer wake-ups, but later rows. */
	readonly gatherMs?: number;
	/** The same while no process is new. */
	readonly calmGatherMs?: number;
	/** Report each step of the start as a remark. */
	readonly verbose: boolean;
	/** Descriptor of the socket to the attacher. Undefined: this process attaches, and needs the privileges. */
	readonly attacher: number | undefined;
	/** Files made by the build. */
	readonly files: { readonly bpfObject: string; readonly addon: string; readonly decoder: string };
};

// Handles Ctrl-C and the signals that end a process.

import { EXIT } from '../base/errors.ts';

/** After a second signal, how long an orderly shutdown may take. */
const ABORT_MS = 1000;

/** After a signal that ends the command, how long output may wait for its reader. */
export const INTERRUPTED_MS = 500;

export type Interrupts = {
	/** Resolves at the first SIGINT (or SIGTERM, SIGHUP). */
	readonly first: Promise<void>;
	readonly count: number;
	/** Called at every SIGINT, once it is set. */
	onInterrupt: (() => void) | undefined;
};

/** Replaces the default action of these signals. */
export function listenForInterrupts(): Interrupts {
	let count = 0;
	let resolveFirst: () => void;
	const interrupts = {
		first: new Promise<void>((resolve) => {
			resolveFirst = resolve;
		}),
		get count() {
			return count;
		},
		onInterrupt: undefined as (() => void) | undefined,
	};
	for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
		process.on(signal, () => {
			count++;
			resolveFirst();
			// Nothing else ends a thread that is stuck in a system call.
			if (count > 1) setTimeout(() => process.exit(EXIT.interrupted), ABORT_MS).unref();
			interrupts.onInterrupt?.();
		});
	}
	return interrupts;
}

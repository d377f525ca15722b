// Ctrl-C and the signals that end a process.

import { EXIT } from '../base/errors.ts';

/** What an orderly end may take after the second signal. */
const ABORT_MS = 1000;

export type Interrupts = {
	/** Resolves at the first SIGINT (or SIGTERM, SIGHUP). */
	readonly first: Promise<void>;
	readonly count: number;
	/** Called at every SIGINT after this was set. */
	onInterrupt: (() => void) | undefined;
};

/** Listens from now on; the default action of these signals is gone. */
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
			// A thread that is stuck in a call of the system cannot be ended in any other way.
			if (count > 1) setTimeout(() => process.exit(EXIT.interrupted), ABORT_MS).unref();
			interrupts.onInterrupt?.();
		});
	}
	return interrupts;
}

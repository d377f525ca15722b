// `-- COMMAND ARG…`: the launcher starts this program before the capture, as the invoking user, and holds it until the
// probes are attached, so that its first byte is seen. Only it and its children are captured.
import { closeSync, readSync, writeSync } from 'node:fs';
import { getSystemErrorName } from 'node:util';
import { UserError } from '../base/errors.ts';
import { FILES } from '../base/installation.ts';
import type { Launch } from '../base/launch.ts';
import { systemProblem } from '../base/system-problem.ts';
import { loadNativeAddon } from '../capture/native-addon.ts';

export type HeldCommand = {
	readonly pid: number;
	/** Lets the program run. Throws a UserError if it cannot be executed. */
	release(): void;
	/** Resolves to its exit status, or to 128+N if signal N killed it. */
	readonly ended: Promise<number>;
	/** Kills the program if it is still held. */
	abandon(): void;
};

/** Takes over the program that the launcher holds. */
export function heldCommand(
	words: readonly string[],
	{ pid, control }: NonNullable<Launch['command']>,
	stdin: 'inherit' | 'ignore',
): HeldCommand {
	let open = true;
	const close = () => {
		if (open) closeSync(control);
		open = false;
	};
	return {
		pid,
		release() {
			writeSync(control, stdin === 'inherit' ? 'i' : 'n');
			const answer = Buffer.alloc(4);
			// An empty answer means that the program has begun.
			const length = readSync(control, answer);
			close();
			if (length < answer.length) return;
			const name = getSystemErrorName(-answer.readInt32LE(0));
			const problem = systemProblem(name);
			throw new UserError(
				`cannot start ${words[0] ?? ''}: ${problem}`,
				'ERR_COMMAND',
				'Give a program and its arguments after --.',
				// For other errors 126, as in a shell.
				name === 'ENOENT' ? undefined : 126,
			);
		},
		ended: loadNativeAddon(FILES.addon).waitForChild(pid),
		abandon: close,
	};
}

// `-- COMMAND ARG…`: a program that the launcher has started before the capture, with the rights of the invoking user, and
// holds until the probes are attached, so that its first byte is seen. Only it and its children are captured.
import { closeSync, readSync, writeSync } from 'node:fs';
import { getSystemErrorName } from 'node:util';
import { UserError } from '../base/errors.ts';
import { FILES } from '../base/installation.ts';
import type { Launch } from '../base/launch.ts';
import { systemProblem } from '../base/system-problem.ts';
import { loadNativeAddon } from '../capture/native-addon.ts';

export type HeldCommand = {
	readonly pid: number;
	/** Lets it run. Throws a UserError if it cannot be executed. */
	release(): void;
	/** Resolves to its exit status, or 128+N if signal N ended it. */
	readonly ended: Promise<number>;
	/** Ends it, if it is still held. */
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
			// It ends with nothing when the program has begun.
			const length = readSync(control, answer);
			close();
			if (length < answer.length) return;
			const name = getSystemErrorName(-answer.readInt32LE(0));
			const problem = systemProblem(name);
			throw new UserError(
				`cannot start ${words[0] ?? ''}: ${problem}`,
				'ERR_COMMAND',
				'Give a program and its arguments after --.',
				// Otherwise 126, as a shell does.
				name === 'ENOENT' ? undefined : 126,
			);
		},
		ended: loadNativeAddon(FILES.addon).waitForChild(pid),
		abandon: close,
	};
}

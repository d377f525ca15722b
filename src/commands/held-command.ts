// `-- COMMAND ARG…`: a program started before the capture and held until the probes are attached, so that its first byte
// is seen. Only it and its children are captured.
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { UserError } from '../base/errors.ts';
import type { InvokingUser } from '../base/invoking-user.ts';
import { wait } from '../base/wait.ts';

/** Time limit for the holding shell to stop itself. */
const HOLD_MS = 5000;

export type HeldCommand = {
	readonly pid: number;
	/** Lets it run. */
	release(): void;
	/** Resolves to its exit status, or 128+N if signal N ended it. */
	readonly ended: Promise<number>;
	/** Ends it, if it is still held. */
	abandon(): void;
};

/** Starts the program as the invoking user, with this process's environment and directory, and holds it. */
export async function holdCommand(
	words: readonly string[],
	user: InvokingUser,
	stdin: 'inherit' | 'ignore',
): Promise<HeldCommand> {
	// The shell stops itself. When it is continued, it becomes the program, with the same pid.
	const child = spawn('/bin/sh', ['-c', 'kill -STOP $$; exec "$@"', 'sh', ...words], {
		stdio: [stdin, 'inherit', 'inherit'],
		env: originalEnvironment(process.env),
		...(user.other ? { uid: user.uid, gid: user.gid } : {}),
	});
	const ended = endOf(child);
	await Promise.race([stopped(child), ended]);
	const { pid } = child;
	if (pid === undefined || child.exitCode !== null) {
		throw new UserError(`cannot start ${words[0] ?? ''}`, 'ERR_COMMAND', 'Give a program and its arguments after --.');
	}
	let released = false;
	return {
		pid,
		release: () => {
			released = true;
			child.kill('SIGCONT');
		},
		ended,
		abandon: () => {
			if (!released) child.kill('SIGKILL');
		},
	};
}

/** The environment as it was before bin/clean-environment. */
export function originalEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
	const kept = 'TINYTAP_ENV_';
	const entries = Object.entries(environment);
	return Object.fromEntries([
		...entries.filter(([name]) => !name.startsWith(kept)),
		...entries.filter(([name]) => name.startsWith(kept)).map(([name, value]) => [name.slice(kept.length), value]),
	]);
}

function endOf(child: ChildProcess): Promise<number> {
	return new Promise((resolve, reject) => {
		child.on('error', reject);
		child.on('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
	});
}

async function stopped(child: ChildProcess): Promise<void> {
	const deadline = Date.now() + HOLD_MS;
	while (Date.now() < deadline) {
		if (child.pid !== undefined && processState(child.pid) === 'T') return;
		await wait(2);
	}
	child.kill('SIGKILL');
	throw new UserError('the program could not be held until the probes are attached', 'ERR_COMMAND');
}

/** The state letter of /proc/PID/stat, after the name in parentheses. */
function processState(pid: number): string | undefined {
	try {
		const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
		return text.slice(text.lastIndexOf(')') + 2, text.lastIndexOf(')') + 3);
	} catch {
		// The process has ended.
		return undefined;
	}
}

// Starting programs inside a kernel under test.
import { type ChildProcess, spawn } from 'node:child_process';

/** Limits for steps and servers that hang. Emulated processors are some 20 times slower, on a busy machine 100 times. */
const STEP_MS = 600_000;

export const LAUNCHER = '/tinytap/build/tinytap-launcher';
/** The user who runs tinytap with sudo; see `initramfs.ts`. */
export const USER_ID = 1000;

export type Finished = {
	readonly exitCode: number | null;
	readonly signal: NodeJS.Signals | null;
	readonly output: string;
	readonly errors: string;
};

export type Started = {
	readonly child: ChildProcess;
	readonly output: () => string;
	readonly errors: () => string;
	readonly finished: Promise<Finished>;
	/** Resolves to true once its output or error output matches, or to false if it ends without a match. */
	readonly said: (pattern: RegExp) => Promise<boolean>;
};

export async function run(command: string, args: readonly string[], uid?: number): Promise<Finished> {
	return await start(command, args, uid === undefined ? {} : { uid }).finished;
}

/** Starts `tinytap ARGS` as if the user had run it with sudo. */
export function startTinytap(args: readonly string[]): Started {
	return start(LAUNCHER, args, { env: sudo() });
}

/** The same, on a terminal of its own; its standard output is what the terminal shows. */
export function startAtTerminal(args: readonly string[]): Started {
	const words = ['-qefc', [LAUNCHER, ...args].join(' '), '/dev/null'];
	return start('script', words, { env: { ...sudo(), TERM: 'xterm', NO_COLOR: '1' } });
}

function sudo(): NodeJS.ProcessEnv {
	return { ...process.env, SUDO_UID: `${USER_ID}`, SUDO_GID: `${USER_ID}`, SUDO_USER: 'tester' };
}

/** Starts a program and kills it if it takes longer than a step may. Its standard input is a pipe. */
export function start(
	command: string,
	args: readonly string[],
	{ uid, env }: { readonly uid?: number; readonly env?: NodeJS.ProcessEnv } = {},
): Started {
	const child = spawn(command, args, {
		timeout: STEP_MS,
		killSignal: 'SIGKILL',
		...(env === undefined ? {} : { env }),
		...(uid === undefined ? {} : { uid, gid: uid }),
	});
	let output = '';
	let errors = '';
	child.stdout.setEncoding('utf8').on('data', (text: string) => {
		output += text;
	});
	child.stderr.setEncoding('utf8').on('data', (text: string) => {
		errors += text;
	});
	const finished = new Promise<Finished>((resolve, reject) => {
		child.on('error', reject);
		child.on('close', (exitCode, signal) => resolve({ exitCode, signal, output, errors }));
	});
	const said = (pattern: RegExp) =>
		new Promise<boolean>((resolve) => {
			const matches = () => pattern.test(errors) || pattern.test(output);
			const look = () => matches() && resolve(true);
			for (const stream of [child.stdout, child.stderr]) stream.on('data', look);
			child.on('close', () => resolve(matches()));
			look();
		});
	return { child, output: () => output, errors: () => errors, finished, said };
}

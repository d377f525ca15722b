// tinytap on a terminal that nobody reads, as after Ctrl-S or over a connection that hangs.
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { CLI, NODE_FLAGS, TEST_ENV, TINYTAP } from './tinytap.ts';

const PROGRAM = join(import.meta.dirname, 'unread_terminal.py');

export type Ended = {
	/** Exit status, or the negative number of the signal that ended it. */
	readonly status: number;
	/** Whether the terminal was left in raw mode. */
	readonly isRaw: boolean;
};

export type UnreadTerminal = {
	readonly pid: number;
	/** Ends everything. */
	readonly close: () => void;
	/** Reads the terminal from now on. */
	readonly read: () => void;
	/** Types text; escapes such as \x03 are written as in JavaScript. */
	readonly type: (text: string) => void;
	/** Everything read from the terminal so far, with lines that end in `\n`. */
	readonly shown: () => string;
	/** stderr, if it is not the terminal. */
	readonly errors: () => string;
	/** Resolves when tinytap ends; throws after `seconds`. */
	readonly ended: (seconds: number) => Promise<Ended>;
};

/**
 * Starts `tinytap ARGS`. `errorsApart`: stderr is a pipe. `under`: a program that starts tinytap by executing its
 * arguments. `captures`: use the launcher, which a live capture needs.
 */
export async function openUnreadTerminal(
	args: readonly string[],
	options: { errorsApart?: boolean; under?: readonly string[]; captures?: boolean } = {},
): Promise<UnreadTerminal> {
	const apart = options.errorsApart === true ? ['--errors-apart'] : [];
	const program = options.captures === true ? TINYTAP : [process.execPath, ...NODE_FLAGS, CLI];
	const words = [...(options.under ?? []), ...program, ...args];
	const child: ChildProcess = spawn('python3', [PROGRAM, ...apart, ...words], { env: { ...TEST_ENV, TERM: 'xterm' } });
	let out = '';
	let errors = '';
	child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
		out += chunk;
	});
	child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
		errors += chunk;
	});
	const text = () => out.replaceAll('\r\n', '\n');
	const pid = await eventually(
		() => /^pid (\d+)\n/.exec(out)?.[1],
		() => `the terminal did not start: ${errors}`,
	);
	return {
		pid: Number(pid),
		close: () => child.kill('SIGKILL'),
		read: () => child.stdin?.write('read\n'),
		type: (typed) => child.stdin?.write(`type ${JSON.stringify(typed).slice(1, -1)}\n`),
		shown: () => text().replace(/^pid \d+\n/, ''),
		errors: () => errors,
		ended: async (seconds) => {
			const [, status, mode] = await eventually(
				() => /^ended (-?\d+) (raw|sane)$/m.exec(text()) ?? undefined,
				() => `it has not ended: ${text()}${errors}`,
				seconds,
			);
			return { status: Number(status), isRaw: mode === 'raw' };
		},
	};
}

// A program on a terminal whose output the test sees byte by byte: `script` copies the output and types its input.
import { type ChildProcess, spawn } from 'node:child_process';
import { eventually } from './eventually.ts';
import { TEST_ENV } from './tinytap.ts';

export type ScriptedTerminal = {
	readonly child: ChildProcess;
	/** The output, each byte as one character. */
	readonly shown: () => string;
	readonly type: (text: string) => void;
	/** Resolves when `text` has been printed `times` times. */
	readonly shows: (text: RegExp, times?: number) => Promise<void>;
	/** Resolves to the exit status. */
	readonly ended: Promise<number | null>;
};

export function scriptedTerminal(words: readonly string[], env: NodeJS.ProcessEnv = {}): ScriptedTerminal {
	const command = words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
	const child = spawn('script', ['-qec', command, '/dev/null'], {
		env: { ...TEST_ENV, TERM: 'xterm', ...env },
		stdio: ['pipe', 'pipe', 'inherit'],
	});
	let shown = '';
	child.stdout.setEncoding('latin1').on('data', (text: string) => {
		shown += text;
	});
	const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
	return {
		child,
		shown: () => shown,
		type: (text) => void child.stdin.write(text),
		shows: async (text, times = 1) => {
			await eventually(
				() => (shown.match(new RegExp(text, 'g'))?.length ?? 0) >= times || undefined,
				() => `the terminal does not show ${text} ${times} times: ${shown.slice(-1000)}`,
				30,
				2,
			);
		},
		ended,
	};
}

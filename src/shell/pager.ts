// Shows long output in the user's pager.
import type { Writable } from 'node:stream';
import { systemCode } from '../base/errors.ts';
import type { InvokingUser } from '../base/invoking-user.ts';
import { systemProblem } from '../base/system-problem.ts';
import { forTerminal } from '../output/terminal-text.ts';
import type { Sink } from './sink.ts';
import { commandWords, lendTerminal, startForUser } from './user-program.ts';

const DEFAULT_PAGER = 'less -FRSX';

/**
 * Used if the user has set no options for less: colours, UTF-8, no wrapped lines, exit if the text fits the
 * screen.
 */
const LESS_ENVIRONMENT = { LESS: 'FRSX', LESSCHARSET: 'utf-8' };

/** Limit of text waiting for the pager, so that a statement can end although nobody scrolls. */
const WAITING_BYTES = 32 << 20;

/** The command line for a value of $PAGER; undefined if output should not be paged. */
export function pagerWords(command = DEFAULT_PAGER): readonly string[] | undefined {
	const text = command.trim();
	if (text === '' || text === 'cat') return undefined;
	return commandWords(text);
}

export type PagerWays = {
	readonly user: InvokingUser;
	/** The pager must not start programs or write files. Only less and compatible pagers can be told so. */
	readonly safe: boolean;
	/** Where the output goes if there is no pager or it cannot be started. */
	readonly sink: Sink;
	/** Called on Ctrl-C while the pager has the terminal. */
	readonly onInterrupt: () => void;
	readonly tell: (text: string) => void;
};

/** Runs `work` and shows its output in the pager. Resolves when the user has quit the pager. */
export async function withPager<T>(work: (sink: Sink) => Promise<T>, ways: PagerWays): Promise<T> {
	const { user, safe, sink, onInterrupt, tell } = ways;
	const words = pagerWords(process.env.PAGER);
	if (words === undefined) return await work(sink);
	const takeBack = lendTerminal(onInterrupt);
	const [file = '', ...rest] = words;
	const child = startForUser(
		file,
		rest,
		user,
		['pipe', 'inherit', 'inherit'],
		LESS_ENVIRONMENT,
		safe ? { LESSSECURE: '1' } : {},
	);
	const problem = await new Promise<string | undefined>((resolve) => {
		child.once('spawn', () => resolve(undefined));
		child.on('error', (error) => resolve(systemProblem(systemCode(error) ?? String(error))));
	});
	if (problem !== undefined) {
		takeBack();
		tell(
			`cannot start the pager ${forTerminal(file)}: ${problem}; change $PAGER, or turn the pager off with .pager off\n`,
		);
		return await work(sink);
	}
	const ended = new Promise<boolean>((resolve) => child.once('close', (_code, signal) => resolve(signal !== null)));
	// The pager must not outlive the shell.
	const kill = () => child.kill();
	process.once('exit', kill);
	try {
		return await work(pipeSink(child.stdin!, ended));
	} finally {
		child.stdin!.end();
		const isKilled = await ended;
		process.removeListener('exit', kill);
		takeBack(isKilled);
	}
}

/** A sink that writes to the pager. If the pager ends early, the output ends quietly. */
function pipeSink(stdin: Writable, ended: Promise<unknown>): Sink {
	let closed = false;
	const gone = new Promise<void>((resolve) => {
		const close = () => {
			closed = true;
			resolve();
		};
		// EPIPE: the pager has ended.
		stdin.on('error', close);
		stdin.on('close', close);
		ended.then(close, close);
	});
	const write = async (text: string) => {
		if (closed || text === '') return;
		stdin.write(text);
		if (stdin.writableLength < WAITING_BYTES) return;
		await Promise.race([new Promise((resolve) => stdin.once('drain', resolve)), gone]);
	};
	return {
		write,
		writeRows: (texts) => write(texts.join('')),
		get closed() {
			return closed;
		},
		gone,
		discard: () => undefined,
	};
}

// Programs that the shell starts for its user: a pager, an editor, the program of `.output |`. They run as the invoking
// user. While one of them has the terminal, the prompt neither reads keys nor prints.
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import type { InvokingUser } from '../base/invoking-user.ts';

/** Starts a program with the user's rights and environment. */
export function startForUser(
	file: string,
	words: readonly string[],
	user: InvokingUser,
	stdio: StdioOptions,
): ChildProcess {
	// Without --keep-root this process is that user's already.
	const identity = user.other ? { uid: user.uid, gid: user.gid } : {};
	const own = user.other ? { HOME: user.home, USER: user.name, LOGNAME: user.name } : {};
	return spawn(file, words, { stdio, env: { ...process.env, ...own }, ...identity });
}

/** Messages that wait for the end of the program that has the terminal. */
const held: (() => void)[] = [];
const HELD_MESSAGES = 10_000;
let lent = 0;

/** Prints now, or when the terminal is the shell's again. */
export function whenTerminalIsOurs(print: () => void): void {
	if (lent === 0) print();
	else if (held.length < HELD_MESSAGES) held.push(print);
}

/**
 * Leaves the terminal to another program: in its usual mode, so that Ctrl-C is a signal, which `onInterrupt` gets and which does
 * not end the shell. Call the returned function to take it back.
 */
export function lendTerminal(onInterrupt: () => void = () => undefined): () => void {
	const { stdin } = process;
	const wasRaw = stdin.isRaw === true;
	const wasReading = stdin.isTTY === true && !stdin.isPaused();
	const listeners = process.listeners('SIGINT');
	process.removeAllListeners('SIGINT').on('SIGINT', onInterrupt);
	if (wasReading) stdin.pause();
	if (wasRaw) stdin.setRawMode(false);
	lent++;
	let isBack = false;
	return () => {
		if (isBack) return;
		isBack = true;
		lent--;
		if (wasRaw) stdin.setRawMode(true);
		if (wasReading) stdin.resume();
		process.removeAllListeners('SIGINT');
		for (const listener of listeners) process.on('SIGINT', listener);
		if (lent === 0) for (const print of held.splice(0)) print();
	};
}

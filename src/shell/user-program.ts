// Programs that the shell starts for its user: a pager, an editor, the program of `.output |`. They run as the invoking
// user. While one of them has the terminal, the prompt neither reads keys nor prints.
import { type ChildProcess, type StdioOptions, spawn, spawnSync } from 'node:child_process';
import type { InvokingUser } from '../base/invoking-user.ts';
import { standardOutput } from '../output/output-stream.ts';

/** Starts a program with the user's rights and environment. `defaults`: variables that are set if they are not. */
export function startForUser(
	file: string,
	words: readonly string[],
	user: InvokingUser,
	stdio: StdioOptions,
	defaults: Readonly<Record<string, string>> = {},
): ChildProcess {
	// Without --keep-root this process is that user's already.
	const identity = user.other ? { uid: user.uid, gid: user.gid } : {};
	const own = user.other ? { HOME: user.home, USER: user.name, LOGNAME: user.name } : {};
	const env: NodeJS.ProcessEnv = { ...defaults, ...process.env, ...own };
	// What the launcher keeps for the program after `--`.
	for (const name of Object.keys(env)) if (name.startsWith('TINYTAP_')) delete env[name];
	return spawn(file, words, { stdio, env, ...identity });
}

/** What needs a shell to be understood: quotes, pipes, variables, patterns. */
const SHELL_SYNTAX = /[|&;<>()$`\\"'*?[\]#~=%!{}]/;

/** The program and its arguments for a value of $PAGER or $EDITOR, with `file` as the last argument if there is one. */
export function commandWords(command: string, ...file: readonly string[]): readonly string[] {
	if (!SHELL_SYNTAX.test(command)) return [...command.trim().split(/\s+/), ...file];
	return ['/bin/sh', '-c', file.length === 0 ? command : `${command} "$0"`, ...file];
}

/** Whether another program has the terminal. */
export function isTerminalLent(): boolean {
	return lent > 0;
}

/** Messages that wait for the end of the program that has the terminal. */
const held: (() => void)[] = [];
const HELD_MESSAGES = 10_000;
let lent = 0;

/** Who has set modes of the terminal that another program must not find. */
export type TerminalUser = { readonly leave: () => void; readonly takeBack: () => void };

let terminalUser: TerminalUser | undefined;

/** `user` is told when the terminal is lent and taken back. */
export function useTerminal(user: TerminalUser | undefined): void {
	terminalUser = user;
}

/** Prints now, or when the terminal is the shell's again. */
export function whenTerminalIsOurs(print: () => void): void {
	if (lent === 0) print();
	else if (held.length < HELD_MESSAGES) held.push(print);
}

/**
 * Leaves the terminal to another program: in its usual mode, so that Ctrl-C is a signal, which `onInterrupt` gets and which does
 * not end the shell. Call the returned function to take it back, as it was: also if the program was killed (`isKilled`), and
 * could not restore it.
 */
export function lendTerminal(onInterrupt: () => void = () => undefined): (isKilled?: boolean) => void {
	const { stdin } = process;
	const wasRaw = stdin.isRaw === true;
	const wasReading = stdin.isTTY === true && !stdin.isPaused();
	const listeners = process.listeners('SIGINT');
	process.removeAllListeners('SIGINT').on('SIGINT', onInterrupt);
	if (lent === 0) terminalUser?.leave();
	if (wasReading) stdin.pause();
	if (wasRaw) stdin.setRawMode(false);
	const modes = stdin.isTTY === true ? terminalModes(['-g']) : undefined;
	lent++;
	let isBack = false;
	return (isKilled = false) => {
		if (isBack) return;
		isBack = true;
		lent--;
		if (modes !== undefined) terminalModes([modes]);
		if (isKilled && standardOutput().canRedraw) standardOutput().write(RESET);
		if (wasRaw) stdin.setRawMode(true);
		if (wasReading) stdin.resume();
		process.removeAllListeners('SIGINT');
		for (const listener of listeners) process.on('SIGINT', listener);
		if (lent === 0) terminalUser?.takeBack();
		if (lent === 0) for (const print of held.splice(0)) print();
	};
}

/** Ordinary keys and screen, a visible cursor, no colours, a new line. */
const RESET = '\x1b[?1l\x1b>\x1b[?47l\x1b[?25h\x1b[0m\r\n';

/** Reads the terminal's modes (`-g`) or sets them; Node has no call for it. Undefined if that is not possible. */
function terminalModes(words: readonly string[]): string | undefined {
	const { status, stdout } = spawnSync('/bin/stty', words, { stdio: ['inherit', 'pipe', 'ignore'], encoding: 'utf8' });
	return status === 0 ? stdout.trim() : undefined;
}

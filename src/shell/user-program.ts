// Programs that the shell starts for its user: a pager, an editor, the program of `.output |`. They run as the invoking
// user. While one of them has the terminal, the prompt neither reads keys nor prints.
import { type ChildProcess, type StdioOptions, spawn, spawnSync } from 'node:child_process';
import type { InvokingUser } from '../base/invoking-user.ts';
import { standardOutput } from '../output/output-stream.ts';

/** Starts a program with the user's rights and environment. `defaults` are variables to set if they are not set. */
export function startForUser(
	file: string,
	words: readonly string[],
	user: InvokingUser,
	stdio: StdioOptions,
	defaults: Readonly<Record<string, string>> = {},
	/** Variables that override the user's own. */
	fixed: Readonly<Record<string, string>> = {},
): ChildProcess {
	// Without --keep-root this process already runs as that user.
	const identity = user.other ? { uid: user.uid, gid: user.gid } : {};
	const own = user.other ? { HOME: user.home, USER: user.name, LOGNAME: user.name } : {};
	const env: NodeJS.ProcessEnv = { ...defaults, ...process.env, ...own, ...fixed };
	// Variables that the launcher keeps for the program after `--`.
	for (const name of Object.keys(env)) if (name.startsWith('TINYTAP_')) delete env[name];
	return spawn(file, words, { stdio, env, ...identity });
}

/** Characters that only a shell can interpret: quotes, pipes, variables, patterns. */
const SHELL_SYNTAX = /[|&;<>()$`\\"'*?[\]#~=%!{}]/;

/** The command line for a value of $PAGER or $EDITOR, with `file` (if any) as the last argument. */
export function commandWords(command: string, ...file: readonly string[]): readonly string[] {
	if (!SHELL_SYNTAX.test(command)) return [...command.trim().split(/\s+/), ...file];
	return ['/bin/sh', '-c', file.length === 0 ? command : `${command} "$0"`, ...file];
}

/** Whether another program has the terminal. */
export function isTerminalLent(): boolean {
	return lent > 0;
}

/** Messages held back while another program has the terminal. */
const held: (() => void)[] = [];
const HELD_MESSAGES = 10_000;
let lent = 0;

/** Code that sets terminal modes which another program must not find. */
export type TerminalUser = { readonly leave: () => void; readonly takeBack: () => void };

let terminalUser: TerminalUser | undefined;

/** Registers the code to call when the terminal is lent and taken back. */
export function useTerminal(user: TerminalUser | undefined): void {
	terminalUser = user;
}

/** Prints now, or once the shell has the terminal again. */
export function whenTerminalIsOurs(print: () => void): void {
	if (lent === 0) print();
	else if (held.length < HELD_MESSAGES) held.push(print);
}

/**
 * Hands the terminal to another program in its usual mode. Ctrl-C is then a signal, which calls `onInterrupt` and
 * does not end the shell. The returned function takes the terminal back and restores it, even if the program was
 * killed (`isKilled`) and could not.
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

/** Resets the terminal: normal keys and screen, visible cursor, no colours, new line. */
const RESET = '\x1b[?1l\x1b>\x1b[?47l\x1b[?25h\x1b[0m\r\n';

/**
 * Reads the terminal's modes (`-g`) or sets them with stty, because Node has no API for it. Undefined if that
 * fails.
 */
function terminalModes(words: readonly string[]): string | undefined {
	const { status, stdout } = spawnSync('/bin/stty', words, { stdio: ['inherit', 'pipe', 'ignore'], encoding: 'utf8' });
	return status === 0 ? stdout.trim() : undefined;
}

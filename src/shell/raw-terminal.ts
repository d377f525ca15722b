// The prompt switches the terminal to raw mode. This file makes sure that no signal ends the process without restoring
// it.
import { standardOutput } from '../output/output-stream.ts';

/**
 * The signals that end a process by default, except those that Node handles itself, SIGKILL, and those of a crash
 * (SIGSEGV …), after which no JavaScript can run.
 */
const ENDING: readonly NodeJS.Signals[] = [
	'SIGHUP',
	'SIGQUIT',
	'SIGTRAP',
	'SIGABRT',
	'SIGALRM',
	'SIGVTALRM',
	'SIGXCPU',
	'SIGUSR2',
	'SIGSYS',
	'SIGIO',
	'SIGPWR',
	'SIGSTKFLT',
];

let isWatching = false;

/** Turns bracketed paste on or off: the terminal then marks the beginning and the end of pasted text. */
export function markPastes(isOn: boolean): void {
	const output = standardOutput();
	if (output.canRedraw) output.write(isOn ? '\x1b[?2004h' : '\x1b[?2004l');
}

/** From now on, a signal that ends the process restores the terminal first. Further calls do nothing. */
export function restoreOnSignals(): void {
	if (isWatching) return;
	isWatching = true;
	// V8's profiler uses SIGPROF.
	const isProfiled = process.execArgv.some((flag) => flag.includes('prof'));
	for (const signal of isProfiled ? ENDING : [...ENDING, 'SIGPROF' as const]) {
		process.on(signal, () => {
			// Another listener decides what the signal does.
			if (process.listenerCount(signal) > 1) return;
			if (process.stdin.isRaw) {
				process.stdin.setRawMode(false);
				markPastes(false);
			}
			// Restores the default action.
			process.removeAllListeners(signal);
			process.kill(process.pid, signal);
		});
	}
}

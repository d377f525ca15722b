// The prompt switches the terminal to raw mode. No signal may end the process and leave the terminal like that.
import { standardOutput } from '../output/output-stream.ts';

/**
 * The signals that end a process by default. Not in the list: those that Node handles itself, SIGKILL, and those of a crash
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

/** Whether the terminal marks the beginning and the end of what is pasted. */
export function markPastes(isOn: boolean): void {
	const output = standardOutput();
	if (output.canRedraw) output.write(isOn ? '\x1b[?2004h' : '\x1b[?2004l');
}

/** From now on, a signal that ends the process restores the terminal first. Does nothing if called again. */
export function restoreOnSignals(): void {
	if (isWatching) return;
	isWatching = true;
	// V8's profiler uses SIGPROF.
	const isProfiled = process.execArgv.some((flag) => flag.includes('prof'));
	for (const signal of isProfiled ? ENDING : [...ENDING, 'SIGPROF' as const]) {
		process.on(signal, () => {
			// Somebody else decides what the signal does.
			if (process.listenerCount(signal) > 1) return;
			if (process.stdin.isRaw) {
				process.stdin.setRawMode(false);
				markPastes(false);
			}
			// The default action again.
			process.removeAllListeners(signal);
			process.kill(process.pid, signal);
		});
	}
}

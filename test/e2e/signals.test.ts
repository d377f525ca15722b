// A signal that ends tinytap at its prompt leaves the terminal as it was, and the process ends by that signal.
import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { wait } from '../../src/base/wait.ts';
import { eventually } from '../../support/eventually.ts';
import { CLI } from '../../support/tinytap.ts';
import { openUnreadTerminal } from '../../support/unread-terminal.ts';

const DEMO = join(CLI, '../../recordings/demo.tinytap');

/** Starts the shell on a terminal, sends `signal` at its prompt, and resolves to how it ended. */
async function endedBy(signal: NodeJS.Signals): Promise<{ status: number; isRaw: boolean }> {
	const terminal = await openUnreadTerminal(['--replay', DEMO]);
	try {
		terminal.read();
		await eventually(
			() => (terminal.shown().includes('tinytap> ') ? true : undefined),
			() => `no prompt: ${terminal.shown()}`,
		);
		await wait(100);
		process.kill(terminal.pid, signal);
		return await terminal.ended(5);
	} finally {
		terminal.close();
	}
}

for (const signal of [
	'SIGQUIT',
	'SIGTRAP',
	'SIGABRT',
	'SIGALRM',
	'SIGVTALRM',
	'SIGPROF',
	'SIGXCPU',
	'SIGUSR2',
	'SIGSYS',
	'SIGIO',
	'SIGPWR',
	'SIGSTKFLT',
] as const) {
	test(`${signal} at the prompt ends tinytap by that signal and leaves the terminal as it was`, async () => {
		assert.deepEqual(await endedBy(signal), { status: -constants.signals[signal], isRaw: false });
	});
}

for (const signal of ['SIGTERM', 'SIGHUP'] as const) {
	test(`${signal} at the prompt ends tinytap as .quit does`, async () => {
		assert.deepEqual(await endedBy(signal), { status: 0, isRaw: false });
	});
}

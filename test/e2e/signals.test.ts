// A signal that ends tinytap at its prompt leaves the terminal as it was, and the process ends by that signal.
import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { wait } from '../../src/base/wait.ts';
import { eventually } from '../../support/eventually.ts';
import { CLI, startTinytap } from '../../support/tinytap.ts';
import { openUnreadTerminal } from '../../support/unread-terminal.ts';

const DEMO = join(CLI, '../../recordings/demo.tinytap');

/** Starts the shell on a terminal, sends `signal` at its prompt, and resolves to how it ended. */
async function endedBy(signal: NodeJS.Signals): Promise<{ status: number; isRaw: boolean }> {
	const terminal = await openUnreadTerminal(['--replay', DEMO]);
	try {
		terminal.read();
		await eventually(
			() => (terminal.shown().includes('tinytap (demo.tinytap)> ') ? true : undefined),
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

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
	test(`${signal} ends a script that waits within a second`, async () => {
		const running = startTinytap(['--replay', DEMO], { input: 'SELECT 1;\n.wait 5m\nSELECT 2;\n' });
		await eventually(
			() => (running.stdout().includes('1') ? true : undefined),
			() => running.stderr(),
		);
		const begin = performance.now();
		running.child.kill(signal);
		const { code, stdout } = await running.finished;
		assert.ok(performance.now() - begin < 1000, `${performance.now() - begin} ms`);
		assert.equal(code, 130);
		assert.doesNotMatch(stdout, /2/);
	});
}

test('Ctrl-C ends a .wait at the prompt', async () => {
	const terminal = await openUnreadTerminal(['--replay', DEMO]);
	const shows = (text: string) =>
		eventually(
			() => (terminal.shown().includes(text) ? true : undefined),
			() => terminal.shown(),
		);
	try {
		terminal.read();
		await shows('tinytap (demo.tinytap)> ');
		terminal.type('.wait 5m\r');
		await wait(200);
		terminal.type('\x03');
		await shows('cancelled');
		terminal.type("SELECT 'still ' || 'here';\r");
		await shows('still here');
	} finally {
		terminal.close();
	}
});

for (const signal of ['SIGTERM', 'SIGHUP'] as const) {
	test(`${signal} at the prompt ends tinytap as .quit does`, async () => {
		assert.deepEqual(await endedBy(signal), { status: 0, isRaw: false });
	});
}

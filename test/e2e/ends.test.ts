// However and whenever a session on a terminal ends, the kernel, the terminal and the watched server are as they were
// before.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { wait } from '../../src/base/wait.ts';
import { eventually } from '../../support/eventually.ts';
import { installed } from '../../support/installed.ts';
import { gone, type Held, heldBy } from '../../support/kernel-objects.ts';
import { type Paced, sendPaced } from '../../support/paced-requests.ts';
import { processesOf } from '../../support/rights.ts';
import { startNginx, temporaryDirectory } from '../../support/servers.ts';
import { openTerminal, type Terminal } from '../../support/terminal.ts';
import { childrenOf, startTinytap, TINYTAP } from '../../support/tinytap.ts';

/**
 * Detaching takes the kernel two to three seconds. This allows for a busy machine; use TINYTAP_DETACHED_SECONDS=5 on
 * an idle one.
 */
const DETACHED_SECONDS = Number(process.env.TINYTAP_DETACHED_SECONDS ?? 10);

type Session = { readonly terminal: Terminal; readonly pid: number; readonly shell: number };

type End = {
	readonly name: string;
	readonly act: (session: Session) => Promise<unknown> | unknown;
	/** Needs the prompt. */
	readonly atPrompt?: boolean;
	/** Afterwards there is nothing to check. */
	readonly closes?: boolean;
	/** A command other than the shell. */
	readonly words?: string;
	/** The status that the starting shell sees; undefined: see `atPrompt`. */
	readonly status?: number;
	readonly shows?: RegExp;
};

const kill = (signal: NodeJS.Signals) => (session: Session) => process.kill(session.pid, signal);

const ENDS: readonly End[] = [
	{
		name: '.quit',
		act: async ({ terminal }) => {
			await terminal.type('.quit');
			await terminal.press('Enter');
		},
		atPrompt: true,
		status: 0,
	},
	{ name: 'end of input', act: ({ terminal }) => terminal.press('C-d'), atPrompt: true, status: 0 },
	{
		name: 'Ctrl-C twice',
		act: async ({ terminal }) => {
			await terminal.press('C-c');
			await terminal.shows('press Ctrl-C again');
			await terminal.press('C-c');
		},
		atPrompt: true,
		status: 0,
	},
	{ name: 'SIGINT', act: kill('SIGINT'), words: 'tail' },
	{ name: 'SIGTERM', act: kill('SIGTERM') },
	{ name: 'SIGHUP', act: kill('SIGHUP') },
	{ name: 'SIGQUIT', act: kill('SIGQUIT'), status: 131 },
	{ name: 'SIGKILL', act: kill('SIGKILL'), status: 137 },
	{ name: 'SIGABRT, as by process.abort() and by a full heap,', act: kill('SIGABRT'), status: 134 },
	{ name: 'SIGSEGV', act: kill('SIGSEGV'), status: 139 },
	{ name: 'the end of the terminal', act: ({ terminal }) => terminal.close(), closes: true },
	{
		name: 'kill -9 of the shell and then of the terminal',
		act: async ({ shell, terminal }) => {
			process.kill(shell, 'SIGKILL');
			await terminal.close();
		},
		closes: true,
	},
	{
		name: 'kill -9 of the helper',
		act: ({ pid }) => {
			for (const child of childrenOf(pid)) process.kill(child, 'SIGKILL');
		},
		words: 'tail',
		status: 1,
		shows: /^tinytap: error: the process that .* \[ERR_HELPER\]$/,
	},
];

/** Resolves when the process is gone or a zombie. */
async function ended(pid: number, name: string): Promise<void> {
	await eventually(
		() => !existsSync(`/proc/${pid}/exe`) || readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z ') || undefined,
		() => `${name}: process ${pid} has not ended`,
		10,
	);
}

/** Opens a terminal in which a shell runs tinytap and afterwards writes down the terminal's settings, repeatedly. */
async function startSession(directory: string, words: string): Promise<Session> {
	const file = (name: string) => join(directory, name);
	const inner = `echo $$ >${file('pid.new')}; mv ${file('pid.new')} ${file('pid')}; exec ${TINYTAP.join(' ')} ${words}`;
	const outer = `echo $$ >${file('shell')}; stty -a >${file('before')}; sh -c "$0"; echo $? >${file('status')}; while :; do stty -a >${file('after.new')}; mv ${file('after.new')} ${file('after')}; sleep 0.1; done`;
	const terminal = await openTerminal(`sh -c '${outer}' '${inner}'`);
	const pid = await eventually(
		() => (existsSync(file('pid')) ? Number(readFileSync(file('pid'), 'utf8')) : undefined),
		() => 'the session does not start',
	);
	return { terminal, pid, shell: Number(readFileSync(file('shell'), 'utf8')) };
}

async function assertEnds(end: End, moment: 'loading' | 'idle' | 'under load', port: number): Promise<Held> {
	const directory = temporaryDirectory();
	const session = await startSession(directory.path, `${end.words ?? ''} --comm nginx --port ${port}`);
	const { terminal, pid } = session;
	let isClosed = false;
	try {
		let helper: number;
		if (moment === 'loading') {
			helper = await eventually(
				() => childrenOf(pid)[0],
				() => 'no attacher is started',
				10,
				1,
			);
			// Loading begins some 150 ms later and takes as long.
			await wait(100 + Math.random() * 300);
		} else {
			await terminal.shows(end.words === undefined ? 'tinytap>' : 'tinytap: capturing');
			({ helper } = await processesOf(pid));
		}
		const held = await heldBy(pid);
		if (moment !== 'loading') assert.ok(held.programs.length > 10 && held.maps.length > 10 && held.links.length > 5);
		await end.act(session);
		isClosed = end.closes === true;
		await ended(pid, end.name);
		await ended(helper, end.name);
		if (isClosed) return held;
		const read = (name: string) => readFileSync(join(directory.path, name), 'latin1');
		let after = '';
		await eventually(
			() => {
				after = existsSync(join(directory.path, 'after')) ? read('after') : '';
				return after === read('before') || undefined;
			},
			() => `after ${end.name} the terminal is not as before:\n${read('before')}\n${after}`,
			10,
		);
		assert.deepEqual(await terminal.modes(), { cursor: true, alternate: false }, end.name);
		const screen = await terminal.screen();
		assert.doesNotMatch(screen, /^\s+at /m, 'no stack trace');
		if (end.shows !== undefined) {
			const shown = screen.split('\n').filter((line) => end.shows?.test(line));
			assert.equal(shown.length, 1, screen);
		}
		if (end.status !== undefined && (moment !== 'loading' || end.status > 128))
			assert.equal(Number(read('status')), end.status, `${end.name}: ${screen}`);
		return held;
	} finally {
		if (!isClosed) await terminal.close();
		spawnSync('kill', ['-9', String(pid)]);
		directory.remove();
	}
}

for (const moment of ['loading', 'idle', 'under load'] as const) {
	test(`AT-29 after each of ${ENDS.length} ends, ${moment}, nothing is left and the server has answered everything`, async () => {
		const nginx = await startNginx({ sendfile: true, server: 'location / { return 200 "0123456789"; }' });
		let load: Paced | undefined;
		try {
			const all: Held[] = [];
			if (moment === 'under load')
				load = sendPaced({ port: nginx.port, path: '/', ending: '0123456789', perSecond: 2000, connections: 8 });
			for (const end of ENDS) {
				if (moment === 'loading' && end.atPrompt === true) continue;
				const held = await assertEnds(end, moment, nginx.port);
				await gone({ ...held, maps: [] }, DETACHED_SECONDS);
				all.push(held);
			}
			for (const { maps } of all) await gone({ programs: [], links: [], maps }, DETACHED_SECONDS);
			// Rejects if a request was not answered.
			if (load !== undefined) assert.ok((await load.stop()) > 1000);
			load = undefined;
		} finally {
			await load?.stop().catch(() => undefined);
			await nginx.stop();
			nginx.remove();
		}
	});
}

/** Records the type of each request instead of answering it. */
const RECORDER = `#!/usr/bin/python3
import socket, struct
end = socket.socket(fileno=3)
with open('LOG', 'a', buffering=1) as log:
    while True:
        request = end.recv(4096)
        if not request: break
        log.write('%d\\n' % struct.unpack('=I', request[:4]))
`;
/** REQUEST_GOODBYE of native/privileged/protocol.h. */
const GOODBYE = '8';

test('tinytap says goodbye to the helper whenever it leaves the terminal restored, and only then', async () => {
	for (const [signal, expected] of [
		['SIGINT', true],
		['SIGTERM', true],
		['SIGKILL', false],
	] as const) {
		const copy = installed();
		try {
			const log = join(copy.path, 'requests');
			writeFileSync(log, '');
			chmodSync(log, 0o666);
			writeFileSync(join(copy.path, 'build/tinytap-helper'), RECORDER.replace('LOG', log));
			const tinytap = startTinytap(['tail', '--port', '1'], { launcher: copy.launcher });
			await tinytap.attached();
			const [helper] = childrenOf(tinytap.child.pid!);
			tinytap.child.kill(signal);
			await tinytap.finished;
			await ended(helper!, signal);
			const requests = readFileSync(log, 'utf8').split('\n').slice(0, -1);
			assert.equal(requests.at(-1) === GOODBYE, expected, `${signal}: ${requests}`);
		} finally {
			copy.remove();
		}
	}
});

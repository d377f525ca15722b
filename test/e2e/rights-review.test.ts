// What others on the host can do to a session, and what the session does to them: the time before Node forbids tracing,
// the terminal after a kill, a /proc that hides processes, and options that two parsers read.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../../support/eventually.ts';
import { childrenOf, runTinytap, startTinytap, TEST_ENV, TINYTAP } from '../../support/tinytap.ts';

const ROOT = join(import.meta.dirname, '../..');
/** A user id that nobody has. */
const USER = '54321';
const AS_USER = ['--reuid', USER, '--regid', USER, '--clear-groups'];
const SUDO = { ...TEST_ENV, SUDO_UID: USER, SUDO_GID: USER };

function statusOf(pid: number): string[] {
	return readdirSync(`/proc/${pid}/task`).map((thread) => readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8'));
}

test('the invoking user’s other programs may not trace Node from its first instruction on', async () => {
	const directory = mkdtempSync(join(tmpdir(), 'tinytap-traced-'));
	chmodSync(directory, 0o755);
	execFileSync('gcc', ['-o', join(directory, 'node'), join(ROOT, 'test/fixtures/waiting_node.c')]);
	const child = spawn(TINYTAP[0]!, ['tail'], { env: { ...SUDO, PATH: `${directory}:${process.env.PATH}` } });
	try {
		const printed: string[] = [];
		child.stdout.setEncoding('utf8').on('data', (chunk: string) => printed.push(chunk));
		const pid = await eventually(
			() => /^pid (\d+)\n/.exec(printed.join(''))?.[1],
			() => 'the program in place of Node did not start',
		);
		assert.match(statusOf(Number(pid))[0]!, new RegExp(`^Uid:\t${USER}\t${USER}\t${USER}\t${USER}$`, 'm'));
		// Both need permission to trace the process.
		for (const path of [`/proc/${pid}/environ`, `/proc/${pid}/fd`]) {
			const tried = spawnSync('setpriv', [...AS_USER, 'ls', '-l', `${path}/`], { encoding: 'utf8' });
			assert.match(tried.stderr, /Permission denied|Not a directory/, path);
		}
		const environ = spawnSync('setpriv', [...AS_USER, 'cat', `/proc/${pid}/environ`], { encoding: 'utf8' });
		assert.match(environ.stderr, /Permission denied/);
	} finally {
		child.kill('SIGKILL');
		rmSync(directory, { recursive: true });
	}
});

test('once it runs, all groups of Node are the invoking user’s, in every thread', async () => {
	const tinytap = startTinytap(['tail'], { under: ['env', `SUDO_UID=${USER}`, `SUDO_GID=${USER}`] });
	try {
		await tinytap.attached();
		for (const status of statusOf(tinytap.child.pid!))
			assert.match(status, new RegExp(`^Gid:\t${USER}\t${USER}\t${USER}\t${USER}$`, 'm'));
	} finally {
		await tinytap.stop();
	}
});

for (const [how, expected] of [
	// ICANON and ECHO are off, and no byte appears between the editor's own.
	['next', /^b'editor (\d+)\\n'\n$/],
	['stopped', /^left 0 of 1 sane\n$/],
] as const) {
	const title = {
		next: 'after kill -9 the terminal is repaired before the shell’s next program sets it up for itself',
		stopped: 'after kill -9 the helper repairs a terminal whose output is stopped, and ends',
	}[how];
	test(title, () => {
		const { stdout, stderr } = spawnSync('python3', [join(ROOT, 'support/killed_at_prompt.py'), how, ...TINYTAP], {
			encoding: 'utf8',
			env: { ...TEST_ENV, TERM: 'xterm' },
			timeout: 60_000,
		});
		assert.match(stdout, expected, stderr);
		const modes = expected.exec(stdout)?.[1];
		const [canonical, echo] = [2, 8];
		if (modes !== undefined) assert.equal(Number(modes) & (canonical | echo), 0);
	});
}

test('COMMAND runs where /proc hides what the user may not trace', () => {
	const script = 'mount -t proc -o hidepid=2 proc /proc && exec "$0" query "SELECT 1" -- sh -c "exit 7"';
	const { stderr, status } = spawnSync('unshare', ['--mount', 'sh', '-c', script, TINYTAP[0]!], {
		encoding: 'utf8',
		env: SUDO,
	});
	assert.equal(status, 7, stderr);
});

test('--keep-root as the value of another option is refused', async () => {
	const { code, stderr } = await runTinytap(['tail', '--for', '1s', '--comm', '--keep-root']);
	assert.match(stderr, /--keep-root: expected an option of its own, got the value of another option/);
	assert.equal(code, 2);
});

test('no privileged process is started for a recording', async () => {
	for (const under of [[], ['env', `SUDO_UID=${USER}`, `SUDO_GID=${USER}`]]) {
		const tinytap = startTinytap(['--replay', join(ROOT, 'recordings/demo.tinytap')], { openInput: true, under });
		try {
			await tinytap.attached();
			// A child that had ended would still be listed, as a zombie.
			assert.deepEqual(childrenOf(tinytap.child.pid!), []);
			for (const status of statusOf(tinytap.child.pid!)) {
				assert.match(status, /^CapPrm:\t0+$/m);
				const id = under.length === 0 ? '0' : USER;
				assert.match(status, new RegExp(`^Uid:\t${id}\t${id}\t${id}\t${id}\nGid:\t${id}\t${id}\t${id}\t${id}$`, 'm'));
			}
		} finally {
			await tinytap.stop();
		}
	}
});

test('--replay as the value of another option is refused', async () => {
	const { code, stderr } = await runTinytap(['tail', '--for', '1s', '--comm', '--replay']);
	assert.match(stderr, /--replay: expected an option of its own, got the value of another option/);
	assert.equal(code, 2);
});

test('in a user namespace the hint says that the namespace lacks the privileges', () => {
	for (const words of [['tail'], ['doctor']]) {
		const { status, stdout, stderr } = spawnSync('unshare', ['--user', '--map-root-user', TINYTAP[0]!, ...words], {
			encoding: 'utf8',
			env: TEST_ENV,
			timeout: 20_000,
		});
		assert.equal(status, 1, stderr);
		assert.match(stdout + stderr, /Run it outside this user namespace/, words[0]);
		assert.doesNotMatch(stdout + stderr, /seccomp|CAP_/, words[0]);
	}
});

// The program after `--`: it runs exactly as if the invoking user had started it, and never without being captured.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { wait } from '../../src/base/wait.ts';
import { eventually } from '../../support/eventually.ts';
import { installed } from '../../support/installed.ts';
import { commandLine } from '../../support/rights.ts';
import { giveCapabilities, sessionOfUser } from '../../support/session-of-user.ts';
import { openTerminal } from '../../support/terminal.ts';
import { childrenOf, runTinytap, TEST_ENV, TINYTAP } from '../../support/tinytap.ts';

const { user, place, directory } = sessionOfUser();
chmodSync(directory, 0o777);
const SETUID_PROGRAM = join(directory, 'id');
copyFileSync('/usr/bin/id', SETUID_PROGRAM);
chmodSync(SETUID_PROGRAM, 0o4755);

/** Prints everything that a process inherits. */
const INHERITED = `
import ctypes, json, os, resource, signal, subprocess, sys
status = dict(line.split(':', 1) for line in open('/proc/self/status').read().splitlines())
libc = ctypes.CDLL(None)
death = ctypes.c_int()
libc.prctl(2, ctypes.byref(death), 0, 0, 0)
print(json.dumps({
    **{name: status[name].split() for name in ['Uid', 'Gid', 'Groups', 'CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb', 'NoNewPrivs', 'Seccomp', 'SigBlk', 'SigIgn']},
    'securebits': libc.prctl(27, 0, 0, 0, 0),
    'dumpable': libc.prctl(3, 0, 0, 0, 0),
    'deathSignal': death.value,
    'limits': [resource.getrlimit(each) for each in (resource.RLIMIT_CORE, resource.RLIMIT_NOFILE, resource.RLIMIT_STACK, resource.RLIMIT_AS)],
    'umask': os.umask(0),
    'directory': os.getcwd(),
    'nice': os.nice(0),
    'descriptors': sorted(int(fd) for fd in os.listdir('/proc/self/fd') if os.path.exists('/proc/self/fd/' + fd)),
    'gained': subprocess.run([sys.argv[1], '-u'], capture_output=True, text=True).stdout,
    'words': sys.argv[2:],
    'environment': dict(os.environ),
}))
`;
const PROGRAM = ['/usr/bin/python3', '-c', INHERITED, SETUID_PROGRAM, 'one', '', '--', 'two words'];

type Inherited = Record<string, unknown> & { readonly environment: Record<string, string> };

/** Runs `before` and the program, directly or through tinytap, with its own limits, mask and ignored signals. */
function inherited(before: readonly string[], env: NodeJS.ProcessEnv, tinytap: readonly string[]): Inherited {
	const words = [...before, ...tinytap, ...PROGRAM];
	const { status, stdout, stderr } = spawnSync(
		'bash',
		[
			'-c',
			'ulimit -c 1234; ulimit -Sn 777; ulimit -Ss 7000; umask 0027; trap "" USR2; exec nice -n 3 "$@"',
			'bash',
			...words,
		],
		{
			encoding: 'utf8',
			cwd: directory,
			env: { ...TEST_ENV, MINE: 'a\nb', NODE_OPTIONS: '--no-warnings', ...env },
		},
	);
	assert.equal(status, 0, stderr);
	return JSON.parse(stdout.split('\n')[0]!) as Inherited;
}

const tinytapWords = (launcher: string, ...more: string[]) => [
	...[launcher, 'query', 'SELECT 1 AS one', '--format', 'csv', ...more, '--'],
];
const userVariables = { HOME: user.home, USER: user.name, LOGNAME: user.name };

test('-- COMMAND of a sudo user gets that user’s ids, groups and home, and everything else unchanged', () => {
	const env = { ...user.sudoVariables, LD_LIBRARY_PATH: '/nonexistent', TMPDIR: '/tmp' };
	for (const [before, words] of [
		[user.asRoot, []],
		[user.asRoot, ['--keep-root']],
		[
			[...user.asRoot, 'env', '-u', 'SUDO_UID'],
			['--user', user.name],
		],
	] as const) {
		const cleared = before.includes('env') ? ['env', '-u', 'SUDO_UID'] : [];
		const direct = inherited([...user.asUser, ...cleared], env, []);
		const held = inherited(before, env, tinytapWords(place.launcher, ...words));
		assert.deepEqual(held, direct);
		assert.deepEqual([held.Groups, held.gained], [user.groups.map(String), '0\n']);
		assert.equal(held.environment.HOME, user.home);
	}
	const direct = inherited(user.asUser, {}, []);
	const { environment, limits, ...held } = inherited(user.bySudo, {}, tinytapWords(place.launcher));
	// sudo itself sets the mask and closes descriptors.
	for (const [name, value] of Object.entries(held))
		if (name !== 'umask' && name !== 'descriptors') assert.deepEqual(value, direct[name], name);
	assert.deepEqual((limits as number[][])[1], (direct.limits as number[][])[1]);
	for (const [name, value] of Object.entries(userVariables)) assert.equal(environment[name], value);
});

test('-- COMMAND of a sudo user whom the host does not know has no home directory and no name, least of all root’s', () => {
	const before = ['env', 'SUDO_UID=4999', 'SUDO_GID=4998', 'HOME=/root', 'USER=root', 'LOGNAME=root'];
	const { environment, Uid } = inherited(before, {}, tinytapWords(place.launcher));
	assert.deepEqual(Uid, Array(4).fill('4999'));
	assert.deepEqual([environment.HOME, environment.USER, environment.LOGNAME], ['/', undefined, undefined]);
});

test('-- COMMAND of root runs as it would without tinytap, with all capabilities', () => {
	const before = ['setpriv', '--groups', '0,4243'];
	const held = inherited(before, {}, tinytapWords(place.launcher));
	assert.deepEqual(held, inherited(before, {}, []));
	assert.notEqual((held.CapEff as string[])[0], '0000000000000000');
});

test('-- COMMAND of a user who may run the launcher runs as that user', () => {
	const copy = installed();
	try {
		giveCapabilities(copy.launcher, user.gid);
		const held = inherited(user.asUser, {}, tinytapWords(copy.launcher));
		assert.deepEqual(held, inherited(user.asUser, {}, []));
		assert.deepEqual([held.CapEff, held.gained], [['0000000000000000'], '0\n']);
		// glibc removes these from every program with file capabilities, even from static ones.
		const variables = { LD_LIBRARY_PATH: '/nonexistent', TMPDIR: '/tmp', MALLOC_ARENA_MAX: '2' };
		const given = inherited(user.asUser, variables, tinytapWords(copy.launcher)).environment;
		for (const [name, value] of Object.entries(variables)) assert.equal(given[name], value, name);
	} finally {
		copy.remove();
	}
});

test('-- COMMAND exits: tinytap’s status is its own, 128+N after signal N, 127 or 126 if it cannot be executed', async () => {
	const file = join(directory, 'not-executable');
	writeFileSync(file, '');
	for (const [words, status] of [
		[['sh', '-c', 'exit 0'], 0],
		[['sh', '-c', 'exit 7'], 7],
		[['sh', '-c', 'exit 255'], 255],
		[['sh', '-c', 'kill -9 $$'], 137],
		[['sh', '-c', 'kill -15 $$'], 143],
		[['sh', '-c', 'ulimit -c 0; kill -11 $$'], 139],
		[['/nonexistent/program'], 127],
		[['no-such-program-anywhere'], 127],
		[[file], 126],
		[[directory], 126],
	] as const) {
		const { code, stderr } = await runTinytap(['query', 'SELECT 1', '--format', 'csv', '--', ...words]);
		assert.equal(code, status, `${words.join(' ')}: ${stderr}`);
		if (status === 127 || status === 126)
			assert.match(stderr, /^tinytap: error: cannot start .*: .* \[ERR_COMMAND\]\nhint: .*\n$/m);
	}
	// Exit status 4 takes precedence.
	const script = join(directory, 'fails.sql');
	writeFileSync(script, 'SELECT 1;\n.expect rows = 5\n');
	const { code, stderr } = await runTinytap(['run', script, '--', 'sh', '-c', 'exit 7']);
	assert.equal(code, 4, stderr);
});

test('-- COMMAND writes to pipes and sockets that block, as it would without tinytap', () => {
	const script = `
import os, sys, time
time.sleep(0.3)
print(*(os.get_blocking(fd) for fd in (0, 1, 2)))`;
	const words = [...TINYTAP, 'tail', '--verbose', '--', '/usr/bin/python3', '-c', script];
	const options = { encoding: 'utf8', env: TEST_ENV } as const;
	// Node's own pipes are sockets.
	assert.match(spawnSync(words[0]!, words.slice(1), options).stdout, /^True True True$/m);
	const piped = spawnSync('sh', ['-c', 'echo | "$@" 2>&1 >&3 3>&- | cat >/dev/null', 'sh', ...words], {
		...options,
		stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
	});
	assert.match(String(piped.output[3]), /^True True True$/m, piped.stderr);
	const both = spawnSync('sh', ['-c', '"$@" 2>&1 | cat', 'sh', ...words], {
		...options,
		stdio: ['ignore', 'pipe', 'pipe'],
	});
	assert.match(both.stdout, /^True True True$/m);
});

test('-- COMMAND that asks to be traced and stops has not ended', async () => {
	const traced = [
		'import ctypes, os, signal, time',
		'me = os.getpid()',
		'if os.fork() == 0: time.sleep(0.5); os.kill(me, signal.SIGKILL); os._exit(0)',
		'ctypes.CDLL(None).ptrace(0, 0, 0, 0)',
		'os.kill(me, signal.SIGUSR1)',
	].join('\n');
	const { code, stderr } = await runTinytap(['query', 'SELECT 1', '--', '/usr/bin/python3', '-c', traced], {
		env: { SUDO_UID: '54321' },
	});
	assert.equal(code, 137, stderr);
});

test('-- COMMAND reads tinytap’s standard input, but not at the prompt', async () => {
	const { code, stdout, stderr } = await runTinytap(['query', 'SELECT 1 AS one', '--format', 'csv', '--', 'cat'], {
		input: 'for the program\n',
	});
	assert.deepEqual([code, stdout], [0, 'for the program\none\n1\n'], stderr);
	const mark = join(directory, 'read');
	rmSync(mark, { force: true });
	const terminal = await openTerminal(`${place.launcher} -- sh -c 'cat >${mark}; sleep 1000'`);
	try {
		await terminal.shows('tinytap>');
		await eventually(
			() => existsSync(mark) || undefined,
			() => 'it does not start',
		);
		await terminal.type("SELECT 'an' || 'swer';");
		await terminal.press('Enter');
		await terminal.shows(/^ answer/);
		await terminal.type('.quit');
		await terminal.press('Enter');
	} finally {
		await terminal.close();
	}
});

function isWaiting(pid: number): boolean {
	return /^State:\s+S/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
}

test('kill -9 of tinytap before its capture runs leaves no program behind, and the program has not begun', async () => {
	const mark = join(directory, 'begun');
	let held = 0;
	for (let round = 0; round < 12; round++) {
		const child = spawn(place.launcher, ['query', 'SELECT 1', '--', '/bin/sh', '-c', `: >${mark}; exec sleep 1000`], {
			stdio: 'ignore',
			env: TEST_ENV,
		});
		const gone = new Promise((resolve) => child.once('exit', resolve));
		const children = await eventually(
			() => (childrenOf(child.pid!).length >= 2 ? childrenOf(child.pid!) : undefined),
			() => 'nothing is started',
			10,
			1,
		);
		await wait(round * 10);
		const [program] = children.filter((pid) => !/attacher|helper/.test(commandLine(pid)[0] ?? ''));
		if (commandLine(program!)[0] === place.launcher) {
			held++;
			// While it is stopped, it cannot notice that the other end of its socket closes.
			// Before it waits, it may not have asked yet to be killed with its parent.
			if (round % 2 === 0 && isWaiting(program!)) process.kill(program!, 'SIGSTOP');
		}
		child.kill('SIGKILL');
		await gone;
		await eventually(
			() =>
				children.every((pid) => !existsSync(`/proc/${pid}/exe`) || !readdirSync(`/proc/${pid}/fd`).length) || undefined,
			() => `left: ${children.map((pid) => commandLine(pid).join(' '))}`,
			10,
		);
		assert.equal(existsSync(mark), false, `round ${round}`);
	}
	assert.ok(held > 6, `it was held in ${held} of 12 rounds`);
});

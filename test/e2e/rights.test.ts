// The user who started tinytap decides as whom it runs. In every case only its helper keeps privileges, and only two.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
	chmodSync,
	chownSync,
	cpSync,
	existsSync,
	linkSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	renameSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../../support/eventually.ts';
import { installed } from '../../support/installed.ts';
import { sendPaced } from '../../support/paced-requests.ts';
import { descriptorsOf, NO_CAPABILITIES, processesOf, type Rights, rightsOf } from '../../support/rights.ts';
import { startNginx, temporaryDirectory } from '../../support/servers.ts';
import { CAPABILITIES, giveCapabilities, sessionOfUser } from '../../support/session-of-user.ts';
import { openTerminal, PROMPT } from '../../support/terminal.ts';
import { askPiped, type StartOptions, startTinytap, TEST_ENV } from '../../support/tinytap.ts';

const { user, place } = sessionOfUser();

const CAP_SYS_PTRACE = 1n << 19n;
const CAP_SYS_NICE = 1n << 23n;
const CAP_BPF = 1n << 39n;
const HELPER_UID = 64873;
/** Before Linux 5.19 the helper also writes maps. */
const HELPER_CAPABILITIES = CAP_SYS_NICE | (isBefore(5, 19) ? CAP_BPF : 0n);

function isBefore(major: number, minor: number): boolean {
	const [a, b] = /^(\d+)\.(\d+)/.exec(readFileSync('/proc/sys/kernel/osrelease', 'utf8'))!.slice(1).map(Number);
	return a! < major || (a === major && b! < minor);
}

const same = (id: number) => [id, id, id, id];

/** The privileges of every thread that should have none. */
function without(uid: number, gid: number, groups: readonly number[]): Rights {
	return {
		uids: same(uid),
		gids: same(gid),
		groups,
		capabilities: NO_CAPABILITIES,
		noNewPrivileges: true,
		seccomp: 0,
	};
}

/** A program that reads a file of another process as this user; empty output means that it may not. */
function asUserReads(path: string): string {
	const { stdout } = spawnSync('setpriv', ['--reuid', String(user.uid), '--clear-groups', 'ls', path], {
		encoding: 'utf8',
	});
	return stdout;
}

/** Checks the helper or a looker. */
function assertHelper(pid: number, uid: number, capabilities: bigint, descriptors: RegExp): void {
	const [only, ...more] = rightsOf(pid);
	assert.equal(more.length, 0, 'one thread');
	const { CapEff, CapPrm, CapBnd } = only!.capabilities;
	assert.deepEqual([CapEff, CapPrm], [capabilities, capabilities]);
	assert.ok((CapBnd & ~capabilities) === 0n || uid !== HELPER_UID, 'nothing else in the bounding set');
	assert.deepEqual([only!.uids, only!.gids], [same(uid), same(uid)]);
	if (uid === HELPER_UID) assert.deepEqual(only!.groups, []);
	assert.deepEqual([only!.noNewPrivileges, only!.seccomp], [true, 2]);
	const others = [...descriptorsOf(pid)].filter(([, what]) => !descriptors.test(what));
	assert.deepEqual(
		others.map(([fd, what]) => [fd, what.replace(/\d+/, 'N')]),
		[[3, 'socket:[N]']],
		'nothing of the user’s but the socket',
	);
	assert.match(readFileSync(`/proc/${pid}/limits`, 'latin1'), /^Max core file size +0 +0 /m);
	assert.equal(readFileSync(`/proc/${pid}/environ`, 'latin1'), '');
	// Not dumpable: its files in /proc belong to root.
	assert.equal(statSync(`/proc/${pid}/fd`).uid, 0);
	assert.equal(asUserReads(`/proc/${pid}/fd`), '', 'it cannot be looked into');
}

/** Starts a capture, checks each thread of its processes, and sees one request. */
async function assertRights(options: StartOptions, args: readonly string[], expected: Rights, helperUid = HELPER_UID) {
	const nginx = await startNginx({ sendfile: true, server: 'location / { return 200 "ok"; }' });
	const tinytap = startTinytap(
		[
			...['query', "SELECT path FROM exchanges WHERE side = 'server'", '--format', 'csv', '--count', '1'],
			...['--for', '30s', '--port', String(nginx.port), ...args],
		],
		{ launcher: place.launcher, ...options },
	);
	try {
		await tinytap.attached();
		const { node, helper, lookers } = await processesOf(tinytap.child.pid!);
		const threads = rightsOf(node);
		assert.ok(threads.length > 4, `Node has ${threads.length} threads`);
		for (const thread of threads) assert.deepEqual(thread, expected);
		assertHelper(helper, helperUid, HELPER_CAPABILITIES, /^(anon_inode:(bpf[-_]\w+|\[pidfd\])|pidfd:.*|\/dev\/null)$/);
		assert.ok(lookers.length > 1, `${lookers.length} lookers`);
		for (const looker of lookers)
			assertHelper(looker, helperUid, CAP_SYS_PTRACE, /^(anon_inode:\[(pidfd|eventpoll)\]|pidfd:.*|\/dev\/null)$/);
		assert.match(readFileSync(`/proc/${node}/limits`, 'latin1'), /^Max core file size +0 +0 /m);
		// Not dumpable: its files in /proc belong to root, and no process of the same user may look at its memory or
		// descriptors.
		assert.equal(asUserReads(`/proc/${node}/fd`), '');
		const { stdout } = spawnSync('curl', ['-s', `http://127.0.0.1:${nginx.port}/seen`], { encoding: 'utf8' });
		assert.equal(stdout, 'ok');
		const finished = await tinytap.finished;
		assert.deepEqual([finished.code, finished.stdout], [0, 'path\n"/seen"\n'], finished.stderr);
		return finished.stderr;
	} finally {
		await tinytap.stop();
		await nginx.stop();
		nginx.remove();
	}
}

test('AT-10 started by root, tinytap stays uid 0 with its groups, but no thread has capabilities, and it says so', async () => {
	const under = ['setpriv', '--groups', '0,4243'];
	const stderr = await assertRights({ under }, [], without(0, 0, [0, 4243]));
	assert.match(stderr, /^tinytap: running as root, without its capabilities$/m);
});

test('AT-10 started by sudo, every thread is the invoking user with all of its groups', async () => {
	const stderr = await assertRights({ under: user.bySudo }, [], without(user.uid, user.gid, user.groups));
	assert.doesNotMatch(stderr, /root/);
});

test('AT-10 with the variables that sudo sets, but without sudo, it is the same', async () => {
	const options = { under: user.asRoot, env: user.sudoVariables };
	await assertRights(options, [], without(user.uid, user.gid, user.groups));
});

test('AT-10 a sudo user whom the host does not know has its two numbers and no other groups', async () => {
	const env = { SUDO_UID: '4999', SUDO_GID: '4998' };
	await assertRights({ env }, [], without(4999, 4998, [4998]));
});

test('AT-10 with --user, every thread is that user', async () => {
	await assertRights({ under: user.asRoot }, ['--user', user.name], without(user.uid, user.gid, user.groups));
	await assertRights({ under: user.asRoot }, [`--user=${user.name}`], without(user.uid, user.gid, user.groups));
});

test('AT-10 in a pid namespace, every thread is the invoking user', async () => {
	const under = [...user.asRoot, 'unshare', '--pid', '--fork', '--mount-proc', '--kill-child'];
	await assertRights({ under, env: user.sudoVariables }, [], without(user.uid, user.gid, user.groups));
});

test('--keep-root keeps everything and says so in one line', async () => {
	const [own] = rightsOf(process.pid);
	const stderr = await assertRights({ under: user.asRoot, env: user.sudoVariables }, ['--keep-root'], own!);
	assert.equal(stderr.match(/^tinytap: --keep-root: .*$/gm)?.length, 1, stderr);
	assert.match(stderr, /^tinytap: --keep-root: this process keeps all root privileges$/m);
});

test('the prompt shows --keep-root', async () => {
	for (const [words, prompt] of [
		['--keep-root', 'tinytap (root)>'],
		['', 'tinytap>'],
	] as const) {
		const terminal = await openTerminal(`${place.launcher} ${words} --port 1`);
		try {
			await terminal.shows(prompt);
		} finally {
			await terminal.close();
		}
	}
});

test('root captures from a directory that nobody else may enter, and the helper and the lookers start there, too', async () => {
	const closed = installed();
	chmodSync(closed.path, 0o700);
	const tinytap = startTinytap(['tail', '--port', '1'], { launcher: closed.launcher });
	try {
		await tinytap.attached();
		assert.equal((await processesOf(tinytap.child.pid!)).lookers.length, 4);
		tinytap.interrupt();
		assert.equal((await tinytap.finished).code, 0, tinytap.stderr());
	} finally {
		await tinytap.stop();
		closed.remove();
	}
});

test('without privileges the shell offers the bundled recording', async () => {
	const terminal = await openTerminal(
		`setpriv --reuid ${user.uid} --regid ${user.gid} --clear-groups --inh-caps=-all ${place.launcher}`,
	);
	try {
		await terminal.shows('Open the bundled recording instead');
		assert.match(await terminal.screen(), /capturing needs root \[ERR_NO_PERMISSION\]/);
		await terminal.press('Enter');
		await terminal.shows(PROMPT);
		assert.match(await terminal.screen(), /replaying demo/);
	} finally {
		await terminal.close();
	}
});

/** Runs JavaScript as the launcher would run tinytap, and returns its output. */
function instead(
	script: string,
	options: { under: readonly string[]; args?: readonly string[]; env?: NodeJS.ProcessEnv },
) {
	const copy = installed();
	try {
		writeFileSync(copy.program, script);
		const [program, ...words] = [...options.under, copy.launcher, ...(options.args ?? [])];
		const { status, stdout, stderr } = spawnSync(program!, words, {
			encoding: 'utf8',
			env: { ...TEST_ENV, ...options.env },
		});
		assert.equal(status, 0, stderr);
		return JSON.parse(stdout) as Record<string, unknown>;
	} finally {
		copy.remove();
	}
}

/** Tries everything that needs privileges. `undefined` in an answer means that it worked. */
const TRIES = `
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const tried = (work) => { try { work(); return 'works'; } catch (error) { return error.code; } };
const answers = {
	setuid: tried(() => process.setuid(0)),
	seteuid: tried(() => process.seteuid(0)),
	setgid: tried(() => process.setgid(0)),
	setgroups: tried(() => process.setgroups([0])),
	shadow: tried(() => fs.readFileSync('/etc/shadow')),
	write: tried(() => fs.writeFileSync('/etc/tinytap-canary', '')),
	chown: tried(() => { const path = fs.mkdtempSync('/tmp/tinytap-test-'); try { fs.chownSync(path, 0, 0); } finally { fs.rmdirSync(path); } }),
	nice: (() => { try { require('node:os').setPriority(-5); return 'works'; } catch (error) { return error.info.code; } })(),
	// A program with the set-user-ID bit: its effective uid.
	gained: spawnSync(process.env.SETUID_PROGRAM, ['-u'], { encoding: 'utf8' }).stdout.trim(),
	environment: Object.keys(process.env).filter((name) => /^SUDO_|^NODE_|^LD_/.test(name)),
};
console.log(JSON.stringify(answers));
`;

/** `id` with the set-user-ID bit, owned by root. */
function setuidProgram(): string {
	const path = join(place.path, 'id');
	if (!existsSync(path)) cpSync('/usr/bin/id', path);
	chmodSync(path, 0o4755);
	return path;
}

test('AT-10 JavaScript cannot become root, read /etc/shadow or gain privileges through a set-user-ID program', () => {
	const env = { ...user.sudoVariables, SETUID_PROGRAM: setuidProgram() };
	for (const under of [user.asRoot, [...user.bySudo, `SETUID_PROGRAM=${env.SETUID_PROGRAM}`]]) {
		const { environment, ...answers } = instead(TRIES, { under, env });
		assert.deepEqual(answers, {
			setuid: 'EPERM',
			seteuid: 'EPERM',
			setgid: 'EPERM',
			setgroups: 'EPERM',
			shadow: 'EACCES',
			write: 'EACCES',
			chown: 'EPERM',
			nice: 'EACCES',
			gained: String(user.uid),
		});
		assert.deepEqual(
			(environment as string[]).filter((name) => !name.startsWith('SUDO_')),
			[],
		);
	}
	// The same attempts can succeed.
	const { shadow, gained, setuid } = instead(TRIES, { under: user.asRoot, env, args: ['--keep-root'] });
	assert.deepEqual([shadow, gained, setuid], ['works', '0', 'works']);
});

test('AT-10 after the drop 1,000 of 1,000 requests are captured, and the kernel’s counters can be read', async () => {
	const nginx = await startNginx({ sendfile: true, server: 'location / { return 200 "0123456789"; }' });
	const tinytap = startTinytap(
		['--format', 'ndjson', '--ring-size', '1MiB', '--comm', 'nginx', '--port', String(nginx.port)],
		{ launcher: place.launcher, under: user.bySudo, openInput: true },
	);
	try {
		await tinytap.attached();
		const { node } = await processesOf(tinytap.child.pid!);
		for (const { uids, capabilities } of rightsOf(node)) {
			assert.deepEqual([uids, capabilities], [same(user.uid), NO_CAPABILITIES]);
		}
		const send = async (path: string, perSecond: number, atLeast: number) => {
			const load = sendPaced({ port: nginx.port, path, ending: '0123456789', perSecond, connections: 4 });
			await eventually(
				() => load.answered() >= atLeast || undefined,
				() => `${load.answered()} answers`,
			);
			return await load.stop();
		};
		const sent = await send('/all', 500, 1000);
		const count = () =>
			askPiped(
				tinytap,
				"SELECT count(*) AS n FROM exchanges WHERE path = '/all' AND status = 200 AND side = 'server';\n",
			);
		let captured: unknown;
		await eventually(
			async () => {
				captured = (await count()).n;
				return captured === sent || undefined;
			},
			() => `of ${sent} requests ${captured} are captured`,
		);
		const lost = () => askPiped(tinytap, "SELECT events FROM loss WHERE reason = 'ring_full';\n");
		assert.equal((await lost()).events, 0);
		// Nobody reads the ring, so it fills up, which only the kernel can count.
		process.kill(node, 'SIGSTOP');
		try {
			await send('/lost', 4000, 6000);
		} finally {
			process.kill(node, 'SIGCONT');
			// sudo stops itself when its command is stopped.
			tinytap.child.kill('SIGCONT');
		}
		await eventually(
			async () => ((await lost()).events as number) > 0 || undefined,
			() => 'no loss is counted',
		);
		tinytap.child.stdin!.end();
		const { code, stderr } = await tinytap.finished;
		assert.equal(code, 0, stderr);
	} finally {
		await tinytap.stop();
		await nginx.stop();
		nginx.remove();
	}
});

test('AT-11 nothing in the working directory or the environment is executed', async () => {
	const { path, remove } = temporaryDirectory();
	try {
		chmodSync(path, 0o777);
		const evil = `require('node:fs').writeFileSync(${JSON.stringify(join(path, 'mark'))}, '')`;
		for (const name of ['evil', 'commander', 'chalk', 'string-width', 'node:fs']) {
			mkdirSync(join(path, 'node_modules', name), { recursive: true });
			writeFileSync(join(path, 'node_modules', name, 'index.js'), evil);
		}
		for (const name of ['evil.js', 'index.js', 'tinytap.cjs', '.noderc', '.node_repl_history'])
			writeFileSync(join(path, name), evil);
		writeFileSync(
			join(path, 'package.json'),
			JSON.stringify({
				main: './evil.js',
				imports: { '#x': './evil.js' },
				scripts: { preinstall: 'node evil.js' },
				type: 'commonjs',
			}),
		);
		writeFileSync(join(path, 'node.config.json'), JSON.stringify({ nodeOptions: { import: [join(path, 'evil.js')] } }));
		for (const options of [
			{ NODE_OPTIONS: '--require ./evil.js' },
			{ NODE_OPTIONS: `--import=${join(path, 'evil.js')} --experimental-default-config-file` },
			{ NODE_REPL_EXTERNAL_MODULE: join(path, 'evil.js'), NODE_PATH: join(path, 'node_modules') },
			{ LD_PRELOAD: join(path, 'evil.so'), LD_AUDIT: join(path, 'evil.so'), UV_USE_IO_URING: '1' },
		]) {
			for (const under of [[], user.asRoot]) {
				const env = under.length === 0 ? options : { ...user.sudoVariables, ...options };
				const tinytap = startTinytap(['--format', 'csv', '--port', '1'], {
					...{
						launcher: place.launcher,
						cwd: path,
						under: under.length === 0 ? [] : [...under, 'env'],
						env: under.length === 0 ? env : user.sudoVariables,
					},
					input: 'SELECT 1 AS one;\n',
				});
				const { code, stdout, stderr } = await tinytap.finished;
				assert.deepEqual([code, stdout], [0, 'one\n1\n'], stderr);
				assert.doesNotMatch(stderr, /evil/);
				assert.deepEqual(existsSync(join(path, 'mark')), false, JSON.stringify(options));
			}
		}
	} finally {
		remove();
	}
});

// ---- file capabilities on the launcher ----------------------------------------------------------------------------------

/** One of the user's groups. */
const GROUP = 4243;

test('AT-10 if a user of the group of a launcher with file capabilities starts it, no thread has privileges', async () => {
	const copy = installed();
	try {
		giveCapabilities(copy.launcher, GROUP);
		const expected = without(user.uid, user.gid, user.groups);
		const stderr = await assertRights({ launcher: copy.launcher, under: user.asUser }, [], expected);
		assert.doesNotMatch(stderr, /root/);
		// A user who is not in the group may not even start it.
		const { status } = spawnSync('setpriv', ['--reuid', String(user.uid), '--clear-groups', copy.launcher, 'version']);
		assert.notEqual(status, 0);
		// --keep-root and --user do not give more, either.
		for (const [words, message] of [
			[['--keep-root'], /--keep-root: only root can keep root privileges/],
			[['--user', 'root'], /--user: only root may run the session as another user/],
			[['--user', 'daemon'], /--user: only root may run the session as another user/],
		] as const) {
			const tinytap = startTinytap(['query', 'SELECT 1', '--for', '1ms', ...words], {
				launcher: copy.launcher,
				under: user.asUser,
			});
			const { code, stderr } = await tinytap.finished;
			assert.equal(code, 2);
			assert.match(stderr, message);
		}
		// The message says what is missing.
		giveCapabilities(copy.launcher, GROUP, CAPABILITIES.replace('cap_sys_ptrace,cap_sys_nice,', ''));
		const lacking = startTinytap(['tail', '--for', '1ms'], { launcher: copy.launcher, under: user.asUser });
		const { stderr: said } = await lacking.finished;
		assert.match(said, /^tinytap: without CAP_SYS_PTRACE, other users’ connections .* have no addresses/m);
		assert.match(said, /^tinytap: without CAP_SYS_NICE, more may be lost/m);
		assert.doesNotMatch(stderr, /without CAP/);
		// If only root may read the directory of tracepoints, the error says so.
		if ((statSync('/sys/kernel/tracing').mode & 0o055) === 0) {
			giveCapabilities(copy.launcher, GROUP, CAPABILITIES.replace('cap_dac_read_search,', ''));
			const tinytap = startTinytap(['query', 'SELECT 1'], { launcher: copy.launcher, under: user.asUser });
			const { code, stderr } = await tinytap.finished;
			assert.equal(code, 1);
			assert.match(
				stderr,
				/^tinytap: error: cannot look into .*tracing: Permission denied \[ERR_NO_PERMISSION\]\nhint: Run it as root/,
			);
		}
	} finally {
		copy.remove();
	}
});

test('AT-10 a launcher with file capabilities starts nothing that anybody but root could have put there', () => {
	const copy = installed();
	const parent = temporaryDirectory();
	try {
		giveCapabilities(copy.launcher, GROUP);
		chmodSync(parent.path, 0o755);
		const start = (launcher: string) => {
			const [program, ...words] = [
				...user.asUser,
				launcher,
				'query',
				'SELECT 1 AS one',
				'--for',
				'1ms',
				'--format',
				'csv',
			];
			return spawnSync(program!, words, { encoding: 'utf8', env: TEST_ENV });
		};
		const works = (launcher = copy.launcher) => {
			const { status, stdout, stderr } = start(launcher);
			assert.deepEqual([status, stdout], [0, 'one\n1\n'], stderr);
		};
		const refused = (what: string, launcher = copy.launcher) => {
			const { status, stdout, stderr } = start(launcher);
			assert.deepEqual([what, status, stdout], [what, 1, '']);
			assert.match(
				stderr,
				/^tinytap: error: the launcher has file capabilities, but somebody other than root can change .* \[ERR_LAUNCH\]\n/,
				what,
			);
		};
		works();
		const build = join(copy.path, 'build');
		for (const path of [build, copy.path]) {
			chmodSync(path, 0o775);
			refused(`${path} is the group’s to write`);
			chmodSync(path, 0o757);
			refused(`${path} is everybody’s to write`);
			chmodSync(path, 0o755);
			chownSync(path, user.uid, user.gid);
			refused(`${path} is the user’s`);
			chownSync(path, 0, 0);
		}
		for (const name of ['tinytap-attacher', 'tinytap-helper', 'tinytap-looker', 'tinytap.bpf.o', 'tinytap-old.bpf.o']) {
			const path = join(build, name);
			const { mode } = { mode: 0o755 };
			chmodSync(path, 0o777);
			refused(`${name} is everybody’s to write`);
			chmodSync(path, mode);
			chownSync(path, user.uid, user.gid);
			refused(`${name} is the user’s`);
			chownSync(path, 0, 0);
			renameSync(path, `${path}.away`);
			symlinkSync(`${path}.away`, path);
			refused(`${name} is a link`);
			renameSync(`${path}.away`, path);
		}
		works();
		// A directory in which everybody may create files but not remove those of others: root's programs could be
		// linked there.
		chmodSync(build, 0o1777);
		refused('everybody may make files beside it');
		chmodSync(build, 0o755);
		// A hard link in a directory whose other files the user controls.
		const theirs = join(user.home, `links-${process.pid}`);
		mkdirSync(theirs);
		for (const name of readdirSync(build)) if (name !== 'native') linkSync(join(build, name), join(theirs, name));
		chownSync(theirs, user.uid, user.gid);
		refused('a hard link', join(theirs, 'tinytap-launcher'));
		// A symbolic link leads to the real place.
		symlinkSync(copy.launcher, join(theirs, 'link'));
		works(join(theirs, 'link'));
	} finally {
		parent.remove();
		copy.remove();
	}
});

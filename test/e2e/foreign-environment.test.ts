// tinytap may run as root in any environment: nothing in it becomes code, and nobody can debug tinytap.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { eventually } from '../../support/eventually.ts';
import { installed } from '../../support/installed.ts';
import { stopChild, temporaryDirectory } from '../../support/servers.ts';
import { giveCapabilities } from '../../support/session-of-user.ts';
import { CLI, startTinytap, TEST_ENV, TINYTAP } from '../../support/tinytap.ts';

const directory = temporaryDirectory();
after(directory.remove);
const place = (name: string) => join(directory.path, name);
const ROOT = join(CLI, '../..');
const LAUNCHERS = ['scripts/tinytap', 'bin/tinytap'].map((name) => join(ROOT, name));
const DEMO = join(ROOT, 'recordings/demo.tinytap');

/** Marker files that somebody else's code would have created. */
const marks = () => readdirSync(directory.path).filter((name) => name.startsWith('mark-'));

function writeProgram(path: string, text: string): void {
	writeFileSync(path, text);
	chmodSync(path, 0o755);
}

test('variables that would make Node, OpenSSL, a shell or the loader run or write files have no effect', () => {
	mkdirSync(place('modules/commander'), { recursive: true });
	mkdirSync(place('coverage'));
	writeFileSync(place('evil.cjs'), `require('node:fs').writeFileSync(${JSON.stringify(place('mark-node'))}, '')`);
	writeFileSync(place('modules/commander/index.js'), readFileSync(place('evil.cjs')));
	writeFileSync(place('evil.sh'), `: >${place('mark-bash')}\n`);
	// A configuration that OpenSSL cannot load: any program that reads it reports an error.
	writeFileSync(
		place('openssl.cnf'),
		'nodejs_conf = a\nopenssl_conf = a\n[a]\nengines = b\n[b]\nevil = c\n[c]\ndynamic_path = /nonexistent/evil.so\ninit = 1\n',
	);
	mkdirSync(place('elsewhere/scripts'), { recursive: true });
	for (const name of ['setup', 'build-bpf', 'build-native', 'build-decoder', 'build-cli.mjs']) {
		writeProgram(place(`elsewhere/scripts/${name}`), `#!/bin/sh\n: >${place('mark-cdpath')}\n`);
	}
	const evil: [string, string][] = [
		['NODE_OPTIONS', `--require ${place('evil.cjs')}`],
		['NODE_PATH', place('modules')],
		['NODE_V8_COVERAGE', place('coverage')],
		['NODE_REDIRECT_WARNINGS', place('mark-warnings')],
		['NODE_COMPILE_CACHE', place('mark-cache')],
		['OPENSSL_CONF', place('openssl.cnf')],
		['NODE_EXTRA_CA_CERTS', '/nonexistent/ca.pem'],
		['BASH_ENV', place('evil.sh')],
		['ENV', place('evil.sh')],
		['BASH_FUNC_exec%%', `() { : >${place('mark-function')}; }`],
		['BASH_FUNC_command%%', `() { : >${place('mark-function')}; }`],
		['NODE_DEBUG', 'module'],
		// With it, `cd scripts/..` would lead there, and the scripts there would do the build.
		['CDPATH', place('elsewhere')],
		['SHELLOPTS', 'xtrace'],
	];
	for (const launcher of LAUNCHERS) {
		for (const [name, value] of evil) {
			const { status, stdout, stderr } = spawnSync(
				launcher,
				['query', 'SELECT 1 AS one', '--replay', DEMO, '--format', 'csv', '--quiet'],
				{ encoding: 'utf8', env: { ...TEST_ENV, [name]: value } },
			);
			assert.deepEqual([name, status, stdout, stderr], [name, 0, 'one\n1\n', '']);
			assert.deepEqual([name, marks(), readdirSync(place('coverage'))], [name, [], []]);
		}
	}
});

test('programs in the working directory and in $PATH are not run as root', () => {
	const names = [
		'mount',
		'readlink',
		'getent',
		'node',
		'env',
		'bash',
		'sh',
		'find',
		'stat',
		'id',
		'cmp',
		'dirname',
		'npm',
	];
	// As in `npm start`: npm puts the node_modules/.bin of each parent directory first.
	for (const [folder, own] of [
		['.', names],
		['bin', names.filter((name) => name !== 'node')],
		['node_modules/.bin', names],
	] as const) {
		mkdirSync(place(folder), { recursive: true });
		for (const name of own) writeProgram(place(`${folder}/${name}`), `#!/bin/sh\n: >${place(`mark-${name}`)}\n`);
	}
	const path = `:.:bin:${place('node_modules/.bin')}:${place('node_modules/.bin/')}:${place('bin')}:${process.env.PATH ?? ''}`;
	const ways = [...LAUNCHERS.map((launcher) => [launcher]), [...TINYTAP]];
	for (const way of ways) {
		// tracefs is hidden, so that the capture tries to mount it.
		const result = spawnSync(
			'/usr/bin/unshare',
			[
				...['--mount', '/bin/sh', '-c'],
				'umount -l /sys/kernel/tracing 2>/dev/null; umount -l /sys/kernel/debug 2>/dev/null; exec "$@"',
				...['sh', ...way, 'query', 'SELECT 1 AS one', '--for', '1ms', '--format', 'csv'],
			],
			{ encoding: 'utf8', cwd: directory.path, env: { ...TEST_ENV, PATH: path } },
		);
		assert.equal(result.status, 0, result.stderr);
		assert.equal(result.stdout, 'one\n1\n');
		assert.deepEqual([way, marks()], [way, []]);
	}
});

test('without Node in PATH one sentence says so, and under sudo a hint shows how to keep PATH', () => {
	for (const launcher of LAUNCHERS) {
		for (const path of ['', '.', 'bin', place('elsewhere')]) {
			for (const sudo of [{}, { SUDO_USER: 'somebody' }]) {
				const { status, stdout, stderr } = spawnSync(launcher, ['version'], {
					encoding: 'utf8',
					cwd: directory.path,
					env: { PATH: path, ...sudo },
				});
				assert.deepEqual([status, stdout], [1, '']);
				const [sentence, hint] = stderr.split('\n');
				assert.match(sentence!, /^tinytap: (error: )?expected Node\.js 20\.19 or newer, found none in PATH/);
				if ('SUDO_USER' in sudo)
					assert.match(hint!, /^hint: sudo has a PATH of its own; keep yours: sudo env "PATH=\$PATH" /);
				else assert.equal(hint, '');
			}
		}
	}
});

/** The launcher in a checkout of its own, whose build is `build`. */
function checkout(name: string, build: string): string {
	const copy = place(name);
	mkdirSync(join(copy, 'scripts'), { recursive: true });
	mkdirSync(join(copy, 'bin'));
	for (const file of ['scripts/tinytap', 'bin/clean-environment', 'bin/taken-out-variables'])
		cpSync(join(ROOT, file), join(copy, file));
	writeProgram(join(copy, 'scripts/build'), `#!/bin/sh\n${build}\n`);
	writeProgram(join(copy, 'bin/tinytap'), '#!/bin/sh\necho runs\n');
	return copy;
}

test('root’s build takes only what it needs from the environment', () => {
	// Each part of the build prints its environment.
	const copy = checkout('copy', 'env -0 >&2');
	const foreign = {
		CXX: 'evil',
		CLANG: 'evil',
		MAKEFLAGS: 'evil',
		GIT_DIR: 'evil',
		npm_config_cache: 'evil',
		APT_CONFIG: 'evil',
	};
	const { stderr } = spawnSync(join(copy, 'scripts/tinytap'), [], {
		encoding: 'utf8',
		env: { PATH: process.env.PATH, HOME: '/nonexistent', https_proxy: 'http://proxy:1', SUDO_UID: '5', ...foreign },
	});
	const given = new Map(stderr.split('\0').map((entry) => entry.split(/=(.*)/s, 2) as [string, string]));
	for (const name of Object.keys(foreign)) assert.equal(given.has(name), false, name);
	assert.deepEqual([given.get('https_proxy'), given.get('SUDO_UID')], ['http://proxy:1', '5']);
	assert.notEqual(given.get('HOME'), '/nonexistent');
});

test('a user without write access to a checkout runs what is built there, or gets one sentence if nothing is', () => {
	chmodSync(directory.path, 0o755);
	const copy = checkout('of-root', 'echo building; exit 1');
	const start = () =>
		spawnSync(join(copy, 'scripts/tinytap'), [], {
			encoding: 'utf8',
			uid: 65534,
			gid: 65534,
			env: { PATH: process.env.PATH },
		});
	const unbuilt = start();
	assert.deepEqual(
		[unbuilt.status, unbuilt.stdout, unbuilt.stderr],
		[1, '', `tinytap: not built yet, and you may not write to ${copy}: its owner must run scripts/build\n`],
	);
	mkdirSync(join(copy, 'dist'));
	writeFileSync(join(copy, 'dist/tinytap.cjs'), '');
	const built = start();
	assert.deepEqual([built.status, built.stdout, built.stderr], [0, 'runs\n', '']);
	const owner = spawnSync(join(copy, 'scripts/tinytap'), [], { encoding: 'utf8' });
	assert.deepEqual([owner.status, owner.stdout], [1, '']);
	assert.equal(owner.stderr, 'building\ntinytap: the build failed; see its output above\n');
});

test('the program after -- gets the original environment', () => {
	const given = {
		...{
			NODE_OPTIONS: '--no-warnings',
			LD_BIND_NOW: '1',
			MINE: 'a\nb',
			TZ: ':/etc/localtime',
			CDPATH: '/srv',
			TMPDIR: '/tmp',
		},
		PATH: `relative:${process.env.PATH ?? ''}`,
		// Names that the launchers themselves might use.
		...Object.fromEntries(
			['name', 'here', 'root', 'home', 'node', 'entry', 'result', 'flags', 'line'].map((name) => [name, `my ${name}`]),
		),
	};
	for (const launcher of LAUNCHERS) {
		const { status, stdout, stderr } = spawnSync(
			launcher,
			['query', 'SELECT 1 AS one', '--format', 'csv', '--', '/usr/bin/env', '-0'],
			{ encoding: 'utf8', env: { ...TEST_ENV, ...given } },
		);
		assert.equal(status, 0, stderr);
		const entries = new Map(stdout.split('\0').map((entry) => entry.split(/=(.*)/s, 2) as [string, string]));
		for (const [name, value] of Object.entries(given)) assert.equal(entries.get(name), value, name);
		assert.doesNotMatch(stdout, /TINYTAP_ENV/);
	}
});

test('60,000 variables of a hostile environment do not delay the start, and the program after -- gets the last value of each', () => {
	const script = `
import os, sys
# Each name twice, which no shell would give.
import ctypes
entries = [f'{name}={value}'.encode() for value in (1, 2) for name in (f'TINYTAP_ENV_V{index}' for index in range(30_000))] + [b'PATH=' + os.environb[b'PATH'], b'V7=own']
array = (ctypes.c_char_p * (len(entries) + 1))(*entries, None)
words = [word.encode() for word in (sys.argv[1], 'query', 'SELECT 1', '--format', 'csv', '--', '/usr/bin/env', '-0')]
ctypes.CDLL(None).execve(words[0], (ctypes.c_char_p * (len(words) + 1))(*words, None), array)
`;
	const began = performance.now();
	const { status, stdout, stderr } = spawnSync('python3', ['-c', script, TINYTAP[0]!], {
		encoding: 'utf8',
		env: TEST_ENV,
		maxBuffer: 1 << 25,
	});
	assert.equal(status, 0, stderr);
	assert.ok(performance.now() - began < 8000, `${performance.now() - began} ms`);
	const entries = stdout.split('\0');
	const given = entries.filter((entry) => /^V\d+=/.test(entry));
	assert.equal(given.length, 30_000);
	assert.ok(given.every((entry) => entry.endsWith('=2')));
});

test('as root without its launcher, bin/tinytap starts no Node; as another user it reads recordings', () => {
	chmodSync(directory.path, 0o755);
	const copy = place('unlaunched');
	for (const part of ['bin', 'dist', 'recordings', 'build'])
		cpSync(join(ROOT, part), join(copy, part), {
			recursive: true,
			filter: (from) => !/tinytap-launcher$|build\/./.test(from) || from.endsWith('decoder.wasm'),
		});
	cpSync(join(ROOT, 'package.json'), join(copy, 'package.json'));
	const start = (uid: number) =>
		spawnSync(
			join(copy, 'bin/tinytap'),
			['query', 'SELECT 1 AS one', '--format', 'csv', '--quiet', '--replay', join(copy, 'recordings/demo.tinytap')],
			{ encoding: 'utf8', env: { ...TEST_ENV, HOME: '/nonexistent' }, uid, gid: uid },
		);
	const asRoot = start(0);
	assert.deepEqual([asRoot.status, asRoot.stdout], [1, '']);
	assert.match(asRoot.stderr, /^tinytap: run as root, it needs its launcher, .*\n$/);
	const capable = spawnSync(
		'setpriv',
		[
			'--reuid',
			'4242',
			'--clear-groups',
			'--inh-caps=+sys_nice',
			'--ambient-caps=+sys_nice',
			join(copy, 'bin/tinytap'),
			'version',
		],
		{ encoding: 'utf8', env: TEST_ENV },
	);
	assert.deepEqual([capable.status, capable.stdout], [1, ''], capable.stderr);
	const asUser = start(65534);
	assert.deepEqual([asUser.status, asUser.stdout], [0, 'one\n1\n'], asUser.stderr);
});

test('a user outside the group of a launcher with file capabilities is told which group may start it', () => {
	const copy = installed();
	try {
		cpSync(join(ROOT, 'bin'), join(copy.path, 'bin'), { recursive: true });
		giveCapabilities(copy.launcher, 1);
		for (const words of [['tail'], ['doctor']]) {
			const { status, stdout, stderr } = spawnSync(join(copy.path, 'bin/tinytap'), words, {
				...{ encoding: 'utf8', env: { ...TEST_ENV, HOME: '/nonexistent' }, uid: 4242, gid: 4242 },
			});
			assert.equal(status, 1, stderr);
			assert.match(stdout + stderr, /Members of group daemon may start it/, words[0]);
		}
	} finally {
		copy.remove();
	}
});

/** Listening sockets of a process. */
function listeners(pid: number): string[] {
	const sockets = readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
		const { stdout } = spawnSync('readlink', [`/proc/${pid}/fd/${fd}`], { encoding: 'utf8' });
		return /^socket:\[(\d+)\]/.exec(stdout)?.[1] ?? [];
	});
	return ['tcp', 'tcp6']
		.flatMap((table) => readFileSync(`/proc/net/${table}`, 'utf8').split('\n').slice(1))
		.map((line) => line.trim().split(/\s+/))
		.filter(([, , , state, , , , , , inode]) => state === '0A' && sockets.includes(inode ?? ''))
		.map(([, local]) => local ?? '');
}

test('SIGUSR1 opens no debugger in any thread or helper, and ends nothing', async () => {
	const before = new Set(readdirSync('/proc'));
	const running = startTinytap(['query', 'SELECT 1 AS one', '--format', 'csv', '--comm', 'no-such-name']);
	try {
		await running.attached();
		const { pid } = running.child;
		const helpers = readdirSync('/proc').filter((name) => {
			if (!/^\d+$/.test(name) || before.has(name) || !existsSync(`/proc/${name}/cmdline`)) return false;
			return readFileSync(`/proc/${name}/cmdline`, 'utf8').includes('--comm\0no-such-name');
		});
		assert.ok(helpers.includes(String(pid)));
		const threads = readdirSync(`/proc/${pid}/task`);
		assert.ok(threads.length > 3);
		// Signal each thread by its own number with tgkill.
		const signalled = spawnSync('python3', [
			'-c',
			'import ctypes, sys\nfor t in sys.argv[3:]: assert ctypes.CDLL(None).syscall(int(sys.argv[1]), int(sys.argv[2]), int(t), 10) == 0',
			process.arch === 'arm64' ? '131' : '234',
			String(pid),
			...threads,
		]);
		assert.equal(signalled.status, 0, signalled.stderr.toString());
		for (const helper of helpers) process.kill(Number(helper), 'SIGUSR1');
		running.interrupt();
		const { code, stdout, stderr } = await running.finished;
		assert.deepEqual([code, stdout], [0, 'one\n1\n'], stderr);
		assert.doesNotMatch(stderr, /debugger|inspector/i);
	} finally {
		await running.stop();
	}
});

test('SIGUSR1 opens no debugger while tinytap is starting', async () => {
	const child = spawn(join(ROOT, 'bin/tinytap'), ['--replay', DEMO], {
		stdio: ['pipe', 'pipe', 'pipe'],
		env: TEST_ENV,
	});
	let errors = '';
	child.stderr.on('data', (chunk: Buffer) => {
		errors += chunk.toString();
	});
	try {
		// Before Node sets its own handler, the signal would end the process: wait for its first thread.
		await eventually(
			() => readdirSync(`/proc/${child.pid}/task`).length > 2 || undefined,
			() => 'Node does not start',
		);
		await eventually(
			() => {
				child.kill('SIGUSR1');
				assert.deepEqual(listeners(child.pid!), []);
				return errors.includes('tinytap: replaying') || undefined;
			},
			() => errors,
		);
		assert.deepEqual(listeners(child.pid!), []);
		assert.equal(child.exitCode, null);
		assert.doesNotMatch(errors, /listening on/i);
	} finally {
		await stopChild(child);
	}
});

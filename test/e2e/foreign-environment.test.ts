// tinytap runs as root in whatever environment it is started from: nothing in there becomes code, and nobody can debug it.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { eventually } from '../../support/eventually.ts';
import { stopChild, temporaryDirectory } from '../../support/servers.ts';
import { CLI, startTinytap, TEST_ENV } from '../../support/tinytap.ts';

const directory = temporaryDirectory();
after(directory.remove);
const place = (name: string) => join(directory.path, name);
const ROOT = join(CLI, '../..');
const LAUNCHERS = ['scripts/tinytap', 'bin/tinytap'].map((name) => join(ROOT, name));
const DEMO = join(ROOT, 'recordings/demo.tinytap');

/** Files that something foreign has made. */
const marks = () => readdirSync(directory.path).filter((name) => name.startsWith('mark-'));

function writeProgram(path: string, text: string): void {
	writeFileSync(path, text);
	chmodSync(path, 0o755);
}

test('variables that make Node, OpenSSL, a shell or the loader run or write files have no effect', () => {
	mkdirSync(place('modules/commander'), { recursive: true });
	mkdirSync(place('coverage'));
	writeFileSync(place('evil.cjs'), `require('node:fs').writeFileSync(${JSON.stringify(place('mark-node'))}, '')`);
	writeFileSync(place('modules/commander/index.js'), readFileSync(place('evil.cjs')));
	writeFileSync(place('evil.sh'), `: >${place('mark-bash')}\n`);
	// A configuration that OpenSSL cannot load: whoever reads it says so.
	writeFileSync(
		place('openssl.cnf'),
		'nodejs_conf = a\nopenssl_conf = a\n[a]\nengines = b\n[b]\nevil = c\n[c]\ndynamic_path = /nonexistent/evil.so\ninit = 1\n',
	);
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

test('programs of the working directory and of $PATH are not run as root', () => {
	mkdirSync(place('bin'));
	for (const name of ['mount', 'readlink', 'node', 'env', 'bash', 'sh']) {
		const text = `#!/bin/sh\n: >${place(`mark-${name}`)}\n`;
		if (name !== 'node') writeProgram(place(`bin/${name}`), text);
		writeProgram(place(name), text);
	}
	// tracefs is hidden, so that the capture wants to mount it.
	const result = spawnSync(
		'/usr/bin/unshare',
		[
			...['--mount', '/bin/sh', '-c'],
			'umount -l /sys/kernel/tracing 2>/dev/null; umount -l /sys/kernel/debug 2>/dev/null; exec "$@"',
			...['sh', join(ROOT, 'bin/tinytap'), 'query', 'SELECT 1 AS one', '--for', '1ms', '--format', 'csv'],
		],
		{
			encoding: 'utf8',
			cwd: directory.path,
			env: { ...TEST_ENV, PATH: `:.:bin:${place('bin')}:${process.env.PATH ?? ''}` },
		},
	);
	assert.equal(result.status, 0, result.stderr);
	assert.equal(result.stdout, 'one\n1\n');
	assert.deepEqual(marks(), []);
});

test('the program after -- gets the environment as it was', () => {
	const { status, stdout, stderr } = spawnSync(
		join(ROOT, 'bin/tinytap'),
		['query', 'SELECT 1 AS one', '--format', 'csv', '--', '/usr/bin/env'],
		{ encoding: 'utf8', env: { ...TEST_ENV, NODE_OPTIONS: '--no-warnings', LD_BIND_NOW: '1', MINE: 'a\nb' } },
	);
	assert.equal(status, 0, stderr);
	assert.match(stdout, /^NODE_OPTIONS=--no-warnings$/m);
	assert.match(stdout, /^LD_BIND_NOW=1$/m);
	assert.match(stdout, /^MINE=a\nb$/m);
	assert.doesNotMatch(stdout, /TINYTAP_ENV/);
});

/** Sockets that listen in a process. */
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
		// To each thread by its own number: tgkill.
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
		// Before Node has set its own handler the signal would end it: wait for its first thread.
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

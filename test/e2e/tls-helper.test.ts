// The TLS helper: it exists only with --tls, has exactly the privileges that it needs, finds libraries in every mount
// namespace, and whatever ends it leaves the code of other processes as it was.
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { arch } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../../support/eventually.ts';
import { installed } from '../../support/installed.ts';
import { commandLine, descendants, descriptorsOf, rightsOf } from '../../support/rights.ts';
import { stopChild, temporaryDirectory } from '../../support/servers.ts';
import { CAPABILITIES, giveCapabilities, sessionOfUser } from '../../support/session-of-user.ts';
import { startTinytap } from '../../support/tinytap.ts';
import { changedBytes, startTlsSession, type TlsSession } from '../../support/tls-session.ts';

const LIBRARIES = `/usr/lib/${arch() === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;
const LIBSSL = realpathSync(join(LIBRARIES, 'libssl.so.3'));
const { user } = sessionOfUser();
const INT3 = 0xcc;
const OPENSSL = 1;
/** Reading any file and directory, ptrace, sys_admin, perfmon, bpf. */
const HELPER_CAPABILITIES = (1n << 2n) | (1n << 19n) | (1n << 21n) | (1n << 38n) | (1n << 39n);
const HELPER_UID = 64873;

/** Starts a process that maps the library and sleeps. */
async function mapLibrary(path: string, under: readonly string[] = []): Promise<ChildProcess> {
	const script = "import ctypes, sys, time; ctypes.CDLL(sys.argv[1]); print('mapped', flush=True); time.sleep(600)";
	const [program, ...words] = [...under, 'python3', '-c', script, path];
	const child = spawn(program!, words, { stdio: ['ignore', 'pipe', 'inherit'] });
	await new Promise((resolve, reject) => {
		child.stdout!.once('data', resolve);
		child.once('close', (code) => reject(new Error(`python3 has ended with ${code}`)));
	});
	return child;
}

/** A copy of libssl, which no process has mapped before. */
function copyOfLibrary() {
	const directory = temporaryDirectory();
	const path = join(directory.path, 'libssl-copy.so');
	copyFileSync(LIBSSL, path);
	return { path, remove: directory.remove };
}

/** The process that has mapped something: the child, or what it has started. */
function mapperOf(child: ChildProcess, path: string): number {
	const found = descendants(child.pid!).find((pid) => readFileSync(`/proc/${pid}/maps`, 'latin1').includes(path));
	assert.ok(found !== undefined);
	return found;
}

async function withSession(words: readonly string[], look: (session: TlsSession) => Promise<void>): Promise<void> {
	const session = await startTlsSession(words);
	try {
		await look(session);
	} finally {
		await session.stop();
	}
}

/** The kernel frees probes a little after they were detached. */
async function unmount(place: string): Promise<void> {
	let stderr = '';
	await eventually(
		() => {
			const done = spawnSync('umount', [place], { encoding: 'utf8' });
			stderr = done.stderr;
			return done.status === 0 || undefined;
		},
		() => stderr,
	);
}

/** Waits until the process's code is that of its library again. */
async function restored(pid: number, path: string): Promise<void> {
	await eventually(
		() => changedBytes(pid, path).length === 0 || undefined,
		() => `changed bytes: ${JSON.stringify(changedBytes(pid, path))}`,
	);
}

test('without --tls there is no TLS helper, and nothing is attached', async () => {
	const library = copyOfLibrary();
	const mapper = await mapLibrary(library.path);
	try {
		await withSession([], async (session) => {
			assert.equal(await session.ask('has'), false);
			assert.deepEqual(await session.ask('on'), {
				error: 'this session was started without --tls, so nothing may attach to TLS libraries',
				code: 'ERR_TLS',
			});
			assert.deepEqual(await session.rows(), []);
			assert.equal(session.helper(), undefined);
			assert.deepEqual(changedBytes(mapper.pid!, library.path), []);
		});
	} finally {
		await stopChild(mapper);
		library.remove();
	}
});

test('the TLS helper has the privileges to attach and to find libraries, and no others', async () => {
	await withSession(['--tls'], async (session) => {
		const helper = session.helper();
		assert.ok(helper !== undefined);
		const [only, ...more] = rightsOf(helper);
		assert.equal(more.length, 0, 'one thread');
		const same = [HELPER_UID, HELPER_UID, HELPER_UID, HELPER_UID];
		assert.deepEqual([only!.uids, only!.gids, only!.groups], [same, same, []]);
		assert.equal(only!.capabilities.CapEff, HELPER_CAPABILITIES);
		assert.equal(only!.capabilities.CapPrm, HELPER_CAPABILITIES);
		assert.equal(only!.capabilities.CapBnd, HELPER_CAPABILITIES);
		// The filter is set once the programs are loaded, before the first answer.
		await session.ask('on');
		assert.deepEqual([rightsOf(helper)[0]!.noNewPrivileges, rightsOf(helper)[0]!.seccomp], [true, 2]);
		assert.equal(readFileSync(`/proc/${helper}/environ`, 'latin1'), '');
	});
});

test('a library that is mapped already is attached once for all processes, and detached without a trace', async () => {
	const library = copyOfLibrary();
	const mappers = [await mapLibrary(library.path), await mapLibrary(library.path), await mapLibrary(library.path)];
	try {
		await withSession(['--tls'], async (session) => {
			const before = await session.row('libssl-copy.so', (row) => row.processes === 3);
			assert.deepEqual([before.attached, before.library, before.reason], [false, OPENSSL, '']);
			for (const { pid } of mappers) assert.deepEqual(changedBytes(pid!, library.path), []);
			assert.ok(Number(await session.ask('on')) >= 1);
			const row = await session.row('libssl-copy.so', ({ attached }) => attached);
			if (arch() === 'x64') assert.deepEqual([row.slow, row.place], [false, 'ssl_read_internal, ssl_write_internal']);
			for (const { pid } of mappers) {
				const changed = changedBytes(pid!, library.path);
				// Reading, writing, handshake, sendfile, free.
				assert.equal(changed.length, 5);
				if (arch() === 'x64') for (const [, byte] of changed) assert.equal(byte, INT3);
			}
			assert.equal(await session.ask('off'), 0);
			for (const { pid } of mappers) await restored(pid!, library.path);
			assert.equal((await session.row('libssl-copy.so')).attached, false);
			// And again.
			assert.ok(Number(await session.ask('on')) >= 1);
			assert.equal(changedBytes(mappers[0]!.pid!, library.path).length, 5);
		});
		// The session has ended.
		for (const { pid } of mappers) await restored(pid!, library.path);
	} finally {
		for (const mapper of mappers) await stopChild(mapper);
		library.remove();
	}
});

test('a library that is first mapped during the capture is attached, in a mount namespace of its own, too', async () => {
	const library = copyOfLibrary();
	const directory = temporaryDirectory();
	let mapper: ChildProcess | undefined;
	let hidden: ChildProcess | undefined;
	try {
		await withSession(['--tls'], async (session) => {
			await session.ask('on');
			mapper = await mapLibrary(library.path);
			const row = await session.row('libssl-copy.so', ({ attached }) => attached);
			assert.equal(row.processes, 1);
			assert.equal(changedBytes(mapper.pid!, library.path).length, 5);
			// A file that has a name only inside of its namespace, in a directory that only its user may enter.
			const inside = join(directory.path, 'libssl-hidden.so');
			const script = `mount -t tmpfs -o mode=700 none '${directory.path}' && cp '${LIBSSL}' '${inside}' && exec "$@"`;
			hidden = await mapLibrary(inside, ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, 'sh']);
			const other = await session.row('libssl-hidden.so', ({ attached }) => attached);
			assert.deepEqual([other.library, other.reason], [OPENSSL, '']);
			const pid = mapperOf(hidden, inside);
			const memory = execFileSync('nsenter', ['--mount', '--target', String(pid), 'cat', inside], {
				maxBuffer: 1 << 26,
			});
			const copy = join(library.path, '../hidden-copy');
			writeFileSync(copy, memory);
			assert.equal(changedBytes(pid, inside, copy).length, 5);
			// Its file system can be unmounted some time after it has ended.
			await stopChild(hidden);
			await eventually(
				async () => !(await session.rows()).some(({ path }) => path.endsWith('libssl-hidden.so')) || undefined,
				() => 'the library of a process that has ended is still held',
			);
		});
	} finally {
		for (const child of [mapper, hidden]) if (child !== undefined) await stopChild(child);
		directory.remove();
		library.remove();
	}
});

test('a file that several overlay file systems have is probed once, as long as one of them is used', async () => {
	const directory = temporaryDirectory();
	const at = (name: string) => join(directory.path, name);
	const mounted: string[] = [];
	const mount = (place: string, words: readonly string[]) => {
		execFileSync('mkdir', ['-p', place]);
		execFileSync('mount', [...words, place]);
		mounted.unshift(place);
	};
	const mappers: ChildProcess[] = [];
	try {
		mount(at('layers'), ['-t', 'tmpfs', 'none']);
		execFileSync('mkdir', [
			'-p',
			...['lower', 'upper1', 'work1', 'upper2', 'work2'].map((name) => at(`layers/${name}`)),
		]);
		copyFileSync(LIBSSL, at('layers/lower/libssl-layer.so'));
		for (const number of [1, 2]) {
			const layers = [`lowerdir=${at('layers/lower')}`, `upperdir=${at(`layers/upper${number}`)}`];
			mount(at(`merged${number}`), [
				'-t',
				'overlay',
				'none',
				'-o',
				[...layers, `workdir=${at(`layers/work${number}`)}`].join(','),
			]);
		}
		const files = [1, 2].map((number) => at(`merged${number}/libssl-layer.so`)) as [string, string];
		await withSession(['--tls'], async (session) => {
			await session.ask('on');
			const links = () =>
				[...descriptorsOf(session.helper()!).values()].filter((what) => /bpf[-_]link/.test(what)).length;
			mappers.push(await mapLibrary(files[0]));
			await session.row('merged1/libssl-layer.so', ({ attached }) => attached);
			const before = links();
			mappers.push(await mapLibrary(files[1]));
			await session.row('merged2/libssl-layer.so', ({ attached }) => attached);
			assert.equal(links(), before);
			for (const [i, file] of files.entries()) assert.equal(changedBytes(mappers[i]!.pid!, file).length, 5);
			await stopChild(mappers[0]!);
			await eventually(
				async () => !(await session.rows()).some(({ path }) => path === files[0]) || undefined,
				() => 'a file system that nobody uses any more is still held',
			);
			await unmount(at('merged1'));
			mounted.splice(mounted.indexOf(at('merged1')), 1);
			await session.row('merged2/libssl-layer.so', ({ attached }) => attached);
			assert.equal(changedBytes(mappers[1]!.pid!, files[1]).length, 5);
		});
	} finally {
		for (const mapper of mappers) await stopChild(mapper);
		for (const place of mounted) await unmount(place);
		directory.remove();
	}
});

test('processes that come and go are counted', async () => {
	const library = copyOfLibrary();
	try {
		await withSession(['--tls'], async (session) => {
			const mappers = [await mapLibrary(library.path), await mapLibrary(library.path)];
			await session.row('libssl-copy.so', ({ processes }) => processes === 2);
			await stopChild(mappers[0]!);
			await session.row('libssl-copy.so', ({ processes }) => processes === 1);
			await stopChild(mappers[1]!);
			await session.row('libssl-copy.so', ({ processes }) => processes === 0);
			// A child of a process that has mapped it has mapped it, too, until it executes another program.
			const script =
				"import ctypes, os, sys, time; ctypes.CDLL(sys.argv[1]); os.fork() or os.execvp('sleep', ['sleep', '600']); print('mapped', flush=True); time.sleep(600)";
			const child = spawn('python3', ['-c', script, library.path], { stdio: 'ignore' });
			await session.row('libssl-copy.so', ({ processes }) => processes === 1);
			const asked = (await session.ask(`of ${child.pid}`)) as { path: string };
			assert.ok(asked.path.endsWith('.so'), JSON.stringify(asked));
			for (const pid of descendants(child.pid!).reverse()) process.kill(pid, 'SIGKILL');
			await session.row('libssl-copy.so', ({ processes }) => processes === 0);
		});
	} finally {
		library.remove();
	}
});

test('programs whose TLS cannot be read are named with the reason', async () => {
	const directory = temporaryDirectory();
	const program = join(directory.path, 'speaks-rustls');
	const source = join(directory.path, 'source.c');
	writeFileSync(
		source,
		'#include <stdio.h>\n#include <unistd.h>\nint main(void) { puts("/x/rustls-0.23.5/src/conn.rs"); fflush(stdout); sleep(600); }',
	);
	execFileSync(process.env.CC ?? 'gcc', ['-o', program, source]);
	const child = spawn(program, { stdio: ['ignore', 'pipe', 'inherit'] });
	try {
		await withSession(['--tls'], async (session) => {
			await session.ask('on');
			const row = await session.row('speaks-rustls');
			assert.deepEqual([row.library, row.attached, row.reason], [0, false, 'rustls']);
			const asked = (await session.ask(`of ${child.pid}`)) as { reason: string };
			assert.equal(asked.reason, 'rustls');
			assert.equal(await session.ask(`of ${process.ppid + 1_000_000_000}`), null);
		});
	} finally {
		await stopChild(child);
		directory.remove();
	}
});

test('without CAP_SYS_ADMIN, `tinytap doctor` says what --tls lacks, and everything else is possible', async () => {
	const copy = installed();
	try {
		for (const [capabilities, said] of [
			[CAPABILITIES, /^warning +tls +finding TLS libraries needs CAP_SYS_ADMIN$/m],
			[`${CAPABILITIES},cap_sys_admin`, /^ok +tls +the kernel accepts/m],
		] as const) {
			giveCapabilities(copy.launcher, user.groups[1]!, capabilities);
			const tinytap = startTinytap(['doctor'], { launcher: copy.launcher, under: user.asUser });
			const { code, stdout, stderr } = await tinytap.finished;
			assert.equal(code, 0, stderr);
			assert.match(stdout, said);
			assert.match(stdout, /^Live capture is possible\.$/m);
		}
	} finally {
		copy.remove();
	}
});

for (const [what, victim] of [
	['the TLS helper', (session: TlsSession) => session.helper()!],
	['tinytap', (session: TlsSession) => session.pid],
	['the helper', (session: TlsSession) => named(session, 'tinytap-helper')],
] as const)
	test(`when ${what} is killed, the code of other processes is as it was`, async () => {
		const library = copyOfLibrary();
		const mapper = await mapLibrary(library.path);
		try {
			await withSession(['--tls'], async (session) => {
				await session.ask('on');
				assert.equal(changedBytes(mapper.pid!, library.path).length, 5);
				const helper = session.helper()!;
				process.kill(victim(session), 'SIGKILL');
				await restored(mapper.pid!, library.path);
				await eventually(
					() => commandLine(helper).length === 0 || undefined,
					() => 'the TLS helper has not ended',
				);
			});
		} finally {
			await stopChild(mapper);
			library.remove();
		}
	});

function named(session: TlsSession, name: string): number {
	const found = descendants(session.pid).find((pid) => commandLine(pid)[0]?.endsWith(`/${name}`));
	assert.ok(found !== undefined, `no ${name}`);
	return found;
}

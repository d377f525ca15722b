// Root opens files for a user: whatever that user puts in the way, no data of others is read, changed or given away.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
	appendFileSync,
	chmodSync,
	chownSync,
	closeSync,
	existsSync,
	fstatSync,
	lchownSync,
	linkSync,
	lstatSync,
	mkdirSync,
	openSync,
	readdirSync,
	readFileSync,
	readSync,
	renameSync,
	statSync,
	symlinkSync,
	truncateSync,
	writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { systemCode, UserError } from '../../src/base/errors.ts';
import type { InvokingUser } from '../../src/base/invoking-user.ts';
import { NewFile } from '../../src/base/new-file.ts';
import { openUserFile, UserDirectory } from '../../src/base/user-files.ts';
import { wait } from '../../src/base/wait.ts';
import { RecordingReader, RecordingWriter } from '../../src/capture/recording.ts';
import { History } from '../../src/shell/history.ts';
import { findQuery, listQueries, readQuery, saveQuery } from '../../src/shell/saved-queries.ts';
import { eventually } from '../../support/eventually.ts';
import { stopChild, temporaryDirectory } from '../../support/servers.ts';
import { CLI, runTinytap, TEST_ENV, TINYTAP } from '../../support/tinytap.ts';

const directory = temporaryDirectory();
after(directory.remove);
chmodSync(directory.path, 0o755);

/** A user without a passwd entry, as `nobody` may be in containers. */
const NOBODY = 65534;
const INVOKING_USER = join(CLI, '../../src/base/invoking-user.ts');
const SECRET = 'known to root alone';
const canary = join(directory.path, 'canary');
writeFileSync(canary, SECRET, { mode: 0o600 });

let homes = 0;

/** Creates a new home directory of the user; returns both. */
function newHome(): { home: string; user: InvokingUser } {
	const home = join(directory.path, `home-${homes++}`);
	mkdirSync(home, { mode: 0o755 });
	chownSync(home, NOBODY, NOBODY);
	return { home, user: { uid: NOBODY, gid: NOBODY, name: 'nobody', home, other: true } };
}

/** A directory that belongs to the user. */
function ofUser(path: string): string {
	if (!existsSync(dirname(path))) ofUser(dirname(path));
	mkdirSync(path, { mode: 0o755 });
	chownSync(path, NOBODY, NOBODY);
	return path;
}

/** A link that belongs to the user. */
function linkOfUser(target: string, path: string): void {
	symlinkSync(target, path);
	lchownSync(path, NOBODY, NOBODY);
}

function assertCanary(): void {
	const { uid, mode } = statSync(canary);
	assert.deepEqual([readFileSync(canary, 'utf8'), uid, mode & 0o777], [SECRET, 0, 0o600]);
}

test('history is created with mode 0600 in directories of mode 0700, all owned by the user, under any umask', () => {
	const { home, user } = newHome();
	const before = process.umask(0);
	try {
		const history = new History(join(home, '.local/state/tinytap/history'), user, assert.fail);
		history.append('SELECT 1;');
		history.append('SELECT 2;');
		history.append('.help');
		assert.deepEqual(history.read(), ['.help', 'SELECT 2;', 'SELECT 1;']);
	} finally {
		process.umask(before);
	}
	for (const [path, mode] of [
		['.local', 0o700],
		['.local/state', 0o700],
		['.local/state/tinytap', 0o700],
		['.local/state/tinytap/history', 0o600],
	] as const) {
		const stat = lstatSync(join(home, path));
		assert.deepEqual([path, stat.uid, stat.gid, stat.mode & 0o777], [path, NOBODY, NOBODY, mode]);
	}
});

test('a history file that is a link, a hard link or a pipe is not touched, and one message says so', () => {
	const own = join(newHome().home, 'notes');
	writeFileSync(own, 'notes\n');
	chownSync(own, NOBODY, NOBODY);
	const obstacles: [string, (path: string) => void][] = [
		['a link to a file', (path) => linkOfUser(canary, path)],
		['a link to a file of the user’s own', (path) => linkOfUser(own, path)],
		['a link to no file', (path) => linkOfUser(join(directory.path, 'made-by-link'), path)],
		['a hard link', (path) => linkSync(canary, path)],
		['a pipe', (path) => spawnSync('mkfifo', [path])],
		['a file of root', (path) => writeFileSync(path, 'old\n', { mode: 0o600 })],
	];
	for (const [name, place] of obstacles) {
		const { home, user } = newHome();
		const path = join(ofUser(join(home, '.local/state/tinytap')), 'history');
		place(path);
		const warnings: string[] = [];
		const history = new History(path, user, (text) => warnings.push(text));
		assert.deepEqual(history.read(), name.includes('own') ? ['notes'] : [], name);
		history.append('SELECT 1;');
		history.append('SELECT 2;');
		assert.equal(warnings.length, 1, name);
		assert.match(warnings[0] ?? '', /^history is not kept: cannot open .*\/history: /, name);
		assertCanary();
		if (name === 'a file of root') assert.equal(lstatSync(path).uid, 0);
	}
	assert.ok(!existsSync(join(directory.path, 'made-by-link')));
	assert.equal(readFileSync(own, 'utf8'), 'notes\n');
});

test('a directory whose path leads through somebody else’s is not used', () => {
	const others = join(directory.path, 'others');
	mkdirSync(others);
	const open = join(directory.path, 'open');
	mkdirSync(open);
	chmodSync(open, 0o777);
	for (const target of [others, open]) {
		for (const at of ['.local', '.local/state', '.local/state/tinytap']) {
			const { home, user } = newHome();
			if (dirname(at) !== '.') ofUser(join(home, dirname(at)));
			linkOfUser(target, join(home, at));
			const warnings: string[] = [];
			new History(join(home, '.local/state/tinytap/history'), user, (text) => warnings.push(text)).append('x');
			assert.match(warnings.join(), /it does not belong to nobody/, at);
			assert.throws(() => saveQuery(join(home, at, 'queries'), 'q', 'SELECT 1', user), { code: 'ERR_FILE_EACCES' });
		}
		assert.deepEqual(readdirSync(target), []);
		assert.equal(statSync(target).uid, 0);
	}
});

test('a link to another directory of the same user is followed', () => {
	const { home, user } = newHome();
	ofUser(join(home, 'elsewhere'));
	linkOfUser(join(home, 'elsewhere'), join(home, '.local'));
	saveQuery(join(home, '.local/share/tinytap/queries'), 'q', 'SELECT 1', user);
	assert.equal(readFileSync(join(home, 'elsewhere/share/tinytap/queries/q.sql'), 'utf8'), 'SELECT 1\n');
});

test('saving replaces a query that is a link, and a link to a file the user may not read is not read', () => {
	const { home, user } = newHome();
	const path = ofUser(join(home, 'queries'));
	linkOfUser(canary, join(path, 'q.sql'));
	linkOfUser(canary, join(path, 'other.sql'));
	const directories = [{ place: 'user' as const, path, user }];
	assert.deepEqual(
		listQueries(directories).map(({ name, header, problem }) => [name, problem ?? header.title]),
		[
			['other', 'cannot be read'],
			['q', 'cannot be read'],
		],
	);
	assert.throws(() => readQuery(findQuery(directories, 'other')), {
		code: 'ERR_FILE_EACCES',
		message: /nobody may not read it/,
	});
	assert.equal(saveQuery(path, 'q', 'SELECT 1', user), true);
	assert.equal(readQuery(findQuery(directories, 'q')), 'SELECT 1\n');
	assert.deepEqual([lstatSync(join(path, 'q.sql')).isFile(), lstatSync(join(path, 'q.sql')).uid], [true, NOBODY]);
	assertCanary();
});

test('a recording is created only where the user may write, and replayed only if the user may read it', () => {
	const { home, user } = newHome();
	const mine = join(home, 'mine.tinytap');
	new RecordingWriter(mine, {}, { user }).close();
	assert.deepEqual([statSync(mine).uid, statSync(mine).mode & 0o777], [NOBODY, 0o600]);
	new RecordingReader(mine, user).close();

	const closed = join(directory.path, 'closed');
	mkdirSync(closed);
	linkOfUser(closed, join(home, 'link'));
	for (const path of [join(closed, 'x'), join(home, 'link/x')]) {
		assert.throws(() => new RecordingWriter(path, {}, { user }), { message: /nobody may not write there/ });
	}
	// The user may write to it but not reach it.
	const hidden = join(directory.path, 'hidden/inside');
	mkdirSync(hidden, { recursive: true });
	chmodSync(hidden, 0o777);
	chmodSync(dirname(hidden), 0o700);
	assert.throws(() => new RecordingWriter(join(hidden, 'x'), {}, { user }), UserError);
	assert.deepEqual([readdirSync(closed), readdirSync(hidden)], [[], []]);

	const ofRoot = join(directory.path, 'root.tinytap');
	new RecordingWriter(ofRoot, {}, { user: { ...user, uid: 0, gid: 0, name: 'root', other: false } }).close();
	linkOfUser(ofRoot, join(home, 'theirs'));
	assert.throws(() => new RecordingReader(join(home, 'theirs'), user), { message: /nobody may not read it/ });
});

test('a file that cannot be given to the user is not left behind', () => {
	const { home, user } = newHome();
	// No file system allows an owner with this number.
	assert.throws(() => saveQuery(join(home, 'queries'), 'q', 'SELECT 1', { ...user, gid: 2 ** 33 }));
	const open = join(directory.path, 'for-all');
	mkdirSync(open);
	chmodSync(open, 0o1777);
	assert.throws(() => new RecordingWriter(join(open, 'x'), {}, { user: { ...user, gid: 2 ** 33 } }));
	assert.deepEqual(readdirSync(open), []);
});

test('a saved query that is a pipe or a device is refused at once', () => {
	const { home, user } = newHome();
	const path = ofUser(join(home, 'queries'));
	spawnSync('mkfifo', ['-m', '666', join(path, 'pipe.sql')]);
	linkOfUser('/dev/zero', join(path, 'zero.sql'));
	const directories = [{ place: 'user' as const, path, user }];
	for (const name of ['pipe', 'zero']) {
		assert.throws(() => readQuery(findQuery(directories, name)), {
			code: 'ERR_FILE_EACCES',
			message: /it is not a regular file/,
		});
	}
});

test('a file that the user may not read is not even opened', async () => {
	const { home, user } = newHome();
	const pipe = join(home, 'pipe');
	spawnSync('mkfifo', ['-m', '600', pipe]);
	// open() of a pipe returns when the other end is opened.
	const writer = spawn('sh', ['-c', `echo waiting; exec 3>${pipe}; echo hello >&3`], {
		stdio: ['ignore', 'pipe', 'inherit'],
	});
	let output = '';
	writer.stdout.on('data', (chunk: Buffer) => {
		output += chunk.toString();
	});
	try {
		await eventually(
			// It only sleeps in this open().
			() =>
				output.includes('waiting') && / S /.test(readFileSync(`/proc/${writer.pid}/stat`, 'latin1')) ? true : undefined,
			() => 'the writer does not start',
		);
		for (let round = 0; round < 20; round++) {
			assert.throws(() => openUserFile(pipe, user), { message: /nobody may not read it/ });
			// Gives the writer time to continue, if it can.
			await wait(5);
		}
		// If the pipe had been opened and closed, the writer would already have written to a reader that is gone.
		const root = openUserFile(pipe, { ...user, uid: 0, gid: 0, name: 'root', other: false });
		const text = Buffer.alloc(10);
		await eventually(
			() => {
				try {
					return text.toString('latin1', 0, readSync(root, text)) === 'hello\n' || undefined;
				} catch (error) {
					// Nothing has been written yet.
					if (systemCode(error) !== 'EAGAIN') throw error;
					return undefined;
				}
			},
			() => 'the writer wrote to somebody else',
		);
		closeSync(root);
	} finally {
		await stopChild(writer);
	}
});

test('the last entries of a huge history are read; a huge script is refused in one sentence', async () => {
	const { home, user } = newHome();
	const path = join(ofUser(join(home, '.local/state/tinytap')), 'history');
	writeFileSync(path, '');
	truncateSync(path, 3 * 2 ** 30);
	appendFileSync(path, '\nSELECT 1;\nSELECT 2;\n');
	chownSync(path, NOBODY, NOBODY);
	assert.deepEqual(new History(path, user, assert.fail).read(), ['SELECT 2;', 'SELECT 1;']);
	const demo = join(CLI, '../../recordings/demo.tinytap');
	for (const script of [path, '/dev/zero']) {
		const { code, stderr } = await runTinytap(['run', script, '--replay', demo]);
		assert.equal(code, 1);
		assert.match(
			stderr,
			/^tinytap: error: cannot read .*: expected at most 16 MiB of text, got more \[ERR_FILE_SIZE\]\nhint: /,
		);
	}
});

test('somebody else’s environment does not decide where root’s own files are', () => {
	const { home: theirs } = newHome();
	const home = join(directory.path, 'home-of-root');
	const hidden = join(directory.path, 'hidden-from-all');
	const shared = join(directory.path, 'written-by-all');
	for (const path of [home, hidden, shared]) mkdirSync(path, { mode: 0o700 });
	chmodSync(shared, 0o777);
	mkdirSync(join(shared, 'inside'));
	linkOfUser(hidden, join(theirs, 'link'));
	symlinkSync(hidden, join(home, 'own-link'));
	symlinkSync(theirs, join(home, 'to-theirs'));
	const directories = (environment: NodeJS.ProcessEnv) => {
		const { status, stdout, stderr } = spawnSync(
			process.execPath,
			[
				...['--import', 'tsx', '--input-type=module', '-e'],
				`const { invokingUser, userDirectories } = await import(${JSON.stringify(INVOKING_USER)});
				console.log(JSON.stringify(userDirectories(invokingUser(undefined))));`,
			],
			{ encoding: 'utf8', cwd: join(CLI, '../..'), env: { PATH: process.env.PATH, ...environment } },
		);
		assert.equal(status, 0, stderr);
		return JSON.parse(stdout) as { state: string; config: string };
	};
	const usual = directories({}).state;
	assert.match(usual, /^\/\w+\/\.local\/state\/tinytap$/);
	for (const given of [
		theirs,
		join(theirs, 'link'),
		join(home, 'to-theirs'),
		shared,
		join(shared, 'inside'),
		'/nonexistent',
		'x',
	]) {
		assert.equal(directories({ HOME: given }).state, usual, given);
		assert.equal(directories({ XDG_STATE_HOME: given }).state, usual, given);
	}
	for (const given of [home, join(home, 'own-link')]) {
		assert.equal(directories({ HOME: given }).state, `${given}/.local/state/tinytap`);
		assert.equal(directories({ XDG_CONFIG_HOME: given }).config, `${given}/tinytap`);
	}
	for (const number of ['4294967295', '4294967296', '99999999999', '-1', 'x', '', '0']) {
		assert.equal(directories({ SUDO_UID: number }).state, usual, `${number} is no sudo user`);
	}
});

test('--force does not replace other users’ files in directories that everybody may write to', () => {
	const { user } = newHome();
	const shared = join(directory.path, 'shared');
	mkdirSync(shared);
	chmodSync(shared, 0o1777);
	writeFileSync(join(shared, 'x'), SECRET);
	assert.throws(() => new RecordingWriter(join(shared, 'x'), {}, { user, force: true }), { code: 'ERR_FILE_EEXIST' });
	assert.throws(() => new NewFile(join(shared, 'x'), user, true), { code: 'EEXIST' });
	assert.deepEqual(readdirSync(shared), ['x']);
	assert.equal(readFileSync(join(shared, 'x'), 'utf8'), SECRET);
});

/** Runs `work` while the user repeats `loop`, lines of Python, in `home`. */
async function whileUserLoops(home: string, loop: string, words: readonly string[], work: () => void): Promise<void> {
	const program = `
import os, sys
os.chdir(sys.argv[1])
print('swapping', flush=True)
while True:
${loop}`;
	const swapping = spawn('python3', ['-c', program, home, ...words], {
		uid: NOBODY,
		gid: NOBODY,
		stdio: ['ignore', 'pipe', 'inherit'],
	});
	let output = '';
	swapping.stdout.on('data', (chunk: Buffer) => {
		output += chunk.toString();
	});
	try {
		await eventually(
			() => output.includes('swapping') || undefined,
			() => 'nothing swaps',
		);
		work();
		assert.equal(swapping.exitCode, null);
	} finally {
		await stopChild(swapping);
	}
}

test('a directory that keeps turning into a link and back gives nothing away', async () => {
	const { home, user } = newHome();
	const target = join(directory.path, 'target');
	mkdirSync(target);
	const state = join(home, 'state');
	ofUser(state);
	// As fast as possible, repeatedly: the directory exists, is gone, is a link to root's.
	const loop = `
    os.rename('state', 'away')
    os.symlink(sys.argv[2], 'state')
    os.unlink('state')
    os.mkdir('state')
    os.rename('state', 'gone')
    os.rename('away', 'state')
    try: os.rmdir('gone')
    except OSError: os.rename('gone', 'gone-' + os.urandom(8).hex())
`;
	await whileUserLoops(home, loop, [target], () => {
		let saved = 0;
		for (let round = 0; round < 3000 || (saved === 0 && round < 100_000); round++) {
			try {
				saveQuery(join(state, 'queries'), 'q', 'SELECT 1', user);
				saved++;
			} catch (error) {
				if (!(error instanceof UserError)) throw error;
			}
			new History(join(state, 'tinytap/history'), user, () => undefined).append('x');
		}
		assert.ok(saved > 0);
	});
	assert.deepEqual(readdirSync(target), []);
	assert.deepEqual([statSync(target).uid, statSync(target).mode & 0o777], [0, 0o755]);
});

test('a new directory that is swapped for one of root’s is not given away', async () => {
	const { home, user } = newHome();
	const target = join(directory.path, 'empty-of-root');
	mkdirSync(target);
	// Owned by root, but in a directory of the user, who may rename it.
	const full = join(home, 'full');
	mkdirSync(join(full, 'inside'), { recursive: true });
	const made = join(home, 'made');
	const [targetFd, fullFd] = [target, full].map((path) => openSync(path, 'r')) as [number, number];
	const attempts = [
		[
			`
    try: os.rmdir('made')
    except OSError: continue
    try: os.symlink(sys.argv[2], 'made')
    except OSError: continue
    for _ in range(200): pass
    os.unlink('made')
`,
			targetFd,
		],
		[
			`
    try: os.rmdir('made')
    except OSError: continue
    os.rename('full', 'made')
    os.rename('made', 'full')
`,
			fullFd,
		],
		// A little later: after it has been checked and before it is given away.
		[
			`
    if not os.path.isdir('made'): continue
    for _ in range(os.urandom(1)[0] * 8): pass
    try:
        os.rename('made', 'gone')
        os.symlink(sys.argv[2], 'made')
        for _ in range(500): pass
        os.unlink('made')
    except OSError: pass
    try: os.rmdir('gone')
    except OSError: pass
`,
			openSync(target, 'r'),
		],
	] as const;
	for (const [loop, fd] of attempts) {
		await whileUserLoops(home, loop, [target], () => {
			for (let round = 0; round < 20_000 && fstatSync(fd).uid === 0; round++) {
				try {
					UserDirectory.own(made, user).close();
				} catch (error) {
					if (!(error instanceof UserError) && !['ENOENT', 'ELOOP', 'ENOTDIR'].includes(systemCode(error) ?? ''))
						throw error;
				}
			}
		});
		assert.equal(fstatSync(fd).uid, 0);
		closeSync(fd);
	}
});

test('under sudo the command line does only what the sudo user may do', async () => {
	const { home } = newHome();
	const env = { ...TEST_ENV, SUDO_UID: String(NOBODY), SUDO_GID: String(NOBODY) };
	const demo = join(CLI, '../../recordings/demo.tinytap');
	const mine = join(home, 'demo.tinytap');
	writeFileSync(mine, readFileSync(demo));
	writeFileSync(join(home, 'secret.sql'), SECRET, { mode: 0o600 });
	linkOfUser(join(home, 'secret.sql'), join(home, 'link.sql'));
	const run = (...args: string[]) =>
		spawnSync(TINYTAP[0]!, [...TINYTAP.slice(1), ...args], { encoding: 'utf8', env, cwd: home });
	const read = run('query', 'SELECT count(*) > 0 AS ok FROM exchanges', '--replay', mine, '--format', 'csv');
	assert.deepEqual([read.status, read.stdout], [0, 'ok\n1\n'], read.stderr);
	for (const name of ['./secret.sql', './link.sql']) {
		const refused = run('run', name, '--replay', mine);
		assert.equal(refused.status, 1);
		assert.match(refused.stderr, /cannot open .*\.sql: permission denied \[ERR_FILE_EACCES\]\nhint: /);
		assert.ok(!refused.stderr.includes(SECRET));
	}
	const direct = await runTinytap(['run', join(home, 'secret.sql'), '--replay', mine]);
	assert.match(direct.stderr, /known/, 'root itself reads its own file');
	renameSync(mine, join(home, 'x'));
	const refused = run('record', join(directory.path, 'not-mine.tinytap'), '--for', '1s');
	assert.equal(refused.status, 1, refused.stderr);
	assert.match(refused.stderr, /permission denied/);
	assert.ok(!existsSync(join(directory.path, 'not-mine.tinytap')));
});

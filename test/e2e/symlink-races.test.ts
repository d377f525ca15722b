// AT-18: files created for a user in directories in which that user keeps changing what names refer to.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
	chownSync,
	lstatSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type ScriptedTerminal, scriptedTerminal } from '../../support/scripted-terminal.ts';
import { stopChild } from '../../support/servers.ts';
import { sessionOfUser } from '../../support/session-of-user.ts';
import { runTinytap } from '../../support/tinytap.ts';

const { user, place, directory } = sessionOfUser();

const SECRET = 'known to root alone';
const canary = join(directory, 'canary');
writeFileSync(canary, SECRET, { mode: 0o600 });
const roots = join(directory, 'of-root');
mkdirSync(roots);

const TRIES = 500;
const DEMO = join(place.path, 'recordings/demo.tinytap');

function assertUntouched(): void {
	const { uid, mode } = statSync(canary);
	assert.deepEqual([readFileSync(canary, 'utf8'), uid, mode & 0o777], [SECRET, 0, 0o600]);
	const { uid: owner, mode: rights } = statSync(roots);
	assert.deepEqual([readdirSync(roots), owner, rights & 0o777], [[], 0, 0o755]);
}

/**
 * The directory of saved queries exists, is gone, or is a link to root's; the query in it is a file or a link to the
 * canary.
 */
const SWAP = `
import os, sys
os.chdir(sys.argv[1])
canary, roots = sys.argv[2:]
print('swapping', flush=True)
n = 0
while True:
    n += 1
    try:
        os.rename('queries', 'away')
        os.symlink(roots, 'queries')
        for _ in range(n % 50 * 100): pass
        os.unlink('queries')
        os.rename('away', 'queries')
        for name in ('q.sql', '.q.sql', 'q.sql.tmp'):
            try: os.unlink('queries/' + name)
            except OSError: pass
            os.symlink(canary if n % 2 else '/etc/tinytap-dangling', 'queries/' + name)
        if n % 3 == 0: os.unlink('queries/q.sql')
    except OSError:
        try: os.mkdir('queries')
        except OSError: pass
`;

/** The shell as the user gets it through sudo. */
function shell(mode: readonly string[]): ScriptedTerminal {
	const words = [...user.asRoot, place.launcher, '--replay', DEMO, ...mode];
	return scriptedTerminal(words, { ...user.sudoVariables, HOME: user.home });
}

for (const mode of [[], ['--keep-root']]) {
	const title = mode.length === 0 ? 'without rights' : 'with --keep-root';
	test(`AT-18 symlink races, ${title}: in ${TRIES} tries no file of root is changed, and new files belong to the user`, async () => {
		const configuration = join(user.home, '.config/tinytap');
		mkdirSync(configuration, { recursive: true });
		for (const path of ['.config', '.config/tinytap']) chownSync(join(user.home, path), user.uid, user.gid);
		const swapping = spawn('python3', ['-c', SWAP, configuration, canary, roots], {
			uid: user.uid,
			gid: user.gid,
			stdio: ['ignore', 'pipe', 'inherit'],
		});
		try {
			await new Promise((resolve) => swapping.stdout.once('data', resolve));
			const terminal = shell(mode);
			try {
				await terminal.shows(/tinytap(?: \([^)]*\))*> /);
				for (let i = 0; i < TRIES; i++) {
					terminal.type(`.save q SELECT ${i}\r`);
					await terminal.shows(/(?:saved|replaced) q\b|\[ERR_FILE_\w+\]/, i + 1);
				}
				terminal.type('.quit\r');
				assert.equal(await terminal.ended, 0);
			} finally {
				terminal.child.kill();
			}
			assert.equal(swapping.exitCode, null);
			assert.match(terminal.shown(), /(?:saved|replaced) q\b/, 'some succeed');
			assertUntouched();
		} finally {
			await stopChild(swapping);
		}
		assertUntouched();
		assert.throws(() => lstatSync('/etc/tinytap-dangling'));
		const queries = join(configuration, 'queries');
		for (const name of readdirSync(queries)) {
			const { uid, gid, mode: bits } = lstatSync(join(queries, name));
			assert.deepEqual([name, uid, gid], [name, user.uid, user.gid]);
			if (lstatSync(join(queries, name)).isFile()) assert.equal(bits & 0o777, 0o600, name);
		}
		// Without a race it works.
		spawnSync('rm', ['-rf', queries]);
		const quiet = shell(mode);
		await quiet.shows(/tinytap(?: \([^)]*\))*> /);
		quiet.type('.save q SELECT 1\r.quit\r');
		assert.equal(await quiet.ended, 0);
		const { uid, mode: bits } = lstatSync(join(queries, 'q.sql'));
		assert.deepEqual([uid, bits & 0o7777, lstatSync(join(queries, 'q.sql')).isFile()], [user.uid, 0o600, true]);
	});

	test(`AT-18 a recording is not written through a link or a pipe, ${title}`, async () => {
		const home = join(user.home, `records-${mode.length}`);
		mkdirSync(home);
		chownSync(home, user.uid, user.gid);
		const target = join(home, 'x.tinytap');
		const record = (...more: string[]) =>
			runTinytap(['record', target, '--for', '1ms', ...more, ...mode], {
				...{ launcher: place.launcher, under: user.asRoot, env: user.sudoVariables },
			});
		for (const [name, make] of [
			['a link', () => symlinkSync(canary, target)],
			['a dangling link', () => symlinkSync(join(roots, 'new'), target)],
			['a link to a directory', () => symlinkSync(roots, target)],
			['a pipe', () => spawnSync('mkfifo', [target])],
		] as const) {
			make();
			const { code, stderr } = await record();
			assert.equal(code, 1, `${name}: ${stderr}`);
			assert.match(stderr, /tinytap: error: .*x\.tinytap.* \[ERR_FILE_E\w+\]/, name);
			assertUntouched();
			await record('--force');
			assertUntouched();
			spawnSync('rm', ['-f', target]);
		}
		const { code, stderr } = await record();
		assert.equal(code, 0, stderr);
		const { uid, gid, mode: bits } = lstatSync(target);
		assert.deepEqual([uid, gid, bits & 0o7777], [user.uid, user.gid, 0o600]);
	});
}

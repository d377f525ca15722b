// The single file: it unpacks itself once, and executes only what nobody else can have changed. With a small tree.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
	chmodSync,
	chownSync,
	cpSync,
	existsSync,
	mkdirSync,
	readdirSync,
	rmSync,
	statSync,
	symlinkSync,
	truncateSync,
	utimesSync,
	writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { temporaryDirectory } from '../../support/servers.ts';
import { compileUnpacker, writeSingle } from '../../support/single-file.ts';

const UID = 54_331;
/** Where it unpacks if nothing else can be trusted. */
const LAST_RESORT = `/tmp/tinytap-${UID}`;
const architecture = process.arch === 'arm64' ? 'arm64' : 'x64';
const LAUNCHER = `dist/linux-${architecture}/tinytap-launcher`;

const directory = temporaryDirectory();
after(directory.remove);
after(() => rmSync(LAST_RESORT, { recursive: true, force: true }));
chmodSync(directory.path, 0o755);
const single = join(directory.path, 'tinytap');
const other = join(directory.path, 'other');
make(single, 'one');
make(other, 'two');

/** A file that unpacks a launcher which says its name, where it is, and what it was called with. */
function make(path: string, name: string): void {
	const [tree, work] = [`${path}.tree`, `${path}.work`];
	mkdirSync(join(tree, 'dist', `linux-${architecture}`), { recursive: true });
	mkdirSync(work);
	writeFileSync(join(tree, LAUNCHER), `#!/bin/sh\necho ${name} "$0" "$@"\n`, { mode: 0o755 });
	chmodSync(join(tree, LAUNCHER), 0o755);
	writeFileSync(join(tree, 'dist/large'), Buffer.alloc(300_000, name));
	chmodSync(join(tree, 'dist/large'), 0o644);
	const program = join(work, 'program');
	const library = `/usr/lib/${architecture === 'x64' ? 'x86_64' : 'aarch64'}-linux-gnu/libzstd.a`;
	compileUnpacker(program, { compiler: 'gcc', architecture, include: '/usr/include', zstd: library });
	writeSingle(path, { program, tree, work, fast: true });
}

type Started = { status: number | null; stdout: string; stderr: string };

const USER = { uid: UID, gid: UID };

function start(cache: string, file = single): Started {
	return spawnSync(file, ['--version'], {
		encoding: 'utf8',
		env: { PATH: '/usr/bin:/bin', XDG_CACHE_HOME: cache },
		...USER,
	});
}

/** A new cache directory of the user. */
function newCache(name: string, mode = 0o700): string {
	const path = join(directory.path, name);
	mkdirSync(path);
	chmodSync(path, mode);
	chownSync(path, UID, UID);
	return path;
}

/** The directory with the files below the cache directory. */
function unpacked(cache: string): string {
	const base = join(cache, 'tinytap');
	const names = readdirSync(base);
	assert.equal(names.length, 1, names.join(' '));
	return join(base, names[0]!);
}

function runsFrom(cache: string, { status, stdout, stderr }: Started): void {
	assert.deepEqual([status, stdout, stderr], [0, `one ${join(unpacked(cache), LAUNCHER)} --version\n`, '']);
}

test('it unpacks once, and the files belong to the user alone', () => {
	const cache = newCache('once');
	runsFrom(cache, start(cache));
	const files = unpacked(cache);
	const { ino } = statSync(join(files, LAUNCHER));
	for (const name of ['', 'dist', LAUNCHER, 'dist/large']) {
		const status = statSync(join(files, name));
		assert.deepEqual([status.uid, status.mode & 0o022], [UID, 0], name);
	}
	runsFrom(cache, start(cache));
	assert.equal(statSync(join(files, LAUNCHER)).ino, ino);
});

for (const [what, change] of [
	['is missing', (path: string) => rmSync(path)],
	['is cut', (path: string) => truncateSync(path, 1000)],
	['has another mode', (path: string) => chmodSync(path, 0o666)],
	[
		'is a link',
		(path: string) => {
			cpSync(path, `${path}.copy`);
			rmSync(path);
			symlinkSync(`${path}.copy`, path);
		},
	],
	['belongs to somebody else', (path: string) => chownSync(path, UID + 1, UID)],
] as const) {
	test(`a file that ${what} is unpacked again`, () => {
		const cache = newCache(what.replaceAll(' ', '-'));
		start(cache);
		const path = join(unpacked(cache), 'dist/large');
		change(path);
		runsFrom(cache, start(cache));
		const { size, mode } = statSync(path);
		assert.deepEqual([size, mode & 0o777], [300_000, 0o644]);
	});
}

test('eight starts at the same time unpack once', async () => {
	const cache = newCache('together');
	const env = { PATH: '/usr/bin:/bin', XDG_CACHE_HOME: cache };
	const codes = await Promise.all(
		Array.from(
			{ length: 8 },
			async () => (await once(spawn(single, [], { env, stdio: 'ignore', ...USER }), 'exit'))[0],
		),
	);
	assert.deepEqual(new Set(codes), new Set([0]));
	runsFrom(cache, start(cache));
});

/** Started with a cache directory that must not be used, it takes the last resort, and nothing is in the cache. */
function refuses(cache: string, why: RegExp): void {
	rmSync(LAST_RESORT, { recursive: true, force: true });
	const { status, stdout, stderr } = start(cache);
	assert.equal(status, 0, stderr);
	assert.match(stdout, new RegExp(`^one ${LAST_RESORT}/`));
	// Where there is no other directory either, the reason is given.
	rmSync(LAST_RESORT, { recursive: true });
	writeFileSync(LAST_RESORT, '');
	const last = start(cache);
	assert.equal(last.status, 1);
	assert.match(last.stderr, /^tinytap: error: found no directory to unpack into \[ERR_LAUNCH\]$/m);
	assert.match(last.stderr, why);
	assert.match(last.stderr, /^hint: /m);
	rmSync(LAST_RESORT);
}

test('a directory that others can write to is not used', () => {
	for (const mode of [0o770, 0o707, 0o777]) {
		const cache = newCache(`open-${mode.toString(8)}`);
		mkdirSync(join(cache, 'tinytap'));
		chmodSync(join(cache, 'tinytap'), mode);
		chownSync(join(cache, 'tinytap'), UID, UID);
		refuses(cache, /open-\d+\/tinytap: it belongs to somebody else, or others can write to it$/m);
		assert.deepEqual(readdirSync(join(cache, 'tinytap')), []);
	}
});

test('a directory below one that others can write to is not used', () => {
	const cache = newCache('below', 0o777);
	refuses(cache, /below\/tinytap: others can write to a directory above it$/m);
	assert.deepEqual(readdirSync(cache), []);
});

test('a directory of somebody else, or a link, is not used', () => {
	const foreign = newCache('foreign');
	mkdirSync(join(foreign, 'tinytap'), { mode: 0o755 });
	refuses(foreign, /foreign\/tinytap: it belongs to somebody else/);
	const linked = newCache('linked');
	const target = newCache('target');
	symlinkSync(target, join(linked, 'tinytap'));
	refuses(linked, /linked\/tinytap: /);
	assert.deepEqual(readdirSync(target), []);
});

test('another version unpacks beside it, and removes one that was not used for a month', () => {
	const cache = newCache('versions');
	start(cache);
	const old = unpacked(cache);
	assert.match(start(cache, other).stdout, /^two /);
	assert.equal(existsSync(old), true);
	const names = readdirSync(join(cache, 'tinytap'));
	assert.equal(names.length, 2);
	const longAgo = new Date(Date.now() - 40 * 86_400_000);
	utimesSync(old, longAgo, longAgo);
	rmSync(join(cache, 'tinytap', names.find((name) => !old.endsWith(name))!), { recursive: true });
	assert.match(start(cache, other).stdout, /^two /);
	assert.equal(existsSync(old), false);
});

test('a damaged file says so', () => {
	const cut = join(directory.path, 'cut');
	cpSync(single, cut);
	truncateSync(cut, statSync(single).size - 1);
	const { status, stderr } = start(newCache('damaged'), cut);
	assert.equal(status, 1);
	assert.match(stderr, /^tinytap: error: this program's own file is damaged: .*download it again \[ERR_LAUNCH\]\n$/);
});

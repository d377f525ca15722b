// The committed binaries belong to the sources beside them, run on old systems, and are used without a compiler.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { elfMachine, neededFiles, neededVersions } from '../../support/elf.ts';
import { temporaryDirectory } from '../../support/servers.ts';

const ROOT = join(import.meta.dirname, '../..');
const PROGRAMS = [
	'tinytap-attacher',
	'tinytap-helper',
	'tinytap-launcher',
	'tinytap-looker',
	'tinytap-tls-helper',
	'tinytap.node',
];
const ARCHITECTURES = [
	{ name: 'x64', machine: 62, linker: 'ld-linux-x86-64.so.2' },
	{ name: 'arm64', machine: 183, linker: 'ld-linux-aarch64.so.1' },
];
/** The newest C library that they may need: that of RHEL 8. Debian 10 and Ubuntu 18.10 have it, too. */
const GLIBC = [2, 28] as const;

function run(script: string, ...words: string[]) {
	return spawnSync(join(ROOT, 'scripts', script), words, { encoding: 'utf8' });
}

test('prebuilt/bpf holds, byte for byte, what clang 14 makes of bpf/', () => {
	const { status, stderr } = run('prebuilt', '--check', 'bpf');
	assert.equal(status, 0, stderr);
});

test('the committed addon and privileged programs were made of native/ as it is, and the build here uses them', () => {
	const { stdout } = run('compile-native', '--sources');
	for (const { name } of ARCHITECTURES)
		assert.equal(
			readFileSync(join(ROOT, `prebuilt/linux-${name}/sources`), 'utf8'),
			stdout,
			'sources of the addon changed: run npm run prebuilt',
		);
	for (const program of PROGRAMS)
		assert.deepEqual(
			readFileSync(join(ROOT, 'build', program)),
			readFileSync(join(ROOT, `prebuilt/linux-${process.arch}`, program)),
			program,
		);
});

for (const { name, machine, linker } of ARCHITECTURES)
	test(`on ${name} the addon needs only a C library of 2018, and the programs none`, () => {
		const directory = join(ROOT, `prebuilt/linux-${name}`);
		assert.deepEqual(readdirSync(directory).sort(), [...PROGRAMS, 'sources'].sort());
		for (const program of PROGRAMS) {
			const path = join(directory, program);
			assert.equal(elfMachine(path), machine, program);
			const { libraries } = neededFiles(path);
			const isDynamic = program === 'tinytap.node';
			const allowed = isDynamic ? ['libc.so.6', 'libpthread.so.0', linker] : [];
			assert.deepEqual(
				libraries.filter((library) => !allowed.includes(library)),
				[],
				program,
			);
			const versions = neededVersions(path);
			assert.equal(versions.length > 0, isDynamic, program);
			assert.deepEqual(
				versions.filter((version) => !isOldEnough(version)),
				[],
				program,
			);
		}
	});

function isOldEnough(version: string): boolean {
	const [, major, minor = '0'] = /^GLIBC_(\d+)\.(\d+)/.exec(version) ?? [];
	return Number(major) < GLIBC[0] || (Number(major) === GLIBC[0] && Number(minor) <= GLIBC[1]);
}

test('the notices name the versions of the libraries that are linked in', () => {
	const notices = readFileSync(join(ROOT, 'prebuilt/licenses/NOTICES'), 'utf8');
	const sources = /^sources=\((.*)\)$/m.exec(readFileSync(join(ROOT, 'scripts/release/root'), 'utf8'))?.[1] ?? '';
	assert.equal(sources.split(' ').length, 3);
	for (const source of sources.split(' ')) {
		const version = source.split('=')[1]!;
		assert.ok(notices.includes(`(Debian ${version})`), version);
	}
});

test('a checkout needs compilers only after a change in bpf/ or native/', () => {
	const { path, remove } = temporaryDirectory();
	try {
		for (const part of ['bpf', 'native', 'prebuilt', 'scripts', 'bin', 'package.json'])
			cpSync(join(ROOT, part), join(path, part), { recursive: true });
		const compiled = join(path, 'compiled');
		mkdirSync(join(path, 'programs'));
		for (const name of ['clang', 'llvm-strip', 'gcc', 'g++'])
			writeFileSync(join(path, 'programs', name), `#!/bin/sh\n: >>${compiled}\nexit 1\n`, { mode: 0o755 });
		const { CLANG: _, CC: __, CXX: ___, ...given } = process.env;
		const env = { ...given, PATH: `${join(path, 'programs')}:${process.env.PATH}` };
		const build = (part: string, ...words: string[]) =>
			spawnSync(join(path, `scripts/build-${part}`), words, { env }).status;

		for (const part of ['bpf', 'native']) {
			assert.equal(build(part, '--compiles'), 1);
			assert.equal(build(part), 0);
		}
		for (const [committed, files] of [
			[`bpf/${process.arch}`, ['tinytap.bpf.o', 'tinytap-old.bpf.o', 'tinytap-tls.bpf.o']],
			[`linux-${process.arch}`, PROGRAMS],
		] as const)
			for (const file of files)
				assert.deepEqual(
					readFileSync(join(path, 'build', file)),
					readFileSync(join(ROOT, 'prebuilt', committed, file)),
				);
		assert.ok(!existsSync(compiled));

		for (const [part, file] of [
			['bpf', 'bpf/maps.bpf.h'],
			['native', 'native/capture.h'],
		] as const) {
			appendFileSync(join(path, file), '/* changed */\n');
			assert.equal(build(part, '--compiles'), 0);
			assert.notEqual(build(part), 0);
		}
		assert.ok(existsSync(compiled));
	} finally {
		remove();
	}
});

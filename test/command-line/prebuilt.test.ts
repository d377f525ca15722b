// The committed binaries belong to the sources beside them, and a checkout uses them without a compiler.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '../../support/servers.ts';

const ROOT = join(import.meta.dirname, '../..');

test('prebuilt/bpf holds, byte for byte, what clang 14 makes of bpf/', () => {
	const { status, stderr } = spawnSync(join(ROOT, 'scripts/prebuilt'), ['--check'], { encoding: 'utf8' });
	assert.equal(status, 0, stderr);
});

test('a checkout needs clang only after a change in bpf/', () => {
	const { path, remove } = temporaryDirectory();
	try {
		for (const part of ['bpf', 'prebuilt/bpf', 'scripts/build-bpf', 'scripts/compile-bpf'])
			cpSync(join(ROOT, part), join(path, part), { recursive: true });
		const compiled = join(path, 'compiled');
		mkdirSync(join(path, 'programs'));
		for (const name of ['clang', 'llvm-strip'])
			writeFileSync(join(path, 'programs', name), `#!/bin/sh\n: >${compiled}\nexit 1\n`, { mode: 0o755 });
		const { CLANG: _, ...given } = process.env;
		const env = { ...given, ARCH: 'aarch64', PATH: `${join(path, 'programs')}:${process.env.PATH}` };
		const build = (...words: string[]) => spawnSync(join(path, 'scripts/build-bpf'), words, { env }).status;

		assert.equal(build('--compiles'), 1);
		assert.equal(build(), 0);
		for (const object of ['tinytap.bpf.o', 'tinytap-old.bpf.o'])
			assert.deepEqual(
				readFileSync(join(path, 'build', object)),
				readFileSync(join(ROOT, 'prebuilt/bpf/arm64', object)),
			);
		assert.ok(!existsSync(compiled));

		appendFileSync(join(path, 'bpf/control.h'), '/* changed */\n');
		assert.equal(build('--compiles'), 0);
		assert.equal(build(), 1);
		assert.ok(existsSync(compiled));
	} finally {
		remove();
	}
});

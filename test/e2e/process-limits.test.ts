// Limits with which the process was started: the error names the limit and says how to raise it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { temporaryDirectory } from '../../support/servers.ts';
import { CLI, TEST_ENV, TINYTAP } from '../../support/tinytap.ts';

const DEMO = join(CLI, '../../recordings/demo.tinytap');
const directory = temporaryDirectory();
after(directory.remove);

/**
 * Installs a seccomp filter that makes bpf(2) fail with the errno in its first argument, and executes the other
 * arguments.
 */
const WITHOUT_BPF = join(directory.path, 'without-bpf.py');
writeFileSync(
	WITHOUT_BPF,
	`
import ctypes, os, platform, struct, sys
bpf = {'x86_64': 321, 'aarch64': 280}[platform.machine()]
code = [(0x20, 0, 0, 0), (0x15, 0, 1, bpf), (0x06, 0, 0, 0x00050000 | int(sys.argv[1])), (0x06, 0, 0, 0x7fff0000)]
program = ctypes.create_string_buffer(b''.join(struct.pack('HBBI', *each) for each in code))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, struct.pack('HxxxxxxP', len(code), ctypes.addressof(program)), 0, 0) == 0
os.execv(sys.argv[2], sys.argv[2:])
`,
);

function tinytap(words: readonly string[], before: string): { status: number | null; stdout: string; stderr: string } {
	return spawnSync('bash', ['-c', `${before} "$0" "$@"`, ...TINYTAP, ...words], {
		encoding: 'utf8',
		env: TEST_ENV,
	});
}

const CAPTURE = ['query', 'SELECT 1', '--for', '1s'];
const REPLAY = ['query', 'SELECT 1', '--replay', DEMO];

for (const [limit, words] of [
	[20, CAPTURE],
	[20, REPLAY],
	[64, CAPTURE],
] as const) {
	test(`with ulimit -n ${limit}, ${words === CAPTURE ? 'a capture' : 'a replay'} says that more files are needed`, () => {
		const { status, stderr } = tinytap(words, `ulimit -n ${limit}; exec`);
		assert.equal(status, 1, stderr);
		assert.match(
			stderr,
			new RegExp(`^tinytap: error: too many open files: .* ${limit}, and a capture needs 100 `, 'm'),
		);
		assert.match(stderr, /^hint: .*ulimit -n 1024$/m);
		assert.doesNotMatch(stderr, /^ {4}at /m);
	});
}

test('whichever step finds no descriptor left, a capture names the limit', () => {
	// The number that a start inherits and needs before each step differs between machines.
	for (let limit = 58; limit <= 70; limit++) {
		const { status, stderr } = tinytap(CAPTURE, `ulimit -n ${limit}; exec`);
		assert.equal(status, 1, stderr);
		assert.match(stderr, new RegExp(`^tinytap: error: too many open files: this process may have ${limit}, `, 'm'));
	}
});

test('at the very limit, a replay works or names the limit', () => {
	const results = [24, 26, 27, 28, 29, 30, 32].map((limit) => tinytap(REPLAY, `ulimit -n ${limit}; exec`));
	for (const { status, stderr } of results) {
		assert.doesNotMatch(stderr, /^ {4}at /m);
		if (status !== 0) assert.match(stderr, /too many open files: /);
	}
	assert.deepEqual([results[0]?.status, results.at(-1)?.status], [1, 0]);
});

test('doctor says the same', () => {
	const { status, stdout } = tinytap(['doctor'], 'ulimit -n 64; exec');
	assert.equal(status, 1);
	assert.match(
		stdout,
		/^failed +programs +too many open files: this process may have 64, .*\n.*\n +fix: .*ulimit -n 1024$/m,
	);
});

const OTHER_USER = 'export SUDO_UID=54321 SUDO_GID=54321;';

test('with ulimit -u 7, a capture says that more processes are needed', () => {
	const { status, stderr } = tinytap(CAPTURE, `${OTHER_USER} ulimit -u 7; exec`);
	assert.equal(status, 1, stderr);
	assert.match(stderr, /^tinytap: error: too many processes: this user may have 7, .*\nhint: .*ulimit -u\n$/);
});

test('the helpers of other sessions do not count against ulimit -u', () => {
	const other = '"$0" tail --for 4s >/dev/null 2>&1 &';
	const { status, stderr } = tinytap(
		CAPTURE,
		`${other} ${other} ${other} sleep 2; ${OTHER_USER} ulimit -S -u 12; exec`,
	);
	assert.equal(status, 0, stderr);
});

test('with 100 open files a capture works', () => {
	const { status, stderr } = tinytap(CAPTURE, 'ulimit -n 100; exec');
	assert.equal(status, 0, stderr);
});

for (const mebibytes of [1300, 8000]) {
	test(`with ulimit -v of ${mebibytes} MiB the error names that limit instead of a crash of Node`, () => {
		const { status, stderr } = tinytap(REPLAY, `ulimit -v ${mebibytes * 1024}; exec`);
		assert.equal(status, 1, stderr);
		assert.match(
			stderr,
			new RegExp(`^tinytap: error: the address space .* limited to ${mebibytes} MiB \\(ulimit -v\\)`),
		);
		assert.match(stderr, /^hint: .*--max-memory/m);
	});
}

for (const [name, errno] of [
	['EPERM', 1],
	['ENOSYS', 38],
] as const) {
	test(`where seccomp answers bpf(2) with ${name}, the hint names seccomp instead of root`, () => {
		const under = `exec python3 ${WITHOUT_BPF} ${errno}`;
		const { status, stderr } = tinytap(CAPTURE, under);
		assert.equal(status, 1, stderr);
		assert.match(stderr, /\[ERR_NO_BPF\]\nhint: A seccomp filter/);
		const doctor = tinytap(['doctor'], under);
		assert.equal(doctor.status, 1);
		assert.match(doctor.stdout, /^failed +programs .*\n.*\n +fix: A seccomp filter/m);
	});
}

test('if the disk is full at the start of a recording, one sentence says so and no file is left', () => {
	const disk = join(directory.path, 'disk');
	mkdirSync(disk);
	spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4k', 'none', disk]);
	try {
		writeFileSync(join(disk, 'fill'), Buffer.alloc(4096));
		const { status, stderr } = tinytap(['record', join(disk, 'x.tinytap'), '--for', '1s'], 'exec');
		assert.equal(status, 1);
		assert.match(
			stderr,
			/^tinytap: error: cannot write .*x\.tinytap: no space left on the device \[ERR_FILE_ENOSPC\]\nhint: .*\n$/,
		);
		assert.deepEqual(readdirSync(disk), ['fill']);
	} finally {
		spawnSync('umount', [disk]);
	}
});

for (const words of [
	['queries'],
	['help'],
	['help', 'errors'],
	['version'],
	['--version'],
	['--help'],
	['tail', '--help'],
	['doctor'],
	['doctor', '--json'],
	REPLAY,
	['tail', '--replay', DEMO],
	['--replay', DEMO],
]) {
	test(`tinytap ${words.slice(0, 2).join(' ')} > /dev/full exits with 1 and says why`, () => {
		const { status, stderr } = tinytap(words, 'exec > /dev/full; echo "SELECT 1;" |');
		assert.equal(status, 1);
		assert.match(stderr, /^tinytap: error: cannot write the result: no space left on the device \[ERR_OUTPUT\]$/m);
		assert.doesNotMatch(stderr, /^ {4}at /m);
	});
}

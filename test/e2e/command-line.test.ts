// Mistakes that are found before anything is captured: one sentence, a hint, the right exit status, no stack trace.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { eventually } from '../../support/eventually.ts';
import { freePort, listening, startProgram, temporaryDirectory } from '../../support/servers.ts';
import { CLI, NODE_FLAGS, runTinytap, startTinytap, TEST_ENV, TINYTAP } from '../../support/tinytap.ts';

const directory = temporaryDirectory();
after(directory.remove);
const place = (name: string) => join(directory.path, name);
const DEMO = join(CLI, '../../recordings/demo.tinytap');

/** At most two lines: the error with its code, and a hint. */
function assertExplained(stderr: string, expected: RegExp, hint?: RegExp): void {
	assert.match(stderr, expected);
	assert.doesNotMatch(stderr, /^\s+at /m, 'no stack trace');
	const errors = stderr.split('\n').filter((line) => line.startsWith('tinytap: error:'));
	assert.equal(errors.length, 1, stderr);
	assert.match(errors[0] ?? '', /\[ERR_[A-Z_]+\]$/);
	if (hint !== undefined) assert.match(stderr, hint);
}

test('wrong usage exits with 2 and says what was expected', async () => {
	writeFileSync(place('empty.sql'), '');
	const wrong: [string[], RegExp][] = [
		[['qery', 'SELECT 1'], /unknown command "qery"/],
		[['query'], /missing required argument 'sql'/],
		[['query', ''], /expected an SQL statement, got an empty text/],
		[['query', 'SELECT 1', '--nope'], /unknown option '--nope'/],
		[['query', 'SELECT 1', '--for', '10'], /--for: expected a duration such as 500ms, 10s or 5m, got "10"/],
		[['query', 'SELECT 1', '--quiet', '--verbose'], /expected --quiet or --verbose, got both/],
		[['query', 'SELECT 1', '--count', '0'], /--count: expected a whole number/],
		[['query', 'SELECT 1', '--format', 'jsno'], /got "jsno" .*\nhint: Did you mean json\?/],
		[['query', 'SELECT 1', '--format', 'xml'], /--format: expected one of auto, table, .*, got "xml"/],
		[['--port', '70000'], /--port: expected a port from 1 to 65535, a range .* or a list .*, got "70000"/],
		[['--port', '80,8099-8000'], /--port: expected the lower port of a range first, got "8099-8000"/],
		[
			Array.from({ length: 9 }, (_, each) => ['--comm', `n${each}`]).flat(),
			/expected at most 8 names of processes, got 9/,
		],
		[['--comm', 'n'.repeat(256)], /--comm: expected the name of a process or an executable, 1 to 255 bytes/],
		[['--comm', '/usr/bin/node'], /--comm: expected the name of a process or an executable/],
		[['--body-limit', '64kb'], /--body-limit: expected a size/],
		[['--ring-size', '100GiB'], /--ring-size: expected at most 2GiB/],
		[['query', 'SELECT 1', 'extra'], /too many arguments/],
		[['--max-memory', '1KiB'], /--max-memory: expected at least 64MiB, got 1024 bytes/],
		[['--max-memory', '67108863'], /--max-memory: expected at least 64MiB, got 67108863 bytes/],
		[['--replay', 'a', '--record', 'b'], /expected --replay or --record, got both/],
		[['--user', 'no such user'], /--user: expected the name of a user/],
		[['--user', '\x1b[31m\x9b1m\n'], /--user: expected the name of a user of this host, got "\\x1b\[31m\\x9b1m\\x0a"/],
		[['version', ...Array.from({ length: 10_000 }, () => 'x')], /expected at most 10000 arguments, got 10001/],
		[['run', 'script.js'], /JavaScript file needs --unsafe/],
		[['run', 'x.sql', '--set', 'novalue'], /(--set: expected name=value|cannot open)/],
		[['record'], /missing required argument 'file'/],
	];
	for (const [args, expected] of wrong) {
		const { code, stdout, stderr } = await runTinytap(args);
		if (!/cannot open/.test(stderr)) assert.equal(code, 2, `${args.join(' ')}: ${stderr}`);
		assert.equal(stdout, '', args.join(' '));
		assertExplained(stderr, expected);
	}
});

test('help and version go to stdout', async () => {
	const asked = [
		...[['--help'], ['query', '--help'], ['--version'], ['-h'], ['-V'], ['query', '-h'], ['help'], ['version']],
		...['query', 'tail', '.show', 'exchanges', 'functions', 'keywords', 'commands', 'p95', 'limit'].map((topic) => [
			'help',
			topic,
		]),
	];
	for (const args of asked) {
		const { code, stdout, stderr } = await runTinytap(args);
		assert.equal(code, 0, args.join(' '));
		assert.equal(stderr, '');
		assert.ok(stdout.length > 3);
	}
	const answer = async (...args: string[]) => (await runTinytap(args)).stdout;
	for (const asking of ['--version', '-V', 'version']) assert.match(await answer(asking), /^\d+\.\d+\.\d+\n$/);
	assert.equal(await answer('help'), await answer('--help'));
	assert.equal(await answer('help', 'query'), await answer('query', '-h'));
	assert.match(await answer('help', '.show'), /\.show \[ID.*\n +show an exchange: facts/);
	assert.match(await answer('help', 'exchanges'), /^exchanges\n {2}id +int/);
	const unknown = await runTinytap(['help', 'no-such-topic']);
	assert.deepEqual([unknown.code, unknown.stdout], [2, '']);
	assertExplained(unknown.stderr, /there is no command, table, function or keyword "no-such-topic"/, /^hint: /m);
});

test('a file that cannot be read is named in the error', async () => {
	writeFileSync(place('text'), 'this is no recording, though it is long enough to hold a header');
	const wrong: [string[], RegExp][] = [
		[
			['query', 'SELECT 1', '--replay', place('missing')],
			/cannot open .*missing: no such file or directory \[ERR_FILE_ENOENT\]/,
		],
		[['query', 'SELECT 1', '--replay', place('text')], /expected a recording, but .*text is not one/],
		[['query', 'SELECT 1', '--replay', directory.path], /expected a recording/],
		[['run', place('missing.sql')], /cannot open .*missing\.sql: no such file or directory/],
		[['run', 'no-such-query'], /there is no saved query "no-such-query"/],
		[['record', '/nonexistent/x', '--for', '1s'], /cannot open \/nonexistent\/x/],
	];
	for (const [args, expected] of wrong) {
		const { code, stdout, stderr } = await runTinytap(args);
		assert.equal(code, 1, `${args.join(' ')}: ${stderr}`);
		assert.equal(stdout, '');
		assertExplained(stderr, expected, /^hint: /m);
	}
});

test('a statement that cannot run is reported before the capture, with its position', async () => {
	const { code, stderr } = await runTinytap(['query', 'SELECT pth FROM exchanges', '--for', '60s']);
	assert.equal(code, 1);
	assertExplained(stderr, /pth/, /^hint: did you mean path/im);
	assert.match(stderr, /^ {2}SELECT pth FROM exchanges\n {9}\^$/m);
	assert.doesNotMatch(stderr, /capturing/);
});

test('without privileges the error says why and gives the exact command', () => {
	const result = spawnSync(
		'setpriv',
		[
			'--reuid=65534',
			'--regid=65534',
			'--clear-groups',
			'--inh-caps=-all',
			'--bounding-set=-all',
			readableLauncher(),
			'query',
			'SELECT 1',
			'--for',
			'1s',
		],
		{
			encoding: 'utf8',
			env: TEST_ENV,
		},
	);
	assert.equal(result.status, 1, result.stderr);
	assertExplained(result.stderr, /permission|rights/i, /^hint: Run it as root: sudo env "PATH=\$PATH" /m);
	assert.equal(result.stdout, '');
});

test('doctor without privileges says so and exits with 1; as root it exits with 0', async () => {
	const result = spawnSync(
		'setpriv',
		[
			'--reuid=65534',
			'--regid=65534',
			'--clear-groups',
			'--inh-caps=-all',
			'--bounding-set=-all',
			readableLauncher(),
			'doctor',
			'--json',
		],
		{
			encoding: 'utf8',
			env: TEST_ENV,
		},
	);
	assert.equal(result.status, 1, result.stderr);
	const report = JSON.parse(result.stdout) as {
		capture: boolean;
		checks: { name: string; status: string; detail: string; fix?: string }[];
	};
	assert.equal(report.capture, false);
	const rights = report.checks.find(({ name }) => name === 'rights');
	assert.equal(rights?.status, 'failed');
	assert.match(rights?.fix ?? '', /sudo env/);
	const tracefs = report.checks.find(({ name }) => name === 'tracefs');
	assert.deepEqual(
		[tracefs?.status, tracefs?.detail],
		['failed', '/sys/kernel/tracing: mounted, but you may not read it'],
	);
	assert.ok(
		!report.checks.some(({ name }) => name === 'tracepoints'),
		'what cannot be read is not reported as present',
	);
	const root = await runTinytap(['doctor']);
	assert.equal(root.code, 0, root.stdout);
	assert.match(root.stdout, /^ok +kernel +Linux /m);
	assert.match(root.stdout, /^ok +tracepoints +all \d+ found/m);
});

test('doctor in a container reports that root may not call bpf(2) and that processes are hidden', async () => {
	// A seccomp filter like a container's: bpf(2) fails with EPERM. The call's numbers are for x86_64 and aarch64.
	const program = `
import ctypes, os, platform, struct, sys
number = {"x86_64": 321, "aarch64": 280}[platform.machine()]
code = b"".join(struct.pack("HBBI", *each) for each in ((0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x50001), (0x06, 0, 0, 0x7FFF0000)))
memory = ctypes.create_string_buffer(code)
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(memory)), 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])`;
	const { status, stdout, stderr } = spawnSync(
		'unshare',
		[...['--pid', '--fork', '--mount-proc', 'python3', '-c', program], ...TINYTAP, 'doctor', '--json'],
		{ encoding: 'utf8', env: TEST_ENV },
	);
	assert.equal(status, 1, stderr);
	const { checks } = JSON.parse(stdout) as { checks: { name: string; status: string; fix?: string }[] };
	const check = (name: string) => checks.find((each) => each.name === name);
	assert.deepEqual(
		['rights', 'processes', 'programs'].map((name) => check(name)?.status),
		['ok', 'warning', 'failed'],
	);
	assert.match(check('programs')?.fix ?? '', /seccomp/);
	assert.match(check('processes')?.fix ?? '', /--pid=host/);
});

test('a missing tracefs is mounted if possible, otherwise the error explains it', () => {
	// In a separate mount namespace, where tracefs is hidden and cannot be mounted again.
	const result = spawnSync(
		'unshare',
		[
			'--mount',
			'sh',
			'-c',
			`umount -l /sys/kernel/tracing 2>/dev/null; umount -l /sys/kernel/debug 2>/dev/null; exec setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin "$@"`,
			'sh',
			...TINYTAP,
			'query',
			'SELECT 1',
			'--for',
			'1s',
		],
		{ encoding: 'utf8', env: TEST_ENV },
	);
	assert.equal(result.status, 1, result.stderr);
	assertExplained(result.stderr, /tracefs/, /mount -t tracefs/);
});

test('a closed pipe is a quiet success', () => {
	const result = spawnSync('bash', ['-c', `"$0" "$@" | head -n 1`, ...TINYTAP, 'queries'], {
		encoding: 'utf8',
		env: TEST_ENV,
	});
	assert.equal(result.stderr, '');
	assert.equal(result.status, 0);
});

test('Ctrl-C ends the capture, the statement still runs, and the output is only the result', async () => {
	const running = startTinytap(['query', "SELECT 1 + 1 AS two, NULL AS nothing, '' AS empty", '--format', 'json']);
	try {
		await running.attached();
		running.interrupt();
		const { code, stdout, stderr } = await running.finished;
		assert.equal(code, 0, stderr);
		assert.deepEqual(JSON.parse(stdout), [{ two: 2, nothing: null, empty: '' }]);
		assert.match(stderr, /^tinytap: capturing /);
	} finally {
		await running.stop();
	}
});

/** The build in a place that an unprivileged user may read, because the checkout may be in root's home. */
function readableLauncher(): string {
	const copy = place('installed');
	if (!existsSync(join(copy, 'dist/tinytap.cjs'))) {
		for (const file of [
			'dist/tinytap.cjs',
			'dist/capture-thread.cjs',
			'dist/query-thread.cjs',
			'build/tinytap.bpf.o',
			'build/tinytap.node',
			'build/tinytap-launcher',
			'build/decoder.wasm',
			'package.json',
		]) {
			mkdirSync(dirname(join(copy, file)), { recursive: true });
			copyFileSync(join(CLI, '../..', file), join(copy, file));
		}
		spawnSync('chmod', ['-R', 'a+rX', directory.path]);
	}
	return join(copy, 'build/tinytap-launcher');
}

test('in a removed working directory one sentence says so, and whatever needs no directory works', async () => {
	const gone = place('gone');
	const start = (...words: string[]) => {
		mkdirSync(gone);
		return spawnSync('sh', ['-c', 'cd "$0" && rmdir "$0" && exec "$@"', gone, ...TINYTAP, ...words], {
			encoding: 'utf8',
			env: TEST_ENV,
			timeout: 30_000,
		});
	};
	for (const words of [
		['tail', '--for', '1ms'],
		['query', 'SELECT 1', '--replay', DEMO],
		['query', 'SELECT 1', '--', 'true'],
		['record', 'x.tinytap', '--for', '1ms'],
		['queries'],
		[],
	]) {
		const { status, stdout, stderr } = start(...words);
		assert.deepEqual([status, stdout], [1, ''], stderr);
		assertExplained(stderr, /^tinytap: error: the working directory has been removed \[/, /^hint: Change to another/m);
	}
	for (const words of [['version'], ['doctor'], ['help', 'tail']]) {
		const { status, stderr } = start(...words);
		assert.deepEqual([status, stderr], [0, ''], words[0]);
	}
});

test('a pipe instead of a recording is an error, not a wait', () => {
	const pipe = place('pipe');
	spawnSync('mkfifo', [pipe]);
	const result = spawnSync(TINYTAP[0]!, [...TINYTAP.slice(1), 'query', 'SELECT 1', '--replay', pipe], {
		encoding: 'utf8',
		env: TEST_ENV,
		timeout: 60_000,
	});
	assert.equal(result.status, 1, result.stderr);
	assertExplained(result.stderr, /expected a recording, but .*pipe is not one: it is not a regular file/);
});

test('on a full disk the result is reported as incomplete, and a recording ends with its last whole frame', async () => {
	const full = spawnSync('bash', ['-c', `"$0" "$@" > /dev/full`, ...TINYTAP, 'query', 'SELECT 1', '--replay', DEMO], {
		encoding: 'utf8',
		env: TEST_ENV,
	});
	assert.equal(full.status, 1);
	assertExplained(full.stderr, /cannot write the result: no space left on the device/);

	const disk = place('disk');
	mkdirSync(disk);
	spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', disk]);
	try {
		const recorder = startTinytap(['record', join(disk, 'x.tinytap'), '--comm', 'curl']);
		await recorder.attached();
		const port = await freePort();
		const server = startProgram('python3', [
			'-m',
			'http.server',
			'--bind',
			'127.0.0.1',
			'--directory',
			directory.path,
			String(port),
		]);
		await listening(port, server);
		writeFileSync(place('large'), 'x'.repeat(300_000));
		spawnSync('curl', ['-s', '-o', '/dev/null', `http://127.0.0.1:${port}/empty.sql`]);
		// Otherwise both requests may be in one frame.
		await eventually(
			() => readFileSync(join(disk, 'x.tinytap')).includes('/empty.sql') || undefined,
			() => 'the first request is not in the recording',
		);
		spawnSync('curl', ['-s', '-o', '/dev/null', `http://127.0.0.1:${port}/large`]);
		await eventually(
			() => (/stopped/.test(recorder.stderr()) ? true : undefined),
			() => `no warning: ${recorder.stderr()}`,
		);
		recorder.interrupt();
		const { code, stderr } = await recorder.finished;
		await server.stop();
		assert.equal(code, 1, stderr);
		assertExplained(stderr, /the recording ended early/);
		assert.match(stderr, /warning: recording to .* stopped: no space left on the device; the capture continues/);
		const replay = await runTinytap([
			'query',
			"SELECT count(*) AS n FROM exchanges WHERE path = '/empty.sql'",
			'--replay',
			join(disk, 'x.tinytap'),
			'--format',
			'csv',
		]);
		assert.equal(replay.code, 0, replay.stderr);
		assert.equal(replay.stdout, 'n\n1\n');
		assert.match(replay.stderr, /the file ends without an end frame/);
	} finally {
		spawnSync('umount', [disk]);
	}
});

test('doctor without a build does not claim that the tracepoints are present', () => {
	const bare = place('bare');
	for (const file of ['dist/tinytap.cjs', 'package.json']) {
		mkdirSync(dirname(join(bare, file)), { recursive: true });
		copyFileSync(join(CLI, '../..', file), join(bare, file));
	}
	const { status, stdout } = spawnSync(process.execPath, [...NODE_FLAGS, join(bare, 'dist/tinytap.cjs'), 'doctor'], {
		encoding: 'utf8',
		env: TEST_ENV,
	});
	assert.equal(status, 1);
	assert.match(stdout, /^warning +tracepoints +cannot be checked/m);
	assert.doesNotMatch(stdout, /all 0 found/);
});

test("TINYTAP_DEBUG prints libbpf's messages, which are hidden otherwise", async () => {
	const args = ['query', 'SELECT 1', '--for', '1ms', '--port', String(await freePort())];
	const quiet = await startTinytap(args).finished;
	assert.doesNotMatch(quiet.stderr, /libbpf:/);
	const loud = await startTinytap(args, { under: ['env', 'TINYTAP_DEBUG=1'] }).finished;
	assert.equal(loud.code, 0, loud.stderr);
	assert.match(loud.stderr, /^libbpf: .*tinytap\.bpf\.o/m);
});

test('--verbose reports each step of starting the capture, with its duration', async () => {
	const args = ['query', 'SELECT 1', '--for', '10ms'];
	const { code, stderr } = await runTinytap([...args, '--verbose']);
	assert.equal(code, 0, stderr);
	assert.match(stderr, /^tinytap: Linux \S+, Node v\S+, ring of 16384 KiB$/m);
	for (const step of [
		/loaded the BPF programs \(those for kernels (from|before) 5\.17( on)?\)/,
		/found \d+ sockets that were already open/,
		/applied the filters/,
		/attached to [1-9]\d* tracepoints/,
	]) {
		assert.match(stderr, new RegExp(`^tinytap: ${step.source} in \\d+ ms$`, 'm'));
	}
	assert.doesNotMatch((await runTinytap(args)).stderr, / in \d+ ms$/m);
});

// A capture from start to end, from main's point of view: its messages, its ends, and the program after `--`. Its
// source is a recording, so no kernel is needed.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { statSync, truncateSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { after, test } from 'node:test';
import { Command } from 'commander';
import * as wire from '../../decoder-as/assembly/wire/capture-event.ts';
import { mayStartLauncher } from '../../src/capture/launcher-access.ts';
import { addCaptureOptions, addEndOptions, type Options, parseOptions } from '../../src/commands/options.ts';
import { RunningCapture } from '../../src/commands/running-capture.ts';
import { withFileLimit } from '../../support/file-limit.ts';
import { Tape } from '../../support/record-builder.ts';
import { temporaryDirectory } from '../../support/servers.ts';
import { recordTape } from '../../support/tape-recording.ts';

const directory = temporaryDirectory();
after(directory.remove);
const ROOT = join(import.meta.dirname, '../..');
const NEVER = new Promise<never>(() => undefined);

/** A recording of `count` exchanges and of lost records. */
function recordingOf(name: string, count: number, lost = 0): string {
	const tape = new Tape();
	const server = tape.server(1).open();
	for (let i = 1; i <= count; i++)
		server.in(`GET /${i} HTTP/1.1\r\nHost: h\r\n\r\n`).out('HTTP/1.1 204 No Content\r\n\r\n');
	if (lost > 0) tape.loss(wire.LOSS_RING_FULL, BigInt(lost), 12n);
	const path = join(directory.path, name);
	recordTape(path, tape);
	return path;
}

function optionsOf(...words: string[]): Options {
	return parseOptions(addEndOptions(addCaptureOptions(new Command())).parse(words, { from: 'user' }));
}

async function withCapture(
	options: Options,
	work: (capture: RunningCapture, notices: string[]) => Promise<void>,
): Promise<void> {
	const notices: string[] = [];
	const capture = await RunningCapture.start(options, { notice: (text) => notices.push(text) });
	try {
		await work(capture, notices);
	} finally {
		await capture.close();
		await capture.close();
	}
}

test('the recording and remarks about it are announced when it is open; with --quiet nothing is', async () => {
	const path = recordingOf('odd\x1bname', 3);
	await withCapture(optionsOf('--replay', path, '--port', '80', '--no-color'), async (capture, notices) => {
		await capture.attached();
		assert.equal(notices[0], `tinytap: replaying ${directory.path}/odd\\x1bname\n`);
		assert.match(notices[1]!, /^tinytap: filters apply only to live captures.*\n$/);
		assert.equal(notices.length, 2);
		const end = await capture.ended(NEVER);
		capture.reportDamage(end.damage);
		capture.checkLoss();
		assert.deepEqual([await capture.exitStatus(0), await capture.exitStatus(4)], [0, 4]);
		assert.equal(notices.length, 2);
	});
	await withCapture(optionsOf('--replay', path, '--port', '80', '--quiet'), async (capture, notices) => {
		await capture.attached();
		assert.deepEqual(notices, []);
	});
});

test('a recording that ends early gives a warning with its name escaped, and damage is an error', async () => {
	const path = recordingOf('cut\x1b', 3);
	truncateSync(path, statSync(path).size - 1);
	const shown = `${directory.path}/cut\\x1b`;
	for (const quiet of [[], ['--quiet']]) {
		await withCapture(optionsOf('--replay', path, '--no-color', ...quiet), async (capture, notices) => {
			await capture.attached();
			const { damage } = await capture.ended(NEVER);
			notices.length = 0;
			capture.reportDamage(damage);
			const warning = `tinytap: warning: ${shown} is truncated at byte ${damage?.offset}: the file ends inside a frame; 15 bytes of the file could not be read\n`;
			assert.deepEqual(notices, quiet.length > 0 ? [] : [warning]);
			capture.reportDamage(undefined);
			assert.throws(() => capture.reportDamage({ ...damage!, what: 'damaged' }), {
				code: 'ERR_RECORDING_DAMAGED',
				hint: 'Everything else was read.',
				message: /cut.* is damaged at byte \d+/,
			});
		});
	}
});

test('with --strict loss is an error that says how much and why, one event in the singular', async () => {
	for (const [lost, told] of [
		[1, '1 event was lost (12 bytes; loss: ring_full 1): rows may be missing or incomplete'],
		[2, '2 events were lost (12 bytes; loss: ring_full 2): rows may be missing or incomplete'],
	] as const) {
		const path = recordingOf(`lost-${lost}`, 2, lost);
		await withCapture(optionsOf('--replay', path, '--strict'), async (capture) => {
			await capture.ended(NEVER);
			assert.throws(() => capture.checkLoss(), { code: 'ERR_LOSS', message: told, exitCode: 3 });
		});
		await withCapture(optionsOf('--replay', path), async (capture) => {
			await capture.ended(NEVER);
			capture.checkLoss();
		});
	}
	await withCapture(optionsOf('--replay', recordingOf('whole', 2), '--strict'), async (capture) => {
		await capture.ended(NEVER);
		capture.checkLoss();
	});
});

test('a warning of the capture is printed with its hint, escaped', async () => {
	const options = optionsOf('--replay', recordingOf('much', 3000), '--no-color');
	const path = join(directory.path, 'copy\x1b');
	const record = { path, force: false, meta: {} };
	await withFileLimit(4096, () =>
		withCapture({ ...options, capture: { ...options.capture, record } }, async (capture, notices) => {
			await capture.attached();
			const { recording } = await capture.ended(NEVER);
			assert.equal(recording?.complete, false);
			assert.match(notices[1]!, /^tinytap: warning: recording to .*copy\\x1b stopped: .*; the capture continues\n$/);
			assert.equal(notices[2], 'hint: The part already written can be replayed.\n');
		}),
	);
});

const LONG = 200_000;

test('a capture ends when it is interrupted, or after --for', async () => {
	const path = recordingOf('long', LONG);
	for (const [words, interrupted, ends] of [
		[[], () => Promise.resolve(), true],
		[['--for', '1ms'], () => NEVER, true],
		[['--for', '1h'], () => Promise.reject(new Error('not a signal')), false],
	] as const) {
		await withCapture(optionsOf('--replay', path, ...words), async (capture) => {
			await capture.ended(interrupted());
			const { rows } = capture.threads.status;
			assert.equal(rows < LONG, ends, `${rows} rows, ${words.join(' ')}`);
		});
	}
});

test('without the launcher nothing but a recording can be captured, and the error says how', async () => {
	await assert.rejects(RunningCapture.start(optionsOf()), (error: Error & { code: string; hint: string }) => {
		if (mayStartLauncher()) {
			assert.equal(error.code, 'ERR_LAUNCH');
			assert.match(error.hint, /^Start it with .*tinytap; recordings can be read without it: --replay FILE\.$/);
		} else assert.deepEqual([error.code, error.message], ['ERR_NO_PERMISSION', 'capturing needs root']);
		return true;
	});
	await assert.rejects(RunningCapture.start({ ...optionsOf('--replay', 'x'), command: ['sh'] }), {
		code: 'ERR_LAUNCH',
		message: 'the launcher holds no program',
	});
});

/**
 * Runs `program` in a shell during a replay, held as the launcher holds it. `answer`: what the launcher answers when
 * it is released.
 */
async function held(
	path: string,
	program: string,
	stdin: 'inherit' | 'ignore' = 'inherit',
	answer?: Buffer,
): Promise<{
	order: string;
	result: { statuses: number[]; notices: string[]; rows: number; error: Record<string, unknown> };
}> {
	// The program is a child of the process that becomes Node, but Node did not start it.
	const script = `${program} & TINYTAP_LAUNCH="mode=user,socket=-1,command=$!,control=3,user=somebody" exec "$0" --import tsx support/held-run.ts "$1" "$2"`;
	const child = spawn('sh', ['-c', script, process.execPath, path, stdin], {
		cwd: ROOT,
		stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
	});
	let output = '';
	let order = '';
	child.stdout!.on('data', (chunk: Buffer) => {
		output += chunk.toString();
	});
	const control = child.stdio[3] as Duplex;
	control.on('data', (chunk: Buffer) => {
		order += chunk.toString();
		control.end(answer ?? '');
	});
	await new Promise((resolve) => child.on('close', resolve));
	return { order, result: JSON.parse(output) };
}

test('the exit status of the program after -- is tinytap’s: 128+N after signal N; an error of tinytap comes first', async () => {
	const path = recordingOf('held', LONG);
	for (const [program, status] of [
		['true', 0],
		["sh -c 'exit 7'", 7],
		["sh -c 'kill -TERM $$'", 128 + constants.signals.SIGTERM],
		["sh -c 'kill -KILL $$'", 128 + constants.signals.SIGKILL],
	] as const) {
		const { order, result } = await held(path, program);
		assert.deepEqual([order, result.statuses], ['i', [status, 4]], program);
		// The capture ends with the program, and is limited to it.
		assert.ok(result.rows < LONG, `${result.rows} rows`);
		assert.match(result.notices.join(''), /filters apply only to live captures/);
	}
	assert.equal((await held(path, 'true', 'ignore')).order, 'n');
});

test('a program after -- that cannot be executed is an error with the status that a shell gives', async () => {
	const path = recordingOf('not-run', 3);
	for (const [errno, status] of [
		[constants.errno.ENOENT, 127],
		[constants.errno.EACCES, 126],
	] as const) {
		const answer = Buffer.alloc(4);
		answer.writeInt32LE(errno);
		const { error } = (await held(path, 'true', 'inherit', answer)).result;
		assert.deepEqual([error.code, error.exitCode], ['ERR_COMMAND', status]);
	}
});

// Output to pipes and files. Terminals are tested in test/e2e/ends.test.ts.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, readSync } from 'node:fs';
import { constants as system } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { nodeDevice, OutputStream, sendingDevice } from '../../src/output/output-stream.ts';
import { eventually } from '../../support/eventually.ts';
import { temporaryDirectory } from '../../support/servers.ts';

const directory = temporaryDirectory();
after(directory.remove);
let pipes = 0;

/** A pipe accepts this much before its reader has read anything. */
const PIPE_BYTES = 65_536;

/** A stream to a pipe whose reader reads only when asked to. */
function pipe() {
	const path = join(directory.path, `pipe-${pipes++}`);
	execFileSync('mkfifo', [path]);
	const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
	const writer = openSync(path, constants.O_WRONLY);
	const buffer = Buffer.alloc(4 << 20);
	return {
		stream: new OutputStream(writer),
		/** Reads at most `bytes`. */
		read(bytes = buffer.length): string {
			try {
				return buffer.toString('utf8', 0, readSync(reader, buffer, 0, bytes, null));
			} catch {
				// EAGAIN: there is nothing to read.
				return '';
			}
		},
		hangUp: () => closeSync(reader),
	};
}

/** Reads until `done`, and returns everything. */
async function readUntil(read: () => string, done: (text: string) => boolean): Promise<string> {
	let text = '';
	await eventually(
		() => {
			text += read();
			return done(text) ? true : undefined;
		},
		() => `only ${text.length} characters`,
	);
	return text;
}

test('text that the reader has room for is written at once', async () => {
	const { stream, read } = pipe();
	let written = 0;
	assert.equal(
		stream.write('one\n', () => written++),
		true,
	);
	assert.equal(
		stream.write('', () => written++),
		true,
	);
	assert.equal(stream.writeRows([]), true);
	assert.equal(stream.writeRows(['zwölf\n', 'three\n']), true);
	assert.equal(read(), 'one\nzwölf\nthree\n');
	assert.deepEqual(
		[written, stream.isIdle, stream.isTTY, stream.columns, stream.rows],
		[2, true, false, undefined, undefined],
	);
	await stream.ready();
	await stream.flush();
	assert.deepEqual([stream.droppedBytes, stream.droppedRows, stream.failure, stream.closed], [0, 0, undefined, false]);
});

test('a writer should wait from 64 KiB on, and may continue below; everything arrives in order', async () => {
	const { stream, read } = pipe();
	const text = Array.from({ length: 40_000 }, (_, i) => `${i}\n`).join('');
	const order: string[] = [];
	stream.write('x'.repeat(PIPE_BYTES));
	assert.equal(stream.isIdle, true);
	assert.equal(stream.write('y'.repeat(PIPE_BYTES - 1)), true);
	assert.equal(stream.isIdle, false);
	void stream.ready().then(() => order.push('there was room'));
	assert.equal(stream.writeRows(['z']), false);
	assert.equal(
		stream.write(text, () => order.push('written')),
		false,
	);
	void stream.ready().then(() => order.push('room'));
	void stream.flush().then(() => order.push('flushed'));
	const all = await readUntil(read, (got) => got.endsWith('39999\n'));
	assert.equal(all, `${'x'.repeat(PIPE_BYTES)}${'y'.repeat(PIPE_BYTES - 1)}z${text}`);
	await stream.flush();
	assert.deepEqual(order, ['there was room', 'room', 'written', 'flushed']);
	assert.equal(stream.isIdle, true);
});

test('output that arrives while more than a mebibyte waits is dropped, and its size is printed when there is room', async () => {
	const { stream, read } = pipe();
	stream.write('x'.repeat(PIPE_BYTES + 1048576));
	stream.write('a');
	stream.write('dröpped\n');
	stream.writeRows(['dropped\n', 'too\n']);
	const rest = await readUntil(read, (got) => got.endsWith(' in time\n'));
	assert.equal(
		rest.replace(/^x+/, ''),
		'a\ntinytap: 21 bytes of messages were dropped because they could not be printed in time\n',
	);
	assert.equal(rest.indexOf('a'), PIPE_BYTES + 1048576);
	assert.deepEqual([stream.droppedBytes, stream.droppedRows], [9, 2]);
	stream.write('again\n');
	assert.equal(await readUntil(read, (got) => got.endsWith('\n')), 'again\n');
});

test('a single waiting byte is waited for, and discarded at the limit', async () => {
	const { stream, read } = pipe();
	let written = 0;
	let flushed = 0;
	stream.write('x'.repeat(PIPE_BYTES));
	stream.write('y', () => written++);
	void stream.flush().then(() => flushed++);
	await new Promise((resolve) => setTimeout(resolve, 30));
	assert.deepEqual([written, flushed, stream.isIdle], [0, 0, false]);
	assert.equal((await readUntil(read, (got) => got.endsWith('y'))).length, PIPE_BYTES + 1);
	await stream.flush();
	await new Promise((resolve) => setImmediate(resolve));
	assert.deepEqual([written, flushed], [1, 1]);
	stream.write('x'.repeat(PIPE_BYTES));
	stream.write('y');
	stream.discard();
	assert.equal(stream.isIdle, true);
	// Once only.
	assert.deepEqual([written, flushed], [1, 1]);
});

test('the time limit without a reader starts when something waits', async () => {
	const { stream } = pipe();
	stream.limit({ idleMs: 200 });
	stream.write('x'.repeat(PIPE_BYTES));
	await new Promise((resolve) => setTimeout(resolve, 300));
	stream.write('y');
	assert.deepEqual([stream.isIdle, stream.droppedBytes], [false, 0]);
	await stream.flush();
	assert.equal(stream.droppedBytes, 1);
});

test('rows that the reader does not take within the limit are counted, including the one that is cut', async () => {
	const { stream, read } = pipe();
	const rows = Array.from({ length: 23 }, () => 'r'.repeat(10_000));
	stream.writeRows(rows);
	stream.write('a message');
	stream.limit({ withinMs: 60_000 });
	stream.limit({ withinMs: 30 });
	stream.limit({ withinMs: 60_000 });
	await stream.flush();
	// Six whole rows and part of the seventh are in the pipe.
	assert.deepEqual([stream.droppedRows, stream.droppedBytes], [23 - 6, 9]);
	assert.equal(read(), 'r'.repeat(PIPE_BYTES));
	assert.equal(stream.isIdle, true);
});

test('a row that ends where the pipe was full is not discarded', async () => {
	const { stream } = pipe();
	stream.writeRows(['r'.repeat(PIPE_BYTES), 'r', 'r']);
	stream.limit({ withinMs: 0 });
	await stream.flush();
	assert.equal(stream.droppedRows, 2);
});

test('the time limit restarts when the reader takes something', async () => {
	const { stream, read } = pipe();
	stream.limit({ idleMs: 300 });
	stream.limit({ idleMs: 60_000 });
	stream.write('x'.repeat(10 * PIPE_BYTES));
	const begin = performance.now();
	while (performance.now() - begin < 700) {
		read(4096);
		await new Promise((resolve) => setTimeout(resolve, 20));
	}
	assert.deepEqual([stream.isIdle, stream.droppedBytes], [false, 0]);
	const idle = performance.now();
	await stream.flush();
	assert.ok(performance.now() - idle > 150);
	assert.ok(stream.droppedBytes > PIPE_BYTES, `${stream.droppedBytes}`);
});

test('discarded text is not counted, and later text arrives', async () => {
	const { stream, read } = pipe();
	stream.discard();
	stream.write('x'.repeat(2 * PIPE_BYTES));
	const flushed = stream.flush();
	stream.discard();
	await flushed;
	assert.deepEqual([stream.isIdle, stream.droppedBytes, stream.droppedRows], [true, 0, 0]);
	assert.equal(read(), 'x'.repeat(PIPE_BYTES));
	stream.write('later\n');
	assert.equal(await readUntil(read, (got) => got.endsWith('\n')), 'later\n');
});

test('on a terminal, colours and the line end where text was discarded', async () => {
	const { TERM } = process.env;
	try {
		for (const [term, isTTY, expected] of [
			['xterm', true, '\x1b[0m\r\x1b[K'],
			['dumb', true, '\n'],
			['xterm', false, ''],
		] as const) {
			process.env.TERM = term;
			const { stream, read } = pipe();
			Object.defineProperty(stream, 'isTTY', { value: isTTY });
			stream.write('x'.repeat(PIPE_BYTES + 1));
			stream.discard();
			stream.write('later\n');
			const rest = await readUntil(read, (got) => got.endsWith('\n') && got.includes('later'));
			assert.equal(rest.replace(/^x+/, ''), `${expected}later\n`, term);
		}
	} finally {
		process.env.TERM = TERM;
		if (TERM === undefined) delete process.env.TERM;
	}
});

test("the size is that of the descriptor's own terminal", () => {
	for (const [fd, own, other] of [
		[1, process.stdout, process.stderr],
		[2, process.stderr, process.stdout],
	] as const) {
		const stream = new OutputStream(fd);
		Object.defineProperty(stream, 'isTTY', { value: true });
		const before = [own, other].map(({ columns, rows }) => ({ columns, rows }));
		try {
			Object.assign(own, { columns: 101, rows: 31 });
			Object.assign(other, { columns: 55, rows: 9 });
			assert.deepEqual([stream.columns, stream.rows], [101, 31], `${fd}`);
			Object.assign(own, { columns: 0, rows: undefined });
			assert.deepEqual([stream.columns, stream.rows], [80, 24], `${fd}`);
		} finally {
			Object.assign(own, before[0]);
			Object.assign(other, before[1]);
		}
	}
});

test("with one of Node's streams, bytes are taken when they have left the process, and its errors are thrown", () => {
	const given: string[] = [];
	let leave: () => void = () => undefined;
	let fail: (error: Error) => void = () => undefined;
	const device = nodeDevice({
		on(name: string, listener: (error: Error) => void) {
			assert.equal(name, 'error');
			fail = listener;
			return this as never;
		},
		write(bytes: Uint8Array, written: () => void) {
			given.push(Buffer.from(bytes).toString());
			leave = written;
			return false;
		},
	} as never);
	const text = Buffer.from('one, two');
	assert.deepEqual([device(text), device(text)], [0, 0]);
	leave();
	assert.equal(device(text), 8);
	// The same buffer at another place is other text.
	assert.deepEqual([device(text.subarray(5)), device(text.subarray(5))], [0, 0]);
	leave();
	assert.equal(device(text.subarray(5)), 3);
	assert.deepEqual(given, ['one, two', 'two']);
	fail(Object.assign(new Error('gone'), { code: 'EPIPE' }));
	assert.throws(() => device(text), { code: 'EPIPE' });
});

test('a socket without room takes nothing, and one whose reader has gone away is closed', () => {
	const { EAGAIN, ECONNRESET, EPIPE, EIO } = system.errno;
	const device = (result: number) => sendingDevice(() => result);
	const bytes = Buffer.from('text');
	assert.deepEqual([device(4)(bytes), device(1)(bytes), device(0)(bytes), device(-EAGAIN)(bytes)], [4, 1, 0, 0]);
	for (const [error, code] of [
		[ECONNRESET, 'EPIPE'],
		[EPIPE, 'EPIPE'],
		[EIO, 'EIO'],
	] as const)
		assert.throws(() => device(-error)(bytes), { code });
});

test('a reader that goes away ends the output without a failure', async () => {
	const { stream, hangUp } = pipe();
	stream.write('x'.repeat(2 * PIPE_BYTES));
	const flushed = stream.flush();
	let isGone = false;
	void stream.gone.then(() => {
		isGone = true;
	});
	await new Promise((resolve) => setImmediate(resolve));
	assert.equal(isGone, false);
	hangUp();
	await stream.gone;
	await flushed;
	assert.deepEqual([stream.closed, stream.failure, stream.isIdle], [true, undefined, true]);
	assert.equal(stream.write('more'), true);
	assert.equal(stream.isIdle, true);
	const late = pipe();
	late.hangUp();
	late.stream.write('x');
	await late.stream.gone;
	assert.deepEqual([late.stream.closed, late.stream.failure], [true, undefined]);
});

test('a system error is a failure, after which nothing more is written', async () => {
	const full = new OutputStream(openSync('/dev/full', 'w'));
	full.write('x');
	await full.flush();
	assert.deepEqual([full.failure, full.closed, full.isIdle], ['ENOSPC', false, true]);
	full.write('y');
	assert.equal(full.isIdle, true);
	const closed = new OutputStream(999);
	closed.write('x');
	assert.equal(closed.failure, 'EBADF');
});

test('a file takes everything', async () => {
	const path = join(directory.path, 'file');
	const stream = new OutputStream(openSync(path, 'w'));
	assert.equal(stream.write('x'.repeat(3 << 20)), true);
	assert.equal(stream.writeRows(['row\n']), true);
	assert.equal(readFileSync(path, 'utf8'), `${'x'.repeat(3 << 20)}row\n`);
});

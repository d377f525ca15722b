// Bytes that move inside the kernel: counted exactly, never captured.
import assert from 'node:assert/strict';
import { basename, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
	FLAG_ZERO_COPY,
	DIRECTION_IN as IN,
	DIRECTION_OUT as OUT,
	SYSCALL_SENDFILE,
	SYSCALL_SPLICE,
} from '../../decoder-as/assembly/wire/capture-event.ts';
import {
	BPF_OBJECTS,
	joinStream,
	runScenario,
	startCapture,
	type TestCapture,
} from '../../support/captured-records.ts';
import { runTinytap } from '../../support/tinytap.ts';

const responseHead = (length: number) => `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`;

const FIXTURE = join(import.meta.dirname, '../../support/socket_calls/run.py');
const ROWS = `SELECT path, status, state, res_body_bytes, res_captured_bytes, via, vias, res_body_note
	FROM exchanges WHERE side = 'server' ORDER BY id`;
const note = (held: number, all: number) =>
	`body: first ${held} of ${all} bytes; ${all - held} via sendfile — content not captured`;

for (const objectPath of BPF_OBJECTS) {
	describe(`sendfile and splice (${basename(objectPath)})`, () => {
		let test: TestCapture;
		before(() => {
			test = startCapture({ objectPath });
		});
		after(() => test.capture.close());

		it('sendfile with and without an offset counts what it returned', async () => {
			const run = await runScenario(test, 'sendfile');
			const records = run.data(run.conn('server'), OUT);
			const whole = responseHead(51200).length + 51200;
			assert.equal(joinStream(records).length, 2 * whole);
			const moved = records.filter((each) => each.syscall === SYSCALL_SENDFILE);
			assert.ok(moved.length >= 2);
			assert.equal(
				moved.reduce((sum, each) => sum + each.bytes, 0),
				2 * 51200,
			);
			for (const each of moved) {
				assert.equal(each.flags, FLAG_ZERO_COPY);
				assert.equal(each.payload.length, 0);
				assert.equal(each.fd, run.said.server);
				assert.equal(each.callBytes, each.bytes);
			}
		});

		it('splice to and from a socket counts what it moved', async () => {
			const run = await runScenario(test, 'splice');
			for (const [name, direction] of [
				['server', OUT],
				['client', IN],
			] as const) {
				const records = run.data(run.conn(name), direction);
				const moved = records.filter((each) => each.syscall === SYSCALL_SPLICE);
				assert.equal(
					moved.reduce((sum, each) => sum + each.bytes, 0),
					8192,
				);
				assert.ok(moved.every((each) => each.flags === FLAG_ZERO_COPY && each.fd === run.said[name]));
				assert.equal(joinStream(records).length, responseHead(8192).length + 8192);
			}
		});

		it('bytes that vmsplice and tee put into pipes are counted when splice moves them to a socket', async () => {
			const run = await runScenario(test, 'vmsplice_and_tee');
			for (const name of ['first', 'second']) {
				const [head, body, ...more] = run.data(run.conn(name), OUT);
				assert.equal(more.length, 0);
				assert.equal(head!.payload.toString(), responseHead(8192));
				assert.deepEqual(
					[body!.syscall, body!.bytes, body!.payload.length, body!.flags],
					[SYSCALL_SPLICE, 8192, 0, FLAG_ZERO_COPY],
				);
			}
		});

		it('a body sent by another thread belongs to the same connection', async () => {
			const run = await runScenario(test, 'two_threads');
			const records = run.data(run.conn('server'), OUT);
			assert.deepEqual(
				records.map((each) => [each.tid, each.bytes]),
				[
					[run.pid, responseHead(1000).length],
					[run.said.tid, 1000],
				],
			);
		});
	});
}

describe('bodies sent by sendfile', () => {
	it('are counted in their place, whole or in part, and the next exchange is right', async () => {
		const { code, stdout, stderr } = await runTinytap([
			...['query', ROWS, '--format', 'json', '--', 'python3', FIXTURE, 'sendfile_bodies'],
		]);
		assert.equal(code, 0, stderr);
		// The program's own line comes first.
		const [said, ...json] = stdout.split('\n');
		assert.ok(JSON.parse(said!).refused > 0);
		const size = 300_000;
		const next = ['/next', 200, 'complete', 4, 4, 'sendto', 'sendto', null];
		const whole = (bytes: number) => `body: ${bytes} bytes via sendfile — content not captured`;
		const both = ['sendfile', 'sendto+sendfile'];
		assert.deepEqual(
			(JSON.parse(json.join('\n')) as Record<string, unknown>[]).map((row) => Object.values(row)),
			[
				['/prefix', 200, 'complete', size, 512, ...both, note(512, size)],
				next,
				[
					'/parts',
					200,
					'complete',
					2030,
					30,
					...both,
					'body: 30 of 2030 bytes; 2000 via sendfile — content not captured',
				],
				next,
				['/chunked', 200, 'complete', 71_000, 0, ...both, whole(71_000)],
				next,
				['/non-blocking', 200, 'complete', 40 * size, 0, ...both, whole(40 * size)],
				next,
				// Its head was sent by sendfile too.
				['/baked', null, 'incomplete', 0, 0, 'sendfile', 'sendfile', null],
				next,
				['/cut', 200, 'incomplete', 100_000, 0, ...both, whole(100_000)],
			],
		);
	});

	it('2 GiB by sendfile count as 2 GiB, even for a reader that discards them', async () => {
		const test = startCapture();
		const run = await runScenario(test, 'sendfile_far');
		const size = 2 ** 31;
		assert.ok(run.said.most! <= 0x7ffff000);
		for (const [name, direction] of [
			['server', OUT],
			['client', IN],
		] as const) {
			const records = run.data(run.conn(name), direction);
			const bytes = records.reduce((sum, each) => sum + each.bytes, 0);
			assert.equal(bytes, responseHead(size).length + size, `${name}; ring_full, missed: ${run.lost.join(', ')}`);
			assert.equal(records.at(-1)!.offset + records.at(-1)!.bytes, bytes);
		}
		test.capture.close();
	});
});

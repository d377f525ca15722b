// Bytes that go from kernel to kernel: counted exactly, never captured.
import assert from 'node:assert/strict';
import { basename } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
	FLAG_ZERO_COPY,
	DIRECTION_IN as IN,
	DIRECTION_OUT as OUT,
	SYSCALL_SENDFILE,
	SYSCALL_SPLICE,
} from '../../decoder-as/assembly/capture-event.ts';
import { BPF_OBJECTS, joinStream, runScenario, startCapture, type TestCapture } from '../support/captured-records.ts';

const responseHead = (length: number) => `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`;

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

		it('splice to a socket and from one', async () => {
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

		it('a body that another thread sends belongs to the same connection', async () => {
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

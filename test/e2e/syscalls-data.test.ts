// How bytes move: exactly the bytes that a call returned are recorded, completely and once, wherever the memory was.
import assert from 'node:assert/strict';
import { basename } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
	CAPTURE_DATA,
	CAPTURE_EVENT_PAYLOAD_MAX,
	FLAG_CUT_CAPTURE_LIMIT,
	FLAG_CUT_IOVEC_LIMIT,
	FLAG_MULTI,
	FLAG_PART,
	DIRECTION_IN as IN,
	DIRECTION_OUT as OUT,
	SYSCALL_PREADV2,
	SYSCALL_PWRITEV2,
	SYSCALL_READ,
	SYSCALL_READV,
	SYSCALL_RECVFROM,
	SYSCALL_RECVMMSG,
	SYSCALL_RECVMSG,
	SYSCALL_SENDMMSG,
	SYSCALL_SENDMSG,
	SYSCALL_WRITEV,
} from '../../decoder-as/assembly/wire/capture-event.ts';
import {
	BPF_OBJECTS,
	joinStream,
	runScenario,
	startCapture,
	type TestCapture,
} from '../../support/captured-records.ts';

const REQUEST = 'GET /path HTTP/1.1\r\nHost: test\r\n\r\n';
const responseHead = (length: number) => `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`;
const pattern = (size: number) => Buffer.from(Array.from({ length: size }, (_, i) => (i * 7 + (i >> 8)) & 0xff));
const response = (size: number) => Buffer.concat([Buffer.from(responseHead(size)), pattern(size)]);

for (const objectPath of BPF_OBJECTS) {
	describe(`bytes at the syscall boundary (${basename(objectPath)})`, () => {
		let test: TestCapture;
		before(() => {
			test = startCapture({ objectPath, ringBytes: 64 << 20 });
		});
		after(() => test.capture.close());

		it('head and body of one writev are one record, and readv records only what it returned', async () => {
			const run = await runScenario(test, 'writev_readv');
			const [sent, ...more] = run.data(run.conn('server'), OUT);
			assert.equal(more.length, 0);
			assert.equal(sent!.syscall, SYSCALL_WRITEV);
			assert.equal(sent!.flags, 0);
			assert.deepEqual(sent!.payload, response(1000));
			const received = run.data(run.conn('client'), IN);
			assert.deepEqual(
				received.map((each) => [each.syscall, each.callBytes]),
				[[SYSCALL_READV, run.said.read]],
			);
			assert.deepEqual(received[0]!.payload, response(1000));
		});

		it('a readv that ends inside an iovec records the bytes up to there', async () => {
			const run = await runScenario(test, 'readv_ends_inside');
			assert.equal(run.said.read, 25);
			assert.equal(joinStream(run.data(run.conn('client'), IN)).toString(), 'HTTP/1.1 204 No Content\r\n');
		});

		it('a readv with more room than data records no stale memory', async () => {
			const run = await runScenario(test, 'readv_more_room');
			const received = joinStream(run.data(run.conn('client'), IN));
			assert.equal(received.length, 100);
			assert.ok(!received.includes('STALE'));
		});

		// The object for old kernels reads at most 256 iovecs.
		for (const count of objectPath === BPF_OBJECTS[0] ? [20, 70, 1024] : [20, 70]) {
			it(`writev of ${count} iovecs is whole`, async () => {
				const run = await runScenario(test, 'many_iovecs', String(count));
				const sent = joinStream(run.data(run.conn('server'), OUT)).toString();
				assert.equal(sent.length, run.said.written);
				assert.equal(sent.slice(-11), `${String(count - 2).padStart(10, '0')}\n`);
				assert.ok(!sent.includes('\0'));
			});
		}

		it('empty iovecs are skipped, and an empty writev makes no record', async () => {
			const run = await runScenario(test, 'empty_iovecs');
			const sent = run.data(run.conn('server'), OUT);
			assert.equal(sent.length, 1);
			assert.equal(joinStream(sent).toString(), `${responseHead(5)}hello`);
		});

		it('a writev that hits an unreadable iovec counts what it returned', async () => {
			const run = await runScenario(test, 'bad_iovec');
			const whole = response(200_000);
			assert.ok(run.said.written! > 0 && run.said.written! <= whole.length);
			assert.deepEqual(joinStream(run.data(run.conn('server'), OUT)), whole.subarray(0, run.said.written));
		});

		it('a body of 8 KiB in the second iovec is whole', async () => {
			const run = await runScenario(test, 'two_iovecs');
			assert.deepEqual(joinStream(run.data(run.conn('server'), OUT)), response(8192));
		});

		it('a mebibyte in 65 iovecs of one writev is whole, in full records', async () => {
			const run = await runScenario(test, 'one_mebibyte');
			const sent = run.data(run.conn('server'), OUT).filter((each) => each.callBytes === run.said.written);
			assert.equal(run.said.written, response(1 << 20).length);
			assert.deepEqual(joinStream(sent), response(1 << 20));
			assert.equal(sent.length, Math.ceil(response(1 << 20).length / CAPTURE_EVENT_PAYLOAD_MAX));
			assert.ok(sent.every((each) => each.flags === FLAG_PART && each.callOffset === each.offset));
			assert.deepEqual(
				sent.slice(0, -1).map((each) => each.payload.length),
				sent.slice(1).map(() => CAPTURE_EVENT_PAYLOAD_MAX),
			);
		});

		it('partial and refused writes count each byte once', async () => {
			const run = await runScenario(test, 'partial_write');
			assert.ok(run.said.writes! > 1 && run.said.refused! > 0, 'the socket never filled up');
			const sent = run.data(run.conn('server'), OUT);
			assert.equal(new Set(sent.map((each) => each.offset - each.callOffset)).size, run.said.writes);
			const stream = joinStream(sent);
			assert.equal(stream.length, run.said.total);
			// A write may move more than the capture limit; the rest is only counted.
			for (const each of sent.filter((record) => record.bytes !== record.payload.length))
				assert.equal(each.flags & FLAG_CUT_CAPTURE_LIMIT, FLAG_CUT_CAPTURE_LIMIT);
			assert.deepEqual(stream.subarray(0, 100_000), response(8_000_000).subarray(0, 100_000));
		});

		it('memory not resident when write was called is captured', async () => {
			const run = await runScenario(test, 'untouched_page');
			assert.deepEqual(joinStream(run.data(run.conn('server'), OUT)), response(8000));
		});

		it('bytes in memory that is unmapped when the call returns are counted', async () => {
			const run = await runScenario(test, 'unmapped_after');
			const sent = run.data(run.conn('server'), OUT);
			assert.equal(run.said.written, run.said.got);
			assert.equal(joinStream(sent).length, run.said.written);
			const cut = sent.reduce((sum, each) => sum + each.bytes - each.payload.length, 0);
			assert.ok(cut <= 4096, `${cut} bytes missing of one page`);
		});

		it('calls that move nothing make no records', async () => {
			const run = await runScenario(test, 'zero_length');
			assert.deepEqual(run.data(run.conn('server'), OUT), []);
			assert.equal(run.data(run.conn('server'), IN).length, 1);
		});

		it('sendmmsg and recvmmsg record the bytes of all their messages', async () => {
			const run = await runScenario(test, 'multiple_messages');
			const sent = run.data(run.conn('client'), OUT);
			assert.equal(joinStream(sent).toString(), REQUEST);
			assert.ok(sent.every((each) => each.syscall === SYSCALL_SENDMMSG && each.flags & FLAG_MULTI));
			assert.ok(sent.every((each) => each.callBytes === REQUEST.length));
			const received = run.data(run.conn('server'), IN);
			assert.equal(received[0]!.syscall, SYSCALL_RECVMMSG);
			assert.ok(REQUEST.startsWith(joinStream(received).toString()));
		});

		it('pwritev2 and preadv2 work on sockets', async () => {
			const run = await runScenario(test, 'positioned');
			assert.equal(run.said.refused, -1);
			const [sent, ...more] = run.data(run.conn('client'), OUT);
			assert.equal(more.length, 0);
			assert.deepEqual([sent!.syscall, sent!.payload.toString()], [SYSCALL_PWRITEV2, REQUEST]);
			const [received] = run.data(run.conn('server'), IN);
			assert.deepEqual([received!.syscall, received!.payload.toString()], [SYSCALL_PREADV2, REQUEST]);
		});

		it('sendmsg and recvmsg record all their buffers, like writev and readv', async () => {
			const run = await runScenario(test, 'messages');
			const [sent] = run.data(run.conn('client'), OUT);
			assert.deepEqual([sent!.syscall, sent!.payload.toString()], [SYSCALL_SENDMSG, REQUEST]);
			const [received] = run.data(run.conn('server'), IN);
			assert.deepEqual([received!.syscall, received!.payload.toString()], [SYSCALL_RECVMSG, REQUEST]);
		});

		it('an interrupted and restarted read counts once', async () => {
			const run = await runScenario(test, 'restarted');
			assert.equal(joinStream(run.data(run.conn('server'), IN)).toString(), REQUEST);
			assert.equal(run.data(run.conn('server'), IN).at(-1)!.syscall, SYSCALL_READ);
		});

		it('a recv(MSG_WAITALL) that ends early counts what it received', async () => {
			const run = await runScenario(test, 'wait_all');
			assert.ok(run.said.read! < 1000);
			const received = run.data(run.conn('server'), IN);
			assert.deepEqual(
				received.map((each) => [each.syscall, each.bytes]),
				[[SYSCALL_RECVFROM, run.said.read]],
			);
		});

		it('a length beyond 4 GiB does not count, only the bytes moved', async () => {
			const run = await runScenario(test, 'huge_lengths');
			assert.ok(run.said.written! > 1000 && run.said.written! <= 0x7ffff000);
			assert.equal(joinStream(run.data(run.conn('server'), OUT)).length, run.said.written);
			const received = run.data(run.conn('client'), IN);
			assert.equal(joinStream(received).length, run.said.read);
			assert.ok(received.every((each) => each.callBytes === run.said.read));
		});

		it('a call may return on a different CPU from the one it began on', async () => {
			const run = await runScenario(test, 'migrated');
			assert.equal(run.said.read, REQUEST.length);
			assert.equal(joinStream(run.data(run.conn('server'), IN)).toString(), REQUEST);
		});

		it('threads killed inside a call do not affect later ones', async () => {
			const run = await runScenario(test, 'killed_inside_calls');
			const ofWorker = test.records.filter((each) => each.pid === run.said.worker && each.kind === CAPTURE_DATA);
			assert.deepEqual(
				ofWorker.map((each) => [each.direction, each.bytes]),
				[
					[IN, REQUEST.length],
					[OUT, responseHead(0).length],
				],
			);
		});

		it('a request sent byte by byte is captured from its first byte on', async () => {
			const run = await runScenario(test, 'byte_by_byte');
			for (const [name, direction] of [
				['client', OUT],
				['server', IN],
			] as const) {
				const records = run.data(run.conn(name), direction);
				assert.equal(joinStream(records).toString(), REQUEST);
				assert.equal(records[0]!.offset, 0);
				assert.ok(records.every((each, i) => i === 0 || each.timeNs >= records[i - 1]!.timeNs));
			}
		});

		it('bytes written with MSG_MORE are in the stream at once', async () => {
			const run = await runScenario(test, 'more_to_come');
			assert.equal(joinStream(run.data(run.conn('server'), OUT)).toString(), `${responseHead(4)}body`);
		});

		it('no byte was lost on the way', () => {
			assert.deepEqual([...test.capture.counters()].slice(0, 4), [0, 0, 0, 0]);
		});
	});
}

describe('limits of a call', () => {
	let test: TestCapture;
	before(() => {
		test = startCapture({ iovecLimit: 64, captureLimit: 100_000 });
	});
	after(() => test.capture.close());

	it('with a limit of 64, a call of 70 iovecs is counted in full, and its captured part ends after the 64th', async () => {
		const run = await runScenario(test, 'many_iovecs', '70');
		const [sent, ...more] = run.data(run.conn('server'), OUT);
		assert.equal(more.length, 0);
		assert.equal(sent!.flags, FLAG_CUT_IOVEC_LIMIT);
		assert.equal(sent!.callBytes, run.said.written);
		assert.equal(sent!.bytes, run.said.written);
		assert.equal(sent!.payload.length, run.said.written! - 6 * 11);
		assert.equal(sent!.payload.toString('latin1', sent!.payload.length - 11), '0000000062\n');
	});

	it('with a limit of 100000 bytes, the last record of a mebibyte accounts for the rest', async () => {
		const run = await runScenario(test, 'one_mebibyte');
		const sent = run.data(run.conn('server'), OUT);
		assert.equal(joinStream(sent).length, run.said.written);
		const whole = sent.reduce((sum, each) => sum + each.payload.length, 0);
		assert.equal(whole, 100_000);
		assert.equal(sent.at(-1)!.flags, FLAG_PART | FLAG_CUT_CAPTURE_LIMIT);
		assert.ok(sent.every((each) => each.kind === CAPTURE_DATA));
		assert.deepEqual(joinStream(sent).subarray(0, 100_000), response(1 << 20).subarray(0, 100_000));
	});
});

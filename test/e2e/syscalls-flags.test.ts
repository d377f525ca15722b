// Flags of send and recv, ends and failures of connections, and descriptors that do not carry HTTP at all.
import assert from 'node:assert/strict';
import { basename } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
	CAPTURE_CLOSE,
	CAPTURE_DATA,
	CAPTURE_EOF,
	CAPTURE_ERROR,
	CAPTURE_OPEN,
	CAPTURE_PEEK,
	CAPTURE_SHUTDOWN,
	FLAG_DISCARDED,
	FLAG_MIDSTREAM,
	FLAG_PEEK,
	FLAG_UNVERIFIED,
	DIRECTION_IN as IN,
	DIRECTION_OUT as OUT,
	ROLE_CONNECTED,
	SYSCALL_RECVFROM,
	SYSCALL_RECVMMSG,
	SYSCALL_RECVMSG,
	SYSCALL_SENDTO,
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

for (const objectPath of BPF_OBJECTS) {
	describe(`flags of recv and send (${basename(objectPath)})`, () => {
		let test: TestCapture;
		before(() => {
			test = startCapture({ objectPath });
		});
		after(() => test.capture.close());

		it('peeked bytes are in the stream once', async () => {
			const run = await runScenario(test, 'peek');
			assert.equal(joinStream(run.data(run.conn('client'), IN)).toString(), responseHead(0));
			const peeks = run.records.filter((each) => each.kind === CAPTURE_PEEK && each.conn === run.conn('client'));
			assert.deepEqual([...new Set(peeks.map((each) => each.syscall))].sort(), [
				SYSCALL_RECVFROM,
				SYSCALL_RECVMSG,
				SYSCALL_RECVMMSG,
			]);
			assert.ok(peeks.every((each) => each.flags & FLAG_PEEK && each.payload.length === 0 && each.offset === 0));
		});

		it('bytes discarded by recv(MSG_TRUNC) are counted', async () => {
			const run = await runScenario(test, 'truncate');
			const records = run.data(run.conn('client'), IN);
			const discarded = records.filter((each) => each.flags & FLAG_DISCARDED);
			assert.deepEqual(
				discarded.map((each) => [each.bytes, each.payload.length, each.offset]),
				[[100, 0, responseHead(300).length]],
			);
			assert.equal(joinStream(records).length, responseHead(300).length + 300);
		});

		it('an urgent byte is not in the stream', async () => {
			const run = await runScenario(test, 'urgent');
			for (const [name, direction] of [
				['server', OUT],
				['client', IN],
			] as const)
				assert.equal(joinStream(run.data(run.conn(name), direction)).toString(), `${responseHead(4)}body`);
		});

		it('an urgent send puts all but its last byte in the stream', async () => {
			const run = await runScenario(test, 'urgent_with_data');
			assert.equal(run.said.sent, 6);
			for (const [name, direction] of [
				['server', OUT],
				['client', IN],
			] as const)
				assert.equal(joinStream(run.data(run.conn(name), direction)).toString(), `${responseHead(5)}hello`);
		});

		it('the error queue is not the stream', async () => {
			const run = await runScenario(test, 'error_queue');
			assert.equal(joinStream(run.data(run.conn('server'), IN)).toString(), REQUEST);
			assert.equal(joinStream(run.data(run.conn('server'), OUT)).length, responseHead(20000).length + 20000);
		});

		it('sendto with MSG_FASTOPEN opens the connection', async () => {
			const run = await runScenario(test, 'fast_open');
			const open = run.records.find((each) => each.kind === CAPTURE_OPEN && each.conn === run.conn('client'))!;
			assert.equal(open.role, ROLE_CONNECTED);
			assert.equal(open.payload.readUInt16BE(2), run.said.port);
			const [sent] = run.data(open.conn, OUT);
			assert.deepEqual([sent!.syscall, sent!.payload.toString()], [SYSCALL_SENDTO, REQUEST]);
		});

		it('the end of a stream is recorded once', async () => {
			const run = await runScenario(test, 'end_of_stream');
			const ends = run.records.filter((each) => each.kind === CAPTURE_EOF);
			assert.deepEqual(
				ends.map((each) => [each.conn, each.direction, each.offset]),
				[[run.conn('client'), IN, 23]],
			);
			const shutdowns = run.records.filter((each) => each.kind === CAPTURE_SHUTDOWN);
			assert.deepEqual(
				shutdowns.map((each) => [each.conn, each.direction, each.callBytes]),
				[[run.conn('server'), OUT, 1]],
			);
		});

		it('a reset is recorded with its error, and adds no bytes', async () => {
			const run = await runScenario(test, 'reset');
			assert.deepEqual([run.said.ECONNRESET, run.said.EPIPE], [1, 1]);
			const errors = run.records.filter((each) => each.kind === CAPTURE_ERROR && each.conn === run.conn('server'));
			assert.deepEqual(
				errors.map((each) => [each.direction, each.callBytes]),
				[
					[IN, 104],
					[OUT, 32],
				],
			);
			assert.deepEqual(run.data(run.conn('server'), OUT), []);
		});
	});
}

for (const objectPath of BPF_OBJECTS) {
	describe(`what is not HTTP (${basename(objectPath)})`, () => {
		let test: TestCapture;
		before(() => {
			test = startCapture({ objectPath });
		});
		after(() => test.capture.close());

		for (const scenario of ['datagrams', 'never_http', 'sendfile_to_file', 'close_unknown_only']) {
			it(`makes no records: ${scenario}`, async () => {
				const silent = await runScenario(test, scenario);
				// Records of a later scenario prove that none of this one are still to come.
				await runScenario(test, 'messages');
				assert.deepEqual(
					test.records.filter((each) => each.pid === silent.pid),
					[],
				);
			});
		}

		it('HTTP that follows something else on a connection is captured with what came before it', async () => {
			const run = await runScenario(test, 'foreign');
			const records = run.data(run.conn('server'), IN);
			assert.equal(records[0]!.offset, 0);
			assert.equal(joinStream(records).toString(), `\0\x01binary${REQUEST}`);
		});

		it('of TLS only what may be a hello is captured', async () => {
			const run = await runScenario(test, 'tls_hello');
			for (const [name, direction] of [
				['client', OUT],
				['server', IN],
			] as const) {
				const conn = run.conn(name);
				const records = run.data(conn, direction);
				assert.deepEqual(
					records.map(({ bytes, payload }) => [bytes, payload.length]),
					[
						[20, 20],
						[31, 31],
						[6, 6],
					],
				);
				assert.equal(records[0]!.payload.readUInt16BE(0), 0x1603);
				assert.equal(run.records.filter((each) => each.kind === CAPTURE_CLOSE && each.conn === conn).length, 1);
			}
		});

		it('a file that contains HTTP text makes no records', async () => {
			const run = await runScenario(test, 'files');
			await runScenario(test, 'messages');
			assert.deepEqual(
				test.records.filter((each) => each.pid === run.pid),
				[],
			);
		});
	});
}

describe('a kernel without type information', () => {
	let test: TestCapture;
	before(() => {
		test = startCapture({ kernelTypes: false });
	});
	after(() => test.capture.close());

	it('a file that contains HTTP text is marked as unverified', async () => {
		const run = await runScenario(test, 'files', 'marked');
		const records = run.records.filter((each) => each.kind === CAPTURE_DATA);
		assert.ok(records.length > 0);
		assert.ok(records.every((each) => each.fd === run.said.file));
		const both = FLAG_UNVERIFIED | FLAG_MIDSTREAM;
		assert.ok(records.every((each) => (each.flags & both) === both));
	});

	it('a connection passed to another process is a different one there', async () => {
		const run = await runScenario(test, 'passed_later');
		const answer = test.records.find((each) => each.kind === CAPTURE_DATA && each.pid === run.said.child)!;
		assert.notEqual(answer.conn, run.conn('server'));
		assert.ok(answer.payload.toString().startsWith('HTTP/1.1 200'));
	});
});

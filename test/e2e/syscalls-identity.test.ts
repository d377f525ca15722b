// Which connection a descriptor is: reuse, copies, forks, other programs, ends.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { basename } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import {
	CAPTURE_CLOSE,
	CAPTURE_DATA,
	CAPTURE_OPEN,
	CAPTURE_PROCESS_EXEC,
	CAPTURE_PROCESS_EXIT,
	CAPTURE_SHARE,
	DIRECTION_IN as IN,
	DIRECTION_OUT as OUT,
	ROLE_ACCEPTED,
	ROLE_CONNECTED,
	ROLE_PAIR,
	SYSCALL_CLOSE,
	SYSCALL_CLOSE_RANGE,
	SYSCALL_DUP2,
	SYSCALL_EXECVE,
	SYSCALL_EXIT,
	SYSCALL_RECVMSG,
} from '../../decoder-as/assembly/wire/capture-event.ts';
import {
	ADDON,
	BPF_OBJECT,
	BPF_OBJECTS,
	followCapture,
	joinStream,
	runScenario,
	startCapture,
	type TestCapture,
} from '../../support/captured-records.ts';
import type { CapturedRecord } from '../../support/parsed-records.ts';

const REQUEST = 'GET /path HTTP/1.1\r\nHost: test\r\n\r\n';
const RESPONSE = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';

for (const objectPath of BPF_OBJECTS) {
	describe(`identity of connections (${basename(objectPath)})`, () => {
		let test: TestCapture;
		before(() => {
			test = startCapture({ objectPath });
		});
		after(() => test.capture.close());

		/** The calls by which a connection was closed. */
		const closes = (conn: number) =>
			test.records.filter((each) => each.kind === CAPTURE_CLOSE && each.conn === conn).map((each) => each.syscall);
		const stream = (conn: number, direction: number) =>
			joinStream(
				test.records.filter((each) => each.kind === CAPTURE_DATA && each.conn === conn && each.direction === direction),
			).toString();

		it('a reused descriptor number is another connection', async () => {
			const run = await runScenario(test, 'reused_descriptor');
			const opens = run.records.filter((each) => each.kind === CAPTURE_OPEN && each.fd === run.said.server);
			assert.equal(opens.length, 2);
			assert.notEqual(opens[0]!.conn, opens[1]!.conn);
			assert.deepEqual(closes(opens[0]!.conn), [SYSCALL_CLOSE]);
			assert.ok(stream(opens[1]!.conn, IN).startsWith('GET /next'));
		});

		it('the descriptor number of a file read many times becomes a connection', async () => {
			const run = await runScenario(test, 'file_then_connection');
			assert.equal(stream(run.conn('server'), OUT), RESPONSE);
			const opens = run.records.filter((each) => each.kind === CAPTURE_OPEN && each.fd === run.said.again);
			assert.equal(opens.length, 1);
			assert.ok(stream(opens[0]!.conn, IN).startsWith('GET /next'));
		});

		it('a duplicate is the same connection, which lasts as long as either descriptor', async () => {
			const run = await runScenario(test, 'dup_of_connection');
			const conn = run.conn('server');
			assert.equal(stream(conn, OUT), RESPONSE);
			assert.deepEqual(closes(conn), [SYSCALL_CLOSE]);
			const closed = run.records.findIndex((each) => each.kind === CAPTURE_CLOSE && each.conn === conn);
			const answered = run.records.findIndex((each) => each.conn === conn && each.direction === OUT);
			assert.ok(closed > answered);
		});

		it('dup2 over a connection ends it', async () => {
			const run = await runScenario(test, 'dup2_over');
			const over = run.records.find((each) => each.kind === CAPTURE_OPEN && each.fd === run.said.number)!.conn;
			assert.deepEqual(closes(over), [SYSCALL_DUP2]);
			assert.equal(stream(run.conn('server'), OUT), RESPONSE);
			assert.equal(stream(over, OUT), '');
		});

		it('dup3, F_DUPFD and F_DUPFD_CLOEXEC name the same connection', async () => {
			const run = await runScenario(test, 'duplicates');
			assert.equal(stream(run.conn('server'), OUT), RESPONSE);
			const shares = run.records.filter((each) => each.kind === CAPTURE_SHARE);
			assert.deepEqual(
				shares.map((each) => each.fd),
				[50, 60, 70],
			);
		});

		it('close_range closes the connections in its range', async () => {
			const run = await runScenario(test, 'close_range');
			assert.deepEqual(closes(run.conn('client')), [SYSCALL_CLOSE_RANGE]);
			assert.deepEqual(closes(run.conn('server')), [SYSCALL_CLOSE_RANGE]);
		});

		it('a child can answer on a connection that its parent accepted and closed', async () => {
			const run = await runScenario(test, 'forked');
			const conn = run.conn('server');
			assert.equal(stream(conn, OUT), RESPONSE);
			const answer = test.records.find((each) => each.conn === conn && each.direction === OUT)!;
			assert.equal(answer.pid, run.said.child);
			assert.ok(
				test.records.some((each) => each.kind === CAPTURE_SHARE && each.conn === conn && each.pid === run.said.child),
			);
			assert.deepEqual(closes(conn), [SYSCALL_EXIT]);
		});

		it('a child can read the first request of a connection that its parent has already closed', async () => {
			const run = await runScenario(test, 'forked_before_reading');
			const open = test.records.find((each) => each.kind === CAPTURE_OPEN && each.pid === run.said.child)!;
			assert.equal(open.role, ROLE_ACCEPTED);
			assert.notEqual(open.payload.readUInt16BE(2), 0);
			assert.equal(stream(open.conn, IN), REQUEST);
			assert.equal(stream(open.conn, OUT), RESPONSE);
		});

		it('connections passed to a worker are captured there, each time', async () => {
			const run = await runScenario(test, 'passed');
			const child = test.records.filter((each) => each.pid === run.said.child);
			const conns = [...new Set(child.filter((each) => each.kind === CAPTURE_DATA).map((each) => each.conn))];
			assert.equal(conns.length, 3);
			for (const conn of conns) assert.deepEqual([stream(conn, IN), stream(conn, OUT)], [REQUEST, RESPONSE]);
		});

		it('a connection passed on during an exchange stays one connection, and lasts as long as somebody holds it', async () => {
			const run = await runScenario(test, 'passed_between');
			const conn = run.conn('server');
			const ofConn = test.records.filter((each) => each.conn === conn);
			const data = ofConn.filter((each) => each.kind === CAPTURE_DATA);
			assert.deepEqual(
				data.map((each) => [each.direction, each.pid === run.said.child]),
				[
					[IN, false],
					[OUT, true],
					[IN, true],
					[OUT, false],
				],
			);
			assert.equal(stream(conn, IN), REQUEST + REQUEST);
			assert.equal(stream(conn, OUT), RESPONSE + RESPONSE);
			assert.deepEqual(closes(conn), [SYSCALL_CLOSE]);
			assert.equal(ofConn.at(-1)!.kind, CAPTURE_CLOSE);
			// No other connection appears in the child.
			const conns = test.records.filter((each) => each.kind === CAPTURE_OPEN && each.pid === run.said.child);
			assert.deepEqual(conns, []);
			const shares = ofConn.filter((each) => each.kind === CAPTURE_SHARE).map((each) => each.syscall);
			assert.deepEqual(shares, [SYSCALL_RECVMSG, SYSCALL_RECVMSG]);
		});

		it('a connection that another process fetches with pidfd_getfd stays one connection', async () => {
			const run = await runScenario(test, 'fetched');
			const conn = run.conn('server');
			assert.equal(stream(conn, IN), REQUEST + REQUEST);
			assert.equal(stream(conn, OUT), RESPONSE + RESPONSE);
			const answers = test.records.filter(
				(each) => each.kind === CAPTURE_DATA && each.conn === conn && each.direction === OUT,
			);
			assert.deepEqual(
				answers.map((each) => each.pid),
				[run.said.child, run.pid],
			);
			assert.deepEqual(closes(conn), [SYSCALL_CLOSE]);
		});

		it('a connection held only by a message is not closed', async () => {
			for (const scenario of ['passed_later', 'passed_in_many']) {
				const run = await runScenario(test, scenario);
				const conn = run.conn('server');
				const ofConn = test.records.filter((each) => each.conn === conn);
				assert.deepEqual(
					ofConn.map((each) => [each.kind, each.pid === run.said.child]),
					[
						[CAPTURE_OPEN, false],
						[CAPTURE_DATA, false],
						[CAPTURE_SHARE, true],
						[CAPTURE_DATA, true],
						[CAPTURE_CLOSE, true],
					],
					scenario,
				);
			}
		});

		it('a connection that ends in a message nobody receives does not affect others', async () => {
			const run = await runScenario(test, 'passed_to_nobody');
			assert.equal(stream(run.conn('server'), IN), REQUEST);
			assert.deepEqual(closes(run.conn('client')), [SYSCALL_CLOSE]);
		});

		it('execve closes descriptors marked close-on-exec, and the others continue under a new name', async () => {
			const run = await runScenario(test, 'executed');
			const of = (name: string) =>
				run.records.find((each) => each.kind === CAPTURE_OPEN && each.fd === run.said[name])!.conn;
			assert.deepEqual(closes(of('first')), [SYSCALL_EXECVE]);
			assert.deepEqual(closes(of('second')), [SYSCALL_EXIT]);
			assert.equal(stream(of('second'), OUT), 'HTTP/1.1 204 x\r\n\r\n');
			const executed = run.records.find((each) => each.kind === CAPTURE_PROCESS_EXEC)!;
			assert.equal(executed.comm, 'sh');
			assert.deepEqual(closes(run.conn('client')), [SYSCALL_EXIT]);
		});

		it('a killed process ends its connections', async () => {
			const run = await runScenario(test, 'killed');
			const child = () => test.records.filter((each) => each.pid === run.said.child);
			await test.until(
				() => (child().filter((each) => each.kind === CAPTURE_CLOSE).length === 2 ? true : undefined),
				'closes of the killed process',
			);
			const end = child().findIndex((each) => each.kind === CAPTURE_PROCESS_EXIT);
			const ends = child()
				.filter((each) => each.kind === CAPTURE_CLOSE)
				.map((each) => each.syscall);
			assert.ok(end >= 0);
			assert.deepEqual(ends, [SYSCALL_EXIT, SYSCALL_EXIT]);
		});

		it('a descriptor with a high number is like any other', async () => {
			const run = await runScenario(test, 'high_descriptor');
			assert.equal(stream(run.conn('high'), IN), REQUEST);
			assert.deepEqual(closes(run.conn('high')), [SYSCALL_EXIT]);
		});

		for (const end of ['exit', 'exec', 'unshare']) {
			it(`two processes with one descriptor table see the same connections, until one does ${end}`, async () => {
				const run = await runScenario(test, 'shared_table', end);
				assert.equal(run.said.reused, 1);
				const both = test.records.filter((each) => each.pid === run.pid || each.pid === run.said.child);
				const opens = both.filter((each) => each.kind === CAPTURE_OPEN && each.fd === run.said.server);
				assert.equal(opens.length, 3);
				for (const [turn, { conn }] of opens.entries()) {
					assert.equal(stream(conn, IN), `GET /${turn} HTTP/1.1\r\nHost: a\r\n\r\n`);
					assert.equal(stream(conn, OUT), RESPONSE);
					// Closed once, by whichever process closed it last.
					const closed = test.records.filter((each) => each.kind === CAPTURE_CLOSE && each.conn === conn);
					assert.deepEqual(
						closed.map((each) => [each.pid, each.syscall]),
						[[turn === 2 ? run.pid : run.said.child, SYSCALL_CLOSE]],
					);
				}
			});
		}

		it('rapidly reused numbers never mix two connections', async () => {
			const run = await runScenario(test, 'rapid_reuse');
			const byConn = new Map<number, CapturedRecord[]>();
			for (const each of run.records.filter((record) => record.conn !== 0))
				byConn.set(each.conn, [...(byConn.get(each.conn) ?? []), each]);
			assert.equal(byConn.size, 2 * run.said.connections!);
			for (const [conn, records] of byConn) {
				const paths = records.flatMap((each) => /\/[01]\/\d{5}/.exec(each.payload.toString())?.[0] ?? []);
				assert.equal(new Set(paths).size, 1, `connection ${conn} carries ${paths}`);
				assert.equal(paths.length, 2);
				assert.equal(records.filter((each) => each.kind === CAPTURE_CLOSE).length, 1);
				assert.equal(records[0]!.kind, CAPTURE_OPEN);
				assert.equal(records.at(-1)!.kind, CAPTURE_CLOSE);
			}
		});

		it('the offsets of two threads writing to one socket do not overlap', async () => {
			const run = await runScenario(test, 'two_writers');
			assert.equal(joinStream(run.data(run.conn('server'), OUT)).length, 400 * (40 + 100));
		});

		it('bytes that a blocked read receives after the close make no new connection', async () => {
			const run = await runScenario(test, 'late_read');
			assert.equal(run.said.read, REQUEST.length);
			const conns = new Set(run.records.filter((each) => each.conn !== 0).map((each) => each.conn));
			assert.equal(conns.size, 2);
			assert.equal(stream(run.conn('server'), IN), REQUEST);
		});

		it("a connection that becomes another program's standard input stays the same", async () => {
			const run = await runScenario(test, 'inetd');
			const ofChild = test.records.filter((each) => each.pid === run.said.child && each.kind === CAPTURE_DATA);
			assert.equal(new Set(ofChild.map((each) => each.conn)).size, 1);
			const conn = ofChild[0]!.conn;
			assert.equal(stream(conn, OUT), 'HTTP/1.1 204 x\r\n\r\n');
			assert.ok(stream(conn, IN).startsWith('GET /path HTTP/1.1\r\n'));
			assert.deepEqual(closes(conn), [SYSCALL_EXIT]);
		});

		it('two successive processes with the same id have separate connections', async () => {
			const run = await runScenario(test, 'same_pid');
			assert.equal(run.said.first, run.said.second);
			const of = (kind: number) => test.records.filter((each) => each.pid === run.said.first && each.kind === kind);
			await test.until(() => (of(CAPTURE_CLOSE).length === 4 ? true : undefined), 'four closes');
			const conns = [...new Set(of(CAPTURE_DATA).map((each) => each.conn))];
			assert.deepEqual(conns.map((conn) => /round\d/.exec(stream(conn, IN) + stream(conn, OUT))![0]).sort(), [
				'round0',
				'round0',
				'round1',
				'round1',
			]);
			for (const conn of conns) assert.deepEqual(closes(conn), [SYSCALL_EXIT]);
		});

		it('MPTCP is a stream like any other', async () => {
			const run = await runScenario(test, 'multipath');
			assert.equal(stream(run.conn('client'), OUT), REQUEST);
			assert.equal(stream(run.conn('server'), IN), REQUEST);
			assert.equal(ports(run.records, run.conn('server'))[1], run.said.port);
		});

		it('the same addresses in two network namespaces are two connections', async () => {
			const run = await runScenario(test, 'network_namespaces');
			for (const [which, pid] of [run.said.first, run.said.second].entries()) {
				const of = (kind: number) => test.records.filter((each) => each.pid === pid && each.kind === kind);
				await test.until(() => (of(CAPTURE_CLOSE).length === 2 ? true : undefined), 'both closes');
				assert.deepEqual(
					of(CAPTURE_DATA).map((each) => [each.direction, /space\d|HTTP/.exec(each.payload.toString())![0]]),
					[
						[OUT, `space${which}`],
						[IN, `space${which}`],
						[OUT, 'HTTP'],
						[IN, 'HTTP'],
					],
				);
				assert.deepEqual(
					of(CAPTURE_OPEN).map((each) => [each.payload.readUInt16BE(2), each.payload.readUInt16BE(30)]),
					[
						[8080, 9090],
						[9090, 8080],
					],
				);
			}
		});

		it('a link-local address includes the interface', async () => {
			const run = await runScenario(test, 'link_local');
			for (const name of ['client', 'server']) {
				const open = run.records.find((each) => each.kind === CAPTURE_OPEN && each.conn === run.conn(name))!;
				assert.deepEqual([open.payload.readUInt32LE(24), open.payload.readUInt32LE(52)], [1, 1]);
			}
		});

		it('closing a descriptor that is not open ends nothing', async () => {
			const run = await runScenario(test, 'close_unknown');
			assert.deepEqual(closes(run.conn('server')), [SYSCALL_CLOSE]);
		});

		it('socketpairs and unix sockets are captured', async () => {
			const run = await runScenario(test, 'pairs');
			const open = (name: string) =>
				run.records.find((each) => each.kind === CAPTURE_OPEN && each.fd === run.said[name])!;
			assert.deepEqual([open('one').role, open('one').family], [ROLE_PAIR, 1]);
			assert.deepEqual([open('client').role, open('client').family], [ROLE_CONNECTED, 1]);
			assert.equal(stream(open('two').conn, IN), REQUEST);
			assert.equal(stream(open('server').conn, IN), REQUEST);
		});

		/** Family, peer's port and local port from the last OPEN record. */
		const ports = (records: readonly CapturedRecord[], conn: number) => {
			const open = records.filter((each) => each.kind === CAPTURE_OPEN && each.conn === conn).at(-1)!;
			return [open.payload.readUInt16LE(0), open.payload.readUInt16BE(2), open.payload.readUInt16BE(30)];
		};

		it('a non-blocking connect has both addresses, and a refused one makes no connection', async () => {
			const run = await runScenario(test, 'connect_later');
			assert.deepEqual([run.said.in_progress, run.said.refused], [115, 111]);
			assert.deepEqual(ports(run.records, run.conn('client')), [2, run.said.listening, run.said.port]);
			assert.equal(new Set(run.records.filter((each) => each.conn !== 0).map((each) => each.conn)).size, 2);
		});

		it('accept with NULL still has both addresses', async () => {
			const run = await runScenario(test, 'accept_plain');
			assert.deepEqual(ports(run.records, run.conn('server')), [2, run.said.port, run.said.listening]);
		});

		it('IPv6 connections have both addresses', async () => {
			const run = await runScenario(test, 'six');
			assert.equal(ports(run.records, run.conn('server'))[0], 10);
			assert.equal(ports(run.records, run.conn('server'))[1], run.said.port);
			assert.equal(ports(run.records, run.conn('client'))[2], run.said.port);
		});
	});
}

describe('what existed before the capture', () => {
	const program = `
import socket, sys, os
listening = socket.socket(); listening.bind(("127.0.0.1", 0)); listening.listen()
client = socket.create_connection(listening.getsockname()); server, _ = listening.accept()
idle = socket.create_connection(listening.getsockname()); other, _ = listening.accept()
child = os.fork()
if child == 0:
    assert server.recv(1000)
    server.sendall(b"${RESPONSE.replaceAll('\r\n', '\\r\\n')}")
    assert other.recv(1000)
    os._exit(0)
print(client.fileno(), child, flush=True)
sys.stdin.read(1)
client.sendall(b"${REQUEST.replaceAll('\r\n', '\\r\\n')}")
client.recv(1000)
idle.sendall(b"middle of a body")
os.wait()
`;

	/** Starts the program; its pids distinguish its records from those of other programs. */
	async function startBefore() {
		const child = spawn('python3', ['-c', program], { stdio: ['pipe', 'pipe', 'inherit'] });
		const line = await new Promise<string>((resolve) => createInterface(child.stdout).once('line', resolve));
		const [fd, second] = line.split(' ').map(Number);
		return { child, fd: fd!, pids: new Set([child.pid!, second!]) };
	}

	it('a call that was blocked when capture began is seen', async () => {
		const { child, fd, pids } = await startBefore();
		const test = startCapture();
		try {
			child.stdin.end('x');
			await new Promise((resolve) => child.on('exit', resolve));
			await test.until(
				(records) => records.find((each) => each.kind === CAPTURE_PROCESS_EXIT && each.pid === child.pid),
				'the end of the program',
			);
			const records = test.records.filter((each) => pids.has(each.pid));
			const sent = records.find((each) => each.kind === CAPTURE_DATA && each.fd === fd && each.direction === OUT)!;
			assert.equal(sent.payload.toString(), REQUEST);
			const received = records.find(
				(each) => each.kind === CAPTURE_DATA && each.direction === IN && each.pid !== child.pid,
			)!;
			assert.equal(received.payload.toString(), REQUEST);
			assert.equal(records.filter((each) => each.kind === CAPTURE_DATA).length, 4);
		} finally {
			test.capture.close();
		}
	});

	it('sockets learned beforehand have their addresses, and are one connection in all processes', async () => {
		const { child, fd, pids } = await startBefore();
		const capture = ADDON.openCapture({ objectPath: BPF_OBJECT });
		assert.ok(capture.learnSockets() >= 10);
		const test = followCapture(capture, capture.attach());
		try {
			child.stdin.end('x');
			await new Promise((resolve) => child.on('exit', resolve));
			await test.until(
				(records) => records.find((each) => each.kind === CAPTURE_PROCESS_EXIT && each.pid === child.pid),
				'the end of the program',
			);
			const records = test.records.filter((each) => pids.has(each.pid));
			const opens = records.filter((each) => each.kind === CAPTURE_OPEN);
			assert.equal(opens.length, 2);
			const [client, server] = [opens.find((each) => each.fd === fd)!, opens.find((each) => each.fd !== fd)!];
			// The client's peer address is the server's local address, and vice versa.
			assert.equal(client.payload.readUInt16LE(0), 2);
			assert.deepEqual(client.payload.subarray(0, 28), server.payload.subarray(28));
			assert.deepEqual(client.payload.subarray(28), server.payload.subarray(0, 28));
			// The parent exits last; until then the connection that the child used stays open.
			const closed = records.find((each) => each.kind === CAPTURE_CLOSE && each.conn === server.conn);
			assert.equal(closed!.pid, child.pid);
			assert.equal(records.filter((each) => each.kind === CAPTURE_CLOSE).length, 2);
		} finally {
			test.capture.close();
		}
	});

	it('learning sockets does not overwrite what is known about a descriptor', async () => {
		const { child, fd, pids } = await startBefore();
		const capture = ADDON.openCapture({ objectPath: BPF_OBJECT });
		capture.setDescriptor(child.pid!, fd, false, false, 0);
		capture.learnSockets();
		const test = followCapture(capture, capture.attach());
		try {
			child.stdin.end('x');
			await new Promise((resolve) => child.on('exit', resolve));
			await test.until(
				(records) => records.find((each) => each.kind === CAPTURE_CLOSE && pids.has(each.pid)),
				'the end of the program',
			);
			assert.ok(!test.records.some((each) => pids.has(each.pid) && each.fd === fd));
		} finally {
			test.capture.close();
		}
	});
});

// What can be changed while a capture runs: filters, pausing, skipped bodies, verdicts on descriptors; and what happens
// if the ring is full.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
	BLIND_SPOT_32BIT,
	BLIND_SPOT_IO_URING,
	CAPTURE_BLIND_SPOT,
	CAPTURE_CLOSE,
	CAPTURE_DATA,
	CAPTURE_EVENT_HEADER_BYTES,
	CAPTURE_OPEN,
	FLAG_CUT_BODY_LIMIT,
	FLAG_UNVERIFIED,
	DIRECTION_IN as IN,
	LOSS_EXCLUDED,
	LOSS_MAP_FULL,
	LOSS_RING_FULL,
	DIRECTION_OUT as OUT,
} from '../../decoder-as/assembly/wire/capture-event.ts';
import type { PortRange } from '../../src/capture/capture-settings.ts';
import { setFilter } from '../../src/capture/native-addon.ts';
import {
	ADDON,
	BPF_OBJECT,
	followCapture,
	joinStream,
	runScenario,
	startCapture,
	type TestCapture,
} from '../../support/captured-records.ts';
import { temporaryDirectory } from '../../support/servers.ts';

/** A program that does something for each line it reads, and answers with a line. */
type Puppet = {
	readonly pid: number;
	readonly tell: (line: string) => Promise<string>;
	readonly end: () => Promise<void>;
};

const PUPPET = `
import os, socket, sys
REQUEST = b"GET /path HTTP/1.1\\r\\nHost: test\\r\\n\\r\\n"
def pair():
    global client, server
    listening = socket.socket(); listening.bind(("127.0.0.1", 0)); listening.listen()
    client = socket.create_connection(listening.getsockname()); server, _ = listening.accept()
    return listening.getsockname()[1]
def ask():
    client.sendall(REQUEST); return len(server.recv(1000))
pair()
print(os.getpid(), flush=True)
for line in sys.stdin:
    print(eval(line), flush=True)
`;

const puppets = new Set<ChildProcess>();
// After a failure some are still running, and would keep this process alive.
after(() => {
	for (const child of puppets) child.kill('SIGKILL');
});

async function startPuppet(): Promise<Puppet> {
	const child: ChildProcess = spawn('python3', ['-c', PUPPET], { stdio: ['pipe', 'pipe', 'inherit'] });
	puppets.add(child);
	const lines: string[] = [];
	const waiting: ((line: string) => void)[] = [];
	let rest = '';
	child.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
		rest += chunk;
		const whole = rest.split('\n');
		rest = whole.pop()!;
		lines.push(...whole);
		while (lines.length > 0 && waiting.length > 0) waiting.shift()!(lines.shift()!);
	});
	const nextLine = () =>
		new Promise<string>((resolve) => (lines.length > 0 ? resolve(lines.shift()!) : waiting.push(resolve)));
	await nextLine();
	return {
		pid: child.pid!,
		tell: (line) => {
			child.stdin!.write(`${line}\n`);
			return nextLine();
		},
		end: async () => {
			const gone = new Promise((resolve) => child.on('exit', resolve));
			child.stdin!.end();
			await gone;
		},
	};
}

/** The number of requests sent by process `pid` so far. Waits for a later record, so that none is still in the ring. */
async function requestsIn(test: TestCapture, pid: number): Promise<number> {
	setFilter(test.capture, {});
	await runScenario(test, 'messages');
	return test.records.filter((each) => each.kind === CAPTURE_DATA && each.pid === pid && each.direction === OUT).length;
}

describe('controls of a capture', () => {
	let test: TestCapture;
	before(() => {
		test = startCapture();
	});
	after(() => test.capture.close());

	const requestsOf = (pid: number) => requestsIn(test, pid);

	it('a filter by process includes children, and can be removed', async () => {
		const [one, two] = [await startPuppet(), await startPuppet()];
		setFilter(test.capture, { pids: [one.pid] });
		for (const puppet of [one, two]) assert.equal(await puppet.tell('ask()'), '34');
		const child = Number(await one.tell('[os.fork(), ask()][0] or os._exit(0)'));
		await one.tell('os.waitpid(-1, 0)');
		assert.equal(await requestsOf(two.pid), 0);
		assert.ok((await requestsOf(one.pid)) >= 1);
		const ofChild = test.records.filter((each) => each.pid === child && each.kind === CAPTURE_DATA);
		assert.ok(ofChild.length > 0);
		const excluded = test.capture.counters()[LOSS_EXCLUDED * 2 + 1]!;
		assert.ok(excluded >= 68);
		// Without a filter, the ignored connection is captured from here on, at its true offset.
		await two.tell('ask()');
		assert.equal(await requestsOf(two.pid), 1);
		await Promise.all([one.end(), two.end()]);
	});

	it('a filter by process includes existing children, and a change of ports keeps the new ones', async () => {
		const puppet = await startPuppet();
		await puppet.tell('[globals().update(go=os.pipe(), done=os.pipe()), 0][1]');
		const child = Number(
			await puppet.tell('os.fork() or (os.read(go[0], 1), ask(), os.write(done[1], b"x"), os._exit(0))'),
		);
		setFilter(test.capture, { pids: [puppet.pid] });
		const port = Number(await puppet.tell('client.getpeername()[1]'));
		const later = Number(
			await puppet.tell('os.fork() or (os.read(go[0], 1), ask(), os.write(done[1], b"x"), os._exit(0))'),
		);
		setFilter(test.capture, { pids: [puppet.pid], ports: [{ first: port, last: port }] });
		for (let i = 0; i < 2; i++) await puppet.tell('[os.write(go[1], b"x"), os.read(done[0], 1)][0]');
		await requestsOf(puppet.pid);
		for (const pid of [child, later])
			assert.equal(test.records.filter((each) => each.pid === pid && each.kind === CAPTURE_DATA).length, 2);
		await puppet.end();
	});

	it('a filter by name follows execve', async () => {
		const puppet = await startPuppet();
		setFilter(test.capture, { comms: ['tap-named'], commPids: [] });
		const directory = temporaryDirectory();
		const script = join(directory.path, 'tap-named');
		writeFileSync(script, `#!/bin/sh\nprintf 'HTTP/1.1 204 x\\r\\n\\r\\n' >&$1\n`);
		chmodSync(script, 0o755);
		await puppet.tell('[ask(), os.set_inheritable(server.fileno(), True)]');
		await puppet.tell(`os.system("sh -c 'exec ${script} " + str(server.fileno()) + "'")`);
		await puppet.tell('len(client.recv(100))');
		await requestsOf(puppet.pid);
		const named = test.records.filter((each) => each.kind === CAPTURE_DATA && each.payload.includes('204 x'));
		assert.deepEqual(
			named.map((each) => each.comm),
			['tap-named'],
		);
		assert.equal(await requestsOf(puppet.pid), 0);
		await puppet.end();
		directory.remove();
	});

	it('a filter by port matches either end, and can be changed', async () => {
		const [one, two] = [await startPuppet(), await startPuppet()];
		const port = Number(await one.tell('pair()'));
		setFilter(test.capture, { ports: [{ first: port, last: port }] });
		await one.tell('ask()');
		await two.tell('[pair(), ask()]');
		const seen = () => test.records.filter((each) => each.kind === CAPTURE_DATA && each.pid === one.pid);
		assert.equal(await requestsOf(two.pid), 0);
		assert.deepEqual(
			seen().map((each) => each.direction),
			[OUT, IN],
		);
		await two.tell('ask()');
		assert.equal(await requestsOf(two.pid), 1);
		const [late] = test.records.filter(
			(each) => each.kind === CAPTURE_DATA && each.pid === two.pid && each.direction === OUT,
		);
		assert.equal(late!.offset, 34);
		await Promise.all([one.end(), two.end()]);
	});

	it('a filter by port takes ranges and lists, and matches their bounds but nothing outside', async () => {
		const puppets = [await startPuppet(), await startPuppet(), await startPuppet()];
		const ports = await Promise.all(puppets.map(async (each) => Number(await each.tell('pair()'))));
		const [low, , high] = [...ports].sort((a, b) => a - b) as [number, number, number];
		const own = async (index: number) => Number(await puppets[index]!.tell('client.getsockname()[1]'));
		// A client's port may also be in a range, and then its connection passes.
		const clients = await Promise.all([own(0), own(1), own(2)]);
		const passes = (ranges: readonly PortRange[], index: number) =>
			[ports[index]!, clients[index]!].some((port) => ranges.some(({ first, last }) => first <= port && port <= last));
		const single = (port: number) => ({ first: port, last: port });
		const filters: PortRange[][] = [
			[{ first: low, last: high }],
			[single(low), single(high)],
			[{ first: low + 1, last: high - 1 }],
			[
				{ first: 1, last: low - 1 },
				{ first: high + 1, last: 65535 },
			],
			[{ first: 1, last: 65535 }],
			[single(1)],
		];
		let asked = test.records.length;
		for (const ranges of filters) {
			setFilter(test.capture, { ports: ranges });
			for (const puppet of puppets) await puppet.tell('ask()');
			await requestsOf(puppets[0]!.pid);
			const seen = test.records.slice(asked);
			asked = test.records.length;
			assert.deepEqual(
				puppets.map(({ pid }) => seen.some((each) => each.kind === CAPTURE_DATA && each.pid === pid)),
				puppets.map((_, index) => passes(ranges, index)),
				JSON.stringify({ ranges, ports, clients }),
			);
		}
		await Promise.all(puppets.map((each) => each.end()));
	});

	it('a filter with more entries than the kernel checks is refused as a whole', async () => {
		const puppet = await startPuppet();
		const names = Array.from({ length: 9 }, (_, each) => `name${each}`);
		assert.throws(() => setFilter(test.capture, { comms: names }), /expected number of names from 0 to 8, got 9/);
		assert.throws(() => setFilter(test.capture, { ports: [{ first: 9, last: 8 }] }), RangeError);
		// Bypasses the checks in JavaScript.
		for (const comms of [names, ['n'.repeat(256)]]) {
			assert.throws(() => test.capture.setFilter(2, [], comms, [], []), {
				code: 'ERR_FILTER',
				message: /at most/,
			});
		}
		const cgroups = Array.from({ length: 9 }, (_, each) => BigInt(each));
		assert.throws(() => setFilter(test.capture, { cgroups }), /expected number of cgroups from 0 to 8, got 9/);
		assert.throws(() => test.capture.setFilter(0, [], [], [], cgroups), {
			code: 'ERR_FILTER',
			message: /at most 8 cgroups/,
		});
		await puppet.tell('ask()');
		assert.equal(await requestsOf(puppet.pid), 1);
		await puppet.end();
	});

	it('a filter by port knows the ports of connections opened unseen, and excludes unix sockets', async () => {
		const puppet = await startPuppet();
		// The connection was opened and accepted before that capture began.
		const late = startCapture();
		try {
			const port = Number(await puppet.tell('client.getpeername()[1]'));
			const own = Number(await puppet.tell('client.getsockname()[1]'));
			const other = await startPuppet();
			setFilter(late.capture, { ports: [{ first: port, last: port }] });
			// Discard records of other programs from before.
			late.drain();
			late.records.length = 0;
			await puppet.tell('client.send(REQUEST)');
			await puppet.tell('len(server.recv(1000))');
			await other.tell('ask()');
			await other.tell(
				'[globals().update(ends=socket.socketpair()), ends[0].send(REQUEST), len(ends[1].recv(100))][2]',
			);
			await puppet.tell('client.send(REQUEST)');
			await late.until(
				(records) => (records.filter((each) => each.pid === puppet.pid).length >= 5 ? true : undefined),
				'the second request',
			);
			const opens = late.records.filter((each) => each.kind === CAPTURE_OPEN);
			assert.deepEqual(
				opens.map((each) => [each.pid, each.payload.readUInt16BE(2), each.payload.readUInt16BE(30)]),
				[
					[puppet.pid, port, own],
					[puppet.pid, own, port],
				],
			);
			assert.ok(late.records.every((each) => each.pid === puppet.pid));
			await other.end();
		} finally {
			late.capture.close();
			await puppet.end();
		}
	});

	it('nothing is captured while paused', async () => {
		const puppet = await startPuppet();
		test.capture.setPaused(true);
		await puppet.tell('ask()');
		test.capture.setPaused(false);
		assert.equal(await requestsOf(puppet.pid), 0);
		await puppet.tell('ask()');
		assert.equal(await requestsOf(puppet.pid), 1);
		await puppet.end();
	});

	it('bytes sent on a known connection while paused leave a hole of known size', async () => {
		const puppet = await startPuppet();
		await puppet.tell('ask()');
		test.capture.setPaused(true);
		await puppet.tell('[server.sendall(b"x" * 1000), client.recv(1000)][0]');
		await puppet.tell('ask()');
		test.capture.setPaused(false);
		await puppet.tell('ask()');
		await requestsOf(puppet.pid);
		const sent = test.records.filter((each) => each.pid === puppet.pid && each.direction === OUT);
		assert.deepEqual(
			sent.map((each) => each.offset),
			[0, 68],
		);
		assert.equal(sent[0]!.conn, sent[1]!.conn);
		await puppet.tell('server.send(b"HTTP/1.1 200 OK\\r\\n")');
		await requestsOf(puppet.pid);
		assert.equal(test.records.findLast((each) => each.pid === puppet.pid)!.offset, 1000);
		await puppet.end();
	});

	it('unwanted body bytes are counted and not copied, up to the exact byte', async () => {
		const puppet = await startPuppet();
		await puppet.tell('ask()');
		await puppet.tell(`server.send(b"HTTP/1.1 200 OK\\r\\nContent-Length: 30000\\r\\n\\r\\n" + b"a" * 1000)`);
		await requestsOf(puppet.pid);
		const first = test.records.find((each) => each.pid === puppet.pid && each.payload.includes('Content-Length'))!;
		const end = first.bytes + 29_000;
		test.capture.setSkip(first.conn, OUT, end);
		await puppet.tell(`os.writev(server.fileno(), [b"b" * 10000, b"c" * 10000])`);
		await puppet.tell(
			`os.writev(server.fileno(), [b"d" * 8000, b"e" * 1000 + b"HTTP/1.1 201 ", b"Created\\r\\n\\r\\n"])`,
		);
		await requestsOf(puppet.pid);
		const sent = test.records.filter((each) => each.conn === first.conn && each.direction === OUT);
		assert.deepEqual(
			sent.slice(1).map((each) => [each.offset, each.bytes, each.payload.toString(), each.flags & FLAG_CUT_BODY_LIMIT]),
			[
				[first.bytes, 20_000, '', FLAG_CUT_BODY_LIMIT],
				[first.bytes + 20_000, 9_000, '', FLAG_CUT_BODY_LIMIT],
				[end, 24, 'HTTP/1.1 201 Created\r\n\r\n', 0],
			],
		);
		await puppet.end();
	});

	it('programs that avoid the tracepoints are named', async () => {
		const puppet = await startPuppet();
		const directory = temporaryDirectory();
		const program = join(directory.path, 'small32');
		writeFileSync(program, exit32());
		chmodSync(program, 0o755);
		const pid = Number(await puppet.tell(`[os.spawnv(os.P_NOWAIT, ${JSON.stringify(program)}, ["small32"])][0]`));
		assert.equal(await puppet.tell('os.waitpid(-1, 0)[1] >> 8'), '7');
		await puppet.tell('[__import__("ctypes").CDLL(None).syscall(425, 4, b"\\0" * 120)][0]');
		await requestsOf(puppet.pid);
		const told = test.records.filter((each) => each.kind === CAPTURE_BLIND_SPOT);
		assert.ok(told.some((each) => each.pid === pid && each.callBytes === BLIND_SPOT_32BIT && each.comm === 'small32'));
		assert.ok(told.some((each) => each.pid === puppet.pid && each.callBytes === BLIND_SPOT_IO_URING));
		await puppet.end();
		directory.remove();
	});
});

describe('a kernel without type information', () => {
	it('a descriptor reported to be no socket is ignored, and one reported to be a socket loses its mark', async () => {
		const test = startCapture({ kernelTypes: false });
		const requestsOf = (pid: number) => requestsIn(test, pid);
		const puppet = await startPuppet();
		// Descriptors 40 and 41 are unknown to the capture, so it cannot know whether they are sockets.
		await puppet.tell('[globals().update(keep=[open("/dev/null", "w") for _ in range(40)]), 0][1]');
		await puppet.tell('os.write(keep[38].fileno(), REQUEST)');
		await requestsOf(puppet.pid);
		const [written] = test.records.filter((each) => each.pid === puppet.pid && each.kind === CAPTURE_DATA);
		assert.ok(written!.flags & FLAG_UNVERIFIED);
		test.capture.confirmSocket(written!.conn);
		await puppet.tell('os.write(keep[38].fileno(), REQUEST)');
		await requestsOf(puppet.pid);
		const again = test.records.filter((each) => each.conn === written!.conn && each.kind === CAPTURE_DATA);
		assert.deepEqual(
			again.map((each) => each.flags & FLAG_UNVERIFIED),
			[FLAG_UNVERIFIED, 0],
		);
		test.capture.dismiss(written!.conn);
		await puppet.tell('os.write(keep[38].fileno(), REQUEST)');
		await puppet.tell('keep[38].close()');
		await requestsOf(puppet.pid);
		assert.equal(test.records.filter((each) => each.conn === written!.conn && each.kind === CAPTURE_DATA).length, 2);
		assert.equal(test.records.filter((each) => each.conn === written!.conn && each.kind === CAPTURE_CLOSE).length, 0);
		await puppet.end();
		test.capture.close();
	});
});

describe('a full table of connections', () => {
	it('is counted, and has room again after connections are closed', async () => {
		const test = startCapture({ connections: 64 });
		try {
			const run = await runScenario(test, 'many_idle', '200');
			const [events] = test.capture.counters().slice(LOSS_MAP_FULL * 2);
			// 200 connections have two ends each; other programs have some, too.
			assert.ok(events! >= 400 - 64, `${events} were counted`);
			assert.equal(run.data(run.conn('client'), OUT).length, 1);
			assert.equal(run.data(run.conn('server'), IN).length, 1);
			assert.equal(run.records.filter((each) => each.kind === CAPTURE_OPEN).length, 2);
		} finally {
			test.capture.close();
		}
	});
});

describe('a full table of processes', () => {
	it('is counted', async () => {
		const test = startCapture({ processes: 1 });
		const first = await startPuppet();
		const second = await startPuppet();
		try {
			for (const puppet of [first, second]) await puppet.tell('ask()');
			await test.until(
				() => (test.capture.counters()[LOSS_MAP_FULL * 2]! > 0 ? true : undefined),
				'a count of the process for which there was no room',
			);
		} finally {
			await first.end();
			await second.end();
			test.capture.close();
		}
	});
});

describe('more connections before the capture than the table holds', () => {
	it('do not prevent the capture; they are found when they are used', async () => {
		const puppet = await startPuppet();
		const count = await puppet.tell(
			'len(many := [[listening := socket.socket(), listening.bind(("127.0.0.1", 0)), listening.listen(), socket.create_connection(listening.getsockname()), listening.accept()] for _ in range(100)])',
		);
		assert.equal(count, '100');
		const capture = ADDON.openCapture({ objectPath: BPF_OBJECT, connections: 128 });
		capture.learnSockets();
		const test = followCapture(capture, capture.attach());
		try {
			assert.equal(await puppet.tell('many[99][3].sendall(REQUEST)'), 'None');
			const sent = await test.until(
				(records) => records.find((each) => each.kind === CAPTURE_DATA && each.pid === puppet.pid),
				'a request on the last of them',
			);
			assert.equal(sent.callBytes, 34);
		} finally {
			await puppet.end();
			test.capture.close();
		}
	});
});

describe('a full ring', () => {
	it('drops whole records and counts them; offsets show how much is missing, and later records are complete', async () => {
		const test = startCapture({ ringBytes: 65536 });
		try {
			const puppet = await startPuppet();
			// The counters include losses of other processes, so capture only this one.
			setFilter(test.capture, { pids: [puppet.pid] });
			test.drain();
			const lostBefore = test.capture.counters();
			await puppet.tell('ask()');
			test.drain();
			// 2 MB into a ring of 64 KiB that nobody reads.
			await puppet.tell(
				'[client.setblocking(False), server.send(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2000000\\r\\n\\r\\n")][1]',
			);
			for (let i = 0; i < 20; i++) await puppet.tell('[server.send(b"x" * 100000), len(client.recv(100000))][0]');
			test.drain();
			const lost = test.capture.counters();
			assert.ok(lost[LOSS_RING_FULL * 2]! > lostBefore[LOSS_RING_FULL * 2]!);
			await puppet.tell('server.send(b"HTTP/1.1 204 No Content\\r\\n\\r\\n")');
			await puppet.end();
			await test.until(
				(records) => records.find((each) => each.kind === CAPTURE_CLOSE && each.pid === puppet.pid),
				'the close',
			);
			const sent = test.records.filter((each) => each.pid === puppet.pid && each.kind === CAPTURE_DATA);
			const seen = sent.reduce((sum, each) => sum + each.bytes, 0);
			const closes = test.records.filter((each) => each.kind === CAPTURE_CLOSE && each.pid === puppet.pid);
			const reached = closes.reduce(
				(sum, each) => sum + Number(each.payload.readBigUInt64LE(56) + each.payload.readBigUInt64LE(64)),
				0,
			);
			const lostBytes = test.capture.counters()[LOSS_RING_FULL * 2 + 1]! - lostBefore[LOSS_RING_FULL * 2 + 1]!;
			assert.equal(seen + lostBytes, reached);
			const last = sent.filter((each) => each.direction === OUT).at(-1)!;
			assert.equal(last.payload.toString(), 'HTTP/1.1 204 No Content\r\n\r\n');
			assert.equal(last.offset, 44 + 2_000_000);
			assert.throws(() => joinStream(sent.filter((each) => each.conn === last.conn && each.direction === OUT)), /hole/);
			assert.ok(CAPTURE_EVENT_HEADER_BYTES < 128);
		} finally {
			test.capture.close();
		}
	});
});

/** A 32-bit ELF program: exit(7). */
function exit32(): Buffer {
	const code = Buffer.from([0xb8, 1, 0, 0, 0, 0xbb, 7, 0, 0, 0, 0xcd, 0x80]);
	const file = Buffer.alloc(84 + code.length);
	file.write('\x7fELF\x01\x01\x01', 'latin1');
	// ET_EXEC, EM_386, version, entry, program headers at 52.
	file.writeUInt16LE(2, 16);
	file.writeUInt16LE(3, 18);
	file.writeUInt32LE(1, 20);
	file.writeUInt32LE(0x08048000 + 84, 24);
	file.writeUInt32LE(52, 28);
	file.writeUInt16LE(52, 40);
	file.writeUInt16LE(32, 42);
	file.writeUInt16LE(1, 44);
	// PT_LOAD of the whole file, readable and executable.
	for (const [at, value] of [
		[52, 1],
		[60, 0x08048000],
		[64, 0x08048000],
		[68, file.length],
		[72, file.length],
		[76, 5],
		[80, 0x1000],
	] as const)
		file.writeUInt32LE(value, at);
	code.copy(file, 84);
	return file;
}

// The addon itself: loading, attaching, its errors, several captures at once, workers, and what remains afterwards.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, connect as dial } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import {
	CAPTURE_DATA,
	DIRECTION_IN as IN,
	DIRECTION_OUT as OUT,
} from '../../decoder-as/assembly/wire/capture-event.ts';
import type { CaptureSettings } from '../../src/capture/capture-settings.ts';
import { kernelSource } from '../../src/capture/kernel-source.ts';
import { preflight } from '../../src/capture/preflight.ts';
import {
	ADDON,
	ADDON_FILE,
	BPF_OBJECT,
	BPF_OBJECTS,
	followCapture,
	joinStream,
	runScenario,
	startCapture,
} from '../../support/captured-records.ts';
import { eventually } from '../../support/eventually.ts';
import { parseRecords } from '../../support/parsed-records.ts';
import { temporaryDirectory } from '../../support/servers.ts';

/** Ids of the BPF programs that this process holds. */
function ourPrograms(): number[] {
	const ids = new Set<number>();
	for (const fd of readdirSync('/proc/self/fdinfo')) {
		// The directory's own descriptor is already closed.
		const info = existsSync(`/proc/self/fdinfo/${fd}`) ? readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8') : '';
		const id = /^prog_id:\s*(\d+)$/m.exec(info);
		if (id !== null) ids.add(Number(id[1]));
	}
	return [...ids];
}

/** Resolves when the kernel has freed all these programs, shortly after the last descriptor is closed. */
async function freed(ids: readonly number[]): Promise<void> {
	await eventually(
		() => (remaining(ids).length === 0 ? true : undefined),
		() => `programs ${remaining(ids)} are still there`,
	);
}

function remaining(ids: readonly number[]): number[] {
	const all = JSON.parse(execFileSync('/usr/sbin/bpftool', ['-j', 'prog', 'show'], { encoding: 'utf8' })) as {
		id: number;
	}[];
	return all.map((each) => each.id).filter((id) => ids.includes(id));
}

/** A BPF object whose programs call a helper that no kernel has. */
function withUnknownHelper(path: string): Buffer {
	const object = readFileSync(path);
	// call 8 (bpf_get_smp_processor_id), as the instruction is encoded in the file.
	const call = Buffer.from([0x85, 0, 0, 0, 8, 0, 0, 0]);
	const at = object.indexOf(call);
	assert.ok(at > 0);
	object.writeUInt32LE(99_999, at + 4);
	return object;
}

describe('the addon', () => {
	it('attaches to all tracepoints of this kernel, and leaves none attached when closed twice', async () => {
		const test = startCapture();
		assert.deepEqual(test.attached.missing, []);
		assert.ok(test.attached.attached.includes('raw_syscalls/sys_exit'));
		const programs = ourPrograms();
		// Plus the programs reached by tail call: three stages, and the calls with a program of their own.
		assert.equal(programs.length, test.attached.attached.length + 3 + 21);
		test.capture.close();
		test.capture.close();
		await freed(programs);
		assert.throws(() => test.capture.counters(), { code: 'ERR_CLOSED' });
		assert.throws(() => test.capture.poll(new Uint8Array(65536), 0, 0), { code: 'ERR_CLOSED' });
	});

	it('can leave the detaching to a separate process', async () => {
		const test = startCapture();
		const programs = ourPrograms();
		const began = performance.now();
		test.capture.closeInBackground();
		test.capture.closeInBackground();
		const returned = performance.now() - began;
		assert.throws(() => test.capture.counters(), { code: 'ERR_CLOSED' });
		assert.deepEqual(ourPrograms(), []);
		await freed(programs);
		assert.ok(returned < performance.now() - began);
	});

	it('keeps no descriptor and no memory mapping when it is opened and closed again and again', () => {
		const held = () => [
			readdirSync('/proc/self/fd').length,
			readFileSync('/proc/self/maps', 'utf8')
				.split('\n')
				.filter((line) => line.includes('bpf')).length,
		];
		const before = held();
		for (let i = 0; i < 20; i++) {
			const capture = ADDON.openCapture({ objectPath: BPF_OBJECT, ringBytes: 1 << 20 });
			capture.learnSockets();
			capture.close();
		}
		assert.deepEqual(held(), before);
	});

	it('reports errors with a code', () => {
		assert.throws(() => ADDON.openCapture({ objectPath: '/nonexistent.o' }), { code: 'ERR_OBJECT' });
		assert.throws(() => ADDON.openCapture({ objectPath: BPF_OBJECT, tracefs: '/proc' }), { code: 'ERR_NO_TRACEFS' });
		assert.throws(() => ADDON.openCapture({ objectPath: BPF_OBJECT, ringBytes: -1 }), RangeError);
		const unprivileged = `
			const holder = { exports: {} };
			process.dlopen(holder, ${JSON.stringify(BPF_OBJECT.replace('.bpf.o', '.node'))});
			process.setgid(65534); process.setuid(65534);
			try { new holder.exports.Capture({ objectPath: ${JSON.stringify(BPF_OBJECT)}, oldObjectPath: '', tracefs: '', ringBytes: 4096, captureLimit: 1, iovecLimit: 1 }); }
			catch (error) { console.log(error.code); }`;
		assert.equal(execFileSync(process.execPath, ['-e', unprivileged], { encoding: 'utf8' }), 'ERR_NO_PERMISSION\n');
	});

	it('falls back to the programs for older kernels if the others are refused, and says so', () => {
		const directory = temporaryDirectory();
		const refused = join(directory.path, 'tinytap.bpf.o');
		const old = join(directory.path, 'tinytap-old.bpf.o');
		try {
			writeFileSync(refused, withUnknownHelper(BPF_OBJECTS[0]!));
			copyFileSync(BPF_OBJECTS[1]!, old);
			const capture = ADDON.openCapture({ objectPath: refused });
			assert.equal(capture.usesOldPrograms(), true);
			capture.close();
			const files = { bpfObject: refused, addon: ADDON_FILE, decoder: ADDON_FILE };
			const check = preflight(files, undefined).find(({ name }) => name === 'programs');
			assert.equal(check?.status, 'warning');
			assert.match(check.detail, /only the BPF programs for kernels before 5\.17/);
			const settings = {
				files,
				ringSize: 1 << 20,
				callLimit: 1 << 20,
				iovecLimit: 1024,
				verbose: false,
				filters: { pids: [], comms: [], ports: [], cgroups: [] },
			};
			const source = kernelSource(settings as unknown as CaptureSettings);
			source.close();
			assert.deepEqual(
				source.remarks.map((remark) =>
					/^this kernel accepts only the BPF programs for kernels before 5\.17/.test(remark),
				),
				[true],
			);
			writeFileSync(old, withUnknownHelper(old));
			assert.throws(() => ADDON.openCapture({ objectPath: refused }), {
				code: 'ERR_LOAD',
				message: /refused the BPF programs.*\(and those for kernels before 5\.17\)/,
			});
			assert.equal(preflight(files, undefined).find(({ name }) => name === 'programs')?.status, 'failed');
			const capture2 = ADDON.openCapture({ objectPath: BPF_OBJECT });
			assert.equal(capture2.usesOldPrograms(), false);
			capture2.close();
		} finally {
			directory.remove();
		}
	});

	it('starts on a machine with more processes than its tables hold', () => {
		const capture = ADDON.openCapture({ objectPath: BPF_OBJECT, ringBytes: 1 << 20 });
		try {
			// The table has room for 65,536 descriptors at most; these processes do not exist.
			for (let pid = 5_000_000; pid < 5_066_000; pid++) capture.setDescriptor(pid, 4, true, false, 0);
			capture.learnSockets();
			assert.deepEqual(capture.attach().missing, []);
		} finally {
			capture.close();
		}
	});

	it('works without a tracepoint that the kernel lacks', async () => {
		const lacking = 'sys_exit_readv';
		const directory = temporaryDirectory();
		const events = join(directory.path, 'events');
		mkdirSync(join(events, 'syscalls'), { recursive: true });
		const real = '/sys/kernel/tracing/events';
		for (const category of ['sched', 'sock', 'tcp']) symlinkSync(join(real, category), join(events, category));
		for (const name of execFileSync('ls', [join(real, 'syscalls')], { encoding: 'utf8' }).split('\n'))
			if (name.startsWith('sys_') && name !== lacking)
				symlinkSync(join(real, 'syscalls', name), join(events, 'syscalls', name));
		const test = startCapture({ objectPath: BPF_OBJECTS[1]!, tracefs: directory.path });
		try {
			assert.deepEqual(test.attached.missing, [`syscalls/${lacking}`]);
			const run = await runScenario(test, 'writev_readv');
			assert.equal(joinStream(run.data(run.conn('server'), OUT)).length, run.said.written);
			// The client's readv is not seen, but everything else is.
			assert.deepEqual(run.data(run.conn('client'), IN), []);
		} finally {
			test.capture.close();
			directory.remove();
		}
	});

	it('hands a capture over: the new holder of the descriptors continues reading, and closing the first ends nothing', async () => {
		const first = startCapture();
		const programs = ourPrograms();
		const handles = first.capture.handOver();
		const second = followCapture(ADDON.adoptCapture(JSON.parse(JSON.stringify(handles))));
		first.capture.close();
		const run = await runScenario(second, 'messages');
		assert.equal(run.data(run.conn('client'), OUT).length, 1);
		second.capture.close();
		await freed(programs);
	});

	it('runs two captures at once, and each sees everything', async () => {
		const [one, two] = [startCapture(), startCapture()];
		try {
			const run = await runScenario(one, 'two_iovecs');
			await two.until((records) => records.find((each) => each.pid === run.pid && each.fd === -1), 'the end');
			const seen = two.records.filter((each) => each.pid === run.pid);
			assert.deepEqual(
				seen.map((each) => [each.kind, each.bytes, each.payload.length]),
				run.records.map((each) => [each.kind, each.bytes, each.payload.length]),
			);
		} finally {
			one.capture.close();
			two.capture.close();
		}
	});

	it('never captures its own process', async () => {
		const test = startCapture();
		try {
			const server = createServer((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n'));
			await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
			const address = server.address() as { port: number };
			await new Promise((resolve) => {
				const socket = dial(address.port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\n\r\n'));
				socket.resume().on('close', resolve);
			});
			server.close();
			const run = await runScenario(test, 'messages');
			assert.ok(run.records.length > 0);
			assert.deepEqual(
				test.records.filter((each) => each.pid === process.pid),
				[],
			);
		} finally {
			test.capture.close();
		}
	});

	it('works in a worker, and dies with it', async () => {
		const worker = new Worker(
			`const { parentPort } = require('node:worker_threads');
			const holder = { exports: {} };
			process.dlopen(holder, ${JSON.stringify(BPF_OBJECT.replace('.bpf.o', '.node'))});
			const capture = new holder.exports.Capture({ objectPath: ${JSON.stringify(BPF_OBJECT)}, oldObjectPath: '', tracefs: '', ringBytes: 1 << 20, captureLimit: 1 << 20, iovecLimit: 1024 });
			parentPort.postMessage(capture.attach().attached);
			globalThis.kept = capture;
			parentPort.once('message', () => {});`,
			{ eval: true },
		);
		const attached = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
		assert.ok((attached as string[]).includes('raw_syscalls/sys_exit'));
		const programs = ourPrograms();
		assert.ok(programs.length > (attached as string[]).length);
		const gone = new Promise((resolve) => worker.once('exit', resolve));
		worker.postMessage('end');
		await gone;
		await freed(programs);
	});

	it('survives the end of a worker in the middle of a call', () => {
		const worker = `
			const { parentPort } = require('node:worker_threads');
			const holder = { exports: {} };
			process.dlopen(holder, ${JSON.stringify(ADDON_FILE)});
			parentPort.postMessage(0);
			const wrong = { objectPath: '/nonexistent', oldObjectPath: '', tracefs: '', ringBytes: 4096, captureLimit: 1, iovecLimit: 1 };
			for (;;) {
				holder.exports.lookupSocket(process.pid, 0);
				try { new holder.exports.Capture(wrong); } catch {}
			}`;
		const program = `
			const { Worker } = require('node:worker_threads');
			(async () => {
				for (let i = 0; i < 23; i++) {
					const worker = new Worker(${JSON.stringify(worker)}, { eval: true });
					await new Promise((resolve) => worker.once('message', resolve));
					await worker.terminate();
				}
				console.log('alive');
			})();`;
		assert.equal(execFileSync(process.execPath, ['-e', program], { encoding: 'utf8' }), 'alive\n');
	});

	it('stops waiting for records when a signal flag is set', () => {
		const test = startCapture({ ringBytes: 1 << 20 });
		try {
			// Nothing of this process is captured, so only the flag can end the wait.
			test.capture.setPaused(true);
			const batch = new Uint8Array(ADDON.recordBytesMax);
			while (test.capture.poll(batch, 0, 0) > 0);
			const signals = new Int32Array(new SharedArrayBuffer(8));
			assert.equal(test.capture.poll(batch, 30, 5, signals), 0);
			for (const index of signals.keys()) {
				signals[index] = 1;
				const began = performance.now();
				assert.equal(test.capture.poll(batch, 600_000, 5, signals), 0);
				assert.ok(performance.now() - began < 600_000);
				signals[index] = 0;
			}
		} finally {
			test.capture.close();
		}
	});

	it('touches memory without changing it', () => {
		const memory = new Uint8Array(new SharedArrayBuffer(1 << 20)).fill(7, 5000, 9000);
		ADDON.touchPages(memory.subarray(3, 1 << 19));
		ADDON.touchPages(memory.subarray(0, 0));
		assert.deepEqual(
			[...memory.keys()].filter((at) => memory[at] !== (at >= 5000 && at < 9000 ? 7 : 0)),
			[],
		);
	});

	it('keeps records that do not fit until there is room', async () => {
		const test = startCapture({ ringBytes: 64 << 20 });
		try {
			// Each poll has room for exactly one record of full length.
			const small = new Uint8Array(ADDON.recordBytesMax);
			let batches = 0;
			const drain = () => {
				for (let bytes = test.capture.poll(small, 0, 0); bytes > 0; bytes = test.capture.poll(small, 0, 0)) {
					batches++;
					test.records.push(...parseRecords(small.subarray(0, bytes)));
				}
			};
			const until: typeof test.until = (probe, what) =>
				eventually(
					() => {
						drain();
						return probe(test.records);
					},
					() => what,
				);
			const run = await runScenario({ ...test, drain, until }, 'one_mebibyte');
			assert.equal(joinStream(run.data(run.conn('server'), OUT)).length, run.said.written);
			assert.ok(batches > 64);
		} finally {
			test.capture.close();
		}
	});

	it('reports what a descriptor of another process is', async () => {
		const program = `
import socket, json, sys, os
a = socket.socket(); a.bind(("127.0.0.1", 0)); a.listen()
b = socket.create_connection(a.getsockname()); c, _ = a.accept()
d = socket.socket(socket.AF_INET6); d.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0); d.bind(("::", 0)); d.listen()
e = socket.create_connection(("127.0.0.1", d.getsockname()[1])); f, _ = d.accept()
u = socket.socket(type=socket.SOCK_DGRAM)
z = open("/dev/null")
print(json.dumps([a.fileno(), c.fileno(), "%s:%d" % c.getsockname(), "%s:%d" % c.getpeername(), f.fileno(), "127.0.0.1:%d" % e.getsockname()[1], u.fileno(), z.fileno()]), flush=True)
sys.stdin.read()`;
		const child = spawn('python3', ['-c', program], { stdio: ['pipe', 'pipe', 'inherit'] });
		const line = await new Promise<string>((resolve) => child.stdout.setEncoding('utf8').once('data', resolve));
		const [listening, accepted, local, remote, mapped, mappedRemote, datagram, file] = JSON.parse(line);
		const pid = child.pid!;
		assert.equal(ADDON.lookupSocket(pid, listening).remote, '');
		assert.deepEqual(ADDON.lookupSocket(pid, accepted), { kind: 'socket', type: 1, family: 2, local, remote });
		assert.deepEqual(
			[ADDON.lookupSocket(pid, mapped).remote, ADDON.lookupSocket(pid, mapped).family],
			[mappedRemote, 10],
		);
		assert.equal(ADDON.lookupSocket(pid, datagram).type, 2);
		assert.equal(ADDON.lookupSocket(pid, file).kind, 'file');
		assert.equal(ADDON.lookupSocket(pid, 9999).kind, 'gone');
		child.stdin.end();
		await new Promise((resolve) => child.on('exit', resolve));
		assert.equal(ADDON.lookupSocket(pid, accepted).kind, 'gone');
	});

	it("returns the time of the records' clock", async () => {
		const test = startCapture();
		try {
			const before = test.capture.clocks().bootNs;
			const run = await runScenario(test, 'messages');
			const after = test.capture.clocks().bootNs;
			const data = run.records.filter((each) => each.kind === CAPTURE_DATA);
			assert.ok(data.every((each) => each.timeNs >= before && each.timeNs <= after));
		} finally {
			test.capture.close();
		}
	});

	it('refuses a view without room for a record', () => {
		const test = startCapture();
		try {
			assert.throws(() => test.capture.poll(new Uint8Array(100), 0, 0), RangeError);
		} finally {
			test.capture.close();
		}
	});
});

// --pid and --comm: which processes they select, and what they refuse.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { UserError } from '../../src/base/errors.ts';
import { mountPoint } from '../../src/capture/cgroups.ts';
import { requireProcesses } from '../../src/capture/host-facts.ts';
import { eventually } from '../../support/eventually.ts';
import { freePort, startProgram, temporaryDirectory } from '../../support/servers.ts';
import { captureRows, runTinytap, startTinytap } from '../../support/tinytap.ts';

/** A Node server whose main thread has another name, as in Node 24. */
async function renamedServer() {
	const port = await freePort();
	const script = `process.title = 'MainThread';
		require('node:http').createServer((q, r) => r.end('ok')).listen(${port}, '127.0.0.1', () => console.log('ready'))`;
	const program = startProgram(process.execPath, ['-e', script]);
	await eventually(
		() => (program.output().includes('ready') ? true : undefined),
		() => `no server: ${program.output()}`,
	);
	return {
		...program,
		port,
		ask: async () => await (await fetch(`http://127.0.0.1:${port}/x`, { headers: { connection: 'close' } })).text(),
	};
}

const EXECUTABLE = process.execPath.split('/').at(-1)!;

describe('filters by process', () => {
	const directory = temporaryDirectory();
	after(() => directory.remove());

	it("--comm also matches the executable's name, of a program that is already running", async () => {
		const server = await renamedServer();
		try {
			const sql = "SELECT comm, status FROM exchanges WHERE side = 'server'";
			const only = ['--port', String(server.port)];
			const rows = await captureRows(sql, ['--comm', EXECUTABLE, ...only], async () => void (await server.ask()));
			assert.deepEqual(rows, [{ comm: 'MainThread', status: 200 }]);
			const named = await captureRows(sql, ['--comm', 'MainThread', ...only], async () => void (await server.ask()));
			assert.deepEqual(named, [{ comm: 'MainThread', status: 200 }]);
			const others = await captureRows(sql, ['--comm', 'MainThrea', ...only], async () => void (await server.ask()));
			assert.deepEqual(others, []);
		} finally {
			await server.stop();
		}
	});

	it('--cgroup selects the processes in a cgroup and below it, wherever they were when they started', async () => {
		const server = await renamedServer();
		const root = mountPoint(readFileSync('/proc/self/mountinfo', 'utf8'));
		const [outer, other] = ['outer', 'other'].map((name) => join(root!, `tinytap-test-${process.pid}-${name}`));
		const inner = join(outer!, 'inner');
		for (const path of [outer!, inner, other!]) mkdirSync(path);
		const ask = async (cgroup: string, path: string) => {
			// The shell moves itself.
			const words = `echo $$ > ${cgroup}/cgroup.procs; exec curl -s http://127.0.0.1:${server.port}/${path}`;
			const child = startProgram('sh', ['-c', words]);
			await eventually(
				() => (child.output() === 'ok' ? true : undefined),
				() => `no answer: ${child.output()}`,
			);
			await child.stop();
		};
		try {
			const name = outer!.slice(root!.length);
			for (const path of [name, outer!]) {
				const rows = await captureRows('SELECT path, side FROM exchanges ORDER BY id', ['--cgroup', path], async () => {
					await ask(outer!, 'outer');
					await ask(other!, 'other');
					await ask(inner, 'inner');
					await ask(root!, 'none');
				});
				assert.deepEqual(rows, [
					{ path: '/outer', side: 'client' },
					{ path: '/inner', side: 'client' },
				]);
			}
			const missing = await runTinytap(['query', 'SELECT 1', '--for', '1s', '--cgroup', '/no/such']);
			assert.match(
				missing.stderr,
				/^tinytap: error: --cgroup: expected the path of a cgroup \(v2\), and \S+\/no\/such is none \[ERR_USAGE\]$/m,
			);
		} finally {
			await server.stop();
			for (const path of [inner, outer!, other!]) rmdirSync(path);
		}
	});

	it("--comm also matches the executable's name, however long, of a program that starts later", async () => {
		const server = await renamedServer();
		const interpreter = join(directory.path, 'an-interpreter-of-a-long-name');
		const script = join(directory.path, 'script');
		copyFileSync('/bin/bash', interpreter);
		chmodSync(interpreter, 0o755);
		const lines = [`#!${interpreter}`, `exec 3<>/dev/tcp/127.0.0.1/${server.port}`];
		lines.push("printf 'GET /x HTTP/1.0\\r\\nHost: a\\r\\n\\r\\n' >&3", 'read -r line <&3', 'echo "$line"');
		writeFileSync(script, `${lines.join('\n')}\n`, { mode: 0o755 });
		try {
			const rows = await captureRows(
				"SELECT comm, path FROM exchanges WHERE side = 'client'",
				['--comm', 'an-interpreter-of-a-long-name', '--port', String(server.port)],
				async () => {
					for (let i = 0; i < 3; i++) {
						const child = startProgram(script, []);
						await eventually(
							() => (child.output().includes('200') ? true : undefined),
							() => `no answer: ${child.output()}`,
						);
						await child.stop();
					}
				},
			);
			assert.deepEqual(rows, new Array(3).fill({ comm: 'script', path: '/x' }));
		} finally {
			await server.stop();
		}
	});

	it('a name that no process has yet is waited for, and a message says so', async () => {
		const tinytap = startTinytap(['query', 'SELECT 1', '--comm', 'tap-nobody']);
		await tinytap.attached();
		tinytap.interrupt();
		const { code, stderr } = await tinytap.finished;
		assert.equal(code, 0);
		assert.match(stderr, /no process named tap-nobody is running; one that starts later will be captured/);
	});

	it('--pid without a running process is refused in one sentence', async () => {
		const child = spawn('true');
		await new Promise((resolve) => child.on('exit', resolve));
		const { code, stdout, stderr } = await runTinytap(['query', 'SELECT 1', '--pid', String(child.pid)]);
		assert.deepEqual([code, stdout], [2, '']);
		assert.match(stderr, new RegExp(`pid ${child.pid}: expected a running process, got none`));
		assert.doesNotMatch(stderr, /\n\s+at |capturing/);
	});

	it("--pid of a thread is refused with its process's pid, and one that has ended is refused too", async () => {
		const program = startProgram('python3', [
			'-c',
			`import os, subprocess, threading
child = subprocess.Popen(['true'])
os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
done = threading.Event()
thread = threading.Thread(target=done.wait)
thread.start()
print(child.pid, thread.native_id, flush=True)
done.wait()`,
		]);
		try {
			const [zombie, thread] = await eventually(
				() => /^(\d+) (\d+)\n/.exec(program.output())?.slice(1, 3).map(Number),
				() => `no numbers: ${program.output()}`,
			);
			const refused = (pid: number, got: string) =>
				assert.throws(
					() => requireProcesses([program.pid, pid]),
					(error) =>
						error instanceof UserError && error.message === `pid ${pid}: expected a running process, got ${got}`,
				);
			refused(thread!, `a thread of process ${program.pid}`);
			refused(zombie!, 'one that has ended');
		} finally {
			await program.stop();
		}
	});

	it('--comm with an impossible name is refused in one sentence', async () => {
		for (const name of ['', 'x'.repeat(256), '/usr/bin/node']) {
			const { code, stdout, stderr } = await runTinytap(['query', 'SELECT 1', `--comm=${name}`]);
			assert.deepEqual([code, stdout], [2, '']);
			assert.match(
				stderr,
				/--comm: expected the name of a process or an executable, 1 to 255 bytes without a directory, got "/,
			);
		}
	});
});

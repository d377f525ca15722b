// Programs that do not run, or cannot work, because the same CPU is in the middle of another program: what they miss is
// counted.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { eventually } from '../../support/eventually.ts';
import { startNginx, temporaryDirectory } from '../../support/servers.ts';
import { askPiped, startTinytap } from '../../support/tinytap.ts';

const run = promisify(execFile);

type MapInfo = {
	readonly id: number;
	readonly name: string;
	readonly bytes_value: number;
	readonly max_entries: number;
};

/** The working memory of the newest capture. */
async function scratches(): Promise<MapInfo> {
	const { stdout } = await run('bpftool', ['-j', 'map', 'show']);
	const found = (JSON.parse(stdout) as MapInfo[]).findLast(({ name }) => name === 'scratches');
	if (found === undefined) throw new Error('the capture has no working memory');
	return found;
}

test('a program that finds the working memory in use counts as missed, and what follows is right', async () => {
	const nginx = await startNginx({ sendfile: true, server: 'location / { return 200 "0123456789"; }' });
	const tinytap = startTinytap(['--port', String(nginx.port), '--comm', 'nginx', '--format', 'ndjson'], {
		openInput: true,
	});
	const ask = (sql: string) => askPiped(tinytap, `${sql};\n`);
	const curl = (path: string) => run('curl', ['-s', `http://127.0.0.1:${nginx.port}${path}`]);
	const missed = async () => Number((await ask("SELECT events FROM loss WHERE reason = 'missed'")).events);
	try {
		await tinytap.attached();
		const map = await scratches();
		/** Pretends that a program was preempted on every CPU (1), or has continued (0). */
		const mark = async (inUse: 0 | 1) => {
			const value = [String(inUse), ...Array<string>(map.bytes_value - 1).fill('0')];
			for (let cpu = 0; cpu < map.max_entries; cpu++) {
				const key = [String(cpu), '0', '0', '0'];
				await run('bpftool', ['map', 'update', 'id', String(map.id), 'key', ...key, 'value', ...value]);
			}
		};
		assert.equal(await missed(), 0);
		await mark(1);
		await curl('/while');
		await mark(0);
		await eventually(
			async () => (await missed()) > 0 || undefined,
			() => 'nothing was counted as missed',
		);
		await curl('/after');
		await eventually(
			async () =>
				Number(
					(
						await ask(
							"SELECT count(*) AS n FROM exchanges WHERE path = '/after' AND state = 'complete' AND res_body = '0123456789'",
						)
					).n,
				) === 1 || undefined,
			() => 'the exchange after it was not captured',
		);
		assert.equal(Number((await ask("SELECT count(*) AS n FROM exchanges WHERE path = '/while'")).n), 0);
	} finally {
		await tinytap.stop();
		await nginx.stop();
		nginx.remove();
	}
});

test('the kernel counts the runs of a program that it skips', async () => {
	const root = join(import.meta.dirname, '../..');
	const directory = temporaryDirectory();
	const object = join(directory.path, 'misses.bpf.o');
	const program = join(directory.path, 'misses');
	const source = (name: string) => join(root, name);
	try {
		await run('clang', ['-O2', '-g', '-target', 'bpf', '-c', source('test/fixtures/misses.bpf.c'), '-o', object]);
		const helper = ['answers', 'request_socket'].map((name) => source(`native/privileged/${name}.c`));
		await run(process.env.CC ?? 'gcc', ['-std=gnu17', '-D_GNU_SOURCE', '-c', ...helper], { cwd: directory.path });
		const objects = ['answers.o', 'request_socket.o'].map((name) => join(directory.path, name));
		const sources = [source('test/fixtures/misses.cc'), source('native/program_misses.cc'), ...objects];
		await run(process.env.CXX ?? 'g++', ['-std=c++17', '-o', program, ...sources, '-lbpf']);
		const [before, after, answered] = (await run(program, [object])).stdout.split(' ').map(Number);
		assert.equal(before, 0);
		// Other processes may also make this call.
		assert.ok(after! >= 23, `${after} were counted`);
		assert.ok(answered! >= after!, `the helper counted ${answered} of ${after}`);
	} finally {
		directory.remove();
	}
});

// docs/recording-format.md suffices to write a recording with another program.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { temporaryDirectory } from '../../support/servers.ts';
import { parseRows, runTinytap } from '../../support/tinytap.ts';

const directory = temporaryDirectory();
after(directory.remove);

test('tinytap replays what a Python program writes from the documentation', async () => {
	const path = join(directory.path, 'made.tinytap');
	const made = spawnSync('python3', [join(import.meta.dirname, '../../support/write_recording.py'), path]);
	assert.equal(made.status, 0, String(made.stderr));
	const { code, stdout, stderr } = await runTinytap([
		...['query', 'SELECT * FROM exchanges', '--replay', path, '--format', 'ndjson', '--strict', '--from', '1ms'],
	]);
	assert.equal(code, 0, stderr);
	assert.doesNotMatch(stderr, /warning/);
	const [row, ...others] = parseRows(stdout);
	assert.deepEqual(
		others.map(({ path: target, state, duration_ms }) => [target, state, duration_ms]),
		[
			['/second', 'complete', 3],
			['/third', 'complete', 3],
		],
	);
	const { ts, side, state, pid, comm, cmdline, exe, local, remote, url, status, duration_ms, via, req_via } = row!;
	assert.deepEqual([ts, side, state], ['2023-11-14T22:13:20.002000Z', 'server', 'complete']);
	assert.deepEqual([pid, comm, cmdline, exe], [77, 'maker', 'maker --serve', '/usr/bin/maker']);
	assert.deepEqual([local, remote, url], ['10.0.0.1:80', '10.0.0.2:40000', 'http://elsewhere/made?by=python']);
	assert.deepEqual([status, duration_ms, via, req_via], [200, 3, 'write', 'read']);
	assert.deepEqual(
		[row!.res_body, row!.res_body_bytes, row!.res_body_note],
		['hell', 5, 'body: first 4 of 5 bytes (body limit)'],
	);
	const info = await runTinytap(['info', path]);
	assert.equal(info.code, 0);
	assert.match(
		info.stdout,
		/^state +complete\n(?:.*\n)*host +elsewhere\n(?:.*\n)*body limit +4 bytes\n(?:.*\n)*exchanges +3 server, 0 client$/m,
	);
});

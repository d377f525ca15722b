// tinytap in its own pid namespace, as in a container that does not see the host's processes.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { startNginx } from '../../support/servers.ts';
import { startTinytap } from '../../support/tinytap.ts';

const run = promisify(execFile);
const NAMESPACE = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'];

test('outside processes are captured with what the kernel knows about them, and tinytap itself is not captured', async () => {
	const nginx = await startNginx({ sendfile: true, server: 'location / { return 200 "GET / HTTP/1.1 says"; }' });
	// tinytap's own output goes over a socket and begins like a request.
	const tinytap = startTinytap(
		[
			...[
				'query',
				"SELECT 'GET ' || path || ' HTTP/1.1' AS line, comm, remote IS NULL AS nameless FROM exchanges WHERE side = 'server' ORDER BY id",
			],
			...['--format', 'ndjson', '--count', '4', '--port', String(nginx.port)],
		],
		{ under: NAMESPACE },
	);
	try {
		await tinytap.attached();
		for (const path of ['one', 'two']) await run('curl', ['-s', `http://127.0.0.1:${nginx.port}/${path}`]);
		const { code, stdout, stderr } = await tinytap.finished;
		assert.equal(code, 0, stderr);
		assert.deepEqual(
			stdout
				.trim()
				.split('\n')
				.map((line) => JSON.parse(line)),
			['one', 'two'].map((path) => ({ line: `GET /${path} HTTP/1.1`, comm: 'nginx', nameless: 0 })),
		);
	} finally {
		await tinytap.stop();
		await nginx.stop();
		nginx.remove();
	}
});

test('a process outside the namespace that runs already is not found by --comm, which a sentence says', async () => {
	const sleeper = spawn('sleep', ['1000']);
	const tinytap = startTinytap(['tail', '--for', '1ms', '--comm', 'sleep'], { under: NAMESPACE });
	try {
		const { code, stderr } = await tinytap.finished;
		assert.equal(code, 0, stderr);
		assert.match(
			stderr,
			/^tinytap: no process named sleep is running in this pid namespace; .* not those already running outside it$/m,
		);
	} finally {
		sleeper.kill();
		await tinytap.stop();
	}
});

test('only the program after -- and its children are captured', async () => {
	const nginx = await startNginx({ sendfile: true, server: 'location / { return 200 "ok"; }' });
	const url = `http://127.0.0.1:${nginx.port}`;
	// The shell forks a child for the first request and execs for the second. The server outside is not selected.
	const tinytap = startTinytap(
		[
			...['query', 'SELECT side, path, comm FROM exchanges ORDER BY id', '--format', 'csv'],
			...['--', 'sh', '-c', `curl -s -o /dev/null ${url}/child; exec curl -s -o /dev/null ${url}/itself`],
		],
		{ under: NAMESPACE },
	);
	try {
		const { code, stdout, stderr } = await tinytap.finished;
		assert.equal(code, 0, stderr);
		assert.equal(stdout.replaceAll(/[\r"]/g, ''), 'side,path,comm\nclient,/child,curl\nclient,/itself,curl\n');
	} finally {
		await tinytap.stop();
		await nginx.stop();
		nginx.remove();
	}
});

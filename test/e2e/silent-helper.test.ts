// The privileged processes are stopped: the capture continues without their answers, and says so.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { eventually } from '../../support/eventually.ts';
import { processesOf } from '../../support/rights.ts';
import { startNginx } from '../../support/servers.ts';
import { askPiped, startTinytap } from '../../support/tinytap.ts';

const run = promisify(execFile);

test('while the helper and the lookers are stopped, only the first question is waited for, and warnings say so', async () => {
	const nginx = await startNginx({ sendfile: true, server: 'location / { return 200 "ok"; }' });
	const tinytap = startTinytap(['--port', String(nginx.port), '--comm', 'curl', '--format', 'ndjson'], {
		openInput: true,
	});
	/** Each client is a process about which a question is asked. */
	const request = (path: string, count: number) =>
		run('sh', [
			'-c',
			`for i in $(seq ${count}); do curl -s http://127.0.0.1:${nginx.port}/${path} >/dev/null & done; wait`,
		]);
	const rows = async (path: string) =>
		Number((await askPiped(tinytap, `SELECT count(*) AS n FROM exchanges WHERE path = '/${path}';\n`)).n);
	const says = async (words: string, count = 1) =>
		await eventually(
			() => tinytap.stderr().split(words).length === count + 1 || undefined,
			() => tinytap.stderr(),
		);
	try {
		await tinytap.attached();
		/** Milliseconds until 120 requests of as many processes are rows. */
		const timeOf = async (path: string) => {
			const began = performance.now();
			await request(path, 120);
			await eventually(
				async () => (await rows(path)) === 120 || undefined,
				() => tinytap.stderr(),
			);
			return performance.now() - began;
		};
		const usual = await timeOf('answered');
		const { helper, lookers } = await processesOf(tinytap.child.pid!);
		for (const pid of [helper, ...lookers]) process.kill(pid, 'SIGSTOP');
		await says('warning: the helper does not answer');
		// At 50 ms a question it would be 6 s more.
		const took = await timeOf('stopped');
		assert.ok(took < usual + 4000, `it took ${took} ms instead of ${usual} ms`);
		await says('warning: the processes that look up sockets and executables do not answer');
		for (const pid of [helper, ...lookers]) process.kill(pid, 'SIGCONT');
		await says('warning: they answer again; ');
		// A client that has ended before it is looked up has no executable.
		await eventually(
			async () => {
				await request('going', 5);
				const { n } = await askPiped(tinytap, "SELECT count(*) AS n FROM exchanges WHERE exe LIKE '%/curl';\n");
				return Number(n) > 0 || undefined;
			},
			() => 'executables stay unknown',
		);
		tinytap.child.stdin!.end();
		const { code, stderr } = await tinytap.finished;
		assert.equal(code, 0, stderr);
	} finally {
		await tinytap.stop();
		await nginx.stop();
		nginx.remove();
	}
});

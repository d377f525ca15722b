// tinytap where CLOCK_BOOTTIME is not the kernel's own.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { startNginx } from '../../support/servers.ts';
import { parseRows, startTinytap } from '../../support/tinytap.ts';

const run = promisify(execFile);
const uptime = () => Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0]);

for (const [name, seconds] of [
	['a day ahead', 86_400],
	['behind', -Math.floor(Math.min(uptime() / 2, 3600))],
] as const) {
	test(`AT-25 wall clock step: in a time namespace ${name}, ts is the wall clock's`, async () => {
		const nginx = await startNginx({ sendfile: true, server: 'location / { return 200 "ok"; }' });
		const tinytap = startTinytap(
			[
				'query',
				`SELECT id, ts, duration_ms, ttfb_ms FROM exchanges ORDER BY id; SELECT max(last_ts) AS ts FROM loss;
				 SELECT opened AS ts FROM connections`,
				...['--format', 'ndjson', '--comm', 'nginx', '--port', String(nginx.port), '--count', '3'],
			],
			{ under: ['unshare', '--time', '--boottime', String(seconds), '--fork', '--kill-child'] },
		);
		try {
			await tinytap.attached();
			const before = Date.now();
			for (const path of ['one', 'two', 'three']) await run('curl', ['-s', `http://127.0.0.1:${nginx.port}/${path}`]);
			const after = Date.now();
			const { code, stdout, stderr } = await tinytap.finished;
			assert.equal(code, 0, stderr);
			const rows = parseRows(stdout);
			const times = rows.map(({ ts }) => (ts === null ? null : Date.parse(String(ts))));
			const exchanges = times.slice(0, 3);
			assert.ok(
				exchanges.every((ts) => ts !== null && ts >= before - 1 && ts <= after),
				`${stdout} is not from ${new Date(before).toISOString()} to ${new Date(after).toISOString()}`,
			);
			assert.deepEqual(exchanges, exchanges.toSorted(), 'rows in the order of time');
			for (const { duration_ms, ttfb_ms } of rows.slice(0, 3)) {
				assert.ok(Number(duration_ms) >= 0 && Number(duration_ms) < after - before, `duration_ms ${duration_ms}`);
				assert.ok(Number(ttfb_ms) >= 0 && Number(ttfb_ms) < after - before, `ttfb_ms ${ttfb_ms}`);
			}
			// Other times in the tables: the last loss, connections.
			for (const ts of times.slice(3)) {
				assert.ok(ts === null || Math.abs(ts - before) < 60_000, stdout);
			}
		} finally {
			await tinytap.stop();
			await nginx.stop();
			nginx.remove();
		}
	});
}

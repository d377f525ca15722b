// The contract: tinytap's resident size stays below --max-memory plus 128 MiB, whatever is captured and queried.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { startNginx } from '../../support/servers.ts';
import { startTinytap, type Tinytap } from '../../support/tinytap.ts';

const run = promisify(execFile);
const LIMITS_MIB = (process.env.TINYTAP_LIMITS ?? '64,96,128,256').split(',').map(Number);
/** Allowed excess over the limit, according to the contract. */
const ROOM_MIB = 128;
const SECONDS = Number(process.env.TINYTAP_FLOOD_SECONDS ?? 3);

const LOCATIONS = `
location / { return 200 "0123456789"; }
location /large { return 200 "${'0123456789abcdef'.repeat(240)}"; }
`;

/** Statements that run while requests arrive: groups, sorts, and long results. */
const STATEMENTS = [
	'SELECT path, count(*) AS n, max(duration_ms) FROM exchanges GROUP BY path;',
	'SELECT id, url, req_headers, res_headers, res_body FROM exchanges ORDER BY duration_ms DESC LIMIT 500;',
	'SELECT * FROM exchanges LIMIT 10000;',
	'SELECT conn, count(*) AS n, sum(res_body_bytes) FROM exchanges GROUP BY conn ORDER BY n;',
	'SELECT * FROM connections;',
	'SELECT count(*) AS n FROM headers;',
	'SELECT ts, comm, syscall, bytes FROM events LIMIT 20000;',
];
/** A statement that needs more memory than it gets. */
const GREEDY =
	'SELECT a.id, b.res_body FROM exchanges a JOIN exchanges b ON a.conn = b.conn ORDER BY b.res_body, a.id;';

for (const limit of LIMITS_MIB) {
	test(`with --max-memory ${limit}MiB a flood and greedy statements stay below ${limit + ROOM_MIB} MiB`, async (t) => {
		const nginx = await startNginx({ sendfile: false, workers: 2, server: LOCATIONS });
		const tinytap = startTinytap(['--port', String(nginx.port), '--max-memory', `${limit}MiB`, '--format', 'ndjson'], {
			openInput: true,
		});
		tinytap.child.stdout!.removeAllListeners('data').resume();
		try {
			await tinytap.attached();
			const idle = peakMib(tinytap);
			for (const [path, connections] of [
				['/small', 50],
				['/large', 400],
			] as const) {
				const flood = run('wrk', [
					...['-t', '2', '-c', String(connections), '-d', `${SECONDS}s`],
					`http://127.0.0.1:${nginx.port}${path}`,
				]);
				for (let i = 0; i < 3; i++) for (const sql of STATEMENTS) tinytap.child.stdin!.write(`${sql}\n`);
				await flood;
			}
			let peak = peakMib(tinytap);
			const watch = setInterval(() => {
				peak = Math.max(peak, peakMib(tinytap));
			}, 20);
			tinytap.child.stdin!.end(`${GREEDY}\n`);
			const { code, stderr } = await tinytap.finished;
			clearInterval(watch);
			t.diagnostic(`idle ${idle} MiB, peak ${peak} MiB`);
			// The greedy statement may have been refused.
			assert.ok(code === 0 || /ERR_(SQL_TOO_LARGE|QUERY_MEMORY)/.test(stderr), stderr);
			assert.ok(peak < limit + ROOM_MIB, `${peak} MiB resident`);
		} finally {
			await tinytap.stop();
			await nginx.stop();
			nginx.remove();
		}
	});
}

/** The peak resident size, as the kernel records it; 0 if the process is gone. */
function peakMib(tinytap: Tinytap): number {
	try {
		const status = readFileSync(`/proc/${tinytap.child.pid}/status`, 'latin1');
		return Math.ceil(Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024);
	} catch {
		return 0;
	}
}

// However a capture ends, nothing of it remains in the kernel.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { ARRAYS_OF_A_CAPTURE, gone, type Held, heldBy } from '../../support/kernel-objects.ts';
import { startNginx } from '../../support/servers.ts';
import { startTinytap } from '../../support/tinytap.ts';

const run = promisify(execFile);

const ENDS: readonly { readonly name: string; readonly end: NodeJS.Signals }[] = [
	{ name: 'Ctrl-C', end: 'SIGINT' },
	{ name: 'SIGTERM', end: 'SIGTERM' },
	{ name: 'SIGHUP', end: 'SIGHUP' },
	{ name: 'kill -9', end: 'SIGKILL' },
];

for (const { name, end } of ENDS) {
	test(`after ${name} nothing is left in the kernel`, async () => {
		const tinytap = startTinytap(['tail']);
		let held: Held;
		try {
			await tinytap.attached();
			held = await heldBy(tinytap.child.pid!);
		} finally {
			tinytap.child.kill(end);
			await tinytap.finished;
		}
		assert.ok(held.programs.length > 10, `it holds ${held.programs.length} programs`);
		assert.ok(held.maps.length > 10, `it holds ${held.maps.length} maps`);
		assert.ok(held.links.length > 5, `it holds ${held.links.length} links`);
		await gone(held);
	});
}

/** `TINYTAP_CYCLES=200` takes nine minutes. */
const CYCLES = Number(process.env.TINYTAP_CYCLES ?? 12);
/** At most this many captures may leave their arrays of programs: see docs/limitations.md. */
const KEPT = Math.ceil(CYCLES / 50);

test(`AT-30 ${CYCLES} captures leave the kernel and the watched server as they were, while bpftool looks`, async (t) => {
	const nginx = await startNginx({ sendfile: true, server: 'location / { return 200 "ok"; }' });
	const descriptors = () => readdirSync(`/proc/${nginx.pid}/fd`).length;
	const resident = () => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${nginx.pid}/status`, 'utf8'))?.[1]);
	const held = { programs: [] as number[], maps: [] as number[], links: [] as number[] };
	// It opens every existing map, including arrays of programs that the kernel is about to empty.
	const looker = spawn('sh', ['-c', 'while bpftool map show; do :; done'], { stdio: 'ignore', detached: true });
	try {
		await run('curl', ['-s', `http://127.0.0.1:${nginx.port}/`]);
		const before = { descriptors: descriptors(), resident: resident() };
		for (let cycle = 0; cycle < CYCLES; cycle++) {
			const tinytap = startTinytap([
				'query',
				"SELECT count(*) AS n FROM exchanges WHERE side = 'server'",
				...['--format', 'csv', '--count', '1', '--comm', 'nginx', '--port', String(nginx.port)],
			]);
			await tinytap.attached();
			const { programs, maps, links } = await heldBy(tinytap.child.pid!);
			assert.ok(programs.length > 10 && maps.length > 10 && links.length > 5, 'its programs, maps and links are known');
			held.programs.push(...programs);
			held.maps.push(...maps);
			held.links.push(...links);
			const { stdout } = await run('curl', ['-s', `http://127.0.0.1:${nginx.port}/`]);
			assert.equal(stdout, 'ok', 'the server answers while it is watched');
			const finished = await tinytap.finished;
			assert.equal(finished.code, 0, finished.stderr);
			assert.equal(finished.stdout, 'n\n1\n');
		}
		// The last capture also ends while bpftool runs.
		await gone({ ...held, maps: [] });
		process.kill(-looker.pid!);
		// If the arrays were left to the kernel, nearly every capture would leave one.
		await gone(held, 30, KEPT * ARRAYS_OF_A_CAPTURE);
		t.diagnostic(
			`${held.programs.length} programs, ${held.maps.length} maps and ${held.links.length} links came and went; ` +
				`the server: ${before.descriptors} descriptors before, ${descriptors()} after, ${before.resident} and ${resident()} KiB`,
		);
		assert.equal(descriptors(), before.descriptors);
		assert.ok(resident() <= before.resident + 1024, `nginx grew from ${before.resident} to ${resident()} KiB`);
	} finally {
		if (looker.exitCode === null && looker.signalCode === null) process.kill(-looker.pid!);
		await nginx.stop();
		nginx.remove();
	}
});

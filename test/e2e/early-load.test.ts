// The attacher loads the BPF programs while Node starts, but only for a capture, and only with the default sizes.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../../support/eventually.ts';
import { stopChild, temporaryDirectory } from '../../support/servers.ts';
import { childrenOf, TEST_ENV, TINYTAP } from '../../support/tinytap.ts';

const SQL = 'SELECT 1';

/** How many BPF programs the process holds. */
function programsOf(pid: number): number {
	return readdirSync(`/proc/${pid}/fd`).filter((fd) => {
		try {
			return readlinkSync(`/proc/${pid}/fd/${fd}`) === 'anon_inode:bpf-prog';
		} catch {
			// The descriptor was closed meanwhile.
			return false;
		}
	}).length;
}

/** Starts tinytap with a Node that asks the attacher for nothing. */
async function withIdleNode(words: readonly string[], look: (attacher: number) => Promise<void>): Promise<void> {
	const directory = temporaryDirectory();
	writeFileSync(join(directory.path, 'node'), '#!/bin/sh\nexec sleep 60\n', { mode: 0o755 });
	const path = `${directory.path}:${process.env.PATH}`;
	const child = spawn(TINYTAP[0]!, [...TINYTAP.slice(1), ...words], {
		stdio: 'ignore',
		env: { ...TEST_ENV, PATH: path },
	});
	try {
		const attacher = await eventually(
			() => childrenOf(child.pid!).find((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8') === 'tinytap-attache\n'),
			() => 'the attacher did not start',
		);
		await look(attacher);
	} finally {
		await stopChild(child);
		directory.remove();
	}
}

test('for a capture, the programs are loaded before Node asks', async () => {
	await withIdleNode(['query', SQL, '--port', '80'], async (attacher) => {
		await eventually(
			() => programsOf(attacher) > 5 || undefined,
			() => 'the programs are not loaded',
		);
	});
});

for (const words of [
	['query', SQL, '--replay', 'a.tinytap'],
	['query', SQL, '--ring-size=1MiB'],
	['doctor'],
	['queries'],
])
	test(`with \`${words.join(' ')}\`, nothing is loaded early`, async () => {
		await withIdleNode(words, async (attacher) => {
			const until = Date.now() + 2000;
			while (Date.now() < until) {
				assert.equal(programsOf(attacher), 0);
				await delay(20);
			}
		});
	});

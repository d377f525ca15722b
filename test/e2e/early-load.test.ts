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

/** The number of BPF programs that the process holds. */
function programsOf(pid: number): number {
	return readdirSync(`/proc/${pid}/fd`).filter((fd) => {
		try {
			return readlinkSync(`/proc/${pid}/fd/${fd}`) === 'anon_inode:bpf-prog';
		} catch {
			// The descriptor has been closed in the meantime.
			return false;
		}
	}).length;
}

/** Starts tinytap with this script as `node`. */
async function withNode(
	script: string,
	words: readonly string[],
	look: (attacher: number, stderr: () => string) => Promise<void>,
): Promise<void> {
	const directory = temporaryDirectory();
	writeFileSync(join(directory.path, 'node'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
	const path = `${directory.path}:${process.env.PATH}`;
	const child = spawn(TINYTAP[0]!, [...TINYTAP.slice(1), ...words], {
		stdio: ['ignore', 'ignore', 'pipe'],
		env: { ...TEST_ENV, PATH: path },
	});
	let stderr = '';
	child.stderr.setEncoding('utf8').on('data', (text: string) => {
		stderr += text;
	});
	try {
		const attacher = await eventually(
			() => childrenOf(child.pid!).find((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8') === 'tinytap-attache\n'),
			() => 'the attacher did not start',
		);
		await look(attacher, () => stderr);
	} finally {
		await stopChild(child);
		directory.remove();
	}
}

/** A Node that asks the attacher for nothing. */
const IDLE = 'exec sleep 60';

test('for a capture, the programs are loaded before Node asks for them', async () => {
	await withNode(IDLE, ['query', SQL, '--port', '80'], async (attacher) => {
		await eventually(
			() => programsOf(attacher) > 5 || undefined,
			() => 'the programs are not loaded',
		);
	});
});

for (const words of [['query', SQL, '--ring-size=1MiB'], ['doctor'], ['queries']])
	test(`with \`${words.join(' ')}\`, nothing is loaded early`, async () => {
		await withNode(IDLE, words, async (attacher) => {
			const until = Date.now() + 2000;
			while (Date.now() < until) {
				assert.equal(programsOf(attacher), 0);
				await delay(20);
			}
		});
	});

test('Node waits for an attacher that takes many seconds', async () => {
	await withNode(`sleep 1; exec '${process.execPath}' "$@"`, ['query', SQL], async (attacher, stderr) => {
		process.kill(attacher, 'SIGSTOP');
		try {
			await delay(8000);
		} finally {
			process.kill(attacher, 'SIGCONT');
		}
		await eventually(
			() => stderr().includes('tinytap: capturing') || undefined,
			() => `it does not capture: ${stderr()}`,
		);
	});
});

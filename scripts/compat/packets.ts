// Captures packets with tcpdump.
import { spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { stopChild } from '../../support/servers.ts';
import { remember, unlessEnding } from './start-server.ts';

/** Captures what is sent to and from the ports into the file `path`. `finish` returns the number of packets that tcpdump dropped. */
export async function startTcpdump(path: string, ports: readonly number[]): Promise<{ finish(): Promise<number> }> {
	const filter = ports.map((port) => `tcp port ${port}`).join(' or ');
	// Whole packets, which on loopback have up to 64 KiB: each takes a slot of the largest size. At once, and as root, because
	// Debian's tcpdump cannot write into this directory otherwise.
	const options = ['-i', 'any', '-s', '66000', '-B', '131072', '--immediate-mode', '-U', '-Z', 'root', '-w', path];
	const child = spawn('tcpdump', [...options, filter], { stdio: ['ignore', 'ignore', 'pipe'] });
	let printed = '';
	child.stderr.setEncoding('utf8').on('data', (text: string) => {
		printed += text;
	});
	const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
	remember({ pid: child.pid ?? -1, stop: () => stopChild(child), output: () => printed });
	while (!printed.includes('listening on')) {
		if (child.exitCode !== null) throw new Error(`tcpdump ended early: ${printed}`);
		await unlessEnding(delay(5));
	}
	return {
		finish: async () => {
			// It has read everything when its file stops growing.
			for (let size = -1; size !== statSync(path).size; ) {
				size = statSync(path).size;
				await unlessEnding(delay(200));
			}
			child.kill('SIGINT');
			await ended;
			return Number(/(\d+) packets dropped by kernel/.exec(printed)?.[1] ?? 0);
		},
	};
}

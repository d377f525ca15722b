// Decodes one body in a separate process, so that nothing else affects the figures. `decode-alone.ts CODING` reads the
// body from stdin and prints the largest growth of resident memory and the smallest CPU time of several runs.
import { readFileSync, writeFileSync } from 'node:fs';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { decodeContent } from '../src/decode/content-coding.ts';

export type DecodedAlone = {
	readonly grownBytes: number;
	readonly cpuMs: number;
	/** Whether the input buffer is unchanged. */
	readonly intact: boolean;
};

const RUNS = 5;

function main(): void {
	const coding = process.argv[2]!;
	const body = readFileSync(0);
	const before = Buffer.from(body);
	// One-time allocations of the decoders, and code compiled for them, do not count as growth.
	for (let i = 0; i < 20; i++) {
		const text = Buffer.alloc(4096, String(i));
		for (const [name, coded] of [
			['gzip', gzipSync(text)],
			['deflate', deflateSync(text)],
			['br', brotliCompressSync(text)],
		] as const)
			decodeContent(coded, name);
	}
	globalThis.gc!();
	// Resets the peak to the current resident size (proc(5), clear_refs).
	writeFileSync('/proc/self/clear_refs', '5');
	const idle = resident('VmRSS');
	decodeContent(body, coding);
	const grownBytes = resident('VmHWM') - idle;
	let cpuMs = Number.POSITIVE_INFINITY;
	for (let run = 0; run < RUNS; run++) {
		const start = process.cpuUsage();
		decodeContent(body, coding);
		const { user, system } = process.cpuUsage(start);
		cpuMs = Math.min(cpuMs, (user + system) / 1000);
	}
	const answer: DecodedAlone = { grownBytes, cpuMs, intact: body.equals(before) };
	process.stdout.write(JSON.stringify(answer));
}

function resident(name: string): number {
	return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync('/proc/self/status', 'latin1'))![1]) * 1024;
}

main();

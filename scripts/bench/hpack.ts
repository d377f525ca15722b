// Header compression of HTTP/2 alone: tinytap's reader and libnghttp2's inflater read the same blocks.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PREFACE } from '../../support/http2-frames.ts';
import type { Said } from './http2-talk.ts';
import { inflateProgram } from './programs.ts';

const ROOT = join(import.meta.dirname, '../..');
const HEADER_BYTES = 9;
const HEADERS = 1;
const CONTINUATION = 9;
const END_HEADERS = 4;
const PADDED = 8;
const PRIORITY = 32;
const PRIORITY_BYTES = 5;

/** Nanoseconds a field, of each round. */
export type HpackTimes = {
	readonly ours: readonly number[];
	readonly theirs: readonly number[];
	readonly fields: number;
};

/** The two readers take turns. */
export function timeHpack(said: readonly Said[], direction: 'in' | 'out', rounds: number): HpackTimes {
	const blocks = blocksOf(said, direction);
	const reader = hpackReader();
	new Uint8Array(reader.memory.buffer, reader.inputPointer(blocks.length), blocks.length).set(blocks);
	const path = join(ROOT, 'build/bench/hpack-blocks');
	writeFileSync(path, blocks);
	const ours: number[] = [];
	const theirs: number[] = [];
	let fields = 0;
	for (let round = 0; round <= rounds; round++) {
		const start = process.cpuUsage();
		let passes = 0;
		let spent = 0;
		do {
			fields = reader.readBlocks(blocks.length);
			passes++;
			const { user, system } = process.cpuUsage(start);
			spent = user + system;
		} while (spent < 50_000);
		const [ns, count, bytes] = meanOf(execFileSync(inflateProgram(), [path, String(passes)], { encoding: 'utf8' }));
		if (fields !== count || reader.textBytes() !== bytes)
			throw new Error(
				`HPACK: libnghttp2 reads ${count} fields of ${bytes} bytes, we read ${fields} of ${reader.textBytes()}`,
			);
		// The first round warms up.
		if (round === 0) continue;
		ours.push((spent * 1000) / passes / fields);
		theirs.push(ns / fields);
	}
	rmSync(path);
	return { ours, theirs, fields };
}

/** The mean time of its passes, and what each found. */
function meanOf(printed: string): [ns: number, fields: number, bytes: number] {
	const passes = printed
		.trim()
		.split('\n')
		.map((line) => line.split(' ').map(Number));
	const [, fields = 0, bytes = 0] = passes[0]!;
	return [passes.reduce((sum, [ns = 0]) => sum + ns, 0) / passes.length, fields, bytes];
}

/** The header blocks that one side sent, each after its length. */
function blocksOf(said: readonly Said[], direction: 'in' | 'out'): Buffer {
	const bytes = Buffer.concat(said.filter((one) => one.direction === direction).map((one) => one.bytes));
	const blocks: Buffer[] = [];
	let block: Buffer[] = [];
	for (let at = direction === 'in' ? PREFACE.length : 0; at < bytes.length; ) {
		const end = at + HEADER_BYTES + bytes.readUIntBE(at, 3);
		const [type, flags] = [bytes[at + 3]!, bytes[at + 4]!];
		if (type === HEADERS || type === CONTINUATION) {
			if (type === HEADERS && (flags & PADDED) !== 0) throw new Error('expected header blocks without padding');
			const first = type === HEADERS && (flags & PRIORITY) !== 0 ? PRIORITY_BYTES : 0;
			block.push(bytes.subarray(at + HEADER_BYTES + first, end));
			if ((flags & END_HEADERS) !== 0) {
				const whole = Buffer.concat(block);
				const length = Buffer.alloc(4);
				length.writeUInt32LE(whole.length);
				blocks.push(length, whole);
				block = [];
			}
		}
		at = end;
	}
	return Buffer.concat(blocks);
}

type HpackReader = {
	readonly memory: WebAssembly.Memory;
	inputPointer(bytes: number): number;
	readBlocks(bytes: number): number;
	textBytes(): number;
};

/** Compiles decoder-as/bench/hpack.ts as the decoder is compiled. */
function hpackReader(): HpackReader {
	const target = join(ROOT, 'build/bench/hpack.wasm');
	mkdirSync(join(ROOT, 'build/bench'), { recursive: true });
	const compiler = [join(ROOT, 'node_modules/assemblyscript/bin/asc.js'), join(ROOT, 'decoder-as/bench/hpack.ts')];
	const options = ['--config', join(ROOT, 'decoder-as/asconfig.json'), '--target', 'release', '--outFile', target];
	execFileSync(process.execPath, [...compiler, ...options], { stdio: ['ignore', 'inherit', 'ignore'] });
	execFileSync(process.execPath, [join(ROOT, 'scripts/inline-decoder.mjs'), target]);
	return new WebAssembly.Instance(new WebAssembly.Module(readFileSync(target)), {}).exports as unknown as HpackReader;
}

/** The version of libnghttp2, which is installed if it is missing. */
export function libnghttp2(): string {
	if (!existsSync('/usr/include/nghttp2/nghttp2.h')) {
		console.error('installing with apt-get: libnghttp2-dev');
		spawnSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', 'libnghttp2-dev'], { stdio: 'ignore' });
	}
	const { stdout } = spawnSync('dpkg-query', ['-W', 'libnghttp2-dev'], { encoding: 'utf8' });
	return /\t([\d.]+)/.exec(stdout)?.[1] ?? 'unknown version';
}

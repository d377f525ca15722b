// A capture with a TLS helper, without the rest of tinytap, and what probes do to the memory of a process.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { eventually } from './eventually.ts';
import { commandLine, descendants } from './rights.ts';
import { stopChild, temporaryDirectory } from './servers.ts';
import { TEST_ENV, TINYTAP } from './tinytap.ts';

const ROOT = join(import.meta.dirname, '..');

/** Numbers above 2^53 are texts. */
export type LibraryRow = {
	readonly path: string;
	readonly library: number;
	readonly version: string;
	readonly place: string;
	readonly slow: boolean;
	readonly processes: number;
	readonly attached: boolean;
	readonly reason: string;
};

export type TlsSession = {
	readonly child: ChildProcess;
	/** Node's process, which the launcher becomes. */
	readonly pid: number;
	/** See test/fixtures/tls-session.ts. */
	readonly ask: (line: string) => Promise<unknown>;
	readonly rows: () => Promise<readonly LibraryRow[]>;
	/** The row whose path ends with this text, once there is one and it passes. */
	readonly row: (end: string, passes?: (row: LibraryRow) => boolean) => Promise<LibraryRow>;
	/** The TLS helper's process; undefined if there is none. */
	readonly helper: () => number | undefined;
	readonly stop: () => Promise<void>;
};

/** Starts a capture with these words on its command line. Needs root. */
export async function startTlsSession(words: readonly string[]): Promise<TlsSession> {
	const directory = temporaryDirectory();
	const fixture = join(ROOT, 'test/fixtures/tls-session.ts');
	writeFileSync(join(directory.path, 'node'), `#!/bin/sh\nexec '${process.execPath}' --import tsx '${fixture}'\n`, {
		mode: 0o755,
	});
	const child = spawn(TINYTAP[0]!, [...TINYTAP.slice(1), 'query', 'SELECT 1', ...words], {
		cwd: ROOT,
		stdio: ['pipe', 'pipe', 'pipe'],
		env: { ...TEST_ENV, PATH: `${directory.path}:${process.env.PATH}` },
	});
	let stderr = '';
	child.stderr.setEncoding('utf8').on('data', (text: string) => {
		stderr += text;
	});
	const waiting: ((answer: unknown) => void)[] = [];
	createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()?.(JSON.parse(line)));
	const ended = new Promise<never>((_, reject) => {
		child.on('close', (code) => reject(new Error(`the session has ended with ${code}: ${stderr}`)));
	});
	// Whoever waits for an answer hears of it.
	ended.catch(() => {});
	const ask = (line: string) => {
		child.stdin.write(`${line}\n`);
		return Promise.race([ended, new Promise<unknown>((resolve) => waiting.push(resolve))]);
	};
	const rows = async () => (await ask('rows')) as readonly LibraryRow[];
	const session: TlsSession = {
		child,
		pid: child.pid!,
		ask,
		rows,
		row: async (end, passes = () => true) => {
			let last: readonly LibraryRow[] = [];
			return await eventually(
				async () => {
					last = await rows();
					return last.find((row) => row.path.endsWith(end) && passes(row));
				},
				() => `no row for ${end} among ${JSON.stringify(last)}`,
			);
		},
		helper: () => descendants(child.pid!).find((each) => commandLine(each)[0]?.endsWith('/tinytap-tls-helper')),
		stop: async () => {
			child.stdin.end();
			await stopChild(child);
			directory.remove();
		},
	};
	await ask('has');
	return session;
}

/**
 * The bytes of the executable mapping of `library` that differ from those in its file, of which `copy` is one:
 * [offset in the file, byte].
 */
export function changedBytes(pid: number, library: string, copy = library): readonly (readonly [number, number])[] {
	const file = readFileSync(copy);
	const changed: [number, number][] = [];
	for (const line of readFileSync(`/proc/${pid}/maps`, 'latin1').split('\n')) {
		const match = /^([0-9a-f]+)-([0-9a-f]+) r-x. ([0-9a-f]+) \S+ \d+ +(.*)$/.exec(line);
		if (match === null || match[4] !== library) continue;
		const [start, end, offset] = match.slice(1, 4).map((digits) => Number.parseInt(digits, 16)) as [
			number,
			number,
			number,
		];
		const memory = Buffer.alloc(Math.min(end - start, file.length - offset));
		const descriptor = openSync(`/proc/${pid}/mem`, 'r');
		try {
			readSync(descriptor, memory, 0, memory.length, start);
		} finally {
			closeSync(descriptor);
		}
		memory.forEach((byte, at) => {
			if (byte !== file[offset + at]) changed.push([offset + at, byte]);
		});
	}
	return changed;
}

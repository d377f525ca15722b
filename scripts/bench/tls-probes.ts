// Attaching and detaching of `--tls`, seen from outside: in the memory of processes that have mapped a library, and in what
// the kernel says about BPF programs and links.
import { spawnSync } from 'node:child_process';
import { closeSync, copyFileSync, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openTerminal, PROMPT } from '../../support/terminal.ts';
import { TEST_ENV, TINYTAP } from '../../support/tinytap.ts';
import { interrupt, type Started, start, until } from './processes.ts';
import { ownProgram } from './programs.ts';
import { installedLibrary } from './tls-readers.ts';
import { untilCapturing } from './tracers.ts';

/** A byte of a library's code, as an offset in the file. */
type Place = { readonly offset: number; readonly address: number };

export type AttachTimes = {
	readonly processes: number;
	/** Milliseconds from the command until the probes are in the last process, or gone from it. */
	readonly attach: readonly number[];
	readonly detach: readonly number[];
	/** How many bytes of the library differ from the file while attached. */
	readonly places: number;
};

export type Leftovers = {
	readonly how: string;
	/** Milliseconds until nothing was left; null if something was left after half a minute. */
	readonly ms: number | null;
	/** What was left, in words. */
	readonly left: string;
};

type Users = { readonly pids: readonly number[]; readonly stop: () => Promise<void> };

const WAIT_MS = 30_000;

/** A copy of the installed libssl, so that nothing else on the machine uses it. */
export function privateLibrary(): { readonly path: string; readonly remove: () => void } {
	const directory = mkdtempSync(join(tmpdir(), 'tinytap-bench-'));
	const path = join(directory, 'libssl.so.3');
	copyFileSync(installedLibrary(), path);
	return { path, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

async function startUsers(library: string, count: number): Promise<Users> {
	const started = start(ownProgram('library-users'), [library, String(count)], { input: true });
	await until(() => {
		if (started.child.exitCode !== null) throw new Error(`library-users ended: ${started.stderr()}`);
		return started.stdout().endsWith('ready\n');
	}, `${count} processes`);
	const pids = started.stdout().split('\n').slice(0, count).map(Number);
	return {
		pids,
		stop: async () => {
			started.child.stdin!.end();
			await started.ended;
		},
	};
}

/** Bytes of the library's code in the memory of a process that are not those of the file. */
function differences(pid: number, library: string): Place[] {
	const file = readFileSync(library);
	const places: Place[] = [];
	for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
		const [, from = '', to = '', start = ''] = /^(\w+)-(\w+) r-xp (\w+) /.exec(line) ?? [];
		if (from === '' || !line.endsWith(` ${library}`)) continue;
		const [address, offset] = [Number.parseInt(from, 16), Number.parseInt(start, 16)];
		const memory = readMemory(pid, address, Number.parseInt(to, 16) - address);
		for (let i = 0; i < memory.length; i++)
			if (memory[i] !== (file[offset + i] ?? 0)) places.push({ offset: offset + i, address: address + i });
	}
	return places;
}

function readMemory(pid: number, address: number, length: number): Buffer {
	const memory = Buffer.alloc(length);
	const descriptor = openSync(`/proc/${pid}/mem`, 'r');
	try {
		const got = readSync(descriptor, memory, 0, length, address);
		if (got !== length) throw new Error(`read ${got} of ${length} bytes of process ${pid}`);
	} finally {
		closeSync(descriptor);
	}
	return memory;
}

/** How many of the places are changed in the process. */
function changed(pid: number, places: readonly Place[], file: Buffer): number {
	return places.filter(({ address, offset }) => readMemory(pid, address, 1)[0] !== file[offset]).length;
}

function startShell(): Started {
	const words = [...TINYTAP.slice(1), '--tls', '--comm', 'library-users', '--format', 'ndjson'];
	return start(TINYTAP[0]!, words, { env: TEST_ENV, input: true });
}

/** Waits until `test` is true; returns the milliseconds it took. */
async function timeUntil(test: () => boolean, what: string): Promise<number> {
	const begun = performance.now();
	while (!test()) {
		if (performance.now() - begun > WAIT_MS) throw new Error(`waited ${WAIT_MS / 1000} s without success: ${what}`);
		await delay(1);
	}
	return performance.now() - begun;
}

/** Switches the capture of TLS off and on while `processes` processes have mapped the library. */
export async function attachTimes(library: string, processes: number, rounds: number): Promise<AttachTimes> {
	const users = await startUsers(library, processes);
	const last = users.pids.at(-1)!;
	const file = readFileSync(library);
	// The command works only at a prompt.
	const shell = await openTerminal([...TINYTAP, '--tls', '--comm', 'library-users'].join(' '));
	const enter = async (line: string) => {
		await shell.type(line);
		await shell.press('Enter');
	};
	try {
		await shell.shows(PROMPT);
		await timeUntil(() => differences(last, library).length > 0, 'the library has probes');
		// The probes of one file come one after another.
		await delay(1000);
		const places = differences(last, library);
		const [attach, detach]: [number[], number[]] = [[], []];
		for (let round = 0; round < rounds; round++) {
			await enter('.capture tls off');
			detach.push(await timeUntil(() => changed(last, places, file) === 0, 'the probes are gone'));
			await delay(300);
			await enter('.capture tls on');
			attach.push(await timeUntil(() => changed(last, places, file) === places.length, 'the probes are back'));
			await delay(300);
		}
		return { processes, attach, detach, places: places.length };
	} finally {
		await shell.close();
		await users.stop();
	}
}

/** Attaches to the library alone, without tinytap's other work: milliseconds of each round. */
export async function kernelTimes(library: string, processes: number, rounds: number): Promise<number[]> {
	const users = await startUsers(library, processes);
	const objects = ['tinytap.bpf.o', 'tinytap-tls.bpf.o'].map((file) => join(import.meta.dirname, '../../build', file));
	const times: number[] = [];
	try {
		for (let round = 0; round < rounds; round++) {
			const started = start(ownProgram('tls-reader'), [...objects, library, 'library-users', '--']);
			await until(() => {
				if (started.child.exitCode !== null) throw new Error(`tls-reader ended: ${started.stderr()}`);
				return /attached \S+\n/.test(started.stdout());
			}, 'tls-reader attached');
			times.push(Number(/attached (\S+)/.exec(started.stdout())?.[1]));
			if (differences(users.pids.at(-1)!, library).length === 0) throw new Error('the library has no probes');
			await interrupt(started);
		}
	} finally {
		await users.stop();
	}
	return times;
}

/** Names of BPF programs of `--tls`, and ids of links and programs. */
function inKernel(): Set<string> {
	const list = (kind: string) =>
		JSON.parse(spawnSync('bpftool', ['-j', kind, 'show'], { encoding: 'utf8' }).stdout || '[]') as {
			id: number;
			name?: string;
			type?: string;
		}[];
	return new Set([
		...list('prog').map(({ id, name, type }) => `program ${id} ${name ?? ''} ${type ?? ''}`),
		...list('link').map(({ id, type }) => `link ${id} ${type ?? ''}`),
	]);
}

/** Ends a capture with --tls in a way, and waits until nothing is left of it. */
export async function leftovers(
	library: string,
	how: string,
	end: (shell: Started, helpers: readonly number[]) => void,
): Promise<Leftovers> {
	const users = await startUsers(library, 10);
	const last = users.pids.at(-1)!;
	const before = inKernel();
	const shell = startShell();
	try {
		await untilCapturing(shell);
		await timeUntil(() => differences(last, library).length > 0, 'the library has probes');
		const helpers = descendantsOf(shell.pid);
		// Helpers change their names, not their pids.
		const begun = performance.now();
		end(shell, helpers);
		for (;;) {
			const left = [
				...users.pids.filter((pid) => differences(pid, library).length > 0).map((pid) => `a probe in process ${pid}`),
				...[...inKernel()].filter((one) => !before.has(one)),
				...helpers.filter(isAlive).map((pid) => `process ${pid}`),
			];
			const ms = performance.now() - begun;
			if (left.length === 0) return { how, ms, left: '' };
			if (ms > WAIT_MS) return { how, ms: null, left: left.slice(0, 5).join(', ') };
			await delay(20);
		}
	} finally {
		if (shell.child.exitCode === null && shell.child.signalCode === null) await interrupt(shell, 'SIGTERM');
		await users.stop();
	}
}

function isAlive(pid: number): boolean {
	try {
		return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
	} catch {
		// It has ended.
		return false;
	}
}

/** All processes that were started by this one and by those. */
export function descendantsOf(pid: number): number[] {
	let children: number[];
	try {
		children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
	} catch {
		// It has ended.
		return [];
	}
	return children.flatMap((child) => [child, ...descendantsOf(child)]);
}

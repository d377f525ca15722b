// The tracers: tinytap, and alternatives that a user might choose. Each reports when it is attached and, at the end,
// what it saw.
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { parseRows, TEST_ENV, TINYTAP } from '../../support/tinytap.ts';
import { childrenOf, interrupt, type Started, start, until, untilDetached } from './processes.ts';
import { callTracepoints, emptyObject, ownProgram, tracepoints } from './programs.ts';
import type { WebServer } from './web-server.ts';

/** The rows of one side of a capture. */
export type Rows = {
	readonly side: string;
	readonly rows: number;
	readonly complete: number;
	readonly body: number;
	readonly held: number;
	/** Rows of all sides that were evicted to make room for newer ones. */
	readonly evicted: number;
};

/** What a tracer reports at the end. */
export type Report = { readonly rows: readonly Rows[]; readonly lost: number; readonly captured?: number };

export type Tracing = {
	/** The tracer's processes, for their CPU time. */
	readonly pids: readonly number[];
	/** Ends it and waits until nothing of it is left in the kernel. */
	readonly stop: () => Promise<Report>;
};

export type Tracer = { readonly name: string; start(server: WebServer): Promise<Tracing> };

const NOTHING: Report = { rows: [], lost: 0 };

export const untraced: Tracer = {
	name: 'untraced',
	start: async () => ({ pids: [], stop: async () => NOTHING }),
};

const ROWS_SQL = `SELECT side, count(*) AS rows, count(*) FILTER (WHERE state = 'complete') AS complete,
	coalesce(sum(res_body_bytes), 0) AS body, coalesce(sum(res_captured_bytes), 0) AS held,
	(SELECT events FROM loss WHERE reason = 'evicted') AS evicted FROM exchanges GROUP BY side`;

/** Captures everything in full into the store; `filter` returns further options. */
export function tinytap(name: string, filter: readonly string[] | ((server: WebServer) => readonly string[])): Tracer {
	return {
		name,
		start: async (server) => {
			const words = typeof filter === 'function' ? filter(server) : filter;
			const started = startTinytap(['query', ROWS_SQL, '--format', 'ndjson', ...words]);
			await untilCapturing(started);
			return {
				// Including the helper.
				pids: [started.pid, ...childrenOf(started.pid)],
				stop: async () => {
					const code = await interrupt(started);
					if (code !== 0) throw new Error(`tinytap ended with ${code}: ${started.stderr()}`);
					await untilDetached();
					const rows = parseRows(started.stdout()) as unknown as Rows[];
					return { rows, lost: Number(/(\d+) events were lost/.exec(started.stderr())?.[1] ?? 0) };
				},
			};
		},
	};
}

/** Starts the built CLI. */
export function startTinytap(words: readonly string[]): Started {
	return start(TINYTAP[0]!, [...TINYTAP.slice(1), ...words], { env: TEST_ENV });
}

export async function untilCapturing(started: Started): Promise<void> {
	await until(() => {
		if (started.child.exitCode !== null) throw new Error(`tinytap ended early: ${started.stderr()}`);
		return started.stderr().includes('tinytap: capturing');
	}, 'tinytap capturing');
}

/** The same capture of nginx, read and discarded by a C++ program. */
export const ringReader: Tracer = {
	name: 'bare ring reader',
	start: async ({ workers }) => {
		const object = join(import.meta.dirname, '../../build/tinytap.bpf.o');
		const started = start(ownProgram('ring-reader'), [object, 'nginx', ...workers.map(String)]);
		await untilSays(started, 'attached');
		return {
			pids: [started.pid],
			stop: async () => {
				await interrupt(started);
				await untilDetached();
				const { lost, bytes } = JSON.parse(started.stdout().split('\n')[1] ?? '') as { lost: number; bytes: number };
				return { rows: [], lost, captured: bytes };
			},
		};
	},
};

export const tcpdump: Tracer = {
	name: 'tcpdump',
	start: async () => {
		const started = start('tcpdump', ['-i', 'lo', '-w', '/dev/null']);
		await until(() => started.stderr().includes('listening on'), 'tcpdump listening');
		return {
			pids: [started.pid],
			stop: async () => {
				await interrupt(started);
				const captured = Number(/(\d+) packets captured/.exec(started.stderr())?.[1] ?? 0);
				return { rows: [], captured, lost: Number(/(\d+) packets dropped/.exec(started.stderr())?.[1] ?? 0) };
			},
		};
	},
};

const PRINTING = `
tracepoint:syscalls:sys_enter_recvfrom /comm == "nginx"/ { @buffer[tid] = (uint64)args->ubuf; }
tracepoint:syscalls:sys_exit_recvfrom /@buffer[tid] != 0/ {
	if (args->ret > 0) { printf("%d %d %r\\n", tid, args->ret, buf(@buffer[tid], 200)); }
	delete(@buffer[tid]);
}
tracepoint:syscalls:sys_enter_writev /comm == "nginx"/ {
	@pieces[tid] = (uint64)args->vec;
}
tracepoint:syscalls:sys_exit_writev /@pieces[tid] != 0/ {
	if (args->ret > 0) { printf("%d %d %r\\n", tid, args->ret, buf(*(uint64 *)@pieces[tid], 200)); }
	delete(@pieces[tid]);
}
tracepoint:syscalls:sys_exit_sendfile64 /comm == "nginx"/ { printf("%d %d\\n", tid, args->ret); }
`;

/** Prints the first 200 bytes of each call of nginx. */
export const bpftracePrinting: Tracer = bpftrace('bpftrace', PRINTING);

/** `script` has one probe per line that begins with `tracepoint:`, or one per name in a list. */
export function bpftrace(name: string, script: string): Tracer {
	return {
		name,
		start: async () => {
			const probes = (script.match(/tracepoint:/g) ?? []).length;
			const started = start('bpftrace', ['-e', script], { output: false, env: { BPFTRACE_STRLEN: '200' } });
			await until(() => {
				if (started.child.exitCode !== null) throw new Error(`bpftrace ended: ${started.stderr()}`);
				return perfEvents(started.pid) >= probes;
			}, 'bpftrace attached');
			return {
				pids: [started.pid],
				stop: async () => {
					// bpftrace reliably handles a signal only while it waits for events.
					const again = setInterval(() => started.child.kill('SIGINT'), 1000);
					await interrupt(started);
					clearInterval(again);
					const lost = [...started.stderr().matchAll(/Lost (\d+) events/g)];
					return { rows: [], lost: lost.reduce((sum, match) => sum + Number(match[1]), 0) };
				},
			};
		},
	};
}

/** The number of perf events that a process holds open, one per probe. */
export function perfEvents(pid: number): number {
	const descriptors = `/proc/${pid}/fd`;
	return readdirSync(descriptors).filter((fd) => {
		try {
			return readlinkSync(`${descriptors}/${fd}`) === 'anon_inode:[perf_event]';
		} catch {
			// The descriptor has been closed in the meantime.
			return false;
		}
	}).length;
}

export const strace: Tracer = {
	name: 'strace',
	start: async ({ workers }) => {
		const started = start('strace', [
			'-f',
			'-e',
			'trace=network,read,write,writev,sendfile',
			'-o',
			'/dev/null',
			...workers.flatMap((pid) => ['-p', String(pid)]),
		]);
		await until(() => (started.stderr().match(/attached/g) ?? []).length >= workers.length, 'strace attached');
		return {
			pids: [started.pid],
			stop: async () => {
				await interrupt(started);
				return NOTHING;
			},
		};
	},
};

/** Empty programs on all tracepoints that tinytap uses: the minimum of its cost. */
export const floor = emptyPrograms('empty programs', tracepoints);

/** The same, with one tracepoint per call: the minimum for tools that attach to these. */
export const callFloor = emptyPrograms('empty programs, one per call', callTracepoints);

function emptyPrograms(name: string, places: () => readonly string[]): Tracer {
	return {
		name,
		start: async () => {
			const started = start(ownProgram('attach-empty'), [emptyObject(), ...places()]);
			await untilSays(started, 'attached');
			return {
				pids: [started.pid],
				stop: async () => {
					await interrupt(started);
					return NOTHING;
				},
			};
		},
	};
}

async function untilSays(started: Started, word: string): Promise<void> {
	await until(() => {
		if (started.child.exitCode !== null) throw new Error(`ended early: ${started.stderr()}`);
		return started.stdout().includes(word);
	}, word);
}

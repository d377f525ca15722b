// Runs the measured programs: starts them, watches their output, ends them, and measures their CPU time.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

export type Started = {
	readonly child: ChildProcess;
	readonly pid: number;
	readonly stdout: () => string;
	readonly stderr: () => string;
	/** Resolves with the exit code. */
	readonly ended: Promise<number | null>;
};

/** Conditions for running every measured program. */
export type Conditions = {
	/** Run at nice -10, so that other programs on the machine get little CPU time meanwhile. */
	readonly priority: boolean;
	/** A lock file with which measurements of several checkouts take turns. */
	readonly lock: string | undefined;
	/** Other captures may run meanwhile: they are not waited for. */
	readonly shared?: boolean;
};

let conditions: Conditions = { priority: false, lock: undefined };

export function setConditions(wanted: Conditions): void {
	conditions = wanted;
}

/** Programs that an interrupted benchmark must not leave behind. */
const alive = new Set<ChildProcess>();
process.on('exit', () => {
	for (const child of alive) child.kill('SIGTERM');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));

/** `output`: false discards its stdout. `input`: it reads what is written to `child.stdin`. */
export function start(
	command: string,
	args: readonly string[],
	{
		env = {},
		output = true,
		input = false,
		cwd,
	}: { env?: NodeJS.ProcessEnv; output?: boolean; input?: boolean; cwd?: string } = {},
): Started {
	// `nice` executes the program in its own process, so the pid is the program's.
	const [name, ...words] = conditions.priority ? ['nice', '-n', '-10', command, ...args] : [command, ...args];
	const child = spawn(name!, words, {
		stdio: [input ? 'pipe' : 'ignore', output ? 'pipe' : 'ignore', 'pipe'],
		env: { ...process.env, ...env },
		cwd,
	});
	let stdout = '';
	let stderr = '';
	child.stdout?.setEncoding('utf8').on('data', (text: string) => {
		stdout += text;
	});
	child.stderr?.setEncoding('utf8').on('data', (text: string) => {
		stderr += text;
	});
	alive.add(child);
	const ended = new Promise<number | null>((resolve, reject) => {
		child.on('error', reject);
		child.on('close', (code) => {
			alive.delete(child);
			resolve(code);
		});
	});
	return { child, pid: child.pid ?? 0, stdout: () => stdout, stderr: () => stderr, ended };
}

/** Runs a program to its end and returns its output. Throws if it fails. */
export async function run(
	command: string,
	args: readonly string[],
	options: { env?: NodeJS.ProcessEnv; cwd?: string } = {},
): Promise<string> {
	const started = start(command, args, options);
	const code = await started.ended;
	if (code !== 0) throw new Error(`${command} ended with ${code}: ${started.stderr()}`);
	return started.stdout();
}

/** The same, with the CPU time it took, as bash measures it for its child. */
export async function runTimed(
	command: string,
	args: readonly string[],
	options: { cwd?: string } = {},
): Promise<{ stdout: string; stderr: string; cpuUs: number; seconds: number }> {
	const script = 'TIMEFORMAT="times %R %U %S"; time "$@"';
	const started = start('bash', ['-c', script, 'bash', command, ...args], options);
	const code = await started.ended;
	if (code !== 0) throw new Error(`${command} ended with ${code}: ${started.stderr()}`);
	const [, real, user, system] = /^times (\S+) (\S+) (\S+)$/m.exec(started.stderr()) ?? [];
	return {
		stdout: started.stdout(),
		stderr: started.stderr(),
		cpuUs: (Number(user) + Number(system)) * 1e6,
		seconds: Number(real),
	};
}

/** Waits until `test` returns true. */
export async function until(test: () => boolean, what: string, seconds = 30): Promise<void> {
	const end = performance.now() + seconds * 1000;
	while (!test()) {
		if (performance.now() > end) throw new Error(`waited ${seconds} s without success: ${what}`);
		await delay(2);
	}
}

/** CPU time of all living threads of these processes, in microseconds. */
export function cpuUs(pids: readonly number[]): number {
	let nanoseconds = 0;
	for (const pid of pids)
		for (const tid of readdirSync(`/proc/${pid}/task`))
			nanoseconds += Number(readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'utf8').split(' ')[0]);
	return nanoseconds / 1000;
}

/** Children of a process. */
export function childrenOf(pid: number): number[] {
	return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
}

/**
 * Asks it to end, a second time if necessary, and then kills it, because bpftrace can miss a signal. Returns its exit
 * code.
 */
export async function interrupt(started: Started, signal: NodeJS.Signals = 'SIGINT'): Promise<number | null> {
	started.child.kill(signal);
	const again = setTimeout(() => started.child.kill(signal), 20_000);
	const enough = setTimeout(() => started.child.kill('SIGKILL'), 30_000);
	try {
		return await started.ended;
	} finally {
		clearTimeout(again);
		clearTimeout(enough);
	}
}

/** BPF programs on the machine whose names begin with `prefix`. */
export function bpfPrograms(prefix: string): { id: number; name: string; runNs: number; runs: number }[] {
	const { stdout } = spawnSync('bpftool', ['-j', 'prog', 'show'], { encoding: 'utf8' });
	const list = JSON.parse(stdout || '[]') as { id: number; name?: string; run_time_ns?: number; run_cnt?: number }[];
	return list
		.filter(({ name = '' }) => name.startsWith(prefix))
		.map(({ id, name, run_time_ns, run_cnt }) => ({
			id,
			name: name ?? '',
			runNs: run_time_ns ?? 0,
			runs: run_cnt ?? 0,
		}));
}

/** Waits until nothing of a capture is left in the kernel, which takes several seconds. */
export async function untilDetached(): Promise<void> {
	const end = performance.now() + (conditions.shared ? 1000 : 60_000);
	while (bpfPrograms('handle_').length > 0) {
		if (conditions.shared && performance.now() > end) return;
		if (performance.now() > end) throw new Error('another capture runs on this machine');
		await delay(50);
	}
}

/** How long the lock is kept after a measurement for the next one: acquiring it again can take much longer. */
const HOLD_MS = 130_000;

type Hold = { readonly release: () => Promise<void>; readonly since: number };
let hold: Hold | undefined;

/** Runs a measurement. With a lock file, takes turns with other checkouts. */
export async function turn<T>(measure: () => Promise<T>): Promise<T> {
	if (conditions.lock === undefined) return await measure();
	hold ??= await takeLock(conditions.lock);
	try {
		return await measure();
	} finally {
		if (performance.now() - hold.since > HOLD_MS) await endTurn();
	}
}

/** Releases the lock early, when nothing more is measured. */
export async function endTurn(): Promise<void> {
	await hold?.release();
	hold = undefined;
}

async function takeLock(path: string): Promise<Hold> {
	const holder = spawn('flock', [path, 'sh', '-c', 'echo held; read line'], { stdio: ['pipe', 'pipe', 'inherit'] });
	await new Promise<void>((resolve, reject) => {
		holder.stdout.once('data', () => resolve());
		holder.once('close', () => reject(new Error(`cannot lock ${path}`)));
	});
	return {
		since: performance.now(),
		release: async () => {
			holder.stdin.end();
			await new Promise((resolve) => holder.once('close', resolve));
		},
	};
}

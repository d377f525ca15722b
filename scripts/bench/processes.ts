// Programs that are measured: started, watched for what they say, ended, and the time they spent on a CPU.
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

/** How everything measured is run. */
export type Conditions = {
	/** At nice -10: what else runs on the machine gets little meanwhile. */
	readonly priority: boolean;
	/** A file that measurements of several checkouts take turns by. */
	readonly lock: string | undefined;
};

let conditions: Conditions = { priority: false, lock: undefined };

export function setConditions(wanted: Conditions): void {
	conditions = wanted;
}

/** What an interrupted benchmark must not leave behind. */
const alive = new Set<ChildProcess>();
process.on('exit', () => {
	for (const child of alive) child.kill('SIGTERM');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));

/** `output`: false throws away what it prints to stdout. `input`: it reads what is written to `child.stdin`. */
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
	// `nice` executes the program in its own place: the pid is the program's.
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

/** Runs to its end; what it prints. Throws when it fails. */
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

/** Likewise with the CPU time it took: bash's own clock of its child. */
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

/** Waits until `test` says so. */
export async function until(test: () => boolean, what: string, seconds = 30): Promise<void> {
	const end = performance.now() + seconds * 1000;
	while (!test()) {
		if (performance.now() > end) throw new Error(`waited ${seconds} s without success: ${what}`);
		await delay(2);
	}
}

/** Microseconds that all living threads of these processes have spent on a CPU. */
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

/** Asks it to end, again if it must, and does not wait for ever: bpftrace can miss a signal. Its exit code. */
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

/** BPF programs on the machine whose name begins like this. */
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

/** Nothing of a capture is left in the kernel: detaching takes it some seconds. */
export async function untilDetached(): Promise<void> {
	const end = performance.now() + 60_000;
	while (bpfPrograms('handle_').length > 0) {
		if (performance.now() > end) throw new Error('another capture runs on this machine');
		await delay(50);
	}
}

/** So long the lock is kept from one measurement to the next: getting it again can take much longer. */
const HOLD_MS = 130_000;

type Hold = { readonly release: () => Promise<void>; readonly since: number };
let hold: Hold | undefined;

/** Runs a measurement; takes turns by the lock file with other checkouts' when there is one. */
export async function turn<T>(measure: () => Promise<T>): Promise<T> {
	if (conditions.lock === undefined) return await measure();
	hold ??= await takeLock(conditions.lock);
	try {
		return await measure();
	} finally {
		if (performance.now() - hold.since > HOLD_MS) await endTurn();
	}
}

/** Lets go of the lock before its time: nothing is measured any more. */
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

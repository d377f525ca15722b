// The built CLI as a user starts it.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { stopChild } from './servers.ts';

export const CLI = join(import.meta.dirname, '../dist/tinytap.cjs');
/** The command started in place of `tinytap`; arguments follow. */
export const TINYTAP: readonly string[] = [join(import.meta.dirname, '../build/tinytap-launcher')];
/** Node's flags for a start without the launcher. */
export const NODE_FLAGS = [
	'--disallow-code-generation-from-strings',
	'--disable-proto=delete',
	'--no-warnings',
	'--max-semi-space-size=4',
	'--heap-growing-percent=20',
];

/** The tests' own home directory, so that nobody's history and queries are affected. */
export const TEST_HOME = mkdtempSync(join(tmpdir(), 'tinytap-home-'));

export const TEST_ENV: NodeJS.ProcessEnv = {
	...process.env,
	// Under sudo, tinytap would run as the sudo user, who cannot enter root's temporary directories.
	SUDO_UID: undefined,
	SUDO_GID: undefined,
	HOME: TEST_HOME,
	XDG_CONFIG_HOME: '',
	XDG_DATA_HOME: '',
	XDG_STATE_HOME: '',
	NO_COLOR: '1',
};

export type Finished = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

export type Tinytap = {
	readonly child: ChildProcess;
	readonly stdout: () => string;
	readonly stderr: () => string;
	/** Resolves when the line `tinytap: capturing` has been printed; rejects if the process ends first. */
	readonly attached: () => Promise<void>;
	readonly finished: Promise<Finished>;
	readonly interrupt: () => void;
	readonly stop: () => Promise<void>;
};

export type StartOptions = {
	readonly cwd?: string;
	readonly input?: string;
	/** stdin is a pipe, which the test writes to and ends. */
	readonly openInput?: boolean;
	/** A program that starts tinytap by executing its arguments. */
	readonly under?: readonly string[];
	/** The launcher to use instead of this checkout's. */
	readonly launcher?: string;
	/** Variables in addition to TEST_ENV. */
	readonly env?: NodeJS.ProcessEnv;
};

/** Starts `tinytap ARGS`. */
export function startTinytap(args: readonly string[], options: StartOptions = {}): Tinytap {
	const launcher = options.launcher === undefined ? TINYTAP : [options.launcher];
	const [program, ...words] = [...(options.under ?? []), ...launcher, ...args];
	const child = spawn(program!, words, {
		stdio: [options.input === undefined && options.openInput !== true ? 'ignore' : 'pipe', 'pipe', 'pipe'],
		env: { ...TEST_ENV, ...options.env },
		...(options.cwd === undefined ? {} : { cwd: options.cwd }),
	});
	if (options.input !== undefined) child.stdin?.end(options.input);
	let stdout = '';
	let stderr = '';
	child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
		stdout += chunk;
	});
	child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
		stderr += chunk;
	});
	const finished = new Promise<Finished>((resolve) => child.on('close', (code) => resolve({ code, stdout, stderr })));
	return {
		child,
		stdout: () => stdout,
		stderr: () => stderr,
		attached: async () => {
			await eventually(
				() => {
					if (/^tinytap: (capturing|replaying)/m.test(stderr)) return true;
					if (child.exitCode !== null)
						throw new Error(`tinytap ended with ${child.exitCode} before it was attached: ${stderr}`);
					return undefined;
				},
				() => `tinytap did not attach: ${stderr}`,
			);
		},
		finished,
		interrupt: () => child.kill('SIGINT'),
		stop: () => stopChild(child),
	};
}

/** The processes that process `pid` has started: for tinytap, the helper and the program after `--`. */
export function childrenOf(pid: number): number[] {
	return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
}

/** Runs `tinytap ARGS` to its end. */
export async function runTinytap(args: readonly string[], options: StartOptions = {}): Promise<Finished> {
	return await startTinytap(args, options).finished;
}

/**
 * Captures with `tinytap query SQL --format ndjson` while `work` runs, ends the capture, and returns the rows.
 * `settled`: continue capturing until everything sent is in the table.
 */
export async function captureRows(
	sql: string,
	args: readonly string[],
	work: () => Promise<void>,
): Promise<Record<string, unknown>[]> {
	const tinytap = startTinytap(['query', sql, '--format', 'ndjson', ...args]);
	try {
		await tinytap.attached();
		await work();
		tinytap.interrupt();
		const { code, stdout, stderr } = await tinytap.finished;
		if (code !== 0) throw new Error(`tinytap query ended with ${code}: ${stderr}`);
		return parseRows(stdout);
	} finally {
		await tinytap.stop();
	}
}

/** Rows of `--format ndjson`. */
export function parseRows(text: string): Record<string, unknown>[] {
	return text
		.split('\n')
		.filter((line) => line !== '')
		.map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Asks a shell started with `openInput` and `--format ndjson`; the answer is the next row. */
export async function askPiped(tinytap: Tinytap, sql: string): Promise<Record<string, unknown>> {
	const rows = parseRows(tinytap.stdout()).length;
	tinytap.child.stdin!.write(sql);
	return await eventually(
		() => {
			if (tinytap.child.exitCode !== null) throw new Error(`tinytap ended: ${tinytap.stderr()}`);
			return parseRows(tinytap.stdout())[rows];
		},
		() => `no answer to ${sql}: ${tinytap.stderr()}`,
		120,
	);
}

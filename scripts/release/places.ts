// What the tools of a release share: places, the version, the architectures, and how programs are run.
import { type ExecFileSyncOptions, execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '../..');
/** Where packages are written. */
export const PACKAGES = join(ROOT, 'build/packages');
/** What was downloaded for them, kept for the next time. */
export const DOWNLOADS = join(ROOT, 'build/downloads');

/** The Node that packages bring. */
export const NODE_VERSION = '20.20.2';

export type Architecture = 'x64' | 'arm64';
export const ARCHITECTURES: readonly Architecture[] = ['x64', 'arm64'];

/** Its names in Debian, in an .rpm, and of GNU's tools. */
export const NAMES: Readonly<Record<Architecture, { debian: string; rpm: string; gnu: string }>> = {
	x64: { debian: 'amd64', rpm: 'x86_64', gnu: 'x86_64-linux-gnu' },
	arm64: { debian: 'arm64', rpm: 'aarch64', gnu: 'aarch64-linux-gnu' },
};

export type Manifest = Record<string, unknown> & { readonly version: string; readonly description: string };

export function manifest(): Manifest {
	return JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest;
}

/** Runs a program and returns what it prints; its errors go to stderr. */
export function run(program: string, args: readonly string[], options: ExecFileSyncOptions = {}): string {
	return execFileSync(program, args, {
		cwd: ROOT,
		encoding: 'utf8',
		maxBuffer: 1 << 28,
		stdio: ['ignore', 'pipe', 'inherit'],
		...options,
	}) as string;
}

/** The time in all packages: that of the commit, so that the same commit gives the same bytes. */
export function sourceDate(): number {
	const given = Number(process.env.SOURCE_DATE_EPOCH);
	return given > 0 ? given : Number(run('git', ['log', '-1', '--format=%ct']).trim());
}

/** The environment in which tools write the same bytes each time. */
export function fixedEnvironment(): NodeJS.ProcessEnv {
	return {
		...process.env,
		SOURCE_DATE_EPOCH: String(sourceDate()),
		LC_ALL: 'C.UTF-8',
		TZ: 'UTC',
		XZ_DEFAULTS: '',
		XZ_OPT: '',
	};
}

export function say(text: string): void {
	process.stderr.write(`release: ${text}\n`);
}

// Servers and clients come from Debian packages. Missing ones are installed, with a message, as in scripts/setup.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Need } from './server-kind.ts';

/** Not everybody's PATH contains the sbin directories. */
process.env.PATH = `${process.env.PATH}:/usr/sbin:/sbin`;

/** Installs the packages that provide missing needs. A failure is reported, and `missing` finds what is still absent. */
export function install(needs: readonly Need[]): void {
	const packages = [...new Set(needs.filter((need) => !isThere(need)).map((need) => need.package))];
	if (packages.length === 0) return;
	console.error(`compat: installing with apt-get: ${packages.join(' ')}`);
	// One at a time, so that an unavailable package does not prevent the others.
	for (const name of packages) {
		if (!aptInstall(name)) {
			run('apt-get', ['update', '-q']);
			aptInstall(name);
		}
	}
}

/** Which of the needs are missing, in words; undefined if none are. */
export function missing(needs: readonly Need[]): string | undefined {
	const absent = needs.filter((need) => !isThere(need));
	if (absent.length === 0) return undefined;
	return `${absent.map((need) => need.command ?? need.file).join(', ')} not found, apt package ${absent.map((need) => need.package).join(', ')} could not be installed`;
}

/** The first line of a program's version output that contains a number. */
export function versionOf(words: readonly string[]): string {
	const [command = '', ...args] = words;
	const { stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
	const line = `${stdout}\n${stderr}`.split('\n').find((text) => /\d\.\d/.test(text)) ?? '';
	return /\d+(\.\d+)+[\w.+~-]*/.exec(line)?.[0] ?? 'unknown';
}

function isThere(need: Need): boolean {
	if (need.file !== undefined) return existsSync(need.file);
	return (process.env.PATH ?? '').split(':').some((directory) => existsSync(`${directory}/${need.command}`));
}

function aptInstall(name: string): boolean {
	return run('apt-get', ['install', '-y', '-q', '--no-install-recommends', name]);
}

function run(command: string, args: readonly string[]): boolean {
	// RUNLEVEL=1 keeps server packages from starting their servers; we start our own.
	const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
	const { status, stdout, stderr, error } = spawnSync(command, args, { env, encoding: 'utf8' });
	if (status === 0) return true;
	console.error(`compat: ${command} ${args.join(' ')} failed: ${error?.message ?? (stderr || stdout).trim()}`);
	return false;
}

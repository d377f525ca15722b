// Programs that the benchmarks run besides tinytap: those of the distribution, installed if missing, and small ones of
// our own, compiled into build/bench when their sources are newer.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');
const SOURCES = join(import.meta.dirname, 'programs');
const BUILT = join(ROOT, 'build/bench');

/** The packages of Debian and Ubuntu that contain them. */
const PACKAGES = {
	bpftool: 'bpftool',
	bpftrace: 'bpftrace',
	flock: 'util-linux',
	h2load: 'nghttp2-client',
	nginx: 'nginx-light',
	openssl: 'openssl',
	psql: 'postgresql',
	script: 'bsdutils',
	'redis-benchmark': 'redis-tools',
	'redis-server': 'redis-server',
	sqlite3: 'sqlite3',
	strace: 'strace',
	tcpdump: 'tcpdump',
	'llvm-readelf': 'llvm',
	wrk: 'wrk',
} as const;

export type Program = keyof typeof PACKAGES;

/** The option with which each prints its version. */
const VERSION_OPTIONS: Partial<Record<Program, string>> = { nginx: '-v', openssl: 'version', wrk: '-v' };

/** Installs missing programs with apt-get, and says so. Needs root, as capturing does. */
export function requirePrograms(names: readonly Program[]): void {
	if (process.getuid?.() !== 0) throw new Error('expected root: this benchmark captures live traffic');
	const missing = names.filter((name) => spawnSync('which', [name]).status !== 0).map((name) => PACKAGES[name]);
	if (missing.length === 0) return;
	console.error(`installing with apt-get: ${missing.join(' ')}`);
	const install = ['install', '-y', '-q', '--no-install-recommends', ...missing];
	// RUNLEVEL=1 keeps server packages from starting their servers.
	const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
	if (spawnSync('apt-get', install, { stdio: 'ignore', env }).status === 0) return;
	spawnSync('apt-get', ['update', '-q'], { stdio: 'ignore', env });
	if (spawnSync('apt-get', install, { stdio: ['ignore', 'ignore', 'inherit'], env }).status !== 0)
		throw new Error(`apt-get could not install ${missing.join(' ')}`);
}

/** Versions for the page: `nginx` → `1.22.1`. */
export function versionsOf(names: readonly Program[]): Record<string, string> {
	return Object.fromEntries(
		names.map((name) => {
			const { stdout, stderr } = spawnSync(name, [VERSION_OPTIONS[name] ?? '--version'], { encoding: 'utf8' });
			return [name, /\d+\.\d+[\w.]*/.exec(`${stdout}${stderr}`)?.[0] ?? 'unknown version'];
		}),
	);
}

/** Path of our own program, compiled. */
export function ownProgram(name: 'paced' | 'attach-empty' | 'ring-reader' | 'tls-reader' | 'library-users'): string {
	const target = join(BUILT, name);
	if (name === 'paced') return compile(target, ['paced.c'], 'gcc', ['-O2', '-Wall']);
	if (name === 'library-users') return compile(target, ['library-users.c'], 'gcc', ['-O2', '-Wall'], ['-ldl']);
	// The parts of the addon that do not depend on JavaScript.
	const parts = readdirSync(join(ROOT, 'native'))
		.filter((file) => file.endsWith('.cc') && file !== 'addon.cc')
		.map((file) => join(ROOT, 'native', file));
	return compile(target, [`${name}.cc`], 'g++', ['-std=c++17', '-O2', '-Wall'], [...parts, '-lbpf']);
}

/** libnghttp2's inflater on a file of header blocks. */
export function inflateProgram(): string {
	return compile(join(BUILT, 'inflate'), ['inflate.c'], 'gcc', ['-O2', '-Wall'], ['-lnghttp2']);
}

/** The BPF object with empty programs. */
export function emptyObject(): string {
	return compile(join(BUILT, 'empty.bpf.o'), ['empty.bpf.c'], 'clang', ['-O2', '-g', '-target', 'bpf', '-c']);
}

/**
 * The tracepoints that tinytap attaches to, as `category/name`, in its order; the one for the exits of all calls is
 * last.
 */
export function tracepoints(): string[] {
	// The one for receives is used only on kernels without type information.
	const attached = sections('build/tinytap.bpf.o').filter((name) => name !== 'tcp/tcp_rcv_space_adjust');
	return [...attached, 'raw_syscalls/sys_exit'];
}

/** The tracepoints of single calls that show the same, as a user of other tools would name them. */
export function callTracepoints(): string[] {
	const old = sections('build/tinytap-old.bpf.o').filter((name) => name.startsWith('syscalls/sys_exit_'));
	return [...sections('build/tinytap.bpf.o'), ...old];
}

function sections(object: string): string[] {
	const headers = execFileSync('llvm-readelf', ['-S', '-W', join(ROOT, object)], { encoding: 'utf8' });
	const names = [...headers.matchAll(/\] tracepoint\/(\S+) /g)].map((match) => match[1]!);
	return [...new Set(names)].filter((name) => !name.startsWith('tail-call/'));
}

function compile(
	target: string,
	sources: readonly string[],
	compiler: string,
	flags: readonly string[],
	more: readonly string[] = [],
): string {
	const paths = sources.map((source) => join(SOURCES, source));
	const headers = ['native', 'bpf'].flatMap((folder) =>
		readdirSync(join(ROOT, folder)).map((file) => join(ROOT, folder, file)),
	);
	const inputs = [...paths, ...more.filter((path) => path.startsWith('/')), ...headers];
	const age = (path: string) => statSync(path).mtimeMs;
	if (existsSync(target) && inputs.every((path) => age(path) < age(target))) return target;
	mkdirSync(BUILT, { recursive: true });
	execFileSync(compiler, [...flags, ...paths, ...more, '-o', target], { stdio: 'inherit' });
	return target;
}

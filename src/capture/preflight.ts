// Checks whether this machine has what a capture needs. Changes nothing.
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { arch, platform, release } from 'node:os';
import { systemCode, UserError } from '../base/errors.ts';
import { howToRepair } from '../base/installation.ts';
import type { Check } from './check.ts';
import {
	containerRights,
	type HostSystem,
	hostSystem,
	kernelWith,
	newerKernel,
	withoutLockdown,
} from './host-system.ts';
import { howToGetRights } from './launcher-access.ts';
import { loadNativeAddon, type NativeCapture } from './native-addon.ts';
import { explainedByLimits, requireAddressSpace } from './process-limits.ts';
import { attachingRights, mayLoadPrograms, ownRights, type Rights, rightsChecks } from './rights-checks.ts';

/** Files of the build that a capture needs. */
export type PreflightFiles = { readonly bpfObject: string; readonly addon: string; readonly decoder: string };

/** Of `engines` in package.json. */
const OLDEST_NODE: readonly [number, number] = [20, 19];
/** Linux 5.8 added ring buffers. */
const OLDEST_KERNEL: readonly [number, number] = [5, 8];
/** Linux 5.17 added bpf_loop. Before, arguments must be saved when a call begins, which costs twice as much. */
const EXIT_ONLY_KERNEL: readonly [number, number] = [5, 17];

const TRACEFS_PLACES = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'];

/**
 * All checks, in the order of a capture's start. `attacher`: descriptor of the socket to the privileged process.
 * Undefined: this process would capture itself.
 */
export function preflight(files: PreflightFiles, attacher: number | undefined): Check[] {
	const checks = [checkNode(), checkPlatform()];
	if (platform() !== 'linux') return checks;
	const system = hostSystem();
	const rights = rightsFor(files, attacher);
	const { checks: ofFiles, tracepoints } = checkFiles(files, rights, attacher);
	return [
		...checks,
		checkAddressSpace(),
		checkKernel(system),
		...rightsChecks(rights, howToGetRights()),
		...checkTracefs(files, rights, tracepoints, system),
		checkBtf(system),
		checkLockdown(system),
		...ofFiles,
	];
}

/** The checks that need no privileges, for a machine on which a capture is already running. */
export function checksOfRunningCapture(): Check[] {
	const system = hostSystem();
	return [
		checkNode(),
		checkPlatform(),
		checkAddressSpace(),
		checkKernel(system),
		checkBtf(system),
		checkLockdown(system),
		{ name: 'capture', status: 'ok', detail: 'is running' },
	];
}

/**
 * The privileges of the process that would attach; this process's own if the addon does not load, which checkFiles()
 * reports.
 */
function rightsFor(files: PreflightFiles, attacher: number | undefined): Rights {
	try {
		return attachingRights(loadNativeAddon(files.addon), attacher);
	} catch {
		return ownRights();
	}
}

/** The directory where tracefs is mounted, or undefined. */
function tracefsDirectory(): string | undefined {
	return TRACEFS_PLACES.find((place) => existsSync(`${place}/events/syscalls`));
}

/** Where tracefs is mounted, readable or not. */
function mountedTracefs(): string | undefined {
	const mounts = (readText('/proc/self/mounts') ?? '').split('\n').map((line) => line.split(' '));
	return mounts.find(([, , type]) => type === 'tracefs')?.[1];
}

function checkNode(): Check {
	const detail = `Node.js ${process.versions.node}`;
	const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
	if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]))
		return { name: 'node', status: 'ok', detail };
	return {
		name: 'node',
		status: 'failed',
		detail,
		affects: 'everything',
		fix: `Install Node.js ${OLDEST_NODE.join('.')} or newer, or the .deb, .rpm or single file, which bring their own.`,
	};
}

function checkPlatform(): Check {
	if (platform() === 'linux' && !['x64', 'arm64'].includes(arch()))
		return {
			name: 'platform',
			status: 'failed',
			detail: `linux ${arch()}`,
			affects: 'live capture',
			fix: 'Capture on x64 or arm64; recordings can be read here: tinytap --replay FILE.',
		};
	if (platform() === 'linux') return { name: 'platform', status: 'ok', detail: `linux ${arch()}` };
	return {
		name: 'platform',
		status: 'failed',
		detail: `${platform()} ${arch()}`,
		affects: 'live capture',
		fix: 'Capture on Linux; recordings can be read here: tinytap --replay FILE.',
	};
}

function checkAddressSpace(): Check {
	try {
		requireAddressSpace();
		return { name: 'limits', status: 'ok', detail: 'the address space is large enough' };
	} catch (error) {
		if (!(error instanceof UserError)) throw error;
		return {
			name: 'limits',
			status: 'failed',
			detail: error.message,
			affects: 'live capture, and reading recordings',
			...(error.hint === undefined ? {} : { fix: error.hint }),
		};
	}
}

function checkKernel(system: HostSystem): Check {
	const [major = 0, minor = 0] = release()
		.split('.')
		.map((part) => Number.parseInt(part, 10));
	const atLeast = ([a, b]: readonly [number, number]) => major > a || (major === a && minor >= b);
	const detail = `Linux ${release()}`;
	if (!atLeast(OLDEST_KERNEL)) {
		return {
			name: 'kernel',
			status: 'failed',
			detail,
			affects: 'live capture',
			fix: `Linux 5.8 or newer is needed (BPF ring buffer). ${newerKernel(system)}`,
		};
	}
	if (!atLeast(EXIT_ONLY_KERNEL)) {
		return {
			name: 'kernel',
			status: 'warning',
			detail,
			affects: 'system calls cost more; calls already waiting when capture starts are not seen',
			fix: `Use Linux 5.17 or newer, where arguments are read when a call returns. ${newerKernel(system)}`,
		};
	}
	return { name: 'kernel', status: 'ok', detail };
}

function checkTracefs(
	files: PreflightFiles,
	rights: Rights,
	tracepoints: Tracepoints | undefined,
	system: HostSystem,
): Check[] {
	const mounted = mountedTracefs();
	const directory = tracepoints === undefined ? tracefsDirectory() : (mounted ?? tracefsDirectory());
	const root = rights.isRoot;
	if (directory === undefined && mounted !== undefined) {
		return [
			{
				name: 'tracefs',
				status: 'failed',
				detail: `${mounted}: mounted, but you may not read it`,
				affects: 'live capture; the available tracepoints cannot be checked',
				fix: root ? `A security module or a container hides it. ${containerRights(system)}` : howToGetRights(),
			},
		];
	}
	if (directory === undefined) {
		return [
			{
				name: 'tracefs',
				status: root ? 'warning' : 'failed',
				detail: `not mounted at ${TRACEFS_PLACES.join(' or ')}`,
				affects: 'live capture',
				fix: root
					? 'A capture does this: mount -t tracefs none /sys/kernel/tracing'
					: `As root: mount -t tracefs none /sys/kernel/tracing`,
			},
		];
	}
	const { wanted, missing } = tracepoints ?? readTracepoints(files.bpfObject, directory);
	if (wanted === 0) {
		const unknown: Check = {
			name: 'tracepoints',
			status: 'warning',
			detail: 'cannot be checked: the BPF object, which names them, is missing or not readable',
			affects: 'live capture',
			fix: howToRepair(),
		};
		return [{ name: 'tracefs', status: 'ok', detail: directory }, unknown];
	}
	const found: Check =
		missing.length === 0
			? { name: 'tracepoints', status: 'ok', detail: `all ${wanted} found` }
			: {
					name: 'tracepoints',
					status: missing.length === wanted ? 'failed' : 'warning',
					detail: `missing: ${missing.join(', ')}`,
					affects: 'these calls are not seen',
					fix: kernelWith('CONFIG_FTRACE_SYSCALLS', system),
				};
	return [{ name: 'tracefs', status: 'ok', detail: directory }, found];
}

type Tracepoints = { readonly wanted: number; readonly missing: readonly string[] };

function readTracepoints(bpfObject: string, directory: string): Tracepoints {
	const wanted = wantedTracepoints(bpfObject);
	return { wanted: wanted.length, missing: wanted.filter((name) => !existsSync(`${directory}/events/${name}`)) };
}

/** The tracepoints in the section names of the BPF object, as `category/name`. `tp_btf` sections have no category. */
function wantedTracepoints(bpfObject: string): string[] {
	if (!existsSync(bpfObject)) return [];
	const object = readFileSync(bpfObject, 'latin1');
	const names = [...object.matchAll(/tracepoint\/([a-z0-9_]+\/[a-z0-9_]+)\0/g)].map((match) => match[1]!);
	if (object.includes('tp_btf/sys_exit\0')) names.push('raw_syscalls/sys_exit');
	return [...new Set(names)];
}

function checkBtf(system: HostSystem): Check {
	if (existsSync('/sys/kernel/btf/vmlinux')) return { name: 'btf', status: 'ok', detail: '/sys/kernel/btf/vmlinux' };
	return {
		name: 'btf',
		status: 'warning',
		detail: 'the kernel has no type information',
		affects:
			'system calls cost more; a connection passed to another process counts as a new one; --port also captures connections whose port is unknown',
		fix: kernelWith('CONFIG_DEBUG_INFO_BTF', system),
	};
}

function checkLockdown(system: HostSystem): Check {
	const text = readText('/sys/kernel/security/lockdown');
	const mode = /\[(\w+)\]/.exec(text ?? '')?.[1] ?? 'none';
	if (mode === 'none' || mode === 'integrity') return { name: 'lockdown', status: 'ok', detail: mode };
	return {
		name: 'lockdown',
		status: 'failed',
		detail: mode,
		affects: 'BPF programs may not read the memory of processes',
		fix: withoutLockdown(system),
	};
}

type FileChecks = { readonly checks: Check[]; readonly tracepoints?: Tracepoints };

function checkFiles(files: PreflightFiles, rights: Rights, attacher: number | undefined): FileChecks {
	const missing = Object.values(files).filter((path) => !readable(path));
	if (missing.length > 0) {
		const build: Check = {
			name: 'build',
			status: 'failed',
			detail: `missing: ${missing.join(', ')}`,
			affects: 'live capture',
			fix: howToRepair(),
		};
		return { checks: [build] };
	}
	try {
		const { checks, tracepoints } = checkPrograms(files, rights, attacher);
		const addon: Check = { name: 'addon', status: 'ok', detail: 'loads' };
		return { checks: [addon, ...checks], ...(tracepoints === undefined ? {} : { tracepoints }) };
	} catch (error) {
		const addon: Check = {
			name: 'addon',
			status: 'failed',
			detail: firstLine(error),
			affects: 'live capture',
			fix: repairedAddon(error),
		};
		return { checks: [addon] };
	}
}

/** An addon built for glibc does not load where the C library is another one. */
function repairedAddon(error: unknown): string {
	const needsGlibc = /ld-linux|libc\.so\.6|GLIBC_|symbol not found/.test(String(error));
	return needsGlibc
		? 'This package needs glibc 2.28 or newer. Use the single file, which brings its own.'
		: howToRepair();
}

/** Has the kernel verify the programs without attaching them; throws if the addon does not load. */
function checkPrograms(files: PreflightFiles, rights: Rights, attacher: number | undefined): FileChecks {
	const addon = loadNativeAddon(files.addon);
	try {
		const capture = addon.openCapture({
			objectPath: files.bpfObject,
			ringBytes: 4096,
			onlyCheck: true,
			...(attacher === undefined ? {} : { attacher }),
		});
		const { count, missing } = capture.tracepoints();
		const checks = [checkObject(capture.usesOldPrograms()), ...checkTls(capture)];
		capture.close();
		return { checks, tracepoints: { wanted: count + missing.length, missing } };
	} catch (error) {
		return { checks: refusal(error, rights) };
	}
}

/** Whether `--tls` would work. The launcher starts the process that attaches for `tinytap doctor`, too. */
function checkTls(capture: NativeCapture): Check[] {
	if (!capture.hasTls()) return [];
	try {
		// Detaches nothing, but fails with the reason if attaching would.
		capture.captureTls(false);
		return [{ name: 'tls', status: 'ok', detail: 'the kernel accepts the BPF programs in TLS libraries' }];
	} catch (error) {
		const lacksRights = systemCode(error) === 'ERR_NO_PERMISSION';
		return [
			{
				name: 'tls',
				status: 'warning',
				detail: firstLine(error),
				affects: '--tls: the plaintext of TLS is not read',
				fix: lacksRights
					? `Probes in libraries need CAP_SYS_ADMIN. ${howToGetRights()}`
					: 'Linux 5.17 or newer with CONFIG_UPROBE_EVENTS and CONFIG_DEBUG_INFO_BTF is needed.',
			},
		];
	}
}

/** Why the programs were refused; nothing if privileges or tracefs are the reason, because they have their own checks. */
function refusal(error: unknown, rights: Rights): Check[] {
	const code = systemCode(error);
	if ((code === 'ERR_NO_PERMISSION' && !mayLoadPrograms(rights)) || code === 'ERR_NO_TRACEFS') return [];
	const explained = explainedByLimits(error, rights);
	const hint = explained instanceof UserError ? explained.hint : undefined;
	const fix = hint ?? 'Please report this output with the kernel version.';
	return [{ name: 'programs', status: 'failed', detail: firstLine(explained), affects: 'live capture', fix }];
}

function checkObject(usesOldPrograms: boolean): Check {
	if (!usesOldPrograms) return { name: 'programs', status: 'ok', detail: 'the kernel accepts the BPF programs' };
	return {
		name: 'programs',
		status: 'warning',
		detail: 'the kernel accepts only the BPF programs for kernels before 5.17',
		affects: 'system calls cost more; calls already waiting when capture starts are not seen',
		fix: 'This is normal before Linux 5.17; on a newer kernel, please report it with the kernel version.',
	};
}

function firstLine(error: unknown): string {
	return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
}

function readable(path: string): boolean {
	try {
		accessSync(path, constants.R_OK);
		return true;
	} catch {
		return false;
	}
}

function readText(path: string): string | undefined {
	try {
		return readFileSync(path, 'utf8');
	} catch {
		// This kernel does not have the file.
		return undefined;
	}
}

// Checks the privileges that a capture needs.
import { readFileSync } from 'node:fs';
import type { Check } from './check.ts';
import { inUserNamespace, pidNamespace } from './namespaces.ts';
import type { NativeAddon } from './native-addon.ts';

/** Bits of CapEff (linux/capability.h). */
const CAP_DAC_OVERRIDE = 1n;
const CAP_SYS_PTRACE = 19n;
const CAP_SYS_ADMIN = 21n;
const CAP_SYS_NICE = 23n;
const CAP_PERFMON = 38n;
const CAP_BPF = 39n;

/** From level 3 on (a level of Debian and Android), perf events need CAP_SYS_ADMIN or CAP_PERFMON. */
const PARANOID_REFUSES = 3;

/** What the attaching process may do. */
export type Rights = {
	/** Bits of CapEff. */
	readonly capabilities: bigint;
	/** It has all of root's capabilities that concern files. */
	readonly isRoot: boolean;
};

/** The privileges of this process. */
export function ownRights(): Rights {
	const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(statusText())?.[1] ?? '0';
	return { capabilities: BigInt(`0x${effective}`), isRoot: process.getuid?.() === 0 };
}

/**
 * The privileges of the process at the other end of socket `attacher`, or of this process if `attacher` is undefined
 * or does not answer.
 */
export function attachingRights(addon: NativeAddon, attacher: number | undefined): Rights {
	const capabilities = attacher === undefined ? undefined : addon.attacherRights(attacher);
	if (capabilities === undefined) return ownRights();
	return { capabilities, isRoot: ((capabilities >> CAP_DAC_OVERRIDE) & 1n) === 1n };
}

/** `asRoot` says how to run it as root. */
export function rightsChecks(rights: Rights, asRoot: string): Check[] {
	return [
		checkLoading(rights, asRoot),
		checkPerfEvents(rights, asRoot),
		checkLooking(rights, asRoot),
		checkPidNamespace(),
	];
}

/** Whether these privileges are enough to load and attach BPF programs. */
export function mayLoadPrograms(rights: Rights): boolean {
	return !inUserNamespace() && (has(rights, CAP_SYS_ADMIN) || (has(rights, CAP_BPF) && has(rights, CAP_PERFMON)));
}

/** Privileges that a capture can start without, but whose lack limits it. */
export function missingRights(rights: Rights): string[] {
	return [
		...(has(rights, CAP_SYS_PTRACE)
			? []
			: [
					'without CAP_SYS_PTRACE, other users’ connections that are already open have no addresses, and their processes no executable',
				]),
		...(has(rights, CAP_SYS_NICE) ? [] : ['without CAP_SYS_NICE, more may be lost while all CPUs are busy']),
	];
}

function checkLoading(rights: Rights, asRoot: string): Check {
	const uid = process.getuid?.() ?? -1;
	if (mayLoadPrograms(rights)) {
		const who = rights.isRoot ? 'root' : 'the launcher';
		return { name: 'rights', status: 'ok', detail: `${who} may load and attach BPF programs` };
	}
	return {
		name: 'rights',
		status: 'failed',
		detail: inUserNamespace()
			? `in a user namespace, uid ${uid} has no rights over the kernel`
			: `uid ${uid} has neither CAP_SYS_ADMIN nor CAP_BPF with CAP_PERFMON${noMore()}`,
		affects: 'live capture',
		fix: asRoot,
	};
}

function noMore(): string {
	return /^NoNewPrivs:\s*1$/m.test(statusText()) ? ' (and cannot gain any: no_new_privs is set)' : '';
}

function checkPerfEvents(rights: Rights, asRoot: string): Check {
	const value = Number(readText('/proc/sys/kernel/perf_event_paranoid') ?? Number.NaN);
	const detail = Number.isNaN(value) ? 'not built into this kernel' : `kernel.perf_event_paranoid is ${value}`;
	if (Number.isNaN(value)) {
		return {
			name: 'perf events',
			status: 'failed',
			detail,
			affects: 'attaching to tracepoints',
			fix: 'The kernel must be built with CONFIG_PERF_EVENTS.',
		};
	}
	if (value < PARANOID_REFUSES || has(rights, CAP_SYS_ADMIN) || has(rights, CAP_PERFMON))
		return { name: 'perf events', status: 'ok', detail };
	return {
		name: 'perf events',
		status: 'failed',
		detail,
		affects: 'attaching to tracepoints',
		fix: `${asRoot}, or as root: sysctl kernel.perf_event_paranoid=2`,
	};
}

function checkLooking(rights: Rights, asRoot: string): Check {
	if (has(rights, CAP_SYS_PTRACE))
		return { name: 'ptrace', status: 'ok', detail: 'may inspect the descriptors of other processes' };
	return {
		name: 'ptrace',
		status: 'warning',
		detail: 'no CAP_SYS_PTRACE',
		affects: 'addresses of connections opened before the capture, and of unix sockets',
		fix: asRoot,
	};
}

function checkPidNamespace(): Check {
	const namespace = pidNamespace();
	if (namespace?.isInitial === true) return { name: 'processes', status: 'ok', detail: 'in the initial pid namespace' };
	return {
		name: 'processes',
		status: 'warning',
		detail: namespace === undefined ? '/proc is not mounted' : `in a separate pid namespace (${namespace.name})`,
		affects:
			'command lines, cgroups, paths of unix sockets; --pid takes the numbers of this namespace; --comm selects only processes of this namespace, and those that start later',
		fix: "Run it in the host's pid namespace (docker run --pid=host).",
	};
}

function has({ capabilities }: Rights, bit: bigint): boolean {
	return ((capabilities >> bit) & 1n) === 1n;
}

function statusText(): string {
	return readText('/proc/self/status') ?? '';
}

function readText(path: string): string | undefined {
	try {
		return readFileSync(path, 'utf8');
	} catch {
		// This kernel does not have the file.
		return undefined;
	}
}

// Limits that this process was started with (ulimit, seccomp) and that may prevent its start. The errors of the kernel
// and of Node do not name them.
import { readFileSync } from 'node:fs';
import { systemCode, UserError } from '../base/errors.ts';
import { mayLoadPrograms, ownRights, type Rights } from './rights-checks.ts';

/** Descriptors of a capture: programs, maps, links, and those of Node. */
const DESCRIPTORS = 100;
/** Threads of Node. */
const THREADS = 9;
/** V8 reserves this much for its threads and for WebAssembly, most of which is never used. */
const ADDRESS_SPACE_GIB = 14;

/** Read early, because later there may be no descriptor left to read it. */
const LIMITS = limitsText();

/** The hint if bpf(2) itself is refused. */
const BPF_FORBIDDEN =
	'A seccomp filter (containers have one) or a security module forbids bpf(2): allow it, or run tinytap outside.';

/** Throws a UserError if there is too little address space, because Node would crash later. */
export function requireAddressSpace(): void {
	const bytes = softLimit('Max address space');
	if (bytes >= ADDRESS_SPACE_GIB * 2 ** 30) return;
	throw addressSpaceError(bytes);
}

/**
 * Replaces the error of a failed start by a clearer one if a limit is the reason. `rights`: of the process that loads
 * the programs.
 */
export function explainedByLimits(error: unknown, rights: Rights = ownRights()): unknown {
	if (!(error instanceof Error)) return error;
	const { message } = error;
	const code = systemCode(error);
	const files = softLimit('Max open files');
	// A refused program counts too: libbpf takes a probe that finds no descriptor for a missing feature of the kernel.
	if (/EMFILE|Too many open files/.test(message) || (code === 'ERR_LOAD' && files < DESCRIPTORS)) {
		return new UserError(
			`too many open files: this process may have ${files}, and a capture needs ${DESCRIPTORS}`,
			'ERR_LIMIT',
			'Raise the limit in the shell that starts tinytap: ulimit -n 1024',
		);
	}
	const processes = softLimit('Max processes');
	if (code === 'ERR_WORKER_INIT_FAILED' && message.includes('EAGAIN') && Number.isFinite(processes)) {
		return new UserError(
			`too many processes: this user may have ${processes}, threads included, and tinytap needs ${THREADS}`,
			'ERR_LIMIT',
			'End some, or raise the limit in the shell that starts tinytap: ulimit -u',
		);
	}
	const space = softLimit('Max address space');
	if (/out of memory|cannot allocate memory/i.test(message) && Number.isFinite(space)) return addressSpaceError(space);
	// Only root may read tracefs, whatever else this process may do.
	const isRefused = code === 'ERR_NO_PERMISSION' && mayLoadPrograms(rights) && !message.startsWith('cannot look into');
	if (isRefused || (code === 'ERR_LOAD' && message.includes('Function not implemented')))
		return new UserError(message, 'ERR_NO_BPF', BPF_FORBIDDEN);
	return error;
}

function addressSpaceError(bytes: number): UserError {
	return new UserError(
		`the address space of this process is limited to ${Math.round(bytes / 2 ** 20)} MiB (ulimit -v), and Node.js reserves ${ADDRESS_SPACE_GIB} GiB`,
		'ERR_LIMIT',
		'Start tinytap without that limit (ulimit -v unlimited); --max-memory limits the memory it uses.',
	);
}

/** A soft limit of this process; Infinity if there is none. */
function softLimit(name: string): number {
	const value = new RegExp(`^${name}\\s+(\\d+)`, 'm').exec(LIMITS)?.[1];
	return value === undefined ? Number.POSITIVE_INFINITY : Number(value);
}

function limitsText(): string {
	try {
		return readFileSync('/proc/self/limits', 'latin1');
	} catch {
		// This is not Linux.
		return '';
	}
}

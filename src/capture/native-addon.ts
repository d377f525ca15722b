// The one file that loads the native addon (native/): types for it, and its arguments checked and given defaults.
import type { PortRange } from './capture-settings.ts';
import {
	CONTROL_CAPTURE_LIMIT,
	CONTROL_IOVECS,
	CONTROL_NAME_BYTES,
	CONTROL_NAMES,
	CONTROL_PIDS,
	CONTROL_PORT_MAX,
	CONTROL_RING_BYTES,
} from './control-limits.ts';

/** What a descriptor of a process is at this moment, according to the kernel. */
export type SocketFacts = {
	/** `gone`: no such process or descriptor any more; `unknown`: no right to look. */
	readonly kind: 'socket' | 'file' | 'gone' | 'unknown';
	/** SOCK_STREAM 1, SOCK_DGRAM 2 …; 0 unless it is a socket. */
	readonly type: number;
	/** AF_UNIX 1, AF_INET 2, AF_INET6 10 …; 0 unless it is a socket. */
	readonly family: number;
	/** `ip:port`, `[v6]:port`, `unix:/path`, or '' when there is none. */
	readonly local: string;
	readonly remote: string;
};

/** Which processes and connections are captured; a member that is left out restricts nothing. */
export type CaptureFilter = {
	/** Process ids (initial pid namespace); their descendants are included, present and future ones. */
	readonly pids?: readonly number[];
	/**
	 * Names a process, or the file it executes, may have. The kernel looks when a process executes a program; those that already run are listed in
	 * `commPids` by the caller.
	 */
	readonly comms?: readonly string[];
	readonly commPids?: readonly number[];
	/** At either end of the connection. */
	readonly ports?: readonly PortRange[];
};

/** Descriptors and sizes with which another process can take over a capture. Plain data that JSON can carry. */
export type CaptureHandles = {
	readonly ringBytes: number;
	readonly cpuCount: number;
	readonly maps: Readonly<Record<string, number>>;
	readonly links: readonly number[];
};

/** A running capture. Every method throws an Error with `code` (ERR_…) and, from libbpf, `detail`. */
export type NativeCapture = {
	/** Whether the kernel refused the programs and accepted those for kernels before 5.17. */
	usesOldPrograms(): boolean;
	/** Attaches every tracepoint this kernel has; names are `category/name`. */
	attach(): { attached: string[]; missing: string[] };
	/** The calling process is not captured from now on (attach() and adopting do this themselves). */
	excludeSelf(): void;
	excludePid(pid: number): void;
	/**
	 * Copies whole records into `into`, each at a multiple of 8 bytes, and returns the number of bytes; 0 when none came
	 * for `timeoutMs`, or sooner when one of `signals` is not 0 (looked at every `intervalMs`). Blocks. Waits up to `intervalMs` from the last call to gather records, less when many are waiting.
	 * `into` begins at a multiple of 8 of its buffer and has room for at least one record (`recordBytesMax`).
	 */
	poll(into: Uint8Array, timeoutMs: number, intervalMs: number, signals?: Int32Array): number;
	/** Bytes in the ring that poll has not taken yet. */
	waiting(): number;
	/** Pairs (events, bytes), in the order of enum capture_loss; totals since the start. */
	counters(): Float64Array;
	/** The clock of the records (CLOCK_BOOTTIME of the initial time namespace) and the wall clock, in nanoseconds, at one instant. */
	clocks(): { bootNs: bigint; wallNs: bigint };
	/**
	 * Before attach(): what is already known of a descriptor. Sockets with the same `group` (the socket's inode number; 0:
	 * none) are one connection. Never overwrites what is known. learnSockets() does this for the whole machine.
	 */
	setDescriptor(pid: number, fd: number, isSocket: boolean, closeOnExec: boolean, group: number): void;
	/**
	 * Before attach(): looks at every socket of every process (2.8 µs each), so that connections that exist already are
	 * recognised with their addresses, and shared ones as one. Returns how many descriptors were sockets.
	 */
	learnSockets(): number;
	/** `mask`: 1 by pid, 2 by comm, all bits must hold; `pids`: pid, bits, pid, bits …; `ports`: first, last, first, last … Use setFilter() below. */
	setFilter(mask: number, pids: readonly number[], comms: readonly string[], ports: readonly number[]): void;
	setPaused(paused: boolean): void;
	/** Bytes of the stream below `offset` are unwanted body: they are counted, not copied. */
	setSkip(conn: number, direction: number, offset: number): void;
	/** Answer to FLAG_UNVERIFIED: it is a stream socket. */
	confirmSocket(conn: number): void;
	/** The connection is of no interest (a file, not HTTP): no more records of it, not even its close. */
	dismiss(conn: number): void;
	/** Inheritable duplicates of the descriptors that another process needs. */
	handOver(): CaptureHandles;
	/** Detaches (the kernel takes 2–3 s) and frees everything. May be called twice. */
	close(): void;
	/** Like close(), but returns at once: a process of its own waits for the kernel, and ends then. */
	closeInBackground(): void;
};

export type CaptureOptions = {
	readonly objectPath: string;
	/** The object for kernels before 5.17, loaded when the first one is refused. Default: `tinytap-old.bpf.o` beside `tinytap.bpf.o`; '' for none. */
	readonly oldObjectPath?: string;
	/** Where tracefs is mounted, if not in the usual place. */
	readonly tracefs?: string;
	/** Rounded up to a power of two of pages. Default CONTROL_RING_BYTES. */
	readonly ringBytes?: number;
	/** Maximum bytes copied of one call. Default CONTROL_CAPTURE_LIMIT. */
	readonly captureLimit?: number;
	/** Maximum iovecs looked at in one call. Default CONTROL_IOVECS, the kernel's own limit. */
	readonly iovecLimit?: number;
	/**
	 * Use the kernel's type information to tell sockets from files, and which of them are one. Default true; a kernel
	 * without BTF does without.
	 */
	readonly kernelTypes?: boolean;
	/** Maximum connections followed; more are counted as `map_full`. Default 262,144, before Linux 6.1 16,384. */
	readonly connections?: number;
};

type Binding = {
	Capture: new (options: Required<CaptureOptions> | CaptureHandles) => NativeCapture;
	lookupSocket(pid: number, fd: number): SocketFacts;
	touchPages(memory: Uint8Array): void;
	recordBytesMax: number;
};

export type NativeAddon = {
	/** Loads the BPF object; attach() starts it. */
	openCapture(options: CaptureOptions): NativeCapture;
	/** Continues a capture that another process opened and handed over. */
	adoptCapture(handles: CaptureHandles): NativeCapture;
	/** Asks what descriptor `fd` of process `pid` is. Takes a few microseconds; needs CAP_SYS_PTRACE over the process. */
	lookupSocket(pid: number, fd: number): SocketFacts;
	/** Lets the kernel back memory that is about to be written with pages in one go. Never fails. */
	touchPages(memory: Uint8Array): void;
	/** Bytes of the longest possible record. */
	readonly recordBytesMax: number;
};

function requireInteger(name: string, value: number, least: number, most: number): number {
	if (!Number.isSafeInteger(value) || value < least || value > most)
		throw new RangeError(`expected ${name} from ${least} to ${most}, got ${value}`);
	return value;
}

/** Loads the addon, `build/tinytap.node`, by its absolute path; throws the dynamic linker's error. */
export function loadNativeAddon(path: string): NativeAddon {
	const holder = { exports: {} };
	process.dlopen(holder, path);
	const binding = holder.exports as Binding;
	return {
		openCapture: (options) =>
			new binding.Capture({
				objectPath: options.objectPath,
				oldObjectPath: options.oldObjectPath ?? options.objectPath.replace(/\.bpf\.o$/, '-old.bpf.o'),
				tracefs: options.tracefs ?? '',
				ringBytes: requireInteger('ringBytes', options.ringBytes ?? CONTROL_RING_BYTES, 4096, 2 ** 31),
				captureLimit: requireInteger('captureLimit', options.captureLimit ?? CONTROL_CAPTURE_LIMIT, 0, 2 ** 31 - 1),
				iovecLimit: requireInteger('iovecLimit', options.iovecLimit ?? CONTROL_IOVECS, 1, CONTROL_IOVECS),
				kernelTypes: options.kernelTypes ?? true,
				connections: requireInteger('connections', options.connections ?? 0, 0, 1 << 20),
			}),
		adoptCapture: (handles) => new binding.Capture(handles),
		lookupSocket: binding.lookupSocket,
		touchPages: binding.touchPages,
		recordBytesMax: binding.recordBytesMax,
	};
}

/** Applies a filter at once. Throws a RangeError if it has more values than the kernel side takes. */
export function setFilter(capture: NativeCapture, filter: CaptureFilter): void {
	requireInteger('number of process ids', filter.pids?.length ?? 0, 0, CONTROL_PIDS);
	requireInteger('number of names', filter.comms?.length ?? 0, 0, CONTROL_NAMES);
	for (const name of filter.comms ?? [])
		requireInteger('bytes of a name', Buffer.byteLength(name), 1, CONTROL_NAME_BYTES - 1);
	for (const { first, last } of filter.ports ?? []) {
		requireInteger('last port', last, 1, CONTROL_PORT_MAX);
		requireInteger('first port', first, 1, last);
	}
	const bits = new Map<number, number>();
	for (const pid of filter.pids ?? []) bits.set(pid, 1);
	for (const pid of filter.commPids ?? []) bits.set(pid, (bits.get(pid) ?? 0) | 2);
	const mask = (filter.pids?.length ? 1 : 0) | (filter.comms?.length ? 2 : 0);
	const ports = (filter.ports ?? []).flatMap(({ first, last }) => [first, last]);
	capture.setFilter(mask, [...bits].flat(), filter.comms ?? [], ports);
}

// The only file that loads the native addon (native/). Declares its types, checks its arguments and adds defaults.
import type { PortRange } from './capture-settings.ts';
import {
	CONTROL_CAPTURE_LIMIT,
	CONTROL_CGROUPS,
	CONTROL_IOVECS,
	CONTROL_NAME_BYTES,
	CONTROL_NAMES,
	CONTROL_PIDS,
	CONTROL_PORT_MAX,
	CONTROL_RING_BYTES,
} from './control-limits.ts';

/** What the kernel says about a descriptor of a process at this moment. */
export type SocketFacts = {
	/** `gone`: the process or descriptor no longer exists. `unknown`: no permission to look. */
	readonly kind: 'socket' | 'file' | 'gone' | 'unknown';
	/** SOCK_STREAM 1, SOCK_DGRAM 2 …; 0 unless it is a socket. */
	readonly type: number;
	/** AF_UNIX 1, AF_INET 2, AF_INET6 10 …; 0 unless it is a socket. */
	readonly family: number;
	/** `ip:port`, `[v6]:port`, `unix:/path`, or '' if there is none. */
	readonly local: string;
	readonly remote: string;
};

/** Which processes and connections are captured. A missing member does not restrict. */
export type CaptureFilter = {
	/** Process ids (initial pid namespace); their descendants are included, present and future ones. */
	readonly pids?: readonly number[];
	/**
	 * Names of processes, or of the files they execute. The kernel compares them when a process executes a program.
	 * The caller lists processes that are already running in `commPids`.
	 */
	readonly comms?: readonly string[];
	readonly commPids?: readonly number[];
	/** Ports of either end of the connection. */
	readonly ports?: readonly PortRange[];
	/** Ids of cgroups (v2); processes below them are included. */
	readonly cgroups?: readonly bigint[];
};

/** The descriptors and sizes that another process needs to take over a capture. Can be sent as JSON. */
export type CaptureHandles = {
	readonly ringBytes: number;
	readonly cpuCount: number;
	readonly maps: Readonly<Record<string, number>>;
	readonly links: readonly number[];
	readonly programs: readonly number[];
};

/** A file with TLS that processes have mapped. Texts have one character per byte. */
export type TlsLibrary = {
	/** As the first process named it, in that process's mount namespace. */
	readonly path: string;
	/** The device, as the kernel's makedev() encodes it, and the inode. */
	readonly device: bigint;
	readonly inode: bigint;
	/** enum capture_tls_library; 0: one whose plaintext cannot be read. */
	readonly library: number;
	/** Of the library; '' if the file does not say. */
	readonly version: string;
	/** The functions that are probed for reading and writing, with offsets. */
	readonly place: string;
	/** A probe on one of them costs more than usual. */
	readonly slow: boolean;
	/** How many processes have mapped it now. */
	readonly processes: number;
	readonly attached: boolean;
	/** Why its plaintext is not read: `java`, `go` …, or a sentence; '' if it is, or could be. */
	readonly reason: string;
	/** By the clock of the records. */
	readonly firstSeenNs: bigint;
};

/** A running capture. Every method throws an Error with `code` (ERR_…) and, from libbpf, `detail`. */
export type NativeCapture = {
	/** Whether the kernel refused the usual programs and accepted those for kernels before 5.17. */
	usesOldPrograms(): boolean;
	/** The tracepoints that the programs need: how many exist, and the names of those that this kernel lacks. */
	tracepoints(): { attached: string[]; count: number; missing: string[] };
	/**
	 * Attaches to every tracepoint that this kernel has. Names are `category/name`; an attacher returns only their
	 * `count`.
	 */
	attach(): { attached: string[]; count: number; missing: string[] };
	/** Excludes the calling process from the capture. attach() and adoptCapture() do this themselves. */
	excludeSelf(): void;
	excludePid(pid: number): void;
	/**
	 * Copies whole records into `into`, each at a multiple of 8 bytes, and returns the number of bytes. Blocks for up
	 * to `timeoutMs` if there are none, then returns 0; returns sooner if one of `signals`, checked every
	 * `intervalMs`, is not 0. In order to gather records, it waits until `intervalMs` have passed since the last
	 * call, or less if many are waiting. `into` begins at a multiple of 8 in its buffer and has room for at least one
	 * record (`recordBytesMax`).
	 */
	poll(into: Uint8Array, timeoutMs: number, intervalMs: number, signals?: Int32Array): number;
	/** Bytes in the ring that poll() has not read yet. */
	waiting(): number;
	/** Totals since the start, as pairs (events, bytes) in the order of enum capture_loss. */
	counters(): Float64Array;
	/**
	 * The clock of the records (CLOCK_BOOTTIME of the initial time namespace) and the wall clock, in nanoseconds, read
	 * at the same instant.
	 */
	clocks(): { bootNs: bigint; wallNs: bigint };
	/**
	 * Call before attach(). Passes what is known about a descriptor to the programs. Sockets with the same `group`
	 * (the socket's inode number; 0 if unknown) are one connection. Never overwrites anything. learnSockets() does
	 * this for all sockets.
	 */
	setDescriptor(pid: number, fd: number, isSocket: boolean, closeOnExec: boolean, group: number): void;
	/**
	 * Call before attach(). Looks at every socket of every process (2.8 µs each), so that existing connections have
	 * addresses and shared ones count as one. Returns the number of descriptors that were sockets.
	 */
	learnSockets(): number;
	/**
	 * Do not call directly; use setFilter() below. `mask`: 1 by pid, 2 by comm, 3 both; `pids`: pairs (pid, bits);
	 * `ports`: (first, last).
	 */
	setFilter(
		mask: number,
		pids: readonly number[],
		comms: readonly string[],
		ports: readonly number[],
		cgroups: readonly bigint[],
	): void;
	setPaused(paused: boolean): void;
	/** Bytes of the stream before `offset` are counted but not copied. */
	setSkip(conn: number, direction: number, offset: number): void;
	/** The answer to FLAG_UNVERIFIED: this is a stream socket. */
	confirmSocket(conn: number): void;
	/** Stops all records of a connection that is a file or not HTTP, even that of its close. */
	dismiss(conn: number): void;
	/** Which privileged processes have failed to answer several times in a row, and how many questions had no answer. */
	silence(): { helper: boolean; lookers: boolean; unanswered: number };
	/** What a descriptor of a process is. Also `unknown` if no looker answers in time. */
	lookup(pid: number, fd: number): SocketFacts;
	/** Path of a process's executable, one character per byte; '' if unknown, and always without an attacher. */
	executable(pid: number): string;
	/** Raises the priority of the calling thread, or restores it. Only with an attacher. */
	hurry(on: boolean): void;
	/** Whether the session was started with --tls, so that there is a process that may attach to TLS libraries. */
	hasTls(): boolean;
	/**
	 * Attaches to all TLS libraries, also to those that processes map later, or detaches. Returns how many are attached.
	 * Throws ERR_TLS if hasTls() is false, and the reason if the kernel refuses it.
	 */
	captureTls(on: boolean): number;
	/** The TLS libraries that processes have mapped, in the order in which they were found; [] if hasTls() is false. */
	tlsLibraries(): TlsLibrary[];
	/** The TLS library that a process has mapped, if any is known; one that can be read rather than another. */
	tlsLibraryOf(pid: number): TlsLibrary | undefined;
	/** Duplicates the descriptors that another process needs, so that it can inherit them. */
	handOver(): CaptureHandles;
	/** Detaches, which takes the kernel 2–3 s, and frees everything. May be called twice. */
	close(): void;
	/** Like close(), but returns at once. A separate process waits for the kernel and then ends. */
	closeInBackground(): void;
};

export type CaptureOptions = {
	readonly objectPath: string;
	/** For kernels before 5.17, loaded if the first object is refused. Default: `…-old.bpf.o` next to it; '': none. */
	readonly oldObjectPath?: string;
	/** Where tracefs is mounted, if not at the usual place. */
	readonly tracefs?: string;
	/**
	 * Descriptor of the socket to the attacher: it loads and attaches the programs, with its own `objectPath`,
	 * `oldObjectPath` and `tracefs`. By default this process does so, and needs the privileges.
	 */
	readonly attacher?: number;
	/** Load only to see whether that works. An attacher then changes nothing on this machine. Default false. */
	readonly onlyCheck?: boolean;
	/** Rounded up to a power of two pages. Default CONTROL_RING_BYTES. */
	readonly ringBytes?: number;
	/** Maximum bytes copied of one call. Default CONTROL_CAPTURE_LIMIT. */
	readonly captureLimit?: number;
	/** Maximum iovecs read in one call. Default CONTROL_IOVECS, the kernel's own limit. */
	readonly iovecLimit?: number;
	/**
	 * Whether to use the kernel's type information to distinguish sockets from files and to recognise shared sockets.
	 * Default true. Kernels without BTF have none.
	 */
	readonly kernelTypes?: boolean;
	/** Maximum connections followed; more are counted as `map_full`. Default 262,144, before Linux 6.1 16,384. */
	readonly connections?: number;
	/** Maximum processes followed; more are counted as `map_full`. Default 65,536, before Linux 6.1 16,384. */
	readonly processes?: number;
};

type Binding = {
	Capture: new (options: Required<CaptureOptions> | CaptureHandles) => NativeCapture;
	lookupSocket(pid: number, fd: number): SocketFacts;
	touchPages(memory: Uint8Array): void;
	discardPages(memory: Uint8Array): boolean;
	trimMemory(): void;
	waitForChild(pid: number): Promise<number>;
	sendNow(fd: number, bytes: Uint8Array): number;
	hasReader(fd: number): boolean;
	attacherRights(socket: number): bigint | undefined;
	forbidTracing(): void;
	recordBytesMax: number;
};

export type NativeAddon = {
	/** Loads the BPF object; attach() starts it. */
	openCapture(options: CaptureOptions): NativeCapture;
	/** Takes over a capture that another process opened. */
	adoptCapture(handles: CaptureHandles): NativeCapture;
	/** Asks what descriptor `fd` of process `pid` is. Takes a few microseconds; needs CAP_SYS_PTRACE over the process. */
	lookupSocket(pid: number, fd: number): SocketFacts;
	/** Makes the kernel provide the pages of memory that is about to be written, in one go. Never fails. */
	touchPages(memory: Uint8Array): void;
	/** Returns the whole pages of this memory to the kernel; they are zero afterwards. False if the kernel refused. */
	discardPages(memory: Uint8Array): boolean;
	/** Returns memory that this process has freed to the kernel. Takes a few milliseconds. */
	trimMemory(): void;
	/** The effective capabilities of the attacher at the other end of `socket`; undefined if it does not answer. */
	attacherRights(socket: number): bigint | undefined;
	/** From now on only root may trace this process or take its descriptors. */
	forbidTracing(): void;
	/**
	 * Resolves when the child process `pid`, which Node did not start, has ended: to its exit status, or 128+N if
	 * signal N killed it.
	 */
	waitForChild(pid: number): Promise<number>;
	/**
	 * Sends bytes over the socket `fd` without waiting and without making it non-blocking, because other processes may
	 * share it. Returns how many it took, or a negative error number.
	 */
	sendNow(fd: number, bytes: Uint8Array): number;
	/** Whether somebody still reads from the pipe or socket `fd`. */
	hasReader(fd: number): boolean;
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
				attacher: options.attacher ?? -1,
				onlyCheck: options.onlyCheck ?? false,
				ringBytes: requireInteger('ringBytes', options.ringBytes ?? CONTROL_RING_BYTES, 4096, 2 ** 31),
				captureLimit: requireInteger('captureLimit', options.captureLimit ?? CONTROL_CAPTURE_LIMIT, 0, 2 ** 31 - 1),
				iovecLimit: requireInteger('iovecLimit', options.iovecLimit ?? CONTROL_IOVECS, 1, CONTROL_IOVECS),
				kernelTypes: options.kernelTypes ?? true,
				connections: requireInteger('connections', options.connections ?? 0, 0, 1 << 20),
				processes: requireInteger('processes', options.processes ?? 0, 0, 1 << 20),
			}),
		adoptCapture: (handles) => new binding.Capture(handles),
		lookupSocket: binding.lookupSocket,
		sendNow: binding.sendNow,
		hasReader: binding.hasReader,
		touchPages: binding.touchPages,
		discardPages: binding.discardPages,
		trimMemory: binding.trimMemory,
		waitForChild: binding.waitForChild,
		attacherRights: binding.attacherRights,
		forbidTracing: binding.forbidTracing,
		recordBytesMax: binding.recordBytesMax,
	};
}

/** Applies a filter at once. Throws a RangeError if it has more values than the kernel side can hold. */
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
	requireInteger('number of cgroups', filter.cgroups?.length ?? 0, 0, CONTROL_CGROUPS);
	capture.setFilter(mask, [...bits].flat(), filter.comms ?? [], ports, filter.cgroups ?? []);
}

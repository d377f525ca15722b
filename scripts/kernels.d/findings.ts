// The findings of the check inside a kernel under test: one line each on the serial console, which the host reads.
import type { Check } from '../../src/capture/check.ts';

/** The addon alone: does the BPF object load, and do its programs attach? */
export type ProbeFinding = {
	readonly what: 'probe';
	readonly loads: boolean;
	readonly attaches: boolean;
	/** `category/name`; empty if it did not attach. */
	readonly attached: readonly string[];
	readonly missing: readonly string[];
	/** The result of an ordinary user's process that has the maps' descriptors and writes one: `written`, or the error. */
	readonly userWrites?: string;
	/** The error, and the last output of libbpf or the verifier. */
	readonly error?: string;
	readonly detail?: string;
};

export type DoctorFinding = {
	readonly what: 'doctor';
	readonly possible: boolean;
	/** Checks that are not ok. */
	readonly complaints: readonly Check[];
	readonly error?: string;
};

/** A row of the statement in `check.ts`. */
export type CapturedRow = {
	readonly side: string;
	readonly method: string | null;
	readonly path: string | null;
	readonly status: number | null;
	readonly via: string | null;
	readonly state: string;
	readonly req_body_bytes: number | null;
	readonly req_captured_bytes: number | null;
	readonly res_body_bytes: number | null;
	readonly res_captured_bytes: number | null;
	readonly lost_bytes: number;
};

export type CaptureFinding = {
	readonly what: 'capture';
	/** Whether the line `tinytap: capturing …` appeared. */
	readonly attached: boolean;
	readonly exitCode: number | null;
	readonly rows: readonly CapturedRow[];
	readonly stderr: string;
	readonly error?: string;
};

/** The privileges of a thread, from /proc/PID/status; sets of capabilities are hexadecimal digits. */
export type ThreadRights = {
	readonly name: string;
	/** Real, effective, saved and file system's. */
	readonly uids: readonly number[];
	/** `Inh`, `Prm`, `Eff`, `Bnd` and `Amb`. */
	readonly capabilities: Readonly<Record<string, string>>;
	readonly noNewPrivileges: boolean;
	/** Whether system calls are filtered. */
	readonly seccomp: boolean;
};

/** All threads of tinytap, of the helper and of the lookers while they capture. */
export type RightsFinding = {
	readonly what: 'rights';
	readonly tinytap: readonly ThreadRights[];
	readonly helper: readonly ThreadRights[];
	readonly lookers: readonly ThreadRights[];
	readonly error?: string;
};

/** A response far beyond `--body-limit`: what the recording holds of it. */
export type LimitFinding = {
	readonly what: 'limit';
	readonly rows: readonly CapturedRow[];
	/** Bytes that calls moved, and how many of them the kernel side copied. */
	readonly movedBytes: number;
	readonly copiedBytes: number;
	readonly error?: string;
};

/** Requests under one filter: rows by process name and side, `curl client`. */
export type FilterPhase = { readonly filter: string; readonly rows: Readonly<Record<string, number>> };

export type FiltersFinding = {
	readonly what: 'filters';
	/** The first filter was given on the command line, the others with `.capture`. */
	readonly phases: readonly FilterPhase[];
	readonly error?: string;
};

/** Without the kernel's type information: a socket and a file that the kernel side cannot tell apart. */
export type UnseenFinding = {
	readonly what: 'unseen';
	/** Whether each record of a write to the socket is marked as unverified, in order. */
	readonly socket: readonly boolean[];
	/** The numbers of these writes to the socket, from 1. */
	readonly numbers: readonly number[];
	/** Records of any program that the capture reports as lost. */
	readonly lost: number;
	/** Records of writes to the file. */
	readonly file: number;
	readonly error?: string;
};

export type StartFinding = {
	readonly what: 'start';
	readonly release: string;
	readonly node: string;
	/** kernel.unprivileged_bpf_disabled */
	readonly unprivilegedBpfDisabled: number;
};

export type Finding =
	| StartFinding
	| ProbeFinding
	| DoctorFinding
	| CaptureFinding
	| RightsFinding
	| LimitFinding
	| FiltersFinding
	| UnseenFinding;

const MARK = 'tinytap-finding: ';

/** The line to print. */
export function findingLine(finding: Finding): string {
	return `${MARK}${JSON.stringify(finding)}`;
}

/** The findings among the lines of a console, in order. */
export function findingsIn(console: string): Finding[] {
	return console.split(/\r?\n/).flatMap((line) => {
		// The firmware's last output may precede it on the line.
		const at = line.indexOf(MARK);
		return at < 0 ? [] : [JSON.parse(line.slice(at + MARK.length)) as Finding];
	});
}

/** Requests made while tinytap captures: small ones, and one with a large body in both directions. */
export const SMALL_REQUESTS = 22;
export const LARGE_BODY_BYTES = 300_000;

/** `--body-limit` of the capture of a long response; its first part is sent some seconds before the rest. */
export const BODY_LIMIT = 16_384;
export const LONG_BODY_BYTES = 2_000_000;
export const FIRST_PART_BYTES = 65_536;

/** Requests to each of two servers under each filter. */
export const FILTER_REQUESTS = 3;
/** Number of processes running at the same time, so that choosing all of them takes many requests to the helper. */
export const IDLE_PROCESSES = 400;

const BOTH = 2 * FILTER_REQUESTS;
/** The filters in order, and the rows that each must give. */
export const FILTER_PHASES: readonly { readonly name: string; readonly rows: Readonly<Record<string, number>> }[] = [
	{ name: '`--pid` of a server', rows: { 'server-a server': FILTER_REQUESTS } },
	{ name: '`.capture pid` of another', rows: { 'server-b server': FILTER_REQUESTS } },
	{ name: '`.capture comm` of a running process', rows: { 'server-a server': FILTER_REQUESTS } },
	{ name: '`.capture comm` of one that starts later', rows: { 'curl client': BOTH } },
	{ name: '`.capture port`', rows: { 'server-b server': FILTER_REQUESTS, 'curl client': FILTER_REQUESTS } },
	{
		name: `\`.capture pid\` of more than ${IDLE_PROCESSES} processes`,
		rows: { 'server-a server': FILTER_REQUESTS, 'server-b server': FILTER_REQUESTS, 'curl client': BOTH },
	},
];

/** Number of writes by `unseen.c` to each of its descriptors. */
export const UNSEEN_WRITES = 12;

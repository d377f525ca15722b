// What the check inside a kernel under test reports, one line each on the serial console, and how the host reads it.
import type { Check } from '../../src/capture/check.ts';

/** The addon alone: does the BPF object load, and do its programs attach? */
export type ProbeFinding = {
	readonly what: 'probe';
	readonly loads: boolean;
	readonly attaches: boolean;
	/** `category/name`; empty if it did not attach. */
	readonly attached: readonly string[];
	readonly missing: readonly string[];
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
	/** The line `tinytap: capturing …` appeared. */
	readonly attached: boolean;
	readonly exitCode: number | null;
	readonly rows: readonly CapturedRow[];
	readonly stderr: string;
	readonly error?: string;
};

export type StartFinding = { readonly what: 'start'; readonly release: string; readonly node: string };

export type Finding = StartFinding | ProbeFinding | DoctorFinding | CaptureFinding;

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

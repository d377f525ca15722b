// What the check inside a kernel under test reports, a line each on the serial console, and what the host reads back.
import type { Check } from '../../src/capture/check.ts';

/** Does the BPF object load, do its programs attach: the addon alone. */
export type ProbeFinding = {
	readonly what: 'probe';
	readonly loads: boolean;
	readonly attaches: boolean;
	/** `category/name`; empty unless it attaches. */
	readonly attached: readonly string[];
	readonly missing: readonly string[];
	/** The error, and the end of what libbpf or the verifier said. */
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
	/** The line `tinytap: capturing …` came. */
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

/** The findings among the lines of a console, in their order. */
export function findingsIn(console: string): Finding[] {
	return console.split(/\r?\n/).flatMap((line) => {
		// The firmware's last words may stand before it.
		const at = line.indexOf(MARK);
		return at < 0 ? [] : [JSON.parse(line.slice(at + MARK.length)) as Finding];
	});
}

/** Requests made while tinytap captures: small ones and one with a large body both ways. */
export const SMALL_REQUESTS = 22;
export const LARGE_BODY_BYTES = 300_000;

// Does tinytap work on a kernel? Compares the findings of the check with what was sent.
import { filtersProblems, limitProblems, rightsProblems, unseenProblems, writeProblems } from './expectations.ts';
import type {
	CapturedRow,
	CaptureFinding,
	DoctorFinding,
	FiltersFinding,
	Finding,
	LimitFinding,
	ProbeFinding,
	RightsFinding,
	StartFinding,
	UnseenFinding,
} from './findings.ts';
import { LARGE_BODY_BYTES, SMALL_REQUESTS } from './findings.ts';
import type { KernelPackage } from './kernel-packages.ts';
import type { Booted } from './machine.ts';

export type Trial = {
	readonly name: string;
	/** The kernel's series: `6.1`. */
	readonly series: string;
	/** Use the BPF object for kernels before 5.17, which a newer kernel would not use by itself. */
	readonly oldObject: boolean;
};

export type Side = 'server' | 'client';

export type Verdict = {
	readonly trial: Trial;
	readonly kernel: KernelPackage;
	readonly booted: Booted;
	readonly start: StartFinding | undefined;
	readonly probe: ProbeFinding | undefined;
	readonly doctor: DoctorFinding | undefined;
	readonly capture: CaptureFinding | undefined;
	readonly rights: RightsFinding | undefined;
	readonly limit: LimitFinding | undefined;
	readonly filters: FiltersFinding | undefined;
	readonly unseen: UnseenFinding | undefined;
	/** Where the attached programs read the arguments of calls: `exit` needs Linux 5.17; undefined: none is attached. */
	readonly way: 'exit' | 'entry and exit' | undefined;
	/** Requests with a correct row, by side. */
	readonly seen: Readonly<Record<Side, number>>;
	readonly works: boolean;
	/** Why it does not work, in one sentence each. */
	readonly problems: readonly string[];
};

export const REQUESTS = SMALL_REQUESTS + 1;

export function judge(trial: Trial, kernel: KernelPackage, booted: Booted, findings: readonly Finding[]): Verdict {
	const find = <What extends Finding['what']>(what: What) =>
		findings.find((finding): finding is Extract<Finding, { what: What }> => finding.what === what);
	const [start, probe, doctor, capture] = [find('start'), find('probe'), find('doctor'), find('capture')];
	const [rights, limit, filters, unseen] = [find('rights'), find('limit'), find('filters'), find('unseen')];
	const rows = capture?.rows ?? [];
	const seen = { server: countRight(rows, 'server'), client: countRight(rows, 'client') };
	const way = wayOf(probe);
	const problems = [
		...(booted.timedOut ? [`the machine did not shut down within ${booted.seconds} s`] : []),
		...(start === undefined ? [`the check did not start; the console ends: ${tail(booted.console)}`] : []),
		...probeProblems(probe),
		...(way === 'entry and exit' && !trial.oldObject && hasExitWay(kernel.series)
			? ['the kernel refused its own programs and accepted those for older kernels']
			: []),
		...(doctor === undefined ? ['doctor did not report'] : []),
		...(doctor?.possible === false ? [`doctor says that capture is impossible ${doctor.error ?? ''}`] : []),
		...captureProblems(capture, rows, seen),
		...writeProblems(probe, kernel.series),
		...rightsProblems(rights, kernel.series),
		...limitProblems(limit),
		...filtersProblems(filters),
		...(way === 'entry and exit' ? unseenProblems(unseen) : []),
	];
	return {
		...{ trial, kernel, booted, start, probe, doctor, capture, rights, limit, filters, unseen },
		...{ way, seen, works: problems.length === 0, problems },
	};
}

function wayOf(probe: ProbeFinding | undefined): Verdict['way'] {
	if (!probe?.attaches) return undefined;
	return probe.attached.includes('syscalls/sys_enter_read') ? 'entry and exit' : 'exit';
}

/** bpf_task_pt_regs came with Linux 5.15, bpf_loop with 5.17. */
function hasExitWay(series: string): boolean {
	const [major = 0, minor = 0] = series.split('.').map(Number);
	return major > 5 || (major === 5 && minor >= 17);
}

function probeProblems(probe: ProbeFinding | undefined): string[] {
	if (probe === undefined) return ['the addon did not report'];
	if (probe.error === undefined) return [];
	return [
		`the addon alone: ${probe.error}`,
		...(probe.detail === undefined ? [] : [`libbpf's output ends: ${tail(probe.detail)}`]),
	];
}

function captureProblems(
	capture: CaptureFinding | undefined,
	rows: readonly CapturedRow[],
	seen: Verdict['seen'],
): string[] {
	if (capture === undefined) return ['tinytap query did not report'];
	const problems: string[] = [];
	if (capture.error !== undefined) problems.push(capture.error);
	if (!capture.attached) problems.push(`tinytap query did not attach: ${firstLine(capture.stderr)}`);
	else if (capture.exitCode !== 0)
		problems.push(`tinytap query ended with ${capture.exitCode}: ${firstLine(capture.stderr)}`);
	for (const side of ['server', 'client'] as const)
		if (seen[side] !== REQUESTS) problems.push(`expected ${REQUESTS} correct rows of the ${side}, got ${seen[side]}`);
	if (rows.length !== REQUESTS * 2) problems.push(`expected ${REQUESTS * 2} rows, got ${rows.length}`);
	const wrong = rows.find((row) => !isWhole(row) || !(isSmall(row) || isLarge(row)));
	if (wrong !== undefined) problems.push(`a wrong row: ${JSON.stringify(wrong)}`);
	return problems;
}

/** Number of different paths of correct rows: a duplicated row counts once. */
function countRight(rows: readonly CapturedRow[], side: Side): number {
	const right = rows.filter((row) => row.side === side && isWhole(row) && (isSmall(row) || isLarge(row)));
	return new Set(right.map(({ path }) => path)).size;
}

function isWhole(row: CapturedRow): boolean {
	return row.status === 200 && row.state === 'complete' && row.lost_bytes === 0 && row.via !== null;
}

function isSmall(row: CapturedRow): boolean {
	const number = Number(/^\/item\/(\d+)$/.exec(row.path ?? '')?.[1]);
	const bytes = `you asked for ${row.path}\n`.length;
	return (
		row.method === 'GET' &&
		number >= 1 &&
		number <= SMALL_REQUESTS &&
		row.res_body_bytes === bytes &&
		row.res_captured_bytes === bytes
	);
}

function isLarge(row: CapturedRow): boolean {
	const counts = [row.req_body_bytes, row.req_captured_bytes, row.res_body_bytes, row.res_captured_bytes];
	return row.method === 'POST' && row.path === '/echo' && counts.every((count) => count === LARGE_BODY_BYTES);
}

function firstLine(text: string): string {
	return text.trim().split(/\r?\n/)[0] ?? '';
}

/** The last lines of a long text, joined into one. */
function tail(text: string): string {
	return text.trim().split(/\r?\n/).slice(-6).join(' | ').slice(-800);
}

// What the steps of a check must find, apart from the rows of the first capture: privileges, the body limit, filters,
// and descriptors of unknown kind.
import {
	BODY_LIMIT,
	FILTER_PHASES,
	type FiltersFinding,
	type LimitFinding,
	LONG_BODY_BYTES,
	type ProbeFinding,
	type RightsFinding,
	type ThreadRights,
	UNSEEN_WRITES,
	type UnseenFinding,
} from './findings.ts';
import { USER_ID } from './programs.ts';

/** The user id of the helper and the lookers, see `attacher.cc`. */
const HELPER_ID = 64_873;
/** Capabilities that some process keeps. */
const NAMED: readonly (readonly [name: string, number: bigint])[] = [
	['CAP_SYS_PTRACE', 19n],
	['CAP_SYS_NICE', 23n],
	['CAP_BPF', 39n],
];
/** At most this fraction (one part in …) of the bytes of long responses may be copied. */
const COPIED_PART = 8;
/** The socket must be confirmed and the file dismissed within this many writes. */
const WRITES_UNTIL_ANSWERED = 6;

/** Before Linux 5.19, kernel.unprivileged_bpf_disabled forbids all of bpf(2); later, only loading and creating. */
export function refusesMaps(series: string): boolean {
	const [major = 0, minor = 0] = series.split('.').map(Number);
	return major < 5 || (major === 5 && minor < 19);
}

export function writeProblems(probe: ProbeFinding | undefined, series: string): string[] {
	const found = probe?.userWrites;
	const right = refusesMaps(series) ? found?.endsWith(': Operation not permitted') : found === 'written';
	const expected = refusesMaps(series) ? 'a refusal' : 'no refusal';
	return right ? [] : [`an ordinary user's process wrote a map: expected ${expected}, got ${found ?? 'no report'}`];
}

export function rightsProblems(rights: RightsFinding | undefined, series: string): string[] {
	if (rights === undefined) return ['the rights of the processes were not reported'];
	if (rights.error !== undefined) return [rights.error];
	const { tinytap, helper, lookers } = rights;
	const limited = (thread: ThreadRights, kept: readonly string[]) => [
		...threadProblems(thread, HELPER_ID, bitsOf(kept)),
		...(thread.seccomp ? [] : [`the system calls of ${thread.name} are not limited`]),
	];
	return [
		...(tinytap.length > 1 ? [] : [`expected threads of tinytap, got ${tinytap.length}`]),
		...(helper.length === 1 ? [] : [`expected one thread of the helper, got ${helper.length}`]),
		...tinytap.flatMap((thread) => threadProblems(thread, USER_ID, 0n)),
		...(lookers.length > 1 ? [] : [`expected lookers, got ${lookers.length}`]),
		...helper.flatMap((thread) => limited(thread, ['CAP_SYS_NICE', ...(refusesMaps(series) ? ['CAP_BPF'] : [])])),
		...lookers.flatMap((thread) => limited(thread, ['CAP_SYS_PTRACE'])),
	];
}

function bitsOf(capabilities: readonly string[]): bigint {
	return NAMED.filter(([name]) => capabilities.includes(name)).reduce((bits, [, number]) => bits | (1n << number), 0n);
}

/** The names of the capabilities in `bits`, hexadecimal digits; capabilities that no process keeps stay digits. */
export function capabilityNames(bits: string): string {
	let rest = bits === '' ? 0n : BigInt(`0x${bits}`);
	const names: string[] = [];
	for (const [name, number] of NAMED) {
		if (((rest >> number) & 1n) === 0n) continue;
		names.push(name);
		rest &= ~(1n << number);
	}
	if (rest !== 0n) names.push(rest.toString(16));
	return names.join(', ') || 'none';
}

function threadProblems({ name, uids, capabilities, noNewPrivileges }: ThreadRights, uid: number, kept: bigint) {
	return [
		...(uids.length === 4 && uids.every((each) => each === uid) ? [] : [`${name} has user ids ${uids.join(' ')}`]),
		...Object.entries(capabilities)
			.filter(([, bits]) => bits === '' || BigInt(`0x${bits}`) !== kept)
			.map(([set, bits]) => `${name} has capabilities ${set} ${bits}, expected ${kept.toString(16)}`),
		...(noNewPrivileges ? [] : [`${name} may gain privileges`]),
	];
}

export function limitProblems(found: LimitFinding | undefined): string[] {
	if (found === undefined) return ['the body limit was not tried'];
	if (found.error !== undefined) return [found.error];
	const { rows, movedBytes, copiedBytes } = found;
	const whole = rows.filter(
		({ state, res_body_bytes, res_captured_bytes, lost_bytes }) =>
			state === 'complete' &&
			res_body_bytes === LONG_BODY_BYTES &&
			res_captured_bytes === BODY_LIMIT &&
			lost_bytes === 0,
	);
	return [
		...(rows.length === 2 && whole.length === 2 ? [] : [`a wrong row of a long response: ${JSON.stringify(rows)}`]),
		...(movedBytes >= 2 * LONG_BODY_BYTES && copiedBytes <= movedBytes / COPIED_PART
			? []
			: [`${copiedBytes} of ${movedBytes} bytes were copied in spite of the body limit`]),
	];
}

export function filtersProblems(found: FiltersFinding | undefined): string[] {
	if (found === undefined) return ['the filters were not tried'];
	const wrong = FILTER_PHASES.flatMap(({ name, rows }, index) => {
		const phase = found.phases[index];
		if (phase === undefined) return [`${name} was not tried`];
		return same(phase.rows, rows) ? [] : [`${name} (${phase.filter}): rows ${JSON.stringify(phase.rows)}`];
	});
	return [...(found.error === undefined ? [] : [found.error]), ...wrong];
}

function same(left: Readonly<Record<string, number>>, right: Readonly<Record<string, number>>): boolean {
	const names = new Set([...Object.keys(left), ...Object.keys(right)]);
	return [...names].every((name) => left[name] === right[name]);
}

export function unseenProblems(found: UnseenFinding | undefined): string[] {
	if (found === undefined) return ['descriptors of an unknown kind were not tried'];
	if (found.error !== undefined) return [found.error];
	const { socket, file } = found;
	const marked = socket.filter(Boolean).length;
	return [
		// A guest that its host makes wait may lose a record, but must count it.
		...(socket.length <= UNSEEN_WRITES && socket.length + found.lost >= UNSEEN_WRITES
			? []
			: [
					`expected ${UNSEEN_WRITES} writes to the socket, got ${socket.length}: numbers ${found.numbers.join(', ')}; ${found.lost} records lost`,
				]),
		...(socket[0] === true && marked <= WRITES_UNTIL_ANSWERED
			? []
			: [`${marked} writes to the socket were of an unknown kind: it was not confirmed`]),
		...(file >= 1 && file <= WRITES_UNTIL_ANSWERED
			? []
			: [`${file} writes to the file were captured: it was not dismissed`]),
	];
}

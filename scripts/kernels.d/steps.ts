// The steps of a check that capture with tinytap as a user would: each makes traffic and returns its findings.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import {
	CAPTURE_DATA,
	CAPTURE_LOSS,
	FLAG_UNVERIFIED,
	LOSS_MISSED,
	LOSS_RING_FULL,
} from '../../decoder-as/assembly/wire/capture-event.ts';
import { processUser } from '../../src/base/invoking-user.ts';
import { FRAME_PAYLOAD_MAX, RecordingReader } from '../../src/capture/recording.ts';
import { eventually } from '../../support/eventually.ts';
import { type CapturedRecord, parseRecords } from '../../support/parsed-records.ts';
import {
	BODY_LIMIT,
	type CapturedRow,
	type CaptureFinding,
	FILTER_REQUESTS,
	type FilterPhase,
	type FiltersFinding,
	IDLE_PROCESSES,
	LARGE_BODY_BYTES,
	type LimitFinding,
	type RightsFinding,
	SMALL_REQUESTS,
	type ThreadRights,
	type UnseenFinding,
} from './findings.ts';
import { type Finished, run, type Started, start, startAtTerminal, startTinytap } from './programs.ts';
import type { Server } from './server.ts';

const STATEMENT = `SELECT side, method, path, status, via, state, req_body_bytes, req_captured_bytes, res_body_bytes,
	res_captured_bytes, lost_bytes FROM exchanges ORDER BY side, id`;
const QUIET = ['--silent', '--show-error', '--fail', '--output', '/dev/null'];
/** The capture applies new filters within this time. */
const APPLIED_MS = 3000;

/** Small requests by curl on one connection and a large one, and the privileges of all processes at the time. */
export async function capture({ port }: Server): Promise<[CaptureFinding, RightsFinding]> {
	const tinytap = startTinytap(['query', STATEMENT, '--format', 'ndjson', '--body-limit', 'none', '--port', `${port}`]);
	let rights: RightsFinding = { what: 'rights', tinytap: [], helper: [], lookers: [], error: 'tinytap did not attach' };
	const { attached, finished, error } = await during(tinytap, async () => {
		rights = rightsOf(tinytap.child.pid!);
		const url = `http://127.0.0.1:${port}`;
		writeFileSync('/tmp/body', 'tinytap '.repeat(LARGE_BODY_BYTES / 8));
		await curl(`${url}/item/[1-${SMALL_REQUESTS}]`);
		// Without waiting for 100 Continue, which is not tested here.
		await curl('-H', 'Expect:', '--data-binary', '@/tmp/body', `${url}/echo`);
	});
	const { rows, problem } = rowsOf(finished.output);
	const { exitCode, errors } = finished;
	return [{ what: 'capture', attached, exitCode, rows, stderr: errors.slice(-4000), error: error ?? problem }, rights];
}

/** A long response: when its rest is sent, the kernel side must know that it is not needed. */
export async function limit({ port }: Server): Promise<LimitFinding> {
	const recording = '/tmp/limit.tinytap';
	const options = ['--body-limit', `${BODY_LIMIT}B`, '--record', recording, '--force', '--port', `${port}`];
	const tinytap = startTinytap(['query', STATEMENT, '--format', 'ndjson', ...options]);
	const { finished, error } = await during(tinytap, () => curl(`http://127.0.0.1:${port}/long`));
	const { rows, problem } = rowsOf(finished.output);
	const data = recordsOf(recording).filter(({ kind }) => kind === CAPTURE_DATA);
	return {
		what: 'limit',
		rows,
		movedBytes: data.reduce((sum, { bytes }) => sum + bytes, 0),
		copiedBytes: data.reduce((sum, { payload }) => sum + payload.length, 0),
		error: error ?? problem ?? failure(finished),
	};
}

/** Requests to two servers, under one filter after another. */
export async function filters(first: Server, second: Server): Promise<FiltersFinding> {
	const given = `pid ${first.pid}`;
	// The first process is the ancestor of all others.
	const others = [`pid ${second.pid}`, `comm ${first.name}`, 'comm curl', `port ${second.port}`, 'pid 1'];
	const phases: FilterPhase[] = [];
	const terminal = startAtTerminal(['--format', 'ndjson', '--pid', `${first.pid}`]);
	const { finished, error } = await during(
		terminal,
		async () => {
			for (const filter of [given, ...others]) {
				if (filter === others.at(-1)) await startIdle();
				if (filter !== given) {
					type(terminal, `.capture ${filter}`);
					await printed(terminal, `\ncapturing ${filter}\n`);
				}
				await delay(APPLIED_MS);
				const path = `/filter-${phases.length}`;
				for (const { port } of [first, second]) await curl(`http://127.0.0.1:${port}${path}/[1-${FILTER_REQUESTS}]`);
				await delay(APPLIED_MS);
				phases.push({ filter, rows: await rowsAt(terminal, path) });
			}
		},
		() => type(terminal, '.quit'),
	);
	await run('killall', ['sleep']);
	return { what: 'filters', phases, error: error ?? failure(finished) };
}

async function startIdle(): Promise<void> {
	const script = `i=0; while [ $((i += 1)) -le ${IDLE_PROCESSES} ]; do sleep 900 & done; echo ready >&2; wait`;
	if (!(await start('sh', ['-c', script]).said(/ready/))) throw new Error('the idle processes did not start');
}

/** The number of rows with paths below `path`, by process name and side. */
async function rowsAt(terminal: Started, path: string): Promise<Record<string, number>> {
	type(
		terminal,
		`SELECT '${path} ' || comm || ' ' || side AS who, count(*) AS n FROM exchanges WHERE path LIKE '${path}/%' AND status = 200 GROUP BY 1 UNION ALL SELECT '${path} end', 0;`,
	);
	const text = await printed(terminal, `"who":"${path} end"`);
	// The terminal may have shown a progress line where a row begins.
	const rows = [...text.matchAll(/\{"who":"[^"]*","n":\d+\}/g)]
		.map(([row]) => JSON.parse(row) as { who: string; n: number })
		.filter(({ who }) => who.startsWith(`${path} `) && who !== `${path} end`);
	return Object.fromEntries(rows.map(({ who, n }) => [who.slice(path.length + 1), n]));
}

function type(terminal: Started, line: string): void {
	terminal.child.stdin!.write(`${line}\r`);
}

/** Waits until a terminal shows the text; resolves to everything that it has shown. */
async function printed(terminal: Started, text: string): Promise<string> {
	return await eventually(
		() => (shown(terminal).includes(text) ? shown(terminal) : undefined),
		() => `expected ${text} in ${shown(terminal).slice(-2000)}`,
		60,
	);
}

/** The output without carriage returns and control sequences. */
function shown(terminal: Started): string {
	return terminal.output().replaceAll(/\r|\x1b\[[0-9;?]*[A-Za-z]/g, '');
}

/** Writes to a socket and to a file that the kernel side cannot tell apart without the kernel's type information. */
export async function unseen(): Promise<UnseenFinding> {
	await run('mount', ['--bind', '/dev/null', '/sys/kernel/btf/vmlinux']);
	const recording = '/tmp/unseen.tinytap';
	const tinytap = startTinytap(['record', recording, '--force']);
	let said = '';
	const { finished, error } = await during(tinytap, async () => {
		const { output, exitCode } = await run('/tinytap/unseen', []);
		if (exitCode !== 0) throw new Error(`unseen ended with ${exitCode}`);
		said = output;
	});
	await run('umount', ['/sys/kernel/btf/vmlinux']);
	const [pid, socket, file] = said.trim().split(' ').map(Number);
	const records = recordsOf(recording);
	const written = records.filter((record) => record.kind === CAPTURE_DATA && record.pid === pid);
	// Each record holds the total so far.
	const totals = new Map(
		records.filter(({ kind }) => kind === CAPTURE_LOSS).map(({ callBytes, offset }) => [callBytes, offset]),
	);
	return {
		what: 'unseen',
		socket: written.filter(({ fd }) => fd === socket).map(({ flags }) => (flags & FLAG_UNVERIFIED) !== 0),
		numbers: written
			.filter(({ fd }) => fd === socket)
			.map(({ payload }) => Number(/^GET \/unseen\/(\d+) /.exec(payload.toString('latin1'))?.[1])),
		lost: (totals.get(LOSS_RING_FULL) ?? 0) + (totals.get(LOSS_MISSED) ?? 0),
		file: written.filter(({ fd }) => fd === file).length,
		error: error ?? failure(finished),
	};
}

/** Does something while tinytap captures, then ends it. */
async function during(
	tinytap: Started,
	work: () => Promise<void>,
	end: () => void = () => tinytap.child.kill('SIGINT'),
): Promise<{ readonly attached: boolean; readonly finished: Finished; readonly error?: string }> {
	let attached = false;
	let error: string | undefined;
	try {
		attached = await tinytap.said(/^tinytap: capturing/m);
		if (attached) {
			await work();
			end();
		}
	} catch (failed) {
		error = String(failed);
		tinytap.child.kill('SIGKILL');
	}
	return { attached, finished: await tinytap.finished, ...(error === undefined ? {} : { error }) };
}

async function curl(...words: string[]): Promise<void> {
	const { exitCode, errors } = await run('curl', [...QUIET, ...words]);
	if (exitCode !== 0) throw new Error(`curl ended with ${exitCode}: ${errors}`);
}

function failure({ exitCode, errors }: Finished): string | undefined {
	return exitCode === 0 ? undefined : `tinytap ended with ${exitCode}: ${errors.slice(-2000)}`;
}

function rowsOf(output: string): { rows: CapturedRow[]; problem?: string } {
	try {
		const lines = output.split('\n').filter(Boolean);
		return { rows: lines.map((line) => JSON.parse(line) as CapturedRow) };
	} catch {
		return { rows: [], problem: `expected rows as JSON, got ${output.slice(-2000)}` };
	}
}

function recordsOf(recording: string): CapturedRecord[] {
	const reader = new RecordingReader(recording, processUser());
	const batch = new Uint8Array(FRAME_PAYLOAD_MAX);
	const records: CapturedRecord[] = [];
	for (let length = reader.nextBatch(batch); length > 0; length = reader.nextBatch(batch))
		records.push(...parseRecords(batch.subarray(0, length)));
	reader.close();
	return records;
}

function rightsOf(pid: number): RightsFinding {
	const childrenOf = (process: number) =>
		threadsOf(process).flatMap((thread) =>
			readFileSync(`/proc/${process}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
		);
	const rights = (process: number) => threadsOf(process).map((thread) => threadRights(process, thread));
	const helpers = childrenOf(pid);
	const lookers = helpers.flatMap(childrenOf);
	return { what: 'rights', tinytap: rights(pid), helper: helpers.flatMap(rights), lookers: lookers.flatMap(rights) };
}

function threadsOf(pid: number): number[] {
	return readdirSync(`/proc/${pid}/task`).map(Number);
}

function threadRights(pid: number, thread: number): ThreadRights {
	const status = readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8');
	const field = (name: string) => new RegExp(`^${name}:\\t(.*)$`, 'm').exec(status)?.[1] ?? '';
	return {
		name: field('Name'),
		uids: field('Uid').split('\t').map(Number),
		capabilities: Object.fromEntries(['Inh', 'Prm', 'Eff', 'Bnd', 'Amb'].map((set) => [set, field(`Cap${set}`)])),
		noNewPrivileges: field('NoNewPrivs') === '1',
		seccomp: field('Seccomp') === '2',
	};
}

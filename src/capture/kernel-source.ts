// The live kernel as a source of records. It gets the programs attached, tells them about existing connections, answers
// the decoder's questions about sockets and processes, and adds clock readings and loss counters to the stream.
import { release } from 'node:os';
import {
	LOSS_EXCLUDED,
	LOSS_FAULT,
	LOSS_MAP_FULL,
	LOSS_MISSED,
	LOSS_RING_FULL,
	LOSS_TLS_LATE,
	LOSS_TLS_UNMAPPED,
	LOSS_UNSEEN,
} from '../../decoder-as/assembly/wire/capture-event.ts';
import { errorEntry, isErrorCode } from '../base/error-codes.ts';
import { systemCode, UserError } from '../base/errors.ts';
import { howToRepair } from '../base/installation.ts';
import { clockStepMs } from '../base/wall-clock.ts';
import type { BatchSource, Question } from './batch-source.ts';
import type { CaptureFilters, CaptureSettings } from './capture-settings.ts';
import { cgroupIds } from './cgroups.ts';
import { clockRecord, endRecord, lossRecord, processFact, socketFact } from './fact-record.ts';
import { Gathering } from './gathering.ts';
import { executable, processesNamed, processFacts, requireProcesses } from './host-facts.ts';
import { howToGetRights } from './launcher-access.ts';
import { pidNamespace } from './namespaces.ts';
import { loadNativeAddon, type NativeAddon, type NativeCapture, setFilter } from './native-addon.ts';
import { explainedByLimits } from './process-limits.ts';
import { attachingRights, missingRights, type Rights } from './rights-checks.ts';
import { silenceWarnings } from './silence.ts';
import { tlsLibraries, tlsReason } from './tls-library.ts';

const BATCH_BYTES = 1 << 20;
/** Records are gathered for this long if the settings do not say, which saves wake-ups but delays rows a little. */
const GATHER_MS = 10;
/** The loss reasons that only the kernel counts. The decoder counts the others, from the flags of records. */
const KERNEL_REASONS = [
	LOSS_RING_FULL,
	LOSS_MAP_FULL,
	LOSS_FAULT,
	LOSS_EXCLUDED,
	LOSS_UNSEEN,
	LOSS_MISSED,
	LOSS_TLS_LATE,
	LOSS_TLS_UNMAPPED,
];

const SOCK_STREAM = 1;
/** The most bytes a single call can move. */
const CALL_BYTES_MAX = 2 ** 31 - 1;

/** Loads and attaches the programs. Throws a UserError with the reason and a remedy if that fails. */
export function kernelSource(settings: CaptureSettings): BatchSource {
	if (process.platform !== 'linux') {
		throw new UserError(
			`expected Linux for live capture, got ${process.platform}`,
			'ERR_PLATFORM',
			'Recordings can be read on any system: tinytap --replay FILE.',
		);
	}
	requireProcesses(settings.filters.pids);
	cgroupIds(settings.filters.cgroups);
	const addon = load(settings);
	const steps = new Steps();
	const rights = attachingRights(addon, settings.attacher);
	const capture = open(addon, settings, rights);
	try {
		const object = capture.usesOldPrograms() ? 'those for kernels before 5.17' : 'those for kernels from 5.17 on';
		steps.done(`loaded the BPF programs (${object})`);
		steps.done(`found ${capture.learnSockets()} sockets that were already open`);
		applyFilter(capture, settings.filters);
		steps.done('applied the filters');
		const { count, missing } = capture.attach();
		steps.done(`attached to ${count} tracepoints`);
		const unread = settings.tls === true ? beginTls(capture, steps) : [];
		const verbose = settings.verbose ? [versions(settings), ...steps.texts] : [];
		const all = [...verbose, ...remarks(capture, rights, missing, settings.filters), ...unread];
		const base = source(addon, capture, rights, all, gathering(settings));
		return settings.tls === true ? { ...base, ...tlsSource(capture, rights), holdsTls: unread.length === 0 } : base;
	} catch (error) {
		capture.close();
		throw explained(error, rights);
	}
}

/** Reads the plaintext of TLS from now on. Whatever prevents that is a remark: the capture goes on without it. */
function beginTls(capture: NativeCapture, steps: Steps): string[] {
	try {
		const count = capture.captureTls(true);
		steps.done(`attached to ${count} TLS libraries`);
		return [];
	} catch (error) {
		if (!(error instanceof Error)) throw error;
		return [`the plaintext of TLS is not read: ${error.message}`];
	}
}

/** Measures how long each step of the start takes. */
class Steps {
	readonly texts: string[] = [];
	#since = performance.now();

	done(what: string): void {
		const now = performance.now();
		this.texts.push(`${what} in ${Math.round(now - this.#since)} ms`);
		this.#since = now;
	}
}

function versions({ ringSize }: CaptureSettings): string {
	return `Linux ${release()}, Node ${process.version}, ring of ${ringSize >> 10} KiB`;
}

function remarks(
	capture: NativeCapture,
	rights: Rights,
	missing: readonly string[],
	filters: CaptureFilters,
): string[] {
	const calls = new Set(missing.map((name) => name.replace(/^syscalls\/sys_(enter|exit)_/, '')));
	const awaited = filters.comms.filter((name) => namedProcesses(capture, [name]).length === 0);
	return [
		...awaited.map((name) =>
			pidNamespace()?.isInitial === false
				? `no process named ${name} is running in this pid namespace; processes that start later will be captured, but not those already running outside it`
				: `no process named ${name} is running; one that starts later will be captured`,
		),
		...missingRights(rights),
		...(calls.size === 0
			? []
			: [`this kernel has no tracepoint for ${[...calls].join(', ')}: these calls are not seen`]),
		...(capture.usesOldPrograms()
			? [
					'this kernel accepts only the BPF programs for kernels before 5.17: system calls cost more, and those already waiting are not seen',
					...(filters.cgroups.length === 0 ? [] : ['--cgroup does not include the cgroups below on this kernel']),
				]
			: []),
	];
}

function gathering({ gatherMs = GATHER_MS, calmGatherMs = gatherMs }: CaptureSettings): Gathering {
	return new Gathering(gatherMs, calmGatherMs);
}

function source(
	addon: NativeAddon,
	capture: NativeCapture,
	rights: Rights,
	remarks: readonly string[],
	gathering: Gathering,
): BatchSource {
	const lossBefore = new Map<number, number>();
	const silence = silenceWarnings();
	const periodicRecords = () => {
		const { bootNs: timeNs, wallNs } = capture.clocks();
		const records = [clockRecord(timeNs, wallNs + BigInt(clockStepMs()) * 1_000_000n)];
		const counters = capture.counters();
		for (const reason of KERNEL_REASONS) {
			const events = counters[reason * 2] ?? 0;
			if (events === (lossBefore.get(reason) ?? 0)) continue;
			lossBefore.set(reason, events);
			records.push(lossRecord(timeNs, reason, BigInt(events), BigInt(counters[reason * 2 + 1] ?? 0)));
		}
		return records;
	};
	const explaining = explainer(rights);
	return {
		remarks,
		batchBytes: Math.max(BATCH_BYTES, addon.recordBytesMax),
		nextBatch: (into, timeoutMs, signals) => capture.poll(into, timeoutMs, timeoutMs === 0 ? 0 : gathering.ms, signals),
		periodicRecords: explaining(periodicRecords),
		lastRecords: () => [...periodicRecords(), endRecord(capture.clocks().bootNs)],
		answer: explaining((question: Question) => {
			if (question.what === 'process') gathering.note();
			return answer(capture, question);
		}),
		skip: explaining((conn: number, direction: number, until: number) => capture.setSkip(conn, direction, until)),
		setFilters: explaining((filters: CaptureFilters) => applyFilter(capture, filters)),
		touchMemory: (memory) => addon.touchPages(memory),
		discardMemory: (memory) => addon.discardPages(memory),
		trimMemory: () => addon.trimMemory(),
		warnings: () => silence(capture.silence()),
		hurry: (on) => capture.hurry(on),
		stop: () => capture.setPaused(true),
		close: () => capture.closeInBackground(),
	};
}

/** What only a session with `--tls` can do. */
function tlsSource(
	capture: NativeCapture,
	rights: Rights,
): Required<Pick<BatchSource, 'setTls' | 'tlsLibraries' | 'tlsReason'>> {
	const explaining = explainer(rights);
	return {
		setTls: explaining((on: boolean) => void capture.captureTls(on)),
		tlsLibraries: () => tlsLibraries(capture),
		tlsReason: (pid) => tlsReason(capture, pid),
	};
}

/** Wraps calls to a helper, which can end at any time. */
function explainer(rights: Rights) {
	return <A extends unknown[], R>(work: (...args: A) => R) =>
		(...args: A) => {
			try {
				return work(...args);
			} catch (error) {
				throw explained(error, rights);
			}
		};
}

function answer(capture: NativeCapture, question: Question): Uint8Array | undefined {
	const { bootNs: timeNs } = capture.clocks();
	if (question.what === 'process') {
		return processFact(timeNs, question.pid, processFacts(question.pid, executableOf(capture)));
	}
	const { kind, type, local, remote } = capture.lookup(question.pid, question.fd);
	// Datagram and raw sockets carry no HTTP/1.
	const file = kind === 'file' || (kind === 'socket' && type !== SOCK_STREAM);
	if (file) capture.dismiss(question.conn);
	else if (kind === 'socket') capture.confirmSocket(question.conn);
	return socketFact(timeNs, question, {
		kind: file ? 'file' : kind === 'socket' ? 'socket' : 'unknown',
		local,
		remote,
	});
}

/** The helper looks up executables of other users' processes. */
function executableOf(capture: NativeCapture): (pid: number) => string {
	return (pid) => capture.executable(pid) || executable(pid);
}

function namedProcesses(capture: NativeCapture, names: readonly string[]): number[] {
	return processesNamed(names, executableOf(capture));
}

function applyFilter(capture: NativeCapture, filters: CaptureFilters): void {
	const { pids, comms, ports } = filters;
	const commPids = comms.length === 0 ? [] : namedProcesses(capture, comms);
	setFilter(capture, { pids, comms, commPids, ports, cgroups: cgroupIds(filters.cgroups) });
}

function load(settings: CaptureSettings): NativeAddon {
	try {
		return loadNativeAddon(settings.files.addon);
	} catch (error) {
		const detail = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
		throw new UserError(
			`the native addon cannot be loaded: ${detail}`,
			'ERR_ADDON',
			`${howToRepair()} \`tinytap doctor\` checks the rest.`,
		);
	}
}

function open(addon: NativeAddon, settings: CaptureSettings, rights: Rights): NativeCapture {
	try {
		return addon.openCapture({
			objectPath: settings.files.bpfObject,
			...(settings.attacher === undefined ? {} : { attacher: settings.attacher }),
			ringBytes: settings.ringSize,
			captureLimit: Math.min(settings.callLimit, CALL_BYTES_MAX),
			iovecLimit: settings.iovecLimit,
		});
	} catch (error) {
		throw explained(error, rights);
	}
}

/** Turns the addon's error into a UserError with a hint. */
function explained(found: unknown, rights: Rights): unknown {
	const error = explainedByLimits(found, rights);
	if (error instanceof UserError || !(error instanceof Error)) return error;
	const code = systemCode(error);
	if (code === undefined || !isErrorCode(code)) return error;
	const hint = code === 'ERR_NO_PERMISSION' ? howToGetRights() : errorEntry(code)?.hint;
	return new UserError(error.message, code, hint);
}

// The capture thread: one loop from source to decoder to store. It connects src/capture, src/decode and src/store.
// Between batches, it answers the query thread's requests for snapshots.
import { readFileSync } from 'node:fs';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import {
	LOSS_EVICTED,
	LOSS_EXCLUDED,
	LOSS_OUTPUT_DROPPED,
	LOSS_RECORDING_STOPPED,
} from '../../decoder-as/assembly/wire/capture-event.ts';
import * as layout from '../../decoder-as/assembly/wire/output-layout.ts';
import { UserError } from '../base/errors.ts';
import { explainedByDirectory } from '../base/working-directory.ts';
import type { BatchSource } from '../capture/batch-source.ts';
import { DEFAULT_BODY_LIMIT } from '../capture/capture-settings.ts';
import { idleSource } from '../capture/idle-source.ts';
import { kernelSource } from '../capture/kernel-source.ts';
import { explainedByLimits } from '../capture/process-limits.ts';
import type { RecordingMeta } from '../capture/recording-format.ts';
import { recordingSource } from '../capture/recording-source.ts';
import { type CodedPiece, readCoded } from '../decode/coded-streams.ts';
import { createDecoder } from '../decode/decoder.ts';
import { BLIND_SPOTS } from '../decode/words.ts';
import { ConnectionLog } from '../store/connection-log.ts';
import type { CaptureSnapshot } from '../store/database.ts';
import { ExchangeStore } from '../store/exchange-store.ts';
import { type LossTotal, lostBytes, lostEvents } from '../store/loss-table.ts';
import { MessageIntake } from '../store/message-intake.ts';
import { type EntryBytes, entryBytes } from '../store/row-writer.ts';
import { type CapturePriority, capturePriority } from './capture-priority.ts';
import { CaptureRecorder } from './capture-recorder.ts';
import {
	type CaptureEntries,
	type CaptureThreadData,
	type CaptureTotals,
	errorMessage,
	type FromCapture,
	type RecordingEnd,
	SIGNAL_MESSAGE,
	SIGNAL_STOP,
	type SnapshotReply,
	type SnapshotRequest,
	STATUS_DROPPED_AT,
	STATUS_LOST_BYTES,
	STATUS_LOST_EVENTS,
	STATUS_ROWS,
	STATUS_STORE_BYTES,
	type ToCapture,
	unprintedRows,
} from './messages.ts';
import { OwnSockets } from './own-sockets.ts';
import { TlsNotes } from './tls-notes.ts';

/** Longest wait of one read of the ring. It limits how late rows appear at the prompt. */
const POLL_MS = 10;
/** The same after a quiet period. The source still returns as soon as there is a record. */
const CALM_POLL_MS = 250;
/** After this many empty batches, no more late records are expected. */
const EMPTY_BATCHES = 8;
/** Interval at which clock readings and loss counters are added to the stream. */
const PERIODIC_MS = 250;
/** How long to run the event loop after a message: a new port starts listening only in a later turn. */
const LISTEN_MS = 50;
/**
 * When the process takes this much more than --max-memory, freed memory is returned to the system. The promised
 * maximum is 128 MiB more.
 */
const TRIM_ABOVE_BYTES = 104 << 20;
/** More bytes than arrive between two reads under moderate load. */
const MUCH_BYTES = 384 << 10;

const {
	settings,
	shares,
	status: statusBuffer,
	signals: signalsBuffer,
	ownSockets: ownBuffer,
} = workerData as CaptureThreadData;
const main = parentPort!;
const status = new Float64Array(statusBuffer);
const signals = new Int32Array(signalsBuffer);
const ownSockets = ownBuffer === undefined ? undefined : new OwnSockets(ownBuffer);

const decoder = createDecoder(readFileSync(settings.files.decoder), {
	memoryLimit: shares.decoder,
});
const store = new ExchangeStore({
	memoryBytes: shares.store,
	rows: settings.maxRows,
	touch: (memory) => running?.touchMemory(memory),
	discard: (memory) => running?.discardMemory(memory) === true,
	evicted: (id) => messages.evict(id),
});
/** Messages take at most half of the memory for rows. */
const intake = new MessageIntake(
	{ memoryBytes: shares.store / 2, discard: (memory) => running?.discardMemory(memory) === true },
	() => bodyLimit,
);
const messages = intake.log;
let storeLimit = shares.store;
/** Compressed bytes from the decoder's output, which it gets back decompressed. */
const codedPieces: CodedPiece[] = [];
const closedConnections = new ConnectionLog(shares.connectionLog);
/** Connections on which this process is the other end, as their exchanges have shown. */
const ownConnections = new Set<number>();

let queryPort: MessagePort | undefined;
let begun = false;
let following = false;
/** A live capture tells its follower of new rows at most this often. */
let followedEveryMs = 0;
/** What the follower's snapshots contain besides the stored rows: SNAPSHOT_*. */
let followedMask = 0;
let toldAt = Number.NEGATIVE_INFINITY;
let committedBefore = 0;
let messagesBefore = 0;
/** The snapshot that the follower has not released yet. It gets no other until then, because each one holds memory. */
let followerHolds: number | undefined;
/** Whether the follower has been told that the capture has ended. */
let toldEnd = false;
/** How far the wall clock has been stepped since the start, including suspends. */
let clockStepMs = 0;
let paused = false;
let ended = false;
/** The records being decoded are clock readings and counters. */
let feeding = false;
let bodyLimit = DEFAULT_BODY_LIMIT;
/** Exchanges that began earlier are not kept. */
let fromUs = Number.NEGATIVE_INFINITY;
let running: BatchSource | undefined;
let tlsNotes: TlsNotes | undefined;
const ownLoss = { recordingStopped: newTotal(), excluded: newTotal() };
let views: EntryBytes = entryBytes(decoder.memory.buffer);
const recorder = new CaptureRecorder({
	decoder,
	user: settings.user,
	bodyLimit: () => bodyLimit,
	feed,
	warn: (message, hint) => post({ type: 'warning', message, hint }),
	lost: (bytes) => count(ownLoss.recordingStopped, 1, bytes),
});

main.on('message', (message: ToCapture) => {
	if (message.type === 'port') {
		queryPort = message.port;
		// The port belongs to a new query thread. Nobody reads the old one's snapshots any more.
		store.release();
		messages.release();
		following = false;
		followerHolds = undefined;
		queryPort.on('message', answerQueryThread);
	} else if (message.type === 'begin') begun = true;
	else if (message.type === 'pause') paused = true;
	else if (message.type === 'resume') paused = false;
	else if (message.type === 'clear') clear();
	else if (message.type === 'store-limit') limitStore(message.bytes);
	else if (message.type === 'record') answerRecording((source) => void recorder.start(message.record, source));
	else if (message.type === 'record-stop') answerRecording((source) => recorder.stop(source));
	else if (message.type === 'tls') setTls(message.on);
	else if (message.type === 'totals') post({ type: 'totals', ...captureTotals() });
	else if (message.type === 'entries') postEntries(message.closed, message.open);
	else running?.setFilters(message.filters);
});

run().catch((error: unknown) => {
	recorder.abandon();
	post({ type: 'error', error: errorMessage(explainedByLimits(explainedByDirectory(error))) });
});

async function run(): Promise<void> {
	const source = openSource();
	running = source;
	tlsNotes = new TlsNotes(source, decoder);
	bodyLimit = settings.bodyLimit ?? source.bodyLimit ?? DEFAULT_BODY_LIMIT;
	fromUs = source.fromUs ?? Number.NEGATIVE_INFINITY;
	decoder.configure({ bodyLimit: Number.isFinite(bodyLimit) ? bodyLimit : -1 });
	try {
		if (settings.record !== undefined)
			recorder.open({ ...settings.record, meta: recordedMeta(settings.record.meta, source) });
		feed(source.periodicRecords(), source);
		post({ type: 'attached', remarks: source.remarks, holdsTls: source.holdsTls === true });
		if (settings.replay?.awaitsTail === true) await mayBegin();
		await pump(source);
		feed(source.lastRecords(), source);
		decoder.finish();
		takeOutput(source);
		tlsNotes.end();
		for (const warning of source.warnings()) post({ type: 'warning', ...warning });
		const recording = recorder.close();
		ended = true;
		updateStatus();
		tellFollower();
		// Close the source before telling main, which may then terminate this thread. That must not interrupt a call
		// into the addon.
		source.close();
		post({
			type: 'ended',
			loss: allLossTotals(),
			memoryBytes:
				store.memoryBytes + messages.memoryBytes + decoder.memory.buffer.byteLength + closedConnections.memoryBytes,
			...(recording === undefined ? {} : { recording }),
			...(source.damage === undefined ? {} : { damage: source.damage }),
		});
	} catch (error) {
		source.close();
		throw error;
	}
}

function openSource(): BatchSource {
	if (settings.idle === true) return idleSource();
	if (settings.replay === undefined) return kernelSource(settings);
	return recordingSource(settings.replay, settings.user, settings.filters);
}

/** A copy keeps the metadata of its capture, and says nothing about this host: the file may come from another one. */
function recordedMeta(meta: RecordingMeta, source: BatchSource): RecordingMeta {
	if (source.meta === undefined) return meta;
	const { host: _host, kernel: _kernel, boot_id: _boot, filters: _filters, ...own } = meta;
	return { ...own, ...source.meta };
}

/** Resolves when main has asked to begin or to stop. */
async function mayBegin(): Promise<void> {
	while (!begun && Atomics.load(signals, SIGNAL_STOP) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
}

async function pump(source: BatchSource): Promise<void> {
	const live = settings.replay === undefined && settings.idle !== true;
	const priority: CapturePriority | undefined = live
		? capturePriority(MUCH_BYTES, (on) => source.hurry(on))
		: undefined;
	const pollMs = Math.max(POLL_MS, settings.gatherMs ?? 0, settings.calmGatherMs ?? 0);
	let periodicAt = 0;
	let listenUntil = 0;
	let empty = 0;
	let stopping = false;
	let isFirst = true;
	for (;;) {
		if (!stopping && Atomics.load(signals, SIGNAL_STOP) !== 0) {
			// Detach first, then read the rest of the ring.
			source.stop();
			stopping = true;
		}
		const input = decoder.input(source.batchBytes);
		const isCalm = empty > EMPTY_BATCHES && performance.now() > listenUntil;
		const length = source.nextBatch(input, stopping ? 0 : isCalm ? CALM_POLL_MS : pollMs, signals);
		if (length < 0 || (length === 0 && stopping)) return;
		empty = length > 0 ? 0 : empty + 1;
		if (!paused) decode(length, source);
		recorder.rotateIfDue(source);
		const now = performance.now();
		priority?.came(length, now);
		if (Atomics.exchange(signals, SIGNAL_MESSAGE, 0) !== 0) listenUntil = now + LISTEN_MS;
		let listen = !live || now <= listenUntil;
		if (now >= periodicAt) {
			listen = true;
			periodicAt = now + PERIODIC_MS;
			feed(source.periodicRecords(), source);
			recorder.tick();
			tlsNotes?.tick();
			for (const warning of source.warnings()) post({ type: 'warning', ...warning });
			updateStatus();
			if (process.memoryUsage.rss() > settings.maxMemory + TRIM_ABOVE_BYTES) source.trimMemory();
		}
		status[STATUS_ROWS] = store.appended;
		status[STATUS_STORE_BYTES] = store.memoryBytes + intake.memoryBytes;
		tellFollower();
		if (store.appended >= settings.count) Atomics.store(signals, SIGNAL_STOP, 1);
		if (!listen) continue;
		// Let the event loop deliver messages.
		await new Promise(setImmediate);
		// A recording can wait until the tail has read its rows.
		while (!live && followerHolds !== undefined && Atomics.load(signals, SIGNAL_STOP) === 0) {
			await new Promise((resolve) => setTimeout(resolve, 1));
		}
		if (isFirst && store.appended > 0) {
			isFirst = false;
			// Until now much was compiled.
			source.restartClock?.();
		}
	}
}

/** Passes records made in user space to the decoder and the recording. */
function feed(records: readonly Uint8Array[], source: BatchSource): void {
	if (records.length === 0) return;
	const batch = Buffer.concat(records);
	decoder.input(source.batchBytes).set(batch);
	feeding = true;
	decode(batch.byteLength, source);
	feeding = false;
}

/**
 * Decodes the batch of `length` bytes in the decoder's input. Questions are answered before the next record is
 * read.
 */
function decode(length: number, source: BatchSource): void {
	let from = 0;
	do {
		const to = decoder.decodePart(from, length);
		// Record part by part, because a replay needs the answers at the same places.
		if (recorder.path !== undefined) recorder.records(decoder.input(source.batchBytes).subarray(from, to), feeding);
		answer(takeOutput(source));
		from = to;
	} while (from < length);
	let isSettled = false;
	let isAnswered = false;
	// Answers may complete more exchanges and raise more questions.
	do {
		isSettled = decoder.settle();
		isAnswered = answer(takeOutput(source));
	} while (!isSettled || isAnswered);
}

/** Passes answers to the decoder. Returns false if there are none. */
function answer(answers: readonly Uint8Array[]): boolean {
	if (answers.length === 0) return false;
	decoder.answer(Buffer.concat(answers));
	recorder.answers(answers);
	return true;
}

/** Handles the decoder's output and returns the answers to its questions. */
function takeOutput(source: BatchSource): Uint8Array[] {
	const output = decoder.output();
	const answers: Uint8Array[] = [];
	if (output.byteLength > 0) {
		if (views.bytes.buffer !== decoder.memory.buffer) views = entryBytes(decoder.memory.buffer);
		const start = output.byteOffset;
		const end = start + output.byteLength;
		for (let at = start; at < end; at += views.u32[at >> 2]!) {
			const type = views.u32[(at + layout.ENTRY_TYPE) >> 2]!;
			if (type === layout.ENTRY_EXCHANGE) {
				// Exchanges with an unknown time are kept.
				if (!(float(at + layout.EXCHANGE_TS) < fromUs) && !isOwn(at)) store.append(views, at);
				else messages.evict(float(at + layout.EXCHANGE_ID));
			} else takeRareEntry(type, at, source, answers);
		}
		decoder.clearOutput();
	}
	if (codedPieces.length === 0) return answers;
	for (const piece of codedPieces.splice(0)) intake.answer(decoder, piece);
	return [...answers, ...takeOutput(source)];
}

/**
 * Separate from the loop over exchanges: V8 compiles that loop before these entries appear and would have to
 * recompile it.
 */
function takeRareEntry(type: number, at: number, source: BatchSource, answers: Uint8Array[]): void {
	if (type === layout.ENTRY_MESSAGE) appendMessage(at);
	else if (type === layout.ENTRY_CODED) codedPieces.push(readCoded(views.view, at));
	else if (type === layout.ENTRY_PAIR) store.pair(float(at + layout.PAIR_A), float(at + layout.PAIR_B));
	else if (type === layout.ENTRY_CONNECTION) {
		if (!isOwnConnection(at)) closedConnections.append(views.bytes.subarray(at, at + views.u32[at >> 2]!));
		ownConnections.delete(float(at + layout.CONNECTION_ID));
	} else if (type === layout.ENTRY_SKIP)
		source.skip(
			float(at + layout.SKIP_CONN),
			views.u32[(at + layout.SKIP_DIRECTION) >> 2]!,
			float(at + layout.SKIP_UNTIL),
		);
	else if (type === layout.ENTRY_QUESTION) {
		const answer = source.answer({
			what: views.u32[(at + layout.QUESTION_WHAT) >> 2] === layout.QUESTION_SOCKET ? 'socket' : 'process',
			conn: float(at + layout.QUESTION_CONN),
			pid: views.u32[(at + layout.QUESTION_PID) >> 2]!,
			fd: views.u32[(at + layout.QUESTION_FD) >> 2]! | 0,
		});
		if (answer !== undefined) answers.push(answer);
	}
}

/** Keeps a message of an exchange. What messages take, exchanges cannot take. */
function appendMessage(at: number): void {
	const before = intake.memoryBytes;
	intake.take(views, at, !(float(at + layout.MESSAGE_TS) < fromUs));
	if (intake.memoryBytes !== before) store.memoryLimit = storeLimit - intake.memoryBytes;
}

function limitStore(bytes: number): void {
	storeLimit = bytes;
	messages.memoryLimit = bytes / 2;
	store.memoryLimit = bytes - intake.memoryBytes;
}

/** Whether the exchange is one of this process's own, seen from the other side. It is counted, but not kept. */
function isOwn(at: number): boolean {
	const socket = ownSocket(at, layout.EXCHANGE_REMOTE);
	if (socket === undefined || (socket === 'connection' && !isFromTinytap(at))) return false;
	ownConnections.add(float(at + layout.EXCHANGE_CONN));
	const bodies = [layout.EXCHANGE_REQ_BODY_BYTES, layout.EXCHANGE_RES_BODY_BYTES].map(
		(offset) => float(at + offset) || 0,
	);
	count(ownLoss.excluded, 1, bodies[0]! + bodies[1]!);
	return true;
}

/** The same for a connection. Its exchanges have told so; without one, and while it is open, its address does. */
function isOwnConnection(at: number): boolean {
	if (ownConnections.has(float(at + layout.CONNECTION_ID))) return true;
	const hasEnded = !Number.isNaN(float(at + layout.CONNECTION_CLOSED));
	if (hasEnded && float(at + layout.CONNECTION_EXCHANGES) > 0) return false;
	return ownSocket(at, layout.CONNECTION_REMOTE) !== undefined;
}

/** What the text at `offset` of the entry is the address of: a socket of this process, or undefined. */
function ownSocket(at: number, offset: number): ReturnType<OwnSockets['find']> {
	if (ownSockets === undefined || !ownSockets.inUse) return undefined;
	const word = (at + offset) >> 2;
	return ownSockets.find(views.bytes, at + views.u32[word]!, views.u32[word + 1]!);
}

/**
 * Whether tinytap sent the request, as its User-Agent says: in another network namespace, another program can have the same
 * address. A request that was not seen counts as one of tinytap's.
 */
function isFromTinytap(at: number): boolean {
	if ((views.u32[(at + layout.EXCHANGE_FLAGS) >> 2]! & layout.EXCHANGE_FLAG_REQUEST) === 0) return true;
	const word = (at + layout.EXCHANGE_REQ_HEADERS) >> 2;
	const start = at + views.u32[word]!;
	const text = (field: number, offset: number) => {
		const value = (field + offset) >> 2;
		return Buffer.from(views.bytes.buffer, at + views.u32[value]!, views.u32[value + 1]!).toString('latin1');
	};
	for (let field = start; field < start + views.u32[word + 1]!; field += layout.HEADER_BYTES) {
		if (text(field, layout.HEADER_NAME_OFFSET).toLowerCase() === 'user-agent')
			return text(field, layout.HEADER_VALUE_OFFSET).startsWith('tinytap/');
	}
	return false;
}

function float(at: number): number {
	return views.f64[at >> 3]!;
}

/** Begins or ends to read the plaintext of TLS, and tells main. */
function setTls(on: boolean): void {
	try {
		if (running?.setTls === undefined || ended)
			throw new UserError('nothing is captured any more', 'ERR_NOT_CAPTURING');
		running.setTls(on);
		post({ type: 'tls-set' });
	} catch (error) {
		post({ type: 'tls-set', error: errorMessage(error) });
	}
}

/** Runs `work` and sends main its result or its error. */
function answerRecording(work: (source: BatchSource) => RecordingEnd | undefined): void {
	try {
		if (running === undefined || ended) throw new UserError('nothing is captured any more', 'ERR_NOT_CAPTURING');
		const end = work(running);
		post({ type: 'recorded', ...(end === undefined ? {} : { end }) });
	} catch (error) {
		post({ type: 'recorded', error: errorMessage(explainedByDirectory(error)) });
	}
}

function answerQueryThread(request: SnapshotRequest): void {
	if (request.type === 'follow') {
		following = request.on;
		followedEveryMs = settings.replay === undefined ? request.everyMs : 0;
		toldAt = Number.NEGATIVE_INFINITY;
		followedMask = request.mask;
		committedBefore = -1;
		toldEnd = false;
		tellFollower();
	} else if (request.type === 'release') {
		store.release(request.id);
		messages.release(request.id);
		if (request.id !== followerHolds) return;
		followerHolds = undefined;
		tellFollower();
	} else {
		const snapshot = takeSnapshot(request.mask);
		reply({ type: 'snapshot', id: request.id, snapshot }, [snapshot.entries]);
	}
}

/** Takes a snapshot of what a statement reads. */
function takeSnapshot(mask: number): CaptureSnapshot {
	decoder.snapshot(mask);
	const pieces = (mask & layout.SNAPSHOT_CONNECTIONS) === 0 ? [] : [...closedConnections.pieces()];
	const all = concatenate([...pieces, ...withoutOwnConnections(decoder.output())]);
	const entries = (mask & layout.SNAPSHOT_BLIND_SPOTS) === 0 ? all : (tlsNotes?.withReasons(all) ?? all);
	// The output was empty before, so it contains only the snapshot.
	decoder.clearOutput();
	updateStatus();
	const rows = store.snapshot();
	const wanted = (mask & layout.SNAPSHOT_MESSAGES) !== 0 ? { messages: messages.snapshot(rows.id) } : {};
	const libraries = (mask & layout.SNAPSHOT_TLS_LIBRARIES) === 0 ? undefined : tlsNotes?.libraries();
	return {
		...(libraries === undefined ? {} : { tlsLibraries: libraries }),
		store: rows,
		...wanted,
		entries,
		loss: allLossTotals(),
		nowUs: wallUs(),
	};
}

function tellFollower(): void {
	if (!following || followerHolds !== undefined || toldEnd) return;
	const hasMessages = (followedMask & layout.SNAPSHOT_MESSAGES) !== 0 && messages.appended !== messagesBefore;
	if (store.appended === committedBefore && !hasMessages && !ended) return;
	if (followedEveryMs > 0 && !ended) {
		const now = performance.now();
		if (now < toldAt + followedEveryMs) return;
		toldAt = now;
	}
	committedBefore = store.appended;
	messagesBefore = messages.appended;
	toldEnd = ended;
	const snapshot: CaptureSnapshot =
		followedMask === 0
			? { store: store.snapshot(), entries: new ArrayBuffer(0), loss: [], nowUs: wallUs() }
			: takeSnapshot(followedMask);
	followerHolds = snapshot.store.id;
	reply({ type: 'committed', snapshot, ended });
}

/** Loss totals, including what the other threads have counted. */
function allLossTotals(): LossTotal[] {
	const totals = lossTotals();
	const events = unprintedRows(status);
	if (events > 0) add(totals[LOSS_OUTPUT_DROPPED]!, { events, bytes: 0, lastUs: status[STATUS_DROPPED_AT]! });
	return totals;
}

function lossTotals(): LossTotal[] {
	const totals: LossTotal[] = decoder.loss().map(({ events, bytes, lastTs }) => ({
		events,
		bytes,
		lastUs: lastTs === 0 ? Number.NaN : lastTs,
	}));
	add(totals[LOSS_RECORDING_STOPPED]!, ownLoss.recordingStopped);
	add(totals[LOSS_EXCLUDED]!, ownLoss.excluded);
	const evicted = store.evictedRows + messages.evictedRows + closedConnections.evicted;
	add(totals[LOSS_EVICTED]!, {
		events: evicted,
		bytes: store.evictedBytes + messages.evictedBytes,
		lastUs: evicted === 0 ? Number.NaN : wallUs(),
	});
	return totals;
}

/** What `loss` and `blind_spots` say now. */
function captureTotals(): CaptureTotals {
	decoder.snapshot(layout.SNAPSHOT_BLIND_SPOTS);
	const output = decoder.output();
	const entries = entryBytes(decoder.memory.buffer);
	const processes = new Map(BLIND_SPOTS.flatMap((what) => (what === null ? [] : [[what, 0]])));
	const end = output.byteOffset + output.byteLength;
	for (let at = output.byteOffset; at < end; at += entries.u32[at >> 2]!) {
		const what = BLIND_SPOTS[entries.u32[(at + layout.BLIND_SPOT_WHAT) >> 2]!];
		if (what != null) processes.set(what, (processes.get(what) ?? 0) + 1);
	}
	decoder.clearOutput();
	updateStatus();
	return { loss: allLossTotals(), blindSpots: [...processes] };
}

function postEntries(after: number, open: boolean): void {
	decoder.snapshot(layout.SNAPSHOT_BLIND_SPOTS | (open ? layout.SNAPSHOT_CONNECTIONS : 0));
	const all = concatenate([...closedConnections.pieces(after), ...withoutOwnConnections(decoder.output())]);
	const entries = tlsNotes?.withReasons(all) ?? all;
	decoder.clearOutput();
	const { appended: closed, evicted } = closedConnections;
	const answer: CaptureEntries = { entries, closed, evicted: Math.max(0, evicted - after), nowUs: wallUs() };
	main.postMessage({ type: 'entries', ...answer } satisfies FromCapture, [entries]);
}

/** The entries of a snapshot without this process's own connections, in pieces. */
function withoutOwnConnections(output: Uint8Array): Uint8Array[] {
	if (ownSockets === undefined || (!ownSockets.inUse && ownConnections.size === 0)) return [output];
	if (views.bytes.buffer !== decoder.memory.buffer) views = entryBytes(decoder.memory.buffer);
	const pieces: Uint8Array[] = [];
	const end = output.byteOffset + output.byteLength;
	let from = output.byteOffset;
	for (let at = from; at < end; at += views.u32[at >> 2]!) {
		if (views.u32[(at + layout.ENTRY_TYPE) >> 2] !== layout.ENTRY_CONNECTION || !isOwnConnection(at)) continue;
		pieces.push(views.bytes.subarray(from, at));
		from = at + views.u32[at >> 2]!;
	}
	return [...pieces, views.bytes.subarray(from, end)];
}

function updateStatus(): void {
	const totals = lossTotals();
	status[STATUS_ROWS] = store.appended;
	status[STATUS_STORE_BYTES] = store.memoryBytes + intake.memoryBytes;
	status[STATUS_LOST_EVENTS] = lostEvents(totals);
	status[STATUS_LOST_BYTES] = lostBytes(totals);
}

function clear(): void {
	store.clear();
	messages.clear();
	store.memoryLimit = storeLimit - intake.memoryBytes;
	closedConnections.clear();
}

function concatenate(pieces: readonly Uint8Array[]): ArrayBuffer {
	const all = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.byteLength, 0));
	let at = 0;
	for (const piece of pieces) {
		all.set(piece, at);
		at += piece.byteLength;
	}
	return all.buffer;
}

function newTotal(): LossTotal {
	return { events: 0, bytes: 0, lastUs: Number.NaN };
}

function count(total: LossTotal, events: number, bytes: number): void {
	add(total, { events, bytes, lastUs: wallUs() });
}

function add(total: LossTotal, more: LossTotal): void {
	total.events += more.events;
	total.bytes += more.bytes;
	if (!Number.isNaN(more.lastUs)) total.lastUs = more.lastUs;
}

/** Microseconds since the epoch, corrected for steps of the wall clock. */
function wallUs(): number {
	const unstepped = performance.timeOrigin + performance.now();
	const step = Date.now() - unstepped;
	// Date.now() has a resolution of milliseconds.
	if (Math.abs(step - clockStepMs) > 2) clockStepMs = step;
	return Math.round((unstepped + clockStepMs) * 1000);
}

function post(message: FromCapture): void {
	main.postMessage(message);
}

function reply(message: SnapshotReply, transfer: readonly ArrayBuffer[] = []): void {
	queryPort?.postMessage(message, [...transfer]);
}

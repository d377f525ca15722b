// Checks each record of a batch and acts on its kind. Lengths are hostile: nothing outside the batch is read, and bytes that
// cannot be a record are counted.
import {
	beginClose,
	beginEnd,
	endEverything,
	evict,
	ignore,
	openConnection,
	openStream,
	receive,
	settleDue,
} from './connections/lifecycle';
import { beginRun, continueRun, endRun } from './connections/run';
import { foretellEnd, informSessions, mapSession, noteLibrary, sessionFor } from './connections/sessions';
import { isWord, findByte } from './memory/bytes';
import * as loss from './memory/loss';
import { allocate, memoryInUse } from './memory/memory';
import { isDue } from './memory/output';
import { idleLimitNs, relieveAbove, relieveTo } from './memory/settings';
import { Connection, NO_CONNECTION, NO_EXCHANGE, NO_MESSAGE, NO_PROCESS, NO_STREAM, Stream } from './memory/state';
import { beginMidstream } from './protocols/alignment';
import { isAtRest } from './protocols/at-rest';
import { becomeHttp2 } from './protocols/http2-start';
import { takeUncounted } from './protocols/protocol';
import { endSpill } from './protocols/spill';
import { learnAddressTexts, learnAddresses } from './rows/addresses';
import { noteSpot, writeSpots } from './rows/blind-spots';
import { commLength, writeConnection, writeExchange } from './rows/entries';
import { addEvent, writeEvents } from './rows/events';
import * as exchanges from './rows/exchanges';
import { dropItems } from './rows/items';
import { dropBody } from './rows/messages';
import { beginBatch, count, findConnection, noteSyscall, oldest, settleBatch, touch } from './tables/connections';
import { addHold, endProcess, findProcess, learnProcess, renewProcess } from './tables/processes';
import * as call from './wire/call';
import {
	CAPTURE_ADDRESSES_BYTES,
	CAPTURE_BLIND_SPOT,
	CAPTURE_CLOCK,
	CAPTURE_CLOSE,
	CAPTURE_CLOSE_BYTES,
	CAPTURE_CLOSE_MEASURED_BYTES,
	CAPTURE_CONN_HTTP2,
	CAPTURE_CONN_TLS_UNMAPPED,
	CAPTURE_DATA,
	CAPTURE_END,
	CAPTURE_EOF,
	CAPTURE_ERROR,
	CAPTURE_FACT_PROCESS,
	CAPTURE_FACT_SOCKET,
	CAPTURE_LOSS,
	CAPTURE_OPEN,
	CAPTURE_OPEN_AT_REST_BYTES,
	CAPTURE_PEEK,
	CAPTURE_PROCESS_EXEC,
	CAPTURE_PROCESS_EXIT,
	CAPTURE_SHARE,
	CAPTURE_SHUTDOWN,
	CAPTURE_TLS_MAPPED,
	CAPTURE_UNSEEN,
	DIRECTION_IN,
	DIRECTION_NONE,
	DIRECTION_OUT,
	FLAG_CUT_BODY_LIMIT,
	FLAG_CUT_CAPTURE_LIMIT,
	FLAG_CUT_IOVEC_LIMIT,
	FLAG_MIDSTREAM,
	FLAG_PART,
	FLAG_PLAINTEXT,
	FLAG_UNVERIFIED,
	FLAG_ZERO_COPY,
	LOSS_BODY_LIMIT,
	LOSS_CAPTURE_LIMIT,
	LOSS_DECODE_GAP,
	LOSS_IOVEC_BOUND,
	LOSS_PEEK,
	LOSS_TABLE_FULL,
	LOSS_ZERO_COPY,
	SYSCALL_EXIT,
} from './wire/capture-event';
import * as clock from './wire/clock';
import {
	REASON_CLOSED,
	REASON_CONNECTION_RESET,
	REASON_PEER_CLOSED,
	REASON_PROCESS_EXITED,
	REASON_TIMED_OUT,
	SNAPSHOT_BLIND_SPOTS,
	SNAPSHOT_CONNECTIONS,
	SNAPSHOT_EVENTS,
	SNAPSHOT_EXCHANGES,
	STATE_INCOMPLETE,
} from './wire/output-layout';
import {
	HEADER_SIZE,
	hasKnownVersion,
	recordBytes,
	recordCallBytes,
	recordCallOffset,
	recordCaptured,
	recordComm,
	recordConn,
	recordConnFlags,
	recordDirection,
	recordFlags,
	recordKind,
	recordOffset,
	recordPayload,
	recordPid,
	recordSize,
	recordSyscall,
	recordTime,
} from './wire/record';

const ECONNRESET: u32 = 104;
const EPIPE: u32 = 32;
const ETIMEDOUT: u32 = 110;
const SHUT_RD: u32 = 0;
const SHUT_WR: u32 = 1;

const IDLE_WATCH_NS: u64 = 1_000_000_000;

let finished = false;
let nextIdleWatch: u64 = 0;

/**
 * Decodes the batch [start, start + bytes) from byte `from` on, where a record begins. Returns where it stopped: at the
 * end or, with `pausing`, after a record whose output the host should read first.
 */
export function decodeBatch(start: usize, from: u32, bytes: u32, pausing: bool): u32 {
	if (from == 0) beginBatch();
	return decodeRecords(start, from, bytes, pausing);
}

/** Answers to questions, which belong to the batch being decoded. */
export function decodeAnswers(start: usize, bytes: u32): void {
	decodeRecords(start, 0, bytes, false);
}

function decodeRecords(start: usize, from: u32, bytes: u32, pausing: bool): u32 {
	const first = start + from;
	let at = first;
	const end = start + bytes;
	while (end - at >= HEADER_SIZE) {
		if (pausing && at != first && isDue()) {
			endRun();
			return <u32>(at - start);
		}
		const size = recordSize(at);
		if (size < HEADER_SIZE || size > <u32>(end - at)) break;
		const captured = recordCaptured(at);
		if (!hasKnownVersion(at) || captured != size - HEADER_SIZE || captured > recordBytesOrPayload(at)) {
			endRun();
			loss.count(LOSS_DECODE_GAP, 1, recordBytes(at));
		} else if (!continueRun(at)) {
			handle(at);
		}
		at += (<usize>size + 7) & ~7;
		if (at > end) at = end;
	}
	endRun();
	// The rest is not a record, and the start of the next one is unknown.
	if (at < end) loss.count(LOSS_DECODE_GAP, 1, end - at);
	return bytes;
}

/**
 * The batch is over: decides what had to wait for its end. Called again after later answers. Returns false if it
 * stopped, with `pausing`, because the host should read the output first.
 */
export function settle(pausing: bool): bool {
	settleBatch();
	if (!settleDue(pausing)) return false;
	watchIdle();
	return true;
}

/** `bytes` limits the payload of data records only; records from user space have a payload but no stream bytes. */
function recordBytesOrPayload(at: usize): u32 {
	return recordKind(at) == CAPTURE_DATA ? recordBytes(at) : u32.MAX_VALUE;
}

function handle(record: usize): void {
	const kind = recordKind(record);
	if (kind == CAPTURE_CLOCK) {
		clock.advance(recordTime(record));
		clock.anchor(recordTime(record), recordOffset(record));
		return;
	}
	clock.advance(recordTime(record));
	if (kind == CAPTURE_LOSS) {
		loss.total(recordCallBytes(record), recordOffset(record), recordConn(record), recordTime(record));
		return;
	}
	if (kind == CAPTURE_FACT_PROCESS) {
		const payload = recordPayload(record);
		learnProcess(recordPid(record), payload, payload + recordCaptured(record));
		return;
	}
	if (kind == CAPTURE_END) {
		finish();
		return;
	}
	if (memoryInUse() > relieveAbove) relieve();
	call.setCall(record);
	if (kind == CAPTURE_FACT_SOCKET) answerSocket(record);
	else if (kind == CAPTURE_PROCESS_EXIT) handleExit(record);
	else if (kind == CAPTURE_PROCESS_EXEC) handleExec(record);
	else if (kind == CAPTURE_BLIND_SPOT) noteSpot(recordPid(record), recordCallBytes(record), recordComm(record), 'seen by the kernel');
	else if (recordConn(record) != 0 && kind != 0 && (kind <= <u32>CAPTURE_PEEK || kind == CAPTURE_UNSEEN || kind == CAPTURE_TLS_MAPPED)) handleConnection(record, kind);
	else loss.count(LOSS_DECODE_GAP, 1, recordBytes(record));
}

function handleConnection(record: usize, kind: u32): void {
	const known = findConnection(recordConn(record));
	if (known == NO_CONNECTION && kind != CAPTURE_DATA && kind != CAPTURE_OPEN && kind != CAPTURE_SHARE) {
		addEvent(record, NO_CONNECTION);
		return;
	}
	const connection = known != NO_CONNECTION ? known : openConnection(recordConn(record));
	addEvent(record, connection);
	if (connection == NO_CONNECTION) {
		loss.count(LOSS_TABLE_FULL, 1, kind == CAPTURE_DATA ? recordBytes(record) : 0);
		return;
	}
	if (connection.gone) {
		// The connection was evicted while its rows still waited to be written: further bytes on it are not read.
		if (kind == CAPTURE_DATA && !connection.closed) loss.count(LOSS_TABLE_FULL, 1, recordBytes(record));
		return;
	}
	if (known == NO_CONNECTION) introduce(connection, record);
	touch(connection);
	noteUse(connection, record);
	if (connection.session != NO_CONNECTION) noteUse(connection.session, record);
	if (recordSyscall(record) != 0) noteSyscall(connection, recordSyscall(record));
	// A recording that began later has a CAPTURE_OPEN without it.
	if (recordConnFlags(record) & CAPTURE_CONN_TLS_UNMAPPED && !connection.unmapped && !connection.carries) {
		connection.unmapped = true;
		connection.unverified = false;
		connection.answered = true;
	}
	if (kind == CAPTURE_TLS_MAPPED) {
		const carrier = findConnection(recordOffset(record));
		if (carrier != NO_CONNECTION) mapSession(connection, carrier);
		return;
	}
	if (recordFlags(record) & FLAG_PLAINTEXT && !connection.unmapped) {
		handlePlaintext(connection, record, kind);
		return;
	}
	switch (kind) {
		case CAPTURE_DATA:
			handleData(connection, record);
			break;
		case CAPTURE_OPEN:
			handleOpen(connection, record);
			break;
		case CAPTURE_CLOSE:
			handleClose(connection, record);
			break;
		case CAPTURE_EOF:
			handleEof(connection, record);
			break;
		case CAPTURE_SHUTDOWN:
			handleShutdown(connection, record);
			break;
		case CAPTURE_ERROR:
			handleError(connection, record);
			break;
		case CAPTURE_SHARE:
			addHold(connection, recordPid(record));
			break;
		case CAPTURE_UNSEEN:
			handleUnseen(connection, record);
			break;
		default:
			loss.count(LOSS_PEEK, 1, recordCallBytes(record));
			break;
	}
}

function noteUse(connection: Connection, record: usize): void {
	connection.usedAt = recordTime(record);
	connection.idle = false;
}

/** Plaintext of TLS on a connection that is known, or its end. */
function handlePlaintext(connection: Connection, record: usize, kind: u32): void {
	if (kind == CAPTURE_CLOSE) {
		const session = connection.session;
		if (session != NO_CONNECTION && !session.closed) handleClose(session, record);
		return;
	}
	if (kind != CAPTURE_DATA) {
		loss.count(LOSS_DECODE_GAP, 1, 0);
		return;
	}
	const session = sessionFor(connection, record);
	if (session == NO_CONNECTION) {
		loss.count(LOSS_TABLE_FULL, 1, recordBytes(record));
		return;
	}
	handleData(session, record);
}

/** Notes what the first record says about the connection. */
function introduce(connection: Connection, record: usize): void {
	const flags = recordFlags(record);
	connection.role = <u8>(recordConnFlags(record) & 0xff);
	connection.midstream = (flags & FLAG_MIDSTREAM) != 0;
	connection.unverified = (flags & FLAG_UNVERIFIED) != 0;
	if (!connection.midstream || saysAtRest(record)) return;
	beginMidstream(connection);
	if (recordConnFlags(record) & CAPTURE_CONN_HTTP2) becomeHttp2(connection, false);
}

/** Whether it is an OPEN of a connection that was between two exchanges when the recording began. */
function saysAtRest(record: usize): bool {
	return recordKind(record) == CAPTURE_OPEN && recordCaptured(record) == <u32>CAPTURE_OPEN_AT_REST_BYTES;
}

/** The streams continue at the offsets in the record. */
function resume(connection: Connection, record: usize): void {
	const payload = recordPayload(record);
	resumeStream(connection, true, load<u64>(payload));
	resumeStream(connection, false, load<u64>(payload, 8));
}

function resumeStream(connection: Connection, isIncoming: bool, offset: u64): void {
	const known = isIncoming ? connection.incoming : connection.outgoing;
	if (known != NO_STREAM) return;
	const stream = openStream(connection, isIncoming);
	if (stream == NO_STREAM) return;
	stream.midstream = offset != 0;
	stream.begun = true;
	stream.base = offset;
	stream.next = offset;
}

function handleData(connection: Connection, record: usize): void {
	const direction = recordDirection(record);
	if (direction != DIRECTION_IN && direction != DIRECTION_OUT) {
		loss.count(LOSS_DECODE_GAP, 1, recordBytes(record));
		return;
	}
	if (connection.role == 0) connection.role = <u8>(recordConnFlags(record) & 0xff);
	const flags = recordFlags(record);
	if (connection.unmapped && connection.library == 0) beginUnmapped(connection, record);
	const unseen = recordBytes(record) - recordCaptured(record);
	// A call counts once, however many records it has.
	const calls = flags & FLAG_PART && recordCallOffset(record) != 0 ? 0 : 1;
	if (unseen != 0) {
		if (flags & FLAG_ZERO_COPY) loss.count(LOSS_ZERO_COPY, calls, unseen);
		else if (flags & FLAG_CUT_BODY_LIMIT) loss.count(LOSS_BODY_LIMIT, 1, unseen);
		else if (flags & FLAG_CUT_IOVEC_LIMIT) loss.count(LOSS_IOVEC_BOUND, 1, unseen);
		else if (flags & FLAG_CUT_CAPTURE_LIMIT) loss.count(LOSS_CAPTURE_LIMIT, 1, unseen);
	}
	if (connection.ignored) return;
	receive(connection, record);
	beginRun(record, connection);
}

/** The first plaintext of a session whose connection is not known. */
function beginUnmapped(connection: Connection, record: usize): void {
	noteLibrary(connection, record);
	if (connection.midstream || !(recordFlags(record) & FLAG_MIDSTREAM)) return;
	connection.midstream = true;
	beginMidstream(connection);
}

function handleUnseen(connection: Connection, record: usize): void {
	const direction = recordDirection(record);
	const stream = direction == DIRECTION_NONE || connection.ignored ? NO_STREAM : openStream(connection, direction == DIRECTION_IN);
	if (stream != NO_STREAM) takeUncounted(stream);
}

function handleOpen(connection: Connection, record: usize): void {
	connection.openedAt = recordTime(record);
	if (recordOffset(record) != 0) connection.connectNs = recordOffset(record);
	const role = recordConnFlags(record) & 0xff;
	if (role != 0) connection.role = <u8>role;
	if (connection.midstream && saysAtRest(record)) resume(connection, record);
	if (recordCaptured(record) >= <u32>CAPTURE_ADDRESSES_BYTES) learnAddresses(connection, recordPayload(record), recordCaptured(record));
	informSessions(connection);
}

function handleClose(connection: Connection, record: usize): void {
	if (recordCaptured(record) >= <u32>CAPTURE_CLOSE_BYTES) {
		const payload = recordPayload(record);
		if (!connection.isSession) learnAddresses(connection, payload, CAPTURE_ADDRESSES_BYTES);
		informSessions(connection);
		connection.finalKnown = true;
		const incoming = load<u64>(payload, CAPTURE_ADDRESSES_BYTES);
		const outgoing = load<u64>(payload, CAPTURE_ADDRESSES_BYTES + 8);
		noteFinal(connection, true, incoming);
		noteFinal(connection, false, outgoing);
	}
	if (recordCaptured(record) >= <u32>CAPTURE_CLOSE_MEASURED_BYTES) {
		const measures = recordPayload(record) + CAPTURE_CLOSE_BYTES;
		connection.roundTripUs = load<u32>(measures);
		connection.retransmits = load<u32>(measures, 4);
	}
	beginClose(connection, recordSyscall(record) == SYSCALL_EXIT ? REASON_PROCESS_EXITED : REASON_CLOSED, recordTime(record));
}

/** The connection carried bytes up to this offset. If none of a direction were seen, all of them are missing. */
function noteFinal(connection: Connection, isIncoming: bool, offset: u64): void {
	if (offset == 0) return;
	const stream = openStream(connection, isIncoming);
	if (stream != NO_STREAM && offset > stream.finalOffset) stream.finalOffset = offset;
}

function handleEof(connection: Connection, record: usize): void {
	const stream = openStream(connection, true);
	if (stream == NO_STREAM) return;
	if (connection.endReason == 0) connection.endReason = REASON_PEER_CLOSED;
	beginEnd(stream, REASON_PEER_CLOSED, true, recordOffset(record), true);
	foretellEnd(connection, true, REASON_PEER_CLOSED, true);
}

function handleShutdown(connection: Connection, record: usize): void {
	const how = recordCallBytes(record);
	if (how != SHUT_WR) {
		const incoming = openStream(connection, true);
		if (incoming != NO_STREAM) beginEnd(incoming, REASON_CLOSED, false, 0, false);
		foretellEnd(connection, true, REASON_CLOSED, false);
	}
	if (how != SHUT_RD) {
		const outgoing = openStream(connection, false);
		if (outgoing != NO_STREAM) beginEnd(outgoing, REASON_CLOSED, true, 0, false);
		foretellEnd(connection, false, REASON_CLOSED, true);
	}
}

function handleError(connection: Connection, record: usize): void {
	const errno = recordCallBytes(record);
	const reason = errno == ETIMEDOUT ? REASON_TIMED_OUT : REASON_CONNECTION_RESET;
	if (connection.endReason == 0 || errno == ECONNRESET) connection.endReason = reason;
	const outgoing = openStream(connection, false);
	if (outgoing != NO_STREAM) beginEnd(outgoing, reason, false, 0, false);
	foretellEnd(connection, false, reason, false);
	if (errno == EPIPE) return;
	const incoming = openStream(connection, true);
	if (incoming != NO_STREAM) beginEnd(incoming, reason, false, 0, false);
	foretellEnd(connection, true, reason, false);
}

function handleExit(record: usize): void {
	addEvent(record, NO_CONNECTION);
	let connection = endProcess(recordPid(record));
	while (connection != NO_CONNECTION) {
		beginClose(connection, REASON_PROCESS_EXITED, recordTime(record));
		connection = endProcess(recordPid(record));
	}
}

function handleExec(record: usize): void {
	addEvent(record, NO_CONNECTION);
	renewProcess(recordPid(record));
	const process = findProcess(recordPid(record));
	if (process == NO_PROCESS || process.comm != 0) return;
	const length = commLength(recordComm(record));
	process.comm = allocate(length);
	if (process.comm == 0) return;
	memory.copy(process.comm, recordComm(record), length);
	process.commLength = length;
}

/** FACT_SOCKET: `socket|file|unknown LF local LF remote LF`. */
function answerSocket(record: usize): void {
	const connection = findConnection(recordConn(record));
	if (connection == NO_CONNECTION || connection.ignored) return;
	connection.answered = true;
	const at = recordPayload(record);
	const end = at + recordCaptured(record);
	const kindEnd = findByte(at, end, 10);
	if (kindEnd < end) learnAddressTexts(connection, kindEnd + 1, end);
	informSessions(connection);
	if (isWord(at, kindEnd, 'socket')) {
		if (connection.unverified) exchanges.releaseRows(connection);
	} else if (isWord(at, kindEnd, 'file') && connection.unverified) {
		ignore(connection);
	}
}

/** Makes room: first drops bodies of open messages, then connections, least recently used first. */
function relieve(): void {
	let connection = oldest;
	while (connection != NO_CONNECTION && memoryInUse() > relieveTo) {
		let exchange = connection.first;
		while (exchange != NO_EXCHANGE) {
			if (exchange.request != NO_MESSAGE) dropBody(exchange.request);
			if (exchange.response != NO_MESSAGE) dropBody(exchange.response);
			exchange = exchange.next;
		}
		dropStreamItems(connection.incoming);
		dropStreamItems(connection.outgoing);
		connection = connection.lruNext;
	}
	while (oldest != NO_CONNECTION && memoryInUse() > relieveTo) evict(oldest);
}

function dropStreamItems(stream: Stream): void {
	if (stream != NO_STREAM) dropItems(stream.items);
}

/** Gives up incomplete messages that have been idle for too long. Runs once per second of record time. */
function watchIdle(): void {
	const now = clock.now;
	if (now < nextIdleWatch) return;
	nextIdleWatch = now + IDLE_WATCH_NS;
	for (let connection = oldest; connection != NO_CONNECTION; connection = connection.lruNext) {
		if (connection.usedAt + idleLimitNs > now) return;
		if (connection.idle) continue;
		connection.idle = true;
		giveUpIdle(connection.incoming);
		giveUpIdle(connection.outgoing);
	}
}

function giveUpIdle(stream: Stream): void {
	if (stream == NO_STREAM) return;
	endSpill(stream);
	if (stream.message == NO_MESSAGE || stream.message.http09) return;
	const exchange = stream.message.exchange;
	if (exchange == NO_EXCHANGE || exchange.unbound) return;
	// Its response may still arrive and is then skipped.
	if (exchanges.isWaiting(exchange) && stream.connection.doubt == 0) stream.connection.abandoned++;
	exchanges.finish(exchange, STATE_INCOMPLETE, REASON_TIMED_OUT);
}

/** The capture ended. */
export function finish(): void {
	if (finished) return;
	finished = true;
	settleDue(false);
	endEverything();
}

/** Appends what is open, by SNAPSHOT_*. */
export function writeSnapshot(mask: u32): void {
	if (mask & (SNAPSHOT_EXCHANGES | SNAPSHOT_CONNECTIONS)) {
		for (let connection = oldest; connection != NO_CONNECTION; connection = connection.lruNext) {
			if (connection.ignored || connection.unverified) continue;
			if (mask & SNAPSHOT_CONNECTIONS && connection.protocol != 0 && !connection.isSession) writeConnection(connection, isAtRest(connection));
			if (!(mask & SNAPSHOT_EXCHANGES)) continue;
			for (let exchange = connection.first; exchange != NO_EXCHANGE; exchange = exchange.next) {
				if (exchange.id != 0) writeExchange(exchange);
			}
		}
	}
	if (mask & SNAPSHOT_EVENTS) writeEvents();
	if (mask & SNAPSHOT_BLIND_SPOTS) writeSpots();
}

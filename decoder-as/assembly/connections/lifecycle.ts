// The life of a connection: it is opened, takes its records in order, ends, and is freed.
import * as loss from '../memory/loss';
import { allocateZeroed, release } from '../memory/memory';
import { isDue } from '../memory/output';
import { connectionsLimit } from '../memory/settings';
import {
	Connection,
	NO_CONNECTION,
	NO_EXCHANGE,
	NO_HTTP2,
	NO_MESSAGE,
	NO_PENDING,
	NO_PROCESS,
	NO_STREAM,
	Stream,
	OPAQUE,
} from '../memory/state';
import { dropUnbound, endDoubt, settleUnread, unansweredReason } from '../protocols/alignment';
import * as protocol from '../protocols/protocol';
import { noteActivity, silenceBeforeEnd } from '../protocols/silence';
import { leaveSpill } from '../protocols/spill';
import { leaveTalk } from '../protocols/websocket';
import { forgetAddresses } from '../rows/addresses';
import { sessionProtocol, writeConnection } from '../rows/entries';
import * as exchanges from '../rows/exchanges';
import { freeMessage } from '../rows/messages';
import { forgetMirror } from '../rows/mirrors';
import * as connections from '../tables/connections';
import {
	addPending,
	dropAllPending,
	dropFirstPending,
	firstPendingTime,
	pendingRecord,
	tooManyPending,
} from '../tables/pending';
import { addHold, dropHolds, holdProcess, releaseProcess } from '../tables/processes';
import * as call from '../wire/call';
import { DIRECTION_IN, DIRECTION_OUT, LOSS_TABLE_FULL, ROLE_ACCEPTED } from '../wire/capture-event';
import { REASON_CAPTURE_ENDED, REASON_CLOSED, REASON_EVICTED, REASON_PEER_CLOSED } from '../wire/output-layout';
import { recordBytes, recordCaptured, recordDirection, recordOffset, recordPayload, recordTime } from '../wire/record';

/** Records that belong together are less than this out of order. */
const LATE_NS: u64 = 50_000_000;

/** Number of closed connections remembered for late records and for pairing with the other side on this host. */
const REMEMBERED: u32 = 4096;
const remembered = memory.data(16384, 8);
let rememberedNext: u32 = 0;

// ---- Beginning ------------------------------------------------------------------------------------------------------

/** Finds or creates the connection; NO_CONNECTION if there is no room. */
export function openConnection(id: u64): Connection {
	let connection = connections.findConnection(id);
	if (connection != NO_CONNECTION) return connection;
	makeRoom();
	connection = connections.addConnection(id);
	if (connection == NO_CONNECTION) return connection;
	connection.process = holdProcess(call.pid);
	addHold(connection, call.pid);
	return connection;
}

/** Makes room for one more connection. */
export function makeRoom(): void {
	while (connections.count >= connectionsLimit && connections.oldest != NO_CONNECTION) evict(connections.oldest);
}

/**
 * Finds or creates the stream of a direction, whose role follows from the opposite stream; NO_STREAM if there is no
 * memory.
 */
export function openStream(connection: Connection, incoming: bool): Stream {
	let stream = incoming ? connection.incoming : connection.outgoing;
	if (stream != NO_STREAM) return stream;
	stream = changetype<Stream>(allocateZeroed(offsetof<Stream>()));
	if (stream == NO_STREAM) return stream;
	stream.connection = connection;
	stream.direction = <u8>(incoming ? DIRECTION_IN : DIRECTION_OUT);
	stream.midstream = connection.midstream;
	if (incoming) connection.incoming = stream;
	else connection.outgoing = stream;
	protocol.begin(stream);
	return stream;
}

// ---- Bytes ----------------------------------------------------------------------------------------------------------

/**
 * Takes a data record at once if it is the next one of the stream. Otherwise keeps it until it is, or until it has
 * waited too long.
 */
export function receive(connection: Connection, record: usize): void {
	const stream = openStream(connection, recordDirection(record) == 1);
	if (stream == NO_STREAM) {
		loss.count(LOSS_TABLE_FULL, 1, recordBytes(record));
		return;
	}
	if (stream.ended) return;
	connection.arrivedAt = recordTime(record);
	if (!stream.begun) {
		if (connection.role == ROLE_ACCEPTED && recordDirection(record) == DIRECTION_IN) noteFirstRead(stream, record);
		// The stream of a connection older than the capture begins with the first byte seen.
		stream.begun = true;
		if (stream.midstream && stream.next == 0) {
			stream.next = recordOffset(record);
			stream.base = stream.next;
			stream.helloAt = stream.next;
		}
	}
	const other = opposite(stream);
	if (other != NO_STREAM && other.firstPending != NO_PENDING && firstPendingTime(other) + LATE_NS < recordTime(record)) {
		// Records older than this cannot still be missing, however many records one batch holds.
		force(connection, 0, recordTime(record) - LATE_NS, false);
		if (stream.ended) return;
	}
	if (stream.firstPending == NO_PENDING && recordOffset(record) <= stream.next && !gapped(other)) {
		if (take(stream, record)) {
			settleStreams(connection);
			return;
		}
	}
	if (!addPending(stream, record)) {
		// Without memory nothing can wait, so the missing bytes count as lost.
		takeLate(stream, record);
		settleStreams(connection);
		return;
	}
	connections.makeDue(connection);
	settleStreams(connection);
	while (tooManyPending(stream)) {
		takeFirst(stream, true);
		settleStreams(connection);
	}
}

/** Notes how long after accept the first bytes were read, unless earlier ones are missing. */
function noteFirstRead(stream: Stream, record: usize): void {
	const connection = stream.connection;
	const time = recordTime(record);
	if (stream.midstream || recordOffset(record) != 0 || time < connection.openedAt) return;
	connection.acceptWait = time - connection.openedAt + 1;
}

/** Takes the part of the record that the stream has not had yet. Returns false if the rest has to wait. */
function take(stream: Stream, record: usize): bool {
	const offset = recordOffset(record);
	const bytes = <u64>recordBytes(record);
	const captured = <u64>min<u32>(recordCaptured(record), recordBytes(record));
	let position = stream.next - offset;
	if (position >= bytes) return true;
	call.setCall(record);
	if (position < captured) {
		const payload = recordPayload(record);
		position += protocol.take(stream, payload + <usize>position, payload + <usize>captured);
		if (position < captured) return false;
	}
	if (protocol.takeUnseen(stream, bytes - position) != bytes - position) return false;
	noteActivity(stream.connection);
	return true;
}

function takeLate(stream: Stream, record: usize): void {
	if (recordOffset(record) > stream.next) protocol.takeGap(stream, recordOffset(record) - stream.next);
	stream.forced = true;
	take(stream, record);
	stream.forced = false;
}

/**
 * Takes the first waiting record if it continues the stream and need not wait; with `force`, takes it in any case.
 * Returns whether anything was taken.
 */
function takeFirst(stream: Stream, force: bool): bool {
	const pending = stream.firstPending;
	const record = pendingRecord(pending);
	const next = stream.next;
	if (pending.offset > next) {
		if (!force) return false;
		call.setCall(record);
		protocol.takeGap(stream, pending.offset - next);
		return true;
	}
	if (take(stream, record)) {
		dropFirstPending(stream);
		return true;
	}
	if (stream.next != next) return true;
	if (!force) return false;
	stream.forced = true;
	if (take(stream, record)) dropFirstPending(stream);
	// This should not happen, because a forced stream always continues. It guards against waiting for ever.
	else if (stream.next == next) protocol.takeGap(stream, pending.offset + recordBytes(record) - next);
	stream.forced = false;
	return true;
}

/**
 * Takes waiting records that can continue now, in order of time: progress of one stream may release the other. Records
 * after a gap in the other direction wait too, because it matters which bytes of the other direction came before.
 */
function settleStreams(connection: Connection): void {
	while (true) {
		const stream = earlier(connection);
		if (stream == NO_STREAM || gapped(stream)) return;
		if (takeFirst(stream, false)) continue;
		const other = opposite(stream);
		if (pendingTime(other) == u64.MAX_VALUE || gapped(other) || !takeFirst(other, false)) return;
	}
}

/** The stream with the older first waiting record; NO_STREAM if none waits. */
function earlier(connection: Connection): Stream {
	const incoming = pendingTime(connection.incoming);
	const outgoing = pendingTime(connection.outgoing);
	if (incoming == u64.MAX_VALUE && outgoing == u64.MAX_VALUE) return NO_STREAM;
	return incoming <= outgoing ? connection.incoming : connection.outgoing;
}

function opposite(stream: Stream): Stream {
	const connection = stream.connection;
	return stream == connection.incoming ? connection.outgoing : connection.incoming;
}

/** Whether bytes are missing before the stream's first waiting record. */
function gapped(stream: Stream): bool {
	if (stream == NO_STREAM || stream.firstPending == NO_PENDING) return false;
	return stream.firstPending.offset > stream.next;
}

function pendingTime(stream: Stream): u64 {
	return stream == NO_STREAM ? u64.MAX_VALUE : firstPendingTime(stream);
}

/**
 * Takes all records that have waited since before batch `before` or are older than `time`, in any case. A gap, or a
 * response without its request, is accepted only if nothing else can continue. Bytes after CONNECT or Upgrade wait as
 * long as the answer may still arrive. Returns false if it stopped, with `pausing`, because the host should read the
 * output first.
 */
function force(connection: Connection, before: u32, time: u64, pausing: bool): bool {
	while (true) {
		if (pausing && isDue()) return false;
		settleStreams(connection);
		let stream = earlier(connection);
		if (stream != NO_STREAM && stream == connection.requests && !gapped(stream)) {
			stream = opposite(stream);
			if (pendingTime(stream) == u64.MAX_VALUE) return true;
		}
		if (stream == NO_STREAM || (stream.firstPending.batch >= before && pendingTime(stream) >= time)) return true;
		takeFirst(stream, true);
	}
}

// ---- Ends -----------------------------------------------------------------------------------------------------------

/** The stream ends here, or at `offset` if that is further on; at once if none of it can be missing. */
export function beginEnd(stream: Stream, reason: i32, orderly: bool, offset: u64, certain: bool): void {
	if (stream.ended) return;
	if (!stream.ending) {
		stream.ending = true;
		stream.endReason = reason;
		stream.endOrderly = orderly;
		stream.endedIn = connections.batch;
		stream.endedAt = call.time;
		stream.endSilence = silenceBeforeEnd(stream.connection);
	}
	if (offset > stream.finalOffset) stream.finalOffset = offset;
	if (certain && stream.firstPending == NO_PENDING && stream.next >= stream.finalOffset) completeEnd(stream);
	else connections.makeDue(stream.connection);
}

/** The stream ends like this once its connection does. */
export function expectEnd(stream: Stream, reason: i32, orderly: bool): void {
	if (stream.ended || stream.ending) return;
	stream.ending = true;
	stream.endsWithClose = true;
	stream.endReason = reason;
	stream.endOrderly = orderly;
	stream.endedAt = call.time;
	stream.endSilence = silenceBeforeEnd(stream.connection);
}

function completeEnd(stream: Stream): void {
	if (stream.ended) return;
	feedRest(stream);
	protocol.end(stream, stream.endReason, stream.endOrderly);
	const connection = stream.connection;
	if (stream != connection.responses || connection.http2 != NO_HTTP2) return;
	// No request can be answered any more.
	settleUnread(connection);
	const reason = unansweredReason(connection, stream.endReason);
	let exchange = connection.waiting;
	while (exchange != NO_EXCHANGE) {
		const next = exchange.next;
		if (exchange.response == NO_MESSAGE) exchanges.endExchange(exchange, reason);
		exchange = next;
	}
}

/** Counts the bytes missing at the stream's end as a gap. */
function feedRest(stream: Stream): void {
	if (stream == NO_STREAM || stream.ended || stream.finalOffset <= stream.next) return;
	if (stream.midstream && !stream.begun) return;
	protocol.takeGap(stream, stream.finalOffset - stream.next);
}

/** The connection was closed. Late records may still arrive until the end of the next batch. */
export function beginClose(connection: Connection, reason: i32, time: u64): void {
	if (connection.closed) return;
	connection.closed = true;
	connection.closedAt = time;
	connection.closeSilence = silenceBeforeEnd(connection);
	connection.closedIn = connections.batch;
	if (connection.endReason == 0) connection.endReason = reason;
	connections.makeDue(connection);
	for (let session = connection.session; session != NO_CONNECTION; session = session.earlierSession) {
		beginClose(session, connection.endReason, time);
	}
}

/** Ends everything open on the connection with `reason`. `orderly`: the observed process closed it. */
function endConnection(connection: Connection, reason: i32, orderly: bool): void {
	force(connection, u32.MAX_VALUE, 0, false);
	protocol.decidePreface(connection);
	const incoming = connection.incoming;
	const outgoing = connection.outgoing;
	// It is unknown whether the connection is still HTTP.
	if (connection.requests != NO_STREAM) dropAllPending(connection.requests);
	feedRest(incoming);
	feedRest(outgoing);
	const requests = connection.requests;
	const whole = connection.finalKnown && (requests == NO_STREAM || requests.message == NO_MESSAGE);
	if (connection.http2 == NO_HTTP2) endDoubt(connection, whole, orderly && closedByClient(connection));
	if (incoming != NO_STREAM) endLast(incoming, reason, false);
	// The sent stream ends properly with our close, the received one only with EOF.
	if (outgoing != NO_STREAM) endLast(outgoing, reason, orderly);
	protocol.leave(connection, reason);
	if (connection.suspected) exchanges.dropSuspected(connection);
	let exchange = connection.first;
	while (exchange != NO_EXCHANGE) {
		const next = exchange.next;
		exchanges.endExchange(exchange, reason);
		exchange = next;
	}
}

/** Whether the client closed it after receiving what it wanted. Not if the server closed first. */
function closedByClient(connection: Connection): bool {
	const responses = connection.responses;
	const requests = connection.requests;
	if (responses == NO_STREAM) return false;
	if (responses.ending && (requests == NO_STREAM || !requests.ending || responses.endedAt <= requests.endedAt)) return false;
	if (responses == connection.outgoing) return connection.endReason == REASON_PEER_CLOSED;
	return connection.endReason == REASON_CLOSED;
}

function endLast(stream: Stream, reason: i32, orderly: bool): void {
	if (!stream.ending) {
		stream.endReason = reason;
		stream.endOrderly = orderly;
	}
	completeEnd(stream);
}

/** Ends its open rows to make room. */
export function evict(connection: Connection): void {
	while (connection.session != NO_CONNECTION) evict(connection.session);
	if (!connection.gone) {
		if (!connection.isSession) loss.count(LOSS_TABLE_FULL, 1, 0);
		decideVerification(connection);
		endConnection(connection, REASON_EVICTED, false);
		connection.gone = true;
	}
	exchanges.handOutAll(connection);
	bury(connection);
}

/** The capture ended: writes everything. */
export function endEverything(): void {
	while (connections.oldest != NO_CONNECTION) endWithCapture(connections.oldest);
}

function endWithCapture(connection: Connection): void {
	while (connection.session != NO_CONNECTION) endWithCapture(connection.session);
	if (!connection.gone) {
		decideVerification(connection);
		if (connection.closed) endConnection(connection, connection.endReason, true);
		else endConnection(connection, REASON_CAPTURE_ENDED, false);
		connection.gone = true;
	}
	exchanges.handOutAll(connection);
	bury(connection);
}

/** Ends a closed connection for which nothing late can arrive any more. */
export function endNow(connection: Connection): void {
	force(connection, u32.MAX_VALUE, 0, false);
	decideVerification(connection);
	endConnection(connection, connection.endReason, true);
	connection.gone = true;
}

/**
 * At the end of a batch: decides whatever has waited long enough. False if it stopped, with `pausing`, because the host
 * should read the output first.
 */
export function settleDue(pausing: bool): bool {
	let connection = connections.takeDue();
	while (connection != NO_CONNECTION) {
		const next = connection.dueNext;
		connection.due = false;
		if (connection.forgotten) release(changetype<usize>(connection));
		else if ((pausing && isDue()) || settleConnection(connection, pausing)) connections.makeDue(connection);
		connection = next;
	}
	return !pausing || !isDue();
}

/** Whether something is still to be decided. */
function settleConnection(connection: Connection, pausing: bool): bool {
	if (connection.buried) return false;
	let left = false;
	if (!connection.gone) {
		if (!force(connection, connections.batch, 0, pausing)) return true;
		left = settleEnd(connection.incoming) || left;
		left = settleEnd(connection.outgoing) || left;
		if (connection.closed) {
			if (connection.closedIn < connections.batch || nothingMissing(connection)) {
				if (!force(connection, u32.MAX_VALUE, 0, pausing)) return true;
				decideVerification(connection);
				endConnection(connection, connection.endReason, true);
				connection.gone = true;
			} else {
				left = true;
			}
		}
	}
	if (exchanges.handOutReady(connection)) left = true;
	if (connection.gone && connection.first == NO_EXCHANGE && connection.session == NO_CONNECTION) {
		bury(connection);
		return false;
	}
	return left;
}

function settleEnd(stream: Stream): bool {
	if (stream == NO_STREAM || stream.ended) return false;
	if (stream.ending && !stream.endsWithClose) {
		if (stream.endedIn == connections.batch && (stream.firstPending != NO_PENDING || stream.next < stream.finalOffset)) {
			return true;
		}
		if (stream.endedIn < connections.batch || stream.firstPending == NO_PENDING) {
			completeEnd(stream);
			return false;
		}
	}
	return stream.firstPending != NO_PENDING;
}

/** Whether both streams have reached the ends given by the close record. */
function nothingMissing(connection: Connection): bool {
	if (!connection.finalKnown) return false;
	const incoming = connection.incoming;
	const outgoing = connection.outgoing;
	if (incoming != NO_STREAM && (incoming.firstPending != NO_PENDING || lacks(incoming))) return false;
	return outgoing == NO_STREAM || (outgoing.firstPending == NO_PENDING && !lacks(outgoing));
}

/** Whether bytes are missing at the stream's end. Not if none of it was ever seen. */
function lacks(stream: Stream): bool {
	return stream.next < stream.finalOffset && (stream.begun || !stream.midstream);
}

/** Nobody answered whether it is a socket: it counts as one if bytes moved in both directions. */
function decideVerification(connection: Connection): void {
	if (!connection.unverified) return;
	const incoming = connection.incoming;
	const outgoing = connection.outgoing;
	if (incoming != NO_STREAM && incoming.next != 0 && outgoing != NO_STREAM && outgoing.next != 0) {
		exchanges.releaseRows(connection);
	} else {
		ignore(connection);
	}
}

/** It is not a socket: drops everything about it. */
export function ignore(connection: Connection): void {
	connection.ignored = true;
	connection.unverified = false;
	connection.opaque = true;
	protocol.leave(connection, 0);
	silence(connection.incoming);
	silence(connection.outgoing);
	dropUnbound(connection);
	exchanges.dropRows(connection);
}

function silence(stream: Stream): void {
	if (stream == NO_STREAM) return;
	closeStream(stream);
	stream.state = OPAQUE;
}

/** All its rows have been written: writes its row of table `connections` and remembers it for a while. */
function bury(connection: Connection): void {
	connection.buried = true;
	if (connection.isSession) leaveConnection(connection);
	else if (connection.protocol != 0 && !connection.ignored) writeConnection(connection, false);
	connection.wholeRequests = connection.requests != NO_STREAM && !connection.requests.midstream;
	freeStream(connection.incoming);
	freeStream(connection.outgoing);
	connection.incoming = NO_STREAM;
	connection.outgoing = NO_STREAM;
	connection.requests = NO_STREAM;
	connection.responses = NO_STREAM;
	dropHolds(connection);
	releaseProcess(connection.process);
	connection.process = NO_PROCESS;
	connections.retireConnection(connection);
	const slot = remembered + rememberedNext * 4;
	rememberedNext = (rememberedNext + 1) % REMEMBERED;
	forget(changetype<Connection>(<usize>load<u32>(slot)));
	store<u32>(slot, <u32>changetype<usize>(connection));
}

/** The rows of a TLS session are written: its connection keeps what its own row tells of it. */
function leaveConnection(session: Connection): void {
	const carrier = session.carrier;
	carrier.exchanges += session.exchanges;
	carrier.sessionProtocol = sessionProtocol(carrier);
	connections.leaveCarrier(session);
	if (carrier.gone) connections.makeDue(carrier);
}

function forget(connection: Connection): void {
	if (connection == NO_CONNECTION) return;
	if (!connection.isSession) connections.removeConnection(connection);
	forgetMirror(connection);
	forgetAddresses(connection);
	protocol.forgetHellos(connection);
	// A connection in the list of due connections is freed when its turn comes.
	if (connection.due) connection.forgotten = true;
	else release(changetype<usize>(connection));
}

function closeStream(stream: Stream): void {
	dropAllPending(stream);
	protocol.forgetHello(stream);
	const message = stream.message;
	stream.message = NO_MESSAGE;
	if (message != NO_MESSAGE) {
		message.reading = false;
		message.ended = true;
		if (message.exchange == NO_EXCHANGE) freeMessage(message);
	}
	leaveSpill(stream);
	leaveTalk(stream);
	release(stream.line);
	stream.line = 0;
	release(stream.search);
	stream.search = 0;
}

function freeStream(stream: Stream): void {
	if (stream == NO_STREAM) return;
	closeStream(stream);
	release(changetype<usize>(stream));
}

// How a connection becomes HTTP/2. A client that knows beforehand begins with a preface. A server that does not speak HTTP/2
// answers that in HTTP/1, so until it answers, the bytes are read as HTTP/1 and kept; then they are read again as frames, or
// forgotten. After `Upgrade: h2c`, the request is stream 1. In the middle of a connection, frames are recognised by their
// headers at the beginnings of two calls.
import { AT_START } from '../http1/states';
import { begins, copyBytes } from '../memory/bytes';
import { allocate, allocateZeroed, release } from '../memory/memory';
import {
	CARRIES_REQUESTS,
	CARRIES_RESPONSES,
	FRAMES,
	NO_EXCHANGE,
	NO_FRAMES,
	NO_HTTP2,
	NO_KEPT,
	NO_LANE,
	NO_MESSAGE,
	NO_PREFACE,
	NO_STREAM,
	OPAQUE,
	Connection,
	Exchange,
	Kept,
	Preface,
	Stream,
} from '../memory/state';
import * as exchanges from '../rows/exchanges';
import { noteProtocol } from '../rows/blind-spots';
import { freeMessage } from '../rows/messages';
import { RECENT } from '../rows/mirrors';
import * as call from '../wire/call';
import { ROLE_ACCEPTED, ROLE_CONNECTED } from '../wire/capture-event';
import { PROTOCOL_HTTP2, REASON_BYTES_LOST } from '../wire/output-layout';
import { FRAME_HEADER_BYTES, FRAME_LEAST_MOST, FRAME_SETTINGS, frameFlags, frameType, isLikely } from '../http2/frame';
import { PREFACE, countSkipped, feed, freeFrames, looksLikeFrames, newFrames } from './http2-frames';
import { addLane, endLanes, freeHttp2, newHttp2 } from './http2-lanes';
import { clearStream, setOpaque } from './opaque';

/** What is kept of a client until its server answers. More is read as HTTP/2 without waiting for the answer. */
const KEPT_MOST: u32 = 65536;
/** Bytes of the preface that no request of HTTP/1 begins with. */
const TELLING_BYTES: u32 = 8;
/** `P` */
const FIRST_BYTE: u8 = 80;
/** Where the kept bytes begin after a Kept. */
const KEPT_BYTES: u32 = (offsetof<Kept>() + 7) & ~7;

// ---- Prior knowledge ------------------------------------------------------------------------------------------------

/**
 * Looks at [at, end), where the first message of a connection should begin. Keeps the beginning of a preface; returns true
 * if the connection carries HTTP/2 from here on.
 */
export function beginsHttp2(stream: Stream, at: usize, end: usize): bool {
	if (turnsHttp2(stream, at, end)) return true;
	const connection = stream.connection;
	if (beginsWithSettings(stream, at, end)) return becomeHttp2(connection, true);
	if (stream.role == CARRIES_RESPONSES || connection.preface != NO_PREFACE) return false;
	if (load<u8>(at) != FIRST_BYTE || !begins(at, end, PREFACE, true)) return false;
	if (connection.doubt != 0 || stream.midstream) return beginsMidstream(stream, <u32>(end - at));
	const preface = changetype<Preface>(allocateZeroed(offsetof<Preface>()));
	if (preface == NO_PREFACE) return false;
	preface.stream = stream;
	connection.preface = preface;
	keepPreface(stream, at, end, stream.next);
	return false;
}

/** Whether a server sends its settings before the client's preface was seen. */
function beginsWithSettings(stream: Stream, at: usize, end: usize): bool {
	const connection = stream.connection;
	if (stream.midstream || connection.doubt != 0 || stream.next != stream.base || end - at < FRAME_HEADER_BYTES) return false;
	if (frameType(at) != FRAME_SETTINGS || frameFlags(at) != 0 || !isLikely(at, FRAME_LEAST_MOST)) return false;
	const isIncoming = stream == connection.incoming;
	if (connection.role == (isIncoming ? ROLE_ACCEPTED : ROLE_CONNECTED) || stream.role == CARRIES_REQUESTS) return false;
	const other = isIncoming ? connection.outgoing : connection.incoming;
	if (other != NO_STREAM && other.next != other.base) return false;
	stream.role = CARRIES_RESPONSES;
	connection.responses = stream;
	if (other != NO_STREAM) {
		other.role = CARRIES_REQUESTS;
		connection.requests = other;
	}
	return true;
}

/** The preface comes on a connection older than the capture, which has carried nothing of HTTP/1. */
function beginsMidstream(stream: Stream, length: u32): bool {
	const connection = stream.connection;
	if (length < TELLING_BYTES || !becomeHttp2(connection, true)) return false;
	const other = stream == connection.incoming ? connection.outgoing : connection.incoming;
	if (other != NO_STREAM && other.next != other.base) attach(other, false);
	return true;
}

/** Keeps bytes [from, end), which begin at `offset` of the stream, if they go on with the preface. */
export function keepPreface(stream: Stream, from: usize, end: usize, offset: u64): void {
	const connection = stream.connection;
	const preface = connection.preface;
	if (preface == NO_PREFACE || preface.stream != stream) return;
	// A record that had to wait is offered again.
	if (preface.last != NO_KEPT && offset < preface.last.offset + preface.last.length) return;
	const length = <u32>(end - from);
	const left = <u32>PREFACE.length - preface.matched;
	const checked = min<u32>(left, length);
	for (let i: u32 = 0; i < checked; i++) {
		if (<u32>load<u8>(from + i) == <u32>PREFACE.charCodeAt(preface.matched + i)) continue;
		forgetPreface(connection);
		return;
	}
	const kept = changetype<Kept>(allocate(KEPT_BYTES + length));
	if (kept == NO_KEPT) {
		forgetPreface(connection);
		return;
	}
	preface.matched += checked;
	preface.bytes += length;
	kept.next = NO_KEPT;
	kept.offset = offset;
	kept.length = length;
	call.keepCall(changetype<usize>(kept) + offsetof<Kept>('call0'));
	copyBytes(changetype<usize>(kept) + KEPT_BYTES, from, length);
	if (preface.last == NO_KEPT) preface.first = kept;
	else preface.last.next = kept;
	preface.last = kept;
}

/** Whether the connection cannot be anything but HTTP/2, unless the server answers otherwise. */
export function hasPreface(connection: Connection): bool {
	return connection.preface != NO_PREFACE && connection.preface.matched >= TELLING_BYTES;
}

/** Whether so much is kept that the answer is not awaited. */
export function keepsTooMuch(connection: Connection): bool {
	return hasPreface(connection) && connection.preface.bytes > KEPT_MOST;
}

export function forgetPreface(connection: Connection): void {
	const preface = connection.preface;
	if (preface == NO_PREFACE) return;
	connection.preface = NO_PREFACE;
	freeKept(preface.first);
	release(changetype<usize>(preface));
}

function freeKept(first: Kept): void {
	let kept = first;
	while (kept != NO_KEPT) {
		const next = kept.next;
		release(changetype<usize>(kept));
		kept = next;
	}
}

/** The server did not answer in HTTP/1: what was kept is read as HTTP/2. */
export function acceptPreface(connection: Connection): void {
	const preface = connection.preface;
	const stream = preface.stream;
	const first = preface.first;
	connection.preface = NO_PREFACE;
	release(changetype<usize>(preface));
	exchanges.dropSuspected(connection);
	if (!becomeHttp2(connection, true)) {
		freeKept(first);
		return;
	}
	const present = allocate(call.KEPT_CALL_BYTES);
	if (present != 0) {
		call.keepCall(present);
		const next = stream.next;
		for (let kept = first; kept != NO_KEPT; kept = kept.next) {
			call.resumeCall(changetype<usize>(kept) + offsetof<Kept>('call0'));
			stream.next = kept.offset;
			const from = changetype<usize>(kept) + KEPT_BYTES;
			feed(stream, from, from + kept.length);
		}
		stream.next = next;
		call.resumeCall(present);
		release(present);
	}
	freeKept(first);
}

// ---- Becoming HTTP/2 ------------------------------------------------------------------------------------------------

/** From here on the connection carries frames. `whole`: they begin here. Returns false if there is no memory. */
export function becomeHttp2(connection: Connection, whole: bool): bool {
	const http2 = newHttp2(connection);
	forgetPreface(connection);
	if (http2 == NO_HTTP2) {
		setOpaque(connection, PROTOCOL_HTTP2);
		return false;
	}
	connection.http2 = http2;
	http2.holed = !whole;
	if (connection.recentCount < RECENT) connection.remembersMore = true;
	connection.protocol = PROTOCOL_HTTP2;
	connection.recognised = true;
	connection.suspected = false;
	connection.tunnel = false;
	connection.stray = false;
	// What is paired by the numbers of streams is never in doubt.
	connection.doubt = 0;
	connection.unproven = false;
	connection.holed = false;
	connection.requestGap = false;
	connection.responseGap = false;
	connection.abandoned = 0;
	if (connection.incoming != NO_STREAM) attach(connection.incoming, whole);
	if (connection.outgoing != NO_STREAM) attach(connection.outgoing, whole);
	return connection.http2 != NO_HTTP2;
}

/** The stream carries frames from here on. `whole`: they begin here. */
export function attach(stream: Stream, whole: bool): void {
	const connection = stream.connection;
	if (stream.role == 0) roleOf(stream);
	clearStream(stream);
	stream.leading = 0;
	freeFrames(stream.frames);
	stream.frames = newFrames(whole, stream.role == CARRIES_REQUESTS);
	if (stream.frames != NO_FRAMES) {
		stream.state = FRAMES;
		return;
	}
	leaveHttp2(connection, 0);
	setOpaque(connection, PROTOCOL_HTTP2);
}

/** What looked like a part of HTTP/1 was in the middle of a frame, so it does not tell which side sends the requests. */
function forgetRoles(connection: Connection): void {
	if (connection.incoming != NO_STREAM) connection.incoming.role = 0;
	if (connection.outgoing != NO_STREAM) connection.outgoing.role = 0;
	connection.requests = NO_STREAM;
	connection.responses = NO_STREAM;
}

/** The side that connected sends the requests. */
function roleOf(stream: Stream): void {
	const connection = stream.connection;
	const isIncoming = stream == connection.incoming;
	if (connection.role != ROLE_ACCEPTED && connection.role != ROLE_CONNECTED) return;
	const asks = isIncoming == (connection.role == ROLE_ACCEPTED);
	stream.role = asks ? CARRIES_REQUESTS : CARRIES_RESPONSES;
	if (asks) connection.requests = stream;
	else connection.responses = stream;
}

/** A server that speaks only HTTP/2 has been asked in HTTP/1. */
export function returnToHttp1(connection: Connection): void {
	leaveHttp2(connection, 0);
	connection.protocol = 0;
	connection.recognised = false;
	if (connection.incoming != NO_STREAM) connection.incoming.state = AT_START;
	if (connection.outgoing != NO_STREAM) connection.outgoing.state = AT_START;
}

/** `Upgrade: h2c` was accepted: the request, whose row this is, is stream 1. Returns false if there is no memory. */
export function upgradeToHttp2(connection: Connection, exchange: Exchange): bool {
	const response = exchange.response;
	const request = exchange.request;
	if (request == NO_MESSAGE || response == NO_MESSAGE || exchange.done) return false;
	// The server has read all of the request, but the capture has not.
	if (!request.ended && request.damage == 0) request.damage = REASON_BYTES_LOST;
	if (!becomeHttp2(connection, true)) return false;
	const http2 = connection.http2;
	const lane = addLane(http2, 1);
	if (lane == NO_LANE) return false;
	http2.highestRequest = 1;
	exchanges.noteInterim(exchange, 101);
	exchange.response = NO_MESSAGE;
	exchange.streamId = 1;
	response.exchange = NO_EXCHANGE;
	if (!response.reading) freeMessage(response);
	lane.exchange = exchange;
	lane.request = request;
	lane.requestEnded = true;
	return true;
}

// ---- Recognition in the middle of a connection ----------------------------------------------------------------------

/**
 * On a connection whose beginning was not seen: makes it HTTP/2 if [at, end) is the beginning of the second call that
 * begins like frames.
 */
export function turnsHttp2(stream: Stream, at: usize, end: usize): bool {
	const connection = stream.connection;
	const beganUnseen = connection.midstream || connection.doubt != 0;
	if (!beganUnseen || connection.recognised || stream.next != call.startOffset) return false;
	if (!looksLikeFrames(at, end, FRAME_LEAST_MOST)) return false;
	// The same call may be looked at again.
	const isIncoming = stream == connection.incoming;
	const isOther = connection.framedIn != isIncoming || connection.framedOffset != stream.next;
	if (connection.framed && isOther) {
		forgetRoles(connection);
		return becomeHttp2(connection, false);
	}
	connection.framed = true;
	connection.framedIn = isIncoming;
	connection.framedOffset = stream.next;
	return false;
}

// ---- Ends -----------------------------------------------------------------------------------------------------------

/** No more bytes will come in this direction. Without a server, no request can be answered. */
export function endFrames(stream: Stream, reason: i32): void {
	if (stream.ended) return;
	stream.ended = true;
	if (stream.frames != NO_FRAMES) countSkipped(stream.frames);
	if (stream.role == CARRIES_RESPONSES) endLanes(stream.connection.http2, reason);
}

/** The connection is over: ends its lanes, if there is a `reason`, and frees what is remembered about HTTP/2. */
export function leaveHttp2(connection: Connection, reason: i32): void {
	const http2 = connection.http2;
	if (http2 == NO_HTTP2) return;
	// Only the beginning was recorded, as by versions that did not read HTTP/2.
	if (!http2.framed && connection.exchanges == 0) noteProtocol(connection);
	endLanes(http2, reason);
	freeStreamFrames(connection.incoming);
	freeStreamFrames(connection.outgoing);
	connection.http2 = NO_HTTP2;
	freeHttp2(http2);
}

function freeStreamFrames(stream: Stream): void {
	if (stream == NO_STREAM) return;
	if (stream.frames != NO_FRAMES) countSkipped(stream.frames);
	freeFrames(stream.frames);
	stream.frames = NO_FRAMES;
	if (stream.state == FRAMES) stream.state = OPAQUE;
}

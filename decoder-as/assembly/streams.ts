// One direction of a connection: takes its bytes in order and cuts them into messages (RFC 9112 sections 2, 6, 7). Sans
// I/O: bytes in; what a message means for its row is in exchanges.ts, what comes after damage in resync.ts. A stream
// never looks at a byte twice for the same thing, and takes every byte exactly once: with content, or only counted.
import { begins, findLineFeed, hexValue, isSpace, isToken } from './bytes';
import * as call from './call';
import {
	FLAG_CUT_BODY_LIMIT,
	FLAG_CUT_CAPTURE_LIMIT,
	FLAG_CUT_FAULT,
	FLAG_CUT_IOVEC_LIMIT,
	FLAG_DISCARDED,
	FLAG_ZERO_COPY,
	ROLE_ACCEPTED,
	ROLE_CONNECTED,
} from './capture-event';
import * as exchanges from './exchanges';
import {
	LINE_HTTP,
	LINE_HTTP2,
	LINE_MALFORMED,
	LINE_OTHER,
	LINE_SIMPLE,
	UPGRADE_HTTP2,
	UPGRADE_WEBSOCKET,
	note,
	readCutRequestLine,
	readField,
	readRequestLine,
	readStatusLine,
	readVersion,
	storeHead,
	unfold,
} from './head';
import { allocate, enlarge } from './memory';
import {
	addBody,
	addUnseenBody,
	beginMessage,
	carry,
	freeMessage,
	zeroCopyReason,
} from './messages';
import {
	ANOMALY_BARE_LF,
	ANOMALY_CHUNK_FLOOD,
	ANOMALY_CONTENT_LENGTH_AND_TRANSFER_ENCODING,
	ANOMALY_HTTP09,
	ANOMALY_INVALID_CHUNK_END,
	ANOMALY_INVALID_CHUNK_SIZE,
	ANOMALY_INVALID_TRANSFER_ENCODING,
	ANOMALY_LEADING_CRLF,
	ANOMALY_LEADING_GARBAGE,
	ANOMALY_LONG_CHUNK_EXTENSIONS,
	ANOMALY_LONG_HEADERS,
	ANOMALY_LONG_START_LINE,
	ANOMALY_LONG_TRAILERS,
	ANOMALY_MISSING_HOST,
	ANOMALY_OPAQUE_RESPONSE,
	ANOMALY_TRANSFER_ENCODING_IN_HTTP10,
	ANOMALY_UNEXPECTED_FRAMING,
	PROTOCOL_HTTP1,
	PROTOCOL_HTTP2,
	PROTOCOL_OTHER,
	PROTOCOL_WEBSOCKET,
	REASON_BYTES_LOST,
	REASON_HEAD_NOT_CAPTURED,
	REASON_MALFORMED,
	UNHELD_BODY_LIMIT,
	UNHELD_CAPTURE_LIMIT,
	UNHELD_DISCARDED,
	UNHELD_FAULT,
	UNHELD_IOVEC_LIMIT,
	UNHELD_LOST,
	UNHELD_OTHER,
	PROTOCOL_TLS,
} from './output-layout';
import { noteProtocol, protocolOf } from './protocols';
import { askSocket } from './questions';
import { headerBytesLimit, startLineLimit } from './settings';
import { Connection, Exchange, Message, NO_EXCHANGE, NO_MESSAGE, NO_STREAM, Stream } from './state';

/** What a stream carries. */
export const CARRIES_REQUESTS: u8 = 1;
export const CARRIES_RESPONSES: u8 = 2;

/** Between messages. */
export const AT_START: u8 = 0;
export const IN_START_LINE: u8 = 1;
export const IN_FIELDS: u8 = 2;
/** In a body of known length. */
export const IN_LENGTH: u8 = 3;
export const IN_CHUNK_SIZE: u8 = 4;
export const IN_CHUNK_DATA: u8 = 5;
export const IN_CHUNK_END: u8 = 6;
export const IN_TRAILERS: u8 = 7;
/** In a body that ends with the connection. */
export const UNTIL_CLOSE: u8 = 8;
/** Not HTTP/1, or no longer: only counted. */
export const OPAQUE: u8 = 9;
/** Looking for the next head. */
export const SEARCHING: u8 = 10;
/** A response that went out by sendfile as a whole, head included. */
export const UNREADABLE: u8 = 11;

/** In the preamble of the PROXY protocol, version 2. */
export const IN_PREAMBLE: u8 = 12;

/** Bytes 4 to 11 of that preamble. */
const PREAMBLE_SIGNATURE: u64 = 0x0a544955510a0d00;
/** Answer of a reader that cannot go on now. */
const WAIT: usize = 0;
/** Answers of readLine. */
const LINE_MORE: u32 = 0;
const LINE_END: u32 = 1;
const LINE_LEFT: u32 = 2;
/** Parts of a chunk-size line. */
const CHUNK_DIGITS: u8 = 0;
const CHUNK_AFTER: u8 = 1;
const CHUNK_EXTENSION: u8 = 2;

const TRAILER_BYTES_KEPT: u32 = 16384;
const EXTENSION_BYTES_FINE: u64 = 16384;
const FRAMING_BYTES_FINE: u64 = 102400;
/** Of a line that is not kept, this much is looked at for its meaning. */
const LINE_KEPT: u32 = 8192;
/** A request line's method is looked for in this many bytes. */
const METHOD_LOOKAHEAD: u32 = 64;

// ---- Bytes in -------------------------------------------------------------------------------------------------------

/** Takes bytes [from, end) of the stream; answers how many were taken: fewer when the stream has to wait. */
export function feed(stream: Stream, from: usize, end: usize): u32 {
	let at = from;
	while (at < end) {
		let next = end;
		switch (stream.state) {
			case AT_START:
				next = startMessage(stream, at, end);
				break;
			case IN_START_LINE:
			case IN_FIELDS:
			case IN_TRAILERS:
				next = readLines(stream, at, end);
				break;
			case IN_LENGTH:
			case IN_CHUNK_DATA: {
				const length = <u32>min<u64>(stream.remaining, end - at);
				addBody(stream.message, at, length);
				stream.remaining -= length;
				next = at + length;
				break;
			}
			case UNTIL_CLOSE:
				addBody(stream.message, at, <u32>(end - at));
				break;
			case IN_CHUNK_SIZE:
				next = readChunkSize(stream, at, end);
				break;
			case IN_CHUNK_END:
				next = readChunkEnd(stream, at, end);
				break;
			case SEARCHING:
				next = search(stream, at, end);
				break;
			case UNREADABLE:
				// Something readable comes after what was not: the next message.
				endMessage(stream);
				next = at;
				break;
			case IN_PREAMBLE:
				next = readPreamble(stream, at, end);
				break;
			default:
				break;
		}
		if (next == WAIT) break;
		stream.next += next - at;
		at = next;
		if (stream.remaining == 0 && (stream.state == IN_LENGTH || stream.state == IN_CHUNK_DATA)) endData(stream);
	}
	return <u32>(at - from);
}

/** Takes `length` bytes that the record counts without their content; answers how many (0: the stream has to wait). */
export function feedUnseen(stream: Stream, length: u64): u64 {
	let left = length;
	const reason = unseenReason();
	while (left != 0) {
		let taken = left;
		switch (stream.state) {
			case IN_LENGTH:
			case IN_CHUNK_DATA:
				taken = min<u64>(left, stream.remaining);
				addUnseenBody(stream.message, taken, reason);
				stream.remaining -= taken;
				if (stream.remaining == 0) endData(stream);
				break;
			case UNTIL_CLOSE:
				addUnseenBody(stream.message, taken, reason);
				break;
			case UNREADABLE:
				carry(stream.message, taken, 0);
				stream.message.wireBytes += taken;
				break;
			case OPAQUE:
				break;
			case AT_START:
				if (!mayStart(stream)) return length - left;
				if (call.flags & FLAG_ZERO_COPY && beginUnreadable(stream)) {
					taken = 0;
					break;
				}
				loseFraming(stream, taken, false);
				break;
			default:
				loseFraming(stream, taken, false);
				break;
		}
		stream.next += taken;
		left -= taken;
	}
	return length;
}

/** `length` bytes of the stream never reached us. */
export function feedGap(stream: Stream, length: u64): void {
	let left = length;
	while (left != 0) {
		let taken = left;
		switch (stream.state) {
			case IN_LENGTH:
				taken = min<u64>(left, stream.remaining);
				addUnseenBody(stream.message, taken, UNHELD_LOST);
				stream.remaining -= taken;
				if (stream.remaining == 0) endData(stream);
				break;
			case IN_CHUNK_DATA:
				// Whole chunks have followed each other unseen when the gap is larger than this one's rest.
				if (left > stream.remaining) {
					addUnseenBody(stream.message, stream.remaining, UNHELD_LOST);
					stream.next += stream.remaining;
					left -= stream.remaining;
					stream.remaining = 0;
					taken = left;
					loseFraming(stream, taken, true);
				} else {
					addUnseenBody(stream.message, taken, UNHELD_LOST);
					stream.remaining -= taken;
					if (stream.remaining == 0) endData(stream);
				}
				break;
			case UNTIL_CLOSE:
				addUnseenBody(stream.message, taken, UNHELD_LOST);
				break;
			case OPAQUE:
				break;
			default:
				loseFraming(stream, taken, true);
				break;
		}
		stream.next += taken;
		left -= taken;
	}
}

/** UNHELD_* of the current call's bytes without content. */
function unseenReason(): i32 {
	const flags = call.flags;
	if (flags & FLAG_ZERO_COPY) return zeroCopyReason(call.syscall);
	if (flags & FLAG_DISCARDED) return UNHELD_DISCARDED;
	if (flags & FLAG_CUT_BODY_LIMIT) return UNHELD_BODY_LIMIT;
	if (flags & FLAG_CUT_IOVEC_LIMIT) return UNHELD_IOVEC_LIMIT;
	if (flags & FLAG_CUT_FAULT) return UNHELD_FAULT;
	if (flags & FLAG_CUT_CAPTURE_LIMIT) return UNHELD_CAPTURE_LIMIT;
	return UNHELD_OTHER;
}

// ---- Heads ----------------------------------------------------------------------------------------------------------

/** May the next message begin now? A response waits for its request, what follows CONNECT or Upgrade for the answer. */
export function mayStart(stream: Stream): bool {
	if (stream.forced) return true;
	const connection = stream.connection;
	if (stream.role == CARRIES_RESPONSES) return connection.waiting != NO_EXCHANGE || connection.abandoned != 0;
	const last = connection.last;
	if (last == NO_EXCHANGE || last.done || last.response != NO_MESSAGE || last.request == NO_MESSAGE) return true;
	return !last.request.isConnect && !(last.request.upgrade != 0 && last.request.connectionUpgrade);
}

/** The first byte of a message: answers where reading goes on, WAIT when the stream has to wait. */
function startMessage(stream: Stream, from: usize, end: usize): usize {
	let at = from;
	while (at < end && (load<u8>(at) == 13 || load<u8>(at) == 10)) at++;
	if (at != from) {
		// Some clients send a line end after a body (RFC 9112 section 2.2).
		stream.leading += <u32>(at - from);
		return at;
	}
	const connection = stream.connection;
	if (stream.role == 0) {
		if (load<u8>(at) == 0 && stream.leading == 4 && stream.next == 4) {
			stream.state = IN_PREAMBLE;
			return at;
		}
		chooseRole(stream, at, end);
		if (stream.role == 0) {
			setOpaque(connection, protocolOf(at, end));
			return at;
		}
	}
	if (!mayStart(stream)) return WAIT;
	const response = stream.role == CARRIES_RESPONSES;
	if (response ? !begins(at, end, 'HTTP/', true) : !mayBeRequest(at, end)) return startOdd(stream, at, end);
	const message = openMessage(stream, response);
	if (message == NO_MESSAGE) {
		beginSearch(stream);
		return at;
	}
	if (stream.leading != 0 && !response) note(message, ANOMALY_LEADING_CRLF);
	stream.leading = 0;
	return at;
}

function openMessage(stream: Stream, response: bool): Message {
	const message = beginMessage(response, stream.next);
	if (message == NO_MESSAGE) return message;
	message.reading = true;
	if (stream.garbage) note(message, ANOMALY_LEADING_GARBAGE);
	stream.garbage = false;
	stream.forced = false;
	stream.message = message;
	stream.state = IN_START_LINE;
	stream.started = false;
	stream.extensionBytes = 0;
	stream.framingBytes = 0;
	beginSection(stream, 0, headerBytesLimit);
	return message;
}

/** Lines are kept from `lineStart` of the message's head on, up to `limit` bytes in all. */
function beginSection(stream: Stream, lineStart: u32, limit: u32): void {
	stream.overflow = false;
	stream.cutLine = false;
	stream.lineStart = lineStart;
	stream.lineLength = 0;
	stream.keepLimit = limit;
}

/** Does it begin like a request line: a method, a space? */
function mayBeRequest(from: usize, end: usize): bool {
	let at = from;
	const limit = min<usize>(end, from + METHOD_LOOKAHEAD);
	while (at < limit && isSpace(load<u8>(at))) at++;
	const method = at;
	while (at < limit && isToken(load<u8>(at))) at++;
	if (at == limit) return limit == end;
	return at != method && isSpace(load<u8>(at));
}

/** Which direction carries requests: told by the first bytes of either, else by who connected. */
function chooseRole(stream: Stream, at: usize, end: usize): void {
	const connection = stream.connection;
	const incoming = stream == connection.incoming;
	if (begins(at, end, 'HTTP/', true)) {
		const served = connection.role == ROLE_ACCEPTED ? incoming : connection.role == ROLE_CONNECTED && !incoming;
		// `H` may begin HEAD as well: then who connected decides.
		setRole(stream, end - at < 5 && served ? CARRIES_REQUESTS : CARRIES_RESPONSES);
	} else if (mayBeRequest(at, end)) {
		setRole(stream, CARRIES_REQUESTS);
	}
}

function setRole(stream: Stream, role: u8): void {
	const connection = stream.connection;
	stream.role = role;
	if (role == CARRIES_REQUESTS) connection.requests = stream;
	else connection.responses = stream;
	const other = stream == connection.incoming ? connection.outgoing : connection.incoming;
	if (other == NO_STREAM) return;
	other.role = role == CARRIES_REQUESTS ? CARRIES_RESPONSES : CARRIES_REQUESTS;
	if (role == CARRIES_REQUESTS) connection.responses = other;
	else connection.requests = other;
}

/** A stream that came to be after its opposite had found its role. */
export function inheritRole(stream: Stream): void {
	const connection = stream.connection;
	const other = stream == connection.incoming ? connection.outgoing : connection.incoming;
	if (stream.role != 0 || other == NO_STREAM || other.role == 0) return;
	setRole(other, other.role);
}

/** Bytes where a head should begin that are none. */
function startOdd(stream: Stream, at: usize, end: usize): usize {
	const connection = stream.connection;
	const exchange = connection.waiting;
	if (stream.role == CARRIES_REQUESTS) {
		if (!connection.recognised) {
			setOpaque(connection, protocolOf(at, end));
			return at;
		}
	} else if (exchange != NO_EXCHANGE) {
		if (begins(at, end, 'ICY ', false) && connection.exchanges <= 1) {
			takeBack(connection);
			return at;
		}
		const message = openMessage(stream, true);
		if (message != NO_MESSAGE) {
			exchanges.bindResponse(exchange, message);
			if (exchange.request.http09) {
				// HTTP/0.9: the response is its body.
				message.headed = true;
				message.version = 9;
				note(message, ANOMALY_HTTP09);
				stream.state = UNTIL_CLOSE;
				return at;
			}
			carry(message, 1, 0);
			message.damage = REASON_MALFORMED;
			endMessage(stream);
		}
	}
	stream.garbage = true;
	stream.forced = false;
	beginSearch(stream);
	return at;
}

/** Rows that turned out not to be HTTP are taken back. */
function takeBack(connection: Connection): void {
	setOpaque(connection, PROTOCOL_OTHER);
	exchanges.dropRows(connection);
}

/** From here on nothing of the connection is read. */
export function setOpaque(connection: Connection, protocol: i32): void {
	connection.protocol = protocol;
	connection.opaque = true;
	if (connection.incoming != NO_STREAM) makeOpaque(connection.incoming);
	if (connection.outgoing != NO_STREAM) makeOpaque(connection.outgoing);
	if (protocol == PROTOCOL_TLS || protocol == PROTOCOL_HTTP2) noteProtocol(connection);
}

function makeOpaque(stream: Stream): void {
	const message = stream.message;
	if (message != NO_MESSAGE) {
		stream.message = NO_MESSAGE;
		message.reading = false;
		message.ended = true;
		if (message.exchange == NO_EXCHANGE) freeMessage(message);
	}
	stream.state = OPAQUE;
}

/**
 * Reads lines of a head or of trailers from [from, end). A head that lies in one piece is read where it is; else its
 * bytes are gathered in the message.
 */
function readLines(stream: Stream, from: usize, end: usize): usize {
	const message = stream.message;
	let at = from;
	if (message.head == 0 && stream.state != IN_TRAILERS && !stream.overflow && !stream.cutLine) {
		const limit = min<usize>(end, from + stream.keepLimit);
		while (at < limit) {
			const feedAt = findLineFeed(at, limit);
			if (feedAt == limit || (!stream.started && <u32>(feedAt - from) > startLineLimit)) break;
			const next = feedAt + 1;
			stream.headSoFar = <u32>(next - from);
			const outcome = readLine(stream, message, from, at, feedAt);
			if (outcome != LINE_MORE) return next;
			at = next;
		}
		const whole = <u32>(at - from);
		if (whole != 0) {
			takeHeadBytes(message, whole);
			gather(stream, message, from, whole);
		}
		stream.lineStart = message.headLength;
	}
	while (at < end) {
		const feedAt = findLineFeed(at, end);
		const piece = <u32>(feedAt - at) + (feedAt == end ? 0 : 1);
		takeHeadBytes(message, piece);
		keepLine(stream, message, at, piece);
		at += piece;
		if (feedAt != end && endLine(stream, message) != LINE_MORE) break;
	}
	return at;
}

/** `length` bytes more of the head came with this call. */
function takeHeadBytes(message: Message, length: u32): void {
	message.wireBytes += length;
	carry(message, length, 0);
}

/** Adds to the gathered head; without memory the rest of it is only looked through. */
function gather(stream: Stream, message: Message, at: usize, length: u32): void {
	const needed = message.headLength + length;
	if (needed > message.headCapacity) {
		const capacity = max<u32>(needed + 256, message.headCapacity * 2);
		const head = enlarge(message.head, message.headLength, capacity);
		if (head == 0) {
			beginOverflow(stream, message);
			return;
		}
		message.head = head;
		message.headCapacity = capacity;
	}
	memory.copy(message.head + message.headLength, at, length);
	message.headLength = needed;
}

/** A piece of the current line, with its LF if it ends here. */
function keepLine(stream: Stream, message: Message, at: usize, length: u32): void {
	stream.lineLength += length;
	if (!stream.started) {
		const room = stream.cutLine ? <u32>0 : startLineLimit - min<u32>(message.headLength, startLineLimit);
		if (length > room) stream.cutLine = true;
		const kept = min<u32>(length, room);
		if (kept != 0) gather(stream, message, at, kept);
		if (stream.cutLine) keepTail(stream, at, length);
		return;
	}
	if (!stream.overflow && <u64>message.headLength + length > stream.keepLimit) beginOverflow(stream, message);
	if (!stream.overflow) {
		gather(stream, message, at, length);
		if (!stream.overflow) return;
	}
	const kept = min<u32>(length, LINE_KEPT - stream.lineKept);
	if (stream.line == 0 || kept == 0) return;
	memory.copy(stream.line + stream.lineKept, at, kept);
	stream.lineKept += kept;
}

/** From here on lines are looked through and forgotten: what was gathered of the current one moves aside. */
function beginOverflow(stream: Stream, message: Message): void {
	stream.overflow = true;
	stream.lineKept = 0;
	note(message, stream.state == IN_TRAILERS ? ANOMALY_LONG_TRAILERS : ANOMALY_LONG_HEADERS);
	if (stream.line == 0) stream.line = allocate(LINE_KEPT);
	if (stream.line == 0 || message.headLength <= stream.lineStart) return;
	stream.lineKept = min<u32>(message.headLength - stream.lineStart, LINE_KEPT);
	memory.copy(stream.line, message.head + stream.lineStart, stream.lineKept);
	message.headLength = stream.lineStart;
}

/** The last 16 bytes of a start line that is too long: LF, CR and the version. */
function keepTail(stream: Stream, at: usize, length: u32): void {
	const tail = changetype<usize>(stream) + offsetof<Stream>('tail0');
	const fresh = min<u32>(length, 16);
	memory.copy(tail, tail + fresh, 16 - fresh);
	memory.copy(tail + 16 - fresh, at + length - fresh, fresh);
}

/** The gathered line is complete: LINE_*. */
function endLine(stream: Stream, message: Message): u32 {
	stream.lineLength = 0;
	if (stream.cutLine) {
		stream.cutLine = false;
		return readCutLine(stream, message);
	}
	if (stream.overflow) {
		const length = stream.lineKept;
		stream.lineKept = 0;
		if (stream.line == 0 || length == 0) return LINE_MORE;
		// A line longer than what is kept ends here without its LF.
		const end = stream.line + length - (load<u8>(stream.line + length - 1) == 10 ? 1 : 0);
		return readLine(stream, message, stream.line, stream.line, end);
	}
	const start = message.head + stream.lineStart;
	stream.lineStart = message.headLength;
	stream.headSoFar = message.headLength;
	return readLine(stream, message, message.head, start, message.head + message.headLength - 1);
}

/**
 * One line [at, end) without its LF, of a head that begins at `base`: LINE_MORE, LINE_END after the empty line, LINE_LEFT
 * when the message is over without one.
 */
function readLine(stream: Stream, message: Message, base: usize, at: usize, feedAt: usize): u32 {
	let end = feedAt;
	if (end > at && load<u8>(end - 1) == 13) end--;
	else note(message, ANOMALY_BARE_LF);
	if (!stream.started) return readStartLine(stream, message, base, end);
	if (end == at) {
		if (stream.state == IN_TRAILERS) {
			finishTrailers(stream, message);
		} else {
			// A head read in place is counted here, one that was gathered piece by piece already was.
			if (message.head == 0 && !stream.overflow) takeHeadBytes(message, stream.headSoFar);
			finishHead(stream, message, base, stream.overflow ? message.headLength : stream.headSoFar);
		}
		return LINE_END;
	}
	readField(message, base, at, end, stream.state == IN_TRAILERS, !stream.overflow);
	return LINE_MORE;
}

function readStartLine(stream: Stream, message: Message, base: usize, end: usize): u32 {
	const kind = message.isResponse ? readStatusLine(message, base, end) : readRequestLine(message, base, end);
	if (kind == LINE_HTTP) {
		stream.started = true;
		stream.state = IN_FIELDS;
		return LINE_MORE;
	}
	if (message.head == 0) takeHeadBytes(message, stream.headSoFar);
	return leaveStartLine(stream, message, base, end, kind);
}

/** The start line is not one of HTTP/1: no head follows it. */
function leaveStartLine(stream: Stream, message: Message, base: usize, end: usize, kind: u32): u32 {
	const connection = stream.connection;
	if (!connection.recognised && kind == LINE_OTHER && begins(base, end, 'PROXY ', false)) {
		// The preamble of the PROXY protocol, version 1.
		closeUnused(stream);
		return LINE_LEFT;
	}
	if (!connection.recognised && kind != LINE_SIMPLE) {
		// A first line that only claims to be HTTP is no reason for a row.
		const versioned = kind == LINE_MALFORMED && message.methodLength != 0;
		if (!versioned) {
			const protocol = kind == LINE_HTTP2 ? PROTOCOL_HTTP2 : protocolOf(base, end);
			setOpaque(connection, protocol);
			return LINE_LEFT;
		}
	}
	if (kind == LINE_OTHER || kind == LINE_HTTP2) {
		closeUnused(stream);
		stream.garbage = true;
		beginSearch(stream);
		return LINE_LEFT;
	}
	storeHead(message, base, stream.headSoFar);
	message.headed = kind == LINE_SIMPLE;
	if (kind == LINE_SIMPLE) {
		message.http09 = true;
		message.version = 9;
		note(message, ANOMALY_HTTP09);
		beginRow(stream, message);
		endMessage(stream);
		return LINE_LEFT;
	}
	message.damage = REASON_MALFORMED;
	if (message.isResponse) bindOrOrphan(stream, message);
	else beginRow(stream, message);
	endMessage(stream);
	beginSearch(stream);
	return LINE_LEFT;
}

/** A start line of which only the beginning and the last bytes were kept. */
function readCutLine(stream: Stream, message: Message): u32 {
	const tail = changetype<usize>(stream) + offsetof<Stream>('tail0');
	let end = tail + 15;
	if (load<u8>(end - 1) == 13) end--;
	else note(message, ANOMALY_BARE_LF);
	note(message, ANOMALY_LONG_START_LINE);
	const head = message.head;
	const kept = head + message.headLength;
	stream.lineStart = message.headLength;
	stream.headSoFar = message.headLength;
	if (head == 0) {
		closeUnused(stream);
		beginSearch(stream);
		return LINE_LEFT;
	}
	if (message.isResponse) {
		const kind = readStatusLine(message, head, kept);
		if (kind != LINE_HTTP) return leaveStartLine(stream, message, head, kept, kind);
	} else {
		const version = readVersion(end - 8, end);
		if (version < 0 || !readCutRequestLine(message, head, kept, <u32>version)) {
			return leaveStartLine(stream, message, head, kept, LINE_OTHER);
		}
	}
	stream.started = true;
	stream.state = IN_FIELDS;
	return LINE_MORE;
}

/** The head is complete: `length` bytes from `base`. */
function finishHead(stream: Stream, message: Message, base: usize, length: u32): void {
	if (stream.overflow) base = message.head;
	storeHead(message, base, length);
	message.headed = true;
	if (message.isResponse) finishResponseHead(stream, message);
	else finishRequestHead(stream, message);
}

function beginRow(stream: Stream, message: Message): void {
	const connection = stream.connection;
	if (connection.responses != NO_STREAM && connection.responses.state == UNREADABLE) endMessage(connection.responses);
	if (connection.protocol == 0) connection.protocol = PROTOCOL_HTTP1;
	if (message.exchange == NO_EXCHANGE && exchanges.beginExchange(connection, message) == NO_EXCHANGE) {
		connection.abandoned++;
	}
	askSocket(connection);
}

function finishRequestHead(stream: Stream, message: Message): void {
	if (message.version == 0x101 && !message.hasHost) note(message, ANOMALY_MISSING_HOST);
	beginRow(stream, message);
	noteFraming(message);
	if (message.isConnect) {
		endMessage(stream);
	} else if (message.hasCoding && message.chunked) {
		stream.state = IN_CHUNK_SIZE;
		beginChunk(stream);
	} else if (message.otherCoding || message.badLength || message.conflictingLength) {
		// RFC 9112 section 6.3: its length cannot be told, a server refuses it.
		endMalformed(stream);
	} else if (message.hasLength && message.contentLength != 0) {
		stream.state = IN_LENGTH;
		stream.remaining = message.contentLength;
	} else {
		endMessage(stream);
	}
}

function noteFraming(message: Message): void {
	if (!message.hasCoding) return;
	if (message.hasLength || message.badLength) note(message, ANOMALY_CONTENT_LENGTH_AND_TRANSFER_ENCODING);
	if (message.otherCoding && !message.chunked) note(message, ANOMALY_INVALID_TRANSFER_ENCODING);
	if (message.version < 0x101) note(message, ANOMALY_TRANSFER_ENCODING_IN_HTTP10);
}

function finishResponseHead(stream: Stream, message: Message): void {
	const connection = stream.connection;
	const status = message.status;
	if (connection.protocol == 0) connection.protocol = PROTOCOL_HTTP1;
	if (status < 200 && status != 101) {
		const exchange = connection.abandoned == 0 ? connection.waiting : NO_EXCHANGE;
		if (exchange != NO_EXCHANGE) exchanges.noteInterim(exchange, status);
		closeUnused(stream);
		return;
	}
	bindOrOrphan(stream, message);
	const exchange = message.exchange;
	const request = exchange == NO_EXCHANGE ? NO_MESSAGE : exchange.request;
	const connect = request != NO_MESSAGE && request.isConnect && status < 300;
	if (status == 101 || connect) {
		goOver(connection, exchange, connect ? PROTOCOL_OTHER : upgradeProtocol(message, request));
		return;
	}
	if (request != NO_MESSAGE && request.isHead) {
		endMessage(stream);
		return;
	}
	if (status == 204 || status == 304) {
		if (status == 204 && (message.hasCoding || (message.hasLength && message.contentLength != 0))) {
			note(message, ANOMALY_UNEXPECTED_FRAMING);
		}
		endMessage(stream);
		return;
	}
	noteFraming(message);
	if (message.hasCoding && message.chunked) {
		stream.state = IN_CHUNK_SIZE;
		beginChunk(stream);
	} else if (message.otherCoding) {
		stream.state = UNTIL_CLOSE;
	} else if (message.conflictingLength) {
		endMalformed(stream);
	} else if (message.badLength) {
		stream.state = UNTIL_CLOSE;
	} else if (message.hasLength) {
		stream.state = IN_LENGTH;
		stream.remaining = message.contentLength;
		if (stream.remaining == 0) endMessage(stream);
	} else if (status == 205) {
		// No content by definition (RFC 9110 section 15.3.6); servers leave the length out.
		endMessage(stream);
	} else {
		stream.state = UNTIL_CLOSE;
	}
}

/** PROTOCOL_* after 101. */
function upgradeProtocol(message: Message, request: Message): i32 {
	const upgrade = message.upgrade != 0 ? message.upgrade : request != NO_MESSAGE ? request.upgrade : 0;
	return upgrade == UPGRADE_WEBSOCKET
		? PROTOCOL_WEBSOCKET
		: upgrade == UPGRADE_HTTP2
			? PROTOCOL_HTTP2
			: PROTOCOL_OTHER;
}

/** 101 or CONNECT: what follows in either direction is not HTTP/1. */
function goOver(connection: Connection, exchange: Exchange, protocol: i32): void {
	setOpaque(connection, protocol);
	if (exchange != NO_EXCHANGE) exchanges.upgrade(exchange);
}

/** Gives the response to the request it answers, or makes it a row of its own. */
function bindOrOrphan(stream: Stream, message: Message): void {
	const connection = stream.connection;
	if (connection.abandoned != 0) {
		connection.abandoned--;
		return;
	}
	const exchange = connection.waiting;
	if (exchange != NO_EXCHANGE) {
		exchanges.bindResponse(exchange, message);
		return;
	}
	const orphan = exchanges.newExchange(connection);
	if (orphan == NO_EXCHANGE) return;
	orphan.response = message;
	message.exchange = orphan;
	exchanges.beginOrphan(connection, orphan);
	askSocket(connection);
}

// ---- Bodies ---------------------------------------------------------------------------------------------------------

/** A body of known length, or a chunk, has come to its end. */
function endData(stream: Stream): void {
	if (stream.state == IN_LENGTH) {
		endMessage(stream);
	} else {
		stream.state = IN_CHUNK_END;
		stream.chunkState = 0;
	}
}

function beginChunk(stream: Stream): void {
	stream.chunkDigits = 0;
	stream.chunkState = CHUNK_DIGITS;
	stream.remaining = 0;
}

/** The size line of a chunk (RFC 9112 section 7.1); extensions are counted and skipped. */
function readChunkSize(stream: Stream, from: usize, end: usize): usize {
	const message = stream.message;
	let at = from;
	while (at < end) {
		const byte = load<u8>(at);
		if (stream.chunkState == CHUNK_EXTENSION) {
			const feedAt = findLineFeed(at, end);
			stream.extensionBytes += feedAt - at;
			at = feedAt;
			if (at == end) break;
		}
		if (load<u8>(at) == 10) {
			at++;
			takeFraming(stream, message, <u32>(at - from));
			if (stream.chunkDigits == 0) {
				note(message, ANOMALY_INVALID_CHUNK_SIZE);
				endMalformed(stream);
			} else if (stream.remaining == 0) {
				stream.state = IN_TRAILERS;
				stream.firstTrailer = message.fieldCount;
				beginSection(stream, message.headLength, message.headLength + TRAILER_BYTES_KEPT);
			} else {
				stream.state = IN_CHUNK_DATA;
			}
			return at;
		}
		if (stream.chunkState == CHUNK_DIGITS) {
			const digit = hexValue(byte);
			if (digit >= 0) {
				if (stream.remaining >> 60 != 0) {
					note(message, ANOMALY_INVALID_CHUNK_SIZE);
					takeFraming(stream, message, <u32>(at - from));
					endMalformed(stream);
					return at;
				}
				stream.remaining = (stream.remaining << 4) | digit;
				stream.chunkDigits++;
				at++;
				continue;
			}
			stream.chunkState = CHUNK_AFTER;
		}
		if (byte == 59) {
			stream.chunkState = CHUNK_EXTENSION;
		} else if (byte != 13 && !isSpace(byte)) {
			note(message, ANOMALY_INVALID_CHUNK_SIZE);
			takeFraming(stream, message, <u32>(at - from));
			endMalformed(stream);
			return at;
		}
		at++;
	}
	takeFraming(stream, message, <u32>(at - from));
	return at;
}

/** The line end after a chunk's data. */
function readChunkEnd(stream: Stream, from: usize, end: usize): usize {
	const message = stream.message;
	const byte = load<u8>(from);
	if (byte == 13 && stream.chunkState == 0) {
		stream.chunkState = 1;
		takeFraming(stream, message, 1);
		return from + 1;
	}
	if (byte == 10) {
		takeFraming(stream, message, 1);
		stream.state = IN_CHUNK_SIZE;
		beginChunk(stream);
		return from + 1;
	}
	note(message, ANOMALY_INVALID_CHUNK_END);
	endMalformed(stream);
	return from;
}

function takeFraming(stream: Stream, message: Message, length: u32): void {
	if (length == 0) return;
	message.wireBytes += length;
	stream.framingBytes += length;
	carry(message, 0, 0);
	if (stream.extensionBytes > EXTENSION_BYTES_FINE) note(message, ANOMALY_LONG_CHUNK_EXTENSIONS);
	if (stream.framingBytes >= FRAMING_BYTES_FINE && stream.framingBytes > message.bodyBytes * 4) {
		note(message, ANOMALY_CHUNK_FLOOD);
	}
}

function finishTrailers(stream: Stream, message: Message): void {
	unfold(message, stream.firstTrailer);
	endMessage(stream);
}

// ---- Ends -----------------------------------------------------------------------------------------------------------

/** The current message has ended, as it should or with `damage` set. */
export function endMessage(stream: Stream): void {
	const message = stream.message;
	stream.message = NO_MESSAGE;
	stream.state = AT_START;
	message.ended = true;
	message.reading = false;
	if (message.exchange == NO_EXCHANGE) freeMessage(message);
	else exchanges.settle(message.exchange);
}

/** What was begun is not a message of a row: it is forgotten. */
function closeUnused(stream: Stream): void {
	const message = stream.message;
	stream.message = NO_MESSAGE;
	stream.state = AT_START;
	if (message.exchange == NO_EXCHANGE) freeMessage(message);
}

function endMalformed(stream: Stream): void {
	stream.message.damage = REASON_MALFORMED;
	endMessage(stream);
	stream.garbage = true;
	beginSearch(stream);
}

/** Bytes are missing where the framing needs them: what is begun ends here, and the next head has to be found. */
function loseFraming(stream: Stream, length: u64, lost: bool): void {
	const message = stream.message;
	if (message != NO_MESSAGE) {
		if (lost) message.lostBytes += length;
		message.damage = REASON_BYTES_LOST;
		if (!message.headed) closeDamagedHead(stream, message);
		if (stream.message != NO_MESSAGE) endMessage(stream);
	}
	beginSearch(stream);
}

/** A head of which a part is missing makes a row when its start line was read. */
function closeDamagedHead(stream: Stream, message: Message): void {
	if (stream.started) {
		// What was read in place is gathered by now: a gap comes only between pieces.
		if (!stream.overflow) message.headLength = stream.lineStart;
		unfold(message, 0);
	} else {
		message.headLength = 0;
		message.methodLength = 0;
	}
	if (message.isResponse) bindOrOrphan(stream, message);
	else if (stream.started) beginRow(stream, message);
	else closeUnused(stream);
}

/** A response goes out as a whole without being seen: a row without a status. */
function beginUnreadable(stream: Stream): bool {
	const connection = stream.connection;
	if (stream.role != CARRIES_RESPONSES || connection.waiting == NO_EXCHANGE || connection.abandoned != 0) return false;
	const message = openMessage(stream, true);
	if (message == NO_MESSAGE) return false;
	note(message, ANOMALY_OPAQUE_RESPONSE);
	message.damage = REASON_HEAD_NOT_CAPTURED;
	exchanges.bindResponse(connection.waiting, message);
	stream.state = UNREADABLE;
	return true;
}

/**
 * Nothing comes any more in this direction. `orderly`: the end is one that ends a body of unknown length as it should
 * (EOF, shutdown, close by the sender).
 */
export function endStream(stream: Stream, reason: i32, orderly: bool): void {
	if (stream.ended) return;
	stream.ended = true;
	const message = stream.message;
	if (message == NO_MESSAGE) return;
	const state = stream.state;
	if (state == UNREADABLE || (state == UNTIL_CLOSE && orderly)) {
		endMessage(stream);
		return;
	}
	if (message.damage == 0) message.damage = reason;
	if (!message.headed) closeDamagedHead(stream, message);
	if (stream.message != NO_MESSAGE) endMessage(stream);
}

// ---- After damage ---------------------------------------------------------------------------------------------------

function beginSearch(stream: Stream): void {
	stream.state = SEARCHING;
	stream.leading = 0;
	stream.forced = false;
}

/** Looks for the next head. */
function search(stream: Stream, from: usize, end: usize): usize {
	const response = stream.role == CARRIES_RESPONSES;
	let at = from;
	while (at < end) {
		const feedAt = findLineFeed(at, end);
		if (response ? begins(at, feedAt, 'HTTP/1.', false) : isRequestLine(at, feedAt)) {
			stream.state = AT_START;
			return at;
		}
		at = feedAt == end ? end : feedAt + 1;
	}
	return end;
}

function isRequestLine(at: usize, end: usize): bool {
	let last = end;
	if (last > at && load<u8>(last - 1) == 13) last--;
	return last - at > 14 && mayBeRequest(at, last) && readVersion(last - 8, last) >= 0;
}

// ---- Before the first message -----------------------------------------------------------------------------------------

/**
 * The binary preamble of the PROXY protocol, version 2: CR LF CR LF (taken as empty lines), NUL CR LF QUIT LF, two bytes
 * of kind, two of length, and that many more.
 */
function readPreamble(stream: Stream, from: usize, end: usize): usize {
	const position = <u32>stream.next;
	const byte = <u32>load<u8>(from);
	if (position < 12) {
		// The signature's bytes 4 to 11, the first lowest.
		const expected = <u32>((PREAMBLE_SIGNATURE >> ((position - 4) * 8)) & 0xff);
		if (byte != expected) setOpaque(stream.connection, PROTOCOL_OTHER);
		return from + 1;
	}
	if (position < 14) return from + 1;
	if (position < 16) {
		stream.remaining = (stream.remaining << 8) | byte;
		if (position == 15 && stream.remaining == 0) stream.state = AT_START;
		return from + 1;
	}
	const length = <u32>min<u64>(stream.remaining, end - from);
	stream.remaining -= length;
	if (stream.remaining == 0) {
		stream.state = AT_START;
		stream.leading = 0;
	}
	return from + length;
}

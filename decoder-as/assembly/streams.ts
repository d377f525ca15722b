// One direction of a connection: takes its bytes in order and cuts them into messages (RFC 9112 sections 2, 6, 7). Sans
// I/O: bytes in; whose message it is, is decided in alignment.ts, what that means for a row in exchanges.ts. A stream
// never looks at a byte twice for the same thing, and takes every byte exactly once: with content, or only counted.
import { learnToldBytes, learnToldText } from './addresses';
import * as alignment from './alignment';
import { begins, copyBytes, findLineFeed, hasOther, hexValue, isSpace, isToken, skipSpace } from './bytes';
import * as call from './call';
import {
	FLAG_AFTER_UNSEEN,
	FLAG_CUT_BODY_LIMIT,
	FLAG_CUT_CAPTURE_LIMIT,
	FLAG_CUT_FAULT,
	FLAG_CUT_IOVEC_LIMIT,
	FLAG_DISCARDED,
	FLAG_ZERO_COPY,
	LOSS_DECODE_GAP,
	ROLE_ACCEPTED,
	ROLE_CONNECTED,
} from './capture-event';
import { writeSkip } from './entries';
import * as exchanges from './exchanges';
import {
	GET,
	HTTP_1_1,
	LINE_HTTP,
	LINE_HTTP2,
	LINE_MALFORMED,
	LINE_OTHER,
	LINE_SIMPLE,
	UPGRADE_HTTP2,
	UPGRADE_WEBSOCKET,
	fieldAfterBareCr,
	forgetFields,
	isFieldLine,
	isKnownMethod,
	isStatusLike,
	note,
	readCutRequestLine,
	readField,
	readOddRequestLine,
	readRequestLine,
	readStatusLine,
	readVersion,
	storeHead,
	unfold,
} from './head';
import * as lines from './lines';
import * as loss from './loss';
import { release } from './memory';
import { addBody, addUnseenBody, appendBody, beginMessage, carry, countHeadAsBody, freeMessage, zeroCopyReason } from './messages';
import {
	ANOMALY_AFTER_CLOSE,
	ANOMALY_BARE_CR,
	ANOMALY_BARE_LF,
	ANOMALY_BODY_NOT_SENT,
	ANOMALY_CHUNK_FLOOD,
	ANOMALY_CONTENT_LENGTH_AND_TRANSFER_ENCODING,
	ANOMALY_GUESSED_FRAMING,
	ANOMALY_HTTP09,
	ANOMALY_INCOMPLETE_HEAD,
	ANOMALY_INVALID_CHUNK_END,
	ANOMALY_INVALID_CHUNK_EXTENSION,
	ANOMALY_INVALID_CHUNK_SIZE,
	ANOMALY_INVALID_METHOD,
	ANOMALY_INVALID_STATUS,
	ANOMALY_INVALID_TRANSFER_ENCODING,
	ANOMALY_LEADING_CRLF,
	ANOMALY_LEADING_GARBAGE,
	ANOMALY_LONG_CHUNK_EXTENSIONS,
	ANOMALY_MISSING_HOST,
	ANOMALY_OPAQUE_RESPONSE,
	ANOMALY_SPACE_AFTER_CHUNK_SIZE,
	ANOMALY_TRANSFER_ENCODING_IN_HTTP10,
	ANOMALY_UNENDED_TRAILERS,
	ANOMALY_UNEXPECTED_FRAMING,
	ANOMALY_UNKNOWN_TRANSFER_CODING,
	ANOMALY_UNSUPPORTED_VERSION,
	PROTOCOL_HTTP1,
	PROTOCOL_HTTP2,
	PROTOCOL_OTHER,
	PROTOCOL_TLS,
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
	UNHELD_UNSEEN,
	UNHELD_OTHER,
} from './output-layout';
import { firstPendingTime } from './pending';
import { readPlainFields } from './plain-fields';
import { forgetProtocol, noteProtocol, protocolOf } from './protocols';
import { askSocket } from './questions';
import { keepFields, recallFields, whole as recalled } from './recalled-fields';
import { clearSearch, findStart, fitsSearch, keepSearchLine, makeSearchRoom, mayBeStart, passSearchLine } from './search';
import { bodyLimit } from './settings';
import { noteBeginning } from './silence';
import { beginSpill, endSpill, leaveSpill, spillBytes, spillHead, unspill } from './spill';
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
/** Where the kind of its addresses stands in it; so much from there on holds the longest addresses. */
const PREAMBLE_KIND_AT: u32 = 12;
const PREAMBLE_KEPT: u32 = 40;
/** Answer of a reader that cannot go on now. */
const WAIT: usize = 0;
/** Parts of a chunk-size line. */
const CHUNK_DIGITS: u8 = 0;
const CHUNK_AFTER: u8 = 1;
const CHUNK_EXTENSION: u8 = 2;

/** For less it is not worth a word with the kernel. */
const SKIPPED_LEAST: u64 = 65536;
/** The largest offset that a float holds exactly: to the end. */
const SKIPPED_MOST: u64 = (1 << 53) - 1;

const EXTENSION_BYTES_FINE: u64 = 16384;
const FRAMING_BYTES_FINE: u64 = 102400;
/** A request line's method is looked for in this many bytes. */
const METHOD_LOOKAHEAD: u32 = 64;
/** … and its version in this many. */
const LINE_LOOKAHEAD: u32 = 8192;

// ---- Bytes in -------------------------------------------------------------------------------------------------------

/** Takes bytes [from, end) of the stream; answers how many were taken: fewer when the stream has to wait. */
export function feed(stream: Stream, from: usize, end: usize): u32 {
	let at = from;
	while (at < end) {
		let next = end;
		if (stream.guess) guessBody(stream, at, end);
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
				if (stream.remaining >= SKIPPED_LEAST) offerSkip(stream, length);
				break;
			}
			case UNTIL_CLOSE:
				if (stream.message.unclear && stream.next == call.startOffset && endsUnclear(stream, at, end)) {
					endMessage(stream);
					next = at;
				} else {
					addBody(stream.message, at, <u32>(end - at));
				}
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

/** Takes `length` bytes that the record counts without their content; answers how many: fewer when it has to wait. */
export function feedUnseen(stream: Stream, length: u64): u64 {
	let left = length;
	const reason = unseenReason();
	while (left != 0) {
		let taken = left;
		stream.guess = false;
		switch (stream.state) {
			case IN_LENGTH:
			case IN_CHUNK_DATA:
				taken = min<u64>(left, stream.remaining);
				addUnseenBody(stream.message, taken, reason);
				stream.remaining -= taken;
				break;
			case UNTIL_CLOSE:
				// It may have been the next response.
				if (hasAskedAgain(stream)) loseFraming(stream, taken, false);
				else addUnseenBody(stream.message, taken, reason);
				break;
			case UNREADABLE:
				carry(stream.message, taken, 0);
				stream.message.wireBytes += taken;
				break;
			case OPAQUE:
				break;
			case AT_START:
				if (stream.connection.tunnel && !stream.connection.recognised) {
					setOpaque(stream.connection, PROTOCOL_OTHER);
					break;
				}
				if (!mayStart(stream)) return length - left;
				if (call.flags & FLAG_ZERO_COPY && beginUnreadable(stream)) continue;
				loseFraming(stream, taken, false);
				break;
			default:
				if (!spillUnseen(stream, taken, reason)) loseFraming(stream, taken, false);
				break;
		}
		stream.next += taken;
		left -= taken;
		if (stream.remaining == 0 && (stream.state == IN_LENGTH || stream.state == IN_CHUNK_DATA)) endData(stream);
	}
	return length;
}

/** They belong to a message that nothing says the end of. */
function spillUnseen(stream: Stream, length: u64, reason: i32): bool {
	const message = stream.message;
	if (message != NO_MESSAGE && !message.isResponse && !message.headed && message.exchange == NO_EXCHANGE) {
		const unread = !stream.started && !stream.tentative && stream.connection.doubt == 0;
		if (unread) readOddRequestLine(message, message.head, message.head + message.headLength);
		if (unread || message.odd) spillRequest(stream, message);
	}
	const spill = stream.spill;
	if (stream.state != SEARCHING || spill == NO_MESSAGE) return false;
	addUnseenBody(spill, length, reason);
	clearSearch(stream);
	if (spill.exchange == NO_EXCHANGE) return true;
	// They may be messages of their own as well.
	if (spill.isResponse) alignment.loseResponses(stream.connection, length, false, 0);
	else alignment.loseRequests(stream.connection, length, false, 0);
	return true;
}

/** `length` bytes of the stream never reached us. */
export function feedGap(stream: Stream, length: u64): void {
	let left = length;
	const reason = call.flags & FLAG_AFTER_UNSEEN ? UNHELD_UNSEEN : UNHELD_LOST;
	while (left != 0) {
		let taken = left;
		// Whether there is a body at all was to be told by just these bytes.
		if (stream.guess) {
			stream.guess = false;
			if (stream.role != CARRIES_REQUESTS) loseFraming(stream, 0, true);
		}
		switch (stream.state) {
			case IN_LENGTH:
			case IN_CHUNK_DATA:
				taken = min<u64>(left, stream.remaining);
				addUnseenBody(stream.message, taken, reason);
				stream.remaining -= taken;
				break;
			case UNTIL_CLOSE:
				if (stream.message.unclear) loseFraming(stream, taken, true);
				else addUnseenBody(stream.message, taken, reason);
				break;
			case OPAQUE:
				break;
			case AT_START:
				// Of what began here nothing can be told any more.
				if (stream.connection.tunnel && !stream.connection.recognised) setOpaque(stream.connection, PROTOCOL_OTHER);
				else loseFraming(stream, taken, true);
				break;
			default:
				loseFraming(stream, taken, true);
				break;
		}
		stream.next += taken;
		left -= taken;
		if (stream.remaining == 0 && (stream.state == IN_LENGTH || stream.state == IN_CHUNK_DATA)) endData(stream);
	}
}

/**
 * So much of a body of known length is to come, and no more of it is wanted: the kernel need not copy it. Only where nothing
 * about the framing is in doubt, for what is skipped cannot be looked at again. `taken` more bytes were just taken.
 */
function offerSkip(stream: Stream, taken: u32): void {
	const message = stream.message;
	const connection = stream.connection;
	if (stream.state != IN_LENGTH || <u64>message.bodyLength < bodyLimit || connection.doubt != 0) return;
	const until = stream.next + taken + stream.remaining;
	if (stream.skippedUntil == until || until > SKIPPED_MOST) return;
	const exchange = message.exchange;
	if (exchange == NO_EXCHANGE || exchange.request == NO_MESSAGE) return;
	stream.skippedUntil = until;
	writeSkip(connection.id, stream.direction, until);
}

/** Of what is no HTTP/1 nothing is kept, but for somebody who wants everything recorded. */
export function skipOpaque(stream: Stream): void {
	if (bodyLimit == u64.MAX_VALUE || stream.connection.ignored) return;
	writeSkip(stream.connection.id, stream.direction, SKIPPED_MOST);
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
function mayStart(stream: Stream): bool {
	const connection = stream.connection;
	if (stream.forced) {
		if (stream.role == CARRIES_RESPONSES && connection.waiting == NO_EXCHANGE) beginEarlyRow(connection);
		return true;
	}
	if (stream.role == CARRIES_RESPONSES) {
		if (connection.waiting != NO_EXCHANGE || connection.abandoned != 0) return true;
		if (hasOddRequest(connection)) beginEarlyRow(connection);
		return connection.waiting != NO_EXCHANGE || connection.unproven;
	}
	const last = connection.last;
	if (last == NO_EXCHANGE || !exchanges.isWaiting(last)) return true;
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
		if (stream.role == 0 && !suspect(stream, at, end)) {
			beginOther(stream, at, end);
			return at;
		}
	}
	if (connection.suspected && stream.role == CARRIES_RESPONSES && !mayProve(connection, at, end)) return at;
	if (!mayStart(stream)) return WAIT;
	const response = stream.role == CARRIES_RESPONSES;
	if (response ? !mayBeResponse(connection, at, end) : !(mayBeRequest(at, end) || (connection.recognised && isVisible(load<u8>(at))))) return startOdd(stream, at, end);
	const message = openMessage(stream, response);
	if (message == NO_MESSAGE) {
		beginSearch(stream, false);
		return at;
	}
	message.beganCall = stream.next == call.startOffset;
	lines.beginHead(stream, at);
	if (stream.leading != 0 && !response) note(message, ANOMALY_LEADING_CRLF);
	stream.leading = 0;
	return at;
}

function openMessage(stream: Stream, response: bool): Message {
	const message = beginMessage(response, stream.next);
	if (message == NO_MESSAGE) return message;
	noteBeginning(stream.connection, message);
	message.reading = true;
	if (stream.garbage) note(message, ANOMALY_LEADING_GARBAGE);
	if (stream.closing) note(message, ANOMALY_AFTER_CLOSE);
	stream.garbage = false;
	stream.closing = false;
	stream.forced = false;
	stream.message = message;
	stream.state = IN_START_LINE;
	stream.tentative = false;
	stream.extensionBytes = 0;
	stream.framingBytes = 0;
	return message;
}

/** Does it begin like a status line, or like that of a radio station (ICY), which answers the first request only? */
function mayBeResponse(connection: Connection, at: usize, end: usize): bool {
	if (end - at >= 8 && load<u64>(at) == HTTP_1_1) return true;
	return isStatusLike(at, end) || (connection.exchanges <= 1 && connection.responsesBegun == 0 && begins(at, end, 'ICY ', true));
}

/** Does it begin like a request line: a method, a space? */
function mayBeRequest(from: usize, end: usize): bool {
	if (end - from >= 4 && load<u32>(from) == GET) return true;
	let at = from;
	const limit = min<usize>(end, from + METHOD_LOOKAHEAD);
	while (at < limit && isSpace(load<u8>(at))) at++;
	const method = at;
	// Any visible byte: whether it is a method at all its line will show.
	while (at < limit && isVisible(load<u8>(at))) at++;
	if (at == limit) return limit == end || endsLikeRequest(at, end);
	return at != method && isSpace(load<u8>(at));
}

function isVisible(byte: u32): bool {
	return byte > 32 && byte < 127;
}

/** A method that is very long: does its line end with a version? */
function endsLikeRequest(from: usize, end: usize): bool {
	const limit = min<usize>(end, from + LINE_LOOKAHEAD);
	const feedAt = findLineFeed(from, limit);
	if (feedAt == limit) return limit == end;
	const lineEnd = load<u8>(feedAt - 1) == 13 ? feedAt - 1 : feedAt;
	return lineEnd - from > 9 && isSpace(load<u8>(lineEnd - 9)) && readVersion(lineEnd - 8, lineEnd) >= 0;
}

/** Which direction carries requests: told by the first bytes of either, else by who connected. */
function chooseRole(stream: Stream, at: usize, end: usize): void {
	const connection = stream.connection;
	const incoming = stream == connection.incoming;
	if (begins(at, end, 'HTTP/', true)) {
		const served = connection.role == ROLE_ACCEPTED ? incoming : connection.role == ROLE_CONNECTED && !incoming;
		// Who connected decides where `H` may begin HEAD as well, and where nothing came before that this could answer.
		const first = !stream.midstream && connection.doubt == 0 && mayAsk(stream);
		setRole(stream, served && (first || end - at < 5) ? CARRIES_REQUESTS : CARRIES_RESPONSES);
	} else if (connection.midstream ? mayBeStart(at, end, false) : mayBeRequest(at, end)) {
		// Seen from the middle, any text may come first.
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

/** Nothing of the stream could be read yet: who connected is who asks. */
function roleByConnection(stream: Stream): void {
	const connection = stream.connection;
	const incoming = stream == connection.incoming;
	if (connection.role == ROLE_ACCEPTED) setRole(stream, incoming ? CARRIES_REQUESTS : CARRIES_RESPONSES);
	else if (connection.role == ROLE_CONNECTED) setRole(stream, incoming ? CARRIES_RESPONSES : CARRIES_REQUESTS);
}

/** A stream that came to be after its opposite had found its role. */
export function inheritRole(stream: Stream): void {
	const connection = stream.connection;
	const other = stream == connection.incoming ? connection.outgoing : connection.incoming;
	if (stream.role != 0 || other == NO_STREAM || other.role == 0) return;
	setRole(other, other.role);
}

/** The first bytes seen of a connection are no HTTP/1. Seen from the middle, they may be of a body. */
function beginOther(stream: Stream, at: usize, end: usize): void {
	const connection = stream.connection;
	const protocol = protocolOf(at, end);
	if (protocol == PROTOCOL_OTHER && connection.doubt != 0) {
		beginSearch(stream, !stream.midstream);
		return;
	}
	setOpaque(connection, protocol);
}

/**
 * The first bytes of a connection, or of what runs in a tunnel, are no request. When it is a client that says them its server
 * may still answer in HTTP. Until it does the connection is what it seems to be, and its rows are kept back.
 */
function suspect(stream: Stream, at: usize, end: usize): bool {
	const connection = stream.connection;
	if (connection.doubt != 0 || stream.midstream || !mayAsk(stream)) return false;
	connection.protocol = protocolOf(at, end);
	if (connection.protocol != PROTOCOL_OTHER) noteProtocol(connection);
	connection.suspected = true;
	connection.recognised = true;
	if (stream.role == 0) setRole(stream, CARRIES_REQUESTS);
	return true;
}

/** May the stream be the client's, who speaks first? */
function mayAsk(stream: Stream): bool {
	const connection = stream.connection;
	if (stream.role != 0) return stream.role == CARRIES_REQUESTS;
	const incoming = stream == connection.incoming;
	const other = incoming ? connection.outgoing : connection.incoming;
	if (other != NO_STREAM && other.next != other.base) return false;
	return connection.role == ROLE_ACCEPTED ? incoming : connection.role == ROLE_CONNECTED ? !incoming : true;
}

/** The answer on a connection that only it can prove to be HTTP begins with [at, end): may it be one? */
function mayProve(connection: Connection, at: usize, end: usize): bool {
	if (begins(at, end, 'HTTP/1.', false)) prove(connection);
	else if (!begins(at, end, 'HTTP/1.', true)) disprove(connection);
	return !connection.opaque;
}

function prove(connection: Connection): void {
	if (connection.protocol != PROTOCOL_OTHER) forgetProtocol(connection);
	connection.protocol = PROTOCOL_HTTP1;
	exchanges.proveRows(connection);
}

function disprove(connection: Connection): void {
	setOpaque(connection, connection.protocol, false);
	exchanges.dropSuspected(connection);
}

/** Bytes where a head should begin that are none. */
function startOdd(stream: Stream, at: usize, end: usize): usize {
	const connection = stream.connection;
	const exchange = connection.waiting;
	if (!connection.recognised && !suspect(stream, at, end)) {
		beginOther(stream, at, end);
		return at;
	}
	if (stream.role == CARRIES_REQUESTS && connection.doubt == 0) {
		const request = openMessage(stream, false);
		if (request != NO_MESSAGE) {
			request.odd = true;
			lines.beginHead(stream, 0);
			return at;
		}
	}
	if (stream.role == CARRIES_RESPONSES && exchange != NO_EXCHANGE && connection.doubt == 0) {
		if (exchange.request.http09) {
			// Only where no exchange was before it: that makes it HTTP.
			if (connection.exchanges <= 1 && isRedis(at, end)) takeBack(connection);
			else if (!beginSimple(stream, exchange)) beginSearch(stream, false);
			return at;
		}
		if (isOddAnswer(connection, exchange, call.time, stream.next == call.startOffset)) {
			const message = openMessage(stream, true);
			if (message != NO_MESSAGE) {
				lines.beginHead(stream, 0);
				answerOddly(stream, message);
				return at;
			}
		}
	}
	if (stream.role == CARRIES_REQUESTS) connection.stray = true;
	stream.garbage = true;
	beginSearch(stream, false);
	return at;
}

/** The first bytes of a response that came by themselves. */
const BEGUN_MOST: u32 = 8;
const begunBytes = memory.data(8);

/**
 * The first bytes that came, fewer than `HTTP/` has, could have begun a status line: does it go on like one with [from, end)?
 */
function goesOn(message: Message, from: usize, end: usize): bool {
	const begun = message.headLength;
	const fresh = min<u32>(<u32>(end - from), BEGUN_MOST - begun);
	copyBytes(begunBytes, message.head, begun);
	copyBytes(begunBytes + begun, from, fresh);
	const begunEnd = begunBytes + begun + fresh;
	return isStatusLike(begunBytes, begunEnd) || begins(begunBytes, begunEnd, 'ICY ', true);
}

/** It does not: the response is read as startOdd would have, had it seen these bytes together with what follows. */
function turnOdd(stream: Stream, message: Message): void {
	const connection = stream.connection;
	if (connection.suspected) {
		disprove(connection);
		return;
	}
	const exchange = connection.waiting;
	const begun = message.headLength;
	const answers = exchange != NO_EXCHANGE && connection.doubt == 0;
	const beganCall = message.beganCall;
	const offset = message.startOffset;
	const time = message.startTime;
	if (answers && !exchange.request.http09 && isOddAnswer(connection, exchange, time, beganCall)) {
		answerOddly(stream, message);
		return;
	}
	message.headLength = 0;
	message.wireBytes = 0;
	if (answers && exchange.request.http09) {
		beginSimpleBody(stream, exchange, message);
		addBody(message, begunBytes, begun);
		return;
	}
	closeUnused(stream);
	stream.garbage = true;
	beginSearch(stream, false);
	keepSearchLine(stream, begunBytes, begun, beganCall, true);
	stream.searchOffset = offset;
	stream.searchTime = time;
	stream.skipped += begun;
}

/** HTTP/0.9: the response is its body. */
function beginSimple(stream: Stream, exchange: Exchange): bool {
	const message = openMessage(stream, true);
	if (message == NO_MESSAGE) return false;
	beginSimpleBody(stream, exchange, message);
	return true;
}

function beginSimpleBody(stream: Stream, exchange: Exchange, message: Message): void {
	exchanges.bindResponse(exchange, message);
	endSimple(stream.connection.requests);
	message.headed = true;
	message.version = 9;
	note(message, ANOMALY_HTTP09);
	stream.state = UNTIL_CLOSE;
}

/**
 * Bytes that are no head stand where the response to `exchange` should begin: are they the answer all the same? They are more
 * of the response before when they came before the request, or in a call that began with that response; its length was
 * wrong, or it was to have no body. They are the answer when nothing else is waited for, or nothing was answered yet. In
 * between, nobody knows what they are.
 */
function isOddAnswer(connection: Connection, exchange: Exchange, time: u64, beginsCall: bool): bool {
	if (connection.responsesBegun == 0) return true;
	if (time < exchange.request.startTime) return false;
	if (connection.waitingCount > 1) {
		connection.unreadable = true;
		alignment.loseResponses(connection, 0, false, 0);
		return false;
	}
	return beginsCall;
}

/** An answer in Redis' protocol: what was asked was its inline form, which looks like HTTP/0.9. */
function isRedis(at: usize, end: usize): bool {
	const first = load<u8>(at);
	const second = end - at > 1 ? load<u8>(at, 1) : 0;
	// `$`, `*`, `:` and a number, `+` and `-` and a word.
	if (first == 36 || first == 42 || first == 58) return second == 45 || (second >= 48 && second <= 57);
	return (first == 43 || first == 45) && second >= 65 && second <= 90;
}

/** Rows that turned out not to be HTTP are taken back. */
function takeBack(connection: Connection): void {
	setOpaque(connection, PROTOCOL_OTHER);
	exchanges.dropRows(connection);
}

/** From here on nothing of the connection is read. */
export function setOpaque(connection: Connection, protocol: i32, isNews: bool = true): void {
	connection.protocol = protocol;
	connection.opaque = true;
	if (connection.incoming != NO_STREAM) makeOpaque(connection.incoming);
	if (connection.outgoing != NO_STREAM) makeOpaque(connection.outgoing);
	if (isNews && (protocol == PROTOCOL_TLS || protocol == PROTOCOL_HTTP2)) noteProtocol(connection);
}

function makeOpaque(stream: Stream): void {
	if (stream.state != OPAQUE) skipOpaque(stream);
	clearStream(stream);
	stream.state = OPAQUE;
}

/** What is being read ends here, whatever it is. */
function clearStream(stream: Stream): void {
	const message = stream.message;
	if (message != NO_MESSAGE) {
		stream.message = NO_MESSAGE;
		message.reading = false;
		message.ended = true;
		if (message.exchange == NO_EXCHANGE) freeMessage(message);
	}
	leaveSpill(stream);
	stream.state = AT_START;
	stream.guess = false;
	stream.garbage = false;
	stream.closing = false;
	stream.tentative = false;
	stream.remaining = 0;
	stream.skipped = 0;
}

/** Reads lines of a head or of trailers from [from, end). */
function readLines(stream: Stream, from: usize, end: usize): usize {
	const message = stream.message;
	let at = from;
	if (message.odd && !message.isResponse) {
		// Its line is read when it is whole.
	} else if (message.odd) {
		const blank = skipSpace(message.head, message.head + message.headLength) == message.head + message.headLength;
		const others = stream.connection.waiting != NO_EXCHANGE && !blank;
		if (stream.next == call.startOffset && others && mayBeStart(from, end, true)) {
			keepAsBody(stream, message, 0);
			if (hasAskedAgain(stream)) endMessage(stream);
			else runOn(stream);
			return from;
		}
	} else if (!stream.started && message.isResponse && message.headLength != 0 && message.headLength < lines.TELLING_BYTES) {
		if (stream.connection.recognised && !stream.tentative && !goesOn(message, from, end)) {
			turnOdd(stream, message);
			return from;
		}
	}
	while (at < end) {
		const place = lines.placeOf(stream);
		if (place != 0) {
			const limit = min<usize>(end, place + stream.keepLimit);
			const first = message.fieldCount == 0;
			let next = first ? recallFields(message, place, at, limit) : at;
			let over = first && recalled;
			if (!over) {
				next = readPlainFields(message, place, next, limit);
				over = limit - next >= 2 && load<u16>(next) == 0x0a0d;
				if (over) next += 2;
				if (over && first) keepFields(message, place, at, next);
			}
			if (next != at) {
				lines.passLines(stream, message, at, next);
				at = next;
				if (over) {
					finishHead(stream, message);
					return at;
				}
				if (at == end) break;
			}
		}
		at = lines.takeLine(stream, message, at, end);
		if (lines.whole && !readLine(stream, message, at - from)) return at;
	}
	lines.leavePlace(stream, message);
	return at;
}

/** A whole line was taken; false when the lines are over. */
function readLine(stream: Stream, message: Message, taken: usize): bool {
	const at = lines.lineStart;
	let end = lines.lineEnd;
	const offset = stream.next + taken;
	if (!stream.started) {
		return message.odd && message.isResponse ? readOddLine(stream, message, offset) : readStartLine(stream, message, offset);
	}
	if (message.http09 && !readAfterSimple(stream, message, at, end, offset)) return false;
	if (message.odd && !(message.isResponse ? readOddHead(stream, message, at, end, offset) : readOddFields(stream, message, at, end))) {
		return false;
	}
	if (lines.bareCr) note(message, ANOMALY_BARE_CR);
	else if (end > at && load<u8>(end - 1) == 13) end = trimCr(message, at, end - 1);
	else if (!lines.truncated) note(message, ANOMALY_BARE_LF);
	if (end == at) {
		if (stream.state == IN_TRAILERS) {
			unfold(message, stream.firstTrailer);
			endMessage(stream);
		} else {
			finishHead(stream, message);
		}
		return false;
	}
	if (stream.tentative && !isFieldLine(at, end, message.fieldCount != 0)) {
		rejectHead(stream, message, at, end, stream.next + taken);
		return false;
	}
	if (stream.state == IN_TRAILERS && beginsNext(stream, message, at, end)) {
		endTrailers(stream, message, at, stream.next + taken);
		return false;
	}
	readField(message, lines.base, at, end, stream.state == IN_TRAILERS, !stream.overflow);
	return true;
}

/** Is the line, among trailers, the start line of the next message? No field name can begin like one. */
function beginsNext(stream: Stream, message: Message, at: usize, end: usize): bool {
	if (lines.bareCr || lines.truncated || !fitsSearch(<u32>(lines.lineEnd + 1 - at))) return false;
	return findStart(at, end, message.isResponse) == at && mayStart(stream);
}

/** The trailers are over although no empty line says so: the line at `at`, up to `offset` of the stream, is the next message's. */
function endTrailers(stream: Stream, message: Message, at: usize, offset: u64): void {
	const length = <u32>(lines.lineEnd + 1 - at);
	const response = message.isResponse;
	// The message goes, and the line with it.
	clearSearch(stream);
	keepSearchLine(stream, at, length, false, response);
	message.wireBytes -= length;
	if (!stream.overflow) message.headLength = <u32>(at - message.head);
	unfold(message, stream.firstTrailer);
	note(message, ANOMALY_UNENDED_TRAILERS);
	endMessage(stream);
	const next = stream.search == 0 ? NO_MESSAGE : openMessage(stream, response);
	if (next == NO_MESSAGE) {
		beginSearch(stream, false);
		return;
	}
	next.startOffset = offset - length;
	stream.searchLength = 0;
	lines.beginHead(stream, 0);
	lines.takeLine(stream, next, stream.search, stream.search + length);
	readStartLine(stream, next, offset);
}

/** Line ends that were written twice over: CR CR LF. Answers where the line [at, end) ends without them. */
function trimCr(message: Message, at: usize, end: usize): usize {
	let last = end;
	while (last > at && load<u8>(last - 1) == 13) last--;
	if (last != end) note(message, ANOMALY_BARE_CR);
	return last;
}

function readStartLine(stream: Stream, message: Message, offset: u64): bool {
	const base = lines.base;
	let end = lines.lineEnd;
	let field = end;
	let kind: u32;
	if (lines.cut) {
		kind = readCutLine(message, base, end);
		field = end;
	} else {
		if (end > base && load<u8>(end - 1) == 13) end = trimCr(message, base, end - 1);
		else note(message, ANOMALY_BARE_LF);
		field = end;
		const before = message.anomalies;
		kind = readLineOf(message, base, end);
		if (kind != LINE_HTTP || message.anomalies & ((<u64>1) << ANOMALY_BARE_CR)) {
			// A bare CR may have ended the line: a field line follows it.
			field = stream.tentative ? end : fieldAfterBareCr(base, end);
			if (field != end) {
				message.anomalies = before | ((<u64>1) << ANOMALY_BARE_CR);
				kind = readLineOf(message, base, field - 1);
			}
		}
	}
	const connection = stream.connection;
	if (message.isResponse && connection.suspected && (kind == LINE_HTTP || kind == LINE_MALFORMED)) prove(connection);
	if (kind != LINE_HTTP && kind != LINE_SIMPLE && !message.isResponse && !lines.cut) {
		// It may end like one.
		const start = findStart(base, end, false);
		if (start > base && (connection.recognised || suspect(stream, base, end))) {
			beginRequestAt(message, base, start, end);
			message.damage = REASON_MALFORMED;
			field = end;
			kind = LINE_HTTP;
		}
	}
	if (kind == LINE_HTTP || isBroken(stream, message, base, kind)) {
		message.odd = false;
		if (kind != LINE_HTTP) message.damage = REASON_MALFORMED;
		stream.started = true;
		stream.state = IN_FIELDS;
		if (field != end) readField(message, base, field, end, false, true);
		return true;
	}
	if (kind == LINE_MALFORMED && message.isResponse) return readOddLine(stream, message, offset);
	leaveStartLine(stream, message, base, end, kind);
	return false;
}

/** The request line [start, end), which what stands between `base` and it does not belong to. */
function beginRequestAt(message: Message, base: usize, start: usize, end: usize): void {
	forgetFields(message);
	note(message, ANOMALY_LEADING_GARBAGE);
	readRequestLine(message, start, end);
	message.method += <u32>(start - base);
	message.target += <u32>(start - base);
}

function readLineOf(message: Message, base: usize, end: usize): u32 {
	return message.isResponse ? readStatusLine(message, base, end) : readRequestLine(message, base, end);
}

/** A start line of which only the beginning and the last bytes were kept. */
function readCutLine(message: Message, base: usize, kept: usize): u32 {
	let end = lines.tailEnd;
	if (load<u8>(end - 1) == 13) end--;
	else note(message, ANOMALY_BARE_LF);
	if (base == 0) return LINE_OTHER;
	if (message.isResponse) return readStatusLine(message, base, kept);
	const version = readVersion(end - 8, end);
	return version >= 0 && readCutRequestLine(message, base, kept, <u32>version) ? LINE_HTTP : LINE_OTHER;
}

/** The start line is not one of HTTP/1: no head follows it. */
function leaveStartLine(stream: Stream, message: Message, base: usize, end: usize, kind: u32): void {
	const connection = stream.connection;
	if (!connection.recognised) {
		const preamble = kind == LINE_OTHER && begins(base, end, 'PROXY ', false);
		if (!preamble && kind != LINE_SIMPLE) {
			const protocol = kind == LINE_HTTP2 ? PROTOCOL_HTTP2 : protocolOf(base, end);
			if (kind == LINE_OTHER && connection.doubt != 0) {
				closeUnused(stream);
				beginSearch(stream, !stream.midstream);
			} else if (suspect(stream, base, end)) {
				readOddRequest(stream, message, base, end, kind);
			} else {
				setOpaque(connection, protocol);
			}
			return;
		}
		if (preamble) {
			// Version 1 of the PROXY protocol: one line.
			if (stream == connection.incoming) learnToldText(connection, base, end);
			closeUnused(stream);
			return;
		}
	}
	if (message.isResponse && connection.suspected) {
		disprove(connection);
		return;
	}
	if (message.isResponse && connection.responsesBegun == 0 && begins(base, end, 'ICY ', false)) {
		takeBack(connection);
		return;
	}
	if (kind != LINE_SIMPLE && !message.isResponse && connection.doubt == 0) {
		readOddRequest(stream, message, base, end, kind);
		return;
	}
	if ((kind == LINE_OTHER || kind == LINE_HTTP2) && message.exchange == NO_EXCHANGE) {
		closeUnused(stream);
		stream.garbage = true;
		beginSearch(stream, false);
		return;
	}
	if (kind == LINE_SIMPLE && connection.last != NO_EXCHANGE && isSimple(connection.last)) {
		// HTTP/0.9 has one request a connection: what follows it is not read by its server.
		closeUnused(stream);
		stream.garbage = true;
		beginSearch(stream, false);
		return;
	}
	if (kind == LINE_SIMPLE) {
		lines.leavePlace(stream, message);
		message.headed = true;
		message.http09 = true;
		message.version = 9;
		note(message, ANOMALY_HTTP09);
		// HTTP/0.9 knew no other method.
		if (message.methodLength != 3 || !begins(base + message.method, end, 'GET', false)) message.damage = REASON_MALFORMED;
		beginRow(stream, message);
		stream.started = true;
		stream.state = IN_FIELDS;
		return;
	}
	storeHead(message, base, lines.headLength(stream, message));
	if (message.isResponse) placeResponse(stream, message);
	else beginRow(stream, message);
	runOn(stream);
}

/**
 * A line [at, end) after a request of HTTP/0.9, up to `offset` of the stream. True: it is a field line, so that the request is one of
 * HTTP/1 without a version. Others the server does not read.
 */
function readAfterSimple(stream: Stream, message: Message, at: usize, end: usize, offset: u64): bool {
	const lineEnd = lineEndOf(at);
	if (lineEnd == at) {
		endMessage(stream);
		return false;
	}
	if (isFieldLine(at, lineEnd, false)) {
		message.http09 = false;
		message.headed = false;
		message.version = 0;
		message.damage = REASON_MALFORMED;
		message.anomalies &= ~((<u64>1) << ANOMALY_HTTP09);
		note(message, ANOMALY_UNSUPPORTED_VERSION);
		return true;
	}
	const length = <u32>(lines.lineEnd + 1 - at);
	message.wireBytes -= length;
	if (!stream.overflow) message.headLength = <u32>(at - message.head);
	beginSearch(stream, false);
	keepSearchLine(stream, at, length, true, false);
	endMessage(stream);
	stream.state = SEARCHING;
	stream.garbage = true;
	useKeptLine(stream, offset - length, false);
	return false;
}

/** What comes after a request of HTTP/0.9 does not matter any more. */
function endSimple(stream: Stream): void {
	if (stream == NO_STREAM || stream.message == NO_MESSAGE || !stream.message.http09) return;
	if (!stream.overflow) stream.message.headLength = stream.lineStart;
	endMessage(stream);
}

/** Something is wrong with its line, but it is one of a request, and its fields follow. */
function isBroken(stream: Stream, message: Message, base: usize, kind: u32): bool {
	if (kind != LINE_MALFORMED || message.isResponse) return false;
	if (stream.connection.recognised) return true;
	// A first line that only claims to be HTTP is no reason for a row; one that is a request but for its method is.
	const method = base + message.method;
	const methodEnd = method + message.methodLength;
	return message.targetLength == 0 ? isKnownMethod(method, methodEnd) : !hasOther(method, methodEnd);
}

function isSimple(exchange: Exchange): bool {
	return exchange.request != NO_MESSAGE && exchange.request.http09;
}

/** The empty line came. */
function finishHead(stream: Stream, message: Message): void {
	const base = stream.inPlace != 0 ? stream.inPlace : message.head;
	storeHead(message, base, lines.headLength(stream, message));
	message.headed = true;
	acceptTentative(stream);
	if (message.odd) message.anomalies &= ~((<u64>1) << ANOMALY_INCOMPLETE_HEAD);
	if (message.isResponse) finishResponseHead(stream, message);
	else finishRequestHead(stream, message);
}

/** Did something come that may be a request, and was not answered? */
function hasOddRequest(connection: Connection): bool {
	const requests = connection.requests;
	if (requests == NO_STREAM || connection.doubt != 0) return false;
	const message = requests.spill != NO_MESSAGE ? requests.spill : requests.message;
	return message != NO_MESSAGE && !message.hadRow && (message.odd || message.unclear);
}

/** A response comes although no request is complete: if one has begun, that is what it answers. */
function beginEarlyRow(connection: Connection): void {
	const requests = connection.requests;
	if (requests == NO_STREAM) return;
	let message = requests.message;
	if (message != NO_MESSAGE && message.odd && !message.headed && message.exchange == NO_EXCHANGE) {
		if (!requests.started) readOddRequestLine(message, message.head, message.head + message.headLength);
		message.damage = REASON_MALFORMED;
		if (message.methodLength == 0 && message.fieldCount == 0) spillRequest(requests, message);
		else note(message, ANOMALY_INCOMPLETE_HEAD);
	}
	message = requests.message;
	if (message != NO_MESSAGE && !requests.tentative && !message.headed && message.exchange == NO_EXCHANGE) {
		if (requests.started || message.odd || readBegunLine(message)) {
			if (!requests.started) message.damage = REASON_MALFORMED;
			beginRow(requests, message);
			return;
		}
		if (connection.doubt == 0) {
			message.odd = true;
			spillRequest(requests, message);
		}
	}
	if (requests.spill == NO_MESSAGE || requests.spill.hadRow || connection.doubt != 0) return;
	requests.garbage = false;
	beginRow(requests, requests.spill);
}

/** Reads what there is of a request line; false when it may be anything. */
function readBegunLine(message: Message): bool {
	const end = message.head + message.headLength;
	let at = message.head;
	while (at < end && isToken(load<u8>(at))) at++;
	if (at == message.head || !isKnownMethod(message.head, at)) return false;
	readRequestLine(message, message.head, end);
	note(message, ANOMALY_INCOMPLETE_HEAD);
	return true;
}

/** The request gets its row. */
function beginRow(stream: Stream, message: Message): void {
	const connection = stream.connection;
	const responses = connection.responses;
	if (message.exchange != NO_EXCHANGE) return;
	if (responses != NO_STREAM && responses.state == UNREADABLE) endMessage(responses);
	if (connection.protocol == 0) connection.protocol = PROTOCOL_HTTP1;
	const quiet =
		responses == NO_STREAM || ((responses.message == NO_MESSAGE || responses.guess) && firstPendingTime(responses) >= message.startTime);
	if (connection.early != NO_EXCHANGE) {
		alignment.joinEarly(connection, message);
		askSocket(connection);
		return;
	}
	const exchange = exchanges.beginExchange(connection, message);
	message.hadRow = true;
	if (exchange != NO_EXCHANGE) {
		alignment.afterRequest(exchange, quiet);
		exchanges.limitWaiting(connection);
	} else {
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
		runOn(stream);
	} else if (message.hasLength && message.contentLength != 0) {
		stream.state = IN_LENGTH;
		stream.remaining = message.contentLength;
		stream.guess = message.expectContinue;
	} else {
		endMessage(stream);
	}
}

function noteFraming(message: Message): void {
	if (!message.codingField) return;
	if (message.hasLength || message.badLength) note(message, ANOMALY_CONTENT_LENGTH_AND_TRANSFER_ENCODING);
	if (message.otherCoding && !message.chunked) note(message, ANOMALY_INVALID_TRANSFER_ENCODING);
	if (!message.hasCoding) note(message, ANOMALY_UNKNOWN_TRANSFER_CODING);
	if (message.version != 0 && message.version < 0x101) note(message, ANOMALY_TRANSFER_ENCODING_IN_HTTP10);
}

function finishResponseHead(stream: Stream, message: Message): void {
	const connection = stream.connection;
	const status = message.status;
	if (status < 200 && status != 101 && !message.odd) {
		const exchange = alignment.placeInterim(connection);
		if (exchange != NO_EXCHANGE) exchanges.noteInterim(exchange, status);
		closeUnused(stream);
		return;
	}
	const exchange = message.placed ? message.exchange : placeResponse(stream, message);
	const request = exchange == NO_EXCHANGE ? NO_MESSAGE : exchange.request;
	const connect = request != NO_MESSAGE && request.isConnect && status < 300 && !message.odd;
	if (status == 101 || connect) {
		message.upgraded = true;
		if (connect) beginTunnel(connection, exchange);
		else goOver(connection, exchange, upgradeProtocol(message, request));
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
	stream.guess = message.guess || exchange == NO_EXCHANGE;
	if (message.hasCoding && message.chunked) {
		stream.state = IN_CHUNK_SIZE;
		beginChunk(stream);
	} else if (message.otherCoding || message.conflictingLength || message.badLength) {
		runOn(stream);
	} else if (message.hasLength) {
		stream.state = IN_LENGTH;
		stream.remaining = message.contentLength;
		if (stream.remaining == 0) endMessage(stream);
	} else if (status == 205) {
		// No content by definition (RFC 9110 section 15.3.6); servers leave the length out.
		endMessage(stream);
	} else if (message.odd) {
		runOn(stream);
	} else {
		// A coding that nobody knows may have told a length to those who do.
		message.unclear = message.codingField;
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

/** CONNECT was answered: what follows is told by its first bytes, as at the beginning of a connection. */
function beginTunnel(connection: Connection, exchange: Exchange): void {
	connection.tunnel = true;
	connection.recognised = false;
	if (connection.incoming != NO_STREAM) clearStream(connection.incoming);
	if (connection.outgoing != NO_STREAM) clearStream(connection.outgoing);
	exchanges.settle(exchange);
}

/** 101: what follows in either direction is not HTTP/1. */
function goOver(connection: Connection, exchange: Exchange, protocol: i32): void {
	setOpaque(connection, protocol);
	if (exchange != NO_EXCHANGE) exchanges.settle(exchange);
}

/** Gives the response to the request it answers, as far as that is known: NO_EXCHANGE when nobody wants it. */
function placeResponse(stream: Stream, message: Message): Exchange {
	const connection = stream.connection;
	if (connection.protocol == 0) connection.protocol = PROTOCOL_HTTP1;
	const exchange = alignment.placeResponse(connection, message);
	endSimple(connection.requests);
	askSocket(connection);
	const request = exchange == NO_EXCHANGE ? NO_MESSAGE : exchange.request;
	// Who sent no more than the beginning of a line was answered all the same.
	if (request != NO_MESSAGE && request.ended && !request.headed && request.fieldCount == 0) request.damage = REASON_MALFORMED;
	return exchange;
}

// ---- Bodies ---------------------------------------------------------------------------------------------------------

/**
 * A response whose request is not known may have no body, a request that asked for `100 Continue` and was refused sends
 * none: when the next head follows at once, there is none.
 */
function guessBody(stream: Stream, at: usize, end: usize): void {
	const message = stream.message;
	stream.guess = false;
	if (message == NO_MESSAGE) return;
	if (message.isResponse) {
		if (!begins(at, end, 'HTTP/1.', false)) return;
		note(message, ANOMALY_GUESSED_FRAMING);
	} else {
		const exchange = message.exchange;
		if (exchange == NO_EXCHANGE || exchange.response == NO_MESSAGE) return;
		const feedAt = findLineFeed(at, end);
		const lineEnd = feedAt > at && load<u8>(feedAt - 1) == 13 ? feedAt - 1 : feedAt;
		if (feedAt == end || findStart(at, lineEnd, false) != at) return;
		note(message, ANOMALY_BODY_NOT_SENT);
	}
	endMessage(stream);
}

/**
 * A response whose length cannot be told is read to the end of the connection. When the client has asked again, and a call
 * begins like a status line, it knew better.
 */
function endsUnclear(stream: Stream, at: usize, end: usize): bool {
	return hasAskedAgain(stream) && mayBeStart(at, end, true);
}

/** Has the client asked again since a response began whose end cannot be told? */
function hasAskedAgain(stream: Stream): bool {
	const message = stream.message;
	const waiting = stream.connection.waiting;
	return (message.unclear || message.odd) && waiting != NO_EXCHANGE && waiting.request.startTime >= message.startTime;
}

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
	stream.chunkLine = 0;
	stream.chunkDigits = 0;
	stream.chunkState = CHUNK_DIGITS;
	stream.remaining = 0;
}

/** The size line of a chunk (RFC 9112 section 7.1); extensions are counted and skipped. */
function readChunkSize(stream: Stream, from: usize, end: usize): usize {
	const message = stream.message;
	if (stream.chunkState == CHUNK_DIGITS && stream.chunkDigits == 0) {
		const next = readPlainChunkSize(stream, message, from, end);
		if (next != from) return next;
	}
	let at = from;
	while (at < end) {
		const byte = load<u8>(at);
		if (stream.chunkState == CHUNK_EXTENSION) {
			const feedAt = findLineFeed(at, end);
			stream.extensionBytes += feedAt - at;
			checkExtension(stream, message, at, feedAt);
			at = feedAt;
			if (at == end) break;
			endExtension(stream, message);
		}
		if (load<u8>(at) == 10) {
			if (stream.chunkState == CHUNK_DIGITS || stream.chunkLast != 13) note(message, ANOMALY_BARE_LF);
			at++;
			endChunkSize(stream, message, from, at);
			return at;
		}
		if (stream.chunkState == CHUNK_DIGITS) {
			const digit = hexValue(byte);
			if (digit >= 0) {
				if (stream.remaining >> 60 != 0) {
					breakChunk(stream, message, from, at);
					return at;
				}
				stream.remaining = (stream.remaining << 4) | digit;
				stream.chunkDigits++;
				at++;
				continue;
			}
			stream.chunkState = CHUNK_AFTER;
			stream.chunkLast = 0;
		}
		if (stream.chunkLast == 13) {
			// A CR that no LF follows: lenient parsers take it for the line's end, and this for the chunk's first byte.
			note(message, ANOMALY_BARE_CR);
			endChunkSize(stream, message, from, at);
			return at;
		}
		stream.chunkLast = byte;
		if (byte == 59) {
			stream.chunkState = CHUNK_EXTENSION;
			stream.chunkQuoted = false;
			stream.chunkLast = 59;
		} else if (byte != 13 && !isSpace(byte)) {
			breakChunk(stream, message, from, at);
			return at;
		} else if (byte != 13) {
			note(message, ANOMALY_SPACE_AFTER_CHUNK_SIZE);
		}
		at++;
	}
	keepChunkLine(stream, from, <u32>(at - from));
	takeFraming(stream, message, <u32>(at - from));
	return at;
}

/** Size lines are kept so far, in case it turns out that they are none. */
const CHUNK_LINE_KEPT: u32 = 32;

function keepChunkLine(stream: Stream, at: usize, length: u32): void {
	if (stream.chunkLine < CHUNK_LINE_KEPT) {
		const line = changetype<usize>(stream) + offsetof<Stream>('chunkLine0');
		copyBytes(line + stream.chunkLine, at, min<u32>(length, CHUNK_LINE_KEPT - stream.chunkLine));
	}
	stream.chunkLine += length;
}

/** [from, at), and what came of the line before, is no size line: it belongs to a body that is not chunked, or no longer. */
function breakChunk(stream: Stream, message: Message, from: usize, at: usize): void {
	note(message, ANOMALY_INVALID_CHUNK_SIZE);
	const before = stream.chunkLine;
	const kept = min<u32>(before, CHUNK_LINE_KEPT);
	message.wireBytes -= before;
	appendBody(message, changetype<usize>(stream) + offsetof<Stream>('chunkLine0'), kept);
	if (before != kept) addUnseenBody(message, before - kept, UNHELD_OTHER);
	if (at != from) addBody(message, from, <u32>(at - from));
	runOn(stream);
}

/** A whole size line of up to seven digits and nothing else; answers where reading goes on, `from` when it is another. */
function readPlainChunkSize(stream: Stream, message: Message, from: usize, end: usize): usize {
	const limit = min<usize>(end, from + 7);
	let size: u32 = 0;
	let at = from;
	while (at < limit) {
		const digit = hexValue(load<u8>(at));
		if (digit < 0) break;
		size = (size << 4) | digit;
		at++;
	}
	if (at == from || end - at < 2 || load<u16>(at) != 0x0a0d) return from;
	stream.chunkDigits = <u32>(at - from);
	stream.remaining = size;
	endChunkSize(stream, message, from, at + 2);
	return at + 2;
}

/** The size line, which ends with [from, at), is over: data follows, or trailers after the last chunk. */
function endChunkSize(stream: Stream, message: Message, from: usize, at: usize): void {
	if (stream.chunkDigits == 0) {
		breakChunk(stream, message, from, at);
		return;
	}
	takeFraming(stream, message, <u32>(at - from));
	if (stream.remaining == 0) {
		stream.state = IN_TRAILERS;
		lines.beginTrailers(stream, message);
	} else {
		stream.state = IN_CHUNK_DATA;
	}
}

/** Extensions are `;name` or `;name=value` (RFC 9112 section 7.1.1), where a value may be quoted. */
function checkExtension(stream: Stream, message: Message, from: usize, end: usize): void {
	let last = stream.chunkLast;
	let quoted = stream.chunkQuoted;
	for (let at = from; at < end; at++) {
		const byte = load<u8>(at);
		// CR may only be the one before LF.
		if (last == 13) note(message, ANOMALY_INVALID_CHUNK_EXTENSION);
		if (quoted) {
			if (byte == 34 && last != 92) quoted = false;
		} else if (byte == 34) {
			if (last != 61) note(message, ANOMALY_INVALID_CHUNK_EXTENSION);
			quoted = true;
		} else if (byte == 59 || byte == 61) {
			if (last == 59 || last == 61) note(message, ANOMALY_INVALID_CHUNK_EXTENSION);
		} else if (!isToken(byte) && !isSpace(byte) && byte != 13) {
			note(message, ANOMALY_INVALID_CHUNK_EXTENSION);
		} else if (byte == 13 && (last == 59 || last == 61)) {
			note(message, ANOMALY_INVALID_CHUNK_EXTENSION);
		}
		// A pair of backslashes is none that quotes.
		last = quoted && byte == 92 && last == 92 ? 0 : isSpace(byte) && !quoted ? last : byte;
	}
	stream.chunkLast = last;
	stream.chunkQuoted = quoted;
}

function endExtension(stream: Stream, message: Message): void {
	const last = stream.chunkLast;
	if (stream.chunkQuoted || last == 59 || last == 61) note(message, ANOMALY_INVALID_CHUNK_EXTENSION);
	stream.chunkQuoted = false;
}

const lastCr = memory.data<u8>([13]);

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
		if (stream.chunkState == 0) note(message, ANOMALY_BARE_LF);
		takeFraming(stream, message, 1);
		stream.state = IN_CHUNK_SIZE;
		beginChunk(stream);
		return from + 1;
	}
	note(message, ANOMALY_INVALID_CHUNK_END);
	if (stream.chunkState == 1) {
		// The CR before it is no line end.
		message.wireBytes--;
		appendBody(message, lastCr, 1);
	}
	runOn(stream);
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

// ---- Odd heads ------------------------------------------------------------------------------------------------------

/** The response begins with a line that cannot be read, and is the answer to the request that waits. */
function answerOddly(stream: Stream, message: Message): void {
	message.odd = true;
	message.placed = true;
	placeResponse(stream, message);
}

/** Such a line is complete; it ends at `offset` of the stream. */
function readOddLine(stream: Stream, message: Message, offset: u64): bool {
	lines.leavePlace(stream, message);
	if (!message.odd) answerOddly(stream, message);
	const start = mayBeOthers(stream) ? findStart(lines.base, lineEndOf(lines.base), true) : 0;
	if (start != 0 && skipSpace(lines.base, start) != start) {
		searchFrom(stream, message, start, offset);
		return false;
	}
	stream.started = true;
	stream.state = IN_FIELDS;
	message.damage = REASON_MALFORMED;
	note(message, ANOMALY_INVALID_STATUS);
	message.hasStatusText = !lines.cut;
	message.statusTextLength = message.headLength - 1;
	if (message.statusTextLength != 0 && load<u8>(message.head + message.statusTextLength - 1) == 13) message.statusTextLength--;
	return true;
}

/**
 * A line [at, end) after one that could not be read, up to `offset` of the stream. True: it is a field line, or an empty line
 * that ends a head. A good status line makes what was before it garbage. Anything else shows that all of it is body.
 */
function readOddHead(stream: Stream, message: Message, at: usize, end: usize, offset: u64): bool {
	const lineEnd = lineEndOf(at);
	if (lineEnd == at) {
		if (message.fieldCount != 0 || isStatusLike(message.head, message.head + message.headLength)) return true;
		keepAsBody(stream, message, 0);
		runOn(stream);
		return false;
	}
	if (findStart(at, lineEnd, true) != at) {
		if (isFieldLine(at, lineEnd, message.fieldCount != 0)) return true;
		keepAsBody(stream, message, 0);
		runOn(stream);
		return false;
	}
	const connection = stream.connection;
	if (connection.waiting == NO_EXCHANGE && connection.doubt == 0 && load<u8>(at, 9) != 49 && !stream.overflow) {
		forgetFields(message);
		message.damage = 0;
		note(message, ANOMALY_LEADING_GARBAGE);
		if (lineEnd == end) note(message, ANOMALY_BARE_LF);
		readStatusLine(message, at, lineEnd);
		message.statusText += <u32>(at - message.head);
		message.odd = false;
		return false;
	}
	if (mayBeOthers(stream)) {
		searchFrom(stream, message, at, offset);
	} else {
		keepAsBody(stream, message, 0);
		runOn(stream);
	}
	return false;
}

/** May a status line that follows be that of the response to another request? */
function mayBeOthers(stream: Stream): bool {
	return stream.connection.waiting != NO_EXCHANGE || stream.connection.doubt != 0;
}

/** The message is body up to `at`, where in the line taken last, which ends at `offset` of the stream, another may begin. */
function searchFrom(stream: Stream, message: Message, at: usize, offset: u64): void {
	const length = <u32>(lines.lineEnd + 1 - at);
	keepAsBody(stream, message, length);
	runOn(stream);
	keepSearchLine(stream, at, length, false, true);
	useKeptLine(stream, offset - length, true);
}

/** Where the line taken last ends, without its CR. */
function lineEndOf(at: usize): usize {
	return lines.lineEnd > at && load<u8>(lines.lineEnd - 1) == 13 ? lines.lineEnd - 1 : lines.lineEnd;
}

/** The line [base, end) is no request line, but what follows it may be the head of a request. */
function readOddRequest(stream: Stream, message: Message, base: usize, end: usize, kind: u32): void {
	if (kind == LINE_HTTP2) note(message, ANOMALY_UNSUPPORTED_VERSION);
	else if (kind != LINE_MALFORMED) readOddRequestLine(message, base, end);
	lines.leavePlace(stream, message);
	stream.started = true;
	stream.state = IN_FIELDS;
	message.odd = true;
	message.damage = REASON_MALFORMED;
}

/** A line [at, end) after it: see readOddHead. */
function readOddFields(stream: Stream, message: Message, at: usize, end: usize): bool {
	const lineEnd = lineEndOf(at);
	if (lineEnd == at) {
		if (message.methodLength != 0 || message.fieldCount != 0 || message.exchange != NO_EXCHANGE) return true;
		spillRequest(stream, message);
		stream.searchBlank = true;
		return false;
	}
	if (message.exchange == NO_EXCHANGE && !stream.overflow && findStart(at, lineEnd, false) == at) {
		beginRequestAt(message, message.head, at, lineEnd);
		message.odd = false;
		message.damage = stream.connection.suspected ? REASON_MALFORMED : 0;
		return false;
	}
	if (isFieldLine(at, lineEnd, message.fieldCount != 0)) return true;
	spillRequest(stream, message);
	return false;
}

/** It is no head. Whether it is a request all the same the other side's answer will tell. */
function spillRequest(stream: Stream, message: Message): void {
	keepAsBody(stream, message, 0);
	stream.skipped += message.wireBytes;
	beginSpill(stream);
	stream.garbage = true;
	stream.connection.stray = true;
	beginSearch(stream, false);
}

/** What was taken for a head is none: it is body, but for its last `less` bytes, which are not the message's. */
function keepAsBody(stream: Stream, message: Message, less: u32): void {
	const length = message.wireBytes - less;
	// A request line as far as it could be read stays one.
	const begun = message.head + message.headLength;
	const line: u32 = message.methodLength == 0 ? 0 : <u32>(min<usize>(findLineFeed(message.head, begun) + 1, begun) - message.head);
	const kept = <u32>min<u64>(message.headLength - line, length - line);
	const time = message.endTime;
	message.wireBytes = line;
	message.damage = REASON_MALFORMED;
	countHeadAsBody(message);
	appendBody(message, message.head + line, kept);
	if (length > line + kept) addUnseenBody(message, length - line - kept, UNHELD_OTHER);
	message.endTime = time;
	forgetFields(message);
	if (line == 0) message.targetLength = 0;
	note(message, message.isResponse ? ANOMALY_INVALID_STATUS : line == 0 ? ANOMALY_INVALID_METHOD : ANOMALY_INCOMPLETE_HEAD);
	message.headLength = line;
	message.hasStatusText = false;
	message.headed = true;
	message.unclear = true;
	stream.state = UNTIL_CLOSE;
}

// ---- Ends -----------------------------------------------------------------------------------------------------------

/** The current message has ended, as it should or with `damage` set. */
function endMessage(stream: Stream): void {
	const message = stream.message;
	stream.message = NO_MESSAGE;
	stream.state = AT_START;
	stream.guess = false;
	message.ended = true;
	message.reading = false;
	stream.closing = message.close || (message.version != 0 && message.version < 0x101 && !message.keepAlive && message.headed);
	if (message.exchange == NO_EXCHANGE) freeMessage(message);
	else exchanges.settle(message.exchange);
}

/** What was begun is not a message of a row: it is forgotten. */
function closeUnused(stream: Stream): void {
	const message = stream.message;
	stream.message = NO_MESSAGE;
	stream.state = AT_START;
	freeMessage(message);
}

/** Nothing says where the message ends. What follows is the rest of it, up to where the next one begins. */
function runOn(stream: Stream): void {
	const connection = stream.connection;
	const message = stream.message;
	const response = message.isResponse;
	message.damage = REASON_MALFORMED;
	message.unclear = true;
	// As long as nobody else is to be answered, the next response is one that comes after the client has asked again.
	if (response && message.exchange != NO_EXCHANGE && connection.doubt == 0 && connection.waiting == NO_EXCHANGE) {
		stream.state = UNTIL_CLOSE;
		return;
	}
	const begun = message.wireBytes;
	beginSpill(stream);
	stream.closing = false;
	connection.unreadable = true;
	if (response) alignment.loseResponses(connection, 0, false, begun);
	else alignment.loseRequests(connection, 0, false, begun);
	alignment.sizeNothing(connection, response, begun);
	beginSearch(stream, false);
}

/** Bytes are missing where the framing needs them: what is begun ends here, and the next head has to be found. */
function loseFraming(stream: Stream, length: u64, lost: bool): void {
	endSimple(stream);
	const connection = stream.connection;
	const message = stream.message;
	if (stream.role == 0) roleByConnection(stream);
	// A request of which not even the first line is there is lost as a whole.
	const unread = message != NO_MESSAGE && !message.isResponse && !stream.started && message.exchange == NO_EXCHANGE;
	const one = message == NO_MESSAGE ? stream.state == AT_START : unread;
	const begun = message == NO_MESSAGE ? <u64>0 : message.wireBytes;
	connection.holed = true;
	if (message != NO_MESSAGE) {
		if (lost) message.lostBytes += length;
		if (message.damage == 0 || !message.unclear) message.damage = REASON_BYTES_LOST;
		if (message.odd && !message.headed && message.isResponse) keepAsBody(stream, message, 0);
		if (!message.headed) closeDamagedHead(stream, message);
		if (stream.message != NO_MESSAGE) endMessage(stream);
	}
	// Placing what is left of a response may just have made everything before it certain.
	connection.holed = true;
	endSpill(stream);
	if (stream.role != CARRIES_REQUESTS) alignment.loseResponses(connection, length, one, begun);
	if (stream.role != CARRIES_RESPONSES) alignment.loseRequests(connection, length, one, begun);
	beginSearch(stream, true);
}

/** A head of which a part is missing makes a row when its start line was read. */
function closeDamagedHead(stream: Stream, message: Message): void {
	if (stream.tentative) {
		stream.skipped += message.wireBytes;
		spillHead(stream, message, message.wireBytes);
		closeUnused(stream);
		return;
	}
	note(message, ANOMALY_INCOMPLETE_HEAD);
	if (message.exchange != NO_EXCHANGE) {
		if (stream.started && !stream.overflow) message.headLength = stream.lineStart;
		return;
	}
	if (!stream.started && !message.isResponse) {
		closeUnused(stream);
		return;
	}
	if (stream.started) {
		if (!stream.overflow) message.headLength = stream.lineStart;
		unfold(message, 0);
	} else if (stream.overflow) {
		message.headLength = 0;
	} else {
		readBegunStatus(message);
	}
	if (message.isResponse) placeResponse(stream, message);
	else beginRow(stream, message);
}

/** A status line without an end: a status behind which a space stands is whole; else the line is shown as it came. */
function readBegunStatus(message: Message): void {
	const anomalies = message.anomalies;
	const length = message.headLength;
	readStatusLine(message, message.head, message.head + length);
	if (message.hasStatusText) return;
	message.anomalies = anomalies;
	message.version = 0;
	message.status = 0;
	message.hasStatusText = length != 0;
	message.statusText = 0;
	message.statusTextLength = length;
}

/** A response goes out as a whole without being seen: a row without a status. */
function beginUnreadable(stream: Stream): bool {
	const connection = stream.connection;
	const exchange = connection.waiting;
	if (stream.role != CARRIES_RESPONSES || exchange == NO_EXCHANGE) return false;
	if (connection.abandoned != 0 || connection.doubt != 0) return false;
	const message = openMessage(stream, true);
	if (message == NO_MESSAGE) return false;
	note(message, ANOMALY_OPAQUE_RESPONSE);
	message.damage = REASON_HEAD_NOT_CAPTURED;
	connection.responsesBegun++;
	exchanges.bindResponse(exchange, message);
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
	countSkipped(stream);
	endStreamMessage(stream, reason, orderly);
	// What may still be answered is kept.
	if (stream.spill != NO_MESSAGE && !stream.spill.isResponse && !stream.spill.hadRow) stream.spill.ended = true;
	else endSpill(stream);
}

function endStreamMessage(stream: Stream, reason: i32, orderly: bool): void {
	endSimple(stream);
	const message = stream.message;
	if (message == NO_MESSAGE) return;
	const state = stream.state;
	if (state == UNREADABLE || (state == UNTIL_CLOSE && orderly)) {
		endMessage(stream);
		return;
	}
	if (message.odd && !message.headed && message.exchange == NO_EXCHANGE && !message.isResponse) {
		if (!stream.started) readOddRequestLine(message, message.head, message.head + message.headLength);
		spillRequest(stream, message);
		return;
	}
	if (message.odd && !message.headed && message.isResponse) keepAsBody(stream, message, 0);
	else if (message.expectContinue && message.bodyBytes == 0 && state == IN_LENGTH) note(message, ANOMALY_BODY_NOT_SENT);
	else if (message.damage == 0) message.damage = reason;
	if (!message.headed) closeUnfinishedHead(stream, message);
	if (stream.message != NO_MESSAGE) endMessage(stream);
}

/** The stream ends in the middle of a head: what there is of it makes a row. */
function closeUnfinishedHead(stream: Stream, message: Message): void {
	if (stream.started || stream.tentative || message.isResponse) {
		closeDamagedHead(stream, message);
		return;
	}
	// Not even a line: a row only when it can be nothing else.
	if (message.exchange != NO_EXCHANGE) return;
	const connection = stream.connection;
	if (!connection.recognised && !suspect(stream, message.head, message.head + message.headLength)) closeUnused(stream);
	else if (readBegunLine(message)) beginRow(stream, message);
	else if (connection.doubt != 0) closeUnused(stream);
	else spillRequest(stream, message);
}

// ---- After damage ---------------------------------------------------------------------------------------------------

/** `lost`: because of a loss, so that what is passed over counts as loss. */
function beginSearch(stream: Stream, lost: bool): void {
	stream.state = SEARCHING;
	stream.leading = 0;
	stream.forced = false;
	stream.searchLost = lost;
	stream.searchResponses = stream.connection.responsesBegun;
	clearSearch(stream);
}

function countSkipped(stream: Stream): void {
	if (stream.skipped != 0 && stream.searchLost) loss.count(LOSS_DECODE_GAP, 1, stream.skipped);
	stream.skipped = 0;
}

/** Looks for the next head in [from, end), one line at a time. */
function search(stream: Stream, from: usize, end: usize): usize {
	if (stream.role == 0) roleByConnection(stream);
	const response = stream.role == CARRIES_RESPONSES || (stream.role == 0 && begins(from, end, 'HTTP/', false));
	const first = stream.next == call.startOffset;
	if (response && first && !mayExpect(stream) && mayBeStart(from, end, true)) return WAIT;
	const feedAt = findLineFeed(from, end);
	const next = feedAt == end ? end : feedAt + 1;
	if (feedAt == end || stream.searchLength != 0) {
		keepSearchLine(stream, from, <u32>(next - from), first, response);
		spillBytes(stream, from, <u32>(next - from));
		if (feedAt == end || stream.search == 0) {
			stream.skipped += next - from;
			return next;
		}
		const length = stream.searchLength;
		// Counted by who looks at the whole line: its earlier pieces were counted when they came.
		stream.skipped += <u64>(next - from) - length;
		unspill(stream, length);
		return useSearchLine(stream, stream.search, stream.search + length - 1, next, response);
	}
	stream.searchOffset = stream.next;
	stream.searchTime = call.time;
	stream.searchCall = first;
	stream.searchForced = stream.forced;
	return useSearchLine(stream, from, feedAt, next, response);
}

/** The line [at, feedAt) and its LF: a head begins in it, or it is passed over. Answers `next`. */
function useSearchLine(stream: Stream, at: usize, feedAt: usize, next: usize, response: bool): usize {
	const end = feedAt > at && load<u8>(feedAt - 1) == 13 ? feedAt - 1 : feedAt;
	const start = findStart(at, end, response);
	if (start == 0 || !mayStand(stream, start == at, response) || !openFound(stream, start, feedAt + 1, start == at, response)) {
		stream.skipped += feedAt + 1 - at;
		spillBytes(stream, at, <u32>(feedAt + 1 - at));
		if (!response && stream.searchLost) alignment.passRequest(stream.connection);
		passSearchLine(stream, end == at);
		return next;
	}
	stream.skipped += start - at;
	spillBytes(stream, at, <u32>(start - at));
	stream.searchLength = 0;
	return next;
}

/** Is a response possible now? */
function mayExpect(stream: Stream): bool {
	const connection = stream.connection;
	return alignment.mayBeAnswered(connection) || alignment.mayBeUnseen(connection) || stream.forced;
}

/**
 * Is what looks like a start line believed? `atLine`: it begins its line. A response needs a request that waits; when
 * requests may not have been seen, or none came for a while, it must at least begin a call. A request must begin a call, or follow an empty line
 * (the end of a head before it), or come after a response has begun: then the message in which the search began is over.
 */
function mayStand(stream: Stream, atLine: bool, response: bool): bool {
	const connection = stream.connection;
	const beginsCall = atLine && stream.searchCall;
	if (response) {
		return alignment.mayBeAnswered(connection) || (beginsCall && (stream.searchForced || alignment.mayBeUnseen(connection)));
	}
	return beginsCall || (atLine && stream.searchBlank) || connection.responsesBegun != stream.searchResponses;
}

/** Takes [start, end), a start line, for the beginning of a head until a line shows otherwise. */
function openFound(stream: Stream, start: usize, end: usize, atLine: bool, response: bool): bool {
	if (stream.role == 0) setRole(stream, response ? CARRIES_RESPONSES : CARRIES_REQUESTS);
	// What could not be read on may have had nothing after it.
	if (atLine && stream.skipped == 0) stream.garbage = false;
	const message = openMessage(stream, response);
	if (message == NO_MESSAGE) return false;
	if (atLine) {
		message.startOffset = stream.searchOffset;
		// Its first bytes came before: how long nothing had come then was not noted.
		if (message.startTime != stream.searchTime) message.silence = 0;
		message.startTime = stream.searchTime;
	}
	stream.tentative = true;
	lines.beginHead(stream, 0);
	lines.takeLine(stream, message, start, end);
	readStartLine(stream, message, stream.next);
	return true;
}

/** The head that was found is one: what was passed over is settled. */
function acceptTentative(stream: Stream): void {
	if (!stream.tentative) return;
	stream.tentative = false;
	endSpill(stream);
	if (stream.searchLost) {
		alignment.addSkipped(stream.connection, stream.skipped, stream.message.isResponse);
	}
	countSkipped(stream);
}

/** The line [at, end) shows that what was found is no head. It may itself begin one. */
function rejectHead(stream: Stream, message: Message, at: usize, end: usize, offset: u64): void {
	const length = <u32>(lines.lineEnd + 1 - at);
	const response = message.isResponse;
	stream.skipped += message.wireBytes - length;
	spillHead(stream, message, message.wireBytes - length);
	if (message.anomalies & ((<u64>1) << ANOMALY_LEADING_GARBAGE)) stream.garbage = true;
	stream.tentative = false;
	clearSearch(stream);
	keepSearchLine(stream, at, length, false, response);
	closeUnused(stream);
	stream.state = SEARCHING;
	useKeptLine(stream, offset - length, response);
}

/** The line that is kept, which lies at `offset` of the stream, was read for something else: a head may begin in it. */
function useKeptLine(stream: Stream, offset: u64, response: bool): void {
	stream.searchOffset = offset;
	stream.searchTime = call.time;
	if (stream.search == 0) return;
	useSearchLine(stream, stream.search, stream.search + stream.searchLength - 1, 1, response);
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
	if (position < 14) {
		keepPreamble(stream, position, from, 1);
		return from + 1;
	}
	if (position < 16) {
		keepPreamble(stream, position, from, 1);
		stream.remaining = (stream.remaining << 8) | byte;
		if (position == 15 && stream.remaining == 0) stream.state = AT_START;
		return from + 1;
	}
	const length = <u32>min<u64>(stream.remaining, end - from);
	keepPreamble(stream, position, from, length);
	stream.remaining -= length;
	if (stream.remaining == 0) {
		const connection = stream.connection;
		const kept = min<u32>(position + length - PREAMBLE_KIND_AT, PREAMBLE_KEPT);
		if (stream.search != 0 && stream == connection.incoming) {
			learnToldBytes(connection, stream.search, stream.search + kept);
		}
		release(stream.search);
		stream.search = 0;
		stream.state = AT_START;
		stream.leading = 0;
	}
	return from + length;
}

/** Keeps what of the preamble names the client, where the line being searched lies else. */
function keepPreamble(stream: Stream, position: u32, from: usize, length: u32): void {
	const at = position - PREAMBLE_KIND_AT;
	if (at >= PREAMBLE_KEPT || !makeSearchRoom(stream)) return;
	copyBytes(stream.search + at, from, min<u32>(length, PREAMBLE_KEPT - at));
}

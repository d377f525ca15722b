// Heads of HTTP/1: start lines and fields, and what they say about the body.
import { beginChunk } from '../http1/chunks';
import * as framer from '../http1/framer';
import {
	LINE_HTTP,
	LINE_HTTP2,
	LINE_MALFORMED,
	LINE_OTHER,
	LINE_SIMPLE,
	UPGRADE_HTTP2,
	UPGRADE_WEBSOCKET,
	beginRequestAt,
	fieldAfterBareCr,
	forgetHead,
	isFieldLine,
	isKnownMethod,
	readCutRequestLine,
	readField,
	readRequestLine,
	readStatusLine,
	readVersion,
	storeHead,
	trimCr,
	unfold,
} from '../http1/head';
import { lineEndOf } from '../http1/lines';
import * as lines from '../http1/lines';
import { clearSearch, findStart, fitsSearch, keepSearchLine, mayBeStart } from '../http1/resync';
import { isVisible, mayBeRequest } from '../http1/starts';
import { IN_FIELDS, IN_LENGTH, IN_PREAMBLE, IN_TRAILERS, SEARCHING, UNTIL_CLOSE } from '../http1/states';
import { note } from '../memory/anomalies';
import { begins, hasOther, skipSpace } from '../memory/bytes';
import { CARRIES_RESPONSES, NO_EXCHANGE, NO_MESSAGE, NO_STREAM, Connection, Exchange, Message, Stream } from '../memory/state';
import { learnToldText } from '../rows/addresses';
import { protocolOf } from '../rows/blind-spots';
import * as exchanges from '../rows/exchanges';
import * as call from '../wire/call';
import { HEAD, LINE } from '../wire/frame';
import {
	ANOMALY_BARE_CR,
	ANOMALY_BARE_LF,
	ANOMALY_CONTENT_LENGTH_AND_TRANSFER_ENCODING,
	ANOMALY_HTTP09,
	ANOMALY_INCOMPLETE_HEAD,
	ANOMALY_INVALID_TRANSFER_ENCODING,
	ANOMALY_LEADING_CRLF,
	ANOMALY_LEADING_GARBAGE,
	ANOMALY_MISSING_HOST,
	ANOMALY_TRANSFER_ENCODING_IN_HTTP10,
	ANOMALY_UNENDED_TRAILERS,
	ANOMALY_UNEXPECTED_FRAMING,
	ANOMALY_UNKNOWN_TRANSFER_CODING,
	ANOMALY_UNSUPPORTED_VERSION,
	PROTOCOL_HTTP2,
	PROTOCOL_OTHER,
	PROTOCOL_WEBSOCKET,
	REASON_MALFORMED,
} from '../wire/output-layout';
import * as alignment from './alignment';
import {
	acceptTentative,
	beginRow,
	beginSearch,
	closeUnused,
	endMessage,
	hasAskedAgain,
	keepAsBody,
	mayStart,
	openMessage,
	placeResponse,
	runOn,
	searchKept,
} from './http1-messages';
import { goesOn, readOddFields, readOddHead, readOddLine, readOddRequest, startOdd, turnOdd } from './http1-odd';
import { beginsHttp2, upgradeToHttp2 } from './http2-start';
import { clearStream, setOpaque, takeBack } from './opaque';
import { beginOther, chooseRole, disprove, mayBeResponse, mayProve, prove, suspect } from './recognition';
import { spillHead } from './spill';
import { beginTalk } from './websocket';

/** Returned by a reader that has to wait. */
export const WAIT: usize = 0;

/** Handles the first byte of a message; returns where reading continues, or WAIT if the stream has to wait. */
export function startMessage(stream: Stream, from: usize, end: usize): usize {
	let at = from;
	while (at < end && (load<u8>(at) == 13 || load<u8>(at) == 10)) at++;
	if (at != from) {
		// Some clients send a line end after a body (RFC 9112 section 2.2).
		stream.leading += <u32>(at - from);
		return at;
	}
	const connection = stream.connection;
	if (connection.wrapped) stream.helloAt = stream.next;
	if (!connection.recognised && beginsHttp2(stream, at, end)) return at;
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
	const likely = response
		? mayBeResponse(connection, at, end)
		: mayBeRequest(at, end) || (connection.recognised && isVisible(load<u8>(at)));
	if (!likely) return startOdd(stream, at, end);
	const message = openMessage(stream, response);
	if (message == NO_MESSAGE) {
		loseMessage(stream, response);
		return at;
	}
	message.beganCall = stream.next == call.startOffset;
	lines.beginHead(stream, at);
	if (stream.leading != 0 && !response) note(message, ANOMALY_LEADING_CRLF);
	stream.leading = 0;
	return at;
}

/** There is no memory for the message that begins: it is lost, and with it whatever comes before the next head. */
function loseMessage(stream: Stream, response: bool): void {
	const connection = stream.connection;
	connection.holed = true;
	if (response) alignment.loseResponses(connection, 0, true, 0);
	else alignment.loseRequests(connection, 0, true, 0);
	beginSearch(stream, true);
}

/** Reads lines of a head or of trailers from [from, end). */
export function readHead(stream: Stream, from: usize, end: usize): usize {
	const message = stream.message;
	let at = from;
	if (message.odd && !message.isResponse) {
		// The line is read once it is complete.
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
		at = framer.readLines(stream, message, at, end);
		if (framer.answer == HEAD) {
			finishHead(stream, message);
			return at;
		}
		if (framer.answer == LINE && !readLine(stream, message, at - from)) return at;
	}
	lines.leavePlace(stream, message);
	return at;
}

/** Handles a line that the framer cannot judge; false if no more lines follow. */
function readLine(stream: Stream, message: Message, taken: usize): bool {
	const at = lines.lineStart;
	let end = lines.lineEnd;
	const offset = stream.next + taken;
	if (!stream.started) {
		return message.odd && message.isResponse ? readOddLine(stream, message, offset) : readStartLine(stream, message, offset);
	}
	if (message.http09 && !readAfterSimple(stream, message, at, end, offset)) return false;
	if (message.odd && stream.state != IN_TRAILERS) {
		const goesOn = message.isResponse ? readOddHead(stream, message, at, end, offset) : readOddFields(stream, message, at, end);
		if (!goesOn) return false;
	}
	end = framer.trimLine(message);
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

/** Whether the line, among trailers, is the start line of the next message. No field name can begin like one. */
function beginsNext(stream: Stream, message: Message, at: usize, end: usize): bool {
	if (lines.bareCr || lines.truncated || !fitsSearch(<u32>(lines.lineEnd + 1 - at))) return false;
	return findStart(at, end, message.isResponse) == at && mayStart(stream);
}

/**
 * The trailers end without an empty line: the line at `at`, which ends at `offset` of the stream, belongs to the next
 * message.
 */
function endTrailers(stream: Stream, message: Message, at: usize, offset: u64): void {
	const length = <u32>(lines.lineEnd + 1 - at);
	const response = message.isResponse;
	// The record's copy of the line goes away with the message.
	clearSearch(stream);
	keepSearchLine(stream, at, length, false, response);
	message.wireBytes -= length;
	if (!stream.overflow) message.headLength = <u32>(at - message.head);
	unfold(message, stream.firstTrailer);
	note(message, ANOMALY_UNENDED_TRAILERS);
	endMessage(stream);
	const next = stream.search == 0 ? NO_MESSAGE : openMessage(stream, response);
	if (next == NO_MESSAGE) {
		loseMessage(stream, response);
		return;
	}
	next.startOffset = offset - length;
	stream.searchLength = 0;
	lines.beginHead(stream, 0);
	lines.takeLine(stream, next, stream.search, stream.search + length);
	readStartLine(stream, next, offset);
}

export function readStartLine(stream: Stream, message: Message, offset: u64): bool {
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
			// A bare CR may have ended the line, with a field line after it.
			field = stream.tentative ? end : fieldAfterBareCr(base, end);
			if (field != end) {
				message.anomalies = before | ((<u64>1) << ANOMALY_BARE_CR);
				kind = readLineOf(message, base, field - 1);
			}
		}
	}
	if (stream.overflow) forgetHead(message);
	const connection = stream.connection;
	if (message.isResponse && connection.suspected && (kind == LINE_HTTP || kind == LINE_MALFORMED)) prove(connection);
	if (kind != LINE_HTTP && kind != LINE_SIMPLE && !message.isResponse && !lines.cut) {
		// Its end may be a request line.
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
		if (field != end) readField(message, base, field, end, false, !stream.overflow);
		return true;
	}
	if (kind == LINE_MALFORMED && message.isResponse) return readOddLine(stream, message, offset);
	leaveStartLine(stream, message, base, end, kind);
	return false;
}

function readLineOf(message: Message, base: usize, end: usize): u32 {
	return message.isResponse ? readStatusLine(message, base, end) : readRequestLine(message, base, end);
}

/** Reads a start line of which only the beginning and the last bytes were kept. */
function readCutLine(message: Message, base: usize, kept: usize): u32 {
	let end = lines.tailEnd;
	if (load<u8>(end - 1) == 13) end--;
	else note(message, ANOMALY_BARE_LF);
	if (message.isResponse) return readStatusLine(message, base, kept);
	const version = readVersion(end - 8, end);
	return version >= 0 && readCutRequestLine(message, base, kept, <u32>version) ? LINE_HTTP : LINE_OTHER;
}

/** The start line is not HTTP/1, so no head follows. */
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
			// Version 1 of the PROXY protocol is one line.
			connection.wrapped = true;
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
		// HTTP/0.9 has one request per connection: its server does not read what follows.
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
		// GET is the only method of HTTP/0.9.
		if (message.methodLength != 3 || !begins(base + message.method, end, 'GET', false)) message.damage = REASON_MALFORMED;
		beginRow(stream, message);
		stream.started = true;
		stream.state = IN_FIELDS;
		return;
	}
	// Its line came in pieces, so the message has the head.
	if (message.isResponse) placeResponse(stream, message);
	else beginRow(stream, message);
	runOn(stream);
}

/**
 * Reads a line [at, end), which ends at `offset` of the stream, after a request of HTTP/0.9. Returns true if it is a
 * field line: then the request is an HTTP/1 request without a version. Otherwise the server does not read the line.
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
	searchKept(stream, offset - length);
	return false;
}

/** Whether it is a request line with an error, followed by its fields. */
function isBroken(stream: Stream, message: Message, base: usize, kind: u32): bool {
	if (kind != LINE_MALFORMED || message.isResponse) return false;
	if (stream.connection.recognised) return true;
	// A first line that only has a version of HTTP does not make a row; one that is a request except for its method does.
	const method = base + message.method;
	const methodEnd = method + message.methodLength;
	return message.targetLength == 0 ? isKnownMethod(method, methodEnd) : !hasOther(method, methodEnd);
}

function isSimple(exchange: Exchange): bool {
	return exchange.request != NO_MESSAGE && exchange.request.http09;
}

/** The empty line after the head has arrived. */
function finishHead(stream: Stream, message: Message): void {
	const base = stream.inPlace != 0 ? stream.inPlace : message.head;
	storeHead(message, base, lines.headLength(stream, message));
	message.headed = true;
	acceptTentative(stream);
	if (message.odd) message.anomalies &= ~((<u64>1) << ANOMALY_INCOMPLETE_HEAD);
	if (message.isResponse) finishResponseHead(stream, message);
	else finishRequestHead(stream, message);
}

function finishRequestHead(stream: Stream, message: Message): void {
	if (message.version == 0x101 && !message.hasHost) note(message, ANOMALY_MISSING_HOST);
	beginRow(stream, message);
	noteFraming(message);
	if (message.isConnect) {
		endMessage(stream);
	} else if (message.hasCoding && message.chunked) {
		beginChunk(stream);
	} else if (message.otherCoding || message.badLength || message.conflictingLength) {
		// RFC 9112 section 6.3: the length is unknown, and a server refuses the message.
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
		beginChunk(stream);
	} else if (message.otherCoding || message.conflictingLength || message.badLength) {
		runOn(stream);
	} else if (message.hasLength) {
		stream.state = IN_LENGTH;
		stream.remaining = message.contentLength;
		if (stream.remaining == 0) endMessage(stream);
	} else if (status == 205) {
		// No content by definition (RFC 9110 section 15.3.6); servers omit the length.
		endMessage(stream);
	} else if (message.odd) {
		runOn(stream);
	} else {
		// An unknown coding may define a length in its own way.
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

/** CONNECT was accepted: the next bytes show what follows, as at the beginning of a connection. */
function beginTunnel(connection: Connection, exchange: Exchange): void {
	connection.tunnel = true;
	connection.wrapped = true;
	connection.recognised = false;
	if (connection.incoming != NO_STREAM) clearStream(connection.incoming);
	if (connection.outgoing != NO_STREAM) clearStream(connection.outgoing);
	exchanges.settle(exchange);
}

/** After 101, neither direction carries HTTP/1. */
function goOver(connection: Connection, exchange: Exchange, protocol: i32): void {
	if (protocol == PROTOCOL_HTTP2 && exchange != NO_EXCHANGE && upgradeToHttp2(connection, exchange)) return;
	if (protocol == PROTOCOL_WEBSOCKET && beginTalk(connection, exchange)) return;
	setOpaque(connection, protocol);
	if (exchange != NO_EXCHANGE) exchanges.settle(exchange);
}

/** The line [at, end) shows that the supposed head is not one. The line itself may begin a head. */
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
	searchKept(stream, offset - length);
}

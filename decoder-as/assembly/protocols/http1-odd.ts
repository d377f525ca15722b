// Odd heads: bytes that are not a head, where a request or an answer should begin. They may still be a request or an
// answer, and are shown as far as they can be read.
import {
	LINE_HTTP2,
	LINE_MALFORMED,
	beginRequestAt,
	forgetFields,
	isFieldLine,
	isStatusLike,
	readOddRequestLine,
	readStatusLine,
} from '../http1/head';
import { lineEndOf } from '../http1/lines';
import * as lines from '../http1/lines';
import { findStart, keepSearchLine } from '../http1/resync';
import { IN_FIELDS, UNTIL_CLOSE } from '../http1/states';
import { note } from '../memory/anomalies';
import { begins, copyBytes, skipSpace } from '../memory/bytes';
import {
	CARRIES_REQUESTS,
	CARRIES_RESPONSES,
	NO_EXCHANGE,
	NO_MESSAGE,
	Connection,
	Exchange,
	Message,
	Stream,
} from '../memory/state';
import * as exchanges from '../rows/exchanges';
import { addBody } from '../rows/messages';
import * as call from '../wire/call';
import {
	ANOMALY_BARE_LF,
	ANOMALY_HTTP09,
	ANOMALY_INVALID_STATUS,
	ANOMALY_LEADING_GARBAGE,
	ANOMALY_UNSUPPORTED_VERSION,
	REASON_MALFORMED,
} from '../wire/output-layout';
import * as alignment from './alignment';
import {
	beginSearch,
	closeUnused,
	endSimple,
	keepAsBody,
	openMessage,
	placeResponse,
	runOn,
	searchKept,
	spillRequest,
} from './http1-messages';
import { takeBack } from './opaque';
import { beginOther, disprove, suspect } from './recognition';

/** Handles bytes that are not a head where one should begin. */
export function startOdd(stream: Stream, at: usize, end: usize): usize {
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
			// Only on the first exchange: an earlier one proves that the connection is HTTP.
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

/** Maximum length of the first bytes of a response that arrived alone. */
const BEGUN_MOST: u32 = 8;

const begunBytes = memory.data(8);

/**
 * The first bytes, too few to contain `HTTP/`, may begin a status line. Returns whether [from, end) continues it.
 */
export function goesOn(message: Message, from: usize, end: usize): bool {
	const begun = message.headLength;
	const fresh = min<u32>(<u32>(end - from), BEGUN_MOST - begun);
	copyBytes(begunBytes, message.head, begun);
	copyBytes(begunBytes + begun, from, fresh);
	const begunEnd = begunBytes + begun + fresh;
	return isStatusLike(begunBytes, begunEnd) || begins(begunBytes, begunEnd, 'ICY ', true);
}

/** [from, end) does not continue it: reads the response as startOdd would have read all these bytes together. */
export function turnOdd(stream: Stream, message: Message): void {
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

/** HTTP/0.9: the response consists of its body. */
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
 * Whether bytes that are not a head still answer `exchange`. If they arrived before the request, or in a call that
 * began with the previous response, they belong to that response (its length was wrong, or it should have had no
 * body). They are the answer if no other request waits, or nothing has been answered yet. Otherwise it is unknown
 * what they are.
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

/**
 * Whether it is an answer in the Redis protocol: then the request was an inline command of Redis, which looks like
 * HTTP/0.9.
 */
function isRedis(at: usize, end: usize): bool {
	const first = load<u8>(at);
	const second = end - at > 1 ? load<u8>(at, 1) : 0;
	// `$`, `*`, `:` and a number, `+` and `-` and a word.
	if (first == 36 || first == 42 || first == 58) return second == 45 || (second >= 48 && second <= 57);
	return (first == 43 || first == 45) && second >= 65 && second <= 90;
}

/** The response begins with an unreadable line and answers the waiting request. */
function answerOddly(stream: Stream, message: Message): void {
	message.odd = true;
	message.placed = true;
	placeResponse(stream, message);
}

/** An unreadable line is complete; it ends at `offset` of the stream. */
export function readOddLine(stream: Stream, message: Message, offset: u64): bool {
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
 * Reads a line [at, end), which ends at `offset` of the stream, after an unreadable one. Returns true if it is a
 * field line, or an empty line that ends a head. A valid status line makes everything before it garbage. Anything
 * else shows that all of it is body.
 */
export function readOddHead(stream: Stream, message: Message, at: usize, end: usize, offset: u64): bool {
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

/** Whether a following status line may belong to the response to another request. */
function mayBeOthers(stream: Stream): bool {
	return stream.connection.waiting != NO_EXCHANGE || stream.connection.doubt != 0;
}

/** Everything before `at` is body. Another message may begin at `at`, in the line taken last, which ends at `offset`. */
function searchFrom(stream: Stream, message: Message, at: usize, offset: u64): void {
	const length = <u32>(lines.lineEnd + 1 - at);
	keepAsBody(stream, message, length);
	runOn(stream);
	keepSearchLine(stream, at, length, false, true);
	searchKept(stream, offset - length);
}

/** The line [base, end) is not a request line, but the rest of a request's head may follow. */
export function readOddRequest(stream: Stream, message: Message, base: usize, end: usize, kind: u32): void {
	if (kind == LINE_HTTP2) note(message, ANOMALY_UNSUPPORTED_VERSION);
	else if (kind != LINE_MALFORMED) readOddRequestLine(message, base, end);
	lines.leavePlace(stream, message);
	stream.started = true;
	stream.state = IN_FIELDS;
	message.odd = true;
	message.damage = REASON_MALFORMED;
}

/** Reads a line [at, end) after it: see readOddHead. */
export function readOddFields(stream: Stream, message: Message, at: usize, end: usize): bool {
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

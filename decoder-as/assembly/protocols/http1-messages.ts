// The messages of an HTTP/1 stream: each is opened, gets its row or its request, and ends. If a message cannot be read
// further, it ends here too, and the search for the next head begins.
import { forgetFields, readBegunLine, readBegunStatus, readOddRequestLine, unfold } from '../http1/head';
import { clearSearch } from '../http1/resync';
import { AT_START, IN_START_LINE, SEARCHING, UNREADABLE, UNTIL_CLOSE } from '../http1/states';
import { note } from '../memory/anomalies';
import { findLineFeed } from '../memory/bytes';
import { countHeadAsBody } from '../memory/carried';
import { CHECKED } from '../memory/checks';
import { last } from '../memory/loss';
import * as loss from '../memory/loss';
import { CARRIES_RESPONSES, NO_EXCHANGE, NO_MESSAGE, NO_STREAM, Connection, Exchange, Message, Stream } from '../memory/state';
import * as exchanges from '../rows/exchanges';
import { endWatched } from '../rows/items';
import { addUnseenBody, appendBody, beginMessage, freeMessage } from '../rows/messages';
import { askSocket } from '../rows/questions';
import { firstPendingTime } from '../tables/pending';
import * as call from '../wire/call';
import { LOSS_DECODE_GAP } from '../wire/capture-event';
import {
	ANOMALY_AFTER_CLOSE,
	ANOMALY_INCOMPLETE_HEAD,
	ANOMALY_INVALID_METHOD,
	ANOMALY_INVALID_STATUS,
	ANOMALY_LEADING_GARBAGE,
	PROTOCOL_HTTP1,
	REASON_MALFORMED,
	UNHELD_OTHER,
} from '../wire/output-layout';
import * as alignment from './alignment';
import { noteBeginning } from './silence';
import { beginSpill, endSpill, spillHead } from './spill';

/**
 * Whether the next message may begin now. A response waits for its request, bytes after CONNECT or Upgrade wait for
 * the answer.
 */
export function mayStart(stream: Stream): bool {
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

/** Whether the client sent something that may be a request and was not answered. */
function hasOddRequest(connection: Connection): bool {
	const requests = connection.requests;
	if (requests == NO_STREAM || connection.doubt != 0) return false;
	const message = requests.spill != NO_MESSAGE ? requests.spill : requests.message;
	return message != NO_MESSAGE && !message.hadRow && (message.odd || message.unclear);
}

/** A response arrives before any request is complete: it answers the one that has begun, if any. */
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

export function openMessage(stream: Stream, response: bool): Message {
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

/** The request gets its row. */
export function beginRow(stream: Stream, message: Message): void {
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
		alignment.dropRequest(connection, message);
	}
	askSocket(connection);
}

/** Gives the response to the request it answers, as far as that is known; NO_EXCHANGE if it is to be dropped. */
export function placeResponse(stream: Stream, message: Message): Exchange {
	const connection = stream.connection;
	if (connection.protocol == 0) connection.protocol = PROTOCOL_HTTP1;
	const exchange = alignment.placeResponse(connection, message);
	endSimple(connection.requests);
	askSocket(connection);
	const request = exchange == NO_EXCHANGE ? NO_MESSAGE : exchange.request;
	// Even an incomplete request line may have been answered.
	if (request != NO_MESSAGE && request.ended && !request.headed && request.fieldCount == 0) request.damage = REASON_MALFORMED;
	return exchange;
}

/** Whether the client has sent another request since a response of unknown length began. */
export function hasAskedAgain(stream: Stream): bool {
	const message = stream.message;
	const waiting = stream.connection.waiting;
	return (message.unclear || message.odd) && waiting != NO_EXCHANGE && waiting.request.startTime >= message.startTime;
}

/** The current message has ended, properly or with `damage` set. */
export function endMessage(stream: Stream): void {
	const message = stream.message;
	stream.message = NO_MESSAGE;
	stream.state = AT_START;
	stream.guess = false;
	message.ended = true;
	message.reading = false;
	endWatched(message);
	stream.closing = message.close || (message.version != 0 && message.version < 0x101 && !message.keepAlive && message.headed);
	if (message.exchange == NO_EXCHANGE) freeMessage(message);
	else exchanges.settle(message.exchange);
}

/** Drops a message that has no row. */
export function closeUnused(stream: Stream): void {
	const message = stream.message;
	stream.message = NO_MESSAGE;
	stream.state = AT_START;
	freeMessage(message);
}

/** Ends a request of HTTP/0.9; everything after it is ignored. */
export function endSimple(stream: Stream): void {
	if (stream == NO_STREAM || stream.message == NO_MESSAGE || !stream.message.http09) return;
	if (!stream.overflow) stream.message.headLength = stream.lineStart;
	endMessage(stream);
}

/** The end of the message is unknown: everything up to the next head belongs to it. */
export function runOn(stream: Stream): void {
	const connection = stream.connection;
	const message = stream.message;
	const response = message.isResponse;
	message.damage = REASON_MALFORMED;
	message.unclear = true;
	// As long as no other request waits, the next response can only come after the client has asked again.
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

/** Makes a supposed head the spill: the answer will show whether it is a request. */
export function spillRequest(stream: Stream, message: Message): void {
	keepAsBody(stream, message, 0);
	stream.skipped += message.wireBytes;
	beginSpill(stream);
	stream.garbage = true;
	stream.connection.stray = true;
	beginSearch(stream, false);
}

/** Turns a supposed head into body, except for its last `less` bytes, which do not belong to the message. */
export function keepAsBody(stream: Stream, message: Message, less: u32): void {
	if (CHECKED) assert(message.bodyBytes == 0, 'what was taken for a head has no body yet');
	const length = message.wireBytes - less;
	// The part of a request line that could be read is kept.
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

/** An incomplete head makes a row if its start line was read. */
export function closeDamagedHead(stream: Stream, message: Message): void {
	// A start line found by searching, and fields after it, are a head, even if its end was not captured.
	if (stream.tentative && stream.started && message.fieldCount != 0) acceptTentative(stream);
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

/** `lost`: the search is due to a loss, so skipped bytes count as lost. */
export function beginSearch(stream: Stream, lost: bool): void {
	stream.state = SEARCHING;
	stream.leading = 0;
	stream.forced = false;
	stream.searchLost = lost;
	stream.searchResponses = stream.connection.responsesBegun;
	clearSearch(stream);
}

/** The head found by searching is confirmed: settles the skipped bytes. */
export function acceptTentative(stream: Stream): void {
	if (!stream.tentative) return;
	stream.tentative = false;
	endSpill(stream);
	if (stream.searchLost) {
		alignment.addSkipped(stream.connection, stream.skipped, stream.message.isResponse);
	}
	countSkipped(stream);
}

export function countSkipped(stream: Stream): void {
	if (stream.skipped != 0 && stream.searchLost) loss.count(LOSS_DECODE_GAP, 1, stream.skipped);
	stream.skipped = 0;
}

/**
 * Schedules a search of the kept line (at `offset` of the stream), which was read as something else but may contain
 * the beginning of a head.
 */
export function searchKept(stream: Stream, offset: u64): void {
	stream.searchOffset = offset;
	stream.searchTime = call.time;
	stream.keptLine = stream.search != 0;
}

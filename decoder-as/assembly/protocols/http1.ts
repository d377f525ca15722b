// One direction of an HTTP/1 connection: takes its bytes in order, asks the framer what they are, and acts on the answers.
// alignment.ts decides which exchange a message belongs to, rows/exchanges.ts what that means for a row. Every byte is taken
// exactly once: with content, or only counted.
import { readBegunLine, readOddRequestLine } from '../http1/head';
import { takeMore } from '../http1/lines';
import { clearSearch, keepMore } from '../http1/resync';
import {
	AT_START,
	IN_CHUNK_DATA,
	IN_CHUNK_END,
	IN_CHUNK_SIZE,
	IN_FIELDS,
	IN_LENGTH,
	IN_PREAMBLE,
	IN_START_LINE,
	IN_TRAILERS,
	SEARCHING,
	UNREADABLE,
	UNTIL_CLOSE,
} from '../http1/states';
import { note } from '../memory/anomalies';
import { carry } from '../memory/carried';
import { CHECKED } from '../memory/checks';
import { CARRIES_REQUESTS, CARRIES_RESPONSES, FRAMES, OPAQUE, NO_EXCHANGE, NO_MESSAGE, TALKING, Message, Stream } from '../memory/state';
import * as exchanges from '../rows/exchanges';
import { feedItems, loseItems, passItems } from '../rows/items';
import { addBody, addUnseenBody } from '../rows/messages';
import * as call from '../wire/call';
import { FLAG_AFTER_UNSEEN, FLAG_ZERO_COPY } from '../wire/capture-event';
import {
	ANOMALY_BODY_NOT_SENT,
	ANOMALY_OPAQUE_RESPONSE,
	PROTOCOL_OTHER,
	REASON_BYTES_LOST,
	REASON_HEAD_NOT_CAPTURED,
	UNHELD_LOST,
	UNHELD_UNSEEN,
} from '../wire/output-layout';
import * as alignment from './alignment';
import { endData, guessBody, takeBody, unseenReason } from './http1-bodies';
import { WAIT, readHead, startMessage } from './http1-heads';
import {
	beginRow,
	beginSearch,
	closeDamagedHead,
	closeUnused,
	countSkipped,
	endMessage,
	endSimple,
	hasAskedAgain,
	keepAsBody,
	mayStart,
	openMessage,
	spillRequest,
} from './http1-messages';
import { search, searchKeptLine } from './http1-search';
import * as frames from './http2-frames';
import { turnsHttp2 } from './http2-start';
import { setOpaque } from './opaque';
import { readPreamble } from './preamble';
import { roleByConnection, suspect } from './recognition';
import { noteActivity } from './silence';
import { endSpill, spillBytes } from './spill';
import { endTalk } from './websocket';

/** Takes bytes [from, end) of the stream; returns how many were taken: fewer than all if the stream has to wait. */
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
				next = readHead(stream, at, end);
				break;
			case IN_LENGTH:
			case IN_CHUNK_DATA:
			case UNTIL_CLOSE:
			case IN_CHUNK_SIZE:
			case IN_CHUNK_END:
				next = takeBody(stream, at, end);
				break;
			case SEARCHING:
				next = turnsHttp2(stream, at, end) ? at : search(stream, at, end);
				break;
			case UNREADABLE:
				// Readable bytes after the unreadable ones are the next message.
				endMessage(stream);
				next = at;
				break;
			case IN_PREAMBLE:
				next = readPreamble(stream, at, end);
				break;
			case FRAMES:
				return <u32>(at - from) + frames.feed(stream, at, end);
			case TALKING:
				feedItems(stream.items, at, <u32>(end - at));
				break;
			default:
				break;
		}
		if (stream.keptLine) searchKeptLine(stream);
		if (next == WAIT) break;
		stream.next += next - at;
		at = next;
		if (stream.remaining == 0 && (stream.state == IN_LENGTH || stream.state == IN_CHUNK_DATA)) endData(stream);
	}
	return <u32>(at - from);
}

/** Takes `bytes` at `from` in the middle of something that does not end with them. Returns false if it may end. */
export function takeSimply(stream: Stream, from: usize, bytes: u32): bool {
	switch (stream.state) {
		case IN_LENGTH:
		case IN_CHUNK_DATA:
			if (stream.guess || <u64>bytes >= stream.remaining) return false;
			addBody(stream.message, from, bytes);
			if (CHECKED) assert(<u64>bytes <= stream.remaining, 'no more is taken from a body than remains');
			stream.remaining -= bytes;
			return true;
		case UNTIL_CLOSE:
			if (stream.guess) return false;
			addBody(stream.message, from, bytes);
			return true;
		case IN_START_LINE:
		case IN_FIELDS:
		case IN_TRAILERS:
			return takeMore(stream, stream.message, from, bytes);
		case SEARCHING:
			if (bytes != 1 || !keepMore(stream, from)) return false;
			spillBytes(stream, from, 1);
			return true;
		case OPAQUE:
			return true;
		default:
			return false;
	}
}

/** Takes `length` bytes that the record counts without their content; returns how many: fewer if it has to wait. */
export function feedUnseen(stream: Stream, length: u64): u64 {
	let left = length;
	const reason = unseenReason();
	while (left != 0) {
		let taken = left;
		stream.guess = false;
		switch (stream.state) {
			case IN_LENGTH:
			case IN_CHUNK_DATA:
				taken = takeUnseenData(stream, left, reason);
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
			case TALKING:
				passItems(stream.items, left, reason);
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

/** Takes unavailable bytes (UNHELD_*) of a body of known length, or of a chunk; returns how many of `length`. */
function takeUnseenData(stream: Stream, length: u64, reason: i32): u64 {
	const taken = min<u64>(length, stream.remaining);
	addUnseenBody(stream.message, taken, reason);
	stream.remaining -= taken;
	return taken;
}

/** Adds the bytes to a message of unknown length, if there is one. */
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
	// They may also be messages of their own.
	if (spill.isResponse) alignment.loseResponses(stream.connection, length, false, 0);
	else alignment.loseRequests(stream.connection, length, false, 0);
	return true;
}

/** UNHELD_* of bytes missing before the current record. */
export function gapReason(): i32 {
	return call.flags & FLAG_AFTER_UNSEEN ? UNHELD_UNSEEN : UNHELD_LOST;
}

/** `length` bytes of the stream were not captured. */
export function feedGap(stream: Stream, length: u64): void {
	let left = length;
	const reason = gapReason();
	while (left != 0) {
		let taken = left;
		// These bytes would have shown whether there is a body at all.
		if (stream.guess) {
			stream.guess = false;
			if (stream.role != CARRIES_REQUESTS) loseFraming(stream, 0, true);
		}
		switch (stream.state) {
			case IN_LENGTH:
			case IN_CHUNK_DATA:
				taken = takeUnseenData(stream, left, reason);
				break;
			case UNTIL_CLOSE:
				if (stream.message.unclear) loseFraming(stream, taken, true);
				else addUnseenBody(stream.message, taken, reason);
				break;
			case OPAQUE:
				break;
			case TALKING:
				passItems(stream.items, left, reason);
				break;
			case AT_START:
				// The protocol in a tunnel can no longer be recognised.
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

/** An unknown number of bytes of the stream moved unseen: whatever is being read ends here. */
export function feedUncounted(stream: Stream): void {
	const connection = stream.connection;
	if (stream.state == OPAQUE) return;
	if (stream.state == TALKING) {
		loseItems(stream.items);
		return;
	}
	if (connection.tunnel && !connection.recognised) {
		setOpaque(connection, PROTOCOL_OTHER);
		return;
	}
	noteActivity(connection);
	loseFraming(stream, 0, true);
	alignment.loseCount(connection);
}

/** Bytes that the framing needs are missing: ends the current message and begins to search for the next head. */
function loseFraming(stream: Stream, length: u64, lost: bool): void {
	endSimple(stream);
	const connection = stream.connection;
	const message = stream.message;
	if (stream.role == 0) roleByConnection(stream);
	// A request whose first line is incomplete is lost as a whole.
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
	// Set again, because placing the rest of a response may just have made everything before it certain.
	connection.holed = true;
	endSpill(stream);
	if (stream.role != CARRIES_REQUESTS) alignment.loseResponses(connection, length, one, begun);
	if (stream.role != CARRIES_RESPONSES) alignment.loseRequests(connection, length, one, begun);
	beginSearch(stream, true);
}

/** A whole response is sent unseen: its row has no status. */
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
 * No more bytes will come in this direction. `orderly`: the end properly ends a body of unknown length
 * (EOF, shutdown, close by the sender).
 */
export function endStream(stream: Stream, reason: i32, orderly: bool): void {
	if (stream.ended) return;
	stream.ended = true;
	countSkipped(stream);
	endTalk(stream);
	endStreamMessage(stream, reason, orderly);
	// Keep a request that may still be answered.
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

/** The stream ends in the middle of a head: what was read of it makes a row. */
function closeUnfinishedHead(stream: Stream, message: Message): void {
	if (stream.started || stream.tentative || message.isResponse) {
		closeDamagedHead(stream, message);
		return;
	}
	// Not even a complete line: makes a row only if it must be a request.
	if (message.exchange != NO_EXCHANGE) return;
	const connection = stream.connection;
	if (!connection.recognised && !suspect(stream, message.head, message.head + message.headLength)) closeUnused(stream);
	else if (readBegunLine(message)) beginRow(stream, message);
	else if (connection.doubt != 0) closeUnused(stream);
	else spillRequest(stream, message);
}

// Bodies of HTTP/1: their bytes go to their messages, held or counted.
import { brokenKept, brokenLine } from '../http1/chunks';
import * as framer from '../http1/framer';
import { findStart, mayBeStart } from '../http1/resync';
import { IN_CHUNK_SIZE, IN_LENGTH, UNTIL_CLOSE } from '../http1/states';
import { note } from '../memory/anomalies';
import { begins, findLineFeed } from '../memory/bytes';
import { CHECKED } from '../memory/checks';
import { bodyLimit } from '../memory/settings';
import { NO_EXCHANGE, NO_MESSAGE, WATCHED, Message, Stream, isPlaintext } from '../memory/state';
import { writeSkip } from '../rows/entries';
import { addBody, addUnseenBody, appendBody, zeroCopyReason } from '../rows/messages';
import * as call from '../wire/call';
import {
	FLAG_CUT_BODY_LIMIT,
	FLAG_CUT_CAPTURE_LIMIT,
	FLAG_CUT_FAULT,
	FLAG_CUT_IOVEC_LIMIT,
	FLAG_DISCARDED,
	FLAG_ZERO_COPY,
} from '../wire/capture-event';
import { BODY, INVALID } from '../wire/frame';
import {
	ANOMALY_BODY_NOT_SENT,
	ANOMALY_GUESSED_FRAMING,
	UNHELD_BODY_LIMIT,
	UNHELD_CAPTURE_LIMIT,
	UNHELD_DISCARDED,
	UNHELD_FAULT,
	UNHELD_IOVEC_LIMIT,
	UNHELD_OTHER,
} from '../wire/output-layout';
import { endMessage, hasAskedAgain, runOn } from './http1-messages';
import { SKIPPED_MOST } from './opaque';

/** If less than this is left, it is not worth telling the kernel. */
const SKIPPED_LEAST: u64 = 65536;

/** Takes bytes [at, end) of a body or its framing; returns where it stopped. */
export function takeBody(stream: Stream, at: usize, end: usize): usize {
	const message = stream.message;
	if (stream.state == UNTIL_CLOSE && message.unclear && stream.next == call.startOffset && endsUnclear(stream, at, end)) {
		endMessage(stream);
		return at;
	}
	const next = framer.readBody(stream, message, at, end);
	if (framer.answer == BODY) {
		const length = <u32>(next - at);
		addBody(message, at, length);
		if (stream.state != UNTIL_CLOSE) {
			if (CHECKED) assert(<u64>length <= stream.remaining, 'no more is taken from a body than remains');
			stream.remaining -= length;
			if (stream.remaining >= SKIPPED_LEAST) offerSkip(stream, length);
		}
	} else if (framer.answer == INVALID) {
		breakChunk(stream, message, at, next);
	}
	return next;
}

/**
 * A response whose request is not known may have no body, and a request whose `100-continue` was refused sends none: if the
 * next head follows at once, there is no body.
 */
export function guessBody(stream: Stream, at: usize, end: usize): void {
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
 * A response of unknown length is read to the end of the connection, unless the client has sent another request and a call
 * begins like a status line: then the response ended there.
 */
function endsUnclear(stream: Stream, at: usize, end: usize): bool {
	return hasAskedAgain(stream) && mayBeStart(at, end, true);
}

/** A body of known length, or a chunk, has ended. */
export function endData(stream: Stream): void {
	if (framer.endPart(stream)) endMessage(stream);
}

/** [from, at) is not chunk framing: the body is not chunked, or is no longer. */
function breakChunk(stream: Stream, message: Message, from: usize, at: usize): void {
	if (stream.state == IN_CHUNK_SIZE) {
		const before = stream.chunkLine;
		const kept = brokenKept(stream);
		message.wireBytes -= before;
		appendBody(message, brokenLine(stream), kept);
		if (before != kept) addUnseenBody(message, before - kept, UNHELD_OTHER);
		if (at != from) addBody(message, from, <u32>(at - from));
	} else if (stream.chunkState == 1) {
		// The CR before it is not a line end.
		message.wireBytes--;
		appendBody(message, lastCr, 1);
	}
	runOn(stream);
}

const lastCr = memory.data<u8>([13]);

/**
 * Tells the kernel that it need not copy the rest of a body of known length, if no more of it is wanted. Only if nothing
 * about the framing is in doubt, because skipped bytes cannot be read again. `taken` bytes have just been taken.
 */
function offerSkip(stream: Stream, taken: u32): void {
	const message = stream.message;
	const connection = stream.connection;
	if (stream.state != IN_LENGTH || <u64>message.bodyLength < bodyLimit || connection.doubt != 0 || message.watch == WATCHED) return;
	if (isPlaintext(connection)) return;
	const until = stream.next + taken + stream.remaining;
	if (stream.skippedUntil == until || until > SKIPPED_MOST) return;
	const exchange = message.exchange;
	if (exchange == NO_EXCHANGE || exchange.request == NO_MESSAGE) return;
	stream.skippedUntil = until;
	writeSkip(connection.id, stream.direction, until);
}

/** UNHELD_* of the current call's bytes without content. */
export function unseenReason(): i32 {
	const flags = call.flags;
	if (flags & FLAG_ZERO_COPY) return zeroCopyReason(call.syscall);
	if (flags & FLAG_DISCARDED) return UNHELD_DISCARDED;
	if (flags & FLAG_CUT_BODY_LIMIT) return UNHELD_BODY_LIMIT;
	if (flags & FLAG_CUT_IOVEC_LIMIT) return UNHELD_IOVEC_LIMIT;
	if (flags & FLAG_CUT_FAULT) return UNHELD_FAULT;
	if (flags & FLAG_CUT_CAPTURE_LIMIT) return UNHELD_CAPTURE_LIMIT;
	return UNHELD_OTHER;
}

// After damage: searches for the next head, line by line, and accepts it only where one is possible.
import * as lines from '../http1/lines';
import { findStart, keepSearchLine, mayBeStart, passSearchLine } from '../http1/resync';
import { begins, findLineFeed } from '../memory/bytes';
import { CARRIES_REQUESTS, CARRIES_RESPONSES, NO_MESSAGE, Stream } from '../memory/state';
import * as call from '../wire/call';
import * as alignment from './alignment';
import { WAIT, readStartLine } from './http1-heads';
import { openMessage } from './http1-messages';
import { roleByConnection, setRole } from './recognition';
import { spillBytes, unspill } from './spill';

/** Searches for the next head in [from, end), one line at a time. */
export function search(stream: Stream, from: usize, end: usize): usize {
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
		// Not counted twice: earlier pieces of the line were counted when they arrived, and useSearchLine counts the
		// whole line.
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

/** Searches the kept line, in which a head may begin. */
export function searchKeptLine(stream: Stream): void {
	while (stream.keptLine) {
		stream.keptLine = false;
		const response = stream.role == CARRIES_RESPONSES;
		useSearchLine(stream, stream.search, stream.search + stream.searchLength - 1, 1, response);
	}
}

/** Uses the line [at, feedAt) and its LF: a head begins in it, or it is skipped. Returns `next`. */
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

/** Whether a response is possible now. */
function mayExpect(stream: Stream): bool {
	const connection = stream.connection;
	return alignment.mayBeAnswered(connection) || alignment.mayBeUnseen(connection) || stream.forced;
}

/**
 * Whether a supposed start line is accepted. `atLine`: it begins its line. A response needs a waiting request; if requests
 * may not have been seen, or none came for a while, it must at least begin a call. A request must begin a call, follow an
 * empty line (the end of a head before it), or come after a response has begun, which means that the message in which the
 * search began is over.
 */
function mayStand(stream: Stream, atLine: bool, response: bool): bool {
	const connection = stream.connection;
	const beginsCall = atLine && stream.searchCall;
	if (response) {
		return alignment.mayBeAnswered(connection) || (beginsCall && (stream.searchForced || alignment.mayBeUnseen(connection)));
	}
	return beginsCall || (atLine && stream.searchBlank) || connection.responsesBegun != stream.searchResponses;
}

/** Treats [start, end), a start line, as the beginning of a head until a line shows otherwise. */
function openFound(stream: Stream, start: usize, end: usize, atLine: bool, response: bool): bool {
	if (stream.role == 0) setRole(stream, response ? CARRIES_RESPONSES : CARRIES_REQUESTS);
	// If nothing was skipped, the unreadable message ended right here.
	if (atLine && stream.skipped == 0) stream.garbage = false;
	const message = openMessage(stream, response);
	if (message == NO_MESSAGE) return false;
	if (atLine) {
		message.startOffset = stream.searchOffset;
		// Its first bytes came earlier, and the silence before them was not noted.
		if (message.startTime != stream.searchTime) message.silence = 0;
		message.startTime = stream.searchTime;
	}
	stream.tentative = true;
	lines.beginHead(stream, 0);
	lines.takeLine(stream, message, start, end);
	readStartLine(stream, message, stream.next);
	return true;
}

// Which response belongs to which request. As long as nothing was lost, order decides: the next response answers the
// oldest request that waits. After a gap of which nobody knows how many messages it held, counting is not enough, and a
// wrong guess would give a response to another's request. What is certain is a turn:
//
// - Whoever sends requests one by one begins anew when the one before has been answered. A request that begins after a
//   response has ended is such a turn, if the client was seen to make turns and never to pipeline. Everything that came
//   before it is a part for itself: its last requests, those after the last gap between requests, and its last responses,
//   those after the last gap between responses, belong together, counted from the back.
// - For that no response may be missing between the last one before the turn and the first one after it: only when that one
//   comes, and comes right after, the part before the turn is decided. Until then its responses are kept unbound.
// - Of a client that pipelines, and of a connection that was open before the capture, a turn proves nothing: it is believed
//   only after a silence in which whatever was owed would have come (silence.ts). Until then nothing is paired; only where
//   every request was seen and one response is missing for each gap the numbers leave no choice.
// - The end of a connection that the client closes is a turn, unless the server closed it first.
// - A response that a server may send without being asked (408, an error with `Connection: close`) decides nothing.
//
// What stays without a place is said to be so: `unanswered` with `bytes lost` or `capture began`, or `request not seen`. A
// missed pair is fine, a wrong one is not.
import { CHECKED } from '../memory/checks';
import { waitingLimit } from '../memory/settings';
import { Connection, Exchange, Message, NO_EXCHANGE, NO_MESSAGE, NO_STREAM, Stream, isClient } from '../memory/state';
import * as exchanges from '../rows/exchanges';
import * as call from '../wire/call';
import {
	REASON_BYTES_LOST,
	REASON_CAPTURE_BEGAN,
	REASON_MALFORMED,
	REASON_REQUEST_NOT_SEEN,
	STATE_UNANSWERED,
} from '../wire/output-layout';
import { noteOwed, provesEnd, provesIdle } from './silence';

/** Bits of Connection.doubt: requests, responses were lost and not all is settled. */
const REQUESTS_LOST: u32 = 1;
const RESPONSES_LOST: u32 = 2;

/**
 * Two threads' calls may come in the wrong order, so that a response seems to be before its request; by so many nanoseconds
 * it is not.
 */
const ORDER_NS: u64 = 50_000_000;

/** A message takes this many bytes at least: `GET / HTTP/1.0` or `HTTP/1.1 200`, two line ends. */
const SHORTEST: u64 = 16;

// ---- Gaps -----------------------------------------------------------------------------------------------------------

/**
 * Bytes were lost in the requests' direction. `one`: the gap holds a request at least, of which `begun` bytes were seen and
 * no row was made; else `begun` bytes were seen of a request that has its row.
 */
export function loseRequests(connection: Connection, bytes: u64, one: bool, begun: u64): void {
	if (connection.early != NO_EXCHANGE) leaveEarly(connection);
	connection.doubt |= REQUESTS_LOST;
	if (!connection.requestGap) {
		connection.requestGap = true;
		connection.lostRequests = one ? 1 : 0;
		connection.requestGapBytes = begun;
		connection.requestGapBegun = !one && begun != 0;
	}
	connection.requestGapBytes += bytes;
	keepAbandoned(connection);
}

/** … in the responses' direction. */
export function loseResponses(connection: Connection, bytes: u64, one: bool, begun: u64): void {
	connection.doubt |= RESPONSES_LOST;
	if (!connection.responseGap) {
		connection.responseGap = true;
		connection.responseGapOne = false;
		connection.responseGapBytes = begun;
		connection.responseGapBegun = !one && begun != 0;
	}
	connection.responseGapBytes += bytes;
	if (one) connection.responseGapOne = true;
	connection.responseGapTime = call.time;
	weighGap(connection);
	keepAbandoned(connection);
}

/**
 * The gap that just began with the `begun` bytes of a message is one of reading only: every byte of it is seen, and its size
 * says nothing about messages that are missing.
 */
export function sizeNothing(connection: Connection, responses: bool, begun: u64): void {
	if (responses) {
		if (connection.responseGapBytes == begun) connection.responseGapBytes = 0;
	} else if (connection.requestGapBytes == begun) connection.requestGapBytes = 0;
}

/**
 * Did the gap that is the only one for now hold a response? Where one would begin, and one is waited for, it did; after
 * `Expect` that may be a 100. Only what looks like a response inside a body is judged by it.
 */
function weighGap(connection: Connection): void {
	const waiting = connection.waiting;
	if (connection.unboundCount != 0) return;
	connection.lostResponses = 0;
	if (!connection.responseGapOne || askedBefore(connection, connection.responseGapTime) == 0) return;
	// What was lost may have answered a request that was lost.
	if (waiting.afterGap || waiting.request.expectContinue) return;
	connection.lostResponses = 1;
	waiting.responseGapBytes = connection.responseGapBytes;
}

/** Bytes after the gap that were of no use before the next head was found. */
export function addSkipped(connection: Connection, bytes: u64, responses: bool): void {
	if (responses) connection.responseGapBytes += bytes;
	else connection.requestGapBytes += bytes;
}

/** The end of a request whose beginning was lost passes by: what came so far was no answer to that one. */
export function passRequest(connection: Connection): void {
	if (!connection.requestGap || connection.requestGapBegun) return;
	if (connection.lostRequests <= connection.orphans) connection.lostRequests = connection.orphans + 1;
}

/** The capture began in the middle of the connection. */
export function beginMidstream(connection: Connection): void {
	connection.unproven = true;
	connection.doubt = REQUESTS_LOST | RESPONSES_LOST;
}

/** Responses to requests that were given up can no longer be counted off: treat those requests as lost ones. */
function keepAbandoned(connection: Connection): void {
	if (connection.abandoned == 0) return;
	connection.abandoned = 0;
	connection.doubt |= REQUESTS_LOST;
	const waiting = connection.waiting;
	if (waiting != NO_EXCHANGE) {
		waiting.afterGap = true;
		waiting.lostBefore = 1;
	} else {
		connection.requestGap = true;
		connection.lostRequests = 1;
	}
}

/** Is a response possible now, to a request that waits? Those whose response was lost wait for nothing any more. */
export function mayBeAnswered(connection: Connection): bool {
	return askedBefore(connection, call.time) > connection.unboundCount + connection.lostResponses;
}

/** Is it possible that a response answers a request that was not seen? */
export function mayBeUnseen(connection: Connection): bool {
	return (connection.doubt & REQUESTS_LOST) != 0;
}

// ---- Messages -------------------------------------------------------------------------------------------------------

/** A request's row was made. `quiet`: no response is on its way at this moment. */
export function afterRequest(exchange: Exchange, quiet: bool): void {
	const connection = exchange.connection;
	measure(connection.requests, exchange.request, connection.requestGap);
	if (connection.doubt != 0) exchange.idle = quiet && isIdle(exchange);
	if (connection.waiting == exchange) connection.unasked = quiet && exchange.request.unread;
	if (connection.unproven) {
		exchange.afterGap = connection.requestGap;
		connection.requestGap = false;
		return;
	}
	const orphans = connection.orphans;
	const time = exchange.request.startTime;
	if (isTooSoon(connection, connection.requestStart, connection.responseStart, time)) connection.pipelining = true;
	if (connection.responseStart > connection.requestStart && connection.responseStart < time) connection.turnStart = time;
	// It comes late: a response that began after it went to a request before it, and another had begun between those two.
	if (time <= connection.responseStart && connection.requestStart < connection.responseBefore && connection.responseBefore < time) {
		connection.overlapping = true;
	}
	connection.requestStart = time;
	connection.orphans = 0;
	if (connection.earlyResponses != 0) {
		exchange.answeredEarly = time < connection.earlyStart;
		connection.earlyResponses = exchange.answeredEarly ? connection.earlyResponses - 1 : 0;
	}
	if (!connection.requestGap) {
		// Everything before was answered, and nothing was missing: this client does make turns.
		if (connection.doubt == 0 && connection.waiting == exchange && quiet && connection.responsesBegun != 0) connection.turns = true;
		return;
	}
	connection.requestGap = false;
	const bytes = connection.requestGapBytes;
	// Too few bytes for a request.
	if (connection.lostRequests == 0 && bytes < SHORTEST && !connection.requestGapBegun) {
		becomeCertain(connection);
		return;
	}
	const holdsOne = bytes >= SHORTEST && !connection.requestGapBegun;
	exchange.afterGap = true;
	exchange.lostBefore = max<u32>(connection.lostRequests, holdsOne ? 1 : 0);
	exchange.orphansBefore = orphans;
	exchange.gapBegun = connection.requestGapBegun;
	const known = max<u32>(exchange.lostBefore, orphans) + (exchange.gapBegun ? 1 : 0);
	const shortest = shortestOf(connection.requests);
	exchange.crowded = wasLost(connection) && bytes >= shortest * (known + 1);
}

/** Bytes of the shortest message of the stream so far. */
function shortestOf(stream: Stream): u64 {
	return stream.shortest != 0 ? stream.shortest : SHORTEST;
}

/** Keeps the length of the stream's shortest message: from its beginning to that of the next, if no gap lies between. */
function measure(stream: Stream, message: Message, gap: bool): void {
	const begin = stream.lastStart;
	const comparable = stream.measured && !gap && message.startOffset > begin;
	stream.lastStart = message.startOffset;
	stream.measured = true;
	const length = message.startOffset - begin;
	if (comparable && (stream.shortest == 0 || length < stream.shortest)) stream.shortest = length;
}

/**
 * The head of a final response is complete: it is bound to its request, made a row of its own, or kept until that is
 * certain. Answers the row it belongs to for now: NO_EXCHANGE when nobody wants it.
 */
export function placeResponse(connection: Connection, response: Message): Exchange {
	connection.responsesBegun++;
	measure(connection.responses, response, connection.responseGap);
	notePipelining(connection, response);
	if (isTooSoon(connection, connection.responseStart, connection.requestStart, response.startTime)) connection.pipelining = true;
	connection.responseBefore = connection.responseStart;
	connection.responseStart = response.startTime;
	// Where something was lost the silence before it was perhaps none, or not while this response was owed.
	const asked = connection.waiting != NO_EXCHANGE || (connection.unproven && !connection.holed);
	if (asked && !connection.responseGap) noteOwed(connection, response);
	if (connection.abandoned != 0) {
		if (CHECKED) assert(connection.abandoned != 0, 'a response of a row that was given up is counted');
		connection.abandoned--;
		return NO_EXCHANGE;
	}
	const unasked = connection.unasked;
	connection.unasked = false;
	if (unasked && connection.unboundCount == 0 && isUnasked(response)) return makeOrphan(connection, response, REASON_REQUEST_NOT_SEEN);
	while (connection.waiting != NO_EXCHANGE && connection.waiting.answeredEarly) endUnanswered(connection, false);
	if (connection.unproven) settleSilence(connection, response.startTime);
	else if (connection.unboundCount != 0) settleTurn(connection, response.startTime);
	if (connection.overlapping && connection.doubt != 0 && !connection.unproven) distrust(connection, 0);
	if (connection.unproven) return placeUnproven(connection, response);
	const waiting = connection.waiting;
	if (!(connection.doubt & RESPONSES_LOST) && connection.unboundCount == 0) {
		if (waiting == NO_EXCHANGE) {
			const exchange = makeOrphan(connection, response, REASON_REQUEST_NOT_SEEN);
			if (isEarly(connection, response)) connection.early = exchange;
			return exchange;
		}
		const answers = mayAnswer(connection, response, waiting.request) || areFirst(connection, response, waiting.request);
		if (!waiting.afterGap && answers) {
			bind(waiting, response);
			return waiting;
		}
		if (!answers || response.startTime < waiting.request.startTime) {
			waiting.orphansBefore++;
			return makeOrphan(connection, response, REASON_REQUEST_NOT_SEEN);
		}
	}
	return keepUnbound(connection, response);
}

/**
 * The first response of a connection seen from its beginning answers the first request, even when it came before: the server
 * wrote it without reading. Not 408, which answers a client that did not ask.
 */
function isEarly(connection: Connection, response: Message): bool {
	return connection.responsesBegun == 1 && connection.requestStart == 0 && connection.doubt == 0 && response.status != 408;
}

/** Likewise when the request's row was made while the response waited. */
function areFirst(connection: Connection, response: Message, request: Message): bool {
	return connection.responsesBegun == 1 && request.startOffset == 0 && connection.doubt == 0 && response.status != 408;
}

/** Whether the response may answer the request, judging by their times. */
function mayAnswer(connection: Connection, response: Message, request: Message): bool {
	if (request.startTime <= response.startTime) return true;
	// Of a client's two threads, the one that sent may return from its call after the other has received the answer. A server
	// writes after it has returned from reading.
	return isClient(connection) && request.tid != response.tid && request.startTime <= response.startTime + ORDER_NS;
}

/**
 * Did a message that began at `time` follow the one before in its direction, at `before`, so soon that none of the other
 * direction, of which `other` was the last, can have gone between?
 */
function isTooSoon(connection: Connection, before: u64, other: u64, time: u64): bool {
	if (before == 0 || (other > before && other < time)) return false;
	// Where nobody knows how long a response takes, any time is too short.
	return connection.fastest == 0 || time - min<u64>(before, time) <= connection.fastest >> 1;
}

/** Two requests that wait began between the response before and this one, and no response between was missed. */
function notePipelining(connection: Connection, response: Message): void {
	if (connection.pipelining || connection.responseGap || connection.waitingCount < 2) return;
	let count: u32 = 0;
	let exchange = connection.waiting;
	while (exchange != NO_EXCHANGE && exchange.request.startTime <= response.startTime) {
		if (exchange.request.startTime > connection.responseStart) count++;
		exchange = nextWaiting(exchange);
	}
	if (count > 1) connection.pipelining = true;
}

function keepUnbound(connection: Connection, response: Message): Exchange {
	const exchange = exchanges.newExchange(connection);
	if (exchange == NO_EXCHANGE) return exchange;
	response.guess = true;
	exchange.response = response;
	response.exchange = exchange;
	exchange.unbound = true;
	exchange.afterGap = connection.responseGap;
	exchange.gapBegun = !connection.responseGapOne;
	exchange.responseGapBytes = connection.responseGap ? connection.responseGapBytes : 0;
	connection.responseGap = false;
	appendUnbound(exchange);
	if (connection.unboundCount > waitingLimit) {
		orphanFirst(connection);
		// The number of responses is no longer known.
		connection.firstUnbound.afterGap = true;
	}
	return exchange;
}

/**
 * The connection has ended. `whole`: its ends are known, and what is missing there has been counted. `answered`: it was
 * the client that closed it, so that everything it asked for had been answered.
 */
export function endDoubt(connection: Connection, whole: bool, answered: bool): void {
	if (connection.doubt == 0 && connection.unboundCount == 0) return;
	if (connection.unproven) {
		endUnproven(connection, whole && answered);
		return;
	}
	settleUnread(connection);
	if (connection.unboundCount != 0) {
		// Whether one more was lost at the end nobody knows.
		if (!whole) connection.responseGap = true;
		settleTurn(connection, u64.MAX_VALUE);
	}
	if (connection.unboundCount != 0) {
		const known = whole && answered && !connection.responseGap && !connection.requestGap && !connection.overlapping;
		const count = connection.waitingCount;
		// A client may have given up waiting: gaps in both directions leave that open.
		const single = requestsAfterGap(connection, count) == count && !startsAfterGap(connection)
			? true
			: responsesAfterGap(connection) == connection.unboundCount && !connection.firstUnbound.afterGap;
		const silent = whole && answered && !connection.responseGap && !connection.requestGap && provesEnd(connection);
		if (silent && trust(connection, count)) return;
		if (known && single && isClean(connection, count)) settle(connection, count);
		if (connection.unboundCount != 0) giveUp(connection, connection.waitingCount);
	}
	if (!(connection.doubt & RESPONSES_LOST)) return;
	// The last responses were lost.
	while (connection.waiting != NO_EXCHANGE) endUnanswered(connection, false);
}

/** No more responses come. Where nothing was lost, some messages merely could not be read, as many as were asked for answer those. */
export function settleUnread(connection: Connection): void {
	const count = connection.waitingCount;
	if (count == 0 || connection.unboundCount != count || connection.unproven || connection.overlapping) return;
	if (connection.responseGap || connection.requestGap || wasLost(connection) || !isClean(connection, count)) return;
	settle(connection, count);
}

/** The exchange of an interim response; NO_EXCHANGE if that is uncertain. */
export function placeInterim(connection: Connection): Exchange {
	if (connection.abandoned != 0) return NO_EXCHANGE;
	if (connection.unproven) settleSilence(connection, call.time);
	else if (connection.unboundCount != 0) settleTurn(connection, call.time);
	const waiting = connection.waiting;
	const certain = connection.unboundCount == 0 && !(connection.doubt & RESPONSES_LOST) && !connection.unproven;
	return certain && waiting != NO_EXCHANGE && !waiting.afterGap ? waiting : NO_EXCHANGE;
}

// ---- Decisions ------------------------------------------------------------------------------------------------------

/** Nothing is uncertain: the response to the oldest request that waits. */
function bind(exchange: Exchange, response: Message): void {
	const connection = exchange.connection;
	const turn = connection.turnStart;
	if (exchange.request.startTime < turn && turn <= response.startTime) connection.overlapping = true;
	const next = exchange.next;
	if (next != NO_EXCHANGE && next.request != NO_MESSAGE && next.request.startTime <= response.startTime) {
		connection.pipelining = true;
	}
	const begin = exchange.request.startTime;
	const took = response.startTime - min<u64>(begin, response.startTime);
	// The first may have been written without being asked for.
	if (connection.responsesBegun > 1 && (connection.fastest == 0 || took < connection.fastest)) connection.fastest = took;
	exchanges.bindResponse(exchange, response);
}

function makeOrphan(connection: Connection, response: Message, reason: i32): Exchange {
	const exchange = exchanges.newExchange(connection);
	if (exchange == NO_EXCHANGE) return exchange;
	response.guess = true;
	exchange.response = response;
	response.exchange = exchange;
	// Others belong to a gap that is already known to lie before a request.
	if (connection.waiting == NO_EXCHANGE) {
		connection.orphans++;
		connection.earlyResponses++;
		connection.earlyStart = response.startTime;
	}
	exchanges.beginOrphan(connection, exchange, reason);
	return exchange;
}

/** The first request's head is complete, and its response has come already: the row of both. */
export function joinEarly(connection: Connection, request: Message): Exchange {
	const exchange = connection.early;
	connection.early = NO_EXCHANGE;
	connection.requestStart = request.startTime;
	measure(connection.requests, request, connection.requestGap);
	connection.orphans = 0;
	connection.earlyResponses = 0;
	exchanges.joinRequest(exchange, request);
	return exchange;
}

/** The first request was lost: that is what the early response answered. */
function leaveEarly(connection: Connection): void {
	const exchange = connection.early;
	connection.early = NO_EXCHANGE;
	exchanges.settle(exchange);
}

/** Requests waiting that began before `time`. */
function askedBefore(connection: Connection, time: u64): u32 {
	let count: u32 = 0;
	let exchange = connection.waiting;
	while (exchange != NO_EXCHANGE && exchange.request.startTime <= time) {
		count++;
		exchange = nextWaiting(exchange);
	}
	return count;
}

/**
 * Another response begins at `time`, or none will: did a request begin between, after the last one before had ended? Then
 * what came before that request is decided.
 */
function settleTurn(connection: Connection, time: u64): void {
	const end = connection.lastUnbound.response.endTime;
	let count: u32 = 0;
	let turn = connection.waiting;
	while (turn != NO_EXCHANGE && turn.request.startTime <= end) {
		count++;
		turn = nextWaiting(turn);
	}
	if (turn == NO_EXCHANGE || turn.request.startTime > time) return;
	if (connection.responseGap || turn.afterGap) {
		// Something is missing at the turn: which side of it that belongs to nobody knows.
		// All that came may have been for requests of that gap, but for those that answer the ones before it.
		const lost = turn.afterGap ? turn.lostBefore : 0;
		if (isDoubtful(connection, count, lost, connection.responseGap && connection.responseGapOne ? 1 : 0)) {
			distrust(connection, count);
			return;
		}
		const here = connection.unboundCount;
		const complete = responsesAfterGap(connection) == here && !connection.firstUnbound.afterGap;
		if (turn.afterGap) turn.orphansBefore += complete ? max<u32>(here, count) - count : here;
		giveUp(connection, count);
	} else if (turn.idle && trust(connection, count)) {
		return;
	} else if (connection.overlapping || !isClean(connection, count) || !settle(connection, count)) {
		// Those before it were not all answered, or more was lost than is known: the next turn may tell.
		const holed = connection.holed;
		giveUp(connection, count);
		turn.afterGap = true;
		connection.doubt |= REQUESTS_LOST;
		connection.holed = holed;
	}
}

/** Did none of the first `count` requests begin while one of the responses went on? */
function isClean(connection: Connection, count: u32): bool {
	let exchange = connection.waiting;
	for (; count != 0; count--) {
		const time = exchange.request.startTime;
		for (let unbound = connection.firstUnbound; unbound != NO_EXCHANGE; unbound = unbound.next) {
			if (unbound.response.startTime < time && time < unbound.response.endTime) return false;
		}
		exchange = nextWaiting(exchange);
	}
	return true;
}

/**
 * The first `count` requests that wait had all been answered, and no response was lost after the last that came: pairs are
 * made from the back, what is before them stays alone. False when the numbers cannot be.
 */
function settle(connection: Connection, count: u32): bool {
	if (connection.stray || isUnasked(connection.lastUnbound.response)) return false;
	const here = connection.unboundCount;
	const requests = requestsAfterGap(connection, count);
	const responses = responsesAfterGap(connection);
	const requestsLost = requests != count || startsAfterGap(connection);
	const responsesLost = responses != here || connection.firstUnbound.afterGap;
	if (!responsesLost && <i64>here - count < lostBefore(connection, count)) {
		// A request was not answered when the next one began: there are no turns here.
		connection.overlapping = true;
		return false;
	}
	if (!requestsLost && here > count) return false;
	if (isDoubtful(connection, count, 0, 0)) {
		distrust(connection, count);
		return true;
	}
	const pairs = min<u32>(requests, responses);
	if (!inOrder(connection, count - pairs, here - pairs, pairs)) return false;
	for (let i = here - pairs; i != 0; i--) orphanFirst(connection);
	for (let i = count - pairs; i != 0; i--) endUnanswered(connection, count - pairs == 1);
	for (let i = pairs; i != 0; i--) bindFirst(connection);
	becomeCertain(connection);
	return true;
}

/**
 * May a server send the response without having been asked, or for bytes that are no request? 408 tells a client that it
 * did not ask; who cannot read what was sent says so and hangs up.
 */
function isUnasked(response: Message): bool {
	return response.status == 408 || (response.status >= 400 && response.close);
}

/** How many requests were lost at the least before the first `count`, whose responses are not accounted for. */
function lostBefore(connection: Connection, count: u32): i64 {
	let lost: i64 = 0;
	let exchange = connection.waiting;
	for (; count != 0; count--) {
		if (exchange.afterGap) lost += <i64>exchange.lostBefore - exchange.orphansBefore;
		exchange = nextWaiting(exchange);
	}
	return lost;
}

/**
 * Nobody knows whether turns mean anything here: the client was not seen to make any, or was seen to pipeline. The part
 * before this one is certain only when responses alone were lost, and as many as there are gaps: a response is never before
 * its request. Where nothing was lost, and some messages merely cannot be read, one for each of those will do. `before`
 * requests and `after` responses more may be missing at the turn itself.
 */
function isDoubtful(connection: Connection, count: u32, before: i64, after: i64): bool {
	const here = connection.unboundCount;
	let missing = <i64>count - here;
	let requestsLost = false;
	let responsesLost = false;
	let crowded = false;
	let gapBytes: u64 = 0;
	let begun: i64 = 0;
	let exchange = connection.waiting;
	for (let i = count; i != 0; i--) {
		if (exchange.afterGap) {
			requestsLost = true;
			crowded = crowded || exchange.crowded;
			missing += <i64>exchange.lostBefore - exchange.orphansBefore;
		}
		exchange = nextWaiting(exchange);
	}
	for (let unbound = connection.firstUnbound; unbound != NO_EXCHANGE; unbound = unbound.next) {
		if (!unbound.afterGap) continue;
		responsesLost = true;
		gapBytes += unbound.responseGapBytes;
		if (!unbound.gapBegun) missing--;
		else begun++;
	}
	// A client may have begun to pipeline there.
	if (crowded || !fitIn(connection, gapBytes, begun, <i64>count - here)) return true;
	// Where something of both is missing, a habit may have ended there.
	if (connection.turns && !connection.pipelining && !(connection.holed && requestsLost && responsesLost)) return false;
	if (!requestsLost && missing == 0) return false;
	if (connection.holed) return true;
	const fits = missing - after <= 0 && missing + before >= 0;
	return !fits && (count > 1 || here > 1 || connection.pipelining);
}

/** Do `hidden` responses fit into the lost bytes, which `begun` others began? Else several requests waited together. */
function fitIn(connection: Connection, bytes: u64, begun: i64, hidden: i64): bool {
	if (hidden <= 0 || (hidden == 1 && begun == 0) || !wasLost(connection)) return true;
	const shortest = shortestOf(connection.responses);
	return hidden <= <i64>(bytes / shortest) - begun;
}

function startsAfterGap(connection: Connection): bool {
	return connection.waiting != NO_EXCHANGE && connection.waiting.afterGap;
}

/** Of the first `count` requests that wait, those from the last one on before which something was lost. */
function requestsAfterGap(connection: Connection, count: u32): u32 {
	let after: u32 = 0;
	let exchange = connection.waiting;
	for (; count != 0; count--) {
		if (exchange.afterGap) after = 0;
		after++;
		exchange = nextWaiting(exchange);
	}
	return after;
}

function responsesAfterGap(connection: Connection): u32 {
	let count: u32 = 0;
	for (let exchange = connection.firstUnbound; exchange != NO_EXCHANGE; exchange = exchange.next) {
		if (exchange.afterGap) count = 0;
		count++;
	}
	return count;
}

function nextWaiting(exchange: Exchange): Exchange {
	let next = exchange.next;
	while (next != NO_EXCHANGE && !exchanges.isWaiting(next)) next = next.next;
	return next;
}

/** Would each of `pairs` responses begin after its request? */
function inOrder(connection: Connection, skipRequests: u32, skipResponses: u32, pairs: u32): bool {
	let exchange = connection.waiting;
	for (; skipRequests != 0; skipRequests--) exchange = nextWaiting(exchange);
	let unbound = connection.firstUnbound;
	for (; skipResponses != 0; skipResponses--) unbound = unbound.next;
	for (; pairs != 0; pairs--) {
		if (unbound.response.startTime < exchange.request.startTime) return false;
		unbound = unbound.next;
		exchange = nextWaiting(exchange);
	}
	return true;
}

/** Leaves the received responses and the first `count` requests unpaired. */
function giveUp(connection: Connection, count: u32): void {
	while (connection.unboundCount != 0) orphanFirst(connection);
	for (; count != 0 && connection.waiting != NO_EXCHANGE; count--) endUnanswered(connection, false);
	becomeCertain(connection);
}

/** `own`: the lost bytes were those of its response. */
function endUnanswered(connection: Connection, own: bool): void {
	const exchange = connection.waiting;
	if (own && connection.doubt == RESPONSES_LOST) exchange.lostBytes = exchange.responseGapBytes;
	exchanges.finish(exchange, STATE_UNANSWERED, doubtReason(connection));
}

/** REASON_* of requests that wait when the responses end for `reason`: what was lost may have answered them. */
export function unansweredReason(connection: Connection, reason: i32): i32 {
	return connection.doubt & RESPONSES_LOST ? doubtReason(connection) : reason;
}

/** REASON_* for uncertain pairing. */
function doubtReason(connection: Connection): i32 {
	if (connection.unproven && !connection.holed) return REASON_CAPTURE_BEGAN;
	return wasLost(connection) ? REASON_BYTES_LOST : REASON_MALFORMED;
}

/** Whether a loss makes pairing uncertain, rather than unreadable messages. */
function wasLost(connection: Connection): bool {
	const responses = connection.responses;
	const requests = connection.requests;
	if (!connection.unreadable || responses == NO_STREAM || requests == NO_STREAM) return true;
	return responses.searchLost || requests.searchLost;
}

function becomeCertain(connection: Connection): void {
	let lost = connection.requestGap;
	for (let exchange = connection.waiting; exchange != NO_EXCHANGE; exchange = nextWaiting(exchange)) {
		lost = lost || exchange.afterGap;
	}
	connection.doubt = lost ? REQUESTS_LOST : 0;
	connection.lostResponses = 0;
	connection.stray = false;
	connection.holed = lost || connection.responseGap;
	// A gap right before the next response is not settled by what came before it.
	if (!connection.responseGap) return;
	connection.doubt |= RESPONSES_LOST;
	weighGap(connection);
}

// ---- Without proof --------------------------------------------------------------------------------------------------

/** The responses that came and the first `count` requests stay alone, and from now on only a silence tells anything. */
function distrust(connection: Connection, count: u32): void {
	connection.holed = true;
	endPart(connection, count);
	connection.unproven = true;
	connection.doubt = REQUESTS_LOST | RESPONSES_LOST;
}

/** Bytes of which nobody knows how many went by unseen: whose what follows is only a silence tells. */
export function loseCount(connection: Connection): void {
	connection.holed = true;
	connection.unproven = true;
	connection.doubt = REQUESTS_LOST | RESPONSES_LOST;
}

/** Was nothing owed when the request began? */
function isIdle(exchange: Exchange): bool {
	const connection = exchange.connection;
	// More requests wait than responses came: something is owed, or was lost.
	const lacking = connection.waitingCount - 1 > connection.unboundCount;
	if (lacking && !connection.holed) return false;
	return !connection.requestGap && provesIdle(connection, exchange.request, lacking);
}

/**
 * Another response begins at `time`. A request that began after the last one had ended is a turn when a silence proves it:
 * all that waited before was answered, and this response is the request's. What is before a turn that nothing proves stays
 * alone, so that its rows need not wait for ever.
 */
function settleSilence(connection: Connection, time: u64): void {
	const here = connection.unboundCount;
	const end: u64 = here != 0 ? connection.lastUnbound.response.endTime : 0;
	let count: u32 = 0;
	let turn = connection.waiting;
	while (turn != NO_EXCHANGE && turn.request.startTime <= end) {
		count++;
		turn = nextWaiting(turn);
	}
	const missed = connection.responseGap;
	connection.responseGap = false;
	if (missed) {
		// Any request that waits may have been answered in the gap.
		for (let waiting = connection.waiting; waiting != NO_EXCHANGE; waiting = nextWaiting(waiting)) waiting.idle = false;
	}
	if (turn == NO_EXCHANGE || turn.request.startTime > time) {
		if (missed) endPart(connection, 0);
	} else if (!turn.idle) {
		if (here != 0) endPart(connection, count);
	} else if (!trust(connection, count)) {
		// Of what was before it some was lost.
		endPart(connection, count);
		trust(connection, 0);
	}
}

/**
 * Nothing was owed after the first `count` requests that wait: pairs are made from the back, what is before the last gap
 * stays alone. False when that cannot be.
 */
function trust(connection: Connection, count: u32): bool {
	const here = connection.unboundCount;
	if (count > here && !connection.holed) return false;
	const pairs = min<u32>(requestsAfterGap(connection, count), responsesAfterGap(connection));
	if (!inOrder(connection, count - pairs, here - pairs, pairs)) return false;
	if (here != 0 && isUnasked(connection.lastUnbound.response)) return false;
	for (let i = here - pairs; i != 0; i--) orphanFirst(connection);
	for (let i = count - pairs; i != 0; i--) endUnanswered(connection, false);
	connection.unproven = false;
	for (let i = pairs; i != 0; i--) bindFirst(connection);
	connection.orphans = 0;
	connection.earlyResponses = 0;
	becomeCertain(connection);
	return true;
}

/** It is unknown which of the received responses belong to the first `count` requests. */
function endPart(connection: Connection, count: u32): void {
	while (connection.unboundCount != 0) orphanFirst(connection);
	for (; count != 0 && connection.waiting != NO_EXCHANGE; count--) endUnanswered(connection, false);
}

function placeUnproven(connection: Connection, response: Message): Exchange {
	const waiting = connection.waiting;
	if (waiting == NO_EXCHANGE || !mayAnswer(connection, response, waiting.request)) return makeOrphan(connection, response, REASON_REQUEST_NOT_SEEN);
	return keepUnbound(connection, response);
}

/** `answered`: the client closed the connection, and nothing is missing at its end. */
function endUnproven(connection: Connection, answered: bool): void {
	const count = connection.waitingCount;
	const idle = answered && !connection.responseGap && !connection.requestGap && provesEnd(connection);
	if (idle && trust(connection, count)) return;
	endPart(connection, count);
}

// ---- Unbound responses ----------------------------------------------------------------------------------------------

function appendUnbound(exchange: Exchange): void {
	const connection = exchange.connection;
	exchange.next = NO_EXCHANGE;
	if (connection.lastUnbound != NO_EXCHANGE) connection.lastUnbound.next = exchange;
	else connection.firstUnbound = exchange;
	connection.lastUnbound = exchange;
	connection.unboundCount++;
}

function removeFirst(connection: Connection): Exchange {
	const exchange = connection.firstUnbound;
	if (CHECKED) assert(exchange != NO_EXCHANGE && connection.unboundCount != 0, 'an unbound response is in the list and counted');
	connection.firstUnbound = exchange.next;
	if (connection.firstUnbound == NO_EXCHANGE) connection.lastUnbound = NO_EXCHANGE;
	connection.unboundCount--;
	exchange.next = NO_EXCHANGE;
	exchange.unbound = false;
	return exchange;
}

/** The first unbound response gets the request that waits. */
function bindFirst(connection: Connection): void {
	const exchange = connection.waiting;
	const unbound = removeFirst(connection);
	const response = unbound.response;
	unbound.response = NO_MESSAGE;
	exchanges.freeExchange(unbound);
	exchange.afterGap = false;
	exchanges.bindResponse(exchange, response);
	if (response.ended) exchanges.settle(exchange);
}

/** The first unbound response becomes a row without a request. */
function orphanFirst(connection: Connection): void {
	const exchange = removeFirst(connection);
	const began = connection.unproven && !connection.holed;
	exchanges.beginOrphan(connection, exchange, began ? REASON_CAPTURE_BEGAN : REASON_REQUEST_NOT_SEEN);
	if (exchange.response.ended) exchanges.settle(exchange);
}

/** Drops the unbound responses, with the connection's other rows. */
export function dropUnbound(connection: Connection): void {
	while (connection.unboundCount != 0) exchanges.freeExchange(removeFirst(connection));
}

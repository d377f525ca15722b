// Which response belongs to which request. As long as nothing was lost, order decides: the next response answers the
// oldest waiting request. After a gap it is unknown how many messages were in it, so counting is not enough, and a wrong
// guess would give a response to another's request. What is certain is a turn:
//
// - A client that sends requests one by one waits for each response before it sends the next request. A request that begins
//   after a response has ended is a turn, if the client was seen to take turns and never to pipeline. Everything before it
//   is a separate part: its last requests, after the last gap between requests, and its last responses, after the last gap
//   between responses, belong together, counted from the end.
// - This requires that no response is missing between the last one before the turn and the first one after it. So the part
//   before the turn is decided only when that next response arrives without a gap. Until then its responses stay unbound.
// - If a client pipelines, or the connection was open before the capture, a turn proves nothing. It is trusted only after a
//   silence in which everything owed would have come (silence.ts). Until then nothing is paired, unless every request was
//   seen and one response is missing for each gap, so that the numbers leave no choice.
// - The end of a connection that the client closes is a turn, unless the server closed it first.
// - A response that a server may send without a request (408, an error with `Connection: close`) decides nothing.
//
// Messages without a pair are marked: `unanswered` with `bytes lost` or `capture began`, or `request not seen`. A missed
// pair is acceptable, a wrong one is not.
import { CHECKED } from '../memory/checks';
import { waitingLimit } from '../memory/settings';
import { Connection, Exchange, Message, NO_EXCHANGE, NO_MESSAGE, NO_STREAM, Stream, isClient } from '../memory/state';
import * as exchanges from '../rows/exchanges';
import { moveItems } from '../rows/items';
import * as call from '../wire/call';
import {
	REASON_BYTES_LOST,
	REASON_CAPTURE_BEGAN,
	REASON_MALFORMED,
	REASON_REQUEST_NOT_SEEN,
	STATE_UNANSWERED,
} from '../wire/output-layout';
import { noteOwed, provesEnd, provesIdle } from './silence';

/** Bits of Connection.doubt: requests (responses) were lost, and the consequences are not settled. */
const REQUESTS_LOST: u32 = 1;
const RESPONSES_LOST: u32 = 2;

/**
 * Calls of two threads may arrive in the wrong order, so that a response seems to precede its request. A difference of up to
 * this many nanoseconds is ignored.
 */
const ORDER_NS: u64 = 50_000_000;

/** The shortest message: `GET / HTTP/1.0` or `HTTP/1.1 200`, and two line ends. */
const SHORTEST: u64 = 16;

// ---- Gaps -----------------------------------------------------------------------------------------------------------

/**
 * Bytes were lost in the direction of requests. `one`: the gap contains at least one request, of which `begun` bytes were
 * seen and which has no row; otherwise `begun` bytes were seen of a request that has its row.
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

/** The same in the direction of responses. */
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
 * The gap that has just begun with `begun` bytes of a message is unreadable rather than lost: every byte of it is
 * seen, and its size says nothing about missing messages.
 */
export function sizeNothing(connection: Connection, responses: bool, begun: u64): void {
	if (responses) {
		if (connection.responseGapBytes == begun) connection.responseGapBytes = 0;
	} else if (connection.requestGapBytes == begun) connection.requestGapBytes = 0;
}

/**
 * Decides whether the gap, if it is the only one so far, contains a response. It does if a response would begin there and
 * one is awaited; after `Expect` it may be a 100. This only serves to judge what looks like a response inside a body.
 */
function weighGap(connection: Connection): void {
	const waiting = connection.waiting;
	if (connection.unboundCount != 0) return;
	connection.lostResponses = 0;
	if (!connection.responseGapOne || askedBefore(connection, connection.responseGapTime) == 0) return;
	// The lost response may have answered a lost request.
	if (waiting.afterGap || waiting.request.expectContinue) return;
	connection.lostResponses = 1;
	waiting.responseGapBytes = connection.responseGapBytes;
}

/** Adds bytes skipped after the gap, until the next head was found. */
export function addSkipped(connection: Connection, bytes: u64, responses: bool): void {
	if (responses) connection.responseGapBytes += bytes;
	else connection.requestGapBytes += bytes;
}

/** The end of a request whose beginning was lost has passed: responses so far did not answer that request. */
export function passRequest(connection: Connection): void {
	if (!connection.requestGap || connection.requestGapBegun) return;
	if (connection.lostRequests <= connection.orphans) connection.lostRequests = connection.orphans + 1;
}

/** The capture began in the middle of the connection. */
export function beginMidstream(connection: Connection): void {
	connection.unproven = true;
	connection.doubt = REQUESTS_LOST | RESPONSES_LOST;
}

/** Responses to abandoned requests can no longer be told apart by counting: treats those requests as lost. */
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

/** There is no memory for the row of a request. */
export function dropRequest(connection: Connection, request: Message): void {
	if (connection.doubt == 0 && connection.waiting == NO_EXCHANGE) {
		connection.abandoned++;
		return;
	}
	// Earlier requests wait: counting cannot tell their responses from its own.
	const before = connection.requestGap ? connection.lostRequests : 0;
	connection.holed = true;
	loseRequests(connection, request.wireBytes, true, 0);
	connection.lostRequests = before + 1;
}

/** Whether a response to a waiting request is possible now. Requests whose response was lost no longer count. */
export function mayBeAnswered(connection: Connection): bool {
	return askedBefore(connection, call.time) > connection.unboundCount + connection.lostResponses;
}

/** Whether a response may answer a request that was not seen. */
export function mayBeUnseen(connection: Connection): bool {
	return (connection.doubt & REQUESTS_LOST) != 0;
}

// ---- Messages -------------------------------------------------------------------------------------------------------

/** A request has its row. `quiet`: no response is being received now. */
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
	// The request arrives late: a later response answered an earlier request, and another response had begun between the two.
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
		// Everything before was answered and nothing was missing, so this client takes turns.
		if (connection.doubt == 0 && connection.waiting == exchange && quiet && connection.responsesBegun != 0) connection.turns = true;
		return;
	}
	connection.requestGap = false;
	const bytes = connection.requestGapBytes;
	// There are too few bytes for a request.
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

/** Updates the length of the stream's shortest message: from its beginning to the next one's, if no gap lies between. */
function measure(stream: Stream, message: Message, gap: bool): void {
	const begin = stream.lastStart;
	const comparable = stream.measured && !gap && message.startOffset > begin;
	stream.lastStart = message.startOffset;
	stream.measured = true;
	const length = message.startOffset - begin;
	if (comparable && (stream.shortest == 0 || length < stream.shortest)) stream.shortest = length;
}

/**
 * The head of a final response is complete. The response is bound to its request, gets its own row, or stays unbound until
 * its request is certain. Returns its row for now; NO_EXCHANGE if it is to be dropped.
 */
export function placeResponse(connection: Connection, response: Message): Exchange {
	connection.responsesBegun++;
	measure(connection.responses, response, connection.responseGap);
	notePipelining(connection, response);
	if (isTooSoon(connection, connection.responseStart, connection.requestStart, response.startTime)) connection.pipelining = true;
	connection.responseBefore = connection.responseStart;
	connection.responseStart = response.startTime;
	// After a loss, the silence before it may not have been one, or this response may not have been owed then.
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
 * The first response on a connection seen from its beginning answers the first request, even if it came first: the server
 * wrote it without reading. A 408 does not, because it answers a client that sent nothing.
 */
function isEarly(connection: Connection, response: Message): bool {
	return connection.responsesBegun == 1 && connection.requestStart == 0 && connection.doubt == 0 && response.status != 408;
}

/** The same for a request whose row was created while the response waited. */
function areFirst(connection: Connection, response: Message, request: Message): bool {
	return connection.responsesBegun == 1 && request.startOffset == 0 && connection.doubt == 0 && response.status != 408;
}

/** Whether the response may answer the request, judging by their times. */
function mayAnswer(connection: Connection, response: Message, request: Message): bool {
	if (request.startTime <= response.startTime) return true;
	// The sending thread of a client may return from its call after the other thread has received the answer. A server
	// writes only after it has returned from reading.
	return isClient(connection) && request.tid != response.tid && request.startTime <= response.startTime + ORDER_NS;
}

/**
 * Whether a message that began at `time` followed the previous one in its direction (begun at `before`) so closely that no
 * message of the other direction fits between. `other`: when the last one of the other direction began.
 */
function isTooSoon(connection: Connection, before: u64, other: u64, time: u64): bool {
	if (before == 0 || (other > before && other < time)) return false;
	// Until it is known how long a response takes, any time is too short.
	return connection.fastest == 0 || time - min<u64>(before, time) <= connection.fastest >> 1;
}

/** Notes pipelining: two waiting requests began between the previous response and this one, and no response was missed. */
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
	if (exchange == NO_EXCHANGE) {
		// Responses are counted from a gap on.
		connection.holed = true;
		loseResponses(connection, response.wireBytes, true, 0);
		return exchange;
	}
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
 * The connection has ended. `whole`: its ends are known, and bytes missing there are counted. `answered`: the client
 * closed it, so everything it had asked for was answered.
 */
export function endDoubt(connection: Connection, whole: bool, answered: bool): void {
	if (connection.doubt == 0 && connection.unboundCount == 0) return;
	if (connection.unproven) {
		endUnproven(connection, whole && answered);
		return;
	}
	settleUnread(connection);
	if (connection.unboundCount != 0) {
		// It is unknown whether one more was lost at the end.
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

/**
 * No more responses will come. If nothing was lost and some messages were merely unreadable, the responses answer the
 * requests if their numbers are equal.
 */
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

/** Pairing is certain: binds the response to the oldest waiting request. */
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
	// Not for the first response, which may have been written unasked.
	if (connection.responsesBegun > 1 && (connection.fastest == 0 || took < connection.fastest)) connection.fastest = took;
	exchanges.bindResponse(exchange, response);
}

function makeOrphan(connection: Connection, response: Message, reason: i32): Exchange {
	// If a request waits, the gap before it is known already.
	if (connection.waiting == NO_EXCHANGE) {
		connection.orphans++;
		connection.earlyResponses++;
		connection.earlyStart = response.startTime;
	}
	const exchange = exchanges.newExchange(connection);
	if (exchange == NO_EXCHANGE) return exchange;
	response.guess = true;
	exchange.response = response;
	response.exchange = exchange;
	exchanges.beginOrphan(connection, exchange, reason);
	return exchange;
}

/** The head of the first request is complete and its response has already arrived: joins both in one row. */
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

/** The first request was lost, and the early response answered it. */
function leaveEarly(connection: Connection): void {
	const exchange = connection.early;
	connection.early = NO_EXCHANGE;
	exchanges.settle(exchange);
}

/** Number of waiting requests that began before `time`. */
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
 * Another response begins at `time`, or none will. If a request began after the previous response had ended, everything
 * before that request is decided.
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
		// Something is missing at the turn, and it is unknown on which side of it.
		// Responses beyond those that answer the earlier requests may belong to requests lost in that gap.
		const lost = turn.afterGap ? turn.lostBefore : 0;
		if (isDoubtful(connection, count, lost, connection.responseGap && connection.responseGapOne ? 1 : 0)) {
			distrust(connection, count);
			return;
		}
		if (turn.afterGap) turn.orphansBefore += spareResponses(connection, count);
		giveUp(connection, count);
	} else if (turn.idle && trust(connection, count)) {
		return;
	} else if (connection.overlapping || !isClean(connection, count) || !settle(connection, count)) {
		// Not all earlier requests were answered, or more was lost than is known. The next turn may tell.
		const holed = connection.holed;
		giveUp(connection, count);
		turn.afterGap = true;
		connection.doubt |= REQUESTS_LOST;
		connection.holed = holed;
	}
}

/**
 * How many of the unbound responses may answer requests other than the first `count`: those among the first whose
 * response was not lost have one of these.
 */
function spareResponses(connection: Connection, count: u32): u32 {
	const here = connection.unboundCount;
	let ones: i64 = 0;
	let begun: i64 = 0;
	let bytes: u64 = 0;
	for (let unbound = connection.firstUnbound; unbound != NO_EXCHANGE; unbound = unbound.next) {
		if (!unbound.afterGap) continue;
		bytes += unbound.responseGapBytes;
		if (unbound.gapBegun) begun++;
		else ones++;
	}
	// A gap may have no size.
	if (ones + begun != 0 && !wasLost(connection)) return here;
	const lost = max<i64>(ones, <i64>(bytes / shortestOf(connection.responses)) - begun);
	return <u32>min<i64>(here, max<i64>(0, here + lost - count));
}

/** Whether none of the first `count` requests began while one of the responses was being received. */
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
 * The first `count` waiting requests have all been answered, and no response was lost after the last one. Pairs them
 * from the end; earlier ones stay alone. Returns false if the numbers do not fit.
 */
function settle(connection: Connection, count: u32): bool {
	if (connection.stray || isUnasked(connection.lastUnbound.response)) return false;
	const here = connection.unboundCount;
	const requests = requestsAfterGap(connection, count);
	const responses = responsesAfterGap(connection);
	const requestsLost = requests != count || startsAfterGap(connection);
	const responsesLost = responses != here || connection.firstUnbound.afterGap;
	if (!responsesLost && <i64>here - count < lostBefore(connection, count)) {
		// A request was not answered when the next one began, so this client takes no turns.
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
 * Whether a server may send the response unasked, or for bytes that are not a request: a 408 to a client that sent nothing,
 * or an error after which it closes because it could not read what was sent.
 */
function isUnasked(response: Message): bool {
	return response.status == 408 || (response.status >= 400 && response.close);
}

/** Minimum number of requests lost before the first `count` whose responses are not accounted for. */
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
 * Whether turns prove nothing here, because the client was not seen to take any or was seen to pipeline. The part before
 * this turn is then certain only if only responses were lost, and as many as there are gaps: a response never precedes its
 * request. If nothing was lost and messages were merely unreadable, one for each of those is enough. At the turn itself
 * up to `before` requests and `after` responses more may be missing.
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
	// The client may have begun to pipeline there.
	if (crowded || !fitIn(connection, gapBytes, begun, <i64>count - here)) return true;
	// If both requests and responses are missing, the client's habit may have changed there.
	if (connection.turns && !connection.pipelining && !(connection.holed && requestsLost && responsesLost)) return false;
	if (!requestsLost && missing == 0) return false;
	if (connection.holed) return true;
	const fits = missing - after <= 0 && missing + before >= 0;
	return !fits && (count > 1 || here > 1 || connection.pipelining);
}

/**
 * Whether `hidden` responses fit into the lost bytes, of which `begun` were seen in part. If not, several requests
 * waited at once.
 */
function fitIn(connection: Connection, bytes: u64, begun: i64, hidden: i64): bool {
	if (hidden <= 0 || (hidden == 1 && begun == 0) || !wasLost(connection)) return true;
	const shortest = shortestOf(connection.responses);
	return hidden <= <i64>(bytes / shortest) - begun;
}

function startsAfterGap(connection: Connection): bool {
	return connection.waiting != NO_EXCHANGE && connection.waiting.afterGap;
}

/** Among the first `count` waiting requests, the number from the last one after a gap on. */
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

/** Whether each of `pairs` responses begins after its request. */
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

/** `own`: the lost bytes belong to its response. */
function endUnanswered(connection: Connection, own: bool): void {
	const exchange = connection.waiting;
	if (own && connection.doubt == RESPONSES_LOST) exchange.lostBytes = exchange.responseGapBytes;
	exchanges.finish(exchange, STATE_UNANSWERED, doubtReason(connection));
}

/** REASON_* for requests still waiting when responses end for `reason`: a lost response may have answered them. */
export function unansweredReason(connection: Connection, reason: i32): i32 {
	return connection.doubt & RESPONSES_LOST ? doubtReason(connection) : reason;
}

/** REASON_* for uncertain pairing. */
function doubtReason(connection: Connection): i32 {
	if (connection.unproven && !connection.holed) return REASON_CAPTURE_BEGAN;
	return wasLost(connection) ? REASON_BYTES_LOST : REASON_MALFORMED;
}

/** Whether pairing is uncertain because of a loss and not only because of unreadable messages. */
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
	// A gap right before the next response is not settled by earlier messages.
	if (!connection.responseGap) return;
	connection.doubt |= RESPONSES_LOST;
	weighGap(connection);
}

// ---- Without proof --------------------------------------------------------------------------------------------------

/** Leaves the responses so far and the first `count` requests alone; from now on only a silence proves anything. */
function distrust(connection: Connection, count: u32): void {
	connection.holed = true;
	endPart(connection, count);
	connection.unproven = true;
	connection.doubt = REQUESTS_LOST | RESPONSES_LOST;
}

/** An unknown number of bytes moved unseen: only a silence shows to whom later messages belong. */
export function loseCount(connection: Connection): void {
	connection.holed = true;
	connection.unproven = true;
	connection.doubt = REQUESTS_LOST | RESPONSES_LOST;
}

/** Whether nothing was owed when the request began. */
function isIdle(exchange: Exchange): bool {
	const connection = exchange.connection;
	// More requests wait than responses came: a response is owed or was lost.
	const lacking = connection.waitingCount - 1 > connection.unboundCount;
	if (lacking && !connection.holed) return false;
	return !connection.requestGap && provesIdle(connection, exchange.request, lacking);
}

/**
 * Another response begins at `time`. A request that began after the previous response had ended is a turn if a silence
 * proves it: then everything waiting before it was answered, and this response is the request's. Without proof, everything
 * before it stays alone, so that rows need not wait for ever.
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
		// Any waiting request may have been answered in the gap.
		for (let waiting = connection.waiting; waiting != NO_EXCHANGE; waiting = nextWaiting(waiting)) waiting.idle = false;
	}
	if (turn == NO_EXCHANGE || turn.request.startTime > time) {
		if (missed) endPart(connection, 0);
	} else if (!turn.idle) {
		if (here != 0) endPart(connection, count);
	} else if (!trust(connection, count)) {
		// Some of what was before it was lost.
		endPart(connection, count);
		trust(connection, 0);
	}
}

/**
 * Nothing was owed after the first `count` waiting requests. Pairs them from the end; anything before the last gap
 * stays alone. Returns false if that is impossible.
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

/** Leaves the received responses and the first `count` requests alone, because their pairing is unknown. */
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

/** Binds the first unbound response to the oldest waiting request. */
function bindFirst(connection: Connection): void {
	const exchange = connection.waiting;
	const unbound = removeFirst(connection);
	const response = unbound.response;
	unbound.response = NO_MESSAGE;
	moveItems(unbound, exchange);
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

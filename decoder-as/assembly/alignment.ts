// Which response belongs to which request. As long as nothing was lost, order decides: the next response answers the
// oldest request that waits. After a gap of which nobody knows how many messages it held, counting is not enough, and a
// wrong guess would give a response to another's request. Then responses are kept unbound until the answer is certain:
//
// - A response cannot begin before its request. When only responses were lost, this bounds how many; as soon as the bound
//   is what the gap must have held at least, all have their places.
// - A client that does not pipeline sends a request only when the one before has been answered: a response and the last
//   request before it belong together when no request was lost between that one and the next, which began after the
//   response had ended; and so on backwards to the gap. On a connection that was seen pipelining this holds only when
//   messages of the size of the others make up the bytes that are missing.
// - The end of a connection that the client closes is such a point too.
//
// What stays without a place is said to be so: `unanswered` with `bytes lost`, or `request not seen`.
import * as call from './call';
import * as exchanges from './exchanges';
import { REASON_BYTES_LOST, STATE_UNANSWERED } from './output-layout';
import { waitingLimit } from './settings';
import { Connection, Exchange, Message, NO_EXCHANGE, NO_MESSAGE } from './state';

/** Bits of Connection.doubt: requests, responses were lost and not all is settled. */
const REQUESTS_LOST: u32 = 1;
const RESPONSES_LOST: u32 = 2;
/** More lost messages than this in one gap are never told by their sizes. */
const MOST_BY_SIZE: u64 = 16;

/** A request takes this many bytes at least. */
const SHORTEST_REQUEST: u64 = 16;
/** So many responses are kept while nothing can be told about them, on a connection that does not pipeline. */
const KEPT_UNBOUND: u32 = 4;

// ---- Gaps -----------------------------------------------------------------------------------------------------------

/**
 * Bytes were lost in the requests' direction. `one`: the gap holds a request at least, of which `begun` bytes were seen and
 * no row was made; else `begun` bytes were seen of a request that has its row.
 */
export function loseRequests(connection: Connection, bytes: u64, one: bool, begun: u64): void {
	connection.doubt |= REQUESTS_LOST;
	if (!connection.requestGap) {
		connection.requestGap = true;
		connection.lostRequests = one ? 1 : 0;
		connection.requestGapBytes = 0;
		connection.requestGapBegun = one ? 0 : begun;
	} else if (bytes >= SHORTEST_REQUEST) {
		// A second gap before any request was found: it may have held one more.
		connection.lostRequests++;
	}
	connection.requestGapBytes += one ? bytes + begun : bytes;
	keepAbandoned(connection);
}

/** … in the responses' direction. */
export function loseResponses(connection: Connection, bytes: u64, one: bool, begun: u64): void {
	connection.doubt |= RESPONSES_LOST;
	if (!connection.responseGap) {
		connection.responseGap = true;
		connection.responseGapOne = false;
		connection.responseGapBytes = 0;
		connection.responseGapBegun = one ? 0 : begun;
	}
	connection.responseGapBytes += one ? bytes + begun : bytes;
	if (one) connection.responseGapOne = true;
	connection.responseGapTime = call.time;
	weighGap(connection);
	keepAbandoned(connection);
}

/**
 * How many responses did the gap hold that is the only one for now? Where a response would begin, and one is waited for,
 * it holds one at least; after `Expect` that may be a 100.
 */
function weighGap(connection: Connection): void {
	const waiting = connection.waiting;
	if (connection.unboundCount != 0) return;
	connection.lostResponses = 0;
	if (!connection.responseGapOne || askedBefore(connection, connection.responseGapTime) == 0) return;
	// What was lost may have answered a request that was lost.
	if (waiting.afterGap || waiting.request.expectContinue) return;
	connection.lostResponses = 1;
	waiting.gapBytes = connection.responseGapBytes;
}

/** Bytes after the gap that were of no use before the next head was found. */
export function addSkipped(connection: Connection, bytes: u64, responses: bool): void {
	if (responses) connection.responseGapBytes += bytes;
	else connection.requestGapBytes += bytes;
}

/** The end of a request whose beginning was lost passes by: what came so far was no answer to that one. */
export function passRequest(connection: Connection): void {
	if (!connection.requestGap || connection.requestGapBegun != 0 || connection.midstream) return;
	if (connection.lostRequests <= connection.orphans) connection.lostRequests = connection.orphans + 1;
}

/** The capture began in the middle of the connection. */
export function beginMidstream(connection: Connection): void {
	loseRequests(connection, 0, false, 0);
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

/** A request's row is about to be made. `quiet`: no response is on its way at this moment. */
export function beforeRequest(connection: Connection, request: Message, quiet: bool): void {
	const last = connection.last;
	if (last != NO_EXCHANGE && exchanges.isWaiting(last)) {
		if (last.request.startTime == request.startTime) connection.pipelining = true;
		// Nothing has come since the request before: this one did not wait for it.
		if (quiet && connection.doubt == REQUESTS_LOST && connection.unboundCount == 0) connection.pipelining = true;
	}
	// Only now it is known that no request was lost after the last one.
	if (connection.unboundCount == 0 || connection.requestGap) return;
	// One that began before the response, and is complete only now, was waiting with the others.
	if (request.startTime < connection.lastUnbound.response.startTime) return;
	countMissing(connection);
	if (!quiet || connection.unboundCount == 0 || connection.pipelining) return;
	const response = connection.lastUnbound.response;
	const count = askedBefore(connection, response.startTime);
	if (count == connection.waitingCount && response.endTime <= request.startTime) alignUpTo(connection, count, true, false);
}

/** The row was made. */
export function afterRequest(exchange: Exchange, quiet: bool): void {
	const connection = exchange.connection;
	const orphans = connection.orphans;
	connection.orphans = 0;
	if (!connection.requestGap) return;
	connection.requestGap = false;
	if (connection.lostRequests == 0 && connection.requestGapBytes < SHORTEST_REQUEST && !connection.midstream) {
		becomeCertain(connection);
		return;
	}
	exchange.afterGap = true;
	exchange.lostBefore = connection.lostRequests;
	exchange.orphansBefore = orphans;
	exchange.gapBytes = connection.requestGapBytes;
	exchange.gapBegun = connection.requestGapBegun;
	if (quiet && connection.doubt == REQUESTS_LOST && connection.waiting == exchange) trustFirst(connection);
}

/**
 * The head of a final response is complete: it is bound to its request, made a row of its own, or kept until that is
 * certain. Answers the row it belongs to for now: NO_EXCHANGE when nobody wants it.
 */
export function placeResponse(connection: Connection, response: Message): Exchange {
	connection.responsesBegun++;
	if (connection.abandoned != 0) {
		connection.abandoned--;
		return NO_EXCHANGE;
	}
	if (connection.unboundCount != 0) alignBefore(connection, response.startTime);
	const waiting = connection.waiting;
	if (!(connection.doubt & RESPONSES_LOST) && connection.unboundCount == 0) {
		if (waiting == NO_EXCHANGE) return makeOrphan(connection, response);
		if (waiting.afterGap && response.startTime < waiting.request.startTime) {
			waiting.orphansBefore++;
			return makeOrphan(connection, response);
		}
		if (waiting.afterGap) trustFirst(connection);
		if (!waiting.afterGap) {
			bind(waiting, response);
			return waiting;
		}
	}
	const exchange = exchanges.newExchange(connection);
	if (exchange == NO_EXCHANGE) return exchange;
	response.guess = true;
	exchange.response = response;
	response.exchange = exchange;
	exchange.unbound = true;
	exchange.afterGap = connection.responseGap;
	exchange.gapBytes = connection.responseGapBytes;
	exchange.gapBegun = connection.responseGapBegun;
	connection.responseGap = false;
	appendUnbound(exchange);
	if (connection.unboundCount > waitingLimit) orphanFirst(connection);
	return exchange;
}

/**
 * The connection has ended. `whole`: its ends are known, and what is missing there has been counted. `answered`: it was
 * the client that closed it, so that everything it asked for had been answered.
 */
export function endDoubt(connection: Connection, whole: bool, answered: bool): void {
	if (connection.doubt == 0 && connection.unboundCount == 0) return;
	if (connection.unboundCount != 0) alignBefore(connection, u64.MAX_VALUE);
	if (connection.unboundCount != 0 && whole && connection.requestGap) {
		const bytes = connection.requestGapBytes;
		const lost = lostBefore(bytes, connection.requestGapBegun, connection.smallestRequest, connection.largestRequest);
		if (lost >= 0 && !connection.responseGap) alignBySize(connection, connection.waitingCount, lost);
	} else if (connection.unboundCount != 0 && whole) {
		countMissing(connection);
		if (connection.unboundCount != 0 && !connection.responseGap) {
			alignUpTo(connection, connection.waitingCount, answered, true);
		}
	}
	if (connection.unboundCount != 0) giveUp(connection);
	if (!(connection.doubt & RESPONSES_LOST)) return;
	// The last responses were lost.
	while (connection.waiting != NO_EXCHANGE) endUnanswered(connection, false);
}

/** Whose interim response is it? NO_EXCHANGE when that is not certain. */
export function placeInterim(connection: Connection): Exchange {
	if (connection.abandoned != 0) return NO_EXCHANGE;
	if (connection.unboundCount != 0) alignBefore(connection, call.time);
	const waiting = connection.waiting;
	const certain = connection.unboundCount == 0 && !(connection.doubt & RESPONSES_LOST);
	return certain && waiting != NO_EXCHANGE && !waiting.afterGap ? waiting : NO_EXCHANGE;
}

// ---- Decisions ------------------------------------------------------------------------------------------------------

function bind(exchange: Exchange, response: Message): void {
	const next = exchange.next;
	if (next != NO_EXCHANGE && next.request != NO_MESSAGE && next.request.startTime <= response.startTime) {
		exchange.connection.pipelining = true;
	}
	exchanges.bindResponse(exchange, response);
}

function makeOrphan(connection: Connection, response: Message): Exchange {
	const exchange = exchanges.newExchange(connection);
	if (exchange == NO_EXCHANGE) return exchange;
	response.guess = true;
	exchange.response = response;
	response.exchange = exchange;
	// Others belong to a gap that is already known to lie before a request.
	if (connection.waiting == NO_EXCHANGE) connection.orphans++;
	exchanges.beginOrphan(connection, exchange);
	return exchange;
}

/**
 * Only requests were lost, right before the oldest that waits, and no other response is waited for: were the lost ones
 * all answered when it began?
 */
function trustFirst(connection: Connection): void {
	const first = connection.waiting;
	if (connection.doubt != REQUESTS_LOST || connection.unboundCount != 0) return;
	if (first.orphansBefore < first.lostBefore || connection.responseEnd > first.request.startTime) return;
	if (!holdsNoMore(first)) return;
	first.afterGap = false;
	becomeCertain(connection);
}

/**
 * Is the gap before the request too small for one request more than were answered, if those lost were not much smaller
 * than the smallest seen? `begun` bytes are of one that has its row.
 */
function holdsNoMore(exchange: Exchange): bool {
	const bytes = exchange.gapBytes + exchange.gapBegun;
	if (bytes == 0) return true;
	const smallest = min<u64>(exchange.connection.smallestRequest, exchange.request.wireBytes);
	const possible = <u64>exchange.orphansBefore + (exchange.gapBegun != 0 ? 2 : 1);
	return bytes * 4 < possible * smallest * 3;
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
 * Only responses were lost: one can be the answer to none that was sent later than it. Is that bound what the gap held at
 * the least?
 */
function countMissing(connection: Connection): void {
	if (connection.doubt != RESPONSES_LOST || responsesAfterGap(connection) != connection.unboundCount) return;
	let most = i32.MAX_VALUE;
	let before: i32 = 0;
	for (let unbound = connection.firstUnbound; unbound != NO_EXCHANGE; unbound = unbound.next) {
		before++;
		most = min<i32>(most, <i32>askedBefore(connection, unbound.response.startTime) - before);
	}
	if (before != 0 && most == <i32>connection.lostResponses) assign(connection, <u32>(most + before), before);
}

/**
 * Another response begins at `time`, or none will: did a request begin between, after the last one before had ended, and
 * was none lost?
 */
function alignBefore(connection: Connection, time: u64): void {
	const response = connection.lastUnbound.response;
	const count = askedBefore(connection, response.startTime);
	let next = connection.waiting;
	for (let i: u32 = 0; i < count; i++) next = nextWaiting(next);
	if (next == NO_EXCHANGE || next.request.startTime < response.endTime || next.request.startTime > time) return;
	// A request lost between the two may be whom the response answers.
	if (next.afterGap) {
		const lost = requestsLostBefore(next);
		if (lost >= 0 && !connection.responseGap && alignBySize(connection, count, lost)) next.orphansBefore += lost;
		else giveUpBefore(connection, count);
		return;
	}
	if (!connection.pipelining || !connection.responseGap) alignUpTo(connection, count, true, !connection.responseGap);
	// Everything before that request was answered: what is certain from here on need not wait for what never will be.
	if (connection.unboundCount >= KEPT_UNBOUND && !connection.pipelining) giveUpBefore(connection, count);
}

function bindFirst(connection: Connection): void {
	const exchange = connection.waiting;
	const response = takeFirst(connection);
	bind(exchange, response);
	exchange.afterGap = false;
	if (response.ended) exchanges.settle(exchange);
}

/**
 * The first `count` requests that wait had all been answered: places are counted from the back. `answered`: nobody
 * doubts it; `followed`: no response was lost after the last that came.
 */
function alignUpTo(connection: Connection, count: u32, answered: bool, followed: bool): void {
	const here = connection.unboundCount;
	if (!allEnded(connection) || count == 0) return;
	const requests = requestsAfterGap(connection, count);
	const responses = responsesAfterGap(connection);
	const pairs = min<u32>(requests, responses);
	if (!connection.pipelining && overlapping(connection, count, pairs)) connection.pipelining = true;
	if (connection.pipelining || !answered) {
		if (followed) alignBySize(connection, count, 0);
		return;
	}
	const requestsLost = requests != count || connection.waiting.afterGap;
	const responsesLost = responses != here || connection.firstUnbound.afterGap;
	// How many requests before the last ones stay without a response, and how many the gap accounts for.
	const alone = count - pairs;
	let sure = alone == 0 || (followed && alone <= connection.lostResponses);
	if (!requestsLost && responsesLost) {
		if (count < here) return;
		// The gap need not have held what it seemed to, when nobody pipelines; one more is not much.
		sure = count - here <= connection.lostResponses || (followed && count - here == 1);
	} else if (requestsLost && !responsesLost) {
		const lost = <i64>here - count + connection.waiting.orphansBefore;
		if (here < count || lost < <i64>connection.waiting.lostBefore) return;
		sure = true;
	} else if (!requestsLost && here != count) {
		return;
	}
	if (sure) assign(connection, count, pairs);
	else if (followed) alignBySize(connection, count, 0);
}

/**
 * Did, of the last `pairs` of the first `count` requests, one begin before the response to the one before had ended, or
 * before the last response that would stay without a request?
 */
function overlapping(connection: Connection, count: u32, pairs: u32): bool {
	if (pairs > count || pairs > connection.unboundCount || pairs == 0) return false;
	let exchange = connection.waiting;
	for (let i = count - pairs; i != 0; i--) exchange = nextWaiting(exchange);
	let unbound = connection.firstUnbound;
	for (let i = connection.unboundCount - pairs; i != 0; i--) {
		if (exchange.request.startTime < unbound.response.endTime) return true;
		unbound = unbound.next;
	}
	for (let i: u32 = 1; i < pairs; i++) {
		exchange = nextWaiting(exchange);
		if (exchange.request.startTime < unbound.response.endTime) return true;
		unbound = unbound.next;
	}
	return false;
}

function allEnded(connection: Connection): bool {
	for (let exchange = connection.firstUnbound; exchange != NO_EXCHANGE; exchange = exchange.next) {
		if (!exchange.response.ended) return false;
	}
	return true;
}

/**
 * How many messages did a gap of `bytes` hold, when they were of the size of those seen? `begun` bytes were seen of one
 * that is not counted. -1: that cannot be told.
 */
function lostBefore(bytes: u64, begun: u64, smallest: u64, largest: u64): i32 {
	const typical = (smallest + largest) >> 1;
	if (typical == 0) return -1;
	const all = bytes + begun;
	const count = (all + (typical >> 1)) / typical;
	// The sizes must lie so close together that no other number is possible.
	if (count > MOST_BY_SIZE || count * (largest - smallest) * 2 > typical) return -1;
	const exact = count * typical;
	const off = exact > all ? exact - all : all - exact;
	if (off * 3 > typical) return -1;
	if (begun == 0) return <i32>count;
	return count == 0 ? -1 : <i32>count - 1;
}

/**
 * All gaps weighed: do the lost messages make an equal number of requests and responses, up to the first `count` requests
 * and `tail` that were lost after them? Then each has its number, and equal numbers belong together.
 */
function alignBySize(connection: Connection, count: u32, tail: i32): bool {
	let requests: i32 = count + tail;
	let exchange = connection.waiting;
	for (let i: u32 = 0; i < count; i++) {
		const lost = requestsLostBefore(exchange);
		if (lost < 0) return false;
		requests += lost;
		exchange = nextWaiting(exchange);
	}
	let responses: i32 = connection.unboundCount;
	for (let unbound = connection.firstUnbound; unbound != NO_EXCHANGE; unbound = unbound.next) {
		const lost = responsesLostBefore(unbound);
		if (lost < 0) return false;
		responses += lost;
	}
	if (requests != responses || !allEnded(connection)) return false;
	placeByNumber(connection, count, false);
	if (placedOutOfOrder) return false;
	placeByNumber(connection, count, true);
	becomeCertain(connection);
	return true;
}

let placedOutOfOrder = false;

/** Walks requests and responses by their numbers; `act`: binds them, else only checks that times allow it. */
function placeByNumber(connection: Connection, count: u32, act: bool): void {
	placedOutOfOrder = false;
	let exchange = connection.waiting;
	let unbound = connection.firstUnbound;
	let request: i32 = count == 0 ? 0 : requestsLostBefore(exchange);
	let response: i32 = unbound == NO_EXCHANGE ? 0 : responsesLostBefore(unbound);
	while (count != 0 || unbound != NO_EXCHANGE) {
		const pair = count != 0 && unbound != NO_EXCHANGE && request == response;
		const alone = !pair && (unbound == NO_EXCHANGE || (count != 0 && request < response));
		const nextRequest = pair || alone ? nextWaiting(exchange) : exchange;
		const nextUnbound = alone ? unbound : unbound.next;
		if (pair && unbound.response.startTime < exchange.request.startTime) placedOutOfOrder = true;
		if (act) {
			if (pair) bindFirst(connection);
			else if (alone) endUnanswered(connection, false);
			else orphanFirst(connection);
		}
		if (pair || alone) {
			count--;
			exchange = nextRequest;
			if (count != 0) request += 1 + requestsLostBefore(exchange);
		}
		if (!alone) {
			unbound = nextUnbound;
			if (unbound != NO_EXCHANGE) response += 1 + responsesLostBefore(unbound);
		}
	}
}

/** Requests lost right before this one and not answered by a response that came before it; -1: unknown. */
function requestsLostBefore(exchange: Exchange): i32 {
	if (!exchange.afterGap) return 0;
	const connection = exchange.connection;
	const lost = lostBefore(exchange.gapBytes, exchange.gapBegun, connection.smallestRequest, connection.largestRequest);
	if (lost < 0 || lost < <i32>exchange.lostBefore) return -1;
	return max<i32>(lost - <i32>exchange.orphansBefore, -1);
}

function responsesLostBefore(unbound: Exchange): i32 {
	if (!unbound.afterGap) return 0;
	const connection = unbound.connection;
	return lostBefore(unbound.gapBytes, unbound.gapBegun, connection.smallestResponse, connection.largestResponse);
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

/**
 * Of the first `count` requests that wait, the last `pairs` get the last `pairs` responses; what is before them stays
 * alone. Then all is certain again.
 */
function assign(connection: Connection, count: u32, pairs: u32): void {
	if (pairs > count) pairs = count;
	if (pairs > connection.unboundCount) pairs = connection.unboundCount;
	const alone = count - pairs;
	if (!inOrder(connection, alone, connection.unboundCount - pairs, pairs)) {
		giveUpBefore(connection, count);
		return;
	}
	while (connection.unboundCount > pairs) orphanFirst(connection);
	for (let i: u32 = 0; i < alone; i++) endUnanswered(connection, alone == 1);
	while (connection.unboundCount != 0) bindFirst(connection);
	becomeCertain(connection);
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

/** Nothing more can be found out: nobody gets what may be another's. */
function giveUp(connection: Connection): void {
	giveUpBefore(connection, connection.waitingCount);
}

/** … of the responses that came and the first `count` requests. */
function giveUpBefore(connection: Connection, count: u32): void {
	let next = connection.waiting;
	for (let i: u32 = 0; i < count && next != NO_EXCHANGE; i++) next = nextWaiting(next);
	// One after the other: when the response to the one that waits was lost, the one that came is that of the lost request,
	// so that all were answered.
	const single = next != NO_EXCHANGE && count <= 1 && connection.unboundCount == 1;
	if (single && connection.lostResponses != 0) next.orphansBefore++;
	while (connection.unboundCount != 0) orphanFirst(connection);
	for (let i: u32 = 0; i < count && connection.waiting != NO_EXCHANGE; i++) endUnanswered(connection, false);
	becomeCertain(connection);
}

/** `own`: the lost bytes were those of its response. */
function endUnanswered(connection: Connection, own: bool): void {
	const exchange = connection.waiting;
	if (own && connection.doubt == RESPONSES_LOST) exchange.lostBytes = exchange.gapBytes;
	exchanges.finish(exchange, STATE_UNANSWERED, REASON_BYTES_LOST);
}

function becomeCertain(connection: Connection): void {
	let lost = connection.requestGap;
	for (let exchange = connection.waiting; exchange != NO_EXCHANGE; exchange = nextWaiting(exchange)) {
		lost = lost || exchange.afterGap;
	}
	connection.doubt = lost ? REQUESTS_LOST : 0;
	connection.lostResponses = 0;
	// A gap right before the next response is not settled by what came before it.
	if (!connection.responseGap) return;
	connection.doubt |= RESPONSES_LOST;
	weighGap(connection);
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
	connection.firstUnbound = exchange.next;
	if (connection.firstUnbound == NO_EXCHANGE) connection.lastUnbound = NO_EXCHANGE;
	connection.unboundCount--;
	exchange.next = NO_EXCHANGE;
	exchange.unbound = false;
	return exchange;
}

/** The first unbound response without its row. */
function takeFirst(connection: Connection): Message {
	const exchange = removeFirst(connection);
	const response = exchange.response;
	exchange.response = NO_MESSAGE;
	exchanges.freeExchange(exchange);
	return response;
}

/** The first unbound response becomes a row without a request. */
function orphanFirst(connection: Connection): void {
	const exchange = removeFirst(connection);
	exchanges.beginOrphan(connection, exchange);
	if (exchange.response.ended) exchanges.settle(exchange);
}

/** They are forgotten, with the connection's other rows. */
export function dropUnbound(connection: Connection): void {
	while (connection.unboundCount != 0) exchanges.freeExchange(removeFirst(connection));
}

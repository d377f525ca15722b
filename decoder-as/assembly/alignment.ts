// Which response belongs to which request. As long as nothing was lost, order decides: the next response answers the
// oldest request that waits. After a gap of which nobody knows how many messages it held, counting is not enough, and a
// wrong guess would give a response to another's request. Then responses are kept unbound until the answer is certain:
//
// - A response cannot begin before its request. When only responses were lost, this bounds how many; as soon as the bound
//   is what the gap must have held at least, all have their places.
// - A request that begins when everything before it has been answered (no response is on its way, and a client that does
//   not pipeline sends only then) is a point from which the last response and the last request before it belong together,
//   and so on backwards to the gap. On a connection that was seen pipelining this holds only when messages of the size of
//   the others make up the bytes that are missing.
// - The end of a connection that the client closes is such a point too.
//
// What stays without a place is said to be so: `unanswered` with `bytes lost`, or `request not seen`.
import * as call from './call';
import { batch, makeDue } from './connections';
import * as exchanges from './exchanges';
import { REASON_BYTES_LOST, STATE_UNANSWERED } from './output-layout';
import { waitingLimit } from './settings';
import { Connection, Exchange, Message, NO_EXCHANGE, NO_MESSAGE } from './state';

/** Bits of Connection.doubt: requests, responses were lost and not all is settled. */
const REQUESTS_LOST: u32 = 1;
const RESPONSES_LOST: u32 = 2;
/** More lost messages than this are never told by their sizes. */
const MOST_BY_SIZE: u64 = 8;
/** … when the connection did not end as one whose client had all it wanted. */
const MOST_BY_SIZE_AT_END: u64 = 2;

// ---- Gaps -----------------------------------------------------------------------------------------------------------

/**
 * Bytes were lost in the requests' direction. `one`: the gap holds the beginning of a request at least; else `begun` bytes
 * of the request in which it began were seen.
 */
export function loseRequests(connection: Connection, bytes: u64, one: bool, begun: u64): void {
	connection.doubt |= REQUESTS_LOST;
	if (!connection.requestGap) {
		connection.requestGap = true;
		connection.lostRequests = 0;
		connection.requestGapBytes = 0;
		connection.requestGapBegun = !one;
	}
	// A second gap before any request: both are one.
	if (one) connection.lostRequests = 1;
	connection.requestGapBytes += bytes + begun;
	keepAbandoned(connection);
}

/** … in the responses' direction. */
export function loseResponses(connection: Connection, bytes: u64, one: bool, begun: u64): void {
	connection.doubt |= RESPONSES_LOST;
	if (!connection.responseGap) {
		connection.responseGap = true;
		connection.lostResponses = 0;
		connection.responseGapBytes = 0;
		connection.responseGapBegun = !one;
	}
	connection.responseGapBytes += bytes + begun;
	// Where a response would begin, and one is waited for, the gap holds at least one; after `Expect` it may be a 100.
	const waiting = connection.waiting;
	if (one && connection.unboundCount == 0 && askedBefore(connection, call.time) != 0 && !waiting.request.expectContinue) {
		connection.lostResponses = 1;
		waiting.gapBytes = bytes;
	}
	keepAbandoned(connection);
}

/** Bytes after the gap that were of no use before the next head was found. */
export function addSkipped(connection: Connection, bytes: u64, responses: bool): void {
	if (responses) connection.responseGapBytes += bytes;
	else connection.requestGapBytes += bytes;
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
	if (quiet && connection.unboundCount != 0) alignUpTo(connection, connection.waitingCount, true);
}

/** The row was made. */
export function afterRequest(exchange: Exchange, quiet: bool): void {
	const connection = exchange.connection;
	const orphans = connection.orphans;
	connection.orphans = 0;
	if (!connection.requestGap) return;
	connection.requestGap = false;
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
	connection.responseGap = false;
	appendUnbound(exchange);
	if (connection.unboundCount > waitingLimit) orphanFirst(connection);
	connection.unboundIn = batch;
	makeDue(connection);
	countMissing(connection, false);
	return response.exchange;
}

/** The batch ends: a record that is late had its time. Answers whether there is something to decide next time. */
export function settleDoubt(connection: Connection): bool {
	if (connection.doubt != RESPONSES_LOST || connection.unboundCount == 0) return false;
	if (connection.unboundIn == batch) return connection.waitingCount < connection.unboundCount + connection.lostResponses;
	countMissing(connection, true);
	return false;
}

/** The responses end. `answered`: it was the client that closed, so that everything it asked for had been answered. */
export function endDoubt(connection: Connection, answered: bool): void {
	if (connection.doubt == 0 && connection.unboundCount == 0) return;
	if (connection.unboundCount != 0) {
		countMissing(connection, false);
		alignUpTo(connection, connection.waitingCount, answered);
	}
	if (connection.unboundCount != 0) giveUp(connection);
	if (!(connection.doubt & RESPONSES_LOST)) return;
	// The last responses were lost.
	while (connection.waiting != NO_EXCHANGE) endUnanswered(connection, false);
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
	connection.orphans++;
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
	if (connection.pipelining && !requestsFit(connection, first, first.orphansBefore)) return;
	first.afterGap = false;
	becomeCertain(connection);
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
 * Only responses were lost: the first that came can be the answer to none that was sent later. Is that bound what the gap
 * held at the least? `late`: or below it, so that the gap held something else.
 */
function countMissing(connection: Connection, late: bool): void {
	if (connection.doubt != RESPONSES_LOST) return;
	let most = i32.MAX_VALUE;
	let before: i32 = 0;
	for (let unbound = connection.firstUnbound; unbound != NO_EXCHANGE; unbound = unbound.next) {
		before++;
		most = min<i32>(most, <i32>askedBefore(connection, unbound.response.startTime) - before);
	}
	if (before == 0) return;
	const least = <i32>connection.lostResponses;
	if (most == least || (late && most >= 0 && most < least)) assign(connection, <u32>most + before, before);
	else if (late && most < 0) giveUp(connection);
}

/** A response begins at `time`: did a request begin after all those before had ended? */
function alignBefore(connection: Connection, time: u64): void {
	let ended: u64 = 0;
	for (let unbound = connection.firstUnbound; unbound != NO_EXCHANGE; unbound = unbound.next) {
		ended = max<u64>(ended, unbound.response.endTime);
	}
	let count: u32 = 0;
	let exchange = connection.waiting;
	while (exchange != NO_EXCHANGE && exchange.request.startTime <= ended) {
		count++;
		exchange = nextWaiting(exchange);
	}
	if (exchange != NO_EXCHANGE && exchange.request.startTime <= time) alignUpTo(connection, count, true);
}

/** The first `count` requests that wait had all been answered: places are counted from the back. */
function alignUpTo(connection: Connection, count: u32, answered: bool): void {
	const here = connection.unboundCount;
	if (!allEnded(connection)) return;
	const bySize = connection.pipelining || !answered;
	const most = answered ? MOST_BY_SIZE : MOST_BY_SIZE_AT_END;
	if (connection.doubt == RESPONSES_LOST) {
		if (count < here + connection.lostResponses) return;
		const lost = <u64>(count - here);
		if (bySize && lost != 0 && (lost > most || !responsesFit(connection, lost))) return;
		assign(connection, count, here);
		return;
	}
	const requests = requestsAfterGap(connection, count);
	if (connection.doubt == REQUESTS_LOST) {
		const first = connection.waiting;
		if (here < count || first == NO_EXCHANGE) return;
		const lost = <u64>(here - count) + first.orphansBefore;
		if (lost < first.lostBefore) return;
		if (bySize && (lost > most || !requestsFit(connection, first, lost))) return;
		assign(connection, count, requests);
		return;
	}
	if (!bySize) assign(connection, count, min<u32>(requests, responsesAfterGap(connection)));
}

function allEnded(connection: Connection): bool {
	for (let exchange = connection.firstUnbound; exchange != NO_EXCHANGE; exchange = exchange.next) {
		if (!exchange.response.ended) return false;
	}
	return true;
}

/** Do `lost` requests of the size that requests of this connection have make up the gap before `exchange`? */
function requestsFit(connection: Connection, exchange: Exchange, lost: u64): bool {
	const count = exchange.gapBegun ? lost + 1 : lost;
	return fit(exchange.gapBytes, count, connection.smallestRequest, connection.largestRequest);
}

/** … responses, the gap in which they were lost? */
function responsesFit(connection: Connection, lost: u64): bool {
	const count = connection.responseGapBegun ? lost + 1 : lost;
	return fit(connection.responseGapBytes, count, connection.smallestResponse, connection.largestResponse);
}

/** Is a `count`th of `bytes` about the size of those seen, which must be about the same size themselves? */
function fit(bytes: u64, count: u64, smallest: u64, largest: u64): bool {
	if (count == 0 || largest == 0 || largest * 2 > smallest * 3) return false;
	const each = bytes / count;
	return each * 4 >= smallest * 3 && each * 3 <= largest * 4;
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
	if (!inOrder(connection, alone, connection.unboundCount - pairs)) {
		giveUp(connection);
		return;
	}
	while (connection.unboundCount > pairs) orphanFirst(connection);
	for (let i: u32 = 0; i < alone; i++) endUnanswered(connection, alone == 1);
	while (connection.unboundCount != 0) {
		const exchange = connection.waiting;
		const response = takeFirst(connection);
		bind(exchange, response);
		exchange.afterGap = false;
		if (response.ended) exchanges.settle(exchange);
	}
	becomeCertain(connection);
}

/** Would each response begin after its request? */
function inOrder(connection: Connection, skipRequests: u32, skipResponses: u32): bool {
	let exchange = connection.waiting;
	for (; skipRequests != 0; skipRequests--) exchange = nextWaiting(exchange);
	let unbound = connection.firstUnbound;
	for (; skipResponses != 0; skipResponses--) unbound = unbound.next;
	while (unbound != NO_EXCHANGE) {
		if (exchange == NO_EXCHANGE || unbound.response.startTime < exchange.request.startTime) return false;
		unbound = unbound.next;
		exchange = nextWaiting(exchange);
	}
	return true;
}

/** Nothing more can be found out: nobody gets what may be another's. */
function giveUp(connection: Connection): void {
	while (connection.unboundCount != 0) orphanFirst(connection);
	while (connection.waiting != NO_EXCHANGE) endUnanswered(connection, false);
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
	connection.responseGap = false;
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

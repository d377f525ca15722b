// Which response belongs to which request. As long as nothing was lost, order decides: the next response answers the
// oldest request that waits. After a gap of which nobody knows how many messages it held, counting is not enough, and a
// wrong guess would give a response to another's request. Then responses are kept unbound until the answer is certain:
//
// - Only responses were lost: the waiting requests are all known. As soon as only as many responses are missing as the
//   gap must have held at least, all others have their places.
// - A request that begins when everything sent so far has been answered (the responses so far have ended, and clients
//   that do not pipeline send only then) is a point from which the last response and the last request before it belong
//   together, and so on backwards to the gap. On a connection that was seen pipelining this holds only when the number
//   of lost requests fits the bytes that are missing.
// - A connection that the client closes is such a point too.
//
// What stays without a place is said to be so: `unanswered` with `bytes lost`, or `request not seen`.
import { batch, makeDue } from './connections';
import * as exchanges from './exchanges';
import { REASON_BYTES_LOST, STATE_UNANSWERED } from './output-layout';
import { waitingLimit } from './settings';
import { Connection, Exchange, Message, NO_EXCHANGE, NO_MESSAGE } from './state';

/** Bits of Connection.doubt: requests, responses were lost and not all is settled. */
const REQUESTS_LOST: u32 = 1;
const RESPONSES_LOST: u32 = 2;

// ---- Gaps -----------------------------------------------------------------------------------------------------------

/** Bytes were lost in the requests' direction; `between`: the gap began where a request would begin. */
export function loseRequests(connection: Connection, bytes: u64, between: bool): void {
	const one: u32 = between ? 1 : 0;
	connection.doubt |= REQUESTS_LOST;
	if (connection.requestGap) {
		// No request since the gap before: both are one.
		connection.lostRequests = max<u32>(connection.lostRequests, one);
		connection.requestGapBytes += bytes;
	} else {
		connection.requestGap = true;
		connection.lostRequests = one;
		connection.requestGapBytes = bytes;
		connection.orphans = 0;
	}
	keepAbandoned(connection);
}

/** … in the responses' direction. */
export function loseResponses(connection: Connection, bytes: u64, between: bool): void {
	const again = connection.responseGap;
	connection.doubt |= RESPONSES_LOST;
	connection.responseGap = true;
	const waiting = connection.waiting;
	// Where a response would begin, and one is waited for, the gap holds at least one; after `Expect` it may be a 100.
	const one = between && waiting != NO_EXCHANGE && !waiting.request.expectContinue && connection.unboundCount == 0;
	if (one) waiting.gapBytes = bytes;
	// A second gap: what it held nobody knows, the first one still held what it held.
	if (!again || one) connection.lostResponses = one ? 1 : 0;
	keepAbandoned(connection);
}

/** The capture began in the middle of the connection. */
export function beginMidstream(connection: Connection): void {
	loseRequests(connection, 0, false);
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

/** Is it possible that a response answers a request that was not seen? */
export function mayBeUnseen(connection: Connection): bool {
	return (connection.doubt & REQUESTS_LOST) != 0;
}

// ---- Messages -------------------------------------------------------------------------------------------------------

/** A request's row is about to be made. `quiet`: no response is on its way at this moment. */
export function beforeRequest(connection: Connection, request: Message, quiet: bool): void {
	const last = connection.last;
	if (last != NO_EXCHANGE && last.request != NO_MESSAGE && last.response == NO_MESSAGE && !last.done) {
		if (last.request.startTime == request.startTime) connection.pipelining = true;
		// Nothing has come since the request before: this one did not wait for it.
		if (connection.doubt == REQUESTS_LOST && connection.unboundCount == 0) connection.pipelining = true;
	}
	if (connection.doubt != 0 && connection.unboundCount != 0 && quiet) alignAt(connection);
}

/** The row was made. */
export function afterRequest(exchange: Exchange, quiet: bool): void {
	const connection = exchange.connection;
	if (!connection.requestGap) return;
	connection.requestGap = false;
	// Nothing waits, no response is on its way: those that were lost have been answered (we saw responses that nobody
	// had asked for), or the gap need not have held any.
	const alone = connection.waiting == exchange && connection.unboundCount == 0 && connection.doubt == REQUESTS_LOST;
	if (alone && quiet && !connection.pipelining && connection.orphans >= connection.lostRequests) {
		connection.doubt = 0;
		return;
	}
	exchange.afterGap = true;
	exchange.lostBefore = connection.lostRequests;
	exchange.gapBytes = connection.requestGapBytes;
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
	const waiting = connection.waiting;
	if (!(connection.doubt & RESPONSES_LOST) && connection.unboundCount == 0) {
		if (waiting == NO_EXCHANGE) return makeOrphan(connection, response);
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

/**
 * The connection ends. `answered`: nothing of it is missing at its end, and it was the client that closed it, so that
 * everything it asked for had been answered.
 */
export function endDoubt(connection: Connection, answered: bool): void {
	if (connection.doubt == 0 && connection.unboundCount == 0) return;
	if (answered && connection.unboundCount != 0) alignAt(connection);
	else countMissing(connection, true);
	if (connection.unboundCount != 0) giveUp(connection);
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

/** Only responses were lost: are exactly as many missing as the gap held at the least (`late`: whatever it held)? */
function countMissing(connection: Connection, late: bool): void {
	if (connection.doubt != RESPONSES_LOST) return;
	const waiting = connection.waitingCount;
	const here = connection.unboundCount;
	const missing = <i32>waiting - <i32>here;
	const lost = <i32>connection.lostResponses;
	if (missing == lost || (late && missing >= 0 && missing < lost)) assign(connection, here);
	else if (late && missing < 0) giveUp(connection);
}

/** Everything sent so far has been answered: places are counted from the back. */
function alignAt(connection: Connection): void {
	const here = connection.unboundCount;
	const waiting = connection.waitingCount;
	if (!allEnded(connection)) return;
	if (connection.doubt == RESPONSES_LOST) {
		if (connection.pipelining && waiting - here != connection.lostResponses) return;
		if (waiting >= here) assign(connection, here);
		return;
	}
	const requests = requestsAfterGap(connection);
	if (connection.doubt == REQUESTS_LOST) {
		const lost = <i64>here - waiting;
		if (lost < lostRequestsAtLeast(connection)) return;
		if (connection.pipelining && !fits(connection, <u64>lost)) return;
		assign(connection, requests);
		return;
	}
	if (connection.pipelining) return;
	assign(connection, min<u32>(requests, responsesAfterGap(connection)));
}

function allEnded(connection: Connection): bool {
	for (let exchange = connection.firstUnbound; exchange != NO_EXCHANGE; exchange = exchange.next) {
		if (!exchange.response.ended) return false;
	}
	return true;
}

/** Do `lost` requests of the size that requests of this connection have make up the gap? */
function fits(connection: Connection, lost: u64): bool {
	const first = connection.waiting;
	if (lost == 0 || first == NO_EXCHANGE || first.gapBytes == 0 || connection.largestRequest == 0) return false;
	const each = first.gapBytes / lost;
	return each * 10 >= connection.smallestRequest * 6 && each * 10 <= connection.largestRequest * 16;
}

function lostRequestsAtLeast(connection: Connection): i64 {
	const waiting = connection.waiting;
	if (waiting != NO_EXCHANGE) return waiting.lostBefore;
	return connection.lostRequests;
}

/** Requests that wait, from the last one before which something was lost. */
function requestsAfterGap(connection: Connection): u32 {
	let count: u32 = 0;
	for (let exchange = connection.waiting; exchange != NO_EXCHANGE; exchange = nextWaiting(exchange)) {
		if (exchange.afterGap) count = 0;
		count++;
	}
	return count;
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

/** The last `pairs` requests get the last `pairs` responses; what is before them stays alone. All is certain again. */
function assign(connection: Connection, pairs: u32): void {
	let requests = connection.waitingCount;
	let responses = connection.unboundCount;
	if (pairs > requests) pairs = requests;
	if (pairs > responses) pairs = responses;
	if (!inOrder(connection, requests - pairs, responses - pairs)) {
		giveUp(connection);
		return;
	}
	const alone = requests - pairs;
	for (; responses > pairs; responses--) orphanFirst(connection);
	for (; requests > pairs; requests--) endUnanswered(connection, alone == 1);
	while (connection.unboundCount != 0) {
		const exchange = connection.waiting;
		const response = takeFirst(connection);
		bind(exchange, response);
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
	connection.doubt = connection.requestGap ? REQUESTS_LOST : 0;
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
	connection.orphans++;
	exchanges.beginOrphan(connection, exchange);
	if (exchange.response.ended) exchanges.settle(exchange);
}

/** They are forgotten, with the connection's other rows. */
export function dropUnbound(connection: Connection): void {
	while (connection.unboundCount != 0) exchanges.freeExchange(removeFirst(connection));
}

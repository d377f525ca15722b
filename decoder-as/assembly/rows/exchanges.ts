// The rows. A row is created when a request's head is complete (or a response has no request), and written once, when
// it is finished. A connection keeps its rows in the order of their heads; `waiting` is the oldest one without a
// response.
import { isMalformed, isUnclear, note } from '../memory/anomalies';
import { clearBytes } from '../memory/bytes';
import { CHECKED } from '../memory/checks';
import * as loss from '../memory/loss';
import { allocateZeroed, release } from '../memory/memory';
import { waitingLimit } from '../memory/settings';
import { Connection, Exchange, INTERIMS, Message, NO_EXCHANGE, NO_ITEM_ROW, NO_MESSAGE, NO_PROCESS } from '../memory/state';
import { makeDue, settled } from '../tables/connections';
import { referProcess, releaseProcess } from '../tables/processes';
import { LOSS_OUTPUT_DROPPED } from '../wire/capture-event';
import { now, wallMicroseconds } from '../wire/clock';
import {
	ANOMALY_BODY_NOT_SENT,
	ANOMALY_EARLY_RESPONSE,
	ANOMALY_MANY_INTERIM,
	REASON_BYTES_LOST,
	REASON_CLOSED,
	REASON_CONNECTION_RESET,
	REASON_MALFORMED,
	REASON_NONE,
	REASON_PEER_CLOSED,
	REASON_TOO_MANY_WAITING,
	STATE_COMPLETE,
	STATE_INCOMPLETE,
	STATE_UNANSWERED,
	STATE_UPGRADED,
} from '../wire/output-layout';
import { writeExchange } from './entries';
import { leaveItemRow, releaseItems } from './items';
import { dropBody, freeMessage } from './messages';
import { handedOut, recordRow } from './mirrors';
import { relate, unrelate } from './parents';
import { askProcess } from './questions';

/** How long the rows of a TLS session wait for its connection to be known. */
const UNMAPPED_WAIT_NS: u64 = 1_000_000_000;

let lastId: u64 = 0;

/** Free rows for reuse, linked by `next`. */
let spare: Exchange = NO_EXCHANGE;
let spareCount: u32 = 0;
const SPARES: u32 = 64;

/** A new row of the connection, without an id; NO_EXCHANGE if there is no memory, and the loss is counted. */
export function newExchange(connection: Connection): Exchange {
	let exchange = spare;
	if (exchange != NO_EXCHANGE) {
		spare = exchange.next;
		spareCount--;
		clearBytes(changetype<usize>(exchange), offsetof<Exchange>());
	} else {
		exchange = changetype<Exchange>(allocateZeroed(offsetof<Exchange>()));
		if (exchange == NO_EXCHANGE) {
			loss.count(LOSS_OUTPUT_DROPPED, 1, 0);
			return exchange;
		}
	}
	exchange.connection = connection;
	return exchange;
}

/** Makes the row of a request whose head is complete. */
export function beginExchange(connection: Connection, request: Message): Exchange {
	const exchange = newExchange(connection);
	if (exchange == NO_EXCHANGE) return exchange;
	exchange.request = request;
	request.exchange = exchange;
	appendRow(exchange, request);
	if (connection.waiting == NO_EXCHANGE) connection.waiting = exchange;
	connection.waitingCount++;
	return exchange;
}

/** Makes the row of a request on stream `id` of HTTP/2, which waits for no other response than its own. */
export function beginLane(connection: Connection, request: Message, id: u32): Exchange {
	const exchange = newExchange(connection);
	if (exchange == NO_EXCHANGE) return exchange;
	exchange.streamId = id;
	exchange.request = request;
	request.exchange = exchange;
	appendRow(exchange, request);
	return exchange;
}

/** Makes the row of a response whose request was not seen, or is not known (REASON_CAPTURE_BEGAN). */
export function beginOrphan(connection: Connection, exchange: Exchange, reason: i32): void {
	exchange.reason = reason;
	appendRow(exchange, exchange.response);
}

/** Adds a request that arrived after its response to the response's row. */
export function joinRequest(exchange: Exchange, request: Message): void {
	exchange.request = request;
	request.exchange = exchange;
	exchange.reason = REASON_NONE;
	exchange.ts = wallMicroseconds(request.startTime);
	if (exchange.id != 0) recordRow(exchange);
}

function appendRow(exchange: Exchange, first: Message): void {
	const connection = exchange.connection;
	exchange.process = referProcess(first.process);
	exchange.ts = wallMicroseconds(first.startTime);
	exchange.previous = connection.last;
	if (connection.last != NO_EXCHANGE) connection.last.next = exchange;
	else connection.first = exchange;
	connection.last = exchange;
	connection.recognised = true;
	askProcess(exchange.process);
	exchange.suspected = connection.suspected;
	if (!connection.unverified && !connection.suspected) giveId(exchange);
	relate(exchange);
}

function giveId(exchange: Exchange): void {
	exchange.id = ++lastId;
	exchange.connection.exchanges++;
	if (exchange.itemRow != NO_ITEM_ROW) releaseItems(exchange);
	recordRow(exchange);
}

/** FACT_SOCKET confirmed a socket: the waiting rows get ids and are written. */
export function releaseRows(connection: Connection): void {
	connection.unverified = false;
	let exchange = connection.first;
	while (exchange != NO_EXCHANGE) {
		const next = exchange.next;
		if (!exchange.suspected) {
			if (exchange.id == 0) giveId(exchange);
			if (exchange.done) handOut(exchange);
		}
		exchange = next;
	}
}

/** The connection proved to be HTTP: the rows that waited for it get ids. */
export function proveRows(connection: Connection): void {
	connection.suspected = false;
	for (let exchange = connection.first; exchange != NO_EXCHANGE; exchange = exchange.next) {
		if (!exchange.suspected) continue;
		exchange.suspected = false;
		if (!connection.unverified) giveId(exchange);
		if (exchange.done) makeDue(connection);
	}
}

/** The connection proved not to be HTTP: drops its waiting rows. */
export function dropSuspected(connection: Connection): void {
	connection.suspected = false;
	let exchange = connection.first;
	while (exchange != NO_EXCHANGE) {
		const next = exchange.next;
		if (exchange.suspected) {
			if (isWaiting(exchange)) stopWaiting(exchange);
			unlinkRow(exchange);
			freeExchange(exchange);
		}
		exchange = next;
	}
}

/** Binds the response to the row of a waiting request, which then no longer waits. */
export function bindResponse(exchange: Exchange, response: Message): void {
	exchange.response = response;
	response.exchange = exchange;
	stopWaiting(exchange);
}

function stopWaiting(exchange: Exchange): void {
	const connection = exchange.connection;
	if (CHECKED) assert(connection.waitingCount != 0, 'a row that waits is counted');
	connection.waitingCount--;
	if (connection.waiting == exchange) {
		let next = exchange.next;
		while (next != NO_EXCHANGE && !isWaiting(next)) next = next.next;
		connection.waiting = next;
	}
}

/** Whether its response has not begun yet. Not for HTTP/2, whose responses say what they answer. */
export function isWaiting(exchange: Exchange): bool {
	return exchange.streamId == 0 && exchange.request != NO_MESSAGE && exchange.response == NO_MESSAGE && !exchange.done;
}

/** If too many requests wait, writes the oldest one. A response that still arrives for it is skipped. */
export function limitWaiting(connection: Connection): void {
	const oldest = connection.waiting;
	if (connection.waitingCount <= waitingLimit || oldest == NO_EXCHANGE) return;
	if (connection.doubt == 0) connection.abandoned++;
	finish(oldest, STATE_UNANSWERED, REASON_TOO_MANY_WAITING);
}

/** Notes an interim response, of which only the status is kept. */
export function noteInterim(exchange: Exchange, status: u32): void {
	if (exchange.interimCount < INTERIMS) {
		const list = changetype<usize>(exchange) + offsetof<Exchange>('interims0');
		store<u16>(list + exchange.interimCount * 2, <u16>status);
		exchange.interimCount++;
	} else {
		exchange.anomalies |= (<u64>1) << ANOMALY_MANY_INTERIM;
	}
}

/** Called when a message has ended: writes the row if nothing more can be added to it. */
export function settle(exchange: Exchange): void {
	const request = exchange.request;
	const response = exchange.response;
	if (exchange.done || exchange.unbound || response == NO_MESSAGE || !response.ended) return;
	if (exchange == exchange.connection.early) return;
	if (request != NO_MESSAGE && !request.ended) return;
	finishWhole(exchange);
}

/** Both messages have ended, properly or not. */
function finishWhole(exchange: Exchange): void {
	const request = exchange.request;
	const response = exchange.response;
	if (request == NO_MESSAGE) {
		finish(exchange, STATE_INCOMPLETE, exchange.reason);
		return;
	}
	// Only for a request with a body, because the times of calls from two threads may be slightly out of order. In HTTP/2 both
	// sides often send at the same time.
	if (exchange.streamId == 0 && request.bodyBytes != 0 && response.startTime < request.endTime) note(response, ANOMALY_EARLY_RESPONSE);
	if (response.upgraded) {
		finish(exchange, STATE_UPGRADED, REASON_NONE);
		return;
	}
	const damage = response.damage != 0 ? response.damage : request.damage;
	const malformed = isMalformed(request) || isMalformed(response);
	if (damage != 0) finish(exchange, STATE_INCOMPLETE, reasonOf(damage, malformed));
	else if (request.lostBytes + response.lostBytes != 0) finish(exchange, STATE_INCOMPLETE, REASON_BYTES_LOST);
	else if (isUnclear(request) || isUnclear(response)) finish(exchange, STATE_INCOMPLETE, REASON_MALFORMED);
	else finish(exchange, STATE_COMPLETE, REASON_NONE);
}

/** `malformed` takes precedence: a peer that gets a malformed message usually just closes the connection. */
function reasonOf(damage: i32, malformed: bool): i32 {
	const hungUp = damage == REASON_PEER_CLOSED || damage == REASON_CLOSED || damage == REASON_CONNECTION_RESET;
	return malformed && hungUp ? REASON_MALFORMED : damage;
}

/** Ends an open row because the connection ended with `reason`. */
export function endExchange(exchange: Exchange, reason: i32): void {
	if (exchange.done) return;
	const request = exchange.request;
	const response = exchange.response;
	if (response == NO_MESSAGE) {
		const damage = request.damage != 0 ? request.damage : reason;
		finish(exchange, STATE_UNANSWERED, reasonOf(damage, isMalformed(request)));
		return;
	}
	if (request != NO_MESSAGE && !request.ended) {
		if (response.ended && request.expectContinue && request.bodyBytes == 0 && request.damage == 0) {
			note(request, ANOMALY_BODY_NOT_SENT);
			request.ended = true;
		} else if (request.damage == 0) {
			request.damage = reason;
		}
	}
	if (!response.ended && response.damage == 0) response.damage = reason;
	finishWhole(exchange);
}

export function finish(exchange: Exchange, state: i32, reason: i32): void {
	if (exchange.done) return;
	exchange.done = true;
	unrelate(exchange);
	exchange.doneIn = settled + 1;
	exchange.state = state;
	exchange.reason = reason;
	if (exchange.connection.early == exchange) exchange.connection.early = NO_EXCHANGE;
	if (exchange.response == NO_MESSAGE && exchange.streamId == 0) stopWaiting(exchange);
	// The remaining bytes of a message without a row are read and dropped.
	if (exchange.request != NO_MESSAGE && !exchange.request.ended) exchange.request.dropped = true;
	if (exchange.response != NO_MESSAGE && !exchange.response.ended) exchange.response.dropped = true;
	if (mayGo(exchange)) handOut(exchange);
	else makeDue(exchange.connection);
}

/** Whether every requested fact has arrived or is overdue. */
function mayGo(exchange: Exchange): bool {
	const connection = exchange.connection;
	if (connection.unverified || exchange.suspected) return false;
	if (connection.unmapped && !connection.closed && endedLately(exchange)) return false;
	if (connection.asked != 0 && !connection.answered && connection.asked + 1 > settled) return false;
	const process = exchange.process;
	return process == NO_PROCESS || process.known || process.asked == 0 || process.asked + 1 <= settled;
}

/** Whether it ended so recently that its connection may soon be known. */
function endedLately(exchange: Exchange): bool {
	const last = exchange.response != NO_MESSAGE ? exchange.response : exchange.request;
	return last.endTime + UNMAPPED_WAIT_NS > now;
}

/** Writes finished rows whose facts are known; true if some still wait. */
export function handOutReady(connection: Connection): bool {
	let left = false;
	let exchange = connection.first;
	while (exchange != NO_EXCHANGE) {
		const next = exchange.next;
		if (exchange.done) {
			if (mayGo(exchange)) handOut(exchange);
			else if (!connection.unverified && !exchange.suspected) left = true;
		}
		exchange = next;
	}
	return left;
}

/** Writes all rows (all are finished), with or without facts. */
export function handOutAll(connection: Connection): void {
	while (connection.first != NO_EXCHANGE) handOut(connection.first);
}

/** Writes the row and frees it. */
function handOut(exchange: Exchange): void {
	if (!writeExchange(exchange)) loss.count(LOSS_OUTPUT_DROPPED, 1, 0);
	handedOut(exchange);
	unlinkRow(exchange);
	freeExchange(exchange);
}

function unlinkRow(exchange: Exchange): void {
	const connection = exchange.connection;
	if (CHECKED) {
		const previous = exchange.previous;
		const next = exchange.next;
		assert(previous == NO_EXCHANGE ? connection.first == exchange : previous.next == exchange, 'the row before knows this one');
		assert(next == NO_EXCHANGE ? connection.last == exchange : next.previous == exchange, 'the row after knows this one');
	}
	if (exchange.previous != NO_EXCHANGE) exchange.previous.next = exchange.next;
	else if (connection.first == exchange) connection.first = exchange.next;
	if (exchange.next != NO_EXCHANGE) exchange.next.previous = exchange.previous;
	else if (connection.last == exchange) connection.last = exchange.previous;
}

/** Frees the row and its messages. A message still being read stays with its stream. */
export function freeExchange(exchange: Exchange): void {
	unrelate(exchange);
	freeUnlessRead(exchange.request);
	freeUnlessRead(exchange.response);
	leaveItemRow(exchange);
	releaseProcess(exchange.process);
	if (spareCount == SPARES) {
		release(changetype<usize>(exchange));
		return;
	}
	exchange.next = spare;
	spare = exchange;
	spareCount++;
}

function freeUnlessRead(message: Message): void {
	if (message == NO_MESSAGE) return;
	message.exchange = NO_EXCHANGE;
	if (!message.reading) freeMessage(message);
	else dropBody(message);
}

/** Drops all rows of the connection without writing them. */
export function dropRows(connection: Connection): void {
	let exchange = connection.first;
	while (exchange != NO_EXCHANGE) {
		const next = exchange.next;
		handedOut(exchange);
		freeExchange(exchange);
		exchange = next;
	}
	connection.first = NO_EXCHANGE;
	connection.last = NO_EXCHANGE;
	connection.waiting = NO_EXCHANGE;
	connection.early = NO_EXCHANGE;
	connection.waitingCount = 0;
	connection.exchanges = 0;
}

/** Checks that the number of rows kept for reuse is right; debug build. */
export function checkSpares(): void {
	let found: u32 = 0;
	for (let exchange = spare; exchange != NO_EXCHANGE; exchange = exchange.next) found++;
	assert(found == spareCount, 'spare rows are counted');
}

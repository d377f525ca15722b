// The rows: made when a request's head is complete (or a response turns out to have none), handed out once when they are
// finished. A connection keeps its rows in the order of their heads; `waiting` is the oldest without a response.
import { isMalformed, isUnclear, note } from '../memory/anomalies';
import { clearBytes } from '../memory/bytes';
import * as loss from '../memory/loss';
import { allocateZeroed, release } from '../memory/memory';
import { waitingLimit } from '../memory/settings';
import { Connection, Exchange, INTERIMS, Message, NO_EXCHANGE, NO_MESSAGE, NO_PROCESS } from '../memory/state';
import { makeDue, settled } from '../tables/connections';
import { referProcess, releaseProcess } from '../tables/processes';
import { LOSS_OUTPUT_DROPPED } from '../wire/capture-event';
import { wallMicroseconds } from '../wire/clock';
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
import { dropBody, freeMessage } from './messages';
import { handedOut, recordRow } from './mirrors';
import { askProcess } from './questions';

let lastId: u64 = 0;

/** Rows to be used again; `next` links them. */
let spare: Exchange = NO_EXCHANGE;
let spareCount: u32 = 0;
const SPARES: u32 = 64;

/** A row of the connection, without an id yet. NO_EXCHANGE without memory. */
export function newExchange(connection: Connection): Exchange {
	let exchange = spare;
	if (exchange != NO_EXCHANGE) {
		spare = exchange.next;
		spareCount--;
		clearBytes(changetype<usize>(exchange), offsetof<Exchange>());
	} else {
		exchange = changetype<Exchange>(allocateZeroed(offsetof<Exchange>()));
		if (exchange == NO_EXCHANGE) return exchange;
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

/** Makes the row of a response whose request was not seen, or is not known (REASON_CAPTURE_BEGAN). */
export function beginOrphan(connection: Connection, exchange: Exchange, reason: i32): void {
	exchange.reason = reason;
	appendRow(exchange, exchange.response);
}

/** The request comes after its response, whose row it gets. */
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
}

function giveId(exchange: Exchange): void {
	exchange.id = ++lastId;
	exchange.connection.exchanges++;
	recordRow(exchange);
}

/** FACT_SOCKET said that it is a socket: the rows that waited get their ids, and go out. */
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

/** The connection proved to be HTTP: rows that waited for that get their ids. */
export function proveRows(connection: Connection): void {
	connection.suspected = false;
	for (let exchange = connection.first; exchange != NO_EXCHANGE; exchange = exchange.next) {
		if (!exchange.suspected) continue;
		exchange.suspected = false;
		if (!connection.unverified) giveId(exchange);
		if (exchange.done) makeDue(connection);
	}
}

/** It proved to be none: they are forgotten. */
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

/** Does the row of the waiting request get this response? Then it is no longer waiting. */
export function bindResponse(exchange: Exchange, response: Message): void {
	exchange.response = response;
	response.exchange = exchange;
	stopWaiting(exchange);
}

function stopWaiting(exchange: Exchange): void {
	const connection = exchange.connection;
	connection.waitingCount--;
	if (connection.waiting == exchange) {
		let next = exchange.next;
		while (next != NO_EXCHANGE && !isWaiting(next)) next = next.next;
		connection.waiting = next;
	}
}

/** Has its response not begun? */
export function isWaiting(exchange: Exchange): bool {
	return exchange.request != NO_MESSAGE && exchange.response == NO_MESSAGE && !exchange.done;
}

/** When too many wait the oldest is handed out; the response that may still come for it is skipped. */
export function limitWaiting(connection: Connection): void {
	const oldest = connection.waiting;
	if (connection.waitingCount <= waitingLimit || oldest == NO_EXCHANGE) return;
	if (connection.doubt == 0) connection.abandoned++;
	finish(oldest, STATE_UNANSWERED, REASON_TOO_MANY_WAITING);
}

/** An interim response: only its status is kept. */
export function noteInterim(exchange: Exchange, status: u32): void {
	if (exchange.interimCount < INTERIMS) {
		const list = changetype<usize>(exchange) + offsetof<Exchange>('interims0');
		store<u16>(list + exchange.interimCount * 2, <u16>status);
		exchange.interimCount++;
	} else {
		exchange.anomalies |= (<u64>1) << ANOMALY_MANY_INTERIM;
	}
}

/** Something ended: hands the row out when nothing of it is to come. */
export function settle(exchange: Exchange): void {
	const request = exchange.request;
	const response = exchange.response;
	if (exchange.done || exchange.unbound || response == NO_MESSAGE || !response.ended) return;
	if (exchange == exchange.connection.early) return;
	if (request != NO_MESSAGE && !request.ended) return;
	finishWhole(exchange);
}

/** Both messages have come to their end, good or bad. */
function finishWhole(exchange: Exchange): void {
	const request = exchange.request;
	const response = exchange.response;
	if (request == NO_MESSAGE) {
		finish(exchange, STATE_INCOMPLETE, exchange.reason);
		return;
	}
	// Only a body that went on says something: of two threads' calls the times may be a little out of order.
	if (request.bodyBytes != 0 && response.startTime < request.endTime) note(response, ANOMALY_EARLY_RESPONSE);
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

/** Who is sent something malformed hangs up: that it was malformed says more than that. */
function reasonOf(damage: i32, malformed: bool): i32 {
	const hungUp = damage == REASON_PEER_CLOSED || damage == REASON_CLOSED || damage == REASON_CONNECTION_RESET;
	return malformed && hungUp ? REASON_MALFORMED : damage;
}

/** The connection ends with `reason` while the row is open. */
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
	exchange.doneIn = settled + 1;
	exchange.state = state;
	exchange.reason = reason;
	if (exchange.connection.early == exchange) exchange.connection.early = NO_EXCHANGE;
	if (exchange.response == NO_MESSAGE) stopWaiting(exchange);
	// What still comes of a message whose row is gone is taken off the stream and forgotten.
	if (exchange.request != NO_MESSAGE && !exchange.request.ended) exchange.request.dropped = true;
	if (exchange.response != NO_MESSAGE && !exchange.response.ended) exchange.response.dropped = true;
	if (mayGo(exchange)) handOut(exchange);
	else makeDue(exchange.connection);
}

/** Has every fact that was asked for come, or had its time? */
export function mayGo(exchange: Exchange): bool {
	const connection = exchange.connection;
	if (connection.unverified || exchange.suspected) return false;
	if (connection.asked != 0 && !connection.answered && connection.asked + 1 > settled) return false;
	const process = exchange.process;
	return process == NO_PROCESS || process.known || process.asked == 0 || process.asked + 1 <= settled;
}

/** Hands out what is finished and waited for nothing but facts; true when some still wait. */
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

/** Hands out all rows, which are finished, facts or not. */
export function handOutAll(connection: Connection): void {
	while (connection.first != NO_EXCHANGE) handOut(connection.first);
}

/** Writes the row and forgets it. */
export function handOut(exchange: Exchange): void {
	if (!writeExchange(exchange)) loss.count(LOSS_OUTPUT_DROPPED, 1, 0);
	handedOut(exchange);
	unlinkRow(exchange);
	freeExchange(exchange);
}

export function unlinkRow(exchange: Exchange): void {
	const connection = exchange.connection;
	if (exchange.previous != NO_EXCHANGE) exchange.previous.next = exchange.next;
	else if (connection.first == exchange) connection.first = exchange.next;
	if (exchange.next != NO_EXCHANGE) exchange.next.previous = exchange.previous;
	else if (connection.last == exchange) connection.last = exchange.previous;
}

/** Frees the row and its messages, except one that is still being read: that stays with its stream. */
export function freeExchange(exchange: Exchange): void {
	freeUnlessRead(exchange.request);
	freeUnlessRead(exchange.response);
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

/** Forgets all rows of the connection without handing them out. */
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

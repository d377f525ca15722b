// The streams of an HTTP/2 connection, called lanes here, and their rows. A lane is open until both of its messages have
// ended, or one side resets it; then its row is finished.
import { note } from '../memory/anomalies';
import { CHECKED } from '../memory/checks';
import * as loss from '../memory/loss';
import { allocateZeroed, release } from '../memory/memory';
import {
	CARRIES_REQUESTS,
	NO_EXCHANGE,
	NO_FRAMES,
	NO_HTTP2,
	NO_LANE,
	NO_MESSAGE,
	NO_STREAM,
	Connection,
	Http2,
	Lane,
	Message,
	Stream,
} from '../memory/state';
import * as exchanges from '../rows/exchanges';
import { doubtItems, endWatched } from '../rows/items';
import { freeMessage } from '../rows/messages';
import { askSocket } from '../rows/questions';
import { LOSS_TABLE_FULL } from '../wire/capture-event';
import {
	ANOMALY_INCOMPLETE_HEAD,
	REASON_BYTES_LOST,
	REASON_REQUEST_NOT_SEEN,
	REASON_TOO_MANY_WAITING,
} from '../wire/output-layout';

const BUCKETS: u32 = 64;
/** Maximum number of open streams on a connection: ten times what servers usually allow. */
const LANES_MOST: u32 = 1000;
/** Number of streams remembered after a reset. A power of 2. */
const RESETS: u32 = 32;

/** The state of a connection that turns out to be HTTP/2; NO_HTTP2 if there is no memory. */
export function newHttp2(connection: Connection): Http2 {
	const http2 = changetype<Http2>(allocateZeroed(offsetof<Http2>()));
	if (http2 == NO_HTTP2) return http2;
	http2.connection = connection;
	http2.lanes = allocateZeroed(BUCKETS * 4);
	http2.resets = allocateZeroed(RESETS * 4);
	if (http2.lanes != 0 && http2.resets != 0) return http2;
	freeHttp2(http2);
	return NO_HTTP2;
}

export function freeHttp2(http2: Http2): void {
	if (CHECKED) assert(http2.laneCount == 0, 'no stream is open on a connection that is over');
	release(http2.lanes);
	release(http2.resets);
	release(changetype<usize>(http2));
}

/** Client and server take turns in the numbers of streams: odd, even. */
@inline
function bucketOf(http2: Http2, id: u32): usize {
	return http2.lanes + ((id >> 1) & (BUCKETS - 1)) * 4;
}

export function findLane(http2: Http2, id: u32): Lane {
	let lane = changetype<Lane>(<usize>load<u32>(bucketOf(http2, id)));
	while (lane != NO_LANE && lane.id != id) lane = lane.hashNext;
	return lane;
}

/** A new open stream; NO_LANE if there is no memory. If there are too many, the oldest one is given up. */
export function addLane(http2: Http2, id: u32): Lane {
	if (http2.laneCount == LANES_MOST) {
		loss.count(LOSS_TABLE_FULL, 1, 0);
		finishLane(http2, http2.firstLane, REASON_TOO_MANY_WAITING);
	}
	const lane = changetype<Lane>(allocateZeroed(offsetof<Lane>()));
	if (lane == NO_LANE) {
		loss.count(LOSS_TABLE_FULL, 1, 0);
		return lane;
	}
	lane.id = id;
	const bucket = bucketOf(http2, id);
	lane.hashNext = changetype<Lane>(<usize>load<u32>(bucket));
	store<u32>(bucket, <u32>changetype<usize>(lane));
	lane.previous = http2.lastLane;
	if (http2.lastLane != NO_LANE) http2.lastLane.next = lane;
	else http2.firstLane = lane;
	http2.lastLane = lane;
	http2.laneCount++;
	return lane;
}

function removeLane(http2: Http2, lane: Lane): void {
	const bucket = bucketOf(http2, lane.id);
	let at = changetype<Lane>(<usize>load<u32>(bucket));
	if (at == lane) {
		store<u32>(bucket, <u32>changetype<usize>(lane.hashNext));
	} else {
		while (at.hashNext != lane) at = at.hashNext;
		at.hashNext = lane.hashNext;
	}
	if (lane.previous != NO_LANE) lane.previous.next = lane.next;
	else http2.firstLane = lane.next;
	if (lane.next != NO_LANE) lane.next.previous = lane.previous;
	else http2.lastLane = lane.previous;
	http2.laneCount--;
	release(changetype<usize>(lane));
}

/** The message of the lane in the stream's direction; NO_MESSAGE if it has not begun or has ended. */
export function messageOf(stream: Stream, lane: Lane): Message {
	if (stream.role == CARRIES_REQUESTS) return lane.requestEnded ? NO_MESSAGE : lane.request;
	return lane.responseEnded ? NO_MESSAGE : lane.response;
}

/** The request's head is complete, so it gets a row, or joins that of its response. */
export function beginRow(http2: Http2, lane: Lane): void {
	const connection = http2.connection;
	const request = lane.request;
	if (lane.exchange != NO_EXCHANGE) exchanges.joinRequest(lane.exchange, request);
	else lane.exchange = exchanges.beginLane(connection, request, lane.id);
	request.hadRow = true;
	askSocket(connection);
}

/** The head of the final response is complete: it belongs to the row of its request, or gets one of its own. */
export function bindResponse(http2: Http2, lane: Lane): void {
	const response = lane.response;
	if (lane.exchange == NO_EXCHANGE) {
		const exchange = exchanges.newExchange(http2.connection);
		if (exchange == NO_EXCHANGE) return;
		exchange.streamId = lane.id;
		exchange.response = response;
		response.exchange = exchange;
		exchanges.beginOrphan(http2.connection, exchange, REASON_REQUEST_NOT_SEEN);
		lane.exchange = exchange;
		askSocket(http2.connection);
		return;
	}
	lane.exchange.response = response;
	response.exchange = lane.exchange;
}

/** One of the lane's messages has ended. The lane is over with both, or with a response whose request was not seen. */
export function endMessage(http2: Http2, lane: Lane, message: Message): void {
	message.ended = true;
	endWatched(message);
	// It was in doubt whether data were lost; its length shows that none were.
	const whole = message.hasLength && message.contentLength == message.bodyBytes && message.lostBytes == 0;
	if (message.damage == REASON_BYTES_LOST && whole) message.damage = 0;
	if (message == lane.request) lane.requestEnded = true;
	else lane.responseEnded = true;
	if (lane.responseEnded && (lane.requestEnded || lane.request == NO_MESSAGE)) finishLane(http2, lane, 0);
}

/** The lane is over. `reason`: REASON_* if it did not end properly. */
export function finishLane(http2: Http2, lane: Lane, reason: i32): void {
	const exchange = lane.exchange;
	const request = lane.request;
	const response = lane.response;
	leaveMessage(http2, request);
	leaveMessage(http2, response);
	removeLane(http2, lane);
	if (exchange == NO_EXCHANGE) return;
	if (reason == 0) exchanges.settle(exchange);
	else exchanges.endExchange(exchange, reason);
}

/** No stream reads the message any more. */
function leaveMessage(http2: Http2, message: Message): void {
	if (message == NO_MESSAGE) return;
	const connection = http2.connection;
	leaveBlock(connection.incoming, message);
	leaveBlock(connection.outgoing, message);
	message.reading = false;
	if (message.exchange == NO_EXCHANGE) freeMessage(message);
}

function leaveBlock(stream: Stream, message: Message): void {
	if (stream == NO_STREAM || stream.frames == NO_FRAMES) return;
	if (stream.frames.blockMessage == message) stream.frames.blockMessage = NO_MESSAGE;
}

/** Drops the lane's message, which has no row. */
export function dropMessage(http2: Http2, lane: Lane, message: Message): void {
	if (message == lane.request) lane.request = NO_MESSAGE;
	else lane.response = NO_MESSAGE;
	leaveMessage(http2, message);
	if (lane.request == NO_MESSAGE && lane.response == NO_MESSAGE && lane.exchange == NO_EXCHANGE) removeLane(http2, lane);
}

/** A side reset the stream. Its frames may still arrive from the other side. */
export function noteReset(http2: Http2, id: u32): void {
	store<u32>(http2.resets + (http2.resetCount & (RESETS - 1)) * 4, id);
	http2.resetCount++;
}

export function wasReset(http2: Http2, id: u32): bool {
	for (let i: u32 = 0; i < RESETS; i++) if (load<u32>(http2.resets + i * 4) == id) return true;
	return false;
}

/** The server will not answer requests after `last` (GOAWAY). */
export function refuseAfter(http2: Http2, last: u32, reason: i32): void {
	// A flood of GOAWAY looks at each stream once.
	if (http2.refusedFrom != 0 && last >= http2.refusedFrom - 1 && http2.highestRequest == http2.refusedAt) return;
	http2.refusedFrom = last + 1;
	http2.refusedAt = http2.highestRequest;
	let lane = http2.firstLane;
	while (lane != NO_LANE) {
		const next = lane.next;
		if (lane.id > last && (lane.id & 1) != 0 && lane.response == NO_MESSAGE) finishLane(http2, lane, reason);
		lane = next;
	}
}

/** Bytes of the stream were lost that may belong to any lane. */
export function doubtLanes(http2: Http2, stream: Stream): void {
	http2.holed = true;
	for (let lane = http2.firstLane; lane != NO_LANE; lane = lane.next) {
		if (stream.role == CARRIES_REQUESTS) {
			if (lane.request != NO_MESSAGE && !lane.requestEnded) doubtMessage(lane.request);
		} else if (lane.response == NO_MESSAGE) {
			lane.unsure = true;
		} else if (!lane.responseEnded) {
			doubtMessage(lane.response);
		}
	}
}

function doubtMessage(message: Message): void {
	if (message.damage == 0) message.damage = REASON_BYTES_LOST;
	doubtItems(message);
}

/** Ends all lanes with `reason`. */
export function endLanes(http2: Http2, reason: i32): void {
	while (http2.firstLane != NO_LANE) {
		const lane = http2.firstLane;
		const request = lane.request;
		if (reason != 0 && lane.exchange == NO_EXCHANGE && request != NO_MESSAGE && request.methodLength != 0) {
			note(request, ANOMALY_INCOMPLETE_HEAD);
			beginRow(http2, lane);
		}
		const unsure = lane.unsure && lane.response == NO_MESSAGE;
		finishLane(http2, lane, unsure ? REASON_BYTES_LOST : reason);
	}
}

/** Checks the lanes; debug build. */
export function checkLanes(http2: Http2): void {
	let count: u32 = 0;
	let before = NO_LANE;
	for (let lane = http2.firstLane; lane != NO_LANE; lane = lane.next) {
		assert(lane.previous == before, 'open streams are linked both ways');
		assert(findLane(http2, lane.id) == lane, 'an open stream is found by its number');
		const exchange = lane.exchange;
		assert(exchange == NO_EXCHANGE || (exchange.streamId == lane.id && !exchange.done), 'an open stream has an open row');
		if (lane.request != NO_MESSAGE && lane.request.headed) assert(lane.request.exchange == exchange, 'the request of an open stream belongs to its row');
		before = lane;
		count++;
	}
	assert(http2.lastLane == before && http2.laneCount == count, 'open streams are counted');
}

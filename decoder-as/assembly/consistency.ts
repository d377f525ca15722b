// Invariants of everything that the decoder remembers, checked as a whole after each batch (debug build). Single steps
// are checked where they are implemented.
import { CHECKED, checkMissing } from './memory/checks';
import { checkBlocks } from './memory/memory';
import { checkMessage } from './memory/message-check';
import { checkOutput } from './memory/output';
import {
	Connection,
	Exchange,
	FRAMES,
	Message,
	NO_CONNECTION,
	NO_EXCHANGE,
	NO_FRAMES,
	NO_HOLD,
	NO_HTTP2,
	NO_ITEMS,
	NO_MESSAGE,
	NO_PENDING,
	NO_PROCESS,
	NO_STREAM,
	OPAQUE,
	TALKING,
	Stream,
} from './memory/state';
import { AT_START, IN_PREAMBLE, SEARCHING } from './http1/states';
import { checkTable } from './http2/hpack';
import { checkLanes } from './protocols/http2-lanes';
import * as exchanges from './rows/exchanges';
import * as messages from './rows/messages';
import { checkRecent } from './rows/mirrors';
import * as connections from './tables/connections';
import { HEADER_SIZE, recordCaptured, recordOffset } from './wire/record';
import { pendingRecord } from './tables/pending';

/**
 * The cost of a check is proportional to the amount remembered: after a large check, this many batches are not
 * checked.
 */
const LOOKED_AT_EACH_BATCH: u32 = 20_000;
let unlooked: u32 = 0;

/** Checks everything, unless that is a lot and was done recently. Does nothing in the release build. */
export function checkEverything(): void {
	if (!CHECKED) return;
	checkMissing();
	checkOutput();
	if (unlooked != 0) {
		unlooked--;
		return;
	}
	let looked = checkBlocks();
	exchanges.checkSpares();
	messages.checkSpares();
	let count: u32 = 0;
	let due: u32 = 0;
	let before = NO_CONNECTION;
	for (let connection = connections.oldest; connection != NO_CONNECTION; connection = connection.lruNext) {
		assert(connection.lruPrevious == before, 'the list by use is linked both ways');
		assert(!connection.buried && !connection.forgotten, 'a connection that is followed is not forgotten');
		if (connection.isSession) checkSession(connection);
		else assert(connections.findConnection(connection.id) == connection, 'a connection is found by its id');
		checkConnection(connection);
		if (connection.due) due++;
		before = connection;
		count++;
	}
	assert(connections.newest == before, 'the list by use ends with the newest');
	assert(connections.count == count, 'connections are counted');
	assert(connections.countDue() == due, 'what is due is in the list, and what is in the list is due');
	looked += count;
	unlooked = looked / LOOKED_AT_EACH_BATCH;
}

function checkSession(session: Connection): void {
	const carrier = session.carrier;
	assert(carrier != NO_CONNECTION && !carrier.buried, 'the connection of a session that is followed is followed');
	assert(connections.findConnection(session.id) == carrier, 'a session has the id of its connection');
	assert(session.session == NO_CONNECTION, 'a session carries no other');
	let listed = carrier.session;
	while (listed != NO_CONNECTION && listed != session) listed = listed.earlierSession;
	assert(listed == session, 'a connection knows its sessions');
}

function checkConnection(connection: Connection): void {
	checkStream(connection, connection.incoming);
	checkStream(connection, connection.outgoing);
	const requests = connection.requests;
	const responses = connection.responses;
	assert(requests == NO_STREAM || requests == connection.incoming || requests == connection.outgoing, 'requests go in one of the two directions');
	assert(responses == NO_STREAM || responses == connection.incoming || responses == connection.outgoing, 'responses go in one of the two directions');
	assert(requests == NO_STREAM || requests != responses, 'requests and responses go in different directions');
	checkRows(connection);
	if (connection.http2 != NO_HTTP2) checkLanes(connection.http2);
	checkUnbound(connection);
	checkHolds(connection);
	const mirror = connection.mirror;
	assert(mirror == NO_CONNECTION || mirror.mirror == connection, 'each of two sides knows the other');
	checkRecent(connection);
}

function checkRows(connection: Connection): void {
	let waiting: u32 = 0;
	let first = NO_EXCHANGE;
	let early = connection.early == NO_EXCHANGE;
	let before = NO_EXCHANGE;
	for (let exchange = connection.first; exchange != NO_EXCHANGE; exchange = exchange.next) {
		assert(exchange.previous == before, 'rows are linked both ways');
		assert(!exchange.unbound, 'an unbound response is not among the rows');
		checkExchange(connection, exchange);
		if (exchanges.isWaiting(exchange)) {
			if (waiting == 0) first = exchange;
			waiting++;
		}
		if (exchange == connection.early) early = true;
		before = exchange;
	}
	assert(connection.last == before, 'the rows end with the last');
	assert(connection.waitingCount == waiting, 'rows that wait are counted');
	assert(connection.waiting == first, 'the oldest row that waits is known');
	assert(early, 'the row of an early response is one of the rows');
}

function checkUnbound(connection: Connection): void {
	let count: u32 = 0;
	let last = NO_EXCHANGE;
	for (let exchange = connection.firstUnbound; exchange != NO_EXCHANGE; exchange = exchange.next) {
		assert(exchange.unbound && exchange.request == NO_MESSAGE && exchange.response != NO_MESSAGE, 'an unbound row has a response only');
		checkExchange(connection, exchange);
		last = exchange;
		count++;
	}
	assert(connection.lastUnbound == last, 'the unbound responses end with the last');
	assert(connection.unboundCount == count, 'unbound responses are counted');
}

function checkExchange(connection: Connection, exchange: Exchange): void {
	assert(exchange.connection == connection, 'a row belongs to its connection');
	assert(exchange.process == NO_PROCESS || exchange.process.references != 0, 'a row has a reference to its process');
	const request = exchange.request;
	const response = exchange.response;
	assert(request != NO_MESSAGE || response != NO_MESSAGE, 'a row has a message');
	if (request != NO_MESSAGE) checkPart(exchange, request, false);
	if (response != NO_MESSAGE) checkPart(exchange, response, true);
}

function checkPart(exchange: Exchange, message: Message, isResponse: bool): void {
	assert(message.exchange == exchange, 'a message belongs to its row');
	assert(message.isResponse == isResponse, 'a row has one request and one response');
	checkMessage(message);
}

function checkStream(connection: Connection, stream: Stream): void {
	if (stream == NO_STREAM) return;
	assert(stream.connection == connection, 'a stream belongs to its connection');
	assert(stream.base <= stream.next, 'a stream advances from where it began');
	if (stream.frames != NO_FRAMES) checkTable(stream.frames.table);
	assert((stream.state == TALKING) == (stream.items != NO_ITEMS), 'a stream of items has them');
	const message = stream.message;
	if (message == NO_MESSAGE) {
		const state = stream.state;
		assert(state == AT_START || state == SEARCHING || state == IN_PREAMBLE || state == OPAQUE || state == FRAMES || state == TALKING, 'a stream inside a message has one');
	} else {
		assert(message.reading && !message.ended, 'the message of a stream is being read');
		checkMessage(message);
	}
	if (stream.spill != NO_MESSAGE) {
		assert(stream.spill.reading && stream.spill != message, 'the spill of a stream is being read');
		checkMessage(stream.spill);
	}
	let count: u32 = 0;
	let bytes: u32 = 0;
	let last = NO_PENDING;
	for (let pending = stream.firstPending; pending != NO_PENDING; pending = pending.next) {
		const record = pendingRecord(pending);
		assert(last == NO_PENDING || last.offset <= pending.offset, 'records wait in the order of their offsets');
		assert(recordOffset(record) == pending.offset, 'a record that waits is a copy');
		assert(HEADER_SIZE + recordCaptured(record) == pending.bytes, 'a record that waits is a whole one');
		last = pending;
		count++;
		bytes += pending.bytes;
	}
	assert(stream.lastPending == last, 'the records that wait end with the last');
	assert(stream.pendingCount == count, 'records that wait are counted');
	assert(stream.pendingBytes == bytes, 'the bytes of records that wait are counted');
}

function checkHolds(connection: Connection): void {
	for (let hold = connection.firstHold; hold != NO_HOLD; hold = hold.nextOfConnection) {
		assert(hold.connection == connection, 'a hold belongs to its connection');
		const before = hold.previousOfProcess;
		const after = hold.nextOfProcess;
		assert(before == NO_HOLD ? hold.process.firstHold == hold : before.nextOfProcess == hold, 'a hold is in the list of its process');
		assert(after == NO_HOLD || after.previousOfProcess == hold, 'holds of a process are linked both ways');
		assert(hold.process.references != 0, 'a hold has a reference to its process');
	}
}

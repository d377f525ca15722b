// What a silence on a connection proves. A client that sends after a silence much longer than those that its responses
// ended is waiting for nothing: any response owed to it would have arrived by then. This is how pairing begins if a
// capture starts in the middle of a connection, without knowing what was asked before. It is also how pairing returns
// after a loss to a client that always has requests in flight. A silence proves nothing if the program simply did not
// read, so a client must have read everything that had arrived (FLAG_ALL_READ).
import { Connection, Message, NO_STREAM, isClient } from '../memory/state';
import * as call from '../wire/call';
import { FLAG_ALL_READ, FLAG_UNREAD } from '../wire/capture-event';

/** A silence counts if it is this many times as long as the longest silence that a response ended … */
const TIMES: u64 = 4;
/** … and at least this many nanoseconds: in less, a thread may simply not have run. */
const LEAST_NS: u64 = 20_000_000;
/** The same if something may well be owed: the client always had requests in flight, or responses are missing. */
const TIMES_OVERLAPPING: u64 = 20;
const LEAST_OVERLAPPING_NS: u64 = 200_000_000;
/** The longest silences are those before the last 8 to 16 messages, so that one slow response is eventually forgotten. */
const LATELY: u32 = 8;

/** Called for the first byte of a message. */
export function noteBeginning(connection: Connection, message: Message): void {
	message.silence = silenceBefore(connection);
	message.allRead = (call.flags & FLAG_ALL_READ) != 0;
	message.unread = (call.flags & FLAG_UNREAD) != 0;
	noteActivity(connection);
}

/** The current call moved bytes of the connection. */
export function noteActivity(connection: Connection): void {
	if (call.time > connection.activeAt) connection.activeAt = call.time;
}

/** Nanoseconds without a byte in either direction before the current call; 0 if unknown. */
function silenceBefore(connection: Connection): u64 {
	return since(connection.activeAt);
}

/** The same before the end of a stream, whose last bytes may still be waiting. */
export function silenceBeforeEnd(connection: Connection): u64 {
	return since(max<u64>(connection.activeAt, connection.arrivedAt));
}

function since(time: u64): u64 {
	return time != 0 && call.time > time ? call.time - time : 0;
}

/** Notes a silence during which a response was owed. */
export function noteOwed(connection: Connection, response: Message): void {
	if (connection.owedCount++ % LATELY == 0) {
		connection.owedBefore = connection.owedLongest;
		connection.owedLongest = 0;
	}
	connection.owedLongest = max<u64>(connection.owedLongest, response.silence);
}

/** Notes a silence before a request that proves nothing. */
function noteThought(connection: Connection, silence: u64): void {
	if (connection.thoughtCount++ % LATELY == 0) {
		connection.thoughtBefore = connection.thoughtLongest;
		connection.thoughtLongest = 0;
	}
	connection.thoughtLongest = max<u64>(connection.thoughtLongest, silence);
}

/**
 * Whether nothing was owed when the request began. `lacking`: responses are missing that may have been lost. A silence that
 * does not prove it is remembered, because later silences are compared with it.
 */
export function provesIdle(connection: Connection, request: Message, lacking: bool): bool {
	const client = isClient(connection);
	// Something may have been lost right before the beginning of a stream seen from its middle.
	const requests = connection.requests;
	if (requests != NO_STREAM && requests.midstream && request.startOffset == requests.base) return false;
	// The client sends further requests while answers wait in its socket.
	if (client && request.unread) connection.overlapping = true;
	if ((!client || request.allRead) && isLong(connection, request.silence, lacking)) return true;
	noteThought(connection, request.silence);
	return false;
}

/** Whether nothing was owed when the client ended its stream or closed the connection. */
export function provesEnd(connection: Connection): bool {
	const requests = connection.requests;
	const ending = requests != NO_STREAM && requests.ending;
	// Bytes lost at the very end are known only from the close.
	if (requests != NO_STREAM && requests.finalOffset > requests.next) return false;
	return isLong(connection, ending ? requests.endSilence : connection.closeSilence, connection.waitingCount > connection.unboundCount);
}

function isLong(connection: Connection, silence: u64, lacking: bool): bool {
	const owed = max<u64>(connection.owedLongest, connection.owedBefore);
	if (owed == 0) return false;
	if (!connection.overlapping && !lacking) return silence >= max<u64>(owed * TIMES, LEAST_NS);
	// Such a client may pause before each request, so this pause must be much longer.
	const thought = max<u64>(connection.thoughtLongest, connection.thoughtBefore);
	return silence >= max<u64>(max<u64>(owed * TIMES_OVERLAPPING, thought * TIMES), LEAST_OVERLAPPING_NS);
}

// What a silence on a connection proves. A client that sends after a silence much longer than those its responses broke
// waits for nothing: whatever it had asked for would have come meanwhile. That is how pairing begins when a capture starts
// in the middle of a connection, where nobody saw what was asked before, and how it returns to a client that always has
// requests in flight once something was lost. A silence that a program made by not reading proves nothing, so a client
// must have read everything that had arrived (FLAG_ALL_READ).
import * as call from './call';
import { FLAG_ALL_READ, FLAG_UNREAD } from './capture-event';
import { Connection, Message, NO_STREAM, Stream } from './state';

/** A silence counts when it is this many times as long as the longest one that a response broke … */
const TIMES: u64 = 4;
/** … and so many nanoseconds at least: below that a thread may merely not have run. */
const LEAST_NS: u64 = 20_000_000;
/** Likewise where the client was seen to have requests in flight all the time: it may pause before each. */
const TIMES_OVERLAPPING: u64 = 20;
const LEAST_OVERLAPPING_NS: u64 = 200_000_000;
/** The longest one is looked for among the last 8 to 16 responses, so that one slow response is forgotten in time. */
const RESPONSES: u32 = 8;

/** The first byte of a message is taken. */
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

/** Nanoseconds without a byte in either direction before the current call; 0 when that is not known. */
export function silenceBefore(connection: Connection): u64 {
	const before = connection.activeAt;
	return before != 0 && call.time > before ? call.time - before : 0;
}

/** A response was owed while it did not come. */
export function noteOwed(connection: Connection, response: Message): void {
	if (connection.owedCount % RESPONSES == 0) {
		connection.owedBefore = connection.owedLongest;
		connection.owedLongest = 0;
	}
	connection.owedCount++;
	if (response.silence > connection.owedLongest) connection.owedLongest = response.silence;
}

/** Was nothing owed when the request began? */
export function provesIdle(connection: Connection, request: Message): bool {
	const client = connection.responses != NO_STREAM && connection.responses == connection.incoming;
	return (!client || request.allRead) && isLong(connection, request.silence);
}

/** Was nothing owed when the client ended its stream, seen by the server? */
export function provesEnd(connection: Connection, requests: Stream): bool {
	return requests == connection.incoming && isLong(connection, requests.endSilence);
}

function isLong(connection: Connection, silence: u64): bool {
	const owed = max<u64>(connection.owedLongest, connection.owedBefore);
	if (connection.overlapping) return owed != 0 && silence >= max<u64>(owed * TIMES_OVERLAPPING, LEAST_OVERLAPPING_NS);
	return owed != 0 && silence >= max<u64>(owed * TIMES, LEAST_NS);
}

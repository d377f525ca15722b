// The connection table: by id, in order of use, bounded. Also the list of connections with decisions to make when the
// batch ends.
import { CHECKED } from '../memory/checks';
import { allocateZeroed } from '../memory/memory';
import { Connection, NO_CONNECTION } from '../memory/state';
import * as call from '../wire/call';

const BUCKETS: u32 = 65536;
const buckets = memory.data(262144, 8);

/** Number of batches begun; the one being decoded. */
export let batch: u32 = 0;
/** Number of batches at whose end everything was decided. */
export let settled: u32 = 0;

export let count: u32 = 0;
export let oldest: Connection = NO_CONNECTION;
export let newest: Connection = NO_CONNECTION;
let firstDue: Connection = NO_CONNECTION;

export function beginBatch(): void {
	batch++;
}

export function settleBatch(): void {
	settled = batch;
}

function bucketOf(id: u64): usize {
	const mixed = id * 0x9e3779b97f4a7c15;
	return buckets + (<u32>(mixed >> 48) & (BUCKETS - 1)) * 4;
}

export function findConnection(id: u64): Connection {
	let connection = changetype<Connection>(load<usize>(bucketOf(id)));
	while (connection != NO_CONNECTION && connection.id != id) connection = connection.hashNext;
	return connection;
}

/** Puts a new connection into the table; NO_CONNECTION without memory. */
export function addConnection(id: u64): Connection {
	const connection = newConnection(id);
	if (connection == NO_CONNECTION) return connection;
	const bucket = bucketOf(id);
	connection.hashNext = changetype<Connection>(load<usize>(bucket));
	store<usize>(bucket, changetype<usize>(connection));
	return connection;
}

/** Makes a TLS session of the connection, whose id it has; it is found only there. NO_CONNECTION without memory. */
export function addSession(carrier: Connection): Connection {
	const session = newConnection(carrier.id);
	if (session != NO_CONNECTION) joinCarrier(session, carrier);
	return session;
}

/** Makes a connection a session of `carrier`. */
export function moveToCarrier(connection: Connection, carrier: Connection): void {
	removeConnection(connection);
	connection.id = carrier.id;
	joinCarrier(connection, carrier);
	touch(carrier);
}

function joinCarrier(session: Connection, carrier: Connection): void {
	session.isSession = true;
	session.carrier = carrier;
	session.earlierSession = carrier.session;
	carrier.session = session;
}

/** The session's rows are written: its connection no longer knows it. */
export function leaveCarrier(session: Connection): void {
	const carrier = session.carrier;
	if (carrier.session == session) {
		carrier.session = session.earlierSession;
	} else {
		let later = carrier.session;
		while (later.earlierSession != session) later = later.earlierSession;
		later.earlierSession = session.earlierSession;
	}
	session.carrier = NO_CONNECTION;
	session.earlierSession = NO_CONNECTION;
}

function newConnection(id: u64): Connection {
	const connection = changetype<Connection>(allocateZeroed(offsetof<Connection>()));
	if (connection == NO_CONNECTION) return connection;
	connection.id = id;
	connection.pid = call.pid;
	connection.fd = call.fd;
	connection.comm0 = call.comm0;
	connection.comm1 = call.comm1;
	connection.openedAt = call.time;
	linkNewest(connection);
	count++;
	return connection;
}

/** Removes a connection that is no longer followed from the list by use. It can still be found by its id. */
export function retireConnection(connection: Connection): void {
	if (CHECKED) assert(count != 0, 'a connection that is followed is counted');
	unlinkUse(connection);
	count--;
}

/** Removes it from the table by id; the struct remains. */
export function removeConnection(connection: Connection): void {
	const bucket = bucketOf(connection.id);
	let at = changetype<Connection>(load<usize>(bucket));
	if (at == connection) {
		store<usize>(bucket, changetype<usize>(connection.hashNext));
		return;
	}
	while (at != NO_CONNECTION && at.hashNext != connection) at = at.hashNext;
	if (CHECKED) assert(at != NO_CONNECTION, 'a connection is in the table until it is taken out');
	if (at != NO_CONNECTION) at.hashNext = connection.hashNext;
}

/** Moves it to the end of the list by use. */
export function touch(connection: Connection): void {
	if (connection != newest) {
		unlinkUse(connection);
		linkNewest(connection);
	}
	// A session comes right after its connection, so that the connection is the first to be given up.
	if (connection.session != NO_CONNECTION) touch(connection.session);
}

function linkNewest(connection: Connection): void {
	connection.lruPrevious = newest;
	connection.lruNext = NO_CONNECTION;
	if (newest != NO_CONNECTION) newest.lruNext = connection;
	else oldest = connection;
	newest = connection;
}

function unlinkUse(connection: Connection): void {
	const previous = connection.lruPrevious;
	const next = connection.lruNext;
	if (CHECKED) {
		assert(previous == NO_CONNECTION ? oldest == connection : previous.lruNext == connection, 'the connection before knows this one');
		assert(next == NO_CONNECTION ? newest == connection : next.lruPrevious == connection, 'the connection after knows this one');
	}
	if (previous != NO_CONNECTION) previous.lruNext = next;
	else oldest = next;
	if (next != NO_CONNECTION) next.lruPrevious = previous;
	else newest = previous;
}

/** Schedules its decisions for the end of the batch. */
export function makeDue(connection: Connection): void {
	if (connection.due) return;
	connection.due = true;
	connection.dueNext = firstDue;
	firstDue = connection;
}

/** Returns the list of due connections and empties it. */
export function takeDue(): Connection {
	const list = firstDue;
	firstDue = NO_CONNECTION;
	return list;
}

/** Adds a syscall to the connection's list, in order of first use. */
export function noteSyscall(connection: Connection, syscall: u32): void {
	const noted = (<u64>1) << (syscall & 63);
	if (syscall < 64) {
		if (connection.syscallsNoted & noted) return;
		connection.syscallsNoted |= noted;
	} else {
		if (connection.syscallsNotedHigh & noted) return;
		connection.syscallsNotedHigh |= noted;
	}
	const list = changetype<usize>(connection) + offsetof<Connection>('syscalls0');
	const length = connection.syscallCount;
	if (length == 16) return;
	store<u8>(list + length, <u8>syscall);
	connection.syscallCount = length + 1;
}


/** How many followed connections are in the list of due ones; debug build. */
export function countDue(): u32 {
	let found: u32 = 0;
	for (let connection = firstDue; connection != NO_CONNECTION; connection = connection.dueNext) {
		assert(connection.due, 'what is in the list of the batch is due');
		if (!connection.buried) found++;
	}
	return found;
}

// An exchange between two processes of this host is seen from both ends: two connections whose addresses are each other
// reversed carry the same messages. The paths of unix sockets name only listeners, so for these the kernel tells which
// two belong together. This file finds the mirror of a connection and the pair of a row.
//
// A connection remembers its most recent rows. If both streams were seen from their beginning, the same exchange has
// the same request offset on both sides; otherwise order and equal request lines decide.
import { equals, hashBytes } from '../memory/bytes';
import { enlarge, release } from '../memory/memory';
import { Connection, Exchange, NO_CONNECTION, NO_EXCHANGE, NO_MESSAGE, NO_STREAM } from '../memory/state';
import { writePair } from './entries';

const BUCKETS: u32 = 16384;
const buckets = memory.data(65536, 8);

/** Rows remembered of each connection, and of one with HTTP/2, on which many requests may be open at once. */
export const RECENT: u32 = 64;
const RECENT_STREAMS: u32 = 512;
// One remembered row: u64 id, u64 request offset, u32 hash of method and target, u32 address of the row while it is
// open, u8 paired.
const ROW_BYTES: u32 = 32;
const ROW_OFFSET: u32 = 8;
const ROW_HASH: u32 = 16;
const ROW_EXCHANGE: u32 = 20;
const ROW_PAIRED: u32 = 24;
const SEED: u32 = 2166136261;

function hashOf(first: usize, firstLength: u32, second: usize, secondLength: u32): u32 {
	return hashBytes(second, secondLength, hashBytes(first, firstLength, SEED) * 31 + 1);
}

function bucketOf(hash: u32): usize {
	return buckets + (hash & (BUCKETS - 1)) * 4;
}

function hashNumber(number: u64): u32 {
	return <u32>((number * 0x9e3779b97f4a7c15) >> 32) | 1;
}

function isUnix(connection: Connection): bool {
	return connection.socketNumber != 0;
}

function mirrorable(connection: Connection): bool {
	if (isUnix(connection)) return true;
	return (
		connection.localLength != 0 && connection.remoteLength != 0 &&
		load<u8>(connection.local) != 117 && load<u8>(connection.remote) != 117
	);
}

function ownHash(connection: Connection): u32 {
	if (isUnix(connection)) return hashNumber(connection.socketNumber);
	return hashOf(connection.local, connection.localLength, connection.remote, connection.remoteLength) | 1;
}

/** ownHash() of the other side. Unknown for a client whose connection has not been accepted yet; the server then finds it. */
function otherHash(connection: Connection): u32 {
	if (isUnix(connection)) return hashNumber(connection.peerNumber);
	return hashOf(connection.remote, connection.remoteLength, connection.local, connection.localLength) | 1;
}

/** Looks for the other side, once the addresses are known. */
export function findMirror(connection: Connection): void {
	if (connection.addressHash != 0 || connection.carries || !mirrorable(connection)) return;
	const own = ownHash(connection);
	connection.addressHash = own;
	const wanted = otherHash(connection);
	let best = NO_CONNECTION;
	let other = changetype<Connection>(load<usize>(bucketOf(wanted)));
	while (other != NO_CONNECTION) {
		if (other.mirror == NO_CONNECTION && other.addressHash == wanted && mirrors(connection, other)) {
			// The newest comes first. Of two with the same addresses (in network namespaces), the one whose rows fit is
			// the right one.
			if (best == NO_CONNECTION || fitting(connection, other)) best = other;
			if (fitting(connection, best)) break;
		}
		other = other.addressNext;
	}
	const bucket = bucketOf(own);
	connection.addressNext = changetype<Connection>(load<usize>(bucket));
	store<usize>(bucket, changetype<usize>(connection));
	if (best == NO_CONNECTION) return;
	connection.mirror = best;
	best.mirror = connection;
	pairAll(connection, best);
}

function mirrors(a: Connection, b: Connection): bool {
	if (isUnix(a) || isUnix(b)) return a != b && a.peerNumber == b.socketNumber;
	return (
		a != b && a.localLength == b.remoteLength && a.remoteLength == b.localLength &&
		equals(a.local, b.remote, a.localLength) && equals(a.remote, b.local, a.remoteLength)
	);
}

/** Whether one side has no row yet, or both have a request in common. */
function fitting(a: Connection, b: Connection): bool {
	const rowsA = min<u32>(a.recentCount, recentOf(a));
	const rowsB = min<u32>(b.recentCount, recentOf(b));
	if (rowsA == 0 || rowsB == 0) return true;
	for (let i: u32 = 0; i < rowsA; i++) {
		const hash = load<u32>(a.recent + i * ROW_BYTES, ROW_HASH);
		for (let j: u32 = 0; j < rowsB; j++) if (load<u32>(b.recent + j * ROW_BYTES, ROW_HASH) == hash) return true;
	}
	return false;
}

/** Removes a connection that is being freed. */
export function forgetMirror(connection: Connection): void {
	if (connection.mirror != NO_CONNECTION) connection.mirror.mirror = NO_CONNECTION;
	connection.mirror = NO_CONNECTION;
	release(connection.recent);
	connection.recent = 0;
	connection.recentCount = 0;
	if (connection.addressHash == 0) return;
	const bucket = bucketOf(connection.addressHash);
	let at = changetype<Connection>(load<usize>(bucket));
	if (at == connection) {
		store<usize>(bucket, changetype<usize>(connection.addressNext));
		return;
	}
	while (at != NO_CONNECTION && at.addressNext != connection) at = at.addressNext;
	if (at != NO_CONNECTION) at.addressNext = connection.addressNext;
}

/** Remembers a row that has just got its id. */
export function recordRow(exchange: Exchange): void {
	const connection = exchange.connection;
	const request = exchange.request;
	if (request == NO_MESSAGE) return;
	// If a peer's address is known and is not on this host, a mirror is unlikely. The memory is small and is freed with the
	// connection.
	if (connection.recentCount < recentOf(connection) && !growRecent(connection)) return;
	const row = connection.recent + (connection.recentCount % recentOf(connection)) * ROW_BYTES;
	connection.recentCount++;
	store<u64>(row, exchange.id);
	store<u64>(row, exchange.streamId != 0 ? <u64>exchange.streamId : request.startOffset, ROW_OFFSET);
	store<u32>(row, hashOfRow(exchange), ROW_HASH);
	store<u32>(row, <u32>changetype<usize>(exchange), ROW_EXCHANGE);
	store<u8>(row, 0, ROW_PAIRED);
	if (connection.mirror != NO_CONNECTION) pairRow(connection, row, connection.mirror);
}

/**
 * What both sides' rows have in common: of HTTP/2 the number of the stream (a side that was not seen from its beginning may
 * not know the request line), else method and target.
 */
function hashOfRow(exchange: Exchange): u32 {
	if (exchange.streamId != 0) return hashNumber(exchange.streamId);
	const request = exchange.request;
	return hashOf(request.head + request.method, request.methodLength, request.head + request.target, request.targetLength);
}

@inline
function recentOf(connection: Connection): u32 {
	return connection.remembersMore ? RECENT_STREAMS : RECENT;
}

/** Makes room for one more row: 4, 8, 16 … rows, because most connections carry few. */
function growRecent(connection: Connection): bool {
	const count = connection.recentCount;
	if (count != 0 && (count < 4 || popcnt<u32>(count) != 1)) return true;
	const recent = enlarge(connection.recent, count * ROW_BYTES, (count == 0 ? 4 : count * 2) * ROW_BYTES);
	if (recent == 0) return false;
	connection.recent = recent;
	return true;
}

/** The row was written: from now on its pair needs an ENTRY_PAIR. */
export function handedOut(exchange: Exchange): void {
	const connection = exchange.connection;
	const rows = min<u32>(connection.recentCount, recentOf(connection));
	const address = <u32>changetype<usize>(exchange);
	// The written row is nearly always one of the newest, so search from there.
	for (let i: u32 = 0; i < rows; i++) {
		const row = connection.recent + ((connection.recentCount - 1 - i) % recentOf(connection)) * ROW_BYTES;
		if (load<u32>(row, ROW_EXCHANGE) != address) continue;
		store<u32>(row, 0, ROW_EXCHANGE);
		return;
	}
}

function pairAll(a: Connection, b: Connection): void {
	const rows = min<u32>(a.recentCount, recentOf(a));
	// Oldest first, so that the order decides if offsets cannot.
	for (let i = rows; i > 0; i--) pairRow(a, a.recent + ((a.recentCount - i) % recentOf(a)) * ROW_BYTES, b);
}

function pairRow(connection: Connection, row: usize, other: Connection): void {
	if (load<u8>(row, ROW_PAIRED) != 0) return;
	const exact = wholeStream(connection) && wholeStream(other);
	const rows = min<u32>(other.recentCount, recentOf(other));
	for (let i = rows; i > 0; i--) {
		const candidate = other.recent + ((other.recentCount - i) % recentOf(other)) * ROW_BYTES;
		if (load<u8>(candidate, ROW_PAIRED) != 0) continue;
		if (load<u32>(candidate, ROW_HASH) != load<u32>(row, ROW_HASH)) continue;
		if (exact && load<u64>(candidate, ROW_OFFSET) != load<u64>(row, ROW_OFFSET)) continue;
		store<u8>(row, 1, ROW_PAIRED);
		store<u8>(candidate, 1, ROW_PAIRED);
		tellPair(row, candidate);
		return;
	}
}

function wholeStream(connection: Connection): bool {
	return connection.requests == NO_STREAM ? connection.wholeRequests : !connection.requests.midstream;
}

function tellPair(a: usize, b: usize): void {
	const first = changetype<Exchange>(<usize>load<u32>(a, ROW_EXCHANGE));
	const second = changetype<Exchange>(<usize>load<u32>(b, ROW_EXCHANGE));
	if (first != NO_EXCHANGE) first.pairId = load<u64>(b);
	if (second != NO_EXCHANGE) second.pairId = load<u64>(a);
	if (first == NO_EXCHANGE || second == NO_EXCHANGE) writePair(load<u64>(a), load<u64>(b));
}

/** Checks that remembered open rows exist; debug build. */
export function checkRecent(connection: Connection): void {
	const rows = min<u32>(connection.recentCount, recentOf(connection));
	assert(rows == 0 || connection.recent != 0, 'rows are remembered in a block');
	for (let i: u32 = 0; i < rows; i++) {
		const row = connection.recent + i * ROW_BYTES;
		const exchange = changetype<Exchange>(<usize>load<u32>(row, ROW_EXCHANGE));
		if (exchange == NO_EXCHANGE) continue;
		assert(exchange.connection == connection && exchange.id == load<u64>(row), 'a row that is remembered as open is open');
	}
}

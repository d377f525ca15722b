// Writes rows into the output, in the layout of output-layout.ts. It decides nothing.
import { copyBytes } from '../memory/bytes';
import { viaOf } from '../memory/carried';
import { CHECKED } from '../memory/checks';
import { checkMessage } from '../memory/message-check';
import { askHost, fits, reserve, reserveSurely, trim } from '../memory/output';
import { Connection, Exchange, INTERIMS, Message, NO_CONNECTION, NO_MESSAGE, NO_PROCESS, NO_STREAM, isPlaintext, unheldAt } from '../memory/state';
import { wallMicroseconds } from '../wire/clock';
import {
	CONNECTION_BYTES_IN,
	CONNECTION_BYTES_OUT,
	CONNECTION_CLOSED,
	CONNECTION_CLIENT_HELLO,
	CONNECTION_COMM,
	CONNECTION_EXCHANGES,
	CONNECTION_AT_REST,
	CONNECTION_FIXED_BYTES,
	CONNECTION_ACCEPT_WAIT_MS,
	CONNECTION_CONNECT_MS,
	CONNECTION_RETRANSMITS,
	CONNECTION_RTT_MS,
	CONNECTION_ID,
	CONNECTION_LOCAL,
	CONNECTION_OPENED,
	CONNECTION_PID,
	CONNECTION_PROTOCOL,
	CONNECTION_REMOTE,
	CONNECTION_SERVER_HELLO,
	CONNECTION_SIDE,
	CONNECTION_OFFSET_IN,
	CONNECTION_OFFSET_OUT,
	CONNECTION_SYSCALLS,
	ENTRY_CONNECTION,
	ENTRY_EXCHANGE,
	ENTRY_PAIR,
	ENTRY_QUESTION,
	ENTRY_SKIP,
	ANOMALY_TLS_UNMAPPED,
	EXCHANGE_ANOMALIES,
	EXCHANGE_CGROUP,
	EXCHANGE_CMDLINE,
	EXCHANGE_COMM,
	EXCHANGE_CONN,
	EXCHANGE_DURATION_MS,
	EXCHANGE_EXE,
	EXCHANGE_FIXED_BYTES,
	EXCHANGE_FLAG_HTTPS,
	EXCHANGE_FLAG_REQUEST,
	EXCHANGE_FLAG_REQ_ENDED,
	EXCHANGE_FLAG_REQ_PREFIX,
	EXCHANGE_FLAG_RESPONSE,
	EXCHANGE_FLAG_RES_ENDED,
	EXCHANGE_FLAG_RES_PREFIX,
	EXCHANGE_FLAGS,
	EXCHANGE_HOST,
	EXCHANGE_HTTP_VERSION,
	EXCHANGE_ID,
	EXCHANGE_INTERIM,
	EXCHANGE_LOCAL,
	EXCHANGE_LOST_BYTES,
	EXCHANGE_METHOD,
	EXCHANGE_PAIR_ID,
	EXCHANGE_PARENT_ID,
	EXCHANGE_PATH,
	EXCHANGE_PID,
	EXCHANGE_QUERY,
	EXCHANGE_REASON,
	EXCHANGE_REMOTE,
	EXCHANGE_REQ_BODY,
	EXCHANGE_REQ_BODY_BYTES,
	EXCHANGE_REQ_CAPTURED_BYTES,
	EXCHANGE_REQ_HEADERS,
	EXCHANGE_REQ_HTTP_VERSION,
	EXCHANGE_REQ_UNHELD,
	EXCHANGE_REQ_VIA,
	EXCHANGE_RES_BODY,
	EXCHANGE_RES_BODY_BYTES,
	EXCHANGE_RES_CAPTURED_BYTES,
	EXCHANGE_RES_HEADERS,
	EXCHANGE_RES_UNHELD,
	EXCHANGE_RES_WIRE_BYTES,
	EXCHANGE_SEND_MS,
	EXCHANGE_SIDE,
	EXCHANGE_STATE,
	EXCHANGE_STATUS,
	EXCHANGE_STREAM_ID,
	EXCHANGE_STATUS_TEXT,
	EXCHANGE_TARGET,
	EXCHANGE_TLS,
	EXCHANGE_THREAD_COMM,
	EXCHANGE_TID,
	EXCHANGE_TS,
	EXCHANGE_TTFB_MS,
	EXCHANGE_VIA,
	EXCHANGE_VIAS,
	HEADER_BYTES,
	HEADER_FLAGS,
	PAIR_A,
	PAIR_B,
	PAIR_FIXED_BYTES,
	PROTOCOL_HTTP1,
	PROTOCOL_HTTP2,
	PROTOCOL_WEBSOCKET,
	QUESTION_CONN,
	QUESTION_FD,
	QUESTION_FIXED_BYTES,
	QUESTION_PID,
	QUESTION_WHAT,
	SIDE_CLIENT,
	SIDE_SERVER,
	SIDE_UNKNOWN,
	SKIP_CONN,
	SKIP_DIRECTION,
	SKIP_FIXED_BYTES,
	SKIP_UNTIL,
	UNHELD_MAX,
	UNHELD_MEMORY,
} from '../wire/output-layout';
import { targetParts, pathEnd, pathStart, authorityEnd, authorityStart } from './target';

/** Length of a name in a NUL-padded field of 16 bytes. */
export function commLength(at: usize): u32 {
	return ctz<u32>(i8x16.bitmask(i8x16.eq(v128.load(at), i8x16.splat(0))) | 0x10000);
}

/** SIDE_* of the observed process: the one that receives requests is the server. */
function sideOf(connection: Connection): i32 {
	const requests = connection.requests;
	if (requests != NO_STREAM) return requests == connection.incoming ? SIDE_SERVER : SIDE_CLIENT;
	const responses = connection.responses;
	if (responses != NO_STREAM) return responses == connection.incoming ? SIDE_CLIENT : SIDE_SERVER;
	return connection.role == 1 ? SIDE_SERVER : connection.role == 2 ? SIDE_CLIENT : SIDE_UNKNOWN;
}

/** Where the next part of variable length of the current entry goes. */
let cursor: u32 = 0;

/** This many bytes after an entry may be overwritten, because short texts are copied together with what follows them. */
const SLACK: u32 = 16;

/**
 * Appends `length` bytes and makes the range at `member` point to them. Length 0 is an empty text. 16 bytes must be
 * readable at `from`: it starts a block of memory or lies in a struct.
 */
function putRange(entry: usize, member: u32, from: usize, length: u32): void {
	if (length <= SLACK) v128.store(entry + cursor, v128.load(from));
	else copyBytes(entry + cursor, from, length);
	store<u32>(entry + member, cursor);
	store<u32>(entry + member + 4, length);
	cursor += length;
}

/** Like putRange, for a text that may be NULL. */
function putText(entry: usize, member: u32, from: usize, length: u32): void {
	if (from != 0) putRange(entry, member, from, length);
}

/** The remote address: that of the client named by a PROXY preamble, if there was one. */
function putRemote(entry: usize, member: u32, connection: Connection): void {
	if (connection.toldLength != 0) putRange(entry, member, connection.told, connection.toldLength);
	else if (connection.remoteLength != 0) putRange(entry, member, connection.remote, connection.remoteLength);
}

/** Sets a range to bytes that are already in the entry. */
function pointRange(entry: usize, member: u32, offset: u32, length: u32): void {
	if (CHECKED) assert(offset + length <= cursor, 'a range lies in what was written of its entry');
	store<u32>(entry + member, offset);
	store<u32>(entry + member + 4, length);
}

/** Copies the field list and the head; returns the head's offset in the entry. */
function putHead(entry: usize, member: u32, message: Message): u32 {
	const list = (cursor + 7) & ~7;
	for (let at = cursor; at < list; at++) store<u8>(entry + at, 0);
	const listBytes = message.fieldCount * HEADER_BYTES;
	const head = list + listBytes;
	copyBytes(entry + head, message.head, message.headLength);
	// Offset, length, offset, length: makes the offsets of name and value relative to the entry.
	const moved = i32x4.replace_lane(i32x4.replace_lane(i32x4.splat(0), 0, head), 2, head);
	let field = message.fields;
	for (let at = entry + list; at < entry + head; at += HEADER_BYTES) {
		v128.store(at, i32x4.add(v128.load(field), moved));
		store<u32>(at, load<u32>(field, HEADER_FLAGS), HEADER_FLAGS);
		field += HEADER_BYTES;
	}
	store<u32>(entry + member, list);
	store<u32>(entry + member + 4, listBytes);
	cursor = head + message.headLength;
	return head;
}

function putInterims(entry: usize, exchange: Exchange): void {
	if (exchange.interimCount == 0) return;
	const shown = min<u32>(exchange.interimCount, INTERIMS);
	const list = changetype<usize>(exchange) + offsetof<Exchange>('interims0');
	const start = cursor;
	for (let i: u32 = 0; i < shown; i++) {
		const status = <u32>load<u16>(list + i * 2);
		if (i != 0) store<u8>(entry + cursor++, 44);
		store<u8>(entry + cursor++, <u8>(48 + status / 100));
		store<u8>(entry + cursor++, <u8>(48 + (status / 10) % 10));
		store<u8>(entry + cursor++, <u8>(48 + status % 10));
	}
	pointRange(entry, EXCHANGE_INTERIM, start, cursor - start);
}

function milliseconds(from: u64, to: u64): f64 {
	// Time 0 is unknown.
	if (from == 0 || to == 0) return NaN;
	return to > from ? <f64>(to - from) / 1e6 : 0;
}

/** Writes the counts of the body. `hold` false omits the held bytes and counts them as not held. */
function putBody(
	entry: usize, message: Message, hold: bool, bodyBytes: u32, captured: u32, body: u32, unheld: u32,
): void {
	store<f64>(entry + bodyBytes, <f64>message.bodyBytes);
	store<f64>(entry + captured, hold ? <f64>message.bodyLength : 0);
	if (!hold || isUnheld(message)) putUnheld(entry + unheld, message, hold);
	if (!message.headed) return;
	if (message.bodyBytes == 0) {
		// An open body may turn out to be empty; an empty text shows that no byte has arrived yet.
		store<u32>(entry + body, EXCHANGE_FIXED_BYTES);
	} else if (hold && message.bodyLength != 0) {
		putRange(entry, body, message.body, message.bodyLength);
	}
}

function putUnheld(to: usize, message: Message, hold: bool): void {
	for (let i = 0; i < UNHELD_MAX; i++) {
		let count = load<u64>(unheldAt(message) + (i << 3));
		if (i == UNHELD_MEMORY && !hold) count += message.bodyLength;
		store<f64>(to + (i << 3), <f64>count);
	}
}

/** Whether any byte of the body is not held. The UNHELD_* counts start at zero. */
function isUnheld(message: Message): bool {
	const at = unheldAt(message);
	let any = v128.load(at);
	for (let i = 16; i < UNHELD_MAX << 3; i += 16) any = v128.or(any, v128.load(at + i));
	return v128.any_true(any);
}

/** Whether the exchange being written includes its bodies. */
let withBodies: bool = false;

/**
 * Writes ENTRY_EXCHANGE, without bodies if there is no memory for them. Returns false if there is not even memory for
 * the rest.
 */
export function writeExchange(exchange: Exchange): bool {
	const connection = exchange.connection;
	const request = exchange.request;
	const response = exchange.response;
	const entry = reserveExchange(exchange);
	if (entry == 0) return false;
	if (CHECKED) {
		if (request != NO_MESSAGE) checkMessage(request);
		if (response != NO_MESSAGE) checkMessage(response);
	}
	cursor = EXCHANGE_FIXED_BYTES;

	store<f64>(entry, <f64>exchange.id, EXCHANGE_ID);
	store<f64>(entry, <f64>connection.id, EXCHANGE_CONN);
	store<f64>(entry, exchange.ts, EXCHANGE_TS);
	store<f64>(entry, NaN, EXCHANGE_DURATION_MS);
	store<f64>(entry, NaN, EXCHANGE_TTFB_MS);
	store<f64>(entry, NaN, EXCHANGE_SEND_MS);
	store<f64>(entry, NaN, EXCHANGE_REQ_BODY_BYTES);
	store<f64>(entry, NaN, EXCHANGE_RES_BODY_BYTES);
	store<f64>(entry, NaN, EXCHANGE_RES_WIRE_BYTES);
	store<f64>(entry, <f64>exchange.pairId, EXCHANGE_PAIR_ID);
	store<f64>(entry, <f64>exchange.parentId, EXCHANGE_PARENT_ID);
	store<u32>(entry, exchange.state, EXCHANGE_STATE);
	store<u32>(entry, exchange.reason, EXCHANGE_REASON);
	store<u32>(entry, sideOf(connection), EXCHANGE_SIDE);
	store<u32>(entry, exchange.streamId, EXCHANGE_STREAM_ID);
	putProcess(entry, exchange);
	if (connection.localLength != 0) putText(entry, EXCHANGE_LOCAL, connection.local, connection.localLength);
	putRemote(entry, EXCHANGE_REMOTE, connection);
	putInterims(entry, exchange);

	store<u32>(entry, connection.library, EXCHANGE_TLS);
	let flags: u32 = isPlaintext(connection) ? EXCHANGE_FLAG_HTTPS : 0;
	let anomalies = exchange.anomalies;
	if (connection.unmapped) anomalies |= (<u64>1) << ANOMALY_TLS_UNMAPPED;
	let lost = exchange.lostBytes;
	if (request != NO_MESSAGE) {
		flags |= putRequest(entry, request);
		anomalies |= request.anomalies;
		lost += request.lostBytes;
	}
	if (response != NO_MESSAGE) {
		flags |= putResponse(entry, response);
		anomalies |= response.anomalies;
		lost += response.lostBytes;
		if (request != NO_MESSAGE) putTimes(entry, request, response);
	}
	store<u64>(entry, anomalies, EXCHANGE_ANOMALIES);
	store<f64>(entry, <f64>lost, EXCHANGE_LOST_BYTES);
	store<u32>(entry, flags, EXCHANGE_FLAGS);
	trim(entry, cursor);
	return true;
}

/** Reserves an entry and decides `withBodies`. Returns 0 if there is no memory. */
function reserveExchange(exchange: Exchange): usize {
	const connection = exchange.connection;
	const request = exchange.request;
	const response = exchange.response;
	const process = exchange.process;
	let fixed: u64 = EXCHANGE_FIXED_BYTES + 16 * 2 + INTERIMS * 4 + 32 + SLACK;
	fixed += connection.localLength + max<u32>(connection.remoteLength, connection.toldLength);
	if (process != NO_PROCESS) fixed += process.commLength + process.cmdlineLength + process.cgroupLength + process.exeLength;
	let bodies: u64 = 0;
	if (request != NO_MESSAGE) {
		fixed += request.headLength + request.fieldCount * HEADER_BYTES;
		bodies += request.bodyLength;
	}
	if (response != NO_MESSAGE) {
		fixed += response.headLength + response.fieldCount * HEADER_BYTES;
		bodies += response.bodyLength;
	}
	if (fixed > 0x60000000) return 0;
	withBodies = fixed + bodies <= 0x60000000 && fits(fixed + bodies);
	const entry = reserve(ENTRY_EXCHANGE, EXCHANGE_FIXED_BYTES, <u32>(withBodies ? fixed + bodies : fixed));
	if (entry != 0 || !withBodies) return entry;
	// There may be enough memory, but not as one block.
	withBodies = false;
	return reserve(ENTRY_EXCHANGE, EXCHANGE_FIXED_BYTES, <u32>fixed);
}

/** The thread of the first message, and the process. */
function putProcess(entry: usize, exchange: Exchange): void {
	const process = exchange.process;
	const first = exchange.request != NO_MESSAGE ? exchange.request : exchange.response;
	// Process 0: the source does not know processes.
	if (first != NO_MESSAGE && first.pid != 0) {
		store<u32>(entry, first.pid, EXCHANGE_PID);
		store<u32>(entry, first.tid, EXCHANGE_TID);
		const comm = changetype<usize>(first) + offsetof<Message>('comm0');
		const length = commLength(comm);
		putRange(entry, EXCHANGE_THREAD_COMM, comm, length);
		if (process != NO_PROCESS && process.comm != 0) putText(entry, EXCHANGE_COMM, process.comm, process.commLength);
		else putRange(entry, EXCHANGE_COMM, comm, length);
	}
	if (process != NO_PROCESS) {
		putText(entry, EXCHANGE_CMDLINE, process.cmdline, process.cmdlineLength);
		putText(entry, EXCHANGE_CGROUP, process.cgroup, process.cgroupLength);
		putText(entry, EXCHANGE_EXE, process.exe, process.exeLength);
	}
}

/** Returns EXCHANGE_FLAG_*. */
function putRequest(entry: usize, request: Message): u32 {
	store<f64>(entry, milliseconds(request.startTime, request.endTime), EXCHANGE_SEND_MS);
	store<u32>(entry, request.version, EXCHANGE_REQ_HTTP_VERSION);
	store<u32>(entry, viaOf(request), EXCHANGE_REQ_VIA);
	const head = putHead(entry, EXCHANGE_REQ_HEADERS, request);
	putTarget(entry, request, head);
	putBody(
		entry, request, withBodies, EXCHANGE_REQ_BODY_BYTES, EXCHANGE_REQ_CAPTURED_BYTES, EXCHANGE_REQ_BODY, EXCHANGE_REQ_UNHELD,
	);
	let flags: u32 = EXCHANGE_FLAG_REQUEST;
	if (!request.gapped) flags |= EXCHANGE_FLAG_REQ_PREFIX;
	if (request.ended) flags |= EXCHANGE_FLAG_REQ_ENDED;
	if (request.isHttps) flags |= EXCHANGE_FLAG_HTTPS;
	return flags;
}

/** Returns EXCHANGE_FLAG_*. */
function putResponse(entry: usize, response: Message): u32 {
	if (response.status != 0) {
		store<u32>(entry, response.status, EXCHANGE_STATUS);
		store<u32>(entry, response.version, EXCHANGE_HTTP_VERSION);
	}
	store<f64>(entry, <f64>response.wireBytes, EXCHANGE_RES_WIRE_BYTES);
	store<u32>(entry, viaOf(response), EXCHANGE_VIA);
	putRange(
		entry, EXCHANGE_VIAS, changetype<usize>(response) + offsetof<Message>('vias'), response.viaCount,
	);
	const head = putHead(entry, EXCHANGE_RES_HEADERS, response);
	if (response.hasStatusText) {
		pointRange(entry, EXCHANGE_STATUS_TEXT, head + response.statusText, response.statusTextLength);
	}
	putBody(
		entry, response, withBodies, EXCHANGE_RES_BODY_BYTES, EXCHANGE_RES_CAPTURED_BYTES, EXCHANGE_RES_BODY, EXCHANGE_RES_UNHELD,
	);
	let flags: u32 = EXCHANGE_FLAG_RESPONSE;
	if (!response.gapped) flags |= EXCHANGE_FLAG_RES_PREFIX;
	if (response.ended) flags |= EXCHANGE_FLAG_RES_ENDED;
	return flags;
}

function putTimes(entry: usize, request: Message, response: Message): void {
	if (response.ended) {
		store<f64>(entry, milliseconds(request.startTime, response.endTime), EXCHANGE_DURATION_MS);
	}
	if (request.ended || response.startTime >= request.endTime) {
		store<f64>(entry, milliseconds(request.endTime, response.startTime), EXCHANGE_TTFB_MS);
	}
}

function putTarget(entry: usize, request: Message, head: u32): void {
	if (request.methodLength != 0) pointRange(entry, EXCHANGE_METHOD, head + request.method, request.methodLength);
	if (request.hasHost) pointRange(entry, EXCHANGE_HOST, head + request.host, request.hostLength);
	if (request.targetLength == 0) return;
	pointRange(entry, EXCHANGE_TARGET, head + request.target, request.targetLength);
	const start = request.head + request.target;
	const end = start + request.targetLength;
	targetParts(start, end, request.isConnect);
	if (authorityEnd > authorityStart) {
		const host = <u32>(authorityStart - request.head);
		pointRange(entry, EXCHANGE_HOST, head + host, <u32>(authorityEnd - authorityStart));
	}
	if (pathStart == end && request.isConnect) return;
	pointRange(entry, EXCHANGE_PATH, head + <u32>(pathStart - request.head), <u32>(pathEnd - pathStart));
	if (pathEnd < end && load<u8>(pathEnd) == 63) {
		const query = pathEnd + 1;
		pointRange(entry, EXCHANGE_QUERY, head + <u32>(query - request.head), <u32>(end - query));
	}
}

/** PROTOCOL_* of the HTTP in the connection's newest TLS session that has any; 0: none was seen. */
export function sessionProtocol(carrier: Connection): i32 {
	for (let session = carrier.session; session != NO_CONNECTION; session = session.earlierSession) {
		const protocol = session.protocol;
		if (protocol == PROTOCOL_HTTP1 || protocol == PROTOCOL_HTTP2 || protocol == PROTOCOL_WEBSOCKET) return protocol;
	}
	return carrier.sessionProtocol;
}

/** The same of the connection's own bytes, unless HTTP was seen in a TLS session. */
function protocolOf(connection: Connection): i32 {
	const inside = sessionProtocol(connection);
	return inside != 0 ? inside : connection.protocol;
}

function countExchanges(connection: Connection): u32 {
	let count = connection.exchanges;
	for (let session = connection.session; session != NO_CONNECTION; session = session.earlierSession) count += session.exchanges;
	return count;
}

/** Writes ENTRY_CONNECTION even if memory is full, because it tells how many bytes were seen. `atRest`: see protocols/at-rest.ts. */
export function writeConnection(connection: Connection, atRest: bool): void {
	const process = connection.process;
	let bytes = CONNECTION_FIXED_BYTES + 16 + 16 + SLACK + connection.localLength;
	bytes += max<u32>(connection.remoteLength, connection.toldLength);
	bytes += connection.clientHelloLength + connection.serverHelloLength;
	if (process != NO_PROCESS) bytes += process.commLength;
	const entry = reserveSurely(ENTRY_CONNECTION, CONNECTION_FIXED_BYTES, bytes);
	if (entry == 0) return;
	cursor = CONNECTION_FIXED_BYTES;
	store<f64>(entry, <f64>connection.id, CONNECTION_ID);
	store<f64>(entry, wallMicroseconds(connection.openedAt), CONNECTION_OPENED);
	store<f64>(entry, connection.closed ? wallMicroseconds(connection.closedAt) : NaN, CONNECTION_CLOSED);
	store<f64>(entry, connection.incoming == NO_STREAM ? 0 : <f64>(connection.incoming.next - connection.incoming.base), CONNECTION_BYTES_IN);
	store<f64>(entry, connection.outgoing == NO_STREAM ? 0 : <f64>(connection.outgoing.next - connection.outgoing.base), CONNECTION_BYTES_OUT);
	store<f64>(entry, <f64>countExchanges(connection), CONNECTION_EXCHANGES);
	store<u32>(entry, connection.pid, CONNECTION_PID);
	store<u32>(entry, sideOf(connection.session != NO_CONNECTION ? connection.session : connection), CONNECTION_SIDE);
	store<u32>(entry, protocolOf(connection), CONNECTION_PROTOCOL);
	store<u32>(entry, atRest ? 1 : connection.carries ? 2 : 0, CONNECTION_AT_REST);
	store<f64>(entry, connection.incoming == NO_STREAM ? 0 : <f64>connection.incoming.next, CONNECTION_OFFSET_IN);
	store<f64>(entry, connection.outgoing == NO_STREAM ? 0 : <f64>connection.outgoing.next, CONNECTION_OFFSET_OUT);
	store<f64>(entry, connection.connectNs == 0 ? NaN : <f64>connection.connectNs / 1e6, CONNECTION_CONNECT_MS);
	store<f64>(entry, connection.acceptWait == 0 ? NaN : <f64>(connection.acceptWait - 1) / 1e6, CONNECTION_ACCEPT_WAIT_MS);
	store<f64>(entry, connection.roundTripUs == 0 ? NaN : <f64>connection.roundTripUs / 1e3, CONNECTION_RTT_MS);
	store<f64>(entry, connection.retransmits == 0 ? NaN : <f64>(connection.retransmits - 1), CONNECTION_RETRANSMITS);
	if (process != NO_PROCESS && process.comm != 0) {
		putRange(entry, CONNECTION_COMM, process.comm, process.commLength);
	} else if (connection.pid != 0) {
		const comm = changetype<usize>(connection) + offsetof<Connection>('comm0');
		putRange(entry, CONNECTION_COMM, comm, commLength(comm));
	}
	if (connection.localLength != 0) putRange(entry, CONNECTION_LOCAL, connection.local, connection.localLength);
	putRemote(entry, CONNECTION_REMOTE, connection);
	const syscalls = changetype<usize>(connection) + offsetof<Connection>('syscalls0');
	putRange(entry, CONNECTION_SYSCALLS, syscalls, connection.syscallCount);
	if (connection.clientHello != 0) putRange(entry, CONNECTION_CLIENT_HELLO, connection.clientHello, connection.clientHelloLength);
	if (connection.serverHello != 0) putRange(entry, CONNECTION_SERVER_HELLO, connection.serverHello, connection.serverHelloLength);
	trim(entry, cursor);
}

/** Writes ENTRY_PAIR. */
export function writePair(a: u64, b: u64): void {
	const entry = reserve(ENTRY_PAIR, PAIR_FIXED_BYTES, PAIR_FIXED_BYTES);
	if (entry == 0) return;
	store<f64>(entry, <f64>a, PAIR_A);
	store<f64>(entry, <f64>b, PAIR_B);
}

/** Writes ENTRY_QUESTION. */
export function writeQuestion(what: i32, conn: u64, pid: u32, fd: i32): void {
	const entry = reserveSurely(ENTRY_QUESTION, QUESTION_FIXED_BYTES, QUESTION_FIXED_BYTES);
	if (entry == 0) return;
	store<f64>(entry, <f64>conn, QUESTION_CONN);
	store<u32>(entry, pid, QUESTION_PID);
	store<i32>(entry, fd, QUESTION_FD);
	store<u32>(entry, what, QUESTION_WHAT);
	askHost();
}

/** Writes ENTRY_SKIP. */
export function writeSkip(conn: u64, direction: u32, until: u64): void {
	const entry = reserve(ENTRY_SKIP, SKIP_FIXED_BYTES, SKIP_FIXED_BYTES);
	if (entry == 0) return;
	store<f64>(entry, <f64>conn, SKIP_CONN);
	store<f64>(entry, <f64>until, SKIP_UNTIL);
	store<u32>(entry, direction, SKIP_DIRECTION);
}

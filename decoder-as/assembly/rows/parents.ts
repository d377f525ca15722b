// Which exchange of a server made a client's call: the parent. Each process has a list of the requests that it is answering.
// A call belongs to one of them if the thread that makes it is answering exactly one, else if exactly one of the process
// carries the same x-request-id, else the same trace id in traceparent. Nothing is guessed: otherwise there is no parent.
import { equals, hashBytes, isWord } from '../memory/bytes';
import { CHECKED } from '../memory/checks';
import { Exchange, Message, NO_EXCHANGE, NO_MESSAGE, NO_PROCESS, NO_STREAM } from '../memory/state';
import {
	HEADER_BYTES,
	HEADER_NAME_LENGTH,
	HEADER_NAME_OFFSET,
	HEADER_VALUE_LENGTH,
	HEADER_VALUE_OFFSET,
} from '../wire/output-layout';

/** If a process has more open requests than this, its calls have no parent: searching all of them would take too long. */
const MOST_OPEN: u32 = 1024;

// traceparent: version 2, trace id 32, parent id 16, flags 2 hexadecimal digits, with hyphens between them.
const TRACEPARENT_LENGTH: u32 = 55;
const TRACE_ID: u32 = 3;
const TRACE_ID_LENGTH: u32 = 32;
const HYPHEN: u8 = 45;
const ZERO: u8 = 48;

/** What findField() found: an address, and a length in bytes. */
let found: usize = 0;
let foundLength: u32 = 0;

/** A row was created: a server's is open from now on, a client's gets its parent. */
export function relate(exchange: Exchange): void {
	if (exchange.request == NO_MESSAGE || exchange.process == NO_PROCESS) return;
	const connection = exchange.connection;
	// Process 0: the source does not know processes.
	if (connection.requests == NO_STREAM || exchange.request.pid == 0) return;
	if (connection.requests == connection.incoming) open(exchange);
	else exchange.parentId = parentOf(exchange);
}

function open(exchange: Exchange): void {
	const process = exchange.process;
	exchange.isOpen = true;
	exchange.openNext = process.firstOpen;
	exchange.openPrevious = NO_EXCHANGE;
	if (process.firstOpen != NO_EXCHANGE) process.firstOpen.openPrevious = exchange;
	process.firstOpen = exchange;
}

/** The response has ended or was given up: later calls do not belong to this row. */
export function unrelate(exchange: Exchange): void {
	if (!exchange.isOpen) return;
	const previous = exchange.openPrevious;
	const next = exchange.openNext;
	if (CHECKED) assert(previous == NO_EXCHANGE ? exchange.process.firstOpen == exchange : previous.openNext == exchange, 'an open row is listed');
	if (previous != NO_EXCHANGE) previous.openNext = next;
	else exchange.process.firstOpen = next;
	if (next != NO_EXCHANGE) next.openPrevious = previous;
	exchange.isOpen = false;
}

/** The id of the parent; 0 if there is none or it is unknown. */
function parentOf(client: Exchange): u64 {
	const first = client.process.firstOpen;
	if (first == NO_EXCHANGE) return 0;
	const request = client.request;
	let ofThread = NO_EXCHANGE;
	let count: u32 = 0;
	let seen: u32 = 0;
	for (let each = first; each != NO_EXCHANGE; each = each.openNext) {
		if (++seen > MOST_OPEN) return 0;
		if (each.request.tid != request.tid || !mayAsk(each, request.startTime)) continue;
		ofThread = each;
		count++;
	}
	if (count == 1) return ofThread.id;
	if (findField(request, 'x-request-id')) {
		const same = sameField(first, 'x-request-id', request.startTime);
		if (same != NO_EXCHANGE) return same.id;
	}
	if (!findTraceId(request)) return 0;
	const same = sameField(first, 'traceparent', request.startTime);
	return same == NO_EXCHANGE ? 0 : same.id;
}

/** Whether a call that began at `time` may belong to the open row. Rows of a closed connection end only after its batch. */
function mayAsk(exchange: Exchange, time: u64): bool {
	return exchange.request.startTime <= time && !exchange.connection.closed;
}

/** The only open row from `first` on that has the value found; NO_EXCHANGE if there is none, or several. */
function sameField(first: Exchange, name: string, before: u64): Exchange {
	const value = found;
	const length = foundLength;
	const hash = hashBytes(value, length, 0) | 1;
	const isTrace = name == 'traceparent';
	let same = NO_EXCHANGE;
	for (let each = first; each != NO_EXCHANGE; each = each.openNext) {
		if (hashOf(each, isTrace) != hash || !mayAsk(each, before)) continue;
		if (!(isTrace ? findTraceId(each.request) : findField(each.request, name))) continue;
		if (foundLength != length || !equals(found, value, length)) continue;
		if (same != NO_EXCHANGE) return NO_EXCHANGE;
		same = each;
	}
	return same;
}

/** A hash of the row's trace id or request id, computed when it is first needed; 0: it has none. */
function hashOf(exchange: Exchange, isTrace: bool): u32 {
	if (!exchange.hashed) {
		exchange.hashed = true;
		if (findField(exchange.request, 'x-request-id')) exchange.requestIdHash = hashBytes(found, foundLength, 0) | 1;
		if (findTraceId(exchange.request)) exchange.traceIdHash = hashBytes(found, foundLength, 0) | 1;
	}
	return isTrace ? exchange.traceIdHash : exchange.requestIdHash;
}

/** Looks for the first field with the (lower-case) name and a value. */
function findField(message: Message, name: string): bool {
	const length = <u32>name.length;
	const end = message.fields + message.fieldCount * HEADER_BYTES;
	for (let field = message.fields; field < end; field += HEADER_BYTES) {
		if (load<u32>(field, HEADER_NAME_LENGTH) != length) continue;
		const at = message.head + load<u32>(field, HEADER_NAME_OFFSET);
		if (!isWord(at, at + length, name)) continue;
		found = message.head + load<u32>(field, HEADER_VALUE_OFFSET);
		foundLength = load<u32>(field, HEADER_VALUE_LENGTH);
		return foundLength != 0;
	}
	return false;
}

/** Looks for the trace id in the first traceparent; all zeros are invalid (W3C Trace Context, 3.2.2.3). */
function findTraceId(message: Message): bool {
	if (!findField(message, 'traceparent') || foundLength < TRACEPARENT_LENGTH) return false;
	if (load<u8>(found, TRACE_ID - 1) != HYPHEN || load<u8>(found, TRACE_ID + TRACE_ID_LENGTH) != HYPHEN) return false;
	found += TRACE_ID;
	foundLength = TRACE_ID_LENGTH;
	for (let i: u32 = 0; i < TRACE_ID_LENGTH; i++) if (load<u8>(found + i) != ZERO) return true;
	return false;
}

// Header blocks of HTTP/2: their fields become heads and trailers of messages (RFC 9113 section 8). A block is read as it
// arrives; what it adds to the table counts even if its message is of no interest.
import { addField } from '../http1/head';
import { FRAME_PUSH_PROMISE } from '../http2/frame';
import { FIELD, INCOMPLETE, INVALID, STRING_MOST, answer, forgetTable, readField } from '../http2/hpack';
import * as hpack from '../http2/hpack';
import { STATIC_PSEUDO_LAST, STATIC_REQUEST_LAST } from '../http2/static-table';
import { note } from '../memory/anomalies';
import { copyBytes, equals, hasControl, isDigit, isWord } from '../memory/bytes';
import { carry } from '../memory/carried';
import { allocate, enlarge, release } from '../memory/memory';
import { headerBytesLimit } from '../memory/settings';
import {
	CARRIES_REQUESTS,
	CARRIES_RESPONSES,
	NO_EXCHANGE,
	NO_FRAMES,
	NO_LANE,
	NO_MESSAGE,
	NO_STREAM,
	Frames,
	Http2,
	Lane,
	Message,
	Stream,
} from '../memory/state';
import * as exchanges from '../rows/exchanges';
import { beginMessage } from '../rows/messages';
import {
	ANOMALY_HPACK_UNKNOWN,
	ANOMALY_INVALID_HEADER_BLOCK,
	ANOMALY_INVALID_HEADER_NAME,
	ANOMALY_INVALID_HEADER_VALUE,
	ANOMALY_INVALID_PSEUDO_HEADER,
	ANOMALY_LONG_HEADERS,
	ANOMALY_PUSHED,
	REASON_BYTES_LOST,
} from '../wire/output-layout';
import { addLane, beginRow, bindResponse, dropMessage, endMessage, findLane, wasReset } from './http2-lanes';

/** HTTP/2 as a version of HTTP. */
export const VERSION_2: u32 = 0x200;

const COLON: u8 = 58;

/** Whether a response of this stream has to wait for its request, whose call may have returned later. */
export function mustWait(stream: Stream, id: u32): bool {
	if (stream.role != CARRIES_RESPONSES || stream.forced || (id & 1) == 0) return false;
	const http2 = stream.connection.http2;
	const requests = stream.connection.requests;
	if (requests != NO_STREAM && requests.ended) return false;
	if (id <= http2.highestRequest) return requests != NO_STREAM && isReadingHead(requests, id);
	// If the capture began later, an unknown request may be older.
	return http2.highestRequest != 0 || !stream.midstream;
}

/** Whether the head of this request has begun, but is not complete. */
function isReadingHead(requests: Stream, id: u32): bool {
	const frames = requests.frames;
	return frames != NO_FRAMES && frames.inBlock && frames.blockId == id && !frames.trailers;
}

/** Begins the block of a HEADERS or PUSH_PROMISE frame. `first`: its first byte. */
export function openBlock(stream: Stream, frames: Frames, first: u32): void {
	const http2 = stream.connection.http2;
	frames.inBlock = true;
	frames.blockBroken = false;
	frames.trailers = false;
	frames.pseudo = false;
	frames.regular = false;
	frames.blockMessage = NO_MESSAGE;
	if (stream.role == 0) setRoleByField(stream, first);
	const promises = frames.type == FRAME_PUSH_PROMISE;
	const id = promises ? frames.promised : frames.id;
	frames.blockId = id;
	const lane = promises ? laneOfPromise(stream, http2, id) : laneOfHead(stream, http2, id);
	if (lane == NO_LANE) return;
	const isRequest = promises || stream.role == CARRIES_REQUESTS;
	let message = isRequest ? lane.request : lane.response;
	if (message == NO_MESSAGE) {
		message = beginMessage(!isRequest, frames.offset);
		if (message == NO_MESSAGE) return;
		message.startTime = frames.time;
		message.version = VERSION_2;
		message.reading = true;
		if (isRequest) lane.request = message;
		else lane.response = message;
	} else if (message.headed) {
		if (message.ended) return;
		frames.trailers = true;
	}
	frames.blockMessage = message;
	addFraming(message, frames.framing);
	frames.framing = 0;
}

/** The first field of a head is usually a pseudo-header of the static table, which tells requests from responses. */
function setRoleByField(stream: Stream, first: u32): void {
	const index = first & 0x80 ? first & 0x7f : first & 0x40 ? first & 0x3f : first & 0x0f;
	if (index == 0 || index > STATIC_PSEUDO_LAST || (first & 0xe0) == 0x20) return;
	const connection = stream.connection;
	const other = stream == connection.incoming ? connection.outgoing : connection.incoming;
	const isRequest = index <= STATIC_REQUEST_LAST;
	stream.role = isRequest ? CARRIES_REQUESTS : CARRIES_RESPONSES;
	if (other != NO_STREAM) other.role = isRequest ? CARRIES_RESPONSES : CARRIES_REQUESTS;
	connection.requests = isRequest ? stream : other;
	connection.responses = isRequest ? other : stream;
}

function laneOfHead(stream: Stream, http2: Http2, id: u32): Lane {
	const lane = findLane(http2, id);
	if (lane != NO_LANE || stream.role == 0) return lane;
	if (stream.role == CARRIES_REQUESTS) {
		// Streams are opened in the order of their numbers, so this one is over.
		if (id <= http2.highestRequest || (id & 1) == 0) return NO_LANE;
		http2.highestRequest = id;
		return addLane(http2, id);
	}
	const highest = id & 1 ? http2.highestRequest : http2.highestPushed;
	if ((id <= highest && !http2.holed) || wasReset(http2, id)) return NO_LANE;
	if ((id & 1) == 0 && !http2.holed) return NO_LANE;
	return addLane(http2, id);
}

function laneOfPromise(stream: Stream, http2: Http2, id: u32): Lane {
	if (stream.role == CARRIES_REQUESTS || (id & 1) != 0 || id <= http2.highestPushed) return NO_LANE;
	http2.highestPushed = id;
	const lane = addLane(http2, id);
	if (lane != NO_LANE) lane.pushed = true;
	return lane;
}

/** Bytes of the message that are neither fields nor body. */
export function addFraming(message: Message, bytes: u64): void {
	carry(message, bytes, 0);
	message.wireBytes += bytes;
}

/** Takes bytes [from, end) of the block. */
export function feedBlock(stream: Stream, frames: Frames, from: usize, end: usize): void {
	if (frames.blockMessage != NO_MESSAGE) addFraming(frames.blockMessage, end - from);
	if (frames.blockBroken) return;
	let at = from;
	if (frames.restLength != 0) {
		if (!keepRest(frames, from, <u32>(end - from))) {
			breakBlock(stream, frames, ANOMALY_LONG_HEADERS);
			return;
		}
		const restEnd = frames.rest + frames.restLength;
		const next = readFields(frames, frames.rest, restEnd);
		if (answer == INVALID) {
			breakBlock(stream, frames, ANOMALY_INVALID_HEADER_BLOCK);
			return;
		}
		frames.restLength = <u32>(restEnd - next);
		if (next != frames.rest) memory.copy(frames.rest, next, frames.restLength);
		return;
	}
	at = readFields(frames, from, end);
	if (answer == INVALID) breakBlock(stream, frames, ANOMALY_INVALID_HEADER_BLOCK);
	else if (at < end && !keepRest(frames, at, <u32>(end - at))) breakBlock(stream, frames, ANOMALY_LONG_HEADERS);
}

/** Reads the complete fields of [from, end); returns where the first incomplete one begins. */
function readFields(frames: Frames, from: usize, end: usize): usize {
	let at = from;
	while (at < end) {
		const next = readField(frames.table, at, end);
		if (answer == INCOMPLETE || answer == INVALID) break;
		at = next;
		if (answer == FIELD && frames.blockMessage != NO_MESSAGE) takeField(frames, frames.blockMessage);
	}
	return at;
}

/** Keeps the beginning of a field. Returns false if it is too long, or there is no memory. */
function keepRest(frames: Frames, at: usize, length: u32): bool {
	const needed = frames.restLength + length;
	if (needed > STRING_MOST * 2) return false;
	if (needed > frames.restCapacity) {
		const capacity = max<u32>(needed + (needed >> 1), 256);
		const rest = frames.rest == 0 ? allocate(capacity) : enlarge(frames.rest, frames.restLength, capacity);
		if (rest == 0) return false;
		frames.rest = rest;
		frames.restCapacity = capacity;
	}
	copyBytes(frames.rest + frames.restLength, at, length);
	frames.restLength = needed;
	return true;
}

/** The rest of the block cannot be read, so the table is not known any more. */
export function breakBlock(stream: Stream, frames: Frames, anomaly: u32): void {
	frames.blockBroken = true;
	frames.restLength = 0;
	forgetTable(frames.table);
	stream.connection.http2.holed = true;
	if (frames.blockMessage == NO_MESSAGE) return;
	note(frames.blockMessage, anomaly);
	note(frames.blockMessage, ANOMALY_HPACK_UNKNOWN);
}

/** A field has been read. */
function takeField(frames: Frames, message: Message): void {
	if (!hpack.known) {
		note(message, ANOMALY_HPACK_UNKNOWN);
		return;
	}
	if (hpack.nameLength == 0 || load<u8>(hpack.name) != COLON) frames.regular = true;
	else if (takePseudo(frames, message)) return;
	const name = appendHead(message, hpack.name, hpack.nameLength);
	if (name < 0) return;
	const value = appendHead(message, hpack.value, hpack.valueLength);
	if (value < 0) return;
	checkField(message);
	addField(message, name, hpack.nameLength, value, hpack.valueLength, frames.trailers);
	readMeaning(message, value);
}

/** Field names in capitals, and control bytes, make a message malformed (RFC 9113 section 8.2.1). */
function checkField(message: Message): void {
	const end = hpack.name + hpack.nameLength;
	for (let at = hpack.name; at < end; at++) {
		const byte = <u32>load<u8>(at);
		if (byte > 32 && byte < 127 && byte - 65 > 25) continue;
		note(message, ANOMALY_INVALID_HEADER_NAME);
		break;
	}
	if (hasControl(hpack.value, hpack.value + hpack.valueLength)) note(message, ANOMALY_INVALID_HEADER_VALUE);
}

/** What fields say about the message itself. */
function readMeaning(message: Message, value: u32): void {
	const name = hpack.name;
	const nameEnd = name + hpack.nameLength;
	if (hpack.nameLength == 4) {
		if (!message.hasHost && isWord(name, nameEnd, 'host')) setHost(message, value);
	} else if (hpack.nameLength == 14 && !message.hasLength && isWord(name, nameEnd, 'content-length')) {
		let sum: u64 = 0;
		let at = hpack.value;
		const end = at + min<u32>(hpack.valueLength, 18);
		for (; at < end && isDigit(load<u8>(at)); at++) sum = sum * 10 + load<u8>(at) - 48;
		if (at == hpack.value + hpack.valueLength && hpack.valueLength != 0) {
			message.hasLength = true;
			message.contentLength = sum;
		}
	}
}

function setHost(message: Message, value: u32): void {
	message.hasHost = true;
	message.host = value;
	message.hostLength = hpack.valueLength;
}

/** Takes a pseudo-header. Returns false if it is to be shown like a field: `:protocol`, and those that are not defined. */
function takePseudo(frames: Frames, message: Message): bool {
	const name = hpack.name;
	const end = name + hpack.nameLength;
	if (frames.trailers) {
		if (message.isResponse && message.status == 0 && isWord(name, end, ':status')) return restartHead(frames, message);
		note(message, ANOMALY_INVALID_PSEUDO_HEADER);
		return false;
	}
	frames.pseudo = true;
	if (frames.regular) note(message, ANOMALY_INVALID_PSEUDO_HEADER);
	if (message.isResponse) {
		if (message.status != 0 || !isWord(name, end, ':status')) return refusePseudo(message);
		return takeStatus(message);
	}
	if (isWord(name, end, ':method')) {
		if (message.methodLength != 0) return refusePseudo(message);
		const at = appendHead(message, hpack.value, hpack.valueLength);
		if (at < 0) return true;
		message.method = at;
		message.methodLength = hpack.valueLength;
		message.isHead = isWord(hpack.value, hpack.value + hpack.valueLength, 'head');
		message.isConnect = isWord(hpack.value, hpack.value + hpack.valueLength, 'connect');
		return true;
	}
	if (isWord(name, end, ':path')) {
		if (message.targetLength != 0) return refusePseudo(message);
		const at = appendHead(message, hpack.value, hpack.valueLength);
		if (at < 0) return true;
		message.target = at;
		message.targetLength = hpack.valueLength;
		return true;
	}
	if (isWord(name, end, ':authority')) {
		if (message.hasHost) return refusePseudo(message);
		const at = appendHead(message, hpack.value, hpack.valueLength);
		if (at >= 0) setHost(message, at);
		return true;
	}
	if (isWord(name, end, ':scheme')) {
		message.isHttps = isWord(hpack.value, hpack.value + hpack.valueLength, 'https');
		return true;
	}
	// Extended CONNECT (RFC 8441).
	if (isWord(name, end, ':protocol')) return false;
	return refusePseudo(message);
}

function refusePseudo(message: Message): bool {
	note(message, ANOMALY_INVALID_PSEUDO_HEADER);
	return false;
}

function takeStatus(message: Message): bool {
	let status: u32 = 0;
	for (let i: u32 = 0; i < hpack.valueLength; i++) {
		const digit = <u32>load<u8>(hpack.value + i) - 48;
		if (digit > 9 || hpack.valueLength != 3) return refusePseudo(message);
		status = status * 10 + digit;
	}
	if (status < 100) return refusePseudo(message);
	message.status = status;
	return true;
}

/** What seemed to be a final response, whose status was not known, was an interim one: this block is the next head. */
function restartHead(frames: Frames, message: Message): bool {
	message.fieldCount = 0;
	message.headLength = 0;
	message.hasLength = false;
	message.startTime = frames.time;
	frames.trailers = false;
	frames.pseudo = true;
	frames.regular = false;
	return takeStatus(message);
}

/** Appends bytes to the head; returns their offset, or -1 if they do not fit. */
function appendHead(message: Message, at: usize, length: u32): i32 {
	const offset = message.headLength;
	const needed = offset + length;
	if (needed > headerBytesLimit) {
		note(message, ANOMALY_LONG_HEADERS);
		return -1;
	}
	if (needed > message.headCapacity) {
		const capacity = max<u32>(needed + (needed >> 1), 512);
		const head = message.head == 0 ? allocate(capacity) : enlarge(message.head, offset, capacity);
		if (head == 0) {
			note(message, ANOMALY_LONG_HEADERS);
			return -1;
		}
		message.head = head;
		message.headCapacity = capacity;
	}
	copyBytes(message.head + offset, at, length);
	message.headLength = needed;
	return offset;
}

/** The block is complete. */
export function finishBlock(stream: Stream, frames: Frames): void {
	const http2 = stream.connection.http2;
	if (frames.restLength != 0) breakBlock(stream, frames, ANOMALY_INVALID_HEADER_BLOCK);
	const message = frames.blockMessage;
	frames.inBlock = false;
	frames.blockMessage = NO_MESSAGE;
	if (message == NO_MESSAGE) return;
	const lane = findLane(http2, frames.blockId);
	if (lane == NO_LANE) return;
	if (!frames.trailers && !finishHead(http2, frames, lane, message)) return;
	if (frames.blockEnds) endMessage(http2, lane, message);
}

/** The block was none. A message that it seemed to begin is dropped, unless it has a row. */
export function dropBlock(stream: Stream, frames: Frames): void {
	const http2 = stream.connection.http2;
	const message = frames.blockMessage;
	const lane = findLane(http2, frames.blockId);
	if (message == NO_MESSAGE || lane == NO_LANE || lane.exchange != NO_EXCHANGE) return;
	frames.inBlock = false;
	frames.restLength = 0;
	frames.blockMessage = NO_MESSAGE;
	dropMessage(http2, lane, message);
}

/** The head of a message is complete. Returns false if it does not begin a message. */
function finishHead(http2: Http2, frames: Frames, lane: Lane, message: Message): bool {
	/** What was too long was sent, although it is not kept. */
	const unread = ((<u64>1) << ANOMALY_HPACK_UNKNOWN) | ((<u64>1) << ANOMALY_LONG_HEADERS);
	const isKnown = (message.anomalies & unread) == 0;
	if (!frames.pseudo && isKnown && http2.holed && lane.exchange == NO_EXCHANGE) {
		// The trailers of a message whose beginning was not seen.
		dropMessage(http2, lane, message);
		return false;
	}
	// Unknown fields may be the pseudo-headers of a head, or these are the trailers of a message that was lost.
	const begins = frames.pseudo || (message.isResponse && lane.request != NO_MESSAGE && !lane.unsure);
	if (!begins && http2.holed) message.damage = REASON_BYTES_LOST;
	if (message.isResponse) {
		if (message.status == 0 && isKnown) note(message, ANOMALY_INVALID_PSEUDO_HEADER);
		if (message.status != 0 && message.status < 200 && !frames.blockEnds) {
			if (lane.exchange != NO_EXCHANGE) exchanges.noteInterim(lane.exchange, message.status);
			dropMessage(http2, lane, message);
			return false;
		}
		message.headed = true;
		const request = lane.request;
		if (request != NO_MESSAGE && request.isConnect && message.status < 300) message.upgraded = true;
		bindResponse(http2, lane);
		return true;
	}
	message.headed = true;
	if (isKnown && (message.methodLength == 0 || (message.targetLength == 0 && !message.isConnect))) {
		note(message, ANOMALY_INVALID_PSEUDO_HEADER);
	}
	// If the path is unknown, the request may be an extended CONNECT, which has one.
	if (message.isConnect && message.targetLength == 0 && isKnown) {
		message.target = message.host;
		message.targetLength = message.hostLength;
	}
	if (lane.pushed) note(message, ANOMALY_PUSHED);
	beginRow(http2, lane);
	if (lane.pushed) frames.blockEnds = true;
	return true;
}

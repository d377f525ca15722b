// One direction of an HTTP/2 connection: takes its bytes in order, frame after frame (RFC 9113 sections 4 to 6). Bytes that
// are missing inside a frame are passed by its length. If it is not known where the next frame begins, it is searched for at
// the beginnings of calls.
import {
	FLAG_END_HEADERS,
	FLAG_END_STREAM,
	FLAG_PADDED,
	FLAG_PRIORITY,
	FRAME_CONTINUATION,
	FRAME_DATA,
	FRAME_GOAWAY,
	FRAME_HEADERS,
	FRAME_HEADER_BYTES,
	FRAME_LEAST_MOST,
	FRAME_MOST,
	FRAME_PUSH_PROMISE,
	FRAME_RST_STREAM,
	FRAME_SETTINGS,
	SETTING_BYTES,
	SETTING_MAX_FRAME_SIZE,
	frameFlags,
	frameLength,
	frameStream,
	frameType,
	isLikely,
	isPossible,
} from '../http2/frame';
import { beginTable, forgetTable, freeTable, newTable } from '../http2/hpack';
import { note } from '../memory/anomalies';
import { begins, copyBytes } from '../memory/bytes';
import { CHECKED } from '../memory/checks';
import * as loss from '../memory/loss';
import { allocateZeroed, release } from '../memory/memory';
import {
	CARRIES_REQUESTS,
	NO_FRAMES,
	NO_LANE,
	NO_MESSAGE,
	NO_STREAM,
	NO_TABLE,
	Connection,
	Frames,
	Message,
	Stream,
} from '../memory/state';
import { addBody, addUnseenBody } from '../rows/messages';
import * as call from '../wire/call';
import { LOSS_DECODE_GAP } from '../wire/capture-event';
import {
	ANOMALY_HPACK_UNKNOWN,
	ANOMALY_INVALID_FRAME,
	ANOMALY_INVALID_HEADER_BLOCK,
	GOAWAY_REASON,
	RESET_REASON,
	UNHELD_LOST,
	UNHELD_UNSEEN,
} from '../wire/output-layout';
import { addFraming, breakBlock, dropBlock, feedBlock, finishBlock, mustWait, openBlock } from './http2-heads';
import { doubtLanes, endMessage, findLane, finishLane, messageOf, noteReset, refuseAfter } from './http2-lanes';

// States of a direction.
/** In the preface that the client begins with. */
const IN_PREFACE: u8 = 0;
const IN_HEADER: u8 = 1;
/** The header is complete, but the frame has to wait. */
const BEGUN: u8 = 2;
/** In the fixed part at the beginning of the payload: lengths and numbers. */
const IN_FIXED: u8 = 3;
const IN_PAYLOAD: u8 = 4;
const SEARCHING: u8 = 5;
/** The server began with settings, but the client does not begin with the preface. */
export const REFUTED: u8 = 6;

/** What a client sends first (RFC 9113 section 3.4). */
export const PREFACE: string = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
export const PREFACE_BYTES: u32 = 24;

/** A GOAWAY frame, without its debug data. */
const GOAWAY_BYTES: u32 = 8;
/** Longer frames that look like one are not believed. */
const SEARCH_FRAMES: u32 = 8;
/** The first stream seen on a connection older than the capture has a lower number than this. */
const FIRST_ID_MOST: u32 = 1 << 28;
/** The highest type of the frames that extensions have defined. */
const TYPE_MOST: u32 = 0x10;
/** The head of a request takes at least this many bytes. */
const LEAST_HEAD_BYTES: u64 = 10;

/** Error codes with a name (RFC 9113 section 7), and the one that stands for all others. */
const ERROR_CODES: u32 = 14;

/** Begins to read frames; NO_FRAMES if there is no memory. `whole`: this is the beginning of the stream. */
export function newFrames(whole: bool, hasPreface: bool): Frames {
	const frames = changetype<Frames>(allocateZeroed(offsetof<Frames>()));
	if (frames == NO_FRAMES) return frames;
	frames.table = newTable(whole);
	if (frames.table == NO_TABLE) {
		release(changetype<usize>(frames));
		return NO_FRAMES;
	}
	frames.state = !whole ? SEARCHING : hasPreface ? IN_PREFACE : IN_HEADER;
	frames.frameMost = FRAME_LEAST_MOST;
	return frames;
}

export function freeFrames(frames: Frames): void {
	if (frames == NO_FRAMES) return;
	freeTable(frames.table);
	release(frames.rest);
	release(changetype<usize>(frames));
}

/** Takes bytes [from, end) of the stream; returns how many were taken: fewer than all if the stream has to wait. */
export function feed(stream: Stream, from: usize, end: usize): u32 {
	const frames = stream.frames;
	let at = from;
	while (at < end) {
		let next = at;
		switch (frames.state) {
			case IN_PREFACE:
				next = readPreface(stream, frames, at, end);
				break;
			case REFUTED:
				return <u32>(at - from);
			case IN_HEADER:
				next = readHeader(stream, frames, at, end);
				break;
			case BEGUN:
				if (mustWait(stream, frames.id)) return <u32>(at - from);
				beginPayload(stream, frames);
				break;
			case IN_FIXED:
				next = readFixed(stream, frames, at, end);
				break;
			case IN_PAYLOAD:
				next = readPayload(stream, frames, at, end);
				break;
			default:
				next = search(stream, frames, at, end);
				break;
		}
		stream.next += next - at;
		at = next;
	}
	return <u32>(at - from);
}

function readPreface(stream: Stream, frames: Frames, at: usize, end: usize): usize {
	const length = min<u32>(PREFACE_BYTES - frames.taken, <u32>(end - at));
	for (let i: u32 = 0; i < length; i++) {
		if (<u32>load<u8>(at + i) == <u32>PREFACE.charCodeAt(frames.taken + i)) continue;
		const http2 = stream.connection.http2;
		if (frames.taken + i == 0 && !http2.holed && http2.highestRequest == 0) frames.state = REFUTED;
		else loseFrames(stream, frames);
		return at;
	}
	frames.taken += length;
	if (frames.taken == PREFACE_BYTES) endFrame(stream, frames);
	return at + length;
}

/** Address of the bytes being gathered. */
@inline
function gathered(frames: Frames): usize {
	return changetype<usize>(frames) + offsetof<Frames>('gathered0');
}

/** Adds up to `needed` bytes to the gathered ones; returns how many of [at, end) were taken. */
function gather(frames: Frames, at: usize, end: usize, needed: u32): u32 {
	const length = min<u32>(needed - frames.taken, <u32>(end - at));
	copyBytes(gathered(frames) + frames.taken, at, length);
	frames.taken += length;
	return length;
}

function readHeader(stream: Stream, frames: Frames, at: usize, end: usize): usize {
	if (frames.taken == 0) {
		frames.time = call.time;
		frames.offset = stream.next;
	}
	const next = at + gather(frames, at, end, FRAME_HEADER_BYTES);
	if (frames.taken == FRAME_HEADER_BYTES) beginFrame(stream, frames, gathered(frames));
	return next;
}

/** The header of a frame, at `header`, is complete. */
function beginFrame(stream: Stream, frames: Frames, header: usize): void {
	frames.type = frameType(header);
	frames.flags = frameFlags(header);
	frames.id = frameStream(header);
	frames.left = frameLength(header);
	frames.taken = 0;
	frames.padding = 0;
	frames.unbounded = false;
	frames.fixed = 0;
	frames.framing = FRAME_HEADER_BYTES;
	stream.connection.http2.framed = true;
	const type = frames.type;
	const breaks = frames.inBlock && (type != FRAME_CONTINUATION || frames.id != frames.blockStream);
	if (frames.found && (breaks || !isBelievable(stream, frames, header))) {
		// What was found were no frames.
		if (frames.inBlock) dropBlock(stream, frames);
		loseFrames(stream, frames);
		return;
	}
	// Receivers end the connection; where the next frame begins is anyone's guess.
	if (!isPossible(header, FRAME_MOST)) {
		loseFrames(stream, frames);
		return;
	}
	if (breaks) breakOff(stream, frames);
	if (type == FRAME_HEADERS || type == FRAME_PUSH_PROMISE) {
		frames.blockStream = frames.id;
		frames.blockEnds = type == FRAME_HEADERS && (frames.flags & FLAG_END_STREAM) != 0;
	}
	if ((type == FRAME_HEADERS || type == FRAME_RST_STREAM) && mustWait(stream, frames.id)) frames.state = BEGUN;
	else beginPayload(stream, frames);
}

function beginPayload(stream: Stream, frames: Frames): void {
	const type = frames.type;
	let fixed: u32 = 0;
	if (type == FRAME_DATA || type == FRAME_HEADERS || type == FRAME_PUSH_PROMISE) {
		if (frames.flags & FLAG_PADDED) fixed = 1;
		if (type == FRAME_HEADERS && frames.flags & FLAG_PRIORITY) fixed += 5;
		if (type == FRAME_PUSH_PROMISE) fixed += 4;
	} else if (type == FRAME_RST_STREAM) {
		fixed = 4;
	} else if (type == FRAME_GOAWAY) {
		fixed = GOAWAY_BYTES;
	} else if (type == FRAME_SETTINGS && frames.left != 0) {
		fixed = SETTING_BYTES;
	}
	if (fixed > frames.left) {
		noteInvalid(stream, frames);
		fixed = 0;
	}
	frames.fixed = fixed;
	if (fixed != 0) frames.state = IN_FIXED;
	else endFixed(stream, frames);
}

function readFixed(stream: Stream, frames: Frames, at: usize, end: usize): usize {
	const length = gather(frames, at, end, frames.fixed);
	if (CHECKED) assert(length <= frames.left, 'the fixed part lies in its frame');
	frames.left -= length;
	if (frames.taken < frames.fixed) return at + length;
	const part = gathered(frames);
	frames.taken = 0;
	frames.framing += frames.fixed;
	switch (frames.type) {
		case FRAME_RST_STREAM:
			resetStream(stream, frames.id, RESET_REASON + min<u32>(bswap<u32>(load<u32>(part)), ERROR_CODES));
			break;
		case FRAME_GOAWAY:
			if (stream.role != CARRIES_REQUESTS) {
				const code = min<u32>(bswap<u32>(load<u32>(part, 4)), ERROR_CODES);
				refuseAfter(stream.connection.http2, bswap<u32>(load<u32>(part)) & 0x7fffffff, GOAWAY_REASON + code);
			}
			break;
		case FRAME_SETTINGS:
			applySetting(stream, part);
			if (frames.left >= SETTING_BYTES) return at + length;
			break;
		default:
			if (frames.flags & FLAG_PADDED) readPadding(stream, frames, load<u8>(part));
			if (frames.type == FRAME_PUSH_PROMISE) {
				frames.promised = bswap<u32>(load<u32>(part + (frames.flags & FLAG_PADDED ? 1 : 0))) & 0x7fffffff;
				if (frames.found && ((frames.promised & 1) != 0 || !fitsNumber(stream.connection, frames.promised))) {
					loseFrames(stream, frames);
					return at + length;
				}
			}
			break;
	}
	endFixed(stream, frames);
	return at + length;
}

function readPadding(stream: Stream, frames: Frames, padding: u32): void {
	if (padding <= frames.left) frames.padding = padding;
	else noteInvalid(stream, frames);
}

/** The rest of the frame is its content, and padding. */
function endFixed(stream: Stream, frames: Frames): void {
	frames.state = IN_PAYLOAD;
	if (frames.type == FRAME_DATA) {
		const message = dataMessage(stream, frames);
		if (message != NO_MESSAGE) addFraming(message, frames.framing);
	} else if (frames.type == FRAME_CONTINUATION && frames.blockMessage != NO_MESSAGE) {
		addFraming(frames.blockMessage, frames.framing);
	}
	if (frames.left == 0) endFrame(stream, frames);
}

/** The message that a DATA frame belongs to; NO_MESSAGE if its head was not seen, or it is over. */
function dataMessage(stream: Stream, frames: Frames): Message {
	const lane = findLane(stream.connection.http2, frames.id);
	if (lane == NO_LANE || stream.role == 0) return NO_MESSAGE;
	const message = messageOf(stream, lane);
	return message != NO_MESSAGE && message.headed ? message : NO_MESSAGE;
}

function readPayload(stream: Stream, frames: Frames, at: usize, end: usize): usize {
	const length = min<u32>(<u32>(end - at), frames.left);
	const content = min<u32>(length, frames.left - frames.padding);
	if (frames.type == FRAME_DATA) {
		const message = dataMessage(stream, frames);
		if (message != NO_MESSAGE) {
			if (frames.unbounded) addUnseenBody(message, content, UNHELD_LOST);
			else if (content != 0) addBody(message, at, content);
			if (length != content) addFraming(message, length - content);
		}
	} else if (hasBlock(frames) && content != 0) {
		if (!frames.inBlock && frames.type != FRAME_CONTINUATION) openBlock(stream, frames, load<u8>(at));
		if (frames.inBlock) feedBlock(stream, frames, at, at + content);
	}
	passBytes(stream, frames, length, length - content);
	return at + length;
}

@inline
function hasBlock(frames: Frames): bool {
	return frames.type == FRAME_HEADERS || frames.type == FRAME_CONTINUATION || frames.type == FRAME_PUSH_PROMISE;
}

/** Moves on by `length` bytes of the frame, of which the last `padding` are padding. */
function passBytes(stream: Stream, frames: Frames, length: u32, padding: u32): void {
	frames.left -= length;
	frames.padding -= padding;
	if (padding != 0 && frames.inBlock && frames.blockMessage != NO_MESSAGE) addFraming(frames.blockMessage, padding);
	if (frames.left == 0) endFrame(stream, frames);
}

function endFrame(stream: Stream, frames: Frames): void {
	const state = frames.state;
	frames.state = IN_HEADER;
	frames.taken = 0;
	if (state == IN_PREFACE) return;
	if (frames.type == FRAME_DATA) {
		if (frames.flags & FLAG_END_STREAM) endData(stream, frames);
	} else if (hasBlock(frames)) {
		if (!frames.inBlock && frames.type != FRAME_CONTINUATION) openBlock(stream, frames, 0);
		if (frames.inBlock && frames.flags & FLAG_END_HEADERS) finishBlock(stream, frames);
	}
}

function endData(stream: Stream, frames: Frames): void {
	const http2 = stream.connection.http2;
	const message = dataMessage(stream, frames);
	if (message != NO_MESSAGE) endMessage(http2, findLane(http2, frames.id), message);
}

/** The frame's lengths contradict each other. */
function noteInvalid(stream: Stream, frames: Frames): void {
	const lane = findLane(stream.connection.http2, frames.id);
	if (lane == NO_LANE) return;
	const message = messageOf(stream, lane);
	if (message != NO_MESSAGE) note(message, ANOMALY_INVALID_FRAME);
}

/** Another frame came where the block should go on. */
function breakOff(stream: Stream, frames: Frames): void {
	breakBlock(stream, frames, ANOMALY_INVALID_HEADER_BLOCK);
	finishBlock(stream, frames);
}

function resetStream(stream: Stream, id: u32, reason: i32): void {
	const http2 = stream.connection.http2;
	const lane = findLane(http2, id);
	noteReset(http2, id);
	if (lane != NO_LANE) finishLane(http2, lane, reason);
}

/** A setting says what this side accepts from the other. */
function applySetting(stream: Stream, at: usize): void {
	const connection = stream.connection;
	const other = stream == connection.incoming ? connection.outgoing : connection.incoming;
	if (other == NO_STREAM || other.frames == NO_FRAMES || bswap<u16>(load<u16>(at)) != SETTING_MAX_FRAME_SIZE) return;
	const most = min<u32>(bswap<u32>(load<u32>(at, 2)), FRAME_MOST);
	if (most > other.frames.frameMost) other.frames.frameMost = most;
}

// ---- What was not captured ------------------------------------------------------------------------------------------

/** Passes `length` bytes whose content is not known. UNHELD_*: why. */
export function pass(stream: Stream, length: u64, reason: i32): void {
	const frames = stream.frames;
	let left = length;
	while (left != 0) {
		if (frames.state == BEGUN) {
			stream.forced = true;
			beginPayload(stream, frames);
			stream.forced = false;
			continue;
		}
		if (frames.state != IN_FIXED && frames.state != IN_PAYLOAD) {
			if (frames.state != SEARCHING) loseFrames(stream, frames);
			frames.lost = true;
			frames.missing += left;
			stream.next += left;
			return;
		}
		const taken = <u32>min<u64>(left, frames.left);
		left -= taken;
		stream.next += taken;
		passPart(stream, frames, taken, reason);
	}
}

/** Passes bytes of the frame being read. */
function passPart(stream: Stream, frames: Frames, length: u32, reason: i32): void {
	const isLost = reason == UNHELD_LOST || reason == UNHELD_UNSEEN;
	if (frames.state == IN_FIXED) {
		if (frames.type == FRAME_RST_STREAM) resetStream(stream, frames.id, RESET_REASON + ERROR_CODES);
		// It is not known which of the next bytes are padding.
		if (frames.type == FRAME_DATA) frames.unbounded = true;
		frames.fixed = 0;
		frames.taken = 0;
		frames.state = IN_PAYLOAD;
	}
	const content = min<u32>(length, frames.left - frames.padding);
	if (frames.type == FRAME_DATA) {
		const message = dataMessage(stream, frames);
		if (message != NO_MESSAGE && content != 0) addUnseenBody(message, content, reason);
		if (message != NO_MESSAGE && length != content) passFraming(message, length - content, isLost);
	} else if (hasBlock(frames)) {
		if (!frames.inBlock) openBlock(stream, frames, 0);
		breakBlock(stream, frames, ANOMALY_HPACK_UNKNOWN);
		if (frames.blockMessage != NO_MESSAGE) passFraming(frames.blockMessage, content, isLost);
	}
	passBytes(stream, frames, length, length - content);
}

function passFraming(message: Message, length: u32, isLost: bool): void {
	if (!isLost) {
		addFraming(message, length);
		return;
	}
	message.wireBytes += length;
	message.lostBytes += length;
}

/** It is not known where the next frame begins. */
export function loseFrames(stream: Stream, frames: Frames): void {
	if (frames.inBlock) breakOff(stream, frames);
	else forgetTable(frames.table);
	doubtLanes(stream.connection.http2, stream);
	frames.state = SEARCHING;
	frames.taken = 0;
	frames.lost = true;
}

/** Looks for a frame at the beginning of a call; returns where reading goes on. */
function search(stream: Stream, frames: Frames, at: usize, end: usize): usize {
	if (stream.next == call.startOffset && stream.next == stream.base && begins(at, end, PREFACE, false)) {
		// Only what came before on the connection is older than the capture.
		beginTable(frames.table);
		frames.state = IN_PREFACE;
		frames.taken = 0;
		return at;
	}
	if (stream.next == call.startOffset && beginsFrames(stream, frames, at, end)) {
		countSkipped(frames);
		// What was skipped may belong to streams that began in the meantime.
		doubtLanes(stream.connection.http2, stream);
		frames.lost = false;
		frames.found = true;
		frames.state = IN_HEADER;
		frames.taken = 0;
		return at;
	}
	frames.skipped += end - at;
	frames.missing += end - at;
	return end;
}

/** Skipped bytes count as lost if they could have been read. */
export function countSkipped(frames: Frames): void {
	if (frames.lost && frames.skipped != 0) loss.count(LOSS_DECODE_GAP, 1, frames.skipped);
	frames.skipped = 0;
}

/** Whether [from, end) begins with frames of streams that may be open. */
function beginsFrames(stream: Stream, frames: Frames, from: usize, end: usize): bool {
	if (!looksLikeFrames(from, end, frames.frameMost)) return false;
	let at = from;
	for (let i: u32 = 0; i < SEARCH_FRAMES && end > at && end - at >= FRAME_HEADER_BYTES; i++) {
		if (!fitsStreams(stream, at)) return false;
		at += FRAME_HEADER_BYTES + frameLength(at);
	}
	return true;
}

/** Whether [from, end) looks like frames: several of them, or one that ends with the call, and its header block with it. */
export function looksLikeFrames(from: usize, end: usize, most: u32): bool {
	let at = from;
	/** The stream whose header block goes on in the next frame. */
	let block: u32 = 0;
	for (let i: u32 = 0; i < SEARCH_FRAMES; i++) {
		if (at == end) return i > 1 || block == 0;
		if (at > end || end - at < FRAME_HEADER_BYTES) return i > 1;
		if (!isLikely(at, most)) return false;
		const type = frameType(at);
		const continues = type == FRAME_CONTINUATION;
		if (i != 0 && (continues ? frameStream(at) != block : block != 0)) return false;
		const hasBlock = continues || type == FRAME_HEADERS || type == FRAME_PUSH_PROMISE;
		block = hasBlock && (frameFlags(at) & FLAG_END_HEADERS) == 0 ? frameStream(at) : 0;
		at += FRAME_HEADER_BYTES + frameLength(at);
	}
	return true;
}

/** Whether a frame after one that was found by searching is likely: if it is not, what was found was none. */
function isBelievable(stream: Stream, frames: Frames, at: usize): bool {
	const isKnown = frameType(at) <= FRAME_CONTINUATION;
	if (isKnown ? !isLikely(at, frames.frameMost) : frameType(at) > TYPE_MOST || frameLength(at) > frames.frameMost) return false;
	return fitsStreams(stream, at);
}

/**
 * Whether the stream of the frame may be open, judging by those seen, and by how many requests the missing bytes can have
 * contained.
 */
function fitsStreams(stream: Stream, at: usize): bool {
	const connection = stream.connection;
	const id = frameStream(at);
	if (id == 0) return true;
	const type = frameType(at);
	// Requests have odd numbers; only a server's promises and answers have others.
	if ((id & 1) == 0 && stream.role == CARRIES_REQUESTS && (type == FRAME_HEADERS || type == FRAME_DATA)) return false;
	return fitsNumber(connection, id);
}

/** Whether the stream with this number may have begun. */
function fitsNumber(connection: Connection, id: u32): bool {
	const http2 = connection.http2;
	const highest = id & 1 ? http2.highestRequest : http2.highestPushed;
	if (http2.highestRequest == 0 && http2.highestPushed == 0) return id < FIRST_ID_MOST;
	const source = id & 1 ? connection.requests : connection.responses;
	const missing = source == NO_STREAM || source.frames == NO_FRAMES ? 0 : source.frames.missing;
	const most = <u64>highest + (missing / LEAST_HEAD_BYTES + 1) * 2;
	return <u64>id <= most;
}

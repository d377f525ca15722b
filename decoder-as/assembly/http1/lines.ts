// Lines of a head or a trailer section. A head that arrives in one piece is read in place; one in several pieces is
// gathered in the message, up to the limits. Beyond the limits lines are still read, because fields that affect framing
// may come last, but they are not kept.
import { note } from '../memory/anomalies';
import { copyBytes, findLineFeed } from '../memory/bytes';
import { carry } from '../memory/carried';
import { allocate, enlarge } from '../memory/memory';
import { headerBytesLimit, startLineLimit } from '../memory/settings';
import { Message, Stream } from '../memory/state';
import { ANOMALY_LONG_HEADERS, ANOMALY_LONG_START_LINE, ANOMALY_LONG_TRAILERS } from '../wire/output-layout';

const TRAILER_BYTES_KEPT: u32 = 16384;
/** This much of a line that is not kept is read for its meaning. */
const LINE_KEPT: u32 = 8192;

/** The line taken last, without its LF; its head begins at `base`. */
export let base: usize = 0;
export let lineStart: usize = 0;
export let lineEnd: usize = 0;
/** The start line was too long to keep: its last bytes are at `tailEnd` - 16 … `tailEnd`, without LF. */
export let cut: bool = false;
export let tailEnd: usize = 0;
/** The line was empty and ended with a CR without LF. */
export let bareCr: bool = false;
/** The line was too long to read; its end is missing. */
export let truncated: bool = false;

/** A head begins at `at`. */
export function beginHead(stream: Stream, at: usize): void {
	stream.started = false;
	stream.inPlace = at;
	beginSection(stream, 0, headerBytesLimit);
}

/** Trailers follow in the message's head. */
export function beginTrailers(stream: Stream, message: Message): void {
	stream.inPlace = 0;
	stream.firstTrailer = message.fieldCount;
	beginSection(stream, message.headLength, message.headLength + TRAILER_BYTES_KEPT);
}

function beginSection(stream: Stream, from: u32, limit: u32): void {
	stream.overflow = false;
	stream.cutLine = false;
	stream.lineStart = from;
	stream.lineKept = 0;
	stream.keepLimit = limit;
}

/**
 * Takes bytes of [at, end) up to the end of the line and returns the address after them; `whole`: whether the line is
 * complete. All bytes taken count as part of the head.
 */
export let whole: bool = false;
export function takeLine(stream: Stream, message: Message, at: usize, end: usize): usize {
	bareCr = false;
	if (stream.started && !stream.tentative && at < end && endsWithCr(stream, message, at, end)) {
		return takeBareCr(stream, message, at);
	}
	const feedAt = findLineFeed(at, end);
	const next = feedAt == end ? end : feedAt + 1;
	const length = <u32>(next - at);
	whole = feedAt != end;
	message.wireBytes += length;
	carry(message, length, 0);
	if (stream.inPlace != 0) {
		const headLength = <u32>(next - stream.inPlace);
		const fits = headLength <= stream.keepLimit && (stream.started || headLength <= startLineLimit);
		if (whole && fits) {
			base = stream.inPlace;
			lineStart = at;
			lineEnd = feedAt;
			cut = false;
			truncated = false;
			stream.lineStart = headLength;
			return next;
		}
		// From here on the head is gathered, beginning with the lines before this one.
		const before = <u32>(at - stream.inPlace);
		const from = stream.inPlace;
		stream.inPlace = 0;
		if (before != 0) gather(stream, message, from, before);
		stream.lineStart = message.headLength;
	}
	keepPiece(stream, message, at, length);
	if (whole) endGathered(stream, message);
	return next;
}

/**
 * Whether the line is a CR without LF where a field line or the end of the head should be. Lenient parsers take it for the
 * empty line that ends the head. CR CR LF is a line end with an extra CR.
 */
function endsWithCr(stream: Stream, message: Message, at: usize, end: usize): bool {
	const byte = load<u8>(at);
	const begun = begunBytes(stream, message);
	if (begun == 0) return byte == 13 && end - at > 1 && load<u8>(at, 1) != 10 && load<u8>(at, 1) != 13;
	return begun == 1 && byte != 10 && byte != 13 && load<u8>(begunAt(stream, message)) == 13;
}

/** The number of bytes of the current line that were taken before. */
function begunBytes(stream: Stream, message: Message): u32 {
	if (stream.inPlace != 0) return 0;
	return stream.overflow ? stream.lineKept : message.headLength - stream.lineStart;
}

function begunAt(stream: Stream, message: Message): usize {
	return stream.overflow ? stream.line : message.head + stream.lineStart;
}

function takeBareCr(stream: Stream, message: Message, at: usize): usize {
	const fresh: u32 = begunBytes(stream, message) == 0 ? 1 : 0;
	whole = true;
	bareCr = true;
	truncated = false;
	cut = false;
	message.wireBytes += fresh;
	if (fresh != 0) carry(message, 1, 0);
	if (stream.inPlace != 0) {
		base = stream.inPlace;
		lineStart = at;
		stream.lineStart = <u32>(at + 1 - stream.inPlace);
	} else {
		base = stream.overflow ? stream.line : message.head;
		lineStart = begunAt(stream, message);
		if (!stream.overflow && fresh != 0) gather(stream, message, at, 1);
		stream.lineKept = 0;
		stream.lineStart = message.headLength;
	}
	lineEnd = lineStart;
	return at + fresh;
}

/** Address of the head if all of it so far lies in the record; otherwise 0. */
export function placeOf(stream: Stream): usize {
	return stream.started && !stream.tentative ? stream.inPlace : 0;
}

/** Whole lines [at, next) of a head read in place have been read. */
export function passLines(stream: Stream, message: Message, at: usize, next: usize): void {
	const length = <u32>(next - at);
	message.wireBytes += length;
	carry(message, length, 0);
	stream.lineStart = <u32>(next - stream.inPlace);
}

/** `HTTP/`, perhaps after a blank: this many bytes show whether a response begins like that. */
export const TELLING_BYTES: u32 = 6;

/** Takes bytes in the middle of a line. Returns false and does nothing if the line may end with them. */
export function takeMore(stream: Stream, message: Message, at: usize, length: u32): bool {
	if (stream.inPlace != 0 || message.odd) return false;
	if (!stream.started && message.isResponse && message.headLength < TELLING_BYTES) return false;
	// The first bytes of a line may be the whole line.
	if (stream.started && begunBytes(stream, message) < 2) return false;
	if (length == 1 ? load<u8>(at) == 10 : findLineFeed(at, at + length) != at + length) return false;
	message.wireBytes += length;
	carry(message, length, 0);
	keepPiece(stream, message, at, length);
	return true;
}

/** Bytes of the head up to the end of the line taken last. */
export function headLength(stream: Stream, message: Message): u32 {
	return stream.inPlace != 0 ? stream.lineStart : message.headLength;
}

/** Keeps a piece of the current line. */
function keepPiece(stream: Stream, message: Message, at: usize, length: u32): void {
	if (!stream.started) {
		const room = stream.cutLine ? <u32>0 : startLineLimit - min<u32>(message.headLength, startLineLimit);
		const kept = min<u32>(length, room);
		if (kept != 0) gather(stream, message, at, kept);
		if (length > room) {
			stream.cutLine = true;
			keepTail(stream, at, length);
		}
		return;
	}
	if (!stream.overflow && <u64>message.headLength + length > stream.keepLimit) beginOverflow(stream, message);
	if (!stream.overflow) {
		gather(stream, message, at, length);
		if (!stream.overflow) return;
	}
	const kept = min<u32>(length, LINE_KEPT - stream.lineKept);
	if (stream.line == 0 || kept == 0) return;
	copyBytes(stream.line + stream.lineKept, at, kept);
	stream.lineKept += kept;
}

/** Adds to the gathered head. Without memory the rest is read but not kept. */
function gather(stream: Stream, message: Message, at: usize, length: u32): void {
	const needed = message.headLength + length;
	if (needed > message.headCapacity) {
		const capacity = max<u32>(needed + 256, message.headCapacity * 2);
		const head = enlarge(message.head, message.headLength, capacity);
		if (head == 0) {
			beginOverflow(stream, message);
			return;
		}
		message.head = head;
		message.headCapacity = capacity;
	}
	copyBytes(message.head + message.headLength, at, length);
	message.headLength = needed;
}

/** From here on lines are read but not kept: moves the gathered part of the current line aside. */
function beginOverflow(stream: Stream, message: Message): void {
	stream.overflow = true;
	stream.lineKept = 0;
	note(message, message.headed ? ANOMALY_LONG_TRAILERS : ANOMALY_LONG_HEADERS);
	if (stream.line == 0) stream.line = allocate(LINE_KEPT);
	if (stream.line == 0 || message.headLength <= stream.lineStart) return;
	stream.lineKept = min<u32>(message.headLength - stream.lineStart, LINE_KEPT);
	memory.copy(stream.line, message.head + stream.lineStart, stream.lineKept);
	message.headLength = stream.lineStart;
}

/** Keeps the last 16 bytes of a start line that is too long: the version, CR, LF. */
function keepTail(stream: Stream, at: usize, length: u32): void {
	if (length == 1) {
		stream.tail0 = (stream.tail0 >> 8) | (stream.tail1 << 56);
		stream.tail1 = (stream.tail1 >> 8) | ((<u64>load<u8>(at)) << 56);
		return;
	}
	const tail = changetype<usize>(stream) + offsetof<Stream>('tail0');
	const fresh = min<u32>(length, 16);
	memory.copy(tail, tail + fresh, 16 - fresh);
	memory.copy(tail + 16 - fresh, at + length - fresh, fresh);
}

/** The gathered line is complete. */
function endGathered(stream: Stream, message: Message): void {
	cut = stream.cutLine;
	base = message.head;
	if (cut) {
		note(message, ANOMALY_LONG_START_LINE);
		stream.cutLine = false;
		tailEnd = changetype<usize>(stream) + offsetof<Stream>('tail0') + 15;
	}
	if (stream.overflow) {
		const length = stream.lineKept;
		stream.lineKept = 0;
		// Without memory the line cannot be read.
		if (length == 0) {
			whole = false;
			return;
		}
		truncated = load<u8>(stream.line + length - 1) != 10;
		base = stream.line;
		lineStart = stream.line;
		// A line longer than the kept part ends there, without its LF.
		lineEnd = stream.line + length - (truncated ? 0 : 1);
		return;
	}
	truncated = false;
	lineStart = message.head + stream.lineStart;
	lineEnd = message.head + message.headLength - (cut ? 0 : 1);
	stream.lineStart = message.headLength;
}

/** Gathers the head so far, because the record that holds it is about to be freed. */
export function leavePlace(stream: Stream, message: Message): void {
	if (stream.inPlace == 0) return;
	const from = stream.inPlace;
	stream.inPlace = 0;
	gather(stream, message, from, stream.lineStart);
}

/** Where the line taken last ends, without its CR. */
export function lineEndOf(at: usize): usize {
	return lineEnd > at && load<u8>(lineEnd - 1) == 13 ? lineEnd - 1 : lineEnd;
}

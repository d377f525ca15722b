// The framing of a chunked body (RFC 9112 section 7.1): size lines with extensions, and the line ends after the data.
import { note } from '../memory/anomalies';
import { copyBytes, findLineFeed, hexValue, isSpace, isToken } from '../memory/bytes';
import { carry } from '../memory/carried';
import { last } from '../memory/loss';
import { Message, Stream } from '../memory/state';
import { FRAMING, INVALID, NEED_MORE } from '../wire/frame';
import {
	ANOMALY_BARE_CR,
	ANOMALY_BARE_LF,
	ANOMALY_CHUNK_FLOOD,
	ANOMALY_INVALID_CHUNK_END,
	ANOMALY_INVALID_CHUNK_EXTENSION,
	ANOMALY_INVALID_CHUNK_SIZE,
	ANOMALY_LONG_CHUNK_EXTENSIONS,
	ANOMALY_SPACE_AFTER_CHUNK_SIZE,
} from '../wire/output-layout';
import * as lines from './lines';
import { IN_CHUNK_DATA, IN_CHUNK_SIZE, IN_TRAILERS } from './states';

/** Parts of a chunk-size line. */
const CHUNK_DIGITS: u8 = 0;

const CHUNK_AFTER: u8 = 1;

const CHUNK_EXTENSION: u8 = 2;

const EXTENSION_BYTES_FINE: u64 = 16384;

const FRAMING_BYTES_FINE: u64 = 102400;

/** Why reading stopped: one of wire/frame.ts. */
export let answer: u32 = NEED_MORE;

/** A size line follows. */
export function beginChunk(stream: Stream): void {
	stream.state = IN_CHUNK_SIZE;
	stream.chunkLine = 0;
	stream.chunkDigits = 0;
	stream.chunkState = CHUNK_DIGITS;
	stream.remaining = 0;
}

/** The size line of a chunk (RFC 9112 section 7.1); extensions are counted and skipped. `answer` is FRAMING or INVALID. */
export function readSize(stream: Stream, message: Message, from: usize, end: usize): usize {
	answer = FRAMING;
	if (stream.chunkState == CHUNK_DIGITS && stream.chunkDigits == 0) {
		const next = readPlainSize(stream, message, from, end);
		if (next != from) return next;
	}
	let at = from;
	while (at < end) {
		const byte = load<u8>(at);
		if (stream.chunkState == CHUNK_EXTENSION) {
			const feedAt = findLineFeed(at, end);
			stream.extensionBytes += feedAt - at;
			checkExtension(stream, message, at, feedAt);
			at = feedAt;
			if (at == end) break;
			endExtension(stream, message);
		}
		if (load<u8>(at) == 10) {
			if (stream.chunkState == CHUNK_DIGITS || stream.chunkLast != 13) note(message, ANOMALY_BARE_LF);
			at++;
			endSize(stream, message, from, at);
			return at;
		}
		if (stream.chunkState == CHUNK_DIGITS) {
			const digit = hexValue(byte);
			if (digit >= 0) {
				if (stream.remaining >> 60 != 0) {
					breakSize(message);
					return at;
				}
				stream.remaining = (stream.remaining << 4) | digit;
				stream.chunkDigits++;
				at++;
				continue;
			}
			stream.chunkState = CHUNK_AFTER;
			stream.chunkLast = 0;
		}
		if (stream.chunkLast == 13) {
			// A CR without LF: lenient parsers end the line there and take this byte as the first of the chunk.
			note(message, ANOMALY_BARE_CR);
			endSize(stream, message, from, at);
			return at;
		}
		stream.chunkLast = byte;
		if (byte == 59) {
			stream.chunkState = CHUNK_EXTENSION;
			stream.chunkQuoted = false;
			stream.chunkLast = 59;
		} else if (byte != 13 && !isSpace(byte)) {
			breakSize(message);
			return at;
		} else if (byte != 13) {
			note(message, ANOMALY_SPACE_AFTER_CHUNK_SIZE);
		}
		at++;
	}
	keepChunkLine(stream, from, <u32>(at - from));
	takeFraming(stream, message, <u32>(at - from));
	return at;
}

/** It is not a size line: the body is not chunked, or is no longer. */
function breakSize(message: Message): void {
	note(message, ANOMALY_INVALID_CHUNK_SIZE);
	answer = INVALID;
}

/** Bytes of a size line that are kept in case it turns out not to be one. */
const CHUNK_LINE_KEPT: u32 = 32;

function keepChunkLine(stream: Stream, at: usize, length: u32): void {
	if (stream.chunkLine < CHUNK_LINE_KEPT) {
		const line = changetype<usize>(stream) + offsetof<Stream>('chunkLine0');
		copyBytes(line + stream.chunkLine, at, min<u32>(length, CHUNK_LINE_KEPT - stream.chunkLine));
	}
	stream.chunkLine += length;
}

/** The kept beginning of a line that turned out not to be a size line: `brokenKept` of its `brokenLength` earlier bytes. */
export function brokenLine(stream: Stream): usize {
	return changetype<usize>(stream) + offsetof<Stream>('chunkLine0');
}

export function brokenKept(stream: Stream): u32 {
	return min<u32>(stream.chunkLine, CHUNK_LINE_KEPT);
}

/**
 * Reads a whole size line of at most seven digits and nothing else. Returns where reading continues, or `from` for
 * other lines.
 */
function readPlainSize(stream: Stream, message: Message, from: usize, end: usize): usize {
	const limit = min<usize>(end, from + 7);
	let size: u32 = 0;
	let at = from;
	while (at < limit) {
		const digit = hexValue(load<u8>(at));
		if (digit < 0) break;
		size = (size << 4) | digit;
		at++;
	}
	if (at == from || end - at < 2 || load<u16>(at) != 0x0a0d) return from;
	stream.chunkDigits = <u32>(at - from);
	stream.remaining = size;
	endSize(stream, message, from, at + 2);
	return at + 2;
}

/** The size line ends with [from, at): data follows, or trailers after the last chunk. */
function endSize(stream: Stream, message: Message, from: usize, at: usize): void {
	if (stream.chunkDigits == 0) {
		breakSize(message);
		return;
	}
	takeFraming(stream, message, <u32>(at - from));
	if (stream.remaining == 0) {
		stream.state = IN_TRAILERS;
		lines.beginTrailers(stream, message);
	} else {
		stream.state = IN_CHUNK_DATA;
	}
}

/** Extensions are `;name` or `;name=value` (RFC 9112 section 7.1.1), where a value may be quoted. */
function checkExtension(stream: Stream, message: Message, from: usize, end: usize): void {
	let last = stream.chunkLast;
	let quoted = stream.chunkQuoted;
	for (let at = from; at < end; at++) {
		const byte = load<u8>(at);
		// A CR is allowed only before the LF.
		if (last == 13) note(message, ANOMALY_INVALID_CHUNK_EXTENSION);
		if (quoted) {
			if (byte == 34 && last != 92) quoted = false;
		} else if (byte == 34) {
			if (last != 61) note(message, ANOMALY_INVALID_CHUNK_EXTENSION);
			quoted = true;
		} else if (byte == 59 || byte == 61) {
			if (last == 59 || last == 61) note(message, ANOMALY_INVALID_CHUNK_EXTENSION);
		} else if (!isToken(byte) && !isSpace(byte) && byte != 13) {
			note(message, ANOMALY_INVALID_CHUNK_EXTENSION);
		} else if (byte == 13 && (last == 59 || last == 61)) {
			note(message, ANOMALY_INVALID_CHUNK_EXTENSION);
		}
		// An escaped backslash does not escape the next byte.
		last = quoted && byte == 92 && last == 92 ? 0 : isSpace(byte) && !quoted ? last : byte;
	}
	stream.chunkLast = last;
	stream.chunkQuoted = quoted;
}

function endExtension(stream: Stream, message: Message): void {
	const last = stream.chunkLast;
	if (stream.chunkQuoted || last == 59 || last == 61) note(message, ANOMALY_INVALID_CHUNK_EXTENSION);
	stream.chunkQuoted = false;
}

/**
 * Reads the line end after a chunk's data. `answer` is FRAMING, or INVALID if nothing was read. If `chunkState` is 1,
 * the CR before it is not a line end.
 */
export function readEnd(stream: Stream, message: Message, from: usize): usize {
	const byte = load<u8>(from);
	answer = FRAMING;
	if (byte == 13 && stream.chunkState == 0) {
		stream.chunkState = 1;
		takeFraming(stream, message, 1);
		return from + 1;
	}
	if (byte == 10) {
		if (stream.chunkState == 0) note(message, ANOMALY_BARE_LF);
		takeFraming(stream, message, 1);
		beginChunk(stream);
		return from + 1;
	}
	note(message, ANOMALY_INVALID_CHUNK_END);
	answer = INVALID;
	return from;
}

function takeFraming(stream: Stream, message: Message, length: u32): void {
	if (length == 0) return;
	message.wireBytes += length;
	stream.framingBytes += length;
	carry(message, 0, 0);
	if (stream.extensionBytes > EXTENSION_BYTES_FINE) note(message, ANOMALY_LONG_CHUNK_EXTENSIONS);
	if (stream.framingBytes >= FRAMING_BYTES_FINE && stream.framingBytes > message.bodyBytes * 4) {
		note(message, ANOMALY_CHUNK_FLOOD);
	}
}

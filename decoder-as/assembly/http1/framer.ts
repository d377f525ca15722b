// The framer of HTTP/1 (RFC 9112): given the next bytes of a stream, it reports what they are. It knows only the stream and
// the current message; the protocol acts on the answers. No byte is scanned twice for the same purpose.
import { note } from '../memory/anomalies';
import { Message, Stream } from '../memory/state';
import { BODY, HEAD, LINE, NEED_MORE } from '../wire/frame';
import { ANOMALY_BARE_CR, ANOMALY_BARE_LF } from '../wire/output-layout';
import * as chunks from './chunks';
import { readField, trimCr } from './head';
import * as lines from './lines';
import { readPlainFields } from './plain-fields';
import { keepFields, recallFields } from './recalled-fields';
import * as recalled from './recalled-fields';
import { IN_CHUNK_DATA, IN_CHUNK_END, IN_CHUNK_SIZE, IN_LENGTH, IN_TRAILERS, UNTIL_CLOSE } from './states';

/** Why reading stopped: one of wire/frame.ts. */
export let answer: u32 = NEED_MORE;

/**
 * Reads lines of a head or of trailers from [from, end); returns where it stopped. `answer`: NEED_MORE, HEAD after the empty
 * line, LINE after a line that only the protocol can judge (a start line, a line of an odd head, a trailer).
 */
export function readLines(stream: Stream, message: Message, from: usize, end: usize): usize {
	let at = from;
	while (at < end) {
		const place = lines.placeOf(stream);
		if (place != 0) {
			const limit = min<usize>(end, place + stream.keepLimit);
			const first = message.fieldCount == 0;
			let next = first ? recallFields(message, place, at, limit) : at;
			let over = first && recalled.whole;
			if (!over) {
				next = readPlainFields(message, place, next, limit);
				over = limit - next >= 2 && load<u16>(next) == 0x0a0d;
				if (over) next += 2;
				if (over && first) keepFields(message, place, at, next);
			}
			if (next != at) {
				lines.passLines(stream, message, at, next);
				at = next;
				if (over) {
					answer = HEAD;
					return at;
				}
				if (at == end) break;
			}
		}
		at = lines.takeLine(stream, message, at, end);
		if (!lines.whole) continue;
		if (!stream.started || stream.tentative || stream.state == IN_TRAILERS || message.odd || message.http09) {
			answer = LINE;
			return at;
		}
		const lineEnd = trimLine(message);
		if (lineEnd == lines.lineStart) {
			answer = HEAD;
			return at;
		}
		readField(message, lines.base, lines.lineStart, lineEnd, false, !stream.overflow);
	}
	answer = NEED_MORE;
	return at;
}

/** The end of the line taken last, without its line end. Oddities of the line end are noted. */
export function trimLine(message: Message): usize {
	const at = lines.lineStart;
	const end = lines.lineEnd;
	if (lines.bareCr) note(message, ANOMALY_BARE_CR);
	else if (end > at && load<u8>(end - 1) == 13) return trimCr(message, at, end - 1);
	else if (!lines.truncated) note(message, ANOMALY_BARE_LF);
	return end;
}

/**
 * Reads [from, end) of a body; returns where it stopped. `answer`: BODY for bytes of the body, FRAMING for bytes between
 * its parts, INVALID for bytes that should be framing and are not.
 */
export function readBody(stream: Stream, message: Message, from: usize, end: usize): usize {
	switch (stream.state) {
		case IN_LENGTH:
		case IN_CHUNK_DATA:
			answer = BODY;
			return from + <usize>min<u64>(stream.remaining, end - from);
		case UNTIL_CLOSE:
			answer = BODY;
			return end;
		default: {
			const next = stream.state == IN_CHUNK_SIZE ? chunks.readSize(stream, message, from, end) : chunks.readEnd(stream, message, from);
			answer = chunks.answer;
			return next;
		}
	}
}

/** A body of known length, or a chunk, is over. Returns true if the message is over, too. */
export function endPart(stream: Stream): bool {
	if (stream.state == IN_LENGTH) return true;
	stream.state = IN_CHUNK_END;
	stream.chunkState = 0;
	return false;
}

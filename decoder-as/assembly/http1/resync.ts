// Finds the next head after damage. Bytes are searched line by line, because a start line ends with its line; the end of
// the current line is kept, so that a start line may come in pieces. Whether a start line is accepted depends on where it
// is: a body may contain what looks like one (see mayStand in protocols/http1-search.ts), and the lines after it must look
// like a head.
import { begins, copyBytes, findByte, isDigit, isSpace } from '../memory/bytes';
import { allocate } from '../memory/memory';
import { NO_MESSAGE, Stream } from '../memory/state';
import * as call from '../wire/call';
import { beginsKnownMethod, knownMethodSuffix, readVersion } from './head';

/** At least this much of a line is kept; longer start lines are not found. */
const KEPT: u32 = 8192;
/** Additional room, so that the kept bytes are not moved for each new byte. */
const ROOM: u32 = 16384;

/** Drops the line so far. */
export function clearSearch(stream: Stream): void {
	stream.searchLength = 0;
	stream.searchCall = false;
	stream.searchBlank = false;
}

/** Adds bytes [at, at + length) at the stream's current offset to the current line; `first`: they begin a call. */
export function keepSearchLine(stream: Stream, at: usize, length: u32, first: bool, response: bool): void {
	if (first && stream.searchLength != 0) {
		// A head nearly always begins a call, so the line restarts here, unless the kept bytes may begin a head
		// themselves.
		const line = stream.search;
		const going = stream.searchCall && mayBeStart(line, line + stream.searchLength, response);
		if (!going && mayBeStart(at, at + length, response)) clearLine(stream);
	}
	if (stream.searchLength == 0) {
		stream.searchOffset = stream.next;
		stream.searchTime = call.time;
		stream.searchCall = first;
		stream.searchForced = stream.forced;
		if (stream.spill != NO_MESSAGE) stream.spillTime = stream.spill.endTime;
	}
	if (!makeSearchRoom(stream)) return;
	let from = at;
	let left = length;
	if (left > KEPT) {
		stream.searchOffset += stream.searchLength + left - KEPT;
		from += left - KEPT;
		left = KEPT;
		stream.searchLength = 0;
		stream.searchCall = false;
	} else if (stream.searchLength + left > ROOM) {
		const drop = stream.searchLength + left - KEPT;
		memory.copy(stream.search, stream.search + drop, stream.searchLength - drop);
		stream.searchLength -= drop;
		stream.searchOffset += drop;
		stream.searchCall = false;
	}
	copyBytes(stream.search + stream.searchLength, from, left);
	stream.searchLength += left;
}

/** Whether a line of this length can be kept whole. */
export function fitsSearch(length: u32): bool {
	return length <= KEPT;
}

export function makeSearchRoom(stream: Stream): bool {
	if (stream.search == 0) stream.search = allocate(ROOM);
	return stream.search != 0;
}

/** Takes a byte that can neither end the line nor begin a head. Returns false if it could. */
export function keepMore(stream: Stream, at: usize): bool {
	const byte = <u32>load<u8>(at);
	const length = stream.searchLength;
	if (byte == 10 || byte - 65 < 26 || stream.role == 0 || length == 0 || length == ROOM) return false;
	store<u8>(stream.search + length, <u8>byte);
	stream.searchLength = length + 1;
	stream.skipped++;
	return true;
}

function clearLine(stream: Stream): void {
	stream.searchLength = 0;
	stream.searchBlank = false;
}

/** The line is complete and contained no start line. */
export function passSearchLine(stream: Stream, empty: bool): void {
	stream.searchLength = 0;
	stream.searchBlank = empty;
}

/** Whether [at, end) could be the beginning of a start line. */
export function mayBeStart(at: usize, end: usize, response: bool): bool {
	return response ? begins(at, end, 'HTTP/1.', true) : beginsKnownMethod(at, end);
}

/** Address where a start line begins in the line [at, end) (without line end); 0 if there is none. */
export function findStart(at: usize, end: usize, response: bool): usize {
	return response ? findStatusLine(at, end) : findRequestLine(at, end);
}

function findStatusLine(from: usize, end: usize): usize {
	let at = findByte(from, end, 72);
	while (end - at >= 12) {
		if (begins(at, end, 'HTTP/1.', false) && isDigit(load<u8>(at, 7)) && load<u8>(at, 8) == 32) {
			const plausible = load<u8>(at, 9) >= 49 && load<u8>(at, 9) <= 53 && isDigit(load<u8>(at, 10)) && isDigit(load<u8>(at, 11));
			if (plausible && (end - at == 12 || isSpace(load<u8>(at, 12)))) return at;
		}
		at = findByte(at + 1, end, 72);
	}
	return 0;
}

function findRequestLine(from: usize, end: usize): usize {
	if (end - from < 14) return 0;
	const version = readVersion(end - 8, end);
	if (version >> 8 != 1 || load<u8>(end - 9) != 32) return 0;
	// The second last word is the target; the word before it ends with the method.
	let target = end - 9;
	while (target > from && load<u8>(target - 1) != 32) target--;
	if (target == end - 9 || target - from < 2) return 0;
	const length = knownMethodSuffix(from, target - 1);
	return length == 0 ? 0 : target - 1 - length;
}

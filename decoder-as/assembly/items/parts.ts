// Parts of multipart/x-mixed-replace: each begins after a line with the boundary and ends before the next one (RFC 2046
// section 5.1). The last line end before a boundary does not belong to the part.
import { copyBytes, findLineFeed, isWord, skipSpace, trimSpace } from '../memory/bytes';
import { Items } from '../memory/state';
import { MESSAGE_FLAG_LOST, MESSAGE_KIND_PART } from '../wire/output-layout';
import { GOES_ON, ITEM, NAME_MOST, addData, addMissing, takeOff } from './item';

/** Before the first boundary. */
const OUTSIDE: u8 = 0;
/** After the boundary, in the rest of its line. */
const AFTER_BOUNDARY: u8 = 1;
const IN_HEAD: u8 = 2;
const IN_PART: u8 = 3;
/** After the last boundary. */
const OVER: u8 = 4;
/** After a gap, before the next boundary. */
const LOST: u8 = 5;

/** Why reading stopped: see item.ts. */
export let answer: u32 = GOES_ON;

/** Sets the boundary; false if it is too long. */
export function setBoundary(items: Items, at: usize, length: u32): bool {
	if (length == 0 || length > NAME_MOST - 2) return false;
	const delimiter = delimiterOf(items);
	store<u16>(delimiter, 0x2d2d);
	copyBytes(delimiter + 2, at, length);
	items.delimiterLength = length + 2;
	return true;
}

@inline
function delimiterOf(items: Items): usize {
	return items.names + NAME_MOST * 2;
}

@inline
function lineOf(items: Items): usize {
	return items.names + NAME_MOST;
}

/** Reads [from, end); returns where it stopped. */
export function readParts(items: Items, from: usize, end: usize): usize {
	answer = GOES_ON;
	let at = from;
	while (at < end && answer == GOES_ON) {
		switch (items.state) {
			case OVER:
				return end;
			case AFTER_BOUNDARY:
			case IN_HEAD:
				at = readLine(items, at, end);
				break;
			default:
				at = readContent(items, at, end);
				break;
		}
	}
	return at;
}

/** Reads a line of the head, or the rest of the line with the boundary; returns where it stopped. */
function readLine(items: Items, from: usize, end: usize): usize {
	const feed = findLineFeed(from, end);
	const take = min<u32>(<u32>(feed - from), NAME_MOST - items.lineLength);
	copyBytes(lineOf(items) + items.lineLength, from, take);
	items.lineLength += take;
	if (items.state == AFTER_BOUNDARY && items.lineLength >= 2 && load<u16>(lineOf(items)) == 0x2d2d) {
		items.state = OVER;
		return end;
	}
	if (feed == end) return end;
	endLine(items);
	items.lineLength = 0;
	return feed + 1;
}

function endLine(items: Items): void {
	const line = lineOf(items);
	let end = line + items.lineLength;
	if (end > line && load<u8>(end - 1) == 13) end--;
	if (items.state == AFTER_BOUNDARY) {
		items.state = IN_HEAD;
		items.hasName = false;
	} else if (end == line) {
		items.state = IN_PART;
		items.atLine = true;
		items.taken = 0;
		items.main.begun = true;
		items.main.kind = <u8>MESSAGE_KIND_PART;
	} else if (end - line > 13 && isWord(line, line + 13, 'content-type:')) {
		const value = skipSpace(line + 13, end);
		items.nameLength = <u32>(trimSpace(value, end) - value);
		copyBytes(items.names, value, items.nameLength);
		items.hasName = true;
	}
}

/** Reads bytes of a part, or outside of parts, and looks for the boundary; returns where it stopped. */
function readContent(items: Items, from: usize, end: usize): usize {
	const delimiter = delimiterOf(items);
	let at = from;
	if (items.atLine) {
		while (at < end && items.taken < items.delimiterLength && load<u8>(at) == load<u8>(delimiter + items.taken)) {
			items.taken++;
			at++;
		}
		if (items.taken == items.delimiterLength) {
			endPart(items);
			return at;
		}
		if (at == end) return at;
		items.atLine = false;
		if (items.taken != 0) addContent(items, delimiter, items.taken);
		items.taken = 0;
	}
	const feed = findLineFeed(at, end);
	const next = feed == end ? end : feed + 1;
	addContent(items, at, <u32>(next - at));
	items.atLine = feed != end;
	return next;
}

function addContent(items: Items, at: usize, length: u32): void {
	if (length == 0 || items.state != IN_PART) return;
	// How long the line end is at the end of what has been read.
	const last = at + length - 1;
	if (load<u8>(last) == 10) {
		const before = length > 1 ? load<u8>(last - 1) : items.lastByte;
		items.lineLength = before == 13 && items.main.bytes + length > 1 ? 2 : 1;
	}
	items.lastByte = load<u8>(last);
	addData(items.main, at, length);
}

/** The boundary has been read. */
function endPart(items: Items): void {
	const item = items.main;
	if (items.state == IN_PART) {
		if (item.bytes != 0) takeOff(item, <u32>min<u64>(items.lineLength, item.bytes));
		items.done = item;
		answer = ITEM;
	}
	items.state = AFTER_BOUNDARY;
	items.lineLength = 0;
	items.taken = 0;
}

/** Nothing more of the part will be read: what may have been the beginning of a boundary belongs to it. */
export function endParts(items: Items): void {
	if (items.taken != 0) addContent(items, delimiterOf(items), items.taken);
	items.taken = 0;
}

/** Passes all bytes that were not captured. */
export function passParts(items: Items, length: u64, reason: i32): void {
	answer = GOES_ON;
	if (items.state == OVER) return;
	endParts(items);
	addMissing(items.main, length, reason);
	losePart(items);
}

/** An unknown number of bytes is missing. */
export function loseParts(items: Items): void {
	answer = GOES_ON;
	if (items.state == OVER || items.state == LOST) return;
	endParts(items);
	losePart(items);
}

function losePart(items: Items): void {
	const item = items.main;
	item.kind = <u8>MESSAGE_KIND_PART;
	item.flags |= MESSAGE_FLAG_LOST;
	items.state = LOST;
	items.atLine = false;
	items.taken = 0;
	items.lineLength = 0;
	items.lastByte = 0;
	items.done = item;
	answer = ITEM;
}

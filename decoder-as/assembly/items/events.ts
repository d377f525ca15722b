// Server-sent events, read as a browser does (HTML standard, section 9.2.6): lines end with CR, LF or CRLF, and an empty line
// ends an event, which exists only if it has data.
import { copyBytes, findByte } from '../memory/bytes';
import { Item, Items } from '../memory/state';
import { MESSAGE_FLAG_LOST, MESSAGE_KIND_EVENT } from '../wire/output-layout';
import { GOES_ON, ITEM, NAME_MOST, addData, addMissing, findLineEnd, gathered } from './item';

const AT_LINE: u8 = 0;
const IN_NAME: u8 = 1;
/** After the colon: a space there does not belong to the value. */
const AFTER_COLON: u8 = 2;
const IN_VALUE: u8 = 3;
/** In a line that means nothing. */
const IGNORING: u8 = 4;
/** After a gap: as long as no empty line is seen, the lines belong to an event that is not known. */
const LOST_LINE: u8 = 5;
const LOST_START: u8 = 6;

const NO_FIELD: u8 = 0;
const DATA: u8 = 1;
const EVENT: u8 = 2;
const ID: u8 = 3;

/** The names of fields, as gathered. */
const DATA_NAME: u64 = 0x61746164;
const EVENT_NAME: u64 = 0x746e657665;
const ID_NAME: u64 = 0x6469;
const BYTE_ORDER_MARK: u64 = 0xbfbbef;
/** Longer names are those of no field: `event` after a byte order mark. */
const FIELD_MOST: u32 = 8;

const lineFeed = memory.data<u8>([10]);

/** Why reading stopped: see item.ts. */
export let answer: u32 = GOES_ON;

/** Reads [from, end); returns where it stopped. */
export function readEvents(items: Items, from: usize, end: usize): usize {
	answer = GOES_ON;
	let at = from;
	while (at < end && answer == GOES_ON) {
		const byte = load<u8>(at);
		if (items.afterCr) {
			items.afterCr = false;
			if (byte == 10) {
				at++;
				continue;
			}
		}
		if (byte == 10 || byte == 13) {
			items.afterCr = byte == 13;
			at++;
			endLine(items);
			continue;
		}
		at = readLine(items, at, end);
	}
	return at;
}

/** Reads bytes of a line, at least one; returns where it stopped. */
function readLine(items: Items, at: usize, end: usize): usize {
	switch (items.state) {
		case AT_LINE:
			items.state = IN_NAME;
			items.taken = 0;
			items.gathered0 = 0;
			return at;
		case IN_NAME: {
			const byte = load<u8>(at);
			if (byte == 58) {
				chooseField(items);
				items.state = items.field == NO_FIELD ? IGNORING : AFTER_COLON;
			} else if (items.taken == FIELD_MOST) {
				items.state = IGNORING;
			} else {
				store<u8>(gathered(items) + items.taken, byte);
				items.taken++;
			}
			return at + 1;
		}
		case AFTER_COLON:
			items.state = IN_VALUE;
			return load<u8>(at) == 32 ? at + 1 : at;
		case IN_VALUE: {
			const next = findLineEnd(at, end);
			addValue(items, at, <u32>(next - at));
			return next;
		}
		case LOST_START:
			items.state = LOST_LINE;
			return findLineEnd(at, end);
		default:
			return findLineEnd(at, end);
	}
}

/** The name of the field is complete. */
function chooseField(items: Items): void {
	let name = items.gathered0;
	let length = items.taken;
	if (items.isFirst && length >= 3 && (name & 0xffffff) == BYTE_ORDER_MARK) {
		name >>= 24;
		length -= 3;
	}
	items.field = NO_FIELD;
	if (length == 4 && name == DATA_NAME) {
		const item = items.main;
		items.field = DATA;
		if (item.begun) addData(item, lineFeed, 1);
		item.begun = true;
		item.kind = <u8>MESSAGE_KIND_EVENT;
	} else if (length == 5 && name == EVENT_NAME) {
		items.field = EVENT;
		items.hasName = true;
		items.nameLength = 0;
	} else if (length == 2 && name == ID_NAME) {
		items.field = ID;
		items.hasId = true;
		items.idLength = 0;
	}
}

function addValue(items: Items, at: usize, length: u32): void {
	if (items.field == DATA) {
		addData(items.main, at, length);
		return;
	}
	const isName = items.field == EVENT;
	const before = isName ? items.nameLength : items.idLength;
	const take = min<u32>(length, NAME_MOST - before);
	copyBytes(items.names + (isName ? 0 : NAME_MOST) + before, at, take);
	if (isName) items.nameLength = before + take;
	else items.idLength = before + take;
}

function endLine(items: Items): void {
	switch (items.state) {
		case AT_LINE:
			endEvent(items);
			break;
		case LOST_LINE:
			items.state = LOST_START;
			return;
		case IN_NAME:
			// A line without a colon is a name with an empty value.
			chooseField(items);
			break;
		default:
			break;
	}
	if (items.field == ID && hasNul(items)) items.hasId = false;
	items.field = NO_FIELD;
	items.isFirst = false;
	items.state = AT_LINE;
}

/** An id with a NUL is ignored. */
function hasNul(items: Items): bool {
	const id = items.names + NAME_MOST;
	return findByte(id, id + items.idLength, 0) != id + items.idLength;
}

function endEvent(items: Items): void {
	if (items.main.begun) {
		items.done = items.main;
		answer = ITEM;
	} else {
		items.hasName = false;
		items.hasId = false;
	}
}

/** Nothing more of the event will be read: a name or an id of which only the beginning was seen is not known. */
export function endEvents(items: Items): void {
	if (items.field == EVENT) items.hasName = false;
	else if (items.field == ID) items.hasId = false;
}

/** Passes all bytes that were not captured. What was seen of an event is an item, and so is what is missing. */
export function passEvents(items: Items, length: u64, reason: i32): void {
	const item = items.main;
	item.kind = <u8>MESSAGE_KIND_EVENT;
	addMissing(item, length, reason);
	loseEvent(items, item);
}

/** An unknown number of bytes is missing. */
export function loseEvents(items: Items): void {
	answer = GOES_ON;
	// It is known already that the current event is not known.
	if (items.state != LOST_LINE && items.state != LOST_START) loseEvent(items, items.main);
}

function loseEvent(items: Items, item: Item): void {
	endEvents(items);
	item.kind = <u8>MESSAGE_KIND_EVENT;
	item.flags |= MESSAGE_FLAG_LOST;
	items.done = item;
	items.state = LOST_LINE;
	items.afterCr = false;
	items.field = NO_FIELD;
	answer = ITEM;
}

// Lines of JSON (NDJSON, JSON Lines): each line that is not empty is an item.
import { findLineFeed } from '../memory/bytes';
import { Items } from '../memory/state';
import { MESSAGE_FLAG_LOST, MESSAGE_KIND_TEXT } from '../wire/output-layout';
import { GOES_ON, ITEM, addData, addMissing, clearItem, takeOff } from './item';

const IN_LINE: u8 = 0;
/** After a gap: the rest of the line is not known. */
const LOST_LINE: u8 = 1;

/** Why reading stopped: see item.ts. */
export let answer: u32 = GOES_ON;

/** Reads [from, end); returns where it stopped. */
export function readLines(items: Items, from: usize, end: usize): usize {
	answer = GOES_ON;
	const feed = findLineFeed(from, end);
	const next = feed == end ? end : feed + 1;
	if (items.state == LOST_LINE) {
		if (feed != end) items.state = IN_LINE;
		return next;
	}
	const item = items.main;
	item.kind = <u8>MESSAGE_KIND_TEXT;
	if (feed != from) {
		addData(item, from, <u32>(feed - from));
		items.lastByte = load<u8>(feed - 1);
	}
	if (feed != end) endLine(items);
	return next;
}

function endLine(items: Items): void {
	const item = items.main;
	if (item.bytes != 0 && items.lastByte == 13) takeOff(item, 1);
	if (item.bytes == 0) {
		clearItem(item);
		return;
	}
	items.done = item;
	answer = ITEM;
}

/** Passes all bytes that were not captured. */
export function passLines(items: Items, length: u64, reason: i32): void {
	addMissing(items.main, length, reason);
	loseLine(items);
}

/** An unknown number of bytes is missing. */
export function loseLines(items: Items): void {
	answer = GOES_ON;
	if (items.state != LOST_LINE) loseLine(items);
}

function loseLine(items: Items): void {
	const item = items.main;
	item.kind = <u8>MESSAGE_KIND_TEXT;
	item.flags |= MESSAGE_FLAG_LOST;
	items.state = LOST_LINE;
	items.done = item;
	answer = ITEM;
}

// Messages of gRPC: each follows a prefix of five bytes, a flag and a length. gRPC-Web sends trailers in the same form.
import { Items } from '../memory/state';
import { MESSAGE_FLAG_TRAILERS, MESSAGE_KIND_GRPC } from '../wire/output-layout';
import { GOES_ON, ITEM, LOST, NOT_VALID, addData, addMissing, gathered } from './item';

const IN_PREFIX: u8 = 0;
const IN_MESSAGE: u8 = 1;

const PREFIX_BYTES: u32 = 5;
const COMPRESSED: u8 = 1;
const TRAILERS: u8 = 128;

/** Why reading stopped: see item.ts. */
export let answer: u32 = GOES_ON;

/** Reads [from, end); returns where it stopped. */
export function readMessages(items: Items, from: usize, end: usize): usize {
	answer = GOES_ON;
	let at = from;
	if (items.state == IN_MESSAGE) {
		const length = <u32>min<u64>(items.left, end - at);
		addData(items.main, at, length);
		items.left -= length;
		if (items.left == 0) endItem(items);
		return at + length;
	}
	while (at < end && items.taken < PREFIX_BYTES) store<u8>(gathered(items) + items.taken++, load<u8>(at++));
	if (items.taken == PREFIX_BYTES) beginItem(items);
	return at;
}

function beginItem(items: Items): void {
	const at = gathered(items);
	const flags = load<u8>(at);
	const item = items.main;
	items.taken = 0;
	items.left = bswap<u32>(load<u32>(at, 1));
	if (flags & ~(COMPRESSED | TRAILERS)) {
		answer = NOT_VALID;
		return;
	}
	item.begun = true;
	item.kind = <u8>MESSAGE_KIND_GRPC;
	if (flags & COMPRESSED) item.coding = items.coding;
	if (flags & TRAILERS) item.flags |= MESSAGE_FLAG_TRAILERS;
	items.state = IN_MESSAGE;
	if (items.left == 0) endItem(items);
}

function endItem(items: Items): void {
	items.state = IN_PREFIX;
	items.done = items.main;
	answer = ITEM;
}

/** Passes bytes that were not captured; returns how many of `length`. */
export function passMessages(items: Items, length: u64, reason: i32): u64 {
	answer = GOES_ON;
	if (items.state != IN_MESSAGE) {
		answer = LOST;
		return length;
	}
	const taken = min<u64>(length, items.left);
	addMissing(items.main, taken, reason);
	items.left -= taken;
	if (items.left == 0) endItem(items);
	return taken;
}

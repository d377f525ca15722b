// Frames of WebSocket (RFC 6455): unmasks them, joins the fragments of a message, and answers each message and each control
// frame as an item. Compressed messages (RFC 7692) are joined as they are.
import { Item, Items } from '../memory/state';
import {
	MESSAGE_CODING_DEFLATE,
	MESSAGE_KIND_BINARY,
	MESSAGE_KIND_CLOSE,
	MESSAGE_KIND_PING,
	MESSAGE_KIND_PONG,
	MESSAGE_KIND_TEXT,
} from '../wire/output-layout';
import { GOES_ON, ITEM, LOST, NOT_VALID, addData, addMissing, gathered, held } from './item';

const IN_HEADER: u8 = 0;
const IN_PAYLOAD: u8 = 1;

const CONTINUES: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
/** The longest payload of a control frame. */
const CONTROL_MOST: u64 = 125;

/** Why reading stopped: see item.ts. */
export let answer: u32 = GOES_ON;

/** Reads [from, end); returns where it stopped. */
export function readFrames(items: Items, from: usize, end: usize): usize {
	answer = GOES_ON;
	if (items.state == IN_PAYLOAD) return readPayload(items, from, end);
	let at = from;
	while (at < end) {
		store<u8>(gathered(items) + items.taken, load<u8>(at++));
		items.taken++;
		if (items.taken < 2 || items.taken != headerLength(items)) continue;
		beginFrame(items);
		break;
	}
	return at;
}

/** Length of the header whose first two bytes are known. */
function headerLength(items: Items): u32 {
	const second = load<u8>(gathered(items), 1);
	const length = second & 127;
	return 2 + (length == 126 ? 2 : length == 127 ? 8 : 0) + (second & 128 ? 4 : 0);
}

/** The header is complete. */
function beginFrame(items: Items): void {
	const at = gathered(items);
	const first = load<u8>(at);
	const short = load<u8>(at, 1) & 127;
	items.taken = 0;
	items.opcode = first & 15;
	items.isLast = (first & 128) != 0;
	items.isMasked = (load<u8>(at, 1) & 128) != 0;
	items.left = short == 126 ? bswap<u16>(load<u16>(at, 2)) : short == 127 ? bswap<u64>(load<u64>(at, 2)) : short;
	if (items.isMasked) items.mask = load<u32>(at + (short == 126 ? 4 : short == 127 ? 10 : 2));
	items.maskAt = 0;
	if (!isValid(items, first)) {
		answer = NOT_VALID;
		return;
	}
	const item = itemOf(items);
	if (items.opcode != CONTINUES) item.kind = kindOf(items.opcode);
	if (first & 64) item.coding = <u8>MESSAGE_CODING_DEFLATE;
	item.begun = true;
	items.state = IN_PAYLOAD;
	if (items.left == 0) endFrame(items);
}

/** Whether both ends would accept the frame (RFC 6455 section 5). */
function isValid(items: Items, first: u8): bool {
	const opcode = items.opcode;
	if (items.left >> 63 != 0 || (first & 48) != 0) return false;
	if (opcode >= CLOSE) return opcode <= PONG && items.isLast && items.left <= CONTROL_MOST && (first & 64) == 0;
	if (opcode > BINARY || (opcode == CONTINUES) != items.main.begun) return false;
	return (first & 64) == 0 || (items.mayDeflate && opcode != CONTINUES);
}

/** The item that the frame belongs to: control frames may come between the fragments of a message. */
@inline
function itemOf(items: Items): Item {
	return items.opcode >= CLOSE ? items.control : items.main;
}

function kindOf(opcode: u8): u8 {
	switch (opcode) {
		case TEXT:
			return <u8>MESSAGE_KIND_TEXT;
		case BINARY:
			return <u8>MESSAGE_KIND_BINARY;
		case CLOSE:
			return <u8>MESSAGE_KIND_CLOSE;
		case PING:
			return <u8>MESSAGE_KIND_PING;
		default:
			return <u8>MESSAGE_KIND_PONG;
	}
}

function readPayload(items: Items, at: usize, end: usize): usize {
	const length = <u32>min<u64>(items.left, end - at);
	const to = addData(itemOf(items), at, length);
	if (items.isMasked) {
		unmask(to, held, rotr<u32>(items.mask, items.maskAt * 8));
		items.maskAt = (items.maskAt + length) & 3;
	}
	items.left -= length;
	if (items.left == 0) endFrame(items);
	return at + length;
}

/** `mask`: the key, whose lowest byte applies to the first one. */
function unmask(from: usize, length: u32, mask: u32): void {
	let at = from;
	const end = from + length;
	const wide = i32x4.splat(mask);
	for (; at + 16 <= end; at += 16) v128.store(at, v128.xor(v128.load(at), wide));
	for (let i: u32 = 0; at < end; at++, i += 8) store<u8>(at, load<u8>(at) ^ <u8>(mask >> (i & 31)));
}

function endFrame(items: Items): void {
	items.state = IN_HEADER;
	if (!items.isLast) return;
	items.done = itemOf(items);
	answer = ITEM;
}

/** Passes bytes that were not captured; returns how many of `length`. */
export function passFrames(items: Items, length: u64, reason: i32): u64 {
	answer = GOES_ON;
	if (items.state != IN_PAYLOAD) {
		answer = LOST;
		return length;
	}
	const taken = min<u64>(length, items.left);
	addMissing(itemOf(items), taken, reason);
	items.maskAt = (items.maskAt + <u32>(taken & 3)) & 3;
	items.left -= taken;
	if (items.left == 0) endFrame(items);
	return taken;
}

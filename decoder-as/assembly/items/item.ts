// The items of a stream (rows of table `messages`), one at a time: what is held of each, and what a framer answers. A framer
// reads bytes, or passes bytes that were not captured; it knows neither rows nor connections.
import { copyBytes } from '../memory/bytes';
import { CHECKED } from '../memory/checks';
import { allocate, allocateZeroed, enlarge, release } from '../memory/memory';
import { bodyLimit } from '../memory/settings';
import { Item, Items, NO_ITEM, NO_ITEMS } from '../memory/state';
import { MESSAGE_CODING_NONE, MESSAGE_FLAG_GAPPED } from '../wire/output-layout';

/** What kind of items a stream consists of. */
export const FORM_EVENTS: u8 = 1;
export const FORM_GRPC: u8 = 2;
export const FORM_WEBSOCKET: u8 = 3;
export const FORM_LINES: u8 = 4;
export const FORM_PARTS: u8 = 5;
/** Compressed bytes: see rows/coded-items.ts. */
export const FORM_CODED: u8 = 6;

/** A framer's answers: the item goes on; `items.done` is complete; the bytes are not what was expected; bytes that were needed are missing. */
export const GOES_ON: u32 = 0;
export const ITEM: u32 = 1;
export const NOT_VALID: u32 = 2;
export const LOST: u32 = 3;

/** Maximum bytes kept of the name and of the id of an event. */
export const NAME_MOST: u32 = 256;
/** Bytes of `Items.names`. */
const NAMES_BYTES: u32 = NAME_MOST * 3;
/** A larger buffer is freed after its item. */
const KEPT_CAPACITY: u32 = 4096;
/** A compressed item is held up to this length, because its beginning alone cannot be decompressed. */
const COMPRESSED_MOST: u64 = 1 << 20;

/** NO_ITEMS if there is no memory. */
export function newItems(form: u8, direction: u8): Items {
	const items = changetype<Items>(allocateZeroed(offsetof<Items>()));
	if (items == NO_ITEMS) return items;
	items.form = form;
	items.direction = direction;
	items.isFirst = true;
	items.atLine = true;
	items.main = newItem();
	const named = form == FORM_EVENTS || form == FORM_PARTS;
	if (named) items.names = allocate(NAMES_BYTES);
	if (form == FORM_WEBSOCKET) items.control = newItem();
	if (items.main != NO_ITEM && (!named || items.names != 0) && (form != FORM_WEBSOCKET || items.control != NO_ITEM)) return items;
	freeItems(items);
	return NO_ITEMS;
}

function newItem(): Item {
	return changetype<Item>(allocateZeroed(offsetof<Item>()));
}

export function freeItems(items: Items): void {
	freeItem(items.main);
	freeItem(items.control);
	release(items.names);
	release(changetype<usize>(items));
}

function freeItem(item: Item): void {
	if (item == NO_ITEM) return;
	release(item.data);
	release(changetype<usize>(item));
}

/** The item has been written: the next one may begin. */
export function clearItem(item: Item): void {
	item.begun = false;
	item.flags = 0;
	item.coding = <u8>MESSAGE_CODING_NONE;
	item.bytes = 0;
	item.dataLength = 0;
	item.limited = 0;
	item.noMemory = 0;
	item.missing = 0;
	if (item.dataCapacity > KEPT_CAPACITY) freeData(item);
}

function freeData(item: Item): void {
	release(item.data);
	item.data = 0;
	item.dataLength = 0;
	item.dataCapacity = 0;
}

/** Frees what is held of the item to make room. */
export function dropItem(item: Item): void {
	if (item == NO_ITEM) return;
	item.noMemory += item.dataLength;
	freeData(item);
}

/** Adds `length` bytes at `at` to the item; returns where the held ones are, and how many in `held`. */
export function addData(item: Item, at: usize, length: u32): usize {
	item.begun = true;
	item.bytes += length;
	const most = item.coding == MESSAGE_CODING_NONE || bodyLimit == 0 ? bodyLimit : max<u64>(bodyLimit, COMPRESSED_MOST);
	const room = most > <u64>item.dataLength ? most - item.dataLength : 0;
	let take: u32 = item.noMemory != 0 ? 0 : <u32>min<u64>(length, room);
	if (take > item.dataCapacity - item.dataLength && !growData(item, take)) take = 0;
	held = take;
	if (take != length) {
		if (<u64>take == room) item.limited += length - take;
		else item.noMemory += length - take;
		if (take == 0) return 0;
	}
	if (item.missing != 0) item.flags |= MESSAGE_FLAG_GAPPED;
	const to = item.data + item.dataLength;
	copyBytes(to, at, take);
	item.dataLength += take;
	if (CHECKED) checkItem(item);
	return to;
}

/** How many bytes addData() held. */
export let held: u32 = 0;

function growData(item: Item, more: u32): bool {
	const needed = <u64>item.dataLength + more;
	if (needed > 0x70000000) return false;
	const capacity = max<u32>(<u32>needed + (item.dataLength >> 1), 64);
	const data = item.data == 0 ? allocate(capacity) : enlarge(item.data, item.dataLength, capacity);
	if (data == 0) return false;
	item.data = data;
	item.dataCapacity = capacity;
	return true;
}

/** `length` bytes of the item were not captured (UNHELD_*). */
export function addMissing(item: Item, length: u64, reason: i32): void {
	item.begun = true;
	item.bytes += length;
	item.missing += length;
	item.missingReason = reason;
	if (CHECKED) checkItem(item);
}

/** Removes the last `length` bytes of the item, which do not belong to it. */
export function takeOff(item: Item, length: u32): void {
	if (CHECKED) assert(<u64>length <= item.bytes, 'bytes removed from an item were added to it');
	item.bytes -= length;
	const limited = min<u64>(item.limited, length);
	item.limited -= limited;
	const noMemory = min<u64>(item.noMemory, length - limited);
	item.noMemory -= noMemory;
	item.dataLength -= <u32>(length - limited - noMemory);
	if (CHECKED) checkItem(item);
}

/** Checks an item; debug build. */
export function checkItem(item: Item): void {
	assert(item.dataLength <= item.dataCapacity, 'an item lies in its block');
	assert(item.dataLength + item.limited + item.noMemory + item.missing == item.bytes, 'a byte of an item is held or counted as not held');
}

/** Address of the first CR or LF in [from, end), or `end`. */
export function findLineEnd(from: usize, end: usize): usize {
	let at = from;
	while (at + 16 <= end) {
		const chunk = v128.load(at);
		const mask = i8x16.bitmask(v128.or(i8x16.eq(chunk, i8x16.splat(10)), i8x16.eq(chunk, i8x16.splat(13))));
		if (mask != 0) return at + ctz<u32>(mask);
		at += 16;
	}
	while (at < end && load<u8>(at) != 10 && load<u8>(at) != 13) at++;
	return at;
}

/** Address of the bytes being gathered. */
@inline
export function gathered(items: Items): usize {
	return changetype<usize>(items) + offsetof<Items>('gathered0');
}

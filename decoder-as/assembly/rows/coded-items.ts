// Bodies with items whose content is compressed. The host decompresses them: compressed bytes are given out and come back
// decompressed with the time of the call that completed them. Those of gzip and deflate are gathered up to where the sender
// has flushed its compressor (RFC 1951: an empty stored block, which ends with 00 00 FF FF); others do not show that.
import { FORM_CODED, addData, clearItem, freeItems, newItems } from '../items/item';
import { copyBytes } from '../memory/bytes';
import { allocateZeroed, release } from '../memory/memory';
import { reserve } from '../memory/output';
import { NO_CODED, NO_ITEMS, Coded, Items } from '../memory/state';
import * as call from '../wire/call';
import {
	CODED_CODING,
	CODED_DATA,
	CODED_FIXED_BYTES,
	CODED_FLAGS,
	CODED_FLAG_FAILED,
	CODED_FLAG_FIRST,
	CODED_FLAG_LOST,
	CODED_ID,
	CODED_TIME,
	ENTRY_CODED,
	MESSAGE_CODING_GZIP,
	MESSAGE_CODING_ZLIB,
} from '../wire/output-layout';

/** What a flush ends with, as a number. */
const FLUSHED: u32 = 0xffff0000;

let first: Coded = NO_CODED;
let lastId: u32 = 0;

/** The compressed bytes of a body whose decompressed ones are `items`; NO_ITEMS if there is no memory. */
export function newCoded(items: Items, coding: u8): Items {
	const outer = newItems(FORM_CODED, items.direction);
	const coded = changetype<Coded>(allocateZeroed(offsetof<Coded>()));
	if (outer == NO_ITEMS || coded == NO_CODED) {
		if (outer != NO_ITEMS) freeItems(outer);
		release(changetype<usize>(coded));
		return NO_ITEMS;
	}
	coded.id = ++lastId;
	coded.coding = coding;
	coded.items = items;
	coded.next = first;
	first = coded;
	outer.coded = coded;
	// Not limited like the content of an item.
	outer.main.coding = coding;
	return outer;
}

/** Takes compressed bytes. */
export function feedCoded(outer: Items, at: usize, length: u32): void {
	const item = outer.main;
	addData(item, at, length);
	if (item.limited + item.noMemory != 0 || !isDeflated(outer.coded.coding)) handOut(outer, 0);
	else if (item.dataLength >= 4 && load<u32>(item.data + item.dataLength - 4) == FLUSHED) handOut(outer, 0);
}

@inline
function isDeflated(coding: u8): bool {
	return coding == <u8>MESSAGE_CODING_GZIP || coding == <u8>MESSAGE_CODING_ZLIB;
}

/** Gives the gathered bytes to the host. CODED_FLAG_*: what happened after them. */
export function handOut(outer: Items, flags: u32): void {
	const coded = outer.coded;
	const item = outer.main;
	let given = flags | (coded.begun ? 0 : CODED_FLAG_FIRST);
	if (item.limited + item.noMemory != 0) given |= CODED_FLAG_LOST;
	let bytes = item.dataLength;
	let entry = reserve(ENTRY_CODED, CODED_FIXED_BYTES, CODED_FIXED_BYTES + bytes);
	if (entry == 0) {
		bytes = 0;
		given |= CODED_FLAG_LOST;
		entry = reserve(ENTRY_CODED, CODED_FIXED_BYTES, CODED_FIXED_BYTES);
	}
	if (entry != 0) {
		store<u32>(entry, coded.id, CODED_ID);
		store<u32>(entry, coded.coding, CODED_CODING);
		store<u32>(entry, given, CODED_FLAGS);
		store<u64>(entry, call.time, CODED_TIME);
		copyBytes(entry + CODED_FIXED_BYTES, item.data, bytes);
		store<u32>(entry, CODED_FIXED_BYTES, CODED_DATA);
		store<u32>(entry, bytes, CODED_DATA + 4);
	}
	coded.begun = true;
	clearItem(item);
	item.coding = coded.coding;
	if (entry == 0 || given & CODED_FLAG_LOST) outer.broken = true;
}

export function findCoded(id: u32): Coded {
	let coded = first;
	while (coded != NO_CODED && coded.id != id) coded = coded.next;
	return coded;
}

/** Everything of the body has been decompressed. */
export function removeCoded(coded: Coded): void {
	if (first == coded) {
		first = coded.next;
	} else {
		let before = first;
		while (before.next != coded) before = before.next;
		before.next = coded.next;
	}
	release(changetype<usize>(coded));
}

/** Whether the answer says that the rest cannot be read. */
@inline
export function isLost(flags: u32): bool {
	return (flags & (CODED_FLAG_LOST | CODED_FLAG_FAILED)) != 0;
}

// The items of bodies and of WebSocket: which bodies contain items, and their rows of table `messages`.
import { beginsWord, copyBytes, findByte, isWord, skipSpace, trimSpace } from '../memory/bytes';
import { CHECKED } from '../memory/checks';
import * as loss from '../memory/loss';
import { allocate, allocateZeroed, release } from '../memory/memory';
import { reserve, takeBack } from '../memory/output';
import {
	NOT_WATCHED,
	NO_CODED,
	NO_EXCHANGE,
	NO_HELD_ITEM,
	NO_ITEM,
	NO_ITEMS,
	NO_ITEM_ROW,
	NO_MESSAGE,
	NO_STREAM,
	UNWATCHED,
	WATCHED,
	Exchange,
	HeldItem,
	Item,
	ItemRow,
	Items,
	Message,
} from '../memory/state';
import * as events from '../items/events';
import * as grpc from '../items/grpc';
import {
	FORM_CODED,
	FORM_EVENTS,
	FORM_GRPC,
	FORM_LINES,
	FORM_PARTS,
	FORM_WEBSOCKET,
	GOES_ON,
	ITEM,
	LOST,
	NAME_MOST,
	NOT_VALID,
	checkItem,
	clearItem,
	dropItem,
	freeItems,
	newItems,
} from '../items/item';
import * as lines from '../items/lines';
import * as parts from '../items/parts';
import * as websocket from '../items/websocket';
import * as call from '../wire/call';
import { LOSS_OUTPUT_DROPPED } from '../wire/capture-event';
import { wallMicroseconds } from '../wire/clock';
import {
	CODED_FLAG_END,
	CODED_FLAG_FAILED,
	CODED_FLAG_LOST,
	CODED_FLAG_PROPERLY,
	ENTRY_MESSAGE,
	HEADER_BYTES,
	HEADER_NAME_LENGTH,
	HEADER_NAME_OFFSET,
	HEADER_VALUE_LENGTH,
	HEADER_VALUE_OFFSET,
	MESSAGE_BYTES,
	MESSAGE_CODING,
	MESSAGE_CODING_BROTLI,
	MESSAGE_CODING_GZIP,
	MESSAGE_CODING_NONE,
	MESSAGE_CODING_OTHER,
	MESSAGE_CODING_ZLIB,
	MESSAGE_CODING_ZSTD,
	MESSAGE_DATA,
	MESSAGE_DIRECTION,
	MESSAGE_EVENT,
	MESSAGE_EVENT_ID,
	MESSAGE_EXCHANGE,
	MESSAGE_FIXED_BYTES,
	MESSAGE_FLAGS,
	MESSAGE_FLAG_AFTER_DROPPED,
	MESSAGE_FLAG_CODED,
	MESSAGE_FLAG_INVALID,
	MESSAGE_FLAG_LOST,
	MESSAGE_FLAG_UNENDED,
	MESSAGE_KIND,
	MESSAGE_LIMITED,
	MESSAGE_MISSING,
	MESSAGE_MISSING_REASON,
	MESSAGE_NO_MEMORY,
	MESSAGE_SEQ,
	MESSAGE_TS,
	REASON_BYTES_LOST,
	UNHELD_LOST,
} from '../wire/output-layout';
import { feedCoded, findCoded, handOut, isLost, newCoded, removeCoded } from './coded-items';

/** Maximum number of items of an exchange that wait for its id. */
const HELD_MOST: u32 = 1000;
/** Where the entry begins after a HeldItem. */
const HELD_BYTES: u32 = (offsetof<HeldItem>() + 7) & ~7;

// ---- Which bodies contain items -------------------------------------------------------------------------------------

/** The value of the field found last. */
let valueStart: usize = 0;
let valueEnd: usize = 0;

/** Finds the first field called `name` (in lower case). */
function findField(message: Message, name: string): bool {
	const length = <u32>name.length;
	let field = message.fields;
	for (let i: u32 = 0; i < message.fieldCount; i++, field += HEADER_BYTES) {
		if (load<u32>(field, HEADER_NAME_LENGTH) != length) continue;
		const at = message.head + load<u32>(field, HEADER_NAME_OFFSET);
		if (!isWord(at, at + length, name)) continue;
		valueStart = message.head + load<u32>(field, HEADER_VALUE_OFFSET);
		valueEnd = valueStart + load<u32>(field, HEADER_VALUE_LENGTH);
		return true;
	}
	return false;
}

/** Whether the value begins with this media type. `more`: a byte that may follow, besides the usual ones. */
function isType(word: string, more: u8): bool {
	const length = <u32>word.length;
	if (<u32>(valueEnd - valueStart) < length || !beginsWord(valueStart, valueStart + length, word)) return false;
	if (<u32>(valueEnd - valueStart) == length) return true;
	const next = load<u8>(valueStart + length);
	return next == 59 || next == 32 || next == 9 || next == more;
}

/** Whether the content type found last may be one of those below, judging by a few of its letters. */
function mayHaveItems(): bool {
	const length = <u32>(valueEnd - valueStart);
	if (length < 16) return false;
	const first = load<u8>(valueStart) | 32;
	// text/e…, multipart/…
	if (first == 116) return (load<u8>(valueStart, 5) | 32) == 101;
	if (first != 97) return first == 109;
	// application/g…, n…, x…, but not application/json.
	const next = load<u8>(valueStart, 12) | 32;
	return next == 103 || next == 110 || next == 120 || (next == 106 && length > 16 && (load<u8>(valueStart, 16) | 32) == 108);
}

/** FORM_* of the message's body; 0: it contains no items. */
function formOf(message: Message): u8 {
	if (isSocket(message)) return FORM_WEBSOCKET;
	if (!findField(message, 'content-type') || !mayHaveItems()) return 0;
	if (isType('application/grpc', 43) || isType('application/grpc-web', 43)) return FORM_GRPC;
	const isLines =
		isType('application/x-ndjson', 0) || isType('application/ndjson', 0) || isType('application/jsonl', 0) ||
		isType('application/x-jsonlines', 0) || isType('application/jsonlines', 0);
	if (isLines) return FORM_LINES;
	if (!message.isResponse) return 0;
	if (isType('text/event-stream', 0)) return FORM_EVENTS;
	return isType('multipart/x-mixed-replace', 0) ? FORM_PARTS : 0;
}

/** Whether the body is a WebSocket in a stream of HTTP/2 (RFC 8441). */
function isSocket(message: Message): bool {
	const request = message.isResponse ? message.exchange.request : message;
	if (request == NO_MESSAGE || !request.isConnect || message.exchange.streamId == 0) return false;
	if (message.isResponse && (message.status < 200 || message.status > 299)) return false;
	return findField(request, ':protocol') && isWord(valueStart, valueEnd, 'websocket');
}

/** Whether the content is coded, so that its items cannot be read here. */
function isCoded(message: Message): bool {
	return findField(message, 'content-encoding') && valueEnd != valueStart && !isWord(valueStart, valueEnd, 'identity');
}

/** MESSAGE_CODING_* of compressed messages of gRPC. */
function codingOf(message: Message): u8 {
	if (!findField(message, 'grpc-encoding')) return <u8>MESSAGE_CODING_OTHER;
	if (isWord(valueStart, valueEnd, 'gzip')) return <u8>MESSAGE_CODING_GZIP;
	return <u8>(isWord(valueStart, valueEnd, 'deflate') ? MESSAGE_CODING_ZLIB : MESSAGE_CODING_OTHER);
}

/** The first bytes of a body arrive: decides whether it contains items. */
function decide(message: Message): void {
	message.watch = NOT_WATCHED;
	const exchange = message.exchange;
	if (exchange == NO_EXCHANGE || message.unclear || message.odd) return;
	const form = formOf(message);
	if (form == 0) return;
	const connection = exchange.connection;
	const stream = message.isResponse ? connection.responses : connection.requests;
	if (stream == NO_STREAM) return;
	const items = beginItems(exchange, form, stream.direction);
	if (items == NO_ITEMS) return;
	if (form == FORM_PARTS && !readBoundary(message, items)) {
		leaveItems(items);
		return;
	}
	items.mayDeflate = true;
	items.coding = codingOf(message);
	message.items = form != FORM_GRPC && isCoded(message) ? asCoded(items) : items;
	message.watch = WATCHED;
	// Bytes between its head and these may be missing.
	if (message.damage == REASON_BYTES_LOST) loseItems(items);
}

/** The value found last is a content coding. What cannot be decompressed has a row that says so, and no others. */
function asCoded(items: Items): Items {
	const coding = contentCoding();
	const outer = coding == MESSAGE_CODING_NONE ? NO_ITEMS : newCoded(items, <u8>coding);
	if (outer == NO_ITEMS) {
		breakItems(items, MESSAGE_FLAG_CODED);
		return items;
	}
	outer.row = items.row;
	outer.row.references++;
	return outer;
}

/** MESSAGE_CODING_* of the content coding that was found last; MESSAGE_CODING_NONE for others, and for several. */
function contentCoding(): i32 {
	if (isWord(valueStart, valueEnd, 'gzip') || isWord(valueStart, valueEnd, 'x-gzip')) return MESSAGE_CODING_GZIP;
	if (isWord(valueStart, valueEnd, 'deflate')) return MESSAGE_CODING_ZLIB;
	if (isWord(valueStart, valueEnd, 'br')) return MESSAGE_CODING_BROTLI;
	return isWord(valueStart, valueEnd, 'zstd') ? MESSAGE_CODING_ZSTD : MESSAGE_CODING_NONE;
}

/** The host has decompressed bytes of a body: [from, from + length). CODED_FLAG_*: what comes after them. */
export function takeDecoded(id: u32, flags: u32, time: u64, from: usize, length: u32): void {
	const coded = findCoded(id);
	if (coded == NO_CODED) return;
	const items = coded.items;
	const before = call.setTime(time);
	feedItems(items, from, length);
	if (isLost(flags)) breakItems(items, flags & CODED_FLAG_FAILED ? MESSAGE_FLAG_CODED : MESSAGE_FLAG_LOST);
	if (flags & CODED_FLAG_END) {
		endItems(items, (flags & CODED_FLAG_PROPERLY) != 0);
		leaveItems(items);
		removeCoded(coded);
	}
	call.setTime(before);
}

/** Reads the parameter `boundary` of the content type. */
function readBoundary(message: Message, items: Items): bool {
	if (!findField(message, 'content-type')) return false;
	let at = findByte(valueStart, valueEnd, 59);
	while (at < valueEnd) {
		const name = skipSpace(at + 1, valueEnd);
		const next = findByte(name, valueEnd, 59);
		const equal = findByte(name, next, 61);
		if (equal != next && isWord(name, trimSpace(name, equal), 'boundary')) {
			let from = skipSpace(equal + 1, next);
			let end = trimSpace(from, next);
			if (end - from >= 2 && load<u8>(from) == 34) {
				from++;
				end = findByte(from, valueEnd, 34);
			}
			// Some servers give the boundary with its hyphens.
			if (end - from > 2 && load<u16>(from) == 0x2d2d) from += 2;
			return parts.setBoundary(items, from, <u32>(end - from));
		}
		at = next;
	}
	return false;
}

/** Begins to read items of the exchange; NO_ITEMS if there is no memory. */
export function beginItems(exchange: Exchange, form: u8, direction: u8): Items {
	const items = newItems(form, direction);
	if (items == NO_ITEMS) return items;
	if (exchange.itemRow == NO_ITEM_ROW) {
		const row = changetype<ItemRow>(allocateZeroed(offsetof<ItemRow>()));
		if (row == NO_ITEM_ROW) {
			freeItems(items);
			return NO_ITEMS;
		}
		row.id = exchange.id;
		row.references = 1;
		exchange.itemRow = row;
	}
	items.row = exchange.itemRow;
	items.row.references++;
	return items;
}

/** Whether compressed messages were agreed on in the head of the response. */
export function agreesToDeflate(response: Message): bool {
	if (!findField(response, 'sec-websocket-extensions')) return false;
	let at = valueStart;
	for (; at + 18 <= valueEnd; at++) if (beginsWord(at, at + 18, 'permessage-deflate')) return true;
	return false;
}

// ---- Bytes of bodies --------------------------------------------------------------------------------------------------

/** Bytes of a body that may contain items. */
export function watch(message: Message, at: usize, length: u32): void {
	if (message.watch == UNWATCHED && message.headed) decide(message);
	if (message.watch != WATCHED) return;
	if (message.unclear) breakItems(message.items, MESSAGE_FLAG_INVALID);
	else feedItems(message.items, at, length);
}

/** Bytes of a body that were not captured. */
export function passWatched(message: Message, length: u64, reason: i32): void {
	if (message.watch == UNWATCHED && message.headed) decide(message);
	if (message.watch == WATCHED) passItems(message.items, length, reason);
}

/** It is not known whether bytes of the body are missing here. */
export function doubtItems(message: Message): void {
	if (message.watch == WATCHED) loseItems(message.items);
}

/** The body has ended. */
export function endWatched(message: Message): void {
	if (message.watch == WATCHED) endItems(message.items, message.damage == 0);
}

/** Nobody reads the message any more. */
export function leaveWatched(message: Message): void {
	const items = message.items;
	if (items == NO_ITEMS) return;
	message.items = NO_ITEMS;
	message.watch = NOT_WATCHED;
	endItems(items, message.ended && message.damage == 0);
	leaveItems(items);
}

/** Frees what is held of open items to make room. */
export function dropItems(items: Items): void {
	if (items == NO_ITEMS) return;
	dropItem(items.main);
	dropItem(items.control);
}

// ---- Items ------------------------------------------------------------------------------------------------------------

/** Takes bytes of the stream of items. */
export function feedItems(items: Items, from: usize, length: u32): void {
	let at = from;
	const end = from + length;
	while (at < end && !items.broken) {
		let answer: u32;
		switch (items.form) {
			case FORM_EVENTS:
				at = events.readEvents(items, at, end);
				answer = events.answer;
				break;
			case FORM_GRPC:
				at = grpc.readMessages(items, at, end);
				answer = grpc.answer;
				break;
			case FORM_WEBSOCKET:
				at = websocket.readFrames(items, at, end);
				answer = websocket.answer;
				break;
			case FORM_LINES:
				at = lines.readLines(items, at, end);
				answer = lines.answer;
				break;
			case FORM_CODED:
				feedCoded(items, at, <u32>(end - at));
				return;
			default:
				at = parts.readParts(items, at, end);
				answer = parts.answer;
				break;
		}
		act(items, answer);
	}
}

/** Passes bytes that were not captured. UNHELD_*: why. */
export function passItems(items: Items, length: u64, reason: i32): void {
	if (items.form == FORM_CODED) {
		loseItems(items);
		return;
	}
	let left = length;
	while (left != 0 && !items.broken) {
		let taken = left;
		let answer: u32;
		switch (items.form) {
			case FORM_EVENTS:
				events.passEvents(items, left, reason);
				answer = events.answer;
				break;
			case FORM_GRPC:
				taken = grpc.passMessages(items, left, reason);
				answer = grpc.answer;
				break;
			case FORM_WEBSOCKET:
				taken = websocket.passFrames(items, left, reason);
				answer = websocket.answer;
				break;
			case FORM_LINES:
				lines.passLines(items, left, reason);
				answer = lines.answer;
				break;
			default:
				parts.passParts(items, left, reason);
				answer = parts.answer;
				break;
		}
		left -= taken;
		act(items, answer);
	}
}

/** An unknown number of bytes is missing. */
export function loseItems(items: Items): void {
	if (items.broken) return;
	if (items.form == FORM_EVENTS) {
		events.loseEvents(items);
		act(items, events.answer);
	} else if (items.form == FORM_LINES) {
		lines.loseLines(items);
		act(items, lines.answer);
	} else if (items.form == FORM_PARTS) {
		parts.loseParts(items);
		act(items, parts.answer);
	} else if (items.form == FORM_CODED) {
		handOut(items, CODED_FLAG_LOST);
	} else {
		breakItems(items, MESSAGE_FLAG_LOST);
	}
}

function act(items: Items, answer: u32): void {
	if (answer == GOES_ON) return;
	if (answer == NOT_VALID) {
		breakItems(items, MESSAGE_FLAG_INVALID);
	} else if (answer == LOST) {
		breakItems(items, MESSAGE_FLAG_LOST);
	} else {
		if (CHECKED) assert(answer == ITEM, 'a framer gives one of its answers');
		writeItem(items, items.done);
	}
}

/** Where further items begin is not known, or their framing is not valid: a row says so. */
function breakItems(items: Items, flag: u32): void {
	if (items.broken) return;
	if (items.form == FORM_CODED) {
		handOut(items, CODED_FLAG_LOST);
		return;
	}
	endItems(items, false);
	items.broken = true;
	items.main.kind = 0;
	items.main.flags = flag;
	writeItem(items, items.main);
}

/** No more bytes will come. `properly`: the body is complete. */
export function endItems(items: Items, properly: bool): void {
	if (items.form == FORM_CODED) {
		if (items.coded != NO_CODED) handOut(items, properly ? CODED_FLAG_END | CODED_FLAG_PROPERLY : CODED_FLAG_END);
		// What is left of it is the host's.
		items.coded = NO_CODED;
		items.broken = true;
		return;
	}
	if (items.broken) return;
	if (items.control != NO_ITEM && items.control.begun) writeUnended(items, items.control);
	if (items.form == FORM_EVENTS) events.endEvents(items);
	else if (items.form == FORM_PARTS) parts.endParts(items);
	const item = items.main;
	if (!item.begun) return;
	// The last line of JSON needs no line end, and the last part no boundary.
	if (properly && (items.form == FORM_LINES || items.form == FORM_PARTS)) writeItem(items, item);
	else writeUnended(items, item);
}

function writeUnended(items: Items, item: Item): void {
	item.flags |= MESSAGE_FLAG_UNENDED;
	writeItem(items, item);
}

export function leaveItems(items: Items): void {
	releaseRow(items.row);
	freeItems(items);
}

// ---- Rows ---------------------------------------------------------------------------------------------------------------

/** The row that the items belong to by now. */
function currentRow(items: Items): ItemRow {
	const row = items.row;
	if (row.into == NO_ITEM_ROW) return row;
	items.row = row.into;
	items.row.references++;
	releaseRow(row);
	return currentRow(items);
}

/** Writes ENTRY_MESSAGE and clears the item. */
function writeItem(items: Items, item: Item): void {
	const row = currentRow(items);
	if (CHECKED) checkItem(item);
	const name = items.hasName ? items.nameLength : 0;
	const id = items.hasId ? items.idLength : 0;
	let bytes = MESSAGE_FIXED_BYTES + item.dataLength + name + id;
	let entry: usize = row.dropped ? 0 : reserve(ENTRY_MESSAGE, MESSAGE_FIXED_BYTES, bytes);
	if (entry == 0 && !row.dropped && item.dataLength != 0) {
		dropItem(item);
		bytes = MESSAGE_FIXED_BYTES + name + id;
		entry = reserve(ENTRY_MESSAGE, MESSAGE_FIXED_BYTES, bytes);
	}
	row.count++;
	if (entry == 0) {
		if (!row.dropped) loss.count(LOSS_OUTPUT_DROPPED, 1, 0);
		items.isMissing = true;
	} else {
		if (items.isMissing) item.flags |= MESSAGE_FLAG_AFTER_DROPPED;
		items.isMissing = false;
		store<f64>(entry, <f64>row.id, MESSAGE_EXCHANGE);
		store<f64>(entry, wallMicroseconds(call.time), MESSAGE_TS);
		store<f64>(entry, item.kind == 0 || item.flags & MESSAGE_FLAG_LOST ? NaN : <f64>item.bytes, MESSAGE_BYTES);
		store<f64>(entry, <f64>item.limited, MESSAGE_LIMITED);
		store<f64>(entry, <f64>item.noMemory, MESSAGE_NO_MEMORY);
		store<f64>(entry, <f64>item.missing, MESSAGE_MISSING);
		store<u32>(entry, item.missing != 0 ? item.missingReason : UNHELD_LOST, MESSAGE_MISSING_REASON);
		store<u32>(entry, row.count, MESSAGE_SEQ);
		store<u32>(entry, items.direction, MESSAGE_DIRECTION);
		store<u32>(entry, item.kind, MESSAGE_KIND);
		store<u32>(entry, item.flags, MESSAGE_FLAGS);
		store<u32>(entry, item.coding, MESSAGE_CODING);
		let cursor = putBytes(entry, MESSAGE_DATA, MESSAGE_FIXED_BYTES, item.data, item.dataLength);
		// Nothing is held of a message whose bytes were all left out.
		if (item.dataLength == 0 && (item.kind == 0 || item.bytes != 0 || item.flags & MESSAGE_FLAG_LOST)) {
			store<u32>(entry, 0, MESSAGE_DATA);
		}
		if (items.hasName) cursor = putBytes(entry, MESSAGE_EVENT, cursor, items.names, name);
		if (items.hasId) putBytes(entry, MESSAGE_EVENT_ID, cursor, items.names + NAME_MOST, id);
		if (row.id == 0) items.isMissing = !hold(row, entry, bytes);
	}
	items.hasName = false;
	items.hasId = false;
	clearItem(item);
}

function putBytes(entry: usize, member: u32, cursor: u32, from: usize, length: u32): u32 {
	copyBytes(entry + cursor, from, length);
	store<u32>(entry + member, cursor);
	store<u32>(entry + member + 4, length);
	return cursor + length;
}

/** Keeps the entry until the exchange has an id. Returns false if there is no memory. */
function hold(row: ItemRow, entry: usize, bytes: u32): bool {
	takeBack(entry);
	const length = (bytes + 7) & ~7;
	const item = row.heldCount == HELD_MOST ? NO_HELD_ITEM : changetype<HeldItem>(allocate(HELD_BYTES + length));
	if (item == NO_HELD_ITEM) {
		loss.count(LOSS_OUTPUT_DROPPED, 1, 0);
		return false;
	}
	item.next = NO_HELD_ITEM;
	item.length = length;
	// The output still has the bytes, because nothing has been written since.
	copyBytes(changetype<usize>(item) + HELD_BYTES, entry, length);
	if (row.lastHeld == NO_HELD_ITEM) row.firstHeld = item;
	else row.lastHeld.next = item;
	row.lastHeld = item;
	row.heldCount++;
	return true;
}

/** The exchange has got its id: its items are written. */
export function releaseItems(exchange: Exchange): void {
	const row = exchange.itemRow;
	row.id = exchange.id;
	for (let item = row.firstHeld; item != NO_HELD_ITEM; item = item.next) {
		const entry = reserve(ENTRY_MESSAGE, MESSAGE_FIXED_BYTES, item.length);
		if (entry == 0) {
			loss.count(LOSS_OUTPUT_DROPPED, 1, 0);
			continue;
		}
		copyBytes(entry, changetype<usize>(item) + HELD_BYTES, item.length);
		store<f64>(entry, <f64>row.id, MESSAGE_EXCHANGE);
	}
	freeHeld(row);
}

function freeHeld(row: ItemRow): void {
	let item = row.firstHeld;
	while (item != NO_HELD_ITEM) {
		const next = item.next;
		release(changetype<usize>(item));
		item = next;
	}
	row.firstHeld = NO_HELD_ITEM;
	row.lastHeld = NO_HELD_ITEM;
	row.heldCount = 0;
}

/** The response of `from`, which has no id, turned out to belong to the exchange `to`. */
export function moveItems(from: Exchange, to: Exchange): void {
	const row = from.itemRow;
	if (row == NO_ITEM_ROW) return;
	from.itemRow = NO_ITEM_ROW;
	if (to.itemRow == NO_ITEM_ROW) {
		to.itemRow = row;
	} else {
		joinRows(row, to.itemRow);
		row.into = to.itemRow;
		row.into.references++;
		releaseRow(row);
	}
	if (to.id != 0) releaseItems(to);
}

/** The items of `from`, which wait, follow those of `to`. */
function joinRows(from: ItemRow, to: ItemRow): void {
	for (let item = from.firstHeld; item != NO_HELD_ITEM; item = item.next) {
		store<u32>(changetype<usize>(item) + HELD_BYTES, ++to.count, MESSAGE_SEQ);
	}
	if (from.firstHeld == NO_HELD_ITEM) return;
	if (to.lastHeld == NO_HELD_ITEM) to.firstHeld = from.firstHeld;
	else to.lastHeld.next = from.firstHeld;
	to.lastHeld = from.lastHeld;
	to.heldCount += from.heldCount;
	from.firstHeld = NO_HELD_ITEM;
	from.lastHeld = NO_HELD_ITEM;
	from.heldCount = 0;
}

/** The exchange is freed. Further items of one that has an id are still written. */
export function leaveItemRow(exchange: Exchange): void {
	const row = exchange.itemRow;
	if (row == NO_ITEM_ROW) return;
	exchange.itemRow = NO_ITEM_ROW;
	if (row.id == 0) {
		row.dropped = true;
		freeHeld(row);
	}
	releaseRow(row);
}

function releaseRow(row: ItemRow): void {
	if (CHECKED) assert(row.references != 0, 'a row of items is counted');
	row.references--;
	if (row.references != 0) return;
	if (row.into != NO_ITEM_ROW) releaseRow(row.into);
	freeHeld(row);
	release(changetype<usize>(row));
}

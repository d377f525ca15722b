// Header compression of HTTP/2 (RFC 7541): reads one field after another of a header block, and keeps the dynamic table.
//
// If the capture begins in the middle of a connection, or a block is lost, what the table holds is not known. From then on
// a table remembers only what is added to it. These are the newest entries, and the indexes of the newest are the lowest, so
// whatever an index finds is right, and the others are unknown until they are pushed out. The table may hold more than the
// sender's, whose size may not be known: the sender does not use the indexes of what it no longer has.
import { copyBytes } from '../memory/bytes';
import { CHECKED } from '../memory/checks';
import { allocate, allocateZeroed, release } from '../memory/memory';
import { HeaderTable, NO_TABLE } from '../memory/state';
import { decodeHuffman, decodedMost } from './huffman';
import { STATIC_ENTRIES, staticName, staticNameLength, staticValue, staticValueLength } from './static-table';

/** What readField() found: a field. `known` tells whether its name and value are known. */
export const FIELD: u32 = 1;
/** The size of the table changes. */
export const SIZE_UPDATE: u32 = 2;
/** The bytes end within a field. */
export const INCOMPLETE: u32 = 3;
/** The block cannot be read. */
export const INVALID: u32 = 4;

/** The size of a table before the sender changes it, and the largest kept (RFC 7541 section 4.1 defines size). */
const FIRST_SIZE: u32 = 4096;
export const SIZE_MOST: u32 = 65536;
/** What an entry counts besides its texts. */
const ENTRY_SIZE: u32 = 32;
/** A longer string is not read. */
export const STRING_MOST: u32 = 262144;

// An entry: u32 address of its name, u32 length of the name, u32 length of the value, u32 bits; then the value. Entries may
// share a name, so that a short field cannot copy a long one again and again: u32 references, u32 0; then the name.
const ENTRY_NAME_LENGTH: u32 = 4;
const ENTRY_VALUE_LENGTH: u32 = 8;
const ENTRY_BITS: u32 = 12;
const ENTRY_VALUE: u32 = 16;
const NAME_BYTES: u32 = 8;
const IS_KNOWN: u32 = 1;
const HAS_SHARED_NAME: u32 = 2;

/** The field found. The texts are valid until the next call. */
export let known: bool = false;
export let name: usize = 0;
export let nameLength: u32 = 0;
export let value: usize = 0;
export let valueLength: u32 = 0;
/** What was found: FIELD … INVALID. */
export let answer: u32 = 0;

/** Where the name found comes from: the block, an entry of the dynamic table, or the static table. */
const LITERAL_NAME: u32 = 0;
const SHARED_NAME: u32 = 1;
const STATIC_NAME: u32 = 2;
let origin: u32 = 0;
/** A shared name to be released before the next field. */
let releasedLater: usize = 0;

/** Room for decoded strings: of a name, and of a value. */
let nameRoom: usize = 0;
let nameRoomBytes: u32 = 0;
let valueRoom: usize = 0;
let valueRoomBytes: u32 = 0;

/** The integer read last. */
let integer: u32 = 0;

/** A new table; NO_TABLE if there is no memory. `whole`: the stream was seen from its beginning. */
export function newTable(whole: bool): HeaderTable {
	const table = changetype<HeaderTable>(allocateZeroed(offsetof<HeaderTable>()));
	if (table == NO_TABLE) return table;
	if (whole) beginTable(table);
	else forgetTable(table);
	return table;
}

export function freeTable(table: HeaderTable): void {
	if (table == NO_TABLE) return;
	empty(table);
	release(table.entries);
	release(changetype<usize>(table));
}

/** A block was lost: nothing is known about the table. */
export function forgetTable(table: HeaderTable): void {
	empty(table);
	table.whole = false;
	table.most = SIZE_MOST;
}

/** The table is that of a stream that begins. */
export function beginTable(table: HeaderTable): void {
	empty(table);
	table.whole = true;
	table.most = FIRST_SIZE;
}

function empty(table: HeaderTable): void {
	while (table.count != 0) evictOldest(table);
}

/** Reads one field from [at, end) into the variables above. Returns where the next one begins, if anything was found. */
export function readField(table: HeaderTable, at: usize, end: usize): usize {
	if (releasedLater != 0) {
		releaseName(releasedLater);
		releasedLater = 0;
	}
	const first = <u32>load<u8>(at);
	if (first & 0x80) {
		const next = readInteger(at, end, 0x7f);
		if (answer == FIELD) find(table, integer);
		return next;
	}
	if ((first & 0xe0) == 0x20) {
		const next = readInteger(at, end, 0x1f);
		if (answer != FIELD) return next;
		resize(table, integer);
		answer = SIZE_UPDATE;
		return next;
	}
	const indexed = (first & 0x40) != 0;
	let next = readInteger(at, end, indexed ? 0x3f : 0x0f);
	if (answer != FIELD) return next;
	known = true;
	origin = LITERAL_NAME;
	if (integer != 0) {
		findName(table, integer);
	} else {
		// A long name is not decoded again with every byte of a value that arrives slowly.
		if (lacksValue(next, end)) {
			answer = INCOMPLETE;
			return next;
		}
		next = readString(next, end, true);
	}
	if (answer != FIELD) return next;
	next = readString(next, end, false);
	if (answer == FIELD && indexed) add(table);
	return next;
}

/** Reads an integer whose first byte is at `at`, in the bits `mask` (RFC 7541 section 5.1). */
@inline
function readInteger(at: usize, end: usize, mask: u32): usize {
	const first = <u32>load<u8>(at) & mask;
	integer = first;
	answer = FIELD;
	return first != mask ? at + 1 : readLongInteger(at + 1, end, mask);
}

function readLongInteger(from: usize, end: usize, mask: u32): usize {
	let sum: u64 = mask;
	let shift: u32 = 0;
	for (let at = from; at < end; at++) {
		const byte = <u64>load<u8>(at);
		// Zeros may follow that change nothing; more of them than this are an attack.
		if (shift > 28) break;
		sum += (byte & 0x7f) << shift;
		shift += 7;
		if (byte & 0x80) continue;
		if (sum > 0x7fffffff) break;
		integer = <u32>sum;
		return at + 1;
	}
	answer = shift > 28 || sum > 0x7fffffff ? INVALID : INCOMPLETE;
	return from;
}

/** The field with this index. */
function find(table: HeaderTable, index: u32): void {
	if (index <= STATIC_ENTRIES) {
		if (index == 0) {
			answer = INVALID;
			return;
		}
		known = true;
		name = staticName(index);
		nameLength = staticNameLength(index);
		value = staticValue(index);
		valueLength = staticValueLength(index);
		return;
	}
	const entry = entryAt(table, index);
	if (entry == 0) return;
	known = (load<u32>(entry, ENTRY_BITS) & IS_KNOWN) != 0;
	name = load<u32>(entry);
	nameLength = load<u32>(entry, ENTRY_NAME_LENGTH);
	value = entry + ENTRY_VALUE;
	valueLength = load<u32>(entry, ENTRY_VALUE_LENGTH);
}

/** The name with this index. */
function findName(table: HeaderTable, index: u32): void {
	if (index <= STATIC_ENTRIES) {
		name = staticName(index);
		nameLength = staticNameLength(index);
		origin = STATIC_NAME;
		return;
	}
	const entry = entryAt(table, index);
	if (entry == 0) return;
	const bits = load<u32>(entry, ENTRY_BITS);
	known = (bits & IS_KNOWN) != 0;
	name = load<u32>(entry);
	nameLength = load<u32>(entry, ENTRY_NAME_LENGTH);
	origin = bits & HAS_SHARED_NAME ? SHARED_NAME : STATIC_NAME;
}

/** The entry with this index in the dynamic table; 0 if it is unknown (`known` is false) or cannot exist. */
function entryAt(table: HeaderTable, index: u32): usize {
	const place = index - STATIC_ENTRIES - 1;
	if (place < table.count) return load<u32>(table.entries + ((table.newest - place) & (table.capacity - 1)) * 4);
	known = false;
	nameLength = 0;
	valueLength = 0;
	if (table.whole) answer = INVALID;
	return 0;
}

/** Reads a string (RFC 7541 section 5.2): the name, or the value. */
function readString(at: usize, end: usize, isName: bool): usize {
	if (at >= end) {
		answer = INCOMPLETE;
		return at;
	}
	const isHuffman = (load<u8>(at) & 0x80) != 0;
	const from = readInteger(at, end, 0x7f);
	if (answer != FIELD) return at;
	const length = integer;
	if (length > STRING_MOST) {
		answer = INVALID;
		return at;
	}
	if (<u32>(end - from) < length) {
		answer = INCOMPLETE;
		return at;
	}
	let text = from;
	let textLength = length;
	if (isHuffman) {
		text = isName ? makeNameRoom(decodedMost(length)) : makeValueRoom(decodedMost(length));
		if (text == 0) {
			// Without memory for it, its length is at least this.
			known = false;
			textLength = (length * 8) / 30;
		} else {
			const decoded = decodeHuffman(from, from + length, text);
			if (decoded < 0) {
				answer = INVALID;
				return at;
			}
			textLength = <u32>decoded;
		}
	}
	if (isName) {
		name = text;
		nameLength = textLength;
	} else {
		value = text;
		valueLength = textLength;
	}
	return from + length;
}

/** Whether a name that is complete at `at` is followed by a value that is not. */
function lacksValue(at: usize, end: usize): bool {
	let next = at;
	for (let i = 0; i < 2; i++) {
		if (next >= end) return i != 0;
		next = readInteger(next, end, 0x7f);
		if (answer != FIELD) return i != 0 && answer == INCOMPLETE;
		if (integer > STRING_MOST) return false;
		if (<u32>(end - next) < integer) return i != 0;
		next += integer;
	}
	return false;
}

function makeNameRoom(bytes: u32): usize {
	if (bytes > nameRoomBytes) {
		release(nameRoom);
		nameRoom = allocate(max<u32>(bytes, 512));
		nameRoomBytes = nameRoom == 0 ? 0 : max<u32>(bytes, 512);
	}
	return nameRoom;
}

function makeValueRoom(bytes: u32): usize {
	if (bytes > valueRoomBytes) {
		release(valueRoom);
		valueRoom = allocate(max<u32>(bytes, 4096));
		valueRoomBytes = valueRoom == 0 ? 0 : max<u32>(bytes, 4096);
	}
	return valueRoom;
}

/** The sender changes the size of its table. If it exceeds what is kept, older entries are unknown. */
function resize(table: HeaderTable, size: u32): void {
	if (size > SIZE_MOST) table.whole = false;
	table.most = min<u32>(size, SIZE_MOST);
	while (table.size > table.most) evictOldest(table);
	// Whatever is unknown has left an empty table.
	if (table.most == 0) table.whole = true;
}

/** Adds the field found to the table. */
function add(table: HeaderTable): void {
	let shared: usize = 0;
	if (origin == SHARED_NAME) {
		// Its entry may be evicted, but the name is still needed.
		shared = name - NAME_BYTES;
		store<u32>(shared, load<u32>(shared) + 1);
		releasedLater = shared;
	}
	// An entry without a known name takes at least this. If it is evicted too late, nothing wrong is found.
	if (!known) table.whole = false;
	const size = nameLength + valueLength + ENTRY_SIZE;
	while (table.count != 0 && table.size + size > table.most) evictOldest(table);
	if (size > table.most) return;
	const entry = newEntry(shared);
	if (entry == 0 || !makePlace(table)) {
		if (entry != 0) freeEntry(entry);
		forgetTable(table);
		return;
	}
	table.newest = (table.newest + 1) & (table.capacity - 1);
	store<u32>(table.entries + table.newest * 4, <u32>entry);
	table.count++;
	table.size += size;
}

/** An entry with the field found, or one that is unknown; 0 if there is no memory. */
function newEntry(shared: usize): usize {
	const entry = allocate(ENTRY_VALUE + (known ? valueLength : 0));
	if (entry == 0) return 0;
	store<u32>(entry, <u32>name);
	store<u32>(entry, nameLength, ENTRY_NAME_LENGTH);
	store<u32>(entry, valueLength, ENTRY_VALUE_LENGTH);
	store<u32>(entry, known ? IS_KNOWN : 0, ENTRY_BITS);
	if (!known) return entry;
	copyBytes(entry + ENTRY_VALUE, value, valueLength);
	if (origin == STATIC_NAME) return entry;
	let block = shared;
	if (block == 0) {
		block = allocate(NAME_BYTES + nameLength);
		if (block == 0) {
			release(entry);
			return 0;
		}
		store<u64>(block, 0);
		copyBytes(block + NAME_BYTES, name, nameLength);
	}
	store<u32>(block, load<u32>(block) + 1);
	store<u32>(entry, <u32>(block + NAME_BYTES));
	store<u32>(entry, IS_KNOWN | HAS_SHARED_NAME, ENTRY_BITS);
	return entry;
}

/** Makes sure that there is a place for one more entry. */
function makePlace(table: HeaderTable): bool {
	if (table.count < table.capacity) return true;
	const capacity = max<u32>(table.capacity * 2, 16);
	const entries = allocate(capacity * 4);
	if (entries == 0) return false;
	// Oldest first, from 0 on.
	for (let i: u32 = 0; i < table.count; i++) {
		const place = (table.newest + 1 + i - table.count) & (table.capacity - 1);
		store<u32>(entries + i * 4, load<u32>(table.entries + place * 4));
	}
	release(table.entries);
	table.entries = entries;
	table.capacity = capacity;
	table.newest = table.count - 1;
	return true;
}

function evictOldest(table: HeaderTable): void {
	const place = (table.newest + 1 - table.count) & (table.capacity - 1);
	const entry = <usize>load<u32>(table.entries + place * 4);
	const size = load<u32>(entry, ENTRY_NAME_LENGTH) + load<u32>(entry, ENTRY_VALUE_LENGTH) + ENTRY_SIZE;
	if (CHECKED) assert(table.size >= size, 'an entry of a table is counted');
	table.size -= size;
	table.count--;
	freeEntry(entry);
}

function freeEntry(entry: usize): void {
	if (load<u32>(entry, ENTRY_BITS) & HAS_SHARED_NAME) releaseName(<usize>load<u32>(entry) - NAME_BYTES);
	release(entry);
}

function releaseName(block: usize): void {
	const references = load<u32>(block);
	if (CHECKED) assert(references != 0, 'a shared name is referred to');
	if (references == 1) release(block);
	else store<u32>(block, references - 1);
}

/** Checks a table; debug build. */
export function checkTable(table: HeaderTable): void {
	let size: u32 = 0;
	for (let i: u32 = 0; i < table.count; i++) {
		const entry = <usize>load<u32>(table.entries + ((table.newest - i) & (table.capacity - 1)) * 4);
		size += load<u32>(entry, ENTRY_NAME_LENGTH) + load<u32>(entry, ENTRY_VALUE_LENGTH) + ENTRY_SIZE;
	}
	assert(size == table.size && size <= table.most, 'a table has the size of its entries');
}

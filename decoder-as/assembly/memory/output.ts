// The output buffer: entries one after another, each padded to a multiple of 8 with zeros. An entry is reserved as a
// whole, so the output never contains a byte that was not written for it.
import { ENTRY_SIZE, ENTRY_TYPE } from '../wire/output-layout';
import { clearBytes } from './bytes';
import { CHECKED } from './checks';
import { allocate, enlarge, memoryInUse, passLimit, release } from './memory';
import { memoryLimit, outputEnough } from './settings';

const FIRST_CAPACITY: u32 = 65536;
/** A buffer larger than this is freed when it is cleared. */
const KEPT_CAPACITY: u32 = 4 << 20;

let buffer: usize = 0;
let length: u32 = 0;
let capacity: u32 = 0;
/** The output contains a question for the host. */
let asksHost = false;

export function outputStart(): usize {
	return buffer;
}

export function outputLength(): u32 {
	return length;
}

/** Whether the host should read the output now. */
export function isDue(): bool {
	return asksHost || length >= outputEnough;
}

/** Asks the host to read the output before the next record. */
export function askHost(): void {
	asksHost = true;
}

export function clear(): void {
	length = 0;
	asksHost = false;
	if (capacity <= KEPT_CAPACITY) return;
	release(buffer);
	buffer = 0;
	capacity = 0;
}

/** Whether `bytes` more fit within the memory limit. */
export function fits(bytes: u64): bool {
	if (<u64>length + bytes <= capacity) return true;
	return <u64>memoryInUse() + <u64>length + bytes < memoryLimit;
}

/**
 * Reserves an entry of `bytes` bytes; its fixed part of `fixed` bytes and its padding are zeroed, size and type are
 * set. Returns 0 if there is no memory. The address is valid until the next call.
 */
export function reserve(type: i32, fixed: u32, bytes: u32): usize {
	const size = (bytes + 7) & ~7;
	if (CHECKED) assert(fixed <= size && size >= 8, 'an entry has room for its fixed part');
	if (capacity - length < size && !grow(size)) return 0;
	const entry = buffer + length;
	clearBytes(entry, fixed);
	// Zeroes the padding; the content is written later.
	store<u64>(entry + size - 8, 0);
	store<u32>(entry, size, ENTRY_SIZE);
	store<u32>(entry, type, ENTRY_TYPE);
	length += size;
	return entry;
}

/** The same beyond the memory limit, for entries that are small and must not be missing. */
export function reserveSurely(type: i32, fixed: u32, bytes: u32): usize {
	const entry = reserve(type, fixed, bytes);
	if (entry != 0) return entry;
	passLimit(true);
	const beyond = reserve(type, fixed, bytes);
	passLimit(false);
	return beyond;
}

/** Shortens the entry reserved last to `bytes` bytes. */
export function trim(entry: usize, bytes: u32): void {
	const size = (bytes + 7) & ~7;
	if (CHECKED) {
		assert(entry + load<u32>(entry, ENTRY_SIZE) == buffer + length, 'only the entry reserved last is cut');
		assert(size <= load<u32>(entry, ENTRY_SIZE), 'an entry lies in the room that was reserved for it');
	}
	for (let at = bytes; at < size; at++) store<u8>(entry + at, 0);
	store<u32>(entry, size, ENTRY_SIZE);
	length = <u32>(entry - buffer) + size;
}

/** Removes the entry reserved last. Its bytes stay where they are until the next call. */
export function takeBack(entry: usize): void {
	if (CHECKED) assert(entry + load<u32>(entry, ENTRY_SIZE) == buffer + length, 'only the entry reserved last is removed');
	length = <u32>(entry - buffer);
}

function grow(more: u32): bool {
	const needed = <u64>length + more;
	if (needed > 0x70000000) return false;
	let wanted = capacity == 0 ? FIRST_CAPACITY : capacity;
	while (<u64>wanted < needed) wanted = wanted > 0x38000000 ? 0x70000000 : wanted * 2;
	let larger = length == 0 ? replace(wanted) : enlarge(buffer, length, wanted);
	// Near the limit the buffer grows by less, but by enough that not every entry copies everything again.
	const least = max<u64>(needed, <u64>length + (length >> 3));
	if (larger == 0 && <u64>wanted > least) {
		wanted = <u32>least;
		larger = length == 0 ? replace(wanted) : enlarge(buffer, length, wanted);
	}
	if (larger == 0) return false;
	buffer = larger;
	capacity = wanted;
	return true;
}

function replace(bytes: u32): usize {
	release(buffer);
	buffer = 0;
	capacity = 0;
	return allocate(bytes);
}

/**
 * Checks that entries follow one another up to the end of the output, and that the output is within its buffer; debug
 * build.
 */
export function checkOutput(): void {
	assert(length <= capacity, 'the output lies in its buffer');
	let at: u32 = 0;
	while (at < length) {
		const size = load<u32>(buffer + at, ENTRY_SIZE);
		assert(size >= 8 && (size & 7) == 0 && size <= length - at, 'an entry ends where the next begins');
		at += size;
	}
}

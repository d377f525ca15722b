// Memory of the decoder: blocks of any size from one region that only grows. Freed blocks are joined with their neighbours
// and kept in lists by size (two-level segregated fit), so allocate and release take constant time, and hostile patterns
// of sizes cannot fragment memory badly. Nothing here traps: when the limit is reached, or the host has no more memory,
// allocate returns 0.
//
// A block: u32 size of the whole block with BUSY in bit 0, u32 size of the block before it, then the payload. Free
// blocks hold their list links (next, previous) in the payload.

import { CHECKED, POISON } from './checks';
import { memoryLimit } from './settings';

const HEADER: u32 = 8;
const BUSY: u32 = 1;
const MIN_BLOCK: u32 = 24;
/** Below this size there is a list for every multiple of 8; above, 16 lists for every power of two. */
const SMALL_LOG: u32 = 8;
const STEP_LOG: u32 = 4;
const ROWS: u32 = 32 - SMALL_LOG + 1;
const LISTS_A_ROW: u32 = 32;
const GROW_PAGES: u32 = 16;
/** Larger sizes are refused, because they would not fit 32 bits after rounding. */
const MAX_BYTES: u32 = 0x7fff0000;

/** Which rows have a free block, and for each row which lists have one. */
let rowMap: u32 = 0;
const listMaps = memory.data(<i32>ROWS * 4);
const lists = memory.data(<i32>(ROWS * LISTS_A_ROW) * 4);

let regionEnd: usize = 0;
/** Where the first block begins; debug build. */
let regionStart: usize = 0;
let lastBlock: usize = 0;
let usedBytes: usize = 0;
let beyondLimit = false;

/** Bytes of all blocks in use, headers included. */
export function memoryInUse(): usize {
	return usedBytes;
}

/** Bytes of WebAssembly memory. */
function memoryTotal(): usize {
	return (<usize>memory.size()) << 16;
}

/** Allocates `bytes` bytes aligned to 8, contents undefined; 0 if there is no memory. */
export function allocate(bytes: u32): usize {
	if (bytes > MAX_BYTES) return 0;
	let size = (bytes + HEADER + 7) & ~7;
	if (size < MIN_BLOCK) size = MIN_BLOCK;
	let block = takeFree(size);
	if (block == 0) {
		if (!growRegion(size)) return 0;
		block = takeFree(size);
		if (block == 0) return 0;
	}
	const whole = load<u32>(block);
	if (whole - size >= MIN_BLOCK) {
		const rest = block + size;
		store<u32>(rest, whole - size);
		store<u32>(rest, size, 4);
		setPrevious(rest, whole - size);
		addFree(rest);
		store<u32>(block, size | BUSY);
		usedBytes += size;
	} else {
		store<u32>(block, whole | BUSY);
		usedBytes += whole;
	}
	if (CHECKED) {
		checkBlock(block, true);
		assert((load<u32>(block) & ~BUSY) >= bytes + HEADER, 'a block holds what was asked for');
		memory.fill(block + HEADER, POISON, (load<u32>(block) & ~BUSY) - HEADER);
	}
	return block + HEADER;
}

/** Turns the limit off or on: memory that the host needs is allocated regardless of the limit. */
export function passLimit(on: bool): void {
	beyondLimit = on;
}

/** The same, regardless of the limit. */
export function allocateBeyond(bytes: u32): usize {
	passLimit(true);
	const address = allocate(bytes);
	passLimit(false);
	return address;
}

/** The same with all bytes 0. */
export function allocateZeroed(bytes: u32): usize {
	const address = allocate(bytes);
	if (address != 0) memory.fill(address, 0, bytes);
	return address;
}

/** Frees a block; 0 is allowed. */
export function release(address: usize): void {
	if (address == 0) return;
	let block = address - HEADER;
	if (CHECKED) checkBlock(block, true);
	let size = load<u32>(block) & ~BUSY;
	if (CHECKED) {
		assert(usedBytes >= size, 'a block in use is counted');
		memory.fill(address, POISON, size - HEADER);
	}
	usedBytes -= size;
	const after = block + size;
	if (after < regionEnd && (load<u32>(after) & BUSY) == 0) {
		takeOut(after);
		size += load<u32>(after);
		if (after == lastBlock) lastBlock = block;
	}
	const previous = load<u32>(block, 4);
	if (previous != 0) {
		const before = block - previous;
		if ((load<u32>(before) & BUSY) == 0) {
			// Overwrite the header, too, so that nothing takes it for a block any more.
			if (CHECKED) store<u64>(block, 0);
			takeOut(before);
			size += load<u32>(before);
			if (block == lastBlock) lastBlock = before;
			block = before;
		}
	}
	store<u32>(block, size);
	setPrevious(block, size);
	addFree(block);
}

/**
 * A larger block with the first `keep` bytes of `address`, which is released. Returns 0, and keeps `address`, if there
 * is no memory.
 */
export function enlarge(address: usize, keep: u32, bytes: u32): usize {
	const larger = allocate(bytes);
	if (larger == 0) return 0;
	if (address != 0) {
		memory.copy(larger, address, keep);
		release(address);
	}
	return larger;
}

/** Writes the size of `block` into the block after it. */
@inline
function setPrevious(block: usize, size: u32): void {
	const after = block + size;
	if (after < regionEnd) store<u32>(after, size, 4);
	else lastBlock = block;
}

@inline
function rowOf(size: u32): u32 {
	return size < 1 << SMALL_LOG ? 0 : 31 - clz<u32>(size) - SMALL_LOG + 1;
}

@inline
function listOf(size: u32, row: u32): u32 {
	return row == 0 ? size >> 3 : (size >> (row + SMALL_LOG - 1 - STEP_LOG)) & ((1 << STEP_LOG) - 1);
}

function addFree(block: usize): void {
	const size = load<u32>(block);
	const row = rowOf(size);
	const list = listOf(size, row);
	const head = lists + (row * LISTS_A_ROW + list) * 4;
	const first = load<u32>(head);
	store<u32>(block, first, HEADER);
	store<u32>(block, 0, HEADER + 4);
	if (first != 0) store<u32>(first, <u32>block, HEADER + 4);
	store<u32>(head, <u32>block);
	rowMap |= 1 << row;
	const map = listMaps + row * 4;
	store<u32>(map, load<u32>(map) | (1 << list));
}

function takeOut(block: usize): void {
	const size = load<u32>(block);
	const next = load<u32>(block, HEADER);
	const previous = load<u32>(block, HEADER + 4);
	if (next != 0) store<u32>(next, previous, HEADER + 4);
	if (previous != 0) {
		store<u32>(previous, next, HEADER);
		return;
	}
	const row = rowOf(size);
	const list = listOf(size, row);
	store<u32>(lists + (row * LISTS_A_ROW + list) * 4, next);
	if (next != 0) return;
	const map = listMaps + row * 4;
	const left = load<u32>(map) & ~(1 << list);
	store<u32>(map, left);
	if (left == 0) rowMap &= ~(1 << row);
}

/** A free block of at least `size` bytes, removed from its list; 0 if there is none. */
function takeFree(size: u32): usize {
	// Rounded up to the next list's lower bound, so that every block of the list found is large enough.
	let wanted = size;
	if (size >= 1 << SMALL_LOG) wanted += (1 << (31 - clz<u32>(size) - STEP_LOG)) - 1;
	let row = rowOf(wanted);
	let candidates = load<u32>(listMaps + row * 4) & (~(<u32>0) << listOf(wanted, row));
	if (candidates == 0) {
		const rows = row == 31 ? 0 : rowMap & (~(<u32>0) << (row + 1));
		if (rows == 0) return 0;
		row = ctz<u32>(rows);
		candidates = load<u32>(listMaps + row * 4);
	}
	const block = <usize>load<u32>(lists + (row * LISTS_A_ROW + ctz<u32>(candidates)) * 4);
	takeOut(block);
	return block;
}

function growRegion(size: u32): bool {
	if (regionEnd == 0) {
		// First call: use the rest of the initial memory.
		const start = (__heap_base + 15) & ~7;
		const end = memoryTotal();
		if (end > start + MIN_BLOCK) {
			regionEnd = end;
			addRegion(start, <u32>(end - start));
			if (end - start > size + (size >> STEP_LOG) + 16) return true;
		}
	}
	// Room for the rounding in takeFree.
	const bytes = <u64>size + (size >> STEP_LOG) + 64;
	let pages = <u32>((bytes + 0xffff) >> 16);
	if (pages < GROW_PAGES) pages = GROW_PAGES;
	if (!beyondLimit && ((<u64>memory.size() + pages) << 16) > <u64>memoryLimit) return false;
	const before = memory.grow(pages);
	if (before < 0) return false;
	const start = (<usize>before) << 16;
	const end = start + (<usize>pages << 16);
	// The very last page would make the end 2^32, which is 0 in 32 bits, so it stays unused.
	const length = <u32>((end == 0 ? end - 0x10000 : end) - start);
	if (length < size + 64) return false;
	regionEnd = start + length;
	addRegion(start, length);
	return true;
}

/** Makes [start, start + size) a free block, joined with a free one right before it. */
function addRegion(start: usize, size: u32): void {
	if (CHECKED) {
		if (regionStart == 0) regionStart = start;
	}
	let block = start;
	let whole = size;
	let previous: u32 = 0;
	if (lastBlock != 0) {
		const lastSize = load<u32>(lastBlock) & ~BUSY;
		if (load<u32>(lastBlock) & BUSY) {
			previous = lastSize;
		} else {
			takeOut(lastBlock);
			block = lastBlock;
			whole += lastSize;
			previous = load<u32>(lastBlock, 4);
		}
	}
	store<u32>(block, whole);
	store<u32>(block, previous, 4);
	lastBlock = block;
	addFree(block);
}

// ---- Debug build ----------------------------------------------------------------------------------------------------

/** Checks a block as allocate() and release() leave it, and that its neighbours agree. */
function checkBlock(block: usize, busy: bool): void {
	assert(block >= regionStart && block + HEADER < regionEnd && (block & 7) == (regionStart & 7), 'a block lies in the region');
	const whole = load<u32>(block);
	const size = whole & ~BUSY;
	assert(((whole & BUSY) != 0) == busy, busy ? 'only a block in use is given back' : 'a block in a free list is free');
	assert(size >= MIN_BLOCK && (size & 7) == 0 && block + size <= regionEnd, 'the size of a block is possible');
	if (block == lastBlock) assert(block + size == regionEnd, 'the last block ends with the region');
	else assert(load<u32>(block + size, 4) == size, 'the next block knows where this one begins');
	const previous = load<u32>(block, 4);
	if (block == regionStart) assert(previous == 0, 'nothing is before the first block');
	else assert((load<u32>(block - previous) & ~BUSY) == previous, 'the block before ends where this one begins');
}

/** Walks all blocks and all free lists; returns the number of blocks. */
export function checkBlocks(): u32 {
	if (regionStart == 0) return 0;
	let used: usize = 0;
	let free: u32 = 0;
	let count: u32 = 0;
	let freeBefore = false;
	let block = regionStart;
	while (block < regionEnd) {
		const busy = (load<u32>(block) & BUSY) != 0;
		checkBlock(block, busy);
		assert(busy || !freeBefore, 'free neighbours are joined');
		freeBefore = !busy;
		const size = load<u32>(block) & ~BUSY;
		if (busy) used += size;
		else free++;
		count++;
		block += size;
	}
	assert(block == regionEnd, 'blocks fill the region');
	assert(used == usedBytes, 'memoryInUse is what the blocks in use take');
	for (let row: u32 = 0; row < ROWS; row++) {
		const map = load<u32>(listMaps + row * 4);
		assert((map != 0) == ((rowMap & (1 << row)) != 0), 'the map of rows agrees with those of lists');
		for (let list: u32 = 0; list < LISTS_A_ROW; list++) {
			let entry = <usize>load<u32>(lists + (row * LISTS_A_ROW + list) * 4);
			assert((entry != 0) == ((map & (1 << list)) != 0), 'the map of a row agrees with its lists');
			let before: usize = 0;
			while (entry != 0) {
				checkBlock(entry, false);
				const size = load<u32>(entry);
				assert(rowOf(size) == row && listOf(size, row) == list, 'a free block is in the list for its size');
				assert(<usize>load<u32>(entry, HEADER + 4) == before, 'a free block knows the one before it in its list');
				assert(free != 0, 'each free block is in one list');
				free--;
				before = entry;
				entry = load<u32>(entry, HEADER);
			}
		}
	}
	assert(free == 0, 'each free block is in a list');
	return count;
}

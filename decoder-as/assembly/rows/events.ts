// The ring of the most recent calls (table `events`): one entry per call, with the parts of a call added up.
import { allocate, release } from '../memory/memory';
import { reserve } from '../memory/output';
import { eventsLimit } from '../memory/settings';
import { Connection, NO_CONNECTION } from '../memory/state';
import {
	CAPTURE_DATA,
	CAPTURE_PEEK,
	EVENT_PID as RECORD_PID,
	EVENT_TIME_NS as RECORD_TIME,
	EVENT_VERSION as RECORD_VERSION,
	FLAG_PART,
} from '../wire/capture-event';
import { wallMicroseconds } from '../wire/clock';
import {
	ENTRY_EVENT,
	EVENT_BYTES,
	EVENT_CAPTURED_BYTES,
	EVENT_COMM,
	EVENT_CONN,
	EVENT_DIRECTION,
	EVENT_FD,
	EVENT_FIXED_BYTES,
	EVENT_FLAGS,
	EVENT_KIND,
	EVENT_PID,
	EVENT_SYSCALL,
	EVENT_TID,
	EVENT_TS,
} from '../wire/output-layout';
import {
	recordCallBytes,
	recordCallOffset,
	recordCaptured,
	recordComm,
	recordDirection,
	recordFd,
	recordFlags,
	recordKind,
	recordTid,
	recordTime,
} from '../wire/record';

// A slot: u64 time, u64 conn, u32 bytes, u32 captured, u32 pid, u32 tid, i32 fd, u32 flags, u8 kind, syscall, direction,
// padding to 48, 16 bytes comm.
// Calls that differ from the previous one only in time (see run.ts) take 8 bytes each: slots of times follow the call's,
// u64 times 0 to 4, u8 REPEATS in place of the kind, u8 number of times, padding to 48, times 5 and 6.
const SLOT_BYTES: u32 = 64;
const REPEATS: u8 = 255;
const TIMES: u32 = 7;
/** Maximum number of calls that share one slot. All of them are lost when that slot is overwritten. */
const REPEATS_MAX: u32 = 63;
let ring: usize = 0;
let capacity: u32 = 0;
/** Number of slots ever taken; the newest is number `total - 1`. */
let total: u64 = 0;
/** Where the next slot is written. */
let nextSlot: usize = 0;
/** The slot of the newest call with its own slot; the slot of times being filled (0: none); the number of times in it. */
let owner: usize = 0;
let times: usize = 0;
let repeats: u32 = 0;

/** The setting was changed: starts with an empty ring. */
export function resizeRing(): void {
	release(ring);
	ring = 0;
	capacity = 0;
	total = 0;
	nextSlot = 0;
	owner = 0;
}

/** Takes the slot of the next call. */
function takeSlot(): usize {
	const slot = nextSlot;
	nextSlot += SLOT_BYTES;
	if (nextSlot == ring + capacity * SLOT_BYTES) nextSlot = ring;
	total++;
	return slot;
}

/** Adds a call that differs from the newest one only in time. */
export function repeatEvent(record: usize): void {
	if (capacity == 0) return;
	if (repeats == REPEATS_MAX) {
		const before = owner;
		owner = takeSlot();
		times = 0;
		repeats = 0;
		memory.copy(owner, before, SLOT_BYTES);
		store<u64>(owner, recordTime(record));
		return;
	}
	if (times == 0 || load<u8>(times, 41) == TIMES) {
		times = takeSlot();
		store<u16>(times, REPEATS, 40);
	}
	const count = load<u8>(times, 41);
	store<u8>(times, count + 1, 41);
	store<u64>(times + timeAt(count), recordTime(record));
	repeats++;
}

function timeAt(index: u32): u32 {
	return index < 5 ? index << 3 : (index + 1) << 3;
}

/** Adds the record as a call, or to the call that it is part of. */
export function addEvent(record: usize, connection: Connection): void {
	if (capacity == 0) {
		if (eventsLimit == 0) return;
		ring = allocate(eventsLimit * SLOT_BYTES);
		if (ring == 0) return;
		capacity = eventsLimit;
		nextSlot = ring;
	}
	const incoming = recordDirection(record) == 1;
	const flags = recordFlags(record);
	if (flags & FLAG_PART && recordCallOffset(record) != 0 && connection != NO_CONNECTION) {
		const number = incoming ? connection.lastEventIn : connection.lastEventOut;
		if (number != 0 && total - number < capacity) {
			const slot = ring + <u32>((number - 1) % capacity) * SLOT_BYTES;
			if (load<u64>(slot) == recordTime(record) && load<u32>(slot, 28) == recordTid(record)) {
				store<u32>(slot, load<u32>(slot, 20) + recordCaptured(record), 20);
				store<u32>(slot, load<u32>(slot, 36) | flags, 36);
				return;
			}
		}
	}
	const slot = takeSlot();
	owner = slot;
	times = 0;
	repeats = 0;
	if (connection != NO_CONNECTION) {
		if (incoming) connection.lastEventIn = total;
		else connection.lastEventOut = total;
	}
	// In a record, too, time and connection are adjacent, as are pid and tid, and kind, syscall and direction.
	v128.store(slot, v128.load(record, RECORD_TIME));
	// For other kinds the member means something else (errno, which half).
	const moved = recordKind(record) == CAPTURE_DATA || recordKind(record) == CAPTURE_PEEK;
	store<u32>(slot, moved ? recordCallBytes(record) : 0, 16);
	store<u32>(slot, moved ? recordCaptured(record) : 0, 20);
	store<u64>(slot, load<u64>(record, RECORD_PID), 24);
	store<i32>(slot, recordFd(record), 32);
	store<u32>(slot, flags, 36);
	store<u32>(slot, load<u32>(record, RECORD_VERSION) >> 8, 40);
	v128.store(slot, v128.load(recordComm(record)), 48);
}

/** Writes ENTRY_EVENT for each call, oldest first, the newest `eventsLimit` of them. */
export function writeEvents(): void {
	if (capacity == 0) return;
	const first = total > capacity ? total - capacity : 0;
	let count: u32 = 0;
	for (let number = first; number < total; number++) count += callsOf(slotOf(number));
	let skip = count > eventsLimit ? count - eventsLimit : 0;
	let call: usize = 0;
	for (let number = first; number < total; number++) {
		const slot = slotOf(number);
		const own = load<u8>(slot, 40) != REPEATS;
		if (own) call = slot;
		const calls = callsOf(slot);
		for (let i: u32 = 0; i < calls; i++) {
			if (skip != 0) skip--;
			else if (call != 0 && !writeEvent(call, load<u64>(own ? slot : slot + timeAt(i)))) return;
		}
	}
}

function slotOf(number: u64): usize {
	return ring + <u32>(number % capacity) * SLOT_BYTES;
}

function callsOf(slot: usize): u32 {
	return load<u8>(slot, 40) == REPEATS ? load<u8>(slot, 41) : 1;
}

function writeEvent(slot: usize, time: u64): bool {
	const entry = reserve(ENTRY_EVENT, EVENT_FIXED_BYTES, EVENT_FIXED_BYTES);
	if (entry == 0) return false;
	store<f64>(entry, wallMicroseconds(time), EVENT_TS);
	store<f64>(entry, <f64>load<u64>(slot, 8), EVENT_CONN);
	store<f64>(entry, <f64>load<u32>(slot, 16), EVENT_BYTES);
	store<f64>(entry, <f64>load<u32>(slot, 20), EVENT_CAPTURED_BYTES);
	store<u32>(entry, load<u32>(slot, 24), EVENT_PID);
	store<u32>(entry, load<u32>(slot, 28), EVENT_TID);
	store<i32>(entry, load<i32>(slot, 32), EVENT_FD);
	store<u32>(entry, load<u32>(slot, 36), EVENT_FLAGS);
	store<u32>(entry, load<u8>(slot, 40), EVENT_KIND);
	store<u32>(entry, load<u8>(slot, 41), EVENT_SYSCALL);
	store<u32>(entry, load<u8>(slot, 42), EVENT_DIRECTION);
	memory.copy(entry + EVENT_COMM, slot + 48, 16);
	return true;
}

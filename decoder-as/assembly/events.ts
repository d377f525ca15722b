// The ring of the most recent calls (table `events`): one entry a call, the parts of a call added up.
import { wallMicroseconds } from './clock';
import { CAPTURE_DATA, CAPTURE_PEEK, FLAG_PART } from './capture-event';
import { allocate, release } from './memory';
import { reserve } from './output';
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
} from './output-layout';
import {
	recordCallBytes,
	recordCallOffset,
	recordCaptured,
	recordComm,
	recordConn,
	recordDirection,
	recordFd,
	recordFlags,
	recordKind,
	recordPid,
	recordSyscall,
	recordTid,
	recordTime,
} from './record';
import { eventsLimit } from './settings';
import { Connection, NO_CONNECTION } from './state';

// A slot: u64 time, u64 conn, u32 bytes, u32 captured, u32 pid, u32 tid, i32 fd, u32 flags, u8 kind, syscall, direction,
// padding to 48, 16 bytes comm.
const SLOT_BYTES: u32 = 64;
let ring: usize = 0;
let capacity: u32 = 0;
/** Calls ever put in; the newest is number `total - 1`. */
let total: u64 = 0;

/** The setting changed: the ring begins anew. */
export function resizeRing(): void {
	release(ring);
	ring = 0;
	capacity = 0;
	total = 0;
}

/** Puts the record in, or adds it to the call whose part it is. */
export function addEvent(record: usize, connection: Connection): void {
	if (capacity == 0) {
		if (eventsLimit == 0) return;
		ring = allocate(eventsLimit * SLOT_BYTES);
		if (ring == 0) return;
		capacity = eventsLimit;
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
	const slot = ring + <u32>(total % capacity) * SLOT_BYTES;
	total++;
	if (connection != NO_CONNECTION) {
		if (incoming) connection.lastEventIn = total;
		else connection.lastEventOut = total;
	}
	store<u64>(slot, recordTime(record));
	store<u64>(slot, recordConn(record), 8);
	// Of other kinds the member holds something else (errno, a half).
	const moved = recordKind(record) == CAPTURE_DATA || recordKind(record) == CAPTURE_PEEK;
	store<u32>(slot, moved ? recordCallBytes(record) : 0, 16);
	store<u32>(slot, moved ? recordCaptured(record) : 0, 20);
	store<u32>(slot, recordPid(record), 24);
	store<u32>(slot, recordTid(record), 28);
	store<i32>(slot, recordFd(record), 32);
	store<u32>(slot, flags, 36);
	store<u8>(slot, <u8>recordKind(record), 40);
	store<u8>(slot, <u8>recordSyscall(record), 41);
	store<u8>(slot, <u8>recordDirection(record), 42);
	store<u64>(slot, load<u64>(recordComm(record)), 48);
	store<u64>(slot, load<u64>(recordComm(record), 8), 56);
}

/** Writes ENTRY_EVENT for each, oldest first. */
export function writeEvents(): void {
	if (capacity == 0) return;
	const first = total > capacity ? total - capacity : 0;
	for (let number = first; number < total; number++) {
		const slot = ring + <u32>(number % capacity) * SLOT_BYTES;
		const entry = reserve(ENTRY_EVENT, EVENT_FIXED_BYTES, EVENT_FIXED_BYTES);
		if (entry == 0) return;
		store<f64>(entry, wallMicroseconds(load<u64>(slot)), EVENT_TS);
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
	}
}

// Waiting records, in the order of their offsets: those after a gap that may still be filled, and a response before its
// request. Calls of two threads on one connection may arrive in either order.
import { CHECKED } from '../memory/checks';
import { allocate, release } from '../memory/memory';
import { NO_PENDING, Pending, Stream } from '../memory/state';
import { HEADER_SIZE, recordCaptured, recordOffset, recordTime } from '../wire/record';
import { batch } from './connections';

/** Maximum number of records that may wait. */
const RECORDS: u32 = 8192;
const BYTES: u32 = 1 << 20;

/** The copy of the waiting record. */
export function pendingRecord(pending: Pending): usize {
	return changetype<usize>(pending) + ((offsetof<Pending>() + 7) & ~7);
}

/** Keeps a copy of the record; false if there is no memory. */
export function addPending(stream: Stream, record: usize): bool {
	const bytes = HEADER_SIZE + recordCaptured(record);
	const pending = changetype<Pending>(allocate(((offsetof<Pending>() + 7) & ~7) + bytes));
	if (pending == NO_PENDING) return false;
	pending.offset = recordOffset(record);
	pending.batch = batch;
	pending.bytes = bytes;
	memory.copy(pendingRecord(pending), record, bytes);
	stream.pendingCount++;
	stream.pendingBytes += bytes;
	const last = stream.lastPending;
	if (last == NO_PENDING) {
		pending.next = NO_PENDING;
		stream.firstPending = pending;
		stream.lastPending = pending;
	} else if (last.offset <= pending.offset) {
		pending.next = NO_PENDING;
		last.next = pending;
		stream.lastPending = pending;
	} else if (stream.firstPending.offset > pending.offset) {
		pending.next = stream.firstPending;
		stream.firstPending = pending;
	} else {
		let before = stream.firstPending;
		while (before.next.offset <= pending.offset) before = before.next;
		pending.next = before.next;
		before.next = pending;
	}
	return true;
}

export function tooManyPending(stream: Stream): bool {
	return stream.pendingCount > RECORDS || stream.pendingBytes > BYTES;
}

export function dropFirstPending(stream: Stream): void {
	const first = stream.firstPending;
	if (CHECKED) {
		assert(stream.pendingCount != 0, 'a record that waits is counted');
		assert(stream.pendingBytes >= first.bytes, 'the bytes of a record that waits are counted');
	}
	stream.pendingCount--;
	stream.pendingBytes -= first.bytes;
	stream.firstPending = first.next;
	if (first.next == NO_PENDING) stream.lastPending = NO_PENDING;
	release(changetype<usize>(first));
}

export function dropAllPending(stream: Stream): void {
	while (stream.firstPending != NO_PENDING) dropFirstPending(stream);
}

/** When the first waiting record was made; the maximum time if there is none. */
export function firstPendingTime(stream: Stream): u64 {
	return stream.firstPending == NO_PENDING ? u64.MAX_VALUE : recordTime(pendingRecord(stream.firstPending));
}

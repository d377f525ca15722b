// Counters of table `loss`. The kernel's counts arrive as totals; losses and omissions in the decoder are added up here.
import {
	LOSS_BODY_LIMIT,
	LOSS_CAPTURE_LIMIT,
	LOSS_DECODE_GAP,
	LOSS_IOVEC_BOUND,
	LOSS_MAX,
	LOSS_PEEK,
	LOSS_TABLE_FULL,
	LOSS_ZERO_COPY,
} from '../wire/capture-event';
import { now, wallMicroseconds } from '../wire/clock';

/**
 * For each reason: u64 events and u64 bytes (the kernel's totals), the same two counted here, u64 boot time of the
 * last loss.
 */
const STRIDE: i32 = 40;
const counters = memory.data(STRIDE * LOSS_MAX, 8);

/** Adds `events` events and `bytes` bytes. */
export function count(reason: i32, events: u64, bytes: u64): void {
	const at = counters + reason * STRIDE;
	store<u64>(at, load<u64>(at, 16) + events, 16);
	store<u64>(at, load<u64>(at, 24) + bytes, 24);
	store<u64>(at, now, 32);
}

/** Subtracts bytes counted here that were not lost after all. */
export function uncount(reason: i32, bytes: u64): void {
	const at = counters + reason * STRIDE;
	store<u64>(at, load<u64>(at, 24) - bytes, 24);
}

/** Sets the kernel's totals. They never decrease, so a repeated or late record changes nothing. */
export function total(reason: i32, events: u64, bytes: u64, time: u64): void {
	if (<u32>reason >= <u32>LOSS_MAX || countedHere(reason)) return;
	const at = counters + reason * STRIDE;
	const before = load<u64>(at);
	const beforeBytes = load<u64>(at, 8);
	if (events > before) store<u64>(at, events);
	if (bytes > beforeBytes) store<u64>(at, bytes, 8);
	if (events > before || bytes > beforeBytes) store<u64>(at, time, 32);
}

export function events(reason: i32): f64 {
	if (<u32>reason >= <u32>LOSS_MAX) return 0;
	const at = counters + reason * STRIDE;
	return <f64>(load<u64>(at) + load<u64>(at, 16));
}

export function bytes(reason: i32): f64 {
	if (<u32>reason >= <u32>LOSS_MAX) return 0;
	const at = counters + reason * STRIDE;
	return <f64>(load<u64>(at, 8) + load<u64>(at, 24));
}

export function last(reason: i32): f64 {
	if (<u32>reason >= <u32>LOSS_MAX) return 0;
	const time = load<u64>(counters + reason * STRIDE, 32);
	return time == 0 ? 0 : wallMicroseconds(time);
}

/** Reasons that the decoder counts from the records themselves. Adding the kernel's total would count them twice. */
function countedHere(reason: i32): bool {
	return (
		reason == LOSS_IOVEC_BOUND ||
		reason == LOSS_DECODE_GAP ||
		reason == LOSS_TABLE_FULL ||
		reason == LOSS_BODY_LIMIT ||
		reason == LOSS_CAPTURE_LIMIT ||
		reason == LOSS_ZERO_COPY ||
		reason == LOSS_PEEK
	);
}

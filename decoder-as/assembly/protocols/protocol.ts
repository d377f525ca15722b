// The protocols' interface to connections/: passes the bytes of a stream, in order, to its protocol. HTTP/1 is the only
// one; a stream of anything else is opaque, and its bytes are only counted.
import { prepareMethods } from '../http1/head';
import { CHECKED } from '../memory/checks';
import { OPAQUE, Stream } from '../memory/state';
import * as http1 from './http1';
import { skipOpaque } from './opaque';
import { inheritRole } from './recognition';

/** Called before the first record. */
export function prepare(): void {
	prepareMethods();
}

/** Starts a new stream, perhaps on a connection that is already known. */
export function begin(stream: Stream): void {
	if (stream.connection.opaque) {
		stream.state = OPAQUE;
		skipOpaque(stream);
	}
	inheritRole(stream);
}

/** Takes bytes [from, end) of the stream; returns how many were taken: fewer if the stream has to wait. */
export function take(stream: Stream, from: usize, end: usize): u32 {
	if (stream.state != OPAQUE) {
		if (!CHECKED) return http1.feed(stream, from, end);
		const before = stream.next;
		const taken = http1.feed(stream, from, end);
		assert(taken <= <u32>(end - from) && stream.next == before + taken, 'a stream moves on by what it took');
		return taken;
	}
	stream.next += end - from;
	return <u32>(end - from);
}

/** Takes `bytes` at `from` that end nothing, without advancing the stream; false if they may end something. */
export function takeSimply(stream: Stream, from: usize, bytes: u32): bool {
	return stream.state == OPAQUE || http1.takeSimply(stream, from, bytes);
}

/** Takes `length` bytes that the record counts without their content; returns how many: fewer if it has to wait. */
export function takeUnseen(stream: Stream, length: u64): u64 {
	if (!CHECKED) return http1.feedUnseen(stream, length);
	const before = stream.next;
	const taken = http1.feedUnseen(stream, length);
	assert(taken <= length && stream.next == before + taken, 'a stream moves on by the unseen bytes it took');
	return taken;
}

/** `length` bytes of the stream were not captured. */
export function takeGap(stream: Stream, length: u64): void {
	const before = CHECKED ? stream.next : 0;
	http1.feedGap(stream, length);
	if (CHECKED) assert(stream.next == before + length, 'a stream moves on by the whole of a gap');
}

/** An unknown number of bytes of the stream moved unseen. */
export function takeUncounted(stream: Stream): void {
	http1.feedUncounted(stream);
}

/** No more bytes will come: REASON_*, and whether that properly ends a body of unknown length. */
export function end(stream: Stream, reason: i32, orderly: bool): void {
	http1.endStream(stream, reason, orderly);
}

// The protocols' interface to connections/: passes the bytes of a stream, in order, to its protocol, HTTP/1 or HTTP/2. A
// stream of anything else is opaque, and its bytes are only counted.
import { prepareMethods } from '../http1/head';
import { prepareHuffman } from '../http2/huffman';
import { prepareStaticTable } from '../http2/static-table';
import { CHECKED } from '../memory/checks';
import { FRAMES, NO_HELLO, NO_HTTP2, NO_PREFACE, OPAQUE, Connection, Stream } from '../memory/state';
import * as http1 from './http1';
import { unseenReason } from './http1-bodies';
import * as frames from './http2-frames';
import { acceptPreface, attach, endFrames, forgetPreface, hasPreface, keepPreface, keepsTooMuch, leaveHttp2, returnToHttp1 } from './http2-start';
import { setOpaque, skipUnread } from './opaque';
import { inheritRole } from './recognition';
import { followHello, forgetHello, forgetHellos, leaveHello, mayBeginHello } from './tls';

export { forgetHello, forgetHellos, setOpaque };

/** Called before the first record. */
export function prepare(): void {
	prepareMethods();
	prepareHuffman();
	prepareStaticTable();
}

/** Starts a new stream, perhaps on a connection that is already known. */
export function begin(stream: Stream): void {
	const connection = stream.connection;
	if (connection.opaque) {
		stream.state = OPAQUE;
		skipUnread(stream);
	}
	inheritRole(stream);
	if (connection.http2 != NO_HTTP2) attach(stream, !stream.midstream);
}

/** Takes bytes [from, end) of the stream; returns how many were taken: fewer if the stream has to wait. */
export function take(stream: Stream, from: usize, end: usize): u32 {
	const before = stream.next;
	let taken = <u32>(end - from);
	if (stream.state == OPAQUE) stream.next += taken;
	else taken = takeRead(stream, from, end);
	if (stream.hello != NO_HELLO || mayBeginHello(stream, before, taken)) followHello(stream, before, from, from + taken);
	return taken;
}

function takeRead(stream: Stream, from: usize, end: usize): u32 {
	const before = stream.next;
	if (stream.connection.preface != NO_PREFACE) {
		keepPreface(stream, from, end, before);
		if (keepsTooMuch(stream.connection)) {
			acceptPreface(stream.connection);
			stream.next = before + (end - from);
			return <u32>(end - from);
		}
	}
	let taken: u32 = 0;
	if (stream.state == FRAMES) {
		taken = frames.feed(stream, from, end);
		if (stream.frames.state == frames.REFUTED) returnToHttp1(stream.connection);
	}
	if (stream.state != FRAMES) taken += http1.feed(stream, from + taken, end);
	if (CHECKED) assert(taken <= <u32>(end - from) && stream.next == before + taken, 'a stream moves on by what it took');
	return taken;
}

/** Takes `bytes` at `from` that end nothing, without advancing the stream; false if they may end something. */
export function takeSimply(stream: Stream, from: usize, bytes: u32): bool {
	if (stream.hello != NO_HELLO) return false;
	if (stream.state == OPAQUE) return true;
	return stream.state != FRAMES && stream.connection.preface == NO_PREFACE && http1.takeSimply(stream, from, bytes);
}

/** Takes `length` bytes that the record counts without their content; returns how many: fewer if it has to wait. */
export function takeUnseen(stream: Stream, length: u64): u64 {
	if (length == 0) return 0;
	const before = stream.next;
	decidePreface(stream.connection);
	leaveHello(stream);
	let taken = length;
	if (stream.state == FRAMES) frames.pass(stream, length, unseenReason());
	else taken = http1.feedUnseen(stream, length);
	if (CHECKED) assert(taken <= length && stream.next == before + taken, 'a stream moves on by the unseen bytes it took');
	return taken;
}

/** `length` bytes of the stream were not captured. */
export function takeGap(stream: Stream, length: u64): void {
	const before = CHECKED ? stream.next : 0;
	decidePreface(stream.connection);
	leaveHello(stream);
	if (stream.state == FRAMES) frames.pass(stream, length, http1.gapReason());
	else http1.feedGap(stream, length);
	if (CHECKED) assert(stream.next == before + length, 'a stream moves on by the whole of a gap');
}

/** An unknown number of bytes of the stream moved unseen. */
export function takeUncounted(stream: Stream): void {
	decidePreface(stream.connection);
	leaveHello(stream);
	if (stream.state == FRAMES) frames.loseFrames(stream, stream.frames);
	else http1.feedUncounted(stream);
}

/** No more bytes will come: REASON_*, and whether that properly ends a body of unknown length. */
export function end(stream: Stream, reason: i32, orderly: bool): void {
	leaveHello(stream);
	if (stream.connection.http2 != NO_HTTP2) endFrames(stream, reason);
	else http1.endStream(stream, reason, orderly);
}

/** Nothing more will show whether a client that began like HTTP/2 is one: it is, unless it was answered otherwise. */
export function decidePreface(connection: Connection): void {
	if (connection.preface == NO_PREFACE) return;
	if (connection.suspected && hasPreface(connection)) acceptPreface(connection);
	else forgetPreface(connection);
}

/** The connection is over: forgets what is remembered for its protocol. `reason`: REASON_* for what is still open, or 0. */
export function leave(connection: Connection, reason: i32): void {
	forgetPreface(connection);
	leaveHttp2(connection, reason);
}

// A message whose framing cannot be read has no known end: the bytes skipped during the search for the next head are
// the rest of its body. The message is the stream's `spill` until that head is found or the stream ends.
import { Message, NO_EXCHANGE, NO_MESSAGE, Stream } from '../memory/state';
import * as exchanges from '../rows/exchanges';
import { addBody, addUnseenBody, appendBody, freeMessage, takeOffBody } from '../rows/messages';
import { UNHELD_OTHER } from '../wire/output-layout';

/** Maximum bytes kept as long as the connection has not proved to be HTTP. */
const SUSPECTED_KEPT: u32 = 16384;

/** Makes the message being read the stream's spill. */
export function beginSpill(stream: Stream): void {
	stream.spill = stream.message;
	stream.message = NO_MESSAGE;
}

/** Adds skipped bytes of the current call to the spill. */
export function spillBytes(stream: Stream, at: usize, length: u32): void {
	const spill = stream.spill;
	if (spill == NO_MESSAGE || length == 0) return;
	if (stream.connection.suspected && spill.bodyLength >= SUSPECTED_KEPT) spill.dropped = true;
	addBody(spill, at, length);
}

/** Takes the last `length` skipped bytes back: they are a line that may begin a head. */
export function unspill(stream: Stream, length: u32): void {
	const spill = stream.spill;
	if (spill == NO_MESSAGE || length == 0) return;
	takeOffBody(spill, length);
	spill.endTime = stream.spillTime;
}

/** A supposed head is not one: adds its first `length` bytes, as far as they were kept, to the spill. */
export function spillHead(stream: Stream, head: Message, length: u64): void {
	const spill = stream.spill;
	if (spill == NO_MESSAGE) return;
	const kept = <u32>min<u64>(length, head.headLength);
	appendBody(spill, head.head, kept);
	if (length > kept) addUnseenBody(spill, length - kept, UNHELD_OTHER);
	spill.endTime = head.endTime;
}

/** The spill is over. */
export function endSpill(stream: Stream): void {
	const spill = stream.spill;
	if (spill == NO_MESSAGE) return;
	const exchange = spill.exchange;
	leaveSpill(stream);
	if (exchange != NO_EXCHANGE) exchanges.settle(exchange);
}

/** The stream is no longer read; the fate of the spill's row is decided elsewhere. */
export function leaveSpill(stream: Stream): void {
	const spill = stream.spill;
	if (spill == NO_MESSAGE) return;
	stream.spill = NO_MESSAGE;
	spill.ended = true;
	spill.reading = false;
	if (spill.exchange == NO_EXCHANGE) freeMessage(spill);
}

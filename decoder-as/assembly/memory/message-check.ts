// Invariants of a message, at any time and when its row is written; debug build.
import { Message, VIAS, unheldTotal } from './state';

/** Each byte of the body is held, or counted under the reason why not. */
export function checkBody(message: Message): void {
	assert(message.bodyLength <= message.bodyCapacity, 'a body lies in its block');
	assert(message.bodyLength + unheldTotal(message) == message.bodyBytes, 'a byte of a body is held or counted as not held');
}

export function checkMessage(message: Message): void {
	checkBody(message);
	assert(message.bodyBytes <= message.wireBytes, 'a body is no longer than its message');
	assert(message.headLength <= message.headCapacity, 'a head lies in its block');
	assert(message.fieldCount <= message.fieldCapacity, 'the fields lie in their block');
	assert(liesInHead(message, message.method, message.methodLength), 'the method lies in the head');
	assert(liesInHead(message, message.target, message.targetLength), 'the target lies in the head');
	assert(!message.hasHost || liesInHead(message, message.host, message.hostLength), 'the host lies in the head');
	assert(message.viaCount <= VIAS, 'a message lists at most VIAS calls');
	const heads = changetype<usize>(message) + offsetof<Message>('viaHead');
	const bodies = changetype<usize>(message) + offsetof<Message>('viaBody');
	let carried = message.lostBytes;
	for (let i: u32 = 0; i < VIAS; i++) {
		const bytes = load<u64>(heads + (i << 3)) + load<u64>(bodies + (i << 3));
		assert(i < message.viaCount || bytes == 0, 'bytes are counted for a call that is in the list');
		carried += bytes;
	}
	// For other messages bytes were removed, or came from what had seemed to be another message.
	if (message.damage != 0 || message.unclear || message.odd || message.anomalies != 0) return;
	assert(carried <= message.wireBytes, 'calls carried no more than the message has');
	if (!message.chunked) assert(carried == message.wireBytes, 'a call carried each byte of the message that was not lost');
}

function liesInHead(message: Message, offset: u32, length: u32): bool {
	return length == 0 || offset + length <= message.headLength;
}

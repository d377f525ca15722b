// One message, request or response: its body (every byte is held, or counted under the reason why not), the calls that
// carried it, and its end.
import { clearBytes, copyBytes } from '../memory/bytes';
import { carry } from '../memory/carried';
import { CHECKED } from '../memory/checks';
import { checkBody } from '../memory/message-check';
import * as loss from '../memory/loss';
import { allocate, allocateZeroed, enlarge, memoryInUse, release } from '../memory/memory';
import { bodyLimit, relieveAbove } from '../memory/settings';
import { Exchange, Message, NOT_WATCHED, NO_ITEMS, NO_MESSAGE, NO_PROCESS, unheldAt } from '../memory/state';
import { holdProcess, releaseProcess } from '../tables/processes';
import * as call from '../wire/call';
import { LOSS_BODY_LIMIT, SYSCALL_SENDFILE, SYSCALL_SSL_SENDFILE } from '../wire/capture-event';
import {
	UNHELD_BODY_LIMIT,
	UNHELD_LOST,
	UNHELD_UNSEEN,
	UNHELD_MEMORY,
	UNHELD_SENDFILE,
	UNHELD_SPLICE,
} from '../wire/output-layout';
import { dropItems, leaveWatched, passWatched, watch } from './items';

/** A new message whose first byte is the current call's byte at `offset` of its stream; NO_MESSAGE without memory. */
export function beginMessage(isResponse: bool, offset: u64): Message {
	const message = newMessage();
	if (message == NO_MESSAGE) return message;
	message.isResponse = isResponse;
	message.startTime = call.time;
	message.endTime = call.time;
	message.startOffset = offset;
	message.endOffset = offset;
	message.pid = call.pid;
	message.tid = call.tid;
	message.comm0 = call.comm0;
	message.comm1 = call.comm1;
	message.process = holdProcess(call.pid);
	return message;
}

/** Free messages for reuse, with their buffers for head, fields and body; linked by `exchange`. */
let spare: Message = NO_MESSAGE;
let spareCount: u32 = 0;
const SPARES: u32 = 64;
const SPARE_HEAD_BYTES: u32 = 2048;
const SPARE_FIELDS: u32 = 40;
const SPARE_BODY_BYTES: u32 = 8192;

function newMessage(): Message {
	const message = spare;
	if (message == NO_MESSAGE) return changetype<Message>(allocateZeroed(offsetof<Message>()));
	spare = changetype<Message>(changetype<usize>(message.exchange));
	spareCount--;
	const head = message.head;
	const headCapacity = message.headCapacity;
	const fields = message.fields;
	const fieldCapacity = message.fieldCapacity;
	const body = message.body;
	const bodyCapacity = message.bodyCapacity;
	clearBytes(changetype<usize>(message), offsetof<Message>());
	message.body = body;
	message.bodyCapacity = bodyCapacity;
	message.head = head;
	message.headCapacity = headCapacity;
	message.fields = fields;
	message.fieldCapacity = fieldCapacity;
	return message;
}

export function freeMessage(message: Message): void {
	if (message == NO_MESSAGE) return;
	if (message.items != NO_ITEMS) leaveWatched(message);
	if (message.process != NO_PROCESS) releaseProcess(message.process);
	if (message.bodyCapacity > SPARE_BODY_BYTES || memoryInUse() > relieveAbove >> 1) {
		release(message.body);
		message.body = 0;
		message.bodyCapacity = 0;
	}
	if (spareCount < SPARES && message.headCapacity <= SPARE_HEAD_BYTES && message.fieldCapacity <= SPARE_FIELDS) {
		message.exchange = changetype<Exchange>(changetype<usize>(spare));
		spare = message;
		spareCount++;
		return;
	}
	release(message.body);
	release(message.head);
	release(message.fields);
	release(changetype<usize>(message));
}

/** Adds `length` bytes of the body at `at`, which the current call carried. */
export function addBody(message: Message, at: usize, length: u32): void {
	carry(message, 0, length);
	appendBody(message, at, length);
}

/** Adds bytes of the body that an earlier call carried. */
export function appendBody(message: Message, at: usize, length: u32): void {
	message.bodyBytes += length;
	message.wireBytes += length;
	if (message.watch != NOT_WATCHED) watch(message, at, length);
	if (message.dropped) {
		addUnheld(message, UNHELD_MEMORY, length);
		return;
	}
	let take = length;
	const room = bodyLimit > <u64>message.bodyLength ? bodyLimit - message.bodyLength : 0;
	if (<u64>take > room) {
		take = <u32>room;
		const left = length - take;
		addUnheld(message, UNHELD_BODY_LIMIT, left);
		loss.count(LOSS_BODY_LIMIT, 1, left);
	}
	if (take == 0) return;
	if (take > message.bodyCapacity - message.bodyLength && !growBody(message, take)) {
		addUnheld(message, UNHELD_MEMORY, take);
		message.dropped = true;
		return;
	}
	if (message.bodyLength < message.bodyBytes - length) {
		// There are bytes before these that are not held.
		message.gapped = true;
	}
	copyBytes(message.body + message.bodyLength, at, take);
	message.bodyLength += take;
	if (CHECKED) checkBody(message);
}

/** Removes the last `length` bytes of the body, which were just added but do not belong to it. */
export function takeOffBody(message: Message, length: u32): void {
	if (CHECKED) assert(<u64>length <= message.bodyBytes && <u64>length <= message.wireBytes, 'bytes removed from a body were added to it');
	message.bodyBytes -= length;
	message.wireBytes -= length;
	const memory = takeOffUnheld(message, UNHELD_MEMORY, length);
	const limited = takeOffUnheld(message, UNHELD_BODY_LIMIT, length - memory);
	loss.uncount(LOSS_BODY_LIMIT, limited);
	if (CHECKED) assert(length - memory - limited <= message.bodyLength, 'held bytes removed from a body were held');
	message.bodyLength -= length - memory - limited;
	if (CHECKED) checkBody(message);
}

function takeOffUnheld(message: Message, reason: i32, most: u32): u32 {
	const at = unheldAt(message) + (reason << 3);
	const length = <u32>min<u64>(load<u64>(at), most);
	store<u64>(at, load<u64>(at) - length);
	return length;
}

function growBody(message: Message, more: u32): bool {
	const needed = <u64>message.bodyLength + more;
	if (needed > 0x70000000) return false;
	let capacity = <u32>needed;
	// A complete body of known length gets exactly the room it needs; others grow by at least half.
	if (message.bodyLength != 0) {
		const grown = <u64>message.bodyCapacity + (message.bodyCapacity >> 1);
		if (grown > needed) capacity = <u32>min<u64>(grown, 0x70000000);
		if (<u64>capacity > bodyLimit && bodyLimit >= needed) capacity = <u32>bodyLimit;
	}
	const body = message.body == 0 ? allocate(capacity) : enlarge(message.body, message.bodyLength, capacity);
	if (body == 0) return false;
	message.body = body;
	message.bodyCapacity = capacity;
	return true;
}

/** Counts `length` bytes of the body that are not held, with their UNHELD_* reason. */
export function addUnseenBody(message: Message, length: u64, reason: i32): void {
	message.bodyBytes += length;
	message.wireBytes += length;
	if (message.watch != NOT_WATCHED) passWatched(message, length, reason);
	if (reason != UNHELD_LOST && reason != UNHELD_UNSEEN) carry(message, 0, length);
	else message.lostBytes += length;
	addUnheld(message, reason, length);
	if (CHECKED) checkBody(message);
}

function addUnheld(message: Message, reason: i32, length: u64): void {
	const at = unheldAt(message) + (reason << 3);
	store<u64>(at, load<u64>(at) + length);
}

/** Frees the held body to make room. Its bytes count as not held for lack of memory. */
export function dropBody(message: Message): void {
	message.dropped = true;
	dropItems(message.items);
	if (message.bodyLength == 0) return;
	addUnheld(message, UNHELD_MEMORY, message.bodyLength);
	release(message.body);
	message.body = 0;
	message.bodyLength = 0;
	message.bodyCapacity = 0;
	if (CHECKED) checkBody(message);
}

/** UNHELD_* for bytes that `syscall` moved inside the kernel. */
export function zeroCopyReason(syscall: u32): i32 {
	return syscall == SYSCALL_SENDFILE || syscall == SYSCALL_SSL_SENDFILE ? UNHELD_SENDFILE : UNHELD_SPLICE;
}

/** Checks that the number of messages kept for reuse is right; debug build. */
export function checkSpares(): void {
	let found: u32 = 0;
	for (let message = spare; message != NO_MESSAGE; message = changetype<Message>(changetype<usize>(message.exchange))) found++;
	assert(found == spareCount, 'spare messages are counted');
}

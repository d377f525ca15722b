// A run: calls of one thread on one connection and direction, one after the other, each like the one before but for its
// time and its bytes. Programs that read or write byte by byte make them. What is the same need not be looked up, checked
// and noted again for each; a run is over with the first record that differs, and with the batch.
import { memoryInUse } from '../memory/memory';
import { relieveAbove } from '../memory/settings';
import { Connection, NO_CONNECTION, NO_PENDING, NO_STREAM, Stream } from '../memory/state';
import * as protocol from '../protocols/protocol';
import { repeatEvent } from '../rows/events';
import * as call from '../wire/call';
import { CAPTURE_DATA } from '../wire/capture-event';
import * as clock from '../wire/clock';
import {
	recordBytes,
	recordCaptured,
	recordConn,
	recordDirection,
	recordFlags,
	recordKind,
	recordOffset,
	recordPayload,
	recordTime,
} from '../wire/record';
import { receive } from './lifecycle';

/** The run's newest record, 0 when there is none. */
let newest: usize = 0;
let connection: Connection = NO_CONNECTION;
let stream: Stream = NO_STREAM;
let bytes: u32 = 0;
/** Whether others may follow the newest record was looked at: only when one does. */
let begun: bool = false;

export function endRun(): void {
	newest = 0;
}

/** The record was taken the ordinary way: others like it may follow. */
export function beginRun(record: usize, from: Connection): void {
	newest = record;
	connection = from;
	begun = false;
}

/** May records like the newest one follow it without further questions? */
function mayGoOn(): bool {
	const from = connection;
	const record = newest;
	if (recordKind(record) != CAPTURE_DATA || recordFlags(record) != 0 || from.gone || from.ignored) return false;
	bytes = recordBytes(record);
	if (bytes == 0 || recordCaptured(record) != bytes) return false;
	const incoming = recordDirection(record) == 1;
	stream = incoming ? from.incoming : from.outgoing;
	const other = incoming ? from.outgoing : from.incoming;
	if (stream == NO_STREAM || stream.ended || stream.firstPending != NO_PENDING) return false;
	if (other != NO_STREAM && other.firstPending != NO_PENDING) return false;
	// The record may have set others free that waited.
	call.setCall(record);
	begun = true;
	return true;
}

/** Takes the record when it goes on the run; else false, and nothing was done. */
export function continueRun(record: usize): bool {
	if (newest == 0) return false;
	const like = recordConn(record) == recordConn(newest) && isLike(record, newest) && (begun || mayGoOn());
	if (!like || recordOffset(record) != stream.next || memoryInUse() > relieveAbove) {
		newest = 0;
		return false;
	}
	newest = record;
	const time = recordTime(record);
	clock.advance(time);
	call.repeatCall(record);
	connection.usedAt = time;
	repeatEvent(record);
	const from = recordPayload(record);
	if (protocol.takeSimply(stream, from, bytes)) {
		stream.next += bytes;
		connection.activeAt = time;
	} else if (protocol.take(stream, from, from + bytes) != bytes) {
		// The rest of it has to wait.
		newest = 0;
		receive(connection, record);
	} else {
		connection.activeAt = time;
	}
	return true;
}

/** Everything but time, offset and content, of records of one connection. */
function isLike(a: usize, b: usize): bool {
	const head = v128.and(
		v128.and(i8x16.eq(v128.load(a), v128.load(b)), i8x16.eq(v128.load(a, 16), v128.load(b, 16))),
		v128.and(i8x16.eq(v128.load(a, 32), v128.load(b, 32)), i8x16.eq(v128.load(a, 72), v128.load(b, 72))),
	);
	return i8x16.all_true(head);
}

// A run: consecutive calls of one thread on one connection and direction that differ only in time and bytes, as made by
// programs that read or write byte by byte. What they have in common need not be looked up, checked and noted for each
// call. A run ends with the first record that differs, or with the batch.
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

/** The run's newest record; 0 if there is none. */
let newest: usize = 0;
let connection: Connection = NO_CONNECTION;
let stream: Stream = NO_STREAM;
let bytes: u32 = 0;
/** Whether it has been checked that others may follow the newest record. This is checked only when another one arrives. */
let begun: bool = false;

export function endRun(): void {
	newest = 0;
}

/** The record was taken the ordinary way; records like it may follow. */
export function beginRun(record: usize, from: Connection): void {
	newest = record;
	connection = from;
	begun = false;
}

/** Whether records like the newest one may follow without further checks. */
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
	// The record may have released others that waited.
	call.setCall(record);
	begun = true;
	return true;
}

/** Takes the record if it continues the run. Otherwise returns false and does nothing. */
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

/** Whether two records of a connection are equal except for time, offset and content. */
function isLike(a: usize, b: usize): bool {
	const head = v128.and(
		v128.and(i8x16.eq(v128.load(a), v128.load(b)), i8x16.eq(v128.load(a, 16), v128.load(b, 16))),
		v128.and(i8x16.eq(v128.load(a, 32), v128.load(b, 32)), i8x16.eq(v128.load(a, 72), v128.load(b, 72))),
	);
	return i8x16.all_true(head);
}

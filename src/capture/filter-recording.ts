// Copies some connections of a recording, with everything about their processes.
import {
	CAPTURE_CLOCK,
	CAPTURE_END,
	CAPTURE_LOSS,
	CAPTURE_TLS_MAPPED,
	EVENT_CONN,
	EVENT_PID,
	EVENT_STREAM_OFFSET,
} from '../../decoder-as/assembly/wire/capture-event.ts';
import type { InvokingUser } from '../base/invoking-user.ts';
import { FRAME_PAYLOAD_MAX, RecordingReader, type RecordingWriter } from './recording.ts';
import { Records } from './records.ts';

/** Writes the records of these connections, and those about their processes. Returns the number of records written. */
export function copyConnections(
	path: string,
	writer: RecordingWriter,
	conns: ReadonlySet<bigint>,
	user: InvokingUser,
): number {
	const pids = new Set<number>();
	const wanted = withUnmapped(path, conns, user);
	eachBatch(path, user, (records) => {
		while (records.step()) if (wanted.has(connOf(records))) pids.add(pidOf(records));
	});
	const into = new Uint8Array(FRAME_PAYLOAD_MAX);
	let copied = 0;
	// Batch by batch, because a replay decides at the end of each.
	eachBatch(path, user, (records) => {
		let length = 0;
		while (records.step()) {
			if (!isWanted(records, wanted, pids)) continue;
			into.set(records.record, length);
			length += records.record.byteLength;
			copied++;
		}
		writer.writeBatch(into.subarray(0, length));
	});
	return copied;
}

/** Also the ids that the TLS sessions of these connections had before their connections were known. */
function withUnmapped(path: string, conns: ReadonlySet<bigint>, user: InvokingUser): ReadonlySet<bigint> {
	const all = new Set(conns);
	eachBatch(path, user, (records) => {
		while (records.step()) {
			if (!records.isReadable || records.kind !== CAPTURE_TLS_MAPPED) continue;
			const carrier = records.view.getBigUint64(records.at + EVENT_STREAM_OFFSET, true);
			if (conns.has(carrier)) all.add(connOf(records));
			// Rows that were finished before have the session's own id.
			else if (conns.has(connOf(records))) all.add(carrier);
		}
	});
	return all;
}

function isWanted(records: Records, conns: ReadonlySet<bigint>, pids: ReadonlySet<number>): boolean {
	const { kind } = records;
	// The decoder counts what cannot be read. Clocks, loss counters and the end concern all connections.
	if (!records.isReadable) return true;
	if (kind === CAPTURE_CLOCK || kind === CAPTURE_LOSS || kind === CAPTURE_END) return true;
	const conn = connOf(records);
	return conn === 0n ? pids.has(pidOf(records)) : conns.has(conn);
}

function connOf(records: Records): bigint {
	if (!records.isRecord || records.kind === CAPTURE_LOSS) return 0n;
	return records.view.getBigUint64(records.at + EVENT_CONN, true);
}

function pidOf(records: Records): number {
	return records.view.getUint32(records.at + EVENT_PID, true);
}

function eachBatch(path: string, user: InvokingUser, take: (records: Records) => void): void {
	const reader = new RecordingReader(path, user);
	const frame = new Uint8Array(FRAME_PAYLOAD_MAX);
	try {
		for (let length = reader.nextBatch(frame); length > 0; length = reader.nextBatch(frame))
			take(new Records(frame.subarray(0, length)));
	} finally {
		reader.close();
	}
}

// Capture records as objects, parsed with the generated offsets.
import * as wire from '../decoder-as/assembly/wire/capture-event.ts';

/** Flags that depend on how long the machine took. */
const OF_SILENCES = wire.FLAG_ALL_READ | wire.FLAG_UNREAD;

export type CapturedRecord = {
	readonly kind: number;
	readonly syscall: number;
	readonly direction: number;
	readonly flags: number;
	readonly role: number;
	readonly family: number;
	readonly pid: number;
	readonly tid: number;
	readonly fd: number;
	readonly callBytes: number;
	readonly callOffset: number;
	readonly bytes: number;
	readonly timeNs: bigint;
	readonly conn: number;
	readonly offset: number;
	readonly comm: string;
	readonly payload: Buffer;
};

/** Parses the records of a batch; throws if one is malformed. */
export function parseRecords(batch: Uint8Array): CapturedRecord[] {
	const records: CapturedRecord[] = [];
	const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
	for (let at = 0; at < batch.byteLength; ) {
		const u32 = (offset: number) => view.getUint32(at + offset, true);
		const size = u32(wire.EVENT_SIZE);
		const captured = u32(wire.EVENT_CAPTURED_BYTES);
		const begin = at + wire.CAPTURE_EVENT_HEADER_BYTES;
		if (size !== wire.CAPTURE_EVENT_HEADER_BYTES + captured || begin + captured > batch.byteLength)
			throw new Error(`record at ${at}: size ${size}, captured ${captured}`);
		if (view.getUint8(at + wire.EVENT_VERSION) !== wire.CAPTURE_EVENT_VERSION) throw new Error('wrong version');
		if (u32(wire.EVENT_RESERVED) !== 0) throw new Error('reserved member is not 0');
		const connFlags = u32(wire.EVENT_CONN_FLAGS);
		records.push({
			kind: view.getUint8(at + wire.EVENT_KIND),
			syscall: view.getUint8(at + wire.EVENT_SYSCALL),
			direction: view.getUint8(at + wire.EVENT_DIRECTION),
			flags: u32(wire.EVENT_FLAGS) & ~OF_SILENCES,
			role: connFlags & 0xff,
			family: connFlags >>> 8,
			pid: u32(wire.EVENT_PID),
			tid: u32(wire.EVENT_TID),
			fd: view.getInt32(at + wire.EVENT_FD, true),
			callBytes: u32(wire.EVENT_CALL_BYTES),
			callOffset: u32(wire.EVENT_CALL_OFFSET),
			bytes: u32(wire.EVENT_BYTES),
			timeNs: view.getBigUint64(at + wire.EVENT_TIME_NS, true),
			conn: Number(view.getBigUint64(at + wire.EVENT_CONN, true)),
			offset: Number(view.getBigUint64(at + wire.EVENT_STREAM_OFFSET, true)),
			comm: Buffer.from(batch.subarray(at + wire.EVENT_COMM, at + wire.EVENT_COMM + wire.CAPTURE_COMM_BYTES))
				.toString('latin1')
				.replace(/\0.*$/s, ''),
			payload: Buffer.from(batch.subarray(begin, begin + captured)),
		});
		at += (size + 7) & ~7;
	}
	return records;
}

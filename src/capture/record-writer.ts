// Writes what another program captured as records of a capture (docs/event-schema.md), as if the calls of a process had
// been seen.
import {
	CAPTURE_ADDRESSES_BYTES,
	CAPTURE_CLOSE,
	CAPTURE_CLOSE_BYTES,
	CAPTURE_DATA,
	CAPTURE_EOF,
	CAPTURE_ERROR,
	CAPTURE_EVENT_HEADER_BYTES,
	CAPTURE_EVENT_PAYLOAD_MAX,
	CAPTURE_EVENT_VERSION,
	CAPTURE_OPEN,
	CAPTURE_SHUTDOWN,
	DIRECTION_IN,
	EVENT_BYTES,
	EVENT_CALL_BYTES,
	EVENT_CALL_OFFSET,
	EVENT_CAPTURED_BYTES,
	EVENT_COMM,
	EVENT_CONN,
	EVENT_CONN_FLAGS,
	EVENT_DIRECTION,
	EVENT_FD,
	EVENT_FLAGS,
	EVENT_KIND,
	EVENT_PID,
	EVENT_SIZE,
	EVENT_STREAM_OFFSET,
	EVENT_SYSCALL,
	EVENT_TID,
	EVENT_TIME_NS,
	EVENT_VERSION,
	FLAG_AFTER_UNSEEN,
	FLAG_CUT_BODY_LIMIT,
	FLAG_MIDSTREAM,
	FLAG_PART,
	LOSS_UNSEEN,
} from '../../decoder-as/assembly/wire/capture-event.ts';
import { clockRecord, endRecord, lossRecord, socketFact } from './fact-record.ts';
import { FRAME_PAYLOAD_MAX } from './recording-format.ts';

const SHUT_WR = 1;
const ECONNRESET = 104;
/** The most bytes that one record stands for: a multiple of the page size below 2 GiB, as a call moves at most. */
const CALL_MAX = 0x7fff_f000;

/** The connection of a record. */
export type RecordConnection = {
	readonly id: number;
	/** enum capture_role and the address family. */
	readonly flags: number;
	/** The peer's address and the local one, CAPTURE_ADDRESSES_BYTES; empty if they are not known. */
	readonly addresses: Buffer;
	readonly midstream: boolean;
	/** The process; 0 if it is not known. */
	readonly pid: number;
	/** Its name, at most 15 bytes. */
	readonly comm: Buffer;
};

/** A stretch of a stream: `length` bytes, of which bytes.subarray(start, end) were captured. */
export type Stretch = {
	readonly bytes: Buffer;
	readonly start: number;
	readonly end: number;
	readonly length: number;
	/** Where it begins in the stream. */
	readonly offset: number;
	/** Bytes before it are missing. */
	readonly afterHole: boolean;
	/** Bytes before this offset are not wanted. */
	readonly skipUntil: number;
	/** enum capture_syscall; 0 if it is not known. */
	readonly syscall: number;
	/** Why bytes at its end were not captured: one of FLAG_CUT_… or FLAG_ZERO_COPY. */
	readonly cutFlag: number;
};

/** Collects records in batches of up to FRAME_PAYLOAD_MAX bytes. */
export class RecordBatches {
	/** Bytes of complete batches and of the current one. */
	waitingBytes = 0;
	/** Nanoseconds since a fixed instant; of the current packet. 0 if it is not known. */
	timeNs = 1;
	/** The same if a number cannot hold it exactly: after 104 days. */
	#exactNs: bigint | undefined;
	#batches: Buffer[] = [];
	#free: Buffer[] = [];
	#batch: Buffer = Buffer.alloc(FRAME_PAYLOAD_MAX);
	#length = 0;
	#lengths: number[] = [];

	/** Copies the next batch into `into` and returns its length; 0 if there is none. */
	take(into: Uint8Array): number {
		if (this.#batches.length === 0) this.#finishBatch();
		const batch = this.#batches.shift();
		const length = this.#lengths.shift();
		if (batch === undefined || length === undefined) return 0;
		into.set(batch.subarray(0, length));
		this.#free.push(batch);
		this.waitingBytes -= length;
		return length;
	}

	/** Sets the time in whole microseconds, however late. */
	setTimeUs(us: number): void {
		this.timeNs = us * 1000;
		this.#exactNs = Number.isSafeInteger(this.timeNs) ? undefined : BigInt(us) * 1000n;
	}

	get #time(): bigint {
		return this.#exactNs ?? BigInt(this.timeNs);
	}

	clock(wallNs: bigint): void {
		this.#copy(clockRecord(this.#time, wallNs));
	}

	/** Bytes that no packet contains, and the places where they are missing: totals. */
	unseen(places: number, bytes: number): void {
		this.#copy(lossRecord(this.#time, LOSS_UNSEEN, BigInt(places), BigInt(bytes)));
	}

	end(): void {
		this.#copy(endRecord(this.#time));
	}

	open(connection: RecordConnection): void {
		const at = this.#begin(CAPTURE_OPEN, connection, connection.addresses.length);
		if (connection.midstream) this.#batch.writeUInt32LE(FLAG_MIDSTREAM, at + EVENT_FLAGS);
		connection.addresses.copy(this.#batch, at + CAPTURE_EVENT_HEADER_BYTES);
	}

	/** Addresses as text: `ip:port`, `[v6]:port`, `unix:/path`, or empty. */
	addresses({ id, pid }: RecordConnection, local: string, remote: string): void {
		const question = { conn: id, pid, fd: -1 };
		this.#copy(socketFact(this.#time, question, { kind: 'socket', local, remote }));
	}

	/** Bytes in one direction; several records if they are many. */
	data(connection: RecordConnection, direction: number, stretch: Stretch): void {
		const { bytes, start, end, length, offset, afterHole, skipUntil, syscall, cutFlag } = stretch;
		const unwanted = Math.max(0, Math.min(length, skipUntil - offset));
		const part = (done: number, moved: number, from: number, to: number, cut: number): void =>
			this.#stretch(connection, direction, {
				...{ bytes, start: from, end: to, length: moved, offset: offset + done, syscall, cut },
				callBytes: Math.min(length, CALL_MAX),
				callOffset: done % CALL_MAX,
				afterHole: afterHole && done === 0,
			});
		if (unwanted > 0) part(0, unwanted, start, start, FLAG_CUT_BODY_LIMIT);
		for (let done = unwanted; done < length; ) {
			const from = Math.min(start + done, end);
			const captured = Math.min(end - from, CAPTURE_EVENT_PAYLOAD_MAX);
			// The last record stands for what was not captured, too.
			const isLast = from + captured >= end;
			const moved = isLast ? Math.min(length - done, CALL_MAX) : captured;
			part(done, moved, from, from + captured, captured < moved ? cutFlag : 0);
			done += moved;
		}
	}

	/** The sender of this direction sends nothing more. */
	finished(connection: RecordConnection, direction: number): void {
		const isIn = direction === DIRECTION_IN;
		const at = this.#begin(isIn ? CAPTURE_EOF : CAPTURE_SHUTDOWN, connection, 0);
		this.#batch.writeUInt8(direction, at + EVENT_DIRECTION);
		if (!isIn) this.#batch.writeUInt32LE(SHUT_WR, at + EVENT_CALL_BYTES);
	}

	/** The client reset the connection. */
	reset(connection: RecordConnection): void {
		const at = this.#begin(CAPTURE_ERROR, connection, 0);
		this.#batch.writeUInt8(DIRECTION_IN, at + EVENT_DIRECTION);
		this.#batch.writeUInt32LE(ECONNRESET, at + EVENT_CALL_BYTES);
	}

	/** The end of a connection, at these offsets. */
	close(connection: RecordConnection, offsetIn: number, offsetOut: number, afterHole: boolean): void {
		const at = this.#begin(CAPTURE_CLOSE, connection, CAPTURE_CLOSE_BYTES);
		const payload = at + CAPTURE_EVENT_HEADER_BYTES;
		if (afterHole) this.#batch.writeUInt32LE(FLAG_AFTER_UNSEEN, at + EVENT_FLAGS);
		this.#batch.fill(0, payload, payload + CAPTURE_CLOSE_BYTES);
		connection.addresses.copy(this.#batch, payload);
		this.#u64(payload + CAPTURE_ADDRESSES_BYTES, offsetIn);
		this.#u64(payload + CAPTURE_ADDRESSES_BYTES + 8, offsetOut);
	}

	#stretch(
		connection: RecordConnection,
		direction: number,
		part: Omit<Stretch, 'skipUntil' | 'cutFlag'> & {
			readonly callBytes: number;
			readonly callOffset: number;
			readonly cut: number;
		},
	): void {
		const captured = part.end - part.start;
		const at = this.#begin(CAPTURE_DATA, connection, captured);
		const batch = this.#batch;
		const isPart = part.length < part.callBytes;
		batch.writeUInt8(direction, at + EVENT_DIRECTION);
		batch.writeUInt8(part.syscall, at + EVENT_SYSCALL);
		batch.writeUInt32LE(
			part.cut | (isPart ? FLAG_PART : 0) | (part.afterHole ? FLAG_AFTER_UNSEEN : 0),
			at + EVENT_FLAGS,
		);
		batch.writeUInt32LE(part.callBytes, at + EVENT_CALL_BYTES);
		batch.writeUInt32LE(part.callOffset, at + EVENT_CALL_OFFSET);
		batch.writeUInt32LE(part.length, at + EVENT_BYTES);
		this.#u64(at + EVENT_STREAM_OFFSET, part.offset);
		if (captured > 0) part.bytes.copy(batch, at + CAPTURE_EVENT_HEADER_BYTES, part.start, part.end);
	}

	/** Makes room for a record, writes its header, and returns where it begins in the current batch. */
	#begin(kind: number, connection: RecordConnection, payload: number): number {
		const at = this.#room(CAPTURE_EVENT_HEADER_BYTES + payload);
		const batch = this.#batch;
		batch.fill(0, at, at + CAPTURE_EVENT_HEADER_BYTES);
		batch.writeUInt32LE(CAPTURE_EVENT_HEADER_BYTES + payload, at + EVENT_SIZE);
		batch.writeUInt8(CAPTURE_EVENT_VERSION, at + EVENT_VERSION);
		batch.writeUInt8(kind, at + EVENT_KIND);
		batch.writeUInt32LE(connection.flags, at + EVENT_CONN_FLAGS);
		batch.writeUInt32LE(connection.pid, at + EVENT_PID);
		batch.writeUInt32LE(connection.pid, at + EVENT_TID);
		connection.comm.copy(batch, at + EVENT_COMM);
		batch.writeInt32LE(-1, at + EVENT_FD);
		batch.writeUInt32LE(payload, at + EVENT_CAPTURED_BYTES);
		if (this.#exactNs === undefined) this.#u64(at + EVENT_TIME_NS, this.timeNs);
		else batch.writeBigUInt64LE(this.#exactNs, at + EVENT_TIME_NS);
		this.#u64(at + EVENT_CONN, connection.id);
		return at;
	}

	#copy(record: Buffer): void {
		const at = this.#room(record.length);
		record.copy(this.#batch, at);
	}

	/** Reserves room for a record of `size` bytes, padded to a multiple of 8. */
	#room(size: number): number {
		const padded = (size + 7) & ~7;
		if (this.#length + padded > FRAME_PAYLOAD_MAX) this.#finishBatch();
		const at = this.#length;
		this.#batch.fill(0, at + size, at + padded);
		this.#length += padded;
		this.waitingBytes += padded;
		return at;
	}

	#finishBatch(): void {
		if (this.#length === 0) return;
		this.#batches.push(this.#batch);
		this.#lengths.push(this.#length);
		this.#batch = this.#free.pop() ?? Buffer.alloc(FRAME_PAYLOAD_MAX);
		this.#length = 0;
	}

	#u64(at: number, value: number): void {
		this.#batch.writeUInt32LE(value % 2 ** 32, at);
		this.#batch.writeUInt32LE(Math.floor(value / 2 ** 32), at + 4);
	}
}

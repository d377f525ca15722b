// Records that user space adds to the stream, in the kernel's format: clock readings, addresses, names, loss counters,
// the end.
import {
	CAPTURE_CLOCK,
	CAPTURE_CONN_HTTP2,
	CAPTURE_END,
	CAPTURE_EVENT_HEADER_BYTES,
	CAPTURE_EVENT_VERSION,
	CAPTURE_FACT_PROCESS,
	CAPTURE_FACT_SOCKET,
	CAPTURE_LOSS,
	CAPTURE_OPEN,
	CAPTURE_OPEN_AT_REST_BYTES,
	EVENT_BYTES,
	EVENT_CALL_BYTES,
	EVENT_CAPTURED_BYTES,
	EVENT_COMM,
	EVENT_CONN,
	EVENT_CONN_FLAGS,
	EVENT_FD,
	EVENT_FLAGS,
	EVENT_KIND,
	EVENT_PID,
	EVENT_SIZE,
	EVENT_STREAM_OFFSET,
	EVENT_TIME_NS,
	EVENT_VERSION,
	FLAG_MIDSTREAM,
} from '../../decoder-as/assembly/wire/capture-event.ts';

/** Room for two paths and a command line. */
const PAYLOAD_MAX = 16_384;

/** Offsets of the two streams of a connection. */
export type StreamOffsets = { readonly in: number; readonly out: number };

type Members = {
	readonly kind: number;
	readonly timeNs: bigint;
	readonly pid?: number;
	readonly fd?: number;
	readonly conn?: number;
	readonly callBytes?: number;
	readonly streamOffset?: bigint;
	readonly payload?: Uint8Array;
};

/** A pair of clocks: CLOCK_BOOTTIME and nanoseconds since the epoch at the same instant. */
export function clockRecord(timeNs: bigint, wallNs: bigint): Buffer {
	return record({ kind: CAPTURE_CLOCK, timeNs, streamOffset: wallNs });
}

/** The answer about a descriptor's socket. Addresses are `ip:port`, `[v6]:port`, `unix:/path`, or empty. */
export function socketFact(
	timeNs: bigint,
	question: { readonly conn: number; readonly pid: number; readonly fd: number },
	answer: { readonly kind: 'socket' | 'file' | 'unknown'; readonly local: string; readonly remote: string },
): Buffer {
	const payload = Buffer.from(`${answer.kind}\n${answer.local}\n${answer.remote}\n`);
	return record({ kind: CAPTURE_FACT_SOCKET, timeNs, ...question, payload });
}

/** Facts about a process, one character per byte. The arguments in `cmdline` are separated by 0x1F. */
export function processFact(
	timeNs: bigint,
	pid: number,
	facts: { readonly comm: string; readonly cgroup: string; readonly cmdline: string; readonly exe: string },
): Buffer {
	const payload = Buffer.from(`${facts.comm}\0${facts.cgroup}\0${facts.cmdline}\0${facts.exe}`, 'latin1');
	return record({ kind: CAPTURE_FACT_PROCESS, timeNs, pid, payload });
}

/**
 * A connection that was open when the recording began: its first bytes are missing, which does not count as a loss. `atRest`: no exchange
 * was in progress, and its streams had reached these offsets.
 */
export function openConnectionRecord(
	timeNs: bigint,
	connection: {
		readonly conn: number;
		readonly pid: number;
		readonly role: number;
		readonly isHttp2: boolean;
		readonly comm: Uint8Array;
		readonly atRest: StreamOffsets | undefined;
		/** How long connecting took; 0n: not known. */
		readonly connectNs: bigint;
	},
): Buffer {
	const { conn, pid, role, isHttp2, comm, atRest, connectNs } = connection;
	const offsets = Buffer.alloc(atRest === undefined ? 0 : CAPTURE_OPEN_AT_REST_BYTES);
	if (atRest !== undefined) {
		offsets.writeBigUInt64LE(BigInt(atRest.in), 0);
		offsets.writeBigUInt64LE(BigInt(atRest.out), 8);
	}
	const bytes = record({ kind: CAPTURE_OPEN, timeNs, conn, pid, streamOffset: connectNs, payload: offsets });
	bytes.writeUInt32LE(FLAG_MIDSTREAM, EVENT_FLAGS);
	bytes.writeUInt32LE(isHttp2 ? role | CAPTURE_CONN_HTTP2 : role, EVENT_CONN_FLAGS);
	bytes.set(comm.subarray(0, CAPTURE_EVENT_HEADER_BYTES - EVENT_COMM - 1), EVENT_COMM);
	return bytes;
}

/** The totals of one loss reason since the start. */
export function lossRecord(timeNs: bigint, reason: number, events: bigint, bytes: bigint): Buffer {
	return record({ kind: CAPTURE_LOSS, timeNs, callBytes: reason, conn: Number(bytes), streamOffset: events });
}

/** Replaces bytes of a recording that cannot be read. No decoder knows its version, so each counts it (loss: decode_gap). */
export function gapRecord(bytes: number): Buffer {
	const gap = record({ kind: 0, timeNs: 0n });
	gap.writeUInt8(0, EVENT_VERSION);
	gap.writeUInt32LE(Math.min(bytes, 0xffffffff), EVENT_BYTES);
	return gap;
}

/** The end of the source. */
export function endRecord(timeNs: bigint): Buffer {
	return record({ kind: CAPTURE_END, timeNs });
}

function record(members: Members): Buffer {
	const payload = (members.payload ?? new Uint8Array(0)).subarray(0, PAYLOAD_MAX);
	const size = CAPTURE_EVENT_HEADER_BYTES + payload.byteLength;
	const bytes = Buffer.alloc((size + 7) & ~7);
	bytes.writeUInt32LE(size, EVENT_SIZE);
	bytes.writeUInt8(CAPTURE_EVENT_VERSION, EVENT_VERSION);
	bytes.writeUInt8(members.kind, EVENT_KIND);
	bytes.writeUInt32LE(members.pid ?? 0, EVENT_PID);
	bytes.writeInt32LE(members.fd ?? -1, EVENT_FD);
	bytes.writeUInt32LE(members.callBytes ?? 0, EVENT_CALL_BYTES);
	bytes.writeUInt32LE(payload.byteLength, EVENT_CAPTURED_BYTES);
	bytes.writeBigUInt64LE(members.timeNs, EVENT_TIME_NS);
	bytes.writeBigUInt64LE(BigInt(members.conn ?? 0), EVENT_CONN);
	bytes.writeBigUInt64LE(members.streamOffset ?? 0n, EVENT_STREAM_OFFSET);
	bytes.set(payload, CAPTURE_EVENT_HEADER_BYTES);
	return bytes;
}

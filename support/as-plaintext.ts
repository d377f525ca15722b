// Records of conversations in clear, turned into those of the same conversations over TLS: each call of a program becomes one
// of its library, and calls that move ciphertext come before, after and between them.
import * as wire from '../decoder-as/assembly/wire/capture-event.ts';
import type { Random } from './random-conversation.ts';
import { buildRecord, CLIENT_HELLO, type RecordFields, SERVER_HELLO } from './record-builder.ts';

/**
 * Bytes of ciphertext that a connection has carried, whether plaintext was seen, and how many more calls of the library come
 * before it is known that they belong to the connection.
 */
type Carried = { cipherIn: bigint; cipherOut: bigint; isClient: boolean; hasBegun: boolean; unmapped: number };

/** Added to the id of a connection: the id of its session while that is not known to be its. */
const UNMAPPED = 1n << 40n;

/** Records of DATA, OPEN, EOF and CLOSE change; the others stay as they are. */
export function asPlaintext(records: readonly Uint8Array[], random: Random): Uint8Array[] {
	const carried = new Map<bigint, Carried>();
	const result: Uint8Array[] = [];
	for (const record of records) {
		const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
		const conn = view.getBigUint64(wire.EVENT_CONN, true);
		const kind = view.getUint8(wire.EVENT_KIND);
		const connection = conn === 0n ? undefined : connectionOf(carried, conn, view, random);
		if (connection === undefined) {
			result.push(record);
			continue;
		}
		const cipher = (direction: number, payload: Uint8Array): void => {
			const isIncoming = direction === wire.DIRECTION_IN;
			const offset = isIncoming ? connection.cipherIn : connection.cipherOut;
			const syscall = isIncoming ? wire.SYSCALL_READ : wire.SYSCALL_WRITE;
			result.push(buildRecord({ ...commonOf(view), kind: wire.CAPTURE_DATA, direction, syscall, offset, payload }));
			if (isIncoming) connection.cipherIn += BigInt(payload.length);
			else connection.cipherOut += BigInt(payload.length);
		};
		if (kind === wire.CAPTURE_OPEN) {
			result.push(record);
			cipher(connection.isClient ? wire.DIRECTION_OUT : wire.DIRECTION_IN, CLIENT_HELLO);
			cipher(connection.isClient ? wire.DIRECTION_IN : wire.DIRECTION_OUT, SERVER_HELLO);
		} else if (kind === wire.CAPTURE_DATA) {
			const direction = view.getUint8(wire.EVENT_DIRECTION);
			if (random.chance(0.5)) cipher(direction, someCiphertext(random));
			const call = libraryCall(record, direction);
			if (connection.unmapped > 0) {
				if (!connection.hasBegun) result.push(unmappedOpen(view));
				setUnmapped(call);
			}
			result.push(call);
			connection.hasBegun = true;
			if (--connection.unmapped === 0) result.push(mapped(view));
			if (random.chance(0.2)) cipher(random.pick([wire.DIRECTION_IN, wire.DIRECTION_OUT]), someCiphertext(random));
		} else if (kind === wire.CAPTURE_EOF) {
			const copy = record.slice();
			new DataView(copy.buffer).setBigUint64(wire.EVENT_STREAM_OFFSET, connection.cipherIn, true);
			result.push(copy);
		} else if (kind === wire.CAPTURE_CLOSE) {
			const before = random.chance(0.7);
			if (connection.hasBegun && connection.unmapped > 0) result.push(mapped(view));
			const sessionEnd = endOfSession(record, view);
			if (before && connection.hasBegun) result.push(sessionEnd);
			result.push(endOfConnection(record, connection));
			// A library may free its session later, when it is of no interest any more.
			if (!before && random.chance(0.5)) result.push(sessionEnd);
		} else {
			result.push(record);
		}
	}
	return result;
}

function connectionOf(carried: Map<bigint, Carried>, conn: bigint, view: DataView, random: Random): Carried {
	let connection = carried.get(conn);
	if (connection === undefined) {
		const isClient = (view.getUint32(wire.EVENT_CONN_FLAGS, true) & 0xff) === wire.ROLE_CONNECTED;
		connection = {
			cipherIn: 0n,
			cipherOut: 0n,
			isClient,
			hasBegun: false,
			unmapped: random.chance(0.3) ? random.between(1, 4) : 0,
		};
		carried.set(conn, connection);
	}
	return connection;
}

/** Who made the call, when, and on which connection. */
function commonOf(view: DataView): Partial<RecordFields> {
	return {
		pid: view.getUint32(wire.EVENT_PID, true),
		tid: view.getUint32(wire.EVENT_TID, true),
		timeNs: view.getBigUint64(wire.EVENT_TIME_NS, true),
		conn: view.getBigUint64(wire.EVENT_CONN, true),
		role: view.getUint32(wire.EVENT_CONN_FLAGS, true) & 0xff,
		flags: view.getUint32(wire.EVENT_FLAGS, true) & wire.FLAG_MIDSTREAM,
	};
}

/** Anything from a byte to a record of TLS. */
function someCiphertext(random: Random): Uint8Array {
	const bytes = Uint8Array.from({ length: random.between(1, 40) }, () => random.between(0, 255));
	if (random.chance(0.7)) bytes.set([23, 3, 3].slice(0, bytes.length));
	return bytes;
}

function libraryCall(record: Uint8Array, direction: number): Uint8Array {
	const copy = record.slice();
	const view = new DataView(copy.buffer);
	const flags = view.getUint32(wire.EVENT_FLAGS, true);
	const isSent = (flags & wire.FLAG_ZERO_COPY) !== 0;
	const syscall =
		direction === wire.DIRECTION_IN
			? wire.SYSCALL_SSL_READ
			: isSent
				? wire.SYSCALL_SSL_SENDFILE
				: wire.SYSCALL_SSL_WRITE;
	view.setUint8(wire.EVENT_SYSCALL, syscall);
	// Only the socket's own calls tell whether everything has been read.
	const left = flags & ~(wire.FLAG_ALL_READ | wire.FLAG_UNREAD);
	view.setUint32(wire.EVENT_FLAGS, left | wire.FLAG_PLAINTEXT, true);
	view.setUint32(wire.EVENT_RESERVED, wire.TLS_LIBRARY_OPENSSL, true);
	return copy;
}

function setUnmapped(record: Uint8Array): void {
	const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
	view.setBigUint64(wire.EVENT_CONN, view.getBigUint64(wire.EVENT_CONN, true) + UNMAPPED, true);
	// The role is kept, which the kernel side does not know, because the first bytes may be too few to tell it.
	const flags = view.getUint32(wire.EVENT_CONN_FLAGS, true);
	view.setUint32(wire.EVENT_CONN_FLAGS, flags | wire.CAPTURE_CONN_TLS_UNMAPPED, true);
}

function unmappedOpen(view: DataView): Uint8Array {
	const record = buildRecord({ ...commonOf(view), kind: wire.CAPTURE_OPEN });
	setUnmapped(record);
	return record;
}

function mapped(view: DataView): Uint8Array {
	const common = commonOf(view);
	const record = buildRecord({
		...common,
		kind: wire.CAPTURE_TLS_MAPPED,
		offset: common.conn!,
		flags: wire.FLAG_PLAINTEXT,
	});
	setUnmapped(record);
	return record;
}

/** The same CAPTURE_CLOSE for the session: with its offsets, without addresses. */
function endOfSession(record: Uint8Array, view: DataView): Uint8Array {
	const copy = record.slice();
	const flags = view.getUint32(wire.EVENT_FLAGS, true);
	new DataView(copy.buffer).setUint32(wire.EVENT_FLAGS, flags | wire.FLAG_PLAINTEXT, true);
	const from = wire.CAPTURE_EVENT_HEADER_BYTES;
	if (copy.length > from) copy.fill(0, from, from + wire.CAPTURE_ADDRESSES_BYTES);
	return copy;
}

/** The CAPTURE_CLOSE of the connection: with the offsets of the ciphertext. */
function endOfConnection(record: Uint8Array, { cipherIn, cipherOut }: Carried): Uint8Array {
	const copy = record.slice();
	const at = wire.CAPTURE_EVENT_HEADER_BYTES + wire.CAPTURE_ADDRESSES_BYTES;
	if (copy.length < at + 16) return copy;
	const view = new DataView(copy.buffer);
	view.setBigUint64(at, cipherIn, true);
	view.setBigUint64(at + 8, cipherOut, true);
	return copy;
}

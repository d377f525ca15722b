// Capture records for tests: what the kernel would have sent for a conversation, written call by call. Offsets and
// times advance automatically; a test can set any of them to a wrong value.
import * as wire from '../decoder-as/assembly/wire/capture-event.ts';

export type RecordFields = {
	kind: number;
	version: number;
	syscall: number;
	direction: number;
	flags: number;
	role: number;
	family: number;
	pid: number;
	tid: number;
	fd: number;
	callBytes: number;
	callOffset: number;
	/** Default: the payload's length. */
	bytes: number;
	timeNs: bigint;
	conn: bigint;
	offset: bigint;
	/** enum capture_tls_library of a record with FLAG_PLAINTEXT. */
	library: number;
	/** CAPTURE_CONN_*. */
	connFlags: number;
	comm: string;
	payload: Uint8Array;
};

/** Records are made in chunks of zeros, because tests make millions of them and a buffer for each is slow. */
const CHUNK_BYTES = 1 << 18;
let chunk = new DataView(new ArrayBuffer(0));
let used = 0;

/** One record, not padded. */
export function buildRecord(fields: Partial<RecordFields> & { kind: number }): Uint8Array {
	const { payload } = fields;
	const captured = payload?.length ?? 0;
	const size = wire.CAPTURE_EVENT_HEADER_BYTES + captured;
	if (used + size > chunk.byteLength) {
		chunk = new DataView(new ArrayBuffer(Math.max(CHUNK_BYTES, size)));
		used = 0;
	}
	const view = chunk;
	const at = used;
	used += (size + 7) & ~7;
	const record = new Uint8Array(view.buffer, at, size);
	const bytes = fields.bytes ?? (fields.kind === wire.CAPTURE_DATA ? captured : 0);
	view.setUint32(at + wire.EVENT_SIZE, size, true);
	view.setUint8(at + wire.EVENT_VERSION, fields.version ?? wire.CAPTURE_EVENT_VERSION);
	view.setUint8(at + wire.EVENT_KIND, fields.kind);
	view.setUint8(at + wire.EVENT_SYSCALL, fields.syscall ?? 0);
	view.setUint8(at + wire.EVENT_DIRECTION, fields.direction ?? 0);
	view.setUint32(at + wire.EVENT_FLAGS, fields.flags ?? 0, true);
	const connFlags = (fields.role ?? 0) | ((fields.family ?? 0) << 8) | (fields.connFlags ?? 0);
	view.setUint32(at + wire.EVENT_CONN_FLAGS, connFlags, true);
	view.setUint32(at + wire.EVENT_PID, fields.pid ?? 0, true);
	view.setUint32(at + wire.EVENT_TID, fields.tid ?? fields.pid ?? 0, true);
	view.setInt32(at + wire.EVENT_FD, fields.fd ?? -1, true);
	view.setUint32(at + wire.EVENT_CALL_BYTES, fields.callBytes ?? bytes, true);
	view.setUint32(at + wire.EVENT_CALL_OFFSET, fields.callOffset ?? 0, true);
	view.setUint32(at + wire.EVENT_BYTES, bytes, true);
	view.setUint32(at + wire.EVENT_CAPTURED_BYTES, captured, true);
	view.setUint32(at + wire.EVENT_RESERVED, fields.library ?? 0, true);
	view.setBigUint64(at + wire.EVENT_TIME_NS, fields.timeNs ?? 0n, true);
	view.setBigUint64(at + wire.EVENT_CONN, fields.conn ?? 0n, true);
	view.setBigUint64(at + wire.EVENT_STREAM_OFFSET, fields.offset ?? 0n, true);
	const comm = fields.comm ?? '';
	const length = Math.min(comm.length, wire.CAPTURE_COMM_BYTES);
	for (let i = 0; i < length; i++) view.setUint8(at + wire.EVENT_COMM + i, comm.charCodeAt(i));
	if (payload !== undefined) record.set(payload, wire.CAPTURE_EVENT_HEADER_BYTES);
	return record;
}

/** Concatenates records, each padded with zeros to a multiple of 8. */
export function buildBatch(records: readonly Uint8Array[]): Uint8Array {
	const length = records.reduce((sum, record) => sum + ((record.length + 7) & ~7), 0);
	const batch = new Uint8Array(length);
	let at = 0;
	for (const record of records) {
		batch.set(record, at);
		at += (record.length + 7) & ~7;
	}
	return batch;
}

/** `1.2.3.4:80` or `[::1]:80` in the fixed form used by CAPTURE_OPEN. */
export function buildAddress(text: string): Uint8Array {
	const address = new Uint8Array(wire.CAPTURE_ADDRESS_BYTES);
	const view = new DataView(address.buffer);
	const colon = text.lastIndexOf(':');
	const host = text.slice(0, colon);
	if (text === '') return address;
	view.setUint16(2, Number(text.slice(colon + 1)), false);
	if (host.startsWith('[')) {
		view.setUint16(0, 10, true);
		const [head = '', tail = ''] = host.slice(1, -1).split('::');
		const front = head === '' ? [] : head.split(':');
		const back = tail === '' ? [] : tail.split(':');
		const zeros = new Array<string>(8 - front.length - back.length).fill('0');
		for (const [i, group] of [...front, ...zeros, ...back].entries()) {
			view.setUint16(8 + i * 2, Number.parseInt(group, 16), false);
		}
	} else {
		view.setUint16(0, 2, true);
		for (const [i, part] of host.split('.').entries()) view.setUint8(4 + i, Number(part));
	}
	return address;
}

export type Bytes = string | Uint8Array;

/** Text is latin1, so that every byte can be written. */
function toBytes(bytes: Bytes): Uint8Array {
	return typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
}

export type CallOptions = {
	syscall?: number;
	pid?: number;
	tid?: number;
	comm?: string;
	flags?: number;
	/** Payload bytes per record; a longer call becomes several records. */
	part?: number;
	/** Captured bytes of the call; the rest is only counted. */
	captured?: number;
	/** The offset of this call only; the stream itself advances as usual. */
	offset?: bigint;
	/** When this was sent, some bytes that had arrived were still unread. */
	unread?: boolean;
};

export type ConnectionOptions = {
	role?: number;
	pid?: number;
	tid?: number;
	fd?: number;
	comm?: string;
	local?: string;
	remote?: string;
	/** Flags of every record of the connection. */
	flags?: number;
	/** How long connecting took. */
	connectNs?: bigint;
	/** What the socket had measured at its end: the round-trip time in microseconds, and retransmitted segments. */
	measured?: { rttUs: number; retransmits: number };
	/** CAPTURE_CONN_* of every record. */
	connFlags?: number;
	/** enum capture_tls_library of every record. */
	library?: number;
	/** System calls of the two directions, unless a call says otherwise. */
	inSyscall?: number;
	outSyscall?: number;
};

/** Nanoseconds between two calls unless the test sets the clock. */
const STEP_NS = 1_000_000n;
/** After this long without a call the kernel reports whether everything had been read. */
const SILENCE_NS = 5_000_000n;

/** The records that a capture would have made, in order. */
export class Tape {
	readonly records: Uint8Array[] = [];
	timeNs = 1_000_000_000n;

	add(fields: Partial<RecordFields> & { kind: number }): void {
		this.timeNs += STEP_NS;
		this.records.push(buildRecord({ timeNs: this.timeNs, ...fields }));
	}

	/** Nothing happens for this long. */
	pause(ms: number): void {
		this.timeNs += BigInt(ms) * 1_000_000n;
	}

	/** Anchors the wall clock. */
	clock(wallNs: bigint): void {
		this.add({ kind: wire.CAPTURE_CLOCK, offset: wallNs });
	}

	factProcess(pid: number, comm: string, cgroup = '', cmdline = '', exe?: string): void {
		const parts = exe === undefined ? [comm, cgroup, cmdline] : [comm, cgroup, cmdline, exe];
		this.add({ kind: wire.CAPTURE_FACT_PROCESS, pid, payload: Buffer.from(parts.join('\0')) });
	}

	factSocket(conn: number, kind: 'socket' | 'file' | 'unknown', local = '', remote = ''): void {
		const payload = Buffer.from(`${kind}\n${local}\n${remote}`);
		this.add({ kind: wire.CAPTURE_FACT_SOCKET, conn: BigInt(conn), payload });
	}

	loss(reason: number, events: bigint, bytes: bigint): void {
		this.add({ kind: wire.CAPTURE_LOSS, callBytes: reason, offset: events, conn: bytes });
	}

	processExit(pid: number): void {
		this.add({ kind: wire.CAPTURE_PROCESS_EXIT, pid, syscall: wire.SYSCALL_EXIT });
	}

	processExec(pid: number, comm: string): void {
		this.add({ kind: wire.CAPTURE_PROCESS_EXEC, pid, comm, syscall: wire.SYSCALL_EXECVE });
	}

	end(): void {
		this.add({ kind: wire.CAPTURE_END });
	}

	connection(conn: number, options: ConnectionOptions = {}): ConnectionTape {
		return new ConnectionTape(this, BigInt(conn), options);
	}

	/** A connection that a server process accepted. */
	server(conn: number, options: ConnectionOptions = {}): ConnectionTape {
		return this.connection(conn, { role: wire.ROLE_ACCEPTED, comm: 'server', pid: 100, fd: 7, ...options });
	}

	/** A connection that a client process made. */
	client(conn: number, options: ConnectionOptions = {}): ConnectionTape {
		return this.connection(conn, {
			role: wire.ROLE_CONNECTED,
			comm: 'client',
			pid: 200,
			fd: 5,
			inSyscall: wire.SYSCALL_RECVFROM,
			outSyscall: wire.SYSCALL_SENDTO,
			...options,
		});
	}

	/** A TLS session whose connection is not known. */
	unmapped(conn: number, options: ConnectionOptions = {}): ConnectionTape {
		const { pid, tid, comm } = options;
		const known = {
			...(pid === undefined ? {} : { pid }),
			...(tid === undefined ? {} : { tid }),
			...(comm === undefined ? {} : { comm }),
		};
		return this.connection(conn, known).plaintext({ ...options, connFlags: wire.CAPTURE_CONN_TLS_UNMAPPED });
	}

	batch(): Uint8Array {
		return buildBatch(this.records);
	}
}

/** A ClientHello and a ServerHello without extensions: enough for the kernel side and the decoder to call it TLS. */
export const CLIENT_HELLO = hello(1, [0, 2, 0x13, 1, 1, 0]);
export const SERVER_HELLO = hello(2, [0x13, 1, 0]);

/** A record of TLS with one handshake message: version, random, no session id, and what follows. */
function hello(type: number, rest: readonly number[]): Uint8Array {
	const message = [3, 3, ...new Array<number>(32).fill(7), 0, ...rest];
	return Uint8Array.from([22, 3, 3, 0, message.length + 4, type, 0, 0, message.length, ...message]);
}

/** One connection on the tape. */
export class ConnectionTape {
	readonly tape: Tape;
	readonly conn: bigint;
	readonly options: ConnectionOptions;
	inOffset = 0n;
	outOffset = 0n;
	private lastCallNs = 0n;

	constructor(tape: Tape, conn: bigint, options: ConnectionOptions) {
		this.tape = tape;
		this.conn = conn;
		this.options = options;
	}

	open(): this {
		const { local = '', remote = '', role } = this.options;
		const syscall = role === wire.ROLE_CONNECTED ? wire.SYSCALL_CONNECT : wire.SYSCALL_ACCEPT4;
		const payload = Buffer.concat([buildAddress(remote), buildAddress(local)]);
		this.add({ kind: wire.CAPTURE_OPEN, syscall, offset: this.options.connectNs ?? 0n, payload });
		return this;
	}

	/** The process received bytes. */
	in(bytes: Bytes, options: CallOptions = {}): this {
		const offset = this.inOffset;
		const data = toBytes(bytes);
		this.inOffset += BigInt(data.length);
		this.call(wire.DIRECTION_IN, data, offset, { syscall: this.options.inSyscall ?? wire.SYSCALL_READ, ...options });
		return this;
	}

	/** The process sent bytes. */
	out(bytes: Bytes, options: CallOptions = {}): this {
		const offset = this.outOffset;
		const data = toBytes(bytes);
		this.outOffset += BigInt(data.length);
		this.call(wire.DIRECTION_OUT, data, offset, { syscall: this.options.outSyscall ?? wire.SYSCALL_WRITE, ...options });
		return this;
	}

	/** The process sent `count` bytes of a file; their content was not seen. */
	sendfile(count: number, options: CallOptions = {}): this {
		const offset = options.offset ?? this.outOffset;
		this.outOffset += BigInt(count);
		this.add({
			kind: wire.CAPTURE_DATA,
			syscall: options.syscall ?? wire.SYSCALL_SENDFILE,
			direction: wire.DIRECTION_OUT,
			flags: wire.FLAG_ZERO_COPY | (this.options.flags ?? 0) | (options.flags ?? 0),
			bytes: count,
			offset,
			...(options.pid === undefined ? {} : { pid: options.pid }),
			...(options.tid === undefined ? {} : { tid: options.tid }),
		});
		return this;
	}

	/**
	 * A TLS session on it, as its library hands it over: the same connection with offsets of its own. Its close() is the end of
	 * the session.
	 */
	plaintext(options: ConnectionOptions = {}): ConnectionTape {
		return new ConnectionTape(this.tape, this.conn, {
			...this.options,
			library: wire.TLS_LIBRARY_OPENSSL,
			inSyscall: wire.SYSCALL_SSL_READ,
			outSyscall: wire.SYSCALL_SSL_WRITE,
			...options,
			flags: (options.flags ?? 0) | wire.FLAG_PLAINTEXT,
			local: '',
			remote: '',
		});
	}

	/** Both hellos, as the side that this is moves them. */
	shakeHands(): this {
		const isClient = this.options.role === wire.ROLE_CONNECTED;
		if (isClient) this.out(CLIENT_HELLO).in(SERVER_HELLO);
		else this.in(CLIENT_HELLO).out(SERVER_HELLO);
		return this;
	}

	/** It is the session of this connection, whose library calls are the next ones of it. Returns them. */
	mapTo(carrier: ConnectionTape): ConnectionTape {
		this.add({ kind: wire.CAPTURE_TLS_MAPPED, offset: carrier.conn });
		const session = carrier.plaintext({ flags: (this.options.flags ?? 0) & wire.FLAG_MIDSTREAM });
		session.inOffset = this.inOffset;
		session.outOffset = this.outOffset;
		return session;
	}

	eof(): this {
		this.add({
			kind: wire.CAPTURE_EOF,
			syscall: this.options.inSyscall ?? wire.SYSCALL_READ,
			direction: wire.DIRECTION_IN,
			offset: this.inOffset,
		});
		return this;
	}

	shutdown(how: number): this {
		this.add({ kind: wire.CAPTURE_SHUTDOWN, syscall: wire.SYSCALL_SHUTDOWN, callBytes: how });
		return this;
	}

	error(errno: number): this {
		this.add({ kind: wire.CAPTURE_ERROR, syscall: wire.SYSCALL_READ, callBytes: errno });
		return this;
	}

	/** Includes the streams' offsets, as the kernel does. */
	close(syscall: number = wire.SYSCALL_CLOSE): this {
		const { local = '', remote = '', measured } = this.options;
		const offsets = Buffer.alloc(measured === undefined ? 16 : 24);
		offsets.writeBigUInt64LE(this.inOffset, 0);
		offsets.writeBigUInt64LE(this.outOffset, 8);
		if (measured !== undefined) {
			offsets.writeUInt32LE(measured.rttUs, 16);
			offsets.writeUInt32LE(measured.retransmits + 1, 20);
		}
		this.add({
			kind: wire.CAPTURE_CLOSE,
			syscall,
			payload: Buffer.concat([buildAddress(remote), buildAddress(local), offsets]),
		});
		return this;
	}

	/** Omits the offsets. */
	closePlainly(syscall: number = wire.SYSCALL_CLOSE): this {
		this.add({ kind: wire.CAPTURE_CLOSE, syscall });
		return this;
	}

	share(pid: number): this {
		this.add({ kind: wire.CAPTURE_SHARE, pid, syscall: wire.SYSCALL_FORK });
		return this;
	}

	peek(bytes: number): this {
		this.add({
			kind: wire.CAPTURE_PEEK,
			syscall: wire.SYSCALL_RECVFROM,
			direction: wire.DIRECTION_IN,
			flags: wire.FLAG_PEEK,
			callBytes: bytes,
		});
		return this;
	}

	add(fields: Partial<RecordFields> & { kind: number }): void {
		const { pid = 1, tid = pid, fd = 3, comm = '', role = 0, flags = 0, library = 0, connFlags = 0 } = this.options;
		this.tape.add({
			conn: this.conn,
			role,
			fd,
			comm,
			flags,
			library,
			connFlags,
			...fields,
			pid: fields.pid ?? pid,
			tid: fields.tid ?? fields.pid ?? tid,
		});
	}

	private call(direction: number, data: Uint8Array, streamOffset: bigint, options: CallOptions): void {
		const part = options.part ?? wire.CAPTURE_EVENT_PAYLOAD_MAX;
		const captured = options.captured ?? data.length;
		const base = options.offset ?? streamOffset;
		const several = data.length > part;
		// The kernel's flag for a program that had read everything.
		const silent = direction === wire.DIRECTION_OUT && this.tape.timeNs + STEP_NS - this.lastCallNs >= SILENCE_NS;
		const read = !silent ? 0 : options.unread === true ? wire.FLAG_UNREAD : wire.FLAG_ALL_READ;
		let at = 0;
		do {
			const length = Math.min(part, data.length - at);
			const payload = data.subarray(at, Math.min(at + length, Math.max(captured, at)));
			// Parts of one call share its time.
			if (at > 0) this.tape.timeNs -= STEP_NS;
			this.add({
				kind: wire.CAPTURE_DATA,
				direction,
				syscall: options.syscall ?? 0,
				flags: (this.options.flags ?? 0) | (options.flags ?? 0) | (several ? wire.FLAG_PART : 0) | read,
				payload,
				bytes: length,
				callBytes: data.length,
				callOffset: at,
				offset: base + BigInt(at),
				...(options.pid === undefined ? {} : { pid: options.pid }),
				...(options.tid === undefined ? {} : { tid: options.tid }),
				...(options.comm === undefined ? {} : { comm: options.comm }),
			});
			at += length;
		} while (at < data.length);
		this.lastCallNs = this.tape.timeNs;
	}
}

// The TCP connections in a file of packets: which packet belongs to which, who the client is, when one begins and ends.
import { randomInt } from 'node:crypto';
import {
	CAPTURE_ADDRESS_BYTES,
	CAPTURE_ADDRESSES_BYTES,
	DIRECTION_IN,
	DIRECTION_OUT,
	FLAG_CUT_CAPTURE_LIMIT,
	ROLE_ACCEPTED,
	ROLE_UNKNOWN,
	SYSCALL_NONE,
} from '../../../decoder-as/assembly/wire/capture-event.ts';
import type { RecordBatches, RecordConnection } from '../record-writer.ts';
import { ACK, FIN, RST, type Segment, SYN } from './tcp-segment.ts';
import { type Deliver, type ReadAgain, type StreamTotals, TcpStream } from './tcp-stream.ts';

/** Connections that are remembered at a time; of more, the one that was quiet longest is forgotten. */
const CONNECTIONS_MAX = 65_536;
const AF_INET = 2;
const AF_INET6 = 10;
const NO_NAME = Buffer.alloc(0);
/** First bytes of messages. */
const RESPONSE = 'HTTP/';
const REQUEST = /^[A-Z]{3,} /;

class Connection implements RecordConnection {
	readonly id: number;
	/** Both endpoints, the smaller one first, and their hash. */
	readonly low: Key;
	readonly high: Key;
	readonly hash: number;
	/** The endpoint that sends in direction `in` to the server. */
	readonly client: Key;
	readonly addresses: Buffer;
	readonly flags: number;
	readonly midstream: boolean;
	// Packets do not tell the process.
	readonly pid = 0;
	readonly comm = NO_NAME;
	readonly incoming: TcpStream;
	readonly outgoing: TcpStream;
	skipIn = 0;
	skipOut = 0;
	opened = false;
	closed = false;
	toldIn = false;
	toldOut = false;
	/** The sequence number of the client's SYN; -1 if it was not seen. */
	initial = -1;
	/** Number of the last packet. */
	usedAt = 0;
	/** Another connection with the same hash. */
	next: Connection | undefined;

	constructor(
		members: Pick<Connection, 'id' | 'low' | 'high' | 'hash' | 'client' | 'addresses' | 'flags' | 'midstream'>,
		deliver: DeliverTo,
		totals: StreamTotals,
		readAgain: ReadAgain,
	) {
		this.id = members.id;
		this.low = members.low;
		this.high = members.high;
		this.hash = members.hash;
		this.client = members.client;
		this.addresses = members.addresses;
		this.flags = members.flags;
		this.midstream = members.midstream;
		this.incoming = new TcpStream((...bytes) => deliver(this, DIRECTION_IN, ...bytes), totals, readAgain);
		this.outgoing = new TcpStream((...bytes) => deliver(this, DIRECTION_OUT, ...bytes), totals, readAgain);
	}
}

type DeliverTo = (connection: Connection, direction: number, ...bytes: Parameters<Deliver>) => void;

/** An endpoint: of IPv4 a number, of IPv6 a text. */
type Key = number | string;

/** As many hashes as connections. */
const HASH_MASK = CONNECTIONS_MAX - 1;
/** So that nobody can write a file whose connections all have the same hash. */
const SEED = randomInt(2 ** 31);

export class TcpConnections {
	readonly totals: StreamTotals = {
		waitingBytes: 0,
		missingBytes: 0,
		holes: 0,
		cutBytes: 0,
		strayBytes: 0,
		differentBytes: 0,
	};
	/** Open connections that were forgotten because there were too many. */
	forgotten = 0;
	readonly #records: RecordBatches;
	readonly #readAgain: ReadAgain;
	/** By the hash of the endpoints. */
	readonly #byHash = new Map<number, Connection>();
	/** By id, and in the order in which they may be forgotten. */
	readonly #byId = new Map<number, Connection>();
	/** Goes round over `#byId`. A new iterator would step over all entries that were deleted. */
	#oldest: Iterator<Connection> = [].values();
	readonly #deliverTo: DeliverTo = (...all) => this.#deliver(...all);
	#lastId = 0;
	#packets = 0;

	constructor(records: RecordBatches, readAgain: ReadAgain) {
		this.#records = records;
		this.#readAgain = readAgain;
	}

	/** Bytes of this stream before offset `until` are not wanted. */
	skip(id: number, direction: number, until: number): void {
		const connection = this.#byId.get(id);
		if (connection === undefined) return;
		if (direction === DIRECTION_IN) connection.skipIn = until;
		else connection.skipOut = until;
	}

	add(segment: Segment): void {
		this.#packets++;
		const source = sourceOf(segment);
		const target = targetOf(segment);
		const [low, high] = source < target ? [source, target] : [target, source];
		const { flags } = segment;
		const hash = (hashOf(source) + hashOf(target)) & HASH_MASK;
		let connection = this.#byHash.get(hash);
		while (connection !== undefined && (connection.low !== low || connection.high !== high))
			connection = connection.next;
		if (connection !== undefined && this.#isNew(connection, source, segment)) {
			this.#close(connection);
			this.#forget(connection);
			connection = undefined;
		}
		if (connection === undefined) {
			// Without bytes or a SYN, nothing is known about who is who.
			if ((flags & SYN) === 0 && segment.length === 0) return;
			connection = this.#begin(segment, source, low, high, hash);
		}
		connection.usedAt = this.#packets;
		const fromClient = source === connection.client;
		if (!connection.closed) this.#step(connection, segment, fromClient);
		else if (segment.length > 0) {
			// A retransmission of bytes that were read is not late.
			const { incoming, outgoing } = connection;
			const unread = (fromClient ? incoming : outgoing).unread(segment.sequence + segment.length);
			this.totals.strayBytes += Math.min(unread, segment.length);
		}
	}

	/** The file has ended. */
	finish(): void {
		for (const connection of this.#byId.values()) {
			if (connection.closed) continue;
			connection.incoming.finish();
			connection.outgoing.finish();
		}
	}

	#step(connection: Connection, segment: Segment, fromClient: boolean): void {
		const { incoming, outgoing } = connection;
		const { flags } = segment;
		const stream = fromClient ? incoming : outgoing;
		const other = fromClient ? outgoing : incoming;
		const isSyn = (flags & SYN) !== 0;
		// A SYN counts as one; data may come with it (TCP Fast Open).
		const sequence = isSyn ? (segment.sequence + 1) >>> 0 : segment.sequence;
		if (isSyn) stream.begin(sequence);
		if (isSyn && fromClient) connection.initial = segment.sequence;
		if (segment.length > 0 || (flags & FIN) !== 0) {
			const { bytes, start, end, place, length } = segment;
			stream.add({ sequence, bytes, start, end, place, length, timeNs: this.#records.timeNs }, (flags & FIN) !== 0);
		}
		stream.step();
		other.step();
		if ((flags & ACK) !== 0) other.acknowledge(segment.acknowledged);
		this.#tellEnds(connection);
		const isReset = (flags & RST) !== 0;
		if (isReset && fromClient && connection.opened) this.#records.reset(connection);
		if (isReset || (incoming.ended && outgoing.ended)) this.#close(connection);
	}

	#tellEnds(connection: Connection): void {
		if (!connection.opened) return;
		if (connection.incoming.ended && !connection.toldIn) {
			connection.toldIn = true;
			this.#records.finished(connection, DIRECTION_IN);
		}
		if (connection.outgoing.ended && !connection.toldOut) {
			connection.toldOut = true;
			this.#records.finished(connection, DIRECTION_OUT);
		}
	}

	/** It is still remembered, so late packets do not look like a new one. */
	#close(connection: Connection): void {
		if (connection.closed) return;
		const { incoming, outgoing } = connection;
		incoming.finish();
		outgoing.finish();
		connection.closed = true;
		if (!connection.opened) return;
		this.#tellEnds(connection);
		this.#records.close(connection, incoming.offset, outgoing.offset, incoming.afterHole || outgoing.afterHole);
	}

	/**
	 * Whether a packet begins another connection with the same endpoints: with a SYN, or with a message after the end or far
	 * from the connection's numbers.
	 */
	#isNew(connection: Connection, source: Key, segment: Segment): boolean {
		const { flags, sequence, length } = segment;
		if ((flags & SYN) !== 0)
			return (
				(flags & ACK) === 0 && (connection.closed || source !== connection.client || connection.initial !== sequence)
			);
		if (length === 0) return false;
		const { incoming, outgoing, closed } = connection;
		const stream = source === connection.client ? incoming : outgoing;
		const isOther = stream.isFar(sequence) || (closed && stream.unread(sequence + length) >= length);
		return isOther && beginsMessage(segment) !== undefined;
	}

	#begin(segment: Segment, source: Key, low: Key, high: Key, hash: number): Connection {
		if (this.#byId.size >= CONNECTIONS_MAX) this.#forgetOne();
		const isSyn = (segment.flags & SYN) !== 0;
		const fromClient = isSyn ? (segment.flags & ACK) === 0 : isFromClient(segment);
		const addresses = Buffer.alloc(CAPTURE_ADDRESSES_BYTES);
		writeAddress(addresses, fromClient ? 0 : CAPTURE_ADDRESS_BYTES, segment, segment.sourceAt, segment.sourcePort);
		writeAddress(addresses, fromClient ? CAPTURE_ADDRESS_BYTES : 0, segment, segment.targetAt, segment.targetPort);
		const family = segment.isV6 ? AF_INET6 : AF_INET;
		const connection = new Connection(
			{
				id: ++this.#lastId,
				...{ low, high, hash },
				client: fromClient === (source === low) ? low : high,
				addresses,
				// Without a SYN, the bytes tell better than the ports who is the client.
				flags: (isSyn ? ROLE_ACCEPTED : ROLE_UNKNOWN) | (family << 8),
				midstream: !isSyn,
			},
			this.#deliverTo,
			this.totals,
			this.#readAgain,
		);
		connection.next = this.#byHash.get(hash);
		this.#byHash.set(hash, connection);
		this.#byId.set(connection.id, connection);
		return connection;
	}

	#deliver(
		connection: Connection,
		direction: number,
		bytes: Buffer,
		start: number,
		end: number,
		length: number,
		timeNs: number,
	): void {
		const nowNs = this.#records.timeNs;
		this.#records.timeNs = timeNs;
		if (!connection.opened) {
			connection.opened = true;
			this.#records.open(connection);
		}
		const isIn = direction === DIRECTION_IN;
		const stream = isIn ? connection.incoming : connection.outgoing;
		const skipUntil = isIn ? connection.skipIn : connection.skipOut;
		const { offset, afterHole } = stream;
		this.#records.data(connection, direction, {
			...{ bytes, start, end, length, offset, afterHole, skipUntil },
			syscall: SYSCALL_NONE,
			cutFlag: FLAG_CUT_CAPTURE_LIMIT,
		});
		this.#records.timeNs = nowNs;
	}

	#forget(connection: Connection): void {
		this.#byId.delete(connection.id);
		const { hash, next } = connection;
		let before = this.#byHash.get(hash);
		if (before === connection) {
			if (next === undefined) this.#byHash.delete(hash);
			else this.#byHash.set(hash, next);
			return;
		}
		while (before !== undefined && before.next !== connection) before = before.next;
		if (before !== undefined) before.next = next;
	}

	/** Forgets a connection that was quiet for long: closed ones first seen, others if nobody used them lately. */
	#forgetOne(): void {
		for (;;) {
			const { done, value: connection } = this.#oldest.next();
			if (done === true) {
				this.#oldest = this.#byId.values();
				continue;
			}
			if (!connection.closed && this.#packets - connection.usedAt < CONNECTIONS_MAX) {
				// A second chance, in the next round.
				connection.usedAt -= CONNECTIONS_MAX;
				continue;
			}
			if (!connection.closed && connection.opened) this.forgotten++;
			this.#close(connection);
			this.#forget(connection);
			return;
		}
	}
}

/** Without a SYN: by the first bytes, otherwise by the ports, because servers have the smaller one. */
function isFromClient(segment: Segment): boolean {
	const message = beginsMessage(segment);
	return message === undefined ? segment.sourcePort > segment.targetPort : message === 'request';
}

function beginsMessage({ bytes, start, end }: Segment): 'request' | 'response' | undefined {
	const first = bytes.toString('latin1', start, Math.min(end, start + 16));
	if (first.startsWith(RESPONSE)) return 'response';
	return REQUEST.test(first) ? 'request' : undefined;
}

/** Well mixed (MurmurHash3's last step), also for endpoints that were chosen. */
function hashOf(endpoint: Key): number {
	let hash = SEED;
	if (typeof endpoint === 'number') hash = mixed(mixed(SEED ^ (endpoint % 65_536)) ^ (endpoint / 65_536));
	else for (let i = 0; i < endpoint.length; i++) hash = mixed(hash ^ endpoint.charCodeAt(i));
	return hash;
}

function mixed(value: number): number {
	let hash = value;
	hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
	hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
	return hash ^ (hash >>> 16);
}

function sourceOf({ isV6, sourceV4, sourceAt, sourcePort, bytes }: Segment): Key {
	return isV6 ? `${bytes.toString('latin1', sourceAt, sourceAt + 16)}${sourcePort}` : sourceV4 * 65_536 + sourcePort;
}

function targetOf({ isV6, targetV4, targetAt, targetPort, bytes }: Segment): Key {
	return isV6 ? `${bytes.toString('latin1', targetAt, targetAt + 16)}${targetPort}` : targetV4 * 65_536 + targetPort;
}

/** Writes an address as CAPTURE_OPEN has it (capture_event.h). */
function writeAddress(into: Buffer, at: number, { isV6, bytes }: Segment, addressAt: number, port: number): void {
	into.writeUInt16LE(isV6 ? AF_INET6 : AF_INET, at);
	into.writeUInt16BE(port, at + 2);
	if (isV6) bytes.copy(into, at + 8, addressAt, addressAt + 16);
	else bytes.copy(into, at + 4, addressAt, addressAt + 4);
}

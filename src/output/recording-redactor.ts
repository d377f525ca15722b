// Redacts a recording while it is written: follows the connections in its records, and overwrites secrets in their bytes.
// Records wait until it is known which of their bytes are secret, and all leave in the order in which they came.
import { randomBytes } from 'node:crypto';
import {
	CAPTURE_CLOSE,
	CAPTURE_DATA,
	CAPTURE_EOF,
	CAPTURE_EVENT_HEADER_BYTES,
	CAPTURE_FACT_PROCESS,
	CAPTURE_OPEN,
	CAPTURE_OPEN_AT_REST_BYTES,
	CAPTURE_TLS_MAPPED,
	CAPTURE_UNSEEN,
	DIRECTION_IN,
	EVENT_BYTES,
	EVENT_CALL_OFFSET,
	EVENT_CONN,
	EVENT_DIRECTION,
	EVENT_FLAGS,
	EVENT_SIZE,
	EVENT_STREAM_OFFSET,
	FLAG_MIDSTREAM,
	FLAG_PLAINTEXT,
} from '../../decoder-as/assembly/wire/capture-event.ts';
import { Records } from '../capture/records.ts';
import { OrderedStream } from './ordered-stream.ts';
import { Replacements, SoughtSecrets } from './overwriting.ts';
import { argumentSecrets } from './process-secrets.ts';
import { RedactedStream } from './redacted-stream.ts';
import { SecretFinder, shifted } from './secret-finder.ts';

/** Longest time that records wait. */
const LONGEST_WAIT_MS = 2000;
/** Most bytes of records that wait. */
const MOST_WAITING = 8 << 20;
/** Connections that are followed; the one that was idle for the longest time is given up first. */
const MOST_CONNECTIONS = 65_536;
/** Secrets remembered for each connection, and for the command lines of all processes. */
const SECRETS_OF_CONNECTION = 100;
const SECRETS_OF_ALL = 1000;

/** A batch of records in its own memory. */
class Waiting {
	readonly bytes: Uint8Array;
	readonly since: number;
	/** Bytes that are not decided. */
	open = 0;
	/** The streams of these bytes. */
	readonly streams = new Set<OrderedStream>();
	readonly decided = (bytes: number): void => {
		this.open -= bytes;
	};

	constructor(bytes: Uint8Array, since: number) {
		this.bytes = bytes;
		this.since = since;
	}
}

type Connection = { readonly in: OrderedStream; readonly out: OrderedStream };

export class RecordingRedactor {
	readonly #replacements = new Replacements(randomBytes(32));
	readonly #allSecrets = new SoughtSecrets(SECRETS_OF_ALL);
	/** By id; a TLS session's plaintext by the negative id, beside the ciphertext of its connection. */
	readonly #connections = new Map<number, Connection>();
	readonly #now: () => number;
	readonly #mostConnections: number;
	readonly #queue: Waiting[] = [];
	/** Bytes of the records that wait. */
	waitingBytes = 0;
	/** Connections with HTTP/2 or WebSocket that could not be followed to their end: the rest was blanked. */
	blankedConnections = 0;

	/** `now`: milliseconds. */
	constructor(now: () => number = () => performance.now(), mostConnections = MOST_CONNECTIONS) {
		this.#now = now;
		this.#mostConnections = mostConnections;
	}

	/** Takes a batch. Returns the batches that are ready. */
	take(batch: Uint8Array): Uint8Array[] {
		const waiting = new Waiting(new Uint8Array(batch), this.#now());
		this.#queue.push(waiting);
		this.waitingBytes += waiting.bytes.byteLength;
		const records = new Records(waiting.bytes);
		while (records.step()) this.#record(records, waiting);
		const ready = this.#ready();
		while (this.waitingBytes > MOST_WAITING) {
			hurry(this.#queue[0]!);
			ready.push(...this.#ready());
		}
		return ready;
	}

	/** Must be called several times a second. Returns the batches that have waited for too long, and those after them. */
	tick(): Uint8Array[] {
		const latest = this.#now() - LONGEST_WAIT_MS;
		for (const waiting of this.#queue) if (waiting.since <= latest) hurry(waiting);
		return this.#ready();
	}

	/** Decides everything. More records may follow. */
	drain(): Uint8Array[] {
		for (const waiting of this.#queue) hurry(waiting);
		return this.#ready();
	}

	#ready(): Uint8Array[] {
		const until = this.#queue.findIndex(({ open }) => open > 0);
		const ready = this.#queue.splice(0, until === -1 ? this.#queue.length : until).map(({ bytes }) => bytes);
		for (const { byteLength } of ready) this.waitingBytes -= byteLength;
		return ready;
	}

	#record(records: Records, waiting: Waiting): void {
		const { view, at, kind } = records;
		// No decoder reads records of another version, so nobody misses them.
		if (!records.isReadable) {
			records.record.fill(0, Math.min(records.record.byteLength, CAPTURE_EVENT_HEADER_BYTES));
			return;
		}
		const conn = Number(view.getBigUint64(at + EVENT_CONN, true));
		const isPlaintext = (view.getUint32(at + EVENT_FLAGS, true) & FLAG_PLAINTEXT) !== 0;
		if (kind === CAPTURE_FACT_PROCESS) this.#process(payloadOf(records));
		else if (kind === CAPTURE_TLS_MAPPED) this.#map(-conn, -Number(view.getBigUint64(at + EVENT_STREAM_OFFSET, true)));
		else if (kind === CAPTURE_OPEN) this.#open(records, conn);
		else if (kind === CAPTURE_DATA) this.#data(records, waiting, isPlaintext ? -conn : conn);
		else if (kind === CAPTURE_UNSEEN) this.#streamOf(records, conn).lose();
		else if (kind === CAPTURE_EOF) this.#connections.get(conn)?.in.end();
		else if (kind === CAPTURE_CLOSE) {
			this.#close(-conn);
			if (!isPlaintext) this.#close(conn);
		}
	}

	/** The session goes on with the id of its connection. */
	#map(session: number, carrier: number): void {
		const known = this.#connections.get(session);
		if (known === undefined) return;
		this.#close(carrier);
		this.#connections.delete(session);
		this.#connections.set(carrier, known);
	}

	#data(records: Records, waiting: Waiting, conn: number): void {
		const { view, at } = records;
		const bytes = payloadOf(records);
		const missing = Math.max(0, view.getUint32(at + EVENT_BYTES, true) - bytes.byteLength);
		const offset = Number(view.getBigUint64(at + EVENT_STREAM_OFFSET, true));
		const isCallStart = view.getUint32(at + EVENT_CALL_OFFSET, true) === 0;
		waiting.open += bytes.byteLength;
		const stream = this.#streamOf(records, conn);
		waiting.streams.add(stream);
		stream.take({ bytes, decided: waiting.decided, offset, missing, isCallStart });
	}

	#streamOf({ view, at }: Records, conn: number): OrderedStream {
		const isIn = view.getUint8(at + EVENT_DIRECTION) === DIRECTION_IN;
		const known = this.#connections.get(conn);
		if (known !== undefined) return isIn ? known.in : known.out;
		const offset = view.getBigUint64(at + EVENT_STREAM_OFFSET, true);
		const isMidstream = offset > 0n || (view.getUint32(at + EVENT_FLAGS, true) & FLAG_MIDSTREAM) !== 0;
		const connection = this.#add(conn, isMidstream ? undefined : { in: 0, out: 0 });
		return isIn ? connection.in : connection.out;
	}

	#open(records: Records, conn: number): void {
		if (this.#connections.has(conn)) return;
		const { view, at } = records;
		const payload = payloadOf(records);
		const isMidstream = (view.getUint32(at + EVENT_FLAGS, true) & FLAG_MIDSTREAM) !== 0;
		if (!isMidstream) this.#add(conn, { in: 0, out: 0 });
		else if (payload.byteLength !== CAPTURE_OPEN_AT_REST_BYTES) this.#add(conn, undefined);
		else {
			const offsets = new DataView(payload.buffer, payload.byteOffset);
			this.#add(conn, {
				in: Number(offsets.getBigUint64(0, true)),
				out: Number(offsets.getBigUint64(8, true)),
			});
		}
	}

	/** `begins`: where the next message of each direction begins; undefined if that is not known. */
	#add(conn: number, begins: { readonly in: number; readonly out: number } | undefined): Connection {
		if (this.#connections.size >= this.#mostConnections) this.#close(this.#connections.keys().next().value!);
		const secrets = new SoughtSecrets(SECRETS_OF_CONNECTION, this.#allSecrets);
		let isLost = false;
		const conversation = {
			...{ secrets, replacements: this.#replacements, methods: [], tunnels: new Map<number, 'websocket' | 'other'>() },
			upgrade: (to: 'websocket' | 'other'): void => {
				streamIn.change(to);
				streamOut.change(to);
			},
			lost: (): void => {
				if (!isLost) this.blankedConnections++;
				isLost = true;
			},
		};
		const streamIn = new RedactedStream(conversation, begins === undefined);
		const streamOut = new RedactedStream(conversation, begins === undefined);
		const connection = {
			in: new OrderedStream(streamIn, begins?.in),
			out: new OrderedStream(streamOut, begins?.out),
		};
		this.#connections.set(conn, connection);
		return connection;
	}

	#close(conn: number): void {
		const connection = this.#connections.get(conn);
		connection?.in.end();
		connection?.out.end();
		this.#connections.delete(conn);
	}

	/** Facts about a process: its arguments may contain secrets. */
	#process(payload: Buffer): void {
		const text = payload.toString('latin1');
		const [comm = '', cgroup = '', cmdline = ''] = text.split('\0');
		const from = comm.length + cgroup.length + 2;
		const finder = new SecretFinder((secret) => this.#allSecrets.add(secret));
		const known = this.#allSecrets.placesIn(payload);
		this.#replacements.overwrite(payload, text, [...shifted(argumentSecrets(cmdline, finder), from), ...known]);
	}
}

function hurry({ streams }: Waiting): void {
	for (const stream of streams) stream.hurry();
}

/** Everything after the header, whatever the record says about its length. */
function payloadOf({ bytes, view, at }: Records): Buffer {
	const length = view.getUint32(at + EVENT_SIZE, true) - CAPTURE_EVENT_HEADER_BYTES;
	return Buffer.from(bytes.buffer, bytes.byteOffset + at + CAPTURE_EVENT_HEADER_BYTES, length);
}

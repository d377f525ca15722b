// Exchanges as packets, for Wireshark and other readers of pcapng. TCP and IP are synthesised: each exchange gets a
// connection of its own between its addresses, with a handshake, the bytes of both messages, and an end.
import type { SqlValue } from '../store/table.ts';
import type { ExchangeDetail } from './exchange-parts.ts';
import { type ExchangeWriter, type ExchangeWriterOptions, writtenExchange } from './exchange-writer.ts';
import { type WireMessage, wireRequest, wireResponse } from './wire-message.ts';

const SECTION_HEADER = 0x0a0d0d0a;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const INTERFACE_DESCRIPTION = 1;
const ENHANCED_PACKET = 6;
const LINKTYPE_RAW = 101;
const OPTION_COMMENT = 1;
/** Of a section header: the application that wrote it. */
const OPTION_APPLICATION = 4;
const FIN = 1;
const SYN = 2;
const PUSH = 8;
const ACK = 16;
const TCP = 6;
const TCP_HEADER_BYTES = 20;
const WINDOW = 65_535;
/** Payload of a packet: what fits into an IP packet with the longer header. */
const SEGMENT_BYTES = 65_535 - 60 - TCP_HEADER_BYTES;
/** Addresses for documentation (RFC 5737), where the real ones are not known or are those of unix sockets. */
const UNKNOWN_SERVER = '192.0.2.1:80';
const UNKNOWN_CLIENT = '192.0.2.2';

/** Writes packets with the times of the exchanges. What was not captured is cut from them: their lengths are the true ones. */
export function createPcapngWriter(options: ExchangeWriterOptions): ExchangeWriter<Uint8Array> {
	const { redactor, version } = options;
	const about = `HTTP exchanges captured by tinytap ${version} from system calls. TCP and IP headers are synthesised.`;
	const secrets = redactor === null ? '' : ' Secrets are replaced by REDACTED-LENGTH-HASH.';
	return {
		begin: () =>
			Buffer.concat([
				block(
					SECTION_HEADER,
					Buffer.concat([u32(BYTE_ORDER_MAGIC), u16(1), u16(0), Buffer.alloc(8, 0xff)]),
					option(OPTION_COMMENT, about + secrets),
					option(OPTION_APPLICATION, `tinytap ${version}`),
				),
				block(INTERFACE_DESCRIPTION, Buffer.concat([u16(LINKTYPE_RAW), u16(0), u32(0)])),
			]),
		exchange(exchange) {
			return Buffer.concat(packets(writtenExchange(exchange, options)));
		},
		end: () => new Uint8Array(0),
	};
}

type End = { readonly address: Buffer; readonly port: number };

/** The packets of an exchange, as blocks. */
function packets(exchange: ExchangeDetail): Buffer[] {
	const { columns } = exchange;
	const request = wireRequest(exchange);
	const response = wireResponse(exchange);
	const times = timesOf(exchange);
	const [client, server] = ends(columns);
	const connection = new Connection(client, server, Number(columns.id ?? 0));
	const blocks: Buffer[] = [];
	blocks.push(connection.packet(times.requestFirst, true, SYN, undefined, comment(columns)));
	blocks.push(connection.packet(times.requestFirst, false, SYN | ACK));
	blocks.push(connection.packet(times.requestFirst, true, ACK));
	if (request !== undefined) blocks.push(...connection.message(true, request, times.requestFirst, times.requestLast));
	if (response !== undefined)
		blocks.push(...connection.message(false, response, times.responseFirst, times.responseLast));
	blocks.push(connection.packet(times.responseLast, false, FIN | ACK));
	blocks.push(connection.packet(times.responseLast, true, FIN | ACK));
	blocks.push(connection.packet(times.responseLast, false, ACK));
	return blocks;
}

/** Microseconds since 1970. */
type Times = {
	readonly requestFirst: number;
	readonly requestLast: number;
	readonly responseFirst: number;
	readonly responseLast: number;
};

function timesOf({ columns, sendMs }: ExchangeDetail): Times {
	const start = instantUs(String(columns.ts ?? ''));
	const ms = (value: SqlValue | undefined) => (typeof value === 'number' && value > 0 ? value : 0);
	const requestLast = start + Math.round(ms(sendMs ?? null) * 1000);
	const responseFirst = requestLast + Math.round(ms(columns.ttfb_ms) * 1000);
	const responseLast = Math.max(responseFirst, start + Math.round(ms(columns.duration_ms) * 1000));
	return { requestFirst: start, requestLast, responseFirst, responseLast };
}

function instantUs(time: string): number {
	const ms = Date.parse(time);
	const finer = /\.\d{3}(\d{1,3})/.exec(time)?.[1] ?? '';
	return Number.isNaN(ms) || ms < 0 ? 0 : ms * 1000 + Number(finer.padEnd(3, '0'));
}

/** What packets cannot say. */
function comment(columns: ExchangeDetail['columns']): string {
	const parts = [`exchange ${Number(columns.id)}`];
	if (columns.comm !== null && columns.comm !== undefined) parts.push(`process ${String(columns.comm)}`);
	if (columns.pid !== null && columns.pid !== undefined) parts.push(`pid ${Number(columns.pid)}`);
	if (columns.side !== null && columns.side !== undefined) parts.push(`seen by the ${String(columns.side)}`);
	if (typeof columns.tls === 'string') parts.push(`plaintext of TLS, read in ${columns.tls}`);
	if (typeof columns.vias === 'string') parts.push(`via ${columns.vias}`);
	if (typeof columns.reason === 'string') parts.push(`${String(columns.state)}: ${columns.reason}`);
	for (const note of [columns.req_body_note, columns.res_body_note]) if (typeof note === 'string') parts.push(note);
	return parts.join('; ');
}

function ends(columns: ExchangeDetail['columns']): [client: End, server: End] {
	const isServer = columns.side !== 'client';
	const local = endOf(columns.local);
	const remote = endOf(columns.remote);
	const server = (isServer ? local : remote) ?? endOf(UNKNOWN_SERVER)!;
	const client = isServer ? remote : local;
	if (client !== undefined && client.address.length === server.address.length) return [client, server];
	// The port tells exchanges apart.
	return [endOf(`${UNKNOWN_CLIENT}:${1024 + (Number(columns.id ?? 0) % 60_000)}`)!, endOf(UNKNOWN_SERVER)!];
}

/** Undefined for a unix socket, or if it is not known. */
function endOf(address: SqlValue | undefined): End | undefined {
	if (typeof address !== 'string') return undefined;
	const v4 = /^(\d+)\.(\d+)\.(\d+)\.(\d+):(\d+)$/.exec(address);
	if (v4 !== null) return { address: Buffer.from(v4.slice(1, 5).map(Number)), port: Number(v4[5]) };
	const v6 = /^\[([0-9a-f:.]+)(?:%[^\]]*)?\]:(\d+)$/i.exec(address);
	return v6 === null ? undefined : { address: v6Bytes(v6[1]!), port: Number(v6[2]) };
}

function v6Bytes(text: string): Buffer {
	const plain = text.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) => {
		const word = (high: string, low: string) => (Number(high) * 256 + Number(low)).toString(16);
		return `${word(a, b)}:${word(c, d)}`;
	});
	const [head = '', tail] = plain.split('::');
	const words = (part: string) =>
		part === '' ? [] : part.split(':').map((word) => Number.parseInt(word, 16) & 0xffff);
	const first = words(head);
	const last = words(tail ?? '');
	const bytes = Buffer.alloc(16);
	for (const [i, word] of first.entries()) bytes.writeUInt16BE(word, i * 2);
	for (const [i, word] of last.entries()) bytes.writeUInt16BE(word, 16 - (last.length - i) * 2);
	return bytes;
}

/** One synthesised connection: writes its packets as blocks of pcapng. */
class Connection {
	readonly #client: End;
	readonly #server: End;
	#clientNext: number;
	#serverNext: number;

	constructor(client: End, server: End, id: number) {
		this.#client = client;
		this.#server = server;
		// Readers tell connections between the same ports apart by these numbers.
		this.#clientNext = Math.imul(id, 0x9e37_79b1) >>> 0;
		this.#serverNext = Math.imul(id, 0x85eb_ca6b) >>> 0;
	}

	/** The bytes of a message: its first packet at `first`, the last at `last`, and an acknowledgement. */
	message(fromClient: boolean, { bytes, unheld, tail }: WireMessage, first: number, last: number): Buffer[] {
		const blocks: Buffer[] = [];
		const put = (us: number, held: Uint8Array, all: number): void => {
			for (let at = 0; at < all; at += SEGMENT_BYTES) {
				const length = Math.min(SEGMENT_BYTES, all - at);
				const payload = { held: held.subarray(at, at + length), length };
				blocks.push(this.packet(us, fromClient, PUSH | ACK, payload));
			}
		};
		if (unheld > 0 && bytes.length < SEGMENT_BYTES) {
			// Wireshark shows the head of a message without its end only if the packet with the head is itself cut.
			const cut = bytes.length + (last > first ? Math.ceil(unheld / 2) : unheld);
			const whole = Math.min(SEGMENT_BYTES, cut);
			put(first, bytes, whole);
			put(last, new Uint8Array(0), bytes.length + unheld - whole);
		} else {
			// The first line comes at the time of the first byte. Dissectors recognise HTTP only by a whole line.
			const split = last > first ? bytes.indexOf('\n') + 1 : 0;
			put(first, bytes.subarray(0, split), split);
			put(last, bytes.subarray(split), bytes.length - split + unheld);
		}
		put(last, tail, tail.length);
		blocks.push(this.packet(last, !fromClient, ACK));
		return blocks;
	}

	packet(
		us: number,
		fromClient: boolean,
		flags: number,
		payload: { readonly held: Uint8Array; readonly length: number } = { held: new Uint8Array(0), length: 0 },
		text?: string,
	): Buffer {
		const [source, target] = fromClient ? [this.#client, this.#server] : [this.#server, this.#client];
		const tcp = Buffer.alloc(TCP_HEADER_BYTES);
		tcp.writeUInt16BE(source.port, 0);
		tcp.writeUInt16BE(target.port, 2);
		tcp.writeUInt32BE(fromClient ? this.#clientNext : this.#serverNext, 4);
		tcp.writeUInt32BE((flags & ACK) === 0 ? 0 : fromClient ? this.#serverNext : this.#clientNext, 8);
		tcp[12] = (TCP_HEADER_BYTES / 4) << 4;
		tcp[13] = flags;
		tcp.writeUInt16BE(WINDOW, 14);
		const moved = payload.length + ((flags & (SYN | FIN)) === 0 ? 0 : 1);
		if (fromClient) this.#clientNext = (this.#clientNext + moved) >>> 0;
		else this.#serverNext = (this.#serverNext + moved) >>> 0;
		const ip = ipHeader(source.address, target.address, tcp.length + payload.length);
		const captured = Buffer.concat([ip, tcp, payload.held]);
		const original = ip.length + tcp.length + payload.length;
		const times = [u32(Math.floor(us / 2 ** 32)), u32(us % 2 ** 32)];
		return block(
			ENHANCED_PACKET,
			Buffer.concat([u32(0), ...times, u32(captured.length), u32(original), padded(captured)]),
			...(text === undefined ? [] : [option(OPTION_COMMENT, text)]),
		);
	}
}

function ipHeader(source: Buffer, target: Buffer, length: number): Buffer {
	if (source.length === 16) {
		const header = Buffer.alloc(8);
		header[0] = 6 << 4;
		header.writeUInt16BE(length, 4);
		header[6] = TCP;
		header[7] = 64;
		return Buffer.concat([header, source, target]);
	}
	const header = Buffer.alloc(20);
	header[0] = 0x45;
	header.writeUInt16BE(20 + length, 2);
	header[8] = 64;
	header[9] = TCP;
	source.copy(header, 12);
	target.copy(header, 16);
	header.writeUInt16BE(internetChecksum(header), 10);
	return header;
}

/** RFC 1071. */
function internetChecksum(bytes: Buffer): number {
	let sum = 0;
	for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
	while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
	return ~sum & 0xffff;
}

/** A block with its options; they end with an empty one. */
function block(type: number, content: Buffer, ...options: readonly Buffer[]): Buffer {
	const end = options.length === 0 ? [] : [Buffer.alloc(4)];
	const body = Buffer.concat([content, ...options, ...end]);
	const length = u32(body.length + 12);
	return Buffer.concat([u32(type), length, body, length]);
}

function option(code: number, text: string): Buffer {
	const value = Buffer.from(text).subarray(0, 0xffff);
	return Buffer.concat([u16(code), u16(value.length), padded(value)]);
}

function padded(bytes: Buffer): Buffer {
	return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}

function u16(value: number): Buffer {
	const bytes = Buffer.alloc(2);
	bytes.writeUInt16LE(value);
	return bytes;
}

function u32(value: number): Buffer {
	const bytes = Buffer.alloc(4);
	bytes.writeUInt32LE(value >>> 0);
	return bytes;
}

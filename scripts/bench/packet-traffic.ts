// Writes a pcap file as tcpdump would have: many connections at a time, whose packets are mixed, with acknowledgements,
// retransmissions and packets out of order. The same number of exchanges gives the same file.
import { closeSync, openSync, writeSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { ACK, FIN, SYN } from '../../support/packet-builder.ts';

/** Connections that are open at a time. */
const CONNECTIONS = 200;
const SEGMENT_BYTES = 1448;
/** One of so many packets is sent again, and one of so many overtakes the one before it. */
const RETRANSMITTED = 400;
const OVERTAKING = 400;
const PUSH = 8;
const HEAD_BYTES = 16 + 14 + 20 + 32;
const START_US = Date.UTC(2026, 10, 22, 12) * 1000;

/** Kinds of exchanges: how many of 1,000, and what is sent. */
const KINDS: readonly { readonly share: number; make(number: number, random: Random): [Buffer, Buffer] }[] = [
	{ share: 500, make: (number, random) => [get(`/api/orders/${number}`), json(random.text(600, 2400))] },
	{
		share: 150,
		make: (number, random) => [
			post(`/api/orders?from=${number % 97}`, random.text(300, 1200)),
			json(Buffer.from(`{"created":${number}}`), '201 Created'),
		],
	},
	{ share: 120, make: (number) => [get(`/static/${number % 300}.css`), head('304 Not Modified', ['ETag: "5f3a-1c"'])] },
	{ share: 100, make: (number, random) => [get(`/shop/page-${number % 500}`), chunked(random.page())] },
	{
		share: 80,
		make: (number, random) => [
			get(`/static/app-${number % 40}.js`),
			sized('application/javascript', random.script(), ['Content-Encoding: gzip']),
		],
	},
	{
		share: 49,
		make: (number, random) => [get(`/images/${number}.png`), sized('image/png', random.bytes(8_000, 110_000))],
	},
	{
		share: 1,
		make: (number, random) => [get(`/files/${number}.zip`), sized('application/zip', random.bytes(500_000, 2_000_000))],
	},
];

export type PacketTraffic = { readonly exchanges: number; readonly packets: number; readonly bytes: number };

export function writePacketTraffic(path: string, exchanges: number): PacketTraffic {
	const random = new Random();
	const file = new PacketWriter(path);
	let made = 0;
	let connections = 0;
	const open: Generator<void>[] = [];
	const next = (): Generator<void> | undefined => {
		if (made === exchanges) return undefined;
		const count = Math.min(exchanges - made, 1 + random.below(40));
		const connection = converse(file, random, connections++, made, count);
		made += count;
		return connection;
	};
	for (;;) {
		while (open.length < CONNECTIONS) {
			const connection = next();
			if (connection === undefined) break;
			open.push(connection);
		}
		if (open.length === 0) break;
		const at = random.below(open.length);
		// Some packets of a connection follow each other directly.
		for (let burst = 1 + random.below(6); burst > 0; burst--) {
			if (!open[at]!.next().done) continue;
			open[at] = open.at(-1)!;
			open.pop();
			break;
		}
	}
	file.close();
	return { exchanges, packets: file.packets, bytes: file.bytes };
}

/** A connection with `count` exchanges; yields after each packet. */
function* converse(file: PacketWriter, random: Random, number: number, first: number, count: number): Generator<void> {
	const client = new Side(0x0a000002 + ((number * 7919) % 60_000), 32_768 + (number % 28_000), random.below(2 ** 32));
	const server = new Side(0x0a010001 + (number % 3), 80, random.below(2 ** 32));
	yield file.segment(client, server, SYN);
	client.sequence++;
	yield file.segment(server, client, SYN | ACK);
	server.sequence++;
	yield file.segment(client, server, ACK);
	for (let i = 0; i < count; i++) {
		const [request, response] = kindOf(random).make(first + i, random);
		yield* send(file, random, client, server, request);
		yield* send(file, random, server, client, response);
	}
	yield file.segment(client, server, FIN | ACK);
	client.sequence++;
	yield file.segment(server, client, FIN | ACK);
	server.sequence++;
	yield file.segment(client, server, ACK);
}

function* send(file: PacketWriter, random: Random, from: Side, to: Side, bytes: Buffer): Generator<void> {
	const began = from.sequence;
	for (let at = 0, segments = 0; at < bytes.length; ) {
		const put = (start: number): number => {
			const payload = bytes.subarray(start, start + SEGMENT_BYTES);
			from.sequence = began + start;
			file.segment(from, to, start + SEGMENT_BYTES >= bytes.length ? ACK | PUSH : ACK, payload);
			return start + payload.length;
		};
		const overtakes = at + SEGMENT_BYTES < bytes.length && random.below(OVERTAKING) === 0;
		if (overtakes) {
			const after = put(at + SEGMENT_BYTES);
			yield;
			put(at);
			at = after;
		} else {
			if (random.below(RETRANSMITTED) === 0) put(at);
			at = put(at);
		}
		yield;
		from.sequence = began + at;
		if (++segments % 2 === 0 || at >= bytes.length) yield file.segment(to, from, ACK);
	}
}

/** One end of a connection. */
class Side {
	readonly address: number;
	readonly port: number;
	sequence: number;

	constructor(address: number, port: number, sequence: number) {
		this.address = address;
		this.port = port;
		this.sequence = sequence;
	}
}

const NOTHING = Buffer.alloc(0);

class PacketWriter {
	packets = 0;
	bytes = 0;
	readonly #fd: number;
	readonly #buffer = Buffer.alloc(4 << 20);
	#length = 0;
	#us = START_US;

	constructor(path: string) {
		this.#fd = openSync(path, 'wx', 0o600);
		const header = Buffer.alloc(24);
		for (const [i, value] of [0xa1b2c3d4, 0x00040002, 0, 0, 262_144, 1].entries()) header.writeUInt32LE(value, i * 4);
		header.copy(this.#buffer);
		this.#length = header.length;
	}

	/** Writes a frame: Ethernet, IPv4, TCP with a timestamp. */
	segment(from: Side, to: Side, flags: number, payload: Buffer = NOTHING): void {
		if (this.#length + HEAD_BYTES + payload.length > this.#buffer.length) this.#flush();
		const buffer = this.#buffer;
		const at = this.#length;
		buffer.fill(0, at, at + HEAD_BYTES);
		this.#us += 3 + (this.packets % 23);
		const length = HEAD_BYTES - 16 + payload.length;
		buffer.writeUInt32LE(Math.floor(this.#us / 1e6), at);
		buffer.writeUInt32LE(this.#us % 1e6, at + 4);
		buffer.writeUInt32LE(length, at + 8);
		buffer.writeUInt32LE(length, at + 12);
		buffer.writeUInt16BE(0x0800, at + 28);
		const ip = at + 30;
		buffer[ip] = 0x45;
		buffer.writeUInt16BE(52 + payload.length, ip + 2);
		buffer.writeUInt16BE(0x4000, ip + 6);
		buffer[ip + 8] = 64;
		buffer[ip + 9] = 6;
		buffer.writeUInt32BE(from.address, ip + 12);
		buffer.writeUInt32BE(to.address, ip + 16);
		const tcp = ip + 20;
		buffer.writeUInt16BE(from.port, tcp);
		buffer.writeUInt16BE(to.port, tcp + 2);
		buffer.writeUInt32BE(from.sequence >>> 0, tcp + 4);
		if ((flags & ACK) !== 0) buffer.writeUInt32BE(to.sequence >>> 0, tcp + 8);
		buffer[tcp + 12] = 8 << 4;
		buffer[tcp + 13] = flags;
		buffer.writeUInt16BE(502, tcp + 14);
		buffer.writeUInt32BE(0x0101080a, tcp + 20);
		buffer.writeUInt32BE(Math.floor(this.#us / 1000) % 2 ** 32, tcp + 24);
		payload.copy(buffer, tcp + 32);
		this.#length += 16 + length;
		this.packets++;
	}

	close(): void {
		this.#flush();
		closeSync(this.#fd);
	}

	#flush(): void {
		for (let done = 0; done < this.#length; ) done += writeSync(this.#fd, this.#buffer, done, this.#length - done);
		this.bytes += this.#length;
		this.#length = 0;
	}
}

/** Numbers of a linear congruential generator (Numerical Recipes), and bodies cut from prepared ones. */
class Random {
	#state = 1;
	readonly #words = jsonText(1 << 20);
	readonly #noise = Buffer.alloc(4 << 20);
	readonly #scripts = [40_000, 90_000, 200_000].map((bytes) => gzipSync(this.#words.subarray(0, bytes)));

	constructor() {
		for (let at = 0; at < this.#noise.length; at += 4) this.#noise.writeUInt32LE(this.below(2 ** 32), at);
	}

	below(limit: number): number {
		this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
		return Math.floor((this.#state / 2 ** 32) * limit);
	}

	text(least: number, most: number): Buffer {
		return this.#cut(this.#words, least, most);
	}

	bytes(least: number, most: number): Buffer {
		return this.#cut(this.#noise, least, most);
	}

	page(): Buffer {
		return this.#cut(this.#words, 4000, 20_000);
	}

	script(): Buffer {
		return this.#scripts[this.below(this.#scripts.length)]!;
	}

	#cut(from: Buffer, least: number, most: number): Buffer {
		const length = least + this.below(most - least);
		const start = this.below(from.length - length);
		return from.subarray(start, start + length);
	}
}

function jsonText(bytes: number): Buffer {
	const parts: string[] = [];
	for (let length = 0, i = 0; length < bytes; i++) {
		const part = `{"id":${i},"name":"item ${i * 31}","price":${(i * 7) % 1000}.50,"tags":["a${i % 9}","b${i % 13}"]},`;
		parts.push(part);
		length += part.length;
	}
	return Buffer.from(parts.join(''));
}

function kindOf(random: Random): (typeof KINDS)[number] {
	let rest = random.below(1000);
	for (const kind of KINDS) {
		rest -= kind.share;
		if (rest < 0) return kind;
	}
	throw new Error('the shares have less than 1,000 in all');
}

const CLIENT_FIELDS = `Host: shop.example
User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0
Accept: text/html,application/json;q=0.9,*/*;q=0.8
Accept-Language: en-US,en;q=0.5
Accept-Encoding: gzip, deflate, br
Cookie: session=6f1c2a9be0d34c7f8a11; theme=dark
Connection: keep-alive
`.replaceAll('\n', '\r\n');

function get(path: string): Buffer {
	return Buffer.from(`GET ${path} HTTP/1.1\r\n${CLIENT_FIELDS}\r\n`);
}

function post(path: string, body: Buffer): Buffer {
	const fields = `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`;
	return Buffer.concat([Buffer.from(`POST ${path} HTTP/1.1\r\n${CLIENT_FIELDS}${fields}\r\n`), body]);
}

function head(status: string, fields: readonly string[]): Buffer {
	const all = ['Server: nginx', 'Date: Sun, 22 Nov 2026 12:00:00 GMT', 'Cache-Control: max-age=60', ...fields];
	return Buffer.from(`HTTP/1.1 ${status}\r\n${all.map((field) => `${field}\r\n`).join('')}\r\n`);
}

function sized(type: string, body: Buffer, fields: readonly string[] = [], status = '200 OK'): Buffer {
	return Buffer.concat([head(status, [`Content-Type: ${type}`, `Content-Length: ${body.length}`, ...fields]), body]);
}

function json(body: Buffer, status?: string): Buffer {
	return sized('application/json', body, [], status);
}

function chunked(body: Buffer): Buffer {
	const parts = [head('200 OK', ['Content-Type: text/html; charset=utf-8', 'Transfer-Encoding: chunked'])];
	for (let at = 0; at < body.length; at += 4096) {
		const piece = body.subarray(at, at + 4096);
		parts.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n'));
	}
	return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')]);
}

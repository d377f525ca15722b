// Reads the packets of a pcap or pcapng file one after another. It trusts no length: what cannot be a packet ends the
// reading and is reported.
import { readSync } from 'node:fs';
import type { RecordingDamage } from '../recording-damage.ts';

/** The current packet of a file. The reader reuses it. */
export type Packet = {
	/** Type of the link layer (LINKTYPE_…, https://www.tcpdump.org/linktypes.html). */
	link: number;
	/** Seconds since 1970, and nanoseconds within that second. */
	seconds: number;
	nanoseconds: number;
	/** The captured bytes are bytes.subarray(start, end), until the next packet is read. */
	bytes: Buffer;
	start: number;
	end: number;
	/** Where they are in the file. */
	place: number;
	/** Bytes of the packet that were not captured (snapshot length). */
	cut: number;
};

export type PacketFile = {
	readonly format: 'pcap' | 'pcapng';
	/** Link layers of its interfaces. */
	readonly links: ReadonlySet<number>;
	/** The program that wrote it, if the file says so; '' otherwise. */
	readonly writer: string;
	readonly packet: Packet;
	/** Packets read so far. */
	readonly packets: number;
	/** Packets that the capturing program says it dropped; 0 if it does not say. */
	readonly dropped: number;
	/** Packets without a time (simple packet blocks). */
	readonly untimed: number;
	/** Blocks with secrets that decrypt TLS. */
	readonly secrets: number;
	/** Set if the file ends inside a packet, or a packet cannot be read. */
	readonly damage: RecordingDamage | undefined;
	/** Moves to the next packet. False at the end. */
	next(): boolean;
	/** Bytes that were read before. */
	readAgain(place: number, length: number): Buffer;
};

const PCAP_MICROSECONDS = 0xa1b2c3d4;
const PCAP_NANOSECONDS = 0xa1b23c4d;
/** Of an old patch of libpcap. */
const PCAP_PATCHED = 0xa1b2cd34;
const PCAP_HEADER_BYTES = 24;
const PCAP_RECORD_BYTES = 16;
const PCAP_PATCHED_RECORD_BYTES = 24;

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const PACKET_BLOCK = 2;
const SIMPLE_PACKET = 3;
const INTERFACE_STATISTICS = 5;
const ENHANCED_PACKET = 6;
const DECRYPTION_SECRETS = 10;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const OPTION_END = 0;
const OPTION_TSRESOL = 9;
const OPTION_TSOFFSET = 14;
const OPTION_IFDROP = 5;
const OPTION_USERAPPL = 4;
const WRITER_MAX = 256;

/** The longest packet that is believed: tcpdump's and Wireshark's limit is 256 KiB. */
const PACKET_MAX = 1 << 20;
/** Blocks up to this length are looked into; longer ones are skipped. */
const BLOCK_MAX = PACKET_MAX + 65_536;
const READ_BYTES = 1 << 20;

/** Whether a file that begins with these bytes (at least 4) holds packets. */
export function isPacketFile(start: Uint8Array): boolean {
	return pcapFormat(Buffer.from(start)) !== undefined || isSectionHeader(start);
}

/** Opens the packets of an open regular file of `size` bytes, from its beginning. */
export function openPackets(fd: number, size: number): PacketFile {
	const input = new FileInput(fd, size);
	const start = input.peek(PCAP_HEADER_BYTES);
	return isSectionHeader(start) ? new PcapngFile(input) : new PcapFile(input);
}

type PcapFormat = { readonly bigEndian: boolean; readonly nanoseconds: boolean; readonly recordBytes: number };

function pcapFormat(start: Buffer): PcapFormat | undefined {
	if (start.length < 4) return undefined;
	for (const bigEndian of [false, true]) {
		const magic = bigEndian ? start.readUInt32BE(0) : start.readUInt32LE(0);
		const recordBytes = magic === PCAP_PATCHED ? PCAP_PATCHED_RECORD_BYTES : PCAP_RECORD_BYTES;
		if (magic === PCAP_MICROSECONDS || magic === PCAP_PATCHED) return { bigEndian, nanoseconds: false, recordBytes };
		if (magic === PCAP_NANOSECONDS) return { bigEndian, nanoseconds: true, recordBytes };
	}
	return undefined;
}

function isSectionHeader(start: Uint8Array): boolean {
	// Its type is a palindrome: the same in both byte orders.
	return start.length >= 4 && Buffer.from(start).readUInt32LE(0) === SECTION_HEADER;
}

/** The bytes of a file, read ahead in large pieces. */
class FileInput {
	readonly size: number;
	/** The bytes read; the next one is at `at`. Whoever keeps some of them copies them: `have` moves and replaces them. */
	bytes = Buffer.alloc(0);
	#memory = Buffer.alloc(0);
	at = 0;
	readonly #fd: number;
	/** Offset in the file of bytes[0]. */
	#base = 0;

	constructor(fd: number, size: number) {
		this.#fd = fd;
		this.size = size;
	}

	/** Offset in the file of the next byte. */
	get offset(): number {
		return this.#base + this.at;
	}

	/** Makes at least `count` bytes available at `at`. False if the file ends before. */
	have(count: number): boolean {
		if (this.bytes.length - this.at >= count) return true;
		const rest = this.bytes.subarray(this.at);
		if (this.#memory.length < count) this.#memory = Buffer.allocUnsafe(Math.max(READ_BYTES, count));
		const bytes = this.#memory;
		rest.copy(bytes);
		const base = this.offset;
		let length = rest.length;
		while (length < bytes.length) {
			const read = readSync(this.#fd, bytes, length, bytes.length - length, base + length);
			if (read === 0) break;
			length += read;
		}
		this.bytes = bytes.subarray(0, length);
		this.#base = base;
		this.at = 0;
		return length >= count;
	}

	/** Bytes [place, place + length) of the file, without moving. */
	readAgain(place: number, length: number): Buffer {
		const at = place - this.#base;
		if (at >= 0 && at + length <= this.bytes.length) return this.bytes.subarray(at, at + length);
		const bytes = Buffer.alloc(length);
		return bytes.subarray(0, readSync(this.#fd, bytes, 0, length, place));
	}

	/** The next bytes, fewer at the end of the file, without moving. */
	peek(count: number): Buffer {
		this.have(count);
		return this.bytes.subarray(this.at, this.at + count);
	}

	skip(count: number): void {
		if (count <= this.bytes.length - this.at) {
			this.at += count;
			return;
		}
		this.#base = this.offset + count;
		this.bytes = Buffer.alloc(0);
		this.at = 0;
	}
}

abstract class PacketReader implements PacketFile {
	abstract readonly format: 'pcap' | 'pcapng';
	readonly links = new Set<number>();
	writer = '';
	readonly packet: Packet = {
		link: 0,
		seconds: 0,
		nanoseconds: 0,
		bytes: Buffer.alloc(0),
		start: 0,
		end: 0,
		place: 0,
		cut: 0,
	};
	packets = 0;
	untimed = 0;
	secrets = 0;
	damage: RecordingDamage | undefined;
	protected readonly input: FileInput;

	constructor(input: FileInput) {
		this.input = input;
	}

	get dropped(): number {
		return 0;
	}

	abstract next(): boolean;

	readAgain(place: number, length: number): Buffer {
		return this.input.readAgain(place, length);
	}

	/** The file cannot be read on from here. Always false. */
	protected stop(what: 'truncated' | 'damaged', detail: string): false {
		const { offset, size } = this.input;
		const missingBytes = Math.max(0, size - offset);
		this.damage ??= { offset, what, detail, missingBytes, places: missingBytes > 0 ? 1 : 0 };
		return false;
	}

	/** The packet's bytes begin at `start` of the input's bytes. */
	protected take(start: number, captured: number, original: number): void {
		const { packet } = this;
		this.packets++;
		packet.bytes = this.input.bytes;
		packet.start = start;
		packet.end = start + captured;
		packet.place = this.input.offset + start - this.input.at;
		packet.cut = Math.max(0, original - captured);
	}
}

class PcapFile extends PacketReader {
	readonly format = 'pcap';
	readonly #read32: (bytes: Buffer, at: number) => number;
	readonly #toNanoseconds: number;
	readonly #recordBytes: number;

	constructor(input: FileInput) {
		super(input);
		const header = input.peek(PCAP_HEADER_BYTES);
		const { bigEndian, nanoseconds, recordBytes } = pcapFormat(header)!;
		this.#recordBytes = recordBytes;
		this.#read32 = bigEndian ? (bytes, at) => bytes.readUInt32BE(at) : (bytes, at) => bytes.readUInt32LE(at);
		this.#toNanoseconds = nanoseconds ? 1 : 1000;
		// The upper bits describe frame check sequences.
		if (header.length < PCAP_HEADER_BYTES) return;
		this.packet.link = this.#read32(header, 20) & 0xffff;
		this.links.add(this.packet.link);
	}

	next(): boolean {
		const { input, packet } = this;
		const recordBytes = this.#recordBytes;
		if (input.offset === 0) {
			if (!input.have(PCAP_HEADER_BYTES)) return this.stop('truncated', 'the file ends inside its header');
			input.skip(PCAP_HEADER_BYTES);
		}
		if (!input.have(recordBytes))
			return input.offset < input.size && this.stop('truncated', 'the file ends inside the header of a packet');
		const { bytes, at } = input;
		const captured = this.#read32(bytes, at + 8);
		if (captured > PACKET_MAX)
			return this.stop('damaged', `a packet claims ${captured} bytes, more than ${PACKET_MAX}`);
		packet.seconds = this.#read32(bytes, at);
		packet.nanoseconds = this.#read32(bytes, at + 4) * this.#toNanoseconds;
		const original = this.#read32(bytes, at + 12);
		if (!input.have(recordBytes + captured)) return this.stop('truncated', 'the file ends inside a packet');
		this.take(input.at + recordBytes, captured, original);
		input.skip(recordBytes + captured);
		return true;
	}
}

type CapturedInterface = {
	readonly link: number;
	readonly snapLength: number;
	readonly ticksPerSecond: number;
	readonly offsetSeconds: number;
};

const NO_INTERFACE: CapturedInterface = { link: -1, snapLength: 0, ticksPerSecond: 1e6, offsetSeconds: 0 };

class PcapngFile extends PacketReader {
	readonly format = 'pcapng';
	#interfaces: CapturedInterface[] = [];
	#bigEndian = false;
	/** For each interface of each section. A file may repeat these counters, which are totals. */
	readonly #dropped = new Map<string, number>();
	#sections = 0;

	override get dropped(): number {
		return [...this.#dropped.values()].reduce((sum, packets) => sum + packets, 0);
	}

	next(): boolean {
		const { input } = this;
		for (;;) {
			if (!input.have(8))
				return input.offset < input.size && this.stop('truncated', 'the file ends inside the header of a block');
			// The header of a section says how its numbers are written.
			if (isSectionHeader(input.bytes.subarray(input.at))) {
				if (!input.have(16)) return this.stop('truncated', 'the file ends inside the header of a section');
				const order = input.bytes.readUInt32LE(input.at + 8);
				this.#bigEndian = order !== BYTE_ORDER_MAGIC;
				if (this.#bigEndian && input.bytes.readUInt32BE(input.at + 8) !== BYTE_ORDER_MAGIC)
					return this.stop('damaged', 'a section does not give its byte order');
				const version = this.#u16(input.at + 12);
				if (version !== 1) return this.stop('damaged', `a section has version ${version} of pcapng: expected 1`);
				this.#interfaces = [];
				this.#sections++;
			}
			const type = this.#u32(input.at);
			const length = this.#u32(input.at + 4);
			if (length < 12 || length % 4 !== 0)
				return this.stop('damaged', `a block claims ${length} bytes: expected a multiple of 4, at least 12`);
			if (length > input.size - input.offset) return this.stop('truncated', 'the file ends inside a block');
			if (length > BLOCK_MAX) {
				if (type === ENHANCED_PACKET || type === SIMPLE_PACKET || type === PACKET_BLOCK)
					return this.stop('damaged', `a packet claims ${length} bytes, more than ${PACKET_MAX}`);
				input.skip(length);
				continue;
			}
			input.have(length);
			const start = input.at;
			if (this.#u32(start + length - 4) !== length) return this.stop('damaged', 'the two lengths of a block differ');
			const isPacket = this.#read(type, start + 8, start + length - 4);
			if (this.damage !== undefined) return false;
			input.skip(length);
			if (isPacket) return true;
		}
	}

	/** Reads a block's content. Whether it is a packet. */
	#read(type: number, at: number, end: number): boolean {
		if (type === ENHANCED_PACKET) {
			if (end - at < 20) return this.stop('damaged', 'a packet is shorter than its header');
			return this.#packet(this.#u32(at), at + 4, at + 20, end);
		}
		if (type === PACKET_BLOCK) {
			if (end - at < 20) return this.stop('damaged', 'a packet is shorter than its header');
			return this.#packet(this.#u16(at), at + 4, at + 20, end);
		}
		if (type === SIMPLE_PACKET) {
			if (end - at < 4) return this.stop('damaged', 'a packet is shorter than its header');
			const { link, snapLength } = this.#interfaces[0] ?? NO_INTERFACE;
			const original = this.#u32(at);
			const room = end - at - 4;
			const limit = snapLength === 0 ? room : Math.min(room, snapLength);
			this.packet.link = link;
			// It has no time: that of the packet before it is the nearest.
			this.untimed++;
			this.take(at + 4, Math.min(original, limit), original);
			return true;
		}
		if (type === INTERFACE_DESCRIPTION && end - at >= 8) {
			this.#interfaces.push(this.#interface(at, end));
			this.links.add(this.#u16(at));
		} else if (type === SECTION_HEADER && this.writer === '')
			this.writer =
				this.#option(at + 16, end, OPTION_USERAPPL)
					?.toString('utf8')
					.slice(0, WRITER_MAX) ?? '';
		else if (type === INTERFACE_STATISTICS && end - at >= 12) {
			const drops = this.#option(at + 12, end, OPTION_IFDROP);
			const name = `${this.#sections} ${this.#u32(at)}`;
			if (drops?.length === 8)
				this.#dropped.set(name, Math.max(this.#dropped.get(name) ?? 0, Number(this.#u64(drops))));
		} else if (type === DECRYPTION_SECRETS) this.secrets++;
		return false;
	}

	#packet(interfaceIndex: number, numbers: number, start: number, end: number): boolean {
		const { packet } = this;
		const from = this.#interfaces[interfaceIndex];
		if (from === undefined)
			return this.stop('damaged', `a packet names interface ${interfaceIndex}, which is not described`);
		const captured = this.#u32(numbers + 8);
		if (captured > end - start)
			return this.stop('damaged', `a packet claims ${captured} bytes, more than its block has`);
		const { ticksPerSecond, offsetSeconds } = from;
		const ticks = this.#u32(numbers) * 2 ** 32 + this.#u32(numbers + 4);
		if (Number.isSafeInteger(ticks)) {
			const seconds = Math.floor(ticks / ticksPerSecond);
			packet.seconds = seconds + offsetSeconds;
			packet.nanoseconds = Math.floor(((ticks - seconds * ticksPerSecond) * 1e9) / ticksPerSecond);
		} else {
			const exact = (BigInt(this.#u32(numbers)) << 32n) | BigInt(this.#u32(numbers + 4));
			const perSecond = BigInt(ticksPerSecond);
			packet.seconds = Number(exact / perSecond) + offsetSeconds;
			packet.nanoseconds = Number(((exact % perSecond) * 1_000_000_000n) / perSecond);
		}
		packet.link = from.link;
		this.take(start, captured, this.#u32(numbers + 12));
		return true;
	}

	#interface(at: number, end: number): CapturedInterface {
		const resolution = this.#option(at + 8, end, OPTION_TSRESOL)?.[0] ?? 6;
		const exponent = resolution & 0x7f;
		const ticksPerSecond = resolution & 0x80 ? 2 ** exponent : 10 ** exponent;
		const offset = this.#option(at + 8, end, OPTION_TSOFFSET);
		return {
			link: this.#u16(at),
			snapLength: this.#u32(at + 4),
			// Finer than an exact integer can count: such times mean nothing.
			ticksPerSecond: Number.isSafeInteger(ticksPerSecond) ? ticksPerSecond : 1e6,
			offsetSeconds: offset !== undefined && offset.length === 8 ? Number(BigInt.asIntN(64, this.#u64(offset))) : 0,
		};
	}

	/** The value of a block's first option with this code; undefined if there is none. */
	#option(at: number, end: number, wanted: number): Buffer | undefined {
		for (let next = at; next + 4 <= end; ) {
			const code = this.#u16(next);
			const length = this.#u16(next + 2);
			if (code === OPTION_END || next + 4 + length > end) return undefined;
			if (code === wanted) return this.input.bytes.subarray(next + 4, next + 4 + length);
			next += 4 + ((length + 3) & ~3);
		}
		return undefined;
	}

	#u16(at: number): number {
		const { bytes } = this.input;
		return this.#bigEndian ? bytes.readUInt16BE(at) : bytes.readUInt16LE(at);
	}

	#u32(at: number): number {
		const { bytes } = this.input;
		return this.#bigEndian ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at);
	}

	#u64(bytes: Buffer): bigint {
		return this.#bigEndian ? bytes.readBigUInt64BE(0) : bytes.readBigUInt64LE(0);
	}
}

// Builds files of packets as tcpdump and Wireshark write them: link layers, IP, TCP, pcap, pcapng.

export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const ACK = 16;

/** Link layers by name (https://www.tcpdump.org/linktypes.html). */
export const LINKS = {
	ethernet: 1,
	vlan: 1,
	'linux cooked': 113,
	'linux cooked 2': 276,
	loopback: 0,
	'openbsd loopback': 108,
	raw: 101,
	ppp: 9,
	pppoe: 1,
	mpls: 1,
} as const;

export type LinkName = keyof typeof LINKS;

export type Endpoint = { readonly ip: string; readonly port: number };

export type BuiltPacket = {
	/** Microseconds since 1970. */
	readonly us: number;
	readonly bytes: Buffer;
	/** The length before it was cut; the length of `bytes` if undefined. */
	readonly original?: number;
};

export type TcpMembers = {
	readonly from: Endpoint;
	readonly to: Endpoint;
	readonly sequence: number;
	readonly acknowledged?: number;
	readonly flags?: number;
	readonly payload?: Buffer | string;
};

/** An IP packet with a TCP segment. */
export function tcpPacket({ from, to, sequence, acknowledged, flags, payload }: TcpMembers): Buffer {
	const bytes = Buffer.from(payload ?? '');
	const tcp = Buffer.alloc(20 + bytes.length);
	tcp.writeUInt16BE(from.port, 0);
	tcp.writeUInt16BE(to.port, 2);
	tcp.writeUInt32BE(sequence >>> 0, 4);
	tcp.writeUInt32BE((acknowledged ?? 0) >>> 0, 8);
	tcp[12] = 5 << 4;
	tcp[13] = (flags ?? 0) | (acknowledged === undefined ? 0 : ACK);
	bytes.copy(tcp, 20);
	return ipPacket(from.ip, to.ip, 6, tcp);
}

/** An IP packet of either version with this payload. */
export function ipPacket(from: string, to: string, protocol: number, payload: Buffer): Buffer {
	if (from.includes(':')) {
		const header = Buffer.alloc(40);
		header[0] = 6 << 4;
		header.writeUInt16BE(payload.length, 4);
		header[6] = protocol;
		header[7] = 64;
		v6Bytes(from).copy(header, 8);
		v6Bytes(to).copy(header, 24);
		return Buffer.concat([header, payload]);
	}
	const header = Buffer.alloc(20);
	header[0] = 0x45;
	header.writeUInt16BE(20 + payload.length, 2);
	header[8] = 64;
	header[9] = protocol;
	Buffer.from(from.split('.').map(Number)).copy(header, 12);
	Buffer.from(to.split('.').map(Number)).copy(header, 16);
	return Buffer.concat([header, payload]);
}

function v6Bytes(address: string): Buffer {
	const [head = '', tail] = address.split('::');
	const words = (text: string) => (text === '' ? [] : text.split(':').map((word) => Number.parseInt(word, 16)));
	const first = words(head);
	const last = words(tail ?? '');
	const all = [...first, ...new Array<number>(8 - first.length - last.length).fill(0), ...last];
	const bytes = Buffer.alloc(16);
	for (const [i, word] of all.entries()) bytes.writeUInt16BE(word, i * 2);
	return bytes;
}

/** Puts an IP packet into a frame of the link layer. */
export function frame(link: LinkName, ip: Buffer): Buffer {
	const isV6 = ip[0]! >> 4 === 6;
	const etherType = isV6 ? [0x86, 0xdd] : [0x08, 0x00];
	const pppType = isV6 ? [0x00, 0x57] : [0x00, 0x21];
	const macs = new Array<number>(12).fill(2);
	const heads: Readonly<Record<LinkName, readonly number[]>> = {
		ethernet: [...macs, ...etherType],
		vlan: [...macs, 0x88, 0xa8, 0, 5, 0x81, 0x00, 0, 7, ...etherType],
		'linux cooked': [0, 4, 0x03, 0x04, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, ...etherType],
		'linux cooked 2': [...etherType, 0, 0, 0, 0, 0, 1, 0x03, 0x04, 4, 6, 0, 0, 0, 0, 0, 0, 0, 0],
		loopback: [isV6 ? 30 : 2, 0, 0, 0],
		'openbsd loopback': [0, 0, 0, isV6 ? 24 : 2],
		raw: [],
		ppp: [0xff, 0x03, ...pppType],
		pppoe: [...macs, 0x88, 0x64, 0x11, 0, 0, 1, 0, 0, ...pppType],
		mpls: [...macs, 0x88, 0x47, 0, 1, 0, 64, 0, 2, 1, 64],
	};
	// Ethernet pads short frames.
	const padding = LINKS[link] === 1 ? Math.max(0, 60 - heads[link].length - ip.length) : 0;
	return Buffer.concat([Buffer.from(heads[link]), ip, Buffer.alloc(padding, 0x41)]);
}

export type PcapOptions = { readonly link?: number; readonly bigEndian?: boolean; readonly nanoseconds?: boolean };

export function pcapFile(packets: readonly BuiltPacket[], options: PcapOptions = {}): Buffer {
	const { link = LINKS.ethernet, bigEndian = false, nanoseconds = false } = options;
	const numbers = (...values: number[]) => {
		const bytes = Buffer.alloc(values.length * 4);
		for (const [i, value] of values.entries())
			if (bigEndian) bytes.writeUInt32BE(value >>> 0, i * 4);
			else bytes.writeUInt32LE(value >>> 0, i * 4);
		return bytes;
	};
	const version = bigEndian ? 0x00020004 : 0x00040002;
	const parts: Buffer[] = [numbers(nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4, version, 0, 0, 262_144, link)];
	for (const { us, bytes, original } of packets) {
		const fraction = (us % 1e6) * (nanoseconds ? 1000 : 1);
		parts.push(numbers(Math.floor(us / 1e6), fraction, bytes.length, original ?? bytes.length), bytes);
	}
	return Buffer.concat(parts);
}

export type PcapngOptions = {
	readonly link?: number;
	readonly bigEndian?: boolean;
	/** The value of if_tsresol; without it, microseconds. */
	readonly resolution?: number;
	/** The value of if_tsoffset, in seconds. */
	readonly offset?: number;
	/** Packets that the capture dropped (isb_ifdrop). */
	readonly dropped?: number;
	readonly kind?: 'enhanced' | 'obsolete' | 'simple';
};

export function pcapngFile(packets: readonly BuiltPacket[], options: PcapngOptions = {}): Buffer {
	const { link = LINKS.ethernet, bigEndian = false, resolution, offset, dropped, kind = 'enhanced' } = options;
	const u16 = (value: number) => {
		const bytes = Buffer.alloc(2);
		if (bigEndian) bytes.writeUInt16BE(value);
		else bytes.writeUInt16LE(value);
		return bytes;
	};
	const u32 = (value: number) => {
		const bytes = Buffer.alloc(4);
		if (bigEndian) bytes.writeUInt32BE(value >>> 0);
		else bytes.writeUInt32LE(value >>> 0);
		return bytes;
	};
	const u64 = (value: bigint) => {
		const bytes = Buffer.alloc(8);
		if (bigEndian) bytes.writeBigInt64BE(value);
		else bytes.writeBigInt64LE(value);
		return bytes;
	};
	const block = (type: number, ...content: readonly Buffer[]) => {
		const body = Buffer.concat(content);
		const padded = Buffer.concat([body, Buffer.alloc(-body.length & 3)]);
		return Buffer.concat([u32(type), u32(padded.length + 12), padded, u32(padded.length + 12)]);
	};
	const option = (code: number, value: Buffer) =>
		Buffer.concat([u16(code), u16(value.length), value, Buffer.alloc(-value.length & 3)]);
	const options_ = [
		...(resolution === undefined ? [] : [option(9, Buffer.of(resolution))]),
		...(offset === undefined ? [] : [option(14, u64(BigInt(offset)))]),
		option(0, Buffer.alloc(0)),
	];
	const perSecond =
		resolution === undefined
			? 10n ** 6n
			: resolution & 0x80
				? 2n ** BigInt(resolution & 0x7f)
				: 10n ** BigInt(resolution);
	const blocks = [
		block(0x0a0d0d0a, u32(0x1a2b3c4d), u16(1), u16(0), u64(-1n)),
		// A block that readers do not know.
		block(0x0bad, Buffer.from('unknown')),
		block(1, u16(link), u16(0), u32(262_144), ...options_),
	];
	for (const { us, bytes, original } of packets) {
		const ticks = ((BigInt(us) - BigInt(offset ?? 0) * 1_000_000n) * perSecond) / 1_000_000n;
		const times = [u32(Number(ticks >> 32n)), u32(Number(ticks & 0xffffffffn))];
		const lengths = [u32(bytes.length), u32(original ?? bytes.length)];
		if (kind === 'enhanced') blocks.push(block(6, u32(0), ...times, ...lengths, bytes));
		else if (kind === 'obsolete') blocks.push(block(2, u16(0), u16(0), ...times, ...lengths, bytes));
		else blocks.push(block(3, u32(original ?? bytes.length), bytes));
	}
	if (dropped !== undefined)
		blocks.push(block(5, u32(0), u32(0), u32(0), option(5, u64(BigInt(dropped))), option(0, Buffer.alloc(0))));
	return Buffer.concat(blocks);
}

/** A TCP connection whose packets are collected one after another, 1 ms apart. */
export class BuiltConnection {
	readonly client: Endpoint;
	readonly server: Endpoint;
	readonly packets: { from: 'client' | 'server'; members: TcpMembers }[] = [];
	#clientNext: number;
	#serverNext: number;

	constructor(client: Endpoint, server: Endpoint, initial: { client?: number; server?: number } = {}) {
		this.client = client;
		this.server = server;
		this.#clientNext = initial.client ?? 1000;
		this.#serverNext = initial.server ?? 900_000;
	}

	/** SYN, SYN+ACK, ACK. */
	open(): this {
		this.#push('client', { sequence: this.#clientNext, flags: SYN });
		this.#clientNext++;
		this.#push('server', { sequence: this.#serverNext, flags: SYN, acknowledged: this.#clientNext });
		this.#serverNext++;
		return this.acknowledge('client');
	}

	acknowledge(from: 'client' | 'server'): this {
		const [sequence, acknowledged] =
			from === 'client' ? [this.#clientNext, this.#serverNext] : [this.#serverNext, this.#clientNext];
		return this.#push(from, { sequence, acknowledged });
	}

	/** Sends a text in packets of at most `most` bytes, and the other side acknowledges. */
	send(from: 'client' | 'server', text: Buffer | string, most = 1460): this {
		const bytes = Buffer.from(text);
		for (let at = 0; at < bytes.length; at += most) {
			const payload = bytes.subarray(at, at + most);
			const isClient = from === 'client';
			this.#push(from, {
				sequence: isClient ? this.#clientNext : this.#serverNext,
				acknowledged: isClient ? this.#serverNext : this.#clientNext,
				payload,
			});
			if (isClient) this.#clientNext = (this.#clientNext + payload.length) >>> 0;
			else this.#serverNext = (this.#serverNext + payload.length) >>> 0;
		}
		return this.acknowledge(from === 'client' ? 'server' : 'client');
	}

	/** FIN from both sides, the client first. */
	close(): this {
		this.#push('client', { sequence: this.#clientNext++, acknowledged: this.#serverNext, flags: FIN });
		this.#push('server', { sequence: this.#serverNext++, acknowledged: this.#clientNext, flags: FIN });
		return this.acknowledge('client');
	}

	#push(from: 'client' | 'server', members: Omit<TcpMembers, 'from' | 'to'>): this {
		const [source, target] = from === 'client' ? [this.client, this.server] : [this.server, this.client];
		this.packets.push({ from, members: { ...members, from: source, to: target } });
		return this;
	}
}

/** The packets in frames, 1 ms apart. */
export function frames(
	packets: readonly { readonly members: TcpMembers }[],
	link: LinkName = 'ethernet',
	startUs = START_US,
): BuiltPacket[] {
	return packets.map(({ members }, i) => ({ us: startUs + i * 1000, bytes: frame(link, tcpPacket(members)) }));
}

/** 2026-11-22T12:00:00Z. */
export const START_US = Date.UTC(2026, 10, 22, 12) * 1000;

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
	'cisco hdlc': 104,
	nflog: 239,
	pktap: 258,
} as const;

export type LinkName = keyof typeof LINKS;

export type Endpoint = { readonly ip: string; readonly port: number };

export type BuiltPacket = {
	/** Microseconds since 1970. */
	readonly us: number;
	readonly bytes: Buffer;
	/** The length before it was cut; the length of `bytes` if undefined. */
	readonly original?: number;
	/** Number of its interface in a pcapng file; 0 if undefined. */
	readonly interface?: number;
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

/** An IP packet in fragments of at most `most` bytes, a multiple of 8. A short packet stays whole. */
export function fragments(ip: Buffer, most: number, id: number): Buffer[] {
	const isV6 = ip[0]! >> 4 === 6;
	const headerBytes = isV6 ? 40 : 20;
	const payload = ip.subarray(headerBytes);
	if (payload.length <= most) return [ip];
	const all: Buffer[] = [];
	for (let at = 0; at < payload.length; at += most) {
		const piece = payload.subarray(at, at + most);
		const isLast = at + most >= payload.length;
		const header = Buffer.from(ip.subarray(0, headerBytes));
		if (isV6) {
			const fragment = Buffer.alloc(8);
			fragment[0] = header[6]!;
			fragment.writeUInt16BE(at | (isLast ? 0 : 1), 2);
			fragment.writeUInt32BE(id, 4);
			header[6] = 44;
			header.writeUInt16BE(8 + piece.length, 4);
			all.push(Buffer.concat([header, fragment, piece]));
		} else {
			header.writeUInt16BE(20 + piece.length, 2);
			header.writeUInt16BE(id, 4);
			header.writeUInt16BE(at / 8 + (isLast ? 0 : 0x2000), 6);
			all.push(Buffer.concat([header, piece]));
		}
	}
	return all;
}

/** Puts an IP packet into a frame of the link layer. */
export function frame(link: LinkName, ip: Buffer): Buffer {
	const isV6 = ip[0]! >> 4 === 6;
	const etherType = isV6 ? [0x86, 0xdd] : [0x08, 0x00];
	const pppType = isV6 ? [0x00, 0x57] : [0x00, 0x21];
	const macs = new Array<number>(12).fill(2);
	const u16 = (value: number) => [value & 255, value >> 8];
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
		'cisco hdlc': [0x0f, 0, ...etherType],
		// A mark of 4 bytes, and a prefix whose length needs padding, before the payload.
		nflog: [isV6 ? 10 : 2, 0, 0, 7, 8, 0, 3, 0, 1, 2, 3, 4, 6, 0, 10, 0, 97, 0, 0, 0, ...u16(ip.length + 4), 9, 0],
		// The header of 16 bytes gives its length, a type and the link layer that follows.
		pktap: [16, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, ...macs, ...etherType],
	};
	// Ethernet pads short frames.
	const padding = LINKS[link] === 1 ? Math.max(0, 60 - heads[link].length - ip.length) : 0;
	return Buffer.concat([Buffer.from(heads[link]), ip, Buffer.alloc(padding, 0x41)]);
}

/** Tunnels by name: what stands before the inner packet, which is a frame of Ethernet or an IP packet, inside IPv4. */
export const TUNNELS = {
	'IP in IP': { protocol: 4, head: [], inner: 'ip' },
	GRE: { protocol: 47, head: [0, 0, 0x08, 0x00], inner: 'ip' },
	'GRE with checksum, key and sequence': {
		protocol: 47,
		head: [0xb0, 0, 0x08, 0x00, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 1],
		inner: 'ip',
	},
	'Ethernet in GRE': { protocol: 47, head: [0x20, 0, 0x65, 0x58, 0, 0, 0, 9], inner: 'ethernet' },
	ERSPAN: { protocol: 47, head: [0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, ...new Array<number>(8).fill(1)], inner: 'ethernet' },
	VXLAN: { protocol: 17, head: [...udpPorts(4789), 8, 0, 0, 0, 0, 0, 5, 0], inner: 'ethernet' },
	"VXLAN at Linux's port": { protocol: 17, head: [...udpPorts(8472), 8, 0, 0, 0, 0, 0, 5, 0], inner: 'ethernet' },
	Geneve: {
		protocol: 17,
		head: [...udpPorts(6081), 1, 0, 0x65, 0x58, 0, 0, 5, 0, 1, 2, 3, 4],
		inner: 'ethernet',
	},
} as const satisfies Record<string, { protocol: number; head: readonly number[]; inner: 'ip' | 'ethernet' }>;

/** The UDP header of a tunnel; neither length nor checksum are looked at. */
function udpPorts(target: number): number[] {
	return [0xc0, 1, target >> 8, target & 255, 0, 0, 0, 0];
}

/** Puts an IP packet into a tunnel between two other hosts. */
export function tunnelPacket(name: keyof typeof TUNNELS, ip: Buffer): Buffer {
	const { protocol, head, inner } = TUNNELS[name];
	const payload = inner === 'ip' ? ip : frame('ethernet', ip);
	return ipPacket('192.0.2.1', '192.0.2.2', protocol, Buffer.concat([Buffer.from(head), payload]));
}

export type PcapOptions = {
	readonly link?: number;
	readonly bigEndian?: boolean;
	readonly nanoseconds?: boolean;
	/** As the patched libpcap writes it, with more members for each packet. */
	readonly patched?: boolean;
};

export function pcapFile(packets: readonly BuiltPacket[], options: PcapOptions = {}): Buffer {
	const { link = LINKS.ethernet, bigEndian = false, nanoseconds = false, patched = false } = options;
	const numbers = (...values: number[]) => {
		const bytes = Buffer.alloc(values.length * 4);
		for (const [i, value] of values.entries())
			if (bigEndian) bytes.writeUInt32BE(value >>> 0, i * 4);
			else bytes.writeUInt32LE(value >>> 0, i * 4);
		return bytes;
	};
	const version = bigEndian ? 0x00020004 : 0x00040002;
	const magic = patched ? 0xa1b2cd34 : nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4;
	const parts: Buffer[] = [numbers(magic, version, 0, 0, 262_144, link)];
	for (const { us, bytes, original } of packets) {
		const fraction = (us % 1e6) * (nanoseconds ? 1000 : 1);
		parts.push(numbers(Math.floor(us / 1e6), fraction, bytes.length, original ?? bytes.length));
		if (patched) parts.push(numbers(1, 2));
		parts.push(bytes);
	}
	return Buffer.concat(parts);
}

export type PcapngInterface = {
	readonly link?: number;
	/** The value of if_tsresol; without it, microseconds. */
	readonly resolution?: number | undefined;
	/** The value of if_tsoffset, in seconds. */
	readonly offset?: number | undefined;
};

export type PcapngOptions = PcapngInterface & {
	readonly bigEndian?: boolean;
	/** Instead of one interface. */
	readonly interfaces?: readonly PcapngInterface[];
	/** Packets that the capture dropped (isb_ifdrop), as counted at several times. */
	readonly dropped?: readonly number[];
	readonly kind?: 'enhanced' | 'obsolete' | 'simple';
	/** The version of the format. */
	readonly version?: number;
	/** The program that wrote it (shb_userappl). */
	readonly writer?: string;
	/** A block with secrets of TLS. */
	readonly secrets?: boolean;
};

export function pcapngFile(packets: readonly BuiltPacket[], options: PcapngOptions = {}): Buffer {
	const { bigEndian = false, dropped = [], kind = 'enhanced', version = 1, writer, secrets = false } = options;
	const interfaces: readonly PcapngInterface[] = options.interfaces ?? [options];
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
	const end = option(0, Buffer.alloc(0));
	const userAppl = writer === undefined ? [] : [option(4, Buffer.from(writer)), end];
	const blocks = [
		block(0x0a0d0d0a, u32(0x1a2b3c4d), u16(version), u16(0), u64(-1n), ...userAppl),
		// A block that readers do not know.
		block(0x0bad, Buffer.from('unknown')),
		...interfaces.map(({ link = LINKS.ethernet, resolution, offset }) =>
			block(
				...([1, u16(link), u16(0), u32(262_144)] as const),
				...(resolution === undefined ? [] : [option(9, Buffer.of(resolution))]),
				...(offset === undefined ? [] : [option(14, u64(BigInt(offset)))]),
				end,
			),
		),
		...(secrets ? [block(10, u32(0x544c534b), u32(4), Buffer.from('# x\n'))] : []),
	];
	for (const { us, bytes, original, interface: number = 0 } of packets) {
		const { resolution, offset = 0 } = interfaces[number] ?? {};
		const ticks = ((BigInt(us) - BigInt(offset) * 1_000_000n) * ticksPerSecond(resolution)) / 1_000_000n;
		const times = [u32(Number(ticks >> 32n)), u32(Number(ticks & 0xffffffffn))];
		const lengths = [u32(bytes.length), u32(original ?? bytes.length)];
		if (kind === 'enhanced') blocks.push(block(6, u32(number), ...times, ...lengths, bytes));
		else if (kind === 'obsolete') blocks.push(block(2, u16(number), u16(0), ...times, ...lengths, bytes));
		else blocks.push(block(3, u32(original ?? bytes.length), bytes));
	}
	for (const count of dropped) blocks.push(block(5, u32(0), u32(0), u32(0), option(5, u64(BigInt(count))), end));
	return Buffer.concat(blocks);
}

function ticksPerSecond(resolution = 6): bigint {
	return resolution & 0x80 ? 2n ** BigInt(resolution & 0x7f) : 10n ** BigInt(resolution);
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

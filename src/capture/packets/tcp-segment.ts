// Finds the TCP segment in a packet: link layer, IP, TCP. Checksums are ignored: with offloading, the kernel leaves them
// to the network card, so packets of the own host rarely have right ones.
import type { Packet } from './packet-file.ts';

export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const ACK = 16;

/** What a packet holds, if it is no TCP segment that can be read. */
export type Other = 'other link' | 'other protocol' | 'fragment' | 'cut';

/** The current segment. `readSegment` reuses it. */
export type Segment = {
	/** Of IPv4, as a number. */
	sourceV4: number;
	targetV4: number;
	/** Where the addresses are in the packet's bytes; IPv6 has 16 bytes each. */
	isV6: boolean;
	sourceAt: number;
	targetAt: number;
	sourcePort: number;
	targetPort: number;
	/** Sequence number of the first byte of `bytes`, from 0 to 2^32 − 1. */
	sequence: number;
	acknowledged: number;
	flags: number;
	/** The packet's bytes; the payload's captured part is bytes.subarray(start, end). */
	bytes: Buffer;
	start: number;
	end: number;
	/** Length of the payload, captured or not. */
	length: number;
};

export function newSegment(): Segment {
	return {
		sourceV4: 0,
		targetV4: 0,
		isV6: false,
		sourceAt: 0,
		targetAt: 0,
		sourcePort: 0,
		targetPort: 0,
		sequence: 0,
		acknowledged: 0,
		flags: 0,
		bytes: Buffer.alloc(0),
		start: 0,
		end: 0,
		length: 0,
	};
}

const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
const VLAN_TYPES = [0x8100, 0x88a8, 0x9100];
const ETHERTYPE_MPLS = 0x8847;
const ETHERTYPE_PPPOE = 0x8864;
const PPP_IPV4 = 0x0021;
const PPP_IPV6 = 0x0057;

const PROTOCOL_IPIP = 4;
const PROTOCOL_TCP = 6;
const PROTOCOL_IPV6 = 41;
const EXTENSIONS = [0, 43, 60, 135, 139, 140];
const AUTHENTICATION = 51;
const FRAGMENT = 44;
/** IP in IP: no host nests more. */
const TUNNELS_MAX = 4;

/** Fills `segment` from a packet. Undefined: there is one; otherwise what the packet holds instead. */
export function readSegment(packet: Packet, segment: Segment): Other | undefined {
	const ip = networkLayer(packet);
	if (ip < 0) return ip === UNKNOWN_LINK ? 'other link' : ip === CUT ? 'cut' : 'other protocol';
	return readIp(packet, ip, segment);
}

const NOT_IP = -1;
const UNKNOWN_LINK = -2;
const CUT = -3;

/** Where the IP header begins. */
function networkLayer({ link, bytes, start, end }: Packet): number {
	switch (link) {
		case 1: // Ethernet
			return end - start < 14 ? CUT : afterEtherType(bytes, start + 12, end);
		case 113: // Linux cooked, version 1
			return end - start < 16 ? CUT : afterEtherType(bytes, start + 14, end);
		case 276: // Linux cooked, version 2
			return end - start < 20 ? CUT : bytes.readUInt16BE(start) === 0 ? NOT_IP : cooked2(bytes, start, end);
		case 0: // BSD loopback: the address family, in the host's byte order
		case 108: // OpenBSD loopback
			return end - start < 5 ? CUT : start + 4;
		case 9: // PPP
		case 50: {
			if (end - start < 4) return CUT;
			const framed = bytes[start] === 0xff && bytes[start + 1] === 0x03;
			return afterPppType(bytes, framed ? start + 2 : start);
		}
		case 12: // raw IP, by system
		case 14:
		case 101:
		case 228: // raw IPv4
		case 229: // raw IPv6
			return start;
		default:
			return UNKNOWN_LINK;
	}
}

function cooked2(bytes: Buffer, start: number, end: number): number {
	const type = bytes.readUInt16BE(start);
	if (type === ETHERTYPE_IPV4 || type === ETHERTYPE_IPV6) return start + 20;
	return VLAN_TYPES.includes(type) && end - start >= 24 ? afterEtherType(bytes, start + 22, end) : NOT_IP;
}

function afterEtherType(bytes: Buffer, typeAt: number, end: number): number {
	let at = typeAt;
	let type = bytes.readUInt16BE(at);
	while (VLAN_TYPES.includes(type)) {
		at += 4;
		if (at + 2 > end) return CUT;
		type = bytes.readUInt16BE(at);
	}
	if (type === ETHERTYPE_IPV4 || type === ETHERTYPE_IPV6) return at + 2;
	if (type === ETHERTYPE_PPPOE) return at + 10 > end ? CUT : afterPppType(bytes, at + 8);
	if (type !== ETHERTYPE_MPLS) return NOT_IP;
	for (at += 2; at + 4 <= end; at += 4) if ((bytes[at + 2]! & 1) !== 0) return at + 4;
	return CUT;
}

function afterPppType(bytes: Buffer, at: number): number {
	const type = bytes.readUInt16BE(at);
	return type === PPP_IPV4 || type === PPP_IPV6 ? at + 2 : NOT_IP;
}

function readIp(packet: Packet, ip: number, segment: Segment): Other | undefined {
	const { bytes, end, cut } = packet;
	let at = ip;
	for (let depth = 0; depth < TUNNELS_MAX; depth++) {
		if (at + 20 > end) return 'cut';
		const version = bytes[at]! >> 4;
		let protocol: number;
		let next: number;
		/** Where the packet ends according to IP; without it, padding would count as payload. */
		let last: number;
		if (version === 4) {
			next = at + (bytes[at]! & 15) * 4;
			if (next < at + 20) return 'other protocol';
			const total = bytes.readUInt16BE(at + 2);
			// Packets that the card will divide may have length 0.
			last = total === 0 ? end + cut : at + total;
			if ((bytes.readUInt16BE(at + 6) & 0x3fff) !== 0) return 'fragment';
			protocol = bytes[at + 9]!;
			segment.isV6 = false;
			segment.sourceAt = at + 12;
			segment.targetAt = at + 16;
		} else if (version === 6) {
			if (at + 40 > end) return 'cut';
			const length = bytes.readUInt16BE(at + 4);
			last = length === 0 ? end + cut : at + 40 + length;
			protocol = bytes[at + 6]!;
			next = at + 40;
			while (EXTENSIONS.includes(protocol) || protocol === AUTHENTICATION || protocol === FRAGMENT) {
				if (next + 8 > end) return 'cut';
				if (protocol === FRAGMENT) {
					// A packet may be its only fragment.
					if ((bytes.readUInt16BE(next + 2) & 0xfff9) !== 0) return 'fragment';
					protocol = bytes[next]!;
					next += 8;
					continue;
				}
				const size = protocol === AUTHENTICATION ? (bytes[next + 1]! + 2) * 4 : (bytes[next + 1]! + 1) * 8;
				protocol = bytes[next]!;
				next += size;
			}
			segment.isV6 = true;
			segment.sourceAt = at + 8;
			segment.targetAt = at + 24;
		} else return 'other protocol';
		if (protocol === PROTOCOL_TCP) return readTcp(packet, next, Math.min(last, end + cut), segment);
		if (protocol !== PROTOCOL_IPIP && protocol !== PROTOCOL_IPV6) return 'other protocol';
		at = next;
	}
	return 'other protocol';
}

function readTcp({ bytes, end }: Packet, at: number, last: number, segment: Segment): Other | undefined {
	if (at + 20 > end) return 'cut';
	const start = at + (bytes[at + 12]! >> 4) * 4;
	if (start < at + 20 || start > last) return 'other protocol';
	if (!segment.isV6) {
		segment.sourceV4 = bytes.readUInt32BE(segment.sourceAt);
		segment.targetV4 = bytes.readUInt32BE(segment.targetAt);
	}
	segment.sourcePort = bytes.readUInt16BE(at);
	segment.targetPort = bytes.readUInt16BE(at + 2);
	segment.flags = bytes[at + 13]!;
	segment.sequence = bytes.readUInt32BE(at + 4);
	segment.acknowledged = bytes.readUInt32BE(at + 8);
	segment.bytes = bytes;
	segment.start = Math.min(start, end);
	segment.end = Math.min(last, end);
	segment.length = last - start;
	return undefined;
}

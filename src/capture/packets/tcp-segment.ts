// Finds the TCP segment in a packet: link layer, IP, TCP. Checksums are ignored: with offloading, the kernel leaves them
// to the network card, so packets of the own host rarely have right ones.
import type { Packet } from './packet-file.ts';

export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const ACK = 16;

/** What `readSegment` returns: there is a TCP segment, or what the packet holds instead. */
export const SEGMENT = 0;
export const OTHER_LINK = -1;
export const NO_IP = -2;
export const NO_TCP = -3;
/** QUIC, which carries HTTP/3. */
export const QUIC = -4;
/** IPsec. */
export const ENCRYPTED = -5;
export const OTHER_TUNNEL = -6;
/** IpFragments puts them together. */
export const IP_FRAGMENT = -7;
export const CUT = -8;

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
	/** Where the payload begins in the file; negative if it was put together of several packets. */
	place: number;
	/** Length of the payload, captured or not. */
	length: number;
	/** After IP_FRAGMENT: where the IP header begins, and what follows it (IPv6: the fragment header). */
	fragmentAt: number;
	fragmentNext: number;
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
		place: 0,
		length: 0,
		fragmentAt: 0,
		fragmentNext: 0,
	};
}

const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
const VLAN_TYPES = [0x8100, 0x88a8, 0x9100];
const ETHERTYPE_MPLS = 0x8847;
const ETHERTYPE_PPPOE = 0x8864;
/** In GRE and Geneve: an Ethernet frame. */
const ETHERTYPE_BRIDGED = 0x6558;
const ETHERTYPE_ERSPAN = 0x88be;
const PPP_IPV4 = 0x0021;
const PPP_IPV6 = 0x0057;

const PROTOCOL_IPIP = 4;
const PROTOCOL_TCP = 6;
const PROTOCOL_UDP = 17;
const PROTOCOL_IPV6 = 41;
const PROTOCOL_GRE = 47;
const PROTOCOL_ESP = 50;
const EXTENSIONS = [0, 43, 60, 135, 139, 140];
const AUTHENTICATION = 51;
const FRAGMENT = 44;
/** Tunnels inside tunnels: no host nests more. */
const TUNNELS_MAX = 4;

const PORT_HTTPS = 443;
/** IANA's number, and the one that Linux used before. */
const PORTS_VXLAN = [4789, 8472];
const PORT_GENEVE = 6081;

const GRE_CHECKSUM = 0x8000;
const GRE_KEY = 0x2000;
const GRE_SEQUENCE = 0x1000;
/** Source routes, recursion and the version: nobody sends them, except PPTP. */
const GRE_OTHER = 0x4fff;

/** Type of the payload's attribute in a packet of nftables (NFULA_PAYLOAD). */
const NFLOG_PAYLOAD = 9;

/** Fills `segment` from a packet, and returns SEGMENT; otherwise what the packet holds instead. */
export function readSegment(packet: Packet, segment: Segment): number {
	const ip = networkLayer(packet.link, packet.bytes, packet.start, packet.end);
	return ip < 0 ? ip : readIp(packet, ip, segment);
}

/** Where the IP header begins; negative if there is none. */
function networkLayer(link: number, bytes: Buffer, start: number, end: number): number {
	switch (link) {
		case 1: // Ethernet
			return ethernet(bytes, start, end);
		case 113: // Linux cooked, version 1
			return end - start < 16 ? CUT : afterEtherType(bytes, start + 14, end);
		case 276: // Linux cooked, version 2
			return end - start < 20 ? CUT : cooked2(bytes, start, end);
		case 0: // BSD loopback: the address family, in the host's byte order
		case 108: // OpenBSD loopback
			return end - start < 5 ? CUT : start + 4;
		case 9: // PPP
		case 50: {
			if (end - start < 4) return CUT;
			const framed = bytes[start] === 0xff && bytes[start + 1] === 0x03;
			return afterPppType(bytes, framed ? start + 2 : start);
		}
		case 104: // Cisco HDLC
			return end - start < 4 ? CUT : afterEtherType(bytes, start + 2, end);
		case 12: // raw IP, by system
		case 14:
		case 101:
		case 228: // raw IPv4
		case 229: // raw IPv6
			return start;
		case 239: // nftables' log
			return nflog(bytes, start, end);
		case 258: // Apple's header with the process, before another link layer
			return pktap(bytes, start, end);
		default:
			return OTHER_LINK;
	}
}

function ethernet(bytes: Buffer, start: number, end: number): number {
	return end - start < 14 ? CUT : afterEtherType(bytes, start + 12, end);
}

function pktap(bytes: Buffer, start: number, end: number): number {
	if (end - start < 12) return CUT;
	const length = bytes.readUInt32LE(start);
	const link = bytes.readUInt32LE(start + 8);
	if (length < 12 || link === 258) return OTHER_LINK;
	return length > end - start ? CUT : networkLayer(link, bytes, start + length, end);
}

function nflog(bytes: Buffer, start: number, end: number): number {
	for (let at = start + 4; at + 4 <= end; ) {
		const length = bytes.readUInt16LE(at);
		if (bytes.readUInt16LE(at + 2) === NFLOG_PAYLOAD) return at + 4;
		if (length < 4) return NO_IP;
		at += (length + 3) & ~3;
	}
	return end - start < 4 ? CUT : NO_IP;
}

function cooked2(bytes: Buffer, start: number, end: number): number {
	const type = bytes.readUInt16BE(start);
	if (type === ETHERTYPE_IPV4 || type === ETHERTYPE_IPV6) return start + 20;
	return VLAN_TYPES.includes(type) && end - start >= 24 ? afterEtherType(bytes, start + 22, end) : NO_IP;
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
	if (type !== ETHERTYPE_MPLS) return NO_IP;
	for (at += 2; at + 4 <= end; at += 4) if ((bytes[at + 2]! & 1) !== 0) return at + 4;
	return CUT;
}

function afterPppType(bytes: Buffer, at: number): number {
	const type = bytes.readUInt16BE(at);
	return type === PPP_IPV4 || type === PPP_IPV6 ? at + 2 : NO_IP;
}

function readIp(packet: Packet, ip: number, segment: Segment): number {
	const { bytes, end, cut } = packet;
	let at = ip;
	for (let depth = 0; depth < TUNNELS_MAX; depth++) {
		if (at + 20 > end) return CUT;
		const version = bytes[at]! >> 4;
		let protocol: number;
		let next: number;
		/** Where the packet ends according to IP; without it, padding would count as payload. */
		let last: number;
		if (version === 4) {
			next = at + (bytes[at]! & 15) * 4;
			if (next < at + 20) return NO_IP;
			const total = bytes.readUInt16BE(at + 2);
			// Packets that the card will divide may have length 0.
			last = total === 0 ? end + cut : at + total;
			if ((bytes.readUInt16BE(at + 6) & 0x3fff) !== 0) return fragment(segment, false, at, next);
			protocol = bytes[at + 9]!;
			segment.isV6 = false;
			segment.sourceAt = at + 12;
			segment.targetAt = at + 16;
		} else if (version === 6) {
			if (at + 40 > end) return CUT;
			const length = bytes.readUInt16BE(at + 4);
			last = length === 0 ? end + cut : at + 40 + length;
			protocol = bytes[at + 6]!;
			next = at + 40;
			while (EXTENSIONS.includes(protocol) || protocol === AUTHENTICATION || protocol === FRAGMENT) {
				if (next + 8 > end) return CUT;
				if (protocol === FRAGMENT) {
					// A packet may be its only fragment.
					if ((bytes.readUInt16BE(next + 2) & 0xfff9) !== 0) return fragment(segment, true, at, next);
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
		} else return NO_IP;
		if (protocol === PROTOCOL_TCP) return readTcp(packet, next, Math.min(last, end + cut), segment);
		at = protocol === PROTOCOL_IPIP || protocol === PROTOCOL_IPV6 ? next : tunnelled(protocol, bytes, next, end);
		if (at < 0) return at;
	}
	return OTHER_TUNNEL;
}

function fragment(segment: Segment, isV6: boolean, at: number, next: number): number {
	segment.isV6 = isV6;
	segment.fragmentAt = at;
	segment.fragmentNext = next;
	return IP_FRAGMENT;
}

/** Where an IP header begins inside the payload of another protocol; negative if nowhere. */
function tunnelled(protocol: number, bytes: Buffer, at: number, end: number): number {
	if (protocol === PROTOCOL_ESP) return ENCRYPTED;
	if (protocol === PROTOCOL_GRE) return gre(bytes, at, end);
	if (protocol !== PROTOCOL_UDP) return NO_TCP;
	if (at + 8 > end) return CUT;
	const port = bytes.readUInt16BE(at + 2);
	if (port === PORT_HTTPS || bytes.readUInt16BE(at) === PORT_HTTPS) return QUIC;
	if (PORTS_VXLAN.includes(port)) {
		if (at + 16 > end) return CUT;
		// Without this flag there is no VXLAN header.
		return (bytes[at + 8]! & 8) === 0 ? NO_TCP : ethernet(bytes, at + 16, end);
	}
	if (port !== PORT_GENEVE) return NO_TCP;
	if (at + 16 > end) return CUT;
	return inTunnel(bytes, bytes.readUInt16BE(at + 10), at + 16 + (bytes[at + 8]! & 0x3f) * 4, end);
}

function gre(bytes: Buffer, at: number, end: number): number {
	if (at + 4 > end) return CUT;
	const flags = bytes.readUInt16BE(at);
	if ((flags & GRE_OTHER) !== 0) return OTHER_TUNNEL;
	const hasSequence = (flags & GRE_SEQUENCE) !== 0;
	const options = ((flags & GRE_CHECKSUM) !== 0 ? 4 : 0) + ((flags & GRE_KEY) !== 0 ? 4 : 0) + (hasSequence ? 4 : 0);
	const type = bytes.readUInt16BE(at + 2);
	const next = at + 4 + options;
	// Mirrored frames of a switch; version 2 has a header of its own, and a sequence number.
	if (type === ETHERTYPE_ERSPAN) return ethernet(bytes, hasSequence ? next + 8 : next, end);
	return inTunnel(bytes, type, next, end);
}

function inTunnel(bytes: Buffer, type: number, at: number, end: number): number {
	if (type === ETHERTYPE_IPV4 || type === ETHERTYPE_IPV6) return at;
	return type === ETHERTYPE_BRIDGED ? ethernet(bytes, at, end) : OTHER_TUNNEL;
}

function readTcp(
	{ bytes, start: packetStart, end, place }: Packet,
	at: number,
	last: number,
	segment: Segment,
): number {
	if (at + 20 > end) return CUT;
	const start = at + (bytes[at + 12]! >> 4) * 4;
	if (start < at + 20 || start > last) return NO_TCP;
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
	segment.place = place < 0 ? place : place + segment.start - packetStart;
	segment.length = last - start;
	return SEGMENT;
}

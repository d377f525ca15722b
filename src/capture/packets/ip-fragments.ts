// Puts fragments of IP packets together (RFC 791; RFC 8200, section 4.5). Trusts no length, and keeps a bounded number.
import type { Packet } from './packet-file.ts';
import type { Segment } from './tcp-segment.ts';

/** Limits on what waits for the rest. */
const DATAGRAMS_MAX = 1024;
const WAITING_BYTES_MAX = 8 << 20;
/** Afterwards, the sender may use its id again (Linux gives up as soon). */
const TIMEOUT_SECONDS = 30;
/** The longest payload of an IP packet. */
const PAYLOAD_MAX = 65_535;

const LINK_RAW_IP = 101;
const V4_HEADER_BYTES = 20;
const V6_HEADER_BYTES = 40;
const V6_FRAGMENT_HEADER_BYTES = 8;

type Part = { readonly from: number; readonly bytes: Buffer };

type Datagram = {
	/** When its first fragment was captured. */
	readonly seconds: number;
	readonly parts: Part[];
	/** Length of the payload; -1 before the last fragment came. */
	length: number;
	/** Of the parts. */
	bytes: number;
	/** Protocol of the payload, which the first fragment tells for sure. */
	protocol: number;
};

export class IpFragments {
	/** Fragments of packets that were not completed. */
	unread = 0;
	readonly #datagrams = new Map<string, Datagram>();
	#waitingBytes = 0;

	/** Takes the fragment that `readSegment` found. Returns the packet if it is complete now. */
	add({ bytes, end, seconds }: Packet, { isV6, fragmentAt: at, fragmentNext: next }: Segment): Packet | undefined {
		const field = bytes.readUInt16BE(isV6 ? next + 2 : at + 6);
		const from = isV6 ? field & 0xfff8 : (field & 0x1fff) * 8;
		const isLast = (field & (isV6 ? 1 : 0x2000)) === 0;
		const length = bytes.readUInt16BE(isV6 ? at + 4 : at + 2);
		const start = isV6 ? next + V6_FRAGMENT_HEADER_BYTES : next;
		const to = isV6 ? at + V6_HEADER_BYTES + length : at + length;
		if (to > end || to <= start || from + to - start > PAYLOAD_MAX) {
			this.unread++;
			return undefined;
		}
		const addresses = bytes.toString('latin1', at + (isV6 ? 8 : 12), at + (isV6 ? 40 : 20));
		const id = isV6 ? bytes.readUInt32BE(next + 4) : bytes.readUInt16BE(at + 4) * 256 + bytes[at + 9]!;
		const name = `${addresses}${id}`;
		let datagram = this.#datagrams.get(name);
		if (datagram !== undefined && Math.abs(seconds - datagram.seconds) > TIMEOUT_SECONDS) {
			this.#giveUp(name, datagram);
			datagram = undefined;
		}
		if (datagram === undefined) {
			datagram = { seconds, parts: [], length: -1, bytes: 0, protocol: -1 };
			this.#datagrams.set(name, datagram);
		}
		if (from === 0) datagram.protocol = bytes[isV6 ? next : at + 9]!;
		if (isLast) datagram.length = from + to - start;
		if (!datagram.parts.some((part) => part.from === from)) {
			datagram.parts.push({ from, bytes: Buffer.from(bytes.subarray(start, to)) });
			datagram.bytes += to - start;
			this.#waitingBytes += to - start;
		}
		const whole = payloadOf(datagram);
		if (whole !== undefined) {
			this.#remove(name, datagram);
			return packetOf(isV6, bytes.subarray(at), datagram.protocol, whole);
		}
		this.#makeRoom();
		return undefined;
	}

	/** The file has ended. */
	finish(): void {
		for (const [name, datagram] of this.#datagrams) this.#giveUp(name, datagram);
	}

	#makeRoom(): void {
		for (const [name, datagram] of this.#datagrams) {
			if (this.#datagrams.size <= DATAGRAMS_MAX && this.#waitingBytes <= WAITING_BYTES_MAX) return;
			this.#giveUp(name, datagram);
		}
	}

	#giveUp(name: string, datagram: Datagram): void {
		this.unread += datagram.parts.length;
		this.#remove(name, datagram);
	}

	#remove(name: string, datagram: Datagram): void {
		this.#waitingBytes -= datagram.bytes;
		this.#datagrams.delete(name);
	}
}

/** Undefined if a part is missing, or parts overlap, which no sender does. */
function payloadOf({ parts, length, bytes, protocol }: Datagram): Buffer | undefined {
	if (length < 0 || bytes !== length || protocol < 0) return undefined;
	parts.sort((a, b) => a.from - b.from);
	let at = 0;
	for (const part of parts) {
		if (part.from !== at) return undefined;
		at += part.bytes.length;
	}
	return Buffer.concat(parts.map((part) => part.bytes));
}

/** A packet without options and extension headers. `header`: of one of the fragments. */
function packetOf(isV6: boolean, header: Buffer, protocol: number, payload: Buffer): Packet {
	const headerBytes = isV6 ? V6_HEADER_BYTES : V4_HEADER_BYTES;
	const bytes = Buffer.concat([header.subarray(0, headerBytes), payload]);
	if (isV6) {
		bytes.writeUInt16BE(payload.length, 4);
		bytes[6] = protocol;
	} else {
		bytes[0] = 0x45;
		// Without a length, all of it counts.
		bytes.writeUInt16BE(bytes.length > PAYLOAD_MAX ? 0 : bytes.length, 2);
		bytes.writeUInt16BE(0, 6);
		bytes[9] = protocol;
	}
	return { link: LINK_RAW_IP, seconds: 0, nanoseconds: 0, bytes, start: 0, end: bytes.length, place: -1, cut: 0 };
}

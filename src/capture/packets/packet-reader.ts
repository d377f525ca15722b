// Replays a file of packets (pcap, pcapng) as if a server's calls had been captured: TCP connections become streams of
// records. Which system call moved the bytes, and in which process, is not known.
import { closeSync } from 'node:fs';
import { RecordBatches } from '../record-writer.ts';
import type { RecordingDamage } from '../recording-damage.ts';
import type { RecordingMeta } from '../recording-format.ts';
import type { FileContents, ReplayFile } from '../replay-file.ts';
import type { Warning } from '../silence.ts';
import { IpFragments } from './ip-fragments.ts';
import { linkName } from './link-layers.ts';
import { openPackets, type PacketFile } from './packet-file.ts';
import { TcpConnections } from './tcp-connections.ts';
import {
	CUT,
	ENCRYPTED,
	IP_FRAGMENT,
	NO_IP,
	NO_TCP,
	newSegment,
	OTHER_LINK,
	OTHER_TUNNEL,
	QUIC,
	readSegment,
	SEGMENT,
} from './tcp-segment.ts';

/** A batch is handed out when it has this many bytes. */
const BATCH_BYTES = 256 << 10;
/** Interval of clock records, as in a recording. */
const CLOCK_NS = 250_000_000;
const NS_PER_S = 1e9;
/** In 2255. Later times are not believed: nanoseconds since 1970 would not fit into 64 bits. */
const LAST_SECOND = 9e9;

/** In words, what packets without a TCP segment hold. */
const OTHERS: Readonly<Record<number, string>> = {
	[NO_IP]: 'without IP',
	[NO_TCP]: 'without TCP',
	[QUIC]: 'of QUIC (HTTP/3)',
	[ENCRYPTED]: 'encrypted by IPsec',
	[OTHER_TUNNEL]: 'in a tunnel that tinytap cannot read',
	[CUT]: 'cut inside the headers',
};

export class PacketReader implements ReplayFile {
	readonly meta: RecordingMeta = {};
	readonly bodyLimit = undefined;
	readonly size: number;
	readonly #file: PacketFile;
	readonly #records = new RecordBatches();
	readonly #connections: TcpConnections;
	readonly #segment = newSegment();
	readonly #fragments = new IpFragments();
	/** Packets without a TCP segment, by what they hold instead; those of unknown link layers by their number. */
	readonly #others = new Map<number, number>();
	readonly #otherLinks = new Map<number, number>();
	readonly #path: string;
	#fd: number;
	#firstSecond: number | undefined;
	/** Of the newest packet with a possible time. */
	#second = 0;
	#clockAt = 0;
	#toldHoles = 0;
	#ended = false;
	#warned = false;

	/** Reads the regular file `fd` of `size` bytes from its beginning, and closes it at the end. */
	constructor(path: string, fd: number, size: number) {
		this.#path = path;
		this.#fd = fd;
		this.size = size;
		this.#file = openPackets(fd, size);
		this.#connections = new TcpConnections(this.#records, (place, length) => this.#file.readAgain(place, length));
	}

	get format(): 'pcap' | 'pcapng' {
		return this.#file.format;
	}

	get damage(): RecordingDamage | undefined {
		return this.#file.damage;
	}

	get contents(): FileContents {
		const { packets, links, writer } = this.#file;
		return { packets, entries: undefined, links: [...links].map(linkName), writer };
	}

	nextBatch(into: Uint8Array): number {
		while (this.#records.waitingBytes < BATCH_BYTES && !this.#ended) this.#readPacket();
		return this.#records.take(into);
	}

	skip(conn: number, direction: number, until: number): void {
		this.#connections.skip(conn, direction, until);
	}

	close(): void {
		if (this.#fd < 0) return;
		closeSync(this.#fd);
		this.#fd = -1;
	}

	/** After the end: what was not read, or is not in the file. */
	warnings(): readonly Warning[] {
		if (!this.#ended || this.#warned) return [];
		this.#warned = true;
		const { packets, dropped, untimed, secrets } = this.#file;
		const { forgotten, totals } = this.#connections;
		const fragments = this.#fragments.unread;
		const { missingBytes, cutBytes, strayBytes, differentBytes } = totals;
		const messages: Warning[] = [];
		const warn = (message: string, hint?: string): void => {
			messages.push({ message: `${this.#path}: ${message}`, ...(hint === undefined ? {} : { hint }) });
		};
		const unread = [
			...[...this.#otherLinks].map(([link, count]) => `${packetsText(count)} of link layer ${linkName(link)}`),
			...(fragments === 0 ? [] : [`${packetsText(fragments)} of incomplete fragmented IP`]),
			...[...this.#others].map(([what, count]) => `${packetsText(count)} ${OTHERS[what]}`),
		];
		if (unread.length > 0) warn(`not read: ${unread.join(', ')}`);
		if (packets === 0 && this.damage === undefined) warn('it contains no packets');
		if (dropped > 0) warn(`the program that captured it dropped ${packetsText(dropped)}`);
		if (missingBytes > 0)
			warn(
				`${missingBytes} bytes of TCP connections are in no packet`,
				'They count as unseen (table loss). Capture with a larger buffer: tcpdump -B 65536.',
			);
		if (cutBytes > 0)
			warn(
				`its packets were cut: ${cutBytes} bytes are missing`,
				'They count as capture_limit (table loss). Capture whole packets: tcpdump -s 0.',
			);
		if (strayBytes > 0)
			warn(`not read: ${strayBytes} bytes after the end of their connections, or far from their sequence numbers`);
		if (differentBytes > 0)
			warn(
				`${differentBytes} bytes were sent again with another content: the first one counts`,
				'Somebody may have injected packets.',
			);
		if (forgotten > 0) warn(`${forgotten} connections were open at once with too many others, and were cut`);
		if (untimed > 0) warn(`${packetsText(untimed)} without a time: they get that of the packet before`);
		if (secrets > 0) warn('its secrets of TLS are not used: encrypted connections stay unread (table blind_spots)');
		return messages;
	}

	#tellUnseen(): void {
		const { holes, missingBytes } = this.#connections.totals;
		if (holes === this.#toldHoles) return;
		this.#toldHoles = holes;
		this.#records.unseen(holes, missingBytes);
	}

	#readPacket(): void {
		const { packet } = this.#file;
		if (!this.#file.next()) {
			this.#ended = true;
			this.#connections.finish();
			this.#fragments.finish();
			this.#tellUnseen();
			this.#records.end();
			return;
		}
		if (packet.seconds >= 0 && packet.seconds <= LAST_SECOND) this.#second = packet.seconds;
		this.#firstSecond ??= this.#second;
		// One second more, so that packets before the first one have a time, too: 0 means none.
		const timeNs = (this.#second - this.#firstSecond + 1) * NS_PER_S + packet.nanoseconds;
		this.#records.timeNs = Math.max(1, timeNs);
		if (this.#clockAt === 0 || timeNs - this.#clockAt >= CLOCK_NS) {
			this.#clockAt = this.#records.timeNs;
			const wallNs = BigInt(this.#firstSecond - 1) * BigInt(NS_PER_S) + BigInt(Math.round(this.#records.timeNs));
			this.#records.clock(wallNs < 0n ? 0n : wallNs);
			this.#tellUnseen();
		}
		let read = readSegment(packet, this.#segment);
		if (read === IP_FRAGMENT) {
			const whole = this.#fragments.add(packet, this.#segment);
			if (whole === undefined) return;
			read = readSegment(whole, this.#segment);
		}
		if (read === SEGMENT) this.#connections.add(this.#segment);
		// A fragment in a fragment: nobody sends that.
		else if (read === IP_FRAGMENT) this.#fragments.unread++;
		else if (read === OTHER_LINK) countOne(this.#otherLinks, packet.link);
		else countOne(this.#others, read);
	}
}

function packetsText(count: number): string {
	return count === 1 ? '1 packet' : `${count} packets`;
}

function countOne(counts: Map<number, number>, what: number): void {
	counts.set(what, (counts.get(what) ?? 0) + 1);
}

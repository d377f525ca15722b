// Replays a file of packets (pcap, pcapng) as if a server's calls had been captured: TCP connections become streams of
// records. Which system call moved the bytes, and in which process, is not known.
import { closeSync } from 'node:fs';
import { RecordBatches } from '../record-writer.ts';
import type { RecordingDamage } from '../recording-damage.ts';
import type { RecordingMeta } from '../recording-format.ts';
import type { ReplayFile } from '../replay-file.ts';
import type { Warning } from '../silence.ts';
import { openPackets, type PacketFile } from './packet-file.ts';
import { TcpConnections } from './tcp-connections.ts';
import { newSegment, type Other, readSegment } from './tcp-segment.ts';

/** A batch is handed out when it has this many bytes. */
const BATCH_BYTES = 256 << 10;
/** Interval of clock records, as in a recording. */
const CLOCK_NS = 250_000_000;
const NS_PER_S = 1e9;
/** In 2255. Later times are not believed: nanoseconds since 1970 would not fit into 64 bits. */
const LAST_SECOND = 9e9;

const OTHERS: Readonly<Record<Other, string>> = {
	'other link': 'of a link layer that tinytap cannot read',
	'other protocol': 'without TCP',
	fragment: 'that are fragments of IP packets',
	cut: 'cut before the end of their headers',
};

export class PacketReader implements ReplayFile {
	readonly meta: RecordingMeta = {};
	readonly bodyLimit = undefined;
	readonly #file: PacketFile;
	readonly #records = new RecordBatches();
	readonly #connections = new TcpConnections(this.#records);
	readonly #segment = newSegment();
	readonly #others = new Map<Other, number>();
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
		this.#file = openPackets(fd, size);
	}

	get damage(): RecordingDamage | undefined {
		return this.#file.damage;
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
		const parts = [...this.#others].map(([what, count]) => `${count} packets ${OTHERS[what]}`);
		const { forgotten, totals } = this.#connections;
		const { missingBytes, cutBytes } = totals;
		const messages: Warning[] = [];
		if (parts.length > 0) messages.push({ message: `${this.#path}: not read: ${parts.join(', ')}` });
		if (this.#file.dropped > 0)
			messages.push({ message: `${this.#path}: the program that captured it dropped ${this.#file.dropped} packets` });
		if (missingBytes > 0)
			messages.push({
				message: `${this.#path}: ${missingBytes} bytes of TCP connections are in no packet`,
				hint: 'They count as unseen (table loss). Capture with a larger buffer: tcpdump -B 65536.',
			});
		if (cutBytes > 0)
			messages.push({
				message: `${this.#path}: its packets were cut: ${cutBytes} bytes are missing`,
				hint: 'They count as capture_limit (table loss). Capture whole packets: tcpdump -s 0.',
			});
		if (forgotten > 0)
			messages.push({
				message: `${this.#path}: ${forgotten} connections were open at once with too many others, and were cut`,
			});
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
		const other = readSegment(packet, this.#segment);
		if (other === undefined) this.#connections.add(this.#segment);
		else this.#others.set(other, (this.#others.get(other) ?? 0) + 1);
	}
}

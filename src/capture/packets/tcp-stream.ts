// One direction of a TCP connection: puts the bytes of its packets into order (RFC 9293, section 3.4). Retransmitted and
// overlapping bytes are passed on once. Bytes that no packet contains are counted.

/** The captured part of the next bytes, or of later ones, with their true length. */
type Piece = {
	readonly sequence: number;
	readonly bytes: Buffer;
	readonly start: number;
	readonly end: number;
	readonly length: number;
	/** Where the captured part begins in the file; negative if it is in several places. */
	readonly place: number;
	/** When its packet was captured. */
	readonly timeNs: number;
};

/** Takes the next bytes of a stream: `length` of them, of which bytes.subarray(start, end) were captured. */
export type Deliver = (bytes: Buffer, start: number, end: number, length: number, timeNs: number) => void;

/** So many captured pieces are remembered, to compare retransmitted bytes with them. */
const RECENT = 4;

/** Limits on bytes that wait for earlier ones, for one direction and for all together. */
const WAITING_PIECES_MAX = 1024;
const WAITING_BYTES_MAX = 4 << 20;
const WAITING_BYTES_MAX_IN_ALL = 32 << 20;
/** An acknowledged hole is given up after this many further packets: a capture may show an acknowledgement before the data. */
const LATE_PACKETS = 16;

/** A sender is never so far ahead of its receiver, and a hole in a capture hardly ever so large: 256 MiB. */
const FAR = 1 << 28;

/** What all streams of a file have in common. */
export type StreamTotals = {
	/** Bytes that wait for earlier ones. */
	waitingBytes: number;
	/** Bytes that TCP's sequence numbers show, but no packet contains, and the number of places where they are missing. */
	missingBytes: number;
	holes: number;
	/** Bytes of packets that were cut by the snapshot length. */
	cutBytes: number;
	/** Bytes sent after the end of their stream or connection, or with numbers that are far from the others. */
	strayBytes: number;
	/** Bytes that differ from those sent before with the same numbers. */
	differentBytes: number;
};

/** Reads bytes of the file that were read before. */
export type ReadAgain = (place: number, length: number) => Buffer;

export class TcpStream {
	/** Bytes of the stream up to here were passed on or are missing. */
	offset = 0;
	/** Whether bytes are missing right before `offset`. */
	afterHole = false;
	/** The end was reached: everything before the FIN was passed on. */
	ended = false;
	/** The sequence number at `offset`; -1 if nothing is known yet. */
	#next = -1;
	#final = -1;
	/** What the other side acknowledges, and since when that is more than was seen. */
	#acknowledged = -1;
	#late = 0;
	#pieces: Piece[] = [];
	#pieceBytes = 0;
	/** Sequence number, captured length and place of the newest pieces that were passed on. */
	#recent: number[] | undefined;
	#recentAt = 0;
	readonly #deliver: Deliver;
	readonly #all: StreamTotals;
	readonly #readAgain: ReadAgain;

	constructor(deliver: Deliver, all: StreamTotals, readAgain: ReadAgain) {
		this.#deliver = deliver;
		this.#all = all;
		this.#readAgain = readAgain;
	}

	/** Whether this number is so far from the others that it must belong to another connection. */
	isFar(sequence: number): boolean {
		return this.#next >= 0 && Math.abs(distance(sequence, this.#next)) > FAR;
	}

	/** How many bytes before `end` are beyond those that were passed on. */
	unread(end: number): number {
		return this.#next < 0 ? 0 : Math.max(0, distance(end, this.#end()));
	}

	/** The sequence number of the first byte; only the first call counts. */
	begin(sequence: number): void {
		if (this.#next < 0) this.#next = sequence >>> 0;
	}

	/** Adds the payload of a packet. `isLast`: the packet has a FIN. */
	add(piece: Piece, isLast: boolean): void {
		this.begin(piece.sequence);
		if (this.isFar(piece.sequence)) {
			this.#all.strayBytes += piece.length;
			return;
		}
		if (isLast) this.#final = (piece.sequence + piece.length) >>> 0;
		if (piece.length > 0) {
			if (distance(piece.sequence, this.#next) > 0) this.#wait(piece);
			else this.#pass(piece, piece.timeNs);
		}
		// What waited could be read only now.
		this.#drain(piece.timeNs);
	}

	/** The other side has received everything before this number. Called for each packet of the connection. */
	acknowledge(sequence: number): void {
		this.begin(sequence);
		if (this.isFar(sequence)) return;
		if (this.#acknowledged < 0 || distance(sequence, this.#acknowledged) > 0) this.#acknowledged = sequence;
	}

	/** Counts another packet of the connection. Gives up bytes that were received, but are in no packet. */
	step(): void {
		if (this.#acknowledged < 0 || distance(this.#acknowledged, this.#end()) <= 0) this.#late = 0;
		else if (++this.#late > LATE_PACKETS) {
			this.#skipTo(this.#acknowledged);
			this.#late = 0;
			this.#drain();
		}
	}

	/** The connection has ended. Passes on what waits, although bytes before it are missing. */
	finish(): void {
		while (this.#pieces.length > 0) this.#giveUp();
		if (this.#final >= 0 && distance(this.#final, this.#next) > 0) this.#skipTo(this.#final);
		else if (this.#acknowledged >= 0 && distance(this.#acknowledged, this.#end()) > 0) this.#skipTo(this.#acknowledged);
		this.#noteEnd();
	}

	/** Where the known bytes end without a hole. An acknowledgement of the FIN counts one more. */
	#end(): number {
		return this.ended ? (this.#next + 1) >>> 0 : this.#next;
	}

	#pass(piece: Piece, timeNs: number): void {
		const { sequence, bytes, start, end, length } = piece;
		const known = distance(this.#next, sequence);
		if (known > 0) this.#compare(piece);
		if (known >= length) return;
		const from = Math.min(start + known, end);
		this.#all.cutBytes += length - known - (end - from);
		this.#deliver(bytes, from, end, length - known, timeNs);
		if (end > from && piece.place >= 0) this.#remember(this.#next, end - from, piece.place + from - start);
		this.#advance(length - known);
		this.afterHole = false;
	}

	#remember(sequence: number, length: number, place: number): void {
		if (this.#recent === undefined) {
			this.#recent = [sequence, length, place];
			return;
		}
		this.#recentAt = (this.#recentAt + 3) % (RECENT * 3);
		const at = this.#recentAt;
		this.#recent[at] = sequence;
		this.#recent[at + 1] = length;
		this.#recent[at + 2] = place;
	}

	/** Compares the bytes of a piece that were passed on before, as far as their packets are remembered. */
	#compare({ sequence, bytes, start, end, length }: Piece): void {
		const recent = this.#recent;
		// A single byte asks whether the other side is still there (keep-alive).
		if (recent === undefined || length === 1) return;
		const newStart = distance(sequence, this.#next);
		for (let at = 0; at < recent.length; at += 3) {
			const [oldStart, oldPlace] = [distance(recent[at]!, this.#next), recent[at + 2]!];
			const from = Math.max(newStart, oldStart);
			const to = Math.min(newStart + end - start, oldStart + recent[at + 1]!, 0);
			if (to <= from) continue;
			const old = this.#readAgain(oldPlace + from - oldStart, to - from);
			const same = bytes.subarray(start + from - newStart, start + to - newStart);
			if (!old.equals(same))
				this.#all.differentBytes += old.reduce((sum, byte, i) => sum + (byte === same[i] ? 0 : 1), 0);
		}
	}

	#advance(bytes: number): void {
		this.#next = (this.#next + bytes) >>> 0;
		this.offset += bytes;
	}

	#wait(piece: Piece): void {
		const held = {
			...piece,
			bytes: Buffer.from(piece.bytes.subarray(piece.start, piece.end)),
			start: 0,
			end: piece.end - piece.start,
		};
		let at = this.#pieces.length;
		while (at > 0 && distance(this.#pieces[at - 1]!.sequence, piece.sequence) > 0) at--;
		this.#pieces.splice(at, 0, held);
		this.#count(held.bytes.length);
		while (
			this.#pieces.length > WAITING_PIECES_MAX ||
			this.#pieceBytes > WAITING_BYTES_MAX ||
			(this.#all.waitingBytes > WAITING_BYTES_MAX_IN_ALL && this.#pieces.length > 0)
		) {
			this.#giveUp();
		}
	}

	/** Gives up the bytes before the first that wait. */
	#giveUp(): void {
		const before = this.#pieces.length;
		this.#skipTo(this.#pieces[0]!.sequence);
		this.#drain();
		if (this.#pieces.length < before) return;
		// Bytes after the end of the stream: no sender makes them.
		const late = this.#pieces.shift()!;
		this.#count(-late.bytes.length);
		this.#all.strayBytes += late.length;
	}

	/** Passes on what waits for nothing any more; without a time, as if it had been read when it came. */
	#drain(timeNs?: number): void {
		let passed = 0;
		while (passed < this.#pieces.length && distance(this.#pieces[passed]!.sequence, this.#next) <= 0) {
			const piece = this.#pieces[passed++]!;
			this.#count(-piece.bytes.length);
			this.#pass(piece, timeNs ?? piece.timeNs);
		}
		if (passed > 0) this.#pieces.splice(0, passed);
		this.#noteEnd();
	}

	#noteEnd(): void {
		if (this.#final >= 0 && distance(this.#next, this.#final) >= 0) this.ended = true;
	}

	#count(bytes: number): void {
		this.#pieceBytes += bytes;
		this.#all.waitingBytes += bytes;
	}

	/** Gives up the bytes before `sequence`, at most up to those that wait. */
	#skipTo(sequence: number): void {
		const first = this.#pieces[0]?.sequence ?? sequence;
		const to = distance(sequence, first) > 0 ? first : sequence;
		// The FIN is no byte.
		const limit = this.#final >= 0 && distance(to, this.#final) > 0 ? this.#final : to;
		const bytes = distance(limit, this.#next);
		if (bytes <= 0) return;
		this.#all.missingBytes += bytes;
		this.#all.holes++;
		this.afterHole = true;
		this.#advance(bytes);
	}
}

/** How far `a` is after `b`; negative if before. Sequence numbers wrap around. */
function distance(a: number, b: number): number {
	return (a - b) | 0;
}

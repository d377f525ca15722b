// The writer of table `exchanges`. It appends the decoder's rows to segments in shared memory, evicts the oldest rows
// when a limit is reached, and links the two rows of an exchange that was seen from both sides.
import { type EntryBytes, RowWriter, rowBytesAtMost } from './row-writer.ts';
import { createSegment, openSegment, type Segment, type SegmentHandle, segmentBytes } from './segment.ts';

export type StoreLimits = {
	/** Maximum bytes of all segments. */
	readonly memoryBytes: number;
	/** Maximum number of rows; Infinity if there is no limit. */
	readonly rows: number;
	/** Called for new memory before large bodies are written to it. */
	readonly touch?: ((memory: Uint8Array) => void) | undefined;
	/**
	 * Returns memory that nobody reads any more to the system, at once; its contents are lost. False if that is not
	 * possible.
	 */
	readonly discard?: ((memory: Uint8Array) => boolean) | undefined;
	/** Called for each evicted row with the id of its exchange. */
	readonly evicted?: ((id: number) => void) | undefined;
};

/**
 * The rows of one instant. A segment has `rows` committed rows, of which those below `first` are evicted; `start` rows were
 * appended before its first one, and `appended` in all.
 */
export type StoreSnapshot = {
	/** Pass it to release() when the snapshot is no longer read. */
	readonly id: number;
	readonly appended: number;
	readonly segments: readonly { handle: SegmentHandle; start: number; first: number; rows: number }[];
};

type OpenSegment = {
	segment: Segment;
	/** The number of rows appended before its first one. */
	readonly start: number;
	first: number;
	rows: number;
	/** Its memory: the whole segment while it is being written, afterwards only the part that was ever written. */
	bytes: number;
	/** Bytes of its buffer that were written in an earlier use. */
	readonly touched: number;
	/** The first snapshot that can show it. */
	readonly since: number;
};

/** An evicted segment, and the snapshots that may still read from it. */
type EvictedSegment = { readonly open: OpenSegment; readonly readers: Set<number> };

const ROWS_PER_SEGMENT = 8192;
const ARENA_PER_SEGMENT = 4 << 20;
/** At least this many segments fit within the memory limit, so that evicting one does not empty the table. */
const SEGMENTS_AT_LEAST = 16;

/** Each column's last page is only partly used: about 60 columns, half a page each. */
const UNTOUCHED_SLACK = 128 << 10;
/** Number of recent ids whose row is remembered, because pairs are found soon after their rows. A power of two. */
const PLACES = 1 << 16;

/** Appends finished exchanges. Used by one thread only. */
export class ExchangeStore {
	/** Rows appended and rows evicted since the start. */
	appended = 0;
	evictedRows = 0;
	evictedBytes = 0;

	#limits: StoreLimits;
	readonly #rowCapacity: number;
	readonly #arenaCapacity: number;
	#segments: OpenSegment[] = [];
	/**
	 * Evicted segments that may still be read, and those free for reuse. They are reused rather than left to the
	 * garbage collector, which runs too rarely in a thread that allocates little.
	 */
	#evicted: EvictedSegment[] = [];
	#free: OpenSegment[] = [];
	readonly #readers = new Set<number>();
	#nextSnapshot = 1;
	#liveRows = 0;
	#liveBytes = 0;
	#nextNumber = 1;
	/** The number of rows appended before the row with id n, at index n modulo PLACES. */
	readonly #places = new Float64Array(PLACES);
	/** The writer of the last segment. */
	#writer: RowWriter | undefined;

	constructor(limits: StoreLimits) {
		this.#limits = limits;
		const share = limits.memoryBytes / SEGMENTS_AT_LEAST;
		const scale = Math.min(1, share / segmentBytes(ROWS_PER_SEGMENT, ARENA_PER_SEGMENT));
		this.#rowCapacity = Math.max(64, Math.floor((ROWS_PER_SEGMENT * scale) / 8) * 8);
		this.#arenaCapacity = Math.max(64 << 10, Math.floor(ARENA_PER_SEGMENT * scale));
	}

	/** Appends the ENTRY_EXCHANGE that begins at byte `at`. */
	append(source: EntryBytes, at: number): void {
		const need = rowBytesAtMost(source, at);
		if (this.#writer === undefined || !this.#writer.hasRoom(need)) this.#writer = this.#startSegment(need);
		this.#writer.write(source, at);
		const last = this.#segments.at(-1)!;
		last.rows = this.#writer.rows;
		this.#places[last.segment.f64.id[last.rows - 1]! % PLACES] = this.appended;
		this.appended++;
		this.#liveRows++;
		while (this.#liveRows > this.#limits.rows) this.#evictRow();
	}

	/** Applies an ENTRY_PAIR: sets `pair_id` of both rows, if they still exist. */
	pair(a: number, b: number): void {
		this.#setPair(a, b);
		this.#setPair(b, a);
	}

	/** A snapshot of the rows, readable until release(). */
	snapshot(): StoreSnapshot {
		const id = this.#nextSnapshot++;
		this.#readers.add(id);
		return {
			id,
			appended: this.appended,
			segments: this.#segments.map(({ segment, start, first, rows }) => ({
				handle: {
					number: segment.number,
					buffer: segment.buffer,
					rowCapacity: segment.rowCapacity,
					arenaCapacity: segment.arenaCapacity,
				},
				start,
				first,
				rows,
			})),
		};
	}

	/** Ends the use of a snapshot, or of all snapshots if no id is given, because the reader has ended. */
	release(id?: number): void {
		if (id === undefined) this.#readers.clear();
		else this.#readers.delete(id);
		this.#evicted = this.#evicted.filter(({ open, readers }) => {
			if (id === undefined) readers.clear();
			else readers.delete(id);
			if (readers.size > 0) return true;
			this.#free.push(open);
			return false;
		});
	}

	/** Empties the table (`.clear`); the rows do not count as evicted. */
	clear(): void {
		this.#countUsed();
		for (const open of this.#segments) this.#retire(open);
		this.#segments = [];
		this.#liveRows = 0;
		this.#writer = undefined;
	}

	get rows(): number {
		return this.#liveRows;
	}

	/** Bytes of all segments, including those kept for reuse. */
	get memoryBytes(): number {
		return this.#liveBytes;
	}

	/** Changes the maximum of all segments. A lower one is kept from the next segment on. */
	set memoryLimit(memoryBytes: number) {
		this.#limits = { ...this.#limits, memoryBytes };
	}

	#startSegment(need: number): RowWriter {
		this.#countUsed();
		const open = this.#reuse(need) ?? this.#allocate(need);
		this.#segments.push(open);
		return new RowWriter(open.segment, open.touched === 0 ? this.#limits.touch : undefined);
	}

	/** A large enough free segment, if a new one would exceed the limit. */
	#reuse(need: number): OpenSegment | undefined {
		const bytes = segmentBytes(this.#rowCapacity, Math.max(this.#arenaCapacity, need));
		while (this.#segments.length > 0 && this.#liveBytes + bytes > this.#limits.memoryBytes && !this.#hasFree(need)) {
			// A segment that a statement still reads cannot be reused, so the table is smaller for a while.
			this.#evictSegment();
		}
		const index = this.#free.findIndex(({ segment }) => segment.arenaCapacity >= need);
		if (index < 0) return undefined;
		const [free] = this.#free.splice(index, 1) as [OpenSegment];
		const { buffer, rowCapacity, arenaCapacity } = free.segment;
		const all = segmentBytes(rowCapacity, arenaCapacity);
		// Perhaps only a part of its memory has been written so far.
		this.#makeRoom(all - free.bytes);
		const segment = openSegment({ number: this.#nextNumber++, buffer, rowCapacity, arenaCapacity });
		this.#liveBytes += all - free.bytes;
		return {
			segment,
			start: this.appended,
			first: 0,
			rows: 0,
			bytes: all,
			touched: free.bytes,
			since: this.#nextSnapshot,
		};
	}

	/** Discards free segments, and then the oldest rows, until `bytes` more are within the limit. */
	#makeRoom(bytes: number): void {
		for (;;) {
			if (this.#liveBytes + bytes <= this.#limits.memoryBytes) return;
			const free = this.#free.find((each) => each.bytes > 0);
			if (free !== undefined) this.#discard(free);
			else if (this.#segments.length > 0) this.#evictSegment();
			else return;
		}
	}

	#discard(free: OpenSegment): void {
		this.#liveBytes -= free.bytes;
		free.bytes = 0;
		// Otherwise the garbage collector has to free it.
		if (this.#limits.discard?.(new Uint8Array(free.segment.buffer)) !== true) {
			this.#free = this.#free.filter((each) => each !== free);
		}
	}

	#hasFree(need: number): boolean {
		return this.#free.some(({ segment }) => segment.arenaCapacity >= need);
	}

	#allocate(need: number): OpenSegment {
		const arenaCapacity = Math.max(this.#arenaCapacity, need);
		const bytes = segmentBytes(this.#rowCapacity, arenaCapacity);
		// The free segments are too small for reuse.
		this.#makeRoom(bytes);
		const segment = createSegment(this.#nextNumber++, this.#rowCapacity, arenaCapacity);
		this.#liveBytes += bytes;
		return { segment, start: this.appended, first: 0, rows: 0, bytes, touched: 0, since: this.#nextSnapshot };
	}

	#retire(open: OpenSegment): void {
		// Rows appended while a statement runs must not wait for its end: they are not in its snapshot.
		const readers = new Set([...this.#readers].filter((id) => id >= open.since));
		if (readers.size === 0) this.#free.push(open);
		else this.#evicted.push({ open, readers });
	}

	/** Counts only the written part of a full segment, because untouched pages take no memory. */
	#countUsed(): void {
		const last = this.#segments.at(-1);
		if (last === undefined || this.#writer === undefined) return;
		const written = this.#writer.usedBytes + UNTOUCHED_SLACK;
		const used = Math.max(written, last.touched);
		if (used >= last.bytes) return;
		this.#liveBytes -= last.bytes - used;
		last.bytes = used;
	}

	#evictSegment(): void {
		const oldest = this.#segments.shift();
		if (oldest === undefined) return;
		for (let row = oldest.first; row < oldest.rows; row++) this.#countEvicted(oldest.segment, row);
		this.#retire(oldest);
	}

	#evictRow(): void {
		const oldest = this.#segments[0]!;
		this.#countEvicted(oldest.segment, oldest.first++);
		// The last segment is being written, so it is kept even if it is empty.
		if (oldest.first === oldest.rows && this.#segments.length > 1) {
			this.#segments.shift();
			this.#retire(oldest);
		}
	}

	#countEvicted(segment: Segment, row: number): void {
		this.evictedRows++;
		this.#limits.evicted?.(segment.f64.id[row]!);
		this.evictedBytes += segment.f64.req_captured_bytes[row]! + segment.f64.res_captured_bytes[row]!;
		this.#liveRows--;
	}

	#setPair(id: number, pairId: number): void {
		// One of the two may still be open. The decoder sets its pair itself, so it must not be searched for here.
		const place = this.#places[id % PLACES]!;
		for (let i = this.#segments.length - 1; i >= 0; i--) {
			const { segment, start, first, rows } = this.#segments[i]!;
			if (start > place) continue;
			const row = place - start;
			if (row >= first && row < rows && segment.f64.id[row] === id) segment.f64.pair_id[row] = pairId;
			return;
		}
	}
}

// The writer's side of table `exchanges`: appends what the decoder hands out to segments in shared memory, lets the
// oldest go when a limit is reached, and links the two rows of an exchange seen from both sides.
import { type EntryBytes, RowWriter, rowBytesAtMost } from './row-writer.ts';
import { createSegment, openSegment, type Segment, type SegmentHandle, segmentBytes } from './segment.ts';

export type StoreLimits = {
	/** Bytes of segments at the most. */
	readonly memoryBytes: number;
	/** Rows at the most; Infinity: no limit. */
	readonly rows: number;
	/** Told of new memory before large bodies are written to it. */
	readonly touch?: ((memory: Uint8Array) => void) | undefined;
};

/** The rows of one instant: `rows[i]` of `segments[i]` are committed, those below `first` are evicted. */
export type StoreSnapshot = {
	/** To be given to release() when nobody reads it any more. */
	readonly id: number;
	readonly segments: readonly { handle: SegmentHandle; first: number; rows: number }[];
};

type OpenSegment = {
	segment: Segment;
	/** How many rows were appended before its first one. */
	readonly start: number;
	first: number;
	rows: number;
	/** Memory it takes: all of it while it is written, then what was ever written of it. */
	bytes: number;
	/** Bytes of its buffer that were written before it was used again for this segment. */
	readonly touched: number;
};

/** A segment whose rows are gone, and the snapshots that may still be read from it. */
type EvictedSegment = { readonly open: OpenSegment; readonly readers: Set<number> };

const ROWS_PER_SEGMENT = 8192;
const ARENA_PER_SEGMENT = 4 << 20;
/** A segment is at most this part of the memory limit, so that evicting one does not empty the table. */
const SEGMENTS_AT_LEAST = 16;

/** Each column's last page is touched in part: some 60 columns, half a page each. */
const UNTOUCHED_SLACK = 128 << 10;
/** Rows whose place is known by their id: a pair is found soon after its rows are made. A power of two. */
const PLACES = 1 << 16;

/** Appends finished exchanges. Belongs to one thread. */
export class ExchangeStore {
	/** Rows appended and rows that had to go, since the start. */
	appended = 0;
	evictedRows = 0;
	evictedBytes = 0;

	readonly #limits: StoreLimits;
	readonly #rowCapacity: number;
	readonly #arenaCapacity: number;
	#segments: OpenSegment[] = [];
	/** Evicted, perhaps still read; and evicted, free to be written again. Memory is used again, not given back: a thread
	 * that allocates little runs its garbage collector too rarely for that. */
	#evicted: EvictedSegment[] = [];
	#free: OpenSegment[] = [];
	readonly #readers = new Set<number>();
	#nextSnapshot = 1;
	#liveRows = 0;
	#liveBytes = 0;
	#nextNumber = 1;
	/** How many rows were appended before the one with id n, at n modulo PLACES. */
	readonly #places = new Float64Array(PLACES);
	/** Of the last segment. */
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

	/** Applies an ENTRY_PAIR: both rows, where they are still here, learn each other's id. */
	pair(a: number, b: number): void {
		this.#setPair(a, b);
		this.#setPair(b, a);
	}

	/** What may be read now, until release(). */
	snapshot(): StoreSnapshot {
		const id = this.#nextSnapshot++;
		this.#readers.add(id);
		return {
			id,
			segments: this.#segments.map(({ segment, first, rows }) => ({
				handle: {
					number: segment.number,
					buffer: segment.buffer,
					rowCapacity: segment.rowCapacity,
					arenaCapacity: segment.arenaCapacity,
				},
				first,
				rows,
			})),
		};
	}

	/** Nobody reads this snapshot any more; without an id: nor any other (the reader is gone). */
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

	/** Bytes of all segments, those that wait to be used again included. */
	get memoryBytes(): number {
		return this.#liveBytes;
	}

	#startSegment(need: number): RowWriter {
		this.#countUsed();
		const open = this.#reuse(need) ?? this.#allocate(need);
		this.#segments.push(open);
		return new RowWriter(open.segment, open.touched === 0 ? this.#limits.touch : undefined);
	}

	/** A free segment that is large enough, once so much memory is in use that one had to go for a new one. */
	#reuse(need: number): OpenSegment | undefined {
		const bytes = segmentBytes(this.#rowCapacity, Math.max(this.#arenaCapacity, need));
		while (this.#segments.length > 0 && this.#liveBytes + bytes > this.#limits.memoryBytes && !this.#hasFree(need)) {
			// Nothing comes free while a statement reads it: then the table is smaller for a while.
			this.#evictSegment();
		}
		const index = this.#free.findIndex(({ segment }) => segment.arenaCapacity >= need);
		if (index < 0) return undefined;
		const [free] = this.#free.splice(index, 1) as [OpenSegment];
		const { buffer, rowCapacity, arenaCapacity } = free.segment;
		const segment = openSegment({ number: this.#nextNumber++, buffer, rowCapacity, arenaCapacity });
		const all = segmentBytes(rowCapacity, arenaCapacity);
		this.#liveBytes += all - free.bytes;
		return { segment, start: this.appended, first: 0, rows: 0, bytes: all, touched: free.bytes };
	}

	#hasFree(need: number): boolean {
		return this.#free.some(({ segment }) => segment.arenaCapacity >= need);
	}

	#allocate(need: number): OpenSegment {
		const arenaCapacity = Math.max(this.#arenaCapacity, need);
		const bytes = segmentBytes(this.#rowCapacity, arenaCapacity);
		// Too small to be used again: the collector's.
		while (this.#liveBytes + bytes > this.#limits.memoryBytes && this.#free.length > 0)
			this.#liveBytes -= this.#free.pop()!.bytes;
		const segment = createSegment(this.#nextNumber++, this.#rowCapacity, arenaCapacity);
		this.#liveBytes += bytes;
		return { segment, start: this.appended, first: 0, rows: 0, bytes, touched: 0 };
	}

	#retire(open: OpenSegment): void {
		if (this.#readers.size === 0) this.#free.push(open);
		else this.#evicted.push({ open, readers: new Set(this.#readers) });
	}

	/** A segment that is full counts for what was written of it: pages never touched take no memory. */
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
		// The last segment stays even when empty: it is being written.
		if (oldest.first === oldest.rows && this.#segments.length > 1) {
			this.#segments.shift();
			this.#retire(oldest);
		}
	}

	#countEvicted(segment: Segment, row: number): void {
		this.evictedRows++;
		this.evictedBytes += segment.f64.req_captured_bytes[row]! + segment.f64.res_captured_bytes[row]!;
		this.#liveRows--;
	}

	#setPair(id: number, pairId: number): void {
		// One of the two may still be open: it is told by the decoder, and must not be searched for here.
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

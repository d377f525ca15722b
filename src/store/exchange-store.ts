// The writer's side of table `exchanges`: appends what the decoder hands out to segments in shared memory, lets the
// oldest go when a limit is reached, and links the two rows of an exchange seen from both sides.
import { randomInt } from 'node:crypto';
import * as layout from '../../decoder-as/assembly/output-layout.ts';
import {
	ABSENT,
	createSegment,
	FIELD_PREFIX_BYTES,
	openSegment,
	type Segment,
	type SegmentHandle,
	segmentBytes,
	type TextMember,
	TRAILER_BIT,
	UNHELD_ENTRY_BYTES,
} from './segment.ts';

/** The decoder's memory, or a copy of some of it: entries as output-layout.ts has them. */
export type EntryBytes = { readonly bytes: Uint8Array; readonly u32: Uint32Array; readonly f64: Float64Array };

/** Views for reading entries from `buffer`. Made again when the memory has grown. */
export function entryBytes(buffer: ArrayBufferLike): EntryBytes {
	return {
		bytes: new Uint8Array(buffer),
		u32: new Uint32Array(buffer, 0, buffer.byteLength >> 2),
		f64: new Float64Array(buffer, 0, buffer.byteLength >> 3),
	};
}

export type StoreLimits = {
	/** Bytes of segments at the most. */
	readonly memoryBytes: number;
	/** Rows at the most; Infinity: no limit. */
	readonly rows: number;
};

/** The rows of one instant: `rows[i]` of `segments[i]` are committed, those below `first` are evicted. */
export type StoreSnapshot = {
	/** To be given to release() when nobody reads it any more. */
	readonly id: number;
	readonly segments: readonly { handle: SegmentHandle; first: number; rows: number }[];
};

type OpenSegment = {
	segment: Segment;
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
/** Secret, so that nobody can send texts that collide on purpose. */
const HASH_SEED = randomInt(2 ** 32 - 1) | 0;

const TEXT_OFFSETS: readonly (readonly [TextMember, number])[] = [
	['method', layout.EXCHANGE_METHOD],
	['host', layout.EXCHANGE_HOST],
	['status_text', layout.EXCHANGE_STATUS_TEXT],
	['interim', layout.EXCHANGE_INTERIM],
	['comm', layout.EXCHANGE_COMM],
	['thread_comm', layout.EXCHANGE_THREAD_COMM],
	['cmdline', layout.EXCHANGE_CMDLINE],
	['cgroup', layout.EXCHANGE_CGROUP],
	['local', layout.EXCHANGE_LOCAL],
	['remote', layout.EXCHANGE_REMOTE],
	['vias', layout.EXCHANGE_VIAS],
];

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
	#arenaUsed = 0;
	#dictionary = new Dictionary();

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
		let open = this.#segments.at(-1);
		if (
			open === undefined ||
			open.rows === open.segment.rowCapacity ||
			this.#arenaUsed + need > open.segment.arenaCapacity ||
			!this.#dictionary.hasRoom(TEXT_OFFSETS.length)
		) {
			open = this.#startSegment(need);
		}
		this.#arenaUsed = writeRow(open.segment, open.rows, this.#arenaUsed, this.#dictionary, source, at);
		open.rows++;
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
		this.#arenaUsed = 0;
	}

	get rows(): number {
		return this.#liveRows;
	}

	/** Bytes of all segments, those that wait to be used again included. */
	get memoryBytes(): number {
		return this.#liveBytes;
	}

	#startSegment(need: number): OpenSegment {
		this.#countUsed();
		const open = this.#reuse(need) ?? this.#allocate(need);
		this.#segments.push(open);
		this.#arenaUsed = 0;
		this.#dictionary = new Dictionary(open.segment);
		return open;
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
		return { segment, first: 0, rows: 0, bytes: all, touched: free.bytes };
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
		return { segment, first: 0, rows: 0, bytes, touched: 0 };
	}

	#retire(open: OpenSegment): void {
		if (this.#readers.size === 0) this.#free.push(open);
		else this.#evicted.push({ open, readers: new Set(this.#readers) });
	}

	/** A segment that is full counts for what was written of it: pages never touched take no memory. */
	#countUsed(): void {
		const last = this.#segments.at(-1);
		if (last === undefined) return;
		const written = segmentBytes(Math.ceil(last.rows / 8) * 8, this.#arenaUsed) + UNTOUCHED_SLACK;
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
		// Pairs are found soon after the rows are made: look from the newest.
		for (let i = this.#segments.length - 1; i >= 0; i--) {
			const { segment, first, rows } = this.#segments[i]!;
			const ids = segment.f64.id;
			for (let row = rows - 1; row >= first; row--) {
				if (ids[row] === id) {
					segment.f64.pair_id[row] = pairId;
					return;
				}
			}
			if (i < this.#segments.length - 2) return;
		}
	}
}

/** One segment holding exactly the given ENTRY_EXCHANGE entries: the open rows of an instant. */
export function segmentOfEntries(source: EntryBytes, offsets: readonly number[]): Segment {
	const arena = offsets.reduce((sum, at) => sum + rowBytesAtMost(source, at), 0);
	const rowCapacity = Math.max(
		8,
		Math.ceil(offsets.length / 8) * 8,
		Math.ceil((offsets.length * TEXT_OFFSETS.length) / 24) * 8,
	);
	const segment = createSegment(0, rowCapacity, arena);
	const dictionary = new Dictionary(segment);
	let used = 0;
	for (const [row, at] of offsets.entries()) used = writeRow(segment, row, used, dictionary, source, at);
	return segment;
}

/** An upper bound of what the row takes in the arena: every text new, every field line with its prefix. */
function rowBytesAtMost(source: EntryBytes, at: number): number {
	const fieldBytes =
		source.u32[(at + layout.EXCHANGE_REQ_HEADERS + 4) >> 2]! + source.u32[(at + layout.EXCHANGE_RES_HEADERS + 4) >> 2]!;
	// The entry's size covers each text once; path and query may be copied beside the target.
	return source.u32[at >> 2]! * 2 + fieldBytes + 2 * layout.UNHELD_MAX * UNHELD_ENTRY_BYTES;
}

function writeRow(
	segment: Segment,
	row: number,
	used: number,
	dictionary: Dictionary,
	source: EntryBytes,
	at: number,
): number {
	const { f64, u32, u16, u8 } = segment;
	const inU32 = source.u32;
	const inF64 = source.f64;
	const number = (offset: number) => inF64[(at + offset) >> 3]!;
	const word = (offset: number) => inU32[(at + offset) >> 2]!;

	f64.id[row] = number(layout.EXCHANGE_ID);
	f64.conn[row] = number(layout.EXCHANGE_CONN);
	f64.ts[row] = number(layout.EXCHANGE_TS);
	f64.duration_ms[row] = number(layout.EXCHANGE_DURATION_MS);
	f64.ttfb_ms[row] = number(layout.EXCHANGE_TTFB_MS);
	f64.req_body_bytes[row] = number(layout.EXCHANGE_REQ_BODY_BYTES);
	f64.res_body_bytes[row] = number(layout.EXCHANGE_RES_BODY_BYTES);
	f64.req_captured_bytes[row] = number(layout.EXCHANGE_REQ_CAPTURED_BYTES);
	f64.res_captured_bytes[row] = number(layout.EXCHANGE_RES_CAPTURED_BYTES);
	f64.res_wire_bytes[row] = number(layout.EXCHANGE_RES_WIRE_BYTES);
	f64.lost_bytes[row] = number(layout.EXCHANGE_LOST_BYTES);
	f64.pair_id[row] = number(layout.EXCHANGE_PAIR_ID);
	u32.pid[row] = word(layout.EXCHANGE_PID);
	u32.tid[row] = word(layout.EXCHANGE_TID);
	u32.anomalies_low[row] = word(layout.EXCHANGE_ANOMALIES);
	u32.anomalies_high[row] = word(layout.EXCHANGE_ANOMALIES + 4);
	u16.status[row] = word(layout.EXCHANGE_STATUS);
	u16.http_version[row] = word(layout.EXCHANGE_HTTP_VERSION);
	u8.state[row] = word(layout.EXCHANGE_STATE);
	u8.reason[row] = word(layout.EXCHANGE_REASON);
	u8.side[row] = word(layout.EXCHANGE_SIDE);
	u8.via[row] = word(layout.EXCHANGE_VIA);
	u8.req_via[row] = word(layout.EXCHANGE_REQ_VIA);
	u8.flags[row] = word(layout.EXCHANGE_FLAGS);

	let end = used;
	for (const [member, offset] of TEXT_OFFSETS) {
		const start = word(offset);
		if (start === 0) {
			segment.text[member][row] = 0;
			continue;
		}
		end = dictionary.intern(source.bytes, at + start, word(offset + 4), end);
		segment.text[member][row] = dictionary.lastCode;
	}

	const base = end;
	u32.arena_offset[row] = base;
	const copy = (start: number, length: number) => {
		copyBytes(segment.arena, end, source.bytes, at + start, length);
		end += length;
	};
	const target = word(layout.EXCHANGE_TARGET);
	const targetLength = word(layout.EXCHANGE_TARGET + 4);
	u32.target_length[row] = target === 0 ? ABSENT : targetLength;
	if (target !== 0) copy(target, targetLength);
	const part = (offset: number, startColumn: Uint32Array, lengthColumn: Uint32Array) => {
		const start = word(offset);
		const length = word(offset + 4);
		lengthColumn[row] = start === 0 ? ABSENT : length;
		if (start === 0) return;
		if (target !== 0 && start >= target && start + length <= target + targetLength) {
			startColumn[row] = start - target;
		} else {
			startColumn[row] = end - base;
			copy(start, length);
		}
	};
	part(layout.EXCHANGE_PATH, u32.path_start, u32.path_length);
	part(layout.EXCHANGE_QUERY, u32.query_start, u32.query_length);

	u32.req_headers_start[row] = end - base;
	let fields = 0;
	const fieldList = (offset: number): number => {
		const start = word(offset);
		if (start === 0) return ABSENT;
		const count = Math.floor(word(offset + 4) / layout.HEADER_BYTES);
		const before = end;
		for (let i = 0; i < count; i++) {
			const field = (at + start + i * layout.HEADER_BYTES) >> 2;
			const nameLength = inU32[field + 1]!;
			const valueLength = inU32[field + 3]!;
			segment.arenaView.setUint32(end, (nameLength | (inU32[field + 4]! & 1 ? TRAILER_BIT : 0)) >>> 0, true);
			segment.arenaView.setUint32(end + 4, valueLength, true);
			end += FIELD_PREFIX_BYTES;
			copy(inU32[field]!, nameLength);
			copy(inU32[field + 2]!, valueLength);
		}
		fields += count;
		return end - before;
	};
	u32.req_headers_length[row] = fieldList(layout.EXCHANGE_REQ_HEADERS);
	u32.res_headers_length[row] = fieldList(layout.EXCHANGE_RES_HEADERS);
	u32.header_count[row] = fields;

	const body = (offset: number): number => {
		const start = word(offset);
		if (start === 0) return ABSENT;
		copy(start, word(offset + 4));
		return word(offset + 4);
	};
	u32.req_body_length[row] = body(layout.EXCHANGE_REQ_BODY);
	u32.res_body_length[row] = body(layout.EXCHANGE_RES_BODY);

	let unheld = 0;
	for (const [message, offset] of [layout.EXCHANGE_REQ_UNHELD, layout.EXCHANGE_RES_UNHELD].entries()) {
		for (let reason = 0; reason < layout.UNHELD_MAX; reason++) {
			const bytes = number(offset + reason * 8);
			if (bytes === 0) continue;
			segment.arenaView.setUint8(end, message);
			segment.arenaView.setUint8(end + 1, reason);
			segment.arenaView.setFloat64(end + 2, bytes, true);
			end += UNHELD_ENTRY_BYTES;
			unheld++;
		}
	}
	u8.unheld_count[row] = unheld;
	return end;
}

/** Copies; a loop beats a call into native code for the short texts that heads are made of. */
function copyBytes(to: Buffer, at: number, from: Uint8Array, start: number, length: number): void {
	if (length > 64) {
		to.set(from.subarray(start, start + length), at);
		return;
	}
	for (let i = 0; i < length; i++) to[at + i] = from[start + i]!;
}

/** The segment's distinct texts: an open-addressing table over their hashes. */
class Dictionary {
	/** 1 + the entry that intern() found or made. */
	lastCode = 0;
	readonly #segment: Segment | undefined;
	readonly #slots: Uint32Array;
	readonly #hashes: Uint32Array;
	#count = 0;

	constructor(segment?: Segment) {
		this.#segment = segment;
		const entries = segment?.dictionaryOffset.length ?? 0;
		let size = 64;
		while (size < entries * 2) size *= 2;
		this.#slots = new Uint32Array(size);
		this.#hashes = new Uint32Array(entries);
	}

	hasRoom(entries: number): boolean {
		return this.#segment !== undefined && this.#count + entries <= this.#segment.dictionaryOffset.length;
	}

	/** Finds or adds `bytes[start … start+length)`; returns the arena's new end and leaves the code in lastCode. */
	intern(bytes: Uint8Array, start: number, length: number, arenaEnd: number): number {
		const segment = this.#segment!;
		let hash = HASH_SEED ^ length;
		for (let i = 0; i < length; i++) hash = Math.imul(hash ^ bytes[start + i]!, 16777619);
		hash = (hash ^ (hash >>> 15)) >>> 0;
		const mask = this.#slots.length - 1;
		let slot = hash & mask;
		for (;;) {
			const code = this.#slots[slot]!;
			if (code === 0) break;
			if (this.#hashes[code - 1] === hash && this.#equal(code - 1, bytes, start, length)) {
				this.lastCode = code;
				return arenaEnd;
			}
			slot = (slot + 1) & mask;
		}
		const entry = this.#count++;
		copyBytes(segment.arena, arenaEnd, bytes, start, length);
		segment.dictionaryOffset[entry] = arenaEnd;
		segment.dictionaryLength[entry] = length;
		this.#hashes[entry] = hash;
		this.#slots[slot] = entry + 1;
		this.lastCode = entry + 1;
		return arenaEnd + length;
	}

	#equal(entry: number, bytes: Uint8Array, start: number, length: number): boolean {
		const segment = this.#segment!;
		if (segment.dictionaryLength[entry] !== length) return false;
		const offset = segment.dictionaryOffset[entry]!;
		for (let i = 0; i < length; i++) if (segment.arena[offset + i] !== bytes[start + i]) return false;
		return true;
	}
}

// The rows of table `messages`: the decoder's entries, in chunks of shared memory. They are evicted with their exchanges, and
// the oldest ones before that if all together take too much.
import * as layout from '../../decoder-as/assembly/wire/output-layout.ts';
import type { EntryBytes } from './row-writer.ts';

export type MessageLimits = {
	/** Maximum bytes of all chunks. */
	readonly memoryBytes: number;
	/** Returns memory that nobody reads any more to the system; false if that is not possible. */
	readonly discard?: ((memory: Uint8Array) => boolean) | undefined;
};

/** The entries of one instant. `appended` bytes were appended in all, `rows` entries. */
export type MessageSnapshot = {
	readonly appended: number;
	readonly rows: number;
	readonly chunks: readonly MessageChunk[];
};

/**
 * The entries in the first `end` bytes of `buffer`. Evicted ones have type ENTRY_EVICTED. `start` bytes were appended
 * before the chunk's first one, `first` entries.
 */
export type MessageChunk = {
	readonly buffer: SharedArrayBuffer;
	readonly start: number;
	readonly first: number;
	readonly end: number;
};

/** Replaces the type of an entry that was evicted. */
export const ENTRY_EVICTED = 0;

type OpenChunk = {
	readonly buffer: SharedArrayBuffer;
	readonly bytes: Uint8Array;
	readonly u32: Uint32Array;
	readonly f64: Float64Array;
	readonly start: number;
	readonly first: number;
	end: number;
	/** Entries that are not evicted. */
	live: number;
	/** The lowest and highest ids of their exchanges. */
	lowest: number;
	highest: number;
	/** The first snapshot that can show it. */
	readonly since: number;
};

const CHUNK_BYTES = 256 << 10;
/** So many evicted exchanges are looked for in the chunks at once. */
const EVICTED_MOST = 4096;

/** Used by the capture thread only. */
export class MessageLog {
	/** Messages appended since the start, and those evicted for lack of memory, with their held bytes. */
	appended = 0;
	evictedRows = 0;
	evictedBytes = 0;

	#limits: MessageLimits;
	#chunks: OpenChunk[] = [];
	/** Retired chunks, and the snapshots that may still read them. */
	#retired: { readonly chunk: OpenChunk; readonly readers: Set<number> }[] = [];
	#free: SharedArrayBuffer[] = [];
	#bytes = 0;
	#evicted = new Set<number>();
	readonly #readers = new Set<number>();
	#newest = 0;
	#total = 0;

	constructor(limits: MessageLimits) {
		this.#limits = limits;
	}

	/** Appends the ENTRY_MESSAGE that begins at byte `at`. */
	append({ bytes, u32, f64 }: EntryBytes, at: number): void {
		const size = u32[at >> 2]!;
		let chunk = this.#chunks.at(-1);
		if (chunk === undefined || chunk.end + size > chunk.bytes.byteLength) chunk = this.#begin(size);
		chunk.bytes.set(bytes.subarray(at, at + size), chunk.end);
		const exchange = f64[(at + layout.MESSAGE_EXCHANGE) >> 3]!;
		chunk.lowest = Math.min(chunk.lowest, exchange);
		chunk.highest = Math.max(chunk.highest, exchange);
		chunk.end += size;
		chunk.live++;
		this.#total += size;
		this.appended++;
	}

	/** The exchange was evicted, or is not kept at all: its messages go, too. */
	evict(exchange: number): void {
		if (this.#chunks.length === 0) return;
		this.#evicted.add(exchange);
		if (this.#evicted.size >= EVICTED_MOST) this.#sweep();
	}

	/** The messages at this instant, readable until release(). `id`: that of the snapshot they belong to. */
	snapshot(id: number): MessageSnapshot {
		this.#sweep();
		this.#readers.add(id);
		this.#newest = Math.max(this.#newest, id);
		return {
			appended: this.#total,
			rows: this.appended,
			chunks: this.#chunks.map(({ buffer, start, first, end }) => ({ buffer, start, first, end })),
		};
	}

	/** Ends the use of a snapshot, or of all snapshots if no id is given. */
	release(id?: number): void {
		if (id === undefined) this.#readers.clear();
		else this.#readers.delete(id);
		this.#retired = this.#retired.filter(({ chunk, readers }) => {
			if (id === undefined) readers.clear();
			else readers.delete(id);
			if (readers.size > 0) return true;
			this.#reuse(chunk);
			return false;
		});
	}

	clear(): void {
		for (const chunk of this.#chunks) this.#retire(chunk);
		this.#chunks = [];
		this.#evicted.clear();
	}

	/** Bytes of all chunks that hold messages, including those that are still being read. */
	get memoryBytes(): number {
		return this.#bytes;
	}

	set memoryLimit(memoryBytes: number) {
		this.#limits = { ...this.#limits, memoryBytes };
	}

	#begin(size: number): OpenChunk {
		const bytes = Math.max(CHUNK_BYTES, size);
		if (this.#bytes + bytes > this.#limits.memoryBytes) this.#sweep();
		while (this.#chunks.length > 0 && this.#bytes + bytes > this.#limits.memoryBytes) {
			// A chunk that a statement still reads cannot be reused, so there are fewer messages for a while.
			this.#evictOldest();
		}
		const free = bytes === CHUNK_BYTES ? this.#free.pop() : undefined;
		const buffer = free ?? new SharedArrayBuffer(bytes);
		this.#bytes += bytes;
		const chunk: OpenChunk = {
			buffer,
			bytes: new Uint8Array(buffer),
			u32: new Uint32Array(buffer),
			f64: new Float64Array(buffer),
			start: this.#total,
			first: this.appended,
			end: 0,
			live: 0,
			lowest: Number.POSITIVE_INFINITY,
			highest: 0,
			since: this.#newest + 1,
		};
		this.#chunks.push(chunk);
		return chunk;
	}

	#evictOldest(): void {
		const chunk = this.#chunks.shift()!;
		for (const at of entriesOf(chunk)) {
			this.evictedRows++;
			this.evictedBytes += chunk.u32[(at + layout.MESSAGE_DATA + 4) >> 2]!;
		}
		this.#retire(chunk);
	}

	/** Removes the messages of evicted exchanges. */
	#sweep(): void {
		if (this.#evicted.size === 0) return;
		let lowest = Number.POSITIVE_INFINITY;
		let highest = 0;
		for (const id of this.#evicted) {
			lowest = Math.min(lowest, id);
			highest = Math.max(highest, id);
		}
		for (const chunk of this.#chunks) {
			if (chunk.highest < lowest || chunk.lowest > highest) continue;
			for (const at of entriesOf(chunk)) {
				if (!this.#evicted.has(chunk.f64[(at + layout.MESSAGE_EXCHANGE) >> 3]!)) continue;
				chunk.u32[(at + layout.ENTRY_TYPE) >> 2] = ENTRY_EVICTED;
				chunk.live--;
			}
		}
		this.#evicted.clear();
		const last = this.#chunks.at(-1);
		this.#chunks = this.#chunks.filter((chunk) => {
			if (chunk.live > 0 || chunk === last) return true;
			this.#retire(chunk);
			return false;
		});
	}

	#retire(chunk: OpenChunk): void {
		const readers = new Set([...this.#readers].filter((id) => id >= chunk.since));
		if (readers.size === 0) this.#reuse(chunk);
		else this.#retired.push({ chunk, readers });
	}

	#reuse({ buffer, bytes }: OpenChunk): void {
		this.#bytes -= buffer.byteLength;
		if (buffer.byteLength === CHUNK_BYTES && this.#limits.discard?.(bytes) === true) this.#free.push(buffer);
	}
}

/** Offsets of the entries that are not evicted. `skipped`: how many entries to pass over, evicted or not. */
export function* entriesOf(
	{ u32, end }: { readonly u32: Uint32Array; readonly end: number },
	skipped = 0,
): Generator<number> {
	let left = skipped;
	for (let at = 0; at < end; at += u32[at >> 2]!) {
		if (left > 0) left--;
		else if (u32[(at + layout.ENTRY_TYPE) >> 2] !== ENTRY_EVICTED) yield at;
	}
}

// Closed connections: the newest entries of the decoder, up to a number of bytes.

const CHUNK_BYTES = 256 << 10;

/** Keeps the last `limitBytes` of entries, in whole chunks. Used by the capture thread only. */
export class ConnectionLog {
	/** Entries evicted since the start. */
	evicted = 0;
	readonly #limitChunks: number;
	#chunks: { bytes: Uint8Array; used: number; entries: number }[] = [];

	constructor(limitBytes: number) {
		this.#limitChunks = Math.max(2, Math.floor(limitBytes / CHUNK_BYTES));
	}

	/** Copies one entry (its size is a multiple of 8). */
	append(entry: Uint8Array): void {
		let last = this.#chunks.at(-1);
		if (last === undefined || last.used + entry.byteLength > last.bytes.byteLength) {
			last = { bytes: new Uint8Array(Math.max(CHUNK_BYTES, entry.byteLength)), used: 0, entries: 0 };
			this.#chunks.push(last);
			if (this.#chunks.length > this.#limitChunks) this.evicted += this.#chunks.shift()!.entries;
		}
		last.bytes.set(entry, last.used);
		last.used += entry.byteLength;
		last.entries++;
	}

	/** Bytes of memory in use. */
	get memoryBytes(): number {
		return this.#chunks.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
	}

	/** The entries, oldest first, in pieces. */
	*pieces(): Generator<Uint8Array> {
		for (const { bytes, used } of this.#chunks) yield bytes.subarray(0, used);
	}

	clear(): void {
		this.#chunks = [];
	}
}

// Closed connections: the newest entries of the decoder, up to a number of bytes.

const CHUNK_BYTES = 256 << 10;

/** Keeps the last `limitBytes` of entries, in whole chunks. Used by the capture thread only. */
export class ConnectionLog {
	/** Entries evicted since the start. */
	evicted = 0;
	/** Entries appended since the start. */
	appended = 0;
	readonly #limitChunks: number;
	/** `first`: how many entries were appended before those of the chunk; `starts`: where each of them begins. */
	#chunks: { readonly bytes: Uint8Array; readonly first: number; readonly starts: number[]; used: number }[] = [];

	constructor(limitBytes: number) {
		this.#limitChunks = Math.max(2, Math.floor(limitBytes / CHUNK_BYTES));
	}

	/** Copies one entry (its size is a multiple of 8). */
	append(entry: Uint8Array): void {
		let last = this.#chunks.at(-1);
		if (last === undefined || last.used + entry.byteLength > last.bytes.byteLength) {
			const bytes = new Uint8Array(Math.max(CHUNK_BYTES, entry.byteLength));
			last = { bytes, first: this.appended, starts: [], used: 0 };
			this.#chunks.push(last);
			if (this.#chunks.length > this.#limitChunks) this.evicted += this.#chunks.shift()!.starts.length;
		}
		last.bytes.set(entry, last.used);
		last.starts.push(last.used);
		last.used += entry.byteLength;
		this.appended++;
	}

	/** Bytes of memory in use. */
	get memoryBytes(): number {
		return this.#chunks.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
	}

	/** The entries, oldest first, in pieces; without those that were among the first `after` to be appended. */
	*pieces(after = 0): Generator<Uint8Array> {
		for (const { bytes, first, starts, used } of this.#chunks) {
			const start = after <= first ? 0 : (starts[after - first] ?? used);
			if (start < used) yield bytes.subarray(start, used);
		}
	}

	clear(): void {
		this.#chunks = [];
	}
}

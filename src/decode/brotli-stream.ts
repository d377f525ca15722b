// Decodes brotli (RFC 7932) piece by piece. Node's own synchronous functions decode only whole bodies.
import { BrotliDecompress } from 'minizlib';

/** Besides the window: codes and context maps. */
const STATE_BYTES = 64 << 10;

export class BrotliStream {
	readonly #engine: BrotliDecompress;
	#decoded: Buffer[] = [];
	#isBroken = false;
	#windowBytes = 0;

	/** A piece may become at most `mostBytes` long. */
	constructor(mostBytes: number) {
		// The library knows only its own options, but passes on all of Node's.
		this.#engine = new BrotliDecompress({ maxOutputLength: mostBytes } as object);
		this.#engine.on('data', (bytes) => this.#decoded.push(Buffer.from(bytes)));
		// Damaged, or more than it may become.
		this.#engine.on('error', () => {
			this.#isBroken = true;
		});
	}

	/** Bytes of memory in use, at most. */
	get memoryBytes(): number {
		return STATE_BYTES + this.#windowBytes;
	}

	/** What the stream says up to here; undefined if it is damaged, or says too much. */
	push(bytes: Uint8Array): Buffer | undefined {
		if (this.#windowBytes === 0 && bytes.length > 0) this.#windowBytes = brotliWindow(bytes[0]!);
		if (!this.#isBroken) this.#engine.write(Buffer.from(bytes));
		const decoded = Buffer.concat(this.#decoded);
		this.#decoded = [];
		return this.#isBroken ? undefined : decoded;
	}

	/** Frees its memory at once. */
	close(): void {
		this.#engine.close();
	}
}

/** The size of the window that a stream with this first byte uses (RFC 7932, section 9.1). */
export function brotliWindow(first: number): number {
	const bits = (from: number, count: number) => (first >> from) & ((1 << count) - 1);
	const low = bits(1, 3);
	const high = bits(4, 3);
	const exponent = bits(0, 1) === 0 ? 16 : low !== 0 ? 17 + low : high === 0 ? 17 : 8 + high;
	return 2 ** exponent;
}

// Brings the calls of one direction of a connection into the order of its bytes, and finds the bytes that are missing.
import type { Piece } from './pieces.ts';
import type { RedactedStream } from './redacted-stream.ts';

export type Chunk = Piece & {
	/** Offset in the stream of the first byte. */
	readonly offset: number;
	/** Bytes after these that were not captured. */
	readonly missing: number;
	/** They are the first bytes of a call. */
	readonly isCallStart: boolean;
};

export class OrderedStream {
	readonly #stream: RedactedStream;
	/** Offset of the next byte; undefined: that of the first one that comes. */
	#expected: number | undefined;
	/** Chunks after missing bytes, by offset. */
	#pending: Chunk[] = [];

	constructor(stream: RedactedStream, expected: number | undefined) {
		this.#stream = stream;
		this.#expected = expected;
	}

	take(chunk: Chunk): void {
		this.#expected ??= chunk.offset;
		if (chunk.offset > this.#expected) {
			const before = this.#pending.findLastIndex(({ offset }) => offset <= chunk.offset);
			this.#pending.splice(before + 1, 0, chunk);
			return;
		}
		this.#pass(chunk);
		while (this.#pending.length > 0 && this.#pending[0]!.offset <= this.#expected) this.#pass(this.#pending.shift()!);
	}

	/** Bytes moved here that no offset counts. */
	lose(): void {
		this.#passPending();
		this.#stream.lose();
	}

	/** Decides everything that was taken. */
	hurry(): void {
		this.#passPending();
		this.#stream.hurry();
	}

	/** Nothing comes after this. */
	end(): void {
		this.#passPending();
		this.#stream.end();
	}

	#passPending(): void {
		for (const chunk of this.#pending.splice(0)) {
			if (chunk.offset > this.#expected!) this.#stream.gap(chunk.offset - this.#expected!);
			this.#expected = Math.max(this.#expected!, chunk.offset);
			this.#pass(chunk);
		}
	}

	#pass(chunk: Chunk): void {
		const end = chunk.offset + chunk.bytes.length + chunk.missing;
		// Bytes that came before do not come again, so the records contradict each other.
		if (chunk.offset < this.#expected!) this.#stream.lose();
		this.#stream.take(chunk, chunk.isCallStart);
		if (chunk.missing > 0) this.#stream.gap(chunk.missing);
		this.#expected = Math.max(this.#expected!, end);
	}
}

// Memory in which blocks of rows are made: the texts that are kept come first, the block that is being made comes last.
// All is in one array, because copying within one is the fastest way to write a text again.

const LEAST_CAPACITY = 64 << 10;
/** Copying bytes one by one is faster than a call up to this length. */
const SHORT_COPY = 24;
const SHORT_FOREIGN_COPY = 160;
const CHARACTER_BYTES = 3;
/** Room for numbers, which are written without a check. */
const SPARE = 64;

type Utf8Writer = Buffer & { utf8Write(text: string, at: number): number };

export class BlockMemory {
	bytes = Buffer.allocUnsafeSlow(LEAST_CAPACITY);
	/** Where the next byte will be. */
	end = 0;

	/** Makes room for this many more bytes. */
	reserve(bytes: number): void {
		const needed = this.end + bytes + SPARE;
		if (needed <= this.bytes.byteLength) return;
		const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.byteLength * 2));
		this.bytes.copy(larger, 0, 0, this.end);
		this.bytes = larger;
	}

	/** Writes bytes again that are at `from`. */
	again(from: number, size: number): void {
		this.reserve(size);
		const { bytes, end } = this;
		if (size <= SHORT_COPY) for (let i = 0; i < size; i++) bytes[end + i] = bytes[from + i]!;
		else bytes.copyWithin(end, from, from + size);
		this.end = end + size;
	}

	/** Copies bytes `from` … `to - 1` of other memory. */
	copy(source: Buffer, from: number, to: number): void {
		const size = to - from;
		this.reserve(size);
		const { bytes, end } = this;
		if (size <= SHORT_FOREIGN_COPY) for (let i = 0; i < size; i++) bytes[end + i] = source[from + i]!;
		else source.copy(bytes, end, from, to);
		this.end = end + size;
	}

	byte(byte: number): void {
		this.reserve(1);
		this.bytes[this.end++] = byte;
	}

	/** Writes a number as seven bits per byte, lowest first; the highest bit means that more follow. */
	number(number: number): void {
		this.reserve(0);
		let rest = number;
		for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.bytes[this.end++] = (rest & 0x7f) | 0x80;
		this.bytes[this.end++] = rest;
	}

	/** Writes the bytes of a text. */
	text(text: string): void {
		this.reserve(text.length * CHARACTER_BYTES);
		this.end += (this.bytes as Utf8Writer).utf8Write(text, this.end);
	}

	/** Writes the number of a text's bytes, and the bytes. */
	string(text: string): void {
		this.reserve(text.length * CHARACTER_BYTES);
		const start = this.end;
		// Most texts are so short that their length is one byte.
		this.end = start + 1;
		this.text(text);
		const size = this.end - start - 1;
		if (size >= 0x80) {
			const shift = numberSize(size) - 1;
			this.reserve(shift);
			this.bytes.copyWithin(start + 1 + shift, start + 1, this.end);
		}
		this.end = start;
		this.number(size);
		this.end += size;
	}
}

/** How many bytes number() writes. */
function numberSize(number: number): number {
	let size = 1;
	for (let rest = number; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
	return size;
}

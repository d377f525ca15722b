// Lines of JSON being made, as bytes. What was written before can be copied.
import type { Piece } from './pieces.ts';

/** Copying bytes one by one is faster than a call up to this length. */
const SHORT_COPY = 24;
const LEAST_CAPACITY = 64 << 10;
/** After larger lines, the memory is given back. */
const MOST_KEPT = 4 << 20;
const LONG_TEXT = 4096;
/** Room for numbers, which are written without a check. */
const SPARE = 64;
const CHARACTER_BYTES = 3;
/** Numbers below this are written as two 32-bit integers. */
const HALF = 1e9;
const MILLION = 1e6;
/** Fifteen digits. */
const MOST_MILLIONTHS = 1e15;
const [POINT, ZERO] = [0x2e, 0x30];
/** Writing characters one by one is faster than a call up to this length. */
const SHORT_TEXT = 32;

let linesSoFar = 0;

export class LineBuffer {
	length = 0;
	bytes = Buffer.allocUnsafeSlow(LEAST_CAPACITY);
	/** Distinguishes the lines from those before clear(), and from those of other buffers. */
	lines = ++linesSoFar;
	/** Where the line that is being made begins. */
	start = 0;

	/** Begins a line. */
	begin(): void {
		this.start = this.length;
	}

	/** Takes the line back. */
	undo(): void {
		// Pieces may have been written in it.
		this.lines = ++linesSoFar;
		this.length = this.start;
	}

	piece(piece: Piece): void {
		const at = this.length;
		if (piece.lines !== this.lines) {
			this.text(piece.text);
			piece.lines = this.lines;
			piece.length = this.length - at;
		} else this.repeat(piece.at, piece.length);
		piece.at = at;
	}

	/** Writes bytes again that are at `from`. */
	repeat(from: number, length: number): void {
		const at = this.length;
		this.#reserve(length);
		const { bytes } = this;
		if (length <= SHORT_COPY) for (let i = 0; i < length; i++) bytes[at + i] = bytes[from + i]!;
		else bytes.copyWithin(at, from, from + length);
		this.length = at + length;
	}

	text(text: string): void {
		const { length } = text;
		// Most texts are short, and counting takes longer than writing.
		this.#reserve(length > LONG_TEXT ? Buffer.byteLength(text) : length * CHARACTER_BYTES);
		const at = this.length;
		if (length > SHORT_TEXT) {
			this.length += this.bytes.write(text, at);
			return;
		}
		const { bytes } = this;
		for (let i = 0; i < length; i++) {
			const code = text.charCodeAt(i);
			if (code >= 0x80) {
				this.length += bytes.write(text, at);
				return;
			}
			bytes[at + i] = code;
		}
		this.length = at + length;
	}

	/** A number as JSON; null if it is not finite. */
	number(number: number): void {
		if (number >= 0 && number <= Number.MAX_SAFE_INTEGER) {
			const whole = Math.floor(number);
			if (whole === number && (whole > 0 || 1 / number > 0)) {
				this.#integer(whole);
				return;
			}
			// With so few digits, no other number has the same ones.
			const millionths = Math.round(number * MILLION);
			if (millionths < MOST_MILLIONTHS && millionths > 0 && millionths / MILLION === number) {
				this.#fraction(millionths);
				return;
			}
		}
		this.text(Number.isFinite(number) ? String(number) : 'null');
	}

	#fraction(millionths: number): void {
		const whole = Math.floor(millionths / MILLION);
		this.#integer(whole);
		this.bytes[this.length++] = POINT;
		let rest = millionths - whole * MILLION;
		let digits = 6;
		for (; rest % 10 === 0; rest /= 10) digits--;
		this.#digits(rest, digits);
	}

	#integer(number: number): void {
		this.#reserve(0);
		if (number < HALF) {
			this.#digits(number, digitsOf(number));
			return;
		}
		const high = Math.floor(number / HALF);
		this.#digits(high, digitsOf(high));
		this.#digits(number - high * HALF, 9);
	}

	/** An integer with so many digits. */
	digits(number: number, digits: number): void {
		this.#reserve(0);
		this.#digits(number, digits);
	}

	#digits(number: number, digits: number): void {
		const { bytes } = this;
		let rest = number | 0;
		for (let at = this.length + digits - 1; at >= this.length; at--) {
			const next = (rest / 10) | 0;
			bytes[at] = ZERO + rest - next * 10;
			rest = next;
		}
		this.length += digits;
	}

	/** Forgets the lines. */
	clear(): void {
		if (this.bytes.byteLength > MOST_KEPT) this.bytes = Buffer.allocUnsafeSlow(LEAST_CAPACITY);
		this.length = 0;
		this.lines = ++linesSoFar;
	}

	#reserve(bytes: number): void {
		const needed = this.length + bytes + SPARE;
		if (needed <= this.bytes.byteLength) return;
		const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.byteLength * 2));
		this.bytes.copy(larger, 0, 0, this.length);
		this.bytes = larger;
	}
}

function digitsOf(number: number): number {
	let digits = 1;
	for (let limit = 10; number >= limit; limit *= 10) digits++;
	return digits;
}

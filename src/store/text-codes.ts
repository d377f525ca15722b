// Codes for texts in captured bytes. Two codes are equal if and only if the texts are; the texts need not be created.
import { randomInt } from 'node:crypto';
import { wireText } from './wire-text.ts';

/** Secret, so that nobody can send texts that collide on purpose. */
const HASH_SEED = randomInt(2 ** 32 - 1) | 0;

export class TextCodes {
	/** Finds equal texts with different bytes: one UTF-8, the other not. */
	readonly #byText = new Map<string, number>();
	/** Each entry's bytes. Segments are not reused while a statement reads them. */
	#bytes: Uint8Array[] = [];
	#starts = new Int32Array(256);
	#lengths = new Int32Array(256);
	#hashes = new Int32Array(256);
	#codes = new Int32Array(256);
	#count = 0;
	/** Open addressing: entry + 1. */
	#slots = new Int32Array(1024);
	readonly #foldCase: boolean;
	readonly #texts: string[] = [];

	/** `foldCase`: texts that differ only in letter case are treated as one, in lower case. */
	constructor(foldCase = false) {
		this.#foldCase = foldCase;
	}

	/** The text of a code that of() returned. */
	text(code: number): string {
		return this.#texts[code]!;
	}

	of(bytes: Buffer, start: number, end: number): number {
		let hash = HASH_SEED ^ (end - start);
		for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 16777619);
		hash ^= hash >>> 15;
		const slots = this.#slots;
		const mask = slots.length - 1;
		let slot = hash & mask;
		for (;;) {
			const entry = slots[slot]! - 1;
			if (entry < 0) break;
			if (this.#hashes[entry] === hash && this.#isSame(entry, bytes, start, end)) return this.#codes[entry]!;
			slot = (slot + 1) & mask;
		}
		return this.#add(bytes, start, end, hash);
	}

	#isSame(entry: number, bytes: Uint8Array, start: number, end: number): boolean {
		if (this.#lengths[entry] !== end - start) return false;
		const known = this.#bytes[entry]!;
		const offset = this.#starts[entry]! - start;
		for (let i = start; i < end; i++) if (known[i + offset] !== bytes[i]) return false;
		return true;
	}

	#add(bytes: Buffer, start: number, end: number, hash: number): number {
		const plain = wireText(bytes, start, end);
		const text = this.#foldCase ? plain.toLowerCase() : plain;
		let code = this.#byText.get(text);
		if (code === undefined) {
			code = this.#byText.size;
			this.#byText.set(text, code);
			this.#texts.push(text);
		}
		const entry = this.#count++;
		if (entry === this.#starts.length) this.#lengthen();
		this.#bytes.push(bytes);
		this.#starts[entry] = start;
		this.#lengths[entry] = end - start;
		this.#hashes[entry] = hash;
		this.#codes[entry] = code;
		if (this.#count * 2 > this.#slots.length) this.#rehash();
		else this.#place(entry);
		return code;
	}

	#place(entry: number): void {
		const mask = this.#slots.length - 1;
		let slot = this.#hashes[entry]! & mask;
		while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
		this.#slots[slot] = entry + 1;
	}

	#rehash(): void {
		this.#slots = new Int32Array(this.#slots.length * 4);
		for (let entry = 0; entry < this.#count; entry++) this.#place(entry);
	}

	#lengthen(): void {
		const longer = (from: Int32Array) => {
			const to = new Int32Array(from.length * 2);
			to.set(from);
			return to;
		};
		this.#starts = longer(this.#starts);
		this.#lengths = longer(this.#lengths);
		this.#hashes = longer(this.#hashes);
		this.#codes = longer(this.#codes);
	}
}

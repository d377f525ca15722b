// Reads the entries of a HAR file one after another, so that files larger than the memory limit can be read.
import { readSync } from 'node:fs';

/** An entry as text, the end of the entries, or why nothing more can be read. */
export type EntryStep =
	| { readonly kind: 'entry'; readonly text: string; readonly offset: number }
	| { readonly kind: 'end' }
	| {
			readonly kind: 'problem';
			readonly what: 'truncated' | 'damaged';
			readonly detail: string;
			readonly offset: number;
	  };

const READ_BYTES = 1 << 20;
/** The longest entry that is read: browsers keep bodies of some megabytes. */
const ENTRY_MAX = 64 << 20;

const WRITER_MAX = 4096;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COLON = 0x3a;
/** The place of the entries: a member of the log, which is a member of the whole. */
const PATH = ['log', 'entries'];

export class HarEntries {
	readonly #fd: number;
	#bytes = Buffer.alloc(0);
	/** Offset in the file of #bytes[0]. */
	#base = 0;
	#at = 0;
	/** The program that wrote the file, if it says so before the entries; '' otherwise. */
	writer = '';
	/** Whether the array of entries was found, and whether it has ended. */
	#found = false;
	#ended = false;

	constructor(fd: number) {
		this.#fd = fd;
	}

	/** Moves to the first entry. False if this is not a HAR file. */
	find(): boolean {
		this.#found = this.#findEntries();
		return this.#found;
	}

	next(): EntryStep {
		if (!this.#found || this.#ended) return { kind: 'end' };
		for (;;) {
			const byte = this.#peek();
			if (byte === undefined) return this.#problem('truncated', 'the file ends before the end of its entries');
			if (byte === OPEN_BRACE) break;
			if (byte === CLOSE_BRACKET) {
				this.#ended = true;
				return { kind: 'end' };
			}
			// Blanks and commas; anything else cannot be an entry.
			if (byte !== 0x2c && byte > 0x20) return this.#problem('damaged', 'an entry is not an object');
			this.#at++;
		}
		const offset = this.#base + this.#at;
		const length = this.#objectLength(ENTRY_MAX);
		if (length === undefined) return this.#problem('truncated', 'the file ends inside an entry');
		if (length < 0) return this.#problem('damaged', `an entry is longer than ${ENTRY_MAX} bytes`);
		const text = this.#bytes.toString('utf8', this.#at, this.#at + length);
		this.#at += length;
		return { kind: 'entry', text, offset };
	}

	#problem(what: 'truncated' | 'damaged', detail: string): EntryStep {
		this.#ended = true;
		return { kind: 'problem', what, detail, offset: this.#base + this.#at };
	}

	#peek(): number | undefined {
		if (this.#at >= this.#bytes.length && !this.#more()) return undefined;
		return this.#bytes[this.#at];
	}

	/** Reads on, and drops what was read before `#at`. False at the end of the file. */
	#more(): boolean {
		const rest = this.#bytes.subarray(this.#at);
		const bytes = Buffer.allocUnsafe(Math.max(READ_BYTES, rest.length * 2));
		rest.copy(bytes);
		this.#base += this.#at;
		this.#at = 0;
		const read = readSync(this.#fd, bytes, rest.length, bytes.length - rest.length, this.#base + rest.length);
		this.#bytes = bytes.subarray(0, rest.length + read);
		return read > 0;
	}

	/** The length of the object that begins at `#at`; undefined if the file ends first, -1 if it is longer than `most`. */
	#objectLength(most: number): number | undefined {
		let depth = 0;
		let inText = false;
		for (let length = 0; length <= most; length++) {
			if (this.#at + length >= this.#bytes.length && !this.#more()) return undefined;
			const byte = this.#bytes[this.#at + length];
			if (inText) {
				if (byte === BACKSLASH) length++;
				else if (byte === QUOTE) inText = false;
			} else if (byte === QUOTE) inText = true;
			else if (byte === OPEN_BRACE) depth++;
			else if (byte === CLOSE_BRACE && --depth === 0) return length + 1;
		}
		return -1;
	}

	/** Finds the array at PATH, and moves behind its bracket. */
	#findEntries(): boolean {
		let depth = 0;
		/** How many members of PATH the open objects are. */
		let matched = 0;
		let key = '';
		for (;;) {
			const byte = this.#peek();
			if (byte === undefined) return false;
			if (byte === QUOTE) {
				const text = this.#text();
				if (text === undefined) return false;
				key = text;
				continue;
			}
			this.#at++;
			if (byte === COLON && matched === 1 && depth === 2 && key === 'creator') this.#readWriter();
			if (byte === COLON && matched === depth - 1 && key === PATH[matched]) {
				while ((this.#peek() ?? 0x21) <= 0x20) this.#at++;
				const isLast = matched === PATH.length - 1;
				if (this.#peek() !== (isLast ? OPEN_BRACKET : OPEN_BRACE)) continue;
				if (isLast) {
					this.#at++;
					return true;
				}
				matched++;
			}
			if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++;
			else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
				depth--;
				matched = Math.min(matched, depth);
				if (depth <= 0) return false;
			}
		}
	}

	/** Looks at the value at `#at`, without moving. */
	#readWriter(): void {
		while ((this.#peek() ?? 0x21) <= 0x20) this.#at++;
		if (this.#peek() !== OPEN_BRACE) return;
		const length = this.#objectLength(WRITER_MAX);
		if (length === undefined || length < 0) return;
		try {
			const value: unknown = JSON.parse(this.#bytes.toString('utf8', this.#at, this.#at + length));
			const { name, version } = value as Readonly<Record<string, unknown>>;
			this.writer = [name, version].filter((text) => typeof text === 'string' && text !== '').join(' ');
		} catch {
			// Not JSON: nothing is known about the program.
		}
	}

	/** Reads the text constant at `#at`, of which the first bytes matter. */
	#text(): string | undefined {
		let text = '';
		for (this.#at++; ; this.#at++) {
			const byte = this.#peek();
			if (byte === undefined) return undefined;
			if (byte === QUOTE) break;
			if (text.length < 64) text += String.fromCharCode(byte);
			if (byte !== BACKSLASH) continue;
			this.#at++;
			if (this.#peek() === undefined) return undefined;
		}
		this.#at++;
		return text;
	}
}

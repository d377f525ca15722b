// Header compression of HTTP/2 (RFC 7541) in plain TypeScript, only for tests: an encoder that chooses at random among the
// representations, and a decoder that follows the RFC step by step.
import type { HeaderField } from './http2-frames.ts';
import { integer } from './http2-frames.ts';
import type { Random } from './random-conversation.ts';

/** RFC 7541 appendix A. */
const STATIC_TABLE: readonly HeaderField[] = `
:authority
:method GET
:method POST
:path /
:path /index.html
:scheme http
:scheme https
:status 200
:status 204
:status 206
:status 304
:status 400
:status 404
:status 500
accept-charset
accept-encoding gzip, deflate
accept-language
accept-ranges
accept
access-control-allow-origin
age
allow
authorization
cache-control
content-disposition
content-encoding
content-language
content-length
content-location
content-range
content-type
cookie
date
etag
expect
expires
from
host
if-match
if-modified-since
if-none-match
if-range
if-unmodified-since
last-modified
link
location
max-forwards
proxy-authenticate
proxy-authorization
range
referer
refresh
retry-after
server
set-cookie
strict-transport-security
transfer-encoding
user-agent
vary
via
www-authenticate`
	.trim()
	.split('\n')
	.map((line) => [line.split(' ')[0]!, line.split(' ').slice(1).join(' ')]);

/** Lengths of the codes of RFC 7541 appendix B, of each byte and of EOS. The code is canonical. */
const CODE_LENGTHS = `
13 23 28 28 28 28 28 28 28 24 30 28 28 30 28 28 28 28 28 28 28 28 30 28 28 28 28 28 28 28 28 28 6 10 10 12 13
6 8 11 10 10 8 11 8 6 6 6 5 5 5 6 6 6 6 6 6 6 7 8 15 6 12 10 13 6 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7
8 7 8 13 19 13 14 6 15 5 6 5 6 5 6 6 6 5 7 7 6 6 6 5 6 7 6 5 5 6 7 7 7 7 7 15 11 14 13 28 20 22 20 20 22 22 22
23 22 23 23 23 23 23 24 23 24 24 22 23 24 23 23 23 23 21 22 23 22 23 23 24 22 21 20 22 22 23 23 21 23 22 22 24
21 22 23 23 21 21 22 21 23 22 23 23 20 22 22 22 23 22 22 23 26 26 20 19 22 23 22 25 26 26 26 27 27 26 24 25 19
21 26 27 27 26 27 24 21 21 26 26 28 27 27 27 20 24 20 21 22 21 21 23 22 22 25 25 24 24 26 23 26 27 26 26 27 27
27 27 27 28 27 27 27 27 27 26 30`
	.trim()
	.split(/\s+/)
	.map(Number);

type Code = { readonly bits: number; readonly length: number };

/** The code of each symbol. */
const CODES: readonly Code[] = (() => {
	const codes: Code[] = [];
	let next = 0;
	for (let length = 1; length <= 30; length++) {
		next *= 2;
		for (const [symbol, own] of CODE_LENGTHS.entries()) if (own === length) codes[symbol] = { bits: next++, length };
	}
	return codes;
})();
const SYMBOLS = new Map(CODES.map(({ bits, length }, symbol) => [`${length} ${bits}`, symbol]));

/** Conversations repeat their texts, and each bit of a code costs time here. */
function remembered<T>(compute: (text: string) => T): (text: string) => T {
	const known = new Map<string, T>();
	return (text) => {
		let result = known.get(text);
		if (result === undefined) {
			result = compute(text);
			if (known.size < 10_000) known.set(text, result);
		}
		return result;
	};
}

/** Text in Huffman code. */
export const huffman = remembered((text: string): Uint8Array => {
	let bits = '';
	for (const byte of Buffer.from(text, 'latin1'))
		bits += CODES[byte]!.bits.toString(2).padStart(CODES[byte]!.length, '0');
	bits = bits.padEnd(Math.ceil(bits.length / 8) * 8, '1');
	return Uint8Array.from(bits.match(/.{8}/g) ?? [], (byte) => Number.parseInt(byte, 2));
});

/** Decodes bytes, given as latin1. */
const huffmanText = remembered((coded: string): string => {
	let [text, bits, length] = ['', 0, 0];
	for (const byte of Buffer.from(coded, 'latin1')) {
		for (let bit = 7; bit >= 0; bit--) {
			bits = bits * 2 + ((byte >> bit) & 1);
			length++;
			const symbol = SYMBOLS.get(`${length} ${bits}`);
			if (symbol === 256 || length > 30) throw new Error('invalid Huffman code');
			if (symbol === undefined) continue;
			text += String.fromCharCode(symbol);
			[bits, length] = [0, 0];
		}
	}
	if (length > 7 || bits !== 2 ** length - 1) throw new Error('invalid padding');
	return text;
});

/** The dynamic table: newest entry first. */
class Table {
	readonly entries: HeaderField[] = [];
	#most = 4096;
	#size = 0;

	get most(): number {
		return this.#most;
	}

	add(field: HeaderField): void {
		this.entries.unshift(field);
		this.#size += sizeOf(field);
		this.#evict();
	}

	resize(most: number): void {
		this.#most = most;
		this.#evict();
	}

	#evict(): void {
		while (this.#size > this.#most) this.#size -= sizeOf(this.entries.pop()!);
	}

	/** The field with this index in both tables. */
	at(index: number): HeaderField {
		const found =
			index <= STATIC_TABLE.length ? STATIC_TABLE[index - 1] : this.entries[index - STATIC_TABLE.length - 1];
		if (found === undefined) throw new Error(`no entry ${index}`);
		return found;
	}

	/** Indexes of the fields that `matches`. */
	indexes(matches: (field: HeaderField) => boolean): number[] {
		const found: number[] = [];
		for (const [i, field] of STATIC_TABLE.entries()) if (matches(field)) found.push(i + 1);
		for (const [i, field] of this.entries.entries()) if (matches(field)) found.push(STATIC_TABLE.length + i + 1);
		return found;
	}
}

function sizeOf([name, value]: HeaderField): number {
	return name.length + value.length + 32;
}

/** Encodes header blocks. */
export class HpackEncoder {
	readonly #table = new Table();
	readonly #random: Random;
	readonly #sizeMost: number;
	#isNew = true;

	/** `sizeMost`: the largest table that the other side allows. */
	constructor(random: Random, sizeMost = 4096) {
		this.#random = random;
		this.#sizeMost = sizeMost;
	}

	encode(fields: readonly HeaderField[]): Uint8Array {
		const random = this.#random;
		const parts: Uint8Array[] = [];
		const most = this.#sizeMost;
		// A smaller table than the first one has to be confirmed.
		if (this.#isNew ? most < 4096 : random.chance(0.05)) {
			const sizes = random.chance(0.5) ? [0, random.between(0, most)] : [random.between(0, most)];
			for (const size of sizes) {
				this.#table.resize(size);
				parts.push(integer(size, 5, 0x20));
			}
		}
		this.#isNew = false;
		return Buffer.concat([...parts, ...fields.map((field) => this.#field(field))]);
	}

	#field([name, value]: HeaderField): Uint8Array {
		const random = this.#random;
		const whole = this.#table.indexes((field) => field[0] === name && field[1] === value);
		if (whole.length > 0 && random.chance(0.9)) return integer(random.pick(whole), 7, 0x80);
		const named = this.#table.indexes((field) => field[0] === name);
		const index = named.length > 0 && random.chance(0.8) ? random.pick(named) : 0;
		const [bits, first] = random.pick([
			[6, 0x40],
			[6, 0x40],
			[4, 0x00],
			[4, 0x10],
		] as const);
		const texts = index === 0 ? [name, value] : [value];
		const bytes = Buffer.concat([integer(index, bits, first), ...texts.map((text) => this.#string(text))]);
		if (bits === 6) this.#table.add([name, value]);
		return bytes;
	}

	#string(text: string): Uint8Array {
		const bytes = this.#random.chance(0.6) ? huffman(text) : undefined;
		if (bytes !== undefined) return Buffer.concat([integer(bytes.length, 7, 0x80), bytes]);
		return Buffer.concat([integer(text.length, 7, 0), Buffer.from(text, 'latin1')]);
	}
}

/** Decodes the header blocks of one direction in order. Throws if a block is invalid. */
export class HpackDecoder {
	readonly #table = new Table();

	decode(block: Uint8Array): HeaderField[] {
		const fields: HeaderField[] = [];
		let at = 0;
		const number = (bits: number): number => {
			const most = 2 ** bits - 1;
			let value = block[at++]! & most;
			if (value < most) return value;
			for (let power = 1; ; power *= 128) {
				const byte = block[at++]!;
				value += (byte & 127) * power;
				if (byte < 128) return value;
			}
		};
		const string = (): string => {
			const isHuffman = block[at]! >= 128;
			const length = number(7);
			if (at + length > block.length) throw new Error('a string is longer than its block');
			const bytes = block.subarray(at, at + length);
			at += length;
			const text = Buffer.from(bytes).toString('latin1');
			return isHuffman ? huffmanText(text) : text;
		};
		while (at < block.length) {
			const first = block[at]!;
			if (first >= 0x80) {
				fields.push(this.#table.at(number(7)));
			} else if (first >= 0x20 && first < 0x40) {
				this.#table.resize(number(5));
			} else {
				const index = number(first >= 0x40 ? 6 : 4);
				const name = index === 0 ? string() : this.#table.at(index)[0];
				const field: HeaderField = [name, string()];
				if (first >= 0x40) this.#table.add(field);
				fields.push(field);
			}
		}
		return fields;
	}
}

// Header compression of HTTP/2 (RFC 7541) as far as redaction needs it: tables, integers, Huffman code.

export type HpackField = { readonly name: string; readonly value: string };

/** RFC 7541, appendix A. */
export const STATIC_FIELDS: readonly HpackField[] = `
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
	.map((line) => {
		const [, name = '', value = ''] = /^(\S+) ?(.*)$/.exec(line)!;
		return { name, value };
	});

/** Appendix B: the lengths of the codes of all bytes and of the end, `LENGTHxCOUNT` for several in succession. */
const LENGTHS: readonly number[] =
	`13 23 28x7 24 30 28x2 30 28x8 30 28x9 6 10x2 12 13 6 8 11 10x2 8 11 8 6x3 5x3 6x7 7 8 15 6 12 10 13 6 7x22 8 7 8 13 19 13 14 6 15 5 6 5 6 5 6x3 5 7x2 6x3 5 6 7 6 5x2 6 7x5 15 11 14 13 28 20 22 20x2 22x3 23 22 23x5 24 23 24x2 22 23 24 23x4 21 22 23 22 23x2 24 22 21 20 22x2 23x2 21 23 22x2 24 21 22 23x2 21x2 22 21 23 22 23x2 20 22x3 23 22x2 23 26x2 20 19 22 23 22 25 26x3 27x2 26 24 25 19 21 26 27x2 26 27 24 21x2 26x2 28 27x3 20 24 20 21 22 21x2 23 22x2 25x2 24x2 26 23 26 27 26x2 27x5 28 27x5 26 30`
		.split(' ')
		.flatMap((run) => {
			const [length, count = 1] = run.split('x').map(Number);
			return new Array<number>(count).fill(length!);
		});
const LONGEST_CODE = 30;
const END = 256;

/** The codes follow from their lengths: shorter ones first, and those of the same length in order. */
const CODES: readonly number[] = (() => {
	const codes: number[] = [];
	for (let length = 1, next = 0; length <= LONGEST_CODE; length++, next *= 2)
		for (const [symbol, own] of LENGTHS.entries()) if (own === length) codes[symbol] = next++;
	return codes;
})();

/** The tree of the codes: at 2n and 2n + 1 what follows node n; negative numbers are symbols, less one. */
const TREE: readonly number[] = (() => {
	const tree = [0, 0];
	for (const [symbol, code] of CODES.entries()) {
		let node = 0;
		for (let bit = LENGTHS[symbol]! - 1; bit > 0; bit--) {
			const branch = 2 * node + ((code >> bit) & 1);
			if (tree[branch] === 0) {
				tree[branch] = tree.length / 2;
				tree.push(0, 0);
			}
			node = tree[branch]!;
		}
		tree[2 * node + (code & 1)] = -symbol - 1;
	}
	return tree;
})();

/** Latin-1; undefined if it is no Huffman code. */
export function huffmanText(coded: Uint8Array): string | undefined {
	const symbols: number[] = [];
	let node = 0;
	let rest = 0;
	let isOnes = true;
	for (const byte of coded) {
		for (let bit = 7; bit >= 0; bit--) {
			const one = (byte >> bit) & 1;
			node = TREE[2 * node + one]!;
			rest++;
			isOnes &&= one === 1;
			if (node >= 0) continue;
			if (-node - 1 === END) return undefined;
			symbols.push(-node - 1);
			[node, rest, isOnes] = [0, 0, true];
		}
	}
	return rest > 7 || !isOnes ? undefined : Buffer.from(symbols).toString('latin1');
}

/** Bits of the code. */
export function huffmanBits(text: string): number {
	let bits = 0;
	for (let at = 0; at < text.length; at++) bits += LENGTHS[text.charCodeAt(at)]!;
	return bits;
}

/** `text`: Latin-1. */
export function huffmanCode(text: string): Uint8Array {
	const bytes = new Uint8Array(Math.ceil(huffmanBits(text) / 8));
	let at = 0;
	const put = (bit: number) => {
		bytes[at >> 3]! |= bit << (7 - (at & 7));
		at++;
	};
	for (let i = 0; i < text.length; i++) {
		const symbol = text.charCodeAt(i);
		for (let bit = LENGTHS[symbol]! - 1; bit >= 0; bit--) put((CODES[symbol]! >> bit) & 1);
	}
	while ((at & 7) !== 0) put(1);
	return bytes;
}

/** Characters with codes of all lengths that visible ASCII has. */
const FILLERS: readonly (readonly [bits: number, character: string])[] = [...'o-:*!+#$^<\\'].map((character) => [
	LENGTHS[character.charCodeAt(0)]!,
	character,
]);
const LEAST_BITS = FILLERS[0]![0];
const MOST_BITS = FILLERS.at(-1)![0];

/** `count` characters whose code has between `least` and `most` bits; undefined if there are none. */
export function fillerOf(count: number, least: number, most: number): string | undefined {
	if (most < LEAST_BITS * count || least > MOST_BITS * count) return undefined;
	let text = '';
	let bits = 0;
	for (let left = count; left > 0; left--) {
		// What the others need at least, and an equal share of what is wanted.
		const room = most - bits - LEAST_BITS * (left - 1);
		const share = Math.ceil((most - bits) / left);
		const wanted = Math.max(share, least - bits - MOST_BITS * (left - 1));
		const fits = FILLERS.filter(([length]) => length <= room);
		const filler = fits.find(([length]) => length >= wanted) ?? fits.at(-1);
		if (filler === undefined) return undefined;
		text += filler[1];
		bits += filler[0];
	}
	return bits >= least && bits <= most ? text : undefined;
}

/** The fields that later blocks refer to: the newest entry first. */
export class HpackTable {
	readonly #entries: HpackField[] = [];
	#most = 4096;
	#size = 0;

	/** Undefined if there is none. */
	at(index: number): HpackField | undefined {
		return index <= STATIC_FIELDS.length ? STATIC_FIELDS[index - 1] : this.#entries[index - STATIC_FIELDS.length - 1];
	}

	add(field: HpackField): void {
		this.#entries.unshift(field);
		this.#size += sizeOf(field);
		this.#evict();
	}

	resize(most: number): void {
		this.#most = most;
		this.#evict();
	}

	#evict(): void {
		while (this.#size > this.#most) this.#size -= sizeOf(this.#entries.pop()!);
	}
}

function sizeOf({ name, value }: HpackField): number {
	return name.length + value.length + 32;
}

// The Huffman code of HPACK (RFC 7541 appendix B). The code is canonical, so the lengths of the codes determine them: codes
// of one length are consecutive numbers, in the order of their symbols.

/** Length of the code of each byte and of EOS, as a letter: `e` is 5. */
const LENGTHS: string =
	'mwBBBBBBBxDBBDBBBBBBBBDBBBBBBBBBfjjlmfhkjjhkhfffeeefffffffghoflj' +
	'mfgggggggggggggggggggggghghmsmnfoefefefffeggfffefgfeefgggggoknmB' +
	'tvttvvvwvwwwwwxwxxvwxwwwwuvwvwwxvutvvwwuwvvxuvwwuuvuwvwwtvvvwvvw' +
	'zztsvwvyzzzAAzxysuzAAzAxuuzzBAAAtxtuvuuwvvyyxxzwzAzzAAAAABAAAAAzD';

const SYMBOLS: u32 = 257;
const LONGEST: u32 = 30;
/** Codes up to this length, which all common characters have, are found with one look-up. */
const SHORT: u32 = 8;

/** By the next 8 bits: the symbol, and the length of its code in the high byte; 0 if the code is longer. */
const short = memory.data(512, 16);
/** All symbols in the order of their codes. */
const ordered = memory.data(516, 16);
/** By length: the first code, how many there are, and the place of the first one's symbol in that order. */
const firstCodes = memory.data(128, 16);
const counts = memory.data(128, 16);
const places = memory.data(128, 16);

@inline
function lengthOf(symbol: u32): u32 {
	const letter = <u32>LENGTHS.charCodeAt(symbol);
	return letter >= 97 ? letter - 96 : letter - 65 + 27;
}

/** Called before the first record. */
export function prepareHuffman(): void {
	let code: u32 = 0;
	let place: u32 = 0;
	for (let length: u32 = 1; length <= LONGEST; length++) {
		code <<= 1;
		store<u32>(firstCodes + length * 4, code);
		store<u32>(places + length * 4, place);
		for (let symbol: u32 = 0; symbol < SYMBOLS; symbol++) {
			if (lengthOf(symbol) != length) continue;
			if (length <= SHORT) {
				const first = code << (SHORT - length);
				for (let i: u32 = 0; i < 1 << (SHORT - length); i++) store<u16>(short + (first + i) * 2, <u16>(symbol | (length << 8)));
			}
			store<u16>(ordered + place * 2, <u16>symbol);
			place++;
			code++;
		}
		store<u32>(counts + length * 4, place - load<u32>(places + length * 4));
	}
}

/** The most bytes that `length` bytes decode to. */
@inline
export function decodedMost(length: u32): u32 {
	return (length * 8) / 5 + 8;
}

/** Decodes [from, end) to `to`, which has room for decodedMost() bytes. Returns the number of bytes, or -1 if it is invalid. */
export function decodeHuffman(from: usize, end: usize, to: usize): i32 {
	let at = from;
	let put = to;
	/** The next bits, the first one highest. */
	let word: u64 = 0;
	let bits: u32 = 0;
	while (true) {
		if (bits < LONGEST) {
			if (end - at >= 8) {
				word |= bswap<u64>(load<u64>(at)) >> bits;
				const bytes = (63 - bits) >> 3;
				at += bytes;
				bits += bytes << 3;
			} else {
				while (bits <= 56 && at < end) {
					word |= <u64>load<u8>(at++) << (56 - bits);
					bits += 8;
				}
				if (bits < LONGEST) return decodeLast(word, bits, put, to);
			}
		}
		const found = <u32>load<u16>(short + <usize>((word >> 56) << 1));
		if (found != 0) {
			store<u8>(put++, <u8>found);
			word <<= found >> 8;
			bits -= found >> 8;
			continue;
		}
		const long = longCode(word);
		if ((long & 0xffff) > 255) return -1;
		store<u8>(put++, <u8>long);
		word <<= long >> 16;
		bits -= long >> 16;
	}
}

/** Decodes the last `bits` bits of a string, which end with less than a byte of padding. */
function decodeLast(last: u64, count: u32, at: usize, to: usize): i32 {
	let word = last;
	let bits = count;
	let put = at;
	while (bits != 0) {
		// The padding is the beginning of EOS: ones.
		const padded = word | (~(<u64>0) >> bits);
		const found = <u32>load<u16>(short + <usize>((padded >> 56) << 1));
		const long = found != 0 ? ((found >> 8) << 16) | (found & 0xff) : longCode(padded);
		const length = long >> 16;
		if (length > bits || (long & 0xffff) > 255) return bits < 8 && padded == ~(<u64>0) ? <i32>(put - to) : -1;
		store<u8>(put++, <u8>long);
		word <<= length;
		bits -= length;
	}
	return <i32>(put - to);
}

/** The symbol of a code longer than SHORT at the top of `word`, and its length << 16. */
function longCode(word: u64): u32 {
	for (let length = SHORT + 1; length <= LONGEST; length++) {
		const index = <u32>(word >> (64 - length)) - load<u32>(firstCodes + length * 4);
		if (index < load<u32>(counts + length * 4)) {
			return <u32>load<u16>(ordered + (load<u32>(places + length * 4) + index) * 2) | (length << 16);
		}
	}
	return (LONGEST << 16) | 0xffff;
}

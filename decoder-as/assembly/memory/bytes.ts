// Searches bytes, 16 at a time. The last few bytes of a run are loaded together with bytes before the run, whose
// results are masked out. That is safe because no run is at the very beginning of memory.

/** Longer runs use memory.copy, which is a call out of WebAssembly. */
const COPIED_HERE: u32 = 2048;

/** Copies bytes that do not overlap. */
export function copyBytes(to: usize, from: usize, length: u32): void {
	if (length > COPIED_HERE) {
		memory.copy(to, from, length);
	} else if (length >= 16) {
		const last = v128.load(from + length - 16);
		let at = from;
		let put = to;
		const end = from + length;
		for (; at + 64 <= end; at += 64, put += 64) {
			v128.store(put, v128.load(at));
			v128.store(put, v128.load(at, 16), 16);
			v128.store(put, v128.load(at, 32), 32);
			v128.store(put, v128.load(at, 48), 48);
		}
		for (; at + 16 <= end; at += 16, put += 16) v128.store(put, v128.load(at));
		v128.store(to + length - 16, last);
	} else if (length >= 8) {
		const last = load<u64>(from + length - 8);
		store<u64>(to, load<u64>(from));
		store<u64>(to + length - 8, last);
	} else {
		for (let i: u32 = 0; i < length; i++) store<u8>(to + i, load<u8>(from + i));
	}
}

/** Zeroes the bytes of a struct; `length` is at least 16. */
export function clearBytes(at: usize, length: u32): void {
	const zero = i64x2.splat(0);
	const last = at + length - 16;
	let to = at;
	for (; to + 64 <= last; to += 64) {
		v128.store(to, zero);
		v128.store(to, zero, 16);
		v128.store(to, zero, 32);
		v128.store(to, zero, 48);
	}
	for (; to < last; to += 16) v128.store(to, zero);
	v128.store(last, zero);
}

/** Address of the first LF in [from, end), or `end`. */
export function findLineFeed(from: usize, end: usize): usize {
	return findByte(from, end, 10);
}

/** Address of the first `byte` in [from, end), or `end`. */
export function findByte(from: usize, end: usize, byte: u8): usize {
	let at = from;
	const pattern = i8x16.splat(byte);
	while (at + 16 <= end) {
		const mask = i8x16.bitmask(i8x16.eq(v128.load(at), pattern));
		if (mask != 0) return at + ctz<i32>(mask);
		at += 16;
	}
	if (at >= end) return end;
	const mask = lastOf(i8x16.bitmask(i8x16.eq(v128.load(end - 16), pattern)), at, end);
	return mask != 0 ? at + ctz<u32>(mask) : end;
}

/** The bits for [at, end) of a mask of the 16 bytes before `end`. */
@inline
export function lastOf(mask: u32, at: usize, end: usize): u32 {
	return mask >> (16 - <u32>(end - at));
}

/** Whether there is a control byte other than HT in [from, end). */
export function hasControl(from: usize, end: usize): bool {
	return findControl(from, end) != end;
}

/** The first control byte other than HT in [from, end), or `end`. */
export function findControl(from: usize, end: usize): usize {
	let at = from;
	while (at + 16 <= end) {
		const mask = controlMask(at);
		if (mask != 0) return at + ctz<u32>(mask);
		at += 16;
	}
	if (at >= end) return end;
	const mask = lastOf(controlMask(end - 16), at, end);
	return mask != 0 ? at + ctz<u32>(mask) : end;
}

@inline
function controlMask(at: usize): u32 {
	const chunk = v128.load(at);
	// Below 32, unsigned: min(byte, 31) equals the byte.
	const low = i8x16.eq(i8x16.min_u(chunk, i8x16.splat(31)), chunk);
	const control = v128.andnot(low, i8x16.eq(chunk, i8x16.splat(9)));
	return i8x16.bitmask(v128.or(control, i8x16.eq(chunk, i8x16.splat(127))));
}

/** For each byte: 1 token character (RFC 9110 section 5.6.2), 2 digit, 4 white space (SP, HT), 8 hex digit. */
const classes = memory.data(256, 16);
const tokenRows = memory.data(16, 16);
/** The bit for each high half-byte; none beyond ASCII. */
const highBits = memory.data(16, 16);

export function prepareClasses(): void {
	for (let byte: u32 = 0; byte < 256; byte++) {
		let bits: u8 = 0;
		const letter = (byte | 32) >= 97 && (byte | 32) <= 122;
		const digit = byte >= 48 && byte <= 57;
		if (letter || digit || isTokenPunctuation(byte)) bits |= 1;
		if (digit) bits |= 2 | 8;
		if ((byte | 32) >= 97 && (byte | 32) <= 102) bits |= 8;
		if (byte == 32 || byte == 9) bits |= 4;
		store<u8>(classes + byte, bits);
		// For 16 at a time: for each low half-byte, a bit for each high half that makes a token character.
		if (bits & 1) {
			const row = tokenRows + (byte & 15);
			store<u8>(row, load<u8>(row) | (<u8>1 << <u8>(byte >> 4)));
		}
	}
	for (let high: u32 = 0; high < 8; high++) store<u8>(highBits + high, <u8>1 << <u8>high);
}

/** One bit per byte of the 16 at `at`: whether it is a token character. The first byte is the lowest bit. */
export function tokenMask(at: usize): i32 {
	const chunk = v128.load(at);
	const low = v128.and(chunk, i8x16.splat(15));
	const high = v128.and(i16x8.shr_u(chunk, 4), i8x16.splat(15));
	const bits = v128.and(i8x16.swizzle(v128.load(tokenRows), low), i8x16.swizzle(v128.load(highBits), high));
	return i8x16.bitmask(i8x16.ne(bits, i8x16.splat(0)));
}

function isTokenPunctuation(byte: u32): bool {
	// ! # $ % & ' * + - . ^ _ ` | ~
	return (
		byte == 33 || (byte >= 35 && byte <= 39) || byte == 42 || byte == 43 || byte == 45 || byte == 46 || byte == 94 ||
		byte == 95 || byte == 96 || byte == 124 || byte == 126
	);
}

export function isToken(byte: u8): bool {
	return (load<u8>(classes + byte) & 1) != 0;
}

export function isDigit(byte: u8): bool {
	return (load<u8>(classes + byte) & 2) != 0;
}

export function isSpace(byte: u8): bool {
	return byte == 32 || byte == 9;
}

/** Value of a hex digit, -1 for another byte. */
export function hexValue(byte: u8): i32 {
	if ((load<u8>(classes + byte) & 8) == 0) return -1;
	return byte <= 57 ? byte - 48 : (byte | 32) - 87;
}

/** First address in [from, end) that is not SP or HT. */
export function skipSpace(from: usize, end: usize): usize {
	let at = from;
	while (at < end && isSpace(load<u8>(at))) at++;
	return at;
}

/** The address after the last byte of [from, end) that is not SP or HT. */
export function trimSpace(from: usize, end: usize): usize {
	let at = end;
	while (at > from && isSpace(load<u8>(at - 1))) at--;
	return at;
}

/** Whether the bytes [at, end) are the word (given in lower case), ignoring case. Words are static data: nothing is allocated. */
export function isWord(at: usize, end: usize, word: string): bool {
	const length = <u32>word.length;
	return <u32>(end - at) == length && startsWithFolded(at, word, length);
}

/** Whether the bytes [at, end), no longer than the word, are its beginning, ignoring case. */
export function beginsWord(at: usize, end: usize, word: string): bool {
	return startsWithFolded(at, word, <u32>(end - at));
}

function startsWithFolded(at: usize, word: string, length: u32): bool {
	const letters = changetype<usize>(word);
	for (let i: u32 = 0; i < length; i++) {
		let byte = <u32>load<u8>(at + i);
		if (byte >= 65 && byte <= 90) byte |= 32;
		if (byte != <u32>load<u16>(letters + (i << 1))) return false;
	}
	return true;
}

/** Whether the bytes [at, end) begin with the word, case-sensitively. With `partly`, a shorter run matches too. */
export function begins(at: usize, end: usize, word: string, partly: bool): bool {
	let length = <u32>word.length;
	if (<u32>(end - at) < length) {
		if (!partly) return false;
		length = <u32>(end - at);
	}
	const letters = changetype<usize>(word);
	for (let i: u32 = 0; i < length; i++) {
		if (<u32>load<u8>(at + i) != <u32>load<u16>(letters + (i << 1))) return false;
	}
	return true;
}

export function equals(a: usize, b: usize, length: u32): bool {
	return memory.compare(a, b, length) == 0;
}

/** A hash of a run of bytes, continuing from `seed`. */
export function hashBytes(at: usize, length: u32, seed: u32): u32 {
	let hash = <u64>seed ^ (<u64>length << 32);
	let rest: u64 = 0;
	if (length >= 8) {
		// The last eight bytes overlap with bytes already hashed.
		for (let i: u32 = 0; i + 8 <= length; i += 8) hash = mix(hash, load<u64>(at + i));
		rest = load<u64>(at + length - 8);
	} else if (length >= 4) {
		rest = <u64>load<u32>(at) | (<u64>load<u32>(at + length - 4) << 32);
	} else if (length != 0) {
		rest = <u64>load<u8>(at) | (<u64>load<u8>(at + (length >> 1)) << 8) | (<u64>load<u8>(at + length - 1) << 16);
	}
	return <u32>(mix(hash, rest) >> 32);
}

function mix(hash: u64, word: u64): u64 {
	const mixed = (hash ^ word) * 0x9e3779b97f4a7c15;
	return mixed ^ (mixed >> 29);
}

/** Whether there is a byte in [from, end) that is not a visible ASCII character. */
export function hasOther(from: usize, end: usize): bool {
	let at = from;
	while (at + 16 <= end) {
		if (otherMask(at) != 0) return true;
		at += 16;
	}
	return at < end && lastOf(otherMask(end - 16), at, end) != 0;
}

@inline
function otherMask(at: usize): u32 {
	// Below 33 or above 126, as signed bytes.
	const chunk = v128.load(at);
	return i8x16.bitmask(v128.or(i8x16.lt_s(chunk, i8x16.splat(33)), i8x16.eq(chunk, i8x16.splat(127))));
}

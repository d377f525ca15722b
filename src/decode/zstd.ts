// A Zstandard decoder (RFC 8878) for untrusted bodies. fzstd trusts the lengths it reads: a body of 18 bytes (it is in
// the test) kept it busy for two minutes. Here the output is the only buffer and has a limit, every length is checked
// before it is used, and output before any damage is kept.

export type ZstdResult = {
	readonly bytes: Uint8Array;
	/** Why decoding stopped before the end of the input; null if it did not, even if the data is incomplete. */
	readonly stopped: 'limit' | 'damaged' | 'dictionary' | null;
	/** Whether the last frame is complete. */
	readonly ended: boolean;
};

/** Decodes frames up to the end, damage, `limit` bytes of output, or the `deadline` (performance.now()). */
export function decodeZstd(input: Uint8Array, limit: number, deadline: number): ZstdResult {
	const output: Output = { bytes: new Uint8Array(Math.min(limit, 4 * input.length + 1024)), length: 0, limit };
	let stopped: ZstdResult['stopped'] = null;
	let at = 0;
	let ended = false;
	try {
		while (at < input.length) at = decodeFrame(input, at, output, deadline);
		ended = at === input.length;
	} catch (error) {
		if (!(error instanceof Stop)) throw error;
		stopped = error.why;
	}
	return { bytes: output.bytes.subarray(0, output.length), stopped, ended };
}

export function isZstd(input: Uint8Array): boolean {
	return input.length >= 4 && (u32(input, 0) === MAGIC || isSkippable(u32(input, 0)));
}

const MAGIC = 0xfd2fb528;
const BLOCK_MAX = 131072;
const MAX_HUFFMAN_BITS = 11;

/** Thrown to leave the decoder from any depth. `why` is null if the input ended. */
class Stop extends Error {
	readonly why: ZstdResult['stopped'];
	constructor(why: ZstdResult['stopped']) {
		super('stop');
		this.why = why;
	}
}

function damaged(): Stop {
	return new Stop('damaged');
}

type Output = { bytes: Uint8Array; length: number; readonly limit: number };

type FseTable = {
	readonly bits: number;
	readonly symbol: Uint8Array;
	readonly width: Uint8Array;
	readonly base: Uint16Array;
};

type HuffmanTable = { readonly bits: number; readonly symbol: Uint8Array; readonly width: Uint8Array };

/** State that a block can reuse from the previous one. */
type FrameState = {
	readonly start: number;
	readonly offsets: [number, number, number];
	huffman: HuffmanTable | null;
	literalLengths: FseTable | null;
	matchLengths: FseTable | null;
	offsetCodes: FseTable | null;
};

function isSkippable(magic: number): boolean {
	return magic >= 0x184d2a50 && magic <= 0x184d2a5f;
}

function u32(bytes: Uint8Array, at: number): number {
	return ((bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16)) + bytes[at + 3]! * 0x1000000) >>> 0;
}

/** Decodes a frame and returns the index after it. */
function decodeFrame(input: Uint8Array, from: number, output: Output, deadline: number): number {
	if (from + 8 > input.length) throw new Stop(null);
	const magic = u32(input, from);
	if (isSkippable(magic)) return from + 8 + u32(input, from + 4);
	if (magic !== MAGIC) throw damaged();
	const descriptor = input[from + 4]!;
	if (descriptor & 8) throw damaged();
	const singleSegment = (descriptor & 32) !== 0;
	const dictionaryBytes = [0, 1, 2, 4][descriptor & 3]!;
	const contentSizeBytes = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6]!;
	let at = from + 5 + (singleSegment ? 0 : 1);
	for (let i = 0; i < dictionaryBytes; i++) if ((input[at + i] ?? 0) !== 0) throw new Stop('dictionary');
	// The sizes in the header are not needed, because the output itself is the window.
	at += dictionaryBytes + contentSizeBytes;

	const state = newFrame(output.length);
	for (;;) {
		if (performance.now() > deadline) throw new Stop('limit');
		const block = blockAt(input, at);
		if (block === undefined) throw new Stop(null);
		readBlock(input, at + BLOCK_HEADER_BYTES, block, state, output);
		at = Math.min(input.length + 1, at + BLOCK_HEADER_BYTES + block.bytes);
		if (at > input.length) throw new Stop(null);
		if (block.isLast) break;
	}
	// The checksum is not verified, because the decoded bytes would be shown anyway.
	return at + (descriptor & 4 ? 4 : 0);
}

function newFrame(start: number): FrameState {
	return { start, offsets: [1, 4, 8], huffman: null, literalLengths: null, matchLengths: null, offsetCodes: null };
}

const BLOCK_HEADER_BYTES = 3;

/** `size` bytes of content, of which `bytes` follow the header. */
type Block = { readonly type: number; readonly size: number; readonly bytes: number; readonly isLast: boolean };

/** Undefined if the input ends within its header. */
function blockAt(input: Uint8Array, at: number): Block | undefined {
	if (at + BLOCK_HEADER_BYTES > input.length) return undefined;
	const header = input[at]! | (input[at + 1]! << 8) | (input[at + 2]! << 16);
	const size = header >> 3;
	const type = (header >> 1) & 3;
	if (size > BLOCK_MAX || type === 3) throw damaged();
	return { type, size, bytes: type === 1 ? 1 : size, isLast: (header & 1) === 1 };
}

/** Decodes the content of a block, which begins at `at`. Only a raw block may be cut. */
function readBlock(input: Uint8Array, at: number, { type, size }: Block, state: FrameState, output: Output): void {
	if (type === 0) append(output, input.subarray(at, at + size));
	else if (type === 1) {
		if (at >= input.length) throw new Stop(null);
		const room = reserve(output, size);
		output.bytes.fill(input[at]!, output.length, output.length + room);
		output.length += room;
		if (room < size) throw new Stop('limit');
	} else {
		if (at + size > input.length) throw new Stop(null);
		decodeBlock(input.subarray(at, at + size), state, output);
	}
}

/** Larger windows are not decoded (RFC 9659). */
const WINDOW_MAX = 8 << 20;

/** Decodes one stream of frames piece by piece: each block as soon as it is whole. */
export class ZstdStream {
	/** What is not decoded yet. */
	#input: Uint8Array = new Uint8Array(0);
	/** The window of the current frame, and what has been decoded after it. */
	#output: Output = { bytes: new Uint8Array(1024), length: 0, limit: 0 };
	#frame: FrameState | undefined;
	#window = 0;
	/** Bytes of a skippable frame, or of a checksum, that are still to come. */
	#skipped = 0;
	#hasChecksum = false;
	#isBroken = false;

	/** Bytes of memory in use. */
	get memoryBytes(): number {
		return this.#input.length + this.#output.bytes.length;
	}

	/** What the stream says up to here; undefined if it is damaged, or says more than `limit` bytes. */
	push(bytes: Uint8Array, limit: number): Uint8Array | undefined {
		if (this.#isBroken) return undefined;
		const input = this.#input.length === 0 ? bytes : Buffer.concat([this.#input, bytes]);
		const before = this.#output.length;
		this.#output = { ...this.#output, limit: before + limit };
		try {
			let at = 0;
			for (let next = this.#step(input, at); next > at; next = this.#step(input, at)) at = next;
			this.#input = Uint8Array.from(input.subarray(at));
			const decoded = Uint8Array.from(this.#output.bytes.subarray(before, this.#output.length));
			this.#trim();
			return decoded;
		} catch (error) {
			if (!(error instanceof Stop)) throw error;
			this.#isBroken = true;
			this.#input = new Uint8Array(0);
			this.#output = { bytes: new Uint8Array(0), length: 0, limit: 0 };
			return undefined;
		}
	}

	/** Forgets what no later block can refer to. */
	#trim(): void {
		const { bytes, length, limit } = this.#output;
		const frame = this.#frame;
		const window = frame === undefined ? 0 : Math.min(this.#window, length - frame.start);
		// A copy, so that no more than the window is kept.
		const kept = Uint8Array.from(bytes.subarray(length - window, length));
		this.#output = { bytes: kept, length: window, limit };
		if (frame !== undefined) this.#frame = { ...frame, start: 0 };
	}

	/** Reads the next part that is whole, and returns the index after it; `at` if none is. */
	#step(input: Uint8Array, at: number): number {
		if (this.#skipped > 0) {
			const skipped = Math.min(this.#skipped, input.length - at);
			this.#skipped -= skipped;
			return at + skipped;
		}
		if (this.#frame === undefined) return this.#begin(input, at);
		const block = blockAt(input, at);
		if (block === undefined || at + BLOCK_HEADER_BYTES + block.bytes > input.length) return at;
		readBlock(input, at + BLOCK_HEADER_BYTES, block, this.#frame, this.#output);
		if (block.isLast) {
			this.#frame = undefined;
			this.#skipped = this.#hasChecksum ? 4 : 0;
		}
		return at + BLOCK_HEADER_BYTES + block.bytes;
	}

	#begin(input: Uint8Array, at: number): number {
		if (at + 8 > input.length) return at;
		if (isSkippable(u32(input, at))) {
			this.#skipped = u32(input, at + 4);
			return at + 8;
		}
		const header = frameHeader(input, at);
		if (header === undefined) return at;
		if (header.window > WINDOW_MAX) throw new Stop('limit');
		this.#window = header.window;
		this.#hasChecksum = header.hasChecksum;
		this.#frame = newFrame(this.#output.length);
		return header.end;
	}
}

type FrameHeader = { readonly end: number; readonly window: number; readonly hasChecksum: boolean };

/** Undefined if the input ends within it. */
function frameHeader(input: Uint8Array, from: number): FrameHeader | undefined {
	if (u32(input, from) !== MAGIC) throw damaged();
	const descriptor = input[from + 4]!;
	if (descriptor & 8) throw damaged();
	const singleSegment = (descriptor & 32) !== 0;
	const dictionaryBytes = [0, 1, 2, 4][descriptor & 3]!;
	const contentSizeBytes = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6]!;
	const dictionary = from + 5 + (singleSegment ? 0 : 1);
	const size = dictionary + dictionaryBytes;
	const end = size + contentSizeBytes;
	if (end > input.length) return undefined;
	for (let at = dictionary; at < size; at++) if (input[at] !== 0) throw new Stop('dictionary');
	let window = 0;
	if (singleSegment) {
		for (let i = contentSizeBytes - 1; i >= 0; i--) window = window * 256 + input[size + i]!;
		if (contentSizeBytes === 2) window += 256;
	} else {
		const byte = input[from + 5]!;
		const base = 2 ** (10 + (byte >> 3));
		window = base + (base / 8) * (byte & 7);
	}
	return { end, window, hasChecksum: (descriptor & 4) !== 0 };
}

/** Makes room for `size` more bytes. Returns how many of them the limit allows. */
function reserve(output: Output, size: number): number {
	const room = Math.min(size, output.limit - output.length);
	if (output.length + room > output.bytes.length) {
		const grown = new Uint8Array(Math.min(output.limit, Math.max(output.bytes.length * 2, output.length + room)));
		grown.set(output.bytes.subarray(0, output.length));
		output.bytes = grown;
	}
	return room;
}

function append(output: Output, bytes: Uint8Array): void {
	const room = reserve(output, bytes.length);
	output.bytes.set(bytes.subarray(0, room), output.length);
	output.length += room;
	if (room < bytes.length) throw new Stop('limit');
}

function decodeBlock(block: Uint8Array, state: FrameState, output: Output): void {
	const [literals, sequencesAt] = decodeLiterals(block, state);
	const end = output.length + BLOCK_MAX;
	let at = sequencesAt;
	let count = byteAt(block, at++);
	if (count === 255) {
		count = byteAt(block, at) + (byteAt(block, at + 1) << 8) + 0x7f00;
		at += 2;
	} else if (count > 127) count = ((count - 128) << 8) + byteAt(block, at++);
	if (count === 0) {
		append(output, literals);
		return;
	}
	const modes = byteAt(block, at++);
	if (modes & 3) throw damaged();
	const reader: ForwardBits = { bytes: block, position: at * 8 };
	state.literalLengths = sequenceTable(reader, modes >> 6, LITERAL_LENGTHS, state.literalLengths);
	state.offsetCodes = sequenceTable(reader, (modes >> 4) & 3, OFFSET_CODES, state.offsetCodes);
	state.matchLengths = sequenceTable(reader, (modes >> 2) & 3, MATCH_LENGTHS, state.matchLengths);
	const { literalLengths, offsetCodes, matchLengths } = state;

	const bits = openBackwards(block.subarray(reader.position >> 3));
	let literalState = take(bits, literalLengths.bits);
	let offsetState = take(bits, offsetCodes.bits);
	let matchState = take(bits, matchLengths.bits);
	let literalsAt = 0;
	for (let i = 0; i < count; i++) {
		const offsetValue = 2 ** offsetCodes.symbol[offsetState]! + take(bits, offsetCodes.symbol[offsetState]!);
		const matchCode = matchLengths.symbol[matchState]!;
		const matchLength = MATCH_BASE[matchCode]! + take(bits, MATCH_EXTRA[matchCode]!);
		const literalCode = literalLengths.symbol[literalState]!;
		const literalLength = LITERAL_BASE[literalCode]! + take(bits, LITERAL_EXTRA[literalCode]!);
		if (i + 1 < count) {
			literalState = literalLengths.base[literalState]! + take(bits, literalLengths.width[literalState]!);
			matchState = matchLengths.base[matchState]! + take(bits, matchLengths.width[matchState]!);
			offsetState = offsetCodes.base[offsetState]! + take(bits, offsetCodes.width[offsetState]!);
		}
		if (bits.left < 0 || literalsAt + literalLength > literals.length) throw damaged();
		if (output.length + literalLength + matchLength > end) throw damaged();
		append(output, literals.subarray(literalsAt, literalsAt + literalLength));
		literalsAt += literalLength;
		copyMatch(output, matchOffset(state.offsets, offsetValue, literalLength), matchLength, state.start);
	}
	if (bits.left !== 0 || output.length + literals.length - literalsAt > end) throw damaged();
	append(output, literals.subarray(literalsAt));
}

/** Section 3.1.1.5: the last three offsets have short codes. */
function matchOffset(offsets: [number, number, number], value: number, literalLength: number): number {
	let offset: number;
	if (value > 3) {
		offset = value - 3;
		offsets[2] = offsets[1];
		offsets[1] = offsets[0];
	} else {
		const index = value - 1 + (literalLength === 0 ? 1 : 0);
		if (index === 0) return offsets[0];
		offset = index === 3 ? offsets[0] - 1 : offsets[index as 1 | 2];
		if (index > 1) offsets[2] = offsets[1];
		offsets[1] = offsets[0];
	}
	offsets[0] = offset;
	return offset;
}

function copyMatch(output: Output, offset: number, length: number, start: number): void {
	if (offset < 1 || offset > output.length - start) throw damaged();
	const room = reserve(output, length);
	const { bytes } = output;
	const to = output.length;
	if (offset >= room) bytes.copyWithin(to, to - offset, to - offset + room);
	else for (let i = 0; i < room; i++) bytes[to + i] = bytes[to + i - offset]!;
	output.length += room;
	if (room < length) throw new Stop('limit');
}

// ---- literals ---------------------------------------------------------------------------------------------------

/** The literals of a block and the index after their section. */
function decodeLiterals(block: Uint8Array, state: FrameState): [literals: Uint8Array, end: number] {
	const first = byteAt(block, 0);
	const type = first & 3;
	const format = (first >> 2) & 3;
	if (type < 2) {
		const headerBytes = format === 1 ? 2 : format === 3 ? 3 : 1;
		if (headerBytes > block.length) throw damaged();
		const size =
			headerBytes === 1 ? first >> 3 : (first >> 4) + (block[1]! << 4) + (headerBytes === 3 ? block[2]! << 12 : 0);
		if (size > BLOCK_MAX) throw damaged();
		if (type === 1) return [new Uint8Array(size).fill(byteAt(block, headerBytes)), headerBytes + 1];
		if (headerBytes + size > block.length) throw damaged();
		return [block.subarray(headerBytes, headerBytes + size), headerBytes + size];
	}
	const headerBytes = format < 2 ? 3 : format + 2;
	const sizeBits = format < 2 ? 10 : format === 2 ? 14 : 18;
	if (headerBytes > block.length) throw damaged();
	let header = 0;
	for (let i = headerBytes - 1; i >= 0; i--) header = header * 256 + block[i]!;
	const size = Math.floor(header / 16) % 2 ** sizeBits;
	const compressedBytes = Math.floor(header / 2 ** (4 + sizeBits));
	const end = headerBytes + compressedBytes;
	if (size > BLOCK_MAX) throw damaged();
	if (end > block.length) throw damaged();
	let streams = block.subarray(headerBytes, end);
	if (type === 2) {
		const [table, treeBytes] = readHuffmanTable(streams);
		state.huffman = table;
		streams = streams.subarray(treeBytes);
	}
	if (state.huffman === null) throw damaged();
	const literals = new Uint8Array(size);
	if (format === 0) decodeHuffman(streams, state.huffman, literals);
	else decodeFourStreams(streams, state.huffman, literals);
	return [literals, end];
}

function decodeFourStreams(streams: Uint8Array, table: HuffmanTable, literals: Uint8Array): void {
	if (streams.length < 10) throw damaged();
	const quarter = (literals.length + 3) >> 2;
	let at = 6;
	for (let i = 0; i < 4; i++) {
		const size = i < 3 ? streams[2 * i]! + (streams[2 * i + 1]! << 8) : streams.length - at;
		if (at + size > streams.length) throw damaged();
		const from = Math.min(i * quarter, literals.length);
		const to = i < 3 ? Math.min(from + quarter, literals.length) : literals.length;
		decodeHuffman(streams.subarray(at, at + size), table, literals.subarray(from, to));
		at += size;
	}
}

function decodeHuffman(stream: Uint8Array, table: HuffmanTable, literals: Uint8Array): void {
	const bits = openBackwards(stream);
	for (let i = 0; i < literals.length; i++) {
		const index = peek(bits, table.bits);
		literals[i] = table.symbol[index]!;
		bits.left -= table.width[index]!;
		if (bits.left < 0) throw damaged();
	}
	if (bits.left !== 0) throw damaged();
}

function readHuffmanTable(bytes: Uint8Array): [table: HuffmanTable, length: number] {
	const header = byteAt(bytes, 0);
	const weights = new Uint8Array(256);
	let count = 0;
	let length: number;
	if (header >= 128) {
		count = header - 127;
		length = 1 + ((count + 1) >> 1);
		if (length > bytes.length) throw damaged();
		for (let i = 0; i < count; i++) weights[i] = i & 1 ? bytes[1 + (i >> 1)]! & 15 : bytes[1 + (i >> 1)]! >> 4;
	} else {
		length = 1 + header;
		if (length > bytes.length) throw damaged();
		count = readWeights(bytes.subarray(1, length), weights);
	}
	let sum = 0;
	for (let i = 0; i < count; i++) {
		if (weights[i]! > MAX_HUFFMAN_BITS) throw damaged();
		if (weights[i]! > 0) sum += 1 << (weights[i]! - 1);
	}
	if (sum === 0) throw damaged();
	const bits = highBit(sum) + 1;
	const rest = (1 << bits) - sum;
	// The last weight is implied: it completes the sum to a power of two.
	if (bits > MAX_HUFFMAN_BITS || (rest & (rest - 1)) !== 0 || count > 255) throw damaged();
	weights[count++] = highBit(rest) + 1;

	const codes = 1 << bits;
	const symbol = new Uint8Array(codes);
	const width = new Uint8Array(codes);
	let at = 0;
	for (let weight = 1; weight <= bits; weight++) {
		for (let i = 0; i < count; i++) {
			if (weights[i] !== weight) continue;
			const next = at + (1 << (weight - 1));
			symbol.fill(i, at, next);
			width.fill(bits + 1 - weight, at, next);
			at = next;
		}
	}
	return [{ bits, symbol, width }, length];
}

/** Weights coded with FSE: two states alternate until the bits are used up. */
function readWeights(bytes: Uint8Array, weights: Uint8Array): number {
	const reader: ForwardBits = { bytes, position: 0 };
	const table = readFseTable(reader, 6, 255);
	const bits = openBackwards(bytes.subarray(reader.position >> 3));
	let state = take(bits, table.bits);
	let other = take(bits, table.bits);
	for (let count = 0; count < 254; ) {
		weights[count++] = table.symbol[state]!;
		const next = table.base[state]! + take(bits, table.width[state]!);
		state = other;
		other = next;
		if (bits.left < 0) {
			weights[count++] = table.symbol[state]!;
			return count;
		}
	}
	throw damaged();
}

// ---- FSE --------------------------------------------------------------------------------------------------------

type SequencePart = { readonly maxBits: number; readonly maxSymbol: number; readonly standard: FseTable };

function sequenceTable(reader: ForwardBits, mode: number, part: SequencePart, before: FseTable | null): FseTable {
	if (mode === 0) return part.standard;
	if (mode === 2) return readFseTable(reader, part.maxBits, part.maxSymbol);
	if (mode === 3) {
		if (before === null) throw damaged();
		return before;
	}
	const symbol = byteAt(reader.bytes, reader.position >> 3);
	if (symbol > part.maxSymbol) throw damaged();
	reader.position += 8;
	return { bits: 0, symbol: Uint8Array.of(symbol), width: Uint8Array.of(0), base: Uint16Array.of(0) };
}

/** Section 4.1.1: reads a distribution and leaves the reader at the next whole byte. */
function readFseTable(reader: ForwardBits, maxBits: number, maxSymbol: number): FseTable {
	const bits = takeForward(reader, 4) + 5;
	if (bits > maxBits) throw damaged();
	const counts: number[] = [];
	let left = 1 << bits;
	while (left > 0) {
		const width = highBit(left + 1) + 1;
		const half = (1 << (width - 1)) - 1;
		const short = (1 << width) - 1 - (left + 1);
		let value = takeForward(reader, width);
		if ((value & half) < short) {
			reader.position--;
			value &= half;
		} else if (value > half) value -= short;
		const count = value - 1;
		left -= Math.abs(count);
		counts.push(count);
		if (count === 0) {
			let zeros: number;
			do {
				zeros = takeForward(reader, 2);
				for (let i = 0; i < zeros; i++) counts.push(0);
			} while (zeros === 3 && counts.length <= maxSymbol);
		}
		if (counts.length > maxSymbol + 1) throw damaged();
	}
	if (left < 0) throw damaged();
	reader.position = (reader.position + 7) & ~7;
	return buildFseTable(bits, counts);
}

function buildFseTable(bits: number, counts: readonly number[]): FseTable {
	const size = 1 << bits;
	const symbol = new Uint8Array(size);
	const width = new Uint8Array(size);
	const base = new Uint16Array(size);
	const next = new Uint16Array(counts.length);
	let high = size;
	for (let s = 0; s < counts.length; s++) {
		next[s] = Math.abs(counts[s]!);
		if (counts[s] === -1) symbol[--high] = s;
	}
	const step = (size >> 1) + (size >> 3) + 3;
	let at = 0;
	for (let s = 0; s < counts.length; s++) {
		for (let i = 0; i < counts[s]!; i++) {
			symbol[at] = s;
			do at = (at + step) & (size - 1);
			while (at >= high);
		}
	}
	if (at !== 0) throw damaged();
	for (let i = 0; i < size; i++) {
		const state = next[symbol[i]!]!++;
		width[i] = bits - highBit(state);
		base[i] = (state << width[i]!) - size;
	}
	return { bits, symbol, width, base };
}

// ---- bits -------------------------------------------------------------------------------------------------------

type ForwardBits = { readonly bytes: Uint8Array; position: number };

function takeForward(reader: ForwardBits, count: number): number {
	let value = 0;
	for (let i = 0; i < count; i++) {
		const bit = (byteAt(reader.bytes, reader.position >> 3) >> (reader.position & 7)) & 1;
		value |= bit << i;
		reader.position++;
	}
	return value;
}

/** A stream that is read from its end. Reads beyond its beginning return zeros; then `left` is negative. */
type BackwardBits = { readonly bytes: Uint8Array; left: number };

function openBackwards(bytes: Uint8Array): BackwardBits {
	const last = bytes[bytes.length - 1];
	if (last === undefined || last === 0) throw damaged();
	return { bytes, left: (bytes.length - 1) * 8 + highBit(last) };
}

function take(bits: BackwardBits, count: number): number {
	// Offsets have up to 31 extra bits. Four bytes contain at least 25 bits from any bit of the first byte.
	if (count > 24) return take(bits, count - 16) * 65536 + take(bits, 16);
	const value = peek(bits, count);
	bits.left -= count;
	return value;
}

/** The next `count` (up to 24) bits. */
function peek(bits: BackwardBits, count: number): number {
	const from = bits.left - count;
	const mask = (1 << count) - 1;
	if (from < 0) {
		if (bits.left <= 0) return 0;
		return (read32(bits.bytes, 0) << -from) & mask;
	}
	return (read32(bits.bytes, from >> 3) >>> (from & 7)) & mask;
}

function read32(bytes: Uint8Array, at: number): number {
	return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function byteAt(bytes: Uint8Array, at: number): number {
	const byte = bytes[at];
	if (byte === undefined) throw damaged();
	return byte;
}

function highBit(value: number): number {
	return 31 - Math.clz32(value);
}

// ---- tables of the standard -------------------------------------------------------------------------------------

const LITERAL_EXTRA = [
	...new Array<number>(16).fill(0),
	...[1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
];
const MATCH_EXTRA = [
	...new Array<number>(32).fill(0),
	...[1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
];
const LITERAL_BASE = baselines(LITERAL_EXTRA, 0);
const MATCH_BASE = baselines(MATCH_EXTRA, 3);

function baselines(extra: readonly number[], first: number): number[] {
	let base = first;
	return extra.map((bits) => {
		const own = base;
		base += 1 << bits;
		return own;
	});
}

const LITERAL_LENGTHS: SequencePart = {
	maxBits: 9,
	maxSymbol: 35,
	standard: buildFseTable(6, [
		...[4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1],
		...[-1, -1, -1, -1],
	]),
};
const MATCH_LENGTHS: SequencePart = {
	maxBits: 9,
	maxSymbol: 52,
	standard: buildFseTable(6, [
		...[1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
		...[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1],
	]),
};
const OFFSET_CODES: SequencePart = {
	maxBits: 8,
	maxSymbol: 31,
	standard: buildFseTable(5, [
		...[1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1],
	]),
};

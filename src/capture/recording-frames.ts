// Reads the frames of a recording, plain or compressed. Trusts no length. After damage it looks for the next whole frame
// (or compressed block), and reports how many bytes of the file it skipped.
import { fstatSync, readSync } from 'node:fs';
import {
	FILE_HEADER_BYTES,
	FRAME_BATCH,
	FRAME_END,
	FRAME_HEADER_BYTES,
	FRAME_META,
	FRAME_PAYLOAD_MAX,
	frameCheck,
	versionOf,
} from './recording-format.ts';
import { BLOCK_HEADER_BYTES, BLOCK_START, blockLength, decompressBlock } from './recording-gzip.ts';

/** A frame, bytes that could not be read, or the end of the file. */
export type FrameStep =
	| { readonly kind: 'frame'; readonly type: number; readonly payload: Buffer }
	/** `offset` and `bytes` refer to the file. A truncated file ends there. */
	| {
			readonly kind: 'gap';
			readonly what: 'truncated' | 'damaged';
			readonly detail: string;
			readonly offset: number;
			readonly bytes: number;
	  }
	| { readonly kind: 'end' };

export type Frames = {
	readonly isCompressed: boolean;
	/** The file header; shorter if the file is. */
	readonly header: Buffer;
	/** Offset in the file of the next frame (compressed: of its block, or the next one). */
	readonly offset: number;
	next(): FrameStep;
};

const END: FrameStep = { kind: 'end' };
const CHECKSUM = "a frame's checksum does not match its bytes";
const MARK = 'a frame does not have the mark of this recording';
const KNOWN_TYPES = [FRAME_META, FRAME_BATCH, FRAME_END];
/** Number of bytes read at a time while looking for the next frame. */
const SEARCH_BYTES = 1 << 20;
/** Limit on the bytes of supposed frames that are checksummed in all, so that no file can keep the search busy. */
const SEARCH_BUDGET = 64 << 20;

/** Opens the frames of an open regular file. */
export function openFrames(fd: number): Frames {
	const start = readAt(fd, 0, BLOCK_HEADER_BYTES);
	return start.subarray(0, BLOCK_START.length).equals(BLOCK_START) ? compressedFrames(fd) : new PlainFrames(fd);
}

/** How another program compressed the file, and what unpacks it; undefined if it is not compressed. */
export function foreignCompression(header: Buffer): { readonly name: string; readonly unpack: string } | undefined {
	return COMPRESSIONS.find(({ start }) => header.subarray(0, start.length).equals(start));
}

const COMPRESSIONS = [
	{ name: 'gzip', unpack: 'gunzip', start: Buffer.of(0x1f, 0x8b) },
	{ name: 'zstd', unpack: 'unzstd', start: Buffer.of(0x28, 0xb5, 0x2f, 0xfd) },
	{ name: 'lz4', unpack: 'unlz4', start: Buffer.of(0x04, 0x22, 0x4d, 0x18) },
	{ name: 'xz', unpack: 'unxz', start: Buffer.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0) },
	{ name: 'bzip2', unpack: 'bunzip2', start: Buffer.from('BZh') },
] as const;

class PlainFrames implements Frames {
	readonly isCompressed = false;
	readonly header: Buffer;
	offset = FILE_HEADER_BYTES;
	readonly #fd: number;
	readonly #mark: number;
	readonly #version: number | undefined;
	#budget = SEARCH_BUDGET;

	constructor(fd: number) {
		this.#fd = fd;
		this.header = readAt(fd, 0, FILE_HEADER_BYTES);
		this.#mark = markOf(this.header);
		this.#version = versionOf(this.header);
	}

	next(): FrameStep {
		const at = this.offset;
		const header = readAt(this.#fd, at, FRAME_HEADER_BYTES);
		if (header.length === 0) return END;
		if (header.length < FRAME_HEADER_BYTES) return this.#cut(at, header.length);
		const length = header.readUInt32LE(0);
		if (length > FRAME_PAYLOAD_MAX)
			return this.#skip(at, `a frame claims ${length} bytes, more than the maximum of ${FRAME_PAYLOAD_MAX}`);
		const payload = readAt(this.#fd, at + FRAME_HEADER_BYTES, length);
		// Either the file was truncated, or the length is wrong; then a whole frame follows somewhere.
		if (payload.length < length) {
			const next = this.#search(at + 1);
			if (next === undefined) return this.#cut(at, FRAME_HEADER_BYTES + payload.length);
			return this.#gap(at, next, `a frame claims ${length} bytes, more than the file has`);
		}
		const type = header.readUInt32LE(4);
		if (header.readUInt32LE(12) !== this.#mark) return this.#skip(at, MARK);
		if (frameCheck(type, payload, this.#version) !== header.readUInt32LE(8)) return this.#skip(at, CHECKSUM);
		this.offset = at + FRAME_HEADER_BYTES + length;
		return { kind: 'frame', type, payload };
	}

	#cut(offset: number, bytes: number): FrameStep {
		this.offset = offset + bytes;
		return { kind: 'gap', what: 'truncated', detail: 'the file ends inside a frame', offset, bytes };
	}

	#gap(offset: number, to: number, detail: string): FrameStep {
		this.offset = to;
		return { kind: 'gap', what: 'damaged', detail, offset, bytes: to - offset };
	}

	/** Skips the frame at `at`. */
	#skip(at: number, detail: string): FrameStep {
		const after = at + FRAME_HEADER_BYTES + readAt(this.#fd, at, 4).readUInt32LE(0);
		// Its length may be wrong. In recordings without a mark it is trusted, because captured bytes can look like a frame.
		const next = this.#mark === 0 && this.#isFrame(after) ? after : this.#search(at + 1);
		return this.#gap(at, next ?? fstatSync(this.#fd).size, detail);
	}

	/** Returns the offset of the next whole frame; undefined if there is none. */
	#search(from: number): number | undefined {
		for (let base = from; ; base += SEARCH_BYTES) {
			const bytes = readAt(this.#fd, base, SEARCH_BYTES + FRAME_HEADER_BYTES);
			const last = Math.min(SEARCH_BYTES, bytes.length - FRAME_HEADER_BYTES + 1);
			for (let i = 0; i < last; i++) {
				// Almost all other positions fail here.
				if (bytes[i + 3] !== 0 || bytes[i + 5] !== 0 || bytes.readUInt32LE(i + 12) !== this.#mark) continue;
				if (this.#isFrame(base + i)) return base + i;
				if (this.#budget < 0) return undefined;
			}
			if (bytes.length < SEARCH_BYTES + FRAME_HEADER_BYTES) return undefined;
		}
	}

	#isFrame(at: number): boolean {
		const header = readAt(this.#fd, at, FRAME_HEADER_BYTES);
		if (header.length < FRAME_HEADER_BYTES || header.readUInt32LE(0) > FRAME_PAYLOAD_MAX) return false;
		if (!KNOWN_TYPES.includes(header.readUInt32LE(4)) || header.readUInt32LE(12) !== this.#mark) return false;
		const payload = readAt(this.#fd, at + FRAME_HEADER_BYTES, header.readUInt32LE(0));
		this.#budget -= FRAME_HEADER_BYTES + payload.length;
		const isWhole = payload.length === header.readUInt32LE(0);
		return isWhole && frameCheck(header.readUInt32LE(4), payload, this.#version) === header.readUInt32LE(8);
	}
}

/** The first block begins with the file header. */
function compressedFrames(fd: number): Frames {
	const blocks = new Blocks(fd);
	const first = blocks.next();
	const content = first.kind === 'frame' ? first.payload : Buffer.alloc(0);
	return new CompressedFrames(blocks, content);
}

class CompressedFrames implements Frames {
	readonly isCompressed = true;
	readonly header: Buffer;
	readonly #blocks: Blocks;
	#content: Buffer;
	#at: number;

	constructor(blocks: Blocks, first: Buffer) {
		this.#blocks = blocks;
		this.#content = first;
		this.header = first.subarray(0, FILE_HEADER_BYTES);
		this.#at = this.header.length;
	}

	get offset(): number {
		return this.#at < this.#content.length ? this.#blocks.start : this.#blocks.offset;
	}

	next(): FrameStep {
		if (this.#at >= this.#content.length) {
			const block = this.#blocks.next();
			if (block.kind !== 'frame') return block;
			this.#content = block.payload;
			this.#at = 0;
		}
		const rest = this.#content.subarray(this.#at);
		const length = rest.length < FRAME_HEADER_BYTES ? 0 : rest.readUInt32LE(0);
		const end = FRAME_HEADER_BYTES + length;
		if (rest.length < FRAME_HEADER_BYTES || length > FRAME_PAYLOAD_MAX) return this.#skipBlock(CHECKSUM);
		const payload = rest.subarray(FRAME_HEADER_BYTES, end);
		if (rest.readUInt32LE(12) !== markOf(this.header)) return this.#skipBlock(MARK);
		if (frameCheck(rest.readUInt32LE(4), payload, versionOf(this.header)) !== rest.readUInt32LE(8))
			return this.#skipBlock(CHECKSUM);
		this.#at += end;
		return { kind: 'frame', type: rest.readUInt32LE(4), payload };
	}

	/** Skips the rest of a block whose own checksum matches, so tinytap did not write it. */
	#skipBlock(detail: string): FrameStep {
		this.#at = this.#content.length;
		const { start, offset } = this.#blocks;
		return { kind: 'gap', what: 'damaged', detail, offset: start, bytes: offset - start };
	}
}

/** The blocks of a compressed recording, each as a frame of type 0. */
class Blocks {
	readonly #fd: number;
	/** The offsets of the last block and of the next one. */
	start = 0;
	offset = 0;

	constructor(fd: number) {
		this.#fd = fd;
	}

	next(): FrameStep {
		this.start = this.offset;
		const header = readAt(this.#fd, this.offset, BLOCK_HEADER_BYTES);
		if (header.length === 0) return END;
		const length = blockLength(header);
		if (length !== undefined) {
			const member = readAt(this.#fd, this.offset, length);
			const content = member.length === length ? decompressBlock(member) : undefined;
			if (content !== undefined) {
				this.offset += length;
				return { kind: 'frame', type: 0, payload: content };
			}
		}
		return this.#skip(header, length);
	}

	#skip(header: Buffer, length: number | undefined): FrameStep {
		const offset = this.start;
		const { size } = fstatSync(this.#fd);
		const next = this.#search(offset + 1);
		this.offset = next ?? size;
		const bytes = this.offset - offset;
		// A block with a valid beginning whose end was cut off.
		const begins = BLOCK_START.subarray(0, header.length).equals(header.subarray(0, BLOCK_START.length));
		if (next === undefined && begins && (length ?? size) > bytes)
			return { kind: 'gap', what: 'truncated', detail: 'the file ends inside a compressed block', offset, bytes };
		const detail = length === undefined ? 'expected a compressed block' : 'a compressed block is not what was written';
		return { kind: 'gap', what: 'damaged', detail, offset, bytes };
	}

	#search(from: number): number | undefined {
		for (let base = from; ; base += SEARCH_BYTES) {
			const bytes = readAt(this.#fd, base, SEARCH_BYTES + BLOCK_HEADER_BYTES);
			for (let i = bytes.indexOf(BLOCK_START); i >= 0 && i < SEARCH_BYTES; i = bytes.indexOf(BLOCK_START, i + 1)) {
				if (blockLength(bytes.subarray(i)) !== undefined) return base + i;
			}
			if (bytes.length < SEARCH_BYTES + BLOCK_HEADER_BYTES) return undefined;
		}
	}
}

/** The mark; 0 in recordings by earlier versions and by programs that write none. */
function markOf(header: Buffer): number {
	return header.length < FILE_HEADER_BYTES ? 0 : header.readUInt32LE(FILE_HEADER_BYTES - 4);
}

/** Reads up to `length` bytes; fewer at the end of the file. */
function readAt(fd: number, at: number, length: number): Buffer {
	const bytes = Buffer.allocUnsafe(length);
	let done = 0;
	while (done < length) {
		const got = readSync(fd, bytes, done, length - done, at + done);
		if (got === 0) break;
		done += got;
	}
	return bytes.subarray(0, done);
}

// Blocks of a compressed recording. Each is a separate gzip member whose extra field has its length, so a reader finds
// the next block after damage, and `gunzip` restores the plain recording.
import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib';

/** ID1 ID2, deflate, FEXTRA, no time, fastest, system unknown, 12 bytes of extra field: `TT` with 8 bytes. */
export const BLOCK_START = Buffer.from([...[0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 4, 255], ...[12, 0, 0x54, 0x54, 8, 0]]);
/** Content of the extra field: u32 length of the member, u32 length of its content. */
export const BLOCK_HEADER_BYTES = BLOCK_START.length + 8;
const TRAILER_BYTES = 8;
/** A block is written when it has this many bytes. */
export const BLOCK_TARGET_BYTES = 256 << 10;
/** Longer content is considered damaged. A block has at most BLOCK_TARGET_BYTES plus one frame. */
const CONTENT_MAX = 2 << 20;
/** Deflate adds a few bytes to data that it cannot compress. */
const MEMBER_MAX = CONTENT_MAX + (64 << 10);

/** The fastest level: others take several times as long, on the capture thread. */
const LEVEL = 1;

/** Compresses whole frames into a block. */
export function compressBlock(content: Uint8Array): Buffer {
	const deflated = deflateRawSync(content, { level: LEVEL });
	const member = Buffer.alloc(BLOCK_HEADER_BYTES + deflated.length + TRAILER_BYTES);
	BLOCK_START.copy(member);
	member.writeUInt32LE(member.length, BLOCK_START.length);
	member.writeUInt32LE(content.byteLength, BLOCK_START.length + 4);
	deflated.copy(member, BLOCK_HEADER_BYTES);
	member.writeUInt32LE(crc32(content), member.length - TRAILER_BYTES);
	member.writeUInt32LE(content.byteLength, member.length - 4);
	return member;
}

/** The length of the block with this beginning; undefined if it is not a block. */
export function blockLength(header: Uint8Array): number | undefined {
	const bytes = Buffer.from(header.buffer, header.byteOffset, header.byteLength);
	if (bytes.length < BLOCK_HEADER_BYTES || !bytes.subarray(0, BLOCK_START.length).equals(BLOCK_START)) return undefined;
	const length = bytes.readUInt32LE(BLOCK_START.length);
	const content = bytes.readUInt32LE(BLOCK_START.length + 4);
	const isPossible = length > BLOCK_HEADER_BYTES + TRAILER_BYTES && length <= MEMBER_MAX && content <= CONTENT_MAX;
	return isPossible ? length : undefined;
}

/** Returns the frames in a block; undefined if it is damaged. */
export function decompressBlock(member: Buffer): Buffer | undefined {
	const wanted = member.readUInt32LE(BLOCK_START.length + 4);
	try {
		const deflated = member.subarray(BLOCK_HEADER_BYTES, member.length - TRAILER_BYTES);
		const content = inflateRawSync(deflated, { maxOutputLength: Math.max(1, wanted) });
		const isWhole = content.length === wanted && crc32(content) === member.readUInt32LE(member.length - TRAILER_BYTES);
		return isWhole ? content : undefined;
	} catch {
		// zlib's errors all mean the same here.
		return undefined;
	}
}

// A block of rows as a member of a gzip file. Files that follow each other are one file for every reader of gzip (RFC 1952),
// so blocks can be added to a file and sent as they are. What has to be known about a block is in its header.
import { crc32, deflateRawSync, gunzipSync } from 'node:zlib';
import { oneBlock } from './native-format.ts';

/** Rows of a table in ClickHouse's format Native. Plain data, so that threads can pass it on. */
export type RowBlock = {
	/** The number of the first row: 1, 2, 3 … within the run. */
	readonly first: number;
	readonly rows: number;
	/** The earliest and the latest time of the rows, in microseconds since 1970. */
	readonly fromUs: number;
	readonly toUs: number;
	/** A gzip file. */
	readonly bytes: Uint8Array;
	/** Their number before they were compressed. */
	readonly rawBytes: number;
};

/** What the header of a block says. */
type BlockHeader = { readonly size: number; readonly rows: number; readonly fromUs: number; readonly toUs: number };

/** Level 1 takes a fifth of the default's time, and makes a third more bytes. */
const LEVEL = 1;
/** A smaller window finds as much, in less time. */
const WINDOW_BITS = 14;
/** Most blocks become one chunk; several would have to be joined. */
const CHUNK_BYTES = 96 << 10;
/** Magic number, method, flag, time and system as in every block, and the lengths of the extra field and of its part. */
const START = Buffer.from([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 28, 0, 0x54, 0x54, 24, 0]);
/** The part: bytes of the block, number of rows, times. */
const [SIZE, ROWS, FROM, TO] = [START.byteLength, START.byteLength + 4, START.byteLength + 8, START.byteLength + 16];
const HEADER_BYTES = TO + 8;
const TRAILER_BYTES = 8;
/** If the blocks of a file are smaller on average, one block of all of their rows takes less. */
const SMALL_BLOCK = 16 << 10;

/** A block of rows. `raw`: in Native. */
export function rowBlock(raw: Buffer, about: Pick<RowBlock, 'first' | 'rows' | 'fromUs' | 'toUs'>): RowBlock {
	const body = deflateRawSync(raw, { level: LEVEL, windowBits: WINDOW_BITS, chunkSize: CHUNK_BYTES });
	const bytes = Buffer.allocUnsafeSlow(HEADER_BYTES + body.byteLength + TRAILER_BYTES);
	bytes.set(START);
	bytes.writeUInt32LE(bytes.byteLength, SIZE);
	bytes.writeUInt32LE(about.rows, ROWS);
	bytes.writeDoubleLE(about.fromUs, FROM);
	bytes.writeDoubleLE(about.toUs, TO);
	bytes.set(body, HEADER_BYTES);
	bytes.writeUInt32LE(crc32(raw), HEADER_BYTES + body.byteLength);
	bytes.writeUInt32LE(raw.byteLength, HEADER_BYTES + body.byteLength + 4);
	return { ...about, bytes, rawBytes: raw.byteLength };
}

/** The blocks at the beginning of a file of which the last one may be incomplete. */
export function wholeBlocks(bytes: Buffer): BlockHeader[] {
	const blocks: BlockHeader[] = [];
	for (let at = 0; at + HEADER_BYTES <= bytes.byteLength; ) {
		const header = bytes.subarray(at, at + HEADER_BYTES);
		const size = header.readUInt32LE(SIZE);
		if (START.compare(header, 0, START.byteLength) !== 0 || size < HEADER_BYTES || at + size > bytes.byteLength) break;
		blocks.push({
			size,
			rows: header.readUInt32LE(ROWS),
			fromUs: header.readDoubleLE(FROM),
			toUs: header.readDoubleLE(TO),
		});
		at += size;
	}
	return blocks;
}

/** Whether a file of so many blocks and bytes is smaller if it has one block instead. */
export function hasSmallBlocks(blocks: number, bytes: number): boolean {
	return blocks > 1 && bytes < blocks * SMALL_BLOCK;
}

/** The rows of a file of blocks as one block if they are small; otherwise undefined. */
export function withLargeBlocks(bytes: Buffer): Uint8Array | undefined {
	const blocks = wholeBlocks(bytes);
	if (!hasSmallBlocks(blocks.length, bytes.byteLength)) return undefined;
	const rows = blocks.reduce((sum, block) => sum + block.rows, 0);
	const fromUs = Math.min(...blocks.map((block) => block.fromUs));
	const toUs = Math.max(...blocks.map((block) => block.toUs));
	return rowBlock(oneBlock(gunzipSync(bytes)), { first: 0, rows, fromUs, toUs }).bytes;
}

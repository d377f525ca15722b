// The messages of one direction of a WebSocket with permessage-deflate (RFC 7692), of which some are compressed again with other
// content of the same length. Later messages that refer to them get the other content, too.
import { deflateRawSync, inflateRawSync, constants as zlib } from 'node:zlib';
import { FINISH, isZlibError, NOTHING, windowAfter } from '../decode/message-inflater.ts';

/** An empty block, of which senders leave out the last four bytes. */
const FLUSH = Buffer.from([0, 0, 0, 0xff, 0xff]);
const FLUSH_END = FLUSH.subarray(1);
const BLANK = 0x2a;
/** An empty block with fixed codes has 10 bits, the header of a stored block 3. */
const FIXED_BITS = 10;
const STORED_BITS = 3;

export class DeflatedMessages {
	/** The last bytes of the messages as they were sent, and as they are recorded. */
	#sent: Buffer = NOTHING;
	#recorded: Buffer = NOTHING;

	/**
	 * The payload to record, as long as `payload`. `overwrite` changes the content in place, and returns whether it did.
	 * Undefined if the payload cannot be decompressed, or the changed content cannot be compressed to this length.
	 */
	overwrite(payload: Uint8Array, overwrite: (content: Buffer) => boolean): Uint8Array | undefined {
		const sent = inflated(payload, this.#sent);
		if (sent === undefined) return undefined;
		this.#sent = windowAfter(this.#sent, sent);
		// What it refers to may have been overwritten.
		const recorded = inflated(payload, this.#recorded);
		const content = Buffer.from(sent);
		const isChanged = overwrite(content);
		const isSafe = recorded !== undefined && recorded.length === sent.length;
		if (!isChanged && isSafe) {
			this.#recorded = windowAfter(this.#recorded, recorded);
			return payload;
		}
		for (const shown of [content, Buffer.alloc(content.length, BLANK)]) {
			const fitted = deflatedTo(payload.length, shown, this.#recorded);
			if (fitted === undefined) continue;
			this.#recorded = windowAfter(this.#recorded, shown);
			return fitted;
		}
		return undefined;
	}
}

function inflated(payload: Uint8Array, window: Buffer): Buffer | undefined {
	try {
		return inflateRawSync(Buffer.concat([payload, FLUSH_END]), {
			...{ ...FINISH, finishFlush: zlib.Z_SYNC_FLUSH },
			...(window.length > 0 ? { dictionary: window } : {}),
		});
	} catch (error) {
		if (isZlibError(error)) return undefined;
		throw error;
	}
}

/** Undefined if no way to compress it has exactly this length. */
function deflatedTo(length: number, content: Buffer, window: Buffer): Uint8Array | undefined {
	for (const level of [9, 6, 3, 1])
		for (const strategy of [zlib.Z_DEFAULT_STRATEGY, zlib.Z_FIXED, zlib.Z_HUFFMAN_ONLY]) {
			const options = { level, strategy, finishFlush: zlib.Z_SYNC_FLUSH };
			const deflated = deflateRawSync(content, { ...options, ...(window.length > 0 ? { dictionary: window } : {}) });
			const room = length - (deflated.length - FLUSH_END.length);
			const filler = fillerOf(room);
			if (filler !== undefined) return Buffer.concat([deflated, filler]).subarray(0, length);
		}
	return undefined;
}

/** Empty blocks after a flush, so many bytes; undefined if there are none of this length. */
function fillerOf(room: number): Buffer | undefined {
	if (room === 0) return NOTHING;
	for (let large = 0; large < FLUSH.length; large++) {
		// Blocks with fixed codes make a stored block longer by a byte or two.
		for (let fixed = 0; fixed <= 3; fixed++) {
			const one = Math.ceil((fixed * FIXED_BITS + STORED_BITS) / 8) + FLUSH_END.length;
			const rest = room - large * one;
			if (rest >= 0 && rest % FLUSH.length === 0 && (large > 0 || fixed === 0))
				return Buffer.concat([
					...new Array<Buffer>(large).fill(emptyBlocks(fixed, one)),
					...new Array<Buffer>(rest / FLUSH.length).fill(FLUSH),
				]);
		}
	}
	return undefined;
}

/** Empty blocks with fixed codes, then an empty stored one. */
function emptyBlocks(fixed: number, length: number): Buffer {
	const bytes = Buffer.alloc(length);
	// Each begins with 0 (not the last one), 1, 0 (fixed codes); seven zeros are the end of its content.
	for (let i = 0; i < fixed; i++) bytes[(i * FIXED_BITS + 1) >> 3]! |= 1 << ((i * FIXED_BITS + 1) & 7);
	bytes.writeUInt16LE(0xffff, length - 2);
	return bytes;
}

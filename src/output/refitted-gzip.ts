// Compresses a changed body again, into exactly as many bytes as before.
import { crc32, deflateRawSync } from 'node:zlib';

const HEADER_BYTES = 10;
const TRAILER_BYTES = 8;
/** FLG of RFC 1952: a comment follows the header. */
const COMMENT = 16;
const OTHER_SYSTEM = 255;
const BLANK = 0x2a;

/**
 * A gzip member of `length` bytes with this content; if it does not fit, with as many asterisks instead. Undefined if
 * these do not fit either.
 */
export function refitted(content: Uint8Array, length: number): Uint8Array | undefined {
	return member(content, length) ?? member(new Uint8Array(content.length).fill(BLANK), length);
}

/** The room that is left is filled with a comment, which ends with a NUL. */
function member(content: Uint8Array, length: number): Uint8Array | undefined {
	const data = deflateRawSync(content, { level: 9 });
	const room = length - HEADER_BYTES - data.length - TRAILER_BYTES;
	if (room < 0) return undefined;
	const header = Buffer.from([0x1f, 0x8b, 8, room === 0 ? 0 : COMMENT, 0, 0, 0, 0, 2, OTHER_SYSTEM]);
	const comment = Buffer.alloc(room, BLANK);
	if (room > 0) comment[room - 1] = 0;
	const trailer = Buffer.alloc(TRAILER_BYTES);
	trailer.writeUInt32LE(crc32(content), 0);
	trailer.writeUInt32LE(content.length % 2 ** 32, 4);
	return Buffer.concat([header, comment, data, trailer]);
}

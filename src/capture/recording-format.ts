// The framing of recordings (docs/recording-format.md): constants, checksums and metadata.
import { randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { crc32c } from './crc32c.ts';

export const MAGIC = Buffer.from('tinytap\n', 'latin1');
/** Version of the framing, of which earlier ones are read, too. The records have their own version. */
export const RECORDING_VERSION = 2;
/** Its checksums are CRC-32 (zlib's), later ones are CRC-32C. */
const FIRST_VERSION = 1;
export const FILE_HEADER_BYTES = 16;
/** u32 payload length, u32 type, u32 CRC-32C of type and payload, u32 mark. */
export const FRAME_HEADER_BYTES = 16;
/** Maximum payload length; a longer frame is considered damaged. */
export const FRAME_PAYLOAD_MAX = 1 << 20;

export const FRAME_META = 1;
export const FRAME_BATCH = 2;
/** Marks a recording that was closed properly; its payload is empty. */
export const FRAME_END = 3;

/** Metadata of a recording. Replays use only `body_limit`; merging also uses `boot_id`, `recording` and `part`. */
export type RecordingMeta = Readonly<Record<string, string | number>>;

/** The member `body_limit` of the meta frame: a number of bytes, or `none`. */
export function bodyLimitMeta(limit: number): RecordingMeta {
	return { body_limit: Number.isFinite(limit) ? limit : 'none' };
}

/** The body limit given in a recording; undefined if there is none or it is invalid. */
export function bodyLimitOf({ body_limit: limit }: RecordingMeta): number | undefined {
	if (limit === 'none') return Number.POSITIVE_INFINITY;
	return typeof limit === 'number' && Number.isSafeInteger(limit) && limit >= 0 ? limit : undefined;
}

/** Returns the texts and numbers in the payload of a meta frame, which is not trusted. */
export function readMeta(payload: Uint8Array): RecordingMeta {
	let meta: unknown;
	try {
		meta = JSON.parse(Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('utf8'));
	} catch {
		return {};
	}
	if (typeof meta !== 'object' || meta === null || Array.isArray(meta)) return {};
	return Object.fromEntries(
		Object.entries(meta).filter(([, value]) => typeof value === 'string' || typeof value === 'number'),
	);
}

/**
 * A random number in the file header and in each frame of a recording. Captured traffic can contain frames of a
 * recording, but its sender did not know this number, so a reader that looks for the next frame after damage does not
 * mistake them for frames of the file.
 */
export function newMark(): number {
	return randomInt(1, 2 ** 32);
}

/** The first 16 bytes of a recording. */
export function fileHeader(mark: number): Buffer {
	const header = Buffer.alloc(FILE_HEADER_BYTES);
	MAGIC.copy(header);
	header.writeUInt32LE(RECORDING_VERSION, MAGIC.length);
	header.writeUInt32LE(mark, FILE_HEADER_BYTES - 4);
	return header;
}

/** The 16 bytes before a payload. */
export function frameHeader(type: number, payload: Uint8Array, mark: number): Buffer {
	const header = Buffer.alloc(FRAME_HEADER_BYTES);
	header.writeUInt32LE(payload.byteLength, 0);
	header.writeUInt32LE(type, 4);
	header.writeUInt32LE(frameCheck(type, payload, RECORDING_VERSION), 8);
	header.writeUInt32LE(mark, 12);
	return header;
}

/** The version in a file header; undefined if it is not whole. */
export function versionOf(header: Buffer): number | undefined {
	return header.length < FILE_HEADER_BYTES ? undefined : header.readUInt32LE(MAGIC.length);
}

/** Checksum of the type and the payload, so that a changed type is detected, too. */
export function frameCheck(type: number, payload: Uint8Array, version: number | undefined): number {
	const typeBytes = Buffer.alloc(4);
	typeBytes.writeUInt32LE(type);
	if (version !== FIRST_VERSION) return crc32c(payload, crc32c(typeBytes));
	const check = crc32(typeBytes);
	// To zlib, an empty view without memory means "start again".
	return payload.byteLength === 0 ? check : crc32(payload, check);
}

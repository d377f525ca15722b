// Frames of HTTP/2 (RFC 9113 sections 4 and 6): their types and flags, and what their headers may look like.

export const FRAME_HEADER_BYTES: u32 = 9;

export const FRAME_DATA: u32 = 0;
export const FRAME_HEADERS: u32 = 1;
const FRAME_PRIORITY: u32 = 2;
export const FRAME_RST_STREAM: u32 = 3;
export const FRAME_SETTINGS: u32 = 4;
export const FRAME_PUSH_PROMISE: u32 = 5;
const FRAME_PING: u32 = 6;
export const FRAME_GOAWAY: u32 = 7;
const FRAME_WINDOW_UPDATE: u32 = 8;
export const FRAME_CONTINUATION: u32 = 9;

export const FLAG_END_STREAM: u32 = 1;
const FLAG_ACK: u32 = 1;
export const FLAG_END_HEADERS: u32 = 4;
export const FLAG_PADDED: u32 = 8;
export const FLAG_PRIORITY: u32 = 32;

export const SETTING_MAX_FRAME_SIZE: u32 = 5;
/** Bytes of one setting. */
export const SETTING_BYTES: u32 = 6;

/** The largest frame that every receiver accepts. */
export const FRAME_LEAST_MOST: u32 = 16384;
/** The largest that a length can express. */
export const FRAME_MOST: u32 = 0xffffff;

@inline
export function frameLength(at: usize): u32 {
	return bswap<u32>(load<u32>(at)) >> 8;
}
@inline
export function frameType(at: usize): u32 {
	return load<u8>(at, 3);
}
@inline
export function frameFlags(at: usize): u32 {
	return load<u8>(at, 4);
}
/** The stream's number, without the reserved bit. */
@inline
export function frameStream(at: usize): u32 {
	return bswap<u32>(load<u32>(at, 5)) & 0x7fffffff;
}

/** Whether receivers accept a frame with this header: not if its length or its stream is impossible for its type. */
export function isPossible(at: usize, most: u32): bool {
	const length = frameLength(at);
	if (length > most) return false;
	const hasStream = frameStream(at) != 0;
	switch (frameType(at)) {
		case FRAME_DATA:
		case FRAME_HEADERS:
		case FRAME_CONTINUATION:
			return hasStream;
		case FRAME_PRIORITY:
			return hasStream && length == 5;
		case FRAME_RST_STREAM:
			return hasStream && length == 4;
		case FRAME_PUSH_PROMISE:
			return hasStream && length >= 4;
		case FRAME_SETTINGS:
			return !hasStream && length % SETTING_BYTES == 0 && (length == 0 || (frameFlags(at) & FLAG_ACK) == 0);
		case FRAME_PING:
			return !hasStream && length == 8;
		case FRAME_GOAWAY:
			return !hasStream && length >= 8;
		case FRAME_WINDOW_UPDATE:
			return length == 4;
		default:
			// Receivers ignore frames of other types.
			return true;
	}
}

/** Whether bytes that may be anything look like the header of a frame: a known type, no flags that it does not have. */
export function isLikely(at: usize, most: u32): bool {
	const type = frameType(at);
	if (type > FRAME_CONTINUATION || load<u8>(at, 5) & 0x80 || !isPossible(at, most)) return false;
	const flags = frameFlags(at);
	switch (type) {
		case FRAME_DATA:
			return (flags & ~(FLAG_END_STREAM | FLAG_PADDED)) == 0 && (flags & FLAG_PADDED) <= frameLength(at) * FLAG_PADDED;
		case FRAME_HEADERS:
			return (flags & ~(FLAG_END_STREAM | FLAG_END_HEADERS | FLAG_PADDED | FLAG_PRIORITY)) == 0 && frameLength(at) != 0;
		case FRAME_SETTINGS:
		case FRAME_PING:
			return (flags & ~FLAG_ACK) == 0;
		case FRAME_PUSH_PROMISE:
			return (flags & ~(FLAG_END_HEADERS | FLAG_PADDED)) == 0;
		case FRAME_CONTINUATION:
			return (flags & ~FLAG_END_HEADERS) == 0;
		default:
			return flags == 0;
	}
}

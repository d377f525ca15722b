// The preamble of the PROXY protocol, version 2, before the first message.
import { makeSearchRoom } from '../http1/resync';
import { AT_START } from '../http1/states';
import { copyBytes } from '../memory/bytes';
import { CHECKED } from '../memory/checks';
import { release } from '../memory/memory';
import { Stream } from '../memory/state';
import { learnToldBytes } from '../rows/addresses';
import { PROTOCOL_OTHER } from '../wire/output-layout';
import { setOpaque } from './opaque';

/** Bytes 4 to 11 of that preamble. */
const PREAMBLE_SIGNATURE: u64 = 0x0a544955510a0d00;

/** Offset of its address type, and the number of bytes from there that hold the longest addresses. */
const PREAMBLE_KIND_AT: u32 = 12;

const PREAMBLE_KEPT: u32 = 40;

/**
 * The binary preamble of the PROXY protocol, version 2: CR LF CR LF (taken as empty lines), NUL CR LF QUIT LF, two bytes
 * of kind, two of length, and that many more.
 */
export function readPreamble(stream: Stream, from: usize, end: usize): usize {
	const position = <u32>stream.next;
	const byte = <u32>load<u8>(from);
	if (position < 12) {
		// The signature's bytes 4 to 11, the first lowest.
		const expected = <u32>((PREAMBLE_SIGNATURE >> ((position - 4) * 8)) & 0xff);
		if (byte != expected) setOpaque(stream.connection, PROTOCOL_OTHER);
		return from + 1;
	}
	if (position < 14) {
		keepPreamble(stream, position, from, 1);
		return from + 1;
	}
	if (position < 16) {
		keepPreamble(stream, position, from, 1);
		stream.remaining = (stream.remaining << 8) | byte;
		if (position == 15 && stream.remaining == 0) {
			stream.connection.wrapped = true;
			stream.state = AT_START;
		}
		return from + 1;
	}
	const length = <u32>min<u64>(stream.remaining, end - from);
	keepPreamble(stream, position, from, length);
	if (CHECKED) assert(<u64>length <= stream.remaining, 'no more is taken from a preamble than remains');
	stream.remaining -= length;
	if (stream.remaining == 0) {
		const connection = stream.connection;
		connection.wrapped = true;
		const kept = min<u32>(position + length - PREAMBLE_KIND_AT, PREAMBLE_KEPT);
		if (stream.search != 0 && stream == connection.incoming) {
			learnToldBytes(connection, stream.search, stream.search + kept);
		}
		release(stream.search);
		stream.search = 0;
		stream.state = AT_START;
		stream.leading = 0;
	}
	return from + length;
}

/** Keeps the part of the preamble that names the client, in the buffer otherwise used for searching. */
function keepPreamble(stream: Stream, position: u32, from: usize, length: u32): void {
	const at = position - PREAMBLE_KIND_AT;
	if (at >= PREAMBLE_KEPT || !makeSearchRoom(stream)) return;
	copyBytes(stream.search + at, from, min<u32>(length, PREAMBLE_KEPT - at));
}

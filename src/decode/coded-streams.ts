// Decompresses bodies with messages as they arrive, for the decoder: from one flush of the sender's compressor to the next. Each
// piece is decompressed with what came before it as its window.
import { type Inflate, type InputType, inflateRawSync, type ZlibOptions, constants as zlib } from 'node:zlib';
import * as layout from '../../decoder-as/assembly/wire/output-layout.ts';
import type { Decoder } from './decoder.ts';
import { FINISH, isZlibError, NOTHING, WINDOW_BYTES, windowAfter, windowsIn } from './message-inflater.ts';

/** An ENTRY_CODED. */
export type CodedPiece = {
	readonly id: number;
	/** MESSAGE_CODING_*, CODED_FLAG_*. */
	readonly coding: number;
	readonly flags: number;
	/** Nanoseconds, as in records. */
	readonly time: bigint;
	readonly bytes: Uint8Array;
};

/** A copy of the ENTRY_CODED that begins at byte `at`. */
export function readCoded(view: DataView, at: number): CodedPiece {
	const word = (offset: number) => view.getUint32(at + offset, true);
	const start = view.byteOffset + at + word(layout.CODED_DATA);
	return {
		id: word(layout.CODED_ID),
		coding: word(layout.CODED_CODING),
		flags: word(layout.CODED_FLAGS),
		time: view.getBigUint64(at + layout.CODED_TIME, true),
		bytes: Uint8Array.from(new Uint8Array(view.buffer, start, word(layout.CODED_DATA + 4))),
	};
}

export class CodedStreams {
	/** The last decompressed bytes of each body; null after the end of its compressed data. */
	readonly #windows = new Map<number, Buffer | null>();
	readonly #most: number;

	/** `memoryBytes`: maximum bytes that are remembered. The body not used for longest is forgotten first. */
	constructor(memoryBytes: number) {
		this.#most = windowsIn(memoryBytes);
	}

	/** Bytes of memory in use. */
	get memoryBytes(): number {
		return this.#windows.size * WINDOW_BYTES;
	}

	/** Gives the decoder the decompressed bytes of the piece. */
	answer(decoder: Decoder, piece: CodedPiece): void {
		const { id, flags, time } = piece;
		const isFirst = (flags & layout.CODED_FLAG_FIRST) !== 0;
		const window = isFirst ? NOTHING : this.#windows.get(id);
		this.#windows.delete(id);
		const inflated = window === undefined ? undefined : inflate(piece, window, isFirst);
		if (inflated !== undefined && (flags & layout.CODED_FLAG_END) === 0) {
			this.#windows.set(id, inflated.window);
			if (this.#windows.size > this.#most) this.#windows.delete(this.#windows.keys().next().value!);
		}
		const failed = inflated === undefined ? layout.CODED_FLAG_FAILED : 0;
		decoder.takeDecoded(id, flags | failed, time, inflated?.bytes ?? NOTHING);
	}
}

type Inflated = { readonly bytes: Buffer; readonly window: Buffer | null };

/** Undefined if the bytes cannot be decompressed. */
function inflate({ coding, bytes }: CodedPiece, window: Buffer | null, isFirst: boolean): Inflated | undefined {
	// What follows the compressed data is a checksum.
	if (window === null) return { bytes: NOTHING, window };
	const start =
		isFirst && bytes.length > 0 ? (coding === layout.MESSAGE_CODING_GZIP ? gzipStart(bytes) : zlibStart(bytes)) : 0;
	if (start === undefined) return undefined;
	const data = bytes.subarray(start);
	if (data.length === 0) return { bytes: NOTHING, window };
	const options = { ...FINISH, finishFlush: zlib.Z_SYNC_FLUSH, ...(window.length > 0 ? { dictionary: window } : {}) };
	try {
		const { buffer, engine } = inflateWithInfo(data, { ...options, info: true });
		const isOver = engine.bytesWritten < data.length;
		return { bytes: buffer, window: isOver ? null : windowAfter(window, buffer) };
	} catch (error) {
		if (isZlibError(error)) return undefined;
		throw error;
	}
}

/** With `info`, the engine tells how many bytes it has read; the types do not know. */
const inflateWithInfo = inflateRawSync as unknown as (
	data: InputType,
	options: ZlibOptions,
) => { readonly buffer: Buffer; readonly engine: Inflate };

/** Where the compressed data begins after the header of gzip (RFC 1952); undefined if it is none. */
function gzipStart(bytes: Uint8Array): number | undefined {
	if (bytes.length < 10 || bytes[0] !== 0x1f || bytes[1] !== 0x8b || bytes[2] !== 8) return undefined;
	const flags = bytes[3]!;
	let at = 10;
	if ((flags & 4) !== 0) at += 2 + (bytes[at] ?? 0) + (bytes[at + 1] ?? 0) * 256;
	for (const flag of [8, 16]) {
		if ((flags & flag) === 0) continue;
		const end = bytes.indexOf(0, at);
		if (end < 0) return undefined;
		at = end + 1;
	}
	if ((flags & 2) !== 0) at += 2;
	return at <= bytes.length ? at : undefined;
}

/** `deflate` has a header of two bytes (RFC 1950), but some senders leave it out. */
function zlibStart(bytes: Uint8Array): number {
	const isHeader = (bytes[0]! & 15) === 8 && (bytes[0]! * 256 + (bytes[1] ?? 0)) % 31 === 0;
	return isHeader ? 2 : 0;
}

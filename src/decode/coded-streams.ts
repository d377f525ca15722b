// Decompresses bodies with messages as they arrive, for the decoder: those of gzip and deflate from one flush of the sender's
// compressor to the next, with what came before as the window, others call by call.
import { type Inflate, type InputType, inflateRawSync, type ZlibOptions, constants as zlib } from 'node:zlib';
import * as layout from '../../decoder-as/assembly/wire/output-layout.ts';
import { BrotliStream } from './brotli-stream.ts';
import type { Decoder } from './decoder.ts';
import { FINISH, isZlibError, NOTHING, WINDOW_BYTES, windowAfter } from './message-inflater.ts';
import { ZstdStream } from './zstd.ts';

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

/** Decompresses one body, piece by piece. */
type CodedBody = {
	/** Bytes of memory in use. */
	readonly memoryBytes: number;
	/** Undefined if the bytes cannot be decompressed. */
	readonly push: (bytes: Uint8Array) => Uint8Array | undefined;
	readonly close?: () => void;
};

export class CodedStreams {
	readonly #bodies = new Map<number, CodedBody>();
	readonly #most: number;
	#bytes = 0;

	/** `memoryBytes`: maximum bytes that are remembered. The body not used for longest is forgotten first. */
	constructor(memoryBytes: number) {
		this.#most = memoryBytes;
	}

	/** Bytes of memory in use. */
	get memoryBytes(): number {
		return this.#bytes;
	}

	/** Gives the decoder the decompressed bytes of the piece. */
	answer(decoder: Decoder, { id, coding, flags, time, bytes }: CodedPiece): void {
		const isFirst = (flags & layout.CODED_FLAG_FIRST) !== 0;
		const body = isFirst ? newBody(coding) : this.#take(id);
		const decoded = body?.push(bytes);
		if (body !== undefined && decoded !== undefined && (flags & layout.CODED_FLAG_END) === 0) this.#keep(id, body);
		else body?.close?.();
		const failed = decoded === undefined ? layout.CODED_FLAG_FAILED : 0;
		decoder.takeDecoded(id, flags | failed, time, decoded ?? NOTHING);
	}

	#take(id: number): CodedBody | undefined {
		const body = this.#bodies.get(id);
		this.#bodies.delete(id);
		this.#bytes -= body?.memoryBytes ?? 0;
		return body;
	}

	#keep(id: number, body: CodedBody): void {
		this.#bodies.set(id, body);
		this.#bytes += body.memoryBytes;
		for (const oldest of this.#bodies.keys()) {
			const most = this.#bodies.size === 1 ? Math.max(this.#most, ONE_BODY_BYTES) : this.#most;
			if (this.#bytes <= most && this.#bodies.size <= BODIES_MOST) return;
			this.#take(oldest)?.close?.();
		}
	}
}

const BODIES_MOST = 256;
/** A single body may take so much, however little memory there is: the usual window of brotli is 4 MiB. */
const ONE_BODY_BYTES = 5 << 20;

function newBody(coding: number): CodedBody {
	if (coding === layout.MESSAGE_CODING_BROTLI) return new BrotliStream(FINISH.maxOutputLength);
	if (coding !== layout.MESSAGE_CODING_ZSTD) return new DeflatedBody(coding === layout.MESSAGE_CODING_GZIP);
	const stream = new ZstdStream();
	return {
		get memoryBytes() {
			return stream.memoryBytes;
		},
		push: (bytes) => stream.push(bytes, FINISH.maxOutputLength),
	};
}

class DeflatedBody implements CodedBody {
	readonly memoryBytes = WINDOW_BYTES;
	readonly #isGzip: boolean;
	/** The last decompressed bytes; null after the end of the compressed data. */
	#window: Buffer | null = NOTHING;
	#hasBegun = false;

	constructor(isGzip: boolean) {
		this.#isGzip = isGzip;
	}

	push(bytes: Uint8Array): Buffer | undefined {
		const window = this.#window;
		// What follows the compressed data is a checksum.
		if (window === null) return NOTHING;
		const isFirst = !this.#hasBegun;
		this.#hasBegun = true;
		const start = isFirst && bytes.length > 0 ? (this.#isGzip ? gzipStart(bytes) : zlibStart(bytes)) : 0;
		if (start === undefined) return undefined;
		const data = bytes.subarray(start);
		if (data.length === 0) return NOTHING;
		const options = { ...FINISH, finishFlush: zlib.Z_SYNC_FLUSH, ...(window.length > 0 ? { dictionary: window } : {}) };
		try {
			const { buffer, engine } = inflateWithInfo(data, { ...options, info: true });
			const isOver = engine.bytesWritten < data.length;
			this.#window = isOver ? null : windowAfter(window, buffer);
			return buffer;
		} catch (error) {
			if (isZlibError(error)) return undefined;
			throw error;
		}
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

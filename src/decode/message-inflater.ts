// Decompresses messages as they arrive: those of WebSocket by permessage-deflate (RFC 7692), those of gRPC by gzip, deflate or zstd.
// What is decompressed is right: bytes that refer to others that are not known are not decompressed.
import { gunzipSync, inflateRawSync, inflateSync, constants as zlib } from 'node:zlib';
import * as layout from '../../decoder-as/assembly/wire/output-layout.ts';
import { decodeZstd, isZstd } from './zstd.ts';

/** References reach back this far. */
export const WINDOW_BYTES = 32 << 10;
/** The maximum number of windows: 8 MiB. */
const WINDOWS_MOST = 256;
/** Messages that would become larger are not decompressed. */
const INFLATED_MOST = 16 << 20;
/** Longer a message of zstd is not decompressed, in milliseconds. */
const ZSTD_MS = 100;
/** The end of an empty block, which senders leave out. */
const FLUSH_END = Buffer.from([0, 0, 0xff, 0xff]);
export const NOTHING = Buffer.alloc(0);
export const FINISH = { maxOutputLength: INFLATED_MOST };

export class MessageInflater {
	/** The known bytes right before the next message, by exchange and direction. */
	readonly #windows = new Map<number, Buffer>();
	readonly #most: number;

	/** `memoryBytes`: maximum bytes of all windows. The least recently used one is forgotten first. */
	constructor(memoryBytes: number) {
		this.#most = windowsIn(memoryBytes);
	}

	/** Bytes of memory in use. */
	get memoryBytes(): number {
		return this.#windows.size * WINDOW_BYTES;
	}

	/** The decompressed message; undefined if that is not possible. `isWhole`: all of it was captured. */
	inflate(
		stream: { readonly exchange: number; readonly direction: number },
		coding: number,
		bytes: Uint8Array,
		isWhole: boolean,
	): Uint8Array | undefined {
		const inflated = isWhole ? this.#inflate(stream, coding, bytes) : undefined;
		if (inflated === undefined && coding === layout.MESSAGE_CODING_DEFLATE) this.#windows.delete(keyOf(stream));
		return inflated;
	}

	/** The message before the next one is not known. */
	forget(stream: { readonly exchange: number; readonly direction: number }): void {
		this.#windows.delete(keyOf(stream));
	}

	#inflate(stream: Parameters<typeof keyOf>[0], coding: number, bytes: Uint8Array): Uint8Array | undefined {
		try {
			if (coding === layout.MESSAGE_CODING_DEFLATE) return this.#inflateSocket(keyOf(stream), bytes);
			if (coding === layout.MESSAGE_CODING_ZLIB) return inflateSync(bytes, FINISH);
			// gzip has a checksum, so what is decompressed is right even if the encoding is not known.
			if (isZstd(bytes)) {
				const { bytes: decoded, stopped, ended } = decodeZstd(bytes, INFLATED_MOST, performance.now() + ZSTD_MS);
				return stopped === null && ended ? decoded : undefined;
			}
			const isGzip = coding === layout.MESSAGE_CODING_GZIP || (bytes[0] === 0x1f && bytes[1] === 0x8b);
			return isGzip ? gunzipSync(bytes, FINISH) : undefined;
		} catch (error) {
			// Damaged, too large, or it refers to bytes that are not known.
			if (isZlibError(error)) return undefined;
			throw error;
		}
	}

	#inflateSocket(key: number, bytes: Uint8Array): Buffer {
		const window = this.#windows.get(key) ?? NOTHING;
		const inflated = inflateRawSync(Buffer.concat([bytes, FLUSH_END]), {
			finishFlush: zlib.Z_SYNC_FLUSH,
			maxOutputLength: INFLATED_MOST,
			...(window.length > 0 ? { dictionary: window } : {}),
		});
		this.#windows.delete(key);
		this.#windows.set(key, windowAfter(window, inflated));
		if (this.#windows.size > this.#most) this.#windows.delete(this.#windows.keys().next().value!);
		return inflated;
	}
}

/** The last known bytes after `inflated`. */
export function windowAfter(window: Buffer, inflated: Buffer): Buffer {
	// A copy, so that a large message is not kept for its end.
	if (inflated.length >= WINDOW_BYTES) return Buffer.from(inflated.subarray(-WINDOW_BYTES));
	return Buffer.concat([window.subarray(Math.max(0, window.length + inflated.length - WINDOW_BYTES)), inflated]);
}

/** How many windows fit into so many bytes; at least one. */
export function windowsIn(memoryBytes: number): number {
	return Math.max(1, Math.min(WINDOWS_MOST, Math.floor(memoryBytes / WINDOW_BYTES)));
}

function keyOf({ exchange, direction }: { readonly exchange: number; readonly direction: number }): number {
	return exchange * 4 + direction;
}

export function isZlibError(error: unknown): boolean {
	const code = error instanceof Error && 'code' in error ? String(error.code) : '';
	return /^Z_|^ERR_BUFFER_TOO_LARGE$/.test(code);
}

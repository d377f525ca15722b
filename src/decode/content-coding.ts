// Decodes the Content-Encoding of held bodies: synchronously, with limits, and as far as the bytes go. A body may be
// cut, damaged, wrongly labelled or a decompression bomb. The raw bytes are never changed.

import { brotliDecompressSync, constants, gunzipSync, inflateRawSync, inflateSync } from 'node:zlib';
import { decodeZstd, isZstd } from './zstd.ts';

export type DecodeLimits = {
	/** Maximum bytes decoded of one body. */
	readonly outputBytes: number;
	/** Maximum decoded bytes per held byte. */
	readonly ratio: number;
	/** Maximum number of codings to undo, beginning with the last one applied. */
	readonly layers: number;
	readonly milliseconds: number;
};

export const defaultDecodeLimits: DecodeLimits = {
	outputBytes: 1048576,
	ratio: 2048,
	layers: 5,
	milliseconds: 100,
};

export type DecodedContent = {
	/** The result. If nothing was undone, the given bytes themselves. */
	readonly bytes: Uint8Array;
	/** The names of the codings that were undone, in the order of undoing. */
	readonly applied: readonly string[];
	/** The coding that could not be undone completely and the reason, as text; null if there is none. */
	readonly stopped: string | null;
	/** The coding whose data ends early although all held bytes were decoded. Normal for a body that was cut. */
	readonly unended: string | null;
};

/**
 * All codings of a message's body in the form of one Content-Encoding, in the order they were applied: those of all its
 * lines, then those of Transfer-Encoding other than `chunked` (RFC 9112 section 7). Null if there are none.
 */
export function bodyCodings(
	fields: readonly { readonly name: string; readonly value: string; readonly trailer: boolean }[],
): string | null {
	const values = (name: string): string[] =>
		fields.filter((line) => !line.trailer && line.name.toLowerCase() === name).map((line) => line.value);
	const transfer = values('transfer-encoding')
		.flatMap((value) => value.split(','))
		.filter((coding) => FORMATS.has(codingName(coding)));
	const all = [...values('content-encoding'), ...transfer];
	return all.length === 0 ? null : all.join(', ');
}

/**
 * Decodes gzip, deflate (zlib or raw), br and zstd, alone or stacked. A label only says what to try first: the magic
 * number of another format overrides it. Never throws.
 */
export function decodeContent(
	bytes: Uint8Array,
	contentEncoding: string | null,
	limits: DecodeLimits = defaultDecodeLimits,
): DecodedContent {
	if (contentEncoding === null || bytes.length === 0) return { bytes, applied: [], stopped: null, unended: null };
	const codings = contentEncoding
		.split(',')
		.map(codingName)
		.filter((coding) => !NO_CODINGS.has(coding))
		.reverse();
	const deadline = performance.now() + limits.milliseconds;
	const most = Math.min(limits.outputBytes, bytes.length * limits.ratio);
	const applied: string[] = [];
	let current = bytes;
	let unended: string | null = null;
	for (const [index, coding] of codings.entries()) {
		const format = FORMATS.get(coding);
		const sniffed = sniff(current);
		if (format === undefined) {
			// An unknown label next to the matching one did not change the data.
			const inner = codings.slice(index + 1);
			if (sniffed !== undefined && inner.some((other) => FORMATS.get(other) === sniffed.format)) continue;
		}
		if (applied.length === limits.layers) return stop(`${shortened(coding)}: more than ${limits.layers} codings`);
		let result = format?.(current, most, deadline);
		if (sniffed !== undefined && format !== sniffed.format && (result === undefined || cameToNothing(result))) {
			const other = sniffed.decode(current, most, deadline);
			if (!cameToNothing(other)) result = other;
		}
		if (result === undefined) return stop(`${shortened(coding)}: unknown coding`);
		// More codings were named than applied: a label was repeated, or Accept-Encoding was copied.
		if (result.stopped === 'mislabelled' && applied.length > 0) continue;
		if (result.bytes.length > 0 || (result.stopped === null && result.ended)) {
			current = result.bytes;
			applied.push(coding);
		} else if (result.stopped === null) {
			return stop(`${shortened(coding)}: unexpected end`);
		}
		if (result.stopped === 'limit') return stop(`${shortened(coding)}: ${limitText()}`);
		if (result.stopped !== null) return stop(`${shortened(coding)}: ${STOPPED_TEXTS[result.stopped]}`);
		if (!result.ended) unended ??= `${shortened(coding)}: unexpected end`;
	}
	return { bytes: current, applied, stopped: null, unended };

	function stop(stopped: string): DecodedContent {
		return { bytes: current, applied, stopped, unended };
	}

	function limitText(): string {
		if (performance.now() > deadline) return `more than ${limits.milliseconds} ms`;
		return most < limits.outputBytes ? `ratio above ${limits.ratio}` : `more than ${limits.outputBytes} bytes`;
	}
}

type LayerResult = {
	readonly bytes: Uint8Array;
	readonly stopped: 'limit' | 'damaged' | 'dictionary' | 'mislabelled' | null;
	/** Whether the coded data is complete. */
	readonly ended: boolean;
};

type Format = (input: Uint8Array, most: number, deadline: number) => LayerResult;

const STOPPED_TEXTS = {
	damaged: 'damaged data',
	dictionary: 'needs a dictionary',
	mislabelled: 'the data has another format',
} as const;

const FORMATS: ReadonlyMap<string, Format> = new Map([
	['gzip', decodeGzip],
	['deflate', decodeDeflate],
	['zlib', decodeDeflate],
	['br', decodeBrotli],
	['brotli', decodeBrotli],
	['zstd', decodeZstdLayer],
]);

/** Common labels that are not codings. */
const NO_CODINGS = new Set(['', 'identity', 'none', 'utf-8', 'utf8', 'binary', '7bit', '8bit']);

/** Whether a Content-Encoding names codings that change the bytes. */
export function namesCoding(contentEncoding: string | null): contentEncoding is string {
	return contentEncoding?.split(',').some((coding) => !NO_CODINGS.has(codingName(coding))) === true;
}

/** `X-GZip;q=1` and `"gzip"` are `gzip`. */
function codingName(label: string): string {
	return label.split(';', 1)[0]!.replaceAll('"', '').trim().toLowerCase().replace(/^x-/, '');
}

/** Cuts a label to a safe length, because labels are untrusted. */
function shortened(coding: string): string {
	return coding.length > 40 ? `${coding.slice(0, 40)}…` : coding;
}

/** The format whose magic number the bytes begin with. Brotli and raw deflate have no magic number. */
function sniff(bytes: Uint8Array): { readonly format: Format; readonly decode: Format } | undefined {
	if (bytes[0] === 0x1f && bytes[1] === 0x8b) return { format: decodeGzip, decode: decodeGzip };
	if (isZstd(bytes)) return { format: decodeZstdLayer, decode: decodeZstdLayer };
	return isZlib(bytes) ? { format: decodeDeflate, decode: decodeWholeZlib } : undefined;
}

/** RFC 1950: the first two bytes say deflate with a window of at most 32 KiB, and contain a check. */
function isZlib(bytes: Uint8Array): boolean {
	const first = bytes[0] as number;
	return bytes.length >= 2 && (first & 15) === 8 && first >> 4 <= 7 && (first * 256 + bytes[1]!) % 31 === 0;
}

function cameToNothing({ bytes, stopped, ended }: LayerResult): boolean {
	return bytes.length === 0 && (stopped === 'damaged' || stopped === 'mislabelled' || (stopped === null && !ended));
}

function decodeGzip(input: Uint8Array, most: number, deadline: number): LayerResult {
	// Bytes without the magic number are not gzip, whatever the label says.
	if (input[0] !== 0x1f || (input.length > 1 && input[1] !== 0x8b)) return mislabelled(input);
	return longestPrefix(gunzipSync, input, most, deadline);
}

/** RFC 9110 means the zlib format; some servers send raw deflate. */
function decodeDeflate(input: Uint8Array, most: number, deadline: number): LayerResult {
	const first = isZlib(input) ? longestPrefix(inflateSync, input, most, deadline) : null;
	if (first !== null && (first.bytes.length > 0 || first.stopped === null)) return first;
	return unlessText(input, longestPrefix(inflateRawSync, input, most, deadline));
}

/** Two magic bytes are too few to identify damaged data as this format. */
function decodeWholeZlib(input: Uint8Array, most: number, deadline: number): LayerResult {
	const result = longestPrefix(inflateSync, input, most, deadline);
	return result.stopped === 'damaged' ? mislabelled(input) : result;
}

function decodeBrotli(input: Uint8Array, most: number, deadline: number): LayerResult {
	return unlessText(input, longestPrefix(brotliDecompressSync, withSmallWindow(input, most), most, deadline));
}

/**
 * A brotli decoder fills its window of up to 16 MiB before it returns anything. Within the first `most` bytes no copy
 * can reach back further than `most`, so a smaller window gives the same result (RFC 7932 sections 2 and 9.1). The
 * window codes replaced here and their replacement, that of 2 MiB, are all four bits long.
 */
export function withSmallWindow(input: Uint8Array, most: number): Uint8Array {
	const code = (input[0] as number) & 15;
	// Odd codes from 3 on mean windows of 2^18, 2^19 … bytes, less 16: 9 is 2^21.
	if (code % 2 === 0 || code <= 9 || most > 2 ** 20) return input;
	const copy = Uint8Array.from(input);
	copy[0] = ((copy[0] as number) & 0xf0) | 9;
	return copy;
}

function decodeZstdLayer(input: Uint8Array, most: number, deadline: number): LayerResult {
	return isZstd(input) ? decodeZstd(input, most, deadline) : mislabelled(input);
}

function mislabelled(input: Uint8Array): LayerResult {
	return { bytes: input.subarray(0, 0), stopped: 'mislabelled', ended: false };
}

/** Formats without a magic number accept some plain texts as coded data. Such texts are left unchanged. */
function unlessText(input: Uint8Array, result: LayerResult): LayerResult {
	const isDoubtful = result.stopped === 'damaged' || (result.stopped === null && !result.ended);
	return isDoubtful && isPrintableAscii(input) ? mislabelled(input) : result;
}

function isPrintableAscii(bytes: Uint8Array): boolean {
	const end = Math.min(bytes.length, 512);
	for (let i = 0; i < end; i++) {
		const byte = bytes[i] as number;
		if (byte > 0x7e || (byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d)) return false;
	}
	return true;
}

type NodeDecoder = (input: Uint8Array, options: { finishFlush: number; maxOutputLength: number }) => Uint8Array;

/** A gzip stream ends with a CRC and its size, 8 bytes; a zlib stream with a checksum of 4 bytes. */
const CHECKSUM_BYTES = 8;

/**
 * Node's synchronous decoders return everything or throw. The cause (damage, a wrong checksum, too much output) is at
 * one position in the input, and every prefix that ends before it can be decoded. This finds the longest such prefix.
 */
export function longestPrefix(decode: NodeDecoder, input: Uint8Array, most: number, deadline: number): LayerResult {
	// Compressing expands data very little at worst, so `most` bytes of output need no more input than this.
	const usable = input.subarray(0, most + (most >> 4) + 65536);
	const isBrotli = decode === brotliDecompressSync;
	const maxOutputLength = Math.max(1, most);
	/** Options for data that ends early. */
	const options = {
		finishFlush: isBrotli ? constants.BROTLI_OPERATION_FLUSH : constants.Z_SYNC_FLUSH,
		maxOutputLength,
	};
	let stopped: LayerResult['stopped'] = usable.length < input.length ? 'limit' : null;
	try {
		const finishFlush = isBrotli ? constants.BROTLI_OPERATION_FINISH : constants.Z_FINISH;
		return { bytes: decode(usable, { finishFlush, maxOutputLength }), stopped, ended: true };
	} catch (error) {
		const reason = endsEarly(error) ? null : reasonOf(error);
		try {
			if (reason === null) return { bytes: decode(usable, options), stopped, ended: false };
			stopped = reason;
		} catch (later) {
			stopped = reasonOf(later);
		}
	}
	let best: Uint8Array = usable.subarray(0, 0);
	let good = 0;
	let bad = usable.length;
	let beyondLimit = stopped === 'limit' ? 1 : 0;
	while (bad - good > 1) {
		// For damage the exact byte is found; for the output limit an approximate prefix is enough.
		if (stopped === 'limit' && (best.length > most - (most >> 4) || beyondLimit > 3)) break;
		if (performance.now() > deadline) return { bytes: best, stopped: 'limit', ended: false };
		// The most common damage is a wrong checksum at the end. Then everything before it is good.
		const checksum = stopped === 'damaged' && good === 0 && bad === usable.length && bad > 2 * CHECKSUM_BYTES;
		const length = checksum ? bad - CHECKSUM_BYTES : nextLength(good, bad, best.length, most);
		try {
			best = decode(usable.subarray(0, length), options);
			good = length;
		} catch (error) {
			stopped = reasonOf(error);
			if (stopped === 'limit') beyondLimit++;
			bad = length;
		}
	}
	return { bytes: best, stopped, ended: false };
}

/** The next length to try: where the output would just reach the limit if it grew evenly, otherwise the middle. */
function nextLength(good: number, bad: number, output: number, most: number): number {
	const middle = (good + bad) >>> 1;
	// Deflate expands a byte to at most 1,032.
	if (good === 0) return Math.max(1, Math.min(middle, most >> 10));
	const even = Math.floor((good * 0.97 * most) / Math.max(1, output));
	return even > good && even < bad ? even : middle;
}

function endsEarly(error: unknown): boolean {
	return error instanceof Error && 'code' in error && error.code === 'Z_BUF_ERROR';
}

/** Errors other than zlib's are internal errors and are thrown again. */
function reasonOf(error: unknown): 'limit' | 'damaged' {
	const code = error instanceof Error && 'code' in error ? String(error.code) : '';
	if (code === 'ERR_BUFFER_TOO_LARGE') return 'limit';
	if (code.startsWith('Z_') || code.startsWith('ERR_') || code === 'BROTLI_DECODER_ERROR') return 'damaged';
	throw error;
}

// Converts decoded content to text.

import { TextDecoder } from 'node:util';
import { charsetOf, markupCharset } from '../base/charset.ts';

/**
 * The text of content without a content coding. The charset is that of a byte order mark, otherwise of the content
 * type's parameter, otherwise the one that a page declares itself, otherwise UTF-8. Unknown names are ignored. The
 * byte order mark is not part of the text.
 */
export function charsetText(bytes: Uint8Array, contentType: string | null): string {
	const marked = markedCharset(bytes);
	const decoder =
		decoderFor(marked) ??
		(contentType === null ? undefined : decoderFor(charsetOf(contentType))) ??
		decoderFor(markupCharset(bytes, contentType));
	if (decoder === undefined || decoder.encoding === 'utf-8') {
		const from = marked === 'utf-8' ? 3 : 0;
		return Buffer.from(bytes.buffer, bytes.byteOffset + from, bytes.byteLength - from).toString('utf8');
	}
	return decoder.decode(bytes);
}

function markedCharset(bytes: Uint8Array): string | null {
	const [first, second, third] = bytes;
	if (first === 0xef && second === 0xbb && third === 0xbf) return 'utf-8';
	if (first === 0xfe && second === 0xff) return 'utf-16be';
	return first === 0xff && second === 0xfe ? 'utf-16le' : null;
}

/** Decoders by label. Labels are untrusted, so only valid ones, of which there are about 220, are kept. */
const decoders = new Map<string, TextDecoder>();

function decoderFor(label: string | null): TextDecoder | undefined {
	if (label === null) return undefined;
	const known = decoders.get(label);
	if (known !== undefined) return known;
	try {
		const decoder = new TextDecoder(label);
		decoders.set(label, decoder);
		return decoder;
	} catch {
		// RangeError: no such encoding.
		return undefined;
	}
}

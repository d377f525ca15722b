// A held body as the text it is: the columns req_body and res_body.

import { TextDecoder } from 'node:util';
import { type DecodeLimits, decodeContent, defaultDecodeLimits } from './content-coding.ts';

export type BodyHeaders = {
	/** Values of the message's own fields; null when absent. */
	readonly contentType: string | null;
	readonly contentEncoding: string | null;
};

/** Content-decoded, then charset-decoded. Never throws: what cannot be decoded stays as it is, or becomes U+FFFD. */
export function bodyText(bytes: Uint8Array, headers: BodyHeaders, limits: DecodeLimits = defaultDecodeLimits): string {
	const content =
		headers.contentEncoding === null ? bytes : decodeContent(bytes, headers.contentEncoding, limits).bytes;
	return charsetText(content, headers.contentType);
}

/**
 * Text of content that has no coding (any more). The charset is that of a byte order mark, else of the content type's
 * parameter, else UTF-8, which also stands in for names nobody knows. The mark itself is not part of the text.
 */
export function charsetText(bytes: Uint8Array, contentType: string | null): string {
	const marked = markedCharset(bytes);
	const label = marked ?? (contentType === null ? null : charsetOf(contentType));
	if (label === null || label === 'utf-8') {
		const from = marked === 'utf-8' ? 3 : 0;
		return Buffer.from(bytes.buffer, bytes.byteOffset + from, bytes.byteLength - from).toString('utf8');
	}
	return decoderFor(label).decode(bytes);
}

/** The charset parameter of a content type, in lower case; null when there is none. */
export function charsetOf(contentType: string): string | null {
	const found = /;\s*charset\s*=\s*"?([^\s";,]+)/i.exec(contentType);
	return found === null ? null : (found[1] as string).toLowerCase();
}

function markedCharset(bytes: Uint8Array): string | null {
	const [first, second, third] = bytes;
	if (first === 0xef && second === 0xbb && third === 0xbf) return 'utf-8';
	if (first === 0xfe && second === 0xff) return 'utf-16be';
	return first === 0xff && second === 0xfe ? 'utf-16le' : null;
}

/** Labels come from strangers: the ones kept are only those that name an encoding, of which there are some 220. */
const decoders = new Map<string, TextDecoder>();
const utf8 = new TextDecoder('utf-8');

function decoderFor(label: string): TextDecoder {
	const known = decoders.get(label);
	if (known !== undefined) return known;
	try {
		const decoder = new TextDecoder(label);
		decoders.set(label, decoder);
		return decoder;
	} catch {
		// RangeError: no such encoding.
		return utf8;
	}
}

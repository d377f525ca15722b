// Turns the text of a body back into bytes: in the charset that its fields or its markup name, so that reading it gives the
// same text.
import { TextDecoder } from 'node:util';
import { charsetOf, markupCharset } from '../../base/charset.ts';

const BYTE_ORDER_MARK = Buffer.of(0xef, 0xbb, 0xbf);

export function encodeText(text: string, contentType: string): Buffer {
	const utf8 = Buffer.from(text);
	const decoder = decoderFor(charsetOf(contentType) ?? markupCharset(utf8, contentType || null));
	if (decoder === undefined || decoder.encoding === 'utf-8') return utf8;
	if (decoder.encoding === 'utf-16le') return Buffer.from(text, 'utf16le');
	if (decoder.encoding === 'utf-16be') return Buffer.from(text, 'utf16le').swap16();
	const bytesOf = encoderFor(decoder);
	const parts: (readonly number[])[] = [];
	for (const character of text) {
		const bytes = bytesOf.get(character);
		// The charset does not have it, so the page was not sent in it. A mark goes before the field and the markup.
		if (bytes === undefined) return Buffer.concat([BYTE_ORDER_MARK, utf8]);
		parts.push(bytes);
	}
	return Buffer.from(parts.flat());
}

function decoderFor(label: string | null): TextDecoder | undefined {
	if (label === null) return undefined;
	try {
		return new TextDecoder(label, { fatal: true, ignoreBOM: true });
	} catch {
		// RangeError: no such encoding.
		return undefined;
	}
}

/** By the name of the encoding. There are about 40, and labels do not count. */
const encoders = new Map<string, ReadonlyMap<string, readonly number[]>>();

/** The bytes of each character that has one or two of them. */
function encoderFor(decoder: TextDecoder): ReadonlyMap<string, readonly number[]> {
	const known = encoders.get(decoder.encoding);
	if (known !== undefined) return known;
	const bytesOf = new Map<string, readonly number[]>();
	const add = (...bytes: number[]): boolean => {
		try {
			const text = decoder.decode(Buffer.from(bytes));
			if ([...text].length === 1 && !bytesOf.has(text)) bytesOf.set(text, bytes);
			return text !== '';
		} catch {
			// TypeError: not a whole character.
			return false;
		}
	};
	for (let first = 0; first < 256; first++) {
		if (add(first)) continue;
		for (let second = 0x30; second < 256; second++) add(first, second);
	}
	encoders.set(decoder.encoding, bytesOf);
	return bytesOf;
}

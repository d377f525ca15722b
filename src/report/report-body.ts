// A body as the page of a report shows it: decoded, as text if it is one, and cut to a limit.
import { isUtf8 } from 'node:buffer';
import { charsetText } from '../decode/body-text.ts';
import { decodeContent } from '../decode/content-coding.ts';
import { mediaOf } from '../decode/media-kind.ts';
import type { Body } from '../output/body-lines.ts';
import { base64 } from '../output/cell-text.ts';
import type { DetailBody } from './report-data.ts';

/** Undefined if nothing of it is held. */
export function reportBody(body: Body, limit: number): DetailBody | undefined {
	if (body.raw === null || body.raw.length === 0) return undefined;
	const content = decodeContent(body.raw, body.contentEncoding);
	const { kind, type } = mediaOf(body.contentType, content.bytes);
	const kept =
		kind === 'json' || kind === 'text' ? wholeCharacters(content.bytes, limit) : content.bytes.subarray(0, limit);
	const cut = content.bytes.length - kept.length;
	return {
		...{ kind, type, bytes: content.bytes.length },
		...(content.applied.length === 0 ? {} : { decoded: content.applied.join(', ') }),
		...(cut === 0 ? {} : { cut }),
		...contentOf(kept, kind, body.contentType),
	};
}

function contentOf(kept: Uint8Array, kind: string, contentType: string | null): Pick<DetailBody, 'text' | 'base64'> {
	if (kind !== 'json' && kind !== 'text') return { base64: base64(kept) };
	const text = charsetText(kept, contentType);
	// The bytes of other texts cannot be told from the text.
	return isUtf8(kept) && Buffer.from(text).equals(kept) ? { text } : { text, base64: base64(kept) };
}

/** The first `limit` bytes or a few less, so that no UTF-8 character is cut. */
function wholeCharacters(bytes: Uint8Array, limit: number): Uint8Array {
	if (bytes.length <= limit) return bytes;
	let end = limit;
	while (end > 0 && end > limit - 3 && ((bytes[end] as number) & 0xc0) === 0x80) end--;
	return bytes.subarray(0, end);
}
